/* SPDX-License-Identifier: BSD-3-Clause */
/* src/arch/aarch64/mmio.c: which accesses are emulated, and how. */
#include "regs.h"
#include "unit.h"

#include "mmio.h"
#include "spinlock.h"
#include "trap.h"
#include "vcpu.h"

#define BASE UINT64_C(0x8080000)
#define SIZE UINT64_C(0x2000)
#define ROW UINT64_C(0x80a0000) /* of devices */
#define ISV BIT(24)
#define SSE BIT(21)
#define SF BIT(15)
#define WNR BIT(6)
#define TRANSLATION 0x07u
#define DABT(width) \
	(UINT64_C(0x24) << 26 | BIT(25) | ISV | (uint64_t)(width) << 22)
#define XZR 31u

enum { BYTE, HALF, WORD, DOUBLE };

/* --- what mmio.c needs of others --- */

static unsigned int skipped;
static struct spinlock lock;

static bool is_locked(void)
{
	return lock.next - lock.serving == 1;
}

static bool is_free(void)
{
	return lock.next == lock.serving;
}

void skip_instruction(uint64_t esr)
{
	skipped++;
}

/* --- a device: eight bytes, four bytes that count reads, a row of four --- */

static struct {
	uint64_t wide, row[4];
	uint32_t writes, reads, offset;
} device;

static uint64_t read_wide(void *d, uint32_t offset)
{
	device.reads++;
	device.offset = offset;
	return device.wide;
}

static void write_wide(void *d, uint32_t offset, uint64_t value)
{
	CHECK(is_locked());
	device.writes++;
	device.offset = offset;
	device.wide = value;
}

static uint64_t read_row(void *d, uint32_t offset)
{
	return device.row[(offset - 0x100) / 4];
}

static void write_row(void *d, uint32_t offset, uint64_t value)
{
	device.row[(offset - 0x100) / 4] = value;
}

static const struct mmio_reg regs[] = {
	{0x08, 8, 8, 4 | 8, read_wide, write_wide},
	{0x10, 4, 4, 4, NULL, write_wide},
	{0x14, 4, 4, 4, read_wide, NULL},
	{0x20, 4, 4, 1 | 4 | MMIO_WRITES_BITS, read_wide, write_wide},
	{0x18, 1, 1, 1 | 2 | 4, read_wide, write_wide},
	{0x100, 16, 4, 1 | 2 | 4, read_row, write_row},
	{0},
};
static const struct mmio_range ranges[] = {
	{0x1000, 0x1000, regs, NULL, &lock, 0},
	{BASE, SIZE, regs, &device, &lock, 0},
	{ROW, 4 * SIZE, regs, &device, &lock, SIZE},
};

static struct vcpu vcpu;

static void start(void)
{
	regs_reset();
	memset(&device, 0, sizeof(device));
	skipped = 0;
	spin_init(&lock, 0);
	for (unsigned int i = 0; i < 31; i++)
		vcpu.arch.x[i] = 100 + i;
	vcpu.arch.pc = 0x5ec0;
}

static bool access(uint64_t ipa, uint64_t esr)
{
	regs_set("hpfar_el2", ipa >> 12 << 4);
	/* Some virtual address of the same page offset */
	regs_set("far_el2", 0xffff000012345000 | (ipa & 0xfff));
	return mmio_access(&vcpu, esr, ranges, 3);
}

static uint64_t with_rt(uint64_t esr, unsigned int rt)
{
	return esr | TRANSLATION | (uint64_t)rt << 16;
}

/* --- */

static void check_regs_but(unsigned int changed)
{
	for (unsigned int i = 0; i < 31; i++)
		if (i != changed)
			CHECK_EQ(vcpu.arch.x[i], 100 + i);
	CHECK_EQ(vcpu.arch.pc, 0x5ec0); /* what follows x30 */
}

/* Every register may be Rt; 31 is XZR. */
TEST(rt)
{
	for (unsigned int rt = 0; rt <= XZR; rt++) {
		start();
		device.wide = 0x1122334455667788;
		CHECK(access(BASE + 8, with_rt(DABT(DOUBLE) | SF, rt)));
		check_regs_but(rt);
		if (rt != XZR)
			CHECK_EQ(vcpu.arch.x[rt], 0x1122334455667788);
		CHECK_EQ(device.reads, 1);
		CHECK(access(BASE + 8, with_rt(DABT(DOUBLE) | SF | WNR, rt)));
		CHECK_EQ(device.wide, rt == XZR ? 0 : 0x1122334455667788);
		CHECK_EQ(skipped, 2);
		CHECK(is_free());
	}
}

TEST(parts)
{
	start();
	device.wide = 0x1122334455667788;
	CHECK(access(BASE + 8, with_rt(DABT(WORD), 1)));
	CHECK_EQ(vcpu.arch.x[1], 0x55667788);
	CHECK(access(BASE + 12, with_rt(DABT(WORD), 1)));
	CHECK_EQ(vcpu.arch.x[1], 0x11223344);
	vcpu.arch.x[2] = 0xffffffffaabbccdd;
	CHECK(access(BASE + 12, with_rt(DABT(WORD) | WNR, 2)));
	CHECK_EQ(device.wide, 0xaabbccdd55667788);
	CHECK_EQ(device.offset, 8);
	CHECK(access(BASE + 8, with_rt(DABT(WORD) | WNR, 2)));
	CHECK_EQ(device.wide, 0xaabbccddaabbccdd);
	/* The rest of what can not be read is zero. */
	CHECK(access(BASE + 16, with_rt(DABT(WORD) | WNR, 2)));
	CHECK_EQ(device.wide, 0xaabbccdd);
}

/* A register of a row, by byte, half and word. */
TEST(rows)
{
	start();
	device.row[2] = 0x80f1a2b3;
	for (unsigned int i = 0; i < 4; i++) {
		CHECK(access(BASE + 0x108 + i, with_rt(DABT(BYTE), 3)));
		CHECK_EQ(vcpu.arch.x[3], device.row[2] >> 8 * i & 0xff);
	}
	CHECK(access(BASE + 0x10a, with_rt(DABT(HALF), 3)));
	CHECK_EQ(vcpu.arch.x[3], 0x80f1);
	vcpu.arch.x[3] = 0x77;
	CHECK(access(BASE + 0x109, with_rt(DABT(BYTE) | WNR, 3)));
	CHECK_EQ(device.row[2], 0x80f177b3);
	CHECK(access(BASE + 0x10c, with_rt(DABT(WORD) | WNR, 3)));
	CHECK_EQ(device.row[3], 0x77);
	CHECK_EQ(device.row[0] | device.row[1], 0);
}

/* LDRSB, LDRSH, LDRSW into W and X registers. */
TEST(sign_extension)
{
	static const struct {
		unsigned int width;
		uint64_t esr, offset, value;
	} rows[] = {
		{BYTE, SSE, 0x103, 0xffffff80},
		{BYTE, SSE | SF, 0x103, 0xffffffffffffff80},
		{BYTE, SSE | SF, 0x102, 0x71},
		{HALF, SSE, 0x102, 0xffff8071},
		{HALF, SSE | SF, 0x102, 0xffffffffffff8071},
		{HALF, SSE | SF, 0x100, 0x22b3},
		{WORD, SSE | SF, 0x100, 0xffffffff807122b3},
		{WORD, SF, 0x100, 0x807122b3},
		{WORD, 0, 0x100, 0x807122b3},
	};

	start();
	device.row[0] = 0x807122b3;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		vcpu.arch.x[4] = ~UINT64_C(0);
		CHECK(access(BASE + rows[i].offset,
			     with_rt(DABT(rows[i].width) | rows[i].esr, 4)));
		CHECK_EQ(vcpu.arch.x[4], rows[i].value);
	}
}

/* Reserved, write-only, read-only. */
TEST(zero_and_ignored)
{
	start();
	for (unsigned int width = BYTE; width <= DOUBLE; width++) {
		CHECK(access(BASE + 0x40, with_rt(DABT(width) | SF, 5)));
		CHECK_EQ(vcpu.arch.x[5], 0);
		CHECK(access(BASE + SIZE - 8, with_rt(DABT(width) | WNR, 6)));
	}
	vcpu.arch.x[5] = 1;
	CHECK(access(BASE + 0x10, with_rt(DABT(WORD), 5)));
	CHECK_EQ(vcpu.arch.x[5], 0);
	CHECK(access(BASE + 0x14, with_rt(DABT(WORD) | WNR, 6)));
	CHECK_EQ(device.writes, 0);
	CHECK_EQ(device.reads, 0);
}

/* Bits that are written as they are: no part of a register is read. */
TEST(part_of_bits)
{
	start();
	device.wide = 0xffffffff;
	CHECK(access(BASE + 0x21, with_rt(DABT(BYTE) | WNR, 1)));
	CHECK_EQ(device.wide, 101 << 8);
	CHECK_EQ(device.reads, 0);
}

/* Of several devices in a row each has the registers, at its own place. */
TEST(row_of_devices)
{
	for (unsigned int i = 0; i < 4; i++) {
		start();
		device.wide = 0x1234 + i;
		CHECK(access(ROW + i * SIZE + 0x14, with_rt(DABT(WORD), 1)));
		CHECK_EQ(vcpu.arch.x[1], 0x1234 + i);
		CHECK_EQ(device.offset, i * SIZE + 0x14);
	}
	start();
	CHECK(!access(ROW + 4 * SIZE + 0x14, with_rt(DABT(WORD), 1)));
}

/* A byte, whose reading may have an effect: a write does not read it. */
TEST(byte)
{
	for (unsigned int width = BYTE; width <= WORD; width++) {
		start();
		device.wide = 0x88;
		CHECK(access(BASE + 0x18, with_rt(DABT(width), 1)));
		CHECK_EQ(vcpu.arch.x[1], 0x88);
		CHECK_EQ(device.reads, 1);
		vcpu.arch.x[1] = 0xffffffff00000a41;
		CHECK(access(BASE + 0x18, with_rt(DABT(width) | WNR, 1)));
		CHECK_EQ(device.wide & 0xff, 0x41);
		CHECK_EQ(device.reads, 1);
		CHECK_EQ(device.writes, 1);
	}
}

static void check_refused(uint64_t ipa, uint64_t esr)
{
	start();
	CHECK(!access(ipa, esr));
	CHECK(!access(ipa, esr | WNR));
	check_regs_but(32);
	CHECK_EQ(device.reads + device.writes + skipped, 0);
}

TEST(refused)
{
	const uint64_t good = with_rt(DABT(DOUBLE) | SF, 7);

	/* Beside the range, and with bits above it */
	check_refused(BASE - 8, good);
	check_refused(BASE + SIZE, good);
	for (unsigned int bit = 32; bit < 52; bit++)
		check_refused(BASE + 8 + (UINT64_C(1) << bit), good);
	/* No syndrome: pairs, atomics, cache operations, writeback */
	check_refused(BASE + 8, good & ~ISV);
	/* Fetches; aborts of the memory system; permission faults */
	check_refused(BASE + 8,
		      (good & ~(UINT64_C(0x3f) << 26)) | UINT64_C(0x20) << 26);
	check_refused(BASE + 8, (good & ~UINT64_C(0x3f)) | 0x10);
	check_refused(BASE + 8, (good & ~UINT64_C(0x3f)) | 0x0f);
	/* Widths that a register does not have, and what is not aligned */
	check_refused(BASE + 8, with_rt(DABT(BYTE), 7));
	check_refused(BASE + 8, with_rt(DABT(HALF), 7));
	check_refused(BASE + 0x10, good);
	check_refused(BASE + 0x100, good);
	check_refused(BASE + 12, good);
	check_refused(BASE + 0x102, with_rt(DABT(WORD), 7));
	check_refused(BASE + 0x41, with_rt(DABT(HALF), 7));
}
