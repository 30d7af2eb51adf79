/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtual machines and their mailboxes. */
#ifndef VM_H
#define VM_H

#include "limits.h"
#include "log.h"
#include "mm.h"
#include "nospec.h"
#include "spinlock.h"
#include "vcpu.h"
#include "vconsole.h"

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

/*
 * A part of a VM's memory that is filled each time it starts, and where what
 * fills it is kept, hidden from all VMs; page-aligned but for the size.
 */
struct vm_part {
	ipaddr_t at;
	uint64_t size; /* bytes; 0: the VM has none */
	paddr_t copy;
};

enum { PART_KERNEL, PART_RAMDISK, PART_TREE, PART_COUNT };

struct vm {
	/*
	 * 0, or HF_ABORT_*: none of its vCPUs runs; atomic. Becomes 0 again
	 * with the VM lock held, as the last step of a start.
	 */
	_Alignas(1024) uint32_t aborted; /* a shift finds a VM by its index */
	uint32_t vcpu_count;		 /* 0: the VM was left out at boot */
	struct spinlock lock;
	struct vcpu *vcpus; /* vcpu_count of them */
	struct mailbox mailbox;
	struct vcpu *waiters;	  /* blocked readers, first in first out */
	struct vcpu *last_waiter; /* VM lock */
	uint32_t index;		  /* of a secondary VM */
	struct arch_vm arch;
	bool starting;	 /* it is being loaded anew; VM lock */
	bool debug;	 /* its registers may be told when it crashes */
	uint64_t loaded; /* bytes of its memory in this life; VM lock */
	struct ptable
		stage2; /* constant after boot, but for arch_vm_revoke() */
	paddr_t memory; /* of a secondary: where it lies, */
	uint64_t memory_size; /* and its size in bytes */
	struct vm_part parts[PART_COUNT];
	struct log_limit log; /* of lines that this VM causes */
	struct vconsole console;
	char name[MAX_NAME];
};

/* The primary, and the secondaries by their index. */
extern struct vm vm_primary;
extern struct vm vm_secondary[MAX_VMS];

/* Number of secondary VMs, those left out included. Constant after boot. */
extern uint32_t vm_count;

/* Options of the primary: HF_OPTION_*, atomic. */
extern uint64_t vm_options;

/* Where the parts of all VMs are kept, and how many bytes of it there are. */
extern paddr_t vm_kept;
extern uint64_t vm_kept_size;

/* vm_wipe_all() was there: no VM is started any more. Set before any VM's lock
 * is taken for it. */
extern bool vm_wiped;

/*
 * Prepares a VM object with `vcpu_count` vCPUs, all OFF. `rank` is its place
 * in the lock order: 0 for the primary, index + 1 for a secondary.
 */
void vm_init(struct vm *vm, uint32_t rank, struct vcpu *vcpus,
	     uint32_t vcpu_count);

/* The secondary VM of that number (any value), or NULL. */
static inline struct vm *vm_find(uint32_t number)
{
	struct vm *vm;
	uint32_t index;

	if (!index_check(number, vm_count, &index))
		return NULL;
	vm = &vm_secondary[index];
	__asm__ volatile("" : "+r"(vm)); /* computed once */
	return vm;
}

/* Room for the vCPUs of secondary VM `index`. */
struct vcpu *vm_vcpu_room(uint32_t index);

/*
 * Whether there is output that the primary wants to be told of and was not. It
 * is told by this.
 */
static inline bool vconsole_tell(struct vm *vm)
{
	return vconsole_news(&vm->console) != NO_NEWS && vconsole_tell_news(vm);
}

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
 * Stops a VM with a reason (HF_ABORT_*): none of its vCPUs is run until it is
 * started anew (life.h). The first reason stays. Called with the VM lock held,
 * or by the CPU that runs one of the vCPUs.
 */
void vm_abort(struct vm *vm, uint32_t reason);

/*
 * Stops all secondaries and zeroes their memory and registers, and what they
 * are loaded from, for a reset that what is in RAM may survive: none is started
 * again. Takes their locks, one by one; one CPU at a time, while no vCPU runs
 * on it.
 */
void vm_wipe_all(void);

#endif
