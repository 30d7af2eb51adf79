/* SPDX-License-Identifier: BSD-3-Clause */
/* The primary's attacks by way of the interrupt controller. */
#include "gic.h"
#include "primary.h"
#include "primary/its.h"
#include "smp.h"
#include "string.h"
#include "sysreg.h"
#include "timer.h"

/* QEMU's board. */
#define GICD UINT64_C(0x08000000)
#define GICC UINT64_C(0x08010000)
#define HYP_TIMER_INTID 26

/* At the same offsets in a v2 distributor and a v3 SGI frame. */
#define IGROUPR 0x080
#define ICENABLER 0x180
#define ISPENDR 0x200
#define ICPENDR 0x280
#define ISACTIVER 0x300
#define ICACTIVER 0x380
#define IPRIORITYR 0x400
#define SGI_FRAME 0x10000

#define GICD_CTLR_GROUP0 1
#define GICC_CTLR_FIQ 0x9 /* group 0, as FIQ */
#define ICC_IGRPEN0_EL1 S3_0_C12_C12_6
#define READ(name) read_sysreg(name)
#define WRITE(name, value) write_sysreg(name, value)
#define ISR_FIQ 0x40

static uintptr_t private_frame(void)
{
	return gic_version() == 2 ? GICD : gic_redistributor() + SGI_FRAME;
}

/* Runs the spinner of this CPU. */
static uint64_t run_spinner(void)
{
	return hf_vcpu_run(DOOMED + me(), 0);
}

/* --- the hypervisor's interrupt --- */

static void take_from_hypervisor(unsigned int i)
{
	const uint32_t bit = UINT32_C(1) << HYP_TIMER_INTID;
	uintptr_t frame = private_frame();

	write32(frame + ICENABLER, bit);
	if (i % 4 == 1)
		write32(frame + ISPENDR, bit);
	if (i % 4 == 2)
		write32(frame + ISACTIVER, bit);
	if (i % 4 == 3)
		write32(frame + IPRIORITYR + (HYP_TIMER_INTID & ~3),
			0xffffffff);
	dsb();
}

static void give_back(void)
{
	const uint32_t bit = UINT32_C(1) << HYP_TIMER_INTID;

	write32(private_frame() + ICACTIVER, bit);
	write32(private_frame() + ICPENDR, bit);
	restore_interrupts();
}

#define DEADLINE_NS (MS / 2)
#define SAFETY_NS (400 * MS)

/*
 * The virtual timer's deadline is what the hypervisor keeps by its own timer.
 * Disabled, it is enabled again; active or of the lowest priority it harms the
 * primary alone, which the physical timer brings back.
 */
void gic_private_taken(void)
{
	unsigned int i;

	meet();
	for (i = 0; i < 8 && !test_over(); i++) {
		uint64_t start = timer_now_ns();

		take_from_hypervisor(i);
		timer_arm(TIMER_PHYSICAL, i % 4 < 2 ? SAFETY_NS : DEADLINE_NS,
			  true);
		timer_arm(TIMER_VIRTUAL, DEADLINE_NS, true);
		CHECK_EQ(run_spinner(), HF_VCPU_YIELD);
		if (timer_now_ns() - start > SAFETY_NS)
			FAIL("game %u: late", i);
		timer_stop(TIMER_PHYSICAL);
		timer_stop(TIMER_VIRTUAL);
		give_back();
		take_interrupts();
	}
}

/* --- FIQs --- */

/* Group 0: the physical timer's interrupt is an FIQ from here on. */
static void make_fiq(void)
{
	write32(private_frame() + IGROUPR, 0);
	if (gic_version() == 2) {
		write32(GICC, GICC_CTLR_FIQ);
	} else {
		write32(GICD, read32(GICD) | GICD_CTLR_GROUP0);
		WRITE(ICC_IGRPEN0_EL1, 1);
	}
	dsb();
	isb();
}

void fiq_storm(void)
{
	unsigned int i;

	meet();
	__asm__ volatile("msr daifset, #15");
	make_fiq();
	for (i = 0; i < 40 && !test_over(); i++) {
		timer_arm(TIMER_PHYSICAL, i & 1 ? 0 : MS / 10, true);
		CHECK_EQ(run_spinner(), HF_VCPU_YIELD);
		if (!(read_sysreg(isr_el1) & ISR_FIQ))
			FAIL("no FIQ is pending");
		/* One that has yet to start, or waits, comes back too. */
		CHECK(hf_vcpu_run(HOSTILE, 0) <= HF_VCPU_WAIT_FOR_INTERRUPT);
	}
	timer_stop(TIMER_PHYSICAL);
	if (gic_version() == 3)
		WRITE(ICC_IGRPEN0_EL1, 0);
	restore_interrupts();
	__asm__ volatile("msr daifclr, #5");
}

/* --- SGIs --- */

static void run_and_take(void)
{
	uint64_t result;

	timer_arm(TIMER_PHYSICAL, MS / 10, true);
	result = run_spinner();
	take_interrupts();
	timer_stop(TIMER_PHYSICAL);
	CHECK_EQ(result, HF_VCPU_YIELD);
}

void sgi_storm(void)
{
	unsigned int cpus = cpu_count() == 1 ? 1 : us() + 1;
	unsigned int i;

	meet();
	for (i = 0; i < 300 && !test_over(); i++) {
		gic_send(random64() % cpus, i % 16);
		run_and_take();
	}
	/* What was sent to a CPU comes before that one is off. */
	meet();
	take_interrupts();
}

/* --- redistributors --- */

#define WAKER_SLEEP 2

void redistributor_asleep(void)
{
	uintptr_t waker;
	unsigned int i;

	if (gic_version() == 2)
		SKIP("GICv2");
	waker = gic_redistributor() + GICR_WAKER;
	for (i = 0; i < 20 && !test_over(); i++) {
		write32(waker, WAKER_SLEEP);
		CHECK_EQ(hf_vcpu_run(HOSTILE, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
		hf_vcpu_run(VICTIM, VICTIM_SERVER);
		write32(waker, 0);
		restore_interrupts();
	}
}

#define ATTRIBUTES (UINT64_C(1) << 10 | UINT64_C(7) << 7)
#define TABLE_ADDRESS UINT64_C(0x0000ffffffff0000)

/* A table of the primary's, or a hidden one. */
static uint64_t some_table(unsigned int block)
{
	uint64_t r = random64();

	if (r & 1)
		return its_memory(block);
	return hidden_place(r / 2 % 5) & TABLE_ADDRESS;
}

/* What was enabled is the primary's own. */
static void check_tables(uintptr_t r)
{
	uint64_t prop = read64(r + GICR_PROPBASER) & TABLE_ADDRESS;
	uint64_t pend = read64(r + GICR_PENDBASER) & TABLE_ADDRESS;

	if (prop >= own_end() || pend >= own_end())
		FAIL("tables at 0x%lx, 0x%lx", prop, pend);
}

void lpi_tables_race(void)
{
	static uintptr_t target;
	unsigned int i;

	if (gic_version() == 2)
		SKIP("GICv2");
	if (!me())
		target = gic_redistributor();
	meet();
	for (i = 0; i < 80 && !test_over(); i++) {
		write64(target + GICR_PROPBASER,
			some_table(BLOCK_CONFIGURATION) | ATTRIBUTES |
				LPI_ID_BITS);
		write64(target + GICR_PENDBASER,
			some_table(BLOCK_PENDING) | ATTRIBUTES);
		if (me())
			continue;
		write32(target + GICR_CTLR, GICR_ENABLE_LPIS);
		if (read32(target + GICR_CTLR) & GICR_ENABLE_LPIS)
			check_tables(target);
		write32(target + GICR_CTLR, 0);
	}
}

/* --- the ITS --- */

#define DEVICES 8

/* The others, or CPU 0 too, write hidden ITTs into the queue. */
static void scribble(void)
{
	uint64_t *queue = (uint64_t *)its_memory(BLOCK_QUEUE);
	uint64_t r = random64();

	queue[r % (ITS_QUEUE_SIZE / 8 / 4) * 4 + 2] =
		GITS_VALID | (hidden_place(r >> 32 & 3) & ~UINT64_C(0xff));
}

static void send_commands(unsigned int i)
{
	uint64_t itt = i % 3 ? its_memory(BLOCK_ITT)
			     : hidden_place(i % 5) & ~UINT64_C(0xff);
	uint32_t device = i % DEVICES;
	uint32_t event;

	its_put((uint64_t)device << 32 | CMD_MAPD, 3, GITS_VALID | itt, 0);
	for (event = 0; event < 4; event++)
		its_put((uint64_t)device << 32 | CMD_MAPTI,
			(uint64_t)(GIC_LPI + event) << 32 | event, 0, 0);
	if (us() == 1)
		scribble();
	CHECK(its_go());
}

void its_commands_race(void)
{
	static uint32_t over;
	unsigned int i;

	if (!its_find())
		SKIP("no ITS");
	if (!me()) {
		over = 0;
		its_start_good();
	}
	meet();
	while (me() && !__atomic_load_n(&over, __ATOMIC_ACQUIRE))
		scribble();
	if (me())
		return;
	its_mapc(0, lpi_target());
	for (i = 0; i < 200 && !test_over(); i++)
		send_commands(i);
	write32(its + GITS_CTLR, 0);
	__atomic_store_n(&over, 1, __ATOMIC_RELEASE);
}

/* --- lines --- */

void log_flood(void)
{
	unsigned int i;

	for (i = 0; i < 20 && !test_over(); i++) {
		uint64_t place = hidden_place(i % 5);

		try_load(place, NULL);
		try_store(place, i);
		hf_vm_configure(place, place);
		hf_rpc_request(VICTIM, PAGE + 1);
		if (gic_version() != 3)
			continue;
		write64(gic_redistributor() + GICR_PROPBASER,
			(place & TABLE_ADDRESS) | LPI_ID_BITS);
		write32(gic_redistributor() + GICR_CTLR, GICR_ENABLE_LPIS);
		write32(gic_redistributor() + GICR_CTLR, 0);
	}
}
