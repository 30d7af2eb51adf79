/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doing an operation of interrupts, twice. Where the real controller may be
 * late, it must be on time again once the vCPU that it is late for came to the
 * hypervisor: docs/abi.md.
 */
#include "ops.h"

#include <inttypes.h>
#include <string.h>

/* More of them, on all CPUs in turn, are without end. */
#define MAX_INTERRUPTS 16

#define DISTRIBUTOR 0x08000000
#define REDISTRIBUTORS 0x080a0000
#define TIMERS (1u << 27 | 1u << 30)

struct irq_gic irq_spec;
struct irq_guest irq_guest[IRQ_VCPUS];
bool irq_waits[IRQ_VCPUS];

/* The primary was told, or need not be. */
static bool told[IRQ_VCPUS], excused[IRQ_VCPUS];
static uint32_t newly_told;

/*
 * A vCPU that runs may be a step behind what happens elsewhere. It may still
 * take what is pending no more. What is to interrupt it comes in time; but of a
 * new priority, or group, it learns when it comes to the hypervisor.
 */
static enum { IN_TIME, LATE, LATE_FOR_LONG } late[IRQ_VCPUS];
static bool is_used; /* a vCPU of the VM has used its controller */
static uint32_t done;
static uint64_t taken; /* interrupts */

static bool fail(const char *what, unsigned int vcpu, uint64_t specified,
		 uint64_t real)
{
	printf("differs: vCPU %u: %s: specified 0x%" PRIx64 ", real 0x%" PRIx64
	       "\n",
	       vcpu, what, specified, real);
	return false;
}

static bool expect(const char *what, unsigned int vcpu, uint64_t specified,
		   uint64_t real)
{
	return specified == real || fail(what, vcpu, specified, real);
}

bool irq_runs(unsigned int vcpu)
{
	for (unsigned int i = 0; i < IFC_CPUS; i++)
		if (bench_running[i] == (int)vcpu)
			return true;
	return false;
}

void ops_start(void)
{
	static const struct ifc_kind usual = {4, 5, false};

	bench_start(&usual);
	irq_reset(&irq_spec, IRQ_VCPUS);
	memset(irq_guest, 0, sizeof(irq_guest));
	memset(irq_waits, 0, sizeof(irq_waits));
	memset(told, 0, sizeof(told));
	memset(excused, 0, sizeof(excused));
	memset(late, 0, sizeof(late));
	is_used = false;
	done = 0;
	taken = 0;
}

/* --- what applies --- */

/* Of what the hardware ends without a list register it knows the number alone:
 * so a program ends what it took, in order, before it changes how. */
static bool has_active(unsigned int vcpu)
{
	return irq_guest[vcpu].depth || irq_guest[vcpu].dropped_count;
}

static bool may_reset_vcpu(unsigned int vcpu)
{
	return vcpu < IRQ_VCPUS && !irq_runs(vcpu) && !has_active(vcpu);
}

static bool may_reset_vm(void)
{
	for (unsigned int i = 0; i < IFC_CPUS; i++)
		if (bench_running[i] >= 0)
			return false;
	return true;
}

static bool may_deactivate(const struct op *op, unsigned int vcpu)
{
	const struct irq_guest *g = &irq_guest[op->a[0] % IRQ_VCPUS];

	return op->a[0] < IRQ_VCPUS && op->a[1] < g->dropped_count &&
	       irq_spec.cpu[vcpu].drops_only &&
	       (op->a[0] == vcpu || g->dropped[op->a[1]] >= IRQ_PRIVATE);
}

static bool applies_to_vcpu(const struct op *op, unsigned int vcpu)
{
	const struct irq_guest *g = &irq_guest[vcpu];

	switch (op->kind) {
	case OP_TAKE:
		return g->depth < 32 && g->dropped_count + g->depth < 32;
	case OP_END:
		return g->depth;
	case OP_DIR:
		return may_deactivate(op, vcpu);
	case OP_STRAY:
	case OP_POINT:
	case OP_MODE:
		return !has_active(vcpu);
	case OP_WAIT:
		return is_used;
	default:
		return true;
	}
}

bool ops_applies(const struct op *op)
{
	int vcpu = bench_running[op->cpu];

	switch (op->kind) {
	case OP_BOARD:
		return done == 0;
	case OP_ENTER:
		return vcpu < 0 && op->a[0] < IRQ_VCPUS && !irq_runs(op->a[0]);
	case OP_TIMER:
		/* That it has fired is over when its vCPU says so. */
		return op->a[2] & 1 || irq_runs(op->a[0] % IRQ_VCPUS);
	case OP_LINE:
	case OP_PEND:
		return op->a[0] >= IRQ_PRIVATE && op->a[0] < IRQ_COUNT;
	case OP_RESET_VCPU:
		return may_reset_vcpu(op->a[0]);
	case OP_RESET_VM:
		return may_reset_vm();
	default:
		return vcpu >= 0 && applies_to_vcpu(op, (unsigned int)vcpu);
	}
}

/* --- being late --- */

static void enter(unsigned int cpu, unsigned int vcpu)
{
	bench_enter(cpu, vcpu);
	irq_waits[vcpu] = told[vcpu] = excused[vcpu] = false;
	late[vcpu] = IN_TIME;
}

/* An interrupt of the primary's: it runs the vCPU again. */
static void interrupt(unsigned int cpu)
{
	unsigned int vcpu = (unsigned int)bench_running[cpu];

	bench_leave(cpu);
	enter(cpu, vcpu);
}

static void interrupt_others(unsigned int cpu)
{
	for (unsigned int i = 0; i < IFC_CPUS; i++)
		if (i != cpu && bench_running[i] >= 0)
			interrupt(i);
}

/* Something happened on a CPU: others may not have heard of it. */
static void make_others_late(const struct op *op)
{
	uint32_t offset = (uint32_t)op->a[1];
	bool for_long = op->kind == OP_STORE && (op->a[0] & 3) != IRQ_GICR &&
			offset >= 0x80 && offset < 0x800 &&
			(offset < 0x100 || offset >= 0x400);

	for (unsigned int i = 0; i < IFC_CPUS; i++)
		if (i != op->cpu && bench_running[i] >= 0 &&
		    late[bench_running[i]] != LATE_FOR_LONG)
			late[bench_running[i]] =
				for_long ? LATE_FOR_LONG : LATE;
}

/* The hypervisor's interrupts on all CPUs; one may lead to one elsewhere. */
static bool settle(void)
{
	bool was_interrupted = true;

	for (unsigned int i = 0; was_interrupted || i < 2 * IFC_CPUS; i++) {
		unsigned int cpu = i % IFC_CPUS;
		int vcpu = bench_running[cpu];

		was_interrupted = false;
		if (vcpu < 0)
			continue;
		if (i > MAX_INTERRUPTS || !bench_settle(cpu, &was_interrupted))
			return fail("interrupts of the hypervisor end",
				    (unsigned int)vcpu, true, false);
		if (was_interrupted)
			late[vcpu] = IN_TIME;
	}
	return true;
}

/* --- comparing --- */

/* What is signalled to the vCPU on a CPU. */
static bool compare_signal(unsigned int cpu)
{
	unsigned int vcpu = (unsigned int)bench_running[cpu], next;
	bool specified = irq_is_signalled(&irq_spec, vcpu), real;

	ifc_be_cpu(cpu);
	next = ifc_next(&real);
	if (specified && !real && late[vcpu] == LATE_FOR_LONG) {
		interrupt(cpu);
		next = ifc_next(&real);
	}
	if (!real)
		return expect("an interrupt is signalled", vcpu, specified,
			      false);
	if (!late[vcpu] && !irq_is_next(&irq_spec, vcpu, next))
		return fail("an interrupt that is not next", vcpu, specified,
			    next);
	return true;
}

static bool compare_told(void)
{
	uint32_t now = newly_told | bench_told();

	newly_told = 0;
	for (unsigned int i = 0; i < IRQ_VCPUS; i++) {
		bool is_told = now >> i & 1;
		bool wanted =
			irq_waits[i] && !told[i] && irq_ends_wait(&irq_spec, i);

		if (irq_runs(i) && is_told)
			return fail("the primary is told", i, false, true);
		if (irq_runs(i) || (excused[i] && !is_told))
			continue;
		if (!expect("the primary is told", i, wanted, is_told))
			return false;
		told[i] |= is_told;
	}
	return true;
}

/* Registers of one word, as the vCPU on a CPU reads them. */
static bool compare_word(unsigned int cpu, enum irq_frame frame,
			 unsigned int vcpu, uint32_t offset, unsigned int width)
{
	unsigned int self = (unsigned int)bench_running[cpu];
	uint64_t ipa = DISTRIBUTOR + offset, specified, real = 0;
	bool pending = frame == IRQ_GICR_PRIVATE && offset >> 8 == 2;
	char what[64];

	if (frame != IRQ_GICD)
		ipa = REDISTRIBUTORS + vcpu * UINT64_C(0x20000) + offset +
		      (frame == IRQ_GICR_PRIVATE ? 0x10000 : 0);
	specified = irq_load(&irq_spec, frame, vcpu, offset, width);
	if (!bench_access(cpu, ipa, width, false, &real))
		return fail("a register can be read", self, ipa, 0);
	/* Of timers it is known while their vCPU runs. */
	if (pending && (vcpu != self || !is_used)) {
		specified &= ~(uint64_t)TIMERS;
		real &= ~(uint64_t)TIMERS;
	}
	is_used = true;
	snprintf(what, sizeof(what), "register at 0x%" PRIx64, ipa);
	return expect(what, self, specified, real);
}

/* Group, enabled, pending, active; priorities. */
static bool compare_frame(unsigned int cpu, enum irq_frame frame,
			  unsigned int vcpu, unsigned int first)
{
	static const uint16_t bits[] = {0x80, 0x100, 0x200, 0x300};

	for (unsigned int i = 0; i < 4; i++)
		if (!compare_word(cpu, frame, vcpu, bits[i] + first / 8, 4))
			return false;
	for (unsigned int i = 0; i < 32; i += 4)
		if (!compare_word(cpu, frame, vcpu, 0x400 + first + i, 4))
			return false;
	return compare_word(cpu, frame, vcpu, 0xc00 + first / 4, 4);
}

static bool compare_registers(unsigned int cpu)
{
	interrupt_others(cpu);
	for (unsigned int i = 0; i < IRQ_VCPUS; i++)
		if (!compare_frame(cpu, IRQ_GICR_PRIVATE, i, 0))
			return false;
	return compare_frame(cpu, IRQ_GICD, 0, 32) &&
	       compare_frame(cpu, IRQ_GICD, 0, 64);
}

static bool compare(void)
{
	if (!settle())
		return false;
	for (unsigned int i = 0; i < IFC_CPUS; i++)
		if (bench_running[i] >= 0 && !compare_signal(i))
			return false;
	return compare_told();
}

/* --- the CPU interface --- */

/* Before a vCPU uses it, all of its registers trap: CRm 12 stands for them. */
static bool open_interface(unsigned int cpu)
{
	uint64_t value = 0;

	ifc_be_cpu(cpu);
	if (ifc_traps() && !bench_sysreg(cpu, 12, 7, false, &value))
		return false;
	is_used = true;
	ifc_be_cpu(cpu);
	return !ifc_traps();
}

static bool take(const struct op *op, unsigned int vcpu)
{
	struct irq_guest *g = &irq_guest[vcpu];
	unsigned int group = op->a[0] & 1, intid = ifc_acknowledge(group);

	if (!irq_acknowledge(&irq_spec, vcpu, group, intid))
		return fail("it may take this interrupt", vcpu, 0, intid);
	if (intid == IRQ_SPURIOUS)
		return true;
	taken++;
	g->taken[g->depth].intid = (uint16_t)intid;
	g->taken[g->depth++].group = (uint8_t)group;
	return true;
}

static void end(unsigned int vcpu)
{
	struct irq_guest *g = &irq_guest[vcpu];
	unsigned int intid = g->taken[--g->depth].intid;
	unsigned int group = g->taken[g->depth].group;

	ifc_end(group, intid);
	irq_end(&irq_spec, vcpu, group, intid);
	if (irq_spec.cpu[vcpu].drops_only)
		g->dropped[g->dropped_count++] = (uint16_t)intid;
}

/*
 * Of both groups the same part of a priority: of what ends without a list
 * register the highest priority is all that is known.
 */
static void set_binary_point(unsigned int vcpu, unsigned int point)
{
	for (unsigned int group = 0; group < 2; group++) {
		unsigned int value = group || !point ? point : point - 1;

		ifc_set_binary_point(group, value);
		irq_spec.cpu[vcpu].binary_point[group] = (uint8_t)value;
	}
}

/* Both groups: those of one that is off would fill the list registers. */
static void enable(unsigned int vcpu, bool on)
{
	for (unsigned int group = 0; group < 2; group++) {
		ifc_enable(group, on);
		irq_spec.cpu[vcpu].group_enabled[group] = on;
	}
}

static bool do_interface(const struct op *op, unsigned int vcpu)
{
	struct irq_cpu *c = &irq_spec.cpu[vcpu];
	const uint64_t *a = op->a;

	switch (op->kind) {
	case OP_TAKE:
		return take(op, vcpu);
	case OP_END:
		end(vcpu);
		break;
	case OP_STRAY:
		ifc_end(a[0] & 1, (unsigned int)a[1]);
		break;
	case OP_MASK:
		ifc_set_mask((unsigned int)a[0]);
		c->mask = a[0] & 0xf8;
		break;
	case OP_POINT:
		set_binary_point(vcpu, a[0] & 7);
		break;
	case OP_MODE:
		ifc_set_mode(a[0] & 1);
		c->drops_only = a[0] & 1;
		break;
	case OP_ENABLE:
		enable(vcpu, a[0] & 1);
		break;
	}
	return true;
}

/* --- what traps --- */

static void forget_dropped(unsigned int vcpu, unsigned int intid)
{
	for (unsigned int v = 0; v < IRQ_VCPUS; v++) {
		struct irq_guest *g = &irq_guest[v];

		if (intid < IRQ_PRIVATE && v != vcpu)
			continue;
		for (unsigned int i = 0; i < g->dropped_count; i++)
			if (g->dropped[i] == intid)
				g->dropped[i--] =
					g->dropped[--g->dropped_count];
	}
}

static bool deactivate(const struct op *op, unsigned int vcpu)
{
	uint64_t intid = irq_guest[op->a[0]].dropped[op->a[1]];

	interrupt_others(op->cpu);
	irq_deactivate(&irq_spec, vcpu, (unsigned int)intid);
	forget_dropped(vcpu, (unsigned int)intid);
	return bench_sysreg(op->cpu, 11, 1, false, &intid);
}

static bool send(const struct op *op, unsigned int vcpu)
{
	uint64_t value = op->a[1];

	irq_send(&irq_spec, vcpu, op->a[0] & 1, value);
	is_used = true;
	return bench_sysreg(op->cpu, 11, op->a[0] & 1 ? 5 : 7, false, &value);
}

static bool is_taken(unsigned int vcpu, unsigned int intid)
{
	for (unsigned int v = 0; v < IRQ_VCPUS; v++)
		for (unsigned int i = 0; i < irq_guest[v].depth; i++)
			if (irq_guest[v].taken[i].intid == intid &&
			    (v == vcpu || intid >= IRQ_PRIVATE))
				return true;
	return false;
}

/*
 * What a store may change of an interrupt: the architecture does not say what
 * comes of a new priority, group or trigger in the middle of one.
 */
static bool may_change(uint32_t offset, unsigned int vcpu, unsigned int intid)
{
	const struct irq *irq;

	if (intid >= IRQ_COUNT)
		return true;
	irq = irq_at(&irq_spec, vcpu, intid);
	if (offset >= 0xc00)
		return !irq->enabled && !irq->active && !irq_is_pending(irq) &&
		       !irq->line;
	if (offset >= 0x400 || offset < 0x100)
		return !irq->active;
	/* Its list register tells the hardware, not the hypervisor, of its end.
	 */
	if (offset < 0x300)
		return intid != 27 || !irq->active;
	return offset >= 0x380 && !is_taken(vcpu, intid);
}

/* The value of a store with what it may not change left as it is. */
static uint64_t permitted(enum irq_frame frame, unsigned int vcpu,
			  uint32_t offset, unsigned int width, uint64_t value)
{
	unsigned int bits = offset < 0x400 ? 1 : offset < 0xc00 ? 8 : 2;
	unsigned int first = offset < 0x400   ? (offset & 0x7f) * 8
			     : offset < 0xc00 ? offset - 0x400
					      : (offset - 0xc00) * 4;
	uint64_t old = 0, mask = (UINT64_C(1) << bits) - 1;

	if (frame == IRQ_GICR || vcpu >= IRQ_VCPUS || offset < 0x80 ||
	    offset >= 0xd00)
		return value;
	/* What is set or cleared stays so by a zero. */
	if (offset < 0x100 || offset >= 0x400)
		old = irq_load(&irq_spec, frame, vcpu, offset, width);
	for (unsigned int i = 0; i < 8 * width / bits; i++)
		if (!may_change(offset, vcpu, first + i))
			value = (value & ~(mask << i * bits)) |
				(old & mask << i * bits);
	if (offset >= 0x380 && offset < 0x400)
		for (unsigned int i = 0; i < 32; i++)
			if (value >> i & 1)
				forget_dropped(vcpu, first + i);
	return value;
}

static bool store(const struct op *op)
{
	enum irq_frame frame = op->a[0] & 3;
	unsigned int vcpu = op->a[0] >> 8 & 0xff, width = op->a[0] >> 16 & 0xff;
	uint32_t offset = (uint32_t)op->a[1];
	uint64_t ipa = DISTRIBUTOR + offset, value;

	interrupt_others(op->cpu);
	value = permitted(frame, vcpu, offset, width, op->a[2]);
	if (frame != IRQ_GICD)
		ipa = REDISTRIBUTORS + vcpu * UINT64_C(0x20000) + offset +
		      (frame == IRQ_GICR_PRIVATE ? 0x10000 : 0);
	irq_store(&irq_spec, frame, vcpu, offset, width, value);
	is_used = true;
	return bench_access(op->cpu, ipa, width, true, &value);
}

static bool wait(const struct op *op, unsigned int vcpu)
{
	bool specified = !irq_ends_wait(&irq_spec, vcpu);
	bool real = bench_wait(op->cpu);

	/* What it has to tell the primary comes first; then it waits. */
	if (specified && !real) {
		newly_told |= bench_told();
		real = newly_told && bench_wait(op->cpu);
	}
	irq_waits[vcpu] = real;
	return expect("a WFI waits", vcpu, specified, real);
}

static bool do_trap(const struct op *op, unsigned int vcpu)
{
	switch (op->kind) {
	case OP_DIR:
		return deactivate(op, vcpu);
	case OP_SEND:
		return send(op, vcpu);
	case OP_STORE:
		return store(op);
	case OP_LOAD:
		interrupt_others(op->cpu);
		return compare_word(op->cpu, op->a[0] & 3,
				    (unsigned int)op->a[1], (uint32_t)op->a[2],
				    (unsigned int)op->a[3]);
	case OP_READ:
		return compare_registers(op->cpu);
	default:
		return wait(op, vcpu);
	}
}

/* --- what is no vCPU's --- */

/* The primary interrupts and runs all vCPUs afterwards; it is not told. */
static void primary_did(void)
{
	interrupt_others(IFC_CPUS);
	for (unsigned int i = 0; i < IRQ_VCPUS; i++)
		excused[i] = irq_waits[i];
}

static void set_timer(const struct op *op)
{
	unsigned int vcpu = op->a[0] % IRQ_VCPUS;

	bench_set_timer(vcpu, op->a[1] & 1, op->a[2] & 1);
	irq_set_line(irq_at(&irq_spec, vcpu, op->a[1] & 1 ? 27 : 30),
		     op->a[2] & 1);
	/* The primary has the deadline. */
	excused[vcpu] = irq_waits[vcpu];
	for (unsigned int i = 0; i < IFC_CPUS; i++)
		if (bench_running[i] == (int)vcpu && !(op->a[2] & 1))
			bench_timer_trapped(i);
}

static void raise_line(const struct op *op)
{
	unsigned int intid = (unsigned int)op->a[0];

	if (op->kind == OP_PEND) {
		irq_pend(irq_at(&irq_spec, 0, intid));
		bench_pend(op->cpu, intid);
	} else {
		irq_set_line(irq_at(&irq_spec, 0, intid), op->a[1] & 1);
		bench_set_line(op->cpu, intid, op->a[1] & 1);
	}
	if (bench_running[op->cpu] < 0)
		primary_did();
	else
		make_others_late(op);
}

static void reset(const struct op *op)
{
	unsigned int vcpu = op->a[0] % IRQ_VCPUS;

	if (op->kind == OP_RESET_VCPU) {
		bench_reset_vcpu(vcpu);
		irq_reset_cpu(&irq_spec, vcpu);
		/* The timers are off, too. */
		bench_set_timer(vcpu, false, false);
		bench_set_timer(vcpu, true, false);
		irq_waits[vcpu] = false;
		return;
	}
	bench_reset_vm();
	irq_reset(&irq_spec, IRQ_VCPUS);
	memset(irq_guest, 0, sizeof(irq_guest));
	memset(irq_waits, 0, sizeof(irq_waits));
	is_used = false;
	for (unsigned int i = 0; i < IRQ_VCPUS; i++) {
		bench_set_timer(i, false, false);
		bench_set_timer(i, true, false);
	}
}

static void do_event(const struct op *op)
{
	const uint64_t *a = op->a;

	switch (op->kind) {
	case OP_BOARD:
		bench_start(&(struct ifc_kind){1 + (a[0] & 15), 5 + a[1] % 3,
					       a[2] & 1});
		break;
	case OP_ENTER:
		enter(op->cpu, (unsigned int)a[0]);
		break;
	case OP_LEAVE:
		bench_leave(op->cpu);
		break;
	case OP_TIMER:
		set_timer(op);
		break;
	case OP_LINE:
	case OP_PEND:
		raise_line(op);
		break;
	default:
		reset(op);
	}
}

/* --- an operation --- */

static bool is_interface(uint32_t kind)
{
	return kind >= OP_TAKE && kind <= OP_ENABLE && kind != OP_DIR;
}

static bool do_both(const struct op *op)
{
	int vcpu = bench_running[op->cpu];

	if (is_interface(op->kind)) {
		if (late[vcpu])
			interrupt(op->cpu);
		return open_interface(op->cpu) &&
		       do_interface(op, (unsigned int)vcpu);
	}
	if (op->kind >= OP_DIR && op->kind <= OP_READ) {
		bool good = do_trap(op, (unsigned int)vcpu);

		make_others_late(op);
		late[vcpu] = IN_TIME;
		return good;
	}
	do_event(op);
	return true;
}

bool ops_do(const struct op *op)
{
	done++;
	if (do_both(op) && compare())
		return true;
	fflush(stdout);
	return false;
}

const char *const ops_tally_names[OPS_TALLIES] = {"steps", "interrupts"};

void ops_tally(const struct op *op, uint64_t tally[OPS_TALLIES])
{
	(void)op;
	tally[0]++;
	tally[1] += taken;
	taken = 0;
}

/* --- text --- */

const unsigned int ops_kinds = OP_KINDS, ops_cpus = IFC_CPUS;

const char *const ops_names[] = {
	"board", "enter", "leave", "take",   "end",   "dir",	    "stray",
	"mask",	 "point", "mode",  "enable", "send",  "load",	    "store",
	"wait",	 "read",  "line",  "pend",   "timer", "reset_vcpu", "reset_vm",
};
