/* SPDX-License-Identifier: BSD-3-Clause */
/* The transitions, in the order of docs/abi.md. */
#include "spec.h"

#include "hf/abi.h"

#define ERROR ((struct spec_result){.value = -1})

static struct spec_result value(int64_t value)
{
	return (struct spec_result){.value = value};
}

static int64_t run_code(uint64_t code, uint64_t payload)
{
	return (int64_t)(payload * 256 + code);
}

static void copy(uint8_t *to, const uint8_t *from, uint64_t size)
{
	for (uint64_t i = 0; i < size && i < SPEC_PAGE_BYTES; i++)
		to[i] = from[i];
}

/* A secondary VM by an argument of type u32, or NULL. */
static struct spec_vm *secondary(struct spec *s, uint64_t index)
{
	uint32_t n = (uint32_t)index;

	return n < s->vm_count ? &s->vm[SPEC_SECONDARY(n)] : NULL;
}

/* --- HF_VCPU_RUN --- */

static struct spec_result vcpu_run(struct spec *s, uint32_t cpu, uint64_t a1,
				   uint64_t a2)
{
	struct spec_vm *vm = secondary(s, a1);
	struct spec_vcpu *vcpu;

	if (!vm || (uint32_t)a2 >= vm->vcpu_count)
		return value(run_code(HF_VCPU_WAIT_FOR_INTERRUPT, 0));
	if (vm->aborted)
		return value(run_code(HF_VCPU_ABORTED, vm->aborted));
	vcpu = &vm->vcpu[(uint32_t)a2];
	if (vcpu->state != SPEC_READY)
		return value(run_code(HF_VCPU_WAIT_FOR_INTERRUPT, 0));
	vcpu->state = SPEC_RUNNING;
	vcpu->cpu = cpu;
	return (struct spec_result){.then = SPEC_ENTERED};
}

int64_t spec_leave(struct spec *s, uint32_t vm, uint32_t vcpu,
		   enum spec_event event, uint64_t payload)
{
	struct spec_vm *v = &s->vm[SPEC_SECONDARY(vm)];

	v->vcpu[vcpu].state = event == SPEC_TURNS_OFF ? SPEC_OFF : SPEC_READY;
	v->vcpu[vcpu].cpu = 0;
	switch (event) {
	case SPEC_INTERRUPT:
		return run_code(HF_VCPU_YIELD, 0);
	case SPEC_WFI:
		return run_code(HF_VCPU_WAIT_FOR_INTERRUPT, payload);
	case SPEC_REPLIED:
		return run_code(HF_VCPU_RESPONSE_READY, payload);
	case SPEC_TURNED_ON:
		return run_code(HF_VCPU_WAKE_UP,
				(uint64_t)vm * 0x10000 + payload);
	case SPEC_TURNS_OFF:
		return run_code(HF_VCPU_WAIT_FOR_INTERRUPT, 0);
	case SPEC_ABORT:
		break;
	}
	/* A VM is stopped once; later reasons are nobody's. */
	if (!v->aborted)
		v->aborted = (uint32_t)payload;
	return run_code(HF_VCPU_ABORTED, v->aborted);
}

int64_t spec_wait_code(const struct spec *s)
{
	if (s->options & HF_OPTION_MESSAGE_WANTED)
		return run_code(HF_VCPU_MESSAGE_WANTED, 0);
	return run_code(HF_VCPU_WAIT_FOR_INTERRUPT, 0);
}

/* --- HF_VM_CONFIGURE: rule 1 --- */

/* Whether this is a whole page of memory, not a device, that the VM has. */
static bool owns_page(const struct spec_vm *vm, uint64_t ipa, uint64_t *pa)
{
	if (ipa % 4096 != 0)
		return false;
	for (unsigned int i = 0; i < SPEC_RANGES; i++) {
		const struct spec_range *r = &vm->range[i];

		if (r->device || ipa < r->ipa || ipa - r->ipa >= r->size)
			continue;
		*pa = r->pa + (ipa - r->ipa);
		return true;
	}
	return false;
}

static struct spec_result configure(struct spec_vm *vm, uint64_t send,
				    uint64_t recv)
{
	struct spec_mailbox *m = &vm->mailbox;
	uint64_t send_pa, recv_pa;

	/* A VM that was stopped has no memory any more. */
	if (send == recv || m->configured || vm->aborted ||
	    !owns_page(vm, send, &send_pa) || !owns_page(vm, recv, &recv_pa))
		return ERROR;
	m->configured = 1;
	m->send = send_pa;
	m->recv = recv_pa;
	return value(0);
}

/* --- HF_RPC_REQUEST: rule 2 --- */

/* The vCPU that waits longest gets `size` as the result of its read. */
static uint32_t wake_first(struct spec_vm *vm, uint64_t size)
{
	uint32_t first = vm->waiter[0];

	vm->waiter_count--;
	for (uint32_t i = 0; i < vm->waiter_count; i++)
		vm->waiter[i] = vm->waiter[i + 1];
	vm->waiter[vm->waiter_count] = 0;
	vm->vcpu[first].state = SPEC_READY;
	vm->vcpu[first].x[0] = size;
	return first;
}

static struct spec_result request(struct spec *s, uint64_t index, uint64_t size)
{
	struct spec_vm *vm = secondary(s, index);
	uint32_t place = SPEC_SECONDARY((uint32_t)index);

	if (!vm || size > HF_MAILBOX_SIZE || vm->aborted ||
	    !s->vm[SPEC_PRIMARY].mailbox.configured ||
	    !vm->mailbox.configured || vm->mailbox.state != SPEC_IDLE)
		return ERROR;
	copy(s->page[place][SPEC_RECV], s->page[SPEC_PRIMARY][SPEC_SEND], size);
	if (vm->waiter_count) {
		vm->mailbox.state = SPEC_INFLIGHT;
		return value((int64_t)wake_first(vm, size) + 1);
	}
	vm->mailbox.state = SPEC_PENDING;
	vm->mailbox.size = size;
	return value(0);
}

/* --- HF_RPC_READ_REQUEST: rule 3 --- */

static struct spec_result read_request(struct spec_vm *vm, uint32_t vcpu,
				       bool block)
{
	uint64_t size = vm->mailbox.size;

	if (!vm->mailbox.configured)
		return ERROR;
	if (vm->mailbox.state == SPEC_PENDING) {
		vm->mailbox.state = SPEC_INFLIGHT;
		vm->mailbox.size = 0;
		return value((int64_t)size);
	}
	if (!block)
		return ERROR;
	vm->vcpu[vcpu].state = SPEC_WAITING;
	vm->vcpu[vcpu].cpu = 0;
	vm->waiter[vm->waiter_count++] = vcpu;
	return (struct spec_result){.then = SPEC_WAITS};
}

/* --- HF_RPC_REPLY: rule 4 --- */

static struct spec_result reply(struct spec *s, uint32_t place, uint64_t size,
				bool ack)
{
	struct spec_mailbox *own = &s->vm[place].mailbox;
	struct spec_mailbox *to = &s->vm[SPEC_PRIMARY].mailbox;

	if (!own->configured || !to->configured || to->state != SPEC_IDLE ||
	    size > HF_MAILBOX_SIZE)
		return ERROR;
	copy(s->page[SPEC_PRIMARY][SPEC_RECV], s->page[place][SPEC_SEND], size);
	to->state = SPEC_INFLIGHT;
	if (ack && own->state == SPEC_INFLIGHT)
		own->state = SPEC_IDLE;
	return (struct spec_result){
		.then = SPEC_LEAVES, .event = SPEC_REPLIED, .payload = size};
}

/* --- HF_RPC_ACK: rule 5 --- */

static struct spec_result ack(struct spec_mailbox *m)
{
	if (m->state != SPEC_INFLIGHT)
		return ERROR;
	m->state = SPEC_IDLE;
	return value(0);
}

/* --- the other calls, and who may make which --- */

static struct spec_result set_options(struct spec *s, uint64_t mask)
{
	uint64_t before = s->options;

	if (mask != 0 && mask != HF_OPTION_MESSAGE_WANTED)
		return ERROR;
	s->options = mask;
	return value((int64_t)before);
}

static struct spec_result get_vcpu_count(struct spec *s, uint64_t index)
{
	const struct spec_vm *vm = secondary(s, index);

	return vm ? value(vm->vcpu_count) : ERROR;
}

struct spec_result spec_primary(struct spec *s, uint32_t cpu, uint64_t function,
				uint64_t a1, uint64_t a2, uint64_t a3)
{
	(void)a3;
	switch ((uint32_t)function) {
	case HF_VCPU_RUN:
		return vcpu_run(s, cpu, a1, a2);
	case HF_VM_GET_COUNT:
		return value(s->vm_count);
	case HF_VCPU_GET_COUNT:
		return get_vcpu_count(s, a1);
	case HF_VM_CONFIGURE:
		return configure(&s->vm[SPEC_PRIMARY], a1, a2);
	case HF_RPC_REQUEST:
		return request(s, a1, a2);
	case HF_RPC_ACK:
		return ack(&s->vm[SPEC_PRIMARY].mailbox);
	case HF_SET_OPTIONS:
		return set_options(s, a1);
	default:
		return ERROR;
	}
}

static struct spec_result secondary_call(struct spec *s, uint32_t vm,
					 uint32_t vcpu, uint64_t function,
					 uint64_t a1, uint64_t a2)
{
	struct spec_vm *v = &s->vm[SPEC_SECONDARY(vm)];

	switch ((uint32_t)function) {
	case HF_VCPU_RUN:
		return value(run_code(HF_VCPU_WAIT_FOR_INTERRUPT, 0));
	case HF_VM_GET_COUNT:
		return value(s->vm_count);
	case HF_VCPU_GET_COUNT:
		return get_vcpu_count(s, a1);
	case HF_VM_CONFIGURE:
		return configure(v, a1, a2);
	case HF_RPC_READ_REQUEST:
		return read_request(v, vcpu, a1 != 0);
	case HF_RPC_ACK:
		return ack(&v->mailbox);
	case HF_RPC_REPLY:
		return reply(s, SPEC_SECONDARY(vm), a1, a2 != 0);
	default:
		return ERROR;
	}
}

/* The result of a call as the vCPU sees it: x0; x1-x3 are zero. */
static void give_result(struct spec_vcpu *vcpu, int64_t x0)
{
	for (unsigned int i = 1; i < SPEC_REGS; i++)
		vcpu->x[i] = 0;
	vcpu->x[0] = (uint64_t)x0;
}

struct spec_result spec_secondary(struct spec *s, uint32_t vm, uint32_t vcpu,
				  uint64_t function, uint64_t a1, uint64_t a2,
				  uint64_t a3)
{
	struct spec_result r = secondary_call(s, vm, vcpu, function, a1, a2);

	(void)a3;
	give_result(&s->vm[SPEC_SECONDARY(vm)].vcpu[vcpu], r.value);
	return r;
}

/* --- PSCI --- */

struct spec_result spec_vcpu_on(struct spec *s, uint32_t vm, uint32_t vcpu,
				uint32_t target, uint64_t entry,
				uint64_t argument)
{
	struct spec_vcpu *caller = &s->vm[SPEC_SECONDARY(vm)].vcpu[vcpu];
	struct spec_vcpu *t = &s->vm[SPEC_SECONDARY(vm)].vcpu[target];

	if (t->state != SPEC_OFF) {
		give_result(caller, SPEC_PSCI_ALREADY_ON);
		return value(SPEC_PSCI_ALREADY_ON);
	}
	t->state = SPEC_READY;
	t->entry = entry;
	give_result(t, (int64_t)argument);
	give_result(caller, SPEC_PSCI_SUCCESS);
	return (struct spec_result){.then = SPEC_LEAVES,
				    .event = SPEC_TURNED_ON,
				    .payload = target};
}

int64_t spec_cpu_on(struct spec *s, uint32_t cpu, uint64_t entry,
		    uint64_t argument)
{
	struct spec_cpu *c = &s->cpu[cpu];

	if (c->state == SPEC_CPU_ON)
		return SPEC_PSCI_ALREADY_ON;
	if (c->state == SPEC_CPU_PENDING)
		return SPEC_PSCI_ON_PENDING;
	c->state = SPEC_CPU_PENDING;
	c->entry = entry;
	c->argument = argument;
	return SPEC_PSCI_SUCCESS;
}

void spec_cpu_off(struct spec *s, uint32_t cpu)
{
	s->cpu[cpu].state = SPEC_CPU_OFF;
}

void spec_cpu_up(struct spec *s, uint32_t cpu)
{
	s->cpu[cpu].state = SPEC_CPU_ON;
}
