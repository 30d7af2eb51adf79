/* SPDX-License-Identifier: BSD-3-Clause */
/* The fake board on which the specification is compared with the real code. */
#ifndef BOARD_H
#define BOARD_H

#include "life.h"
#include "spec.h"

/*
 * Powers the fake board on, with `vcpus` vCPUs in each of `vms` secondaries,
 * and makes *s the state of it. All CPUs are on.
 */
void board_start(struct spec *s, uint32_t cpus, uint32_t vms, uint32_t vcpus);

/* The lives of its VMs, and files that they are loaded from. */
void board_start_lives(const struct spec *s, struct spec_life *lives);

/* The page of a VM's memory at `offset` as it is at the VM's start. */
void board_fresh_page(uint32_t vm, uint64_t offset, uint8_t *page);

/*
 * PSCI CPU_ON by the vCPU that runs on this CPU for one of its VM, as the
 * architecture does it. Returns the exit, 0: the guest goes on.
 */
uint64_t board_vcpu_on(uint32_t vm, uint32_t target, uint64_t entry,
		       uint64_t argument);

/* PSCI CPU_ON by the primary. */
int64_t board_cpu_on(uint32_t cpu, uint64_t entry, uint64_t argument);

/* The vcpu_exit() of an event that is no call. */
uint64_t board_exit(enum spec_event event, uint64_t payload);

#endif
