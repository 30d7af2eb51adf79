/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ticket lock of src/spinlock.c: those who drew a ticket, in that order;
 * the first of them holds the lock. What only its holder touches may be one
 * step of a model.
 */
chan line[LOCKS] = [CPUS] of {byte};

inline spin_lock(l)
{
	line[l]!_pid;
	line[l]?<eval(_pid)>
}

inline spin_unlock(l)
{
	line[l]?eval(_pid)
}

#define IS_FREE(l) (len(line[l]) == 0)
