/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtual CPU interface of a GICv2, by its registers in memory (IHI 0048,
 * chapter 5).
 */
#include "arch_internal.h"
#include "io.h"
#include "vgic.h"

#define GICH_HCR 0x0
#define GICH_VTR 0x4
#define GICH_VMCR 0x8
#define GICH_MISR 0x10
#define GICH_ELRSR 0x30
#define GICH_APR 0xf0
#define GICH_LR 0x100

/* A field of GICH_LR<n>: bits; where it is there, and in ICH_LR<n>_EL2 */
static const struct {
	uint16_t mask;
	uint8_t here, there;
} fields[] = {
	{0x3ff, 0, 0},		  /* INTID */
	{0x3ff, 10, LR_PHYSICAL}, /* physical INTID, or source and EOI */
	{0x1f, 23, LR_PRIORITY + 3},
	{0x3, 28, 62}, /* state */
	{0x1, 30, 60}, /* group */
	{0x1, 31, 61}, /* HW */
};

static volatile char *gich RO_AFTER_BOOT;

BOOT_ONLY void vgic_v2_init(void *registers)
{
	gich = registers;
}

static unsigned int lr_count(void)
{
	return (mmio_read32(gich, GICH_VTR) & 0x3f) + 1;
}

static void load(const struct vgic_cpu *c)
{
	mmio_write32(gich, GICH_VMCR, c->vmcr);
	mmio_write32(gich, GICH_APR, c->ap0r[0]);
}

static uint32_t vmcr(void)
{
	return mmio_read32(gich, GICH_VMCR);
}

/* What is left is the state of a vCPU that has not used it. */
static void save(struct vgic_cpu *c)
{
	static const struct vgic_cpu unused;

	mmio_write32(gich, GICH_HCR, 0);
	c->vmcr = vmcr();
	c->ap0r[0] = mmio_read32(gich, GICH_APR);
	load(&unused);
}

static uint64_t read_lr(unsigned int n)
{
	uint32_t here = mmio_read32(gich, GICH_LR + 4 * n);
	uint64_t there = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(fields); i++)
		there |= (uint64_t)(here >> fields[i].here & fields[i].mask)
			 << fields[i].there;
	return there;
}

static uint32_t empty(void)
{
	return mmio_read32(gich, GICH_ELRSR);
}

static void write_lr(unsigned int n, uint64_t there)
{
	uint32_t here = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(fields); i++)
		here |= (uint32_t)(there >> fields[i].there & fields[i].mask)
			<< fields[i].here;
	mmio_write32(gich, GICH_LR + 4 * n, here);
}

static COLD void clear(void)
{
	for (unsigned int i = 0; i < lr_count(); i++)
		write_lr(i, 0);
}

static void start(uint64_t flags)
{
	mmio_write32(gich, GICH_HCR, (uint32_t)(VGIC_HCR_EN | flags));
}

static unsigned int eoi_count(void)
{
	return mmio_read32(gich, GICH_HCR) >> 27;
}

static bool maintenance(void)
{
	return mmio_read32(gich, GICH_MISR) != 0;
}

const struct vgic_hw vgic_v2 = {
	.lr_count = lr_count,
	.load = load,
	.save = save,
	.read_lr = read_lr,
	.empty = empty,
	.write_lr = write_lr,
	.clear = clear,
	.start = start,
	.eoi_count = eoi_count,
	.maintenance = maintenance,
	.vmcr = vmcr,
	/* The registers of another CPU's interrupts are out of reach. */
	.kick = NULL,
};
