/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stage 1 of a guest: an identity map in blocks of 1 GiB, Normal write-back
 * for those that hold memory of the device tree, Device for the rest up to
 * EL0_CODE; there, a few pages for EL0.
 */
#ifndef MMU_H
#define MMU_H

#include <stdint.h>

/* Where EL0 sees its code, and a page of mmu_map_el0(). */
#define EL0_CODE 0x7fc0000000
#define EL0_DATA 0x7fc0001000

/* Where EL0 sees code of mmu_map_el0_stubs(). */
#define EL0_STUBS 0x7fc0002000
#define EL0_STUBS_SIZE 0x2000
/* The same code for AArch32, which has 32-bit addresses; and the page. */
#define EL0_CODE_32 0x200000
#define EL0_DATA_32 0x201000

/* An address that mmu_set_walk() is for. */
#define WALK_DATA 0x7c00000000

/*
 * Lets the walk for WALK_DATA go through a table at `table`; 0: as before.
 */
void mmu_set_walk(uint64_t table);

/* Builds the tables; MMU off. */
void mmu_init(void);

/* Turns the MMU and the caches of this CPU on. */
void mmu_enable(void);

/*
 * Makes the physical address `pa`, of any size, reachable as a device: returns
 * the address, in a window of 1 GiB that the next call moves.
 */
uintptr_t mmu_reach(uint64_t pa);

/* Lets EL0 read and write the page of memory at `address`, at EL0_DATA. */
void mmu_map_el0(uintptr_t address);

/* Lets EL0 execute EL0_STUBS_SIZE bytes from the page at `address`, too. */
void mmu_map_el0_stubs(uintptr_t address);

/* Where mmu_set_private() maps its page. */
#define PRIVATE_DATA 0x100000000

/*
 * Gives this CPU page tables of its own, made in `tables`, with `page` at
 * PRIVATE_DATA, not global, under an ASID that all CPUs that call this share.
 */
void mmu_set_private(uint64_t tables[3][512], uint64_t page[512]);

/* Makes the instructions written at [from, to) ready to be run. */
void mmu_sync_code(uintptr_t from, uintptr_t to);

/* Where this image runs, and where its last byte with .bss is, plus one. */
uintptr_t image_address(void);
uintptr_t image_end(void);

#endif
