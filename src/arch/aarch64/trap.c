/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Synchronous exceptions from VMs other than the hypercalls of api.c: decoded
 * here by exception class (DDI 0487, D17.2.37 ESR_ELx). x0-x30 are in the
 * vCPU; the rest of the guest's registers are in the CPU.
 */
#include "trap.h"

#include "arch_internal.h"
#include "hf/abi.h"
#include "life.h"
#include "log.h"
#include "manage.h"
#include "smmu.h"
#include "vcpu.h"
#include "vdev.h"
#include "vgic.h"
#include "vm.h"

#define NOT_SUPPORTED ((uint64_t)-1)

/* ISS of WFI, WFE, WFIT, WFET */
#define WFX_IS_WFE BIT(0)
#define WFX_HAS_TIMEOUT BIT(1)

/* Condition field of traps from AArch32, and whether it is valid */
#define ISS_CV BIT(24)
#define CONDITION_ALWAYS 14

#define SPSR_BTYPE (BIT(10) | BIT(11))
/* ITSTATE of AArch32: bits 7:2 in SPSR[15:10], bits 1:0 in SPSR[26:25] */
#define SPSR_IT (BIT(25) | BIT(26) | 0x3full << 10)

static uint64_t it_state(uint64_t spsr)
{
	return (spsr >> 10 & 0x3f) << 2 | (spsr >> 25 & 3);
}

/* ITSTATE behind one instruction of an IT block (DDI 0487, G1 ITAdvance). */
static uint64_t advance_it(uint64_t spsr)
{
	uint64_t it = it_state(spsr);

	it = it & 7 ? (it & 0xe0) | (it << 1 & 0x1f) : 0;
	return (spsr & ~SPSR_IT) | it >> 2 << 10 | (it & 3) << 25;
}

static inline void move_on(uint64_t spsr, unsigned int bytes)
{
	write_sysreg(spsr_el2, spsr & ~PSTATE_SS);
	write_sysreg(elr_el2, read_sysreg(elr_el2) + bytes);
}

void skip_instruction(uint64_t esr)
{
	uint64_t spsr = read_sysreg(spsr_el2);

	if (spsr & PSTATE_AARCH32)
		spsr = advance_it(spsr);
	else
		spsr &= ~SPSR_BTYPE;
	move_on(spsr, esr & ESR_IL ? 4 : 2);
}

/* Whether a condition of AArch32 holds (DDI 0487, F1.3.1). */
static bool condition_holds(unsigned int condition, uint64_t spsr)
{
	bool n = spsr & BIT(31), z = spsr & BIT(30);
	bool c = spsr & BIT(29), v = spsr & BIT(28);
	const bool holds[] = {z, c, n, v, c && !z, n == v, n == v && !z, true};

	if (condition >= CONDITION_ALWAYS)
		return true;
	return holds[condition >> 1] != (condition & 1);
}

/*
 * Whether the instruction that trapped is one of AArch32 that does nothing, as
 * its condition fails: a CPU may trap it all the same. In an IT block the
 * syndrome need not have the condition (ISS.CV).
 */
static bool is_skipped(uint64_t esr)
{
	uint64_t spsr = read_sysreg(spsr_el2);
	uint64_t it = it_state(spsr);

	if (!(spsr & PSTATE_AARCH32) || ESR_EC(esr) < EC_WFX ||
	    ESR_EC(esr) > EC_CP14_64)
		return false;
	if (esr & ISS_CV)
		return !condition_holds(esr >> 20 & 0xf, spsr);
	return it && !condition_holds((unsigned int)it >> 4, spsr);
}

/* --- handlers; a secondary's return a vcpu_exit() --- */

typedef uint64_t (*trap_handler)(struct vcpu *vcpu, uint64_t esr);

static uint64_t undefined(struct vcpu *vcpu, uint64_t esr)
{
	(void)esr;
	inject_undefined(vcpu);
	return 0;
}

static uint64_t skip(struct vcpu *vcpu, uint64_t esr)
{
	(void)vcpu;
	skip_instruction(esr);
	return 0;
}

static uint64_t use_fp(struct vcpu *vcpu, uint64_t esr)
{
	(void)esr;
	fp_trap(vcpu);
	return 0;
}

/* HVC or SMC with an immediate other than 0 is no call of ours. */
static void unknown_call(struct vcpu *vcpu)
{
	uint64_t *x = vcpu->arch.x;

	x[0] = NOT_SUPPORTED;
	x[1] = x[2] = x[3] = 0;
}

static uint64_t primary_hvc(struct vcpu *vcpu, uint64_t esr)
{
	if (esr & 0xffff)
		unknown_call(vcpu);
	else if (!manage_call(vcpu->arch.x))
		smccc_primary(vcpu);
	return 0;
}

static uint64_t primary_smc(struct vcpu *vcpu, uint64_t esr)
{
	skip_instruction(esr);
	if (esr & 0xffff)
		unknown_call(vcpu);
	else
		smccc_primary(vcpu);
	return 0;
}

static uint64_t primary_sysreg(struct vcpu *vcpu, uint64_t esr)
{
	sysreg_trap(vcpu, esr, true);
	return 0;
}

/* Not emulated: the primary touched what it does not have, and goes on. */
static COLD uint64_t primary_abort(struct vcpu *vcpu, uint64_t esr)
{
	panic_check(vcpu);
	if (!gic_access(vcpu, esr))
		inject_external_abort(vcpu, esr, read_sysreg(far_el2));
	return 0;
}

uint64_t wait_for_interrupt(struct vcpu *vcpu)
{
	bool fired;
	uint64_t ns = timer_wait_ns(vcpu, &fired);

	if (vgic_is_used(vcpu->vm) ? !vgic_may_wait(vcpu) : fired)
		return 0;
	return vcpu_exit(EXIT_WFI, ns);
}

static uint64_t secondary_wfx(struct vcpu *vcpu, uint64_t esr)
{
	skip_instruction(esr);
	if (esr & WFX_IS_WFE)
		return 0;
	/* WFIT is not shown to it; whoever uses it does not wait. */
	if (esr & WFX_HAS_TIMEOUT)
		return vcpu_exit(EXIT_WFI, 1);
	return wait_for_interrupt(vcpu);
}

static uint64_t secondary_hvc(struct vcpu *vcpu, uint64_t esr)
{
	if (esr & 0xffff) {
		unknown_call(vcpu);
		return 0;
	}
	return smccc_secondary(vcpu);
}

static uint64_t secondary_smc(struct vcpu *vcpu, uint64_t esr)
{
	skip_instruction(esr);
	vcpu->arch.x[0] = NOT_SUPPORTED;
	return 0;
}

static uint64_t secondary_sysreg(struct vcpu *vcpu, uint64_t esr)
{
	sysreg_trap(vcpu, esr, false);
	return 0;
}

static const char *access_name(uint64_t esr)
{
	if (ESR_EC(esr) == EC_IABT_LOWER)
		return "fetch from";
	return esr & ISS_WNR ? "write to" : "read of";
}

/* All general registers of a vCPU that crashed, if its VM is for debugging. */
static void tell_registers(const struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	const uint64_t *x = vcpu->arch.x;
	uint64_t spsr = read_sysreg(spsr_el2);
	bool has_own_sp = (spsr & PSTATE_MODE_MASK) == PSTATE_EL1H;

	if (!vm->debug)
		return;
	log_guest(&vm->log, "vm%u %s: vcpu %u: pstate 0x%lx, sp 0x%lx",
		  vm->index, vm->name, vcpu->index, spsr,
		  has_own_sp ? read_sysreg(sp_el1) : read_sysreg(sp_el0));
	for (unsigned int i = 0; i < 28; i += 4)
		log_guest(&vm->log,
			  "x%u 0x%lx, x%u 0x%lx, x%u 0x%lx, x%u 0x%lx", i, x[i],
			  i + 1, x[i + 1], i + 2, x[i + 2], i + 3, x[i + 3]);
	log_guest(&vm->log, "x28 0x%lx, x29 0x%lx, x30 0x%lx", x[28], x[29],
		  x[30]);
}

/*
 * Tells why the vCPU that runs here, and its VM with it, is stopped; not if its
 * memory is gone because the VM was stopped already.
 */
static COLD void tell_crash(const struct vcpu *vcpu, const char *what,
			    uint64_t esr)
{
	struct vm *vm = vcpu->vm;

	if (vm_aborted(vm))
		return;
	log_guest(&vm->log,
		  "vm%u %s: vcpu %u stopped: %s, syndrome 0x%lx, pc 0x%lx",
		  vm->index, vm->name, vcpu->index, what, esr,
		  read_sysreg(elr_el2));
	tell_registers(vcpu);
}

/* What the memory system answered to an access that the VM may make. */
static uint64_t stop_on_fault(struct vcpu *vcpu, const char *what, uint64_t esr)
{
	tell_crash(vcpu, what, esr);
	return vcpu_exit(EXIT_ABORT, HF_ABORT_FAULT);
}

static COLD uint64_t secondary_abort(struct vcpu *vcpu, uint64_t esr)
{
	char what[64];

	panic_check(vcpu);
	if (vdev_access(vcpu, esr))
		return vdev_exit(vcpu);
	if ((esr & ISS_FSC_MASK) >= ISS_FSC_EXTERNAL)
		return stop_on_fault(vcpu, "external abort", esr);
	if (life_load(vcpu->vm))
		return 0;
	log_print(what, sizeof(what), "%s 0x%lx, which it does not have",
		  access_name(esr), fault_ipa());
	tell_crash(vcpu, what, esr);
	return vcpu_exit(EXIT_ABORT, HF_ABORT_MEMORY_ACCESS);
}

uint64_t trap_secondary_serror(struct vcpu *vcpu)
{
	return stop_on_fault(vcpu, "SError", read_sysreg(esr_el2));
}

/*
 * By exception class. An empty place is a feature of a newer CPU, which the
 * ID registers do not show: undefined.
 */
#define EC_COUNT 64

static const struct trap_row {
	trap_handler primary, secondary;
} traps[EC_COUNT] = {
	[EC_WFX] = {NULL, secondary_wfx},
	[EC_FP] = {use_fp, use_fp},
	[EC_HVC64] = {primary_hvc, secondary_hvc},
	[EC_SMC64] = {primary_smc, secondary_smc},
	[EC_SYSREG] = {primary_sysreg, secondary_sysreg},
	[EC_IABT_LOWER] = {primary_abort, secondary_abort},
	[EC_DABT_LOWER] = {primary_abort, secondary_abort},
};

static trap_handler choose(trap_handler handler, uint64_t esr)
{
	if (is_skipped(esr))
		return skip;
	return handler ? handler : undefined;
}

void trap_primary(struct vcpu *vcpu)
{
	uint64_t esr = read_sysreg(esr_el2);

	smmu_poll(false);
	choose(traps[ESR_EC(esr)].primary, esr)(vcpu, esr);
}

/* The short ways, of AArch64. */
static bool is_quick(struct vcpu *vcpu, uint64_t esr)
{
	uint64_t spsr = read_sysreg(spsr_el2);

	if (spsr & PSTATE_AARCH32 || !vcpu->arch.vgic.loaded)
		return false;
	if (!(ESR_EC(esr) == EC_DABT_LOWER ? vgic_quick_access(vcpu, esr)
					   : vgic_quick_sgi(vcpu, esr)))
		return false;
	move_on(spsr & ~SPSR_BTYPE, 4);
	return true;
}

uint64_t trap_secondary(struct vcpu *vcpu)
{
	uint64_t esr = read_sysreg(esr_el2);
	uint64_t exit;

	if ((ESR_EC(esr) == EC_DABT_LOWER || ESR_EC(esr) == EC_SYSREG) &&
	    is_quick(vcpu, esr))
		return vgic_take_wake(vcpu);
	exit = choose(traps[ESR_EC(esr)].secondary, esr)(vcpu, esr);
	return exit ? exit : vgic_take_wake(vcpu);
}

uint64_t trap_secondary_interrupt(struct vcpu *vcpu)
{
	if (!vcpu->arch.vgic.loaded || !vgic_interrupt(vcpu))
		return vcpu_exit(EXIT_INTERRUPT, 0);
	return vgic_take_wake(vcpu);
}

void trap_primary_interrupt(struct vcpu *vcpu)
{
	panic("primary, vCPU %u: interrupt taken to EL2 at 0x%lx", vcpu->index,
	      read_sysreg(elr_el2));
}
