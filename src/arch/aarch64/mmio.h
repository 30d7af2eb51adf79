/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Emulated device registers. The pages that hold them are absent from a VM's
 * stage 2; an access traps, and is looked up by range and by register.
 */
#ifndef MMIO_H
#define MMIO_H

#include <stdbool.h>
#include <stdint.h>

struct spinlock;
struct vcpu;

/*
 * One register, or several of one kind in a row. A part of a register, as
 * `widths` allows, is read out of the whole, and written by way of reading the
 * whole; what a handler is given is always a whole register.
 */
struct mmio_reg {
	uint32_t offset; /* of the first one, in its range */
	uint16_t span;	 /* bytes of all of them; 0 ends a table */
	/*
	 * Bytes of one: 1, 4 or 8. A wider access has only zeros above; one of
	 * 1 can be written without being read.
	 */
	uint8_t size;
	uint8_t widths; /* sum of the sizes of access, in bytes */
	/* NULL: reads as zero, ignores writes. */
	uint64_t (*read)(void *device, uint32_t offset);
	void (*write)(void *device, uint32_t offset, uint64_t value);
};

/* In `widths`: a part is written as it is, with zeros for the rest. */
#define MMIO_WRITES_BITS 0x80

/* What no row of `regs` is for reads as zero and ignores writes. */
struct mmio_range {
	uint64_t base, size; /* IPA; whole pages */
	const struct mmio_reg *regs;
	void *device; /* that handlers get; NULL: the vCPU that accesses it */
	/* Held while something is written; NULL: handlers take their own. */
	struct spinlock *lock;
	/*
	 * Not 0: the range is several devices of one kind, each one of so many
	 * bytes, a power of two. Handlers are given the offset in the range.
	 */
	uint64_t stride;
};

/*
 * Emulates the access that trapped with `esr`, a data abort, if it is one to
 * these ranges. False, with nothing done, if it is not, or if it can not be
 * told from the syndrome what it was (a pair, an atomic, a cache operation, a
 * table walk), or if the register may not be accessed so: it is an abort.
 */
bool mmio_access(struct vcpu *vcpu, uint64_t esr,
		 const struct mmio_range *ranges, unsigned int count);

#endif
