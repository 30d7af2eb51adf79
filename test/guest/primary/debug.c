/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Suite `debug`: breakpoints, watchpoints and software steps of a VM work in
 * it, and never in the hypervisor or in another VM (DDI 0487, D2). The bootargs
 * name addresses of the hypervisor's code, hyp0 to hyp3.
 */
#include <stddef.h>
#include "exception.h"
#include "machine.h"
#include "smccc.h"
#include "sysreg.h"
#include "test.h"
#include "vm.h"

#define MDSCR_SS 1
#define MDSCR_KDE 0x2000
#define MDSCR_MDE 0x8000

/* DBGBCR and DBGWCR */
#define CONTROL_E 1
#define CONTROL_EL1 (1 << 1)
#define BREAKPOINT_BAS 0x1e0
#define WATCHPOINT_LOADS_STORES 0x18
#define WATCHPOINT_BAS 0x1fe0
#define WATCHPOINT_2GIB (31 << 24)
/* HMC, SSC and PMC: which levels and states */
#define LEVELS 32
#define CONTROL_LEVELS(i) (((i)&3) << 1 | (uint64_t)((i) >> 2) << 13)

/* EL1h, A, I and F masked, D not, one step to go. */
#define SPSR_STEP 0x2001c5

#define HYPERVISOR 0x800000000000

/* A function that survives the loss of its first instruction. */
extern const char debug_victim[];
__asm__(".text\n"
	"debug_victim:\n"
	"	nop\n"
	"	ret\n");

static void set_mdscr(uint64_t value)
{
	write_sysreg(mdscr_el1, value);
	isb();
}

static void disarm(void)
{
	__asm__ volatile("msr daifset, #8" ::: "memory");
	set_mdscr(0);
	write_sysreg(dbgbcr0_el1, 0);
	write_sysreg(dbgbcr1_el1, 0);
	write_sysreg(dbgbcr2_el1, 0);
	write_sysreg(dbgbcr3_el1, 0);
	write_sysreg(dbgwcr0_el1, 0);
	isb();
}

/* Debug exceptions of EL1 on from here to disarm(). */
static void arm(void)
{
	trap_arm();
	set_mdscr(MDSCR_MDE | MDSCR_KDE);
	__asm__ volatile("msr daifclr, #8" ::: "memory");
}

/* They are real: in the primary itself they fire. */
static void primary_breakpoint(void)
{
	struct trap trap;

	write_sysreg(dbgbvr0_el1, (uintptr_t)debug_victim);
	write_sysreg(dbgbcr0_el1, CONTROL_E | CONTROL_EL1 | BREAKPOINT_BAS);
	arm();
	((void (*)(void))(uintptr_t)debug_victim)();
	trap = trap_take();
	disarm();
	CHECK(trap.taken);
	CHECK_EQ(ESR_EC(trap.esr), EC_BREAKPOINT);
	CHECK_EQ(trap.elr, (uintptr_t)debug_victim);
}

static void primary_watchpoint(void)
{
	static _Alignas(8) uint64_t word;
	struct trap trap;

	write_sysreg(dbgwvr0_el1, (uintptr_t)&word);
	write_sysreg(dbgwcr0_el1, CONTROL_E | CONTROL_EL1 |
					  WATCHPOINT_LOADS_STORES |
					  WATCHPOINT_BAS);
	arm();
	*(volatile uint64_t *)&word = 1;
	trap = trap_take();
	disarm();
	CHECK(trap.taken);
	CHECK_EQ(ESR_EC(trap.esr), EC_WATCHPOINT);
	CHECK_EQ(trap.far, (uintptr_t)&word);
}

/* Every way into the hypervisor and out again. */
static void check_ways(uint64_t count)
{
	uint64_t pfr0;

	CHECK_EQ(hf_vm_get_count(), count);
	CHECK_EQ(smccc_hvc(SMCCC_VERSION, 0, 0, 0).x[0], 0x10002);
	CHECK_EQ(smccc_smc(PSCI_VERSION, 0, 0, 0).x[0], 0x10001);
	__asm__ volatile("mrs %0, id_aa64pfr0_el1" : "=r"(pfr0));
	CHECK_EQ(pfr0 >> 8 & 0xf, 0);
	step_run(vm_named("service"), STEP_NOW, 0, 0, 0, 0);
}

/* What is set up for `levels` fires on none of these ways. */
static void check_nothing_fires(unsigned int levels, uint64_t count)
{
	struct trap trap;

	arm();
	check_ways(count);
	trap = trap_take();
	disarm();
	if (trap.taken)
		FAIL("levels %u: ESR 0x%lx at 0x%lx", levels, trap.esr,
		     trap.elr);
}

/* Breakpoints at the vectors and behind, for any level and state. */
static void hypervisor_breakpoints(void)
{
	uint64_t count = (uint64_t)hf_vm_get_count();
	unsigned int i;

	step_run(vm_named("service"), STEP_NOW, 0, 0, 0, 0);
	CHECK(machine_number("hyp0", 0) >= HYPERVISOR);
	write_sysreg(dbgbvr0_el1, machine_number("hyp0", 0));
	write_sysreg(dbgbvr1_el1, machine_number("hyp1", 0));
	write_sysreg(dbgbvr2_el1, machine_number("hyp2", 0));
	write_sysreg(dbgbvr3_el1, machine_number("hyp3", 0));
	for (i = 0; i < LEVELS && !test_over(); i++) {
		uint64_t control = CONTROL_E | BREAKPOINT_BAS;

		control |= CONTROL_LEVELS(i);
		write_sysreg(dbgbcr0_el1, control);
		write_sysreg(dbgbcr1_el1, control);
		write_sysreg(dbgbcr2_el1, control);
		write_sysreg(dbgbcr3_el1, control);
		check_nothing_fires(i, count);
	}
}

/* A watchpoint on all that the hypervisor reads and writes. */
static void hypervisor_watchpoints(void)
{
	uint64_t count = (uint64_t)hf_vm_get_count();
	unsigned int i;

	write_sysreg(dbgwvr0_el1, HYPERVISOR);
	for (i = 0; i < LEVELS && !test_over(); i++) {
		write_sysreg(dbgwcr0_el1, CONTROL_E | WATCHPOINT_LOADS_STORES |
						  WATCHPOINT_BAS |
						  WATCHPOINT_2GIB |
						  CONTROL_LEVELS(i));
		check_nothing_fires(i, count);
	}
}

/*
 * Steps over one instruction: x0-x2 in, x0 out; `end` is the address behind
 * it, where the step's exception has to be taken.
 */
#define STEPPER(name, instruction)                                         \
	static uint64_t name(uint64_t a, uint64_t b, uint64_t c,           \
			     uint64_t *end)                                \
	{                                                                  \
		register uint64_t x0 __asm__("x0") = a;                    \
		register uint64_t x1 __asm__("x1") = b;                    \
		register uint64_t x2 __asm__("x2") = c;                    \
		register uint64_t x9 __asm__("x9") = SPSR_STEP;            \
		register uint64_t x10 __asm__("x10");                      \
                                                                           \
		__asm__ volatile("adr	x10, 1f\n"                           \
				 "msr	elr_el1, x10\n"                      \
				 "msr	spsr_el1, x9\n"                      \
				 "adr	x10, 2f\n"                           \
				 "eret\n"                                  \
				 "1: " instruction "\n"                    \
				 "2: nop\n"                                \
				 "msr	daifset, #8"                         \
				 : "+r"(x0), "+r"(x1), "+r"(x2), "=r"(x10) \
				 : "r"(x9)                                 \
				 : "x3", "memory", "cc");                  \
		*end = x10;                                                \
		return x0;                                                 \
	}

STEPPER(step_nop, "nop")
STEPPER(step_hvc, "hvc #0")
STEPPER(step_smc, ".inst 0xd4000003")
STEPPER(step_mrs, "mrs x0, id_aa64pfr0_el1")
STEPPER(step_msr, "msr actlr_el1, x0")

static void check_step(uint64_t (*step)(uint64_t, uint64_t, uint64_t,
					uint64_t *),
		       uint64_t a, uint64_t b, uint64_t expected)
{
	struct trap trap;
	uint64_t result;
	uint64_t end;

	trap_arm();
	set_mdscr(MDSCR_KDE | MDSCR_SS);
	result = step(a, b, 0, &end);
	trap = trap_take();
	disarm();
	CHECK(trap.taken);
	CHECK_EQ(ESR_EC(trap.esr), EC_STEP);
	CHECK_EQ(trap.elr, end);
	CHECK_EQ(result, expected);
}

/* The step ends behind the instruction, whoever executes it. */
static void primary_step(void)
{
	uint64_t count = (uint64_t)hf_vm_get_count();
	uint64_t pfr0;

	__asm__ volatile("mrs %0, id_aa64pfr0_el1" : "=r"(pfr0));
	check_step(step_nop, 7, 0, 7);
	check_step(step_hvc, HF_VM_GET_COUNT, 0, count);
	check_step(step_hvc, SMCCC_VERSION, 0, 0x10002);
	check_step(step_smc, PSCI_VERSION, 0, 0x10001);
	check_step(step_mrs, 0, 0, pfr0);
	check_step(step_msr, 5, 0, 5);
	check_step(step_hvc, HF_VCPU_RUN, count, HF_VCPU_WAIT_FOR_INTERRUPT);
	/* Into a secondary and back. */
	if (!test_over() && vm_run_to_read(vm_named("other"), 0))
		check_step(step_hvc, HF_VCPU_RUN, vm_named("other"),
			   HF_VCPU_WAIT_FOR_INTERRUPT);
}

/* A secondary arms all it can, around its calls: it has nothing of it. */
static void secondary_arms(void)
{
	static const uint64_t setup[][2] = {
		{SYSREG(2, 0, 1, 0, 4), 0}, /* OSLAR_EL1 */
		{SYSREG(2, 0, 0, 0, 4), HYPERVISOR},
		{SYSREG(2, 0, 0, 0, 5), 0x21e1},
		{SYSREG(2, 0, 0, 0, 6), HYPERVISOR},
		{SYSREG(2, 0, 0, 0, 7), 0x1f003ff9},
		{SYSREG(2, 0, 0, 2, 2), MDSCR_MDE | MDSCR_KDE | MDSCR_SS},
		{SYSREG(3, 3, 4, 2, 1), 0x1c0}, /* DAIF: D clear */
	};
	const unsigned int n = sizeof(setup) / sizeof(setup[0]);
	unsigned int i;

	script_start();
	for (i = 0; i < n; i++)
		script_add(STEP_MSR, setup[i][0], setup[i][1], 0, 0);
	script_add(STEP_HVC, HF_VM_GET_COUNT, 0, 0, 0);
	script_add(STEP_SMC, PSCI_VERSION, 0, 0, 0);
	script_add(STEP_EL0, 0, 0, 0, 0);
	script_add(STEP_MRS, SYSREG(2, 0, 0, 2, 2), 0, 0, 0);
	script_add(STEP_MSR, SYSREG(3, 3, 4, 2, 1), 0x3c0, 0, 0);
	if (!script_run(vm_named("service")))
		return;
	for (i = 0; i < n; i++)
		CHECK_EQ(script_result(i)->esr, 0);
	CHECK_EQ(script_result(n)->x[0], hf_vm_get_count());
	CHECK_EQ(script_result(n + 1)->x[0], (uint64_t)-1);
	CHECK_EQ(ESR_EC(script_result(n + 2)->esr), EC_UNKNOWN);
	CHECK_EQ(script_result(n + 3)->x[0], 0);
}

static const struct test_case cases[] = {
	{"primary_breakpoint", primary_breakpoint},
	{"primary_watchpoint", primary_watchpoint},
	{"hypervisor_breakpoints", hypervisor_breakpoints},
	{"hypervisor_watchpoints", hypervisor_watchpoints},
	{"primary_step", primary_step},
	{"secondary_arms", secondary_arms},
	{NULL, NULL},
};

const struct suite suite_debug = {"debug", cases};
