/* SPDX-License-Identifier: BSD-3-Clause */
/* src/devices.c: which devices the primary gets, in its stage 2 and its tree.
 */
#include "unit.h"
#include "boot.h"
#include "fake.h"
#include "log.h"
#include "mm.h"
#include "pool.h"

static _Alignas(8) uint8_t board_buffer[1 << 16];
static _Alignas(8) uint8_t out_buffer[1 << 16];
static struct fdt_writer w;
static struct boot b;
static struct fdt out;

#define OWN_IOMMU 1   /* phandle of an IOMMU that is the hypervisor's */
#define OTHER_IOMMU 2 /* and of one that is not */

#define CELLS(name, ...)                                                     \
	do {                                                                 \
		const uint32_t unit_cells[] = {__VA_ARGS__};                 \
		fdt_put_cells(&w, name, unit_cells, ARRAY_SIZE(unit_cells)); \
	} while (0)

static void put_device(const char *name, const char *compatible, uint32_t at,
		       uint32_t size)
{
	fdt_put_node(&w, name);
	fdt_put_string(&w, "compatible", compatible);
	CELLS("reg", at, size);
}

static void device(const char *name, const char *compatible, uint32_t at,
		   uint32_t size)
{
	put_device(name, compatible, at, size);
	fdt_put_end(&w);
}

/* The IOMMUs: at 0x1000000 and 0x2000000. */
static void begin(bool strict)
{
	fake_reset();
	log_init();
	log_console_ready();
	memset(&b, 0, sizeof(b));
	b.manifest.strict = strict;
	fdt_begin(&w, board_buffer, sizeof(board_buffer), 0);
	fdt_put_node(&w, "");
	fdt_put_u32(&w, "#address-cells", 1);
	fdt_put_u32(&w, "#size-cells", 1);
	put_device("own@1000000", "some,iommu", 0x1000000, 0x20000);
	fdt_put_prop(&w, "fake,hidden", NULL, 0);
	fdt_put_prop(&w, "fake,iommu", NULL, 0);
	fdt_put_u32(&w, "phandle", OWN_IOMMU);
	fdt_put_end(&w);
	put_device("other@2000000", "some,iommu", 0x2000000, 0x20000);
	fdt_put_u32(&w, "phandle", OTHER_IOMMU);
	fdt_put_end(&w);
}

/* Ends the board, whose primary has 40 or 48 bits of addresses. */
static void finish_with(uint8_t bits)
{
	bool wide = bits == 48;
	uint32_t used;

	fdt_put_end(&w);
	used = fdt_finish(&w, 0);
	CHECK(used != 0);
	CHECK_STR(unit_fdt_open(&b.tree, board_buffer, used), NULL);
	pool_init(fake_ram(FAKE_RAM_BASE),
		  fake_ram(FAKE_RAM_BASE + 256 * PAGE_SIZE));
	CHECK(ptable_init(&vm_primary.stage2, MM_STAGE_2, wide ? 0 : 1,
			  wide ? 1 : 2, bits));
	boot_give_devices(&b);
	fake_check_ptable(&vm_primary.stage2);
	CHECK(ranges_add(&b.primary_ram, 0x40000000, 0x50000000));
	used = primary_tree_write(&b, out_buffer, sizeof(out_buffer));
	CHECK_STR(unit_fdt_open(&out, out_buffer, used), NULL);
}

static void finish(void)
{
	finish_with(40);
}

static enum mm_owner owner(uint64_t pa)
{
	return mm_owner(&vm_primary.stage2, paddr(pa));
}

static bool in_tree(const char *path)
{
	return fdt_path(&out, path) != FDT_NO_NODE;
}

static bool has(const char *path, const char *name)
{
	struct fdt_prop p;

	return in_tree(path) && fdt_prop(&out, fdt_path(&out, path), name, &p);
}

/* A PCI host at 0x10000000 whose window is at 0x20000000. */
static void put_pci(const char *name)
{
	put_device(name, "pci-host-ecam-generic", 0x10000000, 0x1000000);
	fdt_put_string(&w, "device_type", "pci");
	fdt_put_u32(&w, "#address-cells", 3);
	fdt_put_u32(&w, "#size-cells", 2);
	CELLS("ranges", 0x02000000, 0, 0x20000000, 0x20000000, 0, 0x1000000);
	CELLS("msi-map", 0, 9, 0, 0x10000);
}

/* A strict board whose PCI host has this map; whether it stays. */
static bool pci_stays(const uint32_t *map, uint32_t cells,
		      const uint32_t *bus_range, uint32_t mask)
{
	begin(true);
	put_pci("pcie@10000000");
	fdt_put_cells(&w, "iommu-map", map, cells);
	if (bus_range)
		fdt_put_cells(&w, "bus-range", bus_range, 2);
	if (mask)
		fdt_put_u32(&w, "iommu-map-mask", mask);
	fdt_put_end(&w);
	finish();
	CHECK_EQ(owner(0x10000000),
		 in_tree("/pcie") ? OWNER_PRIMARY : OWNER_HYPERVISOR);
	CHECK_EQ(owner(0x20fff000), owner(0x10000000));
	CHECK(!has("/pcie", "iommu-map"));
	CHECK(!has("/pcie", "iommu-map-mask"));
	CHECK_EQ(has("/pcie", "msi-map"), in_tree("/pcie"));
	return in_tree("/pcie");
}

/* The hypervisor's IOMMU and the way to it do not show. */
TEST(iommu_hidden)
{
	begin(false);
	put_pci("pcie@10000000");
	CELLS("iommu-map", 0, OWN_IOMMU, 0, 0x10000);
	fdt_put_u32(&w, "iommu-map-mask", 0xffff);
	fdt_put_end(&w);
	put_device("dma@3000000", "some,dma", 0x3000000, 0x1000);
	CELLS("iommus", OWN_IOMMU, 7);
	fdt_put_end(&w);
	put_device("dma@4000000", "some,dma", 0x4000000, 0x1000);
	CELLS("iommus", OTHER_IOMMU, 7);
	fdt_put_end(&w);
	finish();
	CHECK(!in_tree("/own"));
	CHECK_EQ(owner(0x1000000), OWNER_HYPERVISOR);
	CHECK_EQ(owner(0x101f000), OWNER_HYPERVISOR);
	CHECK_EQ(owner(0x1020000), OWNER_NOBODY);
	CHECK(!has("/pcie", "iommu-map"));
	CHECK(!has("/pcie", "iommu-map-mask"));
	CHECK(!has("/dma@3000000", "iommus"));
	CHECK(has("/dma@4000000", "iommus"));
	CHECK_EQ(owner(0x3000000), OWNER_PRIMARY);
	CHECK(fake_printed("may reach all memory by DMA: other, dma\r\n"));
}

/* Devices in a row, which begin in one page or right behind it. */
TEST(rows)
{
	begin(false);
	device("a@3000000", "cfi-flash", 0x3000000, 0x200);
	device("b@3000200", "cfi-flash", 0x3000200, 0x200);
	device("c@3001000", "cfi-flash", 0x3001000, 0x3000);
	device("d@3002000", "cfi-flash", 0x3002000, 0x1000);
	device("e@3004000", "cfi-flash", 0x3004000, 0x1000);
	device("f@3006000", "cfi-flash", 0x3006000, 0x1000);
	device("g@2fff000", "cfi-flash", 0x2fff000, 0x1000);
	finish();
	for (uint64_t at = 0x2fff000; at < 0x3007000; at += PAGE_SIZE)
		CHECK_EQ(owner(at),
			 at == 0x3005000 ? OWNER_NOBODY : OWNER_PRIMARY);
	CHECK_EQ(owner(0x2ffe000), OWNER_NOBODY);
	CHECK_EQ(owner(0x3007000), OWNER_NOBODY);
}

/* A device where 32 bits do not hold a page's number. */
TEST(high_device)
{
	const uint64_t high = UINT64_C(0x300003000000);

	begin(false);
	fdt_put_node(&w, "bus");
	fdt_put_u32(&w, "#address-cells", 2);
	fdt_put_u32(&w, "#size-cells", 2);
	fdt_put_prop(&w, "ranges", NULL, 0);
	fdt_put_node(&w, "a");
	CELLS("reg", 0x3000, 0x03000000, 0, 0x1000);
	fdt_put_end(&w);
	fdt_put_end(&w);
	finish_with(48);
	CHECK_EQ(owner(high), OWNER_PRIMARY);
	CHECK_EQ(owner(high + PAGE_SIZE), OWNER_NOBODY);
	CHECK_EQ(owner(0x3000000), OWNER_NOBODY);
}

/* A device of more pages than 16 bits hold. */
TEST(large_device)
{
	begin(false);
	device("a", "cfi-flash", 0x50000000, 0x10001000);
	finish();
	CHECK_EQ(owner(0x50000000), OWNER_PRIMARY);
	CHECK_EQ(owner(0x60000000), OWNER_PRIMARY);
	CHECK_EQ(owner(0x60001000), OWNER_NOBODY);
}

/* More devices than are noted. */
TEST(many_devices)
{
	char name[32];

	begin(false);
	for (uint32_t at = 0x3000000; at < 0x3400000; at += 0x2000) {
		snprintf(name, sizeof(name), "d@%x", at);
		device(name, "cfi-flash", at, 0x1000);
	}
	finish();
	for (uint64_t at = 0x3000000; at < 0x3400000; at += 0x2000) {
		CHECK_EQ(owner(at), OWNER_PRIMARY);
		CHECK_EQ(owner(at + 0x1000), OWNER_NOBODY);
	}
}

TEST(pci_maps)
{
	static const uint32_t whole[] = {0, OWN_IOMMU, 0, 0x10000};
	static const uint32_t wrong[] = {0, OTHER_IOMMU, 0, 0x10000};
	static const uint32_t most[] = {0, OWN_IOMMU, 0, 0xffff};
	static const uint32_t halves[] = {0x8000, OWN_IOMMU, 0, 0x8000,
					  0,	  OWN_IOMMU, 0, 0x8000};
	static const uint32_t hole[] = {0,	OWN_IOMMU, 0, 0x7fff,
					0x8000, OWN_IOMMU, 0, 0x8000};
	static const uint32_t mixed[] = {0,	 OWN_IOMMU,   0, 0x8000,
					 0x8000, OTHER_IOMMU, 0, 0x8000};
	static const uint32_t bus_1[] = {0x100, OWN_IOMMU, 0, 0x100};
	static const uint32_t none[] = {0, OWN_IOMMU, 0, 0};
	static const uint32_t huge[] = {0, OWN_IOMMU, 0, 0xffffffff};
	static const uint32_t first[] = {0, OWN_IOMMU, 0, 0x100};
	static const uint32_t one[] = {1, 1}, two[] = {1, 2};

	CHECK(pci_stays(whole, 4, NULL, 0));
	CHECK(pci_stays(halves, 8, NULL, 0));
	CHECK(pci_stays(huge, 4, NULL, 0));
	CHECK(!pci_stays(most, 4, NULL, 0));
	CHECK(!pci_stays(hole, 8, NULL, 0));
	CHECK(!pci_stays(mixed, 8, NULL, 0));
	CHECK(!pci_stays(none, 4, NULL, 0));
	CHECK(!pci_stays(whole, 3, NULL, 0));
	CHECK(pci_stays(bus_1, 4, one, 0));
	CHECK(!pci_stays(bus_1, 4, two, 0));
	CHECK(pci_stays(first, 4, NULL, 0xff));
	CHECK(!pci_stays(first, 4, NULL, 0xf0ff));
	begin(true);
	put_pci("pcie@10000000");
	fdt_put_cells(&w, "iommu-map", wrong, 4);
	fdt_put_end(&w);
	finish();
	CHECK(!in_tree("/pcie"));
}

/* An IOMMU before the host itself is none before its devices. */
TEST(pci_with_iommus)
{
	begin(true);
	put_pci("pcie@10000000");
	CELLS("iommus", OWN_IOMMU, 0);
	fdt_put_end(&w);
	finish();
	CHECK(!in_tree("/pcie"));
}

TEST(several_iommus)
{
	begin(true);
	put_device("both@3000000", "some,dma", 0x3000000, 0x1000);
	CELLS("iommus", OWN_IOMMU, 7, OWN_IOMMU, 8);
	fdt_put_end(&w);
	put_device("half@4000000", "some,dma", 0x4000000, 0x1000);
	CELLS("iommus", OWN_IOMMU, 7, OTHER_IOMMU, 8);
	fdt_put_end(&w);
	put_device("cut@5000000", "some,dma", 0x5000000, 0x1000);
	CELLS("iommus", OWN_IOMMU);
	fdt_put_end(&w);
	put_device("empty@6000000", "some,dma", 0x6000000, 0x1000);
	fdt_put_prop(&w, "iommus", NULL, 0);
	fdt_put_end(&w);
	finish();
	CHECK(in_tree("/both"));
	CHECK(!in_tree("/half"));
	CHECK(!in_tree("/cut"));
	CHECK(!in_tree("/empty"));
}

/* What is known to write no memory, and what is no device. */
TEST(slaves)
{
	begin(true);
	device("uart@3000000", "arm,pl011", 0x3000000, 0x1000);
	put_device("slave@4000000", "snps,dw-apb-uart", 0x4000000, 0x1000);
	CELLS("dmas", 5, 6);
	fdt_put_end(&w);
	put_device("chained@6000000", "some,dma", 0x6000000, 0x1000);
	CELLS("dmas", 5, 6);
	fdt_put_end(&w);
	put_device("gic@7000000", "some,gic", 0x7000000, 0x1000);
	fdt_put_prop(&w, "fake,mediated", NULL, 0);
	fdt_put_end(&w);
	fdt_put_node(&w, "reserved-memory");
	fdt_put_u32(&w, "#address-cells", 1);
	fdt_put_u32(&w, "#size-cells", 1);
	fdt_put_prop(&w, "ranges", NULL, 0);
	device("buffer@5000000", "shared-dma-pool", 0x5000000, 0x1000);
	fdt_put_end(&w);
	fdt_put_node(&w, "no-registers");
	fdt_put_string(&w, "compatible", "fixed-clock");
	fdt_put_end(&w);
	finish();
	CHECK(in_tree("/uart"));
	CHECK(in_tree("/slave"));
	CHECK(in_tree("/gic"));
	CHECK_EQ(owner(0x7000000), OWNER_PRIMARY);
	CHECK(in_tree("/reserved-memory/buffer"));
	CHECK(in_tree("/no-registers"));
	CHECK(fake_printed("strict: withheld: other, chained\r\n"));
}

/* A list of compatibles, each with its terminator. */
#define LISTED(name, list, at)                                          \
	do {                                                            \
		fdt_put_node(&w, name);                                 \
		fdt_put_prop(&w, "compatible", list, sizeof(list) - 1); \
		CELLS("reg", at, 0x1000);                               \
		fdt_put_end(&w);                                        \
	} while (0)

/* What a device is like says less than what it is. */
TEST(first_compatible)
{
	begin(true);
	LISTED("a", "arm,pl011\0arm,primecell\0", 0x3000000);
	LISTED("b", "some,uart-with-dma\0ns16550a\0", 0x3001000);
	LISTED("c", "some,reset\0syscon\0", 0x3002000);
	LISTED("d", "arm,pl011", 0x3003000); /* cut off */
	LISTED("e", "arm,pl01\0", 0x3004000);
	finish();
	CHECK(in_tree("/a"));
	CHECK(fake_printed("strict: withheld: other, b, c, d, e\r\n"));
	CHECK_EQ(owner(0x3001000), OWNER_HYPERVISOR);
}

/* Some are never the primary's, strict or not. */
static void check_forbidden(bool strict)
{
	begin(strict);
	LISTED("debug@3000000", "arm,coresight-cpu-debug\0arm,primecell\0",
	       0x3000000);
	LISTED("debug@3001000", "arm,coresight-cpu-debug\0arm,primecell\0",
	       0x3001000);
	put_device("dap@3002000", "some,coresight-bus", 0x3002000, 0x1000);
	fdt_put_u32(&w, "#address-cells", 1);
	fdt_put_u32(&w, "#size-cells", 1);
	fdt_put_prop(&w, "ranges", NULL, 0);
	LISTED("etm", "arm,primecell\0", 0x3003000);
	fdt_put_end(&w);
	LISTED("pmu", "some,smmu-v3-pmcg-7\0arm,smmu-v3-pmcg\0", 0x3004000);
	LISTED("intc", "some,intc\0arm,gic-v3\0", 0x3005000);
	put_device("gic@7000000", "arm,gic-v3", 0x7000000, 0x1000);
	fdt_put_prop(&w, "fake,mediated", NULL, 0);
	fdt_put_end(&w);
	fdt_put_node(&w, "funnel");
	fdt_put_string(&w, "compatible", "arm,coresight-static-funnel");
	fdt_put_end(&w);
	finish();
	CHECK(fake_printed("holdfast: withheld: 2 debug, dap, pmu, intc\r\n"));
	for (uint64_t at = 0x3000000; at < 0x3006000; at += 0x1000)
		CHECK_EQ(owner(at), OWNER_HYPERVISOR);
	CHECK(!in_tree("/debug"));
	CHECK(!in_tree("/dap"));
	CHECK(!in_tree("/pmu"));
	CHECK(!in_tree("/intc"));
	CHECK(in_tree("/gic"));
	CHECK_EQ(owner(0x7000000), OWNER_PRIMARY);
	CHECK_EQ(b.withheld_count, strict ? 6 : 5);
}

TEST(forbidden)
{
	check_forbidden(false);
	CHECK(fake_printed("may reach all memory by DMA: other\r\n"));
	check_forbidden(true);
	CHECK(fake_printed("strict: withheld: other\r\n"));
}

/* A device is what gets pages, by whatever entry. */
TEST(any_pages)
{
	begin(true);
	fdt_put_node(&w, "bus");
	fdt_put_u32(&w, "#address-cells", 1);
	fdt_put_u32(&w, "#size-cells", 1);
	CELLS("ranges", 0x3000000, 0x3000000, 0x10000);
	fdt_put_node(&w, "dma");
	fdt_put_string(&w, "compatible", "some,dma");
	CELLS("reg", 0x8000000, 0x1000, 0x3001000, 0x1000);
	fdt_put_end(&w);
	fdt_put_end(&w);
	fdt_put_node(&w, "pcie");
	fdt_put_string(&w, "device_type", "pci");
	fdt_put_u32(&w, "#address-cells", 3);
	fdt_put_u32(&w, "#size-cells", 2);
	CELLS("ranges", 0x02000000, 0, 0x20000000, 0x20000000, 0, 0x1000000);
	fdt_put_end(&w);
	device("far", "some,dma", 0xffffffff, 0);
	finish();
	CHECK(fake_printed("strict: withheld: other, dma, pcie\r\n"));
	CHECK_EQ(owner(0x3001000), OWNER_HYPERVISOR);
	CHECK_EQ(owner(0x20000000), OWNER_HYPERVISOR);
}

/* What lies where the hypervisor claims pages is not given, and told. */
TEST(over_claimed)
{
	begin(false);
	put_device("gic@7000000", "some,gic", 0x7000000, 0x2000);
	fdt_put_prop(&w, "fake,mediated", NULL, 0);
	fdt_put_end(&w);
	device("uart@7001000", "arm,pl011", 0x7001000, 0x1000);
	fake.claimed = (struct range){0x7001000, 0x7002000};
	finish();
	CHECK_EQ(owner(0x7000000), OWNER_PRIMARY);
	CHECK_EQ(owner(0x7001000), OWNER_HYPERVISOR);
	CHECK(in_tree("/gic"));
	CHECK(!in_tree("/uart"));
	CHECK(fake_printed("the primary has no uart@7001000: "));
}

/*
 * The board's GIC a second time, as a node that is not used: the board's has
 * it. What else is withheld comes before both.
 */
TEST(gic_twice)
{
	begin(false);
	device("debug@7003000", "some,coresight", 0x7003000, 0x1000);
	device("a@7000000", "arm,gic-v3", 0x7000000, 0x10000);
	put_device("gic@7000000", "arm,gic-v3", 0x7000000, 0x8000);
	fdt_put_prop(&w, "fake,mediated", NULL, 0);
	fdt_put_end(&w);
	fake.claimed = (struct range){0x7001000, 0x7002000};
	finish();
	CHECK_EQ(owner(0x7000000), OWNER_PRIMARY);
	CHECK_EQ(owner(0x7001000), OWNER_HYPERVISOR);
	CHECK_EQ(owner(0x7002000), OWNER_PRIMARY);
	CHECK_EQ(owner(0x7003000), OWNER_HYPERVISOR);
	CHECK_EQ(owner(0x7008000), OWNER_HYPERVISOR);
	CHECK(in_tree("/gic"));
	CHECK(!in_tree("/a"));
}

/* What the hypervisor claims may be what is withheld. */
TEST(claimed_and_withheld)
{
	begin(true);
	device("dma@7000000", "some,dma", 0x7000000, 0x2000);
	fake.claimed = (struct range){0x7000000, 0x7004000};
	finish();
	CHECK_EQ(owner(0x7000000), OWNER_HYPERVISOR);
	CHECK_EQ(owner(0x7003000), OWNER_HYPERVISOR);
}

static void put_masters(void)
{
	static char name[64];

	for (uint32_t i = 0; i < 32; i++) {
		snprintf(name, sizeof(name), "virtio@%x", 0x3000000 + i * 512);
		device(name, "virtio,mmio", 0x3000000 + i * 512, 512);
	}
	device("fw-cfg@4000000", "qemu,fw-cfg-mmio", 0x4000000, 0x18);
}

TEST(told_by_kind)
{
	begin(false);
	put_masters();
	finish();
	CHECK(fake_printed(
		"may reach all memory by DMA: other, 32 virtio, fw-cfg\r\n"));
	CHECK_EQ(owner(0x3000000), OWNER_PRIMARY);
	CHECK(in_tree("/virtio@3003e00"));
	CHECK(in_tree("/fw-cfg"));
	CHECK_EQ(b.withheld_count, 0);
}

TEST(strict_withholds)
{
	begin(true);
	put_masters();
	finish();
	CHECK(fake_printed("strict: withheld: other, 32 virtio, fw-cfg\r\n"));
	CHECK_EQ(owner(0x3003000), OWNER_HYPERVISOR);
	CHECK_EQ(owner(0x4000000), OWNER_HYPERVISOR);
	CHECK(!in_tree("/virtio"));
	CHECK(!in_tree("/fw-cfg"));
}

/* Many kinds, and names longer than a line: lines are whole. */
TEST(many_names)
{
	static char name[80];

	begin(false);
	for (uint32_t i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "kind-%u-%0*u@%x", i, i, 0,
			 0x3000000 + i * 4096);
		device(name, "some,dma", 0x3000000 + i * 4096, 4096);
	}
	finish();
	CHECK(fake_printed("DMA: other, kind-0-0, kind-1-0, kind-2-00"));
	CHECK(fake_printed(" kind-39-00000000000000000000000"));
	CHECK(!fake_printed(", \r\n"));
	CHECK(!fake_printed(",\r\n"));
}

/* Something may point to it: it stays, but no driver will take it. */
TEST(phandle_disabled)
{
	fdt_node_t node;
	struct fdt_prop p;

	begin(true);
	put_device("dma@3000000", "some,dma", 0x3000000, 0x1000);
	fdt_put_u32(&w, "phandle", 7);
	fdt_put_string(&w, "status", "okay");
	device("inner@3001000", "some,thing", 0x3001000, 0x1000);
	fdt_put_end(&w);
	finish();
	CHECK(in_tree("/dma"));
	CHECK(!has("/dma", "reg"));
	node = fdt_by_phandle(&out, 7);
	CHECK(node != FDT_NO_NODE);
	CHECK(fdt_prop(&out, node, "status", &p));
	CHECK_STR(fdt_string(&p), "disabled");
	CHECK_EQ(owner(0x3000000), OWNER_HYPERVISOR);
}

/* Devices behind one that is withheld go with it. */
TEST(children_withheld)
{
	begin(true);
	put_device("bus@3000000", "some,bus", 0x3000000, 0x1000);
	fdt_put_u32(&w, "#address-cells", 1);
	fdt_put_u32(&w, "#size-cells", 1);
	fdt_put_prop(&w, "ranges", NULL, 0);
	device("uart@5000000", "arm,pl011", 0x5000000, 0x1000);
	fdt_put_end(&w);
	finish();
	CHECK(!in_tree("/bus"));
	CHECK_EQ(owner(0x5000000), OWNER_HYPERVISOR);
	CHECK(fake_printed("strict: withheld: other, bus\r\n"));
}

/* A page is all or nothing: what shares one is told, and not in the tree. */
TEST(shared_page)
{
	begin(true);
	device("uart@3000800", "arm,pl011", 0x3000800, 0x100);
	device("dma@3000000", "some,dma", 0x3000000, 0x100);
	device("near@1020000", "arm,pl031", 0x1020000, 0x1000);
	device("over@101f000", "arm,pl061", 0x101f000, 0x1000);
	finish();
	CHECK(!in_tree("/uart"));
	CHECK(!in_tree("/over"));
	CHECK(in_tree("/near"));
	CHECK_EQ(owner(0x3000000), OWNER_HYPERVISOR);
	CHECK(fake_printed("the primary has no uart@3000800: it shares a page "
			   "with what is kept from it\r\n"));
	CHECK(fake_printed("the primary has no over@101f000: "));
}

static void give(void)
{
	boot_give_devices(&b);
}

/* One more than there is room for, with `own` and `other` of begin(). */
static void put_too_many(bool strict)
{
	static char name[64];

	begin(strict);
	for (uint32_t i = 0; i < MAX_WITHHELD; i++) {
		snprintf(name, sizeof(name), "dma@%x", 0x3000000 + i * 4096);
		device(name, "some,dma", 0x3000000 + i * 4096, 4096);
	}
	fdt_put_end(&w);
	CHECK_STR(unit_fdt_open(&b.tree, board_buffer, fdt_finish(&w, 0)),
		  NULL);
	pool_init(fake_ram(FAKE_RAM_BASE),
		  fake_ram(FAKE_RAM_BASE + 256 * PAGE_SIZE));
	CHECK(ptable_init(&vm_primary.stage2, MM_STAGE_2, 1, 2, 40));
}

/* All must be kept, or named as far as there is room. */
TEST(too_many_masters)
{
	put_too_many(true);
	CHECK_EQ(fake_run(give), FAKE_HALTED);
	CHECK(fake_printed("more than 512 devices"));
	put_too_many(false);
	boot_give_devices(&b);
	CHECK(fake_printed("may reach all memory by DMA: other, 511 dma\r\n"));
	CHECK(fake_printed("may reach all memory by DMA: 1 more\r\n"));
	CHECK_EQ(owner(0x3000000 + (MAX_WITHHELD - 1) * 4096), OWNER_PRIMARY);
}
