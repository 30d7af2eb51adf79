/* SPDX-License-Identifier: BSD-3-Clause */
#include <stddef.h>
#include "dt.h"
#include "string.h"
#include "test.h"
#include "timer.h"
#include "vm.h"

#define PATIENCE_NS UINT64_C(10000000000)
#define SPARES 7

_Alignas(HF_MAILBOX_SIZE) uint8_t vm_send[HF_MAILBOX_SIZE];
_Alignas(HF_MAILBOX_SIZE) uint8_t vm_recv[HF_MAILBOX_SIZE];

static bool configured;
static struct script script;
static struct script_reply reply;
static bool started[64][8];

void vm_configure(void)
{
	if (configured)
		return;
	configured = true;
	CHECK_EQ(hf_vm_configure((uintptr_t)vm_send, (uintptr_t)vm_recv), 0);
}

void vm_note_configured(void)
{
	configured = true;
}

uint32_t vm_named(const char *name)
{
	const uint32_t *node = dt_node("/hypervisor");
	uint64_t index;

	for (node = node ? dt_child(node) : NULL; node;
	     node = dt_sibling(node)) {
		const char *label = dt_string(node, "label");

		if (label && !strcmp(label, name) &&
		    dt_number(node, "reg", &index))
			return (uint32_t)index;
	}
	return NO_VM;
}

uint32_t vm_spare(void)
{
	static unsigned int used;
	char name[] = "spare0";

	if (used == SPARES) {
		test_fail(__FILE__, __LINE__, "no spare VM left");
		return NO_VM;
	}
	name[5] = (char)('0' + used++);
	return vm_named(name);
}

uint64_t vm_run(uint32_t vm, uint32_t vcpu)
{
	uint64_t end = timer_now_ns() + PATIENCE_NS;
	uint64_t result;

	do {
		result = hf_vcpu_run(vm, vcpu);
	} while (result == HF_VCPU_YIELD && timer_now_ns() < end);
	return result;
}

bool vm_run_to_read(uint32_t vm, uint32_t vcpu)
{
	uint64_t result;

	do {
		result = vm_run(vm, vcpu);
	} while (result == HF_VCPU_CONSOLE);
	if (vm < 64 && vcpu < 8)
		started[vm][vcpu] = true;
	if (result == HF_VCPU_WAIT_FOR_INTERRUPT)
		return true;
	test_fail(__FILE__, __LINE__, "RUN of VM %u to its read: 0x%lx", vm,
		  result);
	return false;
}

bool vm_restart(uint32_t vm)
{
	uint64_t end = timer_now_ns() + PATIENCE_NS;
	int64_t result;

	do {
		result = hf_vm_start(vm);
	} while (result == HF_AGAIN && timer_now_ns() < end);
	if (vm < 64)
		memset(started[vm], 0, sizeof(started[vm]));
	if (result == HF_DONE)
		return true;
	test_fail(__FILE__, __LINE__, "START of VM %u: %ld", vm, result);
	return false;
}

void script_start(void)
{
	script.count = 0;
}

void script_add(uint64_t kind, uint64_t a0, uint64_t a1, uint64_t a2,
		uint64_t a3)
{
	struct step step = {kind, {a0, a1, a2, a3}};

	if (script.count == STEPS_MAX)
		test_fail(__FILE__, __LINE__, "script too long");
	else
		script.step[script.count++] = step;
}

int64_t script_send(uint32_t vm)
{
	vm_configure();
	memcpy(vm_send, &script, sizeof(script));
	return hf_rpc_request(vm, sizeof(script));
}

static bool goes_on(uint64_t result)
{
	unsigned int code = hf_vcpu_code(result);

	return code == HF_VCPU_YIELD || code == HF_VCPU_WAIT_FOR_INTERRUPT ||
	       code == HF_VCPU_WAKE_UP || code == HF_VCPU_CONSOLE;
}

bool script_take(void)
{
	memcpy(&reply, vm_recv, sizeof(reply));
	if (!hf_rpc_ack())
		return true;
	test_fail(__FILE__, __LINE__, "ACK failed");
	return false;
}

bool script_finish(uint32_t vm, uint32_t vcpu)
{
	uint64_t wanted = HF_VCPU_RESPONSE_READY | sizeof(reply)
							   << HF_VCPU_CODE_BITS;
	uint64_t end = timer_now_ns() + PATIENCE_NS;
	uint64_t result;

	do {
		result = hf_vcpu_run(vm, vcpu);
	} while (goes_on(result) && timer_now_ns() < end);
	if (result != wanted) {
		test_fail(__FILE__, __LINE__,
			  "RUN of VM %u to its reply: 0x%lx", vm, result);
		return false;
	}
	return script_take() && vm_run_to_read(vm, vcpu);
}

bool script_run(uint32_t vm)
{
	if (vm >= 64) {
		test_fail(__FILE__, __LINE__, "no such VM");
		return false;
	}
	if (!started[vm][0] && !vm_run_to_read(vm, 0))
		return false;
	if (script_send(vm) < 0) {
		test_fail(__FILE__, __LINE__, "REQUEST to VM %u failed", vm);
		return false;
	}
	return script_finish(vm, 0);
}

const struct step_result *script_result(unsigned int index)
{
	return &reply.result[index];
}

const void *script_data(void)
{
	return reply.data;
}

const struct step_result *step_run(uint32_t vm, uint64_t kind, uint64_t a0,
				   uint64_t a1, uint64_t a2, uint64_t a3)
{
	script_start();
	script_add(kind, a0, a1, a2, a3);
	return script_run(vm) ? script_result(0) : NULL;
}
