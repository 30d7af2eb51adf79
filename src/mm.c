/* SPDX-License-Identifier: BSD-3-Clause */
#include "mm.h"

#include "arch.h"
#include "pool.h"

struct ptable mm_hypervisor RO_AFTER_BOOT;

/* Virtual minus physical address of the hypervisor's own memory. */
static uint64_t own_offset RO_AFTER_BOOT;

BOOT_ONLY void mm_set_offset(uint64_t virt_minus_phys)
{
	own_offset = virt_minus_phys;
}

paddr_t virt_to_phys(const void *p)
{
	return paddr((uint64_t)(uintptr_t)p - own_offset);
}

void *phys_to_virt(paddr_t p)
{
	return (void *)(uintptr_t)(p.pa + own_offset);
}

static uint64_t entry_size(unsigned int level)
{
	return (uint64_t)1 << pt_shift(level);
}

/*
 * A walk on another CPU, by hardware or by ptable_walk(), may meet an entry
 * while it is changed: it sees the old one or the new one.
 */
static uint64_t load_entry(const uint64_t *pte)
{
	return __atomic_load_n(pte, __ATOMIC_RELAXED);
}

static inline void store_entry(uint64_t *pte, uint64_t value)
{
	*(volatile uint64_t *)pte = value;
}

/* Entries that are looked at together. */
#define RUN 8

/* Whether the next entries all have one value. */
static inline bool is_run_of(const uint64_t *pte, uint64_t value)
{
	return !((pte[0] ^ value) | (pte[1] ^ value) | (pte[2] ^ value) |
		 (pte[3] ^ value) | (pte[4] ^ value) | (pte[5] ^ value) |
		 (pte[6] ^ value) | (pte[7] ^ value));
}

/* Stores them; each is `step` more than the one before. */
static inline void store_run(uint64_t *pte, uint64_t value, uint64_t step)
{
	store_entry(&pte[0], value);
	store_entry(&pte[1], value += step);
	store_entry(&pte[2], value += step);
	store_entry(&pte[3], value += step);
	store_entry(&pte[4], value += step);
	store_entry(&pte[5], value += step);
	store_entry(&pte[6], value += step);
	store_entry(&pte[7], value + step);
}

static bool in_input_range(const struct ptable *t, uint64_t at, uint64_t size)
{
	uint64_t limit = (uint64_t)1 << t->input_bits;

	return at <= limit && size <= limit - at;
}

BOOT_ONLY bool ptable_init(struct ptable *t, enum mm_stage stage, uint8_t level,
			   uint8_t root_pages, uint8_t input_bits)
{
	uint64_t *root = pool_alloc(root_pages);

	if (!root)
		return false;
	*t = (struct ptable){
		.root = root,
		.stage = (uint8_t)stage,
		.level = level,
		.root_pages = root_pages,
		.input_bits = input_bits,
	};
	return true;
}

/* Which entry of a table at `level` is for `at`. */
static BOOT_ONLY uint64_t index_in(const struct ptable *t, unsigned int level,
				   uint64_t at)
{
	uint64_t mask = level == t->level ? t->root_pages * PT_ENTRIES - 1
					  : PT_ENTRIES - 1;

	return at >> pt_shift(level) & mask;
}

/* The table that an entry points to. */
static uint64_t *table_of(uint64_t pte)
{
	return phys_to_virt(arch_pte_pa(pte));
}

/* What a change puts into the entries of a range. */
struct change {
	enum mm_stage stage;
	bool prepare; /* only make the tables that it needs */
	bool spare;   /* leave what is not nobody's as it is; not prepared */
	bool map;
	uint64_t delta; /* map: physical minus input address */
	unsigned int mode;
	enum mm_owner owner; /* not map */
};

/* The entry that `c` wants for input address `at`, if it covers it whole. */
static BOOT_ONLY uint64_t wanted_entry(const struct change *c,
				       unsigned int level, uint64_t at)
{
	if (!c->map)
		return arch_pte_absent(c->owner);
	return arch_pte_leaf(c->stage, level, paddr(at + c->delta), c->mode);
}

/* How many entries at this level can do for [at, end) of `c`, from `at` on. */
static BOOT_ONLY uint64_t count_fitting(const struct change *c,
					unsigned int level, uint64_t at,
					uint64_t end)
{
	uint64_t size = entry_size(level);

	if (!is_aligned(at, size))
		return 0;
	if (c->map && level != PT_LEAF_LEVEL &&
	    (level < 1 || !is_aligned(at + c->delta, size)))
		return 0;
	return (end - at) >> pt_shift(level);
}

/*
 * Makes an entry that maps or holds an owner for all of its range into a table
 * that says the same, page by page.
 */
static BOOT_ONLY bool split(struct ptable *t, uint64_t *pte, unsigned int level)
{
	enum mm_stage stage = (enum mm_stage)t->stage;
	uint64_t *table = pool_alloc(1);
	uint64_t value = *pte, step = 0;

	if (!table)
		return false;
	if (!arch_pte_is_absent(value)) {
		value = arch_pte_leaf(stage, level + 1, arch_pte_pa(value),
				      arch_pte_mode(stage, value));
		step = entry_size(level + 1);
	}
	/* A new table is full of zeros. */
	for (unsigned int i = 0; value && i < PT_ENTRIES; i++, value += step)
		table[i] = value;
	arch_pt_sync();
	store_entry(pte, arch_pte_table(virt_to_phys(table)));
	return true;
}

/* Frees the tables below an entry that is about to be replaced. */
static BOOT_ONLY void free_below(uint64_t pte, unsigned int level)
{
	uint64_t *table;

	if (!arch_pte_is_table(pte, level))
		return;
	table = table_of(pte);
	for (unsigned int i = 0; level + 1 < PT_LEAF_LEVEL && i < PT_ENTRIES;
	     i++)
		if (table[i])
			free_below(table[i], level + 1);
	pool_free(table);
}

static BOOT_ONLY bool change_table(struct ptable *t, uint64_t *entries,
				   unsigned int level, uint64_t at,
				   uint64_t end, const struct change *c);

/*
 * Fills the entries in a row that are 0, `count` at most; returns how many.
 * Large windows of devices make this the loop that boot is in most.
 */
static uint64_t fill_empty(uint64_t *pte, uint64_t count, uint64_t value,
			   uint64_t step)
{
	uint64_t n = 0;

	for (; n + RUN <= count && is_run_of(pte, 0); n += RUN, pte += RUN) {
		store_run(pte, value, step);
		value += RUN * step;
	}
	for (; n < count && !*pte; n++, value += step)
		store_entry(pte++, value);
	return n;
}

/* How many entries in a row, `count` at most, are in use. */
static uint64_t count_used(const uint64_t *pte, uint64_t count)
{
	const uint64_t *at = pte, *end = pte + count;

	while (at < end && *at)
		at++;
	return (uint64_t)(at - pte);
}

/* Changes an entry in use, all of what it covers. */
static bool change_entry(struct ptable *t, uint64_t *pte, unsigned int level,
			 uint64_t at, uint64_t value, const struct change *c)
{
	uint64_t old = *pte;

	if (c->spare)
		return !arch_pte_is_table(old, level) ||
		       change_table(t, table_of(old), level + 1, at,
				    at + entry_size(level), c);
	store_entry(pte, value);
	free_below(old, level);
	return true;
}

/* Changes `count` entries in a row, all of what they cover, from `at` on. */
static BOOT_ONLY bool change_run(struct ptable *t, uint64_t *pte,
				 unsigned int level, uint64_t at,
				 uint64_t count, const struct change *c)
{
	uint64_t size = entry_size(level);
	uint64_t value = wanted_entry(c, level, at);
	uint64_t step = c->map ? size : 0;
	uint64_t n;

	if (c->prepare)
		return true;
	for (; count; count -= n, pte += n, at += n * size, value += n * step) {
		n = fill_empty(pte, count, value, step);
		if (n)
			continue;
		if (c->spare && level == PT_LEAF_LEVEL) {
			n = count_used(pte, count);
			continue;
		}
		if (!change_entry(t, pte, level, at, value, c))
			return false;
		n = 1;
	}
	return true;
}

/* Changes [at, end), which is a part of what an entry covers. */
static BOOT_ONLY bool change_part(struct ptable *t, uint64_t *pte,
				  unsigned int level, uint64_t at, uint64_t end,
				  const struct change *c)
{
	uint64_t first = align_down(at, entry_size(level));
	uint64_t old = *pte;

	if (!arch_pte_is_table(old, level)) {
		if (c->spare ? old : old == wanted_entry(c, level, first))
			return true;
		if (!split(t, pte, level))
			return false;
	}
	return change_table(t, table_of(*pte), level + 1, at, end, c);
}

/*
 * Changes the input addresses [at, end) that lie in the table `entries` at
 * `level`, whose first entry is for the address of `at` with the low bits
 * cleared. Recursion ends at the leaf level.
 */
static BOOT_ONLY bool change_table(struct ptable *t, uint64_t *entries,
				   unsigned int level, uint64_t at,
				   uint64_t end, const struct change *c)
{
	uint64_t size = entry_size(level);
	uint64_t *pte = &entries[index_in(t, level, at)];

	while (at < end) {
		uint64_t count = count_fitting(c, level, at, end);
		uint64_t next = align_down(at, size) + size;
		uint64_t stop = next < end ? next : end;

		if (count)
			stop = at + count * size;
		if (count ? !change_run(t, pte, level, at, count, c)
			  : !change_part(t, pte, level, at, stop, c))
			return false;
		pte += count ? count : 1;
		at = stop;
	}
	return true;
}

static BOOT_ONLY bool run_change(struct ptable *t, uint64_t at, uint64_t size,
				 struct change *c)
{
	uint64_t *entries = t->root, *pte;
	unsigned int level = t->level;

	c->stage = (enum mm_stage)t->stage;
	/* Down to where the range is more than a part of one entry. */
	while (size && size < entry_size(level) &&
	       !((at ^ (at + size - 1)) >> pt_shift(level))) {
		pte = &entries[index_in(t, level, at)];
		if (!arch_pte_is_table(*pte, level))
			break;
		entries = table_of(*pte);
		level++;
	}
	return change_table(t, entries, level, at, at + size, c);
}

/*
 * Makes the tables that a change needs. Every address still translates as
 * before, and the change itself can then not fail.
 */
static BOOT_ONLY bool prepare_change(struct ptable *t, uint64_t at,
				     uint64_t size, struct change *c)
{
	c->prepare = true;
	return in_input_range(t, at, size) && run_change(t, at, size, c);
}

static BOOT_ONLY void commit_change(struct ptable *t, uint64_t at,
				    uint64_t size, struct change *c)
{
	c->prepare = false;
	run_change(t, at, size, c);
	arch_pt_sync();
}

static BOOT_ONLY struct change mapping(uint64_t at, paddr_t pa,
				       unsigned int mode)
{
	return (struct change){.map = true, .delta = pa.pa - at, .mode = mode};
}

BOOT_ONLY bool ptable_map(struct ptable *t, uint64_t at, uint64_t size,
			  paddr_t pa, unsigned int mode)
{
	struct change c = mapping(at, pa, mode);

	if (!prepare_change(t, at, size, &c))
		return false;
	commit_change(t, at, size, &c);
	return true;
}

BOOT_ONLY bool ptable_clear(struct ptable *t, uint64_t at, uint64_t size,
			    enum mm_owner owner)
{
	struct change c = {.owner = owner};

	if (!prepare_change(t, at, size, &c))
		return false;
	commit_change(t, at, size, &c);
	return true;
}

BOOT_ONLY uint64_t *ptable_entry(struct ptable *t, uint64_t at)
{
	/* Any mapping: the tables are not for what is in them. */
	struct change c = mapping(at, paddr(at), MM_R);
	uint64_t *table = t->root;
	unsigned int level = t->level;

	if (!prepare_change(t, at, PAGE_SIZE, &c))
		return NULL;
	for (; level < PT_LEAF_LEVEL; level++)
		table = phys_to_virt(
			arch_pte_pa(table[index_in(t, level, at)]));
	return &table[index_in(t, level, at)];
}

struct mm_walk ptable_walk(const struct ptable *t, uint64_t at)
{
	struct mm_walk w = {.owner = OWNER_NOBODY};
	enum mm_stage stage = (enum mm_stage)t->stage;
	unsigned int level = t->level;
	const uint64_t *table = t->root;
	uint64_t mask = t->root_pages * PT_ENTRIES - 1;
	uint64_t pte;

	if (!in_input_range(t, at, 1))
		return w;
	for (;;) {
		pte = load_entry(&table[(at >> pt_shift(level)) & mask]);
		if (!arch_pte_is_table(pte, level))
			break;
		table = phys_to_virt(arch_pte_pa(pte));
		mask = PT_ENTRIES - 1;
		level++;
	}
	w.span = entry_size(level) - (at & (entry_size(level) - 1));
	if (arch_pte_is_absent(pte)) {
		w.owner = arch_pte_owner(pte);
		return w;
	}
	w.pa = paddr_add(arch_pte_pa(pte), at & (entry_size(level) - 1));
	w.mode = arch_pte_mode(stage, pte);
	return w;
}

bool ptable_is_normal(const struct ptable *t, uint64_t at, uint64_t size)
{
	if (!in_input_range(t, at, size))
		return false;
	while (size) {
		struct mm_walk w = ptable_walk(t, at);
		uint64_t step = w.span < size ? w.span : size;

		if (w.mode != MM_NORMAL_RWX)
			return false;
		at += step;
		size -= step;
	}
	return true;
}

static BOOT_ONLY enum mm_owner owner_of(const struct mm_walk *w)
{
	return w->mode ? OWNER_PRIMARY : w->owner;
}

BOOT_ONLY enum mm_owner mm_owner(const struct ptable *primary, paddr_t pa)
{
	struct mm_walk w = ptable_walk(primary, pa.pa);

	return owner_of(&w);
}

/* Whether [at, end), which lies in a table, has `value` in each entry. */
static BOOT_ONLY bool table_holds(const struct ptable *t,
				  const uint64_t *entries, unsigned int level,
				  uint64_t at, uint64_t end, uint64_t value)
{
	uint64_t size = entry_size(level);
	const uint64_t *pte = &entries[index_in(t, level, at)];
	uint64_t first = align_down(at, size);
	uint64_t count = (end - first + size - 1) >> pt_shift(level);

	for (uint64_t i = 0; i < count; i++) {
		uint64_t from = first + i * size;

		for (; i + RUN <= count && is_run_of(&pte[i], value); i += RUN)
			from += RUN * size;
		if (i == count || pte[i] == value)
			continue;
		if (!arch_pte_is_table(pte[i], level) ||
		    !table_holds(t, table_of(pte[i]), level + 1,
				 from < at ? at : from,
				 from + size < end ? from + size : end, value))
			return false;
	}
	return true;
}

BOOT_ONLY bool mm_is_absent(const struct ptable *t, uint64_t at, uint64_t size,
			    enum mm_owner owner)
{
	return in_input_range(t, at, size) &&
	       table_holds(t, t->root, t->level, at, at + size,
			   arch_pte_absent(owner));
}

static const struct {
	uint8_t from, to, mode;
} transitions[] BOOT_CONST = {
	[MM_HIDE] = {OWNER_NOBODY, OWNER_HYPERVISOR, 0},
	[MM_GIVE_RAM] = {OWNER_NOBODY, OWNER_PRIMARY, MM_NORMAL_RWX},
	[MM_GIVE_DEVICE] = {OWNER_NOBODY, OWNER_PRIMARY, MM_DEVICE_RW},
	[MM_DONATE] = {OWNER_HYPERVISOR, OWNER_VM, MM_NORMAL_RWX},
};

/* The change of the primary's stage 2 for a transition. */
static BOOT_ONLY struct change booking(enum mm_transition transition,
				       paddr_t pa)
{
	if (transitions[transition].to == OWNER_PRIMARY)
		return mapping(pa.pa, pa, transitions[transition].mode);
	return (struct change){.owner = transitions[transition].to};
}

BOOT_ONLY bool mm_transfer(enum mm_transition transition,
			   struct ptable *primary, paddr_t pa, uint64_t size,
			   const struct mm_receiver *to)
{
	struct change book = booking(transition, pa);
	struct change own = {0};

	if ((to != NULL) != (transition == MM_DONATE))
		return false;
	if (!mm_is_absent(primary, pa.pa, size, transitions[transition].from))
		return false;
	if (to) {
		book.owner += to->index;
		own = mapping(to->at.ipa, pa, transitions[transition].mode);
		if (!mm_is_absent(to->stage2, to->at.ipa, size, OWNER_NOBODY) ||
		    !prepare_change(to->stage2, to->at.ipa, size, &own))
			return false;
	}
	if (!prepare_change(primary, pa.pa, size, &book))
		return false;
	commit_change(primary, pa.pa, size, &book);
	if (to)
		commit_change(to->stage2, to->at.ipa, size, &own);
	return true;
}

BOOT_ONLY bool mm_transfer_free(enum mm_transition transition,
				struct ptable *primary, paddr_t pa,
				uint64_t size)
{
	struct change book = booking(transition, pa);

	bool done;

	book.spare = true;
	if (transitions[transition].from != OWNER_NOBODY ||
	    !in_input_range(primary, pa.pa, size))
		return false;
	done = run_change(primary, pa.pa, size, &book);
	arch_pt_sync();
	return done;
}
