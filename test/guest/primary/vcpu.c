/* SPDX-License-Identifier: BSD-3-Clause */
/* Suite `vcpu`: HF_VCPU_RUN and how a vCPU comes back from it. */
#include <stddef.h>
#include "gic.h"
#include "mmu.h"
#include "smccc.h"
#include "smp.h"
#include "test.h"
#include "timer.h"
#include "vm.h"

#define MS UINT64_C(1000000)
#define ABORTED(reason) \
	((uint64_t)(reason) << HF_VCPU_CODE_BITS | HF_VCPU_ABORTED)

static void cannot_be_run(void)
{
	uint64_t count = (uint64_t)hf_vm_get_count();
	uint32_t smp = vm_named("smp");
	unsigned int k;

	CHECK_EQ(hf_vcpu_run((uint32_t)count, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK_EQ(hf_vcpu_run(NO_VM, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK_EQ(hf_vcpu_run(smp, 4), HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK_EQ(hf_vcpu_run(smp, NO_VM), HF_VCPU_WAIT_FOR_INTERRUPT);
	for (k = 2; k < 32; k++)
		CHECK_EQ(hf_vcpu_run(smp, UINT32_C(1) << k),
			 HF_VCPU_WAIT_FOR_INTERRUPT);
	/* Off until the VM turns it on. */
	CHECK_EQ(hf_vcpu_run(smp, 1), HF_VCPU_WAIT_FOR_INTERRUPT);
}

static void waits_in_read(void)
{
	uint32_t vm = vm_named("service");

	vm_configure();
	if (!vm_run_to_read(vm, 0))
		return;
	CHECK_EQ(hf_vcpu_run(vm, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK_EQ(hf_vcpu_run(vm, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
}

static void wfi_without_timer(void)
{
	uint32_t vm = vm_named("service");

	script_start();
	script_add(STEP_WFI, 0, 0, 0, 0);
	script_add(STEP_WFI, 0, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	CHECK_EQ(vm_run(vm, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK_EQ(vm_run(vm, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	script_finish(vm, 0);
}

static void wfi_with_timer(void)
{
	uint32_t vm = vm_named("service");
	uint64_t result;
	uint64_t ns;

	script_start();
	script_add(STEP_TIMER_ARM, 50 * MS, 0, 0, 0);
	script_add(STEP_WFI, 0, 0, 0, 0);
	script_add(STEP_TIMER_FIRED, 0, 0, 0, 0);
	script_add(STEP_TIMER_STOP, 0, 0, 0, 0);
	script_add(STEP_WFI, 0, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	result = vm_run(vm, 0);
	ns = hf_vcpu_payload(result);
	CHECK_EQ(hf_vcpu_code(result), HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK(ns > 0 && ns <= 50 * MS);
	timer_spin_ns(ns);
	/* Stopped: the next wait has no end of its own. */
	CHECK_EQ(vm_run(vm, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	if (!script_finish(vm, 0))
		return;
	CHECK_EQ(script_result(2)->x[0], 1);
}

/* A WFI whose wake-up came before it must not be reported as endless. */
#define CNTV_CTL SYSREG(3, 3, 14, 3, 1)
#define CNTV_CVAL SYSREG(3, 3, 14, 3, 2)

static void add_reply(void)
{
	script_add(STEP_HVC, HF_RPC_REPLY, 0, 0, 0);
}

/* Its timer's registers are a VM's own, when the timer has fired and after. */
static void timer_registers_stay(void)
{
	uint32_t vm = vm_named("service");
	static const struct {
		uint8_t step;
		uint64_t value;
	} expected[] = {{2, 1}, {4, 1}, {7, 3}, {9, 3}};
	unsigned int i;

	script_start();
	script_add(STEP_TIMER_ARM, 1000, 0, 0, 0);
	script_add(STEP_SPIN_NS, MS, 0, 0, 0);
	script_add(STEP_MRS, CNTV_CTL, 0, 0, 0);
	add_reply();
	script_add(STEP_MRS, CNTV_CTL, 0, 0, 0);
	script_add(STEP_MSR, CNTV_CTL, 3, 0, 0);
	/* Not all ones: QEMU 7.2 hangs when that and CNTVOFF_EL2 wrap. */
	script_add(STEP_MSR, CNTV_CVAL, UINT64_C(1) << 62, 0, 0);
	script_add(STEP_MRS, CNTV_CTL, 0, 0, 0);
	add_reply();
	script_add(STEP_MRS, CNTV_CTL, 0, 0, 0);
	script_add(STEP_TIMER_STOP, 0, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	for (i = 0; i < 2; i++) {
		CHECK_EQ(hf_vcpu_code(vm_run(vm, 0)), HF_VCPU_RESPONSE_READY);
		CHECK_EQ(hf_rpc_ack(), 0);
	}
	if (!script_finish(vm, 0))
		return;
	for (i = 0; i < 4; i++)
		/* ENABLE, IMASK; QEMU is late with ISTATUS now and then. */
		CHECK_EQ(script_result(expected[i].step)->x[0] & 3,
			 expected[i].value);
}

static void wfi_after_timer(void)
{
	uint32_t vm = vm_named("service");
	uint64_t result;

	script_start();
	script_add(STEP_TIMER_ARM, 1000, 0, 0, 0);
	script_add(STEP_SPIN_NS, MS, 0, 0, 0);
	script_add(STEP_WFI, 0, 0, 0, 0);
	script_add(STEP_TIMER_STOP, 0, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	result = vm_run(vm, 0);
	CHECK(result != HF_VCPU_WAIT_FOR_INTERRUPT);
	if (hf_vcpu_code(result) == HF_VCPU_RESPONSE_READY) {
		CHECK_EQ(hf_rpc_ack(), 0);
		vm_run_to_read(vm, 0);
		return;
	}
	script_finish(vm, 0);
}

/*
 * The same, with the interrupt of the VM's timer having ended its run: what the
 * hypervisor does so that it can go on must not hide the timer from its WFI.
 */
static void wfi_after_interrupt_of_timer(void)
{
	uint32_t vm = vm_named("service");
	uint64_t result;

	gic_enable(timer_intid(TIMER_VIRTUAL));
	script_start();
	script_add(STEP_TIMER_ARM, MS, 0, 0, 0);
	script_add(STEP_SPIN_NS, 100 * MS, 0, 0, 0);
	script_add(STEP_WFI, 0, 0, 0, 0);
	script_add(STEP_TIMER_STOP, 0, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	CHECK_EQ(hf_vcpu_run(vm, 0), HF_VCPU_YIELD);
	result = vm_run(vm, 0);
	CHECK(result != HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK_EQ(hf_vcpu_code(result), HF_VCPU_RESPONSE_READY);
	CHECK_EQ(hf_rpc_ack(), 0);
	vm_run_to_read(vm, 0);
}

/* A timer of the primary takes the CPU back from a VM that spins. */
static void check_preemption(enum timer timer)
{
	uint32_t vm = vm_named("service");
	uint64_t start = timer_now_ns();
	uint64_t time;

	gic_enable(timer_intid(timer));
	script_start();
	script_add(STEP_SPIN_NS, 1000 * MS, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	timer_arm(timer, 5 * MS, true);
	CHECK_EQ(hf_vcpu_run(vm, 0), HF_VCPU_YIELD);
	time = timer_now_ns() - start;
	CHECK(time >= 5 * MS);
	CHECK(time < 900 * MS);
	/* The interrupt is the primary's, and still there. */
	CHECK(timer_fired(timer));
	CHECK(gic_wait(timer_intid(timer), 1));
	script_finish(vm, 0);
}

static void preempted_by_physical_timer(void)
{
	check_preemption(TIMER_PHYSICAL);
}

static void preempted_by_virtual_timer(void)
{
	check_preemption(TIMER_VIRTUAL);
}

/* With an interrupt pending already it does not get far. */
static void preempted_at_once(void)
{
	uint32_t vm = vm_named("service");
	unsigned int i;

	gic_enable(timer_intid(TIMER_PHYSICAL));
	script_start();
	script_add(STEP_SPIN_NS, MS, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	timer_arm(TIMER_PHYSICAL, 0, true);
	timer_spin_ns(MS);
	for (i = 0; i < 5; i++)
		CHECK_EQ(hf_vcpu_run(vm, 0), HF_VCPU_YIELD);
	CHECK(gic_wait(timer_intid(TIMER_PHYSICAL), 1));
	script_finish(vm, 0);
}

/*
 * With an interrupt pending at entry the vCPU does nothing at all: its script,
 * short as it is, gets nowhere. The interrupt stays for the primary.
 */
static void pending_at_entry(void)
{
	uint32_t vm = vm_named("service");
	unsigned int i;

	script_start();
	script_add(STEP_NOW, 0, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	gic_send(0, 6);
	timer_spin_ns(MS);
	for (i = 0; i < 100; i++)
		CHECK_EQ(hf_vcpu_run(vm, 0), HF_VCPU_YIELD);
	CHECK(gic_wait(6, 1));
	script_finish(vm, 0);
}

/* The primary's timers keep their setting while a VM uses its own. */
static void timers_do_not_mix(void)
{
	uint32_t vm = vm_named("service");

	script_start();
	script_add(STEP_TIMER_ARM, 1, 0, 0, 0);
	script_add(STEP_SPIN_NS, MS, 0, 0, 0);
	script_add(STEP_WFI, 0, 0, 0, 0);
	script_add(STEP_TIMER_FIRED, 0, 0, 0, 0);
	script_add(STEP_TIMER_STOP, 0, 0, 0, 0);
	timer_arm(TIMER_VIRTUAL, 20000 * MS, true);
	timer_arm(TIMER_PHYSICAL, 20000 * MS, true);
	CHECK_EQ(script_send(vm), 1);
	if (!script_finish(vm, 0))
		return;
	CHECK_EQ(script_result(3)->x[0], 1);
	CHECK(!timer_fired(TIMER_VIRTUAL) && !timer_fired(TIMER_PHYSICAL));
	timer_stop(TIMER_VIRTUAL);
	timer_stop(TIMER_PHYSICAL);
}

static void check_ends(uint64_t fn, uint64_t reason)
{
	uint32_t vm = vm_spare();

	if (test_over() || !vm_run_to_read(vm, 0))
		return;
	script_start();
	script_add(STEP_HVC, fn, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	CHECK_EQ(vm_run(vm, 0), ABORTED(reason));
	CHECK_EQ(vm_run(vm, 0), ABORTED(reason));
	/* The others go on. */
	step_run(vm_named("service"), STEP_NOW, 0, 0, 0, 0);
}

static void system_off(void)
{
	check_ends(PSCI_SYSTEM_OFF, HF_ABORT_SYSTEM_OFF);
}

static void system_reset(void)
{
	check_ends(PSCI_SYSTEM_RESET, HF_ABORT_SYSTEM_RESET);
}

/* No vCPU of a VM that ended runs, whatever it was doing, and no request is
 * taken for it. */
static void ended_for_all_vcpus(void)
{
	uint64_t ended = ABORTED(HF_ABORT_SYSTEM_OFF);
	uint32_t vm = vm_named("smp");
	unsigned int i;

	script_start();
	script_add(STEP_HVC, HF_RPC_ACK, 0, 0, 0);
	script_add(STEP_HVC, PSCI_SYSTEM_OFF, 0, 0, 0);
	i = (unsigned int)script_send(vm) - 1;
	CHECK(i < 4);
	CHECK_EQ(vm_run(vm, i), ended);
	for (i = 0; i < 4; i++)
		CHECK_EQ(hf_vcpu_run(vm, i), ended);
	CHECK_EQ(hf_vcpu_run(vm, 4), HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK_EQ(hf_rpc_request(vm, 8), -1);
	CHECK_EQ(hf_vcpu_get_count(vm), 4);
	step_run(vm_named("service"), STEP_NOW, 0, 0, 0, 0);
}

static void turn_on(void)
{
	uint64_t vm = vm_named("smp");
	uint64_t wake_up = (vm << HF_WAKE_UP_VM_SHIFT | 1) << HF_VCPU_CODE_BITS;

	if (!vm_run_to_read((uint32_t)vm, 0))
		return;
	script_start();
	script_add(STEP_CPU_ON, 1, 0, 0, 0);
	script_add(STEP_CPU_ON, 1, 0, 0, 0);
	script_add(STEP_HVC, PSCI_AFFINITY_INFO_64, 1, 0, 0);
	script_add(STEP_HVC, PSCI_AFFINITY_INFO_64, 2, 0, 0);
	CHECK_EQ(script_send((uint32_t)vm), 1);
	CHECK_EQ(vm_run((uint32_t)vm, 0), wake_up | HF_VCPU_WAKE_UP);
	if (!script_finish((uint32_t)vm, 0))
		return;
	CHECK_EQ(script_result(0)->x[0], PSCI_SUCCESS);
	CHECK_EQ(script_result(1)->x[0], (uint64_t)PSCI_ALREADY_ON);
	CHECK_EQ(script_result(2)->x[0], PSCI_ON);
	CHECK_EQ(script_result(3)->x[0], PSCI_OFF);
	vm_run_to_read((uint32_t)vm, 1);
}

/* Requests go to the vCPUs in the order in which they began to wait. */
static void waiters_first_in_first_out(void)
{
	uint32_t vm = vm_named("smp");
	unsigned int i;

	for (i = 0; i < 6; i++) {
		script_start();
		script_add(STEP_FACTS, 0, 0, 0, 0);
		CHECK_EQ(script_send(vm), i % 2 + 1);
		if (!script_finish(vm, i % 2))
			return;
		CHECK_EQ(script_result(0)->x[3], i % 2);
		CHECK_EQ(script_result(0)->x[2] & 0xffffff, i % 2);
	}
}

/* Four vCPUs wait: requests go to them in the order in which they began. */
static void four_waiters_in_order(void)
{
	uint32_t vm = vm_named("smp");
	unsigned int order[4];
	unsigned int i;

	script_start();
	script_add(STEP_CPU_ON, 2, 0, 0, 0);
	script_add(STEP_CPU_ON, 3, 0, 0, 0);
	order[1] = (unsigned int)script_send(vm) - 1;
	CHECK(order[1] < 2);
	order[0] = 1 - order[1];
	order[2] = 3;
	order[3] = 2;
	if (!script_finish(vm, order[1]) || !vm_run_to_read(vm, 3) ||
	    !vm_run_to_read(vm, 2))
		return;
	for (i = 0; i < 12; i++) {
		script_start();
		script_add(STEP_FACTS, 0, 0, 0, 0);
		CHECK_EQ(script_send(vm), order[i % 4] + 1);
		if (!script_finish(vm, order[i % 4]))
			return;
		CHECK_EQ(script_result(0)->x[3], order[i % 4]);
	}
}

/*
 * Two vCPUs of a VM take turns on this CPU. At one address, under one ASID,
 * each has a page of its own.
 */
static void no_translation_of_another_vcpu(void)
{
	uint32_t vm = vm_named("smp");
	unsigned int i;

	for (i = 0; i < 12; i++) {
		script_start();
		if (i < 2)
			script_add(STEP_PRIVATE, 100 + i, 0, 0, 0);
		script_add(STEP_LOAD, PRIVATE_DATA, 0, 0, 0);
		CHECK_EQ(script_send(vm), i % 2 + 1);
		if (!script_finish(vm, i % 2))
			return;
		CHECK_EQ(script_result(i < 2)->x[0], 100 + i % 2);
	}
}

static void turn_off(void)
{
	uint32_t vm = vm_named("smp");

	/* vCPU 0 waits first; the second request is for vCPU 1. */
	script_start();
	script_add(STEP_NOW, 0, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	if (!script_finish(vm, 0))
		return;
	script_start();
	script_add(STEP_HVC, HF_RPC_ACK, 0, 0, 0);
	script_add(STEP_HVC, PSCI_CPU_OFF, 0, 0, 0);
	CHECK_EQ(script_send(vm), 2);
	CHECK_EQ(vm_run(vm, 1), HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK_EQ(hf_vcpu_run(vm, 1), HF_VCPU_WAIT_FOR_INTERRUPT);
	script_start();
	script_add(STEP_HVC, PSCI_AFFINITY_INFO_64, 1, 0, 0);
	script_add(STEP_CPU_ON, 1, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	if (!script_finish(vm, 0))
		return;
	CHECK_EQ(script_result(0)->x[0], PSCI_OFF);
	CHECK_EQ(script_result(1)->x[0], PSCI_SUCCESS);
	vm_run_to_read(vm, 1);
}

static void secondary_psci(void)
{
	static const struct {
		uint64_t fn, a, b;
		int64_t low, high;
	} rows[] = {
		{PSCI_VERSION, 0, 0, 0x10001, 0x10001},
		{PSCI_FEATURES, PSCI_CPU_ON_64, 0, 0, 0x7fffffff},
		{PSCI_FEATURES, PSCI_CPU_OFF, 0, 0, 0x7fffffff},
		{PSCI_FEATURES, PSCI_SYSTEM_OFF, 0, 0, 0x7fffffff},
		{PSCI_FEATURES, SMCCC_VERSION, 0, 0, 0x7fffffff},
		{PSCI_FEATURES, 0x84000fff, 0, -1, -1},
		{PSCI_CPU_ON_64, 0, 0x40000000, -4, -4},
		{PSCI_CPU_ON_64, 9, 0x40000000, -2, -2},
		{PSCI_CPU_ON_64, 0x100, 0x40000000, -2, -2},
		{PSCI_CPU_ON_64, ~0ull, 0x40000000, -2, -2},
		{PSCI_CPU_ON_64, 2, 0, -9, -9},
		{PSCI_CPU_ON_64, 2, 0x3ffffffc, -9, -9},
		{PSCI_CPU_ON_64, 2, 0x40400000, -9, -9},
		{PSCI_CPU_ON_64, 2, 1ull << 63, -9, -9},
		{PSCI_AFFINITY_INFO_64, 0, 0, 0, 0},
		{PSCI_AFFINITY_INFO_64, 9, 0, -2, -2},
	};
	const unsigned int n = sizeof(rows) / sizeof(rows[0]);
	uint32_t vm = vm_named("smp");
	unsigned int i;

	script_start();
	for (i = 0; i < n; i++)
		script_add(STEP_HVC, rows[i].fn, rows[i].a, rows[i].b, 0);
	if (!script_run(vm))
		return;
	for (i = 0; i < n; i++) {
		int64_t x0 = (int32_t)script_result(i)->x[0];

		if (x0 < rows[i].low || x0 > rows[i].high)
			FAIL("PSCI 0x%lx(0x%lx, 0x%lx) is %ld", rows[i].fn,
			     rows[i].a, rows[i].b, x0);
		CHECK_EQ(script_result(i)->changed, 0);
	}
}

static const struct test_case cases[] = {
	{"cannot_be_run", cannot_be_run},
	{"waits_in_read", waits_in_read},
	{"wfi_without_timer", wfi_without_timer},
	{"wfi_with_timer", wfi_with_timer},
	{"timer_registers_stay", timer_registers_stay},
	{"wfi_after_timer", wfi_after_timer},
	{"wfi_after_interrupt_of_timer", wfi_after_interrupt_of_timer},
	{"preempted_by_physical_timer", preempted_by_physical_timer},
	{"preempted_by_virtual_timer", preempted_by_virtual_timer},
	{"preempted_at_once", preempted_at_once},
	{"pending_at_entry", pending_at_entry},
	{"timers_do_not_mix", timers_do_not_mix},
	{"system_off", system_off},
	{"system_reset", system_reset},
	{"turn_on", turn_on},
	{"waiters_first_in_first_out", waiters_first_in_first_out},
	{"no_translation_of_another_vcpu", no_translation_of_another_vcpu},
	{"turn_off", turn_off},
	{"secondary_psci", secondary_psci},
	{"four_waiters_in_order", four_waiters_in_order},
	{"ended_for_all_vcpus", ended_for_all_vcpus},
	{NULL, NULL},
};

const struct suite suite_vcpu = {"vcpu", cases};
