/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * src/arch/aarch64/vgic.c and vgic_regs.c over list registers of the host,
 * against a model: an interrupt controller with nothing but bits, which signals
 * what has the highest priority. Whatever a VM does, and whenever it is
 * switched, both acknowledge the same.
 */
#include "regs.h"
#include "unit.h"

#include "vgic.c"
#include "vgic_regs.c"

/* --- what vgic.c needs of others --- */

#define VCPUS 3

struct board board;
struct cpu_features features;

bool mmio_access(struct vcpu *v, uint64_t esr, const struct mmio_range *ranges,
		 unsigned int count)
{
	return false;
}

uint64_t arch_pte_leaf(enum mm_stage stage, unsigned int level, paddr_t pa,
		       unsigned int mode)
{
	return pa.pa | 3;
}

void arch_pt_sync(void)
{
}

uint64_t *ptable_entry(struct ptable *t, uint64_t at)
{
	return NULL;
}

static bool physical_fired, kicked;
static unsigned int kick_looks;

/* The virtual timer's interrupt, of the CPU's own controller. */
static uint32_t ppis[VCPUS][PPI_CLEAR_ACTIVE + 1];

static bool is_quiet(void)
{
	if (ppis[0][PPI_CLEAR_ACTIVE])
		ppis[0][PPI_SET_ACTIVE] = 0;
	ppis[0][PPI_CLEAR_ACTIVE] = 0;
	return ppis[0][PPI_SET_ACTIVE];
}

static void set_virtual_fired(bool fired)
{
	regs_set("cntv_ctl_el0", fired);
}

bool timer_virtual_interrupts(const struct cpu *c)
{
	return timer_virtual_fired() && !is_quiet();
}

bool timer_physical_fired(const struct vcpu *v)
{
	return physical_fired;
}

void timer_set_deadline(const struct vcpu *v)
{
}

bool timer_interrupts(const struct vcpu *v)
{
	return timer_virtual_interrupts(v->cpu);
}

void timer_take(struct cpu *c, bool enable)
{
	c->arch.virtual_taken = true;
	c->arch.virtual_quiet = false;
	ppis[0][PPI_SET_ACTIVE] = ppis[0][PPI_CLEAR_ACTIVE] = 0;
}

bool gic_end_kick(struct cpu *cpu)
{
	bool was = kicked;

	kick_looks++;
	kicked = false;
	return was;
}

/* --- the virtual CPU interface --- */

#define SPURIOUS 1023
#define IDLE 0x100
#define MAX_LRS 16

static unsigned int list_registers = VGIC_LRS;

static struct {
	uint64_t lr[MAX_LRS];
	uint32_t vmcr;
	uint64_t flags;
	unsigned int eois, kicks, refills;
	uint8_t running[VGIC_INTIDS]; /* priorities, the last one counts */
	unsigned int depth;
	bool on;
} cpu;

static unsigned int fake_lr_count(void)
{
	return list_registers;
}

static void fake_load(const struct vgic_cpu *c)
{
	CHECK(!cpu.on);
	regs_forget_notes();
	cpu.vmcr = c->vmcr;
	cpu.on = true;
}

static void fake_save(struct vgic_cpu *c)
{
	for (unsigned int i = 0; i < list_registers; i++)
		CHECK_EQ(cpu.lr[i], 0);
	c->vmcr = cpu.vmcr;
	cpu.on = false;
}

static uint64_t fake_read_lr(unsigned int n)
{
	CHECK(n < list_registers);
	return cpu.lr[n];
}

static void fake_write_lr(unsigned int n, uint64_t lr)
{
	CHECK(n < list_registers && !(lr & (LR_LATCHED | LR_ENDED)));
	cpu.lr[n] = lr;
}

static uint32_t fake_empty(void)
{
	uint32_t set = 0;

	for (unsigned int i = 0; i < list_registers; i++) {
		uint64_t lr = cpu.lr[i];

		if (!(lr & (LR_PENDING | LR_ACTIVE)) &&
		    (!(lr & LR_EOI) || (lr & LR_HW)))
			set |= (uint32_t)BIT(i);
	}
	return set;
}

static bool fake_refill(uint64_t lr)
{
	if (!(fake_empty() & 1))
		return false;
	cpu.refills++;
	fake_write_lr(0, lr);
	return true;
}

static void fake_clear(void)
{
	memset(cpu.lr, 0, sizeof(cpu.lr));
}

static void fake_start(uint64_t flags)
{
	cpu.flags = flags;
	cpu.eois = 0;
}

static unsigned int fake_eoi_count(void)
{
	return cpu.eois;
}

static bool fake_maintenance(void)
{
	bool pends = false, ended = false;

	for (unsigned int i = 0; i < list_registers; i++) {
		uint64_t lr = cpu.lr[i];

		pends |= lr & LR_PENDING;
		ended |= (lr & LR_EOI) && !(lr & (LR_PENDING | LR_ACTIVE));
	}
	return ended || ((cpu.flags & VGIC_HCR_NPIE) && !pends) ||
	       ((cpu.flags & VGIC_HCR_LRENPIE) && cpu.eois);
}

static uint32_t fake_vmcr(void)
{
	return cpu.vmcr;
}

static void fake_kick(volatile uint32_t *ppis, uint32_t bit)
{
	cpu.kicks++;
	kicked = true;
	ppis[0] = bit;
}

const struct vgic_hw vgic_v3 = {
	.lr_count = fake_lr_count,
	.load = fake_load,
	.save = fake_save,
	.read_lr = fake_read_lr,
	.refill = fake_refill,
	.empty = fake_empty,
	.write_lr = fake_write_lr,
	.clear = fake_clear,
	.start = fake_start,
	.eoi_count = fake_eoi_count,
	.maintenance = fake_maintenance,
	.vmcr = fake_vmcr,
	.kick = fake_kick,
};
const struct vgic_hw vgic_v2 = {
	.lr_count = fake_lr_count,
	.load = fake_load,
	.save = fake_save,
	.read_lr = fake_read_lr,
	.empty = fake_empty,
	.write_lr = fake_write_lr,
	.clear = fake_clear,
	.start = fake_start,
	.eoi_count = fake_eoi_count,
	.maintenance = fake_maintenance,
	.vmcr = fake_vmcr,
};

/* --- a VM --- */

static struct vm vm;
static struct vcpu vcpus[VCPUS], primary;
static struct cpu boards_cpus[VCPUS];

static void start(unsigned int version)
{
	memset(&vm, 0, sizeof(vm));
	memset(vcpus, 0, sizeof(vcpus));
	memset(&cpu, 0, sizeof(cpu));
	memset(ppis, 0, sizeof(ppis));
	physical_fired = kicked = false;
	set_virtual_fired(false);
	regs_set("isr_el1", 0);
	kick_looks = 0;
	board.gic_version = version;
	board.gich = 1;
	board.virtual_timer_intid = 27;
	board.maintenance_intid = 25;
	features.gic_regs = version == 3;
	vm.vcpus = vcpus;
	vm.vcpu_count = VCPUS;
	for (uint32_t i = 0; i < VCPUS; i++) {
		vcpus[i].vm = &vm;
		vcpus[i].index = i;
		vcpus[i].cpu = &boards_cpus[i];
		boards_cpus[i].arch.ppis = ppis[i];
		boards_cpus[i].arch.ppi_virtual_bit = 1u << 27;
		boards_cpus[i].arch.ppi_maintenance_bit = 1u << 25;
	}
	regs_set("tpidr_el2", (uint64_t)(uintptr_t)&primary);
	vgic_init_board();
	spin_init(&vm.arch.vgic.lock, LOCK_RANK_VGIC);
	vgic_reset(&vm);
	vm.arch.vgic.control = 3;
	for (uint32_t i = 0; i < VCPUS; i++)
		vcpus[i].arch.vgic.vmcr = 0xf0u << VMCR_PMR | VMCR_GROUPS;
}

/*
 * A test that is made with each of these numbers of list registers, with the
 * short ways and without.
 */
static const unsigned int numbers[] = {1, 2, VGIC_LRS, MAX_LRS};
static bool quick;

#define TEST_LRS(name)                                                      \
	static void name##_with(void);                                      \
	TEST(name)                                                          \
	{                                                                   \
		for (unsigned int i_ = 0; i_ < ARRAY_SIZE(numbers); i_++) { \
			list_registers = numbers[i_];                       \
			quick = false;                                      \
			name##_with();                                      \
			quick = true;                                       \
			name##_with();                                      \
		}                                                           \
		list_registers = VGIC_LRS;                                  \
		quick = false;                                              \
	}                                                                   \
	static void name##_with(void)

/* Syndrome of a data abort: one word by X5, which stage 2 has nothing for. */
#define ABORT                                                           \
	(UINT64_C(0x24) << 26 | BIT(25) | BIT(24) | UINT64_C(2) << 22 | \
	 UINT64_C(5) << 16 | 7)
#define WRITE BIT(6)
/* ... of MSR ICC_SGI1R_EL1, X5 */
#define SGI1R                                                 \
	(UINT64_C(0x18) << 26 | BIT(25) | UINT64_C(3) << 20 | \
	 UINT64_C(5) << 17 | UINT64_C(12) << 10 | UINT64_C(5) << 5 | 11 << 1)

/* How often a short way was taken. */
static unsigned int short_ways;

/* vCPU `i` tries the short way to `ipa` first; `value`: X5 before and after. */
static bool try_access(unsigned int i, uint64_t ipa, uint64_t esr,
		       uint64_t *value)
{
	bool done;

	vcpus[i].arch.x[5] = *value;
	regs_set("hpfar_el2", ipa >> 12 << 4);
	regs_set("far_el2", 0xffff000012345000 | (ipa & 0xfff));
	done = vgic_quick_access(&vcpus[i], esr);
	*value = vcpus[i].arch.x[5];
	short_ways += done;
	return done;
}

/* A register for vCPU `i`'s own interrupts, or the VM's. */
static uint64_t place_of(unsigned int i, unsigned int kind, unsigned int w)
{
	uint64_t offset = kind << 7 | w * 4;

	if (w == 0 && board.gic_version == 3)
		return VGIC_REDISTRIBUTORS + i * VGIC_REDISTRIBUTOR_SIZE +
		       GICR_PRIVATE + offset;
	return VGIC_DISTRIBUTOR + offset;
}

static uint32_t offset_of(uint64_t ipa)
{
	return (uint32_t)(ipa >= VGIC_REDISTRIBUTORS ? ipa - VGIC_REDISTRIBUTORS
						     : ipa - VGIC_DISTRIBUTOR);
}

/* What a write to one of them does. */
static void bits(unsigned int i, unsigned int kind, unsigned int w,
		 uint32_t set)
{
	uint64_t ipa = place_of(i, kind, w), value = set;

	if (quick && vcpus[i].arch.vgic.loaded &&
	    try_access(i, ipa, ABORT | WRITE, &value))
		return;
	vgic_use(&vcpus[i]);
	write_bits(&vcpus[i], offset_of(ipa), set);
	vgic_end(&vcpus[i]);
}

static uint64_t bits_are(unsigned int i, unsigned int kind, unsigned int w)
{
	uint64_t ipa = place_of(i, kind, w), value = 0;

	if (quick && vcpus[i].arch.vgic.loaded &&
	    try_access(i, ipa, ABORT, &value))
		return value;
	vgic_use(&vcpus[i]);
	value = read_bits(&vcpus[i], offset_of(ipa));
	vgic_end(&vcpus[i]);
	return value;
}

static bool is_interrupted(void)
{
	return cpu.on && (fake_maintenance() || kicked ||
			  timer_virtual_interrupts(&boards_cpus[0]));
}

static void after_guest(void)
{
	/* Each eighth of them may be the primary's turn. */
	if (is_interrupted() && !vgic_interrupt(&vcpus[0])) {
		CHECK_EQ(vcpus[0].arch.vgic.handled % MAX_HANDLED, 0);
		vgic_leave(&vcpus[0]);
		vgic_enter(&vcpus[0]);
	}
	CHECK(!is_interrupted());
}

/* vCPU 1, which runs elsewhere, did something that vCPU 0 comes to EL2 for. */
static void after_another(void)
{
	uint64_t wake = vgic_take_wake(&vcpus[1]);

	/* A GICv2 has no other way: the primary brings it back. */
	if (wake) {
		CHECK_EQ(wake, vcpu_exit(EXIT_WAKE, 0));
		vgic_leave(&vcpus[0]);
		vgic_enter(&vcpus[0]);
	}
	after_guest();
}

/* vCPU 1 writes to a register for those of vCPU 0, or of the VM. */
static void bits_by_another(unsigned int kind, unsigned int w, uint32_t set)
{
	uint64_t ipa = place_of(0, kind, w), value = set;

	if (!quick || !try_access(1, ipa, ABORT | WRITE, &value)) {
		vgic_begin(&vcpus[1]);
		write_bits(&vcpus[1], offset_of(ipa), set);
		vgic_end(&vcpus[1]);
	}
	after_another();
}

/* A vCPU writes ICC_SGI1R_EL1. */
static void sgi(unsigned int from, uint64_t value)
{
	vcpus[from].arch.x[5] = value;
	if (quick && (from || vcpus[from].arch.vgic.loaded) &&
	    vgic_quick_sgi(&vcpus[from], SGI1R)) {
		short_ways++;
		return;
	}
	if (from)
		vgic_begin(&vcpus[from]);
	else
		vgic_use(&vcpus[from]);
	write_sgir(&vcpus[from], value, true);
	vgic_end(&vcpus[from]);
}

static unsigned int running(void)
{
	return cpu.depth ? cpu.running[cpu.depth - 1] : IDLE;
}

static unsigned int acknowledge(void)
{
	unsigned int best = running(), found = list_registers, intid;

	for (unsigned int i = 0; i < list_registers; i++) {
		unsigned int p = cpu.lr[i] >> LR_PRIORITY & 0xff;

		if ((cpu.lr[i] & (LR_PENDING | LR_ACTIVE)) != LR_PENDING)
			continue;
		if (p < best ||
		    (p == best && found < list_registers &&
		     (cpu.lr[i] & LR_INTID) < (cpu.lr[found] & LR_INTID))) {
			best = p;
			found = i;
		}
	}
	if (found == list_registers)
		return SPURIOUS;
	cpu.lr[found] ^= LR_PENDING | LR_ACTIVE;
	cpu.running[cpu.depth++] = (uint8_t)best;
	intid = cpu.lr[found] & LR_INTID;
	after_guest();
	return intid;
}

static void eoi(unsigned int intid)
{
	unsigned int i;

	cpu.depth--;
	for (i = 0; i < list_registers; i++)
		if ((cpu.lr[i] & LR_ACTIVE) && (cpu.lr[i] & LR_INTID) == intid)
			break;
	if (i == list_registers)
		cpu.eois++;
	else
		cpu.lr[i] &= ~LR_ACTIVE;
	/* The end of the physical one, too. */
	if (i < list_registers && (cpu.lr[i] & LR_HW))
		ppis[0][PPI_SET_ACTIVE] = 0;
	after_guest();
}

/*
 * --- the model: of vCPU 0, all interrupts edge-triggered, but for its timer,
 * which is a level ---
 */

static struct {
	bool enabled, pends, active;
	uint8_t priority;
} model[VGIC_INTIDS];
static unsigned int stack[VGIC_INTIDS], depth;
static uint8_t at_priority[VGIC_INTIDS]; /* of those on the stack */

static unsigned int model_best(void)
{
	unsigned int best = SPURIOUS,
		     least = depth ? at_priority[depth - 1] : IDLE;

	for (unsigned int i = 0; i < VGIC_INTIDS; i++)
		if (model[i].enabled && model[i].pends && !model[i].active &&
		    model[i].priority < least) {
			least = model[i].priority;
			best = i;
		}
	return best;
}

static uint32_t seed;

static uint32_t random_below(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* The timer's deadline comes, or the VM sets it to later. */
static void set_timer(bool fired)
{
	set_virtual_fired(fired);
	model[VGIC_VIRTUAL_TIMER].pends = fired;
	after_guest();
}

/*
 * One that is withdrawn while a list register shows it is acknowledged all the
 * same, unless the vCPU comes to EL2 for something else.
 */
static void withdraw_timer(void)
{
	bool shown = false;

	for (unsigned int i = 0; i < list_registers; i++)
		shown |= (cpu.lr[i] & LR_INTID) == VGIC_VIRTUAL_TIMER &&
			 (cpu.lr[i] & LR_PENDING);
	set_timer(false);
	if (shown && cpu.on)
		vgic_refresh(&vcpus[0]);
}

/* The first one of those with the highest priority, or any of them. */
static void model_acknowledge(void)
{
	unsigned int expected = model_best(), found = acknowledge();

	if (found < VGIC_INTIDS && expected < VGIC_INTIDS &&
	    model[found].enabled && model[found].pends &&
	    !model[found].active &&
	    model[found].priority == model[expected].priority)
		expected = found;
	CHECK_EQ(found, expected);
	if (expected == SPURIOUS)
		return;
	model[expected].active = true;
	at_priority[depth] = model[expected].priority;
	stack[depth++] = expected;
	if (expected != VGIC_VIRTUAL_TIMER)
		model[expected].pends = false;
	else if (random_below(4))
		set_timer(false);
}

static void model_eoi(void)
{
	if (!depth)
		return;
	eoi(stack[--depth]);
	model[stack[depth]].active = false;
}

/* By the vCPU itself or by another one, which cannot reach all on a GICv2. */
static void change_bits(unsigned int kind, unsigned int w, uint32_t bit)
{
	if (random_below(4) || (w == 0 && is_v2()))
		bits(0, kind, w, bit);
	else
		bits_by_another(kind, w, bit);
}

static void pend(unsigned int intid)
{
	uint32_t bit = 1u << intid % 32;
	unsigned int from = random_below(2);

	model[intid].pends = true;
	if (intid >= 16 || !(vcpus[0].arch.vgic.own.group & bit)) {
		change_bits(SET_PENDING, intid / 32, bit);
		return;
	}
	sgi(from, intid << 24 | 1);
	after_another();
}

/* What is active keeps the priority that it was acknowledged with. */
static void set_priority(unsigned int intid, unsigned int levels)
{
	struct vcpu *by = &vcpus[random_below(2)];

	if (model[intid].active)
		return;
	model[intid].priority = (uint8_t)(8 * random_below(levels));
	if (by == &vcpus[0])
		vgic_use(by);
	else
		vgic_begin(by);
	word_of(&vcpus[0], intid / 32)->priority[intid % 32] =
		model[intid].priority;
	vgic_end(by);
	after_another();
}

static void change(unsigned int intid)
{
	unsigned int w = intid / 32, what = random_below(5);
	uint32_t bit = 1u << intid % 32;

	if (what == 0 || what == 1) {
		change_bits(what ? CLEAR_ENABLE : SET_ENABLE, w, bit);
		model[intid].enabled = what == 0;
	} else if (intid == VGIC_VIRTUAL_TIMER) {
		if (what == 2)
			withdraw_timer();
		else
			set_timer(true);
	} else if (what == 2) {
		change_bits(CLEAR_PENDING, w, bit);
		model[intid].pends = false;
	} else {
		pend(intid);
	}
}

static void switch_away(void)
{
	vgic_leave(&vcpus[0]);
	if (random_below(2))
		change(32 + random_below(16));
	if (!cpu.on)
		vgic_enter(&vcpus[0]);
	after_guest();
}

static void check_bits(void)
{
	for (unsigned int i = 0; i < VGIC_INTIDS; i++) {
		unsigned int w = i / 32, n = i % 32;

		if ((i >= 16 && i < 32) || (i < 16 && is_v2()))
			continue;
		CHECK_EQ(bits_are(0, SET_PENDING, w) >> n & 1, model[i].pends);
		CHECK_EQ(bits_are(0, SET_ACTIVE, w) >> n & 1, model[i].active);
		CHECK_EQ(bits_are(0, SET_ENABLE, w) >> n & 1, model[i].enabled);
	}
}

/* Those of the model; SGIs of a GICv2 have tests of their own. */
static unsigned int random_intid(void)
{
	unsigned int i = random_below(90);

	if (i < 64)
		return VGIC_FIRST_SPI + i;
	return i >= 80 || is_v2() ? VGIC_VIRTUAL_TIMER : i - 64;
}

static void start_model(unsigned int version, uint32_t first,
			unsigned int levels)
{
	start(version);
	memset(model, 0, sizeof(model));
	depth = 0;
	seed = first;
	bits(0, GROUP, 0, random_below(0x10000));
	for (unsigned int i = 0; i < VGIC_INTIDS; i++) {
		struct vgic_word *word = word_of(&vcpus[0], i / 32);

		word->edge = i < 32 ? SGIS : ~0u;
		model[i].priority = (uint8_t)(8 * random_below(levels));
		word->priority[i % 32] = model[i].priority;
	}
}

static void run_model(unsigned int version, uint32_t first, unsigned int levels)
{
	start_model(version, first, levels);
	for (unsigned int n = 0; n < 2000; n++) {
		switch (random_below(9)) {
		case 0:
		case 1:
			model_acknowledge();
			break;
		case 2:
		case 3:
			model_eoi();
			break;
		case 4:
			switch_away();
			break;
		case 5:
			set_priority(random_intid(), levels);
			break;
		default:
			change(random_intid());
		}
		CHECK_EQ(vm.arch.vgic.lock.next, vm.arch.vgic.lock.serving);
		if (n % 64 == 0)
			check_bits();
	}
	vgic_leave(&vcpus[0]);
}

TEST_LRS(as_the_model)
{
	unsigned int refills = 0;

	short_ways = 0;
	for (uint32_t i = 0; i < 16; i++) {
		run_model(3, i, i % 2 ? 3 : 29);
		refills += cpu.refills;
	}
	CHECK(refills > 0);
	CHECK(quick == (short_ways > 1000));
	for (uint32_t i = 0; i < 8; i++)
		run_model(2, i, i % 2 ? 3 : 29);
	CHECK_EQ(cpu.refills, 0);
}

/* --- the short ways, one by one --- */

#define GICR (VGIC_REDISTRIBUTORS + GICR_PRIVATE)
#define GICD VGIC_DISTRIBUTOR

/* vCPU 0 runs with some of its registers written; nothing pends. */
static void start_quick(unsigned int version)
{
	start(version);
	vgic_enter(&vcpus[0]);
	vcpus[0].arch.vgic.own.group = 0x1111ffff;
	vcpus[0].arch.vgic.own.enabled = 0x2222ffff;
	vcpus[1].arch.vgic.own.enabled = 0x3333ffff;
	for (unsigned int w = 0; w < VGIC_WORDS - 1; w++) {
		vm.arch.vgic.spi[w].group = 0x4444 + w;
		vm.arch.vgic.spi[w].enabled = 0x5555 + w;
		vm.arch.vgic.spi[w].edge = 0xfffffff0;
	}
}

/* A register that is read in short has what is read in full. */
TEST(quick_reads)
{
	static const struct {
		uint64_t ipa, v3, v2;
	} rows[] = {
		{GICD, 3 | BIT(4) | BIT(6), 3},
		{GICR + 0x80, 0x1111ffff, 0},
		{GICR + 0x100, 0x2222ffff, 0},
		{GICR + 0x180, 0x2222ffff, 0},
		{GICD + 0x84, 0x4444, 0x4444},
		{GICD + 0x104, 0x5555, 0x5555},
		{GICD + 0x188, 0x5556, 0x5556},
		/* Not: other words, others' interrupts, what LRs have. */
		{GICD + 0x80, 0, 0},
		{GICD + 0x10c, 0, 0},
		{GICD + 0x17c, 0, 0},
		{GICD + 0x4, 0, 0},
		{GICD + 0x204, 0, 0},
		{GICD + 0x304, 0, 0},
		{GICD + 0x404, 0, 0},
		{GICR, 0, 0},
		{GICR + 0x104, 0, 0},
		{GICR + 0x200, 0, 0},
		{GICR + 0x400, 0, 0},
		{GICR + VGIC_REDISTRIBUTOR_SIZE + 0x100, 0, 0},
		{GICR - 0x80, 0, 0},
		{GICR - GICR_PRIVATE + 0x100, 0, 0},
		{GICD - 0x1000 + 0x104, 0, 0},
	};

	for (unsigned int version = 2; version <= 3; version++) {
		start_quick(version);
		for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
			uint64_t value = 0xbad;
			uint64_t is = version == 3 ? rows[i].v3 : rows[i].v2;

			CHECK_EQ(try_access(0, rows[i].ipa, ABORT, &value),
				 is != 0);
			CHECK_EQ(value, is ? is : 0xbad);
		}
	}
}

/* Bytes, halves, what extends a sign, no syndrome, other faults, unaligned. */
TEST(quick_syndromes)
{
	static const uint64_t unlike[] = {BIT(24), BIT(23), BIT(22), BIT(21),
					  BIT(10), BIT(8),  BIT(7),  BIT(2),
					  BIT(3),  BIT(4),  BIT(5)};
	uint64_t value = 0;

	start_quick(3);
	CHECK(try_access(0, GICR + 0x100, ABORT, &value));
	CHECK(try_access(0, GICR + 0x100, ABORT ^ 3, &value));
	for (unsigned int i = 0; i < ARRAY_SIZE(unlike); i++)
		for (unsigned int write = 0; write < 2; write++) {
			uint64_t esr = ABORT ^ unlike[i];

			value = 1u << 20;
			CHECK(!try_access(0, GICR + 0x100,
					  write ? esr | WRITE : esr, &value));
		}
	for (unsigned int i = 1; i < 4; i++)
		CHECK(!try_access(0, GICR + 0x100 + i, ABORT, &value));
	CHECK_EQ(vcpus[0].arch.vgic.own.enabled, 0x2222ffff);
}

/* XZR reads as zero and is not written; x30 is the last one. */
TEST(quick_registers)
{
	const uint64_t xzr = UINT64_C(31) << 16, x30 = UINT64_C(30) << 16;
	const uint64_t esr = ABORT & ~xzr;
	uint64_t value = 5;
	struct arch_vcpu before;

	start_quick(3);
	before = vcpus[0].arch;
	before.x[5] = 5;
	CHECK(try_access(0, GICR + 0x100, esr | xzr, &value));
	CHECK(try_access(0, GICR + 0x180, esr | xzr | WRITE, &value));
	CHECK_EQ(memcmp(&before, &vcpus[0].arch, sizeof(before)), 0);
	CHECK(try_access(0, GICR + 0x100, esr | x30, &value));
	CHECK_EQ(vcpus[0].arch.x[30], 0x2222ffff);
	CHECK_EQ(vcpus[0].arch.pc, before.pc);
}

static bool try_write(uint64_t ipa, uint32_t set)
{
	uint64_t value = 0xffffffff00000000 | set;

	return try_access(0, ipa, ABORT | WRITE, &value);
}

/* What changes nothing, and what no list register knows of. */
TEST(quick_writes)
{
	struct vgic_word *own = &vcpus[0].arch.vgic.own;

	start_quick(3);
	for (unsigned int kind = SET_ENABLE; kind <= CLEAR_ACTIVE; kind++) {
		CHECK(try_write(GICR + (kind << 7), 0));
		CHECK(try_write(GICD + (kind << 7) + 4, 0));
	}
	CHECK(!try_write(GICR + 0x80, 0));
	CHECK(!try_write(GICD + 0x84, 0));
	CHECK(!try_write(GICD, 0));
	CHECK_EQ(own->group, 0x1111ffff);
	CHECK_EQ(own->enabled, 0x2222ffff);
	CHECK(try_write(GICR + 0x180, 0x20000000));
	CHECK_EQ(own->enabled, 0x0222ffff);
	CHECK(try_write(GICR + 0x100, 0x10000000));
	CHECK_EQ(own->enabled, 0x1222ffff);
	/* It pends, by its line or by itself. */
	own->line = 1u << 29;
	CHECK(!try_write(GICR + 0x100, 0x60000000));
	own->line = 0;
	own->latched = 1u << 29;
	CHECK(!try_write(GICR + 0x180, 0x20000000));
	own->latched = 0;
	/* Pending and active bits are in LRs, too. */
	CHECK(!try_write(GICR + 0x200, 0x20000000));
	CHECK(!try_write(GICD + 0x284, 1));
	CHECK(!try_write(GICD + 0x304, 1));
	CHECK(!try_write(GICD + 0x384, 1));
	CHECK_EQ(own->enabled, 0x1222ffff);
	CHECK_EQ(vcpus[0].arch.vgic.lr_count, 0);
}

/* Another vCPU has it in a list register. */
TEST(quick_of_another)
{
	start_quick(3);
	vcpus[1].arch.vgic.lr[0] = 40 | LR_PENDING;
	vcpus[1].arch.vgic.lr_count = 1;
	vm.arch.vgic.spi[0].enabled = 0x300;
	CHECK(!try_write(GICD + 0x184, 0x100));
	CHECK(!try_write(GICD + 0x204, 0x100));
	CHECK(try_write(GICD + 0x184, 0x200));
	/* It would get it. */
	vm.arch.vgic.target[10] = 1;
	vm.arch.vgic.spi[0].enabled = 0x400;
	CHECK(!try_write(GICD + 0x204, 0x400));
	vm.arch.vgic.target[10] = 0;
	CHECK(!try_write(GICD + 0x204, 0xc00));
	CHECK(try_write(GICD + 0x204, 0x400));
	CHECK_EQ(cpu.lr[0] & LR_INTID, 42);
	/* A private interrupt has the same number on each vCPU. */
	vcpus[1].arch.vgic.lr[0] = 20 | LR_PENDING;
	CHECK(try_write(GICR + 0x180, 1u << 20));
}

static bool try_sgi(unsigned int from, uint64_t value, uint64_t esr)
{
	vcpus[from].arch.x[5] = value;
	return vgic_quick_sgi(&vcpus[from], esr);
}

#define SGI_3 (UINT64_C(3) << 24)

/* To itself, or to others; of the others one is told. */
TEST(quick_sgi)
{
	struct vgic_cpu *c = &vcpus[1].arch.vgic;

	start_quick(3);
	c->own.group = c->own.enabled = 8;
	c->idle = true;
	CHECK(try_sgi(0, SGI_3 | 6, SGI1R));
	CHECK_EQ(c->own.latched, 8);
	CHECK_EQ(vcpus[2].arch.vgic.own.latched, 0); /* of group 0 */
	CHECK_EQ(vgic_take_wake(&vcpus[0]), vcpu_exit(EXIT_WAKE, 1));
	CHECK_EQ(vcpus[0].arch.vgic.lr_count, 0);
	CHECK(try_sgi(0, SGI_3 | 1, SGI1R));
	CHECK_EQ(acknowledge(), 3);
	CHECK_EQ(vcpus[0].arch.vgic.own.latched, 0);
	/* It is in a list register already. */
	CHECK(!try_sgi(0, SGI_3 | 1, SGI1R));
	CHECK(try_sgi(0, 0, SGI1R)); /* to nobody */
}

TEST(not_quick_sgi)
{
	static const struct {
		uint64_t value, esr;
	} rows[] = {
		{SGI_3 | 3, SGI1R},	      /* to both */
		{SGI_3 | BIT(40), SGI1R},     /* to all others */
		{SGI_3 | BIT(16) | 1, SGI1R}, /* affinity 1, 2, 3, range */
		{SGI_3 | BIT(32) | 1, SGI1R},
		{SGI_3 | BIT(48) | 1, SGI1R},
		{SGI_3 | BIT(44) | 1, SGI1R},
		{SGI_3 | 1, SGI1R | 1},	      /* a read */
		{SGI_3 | 1, SGI1R ^ 2 << 17}, /* ICC_SGI0R_EL1 */
		{SGI_3 | 1, SGI1R ^ 3 << 17}, /* ICC_ASGI1R_EL1 */
		{SGI_3 | 1, SGI1R | 31 << 5}, /* XZR */
	};

	start_quick(3);
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
		CHECK(!try_sgi(0, rows[i].value, rows[i].esr));
	vcpus[0].arch.vgic.own.group = 0;
	CHECK(!try_sgi(0, SGI_3 | 1, SGI1R));
	for (unsigned int i = 0; i < VCPUS; i++)
		CHECK_EQ(vcpus[i].arch.vgic.own.latched, 0);
	/* A GICv2 has no such register. */
	start_quick(2);
	CHECK(!try_sgi(0, SGI_3 | 1, SGI1R));
	CHECK(!try_sgi(0, SGI_3 | 2, SGI1R));
}

/* One that has waited for a list register does not wait for a later one. */
TEST(quick_left_out)
{
	list_registers = 2;
	quick = true;
	start(3);
	vm.arch.vgic.spi[0].edge = ~0u;
	for (unsigned int n = 8; n < 12; n++)
		vm.arch.vgic.spi[0].priority[n] = (uint8_t)(8 * n);
	bits(0, SET_ENABLE, 1, 0xf00);
	bits(0, SET_PENDING, 1, 0x700);
	CHECK_EQ(acknowledge(), 40);
	eoi(40);
	bits(0, SET_PENDING, 1, 0x800);
	for (unsigned int intid = 41; intid < 44; intid++) {
		CHECK_EQ(acknowledge(), intid);
		eoi(intid);
	}
	quick = false;
	list_registers = VGIC_LRS;
}

/* --- a message that came before the VM used its controller --- */

TEST(message_before_use)
{
	static const enum mailbox_state states[] = {
		MAILBOX_IDLE, MAILBOX_PENDING, MAILBOX_INFLIGHT};

	for (unsigned int i = 0; i < ARRAY_SIZE(states); i++) {
		start(3);
		vm.mailbox.state = states[i];
		vm.arch.vgic.spi[0].edge = 8;
		bits(0, SET_ENABLE, 1, 8);
		CHECK_EQ(acknowledge(), states[i] == MAILBOX_PENDING
						? VGIC_MAILBOX
						: SPURIOUS);
		/* Once: from then on it is told. */
		vm.mailbox.state = MAILBOX_PENDING;
		bits(0, CLEAR_ENABLE, 1, 16);
		CHECK_EQ(vm.arch.vgic.spi[0].latched, 0);
	}
}

/* None of the VM's is entered in the usual way from then on, nor left here. */
TEST(first_use)
{
	start(3);
	for (uint32_t i = 0; i < VCPUS; i++)
		vcpus[i].arch.controls.usual_from = 1;
	boards_cpus[0].arch.stay = boards_cpus[1].arch.stay = STAY_TIMED;
	vgic_use(&vcpus[0]);
	vgic_end(&vcpus[0]);
	for (uint32_t i = 0; i < VCPUS; i++)
		CHECK(!vcpus[i].arch.controls.usual_from);
	CHECK_EQ(boards_cpus[0].arch.stay, STAY_UNUSUAL);
	CHECK_EQ(boards_cpus[1].arch.stay, STAY_TIMED);
}

/* --- the timer that fires again --- */

/* Its interrupt is taken, and ended with the timer set to later. */
static void fire_and_end(void)
{
	set_virtual_fired(true);
	after_guest();
	CHECK(is_quiet());
	CHECK_EQ(acknowledge(), 27);
	set_virtual_fired(false);
	eoi(27);
	CHECK(!is_quiet());
}

static void start_timer(void)
{
	start(3);
	quick = true;
	bits(0, SET_ENABLE, 0, 1u << 27);
	fire_and_end();
	CHECK_EQ(cpu.refills, 0);
	fire_and_end();
	CHECK_EQ(cpu.refills, 1);
}

TEST(timer_again)
{
	start_timer();
	/* While it pends, and while it is active, it does not again. */
	set_virtual_fired(true);
	after_guest();
	CHECK_EQ(cpu.refills, 2);
	CHECK(!vgic_interrupt(&vcpus[0]));
	CHECK_EQ(acknowledge(), 27);
	CHECK(!vgic_interrupt(&vcpus[0]));
	/* A level that stays. */
	eoi(27);
	CHECK_EQ(cpu.refills, 3);
	CHECK_EQ(acknowledge(), 27);
	quick = false;
}

/* Disabled meanwhile: by the vCPU, by another one, or with its group. */
TEST(timer_not_again)
{
	for (unsigned int i = 0; i < 3; i++) {
		start_timer();
		if (i == 0)
			bits(0, CLEAR_ENABLE, 0, 1u << 27);
		else if (i == 1)
			bits_by_another(CLEAR_ENABLE, 0, 1u << 27);
		else {
			vgic_begin(&vcpus[1]);
			write_control(&vcpus[1], 0, 0);
			vgic_end(&vcpus[1]);
			after_another();
		}
		set_virtual_fired(true);
		after_guest();
		CHECK_EQ(acknowledge(), SPURIOUS);
		CHECK_EQ(cpu.refills, 1);
		CHECK(is_quiet());
		/* It is there as soon as it may. */
		vm.arch.vgic.control = 3;
		bits(0, SET_ENABLE, 0, 1u << 27);
		CHECK_EQ(acknowledge(), 27);
	}
	quick = false;
}

/* The list register is another interrupt's by now. */
TEST(timer_again_elsewhere)
{
	start_timer();
	vcpus[0].arch.vgic.own.group = 8;
	vcpus[0].arch.vgic.own.enabled |= 8;
	sgi(0, SGI_3 | 1);
	CHECK_EQ(cpu.lr[0] & LR_INTID, 3);
	set_virtual_fired(true);
	after_guest();
	CHECK_EQ(cpu.refills, 1);
	CHECK_EQ(cpu.lr[0] & LR_INTID, 3);
	CHECK_EQ(acknowledge(), 3);
	eoi(3);
	CHECK_EQ(acknowledge(), 27);
	quick = false;
}

/* Another priority, given by another vCPU, counts from then on. */
TEST(timer_again_priority)
{
	start_timer();
	vgic_begin(&vcpus[1]);
	write_priority(&vcpus[1], GICR_PRIVATE + GICD_IPRIORITYR + 24,
		       0xb0u << 24);
	vgic_end(&vcpus[1]);
	after_another();
	set_virtual_fired(true);
	after_guest();
	CHECK_EQ(cpu.lr[0] >> LR_PRIORITY & 0xff, 0xb0);
	quick = false;
}

/* --- lines --- */

/* Pending for as long as the line is up; looked at again at the end. */
TEST_LRS(level)
{
	start(3);
	bits(0, SET_ENABLE, 1, 2);
	vgic_set_line(&vm, 33, true);
	CHECK_EQ(acknowledge(), SPURIOUS); /* a call of the primary */
	vgic_refresh(&vcpus[0]);
	CHECK_EQ(acknowledge(), 33);
	CHECK_EQ(acknowledge(), SPURIOUS);
	eoi(33);
	CHECK_EQ(acknowledge(), 33);
	vgic_set_line(&vm, 33, false);
	eoi(33);
	CHECK_EQ(acknowledge(), SPURIOUS);
	/* Withdrawn before it was acknowledged. */
	vgic_set_line(&vm, 33, true);
	vgic_refresh(&vcpus[0]);
	regs_set("tpidr_el2", (uint64_t)(uintptr_t)&vcpus[0]);
	vgic_set_line(&vm, 33, false);
	CHECK_EQ(acknowledge(), SPURIOUS);
	vgic_set_line(&vm, 33, true);
	CHECK_EQ(acknowledge(), 33);
}

TEST_LRS(edge)
{
	start(3);
	bits(0, SET_ENABLE, 1, 2);
	vm.arch.vgic.spi[0].edge = 2;
	vgic_set_line(&vm, 33, true);
	vgic_set_line(&vm, 33, true);
	vgic_set_line(&vm, 33, false);
	vgic_refresh(&vcpus[0]);
	CHECK_EQ(acknowledge(), 33);
	eoi(33);
	CHECK_EQ(acknowledge(), SPURIOUS);
}

/* The timer of the CPU is quiet from its interrupt to the end of it. */
TEST_LRS(virtual_timer)
{
	start(3);
	bits(0, SET_ENABLE, 0, 1u << 27);
	CHECK(!is_quiet());
	set_virtual_fired(true);
	CHECK(vgic_interrupt(&vcpus[0]));
	CHECK(is_quiet());
	CHECK(!vgic_interrupt(&vcpus[0]));
	CHECK_EQ(cpu.lr[0] >> LR_PHYSICAL & 0x3ff, 27);
	CHECK(cpu.lr[0] & LR_HW);
	CHECK_EQ(acknowledge(), 27);
	set_virtual_fired(false);
	vgic_leave(&vcpus[0]);
	vgic_enter(&vcpus[0]);
	CHECK(is_quiet());
	eoi(27);
	vgic_refresh(&vcpus[0]);
	CHECK(!is_quiet());
	/* Fired, and nobody is to take it. */
	bits(0, CLEAR_ENABLE, 0, 1u << 27);
	set_virtual_fired(true);
	CHECK(vgic_interrupt(&vcpus[0]));
	CHECK(is_quiet());
	CHECK_EQ(acknowledge(), SPURIOUS);
}

/* --- several vCPUs --- */

static void send(unsigned int from, uint64_t targets, unsigned int intid)
{
	vgic_use(&vcpus[from]);
	send_sgi(&vcpus[from], targets, intid, false);
	vgic_end(&vcpus[from]);
}

/* Of vCPU 1, which sleeps, runs elsewhere, or neither. */
TEST(who_is_told)
{
	struct vgic_cpu *c = &vcpus[1].arch.vgic;

	start(3);
	bits(0, SET_ENABLE, 0, 8);
	c->own.enabled = 8;
	send(0, 2, 3);
	CHECK_EQ(vgic_take_wake(&vcpus[0]), 0);
	c->own.latched = 0;
	c->idle = true;
	send(0, 2, 4); /* not enabled */
	CHECK_EQ(vgic_take_wake(&vcpus[0]), 0);
	send(0, 2, 3);
	send(0, 2, 3);
	CHECK_EQ(vgic_take_wake(&vcpus[0]), vcpu_exit(EXIT_WAKE, 1));
	CHECK_EQ(vgic_take_wake(&vcpus[0]), 0);
	CHECK_EQ(cpu.kicks, 0);
	/* Masked by its priority, it would not end the wait. */
	c->told = false;
	c->vmcr = VMCR_GROUPS;
	send(0, 2, 3);
	CHECK_EQ(vgic_take_wake(&vcpus[0]), 0);
	/* Running: it comes to EL2, once. */
	c->idle = false;
	c->loaded = true;
	send(0, 2, 3);
	send(0, 2, 3);
	CHECK_EQ(cpu.kicks, 1);
	CHECK_EQ(ppis[1][0], 1u << 25);
	CHECK_EQ(vgic_take_wake(&vcpus[0]), 0);
}

/* What comes to light in a wait is told before it. */
TEST(told_before_a_wait)
{
	start(3);
	bits(0, SET_ENABLE, 1, 2);
	vcpus[1].arch.vgic.idle = true;
	vm.arch.vgic.target[1] = 1;
	vgic_pend(&vm, 33); /* a call of the primary, which runs them all */
	CHECK_EQ(vgic_take_wake(&vcpus[0]), 0);
	CHECK(!vgic_may_wait(&vcpus[0]));
	CHECK_EQ(vgic_take_wake(&vcpus[0]), vcpu_exit(EXIT_WAKE, 1));
	CHECK(vgic_may_wait(&vcpus[0]));
	CHECK(vcpus[0].arch.vgic.idle);
}

TEST(told_of_all)
{
	start(2);
	for (unsigned int i = 1; i < VCPUS; i++)
		vcpus[i].arch.vgic.idle = true;
	send(0, 6, 3);
	CHECK_EQ(vgic_take_wake(&vcpus[0]), vcpu_exit(EXIT_WAKE, 1));
	CHECK_EQ(vgic_take_wake(&vcpus[0]), vcpu_exit(EXIT_WAKE, 2));
	CHECK_EQ(vgic_take_wake(&vcpus[0]), 0);
	/* No registers of another CPU's interrupts: the primary does it. */
	vcpus[1].arch.vgic.idle = vcpus[1].arch.vgic.told = false;
	vcpus[1].arch.vgic.loaded = true;
	send(0, 2, 3);
	CHECK_EQ(cpu.kicks, 0);
	CHECK_EQ(vgic_take_wake(&vcpus[0]), vcpu_exit(EXIT_WAKE, 1));
}

/* An SPI that is active on one vCPU is ended there, whoever gets the next. */
TEST_LRS(moved_while_active)
{
	start(3);
	bits(0, SET_ENABLE, 1, 0x100);
	vm.arch.vgic.spi[0].edge = 0x100;
	bits(0, SET_PENDING, 1, 0x100);
	CHECK_EQ(acknowledge(), 40);
	vm.arch.vgic.target[8] = 1;
	bits(0, SET_PENDING, 1, 0x100);
	eoi(40);
	CHECK_EQ(acknowledge(), SPURIOUS);
	vgic_leave(&vcpus[0]);
	cpu.depth = 0;
	vgic_enter(&vcpus[1]);
	CHECK_EQ(acknowledge(), 40);
}

/* What another vCPU clears is not pending again when the LRs are folded. */
TEST_LRS(cleared_by_another)
{
	start(3);
	bits(0, SET_ENABLE, 1, 0x100);
	vm.arch.vgic.spi[0].edge = 0x100;
	bits(0, SET_PENDING, 1, 0x100);
	clear_pending(&vcpus[1], 1, 0x100);
	vgic_refresh(&vcpus[0]);
	CHECK_EQ(acknowledge(), SPURIOUS);
	bits(0, SET_PENDING, 1, 0x100);
	CHECK_EQ(acknowledge(), 40);
	vgic_refresh(&vcpus[0]);
	vm.arch.vgic.spi[0].active = 0; /* ICC_DIR_EL1 of another */
	vgic_refresh(&vcpus[0]);
	CHECK_EQ(vm.arch.vgic.spi[0].active, 0);
}

/* SPI 40, an edge, pends in a list register of vCPU 0. */
static void pend_40(void)
{
	start(3);
	bits(0, SET_ENABLE, 1, 0x100);
	vm.arch.vgic.spi[0].edge = 0x100;
	bits(0, SET_PENDING, 1, 0x100);
	CHECK(cpu.lr[0] & LR_PENDING);
}

/* vCPU 1, which is on no CPU here, has 40 routed to it. */
static void route_40(void)
{
	vgic_begin(&vcpus[1]);
	write_router(&vcpus[1], GICD_IROUTER + 8 * 40, 1);
	vgic_end(&vcpus[1]);
}

/* Moved, it leaves the list register of a vCPU that runs, at once. */
TEST_LRS(moved_while_pending)
{
	pend_40();
	vcpus[1].arch.vgic.idle = true;
	route_40();
	CHECK_EQ(cpu.kicks, 1);
	route_40();
	CHECK_EQ(cpu.kicks, 1);
	CHECK(vgic_interrupt(&vcpus[0]));
	CHECK_EQ(acknowledge(), SPURIOUS);
	CHECK_EQ(vgic_take_wake(&vcpus[0]), vcpu_exit(EXIT_WAKE, 1));
}

/* What comes to light as a vCPU leaves is told, too. */
TEST_LRS(told_on_leaving)
{
	pend_40();
	vcpus[1].arch.vgic.idle = true;
	route_40();
	vgic_leave(&vcpus[0]);
	CHECK_EQ(vgic_take_wake(&vcpus[0]), vcpu_exit(EXIT_WAKE, 1));
	/* A line that is still up at the end of its interrupt. */
	start(3);
	bits(0, SET_ENABLE, 1, 0x100);
	vgic_set_line(&vm, 40, true);
	vgic_refresh(&vcpus[0]);
	CHECK_EQ(acknowledge(), 40);
	vgic_refresh(&vcpus[0]);
	vcpus[1].arch.vgic.idle = true;
	route_40();
	CHECK_EQ(vgic_take_wake(&vcpus[1]), 0);
	cpu.lr[0] &= ~LR_ACTIVE;
	vgic_leave(&vcpus[0]);
	CHECK_EQ(vgic_take_wake(&vcpus[0]), vcpu_exit(EXIT_WAKE, 1));
	CHECK_EQ(cpu.kicks, 0);
}

/* One that had no list register, and ended. */
TEST(told_of_what_ended_unseen)
{
	list_registers = 1;
	pend_40();
	CHECK_EQ(acknowledge(), 40);
	word_of(&vcpus[0], 1)->priority[9] = 0;
	word_of(&vcpus[0], 1)->priority[8] = 0x80;
	bits(0, SET_ENABLE, 1, 0x200);
	bits(0, SET_PENDING, 1, 0x300);
	CHECK_EQ(cpu.lr[0] & LR_INTID, 41);
	vcpus[1].arch.vgic.idle = true;
	route_40();
	CHECK_EQ(vgic_take_wake(&vcpus[1]), 0);
	cpu.eois = 1;
	vgic_leave(&vcpus[0]);
	CHECK_EQ(vgic_take_wake(&vcpus[0]), vcpu_exit(EXIT_WAKE, 1));
	list_registers = VGIC_LRS;
}

static void deactivate_by_register(void)
{
	write_bits(&vcpus[1], CLEAR_ACTIVE << 7 | 4, 0x100);
}

static void deactivate_by_dir(void)
{
	deactivate(&vcpus[1], 40);
}

static void deactivate_twice(void)
{
	deactivate_by_dir();
	write_bits(&vcpus[1], SET_ACTIVE << 7 | 4, 0x100);
	deactivate_by_register();
}

/* Another vCPU may end what this one has acknowledged, and not told yet. */
TEST_LRS(deactivated_by_another)
{
	static void (*const ways[])(void) = {
		deactivate_by_register, deactivate_by_dir, deactivate_twice};

	for (unsigned int i = 0; i < ARRAY_SIZE(ways); i++) {
		pend_40();
		CHECK_EQ(acknowledge(), 40);
		vgic_begin(&vcpus[1]);
		ways[i]();
		vgic_end(&vcpus[1]);
		CHECK_EQ(cpu.kicks, 1);
		CHECK(vgic_interrupt(&vcpus[0]));
		CHECK_EQ(vm.arch.vgic.spi[0].active, 0);
		CHECK_EQ(cpu.lr[0], 0);
		CHECK_EQ(vcpus[0].arch.vgic.told, false);
	}
	/* Of what is still pending nothing is lost. */
	pend_40();
	vgic_begin(&vcpus[1]);
	deactivate_by_dir();
	vgic_end(&vcpus[1]);
	CHECK(vgic_interrupt(&vcpus[0]));
	CHECK_EQ(acknowledge(), 40);
	vgic_refresh(&vcpus[0]);
	CHECK_EQ(vm.arch.vgic.spi[0].active, 0x100);
}

/* In another's redistributor, and made active again by hand. */
TEST(deactivated_private)
{
	start(3);
	bits(0, SET_ENABLE, 0, 8);
	bits(0, SET_PENDING, 0, 8);
	CHECK_EQ(acknowledge(), 3);
	vgic_begin(&vcpus[1]);
	write_bits(&vcpus[1], GICR_PRIVATE | CLEAR_ACTIVE << 7, 8);
	vgic_end(&vcpus[1]);
	vgic_refresh(&vcpus[0]);
	CHECK_EQ(vcpus[0].arch.vgic.own.active, 0);
	bits(0, SET_PENDING, 0, 8);
	cpu.depth = 0;
	CHECK_EQ(acknowledge(), 3);
	vgic_begin(&vcpus[1]);
	write_bits(&vcpus[1], GICR_PRIVATE | CLEAR_ACTIVE << 7, 8);
	write_bits(&vcpus[1], GICR_PRIVATE | SET_ACTIVE << 7, 8);
	vgic_end(&vcpus[1]);
	vgic_refresh(&vcpus[0]);
	CHECK_EQ(vcpus[0].arch.vgic.own.active, 8);
}

/* A kick that comes as the vCPU leaves is taken back; else none is looked for.
 */
TEST(late_kick)
{
	start(3);
	bits(0, SET_ENABLE, 0, 8);
	vgic_leave(&vcpus[0]);
	CHECK_EQ(kick_looks, 0);
	vgic_enter(&vcpus[0]);
	vgic_begin(&vcpus[1]);
	send_sgi(&vcpus[1], 1, 3, false);
	vgic_end(&vcpus[1]);
	CHECK(kicked);
	/* It comes to EL2 for another reason, which is one to leave. */
	vgic_refresh(&vcpus[0]);
	vgic_leave(&vcpus[0]);
	CHECK(!kicked);
	CHECK_EQ(kick_looks, 1);
	vgic_enter(&vcpus[0]);
	vgic_leave(&vcpus[0]);
	CHECK_EQ(kick_looks, 1);
}

/* Without its interrupt nothing would bring a vCPU to EL2: there is no GIC. */
TEST(no_maintenance_interrupt)
{
	for (unsigned int version = 2; version <= 3; version++) {
		start(version);
		vgic_hw = NULL;
		board.maintenance_intid = 0;
		vgic_init_board();
		CHECK(!vgic_hw);
		CHECK(!vgic_access(&vcpus[0], 0));
	}
}

/* GICv2: the same SGI of two senders comes twice, the second one later. */
TEST_LRS(senders)
{
	uint64_t lr;

	start(2);
	vgic_enter(&vcpus[0]);
	vcpus[0].arch.vgic.own.latched = 8;
	vcpus[0].arch.vgic.sources[3] = 6;
	vgic_refresh(&vcpus[0]);
	for (unsigned int source = 1; source <= 2; source++) {
		lr = cpu.lr[0];
		CHECK_EQ(lr >> LR_PHYSICAL & 7, source);
		CHECK_EQ(!!(lr & LR_EOI), source == 1);
		CHECK_EQ(acknowledge(), 3);
		vgic_leave(&vcpus[0]);
		vgic_enter(&vcpus[0]);
		CHECK_EQ(cpu.lr[0] >> LR_PHYSICAL & 7, source);
		eoi(3);
	}
	CHECK_EQ(acknowledge(), SPURIOUS);
}

/* What a CPU has of somebody before us is gone, the primary's traps are not. */
TEST_LRS(new_cpu)
{
	start(3);
	memset(cpu.lr, 0xff, sizeof(cpu.lr));
	cpu.vmcr = ~(uint32_t)0;
	vgic_init_cpu();
	for (unsigned int i = 0; i < list_registers; i++)
		CHECK_EQ(cpu.lr[i], 0);
	CHECK_EQ(cpu.vmcr, 0);
	CHECK(!cpu.on);
}

/* Another CPU may be at its lock: its console outlives a VM. */
TEST(reset_keeps_lock)
{
	start(3);
	spin_lock(&vm.arch.vgic.lock);
	spin_unlock(&vm.arch.vgic.lock);
	vgic_reset(&vm);
	CHECK_EQ(vm.arch.vgic.lock.next, vm.arch.vgic.lock.serving);
	CHECK(vm.arch.vgic.lock.next >= 2);
}

/* Kicks without end by another vCPU leave the primary its turn. */
TEST(storm)
{
	unsigned int ends = 0;

	start(3);
	vgic_enter(&vcpus[0]);
	regs_set("isr_el1", BIT(7)); /* one of the primary's */
	for (unsigned int i = 0; i < 80; i++) {
		kicked = true;
		ends += !vgic_interrupt(&vcpus[0]);
	}
	CHECK_EQ(ends, 10);
}
