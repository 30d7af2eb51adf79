/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The interrupt controller belongs to the primary; the hypervisor acknowledges
 * no interrupt. What it needs: that the primary may use the GIC's system
 * registers and a secondary may not (IHI 0069, 12.2 and 12.4), to enable the
 * interrupt of its own timer, to disable that of the virtual timer while a vCPU
 * runs whose timer has fired (timer.c), and that the primary can not make the
 * GIC write into memory that is not the primary's (gic.h).
 */
#include "gic.h"

#include "arch_internal.h"
#include "control.h"
#include "cpu.h"
#include "log.h"
#include "vm.h"

#define ICC_SGI1R_EL1 s3_0_c12_c11_5
#define SGI1R_ALL_OTHERS BIT(40)

#define GICD_TYPER 0x4
#define GICD_ISENABLER 0x100
#define GICD_SGIR 0xf00
#define SGIR_ALL_OTHERS BIT(24)
#define GICR_TYPER 0x8
#define GICR_TYPER_VLPIS BIT(1)
#define GICR_TYPER_LAST BIT(4)

/*
 * RD_base of each redistributor, perhaps VLPI_base, and what is between it and
 * the next; what is behind the last of each region; the ITSs.
 */
#define MAX_EMULATED (3 * MAX_REDISTRIBUTORS + MAX_GICR_REGIONS + MAX_ITS)

/*
 * Boards whose GIC has 32 address lines, and drops what is above (RK3566 and
 * RK3568: erratum 3568002). Its registers do not tell.
 */
static const char *const narrow_boards[] BOOT_CONST = {
	"rockchip,rk3566",
	"rockchip,rk3568",
};

static struct mmio_range emulated[MAX_EMULATED] NOINIT;
static uint32_t emulated_count;
/* Those with registers come first: what is hidden may reach over them. */
static uint32_t register_pages;
struct spinlock gic_lock;

/* A GICv2's distributor, or NULL. */
static volatile uint32_t *gicd RO_AFTER_BOOT;

/* The first address that the GIC does not reach. */
static uint64_t gic_limit RO_AFTER_BOOT;

/* From a redistributor to the next; 0: as its frames say. */
static uint64_t stride RO_AFTER_BOOT;

void gic_init_cpu(void)
{
	if (features.gic_regs) {
		write_sysreg(icc_sre_el2, FOR_PRIMARY(ICC_SRE_EL2));
		isb();
		write_sysreg(icc_sre_el1, ICC_SRE_VALUE);
	}
	vgic_init_cpu();
	if (features.gic_regs)
		write_sysreg(ich_hcr_el2, FOR_PRIMARY(ICH_HCR_EL2));
}

bool gic_end_kick(struct cpu *cpu)
{
	struct arch_cpu *a = &cpu->arch;

	if (!(a->ppis[PPI_SET_PENDING] & a->ppi_maintenance_bit))
		return false;
	a->ppis[PPI_CLEAR_PENDING] = a->ppi_maintenance_bit;
	return true;
}

void gic_wake_others(void)
{
	if (features.gic_regs)
		write_sysreg(ICC_SGI1R_EL1, SGI1R_ALL_OTHERS);
	else if (gicd)
		gicd[GICD_SGIR / 4] = SGIR_ALL_OTHERS;
	isb();
}

/* --- what is emulated for the primary --- */

static BOOT_ONLY const char *emulate(uint64_t base, uint64_t size,
				     const struct mmio_reg *regs, void *device)
{
	uint32_t at = emulated_count;

	if (at == MAX_EMULATED || !is_aligned(base, GIC_FRAME))
		return "GIC: frames that are not aligned, or too many";
	emulated_count++;
	if (device) {
		emulated[at] = emulated[register_pages];
		at = register_pages++;
	}
	emulated[at] = (struct mmio_range){
		.base = base,
		.size = align_up(size, PAGE_SIZE),
		.regs = regs,
		.device = device,
		.lock = &gic_lock,
	};
	return NULL;
}

BOOT_ONLY const char *
gic_emulate_page(uint64_t base, const struct mmio_reg *regs, void *device)
{
	return emulate(base, PAGE_SIZE, regs, device);
}

BOOT_ONLY const char *gic_hide(uint64_t base, uint64_t size)
{
	static const struct mmio_reg none[] = {{0}};

	return size ? emulate(base, size, none, NULL) : NULL;
}

bool gic_access(struct vcpu *vcpu, uint64_t esr)
{
	return mmio_access(vcpu, esr, emulated, emulated_count);
}

/* Takes what nobody has of a range; what is ours by now may stay so. */
static BOOT_ONLY bool claim(struct ptable *primary,
			    const struct mmio_range *range)
{
	return mm_transfer_free(MM_HIDE, primary, paddr(range->base),
				range->size) &&
	       mm_is_absent(primary, range->base, range->size,
			    OWNER_HYPERVISOR);
}

BOOT_ONLY bool arch_claim_devices(struct ptable *primary)
{
	for (uint32_t i = 0; i < emulated_count; i++)
		if (!claim(primary, &emulated[i]))
			return false;
	return true;
}

void gic_log_refused(const char *what, uint64_t value)
{
	static const char format[] = "primary: GIC: refused: %s 0x%lx";

	log_guest(&vm_primary.log, format, what, value);
}

bool gic_reaches(uint64_t base, uint64_t size)
{
	return size <= gic_limit && base <= gic_limit - size;
}

bool gic_may_use(uint64_t base, uint64_t size)
{
	return gic_reaches(base, size) &&
	       ptable_is_normal(&vm_primary.stage2, base, size);
}

/* --- boot --- */

/* Affinity of a CPU as GICR_TYPER has it: Aff3..Aff0 in 32 bits. */
static BOOT_ONLY uint32_t packed_affinity(uint64_t mpidr)
{
	return (uint32_t)((mpidr & 0xffffff) | (mpidr >> 8 & 0xff000000));
}

/* Notes which CPU the redistributor at `base`, with `typer`, belongs to. */
static BOOT_ONLY const char *visit_redistributor(uint64_t base, uint64_t typer)
{
	for (uint32_t i = 0; i < cpu_count; i++)
		if (packed_affinity(cpus[i].id) == typer >> 32)
			cpus[i].arch.gicr = base;
	return lpi_add_redistributor(base, typer);
}

/*
 * Visits the redistributors of a region. What lies between them, and behind the
 * last, is nobody's: were there one, nobody would judge its tables.
 */
static BOOT_ONLY const char *scan_region(uint64_t base, uint64_t size)
{
	char *at = arch_boot_map(paddr(base), size, MM_DEVICE_RW);
	uint64_t typer = 0;
	uint64_t used, step;
	const char *error;

	if (!at)
		return "GIC redistributors lie outside of the address space";
	for (; size >= 2 * GIC_FRAME && !(typer & GICR_TYPER_LAST);
	     base += step, at += step, size -= step) {
		typer = mmio_read64(at, GICR_TYPER);
		used = typer & GICR_TYPER_VLPIS ? 4 * GIC_FRAME : 2 * GIC_FRAME;
		step = stride ? stride : used;
		if (size < used || step < used)
			return "GIC: a region cuts off a redistributor";
		/* Of the last one, the rest may be left out. */
		if (step > size)
			step = size;
		error = visit_redistributor(base, typer);
		if (!error)
			error = gic_hide(base + used, step - used);
		if (error)
			return error;
	}
	return gic_hide(base, size);
}

static BOOT_ONLY const char *read_stride(const struct fdt *fdt)
{
	struct fdt_prop p;

	stride = 0;
	if (!fdt_prop(fdt, board.gic, "redistributor-stride", &p))
		return NULL;
	if (p.size == 4 || p.size == 8)
		stride = fdt_number(p.value, 0, p.size / 4, NULL);
	return is_aligned(stride, GIC_FRAME)
		       ? NULL
		       : "device tree: GIC: unusable redistributor-stride";
}

static BOOT_ONLY uint64_t find_limit(const struct fdt *fdt)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(narrow_boards); i++)
		if (fdt_compatible(fdt, fdt_root(fdt), narrow_boards[i]))
			return BIT(32);
	return BIT(52);
}

/* The page with the registers of a CPU's private interrupts. */
static BOOT_ONLY const char *map_private_page(struct cpu *cpu)
{
	char *page;

	if (board.gic_version == 2) {
		cpu->arch.ppis = gicd + GICD_ISENABLER / 4;
		return NULL;
	}
	if (!cpu->arch.gicr)
		return "a CPU has no GIC redistributor";
	page = arch_map_slot(SLOT_GICR + cpu->index,
			     paddr(cpu->arch.gicr + GIC_FRAME), MM_DEVICE_RW);
	cpu->arch.ppis = (volatile uint32_t *)(page + GICD_ISENABLER);
	return NULL;
}

BOOT_ONLY const char *gic_init_board(const struct fdt *fdt)
{
	const char *error = read_stride(fdt);

	if (error)
		return error;
	gic_limit = find_limit(fdt);
	spin_init(&gic_lock, LOCK_RANK_GIC);
	gicd = arch_map_slot(SLOT_GICD, paddr(board.gicd), MM_DEVICE_RW);
	lpi_init(gicd[GICD_TYPER / 4] >> 19 & 0x1f);
	if (board.gich)
		vgic_v2_init(arch_map_slot(SLOT_GICH, paddr(board.gich),
					   MM_DEVICE_RW));
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
		if (board.maintenance_intid)
			cpus[i].arch.ppi_maintenance_bit =
				(uint32_t)1 << board.maintenance_intid;
		error = map_private_page(&cpus[i]);
		if (error)
			return error;
	}
	return NULL;
}
