/* SPDX-License-Identifier: BSD-3-Clause */
/* src/log.c: formats, early lines, and how boot stops. */
#include <limits.h>
#include <stdio.h>

#include "unit.h"
#include "fake.h"
#include "log.h"

static char out[64];

#define CHECK_FORMAT(expected, ...)                                            \
	do {                                                                   \
		size_t unit_length = log_print(out, sizeof(out), __VA_ARGS__); \
		CHECK_STR(out, expected);                                      \
		CHECK_EQ(unit_length, strlen(expected));                       \
	} while (0)

/* First, while nothing has been said: lines wait for the console. */
TEST(early_lines)
{
	fake_reset();
	log_init();
	log_line("one %u", 1u);
	log_line("two");
	CHECK_STR(fake.output, "");
	log_console_ready();
	CHECK_STR(fake.output, "holdfast: one 1\r\nholdfast: two\r\n");
	fake_clear_output();
	log_line("three");
	CHECK_STR(fake.output, "holdfast: three\r\n");
}

TEST(plain)
{
	CHECK_FORMAT("", "%s", "");
	CHECK_FORMAT("abc", "abc");
	CHECK_FORMAT("100%", "100%%");
	CHECK_FORMAT("a%b%", "a%%b%%");
}

TEST(strings)
{
	const char *volatile none = NULL;

	CHECK_FORMAT("<abc>", "<%s>", "abc");
	CHECK_FORMAT("<abc  >", "<%5s>", "abc");
	CHECK_FORMAT("<abc>", "<%2s>", "abc");
	CHECK_FORMAT("<(none)>", "<%s>", none);
	CHECK_FORMAT("<x>", "<%c>", 'x');
}

TEST(signed_numbers)
{
	CHECK_FORMAT("0 1 -1", "%d %d %d", 0, 1, -1);
	CHECK_FORMAT("2147483647", "%d", INT_MAX);
	CHECK_FORMAT("-2147483648", "%d", INT_MIN);
	CHECK_FORMAT("-9223372036854775808", "%ld", LONG_MIN);
	CHECK_FORMAT("9223372036854775807", "%lld", LLONG_MAX);
	CHECK_FORMAT("<   -5>", "<%5d>", -5);
	CHECK_FORMAT("<-0005>", "<%05d>", -5);
	CHECK_FORMAT("<00005>", "<%05d>", 5);
	CHECK_FORMAT("-12345", "%3d", -12345);
}

TEST(unsigned_numbers)
{
	CHECK_FORMAT("0 4294967295", "%u %u", 0u, UINT_MAX);
	CHECK_FORMAT("18446744073709551615", "%lu", ULONG_MAX);
	CHECK_FORMAT("18446744073709551615", "%llu", ULLONG_MAX);
	CHECK_FORMAT("18446744073709551615", "%zu", SIZE_MAX);
	CHECK_FORMAT("ffffffffffffffff", "%lx", ULONG_MAX);
	CHECK_FORMAT("8000000000000000", "%llx", 1ull << 63);
	CHECK_FORMAT("deadbeef", "%x", 0xdeadbeefu);
	CHECK_FORMAT("0", "%lx", 0ul);
	CHECK_FORMAT("0x0000000000001000", "0x%016lx", 0x1000ul);
	CHECK_FORMAT("<   ff>", "<%5x>", 0xffu);
	/* 32 bits of an argument are not taken from its neighbour. */
	CHECK_FORMAT("1 2 3", "%x %lu %d", 1u, 2ul, 3);
}

/* An unknown conversion ends the text, instead of taking wrong arguments. */
TEST(unknown_conversion)
{
	const char *volatile format = "ab%qcd";
	const char *volatile end = "ab%";

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
	CHECK_FORMAT("ab", format);
	CHECK_FORMAT("ab", end);
#pragma GCC diagnostic pop
}

/* Every size of buffer: cut off, terminated, nothing behind it touched. */
TEST(cut_off)
{
	for (size_t size = 1; size < 16; size++) {
		char *copy = unit_copy(out, size);
		size_t length = log_print(copy, size, "ab%dcd%s", -12, "xyz");
		size_t expected = size - 1 < 10 ? size - 1 : 10;

		CHECK_EQ(length, expected);
		CHECK(memcmp(copy, "ab-12cdxyz", expected) == 0);
		CHECK_EQ(copy[expected], 0);
	}
}

TEST(long_line)
{
	char text[400];

	fake_reset();
	memset(text, 'x', sizeof(text));
	text[399] = '\0';
	log_line("%s", text);
	CHECK_EQ(strlen(fake.output), strlen("holdfast: \r\n") + 255);
	CHECK_STR(fake.output + fake.output_length - 2, "\r\n");
}

TEST(newlines)
{
	fake_reset();
	log_line("a\nb");
	CHECK_STR(fake.output, "holdfast: a\r\nb\r\n");
}

/* A board's tree that has moved is read again: nothing is printed twice. */
TEST(ready_again)
{
	fake_reset();
	log_init();
	log_line("a");
	log_console_ready();
	CHECK_STR(fake.output, "holdfast: a\r\n");
}

TEST(panic_line)
{
	fake_reset();
	log_panic_line("x%d", 5);
	CHECK_STR(fake.output, "holdfast: x5\r\n");
}

/* The last bytes are kept, wherever in the ring a line ends. */
TEST(kept)
{
	static char all[16384], part[LOG_KEPT];
	size_t length = 0, kept;

	fake_reset();
	log_init();
	for (uint64_t n = 1; n != 0; n *= 3) {
		length += (size_t)sprintf(all + length, "holdfast: %lu\n", n);
		log_line("%lu", n);
		kept = length < LOG_KEPT ? length : LOG_KEPT;
		memset(part, 0, sizeof(part));
		CHECK_EQ(log_read(length - kept, part, LOG_KEPT), length);
		CHECK(memcmp(part, all + length - kept, kept) == 0);
		/* What is no more, or not yet, is the oldest that is. */
		CHECK_EQ(log_read(length + 1, part, 1), length - kept + 1);
		if (length > sizeof(all) - 64)
			break;
	}
	CHECK(length > 3 * LOG_KEPT);
}

/* A fault in the middle of a line, with the console's lock held. */
static void fault_at_bang(char c)
{
	if (c != '!')
		return;
	fake.put = NULL;
	log_panic_line("x%d", 5);
}

TEST(panic_line_within_a_line)
{
	fake_reset();
	fake.put = fault_at_bang;
	log_line("a!b");
	CHECK_STR(fake.output, "holdfast: aholdfast: x5\r\n!b\r\n");
}

static void stop_boot(void)
{
	boot_stop("ramdisk: %s", "bad");
}

TEST(stop)
{
	fake_reset();
	CHECK_EQ(fake_run(stop_boot), FAKE_HALTED);
	CHECK(fake_printed("holdfast: ramdisk: bad\r\n"));
	CHECK(fake_printed("boot stopped, nothing was started\r\n"));
}

/* --- lines that VMs cause --- */

static unsigned int count_text(const char *text)
{
	const char *at = fake.output;
	unsigned int n = 0;

	while ((at = strstr(at, text)) != NULL) {
		n++;
		at++;
	}
	return n;
}

/* A flood of one VM: its burst, then a line a second; nobody else's is lost. */
TEST(flood)
{
	struct log_limit noisy = {0}, quiet = {0};

	fake_clear_output();
	for (unsigned int i = 0; i < 1000000; i++) {
		log_guest(&noisy, "noise");
		if (i % 100000 == 0) {
			log_line("own");
			log_guest(&quiet, "quiet");
		}
	}
	CHECK_EQ(count_text("noise"), LOG_BURST);
	CHECK_EQ(count_text("own"), 10);
	CHECK_EQ(count_text("quiet"), 10);
	CHECK_EQ(count_text("left out"), 0);

	fake_clear_output();
	fake.seconds += 2;
	for (unsigned int i = 0; i < 5; i++)
		log_guest(&noisy, "noise");
	CHECK_STR(fake.output,
		  "holdfast: (999984 lines left out)\r\nholdfast: noise\r\n"
		  "holdfast: noise\r\n");
	fake_clear_output();
	fake.seconds += 1000000;
	for (unsigned int i = 0; i < 1000; i++)
		log_guest(&noisy, "noise");
	CHECK_EQ(count_text("noise"), LOG_BURST);
	CHECK_EQ(count_text("(3 lines left out)"), 1);
}

/* A panic line comes whole and on a line of its own, whoever has the lock. */
TEST(panic_begins)
{
	fake_clear_output();
	log_panic_begin();
	log_panic_line("end");
	CHECK_STR(fake.output, "\r\nholdfast: end\r\n");
	/* Once more: the lock is not given back, and does not block. */
	log_panic_begin();
	log_panic_line("end");
	CHECK_EQ(count_text("end"), 2);
}
