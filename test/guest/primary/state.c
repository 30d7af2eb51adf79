/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Suite `state`: no register of one VM is changed by another's run, at every
 * way of leaving a vCPU. Both sides paint their general, FP/SIMD and system
 * registers.
 */
#include <stddef.h>
#include "gic.h"
#include "paint.h"
#include "test.h"
#include "timer.h"
#include "vm.h"

#define MS UINT64_C(1000000)
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

static const struct test_case cases[] = {
	{"over_wfi", over_wfi},
	{"over_preemption", over_preemption},
	{"over_reply", over_reply},
	{"over_blocking_read", over_blocking_read},
	{"over_smc", over_smc},
	{"between_secondaries", between_secondaries},
	{"fresh_vm_sees_nothing", fresh_vm_sees_nothing},
	{NULL, NULL},
};

const struct suite suite_state = {"state", cases};
