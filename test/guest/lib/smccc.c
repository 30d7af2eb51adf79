/* SPDX-License-Identifier: BSD-3-Clause */
#include "dt.h"
#include "smccc.h"
#include "string.h"
#include "sysreg.h"

/* The conduit's instruction: a constant for the assembler. */
#define CALL(instruction, fn, a, b, c)                                         \
	register uint64_t x0 __asm__("x0") = (fn);                             \
	register uint64_t x1 __asm__("x1") = (a);                              \
	register uint64_t x2 __asm__("x2") = (b);                              \
	register uint64_t x3 __asm__("x3") = (c);                              \
                                                                               \
	__asm__ volatile(instruction                                           \
			 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)              \
			 :                                                     \
			 : "memory", "cc", "x4", "x5", "x6", "x7", "x8", "x9", \
			   "x10", "x11", "x12", "x13", "x14", "x15", "x16",    \
			   "x17");                                             \
	return (struct smccc_result)                                           \
	{                                                                      \
		{                                                              \
			x0, x1, x2, x3                                         \
		}                                                              \
	}

static bool by_smc;

struct smccc_result smccc_hvc(uint64_t fn, uint64_t a, uint64_t b, uint64_t c)
{
	CALL("hvc #0", fn, a, b, c);
}

struct smccc_result smccc_smc(uint64_t fn, uint64_t a, uint64_t b, uint64_t c)
{
	CALL(".inst 0xd4000003", fn, a, b, c);
}

void psci_init(void)
{
	const uint32_t *node = dt_node("/psci");
	const char *method = node ? dt_string(node, "method") : NULL;

	by_smc = method && !strcmp(method, "smc");
}

int64_t psci_call(uint32_t fn, uint64_t a, uint64_t b, uint64_t c)
{
	struct smccc_result r;

	r = by_smc ? smccc_smc(fn, a, b, c) : smccc_hvc(fn, a, b, c);
	return (int64_t)r.x[0];
}

int32_t psci_cpu_on(uint64_t mpidr, uint64_t entry, uint64_t context)
{
	return (int32_t)psci_call(PSCI_CPU_ON_64, mpidr, entry, context);
}

int32_t psci_affinity_info(uint64_t mpidr)
{
	return (int32_t)psci_call(PSCI_AFFINITY_INFO_64, mpidr, 0, 0);
}

void psci_system_off(void)
{
	psci_call(PSCI_SYSTEM_OFF, 0, 0, 0);
	for (;;)
		wfi();
}

void psci_system_reset(void)
{
	psci_call(PSCI_SYSTEM_RESET, 0, 0, 0);
	for (;;)
		wfi();
}

void psci_cpu_off(void)
{
	psci_call(PSCI_CPU_OFF, 0, 0, 0);
	for (;;)
		wfi();
}
