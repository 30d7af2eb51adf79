/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doing an operation. Each CPU is a fiber, so that vCPUs stay entered on
 * several CPUs while others make calls, in any order.
 */
#include "ops.h"

#include <inttypes.h>
#include <string.h>

#include "../explore/fiber.h"
#include "api.h"
#include "board.h"
#include "fake.h"

#define STACK_SIZE (64 * 1024)

/* Tables are walked whole after each so many operations. */
#define TABLE_PERIOD 64

struct spec ops_spec;
struct ops_running ops_running[SPEC_CPUS];

static struct spec view;
static uint32_t done; /* operations since the start */

/* --- CPUs as fibers --- */

static struct fiber main_fiber;

static struct {
	struct fiber fiber;
	const struct op *op; /* to be done */
	int64_t result;	     /* of the primary's last call */
	bool in_guest;
	_Alignas(16) uint8_t stack[STACK_SIZE];
} cpu_fiber[SPEC_CPUS];

static unsigned int this(void)
{
	return arch_this_cpu()->index;
}

/* Lets the fiber of a CPU do an operation until it waits for the next. */
static void resume(uint32_t cpu, const struct op *op)
{
	fake_be_cpu(cpu);
	cpu_fiber[cpu].op = op;
	fiber_switch(&main_fiber, &cpu_fiber[cpu].fiber);
}

static const struct op *next_op(void)
{
	uint32_t cpu = this();

	fiber_switch(&cpu_fiber[cpu].fiber, &main_fiber);
	return cpu_fiber[cpu].op;
}

/* A vCPU that does what the sequence says. */
static uint64_t guest(struct vcpu *vcpu)
{
	uint64_t exit = 0;

	cpu_fiber[this()].in_guest = true;
	while (!exit) {
		const struct op *op = next_op();

		if (op->kind == OP_CALL)
			exit = fake_hvc(vcpu, op->a[0], op->a[1], op->a[2],
					op->a[3]);
		else if (op->kind == OP_VCPU_ON)
			exit = board_vcpu_on(vcpu->vm->index,
					     (uint32_t)op->a[0], op->a[1],
					     op->a[2]);
		else
			exit = board_exit((enum spec_event)op->a[0], op->a[1]);
		if (op->kind == OP_EVENT)
			for (unsigned int i = 0; i < FAKE_REGS; i++)
				*fake_x(i) = op->a[2] * (i + 1);
	}
	cpu_fiber[this()].in_guest = false;
	return exit;
}

static void cpu_job(void *argument)
{
	(void)argument;
	for (;;) {
		const struct op *op = next_op();
		uint32_t cpu = this();
		const uint64_t *a = op->a;

		if (op->kind == OP_CALL)
			cpu_fiber[cpu].result =
				fake_primary(a[0], a[1], a[2], a[3]);
		else if (op->kind == OP_CPU_ON)
			cpu_fiber[cpu].result =
				board_cpu_on((uint32_t)a[0], a[1], a[2]);
		else if (op->kind == OP_CPU_OFF)
			cpu_goes_down(&cpus[cpu]);
		else
			cpu_came_up(&cpus[cpu]);
	}
}

void ops_start(void)
{
	board_start(&ops_spec, SPEC_CPUS, SPEC_VMS, SPEC_VCPUS);
	memset(&view, 0, sizeof(view));
	memset(ops_running, 0, sizeof(ops_running));
	done = 0;
	for (uint32_t i = 0; i < SPEC_VMS; i++)
		for (uint32_t v = 0; v < SPEC_VCPUS; v++)
			vm_secondary[i].vcpus[v].arch.guest = guest;
	for (uint32_t i = 0; i < SPEC_CPUS; i++) {
		cpu_fiber[i].in_guest = false;
		if (!cpu_fiber[i].fiber.job)
			fiber_init(&cpu_fiber[i].fiber, cpu_fiber[i].stack,
				   STACK_SIZE, cpu_job, NULL);
		else
			fiber_rewind(&cpu_fiber[i].fiber);
		resume(i, NULL);
	}
}

/* --- what applies --- */

static bool applies_vcpu_on(const struct op *op,
			    const struct ops_running *running)
{
	return running->guest && op->a[0] < SPEC_VCPUS;
}

bool ops_applies(const struct op *op)
{
	const struct ops_running *running = &ops_running[op->cpu];
	uint32_t state = ops_spec.cpu[op->cpu].state;

	if (op->kind == OP_WRITE)
		return op->a[0] <= SPEC_VMS && op->a[1] <= SPEC_RECV &&
		       ops_spec.vm[op->a[0]].mailbox.configured;
	if (op->kind == OP_CPU_UP)
		return state == SPEC_CPU_PENDING;
	if (state != SPEC_CPU_ON)
		return false;
	switch (op->kind) {
	case OP_EVENT:
		return running->guest;
	case OP_VCPU_ON:
		return applies_vcpu_on(op, running);
	case OP_CPU_ON:
		return !running->guest && op->a[0] < SPEC_CPUS;
	case OP_CPU_OFF:
		return !running->guest;
	default:
		return true;
	}
}

/* --- doing it twice --- */

static bool fail(const char *what, uint64_t specified, uint64_t real)
{
	printf("differs: %s: specified 0x%" PRIx64 ", real 0x%" PRIx64 "\n",
	       what, specified, real);
	return false;
}

static bool report(struct spec_difference d)
{
	char what[128];

	if (!d.what)
		return true;
	if (d.vm == SPEC_PRIMARY)
		snprintf(what, sizeof(what), "primary, CPU %u: %s", d.vcpu,
			 d.what);
	else
		snprintf(what, sizeof(what), "vm%u, vCPU %u: %s", d.vm - 1,
			 d.vcpu, d.what);
	return fail(what, d.specified, d.real);
}

static bool compare_result(const char *what, int64_t specified, int64_t real)
{
	if (specified == real)
		return true;
	return fail(what, (uint64_t)specified, (uint64_t)real);
}

static bool compare_place(bool in_guest, uint32_t cpu)
{
	if (in_guest == cpu_fiber[cpu].in_guest)
		return true;
	return fail("a vCPU runs on the CPU", in_guest,
		    cpu_fiber[cpu].in_guest);
}

/* The registers that a vCPU finds when it is entered. */
static bool compare_entered(const struct spec_vcpu *vcpu, uint32_t cpu)
{
	fake_be_cpu(cpu);
	for (unsigned int i = 0; i < SPEC_REGS; i++)
		if (vcpu->x[i] != *fake_x(i))
			return fail("a register at entry", vcpu->x[i],
				    *fake_x(i));
	return true;
}

/* A call of the primary; `real` is done. */
static bool check_primary(const struct op *op)
{
	uint32_t cpu = op->cpu;
	struct spec_result r = spec_primary(&ops_spec, cpu, op->a[0], op->a[1],
					    op->a[2], op->a[3]);
	struct ops_running *running = &ops_running[cpu];

	running->guest = r.then == SPEC_ENTERED;
	if (!compare_place(running->guest, cpu))
		return false;
	if (!running->guest)
		return compare_result("result of the primary's call", r.value,
				      cpu_fiber[cpu].result);
	running->vm = (uint32_t)op->a[1];
	running->vcpu = (uint32_t)op->a[2];
	return compare_entered(
		&ops_spec.vm[SPEC_SECONDARY(running->vm)].vcpu[running->vcpu],
		cpu);
}

static struct spec_result step_guest(const struct op *op)
{
	const struct ops_running *r = &ops_running[op->cpu];
	const uint64_t *a = op->a;
	struct spec_vcpu *vcpu =
		&ops_spec.vm[SPEC_SECONDARY(r->vm)].vcpu[r->vcpu];

	if (op->kind == OP_CALL)
		return spec_secondary(&ops_spec, r->vm, r->vcpu, a[0], a[1],
				      a[2], a[3]);
	if (op->kind == OP_VCPU_ON)
		return spec_vcpu_on(&ops_spec, r->vm, r->vcpu, (uint32_t)a[0],
				    a[1], a[2]);
	for (unsigned int i = 0; i < SPEC_REGS; i++)
		vcpu->x[i] = a[2] * (i + 1);
	return (struct spec_result){.then = SPEC_LEAVES,
				    .event = (enum spec_event)a[0],
				    .payload = a[1]};
}

/* A call or event of the vCPU on `op->cpu`; the real one is done. */
static bool check_guest(const struct op *op)
{
	struct ops_running *running = &ops_running[op->cpu];
	struct spec_result r = step_guest(op);

	running->guest = r.then == SPEC_GOES_ON;
	if (!compare_place(running->guest, op->cpu))
		return false;
	if (running->guest)
		return compare_result("result of a vCPU's call", r.value,
				      (int64_t)*fake_x(0));
	r.value = r.then == SPEC_WAITS
			  ? spec_wait_code(&ops_spec)
			  : spec_leave(&ops_spec, running->vm, running->vcpu,
				       r.event, r.payload);
	return compare_result("result of HF_VCPU_RUN", r.value,
			      cpu_fiber[op->cpu].result);
}

static void write_page(const struct op *op)
{
	const struct spec_mailbox *m = &ops_spec.vm[op->a[0]].mailbox;
	uint8_t *page = ops_spec.page[op->a[0]][op->a[1]];

	for (uint32_t i = 0; i < SPEC_PAGE_BYTES; i++)
		page[i] = (uint8_t)(op->a[2] * (i + 1) >> 8);
	memcpy(fake_ram(op->a[1] == SPEC_SEND ? m->send : m->recv), page,
	       SPEC_PAGE_BYTES);
}

static bool check_cpu(const struct op *op)
{
	if (op->kind == OP_CPU_ON)
		return compare_result("result of CPU_ON",
				      spec_cpu_on(&ops_spec, (uint32_t)op->a[0],
						  op->a[1], op->a[2]),
				      cpu_fiber[op->cpu].result);
	if (op->kind == OP_CPU_OFF)
		spec_cpu_off(&ops_spec, op->cpu);
	else
		spec_cpu_up(&ops_spec, op->cpu);
	return true;
}

static bool do_both(const struct op *op)
{
	bool in_guest = ops_running[op->cpu].guest;

	if (op->kind == OP_WRITE) {
		write_page(op);
		return true;
	}
	resume(op->cpu, op);
	if (in_guest)
		return check_guest(op);
	return op->kind == OP_CALL ? check_primary(op) : check_cpu(op);
}

bool ops_do(const struct op *op)
{
	if (!do_both(op))
		return false;
	spec_view(&view, &ops_spec);
	if (!report(spec_compare(&ops_spec, &view)))
		return false;
	if (++done % TABLE_PERIOD &&
	    !(op->kind == OP_EVENT && op->a[0] == SPEC_ABORT))
		return true;
	return report(spec_check_tables(&ops_spec));
}

/* --- text --- */

static const char *const kind_names[OP_KINDS] = {
	"call", "event", "vcpu_on", "write", "cpu_on", "cpu_off", "cpu_up",
};

void ops_print(FILE *out, const struct op *op)
{
	fprintf(out, "%u %s", op->cpu, kind_names[op->kind]);
	for (unsigned int i = 0; i < 4; i++)
		fprintf(out, " 0x%" PRIx64, op->a[i]);
	fprintf(out, "\n");
}

bool ops_parse(const char *line, struct op *op)
{
	char name[16];

	if (sscanf(line, "%u %15s %" SCNi64 " %" SCNi64 " %" SCNi64 " %" SCNi64,
		   &op->cpu, name, (int64_t *)&op->a[0], (int64_t *)&op->a[1],
		   (int64_t *)&op->a[2], (int64_t *)&op->a[3]) != 6 ||
	    op->cpu >= SPEC_CPUS)
		return false;
	for (op->kind = 0; op->kind < OP_KINDS; op->kind++)
		if (strcmp(name, kind_names[op->kind]) == 0)
			return true;
	return false;
}
