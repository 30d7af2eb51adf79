/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The specification's part about the lives of VMs and their consoles
 * (docs/abi.md): HF_VM_GET_STATE to HF_LOG_READ, and what becomes of a vCPU
 * while the primary is told of output. Its state is beside that of spec.h.
 */
#ifndef LIFE_H
#define LIFE_H

#include "spec.h"

#define SPEC_OUTPUT 2048
#define SPEC_INPUT 256

struct spec_console {
	uint8_t output[SPEC_OUTPUT], input[SPEC_INPUT]; /* oldest first */
	uint32_t outputs, inputs;
	bool news; /* output of which the primary was not told */
};

/* What a vCPU does when it is run again, if the primary was told first. */
enum spec_later { SPEC_NOTHING, SPEC_READS, SPEC_GOES_OFF };

struct spec_life {
	/* Constant: bytes of memory, and how vCPU 0 begins. */
	uint64_t size, entry, argument;
	bool starting;
	uint64_t loaded; /* bytes */
	uint32_t later[SPEC_VCPUS];
	struct spec_console console;
};

/* Whether this is one of these calls. */
bool spec_is_managing(uint64_t function);

/*
 * Such a call of the primary, HF_LOG_READ excepted: its result, and x1-x3.
 * `lives` are those of all secondaries.
 */
int64_t spec_manage(struct spec *s, struct spec_life *lives, uint64_t function,
		    const uint64_t a[3], uint64_t x[3]);

/*
 * HF_VCPU_RUN said SPEC_ENTERED: what the vCPU had not finished comes first.
 * SPEC_ENTERED if it is entered; else it came back with `value`.
 */
struct spec_result spec_resume(struct spec *s, struct spec_life *l, uint32_t vm,
			       uint32_t vcpu);

/* The vCPU leaves, or waits, as `how` says. Result of its RUN. */
int64_t spec_come_back(struct spec *s, struct spec_life *l, uint32_t vm,
		       uint32_t vcpu, struct spec_result how);

/* It writes to its console. True: the primary is to be told at once. */
bool spec_write_output(const struct spec *s, struct spec_life *l,
		       const uint8_t *text, uint32_t size);

#endif
