/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A ring of bytes. Counts run on for ever: `end - begin` bytes are in it, and
 * byte n since the beginning is or was at n % size. Whoever uses one keeps
 * others away.
 */
#ifndef RING_H
#define RING_H

#include <stdint.h>

struct ring {
	char *data;
	uint32_t size; /* a power of two */
	uint64_t begin, end;
};

static inline uint32_t ring_used(const struct ring *r)
{
	return (uint32_t)(r->end - r->begin);
}

static inline uint32_t ring_room(const struct ring *r)
{
	return r->size - ring_used(r);
}

/* Byte `n` since the beginning, which is in the ring. */
static inline char ring_at(const struct ring *r, uint64_t n)
{
	return r->data[n & (r->size - 1)];
}

/* Adds a byte; a full ring loses its oldest one. */
static inline void ring_put(struct ring *r, char c)
{
	if (!ring_room(r))
		r->begin++;
	r->data[r->end++ & (r->size - 1)] = c;
}

/* Takes the oldest byte of a ring that is not empty. */
static inline char ring_get(struct ring *r)
{
	return ring_at(r, r->begin++);
}

#endif
