/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The manifest: which VMs there are (docs/boot.md). A pure function over a
 * device tree that fdt_open() accepted.
 */
#ifndef MANIFEST_H
#define MANIFEST_H

#include "fdt.h"
#include "limits.h"

/* Largest mem_size, in bytes: with its base it fits a 40-bit IPA. */
#define MANIFEST_MAX_MEM_SIZE (UINT64_C(1) << 39)

/* What the manifest says of one VM. Strings lie in the manifest itself. */
struct manifest_vm {
	const char *name; /* debug_name; "primary" for the primary */
	const char *kernel_filename;
	const char *ramdisk_filename; /* NULL: none */
	const char *bootargs;	      /* NULL: none given */
	uint64_t mem_size;	      /* bytes; 0 for the primary */
	uint32_t vcpu_count;	      /* 0 for the primary */
	bool debug; /* its registers are told when it crashes */
	/*
	 * NULL, or why this VM cannot be: what is wrong ("is missing"), and the
	 * property or inner node that is at fault. Its other fields are then
	 * not to be used, but for name, which is the node's if debug_name is
	 * bad.
	 */
	const char *error;
	const char *error_property;
};

struct manifest {
	struct manifest_vm primary;
	struct manifest_vm vm[MAX_VMS];
	uint32_t vm_count;
	bool strict; /* no device for the primary that could reach all memory */
	bool panic_resets; /* a panic ends in a reset of the board */
	/* Set with an error of the whole manifest: the node and property. */
	const char *error_node;
	const char *error_property;
};

/*
 * Reads a manifest. Returns NULL, or a message about the manifest as a whole
 * (wrong compatible, unknown node or root property, a gap in vm0.., too many
 * VMs, no primary), with the node or the root's property that it is about:
 * one of error_node and error_property is not NULL. A fault of one VM, the
 * primary included, is told in that VM's `error`. Messages go on where the
 * node and property were named: "vm1: mem_size: is missing".
 */
const char *manifest_read(struct manifest *m, const struct fdt *fdt);

#endif
