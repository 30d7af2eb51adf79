/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Suite `faults`: accesses that tell nothing of themselves, walks that fail,
 * AArch32: each ends in the VM that did it, and nowhere else.
 */
#include <stddef.h>
#include "access.h"
#include "exception.h"
#include "machine.h"
#include "mmu.h"
#include "sysreg.h"
#include "test.h"
#include "vm.h"

#define ABORTED_MEMORY                                           \
	((uint64_t)HF_ABORT_MEMORY_ACCESS << HF_VCPU_CODE_BITS | \
	 HF_VCPU_ABORTED)

/* Behind the memory of a secondary of 2 MiB. */
#define ABOVE 0x40200000

static bool has_atomics(void)
{
	return read_sysreg(id_aa64isar0_el1) >> 20 & 0xf;
}

/* May go on without an access: QEMU does nothing for these. */
static bool is_hint(enum access access)
{
	return access == ACCESS_PREFETCH ||
	       (access >= ACCESS_DC_CIVAC && access <= ACCESS_IC_IVAU);
}

static void check_primary_access(uint64_t address, enum access access)
{
	struct trap trap;

	trap_arm();
	access_memory(address, access);
	trap = trap_take();
	if (!trap.taken && is_hint(access))
		return;
	if (!trap.taken)
		FAIL("access %u of 0x%lx", access, address);
	if (trap.serror || ESR_EC(trap.esr) != EC_DATA_ABORT ||
	    ESR_FSC(trap.esr) != FSC_EXTERNAL_ABORT)
		FAIL("access %u of 0x%lx: ESR 0x%lx", access, address,
		     trap.esr);
}

static void primary_accesses(void)
{
	/* Memory of a secondary, and where no device is. */
	uint64_t where[] = {machine_hidden_address() & ~UINT64_C(0xfff),
			    0x0c800000};
	unsigned int i;
	unsigned int access;

	for (i = 0; i < 2; i++)
		for (access = 0; access < ACCESSES; access++)
			if (access != ACCESS_ATOMIC || has_atomics())
				check_primary_access(where[i],
						     (enum access)access);
}

static void check_secondary_access(enum access access)
{
	uint32_t vm = vm_spare();
	uint64_t result;

	vm_configure();
	if (test_over() || !vm_run_to_read(vm, 0))
		return;
	script_start();
	script_add(STEP_ACCESS, ABOVE, access, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	result = vm_run(vm, 0);
	if (result != ABORTED_MEMORY)
		FAIL("access %u: 0x%lx", access, result);
	/* Others go on. */
	step_run(vm_named("service"), STEP_NOW, 0, 0, 0, 0);
}

static void secondary_store_pair(void)
{
	check_secondary_access(ACCESS_STP);
}

static void secondary_exclusive(void)
{
	check_secondary_access(ACCESS_EXCLUSIVE);
}

static void secondary_writeback(void)
{
	check_secondary_access(ACCESS_WRITEBACK);
}

static void secondary_unaligned(void)
{
	check_secondary_access(ACCESS_UNALIGNED);
}

static void secondary_atomic(void)
{
	if (!has_atomics())
		SKIP("no FEAT_LSE");
	check_secondary_access(ACCESS_ATOMIC);
}

/* Maintenance of what is not there ends the VM or does nothing. */
static void secondary_cache_maintenance(void)
{
	static const enum access kinds[] = {ACCESS_DC_CIVAC, ACCESS_DC_CVAC,
					    ACCESS_DC_IVAC, ACCESS_IC_IVAU};
	uint32_t vm = vm_spare();
	uint64_t result;
	unsigned int i;

	vm_configure();
	if (test_over() || !vm_run_to_read(vm, 0))
		return;
	script_start();
	for (i = 0; i < 4; i++)
		script_add(STEP_ACCESS, ABOVE, kinds[i], 0, 0);
	CHECK_EQ(script_send(vm), 1);
	result = vm_run(vm, 0);
	CHECK(result == ABORTED_MEMORY ||
	      hf_vcpu_code(result) == HF_VCPU_RESPONSE_READY);
	if (result != ABORTED_MEMORY)
		CHECK_EQ(hf_rpc_ack(), 0);
}

/* --- page tables that are somewhere else --- */

static void primary_walk(void)
{
	uint64_t table = machine_hidden_address() & ~UINT64_C(0xfff);
	struct trap trap = try_walk(table);

	CHECK(trap.taken);
	CHECK_EQ(ESR_EC(trap.esr), EC_DATA_ABORT);
	CHECK_EQ(ESR_FSC(trap.esr) & ~3u, FSC_EXTERNAL_WALK);
	CHECK_EQ(trap.far, WALK_DATA);
	CHECK(!try_load((uintptr_t)vm_send, NULL).taken);
}

static void secondary_walk(void)
{
	uint32_t vm = vm_spare();

	vm_configure();
	if (test_over() || !vm_run_to_read(vm, 0))
		return;
	script_start();
	script_add(STEP_WALK, ABOVE, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	CHECK_EQ(vm_run(vm, 0), ABORTED_MEMORY);
}

/* --- AArch32 --- */

static void el1_is_aarch64(void)
{
	struct trap trap = try_a32_el1();

	CHECK(trap.taken);
	CHECK_EQ(ESR_EC(trap.esr), EC_ILLEGAL_STATE);
}

/* The class of exception that ends a program, -1: any. */
static void check_program(enum a32_program program, uint64_t esr, int class)
{
	if (class >= 0 && ESR_EC(esr) != (unsigned int)class)
		FAIL("program %u: ESR 0x%lx", program, esr);
}

static void primary_aarch32(void)
{
	static const int classes[A32_PROGRAMS] = {
		[A32_SVC] = EC_SVC32,
		[A32_HVC] = EC_UNKNOWN,
		[A32_SMC] = EC_UNKNOWN,
		[A32_LOAD] = EC_DATA_ABORT_EL0,
		[A32_LOAD_MULTIPLE] = EC_DATA_ABORT_EL0,
		[A32_CP15_TIMER] = EC_SVC32,
		[A32_CP15_TIMER_64] = EC_SVC32,
		[A32_CP15_PMU] = -1,
		[A32_CP14] = -1,
		[A32_CP14_64] = -1,
		[A32_CP14_STORE] = -1,
	};
	unsigned int i;
	uint64_t x0;

	if (!a32_exists())
		SKIP("no AArch32 at EL0");
	mmu_map_el0(machine_hidden_address());
	for (i = 0; i < A32_WFI && !test_over(); i++)
		check_program(
			(enum a32_program)i,
			a32_run((enum a32_program)i, EL0_DATA_32, &x0).esr,
			classes[i]);
}

/* A secondary has no physical timer, PMU and debug registers at EL0 either. */
static void secondary_aarch32(void)
{
	static const int classes[A32_PROGRAMS] = {
		[A32_SVC] = EC_SVC32,
		[A32_HVC] = EC_UNKNOWN,
		[A32_SMC] = EC_UNKNOWN,
		[A32_LOAD] = EC_DATA_ABORT_EL0,
		[A32_LOAD_MULTIPLE] = EC_DATA_ABORT_EL0,
		[A32_CP15_TIMER] = EC_UNKNOWN,
		[A32_CP15_TIMER_64] = EC_UNKNOWN,
		[A32_CP15_PMU] = -1,
		[A32_CP14] = EC_UNKNOWN,
		[A32_CP14_64] = -1, /* QEMU: zero, not trapped */
		[A32_CP14_STORE] = -1,
		[A32_WFI] = EC_SVC32,
		[T32_WFI] = EC_SVC32,
	};
	unsigned int i;

	if (!a32_exists())
		SKIP("no AArch32 at EL0");
	script_start();
	for (i = 0; i < A32_PROGRAMS; i++)
		script_add(STEP_A32, i, 0, 0, 0);
	if (!script_run(vm_named("service")))
		return;
	for (i = 0; i < A32_PROGRAMS && !test_over(); i++)
		check_program((enum a32_program)i, script_result(i)->esr,
			      classes[i]);
	CHECK_EQ(script_result(A32_WFI)->x[0], 3);
	CHECK_EQ(script_result(T32_WFI)->x[0], 4);
}

static const struct test_case cases[] = {
	{"primary_accesses", primary_accesses},
	{"secondary_store_pair", secondary_store_pair},
	{"secondary_exclusive", secondary_exclusive},
	{"secondary_writeback", secondary_writeback},
	{"secondary_unaligned", secondary_unaligned},
	{"secondary_atomic", secondary_atomic},
	{"secondary_cache_maintenance", secondary_cache_maintenance},
	{"primary_walk", primary_walk},
	{"secondary_walk", secondary_walk},
	{"el1_is_aarch64", el1_is_aarch64},
	{"primary_aarch32", primary_aarch32},
	{"secondary_aarch32", secondary_aarch32},
	{NULL, NULL},
};

const struct suite suite_faults = {"faults", cases};
