/* SPDX-License-Identifier: BSD-3-Clause */
/* Constants that the guest library's C and assembly share. */
#ifndef LAYOUT_H
#define LAYOUT_H

/* CPUs that a guest can use, and the stack of each. */
#define CPUS 16
#define STACK_SHIFT 14
#define STACK_SIZE (1 << STACK_SHIFT)

/* No cache has shorter lines. */
#define CACHE_LINE_MIN 16

#define R_AARCH64_RELATIVE 1027

/* CPACR_EL1: FP/SIMD instructions are not trapped. */
#define CPACR_FPEN 0x300000

/* MAIR_EL1: 0 is Device-nGnRnE, 1 is Normal write-back. */
#define MAIR_VALUE 0xff00

/* TCR_EL1: 39-bit VAs in TTBR0, 4 KiB pages, walks cached, no TTBR1. */
#define TCR_VALUE 0x803519
#define TCR_IPS_SHIFT 32

/* SCTLR_EL1: RES1 bits of Armv8.0; I, SA, C, M. */
#define SCTLR_VALUE 0x30d0180d

/* struct frame of exception.h. */
#define FRAME_X30 240
#define FRAME_ELR 248
#define FRAME_SPSR 256
#define FRAME_SIZE 272

#endif
