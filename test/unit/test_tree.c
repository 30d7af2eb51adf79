/* SPDX-License-Identifier: BSD-3-Clause */
/* src/tree.c: the device trees that VMs are given. */
#include "unit.h"
#include "boot.h"
#include "fake.h"

static _Alignas(8) uint8_t board_buffer[1 << 14];
static struct fdt_writer w;
static struct boot b;
static struct fdt out;
static uint8_t *written;

#define CELLS(name, ...)                                                     \
	do {                                                                 \
		const uint32_t unit_cells[] = {__VA_ARGS__};                 \
		fdt_put_cells(&w, name, unit_cells, ARRAY_SIZE(unit_cells)); \
	} while (0)

static void begin_board(uint32_t reservations)
{
	fake_reset();
	memset(&b, 0, sizeof(b));
	fdt_begin(&w, board_buffer, sizeof(board_buffer), reservations);
	fdt_put_node(&w, "");
	fdt_put_u32(&w, "#address-cells", 2);
	fdt_put_u32(&w, "#size-cells", 2);
	fdt_put_string(&w, "model", "board");
}

static void end_board(void)
{
	uint32_t used;

	fdt_put_end(&w);
	used = fdt_finish(&w, 3);
	CHECK(used != 0);
	CHECK_STR(unit_fdt_open(&b.tree, board_buffer, used), NULL);
	CHECK(ranges_add(&b.primary_ram, 0x40000000, 0x5ba00000));
}

static void put_chosen(void)
{
	fdt_put_node(&w, "chosen");
	fdt_put_string(&w, "bootargs", "old");
	fdt_put_u64(&w, "linux,initrd-start", 0x48000000);
	fdt_put_u64(&w, "linux,initrd-end", 0x49000000);
	fdt_put_string(&w, "stdout-path", "/uart");
	fdt_put_node(&w, "module");
	fdt_put_string(&w, "bootargs", "of the module");
	fdt_put_end(&w);
	fdt_put_end(&w);
}

static void put_memory(const char *name)
{
	fdt_put_node(&w, name);
	fdt_put_string(&w, "device_type", "memory");
	CELLS("reg", 0, 0x40000000, 0, 0x20000000);
	fdt_put_end(&w);
}

/* A board with all that is kept, replaced or left out. */
static void make_board(void)
{
	begin_board(1);
	fdt_put_reservation(&w, 0, 0x44000000, 0x1000);
	put_memory("memory@40000000");
	put_memory("memory@60000000");
	put_chosen();
	fdt_put_node(&w, "uart");
	fdt_put_u32(&w, "fake,drop", 1);
	CELLS("fake,cut", 0x11, 0x22, 0x33);
	CELLS("keep", 0x11, 0x22, 0x33);
	put_memory("memory"); /* deeper: not RAM */
	fdt_put_end(&w);
	fdt_put_node(&w, "smmu");
	fdt_put_prop(&w, "fake,hidden", NULL, 0);
	fdt_put_node(&w, "below");
	fdt_put_node(&w, "deeper");
	fdt_put_end(&w);
	fdt_put_end(&w);
	fdt_put_end(&w);
	fdt_put_node(&w, "hypervisor");
	fdt_put_string(&w, "compatible", "of another");
	fdt_put_end(&w);
	fdt_put_node(&w, "last");
	fdt_put_end(&w);
	end_board();
}

static void name_vms(uint32_t count)
{
	static char names[MAX_VMS][MAX_NAME];

	b.manifest.vm_count = count;
	for (uint32_t i = 0; i < count; i++) {
		memset(names[i], 'a' + (int)i, MAX_NAME - 1);
		b.manifest.vm[i].name = names[i];
	}
}

/* Writes the primary's tree into the room that is said to suffice. */
static void write_primary(void)
{
	uint64_t size = primary_tree_size(&b);
	uint32_t used;

	CHECK(is_aligned(size, PAGE_SIZE));
	written = unit_copy(board_buffer, size);
	used = primary_tree_write(&b, written, size);
	CHECK(used != 0 && used <= size);
	CHECK_STR(unit_fdt_open(&out, written, used), NULL);
}

static bool has(const char *path, const char *name, struct fdt_prop *p)
{
	fdt_node_t node = fdt_path(&out, path);

	return node != FDT_NO_NODE && fdt_prop(&out, node, name, p);
}

static const char *text(const char *path, const char *name)
{
	struct fdt_prop p;

	return has(path, name, &p) ? fdt_string(&p) : NULL;
}

static uint64_t number(const char *path, const char *name, uint32_t i,
		       uint32_t cells)
{
	struct fdt_prop p;

	CHECK(has(path, name, &p));
	CHECK(p.size >= (i + cells) * 4);
	return fdt_number(p.value, i, cells, NULL);
}

static uint32_t count_children(const char *path)
{
	uint32_t n = 0;

	for (fdt_node_t c = fdt_first_child(&out, fdt_path(&out, path));
	     c != FDT_NO_NODE; c = fdt_next_sibling(&out, c))
		n++;
	return n;
}

/* --- the primary's --- */

TEST(primary_copy)
{
	uint64_t base, size;
	struct fdt_prop p;

	make_board();
	write_primary();
	CHECK_STR(text("/", "model"), "board");
	CHECK_EQ(out.boot_cpuid_phys, 3);
	CHECK_EQ(out.reserved_count, 1);
	fdt_reservation(&out, 0, &base, &size);
	CHECK_EQ(base, 0x44000000);
	CHECK_EQ(size, 0x1000);
	CHECK(has("/uart", "keep", &p));
	CHECK_EQ(p.size, 12);
	CHECK_EQ(number("/uart", "keep", 2, 1), 0x33);
	CHECK(fdt_path(&out, "/last") != FDT_NO_NODE);
	CHECK(fdt_path(&out, "/uart/memory") != FDT_NO_NODE);
	/* chosen, uart, last, memory, hypervisor */
	CHECK_EQ(count_children("/"), 5);
}

TEST(primary_edits)
{
	struct fdt_prop p;

	make_board();
	write_primary();
	CHECK(!has("/uart", "fake,drop", &p));
	CHECK(has("/uart", "fake,cut", &p));
	CHECK_EQ(p.size, 4);
	CHECK_EQ(number("/uart", "fake,cut", 0, 1), 0x11);
	CHECK(fdt_path(&out, "/smmu") == FDT_NO_NODE);
	CHECK(fdt_path(&out, "/below") == FDT_NO_NODE);
	CHECK(fdt_path(&out, "/deeper") == FDT_NO_NODE);
}

static void put_hidden(const char *name)
{
	fdt_put_node(&w, name);
	fdt_put_prop(&w, "fake,hidden", NULL, 0);
	fdt_put_node(&w, "inside");
	fdt_put_u32(&w, "fake,drop", 1);
	fdt_put_end(&w);
	fdt_put_end(&w);
}

/* What is left out and edited may touch, and be first or last of its kind. */
TEST(primary_cuts)
{
	struct fdt_prop p;

	begin_board(0);
	put_hidden("first");
	put_hidden("second");
	fdt_put_node(&w, "bus");
	fdt_put_u32(&w, "fake,drop", 1);
	fdt_put_u32(&w, "fake,drop", 2);
	put_hidden("third");
	fdt_put_node(&w, "device");
	CELLS("fake,cut", 0x11, 0x22, 0x33);
	fdt_put_u32(&w, "fake,drop", 3);
	CELLS("fake,cut", 0x44, 0x55, 0x66);
	fdt_put_node(&w, "deep");
	put_hidden("fourth");
	fdt_put_end(&w);
	fdt_put_end(&w);
	put_hidden("fifth");
	fdt_put_end(&w);
	put_hidden("last");
	end_board();
	write_primary();
	/* The root, 3 that are kept, chosen, memory, hypervisor */
	CHECK_EQ(out.node_count, 7);
	CHECK_STR(text("/", "model"), "board");
	CHECK(!has("/bus", "fake,drop", &p));
	CHECK(!has("/bus/device", "fake,drop", &p));
	CHECK(has("/bus/device", "fake,cut", &p));
	CHECK_EQ(p.size, 4);
	CHECK_EQ(number("/bus/device", "fake,cut", 0, 1), 0x11);
	CHECK_EQ(count_children("/bus"), 1);
	CHECK_EQ(count_children("/bus/device"), 1);
	CHECK_EQ(count_children("/bus/device/deep"), 0);
	CHECK(fdt_path(&out, "/memory@40000000") != FDT_NO_NODE);
}

/* A node that is withheld stays for its phandle, and says that it is off. */
TEST(primary_withheld)
{
	struct fdt_prop p;

	begin_board(0);
	for (unsigned int i = 0; i < 2; i++) {
		fdt_put_node(&w, i ? "other" : "dma");
		CELLS("reg", 0, 0x9000000, 0, 0x1000);
		fdt_put_string(&w, "status", "okay");
		if (!i)
			fdt_put_u32(&w, "phandle", 7);
		fdt_put_end(&w);
	}
	end_board();
	for (uint32_t i = 0; i < 2; i++)
		b.withheld[b.withheld_count++] = (fdt_node_t)i + 1;
	write_primary();
	CHECK_STR(text("/dma", "status"), "disabled");
	CHECK_EQ(number("/dma", "phandle", 0, 1), 7);
	CHECK(!has("/dma", "reg", &p));
	CHECK_EQ(fdt_path(&out, "/other"), FDT_NO_NODE);
}

TEST(primary_memory)
{
	struct fdt_prop p;

	make_board();
	CHECK(ranges_add(&b.primary_ram, UINT64_C(0x880000000),
			 UINT64_C(0x980000000)));
	write_primary();
	CHECK_STR(text("/memory@40000000", "device_type"), "memory");
	CHECK(has("/memory@40000000", "reg", &p));
	CHECK_EQ(p.size, 32);
	CHECK_EQ(number("/memory@40000000", "reg", 0, 2), 0x40000000);
	CHECK_EQ(number("/memory@40000000", "reg", 2, 2), 0x1ba00000);
	CHECK_EQ(number("/memory@40000000", "reg", 4, 2), 0x880000000);
	CHECK_EQ(number("/memory@40000000", "reg", 6, 2), 0x100000000);
	CHECK(fdt_path(&out, "/memory@60000000") == FDT_NO_NODE);
}

static void begin_cells_board(uint32_t address_cells, uint32_t size_cells)
{
	fake_reset();
	memset(&b, 0, sizeof(b));
	fdt_begin(&w, board_buffer, sizeof(board_buffer), 0);
	fdt_put_node(&w, "");
	fdt_put_u32(&w, "#address-cells", address_cells);
	fdt_put_u32(&w, "#size-cells", size_cells);
}

/* Cell counts of the board's root are kept: one cell each. */
TEST(primary_memory_one_cell)
{
	struct fdt_prop p;

	begin_cells_board(1, 1);
	end_board();
	write_primary();
	CHECK(has("/memory@40000000", "reg", &p));
	CHECK_EQ(p.size, 8);
	CHECK_EQ(number("/memory@40000000", "reg", 0, 1), 0x40000000);
	CHECK_EQ(number("/memory@40000000", "reg", 1, 1), 0x1ba00000);
}

/* Sizes of one cell, addresses of two: a large bank is told in parts. */
TEST(primary_memory_parts)
{
	struct fdt_prop p;
	uint64_t total = 0;

	begin_cells_board(2, 1);
	end_board();
	b.primary_ram.r[0].end =
		b.primary_ram.r[0].begin + UINT64_C(0x280001000);
	write_primary();
	CHECK(has("/memory@40000000", "reg", &p));
	CHECK_EQ(p.size % 12, 0);
	for (uint32_t i = 0; i < p.size / 12; i++) {
		CHECK_EQ(number("/memory@40000000", "reg", 3 * i, 2),
			 0x40000000 + total);
		total += number("/memory@40000000", "reg", 3 * i + 2, 1);
	}
	CHECK_EQ(total, UINT64_C(0x280001000));
	b.primary_ram.r[0].end += UINT64_C(120) << 31;
	CHECK_EQ(fake_run(write_primary), FAKE_HALTED);
}

/* Memory that one cell can not tell is not cut short in silence. */
TEST(primary_memory_cut)
{
	begin_cells_board(1, 1);
	end_board();
	b.primary_ram.r[0].end = UINT64_C(0x240000000);
	CHECK_EQ(fake_run(write_primary), FAKE_HALTED);
	CHECK(ranges_add(&b.primary_ram, UINT64_C(0x140000000),
			 UINT64_C(0x150000000)));
	b.primary_ram.r[0].end = 0x50000000;
	CHECK_EQ(fake_run(write_primary), FAKE_HALTED);
}

/* Without a ramdisk and bootargs of its own: the board's arguments stay. */
TEST(primary_chosen_kept)
{
	struct fdt_prop p;

	make_board();
	write_primary();
	CHECK_STR(text("/chosen", "bootargs"), "old");
	CHECK_STR(text("/chosen", "stdout-path"), "/uart");
	CHECK(!has("/chosen", "linux,initrd-start", &p));
	CHECK(!has("/chosen", "linux,initrd-end", &p));
	CHECK_STR(text("/chosen/module", "bootargs"), "of the module");
}

TEST(primary_chosen_replaced)
{
	make_board();
	b.manifest.primary.bootargs = "new";
	b.primary.ramdisk = fake_ram(0x52345678);
	b.primary.ramdisk_size = 0x1001;
	write_primary();
	CHECK_STR(text("/chosen", "bootargs"), "new");
	CHECK_EQ(number("/chosen", "linux,initrd-start", 0, 2), 0x52345678);
	CHECK_EQ(number("/chosen", "linux,initrd-end", 0, 2), 0x52346679);
	CHECK_STR(text("/chosen", "stdout-path"), "/uart");
	CHECK_STR(text("/chosen/module", "bootargs"), "of the module");
}

/* A board without /chosen gets one. */
TEST(primary_chosen_made)
{
	begin_board(0);
	end_board();
	b.manifest.primary.bootargs = "new";
	write_primary();
	CHECK_STR(text("/chosen", "bootargs"), "new");
}

TEST(primary_hypervisor)
{
	make_board();
	name_vms(3);
	write_primary();
	CHECK_STR(text("/hypervisor", "compatible"), "holdfast,hypervisor");
	CHECK_EQ(number("/hypervisor", "#address-cells", 0, 1), 1);
	CHECK_EQ(number("/hypervisor", "#size-cells", 0, 1), 0);
	CHECK_EQ(count_children("/hypervisor"), 3);
	CHECK_EQ(number("/hypervisor/vm@2", "reg", 0, 1), 2);
	CHECK_STR(text("/hypervisor/vm@1", "label"), b.manifest.vm[1].name);
}

/* The most of everything fits into the room that is said to suffice. */
TEST(primary_largest)
{
	static char args[5000];

	begin_board(0);
	end_board();
	name_vms(MAX_VMS);
	memset(args, 'x', sizeof(args) - 1);
	b.manifest.primary.bootargs = args;
	b.primary.ramdisk = fake_ram(0x50000000);
	b.primary.ramdisk_size = 1;
	for (uint64_t i = 1; i < MAX_RESERVED_RANGES; i++)
		CHECK(ranges_add(&b.primary_ram, i << 32, (i << 32) + 0x1000));
	write_primary();
	CHECK_STR(text("/chosen", "bootargs"), args);
	CHECK_EQ(count_children("/hypervisor"), MAX_VMS);
	CHECK_EQ(number("/memory@40000000", "reg", 4 * 63, 2), UINT64_C(63)
								       << 32);
}

TEST(primary_no_room)
{
	make_board();
	for (uint64_t size = 0; size < 512; size += 8)
		CHECK_EQ(primary_tree_write(&b, unit_copy(board_buffer, size),
					    size),
			 0);
}

/* --- a secondary's --- */

static struct vm vm;
static struct manifest_vm manifest_vm;

static void make_vm(uint32_t vcpus)
{
	fake_reset();
	memset(&vm, 0, sizeof(vm));
	memset(&manifest_vm, 0, sizeof(manifest_vm));
	strcpy(vm.name, "echo");
	vm.vcpu_count = vcpus;
	manifest_vm.vcpu_count = vcpus;
	manifest_vm.mem_size = 0x200000;
}

static void write_secondary(uint64_t ramdisk, uint64_t ramdisk_size)
{
	uint64_t size = secondary_tree_size(&manifest_vm);
	uint32_t used;

	CHECK(is_aligned(size, PAGE_SIZE));
	written = unit_copy(board_buffer, size);
	memset(written, 0xaa, size);
	used = secondary_tree_write(&vm, &manifest_vm, ipaddr(ramdisk),
				    ramdisk_size, written, size);
	CHECK(used != 0);
	CHECK_STR(unit_fdt_open(&out, written, used), NULL);
	for (uint64_t i = used; i < size; i++)
		CHECK_EQ(written[i], 0);
}

/*
 * What all have alike, of the first and of one after it. The first test:
 * with names that are not the same in all, nothing is kept for the next.
 */
TEST(secondary_common)
{
	struct fdt_prop p;

	make_vm(1);
	for (unsigned int i = 0; i < 4; i++) {
		fake.own_names = i < 2;
		vm.vcpu_count = 1 + i;
		write_secondary(0x40100000, i);
		CHECK_EQ(count_children("/"), 5);
		CHECK(has("/timer", "always-on", &p));
		CHECK_EQ(p.size, 0);
		CHECK_EQ(count_children("/cpus"), 1 + i);
	}
}

TEST(secondary)
{
	struct fdt_prop p;

	make_vm(1);
	write_secondary(0, 0);
	CHECK_STR(text("/", "compatible"), "holdfast,vm");
	CHECK_STR(text("/", "model"), "echo");
	CHECK_STR(text("/memory@40000000", "device_type"), "memory");
	CHECK_EQ(number("/memory@40000000", "reg", 0, 2), 0x40000000);
	CHECK_EQ(number("/memory@40000000", "reg", 2, 2), 0x200000);
	CHECK(fdt_path(&out, "/chosen") != FDT_NO_NODE);
	CHECK(!has("/chosen", "bootargs", &p));
	CHECK(!has("/chosen", "linux,initrd-start", &p));
	CHECK_EQ(count_children("/cpus"), 1);
}

TEST(secondary_everything)
{
	static char args[9000];

	make_vm(MAX_VCPUS);
	memset(args, 'y', sizeof(args) - 1);
	manifest_vm.bootargs = args;
	manifest_vm.mem_size = UINT64_C(0x500003000);
	write_secondary(UINT64_C(0x480001000), 0x123);
	CHECK_STR(text("/chosen", "bootargs"), args);
	CHECK_EQ(number("/chosen", "linux,initrd-start", 0, 2), 0x480001000);
	CHECK_EQ(number("/chosen", "linux,initrd-end", 0, 2), 0x480001123);
	CHECK_EQ(number("/memory@40000000", "reg", 2, 2), 0x500003000);
	CHECK_EQ(count_children("/cpus"), MAX_VCPUS);
}

/* A tree that does not fit is said not to, whatever the room. */
TEST(secondary_no_room)
{
	make_vm(1);
	for (uint64_t size = 0; size < 256; size += 8)
		CHECK_EQ(secondary_tree_write(&vm, &manifest_vm, ipaddr(0), 0,
					      unit_copy(board_buffer, size),
					      size),
			 0);
}
