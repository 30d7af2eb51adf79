/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Exception vectors and the switch between the primary and a secondary.
 *
 * Each CPU has one stack. Entering a secondary is a function call on it,
 * arch_vcpu_enter(), that goes on to vcpu_left() when the vCPU leaves; all of
 * the vCPU's registers are saved by then. There is one vector table for while
 * the primary runs and one for while a secondary runs.
 *
 * TPIDR_EL2 holds the current vCPU (struct vcpu), of either kind.
 */
#include "fp_block.inc"
#include "layout.h"
#include "offsets.h"
#include "sysreg.h"

/* Nothing behind an ERET may be executed ahead of it (hazard 29). */
.macro return_to_guest
	eret
	dsb	nsh
	isb
.endm

/*
 * What a C function may change, x0-x3 aside: it is compiled to keep x9-x15 as
 * well (Makefile). x4 and x5 come first: they are needed sooner.
 */
#define FRAME (8 * 8)

.macro push_rest_of_frame
	stp	x6, x7, [sp, #16]
	stp	x8, x16, [sp, #32]
	stp	x17, x30, [sp, #48]
.endm

.macro pop_frame
	ldp	x6, x7, [sp, #16]
	ldp	x8, x16, [sp, #32]
	ldp	x17, x30, [sp, #48]
	ldp	x4, x5, [sp], #FRAME
.endm

/*
 * A synchronous exception from a VM. HVC #0 with one of our function numbers
 * calls the function of its row, at \column; x0: the current vCPU, then the
 * call's value. No other row can be meant, speculatively either: the table has
 * one for each number that shares the upper bits.
 */
.macro call_of_table column, trap, standard
	stp	x4, x5, [sp, #-FRAME]!
	mrs	x4, esr_el2
	mov	w5, #ESR_HVC64_0
	cmp	w4, w5
	b.ne	\trap
	push_rest_of_frame
	lsr	w4, w0, #API_ROWS_SHIFT
	cmp	w4, #API_FIRST_ROWS
	b.ne	\standard
	adr	x5, api_calls + \column
	ubfiz	x4, x0, #4, #API_ROWS_SHIFT
	ldr	x5, [x5, x4]
	mrs	x0, tpidr_el2
	blr	x5
.endm

/*
 * Saves x0-x30 to the vCPU; then x18 = vCPU, which C does not use, and x2, x3
 * are lost.
 */
.macro save_all_to_vcpu
	stp	x18, x19, [sp, #-16]!
	mrs	x18, tpidr_el2
	stp	x0, x1, [x18, #VCPU_X]
	stp	x2, x3, [x18, #VCPU_X + 16]
	stp	x4, x5, [x18, #VCPU_X + 32]
	stp	x6, x7, [x18, #VCPU_X + 48]
	stp	x8, x9, [x18, #VCPU_X + 64]
	stp	x10, x11, [x18, #VCPU_X + 80]
	stp	x12, x13, [x18, #VCPU_X + 96]
	stp	x14, x15, [x18, #VCPU_X + 112]
	stp	x16, x17, [x18, #VCPU_X + 128]
	ldp	x2, x3, [sp], #16
	stp	x2, x3, [x18, #VCPU_X + 144]
	stp	x20, x21, [x18, #VCPU_X + 160]
	stp	x22, x23, [x18, #VCPU_X + 176]
	stp	x24, x25, [x18, #VCPU_X + 192]
	stp	x26, x27, [x18, #VCPU_X + 208]
	stp	x28, x29, [x18, #VCPU_X + 224]
	str	x30, [x18, #VCPU_X + 240]
.endm

/* Loads x0-x30 from the vCPU in x18. */
.macro load_all_from_vcpu
	ldp	x0, x1, [x18, #VCPU_X]
	ldp	x2, x3, [x18, #VCPU_X + 16]
	ldp	x4, x5, [x18, #VCPU_X + 32]
	ldp	x6, x7, [x18, #VCPU_X + 48]
	ldp	x8, x9, [x18, #VCPU_X + 64]
	ldp	x10, x11, [x18, #VCPU_X + 80]
	ldp	x12, x13, [x18, #VCPU_X + 96]
	ldp	x14, x15, [x18, #VCPU_X + 112]
	ldp	x16, x17, [x18, #VCPU_X + 128]
	ldp	x20, x21, [x18, #VCPU_X + 160]
	ldp	x22, x23, [x18, #VCPU_X + 176]
	ldp	x24, x25, [x18, #VCPU_X + 192]
	ldp	x26, x27, [x18, #VCPU_X + 208]
	ldp	x28, x29, [x18, #VCPU_X + 224]
	ldr	x30, [x18, #VCPU_X + 240]
	ldp	x18, x19, [x18, #VCPU_X + 144]
.endm

/* The registers of struct el1_regs but for the timer, in its order. */
#define FOR_EL1_PAIRS(op, vcpu)						\
	op	vcpu, sp_el0, sp_el1;					\
	op	vcpu, elr_el1, spsr_el1;				\
	op	vcpu, sctlr_el1, cpacr_el1;				\
	op	vcpu, ttbr0_el1, ttbr1_el1;				\
	op	vcpu, tcr_el1, mair_el1;				\
	op	vcpu, contextidr_el1, vbar_el1;				\
	op	vcpu, esr_el1, far_el1;					\
	op	vcpu, tpidr_el1, tpidr_el0;				\
	op	vcpu, tpidrro_el0, par_el1;				\
	op	vcpu, csselr_el1, cntkctl_el1

.macro save_pair vcpu, a, b
	mrs	x2, \a
	mrs	x3, \b
	stp	x2, x3, [\vcpu, #at]
	.set	at, at + 16
.endm

.macro load_pair vcpu, a, b
	ldp	x1, x2, [\vcpu, #at]
	msr	\a, x1
	msr	\b, x2
	.set	at, at + 16
.endm

/* Saves the EL1 registers to a vCPU, ELR_EL2 and SPSR_EL2. Clobbers x2, x3. */
.macro save_el1 vcpu
	.set	at, VCPU_EL1
	FOR_EL1_PAIRS(save_pair, \vcpu)
	mrs	x2, elr_el2
	mrs	x3, spsr_el2
	stp	x2, x3, [\vcpu, #VCPU_PC]
.endm

/* Loads them. Clobbers x1, x2. */
.macro load_el1 vcpu
	.set	at, VCPU_EL1
	FOR_EL1_PAIRS(load_pair, \vcpu)
	ldp	x1, x2, [\vcpu, #VCPU_PC]
	msr	elr_el2, x1
	msr	spsr_el2, x2
.endm

/* An exception taken from EL2 itself: a fault of the hypervisor. */
.macro fault_vector kind
	.balign	0x80
	b	hypervisor_fault_\kind
.endm

.macro fault_vectors
	fault_vector 0			/* with SP_EL0: never used */
	fault_vector 1
	fault_vector 2
	fault_vector 3
	fault_vector 4			/* with SP_EL2 */
	fault_vector 5
	fault_vector 6
	fault_vector 7
.endm

	.section .vectors, "ax"
	.balign	0x800
	.global vectors_primary
vectors_primary:
	fault_vectors
	/* From the primary, AArch64. */
	.balign	0x80
.Lprimary_sync:
	call_of_table 0, primary_not_a_call, primary_standard_call
	/* x1 is zero as well: the primary's vCPU does not leave. */
	mov	x2, xzr
	mov	x3, xzr
	pop_frame
	return_to_guest
	.balign	0x80
	b	primary_interrupt
	.balign	0x80
	b	primary_interrupt
	.balign	0x80
	b	primary_interrupt
	/* From the primary, AArch32 (EL0). */
	.balign	0x80
	b	primary_trap
	.balign	0x80
	b	primary_interrupt
	.balign	0x80
	b	primary_interrupt
	.balign	0x80
	b	primary_interrupt

	.balign	0x800
	.global vectors_secondary
vectors_secondary:
	fault_vectors
	/* From a secondary, AArch64. */
	.balign	0x80
.Lsecondary_sync:
	call_of_table 8, secondary_not_a_call, secondary_standard_call
	cbnz	x1, secondary_call_leaves
	mov	x2, xzr
	mov	x3, xzr
	pop_frame
	return_to_guest
	.balign	0x80
	b	secondary_interrupt
	.balign	0x80
	b	secondary_interrupt
	.balign	0x80
	b	secondary_serror
	/* From a secondary, AArch32 (EL0). */
	.balign	0x80
	b	secondary_trap
	.balign	0x80
	b	secondary_interrupt
	.balign	0x80
	b	secondary_interrupt
	.balign	0x80
	b	secondary_serror

/*
 * Tables for a CPU whose branch prediction a VM may have trained (spectre.c):
 * on each entry from a VM, before any indirect branch, the branch history is
 * filled with taken branches, the firmware is called, or both.
 *
 * A Cortex-A57 or A72 wants 15 taken branches: these, the last one to where the
 * vector goes on.
 */
.macro history_vector to
	.balign	0x80
	.rept	14
	b	. + 4
	.endr
	dsb	nsh
	isb
	b	\to
.endm

.macro history_vectors kind
	.balign	0x800
	.global vectors_history_\kind
vectors_history_\kind:
	fault_vectors
	history_vector .L\kind\()_sync
	history_vector \kind\()_interrupt
	history_vector \kind\()_interrupt
	history_vector \kind\()_serror
	history_vector \kind\()_trap
	history_vector \kind\()_interrupt
	history_vector \kind\()_interrupt
	history_vector \kind\()_serror
.endm
	.set	primary_serror, primary_interrupt

	history_vectors primary
	history_vectors secondary

/*
 * Any number of rounds of eight branches, of which the last one's last is not
 * taken, and any call (struct spectre), for both kinds of VM.
 */
.macro spectre_vector offset
	.balign	0x80
	stp	x0, x1, [sp, #-16]!
	mrs	x0, tpidr_el2
	ldr	x0, [x0, #VCPU_CPU]
	ldp	w1, w0, [x0, #CPU_SPECTRE]
	cbz	w1, 2f
1:	.rept	7
	b	. + 4
	.endr
	subs	w1, w1, #1
	b.ne	1b
	hint	#22			/* CLRBHB */
2:	cbz	w0, 3f
	stp	x2, x3, [sp, #-16]!
	smc	#0			/* changes x0-x3 */
	ldp	x2, x3, [sp], #16
3:	dsb	nsh
	isb
	mrs	x0, hcr_el2
	tst	x0, #HCR_IMO
	ldp	x0, x1, [sp], #16
	b.ne	vectors_secondary + \offset
	b	vectors_primary + \offset
.endm

	.balign	0x800
	.global vectors_spectre
vectors_spectre:
	fault_vectors
	.irp	offset, 0x400, 0x480, 0x500, 0x580, 0x600, 0x680, 0x700, 0x780
	spectre_vector \offset
	.endr

	.text
/*
 * HVC #0 with a number that is not ours; x4-x8, x16, x17, x30 are in the frame.
 * What can be said at once is; x1: whether it was.
 */
.macro standard_call slow
	tbz	w0, #31, unknown_call		/* nobody's number */
	stp	x0, x1, [sp, #-32]!
	stp	x2, x3, [sp, #16]
	bl	smccc_quick
	cbz	x1, 1f
	mov	x1, xzr
	mov	x2, xzr
	mov	x3, xzr
	add	sp, sp, #32
	pop_frame
	return_to_guest
1:	ldp	x2, x3, [sp, #16]
	ldp	x0, x1, [sp], #32
	pop_frame
	b	\slow
.endm

primary_standard_call:
	standard_call primary_trap

unknown_call:
	mov	x0, #-1
	mov	x1, xzr
	mov	x2, xzr
	mov	x3, xzr
	pop_frame
	return_to_guest

/*
 * In the table of calls: one that is handled with all registers saved. x4: its
 * row, times 16.
 */
	.global arch_call_slowly
arch_call_slowly:
	hint	#34			/* BTI c */
	mov	w0, #API_FIRST_ROWS << API_ROWS_SHIFT
	add	w0, w0, w4, lsr #4
	pop_frame
	b	primary_trap

primary_not_a_call:
	ldp	x4, x5, [sp], #FRAME
primary_trap:
	save_all_to_vcpu
	mov	x0, x18
	bl	trap_primary
	b	resume_guest

/* HCR_EL2 routes no interrupt of the primary here. */
primary_interrupt:
	save_all_to_vcpu
	mov	x0, x18
	bl	trap_primary_interrupt
	b	resume_guest

resume_guest:
	load_all_from_vcpu
	return_to_guest

/* x1: why; x1-x3 come back as zero from every call. */
secondary_call_leaves:
	pop_frame
	save_all_to_vcpu
	mov	x19, x1
	stp	xzr, xzr, [x18, #VCPU_X + 8]
	str	xzr, [x18, #VCPU_X + 24]
	b	leave_secondary

secondary_standard_call:
	standard_call secondary_trap

secondary_not_a_call:
	ldp	x4, x5, [sp], #FRAME
secondary_trap:
	save_all_to_vcpu
	mov	x0, x18
	bl	trap_secondary
secondary_trapped:
	cbz	x0, resume_guest
	mov	x19, x0
	b	leave_secondary

secondary_serror:
	save_all_to_vcpu
	mov	x0, x18
	bl	trap_secondary_serror
	b	secondary_trapped

secondary_has_gic:
	mov	x0, x18
	bl	trap_secondary_interrupt
	b	secondary_trapped

/* Of one that has no interrupts of its own in the CPU it is the primary's. */
secondary_interrupt:
	save_all_to_vcpu
	ldrb	w1, [x18, #VCPU_VGIC_LOADED]
	mov	x19, #EXIT_INTERRUPT_VALUE
	cbnz	w1, secondary_has_gic

/* x9-x15, x19-x30: what C keeps over a call; and the primary's x18. */
#define KEPT (8 * 20)

/*
 * The vCPU x18, all of whose x0-x30 are saved, leaves with the reason x19.
 */
leave_secondary:
	save_el1 x18
	mov	x0, x18
	bl	switch_to_primary		/* x0: the primary's vCPU */
	load_el1 x0
	msr	tpidr_el2, x0
	mov	x0, x18
	mov	x1, x19
	ldp	x27, x28, [sp, #16]
	ldp	x25, x26, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x21, x22, [sp, #64]
	ldp	x19, x20, [sp, #80]
	ldp	x9, x10, [sp, #96]
	ldp	x11, x12, [sp, #112]
	ldp	x13, x14, [sp, #128]
	ldp	x15, x18, [sp, #144]
	ldp	x29, x30, [sp], #KEPT
	b	vcpu_left

/*
 * struct api_result arch_vcpu_enter(struct vcpu *primary, struct vcpu *vcpu)
 * x0: the primary's vCPU, x1: the vCPU to enter. The primary's EL1 registers go
 * to its vCPU, what C keeps over a call goes to the stack. While the primary
 * has an interrupt to take nothing is entered: the vCPU would come back at
 * once; for an SError its VM would be stopped.
 */
	.global arch_vcpu_enter
arch_vcpu_enter:
	mrs	x2, isr_el1
	tst	x2, #ISR_ANY
	b.ne	1f
	stp	x29, x30, [sp, #-KEPT]!
	stp	x27, x28, [sp, #16]
	stp	x25, x26, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x21, x22, [sp, #64]
	stp	x19, x20, [sp, #80]
	stp	x9, x10, [sp, #96]
	stp	x11, x12, [sp, #112]
	stp	x13, x14, [sp, #128]
	stp	x15, x18, [sp, #144]
	mov	x18, x1
	save_el1 x0
	bl	switch_to_secondary
	load_el1 x18
	msr	tpidr_el2, x18
	load_all_from_vcpu
	return_to_guest
1:	mov	x0, x1
	mov	x1, #EXIT_INTERRUPT_VALUE
	b	vcpu_left

/*
 * Enters the primary's vCPU x0, the current one, for the first time; its stack
 * begins at x1.
 */
	.global primary_first_entry
primary_first_entry:
	mov	sp, x1
	mov	x18, x0
	load_el1 x18
	msr	mdscr_el1, xzr
	load_all_from_vcpu
	return_to_guest

/* Moves the FP/SIMD registers to [x0] and from [x0] (struct fp_regs). */
	.arch_extension fp
	.arch_extension simd
	.global fp_save
fp_save:
	fp_block stp, x0
	mrs	x1, fpcr
	mrs	x2, fpsr
	stp	x1, x2, [x0]
	ret

	.global fp_load
fp_load:
	fp_block ldp, x0
	ldp	x1, x2, [x0]
	msr	fpcr, x1
	msr	fpsr, x2
	ret

/*
 * A fault of the hypervisor. Each one gets a stack of its own, as the fault may
 * be that the CPU's is full, and as a report may fault, too. Below the top of
 * it: x0-x30 and SP. Whoever finds no stack left halts.
 */
.macro fault_entry kind
hypervisor_fault_\kind:
	msr	tpidr_el0, x0		/* the guest's value is lost with it */
	mov	x0, #\kind
	b	hypervisor_fault
.endm
	fault_entry 0
	fault_entry 1
	fault_entry 2
	fault_entry 3
	fault_entry 4
	fault_entry 5
	fault_entry 6
	fault_entry 7

hypervisor_fault:
	msr	tpidrro_el0, x1
	msr	tpidr_el1, x2
	msr	elr_el1, x3
	adrp	x1, faults
	add	x1, x1, :lo12:faults
1:	ldxr	w2, [x1]
	add	w2, w2, #1
	stxr	w3, w2, [x1]
	cbnz	w3, 1b
	cmp	w2, #FAULT_STACKS
	b.hi	arch_halt
	adrp	x1, fault_stacks
	mov	w3, #FAULT_STACK_SIZE
	madd	x1, x2, x3, x1
	sub	x1, x1, #(8 * 32)
	mrs	x2, tpidr_el1
	mrs	x3, elr_el1
	stp	x2, x3, [x1, #16]
	stp	x4, x5, [x1, #32]
	stp	x6, x7, [x1, #48]
	stp	x8, x9, [x1, #64]
	stp	x10, x11, [x1, #80]
	stp	x12, x13, [x1, #96]
	stp	x14, x15, [x1, #112]
	stp	x16, x17, [x1, #128]
	stp	x18, x19, [x1, #144]
	stp	x20, x21, [x1, #160]
	stp	x22, x23, [x1, #176]
	stp	x24, x25, [x1, #192]
	stp	x26, x27, [x1, #208]
	stp	x28, x29, [x1, #224]
	mov	x2, sp
	stp	x30, x2, [x1, #240]
	mrs	x2, tpidr_el0
	mrs	x3, tpidrro_el0
	stp	x2, x3, [x1]
	mov	sp, x1
	bl	panic_fault

	.section .bss
	.balign	8
faults:
	.skip	8
