/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The board's device tree as a description of its physical address space:
 * which node is where, seen from the CPU (Devicetree Specification v0.4,
 * 2.3.5 to 2.3.8).
 */
#ifndef DEVTREE_H
#define DEVTREE_H

#include "fdt.h"

/*
 * Entry `i` of a node's "reg", as a range of CPU addresses. False if there is
 * none (or no node) or it can not be reached by the CPU.
 */
bool devtree_node_reg(const struct fdt *fdt, fdt_node_t node, uint32_t i,
		      uint64_t *base, uint64_t *size);

/*
 * Entry `i` of a node's "ranges", as the range of CPU addresses that
 * it occupies: the windows of a bus such as PCI. Both cell counts are those of
 * the node itself.
 */
bool devtree_window(const struct fdt *fdt, fdt_node_t node, uint32_t i,
		    uint64_t *base, uint64_t *size);

/* The same of what was found as the "reg" of a node. */
bool devtree_reg_entry(const struct fdt *fdt, fdt_node_t node,
		       const struct fdt_prop *reg, uint32_t i, uint64_t *base,
		       uint64_t *size);

/* Cells of one entry of a node's "reg", as its parent says. */
uint32_t devtree_reg_cells(const struct fdt *fdt, fdt_node_t node);

/* Whole entries of what was found as a node's "reg". */
uint32_t devtree_reg_count(const struct fdt *fdt, fdt_node_t node,
			   const struct fdt_prop *reg);

/*
 * What a node is, as its "compatible" says: bits. Of most, one of its names
 * says so; of KIND_SLAVE, the first; of KIND_LIKE_*, a part of one.
 */
#define KIND_PSCI (1u << 0)
#define KIND_GIC_V2 (1u << 1)
#define KIND_GIC_V3 (1u << 2)
#define KIND_ITS (1u << 3)
#define KIND_V2M (1u << 4) /* GICv2m: MSIs become SPIs */
#define KIND_TIMER (1u << 5)
#define KIND_PL011 (1u << 6)
#define KIND_16550 (1u << 7)
#define KIND_PL031 (1u << 8)
#define KIND_SMMU (1u << 9)
/* It writes no memory by itself. */
#define KIND_SLAVE (1u << 10)
#define KIND_LIKE_CORESIGHT (1u << 11)
#define KIND_LIKE_PMCG (1u << 12) /* event counters of an SMMU */
#define KIND_LIKE_GIC_V3 (1u << 13)
#define KIND_KNOWN (1u << 15) /* in fdt_entry.kinds: these bits are set */

/* Sets fdt_entry.kinds of a node. */
void devtree_find_kinds(const struct fdt *fdt, fdt_node_t node);

/* What a node is. Each is looked at once: nobody compares strings anew. */
static inline BOOT_ONLY uint32_t devtree_kinds(const struct fdt *fdt,
					       fdt_node_t node)
{
	const struct fdt_entry *e = &fdt->node[node];

	if (!e->kinds)
		devtree_find_kinds(fdt, node);
	return e->kinds;
}

/*
 * The next node after `node` (FDT_NO_NODE: the first) that is one of these
 * kinds, or FDT_NO_NODE.
 */
fdt_node_t devtree_next_of(const struct fdt *fdt, fdt_node_t node,
			   uint32_t kinds);

/* The first of them that is enabled, or FDT_NO_NODE. */
fdt_node_t devtree_enabled_of(const struct fdt *fdt, uint32_t kinds);

/* Whether [base, base + size) reaches into a node of RAM. */
bool devtree_overlaps_memory(const struct fdt *fdt, uint64_t base,
			     uint64_t size);

/* Whether "device_type" of a node that has one is `type`. */
bool devtree_type_is(const struct fdt *fdt, fdt_node_t node, const char *type);

/* Whether "device_type" of a node is `type`. Most nodes have none. */
static inline bool devtree_has_type(const struct fdt *fdt, fdt_node_t node,
				    const char *type)
{
	return fdt->node[node].device_type && devtree_type_is(fdt, node, type);
}

#endif
