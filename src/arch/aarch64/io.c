/* SPDX-License-Identifier: BSD-3-Clause */
#include "io.h"

#include "arch.h"

/* Reads of a register until something is late. */
#define MAX_READS 1000000

bool mmio_wait(const volatile void *base, uint32_t offset, uint32_t mask,
	       uint32_t wanted)
{
	for (uint32_t i = 0; i < MAX_READS; i++) {
		if ((mmio_read32(base, offset) & mask) == wanted)
			return true;
		arch_relax();
	}
	return false;
}
