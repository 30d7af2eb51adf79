/* SPDX-License-Identifier: BSD-3-Clause */
/* src/api.c: each hypercall by docs/abi.md, from the primary and secondaries.
 */
#include "unit.h"
#include "api.h"
#include "fake.h"
#include "life.h"

#define BIT32 (UINT64_C(1) << 32)

static struct vm *vm0, *vm1;

/* A board of two CPUs and three secondaries with three vCPUs each. */
static void start(void)
{
	fake_reset();
	fake_start(2, 3, 3);
	vm0 = &vm_secondary[0];
	vm1 = &vm_secondary[1];
}

static int64_t run(uint64_t vm, uint64_t vcpu)
{
	return fake_primary(HF_VCPU_RUN, vm, vcpu, 0);
}

static int64_t code(int64_t number, int64_t payload)
{
	return number | payload << HF_VCPU_CODE_BITS;
}

static const int64_t waits = HF_VCPU_WAIT_FOR_INTERRUPT;

static int64_t request(uint64_t vm, uint64_t size)
{
	return fake_primary(HF_RPC_REQUEST, vm, size, 0);
}

static void set_state(struct vm *vm, uint32_t vcpu, enum vcpu_state state)
{
	vm->vcpus[vcpu].state = state;
}

/* A call by a secondary's vCPU that runs, without leaving. Returns its x0. */
static uint64_t last_exit;

static int64_t call_by(struct vm *vm, uint64_t function, uint64_t a1,
		       uint64_t a2)
{
	last_exit = fake_hvc(&vm->vcpus[0], function, a1, a2, 0);
	return (int64_t)*fake_x(0);
}

static int64_t configure_primary(void)
{
	return fake_primary(HF_VM_CONFIGURE, fake_page(NULL, 0),
			    fake_page(NULL, 1), 0);
}

static int64_t configure(struct vm *vm)
{
	return call_by(vm, HF_VM_CONFIGURE, fake_page(vm, 0), fake_page(vm, 1));
}

/* start(), and the mailboxes of the primary, VM 0 and VM 1 are configured. */
static void start_configured(void)
{
	start();
	CHECK_EQ(configure_primary(), 0);
	CHECK_EQ(configure(vm0), 0);
	CHECK_EQ(configure(vm1), 0);
}

static uint8_t *send_page(const struct vm *vm)
{
	return fake_page_ptr(vm, 0);
}

static uint8_t *recv_page(const struct vm *vm)
{
	return fake_page_ptr(vm, 1);
}

static void fill(uint8_t *page, unsigned int seed)
{
	for (unsigned int i = 0; i < HF_MAILBOX_SIZE; i++)
		page[i] = (uint8_t)(seed + i * 7 + (i >> 8));
}

/* A script for a vCPU of a VM, which is made READY. */
static void give_script(struct vm *vm, uint32_t vcpu,
			const struct fake_step *script)
{
	set_state(vm, vcpu, VCPU_READY);
	fake_set_script(&vm->vcpus[vcpu], script);
}

static int64_t script_result(const struct vm *vm, uint32_t vcpu, uint32_t step)
{
	return vm->vcpus[vcpu].arch.result[step];
}

/* All that a call may change. */
struct snapshot {
	struct mailbox box[4];
	struct vcpu *waiters[4], *last[4];
	uint32_t state[3][3], aborted[4], maps;
	uint64_t x0[3][3], options;
	uint8_t pages[4][2][HF_MAILBOX_SIZE];
};

static struct vm *nth_vm(unsigned int i)
{
	return i ? &vm_secondary[i - 1] : &vm_primary;
}

static void take_snapshot(struct snapshot *s)
{
	memset(s, 0, sizeof(*s));
	for (unsigned int i = 0; i < 4; i++) {
		const struct vm *vm = nth_vm(i);

		s->box[i] = vm->mailbox;
		s->waiters[i] = vm->waiters;
		s->last[i] = vm->last_waiter;
		s->aborted[i] = vm->aborted;
		memcpy(s->pages[i][0], send_page(i ? vm : NULL), PAGE_SIZE);
		memcpy(s->pages[i][1], recv_page(i ? vm : NULL), PAGE_SIZE);
		for (unsigned int v = 0; i && v < 3; v++) {
			s->state[i - 1][v] = vm->vcpus[v].state;
			s->x0[i - 1][v] = vm->vcpus[v].arch.x[0];
		}
	}
	for (unsigned int i = 0; i < SLOT_COUNT; i++)
		s->maps += fake.slot[i].maps;
	s->options = vm_options;
}

static struct snapshot before, after;

#define CHECK_UNCHANGED()                                            \
	do {                                                         \
		take_snapshot(&after);                               \
		CHECK(memcmp(&before, &after, sizeof(before)) == 0); \
	} while (0)

/* --- the table --- */

TEST(rows)
{
	CHECK_EQ(API_FIRST, 0xff00);
	CHECK_EQ(API_COUNT, 9);
	for (unsigned int i = 0; i < API_COUNT; i++)
		CHECK(api_calls[i].primary && api_calls[i].secondary);
}

/* Calls that the other kind of VM may make are refused and change nothing. */
TEST(who_may)
{
	start_configured();
	take_snapshot(&before);
	CHECK_EQ(fake_primary(HF_RPC_READ_REQUEST, 0, 0, 0), -1);
	CHECK_EQ(fake_primary(HF_RPC_READ_REQUEST, 1, 0, 0), -1);
	CHECK_EQ(fake_primary(HF_RPC_REPLY, 0, 0, 0), -1);
	CHECK_EQ(call_by(vm0, HF_VCPU_RUN, 0, 0), waits);
	CHECK_EQ(last_exit, 0);
	CHECK_EQ(call_by(vm0, HF_VCPU_RUN, 1, 0), waits);
	CHECK_EQ(call_by(vm0, HF_RPC_REQUEST, 1, 0), -1);
	CHECK_EQ(last_exit, 0);
	CHECK_EQ(call_by(vm0, HF_SET_OPTIONS, 1, 0), -1);
	CHECK_EQ(last_exit, 0);
	CHECK_UNCHANGED();
}

/* --- counts --- */

/* Whether a vCPU's registers are zero. */
static bool is_wiped(const struct vcpu *vcpu)
{
	static const struct arch_vcpu none;

	return memcmp(&vcpu->arch, &none, sizeof(none)) == 0;
}

/* Before a reset: every secondary is stopped, and nothing is left of it. */
TEST(wipe_all)
{
	start();
	memset(fake_page_ptr(vm0, 0), 0x5e, FAKE_VM_SIZE);
	memset(fake_page_ptr(vm1, 0), 0xc7, FAKE_VM_SIZE);
	vm0->vcpus[1].arch.x[3] = 0x5ec7;
	vm_abort(vm1, HF_ABORT_FAULT);
	memset(fake_part(vm0, PART_KERNEL), 0x77, 3 * FAKE_KEPT_SIZE);
	vm_secondary[2].vcpu_count = 0;
	vm_wipe_all();
	CHECK_EQ(vm0->aborted, HF_ABORT_SYSTEM_RESET);
	CHECK_EQ(vm1->aborted, HF_ABORT_FAULT);
	for (unsigned int i = 0; i < FAKE_VM_SIZE; i++) {
		CHECK_EQ(((uint8_t *)fake_page_ptr(vm0, 0))[i], 0);
		CHECK_EQ(((uint8_t *)fake_page_ptr(vm1, 0))[i], 0);
	}
	for (unsigned int i = 0; i < 3 * FAKE_KEPT_SIZE; i++)
		CHECK_EQ(fake_part(vm0, PART_KERNEL)[i], 0);
	CHECK_EQ(fake_check_ptable(&vm0->stage2), 0);
	for (unsigned int i = 0; i < 2; i++) {
		CHECK(is_wiped(&vm0->vcpus[i]));
		CHECK(is_wiped(&vm1->vcpus[i]));
	}
	/* Nor does one come back meanwhile. */
	CHECK_EQ(life_start(vm0), -1);
	/* If there is no reset: they can be asked to run, and do not. */
	CHECK_EQ(fake_primary(HF_VCPU_RUN, 0, 0, 0) & HF_VCPU_CODE_MASK,
		 HF_VCPU_ABORTED);
}

/* A CPU that is in a VM saves its registers behind the revoke. */
static struct vcpu *leaving;

static void leave_late(enum fake_point point, void *object)
{
	if (point != FAKE_RELAX || ++fake.seconds < 2)
		return;
	leaving->arch.x[3] = 0x5ec7;
	vcpu_release(leaving, VCPU_READY);
}

static void never_leave(enum fake_point point, void *object)
{
	fake.seconds += point == FAKE_RELAX;
}

static void start_logged(void)
{
	start();
	log_init();
	log_console_ready();
	fake_clear_output();
}

TEST(wipe_waits)
{
	for (unsigned int i = 0; i < 3; i++) {
		start_logged();
		leaving = &vm0->vcpus[i];
		leaving->state = VCPU_RUNNING;
		fake.at = leave_late;
		vm_wipe_all();
		CHECK_EQ(leaving->state, VCPU_READY);
		CHECK(is_wiped(leaving));
		CHECK_EQ(fake.output_length, 0);
	}
}

/* Not for ever: a second, by a clock that may have been about to tick. */
TEST(wipe_gives_up)
{
	start_logged();
	vm0->vcpus[1].state = VCPU_RUNNING;
	fake.at = never_leave;
	vm_wipe_all();
	CHECK(fake_printed("vm0 vm0: registers may outlive the reset"));
	CHECK_EQ(fake.seconds, 2);
}

static size_t cleaned;

static void note_clean(const void *p, size_t size)
{
	if (p != vm0->vcpus)
		return;
	cleaned = size;
	for (unsigned int i = 0; i < 3; i++)
		CHECK(is_wiped(&vm0->vcpus[i]));
}

/* A reset drops caches: what is zero is so in memory, and no more than that. */
TEST(wipe_all_vcpus)
{
	struct vcpu *next;

	start();
	next = &vm_vcpu_room(0)[3];
	memset(next, 0x55, sizeof(*next));
	next->state = VCPU_RUNNING;
	cleaned = 0;
	fake.clean = note_clean;
	fake.at = never_leave;
	vm_wipe_all();
	CHECK_EQ(cleaned, 3 * sizeof(struct vcpu));
	CHECK_EQ(next->arch.x[0], UINT64_C(0x5555555555555555));
	CHECK_EQ(fake.seconds, 0);
}

/* CPU 1 is copying a message when the VM's memory goes. */
static bool copying;

static void copy_late(enum fake_point point, void *object)
{
	fake_be_cpu(1);
	if (point == FAKE_REVOKE && object == vm0 && !vm0->arch.revokes) {
		spin_lock(&vm0->lock);
		copying = true;
	} else if (point == FAKE_RELAX && copying) {
		memset(fake_page_ptr(vm0, 0), 0x5e, PAGE_SIZE);
		copying = false;
		spin_unlock(&vm0->lock);
	}
	fake_be_cpu(0);
}

TEST(wipe_after_copy)
{
	start();
	copying = false;
	fake.at = copy_late;
	vm_wipe_all();
	CHECK(!copying);
	CHECK_EQ(*(uint8_t *)fake_page_ptr(vm0, 0), 0);
}

/* A CPU that stopped the VM may not have come to taking its memory away. */
TEST(wipe_revokes)
{
	start();
	vm0->aborted = HF_ABORT_FAULT;
	vm_wipe_all();
	CHECK_EQ(vm0->arch.revokes, 1);
	CHECK_EQ(vm0->aborted, HF_ABORT_FAULT);
}

/* Behind the last VM there is none. */
TEST(wipe_no_other)
{
	start();
	vm_secondary[3].memory = paddr(FAKE_PRIMARY_BASE);
	vm_secondary[3].memory_size = PAGE_SIZE;
	memset(fake_page_ptr(NULL, 0), 0x77, PAGE_SIZE);
	vm_wipe_all();
	CHECK_EQ(*(uint8_t *)fake_page_ptr(NULL, 0), 0x77);
}

/* A VM that was left out: no table to revoke, perhaps no memory. */
TEST(wipe_left_out)
{
	start();
	vm0->vcpu_count = vm1->vcpu_count = 0;
	vm0->memory_size = 0;
	memset(fake_page_ptr(vm1, 0), 0xc7, FAKE_VM_SIZE);
	vm_wipe_all();
	CHECK_EQ(vm0->arch.revokes + vm1->arch.revokes, 0);
	CHECK_EQ(*(uint8_t *)fake_page_ptr(vm1, 0), 0);
}

TEST(vm_get_count)
{
	for (uint32_t n = 0; n <= MAX_VMS; n++) {
		fake_reset();
		fake_start(1, n, 1);
		CHECK_EQ(fake_primary(HF_VM_GET_COUNT, 0, 0, 0), n);
		if (n)
			CHECK_EQ(call_by(&vm_secondary[n - 1], HF_VM_GET_COUNT,
					 7, 7),
				 n);
		CHECK_EQ(last_exit, 0);
	}
}

TEST(vcpu_get_count)
{
	start();
	vm1->vcpu_count = 0;
	CHECK_EQ(fake_primary(HF_VCPU_GET_COUNT, 0, 0, 0), 3);
	CHECK_EQ(fake_primary(HF_VCPU_GET_COUNT, 1, 0, 0), 0);
	CHECK_EQ(fake_primary(HF_VCPU_GET_COUNT, 2, 0, 0), 3);
	CHECK_EQ(fake_primary(HF_VCPU_GET_COUNT, 3, 0, 0), -1);
	CHECK_EQ(fake_primary(HF_VCPU_GET_COUNT, MAX_VMS, 0, 0), -1);
	CHECK_EQ(fake_primary(HF_VCPU_GET_COUNT, 0xffffffff, 0, 0), -1);
	CHECK_EQ(call_by(vm0, HF_VCPU_GET_COUNT, 2, 0), 3);
	CHECK_EQ(call_by(vm0, HF_VCPU_GET_COUNT, 3, 0), -1);
}

/* A u32 argument: the upper half of the register does not count. */
TEST(u32_arguments)
{
	start_configured();
	for (unsigned int k = 32; k < 64; k++) {
		uint64_t high = UINT64_C(1) << k;

		CHECK_EQ(fake_primary(HF_VCPU_GET_COUNT, high, 0, 0), 3);
		CHECK_EQ(fake_primary(HF_VCPU_GET_COUNT, high + 3, 0, 0), -1);
		CHECK_EQ(call_by(vm0, HF_VCPU_GET_COUNT, high + 2, 0), 3);
		CHECK_EQ(run(high, high), HF_VCPU_YIELD);
		CHECK_EQ(run(high + 3, 0), waits);
		CHECK_EQ(run(0, high + 3), waits);
		CHECK_EQ(request(high + 3, 0), -1);
		CHECK_EQ(request(high + 1, 0), 0);
		CHECK_EQ(call_by(vm1, HF_RPC_READ_REQUEST, 0, 0), 0);
		CHECK_EQ(call_by(vm1, HF_RPC_ACK, 0, 0), 0);
	}
}

/* --- options --- */

TEST(options)
{
	start();
	CHECK_EQ(fake_primary(HF_SET_OPTIONS, HF_OPTION_MESSAGE_WANTED, 0, 0),
		 0);
	CHECK_EQ(fake_primary(HF_SET_OPTIONS, HF_OPTION_MESSAGE_WANTED, 0, 0),
		 HF_OPTION_MESSAGE_WANTED);
	for (unsigned int k = 2; k < 64; k++) {
		CHECK_EQ(fake_primary(HF_SET_OPTIONS, UINT64_C(1) << k, 0, 0),
			 -1);
		CHECK_EQ(fake_primary(HF_SET_OPTIONS, UINT64_C(1) << k | 1, 0,
				      0),
			 -1);
	}
	CHECK_EQ(vm_options, HF_OPTION_MESSAGE_WANTED);
	CHECK_EQ(fake_primary(HF_SET_OPTIONS, 0, 0, 0),
		 HF_OPTION_MESSAGE_WANTED);
	CHECK_EQ(vm_options, 0);
}

/* --- HF_VCPU_RUN --- */

TEST(run_wrong_arguments)
{
	static const uint64_t wrong[] = {
		3, 4, MAX_VCPUS, MAX_VMS, 0x7fffffff, 0x80000000, 0xffffffff};

	start();
	vm1->vcpu_count = 0; /* left out at boot */
	take_snapshot(&before);
	for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
		CHECK_EQ(run(wrong[i], 0), waits);
		CHECK_EQ(run(0, wrong[i]), waits);
		CHECK_EQ(run(wrong[i], wrong[i]), waits);
	}
	CHECK_EQ(run(1, 0), waits);
	CHECK_UNCHANGED();
}

TEST(run_states)
{
	start();
	for (unsigned int s = VCPU_OFF; s <= VCPU_WAITING; s++) {
		set_state(vm0, 1, (enum vcpu_state)s);
		CHECK_EQ(run(0, 1), s == VCPU_READY ? HF_VCPU_YIELD : waits);
		CHECK_EQ(vm0->vcpus[1].state, s);
	}
	CHECK_EQ(vm0->vcpus[1].arch.entries, 1);
}

/* It runs on the CPU that asked, and no other may have it meanwhile. */
static uint64_t check_this_cpu(struct vcpu *vcpu)
{
	CHECK(vcpu->cpu == &cpus[1]);
	CHECK_EQ(vcpu->state, VCPU_RUNNING);
	CHECK_EQ(run(0, 0), waits);
	return vcpu_exit(EXIT_WFI, 99);
}

TEST(run_on_this_cpu)
{
	start();
	fake_be_cpu(1);
	vm0->vcpus[0].arch.guest = check_this_cpu;
	CHECK_EQ(run(0, 0), code(HF_VCPU_WAIT_FOR_INTERRUPT, 99));
	CHECK_EQ(vm0->vcpus[0].state, VCPU_READY);
}

/* Every RUN of a stopped VM says so, of any vCPU in any state. */
TEST(run_aborted)
{
	for (uint32_t reason = 1; reason <= HF_ABORT_STOPPED; reason++) {
		start();
		vm_abort(vm0, reason);
		for (unsigned int i = 0; i < 3; i++)
			for (unsigned int s = 0; s <= VCPU_WAITING; s++) {
				set_state(vm0, i, (enum vcpu_state)s);
				CHECK_EQ(run(0, i),
					 code(HF_VCPU_ABORTED, reason));
			}
		CHECK_EQ(run(0, 3), waits);
		CHECK_EQ(run(1, 0), HF_VCPU_YIELD);
		CHECK_EQ(vm0->vcpus[0].arch.entries, 0);
	}
}

/* Registers survive being run, by two CPUs in turns. */
static uint64_t count_up(struct vcpu *vcpu)
{
	(void)vcpu;
	for (unsigned int i = 0; i < FAKE_REGS; i++)
		*fake_x(i) += i + 1;
	return vcpu_exit(EXIT_INTERRUPT, 0);
}

TEST(run_keeps_registers)
{
	start();
	vm0->vcpus[0].arch.guest = count_up;
	for (unsigned int n = 1; n <= 10; n++) {
		fake_be_cpu(n % 2);
		CHECK_EQ(run(0, 0), HF_VCPU_YIELD);
		for (unsigned int i = 0; i < FAKE_REGS; i++)
			CHECK_EQ(vm0->vcpus[0].arch.x[i], n * (i + 1));
	}
}

/* --- rule 1: HF_VM_CONFIGURE --- */

TEST(configure_pages)
{
	start();
	CHECK_EQ(configure_primary(), 0);
	CHECK(vm_primary.mailbox.send == send_page(NULL));
	CHECK(vm_primary.mailbox.recv == recv_page(NULL));
	CHECK_EQ(fake.slot[SLOT_MAILBOX].pa, FAKE_PRIMARY_BASE);
	CHECK_EQ(fake.slot[SLOT_MAILBOX].mode, MM_R);
	CHECK_EQ(fake.slot[SLOT_MAILBOX + 1].pa, FAKE_PRIMARY_BASE + 4096);
	CHECK_EQ(fake.slot[SLOT_MAILBOX + 1].mode, MM_R | MM_W);
	CHECK_EQ(vm_primary.mailbox.state, MAILBOX_IDLE);
}

TEST(configure_secondary)
{
	start();
	for (unsigned int i = 0; i < 3; i++) {
		const struct fake_slot *s =
			&fake.slot[SLOT_MAILBOX + 2 + 2 * i];

		CHECK_EQ(configure(&vm_secondary[i]), 0);
		CHECK_EQ(last_exit, 0);
		CHECK_EQ(s[0].pa, FAKE_VM_BASE + i * FAKE_VM_SIZE);
		CHECK_EQ(s[0].mode, MM_R);
		CHECK_EQ(s[1].pa, FAKE_VM_BASE + i * FAKE_VM_SIZE + 4096);
		CHECK_EQ(s[1].mode, MM_R | MM_W);
	}
	for (unsigned int i = 0; i < SLOT_COUNT; i++)
		CHECK_EQ(fake.slot[i].maps,
			 i >= SLOT_MAILBOX + 2 && i < SLOT_MAILBOX + 8);
}

/* Both slots of the last possible VM are its own, and in their region. */
TEST(configure_last_vm)
{
	fake_reset();
	fake_start(1, MAX_VMS, 1);
	CHECK_EQ(configure_primary(), 0);
	for (unsigned int i = 0; i < MAX_VMS; i++)
		CHECK_EQ(configure(&vm_secondary[i]), 0);
	for (unsigned int i = 0; i < SLOT_COUNT; i++)
		CHECK(fake.slot[i].maps <= 1);
	CHECK(SLOT_MAILBOX + 2 * (MAX_VMS + 1) <= SLOT_GICR);
	CHECK(SLOT_GICR + MAX_CPUS <= SLOT_COUNT);
}

TEST(configure_once)
{
	start();
	CHECK_EQ(configure_primary(), 0);
	CHECK_EQ(configure(vm0), 0);
	take_snapshot(&before);
	CHECK_EQ(configure_primary(), -1);
	CHECK_EQ(fake_primary(HF_VM_CONFIGURE, fake_page(NULL, 5),
			      fake_page(NULL, 6), 0),
		 -1);
	CHECK_EQ(configure(vm0), -1);
	CHECK_EQ(call_by(vm0, HF_VM_CONFIGURE, fake_page(vm0, 5),
			 fake_page(vm0, 6)),
		 -1);
	CHECK_UNCHANGED();
}

/* Any two pages of its own will do, in either order. */
TEST(configure_any_page)
{
	uint64_t last = FAKE_VM_SIZE / PAGE_SIZE - 1;

	start();
	CHECK_EQ(call_by(vm0, HF_VM_CONFIGURE, fake_page(vm0, last),
			 fake_page(vm0, 0)),
		 0);
	CHECK(vm0->mailbox.send == fake_page_ptr(vm0, last));
	CHECK(vm0->mailbox.recv == fake_page_ptr(vm0, 0));
}

/* The page at `bad` is refused as send page and as receive page. */
static void check_bad_page(struct vm *vm, uint64_t bad)
{
	uint64_t good = fake_page(vm == &vm_primary ? NULL : vm, 3);

	take_snapshot(&before);
	if (vm == &vm_primary) {
		CHECK_EQ(fake_primary(HF_VM_CONFIGURE, bad, good, 0), -1);
		CHECK_EQ(fake_primary(HF_VM_CONFIGURE, good, bad, 0), -1);
	} else {
		CHECK_EQ(call_by(vm, HF_VM_CONFIGURE, bad, good), -1);
		CHECK_EQ(call_by(vm, HF_VM_CONFIGURE, good, bad), -1);
		CHECK_EQ(last_exit, 0);
	}
	CHECK_UNCHANGED();
}

TEST(configure_same_page)
{
	start();
	check_bad_page(&vm_primary, fake_page(NULL, 3));
	check_bad_page(vm0, fake_page(vm0, 3));
}

TEST(configure_unaligned)
{
	start();
	for (unsigned int k = 0; k < PAGE_BITS; k++) {
		check_bad_page(&vm_primary, fake_page(NULL, 0) + (1u << k));
		check_bad_page(vm0, fake_page(vm0, 0) + (1u << k));
	}
	check_bad_page(vm0, fake_page(vm0, 0) + 4095);
	/* Not the same number, and yet the same page. */
	check_bad_page(vm0, fake_page(vm0, 3) + 8);
}

/* Every address of one bit, and every other high bit on a good address. */
TEST(configure_powers_of_two)
{
	start();
	for (unsigned int k = 0; k < 64; k++) {
		uint64_t bit = UINT64_C(1) << k;

		if (bit != HF_SECONDARY_RAM_BASE) {
			check_bad_page(vm0, bit);
			check_bad_page(&vm_primary, bit);
		}
		if (k >= 30) {
			check_bad_page(vm0, fake_page(vm0, 1) ^ bit);
			check_bad_page(&vm_primary, fake_page(NULL, 1) ^ bit);
		}
	}
	check_bad_page(vm0, 0);
	check_bad_page(&vm_primary, 0);
	check_bad_page(vm0, ~UINT64_C(0) << PAGE_BITS);
	check_bad_page(&vm_primary, ~UINT64_C(0) << PAGE_BITS);
}

TEST(configure_not_its_own)
{
	start();
	check_bad_page(vm0, HF_SECONDARY_RAM_BASE - PAGE_SIZE);
	check_bad_page(vm0, HF_SECONDARY_RAM_BASE + FAKE_VM_SIZE);
	check_bad_page(&vm_primary, FAKE_DEVICE);
	check_bad_page(&vm_primary, FAKE_RAM_BASE); /* the hypervisor's */
	check_bad_page(&vm_primary, FAKE_PRIMARY_BASE - PAGE_SIZE);
	check_bad_page(&vm_primary, FAKE_PRIMARY_BASE + FAKE_PRIMARY_SIZE);
	check_bad_page(&vm_primary, FAKE_VM_BASE);
	check_bad_page(&vm_primary, FAKE_VM_BASE + 2 * FAKE_VM_SIZE);
	check_bad_page(&vm_primary, FAKE_RAM_BASE + FAKE_RAM_SIZE);
}

/* Anything but normal memory with all rights: device, read-only, write-only. */
TEST(configure_modes)
{
	start();
	for (unsigned int mode = 1; mode < 16; mode++) {
		CHECK(ptable_map(&vm0->stage2, fake_page(vm0, 7), PAGE_SIZE,
				 paddr(FAKE_VM_BASE + 7 * PAGE_SIZE), mode));
		if (mode != MM_NORMAL_RWX)
			check_bad_page(vm0, fake_page(vm0, 7));
	}
	CHECK_EQ(call_by(vm0, HF_VM_CONFIGURE, fake_page(vm0, 6),
			 fake_page(vm0, 7)),
		 -1);
}

/* --- rule 2: HF_RPC_REQUEST --- */

static const uint64_t sizes[] = {0, 1, 7, 8, 9, 63, 64, 100, 4095, 4096};

TEST(request_pending)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t size = sizes[i];

		start_configured();
		fill(send_page(NULL), 1);
		memset(recv_page(vm1), 0xee, HF_MAILBOX_SIZE);
		CHECK_EQ(request(1, size), 0);
		CHECK_EQ(vm1->arch.signals, 1);
		CHECK_EQ(vm0->arch.signals, 0);
		CHECK_EQ(vm1->mailbox.state, MAILBOX_PENDING);
		CHECK(memcmp(recv_page(vm1), send_page(NULL), size) == 0);
		/* Only `size` bytes are touched. */
		for (uint64_t b = size; b < HF_MAILBOX_SIZE; b++)
			CHECK_EQ(recv_page(vm1)[b], 0xee);
		CHECK_EQ(vm0->mailbox.state, MAILBOX_IDLE);
		CHECK_EQ(vm_primary.mailbox.state, MAILBOX_IDLE);
		CHECK_EQ(call_by(vm1, HF_RPC_READ_REQUEST, 0, 0), size);
		CHECK_EQ(vm1->mailbox.state, MAILBOX_INFLIGHT);
	}
}

TEST(request_wrong_arguments)
{
	static const uint64_t big[] = {
		4097,	     8192,  65536,     0x7fffffff,   0x80000000,
		0xffffffff,  BIT32, BIT32 + 1, BIT32 + 4096, ~UINT64_C(0) - 1,
		~UINT64_C(0)};

	start_configured();
	take_snapshot(&before);
	for (unsigned int i = 0; i < ARRAY_SIZE(big); i++)
		CHECK_EQ(request(0, big[i]), -1);
	for (unsigned int k = 13; k < 64; k++)
		CHECK_EQ(request(0, UINT64_C(1) << k), -1);
	CHECK_EQ(request(3, 0), -1);
	CHECK_EQ(request(MAX_VMS, 0), -1);
	CHECK_EQ(request(0xffffffff, 0), -1);
	CHECK_EQ(request(2, 0), -1); /* not configured */
	CHECK_UNCHANGED();
}

TEST(request_primary_not_configured)
{
	start();
	CHECK_EQ(configure(vm0), 0);
	take_snapshot(&before);
	CHECK_EQ(request(0, 0), -1);
	CHECK_UNCHANGED();
}

TEST(request_only_if_idle)
{
	start_configured();
	CHECK_EQ(request(0, 10), 0);
	take_snapshot(&before);
	CHECK_EQ(request(0, 20), -1); /* pending */
	CHECK_UNCHANGED();
	CHECK_EQ(call_by(vm0, HF_RPC_READ_REQUEST, 0, 0), 10);
	take_snapshot(&before);
	CHECK_EQ(request(0, 20), -1); /* inflight */
	CHECK_UNCHANGED();
	CHECK_EQ(call_by(vm0, HF_RPC_ACK, 0, 0), 0);
	CHECK_EQ(request(0, 20), 0);
	CHECK_EQ(call_by(vm0, HF_RPC_READ_REQUEST, 0, 0), 20);
}

/* A request that is refused leaves the message that is there. */
TEST(request_refused_writes_nothing)
{
	static uint8_t before[HF_MAILBOX_SIZE];

	start_configured();
	fill(send_page(NULL), 1);
	CHECK_EQ(request(0, 100), 0);
	memcpy(before, recv_page(vm0), HF_MAILBOX_SIZE);
	fill(send_page(NULL), 2);
	CHECK_EQ(request(0, HF_MAILBOX_SIZE), -1);
	CHECK(memcmp(before, recv_page(vm0), HF_MAILBOX_SIZE) == 0);
}

TEST(request_aborted)
{
	start_configured();
	vm_abort(vm0, HF_ABORT_FAULT);
	take_snapshot(&before);
	CHECK_EQ(request(0, 0), -1);
	CHECK_UNCHANGED();
	CHECK_EQ(request(1, 0), 0);
}

static const struct fake_step read_and_yield[] = {
	{HF_RPC_READ_REQUEST, 1, 0, 0, 0},
	FAKE_END,
};

/* Waiters are served first in first out, whatever their index. */
TEST(request_wakes_in_order)
{
	static const uint32_t order[] = {2, 0, 1};

	start_configured();
	for (unsigned int i = 0; i < 3; i++) {
		give_script(vm0, order[i], read_and_yield);
		CHECK_EQ(run(0, order[i]), waits);
		CHECK_EQ(vm0->vcpus[order[i]].state, VCPU_WAITING);
		CHECK_EQ(run(0, order[i]), waits);
	}
	fill(send_page(NULL), 3);
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQ(request(0, 100 + i), order[i] + 1);
		CHECK_EQ(vm0->arch.signals, 0);
		CHECK_EQ(vm0->mailbox.state, MAILBOX_INFLIGHT);
		CHECK_EQ(vm0->vcpus[order[i]].state, VCPU_READY);
		CHECK_EQ(request(0, 5), -1);
		CHECK_EQ(run(0, order[i]), HF_VCPU_YIELD);
		CHECK_EQ(script_result(vm0, order[i], 0), 100 + i);
		CHECK(memcmp(recv_page(vm0), send_page(NULL), 100 + i) == 0);
		CHECK_EQ(call_by(vm0, HF_RPC_ACK, 0, 0), 0);
	}
	CHECK_EQ(request(0, 5), 0);
}

/* --- rule 3: HF_RPC_READ_REQUEST --- */

TEST(read_not_configured)
{
	start();
	CHECK_EQ(call_by(vm0, HF_RPC_READ_REQUEST, 0, 0), -1);
	CHECK_EQ(last_exit, 0);
	CHECK_EQ(call_by(vm0, HF_RPC_READ_REQUEST, 1, 0), -1);
	CHECK_EQ(last_exit, 0);
}

TEST(read_not_blocking)
{
	start_configured();
	take_snapshot(&before);
	CHECK_EQ(call_by(vm0, HF_RPC_READ_REQUEST, 0, 0), -1);
	CHECK_EQ(last_exit, 0);
	CHECK_UNCHANGED();
	CHECK_EQ(request(0, 0), 0);
	CHECK_EQ(call_by(vm0, HF_RPC_READ_REQUEST, 0, 0), 0);
	CHECK_EQ(last_exit, 0);
	/* To one reader only. */
	CHECK_EQ(call_by(vm0, HF_RPC_READ_REQUEST, 0, 0), -1);
	CHECK_EQ(vm0->mailbox.state, MAILBOX_INFLIGHT);
}

/* What is pending is had at once, blocking or not. */
TEST(read_blocking_pending)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		start_configured();
		CHECK_EQ(request(0, sizes[i]), 0);
		give_script(vm0, 0, read_and_yield);
		CHECK_EQ(run(0, 0), HF_VCPU_YIELD);
		CHECK_EQ(script_result(vm0, 0, 0), sizes[i]);
		CHECK_EQ(vm0->vcpus[0].arch.entries, 1);
	}
}

TEST(read_blocks)
{
	start_configured();
	give_script(vm0, 0, read_and_yield);
	CHECK_EQ(run(0, 0), waits);
	CHECK_EQ(vm0->vcpus[0].state, VCPU_WAITING);
	CHECK_EQ(vm0->mailbox.state, MAILBOX_IDLE);
	CHECK_EQ(request(0, 0), 1);
	CHECK_EQ(run(0, 0), HF_VCPU_YIELD);
	CHECK_EQ(script_result(vm0, 0, 0), 0);
}

TEST(read_blocks_wanted)
{
	start_configured();
	CHECK_EQ(fake_primary(HF_SET_OPTIONS, HF_OPTION_MESSAGE_WANTED, 0, 0),
		 0);
	give_script(vm0, 0, read_and_yield);
	CHECK_EQ(run(0, 0), HF_VCPU_MESSAGE_WANTED);
	CHECK_EQ(run(0, 0), waits);
}

/* With a message inflight a blocking read waits too, and has the next one. */
TEST(read_blocks_inflight)
{
	start_configured();
	CHECK_EQ(request(0, 1), 0);
	CHECK_EQ(call_by(vm0, HF_RPC_READ_REQUEST, 0, 0), 1);
	give_script(vm0, 1, read_and_yield);
	CHECK_EQ(run(0, 1), waits);
	CHECK_EQ(vm0->vcpus[1].state, VCPU_WAITING);
	CHECK_EQ(call_by(vm0, HF_RPC_ACK, 0, 0), 0);
	CHECK_EQ(vm0->vcpus[1].state, VCPU_WAITING);
	CHECK_EQ(request(0, 2), 2);
	CHECK_EQ(run(0, 1), HF_VCPU_YIELD);
	CHECK_EQ(script_result(vm0, 1, 0), 2);
}

/*
 * The window between "nothing is pending" and "it waits": a request that
 * arrives there is the read's result, and is not lost.
 */
static enum fake_point request_at;
static uint64_t request_size;
static int64_t requested;

static void request_in_window(enum fake_point point, void *object)
{
	const struct vcpu *vcpu = object;

	if (point == request_at && vcpu->arch.entries == 1)
		requested = request(vcpu->vm->index, request_size);
}

static void check_window(enum fake_point point, uint64_t size)
{
	start_configured();
	fill(send_page(NULL), 9);
	give_script(vm0, 0, read_and_yield);
	request_at = point;
	request_size = size;
	fake.at = request_in_window;
	CHECK_EQ(run(0, 0), HF_VCPU_YIELD);
	CHECK_EQ(requested, 0);
	CHECK_EQ(script_result(vm0, 0, 0), size);
	CHECK_EQ(vm0->vcpus[0].arch.entries, 2);
	CHECK_EQ(vm0->mailbox.state, MAILBOX_INFLIGHT);
	CHECK(vm0->waiters == NULL);
	CHECK(memcmp(recv_page(vm0), send_page(NULL), size) == 0);
}

TEST(read_window)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		check_window(FAKE_LEAVING, sizes[i]);
		check_window(FAKE_SAVED, sizes[i]);
	}
}

/* In the same window another vCPU takes it: the first one waits after all. */
static void steal_in_window(enum fake_point point, void *object)
{
	struct vcpu *vcpu = object;

	if (point != FAKE_SAVED || vcpu->index != 0)
		return;
	CHECK_EQ(request(0, 55), 0);
	CHECK_EQ(call_by(vm0, HF_RPC_READ_REQUEST, 0, 0), 55);
}

TEST(read_window_stolen)
{
	start_configured();
	give_script(vm0, 0, read_and_yield);
	fake.at = steal_in_window;
	CHECK_EQ(run(0, 0), waits);
	CHECK_EQ(vm0->vcpus[0].state, VCPU_WAITING);
	CHECK_EQ(vm0->mailbox.state, MAILBOX_INFLIGHT);
}

/* A waiter comes before one that reads later: the message is its own. */
TEST(read_after_waiter)
{
	start_configured();
	give_script(vm0, 0, read_and_yield);
	CHECK_EQ(run(0, 0), waits);
	CHECK_EQ(request(0, 8), 1);
	CHECK_EQ(call_by(vm0, HF_RPC_READ_REQUEST, 0, 0), -1);
	CHECK_EQ(run(0, 0), HF_VCPU_YIELD);
	CHECK_EQ(script_result(vm0, 0, 0), 8);
}

/* --- rule 4: HF_RPC_REPLY --- */

static const struct fake_step serve[] = {
	{HF_RPC_READ_REQUEST, 1, 0, 0, 0},
	{HF_RPC_REPLY, 64, 1, 0, 0},
	FAKE_END,
};

TEST(reply)
{
	start_configured();
	give_script(vm0, 0, serve);
	CHECK_EQ(request(0, 10), 0);
	fill(send_page(vm0), 4);
	memset(recv_page(NULL), 0xee, HF_MAILBOX_SIZE);
	CHECK_EQ(run(0, 0), code(HF_VCPU_RESPONSE_READY, 64));
	CHECK_EQ(vm0->vcpus[0].state, VCPU_READY);
	CHECK(memcmp(recv_page(NULL), send_page(vm0), 64) == 0);
	for (unsigned int b = 64; b < HF_MAILBOX_SIZE; b++)
		CHECK_EQ(recv_page(NULL)[b], 0xee);
	CHECK_EQ(vm_primary.mailbox.state, MAILBOX_INFLIGHT);
	CHECK_EQ(vm0->mailbox.state, MAILBOX_IDLE);
	CHECK_EQ(run(0, 0), HF_VCPU_YIELD);
	CHECK_EQ(script_result(vm0, 0, 1), 0);
	CHECK_EQ(fake_primary(HF_RPC_ACK, 0, 0, 0), 0);
	CHECK_EQ(vm_primary.mailbox.state, MAILBOX_IDLE);
	CHECK_EQ(fake_primary(HF_RPC_ACK, 0, 0, 0), -1);
}

TEST(reply_sizes)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		start_configured();
		fill(send_page(vm0), i);
		CHECK_EQ(call_by(vm0, HF_RPC_REPLY, sizes[i], 0), 0);
		CHECK_EQ(last_exit, vcpu_exit(EXIT_REPLIED, sizes[i]));
		CHECK(memcmp(recv_page(NULL), send_page(vm0), sizes[i]) == 0);
	}
}

/* A reply that fails changes nothing, the acknowledgement included. */
static void check_bad_reply(struct vm *vm, uint64_t size, uint64_t ack)
{
	take_snapshot(&before);
	CHECK_EQ(call_by(vm, HF_RPC_REPLY, size, ack), -1);
	CHECK_EQ(last_exit, 0);
	CHECK_UNCHANGED();
}

/* VM 0 has a request inflight. */
static void start_inflight(void)
{
	start_configured();
	CHECK_EQ(request(0, 10), 0);
	CHECK_EQ(call_by(vm0, HF_RPC_READ_REQUEST, 0, 0), 10);
}

TEST(reply_too_large)
{
	start_inflight();
	check_bad_reply(vm0, 4097, 1);
	check_bad_reply(vm0, 0x80000000, 1);
	check_bad_reply(vm0, BIT32, 1);
	check_bad_reply(vm0, BIT32 + 8, 1);
	check_bad_reply(vm0, ~UINT64_C(0), 1);
	for (unsigned int k = 13; k < 64; k++)
		check_bad_reply(vm0, UINT64_C(1) << k, 1);
}

TEST(reply_not_configured)
{
	start();
	CHECK_EQ(configure(vm0), 0);
	check_bad_reply(vm0, 0, 0); /* the primary is not */
	CHECK_EQ(configure_primary(), 0);
	check_bad_reply(vm1, 0, 0); /* the replier is not */
}

TEST(reply_primary_busy)
{
	start_inflight();
	CHECK_EQ(call_by(vm1, HF_RPC_REPLY, 1, 0), 0);
	check_bad_reply(vm0, 5, 1);
	CHECK_EQ(vm0->mailbox.state, MAILBOX_INFLIGHT);
	CHECK_EQ(fake_primary(HF_RPC_ACK, 0, 0, 0), 0);
	CHECK_EQ(call_by(vm0, HF_RPC_REPLY, 5, 1), 0);
	CHECK_EQ(vm0->mailbox.state, MAILBOX_IDLE);
}

TEST(reply_without_ack)
{
	start_inflight();
	CHECK_EQ(call_by(vm0, HF_RPC_REPLY, 5, 0), 0);
	CHECK_EQ(vm0->mailbox.state, MAILBOX_INFLIGHT);
	CHECK_EQ(call_by(vm0, HF_RPC_ACK, 0, 0), 0);
}

/* Any value but 0 acknowledges. */
TEST(reply_ack_values)
{
	static const uint64_t acks[] = {1, 2, 0x80000000, BIT32, ~UINT64_C(0)};

	for (unsigned int i = 0; i < ARRAY_SIZE(acks); i++) {
		start_inflight();
		CHECK_EQ(call_by(vm0, HF_RPC_REPLY, 5, acks[i]), 0);
		CHECK_EQ(vm0->mailbox.state, MAILBOX_IDLE);
	}
}

/* A secondary may speak first, and may say that it acknowledges nothing. */
TEST(reply_without_request)
{
	start_configured();
	CHECK_EQ(call_by(vm0, HF_RPC_REPLY, 5, 1), 0);
	CHECK_EQ(vm0->mailbox.state, MAILBOX_IDLE);
	CHECK_EQ(vm_primary.mailbox.state, MAILBOX_INFLIGHT);
}

/* What is only pending was read by nobody: it stays. */
TEST(reply_ack_pending)
{
	start_configured();
	CHECK_EQ(request(0, 10), 0);
	CHECK_EQ(call_by(vm0, HF_RPC_REPLY, 5, 1), 0);
	CHECK_EQ(vm0->mailbox.state, MAILBOX_PENDING);
	CHECK_EQ(call_by(vm0, HF_RPC_READ_REQUEST, 0, 0), 10);
}

/* The primary is told of a reply also if the VM is stopped at that moment. */
static void abort_when_left(enum fake_point point, void *object)
{
	if (point == FAKE_LEAVING)
		vm_abort(((struct vcpu *)object)->vm, HF_ABORT_SYSTEM_OFF);
}

TEST(reply_then_abort)
{
	start_configured();
	CHECK_EQ(request(0, 10), 0);
	give_script(vm0, 0, serve);
	fake.at = abort_when_left;
	CHECK_EQ(run(0, 0), code(HF_VCPU_RESPONSE_READY, 64));
	CHECK_EQ(vm_primary.mailbox.state, MAILBOX_INFLIGHT);
	CHECK_EQ(run(0, 0), code(HF_VCPU_ABORTED, HF_ABORT_SYSTEM_OFF));
}

/* --- rule 5: HF_RPC_ACK --- */

TEST(ack)
{
	start_configured();
	take_snapshot(&before);
	CHECK_EQ(call_by(vm0, HF_RPC_ACK, 0, 0), -1);
	CHECK_EQ(fake_primary(HF_RPC_ACK, 0, 0, 0), -1);
	CHECK_UNCHANGED();
	CHECK_EQ(request(0, 1), 0);
	CHECK_EQ(request(1, 2), 0);
	take_snapshot(&before);
	CHECK_EQ(call_by(vm0, HF_RPC_ACK, 0, 0), -1); /* pending */
	CHECK_UNCHANGED();
	CHECK_EQ(call_by(vm0, HF_RPC_READ_REQUEST, 0, 0), 1);
	CHECK_EQ(call_by(vm0, HF_RPC_ACK, 0, 0), 0);
	CHECK_EQ(vm0->mailbox.state, MAILBOX_IDLE);
	CHECK_EQ(vm1->mailbox.state, MAILBOX_PENDING);
	CHECK_EQ(last_exit, 0);
	CHECK_EQ(call_by(vm0, HF_RPC_ACK, 0, 0), -1);
}

TEST(ack_not_configured)
{
	start();
	CHECK_EQ(call_by(vm0, HF_RPC_ACK, 0, 0), -1);
	CHECK_EQ(fake_primary(HF_RPC_ACK, 0, 0, 0), -1);
}

/* --- VMs are apart --- */

/* Two VMs in conversation do not see each other's messages. */
TEST(two_vms)
{
	start_configured();
	fill(send_page(NULL), 1);
	CHECK_EQ(request(0, 4096), 0);
	fill(send_page(NULL), 2);
	CHECK_EQ(request(1, 100), 0);
	CHECK_EQ(call_by(vm1, HF_RPC_READ_REQUEST, 0, 0), 100);
	CHECK_EQ(call_by(vm0, HF_RPC_READ_REQUEST, 0, 0), 4096);
	CHECK(memcmp(recv_page(vm1), send_page(NULL), 100) == 0);
	CHECK_EQ(recv_page(vm1)[100], 0);
	CHECK(memcmp(recv_page(vm0), recv_page(vm1), 100) != 0);
}

/* --- unknown calls --- */

TEST(unknown)
{
	static const uint64_t numbers[] = {0,	   0xfeff,     0xff09,
					   0xffff, 0x8000ff00, 0xffffffff};

	start_configured();
	take_snapshot(&before);
	for (unsigned int i = 0; i < ARRAY_SIZE(numbers); i++) {
		CHECK_EQ(fake_primary(numbers[i], 0, 0, 0), -1);
		CHECK_EQ(call_by(vm0, numbers[i], 0, 0), -1);
	}
	CHECK_UNCHANGED();
}
