/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench.h"

#include "arch_internal.h"
#include "cpu.h"
#include "gic.h"
#include "mmio.h"
#include "trap.h"
#include "vcpu.h"
#include "vgic.h"
#include "vm.h"

/* ESR_EL2 of a load or store of x0 that missed in stage 2. */
#define ESR_ACCESS (UINT64_C(0x24) << 26 | BIT(24) | BIT(15) | 0x07)
#define ESR_SIZE(log2) ((uint64_t)(log2) << 22)
#define ESR_WRITE BIT(6)
/* ... of an MSR or MRS of x0, op0 3, op1 0, CRn 12; bit 0: MRS. */
#define ESR_SYSREG(crm, op2)                                                 \
	(UINT64_C(0x18) << 26 | BIT(25) | 3 << 20 | (op2) << 17 | 12 << 10 | \
	 (crm) << 1)

#define MAINTENANCE 25
/* Interrupts for the hypervisor in a row, without anything being done. */
#define MAX_SETTLE 16

int bench_running[IFC_CPUS];

static struct vm vm;
static struct vcpu vcpus[IRQ_VCPUS], primary[IFC_CPUS];
static struct cpu boards_cpus[IFC_CPUS];
static uint32_t ppis[IFC_CPUS][PPI_CLEAR_ACTIVE + 1];
static struct {
	bool virtual, physical;
} fired[IRQ_VCPUS];

/* --- what the files under test need of others --- */

struct board board;
struct cpu_features features;

static _Noreturn void die(const char *what)
{
	printf("bench: %s\n", what);
	fflush(stdout);
	abort();
}

void spin_wait(const struct spinlock *l, uint32_t ticket)
{
	die("a lock is taken twice");
}

void skip_instruction(uint64_t esr)
{
	(void)esr;
}

/* Of a GICv2 only */
uint64_t arch_pte_leaf(enum mm_stage stage, unsigned int level, paddr_t pa,
		       unsigned int mode)
{
	die("a page is mapped");
}

void arch_pt_sync(void)
{
	die("a page is mapped");
}

uint64_t *ptable_entry(struct ptable *t, uint64_t at)
{
	die("a page is mapped");
}

bool timer_virtual_interrupts(const struct cpu *c)
{
	return timer_virtual_fired() && !ifc_timer_is_active();
}

bool timer_physical_fired(const struct vcpu *vcpu)
{
	return fired[vcpu->index].physical;
}

void timer_set_deadline(const struct vcpu *vcpu)
{
	(void)vcpu;
}

bool timer_interrupts(const struct vcpu *vcpu)
{
	const uint32_t *line = &vcpu->arch.vgic.own.line;

	return timer_virtual_interrupts(vcpu->cpu) ||
	       (!(*line & BIT(VGIC_PHYSICAL_TIMER)) &&
		timer_physical_fired(vcpu));
}

void timer_take(struct cpu *cpu, bool enable)
{
	(void)enable;
	cpu->arch.virtual_taken = true;
}

bool gic_end_kick(struct cpu *cpu)
{
	uint32_t *pending = &ppis[cpu - boards_cpus][PPI_SET_PENDING];
	bool was = *pending;

	*pending = 0;
	return was;
}

/* --- the bench --- */

/* Makes what follows happen on a CPU, in what runs there. */
static struct vcpu *be(unsigned int cpu)
{
	struct vcpu *vcpu = bench_running[cpu] < 0 ? &primary[cpu]
						   : &vcpus[bench_running[cpu]];

	ifc_be_cpu(cpu);
	irq_write(IRQ_tpidr_el2, (uint64_t)(uintptr_t)vcpu);
	irq_write(IRQ_cntv_ctl_el0,
		  bench_running[cpu] >= 0 && fired[vcpu->index].virtual);
	irq_write(IRQ_cntv_cval_el0, 0);
	return vcpu;
}

/* The hypervisor has done what it was to do on a CPU: the guest goes on. */
static void done(unsigned int cpu)
{
	uint32_t *set = &ppis[cpu][PPI_SET_ACTIVE];
	uint32_t *clear = &ppis[cpu][PPI_CLEAR_ACTIVE];

	if (*set | *clear)
		ifc_set_timer_active(boards_cpus[cpu].arch.virtual_quiet);
	*set = *clear = 0;
	if (vm.arch.vgic.lock.next != vm.arch.vgic.lock.serving)
		die("a lock is not given back");
	ifc_check();
}

static void start_vm(void)
{
	memset(&vm, 0, sizeof(vm));
	memset(vcpus, 0, sizeof(vcpus));
	memset(fired, 0, sizeof(fired));
	vm.vcpus = vcpus;
	vm.vcpu_count = IRQ_VCPUS;
	for (uint32_t i = 0; i < IRQ_VCPUS; i++) {
		vcpus[i].vm = &vm;
		vcpus[i].index = i;
	}
	if (!vgic_init_vm(&vm))
		die("no memory");
	vgic_reset(&vm);
}

void bench_start(const struct ifc_kind *kind)
{
	board.gic_version = 3;
	board.virtual_timer_intid = VGIC_VIRTUAL_TIMER;
	board.maintenance_intid = MAINTENANCE;
	features.gic_regs = true;
	ifc_start(kind);
	memset(ppis, 0, sizeof(ppis));
	ifc_be_cpu(0);
	vgic_init_board();
	for (unsigned int i = 0; i < IFC_CPUS; i++) {
		bench_running[i] = -1;
		boards_cpus[i].index = i;
		boards_cpus[i].arch.ppis = ppis[i];
		boards_cpus[i].arch.ppi_maintenance_bit = BIT(MAINTENANCE);
		boards_cpus[i].arch.ppi_virtual_bit = BIT(VGIC_VIRTUAL_TIMER);
		boards_cpus[i].arch.virtual_taken = false;
		boards_cpus[i].arch.virtual_quiet = false;
		be(i);
		ifc_set_timer_active(false);
		vgic_init_cpu();
	}
	start_vm();
}

void bench_enter(unsigned int cpu, unsigned int vcpu)
{
	bench_running[cpu] = (int)vcpu;
	vcpus[vcpu].cpu = &boards_cpus[cpu];
	be(cpu);
	if (vgic_is_used(&vm))
		vgic_enter(&vcpus[vcpu]);
	done(cpu);
}

void bench_leave(unsigned int cpu)
{
	struct vcpu *vcpu = be(cpu);

	if (vgic_is_used(&vm))
		vgic_leave(vcpu);
	done(cpu);
	/* timer_give_back(): to the primary. */
	ifc_set_timer_active(false);
	vcpu->cpu->arch.virtual_taken = vcpu->cpu->arch.virtual_quiet = false;
	if (!ifc_is_off())
		die("a vCPU left something in the CPU interface");
	bench_running[cpu] = -1;
}

static bool is_interrupted(unsigned int cpu, const struct vcpu *vcpu)
{
	return ifc_maintenance() || timer_interrupts(vcpu) ||
	       ppis[cpu][PPI_SET_PENDING];
}

bool bench_settle(unsigned int cpu, bool *any)
{
	struct vcpu *vcpu = be(cpu);

	*any = false;
	if (!vcpu->arch.vgic.loaded)
		return true;
	for (unsigned int i = 0; i < MAX_SETTLE; i++) {
		if (!is_interrupted(cpu, vcpu))
			return true;
		*any = true;
		/* False: the primary gets its turn, and runs it again. */
		vgic_interrupt(vcpu);
		done(cpu);
	}
	return false;
}

bool bench_access(unsigned int cpu, uint64_t ipa, unsigned int width,
		  bool is_write, uint64_t *value)
{
	struct vcpu *vcpu = be(cpu);
	unsigned int log2 = (unsigned int)__builtin_ctz(width);
	uint64_t esr = ESR_ACCESS | ESR_SIZE(log2) | (is_write ? ESR_WRITE : 0);
	bool good;

	irq_write(IRQ_hpfar_el2, ipa >> 12 << 4);
	irq_write(IRQ_far_el2, ipa);
	vcpu->arch.x[0] = *value;
	good = (vcpu->arch.vgic.loaded && vgic_quick_access(vcpu, esr)) ||
	       vgic_access(vcpu, esr);
	*value = vcpu->arch.x[0];
	done(cpu);
	return good;
}

bool bench_sysreg(unsigned int cpu, unsigned int crm, unsigned int op2,
		  bool is_read, uint64_t *value)
{
	uint64_t esr = ESR_SYSREG(crm, op2) | is_read;
	struct vcpu *vcpu = be(cpu);
	bool good;

	vcpu->arch.x[0] = *value;
	good = (vcpu->arch.vgic.loaded && vgic_quick_sgi(vcpu, esr)) ||
	       vgic_sysreg(vcpu, crm, op2, is_read, value) != VGIC_UNDEFINED;
	done(cpu);
	return good;
}

bool bench_wait(unsigned int cpu)
{
	bool waits = vgic_may_wait(be(cpu));

	done(cpu);
	if (!waits)
		return false;
	bench_leave(cpu);
	return true;
}

void bench_set_line(unsigned int cpu, unsigned int intid, bool level)
{
	be(cpu);
	vgic_set_line(&vm, intid, level);
	done(cpu);
}

void bench_pend(unsigned int cpu, unsigned int intid)
{
	be(cpu);
	vgic_pend(&vm, intid);
	done(cpu);
}

void bench_set_timer(unsigned int vcpu, bool is_virtual, bool level)
{
	if (is_virtual)
		fired[vcpu].virtual = level;
	else
		fired[vcpu].physical = level;
}

void bench_timer_trapped(unsigned int cpu)
{
	struct vcpu *vcpu = be(cpu);

	if (vcpu->arch.vgic.loaded)
		vgic_refresh(vcpu);
	done(cpu);
}

uint32_t bench_told(void)
{
	uint32_t told = 0;
	uint64_t exit;

	for (unsigned int i = 0; i < IRQ_VCPUS; i++)
		while ((exit = vgic_take_wake(&vcpus[i])) != 0) {
			if ((exit & EXIT_KIND_MASK) != EXIT_WAKE)
				die("a wake-up is told as something else");
			told |= 1u << (exit >> EXIT_PAYLOAD_SHIFT);
		}
	return told;
}

void bench_reset_vcpu(unsigned int vcpu)
{
	vgic_reset_vcpu(&vcpus[vcpu]);
}

void bench_reset_vm(void)
{
	vgic_reset(&vm);
}
