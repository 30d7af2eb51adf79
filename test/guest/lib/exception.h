/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Exceptions of a guest. An exception that nobody waits for is a panic; a test
 * that provokes one does it between trap_arm() and trap_take().
 */
#ifndef EXCEPTION_H
#define EXCEPTION_H

#include <stdbool.h>
#include <stdint.h>

/* What an exception saves on the stack. */
struct frame {
	uint64_t x[31];
	uint64_t elr;
	uint64_t spsr;
};

/* The exception that was taken. */
struct trap {
	bool taken;
	bool serror;
	uint64_t esr;
	uint64_t far;
	uint64_t elr;
};

/* ESR_EL1: exception class, and the fault status of an abort. */
#define ESR_EC(esr) ((esr) >> 26 & 0x3f)
#define ESR_FSC(esr) ((esr)&0x3f)
#define EC_UNKNOWN 0x00
#define EC_CP15 0x03
#define EC_CP14 0x05
#define EC_CP14_64 0x0c
#define EC_ILLEGAL_STATE 0x0e
#define EC_SVC32 0x11
#define EC_SVC 0x15
#define EC_SYSREG 0x18
#define EC_INSTRUCTION_ABORT_EL0 0x20
#define EC_INSTRUCTION_ABORT 0x21
#define EC_DATA_ABORT_EL0 0x24
#define EC_DATA_ABORT 0x25
#define EC_STEP 0x33
#define EC_WATCHPOINT 0x35
#define EC_BREAKPOINT 0x31
#define FSC_EXTERNAL_ABORT 0x10
#define FSC_EXTERNAL_WALK 0x14 /* + level */

/*
 * From here to trap_take() this CPU takes exceptions at EL1 without complaint:
 * the instruction is skipped (a jump to where nothing can be run returns to
 * x30) and the first exception remembered. A software step masks debug
 * exceptions instead, so that there is one.
 */
void trap_arm(void);

/* The first exception since trap_arm(), if there was one. */
struct trap trap_take(void);

/* The exception, if any, of an 8-byte load, a store, and a call. */
struct trap try_load(uintptr_t address, uint64_t *value);
struct trap try_store(uintptr_t address, uint64_t value);
struct trap try_call(uintptr_t address);

/*
 * Code that runs at EL0, its argument in x0: one HVC #0, one SMC #0, an 8-byte
 * load from x0 (which it leaves there), an 8-byte store to x0.
 */
extern const char el0_hvc[], el0_smc[], el0_load[], el0_store[];

/*
 * Runs one of them; tells the exception that ended it: EC_SVC if nothing went
 * wrong. The value of its x0 is stored unless `x0` is NULL.
 */
struct trap el0_run(const char *code, uint64_t argument, uint64_t *x0);

/* The same for code at an address of EL0. */
struct trap el0_run_at(uintptr_t address, uint64_t argument, uint64_t *x0);
/*
 * Programs for AArch32 at EL0; each ends with SVC. They get and leave r0.
 */
enum a32_program {
	A32_SVC,
	A32_HVC,
	A32_SMC,
	A32_LOAD, /* r0: address, as EL0 sees it */
	A32_LOAD_MULTIPLE,
	A32_CP15_TIMER, /* physical timer, by MRC */
	A32_CP15_TIMER_64,
	A32_CP15_PMU,
	A32_CP14, /* debug registers, by MRC */
	A32_CP14_64,
	A32_CP14_STORE, /* STC */
	/* WFI: always, if its condition holds, if not; r0 counts what follows
	 */
	A32_WFI,
	T32_WFI,
	A32_PROGRAMS
};

/* As el0_run(). Physical timer and WFI are allowed to EL0 meanwhile. */
struct trap a32_run(enum a32_program program, uint64_t argument, uint64_t *x0);

/* Whether the CPU has AArch32 at EL0. */
bool a32_exists(void);

/* An ERET to AArch32 at EL1, which is none. */
struct trap try_a32_el1(void);

/* A load through a page table of the last but one level at `table`. */
struct trap try_walk(uint64_t table);

/* Masks and unmasks interrupts of this CPU. */
void irq_mask(void);
void irq_unmask(void);

#endif
