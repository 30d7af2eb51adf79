/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The real virtual interrupt controller on a bench: src/arch/aarch64/vgic*.c
 * and mmio.c over the CPU interface of cpu_interface.c, with one VM, and what
 * the rest of the hypervisor does around it.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "cpu_interface.h"
#include "irq.h"

/* vCPU that runs on each CPU; -1: the primary. */
extern int bench_running[IFC_CPUS];

void bench_start(const struct ifc_kind *kind);

/* Entering and leaving a vCPU. */
void bench_enter(unsigned int cpu, unsigned int vcpu);
void bench_leave(unsigned int cpu);

/*
 * An interrupt for the hypervisor on a CPU that runs a vCPU: its maintenance,
 * a kick, a timer. Handles all that there are; *any: there was one. False: they
 * do not end.
 */
bool bench_settle(unsigned int cpu, bool *any);

/* --- what the vCPU on a CPU does that traps --- */

bool bench_access(unsigned int cpu, uint64_t ipa, unsigned int width,
		  bool is_write, uint64_t *value);
/* ICC_*_EL1 by CRm and op2. False: undefined. */
bool bench_sysreg(unsigned int cpu, unsigned int crm, unsigned int op2,
		  bool is_read, uint64_t *value);
/* A WFI. Whether it left by that. */
bool bench_wait(unsigned int cpu);

/* --- others --- */

/* Of the device of an SPI; by the primary, or by what the vCPU there did. */
void bench_set_line(unsigned int cpu, unsigned int intid, bool level);
void bench_pend(unsigned int cpu, unsigned int intid);

/* Levels of a vCPU's timers. */
void bench_set_timer(unsigned int vcpu, bool is_virtual, bool level);
/* The vCPU on the CPU changed its timers by a register that traps. */
void bench_timer_trapped(unsigned int cpu);

/* Which vCPUs the primary is told of, a bit each; not again. */
uint32_t bench_told(void);

void bench_reset_vcpu(unsigned int vcpu);
void bench_reset_vm(void);

#endif
