/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TRAP_H
#define TRAP_H

#include <stdint.h>

/*
 * Moves the guest on behind the instruction that trapped with syndrome `esr`
 * (not HVC, which returns behind itself).
 */
void skip_instruction(uint64_t esr);

#endif
