/* SPDX-License-Identifier: BSD-3-Clause */
/* src/arch/aarch64/console.c: UARTs of every kind, and one that is stuck. */
#include "regs.h"
#include "unit.h"

#include "arch_internal.h"

/* What is waited for is looked at meanwhile. */
static void look(void);
#define cpu_relax look
#include "console.c"
#undef cpu_relax

#define BASE UINT64_C(0x9000040)

static _Alignas(PAGE_SIZE) uint8_t page[PAGE_SIZE];
static uint8_t *const regs = page + BASE % PAGE_SIZE;

/* What the data register had whenever it was looked at. */
static char seen[64];
static unsigned int looks;

/* At which look the register at `status` becomes what `ready` says. */
static struct {
	unsigned int look;
	uint8_t *status, ready;
} change;

static void look(void)
{
	if (*regs)
		seen[strlen(seen)] = (char)*regs;
	*regs = 0;
	if (++looks == change.look)
		*change.status = change.ready;
}

void *arch_map_slot(unsigned int slot, paddr_t pa, unsigned int mode)
{
	CHECK_EQ(slot, SLOT_CONSOLE);
	CHECK_EQ(pa.pa, BASE - BASE % PAGE_SIZE);
	return page;
}

/* Finds a UART of that kind; its registers are 0xee but for `status`. */
static bool is_found(const char *compatible, uint32_t shift, uint32_t width,
		     unsigned int status, uint8_t value)
{
	static _Alignas(8) uint8_t tree[1024];
	const uint32_t reg[] = {0, BASE, 0, 0x40};
	struct fdt_writer w;
	struct fdt fdt;

	memset(&console, 0, sizeof(console));
	memset(seen, 0, sizeof(seen));
	memset(&change, 0, sizeof(change));
	memset(page, 0xee, sizeof(page));
	stuck = false;
	looks = 0;
	regs[status] = value;
	fdt_begin(&w, tree, sizeof(tree), 0);
	fdt_put_node(&w, "");
	fdt_put_u32(&w, "#address-cells", 2);
	fdt_put_u32(&w, "#size-cells", 2);
	fdt_put_node(&w, "uart");
	fdt_put_string(&w, "compatible", compatible);
	fdt_put_cells(&w, "reg", reg, 4);
	if (shift)
		fdt_put_u32(&w, "reg-shift", shift);
	if (width)
		fdt_put_u32(&w, "reg-io-width", width);
	fdt_put_end(&w);
	fdt_put_end(&w);
	CHECK(!unit_fdt_open(&fdt, tree, fdt_finish(&w, 0)));
	return arch_console_init(&fdt);
}

static void find(const char *compatible, uint32_t shift, uint32_t width,
		 unsigned int status, uint8_t value)
{
	CHECK(is_found(compatible, shift, width, status, value));
}

/* Every byte but those of the data register is as it was. */
static void only_data(unsigned int size, unsigned int status, uint8_t value)
{
	for (unsigned int i = 0; i < PAGE_SIZE; i++)
		if (&page[i] == &regs[status])
			CHECK_EQ(page[i], value);
		else if (&page[i] < regs || &page[i] >= regs + size)
			CHECK_EQ(page[i], 0xee);
}

TEST(none)
{
	memset(&console, 0, sizeof(console));
	arch_console_write("x", 1);
}

TEST(pl011)
{
	find("arm,pl011", 0, 0, PL011_FR, (uint8_t)~PL011_FR_TXFF);
	arch_console_write("a\xff", 2);
	CHECK_EQ(*(uint32_t *)regs, 0xff);
	arch_console_write("b", 0);
	CHECK_EQ(*(uint32_t *)regs, 0xff);
	CHECK_EQ(looks, 0);
	only_data(4, PL011_FR, (uint8_t)~PL011_FR_TXFF);
}

TEST(bytes)
{
	find("ns16550a", 0, 0, UART_LSR, UART_LSR_THRE);
	arch_console_write("ab", 2);
	CHECK_EQ(*regs, 'b');
	CHECK_EQ(looks, 0);
	only_data(1, UART_LSR, UART_LSR_THRE);
}

TEST(wide)
{
	find("snps,dw-apb-uart", 2, 4, UART_LSR << 2, UART_LSR_THRE);
	arch_console_write("ab", 2);
	CHECK_EQ(*(uint32_t *)regs, 'b');
	CHECK_EQ(looks, 0);
	only_data(4, UART_LSR << 2, UART_LSR_THRE);
}

/* Registers of 32 bits that overlap: an access would not be aligned. */
TEST(squeezed)
{
	CHECK(!is_found("ns16550a", 0, 4, UART_LSR, UART_LSR_THRE));
	CHECK(!is_found("ns16550a", 1, 4, UART_LSR << 1, UART_LSR_THRE));
	CHECK(is_found("arm,pl011", 0, 4, PL011_FR, 0));
}

static void wait(uint8_t *status, uint8_t ready)
{
	change.look = 3;
	change.status = status;
	change.ready = ready;
	*regs = 0;
	arch_console_write("xy", 2);
	CHECK_EQ(looks, 3);
	CHECK_STR(seen, "");
	CHECK_EQ(*regs, 'y');
	CHECK(!stuck);
}

TEST(waits)
{
	find("arm,pl011", 0, 0, PL011_FR, PL011_FR_TXFF);
	wait(&regs[PL011_FR], 0);
	find("ns16550", 1, 0, UART_LSR << 1, (uint8_t)~UART_LSR_THRE);
	wait(&regs[UART_LSR << 1], UART_LSR_THRE);
}

/* Waited for once, then never again; what it is given is all there. */
TEST(takes_nothing)
{
	find("arm,pl011", 0, 0, PL011_FR, PL011_FR_TXFF);
	*regs = 0;
	arch_console_write("x", 1);
	CHECK_EQ(looks, MAX_POLLS);
	CHECK(stuck);
	arch_console_write("a\nb", 3);
	CHECK_EQ(looks, MAX_POLLS + 4);
	CHECK_STR(seen, "xa\r\n");
	CHECK_EQ(*regs, 'b');
}
