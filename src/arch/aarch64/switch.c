/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The world switch: what the primary and a secondary have each for itself, or
 * under different control, beside what vectors.S moves. On the path of each
 * run, so nothing is done here of which the state tells that it is needless.
 */
#include "arch_internal.h"
#include "control.h"
#include "cpu.h"
#include "vcpu.h"
#include "vgic.h"
#include "vm.h"

/* --- timers; see timer.c --- */

static inline __attribute__((always_inline)) void
take_timer(struct vcpu *primary, const struct vcpu *vcpu, bool usual)
{
	struct el1_regs *p = &primary->arch.el1;
	const struct el1_regs *v = &vcpu->arch.el1;
	bool uses_gic = !usual && vgic_is_used(vcpu->vm);

	p->cntv_ctl = read_sysreg(cntv_ctl_el0);
	p->cntv_cval = read_sysreg(cntv_cval_el0);
	write_sysreg(cntv_ctl_el0, 0);
	if (uses_gic)
		timer_set_deadline(vcpu);
	else
		timer_program(&primary->cpu->arch, timer_deadline(p));
	write_sysreg(cntvoff_el2, vcpu->vm->arch.cntvoff);
	write_sysreg(cntv_cval_el0, v->cntv_cval);
	/* Whoever uses the virtual interrupt controller gets it from there. */
	if (!usual && !uses_gic)
		timer_enter_fired(vcpu);
	write_sysreg(cntv_ctl_el0, v->cntv_ctl);
}

static inline __attribute__((always_inline)) void
give_timer(struct vcpu *primary, struct vcpu *vcpu)
{
	const struct el1_regs *p = &primary->arch.el1;
	struct el1_regs *v = &vcpu->arch.el1;
	struct cpu *cpu = primary->cpu;

	v->cntv_ctl = read_sysreg(cntv_ctl_el0);
	v->cntv_cval = read_sysreg(cntv_cval_el0);
	write_sysreg(cntv_ctl_el0, 0);
	write_sysreg(cntvoff_el2, 0);
	write_sysreg(cntv_cval_el0, p->cntv_cval);
	write_sysreg(cntv_ctl_el0, p->cntv_ctl);
	if (cpu->arch.deadline != TIMER_NEVER) {
		cpu->arch.deadline = TIMER_NEVER;
		write_sysreg(cnthp_ctl_el2, 0);
		isb();
	}
}

/* --- performance monitors: the primary's; what a secondary does is not
 * counted, nor is its EL0 let in --- */

static inline void stop_counting(struct arch_vcpu *primary)
{
	primary->pmcnten = read_sysreg(pmcntenset_el0);
	primary->pmuserenr = read_sysreg(pmuserenr_el0);
	if (primary->pmcnten)
		write_sysreg(pmcntenclr_el0, primary->pmcnten);
	if (primary->pmuserenr)
		write_sysreg(pmuserenr_el0, 0);
}

static inline void count_again(const struct arch_vcpu *primary)
{
	if (primary->pmcnten)
		write_sysreg(pmcntenset_el0, primary->pmcnten);
	if (primary->pmuserenr)
		write_sysreg(pmuserenr_el0, primary->pmuserenr);
}

/* --- registers that not every CPU has --- */

static void load_pauth_keys(const struct pauth_keys *keys)
{
	const uint64_t *k = keys->key;

	write_sysreg(s3_0_c2_c1_0, k[0]);
	write_sysreg(s3_0_c2_c1_1, k[1]);
	write_sysreg(s3_0_c2_c1_2, k[2]);
	write_sysreg(s3_0_c2_c1_3, k[3]);
	write_sysreg(s3_0_c2_c2_0, k[4]);
	write_sysreg(s3_0_c2_c2_1, k[5]);
	write_sysreg(s3_0_c2_c2_2, k[6]);
	write_sysreg(s3_0_c2_c2_3, k[7]);
	write_sysreg(s3_0_c2_c3_0, k[8]);
	write_sysreg(s3_0_c2_c3_1, k[9]);
}

static void save_pauth_keys(struct pauth_keys *keys)
{
	uint64_t *k = keys->key;

	k[0] = read_sysreg(s3_0_c2_c1_0);
	k[1] = read_sysreg(s3_0_c2_c1_1);
	k[2] = read_sysreg(s3_0_c2_c1_2);
	k[3] = read_sysreg(s3_0_c2_c1_3);
	k[4] = read_sysreg(s3_0_c2_c2_0);
	k[5] = read_sysreg(s3_0_c2_c2_1);
	k[6] = read_sysreg(s3_0_c2_c2_2);
	k[7] = read_sysreg(s3_0_c2_c2_3);
	k[8] = read_sysreg(s3_0_c2_c3_0);
	k[9] = read_sysreg(s3_0_c2_c3_1);
}

/* State of optional features that no trap covers. */
static void switch_rare(struct arch_vcpu *from, const struct arch_vcpu *to)
{
	if (features.pauth) {
		save_pauth_keys(&from->pauth);
		load_pauth_keys(&to->pauth);
	}
	if (features.sme) {
		from->tpidr2 = read_sysreg(s3_3_c13_c0_5); /* TPIDR2_EL0 */
		write_sysreg(s3_3_c13_c0_5, to->tpidr2);
	}
	/* A secondary's DISR_EL1 is VDISR_EL2; the primary's is its own. */
	if (features.ras) {
		from->vdisr = read_sysreg(s3_4_c12_c1_1);
		write_sysreg(s3_4_c12_c1_1, to->vdisr);
	}
	if (features.impdef) {
		from->afsr0_el1 = read_sysreg(afsr0_el1);
		from->afsr1_el1 = read_sysreg(afsr1_el1);
		from->amair_el1 = read_sysreg(amair_el1);
		write_sysreg(afsr0_el1, to->afsr0_el1);
		write_sysreg(afsr1_el1, to->afsr1_el1);
		write_sysreg(amair_el1, to->amair_el1);
	}
}

/* --- FP/SIMD: CPTR_EL2; see fp.c --- */

static inline uint64_t cptr_of_secondary(const struct vcpu *vcpu,
					 const struct cpu *cpu)
{
	return fp_cptr(cpu->arch.fp_owner != vcpu || vcpu->arch.fp_cpu != cpu);
}

/* The primary's vCPU is pinned: what it left in its CPU is its. */
static inline uint64_t cptr_of_primary(const struct vcpu *primary,
				       const struct cpu *cpu)
{
	return fp_cptr(cpu->arch.fp_owner != primary);
}

/*
 * Two vCPUs of a VM have one VMID, and may use one ASID for different things:
 * what this CPU holds of the other one's translations goes (hazard 7).
 */
static inline void forget_other_vcpu(struct vcpu *vcpu, struct cpu *cpu)
{
	uint8_t *last = &cpu->last_vcpu[vcpu->vm->index];
	uint8_t mark = (uint8_t)(vcpu->index + 1);

	if (*last == mark)
		return;
	*last = mark;
	isb();
	__asm__ volatile("tlbi vmalle1\n\tic iallu" : : : "memory");
	dsb(nsh);
}

/* What the CPU runs next, and under which control; both ways set the same. */
static inline __attribute__((always_inline)) void
set_controls(const struct vcpu *vcpu, uint64_t cptr, uint64_t cnthctl,
	     const char *vectors)
{
	const struct arch_vm *vm = &vcpu->vm->arch;

	write_sysreg(cptr_el2, cptr);
	write_sysreg(mdcr_el2, vm->mdcr);
	write_sysreg(cnthctl_el2, cnthctl);
	write_sysreg(vmpidr_el2, vcpu->arch.vmpidr);
	write_sysreg(vttbr_el2, vm->vttbr);
	write_sysreg(hcr_el2, vm->hcr);
	use_vectors(vectors);
}

/*
 * Each way has two forms: the usual one calls nothing, so that the compiler
 * needs no frame for it.
 */
static inline __attribute__((always_inline)) void
enter(struct vcpu *primary, struct vcpu *vcpu, bool usual)
{
	const uint64_t vgic = 0; /* until vgic_enter() */
	struct cpu *cpu = primary->cpu;

	take_timer(primary, vcpu, usual);
	if (features.pmu)
		stop_counting(&primary->arch);
	if (!usual)
		switch_rare(&primary->arch, &vcpu->arch);
	set_controls(vcpu, cptr_of_secondary(vcpu, cpu),
		     FOR_SECONDARY(CNTHCTL_EL2),
		     cpu->arch.spectre.secondary_vectors);
	if (features.gic_regs) {
		write_sysreg(icc_sre_el2, FOR_SECONDARY(ICC_SRE_EL2));
		write_sysreg(ich_hcr_el2, FOR_SECONDARY(ICH_HCR_EL2));
	}
	forget_other_vcpu(vcpu, cpu);
	/* Another vCPU may have begun to use it meanwhile. */
	if (vgic_is_used(vcpu->vm))
		vgic_enter(vcpu);
}

static inline __attribute__((always_inline)) void
leave(struct vcpu *primary, struct vcpu *vcpu, bool usual)
{
	struct cpu *cpu = primary->cpu;

	if (!usual && !(read_sysreg(cptr_el2) & CPTR_TFP))
		fp_save(&vcpu->arch.fp);
	if (!usual && vgic_is_used(vcpu->vm))
		vgic_leave(vcpu);
	if (features.gic_regs) {
		write_sysreg(icc_sre_el2, FOR_PRIMARY(ICC_SRE_EL2));
		write_sysreg(ich_hcr_el2, FOR_PRIMARY(ICH_HCR_EL2));
	}
	if (features.pmu)
		count_again(&primary->arch);
	if (!usual)
		switch_rare(&vcpu->arch, &primary->arch);
	set_controls(primary, cptr_of_primary(primary, cpu),
		     FOR_PRIMARY(CNTHCTL_EL2),
		     cpu->arch.spectre.primary_vectors);
	give_timer(primary, vcpu);
	if (!usual && cpu->arch.virtual_taken)
		timer_give_back(cpu);
	/*
	 * The vCPU may go on elsewhere. What it began here, and has not waited
	 * for, must be done by then: a TLBI, DC or IC is completed by a DSB of
	 * the CPU that issued it, and by no other (DDI 0487, B2.3.12 DSB).
	 */
	dsb(ish);
}

static COLD __attribute__((noinline)) void enter_unusually(struct vcpu *primary,
							   struct vcpu *vcpu)
{
	enter(primary, vcpu, false);
}

static COLD __attribute__((noinline)) void leave_unusually(struct vcpu *primary,
							   struct vcpu *vcpu)
{
	leave(primary, vcpu, false);
}

void switch_to_secondary(struct vcpu *primary, struct vcpu *vcpu)
{
	if (features_rare || timer_is_armed(vcpu->arch.el1.cntv_ctl) ||
	    vgic_is_used(vcpu->vm))
		enter_unusually(primary, vcpu);
	else
		enter(primary, vcpu, true);
}

void switch_to_primary(struct vcpu *primary, struct vcpu *vcpu)
{
	/* It used what it was not trapped on. */
	bool used_fp = !(read_sysreg(cptr_el2) & CPTR_TFP);

	if (features_rare || used_fp || primary->cpu->arch.virtual_taken ||
	    vgic_is_used(vcpu->vm))
		leave_unusually(primary, vcpu);
	else
		leave(primary, vcpu, true);
}
