/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which devices of the board the primary gets. Devices that write memory do so
 * past the tables of the CPU: an IOMMU of the hypervisor's, if there is one
 * before them, lets them reach what is the primary's (arch_confine_devices()).
 */
#include "arch.h"
#include "boot.h"
#include "devtree.h"
#include "log.h"
#include "string.h"
#include "vm.h"

/* Stream numbers of PCI devices: bus, device, function. */
#define RID_LAST 0xffff

/*
 * Kinds of devices that are known to write no memory by themselves, by the
 * first of their compatibles: the others say only what they are like.
 */
static const char *const slaves[] = {
	"arm,pl011",
	"arm,pl031",
	"arm,pl061",
	"arm,pl050",
	"arm,pl022",
	"arm,pl180",
	"arm,sp804",
	"arm,sp805",
	"arm,gic-v2m-frame",
	"arm,cortex-a15-gic",
	"arm,gic-400",
	"arm,cortex-a7-gic",
	"arm,gic-v2",
	"arm,armv7-timer-mem",
	"arm,sbsa-gwdt",
	"cfi-flash",
	"ns16550",
	"ns16550a",
	"snps,dw-apb-uart",
	"snps,dw-apb-gpio",
	"snps,dw-apb-timer",
	"snps,dw-wdt",
	"snps,designware-i2c",
};

/*
 * Kinds that are never the primary's, by what one of their compatibles has in
 * it. External debug reaches into a CPU that runs another VM, or the
 * hypervisor. The SMMU's event counters (PMCG) write to any physical address
 * to signal an interrupt. A GICv3 keeps tables in memory, and only that of
 * arch_mediates_node() has them judged.
 */
static const char *const forbidden[] = {
	"coresight",
	"smmu-v3-pmcg",
	"arm,gic-v3",
};

/* --- IOMMUs before a device --- */

/* The RID behind the entry of an "iommu-map" that holds `rid`, or `rid`. */
static uint32_t behind_entry(const struct fdt *fdt, const struct fdt_prop *map,
			     uint32_t rid)
{
	/* An entry: first RID, IOMMU, first stream, count. */
	for (uint32_t i = 0; i + 4 <= map->size / 4; i += 4) {
		uint32_t first = fdt_cell(map->value, i);
		uint32_t count = fdt_cell(map->value, i + 3);

		if (rid >= first && rid - first < count &&
		    arch_owns_iommu(fdt, fdt_cell(map->value, i + 1)))
			return count > RID_LAST ? RID_LAST + 1 : first + count;
	}
	return rid;
}

/* Whether each device behind a PCI host goes through the hypervisor's IOMMU. */
static bool maps_all(const struct fdt *fdt, fdt_node_t node,
		     const struct fdt_prop *map)
{
	uint32_t rid = 0, last = RID_LAST, next;
	struct fdt_prop p;

	if (fdt_prop(fdt, node, "bus-range", &p) && p.size == 8) {
		rid = (fdt_cell(p.value, 0) & 0xff) << 8;
		last = (fdt_cell(p.value, 1) & 0xff) << 8 | 0xff;
	}
	if (fdt_prop(fdt, node, "iommu-map-mask", &p)) {
		rid = 0;
		last &= fdt_u32(fdt, node, "iommu-map-mask", RID_LAST);
	}
	for (; rid <= last; rid = next) {
		next = behind_entry(fdt, map, rid);
		if (next <= rid)
			return false;
	}
	return true;
}

/* Whether each IOMMU of an "iommus" is the hypervisor's. */
static bool all_owned(const struct fdt *fdt, const struct fdt_prop *p)
{
	uint32_t i = 0;

	while (i < p->size / 4) {
		uint32_t phandle = fdt_cell(p->value, i);
		uint32_t cells;

		if (!arch_owns_iommu(fdt, phandle))
			return false;
		cells = fdt_u32(fdt, fdt_by_phandle(fdt, phandle),
				"#iommu-cells", 1);
		if (cells > p->size / 4 - i - 1)
			return false;
		i += 1 + cells;
	}
	return i != 0;
}

static bool is_confined(const struct fdt *fdt, fdt_node_t node)
{
	struct fdt_prop p;

	if (!boot_hides_props(fdt, node))
		return false;
	if (fdt_prop(fdt, node, "iommu-map", &p))
		return maps_all(fdt, node, &p);
	return !devtree_has_type(fdt, node, "pci") &&
	       fdt_prop(fdt, node, "iommus", &p) && all_owned(fdt, &p);
}

bool boot_hides_prop(const struct fdt *tree, fdt_node_t node,
		     const struct fdt_prop *prop)
{
	bool is_map = streq(prop->name, "iommu-map");
	struct fdt_prop map = *prop;

	if (streq(prop->name, "iommu-map-mask"))
		is_map = fdt_prop(tree, node, "iommu-map", &map);
	else if (!is_map && !streq(prop->name, "iommus"))
		return false;
	return map.size >= (is_map ? 8 : 4) &&
	       arch_owns_iommu(tree, fdt_cell(map.value, is_map));
}

/* --- registers --- */

/* Finds a node's reg, as much of it as the primary may see. */
static bool find_visible_reg(const struct fdt *tree, fdt_node_t node,
			     struct fdt_prop *reg)
{
	uint32_t size;

	if (!fdt_noted_prop(tree, tree->node[node].reg, reg))
		return false;
	if (!arch_edits_node(tree, node))
		return true;
	size = reg->size;
	switch (arch_edit_prop(tree, node, reg, &size)) {
	case EDIT_DROP:
		return false;
	case EDIT_CUT:
		reg->size = size;
		return true;
	default:
		return true;
	}
}

/* The pages of a node: of its reg, then of a PCI host's windows. */
struct pages {
	const struct fdt *fdt;
	fdt_node_t node;
	struct fdt_prop reg;
	uint32_t i;	/* of the next range */
	uint32_t count; /* of those in reg */
	bool is_pci;
};

static void begin_pages(struct pages *p, const struct fdt *fdt, fdt_node_t node)
{
	uint32_t cells = devtree_reg_cells(fdt, node);

	p->fdt = fdt;
	p->node = node;
	p->i = p->count = 0;
	p->is_pci = devtree_has_type(fdt, node, "pci");
	/* Memory that is not used for RAM is nobody's, and no device. */
	if (cells && !devtree_has_type(fdt, node, "memory") &&
	    find_visible_reg(fdt, node, &p->reg))
		p->count = p->reg.size / 4 / cells;
}

/* The next pages that the primary could reach; false after the last. */
static bool next_pages(struct pages *p, struct range *pages)
{
	uint64_t limit = (uint64_t)1 << vm_primary.stage2.input_bits;
	uint64_t base, size;
	uint32_t i;

	while (i = p->i++, i < p->count || p->is_pci) {
		if (i < p->count
			    ? !devtree_reg_entry(p->fdt, p->node, &p->reg, i,
						 &base, &size)
			    : !devtree_window(p->fdt, p->node, i - p->count,
					      &base, &size)) {
			if (i >= p->count)
				break;
			continue;
		}
		if (size == 0 || base >= limit)
			continue;
		pages->begin = align_down(base, PAGE_SIZE);
		pages->end = size > limit - base
				     ? limit
				     : align_up(base + size, PAGE_SIZE);
		return true;
	}
	return false;
}

/* --- devices that may write memory --- */

static bool is_slave(const struct fdt *fdt, fdt_node_t node)
{
	struct fdt_prop p;
	const char *first;

	if (!fdt_prop(fdt, node, "compatible", &p))
		return false;
	first = (const char *)p.value;
	if (strnlen(first, p.size) == p.size)
		return false;
	for (unsigned int i = 0; i < ARRAY_SIZE(slaves); i++)
		if (streq(first, slaves[i]))
			return true;
	return false;
}

static bool is_forbidden(const struct fdt *fdt, fdt_node_t node)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(forbidden); i++)
		if (devtree_is_like(fdt, node, forbidden[i]))
			return true;
	return false;
}

static bool is_master(const struct fdt *fdt, fdt_node_t node)
{
	return !is_slave(fdt, node) && !is_confined(fdt, node);
}

/* What is known of each node. */
#define HAS_PAGES 1   /* there is something that the primary could reach */
#define IS_DEVICE 2   /* and it is one of those that stand for devices */
#define IS_MEDIATED 4 /* arch_mediates_node() */
#define IS_KEPT 8     /* the primary does not get it */
#define IS_NAMED 16   /* it is named only, or inside of one that is */

static uint8_t traits[MAX_NODES] NOINIT;

/* Whether the nodes inside of one, which is not deep, stand for no devices. */
static bool has_no_devices(const char *name)
{
	return streq(name, "reserved-memory") || streq(name, "chosen") ||
	       streq(name, "cpus");
}

static void find_traits(const struct fdt *fdt)
{
	uint8_t with_pages = HAS_PAGES;
	struct range range;
	struct pages p;

	for (fdt_node_t n = 0; (uint32_t)n < fdt->node_count; n++) {
		if (fdt_depth(fdt, n) == 1)
			with_pages = has_no_devices(fdt_name(fdt, n))
					     ? HAS_PAGES
					     : HAS_PAGES | IS_DEVICE;
		begin_pages(&p, fdt, n);
		traits[n] = next_pages(&p, &range) ? with_pages : 0;
		if (arch_mediates_node(fdt, n))
			traits[n] |= IS_MEDIATED;
		if (arch_hides_node(fdt, n))
			traits[n] |= IS_KEPT;
	}
}

/* Adds traits to a node and to those inside of it. */
static void mark(const struct fdt *fdt, fdt_node_t node, uint8_t what)
{
	for (uint32_t n = (uint32_t)node; n < fdt->node[node].end; n++)
		traits[n] |= what;
}

/* False: there is no room. */
static bool note(struct boot *b, fdt_node_t node, uint8_t what)
{
	if (b->withheld_count == MAX_WITHHELD)
		return false;
	b->withheld[b->withheld_count++] = node;
	mark(&b->tree, node, what);
	return true;
}

static void must_fit(bool fits)
{
	if (!fits)
		boot_stop(
			"device tree: more than %u devices to keep from the primary",
			MAX_WITHHELD);
}

bool boot_withholds(const struct boot *b, fdt_node_t node)
{
	for (uint32_t i = 0; i < b->withheld_count; i++)
		if (b->withheld[i] == node)
			return true;
	return false;
}

typedef bool is_kind_fn(const struct fdt *fdt, fdt_node_t node);

/*
 * Notes all devices of some kind that are not kept, or noted, already. Returns
 * for how many there was no room.
 */
static uint32_t note_all(struct boot *b, is_kind_fn *is_kind, uint8_t what)
{
	uint32_t lost = 0;

	for (uint32_t n = 0; n < b->tree.node_count; n++)
		if ((traits[n] & (IS_DEVICE | IS_MEDIATED | IS_KEPT |
				  IS_NAMED)) == IS_DEVICE &&
		    is_kind(&b->tree, (fdt_node_t)n))
			lost += !note(b, (fdt_node_t)n, what);
	return lost;
}

/* Length of a node's name without its address. */
static size_t kind_length(const char *name)
{
	size_t n = 0;

	while (name[n] && name[n] != '@')
		n++;
	return n;
}

/* Whether two nodes have the same name, their addresses aside. */
static bool is_same_kind(const char *a, const char *b)
{
	while (*a == *b && *a && *a != '@') {
		a++;
		b++;
	}
	return (!*a || *a == '@') && (!*b || *b == '@');
}

/*
 * How many of those withheld, from number `first` on, are of the kind of
 * number `i`; 0: told.
 */
static uint32_t count_kind(const struct boot *b, uint32_t first, uint32_t i)
{
	const char *name = fdt_name(&b->tree, b->withheld[i]);
	uint32_t count = 0;

	for (uint32_t k = first; k < b->withheld_count; k++) {
		if (!is_same_kind(fdt_name(&b->tree, b->withheld[k]), name))
			continue;
		if (k < i)
			return 0;
		count++;
	}
	return count;
}

/* Adds a kind of device, and how many there are, to a list of names. */
static size_t add_kind(char *text, size_t size, const char *name,
		       uint32_t count)
{
	size_t length = kind_length(name);
	size_t used = 0;
	char kind[32];

	if (length > sizeof(kind) - 1)
		length = sizeof(kind) - 1;
	memcpy(kind, name, length);
	kind[length] = '\0';
	if (count > 1)
		used = log_print(text, size, "%u ", count);
	return used + log_print(text + used, size - used, "%s, ", kind);
}

/* Names those withheld from number `first` on, several on a line. */
static void tell(const struct boot *b, uint32_t first, const char *what)
{
	char text[128];
	size_t used = 0;

	for (uint32_t i = first; i < b->withheld_count; i++) {
		uint32_t count = count_kind(b, first, i);

		if (count)
			used += add_kind(text + used, sizeof(text) - used,
					 fdt_name(&b->tree, b->withheld[i]),
					 count);
		if (used > sizeof(text) / 2 ||
		    (used && i == b->withheld_count - 1)) {
			text[used - 2] = '\0'; /* the last comma */
			log_line("%s: %s", what, text);
			used = 0;
		}
	}
}

/* --- who gets what --- */

/* Gives what nobody has yet of a node to the primary, or keeps it from it. */
static void take_node(const struct fdt *fdt, uint32_t node,
		      enum mm_transition transition)
{
	struct range r;
	struct pages p;

	begin_pages(&p, fdt, (fdt_node_t)node);
	while (next_pages(&p, &r))
		if (!mm_transfer_free(transition, &vm_primary.stage2,
				      paddr(r.begin), r.end - r.begin))
			boot_stop(
				"page tables: no room for the primary's devices");
}

/* Whether a page of the range is one of registers that are kept. */
static bool has_kept_page(const struct boot *b, struct range r)
{
	const struct ptable *t = &vm_primary.stage2;

	/* As a rule nobody has any of it yet. */
	if (mm_is_absent(t, r.begin, r.end - r.begin, OWNER_NOBODY))
		return false;
	while (r.begin < r.end) {
		struct mm_walk at = ptable_walk(t, r.begin);

		if (!at.mode && at.owner == OWNER_HYPERVISOR &&
		    !ranges_overlap(&b->hidden, r.begin, r.begin + PAGE_SIZE))
			return true;
		r.begin += at.span;
	}
	return false;
}

static bool shares_page(const struct boot *b, fdt_node_t node)
{
	struct range r;
	struct pages p;

	begin_pages(&p, &b->tree, node);
	while (next_pages(&p, &r))
		if (has_kept_page(b, r))
			return true;
	return false;
}

/* A node of a GICv3 that is not the board's, perhaps of the same hardware. */
static bool is_other_gic(const struct fdt *fdt, fdt_node_t node)
{
	return !arch_hides_node(fdt, node) &&
	       devtree_is_like(fdt, node, "arm,gic-v3");
}

/* Keeps what is withheld from the primary, other GICs or all else. */
static void keep_withheld(struct boot *b, bool gics)
{
	for (uint32_t n = 0; n < b->tree.node_count; n++)
		if ((traits[n] & HAS_PAGES) && (traits[n] & IS_KEPT) &&
		    is_other_gic(&b->tree, (fdt_node_t)n) == gics)
			take_node(&b->tree, n, MM_HIDE);
}

/* Gives the primary what it may have of nodes with all these traits. */
static void give_nodes(struct boot *b, uint8_t what)
{
	for (uint32_t n = 0; n < b->tree.node_count; n++)
		if ((traits[n] & what) == what && !(traits[n] & IS_KEPT))
			take_node(&b->tree, n, MM_GIVE_DEVICE);
}

/* What shares a page with registers that are kept is kept, too. */
static void withhold_sharers(struct boot *b)
{
	for (uint32_t n = 0; n < b->tree.node_count; n++) {
		if ((traits[n] & (IS_DEVICE | IS_MEDIATED | IS_KEPT)) !=
			    IS_DEVICE ||
		    !shares_page(b, (fdt_node_t)n))
			continue;
		log_line(
			"the primary has no %s: it shares a page with what is kept from it",
			fdt_name(&b->tree, (fdt_node_t)n));
		must_fit(note(b, (fdt_node_t)n, IS_KEPT));
	}
}

/* Withholds the devices that are not the primary's, and tells which. */
static void choose_withheld(struct boot *b)
{
	bool strict = b->manifest.strict;
	uint32_t first, lost;

	find_traits(&b->tree);
	must_fit(!note_all(b, is_forbidden, IS_KEPT));
	tell(b, 0, "withheld");
	first = b->withheld_count;
	lost = note_all(b, is_master, strict ? IS_KEPT : IS_NAMED);
	must_fit(!strict || !lost);
	tell(b, first,
	     strict ? "strict: withheld" : "may reach all memory by DMA");
	if (lost)
		log_line("may reach all memory by DMA: %u more", lost);
	/* Those are named only. */
	if (!strict)
		b->withheld_count = first;
}

/*
 * Pages that several nodes have are whose comes first here: the hypervisor's,
 * those of what is withheld, the board's GIC's, and those of others.
 */
void boot_give_devices(struct boot *b)
{
	choose_withheld(b);
	if (!arch_claim_devices(&vm_primary.stage2))
		boot_stop(
			"page tables: no room for the hypervisor's devices, or they lie in RAM");
	keep_withheld(b, false);
	give_nodes(b, HAS_PAGES | IS_MEDIATED);
	keep_withheld(b, true);
	withhold_sharers(b);
	give_nodes(b, HAS_PAGES);
}
