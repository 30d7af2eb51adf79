/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading "newc" cpio archives: a header of a magic number and 13 numbers in
 * eight hexadecimal digits each, the name, the data; name and data are padded
 * so that what follows is at a multiple of 4 from the archive's start.
 */
#include "cpio.h"
#include "string.h"

#define MAGIC_SIZE 6
#define DIGITS 8
#define FIELDS 13
#define HEADER_SIZE (MAGIC_SIZE + FIELDS * DIGITS)

/* Fields of the header that matter here. */
#define FIELD_MODE 1
#define FIELD_FILE_SIZE 6
#define FIELD_NAME_SIZE 11
#define FIELDS_USED \
	(1 << FIELD_MODE | 1 << FIELD_FILE_SIZE | 1 << FIELD_NAME_SIZE)

#define MODE_TYPE 0170000
#define MODE_REGULAR 0100000

#define TRAILER "TRAILER!!!"

/* One member of an archive, of whatever kind. */
struct entry {
	uint32_t mode;
	struct cpio_file file;
	size_t next; /* offset of the member after it */
	bool trailer;
};

/* The number in eight hexadecimal digits; false if they are not that. */
static bool read_hex(const char *digits, uint32_t *value)
{
	uint32_t n = 0, digit;

	for (int i = 0; i < DIGITS; i++) {
		char c = digits[i];

		if (c >= '0' && c <= '9')
			digit = (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			digit = (uint32_t)(c - 'a') + 10;
		else if (c >= 'A' && c <= 'F')
			digit = (uint32_t)(c - 'A') + 10;
		else
			return false;
		n = n << 4 | digit;
	}
	*value = n;
	return true;
}

#define COMPRESSED "it is compressed: unpack it first"

/* Why what begins at `p` is no member of a newc archive. */
static const char *explain_magic(const char *p, size_t left)
{
	static const struct {
		char magic[7];
		uint8_t length;
		const char *message;
	} known[] = {
		{"070707", 6, "it is an old (odc) cpio archive: use newc"},
		{"\xc7\x71", 2, "it is a binary cpio archive: use newc"},
		{"\x1f\x8b", 2, COMPRESSED}, /* gzip */
		{"BZh", 3, COMPRESSED},	     /* bzip2 */
		{"\xfd\x37zXZ", 5, COMPRESSED},
		{"\x28\xb5\x2f\xfd", 4, COMPRESSED}, /* zstd */
		{"\x02\x21\x4c\x18", 4, COMPRESSED}, /* lz4, legacy */
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (left >= known[i].length &&
		    memcmp(p, known[i].magic, known[i].length) == 0)
			return known[i].message;
	return NULL;
}

static const char *check_magic(const char *p, size_t left, bool first)
{
	const char *why;

	if (left >= HEADER_SIZE && (memcmp(p, "070701", MAGIC_SIZE) == 0 ||
				    memcmp(p, "070702", MAGIC_SIZE) == 0))
		return NULL;
	why = first ? explain_magic(p, left) : NULL;
	if (why != NULL)
		return why;
	if (left < HEADER_SIZE)
		return first ? "it is too short for a cpio archive"
			     : "it is cut off, or has no trailer";
	return first ? "it is not a newc cpio archive"
		     : "a file's header is broken";
}

/* Bytes from offset `at` to the next multiple of 4. */
static size_t padding(size_t at)
{
	return -at & 3;
}

/* Archivers that are given "." put "./" before each name. */
static const char *skip_dot_slash(const char *name)
{
	while (name[0] == '.' && name[1] == '/')
		name += 2;
	return name;
}

/*
 * The name is what comes before the first zero; zeroes may follow it, which
 * archivers use to align the data.
 */
static const char *read_name(struct entry *e, const char *name, size_t size)
{
	size_t length = strnlen(name, size);

	if (length == size)
		return "a file's name has no end";
	for (size_t i = length; i < size; i++)
		if (name[i] != '\0')
			return "a file's name has a zero byte in it";
	e->trailer = strcmp(name, TRAILER) == 0;
	name = skip_dot_slash(name);
	if (*name == '\0')
		return "a file has no name";
	e->file.name = name;
	return NULL;
}

/*
 * Reads the member at offset `at`, at most `size`, of the archive. Of one that
 * is `checked` the fields that are not used are not looked at.
 */
static const char *read_entry(const char *archive, size_t size, size_t at,
			      bool checked, struct entry *e)
{
	const char *error = check_magic(archive + at, size - at, at == 0);
	uint32_t field[FIELDS];
	size_t name_size;

	if (error != NULL)
		return error;
	for (unsigned int i = 0; i < FIELDS; i++)
		if (!(checked && (1u << i & FIELDS_USED) == 0) &&
		    !read_hex(archive + at + MAGIC_SIZE + i * DIGITS,
			      &field[i]))
			return "a file's header is broken";
	at += HEADER_SIZE;
	name_size = field[FIELD_NAME_SIZE];
	if (name_size > size - at)
		return "a file's name is cut off";
	error = read_name(e, archive + at, name_size);
	if (error != NULL)
		return error;
	at += name_size;
	e->mode = field[FIELD_MODE];
	e->file.size = field[FIELD_FILE_SIZE];
	if (padding(at) > size - at || e->file.size > size - at - padding(at))
		return "a file is cut off";
	at += padding(at);
	e->file.data = (const uint8_t *)archive + at;
	at += e->file.size;
	e->next = padding(at) > size - at ? size : at + padding(at);
	return NULL;
}

/* Only zeroes may follow the trailer. */
static const char *check_rest(const char *archive, size_t size, size_t at)
{
	for (; at < size; at++)
		if (archive[at] != '\0')
			return "something follows its trailer";
	return NULL;
}

const char *cpio_check(const void *archive, size_t size)
{
	struct entry e = {.trailer = false};
	const char *error;

	while (!e.trailer) {
		error = read_entry(archive, size, e.next, false, &e);
		if (error != NULL)
			return error;
	}
	if (e.file.size != 0)
		return "its trailer is broken";
	return check_rest(archive, size, e.next);
}

bool cpio_next(const void *archive, size_t size, size_t *at,
	       struct cpio_file *file)
{
	struct entry e;

	while (read_entry(archive, size, *at, true, &e) == NULL && !e.trailer) {
		*at = e.next;
		if ((e.mode & MODE_TYPE) == MODE_REGULAR) {
			*file = e.file;
			return true;
		}
	}
	return false;
}

bool cpio_find(const void *archive, size_t size, const char *name,
	       struct cpio_file *file)
{
	size_t at = 0;

	name = skip_dot_slash(name);
	while (cpio_next(archive, size, &at, file))
		if (strcmp(file->name, name) == 0)
			return true;
	memset(file, 0, sizeof(*file));
	return false;
}
