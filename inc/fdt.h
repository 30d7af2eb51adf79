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

/* A token of the structure block, in the order in which they lie there. */
enum fdt_tag { FDT_TAG_BEGIN, FDT_TAG_END, FDT_TAG_PROP, FDT_TAG_DONE };

struct fdt_token {
	enum fdt_tag tag;
	const char *name; /* of the node (BEGIN) or the property (PROP) */
	struct fdt_prop prop;
	fdt_node_t node; /* BEGIN: this node */
	uint32_t next;	 /* offset at which the token after this one begins */
	uint32_t begun;	 /* nodes that began by then */
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

/*
 * Reads the token after *t: that of the root's BEGIN if *t is all 0. NOPs are
 * passed over. Only PROP sets t->prop; t->node is FDT_NO_NODE but for BEGIN.
 */
void fdt_token(const struct fdt *fdt, struct fdt_token *t);

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

/* Offset in the structure of what follows the properties of a node. */
uint32_t fdt_props_end(const struct fdt *fdt, fdt_node_t node);

/* The property at an offset in the structure: token, size, name, value. */
static inline BOOT_ONLY void fdt_prop_at(const struct fdt *fdt, uint32_t at,
					 struct fdt_prop *prop)
{
	const uint8_t *p = fdt->structure + at;

	prop->size = fdt_cell(p, 1);
	prop->name = fdt->strings + fdt_cell(p, 2);
	prop->value = p + 12;
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
 * Writing: a tree grows in a buffer, tokens in order, names of properties in a
 * strings block that grows down from the buffer's end; fdt_finish() closes up
 * the two. What does not fit, or comes out of order, sets `failed` and is left
 * out; one check at the end suffices.
 */
#define FDT_NAME_SLOTS 128

struct fdt_writer {
	uint8_t *buffer;    /* 8-byte aligned */
	uint32_t capacity;  /* bytes */
	uint32_t at;	    /* next free byte of the structure block */
	uint32_t structure; /* offset of the structure block */
	uint32_t strings;   /* offset of the lowest byte of the strings */
	uint32_t reserved_count;
	uint32_t depth; /* nodes that are open */
	bool in_props;	/* the open node has no child yet */
	bool failed;
	/*
	 * Offsets from the buffer's end of names seen so far, by hash, so that
	 * a name is kept once; 0: free. A name that finds no slot is kept
	 * again.
	 */
	uint32_t name[FDT_NAME_SLOTS];
	const struct fdt *source; /* whose names are all kept, or NULL */
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
 * Takes over all names of properties of a tree, from which properties will be
 * copied; before the first one.
 */
void fdt_put_names(struct fdt_writer *w, const struct fdt *source);

/* Begins a node inside the one that is open; the first is the root, "". */
void fdt_put_node(struct fdt_writer *w, const char *name);

/* Ends the node that is open. */
void fdt_put_end(struct fdt_writer *w);

/*
 * Adds a property to the node that is open, before its first child. `value` is
 * copied as it is and must not lie in the writer's buffer; NULL if `size` is 0.
 */
void fdt_put_prop(struct fdt_writer *w, const char *name, const void *value,
		  uint32_t size);

/* Adds all properties of a node of fdt_put_names()'s tree as they are there. */
void fdt_put_props(struct fdt_writer *w, fdt_node_t node);

/* Adds a number of one cell, of two cells, a string. */
void fdt_put_u32(struct fdt_writer *w, const char *name, uint32_t value);
void fdt_put_u64(struct fdt_writer *w, const char *name, uint64_t value);
void fdt_put_string(struct fdt_writer *w, const char *name, const char *s);

/* Adds `count` cells, given in host order. */
void fdt_put_cells(struct fdt_writer *w, const char *name,
		   const uint32_t *cells, uint32_t count);

/*
 * Ends the tree: its total size in bytes, or 0 if it did not fit or nodes do
 * not end as they begin. What it returns a size for passes fdt_open().
 */
uint32_t fdt_finish(struct fdt_writer *w, uint32_t boot_cpuid_phys);

#endif
