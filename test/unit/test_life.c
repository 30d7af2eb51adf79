/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * src/life.c: VMs that are stopped and started anew. Caches are made here as in
 * test_load.c: what is not cleaned is not in `memory`.
 */
#include "unit.h"
#include "api.h"
#include "fake.h"
#include "life.h"
#include "log.h"
#include "manage.h"

#define PIECES (FAKE_VM_SIZE / LIFE_PIECE)

static uint8_t memory[FAKE_RAM_SIZE];
static struct vm *vm;
static uint32_t syncs_at_clean;

static void clean(const void *p, size_t size)
{
	memcpy(memory + ((uintptr_t)p - FAKE_RAM_BASE), p, size);
	syncs_at_clean = fake.instruction_syncs;
}

/* Two CPUs, three VMs with three vCPUs each; something to load. */
static void start(void)
{
	fake_reset();
	log_init();
	fake_start(2, 3, 3);
	vm = &vm_secondary[1];
	for (unsigned int i = 0; i < PART_COUNT; i++)
		for (uint64_t n = 0; n < vm->parts[i].size; n++)
			fake_part(vm, i)[n] = (char)(i * 50 + n % 47 + 1);
	memset(memory, 0x5a, sizeof(memory));
	memset(fake_ram(vm->memory.pa), 0xa5, FAKE_VM_SIZE);
	fake.clean = clean;
}

static int64_t call(uint64_t number, uint64_t index)
{
	uint64_t x[4] = {number, index, ~UINT64_C(0), ~UINT64_C(0)};

	CHECK(manage_call(x));
	CHECK_EQ(x[1] | x[2] | x[3], 0);
	return (int64_t)x[0];
}

static int64_t stop(void)
{
	return call(HF_VM_STOP, 1);
}

static int64_t begin(void)
{
	return call(HF_VM_START, 1);
}

static int64_t state(void)
{
	return call(HF_VM_GET_STATE, 1);
}

static int64_t reason(int64_t what, int64_t why)
{
	return what | why << HF_VM_REASON_SHIFT;
}

static void start_whole(void)
{
	for (unsigned int i = 1; i < PIECES; i++)
		CHECK_EQ(begin(), HF_AGAIN);
	CHECK_EQ(begin(), HF_DONE);
}

/* What of the VM's memory byte `n` has to be. */
static uint8_t wanted(uint64_t n)
{
	for (unsigned int i = 0; i < PART_COUNT; i++) {
		uint64_t at = n - (vm->parts[i].at.ipa - HF_SECONDARY_RAM_BASE);

		if (at < vm->parts[i].size)
			return (uint8_t)(i * 50 + at % 47 + 1);
	}
	return 0;
}

static void check_memory(void)
{
	const uint8_t *seen = memory + (vm->memory.pa - FAKE_RAM_BASE);

	for (uint64_t n = 0; n < FAKE_VM_SIZE; n++)
		if (seen[n] != wanted(n))
			CHECK_EQ(n, ~UINT64_C(0));
	/* Nobody else's */
	CHECK_EQ(seen[-1], 0x5a);
	CHECK_EQ(seen[FAKE_VM_SIZE], 0x5a);
}

TEST(whole_life)
{
	start();
	CHECK_EQ(state(), HF_VM_RUNNING);
	CHECK_EQ(stop(), HF_DONE);
	CHECK_EQ(state(), reason(HF_VM_STOPPED, HF_ABORT_STOPPED));
	CHECK_EQ(vm->arch.revokes, 1);
	CHECK_EQ(begin(), HF_AGAIN);
	CHECK_EQ(state(), reason(HF_VM_STARTING, HF_ABORT_STOPPED));
	CHECK_EQ(vm->arch.restores, 0);
	for (unsigned int i = 2; i < PIECES; i++)
		CHECK_EQ(begin(), HF_AGAIN);
	CHECK_EQ(begin(), HF_DONE);
	CHECK_EQ(state(), HF_VM_RUNNING);
	CHECK_EQ(begin(), -1);
	check_memory();
	CHECK_EQ(vm->arch.restores, 1);
	CHECK(fake.instruction_syncs > syncs_at_clean);
	CHECK_EQ(ptable_walk(&vm->stage2, HF_SECONDARY_RAM_BASE).mode,
		 MM_NORMAL_RWX);
}

/* The pieces of memory are as large as is said, and one is done by a call. */
TEST(one_piece_a_call)
{
	start();
	stop();
	for (unsigned int i = 1; i <= PIECES; i++) {
		fake.zeroed = 0;
		CHECK_EQ(begin(), i == PIECES ? HF_DONE : HF_AGAIN);
		CHECK_EQ(fake.zeroed, 1);
	}
}

/* A VM whose memory is no multiple of a piece. */
TEST(last_piece)
{
	start();
	vm->memory_size = LIFE_PIECE + PAGE_SIZE;
	vm->parts[PART_RAMDISK].size = vm->parts[PART_TREE].size = 0;
	stop();
	CHECK_EQ(begin(), HF_AGAIN);
	CHECK_EQ(begin(), HF_DONE);
	CHECK_EQ(memory[vm->memory.pa - FAKE_RAM_BASE + LIFE_PIECE], 0);
	CHECK_EQ(memory[vm->memory.pa - FAKE_RAM_BASE + LIFE_PIECE + PAGE_SIZE],
		 0x5a);
}

/* Nothing but the memory that is being loaded, and its copy, is shown. */
TEST(windows_are_closed)
{
	start();
	stop();
	start_whole();
	for (unsigned int i = SLOT_LOAD_TO; i < SLOT_COUNT; i++)
		CHECK_EQ(fake.slot[i].pa, 0);
}

TEST(vcpus)
{
	static const struct fake_step nothing[] = {FAKE_END};

	start();
	vm->vcpus[1].state = VCPU_READY;
	vm->vcpus[1].unfinished = vcpu_exit(EXIT_READ, 0);
	vm->vcpus[0].arch.x[0] = vm->vcpus[0].arch.entry = 77;
	stop();
	start_whole();
	CHECK_EQ(vm->vcpus[0].state, VCPU_READY);
	CHECK_EQ(vm->vcpus[1].state, VCPU_OFF);
	CHECK_EQ(vm->vcpus[2].state, VCPU_OFF);
	CHECK_EQ(vm->vcpus[1].unfinished, 0);
	CHECK_EQ(vm->vcpus[0].arch.entry, vm->parts[PART_KERNEL].at.ipa);
	CHECK_EQ(vm->vcpus[0].arch.x[0], vm->parts[PART_TREE].at.ipa);
	CHECK_EQ(vm->arch.inits, 2);
	CHECK_EQ(vm->arch.id, 2);
	CHECK_EQ(vm->arch.console_resets, 2);
	fake_set_script(&vm->vcpus[0], nothing);
	CHECK_EQ(fake_primary(HF_VCPU_RUN, 1, 0, 0), HF_VCPU_YIELD);
	CHECK_EQ(fake_primary(HF_VCPU_RUN, 1, 1, 0),
		 HF_VCPU_WAIT_FOR_INTERRUPT);
}

/* --- mailboxes --- */

static void configure(void)
{
	fake_hvc(&vm->vcpus[0], HF_VM_CONFIGURE, fake_page(vm, 0),
		 fake_page(vm, 1), 0);
	CHECK_EQ(*fake_x(0), 0);
	fake_primary(HF_VM_CONFIGURE, fake_page(NULL, 0), fake_page(NULL, 1),
		     0);
}

static int64_t request(void)
{
	return fake_primary(HF_RPC_REQUEST, 1, 8, 0);
}

static void check_no_mailbox(void)
{
	static const struct mailbox none;
	unsigned int slot = SLOT_MAILBOX + 4;

	CHECK(memcmp(&vm->mailbox, &none, sizeof(none)) == 0);
	CHECK_EQ(fake.slot[slot].pa, 0);
	CHECK_EQ(fake.slot[slot + 1].pa, 0);
	CHECK(vm->waiters == NULL);
}

TEST(pending_request)
{
	start();
	configure();
	CHECK_EQ(request(), 0);
	stop();
	CHECK_EQ(request(), -1);
	begin();
	check_no_mailbox();
	CHECK_EQ(request(), -1);
	while (begin() == HF_AGAIN)
		;
	/* It has no mailbox yet; then it has one, and nothing in it. */
	CHECK_EQ(request(), -1);
	fake_hvc(&vm->vcpus[0], HF_VM_CONFIGURE, fake_page(vm, 2),
		 fake_page(vm, 3), 0);
	CHECK_EQ(*fake_x(0), 0);
	fake_hvc(&vm->vcpus[0], HF_RPC_READ_REQUEST, 0, 0, 0);
	CHECK_EQ((int64_t)*fake_x(0), -1);
	CHECK_EQ(request(), 0);
}

TEST(waiters)
{
	static const struct fake_step reads[] = {
		{HF_RPC_READ_REQUEST, 1, 0, 0, 0}, FAKE_END};

	start();
	configure();
	for (unsigned int i = 0; i < 2; i++) {
		vm->vcpus[i].state = VCPU_READY;
		fake_set_script(&vm->vcpus[i], reads);
		CHECK_EQ(fake_primary(HF_VCPU_RUN, 1, i, 0),
			 HF_VCPU_WAIT_FOR_INTERRUPT);
		CHECK_EQ(vm->vcpus[i].state, VCPU_WAITING);
	}
	stop();
	start_whole();
	check_no_mailbox();
	CHECK_EQ(vm->vcpus[1].state, VCPU_OFF);
	/* A request of the new life finds those who wait then. */
	configure();
	vm->vcpus[0].state = VCPU_READY;
	fake_set_script(&vm->vcpus[0], reads);
	CHECK_EQ(fake_primary(HF_VCPU_RUN, 1, 0, 0),
		 HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK_EQ(request(), 1);
	CHECK_EQ(request(), -1);
}

/* --- in a wrong order --- */

TEST(no_such_vm)
{
	static const uint64_t calls[] = {HF_VM_GET_STATE, HF_VM_STOP,
					 HF_VM_START};

	start();
	vm_secondary[0].vcpu_count = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		CHECK_EQ(call(calls[i], 3), -1);
		for (unsigned int k = 2; k < 32; k++)
			CHECK_EQ(call(calls[i], UINT64_C(1) << k), -1);
		CHECK_EQ(call(calls[i], 0), i ? -1 : HF_VM_LEFT_OUT);
	}
	CHECK_EQ(call(HF_VM_GET_STATE, UINT64_C(1) << 32 | 1), HF_VM_RUNNING);
	CHECK_EQ(vm_secondary[0].arch.revokes, 0);
}

TEST(running)
{
	start();
	CHECK_EQ(begin(), -1);
	vm->vcpus[0].state = VCPU_RUNNING;
	CHECK_EQ(begin(), -1);
	CHECK_EQ(vm->vcpus[0].state, VCPU_RUNNING);
	CHECK_EQ(fake.zeroed, 0);
}

/* As long as a CPU runs a vCPU of it nothing of the VM is touched. */
TEST(still_runs)
{
	for (unsigned int i = 0; i < 3; i++) {
		start();
		vm->vcpus[i].state = VCPU_RUNNING;
		CHECK_EQ(stop(), HF_AGAIN);
		CHECK_EQ(stop(), HF_AGAIN);
		CHECK_EQ(begin(), HF_AGAIN);
		CHECK_EQ(state(), reason(HF_VM_STOPPED, HF_ABORT_STOPPED));
		CHECK_EQ(fake.zeroed, 0);
		CHECK_EQ(vm->vcpus[i].state, VCPU_RUNNING);
		vm->vcpus[i].state = VCPU_READY;
		CHECK_EQ(stop(), HF_DONE);
		start_whole();
		check_memory();
	}
}

TEST(first_reason_stays)
{
	start();
	vm_abort(vm, HF_ABORT_SYSTEM_RESET);
	CHECK_EQ(stop(), HF_DONE);
	CHECK_EQ(state(), reason(HF_VM_STOPPED, HF_ABORT_SYSTEM_RESET));
	CHECK_EQ(vm->arch.revokes, 1);
	start_whole();
	CHECK_EQ(stop(), HF_DONE);
	CHECK_EQ(state(), reason(HF_VM_STOPPED, HF_ABORT_STOPPED));
	CHECK_EQ(vm->arch.revokes, 2);
}

/* A start that is broken off begins anew. */
TEST(stopped_while_it_starts)
{
	start();
	stop();
	begin();
	begin();
	CHECK_EQ(stop(), HF_DONE);
	CHECK_EQ(state(), reason(HF_VM_STOPPED, HF_ABORT_STOPPED));
	memset(fake_ram(vm->memory.pa), 0xa5, FAKE_VM_SIZE);
	start_whole();
	check_memory();
}

/* --- the first life --- */

/* As boot leaves a VM: no memory is shown, none is loaded. */
static void start_unloaded(void)
{
	start();
	vm->loaded = 0;
	arch_vm_revoke(vm);
	CHECK_EQ(ptable_walk(&vm->stage2, HF_SECONDARY_RAM_BASE).mode, 0);
}

/* It is loaded piece by piece, and is shown once all of it is there. */
TEST(loaded_when_it_runs)
{
	start_unloaded();
	CHECK_EQ(state(), HF_VM_RUNNING);
	for (unsigned int i = 0; i < PIECES; i++) {
		CHECK_EQ(vm->arch.restores, 0);
		CHECK_EQ(ptable_walk(&vm->stage2, HF_SECONDARY_RAM_BASE).mode,
			 0);
		fake.zeroed = 0;
		CHECK(life_load(vm));
		CHECK_EQ(fake.zeroed, 1);
	}
	check_memory();
	CHECK_EQ(vm->arch.restores, 1);
	CHECK_EQ(ptable_walk(&vm->stage2, HF_SECONDARY_RAM_BASE).mode,
		 MM_NORMAL_RWX);
	CHECK(fake.instruction_syncs > syncs_at_clean);
	for (unsigned int i = SLOT_LOAD_TO; i < SLOT_COUNT; i++)
		CHECK_EQ(fake.slot[i].pa, 0);
	/* It is not begun again: a vCPU runs. */
	CHECK_EQ(vm->arch.inits, 1);
	CHECK(!life_load(vm));
	check_memory();
}

/* A stop comes first: it has no memory, and its next life all of it. */
TEST(stopped_before_all_is_loaded)
{
	for (unsigned int pieces = 0; pieces < PIECES; pieces++) {
		start_unloaded();
		for (unsigned int i = 0; i < pieces; i++)
			CHECK(life_load(vm));
		CHECK_EQ(stop(), HF_DONE);
		fake.zeroed = 0;
		CHECK(!life_load(vm));
		CHECK_EQ(fake.zeroed, 0);
		CHECK_EQ(vm->arch.restores, 0);
		begin();
		CHECK(!life_load(vm));
		while (begin() == HF_AGAIN)
			;
		CHECK_EQ(state(), HF_VM_RUNNING);
		check_memory();
		CHECK(!life_load(vm));
	}
}

/* A reset that comes into a start ends it for good. */
TEST(wiped_while_it_starts)
{
	start();
	stop();
	begin();
	fake.clean = NULL;
	vm_wipe_all();
	CHECK_EQ(state(), reason(HF_VM_STOPPED, HF_ABORT_STOPPED));
	CHECK_EQ(begin(), -1);
}

/* Other VMs have no part in it. */
TEST(others_go_on)
{
	struct vm before = vm_secondary[2];

	start();
	before = vm_secondary[2];
	stop();
	start_whole();
	CHECK(memcmp(&before, &vm_secondary[2], sizeof(before)) == 0);
	CHECK_EQ(fake_primary(HF_VCPU_RUN, 2, 0, 0), HF_VCPU_YIELD);
}
