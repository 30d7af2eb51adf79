/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The mailboxes: request, read, reply, acknowledgement, of several VMs on
 * several CPUs, as in src/api.c. Each VM has one vCPU, that reads without
 * blocking; how vCPUs wait and wake is in run.pml.
 *
 * A page is two halves, copied one after the other. Messages to a VM are
 * numbered as they are accepted; the number fills the message and stands for
 * its size. The VM's answer to a message has the same number. A VM may speak
 * first, too.
 *
 * Shown for all interleavings, by assertions and a claim:
 *	every accepted request is read once, whole and in order
 *	every accepted answer reaches the primary once, whole and in order
 *	a reply that is refused changes nothing, the acknowledgement included
 *	no CPU waits for a lock for ever
 *	with ROUND_ROBIN: answers flow for ever
 *
 * Mistakes that this must find; one of these may be defined:
 *	ACK_FIRST	a reply acknowledges before it knows that it succeeds
 *	ACK_PENDING	an acknowledgement drops a message that nobody read
 *	ACK_FORGOTTEN	a reply acknowledges nothing
 *	CHECK_OUTSIDE	a request looks at the state before it takes the lock
 *	STATE_FIRST	a request is pending before it is copied
 *	HALF_LOCKED	a reply locks the sender's mailbox only
 */
#ifndef CPUS
#define CPUS 2
#endif
#ifndef VMS
#define VMS 2
#endif

/* Mailbox and lock of the primary; those of VM v are v. */
#define PRIMARY VMS
#define LOCKS (VMS + 1)
#include "lock.pml"

/* Messages of a VM count modulo this; this one is not an answer. */
#define NUMBERS 2
#define UNASKED 9

mtype = {IDLE, PENDING, INFLIGHT};
mtype = {NOTHING, ANSWERED};

/* struct mailbox, and its pages */
mtype box[VMS + 1] = IDLE;
byte box_message[VMS];
byte send_1[VMS], send_2[VMS];
byte recv_1[VMS + 1], recv_2[VMS + 1];

bool running[VMS];
bool busy[VMS];		/* the guest has a message to answer */
bool ack_owed[VMS];	/* it has answered, and must still acknowledge */
byte message[VMS];	/* the one it has read */

/* What only the proof knows. */
byte sent[VMS];		/* next number to be accepted, */
byte received[VMS];	/* to be read, */
byte answered[VMS];	/* and to be answered */

/* --- src/api.c --- */

inline rpc_request(v)
{
#ifdef CHECK_OUTSIDE
	idle = box[v] == IDLE;
	spin_lock(v);
#else
	spin_lock(v);
	idle = box[v] == IDLE;
#endif
	if
	:: idle ->
		d_step {
			content = sent[v];
			sent[v] = (sent[v] + 1) % NUMBERS
		};
#ifdef STATE_FIRST
		box_message[v] = content;
		box[v] = PENDING;
		spin_unlock(v);
#endif
		recv_1[v] = content;
		d_step {
			recv_2[v] = content;
			box_message[v] = content;
			box[v] = PENDING;
			content = 0
		}
#ifdef STATE_FIRST
		;
		spin_lock(v)
#endif
	:: else
	fi;
	idle = false;
	spin_unlock(v)
}

/* `took` says whether there was one. */
inline rpc_read_request(v)
{
	spin_lock(v);
	d_step {
		took = box[v] == PENDING;
		if
		:: took ->
			box[v] = INFLIGHT;
			message[v] = box_message[v];
			box_message[v] = 0
		:: else
		fi
	};
	spin_unlock(v)
}

inline rpc_ack(b)
{
	spin_lock(b);
	if
	:: box[b] == INFLIGHT -> box[b] = IDLE
	:: else
	fi;
	spin_unlock(b)
}

inline acknowledge(v, ack)
{
	if
#ifdef ACK_PENDING
	:: ack && box[v] != IDLE -> box[v] = IDLE
#elif defined(ACK_FORGOTTEN)
	:: false
#else
	:: ack && box[v] == INFLIGHT -> box[v] = IDLE
#endif
	:: else
	fi
}

inline lock_both(v)
{
#ifndef HALF_LOCKED
	spin_lock(PRIMARY);
#endif
	spin_lock(v)
}

/* `took` says whether the reply was accepted. */
inline rpc_reply(v, ack)
{
	lock_both(v);
	before = box[v];
#ifdef ACK_FIRST
	acknowledge(v, ack);
#endif
	took = box[PRIMARY] == IDLE;
	assert(took || box[v] == before);
	before = IDLE;
	if
	:: took ->
		recv_1[PRIMARY] = send_1[v];
		d_step {
			recv_2[PRIMARY] = send_2[v];
			box[PRIMARY] = INFLIGHT;
			acknowledge(v, ack)
		}
	:: else
	fi;
	spin_unlock(v)
#ifndef HALF_LOCKED
	;
	spin_unlock(PRIMARY)
#endif
}

/* --- a secondary; each time it runs it makes a call or two --- */

inline receive(v)
{
	rpc_read_request(v);
	if
	:: took ->
		assert(recv_1[v] == message[v]);
		d_step {
			assert(recv_2[v] == message[v]);
			assert(message[v] == received[v]);
			received[v] = (received[v] + 1) % NUMBERS;
			busy[v] = true;
			took = false
		}
	:: else
	fi
}

inline write_page(v, value)
{
	d_step {
		send_1[v] = value;
		send_2[v] = value
	}
}

inline answer(v)
{
	write_page(v, message[v]);
	if
	:: rpc_reply(v, true);
		busy[v] = !took
#ifndef ROUND_ROBIN
	:: rpc_reply(v, false);
		d_step {
			busy[v] = !took;
			ack_owed[v] = took
		}
#endif
	fi;
	/* Its next request may come at once. */
	if
	:: took -> result = ANSWERED
	:: else
	fi;
	d_step {
		write_page(v, 0);
		took = false
	}
}

inline speak_first(v)
{
	write_page(v, UNASKED);
	if
	:: rpc_reply(v, false)
	:: rpc_reply(v, true)
	fi;
	if
	:: took -> result = ANSWERED
	:: else
	fi;
	d_step {
		write_page(v, 0);
		took = false
	}
}

inline guest(v)
{
	if
	:: busy[v] -> answer(v)
	:: ack_owed[v] ->
		rpc_ack(v);
		ack_owed[v] = false
	:: !busy[v] && !ack_owed[v] ->
		if
		:: receive(v)
#ifndef ROUND_ROBIN
		:: speak_first(v)
#endif
		fi
	fi
}

/* --- the primary, on each CPU --- */

/* VM v has replied. */
inline look_at_answer(v)
{
	content = recv_1[PRIMARY];
	d_step {
		assert(recv_2[PRIMARY] == content);
		if
		:: content == UNASKED
		:: else ->
			assert(content == answered[v]);
			answered[v] = (answered[v] + 1) % NUMBERS
		fi;
		content = 0;
		result = NOTHING
	};
	rpc_ack(PRIMARY)
}

inline vcpu_run(v)
{
	d_step {
		claimed = !running[v];
		running[v] = true
	};
	if
	:: claimed ->
		guest(v);
		running[v] = false;
		if
		:: result == ANSWERED -> look_at_answer(v)
		:: else
		fi
	:: else
	fi;
	claimed = false
}

active [CPUS] proctype cpu()
{
	byte vm, content;
	bool claimed, took, idle;
	mtype result = NOTHING, before = IDLE;

	do
#ifdef ROUND_ROBIN
	:: rpc_request(vm);
		vcpu_run(vm);
		vm = (vm + 1) % VMS
#else
	:: select(vm : 0 .. VMS - 1);
		rpc_request(vm);
		vm = 0
	:: select(vm : 0 .. VMS - 1);
		vcpu_run(vm);
		vm = 0
#endif
	od
}

/* By ROUND_ROBIN and with fair CPUs: one answer after the other comes. */
ltl answers_flow {
	([] <> (answered[0] != answered[VMS - 1])) &&
	([] <> (answered[0] == answered[VMS - 1]))
}
