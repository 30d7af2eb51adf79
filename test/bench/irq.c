/* SPDX-License-Identifier: BSD-3-Clause */
#include "gic.h"
#include "irq.h"
#include "mark.h"
#include "sysreg.h"
#include "timer.h"

#define INTID_VIRTUAL_TIMER 27
#define INTID_PHYSICAL_TIMER 30

#define GICC_IAR 0x0c
#define GICC_EOIR 0x10
#define ICC_SGI1R_EL1 S3_0_C12_C11_5
#define ICC_IAR1_EL1 S3_0_C12_C12_0
#define ICC_EOIR1_EL1 S3_0_C12_C12_1
#define READ(name) read_sysreg(name)
#define WRITE(name, value) write_sysreg(name, value)

extern const char irq_vectors[];

void irq_init(void)
{
	write_sysreg(vbar_el1, (uintptr_t)irq_vectors);
	isb();
}

static uint32_t acknowledge(void)
{
	return gic_version() == 2 ? read32(IRQ_GICC + GICC_IAR)
				  : (uint32_t)READ(ICC_IAR1_EL1);
}

uint32_t irq_take(void)
{
	uint32_t iar = acknowledge();
	uint32_t intid = iar & 0x3ff;

	if (intid == INTID_VIRTUAL_TIMER)
		timer_stop(TIMER_VIRTUAL);
	else if (intid == INTID_PHYSICAL_TIMER)
		timer_stop(TIMER_PHYSICAL);
	if (gic_version() == 2)
		write32(IRQ_GICC + GICC_EOIR, iar);
	else
		WRITE(ICC_EOIR1_EL1, iar);
	isb();
	return intid;
}

void irq_send_to(unsigned int cpu, unsigned int intid)
{
	dsb();
	set_mark(MARK_START);
	if (gic_version() == 2)
		write32(IRQ_GICD_SGIR, UINT32_C(1) << (16 + cpu) | intid);
	else
		WRITE(ICC_SGI1R_EL1, UINT64_C(1) << cpu | intid << 24);
	isb();
}
