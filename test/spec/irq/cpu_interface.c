/* SPDX-License-Identifier: BSD-3-Clause */
#include "cpu_interface.h"

#include "regs.h"

#define MAX_LRS 16
#define IDLE 0x100

/* ICH_LR<n>_EL2 */
#define PENDING BIT(62)
#define ACTIVE BIT(63)
#define STATE (PENDING | ACTIVE)
#define HARDWARE BIT(61)
#define TELLS_END BIT(41)
#define GROUP(lr) ((unsigned int)((lr) >> 60) & 1)
#define PRIORITY(lr) ((unsigned int)((lr) >> 48) & 0xff)
#define RESERVED (UINT64_C(15) << 56)
#define INTID(lr) ((unsigned int)(lr))

/* ICH_HCR_EL2 */
#define HCR_EN BIT(0)
#define HCR_UIE BIT(1)
#define HCR_LRENPIE BIT(2)
#define HCR_NPIE BIT(3)
#define HCR_TRAPS (BIT(10) | BIT(11) | BIT(12))
#define HCR_EOI_COUNT BIT(27)
#define HCR_EOI_COUNT_MASK (UINT64_C(31) << 27)

/* ICH_VMCR_EL2 */
#define VMCR_ENABLE(group) BIT(group)
#define VMCR_DROPS_ONLY BIT(9)
#define VMCR_POINT(group) ((group) ? 18 : 21)
#define VMCR_MASK 24

static struct ifc_kind kind;
static struct interface {
	uint64_t reg[IRQ_REGISTER_COUNT];
	bool timer_active;
} interfaces[IFC_CPUS], *cpu;

static uint64_t *lr_at(unsigned int n)
{
	return &cpu->reg[IRQ_ich_lr0_el2 + n];
}

void ifc_be_cpu(unsigned int index)
{
	cpu = &interfaces[index];
}

void ifc_start(const struct ifc_kind *k)
{
	kind = *k;
	memset(interfaces, 0, sizeof(interfaces));
	for (unsigned int i = 0; i < IFC_CPUS; i++) {
		ifc_be_cpu(i);
		for (unsigned int r = 0; r < IRQ_REGISTER_COUNT; r++)
			cpu->reg[r] = 0x5a5a5a5a5a5a5a5a;
	}
}

static _Noreturn void die(const char *what)
{
	printf("cpu interface: %s\n", what);
	fflush(stdout);
	abort();
}

/* --- the hypervisor's view --- */

static void check_exists(enum irq_register r)
{
	unsigned int aprs = 1u << (kind.preemption_bits - 5);

	if (r >= IRQ_ich_lr0_el2 + kind.lrs && r <= IRQ_ich_lr15_el2)
		die("there is no such list register");
	if ((r >= IRQ_ich_ap0r0_el2 + aprs && r <= IRQ_ich_ap0r3_el2) ||
	    (r >= IRQ_ich_ap1r0_el2 + aprs && r <= IRQ_ich_ap1r3_el2))
		die("there is no such register of active priorities");
}

static uint64_t maintenance_status(void)
{
	uint64_t hcr = cpu->reg[IRQ_ich_hcr_el2];
	bool ended = false, pends = false;

	for (unsigned int i = 0; i < kind.lrs; i++) {
		uint64_t lr = *lr_at(i);

		ended |= !(lr & STATE) && !(lr & HARDWARE) && (lr & TELLS_END);
		pends |= (lr & STATE) == PENDING;
	}
	if (hcr & HCR_UIE)
		die("underflow interrupts are not modelled");
	if (!(hcr & HCR_EN))
		return 0;
	return (ended ? 1 : 0) |
	       ((hcr & HCR_LRENPIE) && (hcr & HCR_EOI_COUNT_MASK) ? 4 : 0) |
	       ((hcr & HCR_NPIE) && !pends ? 8 : 0);
}

static uint64_t empty_lrs(void)
{
	uint64_t set = 0;

	for (unsigned int i = 0; i < kind.lrs; i++) {
		uint64_t lr = *lr_at(i);

		if (!(lr & STATE) && ((lr & HARDWARE) || !(lr & TELLS_END)))
			set |= BIT(i);
	}
	return set;
}

uint64_t irq_read(enum irq_register r)
{
	check_exists(r);
	if (r == IRQ_ich_vtr_el2)
		return (kind.lrs - 1) | BIT(19) /* TDS */ |
		       (uint64_t)(kind.preemption_bits - 1) << 26 |
		       UINT64_C(4) << 29;
	if (r == IRQ_ich_misr_el2)
		return maintenance_status();
	if (r == IRQ_ich_elrsr_el2)
		return empty_lrs();
	return cpu->reg[r];
}

/* Of what is forbidden nobody knows what comes of it (12.4.9 ICH_LR<n>_EL2). */
static void check_lr(unsigned int n)
{
	uint64_t lr = *lr_at(n);

	for (unsigned int i = 0; i < n; i++)
		if ((*lr_at(i) & STATE) && (lr & STATE) &&
		    INTID(*lr_at(i)) == INTID(lr))
			die("an interrupt is in two list registers");
	if ((lr & HARDWARE) && (lr & STATE) == STATE)
		die("one of the hardware is pending and active");
	if (lr & RESERVED)
		die("reserved bits of a list register are set");
}

void irq_write(enum irq_register r, uint64_t value)
{
	check_exists(r);
	if (r == IRQ_ich_vmcr_el2) {
		/* A binary point has a least value. */
		for (unsigned int g = 0; g < 2; g++) {
			unsigned int least = 7 - kind.preemption_bits + g;
			unsigned int point = value >> VMCR_POINT(g) & 7;

			if (point < least)
				value += (uint64_t)(least - point)
					 << VMCR_POINT(g);
		}
	}
	cpu->reg[r] = value;
}

/* List registers are written one by one; then the guest goes on. */
void ifc_check(void)
{
	if (cpu->reg[IRQ_ich_hcr_el2] & HCR_EN)
		for (unsigned int i = 0; i < kind.lrs; i++)
			check_lr(i);
}

bool ifc_maintenance(void)
{
	return maintenance_status() != 0;
}

bool ifc_is_off(void)
{
	for (unsigned int i = 0; i < kind.lrs; i++)
		if (*lr_at(i) & STATE)
			return false;
	return !(cpu->reg[IRQ_ich_hcr_el2] & HCR_EN);
}

bool ifc_traps(void)
{
	return cpu->reg[IRQ_ich_hcr_el2] & HCR_TRAPS;
}

bool ifc_timer_is_active(void)
{
	return cpu->timer_active;
}

void ifc_set_timer_active(bool active)
{
	cpu->timer_active = active;
}

/* --- the guest's view --- */

static uint64_t vmcr(void)
{
	return cpu->reg[IRQ_ich_vmcr_el2];
}

static void set_vmcr(unsigned int shift, uint64_t mask, uint64_t value)
{
	irq_write(IRQ_ich_vmcr_el2,
		  (vmcr() & ~(mask << shift)) | (value & mask) << shift);
}

static unsigned int group_priority(unsigned int group, unsigned int priority)
{
	unsigned int point = vmcr() >> VMCR_POINT(group) & 7;

	if (!group)
		point++;
	return priority >> point << point;
}

/* Bit of a priority in the registers of active ones. */
static uint64_t *active_word(unsigned int group, unsigned int n)
{
	return &cpu->reg[(group ? IRQ_ich_ap1r0_el2 : IRQ_ich_ap0r0_el2) + n];
}

static unsigned int highest_active(unsigned int *group)
{
	for (unsigned int n = 0; n < 1u << kind.preemption_bits; n++)
		for (*group = 0; *group < 2; ++*group)
			if (*active_word(*group, n / 32) >> n % 32 & 1)
				return n << (8 - kind.preemption_bits);
	return IDLE;
}

static void set_active(unsigned int group, unsigned int priority, bool active)
{
	unsigned int n = priority >> (8 - kind.preemption_bits);
	uint64_t bit = BIT(n % 32);

	if (active)
		*active_word(group, n / 32) |= bit;
	else
		*active_word(group, n / 32) &= ~bit;
}

/* The list register of highest priority that is pending, or NULL. */
static uint64_t *highest_pending(void)
{
	uint64_t *found = NULL;

	if (!(cpu->reg[IRQ_ich_hcr_el2] & HCR_EN))
		return NULL;
	for (unsigned int i = 0; i < kind.lrs; i++) {
		uint64_t *lr = lr_at(i);

		if ((*lr & STATE) == PENDING &&
		    (vmcr() & VMCR_ENABLE(GROUP(*lr))) &&
		    (!found || PRIORITY(*lr) < PRIORITY(*found)))
			found = lr;
	}
	return found;
}

static bool can_signal(uint64_t lr)
{
	unsigned int group;

	return PRIORITY(lr) < (vmcr() >> VMCR_MASK & 0xff) &&
	       group_priority(GROUP(lr), PRIORITY(lr)) < highest_active(&group);
}

unsigned int ifc_next(bool *is_signalled)
{
	const uint64_t *lr = highest_pending();

	*is_signalled = lr && can_signal(*lr);
	return lr ? INTID(*lr) : IFC_SPURIOUS;
}

unsigned int ifc_acknowledge(unsigned int group)
{
	uint64_t *lr = highest_pending();

	if (!lr || !can_signal(*lr) || GROUP(*lr) != group)
		return IFC_SPURIOUS;
	set_active(group, group_priority(group, PRIORITY(*lr)), true);
	*lr ^= STATE;
	return INTID(*lr);
}

static void deactivate(uint64_t *lr)
{
	if (*lr & HARDWARE)
		cpu->timer_active = false;
	*lr &= ~ACTIVE;
}

static uint64_t *find_active(unsigned int intid)
{
	for (unsigned int i = 0; i < kind.lrs; i++)
		if ((*lr_at(i) & ACTIVE) && INTID(*lr_at(i)) == intid)
			return lr_at(i);
	return NULL;
}

void ifc_end(unsigned int group, unsigned int intid)
{
	bool drops_only = vmcr() & VMCR_DROPS_ONLY;
	unsigned int of, dropped = highest_active(&of);
	uint64_t *lr = find_active(intid);

	if (intid >= 1020 || dropped == IDLE || of != group)
		return;
	set_active(group, dropped, false);
	if (!lr && (!drops_only || kind.counts_drops))
		cpu->reg[IRQ_ich_hcr_el2] += HCR_EOI_COUNT;
	else if (lr && !drops_only && GROUP(*lr) == group &&
		 group_priority(group, PRIORITY(*lr)) == dropped)
		deactivate(lr);
}

void ifc_set_mask(unsigned int priority)
{
	set_vmcr(VMCR_MASK, 0xff, priority & 0xf8);
}

void ifc_set_binary_point(unsigned int group, unsigned int point)
{
	set_vmcr(VMCR_POINT(group), 7, point);
}

void ifc_set_mode(bool drops_only)
{
	set_vmcr(9, 1, drops_only);
}

void ifc_enable(unsigned int group, bool enable)
{
	set_vmcr(group, 1, enable);
}
