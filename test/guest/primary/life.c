/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Suite `life`: VMs that are stopped and started anew by the primary, on this
 * CPU, while they run on others, and in every wrong order.
 */
#include <stddef.h>
#include "gic.h"
#include "smccc.h"
#include "smp.h"
#include "string.h"
#include "test.h"
#include "timer.h"
#include "vm.h"

#define MS UINT64_C(1000000)
#define PATIENCE_NS (UINT64_C(20000) * MS)
#define ABORTED(reason) \
	((uint64_t)(reason) << HF_VCPU_CODE_BITS | HF_VCPU_ABORTED)
#define STATE(state, reason) \
	((uint64_t)(state) | (uint64_t)(reason) << HF_VM_REASON_SHIFT)
#define STOPPED(reason) STATE(HF_VM_STOPPED, reason)

/* What one HF_VM_START does at most is a matter of the hypervisor. */
#define PIECE UINT64_C(0x40000)

static bool stop(uint32_t vm)
{
	uint64_t end = timer_now_ns() + PATIENCE_NS;
	int64_t result;

	do {
		result = hf_vm_stop(vm);
	} while (result == HF_AGAIN && timer_now_ns() < end);
	if (result == HF_DONE)
		return true;
	test_fail(__FILE__, __LINE__, "STOP of VM %u: %ld", vm, result);
	return false;
}

/* --- one VM, one CPU --- */

static void refused(void)
{
	uint32_t bad[] = {(uint32_t)hf_vm_get_count(), NO_VM, 1u << 31};
	unsigned int i;

	for (i = 0; i < 3; i++) {
		CHECK_EQ(hf_vm_stop(bad[i]), -1);
		CHECK_EQ(hf_vm_start(bad[i]), -1);
	}
	/* It runs, whether it has begun to or not. */
	CHECK_EQ(hf_vm_start(vm_named("echo")), -1);
	CHECK(vm_run_to_read(vm_named("service"), 0));
	CHECK_EQ(hf_vm_start(vm_named("service")), -1);
	CHECK_EQ(hf_vm_get_state(vm_named("service")), HF_VM_RUNNING);
	/* By HVC alone. */
	CHECK_EQ(smccc_smc(HF_VM_STOP, vm_named("echo"), 0, 0).x[0],
		 ~UINT64_C(0));
	CHECK_EQ(hf_vm_get_state(vm_named("echo")), HF_VM_RUNNING);
}

static void stopped(void)
{
	uint32_t vm = vm_named("echo");
	unsigned int i;

	for (i = 0; i < 3; i++) {
		CHECK_EQ(hf_vm_stop(vm), HF_DONE);
		CHECK_EQ(hf_vm_get_state(vm), STOPPED(HF_ABORT_STOPPED));
		CHECK_EQ(hf_vcpu_run(vm, 0), ABORTED(HF_ABORT_STOPPED));
		CHECK_EQ(hf_rpc_request(vm, 0), -1);
	}
	CHECK_EQ(hf_vcpu_get_count(vm), 1);
}

/* The first reason stays, also when it is stopped while it starts. */
static void reason_stays(void)
{
	uint32_t vm = vm_spare();

	if (test_over() || !vm_run_to_read(vm, 0))
		return;
	script_start();
	script_add(STEP_HVC, PSCI_SYSTEM_RESET, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	CHECK_EQ(vm_run(vm, 0), ABORTED(HF_ABORT_SYSTEM_RESET));
	CHECK_EQ(hf_vm_stop(vm), HF_DONE);
	CHECK_EQ(hf_vm_get_state(vm), STOPPED(HF_ABORT_SYSTEM_RESET));
	CHECK_EQ(hf_vm_start(vm), HF_AGAIN);
	CHECK_EQ(hf_vm_get_state(vm),
		 STATE(HF_VM_STARTING, HF_ABORT_SYSTEM_RESET));
	CHECK_EQ(hf_vcpu_run(vm, 0), ABORTED(HF_ABORT_SYSTEM_RESET));
	CHECK_EQ(hf_rpc_request(vm, 0), -1);
	CHECK_EQ(hf_vm_stop(vm), HF_DONE);
	CHECK_EQ(hf_vm_get_state(vm), STOPPED(HF_ABORT_SYSTEM_RESET));
	CHECK(vm_restart(vm));
	CHECK_EQ(hf_vm_get_state(vm), HF_VM_RUNNING);
	CHECK_EQ(hf_vm_start(vm), -1);
	step_run(vm, STEP_NOW, 0, 0, 0, 0);
}

/* A start is done in pieces, from the beginning if it was broken off. */
static void pieces(void)
{
	uint32_t vm = vm_named("other");
	unsigned int i, n = 0x200000 / PIECE;

	CHECK_EQ(hf_vm_stop(vm), HF_DONE);
	for (i = 0; i < n - 1; i++)
		CHECK_EQ(hf_vm_start(vm), HF_AGAIN);
	CHECK_EQ(hf_vm_stop(vm), HF_DONE);
	for (i = 0; i < n - 1; i++)
		CHECK_EQ(hf_vm_start(vm), HF_AGAIN);
	CHECK_EQ(hf_vm_start(vm), HF_DONE);
	CHECK_EQ(hf_vm_start(vm), -1);
	step_run(vm, STEP_NOW, 0, 0, 0, 0);
}

/* What the VM finds in its registers and its memory as if it were the first
 * time. */
static bool is_fresh(uint32_t vm)
{
	const struct step_result *r;

	script_start();
	script_add(STEP_ENTRY, 0, 0, 0, 0);
	script_add(STEP_SCAN, 0, 0, 0, 0);
	script_add(STEP_BOOT, 0, 0, 0, 0);
	script_add(STEP_BOOT_2, 0, 0, 0, 0);
	script_add(STEP_FACTS, 0, 0, 0, 0);
	if (!script_run(vm))
		return false;
	r = script_result(0);
	if (r->x[0] | r->x[1] | r->x[2] | r->x[3])
		test_fail(__FILE__, __LINE__,
			  "registers or memory: %lx %lx %lx %lx", r->x[0],
			  r->x[1], r->x[2], r->x[3]);
	r = script_result(1);
	if (r->x[0] || !r->x[2])
		test_fail(__FILE__, __LINE__,
			  "%lu bytes that are not 0, the first at 0x%lx",
			  r->x[0], r->x[1]);
	r = script_result(2);
	if (r->x[0] != script_result(4)->x[0] || (r->x[1] | r->x[2] | r->x[3]))
		test_fail(__FILE__, __LINE__, "x0-x3 at entry");
	return !test_over();
}

/* How a VM that has its secret all over ends, and the call that tells it. */
static const uint64_t ends[][2] = {
	{LEAVE_OFF, ABORTED(HF_ABORT_SYSTEM_OFF)},
	{LEAVE_RESET, ABORTED(HF_ABORT_SYSTEM_RESET)},
	{LEAVE_ABORT, ABORTED(HF_ABORT_MEMORY_ACCESS)},
	{LEAVE_WFI, HF_VCPU_WAIT_FOR_INTERRUPT},
};

/* Nothing of its last life is left: memory, registers, mailbox. */
static void fresh_after_each_end(void)
{
	uint32_t vm = vm_spare();
	unsigned int i;

	for (i = 0; i < 4 && !test_over(); i++) {
		CHECK(is_fresh(vm));
		script_start();
		script_add(STEP_SECRET, 0x123456789abcdef, ends[i][0], 0, 0);
		CHECK(script_send(vm) >= 0);
		CHECK_EQ(vm_run(vm, 0), ends[i][1]);
		CHECK_EQ(hf_vm_stop(vm), HF_DONE);
		CHECK(vm_restart(vm));
	}
	CHECK(is_fresh(vm));
}

/* The new life has no mailbox until it configures one, and no old message. */
static void new_mailbox(void)
{
	uint32_t vm = vm_spare();
	uint64_t *word = (uint64_t *)vm_send;

	CHECK(vm_run_to_read(vm, 0));
	/* Read, and not acknowledged. */
	script_start();
	script_add(STEP_WFI, 0, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	CHECK_EQ(vm_run(vm, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK_EQ(hf_vm_stop(vm), HF_DONE);
	CHECK(vm_restart(vm));
	*word = 0x5ec0;
	CHECK_EQ(hf_rpc_request(vm, 8), -1);
	CHECK(vm_run_to_read(vm, 0));
	step_run(vm, STEP_NOW, 0, 0, 0, 0);
	/* It waits in a read; then it is started, and nobody waits. */
	CHECK_EQ(hf_vm_stop(vm), HF_DONE);
	CHECK(vm_restart(vm));
	CHECK_EQ(hf_rpc_request(vm, 8), -1);
	step_run(vm, STEP_NOW, 0, 0, 0, 0);
}

/* Pending, and never read. */
static void pending_is_gone(void)
{
	uint32_t vm = vm_named("smp");

	CHECK(vm_run_to_read(vm, 0));
	script_start();
	script_add(STEP_WFI, 0, 0, 0, 0);
	script_add(STEP_HVC, HF_RPC_ACK, 0, 0, 0);
	script_add(STEP_WFI, 0, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	CHECK_EQ(vm_run(vm, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK_EQ(vm_run(vm, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	script_start();
	script_add(STEP_NOW, 0, 0, 0, 0);
	CHECK_EQ(script_send(vm), 0);
	CHECK_EQ(hf_vm_stop(vm), HF_DONE);
	CHECK(vm_restart(vm));
	CHECK(vm_run_to_read(vm, 0));
	CHECK_EQ(hf_vcpu_run(vm, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	step_run(vm, STEP_NOW, 0, 0, 0, 0);
}

/* vCPUs that were on, waiting or off are off; the first one starts. */
static void vcpus_are_off(void)
{
	uint32_t vm = vm_named("smp");
	unsigned int i, k;

	for (k = 0; k < 3; k++) {
		script_start();
		for (i = 1; i < 4; i++)
			script_add(STEP_CPU_ON, i, 0, 0, 0);
		CHECK(script_run(vm));
		for (i = 0; i < 3; i++)
			CHECK_EQ(script_result(i)->x[0], PSCI_SUCCESS);
		/* One waits, one is ready. */
		CHECK(vm_run_to_read(vm, 2));
		CHECK_EQ(hf_vm_stop(vm), HF_DONE);
		for (i = 0; i < 4; i++)
			CHECK_EQ(hf_vcpu_run(vm, i), ABORTED(HF_ABORT_STOPPED));
		CHECK(vm_restart(vm));
		for (i = 1; i < 4; i++)
			CHECK_EQ(hf_vcpu_run(vm, i),
				 HF_VCPU_WAIT_FOR_INTERRUPT);
		script_start();
		for (i = 1; i < 4; i++)
			script_add(STEP_HVC, PSCI_AFFINITY_INFO_64, i, 0, 0);
		CHECK(script_run(vm));
		for (i = 0; i < 3; i++)
			CHECK_EQ(script_result(i)->x[0], PSCI_OFF);
	}
}

/* Its counter starts again, and its timer is off. */
static void new_time(void)
{
	uint32_t vm = vm_named("other");

	script_start();
	script_add(STEP_SPIN_NS, 200 * MS, 0, 0, 0);
	script_add(STEP_TIMER_ARM, MS, 0, 0, 0);
	script_add(STEP_SPIN_NS, 2 * MS, 0, 0, 0);
	CHECK(script_run(vm));
	CHECK_EQ(hf_vm_stop(vm), HF_DONE);
	CHECK(vm_restart(vm));
	script_start();
	script_add(STEP_NOW, 0, 0, 0, 0);
	script_add(STEP_TIMER_FIRED, 0, 0, 0, 0);
	script_add(STEP_WFI, 0, 0, 0, 0);
	CHECK(vm_run_to_read(vm, 0));
	CHECK_EQ(script_send(vm), 1);
	CHECK_EQ(vm_run(vm, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK(script_finish(vm, 0));
	CHECK(script_result(0)->x[0] < 200 * MS);
	CHECK_EQ(script_result(1)->x[0], 0);
}

/* Output of the last life can still be read; input of it is gone. */
static void new_console(void)
{
	static const uint64_t input[2] = {0x616263};
	uint32_t vm = vm_named("other");
	uint64_t text[3];

	CHECK_EQ(hf_set_options(HF_OPTION_CONSOLE), 0);
	script_start();
	script_add(STEP_PRINT, 1, 0x0a796220, 0, 0); /* " by\n" */
	script_add(STEP_WRITE_DEVICE, 0x09000038, 4, 0x7ff, 0);
	CHECK(script_run(vm));
	CHECK_EQ(hf_console_write(vm, input, 3), 3);
	CHECK_EQ(hf_vm_stop(vm), HF_DONE);
	CHECK_EQ(hf_console_write(vm, input, 3), -1);
	CHECK(vm_restart(vm));
	CHECK_EQ(hf_console_read(vm, text), 4);
	CHECK_EQ(text[0], 0x0a796220);
	script_start();
	script_add(STEP_READ_DEVICE, 0x09000018, 4, 0, 0);
	script_add(STEP_READ_DEVICE, 0x09000038, 4, 0, 0);
	script_add(STEP_READ_DEVICE, 0x0900003c, 4, 0, 0);
	script_add(STEP_READ_DEVICE, 0x09000030, 4, 0, 0);
	CHECK(script_run(vm));
	CHECK_EQ(script_result(0)->x[0], 0x90);
	CHECK_EQ(script_result(1)->x[0], 0);
	CHECK_EQ(script_result(2)->x[0], 0);
	CHECK_EQ(script_result(3)->x[0], 0x300);
	CHECK_EQ(hf_set_options(0), HF_OPTION_CONSOLE);
}

/* Told of output before it turned itself off; then it was started anew. */
static void unfinished_is_gone(void)
{
	uint32_t vm = vm_named("other");

	CHECK_EQ(hf_set_options(HF_OPTION_CONSOLE), 0);
	script_start();
	script_add(STEP_PRINT, 1, 'x', 0, 0);
	script_add(STEP_HVC, PSCI_CPU_OFF, 0, 0, 0);
	CHECK(vm_run_to_read(vm, 0));
	CHECK_EQ(script_send(vm), 1);
	CHECK_EQ(vm_run(vm, 0), HF_VCPU_CONSOLE);
	CHECK_EQ(hf_vm_stop(vm), HF_DONE);
	CHECK(vm_restart(vm));
	CHECK_EQ(hf_set_options(0), HF_OPTION_CONSOLE);
	step_run(vm, STEP_NOW, 0, 0, 0, 0);
}

/* A ramdisk and bootargs are there in the second life, too. */
static void files_are_back(void)
{
	uint32_t vm = vm_named("files");
	struct step_result facts;
	unsigned int k;

	for (k = 0; k < 2; k++) {
		script_start();
		script_add(STEP_FACTS, 0, 0, 0, 0);
		CHECK(script_run(vm));
		if (!k)
			facts = *script_result(0);
		CHECK(!memcmp(&facts, script_result(0), sizeof(facts)));
		CHECK(is_fresh(vm));
		if (!k) {
			CHECK_EQ(hf_vm_stop(vm), HF_DONE);
			CHECK(vm_restart(vm));
		}
	}
}

/* --- several CPUs --- */

static struct {
	uint32_t vm;
	unsigned int stop; /* the others are to end */
	unsigned int bad;
	unsigned int lives;
} shared;

static unsigned int get(const unsigned int *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static void add_bad(void)
{
	__atomic_add_fetch(&shared.bad, 1, __ATOMIC_RELAXED);
}

static void run_once(void *result)
{
	*(uint64_t *)result = hf_vcpu_run(shared.vm, 0);
}

/* A VM that spins on another CPU, and would for ever. */
static void stop_of_a_spinning_vm(void)
{
	static uint64_t result;
	uint32_t vm = shared.vm = vm_named("service");
	uint64_t end;
	int64_t stopped;

	if (cpu_count() < 2)
		SKIP("one CPU");
	script_start();
	script_add(STEP_SPIN_NS, 1000000 * MS, 0, 0, 0);
	CHECK(vm_run_to_read(vm, 0));
	CHECK_EQ(script_send(vm), 1);
	CHECK_EQ(cpu_start(1, run_once, &result), PSCI_SUCCESS);
	timer_spin_ns(20 * MS);
	/* Nothing but a stopped VM is started. */
	CHECK_EQ(hf_vm_start(vm), -1);
	end = timer_now_ns() + PATIENCE_NS;
	do {
		stopped = hf_vm_stop(vm);
	} while (stopped == HF_AGAIN && timer_now_ns() < end);
	CHECK_EQ(stopped, HF_DONE);
	CHECK(cpu_wait_off(1));
	CHECK_EQ(result, ABORTED(HF_ABORT_STOPPED));
	CHECK(vm_restart(vm));
	step_run(vm, STEP_NOW, 0, 0, 0, 0);
}

/* Others are run meanwhile, and notice nothing. */
static void run_others(void *unused)
{
	uint32_t vm = vm_named("silent");

	(void)unused;
	while (!get(&shared.stop))
		if (hf_vcpu_code(hf_vcpu_run(vm, 0)) == HF_VCPU_ABORTED)
			add_bad();
}

static void restart_while_others_run(void)
{
	uint32_t vm = vm_named("big");
	unsigned int i;

	if (cpu_count() < 2)
		SKIP("one CPU");
	shared.stop = shared.bad = 0;
	CHECK_EQ(cpu_start(1, run_others, NULL), PSCI_SUCCESS);
	for (i = 0; i < 3 && !test_over(); i++) {
		step_run(vm, STEP_NOW, 0, 0, 0, 0);
		if (stop(vm))
			vm_restart(vm);
	}
	__atomic_store_n(&shared.stop, 1, __ATOMIC_RELEASE);
	CHECK(cpu_wait_off(1));
	CHECK_EQ(shared.bad, 0);
	CHECK(is_fresh(vm));
}

/*
 * All CPUs make all these calls at once, in no order, on one VM and its three
 * vCPUs. No result is other than those that there are; a vCPU that comes back
 * as aborted finds its VM stopped; and in the end the VM works.
 */
#define LIVES 2

enum hostile_call { RUN, STOP, START, REQUEST, GET_STATE };

static bool is_allowed(enum hostile_call call, int64_t result)
{
	switch (call) {
	case RUN:
		return hf_vcpu_code((uint64_t)result) <= HF_VCPU_MESSAGE_WANTED;
	case STOP:
		return result == HF_DONE || result == HF_AGAIN;
	case START:
		return result == HF_DONE || result == HF_AGAIN || result == -1;
	case REQUEST:
		return result >= -1 && result <= 4;
	default:
		result &= 0xff;
		return result >= HF_VM_RUNNING && result <= HF_VM_STARTING;
	}
}

static int64_t make_call(enum hostile_call call, uint32_t vm, uint32_t vcpu)
{
	switch (call) {
	case RUN:
		return (int64_t)hf_vcpu_run(vm, vcpu);
	case STOP:
		return hf_vm_stop(vm);
	case START:
		return hf_vm_start(vm);
	case REQUEST:
		return hf_rpc_request(vm, 8);
	default:
		return hf_vm_get_state(vm);
	}
}

/* A stop is rare: a start takes many calls. */
static enum hostile_call choose(uint64_t random)
{
	if (random < 24)
		return RUN;
	if (random < 56)
		return START;
	if (random < 60)
		return REQUEST;
	return random < 63 ? GET_STATE : STOP;
}

static void hostile(void *arg)
{
	uint64_t random = 0x9e3779b97f4a7c15 * (cpu_index() + 1);
	uint64_t end = timer_now_ns() + 10000 * MS;

	(void)arg;
	while (timer_now_ns() < end && get(&shared.lives) < LIVES) {
		enum hostile_call call;
		int64_t result;

		random = random * 6364136223846793005 + 1442695040888963407;
		call = choose(random >> 40 & 63);
		result = make_call(call, shared.vm, random >> 50 & 3);
		if (!is_allowed(call, result))
			add_bad();
		if (call == START && result == HF_DONE)
			__atomic_add_fetch(&shared.lives, 1, __ATOMIC_RELAXED);
		/* A reply that nobody expects here. */
		hf_rpc_ack();
	}
}

static void hostile_calls(void)
{
	uint32_t vm = shared.vm = vm_named("smp");

	vm_configure();
	shared.bad = 0;
	shared.lives = 0;
	CHECK(cpu_run_all(cpu_count(), hostile, NULL));
	CHECK_EQ(shared.bad, 0);
	CHECK(shared.lives >= LIVES);
	CHECK(stop(vm));
	CHECK(vm_restart(vm));
	CHECK(is_fresh(vm));
	step_run(vm_named("service"), STEP_NOW, 0, 0, 0, 0);
}

static const struct test_case cases[] = {
	{"refused", refused},
	{"stopped", stopped},
	{"reason_stays", reason_stays},
	{"pieces", pieces},
	{"fresh_after_each_end", fresh_after_each_end},
	{"new_mailbox", new_mailbox},
	{"pending_is_gone", pending_is_gone},
	{"vcpus_are_off", vcpus_are_off},
	{"new_time", new_time},
	{"new_console", new_console},
	{"unfinished_is_gone", unfinished_is_gone},
	{"files_are_back", files_are_back},
	{"stop_of_a_spinning_vm", stop_of_a_spinning_vm},
	{"restart_while_others_run", restart_while_others_run},
	{"hostile_calls", hostile_calls},
	{NULL, NULL},
};

const struct suite suite_life = {"life", cases};
