/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the test VM `service` does for the test primary: a request is a script,
 * a list of steps that it takes one after the other; the reply has a result
 * for each. So a test of what a secondary may do is written in one place, in
 * the primary.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include <stdint.h>
#include "access.h"
#include "sweep.h"

enum step_kind {
	/* One instruction with all registers painted around it. */
	STEP_HVC,	/* function, a1-a3 */
	STEP_HVC_OTHER, /* HVC #1: function, a1-a3 */
	STEP_SMC,	/* function, a1-a3 */
	STEP_WFI,
	STEP_SPIN, /* a0: rounds */
	/* Memory; an exception of its own is reported in `esr`. */
	STEP_LOAD,   /* a0: address -> x0 */
	STEP_STORE,  /* a0: address, a1: value */
	STEP_CALL,   /* a0: address */
	STEP_ACCESS, /* a0: address, a1: enum access */
	STEP_COPY,   /* a0: address, a1: bytes -> data of the reply */
	STEP_SCAN,   /* memory that nobody filled: x0: bytes that are not 0,
			x1: the first one's address, x2: bytes looked at */
	/* Devices. */
	STEP_READ_DEVICE,  /* a0: address, a1: width in bytes -> x0 */
	STEP_WRITE_DEVICE, /* a0: address, a1: width, a2: value */
	STEP_PRINT,	   /* a0: times, a1-a3: text, up to 24 bytes */
	/* System registers and instructions, by encoding as in SYSREG(). */
	STEP_MRS, /* a0: register -> x0 */
	STEP_MSR, /* a0: register, or instruction (op0 1), a1: value */
	/* The calls of sweep.h. */
	STEP_SWEEP,	    /* a0: 0 EL1, 1 EL0 -> x0: entries, 0: too many */
	STEP_SWEEP_ENTRIES, /* a0: first -> data of the reply */
	STEP_SWEEP_PAINT,   /* a0: seed */
	STEP_SWEEP_CHANGED, /* -> x0: register or 0, x1: now, x2: then */
	STEP_SWEEP_RESTORE,
	/* Time. */
	STEP_NOW,	  /* -> x0: ns */
	STEP_TIMER_ARM,	  /* a0: ns */
	STEP_TIMER_FIRED, /* -> x0: 0 or 1 */
	STEP_TIMER_STOP,
	STEP_SPIN_NS, /* a0: ns */
	/*
	 * Takes interrupts, by its vector: waits for a private one (a0) so
	 * often (a1), before each of which it sends it to itself if a2 is not
	 * 0 -> x0: how often it came
	 */
	STEP_INTERRUPTS,
	/* Others. */
	STEP_EL0,     /* a0: 0 HVC, 1 SMC, at EL0 */
	STEP_BOOT,    /* x0-x3: registers at entry */
	STEP_BOOT_2,  /* x0: SCTLR_EL1, x1: CurrentEL, x2: DAIF at entry */
	STEP_FACTS,   /* x0: device tree, x1: its size, x2: MPIDR_EL1,
			 x3: the vCPU's index */
	STEP_PRIVATE, /* a0: value that this vCPU is to find, by page tables of
			 its own, at PRIVATE_DATA */
	STEP_CPU_ON,  /* a0: vCPU that becomes another server -> x0 */
	STEP_A32,     /* a0: enum a32_program, a1: its r0 -> x0 */
	STEP_WALK,    /* a0: where a table of its own is not */
	STEP_ENTRY,   /* at entry, ORed: x0: x1-x30 and SP, x1: FP/SIMD, x2: the
			 memory behind the image's file; x3: bytes of its
			 device tree between two values that are not 0 */
	STEP_SECRET,  /* a0: complement of a secret word that it writes all over
			 its free memory and registers, a1: enum leave: how it
			 leaves then */
	STEP_BAD_CONFIGURE, /* x0: 0, or 1: wrongly accepted x1, x2 at boot */
};

/* Paint the system registers too, and tell what changed in `sysregs`. */
#define STEP_SYSREGS 0x100

/* Ways to leave with a secret in all registers. */
enum leave {
	LEAVE_WFI,
	LEAVE_READ, /* a blocking read */
	LEAVE_OFF,  /* SYSTEM_OFF */
	LEAVE_RESET,
	LEAVE_ABORT, /* a load from nowhere */
	LEAVES
};

#define STEPS_MAX 32

struct step {
	uint64_t kind;
	uint64_t a[4];
};

struct script {
	uint64_t count;
	struct step step[STEPS_MAX];
};

struct step_result {
	uint64_t x[4];
	uint64_t changed; /* paint_compare(), x0-x3 left out for calls */
	uint64_t sysregs; /* paint_sysregs_restore() */
	uint64_t esr;	  /* 0: no exception */
	uint64_t far;
};

#define SERVICE_DATA_MAX 2000
#define SERVICE_SWEEP_ENTRIES (SERVICE_DATA_MAX / sizeof(struct sweep_entry))

struct script_reply {
	uint64_t count;
	struct step_result result[STEPS_MAX];
	uint8_t data[SERVICE_DATA_MAX];
};

_Static_assert(sizeof(struct script) <= 4096, "script");
_Static_assert(sizeof(struct script_reply) <= 4096, "reply");

#endif
