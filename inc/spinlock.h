/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ticket spinlocks: fair, so that no CPU starves.
 *
 * Order, to be taken downwards: primary VM's lock, secondary VMs' locks by
 * index, that of what is loaded, CPU lock, VM's console, VM's interrupt
 * controller, GIC, console. A debug build (make DEBUG=1) panics on a lock taken
 * against this order. No lock is held across a return to a VM, and none is
 * taken by the panic path.
 */
#ifndef SPINLOCK_H
#define SPINLOCK_H

#include <stdint.h>

/*
 * Place of a lock in the order: the index of a VM (0: the primary, secondary
 * n: n + 1), or one of these.
 */
#define LOCK_RANK_WINDOW 0xff
#define LOCK_RANK_CPU 0x100
#define LOCK_RANK_VCONSOLE 0x101
#define LOCK_RANK_VGIC 0x102
#define LOCK_RANK_GIC 0x103
#define LOCK_RANK_CONSOLE 0x104

struct spinlock {
	uint32_t next;	  /* ticket that the next CPU to come draws */
	uint32_t serving; /* ticket of the CPU that holds the lock */
#ifdef HF_DEBUG
	uint32_t rank;
#endif
};

/* Makes an unlocked lock with its place in the order. */
static inline void spin_init(struct spinlock *l, uint32_t rank)
{
	l->next = 0;
	l->serving = 0;
#ifdef HF_DEBUG
	l->rank = rank;
#else
	(void)rank;
#endif
}

/* The order of locks, checked. */
#ifdef HF_DEBUG
void spin_note_taking(const struct spinlock *l);
void spin_note_giving(const struct spinlock *l);
#else
static inline void spin_note_taking(const struct spinlock *l)
{
	(void)l;
}

static inline void spin_note_giving(const struct spinlock *l)
{
	(void)l;
}
#endif

/* Waits until that ticket is served. */
void spin_wait(const struct spinlock *l, uint32_t ticket);

/* Takes the lock; acquires what its last holder wrote. */
static inline void spin_lock(struct spinlock *l)
{
	uint32_t ticket;

	spin_note_taking(l);
	ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);
	if (__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != ticket)
		spin_wait(l, ticket);
}

/*
 * Takes the lock and never gives it back, from the panic path: goes on without
 * it if its holder, who may be this CPU, does not give it soon.
 */
void spin_seize(struct spinlock *l);

/* Gives the lock to the next in line; releases what this CPU wrote. */
static inline void spin_unlock(struct spinlock *l)
{
	spin_note_giving(l);
	__atomic_store_n(&l->serving, l->serving + 1, __ATOMIC_RELEASE);
}

#endif
