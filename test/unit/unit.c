/* SPDX-License-Identifier: BSD-3-Clause */
/* main() of every host unit test: runs the tests that TEST() defined. */
#include <setjmp.h>

#include "unit.h"

#define MAX_COPIES 4096

static struct unit_test *first, **last = &first;
static const char *program;
static const struct unit_test *running;
static jmp_buf end_of_test;
static void *copies[MAX_COPIES];
static size_t copy_count;
static uint32_t random_state;

/* Called by ASan and UBSan when they end the program. */
void __sanitizer_set_death_callback(void (*callback)(void));

void unit_add(struct unit_test *test)
{
	*last = test;
	last = &test->next;
}

static void print_failed(const char *file, int line, const char *what)
{
	printf("not ok %s.%s: %s:%d %s", program, running->name, file, line,
	       what);
}

_Noreturn void unit_fail(const char *file, int line, const char *what)
{
	print_failed(file, line, what);
	printf("\n");
	longjmp(end_of_test, 1);
}

_Noreturn void unit_fail_numbers(const char *file, int line, const char *what,
				 unsigned long long a, unsigned long long b)
{
	print_failed(file, line, what);
	printf(" (%#llx, %#llx)\n", a, b);
	longjmp(end_of_test, 1);
}

_Noreturn void unit_fail_strings(const char *file, int line, const char *what,
				 const char *a, const char *b)
{
	print_failed(file, line, what);
	printf(" (\"%s\", \"%s\")\n", a ? a : "NULL", b ? b : "NULL");
	longjmp(end_of_test, 1);
}

static void free_copies(void)
{
	while (copy_count != 0)
		free(copies[--copy_count]);
}

void *unit_copy(const void *from, size_t size)
{
	void *copy = malloc(size);

	/* Tests that copy in a loop need only their latest copies. */
	if (copy_count == MAX_COPIES)
		free_copies();
	if (copy == NULL)
		unit_fail(__FILE__, __LINE__, "out of memory");
	if (size != 0)
		memcpy(copy, from, size);
	copies[copy_count++] = copy;
	return copy;
}

void *unit_room(size_t size)
{
	static void *rooms[16];
	static unsigned int next;
	void **room = &rooms[next++ % 16];

	free(*room);
	*room = malloc(size);
	if (*room == NULL)
		unit_fail(__FILE__, __LINE__, "out of memory");
	return *room;
}

uint32_t unit_random(void)
{
	/* xorshift32 */
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}

static void died(void)
{
	if (running != NULL)
		printf("not ok %s.%s: ended by a sanitizer\n", program,
		       running->name);
	fflush(stdout);
}

static bool run(const struct unit_test *test)
{
	volatile bool passed = false; /* across the longjmp */

	running = test;
	random_state = 0x9e3779b9;
	if (setjmp(end_of_test) == 0) {
		test->run();
		printf("ok %s.%s\n", program, test->name);
		passed = true;
	}
	free_copies();
	running = NULL;
	fflush(stdout);
	return passed;
}

/*
 * Arguments, if any, are the names of the tests to run; before them, -x: none
 * is run after one that failed.
 */
int main(int argc, char **argv)
{
	unsigned int failed = 0, count = 0;
	bool stop = argc > 1 && strcmp(argv[1], "-x") == 0;

	program = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	__sanitizer_set_death_callback(died);
	argc -= stop;
	argv += stop;
	for (const struct unit_test *t = first; t && !(failed && stop);
	     t = t->next) {
		bool wanted = argc < 2;

		for (int i = 1; i < argc; i++)
			wanted = wanted || strcmp(argv[i], t->name) == 0;
		if (!wanted)
			continue;
		failed += !run(t);
		count++;
	}
	return failed != 0 || count == 0;
}
