/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The end of a hypervisor that can not go on: a report with what is needed to
 * find out why, then a halt. Addresses are link addresses: `make` leaves the
 * symbols in build/holdfast.elf (addr2line).
 */
#include "arch_internal.h"
#include "cpu.h"
#include "layout.h"
#include "log.h"
#include "vcpu.h"
#include "version.h"

#define MAX_FRAMES 16

/* x0-x30 and SP at the fault; vectors.S. */
extern uint64_t fault_regs[32];

static uint32_t panicking;

/* The device whose registers are looked for. */
static const char *probed;

void boot_probe(const char *name)
{
	probed = name;
}

/* True for the first CPU that asks. */
static bool is_first(void)
{
	return !__atomic_exchange_n(&panicking, 1, __ATOMIC_RELAXED);
}

static bool on_a_stack(uint64_t at)
{
	uint64_t begin = (uint64_t)(uintptr_t)cpu_stacks;
	uint64_t size = MAX_CPUS * (GUARD_SIZE + STACK_SIZE);

	return is_aligned(at, 16) && at - begin < size - 16 &&
	       (at - begin) % (GUARD_SIZE + STACK_SIZE) >= GUARD_SIZE;
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

static void print_cpu(void)
{
	const struct vcpu *vcpu = current_vcpu();

	log_panic_line("version %s, CPU MPIDR 0x%lx", version_text,
		       read_sysreg(mpidr_el1));
	if (vcpu)
		log_panic_line("current vCPU at 0x%lx, index %u",
			       (uint64_t)(uintptr_t)vcpu, vcpu->index);
}

void panic(const char *format, ...)
{
	char text[160];
	va_list args;

	if (!is_first())
		arch_halt();
	va_start(args, format);
	log_format(text, sizeof(text), format, args);
	va_end(args);
	log_panic_line("panic: %s", text);
	print_cpu();
	print_backtrace((uint64_t)(uintptr_t)__builtin_return_address(0),
			(uint64_t)(uintptr_t)__builtin_frame_address(0));
	log_panic_line("halted");
	arch_halt();
}

void panic_fault(uint64_t kind)
{
	static const char *const kinds[] = {"synchronous exception", "IRQ",
					    "FIQ", "SError"};
	const uint64_t *x = fault_regs;

	if (probed)
		boot_stop("device tree: %s: nothing answers at its reg",
			  probed);
	if (!is_first())
		arch_halt();
	log_panic_line("panic: %s in the hypervisor", kinds[kind % 4]);
	print_cpu();
	log_panic_line("ESR 0x%lx FAR 0x%lx ELR 0x%lx SPSR 0x%lx",
		       read_sysreg(esr_el2), read_sysreg(far_el2),
		       read_sysreg(elr_el2), read_sysreg(spsr_el2));
	for (unsigned int i = 0; i < 32; i += 4)
		log_panic_line("x%02u 0x%016lx 0x%016lx 0x%016lx 0x%016lx", i,
			       x[i], x[i + 1], x[i + 2], x[i + 3]);
	print_backtrace(read_sysreg(elr_el2), x[29]);
	log_panic_line("halted");
	arch_halt();
}
