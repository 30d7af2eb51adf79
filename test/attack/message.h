/* SPDX-License-Identifier: BSD-3-Clause */
/* What the attacking primary and the VMs of these tests say to each other. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdint.h>

#define MESSAGE_MAGIC UINT64_C(0x61747461636b2121)

/* What fills a receive page beyond its message. */
#define POISON UINT64_C(0x5050505050505050)

/*
 * A request. To the hostile VM: attack `what`, with `vcpus` vCPUs. To the
 * victim: report, then hold the secret `seed`. Anything else of another size or
 * without the magic number is noise.
 */
struct order {
	uint64_t magic;
	uint64_t seed;
	uint64_t what;
	uint64_t vcpus;
};

/* The hostile VM's answer: empty, or what went wrong; or "skip:" and why. */
struct hostile_report {
	char text[240];
};

/* The victim's. */
struct victim_report {
	uint64_t seed;	   /* of the secret that was held until now */
	uint64_t secret;   /* IPA of the memory that holds it */
	uint64_t size;	   /* bytes */
	uint64_t progress; /* rounds of the vCPU that holds it in registers */
	uint64_t changed;  /* paint_compare() of all of them */
	uint64_t sysregs;  /* paint_sysregs_restore() */
	uint64_t words;	   /* of memory that are wrong */
	uint64_t noise;	   /* other messages */
	uint64_t torn;	   /* messages that changed, or were too long */
};

#endif
