/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The arm64 Linux `Image` header (Linux, Documentation/arm64/booting.rst),
 * little-endian:
 *   0 code, 8 text_offset, 16 image_size, 24 flags, 32 reserved,
 *   56 magic number "ARM\x64", 60 reserved (offset of the PE header)
 */
#include "image.h"
#include "string.h"

#define HEADER_SIZE 64
#define OFFSET_TEXT_OFFSET 8
#define OFFSET_IMAGE_SIZE 16
#define OFFSET_FLAGS 24
#define OFFSET_MAGIC 56

#define FLAG_BIG_ENDIAN 1

/* A kernel begins at a page. */
#define TEXT_ALIGNMENT 4096

/* No address space is larger: keeps sums of the two from wrapping. */
#define SIZE_LIMIT (UINT64_C(1) << 48)

/*
 * Kernels before 3.17 have image_size 0 and leave out how much they need for
 * their uninitialised data; 16 MiB was plenty for them.
 */
#define OLD_TEXT_OFFSET 0x80000
#define OLD_SLACK (16u << 20)

/* The 64-bit number at `p`, little-endian; the file may lie anywhere. */
static uint64_t le64(const uint8_t *p)
{
	uint64_t n = 0;

	for (int i = 7; i >= 0; i--)
		n = n << 8 | p[i];
	return n;
}

#define COMPRESSED "it is compressed: unpack it first"

/*
 * Formats that people hand over by mistake and that would only hang as a flat
 * binary. None of these bytes is a likely first instruction.
 */
static const char *find_wrong_format(const uint8_t *file, size_t size)
{
	static const struct {
		uint8_t offset;
		uint8_t length;
		char magic[7];
		const char *message;
	} known[] = {
		{4, 4, "zimg", COMPRESSED},	    /* Linux EFI zboot */
		{0, 3, "\x1f\x8b\x08", COMPRESSED}, /* gzip */
		{0, 3, "BZh", COMPRESSED},	    /* bzip2 */
		{0, 6, "\xfd\x37zXZ", COMPRESSED},
		{0, 4, "\x28\xb5\x2f\xfd", COMPRESSED}, /* zstd */
		{0, 4, "\x02\x21\x4c\x18", COMPRESSED}, /* lz4, legacy */
		{0, 4, "\x04\x22\x4d\x18", COMPRESSED}, /* lz4 */
		{0, 6, "\x89LZO\0\r", COMPRESSED},
		{0, 4, "\x7f\x45LF", "it is ELF: run objcopy -O binary first"},
		{0, 4, "\x27\x05\x19\x56", "it is a U-Boot uImage: unpack it"},
		{0, 4, "\xd0\x0d\xfe\xed", "it is a device tree or FIT image"},
		{0, 2, "MZ", "it is an EFI program without an Image header"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (size >= (size_t)known[i].offset + known[i].length &&
		    memcmp(file + known[i].offset, known[i].magic,
			   known[i].length) == 0)
			return known[i].message;
	return NULL;
}

static const char *read_header(struct image *image, const uint8_t *file,
			       size_t size)
{
	uint64_t text_offset = le64(file + OFFSET_TEXT_OFFSET);
	uint64_t image_size = le64(file + OFFSET_IMAGE_SIZE);

	if ((le64(file + OFFSET_FLAGS) & FLAG_BIG_ENDIAN) != 0)
		return "it is a big-endian kernel";
	if (image_size == 0) {
		text_offset = OLD_TEXT_OFFSET;
		image_size = (uint64_t)size + OLD_SLACK;
	}
	if (text_offset % TEXT_ALIGNMENT != 0)
		return "its header's text_offset is no multiple of 4096";
	if (text_offset >= SIZE_LIMIT)
		return "its header's text_offset is too large";
	if (image_size >= SIZE_LIMIT)
		return "its header's image_size is too large";
	/* A file may carry more than the image: a signature, for example. */
	if (image_size < size)
		image_size = size;
	image->text_offset = text_offset;
	image->memory_size = image_size;
	image->linux_header = true;
	return NULL;
}

const char *image_read(struct image *image, const void *file, size_t size)
{
	const uint8_t *bytes = file;

	memset(image, 0, sizeof(*image));
	if (size == 0)
		return "it is empty";
	if (size >= HEADER_SIZE &&
	    memcmp(bytes + OFFSET_MAGIC, "ARM\x64", 4) == 0)
		return read_header(image, bytes, size);
	image->memory_size = size;
	return find_wrong_format(bytes, size);
}
