/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The core under ThreadSanitizer: host threads are CPUs and fight over the
 * same vCPUs, mailboxes and CPUs. Every access that no lock or hand-over
 * orders is an error, as is a message lost, doubled or torn.
 */
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "unit.h"
#include "api.h"
#include "fake.h"
#include "life.h"
#include "manage.h"

#define VMS 2
#define VCPUS 2
#define RUNNERS (VMS * VCPUS) /* CPUs with one vCPU to care for, each */
#define SENDERS 2	      /* CPUs that send, and run what they like */
#define CPUS (RUNNERS + SENDERS)
#define REQUESTS 10000 /* of each sender */
#define LIMIT_S 60

/* A CHECK for any thread: ends the program. */
static void require(bool condition, const char *what)
{
	if (condition)
		return;
	printf("not ok race: %s\n", what);
	fflush(stdout);
	_Exit(1);
}

static uint32_t thread_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* Runs `code` on CPUs 0 .. count - 1 at once, with their number. */
static void on_cpus(unsigned int count, void *(*code)(void *))
{
	pthread_t thread[CPUS];

	for (uintptr_t i = 0; i < count; i++)
		CHECK_EQ(pthread_create(&thread[i], NULL, code, (void *)i), 0);
	for (unsigned int i = 0; i < count; i++)
		pthread_join(thread[i], NULL);
}

static unsigned int be_cpu(void *number)
{
	unsigned int cpu = (unsigned int)(uintptr_t)number;

	fake_be_cpu(cpu);
	return cpu;
}

/* --- the mailboxes --- */

static uint32_t answers[SENDERS * REQUESTS]; /* to each request; atomic */
static uint32_t answered;		     /* atomic */
static bool done;			     /* atomic */
static uint32_t ready[VMS][VCPUS];	     /* told to be run; atomic */
static pthread_mutex_t send_page = PTHREAD_MUTEX_INITIALIZER;
static time_t deadline;

static void check_time(void)
{
	require(time(NULL) < deadline, "a wake-up was lost: nothing goes on");
}

static uint32_t message_size(uint32_t id)
{
	return 4 + id * 37 % (HF_MAILBOX_SIZE - 3);
}

/* A message is its number, and bytes that follow from it. */
static void write_message(uint8_t *page, uint32_t id, uint8_t salt)
{
	memcpy(page, &id, 4);
	memset(page + 4, (uint8_t)(id + salt), message_size(id) - 4);
}

static uint32_t read_message(const uint8_t *page, uint64_t size, uint8_t salt)
{
	uint32_t id;

	memcpy(&id, page, 4);
	require(id < SENDERS * REQUESTS, "a message is not one of ours");
	require(size == message_size(id), "a message has the wrong size");
	for (uint64_t i = 4; i < size; i++)
		require(page[i] == (uint8_t)(id + salt), "a message is torn");
	return id;
}

#define SALT_REQUEST 1
#define SALT_REPLY 2

enum { READ, GOT, REPLY, ACK };

/* A guest's own state lies in its vCPU's `step`, and this. */
static struct guest {
	uint64_t size;
	uint32_t random;
	bool separate_ack;
} guests[VMS][VCPUS];

static uint64_t guest_reply(struct vcpu *vcpu, struct guest *g)
{
	uint64_t exit;

	g->separate_ack = thread_random(&g->random) & 1;
	exit = fake_hvc(vcpu, HF_RPC_REPLY, g->size, !g->separate_ack, 0);
	if (!exit) /* the primary has not taken the last one yet */
		return vcpu_exit(EXIT_INTERRUPT, 0);
	vcpu->arch.step = g->separate_ack ? ACK : READ;
	return exit;
}

/* Reads a request, replies to it, now and then waits between. */
static uint64_t serve(struct vcpu *vcpu)
{
	struct guest *g = &guests[vcpu->vm->index][vcpu->index];
	uint64_t exit;

	for (;;) {
		if (thread_random(&g->random) % 8 == 0)
			return vcpu_exit(EXIT_WFI, 7);
		switch (vcpu->arch.step) {
		case READ:
			vcpu->arch.step = GOT;
			exit = fake_hvc(vcpu, HF_RPC_READ_REQUEST, 1, 0, 0);
			if (exit)
				return exit;
			break;
		case GOT:
			g->size = *fake_x(0);
			write_message(fake_page_ptr(vcpu->vm, 0),
				      read_message(fake_page_ptr(vcpu->vm, 1),
						   g->size, SALT_REQUEST),
				      SALT_REPLY);
			vcpu->arch.step = REPLY;
			break;
		case REPLY:
			return guest_reply(vcpu, g);
		default:
			exit = fake_hvc(vcpu, HF_RPC_ACK, 0, 0, 0);
			require(!exit && *fake_x(0) == 0, "an ack failed");
			vcpu->arch.step = READ;
		}
	}
}

static void take_reply(uint64_t size)
{
	uint32_t id = read_message(fake_page_ptr(NULL, 1), size, SALT_REPLY);

	require(__atomic_add_fetch(&answers[id], 1, __ATOMIC_RELAXED) == 1,
		"a request was answered twice");
	require(fake_primary(HF_RPC_ACK, 0, 0, 0) == 0,
		"the reply could not be acknowledged");
	__atomic_add_fetch(&answered, 1, __ATOMIC_RELAXED);
}

static uint64_t run(unsigned int vm, unsigned int vcpu)
{
	uint64_t r = (uint64_t)fake_primary(HF_VCPU_RUN, vm, vcpu, 0);

	if ((r & HF_VCPU_CODE_MASK) == HF_VCPU_RESPONSE_READY)
		take_reply(r >> HF_VCPU_CODE_BITS);
	return r;
}

/* As a driver's thread of one vCPU: sleeps when it waits, until told. */
static void *run_one(void *number)
{
	unsigned int cpu = be_cpu(number), vm = cpu / VCPUS, vcpu = cpu % VCPUS;

	while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
		uint64_t r = run(vm, vcpu);

		if (r != HF_VCPU_MESSAGE_WANTED &&
		    r != HF_VCPU_WAIT_FOR_INTERRUPT)
			continue;
		while (!__atomic_exchange_n(&ready[vm][vcpu], 0,
					    __ATOMIC_ACQUIRE) &&
		       !__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
			check_time();
			sched_yield();
		}
	}
	return NULL;
}

static void tell(unsigned int vm, unsigned int vcpu)
{
	__atomic_store_n(&ready[vm][vcpu], 1, __ATOMIC_RELEASE);
}

static void intrude(uint32_t random)
{
	unsigned int vm = random % VMS, vcpu = random / 16 % VCPUS;

	/* Who cares for it may have been turned away meanwhile. */
	if (run(vm, vcpu) != HF_VCPU_MESSAGE_WANTED)
		tell(vm, vcpu);
}

static bool send(unsigned int vm, uint32_t id)
{
	int64_t r;

	pthread_mutex_lock(&send_page);
	write_message(fake_page_ptr(NULL, 0), id, SALT_REQUEST);
	r = fake_primary(HF_RPC_REQUEST, vm, message_size(id), 0);
	pthread_mutex_unlock(&send_page);
	if (r > 0)
		tell(vm, (unsigned int)r - 1);
	return r >= 0;
}

static void send_all(unsigned int cpu)
{
	uint32_t random = 77 + cpu, id = (cpu - RUNNERS) * REQUESTS;

	for (uint32_t end = id + REQUESTS; id < end; check_time()) {
		if (send(thread_random(&random) % VMS, id))
			id++;
		else if (thread_random(&random) % 4 == 0)
			intrude(thread_random(&random));
		else
			sched_yield();
	}
}

static void *run_or_send(void *number)
{
	unsigned int cpu = be_cpu(number);

	if (cpu < RUNNERS)
		return run_one(number);
	send_all(cpu);
	while (__atomic_load_n(&answered, __ATOMIC_RELAXED) <
	       SENDERS * REQUESTS) {
		check_time();
		sched_yield();
	}
	__atomic_store_n(&done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void start_vms(void)
{
	fake_reset();
	fake_start(CPUS, VMS, VCPUS);
	deadline = time(NULL) + LIMIT_S;
	CHECK_EQ(fake_primary(HF_SET_OPTIONS, HF_OPTION_MESSAGE_WANTED, 0, 0),
		 0);
	CHECK_EQ(fake_primary(HF_VM_CONFIGURE, fake_page(NULL, 0),
			      fake_page(NULL, 1), 0),
		 0);
	for (unsigned int i = 0; i < VMS; i++) {
		struct vm *vm = &vm_secondary[i];

		fake_hvc(&vm->vcpus[0], HF_VM_CONFIGURE, fake_page(vm, 0),
			 fake_page(vm, 1), 0);
		for (unsigned int v = 0; v < VCPUS; v++) {
			vcpu_turn_on(&vm->vcpus[v], ipaddr(0), 0);
			vm->vcpus[v].arch.guest = serve;
			guests[i][v].random = 1 + i * VCPUS + v;
		}
	}
}

TEST(mailboxes)
{
	start_vms();
	on_cpus(CPUS, run_or_send);
	for (unsigned int i = 0; i < SENDERS * REQUESTS; i++)
		CHECK_EQ(answers[i], 1);
	CHECK_EQ(vm_primary.mailbox.state, MAILBOX_IDLE);
	for (unsigned int i = 0; i < VMS; i++)
		CHECK(vm_secondary[i].mailbox.state != MAILBOX_PENDING);
}

/* --- one of many succeeds --- */

#define ROUNDS 2000

static pthread_barrier_t barrier;
static uint32_t successes; /* in this round; atomic */

/* Each round: all at once call `attempt`, of which one is to succeed. */
static void race_rounds(unsigned int cpu, bool (*attempt)(unsigned int cpu),
			void (*again)(void))
{
	for (unsigned int i = 0; i < ROUNDS; i++) {
		if (cpu == 0) {
			again();
			successes = 0;
		}
		pthread_barrier_wait(&barrier);
		if (attempt(cpu))
			__atomic_add_fetch(&successes, 1, __ATOMIC_RELAXED);
		pthread_barrier_wait(&barrier);
		require(__atomic_load_n(&successes, __ATOMIC_RELAXED) == 1,
			"not exactly one succeeded");
		pthread_barrier_wait(&barrier);
	}
}

static void start_race(void *(*code)(void *))
{
	start_vms();
	pthread_barrier_init(&barrier, NULL, 4);
	on_cpus(4, code);
	pthread_barrier_destroy(&barrier);
}

static struct cpu *const target = &cpus[5];

static bool start_cpu(unsigned int cpu)
{
	bool won;

	cpu_get_state(target);
	won = cpu_turn_on(target, ipaddr(cpu), cpu) == CPU_ON_SUCCESS;
	if (won)
		require(target->entry.ipa == cpu && target->argument == cpu,
			"a loser's entry is used");
	return won;
}

static void stop_cpu(void)
{
	cpu_goes_down(target);
}

static enum arch_start comes_up(struct cpu *cpu)
{
	/* Now and then before the caller knows. */
	if (cpu->arch.starts % 2)
		cpu_came_up(cpu);
	return ARCH_START_OK;
}

static void *race_cpu_on(void *number)
{
	race_rounds(be_cpu(number), start_cpu, stop_cpu);
	return NULL;
}

TEST(cpu_on)
{
	start_vms();
	pthread_barrier_init(&barrier, NULL, 4);
	fake.cpu_start = comes_up;
	on_cpus(4, race_cpu_on);
	pthread_barrier_destroy(&barrier);
	CHECK_EQ(target->arch.starts, ROUNDS);
}

static struct vcpu *vcpu_target(void)
{
	return &vm_secondary[0].vcpus[1];
}

static bool start_vcpu(unsigned int cpu)
{
	return vcpu_turn_on(vcpu_target(), ipaddr(0), cpu) == TURNED_ON;
}

static void stop_vcpu(void)
{
	vcpu_release(vcpu_target(), VCPU_OFF);
}

static void *race_vcpu_on(void *number)
{
	race_rounds(be_cpu(number), start_vcpu, stop_vcpu);
	return NULL;
}

TEST(vcpu_on)
{
	start_race(race_vcpu_on);
	CHECK_EQ(vcpu_target()->arch.resets, ROUNDS + 1);
}

static bool claim_vcpu(unsigned int cpu)
{
	return vcpu_claim(vcpu_target(), &cpus[cpu]);
}

static void give_back_vcpu(void)
{
	vcpu_release(vcpu_target(), VCPU_READY);
}

static void *race_claim(void *number)
{
	race_rounds(be_cpu(number), claim_vcpu, give_back_vcpu);
	return NULL;
}

TEST(claim)
{
	start_race(race_claim);
}

static bool configure(unsigned int cpu)
{
	const struct vm *vm = &vm_secondary[0];

	fake_hvc(&vm->vcpus[cpu % VCPUS], HF_VM_CONFIGURE, fake_page(vm, cpu),
		 fake_page(vm, cpu + 8), 0);
	return *fake_x(0) == 0;
}

static void forget_mailbox(void)
{
	memset(&vm_secondary[0].mailbox, 0, sizeof(struct mailbox));
}

static void *race_configure(void *number)
{
	race_rounds(be_cpu(number), configure, forget_mailbox);
	return NULL;
}

TEST(configure_once)
{
	start_race(race_configure);
}

static bool abort_vm(unsigned int cpu)
{
	vm_abort(&vm_secondary[1], cpu + 1);
	return __atomic_load_n(&vm_secondary[1].aborted, __ATOMIC_RELAXED) ==
	       cpu + 1;
}

static void revive_vm(void)
{
	vm_secondary[1].aborted = 0;
}

static void *race_abort(void *number)
{
	race_rounds(be_cpu(number), abort_vm, revive_vm);
	return NULL;
}

TEST(abort_once)
{
	start_race(race_abort);
	CHECK_EQ(vm_secondary[1].arch.revokes, ROUNDS);
}

/* --- hand-over without any lock --- */

#define CLAIMS 5000

static void *claim_and_count(void *number)
{
	unsigned int cpu = be_cpu(number);

	for (unsigned int n = 0; n < CLAIMS;) {
		if (!vcpu_claim(vcpu_target(), &cpus[cpu])) {
			sched_yield();
			continue;
		}
		vcpu_target()->arch.entries++;
		vcpu_release(vcpu_target(), VCPU_READY);
		n++;
	}
	return NULL;
}

/* The vCPU alone orders what its CPUs do to it. */
TEST(hand_over)
{
	start_vms();
	on_cpus(4, claim_and_count);
	CHECK_EQ(vcpu_target()->arch.entries, 4 * CLAIMS);
}

static void *request_or_configure(void *number)
{
	unsigned int cpu = be_cpu(number);

	for (unsigned int i = 0; i < 200; i++) {
		pthread_barrier_wait(&barrier);
		if (cpu == 0)
			fake_primary(HF_VM_CONFIGURE, fake_page(NULL, i),
				     fake_page(NULL, i + 1), 0);
		else if (cpu <= VMS)
			while (fake_primary(HF_RPC_REQUEST, cpu - 1, 8, 0) < 0)
				sched_yield();
		pthread_barrier_wait(&barrier);
		if (cpu == 0)
			memset(&vm_primary.mailbox, 0, sizeof(struct mailbox));
		else if (cpu <= VMS)
			vm_secondary[cpu - 1].mailbox.state = MAILBOX_IDLE;
	}
	return NULL;
}

/* Whoever sees that a mailbox is configured sees where it is. */
TEST(configure_meanwhile)
{
	start_vms();
	memset(&vm_primary.mailbox, 0, sizeof(struct mailbox));
	pthread_barrier_init(&barrier, NULL, 4);
	on_cpus(4, request_or_configure);
	pthread_barrier_destroy(&barrier);
}

static void *walk_or_revoke(void *number)
{
	unsigned int cpu = be_cpu(number);
	struct ptable *t = &vm_secondary[0].stage2;
	size_t size = t->root_pages * PAGE_SIZE;
	uint64_t root[16 * PT_ENTRIES];

	memcpy(root, t->root, size);
	for (unsigned int i = 0; i < 200; i++) {
		pthread_barrier_wait(&barrier);
		if (cpu == 0)
			arch_vm_revoke(&vm_secondary[0]);
		else if (ptable_walk(t, HF_SECONDARY_RAM_BASE).mode)
			__atomic_fetch_add(&answered, 1, __ATOMIC_RELAXED);
		pthread_barrier_wait(&barrier);
		if (cpu == 0)
			memcpy(t->root, root, size);
	}
	return NULL;
}

/* A walk finds what is there or nothing while the table is emptied. */
TEST(walk_while_revoked)
{
	start_vms();
	pthread_barrier_init(&barrier, NULL, 4);
	on_cpus(4, walk_or_revoke);
	pthread_barrier_destroy(&barrier);
}

/* --- VMs that are stopped and started while they run --- */

#define LIVES 300

/* Uses its memory, its console and its mailbox; ThreadSanitizer sees whoever
 * loads its memory meanwhile. */
static uint64_t restless_guest(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	uint32_t *word = fake_page_ptr(vm, 9 + vcpu->index);
	uint64_t exit;

	++*word;
	spin_lock(&vm->console.lock);
	vconsole_put(vm, 'x');
	spin_unlock(&vm->console.lock);
	switch (*word % 4) {
	case 0:
		fake_hvc(vcpu, HF_VM_CONFIGURE, fake_page(vm, 0),
			 fake_page(vm, 1), 0);
		return vcpu_exit(EXIT_INTERRUPT, 0);
	case 1:
		vcpu_turn_on(&vm->vcpus[1 - vcpu->index],
			     ipaddr(HF_SECONDARY_RAM_BASE), 0);
		return vcpu_exit(EXIT_WFI, 0);
	case 2:
		exit = fake_hvc(vcpu, HF_RPC_READ_REQUEST, 1, 0, 0);
		return exit ? exit : vcpu_exit(EXIT_INTERRUPT, 0);
	default:
		exit = fake_hvc(vcpu, HF_RPC_REPLY, 8, 1, 0);
		return exit ? exit : vcpu_exit(EXIT_OFF, 0);
	}
}

static int64_t manage(uint64_t number, uint64_t a1)
{
	uint64_t x[4] = {number, a1, 0, 0};

	require(manage_call(x), "a call is not known");
	return (int64_t)x[0];
}

static void start_and_stop(void)
{
	int64_t result;

	for (unsigned int lives = 0; lives < LIVES;) {
		check_time();
		/* Two do this: each may break off what the other began. */
		result = manage(HF_VM_START, 0);
		require(result == HF_DONE || result == HF_AGAIN || result == -1,
			"a result of START");
		if (result == HF_AGAIN) {
			sched_yield();
			continue;
		}
		lives++;
		result = manage(HF_VM_STOP, 0);
		require(result == HF_DONE || result == HF_AGAIN,
			"a result of STOP");
	}
	__atomic_store_n(&done, true, __ATOMIC_RELEASE);
}

static void *live_or_stop(void *number)
{
	unsigned int cpu = be_cpu(number);
	uint32_t random = cpu + 1;

	if (cpu < 2) {
		start_and_stop();
		return NULL;
	}
	while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
		fake_primary(HF_VCPU_RUN, 0, thread_random(&random) % 2, 0);
		fake_primary(HF_RPC_REQUEST, 0, 8, 0);
		fake_primary(HF_RPC_ACK, 0, 0, 0);
		require(manage(HF_VM_GET_STATE, 0) > HF_VM_LEFT_OUT, "a state");
		manage(HF_CONSOLE_READ, 0);
		manage(HF_CONSOLE_WRITE, UINT64_C(3) << HF_WRITE_COUNT_SHIFT);
	}
	return NULL;
}

TEST(lives)
{
	start_vms();
	vm_options = HF_OPTION_CONSOLE;
	deadline = time(NULL) + LIMIT_S;
	done = false;
	for (unsigned int i = 0; i < VCPUS; i++)
		vm_secondary[0].vcpus[i].arch.guest = restless_guest;
	on_cpus(5, live_or_stop);
	while (life_stop(&vm_secondary[0]) == HF_AGAIN)
		;
	while (life_start(&vm_secondary[0]) == HF_AGAIN)
		;
	CHECK_EQ(life_state(&vm_secondary[0]), HF_VM_RUNNING);
	vm_options = 0;
	/* Its memory is new: it does again what it did first. */
	CHECK_EQ(fake_primary(HF_VCPU_RUN, 0, 0, 0) & 0xff,
		 HF_VCPU_WAIT_FOR_INTERRUPT);
}
