/* SPDX-License-Identifier: BSD-3-Clause */
/* The fake architecture does not guess; it tells an index that is too large. */
#ifndef NOSPEC_H
#define NOSPEC_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static inline uint64_t index_nospec(uint64_t index, uint64_t count)
{
	if (index >= count)
		abort();
	return index;
}

static inline bool index_check(uint32_t number, uint32_t count, uint32_t *index)
{
	*index = number < count ? number : 0;
	return number < count;
}

#endif
