/* SPDX-License-Identifier: BSD-3-Clause */
#include "console.h"
#include "dt.h"
#include "smp.h"
#include "smccc.h"
#include "string.h"
#include "sysreg.h"

#define PL011_DR 0x00
#define PL011_FR 0x18
#define PL011_FR_TXFF 0x20

#define LINE_MAX 400

static uintptr_t uart;
static struct spinlock lock;

struct out {
	char *to;
	size_t left;
};

static void put(struct out *o, char c)
{
	if (o->left < 2)
		return;
	*o->to++ = c;
	o->left--;
}

static void put_string(struct out *o, const char *s)
{
	for (; *s; s++)
		put(o, *s);
}

static void put_number(struct out *o, uint64_t v, unsigned int base)
{
	char digits[20];
	unsigned int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	while (n)
		put(o, digits[--n]);
}

static void put_signed(struct out *o, int64_t v)
{
	if (v < 0)
		put(o, '-');
	put_number(o, v < 0 ? -(uint64_t)v : (uint64_t)v, 10);
}

/* One conversion; its arguments have been fetched by vformat(). */
static void convert(struct out *o, char c, int64_t v, bool is_long)
{
	uint64_t u = is_long ? (uint64_t)v : (uint32_t)v;

	switch (c) {
	case 'c':
		put(o, (char)v);
		break;
	case 'd':
		put_signed(o, is_long ? v : (int32_t)v);
		break;
	case 'u':
		put_number(o, u, 10);
		break;
	case 'x':
		put_number(o, u, 16);
		break;
	default:
		put(o, '%');
		put(o, c);
	}
}

void vformat(char *to, size_t size, const char *f, va_list args)
{
	struct out o = {to, size};

	for (; *f; f++) {
		bool is_long = f[0] == '%' && f[1] == 'l';

		if (*f != '%') {
			put(&o, *f);
			continue;
		}
		f += is_long ? 2 : 1;
		if (*f == '%')
			put(&o, '%');
		else if (*f == 's')
			put_string(&o, va_arg(args, const char *));
		else if (is_long)
			convert(&o, *f, va_arg(args, int64_t), true);
		else
			convert(&o, *f, va_arg(args, int), false);
	}
	*o.to = 0;
}

void format(char *to, size_t size, const char *f, ...)
{
	va_list args;

	va_start(args, f);
	vformat(to, size, f, args);
	va_end(args);
}

static void uart_write(const char *s)
{
	for (; *s; s++) {
		while (read32(uart + PL011_FR) & PL011_FR_TXFF)
			;
		write32(uart + PL011_DR, (uint32_t)*s);
	}
}

void print(const char *f, ...)
{
	char line[LINE_MAX];
	va_list args;

	if (!uart)
		return;
	va_start(args, f);
	vformat(line, sizeof(line), f, args);
	va_end(args);
	spin_lock(&lock);
	uart_write(line);
	spin_unlock(&lock);
}

void panic(const char *f, ...)
{
	char line[LINE_MAX];
	va_list args;

	va_start(args, f);
	vformat(line, sizeof(line), f, args);
	va_end(args);
	/* No lock: its holder may be what failed. */
	if (uart) {
		uart_write("guest panic: ");
		uart_write(line);
		uart_write("\n");
	}
	psci_system_off();
}

void console_init(void)
{
	const uint32_t *chosen = dt_node("/chosen");
	const char *path = chosen ? dt_string(chosen, "stdout-path") : NULL;
	const uint32_t *node = path ? dt_node(path) : NULL;
	uint64_t base;

	if (node && dt_reg(node, 0, &base, NULL))
		uart = base;
}
