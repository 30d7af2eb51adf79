/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Register painting: fill every register with a pattern, execute one
 * instruction that leaves this VM, and see which registers came back changed.
 */
#ifndef PAINT_H
#define PAINT_H

#include <stdint.h>

/* All registers that C code can lose. */
struct paint {
	uint64_t x[31];
	uint64_t nzcv;
	uint64_t fpcr;
	uint64_t fpsr;
	uint64_t v[32][2];
	uint64_t daif;	    /* interrupts stay masked */
	uint64_t sp_before; /* written by paint_run() to its `out` */
	uint64_t sp_after;
};

/* What to do between painting and looking. */
enum paint_kind {
	PAINT_HVC,
	PAINT_HVC_OTHER, /* HVC #1 */
	PAINT_SMC,
	PAINT_WFI,
	PAINT_SPIN, /* counts x28 down to 0 */
	PAINT_LOAD, /* loads from the address in x28 */
};

/* Fills `p` with a pattern that depends on `seed`. */
void paint_fill(struct paint *p, uint64_t seed);

/* Loads `in` into the registers, does `kind`, and stores them to `out`. */
void paint_run(enum paint_kind kind, const struct paint *in, struct paint *out);

/*
 * What differs. Bits 0-30: x0-x30; 31: NZCV; 32: FPCR; 33: FPSR; 34: any of
 * v0-v31; 35: DAIF; 36: SP moved while `b` was taken.
 */
uint64_t paint_compare(const struct paint *a, const struct paint *b);

/*
 * What a call may change: x0-x3; what an instruction that is no call may: none
 * but the counter of PAINT_SPIN.
 */
#define PAINT_CALL_RESULTS UINT64_C(0xf)
#define PAINT_SPIN_COUNTER (UINT64_C(1) << 28)

/* Number of system registers that paint_sysregs() paints. */
#define PAINT_SYSREGS 39

struct paint_sysregs {
	uint64_t usable; /* mask: those that this VM can read and write */
	uint64_t before[PAINT_SYSREGS];
	uint64_t painted[PAINT_SYSREGS];
};

/*
 * Paints the system registers of EL1 and EL0 that a VM can write without harm
 * to itself; interrupts masked, and no exception from here to
 * paint_sysregs_restore(), which gives them their old values and returns which
 * registers changed in between (bit = index).
 */
void paint_sysregs(struct paint_sysregs *s, uint64_t seed);
uint64_t paint_sysregs_restore(const struct paint_sysregs *s);

/* The bit of a register in such a mask. */
uint64_t paint_sysreg_mask(const char *name);

/* Name of the lowest register in such a mask. */
const char *paint_sysreg_name(uint64_t mask);

#endif
