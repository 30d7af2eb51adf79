/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Suite `secrets`: nothing that was in memory before boot gets into a VM, and
 * nothing of a secondary gets out of it. test/suites/secrets.py fills RAM with
 * POISON before the boot, and looks into it from outside afterwards.
 */
#include <stddef.h>
#include "boot.h"
#include "dt.h"
#include "exception.h"
#include "machine.h"
#include "paint.h"
#include "test.h"
#include "vm.h"

#define PAGE 4096

/* The words themselves are in nobody's image: NOT_x + 1 is -x. */
#define NOT_POISON (~UINT64_C(0x6b8d1c97a3f2e45b))
#define NOT_SECRET(n) (~(UINT64_C(0x9a3c5e7192b4d6f8) + (n)))

/* What is left of the primary's memory has the poison of before the boot. */
static void poison_is_there(void)
{
	uint64_t base = 0, size = 0, words = 0;

	dt_memory(&base, &size);
	for (uint64_t at = base; at < base + size; at += PAGE)
		words += *(const uint64_t *)at == ~NOT_POISON;
	CHECK(words > size / PAGE / 4);
}

static void primary_entry(void)
{
	uint64_t x = 0, v = entry_regs.fpcr | entry_regs.fpsr;

	for (unsigned int i = 1; i < 31; i++)
		x |= entry_regs.x[i];
	for (unsigned int i = 0; i < 32; i++)
		v |= entry_regs.v[i][0] | entry_regs.v[i][1];
	CHECK_EQ(x, 0);
	CHECK_EQ(v, 0);
}

static void secondary_starts_clean(const char *name)
{
	const struct step_result *r;

	script_start();
	script_add(STEP_ENTRY, 0, 0, 0, 0);
	script_add(STEP_SCAN, 0, 0, 0, 0);
	if (!script_run(vm_named(name)))
		return;
	r = script_result(0);
	CHECK_EQ(r->x[0], 0);
	CHECK_EQ(r->x[1], 0);
	CHECK_EQ(r->x[2], 0);
	CHECK_EQ(r->x[3], 0);
	CHECK_EQ(script_result(1)->x[0], 0);
}

static void secondary_entry(void)
{
	static const char *const names[] = {"service", "smp", "files", "big",
					    "spare5"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]) && !test_over(); i++)
		secondary_starts_clean(names[i]);
}

/* The mailbox page of a secondary beyond what was sent to it. */
static void nothing_behind_a_message(void)
{
	uint64_t *send = (uint64_t *)vm_send;
	uint32_t vm = vm_named("echo");
	unsigned int i;

	vm_configure();
	if (!vm_run_to_read(vm, 0))
		return;
	for (i = 0; i < HF_MAILBOX_SIZE / 8; i++)
		send[i] = ~(uint64_t)i;
	for (i = 0; i < HF_MAILBOX_SIZE / 8; i++)
		((uint64_t *)vm_recv)[i] = 0;
	CHECK_EQ(hf_rpc_request(vm, 16), 1);
	CHECK_EQ(hf_vcpu_code(vm_run(vm, 0)), HF_VCPU_RESPONSE_READY);
	CHECK_EQ(((uint64_t *)vm_recv)[1], ~UINT64_C(1));
	for (i = 2; i < HF_MAILBOX_SIZE / 8; i++)
		CHECK_EQ(((uint64_t *)vm_recv)[i], 0);
	CHECK_EQ(hf_rpc_ack(), 0);
}

/* None of the secrets is in the primary's memory. */
static void scan_own_memory(void)
{
	uint64_t base = 0, size = 0;

	dt_memory(&base, &size);
	for (uint64_t at = base; at < base + size; at += 8)
		if (NOT_SECRET(0) - ~*(const volatile uint64_t *)at < LEAVES)
			FAIL("a secret lies at 0x%lx", at);
}

static void scan_hidden_memory(void)
{
	uint64_t base = 0, size = 0;

	dt_memory(&base, &size);
	for (uint64_t at = base + size; at < base + machine_ram(); at += PAGE)
		if (!try_load(at, NULL).taken)
			FAIL("0x%lx can be read", at);
}

/*
 * One HF_VCPU_RUN with all registers painted, in which the VM has the secret in
 * all of its own. What comes back are the results, in x0 to x3.
 */
static void run_painted(uint32_t vm, uint64_t *result)
{
	struct paint before, after;
	struct paint_sysregs sysregs;

	paint_fill(&before, 0x9aa);
	before.x[0] = HF_VCPU_RUN;
	before.x[1] = vm;
	before.x[2] = 0;
	paint_sysregs(&sysregs, 0x9aa);
	paint_run(PAINT_HVC, &before, &after);
	*result = after.x[0];
	CHECK_EQ(paint_sysregs_restore(&sysregs), 0);
	CHECK_EQ(paint_compare(&before, &after) & ~PAINT_CALL_RESULTS, 0);
	CHECK_EQ(after.x[1] | after.x[2] | after.x[3], 0);
}

static void leave_with_secret(unsigned int n, enum leave leave, uint64_t wanted)
{
	uint32_t vm = vm_spare();
	uint64_t result = HF_VCPU_YIELD;

	if (!vm_run_to_read(vm, 0))
		return;
	script_start();
	script_add(STEP_SECRET, NOT_SECRET(n), leave, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	while (result == HF_VCPU_YIELD && !test_over())
		run_painted(vm, &result);
	CHECK_EQ(hf_vcpu_code(result), wanted & HF_VCPU_CODE_MASK);
	if (wanted >> HF_VCPU_CODE_BITS)
		CHECK_EQ(result, wanted);
	scan_hidden_memory();
}

static uint64_t aborted(uint64_t reason)
{
	return reason << HF_VCPU_CODE_BITS | HF_VCPU_ABORTED;
}

static void over_wfi(void)
{
	leave_with_secret(0, LEAVE_WFI, HF_VCPU_WAIT_FOR_INTERRUPT);
	if (!test_over())
		scan_own_memory();
}

static void over_read(void)
{
	leave_with_secret(1, LEAVE_READ, HF_VCPU_WAIT_FOR_INTERRUPT);
}

static void over_system_off(void)
{
	leave_with_secret(2, LEAVE_OFF, aborted(HF_ABORT_SYSTEM_OFF));
}

static void over_system_reset(void)
{
	leave_with_secret(3, LEAVE_RESET, aborted(HF_ABORT_SYSTEM_RESET));
}

static void over_abort(void)
{
	leave_with_secret(4, LEAVE_ABORT, aborted(HF_ABORT_MEMORY_ACCESS));
}

/* When all VMs have had their turn and some are gone. */
static void at_the_end(void)
{
	scan_own_memory();
}

static const struct test_case cases[] = {
	{"poison_is_there", poison_is_there},
	{"primary_entry", primary_entry},
	{"secondary_entry", secondary_entry},
	{"nothing_behind_a_message", nothing_behind_a_message},
	{"over_wfi", over_wfi},
	{"over_read", over_read},
	{"over_system_off", over_system_off},
	{"over_system_reset", over_system_reset},
	{"over_abort", over_abort},
	{"at_the_end", at_the_end},
	{NULL, NULL},
};

const struct suite suite_secrets = {"secrets", cases};
