/* SPDX-License-Identifier: BSD-3-Clause */
/* src/cpu.c: physical CPUs going on and off. */
#include "unit.h"
#include "fake.h"

static struct cpu *const cpu = &cpus[2];
static unsigned int answers;

/* A board of six CPUs; CPU 0 is on, the others are off. */
static void start(void)
{
	fake_reset();
	fake_start(6, 0, 0);
	for (unsigned int i = 1; i < 6; i++)
		cpus[i].state = CPU_OFF;
	answers = 0;
}

TEST(init_first)
{
	fake_reset();
	cpu_init_first();
	CHECK_EQ(cpus[0].state, CPU_ON);
	CHECK(cpus[0].vcpu && cpus[0].vcpu->cpu == &cpus[0]);
	CHECK_EQ(cpus[0].lock.rank, LOCK_RANK_CPU);
	CHECK_EQ(cpus[1].state, CPU_OFF);
}

/* The vCPU of the first CPU is not in zeroed memory. */
TEST(init_first_clears)
{
	fake_reset();
	cpu_init_first();
	memset(cpus[0].vcpu, 0x55, sizeof(*cpus[0].vcpu));
	cpu_init_first();
	CHECK(cpus[0].vcpu->vm == NULL);
	CHECK_EQ(cpus[0].vcpu->index, 0);
	CHECK_EQ(cpus[0].vcpu->state, 0);
}

TEST(init_all)
{
	start();
	CHECK_EQ(vm_primary.vcpu_count, 6);
	CHECK_EQ(vm_primary.lock.rank, 0);
	for (uint32_t i = 0; i < 6; i++) {
		CHECK(cpus[i].vcpu == &vm_primary.vcpus[i]);
		CHECK(cpus[i].vcpu->cpu == &cpus[i]);
		CHECK(cpus[i].vcpu->vm == &vm_primary);
		CHECK_EQ(cpus[i].vcpu->index, i);
		CHECK_EQ(cpus[i].lock.rank, LOCK_RANK_CPU);
	}
	CHECK(cpus[6].vcpu == NULL);
}

TEST(find)
{
	start();
	for (uint32_t i = 0; i < 6; i++)
		CHECK(cpu_find(cpus[i].id) == &cpus[i]);
	CHECK(cpu_find(4) == NULL);
	CHECK(cpu_find(0x102) == NULL);
	CHECK(cpu_find(UINT64_C(1) << 32) == NULL);
	CHECK(cpu_find(~UINT64_C(0)) == NULL);
	/* One that is not of this board, though the array has room. */
	cpus[6].id = 0x77;
	CHECK(cpu_find(0x77) == NULL);
}

TEST(turn_on)
{
	start();
	CHECK_EQ(cpu_turn_on(cpu, ipaddr(0x1000), 5), CPU_ON_SUCCESS);
	CHECK_EQ(cpu_get_state(cpu), CPU_PENDING);
	CHECK_EQ(cpu->entry.ipa, 0x1000);
	CHECK_EQ(cpu->argument, 5);
	CHECK_EQ(cpu->arch.starts, 1);
	cpu_came_up(cpu);
	CHECK_EQ(cpu_get_state(cpu), CPU_ON);
	CHECK_EQ(cpu_get_state(&cpus[1]), CPU_OFF);
}

/* A second caller changes nothing, whether it is up already or not. */
TEST(turn_on_twice)
{
	start();
	CHECK_EQ(cpu_turn_on(cpu, ipaddr(0x1000), 5), CPU_ON_SUCCESS);
	CHECK_EQ(cpu_turn_on(cpu, ipaddr(0x2000), 6), CPU_ON_PENDING);
	cpu_came_up(cpu);
	CHECK_EQ(cpu_turn_on(cpu, ipaddr(0x2000), 6), CPU_ON_ALREADY_ON);
	CHECK_EQ(cpu_turn_on(&cpus[0], ipaddr(0x2000), 6), CPU_ON_ALREADY_ON);
	CHECK_EQ(cpu->entry.ipa, 0x1000);
	CHECK_EQ(cpu->argument, 5);
	CHECK_EQ(cpu->arch.starts, 1);
	CHECK_EQ(cpus[0].arch.starts, 0);
}

TEST(off_and_on_again)
{
	start();
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQ(cpu_turn_on(cpu, ipaddr(i), i), CPU_ON_SUCCESS);
		cpu_came_up(cpu);
		cpu_goes_down(cpu);
		CHECK_EQ(cpu_get_state(cpu), CPU_OFF);
	}
	CHECK_EQ(cpu->entry.ipa, 2);
}

/* CPU 1 holds the lock, and gives it back with another state. */
static void at_relax(enum fake_point point, void *object)
{
	(void)object;
	if (point != FAKE_RELAX)
		return;
	fake_be_cpu(1);
	cpu->state = CPU_ON;
	spin_unlock(&cpu->lock);
	fake_be_cpu(0);
}

/* The state is one that is not about to change under the lock. */
TEST(state_is_locked)
{
	start();
	fake.at = at_relax;
	fake_be_cpu(1);
	spin_lock(&cpu->lock);
	fake_be_cpu(0);
	CHECK_EQ(cpu_get_state(cpu), CPU_ON);
}

static enum arch_start refuse(struct cpu *c)
{
	CHECK_EQ(c->state, CPU_PENDING);
	return ARCH_START_FAILED;
}

TEST(firmware_refuses)
{
	start();
	fake.cpu_start = refuse;
	CHECK_EQ(cpu_turn_on(cpu, ipaddr(0x1000), 5), CPU_ON_FAILURE);
	CHECK_EQ(cpu_get_state(cpu), CPU_OFF);
	CHECK_EQ(cpu->arch.starts, 1);
	fake.cpu_start = NULL;
	CHECK_EQ(cpu_turn_on(cpu, ipaddr(0x1000), 5), CPU_ON_SUCCESS);
}

/* It said that it goes down, and the firmware sees it a little longer. */
static unsigned int relaxes;

static void count_relaxes(enum fake_point point, void *object)
{
	(void)object;
	relaxes += point == FAKE_RELAX;
}

static enum arch_start running_at_first(struct cpu *c)
{
	(void)c;
	return ++answers < 100 ? ARCH_START_RUNNING : ARCH_START_OK;
}

TEST(still_going_down)
{
	start();
	fake.cpu_start = running_at_first;
	fake.at = count_relaxes;
	relaxes = 0;
	CHECK_EQ(cpu_turn_on(cpu, ipaddr(0x1000), 5), CPU_ON_SUCCESS);
	CHECK_EQ(answers, 100);
	CHECK_EQ(relaxes, 99);
	CHECK_EQ(cpu_get_state(cpu), CPU_PENDING);
}

static enum arch_start running_then_refused(struct cpu *c)
{
	(void)c;
	return ++answers < 100 ? ARCH_START_RUNNING : ARCH_START_FAILED;
}

TEST(refused_after_a_while)
{
	start();
	fake.cpu_start = running_then_refused;
	CHECK_EQ(cpu_turn_on(cpu, ipaddr(0x1000), 5), CPU_ON_FAILURE);
	CHECK_EQ(cpu_get_state(cpu), CPU_OFF);
}

static enum arch_start always_running(struct cpu *c)
{
	(void)c;
	return ARCH_START_RUNNING;
}

/* One that never goes down does not hang the caller. */
TEST(never_goes_down)
{
	start();
	fake.cpu_start = always_running;
	CHECK_EQ(cpu_turn_on(cpu, ipaddr(0x1000), 5), CPU_ON_FAILURE);
	CHECK_EQ(cpu_get_state(cpu), CPU_OFF);
}

/* It is up before the firmware's answer reaches the caller. */
static enum arch_start up_at_once(struct cpu *c)
{
	cpu_came_up(c);
	return ARCH_START_OK;
}

TEST(up_before_the_answer)
{
	start();
	fake.cpu_start = up_at_once;
	CHECK_EQ(cpu_turn_on(cpu, ipaddr(0x1000), 5), CPU_ON_SUCCESS);
	CHECK_EQ(cpu_get_state(cpu), CPU_ON);
}

/* It is up and already off again before the answer: that is not undone. */
static enum arch_start up_and_down(struct cpu *c)
{
	cpu_came_up(c);
	cpu_goes_down(c);
	return ARCH_START_OK;
}

TEST(down_before_the_answer)
{
	start();
	fake.cpu_start = up_and_down;
	CHECK_EQ(cpu_turn_on(cpu, ipaddr(0x1000), 5), CPU_ON_SUCCESS);
	CHECK_EQ(cpu_get_state(cpu), CPU_OFF);
}

/*
 * It said that it goes down, the firmware refused that, and it is back, when
 * the caller gives up: it stays on.
 */
static enum arch_start back_and_refused(struct cpu *c)
{
	cpu_came_up(c);
	return ARCH_START_FAILED;
}

TEST(back_before_giving_up)
{
	start();
	fake.cpu_start = back_and_refused;
	CHECK_EQ(cpu_turn_on(cpu, ipaddr(0x1000), 5), CPU_ON_FAILURE);
	CHECK_EQ(cpu_get_state(cpu), CPU_ON);
	CHECK_EQ(cpu_turn_on(cpu, ipaddr(0x2000), 6), CPU_ON_ALREADY_ON);
}

/* Another caller while the firmware is being asked: one of them succeeds. */
static enum arch_start other_caller(struct cpu *c)
{
	if (answers++ == 0)
		CHECK_EQ(cpu_turn_on(c, ipaddr(0x2000), 6), CPU_ON_PENDING);
	return answers < 3 ? ARCH_START_RUNNING : ARCH_START_OK;
}

TEST(two_callers)
{
	start();
	fake.cpu_start = other_caller;
	CHECK_EQ(cpu_turn_on(cpu, ipaddr(0x1000), 5), CPU_ON_SUCCESS);
	CHECK_EQ(cpu->entry.ipa, 0x1000);
	CHECK_EQ(cpu->arch.starts, 3);
}

/* Up, and another caller sees it on, before the first has its answer. */
static enum arch_start up_and_called(struct cpu *c)
{
	cpu_came_up(c);
	CHECK_EQ(cpu_turn_on(c, ipaddr(0x2000), 6), CPU_ON_ALREADY_ON);
	return ARCH_START_OK;
}

TEST(called_while_up)
{
	start();
	fake.cpu_start = up_and_called;
	CHECK_EQ(cpu_turn_on(cpu, ipaddr(0x1000), 5), CPU_ON_SUCCESS);
	CHECK_EQ(cpu->entry.ipa, 0x1000);
}
