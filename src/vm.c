/* SPDX-License-Identifier: BSD-3-Clause */
#include "vm.h"

#include "arch.h"
#include "hf/abi.h"
#include "string.h"

/* How long a vCPU may take to leave once its VM has no memory. */
#define REST_S 1

struct vm vm_primary;
struct vm vm_secondary[MAX_VMS] NOINIT;
uint32_t vm_count RO_AFTER_BOOT;
uint64_t vm_options;
paddr_t vm_kept RO_AFTER_BOOT;
uint64_t vm_kept_size RO_AFTER_BOOT;
bool vm_wiped;

static struct vcpu secondary_vcpus[MAX_VMS][MAX_VCPUS] NOINIT;

BOOT_ONLY struct vcpu *vm_vcpu_room(uint32_t index)
{
	return secondary_vcpus[index];
}

BOOT_ONLY void vm_init(struct vm *vm, uint32_t rank, struct vcpu *vcpus,
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

void vm_abort(struct vm *vm, uint32_t reason)
{
	uint32_t none = 0;

	if (__atomic_compare_exchange_n(&vm->aborted, &none, reason, false,
					__ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE))
		arch_vm_revoke(vm);
	vconsole_flush(vm);
}

/* Whether the registers of all vCPUs of the VM are saved. */
static bool has_come_to_rest(const struct vm *vm)
{
	for (uint32_t i = 0; i < vm->vcpu_count; i++)
		if (__atomic_load_n(&vm->vcpus[i].state, __ATOMIC_SEQ_CST) ==
		    VCPU_RUNNING)
			return false;
	return true;
}

static void wipe_registers(struct vm *vm)
{
	uint64_t end = arch_seconds() + REST_S + 1;

	while (!has_come_to_rest(vm) && arch_seconds() < end)
		arch_relax();
	if (!has_come_to_rest(vm))
		log_line("vm%u %s: registers may outlive the reset: it runs",
			 vm->index, vm->name);
	/* What is beside them is read by calls that find the VM stopped. */
	for (uint32_t i = 0; i < vm->vcpu_count; i++)
		memset(&vm->vcpus[i].arch, 0, sizeof(vm->vcpus[i].arch));
	arch_clean_to_memory(vm->vcpus, vm->vcpu_count * sizeof(*vm->vcpus));
}

static void wipe(struct vm *vm)
{
	/* If it is being loaded it is not from here on. */
	spin_lock(&vm->lock);
	vm->starting = false;
	spin_unlock(&vm->lock);
	/* None that was left out ever ran; its memory may be filled. */
	if (vm->vcpu_count) {
		vm_abort(vm, HF_ABORT_SYSTEM_RESET);
		/* Another CPU may be on its way to it. */
		arch_vm_revoke(vm);
		wipe_registers(vm);
	}
	/* No message is being copied. */
	spin_lock(&vm->lock);
	if (vm->memory_size)
		arch_wipe(vm->memory, vm->memory_size);
	spin_unlock(&vm->lock);
}

void vm_wipe_all(void)
{
	__atomic_store_n(&vm_wiped, true, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < vm_count; i++)
		wipe(&vm_secondary[i]);
	if (vm_kept_size)
		arch_wipe(vm_kept, vm_kept_size);
}
