/* SPDX-License-Identifier: BSD-3-Clause */
#include <stddef.h>
#include "attack.h"
#include "layout.h"
#include "mmu.h"
#include "smp.h"
#include "sysreg.h"

#define ENTRIES 512
#define INSTRUCTION_RET 0xd65f03c0
#define CODE_WORDS 4096

/* The GiB of virtual addresses that CPU 0 has for its aliases. */
#define ALIAS_GIB 464

#define PTE_BLOCK 0x1
#define PTE_TABLE 0x3
#define PTE_INDEX_SHIFT 2
#define PTE_INNER (UINT64_C(3) << 8)
#define PTE_AF (UINT64_C(1) << 10)
#define PTE_ADDRESS UINT64_C(0x0000fffffffff000)

/* All of enum alias_type: the library has the first two. */
#define MAIR_ALIASES UINT64_C(0x04bb44ff00)

extern uint64_t mmu_root[ENTRIES];

static _Alignas(PAGE) uint64_t tables[CPUS][2][ENTRIES];
static _Alignas(PAGE) uint32_t code[CPUS][CODE_WORDS];

uint32_t *code_room(unsigned int n)
{
	return n <= CODE_WORDS ? code[cpu_index()] : NULL;
}

struct trap execute(uint32_t instruction, uint64_t *x0)
{
	uint32_t *at = code_room(2);
	register uint64_t r0 __asm__("x0");

	at[0] = instruction;
	at[1] = INSTRUCTION_RET;
	mmu_sync_code((uintptr_t)at, (uintptr_t)(at + 2));
	trap_arm();
	r0 = *x0;
	__asm__ volatile("blr %1"
			 : "+r"(r0)
			 : "r"(at)
			 : "x1", "x2", "x3", "x9", "x30", "memory", "cc");
	*x0 = r0;
	return trap_take();
}

void check_undefined(struct trap trap, uint32_t what)
{
	if (!trap.taken)
		FAIL("0x%x is executed", what);
	/* Nothing but the class, and that it was one of 32 bits. */
	if (trap.esr != (UINT64_C(1) << 25 | (uint64_t)EC_UNKNOWN << 26))
		FAIL("0x%x: ESR 0x%lx", what, trap.esr);
}

/* This CPU's entry of the root, and the address that it is for. */
static uintptr_t set_entry(uint64_t entry)
{
	uint64_t gib = ALIAS_GIB + cpu_index();
	volatile uint64_t *at = &mmu_root[gib];

	write_sysreg(mair_el1, MAIR_ALIASES);
	*at = 0;
	dsb();
	__asm__ volatile("tlbi vmalle1is" ::: "memory");
	dsb();
	*at = entry;
	dsb();
	isb();
	return gib << 30;
}

uintptr_t alias(uint64_t address, unsigned int level, enum alias_type type)
{
	uint64_t size = UINT64_C(1) << (12 + 9 * (3 - level));
	uint64_t leaf = (address & PTE_ADDRESS & ~(size - 1)) | PTE_AF |
			PTE_INNER | (uint64_t)type << PTE_INDEX_SHIFT |
			(level == 3 ? PTE_TABLE : PTE_BLOCK);
	uint64_t(*own)[ENTRIES] = tables[cpu_index()];

	if (level == 1)
		return set_entry(leaf) | (address & (size - 1));
	own[0][0] = level == 2 ? leaf : (uintptr_t)own[1] | PTE_TABLE;
	own[1][0] = leaf;
	return set_entry((uintptr_t)own[0] | PTE_TABLE) |
	       (address & (size - 1));
}

uintptr_t alias_table(uint64_t table, unsigned int level)
{
	uint64_t(*own)[ENTRIES] = tables[cpu_index()];

	if (level == 2)
		return set_entry(table | PTE_TABLE);
	own[0][0] = table | PTE_TABLE;
	return set_entry((uintptr_t)own[0] | PTE_TABLE);
}
