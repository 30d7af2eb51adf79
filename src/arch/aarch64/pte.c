/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Page-table entries of the 4 KiB granule (DDI 0487, D8.3 "Translation table
 * descriptor formats").
 */
#include "arch_internal.h"

#define PTE_TABLE BIT(1) /* table, or page at level 3 */
#define PTE_AF BIT(10)
#define PTE_SH_INNER (3 << 8)
#define PTE_ADDRESS 0x0000fffffffff000

#define S1_ATTR_NORMAL (0 << 2) /* index in MAIR_EL2 */
#define S1_ATTR_DEVICE (1 << 2)
#define S1_AP_RES1 BIT(6)
#define S1_READ_ONLY BIT(7)
#define S1_GUARDED BIT(50) /* indirect branches end at a BTI only */
#define S1_XN BIT(54)

#define S2_ATTR_DEVICE_NGNRE (1 << 2)
#define S2_ATTR_NORMAL_WB (0xf << 2)
#define S2_ATTR_MASK (0xf << 2)
#define S2_READ BIT(6)
#define S2_WRITE BIT(7)
#define S2_XN BIT(54)

/* Absent entries: the owner, in bits that the hardware ignores. */
#define ABSENT_OWNER_SHIFT 8

/* ID_AA64PFR1_EL1.BT; called with the MMU off, too. */
static bool has_bti(void)
{
	return read_sysreg(id_aa64pfr1_el1) & 0xf;
}

static uint64_t stage1_bits(unsigned int mode)
{
	uint64_t bits = S1_AP_RES1;

	bits |= mode & MM_DEVICE ? S1_ATTR_DEVICE : S1_ATTR_NORMAL;
	if (!(mode & MM_W))
		bits |= S1_READ_ONLY;
	if (!(mode & MM_X))
		bits |= S1_XN;
	else if (has_bti())
		bits |= S1_GUARDED;
	return bits;
}

static uint64_t stage2_bits(unsigned int mode)
{
	uint64_t bits;

	bits = mode & MM_DEVICE ? S2_ATTR_DEVICE_NGNRE : S2_ATTR_NORMAL_WB;
	if (mode & MM_R)
		bits |= S2_READ;
	if (mode & MM_W)
		bits |= S2_WRITE;
	if (!(mode & MM_X))
		bits |= S2_XN;
	return bits;
}

uint64_t arch_pte_leaf(enum mm_stage stage, unsigned int level, paddr_t pa,
		       unsigned int mode)
{
	uint64_t pte = pa.pa | PTE_VALID | PTE_AF | PTE_SH_INNER;

	if (level == PT_LEAF_LEVEL)
		pte |= PTE_TABLE;
	return pte |
	       (stage == MM_STAGE_1 ? stage1_bits(mode) : stage2_bits(mode));
}

BOOT_ONLY uint64_t arch_pte_table(paddr_t table)
{
	return table.pa | PTE_VALID | PTE_TABLE;
}

uint64_t arch_pte_absent(enum mm_owner owner)
{
	return (uint64_t)owner << ABSENT_OWNER_SHIFT;
}

bool arch_pte_is_table(uint64_t pte, unsigned int level)
{
	return level < PT_LEAF_LEVEL &&
	       (pte & (PTE_VALID | PTE_TABLE)) == (PTE_VALID | PTE_TABLE);
}

bool arch_pte_is_absent(uint64_t pte)
{
	return !(pte & PTE_VALID);
}

paddr_t arch_pte_pa(uint64_t pte)
{
	return paddr(pte & PTE_ADDRESS);
}

enum mm_owner arch_pte_owner(uint64_t pte)
{
	return (enum mm_owner)(pte >> ABSENT_OWNER_SHIFT);
}

unsigned int arch_pte_mode(enum mm_stage stage, uint64_t pte)
{
	unsigned int mode = 0;

	if (stage == MM_STAGE_1) {
		mode |= MM_R;
		mode |= pte & S1_READ_ONLY ? 0 : MM_W;
		mode |= pte & S1_XN ? 0 : MM_X;
		mode |= pte & S1_ATTR_DEVICE ? MM_DEVICE : 0;
		return mode;
	}
	mode |= pte & S2_READ ? MM_R : 0;
	mode |= pte & S2_WRITE ? MM_W : 0;
	mode |= pte & S2_XN ? 0 : MM_X;
	mode |= (pte & S2_ATTR_MASK) == S2_ATTR_NORMAL_WB ? 0 : MM_DEVICE;
	return mode;
}

void arch_pt_sync(void)
{
	dsb(ishst);
	isb();
}

/* Sizes of physical addresses by ID_AA64MMFR0_EL1.PARange; 52 needs LPA2. */
static const uint8_t pa_bits[] BOOT_CONST = {32, 36, 40, 42, 44, 48, 48};

BOOT_ONLY unsigned int arch_pa_bits(void)
{
	uint64_t range = read_sysreg(id_aa64mmfr0_el1) & 0xf;

	return range < sizeof(pa_bits) ? pa_bits[range] : 48;
}

BOOT_ONLY void arch_stage2_geometry(uint8_t *level, uint8_t *root_pages,
				    uint8_t *input_bits)
{
	unsigned int bits = arch_pa_bits();

	*input_bits = (uint8_t)bits;
	/*
	 * Level 1 holds 39 bits a page and up to 16 concatenated pages; level 0
	 * is not allowed below 44 bits, and there it takes one page (D8.2
	 * "Concatenated translation tables").
	 */
	*level = bits >= 44 ? 0 : 1;
	*root_pages = (uint8_t)(bits > 39 && bits < 44 ? 1 << (bits - 39) : 1);
}
