/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses with types. A physical address, an intermediate physical address
 * of a VM and a virtual address of the hypervisor can not be mixed by mistake;
 * the functions here and phys_to_virt() in mm.h are the only conversions.
 */
#ifndef TYPES_H
#define TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
	uint64_t pa;
} paddr_t;

typedef struct {
	uint64_t ipa;
} ipaddr_t;

typedef struct {
	uint64_t va;
} vaddr_t;

#define PAGE_BITS 12
#define PAGE_SIZE ((uint64_t)1 << PAGE_BITS)

static inline paddr_t paddr(uint64_t a)
{
	return (paddr_t){a};
}

static inline ipaddr_t ipaddr(uint64_t a)
{
	return (ipaddr_t){a};
}

static inline vaddr_t vaddr(uint64_t a)
{
	return (vaddr_t){a};
}

static inline paddr_t paddr_add(paddr_t p, uint64_t n)
{
	return (paddr_t){p.pa + n};
}

static inline void *vaddr_ptr(vaddr_t v)
{
	return (void *)(uintptr_t)v.va;
}

/* The primary sees its memory where it lies: IPA equals PA. */
static inline ipaddr_t primary_ipa(paddr_t p)
{
	return (ipaddr_t){p.pa};
}

static inline uint64_t align_up(uint64_t n, uint64_t alignment)
{
	return (n + alignment - 1) & ~(alignment - 1);
}

static inline uint64_t align_down(uint64_t n, uint64_t alignment)
{
	return n & ~(alignment - 1);
}

/* Whether [a, a_end) and [b, b_end) have an address in common. */
static inline bool overlaps(uint64_t a, uint64_t a_end, uint64_t b,
			    uint64_t b_end)
{
	return a < b_end && b < a_end;
}

static inline bool is_aligned(uint64_t n, uint64_t alignment)
{
	return (n & (alignment - 1)) == 0;
}

/*
 * A variable that boot sets and nobody changes later: its page is read-only
 * once the primary runs.
 */
#define RO_AFTER_BOOT __attribute__((section(".bss.ro_after_boot")))

/* Memory that is not zeroed with .bss. */
#define NOINIT __attribute__((section(".noinit")))

/*
 * A function that only boot calls, and a constant that only such functions use:
 * they are wiped and unmapped before the primary runs (linker.ld).
 */
#ifndef BOOT_ONLY
#define BOOT_ONLY __attribute__((section(".text.boot_only")))
#endif
#ifndef BOOT_CONST
#define BOOT_CONST __attribute__((section(".rodata.boot_only")))
#endif

/* A function that runs seldom: made small instead of fast. */
#define COLD __attribute__((cold))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
