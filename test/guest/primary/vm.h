/* SPDX-License-Identifier: BSD-3-Clause */
/* Secondary VMs, from the test primary: its mailbox, and scripts. */
#ifndef VM_H
#define VM_H

#include <stdbool.h>
#include <stdint.h>
#include "service.h"
#include "hf/call.h"

/* No VM: an index that is too large for all. */
#define NO_VM 0xffffffff

/* The primary's mailbox pages. */
extern uint8_t vm_send[HF_MAILBOX_SIZE];
extern uint8_t vm_recv[HF_MAILBOX_SIZE];

/* Configures the primary's mailbox, once. */
void vm_configure(void);

/* For who made that call itself, with these pages. */
void vm_note_configured(void);

/* The index of a VM by its label in the device tree; NO_VM: none. */
uint32_t vm_named(const char *name);

/* A VM that no case used yet, for cases that end one. Fails the case if there
 * is none left. */
uint32_t vm_spare(void);

/*
 * Runs a vCPU; one that only lost the CPU to an interrupt is run again. The
 * result of HF_VCPU_RUN.
 */
uint64_t vm_run(uint32_t vm, uint32_t vcpu);

/*
 * Runs a vCPU until it waits for a request: at its start, or after a reply.
 * Fails the case if it does anything else.
 */
bool vm_run_to_read(uint32_t vm, uint32_t vcpu);

/* Starts a stopped VM anew. Fails the case, and returns false, if it does not.
 */
bool vm_restart(uint32_t vm);

/* A script is put together by script_start() and script_add() ... */
void script_start(void);
void script_add(uint64_t kind, uint64_t a0, uint64_t a1, uint64_t a2,
		uint64_t a3);
/* ... and sent: the result of HF_RPC_REQUEST. */
int64_t script_send(uint32_t vm);

/*
 * Runs a vCPU through its script until it replies, and takes the reply; it may
 * wait for interrupts and turn vCPUs on meanwhile. Fails the case, and returns
 * false, if it does not reply.
 */
bool script_finish(uint32_t vm, uint32_t vcpu);

/* Takes a reply that another way of running has brought; false: it failed. */
bool script_take(void);

/* Both, for vCPU 0, from wherever it is. */
bool script_run(uint32_t vm);

/* The result of step `index`, and the data of the reply. */
const struct step_result *script_result(unsigned int index);
const void *script_data(void);

/* One step alone; NULL, and the case has failed, if there is no reply. */
const struct step_result *step_run(uint32_t vm, uint64_t kind, uint64_t a0,
				   uint64_t a1, uint64_t a2, uint64_t a3);

#endif
