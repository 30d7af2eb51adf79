/* SPDX-License-Identifier: BSD-3-Clause */
/* A secondary's attacks that end it, one way or another. */
#include "hostile.h"
#include "mmu.h"
#include "smccc.h"
#include "string.h"
#include "sysreg.h"
#include "timer.h"
#include "hf/call.h"

#define HVC 0xd4000002
#define SMC 0xd4000003
#define NOP 0xd503201f

static void set_vectors(uint64_t address)
{
	write_sysreg(vbar_el1, address);
	isb();
}

static _Noreturn void undefined(void)
{
	for (;;)
		__asm__ volatile(".inst 0");
}

static _Noreturn void spin(void)
{
	for (;;)
		timer_spin_ns(MS);
}

/* Not mapped: bits above those that TTBR0 has. */
void vectors_nowhere(void)
{
	set_vectors(UINT64_C(1) << 45);
	undefined();
}

void masked_for_ever(void)
{
	static const uint32_t words[] = {
		0xd5184600, /* MSR ICC_PMR_EL1, x0 */
		0xd518cce0, /* MSR ICC_IGRPEN1_EL1, x0 */
		0xd518ccc0, /* MSR ICC_IGRPEN0_EL1, x0 */
		0xd518cc80, /* MSR ICC_CTLR_EL1, x0 */
	};
	unsigned int i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		uint64_t x0 = 0;

		execute(words[i], &x0);
	}
	write_sysreg(cntkctl_el1, 0);
	write_sysreg(cntv_cval_el0, 0);
	write_sysreg(cntv_ctl_el0, 1);
	__asm__ volatile("msr daifset, #15\n1:\tb 1b");
}

/* Vectors in code_room(): each makes the same return again. */
#define VECTOR_WORDS 32
#define VECTORS 16
#define ERET 0xd69f03e0

void illegal_for_ever(void)
{
	uint32_t *code = code_room(VECTORS * VECTOR_WORDS + 1024);
	uintptr_t at = ((uintptr_t)code + 0x7ff) & ~(uintptr_t)0x7ff;
	unsigned int i;

	for (i = 0; i < VECTORS; i++)
		*(uint32_t *)(at + i * 0x80) = ERET;
	mmu_sync_code(at, at + 0x800);
	set_vectors(at);
	/* To EL2h, which is not for it; SPSR and ELR stay so. */
	write_sysreg(elr_el1, at);
	__asm__ volatile("mov x9, #0x3c9\n\tmsr spsr_el1, x9\n\tisb\n\teret" ::
				 : "x9", "memory");
	spin();
}

void vectors_outside(void)
{
	meet();
	if (me())
		spin();
	set_vectors(alias(SECONDARY_RAM + GIB, 2, ALIAS_WRITE_BACK) &
		    ~(uint64_t)0x7ff);
	undefined();
}

void tables_outside(void)
{
	meet();
	if (me())
		spin();
	__asm__ volatile("msr ttbr0_el1, %0\n\tisb\n\ttlbi vmalle1\n\t"
			 "dsb nsh\n\tisb\n\tnop" ::"r"(SECONDARY_END)
			 : "memory");
	spin();
}

void walk_outside(void)
{
	uintptr_t at = alias_table(SECONDARY_END, 2);

	meet();
	if (me())
		spin();
	__asm__ volatile("at s1e1r, %0\n\tisb" ::"r"(at) : "memory");
	(void)read_sysreg(par_el1);
}

/* From its own memory on, and over its end. */
void block_outside(void)
{
	uintptr_t at = alias(SECONDARY_RAM, 1, ALIAS_WRITE_THROUGH);
	uint64_t own = read64(SECONDARY_RAM);

	CHECK_EQ(read64(at), own);
	CHECK_EQ(read64(at + BLOCK - 8), read64(SECONDARY_END - 8));
	meet();
	if (me())
		read64(at + BLOCK);
	else
		((void (*)(void))(at + BLOCK))();
}

void straddle_end(void)
{
	meet();
	switch (me()) {
	case 0:
		__asm__ volatile("stp xzr, xzr, [%0, #-8]" ::"r"(SECONDARY_END)
				 : "memory");
		break;
	case 1:
		__asm__ volatile("ldr x9, [%0, #-4]" ::"r"(SECONDARY_END)
				 : "x9");
		break;
	default:
		__asm__ volatile(".arch_extension fp\n\tstr q0, [%0, #-8]\n\t"
				 ".arch_extension nofp" ::"r"(SECONDARY_END)
				 : "memory");
	}
}

void stack_outside(void)
{
	meet();
	if (me())
		spin();
	__asm__ volatile("mov sp, %0\n\t.inst 0" ::"r"(SECONDARY_END + PAGE)
			 : "memory");
}

void fetch_off_end(void)
{
	uintptr_t last = SECONDARY_END - 4;

	meet();
	if (me())
		spin();
	*(volatile uint32_t *)last = NOP;
	mmu_sync_code(last, last + 4);
	((void (*)(void))last)();
}

/* GICD, as EL0 sees it; the other vCPUs call meanwhile. */
void el0_device(void)
{
	meet();
	while (me())
		hf_vm_get_count();
	mmu_map_el0(0x08000000);
	el0_run(el0_load, EL0_DATA, NULL);
}

/*
 * The table is used before it is the primary's message: its first entry is for
 * this VM's memory, what follows is the primary's choice of what to reach.
 */
void mailbox_is_table(void)
{
	uintptr_t at = alias_table((uintptr_t)hostile_recv, 2);
	unsigned int i;

	meet();
	if (me())
		spin();
	hf_rpc_ack();
	while (hf_rpc_read_request(1) < 0)
		;
	__asm__ volatile("dsb ish\n\ttlbi vmalle1is\n\tdsb ish\n\tisb");
	if (read64(at) != read64(SECONDARY_RAM))
		FAIL("the primary's message is no table");
	for (i = 1; i < 8; i++)
		read64(at + i * BLOCK);
}

void off_while_running(void)
{
	static uint64_t words[512];
	unsigned int i;

	meet();
	if (!me()) {
		timer_spin_ns(MS);
		psci_system_off();
	}
	for (i = 0;; i++) {
		uint64_t x0 = random64();

		write64((uintptr_t)&words[(i + me()) % 512], x0);
		execute(NOP, &x0);
	}
}

/*
 * Words in the space of system instructions, or any; HVC and SMC among them.
 * The registers hold addresses and small numbers.
 */
static uint32_t random_word(void)
{
	uint64_t r = random64();

	switch (r >> 60 & 7) {
	case 0:
		return (uint32_t)r;
	case 1:
		return HVC | (r & 0x1fffe0);
	case 2:
		return r & 1 ? HVC : SMC;
	default:
		return 0xd5000000 | (r & 0x3fffff);
	}
}

void random_words(void)
{
	uint64_t x0;
	unsigned int i;

	meet();
	for (i = 0; i < 3000; i++) {
		x0 = random64() >> (random64() & 63);
		execute(random_word(), &x0);
	}
	spin();
}
