/* SPDX-License-Identifier: BSD-3-Clause */
#include "manage.h"

#include "hf/abi.h"
#include "nospec.h"
#include "vm.h"

#define FIRST HF_VM_GET_STATE

/*
 * x[0] is the result, of which -1 is an error; x[1] to x[3] are arguments, and
 * zero afterwards unless the call gives results in them.
 */
struct arguments {
	uint64_t a1, a2, a3;
};

typedef int64_t (*manage_fn)(struct arguments a, uint64_t results[3]);

static int64_t vm_get_state(struct arguments a, uint64_t results[3])
{
	const struct vm *vm = vm_find((uint32_t)a.a1);
	uint32_t reason;

	(void)results;
	if (!vm)
		return -1;
	if (!vm->vcpu_count)
		return HF_VM_LEFT_OUT;
	reason = vm_aborted(vm);
	if (!reason)
		return HF_VM_RUNNING;
	return HF_VM_STOPPED | (int64_t)reason << HF_VM_REASON_SHIFT;
}

static const manage_fn calls[] = {
	[HF_VM_GET_STATE - FIRST] = vm_get_state,
};

bool manage_call(uint64_t x[4])
{
	struct arguments a = {x[1], x[2], x[3]};
	uint64_t call = (uint32_t)x[0] - (uint64_t)FIRST;
	manage_fn fn;

	if (call >= ARRAY_SIZE(calls))
		return false;
	fn = calls[index_nospec(call, ARRAY_SIZE(calls))];
	if (!fn)
		return false;
	x[1] = x[2] = x[3] = 0;
	x[0] = (uint64_t)fn(a, &x[1]);
	return true;
}
