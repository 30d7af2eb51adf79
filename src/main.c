/* SPDX-License-Identifier: BSD-3-Clause */
#include "main.h"

#include "arch.h"
#include "boot.h"
#include "cpu.h"
#include "log.h"
#include "string.h"
#include "version.h"
#include "vm.h"

/* All that boot knows; too large for the stack. */
static struct boot boot;

static void describe_memory(void)
{
	for (uint32_t i = 0; i < boot.ram.count; i++)
		log_line("RAM: %lu MiB at 0x%lx",
			 (boot.ram.r[i].end - boot.ram.r[i].begin) >> 20,
			 boot.ram.r[i].begin);
	log_line("hypervisor: %lu KiB at 0x%lx",
		 (boot.own.end - boot.own.begin) >> 10, boot.own.begin);
}

static void init_board(void)
{
	const char *error = arch_board_init(&boot.tree, boot.manifest.vm_count);

	if (error)
		boot_stop("%s", error);
	cpu_init_all();
	arch_init_cpu();
}

/* From what the board's tree says to a plan. `ramdisk`: where it is, if known.
 */
static void make_plan(struct range ramdisk, bool settled, uint32_t left_out)
{
	boot_find_memory(&boot);
	boot_find_ramdisk(&boot, paddr(ramdisk.begin), paddr(ramdisk.end));
	boot_read_manifest(&boot);
	panic_resets = boot.manifest.panic_resets;
	boot_plan(&boot, settled, left_out);
}

/* The device tree or the ramdisk has moved: all pointers to them are wrong. */
static void look_again(void)
{
	paddr_t dtb = paddr(boot.tree_place.begin);
	struct range ramdisk = boot.ramdisk_place;
	uint32_t left_out = boot.left_out;

	memset(&boot, 0, sizeof(boot));
	boot_open_tree(&boot, dtb);
	make_plan(ramdisk, true, left_out);
	boot_settle(&boot, true);
}

void main(paddr_t dtb)
{
	paddr_t tree;
	ipaddr_t entry;

	log_init();
	boot_open_tree(&boot, dtb);
	arch_guard_stacks(&boot.tree);
	log_line("Holdfast %s", version_text);
	make_plan((struct range){0}, false, 0);
	if (boot_settle(&boot, false))
		look_again();

	init_board();
	arch_board_describe();
	describe_memory();
	boot_build_primary(&boot);
	boot_load_secondaries(&boot);
	tree = boot_load_primary(&boot, &entry);

	arch_confine_devices(&boot.tree, &boot.primary_ram);
	boot_wipe_tree(&boot);
	arch_boot_unmap_all();
	cpus[0].entry = entry;
	cpus[0].argument = tree.pa;
	arch_end_boot(&cpus[0]);
}
