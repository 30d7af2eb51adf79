/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole secondary VM: it sends every request back as it came.
 *
 * The hypervisor loads it at IPA 0x40000000 and starts it there; lib/start.S
 * turns on the MMU and the caches and calls guest_main().
 */
#include <stdint.h>
#include "guest.h"
#include "string.h"
#include "timer.h"
#include "hf/call.h"

/* The mailbox: two pages of our own memory that the hypervisor may use. */
static _Alignas(HF_MAILBOX_SIZE) uint8_t send[HF_MAILBOX_SIZE];
static _Alignas(HF_MAILBOX_SIZE) uint8_t recv[HF_MAILBOX_SIZE];

#define RETRY_NS 100000

void guest_main(void)
{
	if (hf_vm_configure((uintptr_t)send, (uintptr_t)recv))
		return;

	for (;;) {
		/* Waits for a request; meanwhile the primary has the CPU. */
		int64_t size = hf_rpc_read_request(1);

		if (size < 0)
			return;
		memcpy(send, recv, (size_t)size);

		/*
		 * Sends the answer and empties our receive page for the next
		 * request. It fails while an answer, of whatever VM, lies in
		 * the primary's receive page: try again a little later.
		 */
		while (hf_rpc_reply((uint64_t)size, 1))
			timer_wait_ns(RETRY_NS);
	}
}
