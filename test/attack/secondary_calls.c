/* SPDX-License-Identifier: BSD-3-Clause */
/* A secondary's attacks after which it is still there. */
#include "both.h"
#include "hostile.h"
#include "message.h"
#include "mmu.h"
#include "paint.h"
#include "layout.h"
#include "smccc.h"
#include "smp.h"
#include "string.h"
#include "sweep.h"
#include "sysreg.h"
#include "timer.h"
#include "hf/call.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MSR 0xd5000000
#define MRS 0xd5200000
#define ALL_ONES (~UINT64_C(0))

/* --- what is the primary's --- */

#define ICC(op1, n, m, op2) SYSREG(3, op1, n, m, op2)

/*
 * Registers of the GIC are the virtual one's, if there is one with system
 * registers: executed or undefined, and nothing else.
 */
static void check_allowed(struct trap trap, uint32_t what)
{
	if (trap.taken)
		check_undefined(trap, what);
}

void sgi_registers(void)
{
	static const uint32_t names[] = {
		ICC(0, 12, 11, 5), /* ICC_SGI1R_EL1 */
		ICC(0, 12, 11, 6), /* ICC_ASGI1R_EL1 */
		ICC(0, 12, 11, 7), /* ICC_SGI0R_EL1 */
	};
	unsigned int i;

	for (i = 0; i < 16 * 8 * COUNT(names) && !test_over(); i++) {
		/* INTID i % 16; all others, or targets of some affinity. */
		uint64_t x0 = (uint64_t)(i % 16) << 24;
		uint32_t word = MSR | names[i / 128] << 5;

		x0 |= i & 16 ? UINT64_C(1) << 40 : 0xffff;
		x0 |= i & 32 ? random64() & 0x00ff00ff00ff0000 : 0;
		check_allowed(execute(word, &x0), word);
	}
}

/* All registers of the CPU interface: group 0, group 1, common ones. */
void gic_interface(void)
{
	static const uint64_t values[] = {0, ALL_ONES, 1023, 26, 27, 30};
	unsigned int i;

	for (i = 0; i < 8 * 8 * COUNT(values) && !test_over(); i++) {
		unsigned int m = 8 + i / 8 % 8;
		uint64_t x0 = values[i / 64];
		uint32_t word = MSR | (uint32_t)ICC(0, 12, m, i % 8) << 5;

		/* QEMU 7.2 does not trap ICC_SRE_EL1, a constant. */
		if (m == 12 && i % 8 == 5)
			continue;
		check_allowed(execute(word, &x0), word);
		word |= MRS;
		check_allowed(execute(word, &x0), word);
	}
	for (i = 0; i < COUNT(values) && !test_over(); i++) {
		uint64_t x0 = values[i];
		uint32_t word = MSR | (uint32_t)ICC(0, 4, 6, 0) << 5;

		check_allowed(execute(word, &x0), word);
	}
}

/* Reads as zero afterwards, or is undefined. */
static void write_and_read(uint32_t name, uint64_t value)
{
	uint64_t x0 = value;
	struct trap trap = execute(MSR | name << 5, &x0);

	if (trap.taken) {
		check_undefined(trap, name);
		return;
	}
	x0 = value;
	trap = execute(MRS | name << 5, &x0);
	if (!trap.taken && x0)
		FAIL("register 0x%x reads 0x%lx", name, x0);
}

void primary_timers(void)
{
	static const uint32_t names[] = {
		SYSREG(3, 4, 14, 2, 2), /* CNTHP_CVAL_EL2 */
		SYSREG(3, 4, 14, 2, 1), /* CNTHP_CTL_EL2 */
		SYSREG(3, 7, 14, 2, 1), /* CNTPS_CTL_EL1 */
		SYSREG(3, 4, 14, 0, 3), /* CNTVOFF_EL2 */
	};
	/* CNTP_TVAL, CNTP_CVAL, CNTP_CTL: its own, emulated. */
	static const uint32_t own[] = {SYSREG(3, 3, 14, 2, 0),
				       SYSREG(3, 3, 14, 2, 2),
				       SYSREG(3, 3, 14, 2, 1)};
	static const uint64_t values[] = {2, 0, ALL_ONES, 1, 3};
	unsigned int i;

	for (i = 0; i < 10 * COUNT(own) * COUNT(values) && !test_over(); i++) {
		uint64_t x0 = values[i / COUNT(own) % COUNT(values)];
		uint32_t name = own[i % COUNT(own)];

		if (execute(MSR | name << 5, &x0).taken)
			FAIL("register 0x%x is undefined", name);
	}

	for (i = 0; i < 10 * COUNT(names) * COUNT(values) && !test_over(); i++)
		write_and_read(names[i % COUNT(names)],
			       values[i / COUNT(names) % COUNT(values)]);
}

void counters_read(void)
{
	unsigned int i;

	for (i = 0; i < 3 * 8 && !test_over(); i++) {
		uint32_t name = SYSREG(3, 3, 9, 12 + i / 8, i % 8);

		write_and_read(name, random64());
		write_and_read(name, ALL_ONES);
	}
	for (i = 0; i < 8 * 8 && !test_over(); i++)
		write_and_read(SYSREG(3, 3, 14, 8 + i / 8, i % 8), ALL_ONES);
	write_and_read(SYSREG(3, 0, 9, 14, 1), ALL_ONES);
}

/* --- waits and time --- */

void waits_storm(void)
{
	static const uint32_t words[] = {
		0xd503203f, /* YIELD */
		0xd503205f, /* WFE */
		0xd503207f, /* WFI */
		0xd503209f, /* SEV */
		0xd50320bf, /* SEVL */
		0xd5031000, /* WFET x0 */
		0xd5031020, /* WFIT x0 */
	};
	unsigned int i;

	meet();
	for (i = 0; i < 30 * COUNT(words) && !test_over(); i++) {
		uint64_t x0 = i & 1 ? 0 : random64();

		/* A WFE that nothing ends would end at an interrupt only. */
		__asm__ volatile("sevl");
		timer_arm(TIMER_VIRTUAL, random64() % (MS / 10), i & 2);
		execute(words[i % COUNT(words)], &x0);
	}
	timer_stop(TIMER_VIRTUAL);
}

/*
 * Not the very last moment: QEMU 7.2 itself does not come to an end once such a
 * time and CNTVOFF_EL2 add up to more than 64 bits. Nor a negative CNTV_TVAL.
 */
#define NEVER (ALL_ONES - (UINT64_C(1) << 60))

void timer_storm(void)
{
	static const uint64_t values[] = {0, 1, NEVER, UINT64_C(1) << 63};
	unsigned int i;

	meet();
	for (i = 0; i < 400 && !test_over(); i++) {
		write_sysreg(cntv_cval_el0, values[i % COUNT(values)]);
		write_sysreg(cntv_ctl_el0, random64() & 3);
		if (i % 7 == 0)
			write_sysreg(cntv_tval_el0, random64() >> 33);
		if (i % 16 == 0)
			hf_vm_get_count();
		if (i % 64 == 0)
			wfi();
		timer_spin_ns(2000);
	}
	timer_stop(TIMER_VIRTUAL);
}

/* --- vCPUs --- */

static void nothing(void *unused)
{
	(void)unused;
}

static void cpu_on_one(uint64_t mpidr, uint64_t entry)
{
	uint64_t result = (uint64_t)psci_call(PSCI_CPU_ON_64, mpidr, entry, 0);
	int64_t error = (int64_t)result;

	if (error != PSCI_INVALID_PARAMETERS && error != PSCI_INVALID_ADDRESS &&
	    error != PSCI_ALREADY_ON)
		FAIL("CPU_ON of 0x%lx at 0x%lx: %ld", mpidr, entry, error);
}

/* vCPU 3 comes and goes; nobody may be started where there is no code. */
void cpu_on_wild(void)
{
	static const uint64_t entries[] = {0,
					   SECONDARY_RAM - 4,
					   SECONDARY_END,
					   SECONDARY_RAM + 2,
					   SECONDARY_RAM + 1,
					   ALL_ONES,
					   ALL_ONES - 3,
					   SECONDARY_RAM | UINT64_C(1) << 48,
					   SECONDARY_RAM | UINT64_C(1) << 63,
					   0x08000000,
					   0x09000000,
					   SECONDARY_RAM + GIB};
	static const uint64_t others[] = {4,
					  8,
					  0xffff,
					  0x80000003,
					  1 << 8,
					  ALL_ONES,
					  UINT64_C(1) << 32 | 1};
	unsigned int i;

	meet();
	for (i = 0; i < 10 * COUNT(entries) && !test_over(); i++) {
		cpu_on_one(3, entries[i % COUNT(entries)]);
		cpu_on_one(others[i % COUNT(others)], SECONDARY_RAM);
		cpu_on_one(me(), SECONDARY_RAM);
		if (!me() && i % 12 == 0) {
			CHECK_EQ(cpu_start(3, nothing, NULL), PSCI_SUCCESS);
			CHECK(cpu_wait_off(3));
		}
	}
}

/* --- the mailbox --- */

/* A reply of any size but that of the report, which the primary waits for. */
static void reply_some(uint64_t random)
{
	static const uint64_t sizes[] = {
		0,	 1,	   7,	     4095,	 4096,	    4097,
		1 << 16, 1u << 31, ALL_ONES, 1ull << 32, 1ull << 63};
	uint64_t size = sizes[random % COUNT(sizes)];
	int64_t result = hf_rpc_reply(size, 0);

	if (size > PAGE && result != -1)
		FAIL("%lu bytes: %ld", size, result);
	if (result && result != -1)
		FAIL("REPLY: %ld", result);
}

void reply_storm(void)
{
	unsigned int i;

	meet();
	for (i = 0; i < 120 && !test_over(); i++) {
		reply_some(random64());
		if (hf_rpc_read_request(0) >= 0)
			FAIL("a message that nobody sent");
	}
}

/* The others write what vCPU 0 sends, by a non-cacheable alias. */
void mailbox_aliased(void)
{
	static uint32_t over;
	volatile uint64_t *page;
	unsigned int i;

	if (!me())
		over = 0;
	meet();
	page = (volatile uint64_t *)alias((uintptr_t)hostile_send, 3,
					  ALIAS_NON_CACHEABLE);
	for (i = 0; me() && !__atomic_load_n(&over, __ATOMIC_ACQUIRE); i++)
		page[i % (PAGE / 8)] = random64();
	for (i = 0; !me() && i < 100; i++)
		reply_some(i);
	if (!me())
		__atomic_store_n(&over, 1, __ATOMIC_RELEASE);
}

/* --- state of others --- */

#define CPACR_OFF 0
#define CPACR_ON 0x300000

void fp_across_waits(void)
{
	struct paint before, after;
	unsigned int i;

	meet();
	for (i = 0; i < 100 && !test_over(); i++) {
		paint_fill(&before, random64());
		before.x[28] = 500;
		paint_run(i % 3 ? PAINT_WFI : PAINT_SPIN, &before, &after);
		if (paint_compare(&before, &after) & ~PAINT_SPIN_COUNTER)
			FAIL("changed: 0x%lx", paint_compare(&before, &after));
		/* A call that traps nothing of its own. */
		write_sysreg(cpacr_el1, CPACR_OFF);
		isb();
		hf_vm_get_count();
		write_sysreg(cpacr_el1, CPACR_ON);
		isb();
	}
}

/* The upper part of its memory, which neither image nor tree fills. */
#define UNUSED (SECONDARY_END - 128 * PAGE)

static void read_by(unsigned int level, enum alias_type type, uint64_t expected)
{
	uintptr_t at = alias(UNUSED, level, type);
	uintptr_t end = at + 64 * PAGE;

	if (level == 3)
		end = at + PAGE;
	for (at += 8 * me(); at < end; at += 8 * us())
		if (read64(at) != expected)
			FAIL("level %u, type %u: 0x%lx", level, type,
			     read64(at));
}

void stale_memory(void)
{
	unsigned int level, type;

	for (level = 2; level <= 3; level++)
		for (type = 0; type < ALIAS_TYPES && !test_over(); type++)
			read_by(level, (enum alias_type)type, 0);
	meet();
	/* What one type writes, another one reads. */
	if (!me()) {
		uintptr_t page = alias(UNUSED, 3, ALIAS_WRITE_BACK);
		unsigned int i;

		for (i = 0; i < PAGE; i += 8)
			write64(page + i, 0x1234);
		for (i = 0; i < PAGE; i += CACHE_LINE_MIN)
			__asm__ volatile("dc civac, %0" ::"r"(page + i));
		dsb();
	}
	meet();
	read_by(3, ALIAS_NON_CACHEABLE, 0x1234);
	meet();
	if (!me())
		memset((void *)alias(UNUSED, 3, ALIAS_WRITE_BACK), 0, PAGE);
}

#define PAR_F 1
#define PAR_ADDRESS UINT64_C(0x0000fffffffff000)

void oracles_outside(void)
{
	static const uint64_t places[] = {0,
					  0x08000000,
					  0x09000000,
					  SECONDARY_RAM - PAGE,
					  SECONDARY_END,
					  SECONDARY_RAM + GIB};
	unsigned int i, round;

	for (round = 0; round < 20; round++)
		for (i = 0; i < COUNT(places) && !test_over(); i++) {
			uintptr_t at = alias(places[i], 3, ALIAS_WRITE_BACK);
			uint64_t par;

			__asm__ volatile("prfm pldl1keep, [%0]\n\t"
					 "prfm pstl1keep, [%0]\n\t"
					 "prfm plil1keep, [%0]\n\t"
					 "at s1e1r, %0\n\tisb" ::"r"(at)
					 : "memory");
			par = read_sysreg(par_el1);
			if ((par & PAR_F) || (par & PAR_ADDRESS) != places[i])
				FAIL("0x%lx: PAR_EL1 0x%lx", places[i], par);
		}
}
