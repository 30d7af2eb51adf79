/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing flattened device trees (Devicetree Specification v0.4, chapter 5),
 * version 17. The structure block grows up, the strings grow down from the
 * end of the buffer.
 */
#include "fdt.h"
#include "string.h"

#define MAGIC 0xd00dfeed
#define VERSION 17
#define COMPATIBLE_VERSION 16

#define BEGIN_NODE 1
#define END_NODE 2
#define PROP 3
#define END 9

#define CELL 4u
#define RESERVATION 16u
#define HEADER_CELLS 10
#define HEADER_SIZE (HEADER_CELLS * CELL)

/* Slots that are looked at for a name. */
#define PROBES 8

/*
 * Of a property whose name is given as an offset from the buffer's end; those
 * copied from the source have their offset there.
 */
#define FROM_END (1u << 31)

/* A cell of the tree: 4-byte aligned, of any type, big-endian. */
typedef uint32_t __attribute__((__may_alias__)) cell_t;

static uint32_t load_be32(const uint8_t *from)
{
	return __builtin_bswap32(*(const cell_t *)from);
}

static void store_be32(uint8_t *to, uint32_t value)
{
	*(cell_t *)to = __builtin_bswap32(value);
}

static void store_be64(uint8_t *to, uint64_t value)
{
	store_be32(to, (uint32_t)(value >> 32));
	store_be32(to + CELL, (uint32_t)value);
}

/*
 * Takes `size` bytes, rounded up to cells, of the structure block; the bytes
 * added are zero. NULL, and the tree has failed, if they are not free.
 */
static uint8_t *take(struct fdt_writer *w, size_t size)
{
	size_t left = w->strings - w->at;
	uint8_t *p = w->buffer + w->at;

	if (w->failed || size > left || ((size + 3) & ~(size_t)3) > left) {
		w->failed = true;
		return NULL;
	}
	for (; size % CELL != 0; size++)
		p[size] = 0;
	w->at += (uint32_t)size;
	return p;
}

void fdt_begin(struct fdt_writer *w, void *buffer, size_t capacity,
	       uint32_t count)
{
	uint8_t *map;

	memset(w, 0, sizeof(*w));
	if (capacity > FDT_MAX_SIZE)
		capacity = FDT_MAX_SIZE;
	w->buffer = buffer;
	/* Whole cells, so that the strings begin where a cell may end. */
	w->capacity = (uint32_t)capacity & ~3u;
	w->strings = w->capacity;
	w->reserved_count = count;
	take(w, HEADER_SIZE);
	map = take(w, ((size_t)count + 1) * RESERVATION);
	if (map != NULL)
		memset(map, 0, ((size_t)count + 1) * RESERVATION);
	w->structure = w->at;
}

void fdt_put_reservation(struct fdt_writer *w, uint32_t i, uint64_t address,
			 uint64_t size)
{
	uint8_t *r;

	if (w->failed || i >= w->reserved_count) {
		w->failed = true;
		return;
	}
	r = w->buffer + HEADER_SIZE + (size_t)i * RESERVATION;
	store_be64(r, address);
	store_be64(r + 8, size);
}

void fdt_put_node(struct fdt_writer *w, const char *name)
{
	bool root = w->at == w->structure;
	size_t length = strlen(name);
	uint8_t *p;

	/* One root without a name, and in it only nodes with one. */
	if (root != (w->depth == 0) || root != (length == 0) ||
	    w->depth == FDT_MAX_DEPTH)
		w->failed = true;
	p = take(w, CELL + length + 1);
	if (p == NULL)
		return;
	store_be32(p, BEGIN_NODE);
	memcpy(p + CELL, name, length + 1);
	w->depth++;
	w->in_props = true;
}

void fdt_put_end(struct fdt_writer *w)
{
	uint8_t *p;

	if (w->depth == 0)
		w->failed = true;
	p = take(w, CELL);
	if (p == NULL)
		return;
	store_be32(p, END_NODE);
	w->depth--;
	w->in_props = false;
}

static uint32_t hash(const char *name)
{
	uint32_t h = 0;

	for (; *name != '\0'; name++)
		h = h * 31 + (unsigned char)*name;
	return h;
}

/*
 * Adds a name to the strings; its offset from the buffer's end, or 0. Offsets
 * count from the end as the block's beginning still moves.
 */
static uint32_t add_name(struct fdt_writer *w, const char *name)
{
	size_t size = strlen(name) + 1;

	if (size == 1 || size > w->strings - w->at) {
		w->failed = true;
		return 0;
	}
	w->strings -= (uint32_t)size;
	memcpy(w->buffer + w->strings, name, size);
	return w->capacity - w->strings;
}

void fdt_put_names(struct fdt_writer *w, const struct fdt *source)
{
	uint32_t size = source->strings_size;

	if (w->strings != w->capacity || size > w->strings - w->at) {
		w->failed = true;
		return;
	}
	w->strings -= size;
	memcpy(w->buffer + w->strings, source->strings, size);
	w->source = source;
}

/* Finds or adds a name; its offset from the buffer's end, or 0. */
static uint32_t intern(struct fdt_writer *w, const char *name)
{
	const char *end = (const char *)w->buffer + w->capacity;
	uint32_t *slot;
	uint32_t h;

	/* One of the source's stands as far from the end as there. */
	if (w->source != NULL &&
	    (uintptr_t)name - (uintptr_t)w->source->strings <
		    w->source->strings_size)
		return (uint32_t)(w->source->strings + w->source->strings_size -
				  name);
	h = hash(name);
	for (uint32_t i = 0; i < PROBES; i++) {
		slot = &w->name[(h + i) % FDT_NAME_SLOTS];
		if (*slot == 0) {
			*slot = add_name(w, name);
			return *slot;
		}
		if (streq(end - *slot, name))
			return *slot;
	}
	return add_name(w, name);
}

/*
 * Adds a property and returns where its value of `size` bytes goes, or NULL.
 * Its name is kept as an offset from the buffer's end until fdt_finish().
 */
static uint8_t *put(struct fdt_writer *w, const char *name, size_t size)
{
	uint32_t string;
	uint8_t *p;

	if (w->depth == 0 || !w->in_props || size > w->capacity)
		w->failed = true;
	if (w->failed)
		return NULL;
	string = intern(w, name);
	p = take(w, 3 * CELL + size);
	if (p == NULL)
		return NULL;
	store_be32(p, PROP);
	store_be32(p + CELL, (uint32_t)size);
	store_be32(p + 2 * CELL, FROM_END | string);
	return p + 3 * CELL;
}

void fdt_put_prop(struct fdt_writer *w, const char *name, const void *value,
		  uint32_t size)
{
	const uint8_t *from = value;
	uint8_t *p = put(w, name, size);

	if (p == NULL)
		return;
	/* Values are short, as a rule. */
	if ((uintptr_t)from % CELL == 0)
		for (; size >= CELL; size -= CELL, from += CELL, p += CELL)
			*(cell_t *)p = *(const cell_t *)from;
	for (; size != 0; size--)
		*p++ = *from++;
}

void fdt_put_props(struct fdt_writer *w, fdt_node_t node)
{
	const struct fdt *source = w->source;
	uint32_t begin, size;
	uint8_t *p;

	if (w->depth == 0 || !w->in_props || source == NULL) {
		w->failed = true;
		return;
	}
	begin = source->node[node].props;
	size = fdt_props_end(source, node) - begin;
	p = take(w, size);
	if (p != NULL)
		memcpy(p, source->structure + begin, size);
}

void fdt_put_u32(struct fdt_writer *w, const char *name, uint32_t value)
{
	uint8_t *p = put(w, name, CELL);

	if (p != NULL)
		store_be32(p, value);
}

void fdt_put_u64(struct fdt_writer *w, const char *name, uint64_t value)
{
	uint8_t *p = put(w, name, 2 * CELL);

	if (p != NULL)
		store_be64(p, value);
}

void fdt_put_string(struct fdt_writer *w, const char *name, const char *s)
{
	size_t size = strlen(s) + 1;
	uint8_t *p = put(w, name, size);

	if (p != NULL)
		memcpy(p, s, size);
}

void fdt_put_cells(struct fdt_writer *w, const char *name,
		   const uint32_t *cells, uint32_t count)
{
	uint8_t *p = put(w, name, (size_t)count * CELL);

	if (p == NULL)
		return;
	for (uint32_t i = 0; i < count; i++)
		store_be32(p + (size_t)i * CELL, cells[i]);
}

/*
 * Gives every property the offset of its name in the strings block, now that
 * the block's size is known. The other tokens and names are passed over cell
 * by cell: no cell of a name is the number PROP, which begins with a zero byte
 * and ends with another.
 */
static void settle_names(struct fdt_writer *w)
{
	uint32_t total = w->capacity - w->strings;
	uint32_t source = w->source ? w->source->strings_size : 0;
	uint32_t at = w->structure;
	uint32_t name;
	uint8_t *p;

	while (at < w->at) {
		p = w->buffer + at;
		at += CELL;
		if (load_be32(p) != PROP)
			continue;
		name = load_be32(p + 2 * CELL);
		name = name & FROM_END ? total - (name & ~FROM_END)
				       : total - source + name;
		store_be32(p + 2 * CELL, name);
		at += 2 * CELL + ((load_be32(p + CELL) + 3) & ~3u);
	}
}

static void write_header(struct fdt_writer *w, uint32_t boot_cpuid_phys)
{
	uint32_t strings_size = w->capacity - w->strings;
	const uint32_t header[HEADER_CELLS] = {
		MAGIC,	      w->at + strings_size, w->structure,
		w->at,	     /* strings */
		HEADER_SIZE, /* memory reservations */
		VERSION,      COMPATIBLE_VERSION,   boot_cpuid_phys,
		strings_size, w->at - w->structure,
	};

	for (uint32_t i = 0; i < HEADER_CELLS; i++)
		store_be32(w->buffer + i * CELL, header[i]);
}

uint32_t fdt_finish(struct fdt_writer *w, uint32_t boot_cpuid_phys)
{
	uint32_t strings_size = w->capacity - w->strings;
	uint8_t *end;

	if (w->depth != 0 || w->at == w->structure)
		w->failed = true;
	end = take(w, CELL);
	if (end == NULL)
		return 0;
	store_be32(end, END);
	settle_names(w);
	write_header(w, boot_cpuid_phys);
	memmove(w->buffer + w->at, w->buffer + w->strings, strings_size);
	return w->at + strings_size;
}
