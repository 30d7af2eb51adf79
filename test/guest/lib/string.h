/* SPDX-License-Identifier: BSD-3-Clause */
/* The part of the C library's string.h that guests use; same meaning. */
#ifndef STRING_H
#define STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t size);
const char *strstr(const char *s, const char *what);

#endif
