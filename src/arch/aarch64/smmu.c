/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMUv3 (IHI 0070; section numbers are those of issue F). Every stream is
 * translated alike: by the primary's own stage 2 where the SMMU has a stage 2,
 * else by a stage 1 made here that maps the primary's RAM, and the pages that
 * devices write to signal interrupts, to themselves. What is not mapped is
 * refused and recorded in the event queue, which smmu_poll() reads: the
 * hypervisor takes no interrupt.
 *
 * The primary's tables do not change while it runs, so that nothing has to be
 * invalidated after the start.
 */
#include "smmu.h"

#include "arch_internal.h"
#include "devtree.h"
#include "io.h"
#include "layout.h"
#include "log.h"
#include "pool.h"
#include "string.h"
#include "vm.h"

/* Registers (6.3), page 0 */
#define SMMU_IDR0 0x0
#define SMMU_IDR1 0x4
#define SMMU_IDR5 0x14
#define SMMU_CR0 0x20
#define SMMU_CR0ACK 0x24
#define SMMU_CR1 0x28
#define SMMU_CR2 0x2c
#define SMMU_GBPA 0x44
#define SMMU_IRQ_CTRL 0x50
#define SMMU_IRQ_CTRLACK 0x54
#define SMMU_STRTAB_BASE 0x80
#define SMMU_STRTAB_BASE_CFG 0x88
#define SMMU_CMDQ_BASE 0x90
#define SMMU_CMDQ_PROD 0x98
#define SMMU_CMDQ_CONS 0x9c
#define SMMU_EVENTQ_BASE 0xa0
/* Page 1 */
#define SMMU_PAGE1 0x10000
#define SMMU_EVENTQ_PROD 0xa8
#define SMMU_EVENTQ_CONS 0xac
#define SMMU_SIZE 0x20000

/* A group of event counters (10.5) */
#define PMCG_IRQ_CTRL 0xe50
#define PMCG_IRQ_CTRLACK 0xe54

#define IDR0_S2P BIT(0)
#define IDR0_S1P BIT(1)
#define IDR0_TTF_AARCH64 BIT(3)
#define IDR0_COHACC BIT(4)
#define IDR0_ATS BIT(10)
#define IDR0_TTENDIAN(r) ((r) >> 21 & 3)
#define TTENDIAN_BIG 3
#define IDR0_STALL_MODEL(r) ((r) >> 24 & 3)
#define STALL_FORCED 2
#define IDR0_ST_LEVEL(r) ((r) >> 27 & 3)
#define IDR1_SIDSIZE(r) ((r)&0x3f)
#define IDR1_EVENTQS(r) ((r) >> 16 & 0x1f)
#define IDR1_CMDQS(r) ((r) >> 21 & 0x1f)
#define IDR1_PRESET (BIT(29) | BIT(30)) /* fixed queues, tables */
#define IDR5_OAS 7
#define IDR5_GRAN4K BIT(4)

#define CR0_SMMUEN BIT(0)
#define CR0_EVENTQEN BIT(2)
#define CR0_CMDQEN BIT(3)
#define CR0_ATSCHK BIT(4) /* no device says that it has translated already */
#define CR1_WB_IS 0xd75	  /* queues and tables: write-back, inner shareable */
#define CR2_RECINVSID BIT(1) /* record streams that do not exist */
#define CR2_PTM BIT(2)	     /* TLB maintenance of CPUs is not for it */
#define GBPA_ABORT BIT(20)
#define GBPA_UPDATE BIT(31)
#define BASE_ALLOCATE BIT(62)
#define STRTAB_SPLIT_SHIFT 6
#define STRTAB_TWO_LEVELS BIT(16)
#define CMDQ_CONS_ERR (0x7f << 24)
#define QUEUE_OVERFLOW BIT(31)

/* Stream table (5.2) */
#define STE_WORDS 8
#define STE_VALID BIT(0)
#define STE_STAGE_1 (5 << 1)
#define STE_STAGE_2 (6 << 1)
#define STE_CD_WB_IS (3 << 6 | 1 << 4 | 1 << 2)
#define STE_SHCFG_INCOMING BIT(44)
#define STE_S2_AA64 BIT(51)
#define STE_S2_AFFD BIT(53) /* no access flag faults */
#define STE_S2_RECORD BIT(58)
#define STE_VTCR_SHIFT 32
#define LINEAR_BITS 6 /* streams of a table of one page */

/* Context descriptor (5.4) */
#define CD_WORDS 8
#define CD_WALK_WB_IS (3 << 12 | 1 << 10 | 1 << 8)
#define CD_EPD1 BIT(30) /* no upper half */
#define CD_VALID BIT(31)
#define CD_IPS_SHIFT 32
#define CD_AFFD BIT(35)
#define CD_AA64 BIT(41)
#define CD_RECORD BIT(45)
#define CD_ABORT BIT(46)
#define CD_ASET BIT(47) /* not shared with CPUs */
#define STAGE_1_BITS 48

/* The lower part of VTCR_EL2 is that of an STE, too. */
#define VTCR_STE 0x7ffff
#define VTCR_T0SZ 0x3f

/* Commands (4.2) */
#define CMD_CFGI_ALL 0x04
#define CMD_CFGI_ALL_RANGE 31
#define CMD_TLBI_NSNH_ALL 0x30
#define CMD_SYNC 0x46
#define CMD_WORDS 2
#define CMDQ_BITS 8 /* a page of either queue at most */

/* Events (7.3) */
#define EVENT_WORDS 4
#define EVENTQ_BITS 7
#define EVENT_TRANSLATION 0x10
#define EVENT_PERMISSION 0x13
#define EVENT_READ BIT(35)

/* Faults that are told of one SMMU each time, and times in a second. */
#define TOLD_EVENTS 4
#define POLLS_PER_S 8

static struct smmu {
	fdt_node_t node;
	const char *name; /* of its node, while booting */
	uint64_t base;
	volatile char *regs; /* page 0, while booting */
	volatile char *page1;
	bool coherent;
	uint8_t output_bits;
	uint8_t cmdq_bits, eventq_bits;
	uint64_t *cmdq;
	const uint64_t *eventq;
} smmus[MAX_SMMUS] RO_AFTER_BOOT;

uint32_t arch_iommu_count RO_AFTER_BOOT;

/* Of its own: other lines that the primary causes hide no fault. */
static struct log_limit refusals;

/* The context descriptor for stage 1, and its tables; all SMMUs share them. */
static _Alignas(64) uint64_t cd[CD_WORDS];
static struct ptable stage1 RO_AFTER_BOOT;

static BOOT_ONLY _Noreturn void stop(const struct smmu *s, const char *error)
{
	boot_stop("device tree: %s: %s", s->name, error);
}

static BOOT_ONLY uint64_t pa_of(const void *p)
{
	return virt_to_phys(p).pa;
}

/* --- finding --- */

/* Waits until the bits of a register have a value. */
static BOOT_ONLY void await(const struct smmu *s, uint32_t reg, uint64_t bits,
			    uint64_t value)
{
	if (!mmio_wait(s->regs, reg, (uint32_t)bits, (uint32_t)value))
		stop(s, "does not answer");
}

static BOOT_ONLY void set_cr0(const struct smmu *s, uint64_t value)
{
	mmio_write32(s->regs, SMMU_CR0, (uint32_t)value);
	await(s, SMMU_CR0ACK,
	      CR0_SMMUEN | CR0_EVENTQEN | CR0_CMDQEN | CR0_ATSCHK, value);
}

/*
 * Refuses everything, before and after it is turned off (6.3.14 SMMU_GBPA).
 * A device that still follows what the firmware told it stops here.
 */
static BOOT_ONLY void cut(const struct smmu *s)
{
	await(s, SMMU_GBPA, GBPA_UPDATE, 0);
	mmio_write32(s->regs, SMMU_GBPA, GBPA_UPDATE | GBPA_ABORT);
	await(s, SMMU_GBPA, GBPA_UPDATE, 0);
	set_cr0(s, 0);
	mmio_write32(s->regs, SMMU_IRQ_CTRL, 0);
	await(s, SMMU_IRQ_CTRLACK, ~(uint64_t)0, 0);
}

static BOOT_ONLY void add_smmu(const struct fdt *fdt, fdt_node_t node)
{
	struct smmu *s = &smmus[arch_iommu_count];
	uint64_t own = pa_of(image_begin);
	uint64_t size;

	if (arch_iommu_count == MAX_SMMUS)
		boot_stop("device tree: more than %u SMMUs", MAX_SMMUS);
	s->node = node;
	s->name = fdt_name(fdt, node);
	if (!devtree_node_reg(fdt, node, 0, &s->base, &size))
		stop(s, "no reg");
	if (size < SMMU_SIZE || !is_aligned(s->base, PAGE_SIZE))
		stop(s, "reg is not 128 KiB at a multiple of 4096");
	if (overlaps(s->base, s->base + SMMU_SIZE, own, own + HYP_SIZE))
		stop(s, "reg lies in the hypervisor");
	s->regs = arch_boot_map(paddr(s->base), SMMU_SIZE, MM_DEVICE_RW);
	if (!s->regs)
		stop(s, "reg lies outside of the address space");
	arch_iommu_count++;
	cut(s);
}

/*
 * An SMMU's event counters signal their overflow by a write to any address: no
 * SMMU translates it. What the firmware left on ends here; devices.c keeps them
 * from the primary.
 */
static BOOT_ONLY bool silence_pmcg(const struct fdt *fdt, fdt_node_t node)
{
	volatile char *regs;
	uint64_t base, size;

	if (!devtree_node_reg(fdt, node, 0, &base, &size) || size < PAGE_SIZE ||
	    !is_aligned(base, PAGE_SIZE) ||
	    devtree_overlaps_memory(fdt, base, size))
		return false;
	regs = arch_boot_map(paddr(base), PAGE_SIZE, MM_DEVICE_RW);
	if (!regs)
		return false;
	mmio_write32(regs, PMCG_IRQ_CTRL, 0);
	return mmio_wait(regs, PMCG_IRQ_CTRLACK, ~(uint32_t)0, 0);
}

BOOT_ONLY void smmu_init_board(const struct fdt *fdt)
{
	uint32_t kinds = KIND_SMMU | KIND_LIKE_PMCG;
	fdt_node_t node = FDT_NO_NODE;

	while ((node = devtree_next_of(fdt, node, kinds)) != FDT_NO_NODE) {
		if (!fdt_enabled(fdt, node))
			continue;
		if (devtree_kinds(fdt, node) & KIND_SMMU)
			add_smmu(fdt, node);
		else if (!silence_pmcg(fdt, node))
			log_line("device tree: %s: not silenced",
				 fdt_name(fdt, node));
	}
}

BOOT_ONLY bool smmu_is_own(fdt_node_t node)
{
	for (uint32_t i = 0; i < arch_iommu_count; i++)
		if (smmus[i].node == node)
			return true;
	return false;
}

BOOT_ONLY bool arch_owns_iommu(const struct fdt *fdt, uint32_t phandle)
{
	fdt_node_t node = fdt_by_phandle(fdt, phandle);

	return node != FDT_NO_NODE && smmu_is_own(node);
}

/* --- tables --- */

static BOOT_ONLY void *alloc(const struct smmu *s, uint64_t size)
{
	void *p = pool_alloc(size > PAGE_SIZE ? size / PAGE_SIZE : 1);

	if (!p)
		stop(s, "no room for its tables");
	return p;
}

/* Pages that a device writes to for an interrupt. */
static const struct doorbell {
	uint32_t kind;
	uint32_t offset;
} doorbells[] BOOT_CONST = {
	{KIND_ITS, 0x10000}, /* GITS_TRANSLATER */
	{KIND_V2M, 0},	     /* V2M_MSI_SETSPI_NS */
};

/* Maps a doorbell in stage 1, if the primary may write it itself. */
static BOOT_ONLY bool map_doorbell(const struct fdt *fdt, fdt_node_t node)
{
	uint64_t base, size;

	for (unsigned int i = 0; i < ARRAY_SIZE(doorbells); i++) {
		if (!(devtree_kinds(fdt, node) & doorbells[i].kind) ||
		    !devtree_node_reg(fdt, node, 0, &base, &size))
			continue;
		base = align_down(base + doorbells[i].offset, PAGE_SIZE);
		if (mm_owner(&vm_primary.stage2, paddr(base)) ==
			    OWNER_PRIMARY &&
		    !ptable_map(&stage1, base, PAGE_SIZE, paddr(base),
				MM_DEVICE_RW))
			return false;
	}
	return true;
}

static BOOT_ONLY bool map_memory(const struct fdt *fdt,
				 const struct ranges *ram)
{
	fdt_node_t node = FDT_NO_NODE;

	if (!ptable_init(&stage1, MM_STAGE_1, 0, 1, STAGE_1_BITS))
		return false;
	for (uint32_t i = 0; i < ram->count; i++)
		if (!ptable_map(&stage1, ram->r[i].begin,
				ram->r[i].end - ram->r[i].begin,
				paddr(ram->r[i].begin), MM_R | MM_W))
			return false;
	while ((node = devtree_next_of(fdt, node, KIND_ITS | KIND_V2M)) !=
	       FDT_NO_NODE)
		if (!map_doorbell(fdt, node))
			return false;
	return true;
}

/* Makes stage 1, unless it is there. */
static BOOT_ONLY void make_stage1(const struct fdt *fdt,
				  const struct ranges *ram)
{
	uint64_t ps = read_sysreg(vtcr_el2) >> 16 & 7;

	if (stage1.root)
		return;
	if (!map_memory(fdt, ram))
		boot_stop("page tables: no room for the SMMU's");
	/* An SMMU that has fewer bits takes its own size for it. */
	cd[0] = CD_VALID | CD_AA64 | CD_RECORD | CD_ABORT | CD_ASET | CD_AFFD |
		CD_EPD1 | CD_WALK_WB_IS | ps << CD_IPS_SHIFT |
		(64 - STAGE_1_BITS);
	cd[1] = pa_of(stage1.root);
	cd[3] = MAIR_EL2_VALUE;
}

/* Size of output addresses as SMMU_IDR5.OAS has it; 52 bits are not used. */
static const uint8_t oas_bits[] BOOT_CONST = {32, 36, 40, 42, 44, 48, 48, 48};

/*
 * Whether the SMMU can walk the primary's stage 2. With fewer output bits it
 * takes the lower part of it, which begins at level 0 from 44 bits on only.
 */
static BOOT_ONLY bool shares_stage2(const struct smmu *s)
{
	return (mmio_read32(s->regs, SMMU_IDR0) & IDR0_S2P) &&
	       (vm_primary.stage2.level > 0 || s->output_bits >= 44);
}

static BOOT_ONLY void make_stage2_entry(const struct smmu *s, uint64_t *ste)
{
	uint64_t vttbr = vm_primary.arch.vttbr;
	uint64_t vtcr = read_sysreg(vtcr_el2) & VTCR_STE;
	uint64_t bits = vm_primary.stage2.input_bits;

	if (bits > s->output_bits)
		bits = s->output_bits;
	vtcr = (vtcr & ~(uint64_t)VTCR_T0SZ) | (64 - bits);
	ste[0] = STE_VALID | STE_STAGE_2;
	ste[1] = STE_SHCFG_INCOMING;
	ste[2] = vttbr >> 48 | vtcr << STE_VTCR_SHIFT | STE_S2_AA64 |
		 STE_S2_AFFD | STE_S2_RECORD;
	ste[3] = pa_of(vm_primary.stage2.root);
}

/* Fills a table with `count` copies of the one entry. */
static BOOT_ONLY void fill_entries(const struct smmu *s, uint64_t *table,
				   uint32_t count)
{
	if (shares_stage2(s)) {
		make_stage2_entry(s, table);
	} else {
		table[0] = STE_VALID | STE_STAGE_1 | pa_of(cd);
		table[1] = STE_SHCFG_INCOMING | STE_CD_WB_IS;
	}
	for (uint32_t i = 1; i < count; i++)
		memcpy(table + i * STE_WORDS, table, 8 * STE_WORDS);
}

/*
 * All descriptors of the first level point to one second level, as one stream
 * is like the other. Returns how many bits of stream numbers there are.
 */
static BOOT_ONLY uint32_t make_stream_table(const struct smmu *s)
{
	uint32_t bits = IDR1_SIDSIZE(mmio_read32(s->regs, SMMU_IDR1));
	uint32_t split = LINEAR_BITS;
	uint64_t config, *entries, *table;

	if (bits > MAX_STREAM_BITS)
		bits = MAX_STREAM_BITS;
	if (bits > 16)
		split = 10;
	entries = table = alloc(s, 8 * STE_WORDS << split);
	fill_entries(s, entries, 1u << split);
	config = bits;
	if (bits > LINEAR_BITS) {
		if (IDR0_ST_LEVEL(mmio_read32(s->regs, SMMU_IDR0)) != 1)
			stop(s, "has no stream table of two levels");
		table = alloc(s, (uint64_t)8 << (bits - split));
		for (uint32_t i = 0; i < 1u << (bits - split); i++)
			table[i] = pa_of(entries) | (split + 1);
		config |= split << STRTAB_SPLIT_SHIFT | STRTAB_TWO_LEVELS;
	}
	mmio_write64(s->regs, SMMU_STRTAB_BASE, pa_of(table) | BASE_ALLOCATE);
	mmio_write32(s->regs, SMMU_STRTAB_BASE_CFG, (uint32_t)config);
	return bits;
}

/* --- queues --- */

static BOOT_ONLY uint32_t min(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static BOOT_ONLY void make_queues(struct smmu *s)
{
	uint32_t idr1 = mmio_read32(s->regs, SMMU_IDR1);

	s->cmdq_bits = (uint8_t)min(IDR1_CMDQS(idr1), CMDQ_BITS);
	s->eventq_bits = (uint8_t)min(IDR1_EVENTQS(idr1), EVENTQ_BITS);
	s->cmdq = alloc(s, PAGE_SIZE);
	s->eventq = alloc(s, PAGE_SIZE);
	mmio_write64(s->regs, SMMU_CMDQ_BASE,
		     pa_of(s->cmdq) | BASE_ALLOCATE | s->cmdq_bits);
	mmio_write32(s->regs, SMMU_CMDQ_PROD, 0);
	mmio_write32(s->regs, SMMU_CMDQ_CONS, 0);
	mmio_write64(s->regs, SMMU_EVENTQ_BASE,
		     pa_of(s->eventq) | BASE_ALLOCATE | s->eventq_bits);
	mmio_write32(s->page1, SMMU_EVENTQ_PROD, 0);
	mmio_write32(s->page1, SMMU_EVENTQ_CONS, 0);
}

/* Issues a command and waits until it is taken. */
static BOOT_ONLY void command(const struct smmu *s, uint64_t word0,
			      uint64_t word1)
{
	uint32_t mask = (2u << s->cmdq_bits) - 1; /* with the wrap bit */
	uint32_t at = mmio_read32(s->regs, SMMU_CMDQ_PROD) & mask;
	uint64_t *entry = s->cmdq + CMD_WORDS * (at & mask >> 1);

	entry[0] = word0;
	entry[1] = word1;
	arch_clean_to_memory(entry, 8 * CMD_WORDS);
	at = (at + 1) & mask;
	mmio_write32(s->regs, SMMU_CMDQ_PROD, at);
	await(s, SMMU_CMDQ_CONS, mask | CMDQ_CONS_ERR, at);
}

/* --- turning on (3.11 "Reset, enable and initialization") --- */

/* NULL, or why the SMMU is none that can be used. */
static BOOT_ONLY const char *unusable(const struct smmu *s)
{
	uint64_t own_end = pa_of(image_begin) + HYP_SIZE - 1;
	uint32_t idr0 = mmio_read32(s->regs, SMMU_IDR0);
	uint32_t idr1 = mmio_read32(s->regs, SMMU_IDR1);

	if (idr1 & IDR1_PRESET)
		return "its tables or queues are preset";
	if (!(idr0 & IDR0_TTF_AARCH64) || IDR0_TTENDIAN(idr0) == TTENDIAN_BIG ||
	    !(mmio_read32(s->regs, SMMU_IDR5) & IDR5_GRAN4K))
		return "cannot walk page tables of this CPU";
	if (IDR0_STALL_MODEL(idr0) == STALL_FORCED)
		return "stalls instead of refusing";
	if (!(idr0 & IDR0_S1P) && !shares_stage2(s))
		return "has no stage that fits";
	if (own_end >> s->output_bits)
		return "cannot reach its tables at the top of RAM";
	return NULL;
}

static BOOT_ONLY void enable(struct smmu *s)
{
	uint64_t ats =
		mmio_read32(s->regs, SMMU_IDR0) & IDR0_ATS ? CR0_ATSCHK : 0;

	mmio_write32(s->regs, SMMU_CR1, CR1_WB_IS);
	mmio_write32(s->regs, SMMU_CR2, CR2_RECINVSID | CR2_PTM);
	set_cr0(s, CR0_CMDQEN);
	command(s, CMD_CFGI_ALL, CMD_CFGI_ALL_RANGE);
	command(s, CMD_TLBI_NSNH_ALL, 0);
	command(s, CMD_SYNC, 0);
	set_cr0(s, CR0_CMDQEN | CR0_EVENTQEN);
	set_cr0(s, CR0_CMDQEN | CR0_EVENTQEN | CR0_SMMUEN | ats);
}

/* Makes all tables known to an SMMU that does not see the caches. */
static BOOT_ONLY void publish(const struct smmu *s)
{
	if (!s->coherent) {
		arch_clean_to_memory(cd, sizeof(cd));
		arch_clean_to_memory(pool_begin, pool_used_bytes());
	}
	dsb(sy);
}

static BOOT_ONLY void start(uint32_t i, const struct fdt *fdt,
			    const struct ranges *ram)
{
	struct smmu *s = &smmus[i];
	const char *error;
	uint32_t bits;

	s->coherent = mmio_read32(s->regs, SMMU_IDR0) & IDR0_COHACC;
	s->output_bits = oas_bits[mmio_read32(s->regs, SMMU_IDR5) & IDR5_OAS];
	error = unusable(s);
	if (error)
		stop(s, error);
	if (!shares_stage2(s))
		make_stage1(fdt, ram);
	s->page1 = arch_map_slot(SLOT_SMMU + i, paddr(s->base + SMMU_PAGE1),
				 MM_DEVICE_RW);
	bits = make_stream_table(s);
	make_queues(s);
	publish(s);
	enable(s);
	log_line("smmu%u: %s, stage %u, %u-bit streams", i, s->name,
		 shares_stage2(s) ? 2 : 1, bits);
}

BOOT_ONLY void arch_confine_devices(const struct fdt *fdt,
				    const struct ranges *ram)
{
	for (uint32_t i = 0; i < arch_iommu_count; i++)
		start(i, fdt, ram);
}

/* --- faults --- */

static void tell(uint32_t i, const uint64_t *event)
{
	static const char access[] = "smmu%u: stream 0x%x: %s 0x%lx refused";
	static const char other[] = "smmu%u: stream 0x%x: refused, event 0x%x";
	static const char kinds[][9] = {"write to", "read of"};
	uint32_t kind = event[0] & 0xff;
	uint32_t stream = (uint32_t)(event[0] >> 32);

	if (kind >= EVENT_TRANSLATION && kind <= EVENT_PERMISSION)
		log_guest(&refusals, access, i, stream,
			  kinds[(event[1] & EVENT_READ) != 0], event[2]);
	else
		log_guest(&refusals, other, i, stream, kind);
}

static void drain(uint32_t i)
{
	const struct smmu *s = &smmus[i];
	uint32_t mask = (2u << s->eventq_bits) - 1; /* with the wrap bit */
	uint32_t prod = mmio_read32(s->page1, SMMU_EVENTQ_PROD);
	uint32_t cons = mmio_read32(s->page1, SMMU_EVENTQ_CONS);
	static const char more[] = "smmu%u: more were refused";
	uint32_t lost = (prod ^ cons) >> 31;
	uint32_t n = 0;

	dmb(ld);
	for (; (cons ^ prod) & mask; n++) {
		const uint64_t *event =
			s->eventq + EVENT_WORDS * (cons & mask >> 1);

		if (!s->coherent)
			arch_clean_to_memory(event, 8 * EVENT_WORDS);
		if (n < TOLD_EVENTS)
			tell(i, event);
		cons = (cons + 1) & mask;
	}
	if (n > TOLD_EVENTS || lost)
		log_guest(&refusals, more, i);
	dmb(sy);
	if (n)
		mmio_write32(s->page1, SMMU_EVENTQ_CONS,
			     cons | (prod & (uint32_t)QUEUE_OVERFLOW));
}

void smmu_poll(bool now)
{
	static uint64_t next;
	static bool busy;

	if (!arch_iommu_count)
		return;
	if (!now &&
	    read_sysreg(cntpct_el0) < __atomic_load_n(&next, __ATOMIC_RELAXED))
		return;
	/* Another CPU is at it, and tells what there is. */
	if (__atomic_exchange_n(&busy, true, __ATOMIC_ACQUIRE))
		return;
	for (uint32_t i = 0; i < arch_iommu_count; i++)
		drain(i);
	/* From here on: what was printed may have taken long. */
	__atomic_store_n(&next,
			 read_sysreg(cntpct_el0) +
				 read_sysreg(cntfrq_el0) / POLLS_PER_S,
			 __ATOMIC_RELAXED);
	__atomic_store_n(&busy, false, __ATOMIC_RELEASE);
}

void arch_poll_devices(void)
{
	smmu_poll(false);
}
