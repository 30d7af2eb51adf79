/* SPDX-License-Identifier: BSD-3-Clause */
#include "sched.h"

#include <stdio.h>
#include <string.h>

#include "fiber.h"

#define STACK_SIZE (64 * 1024)
#define MAX_STEPS 1000 /* of all threads in a run */
#define MAX_REGIONS 32
#define MAX_TRACKED (16 * 1024) /* bytes */
#define GRANULE 4

/* --- tracked memory --- */

enum access { PLAIN_READ, PLAIN_WRITE, ATOMIC_READ, ATOMIC_WRITE, ACCESSES };

/* When each thread did which access to a granule last, by its own clock. */
struct shadow {
	uint32_t at[ACCESSES][SCHED_THREADS];
	/* What who acquires here learns of each thread's clock. */
	uint32_t released[SCHED_THREADS];
};

static struct region {
	const char *name;
	uint8_t *memory;
	size_t size;
	size_t offset; /* in `saved` and, in granules, in `shadow` */
	bool table;
} regions[MAX_REGIONS];
static size_t region_count, tracked;
static uint8_t saved[MAX_TRACKED];
static struct shadow shadow[MAX_TRACKED / GRANULE];

/* --- threads --- */

struct access_step {
	const volatile void *address; /* NULL: none, the thread begins */
	bool write;
};

static struct thread {
	struct fiber fiber;
	bool done;
	struct access_step next; /* before which it is */
	uint32_t steps;		 /* that it made */
	bool relaxed;		 /* since its last step */
	const volatile void *loaded;
	uint64_t value;		       /* that it loaded */
	bool spins;		       /* `next` is that load again */
	uint32_t clock[SCHED_THREADS]; /* what it knows of each */
	_Alignas(16) uint8_t stack[STACK_SIZE];
} threads[SCHED_THREADS];

static struct fiber main_fiber;
static unsigned int thread_count;
static void (*thread_job)(unsigned int);
static void (*thread_resumed)(unsigned int);
static int running = -1;

/* --- the search --- */

/* A step of the path: who could go on, who did, who need not, who must. */
struct node {
	unsigned int enabled, explored, sleeping, wanted; /* bit per thread */
	int chosen;
	struct access_step next[SCHED_THREADS];
	/*
	 * Of the step that was chosen: how many steps of each thread come
	 * before it in every schedule that is as good as this one, itself
	 * included; and the last step of each thread before this node, from 1
	 * on.
	 */
	uint32_t after[SCHED_THREADS];
	uint32_t last[SCHED_THREADS];
};
static struct node path[MAX_STEPS + 1];
static size_t path_length; /* nodes whose choice is made */
static size_t depth;	   /* of the run */

static uint32_t first_clock; /* of the run: older accesses are before it */
static enum sched_end end;
static char problem[256];
static char text[MAX_STEPS + 1];
static bool tracing;
static uint64_t random_state; /* 0: the search is not by chance */

void sched_forget(void)
{
	region_count = 0;
	tracked = 0;
}

void sched_track(const char *name, void *memory, size_t size, bool table)
{
	struct region *r = &regions[region_count++];

	*r = (struct region){name, memory, size, tracked, table};
	tracked += (size + GRANULE - 1) / GRANULE * GRANULE;
	if (region_count == MAX_REGIONS || tracked > MAX_TRACKED)
		__builtin_trap();
}

void sched_save(void)
{
	for (size_t i = 0; i < region_count; i++)
		memcpy(saved + regions[i].offset, regions[i].memory,
		       regions[i].size);
}

static void restore(void)
{
	for (size_t i = 0; i < region_count; i++)
		memcpy(regions[i].memory, saved + regions[i].offset,
		       regions[i].size);
}

static const struct region *find_region(const volatile void *address)
{
	uintptr_t at = (uintptr_t)address;

	for (size_t i = 0; i < region_count; i++)
		if (at - (uintptr_t)regions[i].memory < regions[i].size)
			return &regions[i];
	return NULL;
}

static struct shadow *shadow_of(const struct region *r,
				const volatile void *address)
{
	size_t offset = (uintptr_t)address - (uintptr_t)r->memory;

	return &shadow[(r->offset + offset) / GRANULE];
}

/* --- going on --- */

static uint64_t load(const volatile void *address)
{
	uint32_t value;

	memcpy(&value, (const void *)address, sizeof(value));
	return value;
}

static bool is_enabled(const struct thread *t)
{
	return !t->done && !(t->spins && load(t->loaded) == (uint32_t)t->value);
}

static unsigned int enabled_threads(void)
{
	unsigned int mask = 0;

	for (unsigned int i = 0; i < thread_count; i++)
		if (is_enabled(&threads[i]))
			mask |= 1u << i;
	return mask;
}

static bool independent(const struct access_step *a,
			const struct access_step *b)
{
	return !a->address || !b->address || a->address != b->address ||
	       (!a->write && !b->write);
}

/* Threads that need not go on here: what they would do was tried before. */
static unsigned int inherited_sleep(void)
{
	const struct node *parent;
	unsigned int mask = 0;

	if (depth == 0)
		return 0;
	parent = &path[depth - 1];
	for (int i = 0; i < (int)thread_count; i++)
		if (i != parent->chosen &&
		    (parent->sleeping | parent->explored) >> i & 1 &&
		    independent(&parent->next[i],
				&parent->next[parent->chosen]))
			mask |= 1u << i;
	return mask;
}

/* --- which other schedules are worth a run --- */

static void join(uint32_t *to, const uint32_t *from)
{
	for (unsigned int i = 0; i < thread_count; i++)
		if (from[i] > to[i])
			to[i] = from[i];
}

/* Whether step `i` is among those that `clock` counts. */
static bool is_known(size_t i, const uint32_t *clock)
{
	int thread = path[i].chosen;

	return clock[thread] >= path[i].after[thread];
}

/* Whether step `k` could come before step `i`, without those between. */
static bool can_begin(size_t i, size_t k)
{
	for (size_t j = i + 1; j < k; j++)
		if (!is_known(i, path[j].after) && is_known(j, path[k].after))
			return false;
	return true;
}

/*
 * Steps `i` and `last` race: the steps between that do not need `i`, and then
 * `last`, are to come before `i`, too. Sees to it that a thread that can begin
 * them is tried there.
 */
static void want_other_order(size_t i, size_t last)
{
	unsigned int may = 0, seen = 0;

	for (size_t k = i + 1; k <= last; k++) {
		unsigned int bit = 1u << path[k].chosen;

		if (seen & bit || (k != last && is_known(i, path[k].after)))
			continue;
		seen |= bit;
		if (can_begin(i, k))
			may |= bit;
	}
	may &= path[i].enabled;
	if (may && !(path[i].wanted & may))
		path[i].wanted |= may & -may;
}

/*
 * Step `last` was made: finds what comes before it in every schedule that is
 * as good as this one, and the steps that it races with, of which none comes
 * before another such step.
 */
static void order_step(size_t last)
{
	struct node *n = &path[last];
	const struct access_step *step = &n->next[n->chosen];
	uint32_t own = n->last[n->chosen];
	size_t race[MAX_STEPS], races = 0;

	memset(n->after, 0, sizeof(n->after));
	if (own)
		memcpy(n->after, path[own - 1].after, sizeof(n->after));
	for (size_t i = last; i-- > 0;) {
		if (independent(&path[i].next[path[i].chosen], step) ||
		    is_known(i, n->after))
			continue;
		join(n->after, path[i].after);
		race[races++] = i;
	}
	n->after[n->chosen]++;
	for (size_t i = 0; i < races; i++)
		want_other_order(race[i], last);
}

/* The path got as far as `at`: the step before that was made. */
static void order_path(size_t at)
{
	struct node *n = &path[at];

	memset(n->last, 0, sizeof(n->last));
	if (!at)
		return;
	order_step(at - 1);
	memcpy(n->last, path[at - 1].last, sizeof(n->last));
	n->last[path[at - 1].chosen] = (uint32_t)at;
}

/* The running one if it may, else the first. */
static int choose(unsigned int mask)
{
	if (running >= 0 && mask >> running & 1)
		return running;
	return __builtin_ctz(mask);
}

static int choose_randomly(void)
{
	unsigned int mask = enabled_threads();
	int chosen;

	if (!mask) {
		end = SCHED_DEADLOCK;
		snprintf(problem, sizeof(problem), "deadlock");
		return -1;
	}
	do {
		random_state ^= random_state >> 12;
		random_state ^= random_state << 25;
		random_state ^= random_state >> 27;
		chosen = (int)(random_state * UINT64_C(0x2545f4914f6cdd1d) >>
			       32) &
			 3;
	} while (!(mask >> chosen & 1));
	return chosen;
}

/* A new node at the end of the path. False if the run ends here. */
static bool extend(void)
{
	struct node *n = &path[depth];
	unsigned int candidates;

	n->enabled = enabled_threads();
	n->explored = 0;
	n->sleeping = inherited_sleep();
	for (unsigned int i = 0; i < thread_count; i++)
		n->next[i] = threads[i].next;
	order_path(depth);
	candidates = n->enabled & ~n->sleeping;
	if (!candidates) {
		end = n->enabled ? SCHED_PRUNED : SCHED_DEADLOCK;
		snprintf(problem, sizeof(problem), "deadlock");
		return false;
	}
	n->chosen = choose(candidates);
	n->wanted = 1u << n->chosen;
	path_length = depth + 1;
	return true;
}

static bool all_done(void)
{
	for (unsigned int i = 0; i < thread_count; i++)
		if (!threads[i].done)
			return false;
	return true;
}

static void print_step(int thread)
{
	const struct access_step *s = &threads[thread].next;
	const struct region *r = find_region(s->address);

	if (!r)
		printf("  CPU %d begins\n", thread);
	else
		printf("  CPU %d %s %s + %zu\n", thread,
		       s->write ? "writes" : "reads", r->name,
		       (size_t)((uintptr_t)s->address - (uintptr_t)r->memory));
}

/* The next choice of the search, or -1 if the run ends here. */
static int choose_in_search(void)
{
	if (depth >= path_length && !extend())
		return -1;
	if (is_enabled(&threads[path[depth].chosen]))
		return path[depth].chosen;
	/* A schedule to follow may have been made for other code. */
	path_length = depth;
	return extend() ? path[depth].chosen : -1;
}

/* Who goes on: a thread, or -1 for the end of the run. */
static int pick(void)
{
	int chosen;

	if (all_done()) {
		if (!random_state && depth == path_length)
			order_path(depth);
		end = SCHED_DONE;
		return -1;
	}
	if (depth == MAX_STEPS)
		sched_stop("no end");
	chosen = random_state ? choose_randomly() : choose_in_search();
	if (chosen < 0)
		return -1;
	if (tracing)
		print_step(chosen);
	text[depth++] = (char)('0' + chosen);
	threads[chosen].steps++;
	return chosen;
}

static void go_on(void)
{
	struct fiber *from =
		running < 0 ? &main_fiber : &threads[running].fiber;
	int chosen = pick();

	if (chosen == running)
		return;
	running = chosen;
	if (chosen >= 0)
		thread_resumed((unsigned int)chosen);
	fiber_switch(from, chosen < 0 ? &main_fiber : &threads[chosen].fiber);
}

static void thread_main(void *argument)
{
	struct thread *t = argument;

	thread_job((unsigned int)(t - threads));
	t->done = true;
	go_on();
}

_Noreturn void sched_stop(const char *why)
{
	struct thread *t = &threads[running];

	snprintf(problem, sizeof(problem), "%s", why);
	end = SCHED_STOPPED;
	running = -1;
	fiber_switch(&t->fiber, &main_fiber);
	__builtin_unreachable();
}

int sched_thread(void)
{
	return running;
}

uint32_t sched_steps(void)
{
	return threads[running].steps;
}

void sched_point(const volatile void *address, bool write)
{
	struct thread *t = &threads[running];

	if (running < 0 || !find_region(address))
		return;
	t->next = (struct access_step){address, write};
	t->spins = t->relaxed && t->loaded == address && !write;
	t->relaxed = false;
	go_on();
	t->spins = false;
}

void sched_relax(void)
{
	if (running >= 0)
		threads[running].relaxed = true;
}

/* --- happens-before --- */

static void race(const struct region *r, const volatile void *address,
		 unsigned int other)
{
	char what[200];

	snprintf(what, sizeof(what),
		 "data race of CPUs %d and %u: %s + %zu is not ordered",
		 running, other, r->name,
		 (size_t)((uintptr_t)address - (uintptr_t)r->memory));
	sched_stop(what);
}

/* Whether other threads' accesses of this kind come before, each of them. */
static void check_ordered(const struct region *r, const volatile void *address,
			  const struct shadow *s, enum access kind)
{
	for (unsigned int u = 0; u < thread_count; u++)
		if ((int)u != running && s->at[kind][u] >= first_clock &&
		    s->at[kind][u] > threads[running].clock[u])
			race(r, address, u);
}

static void access_granule(const struct region *r, const volatile void *address,
			   enum access kind)
{
	struct shadow *s = shadow_of(r, address);

	check_ordered(r, address, s, PLAIN_WRITE);
	if (kind == PLAIN_WRITE || kind == ATOMIC_WRITE)
		check_ordered(r, address, s, PLAIN_READ);
	if (kind == PLAIN_WRITE || kind == PLAIN_READ)
		check_ordered(r, address, s, ATOMIC_WRITE);
	if (kind == PLAIN_WRITE)
		check_ordered(r, address, s, ATOMIC_READ);
	s->at[kind][running] = threads[running].clock[running];
}

/* As much of [address, address + size) as lies in the region. */
static void access_all(const struct region *r, const volatile void *address,
		       size_t size, enum access kind)
{
	for (size_t i = 0; i < size && find_region((uint8_t *)address + i) == r;
	     i += GRANULE)
		access_granule(r, (const volatile uint8_t *)address + i, kind);
}

void sched_plain(const volatile void *address, size_t size, bool write)
{
	const struct region *r = running < 0 ? NULL : find_region(address);

	if (!r)
		return;
	if (r->table) {
		sched_point(address, write);
		return;
	}
	access_all(r, address, size, write ? PLAIN_WRITE : PLAIN_READ);
}

static bool acquires(int order)
{
	return order == __ATOMIC_ACQUIRE || order == __ATOMIC_CONSUME ||
	       order == __ATOMIC_ACQ_REL || order == __ATOMIC_SEQ_CST;
}

static bool releases(int order)
{
	return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL ||
	       order == __ATOMIC_SEQ_CST;
}

void sched_loaded(const volatile void *address, size_t size, int order,
		  uint64_t value)
{
	const struct region *r = running < 0 ? NULL : find_region(address);
	struct thread *t = &threads[running];

	if (!r)
		return;
	t->loaded = address;
	t->value = value;
	if (r->table)
		return;
	access_all(r, address, size, ATOMIC_READ);
	if (acquires(order))
		join(t->clock, shadow_of(r, address)->released);
}

void sched_stored(const volatile void *address, size_t size, int order,
		  bool rmw)
{
	const struct region *r = running < 0 ? NULL : find_region(address);
	struct thread *t = &threads[running];
	struct shadow *s;

	if (!r || r->table)
		return;
	access_all(r, address, size, ATOMIC_WRITE);
	s = shadow_of(r, address);
	/* A read-modify-write goes on with the release before it. */
	if (!rmw)
		memset(s->released, 0, sizeof(s->released));
	if (releases(order)) {
		join(s->released, t->clock);
		t->clock[running]++;
	}
}

/* --- the search from outside --- */

void sched_begin(unsigned int count, void (*job)(unsigned int),
		 void (*resumed)(unsigned int))
{
	thread_count = count;
	thread_job = job;
	thread_resumed = resumed;
	path_length = 0;
	for (unsigned int i = 0; i < count; i++)
		if (!threads[i].fiber.job)
			fiber_init(&threads[i].fiber, threads[i].stack,
				   STACK_SIZE, thread_main, &threads[i]);
}

static void rewind_threads(void)
{
	static uint32_t last_clock;

	/* No thread knows anything of another's steps in this run. */
	first_clock = last_clock + 1;
	last_clock += MAX_STEPS;
	if (last_clock < first_clock) {
		memset(shadow, 0, sizeof(shadow));
		first_clock = 1;
		last_clock = MAX_STEPS;
	}
	for (unsigned int i = 0; i < thread_count; i++) {
		struct thread *t = &threads[i];

		fiber_rewind(&t->fiber);
		t->done = t->relaxed = t->spins = false;
		t->next = (struct access_step){0};
		t->loaded = NULL;
		t->steps = 0;
		memset(t->clock, 0, sizeof(t->clock));
		t->clock[i] = first_clock;
	}
}

enum sched_end sched_run(void)
{
	restore();
	rewind_threads();
	depth = 0;
	problem[0] = '\0';
	running = -1;
	go_on();
	text[depth] = '\0';
	return end;
}

bool sched_next(void)
{
	while (path_length > 0) {
		struct node *n = &path[path_length - 1];
		unsigned int rest;

		n->explored |= 1u << n->chosen;
		rest = n->wanted & ~n->sleeping & ~n->explored;
		if (rest) {
			n->chosen = __builtin_ctz(rest);
			return true;
		}
		path_length--;
	}
	return false;
}

const char *sched_text(void)
{
	return text;
}

void sched_follow(const char *schedule)
{
	for (path_length = 0; schedule[path_length]; path_length++) {
		struct node *n = &path[path_length];

		memset(n, 0, sizeof(*n));
		n->chosen = schedule[path_length] - '0';
	}
}

void sched_random(uint64_t seed)
{
	random_state = seed;
}

void sched_trace(bool on)
{
	tracing = on;
}

const char *sched_problem(void)
{
	return problem;
}
