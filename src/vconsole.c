/* SPDX-License-Identifier: BSD-3-Clause */
#include "vconsole.h"

#include "arch.h"
#include "hf/abi.h"
#include "vm.h"

/* The longest line that is printed; a longer one becomes several. */
#define LINE 160

/* What is in the output when the primary is to read before the VM goes on. */
#define URGENT (VCONSOLE_OUTPUT / 4 * 3)

/* Not zeroed with .bss: nothing of it is read that was not written. */
static struct {
	char output[VCONSOLE_OUTPUT], input[VCONSOLE_INPUT];
} text[MAX_VMS] __attribute__((section(".noinit")));

static bool is_read_by_primary(void)
{
	return __atomic_load_n(&vm_options, __ATOMIC_RELAXED) &
	       HF_OPTION_CONSOLE;
}

static void set_news(struct vconsole *c, enum vconsole_news news)
{
	__atomic_store_n(&c->untold, news, __ATOMIC_RELAXED);
}

BOOT_ONLY void vconsole_init(struct vm *vm)
{
	struct vconsole *c = &vm->console;

	spin_init(&c->lock, LOCK_RANK_VCONSOLE);
	c->output =
		(struct ring){text[vm->index].output, VCONSOLE_OUTPUT, 0, 0};
	c->input = (struct ring){text[vm->index].input, VCONSOLE_INPUT, 0, 0};
	arch_console_reset(vm);
}

void vconsole_reset(struct vm *vm)
{
	struct vconsole *c = &vm->console;

	spin_lock(&c->lock);
	c->input.begin = c->input.end;
	arch_console_reset(vm);
	spin_unlock(&c->lock);
}

/* --- on the board's console --- */

static char printable(char c)
{
	return (c >= ' ' && c <= '~') || c == '\t' ? c : '.';
}

/*
 * Takes a line out of the output, its end included, or as much as is printed
 * at once. False if there is neither; `all`: what there is counts as a line.
 */
static bool take_line(struct ring *r, char *line, bool all)
{
	uint32_t length = 0;
	char c;

	while (length < ring_used(r) && length < LINE &&
	       ring_at(r, r->begin + length) != '\n')
		length++;
	if (length == ring_used(r) && length < LINE && !(all && length))
		return false;
	for (uint32_t i = 0; i < length; i++) {
		c = ring_get(r);
		if (c == '\r' && i + 1 == length)
			continue;
		*line++ = printable(c);
	}
	*line = '\0';
	if (ring_used(r) && ring_at(r, r->begin) == '\n')
		r->begin++;
	return true;
}

static void print_lines(struct vm *vm, bool all)
{
	char line[LINE + 1];

	while (take_line(&vm->console.output, line, all))
		log_vm(&vm->console.log, vm->name, line);
}

void vconsole_flush(struct vm *vm)
{
	spin_lock(&vm->console.lock);
	if (!is_read_by_primary())
		print_lines(vm, true);
	spin_unlock(&vm->console.lock);
}

/* --- output and input --- */

void vconsole_want_room(struct vm *vm)
{
	/* Nobody may have asked for lines to be printed since it was full. */
	if (is_read_by_primary())
		set_news(&vm->console, MUCH_OUTPUT);
	else
		print_lines(vm, false);
}

void vconsole_put(struct vm *vm, char c)
{
	struct vconsole *console = &vm->console;

	if (ring_room(&console->output))
		ring_put(&console->output, c);
	if (ring_used(&console->output) >= URGENT)
		vconsole_want_room(vm);
	else if (is_read_by_primary())
		set_news(console, SOME_OUTPUT);
	else if (c == '\n' || ring_used(&console->output) >= LINE)
		print_lines(vm, false);
}

uint32_t vconsole_read(struct vm *vm, char *to, uint32_t size)
{
	struct vconsole *c = &vm->console;
	uint32_t n = 0;

	spin_lock(&c->lock);
	for (; n < size && ring_used(&c->output); n++)
		to[n] = ring_get(&c->output);
	if (!ring_used(&c->output))
		set_news(c, NO_NEWS);
	if (n)
		arch_console_changed(vm);
	spin_unlock(&c->lock);
	return n;
}

uint32_t vconsole_write(struct vm *vm, const char *from, uint32_t size)
{
	struct vconsole *c = &vm->console;
	uint32_t n = 0;

	spin_lock(&c->lock);
	for (; n < size && ring_room(&c->input); n++)
		ring_put(&c->input, from[n]);
	if (n)
		arch_console_changed(vm);
	spin_unlock(&c->lock);
	return n;
}

/* --- telling the primary --- */

bool vconsole_is_urgent(const struct vm *vm)
{
	return vconsole_news(&vm->console) == MUCH_OUTPUT &&
	       is_read_by_primary();
}

bool vconsole_tell_news(struct vm *vm)
{
	struct vconsole *c = &vm->console;

	return is_read_by_primary() &&
	       __atomic_exchange_n(&c->untold, NO_NEWS, __ATOMIC_RELAXED);
}
