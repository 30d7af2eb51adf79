/* SPDX-License-Identifier: BSD-3-Clause */
/* src/devtree.c: which node of a board is where, seen from the CPU. */
#include "unit.h"
#include "devtree.h"

static _Alignas(8) uint8_t buffer[1 << 14];
static struct fdt_writer w;
static struct fdt fdt;
static uint64_t base, size;

#define CELLS(name, ...)                                              \
	do {                                                          \
		const uint32_t unit_cells[] = {__VA_ARGS__};          \
		fdt_put_cells(&w, name, unit_cells,                   \
			      sizeof(unit_cells) / sizeof(uint32_t)); \
	} while (0)

/* Begins a tree whose root has these cell counts. */
static void begin(uint32_t address_cells, uint32_t size_cells)
{
	fdt_begin(&w, buffer, sizeof(buffer), 0);
	fdt_put_node(&w, "");
	fdt_put_u32(&w, "#address-cells", address_cells);
	fdt_put_u32(&w, "#size-cells", size_cells);
}

static void begin_bus(const char *name, uint32_t address_cells,
		      uint32_t size_cells)
{
	fdt_put_node(&w, name);
	fdt_put_u32(&w, "#address-cells", address_cells);
	fdt_put_u32(&w, "#size-cells", size_cells);
}

static void end(void)
{
	uint32_t used;

	fdt_put_end(&w);
	used = fdt_finish(&w, 0);
	CHECK(used != 0);
	CHECK_STR(unit_fdt_open(&fdt, unit_copy(buffer, used), used), NULL);
}

/* Entry `i` of the "reg" of the node at `path`. */
static bool reg(const char *path, uint32_t i)
{
	base = size = 0;
	return devtree_node_reg(&fdt, fdt_path(&fdt, path), i, &base, &size);
}

/* Window `i` of the bus at `path`. */
static bool window(const char *path, uint32_t i)
{
	return devtree_window(&fdt, fdt_path(&fdt, path), i, &base, &size);
}

#define CHECK_RANGE(b, s)          \
	do {                       \
		CHECK_EQ(base, b); \
		CHECK_EQ(size, s); \
	} while (0)

TEST(reg_cells)
{
	for (uint32_t ac = 0; ac <= 2; ac++)
		for (uint32_t sc = 0; sc <= 2; sc++) {
			uint32_t cells[8], n = 0;

			for (uint32_t i = 0; i < 2; i++) {
				for (uint32_t c = 0; c < ac; c++)
					cells[n++] = 0x10 + i + c;
				for (uint32_t c = 0; c < sc; c++)
					cells[n++] = 0x20 + i + c;
			}
			begin(ac, sc);
			fdt_put_node(&w, "d");
			fdt_put_cells(&w, "reg", cells, n);
			fdt_put_end(&w);
			end();
			for (uint32_t i = 0; i < 2; i++) {
				CHECK_EQ(reg("/d", i), ac + sc != 0);
				if (ac + sc == 0)
					continue;
				CHECK_EQ(base >> 32, ac == 2 ? 0x10 + i : 0);
				CHECK_EQ((uint32_t)base,
					 ac ? 0x10 + i + ac - 1 : 0);
				CHECK_EQ(size >> 32, sc == 2 ? 0x20 + i : 0);
				CHECK_EQ((uint32_t)size,
					 sc ? 0x20 + i + sc - 1 : 0);
			}
			CHECK(!reg("/d", 2));
			CHECK(!reg("/d", 0xffffffff));
		}
}

/* Without the properties: two cells of address, one of size. */
TEST(reg_default_cells)
{
	fdt_begin(&w, buffer, sizeof(buffer), 0);
	fdt_put_node(&w, "");
	fdt_put_node(&w, "d");
	CELLS("reg", 1, 0x1000, 0x200);
	fdt_put_end(&w);
	end();
	CHECK(reg("/d", 0));
	CHECK_RANGE(0x100001000, 0x200);
}

TEST(reg_cell_count)
{
	begin(2, 1);
	begin_bus("bus", 1, 0);
	fdt_put_node(&w, "d");
	fdt_put_end(&w);
	fdt_put_end(&w);
	end();
	CHECK_EQ(devtree_reg_cells(&fdt, fdt_path(&fdt, "/bus")), 3);
	CHECK_EQ(devtree_reg_cells(&fdt, fdt_path(&fdt, "/bus/d")), 1);
	/* The root has no parent that could say. */
	CHECK_EQ(devtree_reg_cells(&fdt, fdt_path(&fdt, "/")), 0);
	CHECK_EQ(devtree_reg_cells(&fdt, FDT_NO_NODE), 0);
}

TEST(reg_none)
{
	begin(1, 1);
	CELLS("reg", 1, 1);
	fdt_put_node(&w, "a");
	fdt_put_end(&w);
	fdt_put_node(&w, "b");
	CELLS("reg", 1);
	fdt_put_end(&w);
	fdt_put_node(&w, "c");
	fdt_put_prop(&w, "reg", NULL, 0);
	fdt_put_end(&w);
	end();
	CHECK(!reg("/", 0)); /* the root is nowhere */
	CHECK(!reg("/a", 0));
	CHECK(!reg("/b", 0)); /* half an entry */
	CHECK(!reg("/c", 0));
	CHECK(!reg("/none", 0));
}

/* Counts that are too large for a number, or whose sum wraps. */
TEST(reg_bad_cells)
{
	static const struct {
		uint32_t address, size;
	} bad[] = {{3, 1},
		   {1, 3},
		   {0xffffffff, 1},
		   {1, 0xffffffff},
		   {0x80000000, 0x80000000},
		   {3, 0}};

	for (unsigned int i = 0; i < 6; i++) {
		begin(bad[i].address, bad[i].size);
		fdt_put_node(&w, "d");
		CELLS("reg", 0, 0, 0, 0, 0, 0, 0, 0);
		fdt_put_end(&w);
		end();
		CHECK(!reg("/d", 0));
	}
}

TEST(reg_wraps)
{
	begin(2, 2);
	fdt_put_node(&w, "d");
	CELLS("reg", 0xffffffff, 0xfffff000, 0, 0x1000, /* ends at 2^64 */
	      0xffffffff, 0xfffff000, 0, 0xfff, 0xffffffff, 0xfffff000,
	      0xffffffff, 0xffffffff);
	fdt_put_end(&w);
	end();
	CHECK(!reg("/d", 0));
	CHECK(reg("/d", 1));
	CHECK_RANGE(0xfffffffffffff000, 0xfff);
	CHECK(!reg("/d", 2));
}

/* A bus whose addresses are the CPU's, one that moves them, one without. */
static void make_buses(void)
{
	begin(2, 2);
	begin_bus("same", 1, 1);
	fdt_put_prop(&w, "ranges", NULL, 0);
	fdt_put_node(&w, "d");
	CELLS("reg", 0x1000, 0x100);
	fdt_put_end(&w);
	fdt_put_end(&w);
	begin_bus("moved", 1, 1);
	CELLS("ranges", 0, 0, 0x40000000, 0x10000, /* child, parent, size */
	      0x80000000, 1, 0x50000000, 0x1000);
	fdt_put_node(&w, "d");
	CELLS("reg", 0x1000, 0x100, 0xff00, 0x100, 0xff00, 0x101, 0x80000000,
	      0x1000, 0x80000fff, 2, 0x20000, 0, 0x10000, 0, 0x7fffffff, 1);
	fdt_put_end(&w);
	begin_bus("inner", 1, 1);
	CELLS("ranges", 0, 0x2000, 0x100);
	fdt_put_node(&w, "d");
	CELLS("reg", 0x10, 0xf0, 0x10, 0xf1);
	fdt_put_end(&w);
	fdt_put_end(&w);
	fdt_put_end(&w);
	begin_bus("apart", 1, 1);
	fdt_put_node(&w, "d");
	CELLS("reg", 0x1000, 0x100);
	fdt_put_end(&w);
	fdt_put_end(&w);
	end();
}

TEST(ranges)
{
	make_buses();
	CHECK(reg("/same/d", 0));
	CHECK_RANGE(0x1000, 0x100);
	CHECK(reg("/moved/d", 0));
	CHECK_RANGE(0x40001000, 0x100);
	CHECK(reg("/moved/d", 1)); /* up to the end */
	CHECK_RANGE(0x4000ff00, 0x100);
	CHECK(!reg("/moved/d", 2)); /* one too long */
	CHECK(reg("/moved/d", 3));  /* the second range */
	CHECK_RANGE(0x150000000, 0x1000);
	CHECK(!reg("/moved/d", 4));
	CHECK(!reg("/moved/d", 5)); /* in none */
	CHECK(!reg("/moved/d", 7));
	CHECK(!reg("/apart/d", 0)); /* no "ranges": not the CPU's */
}

TEST(ranges_nested)
{
	make_buses();
	CHECK(reg("/moved/inner/d", 0));
	CHECK_RANGE(0x40002010, 0xf0);
	CHECK(!reg("/moved/inner/d", 1));
}

/* A "ranges" that is cut off, or of counts that can not be. */
TEST(ranges_bad)
{
	begin(2, 1);
	begin_bus("short", 1, 1);
	CELLS("ranges", 0, 0, 0x1000);
	fdt_put_node(&w, "d");
	CELLS("reg", 0, 1);
	fdt_put_end(&w);
	fdt_put_end(&w);
	begin_bus("outer", 3, 1);
	fdt_put_prop(&w, "ranges", NULL, 0);
	begin_bus("inner", 1, 1);
	CELLS("ranges", 0, 0, 0, 0, 0x1000);
	fdt_put_node(&w, "d");
	CELLS("reg", 0, 1);
	fdt_put_end(&w);
	fdt_put_end(&w);
	fdt_put_end(&w);
	begin_bus("many", 0xfffffffd, 1);
	CELLS("ranges", 0, 0, 0, 0);
	begin_bus("inner", 1, 1);
	CELLS("ranges", 0, 0, 0);
	fdt_put_node(&w, "d");
	CELLS("reg", 0, 1);
	fdt_put_end(&w);
	fdt_put_end(&w);
	fdt_put_end(&w);
	end();
	CHECK(!reg("/short/d", 0));
	CHECK(!reg("/outer/inner/d", 0));
	CHECK(!reg("/many/inner/d", 0));
}

/* The windows of a PCI host bridge: its space code is not an address. */
TEST(windows)
{
	begin(2, 2);
	begin_bus("pcie", 3, 2);
	fdt_put_string(&w, "device_type", "pci");
	CELLS("reg", 0x40, 0x10000000, 0, 0x10000000);
	CELLS("ranges", 0x01000000, 0, 0, 0, 0x3eff0000, 0, 0x10000, /* I/O */
	      0x02000000, 0, 0x10000000, 0, 0x10000000, 0, 0x2eff0000,
	      0x03000000, 0x80, 0, 0x80, 0, 0x80, 0);
	fdt_put_end(&w);
	end();
	CHECK(reg("/pcie", 0));
	CHECK_RANGE(0x4010000000, 0x10000000);
	CHECK(window("/pcie", 0));
	CHECK_RANGE(0x3eff0000, 0x10000);
	CHECK(window("/pcie", 1));
	CHECK_RANGE(0x10000000, 0x2eff0000);
	CHECK(window("/pcie", 2));
	CHECK_RANGE(0x8000000000, 0x8000000000);
	CHECK(!window("/pcie", 3));
	CHECK(!window("/", 0));
}

/* Windows of a bus on a bus; and of one that has none. */
TEST(windows_moved)
{
	begin(2, 2);
	begin_bus("bus", 1, 1);
	CELLS("ranges", 0x1000, 0, 0x90000000, 0x1000);
	begin_bus("pci", 1, 1);
	CELLS("ranges", 0, 0x1100, 0x100, 0, 0x1f00, 0x101);
	fdt_put_end(&w);
	fdt_put_node(&w, "plain");
	fdt_put_end(&w);
	fdt_put_end(&w);
	end();
	CHECK(window("/bus/pci", 0));
	CHECK_RANGE(0x90000100, 0x100);
	CHECK(!window("/bus/pci", 1));
	CHECK(!window("/bus/plain", 0));
}

/* The kinds of a node with such a "compatible". */
static uint32_t kinds_of(const char *list, uint32_t size)
{
	begin(1, 1);
	fdt_put_prop(&w, "compatible", list, size);
	end();
	return devtree_kinds(&fdt, 0);
}

TEST(kinds)
{
	static const struct {
		const char *list;
		uint32_t size, kinds;
	} rows[] = {
#define LIST(list, kinds) {list, sizeof(list), kinds}
		LIST("arm,psci-1.0\0arm,psci-0.2\0arm,psci", KIND_PSCI),
		LIST("arm,psci", 0),
		LIST("arm,armv8-timer\0arm,armv7-timer", KIND_TIMER),
		LIST("arm,armv7-timer-mem", KIND_SLAVE),
		LIST("arm,pl011\0arm,primecell", KIND_PL011 | KIND_SLAVE),
		LIST("arm,pl031", KIND_PL031 | KIND_SLAVE),
		LIST("\0arm,pl031", KIND_PL031),
		LIST("my,uart\0ns16550a", KIND_16550),
		LIST("snps,dw-apb-uart", KIND_16550 | KIND_SLAVE),
		LIST("snps,designware-i2c", KIND_SLAVE),
		LIST("snps,designware-i2cx", 0),
		LIST("arm,cortex-a15-gic", KIND_GIC_V2 | KIND_SLAVE),
		LIST("qemu,gic\0arm,gic-400", KIND_GIC_V2),
		LIST("arm,gic-4000", 0),
		LIST("arm,gic-v2m-frame", KIND_V2M | KIND_SLAVE),
		LIST("arm,gic-v3", KIND_GIC_V3 | KIND_LIKE_GIC_V3),
		LIST("a\0arm,gic-v3-its", KIND_ITS | KIND_LIKE_GIC_V3),
		LIST("my,arm,gic-v3x", KIND_LIKE_GIC_V3),
		LIST("arm,gic-v\0"
		     "3",
		     0),
		LIST("arm,smmu-v3", KIND_SMMU),
		LIST("arm,smmu-v3-pmcg", KIND_LIKE_PMCG),
		LIST("arm,coresight-etm4x\0x", KIND_LIKE_CORESIGHT),
		LIST("oresight", 0),
		LIST("", 0),
		/* Without an end it is no name, but may be like one. */
		{"arm,gic-400", 11, 0},
		{"arm,pl011\0cfi-flash", 19, KIND_PL011 | KIND_SLAVE},
		{"arm,gic-v3", 10, KIND_LIKE_GIC_V3},
		{"arm,gic-v3", 9, 0},
		{NULL, 0, 0},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		CHECK_EQ(kinds_of(rows[i].list, rows[i].size),
			 rows[i].kinds | KIND_KNOWN);
	begin(1, 1);
	end();
	CHECK_EQ(devtree_kinds(&fdt, 0), KIND_KNOWN);
}

/* A node has the kinds of the one before it only if its names are the same. */
TEST(kinds_in_a_row)
{
	static const struct {
		const char *list;
		uint32_t size, kinds;
	} rows[] = {
		LIST("arm,pl011", KIND_PL011 | KIND_SLAVE),
		LIST("arm,pl011", KIND_PL011 | KIND_SLAVE),
		LIST("arm,pl031", KIND_PL031 | KIND_SLAVE),
		{"arm,pl031", 9, 0},
		LIST("arm,pl031\0x", KIND_PL031 | KIND_SLAVE),
		LIST("virtio,mmio", 0),
		LIST("arm,smmu-v3", KIND_SMMU),
	};

	begin(1, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		fdt_put_node(&w, "d");
		fdt_put_prop(&w, "compatible", rows[i].list, rows[i].size);
		fdt_put_end(&w);
	}
	end();
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		CHECK_EQ(devtree_kinds(&fdt, (fdt_node_t)i + 1),
			 rows[i].kinds | KIND_KNOWN);
}

TEST(nodes_of_a_kind)
{
	static const char list[] = "qemu,gic\0arm,gic-400";
	const uint32_t both = KIND_GIC_V2 | KIND_GIC_V3;

	begin(1, 1);
	fdt_put_node(&w, "a");
	fdt_put_string(&w, "compatible", "other");
	fdt_put_string(&w, "model", "arm,gic-v3");
	fdt_put_node(&w, "b");
	fdt_put_prop(&w, "compatible", list, sizeof(list));
	fdt_put_end(&w);
	fdt_put_end(&w);
	fdt_put_node(&w, "off");
	fdt_put_string(&w, "compatible", "arm,gic-v3");
	fdt_put_string(&w, "status", "disabled");
	fdt_put_end(&w);
	fdt_put_node(&w, "c");
	fdt_put_string(&w, "compatible", "arm,gic-v3");
	fdt_put_end(&w);
	end();
	/* The first node, whichever kind. */
	CHECK_EQ(devtree_enabled_of(&fdt, both), fdt_path(&fdt, "/a/b"));
	CHECK_EQ(devtree_enabled_of(&fdt, KIND_GIC_V3), fdt_path(&fdt, "/c"));
	CHECK_EQ(devtree_enabled_of(&fdt, KIND_ITS), FDT_NO_NODE);
	CHECK_EQ(devtree_enabled_of(&fdt, 0), FDT_NO_NODE);
	CHECK_EQ(devtree_next_of(&fdt, fdt_path(&fdt, "/a/b"), both),
		 fdt_path(&fdt, "/off"));
	CHECK_EQ(devtree_next_of(&fdt, fdt_path(&fdt, "/c"), both),
		 FDT_NO_NODE);
}

TEST(has_type)
{
	begin(1, 1);
	fdt_put_node(&w, "a");
	fdt_put_string(&w, "device_type", "memory");
	fdt_put_end(&w);
	fdt_put_node(&w, "b");
	fdt_put_prop(&w, "device_type", "memory", 6); /* not terminated */
	fdt_put_end(&w);
	fdt_put_node(&w, "memory");
	fdt_put_end(&w);
	end();
	CHECK(devtree_has_type(&fdt, fdt_path(&fdt, "/a"), "memory"));
	CHECK(!devtree_has_type(&fdt, fdt_path(&fdt, "/a"), "mem"));
	CHECK(!devtree_has_type(&fdt, fdt_path(&fdt, "/a"), "memory2"));
	CHECK(!devtree_has_type(&fdt, fdt_path(&fdt, "/b"), "memory"));
	CHECK(!devtree_has_type(&fdt, fdt_path(&fdt, "/memory"), "memory"));
}

TEST(overlaps_memory)
{
	begin(2, 2);
	fdt_put_node(&w, "memory@40000000");
	fdt_put_string(&w, "device_type", "memory");
	CELLS("reg", 0, 0x40000000, 0, 0x1000, 1, 0, 0, 0x1000);
	fdt_put_end(&w);
	begin_bus("bus", 2, 2);
	fdt_put_prop(&w, "ranges", NULL, 0);
	fdt_put_node(&w, "memory@0");
	fdt_put_string(&w, "device_type", "memory");
	CELLS("reg", 0, 0x1000, 0, 0x1000);
	fdt_put_end(&w);
	fdt_put_end(&w);
	end();
	CHECK(devtree_overlaps_memory(&fdt, 0x40000000, 1));
	CHECK(devtree_overlaps_memory(&fdt, 0x40000fff, 1));
	CHECK(devtree_overlaps_memory(&fdt, 0x3fffffff, 2));
	CHECK(devtree_overlaps_memory(&fdt, 0, UINT64_C(1) << 40));
	CHECK(devtree_overlaps_memory(&fdt, 0x100000800, 8));
	CHECK(!devtree_overlaps_memory(&fdt, 0x40001000, 0x1000));
	CHECK(!devtree_overlaps_memory(&fdt, 0x3ffff000, 0x1000));
	CHECK(!devtree_overlaps_memory(&fdt, 0x1000, 0x1000)); /* on a bus */
}
