/* SPDX-License-Identifier: BSD-3-Clause */
#include "life.h"

#include "api.h"
#include "arch.h"
#include "string.h"
#include "vm.h"

/* Of the slots that show what is being loaded. */
static struct spinlock window_lock;

BOOT_ONLY void life_init(void)
{
	spin_init(&window_lock, LOCK_RANK_WINDOW);
}

void life_begin(struct vm *vm)
{
	struct vcpu *first = &vm->vcpus[0];

	arch_vm_init(vm, vm->index + 1);
	vconsole_reset(vm);
	for (uint32_t i = 0; i < vm->vcpu_count; i++)
		vm->vcpus[i].unfinished = 0;
	arch_vcpu_reset(first, vm->parts[PART_KERNEL].at,
			vm->parts[PART_TREE].at.ipa);
	vcpu_release(first, VCPU_READY);
}

int64_t life_state(struct vm *vm)
{
	int64_t state = HF_VM_RUNNING;
	uint32_t reason;

	spin_lock(&vm->lock);
	reason = vm_aborted(vm);
	if (reason)
		state = (vm->starting ? HF_VM_STARTING : HF_VM_STOPPED) |
			(int64_t)reason << HF_VM_REASON_SHIFT;
	spin_unlock(&vm->lock);
	return state;
}

static enum vcpu_state state_of(const struct vcpu *vcpu)
{
	return (enum vcpu_state)__atomic_load_n(&vcpu->state, __ATOMIC_ACQUIRE);
}

int64_t life_stop(struct vm *vm)
{
	int64_t result = HF_DONE;

	spin_lock(&vm->lock);
	vm->starting = false;
	vm_abort(vm, HF_ABORT_STOPPED);
	for (uint32_t i = 0; i < vm->vcpu_count; i++)
		if (state_of(&vm->vcpus[i]) == VCPU_RUNNING)
			result = HF_AGAIN;
	spin_unlock(&vm->lock);
	return result;
}

/* --- loading; the VM lock is held --- */

/* Fills what the part has of [begin, end), IPAs, which is shown at `to`. */
static void copy_part(const struct vm_part *part, uint64_t begin, uint64_t end,
		      char *to)
{
	uint64_t first = part->at.ipa, last = part->at.ipa + part->size;
	const void *from;

	if (!overlaps(first, last, begin, end))
		return;
	if (first < begin)
		first = begin;
	if (last > end)
		last = end;
	from = arch_map_slots(SLOT_LOAD_FROM,
			      paddr_add(part->copy, first - part->at.ipa),
			      last - first, MM_R);
	memcpy(to + (first - begin), from, last - first);
	arch_unmap_slots(SLOT_LOAD_FROM, last - first);
}

/* Makes `size` bytes of the VM's memory what they are at its start. */
static void load(const struct vm *vm, uint64_t offset, uint64_t size)
{
	uint64_t at = HF_SECONDARY_RAM_BASE + offset;
	char *to;

	spin_lock(&window_lock);
	to = arch_map_slots(SLOT_LOAD_TO, paddr_add(vm->memory, offset), size,
			    MM_R | MM_W);
	arch_zero_pages(to, size);
	for (unsigned int i = 0; i < PART_COUNT; i++)
		copy_part(&vm->parts[i], at, at + size, to);
	arch_clean_to_memory(to, size);
	arch_unmap_slots(SLOT_LOAD_TO, size);
	spin_unlock(&window_lock);
}

/* Makes a vCPU OFF, which stays so. False if a CPU has it. */
static bool turn_off(struct vcpu *vcpu)
{
	uint32_t state = state_of(vcpu);

	while (state != VCPU_RUNNING)
		if (__atomic_compare_exchange_n(&vcpu->state, &state, VCPU_OFF,
						false, __ATOMIC_ACQUIRE,
						__ATOMIC_ACQUIRE))
			return true;
	return false;
}

/* STOPPED -> STARTING, unless a CPU still runs a vCPU. */
static bool begin_loading(struct vm *vm)
{
	for (uint32_t i = 0; i < vm->vcpu_count; i++)
		if (!turn_off(&vm->vcpus[i]))
			return false;
	vm->waiters = NULL;
	api_forget_mailbox(vm);
	vm->loaded = 0;
	vm->starting = true;
	return true;
}

/* Loads the next piece. True: it was the last; the VM has its memory again. */
static bool load_piece(struct vm *vm)
{
	uint64_t left = vm->memory_size - vm->loaded;
	uint64_t size = left < LIFE_PIECE ? left : LIFE_PIECE;

	load(vm, vm->loaded, size);
	vm->loaded += size;
	if (size < left)
		return false;
	arch_sync_instructions();
	arch_vm_restore(vm);
	return true;
}

/* The result of HF_VM_START. */
static int64_t go_on_loading(struct vm *vm)
{
	if (!load_piece(vm))
		return HF_AGAIN;
	life_begin(vm);
	vm->starting = false;
	__atomic_store_n(&vm->aborted, 0, __ATOMIC_RELEASE);
	return HF_DONE;
}

int64_t life_start(struct vm *vm)
{
	int64_t result = HF_AGAIN;

	spin_lock(&vm->lock);
	if (!vm_aborted(vm) || __atomic_load_n(&vm_wiped, __ATOMIC_RELAXED))
		result = -1;
	else if (vm->starting || begin_loading(vm))
		result = go_on_loading(vm);
	spin_unlock(&vm->lock);
	return result;
}

bool life_load(struct vm *vm)
{
	bool loads;

	spin_lock(&vm->lock);
	loads = !vm_aborted(vm) && vm->loaded < vm->memory_size;
	if (loads)
		load_piece(vm);
	spin_unlock(&vm->lock);
	return loads;
}
