/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * String functions in plain C: no SIMD register (the guests own them). Copies
 * and fills go by eight 64-bit words a turn, which compilers turn into load and
 * store pairs, and then by what the bits of the rest say. They take words from
 * and to any address, unlike the rest of the hypervisor: memory only, no
 * registers of devices, and while the MMU is off only what is aligned.
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

/* What may alias any type, at any address. */
#define ANYWHERE __attribute__((__may_alias__, __packed__, __aligned__(1)))

typedef uint64_t __attribute__((__may_alias__)) aligned_t;
typedef struct ANYWHERE {
	uint64_t word[8];
} words8_t;
typedef struct ANYWHERE {
	uint64_t word[4];
} words4_t;
typedef struct ANYWHERE {
	uint64_t word[2];
} words2_t;
typedef uint64_t __attribute__((__may_alias__, __aligned__(1))) word_t;
typedef uint32_t __attribute__((__may_alias__, __aligned__(1))) half_t;
typedef uint16_t __attribute__((__may_alias__, __aligned__(1))) quarter_t;

#define WORD sizeof(word_t)
#define BLOCK (8 * WORD)

static unsigned int misalignment(const void *p)
{
	return (uintptr_t)p % WORD;
}

/* Loads four words before it stores any of them. */
static inline void copy_words(unsigned char *to, const unsigned char *from)
{
	const word_t *f = (const word_t *)from;
	word_t *t = (word_t *)to;
	word_t a = f[0], b = f[1], c = f[2], d = f[3];

	t[0] = a;
	t[1] = b;
	t[2] = c;
	t[3] = d;
}

/* Copies a piece of that type if the bit of its size is set in `n`. */
#define COPY_PIECE(type)                               \
	do {                                           \
		if (n & sizeof(type)) {                \
			*(type *)t = *(const type *)f; \
			t += sizeof(type);             \
			f += sizeof(type);             \
		}                                      \
	} while (0)

void *memcpy(void *to, const void *from, size_t n)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	for (; n >= BLOCK; n -= BLOCK, t += BLOCK, f += BLOCK) {
		copy_words(t, f);
		copy_words(t + BLOCK / 2, f + BLOCK / 2);
	}
	COPY_PIECE(words4_t);
	COPY_PIECE(words2_t);
	COPY_PIECE(word_t);
	COPY_PIECE(half_t);
	COPY_PIECE(quarter_t);
	if (n & 1)
		*t = *f;
	return to;
}

/* Copies upwards, right for places that overlap with `to` below `from`. */
static BOOT_ONLY void copy_up(unsigned char *to, const unsigned char *from,
			      size_t n)
{
	for (; n >= WORD; n -= WORD, to += WORD, from += WORD)
		*(word_t *)to = *(const word_t *)from;
	for (; n; n--)
		*to++ = *from++;
}

/* Copies downwards, right for places that overlap with `to` above `from`. */
static BOOT_ONLY void copy_down(unsigned char *to, const unsigned char *from,
				size_t n)
{
	for (; n >= WORD; n -= WORD)
		*(word_t *)(to + n - WORD) = *(const word_t *)(from + n - WORD);
	for (; n; n--)
		to[n - 1] = from[n - 1];
}

BOOT_ONLY void *memmove(void *to, const void *from, size_t n)
{
	if ((uintptr_t)to - (uintptr_t)from >= n)
		copy_up(to, from, n);
	else
		copy_down(to, from, n);
	return to;
}

/* Sets a piece of that type if the bit of its size is set in `n`. */
#define SET_PIECE(type, value)              \
	do {                                \
		if (n & sizeof(type)) {     \
			*(type *)t = value; \
			t += sizeof(type);  \
		}                           \
	} while (0)

void *memset(void *to, int value, size_t n)
{
	unsigned char *t = to;
	uint64_t w = (unsigned char)value * UINT64_C(0x0101010101010101);
	const words8_t block = {{w, w, w, w, w, w, w, w}};

	for (; n >= 2 * BLOCK; n -= 2 * BLOCK, t += 2 * BLOCK) {
		*(words8_t *)t = block;
		*(words8_t *)(t + BLOCK) = block;
	}
	SET_PIECE(words8_t, block);
	SET_PIECE(words4_t, ((words4_t){{w, w, w, w}}));
	SET_PIECE(words2_t, ((words2_t){{w, w}}));
	SET_PIECE(word_t, w);
	SET_PIECE(half_t, (half_t)w);
	SET_PIECE(quarter_t, (quarter_t)w);
	if (n & 1)
		*t = (unsigned char)w;
	return to;
}

/* Length of the equal words at the start of both. */
static BOOT_ONLY size_t equal_words(const unsigned char *a,
				    const unsigned char *b, size_t n)
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

	for (size_t at = equal_words(x, y, n); at < n; at++)
		if (x[at] != y[at])
			return x[at] - y[at];
	return 0;
}

/* The highest bit of each zero byte, and maybe of bytes above the lowest. */
static inline uint64_t zero_bytes(uint64_t word)
{
	return (word - UINT64_C(0x0101010101010101)) & ~word &
	       UINT64_C(0x8080808080808080);
}

/*
 * Looks at aligned words, which no page ends within: bytes around the string
 * are read as well.
 */
__attribute__((no_sanitize("address"))) size_t strlen(const char *s)
{
	const aligned_t *at = (const aligned_t *)(s - misalignment(s));
	uint64_t before = (UINT64_C(1) << (8 * misalignment(s))) - 1;
	uint64_t found = zero_bytes(*at | before);

	while (found == 0)
		found = zero_bytes(*++at);
	return (size_t)((const char *)at - s) +
	       (unsigned int)__builtin_ctzll(found) / 8;
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
	unsigned char x, y;

	do {
		x = (unsigned char)*a++;
		y = (unsigned char)*b++;
	} while (x == y && x != '\0');
	return x - y;
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
