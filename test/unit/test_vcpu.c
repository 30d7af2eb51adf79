/* SPDX-License-Identifier: BSD-3-Clause */
/* src/vcpu.c and src/vm.c: states of vCPUs, waiters, and stopping a VM. */
#include "unit.h"
#include "api.h"
#include "fake.h"

static struct vm *const vm = &vm_secondary[1];
static struct vcpu *vcpu;

static const enum vcpu_state all_states[] = {VCPU_OFF, VCPU_READY, VCPU_RUNNING,
					     VCPU_WAITING};

/* A board of two CPUs; `vcpu` is the second VM's second, of four. */
static void start(void)
{
	fake_reset();
	fake_start(2, 3, 4);
	vcpu = &vm->vcpus[1];
}

static enum vcpu_state state(const struct vcpu *v)
{
	return (enum vcpu_state)v->state;
}

static uint64_t code(uint64_t number, uint64_t payload)
{
	return number | payload << HF_VCPU_CODE_BITS;
}

static uint64_t leave_with; /* a vcpu_exit() */

static uint64_t leave(struct vcpu *v)
{
	(void)v;
	return leave_with;
}

/* What the primary's HF_VCPU_RUN of `vcpu` returns. */
static uint64_t run_call(void)
{
	struct api_result result = api_calls[HF_VCPU_RUN - API_FIRST].primary(
		cpus[0].vcpu, vm->index, vcpu->index, 0);

	CHECK_EQ(result.exit, 0);
	return (uint64_t)result.value;
}

/* Runs `vcpu`, which leaves at once for that reason. */
static uint64_t run(enum vcpu_exit kind, uint64_t payload)
{
	vcpu->arch.guest = leave;
	leave_with = vcpu_exit(kind, payload);
	return run_call();
}

static uint64_t run_ready(enum vcpu_exit kind, uint64_t payload)
{
	start();
	vcpu->state = VCPU_READY;
	return run(kind, payload);
}

TEST(init)
{
	start();
	CHECK_EQ(vm->vcpu_count, 4);
	for (uint32_t i = 0; i < 4; i++) {
		CHECK(vm->vcpus[i].vm == vm);
		CHECK_EQ(vm->vcpus[i].index, i);
		CHECK_EQ(state(&vm->vcpus[i]), i ? VCPU_OFF : VCPU_READY);
	}
	CHECK(vm_vcpu_room(1) == vm->vcpus);
	CHECK(vm_vcpu_room(MAX_VMS - 1) - vm_vcpu_room(0) ==
	      (MAX_VMS - 1) * MAX_VCPUS);
	CHECK_EQ(vm->lock.rank, 2);
}

/* A VM that is made anew has nothing of the last one. */
TEST(init_again)
{
	start();
	memset(vm_vcpu_room(2), 0x55, sizeof(struct vcpu) * 3);
	vm_init(&vm_secondary[2], 3, vm_vcpu_room(2), 2);
	for (uint32_t i = 0; i < 2; i++) {
		CHECK_EQ(state(&vm_secondary[2].vcpus[i]), VCPU_OFF);
		CHECK(vm_secondary[2].vcpus[i].next == NULL);
		CHECK_EQ(vm_secondary[2].vcpus[i].arch.x[0], 0);
	}
	/* Not one more than asked for. */
	CHECK_EQ(vm_vcpu_room(2)[2].state, 0x55555555);
}

TEST(find)
{
	start();
	for (uint32_t i = 0; i < 3; i++)
		CHECK(vm_find(i) == &vm_secondary[i]);
	CHECK(vm_find(3) == NULL);
	CHECK(vm_find(MAX_VMS) == NULL);
	CHECK(vm_find(UINT32_MAX) == NULL);
	vm_count = 0;
	CHECK(vm_find(0) == NULL);
}

/* --- the table of vcpu.h, row by row, and what is not in it --- */

TEST(claim)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(all_states); i++) {
		bool may = all_states[i] == VCPU_READY;

		start();
		vcpu->state = all_states[i];
		vcpu->cpu = &cpus[0];
		CHECK_EQ(vcpu_claim(vcpu, &cpus[1]), may);
		CHECK_EQ(state(vcpu), may ? VCPU_RUNNING : all_states[i]);
		CHECK(vcpu->cpu == &cpus[may]);
	}
}

TEST(claim_once)
{
	start();
	vcpu->state = VCPU_READY;
	CHECK(vcpu_claim(vcpu, &cpus[0]));
	CHECK(!vcpu_claim(vcpu, &cpus[1]));
	CHECK(!vcpu_claim(vcpu, &cpus[0]));
	CHECK(vcpu->cpu == &cpus[0]);
	vcpu_release(vcpu, VCPU_READY);
	CHECK(vcpu_claim(vcpu, &cpus[1]));
	vcpu_release(vcpu, VCPU_OFF);
	CHECK(!vcpu_claim(vcpu, &cpus[1]));
}

TEST(turn_on)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(all_states); i++) {
		bool may = all_states[i] == VCPU_OFF;

		start();
		vcpu->state = all_states[i];
		CHECK_EQ(vcpu_turn_on(vcpu, ipaddr(0x40001000), 77),
			 may ? TURNED_ON : TURN_ON_ALREADY_ON);
		CHECK_EQ(state(vcpu), may ? VCPU_READY : all_states[i]);
		CHECK_EQ(vcpu->arch.resets, may);
		CHECK_EQ(vcpu->arch.entry, may ? 0x40001000 : 0);
		CHECK_EQ(vcpu->arch.x[0], may ? 77 : 0);
	}
}

TEST(turn_on_after_off)
{
	CHECK_EQ(run_ready(EXIT_OFF, 0), code(HF_VCPU_WAIT_FOR_INTERRUPT, 0));
	CHECK_EQ(state(vcpu), VCPU_OFF);
	CHECK(!vcpu_claim(vcpu, &cpus[0]));
	CHECK_EQ(vcpu_turn_on(vcpu, ipaddr(0x40000000), 1), TURNED_ON);
	CHECK(vcpu_claim(vcpu, &cpus[1]));
}

/* --- what RUN returns for each reason to leave --- */

TEST(exit_interrupt)
{
	CHECK_EQ(run_ready(EXIT_INTERRUPT, 0), code(HF_VCPU_YIELD, 0));
	CHECK_EQ(fake.polls, 0);
	CHECK_EQ(state(vcpu), VCPU_READY);
	arch_iommu_count = 1;
	CHECK_EQ(run(EXIT_INTERRUPT, 0), code(HF_VCPU_YIELD, 0));
	CHECK_EQ(fake.polls, 1);
	CHECK_EQ(state(vcpu), VCPU_READY);
	CHECK_EQ(run_ready(EXIT_NONE, 0), code(HF_VCPU_YIELD, 0));
	CHECK_EQ(state(vcpu), VCPU_READY);
	CHECK_EQ(vcpu->arch.entries, 1);
}

TEST(exit_wfi)
{
	uint64_t longest = (UINT64_C(1) << 48) - 1;

	CHECK_EQ(run_ready(EXIT_WFI, 0), code(HF_VCPU_WAIT_FOR_INTERRUPT, 0));
	CHECK_EQ(state(vcpu), VCPU_READY);
	CHECK_EQ(run_ready(EXIT_WFI, 1), code(HF_VCPU_WAIT_FOR_INTERRUPT, 1));
	CHECK_EQ(run_ready(EXIT_WFI, longest),
		 code(HF_VCPU_WAIT_FOR_INTERRUPT, longest));
	CHECK_EQ(state(vcpu), VCPU_READY);
}

static uint64_t leave_owing(struct vcpu *v)
{
	v->arch.owed = vcpu_exit(EXIT_WAKE, 3);
	return leave_with;
}

/* Leaves for `kind` with something to tell, and is run again. */
static void check_owed(enum vcpu_exit kind, uint64_t entries,
		       enum vcpu_state last)
{
	start();
	vcpu->state = VCPU_READY;
	vcpu->arch.guest = leave_owing;
	leave_with = vcpu_exit(kind, 0);
	CHECK_EQ(run_call(),
		 code(HF_VCPU_WAKE_UP, 1 << HF_WAKE_UP_VM_SHIFT | 3));
	CHECK_EQ(state(vcpu), VCPU_READY);
	CHECK_EQ(run(EXIT_WFI, 0), code(HF_VCPU_WAIT_FOR_INTERRUPT, 0));
	CHECK_EQ(vcpu->arch.entries, entries);
	CHECK_EQ(state(vcpu), last);
}

/* What it has to tell comes before a wait, and does not take its place. */
TEST(owes_before_wait)
{
	check_owed(EXIT_WFI, 2, VCPU_READY);
	check_owed(EXIT_READ, 1, VCPU_WAITING);
	check_owed(EXIT_OFF, 1, VCPU_OFF);
	/* Nor that of an end. */
	start();
	vcpu->state = VCPU_READY;
	vcpu->arch.guest = leave_owing;
	leave_with = vcpu_exit(EXIT_ABORT, HF_ABORT_STOPPED);
	CHECK_EQ(run_call(), code(HF_VCPU_ABORTED, HF_ABORT_STOPPED));
	/* Else the next run tells. */
	start();
	vcpu->state = VCPU_READY;
	vcpu->arch.guest = leave_owing;
	leave_with = EXIT_INTERRUPT;
	CHECK_EQ(run_call(), HF_VCPU_YIELD);
	CHECK_EQ(run(EXIT_WFI, 0),
		 code(HF_VCPU_WAKE_UP, 1 << HF_WAKE_UP_VM_SHIFT | 3));
	CHECK_EQ(vcpu->arch.entries, 1);
}

TEST(exit_replied)
{
	CHECK_EQ(run_ready(EXIT_REPLIED, 0), code(HF_VCPU_RESPONSE_READY, 0));
	CHECK_EQ(run_ready(EXIT_REPLIED, 4096),
		 code(HF_VCPU_RESPONSE_READY, 4096));
	CHECK_EQ(state(vcpu), VCPU_READY);
}

TEST(exit_turned_on)
{
	CHECK_EQ(run_ready(EXIT_WAKE, 3),
		 code(HF_VCPU_WAKE_UP, 1 << HF_WAKE_UP_VM_SHIFT | 3));
	CHECK_EQ(state(vcpu), VCPU_READY);
}

TEST(exit_abort)
{
	for (uint32_t reason = 1; reason <= HF_ABORT_STOPPED; reason++) {
		CHECK_EQ(run_ready(EXIT_ABORT, reason),
			 code(HF_VCPU_ABORTED, reason));
		CHECK_EQ(vm->aborted, reason);
		CHECK_EQ(vm->arch.revokes, 1);
		CHECK(state(vcpu) != VCPU_RUNNING);
	}
}

TEST(exit_read)
{
	CHECK_EQ(run_ready(EXIT_READ, 0), code(HF_VCPU_WAIT_FOR_INTERRUPT, 0));
	CHECK_EQ(state(vcpu), VCPU_WAITING);
	CHECK(vm->waiters == vcpu);
	vm_options = HF_OPTION_MESSAGE_WANTED;
	vcpu = &vm->vcpus[0];
	CHECK_EQ(run(EXIT_READ, 0), code(HF_VCPU_MESSAGE_WANTED, 0));
	CHECK_EQ(run_ready(EXIT_READ, 0), code(HF_VCPU_WAIT_FOR_INTERRUPT, 0));
}

/* What a vCPU owes comes before it is entered, and once. */
TEST(owed)
{
	start();
	vcpu->state = VCPU_READY;
	vcpu->arch.owed = vcpu_exit(EXIT_WAKE, 3);
	CHECK_EQ(run(EXIT_WFI, 5),
		 code(HF_VCPU_WAKE_UP, 1 << HF_WAKE_UP_VM_SHIFT | 3));
	CHECK_EQ(vcpu->arch.entries, 0);
	CHECK_EQ(state(vcpu), VCPU_READY);
	CHECK_EQ(run(EXIT_WFI, 5), code(HF_VCPU_WAIT_FOR_INTERRUPT, 5));
	CHECK_EQ(vcpu->arch.entries, 1);
}

/* Before the wait that is unfinished, which stays so. */
TEST(owed_before_unfinished)
{
	start();
	vcpu->state = VCPU_READY;
	vcpu->unfinished = vcpu_exit(EXIT_OFF, 0);
	vcpu->arch.owed = vcpu_exit(EXIT_WAKE, 3);
	CHECK_EQ(run(EXIT_WFI, 5),
		 code(HF_VCPU_WAKE_UP, 1 << HF_WAKE_UP_VM_SHIFT | 3));
	CHECK_EQ(state(vcpu), VCPU_READY);
	CHECK_EQ(run(EXIT_WFI, 5), code(HF_VCPU_WAIT_FOR_INTERRUPT, 0));
	CHECK_EQ(state(vcpu), VCPU_OFF);
	CHECK_EQ(vcpu->arch.entries, 0);
	CHECK_EQ(vcpu->unfinished, 0);
}

/* The option is about reads alone. */
TEST(option_and_wfi)
{
	start();
	vm_options = HF_OPTION_MESSAGE_WANTED;
	vcpu->state = VCPU_READY;
	CHECK_EQ(run(EXIT_WFI, 5), code(HF_VCPU_WAIT_FOR_INTERRUPT, 5));
	CHECK_EQ(run(EXIT_INTERRUPT, 0), code(HF_VCPU_YIELD, 0));
}

/*
 * Another vCPU of the VM stops it just then: this RUN still says how the stay
 * ended (a reply that lies in the primary's mailbox has to be told), and the
 * next one that the VM is stopped.
 */
static void abort_meanwhile(enum fake_point point, void *object)
{
	(void)object;
	if (point == FAKE_LEAVING)
		vm_abort(vm, HF_ABORT_SYSTEM_OFF);
}

TEST(aborted_meanwhile)
{
	static const struct {
		enum vcpu_exit kind;
		uint32_t payload, code;
		uint64_t result;
	} exits[] = {
		{EXIT_INTERRUPT, 0, HF_VCPU_YIELD, 0},
		{EXIT_WFI, 5, HF_VCPU_WAIT_FOR_INTERRUPT, 5},
		{EXIT_READ, 0, HF_VCPU_WAIT_FOR_INTERRUPT, 0},
		{EXIT_REPLIED, 12, HF_VCPU_RESPONSE_READY, 12},
		{EXIT_WAKE, 3, HF_VCPU_WAKE_UP, 0x10003},
		{EXIT_OFF, 0, HF_VCPU_WAIT_FOR_INTERRUPT, 0},
		/* The first reason is the one that stays. */
		{EXIT_ABORT, HF_ABORT_FAULT, HF_VCPU_ABORTED,
		 HF_ABORT_SYSTEM_OFF},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(exits); i++) {
		start();
		fake.at = abort_meanwhile;
		vcpu->state = VCPU_READY;
		CHECK_EQ(run(exits[i].kind, exits[i].payload),
			 code(exits[i].code, exits[i].result));
		CHECK(state(vcpu) != VCPU_RUNNING);
		CHECK_EQ(fake_primary(HF_VCPU_RUN, 1, 1, 0),
			 code(HF_VCPU_ABORTED, HF_ABORT_SYSTEM_OFF));
		CHECK_EQ(vm->arch.revokes, 1);
	}
}

/* --- stopping a VM --- */

TEST(abort_once)
{
	start();
	vm_abort(vm, HF_ABORT_SYSTEM_RESET);
	vm_abort(vm, HF_ABORT_FAULT);
	CHECK_EQ(vm->aborted, HF_ABORT_SYSTEM_RESET);
	CHECK_EQ(vm->arch.revokes, 1);
	CHECK_EQ(vm_secondary[0].aborted, 0);
	CHECK_EQ(ptable_walk(&vm->stage2, HF_SECONDARY_RAM_BASE).mode, 0);
	CHECK(ptable_walk(&vm_secondary[0].stage2, HF_SECONDARY_RAM_BASE).mode);
}

/* It is marked before its memory goes: a fault then is no new reason. */
static void at_revoke(enum fake_point point, void *object)
{
	const struct vm *v = object;

	if (point == FAKE_REVOKE)
		CHECK_EQ(v->aborted, HF_ABORT_FAULT);
}

TEST(abort_order)
{
	start();
	fake.at = at_revoke;
	vm_abort(vm, HF_ABORT_FAULT);
	CHECK_EQ(vm->arch.revokes, 1);
}

/* --- the waiter list --- */

static void let_wait(struct vcpu *v)
{
	v->state = VCPU_RUNNING;
	spin_lock(&vm->lock);
	vcpu_wait(v);
	spin_unlock(&vm->lock);
	CHECK_EQ(state(v), VCPU_WAITING);
}

static struct vcpu *wake(uint64_t result)
{
	struct vcpu *v;

	spin_lock(&vm->lock);
	v = vcpu_wake_first(vm, result);
	spin_unlock(&vm->lock);
	return v;
}

TEST(wake_one)
{
	start();
	let_wait(vcpu);
	CHECK(wake(1234) == vcpu);
	CHECK_EQ(state(vcpu), VCPU_READY);
	CHECK_EQ(vcpu->arch.x[0], 1234);
	CHECK(!vm->waiters);
	CHECK_EQ(vcpu->arch.x[0], 1234);
}

/* All orders in which four vCPUs may come: the first one in is out first. */
TEST(wake_fifo)
{
	for (unsigned int order = 0; order < 256; order++) {
		unsigned int who[4], seen = 0;

		for (unsigned int i = 0; i < 4; i++) {
			who[i] = order >> 2 * i & 3;
			seen |= 1u << who[i];
		}
		if (seen != 0xf)
			continue;
		start();
		for (unsigned int i = 0; i < 4; i++)
			let_wait(&vm->vcpus[who[i]]);
		for (unsigned int i = 0; i < 4; i++) {
			CHECK(wake(100 + i) == &vm->vcpus[who[i]]);
			CHECK_EQ(vm->vcpus[who[i]].arch.x[0], 100 + i);
		}
		CHECK(!vm->waiters);
	}
}

/* Coming and going in turns, against a queue of our own. */
TEST(wake_mixed)
{
	struct vcpu *queue[8];
	unsigned int first = 0, count = 0;

	start();
	for (unsigned int i = 0; i < 10000; i++) {
		struct vcpu *v = &vm->vcpus[unit_random() % 4];

		if (unit_random() % 2 && v->state != VCPU_WAITING) {
			let_wait(v);
			queue[(first + count++) % 8] = v;
		} else if (count) {
			CHECK(wake(i) == queue[first++ % 8]);
			count--;
		} else {
			CHECK(!vm->waiters);
		}
	}
}

/* A vCPU's registers are ready to be seen before its state says so. */
static void at_result(enum fake_point point, void *object)
{
	const struct vcpu *v = object;

	if (point == FAKE_RESULT)
		CHECK_EQ(v->state, VCPU_WAITING);
}

TEST(result_before_ready)
{
	start();
	let_wait(vcpu);
	fake.at = at_result;
	CHECK(wake(9) == vcpu);
}
