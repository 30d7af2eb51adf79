/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading flattened device trees (Devicetree Specification v0.4, chapter 5).
 * fdt_open() checks every token once, and notes where the nodes are, so that
 * the other functions neither check nor search. Nothing recurses.
 */
#include "fdt.h"
#include "string.h"

#define MAGIC 0xd00dfeed
#define FIRST_VERSION 16
#define LAST_VERSION 17

/* Offsets in the header. Version 16 ends before the structure's size. */
#define HEADER_MAGIC 0
#define HEADER_TOTALSIZE 4
#define HEADER_OFF_STRUCT 8
#define HEADER_OFF_STRINGS 12
#define HEADER_OFF_RESERVED 16
#define HEADER_VERSION 20
#define HEADER_LAST_COMPATIBLE 24
#define HEADER_BOOT_CPU 28
#define HEADER_SIZE_STRINGS 32
#define HEADER_SIZE_STRUCT 36
#define HEADER_SIZE_16 36
#define HEADER_SIZE_17 40

/* Tokens of the structure block. */
#define BEGIN_NODE 1
#define END_NODE 2
#define PROP 3
#define NOP 4
#define END 9

#define CELL 4u
#define PROP_HEADER FDT_PROP_HEADER
#define RESERVATION 16u

/* The 32-bit number at `p`, which is 4-byte aligned. */
static inline uint32_t be32(const void *p)
{
	return fdt_cell(p, 0);
}

static inline uint32_t align4(uint32_t n)
{
	return (n + 3) & ~3u;
}

uint32_t fdt_claimed_size(const void *blob)
{
	const uint8_t *b = blob;

	if ((uintptr_t)blob % CELL != 0 || be32(b + HEADER_MAGIC) != MAGIC)
		return 0;
	return be32(b + HEADER_TOTALSIZE);
}

/*
 * Length of the string at the cell-aligned `p`, or `limit` (a multiple of 4)
 * if none ends before it. Looks at a cell at a time, which is read as it lies
 * there, its first byte lowest: subtracting one from each byte borrows through
 * the top bit of the first that is zero.
 */
static uint32_t name_length(const uint8_t *p, uint32_t limit)
{
	for (uint32_t n = 0; n < limit; n += CELL) {
		uint32_t cell = __builtin_bswap32(be32(p + n));
		uint32_t zeros = (cell - 0x01010101) & ~cell & 0x80808080;

		if (zeros != 0)
			return n + (uint32_t)__builtin_ctz(zeros) / 8;
	}
	return limit;
}

/* What fdt_open() knows while it walks the structure block. */
struct check {
	struct fdt *fdt;
	uint32_t at;	 /* offset of the next token */
	uint32_t limit;	 /* of the structure block, a multiple of 4 */
	uint32_t room;	 /* entries of nodes */
	uint32_t depth;	 /* nodes that are open */
	fdt_node_t node; /* the innermost of them */
	uint32_t compatible, device_type, reg; /* where the names last stood */
};

static const char *check_begin(struct check *c)
{
	const uint8_t *name = c->fdt->structure + c->at;
	uint32_t left = c->limit - c->at;
	uint32_t length = name_length(name, left);
	uint32_t count = c->fdt->node_count;
	struct fdt_entry *e;

	if (length == left)
		return "a node name has no end";
	if (c->depth == 0 && count != 0)
		return "there is a second root node";
	if (c->depth != 0 && length == 0)
		return "a node has no name";
	if (c->depth == FDT_MAX_DEPTH)
		return "nodes are nested too deeply";
	if (count == c->room)
		return "it has too many nodes";
	e = &c->fdt->node[count];
	e->begin = c->at - CELL;
	c->at += align4(length + 1);
	e->props = c->at;
	e->compatible = e->device_type = e->reg = 0;
	e->address_cells = e->size_cells = FDT_CELLS_UNKNOWN;
	e->kinds = 0;
	e->parent = (uint32_t)c->node & FDT_PARENT_MASK;
	e->depth = c->depth++;
	c->node = (fdt_node_t)count;
	c->fdt->node_count++;
	return NULL;
}

static const char *check_end(struct check *c)
{
	struct fdt_entry *e;

	if (c->depth == 0)
		return "a node ends that never began";
	e = &c->fdt->node[c->node];
	e->end = c->fdt->node_count;
	c->node = (fdt_node_t)e->parent;
	c->depth--;
	return NULL;
}

static void note_cells(uint8_t *to, uint32_t cells)
{
	if (*to == FDT_CELLS_UNKNOWN)
		*to = (uint8_t)(cells < FDT_CELLS_MANY ? cells
						       : FDT_CELLS_MANY);
}

/*
 * Whether the name at offset `name` of the strings is `wanted`. As a rule a
 * name stands there once: *known is where it was found last.
 */
static bool is_named(const struct fdt *fdt, uint32_t name, uint32_t *known,
		     const char *wanted)
{
	if (name != *known && streq(fdt->strings + name, wanted))
		*known = name;
	return name == *known;
}

/* The bits of the names of what is noted of a node. */
#define NOTED                                                           \
	(fdt_name_bit("#address-cells") | fdt_name_bit("#size-cells") | \
	 fdt_name_bit("compatible") | fdt_name_bit("reg") |             \
	 fdt_name_bit("device_type"))

static void note_place(uint32_t *to, uint32_t at)
{
	if (*to == 0)
		*to = at;
}

/*
 * Notes the property at offset `at`, whose name is at offset `name` of the
 * strings, if it is of those that are asked for most; the first counts.
 */
static void note_prop(struct check *c, struct fdt_entry *e, uint32_t at,
		      uint32_t name)
{
	const struct fdt *fdt = c->fdt;
	const uint8_t *p = fdt->structure + at;
	const char *s = fdt->strings + name;

	if (is_named(fdt, name, &c->reg, "reg"))
		note_place(&e->reg, at);
	else if (is_named(fdt, name, &c->compatible, "compatible"))
		note_place(&e->compatible, at);
	else if (is_named(fdt, name, &c->device_type, "device_type"))
		note_place(&e->device_type, at);
	else if (be32(p + CELL) == CELL && streq(s, "#address-cells"))
		note_cells(&e->address_cells, be32(p + PROP_HEADER));
	else if (be32(p + CELL) == CELL && streq(s, "#size-cells"))
		note_cells(&e->size_cells, be32(p + PROP_HEADER));
}

/* The properties of the node that has just begun: all come before a child. */
static const char *check_props(struct check *c)
{
	const uint8_t *structure = c->fdt->structure;
	const char *strings = c->fdt->strings;
	const uint32_t strings_size = c->fdt->strings_size, limit = c->limit;
	struct fdt_entry *e = &c->fdt->node[c->node];
	uint32_t at = c->at, names = 0;

	while (at != limit) {
		const uint8_t *p = structure + at;
		uint32_t token = be32(p), size, name, bit;

		if (token == NOP) {
			at += CELL;
			continue;
		}
		if (token != PROP)
			break;
		if (limit - at < PROP_HEADER)
			return "a property is cut off";
		size = be32(p + CELL);
		name = be32(p + 2 * CELL);
		/* `limit` is a multiple of 4: padding fits if the value does.
		 */
		if (size > limit - at - PROP_HEADER)
			return "a property value is longer than its tree";
		/* The strings end in a zero: any offset in it is a string. */
		if (name >= strings_size || strings[name] == '\0')
			return "a property has no name";
		bit = fdt_name_bit(strings + name);
		names |= bit;
		if ((bit & NOTED) != 0)
			note_prop(c, e, at, name);
		at += align4(PROP_HEADER + size);
	}
	e->names = names;
	c->at = at;
	return NULL;
}

static const char *check_token(struct check *c, uint32_t token)
{
	const char *error;

	switch (token) {
	case BEGIN_NODE:
		error = check_begin(c);
		return error != NULL ? error : check_props(c);
	case END_NODE:
		return check_end(c);
	case PROP:
		return "a property is outside of a node or after a child node";
	case NOP:
		return NULL;
	default:
		return "there is an unknown token in its structure";
	}
}

/*
 * Walks the whole structure block of at most `limit` bytes. It is made to begin
 * at the root, so that this is at offset 0.
 */
static const char *check_structure(struct fdt *fdt, uint32_t limit,
				   uint32_t room)
{
	struct check c = {
		.fdt = fdt,
		.limit = limit & ~3u,
		.room = room,
		.compatible = fdt->strings_size,
		.device_type = fdt->strings_size,
		.reg = fdt->strings_size,
	};
	const char *error;
	uint32_t token;

	for (; c.limit != 0 && be32(fdt->structure) == NOP; c.limit -= CELL)
		fdt->structure += CELL;
	for (;;) {
		if (c.at == c.limit)
			return "its structure has no end";
		token = be32(fdt->structure + c.at);
		c.at += CELL;
		if (token == END)
			break;
		error = check_token(&c, token);
		if (error != NULL)
			return error;
	}
	if (fdt->node_count == 0 || c.depth != 0)
		return c.depth != 0 ? "a node has no end" : "it has no node";
	fdt->structure_size = c.at;
	return NULL;
}

/* Counts the memory reservations, which end in an empty one. */
static const char *check_reserved(struct fdt *fdt, uint32_t offset)
{
	uint32_t limit, n;

	if (offset % 8 != 0 || offset > fdt->totalsize)
		return "its memory reservations are out of place";
	limit = (fdt->totalsize - offset) / RESERVATION;
	fdt->reserved = fdt->blob + offset;
	for (n = 0; n < limit; n++) {
		const uint8_t *r = fdt->reserved + n * RESERVATION;

		if ((be32(r) | be32(r + 4) | be32(r + 8) | be32(r + 12)) == 0)
			break;
	}
	if (n == limit)
		return "its memory reservations have no end";
	fdt->reserved_count = n;
	return NULL;
}

static const char *check_strings(struct fdt *fdt, uint32_t offset,
				 uint32_t size)
{
	if (offset > fdt->totalsize || size > fdt->totalsize - offset)
		return "its strings are outside of it";
	fdt->strings = (const char *)fdt->blob + offset;
	fdt->strings_size = size;
	if (size != 0 && fdt->strings[size - 1] != '\0')
		return "its strings have no end";
	return NULL;
}

/* Checks what the header says of itself; `size` is what there is to read. */
static const char *check_header(struct fdt *fdt, size_t size)
{
	const uint8_t *b = fdt->blob;

	if ((uintptr_t)b % CELL != 0)
		return "it is not at a multiple of 4";
	if (size < HEADER_SIZE_17)
		return "it is too short";
	if (be32(b + HEADER_MAGIC) != MAGIC)
		return "it is not a device tree";
	fdt->totalsize = be32(b + HEADER_TOTALSIZE);
	if (fdt->totalsize < HEADER_SIZE_17)
		return "its header gives too small a size";
	if (fdt->totalsize > size)
		return "it is cut off";
	if (fdt->totalsize > FDT_MAX_SIZE)
		return "it is too large";
	if (be32(b + HEADER_VERSION) < FIRST_VERSION ||
	    be32(b + HEADER_LAST_COMPATIBLE) > LAST_VERSION)
		return "its version is not 16 or 17";
	fdt->boot_cpuid_phys = be32(b + HEADER_BOOT_CPU);
	return NULL;
}

/* Finds the structure block and its longest possible size. */
static const char *find_structure(struct fdt *fdt, uint32_t *limit)
{
	const uint8_t *b = fdt->blob;
	uint32_t offset = be32(b + HEADER_OFF_STRUCT);

	if (offset % CELL != 0 || offset > fdt->totalsize)
		return "its structure is out of place";
	fdt->structure = b + offset;
	*limit = fdt->totalsize - offset;
	if (be32(b + HEADER_VERSION) == FIRST_VERSION)
		return NULL;
	if (be32(b + HEADER_SIZE_STRUCT) > *limit)
		return "its structure is outside of it";
	*limit = be32(b + HEADER_SIZE_STRUCT);
	return NULL;
}

const char *fdt_open(struct fdt *fdt, const void *blob, size_t size,
		     struct fdt_entry *node, uint32_t room)
{
	const uint8_t *b = blob;
	const char *error;
	uint32_t limit = 0;

	memset(fdt, 0, sizeof(*fdt));
	fdt->blob = b;
	fdt->node = node;
	error = check_header(fdt, size);
	if (error == NULL)
		error = check_reserved(fdt, be32(b + HEADER_OFF_RESERVED));
	if (error == NULL)
		error = check_strings(fdt, be32(b + HEADER_OFF_STRINGS),
				      be32(b + HEADER_SIZE_STRINGS));
	if (error == NULL)
		error = find_structure(fdt, &limit);
	if (error == NULL)
		error = check_structure(fdt, limit, room);
	return error;
}

uint32_t fdt_used_size(const struct fdt *fdt)
{
	const uint8_t *ends[] = {
		fdt->structure + fdt->structure_size,
		(const uint8_t *)fdt->strings + fdt->strings_size,
		fdt->reserved + (fdt->reserved_count + 1) * RESERVATION,
	};
	uint32_t size = HEADER_SIZE_17;

	for (unsigned int i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (ends[i] > fdt->blob + size)
			size = (uint32_t)(ends[i] - fdt->blob);
	return size;
}

/* Reads the property at offset `at`; the offset behind it. */
static inline uint32_t read_prop(const struct fdt *fdt, uint32_t at,
				 struct fdt_prop *prop)
{
	fdt_prop_at(fdt, at, prop);
	return at + PROP_HEADER + align4(prop->size);
}

/* Offset of the first token at or after `at` that is not a NOP. */
static inline uint32_t skip_nops(const struct fdt *fdt, uint32_t at)
{
	while (be32(fdt->structure + at) == NOP)
		at += CELL;
	return at;
}

/* Offset of what follows the properties of a node. */
static uint32_t props_end(const struct fdt *fdt, fdt_node_t node)
{
	uint32_t at = skip_nops(fdt, fdt->node[node].props);

	while (be32(fdt->structure + at) == PROP) {
		at += PROP_HEADER + align4(be32(fdt->structure + at + CELL));
		at = skip_nops(fdt, at);
	}
	return at;
}

uint32_t fdt_node_end(const struct fdt *fdt, fdt_node_t node)
{
	fdt_node_t last = (fdt_node_t)fdt->node[node].end - 1;
	uint32_t at = props_end(fdt, last);

	/* Behind its last property come ends alone: its own, and on to ours. */
	for (uint32_t depth = fdt->node[last].depth;; depth--) {
		at = skip_nops(fdt, at) + CELL;
		if (depth == fdt->node[node].depth)
			return at;
	}
}

/* Whether `name` is the `length` bytes at `wanted`, unit address aside. */
static bool name_matches(const char *name, const char *wanted, size_t length)
{
	if (strncmp(name, wanted, length) != 0)
		return false;
	if (name[length] == '\0')
		return true;
	return name[length] == '@' && memchr(wanted, '@', length) == NULL;
}

static fdt_node_t find_child(const struct fdt *fdt, fdt_node_t node,
			     const char *wanted, size_t length)
{
	const struct fdt_entry *e = fdt->node;
	const uint8_t *names = fdt->structure + CELL;
	uint32_t end = e[node].end;
	const char first = *wanted;

	/* Most differ in the first letter. */
	for (uint32_t n = (uint32_t)node + 1; n < end; n = e[n].end) {
		const char *name = (const char *)names + e[n].begin;

		if (*name == first && name_matches(name, wanted, length))
			return (fdt_node_t)n;
	}
	return FDT_NO_NODE;
}

fdt_node_t fdt_child(const struct fdt *fdt, fdt_node_t node, const char *name)
{
	return find_child(fdt, node, name, strlen(name));
}

/* Length of the first part of a path: up to '/', ':' or the end. */
static size_t part_length(const char *path)
{
	size_t n = 0;

	while (path[n] != '\0' && path[n] != '/' && path[n] != ':')
		n++;
	return n;
}

/* The node at `path`, relative to `node`. */
static fdt_node_t walk(const struct fdt *fdt, fdt_node_t node, const char *path)
{
	size_t length;

	while (node != FDT_NO_NODE) {
		while (*path == '/')
			path++;
		length = part_length(path);
		if (length == 0)
			break;
		node = find_child(fdt, node, path, length);
		path += length;
	}
	return node;
}

/* The absolute path that /aliases gives for the first part of `path`. */
static const char *find_alias(const struct fdt *fdt, const char *path)
{
	fdt_node_t aliases = fdt_child(fdt, fdt_root(fdt), "aliases");
	size_t length = part_length(path);
	struct fdt_prop prop;
	uint32_t at = 0;

	if (aliases == FDT_NO_NODE)
		return NULL;
	while (fdt_each_prop(fdt, aliases, &at, &prop)) {
		if (strncmp(prop.name, path, length) == 0 &&
		    prop.name[length] == '\0')
			return fdt_string(&prop);
	}
	return NULL;
}

fdt_node_t fdt_path(const struct fdt *fdt, const char *path)
{
	const char *start;
	fdt_node_t node;

	if (*path == '/')
		return walk(fdt, fdt_root(fdt), path);
	start = find_alias(fdt, path);
	if (start == NULL || *start != '/')
		return FDT_NO_NODE;
	node = walk(fdt, fdt_root(fdt), start);
	return walk(fdt, node, path + part_length(path));
}

fdt_node_t fdt_by_phandle(const struct fdt *fdt, uint32_t phandle)
{
	struct fdt_prop prop;

	for (uint32_t n = 0; n < fdt->node_count; n++)
		if (fdt_may_have(fdt, (fdt_node_t)n, "phandle") &&
		    fdt_prop(fdt, (fdt_node_t)n, "phandle", &prop) &&
		    prop.size == CELL && be32(prop.value) == phandle)
			return (fdt_node_t)n;
	return FDT_NO_NODE;
}

bool fdt_each_prop(const struct fdt *fdt, fdt_node_t node, uint32_t *at,
		   struct fdt_prop *prop)
{
	if (*at == 0)
		*at = fdt->node[node].props;
	*at = skip_nops(fdt, *at);
	if (be32(fdt->structure + *at) != PROP)
		return false;
	*at = read_prop(fdt, *at, prop);
	return true;
}

bool fdt_prop(const struct fdt *fdt, fdt_node_t node, const char *name,
	      struct fdt_prop *prop)
{
	const struct fdt_entry *e = &fdt->node[node];
	const uint8_t *p = fdt->structure + e->props;
	const char *strings = fdt->strings;

	/* Most of what is asked for is not there. */
	if ((e->names & fdt_name_bit(name)) == 0)
		p = fdt->structure + fdt->structure_size - CELL;
	for (;;) {
		uint32_t token = be32(p);

		if (token == PROP) {
			if (streq(strings + be32(p + 2 * CELL), name))
				break;
			p += PROP_HEADER + align4(be32(p + CELL));
		} else if (token == NOP) {
			p += CELL;
		} else {
			*prop = (struct fdt_prop){.size = 0};
			return false;
		}
	}
	read_prop(fdt, (uint32_t)(p - fdt->structure), prop);
	return true;
}

uint64_t fdt_long_number(const uint8_t *value, uint32_t i, uint32_t cells,
			 bool *overflow)
{
	uint64_t n = 0;
	bool lost = false;

	for (; cells != 0; cells--, i++) {
		lost = lost || n >> 32 != 0;
		n = n << 32 | fdt_cell(value, i);
	}
	if (overflow != NULL && lost)
		*overflow = true;
	return n;
}

uint32_t fdt_u32(const struct fdt *fdt, fdt_node_t node, const char *name,
		 uint32_t otherwise)
{
	struct fdt_prop prop;

	if (!fdt_prop(fdt, node, name, &prop) || prop.size != CELL)
		return otherwise;
	return be32(prop.value);
}

const char *fdt_string(const struct fdt_prop *prop)
{
	const char *s = (const char *)prop->value;

	if (prop->size == 0 || strnlen(s, prop->size) != prop->size - 1)
		return NULL;
	return s;
}

bool fdt_list_holds(const struct fdt_prop *prop, const char *s, size_t length)
{
	const char *p = (const char *)prop->value;
	const char *end = p + prop->size;
	size_t n;

	while ((size_t)(end - p) > length) {
		for (n = 0; p + n != end && p[n] == s[n]; n++)
			if (p[n] == '\0')
				return true;
		/* On to the next string. */
		for (p += n; p != end && *p != '\0'; p++)
			;
		if (p != end)
			p++;
	}
	return false;
}

bool fdt_enabled(const struct fdt *fdt, fdt_node_t node)
{
	struct fdt_prop prop;

	if (!fdt_may_have(fdt, node, "status") ||
	    !fdt_prop(fdt, node, "status", &prop))
		return true;
	return fdt_list_has(&prop, "okay") || fdt_list_has(&prop, "ok");
}

void fdt_reservation(const struct fdt *fdt, uint32_t i, uint64_t *address,
		     uint64_t *size)
{
	const uint8_t *r = fdt->reserved + (size_t)i * RESERVATION;

	*address = fdt_number(r, 0, 2, NULL);
	*size = fdt_number(r, 2, 2, NULL);
}
