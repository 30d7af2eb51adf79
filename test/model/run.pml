/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Run, save, wake: how the vCPUs of a VM pass from CPU to CPU, as in
 * src/vcpu.c and in api_finish_read() of src/api.c.
 *
 * Each access to what CPUs share is a step of its own, and any CPU may make
 * the next one. Steps are sequentially consistent: that the release and
 * acquire accesses of the code suffice for that is not shown here.
 *
 * A vCPU's registers are two halves and x0. Each half is in memory or in a CPU;
 * whoever loads one that is not in memory would run with old contents. A
 * message is its number, which fills the page; the size that a read returns in
 * x0 stands for it. A guest leaves whenever an interrupt comes.
 *
 * Shown for all interleavings, by assertions and claims:
 *	no vCPU on two CPUs; none is entered with incomplete registers
 *	no result of a read lost or overwritten
 *	a message is in the page when its reader goes on, and stays there until
 *	it is acknowledged
 *	every accepted message is given to one reader, in order
 *	waiters are served first in, first out
 *	no wake-up is lost: nobody waits while a message is pending
 *	with ROUND_ROBIN: messages flow for ever
 *
 * Mistakes that this must find; one of these may be defined:
 *	EARLY_RELEASE	states change before the registers are saved
 *	NO_SWAP		a vCPU is claimed by a load and a store
 *	NO_SECOND_LOOK	a read waits without looking again under the lock
 *	LAST_FIRST	the waiter list is a stack
 *	NO_NEXT_CLEAR	a waiter brings an old link into the list
 *	FORGOTTEN	an interrupted vCPU is not made ready again
 *	COPY_AFTER_WAKE	a message is copied after its reader was made ready
 */
#ifndef CPUS
#define CPUS 2
#endif
#ifndef VCPUS
#define VCPUS 2
#endif

#define LOCKS 1
#define VM 0 /* the lock of the VM */
#include "lock.pml"

#define NONE 255

/* Messages count modulo this; no more are on their way at a time. */
#define NUMBERS 2

mtype = {OFF, READY, RUNNING, WAITING};
mtype = {IDLE, PENDING, INFLIGHT};
mtype = {YIELD, READ, TURN_OFF};

/* struct vcpu */
mtype state[VCPUS] = READY;
byte next[VCPUS] = NONE;
bool half_1[VCPUS] = true; /* in memory */
bool half_2[VCPUS] = true;
byte x0[VCPUS];

/* struct vm */
byte waiters = NONE;
byte last_waiter = NONE;
mtype box = IDLE;
byte box_message;
byte page;			/* the receive page */

/* What only the proof knows. */
byte on[VCPUS];			/* CPUs that use the vCPU's registers */
byte answer[VCPUS] = NONE;	/* what its read has to return */
bool reading[VCPUS];		/* it is in a read */
byte reader = NONE;		/* whom the inflight message was given to */
byte sent, given;		/* messages accepted, and given to a reader */
chan order = [VCPUS] of {byte};	/* who waits, as they came */

inline give(v, message)
{
	assert(message == given);
	assert(answer[v] == NONE);
	given = (given + 1) % NUMBERS;
	answer[v] = message;
	reader = v
}

/* --- src/vcpu.c --- */

inline vcpu_claim(v)
{
#ifdef NO_SWAP
	claimed = state[v] == READY;
	if
	:: claimed -> state[v] = RUNNING
	:: else
	fi
#else
	d_step {
		claimed = state[v] == READY;
		if
		:: claimed -> state[v] = RUNNING
		:: else
		fi
	}
#endif
}

/* The VM lock is held. */
inline vcpu_wait(v)
{
	d_step {
#ifdef LAST_FIRST
		next[v] = waiters;
		waiters = v;
#else
#ifndef NO_NEXT_CLEAR
		next[v] = NONE;
#endif
		if
		:: waiters != NONE -> next[last_waiter] = v
		:: else -> waiters = v
		fi;
		last_waiter = v;
#endif
		order!v
	};
	state[v] = WAITING
}

/* The VM lock is held; there is a waiter. */
inline vcpu_wake_first(message)
{
	d_step {
		woken = waiters;
		waiters = next[woken];
		assert(state[woken] == WAITING);
		assert(order?[eval(woken)]);
		order?_;
		give(woken, message)
	};
	x0[woken] = message;
	state[woken] = READY
}

inline vcpu_turn_on(v)
{
	spin_lock(VM);
	if
	:: state[v] == OFF ->
		d_step {
			half_1[v] = true;
			half_2[v] = true;
			x0[v] = 0
		};
		state[v] = READY
	:: else
	fi;
	spin_unlock(VM)
}

/* --- src/api.c --- */

/* The VM lock is held. */
inline take_request(v)
{
	d_step {
		took = box == PENDING;
		if
		:: took ->
			box = INFLIGHT;
			message = box_message;
			box_message = 0;
			give(v, message)
		:: else
		fi
	}
}

inline rpc_request()
{
	spin_lock(VM);
	if
	:: box != IDLE
	:: else ->
		d_step {
			message = sent;
			sent = (sent + 1) % NUMBERS
		};
#ifndef COPY_AFTER_WAKE
		page = message;
#endif
		d_step {
			if
			:: waiters == NONE ->
				box_message = message;
				box = PENDING
			:: else -> box = INFLIGHT
			fi
		};
		if
		:: box == PENDING
		:: else -> vcpu_wake_first(message)
		fi;
#ifdef COPY_AFTER_WAKE
		page = message
#endif
	fi;
	spin_unlock(VM);
	d_step {
		message = 0;
		woken = 0
	}
}

inline rpc_ack()
{
	spin_lock(VM);
	d_step {
		if
		:: box == INFLIGHT ->
			box = IDLE;
			reader = NONE
		:: else
		fi
	};
	spin_unlock(VM)
}

/* The call: a pending message is returned at once, in the live x0. */
inline rpc_read_request(v)
{
	spin_lock(VM);
	take_request(v);
	spin_unlock(VM);
	d_step {
		if
		:: took -> live_x0 = message
		:: else -> exit = READ
		fi;
		reading[v] = true;
		message = 0
	}
}

/* Behind the save: `again` if the vCPU goes on at once. */
inline api_finish_read(v)
{
	spin_lock(VM);
#ifdef NO_SECOND_LOOK
	took = false;
#else
	take_request(v);
#endif
	if
	:: took -> x0[v] = message
	:: else -> vcpu_wait(v)
	fi;
	spin_unlock(VM);
	d_step {
		again = took;
		message = 0
	}
}

/* --- vectors.S: a vCPU's registers come and go --- */

inline load_registers(v)
{
	d_step {
		on[v]++;
		assert(on[v] == 1);
		assert(half_1[v]);
		half_1[v] = false
	};
	d_step {
		assert(half_2[v]);
		half_2[v] = false;
		live_x0 = x0[v];
		x0[v] = 0
	}
}

inline save_registers(v)
{
	half_1[v] = true;
	d_step {
		half_2[v] = true;
		x0[v] = live_x0;
		on[v]--;
		live_x0 = 0
	}
}

/* --- the guest --- */

/* A read has returned, at once or by being woken. */
inline look_at_answer(v)
{
	d_step {
		if
		:: reading[v] && exit != READ ->
			assert(live_x0 == answer[v]);
			assert(reader != v || page == answer[v]);
			reading[v] = false;
			live_x0 = 0;
			answer[v] = NONE
		:: else
		fi
	}
}

/* Runs until it leaves; `exit` says why. */
inline guest(v)
{
	look_at_answer(v);
	if
#ifdef ROUND_ROBIN
	:: rpc_ack();
		rpc_read_request(v)
#else
	:: true
	:: rpc_ack()
	:: rpc_read_request(v)
	:: vcpu_turn_on((v + 1) % VCPUS)
	:: exit = TURN_OFF
#endif
	fi;
	look_at_answer(v)
}

/* --- HF_VCPU_RUN --- */

inline finish(v)
{
	again = false;
	if
	:: exit == READ -> api_finish_read(v)
	:: exit == TURN_OFF -> state[v] = OFF
#ifdef FORGOTTEN
	:: exit == YIELD
#else
	:: exit == YIELD -> state[v] = READY
#endif
	fi;
	exit = YIELD
}

inline vcpu_run(v)
{
	vcpu_claim(v);
	if
	:: claimed ->
		again = true;
		do
		:: again ->
			load_registers(v);
			guest(v);
#ifdef EARLY_RELEASE
			finish(v);
			save_registers(v)
#else
			save_registers(v);
			finish(v)
#endif
		:: else -> break
		od
	:: else
	fi;
	claimed = false
}

/* --- the primary, on each CPU --- */

active [CPUS] proctype cpu()
{
	byte message, woken, vcpu;
	byte live_x0;
	bool claimed, again, took;
	mtype exit = YIELD;

	do
#ifdef ROUND_ROBIN
	:: true ->
		if
		:: _pid == 0 -> rpc_request()
		:: else
		fi;
		vcpu_run(vcpu);
		vcpu = (vcpu + 1) % VCPUS
#else
	:: rpc_request()
	:: select(vcpu : 0 .. VCPUS - 1);
		vcpu_run(vcpu);
		vcpu = 0
#endif
	od
}

/* Nobody waits while a message is pending. */
ltl no_wake_up_lost {
	[] !(IS_FREE(VM) && box == PENDING && waiters != NONE)
}

/* By ROUND_ROBIN and with fair CPUs: one message after the other is given. */
ltl messages_flow {
	([] <> (given == 0)) && ([] <> (given == 1))
}
