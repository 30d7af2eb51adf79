/* SPDX-License-Identifier: BSD-3-Clause */
/* What is explored: states to begin in, and what CPUs do in them. */
#ifndef CASES_H
#define CASES_H

#include "actor.h"

#define CASES_VMS 2
#define CASES_VCPUS 3
/* CPUs 0 to 2 act; another goes on and off. */
#define CASES_CPUS 4
#define CASES_CPU 3

/* An actor that, alone, brings the board from power-on to a state. */
extern const struct actor states[];
extern const unsigned int state_count;

extern const struct actor actors_all[];
extern const unsigned int actor_count_all;

/*
 * Whether an actor is one of the few that are explored in threes, and two
 * after one another.
 */
bool is_one_of_few(const struct actor *actor);

#endif
