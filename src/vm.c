/* SPDX-License-Identifier: BSD-3-Clause */
#include "vm.h"

#include "arch.h"
#include "hf/abi.h"
#include "nospec.h"
#include "string.h"

/* Not zeroed with .bss: vm_init() clears what is used. */
#define NOINIT __attribute__((section(".noinit")))

struct vm vm_primary;
struct vm vm_secondary[MAX_VMS];
uint32_t vm_count RO_AFTER_BOOT;
uint64_t vm_options;
paddr_t vm_kept RO_AFTER_BOOT;
uint64_t vm_kept_size RO_AFTER_BOOT;
bool vm_wiped;

static struct vcpu secondary_vcpus[MAX_VMS][MAX_VCPUS] NOINIT;

struct vcpu *vm_vcpu_room(uint32_t index)
{
	return secondary_vcpus[index];
}

void vm_init(struct vm *vm, uint32_t rank, struct vcpu *vcpus,
	     uint32_t vcpu_count)
{
	spin_init(&vm->lock, rank);
	vm->vcpus = vcpus;
	vm->vcpu_count = vcpu_count;
	for (uint32_t i = 0; i < vcpu_count; i++) {
		memset(&vcpus[i], 0, sizeof(vcpus[i]));
		vcpus[i].vm = vm;
		vcpus[i].index = i;
	}
	if (vm != &vm_primary)
		vconsole_init(vm);
}

struct vm *vm_find(uint64_t index)
{
	if (index >= vm_count)
		return NULL;
	return &vm_secondary[index_nospec(index, vm_count)];
}

void vm_abort(struct vm *vm, uint32_t reason)
{
	uint32_t none = 0;

	if (__atomic_compare_exchange_n(&vm->aborted, &none, reason, false,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		arch_vm_revoke(vm);
	vconsole_flush(vm);
}

static void wipe(paddr_t pa, uint64_t size, const char *what)
{
	if (!arch_wipe(pa, size))
		log_line("%s: memory not wiped: no page table left", what);
}

void vm_wipe_all(void)
{
	__atomic_store_n(&vm_wiped, true, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < vm_count; i++) {
		struct vm *vm = &vm_secondary[i];

		/* No message is being copied, and it is not being loaded. */
		spin_lock(&vm->lock);
		vm->starting = false;
		if (vm->vcpu_count) {
			vm_abort(vm, HF_ABORT_SYSTEM_RESET);
			/* Another CPU may be on its way to it. */
			arch_vm_revoke(vm);
		}
		wipe(vm->memory, vm->memory_size, vm->name);
		spin_unlock(&vm->lock);
	}
	wipe(vm_kept, vm_kept_size, "kept for the start of VMs");
}
