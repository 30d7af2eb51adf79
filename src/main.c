/* SPDX-License-Identifier: BSD-3-Clause */
#include "main.h"

#include "arch.h"
#include "boot.h"
#include "cpu.h"
#include "log.h"
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
	const char *error = arch_board_init(&boot.tree);

	if (error)
		boot_stop("%s", error);
	cpu_init_all();
	arch_init_cpu();
}

void main(paddr_t dtb, paddr_t ramdisk_begin, paddr_t ramdisk_end,
	  uint32_t left_out)
{
	bool settled = ramdisk_end.pa != 0;
	paddr_t tree;
	ipaddr_t entry;

	log_init();
	boot_open_tree(&boot, dtb);
	arch_guard_stacks(&boot.tree);
	(settled ? log_again : log_line)("Holdfast %s", version_text);
	boot_find_memory(&boot);
	boot_find_ramdisk(&boot, ramdisk_begin, ramdisk_end);
	boot_read_manifest(&boot);
	panic_resets = boot.manifest.panic_resets;
	boot_plan(&boot, settled, left_out);
	boot_settle(&boot, settled);

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
