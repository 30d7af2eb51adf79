/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ticket lock of src/spinlock.c. Lock `l` is a row of two arrays; tickets
 * count modulo TICKETS, more than there are CPUs.
 */
#define TICKETS (CPUS + 1)

byte lock_next[LOCKS];
byte lock_serving[LOCKS];

inline spin_lock(l)
{
	d_step {
		ticket = lock_next[l];
		lock_next[l] = (ticket + 1) % TICKETS
	};
	lock_serving[l] == ticket
}

inline spin_unlock(l)
{
	lock_serving[l] = (lock_serving[l] + 1) % TICKETS
}

#define IS_FREE(l) (lock_serving[l] == lock_next[l])
