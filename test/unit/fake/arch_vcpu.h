/* SPDX-License-Identifier: BSD-3-Clause */
/* The fake architecture's part of vCPUs, VMs and CPUs; see fake.h. */
#ifndef ARCH_VCPU_H
#define ARCH_VCPU_H

#include <stdbool.h>
#include <stdint.h>

struct vcpu;
struct fake_step;

#define NO_LANDING_PAD

/* What a vCPU has of registers: those that the call convention names. */
#define FAKE_REGS 4

/* Most steps of a script whose results are kept. */
#define FAKE_RESULTS 32

struct arch_vcpu {
	uint64_t x[FAKE_REGS]; /* poison while the vCPU runs */
	uint64_t entry;	       /* of the last reset */
	uint64_t resets;
	/* What the guest does each time it is entered; see fake_guest. */
	uint64_t (*guest)(struct vcpu *vcpu);
	const struct fake_step *script; /* of fake_run_script() */
	uint32_t step;			/* the next one */
	int64_t result[FAKE_RESULTS];	/* x0 after each step */
	uint32_t running; /* CPUs that are in it: 0 or 1; atomic */
	uint64_t entries; /* how often it was entered */
	uint64_t owed;	  /* what it has to tell before it is entered */
	void *test;	  /* the test's own */
};

static inline bool arch_vcpu_owes(const struct arch_vcpu *arch)
{
	return arch->owed;
}

struct arch_vm {
	uint32_t id;
	uint32_t inits;
	uint32_t revokes; /* atomic */
	uint32_t restores;
	uint32_t console_resets, console_changes;
	uint32_t signals; /* interrupts of its mailbox */
};

struct arch_cpu {
	uint64_t starts; /* calls of arch_cpu_start() for it; atomic */
};

#endif
