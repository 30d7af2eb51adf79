/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * src/load.c: everything to its place and its owner, and what a VM finds there
 * that starts with its caches off. QEMU has no caches, so they are made here:
 * the hypervisor writes to fake RAM, and only arch_clean_to_memory() brings
 * that to `memory`, which is what such a VM sees.
 */
#include "unit.h"
#include "boot.h"
#include "fake.h"
#include "hf/abi.h"
#include "life.h"
#include "log.h"
#include "pool.h"

#define MIB UINT64_C(0x100000)
#define OWN_SIZE (2 * MIB)
#define OWN_AT (FAKE_RAM_BASE + FAKE_RAM_SIZE - OWN_SIZE)
#define DTB_AT (FAKE_RAM_BASE + 8 * MIB)
#define RAMDISK_AT (FAKE_RAM_BASE + 16 * MIB)
#define RAMDISK_SIZE (2 * MIB)
#define HIDDEN_DEVICE 0x08000000

/* Places of the files in the ramdisk, none of them at a page. */
#define PRIMARY_KERNEL 0x104
#define PRIMARY_RAMDISK 0x20408
#define KERNEL 0x40084
#define VM_RAMDISK 0x60004
#define FILE_SIZE 0x5123u
#define TEXT_OFFSET UINT64_C(0x80000)

static uint8_t memory[FAKE_RAM_SIZE];
static uint32_t syncs_at_clean;
static struct fdt_writer w;
static struct boot b;

static void clean(const void *p, size_t size)
{
	/* What is noted of a tree lies in the hypervisor. */
	if ((uintptr_t)p - FAKE_RAM_BASE >= FAKE_RAM_SIZE)
		return;
	memcpy(memory + ((uintptr_t)p - FAKE_RAM_BASE), p, size);
	syncs_at_clean = fake.instruction_syncs;
}

/* What is in memory at a physical address. */
static const uint8_t *in_memory(uint64_t pa)
{
	return memory + (pa - FAKE_RAM_BASE);
}

static void check_clean(uint64_t begin, uint64_t size)
{
	CHECK(memcmp(in_memory(begin), fake_ram(begin), size) == 0);
}

static bool is_zero(const uint8_t *p, size_t size)
{
	while (size && !*p) {
		p++;
		size--;
	}
	return size == 0;
}

/* --- a board --- */

static void put_device(const char *name, uint64_t base, uint64_t size)
{
	uint32_t cells[] = {(uint32_t)(base >> 32), (uint32_t)base,
			    (uint32_t)(size >> 32), (uint32_t)size};

	fdt_put_node(&w, name);
	fdt_put_cells(&w, "reg", cells, 4);
	fdt_put_end(&w);
}

static void make_tree(void)
{
	static const uint32_t gic[] = {0, HIDDEN_DEVICE, 0, 0x1000};

	fdt_begin(&w, fake_ram(DTB_AT), MIB, 0);
	fdt_put_node(&w, "");
	fdt_put_u32(&w, "#address-cells", 2);
	fdt_put_u32(&w, "#size-cells", 2);
	fdt_put_node(&w, "memory@40000000");
	fdt_put_string(&w, "device_type", "memory");
	fdt_put_end(&w);
	put_device("uart", FAKE_DEVICE, 0x1000);
	/* A device that claims the hypervisor's memory, and more. */
	put_device("liar", OWN_AT - MIB, 4 * MIB);
	fdt_put_node(&w, "gic");
	fdt_put_prop(&w, "fake,hidden", NULL, 0);
	fdt_put_cells(&w, "reg", gic, 4);
	fdt_put_end(&w);
	fdt_put_end(&w);
	CHECK(fdt_finish(&w, 0) != 0);
	boot_open_tree(&b, paddr(DTB_AT));
}

static const uint8_t *file(uint64_t place)
{
	return fake_ram(b.ramdisk.begin + place);
}

static void set_vm(unsigned int i, uint64_t mem_size)
{
	struct manifest_vm *m = &b.manifest.vm[i];

	m->name = "vm";
	m->kernel_filename = "kernel";
	m->ramdisk_filename = "ramdisk";
	m->mem_size = mem_size;
	m->vcpu_count = 2;
	b.vm[i].kernel = file(KERNEL);
	b.vm[i].kernel_size = FILE_SIZE;
	b.vm[i].ramdisk = file(VM_RAMDISK);
	b.vm[i].ramdisk_size = FILE_SIZE;
	b.vm[i].image.text_offset = TEXT_OFFSET;
	b.vm[i].image.memory_size = FILE_SIZE;
	b.vm[i].tree_size = secondary_tree_size(m);
	b.manifest.vm_count = i + 1;
}

static void set_primary(void)
{
	b.manifest.primary.name = "primary";
	b.manifest.primary.kernel_filename = "kernel";
	b.primary.kernel = file(PRIMARY_KERNEL);
	b.primary.kernel_size = FILE_SIZE;
	b.primary.ramdisk = file(PRIMARY_RAMDISK);
	b.primary.ramdisk_size = FILE_SIZE;
	b.primary.image.text_offset = TEXT_OFFSET;
	b.primary.image.memory_size = 0x10000;
}

/* Up to the plan; the ramdisk lies at `ramdisk`. */
static void start_at(uint64_t ramdisk)
{
	fake_reset();
	fake.own = OWN_AT;
	fake.own_size = OWN_SIZE;
	pool_init(fake_ram(OWN_AT), fake_ram(OWN_AT + MIB));
	cpu_count = 1;
	cpu_init_first();
	cpu_init_all();
	log_init();
	log_console_ready();
	memset(&b, 0, sizeof(b));
	/* Something is everywhere: nobody may rely on zeros. */
	memset(fake_ram(FAKE_RAM_BASE), 0xa5, FAKE_RAM_SIZE - OWN_SIZE);
	make_tree();
	CHECK(ranges_add_ram(&b.ram, FAKE_RAM_BASE,
			     FAKE_RAM_BASE + FAKE_RAM_SIZE));
	b.ramdisk = (struct range){ramdisk, ramdisk + RAMDISK_SIZE};
	for (uint64_t i = 0; i < RAMDISK_SIZE; i++)
		((uint8_t *)fake_ram(ramdisk))[i] = (uint8_t)(1 + i % 251);
	set_primary();
	memcpy(memory, fake_ram(FAKE_RAM_BASE), FAKE_RAM_SIZE);
	fake.clean = clean;
}

static void start(void)
{
	start_at(RAMDISK_AT);
}

static paddr_t tree;
static ipaddr_t entry;

/* The rest of boot. */
static void load(void)
{
	boot_plan(&b, true, 0);
	boot_settle(&b, true);
	boot_build_primary(&b);
	boot_load_secondaries(&b);
	tree = boot_load_primary(&b, &entry);
}

/* --- what VMs find --- */

static void check_secondary(unsigned int i)
{
	struct vm *vm = &vm_secondary[i];
	uint64_t pa = vm->memory.pa;
	struct fdt t;

	/* Until it runs it has no memory. */
	if (vm->loaded < vm->memory_size)
		CHECK_EQ(ptable_walk(&vm->stage2, HF_SECONDARY_RAM_BASE).mode,
			 0);
	while (life_load(vm))
		;
	check_clean(pa, vm->memory_size);
	/* All is zero but kernel, ramdisk and device tree. */
	CHECK(is_zero(in_memory(pa), TEXT_OFFSET));
	for (unsigned int n = 0; n < FILE_SIZE; n++)
		CHECK_EQ(in_memory(pa + TEXT_OFFSET)[n],
			 1 + (KERNEL + n) % 251);
	CHECK(is_zero(in_memory(pa + TEXT_OFFSET + FILE_SIZE),
		      vm->memory_size - TEXT_OFFSET - 2 * FILE_SIZE - 0x2000 -
			      align_up(b.vm[i].tree_size, PAGE_SIZE)));
	CHECK_EQ(vm->vcpus[0].arch.entry, HF_SECONDARY_RAM_BASE + TEXT_OFFSET);
	CHECK_EQ(vm->vcpus[0].state, VCPU_READY);
	CHECK_EQ(vm->vcpus[1].state, VCPU_OFF);
	pa += vm->vcpus[0].arch.x[0] - HF_SECONDARY_RAM_BASE;
	CHECK(unit_fdt_open(&t, in_memory(pa), (uint32_t)b.vm[i].tree_size) ==
	      NULL);
}

TEST(secondaries_in_memory)
{
	start();
	set_vm(0, 2 * MIB);
	set_vm(1, 4 * MIB);
	load();
	check_secondary(0);
	check_secondary(1);
	CHECK(fake.instruction_syncs > syncs_at_clean);
}

/* What VMs are loaded from is kept, hidden; the second life is as the first. */
TEST(second_life)
{
	start();
	set_vm(0, 2 * MIB);
	set_vm(1, 4 * MIB);
	load();
	for (unsigned int i = 0; i < 2; i++) {
		struct vm *vm = &vm_secondary[i];

		memset(fake_ram(vm->memory.pa), 0xa5, vm->memory_size);
		memset(memory + (vm->memory.pa - FAKE_RAM_BASE), 0xa5,
		       vm->memory_size);
		CHECK_EQ(life_stop(vm), HF_DONE);
		while (life_start(vm) == HF_AGAIN)
			;
		CHECK_EQ(life_state(vm), HF_VM_RUNNING);
		check_secondary(i);
	}
	CHECK_EQ(mm_owner(&vm_primary.stage2, paddr(b.kept.begin)),
		 OWNER_HYPERVISOR);
	CHECK_EQ(mm_owner(&vm_primary.stage2, paddr(b.kept.end - 1)),
		 OWNER_HYPERVISOR);
	/* Both have the same files: there is one copy of each. */
	CHECK_EQ(b.kept.begin,
		 align_down(b.kept.end - 2 * align_up(FILE_SIZE, PAGE_SIZE) -
				    b.vm[0].tree_size - b.vm[1].tree_size,
			    0x10000));
	CHECK(fake_printed("kept for the start of VMs: "));
}

TEST(primary_in_memory)
{
	struct fdt t;

	start();
	load();
	CHECK_EQ(entry.ipa, b.kernel_place.begin + TEXT_OFFSET);
	CHECK_EQ(tree.pa, b.primary_tree_place.begin);
	for (unsigned int n = 0; n < FILE_SIZE; n++)
		CHECK_EQ(in_memory(entry.ipa)[n],
			 1 + (PRIMARY_KERNEL + n) % 251);
	check_clean(tree.pa, b.primary_tree_place.end - tree.pa);
	CHECK(unit_fdt_open(&t, in_memory(tree.pa),
			    (uint32_t)(b.primary_tree_place.end - tree.pa)) ==
	      NULL);
	CHECK(memcmp(in_memory(RAMDISK_AT + PRIMARY_RAMDISK), b.primary.ramdisk,
		     FILE_SIZE) == 0);
	CHECK(fake.instruction_syncs > syncs_at_clean);
}

/* --- what the primary does not find --- */

/* Of the archive that lies in its RAM its own ramdisk is left, whole. */
static void check_wiped(uint64_t kept, uint64_t kept_end)
{
	const uint8_t *archive = in_memory(RAMDISK_AT);

	CHECK(is_zero(archive, kept));
	CHECK(is_zero(archive + kept_end, RAMDISK_SIZE - kept_end));
	for (uint64_t i = kept; i < kept_end; i++)
		CHECK_EQ(archive[i], 1 + i % 251);
	CHECK_EQ(archive[-1], 0xa5);
	CHECK_EQ(archive[RAMDISK_SIZE], 0xa5);
}

/* Whatever a VM names, or nobody: also the manifest, of which no VM is told. */
TEST(files_are_wiped)
{
	start();
	set_vm(0, 2 * MIB);
	b.manifest.vm[0].error = "is bad";
	load();
	check_wiped(PRIMARY_RAMDISK, PRIMARY_RAMDISK + FILE_SIZE);
	start();
	b.primary.ramdisk = NULL;
	b.primary.ramdisk_size = 0;
	load();
	check_wiped(RAMDISK_SIZE, RAMDISK_SIZE);
	/* Within one page, to the last byte. */
	start();
	b.ramdisk.begin += 0x100;
	b.ramdisk.end = b.ramdisk.begin + 0x300;
	b.primary.kernel = file(0x10);
	b.primary.kernel_size = 0x20;
	b.primary.ramdisk = file(0x100);
	b.primary.ramdisk_size = 0x21;
	load();
	CHECK(is_zero(in_memory(RAMDISK_AT + 0x100), 0x100));
	CHECK_EQ(in_memory(RAMDISK_AT)[0xff], 1 + 0xff % 251);
	CHECK_EQ(in_memory(RAMDISK_AT)[0x200], 1 + 0x200 % 251);
	CHECK_EQ(in_memory(RAMDISK_AT)[0x220], 1 + 0x220 % 251);
	CHECK(is_zero(in_memory(RAMDISK_AT + 0x221), 0x400 - 0x221));
	CHECK_EQ(in_memory(RAMDISK_AT)[0x400], 1 + 0x400 % 251);
}

/* A file of two VMs serves both; one of the primary stays. */
TEST(shared_files)
{
	start();
	set_vm(0, 2 * MIB);
	set_vm(1, 2 * MIB);
	b.vm[0].ramdisk = b.vm[1].ramdisk = b.primary.ramdisk;
	load();
	check_secondary(0);
	check_secondary(1);
	CHECK(is_zero(in_memory(RAMDISK_AT + KERNEL), FILE_SIZE));
	CHECK(!is_zero(in_memory(RAMDISK_AT + PRIMARY_RAMDISK), FILE_SIZE));
}

/* --- who owns what --- */

static void check_owner(uint64_t pa, enum mm_owner owner)
{
	CHECK_EQ(mm_owner(&vm_primary.stage2, paddr(pa)), owner);
}

TEST(owners)
{
	struct mm_walk walk;

	start();
	set_vm(0, 2 * MIB);
	set_vm(1, 2 * MIB);
	load();
	check_owner(OWN_AT, OWNER_HYPERVISOR);
	check_owner(OWN_AT + OWN_SIZE - 1, OWNER_HYPERVISOR);
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t pa = vm_secondary[i].memory.pa;

		check_owner(pa, (enum mm_owner)(OWNER_VM + i));
		check_owner(pa + 2 * MIB - 1, (enum mm_owner)(OWNER_VM + i));
		while (life_load(&vm_secondary[i]))
			;
		walk = ptable_walk(&vm_secondary[i].stage2,
				   HF_SECONDARY_RAM_BASE);
		CHECK_EQ(walk.pa.pa, pa);
		CHECK_EQ(walk.mode, MM_NORMAL_RWX);
	}
	for (uint32_t i = 0; i < b.primary_ram.count; i++) {
		check_owner(b.primary_ram.r[i].begin, OWNER_PRIMARY);
		check_owner(b.primary_ram.r[i].end - 1, OWNER_PRIMARY);
	}
}

/* Devices that the tree names, as devices; no hole, and nothing hidden. */
TEST(devices)
{
	struct mm_walk walk;

	start();
	load();
	walk = ptable_walk(&vm_primary.stage2, FAKE_DEVICE);
	CHECK_EQ(walk.mode, MM_DEVICE_RW);
	check_owner(HIDDEN_DEVICE, OWNER_HYPERVISOR);
	check_owner(FAKE_DEVICE - 1, OWNER_NOBODY);
	check_owner(FAKE_DEVICE + PAGE_SIZE, OWNER_NOBODY);
	check_owner(FAKE_RAM_BASE - 1, OWNER_NOBODY);
	check_owner(OWN_AT, OWNER_HYPERVISOR);
	check_owner(FAKE_RAM_BASE + FAKE_RAM_SIZE, OWNER_PRIMARY);
	walk = ptable_walk(&vm_primary.stage2, OWN_AT - MIB);
	CHECK_EQ(walk.mode, MM_NORMAL_RWX);
}

/* --- a VM that can not be --- */

static void check_left_out(unsigned int i)
{
	CHECK_EQ(vm_secondary[i].vcpu_count, 0);
	CHECK_EQ(vm_secondary[i].arch.inits, 0);
	check_secondary(1 - i);
}

/* An error that was found before. */
TEST(error_of_the_manifest)
{
	start();
	set_vm(0, 2 * MIB);
	set_vm(1, 2 * MIB);
	b.manifest.vm[0].error = "is bad";
	load();
	CHECK(fake_printed("vm0 (vm) left out: is bad"));
	check_left_out(0);
}

TEST(no_page_table_left)
{
	start();
	set_vm(0, 8 * MIB);
	set_vm(1, 2 * MIB);
	fake.boot_map_limit = 4 * MIB;
	load();
	CHECK(fake_printed("vm0 (vm) left out: no page table left"));
	check_left_out(0);
}

TEST(tree_does_not_fit)
{
	start();
	set_vm(0, 2 * MIB);
	set_vm(1, 2 * MIB);
	b.vm[1].tree_size = 64;
	load();
	CHECK(fake_printed("vm1 (vm) left out: device tree does not fit"));
	check_left_out(1);
}

/* --- moving --- */

static void settle(void)
{
	boot_plan(&b, false, 0);
	boot_settle(&b, false);
}

static void settle_again(void)
{
	boot_settle(&b, true);
}

/* The hypervisor alone, with what was noted of the trees. */
TEST(hypervisor_moves)
{
	start();
	fake.own = FAKE_RAM_BASE;
	set_vm(0, 4 * MIB);
	boot_plan(&b, false, 0);
	CHECK(!boot_settle(&b, false));
	CHECK_EQ(fake.moves, 1);
	CHECK_EQ(fake.own, OWN_AT);
	CHECK_EQ(fake.moved_bytes,
		 b.tree.node_count * sizeof(struct fdt_entry));
	CHECK(b.tree.node_count);
	/* All is where it should be. */
	CHECK(!boot_settle(&b, true));
	CHECK_EQ(fake.moves, 1);
}

/* A ramdisk where the hypervisor's memory will be. */
TEST(ramdisk_moves)
{
	uint64_t at = OWN_AT - 4 * MIB;
	uint64_t to;

	start_at(at);
	set_vm(0, 4 * MIB);
	boot_plan(&b, false, 0);
	to = b.ramdisk_place.begin;
	CHECK(boot_settle(&b, false));
	CHECK_EQ(fake.moves, 0);
	CHECK_EQ(fake.own, OWN_AT);
	for (unsigned int n = 0; n < RAMDISK_SIZE; n++)
		CHECK_EQ(in_memory(to)[n], 1 + n % 251);
	/* Nothing of it stays behind. */
	CHECK(is_zero(in_memory(at), RAMDISK_SIZE));
	CHECK(is_zero(fake_ram(at), RAMDISK_SIZE));
}

TEST(settled_does_not_move)
{
	start_at(OWN_AT - 4 * MIB);
	set_vm(0, 4 * MIB);
	CHECK_EQ(fake_run(settle), FAKE_RETURNED);
	CHECK_EQ(fake_run(settle_again), FAKE_HALTED);
	CHECK(fake_printed("wants to move again"));
}
