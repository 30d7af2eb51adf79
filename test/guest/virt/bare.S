/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Entry of bare.c: EL1, MMU and caches off. Nothing is relocated: the code
 * relies on where it is by itself.
 */
#define STACK_SHIFT 12

	.text
	.globl	start
start:
	mov	x0, #0
/* x0: number of this CPU. */
	.globl	start_other
start_other:
	adrp	x1, stacks
	add	x2, x0, #1
	add	x1, x1, x2, lsl #STACK_SHIFT
	mov	sp, x1
	adrp	x1, vectors
	add	x1, x1, :lo12:vectors
	msr	vbar_el1, x1
	isb
	bl	bare_main
	b	.

/* hvc(function, a, b, c) */
	.globl	hvc
hvc:
	hvc	#0
	ret

/* IRQ: the C function may change x0-x18 and x30. */
irq:
	stp	x29, x30, [sp, #-176]!
	stp	x0, x1, [sp, #16]
	stp	x2, x3, [sp, #32]
	stp	x4, x5, [sp, #48]
	stp	x6, x7, [sp, #64]
	stp	x8, x9, [sp, #80]
	stp	x10, x11, [sp, #96]
	stp	x12, x13, [sp, #112]
	stp	x14, x15, [sp, #128]
	stp	x16, x17, [sp, #144]
	str	x18, [sp, #160]
	bl	bare_irq
	ldr	x18, [sp, #160]
	ldp	x16, x17, [sp, #144]
	ldp	x14, x15, [sp, #128]
	ldp	x12, x13, [sp, #112]
	ldp	x10, x11, [sp, #96]
	ldp	x8, x9, [sp, #80]
	ldp	x6, x7, [sp, #64]
	ldp	x4, x5, [sp, #48]
	ldp	x2, x3, [sp, #32]
	ldp	x0, x1, [sp, #16]
	ldp	x29, x30, [sp], #176
	eret

	.balign	2048
vectors:
	.rept	5
	.balign	128
	b	bare_fault
	.endr
	.balign	128
	b	irq
	.rept	10
	.balign	128
	b	bare_fault
	.endr

	/* Not .bss, which nobody clears here. */
	.data
	.balign	4096
	.globl	stacks
stacks:
	.skip	8 << STACK_SHIFT
