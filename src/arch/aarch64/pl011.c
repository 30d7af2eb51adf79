/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a secondary has in the place of QEMU `virt`'s PL011 UART (DDI 0183) and
 * PL031 real-time clock (DDI 0224).
 *
 * The UART's FIFOs are the ends of longer rings (vconsole.h): a character that
 * is written is sent at once, until the ring is nearly full; then the last ones
 * stay in the FIFO. It has no modem, no errors, no loopback, and any baud rate,
 * and works without having been enabled, as images made for QEMU rely on.
 */
#include "arch_internal.h"
#include "mmio.h"
#include "vcpu.h"
#include "vdev.h"
#include "vgic.h"
#include "vm.h"

#define UART_DR 0x00
#define UART_FR 0x18
#define FR_BUSY BIT(3)
#define FR_RXFE BIT(4)
#define FR_TXFF BIT(5)
#define FR_RXFF BIT(6)
#define FR_TXFE BIT(7)
#define UART_ILPR 0x20
#define UART_IBRD 0x24
#define UART_FBRD 0x28
#define UART_LCR_H 0x2c
#define LCR_H_FEN BIT(4)
#define UART_CR 0x30
#define CR_RESET 0x300
#define UART_IFLS 0x34
#define IFLS_RESET 0x12
#define UART_IMSC 0x38
#define UART_RIS 0x3c
#define UART_MIS 0x40
#define UART_ICR 0x44
#define UART_DMACR 0x48
#define INT_RX BIT(4)
#define INT_TX BIT(5)
#define INT_RT BIT(6)

#define UART_FIFO 16

#define RTC_DR 0x00
#define RTC_CR 0x0c

#define PRIMECELL_ID 0xfe0

static struct uart *uart_of(struct vm *vm)
{
	return &vm->arch.uart;
}

/* Depth of both FIFOs; without them there is one character. */
static uint32_t fifo_depth(const struct uart *u)
{
	return u->reg[UART_LCR_H / 4] & LCR_H_FEN ? UART_FIFO : 1;
}

/* How much of the output waits in the FIFO. */
static uint32_t tx_level(const struct vm *vm)
{
	uint32_t room = ring_room(&vm->console.output);

	return room < UART_FIFO ? UART_FIFO - room : 0;
}

/* The level at which the FIFO wants more: IFLS.TXIFLSEL. */
static uint32_t tx_trigger(const struct uart *u)
{
	static const uint8_t level[8] = {2, 4, 8, 12, 14, 8, 8, 8};

	return fifo_depth(u) == 1 ? 0 : level[u->reg[UART_IFLS / 4] & 7];
}

static uint64_t flags(struct vm *vm)
{
	uint32_t depth = fifo_depth(uart_of(vm)), level = tx_level(vm);
	uint32_t input = ring_used(&vm->console.input);

	return (level ? FR_BUSY : FR_TXFE) | (level >= depth ? FR_TXFF : 0) |
	       (input ? 0 : FR_RXFE) | (input >= depth ? FR_RXFF : 0);
}

/* --- interrupts --- */

static void update_line(struct vm *vm)
{
	struct uart *u = uart_of(vm);
	bool line = u->reg[UART_RIS / 4] & u->reg[UART_IMSC / 4];

	if (line != u->line)
		vgic_set_line(vm, 32 + PL011_SPI, line);
	u->line = line;
}

static void set_raw(struct uart *u, uint64_t which, bool on)
{
	u->reg[UART_RIS / 4] = (uint16_t)(u->reg[UART_RIS / 4] & ~which) |
			       (uint16_t)(on ? which : 0);
}

/* The transmit interrupt comes when the level falls to the trigger. */
static void update_tx(struct vm *vm)
{
	struct uart *u = uart_of(vm);

	if (!u->sending)
		return;
	u->sending = tx_level(vm) > tx_trigger(u);
	set_raw(u, INT_TX, !u->sending);
}

/*
 * Input came, or was read. It comes in one go, and nothing follows it: the
 * receive time-out is over at once. As QEMU's, the receive interrupt does not
 * wait for its trigger level.
 */
static void update_rx(struct vm *vm)
{
	set_raw(uart_of(vm), INT_RX | INT_RT,
		ring_used(&vm->console.input) != 0);
}

void arch_console_changed(struct vm *vm)
{
	update_tx(vm);
	update_rx(vm);
	update_line(vm);
}

void arch_console_reset(struct vm *vm)
{
	struct uart *u = uart_of(vm);

	*u = (struct uart){.line = u->line};
	u->reg[UART_CR / 4] = CR_RESET;
	u->reg[UART_IFLS / 4] = IFLS_RESET;
	update_line(vm);
}

/* --- registers; a handler gets the vCPU that accesses one --- */

static struct vm *lock_console(void *vcpu)
{
	struct vm *vm = ((struct vcpu *)vcpu)->vm;

	spin_lock(&vm->console.lock);
	return vm;
}

static void unlock_console(struct vm *vm)
{
	update_line(vm);
	spin_unlock(&vm->console.lock);
}

static uint64_t read_data(void *vcpu, uint32_t offset)
{
	struct vm *vm = lock_console(vcpu);
	struct ring *input = &vm->console.input;
	uint64_t value = 0;

	if (ring_used(input)) {
		value = (uint8_t)ring_get(input);
		update_rx(vm);
	}
	unlock_console(vm);
	return value;
}

static void write_data(void *vcpu, uint32_t offset, uint64_t value)
{
	struct vm *vm = lock_console(vcpu);

	vconsole_put(vm, (char)value);
	uart_of(vm)->sending = true;
	update_tx(vm);
	unlock_console(vm);
}

static uint64_t read_flags(void *vcpu, uint32_t offset)
{
	struct vm *vm = lock_console(vcpu);
	uint64_t value = flags(vm);

	if (value & FR_TXFF)
		vconsole_want_room(vm);
	unlock_console(vm);
	return value;
}

static uint64_t read_kept(void *vcpu, uint32_t offset)
{
	struct vm *vm = lock_console(vcpu);
	uint64_t value = uart_of(vm)->reg[offset / 4];

	unlock_console(vm);
	return value;
}

static uint64_t read_masked_interrupts(void *vcpu, uint32_t offset)
{
	return read_kept(vcpu, UART_RIS) & read_kept(vcpu, UART_IMSC);
}

static void write_kept(void *vcpu, uint32_t offset, uint64_t value)
{
	static const uint16_t writable[] = {
		[UART_ILPR / 4] = 0xff,	 [UART_IBRD / 4] = 0xffff,
		[UART_FBRD / 4] = 0x3f,	 [UART_LCR_H / 4] = 0xff,
		[UART_CR / 4] = 0xff87,	 [UART_IFLS / 4] = 0x3f,
		[UART_IMSC / 4] = 0x7ff, [UART_DMACR / 4] = 7,
	};
	struct vm *vm = lock_console(vcpu);

	uart_of(vm)->reg[offset / 4] = (uint16_t)value & writable[offset / 4];
	update_tx(vm);
	unlock_console(vm);
}

static void clear_interrupts(void *vcpu, uint32_t offset, uint64_t value)
{
	struct vm *vm = lock_console(vcpu);

	set_raw(uart_of(vm), value, false);
	unlock_console(vm);
}

/* Peripheral and PrimeCell identification, as QEMU's devices have it. */
static uint64_t read_id(uint32_t part, uint32_t offset)
{
	static const uint8_t id[] = {0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

	return offset == PRIMECELL_ID ? part
				      : id[(offset - PRIMECELL_ID) / 4 - 1];
}

static uint64_t read_uart_id(void *vcpu, uint32_t offset)
{
	return read_id(0x11, offset);
}

static uint64_t read_rtc_id(void *vcpu, uint32_t offset)
{
	return read_id(0x31, offset);
}

static uint64_t read_seconds(void *vcpu, uint32_t offset)
{
	return (uint32_t)(board.epoch + arch_seconds());
}

static uint64_t read_one(void *vcpu, uint32_t offset)
{
	return 1;
}

#define ANY_WIDTH (1 | 2 | 4)

const struct mmio_reg pl011_regs[] = {
	{UART_DR, 1, 1, ANY_WIDTH, read_data, write_data},
	{UART_FR, 4, 4, ANY_WIDTH, read_flags, NULL},
	{UART_ILPR, UART_RIS - UART_ILPR, 4, ANY_WIDTH, read_kept, write_kept},
	{UART_RIS, 4, 4, ANY_WIDTH, read_kept, NULL},
	{UART_MIS, 4, 4, ANY_WIDTH, read_masked_interrupts, NULL},
	{UART_ICR, 4, 4, ANY_WIDTH, NULL, clear_interrupts},
	{UART_DMACR, 4, 4, ANY_WIDTH, read_kept, write_kept},
	{PRIMECELL_ID, 32, 4, ANY_WIDTH, read_uart_id, NULL},
	{0},
};

/* It only tells the time: always enabled, never set, never an alarm. */
const struct mmio_reg pl031_regs[] = {
	{RTC_DR, 4, 4, ANY_WIDTH, read_seconds, NULL},
	{RTC_CR, 4, 4, ANY_WIDTH, read_one, NULL},
	{PRIMECELL_ID, 32, 4, ANY_WIDTH, read_rtc_id, NULL},
	{0},
};

/* --- device tree, as of QEMU's `virt` --- */

#define CLOCK_PHANDLE 0x8000
#define CLOCK_HZ 24000000

BOOT_CONST const char arch_console_path[] = "/pl011@9000000";

static BOOT_ONLY void put_device(struct fdt_writer *w, uint32_t base,
				 uint32_t spi)
{
	const uint32_t reg[] = {0, base, 0, PAGE_SIZE};
	const uint32_t interrupt[] = {0, spi, 4};

	fdt_put_cells(w, fdt_names.reg, reg, ARRAY_SIZE(reg));
	fdt_put_cells(w, fdt_names.interrupts, interrupt,
		      ARRAY_SIZE(interrupt));
}

BOOT_ONLY void pl011_tree(struct fdt_writer *w)
{
	static const uint32_t clocks[] BOOT_CONST = {CLOCK_PHANDLE,
						     CLOCK_PHANDLE};

	fdt_put_node(w, "apb-pclk");
	fdt_put_string(w, fdt_names.compatible, "fixed-clock");
	fdt_put_u32(w, fdt_names.clock_cells, 0);
	fdt_put_u32(w, fdt_names.clock_frequency, CLOCK_HZ);
	fdt_put_string(w, fdt_names.clock_output_names, "clk24mhz");
	fdt_put_u32(w, fdt_names.phandle, CLOCK_PHANDLE);
	fdt_put_end(w);
	fdt_put_node(w, arch_console_path + 1);
	fdt_put_prop(w, fdt_names.compatible, "arm,pl011\0arm,primecell", 24);
	put_device(w, PL011_BASE, PL011_SPI);
	fdt_put_cells(w, fdt_names.clocks, clocks, 2);
	fdt_put_prop(w, fdt_names.clock_names, "uartclk\0apb_pclk", 17);
	fdt_put_end(w);
	fdt_put_node(w, "pl031@9010000");
	fdt_put_prop(w, fdt_names.compatible, "arm,pl031\0arm,primecell", 24);
	put_device(w, PL031_BASE, PL031_SPI);
	fdt_put_cells(w, fdt_names.clocks, clocks, 1);
	fdt_put_string(w, fdt_names.clock_names, "apb_pclk");
	fdt_put_end(w);
}
