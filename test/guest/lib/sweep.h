/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every system register by its encoding: what this VM can do with it at EL1
 * and at EL0, and whether what it writes stays its own.
 */
#ifndef SWEEP_H
#define SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A system register or instruction: S<op0>_<op1>_C<n>_C<m>_<op2>. */
#define SYSREG(op0, op1, n, m, op2) \
	((op0) << 14 | (op1) << 11 | (n) << 7 | (m) << 3 | (op2))

/* What became of an access. */
enum sweep_access {
	SWEEP_UNDEFINED,
	/* Reads. */
	SWEEP_ZERO,
	SWEEP_CONSTANT, /* or changed by nothing but writes */
	SWEEP_CHANGES,	/* by itself, as counters do */
	/* Writes. */
	SWEEP_IGNORED,
	SWEEP_KEPT,	/* read back */
	SWEEP_DONE,	/* executed; nothing to compare it with */
	SWEEP_HELD_BACK /* not tried: see sweep.c */
};

/* ... or another exception: its class. */
#define SWEEP_EXCEPTION 0x80

/* An encoding that is not UNDEFINED both ways. */
struct sweep_entry {
	uint16_t name; /* SYSREG() */
	uint8_t read, write;
	uint32_t reserved;
	uint64_t value; /* read first, and by sweep_paint() */
};

#define SWEEP_ENTRIES 6144

/*
 * Executes all MRS and MSR (op0 2 and 3) and SYS (op0 1) at EL1 or at EL0,
 * registers with what they hold, with zeros, with ones, and with what they held
 * again. What EL1 can open to EL0 is open. Interrupts are masked. The entries
 * are valid until the next call; false: there is no room for all.
 */
bool sweep_classify(bool el0);
const struct sweep_entry *sweep_entries(size_t *count);

/*
 * After sweep_classify() for EL1: gives each register that keeps what is
 * written a pattern that depends on the seed, as far as this VM survives it,
 * and notes what all of them read then.
 */
void sweep_paint(uint64_t seed);

/* The name of a register that reads otherwise since then; 0: none. */
unsigned int sweep_changed(uint64_t *now, uint64_t *then);

/* Gives the registers what they held before sweep_paint(). */
void sweep_restore(void);

#endif
