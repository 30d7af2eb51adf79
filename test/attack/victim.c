/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The victim: its first vCPU holds a secret in memory and looks at it when it
 * is asked; its second one holds it in all registers, and goes on for ever. It
 * believes nobody: whatever is sent, it looks for what may not have happened.
 */
#include "attack.h"
#include "guest.h"
#include "message.h"
#include "paint.h"
#include "race.h"
#include "smp.h"
#include "string.h"
#include "timer.h"
#include "hf/call.h"

#define SECRET_WORDS 16384
#define SPIN_ROUNDS 3000
#define WATCH_NS 20000
#define WAIT_EVERY 16

static _Alignas(PAGE) uint64_t send[PAGE / 8];
static _Alignas(PAGE) uint64_t recv[PAGE / 8];
static _Alignas(PAGE) uint64_t secret[SECRET_WORDS];

static struct victim_report counts; /* each field has one writer */
static uint64_t seed;		    /* of both vCPUs; atomic */

static uint64_t get_seed(void)
{
	return __atomic_load_n(&seed, __ATOMIC_ACQUIRE);
}

/* Fills every register, spins or waits, and sees what is left. */
static void hold(uint64_t pattern, bool wait)
{
	struct paint_sysregs sysregs;
	struct paint before;
	struct paint after;

	paint_fill(&before, pattern);
	before.x[28] = wait ? pattern : SPIN_ROUNDS;
	paint_sysregs(&sysregs, pattern);
	paint_run(wait ? PAINT_WFI : PAINT_SPIN, &before, &after);
	counts.sysregs |= paint_sysregs_restore(&sysregs);
	counts.changed |= paint_compare(&before, &after) &
			  ~(wait ? 0 : PAINT_SPIN_COUNTER);
}

static void keeper(void *unused)
{
	(void)unused;
	for (;;) {
		uint64_t pattern = get_seed() + counts.progress;

		hold(pattern, counts.progress % WAIT_EVERY == 0);
		__atomic_add_fetch(&counts.progress, 1, __ATOMIC_RELEASE);
	}
}

/* The words of memory that do not hold the secret. */
static uint64_t count_wrong(void)
{
	uint64_t state = get_seed();
	uint64_t wrong = 0;
	unsigned int i;

	for (i = 0; i < SECRET_WORDS; i++)
		wrong += secret[i] != race_random(&state);
	return wrong;
}

static void keep_new(uint64_t new_seed)
{
	uint64_t state = new_seed;
	unsigned int i;

	for (i = 0; i < SECRET_WORDS; i++)
		secret[i] = race_random(&state);
	__atomic_store_n(&seed, new_seed, __ATOMIC_RELEASE);
}

/* A message was taken: nothing behind it, and nothing of it changes. */
static void look_at_message(int64_t size)
{
	static uint64_t copy[PAGE / 8];
	const uint8_t *bytes = (const uint8_t *)recv;
	int64_t i;

	memcpy(copy, recv, sizeof(copy));
	for (i = size; i < PAGE; i++)
		if (bytes[i] != (uint8_t)POISON)
			break;
	timer_spin_ns(WATCH_NS);
	if (size > PAGE || i < PAGE || memcmp(copy, recv, sizeof(copy)))
		counts.torn++;
}

static void poison(void)
{
	unsigned int i;

	for (i = 0; i < PAGE / 8; i++)
		recv[i] = POISON;
}

static void serve(int64_t size)
{
	struct order order;

	look_at_message(size);
	memcpy(&order, recv, sizeof(order));
	poison();
	if (size != sizeof(order) || order.magic != MESSAGE_MAGIC) {
		counts.noise++;
		hf_rpc_ack();
		return;
	}
	counts.seed = get_seed();
	counts.secret = (uintptr_t)secret;
	counts.size = sizeof(secret);
	counts.words += count_wrong();
	keep_new(order.seed);
	memcpy(send, &counts, sizeof(counts));
	while (hf_rpc_reply(sizeof(counts), 1))
		timer_spin_ns(WATCH_NS);
}

void guest_main(void)
{
	poison();
	keep_new(1);
	if (hf_vm_configure((uintptr_t)send, (uintptr_t)recv) ||
	    cpu_start(1, keeper, NULL))
		return;
	for (;;) {
		int64_t size = hf_rpc_read_request(1);

		if (size < 0)
			return;
		serve(size);
	}
}
