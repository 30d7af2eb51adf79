/* SPDX-License-Identifier: BSD-3-Clause */
/* Suite `isolation`: what a VM reaches for without having it. */
#include <stddef.h>
#include "dt.h"
#include "exception.h"
#include "gic.h"
#include "machine.h"
#include "mmu.h"
#include "smccc.h"
#include "test.h"
#include "vm.h"

#define ABORTED_MEMORY                                           \
	((uint64_t)HF_ABORT_MEMORY_ACCESS << HF_VCPU_CODE_BITS | \
	 HF_VCPU_ABORTED)

#define PAGE 4096
#define BLOCK UINT64_C(0x200000)
#define GIB (UINT64_C(1) << 30)
#define EDGE_PAGES 32
/*
 * Every block of as many address bits as the bootargs say (blocks=), and one
 * place in so many up to the end of 48 bits.
 */
#define BLOCKS_BITS 36
#define SPACE_END (UINT64_C(1) << 48)
#define SPARSE (UINT64_C(64) << 30)

static void secondary_smc(void)
{
	static const uint64_t fns[] = {PSCI_VERSION,	  PSCI_SYSTEM_OFF,
				       PSCI_CPU_ON_64,	  PSCI_CPU_OFF,
				       PSCI_SYSTEM_RESET, SMCCC_VERSION,
				       HF_VM_GET_COUNT,	  0};
	const unsigned int n = sizeof(fns) / sizeof(fns[0]);
	unsigned int i;

	script_start();
	for (i = 0; i < n; i++)
		script_add(STEP_SMC, fns[i], 0, 0x40000000, 0);
	if (!script_run(vm_named("service")))
		return;
	for (i = 0; i < n; i++) {
		CHECK_EQ(script_result(i)->x[0], (uint64_t)-1);
		CHECK_EQ(script_result(i)->changed, 0);
	}
}

/* What reads as zero or is UNDEFINED, in a secondary. */
static const uint32_t hidden_registers[] = {
	SYSREG(2, 0, 0, 0, 4),	 /* DBGBVR0_EL1 */
	SYSREG(2, 0, 0, 0, 5),	 /* DBGBCR0_EL1 */
	SYSREG(2, 0, 0, 0, 6),	 /* DBGWVR0_EL1 */
	SYSREG(2, 0, 0, 0, 7),	 /* DBGWCR0_EL1 */
	SYSREG(2, 0, 0, 2, 2),	 /* MDSCR_EL1 */
	SYSREG(2, 0, 1, 3, 4),	 /* OSDLR_EL1 */
	SYSREG(3, 3, 9, 13, 0),	 /* PMCCNTR_EL0 */
	SYSREG(3, 3, 9, 12, 1),	 /* PMCNTENSET_EL0 */
	SYSREG(3, 3, 9, 14, 0),	 /* PMUSERENR_EL0 */
	SYSREG(3, 3, 14, 15, 7), /* PMCCFILTR_EL0 */
	SYSREG(3, 0, 9, 14, 1),	 /* PMINTENSET_EL1 */
	SYSREG(3, 0, 10, 4, 3),	 /* LORC_EL1 */
	SYSREG(3, 4, 1, 1, 0),	 /* HCR_EL2 */
	SYSREG(3, 4, 2, 1, 0),	 /* VTTBR_EL2 */
	SYSREG(3, 4, 4, 0, 1),	 /* ELR_EL2 */
	SYSREG(3, 6, 1, 1, 0),	 /* SCR_EL3 */
};

#define HIDDEN_REGISTERS \
	(sizeof(hidden_registers) / sizeof(hidden_registers[0]))

static void check_hidden_register(unsigned int step, uint32_t name)
{
	const struct step_result *r = script_result(step);

	if (r->esr && ESR_EC(r->esr) != EC_UNKNOWN)
		FAIL("register 0x%x: ESR 0x%lx", name, r->esr);
	if (!r->esr && r->x[0])
		FAIL("register 0x%x reads 0x%lx", name, r->x[0]);
}

static void secondary_hidden_registers(void)
{
	unsigned int i;

	script_start();
	for (i = 0; i < HIDDEN_REGISTERS; i++)
		script_add(STEP_MRS, hidden_registers[i], 0, 0, 0);
	if (!script_run(vm_named("service")))
		return;
	for (i = 0; i < HIDDEN_REGISTERS; i++)
		check_hidden_register(i, hidden_registers[i]);
	script_start();
	for (i = 0; i < HIDDEN_REGISTERS; i++)
		script_add(STEP_MSR, hidden_registers[i], ~0ull, 0, 0);
	if (!script_run(vm_named("service")))
		return;
	script_start();
	for (i = 0; i < HIDDEN_REGISTERS; i++)
		script_add(STEP_MRS, hidden_registers[i], 0, 0, 0);
	if (!script_run(vm_named("service")))
		return;
	for (i = 0; i < HIDDEN_REGISTERS; i++)
		check_hidden_register(i, hidden_registers[i]);
}

/* Fields of ID registers that promise what is not switched or not given. */
static void check_promises(uint64_t pfr0, uint64_t pfr1)
{
	CHECK_EQ(pfr0 >> 8 & 0xf, 0);  /* EL2 */
	CHECK_EQ(pfr0 >> 32 & 0xf, 0); /* SVE */
	CHECK_EQ(pfr0 >> 40 & 0xf, 0); /* MPAM */
	CHECK_EQ(pfr0 >> 44 & 0xf, 0); /* AMU */
	CHECK_EQ(pfr1 >> 8 & 0xf, 0);  /* MTE */
	CHECK_EQ(pfr1 >> 24 & 0xf, 0); /* SME */
}

static void primary_promises(void)
{
	uint64_t pfr0, pfr1;

	__asm__ volatile("mrs %0, id_aa64pfr0_el1" : "=r"(pfr0));
	__asm__ volatile("mrs %0, id_aa64pfr1_el1" : "=r"(pfr1));
	check_promises(pfr0, pfr1);
}

static void secondary_promises(void)
{
	script_start();
	script_add(STEP_MRS, SYSREG(3, 0, 0, 4, 0), 0, 0, 0);
	script_add(STEP_MRS, SYSREG(3, 0, 0, 4, 1), 0, 0, 0);
	if (!script_run(vm_named("service")))
		return;
	check_promises(script_result(0)->x[0], script_result(1)->x[0]);
	/* GIC registers */
	CHECK_EQ(script_result(0)->x[0] >> 24 & 0xf, gic_version() == 3);
}

/* Cache maintenance by set/way, the OS lock, the GIC, AT and TLBI. */
static void secondary_instructions(void)
{
	static const uint32_t names[] = {
		SYSREG(1, 0, 7, 6, 2),	 /* DC ISW */
		SYSREG(1, 0, 7, 10, 2),	 /* DC CSW */
		SYSREG(1, 0, 7, 14, 2),	 /* DC CISW */
		SYSREG(1, 0, 8, 7, 0),	 /* TLBI VMALLE1 */
		SYSREG(1, 0, 8, 3, 0),	 /* TLBI VMALLE1IS */
		SYSREG(1, 4, 8, 7, 0),	 /* TLBI ALLE2 */
		SYSREG(1, 4, 7, 8, 0),	 /* AT S1E2R */
		SYSREG(1, 0, 7, 5, 0),	 /* IC IALLU */
		SYSREG(2, 0, 1, 0, 4),	 /* OSLAR_EL1 */
		SYSREG(2, 0, 1, 3, 4),	 /* OSDLR_EL1 */
		SYSREG(3, 3, 9, 12, 0),	 /* PMCR_EL0 */
		SYSREG(3, 3, 9, 14, 0),	 /* PMUSERENR_EL0 */
		SYSREG(3, 0, 12, 11, 5), /* ICC_SGI1R_EL1 */
		SYSREG(3, 0, 12, 11, 7), /* ICC_SGI0R_EL1 */
		SYSREG(3, 0, 12, 11, 6), /* ICC_ASGI1R_EL1 */
		SYSREG(3, 0, 12, 12, 1), /* ICC_EOIR1_EL1 */
		SYSREG(3, 0, 12, 12, 7), /* ICC_IGRPEN1_EL1 */
		SYSREG(3, 3, 14, 2, 1),	 /* CNTP_CTL_EL0 */
		SYSREG(3, 0, 15, 0, 0),	 /* implementation defined */
		SYSREG(3, 0, 11, 0, 0),	 /* implementation defined */
	};
	const unsigned int n = sizeof(names) / sizeof(names[0]);
	unsigned int i;

	script_start();
	for (i = 0; i < n; i++)
		script_add(STEP_MSR, names[i], 0, 0, 0);
	if (!script_run(vm_named("service")))
		return;
	for (i = 0; i < n; i++) {
		uint64_t esr = script_result(i)->esr;

		if (esr && ESR_EC(esr) != EC_UNKNOWN)
			FAIL("instruction 0x%x: ESR 0x%lx", names[i], esr);
	}
	/* The interrupts of the primary were not sent or enabled by it. */
	step_run(vm_named("service"), STEP_NOW, 0, 0, 0, 0);
}

static void check_aborts(uint64_t kind, uint64_t address, uint64_t a1)
{
	uint32_t vm = vm_spare();

	vm_configure();
	if (test_over() || !vm_run_to_read(vm, 0))
		return;
	script_start();
	script_add(kind, address, a1, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	CHECK_EQ(vm_run(vm, 0), ABORTED_MEMORY);
	CHECK_EQ(vm_run(vm, 0), ABORTED_MEMORY);
	CHECK_EQ(hf_vcpu_run(vm, 0), ABORTED_MEMORY);
	step_run(vm_named("service"), STEP_NOW, 0, 0, 0, 0);
}

static void secondary_load_above(void)
{
	check_aborts(STEP_LOAD, 0x40200000, 0);
}

static void secondary_store_below(void)
{
	check_aborts(STEP_STORE, 0x3ffffff8, 1);
}

static void secondary_jump(void)
{
	check_aborts(STEP_CALL, 0x40200000, 0);
}

static void secondary_load_pair(void)
{
	check_aborts(STEP_ACCESS, 0x40200000, ACCESS_LDP);
}

static void secondary_load_simd(void)
{
	check_aborts(STEP_ACCESS, 0x40300000, ACCESS_SIMD);
}

static void secondary_cache_zero(void)
{
	check_aborts(STEP_ACCESS, 0x40200000, ACCESS_DC_ZVA);
}

static void secondary_board_device(void)
{
	check_aborts(STEP_LOAD, 0x10000000, 0);
}

/* A prefetch of what is not there is no access. */
static void secondary_prefetch(void)
{
	step_run(vm_named("service"), STEP_ACCESS, 0x40200000, ACCESS_PREFETCH,
		 0, 0);
}

static void check_primary_abort(struct trap trap, unsigned int class,
				uint64_t far)
{
	CHECK(trap.taken);
	CHECK(!trap.serror);
	CHECK_EQ(ESR_EC(trap.esr), class);
	CHECK_EQ(ESR_FSC(trap.esr), FSC_EXTERNAL_ABORT);
	CHECK_EQ(trap.far, far);
}

static void primary_touches_hidden_memory(void)
{
	uint64_t address = machine_hidden_address();
	struct trap trap;

	check_primary_abort(try_load(address, NULL), EC_DATA_ABORT, address);
	if (test_over())
		return;
	check_primary_abort(try_store(address + 8, 0x1234), EC_DATA_ABORT,
			    address + 8);
	if (test_over())
		return;
	trap_arm();
	__asm__ volatile("ldp x9, x10, [%0]" ::"r"(address) : "x9", "x10");
	check_primary_abort(trap_take(), EC_DATA_ABORT, address);
	if (test_over())
		return;
	trap_arm();
	__asm__ volatile("ldxr x9, [%0]" ::"r"(address) : "x9");
	trap = trap_take();
	check_primary_abort(trap, EC_DATA_ABORT, address);
}

static void primary_jumps_to_hidden_memory(void)
{
	uint64_t address = machine_hidden_address();

	check_primary_abort(try_call(address), EC_INSTRUCTION_ABORT, address);
}

static void primary_el0_touches_hidden_memory(void)
{
	mmu_map_el0(machine_hidden_address());
	check_primary_abort(el0_run(el0_load, EL0_DATA + 16, NULL),
			    EC_DATA_ABORT_EL0, EL0_DATA + 16);
	if (test_over())
		return;
	check_primary_abort(el0_run(el0_store, EL0_DATA + 24, NULL),
			    EC_DATA_ABORT_EL0, EL0_DATA + 24);
}

/* Every page from the end of the primary's memory to the end of RAM. */
static void primary_sweeps_hidden_memory(void)
{
	uint64_t base = 0;
	uint64_t size = 0;
	uint64_t offset;

	dt_memory(&base, &size);
	for (offset = size; offset < machine_ram(); offset += 4096) {
		struct trap trap = try_load(base + offset, NULL);

		if (!trap.taken)
			FAIL("0x%lx can be read", base + offset);
	}
	/* And its own memory is all there. */
	for (offset = 0; offset < size; offset += 0x200000)
		CHECK(!try_load(base + offset, NULL).taken);
	CHECK(!try_load(base + size - 8, NULL).taken);
}

/* What the device tree gives, [begin, end) page by page. */
#define RANGES_MAX 64

static struct {
	uint64_t begin, end;
} given[RANGES_MAX];
static unsigned int given_count;

static void note_given(uint64_t base, uint64_t size)
{
	if (!size)
		return;
	if (given_count == RANGES_MAX)
		FAIL("more than %u ranges", RANGES_MAX);
	given[given_count].begin = base & ~(uint64_t)(PAGE - 1);
	given[given_count].end =
		(base + size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	given_count++;
}

static void note_node(const uint32_t *node)
{
	uint64_t base, size;
	unsigned int i;

	for (i = 0; dt_reg(node, i, &base, &size); i++)
		note_given(base, size);
	for (i = 0; dt_window(node, i, &base, &size); i++)
		note_given(base, size);
}

/* The tree of QEMU's board: nodes of the root, and those in the GIC. */
static void note_all_given(void)
{
	const uint32_t *node, *child;

	given_count = 0;
	for (node = dt_child(dt_node("/")); node; node = dt_sibling(node)) {
		note_node(node);
		if (!dt_property(node, "interrupt-controller", NULL))
			continue;
		for (child = dt_child(node); child; child = dt_sibling(child))
			note_node(child);
	}
}

/* The end of what is given at an address, or 0 if nothing is. */
static uint64_t given_until(uint64_t at)
{
	for (unsigned int i = 0; i < given_count; i++)
		if (at >= given[i].begin && at < given[i].end)
			return given[i].end;
	return 0;
}

static void must_fault(uint64_t at)
{
	struct trap trap;

	if (given_until(at))
		return;
	trap = try_load(mmu_reach(at), NULL);
	if (!trap.taken || ESR_EC(trap.esr) != EC_DATA_ABORT)
		FAIL("0x%lx can be read", at);
}

/* The pages around both ends of each range. */
static void probe_edges(void)
{
	for (unsigned int i = 0; i < given_count && !test_over(); i++)
		for (uint64_t n = 1; n <= EDGE_PAGES && !test_over(); n++) {
			must_fault(given[i].begin - n * PAGE);
			must_fault(given[i].end + (n - 1) * PAGE);
		}
}

/* From 0 on, in steps of 2 MiB. */
static void probe_blocks(void)
{
	uint64_t end = UINT64_C(1) << machine_number("blocks", BLOCKS_BITS);
	uint64_t at = 0;
	uintptr_t p = mmu_reach(0);

	for (; at < end && !test_over(); at += BLOCK, p += BLOCK) {
		if (!(at & (GIB - 1)))
			p = mmu_reach(at);
		if (!given_until(at) && !try_load(p, NULL).taken)
			FAIL("0x%lx can be read", at);
	}
}

/*
 * Of the whole address space only what the device tree gives can be reached.
 * Every page of it: test/suites/secrets.py, from outside.
 */
static void primary_touches_nothing(void)
{
	CHECK(try_load(0x7f00000000, NULL).taken);
	CHECK(try_store(0x7f00000000, 0).taken);
	note_all_given();
	if (!test_over())
		probe_edges();
	if (!test_over())
		probe_blocks();
	for (unsigned int k = 12; k < 48 && !test_over(); k++)
		for (int64_t n = -1; n <= 1 && !test_over(); n++)
			must_fault((UINT64_C(1) << k) + (uint64_t)(n * PAGE));
	for (uint64_t at = SPARSE; at < SPACE_END && !test_over(); at += SPARSE)
		must_fault(at);
}

/* The GIC's registers for EL2 and for VMs, where QEMU's `virt` has them. */
static void primary_touches_gic_of_el2(void)
{
	static const uint64_t bases[] = {0x08030000, 0x08040000};
	unsigned int i;

	if (gic_version() != 2)
		SKIP("not in memory");
	for (i = 0; i < 2; i++) {
		check_primary_abort(try_load(bases[i], NULL), EC_DATA_ABORT,
				    bases[i]);
		if (test_over())
			return;
	}
}

static const struct test_case cases[] = {
	{"secondary_smc", secondary_smc},
	{"primary_promises", primary_promises},
	{"secondary_promises", secondary_promises},
	{"secondary_hidden_registers", secondary_hidden_registers},
	{"secondary_instructions", secondary_instructions},
	{"secondary_prefetch", secondary_prefetch},
	{"secondary_load_above", secondary_load_above},
	{"secondary_store_below", secondary_store_below},
	{"secondary_jump", secondary_jump},
	{"secondary_load_pair", secondary_load_pair},
	{"secondary_load_simd", secondary_load_simd},
	{"secondary_cache_zero", secondary_cache_zero},
	{"secondary_board_device", secondary_board_device},
	{"primary_touches_hidden_memory", primary_touches_hidden_memory},
	{"primary_jumps_to_hidden_memory", primary_jumps_to_hidden_memory},
	{"primary_el0_touches_hidden_memory",
	 primary_el0_touches_hidden_memory},
	{"primary_sweeps_hidden_memory", primary_sweeps_hidden_memory},
	{"primary_touches_nothing", primary_touches_nothing},
	{"primary_touches_gic_of_el2", primary_touches_gic_of_el2},
	{NULL, NULL},
};

const struct suite suite_isolation = {"isolation", cases};
