/* SPDX-License-Identifier: BSD-3-Clause */
/* Operations of interrupts, one line of a recorded sequence each. */
#ifndef IRQ_OPS_H
#define IRQ_OPS_H

#include "bench.h"
#include "../drive.h"

enum irq_op {
	OP_BOARD, /* list registers, bits of preemption, counts drops */
	OP_ENTER, /* vCPU */
	OP_LEAVE,
	/* What the vCPU on `cpu` does */
	OP_TAKE,   /* reads ICC_IAR: group */
	OP_END,	   /* ICC_EOIR, of what it took last */
	OP_DIR,	   /* ICC_DIR: vCPU, place of what that ended and is active */
	OP_STRAY,  /* ICC_EOIR though nothing was taken: group, INTID */
	OP_MASK,   /* ICC_PMR: priority */
	OP_POINT,  /* ICC_BPR: value */
	OP_MODE,   /* ICC_CTLR.EOImode */
	OP_ENABLE, /* ICC_IGRPEN: on */
	OP_SEND,   /* ICC_SGIR: group, value */
	OP_LOAD,   /* frame, vCPU, offset, width */
	OP_STORE,  /* frame | vCPU << 8 | width << 16, offset, value */
	OP_WAIT,   /* WFI */
	OP_READ,   /* loads all registers of interrupts */
	/* By the vCPU on `cpu`, or the primary there */
	OP_LINE,       /* INTID, level */
	OP_PEND,       /* INTID */
	OP_TIMER,      /* vCPU, whether it is the virtual one, level */
	OP_RESET_VCPU, /* vCPU */
	OP_RESET_VM,
	OP_KINDS,
};

/* What the program in a vCPU knows: what it took, and what of that it ended in
 * the mode that only drops priorities. */
struct irq_guest {
	unsigned int depth, dropped_count;
	struct {
		uint16_t intid;
		uint8_t group;
	} taken[32];
	uint16_t dropped[32];
};

/* The specified state. */
extern struct irq_gic irq_spec;
extern struct irq_guest irq_guest[IRQ_VCPUS];
extern bool irq_waits[IRQ_VCPUS];

/* Whether the vCPU runs on some CPU. */
bool irq_runs(unsigned int vcpu);

#endif
