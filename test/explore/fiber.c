/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The first switch to a stack is ucontext's. All others are _setjmp() and
 * _longjmp(), which make no system call.
 */
#include "fiber.h"

#include <string.h>
#include <ucontext.h>

#ifdef __SANITIZE_ADDRESS__

#include <sanitizer/common_interface_defs.h>

static struct fiber *left; /* the one that ran last */

static void leave(struct fiber *from, const struct fiber *to)
{
	left = from;
	__sanitizer_start_switch_fiber(&from->fake_stack, to->stack,
				       to->stack_size);
}

/* Learns the bounds of the host thread's stack as well. */
static void arrive(struct fiber *f)
{
	const void *stack;

	__sanitizer_finish_switch_fiber(f->fake_stack, &stack,
					&left->stack_size);
	left->stack = (void *)stack;
}

#else

static void leave(struct fiber *from, const struct fiber *to)
{
	(void)from;
	(void)to;
}

static void arrive(struct fiber *f)
{
	(void)f;
}

#endif

/* For begin(), which can be given no pointer. */
static struct fiber *beginning, *maker;

static void begin(void)
{
	struct fiber *f = beginning;

	arrive(f);
	if (_setjmp(f->top) == 0) {
		memcpy(f->at, f->top, sizeof(f->at));
		leave(f, maker);
		_longjmp(maker->at, 1);
	}
	arrive(f);
	f->job(f->argument);
}

void fiber_init(struct fiber *f, void *stack, size_t size,
		void (*job)(void *argument), void *argument)
{
	struct fiber main = {0};
	ucontext_t context;

	f->job = job;
	f->argument = argument;
	f->stack = stack;
	f->stack_size = size;
	f->fake_stack = NULL;
	beginning = f;
	maker = &main;
	getcontext(&context);
	context.uc_stack.ss_sp = stack;
	context.uc_stack.ss_size = size;
	context.uc_link = NULL;
	makecontext(&context, begin, 0);
	if (_setjmp(main.at) == 0) {
		leave(&main, f);
		setcontext(&context);
	}
	arrive(&main);
}

void fiber_rewind(struct fiber *f)
{
	memcpy(f->at, f->top, sizeof(f->at));
	f->fake_stack = NULL;
}

void fiber_switch(struct fiber *from, struct fiber *to)
{
	if (_setjmp(from->at) == 0) {
		leave(from, to);
		_longjmp(to->at, 1);
	}
	arrive(from);
}
