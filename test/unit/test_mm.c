/* SPDX-License-Identifier: BSD-3-Clause */
/* src/mm.c: page tables of every geometry, and who owns a page. */
#include "unit.h"
#include "fake.h"
#include "pool.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define PAGE PAGE_SIZE

/* Roots that hardware has: level, concatenated pages, input bits. */
static const struct geometry {
	uint8_t level, root_pages, input_bits;
} geometries[] = {
	{2, 1, 30}, {2, 16, 34}, {1, 1, 36}, {1, 1, 39}, {1, 2, 40},
	{1, 8, 42}, {1, 16, 43}, {0, 1, 44}, {0, 1, 48},
};

static struct ptable t;

/* An empty stage-2 table in a pool of `pages` pages. */
static void make_table(const struct geometry *g, size_t pages)
{
	fake_reset();
	pool_init(fake_ram(FAKE_RAM_BASE),
		  fake_ram(FAKE_RAM_BASE + pages * PAGE));
	CHECK(ptable_init(&t, MM_STAGE_2, g->level, g->root_pages,
			  g->input_bits));
}

static const struct geometry bits40 = {1, 2, 40};
static const struct geometry bits48 = {0, 1, 48};

static void make40(void)
{
	make_table(&bits40, 1024);
}

static void check_absent(uint64_t at, unsigned int owner)
{
	struct mm_walk w = ptable_walk(&t, at);

	CHECK_EQ(w.mode, 0);
	CHECK_EQ(w.owner, owner);
	CHECK_EQ(w.pa.pa, 0);
}

static void check_mapped(uint64_t at, uint64_t pa, unsigned int mode)
{
	struct mm_walk w = ptable_walk(&t, at);

	CHECK_EQ(w.pa.pa, pa);
	CHECK_EQ(w.mode, mode);
}

static void check_span(uint64_t at, uint64_t span)
{
	CHECK_EQ(ptable_walk(&t, at).span, span);
}

TEST(offset)
{
	char c;

	mm_set_offset(0x1000);
	CHECK_EQ(virt_to_phys(&c).pa, (uintptr_t)&c - 0x1000);
	CHECK(phys_to_virt(paddr((uintptr_t)&c - 0x1000)) == &c);
	mm_set_offset(0);
	CHECK_EQ(virt_to_phys(&c).pa, (uintptr_t)&c);
}

/* Tables are found although physical and virtual addresses differ. */
TEST(tables_by_offset)
{
	make40();
	mm_set_offset(0x10000000);
	CHECK(ptable_map(&t, 0x5000, PAGE, paddr(0x7000), MM_R));
	CHECK_EQ(arch_pte_pa(t.root[0]).pa + 0x10000000,
		 FAKE_RAM_BASE + 2 * PAGE);
	check_mapped(0x5fff, 0x7fff, MM_R);
	CHECK_EQ(fake_check_ptable(&t), 2);
	mm_set_offset(0);
}

TEST(empty)
{
	for (size_t i = 0; i < ARRAY_SIZE(geometries); i++) {
		const struct geometry *g = &geometries[i];
		uint64_t limit = UINT64_C(1) << g->input_bits;

		make_table(g, 64);
		check_absent(0, OWNER_NOBODY);
		check_absent(limit - 1, OWNER_NOBODY);
		check_span(0, UINT64_C(1) << pt_shift(g->level));
		check_span(limit - 1, 1);
		check_span(limit, 0);
		CHECK_EQ(fake_check_ptable(&t), 0);
	}
}

TEST(no_pool)
{
	fake_reset();
	pool_init(fake_ram(FAKE_RAM_BASE), fake_ram(FAKE_RAM_BASE));
	memset(&t, 0, sizeof(t));
	CHECK(!ptable_init(&t, MM_STAGE_2, 1, 2, 40));
	/* It has no page that somebody could change. */
	CHECK(t.root == NULL);
	CHECK_EQ(t.root_pages, 0);
	pool_init(fake_ram(FAKE_RAM_BASE), fake_ram(FAKE_RAM_BASE + PAGE));
	CHECK(!ptable_init(&t, MM_STAGE_2, 1, 2, 40));
	CHECK(ptable_init(&t, MM_STAGE_2, 1, 1, 39));
}

/* Roots are aligned to their size, as VTTBR_EL2 wants them. */
TEST(root_alignment)
{
	fake_reset();
	for (unsigned int pages = 1; pages <= 16; pages *= 2) {
		CHECK(ptable_init(&t, MM_STAGE_2, 1, (uint8_t)pages, 43));
		CHECK(is_aligned((uintptr_t)t.root, pages * PAGE));
	}
}

/* No address aliases another, or is accepted above the input range. */
TEST(powers_of_two)
{
	for (size_t i = 0; i < ARRAY_SIZE(geometries); i++) {
		const struct geometry *g = &geometries[i];

		make_table(g, 64);
		CHECK(ptable_map(&t, 0, PAGE, paddr(0), MM_R));
		for (unsigned int k = PAGE_BITS; k < 64; k++) {
			uint64_t at = UINT64_C(1) << k;
			bool inside = k < g->input_bits;

			check_absent(at, OWNER_NOBODY);
			CHECK_EQ(ptable_walk(&t, at).span != 0, inside);
			CHECK_EQ(ptable_map(&t, at, PAGE, paddr(at), MM_R),
				 inside);
			CHECK_EQ(
				ptable_clear(&t, at + 9 * PAGE, PAGE, OWNER_VM),
				inside);
			if (inside) {
				check_mapped(at, at, MM_R);
				check_mapped(at + 0xfff, at + 0xfff, MM_R);
				if (k > PAGE_BITS + 1)
					check_absent(at - 1, OWNER_NOBODY);
			}
		}
		check_mapped(0, 0, MM_R);
		check_absent(10 * PAGE, OWNER_VM);
		fake_check_ptable(&t);
	}
}

/* Ranges that end at, behind, and far behind the input range. */
TEST(range_ends)
{
	for (size_t i = 0; i < ARRAY_SIZE(geometries); i++) {
		const struct geometry *g = &geometries[i];
		uint64_t limit = UINT64_C(1) << g->input_bits;
		size_t used;

		make_table(g, 64);
		used = pool_used_bytes();
		CHECK(!ptable_map(&t, limit - PAGE, 2 * PAGE, paddr(0), MM_R));
		CHECK(!ptable_map(&t, limit, PAGE, paddr(0), MM_R));
		CHECK(!ptable_map(&t, 0, limit + PAGE, paddr(0), MM_R));
		CHECK(!ptable_map(&t, PAGE, ~UINT64_C(0) - 0xfff, paddr(0),
				  MM_R));
		CHECK(!ptable_map(&t, ~UINT64_C(0) - 0xfff, 2 * PAGE, paddr(0),
				  MM_R));
		CHECK(!ptable_clear(&t, limit - PAGE, 2 * PAGE, OWNER_VM));
		CHECK(!ptable_clear(&t, limit, PAGE, OWNER_VM));
		CHECK(!ptable_clear(&t, PAGE, ~UINT64_C(0) - 0xfff, OWNER_VM));
		CHECK_EQ(pool_used_bytes(), used);
		check_absent(0, OWNER_NOBODY);
		check_absent(limit - PAGE, OWNER_NOBODY);
		CHECK(ptable_map(&t, limit - PAGE, PAGE, paddr(PAGE), MM_R));
		check_mapped(limit - 1, 2 * PAGE - 1, MM_R);
		/* Nothing is nothing, also at the end. */
		CHECK(ptable_map(&t, limit, 0, paddr(0), MM_R));
		CHECK(ptable_clear(&t, 0, 0, OWNER_VM));
		check_absent(0, OWNER_NOBODY);
	}
}

/* All of a range, whatever it is made of; and none that ends elsewhere. */
TEST(is_normal)
{
	const uint64_t limit = UINT64_C(1) << 40;

	make40();
	CHECK(ptable_map(&t, GIB, GIB, paddr(GIB), MM_NORMAL_RWX));
	CHECK(ptable_map(&t, 2 * GIB, PAGE_SIZE, paddr(2 * GIB),
			 MM_NORMAL_RWX));
	CHECK(ptable_map(&t, 2 * GIB + PAGE_SIZE, PAGE_SIZE,
			 paddr(2 * GIB + PAGE_SIZE), MM_DEVICE_RW));
	CHECK(ptable_map(&t, limit - PAGE_SIZE, PAGE_SIZE,
			 paddr(limit - PAGE_SIZE), MM_NORMAL_RWX));
	CHECK(ptable_map(&t, 4 * GIB, PAGE_SIZE, paddr(4 * GIB), MM_R | MM_W));
	CHECK(ptable_is_normal(&t, GIB, GIB + PAGE_SIZE));
	CHECK(ptable_is_normal(&t, GIB + 7, 1));
	CHECK(ptable_is_normal(&t, 2 * GIB - 1, 2));
	CHECK(!ptable_is_normal(&t, GIB, GIB + PAGE_SIZE + 1));
	CHECK(!ptable_is_normal(&t, GIB - 1, 2));
	CHECK(!ptable_is_normal(&t, 2 * GIB + PAGE_SIZE, 8));
	CHECK(!ptable_is_normal(&t, 4 * GIB, 8));
	CHECK(ptable_is_normal(&t, limit - PAGE_SIZE, PAGE_SIZE));
	CHECK(!ptable_is_normal(&t, limit - PAGE_SIZE, PAGE_SIZE + 1));
	CHECK(!ptable_is_normal(&t, GIB, ~UINT64_C(0)));
	CHECK(!ptable_is_normal(&t, GIB, 0 - GIB));
	for (unsigned int bit = 40; bit < 64; bit++)
		CHECK(!ptable_is_normal(&t, GIB + (UINT64_C(1) << bit), 8));
}

/* The whole input range in one go, through all concatenated pages. */
TEST(whole_range)
{
	for (size_t i = 0; i < ARRAY_SIZE(geometries); i++) {
		const struct geometry *g = &geometries[i];
		uint64_t limit = UINT64_C(1) << g->input_bits;

		/* Level 0 has no blocks: one table for each 512 GiB. */
		make_table(g, 1024);
		CHECK(ptable_map(&t, 0, limit, paddr(0), MM_NORMAL_RWX));
		for (uint64_t at = 0; at < limit; at += limit / 64)
			check_mapped(at + 0x123, at + 0x123, MM_NORMAL_RWX);
		check_mapped(limit - 1, limit - 1, MM_NORMAL_RWX);
		CHECK_EQ(fake_check_ptable(&t),
			 g->level == 0 ? limit >> pt_shift(0) : 0);
		CHECK(ptable_clear(&t, 0, limit, OWNER_HYPERVISOR));
		CHECK_EQ(fake_check_ptable(&t), 0);
		check_absent(limit - 1, OWNER_HYPERVISOR);
	}
}

/* Each size of block is used where both addresses allow it. */
TEST(block_sizes)
{
	make40();
	CHECK(ptable_map(&t, GIB, GIB, paddr(7 * GIB), MM_R));
	check_span(GIB, GIB);
	check_span(GIB + 0x1234, GIB - 0x1234);
	CHECK_EQ(fake_check_ptable(&t), 0);
	CHECK(ptable_map(&t, 2 * GIB, GIB, paddr(7 * GIB + 2 * MIB), MM_R));
	check_span(2 * GIB, 2 * MIB);
	CHECK_EQ(fake_check_ptable(&t), 1);
	CHECK(ptable_map(&t, 3 * GIB, 4 * MIB, paddr(PAGE), MM_R));
	check_span(3 * GIB, PAGE);
	CHECK_EQ(fake_check_ptable(&t), 1 + 3);
	check_mapped(3 * GIB + 4 * MIB - 1, PAGE + 4 * MIB - 1, MM_R);
	check_absent(3 * GIB + 4 * MIB, OWNER_NOBODY);
}

/* A range that begins and ends inside of blocks at every level. */
TEST(ragged_range)
{
	uint64_t at = GIB - 2 * MIB - PAGE;
	uint64_t size = GIB + 4 * MIB + 2 * PAGE;

	make40();
	CHECK(ptable_map(&t, at, size, paddr(at + 8 * GIB), MM_R | MM_W));
	check_absent(at - 1, OWNER_NOBODY);
	check_span(at, PAGE);
	check_span(at + PAGE, 2 * MIB);
	check_span(GIB, GIB);
	check_span(2 * GIB, 2 * MIB);
	check_span(2 * GIB + 2 * MIB, PAGE);
	check_absent(at + size, OWNER_NOBODY);
	for (uint64_t a = at; a < at + size; a += PAGE)
		check_mapped(a, a + 8 * GIB, MM_R | MM_W);
	CHECK_EQ(fake_check_ptable(&t), 4);
}

/*
 * The entry of one page, which is then filled by hand. What is beside it stays
 * as it was, and a second call finds the same entry without an allocation.
 */
static void check_entry(uint64_t at, unsigned int owner)
{
	uint64_t *entry = ptable_entry(&t, at);
	size_t left = fake_pool_left();

	CHECK(entry != NULL);
	check_absent(at, owner);
	check_span(at, PAGE);
	CHECK(ptable_entry(&t, at) == entry);
	CHECK_EQ(fake_pool_left(), left);
	*entry = arch_pte_leaf(MM_STAGE_2, PT_LEAF_LEVEL, paddr(7 * PAGE),
			       MM_DEVICE_RW);
	check_mapped(at + 5, 7 * PAGE + 5, MM_DEVICE_RW);
	check_absent(at ^ PAGE, owner);
	fake_check_ptable(&t);
}

TEST(entry)
{
	for (size_t i = 0; i < ARRAY_SIZE(geometries); i++) {
		const struct geometry *g = &geometries[i];
		uint64_t limit = UINT64_C(1) << g->input_bits;
		size_t left;

		make_table(g, 64);
		left = fake_pool_left();
		check_entry(0, OWNER_NOBODY);
		CHECK_EQ(left - fake_pool_left(), PT_LEAF_LEVEL - g->level);
		check_entry(limit - PAGE, OWNER_NOBODY);
		check_entry(limit / 2 + 3 * PAGE, OWNER_NOBODY);
		CHECK(ptable_entry(&t, limit) == NULL);
		CHECK(ptable_entry(&t, ~UINT64_C(0) - 0xfff) == NULL);
	}
}

TEST(entry_keeps_owners)
{
	make40();
	CHECK(ptable_clear(&t, GIB, GIB, OWNER_VM + 5));
	check_entry(GIB + 2 * MIB, OWNER_VM + 5);
	check_absent(2 * GIB - 1, OWNER_VM + 5);
	check_absent(2 * GIB, OWNER_NOBODY);
}

TEST(entry_pool_exhausted)
{
	for (size_t pages = 0; pages <= 2; pages++) {
		make_table(&bits40, 2 + pages);
		CHECK_EQ(ptable_entry(&t, GIB) != NULL, pages == 2);
		check_absent(GIB, OWNER_NOBODY);
	}
}

/* Splitting a block changes nothing but the page that it was split for. */
TEST(split)
{
	uint64_t hole = GIB + 6 * MIB + 5 * PAGE;

	make40();
	CHECK(ptable_map(&t, GIB, GIB, paddr(4 * GIB), MM_NORMAL_RWX));
	CHECK(ptable_clear(&t, hole, PAGE, OWNER_VM + 3));
	CHECK_EQ(fake_check_ptable(&t), 2);
	for (uint64_t at = GIB; at < 2 * GIB; at += PAGE)
		if (at == hole)
			check_absent(at, OWNER_VM + 3);
		else
			check_mapped(at, at + 3 * GIB, MM_NORMAL_RWX);
	check_span(hole, PAGE);
	check_span(hole + 0xfff, 1);
	check_span(GIB + 8 * MIB, 2 * MIB);
	check_absent(2 * GIB, OWNER_NOBODY);
}

TEST(split_absent)
{
	make_table(&bits48, 64);
	CHECK(ptable_clear(&t, 0, UINT64_C(1) << 48, OWNER_VM + 15));
	CHECK_EQ(fake_check_ptable(&t), 0);
	CHECK(ptable_map(&t, 9 * GIB, PAGE, paddr(9 * GIB), MM_DEVICE_RW));
	CHECK_EQ(fake_check_ptable(&t), 3);
	check_absent(9 * GIB - 1, OWNER_VM + 15);
	check_mapped(9 * GIB, 9 * GIB, MM_DEVICE_RW);
	check_absent(9 * GIB + PAGE, OWNER_VM + 15);
	check_span(9 * GIB + PAGE, PAGE);
	check_span(9 * GIB + 2 * MIB, 2 * MIB);
	check_span(10 * GIB, GIB);
	check_span(UINT64_C(512) * GIB, UINT64_C(512) * GIB);
}

/* What is there already needs no page: neither a map nor a clear of it. */
TEST(no_change)
{
	make40();
	CHECK(ptable_map(&t, 0, 2 * GIB, paddr(0), MM_R));
	CHECK(ptable_clear(&t, 4 * GIB, GIB, OWNER_VM));
	CHECK(ptable_map(&t, GIB + PAGE, PAGE, paddr(GIB + PAGE), MM_R));
	CHECK(ptable_clear(&t, 4 * GIB + PAGE, PAGE, OWNER_VM));
	CHECK_EQ(fake_check_ptable(&t), 0);
	/* One thing differs: mode, address, owner. */
	CHECK(ptable_map(&t, PAGE, PAGE, paddr(PAGE), MM_R | MM_W));
	CHECK_EQ(fake_check_ptable(&t), 2);
	CHECK(ptable_map(&t, GIB + PAGE, PAGE, paddr(GIB), MM_R));
	CHECK_EQ(fake_check_ptable(&t), 4);
	CHECK(ptable_clear(&t, 4 * GIB + PAGE, PAGE, OWNER_VM + 1));
	CHECK_EQ(fake_check_ptable(&t), 6);
	check_mapped(PAGE, PAGE, MM_R | MM_W);
	check_mapped(GIB + PAGE, GIB, MM_R);
	check_absent(4 * GIB + PAGE, OWNER_VM + 1);
	check_absent(4 * GIB, OWNER_VM);
}

/* Tables below an entry that is replaced go back to the pool. */
TEST(tables_freed)
{
	size_t left;

	make_table(&bits48, 64);
	CHECK(ptable_map(&t, 0, PAGE, paddr(0), MM_R));
	left = fake_pool_left();
	CHECK(ptable_map(&t, GIB + PAGE, PAGE, paddr(0), MM_R));
	CHECK(ptable_map(&t, GIB + 2 * MIB, PAGE, paddr(0), MM_R));
	CHECK_EQ(fake_pool_left(), left - 3);
	CHECK(ptable_map(&t, GIB, GIB, paddr(GIB), MM_R));
	CHECK_EQ(fake_pool_left(), left);
	CHECK(ptable_clear(&t, 0, UINT64_C(1) << 48, OWNER_NOBODY));
	CHECK_EQ(fake_pool_left(), left + 3);
	CHECK_EQ(fake_check_ptable(&t), 0);
}

TEST(modes)
{
	static const uint8_t stages[] = {MM_STAGE_1, MM_STAGE_2};

	for (unsigned int s = 0; s < 2; s++)
		for (unsigned int mode = 1; mode < 16; mode++) {
			make40();
			t.stage = stages[s];
			CHECK(ptable_map(&t, GIB, GIB, paddr(0), mode));
			CHECK(ptable_clear(&t, GIB, PAGE, OWNER_NOBODY));
			check_mapped(GIB + PAGE, PAGE, mode);
			check_mapped(GIB + 2 * MIB, 2 * MIB, mode);
			fake_check_ptable(&t);
		}
}

/* Walkers see new entries: a sync follows each change, and each new table. */
TEST(syncs)
{
	make40();
	CHECK(ptable_map(&t, GIB, GIB, paddr(0), MM_R));
	CHECK_EQ(fake.pt_syncs, 1);
	CHECK(ptable_clear(&t, GIB, PAGE, OWNER_NOBODY));
	CHECK_EQ(fake.pt_syncs, 4);
}

/*
 * With every number of pages left in the pool: a change works or fails, other
 * addresses stay as they were, and no page is lost.
 */
TEST(pool_exhausted)
{
	for (size_t pages = 0; pages <= 3; pages++) {
		size_t left;
		bool ok;

		make_table(&bits48, 4 + pages);
		CHECK(ptable_map(&t, 8 * GIB, PAGE, paddr(PAGE), MM_R));
		CHECK_EQ(fake_pool_left(), pages);
		ok = ptable_map(&t, UINT64_C(600) * GIB, 2 * PAGE, paddr(0),
				MM_R);
		CHECK_EQ(ok, pages == 3);
		left = fake_pool_left();
		CHECK_EQ(fake_check_ptable(&t) + 1 + left, 4 + pages);
		check_mapped(8 * GIB, PAGE, MM_R);
		check_absent(8 * GIB + PAGE, OWNER_NOBODY);
		if (!ok)
			check_absent(UINT64_C(600) * GIB, OWNER_NOBODY);
		/* What was left half-made is taken away without a page. */
		CHECK(ptable_clear(&t, UINT64_C(512) * GIB, UINT64_C(512) * GIB,
				   OWNER_NOBODY));
		CHECK_EQ(fake_pool_left(), pages);
	}
}

TEST(pool_exhausted_at_split)
{
	for (size_t pages = 0; pages <= 2; pages++) {
		make_table(&bits40, 2 + pages);
		CHECK(ptable_map(&t, 0, GIB, paddr(0), MM_R));
		CHECK_EQ(ptable_clear(&t, 4 * MIB, PAGE, OWNER_VM), pages == 2);
		for (uint64_t at = 0; at < 8 * MIB; at += PAGE)
			if (at == 4 * MIB && pages == 2)
				check_absent(at, OWNER_VM);
			else
				check_mapped(at, at, MM_R);
		CHECK_EQ(fake_check_ptable(&t), pages);
	}
}

/* --- against a model: the latest change of an address counts --- */

struct change {
	uint64_t at, size, pa;
	unsigned int mode; /* 0: cleared for `owner` */
	enum mm_owner owner;
};

#define CHANGES 300

static struct change changes[CHANGES];
static unsigned int change_count;

static uint64_t random_size(void)
{
	static const uint64_t units[] = {PAGE, 2 * MIB, GIB};
	uint64_t unit = units[unit_random() % 3];

	return unit * (1 + unit_random() % 3) +
	       (unit_random() % 3 == 0 ? PAGE * (unit_random() % 1000) : 0);
}

static uint64_t random_address(void)
{
	uint64_t at = GIB * (unit_random() % 5);

	if (unit_random() % 2)
		at += 2 * MIB * (unit_random() % 512);
	if (unit_random() % 2)
		at += PAGE * (unit_random() % 512);
	/* Now and then in another page of the root. */
	return unit_random() % 4 ? at : at + UINT64_C(510) * GIB;
}

static void random_change(void)
{
	struct change *c = &changes[change_count++];
	bool ok;

	c->at = random_address();
	c->size = random_size();
	c->pa = unit_random() % 2 ? c->at : random_address();
	c->mode = unit_random() % 16;
	c->owner = (enum mm_owner)(unit_random() % 19);
	if (c->mode)
		ok = ptable_map(&t, c->at, c->size, paddr(c->pa), c->mode);
	else
		ok = ptable_clear(&t, c->at, c->size, c->owner);
	CHECK(ok);
}

static void check_address(uint64_t at)
{
	for (unsigned int i = change_count; i > 0; i--) {
		const struct change *c = &changes[i - 1];

		if (at - c->at >= c->size)
			continue;
		if (c->mode)
			check_mapped(at, c->pa + (at - c->at), c->mode);
		else
			check_absent(at, c->owner);
		return;
	}
	check_absent(at, OWNER_NOBODY);
}

static void check_model(void)
{
	for (unsigned int i = 0; i < change_count; i++) {
		check_address(changes[i].at);
		check_address(changes[i].at - 1);
		check_address(changes[i].at + changes[i].size - 1);
		check_address(changes[i].at + changes[i].size);
	}
	for (unsigned int i = 0; i < 100; i++)
		check_address(random_address() + unit_random() % PAGE);
}

TEST(model)
{
	static const struct geometry roots[] = {{1, 4, 41}, {0, 1, 44}};

	for (unsigned int run = 0; run < 8; run++) {
		size_t all;

		make_table(&roots[run % 2], 8192);
		all = fake_pool_left();
		change_count = 0;
		while (change_count < CHANGES) {
			random_change();
			if (change_count % 20 == 0)
				check_model();
		}
		check_model();
		CHECK_EQ(fake_check_ptable(&t) + fake_pool_left(), all);
	}
}

/* --- owners --- */

static enum mm_owner owner(uint64_t pa)
{
	return mm_owner(&t, paddr(pa));
}

static bool give(enum mm_transition transition, uint64_t pa, uint64_t size)
{
	return mm_transfer(transition, &t, paddr(pa), size, NULL);
}

/* A secondary with an empty stage 2, after make40() or make_table(). */
static struct ptable vm_table;
static struct mm_receiver vm;

static void make_vm(uint32_t index)
{
	CHECK(ptable_init(&vm_table, MM_STAGE_2, 1, 2, 40));
	vm = (struct mm_receiver){&vm_table, ipaddr(GIB), index};
}

static bool donate(uint64_t pa, uint64_t size)
{
	return mm_transfer(MM_DONATE, &t, paddr(pa), size, &vm);
}

TEST(owner_of)
{
	make40();
	make_vm(15);
	CHECK_EQ(owner(0), OWNER_NOBODY);
	CHECK(give(MM_HIDE, GIB, GIB));
	CHECK(give(MM_GIVE_RAM, 2 * GIB, GIB));
	CHECK(donate(GIB + 4 * MIB, 2 * MIB));
	CHECK_EQ(owner(GIB), OWNER_HYPERVISOR);
	CHECK_EQ(owner(GIB + 4 * MIB - 1), OWNER_HYPERVISOR);
	CHECK_EQ(owner(GIB + 4 * MIB), OWNER_VM + 15);
	CHECK_EQ(owner(GIB + 6 * MIB - 1), OWNER_VM + 15);
	CHECK_EQ(owner(GIB + 6 * MIB), OWNER_HYPERVISOR);
	CHECK_EQ(owner(2 * GIB), OWNER_PRIMARY);
	CHECK_EQ(owner(3 * GIB), OWNER_NOBODY);
	for (unsigned int k = 40; k < 64; k++)
		CHECK_EQ(owner(UINT64_C(1) << k), OWNER_NOBODY);
}

/* A page of each owner that there can be, at n * GIB for owner n. */
static void make_owners(void)
{
	make40();
	make_vm(0);
	CHECK(give(MM_GIVE_RAM, OWNER_PRIMARY * GIB, 3 * PAGE));
	CHECK(give(MM_HIDE, OWNER_HYPERVISOR * GIB, 3 * PAGE));
	CHECK(give(MM_HIDE, OWNER_VM * GIB, 3 * PAGE));
	CHECK(donate(OWNER_VM * GIB, 3 * PAGE));
	vm.at = ipaddr(0);
	vm.index = 1;
}

/* Every transition of every owner's page: only what `from` owns moves. */
TEST(owner_transitions)
{
	static const struct {
		uint8_t from, to;
	} expected[] = {
		[MM_HIDE] = {OWNER_NOBODY, OWNER_HYPERVISOR},
		[MM_GIVE_RAM] = {OWNER_NOBODY, OWNER_PRIMARY},
		[MM_GIVE_DEVICE] = {OWNER_NOBODY, OWNER_PRIMARY},
		[MM_DONATE] = {OWNER_HYPERVISOR, OWNER_VM + 1},
	};

	for (unsigned int n = 0; n < 4 * ARRAY_SIZE(expected); n++) {
		unsigned int has = n % 4, what = n / 4;
		uint64_t pa = has * GIB;
		bool may = has == expected[what].from;

		make_owners();
		CHECK_EQ(mm_transfer((enum mm_transition)what, &t,
				     paddr(pa + PAGE), PAGE,
				     what == MM_DONATE ? &vm : NULL),
			 may);
		CHECK_EQ(owner(pa), has);
		CHECK_EQ(owner(pa + PAGE), may ? expected[what].to : has);
		CHECK_EQ(owner(pa + 2 * PAGE), has);
		CHECK_EQ(ptable_walk(&vm_table, 0).mode != 0,
			 may && what == MM_DONATE);
	}
}

/*
 * What is free of a range goes, page by page and in blocks; nothing else does,
 * and no table is made for what stays.
 */
TEST(transfer_of_the_free)
{
	size_t left;

	make_owners();
	CHECK(mm_transfer_free(MM_GIVE_DEVICE, &t, paddr(0), 8 * GIB));
	/* Walks of the tables see it behind that. */
	fake.pt_syncs = 0;
	CHECK(mm_transfer_free(MM_GIVE_DEVICE, &t, paddr(10 * GIB), GIB));
	CHECK_EQ(fake.pt_syncs, 1);
	for (unsigned int n = OWNER_PRIMARY; n <= OWNER_VM; n++) {
		check_mapped(n * GIB - 1, n * GIB - 1, MM_DEVICE_RW);
		CHECK_EQ(owner(n * GIB), n);
		CHECK_EQ(owner(n * GIB + 3 * PAGE - 1), n);
		check_mapped(n * GIB + 3 * PAGE, n * GIB + 3 * PAGE,
			     MM_DEVICE_RW);
		check_span(n * GIB + 2 * MIB, 2 * MIB);
	}
	check_mapped(OWNER_PRIMARY * GIB, OWNER_PRIMARY * GIB, MM_NORMAL_RWX);
	check_span(0, GIB);
	check_span(7 * GIB, GIB);
	check_absent(8 * GIB, OWNER_NOBODY);
	/* All of it is somebody's: a part of a block, whole ones. */
	left = fake_pool_left();
	CHECK(mm_transfer_free(MM_HIDE, &t, paddr(PAGE), 6 * GIB));
	CHECK_EQ(fake_pool_left(), left);
	check_mapped(PAGE, PAGE, MM_DEVICE_RW);
	check_mapped(5 * GIB, 5 * GIB, MM_DEVICE_RW);
	CHECK_EQ(owner(OWNER_VM * GIB), OWNER_VM);
	CHECK(mm_transfer_free(MM_HIDE, &t, paddr(8 * GIB + PAGE), PAGE));
	CHECK_EQ(owner(8 * GIB + PAGE), OWNER_HYPERVISOR);
	check_absent(8 * GIB + 2 * PAGE, OWNER_NOBODY);
}

/* Only from nobody, only inside of the table, only with pages for tables. */
TEST(transfer_of_the_free_fails)
{
	uint64_t limit = UINT64_C(1) << 40;

	make_owners();
	CHECK(!mm_transfer_free(MM_DONATE, &t, paddr(OWNER_HYPERVISOR * GIB),
				PAGE));
	CHECK(!mm_transfer_free(MM_HIDE, &t, paddr(limit - PAGE), 2 * PAGE));
	CHECK(!mm_transfer_free(MM_HIDE, &t, paddr(PAGE), 0 - PAGE));
	CHECK_EQ(owner(limit - PAGE), OWNER_NOBODY);
	CHECK_EQ(owner(PAGE), OWNER_NOBODY);
	for (size_t pages = 0; pages < 2; pages++) {
		make_table(&bits40, 2 + pages);
		CHECK(!mm_transfer_free(MM_HIDE, &t, paddr(GIB), GIB + PAGE));
		CHECK_EQ(owner(2 * GIB), OWNER_NOBODY);
	}
}

TEST(is_absent)
{
	make_owners();
	for (unsigned int n = 0; n <= OWNER_VM + 1; n++)
		for (unsigned int has = 0; has <= OWNER_VM; has++)
			CHECK_EQ(mm_is_absent(&t, has * GIB, 3 * PAGE,
					      (enum mm_owner)n),
				 n == has && n != OWNER_PRIMARY);
	CHECK(mm_is_absent(&t, 4 * GIB, 1020 * GIB, OWNER_NOBODY));
	CHECK(mm_is_absent(&t, 2 * GIB + PAGE + 5, 1, OWNER_HYPERVISOR));
	CHECK(!mm_is_absent(&t, 2 * GIB, 3 * PAGE + 1, OWNER_HYPERVISOR));
	CHECK(!mm_is_absent(&t, 2 * GIB - 1, 2, OWNER_HYPERVISOR));
	CHECK(!mm_is_absent(&t, 4 * GIB, 1020 * GIB + 1, OWNER_NOBODY));
	CHECK(!mm_is_absent(&t, 4 * GIB, 0 - 3 * GIB, OWNER_NOBODY));
}

/* More blocks in a row than are looked at at once, and tables among them. */
TEST(is_absent_blocks)
{
	const uint64_t block = 512 * PAGE, table = GIB + 16 * block;

	make40();
	CHECK(give(MM_HIDE, GIB, 16 * block));
	CHECK(mm_is_absent(&t, GIB, 12 * block, OWNER_HYPERVISOR));
	CHECK(!mm_is_absent(&t, GIB, 17 * block, OWNER_HYPERVISOR));
	CHECK(give(MM_HIDE, table, 2 * PAGE));
	CHECK(mm_is_absent(&t, GIB, 16 * block + 2 * PAGE, OWNER_HYPERVISOR));
	CHECK(!mm_is_absent(&t, GIB, 16 * block + 3 * PAGE, OWNER_HYPERVISOR));
	/* A table of what a block could be, and more behind it. */
	CHECK(give(MM_HIDE, table + block, 17 * block));
	CHECK(!mm_is_absent(&t, GIB, 34 * block, OWNER_HYPERVISOR));
	CHECK(give(MM_HIDE, table + 2 * PAGE, 509 * PAGE));
	CHECK(!mm_is_absent(&t, GIB, 34 * block, OWNER_HYPERVISOR));
	CHECK(give(MM_HIDE, table + 511 * PAGE, PAGE));
	CHECK(mm_is_absent(&t, GIB, 34 * block, OWNER_HYPERVISOR));
	CHECK(!mm_is_absent(&t, GIB, 34 * block + 1, OWNER_HYPERVISOR));
}

/* The primary sees what it is given where it lies, as it is told. */
TEST(owner_mode)
{
	make40();
	CHECK(give(MM_GIVE_DEVICE, 3 * PAGE, PAGE));
	check_mapped(3 * PAGE, 3 * PAGE, MM_DEVICE_RW);
	CHECK(give(MM_GIVE_RAM, GIB, GIB));
	check_mapped(GIB + 0x1234, GIB + 0x1234, MM_NORMAL_RWX);
	CHECK_EQ(fake_check_ptable(&t), 2);
}

/* A VM sees what it is given at its own address, and nothing beside it. */
TEST(donated)
{
	struct mm_walk w;

	make40();
	make_vm(3);
	CHECK(give(MM_HIDE, 2 * GIB, 8 * MIB));
	CHECK(donate(2 * GIB + 2 * MIB, 4 * MIB));
	w = ptable_walk(&vm_table, GIB + 2 * MIB + 5);
	CHECK_EQ(w.pa.pa, 2 * GIB + 4 * MIB + 5);
	CHECK_EQ(w.mode, MM_NORMAL_RWX);
	CHECK_EQ(ptable_walk(&vm_table, GIB - 1).mode, 0);
	CHECK_EQ(ptable_walk(&vm_table, GIB + 4 * MIB).mode, 0);
	CHECK_EQ(owner(2 * GIB + MIB), OWNER_HYPERVISOR);
	CHECK_EQ(owner(2 * GIB + 2 * MIB), OWNER_VM + 3);
	CHECK_EQ(owner(2 * GIB + 6 * MIB), OWNER_HYPERVISOR);
	/* Page by page where the two addresses do not go together. */
	vm.at = ipaddr(4 * GIB + PAGE);
	CHECK(donate(2 * GIB + 6 * MIB, 2 * MIB));
	w = ptable_walk(&vm_table, 4 * GIB + 2 * MIB);
	CHECK_EQ(w.pa.pa, 2 * GIB + 8 * MIB - PAGE);
	CHECK_EQ(w.span, PAGE);
}

/* One page that is another's, first, amid or last: nothing moves. */
TEST(owner_all_or_nothing)
{
	static const uint64_t odd[] = {0, PAGE, 2 * MIB, 4 * MIB,
				       6 * MIB - PAGE};

	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		make40();
		make_vm(0);
		CHECK(give(MM_HIDE, GIB, 6 * MIB));
		CHECK(donate(GIB + odd[i], PAGE));
		vm.at = ipaddr(2 * GIB);
		vm.index = 1;
		CHECK(!donate(GIB, 6 * MIB));
		for (uint64_t at = 0; at < 6 * MIB; at += PAGE)
			CHECK_EQ(owner(GIB + at),
				 at == odd[i] ? OWNER_VM : OWNER_HYPERVISOR);
		CHECK_EQ(ptable_walk(&vm_table, 2 * GIB).span, GIB);
	}
}

/* The receiver has something there, first, amid or last: nothing moves. */
TEST(receiver_has_something)
{
	static const uint64_t odd[] = {0, PAGE, 2 * MIB, 6 * MIB - PAGE};

	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		make40();
		make_vm(0);
		CHECK(give(MM_HIDE, GIB, 16 * MIB));
		vm.at = ipaddr(GIB + odd[i]);
		CHECK(donate(GIB + 8 * MIB, PAGE));
		vm.at = ipaddr(GIB);
		CHECK(!donate(GIB, 6 * MIB));
		CHECK_EQ(owner(GIB), OWNER_HYPERVISOR);
		CHECK_EQ(owner(GIB + 6 * MIB - PAGE), OWNER_HYPERVISOR);
		CHECK_EQ(ptable_walk(&vm_table, GIB + 4 * MIB).mode, 0);
	}
}

/* A donation goes to a VM, and nothing else does; its IPAs have an end. */
TEST(receiver_bad)
{
	make40();
	make_vm(0);
	CHECK(give(MM_HIDE, GIB, 16 * MIB));
	CHECK(!mm_transfer(MM_DONATE, &t, paddr(GIB), PAGE, NULL));
	CHECK(!mm_transfer(MM_HIDE, &t, paddr(2 * GIB), PAGE, &vm));
	vm.at = ipaddr((UINT64_C(1) << 40) - PAGE);
	CHECK(!donate(GIB, 2 * PAGE));
	for (unsigned int k = 40; k < 64; k++) {
		vm.at = ipaddr(UINT64_C(1) << k);
		CHECK(!donate(GIB, PAGE));
	}
	CHECK_EQ(owner(GIB), OWNER_HYPERVISOR);
	CHECK_EQ(owner(2 * GIB), OWNER_NOBODY);
}

TEST(owner_range_ends)
{
	uint64_t limit = UINT64_C(1) << 40;

	make40();
	CHECK(!give(MM_HIDE, limit - PAGE, 2 * PAGE));
	CHECK(!give(MM_HIDE, limit, PAGE));
	CHECK(!give(MM_HIDE, PAGE, 0 - PAGE));
	CHECK(!give(MM_HIDE, 0 - PAGE, PAGE));
	CHECK(!give(MM_HIDE, 0 - PAGE, 3 * PAGE));
	for (unsigned int k = 40; k < 64; k++)
		CHECK(!give(MM_HIDE, UINT64_C(1) << k, PAGE));
	CHECK_EQ(owner(limit - PAGE), OWNER_NOBODY);
	CHECK_EQ(owner(0), OWNER_NOBODY);
	CHECK(give(MM_HIDE, limit - PAGE, PAGE));
	CHECK_EQ(owner(limit - 1), OWNER_HYPERVISOR);
	/* Everything, and its end is not taken for 0. */
	CHECK(!give(MM_GIVE_RAM, 0, limit));
	CHECK(give(MM_GIVE_RAM, 0, limit - PAGE));
	make40();
	CHECK(give(MM_GIVE_RAM, 0, limit));
}

/* With every number of pages left: the tables of both sides, or of none. */
TEST(owner_pool_exhausted)
{
	bool done = false;

	make_table(&bits40, 2);
	CHECK(!give(MM_HIDE, GIB, PAGE));
	CHECK(!give(MM_GIVE_RAM, GIB, PAGE));
	CHECK_EQ(owner(GIB), OWNER_NOBODY);
	CHECK(give(MM_GIVE_RAM, GIB, GIB));
	for (size_t pages = 0; !done; pages++) {
		make_table(&bits40, 4 + pages);
		make_vm(0);
		CHECK(give(MM_HIDE, GIB, GIB));
		done = donate(GIB + PAGE, PAGE);
		CHECK_EQ(done, pages == 4);
		CHECK_EQ(owner(GIB + PAGE), done ? OWNER_VM : OWNER_HYPERVISOR);
		CHECK_EQ(ptable_walk(&vm_table, GIB).mode != 0, done);
		CHECK_EQ(owner(GIB), OWNER_HYPERVISOR);
		CHECK_EQ(owner(GIB + 2 * PAGE), OWNER_HYPERVISOR);
	}
}
