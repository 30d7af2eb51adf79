/* SPDX-License-Identifier: BSD-3-Clause */
/* Spectre variant 1: an index from a guest, behind a branch that checks it. */
#ifndef NOSPEC_H
#define NOSPEC_H

#include <stdbool.h>
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

/*
 * Whether a number of a guest is less than `count`; *index is the number then,
 * or 0 where the CPU only guesses that it is.
 */
static inline bool index_check(uint32_t number, uint32_t count, uint32_t *index)
{
	bool is_less;

#ifdef __GCC_ASM_FLAG_OUTPUTS__ /* one compare for both; not Clang 14 */
	__asm__ volatile("cmp %w2, %w3\n\t"
			 "csel %w0, %w2, wzr, lo\n\t"
			 "hint #20" /* CSDB */
			 : "=r"(*index), "=@cclo"(is_less)
			 : "r"(number), "rI"(count));
#else
	is_less = number < count;
	*index = (uint32_t)index_nospec(number, count);
#endif
	return is_less;
}

#endif
