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

#define SLICE_NS UINT64_C(2000000)
#define PATIENCE_NS UINT64_C(60000000000)

/* What the last HF_VCPU_RUN said; 0: the VM is not over. */
static uint64_t end_of_vm;

/* Lets this CPU's vCPUs run in turn, each for a slice at most. */
static void run_round(uint32_t vm, uint32_t count)
{
	uint64_t result;
	bool idle = true;
	uint32_t i;

	for (i = cpu_index(); i < count; i += cpu_count()) {
		timer_arm(TIMER_VIRTUAL, SLICE_NS, true);
		result = hf_vcpu_run(vm, i);
		if (hf_vcpu_code(result) == HF_VCPU_ABORTED)
			__atomic_store_n(&end_of_vm, result, __ATOMIC_RELEASE);
		if (hf_vcpu_code(result) != HF_VCPU_WAIT_FOR_INTERRUPT)
			idle = false;
		irq_unmask();
		irq_mask();
	}
	/* They wait for each other, or for their timers. */
	if (idle) {
		timer_arm(TIMER_VIRTUAL, SLICE_NS, true);
		wfi();
		irq_unmask();
		irq_mask();
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
