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

/* A range larger than this has several entries of a page table, as a rule. */
#define LARGE ((uint64_t)2 << 20)

/*
 * Kinds that are never the primary's. External debug reaches into a CPU that
 * runs another VM, or the hypervisor. The SMMU's event counters (PMCG) write to
 * any physical address to signal an interrupt. A GICv3 keeps tables in memory,
 * and only that of arch_mediates_node() has them judged.
 */
#define FORBIDDEN (KIND_LIKE_CORESIGHT | KIND_LIKE_PMCG | KIND_LIKE_GIC_V3)

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

/* The pages of a node: of its reg, then of a PCI host's windows. */
struct pages {
	const struct fdt *fdt;
	fdt_node_t node;
	struct fdt_prop reg;
	uint32_t visible; /* bytes of reg */
	uint32_t i;	  /* of the next range */
	uint32_t count;	  /* of those in reg */
	bool is_pci;
};

/* Finds a node's reg, as much of it as the primary may see. */
static bool find_visible_reg(struct pages *p)
{
	const struct fdt *fdt = p->fdt;
	fdt_node_t node = p->node;

	if (!fdt_noted_prop(fdt, fdt->node[node].reg, &p->reg))
		return false;
	if (!arch_edits_node(fdt, node))
		return true;
	p->visible = p->reg.size;
	switch (arch_edit_prop(fdt, node, &p->reg, &p->visible)) {
	case EDIT_DROP:
		return false;
	case EDIT_CUT:
		p->reg.size = p->visible;
		return true;
	default:
		return true;
	}
}

static void begin_pages(struct pages *p, const struct fdt *fdt, fdt_node_t node)
{
	p->fdt = fdt;
	p->node = node;
	p->i = p->count = 0;
	p->is_pci = devtree_has_type(fdt, node, "pci");
	/* Memory that is not used for RAM is nobody's, and no device. */
	if (fdt->node[node].reg && !devtree_has_type(fdt, node, "memory") &&
	    find_visible_reg(p))
		p->count = devtree_reg_count(fdt, node, &p->reg);
}

/* The pages that a range touches, as far as the primary could reach them. */
static bool find_pages(struct range *pages, uint64_t base, uint64_t size)
{
	uint64_t limit = (uint64_t)1 << vm_primary.stage2.input_bits;

	if (size == 0 || base >= limit)
		return false;
	pages->begin = align_down(base, PAGE_SIZE);
	pages->end =
		size > limit - base ? limit : align_up(base + size, PAGE_SIZE);
	return true;
}

static bool find_next(struct pages *p, struct range *pages)
{
	/* The range as such goes where its pages will. */
	uint64_t *base = &pages->begin, *size = &pages->end;

	while (p->i < p->count)
		if (devtree_reg_entry(p->fdt, p->node, &p->reg, p->i++, base,
				      size) &&
		    find_pages(pages, *base, *size))
			return true;
	while (p->is_pci &&
	       devtree_window(p->fdt, p->node, p->i++ - p->count, base, size))
		if (find_pages(pages, *base, *size))
			return true;
	return false;
}

/* The next pages that the primary could reach; false after the last. */
static inline bool next_pages(struct pages *p, struct range *pages)
{
	return (p->i < p->count || p->is_pci) && find_next(p, pages);
}

/* --- devices that may write memory --- */

static bool is_forbidden(const struct fdt *fdt, fdt_node_t node)
{
	return devtree_kinds(fdt, node) & FORBIDDEN;
}

static bool is_master(const struct fdt *fdt, fdt_node_t node)
{
	return !(devtree_kinds(fdt, node) & KIND_SLAVE) &&
	       !is_confined(fdt, node);
}

/* What is known of each node. */
#define HAS_PAGES 1   /* there is something that the primary could reach */
#define IS_DEVICE 2   /* and it is one of those that stand for devices */
#define IS_MEDIATED 4 /* arch_mediates_node() */
#define IS_KEPT 8     /* the primary does not get it */
#define IS_NAMED 16   /* it is named only, or inside of one that is */
#define IS_TOLD 32    /* a line has it */
#define HAS_ONE 64    /* its pages are one range, which may be noted */

static uint8_t traits[MAX_NODES] NOINIT;

/*
 * Most nodes are looked at several times, and have one range of pages. It is
 * noted at the node's number, unless a node further on was noted there.
 */
#define MAX_NOTED 64

static struct noted {
	uint32_t first;
	uint16_t count, node;
} noted[MAX_NOTED] NOINIT;

/* Whether the nodes inside of one, which is not deep, stand for no devices. */
static bool has_no_devices(const char *name)
{
	return streq(name, "reserved-memory") || streq(name, "chosen") ||
	       streq(name, "cpus");
}

/* Finds out whether a node has pages, and notes them if it can. */
static uint8_t look_at_pages(const struct fdt *fdt, fdt_node_t node)
{
	uint64_t first, count;
	struct range range;
	struct pages p;

	begin_pages(&p, fdt, node);
	if (!next_pages(&p, &range))
		return 0;
	first = range.begin >> PAGE_BITS;
	count = (range.end - range.begin) >> PAGE_BITS;
	if (first > UINT32_MAX || count > UINT16_MAX || p.count > 1 || p.is_pci)
		return HAS_PAGES;
	noted[node % MAX_NOTED] = (struct noted){
		(uint32_t)first, (uint16_t)count, (uint16_t)node};
	return HAS_PAGES | HAS_ONE;
}

static void find_traits(const struct fdt *fdt)
{
	uint8_t device = 0;

	for (fdt_node_t n = 0; (uint32_t)n < fdt->node_count; n++) {
		if (fdt_depth(fdt, n) == 1)
			device = has_no_devices(fdt_name(fdt, n)) ? 0
								  : IS_DEVICE;
		traits[n] = look_at_pages(fdt, n);
		if (traits[n])
			traits[n] |= device;
		if (arch_mediates_node(fdt, n))
			traits[n] |= IS_MEDIATED;
		if (arch_hides_node(fdt, n))
			traits[n] |= IS_KEPT;
	}
}

/* Begins with the pages of a node whose traits are known; as next_pages(). */
static inline bool first_pages(struct pages *p, const struct fdt *fdt,
			       uint32_t node, struct range *pages)
{
	const struct noted *n = &noted[node % MAX_NOTED];

	if (!(traits[node] & HAS_ONE) || n->node != node) {
		begin_pages(p, fdt, (fdt_node_t)node);
		return next_pages(p, pages);
	}
	p->i = p->count = 0;
	p->is_pci = false;
	pages->begin = (uint64_t)n->first << PAGE_BITS;
	pages->end = pages->begin + ((uint64_t)n->count << PAGE_BITS);
	return true;
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

/*
 * Whether a node's name, its address aside, is the `length` bytes at `kind`.
 * Names of nodes are whole cells, and begin at one.
 */
static bool is_of_kind(const char *name, const char *kind, size_t length)
{
	size_t i = 0;

	while (i + 4 <= length &&
	       fdt_cell((const uint8_t *)name + i, 0) ==
		       fdt_cell((const uint8_t *)kind + i, 0))
		i += 4;
	while (i < length && name[i] == kind[i])
		i++;
	return i == length && (name[i] == '@' || !name[i]);
}

/*
 * How many of those withheld, from number `i` on, are of its kind; all of them
 * are told by that. 0: it is told already.
 */
static uint32_t count_kind(const struct boot *b, uint32_t i)
{
	const char *name = fdt_name(&b->tree, b->withheld[i]);
	uint32_t count = 0;
	size_t length;

	if (traits[b->withheld[i]] & IS_TOLD)
		return 0;
	length = kind_length(name);
	for (; i < b->withheld_count; i++)
		if (is_of_kind(fdt_name(&b->tree, b->withheld[i]), name,
			       length)) {
			traits[b->withheld[i]] |= IS_TOLD;
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
		uint32_t count = count_kind(b, i);

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

/*
 * What nobody has yet goes to the primary, or is kept from it. Devices often
 * lie in a row: their pages change hands together.
 */
struct transfer {
	enum mm_transition transition;
	struct range pages; /* that are still to be transferred */
};

static void end_transfer(struct transfer *t)
{
	uint64_t size = t->pages.end - t->pages.begin;

	if (size && !mm_transfer_free(t->transition, &vm_primary.stage2,
				      paddr(t->pages.begin), size))
		boot_stop("page tables: no room for the primary's devices");
}

static void add_pages(struct transfer *t, struct range r)
{
	if (r.begin < t->pages.begin || r.begin > t->pages.end) {
		end_transfer(t);
		t->pages = r;
	} else if (r.end > t->pages.end) {
		t->pages.end = r.end;
	}
}

static void add_node(struct transfer *t, const struct fdt *fdt, uint32_t node)
{
	struct range r;
	struct pages p;

	for (bool any = first_pages(&p, fdt, node, &r); any;
	     any = next_pages(&p, &r))
		add_pages(t, r);
}

/*
 * Whether a page of the range is one of registers that are kept. *clear is
 * where an entry of the table was found to have none: nothing is kept anew as
 * long as it is used.
 */
static bool has_kept_page(const struct boot *b, struct range r,
			  struct range *clear)
{
	const struct ptable *t = &vm_primary.stage2;

	/* As a rule nobody has any of it yet. */
	if (r.end - r.begin > LARGE &&
	    mm_is_absent(t, r.begin, r.end - r.begin, OWNER_NOBODY))
		return false;
	while (r.begin < r.end) {
		struct mm_walk at;

		if (r.begin >= clear->begin && r.begin < clear->end) {
			r.begin = clear->end;
			continue;
		}
		at = ptable_walk(t, r.begin);
		if (at.mode || at.owner != OWNER_HYPERVISOR)
			*clear = (struct range){r.begin, r.begin + at.span};
		else if (!ranges_overlap(&b->hidden, r.begin,
					 r.begin + PAGE_SIZE))
			return true;
		r.begin += at.span;
	}
	return false;
}

static bool shares_page(const struct boot *b, uint32_t node,
			struct range *clear)
{
	struct range r;
	struct pages p;

	for (bool any = first_pages(&p, &b->tree, node, &r); any;
	     any = next_pages(&p, &r))
		if (has_kept_page(b, r, clear))
			return true;
	return false;
}

/* A node of a GICv3 that is not the board's, perhaps of the same hardware. */
static bool is_other_gic(const struct fdt *fdt, fdt_node_t node)
{
	return !arch_hides_node(fdt, node) &&
	       (devtree_kinds(fdt, node) & KIND_LIKE_GIC_V3);
}

/* Keeps what is withheld from the primary, other GICs or all else. */
static void keep_withheld(struct boot *b, bool gics)
{
	struct transfer t = {.transition = MM_HIDE};

	for (uint32_t n = 0; n < b->tree.node_count; n++)
		if ((traits[n] & HAS_PAGES) && (traits[n] & IS_KEPT) &&
		    is_other_gic(&b->tree, (fdt_node_t)n) == gics)
			add_node(&t, &b->tree, n);
	end_transfer(&t);
}

/* Gives the primary what it has of the nodes that arch_mediates_node() says. */
static void give_mediated(struct boot *b)
{
	struct transfer t = {.transition = MM_GIVE_DEVICE};

	for (uint32_t n = 0; n < b->tree.node_count; n++)
		if ((traits[n] & (HAS_PAGES | IS_MEDIATED | IS_KEPT)) ==
		    (HAS_PAGES | IS_MEDIATED))
			add_node(&t, &b->tree, n);
	end_transfer(&t);
}

/* What shares a page with registers that are kept is kept, too. */
static bool is_sharer(struct boot *b, uint32_t n, struct range *clear)
{
	if ((traits[n] & (IS_DEVICE | IS_MEDIATED)) != IS_DEVICE ||
	    !shares_page(b, n, clear))
		return false;
	log_line(
		"the primary has no %s: it shares a page with what is kept from it",
		fdt_name(&b->tree, (fdt_node_t)n));
	must_fit(note(b, (fdt_node_t)n, IS_KEPT));
	return true;
}

/* Gives the primary all that is left. */
static void give_others(struct boot *b)
{
	struct transfer t = {.transition = MM_GIVE_DEVICE};
	struct range clear = {0, 0};

	for (uint32_t n = 0; n < b->tree.node_count; n++)
		if ((traits[n] & (HAS_PAGES | IS_KEPT)) == HAS_PAGES &&
		    !is_sharer(b, n, &clear))
			add_node(&t, &b->tree, n);
	end_transfer(&t);
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
	give_mediated(b);
	keep_withheld(b, true);
	give_others(b);
}
