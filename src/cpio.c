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

/* Eight characters at any address, the first in the highest byte. */
static uint64_t load(const char *p)
{
	uint64_t word;

	__builtin_memcpy(&word, p, sizeof(word));
	return __builtin_bswap64(word);
}

/* A byte in each of a word's. */
#define EACH(byte) ((byte)*UINT64_C(0x0101010101010101))

/* What each digit of a number in eight hexadecimal ones is, in a byte. */
static uint64_t read_digits(uint64_t text)
{
	uint64_t letters = text >> 6 & EACH(1);

	return (text & EACH(0xf)) + letters * 9;
}

/* Whether eight characters are hexadecimal digits: what is read is the same. */
static bool is_hex(uint64_t text)
{
	uint64_t n = read_digits(text);
	uint64_t letters = (n + EACH(6)) >> 4 & EACH(1);
	uint64_t lower = n + EACH('0') + letters * ('a' - '0' - 10);

	return (n & EACH(0x10)) == 0 && (text | letters << 5) == lower;
}

/* The number that a field of the header at `p` is. */
static uint32_t read_field(const char *p, unsigned int field)
{
	uint64_t n = read_digits(load(p + MAGIC_SIZE + field * DIGITS));

	n = (n | n >> 4) & UINT64_C(0x00ff00ff00ff00ff);
	n = (n | n >> 8) & UINT64_C(0x0000ffff0000ffff);
	return (uint32_t)(n | n >> 16);
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

/* Whether six characters are "070701" or "070702". */
static bool is_magic(uint64_t text)
{
	return text == UINT64_C(0x303730373031) ||
	       text == UINT64_C(0x303730373032);
}

static const char *check_magic(const char *p, size_t left, bool first)
{
	const char *why;

	if (left >= HEADER_SIZE && is_magic(load(p) >> 16))
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

static const char *check_header(const char *p, size_t left, bool first)
{
	const char *error = check_magic(p, left, first);

	if (error != NULL)
		return error;
	for (unsigned int i = 0; i < FIELDS; i++)
		if (!is_hex(load(p + MAGIC_SIZE + i * DIGITS)))
			return "a file's header is broken";
	return NULL;
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
static const char *check_name(const char *name, size_t size)
{
	size_t length = strnlen(name, size);

	if (length == size)
		return "a file's name has no end";
	for (size_t i = length; i < size; i++)
		if (name[i] != '\0')
			return "a file's name has a zero byte in it";
	if (*skip_dot_slash(name) == '\0')
		return "a file has no name";
	return NULL;
}

/*
 * Reads the member at offset `at`, at most `size`, of the archive. Header and
 * name of one that is `checked` are right.
 */
static const char *read_entry(const char *archive, size_t size, size_t at,
			      bool checked, struct entry *e)
{
	const char *p = archive + at, *name = p + HEADER_SIZE;
	const char *error = checked ? NULL : check_header(p, size - at, !at);
	size_t name_size;

	if (error != NULL)
		return error;
	at += HEADER_SIZE;
	name_size = read_field(p, FIELD_NAME_SIZE);
	if (name_size > size - at)
		return "a file's name is cut off";
	error = checked ? NULL : check_name(name, name_size);
	if (error != NULL)
		return error;
	e->trailer = strcmp(name, TRAILER) == 0;
	e->file.name = skip_dot_slash(name);
	at += name_size;
	e->mode = read_field(p, FIELD_MODE);
	e->file.size = read_field(p, FIELD_FILE_SIZE);
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
