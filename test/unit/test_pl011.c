/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * src/arch/aarch64/pl011.c over src/vconsole.c: registers by the tables of the
 * PL011 TRM (DDI 0183, chapter 3), interrupts by its section 2.8, and the
 * clock.
 */
#include "regs.h"
#include "unit.h"

#include "arch.h"
#include "board.h"
#include "hf/abi.h"
#include "mmio.h"
#include "vcpu.h"
#include "vdev.h"
#include "vgic.h"
#include "vm.h"

enum {
	DR = 0x00,
	RSR = 0x04,
	FR = 0x18,
	ILPR = 0x20,
	IBRD = 0x24,
	FBRD = 0x28,
	LCR_H = 0x2c,
	CR = 0x30,
	IFLS = 0x34,
	IMSC = 0x38,
	RIS = 0x3c,
	MIS = 0x40,
	ICR = 0x44,
	DMACR = 0x48,
};
#define BUSY 0x08
#define RXFE 0x10
#define TXFF 0x20
#define RXFF 0x40
#define TXFE 0x80
#define FEN 0x10
#define RX 0x10
#define TX 0x20
#define RT 0x40
#define FIFO 16

/* --- what the two files need of others --- */

uint64_t vm_options;
struct board board;

static struct vm vm;
static struct vcpu vcpu;
static unsigned int line_changes;
static bool line;
static uint64_t seconds;

void log_vm(struct log_limit *limit, const char *name, const char *text)
{
}

void vgic_set_line(struct vm *v, unsigned int intid, bool level)
{
	CHECK(v == &vm);
	CHECK_EQ(intid, 33);
	line = level;
	line_changes++;
}

uint64_t arch_seconds(void)
{
	return seconds;
}

/* --- accesses --- */

static const struct mmio_reg *find(const struct mmio_reg *reg, uint32_t offset)
{
	for (; reg->span; reg++)
		if (offset - reg->offset < reg->span)
			return reg;
	return NULL;
}

static uint64_t read_of(const struct mmio_reg *regs, uint32_t offset)
{
	const struct mmio_reg *reg = find(regs, offset);
	uint64_t value = reg && reg->read ? reg->read(&vcpu, offset) : 0;

	CHECK_EQ(vm.console.lock.next, vm.console.lock.serving);
	return value;
}

static uint64_t get(uint32_t offset)
{
	return read_of(pl011_regs, offset);
}

static void set(uint32_t offset, uint64_t value)
{
	const struct mmio_reg *reg = find(pl011_regs, offset);

	if (reg && reg->write)
		reg->write(&vcpu, offset, value);
	CHECK_EQ(vm.console.lock.next, vm.console.lock.serving);
}

static void start(void)
{
	regs_reset();
	memset(&vm, 0, sizeof(vm));
	memset(&vcpu, 0, sizeof(vcpu));
	vcpu.vm = &vm;
	vm_options = HF_OPTION_CONSOLE;
	vconsole_init(&vm);
	line = false;
	line_changes = 0;
}

static void send(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		set(DR, 'a' + i % 26);
}

static void drain(unsigned int count)
{
	char text[VCONSOLE_OUTPUT];

	CHECK_EQ(vconsole_read(&vm, text, count), count);
}

static void give(unsigned int count)
{
	char text[VCONSOLE_INPUT];

	for (unsigned int i = 0; i < count; i++)
		text[i] = (char)('A' + i % 26);
	CHECK_EQ(vconsole_write(&vm, text, count), count);
}

/* --- registers --- */

static const struct {
	uint16_t offset, reset, writable;
} table[] = {
	{RSR, 0, 0},	     {FR, TXFE | RXFE, 0}, {ILPR, 0, 0xff},
	{IBRD, 0, 0xffff},   {FBRD, 0, 0x3f},	   {LCR_H, 0, 0xff},
	{CR, 0x300, 0xff87}, {IFLS, 0x12, 0x3f},   {IMSC, 0, 0x7ff},
	{RIS, 0, 0},	     {MIS, 0, 0},	   {ICR, 0, 0},
	{DMACR, 0, 7},	     {0x4c, 0, 0},	   {0x80, 0, 0},
	{0xfdc, 0, 0},	     {0xfe0, 0x11, 0},	   {0xfe4, 0x10, 0},
	{0xfe8, 0x14, 0},    {0xfec, 0, 0},	   {0xff0, 0x0d, 0},
	{0xff4, 0xf0, 0},    {0xff8, 0x05, 0},	   {0xffc, 0xb1, 0},
};

TEST(reset_values)
{
	start();
	for (unsigned int i = 0; i < ARRAY_SIZE(table); i++)
		CHECK_EQ(get(table[i].offset), table[i].reset);
	CHECK_EQ(line_changes, 0);
}

TEST(every_bit)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(table); i++)
		for (unsigned int bit = 0; bit < 32; bit++) {
			uint64_t value = UINT64_C(1) << bit;

			start();
			set(table[i].offset, value);
			CHECK_EQ(get(table[i].offset),
				 table[i].writable ? value & table[i].writable
						   : table[i].reset);
		}
}

/* A write to one changes no other. */
TEST(apart)
{
	start();
	for (unsigned int i = 0; i < ARRAY_SIZE(table); i++)
		set(table[i].offset, 0xffffffff);
	set(LCR_H, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i].writable && table[i].offset != LCR_H)
			CHECK_EQ(get(table[i].offset), table[i].writable);
}

/* Each width that a driver may use, for each register; no pairs. */
TEST(widths)
{
	for (const struct mmio_reg *r = pl011_regs; r->span; r++)
		CHECK_EQ(r->widths, 1 | 2 | 4);
	/* A byte is written to DR without a read of it. */
	CHECK_EQ(find(pl011_regs, DR)->size, 1);
}

TEST(reset_of_a_new_life)
{
	start();
	for (unsigned int i = 0; i < ARRAY_SIZE(table); i++)
		set(table[i].offset, table[i].writable);
	give(3);
	CHECK(line);
	vconsole_reset(&vm);
	for (unsigned int i = 0; i < ARRAY_SIZE(table); i++)
		CHECK_EQ(get(table[i].offset), table[i].reset);
	CHECK(!line);
	CHECK_EQ(get(DR), 0);
}

/* --- the transmitter --- */

/* Before anything is set up, as images made for QEMU do. */
TEST(output_without_set_up)
{
	char text[3];

	start();
	set(CR, 0);
	send(3);
	CHECK_EQ(vconsole_read(&vm, text, 3), 3);
	CHECK(memcmp(text, "abc", 3) == 0);
}

/* Characters leave at once while there is room behind the FIFO. */
TEST(transmit_flags)
{
	start();
	set(LCR_H, FEN);
	send(VCONSOLE_OUTPUT - FIFO);
	CHECK_EQ(get(FR), TXFE | RXFE);
	send(1);
	CHECK_EQ(get(FR), BUSY | RXFE);
	send(FIFO - 2);
	CHECK_EQ(get(FR), BUSY | RXFE);
	send(1);
	CHECK_EQ(get(FR), BUSY | TXFF | RXFE);
	/* Lost, as it is on hardware. */
	set(DR, '!');
	CHECK_EQ(ring_at(&vm.console.output, vm.console.output.end - 1), 'a');
	drain(1);
	CHECK_EQ(get(FR), BUSY | RXFE);
	drain(FIFO - 1);
	CHECK_EQ(get(FR), TXFE | RXFE);
	/* Without FIFOs there is one place. */
	set(LCR_H, 0);
	send(1);
	CHECK_EQ(get(FR), BUSY | TXFF | RXFE);
}

/* A look at a full FIFO tells the primary to read. */
TEST(waits_for_room)
{
	start();
	set(LCR_H, FEN);
	send(VCONSOLE_OUTPUT);
	CHECK(vconsole_tell(&vm));
	CHECK_EQ(vconsole_news(&vm.console), NO_NEWS);
	get(FR);
	CHECK_EQ(vconsole_news(&vm.console), MUCH_OUTPUT);
}

/* On the way through the level, not while it is low. */
TEST(transmit_interrupt)
{
	start();
	set(LCR_H, FEN);
	set(IMSC, TX);
	CHECK(!line);
	send(1);
	CHECK_EQ(get(RIS), TX);
	CHECK_EQ(get(MIS), TX);
	CHECK(line);
	set(ICR, TX);
	CHECK_EQ(get(RIS), 0);
	CHECK(!line);
	/* It is not told of again until something was sent. */
	drain(1);
	CHECK_EQ(get(RIS), 0);
	send(1);
	CHECK(line);
}

TEST(transmit_level)
{
	static const uint8_t level[] = {2, 4, 8, 12, 14};

	for (unsigned int i = 0; i < ARRAY_SIZE(level); i++) {
		start();
		set(LCR_H, FEN);
		set(IFLS, i);
		send(VCONSOLE_OUTPUT - FIFO + level[i]);
		CHECK_EQ(get(RIS), TX);
		send(1);
		CHECK_EQ(get(RIS), 0);
		send(FIFO - level[i] - 1);
		drain(FIFO - level[i] - 1);
		CHECK_EQ(get(RIS), 0);
		drain(1);
		CHECK_EQ(get(RIS), TX);
	}
	/* Without FIFOs: when the place is empty. */
	start();
	send(VCONSOLE_OUTPUT - FIFO);
	CHECK_EQ(get(RIS), TX);
	send(1);
	CHECK_EQ(get(RIS), 0);
	drain(1);
	CHECK_EQ(get(RIS), TX);
}

/* --- the receiver --- */

TEST(receive)
{
	start();
	set(LCR_H, FEN);
	give(3);
	CHECK_EQ(get(FR), TXFE);
	CHECK_EQ(get(DR), 'A');
	CHECK_EQ(get(DR), 'B');
	CHECK_EQ(get(FR), TXFE);
	CHECK_EQ(get(DR), 'C');
	CHECK_EQ(get(FR), TXFE | RXFE);
	CHECK_EQ(get(DR), 0);
	give(FIFO - 1);
	CHECK_EQ(get(FR), TXFE);
	give(1);
	CHECK_EQ(get(FR), TXFE | RXFF);
	/* What follows is behind the FIFO, which stays full. */
	give(1);
	get(DR);
	CHECK_EQ(get(FR), TXFE | RXFF);
	get(DR);
	CHECK_EQ(get(FR), TXFE);
	set(LCR_H, 0);
	CHECK_EQ(get(FR), TXFE | RXFF);
}

/* All eight bits, and no error. */
TEST(receive_bytes)
{
	start();
	for (unsigned int c = 0; c < 256; c++) {
		char text = (char)c;

		vconsole_write(&vm, &text, 1);
		CHECK_EQ(get(DR), c);
	}
}

TEST(receive_interrupt)
{
	start();
	set(IMSC, RX | RT);
	give(2);
	CHECK_EQ(get(RIS), RX | RT);
	CHECK(line);
	get(DR);
	CHECK_EQ(get(MIS), RX | RT);
	get(DR);
	CHECK_EQ(get(RIS), 0);
	CHECK(!line);
	/* One that was cleared comes again with more, or with a read. */
	give(2);
	set(ICR, RX | RT);
	CHECK(!line);
	give(1);
	CHECK(line);
	set(ICR, RX | RT);
	get(DR);
	CHECK(line);
	/* Only what is not masked. */
	set(IMSC, RX);
	CHECK_EQ(get(MIS), RX);
	set(IMSC, TX);
	CHECK(!line);
	CHECK_EQ(get(MIS), 0);
	set(IMSC, RT);
	CHECK(line);
}

/* The interrupt controller is told of changes only. */
TEST(told_of_changes)
{
	start();
	set(IMSC, RX);
	give(5);
	give(5);
	for (unsigned int i = 0; i < 10; i++)
		get(DR);
	get(DR);
	CHECK_EQ(line_changes, 2);
}

/* --- the clock --- */

TEST(clock)
{
	static const uint8_t id[] = {0x31, 0x10, 0x14, 0, 0x0d, 0xf0, 5, 0xb1};

	start();
	seconds = 0x123456789;
	CHECK_EQ(read_of(pl031_regs, 0), 0x23456789);
	board.epoch = 0xf0000000;
	CHECK_EQ(read_of(pl031_regs, 0), 0x13456789);
	CHECK_EQ(read_of(pl031_regs, 0x0c), 1);
	for (uint32_t at = 4; at < 0xfe0; at += 4)
		if (at != 0x0c)
			CHECK_EQ(read_of(pl031_regs, at), 0);
	for (unsigned int i = 0; i < 8; i++)
		CHECK_EQ(read_of(pl031_regs, 0xfe0 + 4 * i), id[i]);
	for (const struct mmio_reg *r = pl031_regs; r->span; r++)
		CHECK(r->write == NULL);
}

/* --- the device tree --- */

static void check_prop(const struct fdt *t, const char *path, const char *name,
		       const void *value, uint32_t size)
{
	struct fdt_prop p;
	fdt_node_t node = fdt_path(t, path);

	CHECK(node != FDT_NO_NODE);
	CHECK(fdt_prop(t, node, name, &p));
	CHECK_EQ(p.size, size);
	CHECK(memcmp(p.value, value, size) == 0);
}

TEST(tree)
{
	static uint64_t buffer[512];
	struct fdt_writer w;
	struct fdt t;

	fdt_begin(&w, buffer, sizeof(buffer), 0);
	fdt_put_node(&w, "");
	fdt_put_u32(&w, "#address-cells", 2);
	fdt_put_u32(&w, "#size-cells", 2);
	pl011_tree(&w);
	fdt_put_end(&w);
	CHECK(fdt_finish(&w, 0) != 0);
	CHECK(unit_fdt_open(&t, buffer, sizeof(buffer)) == NULL);
	check_prop(&t, arch_console_path, "compatible",
		   "arm,pl011\0arm,primecell", 24);
	check_prop(&t, arch_console_path, "reg",
		   "\0\0\0\0\x09\0\0\0\0\0\0\0\0\0\x10\0", 16);
	check_prop(&t, arch_console_path, "interrupts",
		   "\0\0\0\0\0\0\0\x01\0\0\0\x04", 12);
	check_prop(&t, arch_console_path, "clock-names", "uartclk\0apb_pclk",
		   17);
	check_prop(&t, arch_console_path, "clocks", "\0\0\x80\0\0\0\x80\0", 8);
	check_prop(&t, "/pl031@9010000", "compatible",
		   "arm,pl031\0arm,primecell", 24);
	check_prop(&t, "/pl031@9010000", "interrupts",
		   "\0\0\0\0\0\0\0\x02\0\0\0\x04", 12);
	check_prop(&t, "/pl031@9010000", "clocks", "\0\0\x80\0", 4);
	check_prop(&t, "/apb-pclk", "phandle", "\0\0\x80\0", 4);
	check_prop(&t, "/apb-pclk", "clock-frequency", "\x01\x6e\x36\0", 4);
}
