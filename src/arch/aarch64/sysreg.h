/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * System registers: access, and the bits that are used. Names and layouts from
 * the Arm Architecture Reference Manual (DDI 0487), section D17 (registers)
 * and D1 (exceptions).
 */
#ifndef SYSREG_H
#define SYSREG_H

#ifndef __ASSEMBLER__
#include <stdint.h>

#define read_sysreg(name)                                         \
	({                                                        \
		uint64_t read_;                                   \
		__asm__ volatile("mrs %0, " #name : "=r"(read_)); \
		read_;                                            \
	})

#define write_sysreg(name, value)                                      \
	do {                                                           \
		uint64_t write_ = (value);                             \
		__asm__ volatile("msr " #name ", %0" : : "r"(write_)); \
	} while (0)

static inline void isb(void)
{
	__asm__ volatile("isb" : : : "memory");
}

#define dsb(option) __asm__ volatile("dsb " #option : : : "memory")
#define dmb(option) __asm__ volatile("dmb " #option : : : "memory")

#define BIT(n) ((uint64_t)1 << (n))
#else
#define BIT(n) (1 << (n))
#endif

/* HCR_EL2 while there are no VMs: control.h has the rest. */
#define HCR_RW BIT(31) /* EL1 is AArch64 */
#define HCR_E2H_BIT 34 /* EL2 has an EL0; some CPUs cannot clear it */
#define HCR_E2H BIT(HCR_E2H_BIT)

#define ISR_ANY 0x1c0 /* ISR_EL1: SError, IRQ or FIQ is pending */

/* MPIDR_EL1: Aff3, Aff2 to Aff0 */
#define MPIDR_AFFINITY 0xff00ffffff

/* Timer control registers */
#define TIMER_ENABLE BIT(0)
#define TIMER_IMASK BIT(1)
#define TIMER_ISTATUS BIT(2)

/* SCTLR_ELx */
#define SCTLR_M BIT(0)
#define SCTLR_A BIT(1)
#define SCTLR_C BIT(2)
#define SCTLR_SA BIT(3)
#define SCTLR_I BIT(12)
#define SCTLR_WXN BIT(19)
#define SCTLR_SPAN BIT(23)
/* RES1 of SCTLR_EL2 with E2H = 0: bits 4, 5, 11, 16, 18, 22, 23, 28, 29 */
#define SCTLR_EL2_RES1 0x30c50830
/* SCTLR_EL1 at reset, MMU and caches off: RES1 bits 11, 20, 22, 23, 28, 29 */
#define SCTLR_EL1_RESET 0x30d00800
#define SCTLR_EL1_DSSBS BIT(44)

#define HCR_IMO BIT(4) /* set while a secondary runs: control.h */

/* PSTATE in SPSR */
#define PSTATE_MODE_MASK 0xf
#define PSTATE_EL0 0
#define PSTATE_EL1T 4
#define PSTATE_EL1H 5
#define PSTATE_AARCH32 BIT(4)
#define PSTATE_DAIF (BIT(6) | BIT(7) | BIT(8) | BIT(9))
#define PSTATE_SSBS BIT(12)
#define PSTATE_SS BIT(21)
#define PSTATE_PAN BIT(22)
#define PSTATE_DIT BIT(24)
#define PSTATE_TCO BIT(25)
#define PSTATE_NZCV (BIT(28) | BIT(29) | BIT(30) | BIT(31))

/* ESR_ELx */
#define ESR_EC(esr) (((esr) >> 26) & 0x3f)
#define ESR_IL BIT(25)
#define ESR_ISS(esr) ((esr)&0x1ffffff)

#define EC_UNKNOWN 0x00
#define EC_WFX 0x01
#define EC_FP 0x07
#define EC_CP14_64 0x0c
#define EC_HVC64 0x16
#define EC_SMC64 0x17
#define EC_SYSREG 0x18
#define EC_IABT_LOWER 0x20
#define EC_IABT_SAME 0x21
#define EC_DABT_LOWER 0x24
#define EC_DABT_SAME 0x25

/* Syndrome of HVC #0 from AArch64, whole register. */
#define ESR_HVC64_0 0x5a000000

/* ISS of instruction and data aborts */
#define ISS_FNV BIT(10) /* FAR_ELx does not hold the address */
#define ISS_FSC_MASK 0x3f
#define ISS_FSC_ADDRESS_SIZE_3 0x03 /* at level 3; below: at others */
#define ISS_FSC_EXTERNAL 0x10
#define ISS_FSC_EXTERNAL_WALK 0x14 /* + level of the stage-1 table */
#define ISS_S1PTW BIT(7)
#define ISS_CM BIT(8) /* cache maintenance */
#define ISS_WNR BIT(6)
#define ISS_SRT(esr) ((esr) >> 16 & 31) /* of a data abort: its register */

/* XZR, as a register number in a syndrome */
#define ZERO_REGISTER 31

/* TTBRn_EL1 without the ASID */
#define TTBR_ADDRESS 0xfffffffff000

/* Granule, IRGN/ORGN write-back, inner shareable, for TCR_EL2 and VTCR_EL2 */
#define TCR_WALK_WB_IS (BIT(8) | BIT(10) | BIT(12) | BIT(13))
#define TCR_EL2_RES1 (BIT(23) | BIT(31))

/* MAIR_EL2: attribute 0 is normal write-back memory, 1 is device memory. */
#define MAIR_NORMAL 0xff
#define MAIR_DEVICE 0x04 /* nGnRE */
#define MAIR_EL2_VALUE (MAIR_NORMAL | MAIR_DEVICE << 8)

#endif
