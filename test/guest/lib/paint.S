/* SPDX-License-Identifier: BSD-3-Clause */
/* Painting of the general and FP/SIMD registers; see paint.h. */
	.arch	armv8-a+fp+simd

/* Offsets in struct paint, checked in paint.c. */
#define NZCV 248
#define FPCR 256
#define FPSR 264
#define V0 272
#define DAIF 784
#define SP_BEFORE 792
#define SP_AFTER 800

/* The frame of paint_run_*: where `out`, FPCR, x0, x1 and DAIF are. */
#define FRAME 208
#define FRAME_OUT 160
#define FRAME_FPCR 168
#define FRAME_X0 176
#define FRAME_DAIF 192

	.text
/* Keeps what the caller must get back; all registers from *x0; out: x1. */
	.macro	paint_load
	stp	x29, x30, [sp, #-FRAME]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	stp	d8, d9, [sp, #96]
	stp	d10, d11, [sp, #112]
	stp	d12, d13, [sp, #128]
	stp	d14, d15, [sp, #144]
	mrs	x2, fpcr
	stp	x1, x2, [sp, #FRAME_OUT]
	mrs	x2, daif
	str	x2, [sp, #FRAME_DAIF]
	mov	x2, sp
	str	x2, [x1, #SP_BEFORE]
	ldr	x2, [x0, #DAIF]
	msr	daif, x2
	ldr	x2, [x0, #NZCV]
	msr	nzcv, x2
	ldr	x2, [x0, #FPCR]
	msr	fpcr, x2
	ldr	x2, [x0, #FPSR]
	msr	fpsr, x2
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	ldr	q\n, [x0, #V0 + \n * 16]
	.endr
	.irp	n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
	ldr	q\n, [x0, #V0 + \n * 16]
	.endr
	ldr	q31, [x0, #V0 + 31 * 16]
	.irp	n, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
	ldr	x\n, [x0, #\n * 8]
	.endr
	.irp	n, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
	ldr	x\n, [x0, #\n * 8]
	.endr
	ldp	x0, x1, [x0]
	.endm

/* All registers to *out, and back to the caller. */
	.macro	paint_store
	stp	x0, x1, [sp, #FRAME_X0]
	ldr	x0, [sp, #FRAME_OUT]
	.irp	n, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
	str	x\n, [x0, #\n * 8]
	.endr
	.irp	n, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
	str	x\n, [x0, #\n * 8]
	.endr
	ldp	x1, x2, [sp, #FRAME_X0]
	stp	x1, x2, [x0]
	mrs	x2, nzcv
	str	x2, [x0, #NZCV]
	mrs	x2, fpcr
	str	x2, [x0, #FPCR]
	mrs	x2, fpsr
	str	x2, [x0, #FPSR]
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	str	q\n, [x0, #V0 + \n * 16]
	.endr
	.irp	n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
	str	q\n, [x0, #V0 + \n * 16]
	.endr
	str	q31, [x0, #V0 + 31 * 16]
	mrs	x2, daif
	str	x2, [x0, #DAIF]
	mov	x2, sp
	str	x2, [x0, #SP_AFTER]
	ldr	x2, [sp, #FRAME_DAIF]
	msr	daif, x2
	ldr	x2, [sp, #FRAME_FPCR]
	msr	fpcr, x2
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	d8, d9, [sp, #96]
	ldp	d10, d11, [sp, #112]
	ldp	d12, d13, [sp, #128]
	ldp	d14, d15, [sp, #144]
	ldp	x29, x30, [sp], #FRAME
	ret
	.endm

	.globl	paint_run_hvc
paint_run_hvc:
	paint_load
	hvc	#0
	paint_store

	.globl	paint_run_hvc_other
paint_run_hvc_other:
	paint_load
	hvc	#1
	paint_store

	.globl	paint_run_smc
paint_run_smc:
	paint_load
	.inst	0xd4000003		/* smc #0 */
	paint_store

	.globl	paint_run_wfi
paint_run_wfi:
	paint_load
	wfi
	paint_store

	.globl	paint_run_spin
paint_run_spin:
	paint_load
1:	sub	x28, x28, #1
	cbnz	x28, 1b
	paint_store

	.globl	paint_run_load
paint_run_load:
	paint_load
	ldr	x28, [x28]
	paint_store
