/* SPDX-License-Identifier: BSD-3-Clause */
/* What the hypervisor learned of the board from its device tree. */
#ifndef BOARD_H
#define BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "fdt.h"

#define MAX_GICR_REGIONS 4

struct board {
	bool cpus_left_out;    /* more than MAX_CPUS */
	uint32_t gic_version;  /* 2 or 3 */
	fdt_node_t gic;	       /* its node in the board's tree */
	uint32_t gic_reg_size; /* bytes of its "reg" that are the primary's */
	uint32_t interrupt_cells; /* of an interrupt of the GIC */
	uint64_t gicd;		  /* physical addresses */
	uint64_t gich, gicv;	  /* GICv2: for virtual interrupts, or 0 */
	struct {
		uint64_t base, size;
	} gicr[MAX_GICR_REGIONS];
	uint32_t gicr_count;
	uint32_t virtual_timer_intid;
	uint32_t hyp_timer_intid;   /* of the EL2 physical timer */
	uint32_t maintenance_intid; /* of virtual interrupts; 0: none */
	/* What the board's clock was when arch_seconds() was 0; 0: unknown. */
	uint32_t epoch;
};

extern struct board board;

/*
 * The property of /chosen with random bytes. The primary gets this many of
 * them; the stack guard is made of the others (guard.c).
 */
#define RNG_SEED "rng-seed"
#define RNG_SEED_GIVEN(size) ((size) / 2)

#endif
