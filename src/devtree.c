/* SPDX-License-Identifier: BSD-3-Clause */
#include "devtree.h"

#include "string.h"
#include "types.h"

#define DEFAULT_ADDRESS_CELLS 2
#define DEFAULT_SIZE_CELLS 1

/* Cells of addresses and of sizes of the children of a node. */
struct cells {
	uint32_t address, size;
};

static inline struct cells cells_of(const struct fdt *fdt, fdt_node_t node)
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
static inline bool to_cpu(const struct fdt *fdt, fdt_node_t bus, uint64_t *base,
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

	if (bus == FDT_NO_NODE)
		return false;
	c = cells_of(fdt, bus);
	/* So no number is too large. */
	if (c.address > 2 || c.size > 2 || c.address + c.size == 0 ||
	    i >= reg->size / 4 / (c.address + c.size))
		return false;
	i *= c.address + c.size;
	*base = fdt_number(reg->value, i, c.address, NULL);
	*size = fdt_number(reg->value, i + c.address, c.size, NULL);
	return to_cpu(fdt, bus, base, *size);
}

bool devtree_node_reg(const struct fdt *fdt, fdt_node_t node, uint32_t i,
		      uint64_t *base, uint64_t *size)
{
	struct fdt_prop reg;

	return node != FDT_NO_NODE &&
	       fdt_noted_prop(fdt, fdt->node[node].reg, &reg) &&
	       devtree_reg_entry(fdt, node, &reg, i, base, size);
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

uint32_t devtree_reg_count(const struct fdt *fdt, fdt_node_t node,
			   const struct fdt_prop *reg)
{
	uint32_t cells = devtree_reg_cells(fdt, node);

	return cells ? reg->size / 4 / cells : 0;
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

/* --- kinds --- */

/*
 * Names in a "compatible", and what they say. To write no memory by itself is
 * said only by the first of a node's: the others say what it is like.
 */
static const struct name {
	uint8_t length;
	char name[21];
	uint16_t kinds;
} names[] = {
#define NAME(name, kinds)                     \
	{                                     \
		sizeof(name) - 1, name, kinds \
	}
	NAME("arm,psci-0.2", KIND_PSCI),
	NAME("arm,psci-1.0", KIND_PSCI),
	NAME("arm,cortex-a15-gic", KIND_GIC_V2 | KIND_SLAVE),
	NAME("arm,gic-400", KIND_GIC_V2 | KIND_SLAVE),
	NAME("arm,cortex-a7-gic", KIND_GIC_V2 | KIND_SLAVE),
	NAME("arm,gic-v2", KIND_GIC_V2 | KIND_SLAVE),
	NAME("arm,gic-v3", KIND_GIC_V3),
	NAME("arm,gic-v3-its", KIND_ITS),
	NAME("arm,gic-v2m-frame", KIND_V2M | KIND_SLAVE),
	NAME("arm,armv8-timer", KIND_TIMER),
	NAME("arm,armv7-timer", KIND_TIMER),
	NAME("arm,pl011", KIND_PL011 | KIND_SLAVE),
	NAME("ns16550", KIND_16550 | KIND_SLAVE),
	NAME("ns16550a", KIND_16550 | KIND_SLAVE),
	NAME("snps,dw-apb-uart", KIND_16550 | KIND_SLAVE),
	NAME("arm,pl031", KIND_PL031 | KIND_SLAVE),
	NAME("arm,smmu-v3", KIND_SMMU),
	NAME("arm,pl061", KIND_SLAVE),
	NAME("arm,pl050", KIND_SLAVE),
	NAME("arm,pl022", KIND_SLAVE),
	NAME("arm,pl180", KIND_SLAVE),
	NAME("arm,sp804", KIND_SLAVE),
	NAME("arm,sp805", KIND_SLAVE),
	NAME("arm,armv7-timer-mem", KIND_SLAVE),
	NAME("arm,sbsa-gwdt", KIND_SLAVE),
	NAME("cfi-flash", KIND_SLAVE),
	NAME("snps,dw-apb-gpio", KIND_SLAVE),
	NAME("snps,dw-apb-timer", KIND_SLAVE),
	NAME("snps,dw-wdt", KIND_SLAVE),
	NAME("snps,designware-i2c", KIND_SLAVE),
};

/* Parts of names, and where in each is its 'g': few bytes are one. */
static const struct {
	uint8_t length, g;
	char part[12];
	uint16_t kinds;
} parts[] = {
#define PART(part, g, kinds)                     \
	{                                        \
		sizeof(part) - 1, g, part, kinds \
	}
	PART("coresight", 6, KIND_LIKE_CORESIGHT),
	PART("smmu-v3-pmcg", 11, KIND_LIKE_PMCG),
	PART("arm,gic-v3", 4, KIND_LIKE_GIC_V3),
};

static uint32_t kinds_named(const uint8_t *name, size_t length)
{
	const struct name *end = names + ARRAY_SIZE(names);

	for (const struct name *n = names; n != end; n++)
		if (n->length == length && memcmp(n->name, name, length) == 0)
			return n->kinds;
	return 0;
}

/* What the 'g' at `at` of a value is part of. */
static uint32_t kinds_like(const struct fdt_prop *p, uint32_t at)
{
	uint32_t kinds = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(parts); i++)
		if (at >= parts[i].g &&
		    p->size - (at - parts[i].g) >= parts[i].length &&
		    memcmp(p->value + at - parts[i].g, parts[i].part,
			   parts[i].length) == 0)
			kinds |= parts[i].kinds;
	return kinds;
}

/* A name that does not end is none, but may be like one. */
static uint32_t kinds_of(const struct fdt_prop *p)
{
	uint32_t kinds = KIND_KNOWN;
	uint32_t may = ~0u;
	uint32_t begin = 0;

	for (uint32_t at = 0; at < p->size; at++) {
		uint8_t c = p->value[at];

		if (c == 'g')
			kinds |= kinds_like(p, at);
		if (c != '\0')
			continue;
		kinds |= kinds_named(p->value + begin, at - begin) & may;
		may = ~KIND_SLAVE;
		begin = at + 1;
	}
	return kinds;
}

/* Whether two values are the same, as far as a look at whole cells tells. */
static bool is_same(const struct fdt_prop *a, const struct fdt_prop *b)
{
	if (a->size != b->size)
		return false;
	for (uint32_t i = 0; i * 4 < a->size; i++)
		if (fdt_cell(a->value, i) != fdt_cell(b->value, i))
			return false;
	return true;
}

void devtree_find_kinds(const struct fdt *fdt, fdt_node_t node)
{
	struct fdt_entry *e = &fdt->node[node];
	struct fdt_prop p, before;

	if (!fdt_noted_prop(fdt, e->compatible, &p)) {
		e->kinds = KIND_KNOWN;
		return;
	}
	/* Boards have rows of one device. */
	if (node > 0 && e[-1].kinds &&
	    fdt_noted_prop(fdt, e[-1].compatible, &before) &&
	    is_same(&before, &p))
		e->kinds = e[-1].kinds;
	else
		e->kinds = (uint16_t)kinds_of(&p);
}

fdt_node_t devtree_next_of(const struct fdt *fdt, fdt_node_t node,
			   uint32_t kinds)
{
	const struct fdt_entry *end = fdt->node + fdt->node_count;

	for (const struct fdt_entry *e = &fdt->node[++node]; e != end; e++) {
		if (!e->kinds)
			devtree_find_kinds(fdt, (fdt_node_t)(e - fdt->node));
		if (e->kinds & kinds)
			return (fdt_node_t)(e - fdt->node);
	}
	return FDT_NO_NODE;
}

fdt_node_t devtree_enabled_of(const struct fdt *fdt, uint32_t kinds)
{
	fdt_node_t node = FDT_NO_NODE;

	do
		node = devtree_next_of(fdt, node, kinds);
	while (node != FDT_NO_NODE && !fdt_enabled(fdt, node));
	return node;
}

bool devtree_type_is(const struct fdt *fdt, fdt_node_t node, const char *type)
{
	struct fdt_prop p;
	const char *s;

	fdt_prop_at(fdt, fdt->node[node].device_type, &p);
	s = fdt_string(&p);
	return s && streq(s, type);
}

/* Whether [base, base + size) reaches into an entry of a node's "reg". */
static bool overlaps_node(const struct fdt *fdt, fdt_node_t node, uint64_t base,
			  uint64_t size)
{
	uint64_t at, length;

	for (uint32_t i = 0; devtree_node_reg(fdt, node, i, &at, &length); i++)
		if (overlaps(base, base + size, at, at + length))
			return true;
	return false;
}

bool devtree_overlaps_memory(const struct fdt *fdt, uint64_t base,
			     uint64_t size)
{
	const struct fdt_entry *e = fdt->node;

	/* Those right below the root. */
	for (uint32_t n = 1; n < fdt->node_count; n = e[n].end)
		if (e[n].device_type &&
		    devtree_type_is(fdt, (fdt_node_t)n, "memory") &&
		    overlaps_node(fdt, (fdt_node_t)n, base, size))
			return true;
	return false;
}
