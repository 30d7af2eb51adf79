/* SPDX-License-Identifier: BSD-3-Clause */
/* The lock by itself: CPUs that stand in line. */
#ifndef LINE_H
#define LINE_H

#include "sched.h"
#include "spinlock.h"

extern struct line {
	struct spinlock lock;
	uint32_t count;
	/* By their turn: which CPU, and the step in which it came. */
	uint32_t who[SCHED_THREADS], came[SCHED_THREADS];
} line;

void stand_in_line(unsigned int cpu);

#endif
