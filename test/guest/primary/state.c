/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Suite `state`: no register of one VM is changed by another's run, at every
 * way of leaving a vCPU. Both sides paint their general, FP/SIMD and system
 * registers.
 */
#include <stddef.h>
#include "exception.h"
#include "gic.h"
#include "paint.h"
#include "smccc.h"
#include "smp.h"
#include "sysreg.h"
#include "test.h"
#include "timer.h"
#include "vm.h"

#define MS UINT64_C(1000000)
#define FAILED ((uint64_t)-1)
#define RESPONSE                                            \
	(sizeof(struct script_reply) << HF_VCPU_CODE_BITS | \
	 HF_VCPU_RESPONSE_READY)

/* A call of the primary with everything painted; its x0 is checked. */
static void check_call(uint64_t fn, uint64_t a, uint64_t b, uint64_t expected,
		       uint64_t preempt_ns)
{
	struct paint_sysregs sysregs;
	struct paint before;
	struct paint after;
	uint64_t changed;

	paint_fill(&before, 0xb1b1 + fn);
	before.x[0] = fn;
	before.x[1] = a;
	before.x[2] = b;
	paint_sysregs(&sysregs, 0xb1b1);
	if (preempt_ns)
		timer_arm(TIMER_PHYSICAL, preempt_ns, true);
	paint_run(PAINT_HVC, &before, &after);
	changed = paint_sysregs_restore(&sysregs);
	/* That one was changed here, after the painting. */
	if (preempt_ns)
		changed &= ~paint_sysreg_mask("cntp_cval_el0");
	if (changed)
		FAIL("call 0x%lx changes %s", fn, paint_sysreg_name(changed));
	changed = paint_compare(&before, &after) & ~PAINT_CALL_RESULTS;
	if (changed)
		FAIL("call 0x%lx changes registers: mask 0x%lx", fn, changed);
	CHECK_EQ(after.x[0], expected);
	CHECK_EQ(after.x[1] | after.x[2] | after.x[3], 0);
}

static void check_run(uint32_t vm, uint64_t expected)
{
	check_call(HF_VCPU_RUN, vm, 0, expected, 0);
}

/* What the secondary found changed at step `index`. */
static void check_step(unsigned int index)
{
	const struct step_result *r = script_result(index);

	if (r->sysregs)
		FAIL("the secondary's %s changed",
		     paint_sysreg_name(r->sysregs));
	if (r->changed)
		FAIL("the secondary's registers changed: mask 0x%lx",
		     r->changed);
}

static bool begin(uint32_t vm)
{
	vm_configure();
	return step_run(vm, STEP_NOW, 0, 0, 0, 0);
}

/* Ends the script of a VM whose reply is in the primary's mailbox next. */
static void end(uint32_t vm, unsigned int step)
{
	if (!test_over() && script_finish(vm, 0))
		check_step(step);
}

/* HF_VM_CONFIGURE, refused and granted: before any case needs the mailbox. */
static void over_configure(void)
{
	uint64_t send = (uintptr_t)vm_send;
	uint64_t recv = (uintptr_t)vm_recv;

	check_call(HF_VM_CONFIGURE, send, send, FAILED, 0);
	check_call(HF_VM_CONFIGURE, send, recv, 0, 0);
	check_call(HF_VM_CONFIGURE, send, recv, FAILED, 0);
	vm_note_configured();
}

/* Each call of the primary, as it succeeds and as it fails; HF_VCPU_RUN is in
 * the cases below. */
static void every_call_of_primary(void)
{
	uint64_t count = (uint64_t)hf_vm_get_count();
	uint32_t vm = vm_named("service");

	if (!begin(vm))
		return;
	check_call(HF_VCPU_RUN, count, 0, HF_VCPU_WAIT_FOR_INTERRUPT, 0);
	check_call(HF_VM_GET_COUNT, 0, 0, count, 0);
	check_call(HF_VCPU_GET_COUNT, vm, 0, 1, 0);
	check_call(HF_VCPU_GET_COUNT, count, 0, FAILED, 0);
	check_call(HF_RPC_REQUEST, vm, 4097, FAILED, 0);
	check_call(HF_RPC_READ_REQUEST, 1, 0, FAILED, 0);
	check_call(HF_RPC_ACK, 0, 0, FAILED, 0);
	check_call(HF_RPC_REPLY, 0, 0, FAILED, 0);
	check_call(HF_SET_OPTIONS, HF_OPTION_MESSAGE_WANTED, 0, 0, 0);
	check_call(HF_SET_OPTIONS, 4, 0, FAILED, 0);
	check_call(HF_SET_OPTIONS, 0, 0, HF_OPTION_MESSAGE_WANTED, 0);
	check_call(HF_VM_GET_STATE, vm, 0, HF_VM_RUNNING, 0);
	check_call(HF_VM_GET_STATE, count, 0, FAILED, 0);
	check_call(HF_VM_STOP, count, 0, FAILED, 0);
	check_call(HF_VM_START, vm, 0, FAILED, 0);
	check_call(HF_CONSOLE_READ, vm, 0, 0, 0);
	check_call(HF_CONSOLE_WRITE, vm, 0, 0, 0);
	check_call(HF_CONSOLE_WRITE, count, 0, FAILED, 0);
	check_call(0xffff, 0, 0, FAILED, 0);
	/* Woken: 1; with the script before it, what it was is left pending. */
	script_start();
	script_add(STEP_HVC, HF_RPC_ACK, 0, 0, 0);
	script_add(STEP_WFI, 0, 0, 0, 0);
	script_add(STEP_HVC, HF_RPC_READ_REQUEST, 0, 0, 0);
	script_add(STEP_HVC, HF_RPC_ACK, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	check_run(vm, HF_VCPU_WAIT_FOR_INTERRUPT);
	check_call(HF_RPC_REQUEST, vm, 5, 0, 0);
	check_call(HF_RPC_REQUEST, vm, 5, FAILED, 0);
	script_finish(vm, 0);
}

/* The same of a secondary. Its READ and REPLY with success are below. */
static void every_call_of_secondary(void)
{
	static const uint64_t calls[][4] = {
		{HF_VCPU_RUN, 0, 0, HF_VCPU_WAIT_FOR_INTERRUPT},
		{HF_VCPU_GET_COUNT, 0, 0, 1},
		{HF_VCPU_GET_COUNT, NO_VM, 0, FAILED},
		{HF_VM_CONFIGURE, 0x40100000, 0x40101000, FAILED},
		{HF_RPC_REQUEST, 0, 0, FAILED},
		{HF_RPC_READ_REQUEST, 0, 0, FAILED},
		{HF_RPC_REPLY, 4097, 1, FAILED},
		{HF_SET_OPTIONS, 1, 0, FAILED},
		{0xffff, 0, 0, FAILED},
		{PSCI_VERSION, 0, 0, 0x10001},
		{PSCI_AFFINITY_INFO_64, 0, 0, PSCI_ON},
		{HF_RPC_ACK, 0, 0, 0},
		{HF_RPC_ACK, 0, 0, FAILED},
	};
	const unsigned int n = sizeof(calls) / sizeof(calls[0]);
	unsigned int i;

	script_start();
	for (i = 0; i < n; i++)
		script_add(STEP_HVC | STEP_SYSREGS, calls[i][0], calls[i][1],
			   calls[i][2], 0);
	if (!script_run(vm_named("service")))
		return;
	for (i = 0; i < n && !test_over(); i++) {
		check_step(i);
		CHECK_EQ(script_result(i)->x[0], calls[i][3]);
		CHECK_EQ(script_result(i)->x[1] | script_result(i)->x[2] |
				 script_result(i)->x[3],
			 0);
	}
}

static void over_wfi(void)
{
	uint32_t vm = vm_named("service");

	if (!begin(vm))
		return;
	script_start();
	script_add(STEP_WFI | STEP_SYSREGS, 0, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	check_run(vm, HF_VCPU_WAIT_FOR_INTERRUPT);
	end(vm, 0);
}

static void over_preemption(void)
{
	uint32_t vm = vm_named("service");
	/* More than an emulator gets done before it looks at its timers. */
	uint64_t rounds = 50000000;

	gic_enable(timer_intid(TIMER_PHYSICAL));
	script_start();
	script_add(STEP_SPIN | STEP_SYSREGS, rounds, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	check_call(HF_VCPU_RUN, vm, 0, HF_VCPU_YIELD, MS / 4);
	if (test_over())
		return;
	CHECK(gic_wait(timer_intid(TIMER_PHYSICAL), 1));
	end(vm, 0);
}

static void over_reply(void)
{
	uint32_t vm = vm_named("service");

	script_start();
	script_add(STEP_HVC | STEP_SYSREGS, HF_RPC_REPLY, 9, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	check_run(vm, 9 << HF_VCPU_CODE_BITS | HF_VCPU_RESPONSE_READY);
	check_call(HF_RPC_ACK, 0, 0, 0, 0);
	end(vm, 0);
}

static void over_blocking_read(void)
{
	uint32_t vm = vm_named("service");

	script_start();
	script_add(STEP_HVC, HF_RPC_ACK, 0, 0, 0);
	script_add(STEP_HVC | STEP_SYSREGS, HF_RPC_READ_REQUEST, 1, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	check_run(vm, HF_VCPU_WAIT_FOR_INTERRUPT);
	check_call(HF_RPC_REQUEST, vm, 123, 1, 0);
	end(vm, 1);
	if (!test_over())
		CHECK_EQ(script_result(1)->x[0], 123);
}

static void over_smc(void)
{
	uint32_t vm = vm_named("service");

	script_start();
	script_add(STEP_SMC | STEP_SYSREGS, 0x84000000, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	check_run(vm, RESPONSE);
	if (test_over())
		return;
	CHECK_EQ(hf_rpc_ack(), 0);
	vm_run_to_read(vm, 0);
}

/* PSCI CPU_SUSPEND of a secondary is a wait. */
static void over_cpu_suspend(void)
{
	uint32_t vm = vm_named("service");

	script_start();
	script_add(STEP_HVC | STEP_SYSREGS, PSCI_CPU_SUSPEND_64, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	check_run(vm, HF_VCPU_WAIT_FOR_INTERRUPT);
	end(vm, 0);
	if (!test_over())
		CHECK_EQ(script_result(0)->x[0], PSCI_SUCCESS);
}

static void over_cpu_on(void)
{
	uint64_t vm = vm_named("smp");
	uint64_t wake_up = (vm << HF_WAKE_UP_VM_SHIFT | 1) << HF_VCPU_CODE_BITS;

	if (!begin((uint32_t)vm))
		return;
	script_start();
	script_add(STEP_CPU_ON | STEP_SYSREGS, 1, 0, 0, 0);
	CHECK_EQ(script_send((uint32_t)vm), 1);
	check_run((uint32_t)vm, wake_up | HF_VCPU_WAKE_UP);
	end((uint32_t)vm, 0);
	if (test_over() || !vm_run_to_read((uint32_t)vm, 1))
		return;
	CHECK_EQ(script_result(0)->x[0], PSCI_SUCCESS);
}

/* vCPU 0 waits longer than vCPU 1, which turns itself off. */
static void over_cpu_off(void)
{
	uint32_t vm = vm_named("smp");

	if (!step_run(vm, STEP_NOW, 0, 0, 0, 0))
		return;
	script_start();
	script_add(STEP_HVC, HF_RPC_ACK, 0, 0, 0);
	script_add(STEP_HVC, PSCI_CPU_OFF, 0, 0, 0);
	CHECK_EQ(script_send(vm), 2);
	check_call(HF_VCPU_RUN, vm, 1, HF_VCPU_WAIT_FOR_INTERRUPT, 0);
	check_call(HF_VCPU_RUN, vm, 1, HF_VCPU_WAIT_FOR_INTERRUPT, 0);
}

static void check_over_end(uint64_t kind, uint64_t a, uint64_t reason)
{
	uint64_t aborted = reason << HF_VCPU_CODE_BITS | HF_VCPU_ABORTED;
	uint32_t vm = vm_spare();

	if (test_over() || !vm_run_to_read(vm, 0))
		return;
	script_start();
	script_add(kind | STEP_SYSREGS, a, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	check_run(vm, aborted);
	check_run(vm, aborted);
}

static void over_abort(void)
{
	check_over_end(STEP_LOAD, 0x40200000, HF_ABORT_MEMORY_ACCESS);
}

static void over_system_off(void)
{
	check_over_end(STEP_HVC, PSCI_SYSTEM_OFF, HF_ABORT_SYSTEM_OFF);
}

/* Two secondaries take turns, both with painted registers. */
static void between_secondaries(void)
{
	uint32_t a = vm_named("service");
	uint32_t b = vm_named("other");

	if (!begin(a) || !begin(b))
		return;
	script_start();
	script_add(STEP_WFI | STEP_SYSREGS, 0, 0, 0, 0);
	script_add(STEP_WFI | STEP_SYSREGS, 0, 0, 0, 0);
	CHECK_EQ(script_send(a), 1);
	CHECK_EQ(vm_run(a, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	script_start();
	script_add(STEP_SPIN | STEP_SYSREGS, 50000, 0, 0, 0);
	CHECK_EQ(script_send(b), 1);
	if (!script_finish(b, 0))
		return;
	check_step(0);
	CHECK_EQ(vm_run(a, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	if (!script_finish(a, 0))
		return;
	check_step(0);
	check_step(1);
}

/* What a new VM finds in its registers is not what another left there. */
static void fresh_vm_sees_nothing(void)
{
	struct paint_sysregs sysregs;
	uint32_t vm = vm_spare();
	uint64_t result;

	paint_sysregs(&sysregs, 0xdead);
	result = vm_run(vm, 0);
	paint_sysregs_restore(&sysregs);
	CHECK_EQ(result, HF_VCPU_WAIT_FOR_INTERRUPT);
	script_start();
	script_add(STEP_MRS, SYSREG(3, 3, 13, 0, 2), 0, 0, 0); /* TPIDR_EL0 */
	script_add(STEP_MRS, SYSREG(3, 3, 13, 0, 3), 0, 0, 0); /* TPIDRRO_EL0 */
	script_add(STEP_MRS, SYSREG(3, 0, 13, 0, 4), 0, 0, 0); /* TPIDR_EL1 */
	script_add(STEP_MRS, SYSREG(3, 0, 13, 0, 1), 0, 0, 0); /* CONTEXTIDR */
	script_add(STEP_MRS, SYSREG(3, 0, 5, 1, 0), 0, 0, 0);  /* AFSR0_EL1 */
	script_add(STEP_MRS, SYSREG(3, 0, 7, 4, 0), 0, 0, 0);  /* PAR_EL1 */
	if (script_send(vm) != 1)
		FAIL("REQUEST failed");
	if (!script_finish(vm, 0))
		return;
	for (unsigned int i = 0; i < 6; i++)
		CHECK_EQ(script_result(i)->x[0], 0);
}

/*
 * The primary steps through one of its programs (MDSCR_EL1.SS): at EL0 of a
 * secondary nothing is stepped.
 */
static void single_step_stays_here(void)
{
	uint64_t old = read_sysreg(mdscr_el1);
	const struct step_result *r;
	uint64_t now;

	write_sysreg(oslar_el1, 0);
	write_sysreg(mdscr_el1, old | 1);
	isb();
	r = step_run(vm_named("service"), STEP_EL0, 0, 0, 0, 0);
	now = read_sysreg(mdscr_el1);
	write_sysreg(mdscr_el1, old);
	isb();
	CHECK_EQ(now, old | 1);
	if (r)
		CHECK_EQ(ESR_EC(r->esr), EC_UNKNOWN);
}

/* --- the usual way of a switch, and the other ones, in any order --- */

#define STAYS 1000
#define TIMER_BITS 3 /* ENABLE, IMASK */

/* What the primary has, of what a switch looks at, while a secondary runs. */
struct usual {
	uint64_t mdscr, counters, user, timer, deadline;
};

struct stay {
	uint32_t vm;
	bool painted;
	struct usual primary;
};

static uint64_t usual_seed = 1;

static uint64_t below(uint64_t limit)
{
	uint64_t v = usual_seed += UINT64_C(0x9e3779b97f4a7c15);

	v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	return (v ^ v >> 31) % limit;
}

/* Nothing, as a rule; or one of what makes a switch unusual. */
static struct usual choose_usual(void)
{
	struct usual u = {.deadline = below(UINT64_C(1) << 56)};

	switch (below(8)) {
	case 0:
		u.mdscr = UINT64_C(1) << 13; /* MDE */
		break;
	case 1:
		u.mdscr = UINT64_C(1) << 12; /* TDCC */
		break;
	case 2:
		u.counters = UINT64_C(1) << 31;
		break;
	case 3:
		u.user = 1 + below(15);
		break;
	case 4:
		u.timer = 1;
		u.deadline = ~UINT64_C(0) >> 2;
		break;
	case 5: /* fired, and masked */
		u.timer = 3;
		u.deadline = 7;
		break;
	}
	return u;
}

static void set_usual(const struct usual *u)
{
	write_sysreg(mdscr_el1, u->mdscr);
	write_sysreg(pmcntenclr_el0, ~UINT64_C(0));
	write_sysreg(pmcntenset_el0, u->counters);
	write_sysreg(pmuserenr_el0, u->user);
	write_sysreg(cntv_ctl_el0, 0);
	write_sysreg(cntv_cval_el0, u->deadline);
	write_sysreg(cntv_ctl_el0, u->timer);
	isb();
}

static void check_usual(const struct usual *u)
{
	CHECK_EQ(read_sysreg(mdscr_el1), u->mdscr);
	CHECK_EQ(read_sysreg(pmcntenset_el0), u->counters);
	CHECK_EQ(read_sysreg(pmuserenr_el0), u->user);
	CHECK_EQ(read_sysreg(cntv_ctl_el0) & TIMER_BITS, u->timer);
	CHECK_EQ(read_sysreg(cntv_cval_el0), u->deadline);
}

/* Runs the VM to its reply, on whatever CPU this is. */
static void stay(void *arg)
{
	const struct stay *s = arg;
	const struct usual none = {0};

	set_usual(&s->primary);
	if (s->painted)
		check_run(s->vm, RESPONSE);
	else
		CHECK_EQ(vm_run(s->vm, 0), RESPONSE);
	check_usual(&s->primary);
	set_usual(&none);
}

/* What the VM does in its stay; returns what its timer is then. */
static uint64_t add_unusual(uint64_t timer, bool *painted)
{
	*painted = false;
	switch (below(6)) {
	case 0:
		script_add(STEP_TIMER_ARM, UINT64_C(100000) * MS, 0, 0, 0);
		return 1;
	case 1:
		script_add(STEP_TIMER_STOP, 0, 0, 0, 0);
		return 0;
	case 2:
		script_add(STEP_MSR, SYSREG(3, 3, 14, 3, 1), 2, 0, 0);
		return 2;
	case 3:
		/* A timer that is on would be painted, too. */
		*painted = !timer;
		script_add(STEP_SPIN | (timer ? 0 : STEP_SYSREGS), 3000, 0, 0,
			   0);
		return timer;
	default:
		script_add(STEP_NOW, 0, 0, 0, 0);
		return timer;
	}
}

/* One stay of a VM whose timer is so. */
static void one_stay(uint32_t vm, uint64_t *timer)
{
	struct stay s = {vm, below(3) == 0, choose_usual()};
	uint64_t before = *timer;
	bool painted;

	script_start();
	script_add(STEP_MRS, SYSREG(3, 3, 14, 3, 1), 0, 0, 0);
	*timer = add_unusual(before, &painted);
	CHECK_EQ(script_send(vm), 1);
	if (cpu_count() > 1 && below(5) == 0) {
		CHECK_EQ(cpu_start(1, stay, &s), 0);
		CHECK(cpu_wait_off(1));
	} else {
		stay(&s);
	}
	if (test_over())
		return;
	CHECK(script_take());
	CHECK_EQ(script_result(0)->x[0] & TIMER_BITS, before);
	if (painted)
		check_step(1);
	CHECK(vm_run_to_read(vm, 0));
}

/*
 * Stays of three VMs on up to two CPUs, of which each side makes some unusual:
 * whatever came before, each finds its own registers.
 */
static void usual_and_not(void)
{
	const uint32_t vms[] = {vm_named("service"), vm_named("other"),
				vm_named("files")};
	uint64_t timers[3] = {0};
	unsigned int i;

	for (i = 0; i < 3; i++)
		if (!begin(vms[i]))
			return;
	for (i = 0; i < STAYS && !test_over(); i++) {
		uint64_t n = below(3);

		one_stay(vms[n], &timers[n]);
	}
}

static const struct test_case cases[] = {
	{"over_configure", over_configure},
	{"every_call_of_primary", every_call_of_primary},
	{"every_call_of_secondary", every_call_of_secondary},
	{"over_wfi", over_wfi},
	{"over_preemption", over_preemption},
	{"over_reply", over_reply},
	{"over_blocking_read", over_blocking_read},
	{"over_smc", over_smc},
	{"over_cpu_suspend", over_cpu_suspend},
	{"over_cpu_on", over_cpu_on},
	{"over_cpu_off", over_cpu_off},
	{"over_abort", over_abort},
	{"over_system_off", over_system_off},
	{"between_secondaries", between_secondaries},
	{"fresh_vm_sees_nothing", fresh_vm_sees_nothing},
	{"single_step_stays_here", single_step_stays_here},
	{"usual_and_not", usual_and_not},
	{NULL, NULL},
};

const struct suite suite_state = {"state", cases};
