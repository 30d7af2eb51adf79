/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest with the addresses and interrupts of QEMU's `virt` machine built in,
 * as small systems have them: it looks into no device tree, and leaves the MMU
 * off. It prints the same there and in a secondary VM.
 */
#include <stdbool.h>
#include <stdint.h>
#include "sysreg.h"

#define UART 0x09000000
#define UART_DR 0x00
#define UART_FR 0x18
#define UART_IBRD 0x24
#define UART_FBRD 0x28
#define UART_LCR 0x2c
#define UART_CR 0x30
#define UART_IMSC 0x38
#define UART_ICR 0x44
#define PERIPHID0 0xfe0
#define FR_TXFF 0x20
#define INT_TX 0x20

#define RTC 0x09010000

#define GICD 0x08000000
#define GICD_CTLR 0x000
#define GICD_IGROUPR 0x080
#define GICD_ISENABLER 0x100
#define GICD_ICENABLER 0x180
#define GICD_IPRIORITYR 0x400
#define GICD_ITARGETSR 0x800
#define GICD_SGIR 0xf00
#define GICD_IROUTER 0x6000

#define GICC 0x08010000
#define GICC_CTLR 0x00
#define GICC_PMR 0x04
#define GICC_IAR 0x0c
#define GICC_EOIR 0x10

#define GICR 0x080a0000
#define GICR_STRIDE 0x20000
#define GICR_SGI 0x10000
#define GICR_WAKER 0x14

#define ICC_PMR_EL1 S3_0_C4_C6_0
#define ICC_SGI1R_EL1 S3_0_C12_C11_5
#define ICC_IAR1_EL1 S3_0_C12_C12_0
#define ICC_EOIR1_EL1 S3_0_C12_C12_1
#define ICC_SRE_EL1 S3_0_C12_C12_5
#define ICC_IGRPEN1_EL1 S3_0_C12_C12_7
#define READ(name) read_sysreg(name)
#define WRITE(name, value) write_sysreg(name, value)

#define SGI 3
#define PHYSICAL_TIMER 30
#define VIRTUAL_TIMER 27
#define UART_IRQ 33
#define INTIDS 64

#define CPU_ON 0xc4000003
#define SYSTEM_OFF 0x84000008

#define OTHERS 3
#define TICKS 3

/* Reached without a table of addresses, which nobody relocates here. */
extern const char start_other[] __attribute__((visibility("hidden")));
uint64_t hvc(uint64_t fn, uint64_t a, uint64_t b, uint64_t c);
void bare_main(uint64_t cpu);
void bare_irq(void);
_Noreturn void bare_fault(void);

/* Memory is Device with the MMU off: plain accesses, in their order. */
static volatile unsigned int count[1 + OTHERS][INTIDS] = {{1}};
static volatile unsigned int ready[1 + OTHERS] = {1};

static void put(char c)
{
	while (read32(UART + UART_FR) & FR_TXFF)
		;
	write32(UART + UART_DR, (uint32_t)c);
}

static void say(const char *text)
{
	for (; *text; text++)
		put(*text);
}

static void say_number(const char *what, uint64_t n)
{
	char digits[20];
	unsigned int i = 0;

	say(what);
	put(' ');
	do {
		digits[i++] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	while (i)
		put(digits[--i]);
	put('\n');
}

static unsigned int this_cpu(void)
{
	return read_sysreg(mpidr_el1) & 0xff;
}

void bare_fault(void)
{
	say_number("fault, ESR", read_sysreg(esr_el1));
	for (;;)
		hvc(SYSTEM_OFF, 0, 0, 0);
}

/* --- interrupt controller --- */

static bool is_v3(void)
{
	return read_sysreg(id_aa64pfr0_el1) >> 24 & 0xf;
}

static uintptr_t private_frame(void)
{
	return is_v3() ? GICR + this_cpu() * GICR_STRIDE + GICR_SGI : GICD;
}

static void init_distributor(void)
{
	if (!is_v3()) {
		write32(GICD + GICD_CTLR, 1);
		return;
	}
	write32(GICD + GICD_CTLR, 0x12);
}

static void init_cpu(void)
{
	uintptr_t waker = GICR + this_cpu() * GICR_STRIDE + GICR_WAKER;

	if (!is_v3()) {
		write32(GICC + GICC_PMR, 0xf0);
		write32(GICC + GICC_CTLR, 1);
		return;
	}
	write32(waker, 0);
	while (read32(waker) & 4)
		;
	write32(private_frame() + GICD_IGROUPR, 0xffffffff);
	WRITE(ICC_SRE_EL1, 7);
	isb();
	WRITE(ICC_PMR_EL1, 0xf0);
	WRITE(ICC_IGRPEN1_EL1, 1);
	isb();
}

static void enable_private(unsigned int intid)
{
	uintptr_t r = private_frame() + GICD_IPRIORITYR + intid / 4 * 4;

	write32(r, 0x80808080);
	write32(private_frame() + GICD_ISENABLER, UINT32_C(1) << intid);
}

static void enable_uart_irq(void)
{
	write32(GICD + GICD_IPRIORITYR + UART_IRQ / 4 * 4, 0x80808080);
	if (is_v3()) {
		write32(GICD + GICD_IGROUPR + 4, 0xffffffff);
		__asm__ volatile("str xzr, [%0]" ::"r"((uintptr_t)GICD +
						       GICD_IROUTER +
						       8 * UART_IRQ)
				 : "memory");
	} else {
		write32(GICD + GICD_ITARGETSR + UART_IRQ / 4 * 4, 0x01010101);
	}
	write32(GICD + GICD_ISENABLER + 4, 1 << (UART_IRQ - 32));
}

static void send(unsigned int cpu)
{
	dsb();
	if (is_v3()) {
		WRITE(ICC_SGI1R_EL1, UINT64_C(1) << cpu | SGI << 24);
		isb();
	} else {
		write32(GICD + GICD_SGIR, UINT32_C(1) << (16 + cpu) | SGI);
	}
}

static void quiet(unsigned int intid)
{
	if (intid == VIRTUAL_TIMER)
		write_sysreg(cntv_ctl_el0, 0);
	else if (intid == PHYSICAL_TIMER)
		write_sysreg(cntp_ctl_el0, 0);
	else if (intid == UART_IRQ)
		write32(UART + UART_IMSC, 0);
	isb();
}

void bare_irq(void)
{
	uint32_t iar = is_v3() ? (uint32_t)READ(ICC_IAR1_EL1)
			       : read32(GICC + GICC_IAR);
	unsigned int intid = iar & 0x3ff;

	if (intid >= INTIDS)
		return;
	quiet(intid);
	count[this_cpu()][intid]++;
	if (is_v3())
		WRITE(ICC_EOIR1_EL1, iar);
	else
		write32(GICC + GICC_EOIR, iar);
	isb();
}

/* --- what it does --- */

/* Waits by WFI, interrupts masked but for a moment. */
static void wait_for(unsigned int intid, unsigned int wanted)
{
	while (count[this_cpu()][intid] < wanted) {
		wfi();
		__asm__ volatile("msr daifclr, #2\n\tisb\n\tmsr daifset, #2" ::
					 : "memory");
	}
}

static void init_uart(void)
{
	write32(UART + UART_CR, 0);
	write32(UART + UART_ICR, 0x7ff);
	write32(UART + UART_IBRD, 13);
	write32(UART + UART_FBRD, 1);
	write32(UART + UART_LCR, 0x70);
	write32(UART + UART_CR, 0x301);
}

static void tick(void)
{
	uint64_t ms = read_sysreg(cntfrq_el0) / 1000;
	unsigned int i;

	enable_private(VIRTUAL_TIMER);
	enable_private(PHYSICAL_TIMER);
	for (i = 1; i <= TICKS; i++) {
		write_sysreg(cntv_tval_el0, ms);
		write_sysreg(cntv_ctl_el0, 1);
		wait_for(VIRTUAL_TIMER, i);
		write_sysreg(cntp_tval_el0, ms);
		write_sysreg(cntp_ctl_el0, 1);
		wait_for(PHYSICAL_TIMER, i);
	}
	say_number("virtual ticks", count[0][VIRTUAL_TIMER]);
	say_number("physical ticks", count[0][PHYSICAL_TIMER]);
}

static void use_uart_irq(void)
{
	enable_uart_irq();
	write32(UART + UART_IMSC, INT_TX);
	put('.');
	put('\n');
	wait_for(UART_IRQ, 1);
	say_number("UART interrupts", count[0][UART_IRQ]);
}

static void ring_others(void)
{
	unsigned int i;

	enable_private(SGI);
	for (i = 1; i <= OTHERS; i++) {
		say_number("CPU_ON", hvc(CPU_ON, i, (uintptr_t)start_other, i));
		while (!ready[i])
			;
		send(i);
		wait_for(SGI, i);
	}
	say_number("SGIs that came back", count[0][SGI]);
}

/* Another CPU: answers an SGI with an SGI, and then sleeps for good. */
static void answer(unsigned int cpu)
{
	init_cpu();
	enable_private(SGI);
	ready[cpu] = 1;
	wait_for(SGI, 1);
	send(0);
	for (;;)
		wfi();
}

void bare_main(uint64_t cpu)
{
	if (cpu)
		answer((unsigned int)cpu);
	count[0][0] = 0;
	init_uart();
	say(is_v3() ? "bare: GICv3\n" : "bare: GICv2\n");
	say_number("UART ID", read32(UART + PERIPHID0));
	say_number("clock ID", read32(RTC + PERIPHID0));
	init_distributor();
	init_cpu();
	tick();
	use_uart_irq();
	ring_others();
	say("done\n");
	hvc(SYSTEM_OFF, 0, 0, 0);
}
