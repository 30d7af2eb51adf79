/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * src/arch/aarch64/its.c over an ITS of memory: what is handed to the hardware
 * of what the primary's queue holds, and ITSs that QEMU does not have.
 */
#include "regs.h"
#include "unit.h"

#include "io.h"

/* BASER_PAGE_SIZE_BITS of all tables, which cannot be changed. */
static uint64_t page_size_bits;

static uint64_t read64(const volatile void *base, uint32_t offset)
{
	bool is_baser = offset >= 0x100 && offset < 0x140;

	return mmio_read64(base, offset) | (is_baser ? page_size_bits : 0);
}

#define mmio_read64 read64

#include "its.c"

#define PAGE 4096u
#define KIB UINT64_C(1024)
#define ITS_BASE UINT64_C(0x8080000)
#define QUEUE UINT64_C(0x40000000) /* of the primary */
#define ITT UINT64_C(0x50000000)

/* Physical, ITTs of 12 bytes, EventIDs and DeviceIDs of 16 bits */
#define TYPER_PLAIN (1 | 11 << 4 | 15 << 8 | 15 << 13)

/* Types of GITS_BASER, with entries of 8 bytes */
#define BASER_OF(type) ((uint64_t)(type) << 56 | UINT64_C(7) << 48)
#define DEVICE_TABLE BASER_OF(1)
#define VPE_TABLE BASER_OF(2)
#define COLLECTION_TABLE BASER_OF(4)

/* --- what its.c needs of others --- */

struct board board;
struct spinlock gic_lock;
char pool_begin[1];
_Alignas(65536) char image_begin[1]; /* as the pool is */

static _Alignas(65536) uint8_t pool[3 << 20];
static size_t pool_used, pool_skipped;

#define VMS 3
#define NODES 60 /* as QEMU's `virt` has */
static uint32_t nodes;

/* Registers; all of them are plain memory. */
static _Alignas(8) uint8_t all_hardware[MAX_ITS][PAGE];
static uint8_t *const hardware = all_hardware[0];
static _Alignas(4096) uint64_t queue_page[PAGE / 8];
static uint64_t may_use_begin, may_use_end;
static unsigned int refusals, windows;
static bool hardware_works, reaches;
static const struct mmio_reg *emulated;
static void *device;

void *pool_take(size_t count, size_t alignment)
{
	size_t at = (pool_used + alignment - 1) & ~(alignment - 1);

	if (at + count * PAGE > sizeof(pool))
		return NULL;
	pool_skipped += at - pool_used;
	pool_used = at + count * PAGE;
	return pool + at;
}

size_t pool_used_bytes(void)
{
	/* The image's end is where pool_begin is, or about there. */
	return (size_t)(image_begin + HYP_SIZE - pool_begin) -
	       (sizeof(pool) - pool_used);
}

paddr_t virt_to_phys(const void *p)
{
	return paddr((uint64_t)((const uint8_t *)p - pool));
}

void *phys_to_virt(paddr_t p)
{
	return pool + p.pa;
}

void *arch_map_slot(unsigned int slot, paddr_t pa, unsigned int mode)
{
	if (slot != SLOT_WINDOW) {
		CHECK(slot - SLOT_ITS < MAX_ITS);
		return all_hardware[slot - SLOT_ITS];
	}
	CHECK_EQ(pa.pa, QUEUE);
	CHECK_EQ(mode, MM_R);
	windows++;
	return queue_page;
}

void arch_unmap_slots(unsigned int slot, uint64_t size)
{
	CHECK_EQ(slot, SLOT_WINDOW);
	windows--;
}

void arch_clean_to_memory(const void *p, size_t size)
{
}

void arch_zero_pages(void *p, size_t size)
{
	memset(p, 0, size);
}

unsigned int arch_pa_bits(void)
{
	return 40;
}

void log_line(const char *format, ...)
{
}

const char *gic_emulate_page(uint64_t base, const struct mmio_reg *r, void *d)
{
	CHECK_EQ((base - ITS_BASE) % ITS_SIZE, 0);
	emulated = r;
	device = d;
	return NULL;
}

void gic_log_refused(const char *what, uint64_t value)
{
	refusals++;
}

bool gic_reaches(uint64_t base, uint64_t size)
{
	CHECK_EQ(size, HYP_SIZE);
	return reaches;
}

bool gic_may_use(uint64_t base, uint64_t size)
{
	return base >= may_use_begin && size <= may_use_end - base &&
	       base <= may_use_end;
}

/* By number: 2 and 7 are there. */
bool lpi_is_target(uint64_t rdbase, bool by_address)
{
	return by_address ? rdbase == 0x80a0000 || rdbase == 0x80c0000
			  : rdbase == 2 << 16 || rdbase == 7 << 16;
}

/* --- an ITS --- */

static uint64_t hw(uint32_t offset)
{
	uint64_t value;

	memcpy(&value, hardware + offset, 8);
	return value;
}

static void set_hw(uint32_t offset, uint64_t value)
{
	memcpy(hardware + offset, &value, 8);
}

/* --- what the hardware makes of MAPD --- */

#define DEVICES 32
#define ITT_FIELD 0x000fffffffffff00

/* The ITTs that it uses, of the first devices. */
static struct {
	uint8_t *itt; /* NULL: none */
	uint64_t size;
} itts[DEVICES];
static unsigned int maps, unmaps;

static void check_apart(unsigned int n)
{
	for (unsigned int i = 0; i < DEVICES; i++)
		CHECK(i == n || !itts[i].itt ||
		      itts[i].itt + itts[i].size <= itts[n].itt ||
		      itts[n].itt + itts[n].size <= itts[i].itt);
}

/* An ITT is empty, in the budget, and nobody else's; the ITS fills it. */
static void use_itt(unsigned int n, const uint64_t *command)
{
	uint64_t typer;
	uint8_t *first = (uint8_t *)all_its[0].queue + QUEUE_SIZE;

	memcpy(&typer, hardware + GITS_TYPER, 8);
	itts[n].itt = phys_to_virt(paddr(command[2] & ITT_FIELD));
	itts[n].size = TYPER_ITT_ENTRY(typer) << (command[1] + 1);
	CHECK(itts[n].itt >= first);
	CHECK(itts[n].itt + itts[n].size <= first + ITT_SIZE);
	check_apart(n);
	for (uint64_t i = 0; i < itts[n].size; i++)
		CHECK_EQ(itts[n].itt[i], 0);
	memset(itts[n].itt, 0xee, itts[n].size);
}

static void do_command(const uint64_t *command)
{
	unsigned int n = command[0] >> 32;

	if ((command[0] & 0xff) != MAPD)
		return;
	maps += command[2] >> 63;
	unmaps += !(command[2] >> 63);
	if (n >= DEVICES)
		return;
	CHECK(!(command[2] >> 63) || !itts[n].itt);
	itts[n].itt = NULL;
	if (command[2] >> 63)
		use_itt(n, command);
}

/* The hardware does all that it was given. */
bool mmio_wait(const volatile void *r, uint32_t offset, uint32_t mask,
	       uint32_t wanted)
{
	uint64_t at = hw(GITS_CREADR);

	if (offset != GITS_CREADR)
		return hardware_works;
	CHECK_EQ(hw(GITS_CWRITER), wanted);
	for (; hardware_works && at != wanted;
	     at = (at + COMMAND_SIZE) % QUEUE_SIZE)
		do_command(all_its[0].queue + at / 8);
	set_hw(GITS_CREADR, at);
	return hardware_works;
}

static _Alignas(8) uint8_t tree[2048];
static uint64_t ram; /* where the tree says that there is RAM */

/* A device tree with an ITS; its.c keeps those that it has taken. */
static void make_tree(struct fdt *fdt, uint32_t size)
{
	const uint32_t reg[] = {0, (uint32_t)ITS_BASE, 0, size};
	struct fdt_writer w;

	fdt_begin(&w, tree, sizeof(tree), 0);
	fdt_put_node(&w, "");
	fdt_put_u32(&w, "#address-cells", 2);
	fdt_put_u32(&w, "#size-cells", 2);
	fdt_put_node(&w, "memory");
	fdt_put_string(&w, "device_type", "memory");
	fdt_put_cells(&w, "reg",
		      (const uint32_t[]){0, (uint32_t)ram, 0, 0x100000}, 4);
	fdt_put_end(&w);
	fdt_put_node(&w, "its@8080000");
	fdt_put_string(&w, "compatible", "arm,gic-v3-its");
	fdt_put_cells(&w, "reg", reg, 4);
	fdt_put_u32(&w, "phandle", 5);
	fdt_put_end(&w);
	fdt_put_node(&w, "pcie");
	fdt_put_cells(&w, "msi-map", (const uint32_t[]){0, 5, 0, 65536}, 4);
	fdt_put_u32(&w, "msi-parent", 5);
	fdt_put_end(&w);
	fdt_put_end(&w);
	CHECK(fdt_finish(&w, 0) > 0);
	CHECK(!unit_fdt_open(fdt, tree, sizeof(tree)));
	nodes = fdt->node_count;
}

static void start(uint64_t typer, uint64_t baser0, uint64_t baser1)
{
	struct fdt fdt;

	ram = QUEUE;
	make_tree(&fdt, 0x20000);
	memset(all_hardware, 0, sizeof(all_hardware));
	page_size_bits = 0;
	memset(itts, 0, sizeof(itts));
	maps = unmaps = 0;
	set_hw(GITS_TYPER, typer);
	set_hw(GITS_BASER, baser0);
	set_hw(GITS_BASER + 8, baser1);
	pool_used = 0;
	memset(pool, 0xee, sizeof(pool));
	refusals = windows = 0;
	hardware_works = reaches = true;
	may_use_begin = QUEUE;
	may_use_end = ITT + 0x10000;
	emulated = NULL;
	its_count = 0;
	its_init_board(&fdt, VMS);
}

static const struct mmio_reg *reg(uint32_t offset)
{
	const struct mmio_reg *r = emulated;

	while (r->span && offset - r->offset >= r->span)
		r++;
	return r;
}

static uint64_t read_reg(uint32_t offset)
{
	return reg(offset)->read ? reg(offset)->read(device, offset) : 0;
}

static void write_reg(uint32_t offset, uint64_t value)
{
	if (reg(offset)->write)
		reg(offset)->write(device, offset, value);
	/* The hardware is at rest whenever it is off. */
	if (offset == GITS_CTLR && !(value & 1))
		hardware[GITS_CTLR + 3] |= CTLR_QUIESCENT >> 24;
}

/* What the hardware was given since `from` bytes, in its own queue. */
static const uint64_t *given(uint32_t from)
{
	return (const uint64_t *)phys_to_virt(
		       paddr(hw(GITS_CBASER) & GIC_TABLE_ADDRESS)) +
	       from / 8;
}

static void start_queue(void)
{
	write_reg(GITS_CTLR, 0);
	write_reg(GITS_CBASER, GIC_TABLE_VALID | QUEUE);
	write_reg(GITS_CWRITER, 0);
	write_reg(GITS_CTLR, 1);
}

/*
 * Sends one command; true if the hardware was given one. MAPD unmaps before,
 * which is another.
 */
static bool send(const uint64_t *command, uint64_t *real)
{
	uint32_t from = (uint32_t)hw(GITS_CWRITER);
	uint32_t at = (uint32_t)read_reg(GITS_CREADR);
	unsigned int before = unmaps;

	memcpy(&queue_page[at / 8], command, COMMAND_SIZE);
	write_reg(GITS_CWRITER, (at + COMMAND_SIZE) % PAGE);
	CHECK_EQ(read_reg(GITS_CREADR), (at + COMMAND_SIZE) % PAGE);
	CHECK_EQ(windows, 0);
	if ((command[0] & 0xff) == MAPD && command[2] >> 63 && unmaps > before)
		from = (from + COMMAND_SIZE) % QUEUE_SIZE;
	if (hw(GITS_CWRITER) == from)
		return false;
	CHECK_EQ(hw(GITS_CWRITER), (from + COMMAND_SIZE) % QUEUE_SIZE);
	memcpy(real, given(from), COMMAND_SIZE);
	return true;
}

/* --- commands --- */

#define DEVICE_FIELD 0xffffffff00000000
#define EVENT_FIELD 0x00000000ffffffff
#define RDBASE_FIELD 0x000fffffffff0000

/* Each command with all its fields as the manual lists them, and no other. */
static const struct {
	uint64_t number, mask[4];
} formats[] = {
	{0x01, {DEVICE_FIELD, EVENT_FIELD, 0xffff, 0}},
	{0x03, {DEVICE_FIELD, EVENT_FIELD, 0, 0}},
	{0x04, {DEVICE_FIELD, EVENT_FIELD, 0, 0}},
	{0x05, {0, 0, RDBASE_FIELD, 0}},
	{0x08, {DEVICE_FIELD, 0x1f, GIC_TABLE_VALID, 0}},
	{0x09, {0, 0, 0x800fffffffffffff, 0}},
	{0x0a, {DEVICE_FIELD, ~UINT64_C(0), 0xffff, 0}},
	{0x0b, {DEVICE_FIELD, EVENT_FIELD, 0xffff, 0}},
	{0x0c, {DEVICE_FIELD, EVENT_FIELD, 0, 0}},
	{0x0d, {0, 0, 0xffff, 0}},
	{0x0e, {0, 0, RDBASE_FIELD, RDBASE_FIELD}},
	{0x0f, {DEVICE_FIELD, EVENT_FIELD, 0, 0}},
};

/* Allowed values in all fields at once. */
static void fill(uint64_t command[4], uint64_t number)
{
	uint64_t rdbase = UINT64_C(7) << 16;

	command[0] = number | UINT64_C(0xabcd) << 32;
	command[1] = UINT64_C(0x2345) << 32 | 0x6;
	command[2] = GIC_TABLE_VALID | (number == 0x08 ? ITT : rdbase | 5);
	command[3] = UINT64_C(2) << 16;
}

/* Reserved bits do not get to the hardware, whatever they may mean one day. */
TEST(reserved_bits)
{
	uint64_t command[4], real[4];

	start(TYPER_PLAIN, DEVICE_TABLE, COLLECTION_TABLE);
	start_queue();
	for (unsigned int i = 0; i < sizeof(formats) / sizeof(formats[0]);
	     i++) {
		const uint64_t *mask = formats[i].mask;

		fill(command, formats[i].number);
		for (unsigned int d = 0; d < 4; d++)
			command[d] |=
				~mask[d] & (d ? ~UINT64_C(0) : ~UINT64_C(0xff));
		CHECK(send(command, real));
		if (formats[i].number == MAPD)
			real[2] &= ~ITT_FIELD;
		for (unsigned int d = 0; d < 4; d++)
			CHECK_EQ(real[d],
				 command[d] & (mask[d] | (d ? 0 : 0xff)));
	}
	CHECK_EQ(refusals, 0);
}

TEST(unknown_commands)
{
	uint64_t command[4], real[4];
	unsigned int known = 0;

	start(TYPER_PLAIN, DEVICE_TABLE, COLLECTION_TABLE);
	start_queue();
	for (unsigned int number = 0; number < 256; number++) {
		if (known < sizeof(formats) / sizeof(formats[0]) &&
		    formats[known].number == number) {
			known++;
			continue;
		}
		fill(command, number);
		CHECK(!send(command, real));
	}
	CHECK_EQ(refusals, 256 - known);
}

static void check_send(uint64_t number, unsigned int dword, uint64_t mask,
		       uint64_t value, bool good)
{
	uint64_t command[4], real[4];
	unsigned int before = refusals;

	fill(command, number);
	command[dword] = (command[dword] & ~mask) | value;
	CHECK_EQ(send(command, real), good);
	CHECK_EQ(refusals, before + !good);
}

TEST(arguments)
{
	start(TYPER_PLAIN, DEVICE_TABLE, COLLECTION_TABLE);
	start_queue();
	for (unsigned int n = 0x0a; n <= 0x0c; n++) {
		check_send(n, 0, DEVICE_FIELD, DEVICE_FIELD >> 16 << 16, false);
		check_send(n, 0, DEVICE_FIELD, UINT64_C(0xffff) << 32, true);
		check_send(n, 0, DEVICE_FIELD, UINT64_C(0x10000) << 32, false);
	}
	check_send(0x0d, 2, 0xffff, 63, true);
	check_send(0x0d, 2, 0xffff, 64, false);
	check_send(0x09, 2, 0xffff, 64, false);
	/* A collection is checked also where V is not set. */
	check_send(0x09, 2, ~UINT64_C(0), 64, false);
	check_send(0x09, 2, ~UINT64_C(0), 63 | 0x30000, true);
	check_send(0x09, 2, RDBASE_FIELD, 3 << 16, false);
	check_send(0x05, 2, RDBASE_FIELD, 3 << 16, false);
	check_send(0x05, 2, RDBASE_FIELD, 2 << 16, true);
	check_send(0x0e, 2, RDBASE_FIELD, 0x80a0000, false);
	check_send(0x0e, 3, RDBASE_FIELD, 0, false);
	check_send(0x0e, 3, RDBASE_FIELD, 7 << 16, true);
}

/* MAPD; whether the hardware maps the device, with an ITT that is no other's */
static bool map(uint64_t device_id, unsigned int bits, uint64_t itt)
{
	uint64_t command[4] = {MAPD | device_id << 32, bits - 1,
			       GIC_TABLE_VALID | itt};
	uint64_t real[4];
	unsigned int before = maps;

	send(command, real);
	return maps != before;
}

/* An ITT of 16 bytes an event: 2^13 events are all there is room for. */
#define TYPER_ITT_16 (TYPER_PLAIN | 15 << 4)
#define ALL_BITS 13

_Static_assert(16 << ALL_BITS == ITT_SIZE, "bits");

TEST(itt)
{
	start(TYPER_ITT_16, DEVICE_TABLE, COLLECTION_TABLE);
	start_queue();
	/* Where the primary wants it counts for nothing. */
	CHECK(map(1, 4, ITT));
	CHECK(map(2, 4, 0));
	CHECK(map(3, 4, ITT_FIELD));
	CHECK(map(1, 5, ITT));
	CHECK_EQ(refusals, 0);
	/* 2^16 EventIDs at most; no room for so many */
	CHECK(!map(1, 17, ITT));
	CHECK(!map(1, 32, ITT));
	CHECK_EQ(refusals, 2);
	CHECK_EQ(unmaps, 4);
	CHECK(!map(4, 16, ITT));
	CHECK_EQ(refusals, 3);
}

TEST(itt_budget)
{
	uint64_t unmap[4] = {MAPD | UINT64_C(1) << 32}, real[4];

	start(TYPER_ITT_16, DEVICE_TABLE, COLLECTION_TABLE);
	start_queue();
	CHECK(map(0xffff, ALL_BITS, ITT));
	CHECK(!map(1, 1, ITT));
	CHECK_EQ(refusals, 1);
	CHECK(map(0xffff, ALL_BITS - 1, ITT));
	CHECK(map(1, ALL_BITS - 1, ITT));
	CHECK(!map(2, 1, ITT));
	CHECK(send(unmap, real));
	CHECK(!map(2, ALL_BITS, ITT));
	CHECK(map(2, ALL_BITS - 1, ITT));
	/* The least is 256 bytes. */
	CHECK(map(2, 1, ITT));
	for (unsigned int i = 3; i < 3 + MAX_ITT_UNITS / 2 - 1; i++)
		CHECK(map(i, i % 4 + 1, ITT));
	CHECK(!map(MAX_ITT_UNITS, 1, ITT));
	/* All of it is there again for the next system. */
	write_reg(GITS_CTLR, 0);
	write_reg(GITS_CBASER, GIC_TABLE_VALID | (QUEUE + 0x10000));
	memset(itts, 0, sizeof(itts));
	start_queue();
	CHECK(map(5, ALL_BITS, ITT));
}

/* Many at once, in any order: use_itt() looks at each. */
TEST(itt_random)
{
	uint32_t at = 0, seed = 1;

	start(TYPER_ITT_16, DEVICE_TABLE, COLLECTION_TABLE);
	start_queue();
	for (unsigned int i = 0; i < 4000; i++) {
		seed = seed * 1103515245 + 12345;
		memcpy(&queue_page[at / 8],
		       ((uint64_t[]){MAPD | (uint64_t)(seed >> 16 & 31) << 32,
				     (seed >> 21) % (ALL_BITS + 1),
				     (uint64_t)(seed >> 25 & 3 ? 1 : 0) << 63,
				     0}),
		       COMMAND_SIZE);
		at = (at + COMMAND_SIZE) % PAGE;
		if (seed >> 28 == 0) {
			write_reg(GITS_CWRITER, at);
			while (read_reg(GITS_CREADR) != at)
				;
		}
	}
	CHECK(maps > 1000);
	CHECK(unmaps > maps);
}

/* What is not unmapped for sure is not another's. */
TEST(itt_stuck)
{
	start(TYPER_ITT_16, DEVICE_TABLE, COLLECTION_TABLE);
	start_queue();
	CHECK(map(1, ALL_BITS, ITT));
	hardware_works = false;
	memcpy(&queue_page[COMMAND_SIZE / 8],
	       ((uint64_t[]){MAPD | UINT64_C(1) << 32, 0, 0, 0,
			     MAPD | UINT64_C(2) << 32, 5, GIC_TABLE_VALID, 0}),
	       2 * COMMAND_SIZE);
	write_reg(GITS_CWRITER, 3 * COMMAND_SIZE);
	CHECK_EQ(read_reg(GITS_CREADR), 2 * COMMAND_SIZE | 1);
	hardware_works = true;
	CHECK_EQ(read_reg(GITS_CREADR), 2 * COMMAND_SIZE | 1);
	CHECK_EQ(all_its[0].holder[0], 2);
	CHECK_EQ(maps, 1);
}

/* Without V, neither ITT nor RDbase is handed on. */
TEST(unmapping)
{
	uint64_t command[4] = {0x08 | UINT64_C(9) << 32, 3, ITT};
	uint64_t real[4];

	start(TYPER_PLAIN, DEVICE_TABLE, COLLECTION_TABLE);
	start_queue();
	CHECK(send(command, real));
	CHECK_EQ(real[0], command[0]);
	CHECK_EQ(real[1] | real[2] | real[3], 0);
	command[0] = 0x09;
	command[2] = 0x123450000 | 3;
	CHECK(send(command, real));
	CHECK_EQ(real[2], 3);
}

/* Redistributors are named by their addresses. */
TEST(physical_targets)
{
	start(TYPER_PLAIN | TYPER_PTA, DEVICE_TABLE, COLLECTION_TABLE);
	start_queue();
	check_send(0x05, 2, RDBASE_FIELD, 0x80a0000, true);
	check_send(0x05, 2, RDBASE_FIELD, 0x80b0000, false);
	check_send(0x05, 2, RDBASE_FIELD, 2 << 16, false);
}

/* --- the queue --- */

TEST(dead_hardware)
{
	uint64_t tables;

	start(TYPER_PLAIN, DEVICE_TABLE, COLLECTION_TABLE);
	start_queue();
	hardware_works = false;
	fill(queue_page, 0x0d);
	write_reg(GITS_CWRITER, COMMAND_SIZE);
	CHECK_EQ(read_reg(GITS_CREADR), COMMAND_SIZE | 1);
	/* It starts anew with another queue. */
	hardware_works = true;
	tables = hw(GITS_BASER) & GIC_TABLE_ADDRESS;
	memset(phys_to_virt(paddr(tables)), 0xee, 64);
	start_queue();
	CHECK_EQ(*(uint64_t *)phys_to_virt(paddr(tables)), 0);
	CHECK_EQ(hw(GITS_CWRITER), 0);
	CHECK_EQ(read_reg(GITS_CREADR), 0);
}

/* The tables are emptied for another queue, and for none other. */
TEST(next_system)
{
	uint64_t command[4], real[4];
	uint8_t *table;

	start(TYPER_PLAIN, DEVICE_TABLE, COLLECTION_TABLE);
	CHECK_EQ(hw(GITS_BASER), 0);
	start_queue();
	table = phys_to_virt(paddr(hw(GITS_BASER) & GIC_TABLE_ADDRESS));
	for (unsigned int i = 0; i < 512 * KIB; i++)
		CHECK_EQ(table[i], 0);
	fill(command, 0x08);
	CHECK(send(command, real));
	table[100] = 1;
	write_reg(GITS_CBASER, GIC_TABLE_VALID | (QUEUE + 0x10000));
	CHECK_EQ(read_reg(GITS_CBASER), GIC_TABLE_VALID | QUEUE);
	start_queue();
	CHECK_EQ(table[100], 1);
	write_reg(GITS_CTLR, 0);
	write_reg(GITS_CBASER, GIC_TABLE_VALID | (QUEUE + 0x10000));
	write_reg(GITS_CTLR, 1);
	CHECK_EQ(table[100], 0);
	CHECK(hw(GITS_BASER) & GIC_TABLE_VALID);
}

/* --- other ITSs --- */

/* They are given to it when it is enabled. */
static uint64_t table_bytes(unsigned int i)
{
	write_reg(GITS_CTLR, 1);
	return (hw(GITS_BASER + 8 * i) & 0xff) * PAGE + PAGE;
}

TEST(tables_of_others)
{
	start(TYPER_PLAIN, DEVICE_TABLE, COLLECTION_TABLE);
	CHECK_EQ(table_bytes(0), 512 * KIB);
	CHECK_EQ(table_bytes(1), PAGE);
	CHECK_EQ(hw(GITS_CBASER) & 0xffff, BASER_CACHED % 0x10000 + 1);
	CHECK_EQ(read_reg(GITS_TYPER) >> 13 & 0x1f, 15);
	CHECK_EQ(read_reg(GITS_TYPER) >> 24 & 0xff, 64);
	/* 32 bits of DeviceIDs, virtual LPIs and all */
	start(~UINT64_C(0) & ~TYPER_CIL, VPE_TABLE, DEVICE_TABLE);
	CHECK_EQ(table_bytes(1), 512 * KIB);
	CHECK_EQ(hw(GITS_BASER), 0);
	CHECK_EQ(read_reg(GITS_TYPER),
		 0xdfff1 + (UINT64_C(64) << 24) + (UINT64_C(0x15) << 32));
	/* Entries of 32 bytes: 1 MiB of pages of 4 KiB is 2^15 */
	start(TYPER_PLAIN, DEVICE_TABLE | UINT64_C(0x1f) << 48, 0);
	CHECK_EQ(table_bytes(0), 1024 * KIB);
	CHECK_EQ(read_reg(GITS_TYPER) >> 13 & 0x1f, 14);
}

/* Whether the primary gets the ITS, and MSIs that lead to it. */
static void check_withheld(bool withheld, uint32_t size)
{
	fdt_node_t node, pcie;
	struct fdt_prop p;
	struct fdt fdt;

	make_tree(&fdt, size);
	its_count = 0;
	its_init_board(&fdt, VMS);
	node = fdt_child(&fdt, fdt_root(&fdt), "its");
	pcie = fdt_child(&fdt, fdt_root(&fdt), "pcie");
	CHECK_EQ(its_withholds(&fdt, node), withheld);
	CHECK(!its_withholds(&fdt, pcie));
	CHECK(fdt_prop(&fdt, pcie, "msi-map", &p));
	CHECK_EQ(its_is_dangling(&fdt, &p), withheld);
	CHECK(fdt_prop(&fdt, pcie, "msi-parent", &p));
	CHECK_EQ(its_is_dangling(&fdt, &p), withheld);
	CHECK(fdt_prop(&fdt, node, "reg", &p));
	CHECK(!its_is_dangling(&fdt, &p));
}

TEST(withheld)
{
	start(TYPER_PLAIN, DEVICE_TABLE, COLLECTION_TABLE);
	check_withheld(false, 0x20000);
	check_withheld(true, 0x10000);
	/* It does not come to rest. */
	hardware_works = false;
	check_withheld(true, 0x20000);
	hardware_works = true;
	set_hw(GITS_TYPER, TYPER_PLAIN & ~1);
	check_withheld(true, 0x20000);
}

/* Registers that are RAM, or an ITS that does not reach its own tables. */
TEST(no_place)
{
	start(TYPER_PLAIN, DEVICE_TABLE, COLLECTION_TABLE);
	hardware[GITS_CTLR] = 1;
	ram = ITS_BASE + 0x1f000;
	check_withheld(true, 0x20000);
	ram = ITS_BASE + 0x20000;
	reaches = false;
	check_withheld(true, 0x20000);
	CHECK_EQ(hardware[GITS_CTLR], 1);
	reaches = true;
	check_withheld(false, 0x20000);
}

/* What page tables may need stays in the pool: smaller tables, or none. */
TEST(little_memory)
{
	start(TYPER_PLAIN, DEVICE_TABLE, COLLECTION_TABLE);
	set_hw(GITS_BASER, DEVICE_TABLE);
	set_hw(GITS_BASER + 8, COLLECTION_TABLE);
	pool_used = sizeof(pool) - POOL_RESERVE(VMS, nodes) - 400 * KIB -
		    QUEUE_SIZE - ITT_SIZE;
	check_withheld(false, 0x20000);
	CHECK_EQ(table_bytes(0), 256 * KIB);
	CHECK_EQ(read_reg(GITS_TYPER) >> 13 & 0x1f, 14);
	set_hw(GITS_BASER, DEVICE_TABLE);
	pool_used = sizeof(pool) - POOL_RESERVE(VMS, nodes);
	check_withheld(true, 0x20000);
	CHECK_EQ(pool_used, sizeof(pool) - POOL_RESERVE(VMS, nodes));
}

/* A disabled one, or one below something that is, may not answer. */
static void put_its(struct fdt_writer *w, uint32_t i, const char *status)
{
	const uint32_t reg[] = {0, (uint32_t)(ITS_BASE + i * ITS_SIZE), 0,
				ITS_SIZE};

	fdt_put_node(w, "its");
	fdt_put_string(w, "compatible", "arm,gic-v3-its");
	fdt_put_cells(w, "reg", reg, 4);
	fdt_put_string(w, "status", status);
	fdt_put_end(w);
}

/*
 * Starts a board with so many ITSs, two that are disabled before them. What the
 * pool of the image has left by then is a little more than this, from a
 * multiple of 64 KiB on.
 */
#define POOL_LEFT (18 * 64 * KIB)

static void start_several(uint32_t count, uint64_t page_size)
{
	struct fdt_writer w;
	struct fdt fdt;

	start(TYPER_PLAIN, DEVICE_TABLE, COLLECTION_TABLE);
	fdt_begin(&w, tree, sizeof(tree), 0);
	fdt_put_node(&w, "");
	fdt_put_u32(&w, "#address-cells", 2);
	fdt_put_u32(&w, "#size-cells", 2);
	put_its(&w, 8, "disabled");
	fdt_put_node(&w, "gic");
	fdt_put_u32(&w, "#address-cells", 2);
	fdt_put_u32(&w, "#size-cells", 2);
	fdt_put_prop(&w, "ranges", NULL, 0);
	fdt_put_string(&w, "status", "disabled");
	put_its(&w, 9, "okay");
	fdt_put_end(&w);
	for (uint32_t i = 0; i < count; i++)
		put_its(&w, i, "okay");
	for (uint32_t i = 0; i < NODES - count - 4; i++) {
		fdt_put_node(&w, "x");
		fdt_put_end(&w);
	}
	fdt_put_end(&w);
	CHECK(!unit_fdt_open(&fdt, tree, fdt_finish(&w, 0)));
	nodes = fdt.node_count;
	for (uint32_t i = 0; i < MAX_ITS; i++) {
		uint64_t *baser = (uint64_t *)(all_hardware[i] + GITS_BASER);

		memcpy(all_hardware[i] + GITS_TYPER, hardware + GITS_TYPER, 8);
		baser[0] = DEVICE_TABLE;
		baser[1] = COLLECTION_TABLE;
	}
	page_size_bits = page_size;
	pool_used = sizeof(pool) - POOL_LEFT;
	pool_skipped = 0;
	its_count = 0;
	its_init_board(&fdt, VMS);
}

/* Each ITS gets its share of the pool, whatever pages its tables have. */
TEST(several)
{
	static const struct {
		uint32_t count, bits_4k, bits_64k, itts;
	} rows[] = {
		{1, 16, 16, ITT_SIZE},
		{2, 14, 14, ITT_SIZE},
		{3, 13, 13, 0x20000 - QUEUE_SIZE},
		{4, 13, 13, 0x10000 - QUEUE_SIZE},
	};

	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
		uint32_t count = rows[i / 2].count;
		uint32_t bits =
			i % 2 ? rows[i / 2].bits_64k : rows[i / 2].bits_4k;

		start_several(count, i % 2 ? UINT64_C(2) << 8 : 0);
		CHECK_EQ(its_count, count);
		for (uint32_t n = 0; n < count; n++) {
			CHECK_EQ(all_its[n].base, ITS_BASE + n * ITS_SIZE);
			CHECK(all_its[n].device_bits >= bits);
			CHECK_EQ(all_its[n].collections, COLLECTIONS);
			CHECK(all_its[n].itt_units * ITT_UNIT >=
			      rows[i / 2].itts);
		}
		CHECK(pool_used - pool_skipped <=
		      sizeof(pool) - POOL_RESERVE(VMS, nodes));
	}
	start_several(MAX_ITS + 1, 0);
	CHECK_EQ(its_count, MAX_ITS);
}
