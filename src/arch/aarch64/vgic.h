/* SPDX-License-Identifier: BSD-3-Clause */
/* The interrupt controller of a secondary VM. */
#ifndef VGIC_H
#define VGIC_H

#include <stdbool.h>

struct vm;

/*
 * The level of an emulated device's line: INTID 32 and above. Takes the lock of
 * the VM's interrupt controller.
 */
void vgic_set_line(struct vm *vm, unsigned int intid, bool level);

#endif
