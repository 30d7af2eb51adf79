/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The registers of a secondary's interrupt controller (vgic.h): distributor,
 * redistributors, and those of the CPU interface that trap.
 */
#include "vgic_internal.h"

#include "arch_internal.h"
#include "mmio.h"
#include "nospec.h"
#include "string.h"
#include "vcpu.h"
#include "vm.h"

#define PRIORITY_BITS 0xf8f8f8f8 /* five of each */
#define NO_VCPU 0xff

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
static COLD struct vgic_word *find_word(struct vcpu **vcpu, uint32_t offset,
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

/*
 * Those of a word whose latch is in an LR of some vCPU. Of `set`, LRs lose the
 * flags `off` and get `on`, which fold() sees.
 */
static COLD uint32_t mark_lrs(struct vcpu *vcpu, unsigned int w, uint32_t set,
			      uint64_t off, uint64_t on)
{
	struct vm *vm = vcpu->vm;
	uint32_t latched = 0;

	for (uint32_t i = 0; i < vm->vcpu_count; i++) {
		struct vgic_cpu *c = &vm->vcpus[i].arch.vgic;

		if (w == 0 && i != vcpu->index)
			continue;
		for (unsigned int n = 0; n < c->lr_count; n++) {
			uint32_t bit = (uint32_t)BIT(c->lr[n] % 32);

			if ((c->lr[n] & LR_INTID) / 32 != w)
				continue;
			latched |= c->lr[n] & LR_LATCHED ? bit : 0;
			if (set & bit)
				c->lr[n] = (c->lr[n] & ~off) | on;
		}
	}
	return latched;
}

/* Whether one of `set` is, or was, in an LR of some vCPU. */
static bool has_lr(const struct vcpu *vcpu, unsigned int w, uint32_t set)
{
	const struct vm *vm = vcpu->vm;

	for (uint32_t i = 0; i < vm->vcpu_count; i++) {
		const struct vgic_cpu *c = &vm->vcpus[i].arch.vgic;

		for (unsigned int n = 0; n < c->lr_count; n++)
			if ((c->lr[n] & LR_INTID) / 32 == w &&
			    (set & BIT(c->lr[n] % 32)) &&
			    (w || i == vcpu->index))
				return true;
	}
	return false;
}

static COLD uint64_t read_bits(void *device, uint32_t offset)
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
		if (vcpu == device)
			vgic_sample(vcpu);
		return pending(word) | mark_lrs(vcpu, w, 0, 0, 0);
	default:
		return word->active;
	}
}

static void clear_pending(struct vcpu *vcpu, unsigned int w, uint32_t set)
{
	word_of(vcpu, w)->latched &= ~set;
	mark_lrs(vcpu, w, set, LR_LATCHED, 0);
	if (w == 0)
		FOR_BITS (n, set & SGIS)
			vcpu->arch.vgic.sources[n] = 0;
}

/* What is active in an LR of another vCPU ends when that one is told. */
static void clear_active(struct vcpu *vcpu, unsigned int w, uint32_t set)
{
	word_of(vcpu, w)->active &= ~set;
	mark_lrs(vcpu, w, set, 0, LR_ENDED);
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

static COLD void write_bits(void *device, uint32_t offset, uint64_t value)
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
		clear_active(vcpu, w, set);
		break;
	}
}

static COLD uint64_t read_priority(void *device, uint32_t offset)
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

static COLD void write_priority(void *device, uint32_t offset, uint64_t value)
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
static COLD uint64_t read_config(void *device, uint32_t offset)
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
static COLD void write_config(void *device, uint32_t offset, uint64_t value)
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
	return __atomic_load_n(&vcpu->vm->arch.vgic.control, __ATOMIC_RELAXED) |
	       (is_v2() ? 0 : CTLR_ARE | CTLR_DS);
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

static COLD uint64_t read_router(void *device, uint32_t offset)
{
	return *target_of(device, offset);
}

static COLD void write_router(void *device, uint32_t offset, uint64_t value)
{
	struct vcpu *vcpu = device;
	uint64_t affinity = value & MPIDR_AFFINITY;

	*target_of(vcpu, offset) =
		affinity < vcpu->vm->vcpu_count ? (uint8_t)affinity : NO_VCPU;
}

/* GICv2: a byte for each interrupt, with a bit for each vCPU. */
static COLD uint64_t read_targets(void *device, uint32_t offset)
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
static COLD void write_targets(void *device, uint32_t offset, uint64_t value)
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

static COLD uint64_t read_redistributor_type(void *device, uint32_t offset)
{
	const struct vcpu *vcpu = redistributor(device, offset);

	if (!vcpu)
		return 0;
	return (uint64_t)vcpu->index << 32 | vcpu->index << 8 |
	       (vcpu->index + 1 == vcpu->vm->vcpu_count ? TYPER_LAST : 0);
}

static COLD uint64_t read_waker(void *device, uint32_t offset)
{
	const struct vcpu *vcpu = redistributor(device, offset);

	return vcpu && vcpu->arch.vgic.asleep ? WAKER_SLEEP | WAKER_ASLEEP : 0;
}

static COLD void write_waker(void *device, uint32_t offset, uint64_t value)
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
static COLD void write_sgir_v2(void *device, uint32_t offset, uint64_t value)
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
static COLD uint64_t read_sgi_pending(void *device, uint32_t offset)
{
	const struct vcpu *vcpu = device;
	uint32_t value;

	memcpy(&value, &vcpu->arch.vgic.sources[offset % 16], sizeof(value));
	return value;
}

static COLD void write_sgi_pending(void *device, uint32_t offset,
				   uint64_t value)
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
	vgic_use(vcpu);
	for (unsigned int i = 0; i < INTERFACE_PAGES; i++)
		g->interface[i] = arch_pte_leaf(
			MM_STAGE_2, PT_LEAF_LEVEL,
			paddr(board.gicv + i * PAGE_SIZE), MM_DEVICE_RW);
	arch_pt_sync();
	vgic_end(vcpu);
	return true;
}

COLD bool vgic_access(struct vcpu *vcpu, uint64_t esr)
{
	bool done;

	if (!vgic_hw || fault_page() - VGIC_DISTRIBUTOR >=
				VGIC_REDISTRIBUTORS +
					MAX_VCPUS * VGIC_REDISTRIBUTOR_SIZE -
					VGIC_DISTRIBUTOR)
		return false;
	if (open_interface(vcpu, esr))
		return true;
	vgic_use(vcpu);
	done = is_v2() ? mmio_access(vcpu, esr, frames_v2,
				     ARRAY_SIZE(frames_v2))
		       : mmio_access(vcpu, esr, frames_v3,
				     ARRAY_SIZE(frames_v3));
	vgic_end(vcpu);
	return done;
}

/* ICC_DIR_EL1: the interrupt may be active on another vCPU. */
static void deactivate(struct vcpu *vcpu, uint64_t intid)
{
	if (intid < VGIC_INTIDS)
		clear_active(vcpu,
			     (unsigned int)index_nospec(intid / 32, VGIC_WORDS),
			     (uint32_t)BIT(intid % 32));
}

#define REG(crm, op2) ((crm)*8 + (op2))

COLD enum vgic_answer vgic_sysreg(struct vcpu *vcpu, unsigned int crm,
				  unsigned int op2, bool is_read,
				  uint64_t *value)
{
	bool was_loaded = vcpu->arch.vgic.loaded;
	enum vgic_answer answer = VGIC_DONE;

	if (!vgic_hw || is_v2())
		return VGIC_UNDEFINED;
	vgic_use(vcpu);
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
		*value = ICC_SRE_VALUE;
		break;
	default:
		answer = was_loaded ? VGIC_UNDEFINED : VGIC_RETRY;
	}
	vgic_end(vcpu);
	return answer;
}

/* --- short ways --- */

/*
 * Syndrome of a data abort: 32 bits to or from a register, at an address that
 * stage 2 has nothing for. WnR, register and level of the table are left.
 */
#define ISS_MASK (BIT(24) | 7ull << 21 | BIT(10) | BIT(8) | BIT(7) | 0x3c)
#define ISS_WORD (BIT(24) | 2ull << 22 | 0x04)

/* Syndrome of MSR ICC_SGI1R_EL1; the register is left. */
#define SYSREG_MASK (0x3fffffull & ~(31ull << 5))
#define SYSREG_SGI1R (3ull << 20 | 5 << 17 | 12 << 10 | 11 << 1)
#define SYSREG_REGISTER(esr) ((esr) >> 5 & 31)

/*
 * The word of a register of the vCPU's own, or of SPIs, and its number; NULL:
 * another one.
 */
static inline struct vgic_word *quick_word(struct vcpu *vcpu, uint64_t ipa,
					   unsigned int *w)
{
	uint64_t own = VGIC_REDISTRIBUTORS + GICR_PRIVATE +
		       vcpu->index * VGIC_REDISTRIBUTOR_SIZE;
	uint32_t n = (ipa & 0x7f) / 4;

	if (ipa - own < GICD_IPRIORITYR) {
		*w = 0;
		return n == 0 && !is_v2() ? &vcpu->arch.vgic.own : NULL;
	}
	if (ipa - VGIC_DISTRIBUTOR >= GICD_IPRIORITYR || n == 0 ||
	    !index_check(n, VGIC_WORDS, w))
		return NULL;
	return word_of(vcpu, *w);
}

/* Without the lock: each is a word that changes at once. */
static inline __attribute__((always_inline)) bool
quick_read(struct vcpu *vcpu, uint64_t ipa, uint64_t *value)
{
	const struct vgic_word *word;
	unsigned int w;

	if (ipa == VGIC_DISTRIBUTOR + GICD_CTLR) {
		*value = read_control(vcpu, 0);
		return true;
	}
	word = quick_word(vcpu, ipa, &w);
	if (!word)
		return false;
	switch (kind_of((uint32_t)ipa)) {
	case GROUP:
		*value = __atomic_load_n(&word->group, __ATOMIC_RELAXED);
		return true;
	case SET_ENABLE:
	case CLEAR_ENABLE:
		*value = __atomic_load_n(&word->enabled, __ATOMIC_RELAXED);
		return true;
	default:
		return false;
	}
}

/* Enables or disables what is neither pending nor in an LR. */
static bool quick_enable(struct vcpu *vcpu, struct vgic_word *word,
			 unsigned int w, uint32_t set, bool on)
{
	bool simple;

	spin_lock(&vcpu->vm->arch.vgic.lock);
	simple = !(pending(word) & set) && !has_lr(vcpu, w, set);
	if (simple)
		word->enabled = on ? word->enabled | set : word->enabled & ~set;
	spin_unlock(&vcpu->vm->arch.vgic.lock);
	return simple;
}

/* An SPI begins to pend. */
static bool quick_pend(struct vcpu *vcpu, unsigned int w, uint32_t set)
{
	struct vgic *g = &vcpu->vm->arch.vgic;
	unsigned int n = (unsigned int)__builtin_ctz(set);
	bool placed = false;

	if (w == 0 || set & (set - 1))
		return false;
	spin_lock(&g->lock);
	if (g->target[32 * (w - 1) + n] == vcpu->index && !has_lr(vcpu, w, set))
		placed = vgic_place(vcpu, 32 * w + n, LR_LATCHED);
	spin_unlock(&g->lock);
	return placed;
}

static bool quick_write(struct vcpu *vcpu, uint64_t ipa, uint32_t set)
{
	unsigned int kind = kind_of((uint32_t)ipa), w;
	struct vgic_word *word = quick_word(vcpu, ipa, &w);

	if (!word || kind <= GROUP)
		return false;
	if (!set)
		return true;
	if (kind == SET_ENABLE || kind == CLEAR_ENABLE)
		return quick_enable(vcpu, word, w, set, kind == SET_ENABLE);
	return kind == SET_PENDING && quick_pend(vcpu, w, set);
}

bool vgic_quick_access(struct vcpu *vcpu, uint64_t esr)
{
	uint64_t ipa = fault_ipa();
	unsigned int rt = ISS_SRT(esr);
	bool is_zero = rt == ZERO_REGISTER;
	uint64_t *x = vcpu->arch.x, value;

	if ((esr & ISS_MASK) != ISS_WORD || ipa & 3)
		return false;
	if (esr & ISS_WNR)
		return quick_write(vcpu, ipa, is_zero ? 0 : (uint32_t)x[rt]);
	if (!quick_read(vcpu, ipa, &value))
		return false;
	if (!is_zero)
		x[rt] = value;
	return true;
}

/* To itself or to another one; not to both, or to more. */
bool vgic_quick_sgi(struct vcpu *vcpu, uint64_t esr)
{
	struct vm *vm = vcpu->vm;
	unsigned int rt = SYSREG_REGISTER(esr), intid;
	uint64_t value;
	bool done = true;

	if ((esr & SYSREG_MASK) != SYSREG_SGI1R || rt == ZERO_REGISTER ||
	    is_v2())
		return false;
	value = vcpu->arch.x[rt];
	intid = value >> 24 & 0xf;
	if (value & (BIT(40) | 0x00fff0ff00ff0000) ||
	    (value & 0xffff & BIT(vcpu->index) &&
	     value & 0xffff & ~BIT(vcpu->index)))
		return false;
	spin_lock(&vm->arch.vgic.lock);
	if (!(value & BIT(vcpu->index))) {
		send_sgi(vcpu, value & 0xffff, intid, true);
		vgic_tell(vcpu);
	} else {
		done = vcpu->arch.vgic.own.group & BIT(intid) &&
		       vgic_place(vcpu, intid, LR_LATCHED);
	}
	spin_unlock(&vm->arch.vgic.lock);
	return done;
}
