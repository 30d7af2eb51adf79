/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The interrupt controller of a secondary VM: a GIC of the board's version
 * (IHI 0069, IHI 0048) with 16 SGIs, 16 PPIs and 64 SPIs, in one security
 * state. Distributor and redistributors are emulated; the CPU interface is the
 * hardware's virtual one, which shows the vCPU what is in list registers (LR).
 *
 * While a vCPU does not run its interrupts are in the bitmaps below, and
 * nowhere else. While it runs, those that it is to see are in LRs: filled on
 * entry, and folded back on leaving and around each access to a register that
 * they matter for. A VM that touches none of the registers has no part in it.
 */
#ifndef VGIC_H
#define VGIC_H

#include <stdbool.h>
#include <stdint.h>

#include "limits.h"
#include "spinlock.h"

struct fdt_writer;
struct ptable;
struct vcpu;
struct vm;

/* Where it is, as on QEMU's `virt` machine. */
#define VGIC_DISTRIBUTOR 0x08000000
#define VGIC_REDISTRIBUTORS 0x080a0000
#define VGIC_REDISTRIBUTOR_SIZE 0x20000
#define VGIC_CPU_INTERFACE 0x08010000
#define VGIC_INTERFACE_SIZE 0x2000
#define VGIC_FRAME 0x10000

/* Interrupts of a VM, in words of 32. */
#define VGIC_WORDS 3
#define VGIC_INTIDS (32 * VGIC_WORDS)
#define VGIC_FIRST_SPI 32
#define VGIC_SPIS (VGIC_INTIDS - VGIC_FIRST_SPI)

/* Private interrupts of the timers, and the SPI of the mailbox. */
#define VGIC_VIRTUAL_TIMER 27
#define VGIC_PHYSICAL_TIMER 30
#define VGIC_MAILBOX_SPI 3
#define VGIC_MAILBOX (VGIC_FIRST_SPI + VGIC_MAILBOX_SPI)

/* List registers that are used; more of them would be no faster. */
#define VGIC_LRS 4

/* 32 interrupts, a bit each. */
struct vgic_word {
	uint32_t group;
	uint32_t enabled;
	uint32_t latched; /* pending, by itself */
	uint32_t line;	  /* level of its line: pending unless edge-triggered */
	uint32_t edge;
	uint32_t active;
	uint8_t priority[32];
};

/* Of a vCPU; its VM's lock guards all. */
struct vgic_cpu {
	struct vgic_word own; /* SGIs and PPIs */
	bool loaded;	      /* its CPU has it */
	bool idle;	      /* it left by a WFI: an interrupt is to be told */
	bool told;	      /* that there is one */
	bool kicked;	      /* in this stay */
	bool asleep;	      /* GICR_WAKER */
	uint8_t handled;      /* interrupts of its own, counted */
	uint8_t tell; /* vCPUs that it has to tell the primary of, a bit each */
	uint8_t lr_count;
	bool calm; /* while loaded: all that it was to see, and more, had LRs */
	uint64_t lr[VGIC_LRS]; /* as they were filled */
	/* What found none: the hardware tells when there is room. */
	uint32_t left_out[VGIC_WORDS];
	/* Virtual CPU interface, while it is not loaded. */
	uint32_t vmcr;
	uint32_t ap0r[4], ap1r[4];
	/* GICv2: vCPUs whose SGI is pending, a bit each; whose is active. */
	uint8_t sources[16], source[16];
};

/* Of a VM. */
struct vgic {
	struct spinlock lock; /* vgic_init_vm() */
	/* The VM's, from here on. */
	bool used; /* from the first access on; read without the lock */
	uint32_t control;
	struct vgic_word spi[VGIC_WORDS - 1];
	uint8_t target[VGIC_SPIS];  /* vCPU that gets it */
	uint8_t owner[VGIC_SPIS];   /* ... on which it is active */
	uint8_t targets[VGIC_SPIS]; /* GICD_ITARGETSR */
	/* GICv2: stage 2's entries of the CPU interface; empty until `used`. */
	uint64_t *interface;
};

/* --- a list register, in the layout of ICH_LR<n>_EL2 --- */

#define LR_PENDING BIT(62)
#define LR_ACTIVE BIT(63)
#define LR_HW BIT(61)
#define LR_GROUP BIT(60)
#define LR_PRIORITY 48
#define LR_EOI BIT(41) /* maintenance interrupt at its end */
#define LR_PHYSICAL 32 /* INTID; GICv2: of an SGI, its source */
#define LR_INTID 0x3ff
#define LR_LATCHED BIT(59) /* ours: the latch is in it */
#define LR_ENDED BIT(58)   /* ours: another vCPU has deactivated it since */

/* ICH_HCR_EL2, GICH_HCR; and which of them ICH_MISR_EL2, GICH_MISR tells. */
#define VGIC_HCR_EN BIT(0)
#define VGIC_HCR_LRENPIE BIT(2)
#define VGIC_HCR_NPIE BIT(3)

/* ICC_SRE_EL1 of all VMs: system registers, no bypass. */
#define ICC_SRE_VALUE 7

/* ICH_VMCR_EL2, GICH_VMCR */
#define VMCR_GROUPS 3 /* a bit each */
#define VMCR_PMR 24

/* The hardware of a GICv3 (vgic_v3.c) or a GICv2 (vgic_v2.c) for it. */
struct vgic_hw {
	unsigned int (*lr_count)(void);
	/* The virtual CPU interface gets the vCPU's state; and gives it. */
	void (*load)(const struct vgic_cpu *c);
	void (*save)(struct vgic_cpu *c);
	uint64_t (*read_lr)(unsigned int n);
	/* Fills LR 0 if there is nothing in it; else false. */
	bool (*refill)(uint64_t lr);
	/* LRs with nothing in them, a bit each. */
	uint32_t (*empty)(void);
	void (*write_lr)(unsigned int n, uint64_t lr);
	/* Empties all LRs of this CPU: at reset they have no defined value. */
	void (*clear)(void);
	/* On, with VGIC_HCR_*; nothing was ended outside of an LR. */
	void (*start)(uint64_t flags);
	/* Interrupts that were ended outside of an LR. */
	unsigned int (*eoi_count)(void);
	bool (*maintenance)(void);
	uint32_t (*vmcr)(void);
	/* Makes the CPU whose registers these are come to EL2; NULL: cannot. */
	void (*kick)(volatile uint32_t *ppis, uint32_t bit);
};

extern const struct vgic_hw vgic_v3, vgic_v2;

/* Where the registers of the GICv2's virtual CPU interface are mapped. */
void vgic_v2_init(void *registers);

/* --- life --- */

/* Finds out what the board has for it, once that of the GIC is known. */
void vgic_init_board(void);

/* On each CPU: nothing is in LRs. */
void vgic_init_cpu(void);

/*
 * Makes the page tables that the VM may need. False if none is left. Boot only.
 */
bool vgic_init_vm(struct vm *vm);

/* As at reset: of a new VM, and of a vCPU that is turned on. */
void vgic_reset(struct vm *vm);
void vgic_reset_vcpu(struct vcpu *vcpu);

/* Adds it to a secondary's tree, with the interrupt of the mailbox. */
void vgic_tree(struct fdt_writer *w, const struct vm *vm);

/* --- entering and leaving a vCPU, with its timers in the CPU --- */

void vgic_enter(struct vcpu *vcpu);
void vgic_leave(struct vcpu *vcpu);

/*
 * A timer's registers, of the running vCPU, have changed, or something else of
 * which its LRs do not know.
 */
void vgic_refresh(struct vcpu *vcpu);

/*
 * An interrupt was taken from the running vCPU. True if it was one of ours,
 * which is handled: the vCPU goes on, and comes back at once if there is
 * another.
 */
bool vgic_interrupt(struct vcpu *vcpu);

/*
 * The running vCPU would wait for an interrupt. False if one is there. From
 * here on others tell the primary of what they send to it.
 */
bool vgic_may_wait(struct vcpu *vcpu);

/*
 * The vcpu_exit() that tells of a vCPU with a new interrupt; there is one if
 * vgic_cpu.tell is not 0.
 */
uint64_t vgic_next_wake(struct vcpu *vcpu);

/* --- accesses --- */

/*
 * Emulates the data abort of a secondary, with syndrome `esr`, if it is an
 * access to it that can be emulated; false if not.
 */
bool vgic_access(struct vcpu *vcpu, uint64_t esr);

enum vgic_answer { VGIC_UNDEFINED, VGIC_DONE, VGIC_RETRY };

/*
 * A trapped access of a secondary to one of the GIC's system registers, by
 * CRm and op2 (CRn 12; CRm 6 is ICC_PMR_EL1's). VGIC_RETRY: the instruction is
 * to be executed again.
 */
enum vgic_answer vgic_sysreg(struct vcpu *vcpu, unsigned int crm,
			     unsigned int op2, bool is_read, uint64_t *value);

/* --- short ways --- */

/*
 * What a kernel does most is done in a few steps where it changes nothing in
 * the LRs, or takes one more of them. False, with nothing changed: it is not so
 * simple, and goes the long way above.
 *
 * An access as vgic_access() gets it; and a write of ICC_SGI1R_EL1.
 */
bool vgic_quick_access(struct vcpu *vcpu, uint64_t esr);
bool vgic_quick_sgi(struct vcpu *vcpu, uint64_t esr);

/* --- interrupts from devices --- */

/*
 * The level of an emulated device's line: INTID 32 and above. Takes the lock of
 * the VM's interrupt controller.
 */
void vgic_set_line(struct vm *vm, unsigned int intid, bool level);

/* Makes an SPI pending, once. Takes that lock. */
void vgic_pend(struct vm *vm, unsigned int intid);

#endif
