/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The hypervisor's own address space (layout.h): its image with the rights of
 * each part, the slots, and the boot window.
 */
#include "arch_internal.h"
#include "board.h"
#include "cache.h"
#include "layout.h"
#include "log.h"
#include "pool.h"
#include "string.h"

/* Where CPUs that start find the root page table; read with the MMU off. */
uint64_t start_root RO_AFTER_BOOT;

/* Link address of image_begin, and of the slots behind the image. */
static uint64_t link_base RO_AFTER_BOOT;
static uint64_t slot_base RO_AFTER_BOOT;
/* The page tables that hold the entries of the slots, and of the image. */
static uint64_t *slot_table RO_AFTER_BOOT;
static uint64_t *image_table RO_AFTER_BOOT;
/* Where arch_wipe() has memory of VMs, which is in no table that is used. */
static struct ptable wipe_table RO_AFTER_BOOT;

#define DTB_HEADER_BYTES 8

/* Fills the entries of a part of the image, that of its beginning at `table`.
 */
static BOOT_ONLY void map_part(uint64_t *table, const char *image,
			       const char *begin, const char *end,
			       unsigned int mode)
{
	uint64_t *pte = table + (begin - image) / PAGE_SIZE;
	uint64_t value = arch_pte_leaf(MM_STAGE_1, PT_LEAF_LEVEL,
				       virt_to_phys(begin), mode);

	for (; begin < end; begin += PAGE_SIZE, value += PAGE_SIZE)
		*pte++ = value;
}

/* The page with code of boot.S that runs with the MMU going on or off. */
static BOOT_ONLY bool map_identity(const char *code)
{
	uint64_t page = align_down(virt_to_phys(code).pa, PAGE_SIZE);

	return ptable_map(&mm_hypervisor, page, PAGE_SIZE, paddr(page),
			  MM_R | MM_X);
}

/* The table with the entries of the pages around `va`. */
static BOOT_ONLY uint64_t *leaf_table(uint64_t va)
{
	uint64_t *table = mm_hypervisor.root;

	for (unsigned int l = mm_hypervisor.level; l < PT_LEAF_LEVEL; l++)
		table = phys_to_virt(
			arch_pte_pa(table[(va >> pt_shift(l)) % PT_ENTRIES]));
	return table;
}

/*
 * The image by pages, its data with a hole below the stack of each CPU, and
 * below the stacks for faults; then the pool.
 */
static BOOT_ONLY bool map_image(const char *image)
{
	uint64_t *table = ptable_entry(&mm_hypervisor, link_base);
	uint64_t *guard;

	if (!table)
		return false;
	map_part(table, image, image, boot_text_end, MM_R | MM_X);
	map_part(table, image, boot_text_end, boot_end, MM_R);
	map_part(table, image, boot_end, text_end, MM_R | MM_X);
	map_part(table, image, text_end, rodata_end, MM_R);
	map_part(table, image, rodata_end, image + HYP_SIZE, MM_R | MM_W);
	guard = table + (cpu_stacks - image) / PAGE_SIZE;
	for (unsigned int i = 0; i <= MAX_CPUS; i++) {
		*guard = arch_pte_absent(OWNER_NOBODY);
		guard += (GUARD_SIZE + STACK_SIZE) / PAGE_SIZE;
	}
	return true;
}

/* Makes the table for the slots and keeps where it is. */
static BOOT_ONLY bool make_slots(void)
{
	slot_base = link_base + HYP_SIZE;
	slot_table = ptable_entry(&mm_hypervisor, slot_base);
	return slot_table != NULL;
}

static bool boot_map(paddr_t pa, uint64_t size, unsigned int mode);

/* As far as it does not reach into the image, which boot_open_tree() tells. */
static BOOT_ONLY bool map_device_tree(uint64_t dtb, uint64_t image)
{
	uint64_t begin = align_down(dtb, PAGE_SIZE);
	uint64_t size;

	if (dtb - image < HYP_SIZE)
		return true;

	/* Without a header to read there is still a page to look at. */
	size = fdt_claimed_size((const void *)(uintptr_t)dtb);
	if (size > FDT_MAX_SIZE)
		size = FDT_MAX_SIZE;
	size = align_up(dtb + (size ? size : DTB_HEADER_BYTES), PAGE_SIZE) -
	       begin;
	if (begin < image && size > image - begin)
		size = image - begin;
	return boot_map(paddr(begin), size, MM_R | MM_W);
}

/* Whether the CPU has the 4 KiB granule: ID_AA64MMFR0_EL1.TGran4. */
static BOOT_ONLY bool has_granule(void)
{
	return (read_sysreg(id_aa64mmfr0_el1) >> 28 & 0xf) != 0xf;
}

uint64_t early_map(const char *image, uint64_t link_address, uint64_t dtb);

/*
 * Builds the hypervisor's page tables. Called with the MMU off at the physical
 * address, where only PC-relative addresses are right: no constant table, no
 * string, no exclusive access. `image` is where the image lies, `link_address`
 * where it will appear. Returns the root page table.
 */
BOOT_ONLY uint64_t early_map(const char *image, uint64_t link_address,
			     uint64_t dtb)
{
	void *root;

	link_base = link_address;
	pool_init(pool_begin, (char *)(uintptr_t)image + HYP_SIZE);
	if (!has_granule() ||
	    !ptable_init(&mm_hypervisor, MM_STAGE_1, 0, 1, HYP_VA_BITS) ||
	    !map_image(image) || !map_identity(image) || !make_slots() ||
	    !map_device_tree(dtb, (uint64_t)(uintptr_t)image) ||
	    pool_used_bytes() > EARLY_POOL_SIZE)
		arch_halt();

	root = mm_hypervisor.root;
	start_root = (uint64_t)(uintptr_t)root;
	/* From here on these are used by their link addresses. */
	pool_rebase(link_address - (uint64_t)(uintptr_t)image);
	mm_set_offset(link_address - (uint64_t)(uintptr_t)image);
	mm_hypervisor.root = phys_to_virt(paddr(start_root));
	slot_table = phys_to_virt(paddr((uint64_t)(uintptr_t)slot_table));
	/*
	 * Stores made so far went around the caches: drop what these may hold
	 * of the same memory from before.
	 */
	cache_invalidate(bss_begin, (size_t)(bss_end - bss_begin));
	cache_invalidate(pool_begin, pool_used_bytes());
	return (uint64_t)(uintptr_t)root;
}

static void forget_own_translations(void)
{
	dsb(ish);
	__asm__ volatile("tlbi alle2is" : : : "memory");
	dsb(ish);
	isb();
}

/* Looks how much of a range is mapped already; false if with another mode. */
static BOOT_ONLY bool look_up(uint64_t at, uint64_t end, unsigned int mode,
			      bool *any, bool *all)
{
	*any = false;
	*all = true;
	while (at < end) {
		struct mm_walk w = ptable_walk(&mm_hypervisor, at);

		if (w.mode && w.mode != mode)
			return false;
		*any |= w.mode != 0;
		*all &= w.mode != 0;
		at += w.span;
	}
	return true;
}

/* As arch_boot_map(), for any address: 0 is one, too. */
static BOOT_ONLY bool boot_map(paddr_t pa, uint64_t size, unsigned int mode)
{
	uint64_t limit = (uint64_t)1 << BOOT_WINDOW_BITS;
	uint64_t begin = align_down(pa.pa, PAGE_SIZE);
	uint64_t end;
	bool any, all;

	if (pa.pa >= limit || size > limit - pa.pa)
		return false;
	end = align_up(pa.pa + size, PAGE_SIZE);
	if (!look_up(begin, end, mode, &any, &all))
		return false;
	if (!all) {
		/* Live entries change by way of absent ones (hazard 9). */
		if (any) {
			if (!ptable_clear(&mm_hypervisor, begin, end - begin,
					  OWNER_NOBODY))
				return false;
			forget_own_translations();
		}
		if (!ptable_map(&mm_hypervisor, begin, end - begin,
				paddr(begin), mode))
			return false;
	}
	return true;
}

BOOT_ONLY void *arch_boot_map(paddr_t pa, uint64_t size, unsigned int mode)
{
	return boot_map(pa, size, mode) ? (void *)(uintptr_t)pa.pa : NULL;
}

BOOT_ONLY bool hypmap_keep_idmap(void)
{
	return !(virt_to_phys(idmap_begin).pa >> BOOT_WINDOW_BITS) &&
	       map_identity(idmap_begin);
}

static BOOT_ONLY void clear_entries(uint64_t *begin, const uint64_t *end)
{
	memset(begin, 0, (size_t)(end - begin) * sizeof(*begin));
}

BOOT_ONLY void arch_boot_unmap_all(void)
{
	uint64_t va = virt_to_phys(idmap_begin).pa;
	uint64_t *table = mm_hypervisor.root;
	uint64_t *end = table + PT_ENTRIES / 2; /* the lower half */
	unsigned int level = mm_hypervisor.level;

	/* The other tables are not worth finding again. */
	for (;; level++) {
		uint64_t *pte = &table[(va >> pt_shift(level)) % PT_ENTRIES];

		clear_entries(table, pte);
		clear_entries(pte + 1, end);
		if (level == PT_LEAF_LEVEL)
			break;
		table = phys_to_virt(arch_pte_pa(*pte));
		end = table + PT_ENTRIES;
	}
	forget_own_translations();
}

BOOT_ONLY bool arch_prepare_wipe(paddr_t pa, uint64_t size)
{
	struct ptable *t = &wipe_table;

	if (!t->root && !ptable_init(t, MM_STAGE_1, 0, 1, HYP_VA_BITS))
		return false;
	/* The boot window anew; all else is as it is. */
	memcpy(t->root + PT_ENTRIES / 2, mm_hypervisor.root + PT_ENTRIES / 2,
	       PAGE_SIZE / 2);
	return ptable_map(t, pa.pa, size, pa, MM_R | MM_W);
}

static void use_root(uint64_t root)
{
	write_sysreg(ttbr0_el2, root);
	isb();
	forget_own_translations();
}

void arch_wipe(paddr_t pa, uint64_t size)
{
	void *p = (void *)(uintptr_t)pa.pa;

	use_root(virt_to_phys(wipe_table.root).pa);
	arch_zero_pages(p, size);
	arch_clean_to_memory(p, size);
	use_root(start_root);
}

void *arch_map_slots(unsigned int slot, paddr_t pa, uint64_t size,
		     unsigned int mode)
{
	for (uint64_t at = 0; at < size; at += PAGE_SIZE)
		slot_table[slot + at / PAGE_SIZE] = arch_pte_leaf(
			MM_STAGE_1, PT_LEAF_LEVEL, paddr_add(pa, at), mode);
	arch_pt_sync();
	return (void *)(uintptr_t)(slot_base + slot * PAGE_SIZE);
}

void *arch_map_slot(unsigned int slot, paddr_t pa, unsigned int mode)
{
	return arch_map_slots(slot, pa, PAGE_SIZE, mode);
}

void arch_unmap_slots(unsigned int slot, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += PAGE_SIZE)
		slot_table[slot + at / PAGE_SIZE] =
			arch_pte_absent(OWNER_NOBODY);
	forget_own_translations();
}

/* Has the copies of a table and of those below it point to copies. */
static BOOT_ONLY void move_tables(const uint64_t *table, unsigned int level,
				  uint64_t to_copy, uint64_t delta)
{
	const uint64_t *end = table + (level < PT_LEAF_LEVEL ? PT_ENTRIES : 0);

	for (const uint64_t *pte = next_used(table, end); pte < end;
	     pte = next_used(pte + 1, end))
		if (arch_pte_is_table(*pte, level)) {
			*(uint64_t *)((uintptr_t)pte + to_copy) += delta;
			move_tables(phys_to_virt(arch_pte_pa(*pte)), level + 1,
				    to_copy, delta);
		}
}

BOOT_ONLY paddr_t hypmap_copy_tables(paddr_t to)
{
	uint64_t delta = to.pa - virt_to_phys(image_begin).pa;
	uint64_t to_copy = to.pa - (uint64_t)(uintptr_t)image_begin;
	uint64_t *image =
		(uint64_t *)((uintptr_t)leaf_table(link_base) + to_copy);

	move_tables(mm_hypervisor.root, mm_hypervisor.level, to_copy, delta);
	for (unsigned int i = 0; i < PT_ENTRIES; i++)
		if (image[i])
			image[i] += delta;
	return paddr(start_root + delta);
}

BOOT_ONLY paddr_t hypmap_moved(paddr_t to)
{
	paddr_t from = virt_to_phys(image_begin);

	mm_set_offset(link_base - to.pa);
	start_root += to.pa - from.pa;
	/* The page of boot.S, and what the copy was made through. */
	if (!ptable_clear(&mm_hypervisor, from.pa, HYP_SIZE, OWNER_NOBODY) ||
	    !ptable_clear(&mm_hypervisor, to.pa, HYP_SIZE, OWNER_NOBODY))
		panic("the place before the move could not be unmapped");
	forget_own_translations();
	if (!boot_map(from, HYP_SIZE, MM_R | MM_W))
		boot_stop("no page table left behind the move");
	return from;
}

/* The entry of a page of the image. */
static uint64_t *image_entry(const void *p)
{
	return &image_table[((const char *)p - image_begin) / PAGE_SIZE];
}

/*
 * Takes the right to write from a part of the image. That it is mapped by pages
 * already keeps the change to the permissions of live entries, which needs no
 * break-before-make (DDI 0487, D8.14.1).
 */
static BOOT_ONLY void protect(const char *begin, const char *end)
{
	uint64_t *pte = image_entry(begin);

	for (; begin < end; begin += PAGE_SIZE)
		*pte++ = arch_pte_leaf(MM_STAGE_1, PT_LEAF_LEVEL,
				       virt_to_phys(begin), MM_R);
	arch_pt_sync();
}

static BOOT_ONLY void protect_table(const uint64_t *table)
{
	const char *page = (const char *)table;

	protect(page, page + PAGE_SIZE);
}

/* Protects a table and those below it, but for two that are written to. */
static BOOT_ONLY void protect_tables(const uint64_t *table, unsigned int level)
{
	const uint64_t *end = table + (level < PT_LEAF_LEVEL ? PT_ENTRIES : 0);

	for (const uint64_t *pte = next_used(table, end); pte < end;
	     pte = next_used(pte + 1, end))
		if (arch_pte_is_table(*pte, level))
			protect_tables(phys_to_virt(arch_pte_pa(*pte)),
				       level + 1);
	if (table != slot_table && table != image_table)
		protect_table(table);
}

BOOT_ONLY void hypmap_protect(void)
{
	/* All that is done from here on is written into this one. */
	image_table = leaf_table(link_base);

	protect(bss_begin, ro_after_boot_end);
	protect_tables(mm_hypervisor.root, mm_hypervisor.level);
	if (wipe_table.root)
		protect_tables(wipe_table.root, wipe_table.level);
	forget_own_translations();
}

/* Unmaps a part of the image, and wipes it. */
static void drop(const char *begin, const char *end)
{
	size_t size = (size_t)(end - begin);
	void *to_wipe;

	memset(image_entry(begin), 0, size / PAGE_SIZE * sizeof(uint64_t));
	arch_pt_sync();
	forget_own_translations();
	to_wipe = arch_map_slots(SLOT_LOAD_TO, virt_to_phys(begin), size,
				 MM_R | MM_W);
	arch_zero_pages(to_wipe, size);
	arch_unmap_slots(SLOT_LOAD_TO, size);
}

void hypmap_drop_boot(void)
{
	drop(image_begin, boot_end);
	drop(ro_after_boot_end, boot_data_end);
	*image_entry(image_table) = arch_pte_leaf(
		MM_STAGE_1, PT_LEAF_LEVEL, virt_to_phys(image_table), MM_R);
	forget_own_translations();
}
