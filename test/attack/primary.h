/* SPDX-License-Identifier: BSD-3-Clause */
/* The attacking primary: its VMs, what it attacks, how it runs a vCPU. */
#ifndef PRIMARY_H
#define PRIMARY_H

#include <stdint.h>
#include "attack.h"
#include "attacks.h"
#include "message.h"
#include "hf/call.h"

/* VMs, in the order of the manifest (test/suites/attack.py). */
enum { VICTIM, HOSTILE, DOOMED /* ... */ };

/* The victim's vCPUs. */
enum { VICTIM_SERVER, VICTIM_KEEPER };

/* The primary's mailbox; one CPU at a time sends, as send_lock says. */
extern uint8_t primary_send[PAGE];
extern uint8_t primary_recv[PAGE];

/*
 * Runs a vCPU with all registers painted, until it leaves or for `ns`; all of
 * them must survive.
 */
uint64_t run_painted(uint32_t vm, uint32_t vcpu, uint64_t ns);

/*
 * The number of a secondary's attack, as in an order; used by attacks of the
 * primary that need one.
 */
#define SECONDARY_NUMBER(name, how, hazard, tries, must) SECONDARY_##name,
enum { FOR_SECONDARY_ATTACKS(SECONDARY_NUMBER) };

/* Takes the interrupts that are pending. */
void take_interrupts(void);

/* Makes this CPU's interrupts as they have to be. */
void restore_interrupts(void);

/* Where the primary's memory ends; where that of the board does. */
uint64_t own_end(void);
uint64_t ram_end(void);

/*
 * Hidden places: `n` counts from 0 on, 0 behind the last. The first one is the
 * victim's secret.
 */
uint64_t hidden_place(unsigned int n);

/* Fails unless it is an external abort for that address, of that kind. */
void check_external(struct trap trap, uint64_t address);

#define DECLARE(name, how, hazard, tries, must) void name(void);
FOR_PRIMARY_ATTACKS(DECLARE)
#undef DECLARE

#endif
