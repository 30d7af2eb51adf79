/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * src/arch/aarch64/el2.c and switch.c, with timer.c, fp.c and pte.c: which
 * control registers hold what while the primary and while a secondary runs.
 * QEMU does not show all of it: its TLBs know no VMID, and forget more than
 * they have to.
 */
#include "regs.h"
#include "unit.h"

#include "arch_internal.h"
#include "cpu.h"
#include "pool.h"
#include "vcpu.h"
#include "vm.h"

/* --- what el2.c and timer.c need of others --- */

struct cpu cpus[MAX_CPUS];
uint32_t cpu_count;
struct board board;
static const char primary_vectors[1], secondary_vectors[1];

static unsigned int fp_saves, fp_loads;

struct cpu *arch_this_cpu(void)
{
	return &cpus[0];
}

void arch_zero_pages(void *p, size_t size)
{
	memset(p, 0, size);
}

void fp_save(struct fp_regs *regs)
{
	fp_saves++;
}

void fp_load(const struct fp_regs *regs)
{
	fp_loads++;
}

void gic_init_cpu(void)
{
}

/* The virtual interrupt controller is unit/vgic's. */
static unsigned int gic_enters, gic_leaves, gic_resets, refreshes, messages;

void vgic_enter(struct vcpu *vcpu)
{
	gic_enters++;
	timer_take(vcpu->cpu, true);
}

void vgic_leave(struct vcpu *vcpu)
{
	gic_leaves++;
}

void vgic_reset(struct vm *vm)
{
}

void vgic_reset_vcpu(struct vcpu *vcpu)
{
	gic_resets++;
}

uint64_t vgic_next_wake(struct vcpu *vcpu)
{
	return 0;
}

void vgic_refresh(struct vcpu *vcpu)
{
	refreshes++;
}

bool vgic_init_vm(struct vm *vm)
{
	return true;
}

void vgic_pend(struct vm *vm, unsigned int intid)
{
	CHECK_EQ(intid, 35);
	messages++;
}

/* --- a board with two VMs of two vCPUs --- */

#define CPUS 2
#define VMS 2
#define COUNTERS UINT64_C(6)

static struct vm primary_vm, vms[VMS];
static struct vcpu primary_vcpus[CPUS], vcpus[VMS][2];
static uint64_t roots[VMS + 1][PT_ENTRIES] __attribute__((aligned(4096)));

static void make_vm(struct vm *vm, uint32_t id, struct vcpu *first)
{
	vm->index = id ? id - 1 : 0;
	vm->vcpus = first;
	vm->vcpu_count = 2;
	vm->stage2.root = roots[id];
	for (uint32_t i = 0; i < 2; i++) {
		memset(&first[i], 0, sizeof(first[i]));
		first[i].vm = vm;
		first[i].index = i;
		first[i].cpu = &cpus[0];
	}
	arch_vm_init(vm, id);
}

/* Registers that mean something on few CPUs, and are zero on the others. */
static const char *const auxiliary[] = {"afsr0_el1", "afsr1_el1", "amair_el1"};

/* `pa_range`: of ID_AA64MMFR0_EL1; `all`: with every optional feature. */
static void start(uint64_t pa_range, bool all)
{
	regs_reset();
	memset(&features, 0, sizeof(features));
	memset(cpus, 0, sizeof(cpus));
	fp_saves = fp_loads = 0;
	regs_set("id_aa64mmfr0_el1", pa_range | (all ? BIT(56) : 0));
	regs_set("id_aa64isar1_el1", all ? BIT(4) : 0);
	regs_set("id_aa64pfr0_el1", all ? BIT(28) : 0);
	regs_set("id_aa64pfr1_el1", all ? BIT(24) : 0);
	regs_set("id_aa64dfr0_el1", all ? BIT(8) : 0);
	regs_set("pmcr_el0", COUNTERS << 11);
	for (unsigned int i = 0; i < ARRAY_SIZE(auxiliary); i++)
		regs_fix(auxiliary[i], !all);
	cpu_count = CPUS;
	for (uint32_t i = 0; i < CPUS; i++) {
		cpus[i].index = i;
		cpus[i].id = 0x100 * i;
		cpus[i].vcpu = &primary_vcpus[i];
		cpus[i].arch.spectre.primary_vectors = primary_vectors;
		cpus[i].arch.spectre.secondary_vectors = secondary_vectors;
	}
	el2_read_features();
	el2_init();
	make_vm(&primary_vm, 0, primary_vcpus);
	primary_vcpus[1].cpu = &cpus[1];
	for (uint32_t i = 0; i < VMS; i++)
		make_vm(&vms[i], i + 1, vcpus[i]);
	/* As arch_primary_enter() does. */
	for (uint32_t i = 0; i < CPUS; i++)
		primary_vcpus[i].arch.controls.vectors =
			(uintptr_t)primary_vectors;
	regs_forget_notes();
}

static void enter(unsigned int cpu, struct vcpu *vcpu)
{
	vcpu->cpu = &cpus[cpu];
	switch_to_secondary(&primary_vcpus[cpu], vcpu);
}

static void leave(unsigned int cpu, struct vcpu *vcpu)
{
	CHECK(switch_to_primary(vcpu) == &primary_vcpus[cpu]);
}

static void check_bits(const char *reg, uint64_t set, uint64_t clear)
{
	uint64_t value = regs_read(reg);

	CHECK_EQ(value & set, set);
	CHECK_EQ(value & clear, 0);
}

/* Registers of private interrupts, in words from ISENABLER0 on. */
enum { ENABLE = 0, DISABLE = 32, ACTIVE = 128, INACTIVE = 160, WORDS = 161 };
static uint32_t ppis[WORDS];

/* --- traps; bits by the numbers of DDI 0487, D17.2 --- */

/* VM SWIO PTW FB BSU TID1 TID3 TSC TIDCP TACR RW TLOR TERR TID5 */
#define HCR_WANTED                                                         \
	(BIT(0) | BIT(1) | BIT(2) | BIT(9) | BIT(10) | BIT(16) | BIT(18) | \
	 BIT(19) | BIT(20) | BIT(21) | BIT(31) | BIT(35) | BIT(36) | BIT(58))
/* DC TWE TDZ TGE HCD CD ID E2H NV */
#define HCR_UNWANTED                                                           \
	(BIT(12) | BIT(14) | BIT(27) | BIT(28) | BIT(29) | BIT(32) | BIT(33) | \
	 BIT(34) | BIT(42))
/* FMO IMO AMO TWI TSW */
#define HCR_OF_SECONDARY (BIT(3) | BIT(4) | BIT(5) | BIT(13) | BIT(22))

TEST(hcr)
{
	start(5, false);
	check_bits("hcr_el2", HCR_WANTED, HCR_UNWANTED | HCR_OF_SECONDARY);
	enter(0, &vcpus[0][0]);
	check_bits("hcr_el2", HCR_WANTED | HCR_OF_SECONDARY, HCR_UNWANTED);
	/* Pointer authentication: trapped where keys are not switched. */
	check_bits("hcr_el2", 0, BIT(40) | BIT(41));
	leave(0, &vcpus[0][0]);
	check_bits("hcr_el2", HCR_WANTED, HCR_UNWANTED | HCR_OF_SECONDARY);
	start(5, true);
	enter(0, &vcpus[0][0]);
	check_bits("hcr_el2", HCR_WANTED | BIT(40) | BIT(41), HCR_UNWANTED);
}

/* TPM TPMCR TDA TDRA for a secondary; TDOSA TPMS TTRF for all; TDE never. */
TEST(mdcr)
{
	uint64_t all = BIT(10) | BIT(14) | BIT(19);
	uint64_t secondary = BIT(5) | BIT(6) | BIT(9) | BIT(11);

	start(5, true);
	check_bits("mdcr_el2", all | COUNTERS, secondary | BIT(8));
	enter(0, &vcpus[0][0]);
	check_bits("mdcr_el2", all | secondary | COUNTERS, BIT(8));
	leave(0, &vcpus[0][0]);
	check_bits("mdcr_el2", all | COUNTERS, secondary | BIT(8));
}

/* EL1PCTEN EL1PCEN: all read the counter, the timer is the primary's. */
TEST(cnthctl)
{
	start(5, false);
	check_bits("cnthctl_el2", BIT(0) | BIT(1), 0);
	enter(0, &vcpus[0][0]);
	check_bits("cnthctl_el2", BIT(0), BIT(1));
	leave(0, &vcpus[0][0]);
	check_bits("cnthctl_el2", BIT(0) | BIT(1), 0);
}

/* TZ TSM TTA TAM for all; TFP until a vCPU has its registers in the CPU. */
TEST(cptr)
{
	uint64_t all = BIT(8) | BIT(12) | BIT(20) | BIT(30);

	start(5, true);
	enter(0, &vcpus[0][0]);
	check_bits("cptr_el2", all | BIT(10), 0);
	fp_trap(&vcpus[0][0]);
	CHECK_EQ(fp_loads, 1);
	check_bits("cptr_el2", all, BIT(10));
	leave(0, &vcpus[0][0]);
	CHECK_EQ(fp_saves, 1);
	check_bits("cptr_el2", all | BIT(10), 0);
	/* On another CPU they are not. */
	enter(1, &vcpus[0][0]);
	check_bits("cptr_el2", all | BIT(10), 0);
}

/* What has no defined value at reset. */
TEST(reset_values)
{
	static const char *const zero[] = {
		"cntvoff_el2", "hstr_el2",     "cnthp_ctl_el2", "hacr_el2",
		"actlr_el2",   "s3_4_c5_c2_3", "s3_4_c1_c1_4",	"s3_4_c1_c1_6",
		"oslar_el1",   "osdlr_el1"};

	start(5, true);
	for (unsigned int i = 0; i < sizeof(zero) / sizeof(zero[0]); i++)
		regs_set(zero[i], ~UINT64_C(0));
	el2_init();
	for (unsigned int i = 0; i < sizeof(zero) / sizeof(zero[0]); i++)
		CHECK_EQ(regs_read(zero[i]), 0);
	CHECK(regs_last("tlbi alle1") > regs_last("vtcr_el2"));
}

/* --- identities --- */

TEST(vmid)
{
	start(5, false);
	CHECK(vms[0].arch.vttbr >> 48 != vms[1].arch.vttbr >> 48);
	CHECK(vms[0].arch.vttbr >> 48 != primary_vm.arch.vttbr >> 48);
	for (unsigned int i = 0; i < VMS; i++) {
		CHECK(vms[i].arch.vttbr >> 48 > 0);
		enter(0, &vcpus[i][0]);
		CHECK_EQ(regs_read("vttbr_el2"), vms[i].arch.vttbr);
		CHECK_EQ(regs_read("vttbr_el2") & (BIT(48) - 1),
			 (uintptr_t)roots[i + 1]);
		leave(0, &vcpus[i][0]);
		CHECK_EQ(regs_read("vttbr_el2"), primary_vm.arch.vttbr);
	}
}

TEST(vmpidr)
{
	start(5, false);
	for (unsigned int i = 0; i < 2; i++) {
		enter(0, &vcpus[1][i]);
		CHECK_EQ(regs_read("vmpidr_el2"), BIT(31) | i);
		leave(0, &vcpus[1][i]);
		CHECK_EQ(regs_read("vmpidr_el2"), cpus[0].id);
	}
	enter(1, &vcpus[1][0]);
	leave(1, &vcpus[1][0]);
	CHECK_EQ(regs_read("vmpidr_el2"), cpus[1].id);
}

TEST(vectors)
{
	start(5, false);
	enter(0, &vcpus[0][0]);
	CHECK_EQ(regs_read("vbar_el2"), (uintptr_t)secondary_vectors);
	leave(0, &vcpus[0][0]);
	CHECK_EQ(regs_read("vbar_el2"), (uintptr_t)primary_vectors);
}

/* --- translations of other vCPUs --- */

static unsigned int forgets(unsigned int cpu, struct vcpu *vcpu)
{
	unsigned int n;

	regs_forget_notes();
	enter(cpu, vcpu);
	n = regs_count("tlbi vmalle1");
	if (n) {
		/* Under the VM's VMID, with its stage 2 on. */
		CHECK(regs_first("isb") > regs_last("vttbr_el2"));
		CHECK(regs_first("isb") > regs_last("hcr_el2"));
		CHECK(regs_first("tlbi") > regs_first("isb"));
		CHECK(regs_last("dsb") > regs_last("tlbi"));
		CHECK_EQ(regs_count("ic iallu"), 1);
	}
	leave(cpu, vcpu);
	return n;
}

TEST(forgets_the_other_vcpu)
{
	start(5, false);
	CHECK_EQ(forgets(0, &vcpus[0][0]), 1);
	CHECK_EQ(forgets(0, &vcpus[0][0]), 0);
	CHECK_EQ(forgets(0, &vcpus[0][1]), 1);
	CHECK_EQ(forgets(0, &vcpus[0][1]), 0);
	CHECK_EQ(forgets(0, &vcpus[0][0]), 1);
	/* Another VM has another VMID. */
	CHECK_EQ(forgets(0, &vcpus[1][1]), 1);
	CHECK_EQ(forgets(0, &vcpus[0][0]), 0);
	CHECK_EQ(forgets(0, &vcpus[1][1]), 0);
	/* Each CPU has translations of its own. */
	CHECK_EQ(forgets(1, &vcpus[0][1]), 1);
	CHECK_EQ(forgets(1, &vcpus[0][0]), 1);
	CHECK_EQ(forgets(0, &vcpus[0][0]), 0);
}

/* --- registers that are switched --- */

/* Without a PMU each stay is unusual, with it the second one is not. */
static void check_optional_registers(void)
{
	struct vcpu *v = &vcpus[0][0];

	v->arch.tpidr2 = 0x5ec0;
	v->arch.vdisr = 0;
	regs_set("s3_3_c13_c0_5", 0x1234);
	regs_set("s3_4_c12_c1_1", 0x99);
	enter(0, v);
	CHECK_EQ(regs_read("s3_3_c13_c0_5"), 0x5ec0);
	CHECK_EQ(regs_read("s3_4_c12_c1_1"), 0);
	regs_set("s3_3_c13_c0_5", 0x5ec1);
	regs_set("s3_4_c12_c1_1", 0x98);
	leave(0, v);
	CHECK_EQ(regs_read("s3_3_c13_c0_5"), 0x1234);
	CHECK_EQ(regs_read("s3_4_c12_c1_1"), 0x99);
	CHECK_EQ(v->arch.tpidr2, 0x5ec1);
	CHECK_EQ(v->arch.vdisr, 0x98);
}

TEST(optional_registers)
{
	start(5, true);
	CHECK(features.pmu);
	check_optional_registers();
	CHECK_EQ(vcpus[0][0].arch.controls.usual_from,
		 (uintptr_t)&primary_vcpus[0] + 1);
	check_optional_registers();
}

/* The primary's counters stop, and EL0 of a secondary has no way to them. */
TEST(counters)
{
	struct vcpu *v = &vcpus[0][0];

	for (unsigned int all = 0; all < 2; all++) {
		start(5, all);
		regs_set("id_aa64dfr0_el1", BIT(8));
		el2_read_features();
		regs_set("pmcntenset_el0", BIT(31) | 1);
		regs_set("pmuserenr_el0", 0xf);
		enter(0, v);
		CHECK_EQ(regs_read("pmcntenclr_el0"), BIT(31) | 1);
		CHECK_EQ(regs_read("pmuserenr_el0"), 0);
		regs_set("pmcntenset_el0", 0);
		leave(0, v);
		CHECK_EQ(regs_read("pmcntenset_el0"), BIT(31) | 1);
		CHECK_EQ(regs_read("pmuserenr_el0"), 0xf);
	}
}

/* What some CPU keeps in one of them is no message from VM to VM. */
TEST(auxiliary_registers)
{
	struct vcpu *v = &vcpus[0][0];

	for (unsigned int i = 0; i < ARRAY_SIZE(auxiliary); i++) {
		const char *name = auxiliary[i];

		start(5, false);
		CHECK(!features.impdef);
		regs_fix(name, false);
		CHECK_STR(el2_cpu_differs(), "AFSR and AMAIR");
		el2_read_features();
		CHECK(features.impdef);
		CHECK_STR(el2_cpu_differs(), NULL);
		/* Finding out leaves nothing. */
		CHECK_EQ(regs_read(name), 0);
		regs_set(name, 1);
		enter(0, v);
		CHECK_EQ(regs_read(name), 0);
		regs_set(name, 2);
		leave(0, v);
		CHECK_EQ(regs_read(name), 1);
		regs_set(name, 3);
		enter(0, v);
		CHECK_EQ(regs_read(name), 2);
		leave(0, v);
		CHECK_EQ(regs_read(name), 3);
		regs_set(name, 0);
		regs_fix(name, true);
		CHECK_STR(el2_cpu_differs(), "AFSR and AMAIR");
	}
}

/* The system registers of a GIC; a vCPU that uses it gets them otherwise. */
TEST(gic_registers)
{
	board.gic_version = 3;
	start(5, false);
	regs_set("id_aa64pfr0_el1", BIT(24));
	el2_read_features();
	CHECK(features.gic_regs);
	enter(0, &vcpus[0][0]);
	CHECK_EQ(regs_read("ich_hcr_el2") & BIT(10), BIT(10)); /* TC */
	leave(0, &vcpus[0][0]);
	CHECK_EQ(regs_read("ich_hcr_el2") & BIT(10), 0);
	board.gic_version = 0;
}

/* --- the usual and the timed way: nothing is looked at that was found before
 * --- */

/* A machine without what is always to be switched; `more`: with it. */
static void start_with(unsigned int gic_version, bool more)
{
	board.gic_version = gic_version;
	start(5, more);
	if (gic_version == 3)
		regs_set("id_aa64pfr0_el1",
			 regs_read("id_aa64pfr0_el1") | BIT(24));
	regs_set("id_aa64dfr0_el1", BIT(8));
	el2_read_features();
	CHECK_EQ(features_more, more || gic_version != 3);
	board.gic_version = 0;
}

static void start_usual(void)
{
	start_with(3, false);
}

/* In which way the stay of a vCPU on CPU 0 begins. */
static int way_in(struct vcpu *v)
{
	regs_forget_notes();
	enter(0, v);
	CHECK_EQ(cpus[0].arch.stay == STAY_UNUSUAL,
		 regs_count("pmcntenclr_el0") != 0);
	return cpus[0].arch.stay;
}

static bool enters_usually(struct vcpu *v)
{
	return way_in(v) == STAY_USUAL;
}

static int way_of_stay(struct vcpu *v)
{
	int way = way_in(v);

	leave(0, v);
	CHECK_EQ(cpus[0].arch.stay, STAY_USUAL);
	return way;
}

static bool stays_usually(struct vcpu *v)
{
	return way_of_stay(v) == STAY_USUAL;
}

/* All ways set the same. */
static void check_controls(int way)
{
	static const char *const all[] = {
		"cptr_el2",    "mdcr_el2",  "cnthctl_el2",
		"vmpidr_el2",  "vttbr_el2", "hcr_el2",
		"cntvoff_el2", "vbar_el2",  "ich_hcr_el2"};
	uint64_t there[ARRAY_SIZE(all)], back[ARRAY_SIZE(all)];
	uint64_t closed = features.gic_regs ? BIT(10) : 0; /* TC */
	struct vcpu *v = &vcpus[0][0];

	v->arch.controls.cntvoff = 123;
	CHECK_EQ(way_in(v), STAY_UNUSUAL);
	for (unsigned int i = 0; i < ARRAY_SIZE(all); i++)
		there[i] = regs_read(all[i]);
	leave(0, v);
	for (unsigned int i = 0; i < ARRAY_SIZE(all); i++)
		back[i] = regs_read(all[i]);
	CHECK_EQ(way_in(v), way);
	for (unsigned int i = 0; i < ARRAY_SIZE(all); i++)
		CHECK_EQ(regs_read(all[i]), there[i]);
	CHECK_EQ(regs_read("cntvoff_el2"), 123);
	CHECK_EQ(regs_read("ich_hcr_el2") & BIT(10), closed);
	regs_forget_notes();
	leave(0, v);
	for (unsigned int i = 0; i < ARRAY_SIZE(all); i++)
		CHECK_EQ(regs_read(all[i]), back[i]);
	CHECK_EQ(regs_count("dsb ish"), 1);
	CHECK_EQ(regs_read("ich_hcr_el2"), 0);
}

TEST(usual_controls)
{
	start_usual();
	check_controls(STAY_USUAL);
}

TEST(timed_controls)
{
	start_usual();
	regs_set("cntv_ctl_el0", 1);
	check_controls(STAY_TIMED);
	start_with(3, true);
	check_controls(STAY_TIMED);
	/* No register of the GIC is there. */
	start_with(2, false);
	check_controls(STAY_TIMED);
	CHECK_EQ(regs_count("ich_hcr_el2"), 0);
}

/* What the primary set comes back, and brings it back; the vCPU has none. */
TEST(timed_timer)
{
	struct vcpu *v = &vcpus[0][0];

	start_usual();
	stays_usually(v);
	for (uint64_t ctl = 1; ctl < 4; ctl += 2) {
		CHECK(stays_usually(v));
		cpus[0].arch.ppis = ppis;
		cpus[0].arch.ppi_timer_bit = 1 << 26;
		ppis[ENABLE] = 0;
		regs_set("cntv_ctl_el0", ctl);
		regs_set("cntv_cval_el0", 5000);
		v->arch.el1.cntv_cval = 77;
		CHECK_EQ(way_in(v), STAY_TIMED);
		CHECK_EQ(regs_read("cntv_ctl_el0"), 0);
		CHECK(regs_first("cntv_ctl_el0") < regs_first("cntvoff_el2"));
		CHECK_EQ(regs_read("cntv_cval_el0"), 77);
		/* Masked, it does not. */
		CHECK_EQ(regs_read("cnthp_ctl_el2"), ctl == 1);
		CHECK_EQ(ppis[ENABLE], ctl == 1 ? 1 << 26 : 0);
		if (ctl == 1)
			CHECK_EQ(regs_read("cnthp_cval_el2"), 5000);
		regs_set("cntv_cval_el0", 78);
		regs_forget_notes();
		leave(0, v);
		CHECK_EQ(regs_read("cntv_ctl_el0"), ctl);
		CHECK_EQ(regs_read("cntv_cval_el0"), 5000);
		CHECK(regs_last("cntv_ctl_el0") > regs_last("cntvoff_el2"));
		CHECK(regs_last("cntv_ctl_el0") > regs_last("cntv_cval_el0"));
		CHECK_EQ(regs_read("cnthp_ctl_el2"), 0);
		CHECK_EQ(v->arch.el1.cntv_cval, 78);
		CHECK_EQ(v->arch.el1.cntv_ctl, 0);
		/* A usual stay after it has nothing of it. */
		regs_set("cntv_ctl_el0", 0);
		CHECK(enters_usually(v));
		fp_trap(v);
		leave(0, v);
		CHECK_EQ(regs_read("cntv_ctl_el0"), 0);
		CHECK_EQ(way_of_stay(v), STAY_UNUSUAL); /* has the FP regs */
		fp_trap(&primary_vcpus[0]);
		CHECK_EQ(way_of_stay(v), STAY_UNUSUAL);
	}
}

/* What ends as another than it began gives the primary what it had. */
TEST(timed_becomes_unusual)
{
	struct vcpu *v = &vcpus[0][0];

	for (int i = 0; i < 3; i++) {
		start_with(3, i == 2);
		stays_usually(v);
		regs_set("cntv_ctl_el0", 1);
		regs_set("cntv_cval_el0", 5000);
		CHECK_EQ(way_in(v), STAY_TIMED);
		if (i)
			fp_trap(v);
		else
			regs_set("cntv_ctl_el0", 3);
		leave(0, v);
		CHECK_EQ(fp_saves, i ? 1 : 0);
		CHECK_EQ(v->arch.el1.cntv_ctl, i ? 0 : 3);
		CHECK_EQ(regs_read("cntv_ctl_el0"), 1);
		CHECK_EQ(regs_read("cntv_cval_el0"), 5000);
		CHECK_EQ(regs_read("cnthp_ctl_el2"), 0);
		CHECK_EQ(way_of_stay(v), STAY_UNUSUAL);
	}
}

/* Some CPU leaves ISTATUS set when the timer is off: it tells nothing. */
TEST(timed_with_status)
{
	struct vcpu *v = &vcpus[0][0];

	start_usual();
	enter(0, v);
	regs_set("cntv_ctl_el0", 4);
	leave(0, v);
	for (int i = 0; i < 2; i++) {
		regs_set("cntv_ctl_el0", 4);
		CHECK_EQ(way_in(v), STAY_TIMED);
		regs_set("cntv_ctl_el0", 4);
		leave(0, v);
		CHECK_EQ(regs_count("pmcntenset_el0"), 0);
	}
	/* Masked and off, too, is as its VM set it. */
	CHECK_EQ(way_in(v), STAY_TIMED);
	regs_set("cntv_ctl_el0", 2);
	leave(0, v);
	CHECK_EQ(v->arch.el1.cntv_ctl, 2);
	CHECK_EQ(way_in(v), STAY_UNUSUAL);
	CHECK_EQ(regs_read("cntv_ctl_el0"), 2);
	leave(0, v);
}

/* Without a PMU its registers are not there to be looked at. */
TEST(no_pmu)
{
	struct vcpu *v = &vcpus[0][0];

	for (int i = 0; i < 2; i++) {
		board.gic_version = 3;
		start(5, i);
		regs_set("id_aa64dfr0_el1", 0);
		el2_read_features();
		board.gic_version = 0;
		for (int j = 0; j < 2; j++) {
			enter(0, v);
			CHECK_EQ(cpus[0].arch.stay, STAY_UNUSUAL);
			leave(0, v);
		}
		CHECK_EQ(regs_reads("pmuserenr_el0"), 0);
	}
}

/* A timer that is off still has a value, which is its VM's. */
TEST(usual_timer_value)
{
	struct vcpu *v = &vcpus[0][0];

	start_usual();
	stays_usually(v);
	regs_set("cntv_cval_el0", 5000);
	v->arch.el1.cntv_cval = 77;
	CHECK(enters_usually(v));
	CHECK_EQ(regs_read("cntv_cval_el0"), 77);
	regs_set("cntv_cval_el0", 78);
	leave(0, v);
	CHECK_EQ(regs_read("cntv_cval_el0"), 5000);
	CHECK_EQ(v->arch.el1.cntv_cval, 78);
}

/* What the primary has set, of which a secondary is to see nothing. */
TEST(unusual_primary)
{
	static const char *const set[] = {"cntv_ctl_el0", "mdscr_el1",
					  "pmcntenset_el0", "pmuserenr_el0"};
	struct vcpu *v = &vcpus[0][0];

	for (unsigned int i = 0; i < ARRAY_SIZE(set); i++) {
		start_usual();
		stays_usually(v);
		regs_set(set[i], 1);
		CHECK_EQ(way_in(v), i ? STAY_UNUSUAL : STAY_TIMED);
		if (i < 2)
			CHECK_EQ(regs_read(set[i]), 0);
		leave(0, v);
		CHECK_EQ(regs_read(set[i]), 1);
		regs_set(set[i], 0);
		CHECK(enters_usually(v));
		/* It was nothing, and comes back as nothing. */
		fp_trap(v);
		leave(0, v);
		CHECK_EQ(regs_read(set[i]), 0);
	}
	/* On a CPU with more to switch as well. */
	for (unsigned int i = 1; i < ARRAY_SIZE(set); i++) {
		start_with(3, true);
		stays_usually(v);
		CHECK_EQ(way_of_stay(v), STAY_TIMED);
		regs_set(set[i], 1);
		CHECK_EQ(way_of_stay(v), STAY_UNUSUAL);
		CHECK_EQ(regs_read(set[i]), 1);
	}
}

/* What a vCPU has of its own that the usual way does not switch. */
TEST(unusual_vcpu)
{
	struct vcpu *v = &vcpus[0][0];

	start_usual();
	stays_usually(v);
	CHECK(enters_usually(v));
	regs_set("cntv_ctl_el0", 1);
	leave(0, v);
	CHECK_EQ(regs_read("cntv_ctl_el0"), 0);
	CHECK_EQ(v->arch.el1.cntv_ctl, 1);
	CHECK(!enters_usually(v));
	CHECK_EQ(regs_read("cntv_ctl_el0"), 1);
	regs_set("cntv_ctl_el0", 0);
	leave(0, v);
	CHECK(stays_usually(v));

	/* FP/SIMD registers: until somebody else has them. */
	enter(0, v);
	fp_trap(v);
	leave(0, v);
	CHECK_EQ(fp_saves, 1);
	check_bits("cptr_el2", BIT(10), 0);
	CHECK(!enters_usually(v));
	check_bits("cptr_el2", 0, BIT(10));
	leave(0, v);
	fp_trap(&primary_vcpus[0]);
	check_bits("cptr_el2", 0, BIT(10));
	CHECK(!enters_usually(v));
	check_bits("cptr_el2", BIT(10), 0);
	leave(0, v);
	check_bits("cptr_el2", 0, BIT(10));
	CHECK(stays_usually(v));
	check_bits("cptr_el2", 0, BIT(10));
}

/* Each CPU has vectors, and translations, of its own. */
TEST(unusual_place)
{
	struct vcpu *v = &vcpus[0][0];

	start_usual();
	stays_usually(v);
	enter(1, v);
	leave(1, v);
	CHECK(!stays_usually(v));
	CHECK(stays_usually(v));
	/* Another one of its VM was here; then of another VM. */
	CHECK(!stays_usually(&vcpus[0][1]));
	CHECK(!stays_usually(v));
	CHECK_EQ(regs_count("tlbi vmalle1"), 1);
	CHECK(!stays_usually(&vcpus[1][0]));
	CHECK(stays_usually(v));
	/* Elsewhere it is still the last one. */
	enter(1, v);
	leave(1, v);
	CHECK(!stays_usually(&vcpus[0][1]));
	regs_forget_notes();
	enter(1, v);
	CHECK_EQ(regs_count("pmcntenclr_el0"), 0);
	leave(1, v);
}

/* On all machines that go the timed way. */
TEST(untimed_place)
{
	struct vcpu *v = &vcpus[0][0];

	for (unsigned int i = 0; i < 3; i++) {
		start_with(i == 2 ? 2 : 3, i == 1);
		regs_set("cntv_ctl_el0", !i);
		CHECK_EQ(way_of_stay(v), STAY_UNUSUAL);
		CHECK_EQ(way_of_stay(v), STAY_TIMED);
		CHECK_EQ(way_of_stay(&vcpus[0][1]), STAY_UNUSUAL);
		CHECK_EQ(way_of_stay(v), STAY_UNUSUAL);
		CHECK_EQ(regs_count("tlbi vmalle1"), 1);
	}
}

/* What an unusual stay saved is not set again after a usual one. */
TEST(timer_of_before)
{
	struct vcpu *v = &vcpus[0][0];

	start_usual();
	regs_set("cntv_ctl_el0", 1);
	CHECK_EQ(way_of_stay(v), STAY_UNUSUAL);
	regs_set("cntv_ctl_el0", 0);
	CHECK(enters_usually(v));
	fp_trap(v);
	leave(0, v);
	CHECK_EQ(regs_read("cntv_ctl_el0"), 0);
}

/* It is one that uses its interrupt controller from now on. */
TEST(unusual_gic)
{
	struct vcpu *v = &vcpus[0][0];

	start_usual();
	stays_usually(v);
	enter(0, v);
	vms[0].arch.vgic.used = true;
	cpus[0].arch.stay = STAY_UNUSUAL; /* as load() of vgic.c does */
	gic_enters = gic_leaves = 0;
	leave(0, v);
	CHECK_EQ(gic_leaves, 1);
	CHECK(!stays_usually(v));
	CHECK_EQ(gic_enters, 1);
	vms[0].arch.vgic.used = false;
}

/* Of a GICv2 it may have used what the other one opened for it. */
TEST(timed_gic_used_meanwhile)
{
	struct vcpu *v = &vcpus[0][0];

	start_with(2, false);
	way_of_stay(v);
	gic_leaves = 0;
	CHECK_EQ(way_in(v), STAY_TIMED);
	vms[0].arch.vgic.used = true;
	leave(0, v);
	CHECK_EQ(gic_leaves, 1);
	vms[0].arch.vgic.used = false;
}

/* Another vCPU is the first to use it, while this one runs. */
TEST(gic_used_meanwhile)
{
	start(5, false);
	gic_enters = gic_leaves = 0;
	enter(0, &vcpus[0][0]);
	CHECK_EQ(gic_enters, 0);
	vms[0].arch.vgic.used = true;
	leave(0, &vcpus[0][0]);
	CHECK_EQ(gic_leaves, 1);
	vms[0].arch.vgic.used = false;
}

/* Who does not use it is told of nothing, and looks for it later. */
TEST(message)
{
	start(5, false);
	messages = 0;
	arch_vm_signal(&vms[0]);
	CHECK_EQ(messages, 0);
	vms[0].arch.vgic.used = true;
	arch_vm_signal(&vms[0]);
	CHECK_EQ(messages, 1);
	vms[0].arch.vgic.used = false;
}

static const char *const keys[] = {
	"s3_0_c2_c1_0", "s3_0_c2_c1_1", "s3_0_c2_c1_2", "s3_0_c2_c1_3",
	"s3_0_c2_c2_0", "s3_0_c2_c2_1", "s3_0_c2_c2_2", "s3_0_c2_c2_3",
	"s3_0_c2_c3_0", "s3_0_c2_c3_1"};

static void set_keys(uint64_t first)
{
	for (unsigned int i = 0; i < 10; i++)
		regs_set(keys[i], first + i);
}

static void check_keys(uint64_t first)
{
	for (unsigned int i = 0; i < 10; i++)
		CHECK_EQ(regs_read(keys[i]), first + i);
}

TEST(pauth_keys)
{
	struct vcpu *v = &vcpus[0][0];

	start(5, true);
	set_keys(100);
	enter(0, v);
	for (unsigned int i = 0; i < 10; i++)
		CHECK_EQ(regs_read(keys[i]), 0);
	set_keys(200);
	leave(0, v);
	check_keys(100);
	set_keys(300);
	enter(0, v);
	check_keys(200);
	leave(0, v);
	check_keys(300);
}

/* ENABLE is bit 0, IMASK bit 1, ISTATUS bit 2. */
TEST(virtual_timer)
{
	struct vcpu *v = &vcpus[0][0];

	start(5, false);
	regs_set("cntv_ctl_el0", 1);
	regs_set("cntv_cval_el0", 5000);
	v->arch.el1.cntv_cval = 77;
	v->arch.controls.cntvoff = 123;
	enter(0, v);
	CHECK_EQ(regs_read("cntvoff_el2"), 123);
	CHECK_EQ(regs_read("cntv_cval_el0"), 77);
	CHECK_EQ(regs_read("cntv_ctl_el0"), 0);
	regs_set("cntv_cval_el0", 88);
	regs_set("cntv_ctl_el0", 5);
	leave(0, v);
	CHECK_EQ(regs_read("cntvoff_el2"), 0);
	CHECK_EQ(regs_read("cntv_cval_el0"), 5000);
	CHECK_EQ(regs_read("cntv_ctl_el0") & 3, 1);
	CHECK_EQ(v->arch.el1.cntv_cval, 88);
	CHECK_EQ(v->arch.el1.cntv_ctl, 5);
}

static void start_timer(uint64_t now)
{
	start(5, false);
	vms[0].arch.vgic.used = false;
	gic_enters = gic_leaves = refreshes = 0;
	memset(ppis, 0, sizeof(ppis));
	cpus[0].arch.ppis = ppis;
	cpus[0].arch.ppi_timer_bit = 1 << 26;
	cpus[0].arch.ppi_virtual_bit = 1 << 27;
	cpus[0].arch.ppi_maintenance_bit = 1 << 25;
	vcpus[0][0].arch.controls.cntvoff = 1000;
	vcpus[0][0].arch.el1.cntv_cval = 50;
	vcpus[0][0].arch.el1.cntv_ctl = 1;
	regs_set("cntpct_el0", now);
}

/*
 * A timer that has fired does not bring its vCPU back: its interrupt is made
 * active for the stay.
 */
TEST(fired_timer)
{
	struct vcpu *v = &vcpus[0][0];

	start_timer(1049);
	enter(0, v);
	leave(0, v);
	CHECK_EQ(ppis[ACTIVE] | ppis[INACTIVE], 0);

	start_timer(1050);
	enter(0, v);
	CHECK_EQ(ppis[ACTIVE], 1 << 27);
	CHECK_EQ(regs_read("cntv_ctl_el0"), 1);
	CHECK_EQ(ppis[INACTIVE] | ppis[ENABLE] | ppis[DISABLE], 0);
	ppis[ACTIVE] = 0;
	leave(0, v);
	CHECK_EQ(ppis[INACTIVE], 1 << 27);
	CHECK_EQ(ppis[ACTIVE], 0);
	CHECK_EQ(v->arch.el1.cntv_ctl, 1);

	/* Masked by the guest. */
	start_timer(1050);
	v->arch.el1.cntv_ctl = 3;
	enter(0, v);
	leave(0, v);
	CHECK_EQ(ppis[ACTIVE] | ppis[INACTIVE], 0);
}

/* The primary handles its own meanwhile: it is active for it afterwards. */
TEST(fired_timer_of_both)
{
	start_timer(1050);
	ppis[ACTIVE] = 1 << 27;
	enter(0, &vcpus[0][0]);
	ppis[ACTIVE] = 0;
	leave(0, &vcpus[0][0]);
	CHECK_EQ(ppis[ACTIVE], 1 << 27);
}

/* A VM uses its interrupt controller for the first time in such a stay. */
TEST(fired_timer_taken_again)
{
	start_timer(1050);
	enter(0, &vcpus[0][0]);
	CHECK_EQ(ppis[ACTIVE], 1 << 27);
	timer_take(&cpus[0], true);
	ppis[ACTIVE] = 0;
	leave(0, &vcpus[0][0]);
	CHECK_EQ(ppis[INACTIVE], 1 << 27);
	CHECK_EQ(ppis[ACTIVE], 0);
}

/* What the primary had disabled it has disabled again. */
TEST(taken_interrupts)
{
	start_timer(1000);
	vms[0].arch.vgic.used = true;
	ppis[ENABLE] = 1 << 27;
	enter(0, &vcpus[0][0]);
	CHECK_EQ(gic_enters, 1);
	CHECK_EQ(ppis[ENABLE], 1 << 25);
	ppis[ENABLE] = 0;
	leave(0, &vcpus[0][0]);
	CHECK_EQ(gic_leaves, 1);
	CHECK_EQ(ppis[DISABLE], 1 << 25);
	CHECK_EQ(ppis[ACTIVE] | ppis[INACTIVE], 0);
}

static void set_physical(unsigned int op2, uint64_t value)
{
	timer_sysreg(&vcpus[0][0], op2, false, &value);
}

static uint64_t get_physical(unsigned int op2)
{
	uint64_t value = 0xbad;

	timer_sysreg(&vcpus[0][0], op2, true, &value);
	return value;
}

/* CNTP_TVAL, CNTP_CTL, CNTP_CVAL, in the order of their op2. */
TEST(physical_timer)
{
	start_timer(1000);
	set_physical(1, 0xff);
	CHECK_EQ(get_physical(1), 7);
	set_physical(2, 1500);
	CHECK_EQ(get_physical(1), 3);
	CHECK_EQ(get_physical(0), 500);
	set_physical(0, 0xffffffff);
	CHECK_EQ(get_physical(2), 999);
	CHECK_EQ(get_physical(0), 0xffffffff);
	CHECK(!timer_physical_fired(&vcpus[0][0]));
	set_physical(1, 1);
	CHECK(timer_physical_fired(&vcpus[0][0]));
	CHECK_EQ(refreshes, 0);
	vcpus[0][0].arch.vgic.loaded = true;
	set_physical(1, 0);
	CHECK_EQ(refreshes, 1);
	CHECK(!timer_physical_fired(&vcpus[0][0]));
	vcpus[0][0].arch.vgic.loaded = false;
}

/* The EL2 timer ends a stay for whichever comes first. */
TEST(deadlines)
{
	struct vcpu *v = &vcpus[0][0];

	start_timer(1000);
	vms[0].arch.vgic.used = true;
	v->arch.cntp_ctl = 1;
	v->arch.cntp_cval = 1200;
	enter(0, v);
	CHECK_EQ(regs_read("cnthp_cval_el2"), 1200);
	CHECK_EQ(regs_read("cnthp_ctl_el2"), 1);
	CHECK_EQ(ppis[ENABLE] & 1 << 26, 0); /* the last word is vgic_enter()'s
					      */
	leave(0, v);
	CHECK_EQ(regs_read("cnthp_ctl_el2"), 0);

	/* The primary's is earlier; then later; then the vCPU's has fired. */
	regs_set("cntv_ctl_el0", 1);
	regs_set("cntv_cval_el0", 1100);
	enter(0, v);
	CHECK_EQ(regs_read("cnthp_cval_el2"), 1100);
	leave(0, v);
	regs_set("cntv_cval_el0", 1300);
	enter(0, v);
	CHECK_EQ(regs_read("cnthp_cval_el2"), 1200);
	regs_set("cntpct_el0", 1200);
	CHECK(timer_interrupts(v));
	timer_set_deadline(v);
	CHECK_EQ(regs_read("cnthp_cval_el2"), 1300);
	v->arch.vgic.own.line = 1 << 30;
	CHECK(!timer_interrupts(v));
	leave(0, v);

	/* Nobody would take the interrupt of its physical timer. */
	vms[0].arch.vgic.used = false;
	regs_set("cntpct_el0", 1000);
	enter(0, v);
	CHECK_EQ(regs_read("cnthp_cval_el2"), 1300);
	leave(0, v);
}

/* The first one of both timers; one that has fired says so. */
TEST(wait)
{
	struct vcpu *v = &vcpus[0][0];
	bool has_fired;

	start_timer(1000);
	regs_set("cntfrq_el0", 1000000000);
	regs_set("cntvct_el0", 0);
	CHECK_EQ(timer_wait_ns(v, &has_fired), 0);
	CHECK(!has_fired);
	regs_set("cntv_ctl_el0", 1);
	regs_set("cntv_cval_el0", 70);
	CHECK_EQ(timer_wait_ns(v, &has_fired), 71);
	CHECK(!timer_virtual_fired());
	/* Without ISTATUS, which is late in emulation. */
	regs_set("cntvct_el0", 70);
	CHECK_EQ(timer_wait_ns(v, &has_fired), 0);
	CHECK(has_fired && timer_virtual_fired());
	regs_set("cntvct_el0", 0);
	v->arch.cntp_ctl = 1;
	v->arch.cntp_cval = 1060;
	CHECK_EQ(timer_wait_ns(v, &has_fired), 61);
	CHECK(!has_fired);
	regs_set("cntpct_el0", 1060);
	CHECK_EQ(timer_wait_ns(v, &has_fired), 71);
	CHECK(has_fired);
}

/* What the vCPU began is done before it may go on elsewhere. */
TEST(leave_waits_for_maintenance)
{
	struct vcpu *v = &vcpus[0][0];

	start(5, false);
	enter(0, v);
	regs_forget_notes();
	leave(0, v);
	CHECK(regs_count("dsb ish") == 1);
}

TEST(vcpu_reset)
{
	struct vcpu *v = &vcpus[0][1];

	start(5, false);
	memset(&v->arch, 0xa5, sizeof(v->arch));
	v->arch.controls.vmpidr = 0x80000001;
	arch_vcpu_reset(v, ipaddr(0x40080000), 0x42);
	CHECK_EQ(v->arch.pc, 0x40080000);
	CHECK_EQ(v->arch.x[0], 0x42);
	CHECK_EQ(v->arch.controls.vmpidr, 0x80000001);
	CHECK(!v->arch.controls.usual_from);
	CHECK_EQ(v->arch.pstate, 0x3c5);	     /* EL1h, DAIF masked */
	CHECK_EQ(v->arch.el1.sctlr_el1 & 0x1005, 0); /* M, C, I */
	for (unsigned int i = 1; i < 31; i++)
		CHECK_EQ(v->arch.x[i], 0);
	CHECK_EQ(v->arch.el1.tpidr_el0 | v->arch.mdscr, 0);
	CHECK_EQ(v->arch.tpidr2 | v->arch.fp.fpcr, 0);
	CHECK(!v->arch.fp_cpu);
}

/* --- stage 2 for each size of physical addresses --- */

/* T0SZ 5:0, SL0 7:6, PS 18:16 of VTCR_EL2, and whether two CPUs fit. */
TEST(vtcr)
{
	static const uint8_t bits[] = {32, 36, 40, 42, 44, 48, 48};
	static const uint8_t sl0[] = {1, 1, 1, 1, 2, 2, 2};
	static const uint8_t ps[] = {0, 1, 2, 3, 4, 5, 5};

	for (unsigned int i = 0; i < sizeof(bits); i++) {
		uint64_t vtcr;

		start(i, false);
		vtcr = regs_read("vtcr_el2");
		CHECK_EQ(64 - (vtcr & 0x3f), bits[i]);
		CHECK_EQ(vtcr >> 6 & 3, sl0[i]);
		CHECK_EQ(vtcr >> 8 & 3, 1);  /* walks: write-back, */
		CHECK_EQ(vtcr >> 10 & 3, 1); /* write-back, */
		CHECK_EQ(vtcr >> 12 & 3, 3); /* inner shareable, */
		CHECK_EQ(vtcr >> 14 & 3, 0); /* 4 KiB */
		CHECK_EQ(vtcr >> 16 & 7, ps[i]);
		CHECK_STR(el2_cpu_differs(), NULL);
		regs_set("id_aa64mmfr0_el1", i ? i - 1 : 1);
		/* With fewer bits it can not, with more it can: as they are. */
		CHECK_STR(el2_cpu_differs(),
			  i == 6 || i == 0 ? NULL : "physical addresses");
		regs_set("id_aa64mmfr0_el1", 6);
		CHECK_STR(el2_cpu_differs(), NULL);
		el2_init();
		CHECK_EQ(regs_read("vtcr_el2"), vtcr);
	}
}

/* A board with CPUs of several kinds: what is missing, or more, on this one. */
TEST(cpus_of_several_kinds)
{
	static const struct {
		const char *reg;
		uint64_t value;
		const char *says;
	} rows[] = {
		{"hcr_el2", BIT(34), "HCR_EL2.E2H"},
		{"id_aa64isar1_el1", BIT(4), "FEAT_PAuth"},
		{"id_aa64isar1_el1", BIT(8), "FEAT_PAuth"},
		{"s3_0_c0_c6_2", BIT(12), "FEAT_PAuth"},
		{"id_aa64pfr1_el1", BIT(24), "FEAT_SME"},
		{"id_aa64pfr0_el1", BIT(28), "FEAT_RAS"},
		{"id_aa64pfr0_el1", BIT(24), "GIC CPU interface"},
		{"id_aa64dfr0_el1", BIT(8), "PMU"},
	};

	board.gic_version = 3;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start(5, false);
		CHECK_STR(el2_cpu_differs(), NULL);
		regs_set(rows[i].reg, rows[i].value);
		CHECK_STR(el2_cpu_differs(), rows[i].says);
		el2_read_features();
		CHECK_STR(el2_cpu_differs(), NULL);
		regs_set(rows[i].reg, 0);
		CHECK_STR(el2_cpu_differs(), rows[i].says);
	}
	/* HPMN keeps what another CPU has more for EL2. */
	start(5, true);
	regs_set("pmcr_el0", (COUNTERS + 1) << 11);
	CHECK_STR(el2_cpu_differs(), NULL);
	el2_init();
	CHECK_EQ(regs_read("mdcr_el2") & 0x1f, COUNTERS);
	regs_set("pmcr_el0", (COUNTERS - 1) << 11);
	CHECK_STR(el2_cpu_differs(), "PMU counters");
	board.gic_version = 0;
}
