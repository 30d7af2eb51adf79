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
	enum console_kind kind;
	volatile char *base;
	uint32_t reg_shift; /* of a 16550's registers */
	bool wide;	    /* a 16550 with registers of 32 bits */
} console RO_AFTER_BOOT;

/* It once took no character in that time: nobody waits for it any more. */
static bool stuck;

static uint32_t read_register(uint32_t offset)
{
	volatile char *at = console.base + offset;

	return console.kind == CONSOLE_PL011 || console.wide
		       ? *(volatile uint32_t *)at
		       : *(volatile uint8_t *)at;
}

static void write_register(uint32_t offset, uint32_t value)
{
	volatile char *at = console.base + offset;

	if (console.kind == CONSOLE_PL011 || console.wide)
		*(volatile uint32_t *)at = value;
	else
		*(volatile uint8_t *)at = (uint8_t)value;
}

static bool is_ready(void)
{
	if (console.kind == CONSOLE_PL011)
		return !(read_register(PL011_FR) & PL011_FR_TXFF);
	return read_register(UART_LSR << console.reg_shift) & UART_LSR_THRE;
}

void arch_console_put(char c)
{
	uint32_t polls;

	if (console.kind == CONSOLE_NONE)
		return;
	polls = stuck ? 1 : MAX_POLLS;
	for (; polls && !is_ready(); polls--)
		cpu_relax();
	if (!polls)
		stuck = true;
	write_register(console.kind == CONSOLE_PL011 ? PL011_DR : UART_THR,
		       (uint8_t)c);
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

BOOT_ONLY bool arch_console_init(const struct fdt *fdt)
{
	fdt_node_t node = stdout_node(fdt);
	enum console_kind kind;
	uint64_t base, size;

	/* Without a word from the board, any is better than silence. */
	if (node == FDT_NO_NODE)
		node = devtree_enabled_of(fdt, KIND_PL011 | KIND_16550);
	if (node == FDT_NO_NODE ||
	    !devtree_node_reg(fdt, node, 0, &base, &size))
		return false;
	kind = uart_kind(fdt, node);
	/* What is written to a UART would end up in somebody's memory. */
	if (kind == CONSOLE_NONE || !size || !is_aligned(base, 4) ||
	    base % PAGE_SIZE > PAGE_SIZE - REGISTERS_SIZE ||
	    devtree_overlaps_memory(fdt, base, size))
		return false;
	console.reg_shift = fdt_u32(fdt, node, "reg-shift", 0) & 3;
	console.wide = fdt_u32(fdt, node, "reg-io-width", 1) == 4;
	console.base = (volatile char *)arch_map_slot(
			       SLOT_CONSOLE, paddr(align_down(base, PAGE_SIZE)),
			       MM_DEVICE_RW) +
		       base % PAGE_SIZE;
	console.kind = kind;
	/* If nothing answers there, this is told while it can be kept. */
	is_ready();
	return true;
}
