/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the VMs of suite `race` (race/race.c) and the test primary say to each
 * other. A request is a header and random bytes that follow from its seed, or,
 * if it is shorter than a header, random bytes alone, which come back
 * inverted. The answer to the others is a header and random bytes, too.
 */
#ifndef RACE_H
#define RACE_H

#include <stdbool.h>
#include <stdint.h>

/* What fills a receive page beyond its message. */
#define RACE_POISON UINT64_C(0x7070707070707070)

/* When the VM acknowledges a request. */
enum race_mode {
	RACE_ACK_WITH_REPLY,
	RACE_ACK_AFTER_REPLY,
	RACE_ACK_BEFORE_REPLY,
	RACE_MODES,
};

/* What else it does. */
enum race_action {
	RACE_NOTHING,
	RACE_TURN_ON,  /* vCPU `target`, before it answers */
	RACE_TURN_OFF, /* itself, after it answered; not vCPU 0 */
	RACE_ACTIONS,  /* those above are for any time */
	/*
	 * Two vCPUs meet, and then make these calls at once; their answers
	 * are empty.
	 */
	RACE_MEET,	 /* REPLY with ack, */
	RACE_MEET_REPLY, /* against REPLY, */
	RACE_MEET_ACK,	 /* or against ACK, and then REPLY */
	RACE_SPIN_LONG,	 /* for longer than any test lasts */
	RACE_LOAD,	 /* of memory it does not have */
	RACE_JUMP,
	RACE_SYSTEM_OFF,
	RACE_SYSTEM_RESET,
};

struct race_request {
	uint64_t number; /* of the requests to this VM */
	uint64_t seed;
	uint32_t mode;
	uint32_t action;
	uint32_t target;
	uint32_t spin;	     /* rounds between read and answer */
	uint64_t reply_size; /* at least a header */
};

/* What a VM counts. */
struct race_counts {
	uint64_t calls;
	uint64_t damage;     /* paint_compare() of all calls together */
	uint64_t sysregs;    /* paint_sysregs_restore(), too */
	uint64_t errors;     /* anything else, and the line of the first */
	uint64_t error_line; /* in race/race.c */
	uint64_t configured; /* calls of HF_VM_CONFIGURE that succeeded */
	uint64_t turned_on;  /* calls of CPU_ON that succeeded */
	uint64_t started;    /* entries of vCPUs but the first */
};

struct race_reply {
	uint64_t number;
	uint64_t seed;
	uint64_t vcpu;
	struct race_counts counts;
};

/* A message of less is one without header, both ways. */
#define RACE_HEADER sizeof(struct race_request)

_Static_assert(sizeof(struct race_reply) >= RACE_HEADER, "header");

/* Step of a pseudo-random sequence. */
static inline uint64_t race_random(uint64_t *state)
{
	uint64_t v = *state += UINT64_C(0x9e3779b97f4a7c15);

	v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	return v ^ v >> 31;
}

static inline uint8_t race_byte(uint64_t seed, uint64_t i)
{
	uint64_t v = (seed + i / 8) * UINT64_C(0xd1342543de82ef95);

	return (uint8_t)((v ^ v >> 32) >> i % 8 * 8);
}

/* The bytes [from, size) that follow from a seed; `from` is a multiple of 8. */
static inline void race_fill(void *page, uint64_t from, uint64_t size,
			     uint64_t seed)
{
	uint64_t i = from;

	for (; i + 8 <= size; i += 8) {
		uint64_t v = (seed + i / 8) * UINT64_C(0xd1342543de82ef95);

		((uint64_t *)page)[i / 8] = v ^ v >> 32;
	}
	for (; i < size; i++)
		((uint8_t *)page)[i] = race_byte(seed, i);
}

static inline bool race_matches(const void *page, uint64_t from, uint64_t size,
				uint64_t seed)
{
	uint64_t i = from;

	for (; i + 8 <= size; i += 8) {
		uint64_t v = (seed + i / 8) * UINT64_C(0xd1342543de82ef95);

		if (((const uint64_t *)page)[i / 8] != (v ^ v >> 32))
			return false;
	}
	for (; i < size; i++) {
		if (((const uint8_t *)page)[i] != race_byte(seed, i))
			return false;
	}
	return true;
}

/* True if nothing but poison lies behind a message. */
static inline bool race_is_poison(const void *page, uint64_t from)
{
	const uint8_t *p = page;

	for (; from % 8; from++) {
		if (p[from] != (uint8_t)RACE_POISON)
			return false;
	}
	for (; from < 4096; from += 8) {
		if (*(const uint64_t *)(const void *)(p + from) != RACE_POISON)
			return false;
	}
	return true;
}

/* Makes a receive page ready for a message, after one of `size` bytes. */
static inline void race_poison(void *page, uint64_t size)
{
	uint64_t i;

	for (i = 0; i < size; i += 8)
		((uint64_t *)page)[i / 8] = RACE_POISON;
}

#endif
