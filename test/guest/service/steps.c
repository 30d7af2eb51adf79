/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdbool.h>
#include <stddef.h>
#include "access.h"
#include "boot.h"
#include "console.h"
#include "dt.h"
#include "exception.h"
#include "gic.h"
#include "mmu.h"
#include "paint.h"
#include "smccc.h"
#include "smp.h"
#include "steps.h"
#include "string.h"
#include "sysreg.h"
#include "timer.h"
#include "hf/abi.h"

#define INSTRUCTION_MRS 0xd5200000
#define INSTRUCTION_MSR 0xd5000000
#define INSTRUCTION_RET 0xd65f03c0

/* No VM of these tests has so much memory. */
#define NOWHERE 0x7000000000

/* The first steps and the paintings have the same order. */
_Static_assert((int)STEP_HVC == (int)PAINT_HVC, "order");
_Static_assert((int)STEP_HVC_OTHER == (int)PAINT_HVC_OTHER, "order");
_Static_assert((int)STEP_SMC == (int)PAINT_SMC, "order");
_Static_assert((int)STEP_WFI == (int)PAINT_WFI, "order");
_Static_assert((int)STEP_SPIN == (int)PAINT_SPIN, "order");

static struct {
	bool found;
	uint64_t send;
	uint64_t recv;
} bad;

void step_bad_configure(uint64_t send, uint64_t recv)
{
	bad.found = true;
	bad.send = send;
	bad.recv = recv;
}

static void set_trap(struct step_result *r, struct trap trap)
{
	r->esr = trap.taken ? trap.esr : 0;
	r->far = trap.taken ? trap.far : 0;
}

/* A painted instruction. Calls get their arguments in x0-x3. */
static void painted(const struct step *s, struct step_result *r)
{
	enum paint_kind kind = (enum paint_kind)(s->kind & ~STEP_SYSREGS);
	bool is_call = kind <= PAINT_SMC;
	struct paint_sysregs sysregs;
	struct paint before;
	struct paint after;

	paint_fill(&before, 0x5ec0 + kind);
	if (is_call)
		memcpy(before.x, s->a, sizeof(s->a));
	else if (kind == PAINT_SPIN)
		before.x[28] = s->a[0];
	if (s->kind & STEP_SYSREGS)
		paint_sysregs(&sysregs, 0x5ec0);
	paint_run(kind, &before, &after);
	if (s->kind & STEP_SYSREGS)
		r->sysregs = paint_sysregs_restore(&sysregs);
	memcpy(r->x, after.x, sizeof(r->x));
	r->changed = paint_compare(&before, &after);
	if (is_call)
		r->changed &= ~PAINT_CALL_RESULTS;
	else if (kind == PAINT_SPIN)
		r->changed &= ~PAINT_SPIN_COUNTER;
}

/* CPU_ON, painted like any call. */
static void step_cpu_on(const struct step *s, struct step_result *r)
{
	unsigned int vcpu = (unsigned int)s->a[0];
	struct step call = {
		STEP_HVC | (s->kind & STEP_SYSREGS),
		{PSCI_CPU_ON_64, vcpu, cpu_prepare(vcpu, service_run, NULL),
		 vcpu},
	};

	painted(&call, r);
}

static void step_access(const struct step *s, struct step_result *r)
{
	trap_arm();
	access_memory(s->a[0], (enum access)s->a[1]);
	set_trap(r, trap_take());
}

static void step_memory(const struct step *s, struct step_result *r)
{
	if (s->kind == STEP_LOAD)
		set_trap(r, try_load(s->a[0], &r->x[0]));
	else if (s->kind == STEP_STORE)
		set_trap(r, try_store(s->a[0], s->a[1]));
	else
		set_trap(r, try_call(s->a[0]));
}

static void step_device(const struct step *s, struct step_result *r)
{
	volatile void *p = (volatile void *)(uintptr_t)s->a[0];
	bool write = s->kind == STEP_WRITE_DEVICE;

	trap_arm();
	if (s->a[1] == 1 && write)
		*(volatile uint8_t *)p = (uint8_t)s->a[2];
	else if (s->a[1] == 1)
		r->x[0] = *(volatile uint8_t *)p;
	else if (s->a[1] == 2 && write)
		*(volatile uint16_t *)p = (uint16_t)s->a[2];
	else if (s->a[1] == 2)
		r->x[0] = *(volatile uint16_t *)p;
	else if (write)
		*(volatile uint32_t *)p = (uint32_t)s->a[2];
	else
		r->x[0] = *(volatile uint32_t *)p;
	set_trap(r, trap_take());
}

static void step_print(const struct step *s)
{
	char text[25] = "";
	uint64_t i;

	memcpy(text, &s->a[1], 24);
	for (i = 0; i < s->a[0]; i++)
		print("%s", text);
}

static void step_private(const struct step *s)
{
	static _Alignas(4096) uint64_t pages[4][4][512];
	uint64_t(*own)[512] = pages[cpu_index() % 4];

	own[3][0] = s->a[0];
	mmu_set_private(own, own[3]);
}

static void step_copy(const struct step *s, uint8_t *data)
{
	if (s->a[1] <= SERVICE_DATA_MAX)
		memcpy(data, (const void *)(uintptr_t)s->a[0], s->a[1]);
}

/* The ramdisk, if there is one: [from, to). */
static void ramdisk(uint64_t *from, uint64_t *to)
{
	const uint32_t *chosen = dt_node("/chosen");

	*from = *to = 0;
	if (chosen && dt_number(chosen, "linux,initrd-start", from))
		dt_number(chosen, "linux,initrd-end", to);
}

static bool within(uint64_t p, uint64_t from, uint64_t to)
{
	return p >= (from & ~UINT64_C(7)) && p < to;
}

/* Memory, and what the hypervisor put into it; read once, for it is slow. */
static struct {
	uint64_t base, end, tree, tree_end, ramdisk, ramdisk_end;
} memory;

static void find_memory(void)
{
	uint64_t size = 0;

	if (memory.end)
		return;
	ramdisk(&memory.ramdisk, &memory.ramdisk_end);
	memory.tree = dt_address();
	memory.tree_end = dt_address() + dt_size();
	dt_memory(&memory.base, &size);
	memory.end = memory.base + size;
}

/* The first word at or above `p` of memory that nobody filled, or 0. */
static uint64_t next_free(uint64_t p)
{
	find_memory();
	for (p = p ? p : memory.base; p < memory.end; p += sizeof(uint64_t)) {
		if (!within(p, image_address(), image_end()) &&
		    !within(p, memory.tree, memory.tree_end) &&
		    !within(p, memory.ramdisk, memory.ramdisk_end))
			return p;
	}
	return 0;
}

static void step_scan(struct step_result *r)
{
	uint64_t p;

	for (p = next_free(0); p; p = next_free(p + sizeof(uint64_t))) {
		r->x[2] += sizeof(uint64_t);
		if (read64(p) && !r->x[0]++)
			r->x[1] = p;
	}
}

static void step_entry(struct step_result *r)
{
	const struct entry_regs *e = &entry_regs;
	unsigned int i;

	for (i = 1; i < 31; i++)
		r->x[0] |= e->x[i];
	r->x[0] |= e->sp;
	r->x[1] = e->fpcr | e->fpsr;
	for (i = 0; i < 32; i++)
		r->x[1] |= e->v[i][0] | e->v[i][1];
	r->x[2] = e->behind;
	r->x[3] = dt_padding();
}

/* The secret itself is never in a mailbox: its complement comes. */
static void step_secret(const struct step *s)
{
	static const struct {
		enum paint_kind kind;
		uint64_t function;
	} ways[] = {
		[LEAVE_WFI] = {PAINT_WFI, 0},
		[LEAVE_READ] = {PAINT_HVC, HF_RPC_READ_REQUEST},
		[LEAVE_OFF] = {PAINT_HVC, PSCI_SYSTEM_OFF},
		[LEAVE_RESET] = {PAINT_HVC, PSCI_SYSTEM_RESET},
		[LEAVE_ABORT] = {PAINT_LOAD, 0},
	};
	static struct paint before, after;
	uint64_t secret = ~s->a[0];
	uint64_t p;
	unsigned int i;

	for (p = next_free(0); p; p = next_free(p + sizeof(p)))
		*(volatile uint64_t *)(uintptr_t)p = secret;
	paint_fill(&before, secret);
	for (i = 0; i < 31; i++)
		before.x[i] = secret;
	for (i = 0; i < 32; i++)
		before.v[i][0] = before.v[i][1] = secret;
	if (s->a[1] < LEAVE_ABORT && ways[s->a[1]].function) {
		before.x[0] = ways[s->a[1]].function;
		before.x[1] = 1;
	}
	if (s->a[1] == LEAVE_ABORT)
		before.x[28] = NOWHERE;
	paint_run(ways[s->a[1]].kind, &before, &after);
}

static uint32_t sysreg_instruction[2];

/* Calls what was put together, with x0 as its operand. */
static uint64_t call_instruction(uint64_t value)
{
	register uint64_t x0 __asm__("x0") = value;

	__asm__ volatile("blr %1"
			 : "+r"(x0)
			 : "r"(sysreg_instruction)
			 : "x30", "memory", "cc");
	return x0;
}

/* Executes an MRS, MSR or SYS that is put together here. */
static uint64_t run_instruction(uint32_t instruction, uint64_t value,
				struct step_result *r)
{
	sysreg_instruction[0] = instruction;
	sysreg_instruction[1] = INSTRUCTION_RET;
	mmu_sync_code((uintptr_t)sysreg_instruction,
		      (uintptr_t)(sysreg_instruction + 2));
	trap_arm();
	value = call_instruction(value);
	set_trap(r, trap_take());
	return value;
}

static void step_sysreg(const struct step *s, struct step_result *r)
{
	uint32_t name = (uint32_t)s->a[0] << 5;

	if (s->kind == STEP_MRS)
		r->x[0] = run_instruction(INSTRUCTION_MRS | name, ~0ull, r);
	else
		run_instruction(INSTRUCTION_MSR | name, s->a[1], r);
}

static void copy_entries(size_t from, uint8_t *data)
{
	size_t n;
	const struct sweep_entry *e = sweep_entries(&n);

	n = from < n ? n - from : 0;
	if (n > SERVICE_SWEEP_ENTRIES)
		n = SERVICE_SWEEP_ENTRIES;
	memcpy(data, e + from, n * sizeof(*e));
}

static void step_sweep(const struct step *s, struct step_result *r,
		       uint8_t *data)
{
	size_t n = 0;

	switch (s->kind) {
	case STEP_SWEEP:
		if (sweep_classify(s->a[0]))
			sweep_entries(&n);
		r->x[0] = n;
		break;
	case STEP_SWEEP_ENTRIES:
		copy_entries(s->a[0], data);
		break;
	case STEP_SWEEP_PAINT:
		sweep_paint(s->a[0]);
		break;
	case STEP_SWEEP_CHANGED:
		r->x[0] = sweep_changed(&r->x[1], &r->x[2]);
		break;
	default:
		sweep_restore();
	}
}

static void step_time(const struct step *s, struct step_result *r)
{
	switch (s->kind) {
	case STEP_NOW:
		r->x[0] = timer_now_ns();
		break;
	case STEP_TIMER_ARM:
		timer_arm(TIMER_VIRTUAL, s->a[0], true);
		break;
	case STEP_TIMER_FIRED:
		r->x[0] = timer_fired(TIMER_VIRTUAL);
		break;
	case STEP_TIMER_STOP:
		timer_stop(TIMER_VIRTUAL);
		break;
	default:
		timer_spin_ns(s->a[0]);
	}
}

static void step_interrupts(const struct step *s, struct step_result *r)
{
	unsigned int intid = (unsigned int)s->a[0];
	unsigned int before;
	uint64_t i;

	if (!gic_version())
		gic_init();
	gic_init_cpu();
	gic_enable(intid);
	before = gic_count(intid);
	for (i = 0; i < s->a[1]; i++) {
		if (s->a[2])
			gic_send(cpu_index(), intid);
		if (!gic_wait(intid, gic_count(intid) - before == i))
			break;
	}
	r->x[0] = gic_count(intid) - before;
}

static void step_facts(const struct step *s, struct step_result *r)
{
	switch (s->kind) {
	case STEP_BOOT:
		memcpy(r->x, boot_state.x, sizeof(r->x));
		break;
	case STEP_BOOT_2:
		r->x[0] = boot_state.sctlr;
		r->x[1] = boot_state.current_el;
		r->x[2] = boot_state.daif;
		break;
	case STEP_FACTS:
		r->x[0] = dt_address();
		r->x[1] = dt_size();
		r->x[2] = read_sysreg(mpidr_el1);
		r->x[3] = cpu_index();
		break;
	default:
		r->x[0] = bad.found;
		r->x[1] = bad.send;
		r->x[2] = bad.recv;
	}
}

void step_take(const struct step *s, struct step_result *r, uint8_t *data)
{
	if ((s->kind & ~(uint64_t)STEP_SYSREGS) <= STEP_SPIN) {
		painted(s, r);
		return;
	}
	switch (s->kind & ~(uint64_t)STEP_SYSREGS) {
	case STEP_LOAD:
	case STEP_STORE:
	case STEP_CALL:
		step_memory(s, r);
		break;
	case STEP_ACCESS:
		step_access(s, r);
		break;
	case STEP_READ_DEVICE:
	case STEP_WRITE_DEVICE:
		step_device(s, r);
		break;
	case STEP_PRINT:
		step_print(s);
		break;
	case STEP_PRIVATE:
		step_private(s);
		break;
	case STEP_COPY:
		step_copy(s, data);
		break;
	case STEP_SCAN:
		step_scan(r);
		break;
	case STEP_MRS:
	case STEP_MSR:
		step_sysreg(s, r);
		break;
	case STEP_SWEEP:
	case STEP_SWEEP_ENTRIES:
	case STEP_SWEEP_PAINT:
	case STEP_SWEEP_CHANGED:
	case STEP_SWEEP_RESTORE:
		step_sweep(s, r, data);
		break;
	case STEP_ENTRY:
		step_entry(r);
		break;
	case STEP_SECRET:
		step_secret(s);
		break;
	case STEP_EL0:
		set_trap(r, el0_run(s->a[0] ? el0_smc : el0_hvc, 0, NULL));
		break;
	case STEP_A32:
		set_trap(r,
			 a32_run((enum a32_program)s->a[0], s->a[1], &r->x[0]));
		break;
	case STEP_WALK:
		set_trap(r, try_walk(s->a[0]));
		break;
	case STEP_CPU_ON:
		step_cpu_on(s, r);
		break;
	case STEP_INTERRUPTS:
		step_interrupts(s, r);
		break;
	case STEP_BOOT:
	case STEP_BOOT_2:
	case STEP_FACTS:
	case STEP_BAD_CONFIGURE:
		step_facts(s, r);
		break;
	default:
		step_time(s, r);
	}
}
