/* SPDX-License-Identifier: BSD-3-Clause */
/* Suite `mailbox`: the mailbox rules of docs/abi.md, in their order. */
#include <stddef.h>
#include "bad_configure.h"
#include "dt.h"
#include "machine.h"
#include "string.h"
#include "test.h"
#include "vm.h"

#define FAILED ((uint64_t)-1)
#define RESPONSE(size) \
	((uint64_t)(size) << HF_VCPU_CODE_BITS | HF_VCPU_RESPONSE_READY)

/* Before the primary has a mailbox. */
static void unconfigured_primary(void)
{
	uint32_t echo = vm_named("echo");

	CHECK_EQ(hf_rpc_request(echo, 0), -1);
	if (!vm_run_to_read(echo, 0))
		return;
	CHECK_EQ(hf_rpc_request(echo, 0), -1);
	CHECK_EQ(hf_rpc_ack(), -1);
	/* This VM resets itself if it can send a reply now. */
	vm_run_to_read(vm_named("checks"), 0);
}

/* The VM makes the calls itself, and ends as they should make it end. */
static void unconfigured_secondary(void)
{
	CHECK_EQ(vm_run(vm_named("mute"), 0),
		 HF_ABORT_SYSTEM_OFF << HF_VCPU_CODE_BITS | HF_VCPU_ABORTED);
}

static void configure_refuses(void)
{
	static const uint64_t devices[] = {0x08000000, 0x08010000, 0x080a0000,
					   0x09000000, 0x09010000, 0x09020000,
					   0x0a000000};
	uint64_t a = (uintptr_t)vm_send;
	uint64_t b = (uintptr_t)vm_recv;
	struct bad_pair bad;
	uint64_t base = 0;
	uint64_t size = 0;
	unsigned int i;

	if (!bad_configure(a, b, &bad))
		FAIL("accepted 0x%lx 0x%lx", bad.send, bad.recv);
	for (i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		if (!bad_configure_one(a, devices[i], &bad))
			FAIL("accepted device 0x%lx", devices[i]);
	}
	dt_memory(&base, &size);
	for (; size < machine_ram(); size += 0x1000) {
		if (!bad_configure_one(a, base + size, &bad))
			FAIL("accepted hidden 0x%lx", base + size);
	}
}

static void configure_once(void)
{
	vm_configure();
	if (test_over())
		return;
	CHECK_EQ(hf_vm_configure((uintptr_t)vm_send, (uintptr_t)vm_recv), -1);
	CHECK_EQ(hf_vm_configure((uintptr_t)vm_recv, (uintptr_t)vm_send), -1);
}

static void secondary_configure_refuses(void)
{
	const struct step_result *r;

	r = step_run(vm_named("checks"), STEP_BAD_CONFIGURE, 0, 0, 0, 0);
	if (r && r->x[0])
		FAIL("accepted 0x%lx 0x%lx", r->x[1], r->x[2]);
}

static void request_refuses(void)
{
	static const uint64_t sizes[] = {
		4097,
		(UINT64_C(1) << 32) + 1,
		(UINT64_C(1) << 32) + 4096,
		~UINT64_C(0),
	};
	uint64_t count = (uint64_t)hf_vm_get_count();
	uint32_t echo = vm_named("echo");
	unsigned int i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (hf_rpc_request(echo, sizes[i]) != -1)
			FAIL("size 0x%lx accepted", sizes[i]);
	}
	/* The smaller ones are sizes: message_sizes. */
	for (i = 13; i < 64; i++) {
		if (hf_rpc_request(echo, UINT64_C(1) << i) != -1)
			FAIL("size 2^%u accepted", i);
	}
	CHECK_EQ(hf_rpc_request((uint32_t)count, 8), -1);
	CHECK_EQ(hf_rpc_request(NO_VM, 8), -1);
	for (i = 0; i < 32; i++) {
		if (UINT64_C(1) << i >= count)
			CHECK_EQ(hf_rpc_request(UINT32_C(1) << i, 8), -1);
	}
}

static void request_unconfigured_target(void)
{
	uint32_t silent = vm_named("silent");

	CHECK_EQ(hf_rpc_request(silent, 8), -1);
	CHECK_EQ(vm_run(silent, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK_EQ(hf_rpc_request(silent, 8), -1);
}

static void fill(uint8_t *p, uint64_t size, unsigned int seed)
{
	uint64_t i;

	for (i = 0; i < size; i++)
		p[i] = (uint8_t)(i * 31 + seed + (i >> 8));
}

/* A message of `size` bytes there and back; nothing beyond it is written. */
static void check_echo(uint32_t vm, uint64_t size, unsigned int seed)
{
	static uint8_t sent[HF_MAILBOX_SIZE];
	uint64_t i;

	fill(vm_send, HF_MAILBOX_SIZE, seed);
	memcpy(sent, vm_send, sizeof(sent));
	memset(vm_recv, 0xa5, HF_MAILBOX_SIZE);
	CHECK_EQ(hf_rpc_request(vm, size), 1);
	/* The message is what it was at the call. */
	memset(vm_send, 0x5a, HF_MAILBOX_SIZE);
	CHECK_EQ(vm_run(vm, 0), RESPONSE(size));
	CHECK(!memcmp(vm_recv, sent, size));
	for (i = size; i < HF_MAILBOX_SIZE; i++)
		CHECK_EQ(vm_recv[i], 0xa5);
	CHECK_EQ(hf_rpc_ack(), 0);
	CHECK_EQ(hf_rpc_ack(), -1);
	CHECK_EQ(vm_run(vm, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
}

static void message_sizes(void)
{
	static const uint64_t sizes[] = {4096, 255,  256,  257,	 512,
					 1024, 2048, 4094, 4095, 4096};
	uint32_t echo = vm_named("echo");
	unsigned int i;

	/* Blocks of 64 bytes, and each rest, behind one and by itself. */
	for (i = 0; i <= 130 && !test_over(); i++)
		check_echo(echo, i, i);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		check_echo(echo, sizes[i], i);
		if (test_over())
			return;
	}
}

static void vm_argument_is_u32(void)
{
	uint64_t high = UINT64_C(0xdead) << 32;
	uint32_t echo = vm_named("echo");

	CHECK_EQ(hf_call(HF_RPC_REQUEST, high | echo, 3, 0), 1);
	CHECK_EQ((uint64_t)hf_call(HF_VCPU_RUN, high | echo, high, 0),
		 RESPONSE(3));
	CHECK_EQ(hf_rpc_ack(), 0);
	CHECK_EQ(vm_run(echo, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
}

/* Starts a script in VM `service` up to its first wait. */
static bool run_to_wfi(uint32_t vm)
{
	if (script_send(vm) < 0) {
		test_fail(__FILE__, __LINE__, "REQUEST failed");
		return false;
	}
	if (vm_run(vm, 0) == HF_VCPU_WAIT_FOR_INTERRUPT)
		return true;
	test_fail(__FILE__, __LINE__, "no WFI");
	return false;
}

/* idle -> pending -> inflight -> idle, seen from both sides. */
static void states(void)
{
	uint32_t vm = vm_named("service");

	if (!step_run(vm, STEP_NOW, 0, 0, 0, 0))
		return;
	script_start();
	script_add(STEP_HVC, HF_RPC_ACK, 0, 0, 0);
	script_add(STEP_HVC, HF_RPC_READ_REQUEST, 0, 0, 0);
	script_add(STEP_WFI, 0, 0, 0, 0);
	script_add(STEP_HVC, HF_RPC_READ_REQUEST, 0, 0, 0);
	script_add(STEP_WFI, 0, 0, 0, 0);
	script_add(STEP_HVC, HF_RPC_READ_REQUEST, 0, 0, 0);
	script_add(STEP_HVC, HF_RPC_ACK, 0, 0, 0);
	script_add(STEP_HVC, HF_RPC_ACK, 0, 0, 0);
	if (!run_to_wfi(vm))
		return;
	CHECK_EQ(hf_rpc_request(vm, 4095), 0);
	CHECK_EQ(hf_rpc_request(vm, 78), -1); /* pending */
	CHECK_EQ(vm_run(vm, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK_EQ(hf_rpc_request(vm, 79), -1); /* inflight */
	if (!script_finish(vm, 0))
		return;
	CHECK_EQ(script_result(0)->x[0], 0);
	CHECK_EQ(script_result(1)->x[0], FAILED);
	CHECK_EQ(script_result(3)->x[0], 4095);
	CHECK_EQ(script_result(5)->x[0], FAILED);
	CHECK_EQ(script_result(6)->x[0], 0);
	CHECK_EQ(script_result(7)->x[0], FAILED);
}

/* A request of 0 bytes that is pending is read as 0, not as nothing. */
static void pending_empty_message(void)
{
	uint32_t vm = vm_named("service");

	script_start();
	script_add(STEP_HVC, HF_RPC_ACK, 0, 0, 0);
	script_add(STEP_WFI, 0, 0, 0, 0);
	script_add(STEP_HVC, HF_RPC_READ_REQUEST, 1, 0, 0);
	script_add(STEP_HVC, HF_RPC_ACK, 0, 0, 0);
	if (!run_to_wfi(vm))
		return;
	CHECK_EQ(hf_rpc_request(vm, 0), 0);
	if (!script_finish(vm, 0))
		return;
	CHECK_EQ(script_result(2)->x[0], 0);
	CHECK_EQ(script_result(3)->x[0], 0);
}

/* A reply while the primary has not read the last one changes nothing. */
static void reply_to_busy_primary(void)
{
	uint32_t vm = vm_named("service");

	script_start();
	script_add(STEP_HVC, HF_RPC_REPLY, 10, 0, 0);
	script_add(STEP_HVC, HF_RPC_REPLY, 20, 1, 0);
	script_add(STEP_HVC, HF_RPC_ACK, 0, 0, 0);
	script_add(STEP_HVC, HF_RPC_ACK, 0, 0, 0);
	memset(vm_recv, 0xee, HF_MAILBOX_SIZE);
	CHECK_EQ(script_send(vm), 1);
	CHECK_EQ(vm_run(vm, 0), RESPONSE(10));
	memset(vm_recv, 0xee, HF_MAILBOX_SIZE);
	/* It retries its last reply from here on. */
	CHECK_EQ(vm_run(vm, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK_EQ(vm_recv[0], 0xee);
	CHECK_EQ(hf_rpc_ack(), 0);
	if (!script_finish(vm, 0))
		return;
	CHECK_EQ(script_result(0)->x[0], 0);
	CHECK_EQ(script_result(1)->x[0], FAILED);
	CHECK_EQ(script_result(2)->x[0], 0);
	CHECK_EQ(script_result(3)->x[0], FAILED);
}

/* Replies of 2^first to 2^(end - 1) bytes are refused, with and without ack. */
static void reply_powers_refused(uint32_t vm, unsigned int first,
				 unsigned int end)
{
	unsigned int i;

	script_start();
	script_add(STEP_HVC, HF_RPC_REPLY, 4097, 1, 0);
	script_add(STEP_HVC, HF_RPC_REPLY, ~UINT64_C(0), 0, 0);
	script_add(STEP_HVC, HF_RPC_REPLY, (UINT64_C(1) << 32) + 4, 1, 0);
	for (i = first; i < end; i++)
		script_add(STEP_HVC, HF_RPC_REPLY, UINT64_C(1) << i, i % 2, 0);
	/* It is still inflight. */
	script_add(STEP_HVC, HF_RPC_READ_REQUEST, 0, 0, 0);
	script_add(STEP_HVC, HF_RPC_ACK, 0, 0, 0);
	if (!script_run(vm))
		return;
	for (i = 0; i < end - first + 4; i++)
		CHECK_EQ(script_result(i)->x[0], FAILED);
	CHECK_EQ(script_result(i)->x[0], 0);
}

/* Every size that is too long: nothing happens. */
static void reply_refuses(void)
{
	uint32_t vm = vm_named("service");

	reply_powers_refused(vm, 13, 39);
	reply_powers_refused(vm, 39, 64);
}

/* A secondary may speak first; `ack` with nothing inflight is no error. */
static void reply_without_request(void)
{
	uint32_t vm = vm_named("service");

	script_start();
	script_add(STEP_HVC, HF_RPC_ACK, 0, 0, 0);
	script_add(STEP_HVC, HF_RPC_REPLY, 5, 1, 0);
	script_add(STEP_HVC, HF_RPC_REPLY, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	CHECK_EQ(vm_run(vm, 0), RESPONSE(5));
	CHECK_EQ(hf_rpc_ack(), 0);
	CHECK_EQ(vm_run(vm, 0), RESPONSE(0));
	CHECK_EQ(hf_rpc_ack(), 0);
	if (!script_finish(vm, 0))
		return;
	CHECK_EQ(script_result(0)->x[0], 0);
	CHECK_EQ(script_result(1)->x[0], 0);
	CHECK_EQ(script_result(2)->x[0], 0);
}

/* A blocked reader gets the size, and the mailbox is inflight at once. */
static void blocking_read(void)
{
	uint32_t vm = vm_named("service");

	script_start();
	script_add(STEP_HVC, HF_RPC_ACK, 0, 0, 0);
	script_add(STEP_HVC, HF_RPC_READ_REQUEST, 1, 0, 0);
	script_add(STEP_HVC, HF_RPC_READ_REQUEST, 0, 0, 0);
	script_add(STEP_HVC, HF_RPC_ACK, 0, 0, 0);
	if (!run_to_wfi(vm))
		return;
	/* It is not run while it waits. */
	CHECK_EQ(hf_vcpu_run(vm, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK_EQ(hf_rpc_request(vm, 4096), 1);
	CHECK_EQ(hf_rpc_request(vm, 1), -1);
	if (!script_finish(vm, 0))
		return;
	CHECK_EQ(script_result(1)->x[0], 4096);
	CHECK_EQ(script_result(2)->x[0], FAILED);
	CHECK_EQ(script_result(3)->x[0], 0);
}

static void message_wanted(void)
{
	uint32_t echo = vm_named("echo");

	CHECK_EQ(hf_set_options(HF_OPTION_MESSAGE_WANTED), 0);
	CHECK_EQ(hf_rpc_request(echo, 1), 1);
	CHECK_EQ(vm_run(echo, 0), RESPONSE(1));
	CHECK_EQ(hf_rpc_ack(), 0);
	CHECK_EQ(vm_run(echo, 0), HF_VCPU_MESSAGE_WANTED);
	/* Not for a WFI, nor for a vCPU that cannot be run. */
	CHECK_EQ(hf_vcpu_run(echo, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK_EQ(vm_run(vm_named("silent"), 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK_EQ(hf_set_options(0), HF_OPTION_MESSAGE_WANTED);
}

static const struct test_case cases[] = {
	{"unconfigured_primary", unconfigured_primary},
	{"unconfigured_secondary", unconfigured_secondary},
	{"configure_refuses", configure_refuses},
	{"configure_once", configure_once},
	{"secondary_configure_refuses", secondary_configure_refuses},
	{"request_refuses", request_refuses},
	{"request_unconfigured_target", request_unconfigured_target},
	{"message_sizes", message_sizes},
	{"vm_argument_is_u32", vm_argument_is_u32},
	{"states", states},
	{"pending_empty_message", pending_empty_message},
	{"reply_to_busy_primary", reply_to_busy_primary},
	{"reply_refuses", reply_refuses},
	{"reply_without_request", reply_without_request},
	{"blocking_read", blocking_read},
	{"message_wanted", message_wanted},
	{NULL, NULL},
};

const struct suite suite_mailbox = {"mailbox", cases};
