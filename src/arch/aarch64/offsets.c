/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbers that assembly needs of C structures. The build compiles this file to
 * assembly and turns each line "->NAME value" into a #define of offsets.h.
 */
#include <stddef.h>

#include "api.h"
#include "cpu.h"
#include "vcpu.h"
#include "vm.h"

#define DEFINE(name, value)                            \
	__asm__ volatile("\n.ascii \"->" #name " %0\"" \
			 :                             \
			 : "i"((uint64_t)(value)))

void offsets(void);

void offsets(void)
{
	DEFINE(VCPU_X, offsetof(struct vcpu, arch.x));
	DEFINE(VCPU_PC, offsetof(struct vcpu, arch.pc));
	DEFINE(VCPU_EL1, offsetof(struct vcpu, arch.el1));
	DEFINE(VCPU_VGIC_LOADED, offsetof(struct vcpu, arch.vgic.loaded));
	DEFINE(VCPU_PAUTH, offsetof(struct vcpu, arch.pauth));
	DEFINE(VCPU_FP, offsetof(struct vcpu, arch.fp));
	DEFINE(VCPU_FPCR, offsetof(struct vcpu, arch.fp.fpcr));
	DEFINE(VCPU_VM, offsetof(struct vcpu, vm));
	DEFINE(VCPU_CPU, offsetof(struct vcpu, cpu));
	DEFINE(VM_VTTBR, offsetof(struct vm, arch.vttbr));
	DEFINE(CPU_STACK_TOP, offsetof(struct cpu, arch.stack_top));
	DEFINE(CPU_SPECTRE, offsetof(struct cpu, arch.spectre));
	DEFINE(API_ROWS_SHIFT, API_ROWS_BITS);
	DEFINE(API_FIRST_ROWS, API_FIRST >> API_ROWS_BITS);
	DEFINE(EXIT_INTERRUPT_VALUE, EXIT_INTERRUPT);
}

_Static_assert(offsetof(struct spectre, call) ==
		       offsetof(struct spectre, rounds) + 4,
	       "assembly loads both");
_Static_assert(sizeof(struct api_row) == 16, "assembly indexes it");
_Static_assert(API_FIRST % API_ROWS == 0, "assembly takes the lower bits");

/* Cache lines: what is used together lies together, what CPUs share is apart.
 */
#ifndef HF_DEBUG /* a lock knows its holder */
_Static_assert(offsetof(struct vm, index) == CACHE_LINE,
	       "a message, and a RUN up to its entry, need one line of a VM");
#endif
_Static_assert(offsetof(struct vcpu, arch) == CACHE_LINE,
	       "whoever claims or queues a vCPU touches its first line alone");
_Static_assert(offsetof(struct vcpu, arch.mdscr) <= 8 * CACHE_LINE,
	       "the registers of a switch are the seven lines behind it");
_Static_assert(_Alignof(struct vcpu) == CACHE_LINE &&
		       _Alignof(struct cpu) == CACHE_LINE,
	       "no line is of two vCPUs, or of two CPUs");
