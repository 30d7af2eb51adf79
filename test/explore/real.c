/* SPDX-License-Identifier: BSD-3-Clause */
#include "actor.h"

#include <string.h>

#include "hf/abi.h"
#include "board.h"
#include "fake.h"
#include "sched.h"

struct real_actor real_actors[SCHED_THREADS];

/* What a CPU's vCPU is at. */
static struct {
	const struct act *script;
	unsigned int at;
	bool in_read; /* it called READ_REQUEST and heard nothing yet */
	bool entered; /* and executed nothing yet */
} guests[SCHED_THREADS];

static struct real_actor *self(void)
{
	return &real_actors[sched_thread()];
}

static void record(int64_t value)
{
	struct results *r = &self()->results;

	if (r->count < ACTOR_RESULTS)
		r->value[r->count++] = value;
}

/* A transition of the specification takes effect between these two. */
static void begin_step(void)
{
	struct real_actor *a = self();

	if (a->steps == ACTOR_STEPS)
		sched_stop("more transitions than there can be");
	a->window[a->steps].begin = sched_steps();
	/* Until it has ended. */
	a->window[a->steps].end = UINT32_MAX;
	a->steps++;
}

static void end_step(void)
{
	struct real_actor *a = self();

	a->window[a->steps - 1].end = sched_steps();
}

/* --- the CPU that goes on and off, and the firmware --- */

uint32_t real_power;

static uint32_t load_power(void)
{
	uint32_t power;

	sched_point(&real_power, false);
	power = real_power;
	sched_loaded(&real_power, sizeof(real_power), __ATOMIC_ACQUIRE, power);
	return power;
}

static void store_power(uint32_t power)
{
	sched_point(&real_power, true);
	sched_stored(&real_power, sizeof(real_power), __ATOMIC_RELEASE, false);
	real_power = power;
}

enum arch_start real_start(struct cpu *cpu)
{
	uint32_t power = load_power();

	if (power == POWER_REFUSES) {
		/* That its caller hears of it is a step of its own. */
		end_step();
		begin_step();
		record(ARCH_START_FAILED);
		return ARCH_START_FAILED;
	}
	if (power != POWER_OFF)
		return ARCH_START_RUNNING;
	store_power(POWER_STARTED);
	record(ARCH_START_OK);
	return ARCH_START_OK;
}

static void do_cpu_off(struct cpu *cpu)
{
	cpu_goes_down(cpu);
	end_step();
	store_power(POWER_OFF);
	record(0);
}

static void do_cpu_refused(struct cpu *cpu)
{
	cpu_goes_down(cpu);
	end_step();
	store_power(POWER_REFUSES);
	begin_step();
	cpu_came_up(cpu);
	end_step();
	record(0);
}

/* Where it starts, and with what, is its own once it is up. */
static void do_cpu_up(struct cpu *cpu)
{
	bool up = load_power() == POWER_STARTED;

	if (up) {
		store_power(POWER_ON);
		cpu_came_up(cpu);
	}
	end_step();
	if (up) {
		sched_plain(&cpu->entry, sizeof(cpu->entry), false);
		sched_plain(&cpu->argument, sizeof(cpu->argument), false);
		record((int64_t)cpu->entry.ipa);
		record((int64_t)cpu->argument);
	}
	record(up);
}

/* --- the vCPU --- */

static uint64_t do_act(struct vcpu *vcpu, const struct act *act)
{
	switch (act->kind) {
	case ACT_CALL:
		return fake_hvc(vcpu, act->a[0], act->a[1], act->a[2], 0);
	case ACT_VCPU_ON:
		return board_vcpu_on(vcpu->vm->index, (uint32_t)act->a[0],
				     act->a[1], act->a[2]);
	case ACT_EVENT:
		return board_exit((enum spec_event)act->a[0], act->a[1]);
	default:
		return board_exit(SPEC_INTERRUPT, 0);
	}
}

/*
 * Whether the memory of a VM that was stopped is gone: it can execute no
 * instruction any more. An interrupt it takes without one.
 */
static bool faults(const struct vcpu *vcpu, const struct act *act)
{
	const struct ptable *t = &vcpu->vm->stage2;
	const uint64_t *entry =
		&t->root[HF_SECONDARY_RAM_BASE >> pt_shift(t->level)];

	if (act->kind == ACT_END)
		return false;
	sched_plain(entry, sizeof(*entry), false);
	return *entry == 0;
}

/* The vCPU is entered: for the first time in this RUN, or out of a read. */
static void note_entry(void)
{
	end_step();
	guests[sched_thread()].in_read = false;
	guests[sched_thread()].entered = true;
}

/* The vCPU sees its x0, and, if that is a size, reads the message. */
static void see(const struct vcpu *vcpu)
{
	const uint8_t *page = vcpu->vm->mailbox.recv;
	uint64_t size = *fake_x(0);

	record((int64_t)size);
	if (!page || size == 0 || size > SPEC_PAGE_BYTES ||
	    !orders_may_look(vcpu->vm->index, vcpu->index))
		return;
	sched_plain(page, size, false);
	record(orders_look(page, size));
}

/* What the vCPU finds in x0 it sees with its first instruction. */
static void see_entry(const struct vcpu *vcpu)
{
	if (guests[sched_thread()].entered)
		see(vcpu);
	guests[sched_thread()].entered = false;
}

uint64_t real_guest(struct vcpu *vcpu)
{
	int cpu = sched_thread();

	note_entry();
	for (;;) {
		const struct act *act = &guests[cpu].script[guests[cpu].at];
		uint64_t exit;

		begin_step();
		if (faults(vcpu, act))
			return vcpu_exit(EXIT_ABORT, HF_ABORT_MEMORY_ACCESS);
		see_entry(vcpu);
		guests[cpu].at += act->kind != ACT_END;
		exit = do_act(vcpu, act);
		if ((exit & EXIT_KIND_MASK) == EXIT_READ) {
			guests[cpu].in_read = true;
			return exit;
		}
		if (exit && act->kind != ACT_CALL && act->kind != ACT_VCPU_ON)
			return exit;
		end_step();
		see(vcpu);
		if (!exit)
			continue;
		/* The call is made; that it leaves is a step of its own. */
		begin_step();
		return exit;
	}
}

/* --- the primary --- */

/* RUN came back. A wait is two transitions, which overlap. */
static void end_run(int64_t value)
{
	struct real_actor *a = self();

	if (guests[sched_thread()].in_read) {
		guests[sched_thread()].in_read = false;
		end_step();
		begin_step();
		a->window[a->steps - 1].begin = a->window[a->steps - 2].begin;
	}
	end_step();
	record(value);
}

static void do_primary(const struct primary_act *p)
{
	const uint64_t *a = p->act.a;
	int cpu = sched_thread();

	guests[cpu].script = p->script;
	guests[cpu].at = 0;
	guests[cpu].in_read = false;
	begin_step();
	switch (p->act.kind) {
	case ACT_CPU_ON:
		end_run(board_cpu_on((uint32_t)a[0], a[1], a[2]));
		break;
	case ACT_CPU_OFF:
		do_cpu_off(&cpus[a[0]]);
		break;
	case ACT_CPU_REFUSED:
		do_cpu_refused(&cpus[a[0]]);
		break;
	case ACT_CPU_UP:
		do_cpu_up(&cpus[a[0]]);
		break;
	default:
		end_run(fake_primary(a[0], a[1], a[2], 0));
	}
}

void real_job(unsigned int cpu)
{
	const struct actor *actor = real_actors[cpu].actor;

	real_actors[cpu].results = (struct results){0};
	real_actors[cpu].steps = 0;
	for (const struct primary_act *p = actor->act; p->act.kind != ACT_END;
	     p++)
		do_primary(p);
}
