/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * src/arch/aarch64/trap.c, sysreg_trap.c and inject.c: exceptions that guests
 * cause, among them those that QEMU has no way to cause.
 */
#include "regs.h"
#include "unit.h"

#include "arch_internal.h"
#include "hf/abi.h"
#include "life.h"
#include "trap.h"
#include "vcpu.h"
#include "vgic.h"
#include "vm.h"

#define PC UINT64_C(0x40001000)
#define VBAR UINT64_C(0x40002000)
#define EL0 UINT64_C(0)
#define EL1H UINT64_C(5)
#define AARCH32_USER UINT64_C(0x10)

/* ESR_EL2 */
#define IL BIT(25)
#define SYNDROME(class) ((uint64_t)(class) << 26 | IL)
#define WFX 0x01
#define CP15 0x03
#define SMC64 0x17
#define SYSREG 0x18
#define IABT 0x20
#define DABT 0x24
#define SVE 0x19

/* --- what the three files need of others --- */

struct board board;

static unsigned int lines, fp_traps, polls;
static char said[2000]; /* all lines */
static uint64_t wait_ns;
static jmp_buf away;
static const struct vcpu *stopped;

void log_guest(struct log_limit *limit, const char *format, ...)
{
	size_t length = strlen(said);
	va_list args;

	va_start(args, format);
	vsnprintf(said + length, sizeof(said) - length, format, args);
	va_end(args);
	strcat(said, "\n");
	lines++;
}

uint64_t panic_culprit;

void panic_stop(const struct vcpu *v)
{
	stopped = v;
	longjmp(away, 1);
}

void panic(const char *format, ...)
{
	printf("not ok trap: panic\n");
	exit(1);
}

size_t log_print(char *out, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(out, size, format, args);
	va_end(args);
	return strlen(out);
}

/* How many pieces of memory are still to be loaded. */
static unsigned int pieces;

bool life_load(struct vm *vm)
{
	if (!pieces)
		return false;
	pieces--;
	return true;
}

bool manage_call(uint64_t x[4])
{
	return false;
}

/* Emulated registers are unit/mmio's. */
bool vdev_access(struct vcpu *v, uint64_t esr)
{
	return false;
}

uint64_t vdev_exit(const struct vcpu *v)
{
	return 0;
}

void smmu_poll(bool now)
{
	CHECK(!now);
	polls++;
}

void fp_trap(struct vcpu *vcpu)
{
	fp_traps++;
}

void smccc_primary(struct vcpu *vcpu)
{
}

uint64_t smccc_secondary(struct vcpu *vcpu)
{
	return 0;
}

struct cpu_features features;

bool gic_access(struct vcpu *v, uint64_t esr)
{
	return false;
}

static bool fired;

uint64_t timer_wait_ns(struct vcpu *vcpu, bool *has_fired)
{
	*has_fired = fired;
	return wait_ns;
}

static struct {
	enum vgic_answer answer; /* to an access to a system register */
	uint64_t value;		 /* that it reads, or that was written */
	bool may_wait, ours;
	bool quick; /* an access or SGI that takes the short way */
	unsigned int quick_accesses, quick_sgis;
	unsigned int op2;
} gic;

void timer_sysreg(struct vcpu *v, unsigned int op2, bool is_read,
		  uint64_t *value)
{
	gic.op2 = op2;
	if (is_read)
		*value = gic.value;
	else
		gic.value = *value;
}

enum vgic_answer vgic_sysreg(struct vcpu *v, unsigned int crm, unsigned int op2,
			     bool is_read, uint64_t *value)
{
	timer_sysreg(v, op2, is_read, value);
	return gic.answer;
}

bool vgic_may_wait(struct vcpu *v)
{
	return gic.may_wait;
}

bool vgic_interrupt(struct vcpu *v)
{
	return gic.ours;
}

uint64_t vgic_next_wake(struct vcpu *v)
{
	v->arch.vgic.tell = 0;
	return vcpu_exit(EXIT_WAKE, 3);
}

bool vgic_quick_access(struct vcpu *v, uint64_t esr)
{
	gic.quick_accesses++;
	return gic.quick;
}

bool vgic_quick_sgi(struct vcpu *v, uint64_t esr)
{
	gic.quick_sgis++;
	return gic.quick;
}

/* --- a guest at PC --- */

static struct vm vm;
static struct vcpu vcpu;

static void start(uint64_t pstate)
{
	regs_reset();
	memset(&vm, 0, sizeof(vm));
	memset(&vcpu, 0, sizeof(vcpu));
	vcpu.vm = &vm;
	lines = fp_traps = polls = 0;
	said[0] = '\0';
	wait_ns = 0;
	fired = false;
	memset(&gic, 0, sizeof(gic));
	for (unsigned int i = 0; i < 31; i++)
		vcpu.arch.x[i] = 100 + i;
	vcpu.arch.pc = 0x5ec0;
	regs_set("elr_el2", PC);
	regs_set("spsr_el2", pstate);
	regs_set("vbar_el1", VBAR);
}

static uint64_t trap(uint64_t esr, bool primary)
{
	regs_set("esr_el2", esr);
	if (!primary)
		return trap_secondary(&vcpu);
	trap_primary(&vcpu);
	return 0;
}

/* The guest is at its own handler, with this syndrome. */
static void check_injected(uint64_t offset, uint64_t esr, uint64_t pstate)
{
	CHECK_EQ(regs_read("elr_el2"), VBAR + offset);
	CHECK_EQ(regs_read("elr_el1"), PC);
	CHECK_EQ(regs_read("esr_el1"), esr);
	CHECK_EQ(regs_read("spsr_el1"), pstate);
	CHECK_EQ(regs_read("spsr_el2") & 0x3df, 0x3c5); /* EL1h, masked */
}

/* --- what is not expected is an undefined instruction in the guest --- */

TEST(unexpected_is_undefined)
{
	for (unsigned int class = 0; class < 64; class ++)
		for (unsigned int primary = 0; primary < 2; primary++) {
			bool known = class == WFX || class == 0x07 ||
				     class == 0x16 || class == SMC64 ||
				     class == SYSREG || class == IABT ||
				     class == DABT;

			if (known && !(class == WFX && primary))
				continue;
			start(EL1H);
			CHECK_EQ(trap(SYNDROME(class), primary), 0);
			check_injected(0x200, IL, EL1H);
			CHECK_EQ(lines, 0);
		}
}

/* Offsets in the guest's vector table by where it was. */
TEST(vector_offsets)
{
	static const struct {
		uint64_t pstate, offset;
	} rows[] = {{EL0, 0x400},	   {4, 0x000},		{EL1H, 0x200},
		    {AARCH32_USER, 0x600}, {0x600f0030, 0x600}, /* Thumb, in an
								   IT block */
		    {0xf00003c5, 0x200}};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start(rows[i].pstate);
		CHECK_EQ(trap(SYNDROME(SVE), false), 0);
		check_injected(rows[i].offset, IL, rows[i].pstate);
		/* Coprocessor accesses of AArch32 at EL0 */
		start(AARCH32_USER);
		CHECK_EQ(trap(SYNDROME(CP15), i & 1), 0);
		check_injected(0x600, IL, AARCH32_USER);
	}
}

/* --- stepping over --- */

TEST(skip_a64)
{
	start(EL1H | BIT(21) | BIT(10)); /* SS, BTYPE */
	skip_instruction(SYNDROME(SYSREG));
	CHECK_EQ(regs_read("elr_el2"), PC + 4);
	CHECK_EQ(regs_read("spsr_el2"), EL1H);
}

/* ITSTATE 7:2 is in SPSR[15:10], 1:0 in [26:25]. */
static uint64_t with_it(uint64_t it)
{
	return AARCH32_USER | BIT(5) | it >> 2 << 10 | (it & 3) << 25;
}

TEST(skip_thumb)
{
	/* Two instructions of a block of four, then its last one. */
	start(with_it(0x0f));
	skip_instruction((uint64_t)WFX << 26);
	CHECK_EQ(regs_read("elr_el2"), PC + 2);
	CHECK_EQ(regs_read("spsr_el2"), with_it(0x1e));
	start(with_it(0xe8));
	skip_instruction((uint64_t)WFX << 26);
	CHECK_EQ(regs_read("spsr_el2"), with_it(0));
}

TEST(wfi)
{
	start(EL1H);
	wait_ns = 77;
	CHECK_EQ(trap(SYNDROME(WFX), false), vcpu_exit(EXIT_WFI, 77));
	CHECK_EQ(regs_read("elr_el2"), PC + 4);
	/* A WFE goes on at once. */
	start(EL1H);
	CHECK_EQ(trap(SYNDROME(WFX) | 1, false), 0);
	CHECK_EQ(regs_read("elr_el2"), PC + 4);
	CHECK_EQ(lines, 0);
}

/* A timer that has fired ends the wait, with or without an interrupt. */
TEST(wfi_ends)
{
	start(EL1H);
	fired = true;
	CHECK_EQ(trap(SYNDROME(WFX), false), 0);
	CHECK_EQ(regs_read("elr_el2"), PC + 4);
	/* Whoever has an interrupt controller waits for an interrupt. */
	vm.arch.vgic.used = gic.may_wait = true;
	CHECK_EQ(trap(SYNDROME(WFX), false), vcpu_exit(EXIT_WFI, 0));
	gic.may_wait = false;
	CHECK_EQ(trap(SYNDROME(WFX), false), 0);
}

/* An interrupt that is not for the vCPU is the primary's. */
TEST(interrupt)
{
	start(EL1H);
	gic.ours = true;
	CHECK_EQ(trap_secondary_interrupt(&vcpu), vcpu_exit(EXIT_INTERRUPT, 0));
	vcpu.arch.vgic.loaded = true;
	CHECK_EQ(trap_secondary_interrupt(&vcpu), 0);
	gic.ours = false;
	CHECK_EQ(trap_secondary_interrupt(&vcpu), vcpu_exit(EXIT_INTERRUPT, 0));
	gic.ours = true;
	vcpu.arch.vgic.tell = 8;
	CHECK_EQ(trap_secondary_interrupt(&vcpu), vcpu_exit(EXIT_WAKE, 3));
	/* What a trap did for others is told, unless the vCPU leaves for more.
	 */
	vcpu.arch.vgic.tell = 8;
	CHECK_EQ(trap(SYNDROME(SMC64), false), vcpu_exit(EXIT_WAKE, 3));
	vcpu.arch.vgic.tell = 8;
	CHECK_EQ(trap(SYNDROME(WFX), false), vcpu_exit(EXIT_WFI, 0));
}

/* --- SMC --- */

TEST(smc)
{
	start(EL1H);
	CHECK_EQ(trap(SYNDROME(SMC64), false), 0);
	CHECK_EQ(vcpu.arch.x[0], ~UINT64_C(0));
	CHECK_EQ(regs_read("elr_el2"), PC + 4);
	CHECK_EQ(regs_count("smc"), 0);
	CHECK_EQ(lines, 0);
}

/* --- system registers --- */

static uint64_t sysreg(unsigned int op0, unsigned int op1, unsigned int crn,
		       unsigned int crm, unsigned int op2, unsigned int rt)
{
	return SYNDROME(SYSREG) | op0 << 20 | op2 << 17 | op1 << 14 |
	       crn << 10 | rt << 5 | crm << 1;
}

#define READ 1u
#define PMCR(rt) sysreg(3, 3, 9, 12, 0, rt)
#define CNTP_CVAL(rt) sysreg(3, 3, 14, 2, 2, rt)
#define ICC_PMR(rt) sysreg(3, 0, 4, 6, 0, rt)
#define ICC_SGI1R(rt) sysreg(3, 0, 12, 11, 5, rt)
#define ICC_SRE(rt) sysreg(3, 0, 12, 12, 5, rt)
#define ID_AA64PFR0(rt) sysreg(3, 0, 0, 4, 0, rt)

static void check_regs_but(unsigned int changed)
{
	for (unsigned int i = 0; i < 31; i++)
		if (i != changed)
			CHECK_EQ(vcpu.arch.x[i], 100 + i);
	CHECK_EQ(vcpu.arch.pc, 0x5ec0);
}

/* Every register may be Rt; 31 is XZR, not what follows x30. */
TEST(sysreg_rt)
{
	for (unsigned int rt = 0; rt < 32; rt++) {
		start(EL1H);
		CHECK_EQ(trap(PMCR(rt) | READ, false), 0);
		check_regs_but(rt);
		if (rt < 31)
			CHECK_EQ(vcpu.arch.x[rt], 0);
		CHECK_EQ(regs_read("elr_el2"), PC + 4);
		start(EL1H);
		CHECK_EQ(trap(PMCR(rt), false), 0);
		check_regs_but(32);
		CHECK_EQ(regs_read("elr_el2"), PC + 4);
	}
}

/* Those that others emulate: read, written, XZR. */
TEST(emulated_sysregs)
{
	start(EL1H);
	gic.value = 77;
	CHECK_EQ(trap(CNTP_CVAL(3) | READ, false), 0);
	CHECK_EQ(vcpu.arch.x[3], 77);
	CHECK_EQ(gic.op2, 2);
	CHECK_EQ(trap(CNTP_CVAL(4), false), 0);
	CHECK_EQ(gic.value, 104);
	CHECK_EQ(trap(CNTP_CVAL(31), false), 0);
	CHECK_EQ(gic.value, 0);
	CHECK_EQ(regs_read("elr_el2"), PC + 12);

	start(EL1H);
	gic.answer = VGIC_RETRY;
	CHECK_EQ(trap(ICC_PMR(5) | READ, false), 0);
	check_regs_but(32);
	CHECK_EQ(regs_read("elr_el2"), PC);
	gic.answer = VGIC_DONE;
	CHECK_EQ(trap(ICC_SGI1R(6), false), 0);
	CHECK_EQ(gic.value, 106);
	CHECK_EQ(gic.op2, 5);
	CHECK_EQ(regs_read("elr_el2"), PC + 4);
}

/* QEMU does not trap it. To the primary it is a constant: 7. */
TEST(system_register_enable)
{
	start(EL1H);
	gic.value = 77;
	trap(ICC_SRE(3) | READ, true);
	CHECK_EQ(vcpu.arch.x[3], 7);
	trap(ICC_SRE(4), true);
	CHECK_EQ(gic.value, 77);
	CHECK_EQ(regs_read("elr_el2"), PC + 8);
	/* A secondary's is its interrupt controller's. */
	gic.answer = VGIC_DONE;
	CHECK_EQ(trap(ICC_SRE(5) | READ, false), 0);
	CHECK_EQ(vcpu.arch.x[5], 77);
	CHECK_EQ(gic.op2, 5);
}

/* --- the short ways of the virtual interrupt controller --- */

/* PSTATE.SS is bit 21, BTYPE bits 11:10. */
#define STEPPED (EL1H | BIT(21) | BIT(10))

static void try_quick(uint64_t pstate, bool loaded, bool quick, uint64_t esr)
{
	start(pstate);
	vcpu.arch.vgic.loaded = loaded;
	vcpu.arch.vgic.tell = 8;
	gic.quick = quick;
	CHECK_EQ(trap(esr, false), vcpu_exit(EXIT_WAKE, 3));
}

/* The guest is behind the instruction, and others are told. */
TEST(quick)
{
	try_quick(STEPPED, true, true, SYNDROME(DABT));
	CHECK_EQ(gic.quick_accesses, 1);
	CHECK_EQ(regs_read("elr_el2"), PC + 4);
	CHECK_EQ(regs_read("spsr_el2"), EL1H);
	check_regs_but(32);
	try_quick(STEPPED, true, true, ICC_SGI1R(6));
	CHECK_EQ(gic.quick_sgis, 1);
	CHECK_EQ(gic.value, 0);
	CHECK_EQ(regs_read("elr_el2"), PC + 4);
	CHECK_EQ(regs_read("spsr_el2"), EL1H);
	/* It is not so simple. */
	start(EL1H);
	vcpu.arch.vgic.loaded = true;
	gic.answer = VGIC_DONE;
	CHECK_EQ(trap(ICC_SGI1R(6), false), 0);
	CHECK_EQ(gic.quick_sgis, 1);
	CHECK_EQ(gic.value, 106);
	CHECK_EQ(regs_read("elr_el2"), PC + 4);
}

/* Not in AArch32, where a condition may fail; nor what another CPU has; nor
 * the primary's. */
TEST(not_quick)
{
	try_quick(EL1H, false, true, ICC_SGI1R(6));
	CHECK_EQ(gic.quick_sgis, 0);
	try_quick(BIT(4), true, true, ICC_SGI1R(6));
	CHECK_EQ(gic.quick_sgis, 0);
	try_quick(EL1H, true, true, SYNDROME(SMC64));
	start(EL1H);
	vcpu.arch.vgic.loaded = gic.quick = true;
	trap(SYNDROME(DABT), true);
	trap(ICC_SGI1R(6), true);
	CHECK_EQ(gic.quick_sgis + gic.quick_accesses, 0);
}

/* --- ID registers --- */

TEST(id_registers)
{
	start(EL1H);
	regs_set("s3_0_c0_c4_0", 0x1111111111111111);
	idregs_init();
	CHECK_EQ(trap(ID_AA64PFR0(5) | READ, false), 0);
	CHECK_EQ(vcpu.arch.x[5], idreg_value(4, 0, false));
	CHECK_EQ(trap(ID_AA64PFR0(6) | READ, true), 0);
	CHECK_EQ(vcpu.arch.x[6], idreg_value(4, 0, true));
	CHECK(vcpu.arch.x[5] != vcpu.arch.x[6]);
	/* No one writes them. */
	start(EL1H);
	CHECK_EQ(trap(ID_AA64PFR0(5), false), 0);
	check_injected(0x200, IL, EL1H);
}

/* LORC_EL1, GMID_EL1, ERRIDR_EL1, PMSCR_EL1, MPAM1, ICC_PMR_EL1 */
TEST(unknown_sysregs)
{
	const uint64_t names[] = {
		sysreg(3, 0, 10, 4, 3, 1), sysreg(3, 1, 0, 0, 4, 1),
		sysreg(3, 0, 5, 3, 0, 1),  sysreg(3, 0, 9, 9, 0, 1),
		sysreg(3, 0, 10, 5, 0, 1), sysreg(3, 0, 4, 6, 0, 1)};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		start(EL1H);
		CHECK_EQ(trap(names[i] | READ, false), 0);
		check_injected(0x200, IL, EL1H);
		check_regs_but(32);
		CHECK_EQ(lines, 0);
	}
}

/* --- aborts --- */

#define TRANSLATION_3 0x07u
#define EXTERNAL 0x10u
#define ISV BIT(24)

/* By address: most aborts come without a syndrome of the access (ISV). */
TEST(abort_without_syndrome)
{
	static const unsigned int classes[] = {IABT, DABT};

	for (unsigned int i = 0; i < 4; i++) {
		start(EL1H);
		regs_set("hpfar_el2", UINT64_C(0x40200000) >> 8);
		CHECK_EQ(trap(SYNDROME(classes[i & 1]) | TRANSLATION_3 |
				      (i & 2 ? ISV : 0),
			      false),
			 vcpu_exit(EXIT_ABORT, HF_ABORT_MEMORY_ACCESS));
		CHECK_EQ(lines, 1);
	}
}

/* What is not loaded yet is not missing: the access is made again. */
TEST(abort_before_all_is_loaded)
{
	static const unsigned int classes[] = {IABT, DABT};

	start(EL1H);
	pieces = 2;
	for (unsigned int i = 0; i < 2; i++) {
		regs_set("hpfar_el2", UINT64_C(0x40000000) >> 8);
		CHECK_EQ(trap(SYNDROME(classes[i]) | TRANSLATION_3, false), 0);
		CHECK_EQ(regs_read("elr_el2"), PC);
	}
	CHECK_EQ(lines, 0);
	CHECK_EQ(trap(SYNDROME(IABT) | TRANSLATION_3, false),
		 vcpu_exit(EXIT_ABORT, HF_ABORT_MEMORY_ACCESS));
	/* Memory that does not answer is no reason to load any. */
	pieces = 1;
	CHECK_EQ(trap(SYNDROME(DABT) | EXTERNAL, false),
		 vcpu_exit(EXIT_ABORT, HF_ABORT_FAULT));
	CHECK_EQ(pieces, 1);
	pieces = 0;
}

static void crash(bool debug)
{
	start(EL1H);
	vm.index = 3;
	vm.debug = debug;
	strcpy(vm.name, "victim");
	regs_set("sp_el1", 0x5111);
	regs_set("sp_el0", 0x5000);
	regs_set("hpfar_el2", UINT64_C(0x40200000) >> 8);
	regs_set("far_el2", 0xffff000000000123);
	trap(SYNDROME(DABT) | TRANSLATION_3, false);
}

/* VM, vCPU, address, syndrome and PC are told; no register of the VM's. */
TEST(crash_report)
{
	crash(false);
	CHECK_STR(said,
		  "vm3 victim: vcpu 0 stopped: read of 0x40200123, which "
		  "it does not have, syndrome 0x92000007, pc 0x40001000\n");
}

/* Of a VM for debugging, all. */
TEST(crash_report_with_registers)
{
	char wanted[40];

	crash(true);
	CHECK_EQ(lines, 10);
	CHECK(strstr(said, ": pstate 0x5, sp 0x5111\n"));
	for (unsigned int i = 0; i < 31; i++) {
		snprintf(wanted, sizeof(wanted), "x%u 0x%x", i, 100 + i);
		CHECK(strstr(said, wanted));
	}
	start(EL0);
	vm.debug = true;
	regs_set("sp_el1", 0x5111);
	regs_set("sp_el0", 0x5000);
	CHECK_EQ(trap(SYNDROME(DABT) | EXTERNAL, false),
		 vcpu_exit(EXIT_ABORT, HF_ABORT_FAULT));
	CHECK(strstr(said, ": pstate 0x0, sp 0x5000\n"));
}

/* A VM that was stopped aborts everywhere: no line for each vCPU. */
TEST(abort_of_stopped_vm)
{
	start(EL1H);
	vm.aborted = HF_ABORT_SYSTEM_OFF;
	CHECK_EQ(trap(SYNDROME(DABT) | TRANSLATION_3, false),
		 vcpu_exit(EXIT_ABORT, HF_ABORT_MEMORY_ACCESS));
	CHECK_EQ(lines, 0);
}

/* HPFAR_EL2 says nothing of an external abort. */
TEST(external_abort)
{
	start(EL1H);
	CHECK_EQ(trap(SYNDROME(DABT) | EXTERNAL, false),
		 vcpu_exit(EXIT_ABORT, HF_ABORT_FAULT));
	CHECK_EQ(lines, 1);
}

TEST(fault_of_stopped_vm)
{
	start(EL1H);
	vm.aborted = HF_ABORT_SYSTEM_OFF;
	CHECK_EQ(trap(SYNDROME(DABT) | EXTERNAL, false),
		 vcpu_exit(EXIT_ABORT, HF_ABORT_FAULT));
	trap_secondary_serror(&vcpu);
	CHECK_EQ(lines, 0);
}

/* Once a CPU panicked, every VM aborts, and its CPU stops. */
static void check_stops(uint64_t class, bool primary)
{
	start(EL1H);
	stopped = NULL;
	panic_culprit = 0x80000001;
	if (!setjmp(away))
		trap(SYNDROME(class) | TRANSLATION_3, primary);
	panic_culprit = 0;
	CHECK(stopped == &vcpu);
	CHECK_EQ(lines, 0);
}

TEST(abort_after_panic)
{
	check_stops(DABT, false);
	check_stops(IABT, false);
	check_stops(DABT, true);
	check_stops(IABT, true);
}

TEST(serror)
{
	start(EL1H);
	CHECK_EQ(trap_secondary_serror(&vcpu),
		 vcpu_exit(EXIT_ABORT, HF_ABORT_FAULT));
	CHECK_EQ(lines, 1);
}

/* The primary's is its own: an external abort, by level and kind. */
TEST(abort_of_primary)
{
	start(EL1H);
	regs_set("far_el2", 0x1234);
	trap(SYNDROME(DABT) | TRANSLATION_3 | BIT(6), true);
	check_injected(0x200, SYNDROME(0x25) | EXTERNAL | BIT(6), EL1H);
	CHECK_EQ(regs_read("far_el1"), 0x1234);
	start(EL0);
	trap(SYNDROME(IABT) | TRANSLATION_3, true);
	check_injected(0x400, SYNDROME(0x20) | EXTERNAL, EL0);
	CHECK_EQ(lines, 0);
	/* What devices did is looked for now and then. */
	CHECK_EQ(polls, 1);
}

#define S1PTW BIT(7)
#define WALK 0x14u
#define TTBR UINT64_C(0x48005000)

static void check_walk(uint64_t tcr, uint64_t va, uint64_t table,
		       uint64_t level)
{
	start(EL1H);
	regs_set("tcr_el1", tcr);
	regs_set("ttbr0_el1", TTBR | UINT64_C(7) << 48 | 1);
	regs_set("ttbr1_el1", TTBR + 0x10000);
	regs_set("far_el2", va);
	regs_set("hpfar_el2", table >> 8);
	trap(SYNDROME(DABT) | TRANSLATION_3 | S1PTW, true);
	check_injected(0x200, SYNDROME(0x25) | (WALK + level), EL1H);
}

/* Its tables lie where it has no memory: the abort is of the walk. */
TEST(abort_of_walk)
{
	const uint64_t high = ~UINT64_C(0) << 48;

	/* 4 KiB: 48, 39, 30 bits; 16 KiB: 47, 36; 64 KiB: 48, 42 */
	check_walk(16, 0x1000, TTBR, 0);
	check_walk(25, 0x1000, TTBR, 1);
	check_walk(34, 0x1000, TTBR, 2);
	check_walk(17 | 2 << 14, 0x1000, TTBR, 1);
	check_walk(28 | 2 << 14, 0x1000, TTBR, 2);
	check_walk(16 | 1 << 14, 0x1000, TTBR, 1);
	check_walk(22 | 1 << 14, 0x1000, TTBR, 2);
	/* TTBR1 has its own size and granule. */
	check_walk(34 | 25 << 16 | UINT64_C(2) << 30, high, TTBR + 0x10000, 1);
	check_walk(34 | 16 << 16 | UINT64_C(3) << 30, high, TTBR + 0x10000, 1);
	/* A table further down. */
	check_walk(16, 0x1000, TTBR + 0x1000, 3);
	check_walk(34 | 16 << 16 | UINT64_C(2) << 30, high, TTBR, 3);
}

/* Cache maintenance by address is told as such. */
TEST(abort_of_cache_maintenance)
{
	start(EL1H);
	trap(SYNDROME(DABT) | TRANSLATION_3 | BIT(6) | BIT(8), true);
	check_injected(0x200, SYNDROME(0x25) | EXTERNAL | BIT(6) | BIT(8),
		       EL1H);
}

/* --- conditions of AArch32 --- */

/* NZCV for which each condition holds, a bit for each of the 16. */
static const uint16_t holds[] = {0xf0f0, 0x0f0f, 0xcccc, 0x3333, 0xff00, 0x00ff,
				 0xaaaa, 0x5555, 0x0c0c, 0xf3f3, 0xaa55, 0x55aa,
				 0x0a05, 0xf5fa, 0xffff, 0xffff};

static void check_condition(uint64_t esr, uint64_t pstate, bool is_executed)
{
	for (unsigned int primary = 0; primary < 2; primary++) {
		start(pstate);
		CHECK_EQ(trap(esr, primary), 0);
		if (is_executed)
			check_injected(0x600, IL, pstate);
		else
			CHECK_EQ(regs_read("elr_el2"), PC + (esr & IL ? 4 : 2));
		CHECK_EQ(lines, 0);
	}
}

/* What traps although its condition fails is stepped over. */
TEST(conditions)
{
	for (unsigned int i = 0; i < 16 * 16; i++) {
		unsigned int condition = i >> 4, nzcv = i & 15;
		uint64_t pstate = AARCH32_USER | (uint64_t)nzcv << 28;
		bool is_executed = holds[condition] >> nzcv & 1;

		check_condition(SYNDROME(CP15) | BIT(24) | condition << 20,
				pstate, is_executed);
		/* Without a condition in the syndrome there is ITSTATE's. */
		check_condition(SYNDROME(CP15),
				pstate | with_it(condition << 4 | 8),
				is_executed);
		check_condition(SYNDROME(CP15), pstate, true);
	}
}

/* The same bits mean nothing in AArch64, and in other exceptions. */
TEST(no_condition)
{
	start(EL0);
	CHECK_EQ(trap(PMCR(5) | READ, false), 0);
	CHECK_EQ(vcpu.arch.x[5], 0);
	start(AARCH32_USER);
	CHECK_EQ(trap(SYNDROME(DABT) | TRANSLATION_3 | BIT(24), false),
		 vcpu_exit(EXIT_ABORT, HF_ABORT_MEMORY_ACCESS));
}
