/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A fake architecture: inc/arch.h for the host, so that the portable core runs
 * as it is in a test. Each host thread is a physical CPU. Physical memory is
 * host memory at the same address, so what the boot window shows is there.
 * Guests are functions of the test. What goes wrong below the core (a vCPU
 * that runs twice, a result written to registers that are not saved) ends the
 * program with a message.
 */
#ifndef FAKE_H
#define FAKE_H

#include <setjmp.h>

#include "arch.h"
#include "cpu.h"
#include "ranges.h"
#include "vcpu.h"
#include "vm.h"

/* --- physical memory --- */

#define FAKE_RAM_BASE UINT64_C(0x40000000)
#define FAKE_RAM_SIZE (UINT64_C(64) << 20)

/* Where fake_start() puts what. */
#define FAKE_POOL_PAGES 256
#define FAKE_KEPT (FAKE_RAM_BASE + (UINT64_C(8) << 20))
#define FAKE_KEPT_SIZE UINT64_C(0x10000) /* of each VM */
#define FAKE_KERNEL_AT 0x80000		 /* in each VM's memory */
#define FAKE_PRIMARY_BASE (FAKE_RAM_BASE + (UINT64_C(16) << 20))
#define FAKE_PRIMARY_SIZE (UINT64_C(16) << 20)
#define FAKE_VM_BASE (FAKE_RAM_BASE + (UINT64_C(32) << 20))
#define FAKE_VM_SIZE (UINT64_C(2) << 20)
/* A device of the primary. */
#define FAKE_DEVICE UINT64_C(0x09000000)

/* Physical memory as the host sees it. */
static inline void *fake_ram(uint64_t pa)
{
	return (void *)(uintptr_t)pa;
}

/* --- guests --- */

/*
 * What a vCPU does from being entered until it leaves: returns a vcpu_exit().
 * Its registers are fake_x(); it makes calls by fake_hvc(), and must return
 * the exit of the call if that is not 0.
 */
typedef uint64_t (*fake_guest)(struct vcpu *vcpu);

/* Register `i` of the guest that runs on this CPU. */
uint64_t *fake_x(unsigned int i);

/*
 * HVC #0 by the guest that runs on this CPU, as assembly does it: the row of
 * api_calls[], x0 = result, x1-x3 = 0. Returns the exit, 0: the guest goes on.
 */
uint64_t fake_hvc(struct vcpu *vcpu, uint64_t function, uint64_t a1,
		  uint64_t a2, uint64_t a3);

/* HVC #0 by the primary on this CPU. Returns its x0. */
int64_t fake_primary(uint64_t function, uint64_t a1, uint64_t a2, uint64_t a3);

/*
 * A step of a script: a call, or, with `exit` set, leaving for that reason.
 * After the last one (all zero) the guest leaves with EXIT_INTERRUPT for ever.
 */
struct fake_step {
	uint64_t function, a1, a2, a3;
	uint64_t exit;
};

#define FAKE_END  \
	{         \
		0 \
	}

/* Makes a vCPU run a script from its first step on. */
void fake_set_script(struct vcpu *vcpu, const struct fake_step *script);

/* The guest that does so; step i's result is in vcpu->arch.result[i]. */
uint64_t fake_run_script(struct vcpu *vcpu);

/* --- what the core asked for --- */

/* Points at which a test may look, or do what another CPU might just do. */
enum fake_point {
	FAKE_RELAX,   /* spins; no object */
	FAKE_ENTERED, /* vCPU: registers are loaded */
	FAKE_LEAVING, /* vCPU: the guest stopped, registers are not saved */
	FAKE_SAVED,   /* vCPU: registers are saved */
	FAKE_RESULT,  /* vCPU: a result was written to its registers */
	FAKE_REVOKE,  /* VM: its memory is being taken away */
	FAKE_START,   /* CPU: the firmware is asked to start it */
};

/* How code that may never return ended: fake_run(). */
enum fake_end {
	FAKE_RETURNED,
	FAKE_HALTED,
	FAKE_PRIMARY_ENTERED,
};

struct fake_slot {
	uint64_t pa;
	unsigned int mode;
	uint32_t maps;
};

struct fake {
	/* Called at each point, by any CPU; NULL: no one. */
	void (*at)(enum fake_point point, void *object);

	/* arch_cpu_start()'s answer; NULL: OK. */
	enum arch_start (*cpu_start)(struct cpu *cpu);

	/* arch_common_tree() has names that are not in fdt_names. */
	bool own_names;

	/* Called by arch_clean_to_memory(); NULL: no one. */
	void (*clean)(const void *p, size_t size);

	/* arch_stage2_geometry()'s answer. */
	uint8_t level, root_pages, input_bits;

	/* arch_seconds()'s answer. */
	uint64_t seconds;

	/* arch_own_memory()'s answer. */
	uint64_t own, own_size;

	/* Called for each character printed; NULL: no one. */
	void (*put)(char c);

	bool no_console;       /* arch_console_init() finds none */
	const char *bad_board; /* arch_board_init()'s error */

	/* arch_prepare_wipe() finds no page table. */
	bool no_wipe_tables;
	/* arch_boot_map() fails for more than this. */
	uint64_t boot_map_limit;

	struct fake_slot slot[SLOT_COUNT];
	uint32_t pt_syncs;    /* atomic */
	uint32_t polls;	      /* atomic: of arch_poll_devices() */
	struct range claimed; /* what arch_claim_devices() takes */
	uint32_t cleans, instruction_syncs, zeroed, boot_maps;

	/* Of arch_move(). */
	uint32_t moves;
	uint64_t moved_bytes; /* NOINIT */

	/* Everything printed, terminated. */
	char output[8192];
	size_t output_length;

	jmp_buf end;
	bool end_expected;
};

extern struct fake fake;

/*
 * Calls `code` and says how it ended: what stops the board, moves the
 * hypervisor or enters the primary does not come back.
 */
enum fake_end fake_run(void (*code)(void));

/* Whether `text` was printed. */
bool fake_printed(const char *text);

/* Forgets what was printed. */
void fake_clear_output(void);

/* --- set-up --- */

/*
 * Back to power-on: RAM is zero, no CPU, no VM, an empty pool, defaults in
 * `fake`. This thread is CPU 0.
 */
void fake_reset(void);

/* Makes this thread be CPU `index`. */
void fake_be_cpu(unsigned int index);

/*
 * After fake_reset(): a board with `cpus_wanted` CPUs, the primary, and `vms`
 * secondaries with `vcpus` vCPUs each, as load.c leaves them: memory owned and
 * mapped, vCPU 0 READY and the others OFF. Guests have an empty script.
 */
void fake_start(uint32_t cpus_wanted, uint32_t vms, uint32_t vcpus);

/*
 * What a VM is loaded from, which fake_start() leaves zero: kernel, ramdisk and
 * tree, each of some pages, of which the last one is not whole.
 */
char *fake_part(const struct vm *vm, unsigned int part);

/* IPA of page `n` of a VM's memory (the primary: NULL). */
uint64_t fake_page(const struct vm *vm, unsigned int n);

/* The same page as the host sees it. */
void *fake_page_ptr(const struct vm *vm, unsigned int n);

/*
 * Walks a page table whole; ends the program on an entry that hardware would
 * not take. Returns how many pages it has below its root.
 */
size_t fake_check_ptable(const struct ptable *t);

/* Pages that the pool can still give one by one; they are given back. */
size_t fake_pool_left(void);

#endif
