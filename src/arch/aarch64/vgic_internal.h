/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the virtual interrupt controller share. */
#ifndef VGIC_INTERNAL_H
#define VGIC_INTERNAL_H

#include "arch_internal.h"
#include "vcpu.h"
#include "vgic.h"
#include "vm.h"

#define SGIS 0x0000ffffu
#define INTERFACE_PAGES (VGIC_INTERFACE_SIZE / PAGE_SIZE)

/* NULL: the board has none for it. */
extern const struct vgic_hw *vgic_hw;

/*
 * Around each access to what the controller knows: takes the VM's lock, and
 * folds the LRs of the vCPU, which runs here; fills them again, tells others,
 * and lets go of the lock.
 */
void vgic_begin(struct vcpu *vcpu);
void vgic_end(struct vcpu *vcpu);

/* As vgic_begin(), of a vCPU that uses its GIC from now on. */
void vgic_use(struct vcpu *vcpu);

/*
 * Puts an interrupt that begins to pend for the vCPU, which is loaded here,
 * into a list register; `latched`: LR_LATCHED, or 0. False if that takes more
 * than one that is free. The VM's lock is held.
 */
bool vgic_place(struct vcpu *vcpu, unsigned int intid, uint64_t latched);

/* Looks at the lines of the vCPU's timers. It runs here; the lock is held. */
void vgic_sample(struct vcpu *vcpu);

/* What `self` did is news for other vCPUs. The VM's lock is held. */
void vgic_tell(struct vcpu *self);

static inline bool is_v2(void)
{
	return board.gic_version == 2;
}

static inline struct vgic_word *word_of(struct vcpu *vcpu, unsigned int w)
{
	return w ? &vcpu->vm->arch.vgic.spi[w - 1] : &vcpu->arch.vgic.own;
}

#define FOR_BITS(n, set)                                          \
	for (uint32_t rest_ = (set), n = 0;                       \
	     rest_ && (n = (uint32_t)__builtin_ctz(rest_), true); \
	     rest_ &= rest_ - 1)

static inline uint32_t pending(const struct vgic_word *word)
{
	return word->latched | (word->line & ~word->edge);
}

#endif
