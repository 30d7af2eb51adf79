/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The hypercalls. Each is a function that first checks, changing nothing, and
 * then commits with steps that can not fail. docs/abi.md says what they mean.
 */
#ifndef API_H
#define API_H

#include "hf/abi.h"
#include "vcpu.h"

#define API_FIRST HF_VCPU_RUN
#define API_COUNT (HF_SET_OPTIONS - HF_VCPU_RUN + 1)

/* The table has a row for each number that shares the upper bits with these. */
#define API_ROWS_BITS 4
#define API_ROWS (1 << API_ROWS_BITS)

/*
 * What a call comes to: the guest's x0, and for a secondary whether its vCPU
 * leaves (a vcpu_exit(); 0: it goes on). Returned in two registers.
 */
struct api_result {
	_Alignas(16) int64_t value; /* else GCC takes the way by the stack */
	uint64_t exit;
};

typedef struct api_result (*api_call)(struct vcpu *caller, uint64_t a1,
				      uint64_t a2, uint64_t a3);

/*
 * A hypercall: what runs if the primary makes it, and if a secondary does.
 * Assembly indexes the table by function number: two pointers a row.
 */
struct api_row {
	api_call primary;
	api_call secondary;
};

extern const struct api_row api_calls[API_ROWS];

/*
 * Makes the mailbox of a secondary VM as it was before it configured it. VM
 * lock held, and no vCPU of it runs.
 */
void api_forget_mailbox(struct vm *vm);

/*
 * Second half of a blocking read, once the registers of the vCPU are saved:
 * true if a message came meanwhile and is its result, so that it goes on;
 * false if it is WAITING now. Takes the VM lock.
 */
bool api_finish_read(struct vcpu *vcpu);

#endif
