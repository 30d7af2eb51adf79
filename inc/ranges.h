/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of address ranges, and finding room between them. Pure functions. */
#ifndef RANGES_H
#define RANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "limits.h"

/* From `begin` up to, not including, `end`; begin < end. */
struct range {
	uint64_t begin, end;
};

struct ranges {
	uint32_t count;
	struct range r[MAX_RANGES];
};

/* Makes a list what another is: a struct as such has room for many more. */
void ranges_copy(struct ranges *to, const struct ranges *from);

/* Adds a range, if it is not empty. False if the list is full. */
bool ranges_add(struct ranges *list, uint64_t begin, uint64_t end);

/*
 * Adds a range of RAM: in ascending order, joined with its neighbours. False
 * if it overlaps one that is there, or the list is full.
 */
bool ranges_add_ram(struct ranges *ram, uint64_t begin, uint64_t end);

/* A range of the list that overlaps [begin, end), or NULL. */
const struct range *ranges_overlap(const struct ranges *list, uint64_t begin,
				   uint64_t end);

/* Bytes in all ranges of a list without overlaps. */
uint64_t ranges_total(const struct ranges *list);

/*
 * The lowest place in `ram`, clear of `taken`, for `size` bytes at a multiple
 * of `alignment` (a power of two). False if there is none.
 */
bool ranges_find_low(const struct ranges *ram, const struct ranges *taken,
		     uint64_t size, uint64_t alignment, struct range *found);

/*
 * The highest such place. found->end may be above found->begin + size: what is
 * lost to the alignment.
 */
bool ranges_find_high(const struct ranges *ram, const struct ranges *taken,
		      uint64_t size, uint64_t alignment, struct range *found);

/*
 * The part of `ram` that is in no range of `taken`, in ascending order. False
 * if the list is too small for it.
 */
bool ranges_subtract(const struct ranges *ram, const struct ranges *taken,
		     struct ranges *rest);

#endif
