/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMUv3 (IHI 0070): the hypervisor owns every one that the device tree names,
 * and lets all streams reach what the primary's CPUs reach, no more.
 */
#ifndef SMMU_H
#define SMMU_H

#include <stdbool.h>

#include "fdt.h"

/*
 * Finds the SMMUs of the tree and stops all DMA through them, also what the
 * firmware left running, and the interrupts of their event counters (PMCG).
 * Ends boot if one is not as it should be.
 */
void smmu_init_board(const struct fdt *fdt);

/* Whether the node is an SMMU of the hypervisor's. */
bool smmu_is_own(fdt_node_t node);

/* Logs the faults of devices; `now`, or if it was not done for a while. */
void smmu_poll(bool now);

#endif
