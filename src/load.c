/* SPDX-License-Identifier: BSD-3-Clause */
/* Boot, second half: everything to its place. */
#include "arch.h"
#include "boot.h"
#include "cpu.h"
#include "hf/abi.h"
#include "log.h"
#include "string.h"
#include "vm.h"

/* --- moving out of the way --- */

static void *map_new(uint64_t at, uint64_t size)
{
	void *p = arch_boot_map(paddr(at), size, MM_R | MM_W);

	if (!p)
		boot_stop("no page table left for 0x%lx", at);
	return p;
}

static void wipe(uint64_t at, uint64_t size)
{
	void *p = map_new(at, size);

	memset(p, 0, size);
	arch_clean_to_memory(p, size);
}

static void move(uint64_t from, const struct range *to)
{
	uint64_t size = to->end - to->begin;
	void *p;

	if (from == to->begin)
		return;
	p = map_new(to->begin, size);
	memcpy(p, (const void *)(uintptr_t)from, size);
	arch_clean_to_memory(p, size);
	/* It holds the files of VMs: nothing of them stays behind. */
	wipe(from, size);
}

void boot_settle(struct boot *b, bool settled)
{
	uint64_t own_size;
	paddr_t own = arch_own_memory(&own_size);
	uint64_t tree = (uint64_t)(uintptr_t)b->tree.blob;

	move(tree, &b->tree_place);
	move(b->ramdisk.begin, &b->ramdisk_place);
	if (own.pa == b->own.begin && tree == b->tree_place.begin &&
	    b->ramdisk.begin == b->ramdisk_place.begin)
		return;
	if (settled)
		panic("boot settled, and wants to move again");
	arch_move(paddr(b->own.begin), paddr(b->tree_place.begin),
		  paddr(b->ramdisk_place.begin),
		  b->ramdisk.end - b->ramdisk.begin, b->left_out);
}

/* --- who owns what --- */

static void give_ram(const struct ranges *list, enum mm_owner from,
		     enum mm_owner to)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (!mm_set_owner(&vm_primary.stage2, paddr(list->r[i].begin),
				  list->r[i].end - list->r[i].begin, from, to,
				  MM_NORMAL_RWX))
			boot_stop("page tables: no room for RAM at 0x%lx",
				  list->r[i].begin);
}

void boot_build_primary(struct boot *b)
{
	uint8_t level, root_pages, input_bits;

	arch_stage2_geometry(&level, &root_pages, &input_bits);
	if (!ptable_init(&vm_primary.stage2, MM_STAGE_2, level, root_pages,
			 input_bits))
		boot_stop("page tables: no room for the primary");
	/* Hidden memory first, so that devices can not be laid over it. */
	give_ram(&b->hidden, OWNER_NOBODY, OWNER_HYPERVISOR);
	give_ram(&b->primary_ram, OWNER_NOBODY, OWNER_PRIMARY);
	boot_give_devices(b);
	log_print(vm_primary.name, MAX_NAME, "primary");
	arch_vm_init(&vm_primary, 0);
}

/* --- secondaries --- */

static void *ipa_ptr(const struct boot_vm *v, uint64_t ipa)
{
	return (void *)(uintptr_t)(v->memory.begin + ipa -
				   HF_SECONDARY_RAM_BASE);
}

/* Fills the VM's memory. Returns the IPA of its device tree. */
static uint64_t fill_memory(const struct manifest_vm *m,
			    const struct boot_vm *v, const struct vm *vm)
{
	uint64_t end = HF_SECONDARY_RAM_BASE + m->mem_size;
	uint64_t tree = align_down(end - v->tree_size, PAGE_SIZE);
	uint64_t ramdisk = align_down(tree - v->ramdisk_size, PAGE_SIZE);
	uint64_t kernel = HF_SECONDARY_RAM_BASE + v->image.text_offset;
	void *memory = ipa_ptr(v, HF_SECONDARY_RAM_BASE);

	arch_zero_pages(memory, m->mem_size);
	memcpy(ipa_ptr(v, kernel), v->kernel, v->kernel_size);
	if (v->ramdisk_size)
		memcpy(ipa_ptr(v, ramdisk), v->ramdisk, v->ramdisk_size);
	if (!secondary_tree_write(vm, m, ipaddr(ramdisk), v->ramdisk_size,
				  ipa_ptr(v, tree), v->tree_size))
		return 0;
	arch_clean_to_memory(memory, m->mem_size);
	return tree;
}

/* Hands a VM's memory to it: in the primary's tables and in its own. */
static bool map_memory(struct vm *vm)
{
	uint8_t level, root_pages, input_bits;

	arch_stage2_geometry(&level, &root_pages, &input_bits);
	return ptable_init(&vm->stage2, MM_STAGE_2, level, root_pages,
			   input_bits) &&
	       mm_set_owner(&vm_primary.stage2, vm->memory, vm->memory_size,
			    OWNER_HYPERVISOR,
			    (enum mm_owner)(OWNER_VM + vm->index), 0) &&
	       ptable_map(&vm->stage2, HF_SECONDARY_RAM_BASE, vm->memory_size,
			  vm->memory, MM_NORMAL_RWX);
}

/* NULL, or why the VM was not loaded. */
static const char *load_secondary(const struct manifest_vm *m,
				  const struct boot_vm *v, struct vm *vm)
{
	uint64_t tree;

	vm->memory = paddr(v->memory.begin);
	vm->memory_size = m->mem_size;
	if (!arch_boot_map(vm->memory, m->mem_size, MM_R | MM_W) ||
	    !map_memory(vm))
		return "no page table left";
	vm_init(vm, vm->index + 1, vm_vcpu_room(vm->index), m->vcpu_count);
	tree = fill_memory(m, v, vm);
	if (!tree) {
		vm->vcpu_count = 0;
		return "device tree does not fit";
	}
	arch_vm_init(vm, vm->index + 1);
	arch_vcpu_reset(&vm->vcpus[0],
			ipaddr(HF_SECONDARY_RAM_BASE + v->image.text_offset),
			tree);
	vm->vcpus[0].state = VCPU_READY;
	return NULL;
}

/* A file of a secondary, unless it is one of the primary's as well. */
static void wipe_file(const struct boot_vm *primary, const uint8_t *file,
		      size_t size)
{
	if (file && file != primary->kernel && file != primary->ramdisk)
		wipe((uint64_t)(uintptr_t)file, size);
}

/* The files stay in the primary's RAM: their contents are not for it. */
static void wipe_files(const struct boot *b, const struct boot_vm *v)
{
	wipe_file(&b->primary, v->kernel, v->kernel_size);
	wipe_file(&b->primary, v->ramdisk, v->ramdisk_size);
}

static void tell_left_out(const struct vm *vm, const struct manifest_vm *m)
{
	char fault[BOOT_FAULT_SIZE];

	log_line("manifest.dtb: vm%u (%s) left out: %s", vm->index, vm->name,
		 boot_describe_fault(m, fault));
}

void boot_load_secondaries(struct boot *b)
{
	vm_count = b->manifest.vm_count;
	for (uint32_t i = 0; i < vm_count; i++) {
		struct manifest_vm *m = &b->manifest.vm[i];
		struct vm *vm = &vm_secondary[i];

		vm->index = i;
		spin_init(&vm->lock, i + 1);
		log_print(vm->name, MAX_NAME, "%s", m->name);
		if (!m->error)
			m->error = load_secondary(m, &b->vm[i], vm);
		if (m->error)
			tell_left_out(vm, m);
		else
			log_line("vm%u: %s, %lu KiB at 0x%lx, %u vCPU%s", i,
				 vm->name, vm->memory_size >> 10, vm->memory.pa,
				 vm->vcpu_count,
				 vm->vcpu_count == 1 ? "" : "s");
	}
	/* Several VMs may have one file: last, when all are loaded. */
	for (uint32_t i = 0; i < vm_count; i++)
		wipe_files(b, &b->vm[i]);
	arch_sync_instructions();
}

/* --- the primary --- */

paddr_t boot_load_primary(struct boot *b, ipaddr_t *entry)
{
	const struct boot_vm *v = &b->primary;
	uint64_t kernel = b->kernel_place.begin + v->image.text_offset;
	uint64_t tree = b->primary_tree_place.begin;
	uint64_t tree_size = b->primary_tree_place.end - tree;
	void *p;

	p = map_new(kernel, v->kernel_size);
	memcpy(p, v->kernel, v->kernel_size);
	arch_clean_to_memory(p, v->kernel_size);
	p = map_new(tree, tree_size);
	if (!primary_tree_write(b, p, tree_size))
		boot_stop("the primary's device tree does not fit its place");
	arch_clean_to_memory(p, tree_size);
	if (v->ramdisk_size)
		arch_clean_to_memory(v->ramdisk, v->ramdisk_size);
	arch_sync_instructions();
	log_line("primary: %s at 0x%lx, %lu MiB of RAM, %u vCPU%s",
		 b->manifest.primary.kernel_filename, kernel,
		 ranges_total(&b->primary_ram) >> 20, vm_primary.vcpu_count,
		 vm_primary.vcpu_count == 1 ? "" : "s");
	*entry = ipaddr(kernel);
	return paddr(tree);
}
