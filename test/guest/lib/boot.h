/* SPDX-License-Identifier: BSD-3-Clause */
/* The registers with which this VM was entered. */
#ifndef BOOT_H
#define BOOT_H

#include <stdint.h>

struct boot_state {
	uint64_t x[4];
	uint64_t sctlr;
	uint64_t current_el;
	uint64_t daif;
};

extern struct boot_state boot_state;

#endif
