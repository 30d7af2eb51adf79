/* SPDX-License-Identifier: BSD-3-Clause */
/* A guest of the test library: what it is to define. */
#ifndef GUEST_H
#define GUEST_H

/*
 * Runs on the first CPU, at EL1, MMU and caches on, interrupts masked. The VM
 * is turned off when it returns.
 */
void guest_main(void);

#endif
