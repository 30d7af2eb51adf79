/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pages for page tables, and for the tables of an ITS, from one range inside
 * the hypervisor's own memory. Nothing else is allocated. Pages are asked for
 * during boot only, by one CPU, from before its MMU is on: so there is no lock.
 */
#ifndef POOL_H
#define POOL_H

#include <stddef.h>
#include <stdint.h>

/* Hands the pages from `begin` to `end` (both page-aligned) to the pool. */
void pool_init(void *begin, void *end);

/*
 * The pool's memory is now seen `difference` bytes higher: the MMU came on.
 * Nothing was given back yet.
 */
void pool_rebase(uintptr_t difference);

/*
 * `count` (a power of two) adjacent zeroed pages, aligned to their size, or
 * NULL.
 */
void *pool_alloc(size_t count);

/*
 * Any count of adjacent pages at a multiple of `alignment` (a power of two),
 * with whatever is in them; or NULL.
 */
void *pool_take(size_t count, size_t alignment);

/* Gives one page back. */
void pool_free(void *page);

/* Bytes from the beginning of the pool to the first never handed out. */
size_t pool_used_bytes(void);

#endif
