/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * src/arch/aarch64/pte.c: entries as the hardware reads them, field by field
 * (DDI 0487, D8.3), and the root of stage 2.
 */
#include "regs.h"
#include "unit.h"

#include "arch.h"

#define S1 MM_STAGE_1
#define S2 MM_STAGE_2

static const unsigned int modes[] = {MM_R, MM_R | MM_W, MM_R | MM_X,
				     MM_NORMAL_RWX, MM_DEVICE_RW};

static unsigned int field(uint64_t pte, unsigned int shift, unsigned int bits)
{
	return (unsigned int)(pte >> shift & ((1u << bits) - 1));
}

/* Valid, of its level, accessed, inner shareable, at its address. */
static void check_common(uint64_t pte, unsigned int level, uint64_t pa)
{
	CHECK_EQ(field(pte, 0, 2), level == 3 ? 3 : 1);
	CHECK_EQ(field(pte, 8, 2), 3);
	CHECK_EQ(field(pte, 10, 1), 1);
	CHECK_EQ(pte & 0x0000fffffffff000, pa);
	CHECK_EQ(arch_pte_pa(pte).pa, pa);
	CHECK(!arch_pte_is_absent(pte));
	CHECK(!arch_pte_is_table(pte, level));
}

TEST(stage2_leaves)
{
	for (unsigned int level = 1; level <= 3; level++)
		for (unsigned int i = 0; i < 5; i++) {
			unsigned int mode = modes[i];
			uint64_t pa = UINT64_C(0xf) << 44 | UINT64_C(1) << 39;
			uint64_t pte =
				arch_pte_leaf(S2, level, paddr(pa), mode);

			check_common(pte, level, pa);
			/* write-back inside and outside, or Device-nGnRE */
			CHECK_EQ(field(pte, 2, 4), mode & MM_DEVICE ? 1 : 0xf);
			CHECK_EQ(field(pte, 6, 1), mode & MM_R ? 1 : 0);
			CHECK_EQ(field(pte, 7, 1), mode & MM_W ? 1 : 0);
			CHECK_EQ(field(pte, 53, 2), mode & MM_X ? 0 : 2);
			CHECK_EQ(arch_pte_mode(S2, pte), mode);
		}
}

TEST(stage1_leaves)
{
	for (unsigned int level = 1; level <= 3; level++)
		for (unsigned int i = 0; i < 5; i++) {
			unsigned int mode = modes[i];
			uint64_t pte = arch_pte_leaf(
				S1, level, paddr(UINT64_C(1) << 40), mode);

			check_common(pte, level, UINT64_C(1) << 40);
			/* index in MAIR_EL2 */
			CHECK_EQ(field(pte, 2, 3), mode & MM_DEVICE ? 1 : 0);
			CHECK_EQ(field(pte, 7, 1), mode & MM_W ? 0 : 1);
			CHECK_EQ(field(pte, 54, 1), mode & MM_X ? 0 : 1);
			CHECK_EQ(arch_pte_mode(S1, pte), mode);
		}
}

TEST(tables)
{
	uint64_t pte = arch_pte_table(paddr(0x0000fffffffff000));

	CHECK_EQ(pte, 0x0000fffffffff003);
	for (unsigned int level = 0; level < 3; level++)
		CHECK(arch_pte_is_table(pte, level));
	/* At level 3 the same bits are a page. */
	CHECK(!arch_pte_is_table(pte, 3));
	CHECK_EQ(arch_pte_pa(pte).pa, 0x0000fffffffff000);
}

/* Attributes are no part of the address. */
TEST(address_only)
{
	CHECK_EQ(arch_pte_pa(~UINT64_C(0)).pa, 0x0000fffffffff000);
}

TEST(absent)
{
	for (unsigned int owner = 0; owner < OWNER_VM + 16; owner++) {
		uint64_t pte = arch_pte_absent((enum mm_owner)owner);

		CHECK_EQ(pte & 1, 0);
		CHECK(arch_pte_is_absent(pte));
		CHECK_EQ(arch_pte_owner(pte), owner);
		for (unsigned int level = 0; level <= 3; level++)
			CHECK(!arch_pte_is_table(pte, level));
	}
}

/* Stores to tables are seen by walks before anything else happens. */
TEST(sync)
{
	regs_reset();
	arch_pt_sync();
	CHECK_EQ(regs_count("dsb ish"), 1);
	CHECK(regs_first("isb") > regs_first("dsb ish"));
}

/* Level 0 is not allowed below 44 bits; at level 1 a page holds 39. */
TEST(geometry)
{
	static const struct {
		uint8_t bits, level, pages;
	} wanted[16] = {{32, 1, 1}, {36, 1, 1}, {40, 1, 2}, {42, 1, 8},
			{44, 0, 1}, {48, 0, 1}, {48, 0, 1}, {48, 0, 1},
			{48, 0, 1}, {48, 0, 1}, {48, 0, 1}, {48, 0, 1},
			{48, 0, 1}, {48, 0, 1}, {48, 0, 1}, {48, 0, 1}};

	for (unsigned int i = 0; i < 16; i++) {
		uint8_t level, pages, bits;

		regs_reset();
		regs_set("id_aa64mmfr0_el1", 0xf0 | i);
		arch_stage2_geometry(&level, &pages, &bits);
		CHECK_EQ(bits, wanted[i].bits);
		CHECK_EQ(level, wanted[i].level);
		CHECK_EQ(pages, wanted[i].pages);
	}
}
