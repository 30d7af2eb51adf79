/* SPDX-License-Identifier: BSD-3-Clause */
/* Suite `smp`: several CPUs call at once. */
#include <stddef.h>
#include "gic.h"
#include "smp.h"
#include "string.h"
#include "test.h"
#include "timer.h"
#include "vm.h"

#define MS UINT64_C(1000000)
#define REQUESTS 3000
#define PATIENCE_NS (UINT64_C(60000) * MS)

/* What the CPUs of a case share. */
static struct {
	struct barrier barrier;
	unsigned int done;     /* requests answered */
	unsigned int bad;      /* wrong size or content */
	unsigned int failures; /* anything else */
} shared;

static void add(unsigned int *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

static unsigned int get(const unsigned int *counter)
{
	return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

/* Message `n`: its size and its bytes follow from n. */
static uint64_t message_size(unsigned int n)
{
	return 8 + n * 37 % 500 * 8;
}

static void make_message(unsigned int n)
{
	uint64_t i;

	for (i = 0; i < message_size(n) / 8; i++)
		((uint64_t *)vm_send)[i] = n * UINT64_C(0x100000001) + i;
}

static bool message_is(unsigned int n, uint64_t size)
{
	uint64_t i;

	if (size != message_size(n))
		return false;
	for (i = 0; i < size / 8; i++) {
		if (((uint64_t *)vm_recv)[i] != n * UINT64_C(0x100000001) + i)
			return false;
	}
	return true;
}

/* Takes the answer to request number `done`, if this RUN brought it. */
static void take(uint64_t result)
{
	if (hf_vcpu_code(result) == HF_VCPU_ABORTED)
		add(&shared.failures);
	if (hf_vcpu_code(result) != HF_VCPU_RESPONSE_READY)
		return;
	if (!message_is(get(&shared.done), hf_vcpu_payload(result)))
		add(&shared.bad);
	if (hf_rpc_ack())
		add(&shared.failures);
	__atomic_add_fetch(&shared.done, 1, __ATOMIC_ACQ_REL);
}

/* CPU 0 sends, and all CPUs run the vCPU. */
static void fight(void *vm)
{
	uint64_t end = timer_now_ns() + PATIENCE_NS;
	uint32_t index = (uint32_t)(uintptr_t)vm;
	unsigned int sent = 0;

	barrier_wait(&shared.barrier, cpu_count());
	while (get(&shared.done) < REQUESTS && timer_now_ns() < end) {
		if (!cpu_index() && sent < REQUESTS &&
		    sent == get(&shared.done)) {
			make_message(sent);
			if (hf_rpc_request(index, message_size(sent)) >= 0)
				sent++;
		}
		take(hf_vcpu_run(index, 0));
	}
}

/* Every accepted request is answered once, whoever runs the VM. */
static void one_vcpu_for_all_cpus(void)
{
	uint32_t vm = vm_named("echo");

	vm_configure();
	memset(&shared, 0, sizeof(shared));
	CHECK(cpu_run_all(cpu_count(), fight, (void *)(uintptr_t)vm));
	CHECK_EQ(shared.done, REQUESTS);
	CHECK_EQ(shared.bad, 0);
	CHECK_EQ(shared.failures, 0);
}

static struct spinlock send_lock;

/* One request to a VM that only this CPU runs. */
static bool ask(uint32_t vm, uint64_t cookie)
{
	uint64_t end = timer_now_ns() + PATIENCE_NS;
	uint64_t result;
	int64_t sent;
	bool good;

	do {
		spin_lock(&send_lock);
		*(volatile uint64_t *)vm_send = cookie;
		sent = hf_rpc_request(vm, 8);
		spin_unlock(&send_lock);
		if (sent < 0)
			hf_vcpu_run(vm, 0);
	} while (sent < 0 && timer_now_ns() < end);
	do {
		result = hf_vcpu_run(vm, 0);
	} while (hf_vcpu_code(result) < HF_VCPU_RESPONSE_READY &&
		 timer_now_ns() < end);
	good = result == (8 << HF_VCPU_CODE_BITS | HF_VCPU_RESPONSE_READY) &&
	       *(volatile uint64_t *)vm_recv == cookie;
	return !hf_rpc_ack() && good;
}

#define ECHOES 4

/* Each CPU has its own VM; the answers meet in the primary's mailbox. */
static void drive(void *cpus)
{
	unsigned int cpu = cpu_index();
	char name[] = "echo0";
	uint32_t vm;
	unsigned int i;

	name[4] = (char)('0' + cpu);
	vm = vm_named(cpu ? name : "echo");
	barrier_wait(&shared.barrier, (unsigned int)(uintptr_t)cpus);
	for (i = 0; i < 300; i++) {
		if (!ask(vm, (uint64_t)cpu << 32 | i))
			add(&shared.bad);
	}
}

static void one_vm_for_each_cpu(void)
{
	unsigned int cpus = cpu_count() < ECHOES ? cpu_count() : ECHOES;

	vm_configure();
	memset(&shared, 0, sizeof(shared));
	CHECK(cpu_run_all(cpus, drive, (void *)(uintptr_t)cpus));
	CHECK_EQ(shared.bad, 0);
}

/* CPU 1 waits until the VM spins on CPU 0, then interrupts that. */
static void interrupt_cpu_0(void *unused)
{
	(void)unused;
	timer_spin_ns(5 * MS);
	gic_send(0, 7);
}

static void preempted_by_another_cpu(void)
{
	uint32_t vm = vm_named("service");

	if (cpu_count() < 2)
		SKIP("one CPU");
	if (!step_run(vm, STEP_NOW, 0, 0, 0, 0))
		return;
	script_start();
	script_add(STEP_SPIN_NS, 1000 * MS, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	CHECK_EQ(cpu_start(1, interrupt_cpu_0, NULL), 0);
	CHECK_EQ(hf_vcpu_run(vm, 0), HF_VCPU_YIELD);
	CHECK(gic_wait(7, 1));
	CHECK(cpu_wait_off(1));
	script_finish(vm, 0);
}

static uint64_t other_result;
static volatile bool about_to_run;

static void run_service(void *vm)
{
	while (!about_to_run)
		;
	timer_spin_ns(200 * MS);
	other_result = hf_vcpu_run((uint32_t)(uintptr_t)vm, 0);
	gic_send(0, 7);
}

/* A vCPU that runs on one CPU cannot be run by another. */
static void runs_elsewhere(void)
{
	uint32_t vm = vm_named("service");

	if (cpu_count() < 2)
		SKIP("one CPU");
	if (!step_run(vm, STEP_NOW, 0, 0, 0, 0))
		return;
	script_start();
	script_add(STEP_SPIN_NS, 1000 * MS, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	about_to_run = false;
	CHECK_EQ(cpu_start(1, run_service, (void *)(uintptr_t)vm), 0);
	about_to_run = true;
	CHECK_EQ(hf_vcpu_run(vm, 0), HF_VCPU_YIELD);
	CHECK_EQ(other_result, HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK(gic_wait(7, 1));
	CHECK(cpu_wait_off(1));
	script_finish(vm, 0);
}

static void run_to_wfi(void *vm)
{
	if (hf_vcpu_run((uint32_t)(uintptr_t)vm, 0) !=
	    HF_VCPU_WAIT_FOR_INTERRUPT)
		add(&shared.failures);
}

/* What a vCPU had in the FP registers of a CPU is not lost with that CPU. */
static void vcpu_stays_when_cpu_goes(void)
{
	uint32_t vm = vm_named("service");
	unsigned int i;

	if (cpu_count() < 2)
		SKIP("one CPU");
	if (!step_run(vm, STEP_NOW, 0, 0, 0, 0))
		return;
	memset(&shared, 0, sizeof(shared));
	script_start();
	for (i = 0; i < 4; i++)
		script_add(STEP_WFI | STEP_SYSREGS, 0, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	for (i = 0; i < 4; i++) {
		CHECK_EQ(cpu_start(1, run_to_wfi, (void *)(uintptr_t)vm), 0);
		CHECK(cpu_wait_off(1));
	}
	CHECK_EQ(shared.failures, 0);
	if (!script_finish(vm, 0))
		return;
	for (i = 0; i < 4; i++) {
		CHECK_EQ(script_result(i)->changed, 0);
		CHECK_EQ(script_result(i)->sysregs, 0);
	}
}

/* A vCPU moves from CPU to CPU between its steps. */
static void move(void *vm)
{
	unsigned int cpu = cpu_index();
	unsigned int done = get(&shared.done);

	for (; done < 4 * cpu_count(); done = get(&shared.done)) {
		if (done % cpu_count() != cpu)
			continue;
		if (hf_vcpu_run((uint32_t)(uintptr_t)vm, 0) !=
		    HF_VCPU_WAIT_FOR_INTERRUPT)
			add(&shared.failures);
		__atomic_add_fetch(&shared.done, 1, __ATOMIC_ACQ_REL);
	}
}

static void vcpu_moves(void)
{
	uint32_t vm = vm_named("service");
	unsigned int i;

	if (4 * cpu_count() > STEPS_MAX)
		SKIP("more CPUs than steps");
	if (!step_run(vm, STEP_NOW, 0, 0, 0, 0))
		return;
	memset(&shared, 0, sizeof(shared));
	script_start();
	for (i = 0; i < 4 * cpu_count(); i++)
		script_add(STEP_WFI | STEP_SYSREGS, 0, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	CHECK(cpu_run_all(cpu_count(), move, (void *)(uintptr_t)vm));
	CHECK_EQ(shared.failures, 0);
	if (!script_finish(vm, 0))
		return;
	for (i = 0; i < 4 * cpu_count(); i++) {
		CHECK_EQ(script_result(i)->changed, 0);
		CHECK_EQ(script_result(i)->sysregs, 0);
	}
}

static const struct test_case cases[] = {
	{"one_vcpu_for_all_cpus", one_vcpu_for_all_cpus},
	{"one_vm_for_each_cpu", one_vm_for_each_cpu},
	{"preempted_by_another_cpu", preempted_by_another_cpu},
	{"runs_elsewhere", runs_elsewhere},
	{"vcpu_stays_when_cpu_goes", vcpu_stays_when_cpu_goes},
	{"vcpu_moves", vcpu_moves},
	{NULL, NULL},
};

const struct suite suite_smp = {"smp", cases};
