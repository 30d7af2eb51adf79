/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the architecture need of each other. */
#ifndef ARCH_INTERNAL_H
#define ARCH_INTERNAL_H

#include "arch.h"
#include "arch_vcpu.h"
#include "board.h"
#include "control.h"
#include "cpu.h"
#include "sysreg.h"
#include "vcpu.h"
#include "vm.h"

struct vcpu;

/* --- boot.S --- */

extern uint64_t start_root;
void secondary_cpu_start(void);
void boot_move(uint64_t root, uint64_t stack_to_copy, uint64_t stack_end);

/* --- vectors.S --- */

extern char vectors_primary[], vectors_secondary[], vectors_spectre[];
extern char vectors_history_primary[], vectors_history_secondary[];
_Noreturn void primary_first_entry(struct vcpu *vcpu, uint64_t stack_top);
void fp_save(struct fp_regs *regs);
void fp_load(const struct fp_regs *regs);

/* --- hypmap.c --- */

/* An entry of a page table that the hardware uses. */
#define PTE_VALID BIT(0)

/* The next entry in use of a table, from `pte` on; `end` if there is none. */
static inline const uint64_t *next_used(const uint64_t *pte,
					const uint64_t *end)
{
	const uintptr_t group = 8 * sizeof(*pte);

	/* Most are not: eight are looked at together. */
	while (pte < end && !*pte)
		pte += (uintptr_t)pte % group == 0 &&
				       !(pte[1] | pte[2] | pte[3] | pte[4] |
					 pte[5] | pte[6] | pte[7])
			       ? 8
			       : 1;
	return pte;
}

/*
 * Makes the copies of the hypervisor's page tables map the place `to`, where
 * all of the hypervisor was copied. Returns the root's copy.
 */
paddr_t hypmap_copy_tables(paddr_t to);

/*
 * The hypervisor runs at `to` now, on these tables. Returns the place where it
 * was, in the boot window.
 */
paddr_t hypmap_moved(paddr_t to);

/*
 * Maps the code that CPUs start with, which arch_boot_unmap_all() leaves. Once
 * the hypervisor is at its place; false: there is no page table left.
 */
bool hypmap_keep_idmap(void);

/* Makes read-only what boot alone writes: RO_AFTER_BOOT, and the hypervisor's
 * own page tables but for the slots'. */
void hypmap_protect(void);

/*
 * Unmaps and wipes what is only for boot (linker.ld), and makes the last page
 * table read-only.
 * Whoever called it before must not be returned to.
 */
void hypmap_drop_boot(void);

/* --- entries from assembly --- */

_Noreturn void boot_first_cpu(uint64_t dtb);
_Noreturn void boot_wrong_level(uint64_t dtb, uint64_t level);
_Noreturn void boot_other_cpu(uint64_t index);
void switch_to_secondary(struct vcpu *primary, struct vcpu *vcpu);
struct vcpu *switch_to_primary(struct vcpu *vcpu);
void trap_primary(struct vcpu *vcpu);
void trap_primary_interrupt(struct vcpu *vcpu);
uint64_t trap_secondary(struct vcpu *vcpu);
uint64_t trap_secondary_interrupt(struct vcpu *vcpu);
uint64_t trap_secondary_serror(struct vcpu *vcpu);
_Noreturn void panic_fault(uint64_t kind, const uint64_t *regs);

/* --- panic.c --- */

/* The CPU that panicked first, by its MPIDR, or 0. */
extern uint64_t panic_culprit;

/*
 * Where a CPU comes that another one's panic stopped: tells what it did, and
 * halts. `vcpu`: what it ran; NULL: it was in the hypervisor.
 */
_Noreturn void panic_stop(const struct vcpu *vcpu);

/* Of a CPU that waits, or whose vCPU lost its memory: has there been a panic?
 */
static inline void panic_check(const struct vcpu *vcpu)
{
	if (__atomic_load_n(&panic_culprit, __ATOMIC_RELAXED))
		panic_stop(vcpu);
}

/* --- start.c --- */

/* Enters the primary on this CPU for the first time. */
_Noreturn void arch_primary_enter(struct cpu *cpu);

/* Takes all memory from all VMs: each of their CPUs traps soon. */
void revoke_all(void);

static inline void cpu_relax(void)
{
	__asm__ volatile("yield" : : : "memory");
}

/* The primary is about to start, or did: false while boot sets things up. */
extern bool boot_is_over;

/* --- el2.c: what is trapped --- */

/* Learns what the boot CPU has, which the others must have, too. */
void el2_read_features(void);
/*
 * NULL, or in what this CPU differs from the boot CPU so that it cannot run the
 * same VMs: it would lack what is switched, or have what is not.
 */
const char *el2_cpu_differs(void);
/* Sets the EL2 registers of this CPU that stay as they are. */
void el2_init(void);

/* IPA of the page of a stage-2 fault: HPFAR_EL2 has bits 51:12 from bit 4 on.
 */
static inline uint64_t fault_page(void)
{
	return read_sysreg(hpfar_el2) >> 4 << 12;
}

/* The IPA itself, of a data abort. */
static inline uint64_t fault_ipa(void)
{
	return fault_page() | (read_sysreg(far_el2) & (PAGE_SIZE - 1));
}

/* The vCPU that this CPU runs, or ran last. */
static inline struct vcpu *current_vcpu(void)
{
	return (struct vcpu *)(uintptr_t)read_sysreg(tpidr_el2);
}

/*
 * What the CPU has, read once at boot on the first CPU and compared, byte by
 * byte, on the others: el2.c has a name for each. Numbers are the least that
 * another CPU must have.
 */
struct cpu_features {
	uint8_t pa_range;     /* of ID_AA64MMFR0_EL1, 48 bits at most */
	bool e2h;	      /* HCR_EL2.E2H stays 1 */
	bool pauth;	      /* FEAT_PAuth: keys to switch */
	bool sme;	      /* FEAT_SME: TPIDR2_EL0 to switch */
	bool ras;	      /* FEAT_RAS: VDISR_EL2 */
	bool gic_regs;	      /* the GIC is used by system registers */
	bool pmu;	      /* FEAT_PMUv3 */
	uint8_t pmu_counters; /* event counters */
	bool impdef;	      /* AFSR0, AFSR1 or AMAIR are not just zero */
};
extern struct cpu_features features;

/* Whether there is one that switch_rare() is for. */
extern bool features_rare;

/* Whether it has more than the usual way of a switch is for, or a GICv2. */
extern bool features_more;

/* Size of physical addresses in bits, at most 48. */
unsigned int arch_pa_bits(void);

/* --- fp.c --- */

/* First use of FP/SIMD registers by a vCPU that does not have them loaded. */
void fp_trap(struct vcpu *vcpu);

/* CPTR_EL2, the same for all VMs. */
static inline uint64_t fp_cptr(bool fp_trapped)
{
	return FOR_PRIMARY(CPTR_EL2);
}

/* --- inject.c: exceptions into EL1 of the vCPU that is running --- */

void inject_undefined(struct vcpu *vcpu);
/* A synchronous external abort for the access that trapped here. */
void inject_external_abort(struct vcpu *vcpu, uint64_t esr, uint64_t far);

/* --- idregs.c --- */

void idregs_init(void);

/* --- trap.c --- */

/* What comes of a WFI of the running vCPU: a vcpu_exit(), or 0. */
uint64_t wait_for_interrupt(struct vcpu *vcpu);

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

/*
 * The call of which all VMs get the same answer at any time, in one register:
 * its value, and in `exit` true. False there: it is none of these.
 */
struct api_result smccc_quick(uint64_t fn);

/* --- psci.c --- */

/* Handles a PSCI function; false if it is none. */
bool psci_primary(struct vcpu *vcpu, uint32_t fn, int64_t *result);
bool psci_secondary(struct vcpu *vcpu, uint32_t fn, int64_t *result,
		    uint64_t *exit);
#define PSCI_FN_VERSION 0x84000000
#define PSCI_VERSION_1_1 0x10001
#define PSCI_FN_CPU_OFF 0x84000002
#define PSCI_FN_SYSTEM_RESET 0x84000009

/* Calls the firmware: PSCI, or an architecture call. Its w0, extended. */
int64_t psci_firmware(uint64_t fn, uint64_t a1, uint64_t a2, uint64_t a3);

/* --- spectre.c --- */

#define SMCCC_VERSION 0x80000000
#define SMCCC_ARCH_FEATURES 0x80000001
#define SMCCC_ARCH_WORKAROUND_1 0x80008000
#define SMCCC_ARCH_WORKAROUND_2 0x80007fff
#define SMCCC_ARCH_WORKAROUND_3 0x80003fff

/* Finds out what this CPU needs, and chooses its vectors. */
void spectre_init_cpu(struct cpu *cpu);

/*
 * Whether the firmware may be asked for architecture calls at all: before
 * SMCCC 1.1 it might hang (DEN0028, 7.2 discovery).
 */
bool firmware_has_smccc(void);

/*
 * What SMCCC_ARCH_FEATURES says of a workaround on this CPU: 0: call it; 1: not
 * affected; less: none, or none needed. A call has been answered when it gets
 * here.
 */
int64_t spectre_answer(uint32_t fn);

/* Vectors of this CPU for a kind of VM. */
static inline void use_vectors(const char *vectors)
{
	write_sysreg(vbar_el2, (uint64_t)(uintptr_t)vectors);
}

/* Words from GICD_ISENABLER0 to others, as in a GICR's frame */
#define PPI_CLEAR_ENABLE 32
#define PPI_SET_PENDING 64
#define PPI_CLEAR_PENDING 96
#define PPI_SET_ACTIVE 128
#define PPI_CLEAR_ACTIVE 160

/* --- timer.c; switch.c switches the virtual timer --- */

#define TIMER_NEVER (~(uint64_t)0)

/* CNTV_CTL of a timer that interrupts when its time comes. */
static inline bool timer_is_armed(uint64_t ctl)
{
	return (ctl & (TIMER_ENABLE | TIMER_IMASK)) == TIMER_ENABLE;
}

/* When the primary is due, whose virtual timer is saved. */
static inline uint64_t timer_deadline(const struct el1_regs *primary)
{
	return timer_is_armed(primary->cntv_ctl) ? primary->cntv_cval
						 : TIMER_NEVER;
}

/* Has the EL2 timer bring back the CPU at that time. */
static inline void timer_program(struct arch_cpu *cpu, uint64_t deadline)
{
	if (deadline == cpu->deadline || !cpu->ppis)
		return;
	cpu->deadline = deadline;
	write_sysreg(cnthp_cval_el2, deadline);
	write_sysreg(cnthp_ctl_el2, deadline == TIMER_NEVER ? 0 : TIMER_ENABLE);
	/* The primary's driver may have disabled what it does not use. */
	if (deadline != TIMER_NEVER)
		*cpu->ppis = cpu->ppi_timer_bit;
}

/*
 * The vCPU, which does not use its interrupt controller, is entered with its
 * timer armed: if that has fired already its interrupt is kept from the CPU, or
 * it would bring the vCPU back before it can do anything.
 */
void timer_enter_fired(const struct vcpu *vcpu);

/* The timer is the primary's again; what it has of it is, too. */
void timer_give_back(struct cpu *cpu);

/*
 * Nanoseconds until the first of the vCPU's timers fires (at least 1), 0 if
 * none is to; *fired if one has. The vCPU is the running one.
 */
uint64_t timer_wait_ns(struct vcpu *vcpu, bool *fired);
/* Whether the running vCPU's virtual timer has fired, and interrupts. */
static inline bool timer_virtual_fired(void)
{
	/* As timer_wait_ns() sees it. ISTATUS may be late, in emulation. */
	return timer_is_armed(read_sysreg(cntv_ctl_el0)) &&
	       read_sysreg(cntv_cval_el0) <= read_sysreg(cntvct_el0);
}
/* As that, of its emulated physical timer. */
bool timer_physical_fired(const struct vcpu *vcpu);
/* Has the EL2 timer bring back the CPU when something is due. */
void timer_set_deadline(const struct vcpu *vcpu);
/* Whether an interrupt is of one of the vCPU's timers, and is new. */
bool timer_interrupts(const struct vcpu *vcpu);
/* As that, of the virtual timer. */
bool timer_virtual_interrupts(const struct cpu *cpu);
/*
 * Takes the virtual timer's interrupt of this CPU from the primary, until
 * timer_leave_secondary(). `enable`: it is to come, and the maintenance
 * interrupt as well.
 */
void timer_take(struct cpu *cpu, bool enable);
/* It is taken: makes it active, as if it were being handled, or not. */
static inline void timer_quiet(struct cpu *cpu, bool quiet)
{
	struct arch_cpu *a = &cpu->arch;

	if (!a->virtual_taken || !(quiet | a->virtual_quiet))
		return;
	a->virtual_quiet = quiet;
	a->ppis[quiet ? PPI_SET_ACTIVE : PPI_CLEAR_ACTIVE] = a->ppi_virtual_bit;
}
/* Emulates CNTP_*_EL0 of a secondary, by op2. */
void timer_sysreg(struct vcpu *vcpu, unsigned int op2, bool is_read,
		  uint64_t *value);

/* --- vgic.c, whose header has the rest --- */

/* Whether a VM uses its interrupt controller. */
static inline bool vgic_is_used(const struct vm *vm)
{
	return __atomic_load_n(&vm->arch.vgic.used, __ATOMIC_RELAXED);
}

/* The vcpu_exit() that tells of another vCPU with a new interrupt, or 0. */
static inline uint64_t vgic_take_wake(struct vcpu *vcpu)
{
	return arch_vcpu_owes(&vcpu->arch) ? vgic_next_wake(vcpu) : 0;
}

/* --- gic.c --- */

/* Lets EL1 of the primary use the GIC's system registers on this CPU. */
void gic_init_cpu(void);
/* Wakes the other CPUs, which may sleep, by the primary's SGI 0. */
void gic_wake_others(void);
/* Whether another CPU wanted this one to come here (vgic.c); not again. */
bool gic_end_kick(struct cpu *cpu);
/*
 * Finds the redistributor of each CPU, and maps for it the register that
 * enables the interrupt of the EL2 timer. NULL or what is wrong.
 */
const char *gic_init_board(const struct fdt *fdt);
/*
 * Emulates the data abort of the primary, with syndrome `esr`, if it is an
 * access to the GIC that is to be emulated; false if not.
 */
bool gic_access(struct vcpu *vcpu, uint64_t esr);

#endif
