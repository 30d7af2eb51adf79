/* SPDX-License-Identifier: BSD-3-Clause */
/* The steps of a script. */
#ifndef STEPS_H
#define STEPS_H

#include "service.h"

/* Takes one step. `data` is the reply's, for steps that give more than x. */
void step_take(const struct step *step, struct step_result *result,
	       uint8_t *data);

/* Keeps what STEP_BAD_CONFIGURE is to tell. */
void step_bad_configure(uint64_t send, uint64_t recv);

/* What a vCPU does that STEP_CPU_ON starts. */
void service_run(void *unused);

#endif
