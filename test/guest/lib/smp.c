/* SPDX-License-Identifier: BSD-3-Clause */
#include "console.h"
#include "dt.h"
#include "gic.h"
#include "smccc.h"
#include "smp.h"
#include "string.h"
#include "sysreg.h"
#include "timer.h"

#define OFF_WAIT_NS UINT64_C(30000000000)

static struct {
	uint64_t mpidr;
	void (*fn)(void *);
	void *arg;
} cpu[CPUS];

static unsigned int cpus;

extern char stacks[];
extern const char start_cpu[];

/* A QEMU that counts instructions runs the next CPU then. */
static void yield(void)
{
	__asm__ volatile("yield" ::: "memory");
}

/* The stack tells the CPU: no register has to be kept for it. */
unsigned int cpu_index(void)
{
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0);

	return (unsigned int)((sp - 1 - (uintptr_t)stacks) >> STACK_SHIFT);
}

unsigned int cpu_count(void)
{
	return cpus;
}

uint64_t cpu_mpidr(unsigned int index)
{
	return cpu[index].mpidr;
}

void smp_init(void)
{
	const uint32_t *parent = dt_node("/cpus");
	const uint32_t *node = parent ? dt_child(parent) : NULL;

	for (; node && cpus < CPUS; node = dt_sibling(node)) {
		if (strncmp(dt_name(node), "cpu@", 4))
			continue;
		if (!dt_number(node, "reg", &cpu[cpus++].mpidr))
			panic("%s has no reg", dt_name(node));
	}
}

/* Called by start.S on a CPU that was started, MMU on. */
_Noreturn void cpu_main(uint64_t index);

void cpu_main(uint64_t index)
{
	gic_init_cpu();
	cpu[index].fn(cpu[index].arg);
	gic_exit_cpu();
	psci_cpu_off();
}

uintptr_t cpu_prepare(unsigned int index, void (*fn)(void *), void *arg)
{
	cpu[index].fn = fn;
	cpu[index].arg = arg;
	dsb();
	return (uintptr_t)start_cpu;
}

int32_t cpu_start(unsigned int index, void (*fn)(void *), void *arg)
{
	uintptr_t entry = cpu_prepare(index, fn, arg);

	return psci_cpu_on(cpu[index].mpidr, entry, index);
}

bool cpu_wait_off(unsigned int index)
{
	uint64_t end = timer_now_ns() + OFF_WAIT_NS;

	while (psci_affinity_info(cpu[index].mpidr) != PSCI_OFF) {
		if (timer_now_ns() > end)
			return false;
		yield();
	}
	return true;
}

bool cpu_run_all(unsigned int count, void (*fn)(void *), void *arg)
{
	bool good = true;
	unsigned int i;

	for (i = 1; i < count; i++) {
		int32_t result = cpu_start(i, fn, arg);

		/* The others may wait for it at a barrier: no way back. */
		if (result != PSCI_SUCCESS)
			panic("CPU_ON of CPU %u: %d", i, result);
	}
	fn(arg);
	for (i = 1; i < count; i++)
		good = cpu_wait_off(i) && good;
	return good;
}

void spin_lock(struct spinlock *lock)
{
	while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE))
		;
}

bool spin_trylock(struct spinlock *lock)
{
	return !__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE);
}

void spin_unlock(struct spinlock *lock)
{
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}

void barrier_wait(struct barrier *barrier, unsigned int count)
{
	uint32_t round = __atomic_load_n(&barrier->round, __ATOMIC_ACQUIRE);

	if (__atomic_add_fetch(&barrier->arrived, 1, __ATOMIC_ACQ_REL) ==
	    count) {
		__atomic_store_n(&barrier->arrived, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&barrier->round, round + 1, __ATOMIC_RELEASE);
		return;
	}
	while (__atomic_load_n(&barrier->round, __ATOMIC_ACQUIRE) == round)
		yield();
}
