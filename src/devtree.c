/* SPDX-License-Identifier: BSD-3-Clause */
#include "devtree.h"

#include "string.h"
#include "types.h"

#define DEFAULT_ADDRESS_CELLS 2
#define DEFAULT_SIZE_CELLS 1

void devtree_begin(struct devtree_walk *w, const struct fdt *fdt)
{
	*w = (struct devtree_walk){.fdt = fdt, .node = FDT_NO_NODE};
}

bool devtree_next(struct devtree_walk *w, fdt_node_t *node)
{
	if ((uint32_t)(w->node + 1) == w->fdt->node_count)
		return false;
	w->node++;
	w->depth = w->fdt->node[w->node].depth;
	*node = w->node;
	return true;
}

fdt_node_t devtree_ancestor(const struct devtree_walk *w, uint32_t depth)
{
	fdt_node_t node = w->node;

	while (fdt_depth(w->fdt, node) > depth)
		node = fdt_parent(w->fdt, node);
	return node;
}

/* Cells of addresses and of sizes of the children of a node. */
struct cells {
	uint32_t address, size;
};

static struct cells cells_of(const struct fdt *fdt, fdt_node_t node)
{
	const struct fdt_entry *e = &fdt->node[node];
	struct cells c = {e->address_cells, e->size_cells};

	if (c.address == FDT_CELLS_UNKNOWN)
		c.address = DEFAULT_ADDRESS_CELLS;
	if (c.size == FDT_CELLS_UNKNOWN)
		c.size = DEFAULT_SIZE_CELLS;
	return c;
}

/* One entry of a "ranges": child address, parent address, size. */
struct range {
	uint64_t child, parent, size;
};

/* Entry `i` of the "ranges" of a node, which is not the root. */
static bool read_range(const struct fdt *fdt, fdt_node_t bus,
		       const struct fdt_prop *ranges, uint32_t i,
		       struct range *r)
{
	struct cells c = cells_of(fdt, bus);
	uint32_t up = cells_of(fdt, fdt_parent(fdt, bus)).address;
	uint32_t cells = c.address + up + c.size;
	bool overflow = false;
	const uint8_t *v = ranges->value;

	if (c.address > 3 || c.size > 2 || up > 2 || !cells ||
	    i >= ranges->size / 4 / cells)
		return false;
	r->child = fdt_number(v, i * cells, c.address, NULL);
	r->parent = fdt_number(v, i * cells + c.address, up, &overflow);
	r->size = fdt_number(v, i * cells + c.address + up, c.size, &overflow);
	return !overflow;
}

/* Takes a range of a bus's children to the address space of its parent. */
static bool translate_up(const struct fdt *fdt, fdt_node_t bus, uint64_t *base,
			 uint64_t size)
{
	struct fdt_prop ranges;
	struct range r;

	if (!fdt_prop(fdt, bus, "ranges", &ranges))
		return false;
	if (ranges.size == 0)
		return true;
	for (uint32_t i = 0; read_range(fdt, bus, &ranges, i, &r); i++)
		if (*base >= r.child && *base - r.child <= r.size &&
		    size <= r.size - (*base - r.child)) {
			*base = *base - r.child + r.parent;
			return true;
		}
	return false;
}

/* Takes a range of the children of a node to CPU addresses. */
static bool to_cpu(const struct fdt *fdt, fdt_node_t bus, uint64_t *base,
		   uint64_t size)
{
	for (; bus != fdt_root(fdt); bus = fdt_parent(fdt, bus))
		if (!translate_up(fdt, bus, base, size))
			return false;
	return size <= ~(uint64_t)0 - *base;
}

bool devtree_reg_entry(const struct fdt *fdt, fdt_node_t node,
		       const struct fdt_prop *reg, uint32_t i, uint64_t *base,
		       uint64_t *size)
{
	fdt_node_t bus = fdt_parent(fdt, node);
	struct cells c;
	bool overflow = false;

	if (bus == FDT_NO_NODE)
		return false;
	c = cells_of(fdt, bus);
	if (c.address > 2 || c.size > 2 || c.address + c.size == 0 ||
	    i >= reg->size / 4 / (c.address + c.size))
		return false;
	i *= c.address + c.size;
	*base = fdt_number(reg->value, i, c.address, &overflow);
	*size = fdt_number(reg->value, i + c.address, c.size, &overflow);
	return !overflow && to_cpu(fdt, bus, base, *size);
}

bool devtree_node_reg(const struct fdt *fdt, fdt_node_t node, uint32_t i,
		      uint64_t *base, uint64_t *size)
{
	struct fdt_prop reg;

	return node != FDT_NO_NODE &&
	       fdt_noted_prop(fdt, fdt->node[node].reg, &reg) &&
	       devtree_reg_entry(fdt, node, &reg, i, base, size);
}

bool devtree_reg(const struct devtree_walk *w, uint32_t i, uint64_t *base,
		 uint64_t *size)
{
	return devtree_node_reg(w->fdt, w->node, i, base, size);
}

bool devtree_window(const struct fdt *fdt, fdt_node_t node, uint32_t i,
		    uint64_t *base, uint64_t *size)
{
	struct fdt_prop ranges;
	struct range r;

	if (node == fdt_root(fdt) || !fdt_prop(fdt, node, "ranges", &ranges) ||
	    !read_range(fdt, node, &ranges, i, &r))
		return false;
	*base = r.parent;
	*size = r.size;
	return to_cpu(fdt, fdt_parent(fdt, node), base, *size);
}

uint32_t devtree_reg_cells(const struct fdt *fdt, fdt_node_t node)
{
	fdt_node_t bus = fdt_parent(fdt, node);
	struct cells c;

	if (bus == FDT_NO_NODE)
		return 0;
	c = cells_of(fdt, bus);
	return c.address + c.size;
}

fdt_node_t devtree_compatible(const struct fdt *fdt, const char *const *names,
			      unsigned int count)
{
	struct fdt_prop p;

	for (fdt_node_t n = 0; (uint32_t)n < fdt->node_count; n++) {
		if (!fdt_noted_prop(fdt, fdt->node[n].compatible, &p))
			continue;
		for (unsigned int i = 0; i < count; i++)
			if (fdt_list_has(&p, names[i]) && fdt_enabled(fdt, n))
				return n;
	}
	return FDT_NO_NODE;
}

bool devtree_is_like(const struct fdt *fdt, fdt_node_t node, const char *part)
{
	size_t length = strlen(part);
	struct fdt_prop p;

	if (!fdt_noted_prop(fdt, fdt->node[node].compatible, &p))
		return false;
	for (uint32_t i = 0; i + length <= p.size; i++)
		if (p.value[i] == (uint8_t)part[0] &&
		    memcmp(p.value + i, part, length) == 0)
			return true;
	return false;
}

bool devtree_type_is(const struct fdt *fdt, fdt_node_t node, const char *type)
{
	struct fdt_prop p;
	const char *s;

	fdt_prop_at(fdt, fdt->node[node].device_type, &p);
	s = fdt_string(&p);
	return s && streq(s, type);
}

bool devtree_overlaps_memory(const struct fdt *fdt, uint64_t base,
			     uint64_t size)
{
	fdt_node_t node = fdt_first_child(fdt, fdt_root(fdt));
	uint64_t at, length;

	for (; node != FDT_NO_NODE; node = fdt_next_sibling(fdt, node)) {
		if (!devtree_has_type(fdt, node, "memory"))
			continue;
		for (uint32_t i = 0;
		     devtree_node_reg(fdt, node, i, &at, &length); i++)
			if (overlaps(base, base + size, at, at + length))
				return true;
	}
	return false;
}
