/* SPDX-License-Identifier: BSD-3-Clause */
/* From boot.S to the portable code, on each CPU; and into the primary. */
#include "arch_internal.h"
#include "boot.h"
#include "cache.h"
#include "cpu.h"
#include "layout.h"
#include "log.h"
#include "main.h"
#include "pool.h"
#include "string.h"
#include "vcpu.h"
#include "vgic.h"
#include "vm.h"

bool boot_is_over RO_AFTER_BOOT;

static uint64_t stack_top(uint64_t index)
{
	return (uint64_t)(uintptr_t)cpu_stacks +
	       (index + 1) * (GUARD_SIZE + STACK_SIZE);
}

/* The CPU and the vCPU that runs on it must be known before any lock. */
static void identify(struct cpu *cpu)
{
	cpu->arch.stack_top = stack_top(cpu->index);
	write_sysreg(tpidr_el2, (uint64_t)(uintptr_t)cpu->vcpu);
}

struct cpu *arch_this_cpu(void)
{
	return current_vcpu()->cpu;
}

BOOT_ONLY void boot_first_cpu(uint64_t dtb)
{
	cpu_init_first();
	identify(&cpus[0]);
	main(paddr(dtb));
}

/*
 * Entered at another exception level than EL2, or (0) in an EL2 that is not
 * the one that all control registers here are laid out for: says so, where it
 * can.
 */
BOOT_ONLY void boot_wrong_level(uint64_t dtb, uint64_t level)
{
	struct fdt fdt;

	boot_read_tree(&fdt, paddr(dtb));
	if (!level)
		boot_stop(
			"this CPU has EL2 with VHE only: HCR_EL2.E2H stays 1");
	boot_stop(
		"entered at EL%lu, needs EL2 (QEMU: -M virt,virtualization=on)",
		level);
}

/* Copies a part of the hypervisor to `copy`, which is for all of it. */
static BOOT_ONLY void copy_part(char *copy, const void *begin, size_t size)
{
	arch_boot_copy(copy + ((const char *)begin - image_begin), begin, size);
}

/* Where a part was at the place that was the hypervisor's. */
static BOOT_ONLY void *old_part(paddr_t old, const void *begin)
{
	return (void *)(uintptr_t)(old.pa + (uint64_t)((const char *)begin -
						       image_begin));
}

/* Wipes pages of that place. */
static BOOT_ONLY void wipe_pages(paddr_t old, const char *begin, size_t size)
{
	void *p = old_part(old, begin);

	arch_zero_pages(p, size);
	arch_clean_to_memory(p, size);
}

/* The same for less than pages. */
static BOOT_ONLY void wipe_part(paddr_t old, const void *begin, size_t size)
{
	void *p = old_part(old, begin);

	memset(p, 0, size);
	arch_clean_to_memory(p, size);
}

/* It becomes the primary's: no stack stays behind, no guard of one. */
static BOOT_ONLY void wipe_place(paddr_t old, const struct arch_part *noinit,
				 unsigned int count)
{
	wipe_pages(old, bss_begin, (size_t)(bss_end - bss_begin));
	wipe_pages(old, cpu_stacks + GUARD_SIZE, STACK_SIZE);
	wipe_pages(old, pool_begin, pool_used_bytes());
	wipe_part(old, current_vcpu(), sizeof(struct vcpu));
	for (unsigned int i = 0; i < count; i++)
		wipe_part(old, noinit[i].begin, noinit[i].size);
}

BOOT_ONLY void arch_move(paddr_t to, const struct arch_part *noinit,
			 unsigned int count)
{
	void (*move)(uint64_t, uint64_t, uint64_t) =
		(void (*)(uint64_t, uint64_t, uint64_t))(uintptr_t)virt_to_phys(
			(const void *)(uintptr_t)boot_move)
			.pa;
	char *copy = (char *)(uintptr_t)to.pa;

	if (!arch_boot_map(to, HYP_SIZE, MM_R | MM_W))
		boot_stop("no page table left to move to the top of RAM");
	copy_part(copy, image_begin, (size_t)(bss_end - image_begin));
	copy_part(copy, current_vcpu(), sizeof(struct vcpu));
	for (unsigned int i = 0; i < count; i++)
		copy_part(copy, noinit[i].begin, noinit[i].size);
	copy_part(copy, pool_begin, pool_used_bytes());
	/* Other CPUs begin there with the MMU off. */
	arch_clean_to_memory(copy, (size_t)(rodata_end - image_begin));
	move(hypmap_copy_tables(to).pa, (uint64_t)(copy - image_begin),
	     stack_top(0));
	wipe_place(hypmap_moved(to), noinit, count);
}

BOOT_ONLY paddr_t arch_own_memory(uint64_t *size)
{
	*size = HYP_SIZE;
	return virt_to_phys(image_begin);
}

/* What calls this is unmapped when it returns: it does not. */
static _Noreturn __attribute__((noinline)) void leave_boot(struct cpu *cpu)
{
	hypmap_drop_boot();
	arch_primary_enter(cpu);
}

BOOT_ONLY void arch_end_boot(struct cpu *cpu)
{
	boot_is_over = true;
	arch_clean_to_memory(&start_root, sizeof(start_root));
	hypmap_protect();
	leave_boot(cpu);
}

BOOT_ONLY void arch_init_cpu(void)
{
	if (!hypmap_keep_idmap())
		boot_stop("page tables: no room for the start of CPUs");
	el2_read_features();
	vgic_init_board();
	el2_init();
	idregs_init();
	spectre_init_cpu(arch_this_cpu());
}

/* Turns this CPU, which has just started, off again. */
static _Noreturn void refuse_cpu(struct cpu *cpu, const char *what)
{
	static const char format[] =
		"CPU %u not started: it differs from the boot CPU: %s";

	log_guest(&vm_primary.log, format, cpu->index, what);
	cpu_goes_down(cpu);
	psci_firmware(PSCI_FN_CPU_OFF, 0, 0, 0);
	arch_halt();
}

void boot_other_cpu(uint64_t index)
{
	struct cpu *cpu = &cpus[index];
	const char *what;

	/* Before all else: the report of a fault looks at it. */
	identify(cpu);
	what = el2_cpu_differs();
	if (what)
		refuse_cpu(cpu, what);
	cpu->arch.fp_owner = NULL;
	el2_init();
	spectre_init_cpu(cpu);
	cpu_came_up(cpu);
	arch_primary_enter(cpu);
}

void arch_primary_enter(struct cpu *cpu)
{
	struct vcpu *vcpu = cpu->vcpu;
	struct controls *c = &vcpu->arch.controls;

	arch_vcpu_reset(vcpu, cpu->entry, cpu->argument);
	c->cptr = fp_cptr(cpu->arch.fp_owner != vcpu);
	c->vmpidr = read_sysreg(mpidr_el1);
	c->vectors = (uint64_t)(uintptr_t)cpu->arch.spectre.primary_vectors;
	write_sysreg(cptr_el2, c->cptr);
	write_sysreg(vmpidr_el2, c->vmpidr);
	write_sysreg(vttbr_el2, c->vttbr);
	write_sysreg(hcr_el2, c->hcr);
	write_sysreg(cntv_ctl_el0, 0);
	isb();
	primary_first_entry(vcpu, cpu->arch.stack_top);
}

/* A VM that was left out for lack of page tables has a root of no pages. */
static void empty_root(const struct ptable *t)
{
	for (unsigned int i = 0; i < t->root_pages * PT_ENTRIES; i++)
		__atomic_store_n(&t->root[i], 0, __ATOMIC_RELAXED);
}

void revoke_all(void)
{
	/* Who faults because of this finds panic_culprit set. */
	dsb(ish);
	empty_root(&vm_primary.stage2);
	for (uint32_t i = 0; i < vm_count; i++)
		empty_root(&vm_secondary[i].stage2);
	dsb(ish);
	__asm__ volatile("tlbi alle1is" : : : "memory");
	dsb(ish);
	isb();
}

/*
 * Makes the entries of a root invalid, or valid again: what they hold stays. A
 * VM's entries that map nothing are zero.
 */
static void park_root(const struct ptable *t, bool park)
{
	const uint64_t *end = t->root + t->root_pages * PT_ENTRIES;
	uint64_t *pte = (uint64_t *)next_used(t->root, end);

	for (; pte < end; pte = (uint64_t *)next_used(pte + 1, end))
		__atomic_store_n(pte,
				 park ? *pte & ~PTE_VALID : *pte | PTE_VALID,
				 __ATOMIC_RELAXED);
}

void arch_vm_revoke(struct vm *vm)
{
	uint64_t primary_vttbr = read_sysreg(vttbr_el2);

	/* Who faults because of this finds the VM aborted. */
	dsb(ish);
	park_root(&vm->stage2, true);
	dsb(ish);
	write_sysreg(vttbr_el2, vm->arch.vttbr);
	isb();
	__asm__ volatile("tlbi vmalls12e1is" : : : "memory");
	dsb(ish);
	write_sysreg(vttbr_el2, primary_vttbr);
	isb();
}

void arch_vm_restore(struct vm *vm)
{
	park_root(&vm->stage2, false);
	/* No TLB keeps that a walk failed: there is nothing to forget. */
	arch_pt_sync();
}

void arch_relax(void)
{
	cpu_relax();
	panic_check(NULL);
}

void arch_halt(void)
{
	for (;;)
		__asm__ volatile("msr daifset, #0xf\n\twfi" : : : "memory");
}
