/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random calls, as the primary (primary/spec.c) and its VMs (spec/spec.c) make
 * them for the specification to be compared with: valid ones, ones that are
 * wrong in one argument, wild ones. All follow from a seed in the bootargs.
 */
#ifndef SPEC_H
#define SPEC_H

#include <stddef.h>
#include <stdint.h>
#include "smccc.h"
#include "hf/abi.h"

/* First word of a request that tells the VM to end. */
#define SPEC_END UINT64_C(0x6465646e65206562)

/* VMs, and the most vCPUs that one has. */
#define SPEC_VMS 3
#define SPEC_VCPUS 3

/* A number of [0, limit). */
static inline uint64_t spec_below(uint64_t *random, uint64_t limit)
{
	uint64_t v = *random += UINT64_C(0x9e3779b97f4a7c15);

	v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	v = (v ^ v >> 27) * UINT64_C(0x94d049bb133111eb);
	return ((v ^ v >> 31) >> 8) % limit;
}

/* Values at which a check may be wrong by one or lose a bit. */
static inline uint64_t spec_edge(uint64_t *random)
{
	uint64_t n = UINT64_C(1) << spec_below(random, 64);

	switch (spec_below(random, 4)) {
	case 0:
		return n - 1;
	case 1:
		return n + 1;
	case 2:
		return 0 - n;
	default:
		return n;
	}
}

static inline uint64_t spec_size(uint64_t *random)
{
	static const uint16_t sizes[] = {0, 1, 8, 4095, 4096};

	switch (spec_below(random, 8)) {
	case 0:
		return 4097;
	case 1:
		return spec_edge(random);
	case 2:
		return spec_below(random, 4097);
	default:
		return sizes[spec_below(random, 5)];
	}
}

/* A u32 argument: the upper half does not count. */
static inline uint64_t spec_index(uint64_t *random, uint64_t count)
{
	switch (spec_below(random, 16)) {
	case 0:
		return count;
	case 1:
		return spec_edge(random);
	case 2:
		return spec_below(random, count) | spec_edge(random) << 32;
	default:
		return spec_below(random, count);
	}
}

/* A flag: anything but 0 is true. */
static inline uint64_t spec_flag(uint64_t *random)
{
	return spec_below(random, 8) ? spec_below(random, 2)
				     : spec_edge(random);
}

/* An address that is no mailbox page of a VM with memory at [base, end). */
static inline uint64_t spec_no_page(uint64_t *random, uint64_t base,
				    uint64_t end, uint64_t good)
{
	switch (spec_below(random, 7)) {
	case 0:
		return good + 1 + spec_below(random, HF_MAILBOX_SIZE - 1);
	case 1:
		return good | UINT64_C(1) << (40 + spec_below(random, 24));
	case 2:
		return end;
	case 3:
		return base - HF_MAILBOX_SIZE;
	case 4:
	case 5:
		return 0xa000000; /* a device of the board */
	default:
		return ~(uint64_t)(HF_MAILBOX_SIZE - 1);
	}
}

/*
 * HF_VM_CONFIGURE: mostly wrong, as only one that is right is accepted; with
 * two of `count` pages.
 */
static inline void spec_configure(uint64_t *random,
				  uint8_t (*pages)[HF_MAILBOX_SIZE],
				  unsigned int count, uint64_t base,
				  uint64_t end)
{
	uint64_t a[2];
	unsigned int i;

	for (i = 0; i < 2; i++)
		a[i] = (uintptr_t)pages[spec_below(random, count)];
	if (spec_below(random, 8)) {
		i = (unsigned int)spec_below(random, 2);
		a[i] = spec_no_page(random, base, end, a[i]);
	}
	smccc_hvc(HF_VM_CONFIGURE, a[0], a[1], spec_edge(random));
}

/* Any function near those that are, any arguments, bits above w0: x0-x3. */
static inline struct smccc_result spec_wild(uint64_t *random)
{
	struct smccc_result c;

	c.x[0] = HF_VCPU_RUN - 1 + spec_below(random, 17);
	if (!spec_below(random, 8))
		c.x[0] ^= UINT64_C(0x10000) << spec_below(random, 14);
	if (!spec_below(random, 8))
		c.x[0] |= spec_edge(random) << 32;
	c.x[1] = spec_index(random, SPEC_VMS);
	c.x[2] = spec_edge(random);
	c.x[3] = spec_edge(random);
	return c;
}

#endif
