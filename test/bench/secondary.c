/* SPDX-License-Identifier: BSD-3-Clause */
/* The measured secondary: does what the primary asks for (bench.h). */
#include <stdbool.h>
#include "bench.h"
#include "console.h"
#include "gic.h"
#include "guest.h"
#include "irq.h"
#include "mark.h"
#include "smccc.h"
#include "smp.h"
#include "string.h"
#include "sysreg.h"
#include "timer.h"
#include "hf/call.h"

#define ISENABLER_SPI 0x104
#define ICENABLER_SPI 0x184
#define ISPENDR_SPI 0x204
#define IPRIORITYR 0x400
#define ITARGETSR 0x800
#define IGROUPR_SPI 0x084
#define IROUTER 0x6000
#define SPI_BIT (UINT32_C(1) << (BENCH_SPI - 32))

#define PL011_FR 0x09000018

#define TIMER_TICKS 64

static _Alignas(HF_MAILBOX_SIZE) uint8_t send[HF_MAILBOX_SIZE];
static _Alignas(HF_MAILBOX_SIZE) uint8_t recv[HF_MAILBOX_SIZE];

/* As a VM whose operating system is up: so it is for all that is measured. */
static void init_interrupts(void)
{
	static bool done;

	if (done)
		return;
	done = true;
	gic_init();
	gic_init_cpu();
	irq_init();
	gic_enable(timer_intid(TIMER_VIRTUAL));
	if (gic_version() == 2) {
		write32(IRQ_GICD + ITARGETSR + BENCH_SPI, 0x01010101);
	} else {
		write64(IRQ_GICD + IROUTER + 8 * BENCH_SPI, 0);
		write32(IRQ_GICD + IGROUPR_SPI, SPI_BIT);
	}
	write32(IRQ_GICD + IPRIORITYR + BENCH_SPI, 0xa0a0a0a0);
	write32(IRQ_GICD + ISENABLER_SPI, SPI_BIT);
	dsb();
}

/* --- traps and hypercalls, one after the other --- */

static void trap_once(enum op op)
{
	if (op == OP_NULL)
		hf_vm_get_count();
	else if (op == OP_UNKNOWN)
		hf_call(0xffff, 0, 0, 0);
	else if (op == OP_PSCI)
		hf_call(PSCI_VERSION, 0, 0, 0);
	else if (op == OP_GICD_CTLR)
		read32(IRQ_GICD);
	else if (op == OP_ISENABLER)
		read32(IRQ_GICD + ISENABLER_SPI);
	else if (op == OP_PL011_FR)
		read32(PL011_FR);
	else
		write32(IRQ_GICD + ICENABLER_SPI, 0);
}

static uint64_t trap_often(enum op op, uint64_t rounds)
{
	uint64_t start;

	init_interrupts();
	isb();
	start = read_sysreg(cntvct_el0);
	set_mark(MARK_START);
	for (; rounds; rounds--)
		trap_once(op);
	set_mark(MARK_STOP);
	isb();
	return read_sysreg(cntvct_el0) - start;
}

/* --- interrupts --- */

static void interrupt_once(enum op op)
{
	if (op == OP_TIMER) {
		write_sysreg(cntv_tval_el0, TIMER_TICKS);
		write_sysreg(cntv_ctl_el0, 1);
		irq_wait();
	} else if (op == OP_SELF_SPI) {
		irq_store(IRQ_GICD + ISPENDR_SPI, SPI_BIT);
	} else if (gic_version() == 2) {
		irq_store(IRQ_GICD_SGIR, UINT32_C(1) << 16 | BENCH_SGI);
	} else {
		irq_send(1 | BENCH_SGI << 24);
	}
}

static void interrupt_often(enum op op, uint64_t rounds)
{
	uint32_t wanted = op == OP_TIMER      ? timer_intid(TIMER_VIRTUAL)
			  : op == OP_SELF_SPI ? BENCH_SPI
					      : BENCH_SGI;
	uint32_t intid;

	init_interrupts();
	for (; rounds; rounds--) {
		interrupt_once(op);
		intid = irq_take();
		if (intid != wanted)
			panic("interrupt %u, not %u", intid, wanted);
	}
}

/* --- further vCPUs --- */

static void read_for_ever(void *unused)
{
	(void)unused;
	while (hf_rpc_read_request(1) >= 0)
		hf_rpc_ack();
}

static void listen(void *unused)
{
	(void)unused;
	irq_init();
	for (;;) {
		irq_sleep();
		if (irq_take() != BENCH_SGI)
			panic("another interrupt");
	}
}

static void start_vcpus(uint64_t count, void (*fn)(void *))
{
	unsigned int i;

	for (i = 1; i <= count; i++) {
		if (cpu_start(i, fn, NULL) != PSCI_SUCCESS)
			panic("no vCPU %u", i);
	}
}

static void send_often(uint64_t rounds)
{
	for (; rounds; rounds--)
		irq_send_to(1, BENCH_SGI);
}

/* --- requests --- */

static void spin(void)
{
	for (;;)
		set_mark(MARK_START);
}

static void reply_often(const struct bench_request *r)
{
	uint64_t i;

	for (i = 0; i < r->rounds; i++) {
		if (r->op == OP_REPLY_FP)
			use_fp();
		if (hf_rpc_read_request(1) != (int64_t)r->size ||
		    hf_rpc_reply(r->size, 1))
			panic("round %lu", i);
	}
}

static uint64_t serve(const struct bench_request *r)
{
	switch (r->op) {
	case OP_REPLY:
	case OP_REPLY_FP:
		return 0;
	case OP_SELF_SGI:
	case OP_SELF_SPI:
	case OP_TIMER:
		interrupt_often(r->op, r->rounds);
		return 0;
	case OP_READERS:
		start_vcpus(r->size, read_for_ever);
		return 0;
	case OP_LISTENER:
		init_interrupts();
		start_vcpus(1, listen);
		return 0;
	case OP_SEND_SGI:
		send_often(r->rounds);
		return 0;
	case OP_SPIN:
		spin();
		return 0;
	default:
		return trap_often(r->op, r->rounds);
	}
}

void guest_main(void)
{
	struct bench_reply reply = {0};
	struct bench_request request;

	if (hf_vm_configure((uintptr_t)send, (uintptr_t)recv))
		panic("no mailbox");
	while (hf_rpc_read_request(1) >= 0) {
		memcpy(&request, recv, sizeof(request));
		reply.ticks = serve(&request);
		memcpy(send, &reply, sizeof(reply));
		hf_rpc_reply(sizeof(reply), 1);
		if (request.op == OP_REPLY || request.op == OP_REPLY_FP)
			reply_often(&request);
		else if (request.op == OP_READERS)
			read_for_ever(NULL);
	}
}
