/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Judges a ramdisk with the hypervisor's own code and prints the first fault
 * in mkramdisk's words, so that test_mkramdisk.py can compare the two.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpio.h"
#include "image.h"
#include "manifest.h"

static uint8_t *ramdisk;
static size_t ramdisk_size;

/* Prints the parts that are not NULL, ends the program. */
static void fail(const char *a, const char *b, const char *c, const char *d)
{
	const char *parts[] = {a, b, c, d};
	const char *separator = "";

	for (int i = 0; i < 4; i++) {
		if (parts[i] == NULL)
			continue;
		printf("%s%s", separator, parts[i]);
		separator = ": ";
	}
	printf("\n");
	exit(1);
}

static void read_ramdisk(const char *path)
{
	FILE *file = fopen(path, "rb");

	ramdisk = malloc(1 << 20);
	if (file == NULL || ramdisk == NULL)
		fail(path, "cannot be read", NULL, NULL);
	ramdisk_size = fread(ramdisk, 1, 1 << 20, file);
	fclose(file);
}

static void check_kernel(const char *node, const char *name)
{
	struct cpio_file file;
	struct image image;
	const char *error;

	if (!cpio_find(ramdisk, ramdisk_size, name, &file))
		fail("manifest.dtb", node, name, "is not there");
	error = image_read(&image, file.data, file.size);
	if (error != NULL)
		fail("manifest.dtb", node, name, error);
}

static void check_vm(const char *node, const struct manifest_vm *vm)
{
	if (vm->error != NULL)
		fail("manifest.dtb", node, vm->error_property, vm->error);
	check_kernel(node, vm->kernel_filename);
}

int main(int argc, char **argv)
{
	static struct manifest m;
	struct cpio_file file;
	static struct fdt_entry nodes[MAX_MANIFEST_NODES];
	struct fdt fdt;
	const char *error;
	char node[16];

	read_ramdisk(argc == 2 ? argv[1] : "");
	error = cpio_check(ramdisk, ramdisk_size);
	if (error != NULL)
		fail("ramdisk", error, NULL, NULL);
	if (!cpio_find(ramdisk, ramdisk_size, "manifest.dtb", &file))
		fail("ramdisk", "manifest.dtb", "is not there", NULL);
	error = fdt_open(&fdt, file.data, file.size, nodes, MAX_MANIFEST_NODES);
	if (error != NULL)
		fail("manifest.dtb", error, NULL, NULL);
	error = manifest_read(&m, &fdt);
	if (error != NULL)
		fail("manifest.dtb", m.error_node, m.error_property, error);
	check_vm("primary", &m.primary);
	for (uint32_t i = 0; i < m.vm_count; i++) {
		snprintf(node, sizeof(node), "vm%u", i);
		check_vm(node, &m.vm[i]);
	}
	return 0;
}
