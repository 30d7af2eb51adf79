/* SPDX-License-Identifier: BSD-3-Clause */
/* The transitions, in the order of docs/abi.md. */
#include "spec.h"

#include "hf/abi.h"

#define VALUE(v) ((struct spec_result){.value = (int64_t)(v)})
#define ERROR VALUE(-1)
#define CANNOT_RUN VALUE(run_code(HF_VCPU_WAIT_FOR_INTERRUPT, 0))

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
static struct spec_vm *secondary(struct spec *s, uint32_t n)
{
	return n < s->vm_count ? &s->vm[SPEC_SECONDARY(n)] : NULL;
}

/* --- HF_VCPU_RUN --- */

static struct spec_result vcpu_run(struct spec *s, uint32_t cpu, uint32_t a1,
				   uint32_t a2)
{
	struct spec_vm *vm = secondary(s, a1);
	struct spec_vcpu *vcpu;

	if (!vm || a2 >= vm->vcpu_count)
		return CANNOT_RUN;
	if (vm->aborted)
		return VALUE(run_code(HF_VCPU_ABORTED, vm->aborted));
	vcpu = &vm->vcpu[a2];
	if (vcpu->state != SPEC_READY)
		return CANNOT_RUN;
	vcpu->state = SPEC_RUNNING;
	vcpu->cpu = cpu;
	return (struct spec_result){.then = SPEC_ENTERED};
}

static const uint8_t leave_codes[] = {
	[SPEC_INTERRUPT] = HF_VCPU_YIELD,
	[SPEC_WFI] = HF_VCPU_WAIT_FOR_INTERRUPT,
	[SPEC_REPLIED] = HF_VCPU_RESPONSE_READY,
	[SPEC_TURNED_ON] = HF_VCPU_WAKE_UP,
	[SPEC_TURNS_OFF] = HF_VCPU_WAIT_FOR_INTERRUPT,
	[SPEC_ABORT] = HF_VCPU_ABORTED,
};

int64_t spec_leave(struct spec *s, uint32_t vm, uint32_t vcpu,
		   enum spec_event event, uint64_t payload)
{
	struct spec_vm *v = &s->vm[SPEC_SECONDARY(vm)];

	v->vcpu[vcpu].state = event == SPEC_TURNS_OFF ? SPEC_OFF : SPEC_READY;
	v->vcpu[vcpu].cpu = 0;
	/* A VM is stopped once; later reasons are nobody's. */
	if (event == SPEC_ABORT && !v->aborted)
		v->aborted = (uint32_t)payload;
	if (event == SPEC_ABORT)
		payload = v->aborted;
	if (event == SPEC_TURNED_ON)
		payload += (uint64_t)vm * 0x10000;
	return run_code(leave_codes[event], payload);
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
	for (const struct spec_range *r = vm->range;
	     r < vm->range + SPEC_RANGES; r++) {
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
	return VALUE(0);
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

static struct spec_result request(struct spec *s, uint32_t index, uint64_t size)
{
	struct spec_vm *vm = secondary(s, index);

	if (!vm || size > HF_MAILBOX_SIZE || vm->aborted ||
	    !s->vm[SPEC_PRIMARY].mailbox.configured ||
	    !vm->mailbox.configured || vm->mailbox.state != SPEC_IDLE)
		return ERROR;
	copy(s->page[SPEC_SECONDARY(index)][SPEC_RECV],
	     s->page[SPEC_PRIMARY][SPEC_SEND], size);
	if (vm->waiter_count) {
		vm->mailbox.state = SPEC_INFLIGHT;
		return VALUE(wake_first(vm, size) + 1);
	}
	vm->mailbox.state = SPEC_PENDING;
	vm->mailbox.size = size;
	return VALUE(0);
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
		return VALUE(size);
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
	return VALUE(0);
}

/* --- the other calls, and who may make which --- */

static struct spec_result set_options(struct spec *s, uint64_t mask)
{
	uint64_t before = s->options;

	if (mask & ~(uint64_t)(HF_OPTION_MESSAGE_WANTED | HF_OPTION_CONSOLE))
		return ERROR;
	s->options = mask;
	return VALUE(before);
}

/* The calls of both kinds of VM. */
static struct spec_result any_call(struct spec *s, uint32_t place,
				   uint64_t function, uint64_t a1, uint64_t a2)
{
	switch ((uint32_t)function) {
	case HF_VM_GET_COUNT:
		return VALUE(s->vm_count);
	case HF_VCPU_GET_COUNT:
		return secondary(s, a1) ? VALUE(secondary(s, a1)->vcpu_count)
					: ERROR;
	case HF_VM_CONFIGURE:
		return configure(&s->vm[place], a1, a2);
	case HF_RPC_ACK:
		return ack(&s->vm[place].mailbox);
	default:
		return ERROR;
	}
}

struct spec_result spec_primary(struct spec *s, uint32_t cpu, uint64_t function,
				uint64_t a1, uint64_t a2, uint64_t a3)
{
	switch ((uint32_t)function) {
	case HF_VCPU_RUN:
		return vcpu_run(s, cpu, (uint32_t)a1, (uint32_t)a2);
	case HF_RPC_REQUEST:
		return request(s, (uint32_t)a1, a2);
	case HF_SET_OPTIONS:
		return set_options(s, a1);
	default:
		return any_call(s, SPEC_PRIMARY, function, a1, a2);
	}
}

/* The result of a call as the vCPU sees it: x0; x1-x3 are zero. */
static void give_result(struct spec_vcpu *vcpu, int64_t x0)
{
	vcpu->x[0] = (uint64_t)x0;
	vcpu->x[1] = vcpu->x[2] = vcpu->x[3] = 0;
}

struct spec_result spec_secondary(struct spec *s, uint32_t vm, uint32_t vcpu,
				  uint64_t function, uint64_t a1, uint64_t a2,
				  uint64_t a3)
{
	uint32_t place = SPEC_SECONDARY(vm);
	struct spec_result r;

	if ((uint32_t)function == HF_VCPU_RUN)
		r = CANNOT_RUN;
	else if ((uint32_t)function == HF_RPC_READ_REQUEST)
		r = read_request(&s->vm[place], vcpu, a1 != 0);
	else if ((uint32_t)function == HF_RPC_REPLY)
		r = reply(s, place, a1, a2 != 0);
	else
		r = any_call(s, place, function, a1, a2);
	give_result(&s->vm[place].vcpu[vcpu], r.value);
	return r;
}

/* --- PSCI --- */

struct spec_result spec_vcpu_on(struct spec *s, uint32_t vm, uint32_t vcpu,
				uint32_t target, uint64_t entry,
				uint64_t argument)
{
	struct spec_vcpu *t = &s->vm[SPEC_SECONDARY(vm)].vcpu[target];
	int64_t x0 =
		t->state == SPEC_OFF ? SPEC_PSCI_SUCCESS : SPEC_PSCI_ALREADY_ON;

	give_result(&s->vm[SPEC_SECONDARY(vm)].vcpu[vcpu], x0);
	if (t->state != SPEC_OFF)
		return VALUE(x0);
	t->state = SPEC_READY;
	t->entry = entry;
	give_result(t, (int64_t)argument);
	return (struct spec_result){.then = SPEC_LEAVES,
				    .event = SPEC_TURNED_ON,
				    .payload = target};
}

int64_t spec_cpu_on(struct spec *s, uint32_t cpu, uint64_t entry,
		    uint64_t argument)
{
	struct spec_cpu *c = &s->cpu[cpu];

	if (c->state != SPEC_CPU_OFF)
		return c->state == SPEC_CPU_ON ? SPEC_PSCI_ALREADY_ON
					       : SPEC_PSCI_ON_PENDING;
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
