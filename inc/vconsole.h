/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Consoles of secondary VMs: what a VM writes to its UART, until the primary
 * reads it or it is printed on the board's console; and what the primary wrote,
 * until the VM reads it.
 *
 * The registers of the UART are the architecture's (arch_console_changed()),
 * under the same lock.
 */
#ifndef VCONSOLE_H
#define VCONSOLE_H

#include "log.h"
#include "ring.h"
#include "spinlock.h"
#include "types.h"

struct vm;

#define VCONSOLE_OUTPUT 2048
#define VCONSOLE_INPUT 256

/* What the primary, if it reads consoles, was not told of. */
enum vconsole_news {
	NO_NEWS = 0,
	SOME_OUTPUT,
	MUCH_OUTPUT, /* it is to take some before the VM goes on */
};

struct vconsole {
	struct spinlock lock;
	struct ring output, input; /* lock */
	struct log_limit log;	   /* of lines that are printed */
	uint32_t untold;	   /* enum vconsole_news; atomic */
};

/* Makes the console of a VM whose index is set, at boot. */
void vconsole_init(struct vm *vm);

/*
 * For a new life of the VM, none of whose vCPUs runs: its UART as at reset, and
 * no input. What its last life wrote is kept. Takes the console's lock.
 */
void vconsole_reset(struct vm *vm);

/* --- for the UART; the console's lock is held --- */

/*
 * The VM wrote a character; it is lost if there is no room. It is printed with
 * its line unless the primary reads consoles (HF_OPTION_CONSOLE).
 */
void vconsole_put(struct vm *vm, char c);

/* The VM waits for room. */
void vconsole_want_room(struct vm *vm);

/* --- for others --- */

/*
 * Takes up to `size` bytes of output. Tells the UART of the room. Takes the
 * console's lock.
 */
uint32_t vconsole_read(struct vm *vm, char *to, uint32_t size);

/* Gives the VM input, as much as there is room for. Returns how much. */
uint32_t vconsole_write(struct vm *vm, const char *from, uint32_t size);

/* Prints what is left of a last line, if lines are printed. */
void vconsole_flush(struct vm *vm);

/* Whether the primary is to be told of it before the VM goes on. */
bool vconsole_is_urgent(const struct vm *vm);

/* What there is to be told. */
static inline enum vconsole_news vconsole_news(const struct vconsole *c)
{
	return (enum vconsole_news)__atomic_load_n(&c->untold,
						   __ATOMIC_RELAXED);
}

/* There are some: as vconsole_tell(), of vm.h. */
bool vconsole_tell_news(struct vm *vm);

#endif
