/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The interrupt controller belongs to the primary; the hypervisor acknowledges
 * no interrupt. What it needs: that the primary may use the GIC's system
 * registers and a secondary may not (IHI 0069, 12.2 and 12.4), to enable the
 * interrupt of its own timer, and to disable that of the virtual timer while a
 * vCPU runs whose timer has fired (timer.c).
 */
#include "arch_internal.h"
#include "control.h"
#include "cpu.h"

#define ICC_SGI1R_EL1 s3_0_c12_c11_5
#define SGI1R_ALL_OTHERS BIT(40)

#define GICD_ISENABLER 0x100
#define GICD_SGIR 0xf00
#define SGIR_ALL_OTHERS BIT(24)
#define GICR_TYPER 0x8
#define GICR_TYPER_VLPIS BIT(1)
#define GICR_TYPER_LAST BIT(4)
#define GICR_FRAME 0x10000

/* A GICv2's distributor, or NULL. */
static volatile uint32_t *gicd RO_AFTER_BOOT;

void gic_init_cpu(void)
{
	if (!features.gic_regs)
		return;
	write_sysreg(icc_sre_el2, FOR_PRIMARY(ICC_SRE_EL2));
	isb();
	write_sysreg(ich_hcr_el2, FOR_PRIMARY(ICH_HCR_EL2));
	write_sysreg(ich_vmcr_el2, 0);
}

void gic_enter_secondary(void)
{
	if (!features.gic_regs)
		return;
	write_sysreg(icc_sre_el2, FOR_SECONDARY(ICC_SRE_EL2));
	write_sysreg(ich_hcr_el2, FOR_SECONDARY(ICH_HCR_EL2));
}

void gic_leave_secondary(void)
{
	if (!features.gic_regs)
		return;
	write_sysreg(icc_sre_el2, FOR_PRIMARY(ICC_SRE_EL2));
	write_sysreg(ich_hcr_el2, FOR_PRIMARY(ICH_HCR_EL2));
}

void gic_wake_others(void)
{
	if (features.gic_regs)
		write_sysreg(ICC_SGI1R_EL1, SGI1R_ALL_OTHERS);
	else if (gicd)
		gicd[GICD_SGIR / 4] = SGIR_ALL_OTHERS;
	isb();
}

/* Affinity of a CPU as GICR_TYPER has it: Aff3..Aff0 in 32 bits. */
static uint32_t packed_affinity(uint64_t mpidr)
{
	return (uint32_t)((mpidr & 0xffffff) | (mpidr >> 8 & 0xff000000));
}

/* Notes which CPU the redistributor at `base` belongs to. Returns its TYPER. */
static uint64_t visit_redistributor(uint64_t base)
{
	const volatile uint64_t *typer;
	uint64_t value;

	typer = (const volatile uint64_t *)(uintptr_t)(base + GICR_TYPER);
	value = *typer;
	for (uint32_t i = 0; i < cpu_count; i++)
		if (packed_affinity(cpus[i].id) == value >> 32)
			cpus[i].arch.gicr = base;
	return value;
}

static const char *scan_region(uint64_t base, uint64_t size)
{
	uint64_t at = base;
	uint64_t typer, step;

	if (!arch_boot_map(paddr(base), size, MM_DEVICE_RW))
		return "GIC redistributors lie outside of the address space";
	do {
		if (size - (at - base) < 2 * GICR_FRAME)
			return NULL;
		typer = visit_redistributor(at);
		step = typer & GICR_TYPER_VLPIS ? 4 * GICR_FRAME
						: 2 * GICR_FRAME;
		at += step;
	} while (!(typer & GICR_TYPER_LAST) && at - base < size);
	return NULL;
}

/* The page with the enable register of a CPU's private interrupts. */
static const char *map_enable_page(struct cpu *cpu)
{
	char *page;

	if (board.gic_version == 2) {
		cpu->arch.ppi_enable = gicd + GICD_ISENABLER / 4;
		return NULL;
	}
	if (!cpu->arch.gicr)
		return "a CPU has no GIC redistributor";
	page = arch_map_slot(SLOT_GICR + cpu->index,
			     paddr(cpu->arch.gicr + GICR_FRAME), MM_DEVICE_RW);
	cpu->arch.ppi_enable = (volatile uint32_t *)(page + GICD_ISENABLER);
	return NULL;
}

const char *gic_init_board(void)
{
	const char *error;

	if (board.gic_version == 2)
		gicd = arch_map_slot(SLOT_GICD, paddr(board.gicd),
				     MM_DEVICE_RW);
	for (uint32_t i = 0; i < board.gicr_count; i++) {
		error = scan_region(board.gicr[i].base, board.gicr[i].size);
		if (error)
			return error;
	}
	for (uint32_t i = 0; i < cpu_count; i++) {
		cpus[i].arch.ppi_timer_bit = (uint32_t)1
					     << board.hyp_timer_intid;
		cpus[i].arch.ppi_virtual_bit = (uint32_t)1
					       << board.virtual_timer_intid;
		error = map_enable_page(&cpus[i]);
		if (error)
			return error;
	}
	return NULL;
}
