/* SPDX-License-Identifier: BSD-3-Clause */
/* Boot, second half: everything to its place. */
#include "arch.h"
#include "boot.h"
#include "cpu.h"
#include "hf/abi.h"
#include "life.h"
#include "log.h"
#include "string.h"
#include "vm.h"

/* Distance of the words in a place that are tried before it is used. */
#define SAMPLE_STEP ((uint64_t)2 << 20)

/* --- moving out of the way --- */

static void *map_new(uint64_t at, uint64_t size)
{
	void *p = arch_boot_map(paddr(at), size, MM_R | MM_W);

	if (!p)
		boot_stop("no page table left for 0x%lx", at);
	return p;
}

/* Every step, and the last word. */
static uint64_t next_sample(uint64_t at, uint64_t end)
{
	if (end - at <= 8)
		return end;
	return end - at > SAMPLE_STEP ? at + SAMPLE_STEP : end - 8;
}

/*
 * Stops the boot if [at, at + size), which is about to be filled, is not what
 * the device tree says: memory that keeps what is written. (That nothing at
 * all answers there is for the architecture to tell.)
 */
static void check_ram(uint64_t at, uint64_t size)
{
	uint64_t end = align_down(at + size, 8);

	for (at = align_up(at, 8); at < end; at = next_sample(at, end)) {
		volatile uint64_t *word = (uint64_t *)(uintptr_t)at;

		for (uint64_t value = at, i = 0; i < 2; i++, value = ~value) {
			*word = value;
			arch_clean_to_memory((const void *)word, 8);
			if (*word != value)
				boot_stop(
					"device tree: memory at 0x%lx does not keep what is written",
					at);
		}
	}
}

static void *map_checked(uint64_t at, uint64_t size)
{
	void *p = map_new(at, size);

	check_ram(at, size);
	return p;
}

/* Wipes what boot has mapped. */
static void wipe(uint64_t begin, uint64_t end)
{
	uint64_t first = align_up(begin, PAGE_SIZE);
	uint64_t last = align_down(end, PAGE_SIZE);
	char *p = (char *)(uintptr_t)begin;

	if (begin >= end)
		return;
	if (first < last) {
		memset(p, 0, first - begin);
		arch_zero_pages(p + (first - begin), last - first);
		memset(p + (last - begin), 0, end - last);
	} else {
		memset(p, 0, end - begin);
	}
	arch_clean_to_memory(p, end - begin);
}

static void move(uint64_t from, const struct range *to)
{
	uint64_t size = to->end - to->begin;
	void *p;

	if (from == to->begin)
		return;
	p = map_checked(to->begin, size);
	arch_boot_copy(p, (const void *)(uintptr_t)from, size);
	arch_clean_to_memory(p, size);
	/* It holds the files of VMs: nothing of them stays behind. */
	wipe(from, from + size);
}

/* What fdt_open() noted of a tree. */
static struct arch_part nodes_of(const struct fdt *tree)
{
	return (struct arch_part){tree->node,
				  tree->node_count * sizeof(*tree->node)};
}

bool boot_settle(struct boot *b, bool settled)
{
	const struct arch_part nodes[] = {
		nodes_of(&b->tree),
		nodes_of(&b->manifest_tree),
	};
	uint64_t own_size;
	bool own_moves = arch_own_memory(&own_size).pa != b->own.begin;
	uint64_t tree = (uint64_t)(uintptr_t)b->tree.blob;
	bool files_move = tree != b->tree_place.begin ||
			  b->ramdisk.begin != b->ramdisk_place.begin;

	if (settled && (own_moves || files_move))
		panic("boot settled, and wants to move again");
	move(tree, &b->tree_place);
	move(b->ramdisk.begin, &b->ramdisk_place);
	if (own_moves) {
		map_checked(b->own.begin, own_size);
		arch_move(paddr(b->own.begin), nodes, ARRAY_SIZE(nodes));
	}
	return files_move;
}

/* --- who owns what --- */

static void transfer_ram(enum mm_transition transition,
			 const struct ranges *list)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (!mm_transfer(transition, &vm_primary.stage2,
				 paddr(list->r[i].begin),
				 list->r[i].end - list->r[i].begin, NULL))
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
	transfer_ram(MM_HIDE, &b->hidden);
	transfer_ram(MM_GIVE_RAM, &b->primary_ram);
	boot_give_devices(b);
	log_print(vm_primary.name, MAX_NAME, "primary");
	arch_vm_init(&vm_primary, 0);
}

/* --- secondaries --- */

/* A part's copy; boot shows memory where it lies. */
static void *copy_ptr(const struct vm_part *part)
{
	return (void *)(uintptr_t)part->copy.pa;
}

/* Whether a VM before this one has made the copy. */
static bool has_copy(const struct vm *vm, paddr_t copy)
{
	for (uint32_t i = 0; i < vm->index; i++)
		for (unsigned int p = 0; p < PART_COUNT; p++)
			if (vm_secondary[i].vcpu_count &&
			    vm_secondary[i].parts[p].size &&
			    vm_secondary[i].parts[p].copy.pa == copy.pa)
				return true;
	return false;
}

static void copy_file(const struct vm *vm, const struct vm_part *part,
		      const uint8_t *file)
{
	if (part->size && !has_copy(vm, part->copy))
		arch_boot_copy(copy_ptr(part), file, part->size);
}

/*
 * Makes the copies of what the VM is loaded from. False if the device tree does
 * not fit.
 */
static bool make_copies(const struct manifest_vm *m, const struct boot_vm *v,
			const struct vm *vm)
{
	const struct vm_part *parts = v->parts;

	copy_file(vm, &parts[PART_KERNEL], v->kernel);
	copy_file(vm, &parts[PART_RAMDISK], v->ramdisk);
	return secondary_tree_write(
		       vm, m, parts[PART_RAMDISK].at, v->ramdisk_size,
		       copy_ptr(&parts[PART_TREE]), v->tree_size) != 0;
}

/* Hands the VM's memory to it, in tables that are not used yet. */
static bool donate_memory(struct vm *vm)
{
	struct mm_receiver to = {
		.stage2 = &vm->stage2,
		.at = ipaddr(HF_SECONDARY_RAM_BASE),
		.index = vm->index,
	};
	uint8_t level, root_pages, input_bits;

	arch_stage2_geometry(&level, &root_pages, &input_bits);
	return ptable_init(&vm->stage2, MM_STAGE_2, level, root_pages,
			   input_bits) &&
	       mm_transfer(MM_DONATE, &vm_primary.stage2, vm->memory,
			   vm->memory_size, &to) &&
	       arch_vm_make_tables(vm);
}

/* NULL, or why the VM was left out: its memory stays the hypervisor's. */
static const char *load_secondary(const struct manifest_vm *m,
				  const struct boot_vm *v, struct vm *vm)
{
	const char *error = NULL;

	vm->memory = paddr(v->memory.begin);
	vm->debug = m->debug;
	memcpy(vm->parts, v->parts, sizeof(vm->parts));
	if (!arch_boot_map(vm->memory, m->mem_size, MM_R | MM_W) ||
	    !arch_prepare_wipe(vm->memory, m->mem_size))
		return "no page table left";
	vm->memory_size = m->mem_size;
	check_ram(vm->memory.pa, m->mem_size);
	vm_init(vm, vm->index + 1, vm_vcpu_room(vm->index), m->vcpu_count);
	if (!make_copies(m, v, vm))
		error = "device tree does not fit";
	else if (!donate_memory(vm))
		error = "no page table left";
	if (error) {
		vm->vcpu_count = 0;
		return error;
	}
	life_begin(vm);
	/* The memory is zeroed and filled when the VM first runs. */
	arch_vm_revoke(vm);
	return NULL;
}

static void tell_left_out(const struct vm *vm, const struct manifest_vm *m)
{
	char fault[BOOT_FAULT_SIZE];

	log_line("manifest.dtb: vm%u (%s) left out: %s", vm->index, vm->name,
		 boot_describe_fault(m, fault));
}

void boot_load_secondaries(struct boot *b)
{
	uint64_t kept = b->kept.end - b->kept.begin;

	/* In this order: a panic looks at those that count. */
	memset(vm_secondary, 0, b->manifest.vm_count * sizeof(*vm_secondary));
	vm_count = b->manifest.vm_count;
	life_init();
	if (kept) {
		map_checked(b->kept.begin, kept);
		if (!arch_prepare_wipe(paddr(b->kept.begin), kept))
			boot_stop("no page table left for 0x%lx",
				  b->kept.begin);
		vm_kept = paddr(b->kept.begin);
		vm_kept_size = kept;
		log_line("kept for the start of VMs: %lu KiB at 0x%lx",
			 kept >> 10, b->kept.begin);
	}
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
}

/* --- the primary --- */

/*
 * The ramdisk stays in the primary's RAM. Its own ramdisk is kept in it;
 * everything else goes: files of other VMs, files that nobody named, the
 * manifest.
 */
static void wipe_ramdisk(const struct boot *b)
{
	const struct boot_vm *v = &b->primary;
	uint64_t kept = (uint64_t)(uintptr_t)v->ramdisk;

	if (!v->ramdisk_size)
		kept = b->ramdisk.end;
	wipe(b->ramdisk.begin, kept);
	wipe(kept + v->ramdisk_size, b->ramdisk.end);
}

paddr_t boot_load_primary(struct boot *b, ipaddr_t *entry)
{
	const struct boot_vm *v = &b->primary;
	uint64_t kernel = b->kernel_place.begin + v->image.text_offset;
	uint64_t tree = b->primary_tree_place.begin;
	uint64_t tree_size = b->primary_tree_place.end - tree;
	void *p;

	p = map_checked(kernel, v->kernel_size);
	arch_boot_copy(p, v->kernel, v->kernel_size);
	arch_clean_to_memory(p, v->kernel_size);
	p = map_checked(tree, tree_size);
	tree_size = primary_tree_write(b, p, tree_size);
	if (!tree_size)
		boot_stop("the primary's device tree does not fit its place");
	arch_clean_to_memory(p, tree_size);
	if (v->ramdisk_size)
		arch_clean_to_memory(v->ramdisk, v->ramdisk_size);
	log_line("primary: %s at 0x%lx, %lu MiB of RAM, %u vCPU%s",
		 b->manifest.primary.kernel_filename, kernel,
		 ranges_total(&b->primary_ram) >> 20, vm_primary.vcpu_count,
		 vm_primary.vcpu_count == 1 ? "" : "s");
	/* Last: names and texts are still in it. */
	wipe_ramdisk(b);
	arch_sync_instructions();
	*entry = ipaddr(kernel);
	return paddr(tree);
}

void boot_wipe_tree(struct boot *b)
{
	uint64_t begin = (uint64_t)(uintptr_t)b->tree.blob;
	/* The rest of its size is room for more. */
	uint64_t end = begin + fdt_used_size(&b->tree);

	/* If it does not lie in a ROM. */
	if (ptable_is_normal(&vm_primary.stage2, begin, end - begin))
		wipe(begin, end);
}
