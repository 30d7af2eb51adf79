/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading a "newc" cpio archive that may be hostile. Pure functions over
 * memory that the caller owns.
 */
#ifndef CPIO_H
#define CPIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file of an archive, as it lies there. */
struct cpio_file {
	const char *name; /* terminated; a leading "./" is left off */
	const uint8_t *data;
	size_t size; /* bytes */
};

/*
 * Checks a whole archive of `size` bytes, which may be at any address: every
 * header, name and file lies inside it, and nothing but zeroes follows its
 * trailer. Returns NULL, or a message that says what is wrong ("it is ...").
 * The checksums of the "070702" kind are not looked at.
 */
const char *cpio_check(const void *archive, size_t size);

/*
 * Steps through an archive that cpio_check() accepted; *at = 0 to begin. Fills
 * *file and returns true, or returns false after the last. Only regular files
 * are shown.
 */
bool cpio_next(const void *archive, size_t size, size_t *at,
	       struct cpio_file *file);

/*
 * Finds the file called `name` in an archive that cpio_check() accepted. Of
 * several files of one name it is the first. False, with *file zeroed, if
 * there is none.
 */
bool cpio_find(const void *archive, size_t size, const char *name,
	       struct cpio_file *file);

#endif
