/* SPDX-License-Identifier: BSD-3-Clause */
/* Cache maintenance by address (DDI 0487, D7.5). */
#include "cache.h"

#include "arch.h"
#include "string.h"
#include "sysreg.h"

/* Smallest data cache line of any CPU, in bytes: CTR_EL0.DminLine. */
static uintptr_t line_size(void)
{
	return (uintptr_t)4 << (read_sysreg(ctr_el0) >> 16 & 0xf);
}

BOOT_ONLY void cache_invalidate(const void *p, size_t size)
{
	uintptr_t line = line_size();
	uintptr_t end = (uintptr_t)p + size;

	for (uintptr_t at = align_down((uintptr_t)p, line); at < end;
	     at += line)
		__asm__ volatile("dc ivac, %0" : : "r"(at) : "memory");
	dsb(sy);
}

void arch_clean_to_memory(const void *p, size_t size)
{
	uintptr_t line = line_size();
	uintptr_t at = align_down((uintptr_t)p, line);
	size_t left = align_up((uintptr_t)p + size, line) - at;

	for (; left >= 4 * line; left -= 4 * line, at += 4 * line)
		__asm__ volatile("dc civac, %0\n\t"
				 "dc civac, %1\n\t"
				 "dc civac, %2\n\t"
				 "dc civac, %3"
				 :
				 : "r"(at), "r"(at + line), "r"(at + 2 * line),
				   "r"(at + 3 * line)
				 : "memory");
	for (; left; left -= line, at += line)
		__asm__ volatile("dc civac, %0" : : "r"(at) : "memory");
	dsb(sy);
}

void arch_sync_instructions(void)
{
	__asm__ volatile("ic ialluis" : : : "memory");
	dsb(ish);
	isb();
}

void arch_zero_pages(void *p, size_t size)
{
	uint64_t dczid = read_sysreg(dczid_el0);
	uintptr_t end = (uintptr_t)p + size;
	uintptr_t block = (uintptr_t)4 << (dczid & 0xf);

	/* DC ZVA is prohibited, or its block is larger than a page. */
	if ((dczid & BIT(4)) || block > PAGE_SIZE / 4) {
		memset(p, 0, size);
		return;
	}
	for (uintptr_t at = (uintptr_t)p; at < end; at += 4 * block)
		__asm__ volatile("dc zva, %0\n\t"
				 "dc zva, %1\n\t"
				 "dc zva, %2\n\t"
				 "dc zva, %3"
				 :
				 : "r"(at), "r"(at + block),
				   "r"(at + 2 * block), "r"(at + 3 * block)
				 : "memory");
}
