/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What -fsanitize=thread makes the compiler call, taken to the scheduler.
 * Linked in place of ThreadSanitizer's library.
 */
#include <string.h>

#include "sched.h"

void __tsan_init(void);
void __tsan_func_entry(void *caller);
void __tsan_func_exit(void);

void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller)
{
	(void)caller;
}

void __tsan_func_exit(void)
{
}

/* --- plain accesses --- */

#define PLAIN(size)                                       \
	void __tsan_read##size(void *address);            \
	void __tsan_write##size(void *address);           \
	void __tsan_read##size(void *address)             \
	{                                                 \
		sched_plain(address, size, false);        \
	}                                                 \
	void __tsan_write##size(void *address)            \
	{                                                 \
		sched_plain(address, size, true);         \
	}                                                 \
	void __tsan_unaligned_read##size(void *address);  \
	void __tsan_unaligned_write##size(void *address); \
	void __tsan_unaligned_read##size(void *address)   \
	{                                                 \
		sched_plain(address, size, false);        \
	}                                                 \
	void __tsan_unaligned_write##size(void *address)  \
	{                                                 \
		sched_plain(address, size, true);         \
	}

PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

void __tsan_read_range(void *address, size_t size);
void __tsan_write_range(void *address, size_t size);

void __tsan_read_range(void *address, size_t size)
{
	sched_plain(address, size, false);
}

void __tsan_write_range(void *address, size_t size)
{
	sched_plain(address, size, true);
}

/* The code under test is compiled to call these for memcpy() and memset(). */
void *explore_memcpy(void *to, const void *from, size_t size);
void *explore_memset(void *to, int value, size_t size);

void *explore_memcpy(void *to, const void *from, size_t size)
{
	sched_plain(from, size, false);
	sched_plain(to, size, true);
	return memcpy(to, from, size);
}

void *explore_memset(void *to, int value, size_t size)
{
	sched_plain(to, size, true);
	return memset(to, value, size);
}

/* --- atomic accesses --- */

#define ATOMIC(bits, type)                                                     \
	type __tsan_atomic##bits##_load(const volatile type *p, int order);    \
	void __tsan_atomic##bits##_store(volatile type *p, type v, int order); \
	type __tsan_atomic##bits##_exchange(volatile type *p, type v,          \
					    int order);                        \
	type __tsan_atomic##bits##_fetch_add(volatile type *p, type v,         \
					     int order);                       \
	int __tsan_atomic##bits##_compare_exchange_strong(                     \
		volatile type *p, type *expected, type v, int order,           \
		int failure);                                                  \
                                                                               \
	type __tsan_atomic##bits##_load(const volatile type *p, int order)     \
	{                                                                      \
		type v;                                                        \
                                                                               \
		sched_point(p, false);                                         \
		v = *p;                                                        \
		sched_loaded(p, sizeof(*p), order, (uint64_t)v);               \
		return v;                                                      \
	}                                                                      \
                                                                               \
	void __tsan_atomic##bits##_store(volatile type *p, type v, int order)  \
	{                                                                      \
		sched_point(p, true);                                          \
		sched_stored(p, sizeof(*p), order, false);                     \
		*p = v;                                                        \
	}                                                                      \
                                                                               \
	type __tsan_atomic##bits##_exchange(volatile type *p, type v,          \
					    int order)                         \
	{                                                                      \
		type before;                                                   \
                                                                               \
		sched_point(p, true);                                          \
		before = *p;                                                   \
		sched_loaded(p, sizeof(*p), order, (uint64_t)before);          \
		sched_stored(p, sizeof(*p), order, true);                      \
		*p = v;                                                        \
		return before;                                                 \
	}                                                                      \
                                                                               \
	type __tsan_atomic##bits##_fetch_add(volatile type *p, type v,         \
					     int order)                        \
	{                                                                      \
		type before;                                                   \
                                                                               \
		sched_point(p, true);                                          \
		before = *p;                                                   \
		sched_loaded(p, sizeof(*p), order, (uint64_t)before);          \
		sched_stored(p, sizeof(*p), order, true);                      \
		*p = (type)(before + v);                                       \
		return before;                                                 \
	}                                                                      \
                                                                               \
	int __tsan_atomic##bits##_compare_exchange_strong(                     \
		volatile type *p, type *expected, type v, int order,           \
		int failure)                                                   \
	{                                                                      \
		type before;                                                   \
                                                                               \
		sched_point(p, true);                                          \
		before = *p;                                                   \
		if (before != *expected) {                                     \
			sched_loaded(p, sizeof(*p), failure,                   \
				     (uint64_t)before);                        \
			*expected = before;                                    \
			return 0;                                              \
		}                                                              \
		sched_loaded(p, sizeof(*p), order, (uint64_t)before);          \
		sched_stored(p, sizeof(*p), order, true);                      \
		*p = v;                                                        \
		return 1;                                                      \
	}

ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)
