/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What drive.c needs of the operations that it draws, records, replays and
 * shrinks: of calls (ops.c), or of interrupts (irq/ops.c). An operation that
 * does not apply in a state is left out, so that any part of a sequence is a
 * sequence.
 */
#ifndef DRIVE_H
#define DRIVE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct op {
	uint32_t kind;
	uint32_t cpu;
	uint64_t a[4];
};

/* Powers the board on. */
void ops_start(void);

/* Whether an operation applies now. */
bool ops_applies(const struct op *op);

/*
 * Does an operation that applies, by the real code and by the specification,
 * and compares them: results, registers, state. False, with a line printed,
 * if they differ.
 */
bool ops_do(const struct op *op);

/* Makes one up that applies now, from the numbers of a generator. */
void ops_invent(struct op *op, uint64_t *random_state);

/*
 * What counts, of an operation that was done: 1 or 0 of each of two kinds,
 * which have these names.
 */
enum { OPS_TALLIES = 2 };
extern const char *const ops_tally_names[OPS_TALLIES];
void ops_tally(const struct op *op, uint64_t tally[OPS_TALLIES]);

/* How many kinds there are, what a line of text calls them, and for how many
 * CPUs they are. */
extern const unsigned int ops_kinds, ops_cpus;
extern const char *const ops_names[];

/* --- drawing --- */

static inline uint64_t draw(uint64_t *state)
{
	/* xorshift64* */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(0x2545f4914f6cdd1d) >> 16;
}

static inline uint64_t below(uint64_t *random, uint64_t limit)
{
	return draw(random) % limit;
}

static inline bool chance(uint64_t *random, uint64_t one_in)
{
	return below(random, one_in) == 0;
}

#endif
