/* SPDX-License-Identifier: BSD-3-Clause */
/* SMC Calling Convention and PSCI, from the caller's side. */
#ifndef SMCCC_H
#define SMCCC_H

#include <stdint.h>

struct smccc_result {
	uint64_t x[4];
};

/* Function in x0, arguments in x1-x3; the result is x0-x3. */
struct smccc_result smccc_hvc(uint64_t fn, uint64_t a, uint64_t b, uint64_t c);
struct smccc_result smccc_smc(uint64_t fn, uint64_t a, uint64_t b, uint64_t c);

#define SMCCC_VERSION 0x80000000
#define SMCCC_ARCH_FEATURES 0x80000001
#define SMCCC_ARCH_SOC_ID 0x80000002
#define SMCCC_ARCH_WORKAROUND_1 0x80008000
#define SMCCC_ARCH_WORKAROUND_2 0x80007fff
#define SMCCC_ARCH_WORKAROUND_3 0x80003fff
#define SMCCC_NOT_SUPPORTED (-1)

#define PSCI_VERSION 0x84000000
#define PSCI_CPU_SUSPEND 0x84000001
#define PSCI_CPU_SUSPEND_64 0xc4000001
#define PSCI_CPU_OFF 0x84000002
#define PSCI_CPU_ON 0x84000003
#define PSCI_CPU_ON_64 0xc4000003
#define PSCI_AFFINITY_INFO 0x84000004
#define PSCI_AFFINITY_INFO_64 0xc4000004
#define PSCI_MIGRATE_INFO_TYPE 0x84000006
#define PSCI_SYSTEM_OFF 0x84000008
#define PSCI_SYSTEM_RESET 0x84000009
#define PSCI_FEATURES 0x8400000a

#define PSCI_SUCCESS 0
#define PSCI_NOT_SUPPORTED (-1)
#define PSCI_INVALID_PARAMETERS (-2)
#define PSCI_DENIED (-3)
#define PSCI_ALREADY_ON (-4)
#define PSCI_ON_PENDING (-5)
#define PSCI_INVALID_ADDRESS (-9)

/* AFFINITY_INFO. */
#define PSCI_ON 0
#define PSCI_OFF 1

/* Finds out from the device tree whether PSCI takes HVC or SMC. */
void psci_init(void);

/* A PSCI call by the device tree's conduit. */
int64_t psci_call(uint32_t fn, uint64_t a, uint64_t b, uint64_t c);

/* The same; the result is the 32-bit number that most calls return. */
int32_t psci_cpu_on(uint64_t mpidr, uint64_t entry, uint64_t context);
int32_t psci_affinity_info(uint64_t mpidr);
_Noreturn void psci_system_off(void);
_Noreturn void psci_system_reset(void);
_Noreturn void psci_cpu_off(void);

#endif
