/* SPDX-License-Identifier: BSD-3-Clause */
/* Spectre variant 1: an index from a guest, behind a branch that checks it. */
#ifndef NOSPEC_H
#define NOSPEC_H

#include <stdint.h>

/*
 * The index, which was found to be less than `count`; 0 where the CPU only
 * guesses that it is. The CSDB keeps the CPU from guessing the result.
 */
static inline uint64_t index_nospec(uint64_t index, uint64_t count)
{
	__asm__ volatile("cmp %0, %1\n\t"
			 "csel %0, %0, xzr, lo\n\t"
			 "hint #20" /* CSDB */
			 : "+r"(index)
			 : "r"(count)
			 : "cc");
	return index;
}

#endif
