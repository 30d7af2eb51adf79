/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * src/arch/aarch64/gic.c: boards whose redistributors are not as QEMU's are,
 * and what of their regions the primary reaches.
 */
#include "regs.h"
#include "unit.h"

#include "gic.c"

#define GICR UINT64_C(0x80a0000)
#define FRAME UINT64_C(0x10000)
#define PAGE 4096u
#define LAST GICR_TYPER_LAST
#define VLPIS GICR_TYPER_VLPIS

/* --- what gic.c needs of others --- */

struct board board;
struct cpu_features features;
struct cpu cpus[MAX_CPUS];
uint32_t cpu_count;
struct vm vm_primary;

/* Registers of a region, that of GICR_TYPER alone for each frame. */
static _Alignas(65536) uint8_t region[16 * 0x10000];
static uint64_t page[PAGE / 8];
static uint64_t added[8];
static unsigned int adds;

void *arch_boot_map(paddr_t pa, uint64_t size, unsigned int mode)
{
	CHECK_EQ(pa.pa, GICR);
	CHECK(size <= sizeof(region));
	return region;
}

void *arch_map_slot(unsigned int slot, paddr_t pa, unsigned int mode)
{
	return page;
}

void arch_relax(void)
{
}

void vgic_init_cpu(void)
{
}

void vgic_v2_init(void *registers)
{
}

void lpi_init(uint32_t id_bits)
{
}

const char *lpi_add_redistributor(uint64_t base, uint64_t typer)
{
	if (!is_aligned(base, FRAME))
		return "not aligned";
	CHECK(adds < ARRAY_SIZE(added));
	added[adds++] = base;
	return NULL;
}

void log_guest(struct log_limit *limit, const char *format, ...)
{
}

bool mmio_access(struct vcpu *vcpu, uint64_t esr,
		 const struct mmio_range *ranges, unsigned int count)
{
	return false;
}

bool ptable_is_normal(const struct ptable *t, uint64_t at, uint64_t size)
{
	return true;
}

static struct range claimed[8];
static unsigned int claims;
/* Pages that are somebody's. */
static struct range others;
static enum mm_owner others_owner;

/* Takes what of the range is nobody's: what lies before and behind others. */
bool mm_transfer_free(enum mm_transition transition, struct ptable *primary,
		      paddr_t pa, uint64_t size)
{
	uint64_t end = pa.pa + align_up(size, PAGE);
	uint64_t first = end < others.begin ? end : others.begin;

	CHECK_EQ(transition, MM_HIDE);
	if (end > BIT(48))
		return false;
	if (!overlaps(pa.pa, end, others.begin, others.end))
		first = end;
	CHECK(claims + 2 <= ARRAY_SIZE(claimed));
	if (pa.pa < first)
		claimed[claims++] = (struct range){pa.pa, first};
	if (first < end && others.end < end)
		claimed[claims++] = (struct range){others.end, end};
	return true;
}

/* The hypervisor has what it claimed, and perhaps the others. */
bool mm_is_absent(const struct ptable *t, uint64_t at, uint64_t size,
		  enum mm_owner owner)
{
	CHECK_EQ(owner, OWNER_HYPERVISOR);
	return others_owner == OWNER_HYPERVISOR ||
	       !overlaps(at, at + size, others.begin, others.end);
}

/* --- boards --- */

static _Alignas(8) uint8_t tree[1024];

static void put_frame(unsigned int frame, uint64_t typer)
{
	memcpy(region + frame * FRAME + GICR_TYPER, &typer, 8);
}

/*
 * Starts the GIC of a board whose region has so many bytes, and whose stride is
 * in so many cells. NULL, or what is wrong.
 */
static const char *start(uint64_t size, uint32_t stride_cells,
			 uint32_t stride_low, const char *root)
{
	const uint32_t cells[] = {0, stride_low};
	struct fdt_writer w;
	struct fdt fdt;

	fdt_begin(&w, tree, sizeof(tree), 0);
	fdt_put_node(&w, "");
	fdt_put_string(&w, "compatible", root);
	fdt_put_node(&w, "gic");
	if (stride_cells)
		fdt_put_cells(&w, "redistributor-stride",
			      cells + (stride_cells == 1), stride_cells);
	fdt_put_end(&w);
	fdt_put_end(&w);
	CHECK(!unit_fdt_open(&fdt, tree, fdt_finish(&w, 0)));
	memset(&board, 0, sizeof(board));
	board.gic = fdt_path(&fdt, "/gic");
	board.gic_version = 3;
	board.gicr_count = 1;
	board.gicr[0].base = GICR;
	board.gicr[0].size = size;
	memset(cpus, 0, sizeof(cpus));
	cpu_count = 1;
	cpus[0].id = 1;
	adds = claims = emulated_count = register_pages = 0;
	others = (struct range){0, 0};
	others_owner = OWNER_HYPERVISOR;
	return gic_init_board(&fdt);
}

/* After start(): the primary is kept from `count` ranges, each of frames. */
static void check_claims(unsigned int count, const unsigned int (*frames)[2])
{
	struct ptable primary;

	CHECK(arch_claim_devices(&primary));
	CHECK_EQ(claims, count);
	for (unsigned int i = 0; i < count; i++) {
		CHECK_EQ(claimed[i].begin, GICR + frames[i][0] * FRAME);
		CHECK_EQ(claimed[i].end, GICR + frames[i][1] * FRAME);
	}
}

#define AFFINITY(n) ((uint64_t)(n) << 32)

/* What is behind the last redistributor is nobody's. */
TEST(behind_the_last)
{
	static const unsigned int rest[][2] = {{4, 10}};

	memset(region, 0, sizeof(region));
	put_frame(0, AFFINITY(0));
	put_frame(2, AFFINITY(1) | LAST);
	put_frame(4, AFFINITY(2) | LAST);
	CHECK_STR(start(10 * FRAME, 0, 0, "any"), NULL);
	CHECK_EQ(adds, 2);
	CHECK_EQ(cpus[0].arch.gicr, GICR + 2 * FRAME);
	check_claims(1, rest);
	CHECK_STR(start(4 * FRAME, 0, 0, "any"), NULL);
	check_claims(0, NULL);
	/* A page more than frames */
	CHECK_STR(start(4 * FRAME + 1, 0, 0, "any"), NULL);
	CHECK(arch_claim_devices(NULL));
	CHECK_EQ(claimed[0].end - claimed[0].begin, PAGE);
}

/* Of what it hides, some may be the hypervisor's already, none a VM's. */
TEST(claims_the_rest)
{
	static const unsigned int rest[][2] = {{4, 5}, {7, 10}};

	memset(region, 0, sizeof(region));
	put_frame(0, AFFINITY(0));
	put_frame(2, AFFINITY(1) | LAST);
	CHECK_STR(start(10 * FRAME, 0, 0, "any"), NULL);
	others = (struct range){GICR + 5 * FRAME, GICR + 7 * FRAME};
	check_claims(2, rest);
	others_owner = OWNER_PRIMARY;
	CHECK(!arch_claim_devices(NULL));
	others = (struct range){0, 0};
	emulated[0].base = BIT(48);
	CHECK(!arch_claim_devices(NULL));
}

/* A page with registers in a region that is hidden is found first. */
TEST(registers_before_hidden)
{
	static const struct mmio_reg regs[] = {{0}};
	const uint64_t its = GICR + 8 * FRAME;
	uint32_t i = 0;

	memset(region, 0, sizeof(region));
	put_frame(0, AFFINITY(1) | LAST);
	CHECK_STR(start(10 * FRAME, 0, 0, "any"), NULL);
	CHECK_STR(gic_hide(its, 2 * FRAME), NULL);
	CHECK_STR(gic_emulate_page(its, regs, cpus), NULL);
	while (its - emulated[i].base >= emulated[i].size)
		i++;
	CHECK(emulated[i].device == cpus);
	CHECK_EQ(emulated_count, 3);
	for (i = 1; i < 3; i++)
		CHECK(!emulated[i].device);
}

TEST(virtual_lpis)
{
	static const unsigned int rest[][2] = {{8, 9}};

	memset(region, 0, sizeof(region));
	put_frame(0, AFFINITY(0) | VLPIS);
	put_frame(4, AFFINITY(1) | VLPIS | LAST);
	CHECK_STR(start(9 * FRAME, 0, 0, "any"), NULL);
	CHECK_EQ(adds, 2);
	CHECK_EQ(added[1], GICR + 4 * FRAME);
	check_claims(1, rest);
	CHECK(start(7 * FRAME, 0, 0, "any"));
}

/* Between two redistributors there may be others, or nothing. */
TEST(padded)
{
	static const unsigned int rest[][2] = {{2, 4}, {6, 8}, {8, 12}};

	memset(region, 0, sizeof(region));
	put_frame(0, AFFINITY(0));
	put_frame(2, AFFINITY(1) | LAST);
	put_frame(4, AFFINITY(1) | LAST);
	for (uint32_t cells = 1; cells <= 2; cells++) {
		CHECK_STR(start(12 * FRAME, cells, 4 * FRAME, "any"), NULL);
		CHECK_EQ(adds, 2);
		CHECK_EQ(cpus[0].arch.gicr, GICR + 4 * FRAME);
		check_claims(3, rest);
	}
	/* The region may end behind the frames of the last one. */
	CHECK_STR(start(6 * FRAME, 2, 4 * FRAME, "any"), NULL);
	CHECK_EQ(adds, 2);
	check_claims(1, rest);
	CHECK(start(5 * FRAME, 2, 4 * FRAME, "any"));
	/* 0 is none. */
	CHECK_STR(start(4 * FRAME, 2, 0, "any"), NULL);
	CHECK(start(12 * FRAME, 2, 4 * FRAME + PAGE, "any"));
	CHECK(start(12 * FRAME, 2, FRAME, "any"));
	put_frame(0, VLPIS);
	CHECK(start(12 * FRAME, 2, 2 * FRAME, "any"));
}

/* The GIC drops the upper half of an address: it is not let have one. */
TEST(few_address_lines)
{
	memset(region, 0, sizeof(region));
	put_frame(0, AFFINITY(1) | LAST);
	CHECK_STR(start(2 * FRAME, 0, 0, "rockchip,rk3399"), NULL);
	CHECK(gic_may_use(BIT(32), PAGE));
	CHECK(!gic_reaches(~UINT64_C(0), 1));
	CHECK_STR(start(2 * FRAME, 0, 0, "rockchip,rk3568"), NULL);
	CHECK(gic_may_use(BIT(32) - PAGE, PAGE));
	CHECK(!gic_may_use(BIT(32) - PAGE, PAGE + 1));
	CHECK(!gic_may_use(BIT(32), PAGE));
	CHECK(!gic_may_use(0, BIT(32) + 1));
	CHECK(!gic_reaches(BIT(33), ~UINT64_C(0)));
}
