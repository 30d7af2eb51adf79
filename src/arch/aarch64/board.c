/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the hypervisor needs to know of the board, from its device tree, and
 * which parts of that tree are not for the primary.
 */
#include "arch_internal.h"
#include "cpu.h"
#include "devtree.h"
#include "gic.h"
#include "log.h"
#include "smmu.h"
#include "string.h"
#include "vdev.h"
#include "vgic.h"
#include "vm.h"

struct board board RO_AFTER_BOOT;

#define GIC_PPI_BASE 16
#define TIMER_INTERRUPTS_EL1 3 /* secure, physical, virtual; then EL2's */
/* Places in the interrupts of the timer */
#define TIMER_VIRTUAL 2
#define TIMER_HYP 3 /* the EL2 physical timer */
#define SPI_OR_PPI_PPI 1

/* --- CPUs --- */

#define NO_ID (~(uint64_t)0) /* has bits outside of MPIDR_AFFINITY */

static uint64_t own_id(void)
{
	return read_sysreg(mpidr_el1) & MPIDR_AFFINITY;
}

/* The ID of the CPU of a node, or NO_ID if its reg is none. */
static uint64_t cpu_id(const struct fdt *fdt, fdt_node_t node, uint32_t cells)
{
	struct fdt_prop p;

	if (!fdt_prop(fdt, node, "reg", &p) || cells < 1 || cells > 2 ||
	    p.size < cells * 4)
		return NO_ID;
	return fdt_number(p.value, 0, cells, NULL) & MPIDR_AFFINITY;
}

static void add_cpu(uint64_t id)
{
	cpus[cpu_count].index = cpu_count;
	cpus[cpu_count].id = id;
	cpu_count++;
}

static void leave_out_cpu(const struct fdt *fdt, fdt_node_t node)
{
	board.cpus_left_out = true;
	log_line("device tree: /cpus/%s left out: no more than %u CPUs",
		 fdt_name(fdt, node), MAX_CPUS);
}

/* CPU 0 is the one that boots, the others follow in the tree's order. */
static const char *find_cpus(const struct fdt *fdt)
{
	fdt_node_t parent = fdt_path(fdt, "/cpus");
	fdt_node_t node;
	uint32_t cells;
	uint64_t id;
	bool found_own = false;

	if (parent == FDT_NO_NODE)
		return "device tree: no /cpus";
	cells = fdt_u32(fdt, parent, "#address-cells", 2);
	add_cpu(own_id());
	for (node = fdt_first_child(fdt, parent); node != FDT_NO_NODE;
	     node = fdt_next_sibling(fdt, node)) {
		if (!devtree_has_type(fdt, node, "cpu") ||
		    !fdt_enabled(fdt, node))
			continue;
		id = cpu_id(fdt, node, cells);
		if (id == NO_ID)
			return "device tree: a CPU in /cpus has no valid reg";
		if (id == own_id())
			found_own = true;
		else if (cpu_find(id))
			return "device tree: two CPUs in /cpus have one reg";
		else if (cpu_count < MAX_CPUS)
			add_cpu(id);
		else
			leave_out_cpu(fdt, node);
	}
	return found_own ? NULL : "device tree: the boot CPU is not in /cpus";
}

/* --- firmware --- */

static const char *find_psci(const struct fdt *fdt)
{
	fdt_node_t node = devtree_enabled_of(fdt, KIND_PSCI);
	struct fdt_prop p;
	const char *method;

	if (node == FDT_NO_NODE)
		return "device tree: no PSCI 0.2 or later";
	method = fdt_prop(fdt, node, "method", &p) ? fdt_string(&p) : NULL;
	if (!method || !streq(method, "smc"))
		return "device tree: psci: method is not \"smc\": there is no firmware below EL2";
	return NULL;
}

/* --- interrupt controller --- */

static const char *read_gicr(const struct fdt *fdt, fdt_node_t node)
{
	board.gicr_count = fdt_u32(fdt, node, "#redistributor-regions", 1);
	if (board.gicr_count < 1 || board.gicr_count > MAX_GICR_REGIONS)
		return "device tree: GIC: unusable #redistributor-regions";
	for (uint32_t i = 0; i < board.gicr_count; i++)
		if (!devtree_node_reg(fdt, node, 1 + i, &board.gicr[i].base,
				      &board.gicr[i].size))
			return "device tree: GIC: reg is too short";
		else if (devtree_overlaps_memory(fdt, board.gicr[i].base,
						 board.gicr[i].size))
			return "device tree: GIC: reg overlaps memory";
	return NULL;
}

static const char *find_gic(const struct fdt *fdt)
{
	const char *error;
	uint32_t entries;
	uint64_t size;

	board.gic_version = 3;
	board.gic = devtree_enabled_of(fdt, KIND_GIC_V3);
	if (board.gic == FDT_NO_NODE) {
		board.gic_version = 2;
		board.gic = devtree_enabled_of(fdt, KIND_GIC_V2);
	}
	if (board.gic == FDT_NO_NODE)
		return "device tree: no GICv2 or GICv3";
	if (!devtree_node_reg(fdt, board.gic, 0, &board.gicd, &size))
		return "device tree: GIC: reg is too short";
	if (devtree_overlaps_memory(fdt, board.gicd, size))
		return "device tree: GIC: reg overlaps memory";
	error = board.gic_version == 3 ? read_gicr(fdt, board.gic) : NULL;
	entries = board.gic_version == 3 ? 1 + board.gicr_count : 2;
	board.gic_reg_size = entries * devtree_reg_cells(fdt, board.gic) * 4;
	board.interrupt_cells = fdt_u32(fdt, board.gic, "#interrupt-cells", 3);
	if (board.interrupt_cells < 3 || board.interrupt_cells > 4)
		return "device tree: GIC: unusable #interrupt-cells";
	return error;
}

/* --- timer --- */

/* The INTID of a private interrupt, by its place in "interrupts". */
static bool private_intid(const struct fdt_prop *p, uint32_t index,
			  uint32_t *intid)
{
	uint32_t first = index * board.interrupt_cells;
	uint32_t number;

	if (p->size < (first + board.interrupt_cells) * 4)
		return false;
	number = fdt_cell(p->value, first + 1);
	*intid = GIC_PPI_BASE + number;
	return fdt_cell(p->value, first) == SPI_OR_PPI_PPI && number < 16;
}

static const char *find_timer(const struct fdt *fdt)
{
	fdt_node_t node = devtree_enabled_of(fdt, KIND_TIMER);
	struct fdt_prop p;

	if (node == FDT_NO_NODE || !fdt_prop(fdt, node, "interrupts", &p))
		return "device tree: timer: no interrupts";
	if (!private_intid(&p, TIMER_VIRTUAL, &board.virtual_timer_intid) ||
	    !private_intid(&p, TIMER_HYP, &board.hyp_timer_intid))
		return "device tree: timer: the virtual or the EL2 interrupt is not a PPI";
	return NULL;
}

/* What the GIC has for virtual interrupts; it need not have it. */
static void find_virtualization(const struct fdt *fdt)
{
	struct fdt_prop p;
	uint64_t size;

	if (board.gic_version == 2 &&
	    (!devtree_node_reg(fdt, board.gic, 2, &board.gich, &size) ||
	     !devtree_node_reg(fdt, board.gic, 3, &board.gicv, &size) ||
	     !is_aligned(board.gich | board.gicv, PAGE_SIZE)))
		board.gich = 0;

	if (!fdt_prop(fdt, board.gic, "interrupts", &p) ||
	    !private_intid(&p, 0, &board.maintenance_intid))
		board.maintenance_intid = 0;
}

/* Asks the board's real-time clock, if it is a PL031, for the time of day. */
static void find_epoch(const struct fdt *fdt)
{
	fdt_node_t node = devtree_enabled_of(fdt, KIND_PL031);
	const volatile uint32_t *seconds;
	uint64_t base, size;

	if (node == FDT_NO_NODE ||
	    !devtree_node_reg(fdt, node, 0, &base, &size) ||
	    !is_aligned(base, PAGE_SIZE) || base >> arch_pa_bits() ||
	    devtree_overlaps_memory(fdt, base, PAGE_SIZE))
		return;
	seconds = arch_map_slot(SLOT_WINDOW, paddr(base), MM_R | MM_DEVICE);
	board.epoch = *seconds - (uint32_t)arch_seconds();
	arch_unmap_slots(SLOT_WINDOW, PAGE_SIZE);
}

const char *arch_board_init(const struct fdt *fdt, uint32_t vms)
{
	static const char *(*const steps[])(const struct fdt *) = {
		find_cpus, find_psci, find_gic, find_timer};
	const char *error;

	for (unsigned int i = 0; i < ARRAY_SIZE(steps); i++) {
		error = steps[i](fdt);
		if (error)
			return error;
	}
	find_virtualization(fdt);
	error = gic_init_board(fdt);
	if (error)
		return error;
	its_init_board(fdt, vms);
	smmu_init_board(fdt);
	find_epoch(fdt);
	return NULL;
}

/* Names of common cores, by MIDR_EL1 implementer and part number. */
static const char *core_name(uint64_t midr)
{
	static const struct {
		uint16_t implementer, part;
		const char *name;
	} cores[] = {
		{0x41, 0xd03, "Cortex-A53"},  {0x41, 0xd04, "Cortex-A35"},
		{0x41, 0xd05, "Cortex-A55"},  {0x41, 0xd07, "Cortex-A57"},
		{0x41, 0xd08, "Cortex-A72"},  {0x41, 0xd09, "Cortex-A73"},
		{0x41, 0xd0a, "Cortex-A75"},  {0x41, 0xd0b, "Cortex-A76"},
		{0x41, 0xd0c, "Neoverse N1"}, {0x41, 0xd40, "Neoverse V1"},
		{0x41, 0xd49, "Neoverse N2"}, {0x00, 0x051, "QEMU max"},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cores); i++)
		if (cores[i].implementer == (midr >> 24 & 0xff) &&
		    cores[i].part == (midr >> 4 & 0xfff))
			return cores[i].name;
	return "unknown core";
}

void arch_board_describe(void)
{
	uint64_t midr = read_sysreg(midr_el1);

	log_line("CPU: %u x %s (MIDR 0x%lx), %u-bit physical addresses",
		 cpu_count, core_name(midr), midr, arch_pa_bits());
	log_line("GIC: v%u at 0x%lx", board.gic_version, board.gicd);
	its_describe();
}

/* --- what the primary does not get --- */

bool arch_hides_node(const struct fdt *fdt, fdt_node_t node)
{
	uint32_t kinds = devtree_kinds(fdt, node);
	uint64_t id;
	fdt_node_t parent;

	if ((kinds & KIND_SMMU) && smmu_is_own(node))
		return true;
	/* It names CPUs that are not there. */
	if (board.cpus_left_out && streq(fdt_name(fdt, node), "cpu-map"))
		return true;
	if ((kinds & KIND_ITS) && its_withholds(fdt, node))
		return true;
	if (!devtree_has_type(fdt, node, "cpu"))
		return false;
	parent = fdt_path(fdt, "/cpus");
	if (parent == FDT_NO_NODE)
		return false;
	id = cpu_id(fdt, node, fdt_u32(fdt, parent, "#address-cells", 2));
	return id != NO_ID && !cpu_find(id);
}

bool arch_mediates_node(const struct fdt *fdt, fdt_node_t node)
{
	return node == board.gic || (devtree_kinds(fdt, node) & KIND_ITS);
}

/* The GIC's registers for EL2 and for VMs follow those of the primary. */
static enum arch_edit edit_gic(const struct fdt_prop *prop, uint32_t *size)
{
	/* The maintenance interrupt */
	if (streq(prop->name, "interrupts") ||
	    streq(prop->name, "interrupts-extended"))
		return EDIT_DROP;
	if (!streq(prop->name, "reg"))
		return EDIT_KEEP;
	*size = board.gic_reg_size;
	return *size < prop->size ? EDIT_CUT : EDIT_KEEP;
}

bool arch_edits_node(const struct fdt *fdt, fdt_node_t node)
{
	return node == board.gic || fdt_may_have(fdt, node, RNG_SEED) ||
	       fdt_may_have(fdt, node, "msi-map") ||
	       fdt_may_have(fdt, node, "msi-parent") ||
	       (devtree_kinds(fdt, node) & KIND_TIMER);
}

enum arch_edit arch_edit_prop(const struct fdt *fdt, fdt_node_t node,
			      const struct fdt_prop *prop, uint32_t *size)
{
	if (node == board.gic)
		return edit_gic(prop, size);
	if (streq(prop->name, RNG_SEED)) {
		*size = RNG_SEED_GIVEN(prop->size);
		return EDIT_CUT;
	}
	if (its_is_dangling(fdt, prop))
		return EDIT_DROP;
	if (streq(prop->name, "interrupts") &&
	    (devtree_kinds(fdt, node) & KIND_TIMER)) {
		*size = TIMER_INTERRUPTS_EL1 * board.interrupt_cells * 4;
		return *size < prop->size ? EDIT_CUT : EDIT_KEEP;
	}
	return EDIT_KEEP;
}

/* --- a secondary's tree --- */

/* The tree of QEMU's `virt` says its timer's interrupts so. */
static void put_timer(struct fdt_writer *w)
{
	static const uint32_t interrupts[] = {1, 13, 4, 1, 14, 4,
					      1, 11, 4, 1, 10, 4};

	fdt_put_node(w, "timer");
	fdt_put_prop(w, fdt_names.compatible,
		     "arm,armv8-timer\0arm,armv7-timer", 32);
	fdt_put_cells(w, fdt_names.interrupts, interrupts,
		      ARRAY_SIZE(interrupts));
	fdt_put_prop(w, fdt_names.always_on, NULL, 0);
	fdt_put_end(w);
}

static void put_cpus(struct fdt_writer *w, const struct vm *vm)
{
	fdt_put_node(w, "cpus");
	fdt_put_u32(w, fdt_names.address_cells, 1);
	fdt_put_u32(w, fdt_names.size_cells, 0);
	for (uint32_t i = 0; i < vm->vcpu_count; i++) {
		fdt_put_unit(w, "cpu", i);
		fdt_put_string(w, fdt_names.device_type, "cpu");
		fdt_put_string(w, fdt_names.compatible, "arm,armv8");
		fdt_put_string(w, fdt_names.enable_method, "psci");
		fdt_put_u32(w, fdt_names.reg, i);
		fdt_put_end(w);
	}
	fdt_put_end(w);
}

void arch_secondary_tree(struct fdt_writer *w, const struct vm *vm)
{
	put_cpus(w, vm);
	fdt_put_node(w, "psci");
	fdt_put_prop(w, fdt_names.compatible, "arm,psci-1.0\0arm,psci-0.2", 26);
	fdt_put_string(w, fdt_names.method, "hvc");
	fdt_put_end(w);
	vgic_tree(w, vm);
}

void arch_common_tree(struct fdt_writer *w)
{
	put_timer(w);
	pl011_tree(w);
}
