/* SPDX-License-Identifier: BSD-3-Clause */
#include "bad_configure.h"
#include "dt.h"
#include "hf/call.h"

#define PAGE_MASK (HF_MAILBOX_SIZE - 1)

static bool refused(uint64_t send, uint64_t recv, struct bad_pair *accepted)
{
	accepted->send = send;
	accepted->recv = recv;
	return hf_vm_configure(send, recv) == -1;
}

bool bad_configure_one(uint64_t good, uint64_t bad, struct bad_pair *accepted)
{
	return refused(good, bad, accepted) && refused(bad, good, accepted);
}

/* True if a page at `address` would be acceptable. */
static bool is_own_page(uint64_t address)
{
	uint64_t base = 0;
	uint64_t size = 0;

	dt_memory(&base, &size);
	return !(address & PAGE_MASK) && address >= base &&
	       address - base < size;
}

static bool refuses(uint64_t good, uint64_t bad, struct bad_pair *accepted)
{
	return is_own_page(bad) || bad_configure_one(good, bad, accepted);
}

bool bad_configure(uint64_t a, uint64_t b, struct bad_pair *accepted)
{
	uint64_t base = 0;
	uint64_t size = 0;
	unsigned int k;

	for (k = 0; k < 64; k++) {
		uint64_t bit = UINT64_C(1) << k;

		if (!refuses(a, bit, accepted) ||
		    !refuses(a, b ^ bit, accepted))
			return false;
	}
	dt_memory(&base, &size);
	return refuses(a, 0, accepted) && refuses(a, ~UINT64_C(0), accepted) &&
	       refuses(a, ~(uint64_t)PAGE_MASK, accepted) &&
	       refuses(a, base - HF_MAILBOX_SIZE, accepted) &&
	       refuses(a, base + size, accepted) && refused(a, a, accepted) &&
	       refused(b, b, accepted);
}
