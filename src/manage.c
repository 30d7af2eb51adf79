/* SPDX-License-Identifier: BSD-3-Clause */
#include "manage.h"

#include "hf/abi.h"
#include "life.h"
#include "log.h"
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

/* A VM that was loaded, or NULL. */
static struct vm *find_loaded(uint64_t index)
{
	struct vm *vm = vm_find((uint32_t)index);

	return vm && vm->vcpu_count ? vm : NULL;
}

static int64_t vm_get_state(struct arguments a, uint64_t results[3])
{
	struct vm *vm = vm_find((uint32_t)a.a1);

	(void)results;
	if (!vm)
		return -1;
	return vm->vcpu_count ? life_state(vm) : HF_VM_LEFT_OUT;
}

static int64_t vm_stop(struct arguments a, uint64_t results[3])
{
	struct vm *vm = find_loaded(a.a1);

	(void)results;
	return vm ? life_stop(vm) : -1;
}

static int64_t vm_start(struct arguments a, uint64_t results[3])
{
	struct vm *vm = find_loaded(a.a1);

	(void)results;
	return vm ? life_start(vm) : -1;
}

/* Bytes travel in registers; the first one is the lowest of the first. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "order of bytes");

static int64_t console_read(struct arguments a, uint64_t results[3])
{
	struct vm *vm = find_loaded(a.a1);

	if (!vm)
		return -1;
	return vconsole_read(vm, (char *)results, HF_READ_BYTES);
}

static int64_t console_write(struct arguments a, uint64_t results[3])
{
	uint64_t text[] = {a.a2, a.a3};
	uint64_t count = a.a1 >> HF_WRITE_COUNT_SHIFT;
	struct vm *vm = find_loaded(a.a1);

	(void)results;
	if (!vm || vm_aborted(vm) || count > sizeof(text))
		return -1;
	return vconsole_write(vm, (const char *)text, (uint32_t)count);
}

static int64_t read_log(struct arguments a, uint64_t results[3])
{
	return (int64_t)log_read(a.a1, (char *)results, HF_READ_BYTES);
}

static const manage_fn calls[] = {
	[HF_VM_GET_STATE - FIRST] = vm_get_state,
	[HF_VM_STOP - FIRST] = vm_stop,
	[HF_VM_START - FIRST] = vm_start,
	[HF_CONSOLE_READ - FIRST] = console_read,
	[HF_CONSOLE_WRITE - FIRST] = console_write,
	[HF_LOG_READ - FIRST] = read_log,
};

bool manage_call(uint64_t x[4])
{
	struct arguments a = {x[1], x[2], x[3]};
	uint64_t call = (uint32_t)x[0] - (uint64_t)FIRST;

	if (call >= ARRAY_SIZE(calls))
		return false;
	x[1] = x[2] = x[3] = 0;
	x[0] = (uint64_t)calls[index_nospec(call, ARRAY_SIZE(calls))](a, &x[1]);
	return true;
}
