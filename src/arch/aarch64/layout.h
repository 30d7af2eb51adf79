/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The hypervisor's virtual address space, 48 bits: the lower half is for the
 * boot window (virtual = physical), the image stands at the bottom of the
 * upper half (linker.ld), and behind it the slots (mm.h).
 */
#ifndef LAYOUT_H
#define LAYOUT_H

#include "limits.h"

#define HYP_VA_BITS 48
#define HYP_SIZE 0x200000
#define BOOT_WINDOW_BITS 47

/* Stack of a CPU, and the unmapped page below it. */
#define GUARD_SIZE 4096
#define STACK_SIZE 8192

/* Stacks for faults of the hypervisor: one a CPU, one for its report's fault.
 */
#define FAULT_STACKS (2 * MAX_CPUS)
#define FAULT_STACK_SIZE 2048

/* What early_map() may take of the pool, in bytes. */
#define EARLY_POOL_SIZE 0x10000

#ifndef __ASSEMBLER__

/* Bounds of the image; linker.ld. */
extern char image_begin[], boot_text_end[], boot_end[];
extern char idmap_begin[], idmap_end[], text_end[], rodata_end[];
extern char bss_begin[], ro_after_boot_end[], boot_data_end[], bss_end[];
extern char pool_begin[], cpu_stacks[];

#endif
#endif
