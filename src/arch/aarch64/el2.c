/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Control of what a VM may do at EL1 and EL0, as control.h has it, and the
 * switch of what differs between the primary and a secondary.
 */
#include "arch_internal.h"
#include "control.h"
#include "cpu.h"
#include "string.h"
#include "vcpu.h"
#include "vgic.h"
#include "vm.h"

struct cpu_features features RO_AFTER_BOOT;

/* MPIDR of vCPU i of a secondary: affinity 0.0.0.i */
#define MPIDR_RES1 BIT(31)

/* Fields of ID registers. */
static unsigned int field(uint64_t value, unsigned int shift)
{
	return value >> shift & 0xf;
}

/* All page tables are made for the boot CPU's physical addresses. */
static uint64_t vtcr RO_AFTER_BOOT;

static uint64_t make_vtcr(void)
{
	uint8_t level, pages, bits;
	uint64_t ps = features.pa_range;
	uint64_t t0sz, sl0;

	arch_stage2_geometry(&level, &pages, &bits);
	t0sz = 64u - bits;
	/* 2 starts at level 0, 1 at level 1 (4 KiB granule) */
	sl0 = level == 0 ? 2 : 1;
	return FOR_PRIMARY(VTCR_EL2);
}

static struct cpu_features read_features(void)
{
	uint64_t pa_range = read_sysreg(id_aa64mmfr0_el1) & 0xf;
	uint64_t isar1 = read_sysreg(id_aa64isar1_el1);
	uint64_t isar2 = read_sysreg(s3_0_c0_c6_2);
	uint64_t pfr0 = read_sysreg(id_aa64pfr0_el1);
	uint64_t pfr1 = read_sysreg(id_aa64pfr1_el1);
	uint64_t dfr0 = read_sysreg(id_aa64dfr0_el1);

	struct cpu_features own = {
		.pa_range = pa_range > 5 ? 5 : (uint8_t)pa_range,
		.e2h = read_sysreg(hcr_el2) & HCR_E2H,
		.pauth = field(isar1, 4) || field(isar1, 8) || field(isar2, 12),
		.sme = field(pfr1, 24),
		.ras = field(pfr0, 28),
		.gic_regs = field(pfr0, 24) && board.gic_version >= 3,
		.pmu = field(dfr0, 8) && field(dfr0, 8) != 0xf,
	};

	if (own.pmu)
		own.pmu_counters = read_sysreg(pmcr_el0) >> 11 & 0x1f;
	return own;
}

void el2_read_features(void)
{
	features = read_features();
	vtcr = make_vtcr();
}

/* Of a number a CPU may have more: what is made for the boot CPU fits. */
static bool is_number(unsigned int i)
{
	return i == offsetof(struct cpu_features, pa_range) ||
	       i == offsetof(struct cpu_features, pmu_counters);
}

const char *el2_cpu_differs(void)
{
	static const char names[][20] = {"physical addresses",
					 "HCR_EL2.E2H",
					 "FEAT_PAuth",
					 "FEAT_SME",
					 "FEAT_RAS",
					 "GIC CPU interface",
					 "PMU",
					 "PMU counters"};
	struct cpu_features own = read_features();
	const uint8_t *has = (const uint8_t *)&own;
	const uint8_t *wanted = (const uint8_t *)&features;

	_Static_assert(ARRAY_SIZE(names) == sizeof(features), "one name each");
	for (unsigned int i = 0; i < sizeof(features); i++)
		if (is_number(i) ? has[i] < wanted[i] : has[i] != wanted[i])
			return names[i];
	return NULL;
}

/* Registers of optional features; at reset they have no defined value. */
static void set_constants(void)
{
	uint64_t mmfr0 = read_sysreg(id_aa64mmfr0_el1);
	uint64_t mmfr1 = read_sysreg(id_aa64mmfr1_el1);
	uint64_t pfr0 = read_sysreg(id_aa64pfr0_el1);
	uint64_t dfr0 = read_sysreg(id_aa64dfr0_el1);

#define SET(name, encoding, id, shift, least, value, reason) \
	if (field(id, shift) >= (least))                     \
		write_sysreg(encoding, value);
	CONSTANT_ROWS(SET)
}

void el2_init(void)
{
	set_constants();
	write_sysreg(hcr_el2, FOR_PRIMARY(HCR_EL2));
	write_sysreg(vtcr_el2, vtcr);
	write_sysreg(hstr_el2, FOR_PRIMARY(HSTR_EL2));
	write_sysreg(actlr_el2, FOR_PRIMARY(ACTLR_EL2));
	write_sysreg(hacr_el2, FOR_PRIMARY(HACR_EL2));
	write_sysreg(mdcr_el2, FOR_PRIMARY(MDCR_EL2));
	/* Locked at reset: no breakpoint of the primary would ever be taken. */
	write_sysreg(oslar_el1, 0);
	write_sysreg(osdlr_el1, 0);
	write_sysreg(cnthctl_el2, FOR_PRIMARY(CNTHCTL_EL2));
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
	/* A secondary's DISR_EL1 is VDISR_EL2; the primary's is its own. */
	if (features.ras) {
		from->vdisr = read_sysreg(s3_4_c12_c1_1);
		write_sysreg(s3_4_c12_c1_1, to->vdisr);
	}
	/* What a secondary does is not counted, nor is its EL0 let in. */
	if (features.pmu) {
		from->pmcnten = read_sysreg(pmcntenset_el0);
		write_sysreg(pmcntenclr_el0, from->pmcnten);
		write_sysreg(pmcntenset_el0, to->pmcnten);
		from->pmuserenr = read_sysreg(pmuserenr_el0);
		write_sysreg(pmuserenr_el0, to->pmuserenr);
	}
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
	write_sysreg(mdcr_el2, FOR_SECONDARY(MDCR_EL2));
	write_sysreg(cnthctl_el2, FOR_SECONDARY(CNTHCTL_EL2));
	write_sysreg(vmpidr_el2, vcpu->arch.vmpidr);
	write_sysreg(vttbr_el2, vm->vttbr);
	write_sysreg(hcr_el2, vm->hcr);
	use_vectors(vcpu->cpu->arch.spectre.secondary_vectors);
	gic_enter_secondary();
	forget_other_vcpu(vcpu);
	if (vgic_is_used(vcpu->vm))
		vgic_enter(vcpu);
}

void switch_to_primary(struct vcpu *primary, struct vcpu *vcpu)
{
	const struct arch_vm *vm = &primary->vm->arch;

	fp_leave(vcpu);
	if (vgic_is_used(vcpu->vm))
		vgic_leave(vcpu);
	gic_leave_secondary();
	if (features.pauth) {
		save_pauth_keys(&vcpu->arch.pauth);
		load_pauth_keys(&primary->arch.pauth);
	}
	switch_optional(&vcpu->arch, &primary->arch);
	write_sysreg(cptr_el2, fp_enter(primary));
	write_sysreg(mdcr_el2, FOR_PRIMARY(MDCR_EL2));
	write_sysreg(cnthctl_el2, FOR_PRIMARY(CNTHCTL_EL2));
	write_sysreg(vmpidr_el2, primary->arch.vmpidr);
	write_sysreg(vttbr_el2, vm->vttbr);
	write_sysreg(hcr_el2, vm->hcr);
	use_vectors(primary->cpu->arch.spectre.primary_vectors);
	timer_leave_secondary(primary, vcpu);
	/*
	 * The vCPU may go on elsewhere. What it began here, and has not waited
	 * for, must be done by then: a TLBI, DC or IC is completed by a DSB of
	 * the CPU that issued it, and by no other (DDI 0487, B2.3.12 DSB).
	 */
	dsb(ish);
}

void arch_vm_init(struct vm *vm, uint32_t id)
{
	/* VMIDs have 8 bits everywhere; 0 is the one of nobody. */
	vm->arch.vttbr = virt_to_phys(vm->stage2.root).pa | (uint64_t)(id + 1)
								    << 48;
	vm->arch.hcr = id ? FOR_SECONDARY(HCR_EL2) : FOR_PRIMARY(HCR_EL2);
	vm->arch.cntvoff = id ? read_sysreg(cntpct_el0) : 0;
	for (uint32_t i = 0; i < vm->vcpu_count; i++)
		vm->vcpus[i].arch.vmpidr = id ? MPIDR_RES1 | i : cpus[i].id;
	vgic_reset(vm);
}

bool arch_vm_make_tables(struct vm *vm)
{
	return vgic_init_vm(vm);
}

void arch_vm_signal(struct vm *vm)
{
	vgic_pend(vm, VGIC_FIRST_SPI + VGIC_MAILBOX_SPI);
}

void arch_vcpu_reset(struct vcpu *vcpu, ipaddr_t entry, uint64_t argument)
{
	struct arch_vcpu *a = &vcpu->arch;
	uint64_t vmpidr = a->vmpidr;

	memset(a, 0, offsetof(struct arch_vcpu, vgic));
	vgic_reset_vcpu(vcpu);
	a->vmpidr = vmpidr;
	a->pc = entry.ipa;
	a->x[0] = argument;
	a->pstate = PSTATE_EL1H | PSTATE_DAIF;
	a->el1.sctlr_el1 = SCTLR_EL1_RESET;
}

uint64_t arch_vcpu_owed(struct vcpu *vcpu)
{
	return vgic_take_wake(vcpu);
}

void arch_vcpu_set_result(struct vcpu *vcpu, uint64_t result)
{
	vcpu->arch.x[0] = result;
}
