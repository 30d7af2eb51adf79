/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzzes src/manifest.c: what it accepts keeps the rules of docs/boot.md. */
#include <stdlib.h>
#include <string.h>

#include "manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check_string(const char *s)
{
	require(s != NULL && strlen(s) != 0);
}

static void check_vm(const struct manifest_vm *vm)
{
	check_string(vm->name);
	if (vm->error != NULL) {
		check_string(vm->error);
		check_string(vm->error_property);
		return;
	}
	require(strlen(vm->name) < MAX_NAME);
	check_string(vm->kernel_filename);
	if (vm->ramdisk_filename != NULL)
		check_string(vm->ramdisk_filename);
	if (vm->bootargs != NULL)
		check_string(vm->bootargs);
}

static void check_secondary(const struct manifest_vm *vm)
{
	check_vm(vm);
	if (vm->error != NULL)
		return;
	require(vm->mem_size != 0 && vm->mem_size % 4096 == 0);
	require(vm->mem_size <= MANIFEST_MAX_MEM_SIZE);
	require(vm->vcpu_count != 0 && vm->vcpu_count <= MAX_VCPUS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct manifest m;
	static struct fdt_entry nodes[MAX_MANIFEST_NODES];
	struct fdt fdt;
	const char *error;

	if (fdt_open(&fdt, data, size, nodes, MAX_MANIFEST_NODES) != NULL)
		return 0;
	error = manifest_read(&m, &fdt);
	if (error != NULL) {
		require((m.error_node != NULL) != (m.error_property != NULL));
		return 0;
	}
	check_vm(&m.primary);
	require(m.vm_count <= MAX_VMS);
	for (uint32_t i = 0; i < m.vm_count; i++)
		check_secondary(&m.vm[i]);
	return 0;
}
