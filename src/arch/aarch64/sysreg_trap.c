/* SPDX-License-Identifier: BSD-3-Clause */
/* Trapped MSR, MRS and SYS instructions (EC 0x18; DDI 0487, D17.2.37). */
#include "arch_internal.h"
#include "trap.h"
#include "vcpu.h"
#include "vgic.h"

/* An encoding, op0 to op2, in 16 bits; a mask with ANY in some places. */
#define ENC(op0, op1, crn, crm, op2) \
	((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))
#define EXACT 0xffff
#define ANY_OP2 ENC(3, 7, 15, 15, 0)
#define ANY_CRM ENC(3, 7, 15, 0, 0)
#define ANY_CRM_OP2 ANY_CRM
#define ANY_OP1_CRM_OP2 ENC(3, 0, 15, 0, 0)
#define ANY_BUT_OP0_OP1 ENC(3, 7, 0, 0, 0)

enum action {
	UNDEFINED, /* undefined-instruction exception in the guest */
	RAZ_WI,	   /* reads as zero, writes are ignored */
	ID,	   /* an ID register */
	TIMER,	   /* the physical timer of a secondary: timer.c */
	GIC,	   /* its interrupt controller: vgic.c */
	SRE,	   /* ICC_SRE_EL1: the GIC by system registers, no bypass */
};

/*
 * The first row that matches counts; nothing matches: UNDEFINED. What a VM of
 * a kind is not trapped on does not get here.
 */
static const struct {
	uint16_t mask, encoding;
	uint8_t action;
} rows[] = {
	/* ID registers, by idregs.c */
	{ANY_CRM_OP2, ENC(3, 0, 0, 0, 0), ID},
	/* AIDR_EL1 */
	{EXACT, ENC(3, 1, 0, 0, 7), RAZ_WI},
	/* ACTLR_EL1 */
	{EXACT, ENC(3, 0, 1, 0, 1), RAZ_WI},
	/* performance monitors */
	{EXACT, ENC(3, 0, 9, 14, 1), RAZ_WI},
	{EXACT, ENC(3, 0, 9, 14, 2), RAZ_WI},
	{EXACT, ENC(3, 0, 9, 14, 6), RAZ_WI},
	{ANY_OP2, ENC(3, 3, 9, 12, 0), RAZ_WI},
	{ANY_OP2, ENC(3, 3, 9, 13, 0), RAZ_WI},
	{ANY_OP2, ENC(3, 3, 9, 14, 0), RAZ_WI},
	{ENC(3, 7, 15, 8, 0), ENC(3, 3, 14, 8, 0), RAZ_WI},
	{ANY_OP2, ENC(3, 3, 14, 2, 0), TIMER},
	/* ICC_SRE_EL1; ICC_PMR_EL1; CRm 8 to 15 */
	{EXACT, ENC(3, 0, 12, 12, 5), SRE},
	{EXACT, ENC(3, 0, 4, 6, 0), GIC},
	{ENC(3, 7, 15, 8, 0), ENC(3, 0, 12, 8, 0), GIC},
	/* debug, OS lock; trace (op1 1) is not there */
	{ANY_BUT_OP0_OP1, ENC(2, 0, 0, 0, 0), RAZ_WI},
	{ANY_BUT_OP0_OP1, ENC(2, 3, 0, 0, 0), RAZ_WI},
	/* DC ISW, CSW, CISW */
	{EXACT, ENC(1, 0, 7, 6, 2), RAZ_WI},
	{EXACT, ENC(1, 0, 7, 10, 2), RAZ_WI},
	{EXACT, ENC(1, 0, 7, 14, 2), RAZ_WI},
	/* implementation defined */
	{ANY_OP1_CRM_OP2, ENC(3, 0, 11, 0, 0), RAZ_WI},
	{ANY_OP1_CRM_OP2, ENC(3, 0, 15, 0, 0), RAZ_WI},
	{ANY_OP1_CRM_OP2, ENC(1, 0, 11, 0, 0), RAZ_WI},
	{ANY_OP1_CRM_OP2, ENC(1, 0, 15, 0, 0), RAZ_WI},
};

static enum action find_action(unsigned int encoding)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		if ((encoding & rows[i].mask) == rows[i].encoding)
			return (enum action)rows[i].action;
	return UNDEFINED;
}

void sysreg_trap(struct vcpu *vcpu, uint64_t esr, bool primary)
{
	unsigned int op0 = esr >> 20 & 3, op2 = esr >> 17 & 7;
	unsigned int op1 = esr >> 14 & 7, crn = esr >> 10 & 15;
	unsigned int rt = esr >> 5 & 31, crm = esr >> 1 & 15;
	bool is_read = esr & 1;
	uint64_t value = is_read || rt == ZERO_REGISTER ? 0 : vcpu->arch.x[rt];
	enum vgic_answer answer = VGIC_DONE;

	switch (find_action(ENC(op0, op1, crn, crm, op2))) {
	case RAZ_WI:
		break;
	case ID:
		answer = is_read ? VGIC_DONE : VGIC_UNDEFINED;
		value = idreg_value(crm, op2, primary);
		break;
	case TIMER:
		timer_sysreg(vcpu, op2, is_read, &value);
		break;
	case SRE:
		if (primary) {
			value = ICC_SRE_VALUE;
			break;
		}
		/* fall through */
	case GIC:
		answer = vgic_sysreg(vcpu, crm, op2, is_read, &value);
		break;
	default:
		answer = VGIC_UNDEFINED;
	}
	if (answer == VGIC_UNDEFINED)
		inject_undefined(vcpu);
	if (answer != VGIC_DONE)
		return;
	if (is_read && rt != ZERO_REGISTER)
		vcpu->arch.x[rt] = value;
	skip_instruction(esr);
}
