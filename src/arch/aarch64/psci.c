/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PSCI 1.1 (DEN0022): what the firmware offers us, and what we offer to the
 * primary (its CPUs are the board's) and to each secondary (its vCPUs).
 */
#include "arch_internal.h"
#include "cpu.h"
#include "hf/abi.h"
#include "nospec.h"
#include "smmu.h"
#include "vcpu.h"
#include "vm.h"

#define PSCI_BASE_32 0x84000000
#define PSCI_BASE_64 0xc4000000
#define PSCI_NUMBER_MASK 0x1f

#define PSCI_FN_CPU_ON_64 0xc4000003
#define PSCI_FN_SYSTEM_OFF 0x84000008
#define SMCCC_FN_VERSION 0x80000000

#define PSCI_NO_MIGRATION 2 /* MIGRATE_INFO_TYPE: nothing to migrate */

#define PSCI_SUCCESS 0
#define PSCI_NOT_SUPPORTED (-1)
#define PSCI_INVALID_PARAMETERS (-2)
#define PSCI_ALREADY_ON (-4)
#define PSCI_ON_PENDING (-5)
#define PSCI_INTERNAL_FAILURE (-6)
#define PSCI_INVALID_ADDRESS (-9)

/* Results of AFFINITY_INFO */
#define AFFINITY_ON 0
#define AFFINITY_OFF 1
#define AFFINITY_ON_PENDING 2

int64_t psci_firmware(uint64_t fn, uint64_t a1, uint64_t a2, uint64_t a3)
{
	register uint64_t x0 __asm__("x0") = fn;
	register uint64_t x1 __asm__("x1") = a1;
	register uint64_t x2 __asm__("x2") = a2;
	register uint64_t x3 __asm__("x3") = a3;

	/* SMCCC 1.0 lets the firmware change x4-x17. */
	__asm__ volatile("smc #0"
			 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
			 :
			 : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11",
			   "x12", "x13", "x14", "x15", "x16", "x17", "memory");
	return (int32_t)x0;
}

enum arch_start arch_cpu_start(struct cpu *cpu)
{
	uint64_t entry =
		virt_to_phys((const void *)(uintptr_t)secondary_cpu_start).pa;

	switch (psci_firmware(PSCI_FN_CPU_ON_64, cpu->id, entry, cpu->index)) {
	case PSCI_SUCCESS:
		return ARCH_START_OK;
	case PSCI_ALREADY_ON:
	case PSCI_ON_PENDING:
		return ARCH_START_RUNNING;
	default:
		return ARCH_START_FAILED;
	}
}

/* A call, with its arguments cut to 32 bits if it is of the 32-bit kind. */
struct psci_call {
	struct vcpu *caller;
	uint64_t a1, a2, a3;
	uint64_t exit; /* set by a secondary's call that leaves */
};

static int64_t psci_version(struct psci_call *call)
{
	(void)call;
	return PSCI_VERSION_1_1;
}

static int64_t migrate_info_type(struct psci_call *call)
{
	(void)call;
	return PSCI_NO_MIGRATION;
}

/* --- the primary --- */

/*
 * Standby, whatever state was asked for: PSCI lets a call return at once as if
 * woken (5.4), and the interrupts stay the primary's.
 */
static int64_t primary_suspend(struct psci_call *call)
{
	(void)call;
	__asm__ volatile("dsb sy\n\twfi" : : : "memory");
	return PSCI_SUCCESS;
}

static int64_t primary_cpu_off(struct psci_call *call)
{
	cpu_goes_down(call->caller->cpu);
	psci_firmware(PSCI_FN_CPU_OFF, 0, 0, 0);
	/* It is refused only where there is nobody to hand over to. */
	cpu_came_up(call->caller->cpu);
	return PSCI_INTERNAL_FAILURE;
}

static bool is_code_address(const struct vm *vm, uint64_t entry)
{
	return is_aligned(entry, 4) &&
	       ptable_walk(&vm->stage2, entry).mode == MM_NORMAL_RWX;
}

static int64_t primary_cpu_on(struct psci_call *call)
{
	struct cpu *cpu = cpu_find(call->a1);

	if (!cpu)
		return PSCI_INVALID_PARAMETERS;
	if (!is_code_address(&vm_primary, call->a2))
		return PSCI_INVALID_ADDRESS;
	switch (cpu_turn_on(cpu, ipaddr(call->a2), call->a3)) {
	case CPU_ON_SUCCESS:
		return PSCI_SUCCESS;
	case CPU_ON_ALREADY_ON:
		return PSCI_ALREADY_ON;
	case CPU_ON_PENDING:
		return PSCI_ON_PENDING;
	default:
		return PSCI_INTERNAL_FAILURE;
	}
}

static int64_t primary_affinity_info(struct psci_call *call)
{
	struct cpu *cpu = cpu_find(call->a1);

	if (!cpu || call->a2 != 0)
		return PSCI_INVALID_PARAMETERS;
	switch (cpu_get_state(cpu)) {
	case CPU_ON:
		return AFFINITY_ON;
	case CPU_PENDING:
		return AFFINITY_ON_PENDING;
	default:
		return AFFINITY_OFF;
	}
}

static int64_t primary_system_off(struct psci_call *call)
{
	(void)call;
	smmu_poll(true);
	psci_firmware(PSCI_FN_SYSTEM_OFF, 0, 0, 0);
	return PSCI_INTERNAL_FAILURE;
}

static int64_t primary_system_reset(struct psci_call *call)
{
	static bool busy;

	(void)call;
	/* One CPU does it: whoever comes behind must not be faster. */
	while (__atomic_exchange_n(&busy, true, __ATOMIC_ACQUIRE))
		arch_relax();
	smmu_poll(true);
	vm_wipe_all();
	psci_firmware(PSCI_FN_SYSTEM_RESET, 0, 0, 0);
	__atomic_store_n(&busy, false, __ATOMIC_RELEASE);
	return PSCI_INTERNAL_FAILURE;
}

/* --- a secondary --- */

static int64_t secondary_suspend(struct psci_call *call)
{
	call->exit = wait_for_interrupt(call->caller);
	return PSCI_SUCCESS;
}

static int64_t secondary_cpu_off(struct psci_call *call)
{
	call->exit = vcpu_exit(EXIT_OFF, 0);
	return PSCI_SUCCESS;
}

/* vCPU i of a secondary has the MPIDR i. */
static struct vcpu *target_vcpu(const struct psci_call *call)
{
	struct vm *vm = call->caller->vm;

	if (call->a1 >= vm->vcpu_count)
		return NULL;
	return &vm->vcpus[index_nospec(call->a1, vm->vcpu_count)];
}

static int64_t secondary_cpu_on(struct psci_call *call)
{
	struct vcpu *target = target_vcpu(call);

	if (!target)
		return PSCI_INVALID_PARAMETERS;
	if (!is_code_address(target->vm, call->a2))
		return PSCI_INVALID_ADDRESS;
	if (vcpu_turn_on(target, ipaddr(call->a2), call->a3) != TURNED_ON)
		return PSCI_ALREADY_ON;
	call->exit = vcpu_exit(EXIT_WAKE, target->index);
	return PSCI_SUCCESS;
}

static int64_t secondary_affinity_info(struct psci_call *call)
{
	struct vcpu *target = target_vcpu(call);

	if (!target || call->a2 != 0)
		return PSCI_INVALID_PARAMETERS;
	return __atomic_load_n(&target->state, __ATOMIC_ACQUIRE) == VCPU_OFF
		       ? AFFINITY_OFF
		       : AFFINITY_ON;
}

static int64_t secondary_system_off(struct psci_call *call)
{
	call->exit = vcpu_exit(EXIT_ABORT, HF_ABORT_SYSTEM_OFF);
	return PSCI_SUCCESS;
}

static int64_t secondary_system_reset(struct psci_call *call)
{
	call->exit = vcpu_exit(EXIT_ABORT, HF_ABORT_SYSTEM_RESET);
	return PSCI_SUCCESS;
}

/* --- the functions, by number --- */

typedef int64_t (*psci_handler)(struct psci_call *call);

static int64_t psci_features(struct psci_call *call);

static const struct psci_row {
	psci_handler primary, secondary;
	bool has_64; /* there is a 64-bit kind as well */
} functions[] = {
	[0x00] = {psci_version, psci_version, false},
	[0x01] = {primary_suspend, secondary_suspend, true},
	[0x02] = {primary_cpu_off, secondary_cpu_off, false},
	[0x03] = {primary_cpu_on, secondary_cpu_on, true},
	[0x04] = {primary_affinity_info, secondary_affinity_info, true},
	[0x06] = {migrate_info_type, migrate_info_type, false},
	[0x08] = {primary_system_off, secondary_system_off, false},
	[0x09] = {primary_system_reset, secondary_system_reset, false},
	[0x0a] = {psci_features, psci_features, false},
};

/* The row of a function, or NULL. */
static const struct psci_row *find_function(uint32_t fn)
{
	uint32_t base = fn & ~(uint32_t)PSCI_NUMBER_MASK;
	const struct psci_row *row;
	uint32_t number;

	if (!index_check(fn - base, ARRAY_SIZE(functions), &number) ||
	    (base != PSCI_BASE_32 && base != PSCI_BASE_64))
		return NULL;
	row = &functions[number];
	if (!row->primary || (base == PSCI_BASE_64 && !row->has_64))
		return NULL;
	return row;
}

static int64_t psci_features(struct psci_call *call)
{
	if ((uint32_t)call->a1 == SMCCC_FN_VERSION ||
	    find_function((uint32_t)call->a1))
		return PSCI_SUCCESS;
	return PSCI_NOT_SUPPORTED;
}

static struct psci_call make_call(struct vcpu *vcpu, uint32_t fn)
{
	const uint64_t *x = vcpu->arch.x;
	uint64_t mask = (fn & ~(uint32_t)PSCI_NUMBER_MASK) == PSCI_BASE_64
				? ~(uint64_t)0
				: 0xffffffff;

	return (struct psci_call){
		.caller = vcpu,
		.a1 = x[1] & mask,
		.a2 = x[2] & mask,
		.a3 = x[3] & mask,
	};
}

bool psci_primary(struct vcpu *vcpu, uint32_t fn, int64_t *result)
{
	const struct psci_row *row = find_function(fn);
	struct psci_call call = make_call(vcpu, fn);

	if (!row)
		return false;
	*result = row->primary(&call);
	return true;
}

bool psci_secondary(struct vcpu *vcpu, uint32_t fn, int64_t *result,
		    uint64_t *exit)
{
	const struct psci_row *row = find_function(fn);
	struct psci_call call = make_call(vcpu, fn);

	if (!row)
		return false;
	*result = row->secondary(&call);
	*exit = call.exit;
	return true;
}
