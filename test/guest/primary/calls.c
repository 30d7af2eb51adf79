/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Suite `calls`: the call convention, and each call with arguments that are
 * wrong or on the edge, from the primary and from a secondary.
 */
#include <stddef.h>
#include "dt.h"
#include "exception.h"
#include "machine.h"
#include "paint.h"
#include "smccc.h"
#include "test.h"
#include "vm.h"

#define HIGH UINT64_C(0xabcdef0100000000)
#define FAILED ((uint64_t)-1)

static uint64_t call(uint64_t fn, uint64_t a, uint64_t b, uint64_t c)
{
	return smccc_hvc(fn, a, b, c).x[0];
}

static unsigned int label_count(void)
{
	const uint32_t *node = dt_node("/hypervisor");
	unsigned int n = 0;

	for (node = node ? dt_child(node) : NULL; node; node = dt_sibling(node))
		n++;
	return n;
}

static void vm_get_count(void)
{
	CHECK_EQ(hf_vm_get_count(), label_count());
	CHECK_EQ(call(HIGH | HF_VM_GET_COUNT, 0, 0, 0), label_count());
}

static void vcpu_get_count(void)
{
	uint64_t count = (uint64_t)hf_vm_get_count();
	unsigned int k;

	CHECK_EQ(hf_vcpu_get_count(vm_named("echo")), 1);
	CHECK_EQ(hf_vcpu_get_count(vm_named("smp")), 4);
	CHECK_EQ(call(HF_VCPU_GET_COUNT, HIGH | vm_named("smp"), 0, 0), 4);
	CHECK_EQ(call(HF_VCPU_GET_COUNT, count, 0, 0), FAILED);
	CHECK_EQ(call(HF_VCPU_GET_COUNT, 0xffffffff, 0, 0), FAILED);
	for (k = 0; k < 32; k++) {
		uint64_t vm = UINT64_C(1) << k;

		if (vm >= count)
			CHECK_EQ(call(HF_VCPU_GET_COUNT, vm, 0, 0), FAILED);
	}
}

static void unknown_functions(void)
{
	static const uint32_t fns[] = {
		0,	    1,		0xfeff,	    0xff40,	0xff80,
		0xffff,	    0x1ff01,	0x7fffffff, 0xffffffff, 0x8000ff01,
		0x84000fff, 0x8600ff02, 0xc600ff01, 0x83000000, 0xbf00ff01,
	};
	unsigned int i;

	for (i = 0; i < sizeof(fns) / sizeof(fns[0]); i++) {
		struct smccc_result r = smccc_hvc(fns[i], 1, 2, 3);

		if (r.x[0] != FAILED)
			FAIL("function 0x%x answers 0x%lx", fns[i], r.x[0]);
		CHECK_EQ(r.x[1] | r.x[2] | r.x[3], 0);
	}
	for (i = 16; i < 32; i++)
		CHECK_EQ(call(HF_VM_GET_COUNT ^ UINT32_C(1) << i, 0, 0, 0),
			 FAILED);
}

/* Painted registers around a call: x4 and up survive, x1-x3 come back zero. */
static void check_painted(enum paint_kind kind, uint64_t fn, uint64_t a,
			  uint64_t b, uint64_t expected)
{
	struct paint before;
	struct paint after;
	uint64_t changed;

	paint_fill(&before, fn);
	before.x[0] = fn;
	before.x[1] = a;
	before.x[2] = b;
	paint_run(kind, &before, &after);
	changed = paint_compare(&before, &after) & ~PAINT_CALL_RESULTS;
	if (changed)
		FAIL("function 0x%lx changes registers: mask 0x%lx", fn,
		     changed);
	if (after.x[1] | after.x[2] | after.x[3])
		FAIL("function 0x%lx leaves x1-x3", fn);
	if (after.x[0] != expected)
		FAIL("function 0x%lx answers 0x%lx", fn, after.x[0]);
}

static void registers_survive(void)
{
	uint64_t none = (uint64_t)hf_vm_get_count();

	check_painted(PAINT_HVC, HF_VM_GET_COUNT, 0, 0, none);
	check_painted(PAINT_HVC, HF_VCPU_GET_COUNT, 0, 0, 1);
	check_painted(PAINT_HVC, HF_VCPU_RUN, none, 0,
		      HF_VCPU_WAIT_FOR_INTERRUPT);
	check_painted(PAINT_HVC, HF_VM_CONFIGURE, 1, 1, FAILED);
	check_painted(PAINT_HVC, HF_RPC_REQUEST, none, 0, FAILED);
	check_painted(PAINT_HVC, HF_RPC_READ_REQUEST, 0, 0, FAILED);
	check_painted(PAINT_HVC, HF_RPC_ACK, 0, 0, FAILED);
	check_painted(PAINT_HVC, HF_RPC_REPLY, 0, 0, FAILED);
	check_painted(PAINT_HVC, 0xffff, 0, 0, FAILED);
	check_painted(PAINT_HVC, PSCI_AFFINITY_INFO_64, ~0ull, 0,
		      (uint64_t)PSCI_INVALID_PARAMETERS);
	check_painted(PAINT_SMC, PSCI_AFFINITY_INFO_64, ~0ull, 0,
		      (uint64_t)PSCI_INVALID_PARAMETERS);
	check_painted(PAINT_SMC, 0xffff, 0, 0, FAILED);
}

/* The upper half of a function number means nothing, on no way of a call. */
static void upper_half_of_number(void)
{
	const uint64_t count = (uint64_t)hf_vm_get_count();
	const struct {
		uint64_t fn, a, b, expected;
	} rows[] = {
		{HF_VM_GET_COUNT, 0, 0, count},
		{HF_VCPU_GET_COUNT, vm_named("smp"), 0, 4},
		{HF_VCPU_RUN, count, 0, HF_VCPU_WAIT_FOR_INTERRUPT},
		{HF_VM_CONFIGURE, 1, 1, FAILED},
		{HF_RPC_REQUEST, count, 0, FAILED},
		{HF_RPC_READ_REQUEST, 0, 0, FAILED},
		{HF_RPC_ACK, 0, 0, FAILED},
		{HF_RPC_REPLY, 0, 0, FAILED},
		{HF_SET_OPTIONS, 0, 0, 0},
		{HF_VM_GET_STATE, count, 0, FAILED},
		{HF_VM_STOP, count, 0, FAILED},
		{HF_VM_START, count, 0, FAILED},
		{HF_CONSOLE_WRITE, count, 0, FAILED},
		{0xff0f, 0, 0, FAILED},
		{0xff10, 0, 0, FAILED},
		{0x1234, 0, 0, FAILED},
		{PSCI_VERSION, 0, 0, 0x10001},
		{SMCCC_VERSION, 0, 0, 0x10002},
		{PSCI_AFFINITY_INFO_64, ~0ull, 0,
		 (uint64_t)PSCI_INVALID_PARAMETERS},
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check_painted(PAINT_HVC, rows[i].fn, rows[i].a, rows[i].b,
			      rows[i].expected);
		check_painted(PAINT_HVC, HIGH | rows[i].fn, rows[i].a,
			      rows[i].b, rows[i].expected);
		check_painted(PAINT_HVC, UINT64_C(1) << 32 | rows[i].fn,
			      rows[i].a, rows[i].b, rows[i].expected);
	}
}

static void hvc_other_immediate(void)
{
	check_painted(PAINT_HVC_OTHER, HF_VM_GET_COUNT, 0, 0, FAILED);
	check_painted(PAINT_HVC_OTHER, PSCI_SYSTEM_OFF, 0, 0, FAILED);
}

/* The hypercalls are no SMCs. */
static void smc_is_no_hypercall(void)
{
	check_painted(PAINT_SMC, HF_VM_GET_COUNT, 0, 0, FAILED);
	check_painted(PAINT_SMC, HF_VCPU_GET_COUNT, 0, 0, FAILED);
}

static void el0_calls_undefined(void)
{
	struct trap trap = el0_run(el0_hvc, HF_VM_GET_COUNT, NULL);

	CHECK_EQ(ESR_EC(trap.esr), EC_UNKNOWN);
	trap = el0_run(el0_smc, PSCI_VERSION, NULL);
	CHECK_EQ(ESR_EC(trap.esr), EC_UNKNOWN);
}

static void check_standard_calls(struct smccc_result (*fn)(uint64_t, uint64_t,
							   uint64_t, uint64_t))
{
	int64_t version = (int64_t)fn(SMCCC_VERSION, 0, 0, 0).x[0];

	CHECK(version >= 0x10002 && version < 0x20000);
	CHECK_EQ(fn(SMCCC_ARCH_FEATURES, SMCCC_VERSION, 0, 0).x[0], 0);
	CHECK_EQ(fn(SMCCC_ARCH_FEATURES, SMCCC_ARCH_FEATURES, 0, 0).x[0], 0);
	CHECK_EQ((int32_t)fn(SMCCC_ARCH_FEATURES, 0x80001234, 0, 0).x[0], -1);
}

static void standard_calls(void)
{
	check_standard_calls(smccc_hvc);
	if (!test_over())
		check_standard_calls(smccc_smc);
}

/*
 * Calls that only the firmware can answer: who may make them, and what the one
 * of test/suites/firmware.py answers. Without it, QEMU's answers -1 to all.
 */
static const struct architecture_call {
	uint32_t fn;
	bool secondary;
	uint64_t feature; /* what SMCCC_ARCH_FEATURES says of it */
	uint64_t result;  /* with the argument 1 */
} architecture_calls[] = {
	{SMCCC_ARCH_SOC_ID, false, 0, 0x12346},
};

#define ARCHITECTURE_CALLS \
	(sizeof(architecture_calls) / sizeof(architecture_calls[0]))

/* The firmware of the test answers them with something else than -1. */
static const uint32_t not_passed_on[] = {
	0x80000003, /* architecture calls of another time */
	0x80007ffe,
	0xc0000002, /* SMCCC_ARCH_SOC_ID and WORKAROUND_1 of 64 bits */
	0xc0008000,
	0x81000001, /* CPU, */
	0x82000001, /* SiP, */
	0x83000001, /* OEM services */
	0x84000005, /* PSCI: MIGRATE, */
	0x8400000d, /* NODE_HW_STATE, */
	0xc400000e, /* SYSTEM_SUSPEND, */
	0xc4000012, /* SYSTEM_RESET2, */
	0x84000013, /* MEM_PROTECT */
	0x84000050, /* random numbers */
	0x84000060, /* secure partitions */
	0xb2000001, /* trusted applications and OS */
	0xbf00ff01,
	0x02000001, /* yielding calls */
	0x32000001,
};

#define NOT_PASSED_ON (sizeof(not_passed_on) / sizeof(not_passed_on[0]))

static void check_architecture_calls(
	struct smccc_result (*fn)(uint64_t, uint64_t, uint64_t, uint64_t))
{
	bool firmware = machine_number("firmware", 0);
	unsigned int i;

	for (i = 0; i < ARCHITECTURE_CALLS; i++) {
		const struct architecture_call *c = &architecture_calls[i];
		struct smccc_result r = fn(c->fn, 1, 2, 3);

		CHECK_EQ(r.x[0], firmware ? c->result : FAILED);
		CHECK_EQ(r.x[1] | r.x[2] | r.x[3], 0);
		r = fn(SMCCC_ARCH_FEATURES, c->fn, 0, 0);
		CHECK_EQ(r.x[0], firmware ? c->feature : FAILED);
	}
	for (i = 0; i < NOT_PASSED_ON; i++) {
		if (fn(not_passed_on[i], 1, 2, 3).x[0] != FAILED ||
		    fn(SMCCC_ARCH_FEATURES, not_passed_on[i], 0, 0).x[0] !=
			    FAILED)
			FAIL("0x%x is answered", not_passed_on[i]);
	}
}

static void architecture_calls_of_primary(void)
{
	check_architecture_calls(smccc_hvc);
	if (!test_over())
		check_architecture_calls(smccc_smc);
}

/* By HVC; its SMC is never looked at. */
static void architecture_calls_of_secondary(void)
{
	bool firmware = machine_number("firmware", 0);
	unsigned int i;

	script_start();
	for (i = 0; i < ARCHITECTURE_CALLS; i++) {
		uint32_t fn = architecture_calls[i].fn;

		script_add(STEP_HVC, fn, 1, 0, 0);
		script_add(STEP_HVC, SMCCC_ARCH_FEATURES, fn, 0, 0);
		script_add(STEP_SMC, fn, 1, 0, 0);
	}
	for (i = 0; i < NOT_PASSED_ON; i++)
		script_add(STEP_HVC, not_passed_on[i], 1, 0, 0);
	if (!script_run(vm_named("service")))
		return;
	for (i = 0; i < ARCHITECTURE_CALLS; i++) {
		const struct architecture_call *c = &architecture_calls[i];
		bool answered = firmware && c->secondary;

		CHECK_EQ(script_result(3 * i)->x[0],
			 answered ? c->result : FAILED);
		CHECK_EQ(script_result(3 * i + 1)->x[0],
			 answered ? c->feature : FAILED);
		CHECK_EQ(script_result(3 * i + 2)->x[0], FAILED);
	}
	for (i = 0; i < NOT_PASSED_ON; i++)
		CHECK_EQ(script_result(3 * ARCHITECTURE_CALLS + i)->x[0],
			 FAILED);
}

static void check_uid(const uint64_t *x)
{
	CHECK_EQ(x[0], HF_UID_0);
	CHECK_EQ(x[1], HF_UID_1);
	CHECK_EQ(x[2], HF_UID_2);
	CHECK_EQ(x[3], HF_UID_3);
}

static void vendor_uid(void)
{
	struct smccc_result r = smccc_hvc(HF_SMCCC_VENDOR_HYP_UID, 0, 0, 0);

	check_uid(r.x);
	r = smccc_hvc(HF_SMCCC_VENDOR_HYP_REVISION, 0, 0, 0);
	CHECK((int64_t)r.x[0] >= 0);
	CHECK_EQ(r.x[2] | r.x[3], 0);
}

static void secondary_only_calls(void)
{
	CHECK_EQ(hf_rpc_read_request(0), -1);
	CHECK_EQ(hf_rpc_read_request(1), -1);
	CHECK_EQ(hf_rpc_reply(0, 0), -1);
	CHECK_EQ(hf_rpc_reply(0, 1), -1);
}

static void ack_nothing(void)
{
	CHECK_EQ(hf_rpc_ack(), -1);
	vm_configure();
	CHECK_EQ(hf_rpc_ack(), -1);
}

static void set_options(void)
{
	CHECK_EQ(hf_set_options(HF_OPTION_MESSAGE_WANTED), 0);
	CHECK_EQ(hf_set_options(0), HF_OPTION_MESSAGE_WANTED);
	CHECK_EQ(hf_set_options(0), 0);
	for (unsigned int k = 2; k < 64; k++)
		CHECK_EQ(hf_set_options(UINT64_C(1) << k), -1);
	CHECK_EQ(hf_set_options(0), 0);
}

/* The calls of a secondary, one row each, and what it gets in x0. */
static void secondary_calls(void)
{
	const uint64_t count = (uint64_t)hf_vm_get_count();
	const struct {
		uint64_t fn, a, b, expected;
	} rows[] = {
		{HF_VM_GET_COUNT, 0, 0, count},
		{HIGH | HF_VM_GET_COUNT, 0, 0, count},
		{HF_VCPU_GET_COUNT, vm_named("smp"), 0, 4},
		{HF_VCPU_GET_COUNT, HIGH | vm_named("smp"), 0, 4},
		{HF_VCPU_GET_COUNT, count, 0, FAILED},
		{HF_VCPU_RUN, vm_named("echo"), 0, HF_VCPU_WAIT_FOR_INTERRUPT},
		{HF_VCPU_RUN, vm_named("service"), 0,
		 HF_VCPU_WAIT_FOR_INTERRUPT},
		{HF_RPC_REQUEST, vm_named("echo"), 0, FAILED},
		{HF_SET_OPTIONS, 1, 0, FAILED},
		{HF_VM_CONFIGURE, 0x40100000, 0x40101000, FAILED},
		{HF_RPC_READ_REQUEST, 0, 0, FAILED},
		{HF_RPC_REPLY, 4097, 0, FAILED},
		{HF_RPC_REPLY, UINT64_C(1) << 31, 1, FAILED},
		{HF_RPC_REPLY, (UINT64_C(1) << 32) + 8, 1, FAILED},
		{HF_RPC_REPLY, UINT64_C(1) << 63, 1, FAILED},
		{HF_VM_GET_STATE, vm_named("service"), 0, FAILED},
		{HF_VM_STOP, vm_named("service"), 0, FAILED},
		{HF_LOG_READ, 0, 0, FAILED},
		{0xff0f, 0, 0, FAILED},
		{0xff10, 0, 0, FAILED},
		{HIGH | PSCI_VERSION, 0, 0, 0x10001},
		{HIGH | 0xffff, 0, 0, FAILED},
		{0xffff, 0, 0, FAILED},
		{0, 0, 0, FAILED},
	};
	const unsigned int n = sizeof(rows) / sizeof(rows[0]);
	unsigned int i;

	script_start();
	for (i = 0; i < n; i++)
		script_add(STEP_HVC, rows[i].fn, rows[i].a, rows[i].b, 7);
	if (!script_run(vm_named("service")))
		return;
	for (i = 0; i < n; i++) {
		const struct step_result *r = script_result(i);

		if (r->x[0] != rows[i].expected)
			FAIL("call %u: 0x%lx answers 0x%lx", i, rows[i].fn,
			     r->x[0]);
		if (r->changed || r->x[1] | r->x[2] | r->x[3])
			FAIL("call %u: 0x%lx changes 0x%lx", i, rows[i].fn,
			     r->changed);
	}
}

static void secondary_conventions(void)
{
	script_start();
	script_add(STEP_HVC_OTHER, HF_VM_GET_COUNT, 0, 0, 0);
	script_add(STEP_EL0, 0, 0, 0, 0);
	script_add(STEP_EL0, 1, 0, 0, 0);
	script_add(STEP_HVC, SMCCC_VERSION, 0, 0, 0);
	script_add(STEP_HVC, HF_SMCCC_VENDOR_HYP_UID, 0, 0, 0);
	script_add(STEP_HVC, HF_SMCCC_VENDOR_HYP_REVISION, 0, 0, 0);
	script_add(STEP_HVC, SMCCC_ARCH_FEATURES, SMCCC_VERSION, 0, 0);
	script_add(STEP_HVC, SMCCC_ARCH_FEATURES, 0x80001234, 0, 0);
	if (!script_run(vm_named("service")))
		return;
	CHECK_EQ(script_result(0)->x[0], FAILED);
	CHECK_EQ(script_result(0)->changed, 0);
	CHECK_EQ(ESR_EC(script_result(1)->esr), EC_UNKNOWN);
	CHECK_EQ(ESR_EC(script_result(2)->esr), EC_UNKNOWN);
	CHECK(script_result(3)->x[0] >= 0x10001);
	check_uid(script_result(4)->x);
	CHECK_EQ(script_result(5)->x[0], HF_ABI_VERSION);
	CHECK_EQ(script_result(6)->x[0], 0);
	CHECK_EQ(script_result(7)->x[0], FAILED);
}

static const struct test_case cases[] = {
	{"vm_get_count", vm_get_count},
	{"vcpu_get_count", vcpu_get_count},
	{"unknown_functions", unknown_functions},
	{"registers_survive", registers_survive},
	{"upper_half_of_number", upper_half_of_number},
	{"hvc_other_immediate", hvc_other_immediate},
	{"smc_is_no_hypercall", smc_is_no_hypercall},
	{"el0_calls_undefined", el0_calls_undefined},
	{"standard_calls", standard_calls},
	{"architecture_calls_of_primary", architecture_calls_of_primary},
	{"architecture_calls_of_secondary", architecture_calls_of_secondary},
	{"vendor_uid", vendor_uid},
	{"secondary_only_calls", secondary_only_calls},
	{"ack_nothing", ack_nothing},
	{"set_options", set_options},
	{"secondary_calls", secondary_calls},
	{"secondary_conventions", secondary_conventions},
	{NULL, NULL},
};

const struct suite suite_calls = {"calls", cases};
