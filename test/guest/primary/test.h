/* SPDX-License-Identifier: BSD-3-Clause */
/* Test cases of the test primary. */
#ifndef TEST_H
#define TEST_H

#include <stdbool.h>
#include <stdint.h>

struct test_case {
	const char *name;
	void (*run)(void);
};

/* Cases that run one after the other in one boot. */
struct suite {
	const char *name;
	const struct test_case *cases; /* the last one has no name */
};

extern const struct suite suite_lib;
extern const struct suite suite_boot;
extern const struct suite suite_calls;
extern const struct suite suite_mailbox;
extern const struct suite suite_vcpu;
extern const struct suite suite_isolation;
extern const struct suite suite_faults;
extern const struct suite suite_secrets;
extern const struct suite suite_vgic;
extern const struct suite suite_state;
extern const struct suite suite_psci;
extern const struct suite suite_smp;
extern const struct suite suite_race;
extern const struct suite suite_spec;
extern const struct suite suite_sysregs;
extern const struct suite suite_debug;
extern const struct suite suite_lpi;
extern const struct suite suite_dma;
extern const struct suite suite_virt;
extern const struct suite suite_console;
extern const struct suite suite_life;

/* The first failure of a case is what is reported of it. */
void test_fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Says why a case does not apply to this machine. */
void test_skip(const char *why);

/* True if the case that runs has failed or was skipped. */
bool test_over(void);

/* Records a failure and leaves the function, which returns nothing. */
#define FAIL(...)                                           \
	do {                                                \
		test_fail(__FILE__, __LINE__, __VA_ARGS__); \
		return;                                     \
	} while (0)

#define CHECK(condition)                        \
	do {                                    \
		if (!(condition))               \
			FAIL("%s", #condition); \
	} while (0)

#define CHECK_EQ(actual, expected)                                       \
	do {                                                             \
		uint64_t actual_ = (uint64_t)(actual);                   \
		uint64_t expected_ = (uint64_t)(expected);               \
                                                                         \
		if (actual_ != expected_)                                \
			FAIL("%s is 0x%lx, not 0x%lx", #actual, actual_, \
			     expected_);                                 \
	} while (0)

#define SKIP(why)               \
	do {                    \
		test_skip(why); \
		return;         \
	} while (0)

#endif
