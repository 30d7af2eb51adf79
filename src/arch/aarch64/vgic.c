/* SPDX-License-Identifier: BSD-3-Clause */
#include "vgic.h"

#include "arch_internal.h"
#include "cpu.h"
#include "gic.h"
#include "mmio.h"
#include "nospec.h"
#include "string.h"
#include "vcpu.h"
#include "vm.h"

#define SGIS 0x0000ffffu
#define PRIORITY_BITS 0xf8f8f8f8 /* five of each */
#define NO_VCPU 0xff
/* Interrupts of its own in a row that a vCPU goes on behind, and one more */
#define MAX_HANDLED 8
#define INTERFACE_PAGES (VGIC_INTERFACE_SIZE / PAGE_SIZE)

/* Offsets in a distributor, and the same in a frame of private interrupts */
#define GICD_CTLR 0x0
#define GICD_TYPER 0x4
#define GICD_IIDR 0x8
#define GICD_IGROUPR 0x80
#define GICD_IPRIORITYR 0x400
#define GICD_ITARGETSR 0x800
#define GICD_ICFGR 0xc00
#define GICD_SGIR 0xf00
#define GICD_CPENDSGIR 0xf10
#define GICD_SPENDSGIR 0xf20
#define GICD_V2_PIDR2 0xfe8
#define GICD_IROUTER 0x6000
#define GIC_PIDR2 0xffe8
#define GICR_TYPER 0x8
#define GICR_WAKER 0x14
#define GICR_PRIVATE 0x10000 /* the frame */

#define CTLR_GROUPS 3
#define CTLR_ARE BIT(4)
#define CTLR_DS BIT(6)
#define TYPER_LINES (VGIC_WORDS - 1)
#define TYPER_CPUS(n) ((uint64_t)(n) << 5)
#define TYPER_ID_BITS (9u << 19) /* 10 */
#define TYPER_NO_1N BIT(25)
#define IIDR_ARM 0x43b
#define TYPER_LAST BIT(4)
#define WAKER_SLEEP BIT(1)
#define WAKER_ASLEEP BIT(2)

/* NULL: the board has none for it. */
static const struct vgic_hw *hw RO_AFTER_BOOT;
static unsigned int lrs RO_AFTER_BOOT;

static bool is_v2(void)
{
	return board.gic_version == 2;
}

/* --- sets of interrupts, in words --- */

static struct vgic_word *word_of(struct vcpu *vcpu, unsigned int w)
{
	return w ? &vcpu->vm->arch.vgic.spi[w - 1] : &vcpu->arch.vgic.own;
}

#define FOR_BITS(n, set)                                          \
	for (uint32_t rest_ = (set), n = 0;                       \
	     rest_ && (n = (uint32_t)__builtin_ctz(rest_), true); \
	     rest_ &= rest_ - 1)

/* Those of a word that are the vCPU's: all of its own, and of SPIs by `who`. */
static uint32_t mine(const struct vcpu *vcpu, unsigned int w, uint32_t set,
		     const uint8_t *who)
{
	if (w)
		FOR_BITS (n, set)
			if (who[32 * (w - 1) + n] != vcpu->index)
				set &= ~(uint32_t)BIT(n);
	return set;
}

/* Those that have a list register with all of `flags`. */
static uint32_t in_lrs(const struct vgic_cpu *c, unsigned int w, uint64_t flags)
{
	uint32_t set = 0;

	for (unsigned int i = 0; i < c->lr_count; i++)
		if ((c->lr[i] & LR_INTID) / 32 == w &&
		    (c->lr[i] & flags) == flags)
			set |= (uint32_t)BIT(c->lr[i] % 32);
	return set;
}

static uint32_t pending(const struct vgic_word *word)
{
	return word->latched | (word->line & ~word->edge);
}

/* Those that the vCPU gets when they are pending. */
static uint32_t forwarded(struct vcpu *vcpu, unsigned int w)
{
	const struct vgic *g = &vcpu->vm->arch.vgic;
	const struct vgic_word *word = word_of(vcpu, w);
	uint32_t set = g->control & 1 ? ~word->group : 0;

	set |= g->control & 2 ? word->group : 0;
	return set & word->enabled;
}

/* Those that are to be signalled to the vCPU. */
static uint32_t signalled(struct vcpu *vcpu, unsigned int w)
{
	const struct vgic_word *word = word_of(vcpu, w);

	return mine(vcpu, w, pending(word) & ~word->active & forwarded(vcpu, w),
		    vcpu->vm->arch.vgic.target);
}

/* The one of highest priority, of those the lowest; VGIC_INTIDS: none. */
static unsigned int first(struct vcpu *vcpu, const uint32_t set[VGIC_WORDS])
{
	unsigned int found = VGIC_INTIDS, least = 256;

	for (unsigned int w = 0; w < VGIC_WORDS; w++)
		FOR_BITS (n, set[w])
			if (word_of(vcpu, w)->priority[n] < least) {
				least = word_of(vcpu, w)->priority[n];
				found = 32 * w + n;
			}
	return found;
}

static void set_owner(struct vcpu *vcpu, unsigned int w, uint32_t set)
{
	if (w)
		FOR_BITS (n, set)
			vcpu->vm->arch.vgic.owner[32 * (w - 1) + n] =
				(uint8_t)vcpu->index;
}

/* --- list registers --- */

static uint64_t make_lr(struct vcpu *vcpu, unsigned int intid)
{
	const struct vgic_word *word = word_of(vcpu, intid / 32);
	uint64_t lr = intid;

	lr |= (uint64_t)word->priority[intid % 32] << LR_PRIORITY;
	if (word->group & BIT(intid % 32))
		lr |= LR_GROUP;
	/*
	 * Its end is that of the physical one, too; of a GICv2 in QEMU only if
	 * the primary ends interrupts in two steps.
	 */
	if (intid == VGIC_VIRTUAL_TIMER && !is_v2())
		lr |= LR_HW | (uint64_t)board.virtual_timer_intid
				      << LR_PHYSICAL;
	else if (!(word->edge & BIT(intid % 32)))
		lr |= LR_EOI; /* to look at the line again */
	return lr;
}

/* Takes the latch of an interrupt for its LR; GICv2: of one sender. */
static uint64_t take_latch(struct vcpu *vcpu, unsigned int intid)
{
	struct vgic_word *word = word_of(vcpu, intid / 32);
	struct vgic_cpu *c = &vcpu->arch.vgic;
	unsigned int source;

	if (!(word->latched & BIT(intid % 32)))
		return 0;
	word->latched &= ~(uint32_t)BIT(intid % 32);
	if (!is_v2() || intid >= ARRAY_SIZE(c->sources) || !c->sources[intid])
		return LR_LATCHED;
	source = (unsigned int)__builtin_ctz(c->sources[intid]);
	c->sources[intid] &= (uint8_t)(c->sources[intid] - 1);
	if (!c->sources[intid])
		return LR_LATCHED | (uint64_t)source << LR_PHYSICAL;
	/* The others come when this one is done. */
	word->latched |= (uint32_t)BIT(intid % 32);
	return LR_LATCHED | LR_EOI | (uint64_t)source << LR_PHYSICAL;
}

static uint64_t active_lr(struct vcpu *vcpu, unsigned int intid)
{
	const struct vgic_word *word = word_of(vcpu, intid / 32);
	uint64_t lr = make_lr(vcpu, intid) | LR_ACTIVE;
	uint32_t bit = (uint32_t)BIT(intid % 32);

	/* GICv2: one of another sender can not be in the same LR. */
	if (is_v2() && intid < ARRAY_SIZE(vcpu->arch.vgic.source)) {
		lr |= (uint64_t)vcpu->arch.vgic.source[intid] << LR_PHYSICAL;
		return word->latched & bit ? lr | LR_EOI : lr;
	}
	if (!(word->latched & word->edge & forwarded(vcpu, intid / 32) & bit))
		return lr;
	/* Perhaps it is another vCPU's, when it is done here. */
	if (!mine(vcpu, intid / 32, bit, vcpu->vm->arch.vgic.target))
		return lr | LR_EOI;
	return lr | LR_PENDING | take_latch(vcpu, intid);
}

static uint64_t pending_lr(struct vcpu *vcpu, unsigned int intid)
{
	return make_lr(vcpu, intid) | LR_PENDING | take_latch(vcpu, intid);
}

/*
 * Moves interrupts of `set` to LRs while there are less than `room`. Returns
 * whether some are left.
 */
static bool move_to_lrs(struct vcpu *vcpu, uint32_t set[VGIC_WORDS],
			unsigned int room,
			uint64_t (*lr)(struct vcpu *vcpu, unsigned int intid))
{
	struct vgic_cpu *c = &vcpu->arch.vgic;
	unsigned int intid;

	while ((intid = first(vcpu, set)) < VGIC_INTIDS) {
		if (c->lr_count >= room)
			return true;
		set[intid / 32] &= ~(uint32_t)BIT(intid % 32);
		c->lr[c->lr_count++] = lr(vcpu, intid);
	}
	return false;
}

static void sample_timers(struct vcpu *vcpu)
{
	uint32_t *line = &vcpu->arch.vgic.own.line;

	*line = timer_virtual_fired() ? (uint32_t)BIT(VGIC_VIRTUAL_TIMER) : 0;
	if (timer_physical_fired(vcpu))
		*line |= (uint32_t)BIT(VGIC_PHYSICAL_TIMER);
	timer_set_deadline(vcpu);
}

/* The bitmaps go to LRs. The vCPU is loaded here. */
static void fill(struct vcpu *vcpu)
{
	struct vgic *g = &vcpu->vm->arch.vgic;
	struct vgic_cpu *c = &vcpu->arch.vgic;
	uint32_t active[VGIC_WORDS], wanted[VGIC_WORDS], any = 0;
	const uint32_t timer = (uint32_t)BIT(VGIC_VIRTUAL_TIMER);
	uint64_t flags = 0;

	sample_timers(vcpu);
	for (unsigned int w = 0; w < VGIC_WORDS; w++) {
		active[w] = mine(vcpu, w, word_of(vcpu, w)->active, g->owner);
		wanted[w] = signalled(vcpu, w);
		any |= wanted[w];
	}
	c->told = false;
	timer_quiet(vcpu->cpu, (active[0] | c->own.line) & timer);
	/* What is active ends without an LR, too; nothing begins without. */
	if (move_to_lrs(vcpu, active, lrs - (any != 0), active_lr))
		flags |= VGIC_HCR_LRENPIE;
	if (move_to_lrs(vcpu, wanted, lrs, pending_lr))
		flags |= VGIC_HCR_NPIE;
	for (unsigned int i = 0; i < lrs; i++)
		hw->write_lr(i, i < c->lr_count ? c->lr[i] & ~LR_LATCHED : 0);
	hw->start(flags);
}

/* What became of an LR that was filled with `old`. */
static void fold_lr(struct vcpu *vcpu, uint64_t old, uint64_t now)
{
	unsigned int intid = old & LR_INTID, w = intid / 32;
	struct vgic_cpu *c = &vcpu->arch.vgic;
	struct vgic_word *word = word_of(vcpu, w);
	uint32_t bit = (uint32_t)BIT(intid % 32);
	unsigned int source = old >> LR_PHYSICAL & 7;
	bool has_source = is_v2() && w == 0 && (bit & SGIS);

	if ((old & LR_LATCHED) && (now & LR_PENDING)) {
		word->latched |= bit;
		if (has_source)
			c->sources[intid] |= (uint8_t)BIT(source);
	}
	/* If it was active it may have been deactivated by another vCPU. */
	if ((now & LR_ACTIVE) && !(old & LR_ACTIVE)) {
		word->active |= bit;
		set_owner(vcpu, w, bit);
		if (has_source)
			c->source[intid] = (uint8_t)source;
	} else if (!(now & LR_ACTIVE) && (old & LR_ACTIVE)) {
		word->active &= ~bit;
	}
}

/* The LRs go to the bitmaps. The vCPU is loaded here. */
static void fold(struct vcpu *vcpu)
{
	struct vgic_cpu *c = &vcpu->arch.vgic;
	uint32_t unseen[VGIC_WORDS];
	unsigned int intid;

	for (unsigned int w = 0; w < VGIC_WORDS; w++)
		unseen[w] = mine(vcpu, w, word_of(vcpu, w)->active,
				 vcpu->vm->arch.vgic.owner) &
			    ~in_lrs(c, w, LR_ACTIVE);
	for (unsigned int i = 0; i < c->lr_count; i++)
		fold_lr(vcpu, c->lr[i], hw->read_lr(i));
	c->lr_count = 0;
	/* Interrupts end in the order of their priorities. */
	for (unsigned int n = hw->eoi_count(); n; n--) {
		intid = first(vcpu, unseen);
		if (intid == VGIC_INTIDS)
			break;
		unseen[intid / 32] &= ~(uint32_t)BIT(intid % 32);
		word_of(vcpu, intid / 32)->active &= ~(uint32_t)BIT(intid % 32);
	}
}

/* --- who is told --- */

/* Those that the virtual CPU interface, as saved, would signal. */
static uint32_t audible(struct vcpu *vcpu, unsigned int w, uint32_t set)
{
	const struct vgic_word *word = word_of(vcpu, w);
	uint32_t vmcr = vcpu->arch.vgic.vmcr;

	FOR_BITS (n, set)
		if (word->priority[n] >= vmcr >> VMCR_PMR ||
		    !(vmcr & (word->group & BIT(n) ? 2 : 1)))
			set &= ~(uint32_t)BIT(n);
	return set;
}

static bool is_awaited(struct vcpu *vcpu)
{
	uint32_t any = 0;

	for (unsigned int w = 0; w < VGIC_WORDS; w++)
		any |= audible(vcpu, w, signalled(vcpu, w));
	return any;
}

/* Whether LRs on another CPU are not what they should be. */
static bool is_outdated(struct vcpu *vcpu)
{
	struct vgic_cpu *c = &vcpu->arch.vgic;
	uint32_t any = 0;

	for (unsigned int w = 0; w < VGIC_WORDS; w++) {
		any |= signalled(vcpu, w) &
		       (word_of(vcpu, w)->latched | ~in_lrs(c, w, 0));
		any |= in_lrs(c, w, LR_PENDING) & ~forwarded(vcpu, w);
	}
	return any;
}

/* What `self` did is news for other vCPUs. */
static void tell_others(struct vcpu *self)
{
	struct vm *vm = self->vm;

	for (uint32_t i = 0; i < vm->vcpu_count; i++) {
		struct vcpu *v = &vm->vcpus[i];
		struct vgic_cpu *c = &v->arch.vgic;

		if (v == self || c->told)
			continue;
		if (!(c->idle ? is_awaited(v) : c->loaded && is_outdated(v)))
			continue;
		c->told = true;
		if (c->loaded && !c->idle && hw->kick)
			hw->kick(v->cpu->arch.ppis,
				 v->cpu->arch.ppi_maintenance_bit);
		else
			self->arch.vgic.tell |= (uint8_t)BIT(i);
	}
}

uint64_t vgic_next_wake(struct vcpu *vcpu)
{
	uint8_t *tell = &vcpu->arch.vgic.tell;
	unsigned int index;

	index = (unsigned int)__builtin_ctz(*tell);
	*tell &= (uint8_t)(*tell - 1);
	return vcpu_exit(EXIT_WAKE, index);
}

/* --- entering and leaving --- */

static void begin(struct vcpu *vcpu)
{
	spin_lock(&vcpu->vm->arch.vgic.lock);
	if (vcpu->arch.vgic.loaded)
		fold(vcpu);
}

static void end(struct vcpu *vcpu)
{
	if (vcpu->arch.vgic.loaded)
		fill(vcpu);
	tell_others(vcpu);
	spin_unlock(&vcpu->vm->arch.vgic.lock);
}

static void empty_lrs(void)
{
	for (unsigned int i = 0; i < lrs; i++)
		hw->write_lr(i, 0);
}

static void load(struct vcpu *vcpu)
{
	struct vgic_cpu *c = &vcpu->arch.vgic;

	c->loaded = true;
	c->idle = false;
	hw->load(c);
	timer_take(vcpu->cpu, true);
	isb();
}

void vgic_enter(struct vcpu *vcpu)
{
	spin_lock(&vcpu->vm->arch.vgic.lock);
	load(vcpu);
	fill(vcpu);
	spin_unlock(&vcpu->vm->arch.vgic.lock);
}

/* As begin(), of a vCPU that uses its GIC from now on. */
static void use(struct vcpu *vcpu)
{
	begin(vcpu);
	__atomic_store_n(&vcpu->vm->arch.vgic.used, true, __ATOMIC_RELAXED);
	if (!vcpu->arch.vgic.loaded)
		load(vcpu);
}

void vgic_leave(struct vcpu *vcpu)
{
	struct vgic_cpu *c = &vcpu->arch.vgic;

	spin_lock(&vcpu->vm->arch.vgic.lock);
	if (c->loaded) {
		fold(vcpu);
		empty_lrs();
		hw->save(c);
	} else if (is_v2()) {
		/* Entered before another vCPU was the first to use it. */
		hw->save(c);
	}
	c->loaded = false;
	spin_unlock(&vcpu->vm->arch.vgic.lock);
}

void vgic_refresh(struct vcpu *vcpu)
{
	begin(vcpu);
	end(vcpu);
}

bool vgic_interrupt(struct vcpu *vcpu)
{
	/* All of them: one that is left would not be told from the primary's.*/
	bool maintenance = hw->maintenance(), timer = timer_interrupts(vcpu);
	bool kicked = gic_end_kick(vcpu->cpu);

	if (!maintenance && !timer && !kicked)
		return false;
	vgic_refresh(vcpu);
	/* However many its VM makes, the primary's come in between. */
	return ++vcpu->arch.vgic.handled % MAX_HANDLED;
}

bool vgic_may_wait(struct vcpu *vcpu)
{
	struct vgic_cpu *c = &vcpu->arch.vgic;

	use(vcpu);
	sample_timers(vcpu);
	c->vmcr = hw->vmcr();
	c->idle = !is_awaited(vcpu);
	end(vcpu);
	/* What it has to tell would wait as long as it does. */
	return c->idle && !c->tell;
}

/* --- registers: words of interrupts --- */

/* The vCPU whose redistributor it is, or NULL. */
static struct vcpu *redistributor(struct vcpu *vcpu, uint32_t offset)
{
	const struct vm *vm = vcpu->vm;
	uint32_t index = offset / VGIC_REDISTRIBUTOR_SIZE;

	if (index >= vm->vcpu_count)
		return NULL;
	return &vm->vcpus[index_nospec(index, vm->vcpu_count)];
}

/*
 * Finds word `w` of a frame. The vCPU becomes the one whose private interrupts
 * are meant. NULL if there is none: reads as zero, ignores writes.
 */
static struct vgic_word *find_word(struct vcpu **vcpu, uint32_t offset,
				   unsigned int w)
{
	if (offset & GICR_PRIVATE) {
		*vcpu = redistributor(*vcpu, offset);
		return *vcpu && w == 0 ? &(*vcpu)->arch.vgic.own : NULL;
	}
	if (w >= VGIC_WORDS || (w == 0 && !is_v2()))
		return NULL;
	return word_of(*vcpu, (unsigned int)index_nospec(w, VGIC_WORDS));
}

enum {
	GROUP = 1,
	SET_ENABLE,
	CLEAR_ENABLE,
	SET_PENDING,
	CLEAR_PENDING,
	SET_ACTIVE,
	CLEAR_ACTIVE
};

static unsigned int kind_of(uint32_t offset)
{
	return offset >> 7 & 7;
}

/* For each vCPU that has interrupts of the word in LRs. */
static uint32_t latches_in_lrs(struct vcpu *vcpu, unsigned int w, uint32_t take)
{
	struct vm *vm = vcpu->vm;
	uint32_t set = 0;

	for (uint32_t i = 0; i < vm->vcpu_count; i++) {
		struct vgic_cpu *c = &vm->vcpus[i].arch.vgic;

		if (w == 0 && i != vcpu->index)
			continue;
		set |= in_lrs(c, w, LR_LATCHED);
		for (unsigned int n = 0; n < c->lr_count; n++)
			if ((c->lr[n] & LR_INTID) / 32 == w &&
			    (take & BIT(c->lr[n] % 32)))
				c->lr[n] &= ~LR_LATCHED;
	}
	return set;
}

static uint64_t read_bits(void *device, uint32_t offset)
{
	struct vcpu *vcpu = device;
	unsigned int w = (offset & 0x7f) / 4;
	const struct vgic_word *word = find_word(&vcpu, offset, w);

	if (!word)
		return 0;
	switch (kind_of(offset)) {
	case GROUP:
		return word->group;
	case SET_ENABLE:
	case CLEAR_ENABLE:
		return word->enabled;
	case SET_PENDING:
	case CLEAR_PENDING:
		return pending(word) | latches_in_lrs(vcpu, w, 0);
	default:
		return word->active;
	}
}

static void clear_pending(struct vcpu *vcpu, unsigned int w, uint32_t set)
{
	word_of(vcpu, w)->latched &= ~set;
	latches_in_lrs(vcpu, w, set);
	if (w == 0)
		FOR_BITS (n, set & SGIS)
			vcpu->arch.vgic.sources[n] = 0;
}

static void set_active(struct vcpu *vcpu, unsigned int w, uint32_t set)
{
	struct vgic *g = &vcpu->vm->arch.vgic;
	struct vgic_word *word = word_of(vcpu, w);

	set &= ~word->active;
	word->active |= set;
	if (w)
		FOR_BITS (n, set)
			g->owner[32 * (w - 1) + n] =
				g->target[32 * (w - 1) + n];
}

static void write_bits(void *device, uint32_t offset, uint64_t value)
{
	struct vcpu *vcpu = device;
	unsigned int w = (offset & 0x7f) / 4;
	struct vgic_word *word = find_word(&vcpu, offset, w);
	uint32_t set = (uint32_t)value;
	/* GICv2: SGIs are always enabled, and pend by registers of their own.
	 */
	uint32_t fixed = is_v2() && w == 0 ? SGIS : 0;

	if (!word)
		return;
	switch (kind_of(offset)) {
	case GROUP:
		word->group = set;
		break;
	case SET_ENABLE:
		word->enabled |= set;
		break;
	case CLEAR_ENABLE:
		word->enabled &= ~set | fixed;
		break;
	case SET_PENDING:
		word->latched |= set & ~fixed;
		break;
	case CLEAR_PENDING:
		clear_pending(vcpu, w, set & ~fixed);
		break;
	case SET_ACTIVE:
		set_active(vcpu, w, set);
		break;
	case CLEAR_ACTIVE:
		word->active &= ~set;
		break;
	}
}

static uint64_t read_priority(void *device, uint32_t offset)
{
	struct vcpu *vcpu = device;
	const struct vgic_word *word =
		find_word(&vcpu, offset, (offset & 0x3ff) / 32);
	uint32_t value;

	if (!word)
		return 0;
	memcpy(&value, &word->priority[offset % 32], sizeof(value));
	return value;
}

static void write_priority(void *device, uint32_t offset, uint64_t value)
{
	struct vcpu *vcpu = device;
	struct vgic_word *word =
		find_word(&vcpu, offset, (offset & 0x3ff) / 32);
	uint32_t priorities = (uint32_t)value & PRIORITY_BITS;

	if (word)
		memcpy(&word->priority[offset % 32], &priorities,
		       sizeof(priorities));
}

/* Two bits for each interrupt: the upper one says that it is edge-triggered. */
static uint64_t read_config(void *device, uint32_t offset)
{
	struct vcpu *vcpu = device;
	const struct vgic_word *word =
		find_word(&vcpu, offset, (offset & 0xff) / 8);
	uint32_t value = 0;

	if (word)
		FOR_BITS (n, word->edge >> 4 * (offset & 4) & 0xffff)
			value |= 2u << 2 * n;
	return value;
}

/* Of SPIs; SGIs have edges, and PPIs have levels. */
static void write_config(void *device, uint32_t offset, uint64_t value)
{
	struct vcpu *vcpu = device;
	unsigned int w = (offset & 0xff) / 8, shift = 4 * (offset & 4);
	struct vgic_word *word = find_word(&vcpu, offset, w);

	if (!word || w == 0)
		return;
	word->edge &= ~(0xffffu << shift);
	for (unsigned int n = 0; n < 16; n++)
		if (value & 2u << 2 * n)
			word->edge |= 1u << (n + shift);
}

/* --- registers: one by one --- */

static uint64_t read_control(void *device, uint32_t offset)
{
	const struct vcpu *vcpu = device;

	(void)offset;
	return vcpu->vm->arch.vgic.control | (is_v2() ? 0 : CTLR_ARE | CTLR_DS);
}

static void write_control(void *device, uint32_t offset, uint64_t value)
{
	struct vcpu *vcpu = device;

	(void)offset;
	vcpu->vm->arch.vgic.control = (uint32_t)value & CTLR_GROUPS;
}

static uint64_t read_type(void *device, uint32_t offset)
{
	const struct vcpu *vcpu = device;

	(void)offset;
	return TYPER_LINES | TYPER_CPUS(vcpu->vm->vcpu_count - 1) |
	       (is_v2() ? 0 : TYPER_ID_BITS | TYPER_NO_1N);
}

static uint64_t read_iidr(void *device, uint32_t offset)
{
	(void)device;
	(void)offset;
	return IIDR_ARM;
}

static uint64_t read_pidr2(void *device, uint32_t offset)
{
	(void)device;
	(void)offset;
	return board.gic_version << 4 | 0xb;
}

static uint8_t *target_of(struct vcpu *vcpu, uint32_t offset)
{
	uint32_t spi = (offset - GICD_IROUTER) / 8 - VGIC_FIRST_SPI;

	return &vcpu->vm->arch.vgic.target[spi % VGIC_SPIS];
}

static uint64_t read_router(void *device, uint32_t offset)
{
	return *target_of(device, offset);
}

static void write_router(void *device, uint32_t offset, uint64_t value)
{
	struct vcpu *vcpu = device;
	uint64_t affinity = value & MPIDR_AFFINITY;

	*target_of(vcpu, offset) =
		affinity < vcpu->vm->vcpu_count ? (uint8_t)affinity : NO_VCPU;
}

/* GICv2: a byte for each interrupt, with a bit for each vCPU. */
static uint64_t read_targets(void *device, uint32_t offset)
{
	const struct vcpu *vcpu = device;
	uint32_t intid = offset - GICD_ITARGETSR, value;

	if (intid < VGIC_FIRST_SPI)
		return 0x01010101u << vcpu->index;
	memcpy(&value,
	       &vcpu->vm->arch.vgic
			.targets[(intid - VGIC_FIRST_SPI) % VGIC_SPIS],
	       sizeof(value));
	return value;
}

/* Of several vCPUs the first one gets it. */
static void write_targets(void *device, uint32_t offset, uint64_t value)
{
	struct vm *vm = ((struct vcpu *)device)->vm;
	struct vgic *g = &vm->arch.vgic;
	uint32_t spi = offset - GICD_ITARGETSR - VGIC_FIRST_SPI;

	/* Where there is one vCPU there is nothing to choose (4.3.12). */
	if (spi >= VGIC_SPIS || vm->vcpu_count == 1)
		return;
	for (unsigned int i = 0; i < 4; i++, value >>= 8) {
		unsigned int n = (spi + i) % VGIC_SPIS;

		g->targets[n] = (uint8_t)(value & (BIT(vm->vcpu_count) - 1));
		g->target[n] = g->targets[n]
				       ? (uint8_t)__builtin_ctz(g->targets[n])
				       : NO_VCPU;
	}
}

static uint64_t read_redistributor_type(void *device, uint32_t offset)
{
	const struct vcpu *vcpu = redistributor(device, offset);

	if (!vcpu)
		return 0;
	return (uint64_t)vcpu->index << 32 | vcpu->index << 8 |
	       (vcpu->index + 1 == vcpu->vm->vcpu_count ? TYPER_LAST : 0);
}

static uint64_t read_waker(void *device, uint32_t offset)
{
	const struct vcpu *vcpu = redistributor(device, offset);

	return vcpu && vcpu->arch.vgic.asleep ? WAKER_SLEEP | WAKER_ASLEEP : 0;
}

static void write_waker(void *device, uint32_t offset, uint64_t value)
{
	struct vcpu *vcpu = redistributor(device, offset);

	if (vcpu)
		vcpu->arch.vgic.asleep = value & WAKER_SLEEP;
}

/* --- software-generated interrupts --- */

static void send_sgi(struct vcpu *sender, uint64_t targets, unsigned int intid,
		     bool group)
{
	struct vm *vm = sender->vm;
	uint32_t bit = (uint32_t)BIT(intid);

	for (uint32_t i = 0; i < vm->vcpu_count; i++) {
		struct vgic_cpu *c = &vm->vcpus[i].arch.vgic;

		if (!(targets & BIT(i)) || !!(c->own.group & bit) != group)
			continue;
		c->own.latched |= bit;
		c->sources[intid] |= (uint8_t)BIT(sender->index);
	}
}

/* ICC_SGI1R_EL1, ICC_SGI0R_EL1 */
static void write_sgir(struct vcpu *vcpu, uint64_t value, bool group)
{
	uint64_t targets = value & 0xffff;

	if (value & BIT(40))
		targets = ~BIT(vcpu->index);
	else if (value & 0x00fff0ff00ff0000) /* affinity 3, 2, 1, and range */
		return;
	send_sgi(vcpu, targets, value >> 24 & 0xf, group);
}

/* GICD_SGIR of a GICv2 */
static void write_sgir_v2(void *device, uint32_t offset, uint64_t value)
{
	struct vcpu *vcpu = device;
	uint64_t self = BIT(vcpu->index);
	uint64_t targets[4] = {value >> 16 & 0xff, ~self, self, 0};
	uint32_t intid = value & 0xf;

	(void)offset;
	send_sgi(vcpu, targets[value >> 24 & 3], intid, false);
	send_sgi(vcpu, targets[value >> 24 & 3], intid, true);
}

/* GICD_CPENDSGIR<n>, GICD_SPENDSGIR<n>: a byte for each SGI, of its senders. */
static uint64_t read_sgi_pending(void *device, uint32_t offset)
{
	const struct vcpu *vcpu = device;
	uint32_t value;

	memcpy(&value, &vcpu->arch.vgic.sources[offset % 16], sizeof(value));
	return value;
}

static void write_sgi_pending(void *device, uint32_t offset, uint64_t value)
{
	struct vcpu *vcpu = device;
	struct vgic_cpu *c = &vcpu->arch.vgic;

	value &= 0x01010101 * (BIT(vcpu->vm->vcpu_count) - 1);
	for (unsigned int n = offset % 16; value; n++, value >>= 8) {
		uint32_t bit = (uint32_t)BIT(n);

		if (offset < GICD_SPENDSGIR)
			c->sources[n] &= (uint8_t)~value;
		else
			c->sources[n] |= (uint8_t)value;
		c->own.latched &= ~bit;
		c->own.latched |= c->sources[n] ? bit : 0;
	}
}

/* --- the frames --- */

static const struct mmio_reg distributor_v3[] = {
	{GICD_CTLR, 4, 4, 4, read_control, write_control},
	{GICD_TYPER, 4, 4, 4, read_type, NULL},
	{GICD_IIDR, 4, 4, 4, read_iidr, NULL},
	{GICD_IGROUPR, 0x380, 4, 4, read_bits, write_bits},
	{GICD_IPRIORITYR, 0x400, 4, 1 | 4, read_priority, write_priority},
	{GICD_ICFGR, 0x100, 4, 4, read_config, write_config},
	{GICD_IROUTER + 8 * VGIC_FIRST_SPI, 8 * VGIC_SPIS, 8, 4 | 8,
	 read_router, write_router},
	{GIC_PIDR2, 4, 4, 4, read_pidr2, NULL},
	{0},
};

static const struct mmio_reg redistributors_v3[] = {
	{GICD_TYPER, 4, 4, 4, read_iidr, NULL},
	{GICR_TYPER, 8, 8, 4 | 8, read_redistributor_type, NULL},
	{GICR_WAKER, 4, 4, 4, read_waker, write_waker},
	{GIC_PIDR2, 4, 4, 4, read_pidr2, NULL},
	{GICR_PRIVATE + GICD_IGROUPR, 0x380, 4, 4, read_bits, write_bits},
	{GICR_PRIVATE + GICD_IPRIORITYR, 32, 4, 1 | 4, read_priority,
	 write_priority},
	{GICR_PRIVATE + GICD_ICFGR, 8, 4, 4, read_config, write_config},
	{0},
};

static const struct mmio_range frames_v3[] = {
	{VGIC_DISTRIBUTOR, VGIC_FRAME, distributor_v3, NULL, NULL, 0},
	{VGIC_REDISTRIBUTORS, MAX_VCPUS *VGIC_REDISTRIBUTOR_SIZE,
	 redistributors_v3, NULL, NULL, VGIC_REDISTRIBUTOR_SIZE},
};

static const struct mmio_reg distributor_v2[] = {
	{GICD_CTLR, 4, 4, 4, read_control, write_control},
	{GICD_TYPER, 4, 4, 4, read_type, NULL},
	{GICD_IIDR, 4, 4, 4, read_iidr, NULL},
	{GICD_IGROUPR, 0x380, 4, 4, read_bits, write_bits},
	{GICD_IPRIORITYR, 0x400, 4, 1 | 4, read_priority, write_priority},
	{GICD_ITARGETSR, VGIC_INTIDS, 4, 1 | 4, read_targets, write_targets},
	{GICD_ICFGR, 0x100, 4, 4, read_config, write_config},
	{GICD_SGIR, 4, 4, 4, NULL, write_sgir_v2},
	{GICD_CPENDSGIR, 32, 4, 1 | 4 | MMIO_WRITES_BITS, read_sgi_pending,
	 write_sgi_pending},
	{GICD_V2_PIDR2, 4, 4, 4, read_pidr2, NULL},
	{0},
};

static const struct mmio_range frames_v2[] = {
	{VGIC_DISTRIBUTOR, VGIC_FRAME, distributor_v2, NULL, NULL, 0},
};

/*
 * The first access to the CPU interface of a GICv2, which has no traps: from
 * here on the VM has the hardware's virtual one.
 */
static bool open_interface(struct vcpu *vcpu, uint64_t esr)
{
	struct vgic *g = &vcpu->vm->arch.vgic;

	if (!is_v2() || ESR_EC(esr) != EC_DABT_LOWER || vm_aborted(vcpu->vm) ||
	    align_down(fault_page(), VGIC_INTERFACE_SIZE) != VGIC_CPU_INTERFACE)
		return false;
	use(vcpu);
	for (unsigned int i = 0; i < INTERFACE_PAGES; i++)
		g->interface[i] = arch_pte_leaf(
			MM_STAGE_2, PT_LEAF_LEVEL,
			paddr(board.gicv + i * PAGE_SIZE), MM_DEVICE_RW);
	arch_pt_sync();
	end(vcpu);
	return true;
}

bool vgic_access(struct vcpu *vcpu, uint64_t esr)
{
	bool done;

	if (!hw || fault_page() - VGIC_DISTRIBUTOR >=
			   VGIC_REDISTRIBUTORS +
				   MAX_VCPUS * VGIC_REDISTRIBUTOR_SIZE -
				   VGIC_DISTRIBUTOR)
		return false;
	if (open_interface(vcpu, esr))
		return true;
	use(vcpu);
	done = is_v2() ? mmio_access(vcpu, esr, frames_v2,
				     ARRAY_SIZE(frames_v2))
		       : mmio_access(vcpu, esr, frames_v3,
				     ARRAY_SIZE(frames_v3));
	end(vcpu);
	return done;
}

/* ICC_DIR_EL1: the interrupt may be active on another vCPU. */
static void deactivate(struct vcpu *vcpu, uint64_t intid)
{
	if (intid < VGIC_INTIDS)
		word_of(vcpu,
			(unsigned int)index_nospec(intid / 32, VGIC_WORDS))
			->active &= ~(uint32_t)BIT(intid % 32);
}

#define REG(crm, op2) ((crm)*8 + (op2))

enum vgic_answer vgic_sysreg(struct vcpu *vcpu, unsigned int crm,
			     unsigned int op2, bool is_read, uint64_t *value)
{
	bool was_loaded = vcpu->arch.vgic.loaded;
	enum vgic_answer answer = VGIC_DONE;

	if (!hw || is_v2())
		return VGIC_UNDEFINED;
	use(vcpu);
	switch (REG(crm, op2) << 1 | is_read) {
	case REG(11, 1) << 1: /* ICC_DIR_EL1 */
		deactivate(vcpu, *value & 0xffffff);
		break;
	case REG(11, 5) << 1: /* ICC_SGI1R_EL1 */
		write_sgir(vcpu, *value, true);
		break;
	case REG(11, 7) << 1: /* ICC_SGI0R_EL1 */
		write_sgir(vcpu, *value, false);
		break;
	case REG(11, 6) << 1: /* ICC_ASGI1R_EL1: there is one security state */
	case REG(12, 5) << 1: /* ICC_SRE_EL1 */
		break;
	case REG(12, 5) << 1 | 1:
		*value = 7;
		break;
	default:
		answer = was_loaded ? VGIC_UNDEFINED : VGIC_RETRY;
	}
	end(vcpu);
	return answer;
}

/* --- interrupts from devices --- */

/* Of an SPI, while the lock is held; the vCPU that runs here is folded. */
static struct vcpu *begin_spi(struct vm *vm)
{
	struct vcpu *vcpu = current_vcpu();

	if (vcpu->vm == vm) {
		begin(vcpu);
		return vcpu;
	}
	/* A call of the primary: it runs the vCPUs anew by itself. */
	spin_lock(&vm->arch.vgic.lock);
	return NULL;
}

static void end_spi(struct vm *vm, struct vcpu *vcpu)
{
	if (vcpu)
		end(vcpu);
	else
		spin_unlock(&vm->arch.vgic.lock);
}

void vgic_set_line(struct vm *vm, unsigned int intid, bool level)
{
	struct vgic_word *word = &vm->arch.vgic.spi[intid / 32 - 1];
	uint32_t bit = (uint32_t)BIT(intid % 32);
	struct vcpu *vcpu = begin_spi(vm);

	if (level && !(word->line & bit))
		word->latched |= bit & word->edge;
	word->line = level ? word->line | bit : word->line & ~bit;
	end_spi(vm, vcpu);
}

void vgic_pend(struct vm *vm, unsigned int intid)
{
	struct vcpu *vcpu = begin_spi(vm);

	vm->arch.vgic.spi[intid / 32 - 1].latched |= (uint32_t)BIT(intid % 32);
	end_spi(vm, vcpu);
}

/* --- life --- */

static void reset(struct vgic_cpu *c)
{
	memset(c, 0, sizeof(*c));
	c->own.edge = SGIS;
	c->own.enabled = is_v2() ? SGIS : 0;
	c->asleep = true;
}

void vgic_reset_vcpu(struct vcpu *vcpu)
{
	struct spinlock *lock = &vcpu->vm->arch.vgic.lock;

	spin_lock(lock);
	reset(&vcpu->arch.vgic);
	spin_unlock(lock);
}

void vgic_reset(struct vm *vm)
{
	struct vgic *g = &vm->arch.vgic;
	uint64_t *interface = g->interface;

	/* The console of a VM that is stopped may still raise a line. */
	spin_lock(&g->lock);
	memset(&g->used, 0, sizeof(*g) - offsetof(struct vgic, used));
	memset(g->targets, 1, sizeof(g->targets));
	for (uint32_t i = 0; i < vm->vcpu_count; i++)
		reset(&vm->vcpus[i].arch.vgic);
	g->interface = interface;
	for (unsigned int i = 0; interface && i < INTERFACE_PAGES; i++)
		interface[i] = 0;
	spin_unlock(&g->lock);
}

bool vgic_init_vm(struct vm *vm)
{
	spin_init(&vm->arch.vgic.lock, LOCK_RANK_VGIC);
	if (!hw || !is_v2())
		return true;
	vm->arch.vgic.interface = ptable_entry(&vm->stage2, VGIC_CPU_INTERFACE);
	return vm->arch.vgic.interface;
}

void vgic_init_board(void)
{
	if (features.gic_regs)
		hw = &vgic_v3;
	else if (is_v2() && board.gich)
		hw = &vgic_v2;
	if (!hw)
		return;
	lrs = hw->lr_count();
	if (lrs > VGIC_LRS)
		lrs = VGIC_LRS;
}

void vgic_init_cpu(void)
{
	static const struct vgic_cpu unused;
	struct vgic_cpu unknown;

	if (!hw)
		return;
	hw->load(&unused);
	hw->clear();
	hw->save(&unknown);
}

void vgic_tree(struct fdt_writer *w, const struct vm *vm)
{
	static const uint32_t mailbox[] = {0, VGIC_MAILBOX_SPI, 1};
	const uint32_t v3[] = {0, VGIC_DISTRIBUTOR,
			       0, VGIC_FRAME,
			       0, VGIC_REDISTRIBUTORS,
			       0, vm->vcpu_count * VGIC_REDISTRIBUTOR_SIZE};
	const uint32_t v2[] = {0, VGIC_DISTRIBUTOR,   0, VGIC_FRAME,
			       0, VGIC_CPU_INTERFACE, 0, VGIC_INTERFACE_SIZE};

	if (!hw)
		return;
	fdt_put_node(w, "intc@8000000");
	fdt_put_string(w, "compatible",
		       is_v2() ? "arm,cortex-a15-gic" : "arm,gic-v3");
	fdt_put_prop(w, "interrupt-controller", NULL, 0);
	fdt_put_u32(w, "#interrupt-cells", 3);
	fdt_put_cells(w, "reg", is_v2() ? v2 : v3, ARRAY_SIZE(v3));
	fdt_put_u32(w, "phandle", ARCH_INTC_PHANDLE);
	fdt_put_end(w);
	fdt_put_node(w, "hypervisor");
	fdt_put_string(w, "compatible", "holdfast,hypervisor-vm");
	fdt_put_cells(w, "interrupts", mailbox, ARRAY_SIZE(mailbox));
	fdt_put_end(w);
}
