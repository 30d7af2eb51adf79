/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VM of suite `spec`: each of its vCPUs makes random calls (spec.h) until
 * the VM is told to end, and then ends it in one of several ways.
 */
#include <stdbool.h>
#include "dt.h"
#include "guest.h"
#include "smp.h"
#include "spec.h"
#include "sysreg.h"
#include "timer.h"
#include "hf/call.h"

#define PAGES 4
#define NOBODYS_MEMORY 0x7ff00000

static _Alignas(HF_MAILBOX_SIZE) uint8_t pages[PAGES][HF_MAILBOX_SIZE];

static uint64_t random_state;
static uint64_t base, size; /* of this VM's memory */

static uint64_t below(uint64_t limit)
{
	return spec_below(&random_state, limit);
}

static uint64_t number(const char *name)
{
	char text[24];
	const char *s = text;
	uint64_t v = 0;

	dt_bootarg(name, text, sizeof(text));
	for (; *s >= '0' && *s <= '9'; s++)
		v = v * 10 + (uint64_t)(*s - '0');
	return v;
}

/* --- the end --- */

/* A mailbox that is idle must not take requests for a VM that was stopped. */
static void end(void)
{
	if (below(2))
		smccc_hvc(HF_RPC_ACK, 0, 0, 0);
	switch (below(5)) {
	case 0:
		smccc_hvc(PSCI_SYSTEM_OFF, 0, 0, 0);
		break;
	case 1:
		smccc_hvc(PSCI_SYSTEM_RESET, 0, 0, 0);
		break;
	case 2:
		(void)read64(NOBODYS_MEMORY);
		break;
	case 3:
		write64(base + size, 0);
		break;
	default:
		((void (*)(void))NOBODYS_MEMORY)();
	}
}

/* --- calls --- */

/* vCPUs that neither wait for a request nor are off. */
static uint32_t awake;

static void wake_up(void)
{
	__atomic_add_fetch(&awake, 1, __ATOMIC_ACQ_REL);
}

/* True for the last one. */
static bool fall_asleep(void)
{
	return __atomic_sub_fetch(&awake, 1, __ATOMIC_ACQ_REL) == 0;
}

/*
 * A call that may wait for a request. The last one awake empties the mailbox
 * first, so that one can come.
 */
static uint64_t waiting_call(uint64_t fn, uint64_t a1, uint64_t a2, uint64_t a3)
{
	uint64_t result;

	if (fall_asleep() || below(4) == 0)
		smccc_hvc(HF_RPC_ACK, 0, 0, 0);
	result = smccc_hvc(fn, a1, a2, a3).x[0];
	wake_up();
	return result;
}

/* Takes a request; the one to end may lie in any page that is configured. */
static void read_request(void)
{
	uint64_t block = spec_flag(&random_state);
	unsigned int i;
	uint64_t got;

	if (block)
		got = waiting_call(HF_RPC_READ_REQUEST, block, below(2), 0);
	else
		got = smccc_hvc(HF_RPC_READ_REQUEST, 0, below(2), 0).x[0];
	if (got < 8 || got > HF_MAILBOX_SIZE)
		return;
	for (i = 0; i < PAGES; i++)
		if (read64((uintptr_t)pages[i]) == SPEC_END)
			end();
}

static void turn_on(uint64_t target, uint64_t entry);

static void any_psci(void)
{
	uint64_t target = below(8) ? below(cpu_count())
				   : spec_index(&random_state, cpu_count());

	switch (below(8)) {
	case 0:
		smccc_hvc(PSCI_AFFINITY_INFO_64, target, below(4) == 0, 0);
		break;
	case 1:
		smccc_hvc(PSCI_VERSION, target, 0, 0);
		break;
	case 2:
		turn_on(target, spec_edge(&random_state) | 1);
		break;
	case 3:
		turn_on(target, base + size);
		break;
	default:
		turn_on(target, 0);
	}
}

/* The last one stays: it turns the others on. */
static void turn_off(void)
{
	if (fall_asleep())
		wake_up();
	else
		psci_cpu_off();
}

static void wait(void)
{
	if (below(2))
		timer_arm(TIMER_VIRTUAL, below(200000), true);
	if (below(4))
		wfi();
	else
		smccc_hvc(PSCI_CPU_SUSPEND_64, below(2), 0, 0);
	timer_stop(TIMER_VIRTUAL);
}

static void spin(void)
{
	uint64_t i;

	for (i = below(100000); i; i--)
		__asm__ volatile("");
}

/* Its pages are its own, those of the mailbox too. */
static void write_page(void)
{
	uint8_t *page = pages[below(PAGES)];
	uint64_t seed = below(1 << 30);
	unsigned int i;

	for (i = 0; i < HF_MAILBOX_SIZE; i++)
		page[i] = (uint8_t)(seed * (i + 1) >> 8);
}

static void no_hypercall(void)
{
	if (below(2))
		smccc_smc(HF_RPC_ACK, 0, 0, 0);
	else
		smccc_hvc(HF_VCPU_RUN + 0x1000, below(2), 0, 0);
}

static void wild(void)
{
	struct smccc_result c = spec_wild(&random_state);

	waiting_call(c.x[0], c.x[1], c.x[2], c.x[3]);
}

static void other(void)
{
	switch (below(8)) {
	case 0:
		wild();
		break;
	case 1:
		spec_configure(&random_state, pages, PAGES, base, base + size);
		break;
	case 2:
		turn_off();
		break;
	case 3:
		no_hypercall();
		break;
	case 4:
		write_page();
		break;
	case 5:
		spin();
		break;
	default:
		wait();
	}
}

static void act(void)
{
	switch (below(16)) {
	case 0:
	case 1:
		any_psci();
		break;
	case 2:
	case 3:
	case 4:
		smccc_hvc(HF_RPC_ACK, 0, 0, 0);
		break;
	case 5:
	case 6:
	case 7:
		smccc_hvc(HF_RPC_REPLY, spec_size(&random_state),
			  spec_flag(&random_state), below(2));
		break;
	case 8:
	case 9:
	case 10:
	case 11:
		read_request();
		break;
	default:
		other();
	}
}

static void live(void *unused)
{
	(void)unused;
	wake_up();
	for (;;)
		act();
}

/* `entry` 0: a good one. */
static void turn_on(uint64_t target, uint64_t entry)
{
	uint32_t function = below(2) ? PSCI_CPU_ON : PSCI_CPU_ON_64;

	/* The 32-bit call takes the lower half: that may be a vCPU. */
	if (!entry)
		entry = cpu_prepare((uint32_t)target % cpu_count(), live, NULL);
	smccc_hvc(function, target, entry, target);
}

void guest_main(void)
{
	random_state = number("seed");
	dt_memory(&base, &size);
	live(NULL);
}
