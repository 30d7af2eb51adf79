/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The registers of EL2 that decide what a VM may do, bit by bit: each bit that
 * is set, or left clear on purpose, with the reason. The code takes the values
 * from here, and test/suites/control.py compares the running machine with it.
 *
 * A row is B(name, lowest bit, primary, secondary, feature, reason): what the
 * field is while a VM of that kind runs. A bit that is in no row is clear. The
 * feature is the one that brings the field; without it the field is RES0 and
 * the value has no effect. Names and layouts: DDI 0487, D17.2.
 */
#ifndef CONTROL_H
#define CONTROL_H

/* Adds up the rows of a register. */
#ifdef __ASSEMBLER__
#define CONTROL_FIELD(value, shift) | ((value) << (shift))
#else
#define CONTROL_FIELD(value, shift) | ((uint64_t)(value) << (shift))
#endif
#define CONTROL_PRIMARY(name, shift, primary, secondary, feature, reason) \
	CONTROL_FIELD(primary, shift)
#define CONTROL_SECONDARY(name, shift, primary, secondary, feature, reason) \
	CONTROL_FIELD(secondary, shift)

/* The value of a register while a VM of that kind runs. */
#define FOR_PRIMARY(reg) (0 reg##_ROWS(CONTROL_PRIMARY))
#define FOR_SECONDARY(reg) (0 reg##_ROWS(CONTROL_SECONDARY))

/* clang-format off */

#define HCR_EL2_ROWS(B)							\
	B(VM,      0, 1, 1, ALL, "stage 2 on")				\
	B(SWIO,    1, 1, 1, ALL, "invalidate by set/way cleans, too")	\
	B(PTW,     2, 1, 1, ALL, "no table walk through device memory")	\
	B(FMO,     3, 0, 1, ALL, "FIQ ends a secondary's run")		\
	B(IMO,     4, 0, 1, ALL, "IRQ ends a secondary's run")		\
	B(AMO,     5, 0, 1, ALL, "SError stops a secondary")		\
	B(VF_VI_VSE, 6, 0, 0, ALL, "no virtual interrupts")		\
	B(FB,      9, 1, 1, ALL, "a vCPU migrates: TLBI, IC are broadcast") \
	B(BSU,    10, 1, 1, ALL, "... and barriers inner shareable")	\
	B(DC,     12, 0, 0, ALL, "stage 1 off means what it says")	\
	B(TWI,    13, 0, 1, ALL, "the primary learns that it waits")	\
	B(TWE,    14, 0, 0, ALL, "WFE ends soon, and has no state")	\
	B(TID0,   15, 0, 0, ALL, "AArch32 EL1 only, which is not run")	\
	B(TID1,   16, 1, 1, ALL, "SMIDR, AIDR, REVIDR: idregs.c")	\
	B(TID2,   17, 0, 0, ALL, "cache geometry; CSSELR is switched")	\
	B(TID3,   18, 1, 1, ALL, "feature registers: idregs.c")		\
	B(TSC,    19, 1, 1, ALL, "SMC: smccc.c answers")		\
	B(TIDCP,  20, 1, 1, ALL, "implementation-defined registers")	\
	B(TACR,   21, 1, 1, ALL, "ACTLR")				\
	B(TSW,    22, 0, 1, ALL, "by set/way: all VMs' lines; SWIO keeps data") \
	B(TPCP,   23, 0, 0, ALL, "by address: stage 2 confines it")	\
	B(TPU,    24, 0, 0, ALL, "by address: stage 2 confines it")	\
	B(TTLB,   25, 0, 0, ALL, "TLBI: the VMID confines it")		\
	B(TVM,    26, 0, 0, ALL, "stage 1 is the VM's own")		\
	B(TGE,    27, 0, 0, ALL, "there is an EL1")			\
	B(TDZ,    28, 0, 0, ALL, "DC ZVA is a store")			\
	B(HCD,    29, 0, 0, ALL, "HVC is how a VM calls")		\
	B(TRVM,   30, 0, 0, ALL, "stage 1 is the VM's own")		\
	B(RW,     31, 1, 1, ALL, "EL1 is AArch64")			\
	B(CD_ID,  32, 0, 0, ALL, "stage 2 is cacheable")		\
	B(E2H,    34, 0, 0, FEAT_VHE, "EL2 has no EL0 of its own")	\
	B(TLOR,   35, 1, 1, FEAT_LOR, "ordering regions: not switched")	\
	B(TERR,   36, 1, 1, FEAT_RAS, "error records are the board's")	\
	B(TEA,    37, 0, 0, FEAT_RAS, "an abort is its maker's")	\
	B(TME,    39, 0, 0, FEAT_TME, "transactions: not shown")	\
	B(APK,    40, features.pauth, features.pauth, FEAT_PAUTH,	\
	  "no trap where keys are switched")				\
	B(API,    41, features.pauth, features.pauth, FEAT_PAUTH, "as APK") \
	B(NV_NV1_AT, 42, 0, 0, FEAT_NV, "no nested virtualization")	\
	B(NV2,    45, 0, 0, FEAT_NV2, "no nested virtualization")	\
	B(FWB,    46, 0, 0, FEAT_S2FWB, "stage 1 may ask for less")	\
	B(FIEN,   47, 0, 0, FEAT_RAS, "0 traps fault injection")	\
	B(GPF,    48, 0, 0, FEAT_RME, "granule faults are EL3's")	\
	B(TID4,   49, 0, 0, FEAT_EVT, "as TID2")			\
	B(TICAB,  50, 0, 0, FEAT_EVT, "as TPU")				\
	B(AMVOFFEN, 51, 0, 0, FEAT_AMU, "activity monitors: not shown")	\
	B(TOCU,   52, 0, 0, FEAT_EVT, "as TPU")				\
	B(ENSCXT, 53, 0, 0, FEAT_CSV2_2, "0 traps SCXTNUM: not shown")	\
	B(TTLBIS_OS, 54, 0, 0, FEAT_EVT, "as TTLB")			\
	B(ATA,    56, 0, 0, FEAT_MTE2, "0 traps memory tags: not shown") \
	B(DCT,    57, 0, 0, FEAT_MTE2, "as DC")				\
	B(TID5,   58, 1, 1, FEAT_MTE2, "GMID: memory tags, not shown")	\
	B(TWEDEN, 59, 0, 0, FEAT_TWED, "WFE is not trapped")

#define CPTR_EL2_ROWS(B)						\
	B(RES1_7_0, 0, 0xff, 0xff, ALL, "RES1")				\
	B(TZ,      8, 1, 1, ALL, "SVE: not shown; RES1 without it")	\
	B(RES1_9,  9, 1, 1, ALL, "RES1")				\
	B(TFP,    10, fp_trapped, fp_trapped, ALL, "until it has its own: fp.c") \
	B(TSM,    12, 1, 1, ALL, "SME: not shown; RES1 without it")	\
	B(RES1_13, 13, 1, 1, ALL, "RES1")				\
	B(TTA,    20, 1, 1, FEAT_TRACE, "trace: not shown")		\
	B(TAM,    30, 1, 1, FEAT_AMU, "activity monitors: not shown")	\
	B(TCPAC,  31, 0, 0, ALL, "CPACR is switched")
#define CPTR_TFP BIT(10)

#define MDCR_EL2_ROWS(B)						\
	B(HPMN,    0, features.pmu_counters, features.pmu_counters,	\
	  FEAT_PMU, "all counters are the primary's")			\
	B(TPMCR,   5, 0, 1, FEAT_PMU, "the PMU is the primary's")	\
	B(TPM,     6, 0, 1, FEAT_PMU, "the PMU is the primary's")	\
	B(HPME,    7, 0, 0, FEAT_PMU, "no counter is EL2's")		\
	B(TDE,     8, 0, 0, ALL, "debug exceptions: to EL1, never EL2")	\
	B(TDA,     9, 0, 1, ALL, "breakpoints are the primary's")	\
	B(TDOSA,  10, 1, 1, ALL, "locked, MDSCR could arm halting at EL2") \
	B(TDRA,   11, 0, 1, ALL, "debug ROM: an address of the board")	\
	B(E2PB,   12, 0, 0, FEAT_SPE, "0 traps the profiling buffer")	\
	B(TPMS,   14, 1, 1, FEAT_SPE, "profiling: not shown")		\
	B(ENSPM,  15, 0, 0, FEAT_SPMU, "0 traps system counters")	\
	B(HPMD,   17, 1, 1, FEAT_PMUV3P1, "nothing is counted at EL2")	\
	B(TTRF,   19, 1, 1, FEAT_TRF, "trace filter: not shown")	\
	B(HCCD,   23, 1, 1, FEAT_PMUV3P5, "no cycle is counted at EL2")	\
	B(E2TB,   24, 0, 0, FEAT_TRBE, "0 traps the trace buffer")	\
	B(HLP,    26, 0, 0, FEAT_PMUV3P5, "no counter is EL2's")	\
	B(TDCC,   27, 0, 0, FEAT_FGT, "with TDA; the primary's console") \
	B(MTPME,  28, 0, 0, FEAT_MTPMU, "counts this thread alone")	\
	B(HPMFZO, 29, 0, 0, FEAT_PMUV3P7, "no counter is EL2's")

/* While E2H is clear, as above. */
#define CNTHCTL_EL2_ROWS(B)						\
	B(EL1PCTEN, 0, 1, 1, ALL, "the counter tells time, no more")	\
	B(EL1PCEN,  1, 1, 0, ALL, "the physical timer is the primary's") \
	B(EVNTEN,   2, 0, 0, ALL, "no event stream from EL2")		\
	B(ECV,     12, 0, 0, FEAT_ECV2, "CNTPOFF is not used")		\
	B(EL1TVT,  13, 0, 0, FEAT_ECV, "the virtual timer is switched")	\
	B(EL1TVCT, 14, 0, 0, FEAT_ECV, "the counter tells time")	\
	B(EVNTIS,  17, 0, 0, FEAT_ECV, "no event stream from EL2")	\
	B(CNTMASK, 18, 0, 0, FEAT_RME, "timers are not masked")

/* It traps AArch32 at EL1, and of EL0 what AArch64's traps get as well. */
#define HSTR_EL2_ROWS(B)						\
	B(TN,      0, 0, 0, ALL, "AArch32 EL0: the traps above do")

/* el2.c chooses t0sz, sl0 and ps for the CPU. */
#define VTCR_EL2_ROWS(B)						\
	B(T0SZ,    0, t0sz, t0sz, ALL, "as many bits as physical addresses") \
	B(SL0,     6, sl0, sl0, ALL, "the level of the root")		\
	B(IRGN0,   8, 1, 1, ALL, "walks: write-back")			\
	B(ORGN0,  10, 1, 1, ALL, "walks: write-back")			\
	B(SH0,    12, 3, 3, ALL, "walks: inner shareable")		\
	B(TG0,    14, 0, 0, ALL, "pages of 4 KiB")			\
	B(PS,     16, ps, ps, ALL, "as many as the CPU has, 48 bits at most") \
	B(VS,     19, 0, 0, FEAT_VMID16, "VMIDs have 8 bits everywhere") \
	B(HA_HD,  21, 0, 0, FEAT_HAFDBS, "entries have AF, and do not change") \
	B(HWU,    25, 0, 0, FEAT_HPDS2, "bits 59-62 are ours")		\
	B(NSW,    29, 0, 0, FEAT_SEL2, "secure state only")		\
	B(RES1,   31, 1, 1, ALL, "RES1")				\
	B(DS,     32, 0, 0, FEAT_LPA2, "48 bits are enough")

#define SCTLR_EL2_ROWS(B)						\
	B(M,       0, 1, 1, ALL, "MMU on")				\
	B(A,       1, 0, 0, ALL, "copies take words from anywhere")	\
	B(C,       2, 1, 1, ALL, "data cached")				\
	B(SA,      3, 1, 1, ALL, "a misaligned stack pointer faults")	\
	B(RES1_4,  4, 3, 3, ALL, "RES1")				\
	B(EOS,    11, 1, 1, ALL, "ERET synchronizes; RES1 without ExS")	\
	B(I,      12, 1, 1, ALL, "instructions cached")			\
	B(RES1_16, 16, 1, 1, ALL, "RES1")				\
	B(RES1_18, 18, 1, 1, ALL, "RES1")				\
	B(WXN,    19, 1, 1, ALL, "nothing writable is executed")	\
	B(IESB,   21, 0, 0, FEAT_IESB, "a VM's SError shows as its own") \
	B(EIS,    22, 1, 1, ALL, "entry synchronizes; RES1 without ExS") \
	B(RES1_23, 23, 1, 1, ALL, "RES1")				\
	B(EE,     25, 0, 0, ALL, "little-endian")			\
	B(RES1_28, 28, 3, 3, ALL, "RES1")				\
	B(ITFSB_TCF_ATA, 37, 0, 0, FEAT_MTE2, "no memory tags at EL2")	\
	B(DSSBS,  44, 0, 0, FEAT_SSBS, "no speculative store bypass")

#define ACTLR_EL2_ROWS(B)						\
	B(IMPDEF,  0, 0, 0, ALL, "0 traps what of the CPU it gates")

#define HACR_EL2_ROWS(B)						\
	B(IMPDEF,  0, 0, 0, ALL, "0 at reset")

#define ICC_SRE_EL2_ROWS(B)						\
	B(SRE,     0, 1, 1, GICV3, "the GIC by system registers")	\
	B(DFB_DIB, 1, 3, 3, GICV3, "no bypass around it")		\
	B(ENABLE,  3, 0, 0, GICV3, "0 traps ICC_SRE_EL1, a constant")

#define ICH_HCR_EL2_ROWS(B)						\
	B(EN,      0, 0, vgic, GICV3, "virtual interrupts")		\
	B(UIE,     1, 0, 0, GICV3, "NPIE tells it sooner")		\
	B(LRENPIE_NPIE, 2, 0, 0, GICV3, "vgic.c, where LRs are too few") \
	B(VGRPIE,  4, 0, 0, GICV3, "enabling a group needs nothing of us") \
	B(TC,     10, 0, !vgic, GICV3, "until a VM uses its GIC: common, ") \
	B(TALL0,  11, 0, !vgic, GICV3, "... group 0, ")			\
	B(TALL1,  12, 0, !vgic, GICV3, "... group 1 registers")		\
	B(TSEI,   13, 0, 1, GICV3, "no virtual SError by the GIC")	\
	B(TDIR,   14, 0, 1, GICV3, "deactivation may be of another's LR")

/*
 * Registers of optional features, with one value for all VMs and none that is
 * defined at reset: R(name, encoding, register, shift, least, value, reason).
 * They are written where the field of ID_AA64<register>_EL1 that begins at bit
 * `shift` is `least` or more.
 */
#define CONSTANT_ROWS(R)						\
	R(HCRX_EL2, s3_4_c1_c2_2, mmfr1, 40, 1, 0,			\
	  "0 traps or disables all features that it has")		\
	R(HFGRTR_EL2, s3_4_c1_c1_4, mmfr0, 56, 1, 0,			\
	  "0 traps what newer features add (nXXX), no more")		\
	R(HFGWTR_EL2, s3_4_c1_c1_5, mmfr0, 56, 1, 0, "as HFGRTR")	\
	R(HFGITR_EL2, s3_4_c1_c1_6, mmfr0, 56, 1, 0, "as HFGRTR")	\
	R(HDFGRTR_EL2, s3_4_c3_c1_4, mmfr0, 56, 1, 0,			\
	  "as HFGRTR; branch records (nBRBxxx) are trapped")		\
	R(HDFGWTR_EL2, s3_4_c3_c1_5, mmfr0, 56, 1, 0, "as HDFGRTR")	\
	R(HFGRTR2_EL2, s3_4_c3_c1_2, mmfr0, 56, 2, 0, "as HFGRTR")	\
	R(HFGWTR2_EL2, s3_4_c3_c1_3, mmfr0, 56, 2, 0, "as HFGRTR")	\
	R(HFGITR2_EL2, s3_4_c3_c1_7, mmfr0, 56, 2, 0, "as HFGRTR")	\
	R(HDFGRTR2_EL2, s3_4_c3_c1_0, mmfr0, 56, 2, 0, "as HFGRTR")	\
	R(HDFGWTR2_EL2, s3_4_c3_c1_1, mmfr0, 56, 2, 0, "as HFGRTR")	\
	R(MPAM2_EL2, s3_4_c10_c5_0, pfr0, 40, 1,			\
	  BIT(48) | BIT(49) | BIT(58),					\
	  "partition 0; traps MPAM0, MPAM1, MPAMIDR")			\
	R(TRFCR_EL2, s3_4_c1_c2_1, dfr0, 40, 1, 0, "no trace of EL2")	\
	R(PMSCR_EL2, s3_4_c9_c9_0, dfr0, 32, 1, 0, "no profile of EL2")	\
	R(VSESR_EL2, s3_4_c5_c2_3, pfr0, 28, 1, 0, "no virtual SError")

/* clang-format on */

#endif
