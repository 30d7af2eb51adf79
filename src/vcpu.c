/* SPDX-License-Identifier: BSD-3-Clause */
#include "vcpu.h"

#include "api.h"
#include "arch.h"
#include "vm.h"

void vcpu_wait(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	vcpu->next = NULL;
	if (vm->waiters)
		vm->last_waiter->next = vcpu;
	else
		vm->waiters = vcpu;
	vm->last_waiter = vcpu;
	vcpu_release(vcpu, VCPU_WAITING);
}

struct vcpu *vcpu_wake_first(struct vm *vm, uint64_t result)
{
	struct vcpu *vcpu = vm->waiters;

	if (!vcpu)
		return NULL;
	vm->waiters = vcpu->next;
	arch_vcpu_set_result(vcpu, result);
	vcpu_release(vcpu, VCPU_READY);
	return vcpu;
}

enum vcpu_turn_on vcpu_turn_on(struct vcpu *vcpu, ipaddr_t entry,
			       uint64_t argument)
{
	enum vcpu_turn_on result = TURN_ON_ALREADY_ON;

	spin_lock(&vcpu->vm->lock);
	if (__atomic_load_n(&vcpu->state, __ATOMIC_ACQUIRE) == VCPU_OFF) {
		arch_vcpu_reset(vcpu, entry, argument);
		vcpu_release(vcpu, VCPU_READY);
		result = TURNED_ON;
	}
	spin_unlock(&vcpu->vm->lock);
	return result;
}

static uint64_t run_result(uint64_t code, uint64_t payload)
{
	return code | payload << HF_VCPU_CODE_BITS;
}

static uint64_t wait_code(void)
{
	uint64_t options = __atomic_load_n(&vm_options, __ATOMIC_RELAXED);

	return options & HF_OPTION_MESSAGE_WANTED ? HF_VCPU_MESSAGE_WANTED
						  : HF_VCPU_WAIT_FOR_INTERRUPT;
}

static uint64_t wake_up_payload(const struct vcpu *vcpu, uint64_t index)
{
	return (uint64_t)vcpu->vm->index << HF_WAKE_UP_VM_SHIFT | index;
}

/*
 * Exits instead of which the primary is told of output, if there is some: all
 * behind which the vCPU may not be run for long.
 */
#define EXITS_TO_CONSOLE                                           \
	(1u << EXIT_NONE | 1u << EXIT_INTERRUPT | 1u << EXIT_WFI | \
	 1u << EXIT_READ | 1u << EXIT_OFF | 1u << EXIT_CONSOLE)

/* Of these, what the next run has to make up for. */
#define EXITS_UNFINISHED (1u << EXIT_READ | 1u << EXIT_OFF)

/* Exits behind which the vCPU may not be run for long. */
#define EXITS_TO_WAIT (1u << EXIT_WFI | 1u << EXIT_READ | 1u << EXIT_OFF)

/* What a vCPU that would wait now has to tell comes before that. */
static uint64_t tell_first(struct vcpu *vcpu, uint64_t exit)
{
	uint32_t kind = 1u << (exit & EXIT_KIND_MASK);
	uint64_t owed = kind & EXITS_TO_WAIT ? arch_vcpu_owed(vcpu) : 0;

	if (owed && (kind & EXITS_UNFINISHED))
		vcpu->unfinished = exit;
	return owed ? owed : exit;
}

/* Tells the primary of output, if that comes first. */
static bool tell_console(struct vcpu *vcpu, uint64_t exit, uint64_t *result)
{
	uint32_t kind = 1u << (exit & EXIT_KIND_MASK);

	if (!(kind & EXITS_TO_CONSOLE) || !vconsole_tell(vcpu->vm))
		return false;
	if (kind & EXITS_UNFINISHED)
		vcpu->unfinished = exit;
	*result = run_result(HF_VCPU_CONSOLE, 0);
	vcpu_release(vcpu, VCPU_READY);
	return true;
}

/*
 * What came of one stay in the vCPU, whose registers are saved: gives the vCPU
 * its next state. Returns false if it is to go on at once.
 */
static bool finish(struct vcpu *vcpu, uint64_t exit, uint64_t *result)
{
	enum vcpu_state next = VCPU_READY;
	uint64_t payload;

	if (tell_console(vcpu, exit, result))
		return true;
	exit = tell_first(vcpu, exit);
	payload = exit >> EXIT_PAYLOAD_SHIFT;
	switch ((enum vcpu_exit)(exit & EXIT_KIND_MASK)) {
	case EXIT_INTERRUPT:
		arch_poll_devices();
		/* fall through */
	case EXIT_NONE:
	case EXIT_CONSOLE:
		*result = run_result(HF_VCPU_YIELD, 0);
		break;
	case EXIT_WFI:
		*result = run_result(HF_VCPU_WAIT_FOR_INTERRUPT, payload);
		break;
	case EXIT_READ:
		if (api_finish_read(vcpu))
			return false;
		*result = run_result(wait_code(), 0);
		return true;
	case EXIT_REPLIED:
		*result = run_result(HF_VCPU_RESPONSE_READY, payload);
		break;
	case EXIT_WAKE:
		*result = run_result(HF_VCPU_WAKE_UP,
				     wake_up_payload(vcpu, payload));
		break;
	case EXIT_OFF:
		*result = run_result(HF_VCPU_WAIT_FOR_INTERRUPT, 0);
		next = VCPU_OFF;
		break;
	case EXIT_ABORT:
		vm_abort(vcpu->vm, (uint32_t)payload);
		/* The first reason counts, whoever gave it. */
		*result = run_result(HF_VCPU_ABORTED, vm_aborted(vcpu->vm));
		break;
	}
	vcpu_release(vcpu, next);
	return true;
}

/*
 * If another vCPU stopped the VM meanwhile, a stay still ended as it did: a
 * reply in the primary's mailbox must be told. The next RUN says that the VM is
 * stopped.
 */
static struct api_result run_result_of(uint64_t result)
{
	return (struct api_result){(int64_t)result, 0};
}

/* All ways to end a stay, which ended for the reason `exit`. */
static __attribute__((noinline)) struct api_result end_stay(struct vcpu *vcpu,
							    uint64_t exit)
{
	uint64_t result = 0;

	while (!finish(vcpu, exit, &result))
		exit = arch_vcpu_enter(vcpu);
	return run_result_of(result);
}

/* What is left of the stay before comes first, or what it owes since. */
static __attribute__((noinline)) struct api_result settle(struct vcpu *vcpu)
{
	uint64_t exit = vcpu->unfinished;

	vcpu->unfinished = 0;
	if (!exit)
		exit = arch_vcpu_owed(vcpu);
	return end_stay(vcpu, exit);
}

/* Whether an interrupt is all that the primary has to learn of. */
static inline bool is_quiet(const struct vcpu *vcpu)
{
	return vconsole_news(&vcpu->vm->console) == NO_NEWS &&
	       !arch_iommu_count;
}

struct api_result vcpu_run(struct vcpu *vcpu)
{
	uint64_t exit, result;

	if (vcpu->unfinished || arch_vcpu_owes(&vcpu->arch))
		return settle(vcpu);
	exit = arch_vcpu_enter(vcpu);
	/* The usual reasons first, as finish() would. */
	if (exit == EXIT_INTERRUPT && is_quiet(vcpu))
		result = run_result(HF_VCPU_YIELD, 0);
	else if ((exit & EXIT_KIND_MASK) == EXIT_REPLIED)
		result = run_result(HF_VCPU_RESPONSE_READY,
				    exit >> EXIT_PAYLOAD_SHIFT);
	else
		return end_stay(vcpu, exit);
	vcpu_release(vcpu, VCPU_READY);
	return run_result_of(result);
}
