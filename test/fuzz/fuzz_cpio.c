/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzzes src/cpio.c: what cpio_check() accepts lies inside the archive. */
#include <stdlib.h>
#include <string.h>

#include "cpio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check_file(const uint8_t *data, size_t size,
		       const struct cpio_file *file)
{
	const uint8_t *name = (const uint8_t *)file->name;
	struct cpio_file found;

	require(name > data && name < data + size);
	require(memchr(name, 0, (size_t)(data + size - name)) != NULL);
	require(file->data > name && file->data <= data + size);
	require(file->size <= (size_t)(data + size - file->data));
	require(cpio_find(data, size, file->name, &found));
	require(strcmp(found.name, file->name) == 0);
	require(found.data <= file->data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cpio_file file;
	size_t at = 0, before = 0;

	if (cpio_check(data, size) != NULL)
		return 0;
	while (cpio_next(data, size, &at, &file)) {
		require(at > before && at <= size);
		before = at;
		check_file(data, size, &file);
	}
	return 0;
}
