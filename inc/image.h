/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Kernel images: the arm64 Linux `Image` header (Linux,
 * Documentation/arm64/booting.rst), or a flat binary. A pure function.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a kernel image wants to be placed. */
struct image {
	uint64_t text_offset; /* bytes above a 2 MiB-aligned base; flat: 0 */
	uint64_t memory_size; /* bytes it needs from there, >= the file's */
	bool linux_header;    /* false: a flat binary */
};

/*
 * Reads the header of a kernel file of `size` bytes, which may be at any
 * address. A file without the header's magic number is a flat binary. Returns
 * NULL, or a message that says what is wrong (empty, big-endian, impossible
 * numbers, a compressed or ELF or EFI-only file, ...). text_offset and
 * memory_size are each below 2^48, text_offset is a multiple of 4096.
 */
const char *image_read(struct image *image, const void *file, size_t size);

#endif
