/* SPDX-License-Identifier: BSD-3-Clause */
/* Ways to access memory. */
#ifndef ACCESS_H
#define ACCESS_H

#include <stdint.h>

/* Accesses that report no syndrome, and others that are not a plain load. */
enum access {
	ACCESS_LDP,
	ACCESS_STP,
	ACCESS_EXCLUSIVE,
	ACCESS_SIMD,
	ACCESS_WRITEBACK,
	ACCESS_DC_CIVAC,
	ACCESS_DC_CVAC,
	ACCESS_DC_IVAC,
	ACCESS_IC_IVAU,
	ACCESS_DC_ZVA,
	ACCESS_PREFETCH,
	ACCESS_BYTE,
	ACCESS_UNALIGNED,
	ACCESS_ATOMIC, /* needs FEAT_LSE */
	ACCESSES
};

/* Accesses memory at `p`. */
void access_memory(uint64_t p, enum access access);

#endif
