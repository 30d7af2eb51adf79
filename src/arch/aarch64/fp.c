/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * FP/SIMD registers, switched on first use. CPTR_EL2.TFP is set while a vCPU
 * runs that does not have its own in the CPU. A secondary's are saved whenever
 * it leaves, as it may go on on another CPU; the primary's stay in the CPU,
 * where it is pinned, until a secondary wants to use its own.
 */
#include "arch_internal.h"
#include "control.h"
#include "cpu.h"
#include "vcpu.h"
#include "vm.h"

static bool is_loaded(const struct vcpu *vcpu)
{
	return vcpu->cpu->arch.fp_owner == vcpu &&
	       vcpu->arch.fp_cpu == vcpu->cpu;
}

/* CPTR_EL2, the same for all VMs. */
static uint64_t cptr(bool fp_trapped)
{
	return FOR_PRIMARY(CPTR_EL2);
}

uint64_t fp_enter(struct vcpu *vcpu)
{
	return cptr(!is_loaded(vcpu));
}

void fp_leave(struct vcpu *vcpu)
{
	if (!(read_sysreg(cptr_el2) & CPTR_TFP))
		fp_save(&vcpu->arch.fp);
}

void fp_trap(struct vcpu *vcpu)
{
	struct cpu *cpu = vcpu->cpu;

	write_sysreg(cptr_el2, cptr(false));
	isb();
	if (cpu->arch.fp_owner == cpu->vcpu)
		fp_save(&cpu->vcpu->arch.fp);
	fp_load(&vcpu->arch.fp);
	cpu->arch.fp_owner = vcpu;
	vcpu->arch.fp_cpu = cpu;
}
