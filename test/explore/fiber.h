/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cooperative threads: each runs until it switches to another by name. They
 * share one host thread, so that a program that uses them does the same thing
 * in every run.
 */
#ifndef FIBER_H
#define FIBER_H

#include <setjmp.h>
#include <stddef.h>

struct fiber {
	jmp_buf at;  /* where it goes on */
	jmp_buf top; /* where it begins a job */
	void (*job)(void *argument);
	void *argument;
	void *stack; /* NULL: the host thread itself */
	size_t stack_size;
	void *fake_stack; /* AddressSanitizer's */
};

/*
 * Makes a fiber that does its job once, whenever it is set to its beginning,
 * and must not return from it: it switches away for the last time. `stack` is
 * for it alone.
 */
void fiber_init(struct fiber *f, void *stack, size_t size,
		void (*job)(void *argument), void *argument);

/* Back to the beginning of its job, wherever it is. Not the running one. */
void fiber_rewind(struct fiber *f);

/* Goes from the running fiber to another one. */
void fiber_switch(struct fiber *from, struct fiber *to);

#endif
