/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VM of suite `race`: all its vCPUs serve requests at once (race.h), and
 * paint every register around each call. They wait for each other in WFI, so
 * that the primary may run them in any order.
 */
#include <stdbool.h>
#include <stddef.h>
#include "guest.h"
#include "paint.h"
#include "race.h"
#include "smccc.h"
#include "smp.h"
#include "string.h"
#include "timer.h"
#include "hf/call.h"

#define VCPUS 8
#define WAIT_NS 20000
#define NOBODYS_MEMORY 0x7ff00000

/* Of these pairs of pages one becomes the mailbox. */
static _Alignas(HF_MAILBOX_SIZE) uint8_t send[VCPUS][HF_MAILBOX_SIZE];
static _Alignas(HF_MAILBOX_SIZE) uint8_t recv[VCPUS][HF_MAILBOX_SIZE];

static uint32_t arrived; /* vCPUs that are up to configure the mailbox, */
static uint32_t decided; /* and that did */
static uint32_t mailbox; /* index of the pair */

static struct spinlock send_lock; /* the send page; not for empty replies */
static uint32_t met;		  /* vCPUs that came to a meeting; atomic */
static struct race_counts counts; /* atomic */

static struct {
	uint64_t random;
	_Alignas(8) uint8_t message[HF_MAILBOX_SIZE];
} self[VCPUS];

static void add(uint64_t *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

static void error(uint64_t line)
{
	if (!__atomic_fetch_add(&counts.errors, 1, __ATOMIC_RELAXED))
		counts.error_line = line;
}

static uint64_t random(void)
{
	return race_random(&self[cpu_index()].random);
}

static void compare(const struct paint *before, const struct paint *after,
		    uint64_t may_change)
{
	uint64_t changed = paint_compare(before, after) & ~may_change;

	__atomic_or_fetch(&counts.damage, changed, __ATOMIC_RELAXED);
}

/* A call with everything painted. */
static uint64_t call(uint64_t fn, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t seed = random();
	bool deep = seed % 16 == 0;
	struct paint_sysregs sysregs;
	struct paint before;
	struct paint after;

	paint_fill(&before, seed);
	before.x[0] = fn;
	before.x[1] = a;
	before.x[2] = b;
	before.x[3] = c;
	if (deep)
		paint_sysregs(&sysregs, seed);
	paint_run(PAINT_HVC, &before, &after);
	if (deep)
		__atomic_or_fetch(&counts.sysregs,
				  paint_sysregs_restore(&sysregs),
				  __ATOMIC_RELAXED);
	compare(&before, &after, PAINT_CALL_RESULTS);
	if (after.x[1] | after.x[2] | after.x[3])
		error(__LINE__);
	add(&counts.calls);
	return after.x[0];
}

static void spin(uint64_t rounds)
{
	struct paint before;
	struct paint after;

	paint_fill(&before, random());
	before.x[28] = rounds + 1;
	paint_run(PAINT_SPIN, &before, &after);
	compare(&before, &after, PAINT_SPIN_COUNTER);
}

static void acknowledge(void)
{
	if (call(HF_RPC_ACK, 0, 0, 0))
		error(__LINE__);
}

static uint8_t *lock_send_page(void)
{
	while (!spin_trylock(&send_lock))
		timer_wait_ns(WAIT_NS);
	return send[mailbox];
}

/* Sends what is in the send page. */
static void send_reply(uint64_t size, uint32_t mode)
{
	bool ack = mode == RACE_ACK_WITH_REPLY;

	for (;;) {
		uint64_t result = call(HF_RPC_REPLY, size, ack, random());

		if (!result)
			break;
		if (result != (uint64_t)-1)
			error(__LINE__);
		timer_wait_ns(WAIT_NS);
	}
}

/* The same, unlocks the page, and acknowledges after it. */
static void reply(uint64_t size, uint32_t mode)
{
	send_reply(size, mode);
	if (size)
		spin_unlock(&send_lock);
	if (mode == RACE_ACK_AFTER_REPLY)
		acknowledge();
}

static void serve(void *unused);

static void turn_on(unsigned int vcpu)
{
	uintptr_t entry = cpu_prepare(vcpu, serve, NULL);
	uint64_t result = call(PSCI_CPU_ON_64, vcpu, entry, vcpu);

	if (!result)
		add(&counts.turned_on);
	else if (result != (uint64_t)PSCI_ALREADY_ON)
		error(__LINE__);
}

static void act(const struct race_request *r)
{
	switch (r->action) {
	case RACE_TURN_ON:
		turn_on(r->target);
		break;
	case RACE_SPIN_LONG:
		for (;;)
			spin(UINT64_C(1) << 32);
	case RACE_LOAD:
		(void)*(volatile uint64_t *)NOBODYS_MEMORY;
		error(__LINE__);
		break;
	case RACE_JUMP:
		((void (*)(void))NOBODYS_MEMORY)();
		error(__LINE__);
		break;
	case RACE_SYSTEM_OFF:
		psci_call(PSCI_SYSTEM_OFF, 0, 0, 0);
		error(__LINE__);
		break;
	case RACE_SYSTEM_RESET:
		psci_call(PSCI_SYSTEM_RESET, 0, 0, 0);
		error(__LINE__);
		break;
	default:
		break;
	}
}

/* Waits until another vCPU comes to the meeting, too. */
static void meet_other(void)
{
	uint32_t last = (__atomic_add_fetch(&met, 1, __ATOMIC_ACQ_REL) + 1) &
			~UINT32_C(1);

	while (__atomic_load_n(&met, __ATOMIC_ACQUIRE) < last)
		;
}

static void meet(const struct race_request *r)
{
	uint64_t result;

	meet_other();
	if (r->action == RACE_MEET_ACK) {
		/* The other one's reply may have done it. */
		result = call(HF_RPC_ACK, 0, 0, 0);
		if (result && result != (uint64_t)-1)
			error(__LINE__);
	}
	send_reply(0, r->mode);
}

static void obey(const struct race_request *r, uint64_t size)
{
	struct race_reply *page;

	if (!race_matches(r, sizeof(*r), size, r->seed))
		error(__LINE__);
	if (r->mode == RACE_ACK_BEFORE_REPLY)
		acknowledge();
	if (r->action >= RACE_MEET && r->action <= RACE_MEET_ACK) {
		meet(r);
		return;
	}
	act(r);
	spin(r->spin);
	page = (struct race_reply *)lock_send_page();
	page->number = r->number;
	page->seed = random();
	page->vcpu = cpu_index();
	page->counts = counts;
	race_fill(page, sizeof(*page), r->reply_size, page->seed);
	reply(r->reply_size, r->mode);
	/* vCPU 0 stays: there must be one to turn the others on. */
	if (r->action == RACE_TURN_OFF && cpu_index())
		psci_cpu_off();
}

/* Sends a message that is too short for a header back, inverted. */
static void invert(const uint8_t *message, uint64_t size)
{
	uint8_t *page = size ? lock_send_page() : NULL;
	uint64_t i;

	for (i = 0; i < size; i++)
		page[i] = (uint8_t)~message[i];
	reply(size, size % 2 ? RACE_ACK_WITH_REPLY : RACE_ACK_AFTER_REPLY);
}

static void take(uint64_t size)
{
	uint8_t *message = self[cpu_index()].message;
	uint8_t *page = recv[mailbox];

	if (size > HF_MAILBOX_SIZE) {
		error(__LINE__);
		return;
	}
	memcpy(message, page, size);
	if (!race_is_poison(page, size))
		error(__LINE__);
	race_poison(page, size);
	if (size < RACE_HEADER)
		invert(message, size);
	else
		obey((const struct race_request *)(const void *)message, size);
}

/* All vCPUs of the VM try to configure it at once, each with its own pages. */
static void configure(void)
{
	unsigned int i = cpu_index();

	__atomic_add_fetch(&arrived, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&arrived, __ATOMIC_ACQUIRE) < cpu_count())
		timer_wait_ns(WAIT_NS);
	if (!call(HF_VM_CONFIGURE, (uintptr_t)send[i], (uintptr_t)recv[i], 0)) {
		mailbox = i;
		add(&counts.configured);
	}
	__atomic_add_fetch(&decided, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&decided, __ATOMIC_ACQUIRE) < cpu_count())
		timer_wait_ns(WAIT_NS);
}

/* What each vCPU does, from each time that it is turned on. */
static void serve(void *unused)
{
	(void)unused;
	self[cpu_index()].random += timer_now_ns() + cpu_index();
	if (cpu_index())
		add(&counts.started);
	if (__atomic_load_n(&decided, __ATOMIC_ACQUIRE) < cpu_count())
		configure();
	for (;;) {
		uint64_t block = random() % 4 != 0;
		uint64_t size = call(HF_RPC_READ_REQUEST, block, 0, 0);

		if (block || size != (uint64_t)-1)
			take(size);
	}
}

void guest_main(void)
{
	unsigned int i;

	for (i = 0; i < VCPUS; i++)
		race_poison(recv[i], HF_MAILBOX_SIZE);
	for (i = 1; i < cpu_count(); i++)
		turn_on(i);
	serve(NULL);
}
