/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a GICv3 keeps in memory: LPI configuration and pending tables (lpi.c),
 * the tables and queue of an ITS (its.c). The primary must not choose other
 * memory for them than its own. So the pages of registers that hold addresses
 * are emulated for it; all others, those of every interrupt's way among them,
 * it has directly (IHI 0069, chapters 5 and 12).
 */
#ifndef GIC_H
#define GIC_H

#include <stdbool.h>
#include <stdint.h>

#include "fdt.h"
#include "io.h"
#include "mmio.h"
#include "spinlock.h"

#define GIC_FRAME 0x10000

/* Attributes of the tables and queue of GICR_* and GITS_*BASER. */
#define GIC_TABLE_VALID BIT(63)
#define GIC_TABLE_ADDRESS 0x000ffffffffff000

/* Physical addresses of RDbase fields of ITS commands, as they stand there. */
#define GIC_RDBASE 0x000fffffffff0000

/* --- gic.c --- */

/* Held by what writes to an emulated register. */
extern struct spinlock gic_lock;

/*
 * Emulates the page of a device at `base` (physical, and the primary's IPA).
 * NULL, or what is wrong. Boot only.
 */
const char *gic_emulate_page(uint64_t base, const struct mmio_reg *regs,
			     void *device);

/* The same for any range: it reads as zero and ignores writes. */
const char *gic_hide(uint64_t base, uint64_t size);

/* Logs what the primary was refused, as often as log_guest() lets it. */
void gic_log_refused(const char *what, uint64_t value);

/* Whether the GIC has as many address lines as [base, base + size) needs. */
bool gic_reaches(uint64_t base, uint64_t size);

/*
 * Whether the GIC may be given [base, base + size): the primary's own RAM, and
 * within its reach.
 */
bool gic_may_use(uint64_t base, uint64_t size);

/* --- lpi.c --- */

/* Before the first redistributor: GICD_TYPER.IDbits. */
void lpi_init(uint32_t id_bits);

/*
 * Emulates the registers for LPIs of the redistributor at `base`, which is
 * mapped there for now, and has `typer`. NULL, or what is wrong. Boot only.
 */
const char *lpi_add_redistributor(uint64_t base, uint64_t typer);

/*
 * Whether an RDbase field of an ITS command names a redistributor: by its
 * address (GITS_TYPER.PTA set) or by its number.
 */
bool lpi_is_target(uint64_t rdbase, bool by_address);

/* --- its.c --- */

/*
 * Takes the ITSs of the device tree; tells of those that are withheld. Leaves
 * memory for the page tables of `vms` secondaries.
 */
void its_init_board(const struct fdt *fdt, uint32_t vms);

/* Whether a node is an ITS that the primary does not get. */
bool its_withholds(const struct fdt *fdt, fdt_node_t node);

/* Whether a property sends MSIs to such an ITS. */
bool its_is_dangling(const struct fdt *fdt, const struct fdt_prop *prop);

/* One line about each ITS. */
void its_describe(void);

#endif
