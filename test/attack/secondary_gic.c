/* SPDX-License-Identifier: BSD-3-Clause */
/* A secondary's attacks by way of its own interrupt controller and UART. */
#include "gic.h"
#include "hostile.h"
#include "smp.h"
#include "sysreg.h"
#include "timer.h"
#include "hf/call.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define GICD UINT64_C(0x08000000)
#define GICC UINT64_C(0x08010000)
#define GICC_SIZE 0x2000
#define GICR UINT64_C(0x080a0000)
#define GICR_SIZE 0x20000
#define FRAME 0x10000
#define REDISTRIBUTORS 8 /* of which some are nobody's */

#define ICENABLER 0x180
#define ICPENDR 0x280
#define ICACTIVER 0x380
#define SGIR 0xf00
#define CPENDSGIR 0xf10
#define WORDS 3

#define ICC_SGI1R_EL1 S3_0_C12_C11_5
#define ALL_OTHERS_V3 (UINT64_C(1) << 40)
#define ALL_OTHERS_V2 (UINT32_C(1) << 24)
#define WRITE(name, value) write_sysreg(name, value)
#define MSR_ICC 0xd518c000 /* MSR of op0 3, op1 0, CRn 12 */
#define MSR_PMR 0xd5184600
#define READS 0x200000

#define UART UINT64_C(0x09000000)
#define UART_DR 0x00
#define UART_IMSC 0x38

/* --- registers --- */

static void access(uintptr_t at, unsigned int width, bool store, uint64_t x)
{
#define ONE(bytes, load_op, store_op)                                        \
	case bytes:                                                          \
		if (store)                                                   \
			__asm__ volatile(store_op ", [%1]" ::"r"(x), "r"(at) \
					 : "memory");                        \
		else                                                         \
			__asm__ volatile(load_op ", [%1]"                    \
					 : "=r"(x)                           \
					 : "r"(at)                           \
					 : "memory");                        \
		break
	switch (width) {
		ONE(1, "ldrsb %0", "strb %w0");
		ONE(2, "ldrh %w0", "strh %w0");
		ONE(4, "ldrsw %0", "str %w0");
		ONE(8, "ldr %0", "str %0");
	}
}

static uint64_t random_value(void)
{
	uint64_t r = random64();

	switch (r >> 62) {
	case 0:
		return ~UINT64_C(0);
	case 1:
		return UINT64_C(1) << (r & 63);
	default:
		return r;
	}
}

/* In a frame of the distributor or of a redistributor: a register, often. */
static uint64_t random_place(void)
{
	static const uint16_t registers[] = {
		0x0,   0x4,   0x8,   0x14,  0x80,  0x100,  0x180,
		0x200, 0x280, 0x300, 0x380, 0x400, 0x800,  0xc00,
		0xf00, 0xf10, 0xf20, 0xfe8, 0xffc, 0x6100, 0xffe8};
	uint64_t r = random64();
	uint64_t at = registers[(r >> 16) % COUNT(registers)];

	at += r & 4 ? r >> 32 & 0x7f : 0;
	at = r & 0x18 ? at % FRAME : r >> 32 & (FRAME - 1);
	if (gic_version() == 2 || (r & 1))
		return GICD + at;
	at += r & 2 ? FRAME : 0;
	return GICR + (r >> 8) % REDISTRIBUTORS * GICR_SIZE + at;
}

/* How wide an access may be that does not stop the VM. */
static unsigned int allowed_width(uint64_t address)
{
	static const struct {
		uint32_t begin, end;
		unsigned int width;
	} others[] = {
		{0x400, 0x800, 1},   /* GICD_IPRIORITYR, GICR_ */
		{0xf10, 0xf30, 1},   /* GICD_CPENDSGIR, GICD_SPENDSGIR */
		{0x6100, 0x6300, 8}, /* GICD_IROUTER */
	};
	uint32_t offset = address & (FRAME - 1);
	unsigned int i;

	for (i = 0; i < COUNT(others) && (random64() & 1); i++)
		if (offset >= others[i].begin && offset < others[i].end)
			return others[i].width;
	return 4;
}

static void access_frame(void)
{
	uint64_t address = random_place();
	unsigned int width = allowed_width(address);

	access(address & ~(uint64_t)(width - 1), width, random64() & 1,
	       random_value());
}

/* ICC_*, or what the hardware has for a GICv2's CPU interface. */
static void access_interface(void)
{
	uint64_t r = random64(), x0 = random_value();
	uint32_t word = MSR_ICC | (uint32_t)(8 + r % 8) << 8 | (r & 0x70) << 1;
	struct trap trap;

	if (gic_version() == 2) {
		access(GICC + r % GICC_SIZE / 4 * 4, 4, r >> 32 & 1, x0);
		return;
	}
	/* QEMU 7.2 does not trap ICC_SRE_EL1, a constant. */
	if ((word & 0xfe0) == 0xca0)
		return;
	if (r & 0x700000)
		word = word | (r & 0x800000 ? READS : 0);
	else
		word = MSR_PMR;
	trap = execute(word, &x0);
	if (trap.taken)
		check_undefined(trap, word);
}

/* Finds out what it has; no secondary of these does as it begins. */
static void begin(void)
{
	if (!me() && !gic_version())
		gic_init();
	meet();
}

/* Nothing pends or is active, SGIs are enabled, the CPU interface is on. */
static void calm_down(void)
{
	uintptr_t own =
		gic_version() == 2 ? GICD : GICR + me() * GICR_SIZE + FRAME;
	unsigned int w;

	for (w = 0; w < WORDS; w++) {
		uintptr_t at = (w ? GICD : own) + 4 * w;

		write32(at + ICENABLER, ~UINT32_C(0));
		write32(at + ICPENDR, ~UINT32_C(0));
		write32(at + ICACTIVER, ~UINT32_C(0));
	}
	for (w = 0; w < 16 && gic_version() == 2; w += 4)
		write32(GICD + CPENDSGIR + w, ~UINT32_C(0));
	write32(GICD, gic_version() == 2 ? 1 : 3);
	gic_init_cpu();
}

void gic_frames(void)
{
	unsigned int i;

	begin();
	for (i = 0; i < 600 && !test_over(); i++) {
		if (i % 8)
			access_frame();
		else
			access_interface();
	}
	meet();
	calm_down();
}

/*
 * Of any width, aligned or not: what is no access to a register stops the VM,
 * or is its own alignment fault.
 */
void gic_any_access(void)
{
	unsigned int i;

	gic_frames();
	for (i = 0;; i++) {
		trap_arm();
		access(random_place(), 1u << (random64() & 3), random64() & 1,
		       random_value());
		trap_take();
	}
}

/* --- storms --- */

#define STORM_NS (20 * MS)

static void send(unsigned int intid)
{
	if (gic_version() == 2)
		write32(GICD + SGIR, ALL_OTHERS_V2 | intid);
	else
		WRITE(ICC_SGI1R_EL1, ALL_OTHERS_V3 | (uint64_t)intid << 24);
}

/* Nobody acknowledges any. */
void sgi_between_vcpus(void)
{
	uint64_t end;

	begin();
	calm_down();
	meet();
	end = timer_now_ns() + STORM_NS;
	while (timer_now_ns() < end)
		send(random64() & 15);
	meet();
	calm_down();
}

void uart_storm(void)
{
	static const uint8_t registers[] = {0x00, 0x00, 0x18, 0x2c, 0x30, 0x34,
					    0x38, 0x38, 0x3c, 0x40, 0x44, 0x48};
	unsigned int i;

	meet();
	for (i = 0; i < 1500 && !test_over(); i++) {
		uint64_t r = random64();
		uintptr_t at = UART + registers[(r >> 8) % COUNT(registers)];

		if (at == UART + UART_DR && (r & 3))
			write32(at, (uint32_t)('a' + r % 26));
		else if (r & 1)
			read32(at);
		else if (at != UART + UART_DR)
			write32(at, (uint32_t)(r >> 32));
	}
	write32(UART + UART_IMSC, 0);
}
