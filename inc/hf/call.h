/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Inline hypercalls for C code in a VM. Needs <stdint.h> types to be declared
 * by whoever includes it.
 */
#ifndef HF_CALL_H
#define HF_CALL_H

#include "hf/abi.h"

/*
 * Makes the hypercall x[0] with arguments x[1] to x[3], and puts its results
 * there. The compiler treats it as an access to all of memory, so that a
 * message written before the call is complete when the hypervisor reads it
 * (abi.md, mailbox rule 6).
 */
static inline int64_t hf_call_results(uint64_t x[4])
{
	register uint64_t x0 __asm__("x0") = x[0];
	register uint64_t x1 __asm__("x1") = x[1];
	register uint64_t x2 __asm__("x2") = x[2];
	register uint64_t x3 __asm__("x3") = x[3];

	__asm__ volatile("hvc #0"
			 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
			 :
			 : "memory", "cc");
	x[0] = x0;
	x[1] = x1;
	x[2] = x2;
	x[3] = x3;
	return (int64_t)x0;
}

/* Makes the hypercall `fn` with up to three arguments and returns x0. */
static inline int64_t hf_call(uint32_t fn, uint64_t a1, uint64_t a2,
			      uint64_t a3)
{
	uint64_t x[4] = {fn, a1, a2, a3};

	return hf_call_results(x);
}

/* Runs a vCPU of a secondary VM; primary only. See HF_VCPU_* for the result. */
static inline uint64_t hf_vcpu_run(uint32_t vm, uint32_t vcpu)
{
	return (uint64_t)hf_call(HF_VCPU_RUN, vm, vcpu, 0);
}

/* The code of a result of hf_vcpu_run(): one of HF_VCPU_*. */
static inline unsigned int hf_vcpu_code(uint64_t result)
{
	return result & HF_VCPU_CODE_MASK;
}

/* The payload of a result of hf_vcpu_run(). */
static inline uint64_t hf_vcpu_payload(uint64_t result)
{
	return result >> HF_VCPU_CODE_BITS;
}

/* The number of secondary VMs. */
static inline int64_t hf_vm_get_count(void)
{
	return hf_call(HF_VM_GET_COUNT, 0, 0, 0);
}

/* The number of vCPUs of secondary VM `vm`, or -1 if there is no such VM. */
static inline int64_t hf_vcpu_get_count(uint32_t vm)
{
	return hf_call(HF_VCPU_GET_COUNT, vm, 0, 0);
}

/*
 * Declares the caller's mailbox pages by their IPAs: two different pages of
 * its own memory. Once in the life of a VM. 0, or -1 with nothing changed.
 */
static inline int64_t hf_vm_configure(uint64_t send, uint64_t recv)
{
	return hf_call(HF_VM_CONFIGURE, send, recv, 0);
}

/*
 * Sends `size` bytes of the primary's send page to VM `vm`; primary only.
 * 0: pending there; i + 1: vCPU i was waiting for it and is to be run; -1.
 */
static inline int64_t hf_rpc_request(uint32_t vm, uint64_t size)
{
	return hf_call(HF_RPC_REQUEST, vm, size, 0);
}

/*
 * Takes the pending request; secondary only. If there is none, waits for one
 * when `block` is not 0. Returns its size in bytes, or -1.
 */
static inline int64_t hf_rpc_read_request(int block)
{
	return hf_call(HF_RPC_READ_REQUEST, block != 0, 0, 0);
}

/* Empties the caller's receive page for the next message. 0, or -1. */
static inline int64_t hf_rpc_ack(void)
{
	return hf_call(HF_RPC_ACK, 0, 0, 0);
}

/*
 * Sends `size` bytes of the caller's send page to the primary; secondary only.
 * With `ack` it acknowledges the caller's inflight request in the same step.
 * 0, or -1 with nothing changed.
 */
static inline int64_t hf_rpc_reply(uint64_t size, int ack)
{
	return hf_call(HF_RPC_REPLY, size, ack != 0, 0);
}

/* The state of VM `vm`, HF_VM_*, with a reason; primary only. -1: no VM. */
static inline int64_t hf_vm_get_state(uint32_t vm)
{
	return hf_call(HF_VM_GET_STATE, vm, 0, 0);
}

/* Stops VM `vm`; primary only. HF_DONE; HF_AGAIN: kick it and ask again; -1. */
static inline int64_t hf_vm_stop(uint32_t vm)
{
	return hf_call(HF_VM_STOP, vm, 0, 0);
}

/*
 * Starts the stopped VM `vm` anew; primary only. HF_DONE; HF_AGAIN: a piece is
 * done, call again; -1: it runs, or was left out.
 */
static inline int64_t hf_vm_start(uint32_t vm)
{
	return hf_call(HF_VM_START, vm, 0, 0);
}

/*
 * Takes output of VM `vm`; primary only. The number of bytes, 0 to
 * HF_READ_BYTES, which are in text[], or -1.
 */
static inline int64_t hf_console_read(uint32_t vm, uint64_t text[3])
{
	uint64_t x[4] = {HF_CONSOLE_READ, vm, 0, 0};
	int64_t count = hf_call_results(x);

	text[0] = x[1];
	text[1] = x[2];
	text[2] = x[3];
	return count;
}

/*
 * Gives VM `vm` the first `count` bytes of text[] as input; primary only. How
 * many it took, 0 to HF_WRITE_BYTES, or -1.
 */
static inline int64_t hf_console_write(uint32_t vm, const uint64_t text[2],
				       uint32_t count)
{
	return hf_call(HF_CONSOLE_WRITE,
		       vm | (uint64_t)count << HF_WRITE_COUNT_SHIFT, text[0],
		       text[1]);
}

/*
 * Reads the hypervisor's log from byte `position` on; primary only. text[] gets
 * up to HF_READ_BYTES bytes, of which none is zero, and zeros behind them. The
 * position of the next; the same, if there is no more.
 */
static inline int64_t hf_log_read(uint64_t position, uint64_t text[3])
{
	uint64_t x[4] = {HF_LOG_READ, position, 0, 0};
	int64_t next = hf_call_results(x);

	text[0] = x[1];
	text[1] = x[2];
	text[2] = x[3];
	return next;
}

/* Selects HF_OPTION_*; primary only. The mask selected before, or -1. */
static inline int64_t hf_set_options(uint64_t mask)
{
	return hf_call(HF_SET_OPTIONS, mask, 0, 0);
}

#endif
