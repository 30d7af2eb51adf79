/* SPDX-License-Identifier: BSD-3-Clause */
#include "mmio.h"

#include "arch_internal.h"
#include "spinlock.h"
#include "trap.h"
#include "vcpu.h"

/* ISS of data aborts (DDI 0487, D17.2.37). */
#define ISS_ISV BIT(24)
#define ISS_SAS(esr) ((esr) >> 22 & 3)
#define ISS_SSE BIT(21)
#define ISS_SF BIT(15)
#define ISS_FSC_KIND 0x3c
#define ISS_FSC_TRANSLATION 0x04

static const struct mmio_range *find_range(const struct mmio_range *ranges,
					   unsigned int count, uint64_t ipa)
{
	for (unsigned int i = 0; i < count; i++)
		if (ipa - ranges[i].base < ranges[i].size)
			return &ranges[i];
	return NULL;
}

static const struct mmio_reg *find_reg(const struct mmio_reg *reg,
				       uint32_t offset)
{
	static const struct mmio_reg reserved = {
		.span = 1, .size = 8, .widths = 1 | 2 | 4 | 8};

	for (; reg->span; reg++)
		if (offset - reg->offset < reg->span)
			return reg;
	return &reserved;
}

static uint64_t width_mask(unsigned int width)
{
	return ~(uint64_t)0 >> (64 - 8 * width);
}

/* What a load of `width` bytes leaves in its register. */
static uint64_t extend(uint64_t value, unsigned int width, uint64_t esr)
{
	uint64_t sign = (uint64_t)1 << (8 * width - 1);

	if (esr & ISS_SSE)
		value = (value ^ sign) - sign;
	return esr & ISS_SF ? value : (uint32_t)value;
}

/* The part of a register, perhaps all of it, that an access is to. */
struct part {
	uint32_t offset; /* of the register in its range */
	unsigned int shift;
	uint64_t mask;
};

static void write_part(const struct mmio_range *range, void *device,
		       const struct mmio_reg *reg, struct part p, uint64_t x)
{
	uint64_t rest = 0;

	if (!reg->write)
		return;
	if (range->lock)
		spin_lock(range->lock);
	if (reg->read && !(reg->widths & MMIO_WRITES_BITS) &&
	    (width_mask(reg->size) & ~p.mask))
		rest = reg->read(device, p.offset) & ~p.mask;
	reg->write(device, p.offset, rest | (x << p.shift & p.mask));
	if (range->lock)
		spin_unlock(range->lock);
}

static uint64_t read_part(void *device, const struct mmio_reg *reg,
			  struct part p)
{
	if (!reg->read)
		return 0;
	return (reg->read(device, p.offset) & p.mask) >> p.shift;
}

/* Whether the syndrome tells what is to be done. */
static bool can_emulate(uint64_t esr)
{
	/* Only of a translation fault is HPFAR_EL2 always valid. */
	return ESR_EC(esr) == EC_DABT_LOWER && (esr & ISS_ISV) &&
	       (esr & ISS_FSC_KIND) == ISS_FSC_TRANSLATION;
}

bool mmio_access(struct vcpu *vcpu, uint64_t esr,
		 const struct mmio_range *ranges, unsigned int count)
{
	uint64_t ipa = fault_ipa();
	const struct mmio_range *range = find_range(ranges, count, ipa);
	unsigned int width = 1u << ISS_SAS(esr);
	unsigned int rt = ISS_SRT(esr);
	const struct mmio_reg *reg;
	struct part part;
	void *device;

	if (!range || !can_emulate(esr) || !is_aligned(ipa, width))
		return false;
	part.offset = (uint32_t)(ipa - range->base);
	reg = find_reg(range->regs,
		       part.offset & (uint32_t)(range->stride - 1));
	if (!(reg->widths & width))
		return false;
	part.shift = 8 * (part.offset % reg->size);
	part.offset -= part.offset % reg->size;
	part.mask = width_mask(width) << part.shift;
	device = range->device ? range->device : vcpu;
	if (esr & ISS_WNR)
		write_part(range, device, reg, part,
			   rt == ZERO_REGISTER ? 0 : vcpu->arch.x[rt]);
	else if (rt == ZERO_REGISTER)
		read_part(device, reg, part);
	else
		vcpu->arch.x[rt] =
			extend(read_part(device, reg, part), width, esr);
	skip_instruction(esr);
	return true;
}
