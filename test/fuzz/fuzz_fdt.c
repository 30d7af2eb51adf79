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
	struct fdt_prop prop;
	fdt_node_t child;
	uint32_t at = 0;

	require(fdt_name(fdt, node) != NULL);
	while (fdt_each_prop(fdt, node, &at, &prop))
		sink += fdt_list_has(&prop, "okay") + prop.size;
	child = fdt_first_child(fdt, node);
	if (child != FDT_NO_NODE)
		require(child > node && fdt_parent(fdt, child) == node &&
			fdt_depth(fdt, child) == fdt_depth(fdt, node) + 1);
	child = fdt_next_sibling(fdt, node);
	if (child != FDT_NO_NODE)
		require(child > node);
	sink += fdt_enabled(fdt, node) + fdt_u32(fdt, node, "reg", 1);
	read_place(fdt, node);
	sink += (uint32_t)fdt_child(fdt, node, "cpu");
}

static void read_prop(const struct fdt_prop *prop)
{
	bool overflow = false;

	for (uint32_t i = 0; i < prop->size; i++)
		sink += prop->value[i];
	sink += (uint32_t)fdt_number(prop->value, 0, prop->size / 4, &overflow);
	if (fdt_string(prop) != NULL)
		require(strlen(fdt_string(prop)) + 1 == prop->size);
}

static void read_tree(const struct fdt *fdt)
{
	struct fdt_token t = {.next = 0};
	uint64_t address, size;

	for (uint32_t i = 0; i < fdt->reserved_count; i++)
		fdt_reservation(fdt, i, &address, &size);
	do {
		uint32_t at = t.next;

		fdt_token(fdt, &t);
		require(t.tag == FDT_TAG_DONE || t.next > at);
		if (t.tag == FDT_TAG_BEGIN)
			read_node(fdt, t.node);
		if (t.tag == FDT_TAG_PROP)
			read_prop(&t.prop);
	} while (t.tag != FDT_TAG_DONE);
	sink += (uint32_t)fdt_path(fdt, "/cpus/cpu@0");
	sink += (uint32_t)fdt_path(fdt, "serial0:115200");
	sink += (uint32_t)fdt_by_phandle(fdt, 1);
}

static uint32_t copy_tree(const struct fdt *fdt, void *buffer, size_t size)
{
	static struct fdt_writer w;
	struct fdt_token t = {.next = 0};
	bool root = true;

	fdt_begin(&w, buffer, size, 0);
	do {
		fdt_token(fdt, &t);
		if (t.tag == FDT_TAG_BEGIN)
			fdt_put_node(&w, root ? "" : t.name);
		else if (t.tag == FDT_TAG_END)
			fdt_put_end(&w);
		else if (t.tag == FDT_TAG_PROP)
			fdt_put_prop(&w, t.name, t.prop.value, t.prop.size);
		root = false;
	} while (t.tag != FDT_TAG_DONE);
	return fdt_finish(&w, fdt->boot_cpuid_phys);
}

/* Token by token the same, the root's name aside. */
static void compare(const struct fdt *a, const struct fdt *b)
{
	struct fdt_token s = {.next = 0}, t = {.next = 0};
	bool root = true;

	do {
		fdt_token(a, &s);
		fdt_token(b, &t);
		require(s.tag == t.tag && s.prop.size == t.prop.size);
		if (s.name != NULL && !root)
			require(strcmp(s.name, t.name) == 0);
		if (s.tag == FDT_TAG_PROP)
			require(memcmp(s.prop.value, t.prop.value,
				       s.prop.size) == 0);
		root = false;
	} while (s.tag != FDT_TAG_DONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static _Alignas(8) uint8_t buffer[1 << 20];
	static struct fdt_entry nodes[2][ROOM];
	struct fdt fdt, copy;
	uint32_t copied;

	if (fdt_open(&fdt, data, size, nodes[0], ROOM) != NULL)
		return 0;
	require(fdt_claimed_size(data) == fdt.totalsize);
	read_tree(&fdt);
	copied = copy_tree(&fdt, buffer, sizeof(buffer));
	if (copied == 0)
		return 0; /* long names used many times may not fit */
	require(fdt_open(&copy, buffer, copied, nodes[1], ROOM) == NULL);
	compare(&fdt, &copy);
	return 0;
}
