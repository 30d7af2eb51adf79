/* SPDX-License-Identifier: BSD-3-Clause */
/* A file of its own, compiled as what is tested is: the lock is inline. */
#include "line.h"

struct line line;

void stand_in_line(unsigned int cpu)
{
	uint32_t came = sched_steps() + 1;

	spin_lock(&line.lock);
	line.who[line.count] = cpu;
	line.came[line.count] = came;
	line.count++;
	spin_unlock(&line.lock);
}
