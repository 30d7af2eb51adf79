/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Operations: what may happen to a board, one line of a recorded sequence
 * each. An operation that does not apply in a state (a call of a vCPU where
 * none runs) is left out, so that any part of a sequence is a sequence.
 */
#ifndef OPS_H
#define OPS_H

#include <stdio.h>

#include "spec.h"

enum op_kind {
	OP_CALL,    /* by what runs on `cpu`: function, a1, a2, a3 */
	OP_EVENT,   /* the vCPU on `cpu` leaves: enum spec_event, payload, x0 */
	OP_VCPU_ON, /* by the vCPU on `cpu`: target, entry, argument */
	OP_WRITE,   /* a VM writes its mailbox page: VM, enum spec_page, seed */
	OP_CPU_ON,  /* by the primary on `cpu`: CPU, entry, argument */
	OP_CPU_OFF, /* by the primary on `cpu` */
	OP_CPU_UP,  /* `cpu`, which CPU_ON asked for */
	OP_KINDS,
};

struct op {
	uint32_t kind; /* enum op_kind */
	uint32_t cpu;
	uint64_t a[4];
};

/* What runs on each CPU. */
struct ops_running {
	bool guest;	   /* a vCPU, not the primary */
	uint32_t vm, vcpu; /* of it */
};
extern struct ops_running ops_running[SPEC_CPUS];

/* The specified state; made by ops_start(). */
extern struct spec ops_spec;

/* Powers the board on. */
void ops_start(void);

/* Whether an operation applies now. */
bool ops_applies(const struct op *op);

/*
 * Does an operation that applies, by the real code and by the specification,
 * and compares them: results, registers, state. False, with a line printed,
 * if they differ.
 */
bool ops_do(const struct op *op);

/* Makes one up that applies now, from the numbers of a generator. */
void ops_invent(struct op *op, uint64_t *random_state);

/* A line of text, and back. False if it is none. */
void ops_print(FILE *out, const struct op *op);
bool ops_parse(const char *line, struct op *op);

#endif
