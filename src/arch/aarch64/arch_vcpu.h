/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AArch64 state of vCPUs, VMs and CPUs. offsets.c gives assembly the places of
 * the fields; fields that assembly moves in pairs stand next to each other.
 */
#ifndef ARCH_VCPU_H
#define ARCH_VCPU_H

#include <stdbool.h>
#include <stdint.h>

#include "vgic.h"

struct cpu;
struct vcpu;

/*
 * A function on each world switch that is called by name alone: no indirect
 * branch may go there, so no landing pad (BTI).
 */
#ifndef NO_LANDING_PAD
#define NO_LANDING_PAD __attribute__((target("branch-protection=none")))
#endif

/*
 * What the CPU runs a vCPU under: registers of EL2, loaded in pairs on each way
 * (switch.c). Those of the primary belong to its CPU, on which it is pinned;
 * of a secondary's, `cptr` and `vectors` are of the CPU on which it ran last.
 */
struct controls {
	/*
	 * Address of the primary's vCPU from which it may be entered in the
	 * usual way; plus 1, in the timed way at most (features_more); or 0.
	 * Atomic: set by the CPU that it leaves, to 0 by any.
	 */
	uint64_t usual_from;
	uint64_t cptr, mdcr;
	uint64_t cnthctl, vmpidr;
	uint64_t vttbr, hcr;
	uint64_t cntvoff, vectors;
};

/* EL1 and EL0 system registers that every VM has as its own. */
struct el1_regs {
	uint64_t sp_el0, sp_el1;
	uint64_t elr_el1, spsr_el1;
	uint64_t sctlr_el1, cpacr_el1;
	uint64_t ttbr0_el1, ttbr1_el1;
	uint64_t tcr_el1, mair_el1;
	uint64_t contextidr_el1, vbar_el1;
	uint64_t esr_el1, far_el1;
	uint64_t tpidr_el1, tpidr_el0;
	uint64_t tpidrro_el0, par_el1;
	uint64_t csselr_el1, cntkctl_el1;
	uint64_t cntv_ctl, cntv_cval;
};

/* Pointer authentication keys, low and high half each (FEAT_PAuth). */
struct pauth_keys {
	uint64_t key[10];
};

struct fp_regs {
	__uint128_t v[32];
	uint64_t fpcr;
	uint64_t fpsr;
};

struct arch_vcpu {
	uint64_t x[31];
	uint64_t pc;	 /* ELR_EL2 */
	uint64_t pstate; /* SPSR_EL2 */
	struct el1_regs el1;
	/*
	 * MDSCR_EL1, PMCNTENSET_EL0 and PMUSERENR_EL0 of the primary while a
	 * secondary runs, for which they are zero.
	 */
	uint64_t mdscr, pmcnten, pmuserenr;
	struct pauth_keys pauth;
	uint64_t tpidr2; /* TPIDR2_EL0, where there is SME */
	uint64_t vdisr;	 /* VDISR_EL2, where there is RAS */
	uint64_t afsr0_el1, afsr1_el1, amair_el1;
	/* CPU whose FP/SIMD registers hold fp, if that CPU agrees. */
	struct cpu *fp_cpu;
	struct fp_regs fp;
	/* CNTP_CTL_EL0 and CNTP_CVAL_EL0, which are emulated (timer.c). */
	uint64_t cntp_ctl, cntp_cval;
	struct controls controls; /* a reset of what is above ends here */
	struct vgic_cpu vgic;
};

/* Whether arch_vcpu_owed() has something. */
static inline bool arch_vcpu_owes(const struct arch_vcpu *arch)
{
	return arch->vgic.tell;
}

/* The UART of a VM (pl011.c); the lock of its console guards all. */
struct uart {
	uint16_t reg[19]; /* those that keep what is written, by offset / 4 */
	bool sending;	  /* the FIFO's end is to be told by an interrupt */
	bool line;	  /* its interrupt */
};

struct arch_vm {
	uint64_t vttbr; /* VTTBR_EL2 */
	struct uart uart;
	struct vgic vgic;
};

/* What a CPU does about branch prediction on each entry from a VM: spectre.c */
struct spectre {
	uint32_t rounds; /* of branches to fill the history with; or 0 */
	uint32_t call;	 /* of the firmware; or 0 */
	/* For while the primary, and while a secondary runs. */
	const char *primary_vectors, *secondary_vectors;
	/* What VMs that run here are told of SMCCC_ARCH_WORKAROUND_*. */
	int8_t workaround_1, workaround_2, workaround_3;
};

/* How a secondary's vCPU is left. */
enum { STAY_USUAL, STAY_TIMED, STAY_UNUSUAL };

struct arch_cpu {
	uint64_t stack_top; /* where SP_EL2 begins */
	struct spectre spectre;
	/* vCPU whose FP/SIMD registers are in the CPU, or NULL. */
	struct vcpu *fp_owner;
	/* How the vCPU that runs is left at least: switch.c. */
	uint8_t stay;
	/*
	 * The interrupt controller's registers of this CPU's private
	 * interrupts, from the one that enables them on, and the bits in each
	 * of them of the EL2 physical timer, of the virtual timer, and of the
	 * virtual interrupt controller.
	 */
	volatile uint32_t *ppis;
	uint32_t ppi_timer_bit;
	uint32_t ppi_virtual_bit;
	uint32_t ppi_maintenance_bit;
	/*
	 * While a secondary runs (timer.c): the virtual timer's interrupt is
	 * taken from the primary, for which it was active, and these were
	 * disabled; whether it is made active to be quiet.
	 */
	bool virtual_taken;
	bool virtual_was_active;
	bool virtual_quiet;
	uint32_t ppis_disabled;
	uint64_t deadline; /* of the EL2 timer; TIMER_NEVER: it is off */
	uint64_t gicr;	   /* physical address of its redistributor, or 0 */
};

#endif
