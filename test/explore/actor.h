/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What each CPU does in a case, written down once and carried out twice: by
 * the real code under a schedule, and by the specification in every order.
 */
#ifndef ACTOR_H
#define ACTOR_H

#include "arch.h"
#include "spec.h"

#define ACTOR_SCRIPT 4 /* steps of the vCPU in one run */
#define ACTOR_RESULTS 32
#define ACTOR_STEPS 32 /* transitions of the specification */

enum act_kind {
	ACT_END,
	ACT_CALL,    /* a[0]: function, a[1..2]: arguments */
	ACT_EVENT,   /* a[0]: enum spec_event, a[1]: payload */
	ACT_VCPU_ON, /* a[0]: target, a[1]: entry, a[2]: argument */
	ACT_CPU_ON,  /* a[0]: CPU, a[1]: entry, a[2]: argument */
	/* Of a CPU itself, a[0]; it is none of those that act. */
	ACT_CPU_OFF,	 /* goes down */
	ACT_CPU_REFUSED, /* is on its way down, and the firmware refuses */
	ACT_CPU_UP,	 /* comes up if the firmware has started it */
};

struct act {
	enum act_kind kind;
	uint64_t a[3];
};

/* A call of the primary; for a RUN, what the vCPU does until it leaves. */
struct primary_act {
	struct act act;
	struct act script[ACTOR_SCRIPT]; /* then an interrupt */
};

struct actor {
	const char *name;
	const struct primary_act *act; /* the last one is ACT_END */
};

/* Everything that came of an actor, in the order in which it saw it. */
struct results {
	uint32_t count;
	int64_t value[ACTOR_RESULTS];
};

/* --- the real one (real.c) --- */

/* Own steps before each transition of an actor began and when it ended. */
struct window {
	uint32_t begin, end;
};

struct real_actor {
	const struct actor *actor;
	struct results results;
	uint32_t steps;
	struct window window[ACTOR_STEPS];
};
extern struct real_actor real_actors[];

/* Carries out the actor of a CPU, on that CPU. */
void real_job(unsigned int cpu);

/* What the firmware knows of the one CPU that goes on and off. */
enum real_power {
	POWER_OFF,
	POWER_STARTED, /* and it has not come up */
	POWER_ON,
	POWER_REFUSES, /* to start it or to turn it off */
};
extern uint32_t real_power;

/* The firmware's answer to arch_cpu_start(). */
enum arch_start real_start(struct cpu *cpu);

/* The vCPU of each VM runs this. */
struct vcpu;
uint64_t real_guest(struct vcpu *vcpu);

/* --- the specified ones (orders.c) --- */

#define MAX_ORDERS 20000

/* One order of all transitions of all actors, and its outcome. */
struct order {
	uint64_t outcome; /* digest of results and state */
	uint32_t steps;
	uint8_t actor[3 * ACTOR_STEPS]; /* whose turn it is */
};

extern struct order orders[MAX_ORDERS];
extern uint32_t order_count;

/* The state that the last of them ends in. */
extern struct spec orders_last;

/* Finds all orders of the actors' transitions from a state. */
void orders_find(const struct spec *from, const struct actor *const *actors,
		 unsigned int count);

/*
 * Whether a vCPU of `vm` reads the message that it was told of: nobody else
 * may acknowledge it meanwhile in this case.
 */
bool orders_may_look(uint32_t vm, uint32_t vcpu);

/* What a vCPU sees of a message of `size` bytes. */
int64_t orders_look(const uint8_t *page, uint64_t size);

/* Digest of an outcome. */
uint64_t orders_digest(const struct spec *s, const struct results *results,
		       unsigned int count);

#endif
