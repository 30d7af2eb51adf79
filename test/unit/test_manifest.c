/* SPDX-License-Identifier: BSD-3-Clause */
/* src/manifest.c: every rule of docs/boot.md, kept and broken. */
#include "unit.h"
#include "manifest.h"

static _Alignas(8) uint8_t buffer[1 << 16];
static struct fdt_writer w;
static struct manifest m;

static void begin(void)
{
	fdt_begin(&w, buffer, sizeof(buffer), 0);
	fdt_put_node(&w, "");
	fdt_put_string(&w, "compatible", "holdfast,manifest-v1");
}

static void primary(void)
{
	fdt_put_node(&w, "primary");
	fdt_put_string(&w, "kernel_filename", "vmlinuz");
	fdt_put_end(&w);
}

/* Begins a VM that has all it needs but for the property `without`. */
static void begin_vm(const char *node, const char *name, const char *without)
{
	fdt_put_node(&w, node);
	if (strcmp(without, "debug_name") != 0)
		fdt_put_string(&w, "debug_name", name);
	if (strcmp(without, "kernel_filename") != 0)
		fdt_put_string(&w, "kernel_filename", "echo.bin");
	if (strcmp(without, "mem_size") != 0)
		fdt_put_u64(&w, "mem_size", 0x200000);
	if (strcmp(without, "vcpu_count") != 0)
		fdt_put_u32(&w, "vcpu_count", 1);
}

static void vm(const char *node, const char *name)
{
	begin_vm(node, name, "");
	fdt_put_end(&w);
}

/* Ends the tree and reads it. */
static const char *end(void)
{
	struct fdt fdt;
	uint32_t size;

	fdt_put_end(&w);
	size = fdt_finish(&w, 0);
	CHECK(size != 0);
	CHECK_STR(unit_fdt_open(&fdt, unit_copy(buffer, size), size), NULL);
	return manifest_read(&m, &fdt);
}

/* Reads a manifest whose vm0 has `property` set to the given bytes. */
static const char *vm_with(const char *property, const void *value,
			   uint32_t size)
{
	begin();
	primary();
	begin_vm("vm0", "echo", property);
	fdt_put_prop(&w, property, value, size);
	fdt_put_end(&w);
	CHECK_STR(end(), NULL);
	CHECK_EQ(m.vm_count, 1);
	CHECK(m.primary.error == NULL);
	if (m.vm[0].error != NULL)
		CHECK_STR(m.vm[0].error_property, property);
	return m.vm[0].error;
}

static const char *vm_with_string(const char *property, const char *value)
{
	return vm_with(property, value, (uint32_t)strlen(value) + 1);
}

static const char *vm_with_cells(const char *property, uint32_t count,
				 uint32_t high, uint32_t low)
{
	uint32_t cells[3] = {__builtin_bswap32(high), __builtin_bswap32(low),
			     0};

	if (count == 1)
		cells[0] = cells[1];
	return vm_with(property, cells, count * 4);
}

TEST(whole)
{
	begin();
	fdt_put_node(&w, "primary");
	fdt_put_string(&w, "kernel_filename", "vmlinuz");
	fdt_put_string(&w, "ramdisk_filename", "initrd.img");
	fdt_put_string(&w, "bootargs", "console=ttyAMA0");
	fdt_put_end(&w);
	vm("vm0", "echo");
	fdt_put_node(&w, "vm1");
	fdt_put_u32(&w, "vcpu_count", 2);
	fdt_put_u32(&w, "mem_size", 0x1000);
	fdt_put_string(&w, "bootargs", "quiet");
	fdt_put_string(&w, "ramdisk_filename", "rd");
	fdt_put_string(&w, "kernel_filename", "linux");
	fdt_put_string(&w, "debug_name", "other");
	fdt_put_end(&w);
	CHECK_STR(end(), NULL);
	CHECK(m.error_node == NULL && m.error_property == NULL);
	CHECK_EQ(m.vm_count, 2);
	CHECK_STR(m.primary.name, "primary");
	CHECK_STR(m.primary.kernel_filename, "vmlinuz");
	CHECK_STR(m.primary.ramdisk_filename, "initrd.img");
	CHECK_STR(m.primary.bootargs, "console=ttyAMA0");
	CHECK(m.primary.error == NULL);
	CHECK_STR(m.vm[0].name, "echo");
	CHECK_STR(m.vm[0].kernel_filename, "echo.bin");
	CHECK(m.vm[0].ramdisk_filename == NULL && m.vm[0].bootargs == NULL);
	CHECK_EQ(m.vm[0].mem_size, 0x200000);
	CHECK_EQ(m.vm[0].vcpu_count, 1);
	CHECK(m.vm[0].error == NULL && m.vm[0].error_property == NULL);
	CHECK_STR(m.vm[1].name, "other");
	CHECK_STR(m.vm[1].kernel_filename, "linux");
	CHECK_STR(m.vm[1].ramdisk_filename, "rd");
	CHECK_STR(m.vm[1].bootargs, "quiet");
	CHECK_EQ(m.vm[1].mem_size, 0x1000);
	CHECK_EQ(m.vm[1].vcpu_count, 2);
	CHECK(m.vm[1].error == NULL);
}

TEST(primary_alone)
{
	begin();
	primary();
	CHECK_STR(end(), NULL);
	CHECK_EQ(m.vm_count, 0);
}

/* The primary may stand anywhere. */
TEST(primary_last)
{
	begin();
	vm("vm0", "echo");
	primary();
	CHECK_STR(end(), NULL);
	CHECK_EQ(m.vm_count, 1);
	CHECK_STR(m.primary.kernel_filename, "vmlinuz");
}

TEST(compatible)
{
	fdt_begin(&w, buffer, sizeof(buffer), 0);
	fdt_put_node(&w, "");
	primary();
	CHECK_STR(end(), "is missing");
	CHECK_STR(m.error_property, "compatible");
	CHECK(m.error_node == NULL);

	fdt_begin(&w, buffer, sizeof(buffer), 0);
	fdt_put_node(&w, "");
	fdt_put_string(&w, "compatible", "holdfast,manifest-v2");
	primary();
	CHECK_STR(end(), "must be \"holdfast,manifest-v1\"");
	CHECK_STR(m.error_property, "compatible");

	fdt_begin(&w, buffer, sizeof(buffer), 0);
	fdt_put_node(&w, "");
	fdt_put_prop(&w, "compatible", "holdfast,manifest-v1", 20);
	primary();
	CHECK_STR(end(), "must be \"holdfast,manifest-v1\"");
}

TEST(unknown_root_property)
{
	begin();
	fdt_put_u32(&w, "#address-cells", 2);
	primary();
	CHECK_STR(end(), "is not known");
	CHECK_STR(m.error_property, "#address-cells");
	CHECK(m.error_node == NULL);
}

TEST(strict)
{
	begin();
	primary();
	CHECK_STR(end(), NULL);
	CHECK(!m.strict);
	begin();
	fdt_put_prop(&w, "strict", NULL, 0);
	primary();
	CHECK_STR(end(), NULL);
	CHECK(m.strict);
	begin();
	fdt_put_u32(&w, "strict", 0);
	primary();
	CHECK_STR(end(), "must have no value");
	CHECK_STR(m.error_property, "strict");
	begin();
	fdt_put_prop(&w, "strict", NULL, 0);
	fdt_put_prop(&w, "strict", NULL, 0);
	primary();
	CHECK_STR(end(), "is given twice");
}

static void check_panic(const char *value, const char *error, bool resets)
{
	begin();
	fdt_put_string(&w, "panic", value);
	primary();
	CHECK_STR(end(), error);
	CHECK_EQ(m.panic_resets, resets);
}

TEST(panic)
{
	const char *wrong = "must be \"halt\" or \"reset\"";

	begin();
	primary();
	CHECK_STR(end(), NULL);
	CHECK(!m.panic_resets);
	check_panic("halt", NULL, false);
	check_panic("reset", NULL, true);
	check_panic("resets", wrong, false);
	check_panic("", wrong, false);
	begin();
	fdt_put_u32(&w, "panic", 1);
	primary();
	CHECK_STR(end(), wrong);
	CHECK_STR(m.error_property, "panic");
	begin();
	fdt_put_string(&w, "panic", "halt");
	fdt_put_string(&w, "panic", "reset");
	primary();
	CHECK_STR(end(), "is given twice");
}

TEST(unknown_nodes)
{
	static const char *const names[] = {
		"vm",	  "vm00",   "vm01",	   "vm0x",
		"vm-1",	  "vm 0",   "Vm0",	   "vx0",
		"v",	  "vm0@0",  "vm1000",	   "primary@0",
		"primar", "chosen", "__symbols__", "vm4294967296"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		begin();
		primary();
		vm(names[i], "echo");
		CHECK_STR(end(), "is not known");
		CHECK_STR(m.error_node, names[i]);
	}
}

TEST(primary_missing)
{
	begin();
	vm("vm0", "echo");
	CHECK_STR(end(), "is missing");
	CHECK_STR(m.error_node, "primary");
}

TEST(primary_twice)
{
	begin();
	primary();
	primary();
	CHECK_STR(end(), "is given twice");
	CHECK_STR(m.error_node, "primary");
}

static void check_order(const char *first, const char *second, const char *bad)
{
	begin();
	primary();
	vm(first, "a");
	vm(second, "b");
	CHECK_STR(end(), "is not the next: vm0, vm1, ... come in order");
	CHECK_STR(m.error_node, bad);
}

TEST(order_of_vms)
{
	check_order("vm1", "vm0", "vm1");
	check_order("vm0", "vm2", "vm2");
	check_order("vm0", "vm0", "vm0");
	check_order("vm0", "vm999", "vm999");
}

TEST(number_of_vms)
{
	char node[16], name[16];

	for (int count = MAX_VMS; count <= MAX_VMS + 1; count++) {
		begin();
		primary();
		for (int i = 0; i < count; i++) {
			sprintf(node, "vm%d", i);
			sprintf(name, "n%d", i);
			vm(node, name);
		}
		if (count == MAX_VMS) {
			CHECK_STR(end(), NULL);
			CHECK_EQ(m.vm_count, MAX_VMS);
			CHECK_STR(m.vm[MAX_VMS - 1].name, name);
		} else {
			CHECK_STR(end(), "is one VM too many");
			CHECK_STR(m.error_node, node);
		}
	}
}

TEST(primary_needs_a_kernel)
{
	begin();
	fdt_put_node(&w, "primary");
	fdt_put_end(&w);
	CHECK_STR(end(), NULL);
	CHECK_STR(m.primary.error, "is missing");
	CHECK_STR(m.primary.error_property, "kernel_filename");
	CHECK_STR(m.primary.name, "primary");
}

TEST(primary_has_no_secondary_properties)
{
	static const char *const names[] = {"debug_name", "mem_size",
					    "vcpu_count", "other"};

	for (size_t i = 0; i < 4; i++) {
		begin();
		fdt_put_node(&w, "primary");
		fdt_put_string(&w, "kernel_filename", "vmlinuz");
		fdt_put_u32(&w, names[i], 4096);
		fdt_put_end(&w);
		CHECK_STR(end(), NULL);
		CHECK_STR(m.primary.error, "is not known");
		CHECK_STR(m.primary.error_property, names[i]);
	}
}

TEST(secondary_needs)
{
	static const char *const names[] = {"debug_name", "kernel_filename",
					    "mem_size", "vcpu_count"};

	for (size_t i = 0; i < 4; i++) {
		begin();
		primary();
		begin_vm("vm0", "echo", names[i]);
		fdt_put_end(&w);
		vm("vm1", "good");
		CHECK_STR(end(), NULL);
		CHECK_EQ(m.vm_count, 2);
		CHECK_STR(m.vm[0].error, "is missing");
		CHECK_STR(m.vm[0].error_property, names[i]);
		CHECK_STR(m.vm[0].name, i == 0 ? "vm0" : "echo");
		CHECK(m.vm[1].error == NULL);
		CHECK_STR(m.vm[1].name, "good");
	}
}

TEST(unknown_property)
{
	CHECK_STR(vm_with_string("bootarg", "x"), "is not known");
	CHECK_STR(vm_with_string("phandle", "x"), "is not known");
}

TEST(property_twice)
{
	begin();
	primary();
	begin_vm("vm0", "echo", "");
	fdt_put_u32(&w, "vcpu_count", 1);
	fdt_put_end(&w);
	CHECK_STR(end(), NULL);
	CHECK_STR(m.vm[0].error, "is given twice");
	CHECK_STR(m.vm[0].error_property, "vcpu_count");
}

TEST(node_inside_a_vm)
{
	begin();
	primary();
	begin_vm("vm0", "echo", "");
	fdt_put_node(&w, "inner");
	fdt_put_end(&w);
	fdt_put_end(&w);
	CHECK_STR(end(), NULL);
	CHECK_STR(m.vm[0].error, "is a node: a VM has none inside");
	CHECK_STR(m.vm[0].error_property, "inner");
}

/* The first fault is told, and the name is known all the same. */
TEST(first_fault_of_several)
{
	begin();
	primary();
	fdt_put_node(&w, "vm0");
	fdt_put_u32(&w, "mem_size", 1);
	fdt_put_u32(&w, "vcpu_count", 0);
	fdt_put_string(&w, "debug_name", "late");
	fdt_put_end(&w);
	CHECK_STR(end(), NULL);
	CHECK_STR(m.vm[0].name, "late");
	CHECK_STR(m.vm[0].error, "must be a multiple of 4096");
	CHECK_STR(m.vm[0].error_property, "mem_size");
}

TEST(string_values)
{
	static const char *const names[] = {"debug_name", "kernel_filename",
					    "ramdisk_filename", "bootargs"};

	for (size_t i = 0; i < 4; i++) {
		CHECK_STR(vm_with(names[i], "a", 2), NULL);
		CHECK_STR(vm_with(names[i], NULL, 0), "must be one string");
		CHECK_STR(vm_with(names[i], "ab", 2), "must be one string");
		CHECK_STR(vm_with(names[i], "a\0b", 4), "must be one string");
		CHECK_STR(vm_with(names[i], "a\0", 3), "must be one string");
		CHECK_STR(vm_with(names[i], "", 1), "must not be empty");
		CHECK_STR(vm_with(names[i], "\0\0\0\1", 4),
			  "must be one string");
	}
}

TEST(names_of_vms)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789";
	char name[MAX_NAME + 1];

	for (int c = 1; c < 256; c++) {
		bool letter = strchr(letters, c) != NULL;
		bool mark = c == '.' || c == '_' || c == '-';

		sprintf(name, "%c", c);
		CHECK_STR(vm_with_string("debug_name", name),
			  letter ? NULL
				 : "must begin with a letter or a digit");
		sprintf(name, "a%c", c);
		CHECK_STR(
			vm_with_string("debug_name", name),
			letter || mark
				? NULL
				: "has a character other than a-z A-Z 0-9 . _ -");
	}
	memset(name, 'a', sizeof(name));
	name[MAX_NAME - 1] = '\0';
	CHECK_STR(vm_with_string("debug_name", name), NULL);
	CHECK_STR(m.vm[0].name, name);
	name[MAX_NAME - 1] = 'a';
	name[MAX_NAME] = '\0';
	CHECK_STR(vm_with_string("debug_name", name), "is too long");
	CHECK_STR(m.vm[0].name, "vm0");
	CHECK_STR(vm_with_string("debug_name", "primary"),
		  "is the primary VM's name");
}

TEST(name_given_twice)
{
	begin();
	primary();
	vm("vm0", "echo");
	vm("vm1", "other");
	vm("vm2", "echo");
	vm("vm3", "other");
	CHECK_STR(end(), NULL);
	CHECK(m.vm[0].error == NULL && m.vm[1].error == NULL);
	CHECK_STR(m.vm[2].error, "is the name of another VM");
	CHECK_STR(m.vm[2].error_property, "debug_name");
	CHECK_STR(m.vm[3].error, "is the name of another VM");
}

TEST(mem_sizes)
{
	static const char wrong_size[] = "must be one or two cells";

	CHECK_STR(vm_with_cells("mem_size", 1, 0, 0x1000), NULL);
	CHECK_EQ(m.vm[0].mem_size, 0x1000);
	CHECK_STR(vm_with_cells("mem_size", 1, 0, 0xfffff000), NULL);
	CHECK_EQ(m.vm[0].mem_size, 0xfffff000);
	CHECK_STR(vm_with_cells("mem_size", 2, 1, 0x1000), NULL);
	CHECK_EQ(m.vm[0].mem_size, UINT64_C(0x100001000));
	CHECK_STR(vm_with_cells("mem_size", 0, 0, 0), wrong_size);
	CHECK_STR(vm_with_cells("mem_size", 3, 0, 0x1000), wrong_size);
	CHECK_STR(vm_with("mem_size", "\0\0\x10", 3), wrong_size);
	CHECK_STR(vm_with("mem_size", "\0\0\0\0\0\0\x10", 7), wrong_size);
	CHECK_STR(vm_with_string("mem_size", "0x1000"), wrong_size);
	CHECK_STR(vm_with_cells("mem_size", 1, 0, 0), "must not be zero");
	CHECK_STR(vm_with_cells("mem_size", 2, 0, 0), "must not be zero");
	for (uint32_t bit = 0; bit < 12; bit++)
		CHECK_STR(vm_with_cells("mem_size", 2, 0,
					0x1000 | UINT32_C(1) << bit),
			  "must be a multiple of 4096");
	CHECK_STR(vm_with_cells("mem_size", 2, 0x80, 0), NULL);
	CHECK_EQ(m.vm[0].mem_size, MANIFEST_MAX_MEM_SIZE);
	CHECK_STR(vm_with_cells("mem_size", 2, 0x80, 0x1000), "is too large");
	CHECK_STR(vm_with_cells("mem_size", 2, 0xffffffff, 0xfffff000),
		  "is too large");
}

TEST(vcpu_counts)
{
	for (uint32_t n = 1; n <= MAX_VCPUS; n++) {
		CHECK_STR(vm_with_cells("vcpu_count", 1, 0, n), NULL);
		CHECK_EQ(m.vm[0].vcpu_count, n);
	}
	CHECK_STR(vm_with_cells("vcpu_count", 1, 0, 0), "must not be zero");
	CHECK_STR(vm_with_cells("vcpu_count", 1, 0, MAX_VCPUS + 1),
		  "is too large");
	CHECK_STR(vm_with_cells("vcpu_count", 1, 0, 0xffffffff),
		  "is too large");
	CHECK_STR(vm_with_cells("vcpu_count", 2, 0, 1), "must be one cell");
	CHECK_STR(vm_with_cells("vcpu_count", 0, 0, 1), "must be one cell");
}

/* Flips each bit of a manifest; what is accepted can be used. */
TEST(debug)
{
	CHECK_STR(vm_with("debug", NULL, 0), NULL);
	CHECK(m.vm[0].debug);
	CHECK_STR(vm_with_cells("debug", 1, 0, 1), "must have no value");
	CHECK_STR(vm_with_string("vcpus", "1"), "is not known");
	CHECK(!m.vm[0].debug);
	/* The primary's registers are its own to show. */
	begin();
	fdt_put_node(&w, "primary");
	fdt_put_string(&w, "kernel_filename", "vmlinuz");
	fdt_put_prop(&w, "debug", NULL, 0);
	fdt_put_end(&w);
	CHECK_STR(end(), NULL);
	CHECK_STR(m.primary.error, "is not known");
	CHECK_STR(m.primary.error_property, "debug");
}

TEST(every_bit_flip_is_survived)
{
	static uint8_t whole[1024];
	unsigned int accepted = 0;
	struct fdt fdt;
	uint32_t size;

	begin();
	primary();
	vm("vm0", "echo");
	vm("vm1", "other");
	fdt_put_end(&w);
	size = fdt_finish(&w, 0);
	CHECK(size != 0 && size <= sizeof(whole));
	memcpy(whole, buffer, size);
	for (uint32_t bit = 0; bit < 8 * size; bit++) {
		uint8_t *copy = unit_copy(whole, size);

		copy[bit / 8] ^= (uint8_t)(1 << (bit % 8));
		if (unit_fdt_open(&fdt, copy, size) != NULL)
			continue;
		if (manifest_read(&m, &fdt) != NULL) {
			CHECK((m.error_node != NULL) !=
			      (m.error_property != NULL));
			continue;
		}
		for (uint32_t i = 0; i < m.vm_count; i++)
			CHECK(m.vm[i].error != NULL ||
			      (strlen(m.vm[i].name) < MAX_NAME &&
			       strlen(m.vm[i].kernel_filename) != 0 &&
			       m.vm[i].mem_size != 0 &&
			       m.vm[i].vcpu_count != 0));
		accepted++;
	}
	CHECK(accepted != 0 && accepted < 8 * size);
}
