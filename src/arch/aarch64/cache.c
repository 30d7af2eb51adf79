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

/*
 * An instruction for each of 8 lines from `at` on, which is then behind them:
 * what a loop costs counts, as most of boot's memory goes through these.
 */
#define RUN 8
#define FOR_RUN(instruction, at, line)                        \
	__asm__ volatile(".rept 8\n\t" instruction ", %0\n\t" \
			 "add %0, %0, %1\n\t"                 \
			 ".endr"                              \
			 : "+r"(at)                           \
			 : "r"(line)                          \
			 : "memory")

#define FOR_LINES(instruction, at, left, line)                 \
	do {                                                   \
		for (; left >= RUN * line; left -= RUN * line) \
			FOR_RUN(instruction, at, line);        \
		for (; left; left -= line, at += line)         \
			__asm__ volatile(instruction ", %0"    \
					 :                     \
					 : "r"(at)             \
					 : "memory");          \
	} while (0)

BOOT_ONLY void cache_invalidate(const void *p, size_t size)
{
	uintptr_t line = line_size();
	uintptr_t at = align_down((uintptr_t)p, line);
	size_t left = align_up((uintptr_t)p + size, line) - at;

	FOR_LINES("dc ivac", at, left, line);
	dsb(sy);
}

void arch_clean_to_memory(const void *p, size_t size)
{
	uintptr_t line = line_size();
	uintptr_t at = align_down((uintptr_t)p, line);
	size_t left = align_up((uintptr_t)p + size, line) - at;

	FOR_LINES("dc civac", at, left, line);
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
	uintptr_t at = (uintptr_t)p;
	uintptr_t block = (uintptr_t)4 << (dczid & 0xf);

	/* DC ZVA is prohibited, or a run of blocks is larger than a page. */
	if ((dczid & BIT(4)) || block > PAGE_SIZE / RUN) {
		memset(p, 0, size);
		return;
	}
	for (; size; size -= RUN * block)
		FOR_RUN("dc zva", at, block);
}
