/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All schedules of a few cooperative threads that run real code. The code is
 * compiled with -fsanitize=thread, and each access that the compiler reports
 * comes here instead of to ThreadSanitizer:
 *
 * - An atomic access to memory that is tracked is a switch point: any thread
 *   may go on there.
 * - A plain access is checked against all earlier ones: two accesses of
 *   different threads, one of them a write, that no release and acquire order
 *   are a data race, and the schedule fails. Where there is no data race it is
 *   enough to switch at atomic accesses (C11, 5.1.2.4).
 *
 * The search is depth first, with sleep sets (Godefroid, "Partial-Order
 * Methods for the Verification of Concurrent Systems", chapter 5): of
 * schedules that differ only in the order of accesses that do not touch the
 * same object, one is run. Which orders are worth a try is found from the
 * races of the runs before (Abdulla et al., "Optimal Dynamic Partial Order
 * Reduction", POPL 2014: source sets), so that few runs are begun in vain.
 */
#ifndef SCHED_H
#define SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHED_THREADS 3

/* Forgets all tracked memory. */
void sched_forget(void);

/*
 * Tracks memory, at a multiple of 4 bytes, called `name` in traces. `table`:
 * every access counts as atomic, as those of a table walker are.
 */
void sched_track(const char *name, void *memory, size_t size, bool table);

/* Takes what is in tracked memory as the state in which schedules begin. */
void sched_save(void);

enum sched_end {
	SCHED_DONE,	/* all threads came to their end */
	SCHED_PRUNED,	/* as good as one that was run already */
	SCHED_DEADLOCK, /* each thread waits for another */
	SCHED_STOPPED,	/* by sched_stop(), or by a data race */
};

/*
 * Begins the search for `threads` threads; thread i runs job(i). resumed(i) is
 * called whenever it goes on after another.
 */
void sched_begin(unsigned int threads, void (*job)(unsigned int thread),
		 void (*resumed)(unsigned int thread));

/* Runs the next schedule, from the saved state. */
enum sched_end sched_run(void);

/* Goes to the next schedule. False if there is none. */
bool sched_next(void);

/*
 * The schedule of the last run: a digit, the thread, for each step. That a
 * thread begins is its first step.
 */
const char *sched_text(void);

/* Makes the next sched_run() follow such a text as far as it goes. */
void sched_follow(const char *text);

/*
 * Makes the following runs go by chance, and sched_next() mean nothing; 0: no
 * more. They do not rely on what is said above of schedules left out.
 */
void sched_random(uint64_t seed);

/* Prints each step. */
void sched_trace(bool on);

/* What was wrong in the last run. */
const char *sched_problem(void);

/* The running thread, or -1 outside of a run. */
int sched_thread(void);

/* How many steps the running thread has made. */
uint32_t sched_steps(void);

/* Ends the run because of a problem; called by a thread. */
_Noreturn void sched_stop(const char *problem);

/* --- for tsan.c, and for models of things that are not compiled so --- */

/* Before an atomic access of the running thread: others may go on. */
void sched_point(const volatile void *address, bool write);

/* After it. `order` is a memory_order; of a load, what it read. */
void sched_loaded(const volatile void *address, size_t size, int order,
		  uint64_t value);
void sched_stored(const volatile void *address, size_t size, int order,
		  bool rmw);

/* A plain access. */
void sched_plain(const volatile void *address, size_t size, bool write);

/*
 * The running thread spins: it has no use for going on before what it loaded
 * last has changed.
 */
void sched_relax(void);

#endif
