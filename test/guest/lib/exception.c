/* SPDX-License-Identifier: BSD-3-Clause */
#include "console.h"
#include "exception.h"
#include "gic.h"
#include "layout.h"
#include "mmu.h"
#include "smp.h"
#include "sysreg.h"

/* Numbers of the vectors, in the order of the table. */
enum {
	CURRENT_SYNC = 4,
	CURRENT_IRQ,
	CURRENT_FIQ,
	CURRENT_SERROR,
	LOWER_SYNC,
	LOWER_SYNC_32 = 12
};

#define PSTATE_IL (UINT64_C(1) << 20)
#define PSTATE_EL0_MASKED 0x3c0
#define PSTATE_A32_MASKED 0x1d0
#define PSTATE_T32 0x20

#define SCTLR_NTWI (UINT64_C(1) << 16)
#define CNTKCTL_EL0PTEN (UINT64_C(1) << 9)

#define SPSR_D 0x200

_Static_assert(__builtin_offsetof(struct frame, elr) == FRAME_ELR, "frame");
_Static_assert(sizeof(struct frame) <= FRAME_SIZE, "frame");

static struct {
	struct trap trap;
	bool armed;
} cpu_trap[CPUS];

uint64_t el0_enter(uintptr_t address, uint64_t argument, uint64_t pstate);
extern const char el0_return[];
extern const char el0_page[];

void trap_arm(void)
{
	cpu_trap[cpu_index()].trap.taken = false;
	cpu_trap[cpu_index()].armed = true;
	__asm__ volatile("" ::: "memory");
}

struct trap trap_take(void)
{
	/* An external abort may be asynchronous: let it come now. */
	dsb();
	isb();
	cpu_trap[cpu_index()].armed = false;
	return *(volatile struct trap *)&cpu_trap[cpu_index()].trap;
}

static void record(const struct frame *frame, unsigned int vector)
{
	struct trap *trap = &cpu_trap[cpu_index()].trap;

	if (trap->taken)
		return;
	trap->taken = true;
	trap->serror = vector == CURRENT_SERROR;
	trap->esr = read_sysreg(esr_el1);
	trap->far = read_sysreg(far_el1);
	trap->elr = frame->elr;
}

static void unexpected(const struct frame *frame, unsigned int vector)
{
	panic("CPU %u: vector %u, ESR 0x%lx, FAR 0x%lx, ELR image+0x%lx, "
	      "x30 0x%lx",
	      cpu_index(), vector, read_sysreg(esr_el1), read_sysreg(far_el1),
	      frame->elr - image_address(), frame->x[30]);
}

/* Where an exception of EL1 that was waited for lets it go on. */
static void leave_behind(struct frame *frame, unsigned int class)
{
	if (class == EC_INSTRUCTION_ABORT)
		frame->elr = frame->x[30];
	else if (class == EC_STEP)
		frame->spsr |= SPSR_D;
	else
		frame->elr += 4;
}

/* Called by vectors.S with the registers of what was interrupted. */
void exception_handle(struct frame *frame, unsigned int vector);

void exception_handle(struct frame *frame, unsigned int vector)
{
	bool armed = cpu_trap[cpu_index()].armed;

	if (vector == CURRENT_IRQ) {
		gic_handle();
	} else if (vector == LOWER_SYNC || vector == LOWER_SYNC_32) {
		record(frame, vector);
		frame->elr = (uintptr_t)el0_return;
		frame->spsr = 0x3c5;
	} else if (vector == CURRENT_SERROR && armed) {
		record(frame, vector);
	} else if (vector == CURRENT_SYNC && armed) {
		record(frame, vector);
		frame->spsr &= ~PSTATE_IL;
		leave_behind(frame, ESR_EC(read_sysreg(esr_el1)));
	} else {
		unexpected(frame, vector);
	}
}

struct trap try_load(uintptr_t address, uint64_t *value)
{
	uint64_t v = 0;

	trap_arm();
	__asm__ volatile("ldr %0, [%1]" : "+r"(v) : "r"(address) : "memory");
	if (value)
		*value = v;
	return trap_take();
}

struct trap try_store(uintptr_t address, uint64_t value)
{
	trap_arm();
	__asm__ volatile("str %0, [%1]" ::"r"(value), "r"(address) : "memory");
	return trap_take();
}

struct trap try_call(uintptr_t address)
{
	trap_arm();
	((void (*)(void))address)();
	return trap_take();
}

struct trap el0_run_at(uintptr_t address, uint64_t argument, uint64_t *x0)
{
	uint64_t daif = read_sysreg(daif);
	uint64_t result;

	irq_mask();
	trap_arm();
	result = el0_enter(address, argument, PSTATE_EL0_MASKED);
	if (x0)
		*x0 = result;
	write_sysreg(daif, daif);
	return trap_take();
}

struct trap el0_run(const char *code, uint64_t argument, uint64_t *x0)
{
	return el0_run_at(EL0_CODE + (uintptr_t)(code - el0_page), argument,
			  x0);
}

/* --- AArch32 --- */

extern const char a32_svc[], a32_hvc[], a32_smc[], a32_load[], a32_ldm[];
extern const char a32_cntp_ctl[], a32_cntp_cval[], a32_pmcr[], a32_dbgdscr[];
extern const char a32_dbgdrar[], a32_stc[], a32_wfi[], t32_wfi[];

static const char *const a32_code[A32_PROGRAMS] = {
	[A32_SVC] = a32_svc,
	[A32_HVC] = a32_hvc,
	[A32_SMC] = a32_smc,
	[A32_LOAD] = a32_load,
	[A32_LOAD_MULTIPLE] = a32_ldm,
	[A32_CP15_TIMER] = a32_cntp_ctl,
	[A32_CP15_TIMER_64] = a32_cntp_cval,
	[A32_CP15_PMU] = a32_pmcr,
	[A32_CP14] = a32_dbgdscr,
	[A32_CP14_64] = a32_dbgdrar,
	[A32_CP14_STORE] = a32_stc,
	[A32_WFI] = a32_wfi,
	[T32_WFI] = t32_wfi,
};

bool a32_exists(void)
{
	return (read_sysreg(id_aa64pfr0_el1) & 0xf) == 2;
}

struct trap a32_run(enum a32_program program, uint64_t argument, uint64_t *x0)
{
	uint64_t at = EL0_CODE_32 + (uintptr_t)(a32_code[program] - el0_page);
	uint64_t sctlr = read_sysreg(sctlr_el1);
	uint64_t cntkctl = read_sysreg(cntkctl_el1);
	uint64_t daif = read_sysreg(daif);

	irq_mask();
	write_sysreg(sctlr_el1, sctlr | SCTLR_NTWI);
	write_sysreg(cntkctl_el1, cntkctl | CNTKCTL_EL0PTEN);
	trap_arm();
	*x0 = (uint32_t)el0_enter(
		at, argument,
		PSTATE_A32_MASKED | (program == T32_WFI ? PSTATE_T32 : 0));
	write_sysreg(cntkctl_el1, cntkctl);
	write_sysreg(sctlr_el1, sctlr);
	write_sysreg(daif, daif);
	return trap_take();
}

struct trap try_a32_el1(void)
{
	trap_arm();
	__asm__ volatile("adr x9, 1f\n\t"
			 "msr elr_el1, x9\n\t"
			 "mov x9, #0x1d3\n\t" /* supervisor, masked */
			 "msr spsr_el1, x9\n\t"
			 "isb\n\t"
			 "eret\n"
			 "1:\tnop" ::
				 : "x9", "memory");
	return trap_take();
}

struct trap try_walk(uint64_t table)
{
	struct trap trap;

	mmu_set_walk(table);
	trap = try_load(WALK_DATA, NULL);
	mmu_set_walk(0);
	return trap;
}

void irq_mask(void)
{
	__asm__ volatile("msr daifset, #2" ::: "memory");
}

void irq_unmask(void)
{
	__asm__ volatile("msr daifclr, #2" ::: "memory");
}
