/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupts that are counted up to the first instruction of the vector, which
 * is a mark. Addresses are those of QEMU's `virt` machine, in any VM.
 */
#ifndef IRQ_H
#define IRQ_H

#include <stdint.h>

#define IRQ_GICD 0x08000000
#define IRQ_GICD_SGIR 0x08000f00
#define IRQ_GICC 0x08010000

/* Takes the vectors of irq_vectors.S on this CPU. */
void irq_init(void);

/*
 * Each unmasks interrupts, counts from then on, does something, and returns
 * when the vector was reached, interrupts masked again.
 */
void irq_store(uintptr_t address, uint32_t value); /* a device register */
void irq_send(uint64_t value);			   /* ICC_SGI1R_EL1 */
void irq_wait(void);				   /* spins */
void irq_sleep(void);				   /* WFI; does not count */
void irq_run(uint32_t vm);			   /* RUN; does not count */

/* Takes an interrupt, which a timer raises no more; returns its number. */
uint32_t irq_take(void);

/* Sends an SGI to a CPU by its Aff0, counted until the next mark. */
void irq_send_to(unsigned int cpu, unsigned int intid);

#endif
