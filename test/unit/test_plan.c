/* SPDX-License-Identifier: BSD-3-Clause */
/* src/plan.c: from a board's device tree and ramdisk to a plan of its RAM. */
#include "unit.h"
#include "boot.h"
#include "fake.h"
#include "log.h"

#define MIB UINT64_C(0x100000)
#define GIB (1024 * MIB)
#define BLOCK (2 * MIB)
#define OWN_SIZE (6 * MIB)

/* Where these tests put what boot reads: in the fake's RAM. */
#define DTB_AT (FAKE_RAM_BASE + 8 * MIB)
#define RAMDISK_AT (FAKE_RAM_BASE + 16 * MIB)
#define RAMDISK_LIMIT (4 * MIB)

static struct fdt_writer w;
static struct boot b;

/* Set for the plan that is made behind the move. */
static bool settled;
static uint32_t left_out;

static void start(void)
{
	settled = false;
	left_out = 0;
	fake_reset();
	log_init();
	log_console_ready();
	fake_clear_output();
	fake.own = FAKE_RAM_BASE;
	fake.own_size = OWN_SIZE;
	memset(&b, 0, sizeof(b));
}

/* --- steps of boot, for fake_run() --- */

static void open_board_tree(void)
{
	boot_open_tree(&b, paddr(DTB_AT));
}

static void open_unaligned(void)
{
	boot_open_tree(&b, paddr(DTB_AT + 1));
}

static void find_memory(void)
{
	boot_find_memory(&b);
}

static void find_ramdisk(void)
{
	boot_find_ramdisk(&b, paddr(0), paddr(0));
}

static void read_manifest(void)
{
	boot_read_manifest(&b);
}

static void make_plan(void)
{
	boot_plan(&b, settled, left_out);
}

/* --- the board's tree --- */

static void begin_tree(uint32_t reservations)
{
	fdt_begin(&w, fake_ram(DTB_AT), MIB, reservations);
	fdt_put_node(&w, "");
	fdt_put_u32(&w, "#address-cells", 2);
	fdt_put_u32(&w, "#size-cells", 2);
}

static void put_reg(uint64_t base, uint64_t size)
{
	uint32_t cells[] = {(uint32_t)(base >> 32), (uint32_t)base,
			    (uint32_t)(size >> 32), (uint32_t)size};

	fdt_put_cells(&w, "reg", cells, 4);
}

static void put_memory(uint64_t base, uint64_t size)
{
	char name[40];

	snprintf(name, sizeof(name), "memory@%llx", (unsigned long long)base);
	fdt_put_node(&w, name);
	fdt_put_string(&w, "device_type", "memory");
	put_reg(base, size);
	fdt_put_end(&w);
}

static void begin_reserved(void)
{
	fdt_put_node(&w, "reserved-memory");
	fdt_put_u32(&w, "#address-cells", 2);
	fdt_put_u32(&w, "#size-cells", 2);
	fdt_put_prop(&w, "ranges", NULL, 0);
}

static void put_region(uint64_t base, uint64_t size)
{
	char name[40];

	snprintf(name, sizeof(name), "r@%llx", (unsigned long long)base);
	fdt_put_node(&w, name);
	put_reg(base, size);
	fdt_put_end(&w);
}

static void put_initrd(uint64_t begin, uint64_t end)
{
	fdt_put_node(&w, "chosen");
	fdt_put_u64(&w, "linux,initrd-start", begin);
	fdt_put_u64(&w, "linux,initrd-end", end);
	fdt_put_end(&w);
}

static void end_tree(void)
{
	fdt_put_end(&w);
	CHECK(fdt_finish(&w, 0) != 0);
	boot_open_tree(&b, paddr(DTB_AT));
}

static void check_list(const struct ranges *list, uint32_t i, uint64_t begin,
		       uint64_t end)
{
	CHECK(i < list->count);
	CHECK_EQ(list->r[i].begin, begin);
	CHECK_EQ(list->r[i].end, end);
}

TEST(open_tree)
{
	start();
	begin_tree(0);
	end_tree();
	CHECK(b.tree.blob == fake_ram(DTB_AT));
	CHECK(!fake_printed("stopped"));
}

TEST(open_bad_tree)
{
	uint8_t *blob = fake_ram(DTB_AT);

	start();
	CHECK_EQ(fake_run(open_board_tree), FAKE_HALTED);
	CHECK(fake_printed("device tree at 0x40800000: "));
	start();
	begin_tree(0);
	end_tree();
	blob[4] = 1; /* totalsize: 16 MiB and some */
	CHECK_EQ(fake_run(open_board_tree), FAKE_HALTED);
	CHECK(fake_printed("larger than 16 MiB"));
	CHECK_EQ(fake_run(open_unaligned), FAKE_HALTED);
}

/* A tree that lies in the hypervisor's memory, or reaches into it. */
TEST(open_tree_in_hypervisor)
{
	start();
	begin_tree(0);
	end_tree();
	fake.own = DTB_AT - OWN_SIZE;
	boot_open_tree(&b, paddr(DTB_AT));
	fake.own = DTB_AT - OWN_SIZE + PAGE_SIZE;
	CHECK_EQ(fake_run(open_board_tree), FAKE_HALTED);
	CHECK(fake_printed("device tree at 0x40800000: it lies in the hyper"));
	fake_clear_output();
	fake.own = DTB_AT + 8;
	CHECK_EQ(fake_run(open_board_tree), FAKE_HALTED);
	CHECK(fake_printed("device tree at 0x40800000: it lies in the hyper"));
}

TEST(no_console)
{
	start();
	fake.no_console = true;
	begin_tree(0);
	end_tree();
	CHECK(b.tree.blob != NULL);
}

/* --- memory --- */

TEST(memory_ranges)
{
	start();
	begin_tree(0);
	put_memory(UINT64_C(0x880000000), 2 * GIB);
	put_memory(GIB, 512 * MIB);
	put_memory(GIB + 512 * MIB, 512 * MIB); /* joined */
	put_memory(0, 128 * MIB);
	fdt_put_node(&w, "soc");
	put_memory(8 * GIB, GIB); /* deeper: not RAM */
	fdt_put_end(&w);
	fdt_put_node(&w, "memory-controller");
	put_reg(9 * GIB, GIB);
	fdt_put_end(&w);
	end_tree();
	boot_find_memory(&b);
	CHECK_EQ(b.ram.count, 3);
	check_list(&b.ram, 0, PAGE_SIZE, 128 * MIB);
	check_list(&b.ram, 1, GIB, 2 * GIB);
	check_list(&b.ram, 2, UINT64_C(0x880000000),
		   UINT64_C(0x880000000) + 2 * GIB);
	CHECK_EQ(b.reserved.count, 0);
}

TEST(memory_entries)
{
	uint32_t cells[] = {0, 0x40000000, 0, 0x10000000, 1, 0, 0, 0x20000000};

	start();
	begin_tree(0);
	fdt_put_node(&w, "memory");
	fdt_put_string(&w, "device_type", "memory");
	fdt_put_cells(&w, "reg", cells, 8);
	fdt_put_end(&w);
	end_tree();
	boot_find_memory(&b);
	CHECK_EQ(b.ram.count, 2);
	check_list(&b.ram, 1, 4 * GIB, 4 * GIB + 512 * MIB);
}

TEST(memory_disabled)
{
	start();
	begin_tree(0);
	put_memory(GIB, GIB);
	fdt_put_node(&w, "memory@80000000");
	fdt_put_string(&w, "device_type", "memory");
	fdt_put_string(&w, "status", "disabled");
	put_reg(2 * GIB, GIB);
	fdt_put_end(&w);
	end_tree();
	boot_find_memory(&b);
	CHECK_EQ(ranges_total(&b.ram), GIB);
}

/* Only whole pages. */
TEST(memory_unaligned)
{
	start();
	begin_tree(0);
	put_memory(GIB + 1, 10 * MIB);
	put_memory(2 * GIB - 0xfff, 0x1ffe);
	put_memory(3 * GIB + 0x800, 0x1000); /* no whole page */
	end_tree();
	boot_find_memory(&b);
	CHECK_EQ(b.ram.count, 1);
	check_list(&b.ram, 0, GIB + 0x1000, GIB + 10 * MIB);
}

/* What lies above the boot window is left out, and told. */
/* The address 0 is none, so that no page at it is used. */
TEST(memory_at_zero)
{
	start();
	begin_tree(0);
	put_memory(0, GIB);
	end_tree();
	boot_find_memory(&b);
	CHECK_EQ(b.ram.count, 1);
	check_list(&b.ram, 0, PAGE_SIZE, GIB);
	start();
	begin_tree(0);
	put_memory(0, PAGE_SIZE);
	put_memory(GIB, GIB);
	end_tree();
	boot_find_memory(&b);
	CHECK_EQ(b.ram.count, 1);
}

TEST(memory_too_high)
{
	uint64_t limit = UINT64_C(1) << 47;

	start();
	begin_tree(0);
	put_memory(GIB, GIB);
	put_memory(limit - MIB, MIB);
	put_memory(limit, GIB);
	put_memory(limit - 4 * MIB, 5 * MIB);
	put_memory(UINT64_C(1) << 63, GIB);
	put_memory(GIB * 8, ~UINT64_C(0) - GIB * 8);
	end_tree();
	boot_find_memory(&b);
	CHECK_EQ(b.ram.count, 2);
	check_list(&b.ram, 1, limit - MIB, limit);
	CHECK(fake_printed("memory at 0x800000000000 left out"));
	CHECK(fake_printed("memory at 0x7fffffc00000 left out"));
	CHECK(fake_printed("memory at 0x8000000000000000 left out"));
	CHECK(fake_printed("memory at 0x200000000 left out"));
}

TEST(memory_none)
{
	start();
	begin_tree(0);
	put_memory(GIB, 0);
	end_tree();
	CHECK_EQ(fake_run(find_memory), FAKE_HALTED);
	CHECK(fake_printed("device tree: no memory"));
}

TEST(memory_overlap)
{
	start();
	begin_tree(0);
	put_memory(GIB, GIB);
	put_memory(2 * GIB - PAGE_SIZE, GIB);
	end_tree();
	CHECK_EQ(fake_run(find_memory), FAKE_HALTED);
	CHECK(fake_printed("memory at 0x7ffff000: overlaps"));
}

TEST(memory_too_many)
{
	for (uint64_t n = MAX_RAM_RANGES; n <= MAX_RAM_RANGES + 1; n++) {
		start();
		begin_tree(0);
		for (uint64_t i = 0; i < n; i++)
			put_memory((i + 1) * GIB, MIB);
		end_tree();
		if (n == MAX_RAM_RANGES) {
			boot_find_memory(&b);
			CHECK_EQ(b.ram.count, MAX_RAM_RANGES);
		} else {
			CHECK_EQ(fake_run(find_memory), FAKE_HALTED);
			CHECK(fake_printed("more than 16 ranges"));
		}
	}
}

TEST(reservations)
{
	start();
	begin_tree(2);
	fdt_put_reservation(&w, 0, GIB + 0x1234, 0x10);
	fdt_put_reservation(&w, 1, GIB + 4 * MIB, MIB + 1);
	put_memory(GIB, GIB);
	begin_reserved();
	put_region(GIB + 8 * MIB, 2 * MIB);
	fdt_put_node(&w, "anywhere"); /* no reg: placed by the OS */
	fdt_put_u64(&w, "size", 0x100000);
	fdt_put_end(&w);
	fdt_put_end(&w);
	end_tree();
	boot_find_memory(&b);
	CHECK_EQ(b.reserved.count, 3);
	check_list(&b.reserved, 0, GIB + 8 * MIB, GIB + 10 * MIB);
	check_list(&b.reserved, 1, GIB + 0x1000, GIB + 0x2000);
	check_list(&b.reserved, 2, GIB + 4 * MIB, GIB + 5 * MIB + 0x1000);
}

/* Reservations at the end of the address space do not wrap to its begin. */
TEST(reservations_wrap)
{
	uint64_t last_page = ~UINT64_C(0xfff);

	start();
	begin_tree(4);
	fdt_put_reservation(&w, 0, GIB, ~UINT64_C(0));
	fdt_put_reservation(&w, 1, last_page - 0x1000, 0x1000);
	fdt_put_reservation(&w, 2, last_page, 0x1000);
	fdt_put_reservation(&w, 3, last_page + 0x800, 0x10);
	put_memory(GIB, GIB);
	end_tree();
	boot_find_memory(&b);
	check_list(&b.reserved, 0, GIB, last_page);
	check_list(&b.reserved, 1, last_page - 0x1000, last_page);
	CHECK_EQ(b.reserved.count, 2);
}

TEST(reservations_too_many)
{
	for (uint32_t n = MAX_RESERVED_RANGES; n <= MAX_RESERVED_RANGES + 1;
	     n++) {
		start();
		begin_tree(n);
		for (uint32_t i = 0; i < n; i++)
			fdt_put_reservation(&w, i, GIB + i * MIB, 1);
		put_memory(GIB, GIB);
		end_tree();
		if (n == MAX_RESERVED_RANGES) {
			boot_find_memory(&b);
			CHECK_EQ(b.reserved.count, MAX_RESERVED_RANGES);
		} else {
			CHECK_EQ(fake_run(find_memory), FAKE_HALTED);
			CHECK(fake_printed("more than 64 reserved ranges"));
		}
	}
}

/* --- the ramdisk --- */

static size_t archive_size;

static void put_archive(const void *data, size_t size)
{
	uint8_t *at = (uint8_t *)fake_ram(RAMDISK_AT) + archive_size;

	CHECK(archive_size + size + 4 < RAMDISK_LIMIT);
	memset(at, 0, size + 4);
	memcpy(at, data, size);
	archive_size += (size + 3) & ~(size_t)3;
}

static void put_file(const char *name, const void *data, size_t size)
{
	char header[256];
	int n = snprintf(header, sizeof(header),
			 "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x"
			 "%08zx%08x%s",
			 1, 0100644, 0, 0, 1, 0, size, 0, 0, 0, 0,
			 strlen(name) + 1, 0, name);

	put_archive(header, (size_t)n + 1);
	put_archive(data, size);
}

/* Ends the archive. Returns where it ends. */
static uint64_t end_archive(void)
{
	put_file("TRAILER!!!", "", 0);
	return RAMDISK_AT + archive_size;
}

/* A file that is a flat image; its first bytes are no known format. */
static void put_kernel(const char *name, size_t size)
{
	static uint8_t file[MIB];

	CHECK(size <= sizeof(file));
	memset(file, 0x14, sizeof(file));
	put_file(name, file, size);
}

/* A board with 256 MiB at 1 GiB, and a ramdisk that ends at `end`. */
static void make_board(uint64_t end)
{
	begin_tree(0);
	put_memory(GIB, 256 * MIB);
	put_initrd(RAMDISK_AT, end);
	end_tree();
	boot_find_memory(&b);
}

TEST(ramdisk)
{
	uint64_t end;

	start();
	archive_size = 0;
	put_kernel("a", 10);
	end = end_archive();
	make_board(end);
	find_ramdisk();
	CHECK_EQ(b.ramdisk.begin, RAMDISK_AT);
	CHECK_EQ(b.ramdisk.end, end);
	CHECK_EQ(fake.boot_maps, 1);
}

/* One that was moved is where the first part of boot says. */
TEST(ramdisk_moved)
{
	uint64_t end;

	start();
	archive_size = 0;
	end = end_archive();
	begin_tree(0);
	put_memory(GIB, 256 * MIB);
	put_initrd(1, 2);
	end_tree();
	boot_find_memory(&b);
	boot_find_ramdisk(&b, paddr(RAMDISK_AT), paddr(end));
	CHECK_EQ(b.ramdisk.begin, RAMDISK_AT);
	CHECK_EQ(b.ramdisk.end, end);
}

/* Addresses of one cell, as some loaders write them. */
TEST(ramdisk_one_cell)
{
	uint64_t end;

	start();
	archive_size = 0;
	end = end_archive();
	begin_tree(0);
	put_memory(GIB, 256 * MIB);
	fdt_put_node(&w, "chosen");
	fdt_put_u32(&w, "linux,initrd-start", RAMDISK_AT);
	fdt_put_u32(&w, "linux,initrd-end", (uint32_t)end);
	fdt_put_end(&w);
	end_tree();
	boot_find_memory(&b);
	find_ramdisk();
	CHECK_EQ(b.ramdisk.end, end);
}

TEST(ramdisk_none)
{
	for (unsigned int i = 0; i < 4; i++) {
		start();
		begin_tree(0);
		put_memory(GIB, GIB);
		if (i) {
			fdt_put_node(&w, "chosen");
			if (i == 1)
				fdt_put_u64(&w, "linux,initrd-start", GIB);
			if (i == 2)
				fdt_put_u64(&w, "linux,initrd-end", GIB);
			if (i == 3)
				fdt_put_prop(&w, "linux,initrd-start", "abc",
					     3);
			fdt_put_end(&w);
		}
		end_tree();
		boot_find_memory(&b);
		CHECK_EQ(fake_run(find_ramdisk), FAKE_HALTED);
		CHECK(fake_printed("no ramdisk: "));
	}
}

TEST(ramdisk_not_in_ram)
{
	static const struct range bad[] = {
		{0, 0x1000},
		{GIB - 1, GIB + 0x1000},
		{GIB + 256 * MIB - 4, GIB + 256 * MIB + 1},
		{GIB + 0x1000, GIB + 0x1000}, /* empty */
		{GIB + 0x1000, GIB},
		{GIB, ~UINT64_C(0)},
		{~UINT64_C(0), GIB},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		start();
		begin_tree(0);
		put_memory(GIB, 256 * MIB);
		put_initrd(bad[i].begin, bad[i].end);
		end_tree();
		boot_find_memory(&b);
		CHECK_EQ(fake_run(find_ramdisk), FAKE_HALTED);
		CHECK(fake_printed("is not in RAM"));
	}
}

/* What is wiped after use can not have anything else in it. */
TEST(ramdisk_overlaps)
{
	const uint64_t size = 64 * 1024;
	static const uint64_t bad[] = {DTB_AT - 64 * 1024 + 1, DTB_AT,
				       FAKE_RAM_BASE,
				       FAKE_RAM_BASE + OWN_SIZE - 1};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		start();
		begin_tree(0);
		put_memory(FAKE_RAM_BASE, 32 * MIB);
		put_initrd(bad[i], bad[i] + size);
		end_tree();
		boot_find_memory(&b);
		CHECK_EQ(fake_run(find_ramdisk), FAKE_HALTED);
		CHECK(fake_printed("overlaps the hypervisor or the device"));
	}
}

TEST(ramdisk_bad)
{
	start();
	make_board(RAMDISK_AT + 4096); /* zeros */
	CHECK_EQ(fake_run(find_ramdisk), FAKE_HALTED);
	CHECK(fake_printed("holdfast: ramdisk: "));
	start();
	fake.boot_map_limit = 4095;
	make_board(RAMDISK_AT + 4096);
	CHECK_EQ(fake_run(find_ramdisk), FAKE_HALTED);
	CHECK(fake_printed("ramdisk: too large to be mapped"));
}

/* --- the manifest --- */

static _Alignas(8) uint8_t manifest[1 << 15];

static void begin_manifest(void)
{
	fdt_begin(&w, manifest, sizeof(manifest), 0);
	fdt_put_node(&w, "");
	fdt_put_string(&w, "compatible", "holdfast,manifest-v1");
}

static void put_primary(const char *kernel, const char *ramdisk)
{
	fdt_put_node(&w, "primary");
	fdt_put_string(&w, "kernel_filename", kernel);
	if (ramdisk)
		fdt_put_string(&w, "ramdisk_filename", ramdisk);
	fdt_put_end(&w);
}

static void put_vm(unsigned int i, const char *kernel, const char *ramdisk,
		   uint64_t mem_size)
{
	char name[16];

	snprintf(name, sizeof(name), "vm%u", i);
	fdt_put_node(&w, name);
	fdt_put_string(&w, "debug_name", name);
	fdt_put_string(&w, "kernel_filename", kernel);
	if (ramdisk)
		fdt_put_string(&w, "ramdisk_filename", ramdisk);
	fdt_put_u64(&w, "mem_size", mem_size);
	fdt_put_u32(&w, "vcpu_count", 1);
	fdt_put_end(&w);
}

static uint32_t end_manifest(void)
{
	uint32_t size;

	fdt_put_end(&w);
	size = fdt_finish(&w, 0);
	CHECK(size != 0);
	return size;
}

/* Puts the finished manifest into the archive, and boots as far as that. */
static void boot_with_manifest(uint32_t size)
{
	put_file("manifest.dtb", manifest, size);
	make_board(end_archive());
	find_ramdisk();
	boot_read_manifest(&b);
}

static void boot_own_manifest(void)
{
	boot_with_manifest(end_manifest());
}

static void boot_broken_manifest(void)
{
	boot_with_manifest(256);
}

static void start_archive(void)
{
	start();
	archive_size = 0;
	put_kernel("kernel", 0x12345);
	put_kernel("small", 100);
	put_kernel("rd", 0x2001);
	put_kernel("empty", 0);
}

TEST(manifest_whole)
{
	start_archive();
	begin_manifest();
	put_primary("kernel", "rd");
	put_vm(0, "small", NULL, 2 * MIB);
	put_vm(1, "kernel", "rd", 4 * MIB);
	boot_with_manifest(end_manifest());
	CHECK_EQ(b.manifest.vm_count, 2);
	CHECK_EQ(b.primary.kernel_size, 0x12345);
	CHECK_EQ(b.primary.ramdisk_size, 0x2001);
	CHECK(b.primary.kernel[0] == 0x14);
	CHECK(b.manifest.vm[0].error == NULL);
	CHECK_EQ(b.vm[0].kernel_size, 100);
	CHECK(b.vm[0].ramdisk == NULL);
	CHECK(b.manifest.vm[1].error == NULL);
	CHECK_EQ(b.vm[1].ramdisk_size, 0x2001);
	CHECK_EQ(b.vm[1].tree_size, secondary_tree_size(&b.manifest.vm[1]));
}

/* Wherever in the archive: four positions are not 8-byte aligned. */
TEST(manifest_alignment)
{
	for (size_t extra = 0; extra < 16; extra += 4) {
		uint32_t size;

		start_archive();
		put_kernel("pad", extra);
		begin_manifest();
		put_primary("kernel", NULL);
		size = end_manifest();
		boot_with_manifest(size);
		CHECK_EQ(b.primary.kernel_size, 0x12345);
	}
}

/*
 * A manifest is as good wherever it lies in the archive. 12 KiB of bootargs
 * are more than any copy on the side.
 */
TEST(manifest_large)
{
	static char args[6000];

	memset(args, 'x', sizeof(args) - 1);
	for (size_t extra = 0; extra < 8; extra += 4) {
		start_archive();
		put_kernel("pad", extra);
		begin_manifest();
		fdt_put_node(&w, "primary");
		fdt_put_string(&w, "kernel_filename", "kernel");
		fdt_put_string(&w, "bootargs", args);
		fdt_put_end(&w);
		fdt_put_node(&w, "vm0");
		fdt_put_string(&w, "debug_name", "a");
		fdt_put_string(&w, "kernel_filename", "small");
		fdt_put_string(&w, "bootargs", args);
		fdt_put_u64(&w, "mem_size", 2 * MIB);
		fdt_put_u32(&w, "vcpu_count", 1);
		fdt_put_end(&w);
		CHECK_EQ(fake_run(boot_own_manifest), FAKE_RETURNED);
		CHECK(b.manifest.vm[0].error == NULL);
	}
}

TEST(manifest_missing)
{
	start_archive();
	make_board(end_archive());
	find_ramdisk();
	CHECK_EQ(fake_run(read_manifest), FAKE_HALTED);
	CHECK(fake_printed("ramdisk: no manifest.dtb"));
}

TEST(manifest_broken)
{
	start_archive();
	memset(manifest, 0x11, 256);
	CHECK_EQ(fake_run(boot_broken_manifest), FAKE_HALTED);
	CHECK(fake_printed("ramdisk: manifest.dtb: "));
	start_archive();
	begin_manifest();
	put_primary("kernel", NULL);
	fdt_put_node(&w, "vm1");
	fdt_put_end(&w);
	CHECK_EQ(fake_run(boot_own_manifest), FAKE_HALTED);
	CHECK(fake_printed("ramdisk: manifest.dtb: vm1: "));
	start_archive();
	fdt_begin(&w, manifest, sizeof(manifest), 0);
	fdt_put_node(&w, "");
	CHECK_EQ(fake_run(boot_own_manifest), FAKE_HALTED);
	CHECK(fake_printed("ramdisk: manifest.dtb: compatible: "));
}

/* A bad primary stops boot, and the message names what is wrong with it. */
TEST(manifest_bad_primary)
{
	start_archive();
	begin_manifest();
	put_primary("none", NULL);
	CHECK_EQ(fake_run(boot_own_manifest), FAKE_HALTED);
	CHECK(fake_printed("primary: kernel_filename: none: no such file"));
	start_archive();
	begin_manifest();
	put_primary("kernel", "nothing");
	CHECK_EQ(fake_run(boot_own_manifest), FAKE_HALTED);
	CHECK(fake_printed("primary: ramdisk_filename: nothing: no such file"));
	start_archive();
	begin_manifest();
	put_primary("empty", NULL);
	CHECK_EQ(fake_run(boot_own_manifest), FAKE_HALTED);
	CHECK(fake_printed("primary: kernel_filename: empty: "));
	start_archive();
	begin_manifest();
	fdt_put_node(&w, "primary");
	fdt_put_end(&w);
	CHECK_EQ(fake_run(boot_own_manifest), FAKE_HALTED);
	CHECK(fake_printed("primary: kernel_filename: "));
}

/* Bad secondaries are left out by name, and the rest goes on. */
TEST(manifest_bad_secondaries)
{
	static const char *const properties[] = {"kernel_filename",
						 "ramdisk_filename",
						 "kernel_filename",
						 "mem_size",
						 "mem_size",
						 "mem_size",
						 NULL};

	start_archive();
	begin_manifest();
	put_primary("kernel", NULL);
	put_vm(0, "none", NULL, 2 * MIB);
	put_vm(1, "small", "none", 2 * MIB);
	put_vm(2, "empty", NULL, 2 * MIB);
	put_vm(3, "kernel", NULL, 0x12000); /* the kernel alone does not fit */
	put_vm(4, "small", "rd", 0x4000);   /* kernel and ramdisk do not */
	put_vm(5, "small", NULL, 123);	    /* the manifest's own error */
	put_vm(6, "small", NULL, 2 * MIB);
	boot_with_manifest(end_manifest());
	for (unsigned int i = 0; i < ARRAY_SIZE(properties); i++) {
		CHECK_EQ(b.manifest.vm[i].error == NULL, i == 6);
		CHECK_STR(b.manifest.vm[i].error_property, properties[i]);
	}
}

static void check_fault(const char *property, const char *expected)
{
	char out[BOOT_FAULT_SIZE];
	struct manifest_vm m = {
		.kernel_filename = "k",
		.ramdisk_filename = "r",
		.error = "is bad",
		.error_property = property,
	};

	CHECK_STR(boot_describe_fault(&m, out), expected);
}

TEST(describe_fault)
{
	check_fault(NULL, "is bad");
	check_fault("mem_size", "mem_size: is bad");
	check_fault("kernel_filename", "kernel_filename: k: is bad");
	check_fault("ramdisk_filename", "ramdisk_filename: r: is bad");
}

/* Exactly as much memory as is needed, and a page less. */
TEST(exact_fit)
{
	struct manifest_vm one_vcpu = {.vcpu_count = 1};
	uint64_t need = secondary_tree_size(&one_vcpu) + 0x3000 + 0x1000;

	start_archive();
	begin_manifest();
	put_primary("kernel", NULL);
	put_vm(0, "small", "rd", need);
	put_vm(1, "small", "rd", need - PAGE_SIZE);
	boot_with_manifest(end_manifest());
	CHECK(b.manifest.vm[0].error == NULL);
	CHECK(b.manifest.vm[1].error != NULL);
}

/* --- the plan --- */

static void set_vm(uint32_t i, uint64_t mem_size)
{
	b.manifest.vm[i].name = "vm";
	b.manifest.vm[i].mem_size = mem_size;
	b.manifest.vm_count = i + 1;
}

/* Files of a VM by their numbers, of `pages` pages but for some bytes. */
static void set_files(uint32_t i, unsigned int kernel, unsigned int ramdisk,
		      uint64_t pages)
{
	struct boot_vm *v = &b.vm[i];

	v->kernel = fake_ram(RAMDISK_AT + kernel);
	v->kernel_size = pages * PAGE_SIZE - 9;
	v->ramdisk = ramdisk ? fake_ram(RAMDISK_AT + ramdisk) : NULL;
	v->ramdisk_size = ramdisk ? pages * PAGE_SIZE - 5 : 0;
	v->tree_size = PAGE_SIZE;
}

static const uint8_t *file_of_part(const struct boot_vm *v, unsigned int part)
{
	if (part == PART_TREE)
		return NULL;
	return part == PART_KERNEL ? v->kernel : v->ramdisk;
}

/* Copies of two parts: one for one file, apart for others. */
static void check_two_copies(uint32_t i, unsigned int p, uint32_t k,
			     unsigned int q)
{
	const struct vm_part *x = &b.vm[i].parts[p], *y = &b.vm[k].parts[q];
	const uint8_t *file = file_of_part(&b.vm[i], p);

	if ((i == k && p == q) || !x->size || !y->size)
		return;
	if (file && file == file_of_part(&b.vm[k], q))
		CHECK_EQ(x->copy.pa, y->copy.pa);
	else
		CHECK(x->copy.pa + x->size <= y->copy.pa ||
		      y->copy.pa + y->size <= x->copy.pa);
}

/* What secondaries are loaded from is hidden, and has room there. */
static void check_copies(void)
{
	for (uint32_t i = 0; i < b.manifest.vm_count; i++)
		for (unsigned int p = 0; p < PART_COUNT; p++) {
			const struct vm_part *part = &b.vm[i].parts[p];

			if (b.manifest.vm[i].error || !part->size)
				continue;
			CHECK(is_aligned(part->copy.pa, PAGE_SIZE));
			CHECK(part->copy.pa >= b.kept.begin &&
			      part->copy.pa + part->size <= b.kept.end);
			CHECK(ranges_overlap(&b.hidden, b.kept.begin,
					     b.kept.end));
			for (uint32_t k = 0; k < i; k++)
				for (unsigned int q = 0; q < PART_COUNT; q++)
					if (!b.manifest.vm[k].error)
						check_two_copies(i, p, k, q);
		}
}

static bool lies_in(const struct ranges *list, uint64_t begin, uint64_t end)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (begin >= list->r[i].begin && end <= list->r[i].end)
			return true;
	return false;
}

/* Hidden and primary RAM are all of RAM, and nothing is in both. */
static void check_partition(void)
{
	CHECK_EQ(ranges_total(&b.hidden) + ranges_total(&b.primary_ram),
		 ranges_total(&b.ram));
	for (uint32_t i = 0; i < b.hidden.count; i++) {
		const struct range *r = &b.hidden.r[i];

		CHECK(lies_in(&b.ram, r->begin, r->end));
		CHECK(!ranges_overlap(&b.primary_ram, r->begin, r->end));
		CHECK(!ranges_overlap(&b.reserved, r->begin, r->end));
		CHECK(is_aligned(r->begin | r->end, PAGE_SIZE));
		for (uint32_t k = 0; k < i; k++)
			CHECK(r->end <= b.hidden.r[k].begin ||
			      r->begin >= b.hidden.r[k].end);
	}
	for (uint32_t i = 0; i < b.primary_ram.count; i++)
		CHECK(lies_in(&b.ram, b.primary_ram.r[i].begin,
			      b.primary_ram.r[i].end));
}

/* Everything is in hidden memory, and aligned as it has to be. */
static void check_places(void)
{
	CHECK(is_aligned(b.own.begin, BLOCK));
	CHECK(b.own.end - b.own.begin >= OWN_SIZE);
	CHECK(lies_in(&b.hidden, b.own.begin, b.own.end));
	for (uint32_t i = 0; i < b.manifest.vm_count; i++) {
		const struct range *r = &b.vm[i].memory;
		uint64_t size = b.manifest.vm[i].mem_size;

		if (b.manifest.vm[i].error)
			continue;
		CHECK(is_aligned(r->begin, size >= BLOCK ? BLOCK : PAGE_SIZE));
		CHECK(r->end - r->begin >= size);
		CHECK(lies_in(&b.hidden, r->begin, r->end));
	}
}

static struct range tree_now(void)
{
	uint64_t at = (uint64_t)(uintptr_t)b.tree.blob;

	return (struct range){at, at + b.tree.totalsize};
}

static bool same(struct range x, struct range y)
{
	return x.begin == y.begin && x.end == y.end;
}

static bool disjoint(struct range x, struct range y)
{
	return x.begin == x.end || y.begin == y.end || x.end <= y.begin ||
	       y.end <= x.begin;
}

/* One that is moved is written while everything is still where it was. */
static void check_moved(struct range now, struct range place)
{
	struct range own = {fake.own, fake.own + fake.own_size};

	CHECK_EQ(place.end - place.begin, now.end - now.begin);
	if (same(now, place))
		return;
	CHECK(ranges_overlap(&b.hidden, now.begin, now.end));
	CHECK(!ranges_overlap(&b.reserved, place.begin, place.end));
	CHECK(disjoint(place, tree_now()) && disjoint(place, b.ramdisk));
	CHECK(disjoint(place, own));
}

/* What the primary is loaded from and to. */
static void check_primary_places(void)
{
	const struct image *image = &b.primary.image;
	const struct range place[] = {b.tree_place, b.ramdisk_place,
				      b.kernel_place, b.primary_tree_place};

	for (unsigned int i = 0; i < 4; i++) {
		if (place[i].begin == place[i].end)
			continue;
		CHECK(lies_in(&b.primary_ram, place[i].begin, place[i].end));
		for (unsigned int k = 0; k < i; k++)
			CHECK(disjoint(place[i], place[k]));
	}
	check_moved(tree_now(), b.tree_place);
	check_moved(b.ramdisk, b.ramdisk_place);
	CHECK(is_aligned(b.kernel_place.begin, BLOCK));
	CHECK_EQ(b.kernel_place.end - b.kernel_place.begin,
		 image->text_offset + image->memory_size);
	CHECK(!ranges_overlap(&b.reserved, b.kernel_place.begin,
			      b.kernel_place.end));
	CHECK(!ranges_overlap(&b.reserved, b.primary_tree_place.begin,
			      b.primary_tree_place.end));
}

static void check_plan(void)
{
	check_partition();
	check_places();
	check_copies();
	check_primary_places();
}

static void plan(void)
{
	CHECK_EQ(fake_run(make_plan), FAKE_RETURNED);
	check_plan();
}

static struct boot first;

/*
 * The plan is made anew by the hypervisor that was moved: it must find what it
 * has done to be right, and hide the same.
 */
static void check_second_plan(void)
{
	first = b;
	b.tree.blob = fake_ram(first.tree_place.begin);
	b.ramdisk = first.ramdisk_place;
	fake.own = first.own.begin;
	b.hidden.count = 0;
	b.left_out = 0;
	settled = true;
	left_out = first.left_out;
	for (uint32_t i = 0; i < b.manifest.vm_count; i++)
		b.manifest.vm[i].error = NULL;
	plan();
	CHECK_EQ(b.left_out, first.left_out);
	CHECK_EQ(b.hidden.count, first.hidden.count);
	CHECK(same(b.own, first.own));
	CHECK(same(b.kept, first.kept));
	CHECK(same(b.tree_place, first.tree_place));
	CHECK(same(b.ramdisk_place, first.ramdisk_place));
}

/* The hypervisor at the top, the secondaries below; no hole, no rest. */
TEST(plan_one_range)
{
	start();
	CHECK(ranges_add_ram(&b.ram, GIB, GIB + 256 * MIB));
	set_vm(0, 2 * MIB);
	set_vm(1, 3 * MIB);
	set_vm(2, 64 * 1024);
	set_vm(3, 8 * MIB);
	plan();
	CHECK_EQ(b.own.begin, GIB + 250 * MIB);
	CHECK_EQ(b.vm[0].memory.begin, GIB + 248 * MIB);
	CHECK_EQ(b.vm[1].memory.begin, GIB + 244 * MIB);
	CHECK_EQ(b.vm[2].memory.begin, GIB + 244 * MIB - 64 * 1024);
	CHECK_EQ(b.vm[3].memory.begin, GIB + 234 * MIB);
	CHECK_EQ(b.primary_ram.count, 1);
	check_list(&b.primary_ram, 0, GIB, GIB + 234 * MIB);
	for (uint32_t i = 0; i < 4; i++)
		CHECK(b.manifest.vm[i].error == NULL);
}

/* Below all VMs, each file once; none for a VM that is left out. */
TEST(plan_copies)
{
	start();
	CHECK(ranges_add_ram(&b.ram, GIB, GIB + 256 * MIB));
	for (uint32_t i = 0; i < 4; i++)
		set_vm(i, i == 2 ? 512 * MIB : 2 * MIB);
	set_files(0, 1, 2, 16);
	set_files(1, 1, 3, 16);
	set_files(2, 4, 5, 16);
	set_files(3, 3, 1, 16);
	plan();
	CHECK(b.manifest.vm[2].error != NULL);
	CHECK(b.manifest.vm[3].error == NULL);
	/* Three files, three trees. */
	CHECK_EQ(b.kept.end, GIB + 244 * MIB);
	CHECK_EQ(b.kept.begin,
		 align_down(b.kept.end - (3 * 16 + 3) * PAGE_SIZE, 0x10000));
	CHECK_EQ(b.primary_ram.count, 1);
	CHECK_EQ(b.vm[1].parts[PART_KERNEL].copy.pa,
		 b.vm[0].parts[PART_KERNEL].copy.pa);
	CHECK_EQ(b.vm[3].parts[PART_KERNEL].copy.pa,
		 b.vm[1].parts[PART_RAMDISK].copy.pa);
	check_second_plan();
}

/* A VM fits only if what it is loaded from does, too. */
TEST(plan_room_for_copies)
{
	unsigned int fits = 0;

	for (uint64_t pages = 1; pages < 8192; pages += 256) {
		start();
		CHECK(ranges_add_ram(&b.ram, GIB, GIB + 64 * MIB));
		b.primary.image.memory_size = 20 * MIB;
		set_files(0, 1, 0, pages);
		set_vm(0, 4 * MIB);
		plan();
		if (b.manifest.vm[0].error) {
			CHECK_STR(b.manifest.vm[0].error,
				  "more memory than there is");
			CHECK_EQ(b.hidden.count, 1);
			continue;
		}
		fits++;
	}
	CHECK(fits > 4 && fits < 28);
}

/* Ends that are not those of a block: the primary still has one range. */
TEST(plan_unaligned_end)
{
	start();
	CHECK(ranges_add_ram(&b.ram, GIB + 0x3000, GIB + 256 * MIB + 0x7000));
	set_vm(0, 2 * MIB);
	plan();
	CHECK_EQ(b.own.begin, GIB + 250 * MIB);
	CHECK_EQ(b.primary_ram.count, 1);
	check_list(&b.primary_ram, 0, GIB + 0x3000, GIB + 248 * MIB);
}

TEST(plan_ram_at_zero)
{
	start();
	CHECK(ranges_add_ram(&b.ram, 0, 64 * MIB));
	set_vm(0, 2 * MIB);
	plan();
	check_list(&b.primary_ram, 0, 0, 56 * MIB);
	start();
	CHECK(ranges_add_ram(&b.ram, 0, OWN_SIZE));
	CHECK_EQ(fake_run(make_plan), FAKE_HALTED);
	CHECK_EQ(b.own.begin, 0);
	CHECK(fake_printed("RAM: no room for the primary's"));
}

/* The highest range is used first, the next one when it is full. */
TEST(plan_several_ranges)
{
	start();
	CHECK(ranges_add_ram(&b.ram, GIB, 2 * GIB));
	CHECK(ranges_add_ram(&b.ram, 8 * GIB, 8 * GIB + 16 * MIB));
	CHECK(ranges_add_ram(&b.ram, 9 * GIB, 9 * GIB + MIB));
	set_vm(0, 8 * MIB);
	set_vm(1, 8 * MIB);
	set_vm(2, 2 * MIB);
	plan();
	CHECK_EQ(b.own.begin, 8 * GIB + 10 * MIB);
	CHECK_EQ(b.vm[0].memory.begin, 8 * GIB + 2 * MIB);
	CHECK_EQ(b.vm[1].memory.begin, 2 * GIB - 8 * MIB);
	CHECK_EQ(b.vm[2].memory.begin, 8 * GIB);
	CHECK_EQ(b.primary_ram.count, 2);
}

/* What the board reserved stays the primary's, also at the top. */
TEST(plan_reserved_top)
{
	start();
	CHECK(ranges_add_ram(&b.ram, GIB, GIB + 256 * MIB));
	CHECK(ranges_add(&b.reserved, GIB + 255 * MIB, GIB + 256 * MIB));
	CHECK(ranges_add(&b.reserved, GIB + 240 * MIB, GIB + 241 * MIB));
	set_vm(0, 8 * MIB);
	plan();
	CHECK_EQ(b.own.begin, GIB + 248 * MIB);
	CHECK_EQ(b.vm[0].memory.begin, GIB + 232 * MIB);
	CHECK(lies_in(&b.primary_ram, GIB + 255 * MIB, GIB + 256 * MIB));
	CHECK(lies_in(&b.primary_ram, GIB + 240 * MIB, GIB + 241 * MIB));
}

/* A ramdisk at the top is no obstacle: it is moved later. */
TEST(plan_ramdisk_top)
{
	start();
	CHECK(ranges_add_ram(&b.ram, GIB, GIB + 256 * MIB));
	b.ramdisk = (struct range){GIB + 200 * MIB, GIB + 256 * MIB};
	set_vm(0, 8 * MIB);
	plan();
	CHECK_EQ(b.own.begin, GIB + 250 * MIB);
	CHECK(b.manifest.vm[0].error == NULL);
}

TEST(plan_no_room)
{
	start();
	CHECK(ranges_add_ram(&b.ram, GIB, GIB + OWN_SIZE - PAGE_SIZE));
	CHECK_EQ(fake_run(make_plan), FAKE_HALTED);
	CHECK(fake_printed("RAM: no room for the hypervisor"));
	/* Enough of it, but at no multiple of 2 MiB. */
	start();
	CHECK(ranges_add_ram(&b.ram, GIB + MIB, GIB + MIB + OWN_SIZE));
	CHECK_EQ(fake_run(make_plan), FAKE_HALTED);
	/* Nothing but reservations. */
	start();
	CHECK(ranges_add_ram(&b.ram, GIB, 2 * GIB));
	CHECK(ranges_add(&b.reserved, 0, 4 * GIB));
	CHECK_EQ(fake_run(make_plan), FAKE_HALTED);
}

/* A secondary that wants too much is left out; a later one may fit. */
TEST(plan_too_much)
{
	static const uint64_t wanted[] = {512 * MIB,	     256 * MIB,
					  240 * MIB,	     UINT64_C(1) << 39,
					  UINT64_C(1) << 47, ~UINT64_C(0xfff)};

	start();
	CHECK(ranges_add_ram(&b.ram, GIB, GIB + 256 * MIB));
	for (uint32_t i = 0; i < ARRAY_SIZE(wanted); i++)
		set_vm(i, wanted[i]);
	set_vm(ARRAY_SIZE(wanted), 2 * MIB);
	plan();
	for (uint32_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		CHECK_STR(b.manifest.vm[i].error, "more memory than there is");
		CHECK_STR(b.manifest.vm[i].error_property, "mem_size");
	}
	CHECK(b.manifest.vm[ARRAY_SIZE(wanted)].error == NULL);
	CHECK_EQ(b.hidden.count, 2);
	CHECK_EQ(b.left_out, (1u << ARRAY_SIZE(wanted)) - 1);
}

/* What the primary needs stays its own, to the byte. */
TEST(plan_primary_need)
{
	uint64_t need = 32 * MIB + 0x1000 + 2 * 0x800 + 16 * MIB + 0x80000;

	for (unsigned int more = 0; more < 2; more++) {
		start();
		b.primary.image.memory_size = 32 * MIB;
		b.primary.image.text_offset = 0x80000;
		b.ramdisk = (struct range){GIB, GIB + 0x1000};
		b.tree.totalsize = 0x800;
		b.tree.blob = fake_ram(GIB + 0x1000);
		CHECK(ranges_add_ram(&b.ram, GIB,
				     align_up(GIB + need, BLOCK) + OWN_SIZE +
					     2 * MIB));
		set_vm(0, align_up(need, BLOCK) - need + 2 * MIB +
				  more * PAGE_SIZE);
		b.manifest.vm[0].mem_size &= ~UINT64_C(0xfff);
		plan();
		CHECK_EQ(b.manifest.vm[0].error != NULL, more);
	}
	/* Not even the primary fits, and no number wraps. */
	start();
	b.primary.image.memory_size = GIB;
	CHECK(ranges_add_ram(&b.ram, GIB, GIB + 256 * MIB));
	set_vm(0, PAGE_SIZE);
	CHECK_EQ(fake_run(make_plan), FAKE_HALTED);
	CHECK(fake_printed("RAM: no room for the primary's"));
}

/* A secondary must not take the only range that the primary's kernel fits. */
TEST(plan_leaves_room_for_kernel)
{
	start();
	b.primary.image.memory_size = 32 * MIB;
	for (uint64_t i = 0; i < 4; i++)
		CHECK(ranges_add_ram(&b.ram, GIB + 64 * i * MIB,
				     GIB + (64 * i + 20) * MIB));
	CHECK(ranges_add_ram(&b.ram, 2 * GIB, 2 * GIB + 48 * MIB));
	set_vm(0, 40 * MIB);
	set_vm(1, 2 * MIB);
	plan();
	CHECK(b.manifest.vm[0].error != NULL);
	CHECK(b.manifest.vm[1].error == NULL);
	CHECK_EQ(b.kernel_place.begin, 2 * GIB);
}

/* Errors that a VM has already stay, and it gets no memory. */
TEST(plan_keeps_errors)
{
	start();
	CHECK(ranges_add_ram(&b.ram, GIB, 2 * GIB));
	set_vm(0, 2 * MIB);
	b.manifest.vm[0].error = "is bad";
	plan();
	CHECK_STR(b.manifest.vm[0].error, "is bad");
	CHECK_EQ(b.hidden.count, 1);
}

/* With as many reservations as there may be, and as many VMs. */
TEST(plan_most_ranges)
{
	start();
	CHECK(ranges_add_ram(&b.ram, GIB, 64 * GIB));
	for (uint64_t i = 0; i < MAX_RESERVED_RANGES; i++)
		CHECK(ranges_add(&b.reserved, 64 * GIB - (4 * i + 2) * MIB,
				 64 * GIB - (4 * i + 1) * MIB));
	for (uint32_t i = 0; i < MAX_VMS; i++)
		set_vm(i, 2 * MIB);
	b.tree.totalsize = 0x1000;
	b.tree.blob = fake_ram(63 * GIB);
	b.ramdisk = (struct range){64 * GIB - 0x1000, 64 * GIB};
	fake.own = 62 * GIB;
	plan();
	CHECK_EQ(b.left_out, 0);
}

/*
 * For what was left out there is room once the files have moved: it stays left
 * out, or it would lie over them.
 */
TEST(plan_settled)
{
	start();
	CHECK(ranges_add_ram(&b.ram, 0x40000000, 0x41afe000));
	CHECK(ranges_add_ram(&b.ram, 0x41d51000, 0x4434f000));
	CHECK(ranges_add(&b.reserved, 0x406e4000, 0x40707000));
	fake.own = 0x40a00000;
	b.primary.image.memory_size = 0x162000;
	b.tree.blob = fake_ram(0x42181000);
	b.tree.totalsize = 0x10000;
	b.ramdisk = (struct range){0x43143000, 0x440a6000};
	set_vm(0, 0x6bb000);
	set_vm(1, 0xbb0000);
	plan();
	CHECK_EQ(b.left_out, 2);
	check_second_plan();
}

static void random_ram(void)
{
	uint64_t at = unit_random() % 3 ? GIB : 0;

	for (unsigned int n = 1 + unit_random() % 4; n > 0; n--) {
		uint64_t size = (1 + unit_random() % 64) * MIB +
				unit_random() % 512 * PAGE_SIZE;

		CHECK(ranges_add_ram(&b.ram, at, at + size));
		at += size + unit_random() % 1024 * PAGE_SIZE;
	}
}

static void random_reservations(void)
{
	for (unsigned int n = unit_random() % 5; n > 0; n--) {
		const struct range *r = &b.ram.r[unit_random() % b.ram.count];
		uint64_t at = r->begin + unit_random() % (r->end - r->begin);

		CHECK(ranges_add(&b.reserved, align_down(at, PAGE_SIZE),
				 align_down(at, PAGE_SIZE) +
					 (1 + unit_random() % 64) * PAGE_SIZE));
	}
}

/* Somewhere in RAM, whatever lies there. */
static struct range random_place(uint64_t size)
{
	const struct range *r = &b.ram.r[unit_random() % b.ram.count];
	uint64_t at = r->begin;

	if (size > r->end - r->begin)
		return (struct range){0, 0};
	at += unit_random() % ((r->end - r->begin - size) / PAGE_SIZE + 1) *
	      PAGE_SIZE;
	return (struct range){at, at + size};
}

/* Device tree, ramdisk and hypervisor where a loader may have put them. */
static void random_now(void)
{
	struct range tree = random_place(64 * 1024);
	struct range own;

	b.tree.blob = fake_ram(tree.begin);
	b.tree.totalsize = (uint32_t)(tree.end - tree.begin);
	b.ramdisk = random_place(unit_random() % 4096 * PAGE_SIZE);
	if (!disjoint(b.ramdisk, tree))
		b.ramdisk.end = b.ramdisk.begin;
	own = random_place(OWN_SIZE);
	/* A loader does not lay one over the other. */
	if (!disjoint(own, tree) || !disjoint(own, b.ramdisk))
		own = (struct range){64 * GIB, 64 * GIB + OWN_SIZE};
	fake.own = own.begin;
	b.primary.image.memory_size = unit_random() % 8192 * PAGE_SIZE;
	b.primary.image.text_offset = unit_random() % 2 * 0x80000;
}

/* No secondary keeps the primary from being booted. */
static void check_halt_without_vms(void)
{
	b.hidden.count = 0;
	b.manifest.vm_count = 0;
	CHECK_EQ(fake_run(make_plan), FAKE_HALTED);
}

/* Any board and VMs, planned; false if not even the primary fits. */
static bool plan_at_random(void)
{
	uint64_t pages = 1 + unit_random() % 1024;

	start();
	random_ram();
	random_reservations();
	random_now();
	for (uint32_t i = unit_random() % 6; i > 0; i--) {
		set_files(b.manifest.vm_count, 1 + unit_random() % 3,
			  unit_random() % 2 * 4, pages);
		set_vm(b.manifest.vm_count,
		       (1 + unit_random() % 4096) * PAGE_SIZE);
	}
	return fake_run(make_plan) == FAKE_RETURNED;
}

TEST(plan_random)
{
	unsigned int planned = 0;

	for (unsigned int run = 0; run < 5000; run++) {
		if (!plan_at_random()) {
			check_halt_without_vms();
			continue;
		}
		check_plan();
		planned++;
		if (b.ram.count == 1 && b.reserved.count == 0) {
			CHECK_EQ(b.primary_ram.count, 1);
			CHECK_EQ(b.primary_ram.r[0].begin, b.ram.r[0].begin);
		}
	}
	CHECK(planned > 1000);
}

TEST(plan_again)
{
	for (unsigned int run = 0; run < 5000; run++)
		if (plan_at_random())
			check_second_plan();
}
