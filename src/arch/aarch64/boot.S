/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the loader to C: the Image header, the entries of the first and of the
 * other CPUs, and the code that turns the MMU on. What runs with the MMU off is
 * mapped at its physical address as well: .head while it boots, .idmap for good.
 */
#include "control.h"
#include "fp_block.inc"
#include "layout.h"
#include "offsets.h"
#include "sysreg.h"

/* Sets SCTLR_ELx for running with the MMU off. Clobbers x9. */
.macro mmu_off el, value
	ldr	x9, =\value
	msr	sctlr_\el, x9
	isb
.endm

/*
 * Turns the MMU of an exception level on with the root page table x0.
 * ps: where TCR_ELx has the size of physical addresses; res1: its other bits;
 * sctlr: SCTLR_ELx but for what every level needs.
 * Clobbers x9-x11.
 */
.macro mmu_on el, ps, res1, sctlr
	msr	ttbr0_\el, x0
	mov	x9, #MAIR_EL2_VALUE
	msr	mair_\el, x9
	mrs	x10, id_aa64mmfr0_el1
	and	x10, x10, #0xf
	mov	x11, #5			/* 48 bits; more needs LPA2 */
	cmp	x10, x11
	csel	x10, x10, x11, lo
	lsl	x10, x10, #\ps
	ldr	x9, =(\res1 | TCR_WALK_WB_IS | (64 - HYP_VA_BITS))
	orr	x9, x9, x10
	msr	tcr_\el, x9
	isb
	ldr	x9, =(\sctlr | SCTLR_M | SCTLR_C | SCTLR_I | SCTLR_SA | SCTLR_WXN)
	msr	sctlr_\el, x9
	isb
.endm

/* x12 = size of a line of the data caches. Clobbers x9. */
.macro line_size
	mrs	x12, ctr_el0
	ubfx	x12, x12, #16, #4
	mov	x9, #4
	lsl	x12, x9, x12
.endm

/* Fills [x9, x10), whole pages, with zeros. Clobbers x9. */
.macro zero_range
8:	.rept	8
	stp	xzr, xzr, [x9], #16
	.endr
	cmp	x9, x10
	b.lo	8b
.endm

/*
 * Drops what the data caches hold of [x9, x10), whole pages: x12 is the size of
 * a line, 1 KiB at most. Clobbers x9.
 */
.macro invalidate_range
8:	.rept	4
	dc	ivac, x9
	add	x9, x9, x12
	.endr
	cmp	x9, x10
	b.lo	8b
.endm

/*
 * The first CPU's stack, with the page below it, as [x9, x10).
 */
.macro load_stack
	load_address x9, cpu_stacks
	add	x10, x9, #(GUARD_SIZE + STACK_SIZE)
.endm

.macro load_address reg, symbol
	adrp	\reg, \symbol
	add	\reg, \reg, :lo12:\symbol
.endm

	.section .head, "ax"
	.global image_head
image_head:
	b	image_start		/* Linux, arm64/booting.rst */
	.long	0
	.quad	0			/* text_offset */
	.quad	image_size
	.quad	0xa			/* little-endian, 4 KiB, anywhere */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

/*
 * The first CPU, from the loader. x0: device tree.
 */
image_start:
	msr	daifset, #0xf
	mov	x19, x0
	msr	spsel, #1
	mrs	x22, CurrentEL
	cmp	x22, #(2 << 2)
	b.eq	1f
	b.hi	2f
4:	mmu_off	el1, SCTLR_EL1_RESET
	b	3f
1:	mov	x9, #HCR_RW		/* E2H and TGE clear */
	msr	hcr_el2, x9
	isb
	mrs	x9, hcr_el2
	tbz	x9, #HCR_E2H_BIT, 5f
	/*
	 * E2H is RES1: TCR_EL2 and others are laid out as those of EL1, whose
	 * names mean them here.
	 */
	tlbi	alle2
	mov	x22, xzr
	b	4b
5:	mmu_off	el2, SCTLR_EL2_RES1
	b	3f
2:	mmu_off	el3, SCTLR_EL2_RES1

	/*
	 * What is written from here on goes around the caches: nothing in them
	 * may overwrite it later. This is .bss, the stack, and as much of the
	 * pool as early_map() takes.
	 */
3:	line_size
	load_address x9, bss_begin
	load_address x10, bss_end
	invalidate_range
	load_stack
	invalidate_range
	load_address x9, pool_begin
	add	x10, x9, #EARLY_POOL_SIZE
	invalidate_range
	dsb	sy

	adrp	x9, cpu_stacks + GUARD_SIZE + STACK_SIZE
	mov	sp, x9
	mov	x29, xzr
	load_address x9, bss_begin
	load_address x10, bss_end
	zero_range

	adrp	x0, image_begin
	ldr	x1, =image_begin
	mov	x2, x19
	bl	early_map		/* x0: the root page table */

	ic	iallu
	dsb	nsh
	cmp	x22, #(2 << 2)
	b.eq	5f
	b.hi	6f
	tlbi	vmalle1
	dsb	nsh
	mmu_on	el1, 32, BIT(23), SCTLR_EL1_RESET
	b	7f
5:	tlbi	alle2
	dsb	nsh
	mmu_on	el2, 16, TCR_EL2_RES1, FOR_PRIMARY(SCTLR_EL2)
	b	7f
6:	tlbi	alle3
	dsb	nsh
	mmu_on	el3, 16, TCR_EL2_RES1, SCTLR_EL2_RES1
7:	ldr	x9, =first_cpu
	br	x9

/*
 * boot_move(x0: the root page table's copy, physical; x1: from where the stack
 * is to where its copy goes; x2: the stack's end)
 * Goes on in the copy of the hypervisor. Called at its physical address, to
 * survive turning the MMU off: entries of the same address for other memory
 * must not meet in the TLB. Keeps x9-x15, as C expects it.
 */
	.global boot_move
boot_move:
	hint	#34			/* BTI c */
	mov	x3, x9
	mov	x4, x10
	mov	x5, x11
	/* Last: nothing is written to the old place behind this. */
	mov	x9, sp
1:	ldp	x6, x7, [x9]
	add	x8, x9, x1
	stp	x6, x7, [x8]
	add	x9, x9, #16
	cmp	x9, x2
	b.lo	1b
	dsb	sy
	mmu_off	el2, SCTLR_EL2_RES1
	ic	iallu
	tlbi	alle2
	dsb	nsh
	mmu_on	el2, 16, TCR_EL2_RES1, FOR_PRIMARY(SCTLR_EL2)
	mov	x9, x3
	mov	x10, x4
	mov	x11, x5
	ret

	.ltorg

/* From here on at the link address. */
	.section .text.boot_only, "ax"
first_cpu:
	hint	#36			/* BTI j */
	adrp	x9, cpu_stacks + GUARD_SIZE + STACK_SIZE
	mov	sp, x9
	mov	x0, x19
	cmp	x22, #(2 << 2)
	b.ne	1f
	adrp	x9, vectors_primary
	add	x9, x9, :lo12:vectors_primary
	msr	vbar_el2, x9
	bl	boot_first_cpu
1:	lsr	x1, x22, #2
	bl	boot_wrong_level

/*
 * void arch_boot_copy(void *to, const void *from, size_t size)
 * Thirty-four instructions for each 512 bytes, through FP registers, if the CPU
 * has them; the rest is arch_copy()'s.
 */
	.global arch_boot_copy
arch_boot_copy:
	hint	#34			/* BTI c */
	mrs	x3, id_aa64pfr0_el1
	ubfx	x3, x3, #16, #4
	cmp	x3, #0xf
	b.eq	arch_copy
	subs	x2, x2, #512
	b.lo	2f
	mrs	x4, cptr_el2
	and	x3, x4, #~CPTR_TFP
	msr	cptr_el2, x3
	isb
1:	fp_block ldp, x1
	fp_block stp, x0
	subs	x2, x2, #512
	b.hs	1b
	msr	cptr_el2, x4
	isb
2:	add	x2, x2, #512
	b	arch_copy

	.section .idmap, "ax"
/*
 * Any other CPU, from the firmware's CPU_ON. x0: its index.
 */
	.global secondary_cpu_start
secondary_cpu_start:
	msr	daifset, #0xf
	msr	spsel, #1
	mov	x19, x0
	mov	x9, #HCR_RW
	msr	hcr_el2, x9
	isb
	mmu_off	el2, SCTLR_EL2_RES1
	ic	iallu
	tlbi	alle2
	dsb	nsh
	adrp	x9, start_root
	ldr	x0, [x9, :lo12:start_root]
	mmu_on	el2, 16, TCR_EL2_RES1, FOR_PRIMARY(SCTLR_EL2)
	ldr	x9, =other_cpu
	br	x9

	.ltorg

	.text
other_cpu:
	hint	#36			/* BTI j */
	/* x19: index. sp = cpu_stacks + (index + 1) * (guard + stack) */
	adrp	x9, cpu_stacks
	mov	x10, #(GUARD_SIZE + STACK_SIZE)
	madd	x9, x19, x10, x9
	add	x9, x9, x10
	mov	sp, x9
	mov	x29, xzr
	adrp	x9, vectors_primary
	add	x9, x9, :lo12:vectors_primary
	msr	vbar_el2, x9
	mov	x0, x19
	bl	boot_other_cpu

	.section .stacks, "aw", %nobits
	.balign	4096
	.global cpu_stacks
cpu_stacks:
	.skip	MAX_CPUS * (GUARD_SIZE + STACK_SIZE)
	.skip	GUARD_SIZE
	.global fault_stacks
fault_stacks:
	.skip	FAULT_STACKS * FAULT_STACK_SIZE
