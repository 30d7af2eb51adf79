/* SPDX-License-Identifier: BSD-3-Clause */
#include "actor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hf/abi.h"
#include "sched.h"

struct order orders[MAX_ORDERS];
uint32_t order_count;
struct spec orders_last;

/* Where an actor is. */
struct place {
	unsigned int act; /* call of the primary */
	bool in_guest, leaving, waiting;
	bool entered; /* the vCPU executed nothing since it was entered */
	bool refused; /* by the firmware: CPU_ON, or a CPU that goes down */
	unsigned int script;
	uint32_t vm, vcpu;
	struct spec_result leave; /* leaving */
	struct results results;
};

/* All actors and the state: what one order has come to. */
struct world {
	struct spec spec;
	struct place place[SCHED_THREADS];
};

static const struct actor *const *actors;
static unsigned int actor_count;
static struct order current;

static void record(struct place *p, int64_t value)
{
	if (p->results.count < ACTOR_RESULTS)
		p->results.value[p->results.count++] = value;
}

static struct spec_vcpu *vcpu_of(struct world *w, const struct place *p)
{
	return &w->spec.vm[SPEC_SECONDARY(p->vm)].vcpu[p->vcpu];
}

/* The call of the primary is over. */
static void end_call(struct place *p, int64_t value)
{
	record(p, value);
	p->in_guest = p->leaving = p->waiting = p->refused = false;
	p->act++;
}

/* --- what a vCPU sees --- */

static bool acknowledges(const struct act *script)
{
	for (unsigned int i = 0; i < ACTOR_SCRIPT; i++)
		if (script[i].kind == ACT_CALL &&
		    (script[i].a[0] == HF_RPC_ACK ||
		     (script[i].a[0] == HF_RPC_REPLY && script[i].a[2])))
			return true;
	return false;
}

bool orders_may_look(uint32_t vm, uint32_t vcpu)
{
	for (unsigned int i = 0; i < actor_count; i++)
		for (const struct primary_act *p = actors[i]->act;
		     p->act.kind != ACT_END; p++)
			if (p->act.a[0] == HF_VCPU_RUN && p->act.a[1] == vm &&
			    p->act.a[2] != vcpu && acknowledges(p->script))
				return false;
	return true;
}

int64_t orders_look(const uint8_t *page, uint64_t size)
{
	uint64_t seen = 1;

	for (uint64_t i = 0; i < size; i++)
		seen = seen * 31 + page[i];
	return (int64_t)seen;
}

static void see(struct world *w, struct place *p)
{
	uint32_t place = SPEC_SECONDARY(p->vm);
	uint64_t size = vcpu_of(w, p)->x[0];

	record(p, (int64_t)size);
	if (w->spec.vm[place].mailbox.configured && size > 0 &&
	    size <= SPEC_PAGE_BYTES && orders_may_look(p->vm, p->vcpu))
		record(p, orders_look(w->spec.page[place][SPEC_RECV], size));
}

/* --- the CPU that goes on and off --- */

static void step_cpu_up(struct world *w, struct place *p, uint32_t cpu)
{
	const struct spec_cpu *c = &w->spec.cpu[cpu];
	bool up = c->state == SPEC_CPU_PENDING;

	if (up) {
		spec_cpu_up(&w->spec, cpu);
		record(p, (int64_t)c->entry);
		record(p, (int64_t)c->argument);
	}
	end_call(p, up);
}

static void step_cpu_refused(struct world *w, struct place *p, uint32_t cpu)
{
	if (p->refused) {
		spec_cpu_up(&w->spec, cpu);
		end_call(p, 0);
		return;
	}
	spec_cpu_off(&w->spec, cpu);
	p->refused = true;
}

static void step_cpu_on(struct world *w, struct place *p, const struct act *act)
{
	uint32_t cpu = (uint32_t)act->a[0];
	int64_t value;

	if (p->refused) {
		record(p, ARCH_START_FAILED);
		/* It may have come back up meanwhile. */
		if (w->spec.cpu[cpu].state == SPEC_CPU_PENDING)
			spec_cpu_off(&w->spec, cpu);
		end_call(p, SPEC_PSCI_INTERNAL_FAILURE);
		return;
	}
	value = spec_cpu_on(&w->spec, cpu, act->a[1], act->a[2]);
	if (value == SPEC_PSCI_SUCCESS)
		record(p, ARCH_START_OK);
	end_call(p, value);
}

static void step_cpu(struct world *w, struct place *p, const struct act *act)
{
	uint32_t cpu = (uint32_t)act->a[0];

	if (act->kind == ACT_CPU_ON)
		step_cpu_on(w, p, act);
	else if (act->kind == ACT_CPU_REFUSED)
		step_cpu_refused(w, p, cpu);
	else if (act->kind == ACT_CPU_UP)
		step_cpu_up(w, p, cpu);
	else {
		spec_cpu_off(&w->spec, cpu);
		end_call(p, 0);
	}
}

/*
 * What else the firmware may do: refuse to start a CPU, or have it come up
 * later. True if it may.
 */
static bool step_firmware(struct world *w, unsigned int i)
{
	struct place *p = &w->place[i];
	const struct act *act = &actors[i]->act[p->act].act;
	uint32_t cpu = (uint32_t)act->a[0];

	if (act->kind == ACT_CPU_UP &&
	    w->spec.cpu[cpu].state == SPEC_CPU_PENDING) {
		end_call(p, false);
		return true;
	}
	if (act->kind != ACT_CPU_ON || p->refused ||
	    spec_cpu_on(&w->spec, cpu, act->a[1], act->a[2]) !=
		    SPEC_PSCI_SUCCESS)
		return false;
	p->refused = true;
	return true;
}

/* --- the steps --- */

static void step_primary(struct world *w, struct place *p, unsigned int cpu,
			 const struct primary_act *act)
{
	const uint64_t *a = act->act.a;
	struct spec_result r;

	if (act->act.kind != ACT_CALL) {
		step_cpu(w, p, &act->act);
		return;
	}
	r = spec_primary(&w->spec, cpu, a[0], a[1], a[2], 0);
	if (r.then != SPEC_ENTERED) {
		end_call(p, r.value);
		return;
	}
	p->in_guest = true;
	p->script = 0;
	p->vm = (uint32_t)a[1];
	p->vcpu = (uint32_t)a[2];
	p->entered = true;
}

static struct spec_result step_act(struct world *w, const struct place *p,
				   const struct act *act)
{
	const uint64_t *a = act->a;

	if (act->kind == ACT_CALL)
		return spec_secondary(&w->spec, p->vm, p->vcpu, a[0], a[1],
				      a[2], 0);
	if (act->kind == ACT_VCPU_ON)
		return spec_vcpu_on(&w->spec, p->vm, p->vcpu, (uint32_t)a[0],
				    a[1], a[2]);
	return (struct spec_result){
		.then = SPEC_LEAVES,
		.event = act->kind == ACT_EVENT ? (enum spec_event)a[0]
						: SPEC_INTERRUPT,
		.payload = a[1],
	};
}

static void step_guest(struct world *w, struct place *p,
		       const struct primary_act *run)
{
	const struct act *act = &run->script[p->script];
	struct spec_result r;

	/* With its first instruction, or interrupt, it sees its x0. */
	if (p->entered)
		see(w, p);
	p->entered = false;
	p->script += act->kind != ACT_END;
	r = step_act(w, p, act);
	p->waiting = r.then == SPEC_WAITS;
	if (p->waiting)
		return;
	if (act->kind == ACT_CALL || act->kind == ACT_VCPU_ON) {
		see(w, p);
		p->leaving = r.then == SPEC_LEAVES;
		p->leave = r;
		return;
	}
	end_call(p, spec_leave(&w->spec, p->vm, p->vcpu, r.event, r.payload));
}

/* The next transition of an actor that has one. */
static void step(struct world *w, unsigned int i)
{
	struct place *p = &w->place[i];
	const struct primary_act *act = &actors[i]->act[p->act];

	if (p->waiting)
		end_call(p, spec_wait_code(&w->spec));
	else if (p->leaving)
		end_call(p, spec_leave(&w->spec, p->vm, p->vcpu, p->leave.event,
				       p->leave.payload));
	else if (p->in_guest)
		step_guest(w, p, act);
	else
		step_primary(w, p, i, act);
}

/*
 * A vCPU whose VM was stopped elsewhere lost its memory: whatever it was about
 * to do, it may come back at once. True if it does.
 */
static bool step_lost(struct world *w, unsigned int i)
{
	struct place *p = &w->place[i];
	const struct spec_vm *vm = &w->spec.vm[SPEC_SECONDARY(p->vm)];

	if (!p->in_guest || p->leaving || p->waiting || !vm->aborted)
		return false;
	end_call(p, spec_leave(&w->spec, p->vm, p->vcpu, SPEC_ABORT,
			       HF_ABORT_MEMORY_ACCESS));
	return true;
}

static bool has_step(const struct world *w, unsigned int i)
{
	return actors[i]->act[w->place[i].act].act.kind != ACT_END;
}

static void keep(const struct world *w)
{
	struct results results[SCHED_THREADS];

	if (order_count == MAX_ORDERS) {
		fprintf(stderr, "too many orders\n");
		exit(2);
	}
	for (unsigned int i = 0; i < actor_count; i++)
		results[i] = w->place[i].results;
	current.outcome = orders_digest(&w->spec, results, actor_count);
	orders[order_count++] = current;
	orders_last = w->spec;
}

static void extend(const struct world *w);

/* Goes on with a state that actor `i` brought about. */
static void extend_by(const struct world *next, unsigned int i)
{
	current.actor[current.steps++] = (uint8_t)i;
	extend(next);
	current.steps--;
}

static void extend(const struct world *w)
{
	bool last = true;

	for (unsigned int i = 0; i < actor_count; i++) {
		struct world next;

		if (!has_step(w, i))
			continue;
		last = false;
		next = *w;
		if (step_lost(&next, i) || step_firmware(&next, i))
			extend_by(&next, i);
		/* The usual one comes last: see orders_last. */
		next = *w;
		step(&next, i);
		extend_by(&next, i);
	}
	if (last)
		keep(w);
}

void orders_find(const struct spec *from, const struct actor *const *who,
		 unsigned int count)
{
	struct world w;

	memset(&w, 0, sizeof(w));
	w.spec = *from;
	actors = who;
	actor_count = count;
	order_count = 0;
	current.steps = 0;
	extend(&w);
}

/* --- digests --- */

static uint64_t mix(uint64_t digest, uint64_t value)
{
	digest = (digest ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return digest ^ digest >> 29;
}

static uint64_t mix_page(uint64_t d, const uint8_t *page)
{
	for (unsigned int i = 0; i < SPEC_PAGE_BYTES; i++)
		d = mix(d, page[i]);
	return d;
}

static uint64_t mix_vcpu(uint64_t d, const struct spec_vcpu *v)
{
	d = mix(mix(d, v->state), v->entry);
	for (unsigned int i = 0; i < SPEC_REGS; i++)
		d = mix(d, v->x[i]);
	return d;
}

static uint64_t mix_vm(uint64_t d, const struct spec_vm *vm)
{
	const struct spec_mailbox *m = &vm->mailbox;

	d = mix(mix(mix(d, m->configured), m->state), m->size);
	d = mix(mix(mix(d, m->send), m->recv), vm->aborted);
	d = mix(d, vm->waiter_count);
	for (unsigned int i = 0; i < SPEC_VCPUS; i++)
		d = mix(d, vm->waiter[i]);
	for (unsigned int i = 0; i < SPEC_VCPUS; i++)
		d = mix_vcpu(d, &vm->vcpu[i]);
	return d;
}

uint64_t orders_digest(const struct spec *s, const struct results *results,
		       unsigned int count)
{
	uint64_t d = mix(1, s->options);

	for (unsigned int i = 0; i < count; i++) {
		d = mix(d, results[i].count);
		for (unsigned int k = 0; k < results[i].count; k++)
			d = mix(d, (uint64_t)results[i].value[k]);
	}
	for (unsigned int i = 0; i <= SPEC_VMS; i++) {
		d = mix_vm(d, &s->vm[i]);
		d = mix_page(d, s->page[i][SPEC_RECV]);
	}
	for (unsigned int i = 0; i < SPEC_CPUS; i++)
		d = mix(mix(mix(d, s->cpu[i].state), s->cpu[i].entry),
			s->cpu[i].argument);
	return d;
}
