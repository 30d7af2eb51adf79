/* SPDX-License-Identifier: BSD-3-Clause */
/* HF_VM_CONFIGURE with addresses that it must refuse, for any VM. */
#ifndef BAD_CONFIGURE_H
#define BAD_CONFIGURE_H

#include <stdbool.h>
#include <stdint.h>

struct bad_pair {
	uint64_t send;
	uint64_t recv;
};

/*
 * Tries bad addresses, each as send and as receive page: every 2^k and every
 * good address with one more bit, as far as they lie outside this VM's memory
 * or are not aligned; the same page twice; the ends of the memory. `a` and `b`
 * are good ones. Call it before the mailbox is configured. Returns false, and
 * the pair, if one was accepted.
 */
bool bad_configure(uint64_t a, uint64_t b, struct bad_pair *accepted);

/* Tries `bad` in both places, with `good` in the other. */
bool bad_configure_one(uint64_t good, uint64_t bad, struct bad_pair *accepted);

#endif
