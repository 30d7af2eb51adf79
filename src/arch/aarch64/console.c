/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The board's console, output only and polled: a PL011 (DDI 0183) or a 16550,
 * the one that /chosen/stdout-path names. The loader has set it up.
 */
#include "arch_internal.h"
#include "devtree.h"
#include "string.h"

#define PL011_DR 0x00
#define PL011_FR 0x18
#define PL011_FR_TXFF BIT(5)

#define UART_THR 0
#define UART_LSR 5
#define UART_LSR_THRE BIT(5)

/* The registers above, of any kind, lie within so many bytes and one page. */
#define REGISTERS_SIZE 64

/* How long a character waits for a console that does not take it. */
#define MAX_POLLS 1000000

enum console_kind { CONSOLE_NONE = 0, CONSOLE_PL011, CONSOLE_16550 };

static struct {
	volatile char *data; /* NULL without a console */
	volatile char *status;
	uint32_t busy;	 /* the bit of the status that is set while it is... */
	uint32_t invert; /* ...or clear, with that bit here */
	bool wide;	 /* a register has 32 bits, or 8 */
	volatile uint32_t *pl011; /* all registers, if it is one */
} console RO_AFTER_BOOT;

/* It once took no character in that time: nobody waits for it any more. */
static bool stuck;

static bool is_busy(void)
{
	uint32_t status = console.wide ? *(volatile uint32_t *)console.status
				       : *(volatile uint8_t *)console.status;

	return (status ^ console.invert) & console.busy;
}

static __attribute__((noinline)) void put(char c)
{
	uint32_t polls = stuck ? 1 : MAX_POLLS;

	for (; polls && is_busy(); polls--)
		cpu_relax();
	if (!polls)
		stuck = true;
	if (console.wide)
		*(volatile uint32_t *)console.data = (uint8_t)c;
	else
		*(volatile uint8_t *)console.data = (uint8_t)c;
}

void arch_console_write(const char *text, size_t size)
{
	volatile uint32_t *pl011 = console.pl011;

	if (!console.data)
		return;
	for (; size; size--, text++) {
		if (*text == '\n')
			put('\r');
		/* Most characters of most boards. */
		if (pl011 && !(pl011[PL011_FR / 4] & PL011_FR_TXFF))
			pl011[PL011_DR / 4] = (uint8_t)*text;
		else
			put(*text);
	}
}

static BOOT_ONLY enum console_kind uart_kind(const struct fdt *fdt,
					     fdt_node_t node)
{
	uint32_t kinds = devtree_kinds(fdt, node);

	if (kinds & KIND_PL011)
		return CONSOLE_PL011;
	return kinds & KIND_16550 ? CONSOLE_16550 : CONSOLE_NONE;
}

/* The node of /chosen/stdout-path. */
static BOOT_ONLY fdt_node_t stdout_node(const struct fdt *fdt)
{
	fdt_node_t chosen = fdt_path(fdt, "/chosen");
	struct fdt_prop p;
	const char *path;

	if (chosen == FDT_NO_NODE || !fdt_prop(fdt, chosen, "stdout-path", &p))
		return FDT_NO_NODE;
	path = fdt_string(&p);
	return path ? fdt_path(fdt, path) : FDT_NO_NODE;
}

static BOOT_ONLY void use_pl011(volatile char *at)
{
	console.pl011 = (volatile uint32_t *)at;
	console.data = at + PL011_DR;
	console.status = at + PL011_FR;
	console.busy = PL011_FR_TXFF;
	console.wide = true;
}

static BOOT_ONLY void use_16550(volatile char *at, const struct fdt *fdt,
				fdt_node_t node)
{
	uint32_t shift = fdt_u32(fdt, node, "reg-shift", 0) & 3;

	console.data = at + UART_THR;
	console.status = at + (UART_LSR << shift);
	console.busy = UART_LSR_THRE;
	console.invert = UART_LSR_THRE;
	console.wide = fdt_u32(fdt, node, "reg-io-width", 1) == 4;
}

/* Registers of 32 bits that are less than that apart. */
static BOOT_ONLY bool is_squeezed(const struct fdt *fdt, fdt_node_t node)
{
	return fdt_u32(fdt, node, "reg-io-width", 1) == 4 &&
	       (fdt_u32(fdt, node, "reg-shift", 0) & 3) < 2;
}

BOOT_ONLY bool arch_console_init(const struct fdt *fdt)
{
	fdt_node_t node = stdout_node(fdt);
	enum console_kind kind;
	uint64_t base, size;
	volatile char *at;

	/* Without a word from the board, any is better than silence. */
	if (node == FDT_NO_NODE)
		node = devtree_enabled_of(fdt, KIND_PL011 | KIND_16550);
	if (node == FDT_NO_NODE ||
	    !devtree_node_reg(fdt, node, 0, &base, &size))
		return false;
	kind = uart_kind(fdt, node);
	/* What is written to a UART would end up in somebody's memory. */
	if (kind == CONSOLE_NONE || !size || !is_aligned(base, 4) ||
	    (kind == CONSOLE_16550 && is_squeezed(fdt, node)) ||
	    base % PAGE_SIZE > PAGE_SIZE - REGISTERS_SIZE ||
	    devtree_overlaps_memory(fdt, base, size))
		return false;
	at = (volatile char *)arch_map_slot(SLOT_CONSOLE,
					    paddr(align_down(base, PAGE_SIZE)),
					    MM_DEVICE_RW) +
	     base % PAGE_SIZE;
	if (kind == CONSOLE_PL011)
		use_pl011(at);
	else
		use_16550(at, fdt, node);
	/* If nothing answers there, this is told while it can be kept. */
	is_busy();
	return true;
}
