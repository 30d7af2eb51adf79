/* SPDX-License-Identifier: BSD-3-Clause */
#include "ranges.h"

#include "string.h"
#include "types.h"

static bool insert(struct ranges *list, uint32_t at, struct range r)
{
	if (list->count == MAX_RANGES)
		return false;
	for (uint32_t i = list->count; i > at; i--)
		list->r[i] = list->r[i - 1];
	list->r[at] = r;
	list->count++;
	return true;
}

static void remove_at(struct ranges *list, uint32_t at)
{
	list->count--;
	for (uint32_t i = at; i < list->count; i++)
		list->r[i] = list->r[i + 1];
}

void ranges_copy(struct ranges *to, const struct ranges *from)
{
	to->count = from->count;
	memcpy(to->r, from->r, from->count * sizeof(from->r[0]));
}

bool ranges_add(struct ranges *list, uint64_t begin, uint64_t end)
{
	if (begin >= end)
		return true;
	return insert(list, list->count, (struct range){begin, end});
}

bool ranges_add_ram(struct ranges *ram, uint64_t begin, uint64_t end)
{
	uint32_t at = 0;

	if (begin >= end)
		return true;
	if (ranges_overlap(ram, begin, end))
		return false;
	while (at < ram->count && ram->r[at].begin < begin)
		at++;
	if (at > 0 && ram->r[at - 1].end == begin) {
		begin = ram->r[at - 1].begin;
		remove_at(ram, --at);
	}
	if (at < ram->count && ram->r[at].begin == end) {
		end = ram->r[at].end;
		remove_at(ram, at);
	}
	return insert(ram, at, (struct range){begin, end});
}

const struct range *ranges_overlap(const struct ranges *list, uint64_t begin,
				   uint64_t end)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (overlaps(begin, end, list->r[i].begin, list->r[i].end))
			return &list->r[i];
	return NULL;
}

uint64_t ranges_total(const struct ranges *list)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < list->count; i++)
		total += list->r[i].end - list->r[i].begin;
	return total;
}

static bool find_low_in(const struct range *free, const struct ranges *taken,
			uint64_t size, uint64_t alignment, struct range *found)
{
	uint64_t begin = align_up(free->begin, alignment);
	const struct range *hit;

	for (;;) {
		if (begin < free->begin || begin >= free->end ||
		    size > free->end - begin)
			return false;
		hit = ranges_overlap(taken, begin, begin + size);
		if (!hit)
			break;
		begin = align_up(hit->end, alignment);
	}
	*found = (struct range){begin, begin + size};
	return true;
}

bool ranges_find_low(const struct ranges *ram, const struct ranges *taken,
		     uint64_t size, uint64_t alignment, struct range *found)
{
	for (uint32_t i = 0; i < ram->count; i++)
		if (find_low_in(&ram->r[i], taken, size, alignment, found))
			return true;
	return false;
}

static bool find_high_in(const struct range *free, const struct ranges *taken,
			 uint64_t size, uint64_t alignment, struct range *found)
{
	uint64_t end = free->end;
	const struct range *hit;

	for (;;) {
		uint64_t begin;

		if (end <= free->begin || size > end - free->begin)
			return false;
		begin = align_down(end - size, alignment);
		if (begin < free->begin)
			return false;
		hit = ranges_overlap(taken, begin, end);
		if (!hit) {
			*found = (struct range){begin, end};
			return true;
		}
		end = hit->begin;
	}
}

bool ranges_find_high(const struct ranges *ram, const struct ranges *taken,
		      uint64_t size, uint64_t alignment, struct range *found)
{
	for (uint32_t i = ram->count; i > 0; i--)
		if (find_high_in(&ram->r[i - 1], taken, size, alignment, found))
			return true;
	return false;
}

/* Lowest begin, at or above `at`, of a range that holds or follows `at`. */
static const struct range *next_taken(const struct ranges *taken, uint64_t at,
				      uint64_t end)
{
	const struct range *first = NULL;

	for (uint32_t i = 0; i < taken->count; i++) {
		const struct range *r = &taken->r[i];

		if (r->end > at && r->begin < end &&
		    (!first || r->begin < first->begin))
			first = r;
	}
	return first;
}

bool ranges_subtract(const struct ranges *ram, const struct ranges *taken,
		     struct ranges *rest)
{
	rest->count = 0;
	for (uint32_t i = 0; i < ram->count; i++) {
		uint64_t at = ram->r[i].begin;
		uint64_t end = ram->r[i].end;
		const struct range *hit;

		while (at < end && (hit = next_taken(taken, at, end))) {
			if (hit->begin > at &&
			    !ranges_add(rest, at, hit->begin))
				return false;
			at = hit->end;
		}
		if (at < end && !ranges_add(rest, at, end))
			return false;
	}
	return true;
}
