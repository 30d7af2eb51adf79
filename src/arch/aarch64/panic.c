/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The end of a hypervisor that can not go on: a report with what is needed to
 * find out why, then a halt of all CPUs. Addresses are link addresses: `make`
 * leaves the symbols in build/holdfast.elf (addr2line).
 *
 * The hypervisor owns no interrupt to stop the other CPUs by. The first CPU to
 * panic takes all memory from all VMs instead: the others trap at their next
 * fetch, find panic_culprit set, tell where they were, and halt. One that spins
 * in the hypervisor looks at it there (arch_relax()).
 */
#include "arch_internal.h"
#include "cpu.h"
#include "layout.h"
#include "log.h"
#include "vcpu.h"
#include "version.h"
#include "vm.h"

#define MAX_FRAMES 16

/* How long a CPU waits for another one to get on, in seconds. */
#define PATIENCE_S 5

uint64_t panic_culprit;

bool panic_resets RO_AFTER_BOOT;

/* MPIDR of the CPU that prints, or 0. */
static uint64_t printing;

/* Of the first panic, which may not get to tell, if it is a fault. */
static uint64_t first_esr, first_elr;

/* CPUs that came to their end. */
static uint32_t stopped;

/* Bit 31 is always set: never 0. */
static uint64_t this_id(void)
{
	return read_sysreg(mpidr_el1);
}

static uint64_t deadline(void)
{
	return read_sysreg(cntpct_el0) + PATIENCE_S * read_sysreg(cntfrq_el0);
}

static bool swap(uint64_t *at, uint64_t *expected, uint64_t value)
{
	return __atomic_compare_exchange_n(at, expected, value, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE);
}

/*
 * Waits until no CPU prints, or the one that does is stuck. False: it is this
 * one, and it has faulted while it printed.
 */
static bool take_turn(void)
{
	uint64_t end = deadline();
	uint64_t who;

	do {
		who = 0;
		if (swap(&printing, &who, this_id()))
			return true;
		if (who == this_id())
			return false;
		cpu_relax();
	} while (read_sysreg(cntpct_el0) < end);
	__atomic_store_n(&printing, this_id(), __ATOMIC_RELAXED);
	return true;
}

static void give_turn(void)
{
	__atomic_store_n(&printing, 0, __ATOMIC_RELEASE);
}

/* By its ID: TPIDR_EL2 may be what is broken. */
static uint32_t this_index(void)
{
	uint32_t i = 0;

	while (i < cpu_count && ((cpus[i].id ^ this_id()) & MPIDR_AFFINITY))
		i++;
	return i;
}

static uint32_t others_running(void)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < cpu_count; i++)
		count += cpus[i].state != CPU_OFF && i != this_index();
	return count;
}

static void wait_for_others(void)
{
	uint64_t end = deadline();
	uint32_t others = others_running();
	uint32_t done;

	do {
		cpu_relax();
		done = __atomic_load_n(&stopped, __ATOMIC_ACQUIRE);
	} while (done < others && read_sysreg(cntpct_el0) < end);
	log_panic_line("halted, and %u of %u other CPUs", done, others);
	/* A boot that fails would fail again. */
	if (!panic_resets || !boot_is_over)
		return;
	log_panic_line("the board is reset");
	psci_firmware(PSCI_FN_SYSTEM_RESET, 0, 0, 0);
}

/* The report of this CPU is complete. */
static _Noreturn void end(void)
{
	give_turn();
	if (panic_culprit == this_id())
		wait_for_others();
	else
		__atomic_fetch_add(&stopped, 1, __ATOMIC_RELEASE);
	arch_halt();
}

/*
 * Before the first line of a report. The others are stopped before all else:
 * the console may be slow. What they have to say comes behind the first line,
 * unless one of them was faster; a fault in stopping them counts as one in the
 * report, and does not come here as the first again.
 */
static void begin(void)
{
	uint64_t culprit = 0, printer = 0;
	bool first = swap(&panic_culprit, &culprit, this_id());
	bool my_turn = first && swap(&printing, &printer, this_id());

	if (first) {
		first_esr = read_sysreg(esr_el2);
		first_elr = read_sysreg(elr_el2);
		revoke_all();
		gic_wake_others();
	}
	if (!my_turn && !take_turn()) {
		log_panic_line(
			"panic: in the report itself: ESR 0x%lx FAR 0x%lx ELR 0x%lx",
			read_sysreg(esr_el2), read_sysreg(far_el2),
			read_sysreg(elr_el2));
		log_panic_line("the first fault: ESR 0x%lx ELR 0x%lx",
			       first_esr, first_elr);
		end();
	}
	if (first)
		log_panic_begin();
}

static bool on_a_stack(uint64_t at)
{
	uint64_t begin_va = (uint64_t)(uintptr_t)cpu_stacks;
	uint64_t size = MAX_CPUS * (GUARD_SIZE + STACK_SIZE);

	return is_aligned(at, 16) && at - begin_va < size - 16 &&
	       (at - begin_va) % (GUARD_SIZE + STACK_SIZE) >= GUARD_SIZE;
}

/* Frame records: the caller's frame pointer, then the return address. */
static void print_backtrace(uint64_t pc, uint64_t frame)
{
	log_panic_line("backtrace: 0x%lx", pc);
	for (unsigned int i = 0; i < MAX_FRAMES && on_a_stack(frame); i++) {
		const uint64_t *record = (const uint64_t *)(uintptr_t)frame;

		log_panic_line("           0x%lx", record[1]);
		if (record[0] <= frame)
			return;
		frame = record[0];
	}
}

#define PRINT_CALLER()                                                    \
	print_backtrace((uint64_t)(uintptr_t)__builtin_return_address(0), \
			(uint64_t)(uintptr_t)__builtin_frame_address(0))

static void print_vcpu(void)
{
	const struct vcpu *vcpu = current_vcpu();

	log_panic_line("version %s, MPIDR 0x%lx", version_text, this_id());
	if (vcpu->vm)
		log_panic_line("current vCPU: %s vcpu %u at 0x%lx",
			       vcpu->vm->name, vcpu->index,
			       (uint64_t)(uintptr_t)vcpu);
}

void panic(const char *format, ...)
{
	char text[160];
	va_list args;

	begin();
	va_start(args, format);
	log_format(text, sizeof(text), format, &args);
	va_end(args);
	log_panic_line("panic: CPU %u: %s", this_index(), text);
	PRINT_CALLER();
	print_vcpu();
	end();
}

/*
 * While the machine is set up, memory and devices are where the device tree
 * says. An external abort then, or an address that the CPU does not have, is a
 * fault of the tree, not of ours.
 */
static BOOT_ONLY __attribute__((noinline)) void blame_device_tree(void)
{
	static bool told;
	uint64_t esr = read_sysreg(esr_el2);

	if (ESR_EC(esr) != EC_DABT_SAME || esr & ISS_FNV ||
	    ((esr & ISS_FSC_MASK) != ISS_FSC_EXTERNAL &&
	     (esr & ISS_FSC_MASK) > ISS_FSC_ADDRESS_SIZE_3))
		return;
	/* The console may be what does not answer. */
	if (told)
		arch_halt();
	told = true;
	boot_stop("device tree: nothing answers at 0x%lx",
		  ptable_walk(&mm_hypervisor, read_sysreg(far_el2)).pa.pa);
}

void panic_fault(uint64_t kind, const uint64_t *regs)
{
	static const char kinds[][8] = {"sync", "IRQ", "FIQ", "SError"};

	if (!boot_is_over)
		blame_device_tree();
	begin();
	log_panic_line("panic: CPU %u: %s exception in the hypervisor",
		       this_index(), kinds[kind % 4]);
	log_panic_line("ESR 0x%lx FAR 0x%lx ELR 0x%lx SPSR 0x%lx",
		       read_sysreg(esr_el2), read_sysreg(far_el2),
		       read_sysreg(elr_el2), read_sysreg(spsr_el2));
	for (unsigned int i = 0; i < 32; i += 4)
		log_panic_line("x%02u 0x%016lx 0x%016lx 0x%016lx 0x%016lx", i,
			       regs[i], regs[i + 1], regs[i + 2], regs[i + 3]);
	print_backtrace(read_sysreg(elr_el2), regs[29]);
	print_vcpu();
	end();
}

void panic_stop(const struct vcpu *vcpu)
{
	take_turn();
	if (vcpu) {
		log_panic_line("CPU %u stopped: %s vcpu %u, pc 0x%lx",
			       this_index(), vcpu->vm->name, vcpu->index,
			       read_sysreg(elr_el2));
	} else {
		log_panic_line("CPU %u stopped in the hypervisor",
			       this_index());
		PRINT_CALLER();
	}
	end();
}
