/* SPDX-License-Identifier: BSD-3-Clause */
#include "console.h"
#include "dt.h"
#include "exception.h"
#include "gic.h"
#include "smp.h"
#include "sysreg.h"
#include "timer.h"

#define PRIVATE_INTIDS 32
#define WAIT_NS UINT64_C(5000000000)

#define GICD_CTLR 0x000
#define GICD_SGIR 0xf00
#define GICD_CTLR_V2_ENABLE 0x1
#define GICD_CTLR_V3_ENABLE 0x12 /* group 1, affinity routing */
#define GICD_CTLR_RWP (UINT32_C(1) << 31)

/* At the same offsets in a v2 distributor and a v3 SGI frame. */
#define GIC_IGROUPR 0x080
#define GIC_ISENABLER 0x100
#define GIC_ICENABLER 0x180
#define GIC_IPRIORITYR 0x400

#define GICC_CTLR 0x00
#define GICC_PMR 0x04
#define GICC_IAR 0x0c
#define GICC_EOIR 0x10

#define GICR_STRIDE 0x20000
#define GICR_STRIDE_VLPIS 0x40000
#define GICR_SGI_FRAME 0x10000
#define GICR_TYPER 0x08
#define GICR_TYPER_VLPIS 0x02
#define GICR_TYPER_LAST 0x10
#define GICR_WAKER 0x14
#define GICR_WAKER_SLEEP 0x2
#define GICR_WAKER_ASLEEP 0x4

#define ICC_PMR_EL1 S3_0_C4_C6_0
#define ICC_SGI1R_EL1 S3_0_C12_C11_5
#define ICC_IAR1_EL1 S3_0_C12_C12_0
#define ICC_EOIR1_EL1 S3_0_C12_C12_1
#define ICC_SRE_EL1 S3_0_C12_C12_5
#define ICC_IGRPEN1_EL1 S3_0_C12_C12_7
#define READ(name) read_sysreg(name)
#define WRITE(name, value) write_sysreg(name, value)

#define INTID_MASK 0xffffff
#define INTID_SPECIAL 1020

static unsigned int version;
static uint64_t gicd;
static uint64_t gicc; /* v3: the redistributors */
static uintptr_t redistributors[CPUS];
static unsigned int counts[CPUS][PRIVATE_INTIDS + GIC_LPIS];

static const uint32_t *find(void)
{
	const uint32_t *node = dt_child(dt_node("/"));

	for (; node; node = dt_sibling(node)) {
		if (dt_compatible(node, "arm,gic-v3"))
			version = 3;
		else if (dt_compatible(node, "arm,cortex-a15-gic") ||
			 dt_compatible(node, "arm,gic-400"))
			version = 2;
		if (version)
			return node;
	}
	return NULL;
}

void gic_init(void)
{
	const uint32_t *node = find();

	if (!node)
		return;
	if (!dt_reg(node, 0, &gicd, NULL) || !dt_reg(node, 1, &gicc, NULL))
		panic("%s has no reg", dt_name(node));
	if (version == 2) {
		write32(gicd + GICD_CTLR, GICD_CTLR_V2_ENABLE);
		return;
	}
	write32(gicd + GICD_CTLR, GICD_CTLR_V3_ENABLE);
	while (read32(gicd + GICD_CTLR) & GICD_CTLR_RWP)
		;
}

unsigned int gic_version(void)
{
	return version;
}

static uintptr_t find_redistributor(void)
{
	uint64_t mpidr = read_sysreg(mpidr_el1);
	uint64_t affinity = (mpidr & 0xffffff) | (mpidr >> 8 & 0xff000000);
	uintptr_t r = gicc;
	uint64_t typer;

	while ((typer = read64(r + GICR_TYPER)) >> 32 != affinity) {
		if (typer & GICR_TYPER_LAST)
			panic("no GIC redistributor for CPU 0x%lx", affinity);
		r += typer & GICR_TYPER_VLPIS ? GICR_STRIDE_VLPIS : GICR_STRIDE;
	}
	return r;
}

uintptr_t gic_redistributor(void)
{
	uintptr_t *r = &redistributors[cpu_index()];

	if (!*r)
		*r = find_redistributor();
	return *r;
}

/* Where the SGIs and PPIs of this CPU are configured. */
static uintptr_t private_frame(void)
{
	return version == 2 ? gicd : gic_redistributor() + GICR_SGI_FRAME;
}

static void init_redistributor(void)
{
	uintptr_t r = gic_redistributor();

	write32(r + GICR_WAKER, read32(r + GICR_WAKER) & ~GICR_WAKER_SLEEP);
	while (read32(r + GICR_WAKER) & GICR_WAKER_ASLEEP)
		;
	write32(private_frame() + GIC_IGROUPR, 0xffffffff);
}

static void init_interface(void)
{
	if (version == 2) {
		write32(gicc + GICC_PMR, 0xff);
		write32(gicc + GICC_CTLR, 1);
		return;
	}
	WRITE(ICC_SRE_EL1, READ(ICC_SRE_EL1) | 1);
	isb();
	WRITE(ICC_PMR_EL1, 0xff);
	WRITE(ICC_IGRPEN1_EL1, 1);
	isb();
}

void gic_init_cpu(void)
{
	unsigned int i;

	if (!version)
		return;
	if (version == 3)
		init_redistributor();
	write32(private_frame() + GIC_ICENABLER, 0xffff0000);
	for (i = 0; i < PRIVATE_INTIDS; i += 4)
		write32(private_frame() + GIC_IPRIORITYR + i, 0xa0a0a0a0);
	write32(private_frame() + GIC_ISENABLER, 0x0000ffff);
	init_interface();
}

void gic_exit_cpu(void)
{
	if (!version)
		return;
	write32(private_frame() + GIC_ICENABLER, 0xffffffff);
	dsb();
}

void gic_enable(unsigned int intid)
{
	write32(private_frame() + GIC_ISENABLER, UINT32_C(1) << intid);
	dsb();
}

void gic_send(unsigned int cpu, unsigned int intid)
{
	uint64_t mpidr = cpu_mpidr(cpu);
	uint64_t to = (mpidr >> 32 & 0xff) << 48 | (mpidr >> 16 & 0xff) << 32 |
		      (mpidr >> 8 & 0xff) << 16;

	dsb();
	if (version == 2) {
		write32(gicd + GICD_SGIR, UINT32_C(1) << (16 + cpu) | intid);
		return;
	}
	to |= (mpidr & 0xf0) << 40; /* range of 16 CPUs */
	to |= UINT64_C(1) << (mpidr & 0xf);
	WRITE(ICC_SGI1R_EL1, to | (uint64_t)intid << 24);
	isb();
}

static uint32_t acknowledge(void)
{
	return version == 2 ? read32(gicc + GICC_IAR)
			    : (uint32_t)READ(ICC_IAR1_EL1);
}

static void end(uint32_t iar)
{
	if (version == 2)
		write32(gicc + GICC_EOIR, iar);
	else
		WRITE(ICC_EOIR1_EL1, iar);
	isb();
}

/* Where an interrupt is counted; panics if nobody can have wanted it. */
static unsigned int *counter(unsigned int intid)
{
	unsigned int *count = counts[cpu_index()];

	if (intid < PRIVATE_INTIDS)
		return &count[intid];
	if (intid - GIC_LPI >= GIC_LPIS)
		panic("interrupt %u", intid);
	return &count[PRIVATE_INTIDS + intid - GIC_LPI];
}

void gic_handle(void)
{
	uint32_t iar = acknowledge();
	/* v2: the sender of an SGI is in bits 12:10. */
	uint32_t intid = iar & (version == 2 ? 0x3ff : INTID_MASK);

	if (intid >= INTID_SPECIAL && intid < GIC_LPI)
		return;
	if (intid == timer_intid(TIMER_VIRTUAL))
		timer_stop(TIMER_VIRTUAL);
	else if (intid == timer_intid(TIMER_PHYSICAL))
		timer_stop(TIMER_PHYSICAL);
	(*counter(intid))++;
	end(iar);
}

unsigned int gic_count(unsigned int intid)
{
	return *(volatile unsigned int *)counter(intid);
}

bool gic_wait(unsigned int intid, unsigned int count)
{
	uint64_t stop = timer_now_ns() + WAIT_NS;
	unsigned int wanted = gic_count(intid) + count;

	irq_unmask();
	while (gic_count(intid) < wanted && timer_now_ns() < stop)
		;
	irq_mask();
	return gic_count(intid) >= wanted;
}
