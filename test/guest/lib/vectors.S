/* SPDX-License-Identifier: BSD-3-Clause */
/* Exception vectors of a guest, and calls into EL0. */
#include "layout.h"

	.text
/* One vector: makes room for a frame and tells the handler which it was. */
	.macro	vector, number
	.balign	0x80
	sub	sp, sp, #FRAME_SIZE
	stp	x0, x1, [sp]
	mov	x1, #\number
	b	enter
	.endm

	.balign	0x800
	.globl	vectors
vectors:
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vector	\n
	.endr

/* x0, x1 are in the frame already; x1: number of the vector. */
enter:
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x19, [sp, #144]
	stp	x20, x21, [sp, #160]
	stp	x22, x23, [sp, #176]
	stp	x24, x25, [sp, #192]
	stp	x26, x27, [sp, #208]
	stp	x28, x29, [sp, #224]
	mrs	x2, elr_el1
	mrs	x3, spsr_el1
	stp	x30, x2, [sp, #FRAME_X30]
	str	x3, [sp, #FRAME_SPSR]
	mov	x0, sp
	bl	exception_handle
	ldp	x30, x2, [sp, #FRAME_X30]
	ldr	x3, [sp, #FRAME_SPSR]
	msr	elr_el1, x2
	msr	spsr_el1, x3
	ldp	x2, x3, [sp, #16]
	ldp	x4, x5, [sp, #32]
	ldp	x6, x7, [sp, #48]
	ldp	x8, x9, [sp, #64]
	ldp	x10, x11, [sp, #80]
	ldp	x12, x13, [sp, #96]
	ldp	x14, x15, [sp, #112]
	ldp	x16, x17, [sp, #128]
	ldp	x18, x19, [sp, #144]
	ldp	x20, x21, [sp, #160]
	ldp	x22, x23, [sp, #176]
	ldp	x24, x25, [sp, #192]
	ldp	x26, x27, [sp, #208]
	ldp	x28, x29, [sp, #224]
	ldp	x0, x1, [sp]
	add	sp, sp, #FRAME_SIZE
	eret

/*
 * el0_enter(x0: address, x1: argument, x2: PSTATE): runs code at EL0, interrupts
 * masked, until it takes an exception; returns its x0 then. exception_handle() sends
 * every synchronous exception of EL0 to el0_return.
 */
	.globl	el0_enter, el0_return
el0_enter:
	stp	x29, x30, [sp, #-96]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	msr	spsr_el1, x2
	msr	elr_el1, x0
	mov	x0, x1
	isb
	eret
el0_return:
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	x29, x30, [sp], #96
	ret

/* What can be run at EL0: mapped there by mmu.c as one page of its own. */
	.section .el0, "ax"
	.globl	el0_hvc, el0_smc, el0_load, el0_store
el0_hvc:
	hvc	#0
	svc	#0
el0_smc:
	.inst	0xd4000003		/* smc #0: the assembler may lack EL3 */
	svc	#0
el0_load:
	ldr	x0, [x0]
	svc	#0
el0_store:
	str	xzr, [x0]
	svc	#0

/* The same in AArch32. */
	.macro	a32_program name, words:vararg
	.globl	\name
\name:	.inst	\words
	.inst	0xef000000		/* svc #0 */
	.endm
	.globl	a32_svc
a32_svc:
	.inst	0xef000000
	a32_program a32_hvc, 0xe1400070
	a32_program a32_smc, 0xe1600070
	a32_program a32_load, 0xe5900000	/* ldr r0, [r0] */
	a32_program a32_ldm, 0xe8900006		/* ldm r0, {r1, r2} */
	a32_program a32_cntp_ctl, 0xee1e0f32	/* mrc p15, 0, r0, c14, c2, 1 */
	a32_program a32_cntp_cval, 0xec510f2e	/* mrrc p15, 2, r0, r1, c14 */
	a32_program a32_pmcr, 0xee190f1c	/* mrc p15, 0, r0, c9, c12, 0 */
	a32_program a32_dbgdscr, 0xee100e11	/* mrc p14, 0, r0, c0, c1, 0 */
	a32_program a32_dbgdrar, 0xec510e01	/* mrrc p14, 0, r0, r1, c1 */
	a32_program a32_stc, 0xed805e00		/* stc p14, c5, [r0] */
	/* wfi, wfieq, wfine with Z clear; add r0, r0, #1 behind each */
	a32_program a32_wfi, 0xe320f003, 0xe2800001, 0x0320f003, 0xe2800001, \
		0x1320f003, 0xe2800001
	/* movs r0, #1; wfi; adds r0, #1; it eq, wfieq; adds r0, #1;
	   it ne, wfine; adds r0, #1; svc #0 */
	.globl	t32_wfi
t32_wfi:
	.short	0x2001, 0xbf30, 0x3001, 0xbf08, 0xbf30, 0x3001
	.short	0xbf18, 0xbf30, 0x3001, 0xdf00
