/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Suite `race`: mailbox rule 7. All CPUs call at once, for the same VMs and
 * vCPUs (race/race.c); in some cases in step, so that one of them must win.
 */
#include <stddef.h>
#include "console.h"
#include "gic.h"
#include "machine.h"
#include "string.h"
#include "test.h"
#include "timer.h"
#include "traffic.h"
#include "vm.h"

#define MS UINT64_C(1000000)
#define TALKERS 4 /* race0, race1, ...: the others are there to be ended */

static _Alignas(HF_MAILBOX_SIZE) uint8_t pages[CPUS][2][HF_MAILBOX_SIZE];

static struct {
	struct barrier barrier;
	uint32_t won;	 /* CPUs that did */
	uint32_t winner; /* the last one of them */
	uint32_t wrong;	 /* other results than expected */
	bool over;	 /* the case has failed */
} race;

static struct traffic_vm *talkers[TALKERS];

static void count(uint32_t *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_ACQ_REL);
}

static void win(void)
{
	count(&race.won);
	race.winner = cpu_index();
}

/* --- the primary's mailbox --- */

static void configure(void *unused)
{
	uint64_t send = (uintptr_t)pages[cpu_index()][0];
	uint64_t recv = (uintptr_t)pages[cpu_index()][1];
	uint64_t result;

	(void)unused;
	barrier_wait(&race.barrier, cpu_count());
	result = traffic_call(HF_VM_CONFIGURE, send, recv);
	if (!result)
		win();
	else if (result != (uint64_t)-1)
		count(&race.wrong);
}

/* Of all CPUs that configure the primary at once, each with pages of its own,
 * one wins. That its pages are the mailbox shows in all that follows. */
static void one_configure_wins(void)
{
	print("seed %lu\n", machine_number("seed", 1));
	CHECK(cpu_run_all(cpu_count(), configure, NULL));
	CHECK_EQ(race.wrong, 0);
	CHECK_EQ(race.won, 1);
	traffic_mailbox(pages[race.winner][0], pages[race.winner][1]);
}

/* The same in each VM: traffic_check_counts() sees what came of it. */
static void one_configure_wins_in_vm(void)
{
	char name[] = "race0";
	unsigned int i;

	for (i = 0; i < TALKERS; i++) {
		name[4] = (char)('0' + i);
		talkers[i] = traffic_add(name);
		CHECK(talkers[i]);
	}
	if (traffic_run(100, 0))
		traffic_check_counts();
}

/* --- in step --- */

static struct traffic_vm *target;
static uint32_t target_vcpu;

static uint64_t one_of_all(uint64_t fn, uint64_t a, uint64_t b)
{
	uint64_t result;

	barrier_wait(&race.barrier, cpu_count());
	result = traffic_call(fn, a, b);
	return result;
}

/* All CPUs send to one VM: one request fits. */
static void all_request(void)
{
	uint64_t result = one_of_all(HF_RPC_REQUEST, target->vm, 8);

	if (result == (uint64_t)-1)
		return;
	if (!result || result > target->vcpus)
		count(&race.wrong);
	target_vcpu = (uint32_t)result - 1;
	win();
}

/* All CPUs run the vCPU that has it: one gets the answer. */
static void all_run(void)
{
	uint64_t result = one_of_all(HF_VCPU_RUN, target->vm, target_vcpu);

	if (result == (8 << HF_VCPU_CODE_BITS | HF_VCPU_RESPONSE_READY))
		win();
	else if (result != HF_VCPU_WAIT_FOR_INTERRUPT &&
		 result != HF_VCPU_MESSAGE_WANTED)
		count(&race.wrong);
}

/* All CPUs acknowledge it: one does. */
static void all_ack(void)
{
	uint64_t result = one_of_all(HF_RPC_ACK, 0, 0);

	if (!result)
		win();
	else if (result != (uint64_t)-1)
		count(&race.wrong);
}

/* By CPU 0 when all are through: exactly one has won. */
static void check_one_won(const char *what, unsigned int round)
{
	barrier_wait(&race.barrier, cpu_count());
	if (!cpu_index()) {
		if (race.won != 1 || race.wrong)
			TRAFFIC_ERROR("round %u: %u of %u CPUs %s, %u wrong",
				      round, race.won, cpu_count(), what,
				      race.wrong);
		race.won = 0;
		race.over = test_over();
	}
	barrier_wait(&race.barrier, cpu_count());
}

/* Until it waits again. */
static void settle(void)
{
	uint64_t result;

	do {
		result = traffic_call(HF_VCPU_RUN, target->vm, target_vcpu);
	} while (result != HF_VCPU_WAIT_FOR_INTERRUPT &&
		 result != HF_VCPU_MESSAGE_WANTED);
}

/* A number of requests for each case that fits the machine. */
static unsigned int requests(void)
{
	return (unsigned int)machine_number("requests", 2000);
}

static void rounds(void *unused)
{
	unsigned int i;

	(void)unused;
	for (i = 0; i < requests() / 20 && !race.over; i++) {
		all_request();
		check_one_won("sent", i);
		all_run();
		check_one_won("had the answer", i);
		all_ack();
		check_one_won("acknowledged", i);
		if (!cpu_index())
			settle();
	}
}

static struct {
	uint32_t vcpu;
	uint64_t result;
} replier[TALKERS];

/* A VM for each CPU, as far as there are VMs. */
static unsigned int repliers(void)
{
	return cpu_count() < TALKERS ? cpu_count() : TALKERS;
}

/* VMs reply at once: the primary's page has room for one. */
static void all_reply(void)
{
	unsigned int i = cpu_index();
	uint64_t result;

	barrier_wait(&race.barrier, cpu_count());
	if (i >= repliers())
		return;
	result = traffic_call(HF_VCPU_RUN, talkers[i]->vm, replier[i].vcpu);
	replier[i].result = result;
	if (hf_vcpu_code(result) == HF_VCPU_RESPONSE_READY)
		win();
	else if (hf_vcpu_code(result) != HF_VCPU_WAIT_FOR_INTERRUPT)
		count(&race.wrong);
}

/* By CPU 0: each VM has a request, and one vCPU that answers it. */
static void send_to_repliers(void)
{
	unsigned int i;

	for (i = 0; i < repliers(); i++) {
		int64_t result = traffic_send(talkers[i], RACE_ACK_WITH_REPLY,
					      RACE_NOTHING);

		if (result <= 0)
			TRAFFIC_ERROR("no vCPU waits in VM %u", talkers[i]->vm);
		replier[i].vcpu = (uint32_t)result - 1;
	}
}

/* By CPU 0: takes the one answer, and then those that found no room. */
static void take_replies(void)
{
	unsigned int i;

	for (i = 0; i < repliers(); i++)
		traffic_take_result(talkers[i], replier[i].vcpu,
				    replier[i].result);
	traffic_drain();
}

static void reply_rounds(void *unused)
{
	unsigned int i;

	(void)unused;
	for (i = 0; i < requests() / 10 && !race.over; i++) {
		if (!cpu_index())
			send_to_repliers();
		all_reply();
		check_one_won("took an answer", i);
		if (!cpu_index() && !race.over)
			take_replies();
	}
}

/* --- two vCPUs of one VM in step --- */

static struct {
	struct barrier barrier;
	uint32_t vcpu[2];
} pair;

/* Runs a vCPU that was sent to a meeting until it has answered. */
static void run_to_empty_answer(uint32_t vcpu)
{
	uint64_t end = timer_now_ns() + 20000 * MS;
	uint64_t result;

	do {
		result = traffic_call(HF_VCPU_RUN, target->vm, vcpu);
	} while ((result == HF_VCPU_YIELD ||
		  hf_vcpu_code(result) == HF_VCPU_WAIT_FOR_INTERRUPT) &&
		 timer_now_ns() < end);
	if (result != HF_VCPU_RESPONSE_READY)
		TRAFFIC_ERROR("a vCPU that meets another: 0x%lx", result);
	if (traffic_call(HF_RPC_ACK, 0, 0))
		TRAFFIC_ERROR("ACK failed");
	traffic_ready(target, vcpu);
}

/* Sends one of the two to the meeting, when the VM takes a request. */
static void send_to_meeting(unsigned int i, enum race_mode mode,
			    enum race_action action)
{
	uint64_t end = timer_now_ns() + 20000 * MS;
	int64_t result;

	do {
		result = traffic_send_header(target, mode, action);
	} while (result < 0 && timer_now_ns() < end);
	if (result <= 0)
		TRAFFIC_ERROR("no vCPU waits: %ld", result);
	pair.vcpu[i] = (uint32_t)result - 1;
}

static void meetings(void *unused)
{
	unsigned int cpu = cpu_index();
	unsigned int i;

	(void)unused;
	for (i = 0; i < requests() / 10 && !race.over; i++) {
		if (!cpu)
			send_to_meeting(1, RACE_ACK_BEFORE_REPLY,
					i % 2 ? RACE_MEET_ACK
					      : RACE_MEET_REPLY);
		barrier_wait(&pair.barrier, 2);
		/* It acknowledges its own, so that the other can be sent. */
		if (!cpu)
			send_to_meeting(0, RACE_ACK_WITH_REPLY, RACE_MEET);
		run_to_empty_answer(pair.vcpu[cpu]);
		barrier_wait(&pair.barrier, 2);
		if (!cpu && !traffic_drain())
			race.over = true;
		barrier_wait(&pair.barrier, 2);
	}
}

/*
 * Two vCPUs of a VM reply at once, or one acknowledges what the other's reply
 * acknowledges: both replies come, one after the other, and the next request
 * finds the mailbox idle.
 */
static void two_of_one_vm(void)
{
	if (cpu_count() < 2)
		SKIP("one CPU");
	target = talkers[0];
	memset(&race, 0, sizeof(race));
	memset(&pair, 0, sizeof(pair));
	traffic_begin(0, 0);
	CHECK(cpu_run_all(2, meetings, NULL));
}

static void one_reply_wins(void)
{
	memset(&race, 0, sizeof(race));
	traffic_begin(0, 0);
	CHECK(cpu_run_all(cpu_count(), reply_rounds, NULL));
}

static void one_of_all_wins(void)
{
	target = talkers[0];
	memset(&race, 0, sizeof(race));
	traffic_begin(0, 0);
	CHECK(cpu_run_all(cpu_count(), rounds, NULL));
	race_poison(pages[0], sizeof(pages));
}

/* --- at random --- */

/* Only vCPUs that a result named are run: a lost wake-up ends the traffic. */
static void no_wake_up_lost(void)
{
	traffic_run(requests(), 0);
}

static void vcpus_come_and_go(void)
{
	traffic_run(requests(), TRAFFIC_TURN_VCPUS);
}

static void everything_at_once(void)
{
	traffic_run(requests(), TRAFFIC_ANY_RUN | TRAFFIC_BAD_CALLS |
					TRAFFIC_KICKS | TRAFFIC_TURN_VCPUS);
}

static void cpus_come_and_go(void)
{
	if (cpu_count() < 2)
		SKIP("one CPU");
	traffic_run(requests() / 2, TRAFFIC_TURN_CPUS | TRAFFIC_ANY_RUN |
					    TRAFFIC_KICKS | TRAFFIC_TURN_VCPUS);
}

/* --- the end of a VM --- */

static const struct {
	enum race_action action;
	uint64_t reason;
} ends[] = {
	{RACE_LOAD, HF_ABORT_MEMORY_ACCESS},
	{RACE_JUMP, HF_ABORT_MEMORY_ACCESS},
	{RACE_SYSTEM_OFF, HF_ABORT_SYSTEM_OFF},
	{RACE_SYSTEM_RESET, HF_ABORT_SYSTEM_RESET},
};

#define ENDS (sizeof(ends) / sizeof(ends[0]))

static struct {
	struct barrier barrier;
	unsigned int spinners; /* CPUs 1 to this one run a vCPU that spins */
	uint32_t vcpu[CPUS];   /* which one */
	uint64_t expected;
	uint64_t ended_ns; /* when the VM was told to end */
} doomed;

#define SOON_NS (2000 * MS)

/* A CPU whose vCPU spins when another one ends the VM. */
static void spin_until_the_end(void)
{
	uint32_t vcpu = doomed.vcpu[cpu_index()];
	uint64_t result;

	/* A kick of an earlier case would bring it back at once. */
	traffic_take_interrupts();
	barrier_wait(&doomed.barrier, doomed.spinners + 1);
	result = traffic_call(HF_VCPU_RUN, target->vm, vcpu);
	if (result != doomed.expected)
		TRAFFIC_ERROR("a vCPU of the VM that ends: 0x%lx", result);
	if (timer_now_ns() - doomed.ended_ns > SOON_NS)
		TRAFFIC_ERROR("came back %lu ms after the end",
			      (timer_now_ns() - doomed.ended_ns) / MS);
}

static void end_it(void)
{
	traffic_take_interrupts();
	barrier_wait(&doomed.barrier, doomed.spinners + 1);
	timer_spin_ns(timer_now_ns() % (3 * MS));
	doomed.ended_ns = timer_now_ns();
	if (traffic_call(HF_VCPU_RUN, target->vm, doomed.vcpu[0]) !=
	    doomed.expected)
		TRAFFIC_ERROR("the vCPU that ends the VM");
}

/* CPUs that have nothing to do with it talk to the other VMs. */
static void end_worker(void *unused)
{
	if (!cpu_index())
		end_it();
	else if (cpu_index() <= doomed.spinners)
		spin_until_the_end();
	else
		traffic_worker(unused);
}

/* Lets a vCPU run until it is interrupted. */
static void run_for_a_while(uint32_t vcpu)
{
	gic_enable(timer_intid(TIMER_PHYSICAL));
	timer_arm(TIMER_PHYSICAL, 2 * MS, true);
	CHECK_EQ(traffic_call(HF_VCPU_RUN, target->vm, vcpu), HF_VCPU_YIELD);
	CHECK(gic_wait(timer_intid(TIMER_PHYSICAL), 1));
}

/* Gives a vCPU of the VM something to do, when the one before that has
 * acknowledged its own request. Returns its index. */
static uint32_t send_action(enum race_action action, uint32_t before)
{
	int64_t result;

	for (;;) {
		result = traffic_send(target, RACE_ACK_BEFORE_REPLY, action);
		if (result >= 0 || test_over())
			break;
		run_for_a_while(before);
	}
	if (result <= 0)
		TRAFFIC_ERROR("no vCPU waits in VM %u", target->vm);
	return (uint32_t)result - 1;
}

/* Makes a vCPU for each CPU spin, and another ready to end the VM. */
static void prepare_end(enum race_action action)
{
	uint32_t vcpu = 0;
	unsigned int i;

	for (i = 1; i <= doomed.spinners; i++) {
		vcpu = send_action(RACE_SPIN_LONG, vcpu);
		doomed.vcpu[i] = vcpu;
	}
	doomed.vcpu[0] = send_action(action, vcpu);
}

/* Nothing of the VM runs again. */
static void check_ended(void)
{
	uint32_t i;

	for (i = 0; i < target->vcpus; i++)
		CHECK_EQ(traffic_call(HF_VCPU_RUN, target->vm, i),
			 doomed.expected);
	CHECK_EQ(traffic_call(HF_RPC_REQUEST, target->vm, 8), (uint64_t)-1);
}

static void end_one(const char *name, unsigned int i)
{
	unsigned int cpus = cpu_count();

	target = traffic_add(name);
	CHECK(target);
	memset(&doomed, 0, sizeof(doomed));
	doomed.spinners = cpus > 3 ? 2 : cpus - 1;
	doomed.expected = ends[i].reason << HF_VCPU_CODE_BITS | HF_VCPU_ABORTED;
	traffic_begin(0, 0);
	if (!traffic_drain()) /* it starts */
		return;
	traffic_remove();
	prepare_end(ends[i].action);
	if (test_over())
		return;
	traffic_begin(cpus > 3 ? 100 : 0, TRAFFIC_ANY_RUN);
	CHECK(cpu_run_all(cpus, end_worker, NULL));
	if (traffic_drain())
		check_ended();
}

/*
 * A VM ends while its vCPUs run on other CPUs: they come back soon and say so;
 * the traffic of the others goes on.
 */
static void vm_ends_while_it_runs(void)
{
	char name[] = "gone0";
	unsigned int i;

	for (i = 0; i < ENDS && !test_over(); i++) {
		name[4] = (char)('0' + i);
		end_one(name, i);
	}
}

/* What the VMs saw of all this: no register changed, all calls right. */
static void nothing_changed(void)
{
	traffic_begin(0, 0);
	traffic_check_counts();
}

static const struct test_case cases[] = {
	{"one_configure_wins", one_configure_wins},
	{"one_configure_wins_in_vm", one_configure_wins_in_vm},
	{"one_of_all_wins", one_of_all_wins},
	{"one_reply_wins", one_reply_wins},
	{"two_of_one_vm", two_of_one_vm},
	{"no_wake_up_lost", no_wake_up_lost},
	{"vcpus_come_and_go", vcpus_come_and_go},
	{"everything_at_once", everything_at_once},
	{"cpus_come_and_go", cpus_come_and_go},
	{"vm_ends_while_it_runs", vm_ends_while_it_runs},
	{"nothing_changed", nothing_changed},
	{NULL, NULL},
};

const struct suite suite_race = {"race", cases};
