/* SPDX-License-Identifier: BSD-3-Clause */
#include "vcpu.h"

#include "api.h"
#include "arch.h"
#include "cpu.h"
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

static struct api_result run_result(uint64_t code, uint64_t payload)
{
	return (struct api_result){
		(int64_t)(code | payload << HF_VCPU_CODE_BITS), 0};
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

/* Whether the primary is told of output, as that comes first. */
static bool tell_console(struct vcpu *vcpu, uint64_t exit)
{
	uint32_t kind = 1u << (exit & EXIT_KIND_MASK);

	if (!(kind & EXITS_TO_CONSOLE) || !vconsole_tell(vcpu->vm))
		return false;
	if (kind & EXITS_UNFINISHED)
		vcpu->unfinished = exit;
	return true;
}

/* The stay of a vCPU is over: gives it its next state, and RUN its result. */
static inline struct api_result end_run(struct vcpu *vcpu, enum vcpu_state next,
					uint64_t code, uint64_t payload)
{
	vcpu_release(vcpu, next);
	return run_result(code, payload);
}

/*
 * All ways to end a stay, which ended for the reason `exit`. If another vCPU
 * stopped the VM meanwhile, it still ended as it did: a reply in the primary's
 * mailbox must be told. The next RUN says that the VM is stopped.
 */
static __attribute__((noinline)) struct api_result end_stay(struct vcpu *vcpu,
							    uint64_t exit)
{
	uint64_t payload;

	if (tell_console(vcpu, exit))
		return end_run(vcpu, VCPU_READY, HF_VCPU_CONSOLE, 0);
	exit = tell_first(vcpu, exit);
	payload = exit >> EXIT_PAYLOAD_SHIFT;
	switch ((enum vcpu_exit)(exit & EXIT_KIND_MASK)) {
	case EXIT_INTERRUPT:
		arch_poll_devices();
		/* fall through */
	case EXIT_NONE:
	case EXIT_CONSOLE:
		break;
	case EXIT_WFI:
		return end_run(vcpu, VCPU_READY, HF_VCPU_WAIT_FOR_INTERRUPT,
			       payload);
	case EXIT_READ:
		/* WAITING now, and anybody's, or it goes on with a message. */
		return api_finish_read(vcpu)
			       ? arch_vcpu_enter(vcpu->cpu->vcpu, vcpu)
			       : run_result(wait_code(), 0);
	case EXIT_REPLIED:
		return end_run(vcpu, VCPU_READY, HF_VCPU_RESPONSE_READY,
			       payload);
	case EXIT_WAKE:
		return end_run(vcpu, VCPU_READY, HF_VCPU_WAKE_UP,
			       wake_up_payload(vcpu, payload));
	case EXIT_OFF:
		return end_run(vcpu, VCPU_OFF, HF_VCPU_WAIT_FOR_INTERRUPT, 0);
	case EXIT_ABORT:
		vm_abort(vcpu->vm, (uint32_t)payload);
		/* The first reason counts, whoever gave it. */
		return end_run(vcpu, VCPU_READY, HF_VCPU_ABORTED,
			       vm_aborted(vcpu->vm));
	}
	return end_run(vcpu, VCPU_READY, HF_VCPU_YIELD, 0);
}

struct api_result vcpu_settle(struct vcpu *vcpu)
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

/* The usual reasons first, as end_stay() would, and the most usual of all. */
NO_LANDING_PAD struct api_result vcpu_left(struct vcpu *vcpu, uint64_t exit)
{
	if (__builtin_expect(exit == EXIT_INTERRUPT, true) && is_quiet(vcpu))
		return end_run(vcpu, VCPU_READY, HF_VCPU_YIELD, 0);
	if ((exit & EXIT_KIND_MASK) == EXIT_REPLIED)
		return end_run(vcpu, VCPU_READY, HF_VCPU_RESPONSE_READY,
			       exit >> EXIT_PAYLOAD_SHIFT);
	return end_stay(vcpu, exit);
}
