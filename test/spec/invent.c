/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Making operations up. Of numbers drawn blindly almost all calls would be
 * refused; so most are drawn with the state in mind: what is likely to be
 * accepted, and what is accepted but for one argument. Some are wild.
 */
#include "ops.h"

#include "hf/abi.h"
#include "fake.h"

/* --- numbers --- */

/* Values at which a check may be wrong by one or lose a bit. */
static uint64_t edge(uint64_t *random)
{
	uint64_t n = UINT64_C(1) << below(random, 64);

	switch (below(random, 5)) {
	case 0:
		return n - 1;
	case 1:
		return n + 1;
	case 2:
		return n;
	case 3:
		return 0 - n;
	default:
		return n | below(random, 8);
	}
}

static uint64_t any_size(uint64_t *random)
{
	static const uint64_t sizes[] = {0, 1, 8, 4095, 4096};

	switch (below(random, 8)) {
	case 0:
		return 4097;
	case 1:
		return edge(random);
	case 2:
		return below(random, 4097);
	default:
		return sizes[below(random, 5)];
	}
}

/* A u32 argument: the upper half does not count. */
static uint64_t any_index(uint64_t *random, uint32_t count)
{
	switch (below(random, 16)) {
	case 0:
		return count;
	case 1:
		return edge(random);
	case 2:
		return below(random, count) | draw(random) << 32;
	default:
		return below(random, count);
	}
}

/* An address for a mailbox page of a VM, by its place. */
static uint64_t any_page(uint64_t *random, uint32_t place)
{
	const struct spec_range *r = &ops_spec.vm[place].range[0];
	uint64_t page = r->ipa + below(random, r->size / 4096) * 4096;

	switch (below(random, 16)) {
	case 0:
		return page + below(random, 4096);
	case 1:
		return page ^ edge(random);
	case 2:
		return FAKE_DEVICE;
	case 3:
		return r->ipa + r->size;
	case 4:
		return r->ipa - 4096;
	case 5:
		/* Another VM's */
		return ops_spec.vm[below(random, SPEC_VMS + 1)].range[0].pa;
	case 6:
		return r->ipa + r->size - 4096;
	default:
		return page;
	}
}

/* --- calls --- */

static void set_call(struct op *op, uint64_t function, uint64_t a1, uint64_t a2)
{
	op->kind = OP_CALL;
	op->a[0] = function;
	op->a[1] = a1;
	op->a[2] = a2;
}

static void configure(struct op *op, uint64_t *random, uint32_t place)
{
	uint64_t send = any_page(random, place);
	uint64_t recv = chance(random, 10) ? send : any_page(random, place);

	set_call(op, HF_VM_CONFIGURE, send, recv);
}

/* Any function, all kinds of arguments, some bits above w0. */
static void wild(struct op *op, uint64_t *random)
{
	uint64_t function = HF_VCPU_RUN - 1 + below(random, 17);

	if (chance(random, 8))
		function ^= edge(random);
	set_call(op, function, any_index(random, SPEC_VMS), edge(random));
	op->a[3] = draw(random);
}

/* Mostly of a vCPU that is ready, if a few tries find one. */
static void run(struct op *op, uint64_t *random)
{
	uint64_t vm = any_index(random, SPEC_VMS);
	uint64_t vcpu = any_index(random, SPEC_VCPUS);

	for (unsigned int i = 0; i < 8 && !chance(random, 8); i++) {
		vm = below(random, SPEC_VMS);
		vcpu = below(random, SPEC_VCPUS);
		if (ops_spec.vm[SPEC_SECONDARY(vm)].vcpu[vcpu].state ==
		    SPEC_READY)
			break;
	}
	set_call(op, HF_VCPU_RUN, vm, vcpu);
}

/* Once a VM is stopped it is mostly started, piece by piece. */
static void manage(struct op *op, uint64_t *random)
{
	uint64_t vm = any_index(random, SPEC_VMS);

	if (vm < SPEC_VMS && ops_spec.vm[SPEC_SECONDARY(vm)].aborted &&
	    !chance(random, 4)) {
		set_call(op, HF_VM_START, vm, 0);
		return;
	}
	set_call(op, HF_VM_GET_STATE, vm, draw(random));
	op->a[3] = draw(random);
	switch (below(random, 8)) {
	case 0:
		if (chance(random, 4))
			op->a[0] = HF_VM_STOP;
		break;
	case 1:
		op->a[0] = HF_VM_START;
		break;
	case 2:
		op->a[0] = HF_LOG_READ;
		break;
	case 3:
	case 4:
		op->a[0] = HF_CONSOLE_WRITE;
		op->a[1] = (uint32_t)vm | below(random, 18) << 32;
		break;
	case 5:
	case 6:
		op->a[0] = HF_CONSOLE_READ;
	}
}

static void primary_call(struct op *op, uint64_t *random)
{
	const struct spec_mailbox *m = &ops_spec.vm[SPEC_PRIMARY].mailbox;

	if (chance(random, 10)) {
		manage(op, random);
		return;
	}

	if (!m->configured && chance(random, 3)) {
		configure(op, random, SPEC_PRIMARY);
		return;
	}
	switch (below(random, 20)) {
	case 0:
		wild(op, random);
		break;
	case 1:
		configure(op, random, SPEC_PRIMARY);
		break;
	case 2:
		set_call(op, HF_SET_OPTIONS, below(random, 5), draw(random));
		break;
	case 3:
		set_call(op, HF_VCPU_GET_COUNT, any_index(random, SPEC_VMS), 0);
		break;
	case 4:
	case 5:
	case 6:
		set_call(op, HF_RPC_ACK, 0, 0);
		break;
	case 7:
	case 8:
	case 9:
	case 10:
	case 11:
		set_call(op, HF_RPC_REQUEST, any_index(random, SPEC_VMS),
			 any_size(random));
		break;
	default:
		run(op, random);
	}
}

static void secondary_call(struct op *op, uint64_t *random)
{
	uint32_t place = SPEC_SECONDARY(ops_running[op->cpu].vm);

	if (!ops_spec.vm[place].mailbox.configured && chance(random, 2)) {
		configure(op, random, place);
		return;
	}
	switch (below(random, 16)) {
	case 0:
		wild(op, random);
		break;
	case 1:
		configure(op, random, place);
		break;
	case 2:
	case 3:
	case 4:
		set_call(op, HF_RPC_ACK, 0, 0);
		break;
	case 5:
	case 6:
	case 7:
	case 8:
		set_call(op, HF_RPC_REPLY, any_size(random),
			 chance(random, 4) ? edge(random) : below(random, 2));
		break;
	default:
		set_call(op, HF_RPC_READ_REQUEST,
			 chance(random, 8) ? edge(random) : below(random, 2),
			 0);
	}
}

/* --- what is no call --- */

static void leave(struct op *op, uint64_t *random)
{
	op->kind = OP_EVENT;
	op->a[0] = SPEC_INTERRUPT;
	op->a[2] = draw(random);
	switch (below(random, 16)) {
	case 0:
		op->a[0] = SPEC_TURNS_OFF;
		break;
	case 1:
		if (!chance(random, 6))
			break;
		op->a[0] = SPEC_ABORT;
		op->a[1] = 1 + below(random, 5);
		break;
	case 2:
	case 3:
	case 4:
		op->a[0] = SPEC_WFI;
		op->a[1] = below(random, UINT64_C(1) << 40);
	}
}

static void vcpu_on(struct op *op, uint64_t *random)
{
	op->kind = OP_VCPU_ON;
	op->a[0] = below(random, SPEC_VCPUS);
	op->a[1] = HF_SECONDARY_RAM_BASE + 4 * below(random, 1000);
	op->a[2] = draw(random);
}

static void output(struct op *op, uint64_t *random)
{
	op->kind = OP_OUTPUT;
	op->a[0] = chance(random, 4) ? below(random, 700) : below(random, 30);
	op->a[1] = draw(random);
}

static void scribble(struct op *op, uint64_t *random)
{
	op->kind = OP_SCRIBBLE;
	op->a[0] = below(random, SPEC_VMS);
	op->a[1] = below(random, FAKE_VM_SIZE / 4096);
	op->a[2] = draw(random);
}

static void write_page(struct op *op, uint64_t *random)
{
	op->kind = OP_WRITE;
	op->a[0] = below(random, SPEC_VMS + 1);
	op->a[1] = chance(random, 4) ? SPEC_RECV : SPEC_SEND;
	op->a[2] = draw(random);
}

/* Now and then a CPU goes off, and another turns it on again. */
static void cpu_power(struct op *op, uint64_t *random)
{
	op->kind = OP_CPU_ON;
	op->a[0] = below(random, SPEC_CPUS);
	op->a[1] = draw(random);
	op->a[2] = draw(random);
	if (op->cpu && chance(random, 3))
		op->kind = OP_CPU_OFF;
}

static void invent(struct op *op, uint64_t *random)
{
	const struct ops_running *running = &ops_running[op->cpu];

	if (ops_spec.cpu[op->cpu].state == SPEC_CPU_PENDING)
		op->kind = OP_CPU_UP;
	else if (chance(random, 12))
		write_page(op, random);
	else if (chance(random, 60))
		scribble(op, random);
	else if (!running->guest && chance(random, 25))
		cpu_power(op, random);
	else if (!running->guest)
		primary_call(op, random);
	else if (chance(random, 4))
		leave(op, random);
	else if (chance(random, 8))
		vcpu_on(op, random);
	else if (chance(random, 8))
		output(op, random);
	else
		secondary_call(op, random);
}

void ops_invent(struct op *op, uint64_t *random_state)
{
	do {
		*op = (struct op){
			.cpu = (uint32_t)below(random_state, SPEC_CPUS)};
		invent(op, random_state);
	} while (!ops_applies(op));
}
