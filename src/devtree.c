/* SPDX-License-Identifier: BSD-3-Clause */
#include "devtree.h"

#include "string.h"
#include "types.h"

#define DEFAULT_ADDRESS_CELLS 2
#define DEFAULT_SIZE_CELLS 1

void devtree_begin(struct devtree_walk *w, const struct fdt *fdt)
{
	*w = (struct devtree_walk){.fdt = fdt};
}

static void enter_node(struct devtree_walk *w, fdt_node_t node)
{
	if (node != fdt_root(w->fdt))
		w->depth++;
	w->level[w->depth] = (struct devtree_level){
		.node = node,
		.address_cells = DEFAULT_ADDRESS_CELLS,
		.size_cells = DEFAULT_SIZE_CELLS,
	};
}

/* Learns what a property says of its node as a bus. */
static void note_prop(struct devtree_level *l, const struct fdt_prop *p)
{
	if (p->name[0] == '#' && p->size == 4) {
		if (strcmp(p->name, "#address-cells") == 0)
			l->address_cells = fdt_cell(p->value, 0);
		else if (strcmp(p->name, "#size-cells") == 0)
			l->size_cells = fdt_cell(p->value, 0);
	} else if (p->name[0] == 'r' && strcmp(p->name, "ranges") == 0) {
		l->has_ranges = true;
		l->ranges = *p;
	}
}

bool devtree_next(struct devtree_walk *w, fdt_node_t *node)
{
	struct fdt_token t;

	for (;;) {
		fdt_token(w->fdt, w->at, &t);
		if (t.tag == FDT_TAG_DONE)
			return false;
		w->at = t.next;
		if (t.tag == FDT_TAG_PROP) {
			note_prop(&w->level[w->depth], &t.prop);
		} else if (t.tag == FDT_TAG_END) {
			if (w->depth)
				w->depth--;
		} else {
			enter_node(w, t.node);
			*node = t.node;
			return true;
		}
	}
}

/* One entry of a "ranges": child address, parent address, size. */
struct range {
	uint64_t child, parent, size;
};

static bool read_range(const struct devtree_level *bus, uint32_t parent_cells,
		       uint32_t i, struct range *r)
{
	uint32_t ac = bus->address_cells, sc = bus->size_cells;
	uint32_t cells = ac + parent_cells + sc;
	bool overflow = false;
	const uint8_t *v = bus->ranges.value;

	if (ac > 3 || sc > 2 || parent_cells > 2 || !cells ||
	    i >= bus->ranges.size / 4 / cells)
		return false;
	r->child = fdt_number(v, i * cells, ac, NULL);
	r->parent = fdt_number(v, i * cells + ac, parent_cells, &overflow);
	r->size = fdt_number(v, i * cells + ac + parent_cells, sc, &overflow);
	return !overflow;
}

/* Takes a range of a bus's children to the address space of its parent. */
static bool translate_up(const struct devtree_level *bus,
			 const struct devtree_level *parent, uint64_t *base,
			 uint64_t size)
{
	struct range r;

	if (!bus->has_ranges)
		return false;
	if (bus->ranges.size == 0)
		return true;
	for (uint32_t i = 0; read_range(bus, parent->address_cells, i, &r); i++)
		if (*base >= r.child && *base - r.child <= r.size &&
		    size <= r.size - (*base - r.child)) {
			*base = *base - r.child + r.parent;
			return true;
		}
	return false;
}

/* Takes a range of the children of level `depth` to CPU addresses. */
static bool to_cpu(const struct devtree_walk *w, uint32_t depth, uint64_t *base,
		   uint64_t size)
{
	for (; depth > 0; depth--)
		if (!translate_up(&w->level[depth], &w->level[depth - 1], base,
				  size))
			return false;
	return size <= ~(uint64_t)0 - *base;
}

bool devtree_reg(const struct devtree_walk *w, uint32_t i, uint64_t *base,
		 uint64_t *size)
{
	const struct devtree_level *bus;
	struct fdt_prop p;
	uint32_t cells;
	bool overflow = false;

	if (w->depth == 0)
		return false;
	bus = &w->level[w->depth - 1];
	cells = bus->address_cells + bus->size_cells;
	if (bus->address_cells > 2 || bus->size_cells > 2 || cells == 0 ||
	    !fdt_prop(w->fdt, w->level[w->depth].node, "reg", &p) ||
	    i >= p.size / 4 / cells)
		return false;
	*base = fdt_number(p.value, i * cells, bus->address_cells, &overflow);
	*size = fdt_number(p.value, i * cells + bus->address_cells,
			   bus->size_cells, &overflow);
	return !overflow && to_cpu(w, w->depth - 1, base, *size);
}

bool devtree_window(const struct devtree_walk *w, uint32_t i, uint64_t *base,
		    uint64_t *size)
{
	struct devtree_level self = w->level[w->depth];
	struct range r;

	if (w->depth == 0 ||
	    !fdt_prop(w->fdt, self.node, "ranges", &self.ranges))
		return false;
	/* The node's own properties come after it in the walk. */
	self.address_cells = fdt_u32(w->fdt, self.node, "#address-cells",
				     self.address_cells);
	self.size_cells =
		fdt_u32(w->fdt, self.node, "#size-cells", self.size_cells);
	if (!read_range(&self, w->level[w->depth - 1].address_cells, i, &r))
		return false;
	*base = r.parent;
	*size = r.size;
	return to_cpu(w, w->depth - 1, base, *size);
}

bool devtree_node_reg(const struct fdt *fdt, fdt_node_t node, uint32_t i,
		      uint64_t *base, uint64_t *size)
{
	struct devtree_walk w;
	fdt_node_t at;

	devtree_begin(&w, fdt);
	while (devtree_next(&w, &at))
		if (at == node)
			return devtree_reg(&w, i, base, size);
	return false;
}

uint32_t devtree_reg_cells(const struct fdt *fdt, fdt_node_t node)
{
	struct devtree_walk w;
	fdt_node_t at;

	devtree_begin(&w, fdt);
	while (devtree_next(&w, &at))
		if (at == node && w.depth > 0)
			return w.level[w.depth - 1].address_cells +
			       w.level[w.depth - 1].size_cells;
	return 0;
}

fdt_node_t devtree_compatible(const struct fdt *fdt, const char *const *names,
			      unsigned int count)
{
	fdt_node_t node = fdt_root(fdt);
	struct fdt_token t;

	for (uint32_t at = 0;; at = t.next) {
		fdt_token(fdt, at, &t);
		if (t.tag == FDT_TAG_DONE)
			return FDT_NO_NODE;
		if (t.tag == FDT_TAG_BEGIN)
			node = t.node;
		if (t.tag != FDT_TAG_PROP || t.prop.name[0] != 'c' ||
		    strcmp(t.prop.name, "compatible") != 0)
			continue;
		for (unsigned int i = 0; i < count; i++)
			if (fdt_list_has(&t.prop, names[i]) &&
			    fdt_enabled(fdt, node))
				return node;
	}
}

bool devtree_is_like(const struct fdt *fdt, fdt_node_t node, const char *part)
{
	size_t length = strlen(part);
	struct fdt_prop p;

	if (!fdt_prop(fdt, node, "compatible", &p))
		return false;
	for (uint32_t i = 0; i + length <= p.size; i++)
		if (memcmp(p.value + i, part, length) == 0)
			return true;
	return false;
}

bool devtree_has_type(const struct fdt *fdt, fdt_node_t node, const char *type)
{
	struct fdt_prop p;
	const char *s;

	if (!fdt_prop(fdt, node, "device_type", &p))
		return false;
	s = fdt_string(&p);
	return s && strcmp(s, type) == 0;
}

bool devtree_overlaps_memory(const struct fdt *fdt, uint64_t base,
			     uint64_t size)
{
	struct devtree_walk w;
	fdt_node_t node;
	uint64_t at, length;

	devtree_begin(&w, fdt);
	while (devtree_next(&w, &node)) {
		if (w.depth != 1 || !devtree_has_type(fdt, node, "memory"))
			continue;
		for (uint32_t i = 0; devtree_reg(&w, i, &at, &length); i++)
			if (overlaps(base, base + size, at, at + length))
				return true;
	}
	return false;
}
