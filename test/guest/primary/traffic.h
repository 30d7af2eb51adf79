/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Traffic between the test primary and VMs of race/race.c: all CPUs send
 * requests, run vCPUs and check answers, at random (bootarg seed=).
 */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>
#include "race.h"
#include "smp.h"
#include "hf/call.h"

/* More requests than a VM can have unanswered: one a vCPU, one in its page. */
#define TRAFFIC_RECORDS 16

/* A request, from before it is sent until its answer was checked. */
struct traffic_record {
	uint32_t open;	 /* atomic: 1 while an answer is due */
	uint64_t number; /* of the requests with a header, and so its place */
	uint64_t seed;
	uint64_t size; /* of the answer */
};

/* One of the VMs. */
struct traffic_vm {
	uint32_t vm;
	uint32_t vcpus;
	/* vCPUs that have something to do and that no CPU runs; atomic. Only
	 * they are run: a wake-up that is not told stops the traffic. */
	uint32_t ready;
	struct traffic_record record[TRAFFIC_RECORDS];
	uint64_t sent; /* requests with a header; send lock */
	/* Those without are answered one after the other. */
	struct traffic_record raw[TRAFFIC_RECORDS];
	uint64_t raw_sent; /* send lock */
	uint64_t raw_answered;
	/* Empty ones are sent without a lock, and have no record; atomic. */
	uint32_t empty;		   /* accepted, and not answered */
	struct race_counts counts; /* its last word about itself */
};

/* What else goes on at the same time. */
#define TRAFFIC_ANY_RUN 1    /* RUN of any vCPU by any CPU */
#define TRAFFIC_BAD_CALLS 2  /* calls that fail */
#define TRAFFIC_KICKS 4	     /* SGIs from CPU to CPU */
#define TRAFFIC_TURN_VCPUS 8 /* vCPUs are turned on and off */
#define TRAFFIC_TURN_CPUS 16 /* CPUs as well */

#define TRAFFIC_VMS 16

/* Fails the case that runs, from any CPU, and ends the traffic. */
#define TRAFFIC_ERROR(...) traffic_error(__FILE__, __LINE__, __VA_ARGS__)
void traffic_error(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The primary's mailbox for the traffic, configured by the caller. */
void traffic_mailbox(uint8_t *send, uint8_t *recv);

/* Takes a VM into the traffic; its vCPU 0 is ready. NULL: no such VM. */
struct traffic_vm *traffic_add(const char *name);

/* Takes the VM that was added last out of it; traffic_send() to it still
 * works until the next traffic_add(). */
void traffic_remove(void);

/*
 * On all CPUs, `requests` requests to VMs at random, until the last one is
 * answered and every vCPU waits for another. False: the case has failed.
 */
bool traffic_run(uint64_t requests, unsigned int options);

/*
 * The same by this CPU alone or together with others: traffic_begin() once,
 * then traffic_worker() on each, then traffic_drain() on one.
 */
void traffic_begin(uint64_t requests, unsigned int options);
void traffic_worker(void *unused);
bool traffic_drain(void);

/*
 * Sends a request with a header, if the VM takes it: the result of
 * HF_RPC_REQUEST. A vCPU that was waiting is not made ready.
 */
int64_t traffic_send(struct traffic_vm *vm, enum race_mode mode,
		     enum race_action action);

/* A request that is nothing but a header, and of which no record is kept. */
int64_t traffic_send_header(struct traffic_vm *vm, enum race_mode mode,
			    enum race_action action);

/* Makes a vCPU ready. */
void traffic_ready(struct traffic_vm *vm, uint32_t vcpu);

/* Runs a vCPU with everything painted, and deals with what comes of it; the
 * result of HF_VCPU_RUN. */
uint64_t traffic_run_vcpu(struct traffic_vm *vm, uint32_t vcpu);

/* Deals with what came of a RUN: takes the answer, makes vCPUs ready. */
void traffic_take_result(struct traffic_vm *vm, uint32_t vcpu, uint64_t result);

/* Lets the interrupts that are pending on this CPU come. */
void traffic_take_interrupts(void);

/* A call of the primary with everything painted. */
uint64_t traffic_call(uint64_t fn, uint64_t a, uint64_t b);

/* Asks each VM for its counts and says what they should not be. */
void traffic_check_counts(void);

/* Calls that were made up to now, by the primary. */
uint64_t traffic_calls(void);

#endif
