/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All that the portable code asks of an architecture. Implemented in
 * src/arch/aarch64/, and by a fake in test/unit/ for tests on the host.
 */
#ifndef ARCH_H
#define ARCH_H

#include "fdt.h"
#include "mm.h"
#include "ranges.h"
#include "types.h"

struct api_result;
struct cpu;
struct vcpu;
struct vm;

/* --- page-table entries; level 0 is the one nearest to a 48-bit root --- */

#define PT_ENTRIES 512
#define PT_LEAF_LEVEL 3

static inline unsigned int pt_shift(unsigned int level)
{
	return PAGE_BITS + 9 * (PT_LEAF_LEVEL - level);
}

/*
 * An entry that maps a block (level 1, 2) or a page (3). The physical address
 * stands in it as it is: entries for addresses in a row differ by the distance.
 */
uint64_t arch_pte_leaf(enum mm_stage stage, unsigned int level, paddr_t pa,
		       unsigned int mode);
/* An entry that points to a table. */
uint64_t arch_pte_table(paddr_t table);
/* An absent entry that carries an owner; OWNER_NOBODY: 0. */
uint64_t arch_pte_absent(enum mm_owner owner);

bool arch_pte_is_table(uint64_t pte, unsigned int level);
bool arch_pte_is_absent(uint64_t pte);
paddr_t arch_pte_pa(uint64_t pte);
enum mm_owner arch_pte_owner(uint64_t pte);
/* MM_* of a leaf. */
unsigned int arch_pte_mode(enum mm_stage stage, uint64_t pte);

/* Makes stores to page tables visible to the table walkers of all CPUs. */
void arch_pt_sync(void);

/*
 * Geometry of stage 2, by the boot CPU, which calls this: level and number of
 * pages of the root.
 */
void arch_stage2_geometry(uint8_t *level, uint8_t *root_pages,
			  uint8_t *input_bits);

/* --- the hypervisor's own address space --- */

/*
 * The boot window shows physical memory at the virtual address of the same
 * value, while VMs are loaded. RAM is mapped with one mode throughout, so that
 * no live block is ever split. Returns the address, or NULL if no page table
 * is left or the range does not fit the window.
 */
void *arch_boot_map(paddr_t pa, uint64_t size, unsigned int mode);

/* Takes all of the boot window away. */
void arch_boot_unmap_all(void);

/* Slots of one page each that stay mapped while the hypervisor runs. */
enum arch_slot {
	SLOT_CONSOLE = 0,
	SLOT_GICD = 1,
	SLOT_GICH = 2,
	SLOT_MAILBOX = 16,    /* two for each VM: send, receive */
	SLOT_SMMU = 96,	      /* one for each SMMU */
	SLOT_GICR = 128,      /* one for each CPU */
	SLOT_ITS = 152,	      /* one for each ITS */
	SLOT_WINDOW = 159,    /* one access to a page of the primary */
	SLOT_LPI = 160,	      /* one for each redistributor */
	SLOT_LOAD_TO = 256,   /* LIFE_PIECE of a VM's memory, and */
	SLOT_LOAD_FROM = 320, /* of what is loaded into it */
	SLOT_COUNT = 512,
};

/*
 * Maps the page at `pa` into a free slot and returns its address. Needs no
 * allocation. The lock of the slot's user is held; each slot has one user and
 * an entry of its own.
 */
void *arch_map_slot(unsigned int slot, paddr_t pa, unsigned int mode);

/* The same for the pages of `size` bytes from `pa` on, into slots in a row. */
void *arch_map_slots(unsigned int slot, paddr_t pa, uint64_t size,
		     unsigned int mode);

/* Empties these slots, on all CPUs: they may be used again for other pages. */
void arch_unmap_slots(unsigned int slot, uint64_t size);

/* --- memory --- */

/*
 * Writes memory back to where a VM with its caches off, or an instruction
 * fetch, sees it, and drops it from the caches.
 */
void arch_clean_to_memory(const void *p, size_t size);

/* Makes instructions written to memory visible to instruction fetches. */
void arch_sync_instructions(void);

/* Fills `size` bytes (both page-aligned) with zeros. */
void arch_zero_pages(void *p, size_t size);

/* Copies `size` bytes between pages; both begin at an aligned address. */
void arch_copy(void *to, const void *from, uint64_t size);

/*
 * memcpy() for much, before the first guest runs: registers that are the
 * guests' later on carry it.
 */
void arch_boot_copy(void *to, const void *from, size_t size);

/*
 * Makes the page tables with which arch_wipe() will reach memory (page-aligned)
 * that is not mapped then. False: none are left. Boot only.
 */
bool arch_prepare_wipe(paddr_t pa, uint64_t size);

/* Fills such memory with zeros, down to where a reset leaves it. One CPU at a
 * time. */
void arch_wipe(paddr_t pa, uint64_t size);

/* --- CPUs --- */

/* Hints that the CPU spins on a lock. */
void arch_relax(void);

/* Seconds since some moment before boot; never fewer than before. */
uint64_t arch_seconds(void);

/* The CPU that runs this. */
struct cpu *arch_this_cpu(void);

enum arch_start { ARCH_START_OK, ARCH_START_RUNNING, ARCH_START_FAILED };

/*
 * Asks the firmware to start a CPU in the hypervisor. START_RUNNING: it has
 * not stopped yet.
 */
enum arch_start arch_cpu_start(struct cpu *cpu);

/* Stops this CPU. */
_Noreturn void arch_halt(void);

/* --- vCPUs and VMs --- */

/* Prepares the registers of a vCPU as at reset, to start at `entry`. */
void arch_vcpu_reset(struct vcpu *vcpu, ipaddr_t entry, uint64_t argument);

/* Sets the result of the call that a vCPU, not running, waits in. */
void arch_vcpu_set_result(struct vcpu *vcpu, uint64_t result);

/*
 * Switches this CPU from the primary's vCPU to the one that it claimed, and
 * back when that has a reason to leave; its registers are then saved. Returns
 * what vcpu_left() does then, to which it goes on with the caller's stack: a
 * call of it has to be the last one of its function.
 */
struct api_result arch_vcpu_enter(struct vcpu *primary, struct vcpu *vcpu);

/*
 * What a vCPU that is to be entered, or would wait, has to tell first, as it
 * came of what it did before: a vcpu_exit(), or 0.
 */
uint64_t arch_vcpu_owed(struct vcpu *vcpu);

/*
 * Stands in the table of calls for one of manage.c: the call is made again with
 * all registers of the primary saved. Never called otherwise.
 */
struct api_result arch_call_slowly(struct vcpu *caller, uint64_t a1,
				   uint64_t a2, uint64_t a3);

/* Prepares a VM whose stage 2 is complete. `id` is 0 for the primary. */
void arch_vm_init(struct vm *vm, uint32_t id);

/*
 * Makes the page tables for devices that the VM may reach directly later. False
 * if none is left.
 */
bool arch_vm_make_tables(struct vm *vm);

/* A request is pending in the mailbox of the VM, whose lock is held. */
void arch_vm_signal(struct vm *vm);

/*
 * Makes every running vCPU of the VM leave: its memory is gone at the next
 * access. arch_vm_restore() gives it back.
 */
void arch_vm_revoke(struct vm *vm);
void arch_vm_restore(struct vm *vm);

/* --- consoles of VMs: vconsole.h; the console's lock is held --- */

/* The UART of the VM as at reset. */
void arch_console_reset(struct vm *vm);

/* Output was taken from the VM, or input given: its UART tells it so. */
void arch_console_changed(struct vm *vm);

/* Path of the UART in the tree that arch_secondary_tree() adds to. */
extern const char arch_console_path[];

/* --- console --- */

/* Finds the board's console. False if the tree names none that is known. */
bool arch_console_init(const struct fdt *fdt);

/*
 * Prints `size` characters, a carriage return before each newline. Needs no
 * lock; does nothing before the init.
 */
void arch_console_write(const char *text, size_t size);

/* --- boot --- */

/*
 * Chooses what stands at the end of stack frames from here on, to tell an
 * overflow. Called by a function that does not return. Reads the seeds of the
 * board's tree, of which the primary gets another part.
 */
void arch_guard_stacks(const struct fdt *fdt);

/* Where the hypervisor lies, all of it. */
paddr_t arch_own_memory(uint64_t *size);

/* A part of the hypervisor's memory; begins at a multiple of 8. */
struct arch_part {
	void *begin;
	size_t size;
};

/*
 * Moves the hypervisor to `to`, and wipes what it wrote at its old place. All
 * pointers stay right. Of what is NOINIT the given parts are taken along and
 * wiped. Boot only, before any other CPU runs.
 */
void arch_move(paddr_t to, const struct arch_part *noinit, unsigned int count);

/* Sets this CPU up for running VMs; once arch_board_init() is done. */
void arch_init_cpu(void);

/*
 * Boot is over: what stays as it is from here on becomes read-only, what is
 * BOOT_ONLY goes away, other CPUs may be started, and the primary is entered on
 * this one.
 */
_Noreturn void arch_end_boot(struct cpu *cpu);

/* --- the board --- */

/*
 * Learns from the device tree what the hypervisor needs of the board (CPUs,
 * firmware, interrupt controller, timer), which leaves memory for the page
 * tables of `vms` secondaries. Returns NULL or what is wrong.
 */
const char *arch_board_init(const struct fdt *fdt, uint32_t vms);

/* One line each about the CPU and the interrupt controller, for the log. */
void arch_board_describe(void);

/* How a property of the board's tree reaches the primary. */
enum arch_edit { EDIT_KEEP, EDIT_DROP, EDIT_CUT };

/* Whether arch_edit_prop() may do anything to a node: it does not to most. */
bool arch_edits_node(const struct fdt *fdt, fdt_node_t node);

/*
 * What becomes of a property that may be only for the hypervisor. EDIT_CUT:
 * only its first *size bytes stay.
 */
enum arch_edit arch_edit_prop(const struct fdt *fdt, fdt_node_t node,
			      const struct fdt_prop *prop, uint32_t *size);

/* Whether a node of the board's tree is kept from the primary. */
bool arch_hides_node(const struct fdt *fdt, fdt_node_t node);

/*
 * Whether a node is a device that writes memory, if at all, where the
 * hypervisor lets it, and that the primary therefore may have: the board's
 * interrupt controller.
 */
bool arch_mediates_node(const struct fdt *fdt, fdt_node_t node);

/*
 * Takes the pages of devices that the primary reaches only by way of the
 * hypervisor. Those that are the hypervisor's already stay so. False if there
 * is no page table left, or they lie in the primary's RAM.
 */
bool arch_claim_devices(struct ptable *primary);

/* What a secondary's tree calls its interrupt controller. */
#define ARCH_INTC_PHANDLE 1

/*
 * Adds what a secondary's tree holds besides memory and chosen: what depends on
 * the VM, and what is the same for all, which is called once as a rule.
 */
void arch_secondary_tree(struct fdt_writer *w, const struct vm *vm);
void arch_common_tree(struct fdt_writer *w);

/* --- IOMMUs --- */

/* Whether the IOMMU with this phandle is the hypervisor's. */
bool arch_owns_iommu(const struct fdt *fdt, uint32_t phandle);

/*
 * Turns the board's IOMMUs on: their devices reach the primary's memory, which
 * is `ram`, and no other. The last step before the primary starts: its stage 2
 * does not change any more.
 */
void arch_confine_devices(const struct fdt *fdt, const struct ranges *ram);

/* IOMMUs of the board. Constant after boot. */
extern uint32_t arch_iommu_count;

/*
 * Tells what IOMMUs refused meanwhile. Called now and then, where time does not
 * matter.
 */
void arch_poll_devices(void);

#endif
