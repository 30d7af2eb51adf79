/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the CPU's ID registers promise to a VM: no more than the hypervisor
 * switches or leaves to it (hazard 25). A register that is not in the table
 * reads as zero. Fields and registers: DDI 0487, D17.2.
 */
#include "arch_internal.h"
#include "nospec.h"

#define REG(crm, op2) ((crm)*8 + (op2))
#define REG_COUNT REG(8, 0)

/* The fields (nibbles) that each kind of VM may see. */
struct id_row {
	uint64_t primary;
	uint64_t secondary;
};

#define ALL ~(uint64_t)0

static const struct id_row rows[REG_COUNT] BOOT_CONST = {
	/* REVIDR_EL1 */
	[REG(0, 6)] = {ALL, 0},
	/* ID_PFR0_EL1: no RAS, no activity monitors */
	[REG(1, 0)] = {0x0f0fffff, 0x0f0fffff},
	/* ID_PFR1_EL1: no virtualization */
	[REG(1, 1)] = {0xf00f0fff, 0xf00f0fff},
	/* ID_DFR0_EL1: no trace; a secondary has no PMU */
	[REG(1, 2)] = {0x0ff00fff, 0x00f00fff},
	/* ID_AFR0_EL1, ID_MMFR0-3_EL1, ID_ISAR0-5_EL1, ID_MMFR4, ID_ISAR6 */
	[REG(1, 3)] = {ALL, ALL},
	[REG(1, 4)] = {ALL, ALL},
	[REG(1, 5)] = {ALL, ALL},
	[REG(1, 6)] = {ALL, ALL},
	[REG(1, 7)] = {ALL, ALL},
	[REG(2, 0)] = {ALL, ALL},
	[REG(2, 1)] = {ALL, ALL},
	[REG(2, 2)] = {ALL, ALL},
	[REG(2, 3)] = {ALL, ALL},
	[REG(2, 4)] = {ALL, ALL},
	[REG(2, 5)] = {ALL, ALL},
	[REG(2, 6)] = {ALL, ALL},
	[REG(2, 7)] = {ALL, ALL},
	/* MVFR0-2_EL1, ID_PFR2_EL1 (no RAS), ID_MMFR5_EL1 */
	[REG(3, 0)] = {ALL, ALL},
	[REG(3, 1)] = {ALL, ALL},
	[REG(3, 2)] = {ALL, ALL},
	[REG(3, 4)] = {0xff, 0xff},
	[REG(3, 6)] = {0xff, 0xff},
	/*
	 * ID_AA64PFR0_EL1: no EL2, RAS, SVE, secure EL2, MPAM, AMU, RME; a
	 * secondary has no EL3
	 */
	[REG(4, 0)] = {0xff0f00000ffff0ff, 0xff0f00000fff00ff},
	/* ID_AA64PFR1_EL1: BTI and SSBS; no MTE, SME, NMI, and what follows */
	[REG(4, 1)] = {0xff, 0xff},
	/*
	 * ID_AA64DFR0_EL1: no trace, statistical profiling, branch records; a
	 * secondary has no PMU
	 */
	[REG(5, 0)] = {0x000f00f0f0f0ff0f, 0x000000f0f0f0f00f},
	/* ID_AA64AFR0_EL1, ID_AA64AFR1_EL1 */
	[REG(5, 4)] = {ALL, ALL},
	[REG(5, 5)] = {ALL, ALL},
	/* ID_AA64ISAR0_EL1: no TME */
	[REG(6, 0)] = {0xfffffffff0ffffff, 0xfffffffff0ffffff},
	/* ID_AA64ISAR1_EL1: no LS64 */
	[REG(6, 1)] = {0x0fffffffffffffff, 0x0fffffffffffffff},
	/* ID_AA64ISAR2_EL1: no WFIT, and no MOPS, which need HCRX_EL2 */
	[REG(6, 2)] = {0x00000000fff0fff0, 0x00000000fff0fff0},
	/* ID_AA64MMFR0_EL1: no fine-grained traps */
	[REG(7, 0)] = {0xf0ffffffffffffff, 0xf0ffffffffffffff},
	/* ID_AA64MMFR1_EL1: no VHE, LOR, stage 2 XNX, TWED, HCRX, CMOW */
	[REG(7, 1)] = {0xf0fff0f00ff0f0ff, 0xf0fff0f00ff0f0ff},
	/* ID_AA64MMFR2_EL1: no nested virtualization, IESB, FWB, EVT */
	[REG(7, 2)] = {0xf0ff00fff0ff0fff, 0xf0ff00fff0ff0fff},
};

/* Fields that are shown, but not above this. */
static const struct {
	uint8_t reg, shift, limit;
} caps[] BOOT_CONST = {
	{REG(4, 0), 4, 1},  /* EL1 is AArch64 only */
	{REG(4, 0), 56, 1}, /* CSV2_2 has SCXTNUM, which is not switched */
	{REG(5, 0), 0, 10}, /* Debugv8p9 has MDSELR_EL1, as well */
	{REG(7, 1), 0, 2},  /* HAFT needs TCR2_EL1 */
};

/* What a secondary (0) and the primary (1) read. */
static uint64_t value[2][REG_COUNT] RO_AFTER_BOOT;

#define READ(crm, op2) \
	value[1][REG(crm, op2)] = read_sysreg(s3_0_c0_c##crm##_##op2)
#define READ_ROW(crm) \
	READ(crm, 0); \
	READ(crm, 1); \
	READ(crm, 2); \
	READ(crm, 3); \
	READ(crm, 4); \
	READ(crm, 5); \
	READ(crm, 6); \
	READ(crm, 7)

BOOT_ONLY void idregs_init(void)
{
	/* Unallocated ones in this space read as zero. */
	READ(0, 6);
	READ_ROW(1);
	READ_ROW(2);
	READ_ROW(3);
	READ_ROW(4);
	READ_ROW(5);
	READ_ROW(6);
	READ_ROW(7);
	for (unsigned int i = 0; i < ARRAY_SIZE(caps); i++) {
		uint64_t *v = &value[1][caps[i].reg];
		uint64_t mask = (uint64_t)0xf << caps[i].shift;
		uint64_t limit = (uint64_t)caps[i].limit << caps[i].shift;

		if ((*v & mask) > limit)
			*v = (*v & ~mask) | limit;
	}
	/* The CPU may have them, and the board a GICv2. */
	if (!features.gic_regs) {
		value[1][REG(1, 1)] &= ~(0xfull << 28);
		value[1][REG(4, 0)] &= ~(0xfull << 24);
	}
	for (unsigned int i = 0; i < REG_COUNT; i++) {
		value[0][i] = value[1][i] & rows[i].secondary;
		value[1][i] &= rows[i].primary;
	}
}

uint64_t idreg_value(unsigned int crm, unsigned int op2, bool primary)
{
	unsigned int reg = REG(crm, op2);

	if (reg >= REG_COUNT)
		return 0;
	reg = (unsigned int)index_nospec(reg, REG_COUNT);
	return value[primary][reg];
}
