// SPDX-License-Identifier: BSD-3-Clause
/*
 * The measuring primary: makes each row of the table so often that the counter
 * is exact, between the marks by which count.c counts the same. Prints
 *
 *   row NAME ROUNDS TICKS
 *
 * for each, in the order of the marks; 0 ticks: by count.c alone. `skip NAME`:
 * not on this machine. Bootargs: set=boot|short|long.
 */
#include <stdbool.h>
#include <stddef.h>
#include "bench.h"
#include "console.h"
#include "dt.h"
#include "gic.h"
#include "guest.h"
#include "irq.h"
#include "mark.h"
#include "smp.h"
#include "string.h"
#include "sysreg.h"
#include "timer.h"
#include "hf/call.h"

#define ROUNDS 4096
#define LIFE_ROUNDS 16

/* The VMs of the manifest, in its order. */
enum vm {
	VM_SERVER,  /* never uses its interrupt controller */
	VM_PEER,    /* another one */
	VM_MACHINE, /* uses all of its machine; two vCPUs */
	VM_COUNT
};

static _Alignas(HF_MAILBOX_SIZE) uint8_t send[HF_MAILBOX_SIZE];
static _Alignas(HF_MAILBOX_SIZE) uint8_t recv[HF_MAILBOX_SIZE];

/* The row that is measured. */
static uint64_t started, ticks, rounds;

static void begin(uint64_t count)
{
	rounds = count;
	isb();
	started = read_sysreg(cntvct_el0);
	set_mark(MARK_START);
}

static void end(void)
{
	set_mark(MARK_STOP);
	isb();
	ticks = read_sysreg(cntvct_el0) - started;
}

static void check(const char *what, uint64_t actual, uint64_t expected)
{
	if (actual != expected)
		panic("%s: 0x%lx, not 0x%lx", what, actual, expected);
}

/* --- the secondaries --- */

#define RESPONSE(size) \
	(HF_VCPU_RESPONSE_READY | (uint64_t)(size) << HF_VCPU_CODE_BITS)

static void ask(enum vm vm, enum op op, uint64_t count, uint64_t size)
{
	struct bench_request r = {op, count, size};
	int64_t result;

	memcpy(send, &r, sizeof(r));
	result = hf_rpc_request(vm, sizeof(r));
	if (result < 0)
		panic("REQUEST of %u: %ld", op, result);
}

static uint64_t take_answer(void)
{
	struct bench_reply reply;

	memcpy(&reply, recv, sizeof(reply));
	check("ACK", (uint64_t)hf_rpc_ack(), 0);
	return reply.ticks;
}

/* Runs a VM until it has answered. */
static uint64_t await(enum vm vm)
{
	uint64_t result;

	do {
		result = hf_vcpu_run(vm, 0);
	} while (result != RESPONSE(sizeof(struct bench_reply)) &&
		 hf_vcpu_code(result) != HF_VCPU_ABORTED);
	check("RUN", result, RESPONSE(sizeof(struct bench_reply)));
	return take_answer();
}

static uint64_t command(enum vm vm, enum op op, uint64_t count, uint64_t size)
{
	ask(vm, op, count, size);
	return await(vm);
}

/* --- the loop itself, and calls --- */

/* Four instructions a round, and eight around them. */
static void row_loop(uint64_t unused)
{
	uint64_t n = ROUNDS;

	(void)unused;
	begin(ROUNDS);
	__asm__ volatile("1:\tnop\n\t"
			 "nop\n\t"
			 "sub %0, %0, #1\n\t"
			 "cbnz %0, 1b"
			 : "+r"(n));
	end();
}

static void row_null(uint64_t unused)
{
	unsigned int i;

	(void)unused;
	begin(ROUNDS);
	for (i = 0; i < ROUNDS; i++)
		hf_vm_get_count();
	end();
}

static void row_unknown(uint64_t unused)
{
	unsigned int i;

	(void)unused;
	begin(ROUNDS);
	for (i = 0; i < ROUNDS; i++)
		hf_call(0xffff, 0, 0, 0);
	end();
}

/* RUN of a vCPU that waits in a READ. */
static void row_run_refused(uint64_t unused)
{
	unsigned int i;

	(void)unused;
	begin(ROUNDS);
	for (i = 0; i < ROUNDS; i++)
		hf_vcpu_run(VM_SERVER, 0);
	end();
	check("RUN", hf_vcpu_run(VM_SERVER, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
}

/* --- messages --- */

static void round_trip(enum vm vm, uint64_t size)
{
	hf_rpc_request(vm, size);
	check("RUN", hf_vcpu_run(vm, 0), RESPONSE(size));
	hf_rpc_ack();
}

static void row_rpc(uint64_t size)
{
	unsigned int i;

	command(VM_SERVER, OP_REPLY, ROUNDS + 1, size);
	round_trip(VM_SERVER, size);
	begin(ROUNDS);
	for (i = 0; i < ROUNDS; i++)
		round_trip(VM_SERVER, size);
	end();
}

/* A notification goes from one VM to another and back, by empty messages. */
static void row_ping_pong(uint64_t unused)
{
	unsigned int i;

	(void)unused;
	command(VM_SERVER, OP_REPLY, ROUNDS + 1, 0);
	command(VM_PEER, OP_REPLY, ROUNDS + 1, 0);
	round_trip(VM_SERVER, 0);
	round_trip(VM_PEER, 0);
	begin(ROUNDS);
	for (i = 0; i < ROUNDS; i++) {
		round_trip(VM_SERVER, 0);
		round_trip(VM_PEER, 0);
	}
	end();
}

/* --- what a secondary does by itself --- */

static void row_secondary(uint64_t op)
{
	rounds = ROUNDS;
	ticks = command(VM_MACHINE, op, ROUNDS, 0);
}

/* From one vCPU's SGI to the vector of another, through the primary. */
static void row_ipi(uint64_t unused)
{
	uint64_t result;

	(void)unused;
	rounds = ROUNDS;
	command(VM_MACHINE, OP_LISTENER, 0, 0);
	ask(VM_MACHINE, OP_SEND_SGI, ROUNDS, 0);
	do {
		result = hf_vcpu_run(VM_MACHINE, 1);
		if (result == HF_VCPU_WAIT_FOR_INTERRUPT)
			result = hf_vcpu_run(VM_MACHINE, 0);
	} while (hf_vcpu_code(result) != HF_VCPU_RESPONSE_READY);
	take_answer();
}

/* --- the primary's interrupts --- */

static void row_world_switch(uint64_t unused)
{
	unsigned int i;

	(void)unused;
	ask(VM_PEER, OP_SPIN, 0, 0);
	gic_send(0, BENCH_SGI);
	check("RUN", hf_vcpu_run(VM_PEER, 0), HF_VCPU_YIELD);
	begin(ROUNDS);
	for (i = 0; i < ROUNDS; i++)
		hf_vcpu_run(VM_PEER, 0);
	end();
	check("RUN", hf_vcpu_run(VM_PEER, 0), HF_VCPU_YIELD);
	check("IAR", irq_take(), BENCH_SGI);
}

/* From the interrupt, which ends the run of a secondary, to the vector. */
static void row_interrupt(uint64_t timer)
{
	unsigned int i;

	rounds = ROUNDS;
	irq_init();
	gic_enable(timer_intid(timer));
	for (i = 0; i < ROUNDS; i++) {
		timer_arm(timer, 10000, true);
		irq_run(VM_PEER);
		check("IAR", irq_take(), timer_intid(timer));
	}
}

/* --- life --- */

static void row_stop(uint64_t unused)
{
	(void)unused;
	begin(1);
	hf_vm_stop(VM_SERVER);
	end();
}

static void row_start(uint64_t unused)
{
	int64_t result;

	(void)unused;
	begin(1);
	do {
		result = hf_vm_start(VM_SERVER);
	} while (result == HF_AGAIN);
	end();
	check("START", (uint64_t)result, HF_DONE);
}

/* A VM maps its two mailbox pages. */
static void row_configure(uint64_t unused)
{
	(void)unused;
	begin(1);
	check("CONFIGURE",
	      (uint64_t)hf_vm_configure((uintptr_t)send, (uintptr_t)recv), 0);
	end();
}

/* Each VM runs to its first READ. */
static void row_first_run(uint64_t unused)
{
	uint32_t vm;

	(void)unused;
	begin(VM_COUNT);
	for (vm = 0; vm < VM_COUNT; vm++)
		check("RUN", hf_vcpu_run(vm, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	end();
}

/* --- the table --- */

struct row {
	const char *name;
	void (*measure)(uint64_t argument);
	uint64_t argument;
};

static const struct row rows[] = {
	{"loop", row_loop, 0},
	{"configure", row_configure, 0},
	{"first-run", row_first_run, 0},
	{"null", row_null, 0},
	{"unknown", row_unknown, 0},
	{"run-refused", row_run_refused, 0},
	{"rpc-64", row_rpc, 64},
	{"rpc-4096", row_rpc, 4096},
	{"ping-pong", row_ping_pong, 0},
	{"guest-null", row_secondary, OP_NULL},
	{"guest-unknown", row_secondary, OP_UNKNOWN},
	{"guest-psci-version", row_secondary, OP_PSCI},
	{"gicd-ctlr-read", row_secondary, OP_GICD_CTLR},
	{"gicd-isenabler-read", row_secondary, OP_ISENABLER},
	{"gicd-icenabler-write", row_secondary, OP_ICENABLER},
	{"timer", row_secondary, OP_TIMER},
	{"self-sgi", row_secondary, OP_SELF_SGI},
	{"self-spi", row_secondary, OP_SELF_SPI},
	{"ipi", row_ipi, 0},
	{"world-switch", row_world_switch, 0},
	{"interrupt", row_interrupt, TIMER_PHYSICAL},
	{"stop", row_stop, 0},
	{"start", row_start, 0},
};

static void measure(const struct row *row)
{
	ticks = 0;
	set_mark(MARK_ROW);
	row->measure(row->argument);
	set_mark(MARK_STOP);
	print("row %s %lu %lu\n", row->name, rounds, ticks);
}

void guest_main(void)
{
	char set[8];
	size_t i;

	dt_bootarg("set", set, sizeof(set));
	if (!strcmp(set, "boot"))
		return;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		measure(&rows[i]);
}
