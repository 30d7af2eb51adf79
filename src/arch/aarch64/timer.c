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
#include "gic.h"
#include "vcpu.h"
#include "vgic.h"
#include "vm.h"

#define NS_PER_S 1000000000ull
/* A longer wait is reported as this one, so that it fits the payload. */
#define MAX_WAIT_S (1ull << 24)

void timer_take(struct cpu *cpu, bool enable)
{
	struct arch_cpu *a = &cpu->arch;
	volatile uint32_t *ppis = a->ppis;

	if (!ppis)
		return;
	/* Taken again, what is active may be ours. */
	if (!a->virtual_taken) {
		a->virtual_taken = true;
		a->virtual_was_active =
			ppis[PPI_SET_ACTIVE] & a->ppi_virtual_bit;
		if (a->virtual_was_active)
			ppis[PPI_CLEAR_ACTIVE] = a->ppi_virtual_bit;
	}
	if (!enable)
		return;
	a->ppis_disabled =
		(a->ppi_virtual_bit | a->ppi_maintenance_bit) & ~*ppis;
	*ppis = a->ppis_disabled;
}

void timer_give_back(struct cpu *cpu)
{
	struct arch_cpu *a = &cpu->arch;

	/* Else it might still see the vCPU's. */
	isb();
	timer_quiet(cpu, false);
	if (a->virtual_was_active)
		a->ppis[PPI_SET_ACTIVE] = a->ppi_virtual_bit;
	if (a->ppis_disabled)
		a->ppis[PPI_CLEAR_ENABLE] = a->ppis_disabled;
	a->ppis_disabled = 0;
	a->virtual_taken = false;
}

/* Ticks until a timer fires; 0: it has; TIMER_NEVER: it is not to. */
static uint64_t ticks_left(uint64_t ctl, uint64_t cval, uint64_t now)
{
	/* Unsigned, as the timer compares; all ones is as good as never. */
	if (!timer_is_armed(ctl))
		return TIMER_NEVER;
	return cval <= now ? 0 : cval - now;
}

void timer_enter_fired(const struct vcpu *vcpu)
{
	const struct el1_regs *v = &vcpu->arch.el1;

	/* CNTVOFF may still be the primary's for the virtual counter. */
	if (ticks_left(v->cntv_ctl, v->cntv_cval,
		       read_sysreg(cntpct_el0) - vcpu->arch.controls.cntvoff))
		return;
	timer_take(vcpu->cpu, false);
	timer_quiet(vcpu->cpu, true);
}

bool timer_physical_fired(const struct vcpu *vcpu)
{
	return !ticks_left(vcpu->arch.cntp_ctl, vcpu->arch.cntp_cval,
			   read_sysreg(cntpct_el0));
}

void timer_set_deadline(const struct vcpu *vcpu)
{
	uint64_t deadline = timer_deadline(&vcpu->cpu->vcpu->arch.el1);

	if (vgic_is_used(vcpu->vm) && timer_is_armed(vcpu->arch.cntp_ctl) &&
	    vcpu->arch.cntp_cval < deadline && !timer_physical_fired(vcpu))
		deadline = vcpu->arch.cntp_cval;
	timer_program(&vcpu->cpu->arch, deadline);
}

bool timer_virtual_interrupts(const struct cpu *cpu)
{
	return timer_virtual_fired() &&
	       !(cpu->arch.ppis[PPI_SET_ACTIVE] & cpu->arch.ppi_virtual_bit);
}

bool timer_interrupts(const struct vcpu *vcpu)
{
	uint32_t line = vcpu->arch.vgic.own.line;

	if (timer_virtual_interrupts(vcpu->cpu))
		return true;
	return !(line & BIT(VGIC_PHYSICAL_TIMER)) && timer_physical_fired(vcpu);
}

uint64_t arch_seconds(void)
{
	uint64_t frequency = read_sysreg(cntfrq_el0);

	return frequency ? read_sysreg(cntpct_el0) / frequency : 0;
}

static uint64_t to_ns(uint64_t ticks)
{
	uint64_t frequency = read_sysreg(cntfrq_el0);
	uint64_t seconds;

	if (!frequency)
		return 1;
	seconds = ticks / frequency;
	if (seconds >= MAX_WAIT_S)
		return MAX_WAIT_S * NS_PER_S;
	return seconds * NS_PER_S + ticks % frequency * NS_PER_S / frequency +
	       1;
}

uint64_t timer_wait_ns(struct vcpu *vcpu, bool *fired)
{
	uint64_t ctl = read_sysreg(cntv_ctl_el0);
	uint64_t left[2], least = TIMER_NEVER;

	isb();
	left[0] = ticks_left(ctl, read_sysreg(cntv_cval_el0),
			     read_sysreg(cntvct_el0));
	left[1] = ticks_left(vcpu->arch.cntp_ctl, vcpu->arch.cntp_cval,
			     read_sysreg(cntpct_el0));
	*fired = !left[0] || !left[1];
	for (unsigned int i = 0; i < ARRAY_SIZE(left); i++)
		if (left[i] && left[i] < least)
			least = left[i];
	return least == TIMER_NEVER ? 0 : to_ns(least);
}

/* CNTP_TVAL_EL0, CNTP_CTL_EL0, CNTP_CVAL_EL0 */
enum { TVAL, CTL, CVAL };

static uint64_t read_physical(const struct vcpu *vcpu, unsigned int op2)
{
	const struct arch_vcpu *a = &vcpu->arch;
	uint64_t now = read_sysreg(cntpct_el0);

	if (op2 == TVAL)
		return (uint32_t)(a->cntp_cval - now);
	if (op2 == CVAL)
		return a->cntp_cval;
	if ((a->cntp_ctl & TIMER_ENABLE) && a->cntp_cval <= now)
		return a->cntp_ctl | TIMER_ISTATUS;
	return a->cntp_ctl;
}

void timer_sysreg(struct vcpu *vcpu, unsigned int op2, bool is_read,
		  uint64_t *value)
{
	struct arch_vcpu *a = &vcpu->arch;

	if (is_read) {
		*value = read_physical(vcpu, op2);
		return;
	}
	if (op2 == CTL)
		a->cntp_ctl = *value & (TIMER_ENABLE | TIMER_IMASK);
	else if (op2 == CVAL)
		a->cntp_cval = *value;
	else
		a->cntp_cval = read_sysreg(cntpct_el0) +
			       (uint64_t)(int64_t)(int32_t)*value;
	if (a->vgic.loaded)
		vgic_refresh(vcpu);
}
