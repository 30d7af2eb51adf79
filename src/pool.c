/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool.h"

#include "arch.h"
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
	bool cached; /* the MMU is on: memory may be zeroed by the line */
} pool;

static void zero(void *pages, size_t size)
{
	if (pool.cached)
		arch_zero_pages(pages, size);
	else
		memset(pages, 0, size);
}

void pool_init(void *begin, void *end)
{
	pool.begin = (uintptr_t)begin;
	pool.next = (uintptr_t)begin;
	pool.end = (uintptr_t)end;
	pool.freed = NULL;
	pool.cached = false;
}

void pool_rebase(uintptr_t difference)
{
	pool.begin += difference;
	pool.next += difference;
	pool.end += difference;
	pool.cached = true;
}

void *pool_take(size_t count, size_t alignment)
{
	uintptr_t at = align_up(pool.next, alignment);
	size_t size = count * PAGE_SIZE;

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
	struct free_page *freed = pool.freed;
	void *pages = freed;

	if (count == 1 && freed)
		pool.freed = freed->next;
	else
		pages = pool_take(count, count * PAGE_SIZE);
	if (pages)
		zero(pages, count * PAGE_SIZE);
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
