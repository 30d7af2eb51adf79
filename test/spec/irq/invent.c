/* SPDX-License-Identifier: BSD-3-Clause */
/* Making operations of interrupts up, with the state in mind. */
#include "ops.h"

static uint64_t bits(uint64_t *random)
{
	uint64_t some = draw(random) & draw(random);

	return chance(random, 3) ? (uint32_t)some
				 : UINT64_C(1) << below(random, 32);
}

/* A register of the frame of somebody's private interrupts, or of SPIs. */
static void set_frame(struct op *op, uint64_t *random, unsigned int *vcpu,
		      unsigned int *first)
{
	int self = bench_running[op->cpu];

	*vcpu = self >= 0 && !chance(random, 4) ? (unsigned int)self
						: below(random, IRQ_VCPUS + 1);
	*first = 32 * (unsigned int)below(random, 3);
	op->a[0] = *first ? IRQ_GICD : IRQ_GICR_PRIVATE;
	if (chance(random, 32))
		*first = 32 * (unsigned int)below(random, 8);
	if (op->a[0] == IRQ_GICD)
		*vcpu = 0;
}

static uint32_t any_offset(uint64_t *random, unsigned int first,
			   unsigned int *width)
{
	uint32_t n = (uint32_t)below(random, 32);

	*width = 4;
	switch (below(random, 6)) {
	case 0:
		*width = chance(random, 3) ? 4 : 1;
		return 0x400 + first + (*width == 4 ? n & ~3u : n);
	case 1:
		return 0xc00 + first / 4 + 4 * (n & 1);
	default:
		return 0x80 + 0x80 * (n % 7) + first / 8;
	}
}

static void store(struct op *op, uint64_t *random)
{
	unsigned int vcpu, first, width;

	op->kind = OP_STORE;
	set_frame(op, random, &vcpu, &first);
	op->a[1] = any_offset(random, first, &width);
	op->a[2] = bits(random);
	/* Few priorities, so that many are the same. */
	if (op->a[1] >= 0x400 && op->a[1] < 0xc00)
		op->a[2] = below(random, 2) ? draw(random) & 0x70707070
					    : (uint32_t)draw(random);
	if (op->a[1] < 0x100 && !chance(random, 4))
		op->a[2] = ~UINT32_C(0);
	op->a[0] |= vcpu << 8 | width << 16;
}

/* Registers of which there is one, or one for each interrupt's route. */
static void store_other(struct op *op, uint64_t *random)
{
	op->kind = OP_STORE;
	switch (below(random, 4)) {
	case 0:
		op->a[0] = IRQ_GICD | 4 << 16;
		op->a[2] = chance(random, 3) ? draw(random) : 3;
		break;
	case 1:
		op->a[0] = IRQ_GICR | below(random, IRQ_VCPUS) << 8 | 4 << 16;
		op->a[1] = 0x14;
		op->a[2] = draw(random);
		break;
	default:
		op->a[0] = IRQ_GICD | 8 << 16;
		op->a[1] = 0x6000 + 8 * (32 + below(random, 64));
		op->a[2] = below(random, IRQ_VCPUS + 1);
		if (chance(random, 8))
			op->a[2] |= UINT64_C(1) << below(random, 40);
	}
}

static void load(struct op *op, uint64_t *random)
{
	static const uint16_t others[] = {0x8, 0xc, 0x14};
	unsigned int vcpu, first, width;

	op->kind = OP_LOAD;
	set_frame(op, random, &vcpu, &first);
	op->a[1] = vcpu;
	op->a[2] = any_offset(random, first, &width);
	op->a[3] = width;
	if (chance(random, 8)) {
		op->a[0] = IRQ_GICR;
		op->a[2] = others[below(random, 3)];
		op->a[3] = 4;
	} else if (chance(random, 8)) {
		op->a[0] = IRQ_GICD;
		op->a[2] = chance(random, 2)
				   ? 4 * below(random, 2)
				   : 0x6000 + 8 * (32 + below(random, 64));
		op->a[3] = op->a[2] < 0x6000 ? 4 : 8;
	}
}

static void send(struct op *op, uint64_t *random)
{
	op->kind = OP_SEND;
	op->a[0] = !chance(random, 6);
	op->a[1] = below(random, 16) << 24 | below(random, 16);
	if (chance(random, 4))
		op->a[1] |= UINT64_C(1) << 40;
	if (chance(random, 16))
		op->a[1] ^= UINT64_C(1) << below(random, 56);
}

static void interface(struct op *op, uint64_t *random)
{
	static const uint16_t kinds[] = {OP_MASK, OP_POINT, OP_MODE, OP_ENABLE,
					 OP_STRAY};

	op->kind = kinds[below(random, 5)];
	op->a[0] = below(random, 2);
	op->a[1] = 0;
	if (op->kind == OP_POINT)
		op->a[0] = below(random, 8);
	else if (op->kind == OP_MASK)
		op->a[0] = chance(random, 2) ? 0xf8 : below(random, 256);
	else if (op->kind == OP_STRAY)
		op->a[1] = below(random, 2) ? below(random, 128) : 1023;
}

/* Most of them are enabled, and have priorities that differ. */
static bool prepare_interrupts(struct op *op, uint64_t *random,
			       unsigned int vcpu)
{
	unsigned int intid = below(random, IRQ_COUNT);
	const struct irq *irq = irq_at(&irq_spec, vcpu, intid);
	unsigned int frame = intid < IRQ_PRIVATE ? IRQ_GICR_PRIVATE : IRQ_GICD;

	if (irq->enabled && irq->priority)
		return false;
	op->kind = OP_STORE;
	op->a[0] = frame | vcpu << 8 | 4 << 16;
	if (!irq->enabled) {
		op->a[1] = 0x100 + intid / 32 * 4;
		op->a[2] = (uint32_t)(draw(random) | draw(random));
	} else {
		op->a[1] = 0x400 + (intid & ~3u);
		op->a[2] = (uint32_t)draw(random);
	}
	return true;
}

/* As a program begins: it lets interrupts in. False if it has. */
static bool prepare(struct op *op, uint64_t *random, unsigned int vcpu)
{
	const struct irq_cpu *c = &irq_spec.cpu[vcpu];

	if (!irq_spec.control) {
		op->kind = OP_STORE;
		op->a[0] = IRQ_GICD | 4 << 16;
		op->a[2] = 3;
	} else if (!c->mask) {
		op->kind = OP_MASK;
		op->a[0] = 0xf8;
	} else if (!c->group_enabled[1]) {
		op->kind = OP_ENABLE;
		op->a[0] = 1;
	} else {
		return prepare_interrupts(op, random, vcpu);
	}
	return true;
}

static void guest(struct op *op, uint64_t *random, unsigned int vcpu)
{
	if (chance(random, 2) && prepare(op, random, vcpu))
		return;
	switch (below(random, 32)) {
	case 0:
	case 1:
		interface(op, random);
		break;
	case 2:
		op->kind = OP_WAIT;
		break;
	case 3:
		op->kind = OP_READ;
		break;
	case 4:
		store_other(op, random);
		break;
	case 5:
	case 6:
		load(op, random);
		break;
	case 7:
	case 8:
	case 9:
		send(op, random);
		break;
	case 10:
	case 11:
		op->kind = OP_LEAVE;
		break;
	case 12:
	case 13:
	case 14:
		op->kind = OP_DIR;
		op->a[0] = chance(random, 3) ? below(random, IRQ_VCPUS) : vcpu;
		op->a[1] = below(random, 4);
		break;
	case 15:
	case 16:
	case 17:
	case 18:
	case 19:
		op->kind = OP_END;
		break;
	case 20:
	case 21:
	case 22:
	case 23:
	case 24:
	case 25:
		op->kind = OP_TAKE;
		op->a[0] = !chance(random, 5);
		break;
	default:
		store(op, random);
	}
}

static void event(struct op *op, uint64_t *random)
{
	switch (below(random, 16)) {
	case 0:
		op->kind = OP_RESET_VCPU;
		op->a[0] = below(random, IRQ_VCPUS);
		break;
	case 1:
		if (chance(random, 8))
			op->kind = OP_RESET_VM;
		break;
	case 2:
	case 3:
		op->kind = OP_PEND;
		op->a[0] = 32 + below(random, 64);
		break;
	case 4:
	case 5:
	case 6:
	case 7:
		op->kind = OP_TIMER;
		op->a[0] = below(random, IRQ_VCPUS);
		op->a[1] = below(random, 2);
		op->a[2] = below(random, 2);
		break;
	default:
		op->kind = OP_LINE;
		op->a[0] = 32 + below(random, 6);
		op->a[1] = below(random, 2);
	}
}

void ops_invent(struct op *op, uint64_t *random)
{
	do {
		int vcpu;

		*op = (struct op){.kind = OP_BOARD,
				  .cpu = (uint32_t)below(random, IFC_CPUS)};
		for (unsigned int i = 0; i < 3; i++)
			op->a[i] = draw(random) & 0xff;
		vcpu = bench_running[op->cpu];
		if (ops_applies(op))
			return;
		op->a[0] = op->a[1] = op->a[2] = 0;
		if (chance(random, 10)) {
			event(op, random);
		} else if (vcpu >= 0) {
			guest(op, random, (unsigned int)vcpu);
		} else {
			op->kind = OP_ENTER;
			op->a[0] = below(random, IRQ_VCPUS);
		}
	} while (!ops_applies(op));
}
