/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * System registers for the host: what src/arch/aarch64/ reads and writes is
 * kept by name, in the order in which it happens. unit.mk includes this file
 * in front of everything else. Files with instructions that have operands, or
 * whose values matter, can not be tested so.
 */
#ifndef REGS_H
#define REGS_H

/* All that may be included later: below, `volatile` is not what it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../fake/nospec.h"
#include "sysreg.h"

#define NO_LANDING_PAD /* the host has none */

#undef read_sysreg
#undef write_sysreg
#undef dsb
#undef dmb

#define read_sysreg(name) regs_read(#name)
#define write_sysreg(name, value) regs_write(#name, (value))
#define isb() regs_note("isb", 0)
#define dsb(option) regs_note("dsb " #option, 0)
#define dmb(option) regs_note("dmb " #option, 0)

/* __asm__ volatile("text" : : : "memory") becomes a note of the text. */
#define __asm__
#define volatile(...) regs_note(#__VA_ARGS__, 0)

/* The value of a register; one that was never written reads as 0. */
uint64_t regs_read(const char *name);

/* Writes a register, and notes it. */
void regs_write(const char *name, uint64_t value);

/* Sets a register without a note. */
void regs_set(const char *name, uint64_t value);

/* Makes a register one that ignores writes, or not. */
void regs_fix(const char *name, bool fixed);

/* Notes that something happened. */
void regs_note(const char *what, uint64_t value);

/* Forgets all notes, and all values. */
void regs_reset(void);

/* Forgets all notes, but no value. */
void regs_forget_notes(void);

/* How many notes contain `text`. */
unsigned int regs_count(const char *text);

/* Place of the first note, or of the last one, that contains `text`; -1: none.
 */
int regs_first(const char *text);
int regs_last(const char *text);

/* How often a register was read since regs_reset(). */
unsigned int regs_reads(const char *name);

#endif
