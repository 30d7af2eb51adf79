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
#include "hf/abi.h"
#include "manage.h"

#define STACK_SIZE (64 * 1024)

/* Tables are walked whole after each so many operations. */
#define TABLE_PERIOD 64

/* What a VM writes to its console at once. */
#define MAX_OUTPUT 700

/* Pages of each VM that may be written, and are looked at when it starts. */
#define PAGES (FAKE_VM_SIZE / PAGE_SIZE)

struct spec ops_spec;
struct spec_life ops_lives[SPEC_VMS];
struct ops_running ops_running[SPEC_CPUS];

static struct spec view;
static uint32_t done; /* operations since the start */
static bool written[SPEC_VMS][PAGES];

/* --- CPUs as fibers --- */

static struct fiber main_fiber;

static struct {
	struct fiber fiber;
	const struct op *op; /* to be done */
	int64_t result;	     /* of the primary's last call */
	uint64_t results[3]; /* ... in x1-x3, if it manages VMs */
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

/* --- the console --- */

static uint8_t output_byte(const struct op *op, uint64_t n)
{
	uint64_t random = op->a[1] + n * UINT64_C(0x9e3779b97f4a7c15);

	/* Lines of all lengths. */
	return random >> 58 == 0 ? '\n' : (uint8_t)(random >> 40);
}

/* As the UART does (pl011.c, vdev.c). */
static uint64_t write_output(struct vm *vm, const struct op *op)
{
	for (uint64_t i = 0; i < op->a[0]; i++) {
		spin_lock(&vm->console.lock);
		vconsole_put(vm, (char)output_byte(op, i));
		spin_unlock(&vm->console.lock);
	}
	return op->a[0] && vconsole_is_urgent(vm) ? vcpu_exit(EXIT_CONSOLE, 0)
						  : 0;
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
		else if (op->kind == OP_OUTPUT)
			exit = write_output(vcpu->vm, op);
		else
			exit = board_exit((enum spec_event)op->a[0], op->a[1]);
		if (op->kind == OP_EVENT)
			for (unsigned int i = 0; i < FAKE_REGS; i++)
				*fake_x(i) = op->a[2] * (i + 1);
	}
	cpu_fiber[this()].in_guest = false;
	return exit;
}

static int64_t primary_call(uint32_t cpu, const uint64_t *a)
{
	uint64_t x[4] = {a[0], a[1], a[2], a[3]};

	if (!spec_is_managing(a[0]))
		return fake_primary(a[0], a[1], a[2], a[3]);
	if (!manage_call(x))
		return INT64_MIN;
	memcpy(cpu_fiber[cpu].results, &x[1], sizeof(cpu_fiber[cpu].results));
	return (int64_t)x[0];
}

static void cpu_job(void *argument)
{
	(void)argument;
	for (;;) {
		const struct op *op = next_op();
		uint32_t cpu = this();
		const uint64_t *a = op->a;

		if (op->kind == OP_CALL)
			cpu_fiber[cpu].result = primary_call(cpu, a);
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
	board_start_lives(&ops_spec, ops_lives);
	memset(written, 0, sizeof(written));
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

/* Not those of the mailbox, which the specification follows: OP_WRITE. */
static bool applies_scribble(const struct op *op)
{
	const struct spec_vm *vm;
	uint64_t pa;

	if (op->a[0] >= SPEC_VMS || op->a[1] >= PAGES)
		return false;
	vm = &ops_spec.vm[SPEC_SECONDARY(op->a[0])];
	pa = vm->range[0].pa + op->a[1] * PAGE_SIZE;
	return !vm->aborted && pa != vm->mailbox.send && pa != vm->mailbox.recv;
}

bool ops_applies(const struct op *op)
{
	const struct ops_running *running = &ops_running[op->cpu];
	uint32_t state = ops_spec.cpu[op->cpu].state;

	if (op->kind == OP_WRITE)
		return op->a[0] <= SPEC_VMS && op->a[1] <= SPEC_RECV &&
		       ops_spec.vm[op->a[0]].mailbox.configured;
	if (op->kind == OP_SCRIBBLE)
		return applies_scribble(op);
	if (op->kind == OP_CPU_UP)
		return state == SPEC_CPU_PENDING;
	if (state != SPEC_CPU_ON)
		return false;
	switch (op->kind) {
	case OP_EVENT:
		return running->guest;
	case OP_OUTPUT:
		return running->guest && op->a[0] <= MAX_OUTPUT;
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

/* A VM was started: its memory is as at the first time. */
static bool check_memory(uint32_t vm)
{
	uint8_t fresh[PAGE_SIZE];

	for (uint64_t page = 0; page < PAGES; page++) {
		uint64_t pa =
			FAKE_VM_BASE + vm * FAKE_VM_SIZE + page * PAGE_SIZE;

		if (!written[vm][page])
			continue;
		written[vm][page] = false;
		board_fresh_page(vm, page * PAGE_SIZE, fresh);
		if (memcmp(fresh, fake_ram(pa), PAGE_SIZE) != 0)
			return fail("memory at the start of a VM: page", page,
				    pa);
	}
	return true;
}

/* HF_VM_GET_STATE to HF_LOG_READ; `real` is done. The log here is empty. */
static bool check_managing(const struct op *op)
{
	const uint64_t *real = cpu_fiber[op->cpu].results;
	uint64_t x[3] = {0};
	int64_t value = 0;

	if ((uint32_t)op->a[0] != HF_LOG_READ)
		value = spec_manage(&ops_spec, ops_lives, op->a[0], &op->a[1],
				    x);
	if (!compare_result("result of the primary's call", value,
			    cpu_fiber[op->cpu].result))
		return false;
	for (unsigned int i = 0; i < 3; i++)
		if (x[i] != real[i])
			return fail("x1 to x3", x[i], real[i]);
	if ((uint32_t)op->a[0] != HF_VM_START || value != HF_DONE)
		return true;
	return check_memory((uint32_t)op->a[1]);
}

/* What is in the pages of a mailbox that is new is what the VM wrote there. */
static void take_pages(uint32_t place)
{
	const struct spec_mailbox *m = &ops_spec.vm[place].mailbox;

	if (!m->configured)
		return;
	memcpy(ops_spec.page[place][SPEC_SEND], fake_ram(m->send),
	       SPEC_PAGE_BYTES);
	memcpy(ops_spec.page[place][SPEC_RECV], fake_ram(m->recv),
	       SPEC_PAGE_BYTES);
	if (place == SPEC_PRIMARY)
		return;
	written[place - 1][(m->send - FAKE_VM_BASE) / PAGE_SIZE % PAGES] = true;
	written[place - 1][(m->recv - FAKE_VM_BASE) / PAGE_SIZE % PAGES] = true;
}

/* HF_VCPU_RUN of a vCPU that may have something to finish. */
static struct spec_result enter(const struct op *op)
{
	uint32_t vm = (uint32_t)op->a[1];

	return spec_resume(&ops_spec, &ops_lives[vm], vm, (uint32_t)op->a[2]);
}

/* A call of the primary; `real` is done. */
static bool check_primary(const struct op *op)
{
	uint32_t cpu = op->cpu;
	struct spec_result r = spec_primary(&ops_spec, cpu, op->a[0], op->a[1],
					    op->a[2], op->a[3]);
	struct ops_running *running = &ops_running[cpu];

	if (spec_is_managing(op->a[0]))
		return check_managing(op);
	if ((uint32_t)op->a[0] == HF_VM_CONFIGURE && r.value == 0)
		take_pages(SPEC_PRIMARY);
	if (r.then == SPEC_ENTERED)
		r = enter(op);
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

static struct spec_result step_output(const struct op *op, uint32_t vm)
{
	static uint8_t text[MAX_OUTPUT];
	struct spec_result goes_on = {.value = (int64_t)*fake_x(0)};

	for (uint64_t i = 0; i < op->a[0]; i++)
		text[i] = output_byte(op, i);
	if (!spec_write_output(&ops_spec, &ops_lives[vm], text,
			       (uint32_t)op->a[0]))
		return goes_on;
	/* Told before it goes on, as before what an interrupt brings. */
	return (struct spec_result){.then = SPEC_LEAVES,
				    .event = SPEC_INTERRUPT};
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
	if (op->kind == OP_OUTPUT)
		return step_output(op, r->vm);
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

	if (op->kind == OP_CALL && (uint32_t)op->a[0] == HF_VM_CONFIGURE &&
	    r.value == 0)
		take_pages(SPEC_SECONDARY(running->vm));
	running->guest = r.then == SPEC_GOES_ON;
	if (!compare_place(running->guest, op->cpu))
		return false;
	if (running->guest)
		return compare_result("result of a vCPU's call", r.value,
				      (int64_t)*fake_x(0));
	r.value = spec_come_back(&ops_spec, &ops_lives[running->vm],
				 running->vm, running->vcpu, r);
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

static void scribble(const struct op *op)
{
	uint64_t pa =
		FAKE_VM_BASE + op->a[0] * FAKE_VM_SIZE + op->a[1] * PAGE_SIZE;

	memset(fake_ram(pa), 0x80 | (int)(op->a[2] & 0xff), PAGE_SIZE);
	written[op->a[0]][op->a[1]] = true;
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
	if (op->kind == OP_SCRIBBLE) {
		scribble(op);
		return true;
	}
	resume(op->cpu, op);
	if (in_guest)
		return check_guest(op);
	return op->kind == OP_CALL ? check_primary(op) : check_cpu(op);
}

static bool check_console(uint32_t i)
{
	const struct spec_console *c = &ops_lives[i].console;
	const struct vconsole *real = &vm_secondary[i].console;

	if (c->outputs != ring_used(&real->output))
		return fail("bytes of output", c->outputs,
			    ring_used(&real->output));
	if (c->inputs != ring_used(&real->input))
		return fail("bytes of input", c->inputs,
			    ring_used(&real->input));
	for (uint32_t n = 0; n < c->inputs; n++)
		if (c->input[n] !=
		    (uint8_t)ring_at(&real->input, real->input.begin + n))
			return fail("a byte of input", c->input[n], n);
	return true;
}

static bool check_lives(void)
{
	for (uint32_t i = 0; i < SPEC_VMS; i++) {
		const struct spec_life *l = &ops_lives[i];

		if (l->starting != vm_secondary[i].starting)
			return fail("a VM is starting", l->starting,
				    vm_secondary[i].starting);
		if (!check_console(i))
			return false;
	}
	return true;
}

/* Tables are walked when they change, and now and then. */
static bool may_change_tables(const struct op *op)
{
	if (op->kind == OP_CALL)
		return (uint32_t)op->a[0] == HF_VM_STOP ||
		       (uint32_t)op->a[0] == HF_VM_START;
	return op->kind == OP_EVENT && op->a[0] == SPEC_ABORT;
}

bool ops_do(const struct op *op)
{
	if (!do_both(op))
		return false;
	spec_view(&view, &ops_spec);
	if (!report(spec_compare(&ops_spec, &view)) || !check_lives())
		return false;
	if (++done % TABLE_PERIOD && !may_change_tables(op))
		return true;
	return report(spec_check_tables(&ops_spec));
}

const char *const ops_tally_names[OPS_TALLIES] = {"calls", "entries"};

void ops_tally(const struct op *op, uint64_t tally[OPS_TALLIES])
{
	if (op->kind != OP_CALL)
		return;
	tally[0]++;
	tally[1] += op->a[0] == HF_VCPU_RUN && ops_running[op->cpu].guest;
}

/* --- text --- */

const unsigned int ops_kinds = OP_KINDS, ops_cpus = SPEC_CPUS;

const char *const ops_names[] = {
	"call",	    "event",  "vcpu_on", "write",  "output",
	"scribble", "cpu_on", "cpu_off", "cpu_up",
};
