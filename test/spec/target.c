/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The real state against the specification, on the target: `make SPEC=1` links
 * this into the hypervisor. The linker's --wrap leads the vectors and vcpu.c
 * here instead of to api_calls, trap_primary(), trap_secondary() and
 * arch_vcpu_enter(), so that src/ knows nothing of it. After each call and each
 * exit of a vCPU all state is compared; a difference is a panic that says which
 * field, and after which calls. One CPU only: a transition is one step.
 */
#include "api.h"
#include "arch_internal.h"
#include "cpu.h"
#include "log.h"
#include "pte.h"
#include "life.h"
#include "spec.h"
#include "string.h"
#include "vm.h"

/* What --wrap makes of the names: the real one, and the one called instead. */
extern const struct api_row __real_api_calls[API_ROWS];
extern const struct api_row __wrap_api_calls[API_ROWS];
void __real_trap_primary(struct vcpu *vcpu);
void __wrap_trap_primary(struct vcpu *vcpu);
uint64_t __real_trap_secondary(struct vcpu *vcpu);
uint64_t __wrap_trap_secondary(struct vcpu *vcpu);
struct api_result __real_smccc_quick(uint64_t fn);
struct api_result __wrap_smccc_quick(uint64_t fn);
struct api_result __real_arch_vcpu_enter(struct vcpu *primary,
					 struct vcpu *vcpu);
struct api_result __wrap_arch_vcpu_enter(struct vcpu *primary,
					 struct vcpu *vcpu);
struct api_result __real_vcpu_left(struct vcpu *vcpu, uint64_t exit);
struct api_result __wrap_vcpu_left(struct vcpu *vcpu, uint64_t exit);

/* Tables are walked after so many comparisons, and when they may change. */
#define TABLE_PERIOD 64

/* Steps that a report shows. */
#define STEPS 12

#define PSCI_VERSION 0x84000000
#define PSCI_CPU_SUSPEND 0x84000001
#define PSCI_CPU_OFF 0x84000002
#define PSCI_CPU_ON 0x84000003
#define PSCI_AFFINITY_INFO 0x84000004
#define PSCI_MIGRATE_INFO_TYPE 0x84000006
#define PSCI_SYSTEM_OFF 0x84000008
#define PSCI_SYSTEM_RESET 0x84000009
#define PSCI_64 0x40000000
#define PSCI_INVALID_PARAMETERS (-2)
#define PSCI_INVALID_ADDRESS (-9)
#define AFFINITY_OFF 1

#define PAR_FAULT 1

/* ISS of WFI and WFE */
#define WFX_IS_WFE 1

/* What was done: a call or trap, and where. */
struct step {
	const char *what;
	uint32_t vm, vcpu; /* place and index */
	uint64_t x[SPEC_REGS];
};

static struct spec spec, view;
static struct spec_life lives[SPEC_VMS];

/* The vCPU that the primary's HF_VCPU_RUN runs. */
static struct {
	bool entered; /* by the specification */
	bool left;    /* arch_vcpu_enter() is back */
	bool leaves;  /* by its own doing: `how` */
	uint32_t vm, vcpu;
	struct spec_result how;
} run;

static struct {
	uint64_t primary, secondary; /* calls */
	uint64_t exits, compared;
	uint64_t steps;
	struct step step[STEPS];
} done;

/* --- reports --- */

static void print_step(const struct step *s)
{
	if (s->vm == SPEC_PRIMARY)
		log_panic_line("  primary: %s 0x%lx 0x%lx 0x%lx 0x%lx", s->what,
			       s->x[0], s->x[1], s->x[2], s->x[3]);
	else
		log_panic_line("  vm%u, vCPU %u: %s 0x%lx 0x%lx 0x%lx 0x%lx",
			       s->vm - 1, s->vcpu, s->what, s->x[0], s->x[1],
			       s->x[2], s->x[3]);
}

static _Noreturn void give_up(struct spec_difference d)
{
	uint64_t first = done.steps > STEPS ? done.steps - STEPS : 0;

	log_panic_line("last steps, with x0-x3:");
	for (uint64_t i = first; i < done.steps; i++)
		print_step(&done.step[i % STEPS]);
	log_panic_line("after %lu calls of the primary, %lu of secondaries",
		       done.primary, done.secondary);
	if (d.vm == SPEC_PRIMARY)
		panic("specification: primary, CPU %u: %s: specified 0x%lx, real 0x%lx",
		      d.vcpu, d.what, d.specified, d.real);
	panic("specification: vm%u, vCPU %u: %s: specified 0x%lx, real 0x%lx",
	      d.vm - 1, d.vcpu, d.what, d.specified, d.real);
}

static void expect(const char *what, uint32_t place, uint32_t vcpu,
		   uint64_t specified, uint64_t real)
{
	if (specified != real)
		give_up((struct spec_difference){what, place, vcpu, specified,
						 real});
}

static void note(const char *what, uint32_t place, uint32_t vcpu,
		 const uint64_t *x)
{
	struct step *s = &done.step[done.steps++ % STEPS];

	s->what = what;
	s->vm = place;
	s->vcpu = vcpu;
	memcpy(s->x, x, sizeof(s->x));
}

/* --- comparing --- */

/* PAR_EL1 of an access by the hypervisor; what the guest has there stays. */
static uint64_t translate(const void *page, bool write)
{
	uint64_t guests = read_sysreg(par_el1);
	uint64_t par;

	if (write)
		__asm__ volatile("at s1e2w, %0\n\tisb" : : "r"(page));
	else
		__asm__ volatile("at s1e2r, %0\n\tisb" : : "r"(page));
	par = read_sysreg(par_el1);
	write_sysreg(par_el1, guests);
	return par;
}

uint64_t spec_physical(const void *page)
{
	uint64_t par = translate(page, false);

	return par & PAR_FAULT ? 0 : PTE_ADDRESS(par);
}

static const struct vm *vm_at(uint32_t place)
{
	return place == SPEC_PRIMARY ? &vm_primary : &vm_secondary[place - 1];
}

/* Stage 2, and how the mailbox pages are mapped: rule 1. */
static void compare_memory(void)
{
	struct spec_difference d = spec_check_tables(&spec);

	if (d.what)
		give_up(d);
	for (uint32_t i = 0; i <= spec.vm_count; i++) {
		const struct mailbox *m = &vm_at(i)->mailbox;

		if (!m->send)
			continue;
		expect("the send page can be written", i, 0, false,
		       !(translate(m->send, true) & PAR_FAULT));
		expect("the receive page can be written", i, 0, true,
		       !(translate(m->recv, true) & PAR_FAULT));
	}
}

static void compare(bool memory)
{
	struct spec_difference d;

	spec_view(&view, &spec);
	d = spec_compare(&spec, &view);
	if (d.what)
		give_up(d);
	if (memory || ++done.compared % TABLE_PERIOD == 0)
		compare_memory();
}

/* The registers x0-x3 that the vCPU is about to see. */
static void compare_registers(const struct vcpu *vcpu)
{
	static const char *const names[] = {"x0", "x1", "x2", "x3"};
	const struct spec_vcpu *v =
		&spec.vm[SPEC_SECONDARY(run.vm)].vcpu[run.vcpu];

	for (unsigned int i = 0; i < SPEC_REGS; i++)
		expect(names[i], SPEC_SECONDARY(run.vm), run.vcpu, v->x[i],
		       vcpu->arch.x[i]);
}

/*
 * What a VM itself wrote to its mailbox pages: while it ran, or before it
 * configured them.
 */
static void take_pages(uint32_t place)
{
	const struct mailbox *m = &vm_at(place)->mailbox;

	if (!m->send)
		return;
	memcpy(spec.page[place][SPEC_SEND], m->send, SPEC_PAGE_BYTES);
	memcpy(spec.page[place][SPEC_RECV], m->recv, SPEC_PAGE_BYTES);
}

/* --- the state at the start --- */

/* [ipa, ipa + size) is the primary's, by the leaf `pte`. */
static void add_range(uint64_t pte, uint64_t ipa, uint64_t size)
{
	struct spec_range *r = spec.vm[SPEC_PRIMARY].range;
	struct spec_range *end = r + SPEC_RANGES;

	expect("the primary's memory is mapped to itself", SPEC_PRIMARY, 0, ipa,
	       PTE_ADDRESS(pte));
	while (r < end && r->size &&
	       (r->ipa + r->size != ipa || r->device != PTE_DEVICE(pte)))
		r++;
	expect("there is room for the primary's ranges", SPEC_PRIMARY, 0, true,
	       r < end);
	if (!r->size)
		*r = (struct spec_range){ipa, ipa, 0, PTE_DEVICE(pte)};
	r->size += size;
}

static void add_ranges(const uint64_t *table, uint64_t entries,
		       unsigned int level, uint64_t ipa)
{
	uint64_t size = UINT64_C(4096) << (9 * (3 - level));

	for (uint64_t i = 0; i < entries; i++, ipa += size) {
		uint64_t at = PTE_ADDRESS(table[i]);

		if (PTE_IS_TABLE(table[i], level))
			add_ranges(phys_to_virt(paddr(at)), 512, level + 1,
				   ipa);
		else if (PTE_PRESENT(table[i]))
			add_range(table[i], ipa, size);
	}
}

/* Nothing of the primary's is also somebody else's. */
static void check_private(uint64_t pa, uint64_t size)
{
	const struct spec_range *r = spec.vm[SPEC_PRIMARY].range;

	for (unsigned int i = 0; i < SPEC_RANGES; i++)
		expect("hidden memory is not the primary's", SPEC_PRIMARY, 0,
		       false,
		       pa < r[i].ipa + r[i].size && r[i].ipa < pa + size);
}

/*
 * Which devices the primary has is taken from its tables at the start; its RAM
 * and all that may change is specified.
 */
static void give_memory(void)
{
	const struct ptable *t = &vm_primary.stage2;
	uint64_t own_size;
	paddr_t own = arch_own_memory(&own_size);

	add_ranges(t->root, t->root_pages * UINT64_C(512), t->level, 0);
	check_private(own.pa, own_size);
	for (uint32_t i = 0; i < vm_count; i++) {
		const struct vm *vm = &vm_secondary[i];

		spec.vm[SPEC_SECONDARY(i)].range[0] = (struct spec_range){
			.ipa = HF_SECONDARY_RAM_BASE,
			.pa = vm->memory.pa,
			.size = vm->memory_size,
		};
		check_private(vm->memory.pa, vm->memory_size);
	}
}

/* A VM starts as it did at boot. */
static void start_lives(void)
{
	for (uint32_t i = 0; i < vm_count; i++) {
		const struct spec_vcpu *first =
			&spec.vm[SPEC_SECONDARY(i)].vcpu[0];

		lives[i].size = vm_secondary[i].memory_size;
		lives[i].entry = first->entry;
		lives[i].argument = first->x[0];
	}
}

/* Entries and arguments are what boot made them; the rest is known. */
static void start(void)
{
	expect("one CPU", SPEC_PRIMARY, 0, 1, cpu_count);
	expect("VMs fit", SPEC_PRIMARY, 0, true, vm_count <= SPEC_VMS);
	for (uint32_t i = 0; i < vm_count; i++)
		expect("vCPUs fit", SPEC_SECONDARY(i), 0, true,
		       vm_secondary[i].vcpu_count <= SPEC_VCPUS);
	spec_view(&spec, &view);
	spec.options = 0;
	spec.cpu[0].state = SPEC_CPU_ON;
	for (uint32_t i = 0; i <= vm_count; i++) {
		struct spec_vm *vm = &spec.vm[i];

		vm->aborted = 0;
		vm->waiter_count = 0;
		vm->mailbox = (struct spec_mailbox){0};
		for (uint32_t v = 0; v < SPEC_VCPUS; v++)
			vm->vcpu[v].state = v == 0 && i != SPEC_PRIMARY
						    ? SPEC_READY
						    : SPEC_OFF;
	}
	give_memory();
	start_lives();
	compare(true);
}

/* --- calls of the primary --- */

static void begin_primary(const char *what, const uint64_t *x)
{
	if (!spec.vm_count)
		start();
	note(what, SPEC_PRIMARY, 0, x);
	take_pages(SPEC_PRIMARY);
}

/* The vCPU left: what RUN comes to. */
static int64_t finish_run(void)
{
	expect("the vCPU was entered", SPEC_SECONDARY(run.vm), run.vcpu, true,
	       run.left);
	run.entered = false;
	done.exits++;
	return spec_come_back(&spec, &lives[run.vm], run.vm, run.vcpu, run.how);
}

static struct api_result primary_call(uint32_t fn, struct vcpu *caller,
				      uint64_t a1, uint64_t a2, uint64_t a3)
{
	struct spec_result r;
	struct api_result real;

	done.primary++;
	begin_primary("call", (const uint64_t[]){fn, a1, a2, a3});
	r = spec_primary(&spec, 0, fn, a1, a2, a3);
	memset(&run, 0, sizeof(run));
	run.entered = r.then == SPEC_ENTERED;
	run.vm = (uint32_t)a1;
	run.vcpu = (uint32_t)a2;
	real = __real_api_calls[fn - API_FIRST].primary(caller, a1, a2, a3);
	if (r.then == SPEC_ENTERED)
		r.value = finish_run();
	expect("result of the call", SPEC_PRIMARY, 0, (uint64_t)r.value,
	       (uint64_t)real.value);
	if (fn == HF_VM_CONFIGURE)
		take_pages(SPEC_PRIMARY);
	compare(fn == HF_VM_CONFIGURE || run.how.event == SPEC_ABORT);
	return real;
}

/* The same answer at any time. */
static int64_t constant(uint32_t fn)
{
	switch (fn) {
	case PSCI_VERSION:
		return 0x10001; /* 1.1 */
	case PSCI_MIGRATE_INFO_TYPE:
		return 2; /* nothing to migrate */
	case SMCCC_VERSION:
		return 0x10002; /* 1.2 */
	default:
		return -1;
	}
}

/* Whether code of the VM may start there. */
static bool is_code(const struct spec_vm *vm, uint64_t ipa)
{
	for (unsigned int i = 0; i < SPEC_RANGES; i++)
		if (!vm->range[i].device && ipa >= vm->range[i].ipa &&
		    ipa - vm->range[i].ipa < vm->range[i].size)
			return ipa % 4 == 0;
	return false;
}

static int64_t primary_cpu_on(uint64_t id, uint64_t entry, uint64_t argument)
{
	if (id != cpus[0].id)
		return PSCI_INVALID_PARAMETERS;
	if (!is_code(&spec.vm[SPEC_PRIMARY], entry))
		return PSCI_INVALID_ADDRESS;
	return spec_cpu_on(&spec, 0, entry, argument);
}

static int64_t primary_affinity_info(uint64_t id, uint64_t level)
{
	return id != cpus[0].id || level != 0 ? PSCI_INVALID_PARAMETERS : 0;
}

/* PSCI of the primary; no other is known. */
static int64_t primary_standard(const uint64_t *x)
{
	uint32_t fn = (uint32_t)x[0];

	switch (fn) {
	case PSCI_CPU_ON:
		return primary_cpu_on((uint32_t)x[1], (uint32_t)x[2],
				      (uint32_t)x[3]);
	case PSCI_CPU_ON | PSCI_64:
		return primary_cpu_on(x[1], x[2], x[3]);
	case PSCI_AFFINITY_INFO:
		return primary_affinity_info((uint32_t)x[1], (uint32_t)x[2]);
	case PSCI_AFFINITY_INFO | PSCI_64:
		return primary_affinity_info(x[1], x[2]);
	case PSCI_SYSTEM_OFF:
		log_line(
			"specification: %lu calls of the primary, %lu of secondaries, %lu exits: no difference",
			done.primary, done.secondary, done.exits);
		return 0;
	default:
		return constant(fn);
	}
}

static bool is_call(uint64_t esr)
{
	return ESR_EC(esr) == EC_HVC64 || ESR_EC(esr) == EC_SMC64;
}

/* What is in the log is nobody's rule, but behind its end is nothing. */
static void check_log_read(uint64_t position, const uint64_t *x)
{
	if (x[0] == position)
		expect("bytes behind the log's end", SPEC_PRIMARY, 0, 0,
		       x[1] | x[2] | x[3]);
}

/* HF_VM_GET_STATE to HF_LOG_READ: by HVC, on the slow path. */
static void manage(struct vcpu *vcpu)
{
	uint64_t *x = vcpu->arch.x;
	uint64_t a[SPEC_REGS], results[3];
	int64_t x0;

	memcpy(a, x, sizeof(a));
	x0 = spec_manage(&spec, lives, a[0], &a[1], results);
	__real_trap_primary(vcpu);
	if ((uint32_t)a[0] == HF_LOG_READ) {
		check_log_read(a[1], x);
		return;
	}
	expect("result of the call", SPEC_PRIMARY, 0, (uint64_t)x0, x[0]);
	for (unsigned int i = 0; i < ARRAY_SIZE(results); i++)
		expect("x1-x3", SPEC_PRIMARY, 0, results[i], x[i + 1]);
	compare((uint32_t)a[0] == HF_VM_STOP || (uint32_t)a[0] == HF_VM_START);
}

void __wrap_trap_primary(struct vcpu *vcpu)
{
	uint64_t esr = read_sysreg(esr_el2);
	uint64_t *x = vcpu->arch.x;
	int64_t x0 = -1;

	done.primary += is_call(esr);
	begin_primary(is_call(esr) ? "standard call" : "trap", x);
	if (ESR_EC(esr) == EC_HVC64 && !(esr & 0xffff) &&
	    spec_is_managing(x[0])) {
		manage(vcpu);
		return;
	}
	if (is_call(esr) && !(esr & 0xffff))
		x0 = primary_standard(x);
	__real_trap_primary(vcpu);
	if (is_call(esr)) {
		expect("x0", SPEC_PRIMARY, 0, (uint64_t)x0, x[0]);
		expect("x1-x3", SPEC_PRIMARY, 0, 0, x[1] | x[2] | x[3]);
	}
	compare(false);
}

/* --- calls and traps of a secondary --- */

static void begin_secondary(const char *what, const struct vcpu *vcpu,
			    const uint64_t *x)
{
	note(what, SPEC_SECONDARY(run.vm), run.vcpu, x);
	expect("a vCPU runs", SPEC_SECONDARY(run.vm), run.vcpu, true,
	       run.entered && vcpu == &vm_secondary[run.vm].vcpus[run.vcpu]);
	take_pages(SPEC_SECONDARY(run.vm));
}

/* How vcpu.h says why a vCPU leaves. */
static uint64_t exit_of(struct spec_result r)
{
	static const enum vcpu_exit kinds[] = {
		[SPEC_INTERRUPT] = EXIT_INTERRUPT, [SPEC_WFI] = EXIT_WFI,
		[SPEC_REPLIED] = EXIT_REPLIED,	   [SPEC_TURNED_ON] = EXIT_WAKE,
		[SPEC_TURNS_OFF] = EXIT_OFF,	   [SPEC_ABORT] = EXIT_ABORT,
	};

	if (r.then == SPEC_GOES_ON)
		return EXIT_NONE;
	if (r.then == SPEC_WAITS)
		return EXIT_READ;
	return vcpu_exit(kinds[r.event], r.payload);
}

/* The real call or trap of the running vCPU came to `exit`. */
static void end_secondary(struct spec_result r, uint64_t exit)
{
	expect("how the vCPU leaves", SPEC_SECONDARY(run.vm), run.vcpu,
	       exit_of(r), exit);
	if (r.then == SPEC_GOES_ON) {
		compare(false);
		return;
	}
	/* Compared once it has left. */
	run.leaves = true;
	run.how = r;
}

static struct api_result secondary_call(uint32_t fn, struct vcpu *caller,
					uint64_t a1, uint64_t a2, uint64_t a3)
{
	struct spec_result r;
	struct api_result real;

	done.secondary++;
	begin_secondary("call", caller, (const uint64_t[]){fn, a1, a2, a3});
	r = spec_secondary(&spec, run.vm, run.vcpu, fn, a1, a2, a3);
	real = __real_api_calls[fn - API_FIRST].secondary(caller, a1, a2, a3);
	expect("result of the call", SPEC_SECONDARY(run.vm), run.vcpu,
	       (uint64_t)r.value, (uint64_t)real.value);
	if (fn == HF_VM_CONFIGURE) {
		take_pages(SPEC_SECONDARY(run.vm));
		compare_memory();
	}
	end_secondary(r, real.exit);
	return real;
}

static struct spec_result result(struct spec_vcpu *v, int64_t x0)
{
	memset(v->x, 0, sizeof(v->x));
	v->x[0] = (uint64_t)x0;
	return (struct spec_result){.value = x0};
}

static struct spec_result leaves(enum spec_event event, uint64_t payload)
{
	return (struct spec_result){
		.then = SPEC_LEAVES, .event = event, .payload = payload};
}

static struct spec_result secondary_cpu_on(struct spec_vcpu *v, uint64_t target,
					   uint64_t entry, uint64_t argument)
{
	const struct spec_vm *vm = &spec.vm[SPEC_SECONDARY(run.vm)];

	if (target >= vm->vcpu_count)
		return result(v, PSCI_INVALID_PARAMETERS);
	if (!is_code(vm, entry))
		return result(v, PSCI_INVALID_ADDRESS);
	return spec_vcpu_on(&spec, run.vm, run.vcpu, (uint32_t)target, entry,
			    argument);
}

static struct spec_result affinity_info(struct spec_vcpu *v, uint64_t target,
					uint64_t level)
{
	const struct spec_vm *vm = &spec.vm[SPEC_SECONDARY(run.vm)];

	if (target >= vm->vcpu_count || level != 0)
		return result(v, PSCI_INVALID_PARAMETERS);
	return result(v, vm->vcpu[target].state == SPEC_OFF ? AFFINITY_OFF : 0);
}

/* PSCI of the vCPU, whose x0-x3 are in *v; anything else is unknown. */
static struct spec_result secondary_standard(struct spec_vcpu *v)
{
	uint64_t x[SPEC_REGS];
	uint32_t fn = (uint32_t)v->x[0];

	for (unsigned int i = 0; i < SPEC_REGS; i++)
		x[i] = fn & PSCI_64 ? v->x[i] : (uint32_t)v->x[i];
	switch (fn) {
	case PSCI_CPU_ON:
	case PSCI_CPU_ON | PSCI_64:
		return secondary_cpu_on(v, x[1], x[2], x[3]);
	case PSCI_AFFINITY_INFO:
	case PSCI_AFFINITY_INFO | PSCI_64:
		return affinity_info(v, x[1], x[2]);
	case PSCI_CPU_SUSPEND:
	case PSCI_CPU_SUSPEND | PSCI_64:
		result(v, 0);
		return leaves(SPEC_WFI, 0);
	case PSCI_CPU_OFF:
		result(v, 0);
		return leaves(SPEC_TURNS_OFF, 0);
	case PSCI_SYSTEM_OFF:
		result(v, 0);
		return leaves(SPEC_ABORT, HF_ABORT_SYSTEM_OFF);
	case PSCI_SYSTEM_RESET:
		result(v, 0);
		return leaves(SPEC_ABORT, HF_ABORT_SYSTEM_RESET);
	default:
		return result(v, constant(fn));
	}
}

/* What a trap with this syndrome is. x0-x3 were saved to *v. */
static struct spec_result specified_trap(struct spec_vcpu *v, uint64_t esr)
{
	switch (ESR_EC(esr)) {
	case EC_HVC64:
		return esr & 0xffff ? result(v, -1) : secondary_standard(v);
	case EC_SMC64:
		v->x[0] = (uint64_t)-1;
		return (struct spec_result){0};
	case EC_WFX:
		return esr & WFX_IS_WFE ? (struct spec_result){0}
					: leaves(SPEC_WFI, 0);
	case EC_IABT_LOWER:
	case EC_DABT_LOWER:
		/* It tries again until its first life is loaded. */
		if (vm_secondary[run.vm].loaded !=
		    vm_secondary[run.vm].memory_size)
			return (struct spec_result){0};
		return leaves(SPEC_ABORT, HF_ABORT_MEMORY_ACCESS);
	default:
		return (struct spec_result){0};
	}
}

uint64_t __wrap_trap_secondary(struct vcpu *vcpu)
{
	struct spec_vcpu *v = &spec.vm[SPEC_SECONDARY(run.vm)].vcpu[run.vcpu];
	uint64_t esr = read_sysreg(esr_el2);
	struct spec_result r;
	uint64_t exit;

	done.secondary += is_call(esr);
	begin_secondary(is_call(esr) ? "standard call" : "trap", vcpu,
			vcpu->arch.x);
	memcpy(v->x, vcpu->arch.x, sizeof(v->x));
	r = specified_trap(v, esr);
	exit = __real_trap_secondary(vcpu);
	/* Only the time tells how long it waits, or whether it does. */
	if (r.event == SPEC_WFI && !exit)
		r = (struct spec_result){0};
	else if (r.event == SPEC_WFI)
		r.payload = exit >> EXIT_PAYLOAD_SHIFT;
	if (ESR_EC(esr) != EC_SYSREG)
		compare_registers(vcpu);
	end_secondary(r, exit);
	return exit;
}

struct api_result __wrap_arch_vcpu_enter(struct vcpu *primary,
					 struct vcpu *vcpu)
{
	expect("a vCPU is entered", SPEC_SECONDARY(run.vm), run.vcpu, true,
	       run.entered && !run.left &&
		       vcpu == &vm_secondary[run.vm].vcpus[run.vcpu]);
	compare(false);
	compare_registers(vcpu);
	return __real_arch_vcpu_enter(primary, vcpu);
}

struct api_result __wrap_vcpu_left(struct vcpu *vcpu, uint64_t exit)
{
	struct spec_vcpu *v = &spec.vm[SPEC_SECONDARY(run.vm)].vcpu[run.vcpu];

	run.left = true;
	v->entry = vcpu->arch.pc;
	if (run.leaves)
		return __real_vcpu_left(vcpu, exit);
	take_pages(SPEC_SECONDARY(run.vm));
	note("interrupt", SPEC_SECONDARY(run.vm), run.vcpu, vcpu->arch.x);
	run.how = leaves(SPEC_INTERRUPT, 0);
	memcpy(v->x, vcpu->arch.x, sizeof(v->x));
	expect("how the vCPU leaves", SPEC_SECONDARY(run.vm), run.vcpu,
	       exit_of(run.how), exit);
	return __real_vcpu_left(vcpu, exit);
}

/* --- the table of calls --- */

/* A function of the table is not told its number. */
#define CALL(fn)                                                             \
	static struct api_result primary_##fn(struct vcpu *c, uint64_t a1,   \
					      uint64_t a2, uint64_t a3)      \
	{                                                                    \
		return primary_call(fn, c, a1, a2, a3);                      \
	}                                                                    \
	static struct api_result secondary_##fn(struct vcpu *c, uint64_t a1, \
						uint64_t a2, uint64_t a3)    \
	{                                                                    \
		return secondary_call(fn, c, a1, a2, a3);                    \
	}

CALL(HF_VCPU_RUN)
CALL(HF_VM_GET_COUNT)
CALL(HF_VCPU_GET_COUNT)
CALL(HF_VM_CONFIGURE)
CALL(HF_RPC_REQUEST)
CALL(HF_RPC_READ_REQUEST)
CALL(HF_RPC_ACK)
CALL(HF_RPC_REPLY)
CALL(HF_SET_OPTIONS)

#define ROW(fn) [(fn)-API_FIRST] = {primary_##fn, secondary_##fn}

/* A row that is no call, or none that this kind of VM has. */
static struct api_result unknown(struct vcpu *caller, uint64_t a1, uint64_t a2,
				 uint64_t a3)
{
	struct api_result real;

	real = __real_api_calls[API_ROWS - 1].secondary(caller, a1, a2, a3);
	expect("result of an unknown call", SPEC_PRIMARY, 0, (uint64_t)-1,
	       (uint64_t)real.value);
	expect("leaves by an unknown call", SPEC_PRIMARY, 0, 0, real.exit);
	return real;
}

/* It goes by trap_primary() in the end: manage(). */
#define MANAGED(fn) [(fn)-API_FIRST] = {arch_call_slowly, unknown}

const struct api_row __wrap_api_calls[API_ROWS] = {
	ROW(HF_VCPU_RUN),	  ROW(HF_VM_GET_COUNT),
	ROW(HF_VCPU_GET_COUNT),	  ROW(HF_VM_CONFIGURE),
	ROW(HF_RPC_REQUEST),	  ROW(HF_RPC_READ_REQUEST),
	ROW(HF_RPC_ACK),	  ROW(HF_RPC_REPLY),
	ROW(HF_SET_OPTIONS),	  MANAGED(HF_VM_GET_STATE),
	MANAGED(HF_VM_STOP),	  MANAGED(HF_VM_START),
	MANAGED(HF_CONSOLE_READ), MANAGED(HF_CONSOLE_WRITE),
	MANAGED(HF_LOG_READ),	  [API_ROWS - 1] = {unknown, unknown},
};

/* What is said at once changes nothing but x0. */
struct api_result __wrap_smccc_quick(uint64_t fn)
{
	struct api_result real = __real_smccc_quick(fn);

	if (real.exit)
		expect("answer of a standard call", SPEC_PRIMARY, 0,
		       (uint64_t)constant((uint32_t)fn), (uint64_t)real.value);
	return real;
}

/* A new call needs a transition in spec.c and a row here. */
_Static_assert(API_COUNT == 9, "calls");
