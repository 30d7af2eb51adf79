/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the measuring primary asks of its secondaries: one image, whose vCPU 0
 * waits for requests and answers each when it has done its rounds.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>

enum op {
	OP_REPLY,     /* REPLY with ack so often, each with `size` bytes */
	OP_REPLY_FP,  /* and uses an FP register each time */
	OP_NULL,      /* HF_VM_GET_COUNT */
	OP_UNKNOWN,   /* HVC with an unknown function */
	OP_PSCI,      /* PSCI_VERSION */
	OP_GICD_CTLR, /* reads it */
	OP_ISENABLER, /* reads that of 32 SPIs */
	OP_ICENABLER, /* writes 0 to that */
	OP_PL011_FR,  /* reads it */
	OP_SELF_SGI,  /* sends it, until its vector is reached */
	OP_SELF_SPI,  /* sets it pending, the same */
	OP_TIMER,     /* from the deadline of the virtual timer to the vector */
	OP_READERS,   /* `size` further vCPUs wait in a READ for ever */
	OP_LISTENER,  /* vCPU 1 waits by WFI, and takes SGIs by its vector */
	OP_SEND_SGI,  /* sends it SGIs */
	OP_SPIN,      /* for ever; counted all the time */
};

struct bench_request {
	uint64_t op;
	uint64_t rounds;
	uint64_t size;
};

struct bench_reply {
	uint64_t ticks; /* of the virtual counter */
};

/* An instruction of the FP/SIMD registers, which are switched when used. */
static inline void use_fp(void)
{
	__asm__ volatile(".arch armv8-a+fp\n\t"
			 "fmov d0, xzr\n\t"
			 ".arch armv8-a");
}

#define BENCH_SGI 5
#define BENCH_SPI 40

#endif
