/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * LPIs at the redistributors (IHI 0069, 5.1 and 12.11). A redistributor reads
 * the LPI configuration table and writes the LPI pending table wherever
 * GICR_PROPBASER and GICR_PENDBASER say, once GICR_CTLR.EnableLPIs is set. It
 * is set only if both tables are the primary's RAM, whole. They stay so: no
 * memory is taken from the primary (mm.h).
 */
#include "gic.h"

#include "arch_internal.h"
#include "limits.h"

/* The first page of RD_base. */
#define GICR_CTLR 0x00
#define GICR_IIDR 0x04
#define GICR_TYPER 0x08
#define GICR_STATUSR 0x10
#define GICR_WAKER 0x14
#define GICR_SETLPIR 0x40
#define GICR_PROPBASER 0x70
#define GICR_PENDBASER 0x78
#define GICR_INVLPIR 0xa0
#define GICR_INVALLR 0xb0
#define GICR_SYNCR 0xc0
/* The same offsets in VLPI_base: for virtual LPIs. */
#define GICR_VPROPBASER 0x70
#define GICR_VPENDBASER 0x78
#define VLPI_FRAME (2 * GIC_FRAME)

#define CTLR_ENABLE_LPIS ((uint32_t)1 << 0)
#define CTLR_RWP ((uint32_t)1 << 3)
/* Besides EnableLPIs: DPG0, DPG1NS, DPG1S */
#define CTLR_WRITABLE ((uint32_t)7 << 24 | CTLR_ENABLE_LPIS)

/*
 * What the primary sees of GICR_TYPER: not Dirty, MPAM, RVPEID, VSGI. VLPIS
 * stays, because it says how far it is to the next redistributor.
 */
#define TYPER_VLPIS BIT(1)
#define TYPER_SHOWN (0xfffffffffbffff00 | 0x3b)

#define BASER_ID_BITS 0x1f
/* Cacheability and shareability: the redistributor may not have them all. */
#define BASER_ATTRIBUTES (BIT(56) * 7 | BIT(7) * 7 | BIT(10) * 3)
#define PENDBASER_PTZ BIT(62)

/* INTIDs of LPIs begin here, so that fewer bits than 14 are no LPIs. */
#define FIRST_LPI 8192
#define MIN_INTID_BITS 14

enum { PROPBASER, PENDBASER, BASERS };

struct redistributor {
	volatile char *regs;
	uint64_t base; /* physical address */
	uint64_t number;
	/* As the primary sees them. GIC's lock. */
	uint64_t baser[BASERS];
};

static struct redistributor redistributors[MAX_REDISTRIBUTORS] NOINIT;
static uint32_t redistributor_count;
static uint32_t gic_id_bits;

BOOT_ONLY void lpi_init(uint32_t id_bits)
{
	gic_id_bits = id_bits;
}

bool lpi_is_target(uint64_t rdbase, bool by_address)
{
	for (uint32_t i = 0; i < redistributor_count; i++) {
		const struct redistributor *r = &redistributors[i];

		if (rdbase == (by_address ? r->base : r->number << 16))
			return true;
	}
	return false;
}

/* --- the tables --- */

/* GICR_PROPBASER.IDbits as it takes effect: GICD_TYPER has the last word. */
static uint64_t id_bits(const struct redistributor *r)
{
	uint64_t bits = r->baser[PROPBASER] & BASER_ID_BITS;

	return bits < gic_id_bits ? bits : gic_id_bits;
}

/* GICR_PROPBASER without what may differ between redistributors. */
static uint64_t configuration(const struct redistributor *r)
{
	return (r->baser[PROPBASER] & GIC_TABLE_ADDRESS) | id_bits(r);
}

static bool lpis_enabled(const struct redistributor *r)
{
	return mmio_read32(r->regs, GICR_CTLR) & CTLR_ENABLE_LPIS;
}

/*
 * Redistributors that share the configuration table (GICR_TYPER.CommonLPIAff)
 * must agree on it; what they do otherwise is UNPREDICTABLE.
 */
static bool agrees_with_others(const struct redistributor *r)
{
	for (uint32_t i = 0; i < redistributor_count; i++) {
		const struct redistributor *other = &redistributors[i];

		if (other != r && lpis_enabled(other) &&
		    configuration(other) != configuration(r))
			return false;
	}
	return true;
}

static bool table_is_good(const struct redistributor *r, unsigned int n)
{
	uint64_t bits = id_bits(r) + 1;
	uint64_t ids;

	ids = (uint64_t)1 << (bits < MIN_INTID_BITS ? MIN_INTID_BITS : bits);
	return gic_may_use(r->baser[n] & GIC_TABLE_ADDRESS,
			   n == PROPBASER ? ids - FIRST_LPI : ids / 8) &&
	       (n == PENDBASER || agrees_with_others(r));
}

/* Hands a table that is good to the redistributor. */
static void program(struct redistributor *r, unsigned int n)
{
	uint64_t value = r->baser[n];

	if (n == PROPBASER)
		value = (value & ~(uint64_t)BASER_ID_BITS) | id_bits(r);
	mmio_write64(r->regs, GICR_PROPBASER + 8 * n, value);
}

static bool enable_lpis(struct redistributor *r)
{
	for (unsigned int n = 0; n < BASERS; n++) {
		if (!table_is_good(r, n)) {
			gic_log_refused(n == PROPBASER
						? "LPI configuration table"
						: "LPI pending table",
					r->baser[n] & GIC_TABLE_ADDRESS);
			return false;
		}
	}
	program(r, PROPBASER);
	program(r, PENDBASER);
	/* Said of the table as it is now, and not of what it will be. */
	r->baser[PENDBASER] &= ~PENDBASER_PTZ;
	return true;
}

/* --- the registers --- */

static uint64_t read32(void *device, uint32_t offset)
{
	const struct redistributor *r = device;

	return mmio_read32(r->regs, offset);
}

static void write32(void *device, uint32_t offset, uint64_t value)
{
	const struct redistributor *r = device;

	mmio_write32(r->regs, offset, (uint32_t)value);
}

/* An INTID; the upper half is for virtual LPIs. */
static void write_intid(void *device, uint32_t offset, uint64_t value)
{
	const struct redistributor *r = device;

	mmio_write64(r->regs, offset, (uint32_t)value);
}

static uint64_t read_typer(void *device, uint32_t offset)
{
	const struct redistributor *r = device;

	return mmio_read64(r->regs, offset) & TYPER_SHOWN;
}

static void write_ctlr(void *device, uint32_t offset, uint64_t value)
{
	struct redistributor *r = device;
	uint32_t now = mmio_read32(r->regs, offset);
	uint32_t next = (uint32_t)value & CTLR_WRITABLE;

	if ((next & ~now & CTLR_ENABLE_LPIS) &&
	    ((now & CTLR_RWP) || !enable_lpis(r)))
		next &= ~CTLR_ENABLE_LPIS;
	mmio_write32(r->regs, offset, next);
}

static uint64_t read_baser(void *device, uint32_t offset)
{
	const struct redistributor *r = device;

	return r->baser[(offset - GICR_PROPBASER) / 8] & ~PENDBASER_PTZ;
}

/*
 * A table in the primary's RAM reaches the redistributor at once, so that the
 * primary reads which attributes it has. It is looked at again when LPIs are
 * enabled.
 */
static void write_baser(void *device, uint32_t offset, uint64_t value)
{
	static const uint64_t fields[BASERS] = {
		GIC_TABLE_ADDRESS | BASER_ATTRIBUTES | BASER_ID_BITS,
		GIC_RDBASE | BASER_ATTRIBUTES | PENDBASER_PTZ,
	};
	struct redistributor *r = device;
	unsigned int n = (offset - GICR_PROPBASER) / 8;
	uint64_t real;

	if (mmio_read32(r->regs, GICR_CTLR) & (CTLR_ENABLE_LPIS | CTLR_RWP))
		return;
	r->baser[n] = value & fields[n];
	if (!table_is_good(r, n))
		return;
	program(r, n);
	real = mmio_read64(r->regs, offset);
	r->baser[n] &= ~BASER_ATTRIBUTES;
	r->baser[n] |= real & BASER_ATTRIBUTES;
}

static const struct mmio_reg rd_regs[] = {
	{GICR_CTLR, 4, 4, 4, read32, write_ctlr},
	{GICR_IIDR, 4, 4, 4, read32, NULL},
	{GICR_TYPER, 8, 8, 4 | 8, read_typer, NULL},
	{GICR_STATUSR, 4, 4, 4, read32, write32},
	{GICR_WAKER, 4, 4, 4, read32, write32},
	{GICR_SETLPIR, 16, 8, 4 | 8, NULL, write_intid}, /* and CLRLPIR */
	{GICR_PROPBASER, 16, 8, 4 | 8, read_baser, write_baser},
	{GICR_INVLPIR, 8, 8, 4 | 8, NULL, write_intid},
	{GICR_INVALLR, 8, 8, 4 | 8, NULL, write_intid},
	{GICR_SYNCR, 4, 4, 4, read32, NULL},
	{0},
};

/* --- boot --- */

/* Firmware, or whoever was here before us, may have left LPIs enabled. */
static BOOT_ONLY bool stop_lpis(const struct redistributor *r)
{
	if (!lpis_enabled(r))
		return true;
	mmio_write32(r->regs, GICR_CTLR, 0);
	return mmio_wait(r->regs, GICR_CTLR, CTLR_ENABLE_LPIS | CTLR_RWP, 0);
}

/*
 * Virtual LPIs are not for the primary: nothing of them is on, and their
 * registers read as zero.
 */
static BOOT_ONLY const char *hide_virtual_lpis(uint64_t base)
{
	volatile char *vlpi = (volatile char *)(uintptr_t)(base + VLPI_FRAME);

	mmio_write64(vlpi, GICR_VPENDBASER, 0);
	mmio_write64(vlpi, GICR_VPROPBASER, 0);
	return gic_hide(base + VLPI_FRAME, PAGE_SIZE);
}

BOOT_ONLY const char *lpi_add_redistributor(uint64_t base, uint64_t typer)
{
	struct redistributor *r = &redistributors[redistributor_count];
	const char *error;

	if (redistributor_count == MAX_REDISTRIBUTORS)
		return "GIC: too many redistributors";
	*r = (struct redistributor){
		.base = base,
		.number = typer >> 8 & 0xffff,
		.regs = arch_map_slot(SLOT_LPI + redistributor_count,
				      paddr(base), MM_DEVICE_RW),
	};
	redistributor_count++;
	if (!stop_lpis(r))
		return "GIC: LPIs are enabled, and do not go off";
	error = typer & TYPER_VLPIS ? hide_virtual_lpis(base) : NULL;
	return error ? error : gic_emulate_page(base, rd_regs, r);
}
