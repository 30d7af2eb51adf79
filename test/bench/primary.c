/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The measuring primary: makes each row of the table so often that the counter
 * is exact, between the marks by which count.c counts the same. Prints
 *
 *   row NAME ROUNDS TICKS
 *
 * for each, in the order of the marks; 0 ticks: by count.c alone. The bootargs
 * say which rows: set=boot (none), table, sizes, scale or cpus.
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
#define CONTENDED_ROUNDS 512

/* Until the interrupt that ends the run of a secondary. */
#define INTERRUPT_NS 10000

/* Longer than all rows take. */
#define LONG_NS 1000000000000

/* CNTV_CTL_EL0: enabled, no interrupt. */
#define TIMER_MASKED 3

/* The VMs of the manifest, in its order; of set=sizes, those behind them. */
enum vm {
	VM_SERVER,  /* never uses its interrupt controller */
	VM_PEER,    /* another one */
	VM_MACHINE, /* uses all of its machine; two vCPUs */
	VM_WAITERS, /* 1, 2, 4 and 8 vCPUs */
};

/* set=scale: whatever there are; the last one is measured. */
static uint32_t server = VM_SERVER, peer = VM_PEER;

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

static void ask(uint32_t vm, enum op op, uint64_t count, uint64_t size)
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
static uint64_t await(uint32_t vm)
{
	uint64_t result;

	do {
		result = hf_vcpu_run(vm, 0);
	} while (result != RESPONSE(sizeof(struct bench_reply)) &&
		 hf_vcpu_code(result) != HF_VCPU_ABORTED);
	check("RUN", result, RESPONSE(sizeof(struct bench_reply)));
	return take_answer();
}

/* Runs a vCPU until it waits. */
static void run_to_wait(uint32_t vm, uint32_t vcpu)
{
	uint64_t result;

	do {
		result = hf_vcpu_run(vm, vcpu);
	} while (hf_vcpu_code(result) == HF_VCPU_YIELD ||
		 hf_vcpu_code(result) == HF_VCPU_WAKE_UP);
	check("RUN", result, HF_VCPU_WAIT_FOR_INTERRUPT);
}

static uint64_t command(uint32_t vm, enum op op, uint64_t count, uint64_t size)
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
		hf_vcpu_run(server, 0);
	end();
	check("RUN", hf_vcpu_run(server, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
}

/* --- messages --- */

static void round_trip(uint32_t vm, uint64_t size)
{
	hf_rpc_request(vm, size);
	check("RUN", hf_vcpu_run(vm, 0), RESPONSE(size));
	hf_rpc_ack();
}

static void row_rpc(uint64_t size)
{
	unsigned int i;

	command(server, OP_REPLY, ROUNDS + 1, size);
	round_trip(server, size);
	begin(ROUNDS);
	for (i = 0; i < ROUNDS; i++)
		round_trip(server, size);
	end();
}

/* Both sides use FP registers each time. */
static void row_rpc_fp(uint64_t size)
{
	unsigned int i;

	command(server, OP_REPLY_FP, ROUNDS + 1, size);
	round_trip(server, size);
	begin(ROUNDS);
	for (i = 0; i < ROUNDS; i++) {
		use_fp();
		round_trip(server, size);
	}
	end();
}

/* While the primary's virtual timer is set, as an operating system has it. */
static void row_rpc_timer(uint64_t size)
{
	timer_arm(TIMER_VIRTUAL, LONG_NS, true);
	row_rpc(size);
	timer_stop(TIMER_VIRTUAL);
}

/* A notification goes from one VM to another and back, by empty messages. */
static void row_ping_pong(uint64_t unused)
{
	unsigned int i;

	(void)unused;
	command(server, OP_REPLY, ROUNDS + 1, 0);
	command(peer, OP_REPLY, ROUNDS + 1, 0);
	round_trip(server, 0);
	round_trip(peer, 0);
	begin(ROUNDS);
	for (i = 0; i < ROUNDS; i++) {
		round_trip(server, 0);
		round_trip(peer, 0);
	}
	end();
}

/* A request wakes the first of `waiters` vCPUs, which then waits again. */
static void row_waiters(uint64_t waiters)
{
	uint32_t vm = VM_WAITERS + (uint32_t)__builtin_ctzl(waiters);
	unsigned int i;

	command(vm, OP_READERS, 0, waiters - 1);
	for (i = 0; i < waiters; i++)
		run_to_wait(vm, i);
	begin(ROUNDS);
	for (i = 0; i < ROUNDS; i++)
		hf_vcpu_run(vm, (uint32_t)hf_rpc_request(vm, 0) - 1);
	end();
	check("vCPU", (uint64_t)hf_rpc_request(vm, 0), 1);
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
	ask(peer, OP_SPIN, 0, 0);
	gic_send(0, BENCH_SGI);
	check("RUN", hf_vcpu_run(peer, 0), HF_VCPU_YIELD);
	begin(ROUNDS);
	for (i = 0; i < ROUNDS; i++)
		hf_vcpu_run(peer, 0);
	end();
	check("RUN", hf_vcpu_run(peer, 0), HF_VCPU_YIELD);
	check("IAR", irq_take(), BENCH_SGI);
}

/* An interrupt comes while a secondary runs. */
static void interrupt_once(void)
{
	irq_run(peer);
	check("IAR", irq_take(), timer_intid(TIMER_PHYSICAL));
}

/* Counted from the interrupt, by marks of the secondary, to the vector. */
static void row_interrupt(uint64_t unused)
{
	(void)unused;
	irq_init();
	gic_enable(timer_intid(TIMER_PHYSICAL));
	for (rounds = 0; rounds < ROUNDS; rounds++) {
		timer_arm(TIMER_PHYSICAL, INTERRUPT_NS, true);
		interrupt_once();
	}
}

/* The same, and the way in. */
static void row_through(uint64_t unused)
{
	(void)unused;
	for (rounds = 0; rounds < ROUNDS; rounds++) {
		timer_arm(TIMER_PHYSICAL, INTERRUPT_NS, true);
		set_mark(MARK_START);
		interrupt_once();
	}
}

/* --- life --- */

static void row_stop(uint64_t unused)
{
	(void)unused;
	begin(1);
	hf_vm_stop(server);
	end();
}

static void row_start(uint64_t unused)
{
	int64_t result;

	(void)unused;
	begin(1);
	do {
		result = hf_vm_start(server);
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
	uint32_t vm, count = (uint32_t)hf_vm_get_count();

	(void)unused;
	begin(count);
	for (vm = 0; vm < count; vm++)
		check("RUN", hf_vcpu_run(vm, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	end();
}

/* --- several CPUs --- */

static struct barrier barrier;

/*
 * Requests that are refused under the VM's lock. QEMU lets a CPU run until
 * some timer's time comes: here, those of the CPUs themselves, which so leave
 * each other with the lock held.
 */
static void contend(void *unused)
{
	unsigned int i;

	(void)unused;
	barrier_wait(&barrier, cpu_count());
	if (!cpu_index())
		begin(CONTENDED_ROUNDS);
	barrier_wait(&barrier, cpu_count());
	for (i = 0; i < CONTENDED_ROUNDS; i++) {
		write_sysreg(cntv_tval_el0, 29 + cpu_index());
		write_sysreg(cntv_ctl_el0, TIMER_MASKED);
		hf_rpc_request(server, 0);
	}
	barrier_wait(&barrier, cpu_count());
	if (!cpu_index())
		end();
	timer_stop(TIMER_VIRTUAL);
}

/* What each call of each CPU costs. */
static void row_contended(uint64_t unused)
{
	(void)unused;
	ask(server, OP_NULL, 1, 0);
	if (!cpu_run_all(cpu_count(), contend, NULL))
		panic("a CPU does not end");
	ticks = 0;
	rounds = CONTENDED_ROUNDS * cpu_count();
	await(server);
}

/* --- the table --- */

#define TABLE 1
#define SIZES 2
#define SCALE 4
#define CPUS_SET 8

struct row {
	unsigned int sets;
	const char *name;
	void (*measure)(uint64_t argument);
	uint64_t argument;
};

static const struct row rows[] = {
	{TABLE, "loop", row_loop, 0},
	{TABLE | SIZES | SCALE | CPUS_SET, "configure", row_configure, 0},
	{TABLE | SIZES | SCALE | CPUS_SET, "first-run", row_first_run, 0},
	{TABLE | SCALE, "null", row_null, 0},
	{TABLE, "unknown", row_unknown, 0},
	{TABLE | SCALE, "run-refused", row_run_refused, 0},
	{SIZES, "rpc-0", row_rpc, 0},
	{SIZES, "rpc-8", row_rpc, 8},
	{SIZES, "rpc-16", row_rpc, 16},
	{SIZES, "rpc-32", row_rpc, 32},
	{TABLE | SIZES | SCALE, "rpc-64", row_rpc, 64},
	{SIZES, "rpc-100", row_rpc, 100},
	{SIZES, "rpc-128", row_rpc, 128},
	{SIZES, "rpc-240", row_rpc, 240},
	{SIZES, "rpc-512", row_rpc, 512},
	{SIZES, "rpc-1024", row_rpc, 1024},
	{SIZES, "rpc-2048", row_rpc, 2048},
	{TABLE | SIZES, "rpc-4096", row_rpc, 4096},
	{TABLE, "ping-pong", row_ping_pong, 0},
	{TABLE, "guest-null", row_secondary, OP_NULL},
	{TABLE, "guest-unknown", row_secondary, OP_UNKNOWN},
	{TABLE, "guest-psci-version", row_secondary, OP_PSCI},
	{TABLE, "gicd-ctlr-read", row_secondary, OP_GICD_CTLR},
	{TABLE, "gicd-isenabler-read", row_secondary, OP_ISENABLER},
	{TABLE, "gicd-icenabler-write", row_secondary, OP_ICENABLER},
	{TABLE, "pl011-fr-read", row_secondary, OP_PL011_FR},
	{TABLE, "timer", row_secondary, OP_TIMER},
	{TABLE, "self-sgi", row_secondary, OP_SELF_SGI},
	{TABLE, "self-spi", row_secondary, OP_SELF_SPI},
	{TABLE, "ipi", row_ipi, 0},
	{TABLE | SCALE, "world-switch", row_world_switch, 0},
	{TABLE, "interrupt", row_interrupt, 0},
	{TABLE, "through", row_through, 0},
	{TABLE, "rpc-64-timer", row_rpc_timer, 64},
	{TABLE, "rpc-64-fp", row_rpc_fp, 64},
	{TABLE | SCALE, "stop", row_stop, 0},
	{TABLE | SCALE, "start", row_start, 0},
	{SIZES, "waiters-1", row_waiters, 1},
	{SIZES, "waiters-2", row_waiters, 2},
	{SIZES, "waiters-4", row_waiters, 4},
	{SIZES, "waiters-8", row_waiters, 8},
	{CPUS_SET, "contended", row_contended, 0},
};

static const char *const set_names[] = {"table", "sizes", "scale", "cpus"};

/* A bit of struct row's `sets`, or 0. */
static unsigned int chosen_set(void)
{
	char name[8];
	unsigned int i;

	dt_bootarg("set", name, sizeof(name));
	for (i = 0; i < 4; i++) {
		if (!strcmp(name, set_names[i]))
			return 1u << i;
	}
	return 0;
}

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
	unsigned int set = chosen_set();
	size_t i;

	if (set == SCALE)
		server = peer = (uint32_t)hf_vm_get_count() - 1;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].sets & set)
			measure(&rows[i]);
	}
}
