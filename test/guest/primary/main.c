/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The test primary. The bootargs say which suite to run (suite=NAME) and,
 * optionally, which case of it (case=NAME). Prints a line per case:
 *
 *   ok SUITE.CASE
 *   not ok SUITE.CASE: FILE:LINE: WHY
 *   skip SUITE.CASE: WHY
 *
 * then `end: N ok, N not ok, N skipped`, and turns the machine off, or resets
 * it if the bootargs have end=reset.
 */
#include <stddef.h>
#include "console.h"
#include "dt.h"
#include "guest.h"
#include "smccc.h"
#include "string.h"
#include "test.h"

enum outcome { OK, NOT_OK, SKIPPED, OUTCOMES };

static const struct suite *const suites[] = {
	&suite_lib,	&suite_boot,	  &suite_calls, &suite_mailbox,
	&suite_vcpu,	&suite_isolation, &suite_state, &suite_psci,
	&suite_smp,	&suite_race,	  &suite_spec,	&suite_sysregs,
	&suite_debug,	&suite_faults,	  &suite_lpi,	&suite_dma,
	&suite_secrets, &suite_console,	  &suite_life,	&suite_virt,
	&suite_vgic,
};

static enum outcome outcome;
static char reason[300];

void test_fail(const char *file, int line, const char *f, ...)
{
	char what[200];
	va_list args;

	if (outcome == NOT_OK)
		return;
	outcome = NOT_OK;
	va_start(args, f);
	vformat(what, sizeof(what), f, args);
	va_end(args);
	format(reason, sizeof(reason), "%s:%d: %s", file, line, what);
}

void test_skip(const char *why)
{
	if (outcome != OK)
		return;
	outcome = SKIPPED;
	format(reason, sizeof(reason), "%s", why);
}

bool test_over(void)
{
	return outcome != OK;
}

static enum outcome run_case(const struct suite *suite,
			     const struct test_case *c)
{
	outcome = OK;
	c->run();
	if (outcome == OK)
		print("ok %s.%s\n", suite->name, c->name);
	else
		print("%s %s.%s: %s\n", outcome == SKIPPED ? "skip" : "not ok",
		      suite->name, c->name, reason);
	return outcome;
}

static void run_suite(const struct suite *suite)
{
	unsigned int count[OUTCOMES] = {0};
	const struct test_case *c;
	char wanted[64];
	bool all = !dt_bootarg("case", wanted, sizeof(wanted));

	for (c = suite->cases; c->name; c++) {
		if (all || !strcmp(c->name, wanted))
			count[run_case(suite, c)]++;
	}
	print("end: %u ok, %u not ok, %u skipped\n", count[OK], count[NOT_OK],
	      count[SKIPPED]);
}

void guest_main(void)
{
	char name[64];
	size_t i;

	dt_bootarg("suite", name, sizeof(name));
	for (i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		if (!strcmp(suites[i]->name, name)) {
			run_suite(suites[i]);
			if (dt_bootarg("end", name, sizeof(name)))
				psci_system_reset();
			return;
		}
	}
	panic("no suite \"%s\"", name);
}
