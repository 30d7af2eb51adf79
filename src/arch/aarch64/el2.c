/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Control of what a VM may do at EL1 and EL0, as control.h has it.
 */
#include "arch_internal.h"
#include "control.h"
#include "cpu.h"
#include "string.h"
#include "vcpu.h"
#include "vgic.h"
#include "vm.h"

struct cpu_features features RO_AFTER_BOOT;
bool features_rare RO_AFTER_BOOT;
bool features_more RO_AFTER_BOOT;

/* MPIDR of vCPU i of a secondary: affinity 0.0.0.i */
#define MPIDR_RES1 BIT(31)

/* Fields of ID registers. */
static unsigned int field(uint64_t value, unsigned int shift)
{
	return value >> shift & 0xf;
}

/* All page tables are made for the boot CPU's physical addresses. */
static uint64_t vtcr RO_AFTER_BOOT;

static BOOT_ONLY uint64_t make_vtcr(void)
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

/* Whether a bit stays; the VMs' values do not matter yet. */
#define KEEPS_BITS(name)                         \
	({                                       \
		write_sysreg(name, ~0ull);       \
		uint64_t is = read_sysreg(name); \
		write_sysreg(name, 0);           \
		is != 0;                         \
	})

static bool has_impdef_registers(void)
{
	return KEEPS_BITS(afsr0_el1) | KEEPS_BITS(afsr1_el1) |
	       KEEPS_BITS(amair_el1);
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
		.impdef = has_impdef_registers(),
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

BOOT_ONLY void el2_read_features(void)
{
	features = read_features();
	features_rare =
		features.pauth | features.sme | features.ras | features.impdef;
	features_more = features_rare | !features.gic_regs;
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
					 "PMU counters",
					 "AFSR and AMAIR"};
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
	arch_this_cpu()->arch.deadline = TIMER_NEVER;
	write_sysreg(vpidr_el2, read_sysreg(midr_el1));
	gic_init_cpu();
	isb();
	/* What the TLBs hold of EL1 is from before us. */
	__asm__ volatile("tlbi alle1" : : : "memory");
	dsb(nsh);
	isb();
}

void arch_vm_init(struct vm *vm, uint32_t id)
{
	struct controls c = {
		.cptr = fp_cptr(true),
		.mdcr = id ? FOR_SECONDARY(MDCR_EL2) : FOR_PRIMARY(MDCR_EL2),
		.cnthctl = id ? FOR_SECONDARY(CNTHCTL_EL2)
			      : FOR_PRIMARY(CNTHCTL_EL2),
		/* VMIDs have 8 bits everywhere; 0 is the one of nobody. */
		.vttbr = virt_to_phys(vm->stage2.root).pa | (uint64_t)(id + 1)
								    << 48,
		.hcr = id ? FOR_SECONDARY(HCR_EL2) : FOR_PRIMARY(HCR_EL2),
		.cntvoff = id ? read_sysreg(cntpct_el0) : 0,
	};

	vm->arch.vttbr = c.vttbr;
	for (uint32_t i = 0; i < vm->vcpu_count; i++) {
		c.vmpidr = id ? MPIDR_RES1 | i : cpus[i].id;
		vm->vcpus[i].arch.controls = c;
	}
	vgic_reset(vm);
}

BOOT_ONLY bool arch_vm_make_tables(struct vm *vm)
{
	return vgic_init_vm(vm);
}

void arch_vm_signal(struct vm *vm)
{
	/* Whoever begins to use it looks for a message then: vgic_use(). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (vgic_is_used(vm))
		vgic_pend(vm, VGIC_MAILBOX);
}

void arch_vcpu_reset(struct vcpu *vcpu, ipaddr_t entry, uint64_t argument)
{
	struct arch_vcpu *a = &vcpu->arch;

	memset(a, 0, offsetof(struct arch_vcpu, controls));
	a->controls.usual_from = 0;
	vgic_reset_vcpu(vcpu);
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
