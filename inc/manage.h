/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Calls with which the primary manages VMs: their life and their consoles. They
 * come by the slow path of a trap and may use all four registers.
 */
#ifndef MANAGE_H
#define MANAGE_H

#include "types.h"

/*
 * Makes the call of the primary that is in x[0], with arguments in x[1] to
 * x[3], and puts its results there: x[0] is negative on an error, what has no
 * result is zero. False, and nothing done, if x[0] is none of these calls.
 * Takes locks as the call needs them; none is held.
 */
bool manage_call(uint64_t x[4]);

#endif
