/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Marks: instructions without effect, at any exception level, by which a
 * program tells count.c what to count. No compiler writes to WZR.
 *
 * Row 0 is the boot, which count.c counts without a mark if it is told to.
 */
#ifndef MARK_H
#define MARK_H

#define MARK_ROW 0x4801	  /* the next row; it does not count yet */
#define MARK_START 0x4802 /* counts from here on, in the current row */
#define MARK_STOP 0x4803

/* The instruction of a mark, as the CPU sees it. */
#define MARK_INSTRUCTION(mark) (UINT32_C(0x5280001f) | (uint32_t)(mark) << 5)

#ifndef __ASSEMBLER__
#define MARK_TEXT_(mark) #mark
#define MARK_TEXT(mark) "movz wzr, #" MARK_TEXT_(mark) "\n\t"
#define set_mark(mark) __asm__ volatile(MARK_TEXT(mark)::: "memory")
#endif

#endif
