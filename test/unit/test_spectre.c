/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * src/arch/aarch64/spectre.c: what a CPU does against branch prediction that a
 * VM has trained, by its registers and its firmware.
 */
#include "regs.h"
#include "unit.h"

#include "arch_internal.h"

#define PSCI_FEATURES 0x8400000au

#define A53 UINT64_C(0x410fd034)
#define A57 UINT64_C(0x411fd070)
#define A72 UINT64_C(0x410fd083)
#define A73 UINT64_C(0x410fd092)
#define A76 UINT64_C(0x413fd0b1)
#define A78 UINT64_C(0x410fd411)
#define A715 UINT64_C(0x410fd4d0)
#define X3 UINT64_C(0x410fd4e0)
#define OTHER UINT64_C(0x610fd083) /* another implementer's 0xd08 */

#define CSV2(n) ((uint64_t)(n) << 56)
#define NONE (-1)

char vectors_primary[1], vectors_secondary[1], vectors_spectre[1];
char vectors_history_primary[1], vectors_history_secondary[1];

static struct cpu cpu;

/* The firmware's answers. */
static int64_t version;
static int64_t workarounds[4];

struct cpu *arch_this_cpu(void)
{
	return &cpu;
}

int64_t psci_firmware(uint64_t fn, uint64_t a1, uint64_t a2, uint64_t a3)
{
	switch (fn) {
	case PSCI_FEATURES:
		CHECK_EQ(a1, SMCCC_VERSION);
		return version ? 0 : -1;
	case SMCCC_VERSION:
		CHECK(version);
		return version;
	case SMCCC_ARCH_FEATURES:
		CHECK(version >= 0x10001);
		return a1 == SMCCC_ARCH_WORKAROUND_1   ? workarounds[1]
		       : a1 == SMCCC_ARCH_WORKAROUND_2 ? workarounds[2]
						       : workarounds[3];
	default:
		CHECK(!"unknown function");
		return -1;
	}
}

static void start(uint64_t midr, uint64_t pfr0)
{
	regs_reset();
	memset(&cpu, 0xff, sizeof(cpu));
	regs_set("midr_el1", midr);
	regs_set("id_aa64pfr0_el1", pfr0);
	version = 0;
	workarounds[1] = workarounds[2] = workarounds[3] = NONE;
}

static void firmware(int64_t w1, int64_t w2, int64_t w3)
{
	version = 0x10001;
	workarounds[1] = w1;
	workarounds[2] = w2;
	workarounds[3] = w3;
}

/* `rounds`: of eight branches. */
static void check(uint32_t rounds, uint32_t call, int64_t w1, int64_t w3)
{
	const char *primary = vectors_primary, *secondary = vectors_secondary;

	if (rounds == 2 && !call) {
		primary = vectors_history_primary;
		secondary = vectors_history_secondary;
	} else if (rounds || call) {
		primary = secondary = vectors_spectre;
	}
	spectre_init_cpu(&cpu);
	CHECK_EQ(cpu.arch.spectre.rounds, rounds);
	CHECK_EQ(cpu.arch.spectre.call, call);
	CHECK_EQ(regs_read("vbar_el2"), (uintptr_t)primary);
	CHECK(cpu.arch.spectre.primary_vectors == primary);
	CHECK(cpu.arch.spectre.secondary_vectors == secondary);
	CHECK_EQ(spectre_answer(SMCCC_ARCH_WORKAROUND_1), w1);
	CHECK_EQ(spectre_answer(SMCCC_ARCH_WORKAROUND_3), w3);
	CHECK_EQ(spectre_answer(0x80000002), -1);
}

TEST(in_order)
{
	start(A53, 0);
	check(0, 0, 1, 1);
}

/* By the model, where the firmware has nothing to say. */
TEST(models)
{
	start(A57, 0);
	check(2, 0, -1, 0);
	start(A72, 0);
	check(2, 0, -1, 0);
	start(A76, CSV2(1));
	check(6, 0, 1, 0);
	start(A78, CSV2(1));
	check(8, 0, 1, 0);
	start(A715, CSV2(1));
	check(10, 0, 1, 0);
	start(X3, CSV2(1));
	check(33, 0, 1, 0);
	/* Not known to be safe, and nothing to be done. */
	start(OTHER, 0);
	check(0, 0, -1, -1);
	start(A73, 0);
	check(0, 0, -1, -1);
}

TEST(safe_by_registers)
{
	start(A76, CSV2(3));
	check(0, 0, 1, 1);
	start(A76, CSV2(1));
	regs_set("id_aa64mmfr1_el1", UINT64_C(1) << 60); /* ECBHB */
	check(0, 0, 1, 1);
	/* One instruction in the place of the loop. */
	start(A76, CSV2(1));
	regs_set("s3_0_c0_c6_2", UINT64_C(1) << 28); /* CLRBHB */
	check(1, 0, 1, 0);
}

/* Targets are the firmware's, and the newer call covers both. */
TEST(firmware_calls)
{
	start(A72, 0);
	firmware(0, NONE, 0);
	check(2, SMCCC_ARCH_WORKAROUND_3, 0, 0);
	start(A72, 0);
	firmware(0, NONE, NONE);
	check(2, SMCCC_ARCH_WORKAROUND_1, 0, 0);
	start(A73, 0);
	firmware(0, NONE, NONE);
	check(0, SMCCC_ARCH_WORKAROUND_1, 0, -1);
	start(A73, CSV2(1));
	firmware(NONE, NONE, 0);
	check(0, SMCCC_ARCH_WORKAROUND_3, 1, 0);
	/* The loop is enough. */
	start(A76, CSV2(1));
	firmware(1, NONE, 0);
	check(6, 0, 1, 0);
	/* It says that the CPU is safe. */
	start(A72, 0);
	firmware(1, NONE, 1);
	check(0, 0, 1, 1);
}

/* Older firmware might hang on what it does not know. */
TEST(old_firmware)
{
	start(A72, 0);
	firmware(0, 0, 0);
	version = 0x10000;
	check(2, 0, -1, 0);
}

/* Always on: nobody turns it off for the others. */
TEST(store_bypass)
{
	static const int64_t answers[][2] = {
		{0, -2}, {1, 1}, {-2, -2}, {NONE, -1}};

	for (unsigned int i = 0; i < 4; i++) {
		start(A53, 0);
		firmware(NONE, answers[i][0], NONE);
		spectre_init_cpu(&cpu);
		CHECK_EQ(spectre_answer(SMCCC_ARCH_WORKAROUND_2),
			 answers[i][1]);
	}
}
