/* SPDX-License-Identifier: BSD-3-Clause */
#include "string.h"
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	if (!(((uintptr_t)t | (uintptr_t)f) % 8)) {
		for (; size >= 8; size -= 8, t += 8, f += 8)
			*(uint64_t *)t = *(const uint64_t *)f;
	}
	while (size--)
		*t++ = *f++;
	return to;
}

void *memset(void *to, int byte, size_t size)
{
	unsigned char *t = to;

	while (size--)
		*t++ = (unsigned char)byte;
	return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const unsigned char *x = a;
	const unsigned char *y = b;

	for (; size; size--, x++, y++) {
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, strlen(a) + 1);
}

int strncmp(const char *a, const char *b, size_t size)
{
	for (; size && *a && *a == *b; size--)
		a++, b++;
	return size ? (unsigned char)*a - (unsigned char)*b : 0;
}

const char *strstr(const char *s, const char *what)
{
	size_t n = strlen(what);

	for (; *s; s++) {
		if (!strncmp(s, what, n))
			return s;
	}
	return n ? NULL : s;
}
