/* SPDX-License-Identifier: BSD-3-Clause */
/* The primary's attacks by its page tables and accesses. */
#include <stddef.h>
#include "access.h"
#include "both.h"
#include "mmu.h"
#include "primary.h"
#include "smp.h"
#include "sysreg.h"
#include "timer.h"

#define PLACES 5
#define PTE_PAGE 0x707 /* AF, inner shareable, MAIR 1 */

void hidden_by_all_sizes(void)
{
	unsigned int place, level, type;

	meet();
	for (place = 0; place < PLACES; place++)
		for (level = 1; level <= 3; level++)
			for (type = 0; type < ALIAS_TYPES && !test_over();
			     type++) {
				uintptr_t at = alias(hidden_place(place), level,
						     (enum alias_type)type);

				check_external(try_load(at, NULL), at);
				check_external(try_store(at, 0), at);
				if (type == ALIAS_WRITE_BACK)
					check_external(try_call(at), at);
			}
}

#define TCR_HA_HD (UINT64_C(3) << 39)

static void check_walk(struct trap trap)
{
	if (!trap.taken || (ESR_FSC(trap.esr) & ~3u) != FSC_EXTERNAL_WALK)
		FAIL("ESR 0x%lx", trap.esr);
}

void walk_through_hidden(void)
{
	uint64_t tcr = read_sysreg(tcr_el1);
	unsigned int place, level;

	write_sysreg(tcr_el1, tcr | TCR_HA_HD);
	isb();
	meet();
	for (place = 0; place < PLACES; place++)
		for (level = 2; level <= 3 && !test_over(); level++) {
			uintptr_t at = alias_table(
				hidden_place(place) & ~UINT64_C(0xfff), level);

			check_walk(try_load(at + place * PAGE, NULL));
			check_walk(try_store(at + place * PAGE, 1));
		}
	write_sysreg(tcr_el1, tcr);
	isb();
}

#define PAR_SENTINEL UINT64_C(0x801) /* a fault: not an answer */

static void ask_at(uintptr_t at, uint64_t place)
{
	struct trap trap;
	uint64_t par;

	write_sysreg(par_el1, PAR_SENTINEL);
	trap_arm();
	__asm__ volatile("at s1e1r, %0\n\tat s1e1w, %0\n\tat s1e0r, %0\n\t"
			 "at s1e0w, %0\n\tisb" ::"r"(at)
			 : "memory");
	trap = trap_take();
	par = read_sysreg(par_el1);
	if (!(par & 1))
		FAIL("0x%lx: PAR_EL1 0x%lx", place, par);
	if (trap.taken)
		check_walk(trap);
}

void address_translation(void)
{
	unsigned int place, level;

	meet();
	for (place = 0; place < PLACES; place++)
		for (level = 2; level <= 3 && !test_over(); level++)
			ask_at(alias_table(hidden_place(place) &
						   ~UINT64_C(0xfff),
					   level) +
				       place * PAGE,
			       hidden_place(place));
}

/* One table for all: CPU 0 reads through it, the others, or it too, flip. */
void entry_flipped(void)
{
	static _Alignas(PAGE) volatile uint64_t table[512];
	static _Alignas(PAGE) uint64_t own[512];
	const uint64_t own_entry = (uintptr_t)own | PTE_PAGE;
	uint64_t value;
	uintptr_t at;
	unsigned int i;

	own[0] = POISON;
	table[0] = own_entry;
	at = alias_table((uintptr_t)table, 3);
	meet();
	for (i = 0; i < 2000 && !test_over(); i++) {
		uint64_t hidden = hidden_place(i % PLACES) & ~UINT64_C(0xfff);
		struct trap trap;

		if (me() || us() == 1)
			table[0] = i & 1 ? own_entry : hidden | PTE_PAGE;
		if (i % 8 == 0)
			__asm__ volatile("dsb ishst\n\ttlbi vmalle1is\n\t"
					 "dsb ish\n\tisb" ::
						 : "memory");
		trap = try_load(at, &value);
		if (trap.taken)
			check_external(trap, at);
		else
			CHECK_EQ(value, POISON);
	}
}

void cache_maintenance_hidden(void)
{
	static const enum access kinds[] = {ACCESS_DC_CIVAC, ACCESS_DC_CVAC,
					    ACCESS_DC_IVAC, ACCESS_IC_IVAU,
					    ACCESS_DC_ZVA};
	unsigned int i, k;

	meet();
	for (i = 0; i < 8 * PLACES && !test_over(); i++)
		for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
			uint64_t at =
				hidden_place(i % PLACES) + i / PLACES * 64;
			struct trap trap;

			trap_arm();
			access_memory(at, kinds[k]);
			trap = trap_take();
			/* Maintenance may find nothing to do. */
			if (trap.taken || kinds[k] == ACCESS_DC_ZVA)
				if (ESR_FSC(trap.esr) != FSC_EXTERNAL_ABORT)
					FAIL("kind %u: ESR 0x%lx", kinds[k],
					     trap.esr);
		}
	set_way();
}

/* An access to `at` that goes on behind own_end(); it stores what is there. */
#define STRADDLE(code)                                                      \
	do {                                                                \
		struct trap trap_;                                          \
                                                                            \
		trap_arm();                                                 \
		__asm__ volatile(".arch_extension fp\n\t" code              \
				 "\n\t.arch_extension nofp" ::"r"(end - 8), \
				 "r"(last)                                  \
				 : "x9", "x10", "memory");                  \
		trap_ = trap_take();                                        \
		if (!trap_.taken ||                                         \
		    ESR_FSC(trap_.esr) != FSC_EXTERNAL_ABORT ||             \
		    trap_.far - (end - 8) > 15)                             \
			FAIL("%s: ESR 0x%lx, FAR 0x%lx", code, trap_.esr,   \
			     trap_.far);                                    \
	} while (0)

void straddle_hidden(void)
{
	uint64_t end = own_end();
	uint64_t last = read64(end - 8);
	unsigned int i;

	meet();
	for (i = 0; i < 20 && !test_over(); i++) {
		STRADDLE("ldp x9, x10, [%0]");
		STRADDLE("stp %1, %1, [%0]");
		STRADDLE("ldr x9, [%0, #4]");
		STRADDLE("ldr w9, [%0, #5]");
		STRADDLE("ldrh w9, [%0, #7]");
		STRADDLE("ldr q0, [%0]");
		STRADDLE("ldp q0, q1, [%0]");
		STRADDLE("ldr x9, [%0, #8]!");
	}
	CHECK_EQ(read64(end - 8), last);
}

#define NOP 0xd503201f

void fetch_into_hidden(void)
{
	uintptr_t at = own_end() - 4;
	static uint32_t before;
	struct trap trap;

	if (!me()) {
		before = read32(at);
		write32(at, NOP);
		mmu_sync_code(at, at + 4);
	}
	meet();
	isb();
	trap = try_call(at);
	check_external(trap, own_end());
	meet();
	if (!me()) {
		write32(at, before);
		mmu_sync_code(at, at + 4);
	}
	CHECK_EQ(ESR_EC(trap.esr), EC_INSTRUCTION_ABORT);
}

static void fault_for_ever(void *unused)
{
	(void)unused;
	write_sysreg(vbar_el1, hidden_place(2) & ~UINT64_C(0x7ff));
	isb();
	__asm__ volatile(".inst 0");
}

/* The last attack: CPU 2 does not come back. */
void abort_loop(void)
{
	if (cpu_count() < 3)
		SKIP("fewer than three CPUs");
	CHECK(!cpu_start(2, fault_for_ever, NULL));
	timer_spin_ns(10 * MS);
}
