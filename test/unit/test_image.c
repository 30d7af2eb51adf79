/* SPDX-License-Identifier: BSD-3-Clause */
/* src/image.c: kernel images good, old, flat, and not fit to run. */
#include "unit.h"
#include "image.h"

#define SIZE 4096

static uint8_t file[SIZE + 1];

static void put64(size_t at, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		file[at + i] = (uint8_t)(value >> (8 * i));
}

/* A little-endian kernel with the given numbers in its header. */
static void make(uint64_t text_offset, uint64_t image_size, uint64_t flags)
{
	memset(file, 0, sizeof(file));
	memcpy(file, "MZ", 2);
	put64(8, text_offset);
	put64(16, image_size);
	put64(24, flags);
	memcpy(file + 56, "ARM\x64", 4);
}

/* Reads a copy of the first `size` bytes, at an odd address. */
static const char *read(struct image *image, size_t size)
{
	uint8_t *copy = unit_copy(file, size + 1);

	memmove(copy + 1, file, size);
	return image_read(image, copy + 1, size);
}

TEST(linux_image)
{
	struct image image;

	make(0, 0x2000000, 0xa);
	CHECK_STR(read(&image, SIZE), NULL);
	CHECK(image.linux_header);
	CHECK_EQ(image.text_offset, 0);
	CHECK_EQ(image.memory_size, 0x2000000);
}

TEST(text_offset_is_honoured)
{
	struct image image;

	make(0x81000, 0x10000, 0);
	CHECK_STR(read(&image, SIZE), NULL);
	CHECK_EQ(image.text_offset, 0x81000);
	CHECK_EQ(image.memory_size, 0x10000);
}

TEST(text_offset_not_of_a_page)
{
	struct image image;

	make(0x80800, 0x10000, 0);
	CHECK_STR(read(&image, SIZE),
		  "its header's text_offset is no multiple of 4096");
}

TEST(old_image_without_size)
{
	struct image image;

	make(0x1000, 0, 0);
	CHECK_STR(read(&image, SIZE), NULL);
	CHECK_EQ(image.text_offset, 0x80000);
	CHECK_EQ(image.memory_size, SIZE + (16 << 20));
}

/* A signature behind the image makes the file the larger. */
TEST(file_larger_than_image)
{
	struct image image;

	make(0, SIZE - 1, 0);
	CHECK_STR(read(&image, SIZE), NULL);
	CHECK_EQ(image.memory_size, SIZE);
}

TEST(impossible_numbers)
{
	struct image image;
	uint64_t limit = UINT64_C(1) << 48;

	for (uint64_t n = limit; n != 0; n <<= 1) {
		make(n, SIZE, 0);
		CHECK_STR(read(&image, SIZE),
			  "its header's text_offset is too large");
		make(0, n, 0);
		CHECK_STR(read(&image, SIZE),
			  "its header's image_size is too large");
	}
	make(limit - 4096, limit - 1, 0);
	CHECK_STR(read(&image, SIZE), NULL);
}

TEST(big_endian)
{
	struct image image;

	make(0, SIZE, 1);
	CHECK_STR(read(&image, SIZE), "it is a big-endian kernel");
}

/* Any page size, any placement. */
TEST(other_flags)
{
	struct image image;

	for (uint64_t flags = 0; flags < 16; flags += 2) {
		make(0, SIZE, flags);
		CHECK_STR(read(&image, SIZE), NULL);
	}
}

TEST(flat_binary)
{
	struct image image;

	memset(file, 0x1f, sizeof(file));
	for (size_t size = 1; size < 70; size++) {
		CHECK_STR(read(&image, size), NULL);
		CHECK(!image.linux_header);
		CHECK_EQ(image.text_offset, 0);
		CHECK_EQ(image.memory_size, size);
	}
}

/* With less than a header, the magic number alone makes no Image. */
TEST(header_cut_off)
{
	struct image image;

	make(0, SIZE, 0);
	file[0] = 0;
	for (size_t size = 1; size < 64; size++) {
		CHECK_STR(read(&image, size), NULL);
		CHECK(!image.linux_header);
	}
	CHECK_STR(read(&image, 64), NULL);
	CHECK(image.linux_header);
}

TEST(empty)
{
	struct image image;

	CHECK_STR(image_read(&image, file, 0), "it is empty");
}

TEST(wrong_formats)
{
	static const struct {
		size_t offset, length;
		const char *magic, *message;
	} wrong[] = {
		{0, 3, "\x1f\x8b\x08", "it is compressed: unpack it first"},
		{0, 3, "BZh", "it is compressed: unpack it first"},
		{0, 6, "\xfd\x37zXZ\0", "it is compressed: unpack it first"},
		{0, 4, "\x28\xb5\x2f\xfd", "it is compressed: unpack it first"},
		{0, 4, "\x02\x21\x4c\x18", "it is compressed: unpack it first"},
		{0, 4, "\x04\x22\x4d\x18", "it is compressed: unpack it first"},
		{0, 6, "\x89LZO\0\r", "it is compressed: unpack it first"},
		{4, 4, "zimg", "it is compressed: unpack it first"},
		{0, 4, "\x7f\x45LF", "it is ELF: run objcopy -O binary first"},
		{0, 4, "\x27\x05\x19\x56", "it is a U-Boot uImage: unpack it"},
		{0, 4, "\xd0\x0d\xfe\xed", "it is a device tree or FIT image"},
		{0, 2, "MZ", "it is an EFI program without an Image header"},
	};
	struct image image;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		size_t end = wrong[i].offset + wrong[i].length;

		memset(file, 0, sizeof(file));
		memcpy(file + wrong[i].offset, wrong[i].magic, wrong[i].length);
		CHECK_STR(read(&image, SIZE), wrong[i].message);
		CHECK_STR(read(&image, end), wrong[i].message);
		CHECK_STR(read(&image, end - 1), NULL);
		file[end - 1] ^= 1;
		CHECK_STR(read(&image, SIZE), NULL);
	}
}
