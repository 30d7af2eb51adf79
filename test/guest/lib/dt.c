/* SPDX-License-Identifier: BSD-3-Clause */
#include "console.h"
#include "dt.h"
#include "string.h"

#define MAGIC 0xd00dfeed
#define BEGIN_NODE 1
#define END_NODE 2
#define PROP 3
#define NOP 4

/* The words of the header that are used here. */
enum { HEADER_MAGIC, HEADER_SIZE, HEADER_STRUCT, HEADER_STRINGS };

static const uint32_t *tree;

static uint32_t be32(const uint32_t *p)
{
	return __builtin_bswap32(*p);
}

void dt_init(const void *blob)
{
	tree = blob;
	if (be32(tree) != MAGIC)
		panic("no device tree at 0x%lx", (uintptr_t)blob);
}

uintptr_t dt_address(void)
{
	return (uintptr_t)tree;
}

uint32_t dt_size(void)
{
	return be32(&tree[HEADER_SIZE]);
}

const char *dt_name(const uint32_t *node)
{
	return (const char *)(node + 1);
}

/* The first token after the one at `p`. */
static const uint32_t *skip(const uint32_t *p)
{
	switch (be32(p)) {
	case BEGIN_NODE:
		return p + 1 + strlen(dt_name(p)) / 4 + 1;
	case PROP:
		return p + 3 + (be32(p + 1) + 3) / 4;
	default:
		return p + 1;
	}
}

static unsigned int not_zero(const char *from, const char *to)
{
	unsigned int n = 0;

	for (; from < to; from++)
		n += *from != 0;
	return n;
}

unsigned int dt_padding(void)
{
	const uint32_t *p = tree + be32(&tree[HEADER_STRUCT]) / 4;
	const uint32_t *end = tree + be32(&tree[HEADER_STRINGS]) / 4;
	unsigned int n = 0;

	for (; p < end; p = skip(p)) {
		const char *from = (const char *)p;

		if (be32(p) == BEGIN_NODE)
			from = dt_name(p) + strlen(dt_name(p));
		else if (be32(p) == PROP)
			from = (const char *)(p + 3) + be32(p + 1);
		else
			continue;
		n += not_zero(from, (const char *)skip(p));
	}
	return n;
}

/* The first token at or behind `p` that is a node's begin or end. */
static const uint32_t *node_token(const uint32_t *p)
{
	while (be32(p) == PROP || be32(p) == NOP)
		p = skip(p);
	return p;
}

const uint32_t *dt_child(const uint32_t *node)
{
	const uint32_t *p = node_token(skip(node));

	return be32(p) == BEGIN_NODE ? p : NULL;
}

const uint32_t *dt_sibling(const uint32_t *node)
{
	const uint32_t *p = node;
	unsigned int depth = 0;

	do {
		if (be32(p) == BEGIN_NODE)
			depth++;
		else if (be32(p) == END_NODE)
			depth--;
		p = skip(p);
	} while (depth);
	p = node_token(p);
	return be32(p) == BEGIN_NODE ? p : NULL;
}

static bool name_matches(const char *name, const char *wanted, size_t size)
{
	if (strncmp(name, wanted, size))
		return false;
	return !name[size] || name[size] == '@';
}

static size_t component(const char *path)
{
	size_t n = 0;

	while (path[n] && path[n] != '/' && path[n] != ':')
		n++;
	return n;
}

const uint32_t *dt_node(const char *path)
{
	const uint32_t *node = tree + be32(&tree[HEADER_STRUCT]) / 4;

	while (node && *path == '/' && path[1]) {
		size_t size = component(++path);

		node = dt_child(node);
		while (node && !name_matches(dt_name(node), path, size))
			node = dt_sibling(node);
		path += size;
	}
	return node;
}

const void *dt_property(const uint32_t *node, const char *name, uint32_t *len)
{
	const char *strings = (const char *)tree + be32(&tree[HEADER_STRINGS]);
	const uint32_t *p;

	for (p = skip(node); be32(p) == PROP || be32(p) == NOP; p = skip(p)) {
		if (be32(p) == NOP || strcmp(strings + be32(p + 2), name))
			continue;
		if (len)
			*len = be32(p + 1);
		return p + 3;
	}
	return NULL;
}

const char *dt_string(const uint32_t *node, const char *name)
{
	return dt_property(node, name, NULL);
}

uint32_t dt_cell(const void *value, unsigned int index)
{
	return be32((const uint32_t *)value + index);
}

static uint64_t cells(const uint32_t *p, unsigned int count)
{
	uint64_t v = 0;

	while (count--)
		v = v << 32 | be32(p++);
	return v;
}

bool dt_number(const uint32_t *node, const char *name, uint64_t *value)
{
	uint32_t len;
	const void *p = dt_property(node, name, &len);

	if (!p || (len != 4 && len != 8))
		return false;
	*value = cells(p, len / 4);
	return true;
}

bool dt_compatible(const uint32_t *node, const char *name)
{
	uint32_t len = 0;
	const char *s = dt_property(node, "compatible", &len);
	const char *end = s + len;

	for (; s < end; s += strlen(s) + 1) {
		if (!strcmp(s, name))
			return true;
	}
	return false;
}

bool dt_reg(const uint32_t *node, unsigned int index, uint64_t *base,
	    uint64_t *size)
{
	const uint32_t *root = dt_node("/");
	uint64_t na = 2;
	uint64_t ns = 1;
	uint32_t len;
	const uint32_t *p = dt_property(node, "reg", &len);

	dt_number(root, "#address-cells", &na);
	dt_number(root, "#size-cells", &ns);
	if (!p || len / 4 < (index + 1) * (na + ns))
		return false;
	p += index * (na + ns);
	*base = cells(p, (unsigned int)na);
	if (size)
		*size = cells(p + na, (unsigned int)ns);
	return true;
}

bool dt_window(const uint32_t *node, unsigned int index, uint64_t *base,
	       uint64_t *size)
{
	const char *type = dt_string(node, "device_type");
	uint64_t na = 2, child = 0, sizes = 0;
	uint32_t len;
	const uint32_t *p = dt_property(node, "ranges", &len);

	dt_number(dt_node("/"), "#address-cells", &na);
	dt_number(node, "#address-cells", &child);
	dt_number(node, "#size-cells", &sizes);
	if (!p || !type || strcmp(type, "pci") ||
	    len / 4 < (index + 1) * (child + na + sizes))
		return false;
	p += index * (child + na + sizes);
	*base = cells(p + child, (unsigned int)na);
	*size = cells(p + child + na, (unsigned int)sizes);
	return true;
}

static bool is_memory(const uint32_t *node)
{
	const char *type = dt_string(node, "device_type");

	return type && !strcmp(type, "memory");
}

unsigned int dt_memory(uint64_t *base, uint64_t *size)
{
	unsigned int count = 0;
	const uint32_t *node;

	for (node = dt_child(dt_node("/")); node; node = dt_sibling(node)) {
		uint64_t b;
		uint64_t s;
		unsigned int i;

		for (i = 0; is_memory(node) && dt_reg(node, i, &b, &s); i++) {
			if (!count++) {
				*base = b;
				*size = s;
			}
		}
	}
	return count;
}

bool dt_bootarg(const char *name, char *to, size_t size)
{
	const uint32_t *chosen = dt_node("/chosen");
	const char *args = chosen ? dt_string(chosen, "bootargs") : NULL;
	size_t n = strlen(name);

	*to = 0;
	for (; args && *args; args++) {
		if (strncmp(args, name, n) || args[n] != '=')
			continue;
		for (args += n + 1; size > 1 && *args && *args != ' '; size--)
			*to++ = *args++;
		*to = 0;
		return true;
	}
	return false;
}
