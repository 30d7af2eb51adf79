/* SPDX-License-Identifier: BSD-3-Clause */
/* src/pool.c: pages for page tables. */
#include "unit.h"
#include "pool.h"
#include "types.h"

#define PAGES 64

void arch_zero_pages(void *p, size_t size)
{
	memset(p, 0, size);
}

static _Alignas(PAGES * 4096) uint8_t memory[PAGES * 4096];

static void *page(size_t n)
{
	return memory + n * PAGE_SIZE;
}

/* A pool of pages [begin, end) of a memory that is not zero. */
static void start(size_t begin, size_t end)
{
	memset(memory, 0xaa, sizeof(memory));
	pool_init(page(begin), page(end));
}

static bool is_zero(const void *p, size_t pages)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < pages * PAGE_SIZE; i++)
		if (b[i] != 0)
			return false;
	return true;
}

TEST(one_by_one)
{
	start(3, 7);
	CHECK_EQ(pool_used_bytes(), 0);
	for (size_t i = 3; i < 7; i++) {
		CHECK(pool_alloc(1) == page(i));
		CHECK(is_zero(page(i), 1));
		CHECK_EQ(pool_used_bytes(), (i - 2) * PAGE_SIZE);
	}
	CHECK(pool_alloc(1) == NULL);
	CHECK(pool_alloc(1) == NULL);
	/* Nothing outside was touched. */
	CHECK(memory[3 * PAGE_SIZE - 1] == 0xaa);
	CHECK(memory[7 * PAGE_SIZE] == 0xaa);
}

TEST(empty)
{
	start(5, 5);
	CHECK(pool_alloc(1) == NULL);
	CHECK(pool_alloc(16) == NULL);
	CHECK_EQ(pool_used_bytes(), 0);
}

TEST(aligned_to_size)
{
	for (size_t count = 1; count <= 16; count *= 2)
		for (size_t begin = 0; begin < 20; begin++) {
			uint8_t *p;

			start(begin, PAGES);
			p = pool_alloc(count);
			CHECK(p != NULL);
			CHECK(is_aligned((uintptr_t)p, count * PAGE_SIZE));
			CHECK(p >= (uint8_t *)page(begin));
			CHECK(is_zero(p, count));
		}
}

/* Any number of pages, at a multiple of something else. */
TEST(aligned_apart)
{
	uint8_t *p;

	start(1, 32);
	p = pool_take(3, 8 * PAGE_SIZE);
	CHECK(p == page(8));
	CHECK_EQ(pool_used_bytes(), 10 * PAGE_SIZE);
	/* What was skipped is not lost, and one page needs no more. */
	CHECK(pool_alloc(1) == page(7));
	CHECK(pool_take(5, PAGE_SIZE) == page(11));
	CHECK(pool_take(2, 16 * PAGE_SIZE) == page(16));
	CHECK(pool_take(15, PAGE_SIZE) == NULL);
	CHECK(pool_take(14, PAGE_SIZE) == page(18));
	CHECK(pool_take(1, PAGE_SIZE) == NULL);
	CHECK(pool_alloc(1) != NULL);
}

/* Pages before an aligned block are had afterwards, each once. */
TEST(skipped_pages)
{
	uint8_t seen[PAGES] = {0};
	size_t n = 0;
	uint8_t *p;

	start(1, 32);
	p = pool_alloc(8);
	CHECK(p == page(8));
	memset(p, 0xbb, 8 * PAGE_SIZE);
	while ((p = pool_alloc(1))) {
		size_t i = (size_t)(p - memory) / PAGE_SIZE;

		CHECK(i >= 1 && i < 32 && (i < 8 || i >= 16));
		CHECK_EQ(seen[i], 0);
		CHECK(is_zero(p, 1));
		seen[i] = 1;
		n++;
	}
	CHECK_EQ(n, 31 - 8);
}

/* A block that does not fit leaves all pages to smaller wishes. */
TEST(too_large)
{
	start(0, 7);
	CHECK(pool_alloc(8) == NULL);
	CHECK_EQ(pool_used_bytes(), 0);
	CHECK(pool_alloc(1) == page(0));
	CHECK(pool_alloc(4) == NULL || pool_used_bytes() <= 8 * PAGE_SIZE);
	start(1, 8);
	CHECK(pool_alloc(8) == NULL);
	CHECK(pool_alloc(4) == page(4));
	CHECK(pool_alloc(4) == NULL);
	CHECK(pool_alloc(1) != NULL);
	start(9, 15);
	CHECK(pool_alloc(16) == NULL);
	for (size_t i = 0; i < 6; i++)
		CHECK(pool_alloc(1) != NULL);
	CHECK(pool_alloc(1) == NULL);
}

TEST(freed_pages)
{
	void *a, *b;

	start(0, 3);
	a = pool_alloc(1);
	b = pool_alloc(1);
	memset(a, 0xcc, PAGE_SIZE);
	memset(b, 0xcc, PAGE_SIZE);
	pool_free(a);
	pool_free(b);
	/* Freed ones go first, zeroed again; blocks are taken fresh. */
	CHECK(pool_alloc(2) == NULL);
	CHECK(pool_alloc(1) == b);
	CHECK(is_zero(b, 1));
	CHECK(pool_alloc(1) == a);
	CHECK(is_zero(a, 1));
	CHECK(pool_alloc(1) == page(2));
	CHECK(pool_alloc(1) == NULL);
	pool_free(page(1));
	CHECK(pool_alloc(1) == page(1));
	CHECK_EQ(pool_used_bytes(), 3 * PAGE_SIZE);
}

/* The same memory, seen elsewhere: what was handed out stays so. */
TEST(rebase)
{
	start(0, 4);
	CHECK(pool_alloc(1) == page(0));
	CHECK(pool_alloc(1) == page(1));
	pool_rebase(32 * PAGE_SIZE);
	CHECK_EQ(pool_used_bytes(), 2 * PAGE_SIZE);
	CHECK(pool_alloc(1) == page(34));
	CHECK(pool_alloc(1) == page(35));
	CHECK(pool_alloc(1) == NULL);
	start(32, 34);
	pool_rebase((uintptr_t)0 - 32 * PAGE_SIZE);
	CHECK(pool_alloc(1) == page(0));
}

/* A new pool does not know of the old one's pages. */
TEST(init_again)
{
	start(0, 2);
	pool_free(pool_alloc(1));
	start(4, 5);
	CHECK(pool_alloc(1) == page(4));
	CHECK(pool_alloc(1) == NULL);
}

/* No page is handed out twice, whatever the order. */
TEST(random_order)
{
	void *held[PAGES];
	size_t count = 0;

	start(1, PAGES);
	for (unsigned int i = 0; i < 20000; i++) {
		void *p;

		if (count && unit_random() % 2) {
			size_t at = unit_random() % count;

			CHECK(*(uint32_t *)held[at] ==
			      (uint32_t)(uintptr_t)held[at]);
			pool_free(held[at]);
			held[at] = held[--count];
			continue;
		}
		p = pool_alloc(1);
		CHECK_EQ(p == NULL, count == PAGES - 1);
		if (!p)
			continue;
		CHECK(is_zero(p, 1));
		*(uint32_t *)p = (uint32_t)(uintptr_t)p;
		held[count++] = p;
	}
}
