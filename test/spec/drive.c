/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The real code against the specification, call by call. Draws sequences of
 * operations from a seed; a sequence that fails is shrunk to its shortest part
 * that still fails, written to a file, and replayed by
 *
 *	drive --replay FILE
 *
 * Every sequence has a seed of its own, printed when it fails:
 *
 *	drive --seed SEED --calls 1
 *
 * It is linked with operations: calls (ops.c, build/spec/drive), or interrupts
 * (irq/ops.c, build/spec/irq).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "drive.h"

/* Operations of one sequence. */
#define LENGTH 400

struct sequence {
	uint64_t seed;
	size_t length;
	struct op op[LENGTH];
};

static struct {
	uint64_t seed, calls;
	const char *program;
	const char *record; /* where a failing sequence goes */
	const char *replay;
} options = {.seed = 1, .calls = 5000000, .record = "spec-failed.txt"};

/*
 * The code under test may crash or hang, so it runs in a child. What the
 * parent must know of it is in memory that they share.
 */
static struct shared {
	struct sequence sequence; /* the last one drawn */
	uint64_t tally[OPS_TALLIES], next_seed;
} * shared;

/* Seconds that one sequence may take. */
#define HANG_S 10

/* --- sequences --- */

/* Draws and does a sequence. False if it failed, its last one being why. */
static bool draw_sequence(uint64_t seed)
{
	struct sequence *s = &shared->sequence;
	uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;

	s->seed = seed;
	s->length = 0;
	ops_start();
	while (s->length < LENGTH) {
		struct op *op = &s->op[s->length];

		ops_invent(op, &random);
		s->length++;
		if (!ops_do(op))
			return false;
		ops_tally(op, shared->tally);
	}
	return true;
}

static int draw_sequences(void)
{
	for (uint64_t seed = options.seed; shared->tally[0] < options.calls;
	     seed++) {
		alarm(HANG_S);
		if (!draw_sequence(seed))
			return 1;
		shared->next_seed = seed + 1;
	}
	return 0;
}

static bool replay(const struct sequence *s)
{
	ops_start();
	for (size_t i = 0; i < s->length; i++)
		if (ops_applies(&s->op[i]) && !ops_do(&s->op[i]))
			return false;
	return true;
}

/* Replays in a child; its output is not wanted if `quiet`. */
static bool fails(const struct sequence *s, bool quiet)
{
	int status;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0) {
		if (quiet && (!freopen("/dev/null", "w", stdout) ||
			      !freopen("/dev/null", "w", stderr)))
			_exit(2);
		alarm(HANG_S);
		exit(replay(s) ? 0 : 1);
	}
	waitpid(child, &status, 0);
	return status != 0;
}

/* --- shrinking --- */

/* Takes [at, at + n) out, if it fails without them. */
static bool without(struct sequence *s, size_t at, size_t n)
{
	static struct sequence less;

	less.seed = s->seed;
	less.length = s->length - n;
	memcpy(less.op, s->op, at * sizeof(s->op[0]));
	memcpy(less.op + at, s->op + at + n,
	       (s->length - at - n) * sizeof(s->op[0]));
	if (!fails(&less, true))
		return false;
	*s = less;
	return true;
}

/* Delta debugging: ever smaller parts, until no single operation can go. */
static void shrink(struct sequence *s)
{
	size_t n = s->length / 2;

	while (n > 0) {
		bool removed = false;

		for (size_t at = 0; at + n <= s->length;) {
			if (without(s, at, n))
				removed = true;
			else
				at += n;
		}
		if (!removed || n > 1)
			n = n > 1 ? n / 2 : 0;
	}
}

static void print_op(FILE *out, const struct op *op)
{
	fprintf(out, "%u %s", op->cpu, ops_names[op->kind]);
	for (unsigned int i = 0; i < 4; i++)
		fprintf(out, " 0x%" PRIx64, op->a[i]);
	fprintf(out, "\n");
}

static void record(const struct sequence *s)
{
	FILE *out = fopen(options.record, "w");

	if (!out) {
		perror(options.record);
		exit(2);
	}
	fprintf(out, "# seed %" PRIu64 ", shrunk to %zu operations\n", s->seed,
		s->length);
	fprintf(out, "# CPU, operation, arguments: ops.h\n");
	for (size_t i = 0; i < s->length; i++)
		print_op(out, &s->op[i]);
	fclose(out);
}

static _Noreturn void give_up(struct sequence *s)
{
	size_t drawn = s->length;

	shrink(s);
	record(s);
	printf("seed %" PRIu64 ": fails, %zu operations, shrunk to %zu:\n",
	       s->seed, drawn, s->length);
	for (size_t i = 0; i < s->length; i++)
		print_op(stdout, &s->op[i]);
	fails(s, false);
	printf("replay it: %s --replay %s\n", options.program, options.record);
	exit(1);
}

/* --- the command --- */

/* A line, as print_op() wrote it. False if it is none. */
static bool parse_op(const char *line, struct op *op)
{
	char name[16];

	if (sscanf(line, "%u %15s %" SCNi64 " %" SCNi64 " %" SCNi64 " %" SCNi64,
		   &op->cpu, name, (int64_t *)&op->a[0], (int64_t *)&op->a[1],
		   (int64_t *)&op->a[2], (int64_t *)&op->a[3]) != 6 ||
	    op->cpu >= ops_cpus)
		return false;
	for (op->kind = 0; op->kind < ops_kinds; op->kind++)
		if (strcmp(name, ops_names[op->kind]) == 0)
			return true;
	return false;
}

static void read_sequence(struct sequence *s, const char *path)
{
	char line[256];
	FILE *in = fopen(path, "r");

	if (!in) {
		perror(path);
		exit(2);
	}
	while (s->length < LENGTH && fgets(line, sizeof(line), in))
		if (line[0] != '#' && parse_op(line, &s->op[s->length]))
			s->length++;
	fclose(in);
}

static int replay_file(void)
{
	static struct sequence s;
	bool good;

	read_sequence(&s, options.replay);
	good = replay(&s);
	printf("%s: %zu operations, %s\n", options.replay, s.length,
	       good ? "no difference" : "FAILED");
	return good ? 0 : 1;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void share(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
}

static int random_run(void)
{
	double begin = seconds();
	int status;
	pid_t child;

	share();
	fflush(NULL);
	child = fork();
	if (child == 0)
		exit(draw_sequences());
	waitpid(child, &status, 0);
	if (status != 0)
		give_up(&shared->sequence);
	printf("%" PRIu64 " %s, %" PRIu64 " %s, seeds %" PRIu64 " to %" PRIu64
	       ", %.1f s\n",
	       shared->tally[0], ops_tally_names[0], shared->tally[1],
	       ops_tally_names[1], options.seed, shared->next_seed - 1,
	       seconds() - begin);
	return 0;
}

static void parse_arguments(int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--seed") == 0)
			options.seed = strtoull(argv[i + 1], NULL, 0);
		else if (strcmp(argv[i], "--calls") == 0)
			options.calls = strtoull(argv[i + 1], NULL, 0);
		else if (strcmp(argv[i], "--record") == 0)
			options.record = argv[i + 1];
		else if (strcmp(argv[i], "--replay") == 0)
			options.replay = argv[i + 1];
		else
			exit(2);
	}
}

int main(int argc, char **argv)
{
	options.program = argv[0];
	parse_arguments(argc, argv);
	return options.replay ? replay_file() : random_run();
}
