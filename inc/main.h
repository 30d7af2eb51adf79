/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MAIN_H
#define MAIN_H

#include "types.h"

/*
 * Boot, on the first CPU: from the loader, with no ramdisk (begin and end 0),
 * and again from arch_move() with the place where the ramdisk lies then.
 */
_Noreturn void main(paddr_t dtb, paddr_t ramdisk_begin, paddr_t ramdisk_end);

#endif
