/* SPDX-License-Identifier: BSD-3-Clause */
#include "console.h"
#include "dt.h"
#include "gic.h"
#include "string.h"
#include "sysreg.h"
#include "timer.h"

#define NS_PER_S UINT64_C(1000000000)

#define CTL_ENABLE 1
#define CTL_IMASK 2
#define CTL_ISTATUS 4

static uint64_t to_ns(uint64_t ticks)
{
	uint64_t hz = read_sysreg(cntfrq_el0);

	return ticks / hz * NS_PER_S + ticks % hz * NS_PER_S / hz;
}

static uint64_t to_ticks(uint64_t ns)
{
	uint64_t hz = read_sysreg(cntfrq_el0);

	return ns / NS_PER_S * hz + ns % NS_PER_S * hz / NS_PER_S;
}

uint64_t timer_now_ns(void)
{
	isb();
	return to_ns(read_sysreg(cntvct_el0));
}

void timer_spin_ns(uint64_t ns)
{
	uint64_t end = timer_now_ns() + ns;

	while (timer_now_ns() < end)
		;
}

void timer_arm(enum timer timer, uint64_t ns, bool interrupt)
{
	uint64_t ctl = CTL_ENABLE | (interrupt ? 0 : CTL_IMASK);

	isb();
	if (timer == TIMER_VIRTUAL) {
		write_sysreg(cntv_cval_el0,
			     read_sysreg(cntvct_el0) + to_ticks(ns));
		write_sysreg(cntv_ctl_el0, ctl);
	} else {
		write_sysreg(cntp_cval_el0,
			     read_sysreg(cntpct_el0) + to_ticks(ns));
		write_sysreg(cntp_ctl_el0, ctl);
	}
	isb();
}

void timer_stop(enum timer timer)
{
	if (timer == TIMER_VIRTUAL)
		write_sysreg(cntv_ctl_el0, 0);
	else
		write_sysreg(cntp_ctl_el0, 0);
	isb();
}

bool timer_fired(enum timer timer)
{
	uint64_t ctl;

	isb();
	ctl = timer == TIMER_VIRTUAL ? read_sysreg(cntv_ctl_el0)
				     : read_sysreg(cntp_ctl_el0);
	return ctl & CTL_ISTATUS;
}

unsigned int timer_intid(enum timer timer)
{
	/* Secure physical, physical, virtual, hypervisor: type, number, flags
	 */
	unsigned int entry = timer == TIMER_VIRTUAL ? 2 : 1;
	const uint32_t *node = dt_node("/timer");
	uint32_t len = 0;
	const void *p = node ? dt_property(node, "interrupts", &len) : NULL;

	if (len < (entry + 1) * 12)
		panic("no timer in the device tree");
	return dt_cell(p, entry * 3 + 1) + 16;
}

void timer_wait_ns(uint64_t ns)
{
	timer_arm(TIMER_VIRTUAL, ns, true);
	while (!timer_fired(TIMER_VIRTUAL))
		wfi();
	timer_stop(TIMER_VIRTUAL);
}
