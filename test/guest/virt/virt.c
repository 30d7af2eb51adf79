/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest made for QEMU's `virt` machine, with nothing of a hypervisor in it:
 * it prints the same there and in a secondary VM. It finds its machine in the
 * device tree; bare.c has the addresses built in.
 */
#include "console.h"
#include "dt.h"
#include "exception.h"
#include "gic.h"
#include "guest.h"
#include "smccc.h"
#include "smp.h"
#include "sysreg.h"
#include "timer.h"

#define MS UINT64_C(1000000)
#define ROUNDS 20
#define TICKS 5

/* What the CPUs found; CPU 0 prints it, so that the lines have one order. */
static struct {
	unsigned int ticks[2]; /* by timer */
	unsigned int early;    /* interrupts before their time */
	unsigned int sgis;
	unsigned int mpidr_is_right;
} found[CPUS];

static struct barrier barrier;
static struct barrier race_barrier;
static unsigned int arrived[CPUS];
static unsigned int odd_results;

static void describe(void)
{
	const uint32_t *timer = dt_node("/timer");
	uint64_t base, size, gic;
	uint32_t len = 0, i;
	const void *p = dt_property(timer, "interrupts", &len);
	const uint32_t *intc = dt_node("/intc");

	print("%u CPUs, GICv%u\n", cpu_count(), gic_version());
	print("memory: %u range, at 0x%lx\n", dt_memory(&base, &size), base);
	if (intc && dt_reg(intc, 0, &gic, NULL))
		print("distributor at 0x%lx\n", gic);
	for (i = 0; i < len / 12; i++)
		print("timer interrupt: type %u, number %u\n",
		      dt_cell(p, 3 * i), dt_cell(p, 3 * i + 1));
	print("PSCI %x\n",
	      (unsigned int)psci_call(PSCI_VERSION, 0, 0, 0) >> 16);
}

/* --- CPU_ON of one CPU by two at once ----------------------------------------
 */

static void arrive(void *cpu)
{
	__atomic_add_fetch(&arrived[(uintptr_t)cpu], 1, __ATOMIC_RELEASE);
}

/* On two CPUs in step. */
static void race(void *unused)
{
	unsigned int i;
	int32_t result;

	(void)unused;
	for (i = 2; i < cpu_count(); i++) {
		uintptr_t entry = cpu_prepare(i, arrive, (void *)(uintptr_t)i);

		barrier_wait(&race_barrier, 2);
		result = psci_cpu_on(cpu_mpidr(i), entry, i);
		/* QEMU's own PSCI may let both succeed. */
		if (result != PSCI_SUCCESS && result != PSCI_ALREADY_ON &&
		    result != PSCI_ON_PENDING)
			__atomic_add_fetch(&odd_results, 1, __ATOMIC_RELAXED);
		while (!__atomic_load_n(&arrived[i], __ATOMIC_ACQUIRE))
			;
		if (!cpu_wait_off(i))
			panic("CPU %u does not go off", i);
	}
}

static void race_to_cpu_on(void)
{
	unsigned int i, up = 0;

	if (!cpu_run_all(2, race, NULL))
		panic("CPU 1 does not go off");
	for (i = 2; i < cpu_count(); i++)
		up += arrived[i] > 0;
	print("two CPUs raced to turn on others: %u came up, %u odd results\n",
	      up, odd_results);
}

/* --- what each CPU does ------------------------------------------------------
 */

/* Waits by WFI for one more interrupt. */
static void wait_for(unsigned int intid, unsigned int before)
{
	while (gic_count(intid) == before) {
		wfi();
		irq_unmask();
		isb();
		irq_mask();
	}
}

static void tick(enum timer timer)
{
	unsigned int intid = timer_intid(timer);
	unsigned int i;

	gic_enable(intid);
	for (i = 0; i < TICKS; i++) {
		unsigned int before = gic_count(intid);
		uint64_t end = timer_now_ns() + MS;

		timer_arm(timer, MS, true);
		wait_for(intid, before);
		found[cpu_index()].early += timer_now_ns() < end;
	}
	found[cpu_index()].ticks[timer] = gic_count(intid);
}

/* Each CPU sends its own SGI to all, itself included. */
static void send_to_all(void)
{
	unsigned int before[CPUS], i, round;

	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < cpu_count(); i++)
			before[i] = gic_count(i);
		barrier_wait(&barrier, cpu_count());
		for (i = 0; i < cpu_count(); i++)
			gic_send(i, cpu_index());
		for (i = 0; i < cpu_count(); i++)
			wait_for(i, before[i]);
		barrier_wait(&barrier, cpu_count());
	}
	for (i = 0; i < cpu_count(); i++)
		found[cpu_index()].sgis += gic_count(i);
}

static void work(void *unused)
{
	unsigned int cpu = cpu_index();

	(void)unused;
	found[cpu].mpidr_is_right =
		(read_sysreg(mpidr_el1) & 0xffffff) == cpu_mpidr(cpu);
	barrier_wait(&barrier, cpu_count());
	tick(TIMER_VIRTUAL);
	tick(TIMER_PHYSICAL);
	send_to_all();
}

void guest_main(void)
{
	unsigned int i;

	/* The library leaves that to a guest that is a secondary VM. */
	if (!gic_version()) {
		gic_init();
		gic_init_cpu();
	}
	describe();
	race_to_cpu_on();
	if (!cpu_run_all(cpu_count(), work, NULL))
		panic("a CPU does not go off");
	for (i = 0; i < cpu_count(); i++)
		print("CPU %u: MPIDR %s, %u virtual and %u physical ticks, %u "
		      "early, %u SGIs\n",
		      i, found[i].mpidr_is_right ? "right" : "wrong",
		      found[i].ticks[TIMER_VIRTUAL],
		      found[i].ticks[TIMER_PHYSICAL], found[i].early,
		      found[i].sgis);
	print("done\n");
}
