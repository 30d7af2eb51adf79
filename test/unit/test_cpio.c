/* SPDX-License-Identifier: BSD-3-Clause */
/* src/cpio.c: archives good and broken. */
#include <ctype.h>

#include "unit.h"
#include "cpio.h"

#define REGULAR 0100644
#define DIRECTORY 040755
#define SYMLINK 0120777

#define HEADER 110
#define FIELD(n) (6 + 8 * (n))

static char archive[8192];
static size_t length;

static void pad(void)
{
	while (length % 4 != 0)
		archive[length++] = '\0';
}

/* Adds a member whose name has `name_size` bytes, terminator included. */
static void add_raw(unsigned int mode, const char *name, size_t name_size,
		    const void *data, size_t size)
{
	length += (size_t)sprintf(archive + length,
				  "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x"
				  "%08x%08x%08zx%08x",
				  1, mode, 0, 0, 1, 0, size, 0, 0, 0, 0,
				  name_size, 0);
	memcpy(archive + length, name, name_size);
	length += name_size;
	pad();
	memcpy(archive + length, data, size);
	length += size;
	pad();
}

static void add(unsigned int mode, const char *name, const char *data)
{
	add_raw(mode, name, strlen(name) + 1, data, strlen(data));
}

static void end(void)
{
	add(0, "TRAILER!!!", "");
}

/* Two files, a directory and a symbolic link; returns where each begins. */
static void make(void)
{
	length = 0;
	add(REGULAR, "manifest.dtb", "tree");
	add(DIRECTORY, "boot", "");
	add(SYMLINK, "link", "manifest.dtb");
	add(REGULAR, "boot/kernel", "12345");
	end();
}

static const char *check(void)
{
	return cpio_check(unit_copy(archive, length), length);
}

/* Goes through what cpio_check() accepted and touches every byte. */
static unsigned int walk(const char *p, size_t size)
{
	struct cpio_file file;
	unsigned int count = 0;
	size_t at = 0;

	while (cpio_next(p, size, &at, &file)) {
		unsigned int sum = 0;

		CHECK(strlen(file.name) != 0);
		for (size_t i = 0; i < file.size; i++)
			sum += file.data[i];
		CHECK(sum + 1 != 0);
		CHECK(cpio_find(p, size, file.name, &file));
		count++;
	}
	return count;
}

TEST(finds_regular_files)
{
	struct cpio_file file;
	size_t at = 0;

	make();
	CHECK_STR(check(), NULL);
	CHECK(cpio_next(archive, length, &at, &file));
	CHECK_STR(file.name, "manifest.dtb");
	CHECK_EQ(file.size, 4);
	CHECK(memcmp(file.data, "tree", 4) == 0);
	CHECK(cpio_next(archive, length, &at, &file));
	CHECK_STR(file.name, "boot/kernel");
	CHECK_EQ(file.size, 5);
	CHECK(memcmp(file.data, "12345", 5) == 0);
	CHECK(!cpio_next(archive, length, &at, &file));
	CHECK(!cpio_next(archive, length, &at, &file));
	CHECK(cpio_find(archive, length, "boot/kernel", &file));
	CHECK(memcmp(file.data, "12345", 5) == 0);
	CHECK(!cpio_find(archive, length, "boot", &file));
	CHECK(!cpio_find(archive, length, "link", &file));
	CHECK(!cpio_find(archive, length, "TRAILER!!!", &file));
	CHECK(file.name == NULL && file.data == NULL && file.size == 0);
}

TEST(archive_of_no_files)
{
	struct cpio_file file;
	size_t at = 0;

	length = 0;
	end();
	CHECK_STR(check(), NULL);
	CHECK(!cpio_next(archive, length, &at, &file));
	CHECK(!cpio_find(archive, length, "a", &file));
}

TEST(any_address)
{
	char *copy;

	make();
	for (size_t i = 1; i < 8; i++) {
		copy = malloc(length + i);
		CHECK(copy != NULL);
		memcpy(copy + i, archive, length);
		CHECK_STR(cpio_check(copy + i, length), NULL);
		CHECK_EQ(walk(copy + i, length), 2);
		free(copy);
	}
}

TEST(crc_kind)
{
	make();
	archive[5] = '2';
	CHECK_STR(check(), NULL);
	CHECK_EQ(walk(archive, length), 2);
}

TEST(digits_of_both_cases)
{
	static const char upper[] = "0123456789ABCDEF";
	struct cpio_file file;

	for (unsigned int size = 0; size < 16; size++) {
		length = 0;
		add_raw(REGULAR, "a", 2, "0123456789abcdef", size);
		end();
		CHECK(cpio_find(archive, length, "a", &file));
		CHECK_EQ(file.size, size);
		archive[FIELD(6) + 7] = upper[size];
		CHECK_STR(check(), NULL);
		CHECK(cpio_find(archive, length, "a", &file));
		CHECK_EQ(file.size, size);
	}
}

TEST(leading_dot_slash)
{
	struct cpio_file file;

	length = 0;
	add(DIRECTORY, ".", "");
	add(REGULAR, "./a", "1");
	add(REGULAR, "././b", "2");
	add(REGULAR, ".c", "3");
	end();
	CHECK_STR(check(), NULL);
	CHECK_EQ(walk(archive, length), 3);
	CHECK(cpio_find(archive, length, "a", &file) && file.data[0] == '1');
	CHECK(cpio_find(archive, length, "./b", &file) && file.data[0] == '2');
	CHECK(cpio_find(archive, length, ".c", &file) && file.data[0] == '3');
	CHECK(!cpio_find(archive, length, "c", &file));
}

TEST(first_of_a_name_wins)
{
	struct cpio_file file;

	length = 0;
	add(REGULAR, "a", "first");
	add(REGULAR, "a", "second");
	end();
	CHECK(cpio_find(archive, length, "a", &file));
	CHECK(memcmp(file.data, "first", 5) == 0);
}

TEST(zeroes_behind_a_name)
{
	struct cpio_file file;

	length = 0;
	add_raw(REGULAR, "a\0\0\0\0\0", 6, "x", 1);
	end();
	CHECK_STR(check(), NULL);
	CHECK(cpio_find(archive, length, "a", &file) && file.data[0] == 'x');
}

TEST(padding_behind_the_trailer)
{
	make();
	memset(archive + length, 0, 512);
	length += 512;
	CHECK_STR(check(), NULL);
	CHECK_EQ(walk(archive, length), 2);
	archive[length - 1] = 'x';
	CHECK_STR(check(), "something follows its trailer");
}

TEST(two_archives)
{
	make();
	add(REGULAR, "second", "");
	end();
	CHECK_STR(check(), "something follows its trailer");
}

/* A name that ends where the archive ends. */
TEST(trailer_of_whole_cells)
{
	length = 0;
	add_raw(0, "TRAILER!!!\0\0\0", 14, "", 0);
	CHECK_EQ(length, 124);
	CHECK_STR(check(), NULL);
}

/* Whatever its mode, and zeroes behind it, the trailer is no file. */
TEST(trailer_is_no_file)
{
	length = 0;
	add(REGULAR, "TRAILER!!!", "");
	memset(archive + length, 0, 512);
	length += 512;
	CHECK_STR(check(), NULL);
	CHECK_EQ(walk(archive, length), 0);
}

TEST(trailer_with_data)
{
	length = 0;
	add(0, "TRAILER!!!", "data");
	CHECK_STR(check(), "its trailer is broken");
}

TEST(no_trailer)
{
	length = 0;
	add(REGULAR, "a", "1234");
	CHECK_STR(check(), "it is cut off, or has no trailer");
}

TEST(bad_magic)
{
	static const struct {
		size_t length;
		const char *magic, *message;
	} bad[] = {
		{6, "070707", "it is an old (odc) cpio archive: use newc"},
		{2, "\xc7\x71", "it is a binary cpio archive: use newc"},
		{2, "\x1f\x8b", "it is compressed: unpack it first"},
		{3, "BZh", "it is compressed: unpack it first"},
		{5, "\xfd\x37zXZ", "it is compressed: unpack it first"},
		{4, "\x28\xb5\x2f\xfd", "it is compressed: unpack it first"},
		{4, "\x02\x21\x4c\x18", "it is compressed: unpack it first"},
		{6, "070703", "it is not a newc cpio archive"},
		{1, "1", "it is not a newc cpio archive"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		make();
		memcpy(archive, bad[i].magic, bad[i].length);
		CHECK_STR(check(), bad[i].message);
		length = bad[i].length;
		if (i < 7)
			CHECK_STR(check(), bad[i].message);
	}
	length = 0;
	CHECK_STR(check(), "it is too short for a cpio archive");
}

TEST(bad_magic_of_a_later_file)
{
	length = 0;
	add(REGULAR, "a", "1234");
	archive[length] = '1';
	length += HEADER;
	CHECK_STR(check(), "a file's header is broken");
}

TEST(bad_digits)
{
	for (size_t at = 6; at < HEADER; at++)
		for (int c = 0; c < 256; c++) {
			if (isxdigit(c))
				continue;
			make();
			archive[at] = (char)c;
			CHECK_STR(check(), "a file's header is broken");
		}
}

/* Sets a field of the first member. */
static void set_field(unsigned int field, unsigned int value)
{
	char digits[9];

	sprintf(digits, "%08x", value);
	memcpy(archive + FIELD(field), digits, 8);
}

TEST(name_sizes)
{
	make();
	set_field(11, 0);
	CHECK_STR(check(), "a file's name has no end");
	set_field(11, 12);
	CHECK_STR(check(), "a file's name has no end");
	set_field(11, (unsigned int)(length - HEADER + 1));
	CHECK_STR(check(), "a file's name is cut off");
	set_field(11, 0xffffffff);
	CHECK_STR(check(), "a file's name is cut off");
	set_field(11, 0x7fffffff);
	CHECK_STR(check(), "a file's name is cut off");
}

TEST(file_sizes)
{
	size_t data = HEADER + 13 + 1;

	make();
	set_field(6, (unsigned int)(length - data + 1));
	CHECK_STR(check(), "a file is cut off");
	set_field(6, (unsigned int)(length - data));
	CHECK_STR(check(), "it is cut off, or has no trailer");
	set_field(6, 0xffffffff);
	CHECK_STR(check(), "a file is cut off");
	set_field(6, 0x80000000);
	CHECK_STR(check(), "a file is cut off");
}

TEST(name_of_nothing)
{
	length = 0;
	add(REGULAR, "", "1");
	CHECK_STR(check(), "a file has no name");
	length = 0;
	add(REGULAR, "./", "1");
	CHECK_STR(check(), "a file has no name");
}

TEST(zero_byte_in_a_name)
{
	length = 0;
	add_raw(REGULAR, "a\0b", 4, "", 0);
	end();
	CHECK_STR(check(), "a file's name has a zero byte in it");
}

TEST(every_cut_is_told)
{
	make();
	for (size_t cut = 0; cut < length - 2; cut++)
		CHECK(cpio_check(unit_copy(archive, cut), cut) != NULL);
	/* The last bytes only pad the trailer's name. */
	for (size_t cut = length - 1; cut <= length; cut++)
		CHECK_EQ(cpio_check(unit_copy(archive, cut), cut) == NULL,
			 cut == length);
}

/* Flips each bit; what is accepted can be walked. */
TEST(every_bit_flip_is_survived)
{
	unsigned int accepted = 0;

	make();
	for (size_t bit = 0; bit < 8 * length; bit++) {
		char *copy = unit_copy(archive, length);

		copy[bit / 8] ^= (char)(1 << (bit % 8));
		if (cpio_check(copy, length) != NULL)
			continue;
		walk(copy, length);
		accepted++;
	}
	CHECK(accepted != 0 && accepted < 8 * length);
}
