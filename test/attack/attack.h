/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the attackers of attacks.h share: an attack is one function, which runs
 * on several CPUs (vCPUs) at once, and CHECKs what it sees. What became of its
 * victim is found out afterwards, from the victim's side (victim.c).
 */
#ifndef ATTACK_H
#define ATTACK_H

#include <stdbool.h>
#include <stdint.h>
#include "exception.h"
#include "primary/test.h"

#define PAGE 4096
#define BLOCK UINT64_C(0x200000)
#define GIB (UINT64_C(1) << 30)
#define MS UINT64_C(1000000)

/* The secondary VMs' memory, as they see it, and its size (attack.py). */
#define SECONDARY_RAM UINT64_C(0x40000000)
#define SECONDARY_END (SECONDARY_RAM + BLOCK)

/* How many run the attack, and which of them this one is. */
unsigned int us(void);
unsigned int me(void);

/* Waits until all of us are here. */
void meet(void);

/* Pseudo-random numbers of this CPU, from the seed of the run (HF_SEED). */
uint64_t random64(void);

/* True in the primary. */
bool is_primary(void);

/* Executes one instruction with x0 = *x0, as a call; stores the new x0. */
struct trap execute(uint32_t instruction, uint64_t *x0);

/* Where this CPU can execute `n` instructions that it puts there. */
uint32_t *code_room(unsigned int n);

/* Fails unless the exception is an undefined instruction, told as nothing. */
void check_undefined(struct trap trap, uint32_t what);

/* Memory types of alias(): indices of MAIR_EL1 for the first two. */
enum alias_type {
	ALIAS_DEVICE,
	ALIAS_WRITE_BACK,
	ALIAS_NON_CACHEABLE,
	ALIAS_WRITE_THROUGH,
	ALIAS_DEVICE_EARLY, /* nGnRE */
	ALIAS_TYPES
};

/*
 * Maps `address` by a block or page of stage-1 level 1, 2 or 3, executable at
 * EL1: an address at which this CPU reaches it until its next call.
 */
uintptr_t alias(uint64_t address, unsigned int level, enum alias_type type);

/*
 * Maps a table at `table`, as the one of stage-1 level 2 or 3: an address
 * whose walk goes through it.
 */
uintptr_t alias_table(uint64_t table, unsigned int level);

#endif
