/* SPDX-License-Identifier: BSD-3-Clause */
/* src/string.c against the host's C library, under other names. */
#include <sys/mman.h>
#include <unistd.h>

#include "unit.h"

#define memcpy our_memcpy
#define memmove our_memmove
#define memset our_memset
#define memcmp our_memcmp
#define memchr our_memchr
#define strlen our_strlen
#define strnlen our_strnlen
#define strcmp our_strcmp
#define strncmp our_strncmp
#define strchr our_strchr
#include "string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr

#define SIZE 320

static void fill(unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)unit_random();
}

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

/* Every misalignment of both sides, every length over two blocks. */
TEST(memcpy_all_alignments)
{
	_Alignas(16) unsigned char from[SIZE], to[SIZE], expected[SIZE];

	fill(from, SIZE);
	for (unsigned int a = 0; a < 8; a++)
		for (unsigned int b = 0; b < 8; b++)
			for (size_t n = 0; n < 200; n++) {
				fill(to, SIZE);
				memcpy(expected, to, SIZE);
				memcpy(expected + a, from + b, n);
				CHECK(our_memcpy(to + a, from + b, n) ==
				      to + a);
				CHECK(memcmp(to, expected, SIZE) == 0);
			}
}

/* Reads nothing outside of what it copies: ASan guards the copy. */
TEST(memcpy_reads_no_more)
{
	_Alignas(16) unsigned char from[SIZE], to[SIZE];

	fill(from, SIZE);
	for (unsigned int a = 0; a < 8; a++)
		for (size_t n = 0; n < 100; n++) {
			unsigned char *copy = unit_copy(from, n);

			our_memcpy(to + a, copy, n);
			CHECK(memcmp(to + a, from, n) == 0);
			CHECK_EQ(our_memcmp(to + a, copy, n), 0);
		}
}

TEST(memcpy_long)
{
	size_t n = 1 << 20;
	unsigned char *from = malloc(n + 16), *to = malloc(n + 16);

	CHECK(from != NULL && to != NULL);
	fill(from, n + 16);
	for (unsigned int b = 0; b < 8; b++) {
		our_memcpy(to + 3, from + b, n);
		CHECK(memcmp(to + 3, from + b, n) == 0);
	}
	free(from);
	free(to);
}

TEST(memmove_all_overlaps)
{
	_Alignas(16) unsigned char buffer[SIZE], expected[SIZE];

	for (unsigned int a = 0; a < 90; a++)
		for (unsigned int b = 0; b < 90; b += a < 16 ? 1 : 7)
			for (size_t n = 0; n < 200; n += 1 + n % 5) {
				fill(buffer, SIZE);
				memcpy(expected, buffer, SIZE);
				memmove(expected + a, expected + b, n);
				CHECK(our_memmove(buffer + a, buffer + b, n) ==
				      buffer + a);
				CHECK(memcmp(buffer, expected, SIZE) == 0);
			}
}

TEST(memset_all_alignments)
{
	_Alignas(16) unsigned char to[SIZE], expected[SIZE];

	for (unsigned int a = 0; a < 8; a++)
		for (size_t n = 0; n < 200; n++) {
			int value = (int)(unit_random() & 0x3ff) - 256;

			fill(to, SIZE);
			memcpy(expected, to, SIZE);
			memset(expected + a, value, n);
			CHECK(our_memset(to + a, value, n) == to + a);
			CHECK(memcmp(to, expected, SIZE) == 0);
		}
}

TEST(memcmp_each_byte_and_sign)
{
	_Alignas(16) unsigned char a[80], b[80];

	fill(a, sizeof(a));
	for (unsigned int shift = 0; shift < 9; shift++)
		for (size_t i = shift; i < 72; i++) {
			memcpy(b, a, sizeof(a));
			b[i] ^= 0x80;
			CHECK_EQ(sign(our_memcmp(a + shift, b + shift, 64)),
				 i < 64 + shift ? sign(a[i] - b[i]) : 0);
			CHECK_EQ(our_memcmp(a + shift, b + shift, i - shift),
				 0);
		}
	CHECK(our_memcmp("\xff", "\x01", 1) > 0);
}

TEST(memchr_finds_the_first)
{
	const char *s = "a@b@\0@";

	CHECK(our_memchr(s, '@', 6) == s + 1);
	CHECK(our_memchr(s + 2, '@', 4) == s + 3);
	CHECK(our_memchr(s, 0, 6) == s + 4);
	CHECK(our_memchr(s, '@' + 256, 6) == s + 1);
	CHECK(our_memchr(s, '@', 1) == NULL);
	CHECK(our_memchr(s, '@', 0) == NULL);
}

/* Zeroes in front of it do not end a string, whatever its bytes are. */
TEST(strlen_all_alignments)
{
	for (unsigned int a = 0; a < 9; a++)
		for (size_t n = 0; n < 40; n++) {
			_Alignas(8) char s[64] = {0};

			for (size_t i = 0; i < n; i++)
				s[a + i] = (char)(unit_random() | 1);
			CHECK_EQ(our_strlen(s + a), n);
			memset(s + a, 0x80, n);
			CHECK_EQ(our_strlen(s + a), n);
			s[a + n + 1] = 1;
			CHECK_EQ(our_strlen(s + a), n);
		}
}

/* Equal strings, and each byte different or the end, at each alignment. */
TEST(strcmp_all_alignments)
{
	char a[64], b[64];

	for (unsigned int n = 0; n < 24; n++)
		for (unsigned int at = 0; at < 64; at++) {
			char *x = a + at % 8, *y = b + at / 8;

			fill((unsigned char *)a, sizeof(a));
			fill((unsigned char *)b, sizeof(b));
			memset(x, 0x80, n);
			memset(y, 0x80, n);
			x[n] = y[n] = 0;
			CHECK_EQ(our_strcmp(x, y), 0);
			for (unsigned int i = 0; i <= n; i++) {
				y[i] ^= 0x81;
				CHECK_EQ(sign(our_strcmp(x, y)),
					 sign(strcmp(x, y)));
				y[i] ^= 0x81;
			}
		}
}

/* Nothing is read of the page behind the one that a string ends on. */
TEST(end_of_a_page)
{
	const long page = sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *end = p + page, other[] = "abcdefghijklmnopqrstuvwxyz";

	CHECK(p != MAP_FAILED);
	CHECK_EQ(mprotect(end, (size_t)page, PROT_NONE), 0);
	for (size_t n = 0; n < sizeof(other); n++) {
		char *s = end - n - 1;

		memcpy(s, other, n);
		s[n] = '\0';
		CHECK_EQ(our_strlen(s), n);
		CHECK(our_strcmp(s, other) == (n < 26 ? -other[n] : 0));
		CHECK(our_strcmp(other, s) == (n < 26 ? other[n] : 0));
	}
	munmap(p, 2 * (size_t)page);
}

TEST(strings)
{
	char bounded[3] = {'x', 'y', 'z'};

	CHECK_EQ(our_strlen(""), 0);
	CHECK_EQ(our_strlen("hold"), 4);
	CHECK_EQ(our_strnlen(bounded, 3), 3);
	CHECK_EQ(our_strnlen("ab", 3), 2);
	CHECK_EQ(our_strnlen("ab", 1), 1);
	CHECK(our_strcmp("", "") == 0);
	CHECK(our_strcmp("abc", "abc") == 0);
	CHECK(our_strcmp("abc", "abd") < 0);
	CHECK(our_strcmp("abc", "ab") > 0);
	CHECK(our_strcmp("ab", "abc") < 0);
	CHECK(our_strcmp("\xff", "\x01") > 0);
	CHECK(our_strncmp("abc", "abd", 2) == 0);
	CHECK(our_strncmp("abc", "abd", 3) < 0);
	CHECK(our_strncmp("ab", "ab", 9) == 0);
	CHECK(our_strncmp("ab", "a", 9) > 0);
	CHECK(our_strncmp("\xff", "\x01", 1) > 0);
	CHECK(our_strncmp("a", "b", 0) == 0);
	CHECK_STR(our_strchr("vm0:x", ':'), ":x");
	CHECK_STR(our_strchr("vm0", '\0'), "");
	CHECK(our_strchr("vm0", ':') == NULL);
}
