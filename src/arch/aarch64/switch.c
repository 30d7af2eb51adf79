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

/* Off, before anything is changed that it compares with. */
static void stop_timer(struct el1_regs *r)
{
	r->cntv_ctl = read_sysreg(cntv_ctl_el0);
	r->cntv_cval = read_sysreg(cntv_cval_el0);
	write_sysreg(cntv_ctl_el0, 0);
}

static void start_timer(const struct el1_regs *r)
{
	write_sysreg(cntv_cval_el0, r->cntv_cval);
	write_sysreg(cntv_ctl_el0, r->cntv_ctl);
}

/* ISTATUS means nothing while a timer is off (DDI 0487, CNTV_CTL_EL0). */
static inline bool is_set(uint64_t ctl)
{
	return ctl & (TIMER_ENABLE | TIMER_IMASK);
}

static void end_deadline(struct arch_cpu *cpu)
{
	if (cpu->deadline == TIMER_NEVER)
		return;
	cpu->deadline = TIMER_NEVER;
	write_sysreg(cnthp_ctl_el2, 0);
	isb();
}

/* The primary's, as it was, and nothing more that keeps its deadline. */
static inline void timer_again(struct cpu *cpu, struct vcpu *primary)
{
	start_timer(&primary->arch.el1);
	primary->arch.el1.cntv_ctl = 0;
	end_deadline(&cpu->arch);
}

/* --- debug and performance monitors: the primary's; a secondary has none ---
 */

/* What a secondary does is not counted, nor is its EL0 let in. */
static void stop_counting(struct arch_vcpu *primary)
{
	primary->pmcnten = read_sysreg(pmcntenset_el0);
	primary->pmuserenr = read_sysreg(pmuserenr_el0);
	write_sysreg(pmcntenclr_el0, primary->pmcnten);
	write_sysreg(pmuserenr_el0, 0);
}

static void count_again(struct arch_vcpu *primary)
{
	write_sysreg(pmcntenset_el0, primary->pmcnten);
	write_sysreg(pmuserenr_el0, primary->pmuserenr);
	primary->pmcnten = primary->pmuserenr = 0;
}

static void stop_debug(struct arch_vcpu *primary)
{
	primary->mdscr = read_sysreg(mdscr_el1);
	write_sysreg(mdscr_el1, 0);
}

static void debug_again(struct arch_vcpu *primary)
{
	write_sysreg(mdscr_el1, primary->mdscr);
	primary->mdscr = 0;
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

/* --- what the CPU runs next, and under which control --- */

/* Both values in registers first: the compiler loads them by one LDP. */
#define WRITE_PAIR(reg1, reg2, first, second)                       \
	do {                                                        \
		uint64_t first_ = (first), second_ = (second);      \
		__asm__ volatile("" : : "r"(first_), "r"(second_)); \
		write_sysreg(reg1, first_);                         \
		write_sysreg(reg2, second_);                        \
	} while (0)

static inline __attribute__((always_inline)) void
set_controls(const struct vcpu *vcpu)
{
	const struct controls *c = &vcpu->arch.controls;

	__asm__ volatile("" : "+r"(c)); /* one base for all */
	WRITE_PAIR(cptr_el2, mdcr_el2, c->cptr, c->mdcr);
	WRITE_PAIR(cnthctl_el2, vmpidr_el2, c->cnthctl, c->vmpidr);
	WRITE_PAIR(vttbr_el2, hcr_el2, c->vttbr, c->hcr);
	WRITE_PAIR(cntvoff_el2, vbar_el2, c->cntvoff, c->vectors);
}

/* What `usual_from` is of a vCPU that this one may enter so. */
static inline uint64_t usual_value(const struct vcpu *primary)
{
	return (uint64_t)(uintptr_t)primary + features_more;
}

/*
 * Two vCPUs of a VM have one VMID, and may use one ASID for different things:
 * what this CPU holds of the other one's translations goes (hazard 7).
 */
static void forget_other_vcpu(struct vcpu *vcpu, struct cpu *cpu)
{
	uint8_t *last = &cpu->last_vcpu[vcpu->vm->index];
	uint8_t mark = (uint8_t)(vcpu->index + 1);
	uint64_t *usual_from;

	if (*last == mark)
		return;
	if (*last) {
		usual_from =
			&vcpu->vm->vcpus[*last - 1].arch.controls.usual_from;
		/* If it leaves another CPU now, that is lost: no matter. */
		if (__atomic_load_n(usual_from, __ATOMIC_RELAXED) ==
		    usual_value(cpu->vcpu))
			__atomic_store_n(usual_from, 0, __ATOMIC_RELAXED);
	}
	*last = mark;
	isb();
	__asm__ volatile("tlbi vmalle1\n\tic iallu" : : : "memory");
	dsb(nsh);
}

/* The GIC's registers of the CPU, until vgic_enter(). */
static inline void close_gic_regs(void)
{
	const uint64_t vgic = 0;

	write_sysreg(ich_hcr_el2, FOR_SECONDARY(ICH_HCR_EL2));
}

static inline void close_gic(void)
{
	if (features.gic_regs)
		close_gic_regs();
}

static inline void open_gic_regs(void)
{
	write_sysreg(ich_hcr_el2, FOR_PRIMARY(ICH_HCR_EL2));
}

static inline void open_gic(void)
{
	if (features.gic_regs)
		open_gic_regs();
}

/* --- the ways there and back --- */

/*
 * There are three.
 *
 * The usual way is that of a vCPU that was here before, the last one of its VM,
 * uses neither FP/SIMD nor its interrupt controller, and has no timer set
 * (usual_from), while the primary has none set, debugs nothing and counts
 * nothing. It calls nothing, so that the compiler needs no frame for it.
 *
 * The timed way is the same for a primary that has its timer set, as an
 * operating system has, and for CPUs with more to switch (features_more).
 *
 * What makes a stay unusual later sets cpu->arch.stay. Leaving it in the
 * unusual way finds what the primary was not stopped at as it was left: zero.
 */
static COLD __attribute__((noinline)) void enter_unusually(struct vcpu *primary,
							   struct vcpu *vcpu)
{
	struct cpu *cpu = primary->cpu;
	struct controls *c = &vcpu->arch.controls;
	bool uses_gic = vgic_is_used(vcpu->vm);

	cpu->arch.stay = STAY_UNUSUAL;
	stop_timer(&primary->arch.el1);
	if (uses_gic)
		timer_set_deadline(vcpu);
	else
		timer_program(&cpu->arch, timer_deadline(&primary->arch.el1));
	stop_debug(&primary->arch);
	if (features.pmu)
		stop_counting(&primary->arch);
	if (features_rare)
		switch_rare(&primary->arch, &vcpu->arch);
	/* FP/SIMD: see fp.c */
	c->cptr =
		fp_cptr(cpu->arch.fp_owner != vcpu || vcpu->arch.fp_cpu != cpu);
	c->vectors = (uint64_t)(uintptr_t)cpu->arch.spectre.secondary_vectors;
	set_controls(vcpu);
	close_gic();
	/* Whoever uses the virtual interrupt controller gets it from there. */
	if (!uses_gic && timer_is_armed(vcpu->arch.el1.cntv_ctl))
		timer_enter_fired(vcpu);
	start_timer(&vcpu->arch.el1);
	forget_other_vcpu(vcpu, cpu);
	/* Another vCPU may have begun to use it meanwhile. */
	if (vgic_is_used(vcpu->vm))
		vgic_enter(vcpu);
}

static COLD __attribute__((noinline)) struct vcpu *
leave_unusually(struct vcpu *vcpu)
{
	struct cpu *cpu = vcpu->cpu;
	struct vcpu *primary = cpu->vcpu;
	uint64_t usual_from = 0;
	/* It used what it was not trapped on. */
	bool used_fp = !(read_sysreg(cptr_el2) & CPTR_TFP);

	if (used_fp)
		fp_save(&vcpu->arch.fp);
	if (vgic_is_used(vcpu->vm))
		vgic_leave(vcpu);
	open_gic();
	if (features.pmu)
		count_again(&primary->arch);
	debug_again(&primary->arch);
	if (features_rare)
		switch_rare(&vcpu->arch, &primary->arch);
	stop_timer(&vcpu->arch.el1);
	set_controls(primary);
	timer_again(cpu, primary);
	if (cpu->arch.virtual_taken)
		timer_give_back(cpu);
	cpu->arch.stay = STAY_USUAL;
	if (features.pmu && !used_fp && !is_set(vcpu->arch.el1.cntv_ctl))
		usual_from = usual_value(primary);
	__atomic_store_n(&vcpu->arch.controls.usual_from, usual_from,
			 __ATOMIC_RELAXED);
	dsb(ish); /* as below */
	if (vgic_is_used(vcpu->vm))
		__atomic_store_n(&vcpu->arch.controls.usual_from, 0,
				 __ATOMIC_RELAXED);
	return primary;
}

static void enter_timed(struct vcpu *primary, struct vcpu *vcpu)
{
	struct cpu *cpu = primary->cpu;

	cpu->arch.stay = STAY_TIMED;
	stop_timer(&primary->arch.el1);
	timer_program(&cpu->arch, timer_deadline(&primary->arch.el1));
	set_controls(vcpu);
	write_sysreg(cntv_cval_el0, vcpu->arch.el1.cntv_cval);
	close_gic();
	if (features_rare)
		switch_rare(&primary->arch, &vcpu->arch);
}

static struct vcpu *leave_timed(struct vcpu *vcpu)
{
	struct cpu *cpu = vcpu->cpu;
	struct vcpu *primary = cpu->vcpu;

	cpu->arch.stay = STAY_USUAL;
	vcpu->arch.el1.cntv_cval = read_sysreg(cntv_cval_el0);
	set_controls(primary);
	timer_again(cpu, primary);
	open_gic();
	if (features_rare)
		switch_rare(&vcpu->arch, &primary->arch);
	dsb(ish); /* as below */
	return primary;
}

/* What else the primary may have set that a secondary is not to have. */
static inline uint64_t is_watched(void)
{
	return read_sysreg(mdscr_el1) | read_sysreg(pmcntenset_el0) |
	       read_sysreg(pmuserenr_el0);
}

static __attribute__((noinline)) void enter_otherwise(struct vcpu *primary,
						      struct vcpu *vcpu)
{
	if (__atomic_load_n(&vcpu->arch.controls.usual_from,
			    __ATOMIC_RELAXED) != usual_value(primary) ||
	    is_watched())
		enter_unusually(primary, vcpu);
	else
		enter_timed(primary, vcpu);
}

static __attribute__((noinline)) struct vcpu *leave_otherwise(struct vcpu *vcpu)
{
	/* On a GICv2 it may have used the interface that another one opened. */
	if (vcpu->cpu->arch.stay == STAY_TIMED && !vgic_is_used(vcpu->vm) &&
	    !is_set(read_sysreg(cntv_ctl_el0)))
		return leave_timed(vcpu);
	return leave_unusually(vcpu);
}

NO_LANDING_PAD void switch_to_secondary(struct vcpu *primary, struct vcpu *vcpu)
{
	if (__atomic_load_n(&vcpu->arch.controls.usual_from,
			    __ATOMIC_RELAXED) != (uint64_t)(uintptr_t)primary ||
	    read_sysreg(cntv_ctl_el0) | is_watched()) {
		enter_otherwise(primary, vcpu);
		return;
	}
	primary->arch.el1.cntv_cval = read_sysreg(cntv_cval_el0);
	set_controls(vcpu);
	write_sysreg(cntv_cval_el0, vcpu->arch.el1.cntv_cval);
	close_gic_regs();
}

NO_LANDING_PAD struct vcpu *switch_to_primary(struct vcpu *vcpu)
{
	struct cpu *cpu = vcpu->cpu;
	struct vcpu *primary;
	uint64_t cval;

	if (cpu->arch.stay | read_sysreg(cntv_ctl_el0))
		return leave_otherwise(vcpu);
	cval = read_sysreg(cntv_cval_el0);
	__asm__ volatile("" : "+r"(vcpu)); /* GCC: stays in x0 */
	vcpu->arch.el1.cntv_cval = cval;
	primary = cpu->vcpu;
	set_controls(primary);
	write_sysreg(cntv_cval_el0, primary->arch.el1.cntv_cval);
	open_gic_regs();
	/*
	 * The vCPU may go on elsewhere. What it began here, and has not waited
	 * for, must be done by then: a TLBI, DC or IC is completed by a DSB of
	 * the CPU that issued it, and by no other (DDI 0487, B2.3.12 DSB).
	 */
	dsb(ish);
	return primary;
}
