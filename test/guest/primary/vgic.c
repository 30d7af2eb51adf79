/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Suite `vgic`: the interrupt controller of a secondary, register by register,
 * as a VM without an interrupt handler sees it: it acknowledges by polling. Of
 * each step of a script, what it is to read is said where it is added.
 */
#include <stddef.h>
#include "exception.h"
#include "gic.h"
#include "smccc.h"
#include "smp.h"
#include "test.h"
#include "timer.h"
#include "vm.h"

#define MS UINT64_C(1000000)

#define GICD UINT64_C(0x08000000)
#define GICC UINT64_C(0x08010000)
#define GICR UINT64_C(0x080a0000)
#define GICR_SIZE UINT64_C(0x20000)
#define PRIVATE UINT64_C(0x10000)

#define CTLR 0x000
#define TYPER 0x004
#define IGROUPR 0x080
#define ISENABLER 0x100
#define ICENABLER 0x180
#define ISPENDR 0x200
#define ICPENDR 0x280
#define ISACTIVER 0x300
#define ICACTIVER 0x380
#define IPRIORITYR 0x400
#define ITARGETSR 0x800
#define ICFGR 0xc00
#define SGIR 0xf00
#define CPENDSGIR 0xf10
#define SPENDSGIR 0xf20
#define IROUTER 0x6000

/* A register of the CPU interface: GICv2's offset, GICv3's encoding. */
struct interface {
	uint16_t offset, encoding;
};
#define ICC(n, m, op2) SYSREG(3, 0, n, m, op2)
static const struct interface pmr = {0x04, ICC(4, 6, 0)};
static const struct interface iar = {0x0c, ICC(12, 12, 0)};
static const struct interface eoir = {0x10, ICC(12, 12, 1)};
static const struct interface rpr = {0x14, ICC(12, 11, 3)};
static const struct interface hppir = {0x18, ICC(12, 12, 2)};
static const struct interface control = {0x00, ICC(12, 12, 4)};
static const struct interface dir = {0x1000, ICC(12, 11, 1)};
#define ICC_IGRPEN1 ICC(12, 12, 7)
#define ICC_SGI1R ICC(12, 11, 5)
#define CNTP_CTL SYSREG(3, 3, 14, 2, 1)
#define CNTP_TVAL SYSREG(3, 3, 14, 2, 0)
#define CNTV_CTL SYSREG(3, 3, 14, 3, 1)

#define SPURIOUS 1023
#define IDLE 0xff
#define VIRTUAL 27
#define PHYSICAL 30
#define SPI 40	   /* the first of those that are used here */
#define MAILBOX 35 /* INTID */

static bool v2;

/* --- scripts that say what is to be read --- */

static struct {
	bool checked;
	uint64_t mask, value;
} expected[STEPS_MAX];
static unsigned int steps;

static void add(uint64_t kind, uint64_t a0, uint64_t a1, uint64_t a2,
		uint64_t a3)
{
	script_add(kind, a0, a1, a2, a3);
	expected[steps++ % STEPS_MAX].checked = false;
}

/* The last step is to read that. */
static void see_bits(uint64_t mask, uint64_t value)
{
	expected[steps - 1].checked = true;
	expected[steps - 1].mask = mask;
	expected[steps - 1].value = value;
}

static void see(uint64_t value)
{
	see_bits(~UINT64_C(0), value);
}

static void begin(void)
{
	v2 = gic_version() == 2;
	script_start();
	steps = 0;
}

static void write(uint64_t offset, uint64_t value)
{
	add(STEP_WRITE_DEVICE, GICD + offset, 4, value, 0);
}

static void read(uint64_t offset)
{
	add(STEP_READ_DEVICE, GICD + offset, 4, 0, 0);
}

/* Registers of private interrupts, of vCPU 0 where it is a GICv3. */
static uint64_t own(uint64_t offset)
{
	return offset + (v2 ? 0 : GICR - GICD + PRIVATE);
}

static void set(const struct interface *r, uint64_t value)
{
	if (v2)
		add(STEP_WRITE_DEVICE, GICC + r->offset, 4, value, 0);
	else
		add(STEP_MSR, r->encoding, value, 0, 0);
}

static void get(const struct interface *r)
{
	if (v2)
		add(STEP_READ_DEVICE, GICC + r->offset, 4, 0, 0);
	else
		add(STEP_MRS, r->encoding, 0, 0, 0);
}

/* What of the script came otherwise, of the reply that is here. */
static void check_results(void)
{
	unsigned int i;

	for (i = 0; i < steps; i++) {
		const struct step_result *r = script_result(i);

		if (r->esr)
			FAIL("step %u: exception 0x%lx at 0x%lx", i, r->esr,
			     r->far);
		if (expected[i].checked &&
		    (r->x[0] & expected[i].mask) != expected[i].value)
			FAIL("step %u: 0x%lx, not 0x%lx", i, r->x[0],
			     expected[i].value);
	}
}

static void run(const char *name)
{
	if (!test_over() && script_run(vm_named(name)))
		check_results();
}

/* Acknowledges that one, or SPURIOUS. */
static void take(unsigned int intid)
{
	get(&iar);
	see_bits(0x3ff, intid);
}

static void end(unsigned int intid)
{
	set(&eoir, intid);
}

/* Turns on the distributor and the CPU interface of a vCPU. */
static void add_interface(void)
{
	if (!v2)
		add(STEP_MSR, ICC_IGRPEN1, 1, 0, 0);
	set(&control, v2 ? 1 : 0);
	set(&pmr, 0xf0);
}

static void add_setup(void)
{
	write(CTLR, v2 ? 1 : 3);
	if (!v2) {
		write(own(IGROUPR), ~UINT32_C(0));
		write(IGROUPR + 4, ~UINT32_C(0));
		write(IGROUPR + 8, ~UINT32_C(0));
	}
	add_interface();
	write(own(ISENABLER), 0xffff | 1u << VIRTUAL | 1u << PHYSICAL);
}

static void setup(void)
{
	begin();
	add_setup();
	/* SPIs 40 to 55: edges, enabled, priorities 0x80 to 0xf8 backwards. */
	write(ICFGR + 8, 0xaaaa0000);
	write(ICFGR + 12, 0x0000aaaa);
	write(ISENABLER + 4, 0x00ffff00);
	run("service");
	begin();
}

/* --- registers --- */

static void registers(void)
{
	uint64_t i;

	setup();
	read(TYPER);
	see_bits(0xff, 2); /* 96 interrupts, one CPU */
	read(v2 ? 0xfe8 : 0xffe8);
	see_bits(0xf0, v2 ? 0x20 : 0x30);
	read(CTLR);
	see(v2 ? 1 : 0x53);
	write(IPRIORITYR + 40, 0xffa58007);
	read(IPRIORITYR + 40);
	see(0xf8a08000);
	add(STEP_WRITE_DEVICE, GICD + IPRIORITYR + 41, 1, 0x38, 0);
	add(STEP_READ_DEVICE, GICD + IPRIORITYR + 41, 1, 0, 0);
	see(0x38);
	read(IPRIORITYR + 40);
	see(0xf8a03800);
	write(ICENABLER + 4, 0x00fe0000);
	read(ISENABLER + 4);
	see(0x0001ff00);
	write(ISENABLER + 4, 0x00fe0000);
	read(ICENABLER + 4);
	see(0x00ffff00);
	read(ICFGR + 8);
	see(0xaaaa0000);
	read(own(ICFGR));
	see(0xaaaaaaaa); /* SGIs have edges */
	/* Behind the last interrupt there is none. */
	for (i = ISENABLER; i <= ISACTIVER; i += 0x80) {
		write(i + 12, 1);
		read(i + 12);
		see(0);
	}
	write(IPRIORITYR + 96, 0x80);
	read(IPRIORITYR + 96);
	see(0);
	run("service");
}

static void routes(void)
{
	setup();
	if (v2) {
		read(ITARGETSR);
		see(0x01010101);
		/* With one CPU there is nothing to choose. */
		write(ITARGETSR + 40, 0);
		read(ITARGETSR + 40);
		see(0x01010101);
	} else {
		write(IROUTER + 8 * 40, 5);
		read(IROUTER + 8 * 40);
		see_bits(0xff, 0xff); /* no such vCPU */
		write(ISPENDR + 4, 1u << 8);
		take(SPURIOUS);
		write(IROUTER + 8 * 40, 0);
		take(40);
		end(40);
		add(STEP_READ_DEVICE, GICR + 8, 4, 0, 0);
		see(0x10); /* the last one */
		add(STEP_WRITE_DEVICE, GICR + 0x14, 4, 0, 0);
		add(STEP_READ_DEVICE, GICR + 0x14, 4, 0, 0);
		see(0);
		add(STEP_READ_DEVICE, GICR + GICR_SIZE + 8, 4, 0, 0);
		see(0);
	}
	run("service");
}

static void pending_and_active(void)
{
	setup();
	write(ISPENDR + 4, 1u << 8);
	read(ICPENDR + 4);
	see(1u << 8);
	write(ICPENDR + 4, 1u << 8);
	read(ISPENDR + 4);
	see(0);
	take(SPURIOUS);
	write(ISPENDR + 4, 3u << 8);
	take(40);
	read(ISPENDR + 4);
	see(2u << 8);
	read(ISACTIVER + 4);
	see(1u << 8);
	/* Pending again while it is active: afterwards. */
	write(ISPENDR + 4, 1u << 8);
	write(ICPENDR + 4, 2u << 8);
	take(SPURIOUS);
	end(40);
	read(ISACTIVER + 4);
	see(0);
	take(40);
	write(ICACTIVER + 4, 1u << 8);
	read(ISACTIVER + 4);
	see(0);
	end(40);
	/* What is made active is not signalled. */
	write(ISACTIVER + 4, 1u << 8);
	write(ISPENDR + 4, 1u << 8);
	take(SPURIOUS);
	write(ICACTIVER + 4, 1u << 8);
	take(40);
	end(40);
	get(&rpr);
	see(IDLE);
	run("service");
}

/* --- order --- */

/* The lower the INTID, the lower the priority: 0xe8 to 0x90. */
static void set_priorities(unsigned int count)
{
	unsigned int i;
	uint64_t word;

	for (i = 0; i < count; i += 4) {
		word = 0xe8 - 8 * i;
		word |= (word - 8) << 8 | (word - 16) << 16 | (word - 24) << 24;
		write(IPRIORITYR + SPI + i, word);
	}
}

/* More are pending than there are list registers. */
static void priorities(void)
{
	unsigned int i;

	setup();
	set_priorities(12);
	write(ISPENDR + 4, 0xfffu << 8);
	get(&hppir);
	see_bits(0x3ff, SPI + 11);
	for (i = 12; i-- > 0;) {
		take(SPI + i);
		end(SPI + i);
	}
	take(SPURIOUS);
	run("service");
}

/* More are active than there are list registers, each in another. */
static void nested(void)
{
	unsigned int i;

	setup();
	set_priorities(8);
	for (i = 0; i < 7; i++) {
		write(ISPENDR + 4, 0x100u << i);
		take(SPI + i);
	}
	read(ISACTIVER + 4);
	see(0x7f00);
	run("service");
	begin();
	/* One of lower priority waits for its turn; the vCPU left meanwhile. */
	write(ISPENDR + 4, 0x8000);
	write(IPRIORITYR + SPI + 4, 0xe8b8c0c8);
	get(&rpr);
	see(0xb8);
	for (i = 7; i-- > 0;) {
		take(SPURIOUS);
		end(SPI + i);
	}
	read(ISACTIVER + 4);
	see(0);
	get(&rpr);
	see(IDLE);
	take(SPI + 7);
	end(SPI + 7);
	run("service");
}

/* By priority mask, by enable bits: of one, of its group, of the interface. */
static void masked(void)
{
	setup();
	set_priorities(4);
	write(ISPENDR + 4, 0xf00);
	set(&pmr, 0xd0); /* the last one is at 0xd0 */
	take(SPURIOUS);
	set(&pmr, 0xd8);
	take(SPI + 3);
	end(SPI + 3);
	take(SPURIOUS);
	set(&pmr, 0xf0);
	write(CTLR, 0);
	take(SPURIOUS);
	write(CTLR, v2 ? 1 : 3);
	write(ICENABLER + 4, 0x400);
	take(SPI + 1);
	end(SPI + 1);
	if (v2)
		set(&control, 0);
	else
		add(STEP_MSR, ICC_IGRPEN1, 0, 0, 0);
	take(SPURIOUS);
	add_interface();
	take(SPI);
	end(SPI);
	take(SPURIOUS);
	write(ISENABLER + 4, 0x400);
	take(SPI + 2);
	end(SPI + 2);
	run("service");
}

/* EOIR drops the priority, DIR deactivates; in any order, many at once. */
static void eoi_mode(void)
{
	unsigned int i;

	setup();
	set(&control, v2 ? 0x201 : 2);
	write(ISPENDR + 4, 0x3f00);
	for (i = 6; i-- > 0;) {
		take(SPI + i);
		end(SPI + i);
	}
	get(&rpr);
	see(IDLE);
	read(ISACTIVER + 4);
	see(0x3f00);
	write(ISPENDR + 4, 0x100);
	take(SPURIOUS);
	run("service");
	begin();
	for (i = 0; i < 6; i++)
		set(&dir, SPI + i);
	read(ISACTIVER + 4);
	see(0);
	take(SPI);
	end(SPI);
	set(&dir, SPI);
	add_interface();
	run("service");
}

/* --- levels and timers --- */

/*
 * Lets a timer's time come. QEMU's interrupt for it may be late, so that an
 * access to the distributor looks at the timer; timer_by_vector() waits for the
 * interrupt.
 */
static void spin(uint64_t ns)
{
	add(STEP_SPIN_NS, ns, 0, 0, 0);
	read(own(ISPENDR));
}

/* Pending for as long as the timer's condition holds, and no longer. */
static void physical_timer(void)
{
	setup();
	add(STEP_MSR, CNTP_TVAL, 0, 0, 0);
	add(STEP_MSR, CNTP_CTL, 1, 0, 0);
	add(STEP_MRS, CNTP_CTL, 0, 0, 0);
	see(5);
	take(PHYSICAL);
	take(SPURIOUS);
	end(PHYSICAL);
	take(PHYSICAL);
	add(STEP_MSR, CNTP_CTL, 3, 0, 0);
	end(PHYSICAL);
	take(SPURIOUS);
	add(STEP_MSR, CNTP_CTL, 1, 0, 0);
	read(own(ISPENDR));
	see(1u << PHYSICAL);
	write(own(ICPENDR), 1u << PHYSICAL);
	read(own(ISPENDR));
	see(1u << PHYSICAL);
	add(STEP_MSR, CNTP_CTL, 0, 0, 0);
	read(own(ISPENDR));
	see(0);
	/* One that comes while the vCPU runs. */
	add(STEP_MSR, CNTP_TVAL, 100000, 0, 0);
	add(STEP_MSR, CNTP_CTL, 1, 0, 0);
	spin(20 * MS);
	take(PHYSICAL);
	add(STEP_MSR, CNTP_CTL, 0, 0, 0);
	end(PHYSICAL);
	take(SPURIOUS);
	run("service");
}

/* The same; and active over a stay of the vCPU elsewhere. */
static void virtual_timer(void)
{
	setup();
	add(STEP_TIMER_ARM, MS, 0, 0, 0);
	spin(10 * MS);
	take(VIRTUAL);
	take(SPURIOUS);
	end(VIRTUAL);
	spin(0);
	take(VIRTUAL);
	run("service");
	begin();
	take(SPURIOUS);
	read(own(ISACTIVER));
	see(1u << VIRTUAL);
	add(STEP_TIMER_STOP, 0, 0, 0, 0);
	end(VIRTUAL);
	take(SPURIOUS);
	read(own(ISACTIVER));
	see(0);
	add(STEP_TIMER_ARM, MS, 0, 0, 0);
	spin(10 * MS);
	/* Disabled, and enabled when it has fired. */
	write(own(ICENABLER), 1u << VIRTUAL);
	take(SPURIOUS);
	write(own(ISENABLER), 1u << VIRTUAL);
	take(VIRTUAL);
	add(STEP_TIMER_STOP, 0, 0, 0, 0);
	end(VIRTUAL);
	take(SPURIOUS);
	run("service");
}

/* Whatever a VM does with its timer, the primary's interrupt comes. */
static void timer_of_the_primary(void)
{
	setup();
	add(STEP_TIMER_ARM, 1000, 0, 0, 0);
	spin(20 * MS);
	take(VIRTUAL);
	run("service");
	gic_enable(timer_intid(TIMER_VIRTUAL));
	timer_arm(TIMER_VIRTUAL, MS, true);
	CHECK(gic_wait(timer_intid(TIMER_VIRTUAL), 1));
	begin();
	add(STEP_TIMER_STOP, 0, 0, 0, 0);
	end(VIRTUAL);
	take(SPURIOUS);
	run("service");
	timer_arm(TIMER_VIRTUAL, MS, true);
	CHECK(gic_wait(timer_intid(TIMER_VIRTUAL), 1));
}

/* --- waiting --- */

static void wait(void)
{
	uint32_t vm = vm_named("service");
	uint64_t result;

	setup();
	/* One is there: no wait. Masked, it does not end one. */
	write(ISPENDR + 4, 0x100);
	add(STEP_WFI, 0, 0, 0, 0);
	set(&pmr, 0);
	add(STEP_WFI, 0, 0, 0, 0);
	set(&pmr, 0xf0);
	take(SPI);
	end(SPI);
	/* The first of its timers says how long. */
	add(STEP_TIMER_ARM, 60000 * MS, 0, 0, 0);
	add(STEP_MSR, CNTP_TVAL, 1 << 27, 0, 0); /* 2 s */
	add(STEP_MSR, CNTP_CTL, 1, 0, 0);
	add(STEP_WFI, 0, 0, 0, 0);
	add(STEP_MSR, CNTP_CTL, 0, 0, 0);
	add(STEP_WFI, 0, 0, 0, 0);
	add(STEP_TIMER_STOP, 0, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	CHECK_EQ(vm_run(vm, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	result = vm_run(vm, 0);
	CHECK_EQ(hf_vcpu_code(result), HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK(hf_vcpu_payload(result) > 0);
	CHECK(hf_vcpu_payload(result) < 5000 * MS);
	result = vm_run(vm, 0);
	CHECK_EQ(hf_vcpu_code(result), HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK(hf_vcpu_payload(result) > 5000 * MS);
	CHECK(hf_vcpu_payload(result) <= 60000 * MS);
	if (script_finish(vm, 0))
		check_results();
}

/* --- SGIs --- */

/* To vCPUs by mask, through the register that there is. */
static void add_sgi(unsigned int intid, uint64_t targets)
{
	if (v2)
		write(SGIR, targets << 16 | intid);
	else
		add(STEP_MSR, ICC_SGI1R, (uint64_t)intid << 24 | targets, 0, 0);
}

static void sgi_to_self(void)
{
	setup();
	add_sgi(5, 1);
	read(own(ISPENDR));
	see(1u << 5);
	add_sgi(5, 1); /* once is enough */
	take(5);
	add_sgi(5, 1);
	end(5);
	take(5);
	end(5);
	take(SPURIOUS);
	add_sgi(5, 0xfe); /* nobody is there */
	take(SPURIOUS);
	if (v2) {
		write(SGIR, 2u << 24 | 7); /* only this one */
		read(SPENDSGIR + 4);
		see(1u << 24);
		write(CPENDSGIR + 4, 1u << 24);
		take(SPURIOUS);
		write(SPENDSGIR + 4, 1u << 24);
		take(7);
		end(7);
		write(SGIR, 1u << 24 | 7); /* all others */
	} else {
		add(STEP_MSR, ICC_SGI1R, 7u << 24 | UINT64_C(1) << 40, 0, 0);
		add(STEP_MSR, ICC_SGI1R, 7u << 24 | 1 | 1 << 16, 0, 0);
	}
	take(SPURIOUS);
	run("service");
}

/*
 * vCPU `vcpu` of VM "smp", on and in its read, gets a script; the mailbox is
 * free for the next one when it waits in its WFI.
 */
static bool sleep_until_sgi(unsigned int vcpu, unsigned int intid)
{
	uint32_t vm = vm_named("smp");

	begin();
	add(STEP_HVC, HF_RPC_ACK, 0, 0, 0);
	if (!v2) {
		write(GICR - GICD + vcpu * GICR_SIZE + PRIVATE + IGROUPR, ~0u);
		write(GICR - GICD + vcpu * GICR_SIZE + PRIVATE + ISENABLER,
		      0xffff);
	}
	add_interface();
	add(STEP_WFI, 0, 0, 0, 0);
	take(intid);
	end(intid);
	return script_send(vm) == (int64_t)vcpu + 1 &&
	       vm_run(vm, vcpu) == HF_VCPU_WAIT_FOR_INTERRUPT;
}

/* Turns vCPUs of "smp" on, vCPU 0 waiting in its read last. */
static bool start_smp(unsigned int vcpus)
{
	uint32_t vm = vm_named("smp");
	unsigned int i;

	begin();
	for (i = 1; i < vcpus; i++)
		add(STEP_CPU_ON, i, 0, 0, 0);
	run("smp");
	for (i = 1; i < vcpus; i++)
		if (!vm_run_to_read(vm, i))
			return false;
	begin();
	add_setup();
	return !test_over();
}

static uint64_t wake(uint32_t vm, uint64_t vcpu)
{
	return HF_VCPU_WAKE_UP | ((uint64_t)vm << HF_WAKE_UP_VM_SHIFT | vcpu)
					 << HF_VCPU_CODE_BITS;
}

/* Of sleeping vCPUs the primary is told, one by one. */
static void sgi_to_sleepers(void)
{
	uint32_t vm = vm_named("smp");
	unsigned int i;

	if (!start_smp(4))
		return;
	/* vCPU 0 has waited for longest. */
	CHECK_EQ(script_send(vm), 1);
	CHECK(script_finish(vm, 0));
	for (i = 1; i < 4; i++)
		CHECK(sleep_until_sgi(i, 3));
	begin();
	add_sgi(3, 0xe);
	add_sgi(3, 0xe); /* they know already */
	CHECK_EQ(script_send(vm), 1);
	for (i = 1; i < 4; i++)
		CHECK_EQ(vm_run(vm, 0), wake(vm, i));
	CHECK(script_finish(vm, 0));
	for (i = 1; i < 4; i++)
		CHECK(script_finish(vm, i));
	CHECK_EQ(script_result(4)->esr, 0);
}

/* On another CPU: runs vCPU 1 of "smp" until it replies. */
static void run_other(void *unused)
{
	uint32_t vm = vm_named("smp");
	uint64_t stop = timer_now_ns() + 40000 * MS;

	(void)unused;
	while (hf_vcpu_code(hf_vcpu_run(vm, 1)) != HF_VCPU_RESPONSE_READY &&
	       timer_now_ns() < stop) {
		/* Takes what ended the run. */
		irq_unmask();
		irq_mask();
	}
}

/* The reply of the vCPU that ran on CPU 1, which took the SGI. */
static void take_seen(void)
{
	CHECK(cpu_wait_off(1));
	CHECK(script_take());
	CHECK_EQ(script_result(1)->x[0], 1);
}

/*
 * To a vCPU that runs on another CPU, which takes it by its vector. GICv3: it
 * gets it at once; GICv2: the primary is told, and interrupts that CPU.
 */
static void sgi_to_running(void)
{
	uint32_t vm = vm_named("smp");
	uint64_t stop = timer_now_ns() + 30000 * MS;
	uint64_t result;
	bool seen;

	if (cpu_count() < 2)
		SKIP("one CPU");
	/* vCPUs 0 to 3 are in their reads, in this order; the first goes last.
	 */
	begin();
	run("smp");
	begin();
	add(STEP_HVC, HF_RPC_ACK, 0, 0, 0);
	add(STEP_INTERRUPTS, 9, 1, 0, 0);
	see(1);
	CHECK_EQ(script_send(vm), 2);
	CHECK_EQ(cpu_start(1, run_other, NULL), 0);
	script_start();
	add(STEP_SPIN_NS, 50 * MS, 0, 0, 0);
	add_sgi(9, 2);
	/* vCPU 2 sends it, as soon as the mailbox is free. */
	while (script_send(vm) < 0 && timer_now_ns() < stop)
		timer_spin_ns(MS);
	CHECK(timer_now_ns() < stop);
	result = vm_run(vm, 2);
	if (result == wake(vm, 1)) {
		gic_send(1, 1);
		result = vm_run(vm, 2);
	}
	/* It may find the mailbox taken by the other one's reply. */
	seen = hf_vcpu_code(result) == HF_VCPU_WAIT_FOR_INTERRUPT;
	if (seen) {
		take_seen();
		result = vm_run(vm, 2);
	}
	CHECK_EQ(hf_vcpu_code(result), HF_VCPU_RESPONSE_READY);
	CHECK_EQ(hf_rpc_ack(), 0);
	if (!seen)
		take_seen();
	CHECK(vm_run_to_read(vm, 2));
	CHECK(vm_run_to_read(vm, 1));
}

/* A VM that interrupts itself all the time does not keep the CPU. */
static void storm(void)
{
	uint32_t vm = vm_named("other");
	uint64_t begun;

	gic_enable(timer_intid(TIMER_VIRTUAL));
	vm_configure();
	CHECK(vm_run_to_read(vm, 0));
	begin();
	add(STEP_INTERRUPTS, 11, 5000, 1, 0);
	see(5000);
	CHECK_EQ(script_send(vm), 1);
	begun = timer_now_ns();
	timer_arm(TIMER_VIRTUAL, 5 * MS, true);
	CHECK_EQ(hf_vcpu_run(vm, 0), HF_VCPU_YIELD);
	CHECK(timer_now_ns() - begun < 2000 * MS);
	CHECK(gic_wait(timer_intid(TIMER_VIRTUAL), 0));
	timer_stop(TIMER_VIRTUAL);
	if (script_finish(vm, 0))
		check_results();
}

/* The timers' interrupts by the vector: one to come, one that has come. */
static void timer_by_vector(void)
{
	begin();
	add(STEP_INTERRUPTS, 12, 1, 1, 0); /* turns all on */
	add(STEP_TIMER_ARM, MS, 0, 0, 0);
	add(STEP_INTERRUPTS, VIRTUAL, 1, 0, 0);
	see(1);
	add(STEP_TIMER_ARM, MS, 0, 0, 0);
	add(STEP_SPIN_NS, 5 * MS, 0, 0, 0);
	add(STEP_INTERRUPTS, VIRTUAL, 1, 0, 0);
	see(1);
	add(STEP_MSR, CNTP_TVAL, 100000, 0, 0);
	add(STEP_MSR, CNTP_CTL, 1, 0, 0);
	add(STEP_INTERRUPTS, PHYSICAL, 1, 0, 0);
	see(1);
	run("other");
}

/* A request that nobody waits for is an interrupt. */
static void mailbox(void)
{
	uint32_t vm = vm_named("service");

	setup();
	write(ICFGR + 8, 0xaaaa0080); /* an edge */
	write(ISENABLER + 4, 1u << (MAILBOX - 32));
	add(STEP_HVC, HF_RPC_ACK, 0, 0, 0);
	take(SPURIOUS);
	add(STEP_WFI, 0, 0, 0, 0);
	take(MAILBOX);
	end(MAILBOX);
	take(SPURIOUS);
	add(STEP_HVC, HF_RPC_READ_REQUEST, 0, 0, 0);
	see(16);
	CHECK_EQ(script_send(vm), 1);
	CHECK_EQ(vm_run(vm, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK_EQ(hf_rpc_request(vm, 16), 0);
	if (script_finish(vm, 0))
		check_results();
}

/* Nothing that one VM has in the CPU's registers is another's. */
static void of_another(void)
{
	setup();
	set_priorities(4);
	write(ISPENDR + 4, 0xf00);
	take(SPI + 3);
	set(&pmr, 0x50);
	run("service");
	begin();
	set(&control, v2 ? 1 : 0);
	get(&pmr);
	see(0);
	set(&pmr, 0xf0);
	get(&rpr);
	see(IDLE);
	take(SPURIOUS);
	run("files");
	begin();
	get(&pmr);
	see(0x50);
	set(&pmr, 0xf0);
	get(&rpr);
	see(0xd0);
	end(SPI + 3);
	take(SPI + 2);
	end(SPI + 2);
	write(ICPENDR + 4, 0xf00);
	take(SPURIOUS);
	run("service");
}

/* A vCPU that runs while another one of its VM is the first to use the GIC. */
static uint32_t early;

/*
 * On another CPU: runs it until it replies. The primary's timer is set, and it
 * has the FP registers, as an operating system; its interrupt comes soon, then
 * behind what the vCPU writes.
 */
static void run_early(void *unused)
{
	uint32_t vm = vm_named("smp");
	uint64_t code, stays = 0;

	(void)unused;
	gic_enable(timer_intid(TIMER_VIRTUAL));
	do {
		timer_arm(TIMER_VIRTUAL, stays < 2 ? 10 * MS : 400 * MS, true);
		__asm__ volatile(".arch_extension fp\n\tfmov d0, xzr");
		code = hf_vcpu_code(hf_vcpu_run(vm, early));
		timer_stop(TIMER_VIRTUAL);
		irq_unmask();
		irq_mask();
	} while (code != HF_VCPU_RESPONSE_READY && ++stays < 100);
	CHECK_EQ(code, HF_VCPU_RESPONSE_READY);
}

/*
 * `early` writes a register of its CPU interface, which the other one has
 * opened for it by then, and reads it after what may lose it: another use in
 * the same stay, and the end of the stay. (Late, the other one finds it opened:
 * no matter.)
 */
static void write_early(bool uses)
{
	uint32_t vm = vm_named("smp");

	CHECK_EQ(hf_vm_stop(vm), HF_DONE);
	if (!vm_restart(vm) || !start_smp(3))
		return;
	begin();
	add(STEP_HVC, HF_RPC_ACK, 0, 0, 0);
	add(STEP_SPIN_NS, 250 * MS, 0, 0, 0);
	set(&pmr, 0x50);
	if (uses)
		read(ISENABLER + 4);
	else
		add(STEP_SPIN_NS, 300 * MS, 0, 0, 0);
	get(&pmr);
	early = (uint32_t)script_send(vm) - 1;
	CHECK_EQ(cpu_start(1, run_early, NULL), 0);
	timer_spin_ns(100 * MS);
	begin();
	set(&pmr, 0xf0);
	CHECK_EQ(hf_vcpu_code(vm_run(vm, (uint32_t)script_send(vm) - 1)),
		 HF_VCPU_RESPONSE_READY);
	CHECK_EQ(hf_rpc_ack(), 0);
	CHECK(cpu_wait_off(1));
	CHECK(script_take());
	CHECK_EQ(script_result(4)->x[0], 0x50);
}

static void used_meanwhile(void)
{
	if (cpu_count() < 2)
		SKIP("one CPU");
	write_early(false);
	write_early(true);
}

static const struct test_case cases[] = {
	{"registers", registers},
	{"routes", routes},
	{"pending_and_active", pending_and_active},
	{"priorities", priorities},
	{"nested", nested},
	{"masked", masked},
	{"eoi_mode", eoi_mode},
	{"physical_timer", physical_timer},
	{"virtual_timer", virtual_timer},
	{"timer_of_the_primary", timer_of_the_primary},
	{"wait", wait},
	{"sgi_to_self", sgi_to_self},
	{"sgi_to_sleepers", sgi_to_sleepers},
	{"sgi_to_running", sgi_to_running},
	{"storm", storm},
	{"timer_by_vector", timer_by_vector},
	{"mailbox", mailbox},
	{"of_another", of_another},
	{"used_meanwhile", used_meanwhile},
	{NULL, NULL},
};

const struct suite suite_vgic = {"vgic", cases};
