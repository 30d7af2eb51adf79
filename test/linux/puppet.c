/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The secondary VM of the driver's tests. It echoes, but a request that begins
 * with one of these words makes it do something else:
 *
 *	mute	acknowledge it and never reply
 *	empty	reply with nothing
 *	twice	reply, and send the same again
 *	thrice	reply, send the same twice again, and acknowledge last
 *	later	reply after 300 ms
 *	spin	never do anything but spin
 *	abort	touch memory that is not there
 *	off	shut down
 */
#include <stdbool.h>
#include <stdint.h>
#include "guest.h"
#include "smccc.h"
#include "string.h"
#include "timer.h"
#include "hf/call.h"

static _Alignas(HF_MAILBOX_SIZE) uint8_t send[HF_MAILBOX_SIZE];
static _Alignas(HF_MAILBOX_SIZE) uint8_t recv[HF_MAILBOX_SIZE];

#define RETRY_NS 100000
#define LATER_NS 300000000

static void reply(int64_t size, int ack)
{
	while (hf_rpc_reply((uint64_t)size, ack))
		timer_wait_ns(RETRY_NS);
}

static bool asked(const char *word, int64_t size)
{
	int64_t length = 0;

	while (word[length])
		length++;
	return size >= length && !memcmp(send, word, (size_t)length);
}

static void spin(void)
{
	for (;;)
		__asm__ volatile("");
}

static void touch_nothing(void)
{
	*(volatile uint32_t *)0x10000000 = 0;
}

/* Answers the request in `send`. False: shut down. */
static bool serve(int64_t size)
{
	if (asked("mute", size)) {
		hf_rpc_ack();
	} else if (asked("empty", size)) {
		reply(0, 1);
	} else if (asked("twice", size)) {
		reply(size, 1);
		reply(size, 0);
	} else if (asked("thrice", size)) {
		reply(size, 0);
		reply(size, 0);
		reply(size, 1);
	} else if (asked("off", size)) {
		return false;
	} else {
		if (asked("later", size))
			timer_wait_ns(LATER_NS);
		if (asked("spin", size))
			spin();
		if (asked("abort", size))
			touch_nothing();
		reply(size, 1);
	}
	return true;
}

void guest_main(void)
{
	int64_t size;

	if (hf_vm_configure((uintptr_t)send, (uintptr_t)recv))
		return;
	do {
		size = hf_rpc_read_request(1);
		if (size < 0)
			return;
		memcpy(send, recv, (size_t)size);
	} while (serve(size));
}
