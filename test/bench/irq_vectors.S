/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Vectors in place of the library's, to which all but the IRQ's lead on; and
 * what is interrupted, so that x9-x15 and the return address are known.
 */
#include "mark.h"

	.text
	.macro	pass_on, offset
	.balign	0x80
	b	vectors + \offset
	.endm

	.balign	0x800
	.globl	irq_vectors
irq_vectors:
	.irp	n, 0x0, 0x80, 0x100, 0x180, 0x200
	pass_on	\n
	.endr
	/* Ends what was interrupted: returns to x30, interrupts masked. */
	.balign	0x80
	movz	wzr, #MARK_STOP
	mrs	x9, spsr_el1
	orr	x9, x9, #0x80
	msr	spsr_el1, x9
	msr	elr_el1, x30
	eret
	.irp	n, 0x300, 0x380, 0x400, 0x480, 0x500, 0x580, 0x600, 0x680
	pass_on	\n
	.endr
	.irp	n, 0x700, 0x780
	pass_on	\n
	.endr

	.globl	irq_store, irq_send, irq_wait, irq_sleep, irq_run
irq_store:
	msr	daifclr, #2
	movz	wzr, #MARK_START
	str	w1, [x0]
	b	.
irq_send:
	msr	daifclr, #2
	movz	wzr, #MARK_START
	msr	s3_0_c12_c11_5, x0	/* ICC_SGI1R_EL1 */
	isb
	b	.
irq_wait:
	msr	daifclr, #2
	movz	wzr, #MARK_START
	b	.
irq_sleep:
	msr	daifclr, #2
1:	wfi
	b	1b
irq_run:
	mov	w1, w0
	mov	w2, #0
	mov	w0, #0xff00		/* HF_VCPU_RUN */
	msr	daifclr, #2
	hvc	#0
	b	.
