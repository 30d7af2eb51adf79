/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes src/fdt.c, src/devtree.c and src/fdt_write.c: what fdt_open() accepts
 * can be read with every function, and a copy of it means the same.
 */
#include <stdlib.h>
#include <string.h>

#include "devtree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* Nodes; few, so that there are trees with more. */
#define ROOM 64

/* A place where results go, so that no read is optimised away. */
static volatile uint32_t sink;

static void read_prop(const struct fdt_prop *prop)
{
	bool overflow = false;

	for (uint32_t i = 0; i < prop->size; i++)
		sink += prop->value[i];
	sink += (uint32_t)fdt_number(prop->value, 0, prop->size / 4, &overflow);
	if (fdt_string(prop) != NULL)
		require(strlen(fdt_string(prop)) + 1 == prop->size);
}

static void read_props(const struct fdt *fdt, fdt_node_t node)
{
	struct fdt_prop prop;
	uint32_t at = 0, end = fdt->node[node].props;

	while (fdt_each_prop(fdt, node, &at, &prop)) {
		require(fdt_prop_begin(fdt, &prop) >= end);
		end = at;
		sink += fdt_list_has(&prop, "okay");
		read_prop(&prop);
	}
}

static void read_place(const struct fdt *fdt, fdt_node_t node)
{
	uint32_t kinds = devtree_kinds(fdt, node);
	uint64_t base, size;

	require(!(kinds & KIND_PL011) ==
		!fdt_compatible(fdt, node, "arm,pl011"));
	require(!(kinds & KIND_SMMU) ==
		!fdt_compatible(fdt, node, "arm,smmu-v3"));
	for (uint32_t i = 0; i < 3; i++) {
		sink += devtree_node_reg(fdt, node, i, &base, &size);
		sink += devtree_window(fdt, node, i, &base, &size);
	}
}

static void read_node(const struct fdt *fdt, fdt_node_t node)
{
	fdt_node_t child;

	require(fdt_name(fdt, node) != NULL);
	read_props(fdt, node);
	child = fdt_first_child(fdt, node);
	if (child != FDT_NO_NODE)
		require(child > node && fdt_parent(fdt, child) == node &&
			fdt_depth(fdt, child) == fdt_depth(fdt, node) + 1);
	child = fdt_next_sibling(fdt, node);
	if (child != FDT_NO_NODE)
		require(child > node &&
			fdt_node_end(fdt, node) <= fdt->node[child].begin);
	sink += fdt_enabled(fdt, node) + fdt_u32(fdt, node, "reg", 1);
	read_place(fdt, node);
	sink += (uint32_t)fdt_child(fdt, node, "cpu");
}

static void read_tree(const struct fdt *fdt)
{
	uint64_t address, size;

	for (uint32_t i = 0; i < fdt->reserved_count; i++)
		fdt_reservation(fdt, i, &address, &size);
	for (uint32_t n = 0; n < fdt->node_count; n++)
		read_node(fdt, (fdt_node_t)n);
	sink += (uint32_t)fdt_path(fdt, "/cpus/cpu@0");
	sink += (uint32_t)fdt_path(fdt, "serial0:115200");
	sink += (uint32_t)fdt_by_phandle(fdt, 1);
}

static struct fdt_writer w;

/* Ends the nodes that do not hold a node `depth` deep. */
static void put_ends(uint32_t depth)
{
	while (w.depth > depth && !w.failed)
		fdt_put_end(&w);
}

/* Copies a tree property by property. */
static uint32_t copy_tree(const struct fdt *fdt, void *buffer, size_t size)
{
	struct fdt_prop prop;

	fdt_begin(&w, buffer, size, 0);
	fdt_put_names(&w, fdt->strings, fdt->strings_size);
	for (fdt_node_t n = 0; (uint32_t)n < fdt->node_count; n++) {
		uint32_t at = 0;

		put_ends(fdt_depth(fdt, n));
		fdt_put_node(&w, n == 0 ? "" : fdt_name(fdt, n));
		while (fdt_each_prop(fdt, n, &at, &prop))
			fdt_put_prop(&w, prop.name, prop.value, prop.size);
	}
	put_ends(0);
	return fdt_finish(&w, fdt->boot_cpuid_phys);
}

/* Copies it in two pieces, cut where a node ends. */
static uint32_t copy_pieces(const struct fdt *fdt, fdt_node_t node,
			    void *buffer, size_t size)
{
	uint32_t at = fdt_node_end(fdt, node);
	uint32_t end = fdt_node_end(fdt, 0);

	fdt_begin(&w, buffer, size, 0);
	fdt_put_names(&w, fdt->strings, fdt->strings_size);
	fdt_put_tokens(&w, fdt->structure, at, fdt_depth(fdt, node));
	fdt_put_tokens(&w, fdt->structure + at, end - at, 0);
	return fdt_finish(&w, fdt->boot_cpuid_phys);
}

/* Property by property the same. */
static void compare_props(const struct fdt *a, const struct fdt *b,
			  fdt_node_t node)
{
	struct fdt_prop p, q;
	uint32_t at = 0, bt = 0;

	while (fdt_each_prop(a, node, &at, &p)) {
		require(fdt_each_prop(b, node, &bt, &q));
		require(strcmp(p.name, q.name) == 0 && p.size == q.size);
		require(memcmp(p.value, q.value, p.size) == 0);
	}
	require(!fdt_each_prop(b, node, &bt, &q));
}

/* Node by node the same, the root's name aside. */
static void compare(const struct fdt *a, const void *copy, uint32_t size)
{
	static struct fdt_entry nodes[ROOM];
	struct fdt b;

	require(fdt_open(&b, copy, size, nodes, ROOM) == NULL);
	require(a->node_count == b.node_count);
	for (fdt_node_t n = 0; (uint32_t)n < a->node_count; n++) {
		require(fdt_depth(a, n) == fdt_depth(&b, n));
		if (n != 0)
			require(strcmp(fdt_name(a, n), fdt_name(&b, n)) == 0);
		compare_props(a, &b, n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static _Alignas(8) uint8_t buffer[1 << 20];
	static struct fdt_entry nodes[ROOM];
	struct fdt fdt;
	uint32_t copied;

	if (fdt_open(&fdt, data, size, nodes, ROOM) != NULL)
		return 0;
	require(fdt_claimed_size(data) == fdt.totalsize);
	read_tree(&fdt);
	copied = copy_tree(&fdt, buffer, sizeof(buffer));
	require(copied != 0);
	compare(&fdt, buffer, copied);
	/* One cut: the input says where. */
	copied = copy_pieces(&fdt,
			     (fdt_node_t)(fdt.boot_cpuid_phys % fdt.node_count),
			     buffer, sizeof(buffer));
	require(copied != 0);
	compare(&fdt, buffer, copied);
	return 0;
}
