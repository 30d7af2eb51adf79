/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The hostile secondary: the first vCPU takes an order, all vCPUs make that
 * attack, and it reports, if it still can.
 */
#include "attack.h"
#include "attacks.h"
#include "both.h"
#include "console.h"
#include "guest.h"
#include "hostile.h"
#include "message.h"
#include "race.h"
#include "smp.h"
#include "string.h"
#include "hf/call.h"

_Alignas(PAGE) uint8_t hostile_send[PAGE];
_Alignas(PAGE) uint64_t hostile_recv[PAGE / 8];

static struct order order;
static struct hostile_report report;
static struct barrier barrier;
static struct spinlock report_lock;

static struct {
	_Alignas(64) uint64_t random;
} self[CPUS];

#define ROW(name, how, hazard, tries, must) name,
static void (*const attacks[])(void) = {FOR_SECONDARY_ATTACKS(ROW)};

unsigned int us(void)
{
	return (unsigned int)order.vcpus;
}

unsigned int me(void)
{
	return cpu_index();
}

void meet(void)
{
	barrier_wait(&barrier, us());
}

uint64_t random64(void)
{
	return race_random(&self[cpu_index()].random);
}

bool is_primary(void)
{
	return false;
}

void before_random_call(void)
{
}

void after_random_call(void)
{
}

void run_the_victim(void)
{
}

/* The first text stays. */
static void tell(const char *text)
{
	spin_lock(&report_lock);
	if (!report.text[0])
		format(report.text, sizeof(report.text), "%s", text);
	spin_unlock(&report_lock);
}

void test_fail(const char *file, int line, const char *f, ...)
{
	char what[160];
	char text[220];
	va_list args;

	va_start(args, f);
	vformat(what, sizeof(what), f, args);
	va_end(args);
	format(text, sizeof(text), "%s:%d: vCPU %u: %s", file, line,
	       cpu_index(), what);
	tell(text);
}

void test_skip(const char *why)
{
	char text[160];

	format(text, sizeof(text), "skip:%s", why);
	tell(text);
}

bool test_over(void)
{
	return *(volatile char *)report.text;
}

static void attack(void *unused)
{
	(void)unused;
	self[cpu_index()].random = order.seed + cpu_index();
	meet();
	attacks[order.what]();
	meet();
}

static void serve(int64_t size)
{
	memcpy(&order, hostile_recv, sizeof(order));
	if (size != sizeof(order) || order.magic != MESSAGE_MAGIC ||
	    order.what >= sizeof(attacks) / sizeof(attacks[0])) {
		hf_rpc_ack();
		return;
	}
	memset(&report, 0, sizeof(report));
	if (!cpu_run_all(us(), attack, NULL))
		test_fail(__FILE__, __LINE__, "a vCPU does not turn off");
	memcpy(hostile_send, &report, sizeof(report));
	while (hf_rpc_reply(sizeof(report), 1))
		;
}

void guest_main(void)
{
	if (hf_vm_configure((uintptr_t)hostile_send, (uintptr_t)hostile_recv))
		return;
	for (;;) {
		int64_t size = hf_rpc_read_request(1);

		if (size < 0)
			return;
		serve(size);
	}
}
