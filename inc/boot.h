/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Boot: what there is, where everything will be, and getting it there. The
 * steps are called by main() in this order.
 */
#ifndef BOOT_H
#define BOOT_H

#include "fdt.h"
#include "image.h"
#include "manifest.h"
#include "ranges.h"
#include "types.h"
#include "vm.h"

/* A VM's files in the ramdisk, and where the VM will be. */
struct boot_vm {
	struct image image;
	const uint8_t *kernel;
	size_t kernel_size;
	const uint8_t *ramdisk; /* NULL: none */
	size_t ramdisk_size;
	/* Of a secondary: */
	struct range memory;
	uint64_t tree_size; /* room for its device tree */
	struct vm_part parts[PART_COUNT];
};

struct boot {
	struct fdt tree; /* the board's */
	struct ranges ram;
	struct ranges reserved; /* by the board */
	struct range ramdisk;
	struct fdt manifest_tree;
	struct manifest manifest;
	struct boot_vm primary;
	struct boot_vm vm[MAX_VMS];

	/* The plan. */
	uint32_t left_out;    /* secondaries without a place, a bit each */
	struct range own;     /* the hypervisor's place */
	struct range kept;    /* what secondaries are loaded from */
	struct ranges hidden; /* all that the primary does not get */
	struct ranges primary_ram;
	/* Where these go; the first two stay unless they are in the way. */
	struct range tree_place;
	struct range ramdisk_place;
	struct range kernel_place; /* of the primary, text_offset included */
	struct range primary_tree_place;

	/* Devices of the board that the primary does not get. */
	uint32_t withheld_count;
	fdt_node_t withheld[MAX_WITHHELD];
};

/* --- plan.c: nothing is changed yet; ends boot on an error --- */

/*
 * Opens the board's device tree and finds its console. NULL, or what is wrong
 * with the tree.
 */
const char *boot_read_tree(struct fdt *tree, paddr_t dtb);

/* The same for *b. */
void boot_open_tree(struct boot *b, paddr_t dtb);

/* Finds RAM and what the board reserved in it. */
void boot_find_memory(struct boot *b);

/* Finds the ramdisk, unless it is given, and checks the archive. */
void boot_find_ramdisk(struct boot *b, paddr_t begin, paddr_t end);

/*
 * Reads the manifest and looks at each VM's files. A secondary that can not be
 * gets an error in the manifest and is left out.
 */
void boot_read_manifest(struct boot *b);

/*
 * What is wrong with a VM that has an error, with the property and file at
 * fault, as a text in `out` of BOOT_FAULT_SIZE bytes. Returns `out`.
 */
#define BOOT_FAULT_SIZE 160
const char *boot_describe_fault(const struct manifest_vm *m, char *out);

/*
 * Decides where everything goes. Once `settled`, the hypervisor and the files
 * are where the first plan put them; it is repeated without the secondaries
 * that it left out (a bit each), for which there may be room by now: the plan
 * must not change.
 */
void boot_plan(struct boot *b, bool settled, uint32_t left_out);

/* --- load.c --- */

/*
 * Moves device tree and ramdisk out of the way, and the hypervisor to its
 * place. Whether one of the first two has moved: then nothing that was found
 * in them is right any more. Once `settled`, all is where it should be.
 */
bool boot_settle(struct boot *b, bool settled);

/* Gives every page to its owner: the primary's stage 2. */
void boot_build_primary(struct boot *b);

/*
 * Makes the secondaries, whose memory is loaded when they first run; tells of
 * each, also of those left out.
 */
void boot_load_secondaries(struct boot *b);

/* Loads the primary. Returns where its device tree is. */
paddr_t boot_load_primary(struct boot *b, ipaddr_t *entry);

/*
 * Wipes the board's tree, which lies in the primary's RAM: it has what the
 * primary is not told. Nobody reads it after this.
 */
void boot_wipe_tree(struct boot *b);

/* --- devices.c --- */

/*
 * Gives the primary the devices of the board: all but those of the hypervisor,
 * those of a kind that no VM may have, and what shares a page with them. A
 * device that may write memory and has no IOMMU of the hypervisor's before it
 * is named; if the manifest is strict, it is withheld, too.
 */
void boot_give_devices(struct boot *b);

/* Whether boot_give_devices() withheld the node. */
bool boot_withholds(const struct boot *b, fdt_node_t node);

/* Whether boot_hides_prop() may be true for a property of the node. */
static inline bool boot_hides_props(const struct fdt *tree, fdt_node_t node)
{
	return fdt_may_have(tree, node, "iommus") ||
	       fdt_may_have(tree, node, "iommu-map") ||
	       fdt_may_have(tree, node, "iommu-map-mask");
}

/* Whether a property leads a device of the node to the hypervisor's IOMMU. */
bool boot_hides_prop(const struct fdt *tree, fdt_node_t node,
		     const struct fdt_prop *prop);

/* --- tree.c: device trees for VMs --- */

/* Room in bytes that suffices for the primary's device tree. */
uint64_t primary_tree_size(const struct boot *b);

/*
 * Writes the primary's device tree: the board's, with its memory, ramdisk and
 * boot arguments, without what is only for the hypervisor. Returns its size
 * in bytes, 0 if it does not fit.
 */
uint32_t primary_tree_write(const struct boot *b, void *buffer, uint64_t size);

/* Room that suffices for a secondary's device tree. */
uint64_t secondary_tree_size(const struct manifest_vm *m);

/* Writes a secondary's device tree; `ramdisk` is its IPA, size 0: none. */
uint32_t secondary_tree_write(const struct vm *vm, const struct manifest_vm *m,
			      ipaddr_t ramdisk, uint64_t ramdisk_size,
			      void *buffer, uint64_t size);

#endif
