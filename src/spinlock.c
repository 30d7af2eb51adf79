/* SPDX-License-Identifier: BSD-3-Clause */
#include "spinlock.h"

#include "arch.h"
#include "cpu.h"
#include "log.h"

/* Looks at a lock that spin_seize() takes: more than a line of log lasts. */
#define PATIENCE 10000000

#ifdef HF_DEBUG

#define MAX_HELD 4

/* Ranks of the locks that each CPU holds, in the order of taking. */
static struct {
	uint32_t count;
	uint32_t rank[MAX_HELD];
} held[MAX_CPUS];

void spin_note_taking(const struct spinlock *l)
{
	uint32_t i = arch_this_cpu()->index;
	uint32_t n = held[i].count;

	if (n == MAX_HELD)
		panic("lock %x taken, %u are held already", l->rank, n);
	if (n && held[i].rank[n - 1] >= l->rank)
		panic("lock %x taken with %x held", l->rank,
		      held[i].rank[n - 1]);
	held[i].rank[n] = l->rank;
	held[i].count++;
}

void spin_note_giving(const struct spinlock *l)
{
	uint32_t i = arch_this_cpu()->index;

	if (!held[i].count || held[i].rank[held[i].count - 1] != l->rank)
		panic("lock %x given out of order", l->rank);
	held[i].count--;
}

#endif

void spin_wait(const struct spinlock *l, uint32_t ticket)
{
	do
		arch_relax();
	while (__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != ticket);
}

void spin_seize(struct spinlock *l)
{
	uint32_t ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

	for (uint32_t i = 0;
	     i < PATIENCE &&
	     __atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != ticket;
	     i++)
		;
}
