/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writing flattened device trees (Devicetree Specification v0.4, chapter 5),
 * version 17. The structure block grows in the buffer; the strings follow it
 * when it ends.
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

/* A cell of the tree: 4-byte aligned, of any type, big-endian. */
typedef uint32_t __attribute__((__may_alias__)) cell_t;

static void store_be32(uint8_t *to, uint32_t value)
{
	*(cell_t *)to = __builtin_bswap32(value);
}

static void store_be64(uint8_t *to, uint64_t value)
{
	store_be32(to, (uint32_t)(value >> 32));
	store_be32(to + CELL, (uint32_t)value);
}

/* The tree has failed: nothing is taken any more. */
static uint8_t *fail(struct fdt_writer *w)
{
	w->failed = true;
	w->left = 0;
	return NULL;
}

/*
 * Takes `size` bytes > 0, rounded up to cells, of the structure block; the
 * bytes added are zero. NULL, and the tree has failed, if they are not free.
 * What is left is whole cells: they fit if `size` does.
 */
static inline uint8_t *take(struct fdt_writer *w, size_t size)
{
	uint8_t *p = w->next;

	if (size > w->left)
		return fail(w);
	size = (size + 3) & ~(size_t)3;
	store_be32(p + size - CELL, 0);
	w->next = p + size;
	w->left -= (uint32_t)size;
	return p;
}

/* Copies `size` bytes to a cell; they are few, as a rule. */
static void copy(uint8_t *to, const void *value, size_t size)
{
	const uint8_t *from = value;

	if ((uintptr_t)from % CELL == 0)
		for (; size >= CELL; size -= CELL, from += CELL, to += CELL)
			*(cell_t *)to = *(const cell_t *)from;
	for (; size != 0; size--)
		*to++ = *from++;
}

void fdt_begin(struct fdt_writer *w, void *buffer, size_t capacity,
	       uint32_t count)
{
	uint8_t *map;

	memset(w, 0, offsetof(struct fdt_writer, own_at));
	if (capacity > FDT_MAX_SIZE)
		capacity = FDT_MAX_SIZE;
	w->names = w->own; /* none */
	w->buffer = w->next = buffer;
	w->left = (uint32_t)capacity & ~3u;
	w->reserved_count = count;
	take(w, HEADER_SIZE);
	map = take(w, ((size_t)count + 1) * RESERVATION);
	if (map != NULL)
		memset(map, 0, ((size_t)count + 1) * RESERVATION);
	w->structure = w->next;
}

void fdt_put_reservation(struct fdt_writer *w, uint32_t i, uint64_t address,
			 uint64_t size)
{
	uint8_t *r;

	if (w->failed || i >= w->reserved_count) {
		fail(w);
		return;
	}
	r = w->buffer + HEADER_SIZE + (size_t)i * RESERVATION;
	store_be64(r, address);
	store_be64(r + 8, size);
}

/* Begins a node and returns where its name of `length` bytes goes, or NULL. */
static uint8_t *begin_node(struct fdt_writer *w, size_t length)
{
	bool root = w->next == w->structure;
	uint8_t *p;

	/* One root without a name, and in it only nodes with one. */
	if (root != (w->depth == 0) || root != (length == 0) ||
	    w->depth == FDT_MAX_DEPTH)
		return fail(w);
	p = take(w, CELL + length + 1);
	if (p == NULL)
		return NULL;
	store_be32(p, BEGIN_NODE);
	w->depth++;
	w->in_props = true;
	return p + CELL;
}

void fdt_put_named(struct fdt_writer *w, const char *name, size_t length)
{
	uint8_t *p = begin_node(w, length);

	if (p != NULL)
		copy(p, name, length);
}

void fdt_put_unit(struct fdt_writer *w, const char *name, uint64_t address)
{
	int shift = (63 - __builtin_clzll(address | 1)) & ~3;
	size_t length = strlen(name);
	uint8_t *p = begin_node(w, length + 1 + (size_t)shift / 4 + 1);

	if (p == NULL)
		return;
	copy(p, name, length);
	p += length;
	*p++ = '@';
	for (; shift >= 0; shift -= 4)
		*p++ = (uint8_t) "0123456789abcdef"[address >> shift & 0xf];
}

void fdt_put_end(struct fdt_writer *w)
{
	uint8_t *p = w->depth != 0 ? take(w, CELL) : fail(w);

	if (p == NULL)
		return;
	store_be32(p, END_NODE);
	w->depth--;
	w->in_props = false;
}

const struct fdt_names fdt_names = {
#define NAME(member, name) .member = name,
	FDT_NAMES(NAME)
#undef NAME
};

void fdt_put_names(struct fdt_writer *w, const char *names, uint32_t size)
{
	if (w->names_size != 0 || w->own_count != 0)
		fail(w);
	w->names = names;
	w->names_size = size;
}

/* Finds or adds a name that fdt_put_names() did not give; its offset, or 0. */
static __attribute__((noinline)) uint32_t own_name(struct fdt_writer *w,
						   const char *name)
{
	uint32_t i;
	size_t size;

	for (i = 0; i < w->own_count; i++)
		if (streq(w->own + w->own_at[i], name))
			return w->names_size + w->own_at[i];
	size = strlen(name) + 1;
	if (size == 1 || i == FDT_OWN_NAMES ||
	    size > sizeof(w->own) - w->own_size) {
		fail(w);
		return 0;
	}
	memcpy(w->own + w->own_size, name, size);
	w->own_at[w->own_count++] = (uint16_t)w->own_size;
	w->own_size += (uint32_t)size;
	return w->names_size + w->own_at[i];
}

/* The offset of a name in the strings: one of those given has it by now. */
static inline uint32_t name_offset(struct fdt_writer *w, const char *name)
{
	uintptr_t offset = (uintptr_t)name - (uintptr_t)w->names;

	return offset < w->names_size ? (uint32_t)offset : own_name(w, name);
}

/* Adds a property and returns where its value of `size` bytes goes, or NULL. */
static inline uint8_t *put(struct fdt_writer *w, const char *name, size_t size)
{
	uint8_t *p = w->in_props ? take(w, 3 * CELL + size) : fail(w);

	if (p == NULL)
		return NULL;
	store_be32(p, PROP);
	store_be32(p + CELL, (uint32_t)size);
	store_be32(p + 2 * CELL, name_offset(w, name));
	return p + 3 * CELL;
}

void fdt_put_prop(struct fdt_writer *w, const char *name, const void *value,
		  uint32_t size)
{
	uint8_t *p = put(w, name, size);

	if (p != NULL)
		copy(p, value, size);
}

void fdt_put_tokens(struct fdt_writer *w, const void *tokens, uint32_t size,
		    uint32_t depth)
{
	uint8_t *p = size != 0 ? take(w, size) : NULL;

	if (p != NULL)
		memcpy(p, tokens, size);
	w->depth = depth;
	w->in_props = depth != 0;
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

void fdt_put_cells(struct fdt_writer *w, const char *name,
		   const uint32_t *cells, uint32_t count)
{
	uint8_t *p = put(w, name, (size_t)count * CELL);

	if (p == NULL)
		return;
	for (uint32_t i = 0; i < count; i++)
		store_be32(p + (size_t)i * CELL, cells[i]);
}

static void write_header(struct fdt_writer *w, uint32_t strings_size,
			 uint32_t boot_cpuid_phys)
{
	uint32_t structure = (uint32_t)(w->structure - w->buffer);
	uint32_t strings = (uint32_t)(w->next - w->buffer);
	const uint32_t header[HEADER_CELLS] = {
		MAGIC,
		strings + strings_size,
		structure,
		strings,
		HEADER_SIZE, /* memory reservations */
		VERSION,
		COMPATIBLE_VERSION,
		boot_cpuid_phys,
		strings_size,
		strings - structure,
	};

	for (uint32_t i = 0; i < HEADER_CELLS; i++)
		store_be32(w->buffer + i * CELL, header[i]);
}

uint32_t fdt_finish(struct fdt_writer *w, uint32_t boot_cpuid_phys)
{
	size_t strings_size = (size_t)w->names_size + w->own_size;
	bool ended = w->depth == 0 && w->next != w->structure;
	uint8_t *p = ended ? take(w, CELL) : fail(w);

	if (p == NULL || strings_size > w->left)
		return 0;
	store_be32(p, END);
	write_header(w, (uint32_t)strings_size, boot_cpuid_phys);
	memcpy(w->next, w->names, w->names_size);
	memcpy(w->next + w->names_size, w->own, w->own_size);
	return (uint32_t)(w->next - w->buffer + strings_size);
}
