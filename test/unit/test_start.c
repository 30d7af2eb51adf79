/* SPDX-License-Identifier: BSD-3-Clause */
/* src/arch/aarch64/start.c: memory that is taken from VMs. */
#include "regs.h"
#include "unit.h"

/* unit.c has another main(). */
#define main boot_main
#include "../../src/arch/aarch64/start.c"
#undef main

struct cpu cpus[MAX_CPUS];
struct vm vm_primary, vm_secondary[MAX_VMS];
uint32_t vm_count;

#define ROOT_PAGES 2
#define ENTRY UINT64_C(0xa5a5a5a5a5a5a5a5)

static uint64_t roots[3][ROOT_PAGES * PT_ENTRIES];

static void give_root(struct vm *vm, unsigned int i)
{
	for (unsigned int n = 0; n < ROOT_PAGES * PT_ENTRIES; n++)
		roots[i][n] = ENTRY;
	vm->stage2.root = roots[i];
	vm->stage2.root_pages = ROOT_PAGES;
	vm->arch.vttbr = i + 1;
}

static bool is_empty(unsigned int i)
{
	for (unsigned int n = 0; n < ROOT_PAGES * PT_ENTRIES; n++)
		if (roots[i][n])
			return false;
	return true;
}

/* Nothing is valid, and everything else is as it was. */
static bool is_parked(unsigned int i)
{
	for (unsigned int n = 0; n < ROOT_PAGES * PT_ENTRIES; n++)
		if (roots[i][n] != (ENTRY & ~(uint64_t)1))
			return false;
	return true;
}

/* A primary and three secondaries, the middle one left out. */
static void start(void)
{
	regs_reset();
	vm_count = 3;
	give_root(&vm_primary, 0);
	give_root(&vm_secondary[0], 1);
	memset(&vm_secondary[1], 0, sizeof(vm_secondary[1]));
	give_root(&vm_secondary[2], 2);
	regs_set("vttbr_el2", 1);
}

/* A VM that was left out, without a table, keeps nobody else's. */
TEST(revoke_from_all)
{
	start();
	revoke_all();
	for (unsigned int i = 0; i < 3; i++)
		CHECK(is_empty(i));
	CHECK_EQ(regs_count("tlbi alle1is"), 1);
	/* In front of the stores, behind them, and behind the TLBI. */
	CHECK_EQ(regs_count("dsb ish"), 3);
	CHECK_EQ(regs_first("dsb ish"), 0);
	CHECK(regs_last("dsb ish") > regs_first("tlbi"));
	CHECK(regs_last("isb") > regs_last("dsb ish"));
}

TEST(revoke_from_one)
{
	start();
	arch_vm_revoke(&vm_secondary[2]);
	CHECK(!is_parked(0) && !is_parked(1) && is_parked(2));
	CHECK_EQ(regs_count("dsb ish"), 3);
	CHECK_EQ(regs_first("dsb ish"), 0);
	CHECK(regs_last("dsb ish") > regs_first("tlbi vmalls12e1is"));
	CHECK_EQ(regs_read("vttbr_el2"), 1);
}
