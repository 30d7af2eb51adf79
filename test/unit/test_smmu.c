/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * src/arch/aarch64/smmu.c over a model of an SMMUv3: what QEMU's is not (dead,
 * preset, with small tables and queues), and in which order it is set up.
 */
#include "regs.h"
#include "unit.h"

/* The accesses of io.h are the model's. */
#define IO_H
static uint32_t mmio_read32(const void *base, uint32_t offset);
static void mmio_write32(void *base, uint32_t offset, uint32_t value);
static void mmio_write64(void *base, uint32_t offset, uint64_t value);
static bool mmio_wait(const volatile void *base, uint32_t offset, uint32_t mask,
		      uint32_t wanted);
#define mmio_read32(base, offset) \
	mmio_read32((const void *)(uintptr_t)(base), offset)
#define mmio_write32(base, offset, value) \
	mmio_write32((void *)(uintptr_t)(base), offset, value)
#define mmio_write64(base, offset, value) \
	mmio_write64((void *)(uintptr_t)(base), offset, value)

#include "../../src/arch/aarch64/smmu.c"

#undef mmio_read32
#undef mmio_write32
#undef mmio_write64

#define RAM 0x40000000
#define ITS 0x8080000
#define PMCG 0x9080000
#define VMID 1

/* --- the model --- */

static struct model {
	uint32_t reg[SMMU_SIZE / 4];
	bool dead, gbpa_stuck, bad_command;
	uint32_t command[8], commands;
	uint64_t range; /* second word of CMD_CFGI_ALL */
	/* What was so when it was turned on. */
	uint32_t commands_before;
	bool refused_before;
	uint32_t stops; /* writes of 0 to CR0 while it refused */
	/* Its event counters. */
	uint32_t pmcg[PAGE_SIZE / 4];
	bool pmcg_dead;
} model;

static uint32_t *reg_at(const void *base, uint32_t offset)
{
	size_t at =
		(size_t)((const char *)base + offset - (const char *)model.reg);

	if (base == model.pmcg)
		return &model.pmcg[offset / 4];
	CHECK(at < SMMU_SIZE);
	return &model.reg[at / 4];
}

static uint32_t mmio_read32(const void *base, uint32_t offset)
{
	return *reg_at(base, offset);
}

/* It answers at once, or never. */
void arch_zero_pages(void *p, size_t size)
{
	memset(p, 0, size);
}

static bool mmio_wait(const volatile void *base, uint32_t offset, uint32_t mask,
		      uint32_t wanted)
{
	return (mmio_read32((const void *)(uintptr_t)base, offset) & mask) ==
	       wanted;
}

static uint64_t reg64(uint32_t offset)
{
	return model.reg[offset / 4] | (uint64_t)model.reg[offset / 4 + 1]
					       << 32;
}

static void take_commands(void)
{
	uint64_t base = reg64(SMMU_CMDQ_BASE);
	uint32_t wrap = 2u << (base & 0x1f);
	uint32_t *cons = &model.reg[SMMU_CMDQ_CONS / 4];

	CHECK(model.reg[SMMU_CR0 / 4] & CR0_CMDQEN);
	for (; *cons != model.reg[SMMU_CMDQ_PROD / 4];
	     *cons = (*cons + 1) % wrap) {
		const uint64_t *c =
			(const uint64_t *)(uintptr_t)(base & 0xfffffffffffe0) +
			2 * (*cons % (wrap / 2));

		if (model.bad_command) {
			*cons |= 1 << 24;
			return;
		}
		CHECK(model.commands < ARRAY_SIZE(model.command));
		model.command[model.commands++] = (uint32_t)c[0];
		if (c[0] == CMD_CFGI_ALL)
			model.range = c[1];
	}
}

static void write_cr0(uint32_t value)
{
	bool refuses = model.reg[SMMU_GBPA / 4] & GBPA_ABORT;

	if (value == 0 && refuses)
		model.stops++;
	if (value & CR0_SMMUEN) {
		model.commands_before = model.commands;
		model.refused_before = refuses;
	}
	model.reg[SMMU_CR0ACK / 4] = value;
}

static void mmio_write32(void *base, uint32_t offset, uint32_t value)
{
	uint32_t *reg = reg_at(base, offset);

	*reg = value;
	if (model.dead)
		return;
	if (reg == &model.reg[SMMU_CR0 / 4])
		write_cr0(value);
	else if (reg == &model.reg[SMMU_GBPA / 4] && !model.gbpa_stuck)
		*reg &= ~(uint32_t)GBPA_UPDATE;
	else if (reg == &model.reg[SMMU_IRQ_CTRL / 4])
		model.reg[SMMU_IRQ_CTRLACK / 4] = value;
	else if (reg == &model.pmcg[PMCG_IRQ_CTRL / 4] && !model.pmcg_dead)
		model.pmcg[PMCG_IRQ_CTRLACK / 4] = value;
	else if (reg == &model.reg[SMMU_CMDQ_PROD / 4] &&
		 model.reg[SMMU_CR0ACK / 4] & CR0_CMDQEN)
		take_commands();
}

static void mmio_write64(void *base, uint32_t offset, uint64_t value)
{
	*reg_at(base, offset) = (uint32_t)value;
	*reg_at(base, offset + 4) = (uint32_t)(value >> 32);
}

/* --- what smmu.c needs of others --- */

#define POOL_SIZE (1 << 20)
char image_begin[1];
char pool_begin[1];

struct vm vm_primary;
static struct fdt tree;
static struct ranges ram;
static jmp_buf stopped;
static char said[1024];
static size_t cleaned;

static void say(const char *format, va_list args)
{
	size_t n = strlen(said);

	vsnprintf(said + n, sizeof(said) - n, format, args);
	strncat(said, "\n", sizeof(said) - strlen(said) - 1);
}

void log_line(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

static unsigned int guest_lines;
static const struct log_limit *limit;

/* The console takes a second for each line. */
void log_guest(struct log_limit *l, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
	limit = l;
	guest_lines++;
	regs_set("cntpct_el0",
		 regs_read("cntpct_el0") + regs_read("cntfrq_el0"));
}

void boot_stop(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
	longjmp(stopped, 1);
}

void *arch_boot_map(paddr_t pa, uint64_t size, unsigned int mode)
{
	if (pa.pa == PMCG)
		return model.pmcg;
	return pa.pa < BIT(47) ? model.reg : NULL;
}

void *arch_map_slot(unsigned int slot, paddr_t pa, unsigned int mode)
{
	CHECK_EQ(slot, SLOT_SMMU);
	return (char *)model.reg + SMMU_PAGE1;
}

void arch_clean_to_memory(const void *p, size_t size)
{
	cleaned += size;
}

/* --- boards --- */

static _Alignas(8) uint8_t tree_buffer[4096];

static void cells(struct fdt_writer *w, const char *name, uint32_t a,
		  uint32_t b)
{
	const uint32_t values[] = {a, b};

	fdt_put_cells(w, name, values, 2);
}

static const char pmcg_kind[] = "hisilicon,smmu-v3-pmcg-hip08";
static uint32_t pmcg_count, pmcg_reg[2][2];

static void make_tree(uint32_t base, uint32_t size)
{
	struct fdt_writer w;

	fdt_begin(&w, tree_buffer, sizeof(tree_buffer), 0);
	fdt_put_node(&w, "");
	fdt_put_u32(&w, "#address-cells", 1);
	fdt_put_u32(&w, "#size-cells", 1);
	fdt_put_node(&w, "smmu@9050000");
	fdt_put_string(&w, "compatible", "arm,smmu-v3");
	fdt_put_u32(&w, "phandle", 5);
	if (size)
		cells(&w, "reg", base, size);
	fdt_put_end(&w);
	fdt_put_node(&w, "off@9060000");
	fdt_put_string(&w, "compatible", "arm,smmu-v3");
	fdt_put_string(&w, "status", "disabled");
	fdt_put_end(&w);
	fdt_put_node(&w, "its@8080000");
	fdt_put_string(&w, "compatible", "arm,gic-v3-its");
	cells(&w, "reg", ITS, 0x20000);
	fdt_put_end(&w);
	fdt_put_node(&w, "memory@40000000");
	fdt_put_string(&w, "device_type", "memory");
	cells(&w, "reg", RAM, 0x800000);
	fdt_put_end(&w);
	for (uint32_t i = 0; i < pmcg_count; i++) {
		fdt_put_node(&w, "pmu");
		fdt_put_prop(&w, "compatible", pmcg_kind, sizeof(pmcg_kind));
		fdt_put_string(&w, "status", i ? "disabled" : "okay");
		cells(&w, "reg", pmcg_reg[i][0], pmcg_reg[i][1]);
		fdt_put_end(&w);
	}
	fdt_put_end(&w);
	CHECK_STR(unit_fdt_open(&tree, tree_buffer, fdt_finish(&w, 0)), NULL);
}

/* A board with an SMMU such as many: both stages, 48 bits, coherent. */
static void begin(void)
{
	static _Alignas(POOL_SIZE) char pool_pages[POOL_SIZE];

	regs_reset();
	memset(&model, 0, sizeof(model));
	memset(smmus, 0, sizeof(smmus));
	memset(cd, 0, sizeof(cd));
	memset(&stage1, 0, sizeof(stage1));
	memset(&vm_primary, 0, sizeof(vm_primary));
	memset(&ram, 0, sizeof(ram));
	arch_iommu_count = pmcg_count = 0;
	guest_lines = 0;
	cleaned = 0;
	said[0] = '\0';
	pool_init(pool_pages, pool_pages + POOL_SIZE);
	make_tree(0x9050000, SMMU_SIZE);
	model.reg[SMMU_IDR0 / 4] = IDR0_S1P | IDR0_S2P | IDR0_TTF_AARCH64 |
				   IDR0_COHACC | 1 << 27 | 2 << 21;
	model.reg[SMMU_IDR1 / 4] = 19 << 21 | 19 << 16 | 16;
	model.reg[SMMU_IDR5 / 4] = IDR5_GRAN4K | 5;
	/* The firmware left it on. */
	model.reg[SMMU_CR0 / 4] = model.reg[SMMU_CR0ACK / 4] = CR0_SMMUEN;
	CHECK(ranges_add(&ram, RAM, RAM + 0x800000));
	CHECK(ptable_init(&vm_primary.stage2, MM_STAGE_2, 0, 1, 48));
	CHECK(ptable_map(&vm_primary.stage2, RAM, 0x800000, paddr(RAM),
			 MM_NORMAL_RWX));
	CHECK(ptable_map(&vm_primary.stage2, ITS, 0x20000, paddr(ITS),
			 MM_DEVICE_RW));
	vm_primary.arch.vttbr = pa_of(vm_primary.stage2.root) | (uint64_t)VMID
									<< 48;
	/* T0SZ 16, SL0 2, walks cached, 48 bits of output */
	regs_set("vtcr_el2", 0x80053590);
	regs_set("cntfrq_el0", 8);
}

/* Turns it on; false if that ended boot. */
static bool run(void)
{
	if (setjmp(stopped))
		return false;
	smmu_init_board(&tree);
	arch_confine_devices(&tree, &ram);
	return true;
}

/* The entry of a stream, as the SMMU finds it. */
static const uint64_t *entry_of(uint32_t stream)
{
	uint32_t config = model.reg[SMMU_STRTAB_BASE_CFG / 4];
	uint32_t bits = config & 0x3f, split = config >> 6 & 0x1f;
	uint64_t base = reg64(SMMU_STRTAB_BASE) & 0xfffffffffffc0;
	uint64_t l1;

	if (stream >> bits)
		return NULL;
	if (!(config >> 16))
		return (const uint64_t *)(uintptr_t)base + 8 * stream;
	CHECK(is_aligned(base, (uint64_t)8 << (bits - split)));
	l1 = ((const uint64_t *)(uintptr_t)base)[stream >> split];
	CHECK_EQ(l1 & 0x1f, split + 1);
	CHECK(is_aligned(l1 & ~(uint64_t)0x1f, (uint64_t)64 << split));
	return (const uint64_t *)(uintptr_t)(l1 & 0xfffffffffffc0) +
	       8 * (stream & ((1u << split) - 1));
}

/* All streams are alike; returns the entry. */
static const uint64_t *check_streams(uint32_t bits)
{
	const uint64_t *first = entry_of(0);

	for (uint32_t s = 0; !(s >> bits); s += bits > 16 ? 997 : 1)
		CHECK(memcmp(entry_of(s), first, 64) == 0);
	CHECK(entry_of(1u << bits) == NULL);
	return first;
}

/* --- tests --- */

TEST(stage2_tables)
{
	const uint64_t *ste;

	begin();
	CHECK(run());
	CHECK_STR(said, "smmu0: smmu@9050000, stage 2, 16-bit streams\n");
	ste = check_streams(16);
	CHECK_EQ(ste[0], 6 << 1 | 1);
	CHECK_EQ(ste[1], BIT(44)); /* no ATS, no override */
	CHECK_EQ(ste[2] & 0xffff, VMID);
	CHECK_EQ(ste[2] >> 32 & 0x7ffff, 0x53590);
	CHECK_EQ(ste[2] >> 51, 1 | 1 << 2 | 1 << 7); /* AA64, AFFD, R */
	CHECK_EQ(ste[3], pa_of(vm_primary.stage2.root));
	CHECK(smmu_is_own(fdt_by_phandle(&tree, 5)));
	CHECK(arch_owns_iommu(&tree, 5));
	CHECK(!arch_owns_iommu(&tree, 6));
}

/* Fewer bits than the CPU: the lower part of its tables, if it begins so. */
TEST(stage2_of_44_bits)
{
	begin();
	model.reg[SMMU_IDR5 / 4] = IDR5_GRAN4K | 4;
	vm_primary.stage2.input_bits = 48;
	if (pa_of(image_begin) >> 44) {
		CHECK(!run());
		CHECK(strstr(said, "cannot reach its tables"));
	}
	begin();
	smmus[0].output_bits = 44;
	model.reg[SMMU_IDR0 / 4] |= IDR0_S2P;
	smmus[0].regs = (void *)model.reg;
	CHECK(shares_stage2(&smmus[0]));
	smmus[0].output_bits = 42;
	CHECK(!shares_stage2(&smmus[0]));
	vm_primary.stage2.level = 1;
	CHECK(shares_stage2(&smmus[0]));
}

TEST(stage1_tables)
{
	const uint64_t *ste, *c;
	struct mm_walk at;

	begin();
	model.reg[SMMU_IDR0 / 4] &= ~(uint32_t)IDR0_S2P;
	CHECK(run());
	CHECK_STR(said, "smmu0: smmu@9050000, stage 1, 16-bit streams\n");
	ste = check_streams(16);
	CHECK_EQ(ste[0] & 0xf, 5 << 1 | 1);
	CHECK_EQ(ste[0] & ~(uint64_t)0xf, pa_of(cd));
	CHECK_EQ(ste[1], BIT(44) | 0xd4);
	c = cd;
	CHECK_EQ(c[0] & 0x3f, 16);
	CHECK_EQ(c[0] & 0x80000000, 0x80000000);
	CHECK_EQ(c[0] >> 32 & 7, 5);
	CHECK_EQ(c[0] >> 44 & 7, 6); /* record and abort, no stall */
	CHECK_EQ(c[1], pa_of(stage1.root));
	at = ptable_walk(&stage1, RAM + 0x7ff000);
	CHECK_EQ(at.pa.pa, RAM + 0x7ff000);
	CHECK_EQ(at.mode, MM_R | MM_W);
	CHECK_EQ(ptable_walk(&stage1, RAM + 0x800000).mode, 0);
	CHECK_EQ(ptable_walk(&stage1, RAM - 1).mode, 0);
	CHECK_EQ(ptable_walk(&stage1, ITS).mode, 0);
	CHECK_EQ(ptable_walk(&stage1, ITS + 0x10040).mode, MM_DEVICE_RW);
	CHECK_EQ(ptable_walk(&stage1, ITS + 0x11000).mode, 0);
}

/* No more than the primary has: not a doorbell that is kept from it. */
TEST(stage1_hidden_doorbell)
{
	begin();
	model.reg[SMMU_IDR0 / 4] &= ~(uint32_t)IDR0_S2P;
	CHECK(ptable_clear(&vm_primary.stage2, ITS, 0x20000, OWNER_HYPERVISOR));
	CHECK(run());
	CHECK_EQ(ptable_walk(&stage1, ITS + 0x10040).mode, 0);
}

/* A board with event counters at `base`; false if that ended boot. */
static bool run_pmcg(uint32_t base, uint32_t size)
{
	pmcg_count = 2;
	pmcg_reg[0][0] = base;
	pmcg_reg[0][1] = size;
	pmcg_reg[1][0] = RAM;
	make_tree(0x9050000, SMMU_SIZE);
	model.pmcg[PMCG_IRQ_CTRL / 4] = model.pmcg[PMCG_IRQ_CTRLACK / 4] = 1;
	return run();
}

/* Event counters interrupt by a write that no SMMU translates: none does. */
TEST(pmcg)
{
	begin();
	CHECK(run_pmcg(PMCG, 0x1000));
	CHECK_EQ(model.pmcg[PMCG_IRQ_CTRL / 4], 0);
	/* One that is none stays with nobody, and all goes on. */
	begin();
	model.pmcg_dead = true;
	CHECK(run_pmcg(PMCG, 0x1000));
	CHECK(strstr(said, "device tree: pmu: not silenced"));
	begin();
	CHECK(run_pmcg(PMCG, 0xfff));
	CHECK(strstr(said, "pmu: not silenced"));
	CHECK_EQ(model.pmcg[PMCG_IRQ_CTRL / 4], 1);
	begin();
	CHECK(run_pmcg(PMCG + 4, 0x1000));
	CHECK_EQ(model.pmcg[PMCG_IRQ_CTRL / 4], 1);
	begin();
	CHECK(run_pmcg(RAM + 0x7ff000, 0x1000));
	CHECK_EQ(model.pmcg[PMCG_IRQ_CTRL / 4], 1);
}

static void check_stream_bits(uint32_t has, uint32_t bits)
{
	begin();
	model.reg[SMMU_IDR1 / 4] = 19 << 21 | 19 << 16 | has;
	CHECK(run());
	CHECK_EQ(check_streams(bits)[0], 6 << 1 | 1);
	CHECK_EQ(model.reg[SMMU_STRTAB_BASE_CFG / 4] & 0x3f, bits);
}

TEST(stream_bits)
{
	check_stream_bits(0, 0);
	check_stream_bits(6, 6);
	check_stream_bits(7, 7);
	check_stream_bits(17, 17);
	check_stream_bits(24, 24);
	check_stream_bits(32, 24);
	begin();
	model.reg[SMMU_IDR0 / 4] &= ~(3u << 27);
	CHECK(!run());
	CHECK(strstr(said, "has no stream table of two levels"));
	begin();
	model.reg[SMMU_IDR0 / 4] &= ~(3u << 27);
	model.reg[SMMU_IDR1 / 4] = 6;
	CHECK(run());
}

/* Nothing gets through from the firmware's time until the tables are right. */
TEST(order)
{
	begin();
	CHECK(run());
	CHECK_EQ(model.stops, 1);
	CHECK(model.refused_before);
	CHECK_EQ(model.commands_before, 3);
	CHECK_EQ(model.command[0], CMD_CFGI_ALL);
	CHECK_EQ(model.range, 31);
	CHECK_EQ(model.command[1], CMD_TLBI_NSNH_ALL);
	CHECK_EQ(model.command[2], CMD_SYNC);
	CHECK_EQ(model.reg[SMMU_CR0 / 4],
		 CR0_SMMUEN | CR0_EVENTQEN | CR0_CMDQEN);
	CHECK_EQ(cleaned, 3 * 16);
}

/* Translated requests of devices are not believed. */
TEST(ats)
{
	begin();
	model.reg[SMMU_IDR0 / 4] |= IDR0_ATS;
	CHECK(run());
	CHECK(model.reg[SMMU_CR0 / 4] & CR0_ATSCHK);
}

TEST(not_coherent)
{
	begin();
	model.reg[SMMU_IDR0 / 4] &= ~(uint32_t)IDR0_COHACC;
	CHECK(run());
	CHECK(cleaned >= pool_used_bytes() + sizeof(cd));
}

TEST(not_usable)
{
	static const struct {
		uint32_t reg, clear, set;
		const char *says;
	} rows[] = {
		{SMMU_IDR1, 0, 1u << 29, "its tables or queues are preset"},
		{SMMU_IDR1, 0, 1u << 30, "its tables or queues are preset"},
		{SMMU_IDR0, 1 << 3, 0, "cannot walk page tables of this CPU"},
		{SMMU_IDR0, 0, 3 << 21, "cannot walk page tables of this CPU"},
		{SMMU_IDR5, 1 << 4, 0, "cannot walk page tables of this CPU"},
		{SMMU_IDR0, 0, 2 << 24, "stalls instead of refusing"},
		{SMMU_IDR0, 3, 0, "has no stage that fits"},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		begin();
		model.reg[rows[i].reg / 4] &= ~rows[i].clear;
		model.reg[rows[i].reg / 4] |= rows[i].set;
		CHECK(!run());
		CHECK(strstr(said, "device tree: smmu@9050000: "));
		CHECK(strstr(said, rows[i].says));
		CHECK(model.reg[SMMU_GBPA / 4] & GBPA_ABORT);
	}
}

TEST(dead)
{
	begin();
	model.dead = true;
	CHECK(!run());
	CHECK(strstr(said, "smmu@9050000: does not answer"));
	begin();
	model.gbpa_stuck = true;
	CHECK(!run());
	CHECK(strstr(said, "does not answer"));
	begin();
	model.bad_command = true;
	CHECK(!run());
	CHECK(strstr(said, "does not answer"));
}

TEST(bad_trees)
{
	static const struct {
		uint32_t base, size;
		const char *says;
	} rows[] = {
		{0, 0, "no reg"},
		{0x9050000, 0x10000, "reg is not 128 KiB"},
		{0x9050800, 0x20000, "reg is not 128 KiB"},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		begin();
		make_tree(rows[i].base, rows[i].size);
		CHECK(!run());
		CHECK(strstr(said, rows[i].says));
	}
}

/* --- faults --- */

static uint32_t *page1_reg(uint32_t offset)
{
	return &model.reg[(SMMU_PAGE1 + offset) / 4];
}

/* The SMMU records a fault; one that finds no room is lost. */
static void record(uint32_t kind, uint32_t stream, bool read, uint64_t address)
{
	uint64_t base = reg64(SMMU_EVENTQ_BASE);
	uint32_t size = 1u << (base & 0x1f);
	uint32_t *prod = page1_reg(SMMU_EVENTQ_PROD);
	uint32_t cons = *page1_reg(SMMU_EVENTQ_CONS);
	uint64_t *event = (uint64_t *)(uintptr_t)(base & 0xfffffffffffe0);

	if (((*prod ^ cons) & (2 * size - 1)) == size) {
		if (!((*prod ^ cons) >> 31))
			*prod ^= 1u << 31;
		return;
	}
	event += 4 * (*prod & (size - 1));
	event[0] = (uint64_t)stream << 32 | kind;
	event[1] = read ? BIT(35) : 0;
	event[2] = address;
	*prod = (*prod & 1u << 31) | ((*prod + 1) & (2 * size - 1));
}

static void begin_on(uint32_t idr1)
{
	begin();
	model.reg[SMMU_IDR1 / 4] = idr1;
	CHECK(run());
	said[0] = '\0';
}

TEST(faults_told)
{
	begin_on(19 << 21 | 19 << 16 | 16);
	smmu_poll(true);
	CHECK_STR(said, "");
	record(0x10, 8, false, 0x4fd80000);
	record(0x13, 0x10, true, 0x123456789000);
	record(0x02, 0xffff, false, 0);
	smmu_poll(true);
	CHECK_STR(said, "smmu0: stream 0x8: write to 0x4fd80000 refused\n"
			"smmu0: stream 0x10: read of 0x123456789000 refused\n"
			"smmu0: stream 0xffff: refused, event 0x2\n");
	said[0] = '\0';
	smmu_poll(true);
	CHECK_STR(said, "");
}

/* Any number of faults makes a few lines, and the queue goes on after them. */
TEST(many_faults)
{
	begin_on(19 << 21 | 19 << 16 | 16);
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < 1000; i++)
			record(0x10, 8, false, i);
		said[0] = '\0';
		smmu_poll(true);
		CHECK(strstr(said, "write to 0x0 refused"));
		CHECK(strstr(said, "write to 0x3 refused"));
		CHECK(!strstr(said, "write to 0x4 refused"));
		CHECK(strstr(said, "smmu0: more were refused"));
		/* All of them count against one limit, which is no VM's. */
		CHECK(limit == &refusals);
		CHECK_EQ(guest_lines, 5 * (round + 1));
		CHECK_EQ(*page1_reg(SMMU_EVENTQ_PROD),
			 *page1_reg(SMMU_EVENTQ_CONS));
	}
}

/* IDR1 says 0: queues of one entry each. */
TEST(smallest_queues)
{
	begin_on(16);
	CHECK_EQ(model.commands, 3);
	for (unsigned int i = 0; i < 5; i++) {
		record(0x10, 8, false, i);
		said[0] = '\0';
		smmu_poll(true);
		CHECK(strstr(said, "refused\n"));
		CHECK(!strstr(said, "more"));
	}
	record(0x10, 8, false, 1);
	record(0x10, 8, false, 2);
	said[0] = '\0';
	smmu_poll(true);
	CHECK_STR(said, "smmu0: stream 0x8: write to 0x1 refused\n"
			"smmu0: more were refused\n");
}

/* Between two looks at the queue there is time for other work. */
TEST(seldom)
{
	begin_on(19 << 21 | 19 << 16 | 16);
	regs_set("cntpct_el0", 100);
	arch_poll_devices();
	record(0x10, 8, false, 1);
	arch_poll_devices();
	CHECK_STR(said, "");
	regs_set("cntpct_el0", 101);
	arch_poll_devices();
	CHECK(strstr(said, "refused"));
	/* Printing took its time: it is not as if it was no work. */
	record(0x10, 8, false, 2);
	said[0] = '\0';
	arch_poll_devices();
	CHECK_STR(said, "");
}
