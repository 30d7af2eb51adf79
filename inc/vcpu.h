/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtual CPUs and their states.
 *
 * A vCPU's registers are handed over, not shared. They belong to the CPU that
 * runs it from the moment it made the state RUNNING until it makes it anything
 * else, and it does that only after the last register is saved. So whoever
 * reads another state may run the vCPU, or write the result of its call.
 *
 *   from      to        who, and when
 *   OFF       READY     vcpu_turn_on(), VM lock held
 *   READY     RUNNING   vcpu_claim() of the CPU that will run it; no lock, one
 *                       compare-and-swap that acquires
 *   RUNNING   READY     vcpu_release() of that CPU, after the save; releases
 *   RUNNING   WAITING   vcpu_wait() of that CPU, after the save, VM lock held
 *   RUNNING   OFF       vcpu_release() of that CPU, after the save
 *   WAITING   READY     vcpu_wake_first(), VM lock held
 *
 * A vCPU that waits for an interrupt (WFI) is READY: an architecture may end
 * that wait at any time, and whoever runs it decides when.
 */
#ifndef VCPU_H
#define VCPU_H

#include "arch_vcpu.h"
#include "limits.h"
#include "types.h"

struct api_result;
struct cpu;
struct vm;

enum vcpu_state {
	VCPU_OFF = 0,
	VCPU_READY,
	VCPU_RUNNING,
	VCPU_WAITING, /* in its VM's list of blocked readers */
};

struct vcpu {
	uint32_t state; /* enum vcpu_state, read and written atomically */
	uint32_t index; /* in its VM */
	struct vm *vm;
	struct cpu *cpu;   /* that runs it; while RUNNING, guarded by that */
	struct vcpu *next; /* in the waiter list; VM lock */
	/*
	 * Why it came back, if the primary was told of something else first; a
	 * vcpu_exit(), or 0. As the registers.
	 */
	uint64_t unfinished;
	_Alignas(CACHE_LINE) struct arch_vcpu arch;
};

/*
 * Why a vCPU left: a kind in bits 7:0 and its payload above. 0 is no reason:
 * the vCPU goes on.
 */
enum vcpu_exit {
	EXIT_NONE = 0,
	EXIT_INTERRUPT, /* a physical interrupt is pending */
	EXIT_WFI,	/* payload: ns until its timer fires, 0: none set */
	EXIT_READ,	/* blocking read with nothing pending */
	EXIT_REPLIED,	/* payload: size of the reply */
	EXIT_WAKE,    /* payload: index of a vCPU of its VM that is ready now */
	EXIT_OFF,     /* turned itself off */
	EXIT_ABORT,   /* payload: HF_ABORT_* */
	EXIT_CONSOLE, /* there is much output to be read */
};

#define EXIT_KIND_MASK 0xff
#define EXIT_PAYLOAD_SHIFT 8

static inline uint64_t vcpu_exit(enum vcpu_exit kind, uint64_t payload)
{
	return payload << EXIT_PAYLOAD_SHIFT | (uint64_t)kind;
}

/* READY -> RUNNING on `cpu`. False if it was in any other state. */
static inline bool vcpu_claim(struct vcpu *vcpu, struct cpu *cpu)
{
	uint32_t expected = VCPU_READY;

	if (!__atomic_compare_exchange_n(&vcpu->state, &expected, VCPU_RUNNING,
					 false, __ATOMIC_SEQ_CST,
					 __ATOMIC_RELAXED))
		return false;
	vcpu->cpu = cpu;
	return true;
}

/* RUNNING -> `state`, READY or OFF, by the CPU that runs it. */
static inline void vcpu_release(struct vcpu *vcpu, enum vcpu_state state)
{
	__atomic_store_n(&vcpu->state, state, __ATOMIC_RELEASE);
}

/* RUNNING -> WAITING, at the end of the VM's waiter list. VM lock held. */
void vcpu_wait(struct vcpu *vcpu);

/*
 * Takes the vCPU that waits longest off the list, makes `result` the result of
 * its call, and makes it READY. VM lock held. There must be one that waits.
 */
struct vcpu *vcpu_wake_first(struct vm *vm, uint64_t result);

enum vcpu_turn_on { TURNED_ON, TURN_ON_ALREADY_ON };

/*
 * OFF -> READY, to start at `entry` with `argument` in its first register.
 * Takes the VM lock.
 */
enum vcpu_turn_on vcpu_turn_on(struct vcpu *vcpu, ipaddr_t entry,
			       uint64_t argument);

/* Whether something of the stay before comes before another one. */
static inline bool vcpu_is_unsettled(const struct vcpu *vcpu)
{
	return vcpu->unfinished || arch_vcpu_owes(&vcpu->arch);
}

/*
 * Of a vCPU that the calling CPU claimed: what is left of the stay before, and
 * what it owes since. Returns what HF_VCPU_RUN does, as does vcpu_left().
 */
struct api_result vcpu_settle(struct vcpu *vcpu);

/*
 * A vCPU left for the reason `exit`, a vcpu_exit(), with its registers saved:
 * brings its state up to date. arch_vcpu_enter() ends with it.
 */
struct api_result vcpu_left(struct vcpu *vcpu, uint64_t exit);

#endif
