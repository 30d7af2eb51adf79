/* SPDX-License-Identifier: BSD-3-Clause */
/* src/ranges.c: lists of ranges, and room between them. */
#include "unit.h"
#include "ranges.h"
#include "types.h"

#define TOP (~UINT64_C(0))

static struct ranges a, b, rest;
static struct range found;

static void clear(void)
{
	a.count = b.count = rest.count = 0;
	found = (struct range){0, 0};
}

static void check_range(const struct ranges *list, uint32_t i, uint64_t begin,
			uint64_t end)
{
	CHECK(i < list->count);
	CHECK_EQ(list->r[i].begin, begin);
	CHECK_EQ(list->r[i].end, end);
}

static void check_found(uint64_t begin, uint64_t end)
{
	CHECK_EQ(found.begin, begin);
	CHECK_EQ(found.end, end);
}

TEST(add_any)
{
	clear();
	CHECK(ranges_add(&a, 20, 30));
	CHECK(ranges_add(&a, 0, 10));
	CHECK(ranges_add(&a, 5, 25));
	CHECK_EQ(a.count, 3);
	check_range(&a, 0, 20, 30);
	check_range(&a, 1, 0, 10);
	check_range(&a, 2, 5, 25);
}

TEST(add_empty)
{
	clear();
	CHECK(ranges_add(&a, 5, 5));
	CHECK(ranges_add(&a, 6, 5));
	CHECK(ranges_add(&a, TOP, 0));
	CHECK(ranges_add_ram(&a, 5, 5));
	CHECK(ranges_add_ram(&a, 6, 5));
	CHECK_EQ(a.count, 0);
}

TEST(add_full)
{
	clear();
	for (uint64_t i = 0; i < MAX_RANGES; i++)
		CHECK(ranges_add(&a, i, i + 1));
	CHECK(!ranges_add(&a, 1000, 1001));
	CHECK_EQ(a.count, MAX_RANGES);
	/* Nothing is still no problem. */
	CHECK(ranges_add(&a, 7, 7));
}

TEST(ram_sorted)
{
	clear();
	CHECK(ranges_add_ram(&a, 50, 60));
	CHECK(ranges_add_ram(&a, 10, 20));
	CHECK(ranges_add_ram(&a, 30, 40));
	CHECK(ranges_add_ram(&a, 70, 80));
	CHECK_EQ(a.count, 4);
	for (uint32_t i = 0; i < 4; i++)
		check_range(&a, i, 10 + 20 * i, 20 + 20 * i);
}

TEST(ram_joined)
{
	clear();
	CHECK(ranges_add_ram(&a, 10, 20));
	CHECK(ranges_add_ram(&a, 20, 30)); /* above */
	check_range(&a, 0, 10, 30);
	CHECK(ranges_add_ram(&a, 5, 10)); /* below */
	check_range(&a, 0, 5, 30);
	CHECK(ranges_add_ram(&a, 40, 50));
	CHECK_EQ(a.count, 2);
	CHECK(ranges_add_ram(&a, 30, 40)); /* between */
	CHECK_EQ(a.count, 1);
	check_range(&a, 0, 5, 50);
	CHECK(ranges_add_ram(&a, 0, 4));
	CHECK_EQ(a.count, 2);
	check_range(&a, 0, 0, 4);
	check_range(&a, 1, 5, 50);
}

TEST(ram_overlap)
{
	clear();
	CHECK(ranges_add_ram(&a, 10, 20));
	CHECK(!ranges_add_ram(&a, 10, 20));
	CHECK(!ranges_add_ram(&a, 19, 30));
	CHECK(!ranges_add_ram(&a, 0, 11));
	CHECK(!ranges_add_ram(&a, 0, 100));
	CHECK(!ranges_add_ram(&a, 12, 13));
	CHECK_EQ(a.count, 1);
	check_range(&a, 0, 10, 20);
}

TEST(overlap)
{
	clear();
	CHECK(ranges_add(&a, 10, 20));
	CHECK(ranges_add(&a, 30, 40));
	CHECK(ranges_overlap(&a, 0, 10) == NULL);
	CHECK(ranges_overlap(&a, 20, 30) == NULL);
	CHECK(ranges_overlap(&a, 40, TOP) == NULL);
	CHECK(ranges_overlap(&a, 0, 11) == &a.r[0]);
	CHECK(ranges_overlap(&a, 19, 20) == &a.r[0]);
	CHECK(ranges_overlap(&a, 20, 31) == &a.r[1]);
	CHECK(ranges_overlap(&a, 39, 41) == &a.r[1]);
	CHECK(ranges_overlap(&a, 0, TOP) != NULL);
}

TEST(total)
{
	clear();
	CHECK_EQ(ranges_total(&a), 0);
	CHECK(ranges_add(&a, 10, 20));
	CHECK(ranges_add(&a, UINT64_C(1) << 40, UINT64_C(3) << 40));
	CHECK_EQ(ranges_total(&a), 10 + (UINT64_C(2) << 40));
}

TEST(find_low)
{
	clear();
	CHECK(!ranges_find_low(&a, &b, 1, 1, &found));
	CHECK(ranges_add_ram(&a, 0x1100, 0x9000));
	CHECK(ranges_find_low(&a, &b, 0x100, 0x1000, &found));
	check_found(0x2000, 0x2100);
	CHECK(ranges_find_low(&a, &b, 0x7f00, 1, &found));
	check_found(0x1100, 0x9000);
	CHECK(!ranges_find_low(&a, &b, 0x7f01, 1, &found));
	CHECK(ranges_find_low(&a, &b, 0x7000, 0x1000, &found));
	check_found(0x2000, 0x9000);
	CHECK(!ranges_find_low(&a, &b, 0x7001, 0x1000, &found));
	CHECK(!ranges_find_low(&a, &b, TOP, 1, &found));
	CHECK(!ranges_find_low(&a, &b, 1, UINT64_C(1) << 63, &found));
}

/* Taken ranges in no order, overlapping, and up to the end. */
TEST(find_low_taken)
{
	clear();
	CHECK(ranges_add_ram(&a, 0, 0x1000));
	CHECK(ranges_add_ram(&a, 0x2000, 0x10000));
	CHECK(ranges_add(&b, 0x5000, 0x6000));
	CHECK(ranges_add(&b, 0, 0x3000));
	CHECK(ranges_add(&b, 0x2800, 0x4801));
	CHECK(ranges_find_low(&a, &b, 0x700, 0x100, &found));
	check_found(0x4900, 0x5000);
	CHECK(ranges_find_low(&a, &b, 0x701, 0x100, &found));
	check_found(0x6000, 0x6701);
	CHECK(ranges_add(&b, 0x6000, TOP));
	CHECK(!ranges_find_low(&a, &b, 0x800, 1, &found));
}

/* Near the end of the address space nothing wraps. */
TEST(find_at_top)
{
	clear();
	CHECK(ranges_add_ram(&a, TOP - 0x1fff, TOP));
	CHECK(!ranges_find_low(&a, &b, 1, UINT64_C(1) << 40, &found));
	CHECK(ranges_find_low(&a, &b, 0x1000, 0x1000, &found));
	check_found(TOP - 0x1fff, TOP - 0xfff);
	CHECK(ranges_add(&b, TOP - 0x1fff, TOP));
	CHECK(!ranges_find_low(&a, &b, 1, 0x1000, &found));
	CHECK(!ranges_find_high(&a, &b, 1, 0x1000, &found));
}

TEST(find_high)
{
	clear();
	CHECK(!ranges_find_high(&a, &b, 1, 1, &found));
	CHECK(ranges_add_ram(&a, 0x1100, 0x9300));
	CHECK(ranges_find_high(&a, &b, 0x100, 1, &found));
	check_found(0x9200, 0x9300);
	/* Up to the end, with what is lost to the alignment. */
	CHECK(ranges_find_high(&a, &b, 0x400, 0x1000, &found));
	check_found(0x8000, 0x9300);
	CHECK(ranges_find_high(&a, &b, 0x200, 0x1000, &found));
	check_found(0x9000, 0x9300);
	CHECK(ranges_find_high(&a, &b, 0x8200, 1, &found));
	check_found(0x1100, 0x9300);
	CHECK(!ranges_find_high(&a, &b, 0x8201, 1, &found));
	CHECK(!ranges_find_high(&a, &b, 0x8200, 0x1000, &found));
	CHECK(!ranges_find_high(&a, &b, TOP, 1, &found));
}

TEST(find_high_taken)
{
	clear();
	CHECK(ranges_add_ram(&a, 0, 0x4000));
	CHECK(ranges_add_ram(&a, 0x10000, 0x20000));
	CHECK(ranges_add(&b, 0x1c000, 0x1d000));
	CHECK(ranges_add(&b, 0x1f000, 0x20000));
	CHECK(ranges_add(&b, 0x1bfff, 0x1c001));
	CHECK(ranges_find_high(&a, &b, 0x2000, 0x1000, &found));
	check_found(0x1d000, 0x1f000);
	CHECK(ranges_find_high(&a, &b, 0x2001, 0x1000, &found));
	check_found(0x19000, 0x1bfff);
	CHECK(ranges_add(&b, 0x10000, 0x1c000));
	CHECK(ranges_find_high(&a, &b, 0x3000, 0x1000, &found));
	check_found(0x1000, 0x4000);
}

/* At address 0 there is RAM like elsewhere. */
TEST(find_at_zero)
{
	clear();
	CHECK(ranges_add_ram(&a, 0, 0x2000));
	CHECK(ranges_find_high(&a, &b, 0x2000, 0x1000, &found));
	check_found(0, 0x2000);
	CHECK(ranges_find_low(&a, &b, 0x2000, 0x1000, &found));
	check_found(0, 0x2000);
	CHECK(ranges_add(&b, 0, 0x2000));
	CHECK(!ranges_find_high(&a, &b, 1, 1, &found));
	CHECK(!ranges_find_low(&a, &b, 1, 1, &found));
}

TEST(subtract)
{
	clear();
	CHECK(ranges_add_ram(&a, 10, 20));
	CHECK(ranges_add_ram(&a, 30, 60));
	CHECK(ranges_subtract(&a, &b, &rest));
	CHECK_EQ(rest.count, 2);
	CHECK(ranges_add(&b, 45, 50));
	CHECK(ranges_add(&b, 35, 40));
	CHECK(ranges_add(&b, 0, 12));
	CHECK(ranges_add(&b, 18, 31));
	CHECK(ranges_add(&b, 55, TOP));
	CHECK(ranges_subtract(&a, &b, &rest));
	CHECK_EQ(rest.count, 4);
	check_range(&rest, 0, 12, 18);
	check_range(&rest, 1, 31, 35);
	check_range(&rest, 2, 40, 45);
	check_range(&rest, 3, 50, 55);
	CHECK(ranges_add(&b, 0, TOP));
	CHECK(ranges_subtract(&a, &b, &rest));
	CHECK_EQ(rest.count, 0);
}

TEST(subtract_full)
{
	clear();
	CHECK(ranges_add_ram(&a, 0, 1000));
	for (uint64_t i = 0; i < MAX_RANGES; i++)
		CHECK(ranges_add(&b, 10 * i + 1, 10 * i + 2));
	CHECK(!ranges_subtract(&a, &b, &rest));
	b.count--;
	CHECK(ranges_subtract(&a, &b, &rest));
	CHECK_EQ(rest.count, MAX_RANGES);
	/* No room for a piece before a taken one. */
	clear();
	for (uint64_t i = 0; i < MAX_RANGES; i++)
		CHECK(ranges_add_ram(&a, 10 * i, 10 * i + 5));
	CHECK(ranges_add(&b, 10 * (MAX_RANGES - 1) + 1,
			 10 * (MAX_RANGES - 1) + 2));
	CHECK(!ranges_subtract(&a, &b, &rest));
	CHECK(ranges_add(&b, 10 * (MAX_RANGES - 1) + 3,
			 10 * (MAX_RANGES - 1) + 5));
	CHECK(!ranges_subtract(&a, &b, &rest));
	CHECK(ranges_add(&b, 0, 5));
	CHECK(ranges_subtract(&a, &b, &rest));
	CHECK_EQ(rest.count, MAX_RANGES);
}

/* --- against a map of a small address space, unit by unit --- */

#define SPACE 64

static uint8_t ram_map[SPACE], taken_map[SPACE];

static void random_lists(void)
{
	clear();
	memset(ram_map, 0, SPACE);
	memset(taken_map, 0, SPACE);
	for (unsigned int i = unit_random() % 6; i > 0; i--) {
		uint64_t begin = unit_random() % SPACE;
		uint64_t end = begin + unit_random() % (SPACE - begin + 1);

		if (ranges_add_ram(&a, begin, end) && begin < end)
			memset(ram_map + begin, 1, end - begin);
	}
	for (unsigned int i = unit_random() % 6; i > 0; i--) {
		uint64_t begin = unit_random() % SPACE;
		uint64_t end = begin + unit_random() % 12;

		CHECK(ranges_add(&b, begin, end));
		for (; begin < end && begin < SPACE; begin++)
			taken_map[begin] = 1;
	}
}

static bool is_room(uint64_t begin, uint64_t size)
{
	if (begin + size > SPACE)
		return false;
	for (uint64_t i = begin; i < begin + size; i++)
		if (!ram_map[i] || taken_map[i])
			return false;
	return true;
}

static void check_rooms(uint64_t size, uint64_t alignment)
{
	uint64_t low = SPACE, high = SPACE;

	for (uint64_t i = 0; i < SPACE; i += alignment)
		if (is_room(i, size)) {
			low = low == SPACE ? i : low;
			high = i;
		}
	CHECK_EQ(ranges_find_low(&a, &b, size, alignment, &found),
		 low != SPACE);
	if (low != SPACE)
		check_found(low, low + size);
	CHECK_EQ(ranges_find_high(&a, &b, size, alignment, &found),
		 high != SPACE);
	if (high != SPACE) {
		CHECK_EQ(found.begin, high);
		CHECK(found.end >= high + size);
		CHECK(is_room(high, found.end - high));
	}
}

static void check_subtraction(void)
{
	uint64_t last = 0;

	CHECK(ranges_subtract(&a, &b, &rest));
	for (uint64_t i = 0; i < SPACE; i++)
		CHECK_EQ(ranges_overlap(&rest, i, i + 1) != NULL,
			 ram_map[i] && !taken_map[i]);
	for (uint32_t i = 0; i < rest.count; i++) {
		CHECK(rest.r[i].begin >= last);
		CHECK(rest.r[i].begin < rest.r[i].end);
		last = rest.r[i].end;
	}
}

TEST(model)
{
	for (unsigned int run = 0; run < 20000; run++) {
		random_lists();
		check_rooms(1 + unit_random() % 10,
			    UINT64_C(1) << unit_random() % 5);
		check_subtraction();
		for (uint32_t i = 1; i < a.count; i++)
			CHECK(a.r[i - 1].end < a.r[i].begin);
	}
}
