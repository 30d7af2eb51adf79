/* SPDX-License-Identifier: BSD-3-Clause */
/* Suite `psci`: PSCI of the primary, by HVC and by SMC. */
#include <stddef.h>
#include "gic.h"
#include "machine.h"
#include "smccc.h"
#include "smp.h"
#include "test.h"
#include "timer.h"
#include "vm.h"

#define MS UINT64_C(1000000)
#define ROUNDS 50

typedef struct smccc_result (*conduit_t)(uint64_t fn, uint64_t a, uint64_t b,
					 uint64_t c);

static int32_t psci(conduit_t conduit, uint64_t fn, uint64_t a, uint64_t b)
{
	return (int32_t)conduit(fn, a, b, 0).x[0];
}

/* Runs a check with both conduits. */
static void with_both(void (*check)(conduit_t))
{
	check(smccc_hvc);
	if (!test_over())
		check(smccc_smc);
}

static void check_version(conduit_t c)
{
	static const uint32_t fns[] = {
		PSCI_VERSION,	 PSCI_CPU_SUSPEND_64, PSCI_CPU_OFF,
		PSCI_CPU_ON,	 PSCI_CPU_ON_64,      PSCI_AFFINITY_INFO,
		PSCI_SYSTEM_OFF, PSCI_SYSTEM_RESET,   PSCI_FEATURES,
		SMCCC_VERSION,
	};
	unsigned int i;

	CHECK_EQ(psci(c, PSCI_VERSION, 0, 0), 0x10001);
	for (i = 0; i < sizeof(fns) / sizeof(fns[0]); i++) {
		if (psci(c, PSCI_FEATURES, fns[i], 0) < 0)
			FAIL("FEATURES(0x%x)", fns[i]);
	}
	CHECK_EQ(psci(c, PSCI_FEATURES, 0x84000ffe, 0), PSCI_NOT_SUPPORTED);
	CHECK_EQ(psci(c, PSCI_FEATURES, HF_VM_GET_COUNT, 0),
		 PSCI_NOT_SUPPORTED);
	CHECK_EQ(psci(c, 0x84000ffe, 0, 0), PSCI_NOT_SUPPORTED);
}

static void version_and_features(void)
{
	with_both(check_version);
}

/* No CPU has this address. */
static const uint64_t no_mpidr[] = {
	0x7f,	     0xff00, 0xff0000, UINT64_C(0xff) << 32, UINT64_C(1) << 31,
	~UINT64_C(0)};

static void check_cpu_on_errors(conduit_t c)
{
	uint64_t entry = (uintptr_t)no_mpidr & ~UINT64_C(3);
	unsigned int i;

	CHECK_EQ(psci(c, PSCI_CPU_ON_64, cpu_mpidr(0), entry), PSCI_ALREADY_ON);
	for (i = 0; i < sizeof(no_mpidr) / sizeof(no_mpidr[0]); i++) {
		if (psci(c, PSCI_CPU_ON_64, no_mpidr[i], entry) !=
		    PSCI_INVALID_PARAMETERS)
			FAIL("CPU_ON of 0x%lx", no_mpidr[i]);
	}
}

static void cpu_on_errors(void)
{
	with_both(check_cpu_on_errors);
}

/* Entries outside the primary's own memory. */
static void check_bad_entries(conduit_t c)
{
	const uint64_t entries[] = {
		machine_hidden_address(),
		0,
		0x09000000,
		0x7f00000000,
		UINT64_C(1) << 47,
		UINT64_C(1) << 63,
	};
	unsigned int i;

	for (i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		if (psci(c, PSCI_CPU_ON_64, cpu_mpidr(1), entries[i]) !=
		    PSCI_INVALID_ADDRESS)
			FAIL("entry 0x%lx", entries[i]);
	}
	CHECK_EQ(psci(c, PSCI_AFFINITY_INFO_64, cpu_mpidr(1), 0), PSCI_OFF);
}

static void cpu_on_bad_entry(void)
{
	if (cpu_count() < 2)
		SKIP("one CPU");
	with_both(check_bad_entries);
}

static void check_affinity_info(conduit_t c)
{
	unsigned int i;

	CHECK_EQ(psci(c, PSCI_AFFINITY_INFO_64, cpu_mpidr(0), 0), PSCI_ON);
	CHECK_EQ(psci(c, PSCI_AFFINITY_INFO, cpu_mpidr(0), 0), PSCI_ON);
	for (i = 1; i < cpu_count(); i++)
		CHECK_EQ(psci(c, PSCI_AFFINITY_INFO_64, cpu_mpidr(i), 0),
			 PSCI_OFF);
	for (i = 0; i < sizeof(no_mpidr) / sizeof(no_mpidr[0]); i++)
		CHECK_EQ(psci(c, PSCI_AFFINITY_INFO_64, no_mpidr[i], 0),
			 PSCI_INVALID_PARAMETERS);
}

static void affinity_info(void)
{
	with_both(check_affinity_info);
}

static void count_one(void *count)
{
	__atomic_add_fetch((unsigned int *)count, 1, __ATOMIC_RELAXED);
}

static void on_off_cycles(void)
{
	unsigned int count = 0;
	unsigned int i;
	unsigned int n;

	if (cpu_count() < 2)
		SKIP("one CPU");
	for (n = 0; n < ROUNDS; n++) {
		for (i = 1; i < cpu_count(); i++) {
			CHECK_EQ(cpu_start(i, count_one, &count), PSCI_SUCCESS);
			CHECK(cpu_wait_off(i));
		}
	}
	CHECK_EQ(count, ROUNDS * (cpu_count() - 1));
}

static struct {
	struct barrier barrier;
	unsigned int started;
	unsigned int won;
	unsigned int bad;
} race;

/* Racers are all CPUs but the last, and that one is to be turned on. */
static void racer(void *unused)
{
	unsigned int racers = cpu_count() - 1;
	unsigned int n;

	(void)unused;
	for (n = 0; n < ROUNDS; n++) {
		int32_t result;

		barrier_wait(&race.barrier, racers);
		result = cpu_start(racers, count_one, &race.started);
		if (result == PSCI_SUCCESS)
			__atomic_add_fetch(&race.won, 1, __ATOMIC_RELAXED);
		else if (result != PSCI_ALREADY_ON && result != PSCI_ON_PENDING)
			__atomic_add_fetch(&race.bad, 1, __ATOMIC_RELAXED);
		barrier_wait(&race.barrier, racers);
		if (!cpu_wait_off(racers))
			__atomic_add_fetch(&race.bad, 1, __ATOMIC_RELAXED);
	}
}

/*
 * Several racing CPU_ON calls for one CPU. It may be off again before the last
 * of them, so more than one may win: but as often as it starts, no more.
 */
static void racing_cpu_on(void)
{
	if (cpu_count() < 3)
		SKIP("fewer than three CPUs");
	CHECK(cpu_run_all(cpu_count() - 1, racer, NULL));
	CHECK_EQ(race.bad, 0);
	CHECK_EQ(race.started, race.won);
	CHECK(race.won >= ROUNDS);
}

static struct barrier hold;

static void hold_cpu(void *unused)
{
	(void)unused;
	barrier_wait(&hold, 2); /* it is up */
	barrier_wait(&hold, 2); /* it may go */
}

/* Of calls for a CPU that stays on exactly one succeeds. */
static void cpu_on_twice(void)
{
	if (cpu_count() < 2)
		SKIP("one CPU");
	CHECK_EQ(cpu_start(1, hold_cpu, NULL), PSCI_SUCCESS);
	barrier_wait(&hold, 2);
	CHECK_EQ(psci(smccc_hvc, PSCI_CPU_ON_64, cpu_mpidr(1),
		      (uintptr_t)no_mpidr & ~UINT64_C(3)),
		 PSCI_ALREADY_ON);
	CHECK_EQ(psci(smccc_smc, PSCI_CPU_ON_64, cpu_mpidr(1),
		      (uintptr_t)no_mpidr & ~UINT64_C(3)),
		 PSCI_ALREADY_ON);
	barrier_wait(&hold, 2);
	CHECK(cpu_wait_off(1));
}

static void check_suspend(conduit_t c)
{
	uint64_t start = timer_now_ns();

	gic_enable(timer_intid(TIMER_VIRTUAL));
	timer_arm(TIMER_VIRTUAL, 2 * MS, true);
	CHECK_EQ(psci(c, PSCI_CPU_SUSPEND_64, 0, 0), PSCI_SUCCESS);
	timer_stop(TIMER_VIRTUAL);
	CHECK(timer_now_ns() - start < 5000 * MS);
}

/* Standby: a wait, that ends at the latest when an interrupt is pending. */
static void cpu_suspend(void)
{
	with_both(check_suspend);
}

static const struct test_case cases[] = {
	{"version_and_features", version_and_features},
	{"cpu_on_errors", cpu_on_errors},
	{"cpu_on_bad_entry", cpu_on_bad_entry},
	{"affinity_info", affinity_info},
	{"on_off_cycles", on_off_cycles},
	{"cpu_on_twice", cpu_on_twice},
	{"racing_cpu_on", racing_cpu_on},
	{"cpu_suspend", cpu_suspend},
	{NULL, NULL},
};

const struct suite suite_psci = {"psci", cases};
