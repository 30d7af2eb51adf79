/* SPDX-License-Identifier: BSD-3-Clause */
/* The generic timer. */
#ifndef TIMER_H
#define TIMER_H

#include <stdbool.h>
#include <stdint.h>

enum timer { TIMER_VIRTUAL, TIMER_PHYSICAL };

/* Time since some moment, in nanoseconds, by the virtual counter. */
uint64_t timer_now_ns(void);

/* Spins for a time. */
void timer_spin_ns(uint64_t ns);

/*
 * Lets a timer of this CPU fire after a time. `interrupt`: it raises its
 * interrupt then; else only its condition can be seen.
 */
void timer_arm(enum timer timer, uint64_t ns, bool interrupt);

/* Turns a timer off. */
void timer_stop(enum timer timer);

/* True if a timer is armed and its time has come. */
bool timer_fired(enum timer timer);

/* The interrupt of a timer, from the device tree. */
unsigned int timer_intid(enum timer timer);

/*
 * Waits for a time by WFI, with the virtual timer: whoever schedules this CPU
 * learns how long it needs nothing.
 */
void timer_wait_ns(uint64_t ns);

#endif
