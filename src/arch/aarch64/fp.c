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

void fp_trap(struct vcpu *vcpu)
{
	struct cpu *cpu = vcpu->cpu;

	write_sysreg(cptr_el2, fp_cptr(false));
	isb();
	if (cpu->arch.fp_owner == cpu->vcpu)
		fp_save(&cpu->vcpu->arch.fp);
	fp_load(&vcpu->arch.fp);
	cpu->arch.fp_owner = vcpu;
	vcpu->arch.fp_cpu = cpu;
	cpu->vcpu->arch.controls.cptr = fp_cptr(vcpu != cpu->vcpu);
	cpu->arch.stay = STAY_UNUSUAL;
}
