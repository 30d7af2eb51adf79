/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading the device tree that the guest was given. A node is a pointer to its
 * place in the tree. The tree comes from the hypervisor and is trusted.
 */
#ifndef DT_H
#define DT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Takes the tree at `blob`; panics if it is none. */
void dt_init(const void *blob);

/* Where the tree lies, and its size in bytes. */
uintptr_t dt_address(void);
uint32_t dt_size(void);

/*
 * The node at a path like "/cpus/cpu@0", or NULL. A name without a unit
 * address finds the first node of that name.
 */
const uint32_t *dt_node(const char *path);

/* The first child of a node, and the next node of the same parent; or NULL. */
const uint32_t *dt_child(const uint32_t *node);
const uint32_t *dt_sibling(const uint32_t *node);

/* Bytes that are not zero, of those that only align what follows them. */
unsigned int dt_padding(void);

/* The name of a node, with its unit address. */
const char *dt_name(const uint32_t *node);

/* The value of a property and its length in bytes (if asked), or NULL. */
const void *dt_property(const uint32_t *node, const char *name, uint32_t *len);

/* A property that is a string, or NULL. */
const char *dt_string(const uint32_t *node, const char *name);

/* A property of one or two cells. False if there is none. */
bool dt_number(const uint32_t *node, const char *name, uint64_t *value);

/* True if the node's list "compatible" has `name`. */
bool dt_compatible(const uint32_t *node, const char *name);

/*
 * Entry `index` of the "reg" of a child of the root, with the root's cells.
 * False if there is none.
 */
bool dt_reg(const uint32_t *node, unsigned int index, uint64_t *base,
	    uint64_t *size);

/* Cell `index` of a property's value. */
uint32_t dt_cell(const void *value, unsigned int index);

/*
 * Entry `index` of the "ranges" of a child of the root that is a PCI bus, as
 * the addresses that it takes.
 */
bool dt_window(const uint32_t *node, unsigned int index, uint64_t *base,
	       uint64_t *size);

/* The memory of this guest: the first range, and the number of ranges. */
unsigned int dt_memory(uint64_t *base, uint64_t *size);

/*
 * The value of NAME=VALUE in the bootargs, copied to `to`. False, and an empty
 * string, if there is none.
 */
bool dt_bootarg(const char *name, char *to, size_t size);

#endif
