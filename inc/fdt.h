/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flattened device trees: reading one that may be hostile, and writing one.
 * Devicetree Specification v0.4, chapter 5. Pure functions over memory that
 * the caller owns; no globals.
 */
#ifndef FDT_H
#define FDT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "types.h"

/* Deepest nesting of nodes that is accepted. */
#define FDT_MAX_DEPTH 16

/* Largest tree that is accepted or written, in bytes. */
#define FDT_MAX_SIZE (16u << 20)

/* What fdt_open() notes of a node, in the order in which they begin. */
#define FDT_PARENT_MASK 0xffffffu

struct fdt_entry {
	uint32_t begin; /* offset of its FDT_BEGIN_NODE in the structure */
	uint32_t props; /* offset behind its name */
	uint32_t names; /* bits of the names of its properties */
	uint32_t end;	/* number of the next node that is not inside of it */
	/* Offsets of these properties in the structure; 0: it has none. */
	uint32_t compatible, device_type, reg;
	uint32_t parent : 24, depth : 8; /* both 0 of the root */
	/* "#address-cells", "#size-cells"; at most FDT_CELLS_MANY */
	uint8_t address_cells, size_cells;
	uint16_t kinds; /* of devtree_kinds(); 0: not looked at yet */
};

#define FDT_CELLS_MANY 254
#define FDT_CELLS_UNKNOWN 255

/* A device tree that fdt_open() found to be well-formed. */
struct fdt {
	const uint8_t *blob;	  /* its first byte; 4-byte aligned */
	uint32_t totalsize;	  /* bytes, padding included */
	const uint8_t *structure; /* structure block, from the root on */
	uint32_t structure_size;  /* bytes, FDT_END included */
	const char *strings;	  /* strings block */
	uint32_t strings_size;	  /* bytes */
	const uint8_t *reserved;  /* memory reservation block */
	uint32_t reserved_count;  /* its entries, without the last, empty one */
	uint32_t boot_cpuid_phys;
	struct fdt_entry *node;
	uint32_t node_count;
};

/* A node: its number in the order in which they begin; the root has 0. */
typedef int32_t fdt_node_t;
#define FDT_NO_NODE (-1)

/* A property as it lies in the tree. */
struct fdt_prop {
	const char *name;
	const uint8_t *value; /* 4-byte aligned, big-endian cells */
	uint32_t size;	      /* bytes */
};

/* The cell at index `i` of a value of at least (i + 1) * 4 bytes. */
static inline BOOT_ONLY uint32_t fdt_cell(const uint8_t *value, uint32_t i)
{
	typedef uint32_t __attribute__((__may_alias__)) cell_t;

	return __builtin_bswap32(((const cell_t *)value)[i]);
}

/*
 * Checks the `size` bytes at `blob` whole (header, blocks, nesting, every
 * name and property inside its block and terminated; version 16 or 17) and
 * fills *fdt. `blob` must be 4-byte aligned. `node` has room for `room` nodes
 * (below 2^24), and goes with *fdt from then on. Returns NULL, or a message
 * that says what is wrong with it ("it is cut off"); then *fdt must not be
 * used. No function below can fail for a tree that passed, as long as it does
 * not change.
 */
const char *fdt_open(struct fdt *fdt, const void *blob, size_t size,
		     struct fdt_entry *node, uint32_t room);

/*
 * Total size in bytes that a header claims, 0 if there is no device tree at
 * `blob` (or it is not 4-byte aligned). Reads 8 bytes.
 */
uint32_t fdt_claimed_size(const void *blob);

/* Bytes from the beginning of its header to the end of its last block. */
uint32_t fdt_used_size(const struct fdt *fdt);

/* The root node. */
static inline BOOT_ONLY fdt_node_t fdt_root(const struct fdt *fdt)
{
	(void)fdt;
	return 0;
}

/* First child of a node, or FDT_NO_NODE. */
static inline BOOT_ONLY fdt_node_t fdt_first_child(const struct fdt *fdt,
						   fdt_node_t node)
{
	return fdt->node[node].end == (uint32_t)node + 1 ? FDT_NO_NODE
							 : node + 1;
}

/* Next node with the same parent, or FDT_NO_NODE. */
static inline BOOT_ONLY fdt_node_t fdt_next_sibling(const struct fdt *fdt,
						    fdt_node_t node)
{
	uint32_t next = fdt->node[node].end;

	/* The root has none, and what follows the last is less deep. */
	return next < fdt->node_count &&
			       fdt->node[next].depth == fdt->node[node].depth
		       ? (fdt_node_t)next
		       : FDT_NO_NODE;
}

/* The node that it is inside of; FDT_NO_NODE for the root and for none. */
static inline BOOT_ONLY fdt_node_t fdt_parent(const struct fdt *fdt,
					      fdt_node_t node)
{
	return node <= 0 ? FDT_NO_NODE : (fdt_node_t)fdt->node[node].parent;
}

/* How many nodes it is inside of; 0 for the root. */
static inline BOOT_ONLY uint32_t fdt_depth(const struct fdt *fdt,
					   fdt_node_t node)
{
	return fdt->node[node].depth;
}

/* Name of a node with its unit address; "" for the root. */
static inline BOOT_ONLY const char *fdt_name(const struct fdt *fdt,
					     fdt_node_t node)
{
	return (const char *)fdt->structure + fdt->node[node].begin + 4;
}

/*
 * Child of `node` called `name`, or FDT_NO_NODE. A name without '@' also
 * matches a child that has a unit address.
 */
fdt_node_t fdt_child(const struct fdt *fdt, fdt_node_t node, const char *name);

/*
 * The node at a path, which ends at the first ':': absolute ("/a/b@0"), or one
 * that begins with an alias ("serial0:115200n8"). FDT_NO_NODE if there is none.
 */
fdt_node_t fdt_path(const struct fdt *fdt, const char *path);

/* The node whose "phandle" is `phandle`, or FDT_NO_NODE. */
fdt_node_t fdt_by_phandle(const struct fdt *fdt, uint32_t phandle);

/*
 * Finds property `name` of a node. Returns false, with *prop zeroed, if it has
 * none.
 */
bool fdt_prop(const struct fdt *fdt, fdt_node_t node, const char *name,
	      struct fdt_prop *prop);

/*
 * The bit of a property's name in fdt_entry.names: names that share one make a
 * search longer, no more.
 */
static inline uint32_t fdt_name_bit(const char *name)
{
	return (uint32_t)1 << ((name[0] * 5 + name[1]) & 31);
}

/* False if a node has no property `name` for sure. */
static inline bool fdt_may_have(const struct fdt *fdt, fdt_node_t node,
				const char *name)
{
	return fdt->node[node].names & fdt_name_bit(name);
}

/* Sizes in the structure: of what ends a node, and begins a property. */
#define FDT_END_SIZE 4u
#define FDT_PROP_HEADER 12u

/* Offset in the structure of what follows a node and all in it. */
uint32_t fdt_node_end(const struct fdt *fdt, fdt_node_t node);

/* Offset in the structure of a property that was found there. */
static inline BOOT_ONLY uint32_t fdt_prop_begin(const struct fdt *fdt,
						const struct fdt_prop *prop)
{
	return (uint32_t)(prop->value - fdt->structure) - FDT_PROP_HEADER;
}

/* The property at an offset in the structure: token, size, name, value. */
static inline BOOT_ONLY void fdt_prop_at(const struct fdt *fdt, uint32_t at,
					 struct fdt_prop *prop)
{
	const uint8_t *p = fdt->structure + at;

	prop->size = fdt_cell(p, 1);
	prop->name = fdt->strings + fdt_cell(p, 2);
	prop->value = p + FDT_PROP_HEADER;
}

/* That which fdt_open() noted at offset `at`; false if that is 0. */
static inline BOOT_ONLY bool fdt_noted_prop(const struct fdt *fdt, uint32_t at,
					    struct fdt_prop *prop)
{
	if (at == 0)
		return false;
	fdt_prop_at(fdt, at, prop);
	return true;
}

/* First or next property in order; false after the last. at = 0 to begin. */
bool fdt_each_prop(const struct fdt *fdt, fdt_node_t node, uint32_t *at,
		   struct fdt_prop *prop);

/* fdt_number() for any `cells`. */
uint64_t fdt_long_number(const uint8_t *value, uint32_t i, uint32_t cells,
			 bool *overflow);

/*
 * The number in `cells` cells from cell index `i` on. More than two cells:
 * the low 64 bits, and *overflow (which may be NULL) is set if others are not
 * zero. `cells` 0 is the number 0.
 */
static inline BOOT_ONLY uint64_t fdt_number(const uint8_t *value, uint32_t i,
					    uint32_t cells, bool *overflow)
{
	if (cells != 2)
		return fdt_long_number(value, i, cells, overflow);
	return (uint64_t)fdt_cell(value, i) << 32 | fdt_cell(value, i + 1);
}

/* The u32 property `name`, or `otherwise` if absent or of another size. */
uint32_t fdt_u32(const struct fdt *fdt, fdt_node_t node, const char *name,
		 uint32_t otherwise);

/* The value as a string if it is exactly one terminated string, or NULL. */
const char *fdt_string(const struct fdt_prop *prop);

/* Whether a string list value holds `s`, which is of so many characters. */
bool fdt_list_holds(const struct fdt_prop *prop, const char *s, size_t length);

static inline bool fdt_list_has(const struct fdt_prop *prop, const char *s)
{
	size_t length = __builtin_strlen(s);

	return prop->size > length && fdt_list_holds(prop, s, length);
}

/* Whether the node's "compatible" holds `s`. */
static inline BOOT_ONLY bool fdt_compatible(const struct fdt *fdt,
					    fdt_node_t node, const char *s)
{
	struct fdt_prop prop;

	return fdt_noted_prop(fdt, fdt->node[node].compatible, &prop) &&
	       fdt_list_has(&prop, s);
}

/* Whether the node's "status" is absent, "okay" or "ok". */
bool fdt_enabled(const struct fdt *fdt, fdt_node_t node);

/* Memory reservation `i` < fdt->reserved_count. */
void fdt_reservation(const struct fdt *fdt, uint32_t i, uint64_t *address,
		     uint64_t *size);

/*
 * Writing: a tree grows in a buffer, tokens in order, and the names of
 * properties aside; fdt_finish() puts the strings block behind. What does not
 * fit, or comes out of order, sets `failed` and is left out; one check at the
 * end suffices.
 */
#define FDT_OWN_NAMES 64

struct fdt_writer {
	uint8_t *buffer;    /* 8-byte aligned */
	uint8_t *structure; /* the structure block */
	uint8_t *next;	    /* and its next free byte */
	uint32_t left;	    /* bytes from there on, a multiple of 4 */
	uint32_t reserved_count;
	uint32_t depth; /* nodes that are open */
	bool in_props;	/* one is, and has no child yet */
	bool failed;
	/* What the strings block begins with. */
	const char *names;
	uint32_t names_size;
	/* What follows: names that are not in there, each kept once. */
	uint32_t own_size;
	uint32_t own_count;
	uint16_t own_at[FDT_OWN_NAMES];
	char own[FDT_OWN_NAMES * 16];
};

/*
 * Begins a tree in `capacity` bytes at `buffer`, which is 8-byte aligned. The
 * `count` reservations follow with fdt_put_reservation(), i = 0 .. count - 1,
 * at any time; one that is left out ends the list.
 */
void fdt_begin(struct fdt_writer *w, void *buffer, size_t capacity,
	       uint32_t count);
void fdt_put_reservation(struct fdt_writer *w, uint32_t i, uint64_t address,
			 uint64_t size);

/*
 * Begins the strings block with `size` bytes of terminated names, which are
 * copied by fdt_finish(). Before the first property. A property whose name is
 * given as a pointer into them needs no search; of other names there may be
 * FDT_OWN_NAMES.
 */
void fdt_put_names(struct fdt_writer *w, const char *names, uint32_t size);

/*
 * A block of names for fdt_put_names(): those of the properties of a VM's
 * devices.
 */
#define FDT_NAMES(X)                                    \
	X(address_cells, "#address-cells")              \
	X(always_on, "always-on")                       \
	X(bootargs, "bootargs")                         \
	X(clock_cells, "#clock-cells")                  \
	X(clock_frequency, "clock-frequency")           \
	X(clock_names, "clock-names")                   \
	X(clock_output_names, "clock-output-names")     \
	X(clocks, "clocks")                             \
	X(compatible, "compatible")                     \
	X(device_type, "device_type")                   \
	X(enable_method, "enable-method")               \
	X(initrd_end, "linux,initrd-end")               \
	X(initrd_start, "linux,initrd-start")           \
	X(interrupt_cells, "#interrupt-cells")          \
	X(interrupt_controller, "interrupt-controller") \
	X(interrupt_parent, "interrupt-parent")         \
	X(interrupts, "interrupts")                     \
	X(method, "method")                             \
	X(model, "model")                               \
	X(phandle, "phandle")                           \
	X(reg, "reg")                                   \
	X(serial0, "serial0")                           \
	X(size_cells, "#size-cells")                    \
	X(stdout_path, "stdout-path")

struct fdt_names {
#define NAME(member, name) char member[sizeof(name)];
	FDT_NAMES(NAME)
#undef NAME
};

extern const struct fdt_names fdt_names;

/* Begins a node whose name has `length` characters. */
void fdt_put_named(struct fdt_writer *w, const char *name, size_t length);

/* Begins a node inside the one that is open; the first is the root, "". */
static inline BOOT_ONLY void fdt_put_node(struct fdt_writer *w,
					  const char *name)
{
	fdt_put_named(w, name, __builtin_strlen(name));
}

/* Begins a node with a unit address: "name@40000000". */
void fdt_put_unit(struct fdt_writer *w, const char *name, uint64_t address);

/* Ends the node that is open. */
void fdt_put_end(struct fdt_writer *w);

/*
 * Adds a property to the node that is open, before its first child. `value` is
 * copied as it is and must not lie in the writer's buffer; NULL if `size` is 0.
 */
void fdt_put_prop(struct fdt_writer *w, const char *name, const void *value,
		  uint32_t size);

/*
 * Adds `size` bytes of whole tokens of a tree whose names were given, after
 * which `depth` nodes are open, the last of them without a child.
 */
void fdt_put_tokens(struct fdt_writer *w, const void *tokens, uint32_t size,
		    uint32_t depth);

/* Adds a number of one cell, of two cells, a string. */
void fdt_put_u32(struct fdt_writer *w, const char *name, uint32_t value);
void fdt_put_u64(struct fdt_writer *w, const char *name, uint64_t value);

static inline BOOT_ONLY void fdt_put_string(struct fdt_writer *w,
					    const char *name, const char *s)
{
	fdt_put_prop(w, name, s, (uint32_t)__builtin_strlen(s) + 1);
}

/* Adds `count` cells, given in host order. */
void fdt_put_cells(struct fdt_writer *w, const char *name,
		   const uint32_t *cells, uint32_t count);

/*
 * Ends the tree: its total size in bytes, or 0 if it did not fit or nodes do
 * not end as they begin. What it returns a size for passes fdt_open().
 */
uint32_t fdt_finish(struct fdt_writer *w, uint32_t boot_cpuid_phys);

#endif
