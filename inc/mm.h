/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Page tables, stage 1 of the hypervisor and stage 2 of the VMs, by one
 * walker; and who owns which physical page.
 *
 * Every physical page has one owner. The primary's stage 2 maps IPA to the
 * same PA, and so has an entry for every page of the board: a mapped one
 * belongs to the primary, an absent one carries its owner in the bits that
 * the hardware ignores. mm_transfer() alone changes it.
 */
#ifndef MM_H
#define MM_H

#include "spinlock.h"
#include "types.h"

/* What may be done with a mapped range, and what lies there. */
#define MM_R 1u
#define MM_W 2u
#define MM_X 4u
#define MM_DEVICE 8u

#define MM_NORMAL_RWX (MM_R | MM_W | MM_X)
#define MM_DEVICE_RW (MM_R | MM_W | MM_DEVICE)

enum mm_stage { MM_STAGE_1 = 1, MM_STAGE_2 = 2 };

/*
 * A translation: the root page table, its level (0 to 2) and how many pages
 * are concatenated there.
 */
struct ptable {
	uint64_t *root;
	uint8_t stage;
	uint8_t level;
	uint8_t root_pages;
	uint8_t input_bits; /* size of the input address space */
};

/* Owner of a physical page: OWNER_VM + n is secondary VM n. */
enum mm_owner {
	OWNER_NOBODY = 0, /* not memory, or a device that nobody may use */
	OWNER_PRIMARY = 1,
	OWNER_HYPERVISOR = 2,
	OWNER_VM = 3,
};

/*
 * Physical address of a byte of the hypervisor's image or pool, and back.
 * They work with the MMU off and on.
 */
paddr_t virt_to_phys(const void *p);
void *phys_to_virt(paddr_t p);

/* Sets the difference that the two above apply. */
void mm_set_offset(uint64_t virt_minus_phys);

/* Makes an empty table. False if the pool is empty. */
bool ptable_init(struct ptable *t, enum mm_stage stage, uint8_t level,
		 uint8_t root_pages, uint8_t input_bits);

/*
 * Maps [at, at + size) to physical memory from `pa` on, with the largest
 * blocks that fit. All three page-aligned. Replaces only absent entries or
 * entries of the same table being built; pages of VMs are mm_transfer()'s.
 * False, with nothing changed, if the pool is empty or the range is outside of
 * the input address space.
 */
bool ptable_map(struct ptable *t, uint64_t at, uint64_t size, paddr_t pa,
		unsigned int mode);

/* Makes [at, at + size) absent with `owner` in it. As ptable_map(). */
bool ptable_clear(struct ptable *t, uint64_t at, uint64_t size,
		  enum mm_owner owner);

/*
 * The entry of the absent page at `at`, with tables of its own from here on: it
 * can be filled without an allocation. NULL if the pool is empty.
 */
uint64_t *ptable_entry(struct ptable *t, uint64_t at);

/* What a walk finds. */
struct mm_walk {
	paddr_t pa;
	unsigned int mode;   /* MM_*, 0 if absent */
	enum mm_owner owner; /* if absent: what it carries */
	uint64_t span; /* bytes from the address to the end of the entry */
};

/*
 * Looks up one address; any value is allowed. Entries of its table may become
 * absent meanwhile (arch_vm_revoke()).
 */
struct mm_walk ptable_walk(const struct ptable *t, uint64_t at);

/*
 * Whether all of [at, at + size) is mapped as normal memory that may be read,
 * written and run; any values are allowed. Of the primary it means: its own
 * RAM. The GIC is then allowed to use it (its.c, lpi.c), without telling when
 * it stops: so what takes memory from a running primary must see to it that
 * the GIC does not have it. Nothing does that today.
 */
bool ptable_is_normal(const struct ptable *t, uint64_t at, uint64_t size);

/*
 * What can happen to memory:
 *
 *   transition      from        to          the receiver sees it
 *   MM_HIDE         nobody      hypervisor  not by this
 *   MM_GIVE_RAM     nobody      primary     as normal memory
 *   MM_GIVE_DEVICE  nobody      primary     as device registers
 *   MM_DONATE       hypervisor  VM n        as normal memory
 *
 * Nothing is ever taken from a VM: entries are absent before, so that live
 * tables need no break-before-make and no TLB maintenance. A VM runs on
 * donated memory only once this holds nothing but what the VM may see: until
 * then its root is parked (life_load()).
 */
enum mm_transition { MM_HIDE, MM_GIVE_RAM, MM_GIVE_DEVICE, MM_DONATE };

/* The VM that is given memory by MM_DONATE, and where it will see it. */
struct mm_receiver {
	struct ptable *stage2;
	ipaddr_t at;
	uint32_t index;
};

/*
 * Transfers [pa, pa + size), page-aligned, from one owner to another. `to` is
 * for MM_DONATE, NULL otherwise. Checks first that all of it belongs to whom
 * the transition takes it from, and that the receiver has nothing there yet;
 * false with nothing changed if not, or if the pool is empty. The caller sees
 * to it that transfers do not run at the same time.
 */
bool mm_transfer(enum mm_transition transition, struct ptable *primary,
		 paddr_t pa, uint64_t size, const struct mm_receiver *to);

/*
 * Transfers what of [pa, pa + size), page-aligned, is nobody's, by a transition
 * from nobody; the rest stays whose it is. False if the range is outside of the
 * input address space, or the pool is empty: then a part of it may be
 * transferred, and the boot has to end.
 */
bool mm_transfer_free(enum mm_transition transition, struct ptable *primary,
		      paddr_t pa, uint64_t size);

/*
 * Whether all of [at, at + size) is absent with `owner` in it; any values are
 * allowed.
 */
bool mm_is_absent(const struct ptable *t, uint64_t at, uint64_t size,
		  enum mm_owner owner);

/* Owner of a physical page. */
enum mm_owner mm_owner(const struct ptable *primary, paddr_t pa);

/* The hypervisor's own stage 1; built by the architecture before main(). */
extern struct ptable mm_hypervisor;

#endif
