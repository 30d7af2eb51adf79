/* SPDX-License-Identifier: BSD-3-Clause */
/* Suite `boot`: how VMs find themselves at their start (docs/boot.md). */
#include <stddef.h>
#include "boot.h"
#include "dt.h"
#include "machine.h"
#include "smp.h"
#include "string.h"
#include "test.h"
#include "vm.h"

#define RAM_BASE 0x40000000
#define SECONDARY_SIZE 0x200000
#define BIG_SIZE 0x2000000

/* The primary has the board's RAM from its start, less what is hidden. */
static void primary_memory(void)
{
	uint64_t base;
	uint64_t size;

	CHECK_EQ(dt_memory(&base, &size), 1);
	CHECK_EQ(base, RAM_BASE);
	CHECK_EQ(size % 4096, 0);
	CHECK(size < machine_ram());
	CHECK(machine_ram() - size >= machine_hidden_at_least());
	/* Page tables, the image, alignment: a few MiB. */
	CHECK(machine_ram() - size < machine_hidden_at_least() + 0x1000000);
}

/* Our ramdisk is not the primary's, and QEMU's -append reaches it. */
static void primary_chosen(void)
{
	const uint32_t *chosen = dt_node("/chosen");
	char value[16];

	CHECK(chosen);
	CHECK(!dt_property(chosen, "linux,initrd-start", NULL));
	CHECK(!dt_property(chosen, "linux,initrd-end", NULL));
	CHECK(dt_bootarg("suite", value, sizeof(value)));
	CHECK(!strcmp(value, "boot"));
}

static void primary_hypervisor_node(void)
{
	const uint32_t *node = dt_node("/hypervisor");
	const uint32_t *vm;
	unsigned int count = 0;
	uint64_t number;

	CHECK(node);
	CHECK(dt_compatible(node, "holdfast,hypervisor"));
	CHECK(dt_number(node, "#address-cells", &number) && number == 1);
	CHECK(dt_number(node, "#size-cells", &number) && number == 0);
	for (vm = dt_child(node); vm; vm = dt_sibling(vm), count++) {
		CHECK(!strncmp(dt_name(vm), "vm@", 3));
		CHECK(dt_number(vm, "reg", &number) && number == count);
		CHECK(dt_string(vm, "label"));
	}
	CHECK_EQ(count, hf_vm_get_count());
	CHECK_EQ(vm_named("echo"), 0);
	CHECK_EQ(vm_named("service"), 1);
}

static void primary_psci_node(void)
{
	const uint32_t *node = dt_node("/psci");
	const char *method = node ? dt_string(node, "method") : NULL;

	CHECK(method && (!strcmp(method, "hvc") || !strcmp(method, "smc")));
	CHECK(dt_compatible(node, "arm,psci-1.0") ||
	      dt_compatible(node, "arm,psci-0.2"));
}

static void secondary_entry(void)
{
	const struct step_result *r;

	script_start();
	script_add(STEP_BOOT, 0, 0, 0, 0);
	script_add(STEP_BOOT_2, 0, 0, 0, 0);
	script_add(STEP_FACTS, 0, 0, 0, 0);
	if (!script_run(vm_named("service")))
		return;
	r = script_result(0);
	CHECK_EQ(r->x[0], script_result(2)->x[0]);
	CHECK_EQ(r->x[1] | r->x[2] | r->x[3], 0);
	r = script_result(1);
	CHECK_EQ(r->x[0] & 0x5, 0); /* MMU and data cache off */
	CHECK_EQ(r->x[1] >> 2, 1);
	CHECK_EQ(r->x[2], 0x3c0);
}

/* Reads a secondary's device tree; the dt functions look at it then. */
static bool take_tree(uint32_t vm)
{
	static _Alignas(8) uint8_t copy[SERVICE_DATA_MAX];
	const struct step_result *r = step_run(vm, STEP_FACTS, 0, 0, 0, 0);
	uint64_t address = r ? r->x[0] : 0;
	uint64_t size = r ? r->x[1] : 0;

	if (r && size > sizeof(copy))
		test_fail(__FILE__, __LINE__, "tree of %lu bytes", size);
	if (!r || size > sizeof(copy))
		return false;
	if (!step_run(vm, STEP_COPY, address, size, 0, 0))
		return false;
	memcpy(copy, script_data(), size);
	dt_init(copy);
	return true;
}

static void check_tree(uint64_t memory, unsigned int vcpus)
{
	const uint32_t *cpu = dt_node("/cpus");
	const uint32_t *timer = dt_node("/timer");
	const uint32_t *psci = dt_node("/psci");
	uint64_t base;
	uint64_t size;
	uint32_t len = 0;
	unsigned int i = 0;

	CHECK_EQ(dt_memory(&base, &size), 1);
	CHECK_EQ(base, HF_SECONDARY_RAM_BASE);
	CHECK_EQ(size, memory);
	CHECK(cpu && psci && timer);
	for (cpu = dt_child(cpu); cpu; cpu = dt_sibling(cpu), i++) {
		const char *method = dt_string(cpu, "enable-method");
		uint64_t mpidr;

		CHECK(dt_number(cpu, "reg", &mpidr) && mpidr == i);
		CHECK(dt_string(cpu, "device_type") && method);
		CHECK(!strcmp(method, "psci"));
	}
	CHECK_EQ(i, vcpus);
	CHECK(dt_string(psci, "method"));
	CHECK(!strcmp(dt_string(psci, "method"), "hvc"));
	CHECK(dt_compatible(psci, "arm,psci-1.0"));
	CHECK(dt_compatible(timer, "arm,armv8-timer"));
	CHECK(dt_property(timer, "interrupts", &len));
	CHECK_EQ(len, 4 * 3 * 4);
}

static void check_tree_of(const char *name, uint64_t memory, unsigned int vcpus)
{
	const void *own = (const void *)dt_address();

	if (!take_tree(vm_named(name)))
		return;
	check_tree(memory, vcpus);
	dt_init(own);
}

static void secondary_tree(void)
{
	check_tree_of("service", SECONDARY_SIZE, 1);
	if (!test_over())
		check_tree_of("big", BIG_SIZE, 1);
	if (!test_over())
		check_tree_of("smp", 2 * SECONDARY_SIZE, 4);
}

static void check_chosen(uint64_t *start, uint64_t *end)
{
	const uint32_t *chosen = dt_node("/chosen");
	const char *args = chosen ? dt_string(chosen, "bootargs") : NULL;

	CHECK(args);
	CHECK(!strcmp(args, "mode=service hello=world"));
	CHECK(dt_number(chosen, "linux,initrd-start", start));
	CHECK(dt_number(chosen, "linux,initrd-end", end));
}

/*
 * The ramdisk of VM `files` is the text below behind a "T", as target.py made
 * it. It is not whole here, for primary_has_no_files_of_secondaries().
 */
static void secondary_files(void)
{
	static const char text[] = "he ramdisk of a secondary VM.\n";
	const void *own = (const void *)dt_address();
	uint32_t vm = vm_named("files");
	uint64_t start = 0;
	uint64_t end = 0;

	if (!take_tree(vm))
		return;
	check_chosen(&start, &end);
	dt_init(own);
	if (test_over())
		return;
	CHECK_EQ(end - start, 1 + strlen(text));
	if (!step_run(vm, STEP_COPY, start, end - start, 0, 0))
		return;
	CHECK(*(const char *)script_data() == 'T');
	CHECK(!memcmp((const char *)script_data() + 1, text, strlen(text)));
}

static void scan(const char *name, uint64_t memory)
{
	const struct step_result *r;

	r = step_run(vm_named(name), STEP_SCAN, 0, 0, 0, 0);
	if (!r)
		return;
	if (r->x[0])
		FAIL("%s: %lu words are not zero, first at 0x%lx", name,
		     r->x[0], r->x[1]);
	CHECK(r->x[2] > memory / 4 && r->x[2] < memory);
}

/* Memory that no file fills is zero. */
static void secondary_memory_zero(void)
{
	scan("service", SECONDARY_SIZE);
	if (!test_over())
		scan("files", SECONDARY_SIZE);
	if (!test_over())
		scan("big", BIG_SIZE);
}

/* A secondary can write its memory up to the last byte. */
static void secondary_memory_ends(void)
{
	uint64_t last = HF_SECONDARY_RAM_BASE + BIG_SIZE - 8;
	const struct step_result *r;

	script_start();
	script_add(STEP_STORE, last, 0x1122334455667788, 0, 0);
	script_add(STEP_LOAD, last, 0, 0, 0);
	script_add(STEP_STORE, last, 0, 0, 0);
	if (!script_run(vm_named("big")))
		return;
	r = script_result(1);
	CHECK_EQ(r->esr, 0);
	CHECK_EQ(r->x[0], 0x1122334455667788);
}

/* The text that target.py gives to the VM "files" begins "The ramd". */
#define TEXT_BEGIN 0x646d617220656854

/* How much of the primary's RAM is searched; loaders put ramdisks there. */
#define SEARCHED 0x20000000

/* What a secondary was loaded from is nowhere in the primary's memory. */
static void primary_has_no_files_of_secondaries(void)
{
	const uint64_t *end;
	const uint64_t *p;
	uint64_t base;
	uint64_t size;

	vm_named("files");
	CHECK_EQ(dt_memory(&base, &size), 1);
	p = (const uint64_t *)(uintptr_t)base;
	end = (const uint64_t *)(uintptr_t)(base + (size < SEARCHED
							    ? size
							    : SEARCHED));
	while (p < end && *p != TEXT_BEGIN)
		p++;
	if (p < end)
		FAIL("a secondary's ramdisk lies at 0x%lx", (uintptr_t)p);
}

static const struct test_case cases[] = {
	{"primary_memory", primary_memory},
	{"primary_has_no_files_of_secondaries",
	 primary_has_no_files_of_secondaries},
	{"primary_chosen", primary_chosen},
	{"primary_hypervisor_node", primary_hypervisor_node},
	{"primary_psci_node", primary_psci_node},
	{"secondary_entry", secondary_entry},
	{"secondary_tree", secondary_tree},
	{"secondary_files", secondary_files},
	{"secondary_memory_zero", secondary_memory_zero},
	{"secondary_memory_ends", secondary_memory_ends},
	{NULL, NULL},
};

const struct suite suite_boot = {"boot", cases};
