/* SPDX-License-Identifier: BSD-3-Clause */
#include "dt.h"
#include "layout.h"
#include "mmu.h"
#include "sysreg.h"

#define ENTRIES 512
#define PAGE_SIZE 4096
#define GIB_SHIFT 30
#define BLOCK_SHIFT 21

#define WINDOW (EL0_CODE - (UINT64_C(1) << GIB_SHIFT))

#define PTE_ADDRESS UINT64_C(0x0000fffffffff000)
#define PTE_BLOCK 0x1
#define PTE_TABLE 0x3
#define PTE_PAGE 0x3
#define PTE_NORMAL (UINT64_C(1) << 2)
#define PTE_EL0 (UINT64_C(1) << 6)
#define PTE_READ_ONLY (UINT64_C(1) << 7)
#define PTE_INNER (UINT64_C(3) << 8)
#define PTE_AF (UINT64_C(1) << 10)
#define PTE_NOT_GLOBAL (UINT64_C(1) << 11)
#define PTE_PXN (UINT64_C(1) << 53)
#define PTE_UXN (UINT64_C(1) << 54)

#define PRIVATE_ASID (UINT64_C(5) << 48)

#define PTE_MEMORY (PTE_NORMAL | PTE_INNER | PTE_AF)

typedef uint64_t table_t[ENTRIES] __attribute__((aligned(PAGE_SIZE)));

table_t mmu_root;
static table_t el0_level2;
static table_t low_level2; /* of the first GiB */
static table_t el0_level3;

extern const char _image[], _end[], el0_page[];

uintptr_t image_address(void)
{
	return (uintptr_t)_image;
}

uintptr_t image_end(void)
{
	return (uintptr_t)_end;
}

/* All memory ranges: a board may have more than the one of dt_memory(). */
static void map_memory(const uint32_t *node)
{
	uint64_t base;
	uint64_t size;
	unsigned int i;

	for (i = 0; dt_reg(node, i, &base, &size); i++) {
		uint64_t gib = base >> GIB_SHIFT;
		uint64_t last = (base + size - 1) >> GIB_SHIFT;

		for (; gib <= last && gib < EL0_CODE >> GIB_SHIFT; gib++)
			mmu_root[gib] =
				gib << GIB_SHIFT | PTE_MEMORY | PTE_BLOCK;
	}
}

/* The first GiB has devices, and a hole in them for EL0 in AArch32. */
static void map_low(void)
{
	uint64_t i;

	for (i = 0; i < ENTRIES; i++)
		low_level2[i] = i << BLOCK_SHIFT | PTE_AF | PTE_PXN | PTE_UXN |
				PTE_BLOCK;
	low_level2[EL0_CODE_32 >> BLOCK_SHIFT] =
		(uintptr_t)el0_level3 | PTE_TABLE;
	mmu_root[0] = (uintptr_t)low_level2 | PTE_TABLE;
}

void mmu_init(void)
{
	const uint32_t *node;
	uint64_t gib;

	for (gib = 0; gib < EL0_CODE >> GIB_SHIFT; gib++)
		mmu_root[gib] = gib << GIB_SHIFT | PTE_AF | PTE_PXN | PTE_UXN |
				PTE_BLOCK;
	for (node = dt_child(dt_node("/")); node; node = dt_sibling(node)) {
		if (dt_string(node, "device_type"))
			map_memory(node);
	}
	map_low();
	mmu_root[gib] = (uintptr_t)el0_level2 | PTE_TABLE;
	el0_level2[0] = (uintptr_t)el0_level3 | PTE_TABLE;
	el0_level3[0] = (uintptr_t)el0_page | PTE_MEMORY | PTE_EL0 |
			PTE_READ_ONLY | PTE_PXN | PTE_PAGE;
}

uintptr_t mmu_reach(uint64_t pa)
{
	const uint64_t mask = (UINT64_C(1) << GIB_SHIFT) - 1;
	volatile uint64_t *entry = &mmu_root[WINDOW >> GIB_SHIFT];

	*entry = 0;
	dsb();
	__asm__ volatile("tlbi vaae1is, %0" ::"r"(WINDOW >> 12));
	dsb();
	*entry = (pa & ~mask & PTE_ADDRESS) | PTE_AF | PTE_PXN | PTE_UXN |
		 PTE_BLOCK;
	dsb();
	isb();
	return WINDOW | (pa & mask);
}

/* Maps a page for EL0 at `va`, above EL0_CODE. */
static void map_el0_page(uint64_t va, uint64_t pte)
{
	volatile uint64_t *entry = &el0_level3[(va - EL0_CODE) / PAGE_SIZE];

	*entry = 0;
	dsb();
	__asm__ volatile("tlbi vaae1is, %0" ::"r"(va >> 12));
	dsb();
	*entry = pte | PTE_MEMORY | PTE_EL0 | PTE_PXN | PTE_PAGE;
	dsb();
	isb();
}

void mmu_map_el0(uintptr_t address)
{
	map_el0_page(EL0_DATA,
		     (address & ~(uintptr_t)(PAGE_SIZE - 1)) | PTE_UXN);
}

void mmu_map_el0_stubs(uintptr_t address)
{
	uint64_t offset;

	for (offset = 0; offset < EL0_STUBS_SIZE; offset += PAGE_SIZE)
		map_el0_page(EL0_STUBS + offset,
			     (address + offset) | PTE_READ_ONLY);
}

void mmu_set_walk(uint64_t table)
{
	volatile uint64_t *entry = &mmu_root[(uint64_t)WALK_DATA >> GIB_SHIFT];

	*entry = table ? table | PTE_TABLE : 0;
	dsb();
	__asm__ volatile("tlbi vmalle1is" ::: "memory");
	dsb();
	isb();
}

void mmu_set_private(uint64_t tables[3][ENTRIES], uint64_t page[ENTRIES])
{
	unsigned int i;

	for (i = 0; i < ENTRIES; i++)
		tables[0][i] = mmu_root[i];
	tables[0][PRIVATE_DATA >> GIB_SHIFT] = (uintptr_t)tables[1] | PTE_TABLE;
	tables[1][0] = (uintptr_t)tables[2] | PTE_TABLE;
	tables[2][0] = (uintptr_t)page | PTE_MEMORY | PTE_NOT_GLOBAL | PTE_PXN |
		       PTE_UXN | PTE_PAGE;
	dsb();
	write_sysreg(ttbr0_el1, (uintptr_t)tables[0] | PRIVATE_ASID);
	isb();
	__asm__ volatile("tlbi vmalle1" ::: "memory");
	dsb();
	isb();
}

void mmu_sync_code(uintptr_t from, uintptr_t to)
{
	uintptr_t p;

	for (p = from & ~(uintptr_t)(CACHE_LINE_MIN - 1); p < to;
	     p += CACHE_LINE_MIN)
		__asm__ volatile("dc cvau, %0" ::"r"(p) : "memory");
	dsb();
	__asm__ volatile("ic ialluis" ::: "memory");
	dsb();
	isb();
}
