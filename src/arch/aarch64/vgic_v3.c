/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtual CPU interface of a GICv3, by system registers (IHI 0069,
 * chapter 12.4).
 */
#include "arch_internal.h"
#include "control.h"
#include "gic.h"
#include "vgic.h"

#define FOR_LRS(op) op(0) op(1) op(2) op(3)
#define FOR_ALL_LRS(op)                                                        \
	FOR_LRS(op)                                                            \
	op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) op(14) \
		op(15)
_Static_assert(VGIC_LRS == 4, "FOR_LRS");

#define VMCR_EOIM BIT(9)

/* ICH_VTR_EL2 */
#define VTR_PRE_BITS(vtr) ((vtr) >> 26 & 7)

#define VTR_TDS BIT(19) /* TDIR works */
#define VTR_LIST_REGS(vtr) ((vtr)&0x1f)

/* Active priorities of a group are in 1, 2 or 4 registers. */
static unsigned int apr_count(void)
{
	unsigned int bits = VTR_PRE_BITS(read_sysreg(ich_vtr_el2)) + 1;

	return bits < 6 ? 1 : bits == 6 ? 2 : 4;
}

static uint64_t control(uint64_t vgic)
{
	return FOR_SECONDARY(ICH_HCR_EL2);
}

static void load(const struct vgic_cpu *c)
{
	write_sysreg(ich_vmcr_el2, c->vmcr);
	switch (apr_count()) {
	case 4:
		write_sysreg(ich_ap0r3_el2, c->ap0r[3]);
		write_sysreg(ich_ap0r2_el2, c->ap0r[2]);
		write_sysreg(ich_ap1r3_el2, c->ap1r[3]);
		write_sysreg(ich_ap1r2_el2, c->ap1r[2]);
		/* fall through */
	case 2:
		write_sysreg(ich_ap0r1_el2, c->ap0r[1]);
		write_sysreg(ich_ap1r1_el2, c->ap1r[1]);
		/* fall through */
	default:
		write_sysreg(ich_ap0r0_el2, c->ap0r[0]);
		write_sysreg(ich_ap1r0_el2, c->ap1r[0]);
	}
}

static void save(struct vgic_cpu *c)
{
	c->vmcr = (uint32_t)read_sysreg(ich_vmcr_el2);
	switch (apr_count()) {
	case 4:
		c->ap0r[3] = (uint32_t)read_sysreg(ich_ap0r3_el2);
		c->ap0r[2] = (uint32_t)read_sysreg(ich_ap0r2_el2);
		c->ap1r[3] = (uint32_t)read_sysreg(ich_ap1r3_el2);
		c->ap1r[2] = (uint32_t)read_sysreg(ich_ap1r2_el2);
		/* fall through */
	case 2:
		c->ap0r[1] = (uint32_t)read_sysreg(ich_ap0r1_el2);
		c->ap1r[1] = (uint32_t)read_sysreg(ich_ap1r1_el2);
		/* fall through */
	default:
		c->ap0r[0] = (uint32_t)read_sysreg(ich_ap0r0_el2);
		c->ap1r[0] = (uint32_t)read_sysreg(ich_ap1r0_el2);
	}
	write_sysreg(ich_hcr_el2, control(false));
}

static unsigned int lr_count(void)
{
	return VTR_LIST_REGS(read_sysreg(ich_vtr_el2)) + 1;
}

static uint64_t read_lr(unsigned int n)
{
	switch (n) {
#define READ(i) \
	case i: \
		return read_sysreg(ich_lr##i##_el2);
		FOR_LRS(READ)
	}
	return 0;
}

static uint32_t empty(void)
{
	return (uint32_t)read_sysreg(ich_elrsr_el2);
}

static bool refill(uint64_t lr)
{
	if (!(empty() & 1))
		return false;
	write_sysreg(ich_lr0_el2, lr);
	return true;
}

static void write_lr(unsigned int n, uint64_t lr)
{
	switch (n) {
#define WRITE(i)                                   \
	case i:                                    \
		write_sysreg(ich_lr##i##_el2, lr); \
		break;
		FOR_LRS(WRITE)
	}
}

/* All that there are, also those that are not used. */
static COLD void clear(void)
{
	unsigned int count = lr_count();

#define CLEAR(i)       \
	if (count > i) \
		write_sysreg(ich_lr##i##_el2, 0);
	FOR_ALL_LRS(CLEAR)
}

static void start(uint64_t flags)
{
	write_sysreg(ich_hcr_el2, control(true) | flags);
}

/*
 * In the mode in which an EOI drops the priority alone there are none: what
 * deactivates is trapped. QEMU counts EOIs all the same.
 */
static unsigned int eoi_count(void)
{
	if ((read_sysreg(ich_vmcr_el2) & VMCR_EOIM) &&
	    (read_sysreg(ich_vtr_el2) & VTR_TDS))
		return 0;
	return read_sysreg(ich_hcr_el2) >> 27 & 0x1f;
}

static bool maintenance(void)
{
	return read_sysreg(ich_misr_el2) != 0;
}

static uint32_t vmcr(void)
{
	return (uint32_t)read_sysreg(ich_vmcr_el2);
}

static void kick(volatile uint32_t *ppis, uint32_t bit)
{
	ppis[PPI_SET_PENDING] = bit;
}

const struct vgic_hw vgic_v3 = {
	.lr_count = lr_count,
	.load = load,
	.save = save,
	.read_lr = read_lr,
	.empty = empty,
	.refill = refill,
	.write_lr = write_lr,
	.clear = clear,
	.start = start,
	.eoi_count = eoi_count,
	.maintenance = maintenance,
	.vmcr = vmcr,
	.kick = kick,
};
