/* SPDX-License-Identifier: BSD-3-Clause */
/* Attacks that primary and secondary make alike. */
#include "both.h"
#include "attack.h"
#include "mmu.h"
#include "paint.h"
#include "smccc.h"
#include "string.h"
#include "sweep.h"
#include "sysreg.h"
#include "hf/call.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define MSR 0xd5000000
#define MRS 0xd5200000

#define ALL_ONES (~UINT64_C(0))

/* --- registers behind a call --- */

/* Results in x1-x3: text that is the primary's to read. */
static bool gives_bytes(uint64_t fn)
{
	return (uint32_t)fn == HF_CONSOLE_READ || (uint32_t)fn == HF_LOG_READ;
}

/* One call with all registers painted. */
static void painted_call(enum paint_kind kind, uint64_t fn, uint64_t a,
			 uint64_t b, uint64_t c, struct paint *after)
{
	struct paint before;

	paint_fill(&before, random64());
	before.x[0] = fn;
	before.x[1] = a;
	before.x[2] = b;
	before.x[3] = c;
	paint_run(kind, &before, after);
	if (paint_compare(&before, after) & ~PAINT_CALL_RESULTS)
		FAIL("call 0x%lx changes 0x%lx", fn,
		     paint_compare(&before, after));
	if (gives_bytes(fn) && is_primary())
		return;
	if (kind != PAINT_SMC || is_primary())
		if (after->x[1] | after->x[2] | after->x[3])
			FAIL("call 0x%lx: x1-x3 are 0x%lx, 0x%lx, 0x%lx", fn,
			     after->x[1], after->x[2], after->x[3]);
}

static void check_refused(enum paint_kind kind, uint64_t fn, uint64_t a,
			  uint64_t b, uint64_t expected)
{
	struct paint_sysregs sysregs;
	struct paint after;
	uint64_t changed;

	paint_sysregs(&sysregs, random64());
	painted_call(kind, fn, a, b, random64(), &after);
	changed = paint_sysregs_restore(&sysregs);
	if (changed)
		FAIL("call 0x%lx changes %s", fn, paint_sysreg_name(changed));
	if (after.x[0] != expected)
		FAIL("call 0x%lx: 0x%lx", fn, after.x[0]);
}

void results_tell_nothing(void)
{
	static const struct {
		uint64_t fn, a, b, expected;
	} calls[] = {
		{HF_VCPU_RUN, 0xffff, 0, HF_VCPU_WAIT_FOR_INTERRUPT},
		{HF_VCPU_RUN, 0, 0xffff, HF_VCPU_WAIT_FOR_INTERRUPT},
		{HF_VCPU_GET_COUNT, 16, 0, ALL_ONES},
		{HF_VM_CONFIGURE, 0x1000, 0x1000, ALL_ONES},
		{HF_VM_CONFIGURE, ALL_ONES, 1, ALL_ONES},
		{HF_RPC_REQUEST, 0xffff, 8, ALL_ONES},
		{HF_RPC_REQUEST, 0, ALL_ONES, ALL_ONES},
		{HF_RPC_REPLY, ALL_ONES, 1, ALL_ONES},
		{HF_SET_OPTIONS, ALL_ONES, 0, ALL_ONES},
		{HF_VM_GET_STATE, 0xffff, 2, ALL_ONES},
		{HF_LOG_READ + 1, 1, 2, ALL_ONES},
		{ALL_ONES, 1, 2, ALL_ONES},
		{PSCI_CPU_ON_64, 0xdead, 0x1000, ALL_ONES - 1},
	};
	unsigned int round, i;

	for (round = 0; round < 10; round++)
		for (i = 0; i < COUNT(calls) && !test_over(); i++) {
			check_refused(PAINT_HVC, calls[i].fn, calls[i].a,
				      calls[i].b, calls[i].expected);
			check_refused(PAINT_HVC_OTHER, calls[i].fn, calls[i].a,
				      calls[i].b, ALL_ONES);
		}
}

/* --- instructions --- */

/* All of TLBI, by op1 and CRn: 9 is that of FEAT_XS. */
static void flush(unsigned int op1, unsigned int crn)
{
	unsigned int i;

	for (i = 0; i < 16 * 8 && !test_over(); i++) {
		uint32_t word =
			MSR | (uint32_t)SYSREG(1, op1, crn, i / 8, i % 8) << 5;
		uint64_t x0 = random64();
		struct trap trap = execute(word, &x0);

		if (op1 || trap.taken)
			check_undefined(trap, word);
	}
}

void translations_flushed(void)
{
	unsigned int crn;

	for (crn = 8; crn <= 9; crn++) {
		meet();
		flush(0, crn);
		flush(4, crn);
		flush(6, crn);
	}
}

/* What an attacker would give for one write to. */
static const uint32_t el2_names[] = {
	SYSREG(3, 4, 1, 1, 0),	 /* HCR_EL2 */
	SYSREG(3, 4, 1, 0, 0),	 /* SCTLR_EL2 */
	SYSREG(3, 4, 1, 1, 1),	 /* MDCR_EL2 */
	SYSREG(3, 4, 1, 1, 2),	 /* CPTR_EL2 */
	SYSREG(3, 4, 2, 0, 0),	 /* TTBR0_EL2 */
	SYSREG(3, 4, 2, 1, 0),	 /* VTTBR_EL2 */
	SYSREG(3, 4, 2, 1, 2),	 /* VTCR_EL2 */
	SYSREG(3, 4, 4, 0, 0),	 /* SPSR_EL2 */
	SYSREG(3, 4, 4, 0, 1),	 /* ELR_EL2 */
	SYSREG(3, 4, 4, 1, 0),	 /* SP_EL1 */
	SYSREG(3, 4, 6, 0, 4),	 /* HPFAR_EL2 */
	SYSREG(3, 4, 12, 0, 0),	 /* VBAR_EL2 */
	SYSREG(3, 4, 12, 9, 5),	 /* ICC_SRE_EL2 */
	SYSREG(3, 4, 12, 11, 0), /* ICH_HCR_EL2 */
	SYSREG(3, 4, 12, 12, 0), /* ICH_LR0_EL2 */
	SYSREG(3, 4, 13, 0, 2),	 /* TPIDR_EL2 */
	SYSREG(3, 4, 14, 0, 3),	 /* CNTVOFF_EL2 */
	SYSREG(3, 4, 14, 1, 0),	 /* CNTHCTL_EL2 */
	SYSREG(3, 4, 14, 2, 1),	 /* CNTHP_CTL_EL2 */
	SYSREG(3, 5, 1, 0, 0),	 /* SCTLR_EL12 */
	SYSREG(3, 5, 12, 0, 0),	 /* VBAR_EL12 */
	SYSREG(3, 5, 14, 3, 1),	 /* CNTV_CTL_EL02 */
	SYSREG(3, 6, 1, 1, 0),	 /* SCR_EL3 */
	SYSREG(3, 6, 12, 0, 0),	 /* VBAR_EL3 */
};

void el2_registers(void)
{
	const uint64_t values[] = {0, (uintptr_t)code_room(1),
				   UINT64_C(1) << 31, random64()};
	unsigned int i, k;

	for (i = 0; i < COUNT(el2_names); i++) {
		uint64_t x0 = 0;

		for (k = 0; k < COUNT(values) && !test_over(); k++) {
			x0 = values[k];
			check_undefined(execute(MSR | el2_names[i] << 5, &x0),
					MSR | el2_names[i] << 5);
		}
		x0 = 0x5e7;
		check_undefined(execute(MRS | el2_names[i] << 5, &x0),
				MRS | el2_names[i] << 5);
		if (x0 != 0x5e7)
			FAIL("register 0x%x left 0x%lx", el2_names[i], x0);
	}
}

#define CPACR_SVE_SME 0x3030000

void hidden_features(void)
{
	static const uint32_t words[] = {
		0x04bf5020, /* RDVL x0, #1 */
		0x2518e3e0, /* PTRUE p0.b */
		0x85804000, /* LDR z0, [x0] */
		0x04bf5820, /* RDSVL x0, #1 */
		0xd503437f, /* SMSTART SM */
		0xd503457f, /* SMSTART ZA */
		0xf83fd000, /* LD64B x0, [x0] */
		0xd5233060, /* TSTART x0 */
	};
	uint64_t cpacr = read_sysreg(cpacr_el1);
	unsigned int i;

	/* What EL1 can allow is allowed. */
	write_sysreg(cpacr_el1, cpacr | CPACR_SVE_SME);
	isb();
	for (i = 0; i < COUNT(words) && !test_over(); i++) {
		uint64_t x0 = (uintptr_t)code_room(1);

		check_undefined(execute(words[i], &x0), words[i]);
	}
	write_sysreg(cpacr_el1, cpacr);
	isb();
}

/* Set/way and whole caches, of every level that there could be. */
void set_way(void)
{
	static const uint32_t names[] = {
		SYSREG(1, 0, 7, 6, 2),	/* DC ISW */
		SYSREG(1, 0, 7, 10, 2), /* DC CSW */
		SYSREG(1, 0, 7, 14, 2), /* DC CISW */
		SYSREG(1, 0, 7, 1, 0),	/* IC IALLUIS */
		SYSREG(1, 0, 7, 5, 0),	/* IC IALLU */
	};
	unsigned int i;

	meet();
	for (i = 0; i < 500 && !test_over(); i++) {
		uint64_t x0 = random64() & 0xfffffffe;
		struct trap trap =
			execute(MSR | names[i % COUNT(names)] << 5, &x0);

		if (trap.taken)
			FAIL("ESR 0x%lx", trap.esr);
	}
}

/* --- returns --- */

static struct trap eret_to(uint64_t spsr)
{
	trap_arm();
	__asm__ volatile("adr x9, 1f\n\t"
			 "msr elr_el1, x9\n\t"
			 "msr spsr_el1, %0\n\t"
			 "isb\n\t"
			 "eret\n"
			 "1:\tnop" ::"r"(spsr)
			 : "x9", "memory", "cc");
	return trap_take();
}

#define SPSR_MASKED 0x3c0
#define SPSR_IL (UINT64_C(1) << 20)
#define SPSR_FLAGS UINT64_C(0xf1000000) /* NZCV, DIT */

void returns_to_el2(void)
{
	unsigned int round, mode;

	for (round = 0; round < 20; round++)
		for (mode = 0; mode < 32 && !test_over(); mode++) {
			uint64_t spsr =
				mode | SPSR_MASKED | (random64() & SPSR_FLAGS);
			struct trap trap;

			/* EL0t, EL1t, EL1h, User: legal, but for PSTATE.IL. */
			if (mode == 0 || mode == 4 || mode == 16)
				continue;
			if (mode == 5)
				spsr |= SPSR_IL;
			trap = eret_to(spsr);
			if (!trap.taken || ESR_EC(trap.esr) != EC_ILLEGAL_STATE)
				FAIL("SPSR 0x%lx: ESR 0x%lx", spsr, trap.esr);
			if (read_sysreg(currentel) != 4)
				FAIL("not at EL1 any more");
		}
}

/* --- stage 1 and its control --- */

/* clang-format off */
#define FOR_CONTROL(R)  \
	R("tcr_el1", "x5")   \
	R("ttbr0_el1", "x6") \
	R("ttbr1_el1", "x7") \
	R("mair_el1", "x8")  \
	R("vbar_el1", "x9")  \
	R("cpacr_el1", "x10")
#define SWAP(name, x) \
	"mrs x12, " name "\n\tmsr " name ", " x "\n\tmov " x ", x12\n\t"
#define GIVE_BACK(name, x) "msr " name ", " x "\n\t"

/*
 * MMU off, garbage in EL1's registers of control, a call, and everything back;
 * nothing but registers is used meanwhile.
 */
static uint64_t call_with_garbage(const uint64_t g[7], uint64_t fn)
{
	register uint64_t x0 __asm__("x0") = fn;
	register uint64_t x4 __asm__("x4") = g[0] & ~UINT64_C(1);
	register uint64_t x5 __asm__("x5") = g[1];
	register uint64_t x6 __asm__("x6") = g[2];
	register uint64_t x7 __asm__("x7") = g[3];
	register uint64_t x8 __asm__("x8") = g[4];
	register uint64_t x9 __asm__("x9") = g[5];
	register uint64_t x10 __asm__("x10") = g[6];

	__asm__ volatile(
		"mrs x11, sctlr_el1\n\tmsr sctlr_el1, x4\n\tisb\n\t" /* off */
		FOR_CONTROL(SWAP)
		"isb\n\thvc #0\n\t"
		FOR_CONTROL(GIVE_BACK)
		"isb\n\ttlbi vmalle1\n\tdsb nsh\n\t"
		"msr sctlr_el1, x11\n\tisb"
		: "+r"(x0), "+r"(x4), "+r"(x5), "+r"(x6), "+r"(x7), "+r"(x8),
		  "+r"(x9), "+r"(x10)
		:
		: "x1", "x2", "x3", "x11", "x12", "memory", "cc");
	return x0;
}
/* clang-format on */

void control_garbage(void)
{
	uint64_t count = (uint64_t)hf_vm_get_count();
	uint64_t garbage[7];
	unsigned int i, k;

	for (i = 0; i < 200 && !test_over(); i++) {
		for (k = 0; k < COUNT(garbage); k++)
			garbage[k] = i & 1 << k ? random64() : ALL_ONES;
		CHECK_EQ(call_with_garbage(garbage, HF_VM_GET_COUNT), count);
		CHECK_EQ(call_with_garbage(garbage, HF_RPC_REPLY + 0x100),
			 ALL_ONES);
		CHECK_EQ(call_with_garbage(garbage, PSCI_VERSION), 0x10001);
	}
}

/* --- calls --- */

/* PSCI functions that end something. */
static bool ends_something(uint32_t fn)
{
	uint32_t number = fn & 0x1f;

	return (fn & 0xbfffffe0) == 0x84000000 &&
	       (number == 1 || number == 2 || number == 3 || number == 8 ||
		number == 9);
}

/* What is answered by an SMC of the primary. */
static bool is_answered(uint32_t fn)
{
	return (fn & 0xbfffffe0) == 0x84000000 || fn == SMCCC_VERSION ||
	       fn == SMCCC_ARCH_FEATURES || fn == SMCCC_ARCH_SOC_ID ||
	       fn == SMCCC_ARCH_WORKAROUND_1 || fn == SMCCC_ARCH_WORKAROUND_2 ||
	       fn == SMCCC_ARCH_WORKAROUND_3 || fn == HF_SMCCC_VENDOR_HYP_UID ||
	       fn == HF_SMCCC_VENDOR_HYP_REVISION;
}

static void try_smc(uint32_t fn)
{
	struct smccc_result r;

	/* A secondary may try: none of it may happen. */
	if (is_primary() && (ends_something(fn) || is_answered(fn)))
		return;
	r = smccc_smc(fn, random64(), random64(), random64());
	if (r.x[0] != ALL_ONES)
		FAIL("SMC 0x%x: 0x%lx", fn, r.x[0]);
}

void smc_numbers(void)
{
	static const uint16_t numbers[] = {
		0,	1,	2,	3,	4,	5,
		8,	9,	0xa,	0x14,	0x3fff, 0x7fff,
		0x8000, 0xff00, 0xff01, 0xff03, 0xff05, 0xffff};
	uint32_t kind, owner;
	unsigned int i;

	/* Fast or not, 64 bits or not. */
	for (kind = 0; kind < 4; kind++)
		for (owner = 0; owner < 64 && !test_over(); owner++)
			for (i = 0; i < COUNT(numbers); i++)
				try_smc(kind << 30 | owner << 24 | numbers[i]);
}

#define IMMEDIATES 65536
#define IMMEDIATES_AT_ONCE 512
#define MOVZ_X0(value) (0xd2800000 | ((value)&0xffff) << 5)
#define MOVK_X0_16(value) (0xf2a00000 | ((value) >> 16) << 5)
#define HVC(immediate) (0xd4000002 | (uint32_t)(immediate) << 5)
#define ADD_X9_X9_X0 0x8b000129
#define RET 0xd65f03c0

/* The sum of what call `fn` by `n` immediates from `first` on returns. */
static uint64_t sum_of_immediates(uint32_t fn, uint32_t first, uint32_t n)
{
	uint32_t *at = code_room(4 * n + 1);
	register uint64_t x9 __asm__("x9");
	uint32_t i;

	for (i = 0; i < n; i++) {
		at[4 * i] = MOVZ_X0(fn);
		at[4 * i + 1] = MOVK_X0_16(fn);
		at[4 * i + 2] = HVC(first + i);
		at[4 * i + 3] = ADD_X9_X9_X0;
	}
	at[4 * n] = RET;
	mmu_sync_code((uintptr_t)at, (uintptr_t)(at + 4 * n + 1));
	__asm__ volatile("mov x9, #0\n\tblr %1"
			 : "=&r"(x9)
			 : "r"(at)
			 : "x0", "x1", "x2", "x3", "x30", "memory", "cc");
	return x9;
}

/* A quarter of all, others in each run: a call of ours, and one of PSCI. */
void hvc_immediates(void)
{
	uint64_t count = (uint64_t)hf_vm_get_count();
	uint32_t first = (me() * 4 + random64() % 4) * IMMEDIATES_AT_ONCE;

	for (; first < IMMEDIATES && !test_over();
	     first += us() * 4 * IMMEDIATES_AT_ONCE) {
		bool ours = random64() & 1;
		uint64_t expected = 0 - (uint64_t)IMMEDIATES_AT_ONCE;

		if (!first)
			expected += 1 + (ours ? count : 0x10001);
		CHECK_EQ(
			sum_of_immediates(ours ? HF_VM_GET_COUNT : PSCI_VERSION,
					  first, IMMEDIATES_AT_ONCE),
			expected);
	}
}

static uint64_t random_argument(void)
{
	static const uint64_t edges[] = {
		0, 1, 2, 4096, 0xfff, 0x1001, SECONDARY_RAM, ALL_ONES};
	uint64_t r = random64();

	switch (r >> 60 & 3) {
	case 0:
		return edges[r % COUNT(edges)];
	case 1:
		return UINT64_C(1) << (r & 63);
	case 2:
		return r & 0x1f;
	default:
		return r;
	}
}

static uint32_t random_function(void)
{
	uint64_t r = random64();

	switch (r >> 60 & 3) {
	case 0:
		return 0x84000000 | (r & 0x4000001f);
	case 1:
		return (uint32_t)r;
	default:
		return HF_VCPU_RUN | (r & 0xf);
	}
}

static void random_call(void)
{
	uint32_t fn = random_function();
	uint64_t a = random_argument();
	struct paint after;

	/* The primary may stop any VM. */
	if (ends_something(fn) || fn == HF_SMCCC_VENDOR_HYP_UID ||
	    fn == HF_VM_STOP)
		return;
	/* Nobody would send what a blocking read waits for. */
	if (fn == HF_RPC_READ_REQUEST)
		a = 0;
	before_random_call();
	painted_call(PAINT_HVC, (random64() << 32) | fn, a, random_argument(),
		     random_argument(), &after);
	after_random_call();
}

void random_calls(void)
{
	unsigned int i;

	meet();
	for (i = 0; i < 1500 && !test_over(); i++)
		random_call();
}

/* --- debug --- */

#define MDSCR_ALL 0xa001      /* MDE, KDE, SS */
#define BREAKPOINT_ALL 0x21e7 /* every level */
#define WATCHPOINT_ALL 0x1f003fff

static void write_debug(unsigned int crm, unsigned int op2, uint64_t value)
{
	struct trap trap =
		execute(MSR | (uint32_t)SYSREG(2, 0, 0, crm, op2) << 5, &value);

	if (trap.taken && ESR_EC(trap.esr) != EC_UNKNOWN)
		FAIL("debug register %u, %u: ESR 0x%lx", crm, op2, trap.esr);
}

static void set_all_debug(uint64_t breakpoint, uint64_t watchpoint)
{
	unsigned int i;

	for (i = 0; i < 16 && !test_over(); i++) {
		write_debug(i, 4, (uintptr_t)code_room(1));
		write_debug(i, 5, breakpoint);
		write_debug(i, 6, i & 1 ? 0x800000000000 : 0);
		write_debug(i, 7, watchpoint);
	}
}

static void arm_everything(void)
{
	/* The attacker itself keeps PSTATE.D set. */
	__asm__ volatile("msr daifset, #8" ::: "memory");
	set_all_debug(BREAKPOINT_ALL, WATCHPOINT_ALL);
	write_debug(2, 2, MDSCR_ALL);
	isb();
}

static void disarm_everything(void)
{
	write_debug(2, 2, 0);
	set_all_debug(0, 0);
	isb();
}

void debug_armed(void)
{
	uint64_t count = (uint64_t)hf_vm_get_count();
	unsigned int i;

	arm_everything();
	for (i = 0; i < 20 && !test_over(); i++) {
		CHECK_EQ(hf_vm_get_count(), count);
		CHECK_EQ(smccc_smc(HF_VCPU_RUN, 0, 0, 0).x[0], ALL_ONES);
	}
	run_the_victim();
	disarm_everything();
}
