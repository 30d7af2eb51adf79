/* SPDX-License-Identifier: BSD-3-Clause */
#include "life.h"

#include "hf/abi.h"

/* What a call of HF_VM_START loads. */
#define PIECE UINT64_C(0x40000)

/* Output that is told at once; the longest line that is printed. */
#define MUCH (SPEC_OUTPUT / 4 * 3)
#define LINE 160

/* A VM that was not left out, or NULL. */
static struct spec_vm *loaded_vm(struct spec *s, uint32_t n)
{
	struct spec_vm *vm = n < s->vm_count ? &s->vm[SPEC_SECONDARY(n)] : NULL;

	return vm && vm->vcpu_count ? vm : NULL;
}

/* --- the console --- */

static void take(uint8_t *ring, uint32_t *count, uint32_t n)
{
	*count -= n;
	for (uint32_t i = 0; i < *count; i++)
		ring[i] = ring[i + n];
}

/* Bytes of the first line, its end included; 0: it has not ended. */
static uint32_t first_line(const struct spec_console *c)
{
	uint32_t n = 0;

	while (n < c->outputs && n < LINE && c->output[n] != '\n')
		n++;
	if (n == c->outputs)
		return n == LINE ? n : 0;
	return n + (c->output[n] == '\n');
}

static void print(struct spec_console *c)
{
	uint32_t n;

	while ((n = first_line(c)) != 0)
		take(c->output, &c->outputs, n);
}

static bool primary_reads(const struct spec *s)
{
	return s->options & HF_OPTION_CONSOLE;
}

bool spec_write_output(const struct spec *s, struct spec_life *l,
		       const uint8_t *text, uint32_t size)
{
	struct spec_console *c = &l->console;

	for (uint32_t i = 0; i < size; i++) {
		if (c->outputs < SPEC_OUTPUT)
			c->output[c->outputs++] = text[i];
		if (primary_reads(s))
			c->news = true;
		else if (text[i] == '\n' || c->outputs >= LINE)
			print(c);
	}
	return size && primary_reads(s) && c->outputs >= MUCH;
}

static void put_byte(uint64_t *x, uint32_t n, uint8_t byte)
{
	x[n / 8] |= (uint64_t)byte << 8 * (n % 8);
}

static int64_t console_read(struct spec_life *l, uint64_t x[3])
{
	struct spec_console *c = &l->console;
	uint32_t n = c->outputs < HF_READ_BYTES ? c->outputs : HF_READ_BYTES;

	for (uint32_t i = 0; i < n; i++)
		put_byte(x, i, c->output[i]);
	take(c->output, &c->outputs, n);
	if (!c->outputs)
		c->news = false;
	return n;
}

static int64_t console_write(const struct spec_vm *vm, struct spec_life *l,
			     const uint64_t a[3])
{
	struct spec_console *c = &l->console;
	uint64_t count = a[0] >> HF_WRITE_COUNT_SHIFT, n = 0;

	if (vm->aborted || count > HF_WRITE_BYTES)
		return -1;
	for (; n < count && c->inputs < SPEC_INPUT; n++)
		c->input[c->inputs++] = (uint8_t)(a[1 + n / 8] >> 8 * (n % 8));
	return (int64_t)n;
}

/* --- a life --- */

static int64_t state(const struct spec_vm *vm, const struct spec_life *l)
{
	if (!vm->vcpu_count)
		return HF_VM_LEFT_OUT;
	if (!vm->aborted)
		return HF_VM_RUNNING;
	return (l->starting ? HF_VM_STARTING : HF_VM_STOPPED) |
	       vm->aborted << HF_VM_REASON_SHIFT;
}

/* Its end: the last line of its output ends, too. */
static void end(const struct spec *s, struct spec_life *l)
{
	if (primary_reads(s))
		return;
	print(&l->console);
	l->console.outputs = 0;
}

static bool is_run(const struct spec_vm *vm)
{
	for (uint32_t i = 0; i < vm->vcpu_count; i++)
		if (vm->vcpu[i].state == SPEC_RUNNING)
			return true;
	return false;
}

static int64_t stop(const struct spec *s, struct spec_vm *vm,
		    struct spec_life *l)
{
	l->starting = false;
	if (!vm->aborted)
		vm->aborted = HF_ABORT_STOPPED;
	end(s, l);
	return is_run(vm) ? HF_AGAIN : HF_DONE;
}

/* Nothing of the last life is left but its output. */
static void forget(struct spec *s, uint32_t place)
{
	struct spec_vm *vm = &s->vm[place];

	vm->mailbox = (struct spec_mailbox){0};
	vm->waiter_count = 0;
	for (uint32_t i = 0; i < SPEC_VCPUS; i++)
		vm->waiter[i] = 0;
	for (uint32_t i = 0; i < SPEC_PAGE_BYTES; i++)
		s->page[place][SPEC_SEND][i] = s->page[place][SPEC_RECV][i] = 0;
}

/* Its first step: all memory is as it was at boot. */
static void begin(struct spec_vm *vm, struct spec_life *l)
{
	struct spec_vcpu *first = &vm->vcpu[0];

	l->starting = false;
	l->console.inputs = 0;
	for (uint32_t i = 0; i < SPEC_VCPUS; i++)
		l->later[i] = SPEC_NOTHING;
	vm->aborted = 0;
	*first = (struct spec_vcpu){
		.state = SPEC_READY, .entry = l->entry, .x = {l->argument}};
}

/*
 * One after the other, up to one that a CPU runs: false. As the VM is stopped
 * no other can be run meanwhile.
 */
static bool turn_off(struct spec_vm *vm)
{
	for (uint32_t i = 0; i < vm->vcpu_count; i++) {
		if (vm->vcpu[i].state == SPEC_RUNNING)
			return false;
		vm->vcpu[i].state = SPEC_OFF;
	}
	return true;
}

static int64_t start(struct spec *s, uint32_t place, struct spec_life *l)
{
	struct spec_vm *vm = &s->vm[place];

	if (!vm->aborted)
		return -1;
	if (!l->starting) {
		if (!turn_off(vm))
			return HF_AGAIN;
		forget(s, place);
		l->starting = true;
		l->loaded = 0;
	}
	l->loaded += PIECE;
	if (l->loaded < l->size)
		return HF_AGAIN;
	begin(vm, l);
	return HF_DONE;
}

/* --- the calls --- */

bool spec_is_managing(uint64_t function)
{
	uint32_t fn = (uint32_t)function;

	return fn >= HF_VM_GET_STATE && fn <= HF_LOG_READ;
}

int64_t spec_manage(struct spec *s, struct spec_life *lives, uint64_t function,
		    const uint64_t a[3], uint64_t x[3])
{
	uint32_t n = (uint32_t)a[0];
	struct spec_vm *vm = loaded_vm(s, n);

	x[0] = x[1] = x[2] = 0;
	if ((uint32_t)function == HF_VM_GET_STATE && n < s->vm_count)
		return state(&s->vm[SPEC_SECONDARY(n)], &lives[n]);
	if (!vm)
		return -1;
	switch ((uint32_t)function) {
	case HF_VM_STOP:
		return stop(s, vm, &lives[n]);
	case HF_VM_START:
		return start(s, SPEC_SECONDARY(n), &lives[n]);
	case HF_CONSOLE_READ:
		return console_read(&lives[n], x);
	case HF_CONSOLE_WRITE:
		return console_write(vm, &lives[n], a);
	default:
		return -1;
	}
}

/* --- HF_VCPU_RUN, and what the primary is told first --- */

/* Whether the primary may not run the vCPU for long afterwards. */
static bool comes_before(struct spec_result how)
{
	return how.then == SPEC_WAITS || how.event == SPEC_INTERRUPT ||
	       how.event == SPEC_WFI || how.event == SPEC_TURNS_OFF;
}

/* The primary wants to know of output, and was not told: it is by this. */
static bool tell(const struct spec *s, struct spec_life *l)
{
	if (!primary_reads(s) || !l->console.news)
		return false;
	l->console.news = false;
	return true;
}

/* It is ready, whatever it was about to do; that is done when it is run. */
static int64_t put_off(struct spec_vm *vm, struct spec_life *l, uint32_t vcpu,
		       struct spec_result how)
{
	if (how.then == SPEC_WAITS) {
		vm->waiter[--vm->waiter_count] = 0;
		l->later[vcpu] = SPEC_READS;
	} else if (how.event == SPEC_TURNS_OFF) {
		l->later[vcpu] = SPEC_GOES_OFF;
	}
	vm->vcpu[vcpu].state = SPEC_READY;
	vm->vcpu[vcpu].cpu = 0;
	return HF_VCPU_CONSOLE;
}

int64_t spec_come_back(struct spec *s, struct spec_life *l, uint32_t vm,
		       uint32_t vcpu, struct spec_result how)
{
	if (comes_before(how) && tell(s, l))
		return put_off(&s->vm[SPEC_SECONDARY(vm)], l, vcpu, how);
	if (how.then == SPEC_WAITS)
		return spec_wait_code(s);
	if (how.event == SPEC_ABORT)
		end(s, l);
	return spec_leave(s, vm, vcpu, how.event, how.payload);
}

struct spec_result spec_resume(struct spec *s, struct spec_life *l, uint32_t vm,
			       uint32_t vcpu)
{
	struct spec_result r = {.then = SPEC_LEAVES, .event = SPEC_TURNS_OFF};
	uint32_t later = l->later[vcpu];

	l->later[vcpu] = SPEC_NOTHING;
	if (later == SPEC_READS && primary_reads(s) && l->console.news) {
		/* It is told again before it looks for a message. */
		r.event = SPEC_INTERRUPT;
		l->later[vcpu] = SPEC_READS;
	} else if (later == SPEC_READS) {
		r = spec_secondary(s, vm, vcpu, HF_RPC_READ_REQUEST, 1, 0, 0);
	}
	if (later == SPEC_NOTHING || r.then == SPEC_GOES_ON)
		return (struct spec_result){.then = SPEC_ENTERED};
	r.value = spec_come_back(s, l, vm, vcpu, r);
	r.then = SPEC_GOES_ON;
	return r;
}
