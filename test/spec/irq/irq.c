/* SPDX-License-Identifier: BSD-3-Clause */
#include "irq.h"

#define SGIS 16
#define PRIORITY_MASK 0xf8 /* five bits */
#define LEAST_BINARY_POINT 3

void irq_reset_cpu(struct irq_gic *g, unsigned int vcpu)
{
	struct irq_cpu *c = &g->cpu[vcpu];

	*c = (struct irq_cpu){.asleep = true};
	for (unsigned int i = 0; i < SGIS; i++)
		c->own[i].edge = true;
}

void irq_reset(struct irq_gic *g, uint32_t vcpu_count)
{
	*g = (struct irq_gic){.vcpu_count = vcpu_count};
	for (unsigned int i = 0; i < vcpu_count; i++)
		irq_reset_cpu(g, i);
}

struct irq *irq_at(struct irq_gic *g, unsigned int vcpu, unsigned int intid)
{
	return intid < IRQ_PRIVATE ? &g->cpu[vcpu].own[intid]
				   : &g->spi[intid - IRQ_PRIVATE];
}

static const struct irq *at(const struct irq_gic *g, unsigned int vcpu,
			    unsigned int intid)
{
	return intid < IRQ_PRIVATE ? &g->cpu[vcpu].own[intid]
				   : &g->spi[intid - IRQ_PRIVATE];
}

/* --- what is signalled --- */

bool irq_is_pending(const struct irq *irq)
{
	return irq->latched || (irq->line && !irq->edge);
}

/* Whether the CPU interface gets to know of it (IHI 0069, 4.6, 4.7). */
static bool is_forwarded(const struct irq_gic *g, unsigned int vcpu,
			 unsigned int intid)
{
	const struct irq *irq = at(g, vcpu, intid);

	return irq_is_pending(irq) && !irq->active && irq->enabled &&
	       (g->control >> irq->group & 1) &&
	       g->cpu[vcpu].group_enabled[irq->group] &&
	       (intid < IRQ_PRIVATE || irq->target == vcpu);
}

/* The priority of the first one, of all that the mask lets through. */
static unsigned int first_priority(const struct irq_gic *g, unsigned int vcpu)
{
	unsigned int first = IRQ_IDLE;

	for (unsigned int i = 0; i < IRQ_COUNT; i++)
		if (is_forwarded(g, vcpu, i) &&
		    at(g, vcpu, i)->priority < first)
			first = at(g, vcpu, i)->priority;
	return first < g->cpu[vcpu].mask ? first : IRQ_IDLE;
}

/* The part of a priority that decides about preemption (4.8.3). */
static unsigned int group_priority(const struct irq_cpu *c,
				   const struct irq *irq)
{
	unsigned int point = c->binary_point[irq->group];

	if (!irq->group)
		point++;
	if (point < LEAST_BINARY_POINT)
		point = LEAST_BINARY_POINT;
	return irq->priority >> point << point;
}

static unsigned int running_priority(const struct irq_cpu *c)
{
	uint32_t running = c->running[0] | c->running[1];

	for (unsigned int i = 0; i < 32; i++)
		if (running >> i & 1)
			return 8 * i;
	return IRQ_IDLE;
}

/* Of those of the first priority, each may be chosen: then it preempts or not.
 */
static bool is_first(const struct irq_gic *g, unsigned int vcpu,
		     unsigned int intid)
{
	return intid < IRQ_COUNT && is_forwarded(g, vcpu, intid) &&
	       at(g, vcpu, intid)->priority == first_priority(g, vcpu);
}

static bool preempts(const struct irq_gic *g, unsigned int vcpu,
		     unsigned int intid)
{
	const struct irq_cpu *c = &g->cpu[vcpu];

	return group_priority(c, at(g, vcpu, intid)) < running_priority(c);
}

bool irq_is_next(const struct irq_gic *g, unsigned int vcpu, unsigned int intid)
{
	return is_first(g, vcpu, intid) && preempts(g, vcpu, intid);
}

bool irq_is_signalled(const struct irq_gic *g, unsigned int vcpu)
{
	bool any = false;

	for (unsigned int i = 0; i < IRQ_COUNT; i++) {
		if (!is_first(g, vcpu, i))
			continue;
		if (!preempts(g, vcpu, i))
			return false;
		any = true;
	}
	return any;
}

bool irq_ends_wait(const struct irq_gic *g, unsigned int vcpu)
{
	return first_priority(g, vcpu) != IRQ_IDLE;
}

/* --- the CPU interface --- */

/* Whether one of the other group may be next, which hides those of this. */
static bool other_is_next(const struct irq_gic *g, unsigned int vcpu,
			  unsigned int group)
{
	for (unsigned int i = 0; i < IRQ_COUNT; i++)
		if (irq_is_next(g, vcpu, i) && at(g, vcpu, i)->group != group)
			return true;
	return false;
}

bool irq_acknowledge(struct irq_gic *g, unsigned int vcpu, unsigned int group,
		     unsigned int intid)
{
	struct irq_cpu *c = &g->cpu[vcpu];
	struct irq *irq;

	if (intid == IRQ_SPURIOUS)
		return !irq_is_signalled(g, vcpu) ||
		       other_is_next(g, vcpu, group);
	if (!irq_is_next(g, vcpu, intid))
		return false;
	irq = irq_at(g, vcpu, intid);
	if (irq->group != group)
		return false;
	irq->latched = false;
	irq->active = true;
	c->running[group] |= UINT32_C(1) << group_priority(c, irq) / 8;
	return true;
}

void irq_end(struct irq_gic *g, unsigned int vcpu, unsigned int group,
	     unsigned int intid)
{
	struct irq_cpu *c = &g->cpu[vcpu];

	/* Priority drop: the highest one; it is the lowest bit (4.1.1). */
	c->running[group] &= c->running[group] - 1;
	if (!c->drops_only && intid < IRQ_COUNT)
		irq_deactivate(g, vcpu, intid);
}

void irq_deactivate(struct irq_gic *g, unsigned int vcpu, unsigned int intid)
{
	irq_at(g, vcpu, intid)->active = false;
}

void irq_send(struct irq_gic *g, unsigned int vcpu, unsigned int group,
	      uint64_t value)
{
	unsigned int intid = value >> 24 & 15;
	bool to_others = value >> 40 & 1;

	/* Affinities 3, 2 and 1, and the range, of all vCPUs are 0. */
	if (!to_others && (value & UINT64_C(0x00fff0ff00ff0000)))
		return;
	for (unsigned int i = 0; i < g->vcpu_count; i++)
		if ((to_others ? i != vcpu : value >> i & 1) &&
		    g->cpu[i].own[intid].group == group)
			g->cpu[i].own[intid].latched = true;
}

/* --- lines --- */

void irq_set_line(struct irq *irq, bool level)
{
	if (level && !irq->line && irq->edge)
		irq->latched = true;
	irq->line = level;
}

void irq_pend(struct irq *irq)
{
	irq->latched = true;
}

/* --- registers of one bit for each interrupt --- */

enum {
	GROUP = 1,
	SET_ENABLE,
	CLEAR_ENABLE,
	SET_PENDING,
	CLEAR_PENDING,
	SET_ACTIVE,
	CLEAR_ACTIVE
};

static bool load_bit(const struct irq *irq, unsigned int kind)
{
	switch (kind) {
	case GROUP:
		return irq->group;
	case SET_ENABLE:
	case CLEAR_ENABLE:
		return irq->enabled;
	case SET_PENDING:
	case CLEAR_PENDING:
		return irq_is_pending(irq);
	default:
		return irq->active;
	}
}

static void store_bit(struct irq *irq, unsigned int kind, bool bit)
{
	/* Registers that set or clear do nothing with zeros. */
	if (kind == GROUP)
		irq->group = bit;
	else if (!bit)
		return;
	else if (kind == SET_ENABLE || kind == CLEAR_ENABLE)
		irq->enabled = kind == SET_ENABLE;
	else if (kind == SET_PENDING || kind == CLEAR_PENDING)
		irq->latched = kind == SET_PENDING;
	else
		irq->active = kind == SET_ACTIVE;
}

/* --- registers of several bits each --- */

static uint32_t load_config(const struct irq *irq)
{
	return irq->edge ? 2 : 0;
}

/* SGIs are edges, PPIs levels: they can not be changed. */
static void store_config(struct irq *irq, uint32_t value)
{
	irq->edge = value >> 1 & 1;
}

static uint64_t load_byte(const struct irq *irq)
{
	return irq->priority;
}

static void store_byte(struct irq *irq, uint64_t value)
{
	irq->priority = (uint8_t)(value & PRIORITY_MASK);
}

/* --- where they are --- */

/* The interrupts of a frame: those of the distributor are SPIs (affinity
 * routing: no others are in its registers). NULL: reserved. */
static struct irq *in_frame(struct irq_gic *g, enum irq_frame frame,
			    unsigned int vcpu, unsigned int intid)
{
	bool is_private = intid < IRQ_PRIVATE;

	if (intid >= IRQ_COUNT || is_private != (frame == IRQ_GICR_PRIVATE))
		return 0;
	return irq_at(g, vcpu, intid);
}

/* A kind of register that frames of interrupts have one after the other. */
struct kind {
	uint32_t offset, size; /* in the frame */
	unsigned int bits;     /* of an interrupt */
};

static const struct kind bits_kind = {0x80, 0x380, 1};
static const struct kind priority_kind = {0x400, 0x400, 8};
static const struct kind config_kind = {0xc00, 0x100, 2};

static bool is_of(const struct kind *k, uint32_t offset)
{
	return offset - k->offset < k->size;
}

/* The first interrupt that the access is to; registers of a bit each are 128
 * bytes for each kind. */
static unsigned int first_of(const struct kind *k, uint32_t offset)
{
	if (k == &bits_kind)
		return (offset & 0x7f) * 8;
	return (offset - k->offset) * 8 / k->bits;
}

static const struct kind *find_kind(uint32_t offset, unsigned int width)
{
	if (is_of(&bits_kind, offset) && width == 4)
		return &bits_kind;
	if (is_of(&priority_kind, offset) && (width == 4 || width == 1))
		return &priority_kind;
	if (is_of(&config_kind, offset) && width == 4)
		return &config_kind;
	return 0;
}

static uint64_t load_one(const struct kind *k, const struct irq *irq,
			 uint32_t offset)
{
	if (k == &bits_kind)
		return load_bit(irq, offset >> 7);
	return k == &config_kind ? load_config(irq) : load_byte(irq);
}

static void store_one(const struct kind *k, struct irq *irq, uint32_t offset,
		      bool is_private, uint64_t value)
{
	if (k == &bits_kind)
		store_bit(irq, offset >> 7, value & 1);
	else if (k == &priority_kind)
		store_byte(irq, value);
	else if (!is_private)
		store_config(irq, (uint32_t)value);
}

static uint64_t load_kind(struct irq_gic *g, enum irq_frame frame,
			  unsigned int vcpu, const struct kind *k,
			  uint32_t offset, unsigned int width)
{
	unsigned int first = first_of(k, offset);
	uint64_t value = 0;

	for (unsigned int i = 0; i < 8 * width / k->bits; i++) {
		struct irq *irq = in_frame(g, frame, vcpu, first + i);

		if (irq)
			value |= load_one(k, irq, offset) << i * k->bits;
	}
	return value;
}

static void store_kind(struct irq_gic *g, enum irq_frame frame,
		       unsigned int vcpu, const struct kind *k, uint32_t offset,
		       unsigned int width, uint64_t value)
{
	unsigned int first = first_of(k, offset);

	for (unsigned int i = 0; i < 8 * width / k->bits; i++) {
		struct irq *irq = in_frame(g, frame, vcpu, first + i);

		if (irq)
			store_one(k, irq, offset, frame == IRQ_GICR_PRIVATE,
				  value >> i * k->bits);
	}
}

/* --- registers of the frames themselves --- */

#define GICD_CTLR 0x0
#define GICD_TYPER 0x4
#define GICR_TYPER 0x8
#define GICR_TYPER_HIGH 0xc
#define GICR_WAKER 0x14
#define GICD_IROUTER 0x6000

/* Affinity routing is on (ARE), there is one security state (DS). */
#define CTLR_CONSTANT 0x50
/* 96 interrupts, INTIDs of 10 bits, no routing to any one of several. */
#define TYPER(vcpus) (2 | ((vcpus)-1) << 5 | 9 << 19 | 1 << 25)

static struct irq *routed(struct irq_gic *g, uint32_t offset)
{
	uint32_t intid = (offset - GICD_IROUTER) / 8;

	return intid < IRQ_PRIVATE ? 0 : in_frame(g, IRQ_GICD, 0, intid);
}

static uint64_t load_distributor(struct irq_gic *g, uint32_t offset)
{
	const struct irq *irq = routed(g, offset);

	if (offset == GICD_CTLR)
		return g->control | CTLR_CONSTANT;
	if (offset == GICD_TYPER)
		return TYPER(g->vcpu_count);
	return irq ? irq->target : 0;
}

static void store_distributor(struct irq_gic *g, uint32_t offset,
			      uint64_t value)
{
	struct irq *irq = routed(g, offset);

	if (offset == GICD_CTLR)
		g->control = value & 3;
	/* Affinities 1 and above, of all vCPUs, are 0. */
	else if (irq)
		irq->target = value % 256 < g->vcpu_count &&
					      !(value & UINT64_C(0xff00ffff00))
				      ? (uint8_t)value
				      : IRQ_NOBODY;
}

static uint64_t load_redistributor(const struct irq_gic *g, unsigned int vcpu,
				   uint32_t offset)
{
	if (offset == GICR_TYPER)
		return vcpu << 8 | (vcpu + 1 == g->vcpu_count) << 4;
	if (offset == GICR_TYPER_HIGH)
		return vcpu; /* affinity */
	if (offset == GICR_WAKER)
		return g->cpu[vcpu].asleep ? 6 : 0;
	return 0;
}

/* --- accesses --- */

uint64_t irq_load(struct irq_gic *g, enum irq_frame frame, unsigned int vcpu,
		  uint32_t offset, unsigned int width)
{
	const struct kind *k = find_kind(offset, width);

	if (frame == IRQ_GICD)
		vcpu = 0;
	if (vcpu >= g->vcpu_count)
		return 0;
	if (frame != IRQ_GICR && k)
		return load_kind(g, frame, vcpu, k, offset, width);
	if (frame == IRQ_GICD)
		return load_distributor(g, offset);
	return frame == IRQ_GICR ? load_redistributor(g, vcpu, offset) : 0;
}

void irq_store(struct irq_gic *g, enum irq_frame frame, unsigned int vcpu,
	       uint32_t offset, unsigned int width, uint64_t value)
{
	const struct kind *k = find_kind(offset, width);

	if (frame == IRQ_GICD)
		vcpu = 0;
	if (vcpu >= g->vcpu_count)
		return;
	if (frame != IRQ_GICR && k)
		store_kind(g, frame, vcpu, k, offset, width, value);
	else if (frame == IRQ_GICD)
		store_distributor(g, offset, value);
	else if (frame == IRQ_GICR && offset == GICR_WAKER)
		g->cpu[vcpu].asleep = value >> 1 & 1;
}
