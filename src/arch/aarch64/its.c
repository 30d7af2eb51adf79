/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Interrupt Translation Service, which makes LPIs of MSIs (IHI 0069, 5.2,
 * 5.3 and 12.18). An ITS reads its commands and keeps its tables in memory, so
 * both are the hypervisor's: the primary sees an ITS that holds the tables
 * itself (no GITS_BASER is implemented), and whose commands wait in the
 * primary's memory. They are copied from there one by one, judged, and handed
 * to the hardware.
 *
 * So are the tables of interrupts, one for each device (ITT). What an ITS keeps
 * there, and whether it checks what it finds, is each one's own; whoever writes
 * to them has the ITS do what no command may say. MAPD gets memory of ours
 * instead of what the primary names, out of a budget.
 */
#include "arch_internal.h"
#include "cpu.h"
#include "devtree.h"
#include "gic.h"
#include "layout.h"
#include "limits.h"
#include "log.h"
#include "pool.h"
#include "string.h"

/* The first page of the control frame; the frame behind it takes the MSIs. */
#define GITS_CTLR 0x000
#define GITS_IIDR 0x004
#define GITS_TYPER 0x008
#define GITS_CBASER 0x080
#define GITS_CWRITER 0x088
#define GITS_CREADR 0x090
#define GITS_BASER 0x100
#define GITS_BASERS 8
#define ITS_SIZE (2 * GIC_FRAME)

#define CTLR_ENABLED ((uint32_t)1 << 0)
#define CTLR_QUIESCENT ((uint32_t)1 << 31)

/*
 * Of GITS_TYPER the primary sees Physical, ITT_entry_size, ID_bits, SEIS and
 * PTA as they are; Devbits, HCC, CIDbits and CIL are ours.
 */
#define TYPER_PHYSICAL BIT(0)
#define TYPER_SHOWN (BIT(0) | BIT(4) * 0x1ff | BIT(18) | BIT(19))
#define TYPER_ITT_ENTRY(t) (((t) >> 4 & 0xf) + 1)
#define TYPER_ID_BITS(t) (((t) >> 8 & 0x1f) + 1)
#define TYPER_DEVICE_BITS(t) (((t) >> 13 & 0x1f) + 1)
#define TYPER_DEVICE_BITS_SHIFT 13
#define TYPER_PTA BIT(19)
#define TYPER_HCC(t) ((t) >> 24 & 0xff)
#define TYPER_HCC_SHIFT 24
#define TYPER_CID_BITS_SHIFT 32
#define TYPER_CID_BITS(t) (((t) >> 32 & 0xf) + 1)
#define TYPER_CIL BIT(36)

#define BASER_TYPE(b) ((b) >> 56 & 7)
#define BASER_DEVICES 1
#define BASER_COLLECTIONS 4
#define BASER_ENTRY_SIZE(b) (((b) >> 48 & 0x1f) + 1)
#define BASER_PAGE_SIZE_BITS (BIT(8) * 3)
#define BASER_PAGE_SIZE(b) (PAGE_SIZE << 2 * ((b) >> 8 & 3))
#define BASER_PAGES(b) (((b)&0xff) + 1)
#define BASER_MAX_PAGES 256
/* Write-back, inner shareable; bits 61:59 and 11:10 of GITS_*BASER. */
#define BASER_CACHED (BIT(59) * 7 | BIT(10))

/* Collections: one for each CPU and one more are needed. */
#define COLLECTION_BITS 6
#define COLLECTIONS (1u << COLLECTION_BITS)

/* A table that is made smaller for lack of room has at least 2^5 entries. */
#define MIN_TABLE_BITS 5
_Static_assert(1u << MIN_TABLE_BITS > MAX_CPUS, "collections");

/*
 * What page tables may still need of the pool with so many secondaries, and so
 * many nodes, each of which may be a device in a block of its own; up to a
 * limit, as most are not.
 */
#define MAX_RESERVE 0x80000u
#define FEW_RESERVE(vms, nodes) \
	(0x10000 + (vms)*0x6000u + (nodes) * (uint32_t)PAGE_SIZE)
#define POOL_RESERVE(vms, nodes)                                         \
	(FEW_RESERVE(vms, nodes) < MAX_RESERVE ? FEW_RESERVE(vms, nodes) \
					       : MAX_RESERVE)

#define COMMAND_DWORDS 4
#define COMMAND_SIZE (8 * COMMAND_DWORDS)

/*
 * Our queue: at a multiple of 64 KiB, and larger than the page of commands
 * that is taken at a time, as a full queue looks like an empty one.
 */
#define QUEUE_ALIGNMENT 0x10000
#define QUEUE_SIZE (2 * PAGE_SIZE)

/* An ITT is at a multiple of this (MAPD). */
#define ITT_UNIT 256u
#define MAX_ITT_UNITS (ITT_SIZE / ITT_UNIT)

#define CBASER_FIELDS                                                      \
	(GIC_TABLE_VALID | BIT(59) * 7 | BIT(53) * 7 | GIC_TABLE_ADDRESS | \
	 BIT(10) * 3 | 0xff)
#define CREADR_STALLED BIT(0)
#define COMMAND_OFFSET 0xfffe0

struct its {
	volatile char *regs;
	fdt_node_t node;
	uint64_t base;	/* physical address */
	uint64_t typer; /* as the primary sees it */
	unsigned int device_bits;
	unsigned int collections;
	uint64_t baser[GITS_BASERS]; /* tables of ours; 0: none */
	uint64_t *queue;	     /* ours, for the hardware */
	char *itts;		     /* behind it */
	uint32_t itt_units;
	/* GIC's lock for all below. */
	uint32_t holder[MAX_ITT_UNITS]; /* of `itts`: DeviceID + 1, or 0 */
	/* Bytes from the queue's beginning: */
	uint32_t tail; /* of our queue */
	/* The primary's queue, as it sees it. */
	uint64_t cbaser;
	uint32_t writer, reader;
	bool stalled; /* no more of it is done */
	bool used;    /* something is mapped */
	bool stale;   /* tables and queue are emptied before it is enabled */
};

static struct its all_its[MAX_ITS] NOINIT;
static uint32_t its_count;

/* --- the hardware's tables and queue --- */

/* With the ITS at rest: empty tables, an empty queue. */
static void reset_tables(struct its *its)
{
	for (unsigned int i = 0; i < GITS_BASERS; i++) {
		uint64_t baser = its->baser[i];
		uint64_t size = BASER_PAGES(baser) * BASER_PAGE_SIZE(baser);
		void *table = phys_to_virt(paddr(baser & GIC_TABLE_ADDRESS));

		if (!baser)
			continue;
		mmio_write64(its->regs, GITS_BASER + 8 * i, 0);
		arch_zero_pages(table, size);
		arch_clean_to_memory(table, size);
		mmio_write64(its->regs, GITS_BASER + 8 * i, baser);
	}
	mmio_write64(its->regs, GITS_CBASER,
		     GIC_TABLE_VALID | BASER_CACHED |
			     virt_to_phys(its->queue).pa |
			     (QUEUE_SIZE / PAGE_SIZE - 1));
	mmio_write64(its->regs, GITS_CWRITER, 0);
	memset(its->holder, 0, sizeof(its->holder));
	its->tail = 0;
	its->used = false;
	its->stale = false;
}

static void post(struct its *its, const uint64_t *command)
{
	uint64_t *to = &its->queue[its->tail / 8];

	for (unsigned int i = 0; i < COMMAND_DWORDS; i++)
		to[i] = command[i];
	arch_clean_to_memory(to, COMMAND_SIZE);
	its->tail = (its->tail + COMMAND_SIZE) % QUEUE_SIZE;
}

/* Hands over what was posted; false if the ITS does not get done with it. */
static bool submit(struct its *its)
{
	mmio_write64(its->regs, GITS_CWRITER, its->tail);
	return mmio_wait(its->regs, GITS_CREADR, COMMAND_OFFSET, its->tail);
}

/* --- commands --- */

static bool device_exists(const struct its *its, const uint64_t *command)
{
	return command[0] >> 32 >> its->device_bits == 0;
}

static bool collection_exists(const struct its *its, const uint64_t *command)
{
	return (command[2] & 0xffff) < its->collections;
}

static bool target_exists(const struct its *its, const uint64_t *command)
{
	return lpi_is_target(command[2] & GIC_RDBASE, its->typer & TYPER_PTA);
}

static bool target2_exists(const struct its *its, const uint64_t *command)
{
	return lpi_is_target(command[3] & GIC_RDBASE, its->typer & TYPER_PTA);
}

static bool itt_bits_exist(const struct its *its, const uint64_t *command)
{
	return (command[1] & 0x1f) + 1 <= TYPER_ID_BITS(its->typer);
}

/* A part of a command, and who may judge it. */
struct field {
	char name[20];
	uint64_t mask;
	unsigned int dword;
	bool (*good)(const struct its *its, const uint64_t *command);
};

static const struct field unknown_command = {"ITS: command", 0xff, 0, NULL};

static const struct field fields[] = {
	{"ITS: DeviceID", 0xffffffff00000000, 0, device_exists},
	{"ITS: EventID", 0x00000000ffffffff, 1, NULL},
	{"ITS: INTID", 0xffffffff00000000, 1, NULL},
	{"ITS: collection", 0xffff, 2, collection_exists},
	{"ITS: V", GIC_TABLE_VALID, 2, NULL},
	/* Those that count only if V is set, where there is a V: */
	{"ITS: size of ITT", 0x1f, 1, itt_bits_exist},
	{"ITS: RDbase", GIC_RDBASE, 2, target_exists},
	{"ITS: RDbase2", GIC_RDBASE, 3, target2_exists},
};

/* Bits of the rows above. */
enum {
	DEVICE = 1 << 0,
	EVENT = 1 << 1,
	INTID = 1 << 2,
	COLLECTION = 1 << 3,
	VALID = 1 << 4,
	ITT = 1 << 5,
	TARGET = 1 << 6,
	TARGET2 = 1 << 7,
};

#define MAPD 0x08

/* The commands there are, by number; those for virtual LPIs are not. */
static const uint16_t commands[] = {
	[0x01] = DEVICE | EVENT | COLLECTION, /* MOVI */
	[0x03] = DEVICE | EVENT,	      /* INT */
	[0x04] = DEVICE | EVENT,	      /* CLEAR */
	[0x05] = TARGET,		      /* SYNC */
	[MAPD] = DEVICE | VALID | ITT,
	[0x09] = COLLECTION | VALID | TARGET,	      /* MAPC */
	[0x0a] = DEVICE | EVENT | INTID | COLLECTION, /* MAPTI */
	[0x0b] = DEVICE | EVENT | COLLECTION,	      /* MAPI */
	[0x0c] = DEVICE | EVENT,		      /* INV */
	[0x0d] = COLLECTION,			      /* INVALL */
	[0x0e] = TARGET | TARGET2,		      /* MOVALL */
	[0x0f] = DEVICE | EVENT,		      /* DISCARD */
};

/*
 * Judges a command, and leaves of it only what it is made of. NULL, or what is
 * not allowed.
 */
static const struct field *judge(const struct its *its, uint64_t *command)
{
	uint64_t number = command[0] & 0xff;
	uint64_t kept[COMMAND_DWORDS] = {number};
	uint32_t has = number < ARRAY_SIZE(commands) ? commands[number] : 0;

	if (!has)
		return &unknown_command;
	if ((has & VALID) && !(command[2] & GIC_TABLE_VALID))
		has &= ~(uint32_t)(ITT | TARGET);
	for (unsigned int i = 0; i < ARRAY_SIZE(fields); i++) {
		const struct field *f = &fields[i];

		if (!(has >> i & 1))
			continue;
		if (f->good && !f->good(its, command))
			return f;
		kept[f->dword] |= command[f->dword] & f->mask;
	}
	for (unsigned int i = 0; i < COMMAND_DWORDS; i++)
		command[i] = kept[i];
	return NULL;
}

/* --- ITTs --- */

/* Gives `count` adjacent units, zeroed, to a holder; NULL: there are none. */
static char *alloc_itt(struct its *its, uint64_t count, uint32_t holder)
{
	uint64_t run = 0;
	uint32_t i = 0;
	char *itt;

	for (; run < count; i++) {
		if (i == its->itt_units)
			return NULL;
		run = its->holder[i] ? 0 : run + 1;
	}
	while (run--)
		its->holder[--i] = holder;
	itt = its->itts + i * ITT_UNIT;
	memset(itt, 0, count * ITT_UNIT);
	arch_clean_to_memory(itt, count * ITT_UNIT);
	return itt;
}

static void free_itt(struct its *its, uint32_t holder)
{
	for (uint32_t i = 0; i < its->itt_units; i++)
		if (its->holder[i] == holder)
			its->holder[i] = 0;
}

/*
 * MAPD. The device is unmapped first in any case, and that is waited for:
 * before the ITT that it may have had is another's, the ITS must be done with
 * it. False if the ITS does not get there.
 */
static bool map_device(struct its *its, uint64_t *command)
{
	uint64_t unmap[COMMAND_DWORDS] = {command[0]};
	uint32_t holder = (uint32_t)(command[0] >> 32) + 1;
	uint64_t size = TYPER_ITT_ENTRY(its->typer) << (command[1] + 1);
	static const char no_room[] = "ITS: no room for ITT of DeviceID";
	char *itt;

	post(its, unmap);
	if (!submit(its))
		return false;
	free_itt(its, holder);
	if (!command[2])
		return true;
	itt = alloc_itt(its, (size + ITT_UNIT - 1) / ITT_UNIT, holder);
	if (!itt) {
		gic_log_refused(no_room, holder - 1);
		return true;
	}
	command[2] |= virt_to_phys(itt).pa;
	post(its, command);
	return true;
}

/*
 * Takes one command out of the primary's memory, which may change meanwhile.
 * False if the ITS does not get done with it.
 */
static bool take_command(struct its *its, const volatile uint64_t *from)
{
	uint64_t command[COMMAND_DWORDS];
	const struct field *bad;
	uint64_t value;

	for (unsigned int i = 0; i < COMMAND_DWORDS; i++)
		command[i] = from[i];
	bad = judge(its, command);
	if (bad) {
		value = command[bad->dword] & bad->mask;
		gic_log_refused(bad->name,
				(uint32_t)bad->mask ? value : value >> 32);
		return true;
	}
	if (command[0] % 256 == MAPD)
		return map_device(its, command);
	post(its, command);
	return true;
}

/* --- the primary's queue --- */

static uint32_t queue_size(const struct its *its)
{
	return (uint32_t)(BASER_PAGES(its->cbaser) * PAGE_SIZE);
}

/* Takes the commands from the reader on up to `end`, all in one page. */
static bool take_commands(struct its *its, uint32_t end)
{
	uint64_t page = (its->cbaser & GIC_TABLE_ADDRESS) +
			align_down(its->reader, PAGE_SIZE);
	static const char queue[] = "ITS command queue";
	const char *from;
	bool good = true;

	if (!gic_may_use(page, PAGE_SIZE)) {
		gic_log_refused(queue, page);
		return false;
	}
	from = arch_map_slot(SLOT_WINDOW, paddr(page), MM_R);
	from += its->reader % PAGE_SIZE;
	/* The primary may have written them around the caches. */
	arch_clean_to_memory(from, end - its->reader);
	for (; good && its->reader != end;
	     its->reader += COMMAND_SIZE, from += COMMAND_SIZE)
		good = take_command(its, (const volatile uint64_t *)from);
	arch_unmap_slots(SLOT_WINDOW, PAGE_SIZE);
	return good && submit(its);
}

/*
 * Does the next commands of the primary, at most those of one page: the ITS
 * may take its time, and whoever waits for it reads GITS_CREADR.
 */
static void work(struct its *its)
{
	uint32_t end = align_down(its->reader, PAGE_SIZE) + PAGE_SIZE;

	if (its->stalled || its->writer >= queue_size(its) ||
	    !(its->cbaser & GIC_TABLE_VALID) ||
	    !(mmio_read32(its->regs, GITS_CTLR) & CTLR_ENABLED) ||
	    its->reader == its->writer)
		return;
	if (its->writer > its->reader && its->writer < end)
		end = its->writer;
	its->used = true;
	its->stalled = !take_commands(its, end);
	if (its->reader == queue_size(its))
		its->reader = 0;
}

/* --- the registers --- */

static uint64_t read_ctlr(void *device, uint32_t offset)
{
	const struct its *its = device;

	return mmio_read32(its->regs, offset) & (CTLR_ENABLED | CTLR_QUIESCENT);
}

static void write_ctlr(void *device, uint32_t offset, uint64_t value)
{
	struct its *its = device;

	value &= CTLR_ENABLED;
	if (value && its->stale)
		reset_tables(its);
	mmio_write32(its->regs, offset, (uint32_t)value);
	work(its);
}

static uint64_t read_iidr(void *device, uint32_t offset)
{
	const struct its *its = device;

	return mmio_read32(its->regs, offset);
}

static uint64_t read_typer(void *device, uint32_t offset)
{
	const struct its *its = device;

	return its->typer;
}

static uint64_t read_cbaser(void *device, uint32_t offset)
{
	const struct its *its = device;

	return its->cbaser;
}

static bool is_at_rest(const struct its *its)
{
	return (mmio_read32(its->regs, GITS_CTLR) &
		(CTLR_ENABLED | CTLR_QUIESCENT)) == CTLR_QUIESCENT;
}

/*
 * Another queue is the beginning of another system: it does not know what the
 * one before it mapped, and would make room for new tables.
 */
static void write_cbaser(void *device, uint32_t offset, uint64_t value)
{
	struct its *its = device;

	if (!is_at_rest(its))
		return;
	value &= CBASER_FIELDS;
	its->stale |= its->stalled || (its->used && value != its->cbaser);
	its->cbaser = value;
	its->reader = 0;
	its->stalled = false;
}

static uint64_t read_cwriter(void *device, uint32_t offset)
{
	const struct its *its = device;

	return its->writer;
}

static void write_cwriter(void *device, uint32_t offset, uint64_t value)
{
	struct its *its = device;

	its->writer = value & COMMAND_OFFSET;
	work(its);
}

static uint64_t read_creadr(void *device, uint32_t offset)
{
	struct its *its = device;
	uint64_t value;

	spin_lock(&gic_lock);
	work(its);
	value = its->reader | (its->stalled ? CREADR_STALLED : 0);
	spin_unlock(&gic_lock);
	return value;
}

static const struct mmio_reg its_regs[] = {
	{GITS_CTLR, 4, 4, 4, read_ctlr, write_ctlr},
	{GITS_IIDR, 4, 4, 4, read_iidr, NULL},
	{GITS_TYPER, 8, 8, 4 | 8, read_typer, NULL},
	{GITS_CBASER, 8, 8, 4 | 8, read_cbaser, write_cbaser},
	{GITS_CWRITER, 8, 8, 4 | 8, read_cwriter, write_cwriter},
	{GITS_CREADR, 8, 8, 4 | 8, read_creadr, NULL},
	{0},
};

/* --- boot --- */

/* Where the part of the pool ends that the ITS being started may take. */
static uint64_t share_end;

/* Where the next part of the pool begins that is so aligned. */
static BOOT_ONLY uint64_t next_room(uint64_t alignment)
{
	return align_up((uint64_t)(uintptr_t)pool_begin + pool_used_bytes(),
			alignment);
}

/* Divides what is left of the pool between `count` ITSs. */
static BOOT_ONLY void divide_pool(uint32_t count, uint64_t reserve)
{
	uint64_t end = (uint64_t)(uintptr_t)image_begin + HYP_SIZE - reserve;
	uint64_t next = next_room(QUEUE_ALIGNMENT);

	/* Pages skipped for the alignment are left for page tables, too. */
	end += next - next_room(PAGE_SIZE);
	share_end = end > next ? next + (end - next) / count : next;
}

/* Room for what the hardware uses, or NULL. */
static BOOT_ONLY void *make_room(uint64_t size, uint64_t alignment)
{
	if (next_room(alignment) + size > share_end)
		return NULL;
	return pool_take(size / PAGE_SIZE, alignment);
}

/*
 * Makes room for the queue and ITTs: half of the ITS's share, if that is less
 * than all that is wanted. A multiple of the alignment leaves no gap.
 */
static BOOT_ONLY bool make_queue(struct its *its)
{
	uint64_t half = (share_end - next_room(QUEUE_ALIGNMENT)) / 2;
	uint64_t size = align_down(half, QUEUE_ALIGNMENT);

	if (!size)
		return false;
	if (size > QUEUE_SIZE + ITT_SIZE)
		size = QUEUE_SIZE + ITT_SIZE;
	its->queue = make_room(size, QUEUE_ALIGNMENT);
	its->itts = (char *)its->queue + QUEUE_SIZE;
	its->itt_units = (uint32_t)(size - QUEUE_SIZE) / ITT_UNIT;
	return true;
}

/*
 * Makes the table that `baser`, GITS_BASER `i`, is for, with 2^bits entries, or
 * with fewer if that is too much for the register or for the pool. Returns for
 * how many bits, 0 if there is no room.
 */
static BOOT_ONLY unsigned int make_table(struct its *its, unsigned int i,
					 uint64_t baser, unsigned int bits)
{
	unsigned int least = bits < MIN_TABLE_BITS ? bits : MIN_TABLE_BITS;
	uint64_t page_bits, page, size;
	void *room = NULL;

	/* 4 KiB pages were asked for; the ITS may have others only. */
	page_bits = mmio_read64(its->regs, GITS_BASER + 8 * i) &
		    BASER_PAGE_SIZE_BITS;
	page = BASER_PAGE_SIZE(page_bits);
	for (bits++; !room;) {
		if (bits-- == least)
			return 0;
		size = align_up(BASER_ENTRY_SIZE(baser) << bits, page);
		if (size <= BASER_MAX_PAGES * page)
			room = make_room(size, page);
	}
	its->baser[i] = GIC_TABLE_VALID | BASER_CACHED | virt_to_phys(room).pa |
			page_bits | (size / page - 1);
	return bits;
}

/*
 * Makes all tables of a kind for 2^bits entries or fewer. Returns how many
 * bits, 0: no room; *count is how many entries all of them have.
 */
static BOOT_ONLY unsigned int make_kind(struct its *its, const uint64_t *baser,
					unsigned int kind, unsigned int bits,
					unsigned int *count)
{
	*count = 0;
	for (unsigned int i = 0; i < GITS_BASERS && bits; i++) {
		if (BASER_TYPE(baser[i]) != kind)
			continue;
		bits = make_table(its, i, baser[i], bits);
		*count += 1u << bits;
	}
	return bits;
}

/* Collections come first: devices take what is left. */
static BOOT_ONLY bool make_tables(struct its *its, uint64_t typer)
{
	unsigned int bits = TYPER_DEVICE_BITS(typer);
	unsigned int limit = COLLECTIONS;
	uint64_t baser[GITS_BASERS];
	unsigned int count;

	for (unsigned int i = 0; i < GITS_BASERS; i++) {
		baser[i] = mmio_read64(its->regs, GITS_BASER + 8 * i);
		mmio_write64(its->regs, GITS_BASER + 8 * i, 0);
	}
	if (!make_kind(its, baser, BASER_COLLECTIONS, COLLECTION_BITS, &count))
		return false;
	if (typer & TYPER_CIL && TYPER_CID_BITS(typer) < COLLECTION_BITS)
		limit = 1u << TYPER_CID_BITS(typer);
	its->collections = TYPER_HCC(typer) + count;
	if (its->collections > limit)
		its->collections = limit;
	if (bits > MAX_DEVICE_ID_BITS)
		bits = MAX_DEVICE_ID_BITS;
	its->device_bits = make_kind(its, baser, BASER_DEVICES, bits, &count);
	return its->device_bits != 0;
}

static BOOT_ONLY void set_typer(struct its *its, uint64_t typer)
{
	its->typer = (typer & TYPER_SHOWN) |
		     (uint64_t)(its->device_bits - 1)
			     << TYPER_DEVICE_BITS_SHIFT |
		     (uint64_t)its->collections << TYPER_HCC_SHIFT |
		     (uint64_t)(COLLECTION_BITS - 1) << TYPER_CID_BITS_SHIFT |
		     TYPER_CIL;
}

/* NULL, or why the primary does not get it. */
static BOOT_ONLY const char *start_its(struct its *its)
{
	uint64_t typer = mmio_read64(its->regs, GITS_TYPER);

	mmio_write32(its->regs, GITS_CTLR, 0);
	if (!mmio_wait(its->regs, GITS_CTLR, CTLR_QUIESCENT, CTLR_QUIESCENT))
		return "it does not come to rest";
	if (!(typer & TYPER_PHYSICAL))
		return "it has no physical LPIs";
	if (!make_queue(its) || !make_tables(its, typer))
		return "no memory for its queue and tables";
	set_typer(its, typer);
	/* A system without MSIs does without the time that this takes. */
	its->stale = true;
	return gic_emulate_page(its->base, its_regs, its);
}

static BOOT_ONLY const char *add_its(const struct fdt *fdt, fdt_node_t node)
{
	struct its *its = &all_its[its_count];
	const char *error;
	uint64_t base, size;

	if (its_count == MAX_ITS)
		return "there are too many";
	if (!devtree_node_reg(fdt, node, 0, &base, &size) || size < ITS_SIZE)
		return "its reg is too short";
	/* RAM has the hypervisor's own memory in it. */
	if (!is_aligned(base, GIC_FRAME) || base >> arch_pa_bits() ||
	    devtree_overlaps_memory(fdt, base, size))
		return "its reg is no place for it";
	if (!gic_reaches(virt_to_phys(image_begin).pa, HYP_SIZE))
		return "it does not reach its tables";
	memset(its, 0, sizeof(*its));
	its->node = node;
	its->base = base;
	its->regs =
		arch_map_slot(SLOT_ITS + its_count, paddr(base), MM_DEVICE_RW);
	error = start_its(its);
	if (!error)
		its_count++;
	return error;
}

/* Whether neither it nor what it is below is disabled. */
static BOOT_ONLY bool is_enabled(const struct fdt *fdt, fdt_node_t node)
{
	bool enabled = true;

	for (; node != FDT_NO_NODE; node = fdt_parent(fdt, node))
		enabled &= fdt_enabled(fdt, node);
	return enabled;
}

/* How many ITSs will want memory. */
static BOOT_ONLY uint32_t count_its(const struct fdt *fdt)
{
	fdt_node_t node = FDT_NO_NODE;
	uint32_t count = 0;

	while ((node = devtree_next_of(fdt, node, KIND_ITS)) != FDT_NO_NODE)
		count += is_enabled(fdt, node);
	return count < MAX_ITS ? count : MAX_ITS;
}

BOOT_ONLY void its_init_board(const struct fdt *fdt, uint32_t vms)
{
	uint64_t reserve = POOL_RESERVE(vms, fdt->node_count);
	uint32_t count = count_its(fdt);
	fdt_node_t node = FDT_NO_NODE;
	const char *error;

	while ((node = devtree_next_of(fdt, node, KIND_ITS)) != FDT_NO_NODE) {
		/* It may not answer: arch_hides_node() keeps it. */
		if (!is_enabled(fdt, node))
			continue;
		divide_pool(count ? count : 1, reserve);
		count -= count != 0;
		error = add_its(fdt, node);
		if (error)
			log_line(
				"device tree: %s withheld from the primary: %s",
				fdt_name(fdt, node), error);
	}
}

BOOT_ONLY bool its_withholds(const struct fdt *fdt, fdt_node_t node)
{
	if (!(devtree_kinds(fdt, node) & KIND_ITS))
		return false;
	for (uint32_t i = 0; i < its_count; i++)
		if (all_its[i].node == node)
			return false;
	return true;
}

BOOT_ONLY bool its_is_dangling(const struct fdt *fdt,
			       const struct fdt_prop *prop)
{
	fdt_node_t node;
	uint32_t cell;

	if (streq(prop->name, "msi-map"))
		cell = 1;
	else if (streq(prop->name, "msi-parent"))
		cell = 0;
	else
		return false;
	if (prop->size < 4 * (cell + 1))
		return false;
	node = fdt_by_phandle(fdt, fdt_cell(prop->value, cell));
	return node != FDT_NO_NODE && its_withholds(fdt, node);
}

BOOT_ONLY void its_describe(void)
{
	for (uint32_t i = 0; i < its_count; i++)
		log_line("ITS: 0x%lx, %u-bit DeviceIDs", all_its[i].base,
			 all_its[i].device_bits);
}
