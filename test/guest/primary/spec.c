/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Suite `spec`: random calls (spec.h) under a hypervisor that compares itself
 * with the specification after each (test/spec/target.c), and gives up at the
 * first difference. One CPU; bootargs: seed=, calls=.
 */
#include <stddef.h>
#include "console.h"
#include "dt.h"
#include "exception.h"
#include "gic.h"
#include "machine.h"
#include "smp.h"
#include "spec.h"
#include "sysreg.h"
#include "test.h"
#include "timer.h"
#include "hf/call.h"

#define PAGES 4

static _Alignas(HF_MAILBOX_SIZE) uint8_t pages[PAGES][HF_MAILBOX_SIZE];

static uint64_t random_state;
static uint64_t base, size; /* of this VM's memory */
static uint64_t calls, limit;

static uint64_t below(uint64_t n)
{
	return spec_below(&random_state, n);
}

static uint64_t call(uint64_t fn, uint64_t a1, uint64_t a2)
{
	return smccc_hvc(fn, a1, a2, below(4)).x[0];
}

/* --- running vCPUs --- */

/* An interrupt that comes while the vCPU runs, or none. */
static void arm_timer(void)
{
	enum timer timer = below(2) ? TIMER_VIRTUAL : TIMER_PHYSICAL;

	if (below(3) == 0)
		timer_arm(timer, below(300000), true);
}

static void stop_timers(void)
{
	irq_unmask();
	isb();
	irq_mask();
	timer_stop(TIMER_VIRTUAL);
	timer_stop(TIMER_PHYSICAL);
}

/* vCPUs that are likely to be ready, by what the last calls said. */
static bool ready[SPEC_VMS][SPEC_VCPUS];

static void set_ready(uint64_t vm, uint64_t vcpu, bool is)
{
	if (vm < SPEC_VMS && vcpu < SPEC_VCPUS)
		ready[vm][vcpu] = is;
}

/* VMs that ended. */
static bool ended[SPEC_VMS];

static void run(uint64_t vm, uint64_t vcpu)
{
	uint64_t result, payload;

	arm_timer();
	result = call(HF_VCPU_RUN, vm, vcpu);
	stop_timers();
	payload = hf_vcpu_payload(result);
	set_ready(vm, vcpu,
		  hf_vcpu_code(result) != HF_VCPU_ABORTED &&
			  hf_vcpu_code(result) != HF_VCPU_MESSAGE_WANTED &&
			  result != HF_VCPU_WAIT_FOR_INTERRUPT);
	if (vm < SPEC_VMS && hf_vcpu_code(result) == HF_VCPU_ABORTED)
		ended[vm] = true;
	if (hf_vcpu_code(result) == HF_VCPU_WAKE_UP)
		set_ready(payload >> HF_WAKE_UP_VM_SHIFT,
			  payload & HF_WAKE_UP_VCPU_MASK, true);
}

/* Mostly one that is ready, if a few tries find one. */
static void run_any(void)
{
	uint64_t vm = spec_index(&random_state, SPEC_VMS);
	uint64_t vcpu = spec_index(&random_state, SPEC_VCPUS);
	unsigned int i;

	for (i = 0; i < 8 && below(8); i++) {
		vm = below(SPEC_VMS);
		vcpu = below(SPEC_VCPUS - vm);
		if (ready[vm][vcpu])
			break;
	}
	run(vm, vcpu);
}

/* --- the mailbox --- */

/* Once its share of the calls is made, a VM may be told to end. */
static bool may_end(uint64_t vm)
{
	return calls > limit * (vm + 7) / 10;
}

/* Any page may be the one to send from. */
static void write_first_word(uint64_t word)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		write64((uintptr_t)pages[i], word);
}

static void write_page(void)
{
	uint8_t *page = pages[below(PAGES)];
	uint64_t seed = below(1 << 30);
	unsigned int i;

	for (i = 0; i < HF_MAILBOX_SIZE; i++)
		page[i] = (uint8_t)(seed * (i + 1) >> 8);
}

static void request(void)
{
	uint64_t vm = spec_index(&random_state, SPEC_VMS);
	uint64_t bytes = spec_size(&random_state);
	uint64_t woken;

	write_page();
	if (vm < SPEC_VMS && may_end(vm) && below(4) == 0)
		write_first_word(SPEC_END);
	woken = call(HF_RPC_REQUEST, vm, bytes);
	write_first_word(woken);
	set_ready(vm, woken - 1, true);
}

/* --- lives --- */

/* One piece of it. */
static void start(uint64_t vm)
{
	if (call(HF_VM_START, vm, 0) != HF_DONE || vm >= SPEC_VMS)
		return;
	ended[vm] = false;
	ready[vm][0] = true;
}

/* A VM that ended is mostly started again; one that runs, stopped sometimes. */
static void manage(void)
{
	static const uint16_t managing[] = {HF_VM_GET_STATE, HF_CONSOLE_READ,
					    HF_CONSOLE_WRITE, HF_LOG_READ};
	uint64_t vm = spec_index(&random_state, SPEC_VMS);

	if (vm < SPEC_VMS && ended[vm] && below(4)) {
		start(vm);
		return;
	}
	switch (below(8)) {
	case 0:
		start(vm);
		break;
	case 1:
		if (below(4) == 0)
			call(HF_VM_STOP, vm, 0);
		break;
	default:
		call(managing[below(4)], vm | below(18) << HF_WRITE_COUNT_SHIFT,
		     spec_edge(&random_state));
	}
}

/* --- the others --- */

/* Of the only CPU there is. */
static void cpu_on(void)
{
	uint64_t target = below(2) ? cpu_mpidr(0) : spec_edge(&random_state);
	uint64_t entry = below(2) ? base : spec_edge(&random_state);

	smccc_hvc(below(2) ? PSCI_CPU_ON : PSCI_CPU_ON_64, target, entry, 0);
}

static void no_hypercall(void)
{
	switch (below(4)) {
	case 0:
		cpu_on();
		break;
	case 1:
		smccc_hvc(PSCI_AFFINITY_INFO_64, cpu_mpidr(0), below(2), 0);
		break;
	case 2:
		smccc_smc(HF_RPC_ACK, 0, 0, 0);
		break;
	default:
		smccc_smc(HF_VCPU_RUN + 0x1000, below(2), 0, 0);
	}
}

static void wild(void)
{
	struct smccc_result c = spec_wild(&random_state);

	smccc_hvc(c.x[0], c.x[1], c.x[2], c.x[3]);
}

static void other(void)
{
	switch (below(6)) {
	case 0:
		wild();
		break;
	case 1:
		spec_configure(&random_state, pages, PAGES, base, base + size);
		break;
	case 2:
		call(HF_SET_OPTIONS, below(3), 0);
		break;
	case 3:
		call(HF_VCPU_GET_COUNT, spec_index(&random_state, SPEC_VMS), 0);
		break;
	case 4:
		call(HF_VM_GET_COUNT, 0, 0);
		break;
	default:
		no_hypercall();
	}
}

static void act(void)
{
	switch (below(20)) {
	case 0:
	case 1:
		other();
		break;
	case 2:
	case 3:
	case 4:
		call(HF_RPC_ACK, 0, 0);
		break;
	case 5:
	case 6:
	case 7:
	case 8:
		request();
		break;
	case 9:
		manage();
		break;
	default:
		run_any();
	}
}

/* Whether a result is right is the hypervisor's to say. */
static void random_calls(void)
{
	random_state = machine_number("seed", 1);
	limit = machine_number("calls", 1000);
	dt_memory(&base, &size);
	gic_enable(timer_intid(TIMER_VIRTUAL));
	gic_enable(timer_intid(TIMER_PHYSICAL));
	for (calls = 0; calls < limit; calls++)
		act();
}

static const struct test_case cases[] = {
	{"random_calls", random_calls},
	{NULL, NULL},
};

const struct suite suite_spec = {"spec", cases};
