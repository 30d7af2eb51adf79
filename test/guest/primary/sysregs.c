/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Suite `sysregs`: all system registers, in the primary and in secondaries
 * (sweep.h). What each access does is printed, a line for each encoding that is
 * not UNDEFINED; test/suites/sysregs.py compares that with what it has to be.
 */
#include <stddef.h>
#include "console.h"
#include "sweep.h"
#include "sysreg.h"
#include "test.h"
#include "vm.h"

#define MS UINT64_C(1000000)

/* The latest sweep of the primary and of "service" was of EL1. */
static bool primary_swept;
static bool service_swept;

/* sweep VM EL REGISTER READ WRITE VALUE, all but the VM in hexadecimal */
static void print_entries(const char *vm, unsigned int el,
			  const struct sweep_entry *e, size_t count)
{
	for (; count; e++, count--)
		print("sweep %s %u %x %x %x %lx\n", vm, el, e->name, e->read,
		      e->write, e->value);
}

static void check_primary(unsigned int el)
{
	const struct sweep_entry *e;
	size_t count;

	CHECK(sweep_classify(el == 0));
	primary_swept = el;
	e = sweep_entries(&count);
	print_entries("primary", el, e, count);
	/* It can still call. */
	step_run(vm_named("service"), STEP_NOW, 0, 0, 0, 0);
}

static void primary_el1(void)
{
	check_primary(1);
}

static void primary_el0(void)
{
	check_primary(0);
}

static void check_secondary(unsigned int el)
{
	uint32_t vm = vm_named("service");
	const struct step_result *r;
	uint64_t count;
	uint64_t i;

	r = step_run(vm, STEP_SWEEP, el == 0, 0, 0, 0);
	if (!r)
		return;
	count = r->x[0];
	CHECK(count);
	service_swept = el;
	for (i = 0; i < count; i += SERVICE_SWEEP_ENTRIES) {
		uint64_t n = count - i;

		if (!step_run(vm, STEP_SWEEP_ENTRIES, i, 0, 0, 0))
			return;
		print_entries(
			"secondary", el, script_data(),
			n < SERVICE_SWEEP_ENTRIES ? n : SERVICE_SWEEP_ENTRIES);
	}
	/* It can still be run and called. */
	step_run(vm, STEP_NOW, 0, 0, 0, 0);
}

static void secondary_el1(void)
{
	check_secondary(1);
}

static void secondary_el0(void)
{
	check_secondary(0);
}

/* What differs from when it was painted, in the primary and in two VMs. */
static void check_unchanged(uint32_t a, uint32_t b, const char *when)
{
	const uint32_t vms[] = {a, b};
	const struct step_result *r;
	uint64_t now = 0;
	uint64_t then = 0;
	unsigned int name;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		r = step_run(vms[i], STEP_SWEEP_CHANGED, 0, 0, 0, 0);
		if (!r)
			return;
		if (r->x[0])
			FAIL("%s: VM %u: register 0x%lx is 0x%lx, was 0x%lx",
			     when, vms[i], r->x[0], r->x[1], r->x[2]);
	}
	name = sweep_changed(&now, &then);
	if (name)
		FAIL("%s: primary: register 0x%x is 0x%lx, was 0x%lx", when,
		     name, now, then);
}

/*
 * The primary and two secondaries on one CPU, each with a pattern of its own in
 * all registers, find it again when the others have had another one.
 */
static void private(void)
{
	uint32_t a = vm_named("service");
	uint32_t b = vm_named("other");
	uint64_t seed;

	if (!primary_swept)
		primary_el1();
	if (!service_swept)
		secondary_el1();
	if (test_over() || !step_run(b, STEP_SWEEP, 0, 0, 0, 0))
		return;
	sweep_paint(1);
	step_run(a, STEP_SWEEP_PAINT, 2, 0, 0, 0);
	step_run(b, STEP_SWEEP_PAINT, 3, 0, 0, 0);
	for (seed = 10; seed < 40 && !test_over(); seed += 10) {
		check_unchanged(a, b, "all painted");
		step_run(a, STEP_SWEEP_PAINT, seed, 0, 0, 0);
		check_unchanged(a, b, "one VM painted");
		step_run(b, STEP_SWEEP_PAINT, seed + 1, 0, 0, 0);
		check_unchanged(a, b, "the other VM painted");
		sweep_paint(seed + 2);
	}
	sweep_restore();
	step_run(a, STEP_SWEEP_RESTORE, 0, 0, 0, 0);
	step_run(b, STEP_SWEEP_RESTORE, 0, 0, 0, 0);
}

static uint64_t cycles(void)
{
	isb();
	return read_sysreg(pmccntr_el0);
}

/* The primary's cycle counter stops while a secondary runs. */
static void counters_stop(void)
{
	uint32_t vm = vm_named("service");
	uint64_t spin;
	uint64_t idle;

	write_sysreg(pmccfiltr_el0, 0);
	write_sysreg(pmcntenset_el0, UINT64_C(1) << 31);
	write_sysreg(pmcr_el0, 0x41); /* LC, E */
	idle = cycles();
	step_run(vm, STEP_NOW, 0, 0, 0, 0);
	spin = cycles();
	idle = spin - idle;
	CHECK(idle);
	step_run(vm, STEP_SPIN_NS, 100 * MS, 0, 0, 0);
	spin = cycles() - spin;
	write_sysreg(pmcr_el0, 0);
	/* QEMU's CPUs have 1 GHz. */
	if (spin > idle + 50 * MS)
		FAIL("%lu cycles, %lu without spinning", spin, idle);
}

static const struct test_case cases[] = {
	{"primary_el0", primary_el0},
	{"primary_el1", primary_el1},
	{"secondary_el0", secondary_el0},
	{"secondary_el1", secondary_el1},
	{"private", private},
	{"counters_stop", counters_stop},
	{NULL, NULL},
};

const struct suite suite_sysregs = {"sysregs", cases};
