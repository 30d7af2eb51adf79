/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MAIN_H
#define MAIN_H

#include "types.h"

/* Boot, on the first CPU, with the board's device tree. */
_Noreturn void main(paddr_t dtb);

#endif
