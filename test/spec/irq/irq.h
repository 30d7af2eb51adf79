/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The executable specification of a secondary's interrupt controller: a GICv3
 * (IHI 0069) with what docs/abi.md says of it, as a machine of bits that has
 * neither list registers nor words, and knows no vCPU that is switched out.
 * One transition for each access to a register, and for each line. Freestanding
 * C; it allocates nothing and keeps no state of its own.
 *
 * Where the architecture leaves a choice, which of several interrupts of the
 * same priority is taken first, the transition checks what was chosen.
 */
#ifndef IRQ_H
#define IRQ_H

#include <stdbool.h>
#include <stdint.h>

#define IRQ_VCPUS 3
#define IRQ_PRIVATE 32
#define IRQ_COUNT 96
#define IRQ_NOBODY 0xff
#define IRQ_SPURIOUS 1023
#define IRQ_IDLE 0x100 /* a priority: less than all */

struct irq {
	bool enabled, latched, line, edge, active;
	uint8_t group, priority;
	uint8_t target; /* of an SPI: a vCPU, or IRQ_NOBODY */
};

struct irq_cpu {
	struct irq own[IRQ_PRIVATE]; /* SGIs, PPIs */
	bool asleep;		     /* GICR_WAKER */
	/* The CPU interface, ICC_*_EL1; by group where there are two */
	uint8_t mask;
	uint8_t binary_point[2];
	bool group_enabled[2];
	bool drops_only;     /* CTLR.EOImode */
	uint32_t running[2]; /* active priorities, a bit each */
};

struct irq_gic {
	uint32_t vcpu_count;
	uint32_t control; /* GICD_CTLR's groups */
	struct irq spi[IRQ_COUNT - IRQ_PRIVATE];
	struct irq_cpu cpu[IRQ_VCPUS];
};

/* As at the start of the VM; of a vCPU that is turned on. */
void irq_reset(struct irq_gic *g, uint32_t vcpu_count);
void irq_reset_cpu(struct irq_gic *g, unsigned int vcpu);

/* Interrupt `intid` as the vCPU has it. */
struct irq *irq_at(struct irq_gic *g, unsigned int vcpu, unsigned int intid);

/* --- what is signalled --- */

/* Its line, or a bit in a register, says that it is to be taken. */
bool irq_is_pending(const struct irq *irq);

/*
 * Whether `intid` may be the one that interrupts the vCPU now; whether one has
 * to.
 */
bool irq_is_next(const struct irq_gic *g, unsigned int vcpu,
		 unsigned int intid);
bool irq_is_signalled(const struct irq_gic *g, unsigned int vcpu);

/* Whether a WFI of the vCPU ends. What it is in the middle of is no matter. */
bool irq_ends_wait(const struct irq_gic *g, unsigned int vcpu);

/* --- the CPU interface --- */

/*
 * ICC_IAR<group>_EL1 read as `intid`. False if it may not: it is none of those
 * that are next; or, if it is IRQ_SPURIOUS, there is one.
 */
bool irq_acknowledge(struct irq_gic *g, unsigned int vcpu, unsigned int group,
		     unsigned int intid);

/* ICC_EOIR<group>_EL1, of the interrupt that was taken last; ICC_DIR_EL1. */
void irq_end(struct irq_gic *g, unsigned int vcpu, unsigned int group,
	     unsigned int intid);
void irq_deactivate(struct irq_gic *g, unsigned int vcpu, unsigned int intid);

/* ICC_SGI<group>R_EL1. */
void irq_send(struct irq_gic *g, unsigned int vcpu, unsigned int group,
	      uint64_t value);

/* --- lines --- */

void irq_set_line(struct irq *irq, bool level);
void irq_pend(struct irq *irq);

/* --- registers in memory --- */

/* Frames: the distributor, and two for each vCPU. */
enum irq_frame { IRQ_GICD, IRQ_GICR, IRQ_GICR_PRIVATE };

/*
 * A load or store of `width` bytes at an offset of a frame, which the register
 * there allows; `vcpu` is the one whose redistributor it is, if it has one.
 */
uint64_t irq_load(struct irq_gic *g, enum irq_frame frame, unsigned int vcpu,
		  uint32_t offset, unsigned int width);
void irq_store(struct irq_gic *g, enum irq_frame frame, unsigned int vcpu,
	       uint32_t offset, unsigned int width, uint64_t value);

#endif
