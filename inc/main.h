/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MAIN_H
#define MAIN_H

#include "types.h"

/*
 * Boot, on the first CPU: from the loader, with no ramdisk (begin and end 0),
 * and again from arch_move() with the place where the ramdisk lies then and the
 * secondaries that were left out, a bit each.
 */
_Noreturn void main(paddr_t dtb, paddr_t ramdisk_begin, paddr_t ramdisk_end,
		    uint32_t left_out);

#endif
