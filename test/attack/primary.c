/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The attacking primary. CPU 0 and all others but CPU 1 attack, or run the VM
 * that does; CPU 1 runs the victim meanwhile. After each attack the victim is
 * asked for its secret, and the hypervisor for what it answers to all.
 */
#include "primary.h"
#include "both.h"
#include "console.h"
#include "dt.h"
#include "gic.h"
#include "guest.h"
#include "paint.h"
#include "primary/machine.h"
#include "race.h"
#include "smccc.h"
#include "smp.h"
#include "string.h"
#include "sysreg.h"
#include "timer.h"

#define WITNESS 1
#define CPUS_MAX 4
#define HOSTILE_VCPUS 3 /* that attack; there is one more */
#define HOSTILE_ALL 4
#define SLICE_NS MS
#define SPIN_SLICES 8
#define LATE_NS (3000 * MS)
#define PATIENCE_NS (20000 * MS)
#define KICK 3
#define VICTIM_VCPUS 2
#define BLOCK_WRITE_BACK 0x705 /* AF, inner shareable, MAIR 1, block */

enum how { TOGETHER, ALONE, SURVIVES, MEMORY, OFF, SPINS, ANYTHING };

struct attack {
	const char *name;
	void (*run)(void); /* NULL: of a secondary */
	enum how how;
	unsigned int hazard;
	const char *tries;
	const char *must;
};

#define PRIMARY_ROW(name, how, hazard, tries, must) \
	{"primary." #name, name, how, hazard, tries, must},
#define SECONDARY_ROW(name, how, hazard, tries, must) \
	{"secondary." #name, NULL, how, hazard, tries, must},

static const struct attack primary_attacks[] = {
	FOR_PRIMARY_ATTACKS(PRIMARY_ROW)};
static const struct attack secondary_attacks[] = {
	FOR_SECONDARY_ATTACKS(SECONDARY_ROW)};

_Alignas(PAGE) uint8_t primary_send[PAGE];
_Alignas(PAGE) uint8_t primary_recv[PAGE];

/* The attack that is made. */
static struct {
	const struct attack *row;
	uint32_t vm;	 /* that makes it, if a secondary does */
	uint32_t active; /* CPUs that still attack; atomic */
	uint32_t over;	 /* the secondary has come to its end; atomic */
	uint64_t result; /* of the RUN that told so */
	uint32_t attackers;
	struct barrier barrier;
} now;

static struct {
	enum { GOOD, BAD, SKIPPED, OUTCOMES } kind;
	char reason[300];
	struct spinlock lock;
} outcome;

static struct {
	_Alignas(64) uint64_t random;
} self[CPUS];

static struct victim_report victim;
static uint64_t own_pattern[PAGE / 8]; /* memory of the primary: a victim too */

/* --- what attacks.h's functions see --- */

unsigned int us(void)
{
	return now.attackers;
}

/* CPUs 0, 2, 3, ... */
unsigned int me(void)
{
	return cpu_index() ? cpu_index() - 1 : 0;
}

void meet(void)
{
	barrier_wait(&now.barrier, us());
}

uint64_t random64(void)
{
	return race_random(&self[cpu_index()].random);
}

bool is_primary(void)
{
	return true;
}

static void note(int kind, const char *text)
{
	spin_lock(&outcome.lock);
	if (outcome.kind == GOOD) {
		outcome.kind = kind;
		format(outcome.reason, sizeof(outcome.reason), "%s", text);
	}
	spin_unlock(&outcome.lock);
}

void test_fail(const char *file, int line, const char *f, ...)
{
	char what[200];
	char text[280];
	va_list args;

	va_start(args, f);
	vformat(what, sizeof(what), f, args);
	va_end(args);
	format(text, sizeof(text), "%s:%d: CPU %u: %s", file, line, cpu_index(),
	       what);
	note(BAD, text);
}

void test_skip(const char *why)
{
	note(SKIPPED, why);
}

bool test_over(void)
{
	return *(volatile int *)&outcome.kind != GOOD;
}

void take_interrupts(void)
{
	irq_unmask();
	isb();
	irq_mask();
}

void restore_interrupts(void)
{
	gic_init_cpu();
	gic_enable(timer_intid(TIMER_PHYSICAL));
	gic_enable(timer_intid(TIMER_VIRTUAL));
}

void before_random_call(void)
{
	timer_arm(TIMER_PHYSICAL, MS / 5, true);
}

void after_random_call(void)
{
	take_interrupts();
	timer_stop(TIMER_PHYSICAL);
}

/* It is the witness's most of the time. */
void run_the_victim(void)
{
	unsigned int runs = 0;
	unsigned int i;

	for (i = 0; i < 5000 && runs < 20; i++) {
		before_random_call();
		runs += hf_vcpu_run(VICTIM, VICTIM_KEEPER) == HF_VCPU_YIELD;
		after_random_call();
	}
}

uint64_t run_painted(uint32_t vm, uint32_t vcpu, uint64_t ns)
{
	uint64_t mask = ~paint_sysreg_mask("cntp_cval_el0");
	uint64_t start = timer_now_ns();
	struct paint before, after;
	struct paint_sysregs sysregs;
	uint64_t changed;

	paint_fill(&before, random64());
	before.x[0] = HF_VCPU_RUN;
	before.x[1] = vm;
	before.x[2] = vcpu;
	paint_sysregs(&sysregs, random64());
	sysregs.usable &= mask;
	timer_arm(TIMER_PHYSICAL, ns, true);
	paint_run(PAINT_HVC, &before, &after);
	changed = paint_sysregs_restore(&sysregs);
	take_interrupts();
	timer_stop(TIMER_PHYSICAL);
	if (changed)
		test_fail(__FILE__, __LINE__, "RUN of VM %u changes %s", vm,
			  paint_sysreg_name(changed));
	changed = paint_compare(&before, &after) & ~PAINT_CALL_RESULTS;
	changed |= after.x[1] | after.x[2] | after.x[3];
	if (changed)
		test_fail(__FILE__, __LINE__, "RUN of VM %u: 0x%lx", vm,
			  changed);
	if (timer_now_ns() - start > LATE_NS)
		test_fail(__FILE__, __LINE__, "VM %u: %lu ms late", vm,
			  (timer_now_ns() - start) / MS);
	return after.x[0];
}

/* Read from the device tree once, for that takes its time. */
static uint64_t memory_end, board_end;

static void find_memory(void)
{
	uint64_t base = 0, size = 0;

	dt_memory(&base, &size);
	memory_end = base + size;
	board_end = base + machine_ram();
}

uint64_t own_end(void)
{
	return memory_end;
}

uint64_t ram_end(void)
{
	return board_end;
}

/* The hypervisor has the last 2 MiB, the first VM those below. */
uint64_t hidden_place(unsigned int n)
{
	uint64_t victim_base = ram_end() - 2 * BLOCK;
	const uint64_t places[] = {
		victim_base +
			(victim.secret ? victim.secret - SECONDARY_RAM : PAGE),
		victim_base,
		own_end(),
		ram_end() - BLOCK,
		ram_end() - PAGE,
		0,
	};

	return places[n];
}

void check_external(struct trap trap, uint64_t address)
{
	uint64_t class = ESR_EC(trap.esr);

	if (!trap.taken)
		FAIL("0x%lx can be accessed", address);
	if (trap.serror ||
	    (class != EC_DATA_ABORT && class != EC_INSTRUCTION_ABORT) ||
	    ESR_FSC(trap.esr) != FSC_EXTERNAL_ABORT)
		FAIL("0x%lx: ESR 0x%lx", address, trap.esr);
	if (trap.far != address)
		FAIL("0x%lx: FAR 0x%lx", address, trap.far);
}

/* --- the victim --- */

static void run_victim(void)
{
	uint64_t result = run_painted(VICTIM, VICTIM_KEEPER, SLICE_NS);

	if (result != HF_VCPU_YIELD &&
	    hf_vcpu_code(result) != HF_VCPU_WAIT_FOR_INTERRUPT)
		test_fail(__FILE__, __LINE__, "the victim: 0x%lx", result);
}

/* Takes answers that nobody waits for, and sends; false: it takes nothing. */
static bool send_to_victim(uint64_t seed)
{
	struct order order = {MESSAGE_MAGIC, seed, 0, 0};
	uint64_t end = timer_now_ns() + PATIENCE_NS;

	for (;;) {
		hf_rpc_ack();
		memcpy(primary_send, &order, sizeof(order));
		if (hf_rpc_request(VICTIM, sizeof(order)) >= 0)
			return true;
		if (timer_now_ns() > end)
			return false;
		run_painted(VICTIM, VICTIM_SERVER, SLICE_NS);
	}
}

static bool ask_victim(uint64_t seed)
{
	const uint64_t wanted =
		HF_VCPU_RESPONSE_READY | sizeof(victim) << HF_VCPU_CODE_BITS;
	uint64_t end = timer_now_ns() + PATIENCE_NS;
	uint64_t result;

	if (!send_to_victim(seed))
		return false;
	do {
		result = run_painted(VICTIM, VICTIM_SERVER, SLICE_NS);
	} while (result != wanted && timer_now_ns() < end);
	memcpy(&victim, primary_recv, sizeof(victim));
	return result == wanted && !hf_rpc_ack();
}

/* It has what it held, and holds something new from now on. */
static void check_secret(void)
{
	static uint64_t seed = 1;

	if (!ask_victim(seed + 1))
		FAIL("the victim does not answer");
	CHECK_EQ(victim.seed, seed);
	seed++;
	CHECK_EQ(victim.words, 0);
	CHECK_EQ(victim.torn, 0);
	CHECK_EQ(victim.changed, 0);
	if (victim.sysregs)
		FAIL("the victim's %s changed",
		     paint_sysreg_name(victim.sysregs));
}

/* And it goes on. */
static void check_victim(void)
{
	uint64_t end = timer_now_ns() + PATIENCE_NS;
	uint64_t before;

	check_secret();
	/* What it did during the attack says nothing of now. */
	before = victim.progress;
	while (!test_over() && victim.progress == before) {
		if (timer_now_ns() > end)
			FAIL("the victim does not go on");
		run_victim();
		check_secret();
	}
}

/* --- the hypervisor, and this CPU --- */

static void check_answers(void)
{
	static int64_t count;

	if (!count)
		count = hf_vm_get_count();
	CHECK_EQ(hf_vm_get_count(), count);
	CHECK_EQ(hf_vcpu_get_count(VICTIM), VICTIM_VCPUS);
	CHECK_EQ(hf_vcpu_get_count((uint32_t)count), -1);
	CHECK_EQ(hf_vm_configure((uintptr_t)primary_send,
				 (uintptr_t)primary_recv),
		 -1);
	CHECK_EQ(smccc_hvc(PSCI_VERSION, 0, 0, 0).x[0], 0x10001);
	CHECK_EQ(smccc_smc(SMCCC_VERSION, 0, 0, 0).x[0], 0x10002);
	CHECK_EQ(smccc_hvc(HF_SMCCC_VENDOR_HYP_UID, 0, 0, 0).x[0], HF_UID_0);
	CHECK_EQ(psci_affinity_info(cpu_mpidr(0)), PSCI_ON);
}

/* Interrupts come, one each; memory is as it was left. */
static void check_own(void)
{
	unsigned int i;

	gic_send(0, KICK);
	CHECK(gic_wait(KICK, 1));
	for (i = 0; i < PAGE / 8; i++)
		CHECK_EQ(own_pattern[i], POISON ^ i);
	for (i = 0; hidden_place(i); i++)
		check_external(try_load(hidden_place(i), NULL),
			       hidden_place(i));
}

/* --- attacks of a secondary --- */

/*
 * To whoever asks for more: a table of stage 1 with all that is hidden from a
 * secondary, behind a first entry for its own memory.
 */
static void send_league(void)
{
	uint64_t entries[PAGE / 8];
	unsigned int i;

	for (i = 0; i < PAGE / 8; i++)
		entries[i] =
			(hidden_place(i % 5) & ~(BLOCK - 1)) | BLOCK_WRITE_BACK;
	entries[0] = SECONDARY_RAM | BLOCK_WRITE_BACK;
	memcpy(primary_send, entries, sizeof(entries));
	hf_rpc_request(now.vm, PAGE);
}

static void end_with(uint64_t result)
{
	now.result = result;
	__atomic_store_n(&now.over, 1, __ATOMIC_RELEASE);
}

/* Takes a reply; only the report is the end. */
static void take_reply(uint64_t result)
{
	struct hostile_report report;
	uint64_t size = hf_vcpu_payload(result);

	memcpy(&report, primary_recv, sizeof(report));
	report.text[sizeof(report.text) - 1] = '\0';
	hf_rpc_ack();
	if (size != sizeof(report))
		return;
	if (!strncmp(report.text, "skip:", 5))
		test_skip(report.text + 5);
	else if (report.text[0])
		test_fail("hostile", 0, "%s", report.text);
	end_with(result);
}

/* One slice of one vCPU. */
static void run_hostile(uint32_t vcpu)
{
	uint64_t result = run_painted(now.vm, vcpu, SLICE_NS);

	switch (hf_vcpu_code(result)) {
	case HF_VCPU_ABORTED:
		end_with(result);
		break;
	case HF_VCPU_RESPONSE_READY:
		take_reply(result);
		break;
	case HF_VCPU_YIELD:
	case HF_VCPU_WAIT_FOR_INTERRUPT:
	case HF_VCPU_WAKE_UP:
		break;
	default:
		test_fail(__FILE__, __LINE__, "VM %u: 0x%lx", now.vm, result);
	}
}

/* This CPU's share of the vCPUs, until the end. */
static void run_attack(void)
{
	uint64_t end = timer_now_ns() + PATIENCE_NS;
	bool for_ever = now.row->how == SPINS || now.row->how == ANYTHING;
	unsigned int slices = 0;
	uint32_t vcpu;

	while (!__atomic_load_n(&now.over, __ATOMIC_ACQUIRE)) {
		for (vcpu = me(); vcpu < HOSTILE_ALL; vcpu += us())
			run_hostile(vcpu);
		if (!me() && now.row->how != SURVIVES)
			send_league();
		if (for_ever && ++slices == SPIN_SLICES)
			end_with(HF_VCPU_YIELD);
		if (timer_now_ns() > end)
			FAIL("it does not come to its end");
		if (cpu_count() == 1)
			run_victim();
	}
}

static void check_end(void)
{
	static const uint64_t reasons[] = {
		[MEMORY] = HF_ABORT_MEMORY_ACCESS,
		[OFF] = HF_ABORT_SYSTEM_OFF,
	};
	uint64_t expected;
	uint32_t i;

	if (now.row->how == SURVIVES) {
		CHECK(hf_vcpu_code(now.result) == HF_VCPU_RESPONSE_READY);
		return;
	}
	if (now.row->how == SPINS)
		CHECK_EQ(now.result, HF_VCPU_YIELD);
	if (now.row->how == SPINS || now.row->how == ANYTHING)
		return;
	expected = reasons[now.row->how] << HF_VCPU_CODE_BITS | HF_VCPU_ABORTED;
	CHECK_EQ(now.result, expected);
	for (i = 0; i < HOSTILE_ALL; i++)
		CHECK_EQ(run_painted(now.vm, i, SLICE_NS), expected);
	CHECK_EQ(hf_rpc_request(now.vm, 8), -1);
}

/* Lets a VM wait for its order, and sends it. */
static void send_order(uint32_t vm, uint64_t what, uint64_t vcpus)
{
	struct order order = {MESSAGE_MAGIC, random64(), what, vcpus};
	uint64_t end = timer_now_ns() + PATIENCE_NS;

	while (run_painted(vm, 0, 10 * SLICE_NS) != HF_VCPU_WAIT_FOR_INTERRUPT)
		if (timer_now_ns() > end)
			FAIL("VM %u does not start", vm);
	memcpy(primary_send, &order, sizeof(order));
	CHECK_EQ(hf_rpc_request(vm, sizeof(order)), 1);
}

/* A VM for each attacking CPU that does nothing but spin. */
static void start_spinners(void)
{
	unsigned int i;

	for (i = 0; i < CPUS_MAX - 1; i++) {
		send_order(DOOMED + i, SECONDARY_masked_for_ever, 1);
		run_painted(DOOMED + i, 0, SLICE_NS);
	}
}

/* Lets a VM begin anew, whatever became of it. */
static void restart(uint32_t vm)
{
	CHECK_EQ(hf_vm_stop(vm), HF_DONE);
	while (hf_vm_start(vm) == HF_AGAIN)
		;
	CHECK_EQ(hf_vm_get_state(vm), HF_VM_RUNNING);
}

/* A VM for an attack that may end it; each one is new. */
static uint32_t next_doomed(void)
{
	static uint32_t used;
	uint32_t room = (uint32_t)hf_vm_get_count() - DOOMED;

	if (used >= room)
		restart(DOOMED + used % room);
	return DOOMED + used++ % room;
}

/* --- one attack --- */

static void participate(void *unused)
{
	(void)unused;
	restore_interrupts();
	if (cpu_index() == WITNESS) {
		do
			run_victim();
		while (__atomic_load_n(&now.active, __ATOMIC_ACQUIRE));
		return;
	}
	if (now.row->run)
		now.row->run();
	else
		run_attack();
	__atomic_sub_fetch(&now.active, 1, __ATOMIC_ACQ_REL);
}

/* CPUs for an attack: the witness is one of them, if there are two. */
static unsigned int cpus_for(const struct attack *row)
{
	unsigned int cpus = cpu_count() < CPUS_MAX ? cpu_count() : CPUS_MAX;

	return row->how == ALONE && cpus > 2 ? 2 : cpus;
}

static void attack(const struct attack *row)
{
	unsigned int cpus = cpus_for(row);

	memset(&now, 0, sizeof(now));
	now.row = row;
	now.attackers = now.active = cpus > 1 ? cpus - 1 : 1;
	if (!row->run) {
		now.vm = row->how == SURVIVES ? HOSTILE : next_doomed();
		send_order(now.vm, (uint64_t)(row - secondary_attacks),
			   HOSTILE_VCPUS);
	}
	if (test_over())
		return;
	CHECK(cpu_run_all(cpus, participate, NULL));
	if (!row->run && !test_over())
		check_end();
}

static int make(const struct attack *row)
{
	static const char *const words[] = {"ok", "not ok", "skip"};
	uint64_t start = timer_now_ns();
	int kind;

	outcome.kind = GOOD;
	memset(primary_send, 0, sizeof(primary_send));
	attack(row);
	hf_set_options(0);
	/* Whatever came of it. */
	kind = outcome.kind;
	if (kind == SKIPPED)
		outcome.kind = GOOD;
	if (!test_over())
		check_answers();
	if (!test_over())
		check_own();
	if (!test_over())
		check_victim();
	if (outcome.kind == GOOD)
		outcome.kind = kind;
	if (outcome.kind == GOOD)
		print("ok attack.%s: hazard %u: %s -> %s (%lu ms)\n", row->name,
		      row->hazard, row->tries, row->must,
		      (timer_now_ns() - start) / MS);
	else
		print("%s attack.%s: %s\n", words[outcome.kind], row->name,
		      outcome.reason);
	return outcome.kind;
}

static void make_all(const struct attack *rows, unsigned int n)
{
	unsigned int count[OUTCOMES] = {0};
	char wanted[64];
	bool all = !dt_bootarg("case", wanted, sizeof(wanted));
	bool primary = rows == primary_attacks;
	unsigned int i;

	for (i = 0; i < n; i++) {
		/* The primary's first attack leaves it a mailbox. */
		if (all || (primary && !i) || strstr(rows[i].name, wanted))
			count[make(&rows[i])]++;
		if (primary && !i)
			start_spinners();
	}
	print("end: %u ok, %u not ok, %u skipped\n", count[GOOD], count[BAD],
	      count[SKIPPED]);
}

/* The victim's first vCPU starts the other one, and waits. */
static void start_victim(void)
{
	unsigned int i;

	for (i = 0; i < PAGE / 8; i++)
		own_pattern[i] = POISON ^ i;
	restore_interrupts();
	for (i = 0; i < 100; i++)
		if (run_painted(VICTIM, VICTIM_SERVER, 10 * SLICE_NS) ==
		    HF_VCPU_WAIT_FOR_INTERRUPT)
			return;
	panic("the victim does not start");
}

void guest_main(void)
{
	char side[16];
	unsigned int i;

	for (i = 0; i < CPUS; i++)
		self[i].random = machine_number("seed", 1) * CPUS + i;
	print("seed %lu\n", machine_number("seed", 1));
	find_memory();
	start_victim();
	dt_bootarg("side", side, sizeof(side));
	if (!strcmp(side, "primary")) {
		make_all(primary_attacks,
			 sizeof(primary_attacks) / sizeof(primary_attacks[0]));
		return;
	}
	if (hf_vm_configure((uintptr_t)primary_send, (uintptr_t)primary_recv))
		panic("the mailbox is refused");
	make_all(secondary_attacks,
		 sizeof(secondary_attacks) / sizeof(secondary_attacks[0]));
}
