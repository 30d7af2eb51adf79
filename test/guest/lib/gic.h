/* SPDX-License-Identifier: BSD-3-Clause */
/* GICv2 and GICv3: SGIs, PPIs and LPIs, as far as tests need them. */
#ifndef GIC_H
#define GIC_H

#include <stdbool.h>
#include <stdint.h>

/* LPIs that are counted: GIC_LPI to GIC_LPI + GIC_LPIS - 1. */
#define GIC_LPI 8192
#define GIC_LPIS 32

/* Finds the interrupt controller. A VM without one gets no interrupts. */
void gic_init(void);

/* Version of the architecture, 2 or 3; 0: there is none. */
unsigned int gic_version(void);

/* GICv3: the registers of the redistributor of this CPU. */
uintptr_t gic_redistributor(void);

/* Prepares this CPU for SGIs and PPIs; all SGIs enabled, no PPI. */
void gic_init_cpu(void);

/* Lets no more interrupts come to this CPU. */
void gic_exit_cpu(void);

/* Enables an SGI or PPI on this CPU. */
void gic_enable(unsigned int intid);

/* Sends an SGI to a CPU, by index. */
void gic_send(unsigned int cpu, unsigned int intid);

/* Takes the pending interrupt of this CPU. Called by the IRQ vector. */
void gic_handle(void);

/*
 * How often this CPU took an interrupt. A timer's interrupt also stops that
 * timer.
 */
unsigned int gic_count(unsigned int intid);

/* Takes what is pending, then waits for `count` more of an interrupt; false
 * if it does not come in 5 s. */
bool gic_wait(unsigned int intid, unsigned int count);

#endif
