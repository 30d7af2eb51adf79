/* SPDX-License-Identifier: BSD-3-Clause */
/* The device trees that VMs are given. */
#include "arch.h"
#include "boot.h"
#include "devtree.h"
#include "hf/abi.h"
#include "log.h"
#include "string.h"
#include "vm.h"

/* Room for what is added besides texts of the manifest. */
#define PRIMARY_EXTRA 2048
#define PRIMARY_PER_VM 128
#define SECONDARY_BASE 2048
#define SECONDARY_PER_VCPU 256

/* The most that is copied from one secondary's tree to the next. */
#define COMMON_SIZE 1024

/* Memory that is told in parts, as one cell can not hold its size. */
#define MEMORY_PART (UINT64_C(1) << 31)

/* The value of a "reg" in progress. */
struct cells {
	uint32_t count;
	uint32_t cell[4 * MAX_RANGES];
};

static struct fdt_writer writer;

static uint64_t text_size(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

/* --- the primary's --- */

uint64_t primary_tree_size(const struct boot *b)
{
	return align_up(
		b->tree.structure_size + b->tree.strings_size +
			16 * (b->tree.reserved_count + 1) +
			text_size(b->manifest.primary.bootargs) +
			PRIMARY_EXTRA + PRIMARY_PER_VM * b->manifest.vm_count +
			16 * (b->primary_ram.count +
			      ranges_total(&b->primary_ram) / MEMORY_PART),
		PAGE_SIZE);
}

/* A number of `count` cells, 0 to 2. */
static void put_cells(struct cells *c, uint64_t value, uint32_t count)
{
	if (count < 2 && value >> 32 * count)
		boot_stop(
			"device tree: root: memory needs numbers of two cells");
	if (count > ARRAY_SIZE(c->cell) - c->count)
		boot_stop("device tree: memory: too many ranges");
	if (count == 2)
		c->cell[c->count++] = (uint32_t)(value >> 32);
	if (count)
		c->cell[c->count++] = (uint32_t)value;
}

/* A range of memory, in parts if its size needs more cells than there are. */
static void put_range(struct cells *c, const struct range *r,
		      uint32_t address_cells, uint32_t size_cells)
{
	uint64_t at = r->begin;

	while (at < r->end) {
		uint64_t size = r->end - at;

		if (size_cells == 1 && size >> 32)
			size = MEMORY_PART;
		put_cells(c, at, address_cells);
		put_cells(c, size, size_cells);
		at += size;
	}
}

static uint32_t noted_cells(uint8_t cells, uint32_t otherwise)
{
	return cells == FDT_CELLS_UNKNOWN ? otherwise : cells;
}

static void put_memory(struct fdt_writer *w, const struct boot *b)
{
	static struct cells cells;
	const struct fdt *t = &b->tree;
	const struct fdt_entry *root = &t->node[fdt_root(t)];
	uint32_t ac = noted_cells(root->address_cells, 2);
	uint32_t sc = noted_cells(root->size_cells, 1);

	cells.count = 0;
	for (uint32_t i = 0; i < b->primary_ram.count; i++)
		put_range(&cells, &b->primary_ram.r[i], ac, sc);
	fdt_put_unit(w, "memory", b->primary_ram.r[0].begin);
	fdt_put_string(w, "device_type", "memory");
	fdt_put_cells(w, "reg", cells.cell, cells.count);
	fdt_put_end(w);
}

static void put_hypervisor(struct fdt_writer *w, const struct manifest *m)
{
	fdt_put_node(w, "hypervisor");
	fdt_put_string(w, "compatible", "holdfast,hypervisor");
	fdt_put_u32(w, "#address-cells", 1);
	fdt_put_u32(w, "#size-cells", 0);
	for (uint32_t i = 0; i < m->vm_count; i++) {
		fdt_put_unit(w, "vm", i);
		fdt_put_u32(w, "reg", i);
		fdt_put_string(w, "label", m->vm[i].name);
		fdt_put_end(w);
	}
	fdt_put_end(w);
}

/* The properties of /chosen that are ours to say. */
static void put_chosen(struct fdt_writer *w, const struct boot *b)
{
	const char *bootargs = b->manifest.primary.bootargs;
	uint64_t ramdisk = (uint64_t)(uintptr_t)b->primary.ramdisk;

	if (bootargs)
		fdt_put_string(w, "bootargs", bootargs);
	if (b->primary.ramdisk_size) {
		fdt_put_u64(w, "linux,initrd-start", ramdisk);
		fdt_put_u64(w, "linux,initrd-end",
			    ramdisk + b->primary.ramdisk_size);
	}
}

/* Whether put_chosen() says it instead, or nobody does. */
static bool replaced_in_chosen(const struct boot *b, const char *name)
{
	return streq(name, "linux,initrd-start") ||
	       streq(name, "linux,initrd-end") ||
	       (b->manifest.primary.bootargs && streq(name, "bootargs"));
}

/* Whether a node in the root is told anew. */
static bool is_replaced(const struct fdt *t, fdt_node_t node, const char *name)
{
	return devtree_has_type(t, node, "memory") || streq(name, "hypervisor");
}

/* What a node that is withheld says of where it is. */
static bool describes_access(const char *name)
{
	return streq(name, "status") || streq(name, "reg") ||
	       streq(name, "ranges");
}

/*
 * The board's tree while it is copied: what is kept between two cuts is one
 * piece, whatever nodes are in it.
 */
struct copy {
	struct fdt_writer *w;
	const struct boot *b;
	uint32_t at; /* offset in its structure of what is not copied yet */
	bool has_chosen;
};

/* What a node is whose properties are not those of the board's. */
enum {
	IS_CHOSEN = 1,
	IS_WITHHELD = 2, /* it stays, for those that point to it */
};

/*
 * Copies what lies before `begin`, where `depth` nodes are open, and leaves
 * out what lies from there to `end`.
 */
static void cut(struct copy *c, uint32_t begin, uint32_t end, uint32_t depth)
{
	fdt_put_tokens(c->w, c->b->tree.structure + c->at, begin - c->at,
		       depth);
	c->at = end;
}

/* Whether a property is left out; `size`: of what is kept of its value. */
static bool is_dropped(const struct copy *c, fdt_node_t node, unsigned int kind,
		       const struct fdt_prop *p, uint32_t *size)
{
	const struct fdt *tree = &c->b->tree;

	if (((kind & IS_CHOSEN) && replaced_in_chosen(c->b, p->name)) ||
	    ((kind & IS_WITHHELD) && describes_access(p->name)) ||
	    (boot_hides_props(tree, node) && boot_hides_prop(tree, node, p)))
		return true;
	switch (arch_edit_prop(tree, node, p, size)) {
	case EDIT_DROP:
		return true;
	case EDIT_CUT:
		return false;
	default:
		*size = p->size;
		return false;
	}
}

/* A node that is kept, with other properties. */
static void edit_node(struct copy *c, fdt_node_t node, unsigned int kind)
{
	const struct fdt *tree = &c->b->tree;
	uint32_t at = tree->node[node].props;
	uint32_t depth = fdt_depth(tree, node) + 1;
	struct fdt_prop p;

	/* Ours come first. */
	if (kind)
		cut(c, at, at, depth);
	if (kind & IS_WITHHELD)
		fdt_put_string(c->w, "status", "disabled");
	if (kind & IS_CHOSEN)
		put_chosen(c->w, c->b);
	while (fdt_each_prop(tree, node, &at, &p)) {
		uint32_t size = p.size;
		bool dropped = is_dropped(c, node, kind, &p, &size);

		if (!dropped && size == p.size)
			continue;
		cut(c, fdt_prop_begin(tree, &p), at, depth);
		if (!dropped)
			fdt_put_prop(c->w, p.name, p.value, size);
	}
}

/* Copies a node, or leaves it out with all in it; the number of the next. */
static uint32_t copy_node(struct copy *c, fdt_node_t node)
{
	const struct fdt *tree = &c->b->tree;
	const struct fdt_entry *e = &tree->node[node];
	const char *name = e->depth == 1 ? fdt_name(tree, node) : NULL;
	unsigned int kind = 0;

	/* As a rule there is none. */
	if (c->b->withheld_count && boot_withholds(c->b, node))
		kind = IS_WITHHELD;
	if (arch_hides_node(tree, node) ||
	    (name && is_replaced(tree, node, name)) ||
	    (kind && !fdt_u32(tree, node, "phandle", 0))) {
		cut(c, e->begin, fdt_node_end(tree, node), e->depth);
		return e->end;
	}
	if (name && streq(name, "chosen")) {
		c->has_chosen = true;
		kind |= IS_CHOSEN;
	}
	if (kind || boot_hides_props(tree, node) || arch_edits_node(tree, node))
		edit_node(c, node, kind);
	return (uint32_t)node + 1;
}

/* What the board's tree does not say, in front of its root's end. */
static void copy_rest(struct copy *c)
{
	const struct fdt *tree = &c->b->tree;
	uint32_t end = fdt_node_end(tree, fdt_root(tree));

	cut(c, end - FDT_END_SIZE, end, 1);
	if (!c->has_chosen) {
		fdt_put_node(c->w, "chosen");
		put_chosen(c->w, c->b);
		fdt_put_end(c->w);
	}
	put_memory(c->w, c->b);
	put_hypervisor(c->w, &c->b->manifest);
	fdt_put_end(c->w);
}

uint32_t primary_tree_write(const struct boot *b, void *buffer, uint64_t size)
{
	const struct fdt *tree = &b->tree;
	struct copy c = {.w = &writer, .b = b};
	uint64_t base, length;
	uint32_t n = 0;

	fdt_begin(&writer, buffer, size, tree->reserved_count);
	fdt_put_names(&writer, tree->strings, tree->strings_size);
	for (uint32_t i = 0; i < tree->reserved_count; i++) {
		fdt_reservation(tree, i, &base, &length);
		fdt_put_reservation(&writer, i, base, length);
	}
	while (n < tree->node_count)
		n = copy_node(&c, (fdt_node_t)n);
	copy_rest(&c);
	return fdt_finish(&writer, tree->boot_cpuid_phys);
}

/* --- a secondary's --- */

uint64_t secondary_tree_size(const struct manifest_vm *m)
{
	return align_up(SECONDARY_BASE + SECONDARY_PER_VCPU * m->vcpu_count +
				text_size(m->bootargs),
			PAGE_SIZE);
}

/* What all secondaries have alike is written for the first, and copied. */
static void put_common(struct fdt_writer *w)
{
	static _Alignas(8) uint8_t tokens[COMMON_SIZE];
	static uint32_t size;
	const uint8_t *begin = w->next;

	if (size != 0) {
		fdt_put_tokens(w, tokens, size, w->depth);
		return;
	}
	arch_common_tree(w);
	/* Names of its own are at other places in the next. */
	if (w->failed || w->own_count != 0 ||
	    (size_t)(w->next - begin) > sizeof(tokens))
		return;
	size = (uint32_t)(w->next - begin);
	memcpy(tokens, begin, size);
}

uint32_t secondary_tree_write(const struct vm *vm, const struct manifest_vm *m,
			      ipaddr_t ramdisk, uint64_t ramdisk_size,
			      void *buffer, uint64_t size)
{
	uint32_t reg[] = {0, HF_SECONDARY_RAM_BASE,
			  (uint32_t)(m->mem_size >> 32), (uint32_t)m->mem_size};
	struct fdt_writer *w = &writer;
	uint32_t used;

	fdt_begin(w, buffer, size, 0);
	fdt_put_names(w, (const char *)&fdt_names, sizeof(fdt_names));
	fdt_put_node(w, "");
	fdt_put_string(w, fdt_names.compatible, "holdfast,vm");
	fdt_put_string(w, fdt_names.model, vm->name);
	fdt_put_u32(w, fdt_names.address_cells, 2);
	fdt_put_u32(w, fdt_names.size_cells, 2);
	fdt_put_u32(w, fdt_names.interrupt_parent, ARCH_INTC_PHANDLE);
	fdt_put_node(w, "aliases");
	fdt_put_string(w, fdt_names.serial0, arch_console_path);
	fdt_put_end(w);
	fdt_put_node(w, "chosen");
	fdt_put_string(w, fdt_names.stdout_path, arch_console_path);
	if (m->bootargs)
		fdt_put_string(w, fdt_names.bootargs, m->bootargs);
	if (ramdisk_size) {
		fdt_put_u64(w, fdt_names.initrd_start, ramdisk.ipa);
		fdt_put_u64(w, fdt_names.initrd_end,
			    ramdisk.ipa + ramdisk_size);
	}
	fdt_put_end(w);
	fdt_put_node(w, "memory@40000000");
	fdt_put_string(w, fdt_names.device_type, "memory");
	fdt_put_cells(w, fdt_names.reg, reg, ARRAY_SIZE(reg));
	fdt_put_end(w);
	arch_secondary_tree(w, vm);
	put_common(w);
	fdt_put_end(w);
	used = fdt_finish(w, 0);
	/* Behind the tree the VM finds zeros. */
	memset((char *)buffer + used, 0, size - used);
	return used;
}
