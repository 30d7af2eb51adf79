/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host unit tests' framework. A test file is a program of its own:
 *
 *	#include "unit.h"
 *
 *	TEST(what_it_shows)
 *	{
 *		CHECK(1 + 1 == 2);
 *	}
 *
 * Each test prints one line, "ok FILE.NAME" or "not ok FILE.NAME: why"; a
 * failed CHECK ends its test. See unit.mk for how a file joins the build.
 */
#ifndef UNIT_H
#define UNIT_H

#include "fdt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit_test {
	const char *name;
	void (*run)(void);
	struct unit_test *next;
};

/* Puts a test at the end of the list; called before main(). */
void unit_add(struct unit_test *test);

/* Ends the running test as failed. */
_Noreturn void unit_fail(const char *file, int line, const char *what);
_Noreturn void unit_fail_numbers(const char *file, int line, const char *what,
				 unsigned long long a, unsigned long long b);
_Noreturn void unit_fail_strings(const char *file, int line, const char *what,
				 const char *a, const char *b);

/* A copy of `size` bytes that ends where its allocation ends, so that ASan
 * sees every read behind it. 8-byte aligned; freed when its test ends. */
void *unit_copy(const void *from, size_t size);

/* Memory that stays until as much was asked for many times more, not zeroed. */
void *unit_room(size_t size);

/* fdt_open() with room for as many nodes as there can be. */
static inline const char *unit_fdt_open(struct fdt *fdt, const void *blob,
					size_t size)
{
	/* A node has at least its two tokens and its name. */
	uint32_t count = (uint32_t)(size / 12);

	return fdt_open(fdt, blob, size,
			unit_room(count * sizeof(struct fdt_entry)), count);
}

/* Numbers that look random, the same in every run. */
uint32_t unit_random(void);

#define TEST(test)                                                     \
	static void test(void);                                        \
	static struct unit_test unit_##test = {#test, test, NULL};     \
	__attribute__((constructor)) static void unit_add_##test(void) \
	{                                                              \
		unit_add(&unit_##test);                                \
	}                                                              \
	static void test(void)

#define CHECK(condition)                                           \
	do {                                                       \
		if (!(condition))                                  \
			unit_fail(__FILE__, __LINE__, #condition); \
	} while (0)

/* Whole numbers; shows both when they differ. */
#define CHECK_EQ(a, b)                                                      \
	do {                                                                \
		unsigned long long unit_a = (unsigned long long)(a);        \
		unsigned long long unit_b = (unsigned long long)(b);        \
		if (unit_a != unit_b)                                       \
			unit_fail_numbers(__FILE__, __LINE__, #a " == " #b, \
					  unit_a, unit_b);                  \
	} while (0)

/* Strings, either of which may be NULL; shows both when they differ. */
#define CHECK_STR(a, b)                                                      \
	do {                                                                 \
		const char *unit_a = (a), *unit_b = (b);                     \
		if (unit_a != unit_b && (unit_a == NULL || unit_b == NULL || \
					 strcmp(unit_a, unit_b) != 0))       \
			unit_fail_strings(__FILE__, __LINE__, #a " == " #b,  \
					  unit_a, unit_b);                   \
	} while (0)

#endif
