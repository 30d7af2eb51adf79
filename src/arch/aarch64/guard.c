/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stack protector: the compiler puts the guard between the arrays of a
 * function and its return address, and compares it before the return.
 */
#include "arch_internal.h"
#include "log.h"

/* Names that the compiler knows. */
extern uintptr_t __stack_chk_guard;
_Noreturn void __stack_chk_fail(void);

uintptr_t __stack_chk_guard RO_AFTER_BOOT;

/* ID_AA64ISAR0_EL1.RNDR */
#define ISAR0_RNDR_SHIFT 60

/* 2^64 by the golden ratio, odd: multiplying by it loses nothing. */
#define SPREAD 0x9e3779b97f4a7c15

static BOOT_ONLY uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * SPREAD;
	hash = (hash ^ hash >> 32) * SPREAD;
	return hash ^ hash >> 32;
}

/* A random number of the CPU's, 0 if it has none to give. */
static BOOT_ONLY uint64_t random_number(void)
{
	uint64_t number = 0;

	if (read_sysreg(id_aa64isar0_el1) >> ISAR0_RNDR_SHIFT)
		__asm__ volatile("mrs %0, s3_3_c2_c4_0" /* RNDR */
				 : "=r"(number)
				 :
				 : "cc");
	return number;
}

/* The half of the seed that the primary does not get. */
static BOOT_ONLY uint64_t mix_seed(uint64_t hash, const struct fdt *fdt)
{
	fdt_node_t chosen = fdt_path(fdt, "/chosen");
	struct fdt_prop seed;

	if (chosen == FDT_NO_NODE || !fdt_prop(fdt, chosen, RNG_SEED, &seed))
		return hash;
	for (uint32_t i = RNG_SEED_GIVEN(seed.size); i < seed.size; i++)
		hash = mix(hash, seed.value[i]);
	return hash;
}

/* It changes the guard under its own feet. */
BOOT_ONLY __attribute__((no_stack_protector)) void
arch_guard_stacks(const struct fdt *fdt)
{
	uint64_t hash = mix(random_number(), read_sysreg(cntpct_el0));

	hash = mix_seed(hash, fdt);
	/* A string that is too long ends at the zero: it can not write it. */
	__stack_chk_guard = hash & ~(uint64_t)0xff;
}

void __stack_chk_fail(void)
{
	panic("stack frame overwritten, in the function at 0x%lx",
	      (uint64_t)(uintptr_t)__builtin_return_address(0) - 4);
}
