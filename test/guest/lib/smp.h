/* SPDX-License-Identifier: BSD-3-Clause */
/* Several CPUs: start, stop, meet, lock. */
#ifndef SMP_H
#define SMP_H

#include <stdbool.h>
#include <stdint.h>
#include "layout.h"

/* Index of this CPU, the order of the nodes in /cpus; the first one is 0. */
unsigned int cpu_index(void);

/* Number of CPUs in the device tree, at most CPUS. */
unsigned int cpu_count(void);

/* MPIDR of a CPU, from its "reg". */
uint64_t cpu_mpidr(unsigned int cpu);

/*
 * Starts a CPU by PSCI: it runs fn(arg), MMU on and interrupts masked, and
 * turns itself off. Returns what CPU_ON returned.
 */
int32_t cpu_start(unsigned int cpu, void (*fn)(void *), void *arg);

/*
 * For who makes the CPU_ON call itself: what the CPU is to run. Returns the
 * entry for that call; its context argument is `cpu`.
 */
uintptr_t cpu_prepare(unsigned int cpu, void (*fn)(void *), void *arg);

/* Waits until a CPU is off. False if it still is not after 30 s. */
bool cpu_wait_off(unsigned int cpu);

/*
 * Runs fn(arg) on the first `cpus` CPUs at once, this one included, and waits
 * until the others are off again. False if a CPU could not be started or did
 * not come to its end.
 */
bool cpu_run_all(unsigned int cpus, void (*fn)(void *), void *arg);

/* Called once by the first CPU. */
void smp_init(void);

struct spinlock {
	uint32_t held;
};

void spin_lock(struct spinlock *lock);
bool spin_trylock(struct spinlock *lock);
void spin_unlock(struct spinlock *lock);

/* A barrier for `cpus` CPUs; zeroed, it is ready, and so after each use. */
struct barrier {
	uint32_t arrived;
	uint32_t round;
};

void barrier_wait(struct barrier *barrier, unsigned int cpus);

#endif
