/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Suite `virt`: images made for QEMU's `virt` machine, as secondaries. What
 * they print is on the console by the hypervisor, and test/suites/target.py
 * compares it with what they print there.
 */
#include <stddef.h>
#include "exception.h"
#include "gic.h"
#include "smp.h"
#include "sysreg.h"
#include "test.h"
#include "timer.h"
#include "vm.h"

/* Ends a run, and an idle wait, of the CPU that gets it. */
#define KICK 7

/*
 * What a vCPU gets at a time; much more if it has the CPU for itself. QEMU's
 * CPUs may wait longer than a slice for each other, if the host is busy.
 */
#define SLICE_NS UINT64_C(20000000)
#define LONG_SLICE_NS UINT64_C(1000000000)
#define PATIENCE_NS UINT64_C(60000000000)

/* What the last HF_VCPU_RUN said; 0: the VM is not over. */
static uint64_t end_of_vm;

/* A vCPU has something to do: its CPU is to run it, or to enter it anew. */
static void kick(uint64_t payload)
{
	unsigned int cpu = (payload & HF_WAKE_UP_VCPU_MASK) % cpu_count();

	if (cpu != cpu_index())
		gic_send(cpu, KICK);
}

static void take_interrupts(void)
{
	irq_unmask();
	irq_mask();
}

/* Runs a vCPU. How long it waits, in ns: 0 is not at all. */
static uint64_t run_slice(uint32_t vm, uint32_t vcpu, uint64_t slice)
{
	uint64_t result, ns;

	timer_arm(TIMER_VIRTUAL, slice, true);
	result = hf_vcpu_run(vm, vcpu);
	take_interrupts();
	ns = hf_vcpu_payload(result);
	switch (hf_vcpu_code(result)) {
	case HF_VCPU_WAIT_FOR_INTERRUPT:
		return ns && ns < slice ? ns : slice;
	case HF_VCPU_WAKE_UP:
		kick(ns);
		break;
	case HF_VCPU_ABORTED:
		__atomic_store_n(&end_of_vm, result, __ATOMIC_RELEASE);
		break;
	}
	return 0;
}

/* Lets this CPU's vCPUs run in turn, each for a slice at most. */
static void run_round(uint32_t vm, uint32_t count)
{
	uint64_t slice = count > cpu_count() ? SLICE_NS : LONG_SLICE_NS;
	unsigned int kicks = gic_count(KICK);
	uint64_t idle = slice, ns;
	uint32_t i;

	for (i = cpu_index(); i < count; i += cpu_count()) {
		ns = run_slice(vm, i, slice);
		idle = ns < idle ? ns : idle;
	}
	/* They wait for each other, or for their timers. */
	if (idle && gic_count(KICK) == kicks) {
		timer_arm(TIMER_VIRTUAL, idle, true);
		wfi();
		take_interrupts();
	}
}

/* On each CPU. */
static void drive(void *index)
{
	uint32_t vm = (uint32_t)(uintptr_t)index;
	uint32_t count = (uint32_t)hf_vcpu_get_count(vm);
	uint64_t patience = timer_now_ns() + PATIENCE_NS;

	gic_enable(timer_intid(TIMER_VIRTUAL));
	while (!__atomic_load_n(&end_of_vm, __ATOMIC_ACQUIRE) &&
	       timer_now_ns() < patience)
		run_round(vm, count);
	timer_stop(TIMER_VIRTUAL);
}

/* To its own end: it turns itself off. */
static void run_to_end(const char *name)
{
	uint32_t vm = vm_named(name);

	end_of_vm = 0;
	CHECK(cpu_run_all(cpu_count(), drive, (void *)(uintptr_t)vm));
	CHECK_EQ(end_of_vm, HF_VCPU_ABORTED | (uint64_t)HF_ABORT_SYSTEM_OFF
						      << HF_VCPU_CODE_BITS);
}

static void image(void)
{
	run_to_end("virt.bin");
}

static void flat(void)
{
	run_to_end("virt-flat.bin");
}

static void bare(void)
{
	run_to_end("bare.bin");
}

static const struct test_case cases[] = {
	{"image", image},
	{"flat", flat},
	{"bare", bare},
	{NULL, NULL},
};

const struct suite suite_virt = {"virt", cases};
