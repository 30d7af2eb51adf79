/* SPDX-License-Identifier: BSD-3-Clause */
/* Boot, first half: looking at what there is. Nothing is changed here. */
#include "arch.h"
#include "boot.h"
#include "cpio.h"
#include "devtree.h"
#include "hf/abi.h"
#include "log.h"
#include "string.h"

#define MANIFEST_NAME "manifest.dtb"

/* Physical pages start here or above only, and the boot window ends there. */
#define RAM_LIMIT ((uint64_t)1 << 47)

#define MIB ((uint64_t)1 << 20)
#define BLOCK (2 * MIB)

/* The largest granule: the primary's RAM ends where any kernel's page does. */
#define LARGE_PAGE ((uint64_t)1 << 16)

/* Left for the primary besides what is counted: alignment, its page tables. */
#define PRIMARY_SLACK (16 * MIB)

/* Of the device trees that boot reads. */
static struct fdt_entry board_nodes[MAX_NODES] NOINIT;
static struct fdt_entry manifest_nodes[MAX_MANIFEST_NODES] NOINIT;

/* Whether a range reaches into the memory that we run in. */
static bool overlaps_own(uint64_t begin, uint64_t end)
{
	uint64_t size;
	uint64_t own = arch_own_memory(&size).pa;

	return overlaps(begin, end, own, own + size);
}

const char *boot_read_tree(struct fdt *tree, paddr_t dtb)
{
	const void *blob = (const void *)(uintptr_t)dtb.pa;
	const char *error;
	uint32_t size;

	if (overlaps_own(dtb.pa, dtb.pa + 1))
		return "it lies in the hypervisor";
	size = fdt_claimed_size(blob);
	if (size > FDT_MAX_SIZE)
		return "larger than 16 MiB";
	if (overlaps_own(dtb.pa, dtb.pa + size))
		return "it lies in the hypervisor";
	error = fdt_open(tree, blob, size, board_nodes, MAX_NODES);
	if (!error && arch_console_init(tree))
		log_console_ready();
	return error;
}

void boot_open_tree(struct boot *b, paddr_t dtb)
{
	const char *error = boot_read_tree(&b->tree, dtb);

	if (error)
		boot_stop("device tree at 0x%lx: %s", dtb.pa, error);
}

/* --- memory --- */

static void add_ram(struct boot *b, uint64_t base, uint64_t size)
{
	/* The address 0 stands for none: that page is nobody's. */
	uint64_t begin = base ? align_up(base, PAGE_SIZE) : PAGE_SIZE;
	uint64_t end = align_down(base + size, PAGE_SIZE);

	if (base >= RAM_LIMIT || size > RAM_LIMIT - base) {
		log_line("device tree: memory at 0x%lx left out: above 47 bits",
			 base);
		return;
	}
	if (b->ram.count >= MAX_RAM_RANGES ||
	    !ranges_add_ram(&b->ram, begin, end))
		boot_stop(
			"device tree: memory at 0x%lx: overlaps other memory, or more than %u ranges",
			base, MAX_RAM_RANGES);
}

static void reserve(struct boot *b, uint64_t base, uint64_t size)
{
	uint64_t last_page = align_down(~(uint64_t)0, PAGE_SIZE);
	/* An end that wraps is as good as the last page. */
	uint64_t end = size > last_page - base || base > last_page
			       ? last_page
			       : align_up(base + size, PAGE_SIZE);

	if (b->reserved.count == MAX_RESERVED_RANGES ||
	    !ranges_add(&b->reserved, align_down(base, PAGE_SIZE), end))
		boot_stop("device tree: more than %u reserved ranges",
			  MAX_RESERVED_RANGES);
}

/* Hands each range of a node's reg to `take`. */
static void take_node(struct boot *b, fdt_node_t node,
		      void (*take)(struct boot *, uint64_t, uint64_t))
{
	uint64_t base, size;

	for (uint32_t i = 0; devtree_node_reg(&b->tree, node, i, &base, &size);
	     i++)
		take(b, base, size);
}

/* A node right below the root: memory, or what has nodes of reserved ranges. */
static void visit_node(struct boot *b, fdt_node_t node)
{
	const struct fdt *fdt = &b->tree;

	if (devtree_has_type(fdt, node, "memory") && fdt_enabled(fdt, node))
		take_node(b, node, add_ram);
	if (!streq(fdt_name(fdt, node), "reserved-memory"))
		return;
	for (node = fdt_first_child(fdt, node); node != FDT_NO_NODE;
	     node = fdt_next_sibling(fdt, node))
		take_node(b, node, reserve);
}

void boot_find_memory(struct boot *b)
{
	fdt_node_t node = fdt_first_child(&b->tree, fdt_root(&b->tree));
	uint64_t base, size;

	for (; node != FDT_NO_NODE; node = fdt_next_sibling(&b->tree, node))
		visit_node(b, node);
	for (uint32_t i = 0; i < b->tree.reserved_count; i++) {
		fdt_reservation(&b->tree, i, &base, &size);
		reserve(b, base, size);
	}
	if (!b->ram.count)
		boot_stop("device tree: no memory");
}

/* --- the ramdisk --- */

static bool chosen_address(const struct fdt *fdt, fdt_node_t chosen,
			   const char *name, uint64_t *value)
{
	struct fdt_prop p;

	if (chosen == FDT_NO_NODE || !fdt_prop(fdt, chosen, name, &p) ||
	    (p.size != 4 && p.size != 8))
		return false;
	*value = fdt_number(p.value, 0, p.size / 4, NULL);
	return true;
}

static bool find_in_chosen(const struct fdt *fdt, struct range *ramdisk)
{
	fdt_node_t chosen = fdt_path(fdt, "/chosen");

	return chosen_address(fdt, chosen, "linux,initrd-start",
			      &ramdisk->begin) &&
	       chosen_address(fdt, chosen, "linux,initrd-end", &ramdisk->end);
}

static bool lies_in_ram(const struct boot *b, struct range r)
{
	for (uint32_t i = 0; i < b->ram.count; i++)
		if (r.begin >= b->ram.r[i].begin && r.end <= b->ram.r[i].end)
			return r.begin < r.end;
	return false;
}

void boot_find_ramdisk(struct boot *b, paddr_t begin, paddr_t end)
{
	uint64_t tree = (uint64_t)(uintptr_t)b->tree.blob;
	const void *archive;
	const char *error;

	b->ramdisk = (struct range){begin.pa, end.pa};
	if (!end.pa && !find_in_chosen(&b->tree, &b->ramdisk))
		boot_stop(
			"no ramdisk: /chosen has no linux,initrd-start and linux,initrd-end (QEMU: -initrd)");
	if (!lies_in_ram(b, b->ramdisk))
		boot_stop("ramdisk: 0x%lx to 0x%lx is not in RAM",
			  b->ramdisk.begin, b->ramdisk.end);
	if (overlaps_own(b->ramdisk.begin, b->ramdisk.end) ||
	    overlaps(b->ramdisk.begin, b->ramdisk.end, tree,
		     tree + b->tree.totalsize))
		boot_stop(
			"ramdisk: 0x%lx to 0x%lx overlaps the hypervisor or the device tree",
			b->ramdisk.begin, b->ramdisk.end);
	archive = arch_boot_map(paddr(b->ramdisk.begin),
				b->ramdisk.end - b->ramdisk.begin, MM_R | MM_W);
	if (!archive)
		boot_stop("ramdisk: too large to be mapped");
	error = cpio_check(archive, b->ramdisk.end - b->ramdisk.begin);
	if (error)
		boot_stop("ramdisk: %s", error);
}

static bool find_file(const struct boot *b, const char *name,
		      struct cpio_file *file)
{
	return cpio_find((const void *)(uintptr_t)b->ramdisk.begin,
			 b->ramdisk.end - b->ramdisk.begin, name, file);
}

/* --- the manifest --- */

/*
 * Looks at the files that a VM names. NULL, or what is wrong; *property says
 * with which.
 */
static const char *find_files(const struct boot *b, const struct manifest_vm *m,
			      struct boot_vm *v, const char **property)
{
	struct cpio_file file;

	*property = "kernel_filename";
	if (!find_file(b, m->kernel_filename, &file))
		return "no such file in the ramdisk";
	v->kernel = file.data;
	v->kernel_size = file.size;
	if (m->ramdisk_filename) {
		*property = "ramdisk_filename";
		if (!find_file(b, m->ramdisk_filename, &file))
			return "no such file in the ramdisk";
		v->ramdisk = file.data;
		v->ramdisk_size = file.size;
	}
	*property = "kernel_filename";
	return image_read(&v->image, v->kernel, v->kernel_size);
}

/* Whether kernel, ramdisk and device tree of a secondary fit its memory. */
static const char *check_fit(const struct manifest_vm *m, struct boot_vm *v)
{
	uint64_t left = m->mem_size;
	uint64_t parts[] = {
		v->tree_size = secondary_tree_size(m),
		align_up(v->ramdisk_size, PAGE_SIZE),
		v->image.text_offset,
		v->image.memory_size,
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(parts); i++) {
		if (parts[i] > left)
			return "too small for kernel, ramdisk and device tree";
		left -= parts[i];
	}
	return NULL;
}

/* The file that a property of a VM names, or NULL if it names none. */
static const char *named_file(const struct manifest_vm *m)
{
	if (!m->error_property)
		return NULL;
	if (strcmp(m->error_property, "kernel_filename") == 0)
		return m->kernel_filename;
	if (strcmp(m->error_property, "ramdisk_filename") == 0)
		return m->ramdisk_filename;
	return NULL;
}

const char *boot_describe_fault(const struct manifest_vm *m, char *out)
{
	const char *property = m->error_property;
	const char *file = named_file(m);

	log_print(out, BOOT_FAULT_SIZE, "%s%s%s%s%s", property ? property : "",
		  property ? ": " : "", file ? file : "", file ? ": " : "",
		  m->error);
	return out;
}

static void check_secondary(struct boot *b, uint32_t i)
{
	struct manifest_vm *m = &b->manifest.vm[i];
	struct boot_vm *v = &b->vm[i];

	if (m->error)
		return;
	m->error = find_files(b, m, v, &m->error_property);
	if (m->error)
		return;
	m->error = check_fit(m, v);
	m->error_property = m->error ? "mem_size" : NULL;
}

static void manifest_stop(const struct manifest *m, const char *error)
{
	boot_stop("ramdisk: " MANIFEST_NAME ": %s%s%s%s%s",
		  m->error_node ? m->error_node : "", m->error_node ? ": " : "",
		  m->error_property ? m->error_property : "",
		  m->error_property ? ": " : "", error);
}

static void check_primary(struct boot *b)
{
	struct manifest_vm *m = &b->manifest.primary;
	char fault[BOOT_FAULT_SIZE];

	if (!m->error)
		m->error = find_files(b, m, &b->primary, &m->error_property);
	if (m->error)
		boot_stop("ramdisk: " MANIFEST_NAME ": primary: %s",
			  boot_describe_fault(m, fault));
}

void boot_read_manifest(struct boot *b)
{
	struct manifest *m = &b->manifest;
	struct cpio_file file;
	const char *error;

	if (!find_file(b, MANIFEST_NAME, &file))
		boot_stop("ramdisk: no " MANIFEST_NAME);
	error = fdt_open(&b->manifest_tree, file.data, file.size,
			 manifest_nodes, ARRAY_SIZE(manifest_nodes));
	if (error)
		boot_stop("ramdisk: " MANIFEST_NAME ": %s", error);
	error = manifest_read(m, &b->manifest_tree);
	if (error)
		manifest_stop(m, error);
	check_primary(b);
	for (uint32_t i = 0; i < m->vm_count; i++)
		check_secondary(b, i);
}

/* --- the plan --- */

/* What the primary can not do without, in bytes. */
static uint64_t primary_need(const struct boot *b)
{
	return b->primary.image.text_offset + b->primary.image.memory_size +
	       (b->ramdisk.end - b->ramdisk.begin) + 2 * b->tree.totalsize +
	       PRIMARY_SLACK;
}

static uint64_t primary_has(const struct boot *b)
{
	uint64_t ram = ranges_total(&b->ram);
	uint64_t hidden = ranges_total(&b->hidden);

	return ram > hidden ? ram - hidden : 0;
}

/* Takes the highest room that is left, and hides it. */
static bool hide_high(struct boot *b, uint64_t size, uint64_t alignment,
		      struct range *place)
{
	static struct ranges taken;

	ranges_copy(&taken, &b->reserved);
	for (uint32_t i = 0; i < b->hidden.count; i++)
		if (!ranges_add(&taken, b->hidden.r[i].begin,
				b->hidden.r[i].end))
			return false;
	if (!ranges_find_high(&b->ram, &taken, size, alignment, place) ||
	    !ranges_add(&b->hidden, place->begin, place->end))
		return false;
	return true;
}

/* Finds room outside of `taken`, and takes it. */
static bool take_low(const struct boot *b, struct ranges *taken, uint64_t size,
		     uint64_t alignment, struct range *place)
{
	return ranges_find_low(&b->primary_ram, taken, size, alignment,
			       place) &&
	       ranges_add(taken, place->begin, place->end);
}

/* Where something stays, or is moved to if it lies in what will be hidden. */
static bool place_movable(const struct boot *b, struct ranges *taken,
			  struct range now, uint64_t alignment,
			  struct range *place)
{
	*place = now;
	if (!ranges_overlap(&b->hidden, now.begin, now.end))
		return true;
	return take_low(b, taken, now.end - now.begin, alignment, place);
}

/* Where the parts of a secondary are in its memory. */
static void place_parts(const struct manifest_vm *m, struct boot_vm *v)
{
	uint64_t end = HF_SECONDARY_RAM_BASE + m->mem_size;
	uint64_t tree = align_down(end - v->tree_size, PAGE_SIZE);
	uint64_t ramdisk = align_down(tree - v->ramdisk_size, PAGE_SIZE);
	uint64_t kernel = HF_SECONDARY_RAM_BASE + v->image.text_offset;

	v->parts[PART_KERNEL] =
		(struct vm_part){.at = ipaddr(kernel), .size = v->kernel_size};
	v->parts[PART_RAMDISK] = (struct vm_part){.at = ipaddr(ramdisk),
						  .size = v->ramdisk_size};
	v->parts[PART_TREE] =
		(struct vm_part){.at = ipaddr(tree), .size = v->tree_size};
}

/* The file that fills a part; NULL: there is none. */
static const uint8_t *file_of(const struct boot_vm *v, unsigned int part)
{
	const uint8_t *const files[PART_COUNT] = {v->kernel, v->ramdisk, NULL};

	return files[part];
}

/* A copy of `file` that is kept already for one of the VMs below `count`. */
static const struct vm_part *find_copy(const struct boot *b, uint32_t count,
				       const uint8_t *file)
{
	for (uint32_t i = 0; file && i < count; i++)
		for (unsigned int p = 0; p < PART_COUNT; p++)
			if (!b->manifest.vm[i].error &&
			    file_of(&b->vm[i], p) == file)
				return &b->vm[i].parts[p];
	return NULL;
}

/*
 * Decides where the copies that the VMs below `count` are loaded from are, from
 * `at` on: each file once. Returns where they end.
 */
static uint64_t place_copies(struct boot *b, uint32_t count, uint64_t at)
{
	for (uint32_t i = 0; i < count; i++)
		for (unsigned int p = 0; p < PART_COUNT; p++) {
			struct vm_part *part = &b->vm[i].parts[p];
			const struct vm_part *same =
				find_copy(b, i, file_of(&b->vm[i], p));

			if (b->manifest.vm[i].error)
				continue;
			part->copy = same ? same->copy : paddr(at);
			if (!same)
				at += align_up(part->size, PAGE_SIZE);
		}
	return at;
}

/* Hides the room for the copies of the VMs below `count`. */
static bool hide_copies(struct boot *b, uint32_t count)
{
	uint64_t size = place_copies(b, count, 0);

	if (!size)
		return true;
	if (!hide_high(b, size, LARGE_PAGE, &b->kept))
		return false;
	place_copies(b, count, b->kept.begin);
	return true;
}

/*
 * Finds room for what the primary has. Works on what is hidden so far; false
 * if that leaves too little.
 */
static bool plan_primary(struct boot *b)
{
	static struct ranges taken;
	const struct image *image = &b->primary.image;
	uint64_t own_size;
	uint64_t own = arch_own_memory(&own_size).pa;
	uint64_t tree = (uint64_t)(uintptr_t)b->tree.blob;
	struct range tree_now = {tree, tree + b->tree.totalsize};

	/* What is moved keeps clear of where everything is now. */
	ranges_copy(&taken, &b->reserved);
	if (!ranges_subtract(&b->ram, &b->hidden, &b->primary_ram) ||
	    !ranges_add(&taken, tree_now.begin, tree_now.end) ||
	    !ranges_add(&taken, b->ramdisk.begin, b->ramdisk.end) ||
	    !ranges_add(&taken, own, own + own_size) ||
	    !place_movable(b, &taken, tree_now, BLOCK, &b->tree_place) ||
	    !place_movable(b, &taken, b->ramdisk, PAGE_SIZE, &b->ramdisk_place))
		return false;

	ranges_copy(&taken, &b->reserved);
	return ranges_add(&taken, b->tree_place.begin, b->tree_place.end) &&
	       ranges_add(&taken, b->ramdisk_place.begin,
			  b->ramdisk_place.end) &&
	       take_low(b, &taken, image->text_offset + image->memory_size,
			BLOCK, &b->kernel_place) &&
	       take_low(b, &taken, primary_tree_size(b), PAGE_SIZE,
			&b->primary_tree_place);
}

static void plan_secondary(struct boot *b, uint32_t i, bool may_load)
{
	struct manifest_vm *m = &b->manifest.vm[i];
	struct boot_vm *v = &b->vm[i];
	uint64_t alignment = m->mem_size >= BLOCK ? BLOCK : PAGE_SIZE;
	uint64_t has = primary_has(b), need = primary_need(b);
	uint32_t hidden = b->hidden.count;
	bool fits;

	if (m->error)
		return;
	place_parts(m, v);
	need += place_copies(b, i + 1, 0);
	fits = may_load && has >= need && m->mem_size <= has - need &&
	       hide_high(b, m->mem_size, alignment, &v->memory);
	if (fits) {
		/* The copies come last, once all VMs have their place. */
		uint32_t without = b->hidden.count;

		fits = hide_copies(b, i + 1) && plan_primary(b);
		b->hidden.count = without;
	}
	if (fits)
		return;
	b->hidden.count = hidden;
	m->error = "more memory than there is";
	m->error_property = "mem_size";
}

void boot_plan(struct boot *b, bool settled, uint32_t left_out)
{
	uint64_t own_size;

	arch_own_memory(&own_size);
	if (!hide_high(b, own_size, BLOCK, &b->own))
		boot_stop("RAM: no room for the hypervisor");
	for (uint32_t i = 0; i < b->manifest.vm_count; i++) {
		plan_secondary(b, i, !settled || !(left_out >> i & 1));
		if (b->manifest.vm[i].error)
			b->left_out |= (uint32_t)1 << i;
	}
	if (!hide_copies(b, b->manifest.vm_count) || !plan_primary(b))
		boot_stop(
			"RAM: no room for the primary's kernel, ramdisk and device tree");
}
