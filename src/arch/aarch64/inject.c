/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Exceptions made for a guest: EL1's registers and the vCPU's program counter
 * are set as the hardware would on taking the exception to EL1 (DDI 0487,
 * D1.3 "Exceptions" and the pseudocode AArch64.TakeException).
 */
#include "arch_internal.h"
#include "vcpu.h"

/* Offset in the vector table at VBAR_EL1 for a synchronous exception. */
static uint64_t vector_offset(uint64_t pstate)
{
	if (pstate & PSTATE_AARCH32)
		return 0x600;
	if ((pstate & PSTATE_MODE_MASK) == PSTATE_EL0)
		return 0x400;
	return (pstate & PSTATE_MODE_MASK) == PSTATE_EL1H ? 0x200 : 0;
}

static bool from_el0(uint64_t pstate)
{
	return (pstate & PSTATE_AARCH32) ||
	       (pstate & PSTATE_MODE_MASK) == PSTATE_EL0;
}

/* PSTATE on entry to EL1. */
static uint64_t handler_pstate(uint64_t old)
{
	uint64_t sctlr = read_sysreg(sctlr_el1);
	uint64_t mmfr1 = read_sysreg(id_aa64mmfr1_el1);
	uint64_t pfr1 = read_sysreg(id_aa64pfr1_el1);
	uint64_t new = PSTATE_EL1H | PSTATE_DAIF;

	new |= old &(PSTATE_NZCV | PSTATE_DIT | PSTATE_PAN);
	if ((mmfr1 >> 20 & 0xf) && !(sctlr & SCTLR_SPAN))
		new |= PSTATE_PAN;
	if ((pfr1 >> 4 & 0xf) && (sctlr & SCTLR_EL1_DSSBS))
		new |= PSTATE_SSBS;
	if ((pfr1 >> 8 & 0xf) >= 2)
		new |= PSTATE_TCO;
	return new;
}

static void inject(struct vcpu *vcpu, uint64_t esr)
{
	uint64_t pstate = read_sysreg(spsr_el2);

	write_sysreg(esr_el1, esr);
	write_sysreg(elr_el1, read_sysreg(elr_el2));
	write_sysreg(spsr_el1, pstate);
	write_sysreg(elr_el2, read_sysreg(vbar_el1) + vector_offset(pstate));
	write_sysreg(spsr_el2, handler_pstate(pstate));
}

void inject_undefined(struct vcpu *vcpu)
{
	inject(vcpu, (uint64_t)EC_UNKNOWN << 26 | ESR_IL);
}

/* Where the stage-1 walk of a virtual address starts. */
struct walk {
	uint64_t table;	      /* TTBR: the table's IPA, and more */
	unsigned int bits;    /* of input addresses */
	unsigned int granule; /* log2 */
};

static struct walk stage1_walk(uint64_t va)
{
	static const uint8_t tg0[] = {12, 16, 14, 12}, tg1[] = {12, 14, 12, 16};
	uint64_t tcr = read_sysreg(tcr_el1);

	if (va & BIT(55))
		return (struct walk){read_sysreg(ttbr1_el1),
				     64 - (tcr >> 16 & 0x3f),
				     tg1[tcr >> 30 & 3]};
	return (struct walk){read_sysreg(ttbr0_el1), 64 - (tcr & 0x3f),
			     tg0[tcr >> 14 & 3]};
}

/*
 * Level of the table that a stage-1 walk could not read: the first one if it is
 * TTBR's. Else the last one is taken for it: nothing tells, short of reading
 * the guest's tables.
 */
static unsigned int walk_level(uint64_t va)
{
	struct walk w = stage1_walk(va);
	unsigned int levels;

	if (fault_page() != (w.table & TTBR_ADDRESS & ~(PAGE_SIZE - 1)))
		return 3;
	/* Each level resolves granule - 3 bits, the first one what is left. */
	levels = (w.bits - 4) / (w.granule - 3);
	return levels < 4 ? 4 - levels : 0;
}

void inject_external_abort(struct vcpu *vcpu, uint64_t esr, uint64_t far)
{
	uint64_t pstate = read_sysreg(spsr_el2);
	uint64_t ec = ESR_EC(esr);
	uint64_t iss = ISS_FSC_EXTERNAL;

	if (esr & ISS_S1PTW)
		iss = ISS_FSC_EXTERNAL_WALK + walk_level(far);
	else if (ec == EC_DABT_LOWER)
		iss |= esr & (ISS_WNR | ISS_CM);
	/* The syndrome says "lower" of EL1 and EL0 alike; EL1 does not. */
	if (!from_el0(pstate))
		ec += EC_DABT_SAME - EC_DABT_LOWER;
	inject(vcpu, ec << 26 | (esr & ESR_IL) | iss);
	write_sysreg(far_el1, far);
}
