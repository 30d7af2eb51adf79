/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Suite `lib`: the guest library itself, and that a primary finds the machine
 * it expects. Runs without a hypervisor too, which shows that a failure of
 * another suite is not the library's.
 */
#include <stddef.h>
#include "boot.h"
#include "console.h"
#include "dt.h"
#include "exception.h"
#include "gic.h"
#include "mmu.h"
#include "paint.h"
#include "smccc.h"
#include "smp.h"
#include "string.h"
#include "sysreg.h"
#include "test.h"
#include "timer.h"

#define MS UINT64_C(1000000)
#define NOWHERE 0x7f00000000

static void entry_state(void)
{
	CHECK_EQ(boot_state.current_el >> 2, 1);
	CHECK_EQ(boot_state.x[0], dt_address());
	CHECK_EQ(boot_state.x[1] | boot_state.x[2] | boot_state.x[3], 0);
	CHECK_EQ(boot_state.sctlr & 0x5, 0); /* MMU and data cache off */
	CHECK_EQ(boot_state.daif, 0x3c0);
	CHECK_EQ(dt_address() % 8, 0);
	CHECK_EQ(image_address() % 0x200000, 0);
}

static void format_numbers(void)
{
	char s[80];

	format(s, sizeof(s), "%d %u %x %lx %ld %s %c%%", -5, 7u, 0xabcu,
	       UINT64_C(0x123456789abcdef0), INT64_MIN, "text", 'c');
	CHECK(!strcmp(s, "-5 7 abc 123456789abcdef0 -9223372036854775808 "
			 "text c%"));
	format(s, 4, "%s", "cut off");
	CHECK(!strcmp(s, "cut"));
}

static void device_tree(void)
{
	uint64_t base;
	uint64_t size;
	char suite[16];

	CHECK_EQ(dt_memory(&base, &size), 1);
	CHECK(image_address() >= base && image_end() <= base + size);
	CHECK(cpu_count() >= 1);
	CHECK_EQ(cpu_mpidr(0), read_sysreg(mpidr_el1) & 0xff00ffffff);
	CHECK(gic_version() == 2 || gic_version() == 3);
	CHECK(dt_bootarg("suite", suite, sizeof(suite)));
	CHECK(!strcmp(suite, "lib"));
	CHECK(!dt_bootarg("sui", suite, sizeof(suite)));
	CHECK(!dt_node("/cpus/nothing"));
}

static void exceptions(void)
{
	struct trap trap = try_load(NOWHERE, NULL);

	CHECK(trap.taken);
	trap_arm();
	__asm__ volatile(".inst 0x00000000");
	trap = trap_take();
	CHECK(trap.taken && ESR_EC(trap.esr) == EC_UNKNOWN);
	trap = try_load(image_address(), NULL);
	CHECK(!trap.taken);
	trap_arm();
	__asm__ volatile("mrs x9, vbar_el2" ::: "x9");
	CHECK(trap_take().taken);
}

static void el0(void)
{
	static _Alignas(4096) uint64_t page[512];
	struct trap trap;
	uint64_t value;

	page[3] = 0x1234;
	mmu_map_el0((uintptr_t)page);
	trap = el0_run(el0_load, EL0_DATA + 24, &value);
	CHECK_EQ(ESR_EC(trap.esr), EC_SVC);
	CHECK_EQ(value, 0x1234);
	trap = el0_run(el0_store, EL0_DATA + 24, NULL);
	CHECK_EQ(ESR_EC(trap.esr), EC_SVC);
	CHECK_EQ(*(volatile uint64_t *)&page[3], 0);
	trap = el0_run(el0_load, image_address(), NULL);
	CHECK_EQ(ESR_EC(trap.esr), EC_DATA_ABORT_EL0);
}

static void timer_interrupts(void)
{
	enum timer timer;

	for (timer = TIMER_VIRTUAL; timer <= TIMER_PHYSICAL; timer++) {
		uint64_t start = timer_now_ns();

		gic_enable(timer_intid(timer));
		timer_arm(timer, 2 * MS, true);
		CHECK(gic_wait(timer_intid(timer), 1));
		CHECK(timer_now_ns() - start >= 2 * MS);
		CHECK(!timer_fired(timer));
	}
}

static void wait_for_interrupt(void)
{
	uint64_t start = timer_now_ns();

	timer_wait_ns(3 * MS);
	CHECK(timer_now_ns() - start >= 3 * MS);
}

static void sgi_to_self(void)
{
	gic_send(0, 5);
	CHECK(gic_wait(5, 1));
}

/* Painted registers stay if nobody touches them. */
static void painting(void)
{
	struct paint before;
	struct paint after;

	paint_fill(&before, 1);
	before.x[28] = 1000;
	paint_run(PAINT_SPIN, &before, &after);
	CHECK_EQ(paint_compare(&before, &after), PAINT_SPIN_COUNTER);
	after.v[31][1] ^= 1;
	after.fpsr ^= 1;
	after.x[30] ^= 1;
	CHECK_EQ(paint_compare(&before, &after),
		 PAINT_SPIN_COUNTER | UINT64_C(0x640000000));
}

/* And a system register that changes is found. */
static void painting_sysregs(void)
{
	struct paint_sysregs s;
	uint64_t changed;

	paint_sysregs(&s, 1);
	CHECK_EQ(paint_sysregs_restore(&s), 0);
	CHECK(s.usable & paint_sysreg_mask("par_el1"));
	paint_sysregs(&s, 2);
	write_sysreg(tpidr_el0, read_sysreg(tpidr_el0) ^ 1);
	changed = paint_sysregs_restore(&s);
	CHECK_EQ(changed, paint_sysreg_mask("tpidr_el0"));
	CHECK(!strcmp(paint_sysreg_name(changed), "tpidr_el0"));
}

static struct {
	struct barrier barrier;
	struct spinlock lock;
	unsigned int count;
	unsigned int bad_affinity;
	unsigned int sgi_lost;
} shared;

static void count_up(void *unused)
{
	unsigned int i;

	(void)unused;
	barrier_wait(&shared.barrier, cpu_count());
	for (i = 0; i < 1000; i++) {
		spin_lock(&shared.lock);
		shared.count++;
		spin_unlock(&shared.lock);
	}
	if ((read_sysreg(mpidr_el1) & 0xff00ffffff) != cpu_mpidr(cpu_index()))
		__atomic_add_fetch(&shared.bad_affinity, 1, __ATOMIC_RELAXED);
}

static void all_cpus(void)
{
	shared.count = 0;
	CHECK(cpu_run_all(cpu_count(), count_up, NULL));
	CHECK_EQ(shared.count, 1000 * cpu_count());
	CHECK_EQ(shared.bad_affinity, 0);
}

static void sgi_round(void *unused)
{
	(void)unused;
	barrier_wait(&shared.barrier, cpu_count());
	gic_send((cpu_index() + 1) % cpu_count(), 3);
	if (!gic_wait(3, 1))
		__atomic_add_fetch(&shared.sgi_lost, 1, __ATOMIC_RELAXED);
}

static void sgi_to_others(void)
{
	if (cpu_count() < 2)
		SKIP("one CPU");
	CHECK(cpu_run_all(cpu_count(), sgi_round, NULL));
	CHECK_EQ(shared.sgi_lost, 0);
}

static const struct test_case cases[] = {
	{"entry_state", entry_state},
	{"format_numbers", format_numbers},
	{"device_tree", device_tree},
	{"exceptions", exceptions},
	{"el0", el0},
	{"timer_interrupts", timer_interrupts},
	{"wait_for_interrupt", wait_for_interrupt},
	{"sgi_to_self", sgi_to_self},
	{"painting", painting},
	{"painting_sysregs", painting_sysregs},
	{"all_cpus", all_cpus},
	{"sgi_to_others", sgi_to_others},
	{NULL, NULL},
};

const struct suite suite_lib = {"lib", cases};
