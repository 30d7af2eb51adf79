/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * src/arch/aarch64/idregs.c, on a CPU whose ID registers promise everything:
 * what is not switched, or not given to a VM, must not be shown to it. Fields
 * by their names in DDI 0487, D17.2.
 */
#include "regs.h"
#include "unit.h"

#include "arch_internal.h"

#define PRIMARY 1
#define SECONDARY 2
#define BOTH (PRIMARY | SECONDARY)

/* S3_0_C0_C<crm>_<op2>, bits shift + 3 to shift. */
static const struct {
	const char *feature;
	uint8_t crm, op2, shift;
	uint8_t hidden_from;
} hidden[] = {
	{"EL2", 4, 0, 8, BOTH},
	{"EL3", 4, 0, 12, SECONDARY},
	{"RAS", 4, 0, 28, BOTH},
	{"SVE", 4, 0, 32, BOTH},
	{"secure EL2", 4, 0, 36, BOTH},
	{"MPAM", 4, 0, 40, BOTH},
	{"AMU", 4, 0, 44, BOTH},
	{"RME", 4, 0, 52, BOTH},
	{"MTE", 4, 1, 8, BOTH},
	{"RAS fraction", 4, 1, 12, BOTH},
	{"MPAM fraction", 4, 1, 16, BOTH},
	{"SME", 4, 1, 24, BOTH},
	{"random trap", 4, 1, 28, BOTH},
	{"NMI", 4, 1, 36, BOTH},
	{"trace", 5, 0, 4, BOTH},
	{"PMU", 5, 0, 8, SECONDARY},
	{"SPE", 5, 0, 32, BOTH},
	{"trace filter", 5, 0, 40, BOTH},
	{"trace buffer", 5, 0, 44, BOTH},
	{"branch records", 5, 0, 52, BOTH},
	{"TME", 6, 0, 24, BOTH},
	{"LS64", 6, 1, 60, BOTH},
	{"WFxT", 6, 2, 0, BOTH},
	{"MOPS", 6, 2, 16, BOTH},
	{"fine-grained traps", 7, 0, 56, BOTH},
	{"VHE", 7, 1, 8, BOTH},
	{"LOR", 7, 1, 16, BOTH},
	{"HCRX", 7, 1, 40, BOTH},
	{"nested virtualization", 7, 2, 24, BOTH},
	{"EVT", 7, 2, 56, BOTH},
	/* SVE and SME in full: ZFR0, SMFR0 */
	{"SVE version", 4, 4, 0, BOTH},
	{"SME features", 4, 5, 60, BOTH},
	/* AArch32 */
	{"virtualization", 1, 1, 12, BOTH},
	{"PMU", 1, 2, 24, SECONDARY},
};

struct cpu_features features;

static void start(void)
{
	static char names[8][8][16];

	regs_reset();
	for (unsigned int crm = 1; crm < 8; crm++)
		for (unsigned int op2 = 0; op2 < 8; op2++) {
			snprintf(names[crm][op2], sizeof(names[crm][op2]),
				 "s3_0_c0_c%u_%u", crm, op2);
			regs_set(names[crm][op2], ~UINT64_C(0));
		}
	features.gic_regs = true;
	idregs_init();
}

static uint64_t shown(unsigned int i, bool primary)
{
	uint64_t value = idreg_value(hidden[i].crm, hidden[i].op2, primary);

	return value >> hidden[i].shift & 0xf;
}

TEST(nothing_that_is_not_switched)
{
	start();
	for (unsigned int i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		bool bad =
			(hidden[i].hidden_from & PRIMARY && shown(i, true)) ||
			(hidden[i].hidden_from & SECONDARY && shown(i, false));

		if (bad)
			unit_fail(__FILE__, __LINE__, hidden[i].feature);
	}
}

/* EL1 in AArch32 is not offered, and no more than CSV2. */
TEST(limits)
{
	start();
	for (unsigned int primary = 0; primary < 2; primary++) {
		CHECK_EQ(idreg_value(4, 0, primary) >> 4 & 0xf, 1);
		CHECK_EQ(idreg_value(4, 0, primary) >> 56 & 0xf, 1);
	}
}

/* What the hypervisor does switch, a VM may know. */
TEST(what_is_switched)
{
	start();
	for (unsigned int primary = 0; primary < 2; primary++) {
		CHECK_EQ(idreg_value(4, 0, primary) >> 16 & 0xff,
			 0xff); /* FP */
		CHECK_EQ(idreg_value(6, 1, primary) >> 4 & 0xff, 0xff);
		CHECK_EQ(idreg_value(7, 0, primary) & 0xf, 0xf); /* PARange */
	}
}

/* Where the board has a GICv2 nobody is to try a GICv3's registers. */
TEST(gic_of_the_board)
{
	start();
	CHECK_EQ(idreg_value(4, 0, true) >> 24 & 0xf, 0xf);
	CHECK_EQ(idreg_value(4, 0, false) >> 24 & 0xf, 0xf);
	CHECK_EQ(idreg_value(1, 1, false) >> 28 & 0xf, 0xf);
	features.gic_regs = false;
	idregs_init();
	CHECK_EQ(idreg_value(4, 0, true) >> 24 & 0xf, 0);
	CHECK_EQ(idreg_value(1, 1, true) >> 28 & 0xf, 0);
	CHECK_EQ(idreg_value(4, 0, false) >> 24 & 0xf, 0);
}

/* Registers that nobody knows read as zero, and so does what lies outside. */
TEST(unknown_registers)
{
	start();
	for (unsigned int primary = 0; primary < 2; primary++) {
		CHECK_EQ(idreg_value(4, 7, primary), 0);
		CHECK_EQ(idreg_value(0, 0, primary), 0);
		CHECK_EQ(idreg_value(8, 0, primary), 0);
		CHECK_EQ(idreg_value(15, 7, primary), 0);
	}
}
