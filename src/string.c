/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * String functions in plain C: no SIMD register (the guests own them), no
 * unaligned access (the MMU may be off). Long copies and fills go by eight
 * 64-bit words a turn, which compilers turn into load and store pairs.
 */
#include <stdbool.h>
#include <stdint.h>

#include "string.h"
#include "types.h"

/*
 * A compiler that recognises these loops would replace them by calls of the
 * very functions they implement. Clang refrains with -ffreestanding, GCC does
 * not. test/unit/check_string.sh looks at the result.
 */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

/* A word that may alias any type. */
typedef uint64_t __attribute__((__may_alias__)) word_t;

#define WORD sizeof(word_t)
#define BLOCK (8 * WORD)

static unsigned int misalignment(const void *p)
{
	return (uintptr_t)p % WORD;
}

/* Loads all of a block before it stores any of it: the two may overlap. */
static inline void copy_block(unsigned char *to, const unsigned char *from)
{
	const word_t *f = (const word_t *)from;
	word_t *t = (word_t *)to;
	word_t a = f[0], b = f[1], c = f[2], d = f[3];
	word_t e = f[4], g = f[5], h = f[6], i = f[7];

	t[0] = a;
	t[1] = b;
	t[2] = c;
	t[3] = d;
	t[4] = e;
	t[5] = g;
	t[6] = h;
	t[7] = i;
}

/* Copies whole words upwards, both sides aligned; the bytes copied. */
static size_t copy_words(unsigned char *to, const unsigned char *from, size_t n)
{
	size_t at = 0;

	for (; n - at >= BLOCK; at += BLOCK)
		copy_block(to + at, from + at);
	for (; n - at >= WORD; at += WORD)
		*(word_t *)(to + at) = *(const word_t *)(from + at);
	return at;
}

/*
 * Copies words upwards to an aligned place from one that is not: reads aligned
 * words and joins the parts of two (little-endian). Reads nothing outside of
 * `from`. Returns the bytes copied.
 */
static size_t copy_shifted(unsigned char *to, const unsigned char *from,
			   size_t n)
{
	unsigned int head = WORD - misalignment(from);
	unsigned int left = 8 * head, right = 64 - left;
	const unsigned char *next = from + head;
	word_t part = 0;
	size_t at = 0;

	if (n < head + 2 * WORD)
		return 0;
	for (unsigned int i = 0; i < head; i++)
		part |= (word_t)from[i] << (8 * i);
	for (; n - at >= head + 2 * WORD; at += 2 * WORD) {
		word_t a = ((const word_t *)(next + at))[0];
		word_t b = ((const word_t *)(next + at))[1];

		((word_t *)(to + at))[0] = part | a << left;
		((word_t *)(to + at))[1] = a >> right | b << left;
		part = b >> right;
	}
	return at;
}

/* Copies upwards, right for places that overlap with `to` below `from`. */
static inline void copy_up(unsigned char *to, const unsigned char *from,
			   size_t n)
{
	size_t done;

	for (; n != 0 && misalignment(to) != 0; n--)
		*to++ = *from++;
	if (misalignment(from) == 0)
		done = copy_words(to, from, n);
	else
		done = copy_shifted(to, from, n);
	for (; done < n; done++)
		to[done] = from[done];
}

/*
 * Copies downwards, right for places that overlap with `to` above `from`.
 * Only places at the same misalignment are worth speed here.
 */
static void copy_down(unsigned char *to, const unsigned char *from, size_t n)
{
	bool words = misalignment(to) == misalignment(from);

	for (; n != 0 && !(words && misalignment(to + n) == 0); n--)
		to[n - 1] = from[n - 1];
	for (; n >= BLOCK; n -= BLOCK)
		copy_block(to + n - BLOCK, from + n - BLOCK);
	for (; n >= WORD; n -= WORD)
		*(word_t *)(to + n - WORD) = *(const word_t *)(from + n - WORD);
	for (; n != 0; n--)
		to[n - 1] = from[n - 1];
}

void *memcpy(void *to, const void *from, size_t n)
{
	copy_up(to, from, n);
	return to;
}

BOOT_ONLY void *memmove(void *to, const void *from, size_t n)
{
	if ((uintptr_t)to - (uintptr_t)from >= n)
		copy_up(to, from, n);
	else
		copy_down(to, from, n);
	return to;
}

/* Sets the 64 bytes at `to`, which is aligned. */
static inline void set_block(unsigned char *to, word_t value)
{
	word_t *t = (word_t *)to;

	t[0] = value;
	t[1] = value;
	t[2] = value;
	t[3] = value;
	t[4] = value;
	t[5] = value;
	t[6] = value;
	t[7] = value;
}

void *memset(void *to, int value, size_t n)
{
	unsigned char *t = to;
	word_t word = (unsigned char)value * UINT64_C(0x0101010101010101);

	for (; n != 0 && misalignment(t) != 0; n--)
		*t++ = (unsigned char)value;
	for (; n >= BLOCK; n -= BLOCK, t += BLOCK)
		set_block(t, word);
	for (; n >= WORD; n -= WORD, t += WORD)
		*(word_t *)t = word;
	for (; n != 0; n--)
		*t++ = (unsigned char)value;
	return to;
}

/* Length of the equal words at the start of both, which are aligned. */
static size_t equal_words(const unsigned char *a, const unsigned char *b,
			  size_t n)
{
	size_t at = 0;

	while (n - at >= WORD &&
	       *(const word_t *)(a + at) == *(const word_t *)(b + at))
		at += WORD;
	return at;
}

BOOT_ONLY int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;
	size_t at = 0;

	if (misalignment(x) == 0 && misalignment(y) == 0)
		at = equal_words(x, y, n);
	for (; at < n; at++)
		if (x[at] != y[at])
			return x[at] - y[at];
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n] != '\0')
		n++;
	return n;
}

BOOT_ONLY size_t strnlen(const char *s, size_t n)
{
	size_t at = 0;

	while (at < n && s[at] != '\0')
		at++;
	return at;
}

BOOT_ONLY int strcmp(const char *a, const char *b)
{
	for (; *a != '\0' && *a == *b; a++)
		b++;
	return (unsigned char)*a - (unsigned char)*b;
}

BOOT_ONLY int strncmp(const char *a, const char *b, size_t n)
{
	for (; n != 0; n--, a++, b++)
		if (*a != *b || *a == '\0')
			return (unsigned char)*a - (unsigned char)*b;
	return 0;
}

BOOT_ONLY void *memchr(const void *p, int c, size_t n)
{
	const unsigned char *at = p;

	for (; n != 0; n--, at++)
		if (*at == (unsigned char)c)
			return (void *)(uintptr_t)at;
	return NULL;
}

char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++)
		if (*s == '\0')
			return NULL;
	return (char *)(uintptr_t)s;
}
