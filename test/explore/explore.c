/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The schedule explorer: the real api.c, vcpu.c, vm.c, cpu.c and spinlock.c on
 * two and three CPUs, in every order in which their accesses to memory can
 * come. The outcome of each schedule (all results, the whole state) must be
 * that of some order of the same calls in the specification, one that does not
 * turn around calls of which one was over before the other began.
 *
 * A schedule that fails is printed with the command that replays it step by
 * step:
 *
 *	explore --state N --actors N,N --schedule 00110...
 *
 * N+N are two actors after one another. Without --schedule it explores all
 * schedules of that case; with --part N --parts N a share of the states.
 */
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hf/abi.h"
#include "board.h"
#include "cases.h"
#include "fake.h"
#include "line.h"
#include "sched.h"

/* Schedules after which the search of one case stops. */
#define MAX_SCHEDULES 200000

/*
 * Schedules of each case that are drawn by chance, besides: they do not rely
 * on what the search leaves out. Most are repeats, so they count apart.
 */
#define RANDOM_SCHEDULES 2

static struct {
	long state, part, parts;
	const char *actors, *schedule;
} options = {.state = -1, .parts = 1};

/* Where a schedule comes from. */
enum source { ALONE, LOCK, PAIRS, SEQUENCES, THREES, CHANCE, SOURCES };

static struct {
	uint64_t cases, pruned, orders, cut;
	uint64_t schedules[SOURCES];
} count;

/* The case at hand: each CPU does one actor, or two after one another. */
#define MAX_ACTS 8
static const struct actor *case_parts[SCHED_THREADS][2];
static struct primary_act case_acts[SCHED_THREADS][2 * MAX_ACTS + 1];
static struct actor case_actors[SCHED_THREADS];
static unsigned int case_count;
static const struct actor *case_state;
static struct spec start, view;

/* --- the board, and the state that a case begins in --- */

static void at_point(enum fake_point point, void *object)
{
	(void)object;
	if (point == FAKE_RELAX)
		sched_relax();
}

static void track_vm(struct vm *vm, const char *vcpus, const char *table)
{
	sched_track(vcpus, vm->vcpus, vm->vcpu_count * sizeof(vm->vcpus[0]),
		    false);
	/* The one entry that a VM's memory begins with. */
	sched_track(table,
		    &vm->stage2.root[HF_SECONDARY_RAM_BASE >>
				     pt_shift(vm->stage2.level)],
		    sizeof(uint64_t), true);
}

/* The pages of both mailboxes that a VM may choose. */
static void track_pages(const char *name, uint64_t pa)
{
	for (unsigned int i = 0; i < 4; i++)
		sched_track(name, fake_ram(pa + i * PAGE_SIZE), SPEC_PAGE_BYTES,
			    false);
}

/* All but the fake architecture's counter. */
static void track_cpu(struct cpu *cpu)
{
	sched_track("cpus", &cpu->index,
		    sizeof(*cpu) - offsetof(struct cpu, index), false);
}

static void track_all(void)
{
	sched_forget();
	sched_track("vm_primary", &vm_primary, sizeof(vm_primary), false);
	sched_track("vm0", &vm_secondary[0], sizeof(struct vm), false);
	sched_track("vm1", &vm_secondary[1], sizeof(struct vm), false);
	track_vm(&vm_secondary[0], "vCPUs of vm0", "stage 2 of vm0");
	track_vm(&vm_secondary[1], "vCPUs of vm1", "stage 2 of vm1");
	sched_track("vCPUs of the primary", vm_primary.vcpus,
		    CASES_CPUS * sizeof(struct vcpu), false);
	for (unsigned int i = 0; i < CASES_CPUS; i++)
		track_cpu(&cpus[i]);
	sched_track("power", &real_power, sizeof(real_power), false);
	sched_track("vm_options", &vm_options, sizeof(vm_options), false);
	track_pages("mailbox of the primary", FAKE_PRIMARY_BASE);
	track_pages("mailbox of vm0", vm_secondary[0].memory.pa);
	track_pages("mailbox of vm1", vm_secondary[1].memory.pa);
}

/* What the VMs have in the pages that they will send from. */
static void fill_pages(void)
{
	for (unsigned int i = 0; i <= CASES_VMS; i++) {
		uint64_t pa = start.vm[i].range[0].pa;

		for (unsigned int k = 0; k < SPEC_PAGE_BYTES; k++)
			start.page[i][SPEC_SEND][k] = (uint8_t)(i << 6 | k);
		memcpy(fake_ram(pa), start.page[i][SPEC_SEND], SPEC_PAGE_BYTES);
		memcpy(fake_ram(pa + 2 * PAGE_SIZE), start.page[i][SPEC_SEND],
		       SPEC_PAGE_BYTES);
	}
}

static void power_on(void)
{
	board_start(&start, CASES_CPUS, CASES_VMS, CASES_VCPUS);
	fake.at = at_point;
	fake.cpu_start = real_start;
	real_power = POWER_OFF;
	cpus[CASES_CPU].state = CPU_OFF;
	start.cpu[CASES_CPU].state = SPEC_CPU_OFF;
	for (unsigned int i = 0; i < CASES_VMS; i++)
		for (unsigned int k = 0; k < CASES_VCPUS; k++)
			vm_secondary[i].vcpus[k].arch.guest = real_guest;
	fill_pages();
	track_all();
	sched_save();
}

/* --- judging a schedule --- */

/* Places of each thread's steps in the schedule. */
static uint32_t step_at[SCHED_THREADS][512];

static void find_steps(const char *text)
{
	uint32_t n[SCHED_THREADS] = {0};

	for (uint32_t i = 0; text[i]; i++) {
		unsigned int t = (unsigned int)(text[i] - '0');

		if (n[t] < 511)
			step_at[t][++n[t]] = i;
	}
}

/* Whether transition `x` of CPU `i` was over when `y` of CPU `k` began. */
static bool was_before(unsigned int i, const struct window *x, unsigned int k,
		       const struct window *y)
{
	/* One that shares nothing may be anywhere. */
	if (x->begin >= x->end || y->begin >= y->end)
		return false;
	/* Between its first step and its last one, and no longer. */
	return step_at[i][x->end] < step_at[k][y->begin + 1];
}

/* Whether no transition comes in `o` before one that was over. */
static bool keeps_time(const struct order *o)
{
	uint32_t next[SCHED_THREADS] = {0};

	for (uint32_t at = 0; at < o->steps; at++) {
		unsigned int i = o->actor[at];
		const struct window *w = &real_actors[i].window[next[i]++];

		for (unsigned int k = 0; k < case_count; k++)
			if (k != i && next[k] < real_actors[k].steps &&
			    was_before(k, &real_actors[k].window[next[k]], i,
				       w))
				return false;
	}
	return true;
}

static bool is_specified(void)
{
	struct results results[SCHED_THREADS];
	uint64_t outcome;

	spec_view(&view, &start);
	for (unsigned int i = 0; i < case_count; i++)
		results[i] = real_actors[i].results;
	outcome = orders_digest(&view, results, case_count);
	find_steps(sched_text());
	for (uint32_t i = 0; i < order_count; i++)
		if (orders[i].outcome == outcome && keeps_time(&orders[i]))
			return true;
	return false;
}

/* --- reports --- */

static void print_case(void)
{
	printf("in state \"%s\"", case_state->name);
	for (unsigned int i = 0; i < case_count; i++) {
		printf(", CPU %u \"%s\"", i, case_parts[i][0]->name);
		if (case_parts[i][1])
			printf(" then \"%s\"", case_parts[i][1]->name);
	}
	printf("\n");
}

static void print_replay(void)
{
	printf("replay it: explore --state %d --actors ",
	       (int)(case_state - states));
	for (unsigned int i = 0; i < case_count; i++) {
		printf("%s%d", i ? "," : "",
		       (int)(case_parts[i][0] - actors_all));
		if (case_parts[i][1])
			printf("+%d", (int)(case_parts[i][1] - actors_all));
	}
	printf(" --schedule %s\n", sched_text());
}

static void print_results(void)
{
	for (unsigned int i = 0; i < case_count; i++) {
		const struct results *r = &real_actors[i].results;

		printf("CPU %u saw:", i);
		for (unsigned int k = 0; k < r->count; k++)
			printf(" %" PRId64, r->value[k]);
		printf("\n");
	}
}

static _Noreturn void fail(const char *why)
{
	printf("FAILED: %s\n", why);
	print_case();
	print_results();
	print_replay();
	fflush(stdout);
	_exit(1);
}

/* The fake architecture saw what may not be, and said so, or a crash. */
static void died(int signal)
{
	fail(signal == SIGABRT ? "stopped by the fake architecture, see above"
			       : "crashed");
}

static void judge(enum sched_end end, enum source source)
{
	switch (end) {
	case SCHED_DONE:
		count.schedules[source]++;
		if (!is_specified())
			fail("no order of the calls has this outcome");
		break;
	case SCHED_PRUNED:
		count.pruned++;
		break;
	default:
		fail(sched_problem());
	}
}

/* --- cases --- */

/* Who does what in a case; `second` may be NULL. */
static void set_actor(unsigned int cpu, const struct actor *first,
		      const struct actor *second)
{
	struct primary_act *to = case_acts[cpu];

	case_parts[cpu][0] = first;
	case_parts[cpu][1] = second;
	for (unsigned int i = 0; i < 2; i++) {
		const struct actor *from = case_parts[cpu][i];

		for (const struct primary_act *p = from ? from->act : NULL;
		     p && p->act.kind != ACT_END; p++)
			*to++ = *p;
	}
	*to = (struct primary_act){.act = {.kind = ACT_END}};
	case_actors[cpu] = (struct actor){first->name, case_acts[cpu]};
}

static void begin_case(unsigned int n)
{
	static const struct actor *who[SCHED_THREADS];

	case_count = n;
	for (unsigned int i = 0; i < n; i++)
		real_actors[i].actor = who[i] = &case_actors[i];
	orders_find(&start, who, n);
	sched_begin(n, real_job, fake_be_cpu);
}

/* Brings the board to a state, by one CPU alone. */
static void enter_state(const struct actor *state)
{
	power_on();
	case_state = state;
	set_actor(0, state, NULL);
	begin_case(1);
	judge(sched_run(), ALONE);
	start = orders_last;
	sched_save();
}

/*
 * Whether actors fit the state and each other: the CPU that goes on and off is
 * one CPU, which goes down when it is on, and comes up when it is not.
 */
static bool makes_sense(unsigned int n)
{
	bool on = start.cpu[CASES_CPU].state == SPEC_CPU_ON;
	unsigned int actors = 0;

	for (unsigned int i = 0; i < 2 * n; i++) {
		const struct actor *a = case_parts[i / 2][i % 2];
		enum act_kind kind = a ? a->act->act.kind : ACT_CALL;

		if (kind == ACT_CALL || kind == ACT_CPU_ON)
			continue;
		actors++;
		if (on == (kind == ACT_CPU_UP))
			return false;
	}
	return actors <= 1;
}

/* The case that set_actor() made. */
static void explore(unsigned int n, enum source source)
{
	uint32_t runs = 0;

	if (!makes_sense(n))
		return;
	begin_case(n);
	do {
		judge(sched_run(), source);
		if (++runs == MAX_SCHEDULES) {
			count.cut++;
			break;
		}
	} while (sched_next());
	sched_random(++count.cases);
	for (unsigned int i = 0; i < RANDOM_SCHEDULES; i++)
		judge(sched_run(), CHANCE);
	sched_random(0);
	count.orders += order_count;
}

/* Those that take part in more than pairs. */
static const struct actor *few[64];
static unsigned int few_count;

static void find_few(void)
{
	for (unsigned int i = 0; i < actor_count_all; i++)
		if (is_one_of_few(&actors_all[i]))
			few[few_count++] = &actors_all[i];
}

static void explore_pairs(void)
{
	for (unsigned int i = 0; i < actor_count_all; i++)
		for (unsigned int k = 0; k < actor_count_all; k++) {
			set_actor(0, &actors_all[i], NULL);
			set_actor(1, &actors_all[k], NULL);
			explore(2, PAIRS);
		}
}

/* Two after one another on one CPU, and one on another. */
static void explore_sequences(void)
{
	for (unsigned int i = 0; i < few_count; i++)
		for (unsigned int k = 0; k < few_count; k++)
			for (unsigned int m = 0; m < few_count; m++) {
				set_actor(0, few[i], few[k]);
				set_actor(1, few[m], NULL);
				explore(2, SEQUENCES);
			}
}

/* In any order: the search does not care which CPU is which. */
static void explore_threes(void)
{
	for (unsigned int i = 0; i < few_count; i++)
		for (unsigned int k = i; k < few_count; k++)
			for (unsigned int m = k; m < few_count; m++) {
				set_actor(0, few[i], NULL);
				set_actor(1, few[k], NULL);
				set_actor(2, few[m], NULL);
				explore(3, THREES);
			}
}

/* --- the lock by itself: whoever comes first gets it first --- */

static void check_line(void)
{
	find_steps(sched_text());
	for (uint32_t i = 1; i < line.count; i++)
		if (step_at[line.who[i - 1]][line.came[i - 1]] >
		    step_at[line.who[i]][line.came[i]])
			fail("the lock is not fair");
}

static void explore_lock(void)
{
	enum sched_end end;

	power_on();
	sched_track("line", &line, sizeof(line), false);
	sched_save();
	case_state = &states[0];
	case_count = 0;
	sched_begin(SCHED_THREADS, stand_in_line, fake_be_cpu);
	do {
		end = sched_run();
		if (end == SCHED_DONE)
			check_line();
		else if (end != SCHED_PRUNED)
			fail(sched_problem());
		count.schedules[LOCK] += end == SCHED_DONE;
	} while (sched_next());
	count.cases++;
}

/* --- the command --- */

static const struct actor *named_actor(char **at)
{
	return &actors_all[strtoul(*at, at, 10) % actor_count_all];
}

/* Sets the case that the command line names; returns the number of CPUs. */
static unsigned int set_named_case(void)
{
	char *at = (char *)(uintptr_t)options.actors;
	unsigned int n = 0;

	while (n < SCHED_THREADS && *at) {
		const struct actor *first = named_actor(&at), *second = NULL;

		if (*at == '+') {
			at++;
			second = named_actor(&at);
		}
		set_actor(n++, first, second);
		at += *at == ',';
	}
	return n;
}

/* One case alone: a schedule of it, step by step, or all. */
static void explore_one(void)
{
	unsigned int n;

	enter_state(&states[options.state]);
	n = set_named_case();
	if (!options.schedule) {
		explore(n, n == 2 ? PAIRS : THREES);
		return;
	}
	begin_case(n);
	print_case();
	sched_follow(options.schedule);
	sched_trace(true);
	judge(sched_run(), ALONE);
	print_results();
}

static void explore_all(void)
{
	if (options.part == 0)
		explore_lock();
	for (unsigned int i = 0; i < state_count; i++) {
		if (i % (unsigned long)options.parts !=
		    (unsigned long)options.part)
			continue;
		enter_state(&states[i]);
		explore_pairs();
		explore_sequences();
		explore_threes();
	}
}

static void print_count(double seconds)
{
	const uint64_t *n = count.schedules;

	printf("%" PRIu64 " schedules of pairs, %" PRIu64
	       " of pairs with a sequence, %" PRIu64 " of threes, %" PRIu64
	       " by chance, %" PRIu64 " cases, %" PRIu64 " cut short, %" PRIu64
	       " pruned, %" PRIu64 " specified orders, %.1f s\n",
	       n[PAIRS], n[SEQUENCES], n[THREES], n[CHANCE], count.cases,
	       count.cut, count.pruned, count.orders, seconds);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
	double begin = seconds();

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--state") == 0)
			options.state = strtol(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--actors") == 0)
			options.actors = argv[i + 1];
		else if (strcmp(argv[i], "--schedule") == 0)
			options.schedule = argv[i + 1];
		else if (strcmp(argv[i], "--part") == 0)
			options.part = strtol(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--parts") == 0)
			options.parts = strtol(argv[i + 1], NULL, 10);
		else
			return 2;
	}
	signal(SIGABRT, died);
	signal(SIGSEGV, died);
	find_few();
	if (options.actors && options.state >= 0 &&
	    options.state < (long)state_count)
		explore_one();
	else
		explore_all();
	print_count(seconds() - begin);
	return 0;
}
