/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the architecture need of each other. */
#ifndef ARCH_INTERNAL_H
#define ARCH_INTERNAL_H

#include "arch.h"
#include "arch_vcpu.h"
#include "board.h"
#include "sysreg.h"

struct cpu;
struct vcpu;

/* --- boot.S --- */

extern uint64_t start_root;
void secondary_cpu_start(void);
void boot_move(uint64_t dtb, uint64_t ramdisk_begin, uint64_t ramdisk_end,
	       uint64_t left_out, uint64_t new_entry);
void image_moved(void);

/* --- vectors.S --- */

extern char vectors_primary[], vectors_secondary[];
_Noreturn void primary_first_entry(struct vcpu *vcpu, uint64_t stack_top);
void fp_save(struct fp_regs *regs);
void fp_load(const struct fp_regs *regs);

/* --- entries from assembly --- */

_Noreturn void boot_first_cpu(uint64_t dtb, uint64_t ramdisk_begin,
			      uint64_t ramdisk_end, uint64_t left_out);
_Noreturn void boot_wrong_level(uint64_t dtb, uint64_t level);
_Noreturn void boot_other_cpu(uint64_t index);
void switch_to_secondary(struct vcpu *primary, struct vcpu *vcpu);
void switch_to_primary(struct vcpu *primary, struct vcpu *vcpu);
void trap_primary(struct vcpu *vcpu);
void trap_primary_interrupt(struct vcpu *vcpu);
uint64_t trap_secondary(struct vcpu *vcpu);
uint64_t trap_secondary_serror(struct vcpu *vcpu);
_Noreturn void panic_fault(uint64_t kind);

/* --- panic.c --- */

/*
 * Until it is called with NULL, a fault here means that a device of the board
 * is not where the device tree says: boot ends with a message.
 */
void boot_probe(const char *name);

/* --- el2.c: what is trapped --- */

/* Learns what the boot CPU has; the others are taken to have the same. */
void el2_read_features(void);
/* Whether this CPU can run with page tables made for the boot CPU. */
bool el2_cpu_fits(void);
/* Sets the EL2 registers of this CPU that stay as they are. */
void el2_init(void);

/* The vCPU that this CPU runs, or ran last. */
static inline struct vcpu *current_vcpu(void)
{
	return (struct vcpu *)(uintptr_t)read_sysreg(tpidr_el2);
}

/* What the CPU has, read once at boot on the first CPU. */
struct cpu_features {
	bool pauth;	      /* FEAT_PAuth: keys to switch */
	bool sme;	      /* FEAT_SME: TPIDR2_EL0 to switch */
	bool ras;	      /* FEAT_RAS: VDISR_EL2 */
	bool gic_regs;	      /* the GIC is used by system registers */
	bool pmu;	      /* FEAT_PMUv3 */
	uint8_t pmu_counters; /* event counters */
};
extern struct cpu_features features;

/* Size of physical addresses in bits, at most 48. */
unsigned int arch_pa_bits(void);

/* --- fp.c --- */

/* First use of FP/SIMD registers by a vCPU that does not have them loaded. */
void fp_trap(struct vcpu *vcpu);
/* CPTR_EL2 for running the vCPU. */
uint64_t fp_enter(struct vcpu *vcpu);
/* The vCPU of a secondary leaves; saves what it used. */
void fp_leave(struct vcpu *vcpu);

/* --- inject.c: exceptions into EL1 of the vCPU that is running --- */

void inject_undefined(struct vcpu *vcpu);
/* A synchronous external abort for the access that trapped here. */
void inject_external_abort(struct vcpu *vcpu, uint64_t esr, uint64_t far);

/* --- idregs.c --- */

void idregs_init(void);

/* --- sysreg_trap.c --- */

/*
 * Emulates a trapped MSR or MRS (EC 0x18). Moves on, or raises an
 * undefined-instruction exception in the guest.
 */
void sysreg_trap(struct vcpu *vcpu, uint64_t esr, bool primary);

/* Value of an ID register as a VM sees it: op0 3, op1 0, CRn 0. */
uint64_t idreg_value(unsigned int crm, unsigned int op2, bool primary);

/* --- smccc.c --- */

/*
 * A call by HVC or SMC that is not of the Holdfast table: PSCI, SMCCC, or
 * unknown. Reads and writes x0-x3 of the vCPU. For a secondary it returns a
 * vcpu_exit().
 */
void smccc_primary(struct vcpu *vcpu);
uint64_t smccc_secondary(struct vcpu *vcpu);

/* --- psci.c --- */

/* Handles a PSCI function; false if it is none. */
bool psci_primary(struct vcpu *vcpu, uint32_t fn, int64_t *result);
bool psci_secondary(struct vcpu *vcpu, uint32_t fn, int64_t *result,
		    uint64_t *exit);
#define PSCI_FN_CPU_OFF 0x84000002

/* Calls the firmware: PSCI, or an architecture call. Its w0, extended. */
int64_t psci_firmware(uint64_t fn, uint64_t a1, uint64_t a2, uint64_t a3);

/* --- timer.c --- */

void timer_enter_secondary(struct vcpu *primary, struct vcpu *vcpu);
void timer_leave_secondary(struct vcpu *primary, struct vcpu *vcpu);
/*
 * Nanoseconds until the vCPU's virtual timer fires (at least 1), 0 if it is
 * not set; *fired if it has. The vCPU is the running one.
 */
uint64_t timer_wait_ns(struct vcpu *vcpu, bool *fired);

/* --- gic.c --- */

/* Lets EL1 of the primary use the GIC's system registers on this CPU. */
void gic_init_cpu(void);
/* Takes them from a secondary, and gives them back to the primary. */
void gic_enter_secondary(void);
void gic_leave_secondary(void);
/*
 * Finds the redistributor of each CPU, and maps for it the register that
 * enables the interrupt of the EL2 timer. NULL or what is wrong.
 */
const char *gic_init_board(void);

#endif
