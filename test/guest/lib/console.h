/* SPDX-License-Identifier: BSD-3-Clause */
/* Text output of a guest, on the PL011 of the device tree's stdout-path. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <stdarg.h>
#include <stddef.h>

/* Finds the console. A VM without one prints nothing. */
void console_init(void);

/*
 * Prints as printf() does: %s %c %d %u %x, with l or without, and %%. One call
 * is printed in one piece, whatever the other CPUs print.
 */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Formats into `to`, `size` bytes with the terminator; as print(). */
void format(char *to, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void vformat(char *to, size_t size, const char *format, va_list args);

/* Says why this guest cannot go on, and turns it off. */
_Noreturn void panic(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

#endif
