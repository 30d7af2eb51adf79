/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stopping and starting secondary VMs.
 *
 *   from      to        who (VM lock held)
 *   RUNNING   STOPPED   vm_abort(): what the VM did (not locked: one of its
 *                       vCPUs is RUNNING meanwhile), or life_stop()
 *   STOPPED   STARTING  life_start(), once no vCPU is RUNNING: all are OFF
 *   STARTING  STOPPED   life_stop()
 *   STARTING  RUNNING   life_start(), once all memory is loaded
 *
 * STOPPED is `aborted`, STARTING is `starting` beside it. No vCPU is run, and
 * no request delivered, in either.
 */
#ifndef LIFE_H
#define LIFE_H

#include "types.h"

struct vm;

/* What one call of life_start() loads at most, in bytes. */
#define LIFE_PIECE ((uint64_t)1 << 18)

/* Called once at boot. */
void life_init(void);

/*
 * The first step of a life: vCPU 0 is READY at the VM's kernel, all else is as
 * at reset. Its memory is loaded before, with the VM lock held; at boot it is
 * arch_vm_revoke()d, until life_load() loads it.
 */
void life_begin(struct vm *vm);

/* HF_VM_GET_STATE of a VM that was not left out. Takes the VM lock. */
int64_t life_state(struct vm *vm);

/* HF_VM_STOP of such a VM. Takes the VM lock. */
int64_t life_stop(struct vm *vm);

/* HF_VM_START of such a VM. Takes the VM lock. */
int64_t life_start(struct vm *vm);

/*
 * For a vCPU that runs here and finds no memory: in the VM's first life it is
 * loaded once it is asked for. Loads a piece; the vCPU tries again until all is
 * there, and interrupts come between the pieces. False: nothing is missing, or
 * the VM was stopped. Takes the VM lock.
 */
bool life_load(struct vm *vm);

#endif
