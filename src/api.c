/* SPDX-License-Identifier: BSD-3-Clause */
#include "api.h"

#include "arch.h"
#include "cpu.h"
#include "limits.h"
#include "nospec.h"
#include "string.h"
#include "vm.h"

static struct api_result result(int64_t value)
{
	return (struct api_result){value, 0};
}

static struct api_result refused(void)
{
	return result(-1);
}

/* No such call. */
static struct api_result unknown(struct vcpu *caller, uint64_t a1, uint64_t a2,
				 uint64_t a3)
{
	return refused();
}

/* A call that this kind of VM may not make. */
static struct api_result denied(struct vcpu *caller, uint64_t a1, uint64_t a2,
				uint64_t a3)
{
	return refused();
}

/* --- running vCPUs --- */

static struct api_result cannot_run(struct vcpu *caller, uint64_t a1,
				    uint64_t a2, uint64_t a3)
{
	return result(HF_VCPU_WAIT_FOR_INTERRUPT);
}

/* Of a stopped VM; `vcpu` was claimed, or NULL. */
static COLD struct api_result stopped(struct vcpu *vcpu, uint32_t aborted)
{
	if (vcpu)
		vcpu_release(vcpu, VCPU_READY);
	return result(HF_VCPU_ABORTED | (int64_t)aborted << HF_VCPU_CODE_BITS);
}

static struct api_result vcpu_run_call(struct vcpu *caller, uint64_t vm_index,
				       uint64_t vcpu_index, uint64_t a3)
{
	uint32_t i, aborted;
	struct vm *vm;
	struct vcpu *vcpu;
	bool claimed;

	/* A VM that there is not has no vCPU. */
	vm = &vm_secondary[vm_index % MAX_VMS];
	if ((uint32_t)vm_index >= MAX_VMS ||
	    !index_check((uint32_t)vcpu_index, vm->vcpu_count, &i))
		return result(HF_VCPU_WAIT_FOR_INTERRUPT);
	vcpu = &vm->vcpus[i];
	/*
	 * Asked behind the claim: a vCPU that stops its VM comes back before
	 * somebody else can claim it.
	 */
	claimed = vcpu_claim(vcpu, caller->cpu);
	aborted = vm_aborted(vm);
	if (aborted)
		return stopped(claimed ? vcpu : NULL, aborted);
	if (!claimed)
		return result(HF_VCPU_WAIT_FOR_INTERRUPT);
	return vcpu_is_unsettled(vcpu) ? vcpu_settle(vcpu)
				       : arch_vcpu_enter(caller, vcpu);
}

/* --- asking --- */

static struct api_result vm_get_count(struct vcpu *caller, uint64_t a1,
				      uint64_t a2, uint64_t a3)
{
	return result(vm_count);
}

static struct api_result vcpu_get_count(struct vcpu *caller, uint64_t vm_index,
					uint64_t a2, uint64_t a3)
{
	const struct vm *vm = vm_find((uint32_t)vm_index);

	return vm ? result(vm->vcpu_count) : refused();
}

static struct api_result set_options(struct vcpu *caller, uint64_t mask,
				     uint64_t a2, uint64_t a3)
{
	if (mask & ~(uint64_t)(HF_OPTION_MESSAGE_WANTED | HF_OPTION_CONSOLE))
		return refused();
	return result((int64_t)__atomic_exchange_n(&vm_options, mask,
						   __ATOMIC_RELAXED));
}

/* --- mailboxes --- */

static bool is_configured(const struct vm *vm)
{
	return __atomic_load_n(&vm->mailbox.send, __ATOMIC_ACQUIRE) != NULL;
}

/* A page that may be a mailbox page of the VM: all of MM_NORMAL_RWX. */
static bool find_own_page(const struct vm *vm, uint64_t ipa, paddr_t *pa)
{
	struct mm_walk w;

	if (!is_aligned(ipa, HF_MAILBOX_SIZE))
		return false;
	w = ptable_walk(&vm->stage2, ipa);
	*pa = w.pa;
	return w.mode == MM_NORMAL_RWX;
}

/* Slots of a VM's mailbox pages: the primary first, then by index. */
static unsigned int mailbox_slot(const struct vm *vm)
{
	uint32_t place = vm == &vm_primary ? 0 : vm->index + 1;

	return SLOT_MAILBOX + 2 * place;
}

static COLD struct api_result vm_configure(struct vcpu *caller, uint64_t send,
					   uint64_t recv, uint64_t a3)
{
	struct vm *vm = caller->vm;
	paddr_t send_pa, recv_pa;
	const void *mapped;

	if (send == recv || !find_own_page(vm, send, &send_pa) ||
	    !find_own_page(vm, recv, &recv_pa))
		return refused();

	spin_lock(&vm->lock);
	if (is_configured(vm)) {
		spin_unlock(&vm->lock);
		return refused();
	}
	mapped = arch_map_slot(mailbox_slot(vm), send_pa, MM_R);
	vm->mailbox.recv =
		arch_map_slot(mailbox_slot(vm) + 1, recv_pa, MM_R | MM_W);
	__atomic_store_n(&vm->mailbox.send, mapped, __ATOMIC_RELEASE);
	spin_unlock(&vm->lock);
	return result(0);
}

void api_forget_mailbox(struct vm *vm)
{
	vm->mailbox = (struct mailbox){0};
	arch_unmap_slots(mailbox_slot(vm), 2 * PAGE_SIZE);
}

/* Puts a request into the VM's idle mailbox; its lock is held. */
static int64_t deliver_request(struct vm *vm, uint64_t size)
{
	arch_copy(vm->mailbox.recv, vm_primary.mailbox.send, size);
	if (vm->waiters) {
		vm->mailbox.state = MAILBOX_INFLIGHT;
		return (int64_t)vcpu_wake_first(vm, size)->index + 1;
	}
	vm->mailbox.size = (uint32_t)size;
	vm->mailbox.state = MAILBOX_PENDING;
	arch_vm_signal(vm);
	return 0;
}

/* The VM's lock is held. */
static bool may_receive(const struct vm *vm)
{
	return vm->mailbox.send && vm->mailbox.state == MAILBOX_IDLE;
}

static struct api_result rpc_request(struct vcpu *caller, uint64_t vm_index,
				     uint64_t size, uint64_t a3)
{
	struct vm *vm = vm_find((uint32_t)vm_index);
	int64_t value = -1;

	if (!vm || size > HF_MAILBOX_SIZE || !is_configured(&vm_primary))
		return refused();

	spin_lock(&vm->lock);
	if (may_receive(vm) && !__atomic_load_n(&vm->aborted, __ATOMIC_RELAXED))
		value = deliver_request(vm, size);
	spin_unlock(&vm->lock);
	return result(value);
}

/* Takes the pending request; the VM's lock is held. -1 if there is none. */
static int64_t take_request(struct vm *vm)
{
	if (vm->mailbox.state != MAILBOX_PENDING)
		return -1;
	vm->mailbox.state = MAILBOX_INFLIGHT;
	return vm->mailbox.size;
}

static struct api_result rpc_read_request(struct vcpu *caller, uint64_t block,
					  uint64_t a2, uint64_t a3)
{
	struct vm *vm = caller->vm;
	int64_t size;

	if (!is_configured(vm))
		return refused();
	spin_lock(&vm->lock);
	size = take_request(vm);
	spin_unlock(&vm->lock);
	if (size >= 0 || !block)
		return result(size);
	/* It waits once its registers are saved: api_finish_read(). */
	return (struct api_result){0, vcpu_exit(EXIT_READ, 0)};
}

bool api_finish_read(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	int64_t size;

	spin_lock(&vm->lock);
	size = take_request(vm);
	if (size >= 0)
		arch_vcpu_set_result(vcpu, (uint64_t)size);
	else
		vcpu_wait(vcpu);
	spin_unlock(&vm->lock);
	return size >= 0;
}

static struct api_result rpc_ack(struct vcpu *caller, uint64_t a1, uint64_t a2,
				 uint64_t a3)
{
	struct vm *vm = caller->vm;
	int64_t value = -1;

	spin_lock(&vm->lock);
	if (vm->mailbox.state == MAILBOX_INFLIGHT) {
		vm->mailbox.state = MAILBOX_IDLE;
		value = 0;
	}
	spin_unlock(&vm->lock);
	return result(value);
}

/* Both VMs' locks are held, and everything was checked. */
static void deliver_reply(struct vm *vm, uint64_t size, bool ack)
{
	arch_copy(vm_primary.mailbox.recv, vm->mailbox.send, size);
	vm_primary.mailbox.state = MAILBOX_INFLIGHT;
	if (ack && vm->mailbox.state == MAILBOX_INFLIGHT)
		vm->mailbox.state = MAILBOX_IDLE;
}

static struct api_result rpc_reply(struct vcpu *caller, uint64_t size,
				   uint64_t ack, uint64_t a3)
{
	struct vm *vm = caller->vm;
	bool sent = false;

	if (size > HF_MAILBOX_SIZE || !is_configured(vm))
		return refused();

	spin_lock(&vm_primary.lock);
	spin_lock(&vm->lock);
	if (may_receive(&vm_primary)) {
		deliver_reply(vm, size, ack != 0);
		sent = true;
	}
	spin_unlock(&vm->lock);
	spin_unlock(&vm_primary.lock);
	if (!sent)
		return refused();
	return (struct api_result){0, vcpu_exit(EXIT_REPLIED, size)};
}

/* --- the calls --- */

#define ROW(number, primary_call, secondary_call) \
	[(number)-API_FIRST] = {primary_call, secondary_call}

/* What is not there needs no call, and what manage.c does no haste. */
#define MANAGED(number) [(number)-API_FIRST] = {arch_call_slowly, unknown}

const struct api_row api_calls[API_ROWS] = {
	ROW(HF_VCPU_RUN, vcpu_run_call, cannot_run),
	ROW(HF_VM_GET_COUNT, vm_get_count, vm_get_count),
	ROW(HF_VCPU_GET_COUNT, vcpu_get_count, vcpu_get_count),
	ROW(HF_VM_CONFIGURE, vm_configure, vm_configure),
	ROW(HF_RPC_REQUEST, rpc_request, denied),
	ROW(HF_RPC_READ_REQUEST, denied, rpc_read_request),
	ROW(HF_RPC_ACK, rpc_ack, rpc_ack),
	ROW(HF_RPC_REPLY, denied, rpc_reply),
	ROW(HF_SET_OPTIONS, set_options, denied),
	MANAGED(HF_VM_GET_STATE),
	MANAGED(HF_VM_STOP),
	MANAGED(HF_VM_START),
	MANAGED(HF_CONSOLE_READ),
	MANAGED(HF_CONSOLE_WRITE),
	MANAGED(HF_LOG_READ),
	[API_ROWS - 1] = {unknown, unknown},
};
