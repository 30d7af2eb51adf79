/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtual CPU interface of a GICv3's CPUs, as hardware has it (IHI 0069,
 * chapters 4 and 12.4; Arm's pseudocode of ICV_*): list registers, active
 * priorities, EOIcount, maintenance interrupts. A hypervisor sees it by
 * ICH_*_EL2 (irq_read(), irq_write()), a guest by the functions below.
 */
#ifndef CPU_INTERFACE_H
#define CPU_INTERFACE_H

#include <stdbool.h>
#include <stdint.h>

#define IFC_CPUS 2
#define IFC_SPURIOUS 1023

/* What implementations differ in. */
struct ifc_kind {
	unsigned int lrs;	      /* 1 to 16 */
	unsigned int preemption_bits; /* 5 to 7 */
	/* EOIs that deactivate nothing are counted in either EOI mode. */
	bool counts_drops;
};

/* Power on: what is in the registers is not defined. */
void ifc_start(const struct ifc_kind *kind);

/* The CPU that functions and registers below are of. */
void ifc_be_cpu(unsigned int cpu);

/* Whether the maintenance interrupt is asserted. */
bool ifc_maintenance(void);

/* What a stay in a guest must leave behind: nothing that can interrupt. */
bool ifc_is_off(void);

/* Ends the program if what its list registers have is not allowed. */
void ifc_check(void);

/* Whether the guest's accesses trap. */
bool ifc_traps(void);

/* The physical interrupt of the virtual timer: active or not. */
bool ifc_timer_is_active(void);
void ifc_set_timer_active(bool active);

/* --- the guest's; group: 0 or 1 --- */

/* What ICC_HPPIR<group> would say if priorities did not matter. */
unsigned int ifc_next(bool *is_signalled);
unsigned int ifc_acknowledge(unsigned int group);
void ifc_end(unsigned int group, unsigned int intid);
void ifc_set_mask(unsigned int priority);
void ifc_set_binary_point(unsigned int group, unsigned int point);
void ifc_set_mode(bool drops_only);
void ifc_enable(unsigned int group, bool enable);

#endif
