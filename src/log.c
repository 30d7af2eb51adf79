/* SPDX-License-Identifier: BSD-3-Clause */
#include "log.h"

#include <stdint.h>

#include "arch.h"
#include "ring.h"
#include "spinlock.h"
#include "string.h"

#define LINE_SIZE 256
#define PREFIX "holdfast: "

static struct spinlock console_lock;

/* The end of the log, all lines of which but the first are whole. */
static char kept_text[LOG_KEPT];
static struct ring kept; /* console's lock; log_init() and boot without it */
static bool console_works;

/* Output that is counted whole but kept only as far as it fits. */
struct sink {
	char *out;
	size_t size;
	size_t length;
};

static void put(struct sink *s, char c)
{
	if (s->length + 1 < s->size)
		s->out[s->length++] = c;
}

static void put_number(struct sink *s, uint64_t value, unsigned int base,
		       bool negative, unsigned int width, char pad)
{
	char digits[24];
	unsigned int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	if (negative && pad == '0')
		put(s, '-');
	for (unsigned int i = n + negative; i < width; i++)
		put(s, pad);
	if (negative && pad != '0')
		put(s, '-');
	while (n)
		put(s, digits[--n]);
}

static void put_string(struct sink *s, const char *text, unsigned int width)
{
	size_t length;

	if (!text)
		text = "(none)";
	length = strlen(text);
	while (*text)
		put(s, *text++);
	for (; length < width; length++)
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

static void put_signed(struct sink *s, const struct conversion *c,
		       va_list *args)
{
	int64_t n = c->longs ? va_arg(*args, int64_t) : va_arg(*args, int);
	uint64_t magnitude = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;

	put_number(s, magnitude, 10, n < 0, c->width, c->pad);
}

static void put_unsigned(struct sink *s, const struct conversion *c,
			 va_list *args, unsigned int base)
{
	uint64_t n = c->longs ? va_arg(*args, uint64_t)
			      : va_arg(*args, unsigned int);

	put_number(s, n, base, false, c->width, c->pad);
}

size_t log_format(char *out, size_t size, const char *format, va_list list)
{
	struct sink s = {.out = out, .size = size};
	struct conversion c;
	va_list args;

	va_copy(args, list);
	for (const char *f = format; *f; f++) {
		if (*f != '%') {
			put(&s, *f);
			continue;
		}
		f = read_conversion(f + 1, &c);
		if (*f == 's')
			put_string(&s, va_arg(args, const char *), c.width);
		else if (*f == 'c')
			put(&s, (char)va_arg(args, int));
		else if (*f == 'd')
			put_signed(&s, &c, &args);
		else if (*f == 'u')
			put_unsigned(&s, &c, &args, 10);
		else if (*f == 'x')
			put_unsigned(&s, &c, &args, 16);
		else if (*f == '%')
			put(&s, '%');
		else
			break;
	}
	va_end(args);
	s.out[s.length] = '\0';
	return s.length;
}

size_t log_print(char *out, size_t size, const char *format, ...)
{
	va_list args;
	size_t length;

	va_start(args, format);
	length = log_format(out, size, format, args);
	va_end(args);
	return length;
}

static void console_text(const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			arch_console_put('\r');
		arch_console_put(*text);
	}
}

/* Part of a line of the log. */
static void log_text(const char *text)
{
	struct ring r;

	if (console_works)
		console_text(text);
	/* Not before log_init(): what fails so early is only printed. */
	if (!kept.size)
		return;
	r = kept;
	for (; *text; text++)
		ring_put(&r, *text);
	kept = r;
}

BOOT_ONLY void log_console_ready(void)
{
	char text[2] = "";

	/* The board's tree is read again if it has moved. */
	if (console_works)
		return;
	console_works = true;
	for (uint64_t n = kept.begin; n != kept.end; n++) {
		text[0] = ring_at(&kept, n);
		console_text(text);
	}
}

/* Its buffer is in one place: not where its callers' frames end. */
static __attribute__((noinline)) void print_line(const char *format,
						 va_list args)
{
	char line[LINE_SIZE];

	log_format(line, sizeof(line), format, args);
	log_text(PREFIX);
	log_text(line);
	log_text("\n");
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
	print_line(format, args);
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
		print_line(format, args);
	}
	spin_unlock(&console_lock);
	va_end(args);
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
	print_line(format, args);
	va_end(args);
}

BOOT_ONLY void boot_stop(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line(format, args);
	va_end(args);
	log_panic_line("boot stopped, nothing was started");
	arch_halt();
}
