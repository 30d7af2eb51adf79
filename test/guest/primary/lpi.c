/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Suite `lpi`: the registers of the GIC that hold addresses. The primary tries
 * to have the GIC read and write what is not its own; and LPIs arrive.
 */
#include <stddef.h>
#include "dt.h"
#include "exception.h"
#include "gic.h"
#include "its.h"
#include "machine.h"
#include "smp.h"
#include "string.h"
#include "sysreg.h"
#include "test.h"
#include "vm.h"

#define NO_ITS "no ITS"
#define PAGE 4096
#define MIB UINT64_C(0x100000)
#define RAM_BASE UINT64_C(0x40000000)
#define GICD UINT64_C(0x08000000)
#define NOWHERE UINT64_C(0x7f00000000)
#define EVENT_BITS 4
#define ALL_ONES (~UINT64_C(0))
#define GICR_RESERVED 0x200

/* The first refusals are told: test/suites/target.py looks for these. */
#define FIRST_COMMAND_TOLD 0x20

/* VM `service` lies below the hypervisor and VM `echo`, 2 MiB each. */
#define SERVICE_BELOW_END (6 * MIB)
#define CANARY_OFFSET MIB
#define CANARY UINT64_C(0x1122334455667788)
#define CANARY_STEPS 8

static struct spinlock its_lock;
static unsigned int failed_cpus;

static uint64_t ram_end(void)
{
	uint64_t base = 0;

	dt_memory(&base, NULL);
	return base + machine_ram();
}

/* Where the primary's memory ends, and that of others begins. */
static uint64_t own_end(void)
{
	uint64_t base = 0;
	uint64_t size = 0;

	dt_memory(&base, &size);
	return base + size;
}

/* --- memory of a secondary that nobody may write --- */

static uint64_t canary_address(void)
{
	return ram_end() - SERVICE_BELOW_END + CANARY_OFFSET;
}

/* A page of the VM; steps `kind` on some words in it. */
static bool canary_steps(uint64_t kind)
{
	unsigned int i;

	script_start();
	for (i = 0; i < CANARY_STEPS; i++)
		script_add(kind, RAM_BASE + CANARY_OFFSET + i * 1024 / 2,
			   CANARY + i, 0, 0);
	return script_run(vm_named("service"));
}

static void set_canary(void)
{
	canary_steps(STEP_STORE);
}

/* Its 64 KiB are as it left them: marks, and nothing else. */
static void check_canary(void)
{
	unsigned int i;

	if (!canary_steps(STEP_LOAD))
		return;
	for (i = 0; i < CANARY_STEPS; i++)
		CHECK_EQ(script_result(i)->x[0], CANARY + i);
}

/* Places that the primary must not have the GIC use. */
static const uint64_t *bad_places(void)
{
	static uint64_t places[9];
	unsigned int n = 0;

	places[n++] = canary_address();
	places[n++] = ram_end() - 0x10000; /* the hypervisor */
	places[n++] = own_end();
	places[n++] = ram_end();
	places[n++] = GICD;
	places[n++] = NOWHERE;
	places[n++] = UINT64_C(1) << 47;
	places[n++] = UINT64_C(0x000ffffffff0000);
	places[n] = 0;
	return places;
}

/* --- redistributors --- */

/* One access that is expected to be an abort, at `at` in x9. */
#define CHECK_ABORT(code, at)                                                \
	do {                                                                 \
		struct trap trap_;                                           \
                                                                             \
		trap_arm();                                                  \
		__asm__ volatile("mov x9, %0\n\t" code ::"r"((uint64_t)(at)) \
				 : "x9", "x10", "x11", "memory");            \
		trap_ = trap_take();                                         \
		CHECK(trap_.taken);                                          \
		CHECK_EQ(ESR_EC(trap_.esr), EC_DATA_ABORT);                  \
		CHECK_EQ(trap_.far, (uint64_t)(at));                         \
	} while (0)

static void check_aborts(uintptr_t page)
{
	/* Of a width that the register does not have */
	CHECK_ABORT("ldrb w10, [x9]", page + GICR_TYPER);
	CHECK_ABORT("ldrh w10, [x9]", page + GICR_TYPER);
	CHECK_ABORT("strb wzr, [x9]", page + GICR_CTLR);
	CHECK_ABORT("ldr x10, [x9]", page + GICR_CTLR);
	CHECK_ABORT("str xzr, [x9]", page + GICR_CTLR);
	/* That a syndrome does not tell */
	CHECK_ABORT("ldp x10, x11, [x9]", page + GICR_TYPER);
	CHECK_ABORT("ldp x10, x11, [x9]", page + GICR_RESERVED);
	CHECK_ABORT("stp xzr, xzr, [x9]", page + GICR_PROPBASER);
	CHECK_ABORT("ldr w10, [x9], #4", page + GICR_CTLR);
	CHECK_ABORT("ldxr w10, [x9]", page + GICR_CTLR);
	/* Not aligned, as no device memory may be */
	CHECK_ABORT("ldr w10, [x9]", page + GICR_TYPER + 2);
}

static void widths(void)
{
	uintptr_t r;
	uint64_t typer, extended;

	if (gic_version() != 3)
		SKIP("no GICv3");
	r = gic_redistributor();
	check_aborts(r);
	if (test_over())
		return;
	typer = read64(r + GICR_TYPER);
	CHECK_EQ(read32(r + GICR_TYPER), (uint32_t)typer);
	CHECK_EQ(read32(r + GICR_TYPER + 4), typer >> 32);
	/* Two halves, and a load that extends the sign. */
	write64(r + GICR_PROPBASER, 0);
	write32(r + GICR_PROPBASER, 0x80000000);
	CHECK_EQ(read64(r + GICR_PROPBASER), 0x80000000);
	write32(r + GICR_PROPBASER + 4, 0x7);
	CHECK_EQ(read64(r + GICR_PROPBASER), 0x780000000);
	__asm__ volatile("ldrsw %0, [%1]"
			 : "=r"(extended)
			 : "r"(r + GICR_PROPBASER));
	CHECK_EQ(extended, 0xffffffff80000000);
	/* The zero register, both ways. */
	__asm__ volatile(
		"ldr xzr, [%0]\n\tstr xzr, [%0]" ::"r"(r + GICR_PROPBASER)
		: "memory");
	CHECK_EQ(read64(r + GICR_PROPBASER), 0);
}

static void redistributor_registers(void)
{
	uintptr_t r;
	uint64_t mpidr = read_sysreg(mpidr_el1);

	if (gic_version() != 3)
		SKIP("no GICv3");
	r = gic_redistributor();
	CHECK_EQ(read64(r + GICR_TYPER) >> 32,
		 (mpidr & 0xffffff) | (mpidr >> 8 & 0xff000000));
	/* Nothing of virtual LPIs but where the next redistributor is. */
	CHECK_EQ(read64(r + GICR_TYPER) & 0x40000c4, 0);
	CHECK_EQ(read32(r + 0xffe8) >> 4 & 0xf,
		 read64(r + GICR_TYPER) & 2 ? 4 : 3); /* PIDR2 */
	/* It is awake, and can be put to sleep. */
	CHECK_EQ(read32(r + GICR_WAKER) & 6, 0);
	write32(r + GICR_WAKER, 2);
	CHECK_EQ(read32(r + GICR_WAKER) & 2, 2);
	write32(r + GICR_WAKER, 0);
	CHECK_EQ(read32(r + GICR_WAKER) & 2, 0);
	/* What there is not, reserved registers included. */
	write64(r + GICR_RESERVED, ALL_ONES);
	CHECK_EQ(read64(r + GICR_RESERVED), 0);
	CHECK_EQ(read32(r + 0x20), 0);
}

static void vlpi_registers(void)
{
	uintptr_t r;

	if (gic_version() != 3 ||
	    !(read64(gic_redistributor() + GICR_TYPER) & 2))
		SKIP("no GICv4");
	r = gic_redistributor() + GICR_VLPI_FRAME;
	write64(r + GICR_PROPBASER, canary_address());
	write64(r + GICR_PENDBASER, GITS_VALID | canary_address());
	CHECK_EQ(read64(r + GICR_PROPBASER), 0);
	CHECK_EQ(read64(r + GICR_PENDBASER), 0);
}

/* LPIs stay off with these tables. */
static void check_tables_refused(uint64_t configuration, uint64_t pending)
{
	uintptr_t r = gic_redistributor();

	write64(r + GICR_PROPBASER, configuration | LPI_ID_BITS);
	write64(r + GICR_PENDBASER, pending);
	write32(r + GICR_CTLR, GICR_ENABLE_LPIS);
	if (read32(r + GICR_CTLR) & GICR_ENABLE_LPIS) {
		lpi_disable();
		FAIL("accepted: 0x%lx, 0x%lx", configuration, pending);
	}
}

static void tables_refused(void)
{
	const uint64_t *bad = bad_places();
	uint64_t good;
	unsigned int i;

	if (!its_find())
		SKIP(NO_ITS);
	good = its_memory(BLOCK_SPARE);
	set_canary();
	for (i = 0; bad[i]; i++) {
		check_tables_refused(good, bad[i]);
		check_tables_refused(bad[i], good);
		check_tables_refused(bad[i], bad[i]);
	}
	/* The flash; half inside, half outside */
	check_tables_refused(good, 0);
	check_tables_refused(own_end() - LPI_CONFIGURATION_SIZE + PAGE, good);
	check_canary();
}

static void tables_accepted(void)
{
	uintptr_t r;
	uint64_t configuration, pending;

	if (!its_find())
		SKIP(NO_ITS);
	r = gic_redistributor();
	/* To the last byte. */
	write64(r + GICR_PROPBASER,
		(own_end() - LPI_CONFIGURATION_SIZE) | LPI_ID_BITS);
	write64(r + GICR_PENDBASER, its_memory(BLOCK_PENDING));
	write32(r + GICR_CTLR, GICR_ENABLE_LPIS);
	CHECK(read32(r + GICR_CTLR) & GICR_ENABLE_LPIS);
	lpi_disable();
	CHECK(!(read32(r + GICR_CTLR) & GICR_ENABLE_LPIS));

	CHECK(lpi_enable());
	configuration = read64(r + GICR_PROPBASER);
	pending = read64(r + GICR_PENDBASER);
	/* Fixed while they are used. */
	write64(r + GICR_PROPBASER, canary_address() | LPI_ID_BITS);
	write32(r + GICR_PENDBASER, (uint32_t)canary_address());
	CHECK_EQ(read64(r + GICR_PROPBASER), configuration);
	CHECK_EQ(read64(r + GICR_PENDBASER), pending);
	CHECK_EQ(configuration & ~UINT64_C(0xfff),
		 its_memory(BLOCK_CONFIGURATION));
	lpi_disable();
}

static void note_failure(bool good)
{
	if (!good)
		__atomic_add_fetch(&failed_cpus, 1, __ATOMIC_RELAXED);
}

/* With the first CPU's LPIs enabled: another configuration table. */
static void other_configuration(void *unused)
{
	uintptr_t r = gic_redistributor();

	(void)unused;
	if (cpu_index() == 0)
		return;
	write64(r + GICR_PROPBASER, its_memory(BLOCK_SPARE) | LPI_ID_BITS);
	write64(r + GICR_PENDBASER, its_memory(BLOCK_PENDING + cpu_index()));
	write32(r + GICR_CTLR, GICR_ENABLE_LPIS);
	note_failure(!(read32(r + GICR_CTLR) & GICR_ENABLE_LPIS));
	note_failure(lpi_enable());
	lpi_disable();
}

static void one_configuration(void)
{
	if (!its_find())
		SKIP(NO_ITS);
	if (cpu_count() < 2)
		SKIP("one CPU");
	failed_cpus = 0;
	CHECK(lpi_enable());
	CHECK(cpu_run_all(cpu_count(), other_configuration, NULL));
	CHECK_EQ(failed_cpus, 0);
	lpi_disable();
}

/* --- the ITS --- */

static void its_registers(void)
{
	uint64_t typer;
	unsigned int i;

	if (!its_find())
		SKIP(NO_ITS);
	typer = read64(its + GITS_TYPER);
	CHECK_EQ(typer & 3, 1);		    /* physical, not virtual */
	CHECK_EQ(typer >> 37, 0);	    /* nothing of GICv4 */
	CHECK_EQ((typer >> 13 & 0x1f), 15); /* DeviceIDs of 16 bits */
	CHECK((typer >> 24 & 0xff) > cpu_count());
	for (i = 0; i < 8; i++) {
		write64(its + GITS_BASER + 8 * i,
			GITS_VALID | canary_address());
		CHECK_EQ(read64(its + GITS_BASER + 8 * i), 0);
	}
	CHECK_EQ(read32(its + GITS_CTLR), GITS_QUIESCENT);
	CHECK(read32(its + GITS_PIDR2));
	its_start_good();
	CHECK_EQ(read32(its + GITS_CTLR) & GITS_ENABLED, GITS_ENABLED);
	/* Fixed while it is enabled. */
	write64(its + GITS_CBASER, GITS_VALID | canary_address());
	CHECK_EQ(read64(its + GITS_CBASER) & 0xffffffffff000,
		 its_memory(BLOCK_QUEUE));
	/* Read only */
	write64(its + GITS_CREADR, 0x40);
	CHECK_EQ(read64(its + GITS_CREADR), 0);
	CHECK_EQ(read32(its + GITS_CBASER + 4),
		 read64(its + GITS_CBASER) >> 32);
	CHECK_ABORT("ldrh w10, [x9]", its + GITS_CTLR);
	CHECK_ABORT("ldr x10, [x9]", its + GITS_CTLR);
	CHECK_ABORT("ldp x10, x11, [x9]", its + GITS_CWRITER);
}

/* Device 0, whose MSIs a CPU can send; event i is LPI i, to collection i. */
static bool map_all(uint64_t itt)
{
	unsigned int i;

	if (!its_mapd(0, itt, EVENT_BITS))
		return false;
	for (i = 0; i < cpu_count(); i++)
		if (!its_mapti(0, i, GIC_LPI + i, i))
			return false;
	return true;
}

static bool deliver(void (*send)(unsigned int event))
{
	unsigned int i = cpu_index();
	unsigned int before = gic_count(GIC_LPI + i);

	spin_lock(&its_lock);
	send(i);
	spin_unlock(&its_lock);
	return gic_count(GIC_LPI + i) == before && gic_wait(GIC_LPI + i, 1) &&
	       gic_count(GIC_LPI + i) == before + 1;
}

static void send_int(unsigned int event)
{
	note_failure(its_int(0, event));
}

static void send_msi(unsigned int event)
{
	dsb();
	write32(its + GITS_TRANSLATER, event);
}

#define ROUNDS 20

static void receive(void *unused)
{
	unsigned int i;

	(void)unused;
	note_failure(lpi_enable());
	spin_lock(&its_lock);
	note_failure(its_mapc(cpu_index(), lpi_target()));
	spin_unlock(&its_lock);
	for (i = 0; i < ROUNDS; i++) {
		note_failure(deliver(send_int));
		note_failure(deliver(send_msi));
	}
	lpi_disable();
}

/* By INT and by MSI, on all CPUs, whose commands come in between. */
static void delivered(void)
{
	if (!its_find())
		SKIP(NO_ITS);
	failed_cpus = 0;
	its_start_good();
	CHECK(map_all(its_memory(BLOCK_ITT)));
	CHECK(cpu_run_all(cpu_count(), receive, NULL));
	CHECK_EQ(failed_cpus, 0);
}

/* Everything else that a driver does with an interrupt. */
static void commands(void)
{
	uint64_t device = UINT64_C(7) << 32;
	uint64_t target;

	if (!its_find())
		SKIP(NO_ITS);
	target = lpi_target();
	its_start_good();
	CHECK(lpi_enable());
	CHECK(its_mapd(7, its_memory(BLOCK_ITT), EVENT_BITS));
	CHECK(its_mapc(3, target));
	CHECK(its_mapc(4, target));
	CHECK(its_mapti(7, 2, GIC_LPI + 9, 3));
	CHECK(its_int(7, 2));
	CHECK(gic_wait(GIC_LPI + 9, 1));
	CHECK(its_command(device | CMD_MOVI, 2, 4, 0));
	CHECK(its_command(CMD_SYNC, 0, target, 0));
	CHECK(its_command(device | CMD_INV, 2, 0, 0));
	CHECK(its_command(CMD_INVALL, 0, 4, 0));
	CHECK(its_int(7, 2));
	CHECK(its_command(CMD_MOVALL, 0, target, target));
	CHECK(gic_wait(GIC_LPI + 9, 1));
	CHECK(its_int(7, 2));
	CHECK(its_command(device | CMD_CLEAR, 2, 0, 0));
	CHECK(!gic_count(GIC_LPI + 8));
	CHECK(its_command(device | CMD_DISCARD, 2, 0, 0));
	CHECK(its_int(7, 2));
	irq_unmask();
	irq_mask();
	CHECK_EQ(gic_count(GIC_LPI + 9), 2);
	/* Unmapped, with whatever stands in the other fields. */
	CHECK(its_command(CMD_MAPC, 0, 3 | NOWHERE, 0));
	CHECK(its_command(device | CMD_MAPD, 0, canary_address(), 0));
	lpi_disable();
}

static void expect(bool done)
{
	if (!done)
		test_fail(__FILE__, __LINE__, "a command is not done");
}

/* Whether an LPI arrives for an event of a device. */
static bool arrives(uint32_t device, uint32_t event)
{
	unsigned int before = gic_count(GIC_LPI + 20);

	expect(its_mapti(device, event, GIC_LPI + 20, 0));
	expect(its_int(device, event));
	irq_unmask();
	irq_mask();
	return gic_count(GIC_LPI + 20) != before;
}

/* Whether a device gets an ITT for 2^bits events, wherever that is. */
static bool gets_itt(uint32_t device, uint64_t itt, unsigned int bits)
{
	expect(its_mapd(device, itt, bits));
	return arrives(device, 0) && arrives(device, (1u << bits) - 1);
}

static bool start_for_itts(void)
{
	if (!its_find())
		return false;
	its_start_good();
	return lpi_enable() && its_mapc(0, lpi_target());
}

/* What the primary names as an ITT is none: no place of it is touched. */
static void itt_ignored(void)
{
	const uint64_t *bad = bad_places();
	uint64_t *own;
	unsigned int i;

	if (!its_find())
		SKIP(NO_ITS);
	set_canary();
	CHECK(start_for_itts());
	for (i = 0; bad[i]; i++)
		CHECK(gets_itt(1, bad[i], EVENT_BITS));
	own = (uint64_t *)its_memory(BLOCK_ITT);
	memset(own, 0xa5, PAGE);
	dsb();
	CHECK(gets_itt(1, (uintptr_t)own, EVENT_BITS));
	for (i = 0; i < PAGE / 8; i++)
		CHECK_EQ(own[i], UINT64_C(0xa5a5a5a5a5a5a5a5));
	lpi_disable();
	check_canary();
}

static void itt_refused(void)
{
	if (!its_find())
		SKIP(NO_ITS);
	CHECK(start_for_itts());
	/* More bits than EventIDs have; a device that is none */
	CHECK(!gets_itt(1, its_memory(BLOCK_ITT), 32));
	CHECK(!gets_itt(0x10000, its_memory(BLOCK_ITT), EVENT_BITS));
	CHECK(!gets_itt(0x80000000, its_memory(BLOCK_ITT), EVENT_BITS));
	lpi_disable();
}

#define LARGE_BITS 12
#define MAX_LARGE 64

/* There is room for some devices; what one gives back, another gets. */
static void itt_budget(void)
{
	unsigned int n = 1, i;

	if (!its_find())
		SKIP(NO_ITS);
	CHECK(start_for_itts());
	while (n < MAX_LARGE && gets_itt(n, 0, LARGE_BITS))
		n++;
	/* Of 16 bytes each, in 128 KiB */
	CHECK(n > 2 && n < MAX_LARGE);
	for (i = 1; i < n; i++)
		CHECK(arrives(i, i));
	CHECK(!gets_itt(n, 0, LARGE_BITS));
	/* Again and again, it takes no more. */
	for (i = 0; i < 2 * n; i++)
		CHECK(gets_itt(1, 0, LARGE_BITS));
	CHECK(arrives(1, 5));
	CHECK(its_command(UINT64_C(1) << 32 | CMD_MAPD, 0, 0, 0));
	CHECK(!arrives(1, 5));
	CHECK(its_mapd(n, 0, LARGE_BITS));
	/* Nothing is left in it. */
	i = gic_count(GIC_LPI + 20);
	CHECK(its_int(n, 5));
	irq_unmask();
	irq_mask();
	CHECK_EQ(gic_count(GIC_LPI + 20), i);
	CHECK(arrives(n, 5));
	lpi_disable();
}

/* The primary writes where it thinks an ITT is: that changes nothing. */
static void itt_scribbled(void)
{
	uint64_t *itt;
	unsigned int i, event;

	if (!its_find())
		SKIP(NO_ITS);
	set_canary();
	CHECK(start_for_itts());
	itt = (uint64_t *)its_memory(BLOCK_ITT);
	CHECK(its_mapd(2, (uintptr_t)itt, EVENT_BITS));
	CHECK(its_mapti(2, 3, GIC_LPI + 21, 0));
	for (i = 0; i < 64; i++) {
		for (event = 0; event < 32; event++)
			itt[event] = (canary_address() | 1) >> (i & 7) ^
				     UINT64_C(0x9e3779b97f4a7c15) * i * event;
		dsb();
		for (event = 0; event < 16; event++)
			CHECK(its_int(2, event));
		CHECK(gic_wait(GIC_LPI + 21, 1));
		CHECK_EQ(gic_count(GIC_LPI + 21), i + 1);
	}
	lpi_disable();
	check_canary();
}

static void check_queue_refused(uint64_t at)
{
	its_start(at);
	write64(its + GITS_CWRITER, 0x40);
	CHECK_EQ(read64(its + GITS_CREADR) & ~UINT64_C(1), 0);
	CHECK_EQ(read64(its + GITS_CREADR) & 1, 1); /* stalled */
}

static void queue_refused(void)
{
	const uint64_t *bad = bad_places();
	unsigned int i;

	if (!its_find())
		SKIP(NO_ITS);
	for (i = 0; bad[i] && !test_over(); i++)
		check_queue_refused(bad[i]);
	/* It ends outside: what lies inside is done. */
	its_start(own_end() - PAGE);
	for (i = 0; i < PAGE / ITS_COMMAND_SIZE; i++)
		its_put(CMD_SYNC, 0, lpi_target(), 0);
	CHECK(its_go());
	write64(its + GITS_CWRITER, PAGE + 0x40);
	CHECK_EQ(read64(its + GITS_CREADR), PAGE | 1);
	/* No more than the queue's size; not valid; not enabled. */
	its_start_good();
	write64(its + GITS_CWRITER, ITS_QUEUE_SIZE);
	CHECK_EQ(read64(its + GITS_CREADR), 0);
	write32(its + GITS_CTLR, 0);
	write64(its + GITS_CBASER, its_memory(BLOCK_QUEUE));
	write32(its + GITS_CTLR, GITS_ENABLED);
	write64(its + GITS_CWRITER, 0x40);
	CHECK_EQ(read64(its + GITS_CREADR), 0);
	write32(its + GITS_CTLR, 0);
	write64(its + GITS_CWRITER, 0x40);
	CHECK_EQ(read64(its + GITS_CREADR), 0);
	/* And then all is well again. */
	its_start_good();
	CHECK(its_command(CMD_SYNC, 0, lpi_target(), 0));
}

/*
 * Commands that there are not, those for virtual LPIs first: these are told.
 * With any bits of theirs set, they are left out.
 */
static void put_unknown_commands(uint64_t bits)
{
	static const uint64_t known = 0xff3a; /* by number, bit by bit */
	unsigned int i, number;

	for (i = 0; i < 256; i++) {
		number = (FIRST_COMMAND_TOLD + i) % 256;
		if (number >= 16 || !(known >> number & 1))
			its_put((bits & ~UINT64_C(0xff)) | number, bits, bits,
				bits);
	}
}

static void commands_left_out(void)
{
	if (!its_find())
		SKIP(NO_ITS);
	set_canary();
	its_start_good();
	CHECK(lpi_enable());
	CHECK(its_mapc(0, lpi_target()));
	CHECK(its_mapd(0, its_memory(BLOCK_ITT), EVENT_BITS));
	CHECK(its_mapti(0, 1, GIC_LPI + 22, 0));
	put_unknown_commands(GITS_VALID | canary_address());
	put_unknown_commands(ALL_ONES);
	/* Collections and redistributors that there are not */
	its_put(CMD_MAPC, 0, GITS_VALID | lpi_target() | 0xffff, 0);
	its_put(CMD_MAPC, 0, GITS_VALID | 0xfff0000, 0);
	its_put(CMD_MOVALL, 0, lpi_target(), 0xfff0000);
	its_put(CMD_SYNC, 0, 0xfff0000, 0);
	CHECK(its_int(0, 1));
	CHECK(gic_wait(GIC_LPI + 22, 1));
	lpi_disable();
	check_canary();
}

/* A whole queue at once, again and again: none is lost, none done twice. */
static void long_queue(void)
{
	unsigned int round, i;
	const unsigned int most = ITS_QUEUE_SIZE / ITS_COMMAND_SIZE - 1;

	if (!its_find())
		SKIP(NO_ITS);
	its_start_good();
	CHECK(lpi_enable());
	CHECK(its_mapc(0, lpi_target()));
	CHECK(its_mapd(0, its_memory(BLOCK_ITT), EVENT_BITS));
	CHECK(its_mapti(0, 1, GIC_LPI + 23, 0));
	CHECK(its_mapti(0, 2, GIC_LPI + 24, 0));
	for (round = 1; round <= 3; round++) {
		for (i = 0; i < most - 2; i++)
			its_put(CMD_SYNC, 0, lpi_target(), 0);
		its_put(CMD_INT, 1, 0, 0);
		its_put(CMD_INT, 2, 0, 0);
		CHECK(its_go());
		CHECK(gic_wait(GIC_LPI + 23, round - gic_count(GIC_LPI + 23)));
		CHECK_EQ(gic_count(GIC_LPI + 23), round);
		CHECK_EQ(gic_count(GIC_LPI + 24), round);
	}
	lpi_disable();
}

/* Another queue: the next system's. It finds nothing mapped. */
static void next_system(void)
{
	if (!its_find())
		SKIP(NO_ITS);
	its_start_good();
	CHECK(lpi_enable());
	CHECK(its_mapc(0, lpi_target()));
	CHECK(its_mapd(0, its_memory(BLOCK_ITT), EVENT_BITS));
	CHECK(its_mapti(0, 1, GIC_LPI + 25, 0));
	CHECK(its_int(0, 1));
	CHECK(gic_wait(GIC_LPI + 25, 1));
	its_start(its_memory(BLOCK_SPARE));
	CHECK(its_int(0, 1));
	send_msi(1);
	irq_unmask();
	irq_mask();
	CHECK_EQ(gic_count(GIC_LPI + 25), 1);
	lpi_disable();
	write32(its + GITS_CTLR, 0);
}

static const struct test_case cases[] = {
	{"widths", widths},
	{"redistributor_registers", redistributor_registers},
	{"vlpi_registers", vlpi_registers},
	{"its_registers", its_registers},
	{"commands_left_out", commands_left_out},
	{"tables_accepted", tables_accepted},
	{"one_configuration", one_configuration},
	{"delivered", delivered},
	{"commands", commands},
	{"long_queue", long_queue},
	{"next_system", next_system},
	{"itt_ignored", itt_ignored},
	{"itt_budget", itt_budget},
	{"itt_scribbled", itt_scribbled},
	{"tables_refused", tables_refused},
	{"itt_refused", itt_refused},
	{"queue_refused", queue_refused},
	{NULL, NULL},
};

const struct suite suite_lpi = {"lpi", cases};
