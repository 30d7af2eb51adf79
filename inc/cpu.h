/* SPDX-License-Identifier: BSD-3-Clause */
/* Physical CPUs: who they are and whether they are on. */
#ifndef CPU_H
#define CPU_H

#include "arch_vcpu.h"
#include "limits.h"
#include "spinlock.h"
#include "types.h"

struct vcpu;

/*
 *   from     to       who (cpu lock held)
 *   OFF      PENDING  cpu_on(): the caller is about to ask the firmware
 *   PENDING  OFF      cpu_on(): the firmware refused
 *   PENDING  ON       the CPU itself, when it has come up
 *   ON       OFF      the CPU itself, about to turn itself off
 */
enum cpu_state { CPU_OFF = 0, CPU_PENDING, CPU_ON };

struct cpu {
	/* First: assembly finds it at offset 0. No line is of two CPUs. */
	_Alignas(CACHE_LINE) struct arch_cpu arch;
	uint32_t index;
	uint64_t id; /* its hardware ID, as in the device tree */
	struct spinlock lock;
	enum cpu_state state; /* lock */
	ipaddr_t entry;	      /* where the primary starts on it, and */
	uint64_t argument;    /* its first register; lock */
	struct vcpu *vcpu;    /* of the primary, pinned to this CPU */
	/*
	 * The vCPU of each secondary VM that ran here last, index + 1: two
	 * vCPUs of one VM must not see each other's translations. Used by this
	 * CPU alone.
	 */
	uint8_t last_vcpu[MAX_VMS];
};

extern struct cpu cpus[MAX_CPUS];

/* CPUs of the board. Constant after boot. */
extern uint32_t cpu_count;

/* Makes the boot CPU known as CPU 0, before anything takes a lock. */
void cpu_init_first(void);

/* Connects all of the board's CPUs with the primary's vCPUs. */
void cpu_init_all(void);

/* The CPU with that hardware ID, or NULL. */
struct cpu *cpu_find(uint64_t id);

enum cpu_on_result {
	CPU_ON_SUCCESS,
	CPU_ON_ALREADY_ON,
	CPU_ON_PENDING,
	CPU_ON_FAILURE,
};

/*
 * Starts an offline CPU, to enter the primary at `entry`. Of several callers
 * one succeeds. Takes the CPU's lock.
 */
enum cpu_on_result cpu_turn_on(struct cpu *cpu, ipaddr_t entry,
			       uint64_t argument);

/* The calling CPU has come up. Takes its lock. */
void cpu_came_up(struct cpu *cpu);

/*
 * The calling CPU is about to go down. Takes its lock. From here on another
 * CPU may start it anew.
 */
void cpu_goes_down(struct cpu *cpu);

/* State of a CPU at this moment. Takes its lock. */
enum cpu_state cpu_get_state(struct cpu *cpu);

#endif
