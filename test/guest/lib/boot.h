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

/* All of them, and what the memory behind the file of this image held. */
struct entry_regs {
	uint64_t x[31];
	uint64_t sp;
	uint64_t fpcr;
	uint64_t fpsr;
	uint64_t v[32][2];
	uint64_t behind; /* all words ORed: 0 if it was zero */
};

extern struct entry_regs entry_regs;

#endif
