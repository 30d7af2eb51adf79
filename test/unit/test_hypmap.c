/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * src/arch/aarch64/hypmap.c: the boot window. No live entry ever becomes
 * another live one.
 */
#include "regs.h"
#include "unit.h"

#include "arch.h"
#include "arch_internal.h"
#include "cache.h"
#include "layout.h"
#include "log.h"
#include "pool.h"

#define MIB UINT64_C(0x100000)
#define RW (MM_R | MM_W)

/* --- what hypmap.c needs of others --- */

char image_begin[1], boot_text_end[1], boot_end[1], text_end[1], rodata_end[1];
char bss_begin[1], bss_end[1], pool_begin[1], cpu_stacks[1];
char idmap_begin[1], ro_after_boot_end[1], boot_data_end[1];
struct board board;

void cache_invalidate(const void *p, size_t size)
{
}

static struct {
	uintptr_t at, cleaned;
	size_t size;
	uint64_t ttbr;
} zeroed;

void arch_zero_pages(void *p, size_t size)
{
	zeroed.at = (uintptr_t)p;
	zeroed.size = size;
	zeroed.ttbr = regs_read("ttbr0_el2");
	CHECK(regs_last("isb") > regs_last("tlbi alle2"));
	CHECK(regs_last("tlbi alle2") > regs_last("ttbr0_el2"));
}

void arch_clean_to_memory(const void *p, size_t size)
{
	zeroed.cleaned = (uintptr_t)p;
	CHECK_EQ(size, zeroed.size);
}

uint32_t fdt_claimed_size(const void *blob)
{
	return 0;
}

void panic(const char *format, ...)
{
	printf("not ok hypmap: panic\n");
	exit(1);
}

void boot_stop(const char *format, ...)
{
	printf("not ok hypmap: boot stopped\n");
	exit(1);
}

void arch_halt(void)
{
	printf("not ok hypmap: halted\n");
	exit(1);
}

/* --- the window --- */

static _Alignas(4096) uint8_t pages[64 * PAGE_SIZE];

static void start(void)
{
	regs_reset();
	memset(pages, 0, sizeof(pages));
	mm_set_offset(0);
	pool_init(pages, pages + sizeof(pages));
	CHECK(ptable_init(&mm_hypervisor, MM_STAGE_1, 0, 1, HYP_VA_BITS));
}

static void map(uint64_t pa, uint64_t size, unsigned int mode)
{
	CHECK_EQ((uintptr_t)arch_boot_map(paddr(pa), size, mode), pa);
}

static void check_mode(uint64_t at, unsigned int mode)
{
	struct mm_walk w = ptable_walk(&mm_hypervisor, at);

	CHECK_EQ(w.mode, mode);
	if (mode)
		CHECK_EQ(w.pa.pa, at);
}

TEST(maps_whole_pages)
{
	start();
	map(64 * MIB + 5, 2 * MIB, RW);
	check_mode(64 * MIB - 1, 0);
	check_mode(64 * MIB, RW);
	check_mode(66 * MIB + PAGE_SIZE - 1, RW);
	check_mode(66 * MIB + PAGE_SIZE, 0);
	CHECK_EQ(regs_count("tlbi"), 0);
}

/* What is mapped so already stays as it is. */
TEST(maps_again)
{
	size_t used;

	start();
	map(64 * MIB, 4 * MIB, RW);
	used = pool_used_bytes();
	map(64 * MIB + PAGE_SIZE, PAGE_SIZE, RW);
	CHECK_EQ(pool_used_bytes(), used);
	CHECK_EQ(regs_count("tlbi"), 0);
}

/*
 * Where only some of a range is mapped, larger blocks may replace live entries:
 * these are absent first, on all CPUs.
 */
TEST(break_before_make)
{
	start();
	map(65 * MIB, MIB, RW);
	regs_forget_notes();
	map(64 * MIB, 4 * MIB, RW);
	check_mode(64 * MIB, RW);
	check_mode(68 * MIB - 1, RW);
	CHECK_EQ(regs_count("tlbi alle2is"), 1);
	CHECK(regs_first("dsb ish") < regs_first("tlbi"));
	/* The new entries' barrier is not the one that ends the TLBI. */
	CHECK(regs_last("dsb ishst") > regs_first("tlbi") + 1);
}

/* Memory that is in use does not become a device, nor a device memory. */
TEST(one_mode)
{
	start();
	map(64 * MIB, MIB, RW);
	map(72 * MIB, MIB, MM_DEVICE_RW);
	regs_forget_notes();
	CHECK(!arch_boot_map(paddr(64 * MIB), MIB, MM_DEVICE_RW));
	CHECK(!arch_boot_map(paddr(60 * MIB), 32 * MIB, MM_DEVICE_RW));
	CHECK(!arch_boot_map(paddr(73 * MIB - 1), 1, RW));
	check_mode(64 * MIB, RW);
	check_mode(60 * MIB, 0);
	check_mode(72 * MIB, MM_DEVICE_RW);
	CHECK_EQ(regs_count("tlbi"), 0);
}

TEST(window_ends)
{
	uint64_t limit = UINT64_C(1) << BOOT_WINDOW_BITS;

	start();
	map(limit - PAGE_SIZE, PAGE_SIZE, RW);
	CHECK(!arch_boot_map(paddr(limit), PAGE_SIZE, RW));
	CHECK(!arch_boot_map(paddr(limit - PAGE_SIZE), PAGE_SIZE + 1, RW));
	CHECK(!arch_boot_map(paddr(PAGE_SIZE), ~UINT64_C(0), RW));
	CHECK(!arch_boot_map(paddr(~UINT64_C(0)), 1, RW));
}

/* What CPUs start in is left of the window, and takes no page table by then. */
TEST(idmap_stays)
{
	uint64_t page = align_down((uint64_t)(uintptr_t)idmap_begin, PAGE_SIZE);
	uint64_t half = UINT64_C(1) << BOOT_WINDOW_BITS;

	start();
	CHECK(ptable_map(&mm_hypervisor, half, PAGE_SIZE, paddr(half), MM_R));
	CHECK(hypmap_keep_idmap());
	map(page + PAGE_SIZE, PAGE_SIZE, RW);
	map(page - PAGE_SIZE, PAGE_SIZE, RW);
	map(64 * MIB, MIB, RW);
	map(0, PAGE_SIZE, RW);
	while (pool_alloc(1))
		;
	arch_boot_unmap_all();
	check_mode(page, MM_R | MM_X);
	check_mode(page + PAGE_SIZE, 0);
	check_mode(page - PAGE_SIZE, 0);
	check_mode(64 * MIB, 0);
	check_mode(0, 0);
	check_mode(half, MM_R);
	CHECK_EQ(regs_count("tlbi alle2is"), 1);
	/* Without a page table it is said in time. */
	start();
	while (pool_alloc(1))
		;
	CHECK(!hypmap_keep_idmap());
}

/*
 * Memory of VMs is zeroed by way of tables of its own: those of all CPUs are
 * read-only by then. The image's entries are in them as well.
 */
TEST(wipe)
{
	uint64_t half = UINT64_C(1) << BOOT_WINDOW_BITS;
	struct ptable t = mm_hypervisor;

	start();
	CHECK(ptable_map(&mm_hypervisor, half, MIB, paddr(8 * MIB), RW));
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t at = (64 + 8 * i) * MIB;

		CHECK(arch_prepare_wipe(paddr(at), 4 * MIB));
		arch_wipe(paddr(at), 4 * MIB);
		CHECK_EQ(zeroed.at, at);
		CHECK_EQ(zeroed.cleaned, at);
		CHECK_EQ(zeroed.size, 4 * MIB);
		check_mode(at, 0);
		/* Nobody stays on these tables. */
		CHECK_EQ(regs_read("ttbr0_el2"), start_root);
		CHECK(regs_last("tlbi alle2") > regs_last("ttbr0_el2"));
		t = mm_hypervisor;
		t.root = phys_to_virt(paddr(zeroed.ttbr));
		CHECK(t.root != mm_hypervisor.root);
		CHECK_EQ(ptable_walk(&t, half).pa.pa, 8 * MIB);
		CHECK_EQ(ptable_walk(&t, at + 4 * MIB - 1).mode, RW);
		CHECK_EQ(ptable_walk(&t, at + 4 * MIB).mode, 0);
	}
	while (pool_alloc(1))
		;
	CHECK(!arch_prepare_wipe(paddr(UINT64_C(1) << 40), PAGE_SIZE));
}
