/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Branch prediction across exception levels: Spectre variant 2, and branch
 * history (Spectre-BHB). What a CPU needs is found by its ID registers, by what
 * its firmware offers (SMCCC_ARCH_WORKAROUND_*, DEN0028 7), and by its model;
 * vectors.S then does it on each entry from a VM. A CPU that needs nothing
 * keeps the vectors that do nothing.
 *
 * Speculative store bypass: the hypervisor runs with PSTATE.SSBS clear, as
 * SCTLR_EL2.DSSBS is, where there is FEAT_SSBS; a VM has its own, in its SPSR.
 * Where the firmware has SMCCC_ARCH_WORKAROUND_2 instead, it is on from reset
 * on, and no VM is let turn it off for the others.
 */
#include "arch_internal.h"
#include "cpu.h"

#define SMCCC_VERSION_1_1 0x10001
#define PSCI_FEATURES 0x8400000a

/* Answers of SMCCC_ARCH_FEATURES */
#define REQUIRED 0
#define UNAFFECTED 1
#define NOT_SUPPORTED (-1)
#define NOT_REQUIRED (-2)

/* MIDR_EL1: implementer and part number */
#define MIDR_MODEL(midr) ((midr) >> 24 << 12 | ((midr) >> 4 & 0xfff))
#define ARM(part) (0x41 << 12 | (part))

/* ID_AA64PFR0_EL1.CSV2, ID_AA64MMFR1_EL1.ECBHB, ID_AA64ISAR2_EL1.CLRBHB */
#define CSV2_SHIFT 56
#define CSV2_BRANCHES 1 /* targets of another context are not used */
#define CSV2_HISTORY 3	/* nor is its branch history */
#define ECBHB_SHIFT 60
#define CLRBHB_SHIFT 28

/* Does no harm: predicts, but executes nothing ahead that leaves a trace. */
#define IN_ORDER 255

/*
 * What pushes a guest's branches out of the history, by Arm's "Spectre-BHB"
 * white paper: iterations of a loop with two taken branches each, of which the
 * last one takes one. It is the number of branches that counts: vectors.S takes
 * as many in a row. What is not here has CSV2 to tell.
 */
static const struct {
	uint32_t model;
	uint8_t iterations;
} models[] = {
	{ARM(0xd03), IN_ORDER}, /* Cortex-A53 */
	{ARM(0xd04), IN_ORDER}, /* Cortex-A35 */
	{ARM(0xd05), IN_ORDER}, /* Cortex-A55 */
	{ARM(0xd46), IN_ORDER}, /* Cortex-A510 */
	{ARM(0xd80), IN_ORDER}, /* Cortex-A520 */
	{ARM(0xd07), 8},	/* Cortex-A57 */
	{ARM(0xd08), 8},	/* Cortex-A72 */
	{ARM(0xd0b), 24},	/* Cortex-A76 */
	{ARM(0xd0c), 24},	/* Neoverse N1 */
	{ARM(0xd0d), 24},	/* Cortex-A77 */
	{ARM(0xd0e), 24},	/* Cortex-A76AE */
	{ARM(0xd40), 32},	/* Neoverse V1 */
	{ARM(0xd41), 32},	/* Cortex-A78 */
	{ARM(0xd42), 32},	/* Cortex-A78AE */
	{ARM(0xd44), 32},	/* Cortex-X1 */
	{ARM(0xd47), 32},	/* Cortex-A710 */
	{ARM(0xd48), 32},	/* Cortex-X2 */
	{ARM(0xd49), 32},	/* Neoverse N2 */
	{ARM(0xd4b), 32},	/* Cortex-A78C */
	{ARM(0xd4c), 32},	/* Cortex-X1C */
	{ARM(0xd4d), 38},	/* Cortex-A715 */
	{ARM(0xd81), 38},	/* Cortex-A720 */
	{ARM(0xd4e), 132},	/* Cortex-X3 */
	{ARM(0xd4f), 132},	/* Neoverse V2 */
};

static uint8_t iterations_of(uint64_t midr)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(models); i++)
		if (models[i].model == MIDR_MODEL(midr))
			return models[i].iterations;
	return 0;
}

bool firmware_has_smccc(void)
{
	return psci_firmware(PSCI_FEATURES, SMCCC_VERSION, 0, 0) >= 0 &&
	       psci_firmware(SMCCC_VERSION, 0, 0, 0) >= SMCCC_VERSION_1_1;
}

static int8_t ask_firmware(bool has_smccc, uint32_t workaround)
{
	if (!has_smccc)
		return NOT_SUPPORTED;
	return (int8_t)psci_firmware(SMCCC_ARCH_FEATURES, workaround, 0, 0);
}

/* What is asked of a CPU, its registers and its firmware alike. */
struct facts {
	uint8_t iterations;
	bool clrbhb;
	bool targets_safe, history_safe;
	int8_t workaround_1, workaround_2, workaround_3;
};

static void ask(struct facts *f)
{
	uint64_t csv2 = read_sysreg(id_aa64pfr0_el1) >> CSV2_SHIFT & 0xf;
	bool ecbhb = read_sysreg(id_aa64mmfr1_el1) >> ECBHB_SHIFT & 0xf;
	bool smccc = firmware_has_smccc();

	f->iterations = iterations_of(read_sysreg(midr_el1));
	f->clrbhb = read_sysreg(s3_0_c0_c6_2) >> CLRBHB_SHIFT & 0xf;
	f->workaround_1 = ask_firmware(smccc, SMCCC_ARCH_WORKAROUND_1);
	f->workaround_2 = ask_firmware(smccc, SMCCC_ARCH_WORKAROUND_2);
	f->workaround_3 = ask_firmware(smccc, SMCCC_ARCH_WORKAROUND_3);
	f->targets_safe = csv2 >= CSV2_BRANCHES || f->iterations == IN_ORDER ||
			  f->workaround_1 == UNAFFECTED;
	f->history_safe = csv2 >= CSV2_HISTORY || ecbhb ||
			  f->iterations == IN_ORDER ||
			  f->workaround_3 == UNAFFECTED;
}

/* The call for each entry, or 0. That of the history covers the targets. */
static uint32_t choose_call(const struct facts *f, bool history_done)
{
	if (f->workaround_3 == REQUIRED && !(f->targets_safe && history_done))
		return SMCCC_ARCH_WORKAROUND_3;
	if (f->workaround_1 == REQUIRED && !f->targets_safe)
		return SMCCC_ARCH_WORKAROUND_1;
	return 0;
}

static int8_t answer(bool safe, bool mitigated)
{
	if (safe)
		return UNAFFECTED;
	return mitigated ? REQUIRED : NOT_SUPPORTED;
}

/* Branches of a round in vectors.S; rounds that vectors_history_* stand for. */
#define BRANCHES 8
#define UNROLLED 2

static void choose_vectors(struct spectre *s)
{
	s->primary_vectors = vectors_primary;
	s->secondary_vectors = vectors_secondary;
	if (s->call || (s->rounds && s->rounds != UNROLLED)) {
		s->primary_vectors = vectors_spectre;
		s->secondary_vectors = vectors_spectre;
	} else if (s->rounds) {
		s->primary_vectors = vectors_history_primary;
		s->secondary_vectors = vectors_history_secondary;
	}
	use_vectors(s->primary_vectors);
}

void spectre_init_cpu(struct cpu *cpu)
{
	struct spectre *s = &cpu->arch.spectre;
	struct facts f;

	ask(&f);
	s->rounds = 0;
	if (!f.history_safe)
		s->rounds = (f.iterations * 2u + BRANCHES - 1) / BRANCHES;
	/* There is a CLRBHB behind them, which is a NOP elsewhere. */
	if (f.clrbhb && !f.history_safe)
		s->rounds = 1;
	s->call = choose_call(&f, f.history_safe || s->rounds);
	s->workaround_1 = answer(f.targets_safe, s->call);
	s->workaround_2 = f.workaround_2;
	if (f.workaround_2 == REQUIRED)
		s->workaround_2 = NOT_REQUIRED;
	s->workaround_3 =
		answer(f.history_safe,
		       s->rounds || s->call == SMCCC_ARCH_WORKAROUND_3);
	choose_vectors(s);
}

int64_t spectre_answer(uint32_t fn)
{
	const struct spectre *s = &arch_this_cpu()->arch.spectre;

	switch (fn) {
	case SMCCC_ARCH_WORKAROUND_1:
		return s->workaround_1;
	case SMCCC_ARCH_WORKAROUND_2:
		return s->workaround_2;
	case SMCCC_ARCH_WORKAROUND_3:
		return s->workaround_3;
	default:
		return NOT_SUPPORTED;
	}
}
