/* SPDX-License-Identifier: BSD-3-Clause */
#include <stddef.h>
#include "exception.h"
#include "paint.h"
#include "string.h"
#include "sysreg.h"

#define BIT(n) (UINT64_C(1) << (n))

/* The rounding mode, FZ and DN; the cumulative flags. */
#define FPCR_MASK 0x03c00000
#define FPSR_MASK 0x0800009f

/* PSTATE.D, A and F have any value; I is set. */
#define DAIF_MASK 0x340
#define DAIF_I 0x80

/* paint.S */
void paint_run_hvc(const struct paint *in, struct paint *out);
void paint_run_hvc_other(const struct paint *in, struct paint *out);
void paint_run_smc(const struct paint *in, struct paint *out);
void paint_run_wfi(const struct paint *in, struct paint *out);
void paint_run_spin(const struct paint *in, struct paint *out);
void paint_run_load(const struct paint *in, struct paint *out);

/* paint.S relies on it. */
_Static_assert(offsetof(struct paint, nzcv) == 248, "struct paint");
_Static_assert(offsetof(struct paint, v) == 272, "struct paint");
_Static_assert(offsetof(struct paint, daif) == 784, "struct paint");
_Static_assert(offsetof(struct paint, sp_after) == 800, "struct paint");

static uint64_t pattern(uint64_t seed, uint64_t n)
{
	uint64_t v = seed * 0x9e3779b97f4a7c15 + n * 0xd1342543de82ef95;

	return v ^ v >> 29;
}

void paint_fill(struct paint *p, uint64_t seed)
{
	unsigned int i;

	for (i = 0; i < 31; i++)
		p->x[i] = pattern(seed, i);
	p->nzcv = (pattern(seed, 31) & 0xf) << 28;
	p->fpcr = pattern(seed, 32) & FPCR_MASK;
	p->fpsr = pattern(seed, 33) & FPSR_MASK;
	for (i = 0; i < 64; i++)
		p->v[i / 2][i % 2] = pattern(seed, 34 + i);
	p->daif = (pattern(seed, 98) & DAIF_MASK) | DAIF_I;
}

void paint_run(enum paint_kind kind, const struct paint *in, struct paint *out)
{
	static void (*const run[])(const struct paint *, struct paint *) = {
		[PAINT_HVC] = paint_run_hvc,
		[PAINT_HVC_OTHER] = paint_run_hvc_other,
		[PAINT_SMC] = paint_run_smc,
		[PAINT_WFI] = paint_run_wfi,
		[PAINT_SPIN] = paint_run_spin,
		[PAINT_LOAD] = paint_run_load,
	};

	run[kind](in, out);
}

uint64_t paint_compare(const struct paint *a, const struct paint *b)
{
	uint64_t mask = 0;
	unsigned int i;

	for (i = 0; i < 31; i++) {
		if (a->x[i] != b->x[i])
			mask |= BIT(i);
	}
	if (a->nzcv != b->nzcv)
		mask |= BIT(31);
	if (a->fpcr != b->fpcr)
		mask |= BIT(32);
	if (a->fpsr != b->fpsr)
		mask |= BIT(33);
	if (memcmp(a->v, b->v, sizeof(a->v)))
		mask |= BIT(34);
	if (a->daif != b->daif)
		mask |= BIT(35);
	if (b->sp_before != b->sp_after)
		mask |= BIT(36);
	return mask;
}

/*
 * A system register, and its bits that can have any value without a change to
 * how this VM runs. Those of TTBR0 are the ASID (all entries are global), of
 * MAIR the attributes that no table entry selects.
 */
#define SYSREGS(R)                     \
	R(tpidr_el0, ~UINT64_C(0))     \
	R(tpidrro_el0, ~UINT64_C(0))   \
	R(tpidr_el1, ~UINT64_C(0))     \
	R(sp_el0, ~UINT64_C(0))        \
	R(elr_el1, ~UINT64_C(0))       \
	R(spsr_el1, 0xf00003cf)        \
	R(esr_el1, 0xffffffff)         \
	R(far_el1, ~UINT64_C(0))       \
	R(afsr0_el1, ~UINT64_C(0))     \
	R(afsr1_el1, ~UINT64_C(0))     \
	R(par_el1, 0x00fffffffffff001) \
	R(contextidr_el1, 0xffffffff)  \
	R(ttbr0_el1, 0xff000000000000) \
	R(ttbr1_el1, 0xfffffffff000)   \
	R(mair_el1, ~UINT64_C(0xffff)) \
	R(amair_el1, ~UINT64_C(0))     \
	R(tcr_el1, 0x2000000000)       \
	R(sctlr_el1, 0x4008000)        \
	R(cpacr_el1, 0x10000000)       \
	R(vbar_el1, 0xfffffffff800)    \
	R(csselr_el1, 0xf)             \
	R(cntkctl_el1, 0x3ff)          \
	R(cntv_cval_el0, ~UINT64_C(0)) \
	R(cntv_ctl_el0, 0x2)           \
	R(actlr_el1, ~UINT64_C(0))     \
	R(mdscr_el1, 0x1000)           \
	R(cntp_cval_el0, ~UINT64_C(0)) \
	R(APIAKEYLO_EL1, ~UINT64_C(0)) \
	R(APIAKEYHI_EL1, ~UINT64_C(0)) \
	R(APIBKEYLO_EL1, ~UINT64_C(0)) \
	R(APIBKEYHI_EL1, ~UINT64_C(0)) \
	R(APDAKEYLO_EL1, ~UINT64_C(0)) \
	R(APDAKEYHI_EL1, ~UINT64_C(0)) \
	R(APDBKEYLO_EL1, ~UINT64_C(0)) \
	R(APDBKEYHI_EL1, ~UINT64_C(0)) \
	R(APGAKEYLO_EL1, ~UINT64_C(0)) \
	R(APGAKEYHI_EL1, ~UINT64_C(0)) \
	R(SCXTNUM_EL0, ~UINT64_C(0))   \
	R(SCXTNUM_EL1, ~UINT64_C(0))

/* Of extensions that the assembler was not asked for. */
#define APIAKEYLO_EL1 S3_0_C2_C1_0
#define APIAKEYHI_EL1 S3_0_C2_C1_1
#define APIBKEYLO_EL1 S3_0_C2_C1_2
#define APIBKEYHI_EL1 S3_0_C2_C1_3
#define APDAKEYLO_EL1 S3_0_C2_C2_0
#define APDAKEYHI_EL1 S3_0_C2_C2_1
#define APDBKEYLO_EL1 S3_0_C2_C2_2
#define APDBKEYHI_EL1 S3_0_C2_C2_3
#define APGAKEYLO_EL1 S3_0_C2_C3_0
#define APGAKEYHI_EL1 S3_0_C2_C3_1
#define SCXTNUM_EL0 S3_3_C13_C0_7
#define SCXTNUM_EL1 S3_0_C13_C0_7
#define READ(name) read_sysreg(name)
#define WRITE(name, value) write_sysreg(name, value)

#define ACCESSORS(name, mask)                    \
	static uint64_t read_##name(void)        \
	{                                        \
		return READ(name);               \
	}                                        \
	static void write_##name(uint64_t value) \
	{                                        \
		WRITE(name, value);              \
	}
SYSREGS(ACCESSORS)

static const struct {
	const char *name;
	uint64_t mask;
	uint64_t (*read)(void);
	void (*write)(uint64_t value);
} sysregs[] = {
#define ROW(name, mask) {#name, mask, read_##name, write_##name},
	SYSREGS(ROW)};

_Static_assert(sizeof(sysregs) / sizeof(sysregs[0]) == PAINT_SYSREGS, "count");

/* True if this VM has the register: some may be UNDEFINED in a secondary. */
static bool usable(unsigned int i)
{
	trap_arm();
	sysregs[i].write(sysregs[i].read());
	return !trap_take().taken;
}

void paint_sysregs(struct paint_sysregs *s, uint64_t seed)
{
	unsigned int i;

	s->usable = 0;
	for (i = 0; i < PAINT_SYSREGS; i++) {
		if (!usable(i))
			continue;
		s->usable |= BIT(i);
		s->before[i] = sysregs[i].read();
	}
	for (i = 0; i < PAINT_SYSREGS; i++) {
		uint64_t mask = sysregs[i].mask;

		if (s->usable & BIT(i))
			sysregs[i].write((s->before[i] & ~mask) |
					 (pattern(seed, i) & mask));
	}
	isb();
	/* Bits that do not exist, or are another's business, read as they do */
	for (i = 0; i < PAINT_SYSREGS; i++) {
		if (s->usable & BIT(i))
			s->painted[i] = sysregs[i].read();
	}
}

uint64_t paint_sysregs_restore(const struct paint_sysregs *s)
{
	uint64_t changed = 0;
	unsigned int i;

	for (i = 0; i < PAINT_SYSREGS; i++) {
		if (s->usable & BIT(i) && sysregs[i].read() != s->painted[i])
			changed |= BIT(i);
	}
	for (i = 0; i < PAINT_SYSREGS; i++) {
		if (s->usable & BIT(i))
			sysregs[i].write(s->before[i]);
	}
	isb();
	return changed;
}

uint64_t paint_sysreg_mask(const char *name)
{
	unsigned int i;

	for (i = 0; i < PAINT_SYSREGS; i++) {
		if (!strcmp(sysregs[i].name, name))
			return BIT(i);
	}
	return 0;
}

const char *paint_sysreg_name(uint64_t mask)
{
	return mask ? sysregs[__builtin_ctzll(mask)].name : "none";
}
