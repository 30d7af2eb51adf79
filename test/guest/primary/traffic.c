/* SPDX-License-Identifier: BSD-3-Clause */
#include <stddef.h>
#include "console.h"
#include "exception.h"
#include "gic.h"
#include "machine.h"
#include "paint.h"
#include "smccc.h"
#include "string.h"
#include "sysreg.h"
#include "test.h"
#include "timer.h"
#include "traffic.h"
#include "vm.h"

#define US UINT64_C(1000)
#define MS (1000 * US)
/* No request is answered for so long: something was lost. */
#define PATIENCE_NS (UINT64_C(20000) * MS)
#define KICK 7
#define FAILED ((uint64_t)-1)

static struct traffic_vm vms[TRAFFIC_VMS];
static unsigned int vm_count;

static uint8_t *send_page;
static uint8_t *recv_page;
static struct spinlock send_lock;

static struct {
	uint64_t goal;
	unsigned int options;
	uint64_t accepted;  /* requests, and those about to be; atomic */
	uint64_t answered;  /* atomic */
	uint64_t calls;	    /* atomic */
	uint32_t stop;	    /* atomic */
	uint32_t turned_on; /* CPUs: successful CPU_ON calls, and */
	uint32_t entered;   /* entries of CPUs; both atomic */
} traffic;

/* Of each CPU. */
static struct {
	_Alignas(64) uint64_t random;
} self[CPUS];

static uint64_t random(void)
{
	uint64_t *state = &self[cpu_index()].random;

	if (!*state)
		*state = machine_number("seed", 1) * 1000 + cpu_index();
	return race_random(state);
}

/* True once in `n` times. */
static bool chance(unsigned int n)
{
	return random() % n == 0;
}

static uint64_t get(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

static void stop(void)
{
	__atomic_store_n(&traffic.stop, 1, __ATOMIC_RELEASE);
}

static bool stopped(void)
{
	return __atomic_load_n(&traffic.stop, __ATOMIC_ACQUIRE);
}

void traffic_error(const char *file, int line, const char *f, ...)
{
	static struct spinlock lock;
	char what[160];
	va_list args;

	va_start(args, f);
	vformat(what, sizeof(what), f, args);
	va_end(args);
	spin_lock(&lock);
	test_fail(file, line, "CPU %u: %s", cpu_index(), what);
	spin_unlock(&lock);
	stop();
}

uint64_t traffic_calls(void)
{
	return get(&traffic.calls);
}

void traffic_mailbox(uint8_t *send, uint8_t *recv)
{
	send_page = send;
	recv_page = recv;
	race_poison(recv, HF_MAILBOX_SIZE);
}

struct traffic_vm *traffic_add(const char *name)
{
	struct traffic_vm *v = &vms[vm_count];

	*v = (struct traffic_vm){.vm = vm_named(name)};
	if (v->vm == NO_VM)
		return NULL;
	v->vcpus = (uint32_t)hf_vcpu_get_count(v->vm);
	v->ready = 1;
	vm_count++;
	return v;
}

void traffic_remove(void)
{
	vm_count--;
}

/* --- painted calls --- */

static void check_paint(uint64_t fn, const struct paint *before,
			const struct paint *after)
{
	uint64_t changed = paint_compare(before, after) & ~PAINT_CALL_RESULTS;

	if (changed)
		TRAFFIC_ERROR("call 0x%lx changes registers: mask 0x%lx", fn,
			      changed);
	if (after->x[1] | after->x[2] | after->x[3])
		TRAFFIC_ERROR("call 0x%lx leaves x1-x3", fn);
}

static void prepare(struct paint *p, uint64_t fn, uint64_t a, uint64_t b)
{
	paint_fill(p, random());
	p->x[0] = fn;
	p->x[1] = a;
	p->x[2] = b;
	__atomic_add_fetch(&traffic.calls, 1, __ATOMIC_RELAXED);
}

static uint64_t plain_call(uint64_t fn, uint64_t a, uint64_t b)
{
	__atomic_add_fetch(&traffic.calls, 1, __ATOMIC_RELAXED);
	return (uint64_t)hf_call((uint32_t)fn, a, b, 0);
}

uint64_t traffic_call(uint64_t fn, uint64_t a, uint64_t b)
{
	struct paint before;
	struct paint after;

	/* Painting takes the FP registers from the vCPU that ran here last. Let
	 * it find them when its CPU was off meanwhile. */
	if (traffic.options & TRAFFIC_TURN_CPUS && !chance(8))
		return plain_call(fn, a, b);
	prepare(&before, fn, a, b);
	paint_run(PAINT_HVC, &before, &after);
	check_paint(fn, &before, &after);
	return after.x[0];
}

/* The system registers painted as well. */
static uint64_t deep_call(uint64_t fn, uint64_t a, uint64_t b)
{
	struct paint_sysregs sysregs;
	uint64_t changed;
	uint64_t result;

	paint_sysregs(&sysregs, random());
	result = traffic_call(fn, a, b);
	changed = paint_sysregs_restore(&sysregs);
	if (changed)
		TRAFFIC_ERROR("call 0x%lx changes %s", fn,
			      paint_sysreg_name(changed));
	return result;
}

void traffic_take_interrupts(void)
{
	irq_unmask();
	isb();
	irq_mask();
}

/* An interrupt comes at some moment after the entry, or is there already. */
static uint64_t interrupted_call(uint64_t fn, uint64_t a, uint64_t b)
{
	uint64_t ns = chance(16) ? 0 : random() % (chance(4) ? MS : 50 * US);
	uint64_t result;

	timer_arm(TIMER_PHYSICAL, ns, true);
	result = traffic_call(fn, a, b);
	/* What interrupted it is the primary's, and comes now. */
	traffic_take_interrupts();
	timer_stop(TIMER_PHYSICAL);
	return result;
}

/* --- requests --- */

/* All of 0..4096, the ends and the header's more often. */
static uint64_t random_size(void)
{
	static const uint16_t edges[] = {0, 1, 7, 8, 39, 40, 41, 4095, 4096};

	if (chance(4))
		return edges[random() % (sizeof(edges) / sizeof(edges[0]))];
	return chance(2) ? random() % 256 : random() % (HF_MAILBOX_SIZE + 1);
}

/* A place whose last request is answered, or NULL: a vCPU that acknowledged
 * before it answers may be slow. */
static struct traffic_record *place(struct traffic_record *records, uint64_t n)
{
	struct traffic_record *r = &records[n % TRAFFIC_RECORDS];

	return __atomic_load_n(&r->open, __ATOMIC_ACQUIRE) ? NULL : r;
}

static struct traffic_record *fill_raw(struct traffic_vm *v, uint64_t size)
{
	struct traffic_record *r = place(v->raw, v->raw_sent);

	if (!r)
		return NULL;
	r->seed = random();
	r->size = size;
	race_fill(send_page, 0, size, r->seed);
	return r;
}

static struct traffic_record *fill(struct traffic_vm *v, uint64_t size,
				   enum race_mode mode, enum race_action action)
{
	struct traffic_record *r = place(v->record, v->sent);
	struct race_request *request = (struct race_request *)send_page;
	uint64_t room = HF_MAILBOX_SIZE + 1 - sizeof(struct race_reply);

	if (!r)
		return NULL;
	r->number = v->sent;
	r->size = sizeof(struct race_reply) +
		  (chance(2) ? random() % 64 : random() % room);
	*request = (struct race_request){
		.number = v->sent,
		.seed = random(),
		.mode = mode,
		.action = action,
		.spin = (uint32_t)(random() % (chance(8) ? 50000 : 500)),
		.reply_size = r->size,
	};
	if (v->vcpus > 1)
		request->target = (uint32_t)(1 + random() % (v->vcpus - 1));
	race_fill(send_page, sizeof(*request), size, request->seed);
	return r;
}

/*
 * Sends what fill() put into the page, with the send lock; -1 as well if there
 * was no place for it (`r` is NULL).
 */
static int64_t request(struct traffic_vm *v, uint64_t size,
		       struct traffic_record *r)
{
	uint64_t *sent = size < RACE_HEADER ? &v->raw_sent : &v->sent;
	int64_t result;

	if (!r)
		return -1;
	__atomic_store_n(&r->open, 1, __ATOMIC_RELEASE);
	result = (int64_t)traffic_call(HF_RPC_REQUEST, v->vm, size);
	if (result < 0)
		r->open = 0;
	else
		++*sent;
	if (result < -1 || result > v->vcpus)
		TRAFFIC_ERROR("REQUEST: 0x%lx", result);
	return result;
}

static enum race_action random_action(const struct traffic_vm *v)
{
	if (!(traffic.options & TRAFFIC_TURN_VCPUS) || v->vcpus == 1)
		return RACE_NOTHING;
	return (enum race_action)(random() % RACE_ACTIONS);
}

void traffic_ready(struct traffic_vm *v, uint32_t vcpu)
{
	__atomic_or_fetch(&v->ready, UINT32_C(1) << vcpu, __ATOMIC_ACQ_REL);
}

int64_t traffic_send(struct traffic_vm *v, enum race_mode mode,
		     enum race_action action)
{
	struct traffic_record *r;
	int64_t result;

	spin_lock(&send_lock);
	r = fill(v, HF_MAILBOX_SIZE, mode, action);
	result = request(v, HF_MAILBOX_SIZE, r);
	if (result >= 0 && action < RACE_ACTIONS)
		__atomic_add_fetch(&traffic.accepted, 1, __ATOMIC_ACQ_REL);
	spin_unlock(&send_lock);
	return result;
}

int64_t traffic_send_header(struct traffic_vm *v, enum race_mode mode,
			    enum race_action action)
{
	struct race_request *request = (struct race_request *)send_page;
	int64_t result;

	spin_lock(&send_lock);
	*request = (struct race_request){.mode = mode, .action = action};
	result = (int64_t)traffic_call(HF_RPC_REQUEST, v->vm, RACE_HEADER);
	spin_unlock(&send_lock);
	return result;
}

/* A message of `size` bytes; -1 as well if another CPU fills the page. */
static int64_t send_filled(struct traffic_vm *v, uint64_t size)
{
	struct traffic_record *r;
	int64_t result;

	if (!spin_trylock(&send_lock))
		return -1;
	r = size < RACE_HEADER
		    ? fill_raw(v, size)
		    : fill(v, size, random() % RACE_MODES, random_action(v));
	result = request(v, size, r);
	spin_unlock(&send_lock);
	return result;
}

/* An empty message has nothing to say in the page: no lock keeps CPUs apart. */
static int64_t send_empty(struct traffic_vm *v)
{
	int64_t result;

	__atomic_add_fetch(&v->empty, 1, __ATOMIC_ACQ_REL);
	result = (int64_t)traffic_call(HF_RPC_REQUEST, v->vm, 0);
	if (result < 0)
		__atomic_sub_fetch(&v->empty, 1, __ATOMIC_ACQ_REL);
	if (result < -1 || result > v->vcpus)
		TRAFFIC_ERROR("REQUEST: 0x%lx", result);
	return result;
}

/* Some request to the VM, unless it has one or enough were sent. */
static void try_send(struct traffic_vm *v)
{
	uint64_t size = chance(4) ? 0 : random_size();
	int64_t result = -1;

	if (__atomic_fetch_add(&traffic.accepted, 1, __ATOMIC_ACQ_REL) <
	    traffic.goal)
		result = size ? send_filled(v, size) : send_empty(v);
	if (result < 0)
		__atomic_sub_fetch(&traffic.accepted, 1, __ATOMIC_ACQ_REL);
	if (result > 0)
		traffic_ready(v, (uint32_t)result - 1);
}

/* --- answers --- */

static bool close(struct traffic_record *r)
{
	return __atomic_exchange_n(&r->open, 0, __ATOMIC_ACQ_REL);
}

/* The request came back inverted. */
static bool is_raw_answer(struct traffic_vm *v, uint64_t size)
{
	struct traffic_record *r = &v->raw[v->raw_answered % TRAFFIC_RECORDS];
	uint64_t i;

	v->raw_answered++;
	for (i = 0; i < size; i++) {
		uint8_t sent = (uint8_t)~recv_page[i];

		if (sent != race_byte(r->seed, i))
			return false;
	}
	return r->size == size && close(r);
}

static bool is_answer(struct traffic_vm *v, uint32_t vcpu, uint64_t size)
{
	const struct race_reply *reply = (const struct race_reply *)recv_page;
	struct traffic_record *r = &v->record[reply->number % TRAFFIC_RECORDS];

	if (reply->number != r->number || size != r->size ||
	    reply->vcpu != vcpu ||
	    !race_matches(reply, sizeof(*reply), size, reply->seed))
		return false;
	v->counts = reply->counts;
	return close(r);
}

static bool is_empty_answer(struct traffic_vm *v)
{
	return __atomic_fetch_sub(&v->empty, 1, __ATOMIC_ACQ_REL) > 0;
}

static bool is_expected(struct traffic_vm *v, uint32_t vcpu, uint64_t size)
{
	if (!size)
		return is_empty_answer(v);
	return size < RACE_HEADER ? is_raw_answer(v, size)
				  : is_answer(v, vcpu, size);
}

/* The primary's receive page is this CPU's until it acknowledges. */
static void take_answer(struct traffic_vm *v, uint32_t vcpu, uint64_t size)
{
	if (size > HF_MAILBOX_SIZE) {
		TRAFFIC_ERROR("size of an answer: 0x%lx", size);
		return;
	}
	if (!is_expected(v, vcpu, size))
		TRAFFIC_ERROR("VM %u, vCPU %u: wrong answer of %lu bytes",
			      v->vm, vcpu, size);
	if (!race_is_poison(recv_page, size))
		TRAFFIC_ERROR("written behind an answer of %lu bytes", size);
	race_poison(recv_page, size);
	if (traffic_call(HF_RPC_ACK, 0, 0))
		TRAFFIC_ERROR("ACK failed");
	__atomic_add_fetch(&traffic.answered, 1, __ATOMIC_ACQ_REL);
}

/* --- running vCPUs --- */

static void wake_up(struct traffic_vm *v, uint32_t vcpu, uint64_t payload)
{
	uint32_t other = payload & HF_WAKE_UP_VCPU_MASK;

	if (payload >> HF_WAKE_UP_VM_SHIFT != v->vm || other >= v->vcpus ||
	    other == vcpu)
		TRAFFIC_ERROR("VM %u, vCPU %u: WAKE_UP of 0x%lx", v->vm, vcpu,
			      payload);
	else
		traffic_ready(v, other);
	traffic_ready(v, vcpu);
}

void traffic_take_result(struct traffic_vm *v, uint32_t vcpu, uint64_t result)
{
	uint64_t payload = hf_vcpu_payload(result);

	switch (hf_vcpu_code(result)) {
	case HF_VCPU_YIELD:
		traffic_ready(v, vcpu);
		break;
	case HF_VCPU_WAIT_FOR_INTERRUPT:
		/* With a time in a WFI; without one it cannot be run. */
		if (payload)
			traffic_ready(v, vcpu);
		return;
	case HF_VCPU_WAKE_UP:
		wake_up(v, vcpu, payload);
		return;
	case HF_VCPU_RESPONSE_READY:
		take_answer(v, vcpu, payload);
		traffic_ready(v, vcpu);
		return;
	case HF_VCPU_ABORTED:
		TRAFFIC_ERROR("VM %u ended: 0x%lx", v->vm, result);
		return;
	case HF_VCPU_MESSAGE_WANTED:
		break;
	default:
		TRAFFIC_ERROR("RUN: 0x%lx", result);
		return;
	}
	if (payload)
		TRAFFIC_ERROR("RUN: 0x%lx has a payload", result);
}

uint64_t traffic_run_vcpu(struct traffic_vm *v, uint32_t vcpu)
{
	uint64_t result = chance(32)
				  ? deep_call(HF_VCPU_RUN, v->vm, vcpu)
				  : interrupted_call(HF_VCPU_RUN, v->vm, vcpu);

	traffic_take_result(v, vcpu, result);
	return result;
}

/* Takes one of the ready vCPUs of the VM for this CPU. */
static bool claim(struct traffic_vm *v, uint32_t *vcpu)
{
	uint32_t ready = __atomic_load_n(&v->ready, __ATOMIC_ACQUIRE);
	uint32_t first = (uint32_t)random() % v->vcpus;
	uint32_t i;

	for (i = 0; ready && i < v->vcpus; i++) {
		uint32_t bit;

		*vcpu = (first + i) % v->vcpus;
		bit = UINT32_C(1) << *vcpu;
		if (ready & bit &&
		    __atomic_fetch_and(&v->ready, ~bit, __ATOMIC_ACQ_REL) & bit)
			return true;
	}
	return false;
}

static void run_one(struct traffic_vm *v)
{
	uint32_t vcpu;

	if (traffic.options & TRAFFIC_ANY_RUN && chance(4))
		traffic_run_vcpu(v, (uint32_t)random() % v->vcpus);
	else if (claim(v, &vcpu))
		traffic_run_vcpu(v, vcpu);
}

/* --- what else goes on --- */

/* A call that fails, whatever the others do. */
static void bad_call(const struct traffic_vm *v)
{
	static const struct {
		uint32_t fn;
		uint64_t a, b, expected;
	} calls[] = {
		{HF_VCPU_RUN, NO_VM, 0, HF_VCPU_WAIT_FOR_INTERRUPT},
		{HF_VCPU_GET_COUNT, NO_VM, 0, FAILED},
		{HF_VM_CONFIGURE, 0x40000000, 0x40001000, FAILED},
		{HF_RPC_REQUEST, NO_VM, 8, FAILED},
		{HF_RPC_READ_REQUEST, 1, 0, FAILED},
		{HF_RPC_REPLY, 8, 1, FAILED},
		{HF_SET_OPTIONS, 0x100, 0, FAILED},
		{0xffff, 0, 0, FAILED},
	};
	unsigned int i = random() % (sizeof(calls) / sizeof(calls[0]));

	if (traffic_call(calls[i].fn, calls[i].a, calls[i].b) !=
	    calls[i].expected)
		TRAFFIC_ERROR("call 0x%x", calls[i].fn);
	if (traffic_call(HF_RPC_REQUEST, v->vm, 4097 + random() / 2) != FAILED)
		TRAFFIC_ERROR("REQUEST of more than 4096 bytes");
	if (traffic_call(HF_VCPU_RUN, v->vm, v->vcpus) !=
	    HF_VCPU_WAIT_FOR_INTERRUPT)
		TRAFFIC_ERROR("RUN of a vCPU that is not there");
}

static void turn_cpu_on(void)
{
	unsigned int cpu = 1 + random() % (cpu_count() - 1);
	int32_t result = cpu_start(cpu, traffic_worker, NULL);

	if (result == PSCI_SUCCESS)
		__atomic_add_fetch(&traffic.turned_on, 1, __ATOMIC_ACQ_REL);
	else if (result != PSCI_ALREADY_ON && result != PSCI_ON_PENDING)
		TRAFFIC_ERROR("CPU_ON: %d", result);
}

static void disturb(const struct traffic_vm *v)
{
	if (traffic.options & TRAFFIC_BAD_CALLS && chance(64))
		bad_call(v);
	if (traffic.options & TRAFFIC_KICKS && chance(64))
		gic_send(random() % cpu_count(), KICK);
	if (traffic.options & TRAFFIC_TURN_CPUS && chance(256))
		turn_cpu_on();
}

/* --- workers --- */

static bool finished(void)
{
	return stopped() || get(&traffic.answered) >= traffic.goal;
}

/* By CPU 0: ends the traffic when nothing happens any more. */
static void watch(void)
{
	static uint64_t answered, since;
	uint64_t now = timer_now_ns();

	if (answered != get(&traffic.answered)) {
		answered = get(&traffic.answered);
		since = now;
	} else if (now - since > PATIENCE_NS) {
		TRAFFIC_ERROR("%lu of %lu requests are not answered",
			      traffic.accepted - answered, traffic.accepted);
	}
}

void traffic_worker(void *unused)
{
	(void)unused;
	__atomic_add_fetch(&traffic.entered, 1, __ATOMIC_ACQ_REL);
	gic_enable(timer_intid(TIMER_PHYSICAL));
	while (!finished()) {
		struct traffic_vm *v = &vms[random() % vm_count];

		if (chance(3))
			try_send(v);
		run_one(v);
		disturb(v);
		if (!cpu_index())
			watch();
		else if (traffic.options & TRAFFIC_TURN_CPUS && chance(256))
			break;
	}
	timer_stop(TIMER_PHYSICAL);
}

/* Runs what is ready until nothing is. */
bool traffic_drain(void)
{
	uint64_t end = timer_now_ns() + PATIENCE_NS;
	unsigned int i;

	gic_enable(timer_intid(TIMER_PHYSICAL));
	for (i = 0; i < vm_count; i++) {
		uint32_t vcpu;

		while (!stopped() && claim(&vms[i], &vcpu)) {
			traffic_run_vcpu(&vms[i], vcpu);
			if (timer_now_ns() > end)
				TRAFFIC_ERROR("VM %u does not settle",
					      vms[i].vm);
		}
	}
	if (!stopped() && traffic.answered != traffic.accepted)
		TRAFFIC_ERROR("%lu requests, %lu answers", traffic.accepted,
			      traffic.answered);
	return !stopped();
}

void traffic_begin(uint64_t requests, unsigned int options)
{
	traffic.goal = traffic.accepted + requests;
	traffic.options = options;
	traffic.stop = 0;
	traffic.turned_on = 0;
	traffic.entered = 0;
	hf_set_options(HF_OPTION_MESSAGE_WANTED);
}

/* CPU 0 goes on until the traffic ends; the others come and go. */
static void run_with_changing_cpus(void)
{
	unsigned int i;

	traffic_worker(NULL);
	/* Twice: one that is off may be turned on by another's last step. */
	for (i = 0; i < 2 * cpu_count(); i++) {
		unsigned int cpu = i % cpu_count();

		if (cpu && !cpu_wait_off(cpu))
			TRAFFIC_ERROR("CPU %u does not turn off", cpu);
	}
	/* CPU 0 itself was not turned on. */
	if (traffic.entered != traffic.turned_on + 1)
		TRAFFIC_ERROR("%u times turned on, %u times started",
			      traffic.turned_on, traffic.entered - 1);
}

bool traffic_run(uint64_t requests, unsigned int options)
{
	if (test_over())
		return false;
	traffic_begin(requests, options);
	if (options & TRAFFIC_TURN_CPUS)
		run_with_changing_cpus();
	else if (!cpu_run_all(cpu_count(), traffic_worker, NULL))
		TRAFFIC_ERROR("a CPU does not turn off");
	return traffic_drain();
}

/* --- counts --- */

static void check_counts(const struct traffic_vm *v)
{
	const struct race_counts *c = &v->counts;

	if (c->damage)
		TRAFFIC_ERROR("VM %u: registers changed: mask 0x%lx", v->vm,
			      c->damage);
	if (c->sysregs)
		TRAFFIC_ERROR("VM %u: %s changed", v->vm,
			      paint_sysreg_name(c->sysregs));
	if (c->errors)
		TRAFFIC_ERROR("VM %u: %lu errors, race.c:%lu", v->vm, c->errors,
			      c->error_line);
	if (c->configured != 1)
		TRAFFIC_ERROR("VM %u: configured %lu times", v->vm,
			      c->configured);
	if (c->turned_on != c->started)
		TRAFFIC_ERROR("VM %u: vCPUs turned on %lu times, started %lu",
			      v->vm, c->turned_on, c->started);
}

void traffic_check_counts(void)
{
	uint64_t calls = traffic_calls();
	unsigned int i;

	for (i = 0; i < vm_count && !test_over(); i++) {
		int64_t result = traffic_send(&vms[i], RACE_ACK_WITH_REPLY,
					      RACE_NOTHING);

		if (result <= 0) {
			TRAFFIC_ERROR("VM %u is not ready", vms[i].vm);
			return;
		}
		traffic_ready(&vms[i], (uint32_t)result - 1);
		if (!traffic_drain())
			return;
		check_counts(&vms[i]);
		calls += vms[i].counts.calls;
	}
	print("%lu calls, %lu requests\n", calls, traffic.answered);
}
