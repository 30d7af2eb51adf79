/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The executable specification: what docs/abi.md says of the state that VMs
 * can see, as a small machine with one transition for each call and event. It
 * shares no code with api.c: each rule is written down a second time, so that
 * a mistake must be made twice to go unseen. Freestanding C; it allocates
 * nothing and keeps no state of its own.
 *
 * A transition is atomic. What takes the hypervisor several steps that others
 * may see between is several transitions here:
 *
 *   HF_VCPU_RUN		spec_primary() SPEC_ENTERED, the calls of
 *				the vCPU, spec_leave()
 *   a call that leaves		spec_secondary() SPEC_LEAVES, spec_leave()
 *   a read that blocks		spec_secondary() SPEC_WAITS, spec_wait_code()
 */
#ifndef SPEC_H
#define SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPEC_CPUS 4
#define SPEC_VMS 3
#define SPEC_VCPUS 3
#define SPEC_REGS 4
#define SPEC_RANGES 16

/* How much of each mailbox page is followed, in bytes. */
#ifndef SPEC_PAGE_BYTES
#define SPEC_PAGE_BYTES 4096
#endif

enum spec_vcpu_state { SPEC_OFF, SPEC_READY, SPEC_RUNNING, SPEC_WAITING };

struct spec_vcpu {
	uint32_t state; /* enum spec_vcpu_state */
	uint32_t cpu;	/* that runs it; 0 if none does */
	uint64_t entry; /* where it starts, then where it left */
	/* x0-x3: its call's result, its first argument. */
	uint64_t x[SPEC_REGS];
};

enum spec_mail { SPEC_IDLE, SPEC_PENDING, SPEC_INFLIGHT };

struct spec_mailbox {
	uint32_t configured;
	uint32_t state;	     /* enum spec_mail */
	uint64_t send, recv; /* physical addresses of the pages */
	uint64_t size;	     /* of the pending message; 0 if none is */
};

/* Memory that a VM has. All else is not there for it. */
struct spec_range {
	uint64_t ipa, pa, size;
	bool device;
};

struct spec_vm {
	uint32_t vcpu_count;
	uint32_t aborted; /* HF_ABORT_*, 0: it was not stopped */
	struct spec_mailbox mailbox;
	uint32_t waiter_count;
	uint32_t waiter[SPEC_VCPUS]; /* vCPUs, the first waits longest */
	struct spec_vcpu vcpu[SPEC_VCPUS];
	struct spec_range range[SPEC_RANGES];
};

enum spec_cpu_state { SPEC_CPU_OFF, SPEC_CPU_PENDING, SPEC_CPU_ON };

struct spec_cpu {
	uint32_t state;		  /* enum spec_cpu_state */
	uint64_t entry, argument; /* of the last CPU_ON */
};

/* Places of the VMs: the primary, then secondary n at n + 1. */
#define SPEC_PRIMARY 0
#define SPEC_SECONDARY(n) ((n) + 1)

enum spec_page { SPEC_SEND, SPEC_RECV };

struct spec {
	uint32_t vm_count; /* secondaries */
	uint32_t cpu_count;
	uint64_t options;
	struct spec_vm vm[SPEC_VMS + 1];
	struct spec_cpu cpu[SPEC_CPUS];
	/* Contents of the mailbox pages, zero until they are configured. */
	uint8_t page[SPEC_VMS + 1][2][SPEC_PAGE_BYTES];
};

/* What comes next for the caller. */
enum spec_then {
	SPEC_GOES_ON, /* with `value` in x0 */
	SPEC_ENTERED, /* RUN: the vCPU runs now on the caller's CPU */
	SPEC_LEAVES,  /* spec_leave() with `event` and `payload` follows */
	SPEC_WAITS,   /* RUN comes back with spec_wait_code() */
};

/* Why a vCPU leaves. */
enum spec_event {
	SPEC_INTERRUPT,
	SPEC_WFI,	/* payload: ns until its timer fires, or 0 */
	SPEC_REPLIED,	/* payload: size of the reply */
	SPEC_TURNED_ON, /* payload: the vCPU that it turned on */
	SPEC_TURNS_OFF,
	SPEC_ABORT, /* payload: HF_ABORT_* */
};

struct spec_result {
	int64_t value;
	enum spec_then then;
	enum spec_event event;
	uint64_t payload;
};

/* A call of the primary on `cpu`. */
struct spec_result spec_primary(struct spec *s, uint32_t cpu, uint64_t function,
				uint64_t a1, uint64_t a2, uint64_t a3);

/* A call of the running vCPU `vcpu` of secondary VM `vm`. */
struct spec_result spec_secondary(struct spec *s, uint32_t vm, uint32_t vcpu,
				  uint64_t function, uint64_t a1, uint64_t a2,
				  uint64_t a3);

/* PSCI CPU_ON by that vCPU for a vCPU of its VM, with a good entry. */
struct spec_result spec_vcpu_on(struct spec *s, uint32_t vm, uint32_t vcpu,
				uint32_t target, uint64_t entry,
				uint64_t argument);

/* The vCPU leaves, its registers as they are. Result of its RUN. */
int64_t spec_leave(struct spec *s, uint32_t vm, uint32_t vcpu,
		   enum spec_event event, uint64_t payload);

/* Result of a RUN whose vCPU began to wait for a message. */
int64_t spec_wait_code(const struct spec *s);

/* PSCI of the primary: its result. CPU_OFF is of a CPU that is on. */
int64_t spec_cpu_on(struct spec *s, uint32_t cpu, uint64_t entry,
		    uint64_t argument);
void spec_cpu_off(struct spec *s, uint32_t cpu);
/* The CPU that CPU_ON asked for has come up. */
void spec_cpu_up(struct spec *s, uint32_t cpu);

#define SPEC_PSCI_SUCCESS 0
#define SPEC_PSCI_ALREADY_ON (-4)
#define SPEC_PSCI_ON_PENDING (-5)
#define SPEC_PSCI_INTERNAL_FAILURE (-6)

/* --- the real state (view.c) --- */

/* How the real state differs from the specified one. */
struct spec_difference {
	const char *what;  /* NULL: not at all */
	uint32_t vm, vcpu; /* places in struct spec */
	uint64_t specified, real;
};

/*
 * Reads the hypervisor's state, all but the memory of the VMs, which it takes
 * from `like`. Zeroes what has no meaning in a state, as the transitions do.
 */
void spec_view(struct spec *view, const struct spec *like);

/* Compares what spec_view() gave. */
struct spec_difference spec_compare(const struct spec *specified,
				    const struct spec *real);

/*
 * Walks all stage-2 tables, by a walker of its own: each VM has what it is to
 * have, and each absent page of the primary the right owner.
 */
struct spec_difference spec_check_tables(const struct spec *s);

#endif
