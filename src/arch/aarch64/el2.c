/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Control of what a VM may do at EL1 and EL0: HCR, CPTR, MDCR, CNTHCTL, HSTR,
 * VTCR (DDI 0487, D17.2), and the switch of what differs between the primary
 * and a secondary.
 */
#include "arch_internal.h"
#include "cpu.h"
#include "vcpu.h"
#include "vm.h"

struct cpu_features features RO_AFTER_BOOT;

/* HCR_EL2 that all VMs share. */
#define HCR_ALL                                                            \
	(HCR_RW | HCR_VM | HCR_SWIO | HCR_PTW | HCR_BSU_IS | HCR_FB |      \
	 HCR_TSC | HCR_TID3 | HCR_TID5 | HCR_TIDCP | HCR_TACR | HCR_TLOR | \
	 HCR_TERR)

/* A secondary's interrupts are the primary's; it waits in the primary. */
#define HCR_SECONDARY \
	(HCR_IMO | HCR_FMO | HCR_AMO | HCR_TWI | HCR_TID1 | HCR_TSW)

#define MDCR_ALL (MDCR_TPMS | MDCR_TTRF | MDCR_HPMD | MDCR_HCCD)
#define MDCR_SECONDARY \
	(MDCR_TPM | MDCR_TPMCR | MDCR_TDA | MDCR_TDOSA | MDCR_TDRA)

/* MPIDR of vCPU i of a secondary: affinity 0.0.0.i */
#define MPIDR_RES1 BIT(31)

/* Fields of ID registers. */
static unsigned int field(uint64_t value, unsigned int shift)
{
	return value >> shift & 0xf;
}

/* VTCR_EL2 of the boot CPU; all page tables are made for it. */
static uint64_t boot_vtcr RO_AFTER_BOOT;

static uint64_t vtcr(void)
{
	uint8_t level, pages, bits;
	uint64_t ps = read_sysreg(id_aa64mmfr0_el1) & 0xf;

	arch_stage2_geometry(&level, &pages, &bits);
	/* SL0: 2 starts at level 0, 1 at level 1 (4 KiB granule) */
	return VTCR_RES1 | (ps > 5 ? 5 : ps) << 16 | TCR_WALK_WB_IS |
	       (uint64_t)(level == 0 ? 2 : 1) << 6 | (64u - bits);
}

void el2_read_features(void)
{
	uint64_t isar1 = read_sysreg(id_aa64isar1_el1);
	uint64_t isar2 = read_sysreg(s3_0_c0_c6_2);
	uint64_t pfr0 = read_sysreg(id_aa64pfr0_el1);
	uint64_t pfr1 = read_sysreg(id_aa64pfr1_el1);
	uint64_t dfr0 = read_sysreg(id_aa64dfr0_el1);

	features.pauth = field(isar1, 4) || field(isar1, 8) || field(isar2, 12);
	features.sme = field(pfr1, 24);
	features.ras = field(pfr0, 28);
	features.gic_regs = field(pfr0, 24) && board.gic_version >= 3;
	features.pmu = field(dfr0, 8) && field(dfr0, 8) != 0xf;
	if (features.pmu)
		features.pmu_counters =
			read_sysreg(pmcr_el0) >> 11 & MDCR_HPMN_MASK;
	boot_vtcr = vtcr();
}

bool el2_cpu_fits(void)
{
	return vtcr() == boot_vtcr;
}

static uint64_t hcr_all(void)
{
	return HCR_ALL | (features.pauth ? HCR_APK | HCR_API : 0);
}

uint64_t el2_hcr_primary(void)
{
	return hcr_all();
}

uint64_t el2_hcr_secondary(void)
{
	return hcr_all() | HCR_SECONDARY;
}

static uint64_t mdcr_primary(void)
{
	return MDCR_ALL | features.pmu_counters;
}

/*
 * Registers of optional features that have no defined value at reset. Zero
 * traps, or leaves off, what the ID registers do not show (idregs.c).
 */
static void clear_optional(void)
{
	uint64_t mmfr0 = read_sysreg(id_aa64mmfr0_el1);
	uint64_t mmfr1 = read_sysreg(id_aa64mmfr1_el1);
	uint64_t pfr0 = read_sysreg(id_aa64pfr0_el1);
	uint64_t dfr0 = read_sysreg(id_aa64dfr0_el1);

	if (field(mmfr1, 40))
		write_sysreg(s3_4_c1_c2_2, 0); /* HCRX_EL2 */
	if (field(mmfr0, 56)) {
		write_sysreg(s3_4_c1_c1_4, 0); /* HFGRTR_EL2 */
		write_sysreg(s3_4_c1_c1_5, 0); /* HFGWTR_EL2 */
		write_sysreg(s3_4_c1_c1_6, 0); /* HFGITR_EL2 */
		write_sysreg(s3_4_c3_c1_4, 0); /* HDFGRTR_EL2 */
		write_sysreg(s3_4_c3_c1_5, 0); /* HDFGWTR_EL2 */
	}
	if (field(pfr0, 40)) /* MPAM2_EL2: trap MPAM0_EL1, MPAM1_EL1 */
		write_sysreg(s3_4_c10_c5_0, BIT(48) | BIT(49));
	if (field(dfr0, 40))
		write_sysreg(s3_4_c1_c2_1, 0); /* TRFCR_EL2 */
	if (field(dfr0, 32))
		write_sysreg(s3_4_c9_c9_0, 0); /* PMSCR_EL2 */
	if (features.ras)
		write_sysreg(s3_4_c5_c2_3, 0); /* VSESR_EL2 */
	write_sysreg(actlr_el2, 0);
	write_sysreg(hacr_el2, 0);
}

void el2_init(void)
{
	clear_optional();
	write_sysreg(hcr_el2, hcr_all());
	write_sysreg(vtcr_el2, boot_vtcr);
	write_sysreg(hstr_el2, 0);
	write_sysreg(cptr_el2, CPTR_ALL);
	write_sysreg(mdcr_el2, mdcr_primary());
	write_sysreg(cnthctl_el2, CNTHCTL_EL1PCTEN | CNTHCTL_EL1PCEN);
	write_sysreg(cntvoff_el2, 0);
	write_sysreg(cnthp_ctl_el2, 0);
	write_sysreg(vpidr_el2, read_sysreg(midr_el1));
	gic_init_cpu();
	isb();
	/* What the TLBs hold of EL1 is from before us. */
	__asm__ volatile("tlbi alle1" : : : "memory");
	dsb(nsh);
	isb();
}

static void load_pauth_keys(const struct pauth_keys *keys)
{
	const uint64_t *k = keys->key;

	write_sysreg(s3_0_c2_c1_0, k[0]);
	write_sysreg(s3_0_c2_c1_1, k[1]);
	write_sysreg(s3_0_c2_c1_2, k[2]);
	write_sysreg(s3_0_c2_c1_3, k[3]);
	write_sysreg(s3_0_c2_c2_0, k[4]);
	write_sysreg(s3_0_c2_c2_1, k[5]);
	write_sysreg(s3_0_c2_c2_2, k[6]);
	write_sysreg(s3_0_c2_c2_3, k[7]);
	write_sysreg(s3_0_c2_c3_0, k[8]);
	write_sysreg(s3_0_c2_c3_1, k[9]);
}

static void save_pauth_keys(struct pauth_keys *keys)
{
	uint64_t *k = keys->key;

	k[0] = read_sysreg(s3_0_c2_c1_0);
	k[1] = read_sysreg(s3_0_c2_c1_1);
	k[2] = read_sysreg(s3_0_c2_c1_2);
	k[3] = read_sysreg(s3_0_c2_c1_3);
	k[4] = read_sysreg(s3_0_c2_c2_0);
	k[5] = read_sysreg(s3_0_c2_c2_1);
	k[6] = read_sysreg(s3_0_c2_c2_2);
	k[7] = read_sysreg(s3_0_c2_c2_3);
	k[8] = read_sysreg(s3_0_c2_c3_0);
	k[9] = read_sysreg(s3_0_c2_c3_1);
}

/*
 * Two vCPUs of a VM have one VMID, and may use one ASID for different things:
 * what this CPU holds of the other one's translations goes (hazard 7).
 */
static void forget_other_vcpu(struct vcpu *vcpu)
{
	uint8_t *last = &vcpu->cpu->last_vcpu[vcpu->vm->index];
	uint8_t mark = (uint8_t)(vcpu->index + 1);

	if (*last == mark)
		return;
	*last = mark;
	isb();
	__asm__ volatile("tlbi vmalle1\n\tic iallu" : : : "memory");
	dsb(nsh);
}

/* State of optional features that no trap covers. */
static void switch_optional(struct arch_vcpu *from, const struct arch_vcpu *to)
{
	if (features.sme) {
		from->tpidr2 = read_sysreg(s3_3_c13_c0_5); /* TPIDR2_EL0 */
		write_sysreg(s3_3_c13_c0_5, to->tpidr2);
	}
	/* A secondary's DISR_EL1 is VDISR_EL2: nothing is ever deferred. */
	if (features.ras)
		write_sysreg(s3_4_c12_c1_1, 0);
}

void switch_to_secondary(struct vcpu *primary, struct vcpu *vcpu)
{
	const struct arch_vm *vm = &vcpu->vm->arch;

	timer_enter_secondary(primary, vcpu);
	if (features.pauth) {
		save_pauth_keys(&primary->arch.pauth);
		load_pauth_keys(&vcpu->arch.pauth);
	}
	switch_optional(&primary->arch, &vcpu->arch);
	write_sysreg(cptr_el2, fp_enter(vcpu));
	write_sysreg(mdcr_el2, mdcr_primary() | MDCR_SECONDARY);
	write_sysreg(cnthctl_el2, CNTHCTL_EL1PCTEN);
	write_sysreg(vmpidr_el2, vcpu->arch.vmpidr);
	write_sysreg(vttbr_el2, vm->vttbr);
	write_sysreg(hcr_el2, vm->hcr);
	use_vectors(vcpu->cpu, vectors_secondary);
	gic_enter_secondary();
	forget_other_vcpu(vcpu);
}

void switch_to_primary(struct vcpu *primary, struct vcpu *vcpu)
{
	const struct arch_vm *vm = &primary->vm->arch;

	fp_leave(vcpu);
	gic_leave_secondary();
	if (features.pauth) {
		save_pauth_keys(&vcpu->arch.pauth);
		load_pauth_keys(&primary->arch.pauth);
	}
	switch_optional(&vcpu->arch, &primary->arch);
	write_sysreg(cptr_el2, fp_enter(primary));
	write_sysreg(mdcr_el2, mdcr_primary());
	write_sysreg(cnthctl_el2, CNTHCTL_EL1PCTEN | CNTHCTL_EL1PCEN);
	write_sysreg(vmpidr_el2, primary->arch.vmpidr);
	write_sysreg(vttbr_el2, vm->vttbr);
	write_sysreg(hcr_el2, vm->hcr);
	use_vectors(primary->cpu, vectors_primary);
	timer_leave_secondary(primary, vcpu);
}

void arch_vm_init(struct vm *vm, uint32_t id)
{
	/* VMIDs have 8 bits everywhere; 0 is the one of nobody. */
	vm->arch.vttbr = virt_to_phys(vm->stage2.root).pa | (uint64_t)(id + 1)
								    << 48;
	vm->arch.hcr = id ? el2_hcr_secondary() : el2_hcr_primary();
	vm->arch.cntvoff = id ? read_sysreg(cntpct_el0) : 0;
	for (uint32_t i = 0; i < vm->vcpu_count; i++)
		vm->vcpus[i].arch.vmpidr = id ? MPIDR_RES1 | i : cpus[i].id;
}

void arch_vcpu_reset(struct vcpu *vcpu, ipaddr_t entry, uint64_t argument)
{
	struct arch_vcpu *a = &vcpu->arch;
	uint64_t vmpidr = a->vmpidr;

	*a = (struct arch_vcpu){0};
	a->vmpidr = vmpidr;
	a->pc = entry.ipa;
	a->x[0] = argument;
	a->pstate = PSTATE_EL1H | PSTATE_DAIF;
	a->el1.sctlr_el1 = SCTLR_EL1_RESET;
}

void arch_vcpu_set_result(struct vcpu *vcpu, uint64_t result)
{
	vcpu->arch.x[0] = result;
}
