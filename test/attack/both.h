/* SPDX-License-Identifier: BSD-3-Clause */
/* Attacks that primary and secondary make alike; attacks.h says what they do.
 */
#ifndef BOTH_H
#define BOTH_H

void results_tell_nothing(void);
void translations_flushed(void);
void el2_registers(void);
void returns_to_el2(void);
void control_garbage(void);
void set_way(void);
void smc_numbers(void);
void hvc_immediates(void);
void random_calls(void);
void hidden_features(void);
void debug_armed(void);

/*
 * Lets the primary's own deadline end a RUN that random_calls() makes; nothing
 * in a secondary.
 */
void before_random_call(void);
void after_random_call(void);

/* Runs the victim a few times; nothing in a secondary. */
void run_the_victim(void);

#endif
