/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * In front of src/arch/aarch64/vgic*.c on the host: its system registers are
 * those of the CPU interface in cpu_interface.c. A register that is not in the
 * list does not compile.
 */
#ifndef IRQ_REGS_H
#define IRQ_REGS_H

/* All that may be included later: below, `volatile` is not what it was. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../unit/fake/nospec.h"
#include "sysreg.h"

#define IRQ_4(op, name) \
	op(name##0_el2) op(name##1_el2) op(name##2_el2) op(name##3_el2)
#define IRQ_LRS(op)                                                        \
	IRQ_4(op, ich_lr)                                                  \
	op(ich_lr4_el2) op(ich_lr5_el2) op(ich_lr6_el2) op(ich_lr7_el2)    \
		op(ich_lr8_el2) op(ich_lr9_el2) op(ich_lr10_el2)           \
			op(ich_lr11_el2) op(ich_lr12_el2) op(ich_lr13_el2) \
				op(ich_lr14_el2) op(ich_lr15_el2)
#define IRQ_OTHERS(op)                                                   \
	op(tpidr_el2) op(hpfar_el2) op(far_el2) op(vbar_el2) op(isr_el1) \
		op(cntv_ctl_el0) op(cntv_cval_el0) op(cntvct_el0)        \
			op(cnthp_ctl_el2) op(cnthp_cval_el2)
#define IRQ_REGISTERS(op)                                                  \
	op(ich_vtr_el2) op(ich_hcr_el2) op(ich_misr_el2) op(ich_elrsr_el2) \
		op(ich_vmcr_el2) IRQ_4(op, ich_ap0r) IRQ_4(op, ich_ap1r)   \
			IRQ_LRS(op) IRQ_OTHERS(op)

#define IRQ_NAME(name) IRQ_##name,
enum irq_register { IRQ_REGISTERS(IRQ_NAME) IRQ_REGISTER_COUNT };

uint64_t irq_read(enum irq_register which);
void irq_write(enum irq_register which, uint64_t value);

#undef read_sysreg
#undef write_sysreg
#undef dsb
#undef dmb
#define read_sysreg(name) irq_read(IRQ_##name)
#define write_sysreg(name, value) irq_write(IRQ_##name, (value))
#define isb() ((void)0)
#define dsb(option) ((void)0)
#define dmb(option) ((void)0)

/* __asm__ volatile("text" : : : "memory") does nothing. */
#define __asm__
#define volatile(...) ((void)0)

#endif
