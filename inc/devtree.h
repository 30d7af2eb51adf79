/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The board's device tree as a description of its physical address space:
 * which node is where, seen from the CPU (Devicetree Specification v0.4,
 * 2.3.5 to 2.3.8).
 */
#ifndef DEVTREE_H
#define DEVTREE_H

#include "fdt.h"

/* A walk over all nodes, each before its children. */
struct devtree_walk {
	const struct fdt *fdt;
	fdt_node_t node; /* the current one */
	uint32_t depth;	 /* of it; the root has 0 */
};

/* Begins a walk; the first devtree_next() gives the root. */
void devtree_begin(struct devtree_walk *w, const struct fdt *fdt);

/* Steps to the next node; false after the last. */
bool devtree_next(struct devtree_walk *w, fdt_node_t *node);

/* The node `depth` deep that the current one is, or is inside of. */
fdt_node_t devtree_ancestor(const struct devtree_walk *w, uint32_t depth);

/*
 * Entry `i` of the current node's "reg", as a range of CPU addresses. False
 * if there is none or it can not be reached by the CPU.
 */
bool devtree_reg(const struct devtree_walk *w, uint32_t i, uint64_t *base,
		 uint64_t *size);

/*
 * Entry `i` of a node's "ranges", as the range of CPU addresses that
 * it occupies: the windows of a bus such as PCI. Both cell counts are those of
 * the node itself.
 */
bool devtree_window(const struct fdt *fdt, fdt_node_t node, uint32_t i,
		    uint64_t *base, uint64_t *size);

/* devtree_reg() of a node that is known. */
bool devtree_node_reg(const struct fdt *fdt, fdt_node_t node, uint32_t i,
		      uint64_t *base, uint64_t *size);

/* The same of what was found as its "reg". */
bool devtree_reg_entry(const struct fdt *fdt, fdt_node_t node,
		       const struct fdt_prop *reg, uint32_t i, uint64_t *base,
		       uint64_t *size);

/* Cells of one entry of a node's "reg", as its parent says. */
uint32_t devtree_reg_cells(const struct fdt *fdt, fdt_node_t node);

/*
 * The first node that is enabled and compatible with one of `count` names, or
 * none.
 */
fdt_node_t devtree_compatible(const struct fdt *fdt, const char *const *names,
			      unsigned int count);

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

/* Whether one of a node's compatibles has `part` in it. */
bool devtree_is_like(const struct fdt *fdt, fdt_node_t node, const char *part);

#endif
