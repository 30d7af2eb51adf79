/* SPDX-License-Identifier: BSD-3-Clause */
#include "exception.h"
#include "layout.h"
#include "mmu.h"
#include "sweep.h"
#include "sysreg.h"

#define ALL UINT64_MAX
#define NONE (-1)

/* SCTLR_EL1 */
#define SCTLR_UMA UINT64_C(0x200)
#define SCTLR_DZE UINT64_C(0x4000)
#define SCTLR_UCT UINT64_C(0x8000)
#define SCTLR_TSCXT UINT64_C(0x100000)
#define SCTLR_UCI UINT64_C(0x4000000)
#define SCTLR_ENTP2 (UINT64_C(1) << 60)

#define MRS 0xd5200000
#define MSR 0xd5000000
#define ISB 0xd5033fdf
#define RET 0xd65f03c0
#define SVC 0xd4000001

#define SYS_FIRST SYSREG(1, 0, 0, 0, 0)
#define REGISTERS_FIRST SYSREG(2, 0, 0, 0, 0)
#define REGISTERS_END SYSREG(4, 0, 0, 0, 0)

/*
 * Registers of which this VM survives some bits only: those that may change
 * for the length of a few instructions, and those that may stay so.
 */
static const struct careful {
	uint16_t name;
	uint64_t once, paint;
} careful[] = {
	/* SCTLR_EL1: UCT and UCI; the others decide how this code runs */
	{SYSREG(3, 0, 1, 0, 0), SCTLR_UCT | SCTLR_UCI, SCTLR_UCT | SCTLR_UCI},
	/* CPACR_EL1: TTA; others trap FP/SIMD registers */
	{SYSREG(3, 0, 1, 0, 2), ALL, 0x10000000},
	/* TTBR0_EL1: the ASID, as all entries are global */
	{SYSREG(3, 0, 2, 0, 0), 0xff000000000000, 0xff000000000000},
	/* TCR_EL1: TBI0 */
	{SYSREG(3, 0, 2, 0, 2), 0x2000000000, 0x2000000000},
	/* MAIR_EL1: attributes that are not used */
	{SYSREG(3, 0, 10, 2, 0), ~UINT64_C(0xffff), ~UINT64_C(0xffff)},
	/* SPSel, NZCV: the compiler's */
	{SYSREG(3, 0, 4, 2, 0), ALL, 0},
	{SYSREG(3, 3, 4, 2, 0), ALL, 0},
	/* DAIF: interrupts stay masked */
	{SYSREG(3, 3, 4, 2, 1), 0x340, 0x340},
	/* MDSCR_EL1: TDCC; others arm breakpoints and steps */
	{SYSREG(2, 0, 0, 2, 2), ALL, 0x1000},
	/* CNTP_CTL_EL0, CNTV_CTL_EL0: no interrupt */
	{SYSREG(3, 3, 14, 2, 1), ALL, 2},
	{SYSREG(3, 3, 14, 3, 1), ALL, 2},
	/* PMCR_EL0: nothing is counted, or it would change */
	{SYSREG(3, 3, 9, 12, 0), ALL, 0},
	/* PMCNTENCLR, PMOVSCLR, PMINTENCLR: ones undo what others did */
	{SYSREG(3, 3, 9, 12, 2), ALL, 0},
	{SYSREG(3, 3, 9, 12, 3), ALL, 0},
	{SYSREG(3, 0, 9, 14, 2), ALL, 0},
	/* PMOVSSET_EL0: no write of its own undoes ones */
	{SYSREG(3, 3, 9, 14, 3), 0, 0},
};

/* For each encoding, three pieces of code, each with the operand in x0. */
enum { READ = 0, WRITE = 2, WRITE_AND_BACK = 4, STUB_WORDS = 16 };

/* One CRn at a time. */
#define STUBS 128

static _Alignas(4096) uint32_t stubs[STUBS * STUB_WORDS];
static unsigned int stubs_first;
static uint32_t stubs_end; /* the instruction that leaves; 0: none yet */

/* Where SYS instructions by address may do harm. */
static _Alignas(4096) uint64_t scratch[512];

static struct sweep_entry entries[SWEEP_ENTRIES];
static uint64_t saved[SWEEP_ENTRIES];
static size_t count;
static bool painted; /* saved[] is valid */

static void make_stub(uint32_t *code, unsigned int name, uint32_t end)
{
	uint32_t mrs = MRS | name << 5;
	uint32_t msr = MSR | name << 5;

	code[READ] = mrs;
	code[READ + 1] = end;
	code[WRITE] = msr;
	code[WRITE + 1] = end;
	code[WRITE_AND_BACK] = mrs | 1; /* x1 */
	code[WRITE_AND_BACK + 1] = msr;
	code[WRITE_AND_BACK + 2] = ISB;
	code[WRITE_AND_BACK + 3] = mrs;
	code[WRITE_AND_BACK + 4] = msr | 1;
	code[WRITE_AND_BACK + 5] = ISB;
	code[WRITE_AND_BACK + 6] = end;
}

/* Offset in stubs[] of the code for an encoding. */
static size_t stub(unsigned int name, uint32_t end)
{
	unsigned int first = name - name % STUBS;
	unsigned int i;

	if (first != stubs_first || end != stubs_end) {
		for (i = 0; i < STUBS; i++)
			make_stub(stubs + i * STUB_WORDS, first + i, end);
		mmu_sync_code((uintptr_t)stubs, (uintptr_t)(stubs + i));
		stubs_first = first;
		stubs_end = end;
	}
	return (name - first) * STUB_WORDS;
}

static uint64_t run_el1(const uint32_t *code, uint64_t value)
{
	register uint64_t x0 __asm__("x0") = value;

	__asm__ volatile("blr %1"
			 : "+r"(x0)
			 : "r"(code)
			 : "x1", "x30", "memory", "cc");
	return x0;
}

/* Runs a piece of code; NONE, or its exception as in a sweep_entry. */
static int try(bool el0, unsigned int name, unsigned int what, uint64_t *x0)
{
	size_t offset = stub(name, el0 ? SVC : RET) + what;
	struct trap trap;

	if (el0) {
		trap = el0_run_at(EL0_STUBS + offset * sizeof(stubs[0]), *x0,
				  x0);
		trap.taken = ESR_EC(trap.esr) != EC_SVC;
	} else {
		trap_arm();
		*x0 = run_el1(stubs + offset, *x0);
		trap = trap_take();
	}
	if (!trap.taken)
		return NONE;
	return ESR_EC(trap.esr) == EC_UNKNOWN
		       ? SWEEP_UNDEFINED
		       : (int)(SWEEP_EXCEPTION | ESR_EC(trap.esr));
}

static struct careful careful_of(unsigned int name)
{
	unsigned int i;

	for (i = 0; i < sizeof(careful) / sizeof(careful[0]); i++) {
		if (careful[i].name == name)
			return careful[i];
	}
	return (struct careful){(uint16_t)name, ALL, ALL};
}

static uint8_t classify_read(bool el0, unsigned int name, uint64_t *value)
{
	uint64_t again = 0;
	int exception;

	*value = 0;
	exception = try(el0, name, READ, value);
	if (exception != NONE) {
		*value = 0;
		return (uint8_t)exception;
	}
	try(el0, name, READ, &again);
	if (again != *value)
		return SWEEP_CHANGES;
	return again ? SWEEP_CONSTANT : SWEEP_ZERO;
}

/* Writes zeros and ones to what reads as `value`, and that again. */
static uint8_t classify_register(bool el0, unsigned int name, uint64_t value)
{
	uint64_t mask = careful_of(name).once;
	uint64_t zeros = value & ~mask;
	uint64_t ones = value | mask;
	int exception;

	if (!mask)
		return SWEEP_HELD_BACK;
	exception = try(el0, name, WRITE_AND_BACK, &zeros);
	if (exception == NONE)
		exception = try(el0, name, WRITE_AND_BACK, &ones);
	if (exception != NONE)
		return (uint8_t)exception;
	return zeros == value && ones == value ? SWEEP_IGNORED : SWEEP_KEPT;
}

static uint8_t classify_write(bool el0, unsigned int name,
			      const struct sweep_entry *e)
{
	bool readable = e->read >= SWEEP_ZERO && e->read <= SWEEP_CHANGES;
	uint64_t operand = e->value;
	int exception;

	if (name < REGISTERS_FIRST)
		operand = el0 ? EL0_DATA : (uintptr_t)scratch;
	exception = try(el0, name, WRITE, &operand);
	if (exception != NONE)
		return (uint8_t)exception;
	if (name < REGISTERS_FIRST)
		return SWEEP_DONE;
	if (readable && e->read != SWEEP_CHANGES)
		return classify_register(el0, name, e->value);
	operand = ALL;
	try(el0, name, WRITE, &operand);
	operand = e->value;
	try(el0, name, WRITE, &operand);
	return SWEEP_DONE;
}

/* Writes a register that this VM may not have. */
#define TRY_WRITE(name, value)             \
	do {                               \
		trap_arm();                \
		write_sysreg(name, value); \
		trap_take();               \
	} while (0)

static void open_all(void)
{
	uint64_t sctlr = read_sysreg(sctlr_el1);

	sctlr |= SCTLR_UMA | SCTLR_DZE | SCTLR_UCT | SCTLR_UCI | SCTLR_ENTP2;
	write_sysreg(sctlr_el1, sctlr & ~SCTLR_TSCXT);
	/* FP/SIMD, SVE, SME */
	write_sysreg(cpacr_el1, 0x3330000);
	/* counters and timers, not the event stream */
	write_sysreg(cntkctl_el1, 0x303);
	TRY_WRITE(pmuserenr_el0, 0x1f);
	TRY_WRITE(S3_3_C13_C2_3, 1); /* AMUSERENR_EL0 */
	isb();
	mmu_map_el0((uintptr_t)scratch);
	mmu_map_el0_stubs((uintptr_t)stubs);
}

bool sweep_classify(bool el0)
{
	unsigned int name;

	_Static_assert(sizeof(stubs) == EL0_STUBS_SIZE, "mapped for EL0");
	irq_mask();
	open_all();
	count = 0;
	for (name = SYS_FIRST; name < REGISTERS_END; name++) {
		struct sweep_entry e = {.name = (uint16_t)name};

		if (name >= REGISTERS_FIRST)
			e.read = classify_read(el0, name, &e.value);
		e.write = classify_write(el0, name, &e);
		if (e.read == SWEEP_UNDEFINED && e.write == SWEEP_UNDEFINED)
			continue;
		if (count == SWEEP_ENTRIES)
			return false;
		entries[count++] = e;
	}
	return true;
}

const struct sweep_entry *sweep_entries(size_t *n)
{
	*n = count;
	return entries;
}

static bool stays(const struct sweep_entry *e)
{
	return e->read == SWEEP_ZERO || e->read == SWEEP_CONSTANT;
}

static uint64_t read_now(const struct sweep_entry *e)
{
	uint64_t value = 0;

	try(false, e->name, READ, &value);
	return value;
}

static uint64_t pattern(uint64_t seed, uint64_t name)
{
	uint64_t v = (seed + name) * 0x9e3779b97f4a7c15;

	return v ^ v >> 31;
}

void sweep_paint(uint64_t seed)
{
	size_t i;

	for (i = 0; i < count; i++) {
		uint64_t mask = careful_of(entries[i].name).paint;
		uint64_t value;

		if (!stays(&entries[i]) || entries[i].write != SWEEP_KEPT)
			continue;
		if (!painted)
			saved[i] = read_now(&entries[i]);
		value = (saved[i] & ~mask) |
			(pattern(seed, entries[i].name) & mask);
		if (mask)
			try(false, entries[i].name, WRITE, &value);
	}
	painted = true;
	isb();
	for (i = 0; i < count; i++) {
		if (stays(&entries[i]))
			entries[i].value = read_now(&entries[i]);
	}
}

unsigned int sweep_changed(uint64_t *now, uint64_t *then)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (!stays(&entries[i]))
			continue;
		*now = read_now(&entries[i]);
		*then = entries[i].value;
		if (*now != *then)
			return entries[i].name;
	}
	return 0;
}

void sweep_restore(void)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (stays(&entries[i]) && entries[i].write == SWEEP_KEPT &&
		    careful_of(entries[i].name).paint)
			try(false, entries[i].name, WRITE, &saved[i]);
	}
	painted = false;
	isb();
}
