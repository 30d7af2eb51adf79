/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The few functions of C's <string.h> that the hypervisor uses, with their
 * standard meaning. The compiler itself may call the first four. None uses a
 * SIMD register. They are for memory, not for registers of devices; what they
 * are given while the MMU is off is aligned, as is its size.
 */
#ifndef STRING_H
#define STRING_H

#include <stdbool.h>
#include <stddef.h>

#include "types.h"

/* Copies `n` bytes; the two must not overlap. */
void *memcpy(void *to, const void *from, size_t n);

/* Copies `n` bytes; the two may overlap. */
void *memmove(void *to, const void *from, size_t n);

/* Sets `n` bytes to `value`. */
void *memset(void *to, int value, size_t n);

/* Compares `n` bytes as unsigned char: < 0, 0 or > 0. */
int memcmp(const void *a, const void *b, size_t n);

/* Length of a string without its terminator. */
size_t strlen(const char *s);

/* Length of a string, but at most `n`; reads no byte beyond. */
size_t strnlen(const char *s, size_t n);

/* Compares two strings as unsigned char: < 0, 0 or > 0. */
int strcmp(const char *a, const char *b);

/* Whether two strings are equal; most that are not differ in the first byte. */
static inline BOOT_ONLY bool streq(const char *a, const char *b)
{
	return *a == *b && strcmp(a, b) == 0;
}

/* Compares at most the first `n` bytes. */
int strncmp(const char *a, const char *b, size_t n);

/* First `c` in `n` bytes, or NULL. */
void *memchr(const void *p, int c, size_t n);

/* First `c` in a string, its terminator included, or NULL. */
char *strchr(const char *s, int c);

#endif
