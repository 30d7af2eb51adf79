/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzzes src/image.c: sums of what it accepts do not wrap. */
#include <stdlib.h>

#include "image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image image;

	if (image_read(&image, data, size) != NULL)
		return 0;
	require(size != 0 && image.memory_size >= size);
	require(image.text_offset % 4096 == 0);
	require(image.text_offset >> 48 == 0 && image.memory_size >> 48 == 0);
	require(image.linux_header || image.text_offset == 0);
	return 0;
}
