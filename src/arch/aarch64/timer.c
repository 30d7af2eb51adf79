/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The generic timer (DDI 0487, D11). Each VM has its own virtual timer; there
 * is one in the CPU.
 *
 * While a secondary has it, the primary's deadline is kept by the EL2 physical
 * timer: its interrupt brings the primary back, whose own timer then fires.
 * The physical timer is the primary's alone and stays.
 */
#include "arch_internal.h"
#include "cpu.h"
#include "vcpu.h"
#include "vm.h"

#define NS_PER_S 1000000000ull
/* A longer wait is reported as this one, so that it fits the payload. */
#define MAX_WAIT_S (1ull << 24)

/* GICD_ICENABLER0, in words behind GICD_ISENABLER0 (as in a GICR). */
#define CLEAR_ENABLE 32

/* CNTV_CTL of a timer that interrupts when its time comes. */
static bool is_armed(uint64_t ctl)
{
	return (ctl & (TIMER_ENABLE | TIMER_IMASK)) == TIMER_ENABLE;
}

/*
 * The timer of a vCPU has fired already: its interrupt would bring the vCPU
 * back before it can do anything. For this stay the interrupt is disabled
 * where it is the primary's, in the GIC: the vCPU's own registers are not
 * touched.
 */
static void mask_virtual_timer(struct arch_cpu *cpu)
{
	if (!cpu->ppi_enable || !(*cpu->ppi_enable & cpu->ppi_virtual_bit))
		return;
	cpu->ppi_enable[CLEAR_ENABLE] = cpu->ppi_virtual_bit;
	cpu->virtual_masked = true;
}

/* The timer is the primary's again. */
static void unmask_virtual_timer(struct arch_cpu *cpu)
{
	isb();
	*cpu->ppi_enable = cpu->ppi_virtual_bit;
	cpu->virtual_masked = false;
}

static bool has_fired(const struct vcpu *vcpu)
{
	const struct el1_regs *v = &vcpu->arch.el1;

	return is_armed(v->cntv_ctl) &&
	       v->cntv_cval <= read_sysreg(cntpct_el0) - vcpu->vm->arch.cntvoff;
}

static void keep_primary_deadline(struct vcpu *primary, uint64_t cval)
{
	struct arch_cpu *cpu = &primary->cpu->arch;

	write_sysreg(cntv_ctl_el0, 0);
	if (!cpu->ppi_enable)
		return;
	write_sysreg(cnthp_cval_el2, cval);
	write_sysreg(cnthp_ctl_el2, TIMER_ENABLE);
	/* The primary's driver may have disabled what it does not use. */
	*cpu->ppi_enable = cpu->ppi_timer_bit;
}

void timer_enter_secondary(struct vcpu *primary, struct vcpu *vcpu)
{
	struct el1_regs *p = &primary->arch.el1;
	struct el1_regs *v = &vcpu->arch.el1;

	p->cntv_ctl = read_sysreg(cntv_ctl_el0);
	p->cntv_cval = read_sysreg(cntv_cval_el0);
	if (is_armed(p->cntv_ctl))
		keep_primary_deadline(primary, p->cntv_cval);

	write_sysreg(cntvoff_el2, vcpu->vm->arch.cntvoff);
	write_sysreg(cntv_cval_el0, v->cntv_cval);
	if (has_fired(vcpu))
		mask_virtual_timer(&primary->cpu->arch);
	write_sysreg(cntv_ctl_el0, v->cntv_ctl);
}

void timer_leave_secondary(struct vcpu *primary, struct vcpu *vcpu)
{
	struct el1_regs *p = &primary->arch.el1;
	struct el1_regs *v = &vcpu->arch.el1;

	v->cntv_ctl = read_sysreg(cntv_ctl_el0);
	v->cntv_cval = read_sysreg(cntv_cval_el0);
	write_sysreg(cntv_ctl_el0, 0);
	write_sysreg(cntvoff_el2, 0);
	write_sysreg(cntv_cval_el0, p->cntv_cval);
	write_sysreg(cntv_ctl_el0, p->cntv_ctl);
	if (is_armed(p->cntv_ctl)) {
		write_sysreg(cnthp_ctl_el2, 0);
		isb();
	}
	if (primary->cpu->arch.virtual_masked)
		unmask_virtual_timer(&primary->cpu->arch);
}

uint64_t arch_seconds(void)
{
	uint64_t frequency = read_sysreg(cntfrq_el0);

	return frequency ? read_sysreg(cntpct_el0) / frequency : 0;
}

uint64_t timer_wait_ns(struct vcpu *vcpu, bool *fired)
{
	uint64_t ctl = read_sysreg(cntv_ctl_el0);
	uint64_t frequency = read_sysreg(cntfrq_el0);
	uint64_t now, left, seconds;

	*fired = false;
	if (!is_armed(ctl))
		return 0;
	isb();
	now = read_sysreg(cntvct_el0);
	left = read_sysreg(cntv_cval_el0) - now;
	/* Unsigned, as the timer compares; all ones is as good as never. */
	if (read_sysreg(cntv_cval_el0) <= now) {
		*fired = true;
		return 0;
	}
	if (!frequency)
		return 1;
	seconds = left / frequency;
	if (seconds >= MAX_WAIT_S)
		return MAX_WAIT_S * NS_PER_S;
	return seconds * NS_PER_S + left % frequency * NS_PER_S / frequency + 1;
}
