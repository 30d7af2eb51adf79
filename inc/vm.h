/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtual machines and their mailboxes. */
#ifndef VM_H
#define VM_H

#include "limits.h"
#include "log.h"
#include "mm.h"
#include "spinlock.h"
#include "vcpu.h"

/*
 *   from      to        who (lock of the mailbox's VM held)
 *   IDLE      PENDING   a request that no vCPU waits for
 *   IDLE      INFLIGHT  a request that wakes a waiter; any reply
 *   PENDING   INFLIGHT  a read
 *   INFLIGHT  IDLE      an acknowledgement, by itself or with a reply
 */
enum mailbox_state { MAILBOX_IDLE = 0, MAILBOX_PENDING, MAILBOX_INFLIGHT };

struct mailbox {
	/*
	 * The VM's pages as the hypervisor has them mapped, NULL until the VM
	 * configured them. Written once under the VM lock, `send` last and
	 * with release.
	 */
	const void *send;
	void *recv;
	enum mailbox_state state; /* VM lock */
	uint32_t size;		  /* of the pending message, bytes; VM lock */
};

struct vm {
	struct spinlock lock;
	uint32_t index;	     /* of a secondary VM */
	uint32_t vcpu_count; /* 0: the VM was left out at boot */
	uint32_t aborted;    /* 0, or HF_ABORT_*: it runs no more; atomic */
	struct mailbox mailbox;
	struct vcpu *waiters;	  /* blocked readers, first in first out */
	struct vcpu *last_waiter; /* VM lock */
	struct vcpu *vcpus;	  /* vcpu_count of them */
	struct arch_vm arch;
	struct ptable stage2; /* constant after boot */
	paddr_t memory;	      /* of a secondary: where it lies, */
	uint64_t memory_size; /* and its size in bytes */
	struct log_limit log; /* of lines that this VM causes */
	char name[MAX_NAME];
};

/* The primary, and the secondaries by their index. */
extern struct vm vm_primary;
extern struct vm vm_secondary[MAX_VMS];

/* Number of secondary VMs, those left out included. Constant after boot. */
extern uint32_t vm_count;

/* Options of the primary: HF_OPTION_*, atomic. */
extern uint64_t vm_options;

/*
 * Prepares a VM object with `vcpu_count` vCPUs, all OFF. `rank` is its place
 * in the lock order: 0 for the primary, index + 1 for a secondary.
 */
void vm_init(struct vm *vm, uint32_t rank, struct vcpu *vcpus,
	     uint32_t vcpu_count);

/* The secondary VM `index` (any value), or NULL. */
struct vm *vm_find(uint64_t index);

/* Room for the vCPUs of secondary VM `index`. */
struct vcpu *vm_vcpu_room(uint32_t index);

/*
 * Why the VM was stopped: HF_ABORT_*, or 0 if it was not. Any lock or none. Who
 * has claimed a vCPU before either finds the VM stopped, or is seen RUNNING by
 * who stopped it: both are one order.
 */
static inline uint32_t vm_aborted(const struct vm *vm)
{
	return __atomic_load_n(&vm->aborted, __ATOMIC_SEQ_CST);
}

/*
 * Stops a VM for good with a reason (HF_ABORT_*): none of its vCPUs is run any
 * more. The first reason stays.
 */
void vm_abort(struct vm *vm, uint32_t reason);

/*
 * Stops all secondaries and zeroes their memory and registers, for a reset that
 * what is in RAM may survive. Takes their locks, one by one; one CPU at a time,
 * while no vCPU runs on it.
 */
void vm_wipe_all(void);

#endif
