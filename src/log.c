/* SPDX-License-Identifier: BSD-3-Clause */
#include "log.h"

#include <stdint.h>

#include "arch.h"
#include "ring.h"
#include "spinlock.h"
#include "string.h"

#define LINE_SIZE 256
#define PREFIX "holdfast: "
#define PREFIX_SIZE (sizeof(PREFIX) - 1)

static struct spinlock console_lock;

/* The end of the log, all lines of which but the first are whole. */
static char kept_text[LOG_KEPT];
static struct ring kept; /* console's lock; log_init() and boot without it */
static bool console_works;

/* Output, what does not fit of which is left off. */
struct sink {
	char *at;
	char *end; /* of what it may fill; a terminator follows */
};

static void put(struct sink *s, char c)
{
	if (s->at < s->end)
		*s->at++ = c;
}

/* Puts what comes before `stop` or the text's end; where that is, if it fits.
 */
static const char *put_until(struct sink *s, const char *text, char stop)
{
	char *at = s->at, *end = s->end;

	while (at < end && *text != '\0' && *text != stop)
		*at++ = *text++;
	s->at = at;
	return text;
}

static void put_number(struct sink *s, uint64_t value, unsigned int base,
		       bool negative, unsigned int width, char pad)
{
	char digits[24];
	unsigned int n = sizeof(digits);

	digits[--n] = '\0';
	do {
		digits[--n] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	if (negative && pad == '0')
		put(s, '-');
	for (size_t i = sizeof(digits) - 1 - n + negative; i < width; i++)
		put(s, pad);
	if (negative && pad != '0')
		put(s, '-');
	put_until(s, &digits[n], '\0');
}

static void put_string(struct sink *s, const char *text, unsigned int width)
{
	const char *begin = s->at;

	put_until(s, text ? text : "(none)", '\0');
	while (s->at < s->end && (size_t)(s->at - begin) < width)
		put(s, ' ');
}

/* A conversion between '%' and its letter. */
struct conversion {
	unsigned int width;
	unsigned int longs;
	char pad;
};

static const char *read_conversion(const char *f, struct conversion *c)
{
	*c = (struct conversion){.pad = ' '};
	if (*f == '0') {
		c->pad = '0';
		f++;
	}
	for (; *f >= '0' && *f <= '9'; f++)
		c->width = c->width * 10 + (unsigned int)(*f - '0');
	for (; *f == 'l' || *f == 'z'; f++)
		c->longs++;
	return f;
}

/* Its calls are smaller than what va_arg() comes to. */
static __attribute__((noinline)) uint64_t
next_number(va_list *args, const struct conversion *c)
{
	return c->longs ? va_arg(*args, uint64_t) : va_arg(*args, unsigned int);
}

static void put_signed(struct sink *s, const struct conversion *c,
		       va_list *args)
{
	uint64_t value = next_number(args, c);
	int64_t n = c->longs ? (int64_t)value : (int32_t)value;
	uint64_t magnitude = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;

	put_number(s, magnitude, 10, n < 0, c->width, c->pad);
}

static void put_unsigned(struct sink *s, const struct conversion *c,
			 va_list *args, unsigned int base)
{
	put_number(s, next_number(args, c), base, false, c->width, c->pad);
}

size_t log_format(char *out, size_t size, const char *f, va_list *args)
{
	struct sink s = {.at = out, .end = out + size - 1};
	struct conversion c;

	for (;; f++) {
		f = put_until(&s, f, '%');
		if (*f != '%')
			break;
		f = read_conversion(f + 1, &c);
		if (*f == 's')
			put_string(&s, va_arg(*args, const char *), c.width);
		else if (*f == 'c')
			put(&s, (char)next_number(args, &c));
		else if (*f == 'd')
			put_signed(&s, &c, args);
		else if (*f == 'u')
			put_unsigned(&s, &c, args, 10);
		else if (*f == 'x')
			put_unsigned(&s, &c, args, 16);
		else if (*f == '%')
			put(&s, '%');
		else
			break;
	}
	*s.at = '\0';
	return (size_t)(s.at - out);
}

size_t log_print(char *out, size_t size, const char *format, ...)
{
	va_list args;
	size_t length;

	va_start(args, format);
	length = log_format(out, size, format, &args);
	va_end(args);
	return length;
}

/* Adds to what is kept: less than all of that. */
static void keep(const char *text, size_t size)
{
	uint64_t end = kept.end;
	size_t at = end % LOG_KEPT;
	size_t first = size < LOG_KEPT - at ? size : LOG_KEPT - at;

	memcpy(kept_text + at, text, first);
	memcpy(kept_text, text + first, size - first);
	end += size;
	if (end - kept.begin > LOG_KEPT)
		kept.begin = end - LOG_KEPT;
	kept.end = end;
}

BOOT_ONLY void log_console_ready(void)
{
	/* The board's tree is read again if it has moved. */
	if (console_works)
		return;
	console_works = true;
	for (uint64_t n = kept.begin; n != kept.end; n++)
		arch_console_write(&kept_text[n % LOG_KEPT], 1);
}

/* Its buffer is in one place: not where its callers' frames end. */
static __attribute__((noinline)) void print_line(const char *format,
						 va_list *args)
{
	char line[PREFIX_SIZE + LINE_SIZE];
	size_t size = PREFIX_SIZE;

	memcpy(line, PREFIX, PREFIX_SIZE);
	size += log_format(line + size, LINE_SIZE, format, args);
	line[size++] = '\n';
	if (console_works)
		arch_console_write(line, size);
	/* Not before log_init(): what fails so early is only printed. */
	if (kept.size)
		keep(line, size);
}

BOOT_ONLY void log_init(void)
{
	spin_init(&console_lock, LOCK_RANK_CONSOLE);
	kept = (struct ring){kept_text, LOG_KEPT, 0, 0};
}

void log_line(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	spin_lock(&console_lock);
	print_line(format, &args);
	spin_unlock(&console_lock);
	va_end(args);
}

/*
 * Whether a line of the VM may be printed now, of a burst of so many and a
 * number a second; the console lock is held.
 */
static bool may_print(struct log_limit *l, uint32_t burst, uint32_t rate)
{
	uint64_t now = arch_seconds();
	uint64_t earned = (now - l->since) * rate;

	l->since = now;
	l->spent = earned < l->spent ? l->spent - (uint32_t)earned : 0;
	if (l->spent == burst) {
		l->lost += l->lost != UINT32_MAX;
		return false;
	}
	l->spent++;
	return true;
}

static void tell_lost(struct log_limit *l)
{
	if (l->lost)
		log_panic_line("(%u lines left out)", l->lost);
	l->lost = 0;
}

void log_guest(struct log_limit *limit, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	spin_lock(&console_lock);
	if (may_print(limit, LOG_BURST, 1)) {
		tell_lost(limit);
		print_line(format, &args);
	}
	spin_unlock(&console_lock);
	va_end(args);
}

static void console_text(const char *text)
{
	arch_console_write(text, strlen(text));
}

void log_vm(struct log_limit *limit, const char *name, const char *text)
{
	spin_lock(&console_lock);
	if (console_works && may_print(limit, LOG_VM_BURST, LOG_VM_RATE)) {
		tell_lost(limit);
		console_text("[");
		console_text(name);
		console_text("] ");
		console_text(text);
		console_text("\n");
	}
	spin_unlock(&console_lock);
}

uint64_t log_read(uint64_t position, char *to, uint32_t size)
{
	spin_lock(&console_lock);
	/* Unsigned: what is behind the end, too. */
	if (kept.end - position > ring_used(&kept))
		position = kept.begin;
	for (; size && position != kept.end; size--)
		*to++ = ring_at(&kept, position++);
	spin_unlock(&console_lock);
	return position;
}

void log_panic_begin(void)
{
	spin_seize(&console_lock);
	if (console_works)
		console_text("\n");
}

void log_panic_line(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line(format, &args);
	va_end(args);
}

BOOT_ONLY void boot_stop(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line(format, &args);
	va_end(args);
	log_panic_line("boot stopped, nothing was started");
	arch_halt();
}
