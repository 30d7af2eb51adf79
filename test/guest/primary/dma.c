/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Suite `dma`: devices read and write what the primary cannot. The bootargs
 * say what is before them: smmu=1, an SMMU of the hypervisor's; strict=1, the
 * manifest is strict. With neither, the attacks succeed, which shows that they
 * are some.
 */
#include "dt.h"
#include "exception.h"
#include "machine.h"
#include "pci.h"
#include "string.h"
#include "sysreg.h"
#include "test.h"
#include "vm.h"

#define PAGE 4096
#define HYPERVISOR_SIZE 0x200000

/* A page of the secondary's that it does not use. */
#define VICTIM_IPA 0x40180000
#define VICTIM_OFFSET 0x180000
#define VM_SIZE 0x200000
#define HYPERVISOR_SIZE 0x200000

#define SECRET 0x7365637265740a5a
#define PATTERN 0x5041545445524e21

#define SMMU_BASE 0x9050000
#define FW_CFG_BASE 0x9020000
#define FW_CFG_DMA 0x10
#define FW_CFG_SIGNATURE 0
#define FW_CFG_SELECT 8
#define FW_CFG_READ 2
#define FW_CFG_ERROR 1
#define VIRTIO_MMIO_BASE 0xa000000

static uint64_t own[PAGE / 8] __attribute__((aligned(PAGE)));

static bool has(const char *what)
{
	return machine_number(what, 0) != 0;
}

/* At the end of the RAM. */
static uint64_t hypervisor(void)
{
	uint64_t base = 0, size;

	dt_memory(&base, &size);
	return base + machine_ram() - HYPERVISOR_SIZE;
}

/* The one VM lies below. */
static uint64_t victim(void)
{
	return hypervisor() - VM_SIZE + VICTIM_OFFSET;
}

static void set_victim(uint64_t value)
{
	step_run(vm_named("service"), STEP_STORE, VICTIM_IPA, value, 0, 0);
}

static uint64_t victim_value(void)
{
	const struct step_result *r =
		step_run(vm_named("service"), STEP_LOAD, VICTIM_IPA, 0, 0, 0);

	return r ? r->x[0] : 0;
}

/* True if there is PCI; skips the case if there is to be none. */
static bool begin(void)
{
	if (has("strict") && !has("smmu")) {
		test_skip("PCI is withheld");
		return false;
	}
	vm_configure();
	return !test_over() && pci_init();
}

/* What the edu device has in its buffer becomes known. */
static uint64_t edu_value(void)
{
	own[0] = 0;
	edu_store((uintptr_t)own, 8);
	return *(volatile uint64_t *)own;
}

static void edu_set(uint64_t value)
{
	own[0] = value;
	edu_load((uintptr_t)own, 8);
}

static void edu_own_memory(void)
{
	if (!begin())
		return;
	edu_set(PATTERN);
	CHECK_EQ(edu_value(), PATTERN);
}

static void edu_reads_secondary(void)
{
	if (!begin())
		return;
	set_victim(SECRET);
	edu_set(PATTERN);
	edu_load(victim(), 8);
	if (has("smmu"))
		CHECK(edu_value() != SECRET);
	else
		CHECK_EQ(edu_value(), SECRET);
}

static void edu_writes_secondary(void)
{
	if (!begin())
		return;
	set_victim(SECRET);
	edu_set(PATTERN);
	edu_store(victim(), 8);
	CHECK_EQ(victim_value(), has("smmu") ? SECRET : PATTERN);
}

/* code=OFFSET is where its CPUs start, with this instruction. */
static void edu_reads_hypervisor(void)
{
	const uint32_t msr_daifset = 0xd5034fdf;

	if (!begin())
		return;
	edu_set(PATTERN);
	edu_load(hypervisor() + machine_number("code", 0), 4);
	if (has("smmu"))
		CHECK((uint32_t)edu_value() != msr_daifset);
	else
		CHECK_EQ((uint32_t)edu_value(), msr_daifset);
}

/* All over its code, constants, data and page tables. */
static void edu_writes_hypervisor(void)
{
	uint64_t at;

	if (!begin())
		return;
	if (!has("smmu"))
		SKIP("it would succeed");
	for (at = 0; at < HYPERVISOR_SIZE; at += HYPERVISOR_SIZE / 8)
		edu_store(hypervisor() + at, EDU_BUFFER_SIZE);
	set_victim(SECRET);
	CHECK_EQ(victim_value(), SECRET);
}

static void virtio_own_memory(void)
{
	if (!begin())
		return;
	own[0] = own[1] = 0;
	CHECK(rng_store((uintptr_t)own, 16));
	CHECK(own[0] != 0 || own[1] != 0);
}

static void virtio_writes_secondary(void)
{
	if (!begin())
		return;
	set_victim(SECRET);
	/* QEMU 10's device says that it did also if it could not. */
	rng_store(victim(), 8);
	if (has("smmu"))
		CHECK_EQ(victim_value(), SECRET);
	else
		CHECK(victim_value() != SECRET);
	/* The device works again. */
	CHECK(rng_store((uintptr_t)own, 16));
}

/* The queue itself is written to, as well. */
static void virtio_ring_in_secondary(void)
{
	if (!begin())
		return;
	set_victim(SECRET);
	rng_use_ring(victim());
	if (has("smmu"))
		CHECK_EQ(victim_value(), SECRET);
	else
		CHECK(victim_value() != SECRET);
	CHECK(rng_store((uintptr_t)own, 16));
}

static void smmu_is_hidden(void)
{
	const uint32_t *node;

	if (!has("smmu"))
		SKIP("there is none");
	CHECK(try_load(SMMU_BASE, NULL).taken);
	CHECK(try_store(SMMU_BASE + 0x40, 0).taken);
	CHECK(try_load(SMMU_BASE + 0x100a8, NULL).taken);
	for (node = dt_child(dt_node("/")); node; node = dt_sibling(node)) {
		CHECK(!dt_compatible(node, "arm,smmu-v3"));
		CHECK(!dt_property(node, "iommu-map", NULL));
	}
	node = dt_node("/pcie");
	CHECK(node);
	CHECK(dt_property(node, "msi-map", NULL));
}

static uint64_t big64(uint64_t v)
{
	return __builtin_bswap64(v);
}

/* Has fw_cfg write its signature, "QEMU". Returns its status. */
static uint32_t fw_cfg_store(uint64_t address)
{
	static volatile struct {
		uint32_t control, size;
		uint64_t address;
	} request __attribute__((aligned(16)));
	uint32_t how = FW_CFG_SIGNATURE << 16 | FW_CFG_SELECT | FW_CFG_READ;

	request.control = __builtin_bswap32(how);
	request.size = __builtin_bswap32(4);
	request.address = big64(address);
	dsb();
	*(volatile uint64_t *)(FW_CFG_BASE + FW_CFG_DMA) =
		big64((uintptr_t)&request);
	dsb();
	return __builtin_bswap32(request.control);
}

static void fw_cfg_writes_secondary(void)
{
	vm_configure();
	if (test_over())
		return;
	if (has("strict")) {
		CHECK(try_load(FW_CFG_BASE, NULL).taken);
		CHECK(try_store(FW_CFG_BASE + FW_CFG_DMA, 0).taken);
		CHECK(!dt_node("/fw-cfg"));
		return;
	}
	own[0] = 0;
	CHECK_EQ(fw_cfg_store((uintptr_t)own) & FW_CFG_ERROR, 0);
	CHECK(memcmp(own, "QEMU", 4) == 0);
	/* Nothing is before it: this is why the boot log names it. */
	set_victim(SECRET);
	fw_cfg_store(victim());
	CHECK(victim_value() != SECRET);
}

static void withheld_devices(void)
{
	bool no_pci = has("strict") && !has("smmu");

	CHECK_EQ(try_load(VIRTIO_MMIO_BASE, NULL).taken, has("strict"));
	CHECK_EQ(try_load(VIRTIO_MMIO_BASE + 0x3e00, NULL).taken,
		 has("strict"));
	CHECK_EQ(dt_node("/virtio_mmio") == NULL, has("strict"));
	CHECK_EQ(pci_ecam() == 0, no_pci);
	if (no_pci) {
		CHECK(try_load(0x4010000000, NULL).taken);
		CHECK(try_load(0x10000000, NULL).taken);
		CHECK(try_load(0x3eff0000, NULL).taken);
	}
	/* What masters nothing is still there. */
	CHECK(!try_load(0x9010000, NULL).taken);
	CHECK(dt_node("/pl011") && dt_node("/pl031") && dt_node("/pl061"));
}

static const struct test_case cases[] = {
	{"smmu_is_hidden", smmu_is_hidden},
	{"withheld_devices", withheld_devices},
	{"edu_own_memory", edu_own_memory},
	{"edu_reads_secondary", edu_reads_secondary},
	{"edu_writes_secondary", edu_writes_secondary},
	{"edu_reads_hypervisor", edu_reads_hypervisor},
	{"edu_writes_hypervisor", edu_writes_hypervisor},
	{"virtio_own_memory", virtio_own_memory},
	{"virtio_writes_secondary", virtio_writes_secondary},
	{"virtio_ring_in_secondary", virtio_ring_in_secondary},
	{"fw_cfg_writes_secondary", fw_cfg_writes_secondary},
	{NULL, NULL},
};

const struct suite suite_dma = {"dma", cases};
