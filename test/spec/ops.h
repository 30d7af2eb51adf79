/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Operations: what may happen to a board, one line of a recorded sequence
 * each. An operation that does not apply in a state (a call of a vCPU where
 * none runs) is left out, so that any part of a sequence is a sequence.
 */
#ifndef OPS_H
#define OPS_H

#include "drive.h"
#include "life.h"
#include "spec.h"

enum op_kind {
	OP_CALL,    /* by what runs on `cpu`: function, a1, a2, a3 */
	OP_EVENT,   /* the vCPU on `cpu` leaves: enum spec_event, payload, x0 */
	OP_VCPU_ON, /* by the vCPU on `cpu`: target, entry, argument */
	OP_WRITE,   /* a VM writes its mailbox page: VM, enum spec_page, seed */
	OP_OUTPUT,  /* the vCPU on `cpu` writes to its console: bytes, seed */
	OP_SCRIBBLE, /* a VM that runs writes its memory: VM, page, seed */
	OP_CPU_ON,   /* by the primary on `cpu`: CPU, entry, argument */
	OP_CPU_OFF,  /* by the primary on `cpu` */
	OP_CPU_UP,   /* `cpu`, which CPU_ON asked for */
	OP_KINDS,
};

/* What runs on each CPU. */
struct ops_running {
	bool guest;	   /* a vCPU, not the primary */
	uint32_t vm, vcpu; /* of it */
};
extern struct ops_running ops_running[SPEC_CPUS];

/* The specified state; made by ops_start(). */
extern struct spec ops_spec;
extern struct spec_life ops_lives[SPEC_VMS];

#endif
