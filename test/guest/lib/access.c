/* SPDX-License-Identifier: BSD-3-Clause */
#include "access.h"

void access_memory(uint64_t p, enum access access)
{
	switch (access) {
	case ACCESS_LDP:
		__asm__ volatile("ldp x9, x10, [%0]" ::"r"(p) : "x9", "x10");
		break;
	case ACCESS_STP:
		__asm__ volatile("stp xzr, xzr, [%0]" ::"r"(p) : "memory");
		break;
	case ACCESS_EXCLUSIVE:
		__asm__ volatile("ldxr x9, [%0]" ::"r"(p) : "x9");
		break;
	case ACCESS_SIMD:
		__asm__ volatile(".arch_extension fp\n\tldr d0, [%0]\n\t"
				 ".arch_extension nofp" ::"r"(p));
		break;
	case ACCESS_WRITEBACK:
		__asm__ volatile("ldr x9, [%0], #8" : "+r"(p)::"x9");
		break;
	case ACCESS_DC_CIVAC:
		__asm__ volatile("dc civac, %0" ::"r"(p) : "memory");
		break;
	case ACCESS_DC_CVAC:
		__asm__ volatile("dc cvac, %0" ::"r"(p) : "memory");
		break;
	case ACCESS_DC_IVAC:
		__asm__ volatile("dc ivac, %0" ::"r"(p) : "memory");
		break;
	case ACCESS_IC_IVAU:
		__asm__ volatile("ic ivau, %0" ::"r"(p) : "memory");
		break;
	case ACCESS_ATOMIC:
		__asm__ volatile(".arch_extension lse\n\t"
				 "ldadd x9, x9, [%0]\n\t"
				 ".arch_extension nolse" ::"r"(p)
				 : "x9", "memory");
		break;
	case ACCESS_UNALIGNED:
		/* Half of it in the page before. */
		__asm__ volatile("ldr x9, [%0, #-4]" ::"r"(p) : "x9");
		break;
	case ACCESS_DC_ZVA:
		__asm__ volatile("dc zva, %0" ::"r"(p) : "memory");
		break;
	case ACCESS_PREFETCH:
		__asm__ volatile("prfm pldl1keep, [%0]" ::"r"(p));
		break;
	default:
		__asm__ volatile("ldrb w9, [%0]" ::"r"(p) : "x9");
	}
}
