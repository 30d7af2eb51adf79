/* SPDX-License-Identifier: BSD-3-Clause */
#include "vgic_internal.h"

#include "arch_internal.h"
#include "cpu.h"
#include "gic.h"
#include "mmio.h"
#include "nospec.h"
#include "string.h"
#include "vcpu.h"
#include "vm.h"

/* Interrupts of its own in a row that a vCPU goes on behind, and one more */
#define MAX_HANDLED 8

/* NULL: the board has none for it. */
const struct vgic_hw *vgic_hw RO_AFTER_BOOT;
static unsigned int lrs RO_AFTER_BOOT;

/* --- sets of interrupts, in words --- */

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
static COLD unsigned int first(struct vcpu *vcpu,
			       const uint32_t set[VGIC_WORDS])
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

static inline uint64_t make_lr(struct vcpu *vcpu, unsigned int intid)
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

/*
 * One that is latched again waits for the end of this one, which brings the
 * vCPU here: pending as well, it would be another sender's on a GICv2, another
 * vCPU's by then, or hide from VGIC_HCR_NPIE that nothing can be signalled.
 */
static COLD uint64_t active_lr(struct vcpu *vcpu, unsigned int intid)
{
	uint64_t lr = make_lr(vcpu, intid) | LR_ACTIVE;

	if (is_v2() && intid < ARRAY_SIZE(vcpu->arch.vgic.source))
		lr |= (uint64_t)vcpu->arch.vgic.source[intid] << LR_PHYSICAL;
	if (word_of(vcpu, intid / 32)->latched & BIT(intid % 32) &&
	    !(lr & LR_HW))
		lr |= LR_EOI;
	return lr;
}

static COLD uint64_t pending_lr(struct vcpu *vcpu, unsigned int intid)
{
	return make_lr(vcpu, intid) | LR_PENDING | take_latch(vcpu, intid);
}

/*
 * Moves interrupts of `set` to LRs while there are less than `room`. Returns
 * whether some are left.
 */
static COLD bool
move_to_lrs(struct vcpu *vcpu, uint32_t set[VGIC_WORDS], unsigned int room,
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

void vgic_sample(struct vcpu *vcpu)
{
	uint32_t *line = &vcpu->arch.vgic.own.line;

	*line = timer_virtual_fired() ? (uint32_t)BIT(VGIC_VIRTUAL_TIMER) : 0;
	if (timer_physical_fired(vcpu))
		*line |= (uint32_t)BIT(VGIC_PHYSICAL_TIMER);
}

static void sample_timers(struct vcpu *vcpu)
{
	vgic_sample(vcpu);
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
	memcpy(c->left_out, wanted, sizeof(wanted));
	for (unsigned int i = 0; i < lrs; i++)
		vgic_hw->write_lr(i,
				  i < c->lr_count ? c->lr[i] & ~LR_LATCHED : 0);
	vgic_hw->start(flags);
	c->calm = !flags;
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
	/* Active then or now, it may have been deactivated by another vCPU. */
	if ((now & LR_ACTIVE) && !(old & (LR_ACTIVE | LR_ENDED))) {
		word->active |= bit;
		set_owner(vcpu, w, bit);
		if (has_source)
			c->source[intid] = (uint8_t)source;
	} else if (!(now & LR_ACTIVE) && (old & LR_ACTIVE)) {
		word->active &= ~bit;
	}
}

/*
 * Ends `n` active ones that have no LR, and adds them to `seen`: interrupts end
 * in the order of their priorities.
 */
static COLD void end_unseen(struct vcpu *vcpu, unsigned int n,
			    uint32_t seen[VGIC_WORDS])
{
	uint32_t unseen[VGIC_WORDS];
	unsigned int intid;

	for (unsigned int w = 0; w < VGIC_WORDS; w++)
		unseen[w] = mine(vcpu, w, word_of(vcpu, w)->active & ~seen[w],
				 vcpu->vm->arch.vgic.owner);
	for (; n && (intid = first(vcpu, unseen)) < VGIC_INTIDS; n--) {
		uint32_t bit = (uint32_t)BIT(intid % 32);

		seen[intid / 32] |= bit;
		unseen[intid / 32] &= ~bit;
		word_of(vcpu, intid / 32)->active &= ~bit;
	}
}

/*
 * The LRs go to the bitmaps. The vCPU is loaded here. Returns whether one of
 * them pends for another vCPU now.
 */
static bool fold(struct vcpu *vcpu)
{
	struct vgic_cpu *c = &vcpu->arch.vgic;
	uint32_t seen[VGIC_WORDS] = {0}, others = 0;
	unsigned int ended = vgic_hw->eoi_count();

	for (unsigned int i = 0; i < c->lr_count; i++) {
		seen[(c->lr[i] & LR_INTID) / 32] |=
			(uint32_t)BIT(c->lr[i] % 32);
		fold_lr(vcpu, c->lr[i], vgic_hw->read_lr(i));
	}
	c->lr_count = 0;
	if (ended)
		end_unseen(vcpu, ended, seen);
	for (unsigned int w = 1; w < VGIC_WORDS; w++) {
		const struct vgic_word *word = word_of(vcpu, w);

		seen[w] &= pending(word) & ~word->active;
		others |= seen[w] &
			  ~mine(vcpu, w, seen[w], vcpu->vm->arch.vgic.target);
	}
	return others;
}

/* --- who is told --- */

/* Those that come before one of that priority. */
static uint32_t before(const struct vgic_word *word, uint32_t set,
		       unsigned int priority)
{
	FOR_BITS (n, set)
		if (word->priority[n] >= priority)
			set &= ~(uint32_t)BIT(n);
	return set;
}

/* Those that the virtual CPU interface, as saved, would signal. */
static COLD uint32_t audible(struct vcpu *vcpu, unsigned int w, uint32_t set)
{
	const struct vgic_word *word = word_of(vcpu, w);
	uint32_t vmcr = vcpu->arch.vgic.vmcr;

	if (!(vmcr & 1))
		set &= word->group;
	if (!(vmcr & 2))
		set &= ~word->group;
	return before(word, set, vmcr >> VMCR_PMR);
}

static COLD bool is_awaited(struct vcpu *vcpu)
{
	uint32_t any = 0;

	for (unsigned int w = 0; w < VGIC_WORDS; w++)
		any |= audible(vcpu, w, signalled(vcpu, w));
	return any;
}

#define PRIORITY(lr) ((lr) >> LR_PRIORITY & 0xff)

/* Whether an interrupt has another group or priority than in its LR. */
static bool has_changed(struct vcpu *vcpu, uint64_t lr)
{
	return ((lr ^ make_lr(vcpu, lr & LR_INTID)) &
		(LR_GROUP | 0xffull << LR_PRIORITY));
}

/* Whether LRs on another CPU are not what they should be. */
static COLD bool is_outdated(struct vcpu *vcpu)
{
	struct vgic_cpu *c = &vcpu->arch.vgic;
	unsigned int least = 0;
	uint32_t any = 0;

	for (unsigned int i = 0; i < c->lr_count; i++)
		if (has_changed(vcpu, c->lr[i]))
			return true;
		else if ((c->lr[i] & LR_PENDING) && PRIORITY(c->lr[i]) > least)
			least = PRIORITY(c->lr[i]);
	for (unsigned int w = 0; w < VGIC_WORDS; w++) {
		const struct vgic_word *word = word_of(vcpu, w);
		uint32_t held = in_lrs(c, w, LR_PENDING);
		uint32_t wanted = signalled(vcpu, w);

		any |= wanted & ~c->left_out[w] &
		       (word->latched | ~in_lrs(c, w, 0));
		any |= before(word, wanted & c->left_out[w], least);
		any |= in_lrs(c, w, LR_ENDED);
		any |= held & ~(pending(word) | in_lrs(c, w, LR_LATCHED));
		/* It may have been ended there since: nothing would tell. */
		any |= word->latched & forwarded(vcpu, w) &
		       in_lrs(c, w, LR_ACTIVE) & ~in_lrs(c, w, LR_EOI);
		any |= held & ~mine(vcpu, w, held & forwarded(vcpu, w),
				    vcpu->vm->arch.vgic.target);
	}
	return any;
}

COLD void vgic_tell(struct vcpu *self)
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
		if (c->idle || !vgic_hw->kick) {
			self->arch.vgic.tell |= (uint8_t)BIT(i);
			continue;
		}
		c->kicked = true;
		vgic_hw->kick(v->cpu->arch.ppis,
			      v->cpu->arch.ppi_maintenance_bit);
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

void vgic_begin(struct vcpu *vcpu)
{
	spin_lock(&vcpu->vm->arch.vgic.lock);
	if (vcpu->arch.vgic.loaded)
		fold(vcpu);
}

void vgic_end(struct vcpu *vcpu)
{
	if (vcpu->arch.vgic.loaded)
		fill(vcpu);
	vgic_tell(vcpu);
	spin_unlock(&vcpu->vm->arch.vgic.lock);
}

static void empty_lrs(void)
{
	for (unsigned int i = 0; i < lrs; i++)
		vgic_hw->write_lr(i, 0);
}

static void load(struct vcpu *vcpu)
{
	struct vgic_cpu *c = &vcpu->arch.vgic;

	c->loaded = true;
	c->idle = false;
	vcpu->cpu->arch.stay = STAY_UNUSUAL;
	vgic_hw->load(c);
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

/* Nobody was told of a message before: arch_vm_signal(). */
static COLD void begin_to_use(struct vm *vm)
{
	struct vgic *g = &vm->arch.vgic;

	__atomic_store_n(&g->used, true, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	/* Who leaves now looks behind its barrier: leave_unusually(). */
	for (uint32_t i = 0; i < vm->vcpu_count; i++)
		__atomic_store_n(&vm->vcpus[i].arch.controls.usual_from, 0,
				 __ATOMIC_RELAXED);
	if (__atomic_load_n(&vm->mailbox.state, __ATOMIC_RELAXED) ==
	    MAILBOX_PENDING)
		g->spi[VGIC_MAILBOX / 32 - 1].latched |=
			(uint32_t)BIT(VGIC_MAILBOX % 32);
}

COLD void vgic_use(struct vcpu *vcpu)
{
	vgic_begin(vcpu);
	if (!vcpu->vm->arch.vgic.used)
		begin_to_use(vcpu->vm);
	if (vcpu->arch.vgic.loaded)
		return;
	/* Another vCPU opened the interface for it before, in this stay. */
	if (is_v2())
		vgic_hw->save(&vcpu->arch.vgic);
	load(vcpu);
}

void vgic_leave(struct vcpu *vcpu)
{
	struct vgic_cpu *c = &vcpu->arch.vgic;

	spin_lock(&vcpu->vm->arch.vgic.lock);
	if (c->loaded) {
		if (fold(vcpu))
			vgic_tell(vcpu);
		empty_lrs();
		vgic_hw->save(c);
	} else if (is_v2()) {
		/* Entered before another vCPU was the first to use it. */
		vgic_hw->save(c);
	}
	c->loaded = false;
	/* One that came too late for it is not the primary's. */
	if (c->kicked)
		gic_end_kick(vcpu->cpu);
	c->kicked = false;
	spin_unlock(&vcpu->vm->arch.vgic.lock);
}

COLD void vgic_refresh(struct vcpu *vcpu)
{
	vgic_begin(vcpu);
	vgic_end(vcpu);
}

/*
 * The LR of a calm vCPU that `intid` may have, or -1: one that is empty, and
 * whose end has nothing to tell; nor is the interrupt in another one.
 */
static inline int free_lr(const struct vgic_cpu *c, unsigned int intid)
{
	uint32_t empty = vgic_hw->empty() & (uint32_t)(BIT(lrs) - 1);
	unsigned int n;

	if (!c->calm || !empty)
		return -1;
	for (n = 0; n < c->lr_count; n++)
		if ((c->lr[n] & LR_INTID) == intid && !(empty & BIT(n)))
			return -1;
	n = (unsigned int)__builtin_ctz(empty);
	if (n < c->lr_count && (c->lr[n] & (LR_ACTIVE | LR_EOI | LR_ENDED)))
		return -1;
	return (int)n;
}

bool vgic_place(struct vcpu *vcpu, unsigned int intid, uint64_t latched)
{
	const struct vgic_word *word = word_of(vcpu, intid / 32);
	struct vgic_cpu *c = &vcpu->arch.vgic;
	uint32_t bit = (uint32_t)BIT(intid % 32);
	uint64_t lr;
	int n;

	if (!(forwarded(vcpu, intid / 32) & ~word->active & ~word->latched &
	      bit))
		return false;
	n = free_lr(c, intid);
	if (n < 0)
		return false;
	/* What was there before, and has ended, was perhaps the timer. */
	if (n == c->lr_count)
		c->lr_count++;
	else if (c->lr[n] & LR_HW)
		c->own.line &= ~(uint32_t)BIT(VGIC_VIRTUAL_TIMER);
	lr = make_lr(vcpu, intid) | LR_PENDING;
	c->lr[n] = lr | latched;
	vgic_hw->write_lr((unsigned int)n, lr);
	return true;
}

/* The virtual timer has fired, and nothing else need have happened. */
static __attribute__((noinline)) bool place_timer(struct vcpu *vcpu)
{
	bool placed;

	if (!timer_virtual_interrupts(vcpu->cpu))
		return false;
	spin_lock(&vcpu->vm->arch.vgic.lock);
	placed = vgic_place(vcpu, VGIC_VIRTUAL_TIMER, 0);
	if (placed) {
		vcpu->arch.vgic.own.line |= (uint32_t)BIT(VGIC_VIRTUAL_TIMER);
		timer_quiet(vcpu->cpu, true);
	}
	spin_unlock(&vcpu->vm->arch.vgic.lock);
	return placed;
}

/*
 * The virtual timer has fired again, and the LR that it had still waits for it:
 * whatever would change that comes with a fold.
 */
static inline bool place_timer_again(struct vcpu *vcpu)
{
	const struct vgic_cpu *c = &vcpu->arch.vgic;
	const uint64_t is = VGIC_VIRTUAL_TIMER | LR_HW | LR_PENDING;
	const uint64_t mask = LR_INTID | LR_HW | LR_PENDING | LR_ACTIVE |
			      LR_LATCHED | LR_ENDED;
	/* Once: another vCPU may mark it meanwhile, and brings this one here.*/
	uint64_t lr = __atomic_load_n(&c->lr[0], __ATOMIC_RELAXED);

	if (!c->lr_count || (lr & mask) != is || !timer_virtual_fired() ||
	    !vgic_hw->refill(lr))
		return false;
	timer_quiet(vcpu->cpu, true);
	return true;
}

/* Whether it is one of the vCPU's; then it is handled. */
static COLD __attribute__((noinline)) bool handle(struct vcpu *vcpu)
{
	/* All of them: one that is left would not be told from the primary's.*/
	bool maintenance = vgic_hw->maintenance(),
	     timer = timer_interrupts(vcpu);
	bool kicked = gic_end_kick(vcpu->cpu);

	if (!maintenance && !timer && !kicked)
		return false;
	vgic_refresh(vcpu);
	return true;
}

bool vgic_interrupt(struct vcpu *vcpu)
{
	if (!place_timer_again(vcpu) && !place_timer(vcpu) && !handle(vcpu))
		return false;
	/* However many its VM makes, the primary's come in between. */
	return !(read_sysreg(isr_el1) & ISR_ANY) ||
	       ++vcpu->arch.vgic.handled % MAX_HANDLED;
}

COLD bool vgic_may_wait(struct vcpu *vcpu)
{
	struct vgic_cpu *c = &vcpu->arch.vgic;

	vgic_use(vcpu);
	sample_timers(vcpu);
	c->vmcr = vgic_hw->vmcr();
	c->idle = !is_awaited(vcpu);
	vgic_end(vcpu);
	/* What it has to tell would wait as long as it does. */
	return c->idle && !c->tell;
}

/* --- interrupts from devices --- */

/* Of an SPI, while the lock is held; the vCPU that runs here is folded. */
static struct vcpu *begin_spi(struct vm *vm)
{
	struct vcpu *vcpu = current_vcpu();

	if (vcpu->vm == vm) {
		vgic_begin(vcpu);
		return vcpu;
	}
	/* A call of the primary: it runs the vCPUs anew by itself. */
	spin_lock(&vm->arch.vgic.lock);
	return NULL;
}

static void end_spi(struct vm *vm, struct vcpu *vcpu)
{
	if (vcpu)
		vgic_end(vcpu);
	else
		spin_unlock(&vm->arch.vgic.lock);
}

COLD void vgic_set_line(struct vm *vm, unsigned int intid, bool level)
{
	struct vgic_word *word = &vm->arch.vgic.spi[intid / 32 - 1];
	uint32_t bit = (uint32_t)BIT(intid % 32);
	struct vcpu *vcpu = begin_spi(vm);

	if (level && !(word->line & bit))
		word->latched |= bit & word->edge;
	word->line = level ? word->line | bit : word->line & ~bit;
	end_spi(vm, vcpu);
}

COLD void vgic_pend(struct vm *vm, unsigned int intid)
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

COLD void vgic_reset_vcpu(struct vcpu *vcpu)
{
	struct spinlock *lock = &vcpu->vm->arch.vgic.lock;

	spin_lock(lock);
	reset(&vcpu->arch.vgic);
	spin_unlock(lock);
}

COLD void vgic_reset(struct vm *vm)
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

BOOT_ONLY bool vgic_init_vm(struct vm *vm)
{
	spin_init(&vm->arch.vgic.lock, LOCK_RANK_VGIC);
	if (!vgic_hw || !is_v2())
		return true;
	vm->arch.vgic.interface = ptable_entry(&vm->stage2, VGIC_CPU_INTERFACE);
	return vm->arch.vgic.interface;
}

BOOT_ONLY void vgic_init_board(void)
{
	/* Without it, nothing would bring a running vCPU to EL2 in time. */
	if (!board.maintenance_intid)
		return;
	if (features.gic_regs)
		vgic_hw = &vgic_v3;
	else if (is_v2() && board.gich)
		vgic_hw = &vgic_v2;
	if (!vgic_hw)
		return;
	lrs = vgic_hw->lr_count();
	if (lrs > VGIC_LRS)
		lrs = VGIC_LRS;
}

COLD void vgic_init_cpu(void)
{
	static struct vgic_cpu unused RO_AFTER_BOOT;
	struct vgic_cpu unknown;

	if (!vgic_hw)
		return;
	vgic_hw->load(&unused);
	vgic_hw->clear();
	vgic_hw->save(&unknown);
}

BOOT_ONLY void vgic_tree(struct fdt_writer *w, const struct vm *vm)
{
	static const uint32_t mailbox[] BOOT_CONST = {0, VGIC_MAILBOX_SPI, 1};
	const uint32_t v3[] = {0, VGIC_DISTRIBUTOR,
			       0, VGIC_FRAME,
			       0, VGIC_REDISTRIBUTORS,
			       0, vm->vcpu_count * VGIC_REDISTRIBUTOR_SIZE};
	const uint32_t v2[] = {0, VGIC_DISTRIBUTOR,   0, VGIC_FRAME,
			       0, VGIC_CPU_INTERFACE, 0, VGIC_INTERFACE_SIZE};

	if (!vgic_hw)
		return;
	fdt_put_node(w, "intc@8000000");
	fdt_put_string(w, fdt_names.compatible,
		       is_v2() ? "arm,cortex-a15-gic" : "arm,gic-v3");
	fdt_put_prop(w, fdt_names.interrupt_controller, NULL, 0);
	fdt_put_u32(w, fdt_names.interrupt_cells, 3);
	fdt_put_cells(w, fdt_names.reg, is_v2() ? v2 : v3, ARRAY_SIZE(v3));
	fdt_put_u32(w, fdt_names.phandle, ARCH_INTC_PHANDLE);
	fdt_put_end(w);
	fdt_put_node(w, "hypervisor");
	fdt_put_string(w, fdt_names.compatible, "holdfast,hypervisor-vm");
	fdt_put_cells(w, fdt_names.interrupts, mailbox, ARRAY_SIZE(mailbox));
	fdt_put_end(w);
}
