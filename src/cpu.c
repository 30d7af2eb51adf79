/* SPDX-License-Identifier: BSD-3-Clause */
#include "cpu.h"

#include "arch.h"
#include "string.h"
#include "vcpu.h"
#include "vm.h"

/* How often a CPU that is still on its way down is asked to start. */
#define MAX_START_ATTEMPTS 10000000

struct cpu cpus[MAX_CPUS];
uint32_t cpu_count RO_AFTER_BOOT;

/* Not zeroed with .bss: cpu_init_first() and vm_init() clear it. */
static struct vcpu primary_vcpus[MAX_CPUS] NOINIT;

static BOOT_ONLY void connect(struct cpu *cpu)
{
	cpu->vcpu = &primary_vcpus[cpu - cpus];
	cpu->vcpu->cpu = cpu;
	spin_init(&cpu->lock, LOCK_RANK_CPU);
}

BOOT_ONLY void cpu_init_first(void)
{
	memset(&primary_vcpus[0], 0, sizeof(primary_vcpus[0]));
	connect(&cpus[0]);
	cpus[0].state = CPU_ON;
}

BOOT_ONLY void cpu_init_all(void)
{
	vm_init(&vm_primary, 0, primary_vcpus, cpu_count);
	for (uint32_t i = 0; i < cpu_count; i++)
		connect(&cpus[i]);
}

struct cpu *cpu_find(uint64_t id)
{
	for (uint32_t i = 0; i < cpu_count; i++)
		if (cpus[i].id == id)
			return &cpus[i];
	return NULL;
}

/* OFF -> PENDING, or why not. */
static enum cpu_on_result reserve(struct cpu *cpu, ipaddr_t entry,
				  uint64_t argument)
{
	enum cpu_on_result result = CPU_ON_SUCCESS;

	spin_lock(&cpu->lock);
	if (cpu->state == CPU_ON) {
		result = CPU_ON_ALREADY_ON;
	} else if (cpu->state == CPU_PENDING) {
		result = CPU_ON_PENDING;
	} else {
		cpu->state = CPU_PENDING;
		cpu->entry = entry;
		cpu->argument = argument;
	}
	spin_unlock(&cpu->lock);
	return result;
}

static void set_state(struct cpu *cpu, enum cpu_state state)
{
	spin_lock(&cpu->lock);
	cpu->state = state;
	spin_unlock(&cpu->lock);
}

/* PENDING -> OFF; it may have come back up, refused to go down. */
static void give_up(struct cpu *cpu)
{
	spin_lock(&cpu->lock);
	if (cpu->state == CPU_PENDING)
		cpu->state = CPU_OFF;
	spin_unlock(&cpu->lock);
}

enum cpu_on_result cpu_turn_on(struct cpu *cpu, ipaddr_t entry,
			       uint64_t argument)
{
	enum cpu_on_result result = reserve(cpu, entry, argument);
	enum arch_start started = ARCH_START_RUNNING;

	if (result != CPU_ON_SUCCESS)
		return result;
	/* It said that it goes down, and may not be there yet. */
	for (uint32_t i = 0;
	     i < MAX_START_ATTEMPTS && started == ARCH_START_RUNNING; i++) {
		started = arch_cpu_start(cpu);
		if (started == ARCH_START_RUNNING)
			arch_relax();
	}
	if (started == ARCH_START_OK)
		return CPU_ON_SUCCESS;
	give_up(cpu);
	return CPU_ON_FAILURE;
}

void cpu_came_up(struct cpu *cpu)
{
	set_state(cpu, CPU_ON);
}

void cpu_goes_down(struct cpu *cpu)
{
	set_state(cpu, CPU_OFF);
}

enum cpu_state cpu_get_state(struct cpu *cpu)
{
	enum cpu_state state;

	spin_lock(&cpu->lock);
	state = cpu->state;
	spin_unlock(&cpu->lock);
	return state;
}
