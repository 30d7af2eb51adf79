/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stage-2 entries as the specification's own walker reads them: in the
 * hypervisor image those of DDI 0487, D8.3; on the host those of the fake
 * architecture.
 */
#ifndef SPEC_PTE_H
#define SPEC_PTE_H

#include <stdbool.h>
#include <stdint.h>

static inline bool pte_present(uint64_t pte)
{
	return pte & 1;
}

static inline bool pte_is_table(uint64_t pte, unsigned int level)
{
	return (pte & 3) == 3 && level != 3;
}

static inline uint64_t pte_address(uint64_t pte)
{
	return pte & UINT64_C(0x0000fffffffff000);
}

#ifdef __aarch64__

#define PTE_OWNER_SHIFT 8

/* Read, write and execute at EL1 and EL0. */
static inline bool pte_allows_all(uint64_t pte)
{
	return (pte >> 6 & 3) == 3 && !(pte >> 54 & 1);
}

static inline bool pte_is_read_write(uint64_t pte)
{
	return (pte >> 6 & 3) == 3;
}

/* MemAttr other than normal, write-back in both. */
static inline bool pte_is_device(uint64_t pte)
{
	return (pte >> 2 & 0xf) != 0xf;
}

#else

#define PTE_OWNER_SHIFT 5

static inline bool pte_allows_all(uint64_t pte)
{
	return (pte >> 4 & 7) == 7;
}

static inline bool pte_is_read_write(uint64_t pte)
{
	return (pte >> 4 & 3) == 3;
}

static inline bool pte_is_device(uint64_t pte)
{
	return pte >> 7 & 1;
}

#endif

#endif
