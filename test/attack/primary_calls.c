/* SPDX-License-Identifier: BSD-3-Clause */
/* The primary's attacks by calls, time and counters. */
#include "both.h"
#include "gic.h"
#include "primary.h"
#include "smccc.h"
#include "smp.h"
#include "string.h"
#include "sysreg.h"
#include "timer.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ALL_ONES (~UINT64_C(0))

static const uint64_t sizes[] = {
	0,	 1,	   31,	     4095,	 4096,	     4097,
	1 << 16, 1u << 31, ALL_ONES, 1ull << 32, 1ull << 63, (1ull << 32) + 8};

/* --- mailboxes --- */

void configure_hidden_race(void)
{
	const uint64_t own = (uintptr_t)primary_send;
	unsigned int i;

	meet();
	for (i = 0; i < 400 && !test_over(); i++) {
		uint64_t place = hidden_place(i % 5);
		uint64_t bits = UINT64_C(1) << (48 + i % 16);

		if (hf_vm_configure(place, place + PAGE) != -1 ||
		    hf_vm_configure(own, place) != -1 ||
		    hf_vm_configure(place, own) != -1 ||
		    hf_vm_configure(own | bits, own + PAGE) != -1 ||
		    hf_vm_configure(0x08000000, own) != -1)
			FAIL("0x%lx is accepted", place);
		if (!me() && i == 200)
			CHECK_EQ(hf_vm_configure(own, (uintptr_t)primary_recv),
				 0);
	}
}

void message_rewritten(void)
{
	uint64_t *page = (uint64_t *)(void *)primary_send;
	unsigned int i, k;

	meet();
	for (i = 0; i < 60 && !test_over(); i++) {
		for (k = 0; k < PAGE / 8; k++)
			page[k] = random64();
		hf_rpc_request(VICTIM, PAGE);
		if (!me())
			run_painted(VICTIM, VICTIM_SERVER, MS);
	}
}

void request_edges(void)
{
	unsigned int i;

	meet();
	for (i = 0; i < 40 * COUNT(sizes) && !test_over(); i++) {
		uint64_t size = sizes[random64() % COUNT(sizes)];
		int64_t result = hf_rpc_request(VICTIM, size);

		if (result < -1 || result > 1 || (size > PAGE && result != -1))
			FAIL("%lu bytes: %ld", size, result);
		if (!me() && i % 4 == 0)
			run_painted(VICTIM, VICTIM_SERVER, MS / 4);
	}
}

void options_flipped(void)
{
	unsigned int i;

	meet();
	for (i = 0; i < 200 && !test_over(); i++) {
		uint64_t code;

		hf_set_options(random64() & HF_OPTION_MESSAGE_WANTED);
		if (me())
			continue;
		hf_rpc_request(HOSTILE, 8);
		code = run_painted(HOSTILE, 0, MS);
		if (code != HF_VCPU_YIELD &&
		    code != HF_VCPU_WAIT_FOR_INTERRUPT &&
		    code != HF_VCPU_MESSAGE_WANTED)
			FAIL("RUN: 0x%lx", code);
	}
	hf_set_options(0);
}

/* --- lives and consoles --- */

/* Nobody else's: the last VM. */
static uint32_t mortal(void)
{
	return (uint32_t)hf_vm_get_count() - 1;
}

static void check_console(int64_t result, int64_t most)
{
	if (result < -1 || result > most)
		FAIL("console: %ld", result);
}

static void meddle(uint64_t r)
{
	uint64_t text[3] = {r, r, r};

	switch (r >> 60) {
	case 0:
		if (r % 64 == 0)
			hf_vm_stop(mortal());
		break;
	case 1:
		hf_vm_start(mortal());
		break;
	case 2:
	case 3:
	case 4:
		check_console(hf_console_write(mortal(), text, r % 18), 16);
		break;
	default:
		check_console(hf_console_read(mortal(), text), HF_READ_BYTES);
	}
}

/* Has the VM begin, and use its UART. */
static void live(void)
{
	struct order order = {MESSAGE_MAGIC, random64(), SECONDARY_uart_storm,
			      1};
	unsigned int i;

	while (hf_vm_stop(mortal()) == HF_AGAIN)
		;
	for (i = 0; i < 200 && hf_vm_start(mortal()) == HF_AGAIN; i++)
		if (us() == 1)
			meddle(random64());
	for (i = 0; i < 10; i++) {
		if (i == 4) {
			memcpy(primary_send, &order, sizeof(order));
			hf_rpc_request(mortal(), sizeof(order));
		}
		run_painted(mortal(), 0, MS / 2);
		if (us() == 1)
			meddle(random64());
	}
	hf_rpc_ack();
}

/* In the end it is there, and waits for an order. */
static void check_alive(void)
{
	unsigned int i;

	live();
	for (i = 0; i < 2000; i++)
		if (run_painted(mortal(), 0, MS) == HF_VCPU_WAIT_FOR_INTERRUPT)
			return;
	FAIL("VM %u does not live", mortal());
}

void console_lives(void)
{
	static uint32_t over;
	unsigned int i;

	if (!me())
		over = 0;
	hf_set_options(HF_OPTION_CONSOLE);
	meet();
	while (me() && !__atomic_load_n(&over, __ATOMIC_ACQUIRE))
		meddle(random64());
	for (i = 0; !me() && i < 8 && !test_over(); i++)
		live();
	if (!me())
		__atomic_store_n(&over, 1, __ATOMIC_RELEASE);
	meet();
	hf_set_options(0);
	if (!me())
		check_alive();
}

/* --- vCPUs and CPUs --- */

/* The victim and a spinner, by all at once; then any. */
void run_storm(void)
{
	static const uint32_t wanted[][2] = {{VICTIM, VICTIM_KEEPER},
					     {DOOMED, 0}};
	unsigned int i;

	for (i = 0; i < 60; i++) {
		bool any = i % 4 == 3;
		uint32_t vm = any ? random64() % 18 : wanted[i % 2][0];
		uint32_t vcpu = any ? random64() % 9 : wanted[i % 2][1];
		uint64_t code;

		meet();
		code = hf_vcpu_code(run_painted(vm, vcpu, 50000));
		if (code != HF_VCPU_YIELD &&
		    code != HF_VCPU_WAIT_FOR_INTERRUPT &&
		    code != HF_VCPU_WAKE_UP)
			test_fail(__FILE__, __LINE__, "VM %u: code %lu", vm,
				  code);
	}
}

static void run_victim_and_go(void *unused)
{
	(void)unused;
	restore_interrupts();
	run_painted(VICTIM, VICTIM_KEEPER, random64() % (MS / 4));
}

void vcpu_over_dying_cpus(void)
{
	int32_t result;
	unsigned int i;

	if (cpu_count() < 3)
		SKIP("fewer than three CPUs");
	for (i = 0; i < 30 && !test_over(); i++) {
		CHECK_EQ(cpu_start(2, run_victim_and_go, NULL), PSCI_SUCCESS);
		run_painted(VICTIM, VICTIM_KEEPER, random64() % (MS / 4));
		/* The one that runs the victim now, or is about to. */
		result = psci_cpu_on(cpu_mpidr(1), (uintptr_t)&sizes, 0);
		CHECK(result == PSCI_ALREADY_ON || result == PSCI_ON_PENDING);
		CHECK(cpu_wait_off(2));
	}
}

/* CPUs that are on, one that is off, if there is one, and none. */
void cpu_on_hidden(void)
{
	const uint64_t own = (uintptr_t)&sizes & ~UINT64_C(3);
	const uint64_t entries[] = {
		hidden_place(0), hidden_place(1),  hidden_place(2),
		hidden_place(3), hidden_place(4),  own_end() - 2,
		own + 1,	 own | 1ull << 48, own | 1ull << 63,
		0x08000000,	 0x09000000,	   ALL_ONES,
		1ull << 40,	 ram_end()};
	unsigned int cpu, round, i;

	for (round = 0; round < 20; round++)
		for (i = 0; i < COUNT(entries) && !test_over(); i++) {
			cpu = round % cpu_count();
			CHECK_EQ(psci_cpu_on(cpu_mpidr(cpu), entries[i], 0),
				 PSCI_INVALID_ADDRESS);
			CHECK_EQ(psci_cpu_on(cpu_mpidr(cpu) | 1ull << (8 + i),
					     own, 0),
				 PSCI_INVALID_PARAMETERS);
		}
	for (cpu = 2; cpu < cpu_count(); cpu++)
		CHECK_EQ(psci_affinity_info(cpu_mpidr(cpu)), PSCI_OFF);
}

/* --- time --- */

/* A VM of this CPU that does nothing but spin, with all of it masked. */
static uint64_t run_spinner(void)
{
	uint64_t start = timer_now_ns();
	uint64_t result = hf_vcpu_run(DOOMED + me(), 0);

	if (timer_now_ns() - start > 2000 * MS)
		test_fail(__FILE__, __LINE__, "%lu ms late",
			  (timer_now_ns() - start) / MS);
	return result;
}

#define TIMER_ISTATUS UINT64_C(4)

/* One of the timers is to end it: the physical one after 0.5 ms, or the other.
 */
static void play_with_timer(uint64_t cval, uint64_t ctl)
{
	uint64_t cntp;

	write_sysreg(cntv_cval_el0, cval);
	write_sysreg(cntv_ctl_el0, ctl);
	timer_arm(TIMER_PHYSICAL, MS / 2, true);
	cntp = read_sysreg(cntp_cval_el0);
	CHECK_EQ(run_spinner(), HF_VCPU_YIELD);
	CHECK_EQ(read_sysreg(cntv_cval_el0), cval);
	CHECK_EQ(read_sysreg(cntv_ctl_el0) & ~TIMER_ISTATUS, ctl);
	CHECK_EQ(read_sysreg(cntp_cval_el0), cntp);
	timer_stop(TIMER_VIRTUAL);
	take_interrupts();
	timer_stop(TIMER_PHYSICAL);
}

/*
 * Not the very last moment: QEMU 7.2 itself does not come to an end once such a
 * time and a CNTVOFF_EL2 add up to more than 64 bits.
 */
#define NEVER (ALL_ONES - (UINT64_C(1) << 60))

void timer_games(void)
{
	unsigned int i;

	for (i = 0; i < 60 && !test_over(); i++) {
		uint64_t soon = read_sysreg(cntvct_el0) + 5000;
		const uint64_t values[] = {0, soon, NEVER, soon + 100000000,
					   1ull << 63};

		play_with_timer(values[i % 5], i & 3);
	}
}

/* --- counters --- */

#define PMCR_E_P_C_LC 0x47
#define COUNTERS (UINT64_C(1) << 31 | 1)
#define FILTER_NSH (UINT64_C(1) << 27)
#define EVENT_CYCLES 0x11
#define RUN_NS (20 * MS)

/* What either counted while the spinner ran, of 1 GHz in QEMU: 0 if no more
 * than half of the time that took. */
static uint64_t counted_by_run(void)
{
	uint64_t start, cycles, events;

	do {
		timer_arm(TIMER_PHYSICAL, RUN_NS, true);
		start = timer_now_ns();
		cycles = read_sysreg(pmccntr_el0);
		events = read_sysreg(pmevcntr0_el0);
		run_spinner();
		isb();
		cycles = read_sysreg(pmccntr_el0) - cycles;
		events = (uint32_t)(read_sysreg(pmevcntr0_el0) - events);
		start = timer_now_ns() - start;
		take_interrupts();
	} while (start < RUN_NS); /* what was pending ended it */
	cycles = cycles > events ? cycles : events;
	return cycles > start / 2 ? cycles : 0;
}

void counters_spy(void)
{
	uint64_t version = read_sysreg(id_aa64dfr0_el1) >> 8 & 0xf;
	uint64_t least = ALL_ONES;
	unsigned int i;

	if (!version || version == 0xf)
		SKIP("no counters");
	write_sysreg(pmccfiltr_el0, FILTER_NSH);
	write_sysreg(pmevtyper0_el0, FILTER_NSH | EVENT_CYCLES);
	write_sysreg(pmcntenset_el0, COUNTERS);
	write_sysreg(pmintenset_el1, COUNTERS);
	write_sysreg(pmcr_el0, PMCR_E_P_C_LC);
	isb();
	for (i = 0; i < 3; i++) {
		uint64_t counted = counted_by_run();

		least = counted < least ? counted : least;
	}
	write_sysreg(pmintenclr_el1, COUNTERS);
	write_sysreg(pmcntenclr_el0, COUNTERS);
	write_sysreg(pmovsclr_el0, COUNTERS);
	write_sysreg(pmcr_el0, 0);
	if (least)
		FAIL("%lu cycles while another VM ran", least);
}
