/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool.h"

#include "string.h"
#include "types.h"

/* A page that was given back. */
struct free_page {
	struct free_page *next;
};

static struct {
	uintptr_t begin;
	uintptr_t next; /* first page never handed out */
	uintptr_t end;
	struct free_page *freed;
} pool;

void pool_init(void *begin, void *end)
{
	pool.begin = (uintptr_t)begin;
	pool.next = (uintptr_t)begin;
	pool.end = (uintptr_t)end;
	pool.freed = NULL;
}

void pool_rebase(uintptr_t difference)
{
	pool.begin += difference;
	pool.next += difference;
	pool.end += difference;
}

static void *take_fresh(size_t size, size_t alignment)
{
	uintptr_t at = align_up(pool.next, alignment);

	if (at > pool.end || size > pool.end - at)
		return NULL;
	/* Pages skipped for alignment are not lost. */
	while (pool.next < at) {
		struct free_page *skipped = (struct free_page *)pool.next;

		skipped->next = pool.freed;
		pool.freed = skipped;
		pool.next += PAGE_SIZE;
	}
	pool.next = at + size;
	return (void *)at;
}

void *pool_alloc(size_t count)
{
	void *page;

	if (count != 1 || !pool.freed)
		return pool_alloc_aligned(count, count * PAGE_SIZE);
	page = pool.freed;
	pool.freed = pool.freed->next;
	memset(page, 0, PAGE_SIZE);
	return page;
}

void *pool_alloc_aligned(size_t count, size_t alignment)
{
	void *pages = take_fresh(count * PAGE_SIZE, alignment);

	if (pages)
		memset(pages, 0, count * PAGE_SIZE);
	return pages;
}

void pool_free(void *page)
{
	struct free_page *freed = page;

	freed->next = pool.freed;
	pool.freed = freed;
}

size_t pool_used_bytes(void)
{
	return pool.next - pool.begin;
}
