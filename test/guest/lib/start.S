/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Entry of a guest's first CPU and of the CPUs that it starts: EL1, MMU off.
 */
#include "layout.h"

	.arch	armv8-a+fp+simd

/* Offsets in struct entry_regs. */
#define ENTRY_SP 248
#define ENTRY_FPCR 256
#define ENTRY_V 272
#define ENTRY_BEHIND 784

	.text
/*
 * First CPU. x0: physical address of the device tree. Keeps all registers in
 * entry_regs; what lies behind the file, before anything is written there,
 * ORed into its last word. x0-x3 are kept in x20-x23 for boot_state. Finds
 * where it runs (x19), applies the image's relative relocations, clears .bss,
 * and goes on in C with the MMU still off.
 */
	.globl	start
start:
	msr	tpidr_el1, x1
	adrp	x1, entry_regs
	add	x1, x1, :lo12:entry_regs
	.irp	n, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
	str	x\n, [x1, #\n * 8]
	.endr
	.irp	n, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
	str	x\n, [x1, #\n * 8]
	.endr
	mov	x20, x0
	mrs	x21, tpidr_el1
	mov	x22, x2
	mov	x23, x3
	stp	x20, x21, [x1]
	mov	x2, sp
	str	x2, [x1, #ENTRY_SP]
	mov	x2, #CPACR_FPEN
	msr	cpacr_el1, x2
	isb
	mrs	x2, fpcr
	mrs	x3, fpsr
	stp	x2, x3, [x1, #ENTRY_FPCR]
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	str	q\n, [x1, #ENTRY_V + \n * 16]
	.endr
	.irp	n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
	str	q\n, [x1, #ENTRY_V + \n * 16]
	.endr
	str	q31, [x1, #ENTRY_V + 31 * 16]

	adrp	x2, _file_end
	add	x2, x2, :lo12:_file_end
	adrp	x3, _bss_end
	mov	x5, #0
6:	ldrb	w4, [x2], #1
	orr	x5, x5, x4
	tst	x2, #7
	b.ne	6b
7:	ldr	x4, [x2], #8
	orr	x5, x5, x4
	cmp	x2, x3
	b.lo	7b
	str	x5, [x1, #ENTRY_BEHIND]

	adrp	x19, _image
	adrp	x1, _rela
	add	x1, x1, :lo12:_rela
	adrp	x2, _rela_end
	add	x2, x2, :lo12:_rela_end
1:	cmp	x1, x2
	b.hs	2f
	ldp	x3, x4, [x1], #16	/* place, type */
	ldr	x5, [x1], #8		/* addend */
	cmp	x4, #R_AARCH64_RELATIVE
	b.ne	1b
	add	x5, x5, x19
	str	x5, [x19, x3]
	b	1b

2:	adrp	x1, _bss
	adrp	x2, _bss_end
3:	cmp	x1, x2
	b.hs	4f
	stp	xzr, xzr, [x1], #16
	b	3b

	/*
	 * What was written with the MMU off must not be hidden by older lines
	 * once it is on.
	 */
4:	mov	x1, x19
	adrp	x2, _bss_end
5:	dc	ivac, x1
	add	x1, x1, #CACHE_LINE_MIN
	cmp	x1, x2
	b.lo	5b
	dsb	sy

	adrp	x0, boot_state
	add	x0, x0, :lo12:boot_state
	stp	x20, x21, [x0], #16
	stp	x22, x23, [x0], #16
	mrs	x1, sctlr_el1
	mrs	x2, currentel
	mrs	x3, daif
	stp	x1, x2, [x0], #16
	str	x3, [x0]

	mov	x0, #0
	bl	cpu_setup
	mov	x0, x20
	bl	guest_boot
	b	.

/* Another CPU, through PSCI CPU_ON. x0: its index. */
	.globl	start_cpu
start_cpu:
	mov	x19, x0
	bl	cpu_setup
	bl	mmu_enable
	mov	x0, x19
	bl	cpu_main
	b	.

/*
 * Gives the CPU of index x0 its stack and exception vectors, and access to the
 * FP/SIMD registers. Changes x1, x2.
 */
cpu_setup:
	adrp	x1, stacks
	add	x1, x1, :lo12:stacks
	add	x2, x0, #1
	add	x1, x1, x2, lsl #STACK_SHIFT
	mov	sp, x1
	adrp	x1, vectors
	add	x1, x1, :lo12:vectors
	msr	vbar_el1, x1
	mov	x1, #CPACR_FPEN
	msr	cpacr_el1, x1
	isb
	ret

/*
 * Turns on the MMU and the caches with the tables of mmu.c; no stack, for it
 * runs before memory is coherent. Changes x1-x3.
 */
	.globl	mmu_enable
mmu_enable:
	adrp	x1, mmu_root
	add	x1, x1, :lo12:mmu_root
	msr	ttbr0_el1, x1
	msr	ttbr1_el1, xzr
	ldr	x1, =MAIR_VALUE
	msr	mair_el1, x1
	ldr	x1, =TCR_VALUE
	mrs	x2, id_aa64mmfr0_el1
	and	x2, x2, #7		/* PARange; 52 bits become 48 */
	cmp	x2, #5
	mov	x3, #5
	csel	x2, x2, x3, lo
	orr	x1, x1, x2, lsl #TCR_IPS_SHIFT
	msr	tcr_el1, x1
	dsb	sy
	tlbi	vmalle1
	dsb	nsh
	ic	iallu
	dsb	nsh
	isb
	ldr	x1, =SCTLR_VALUE
	msr	sctlr_el1, x1
	isb
	ret

	.section .bss.stacks, "aw", %nobits
	.align	STACK_SHIFT
	.globl	stacks
stacks:
	.skip	CPUS << STACK_SHIFT

	/* Not .bss, which is looked at and cleared. */
	.data
	.balign	16
	.globl	entry_regs
entry_regs:
	.skip	ENTRY_BEHIND + 8
