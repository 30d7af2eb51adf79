/* SPDX-License-Identifier: BSD-3-Clause */
/* The hypervisor's state seen as the specification's, and their comparison. */
#include "spec.h"

#include "cpu.h"
#include "pte.h"
#include "string.h"
#include "vm.h"

/* --- reading the real state --- */

/* States have the same numbers on both sides. */
#define SAME(real, specified) \
	_Static_assert((int)(real) == (int)(specified), #real)
SAME(VCPU_OFF, SPEC_OFF);
SAME(VCPU_READY, SPEC_READY);
SAME(VCPU_RUNNING, SPEC_RUNNING);
SAME(VCPU_WAITING, SPEC_WAITING);
SAME(MAILBOX_IDLE, SPEC_IDLE);
SAME(MAILBOX_PENDING, SPEC_PENDING);
SAME(MAILBOX_INFLIGHT, SPEC_INFLIGHT);
SAME(CPU_OFF, SPEC_CPU_OFF);
SAME(CPU_PENDING, SPEC_CPU_PENDING);
SAME(CPU_ON, SPEC_CPU_ON);

static void view_mailbox(struct spec_mailbox *to, const struct mailbox *m)
{
	to->configured = m->send != NULL;
	to->state = m->state;
	to->size = m->state == MAILBOX_PENDING ? m->size : 0;
	to->send = spec_physical(m->send);
	to->recv = spec_physical(m->recv);
}

static void view_vcpu(struct spec_vcpu *to, const struct vcpu *vcpu)
{
	to->state = vcpu->state;
	to->cpu = to->state == SPEC_RUNNING ? vcpu->cpu->index : 0;
	to->entry = VCPU_PC(vcpu);
	for (unsigned int i = 0; i < SPEC_REGS; i++)
		to->x[i] = vcpu->arch.x[i];
}

/* More waiters than vCPUs is a list that went round in a circle. */
static void view_waiters(struct spec_vm *to, const struct vm *vm)
{
	const struct vcpu *v = vm->waiters;

	memset(to->waiter, 0, sizeof(to->waiter));
	for (to->waiter_count = 0; v && to->waiter_count <= SPEC_VCPUS;
	     v = v->next, to->waiter_count++)
		if (to->waiter_count < SPEC_VCPUS)
			to->waiter[to->waiter_count] = v->index;
}

static void view_vm(struct spec *view, uint32_t place, const struct vm *vm,
		    const struct spec *like)
{
	static const uint8_t zeros[SPEC_PAGE_BYTES];
	const struct mailbox *m = &vm->mailbox;
	struct spec_vm *to = &view->vm[place];

	to->vcpu_count = vm->vcpu_count;
	to->aborted = vm->aborted;
	view_mailbox(&to->mailbox, m);
	view_waiters(to, vm);
	for (uint32_t i = 0; i < SPEC_VCPUS && place != SPEC_PRIMARY; i++)
		if (i < vm->vcpu_count)
			view_vcpu(&to->vcpu[i], &vm->vcpus[i]);
	memcpy(to->range, like->vm[place].range, sizeof(to->range));
	memcpy(view->page[place][SPEC_SEND], m->send ? m->send : zeros,
	       SPEC_PAGE_BYTES);
	memcpy(view->page[place][SPEC_RECV], m->recv ? m->recv : zeros,
	       SPEC_PAGE_BYTES);
}

void spec_view(struct spec *view, const struct spec *like)
{
	view->vm_count = vm_count;
	view->cpu_count = cpu_count;
	view->options = vm_options;
	view_vm(view, SPEC_PRIMARY, &vm_primary, like);
	for (uint32_t i = 0; i < SPEC_VMS; i++)
		view_vm(view, SPEC_SECONDARY(i), &vm_secondary[i], like);
	for (uint32_t i = 0; i < SPEC_CPUS; i++) {
		view->cpu[i].state = cpus[i].state;
		view->cpu[i].entry = cpus[i].entry.ipa;
		view->cpu[i].argument = cpus[i].argument;
	}
}

/* --- comparing: the first difference stays --- */

static void differ(struct spec_difference *d, const char *what,
		   uint64_t specified, uint64_t real)
{
	if (d->what || specified == real)
		return;
	d->what = what;
	d->specified = specified;
	d->real = real;
}

static void compare_page(struct spec_difference *d, const char *what,
			 const uint8_t *s, const uint8_t *r)
{
	if (memcmp(s, r, SPEC_PAGE_BYTES) != 0)
		for (uint32_t i = 0; i < SPEC_PAGE_BYTES; i++)
			differ(d, what, s[i], r[i]);
}

static void compare_vcpu(struct spec_difference *d, const struct spec_vcpu *s,
			 const struct spec_vcpu *r)
{
	static const char *const names[SPEC_REGS] = {"x0", "x1", "x2", "x3"};

	differ(d, "vCPU state", s->state, r->state);
	differ(d, "CPU that runs the vCPU", s->cpu, r->cpu);
	differ(d, "entry of the vCPU", s->entry, r->entry);
	/* The registers of a running vCPU are in the CPU. */
	for (uint32_t i = 0; i < SPEC_REGS && s->state != SPEC_RUNNING; i++)
		differ(d, names[i], s->x[i], r->x[i]);
}

static void compare_vm(struct spec_difference *d, const struct spec_vm *s,
		       const struct spec_vm *r)
{
	const struct spec_mailbox *m = &s->mailbox, *n = &r->mailbox;

	differ(d, "mailbox is configured", m->configured, n->configured);
	differ(d, "mailbox state", m->state, n->state);
	differ(d, "size of the pending message", m->size, n->size);
	differ(d, "send page", m->send, n->send);
	differ(d, "receive page", m->recv, n->recv);
	differ(d, "number of vCPUs", s->vcpu_count, r->vcpu_count);
	differ(d, "reason of the stop", s->aborted, r->aborted);
	differ(d, "number of waiters", s->waiter_count, r->waiter_count);
	for (uint32_t i = 0; i < SPEC_VCPUS; i++)
		differ(d, "order of waiters", s->waiter[i], r->waiter[i]);
	for (uint32_t i = 0; i < SPEC_VCPUS && !d->what; i++) {
		d->vcpu = i;
		compare_vcpu(d, &s->vcpu[i], &r->vcpu[i]);
	}
}

struct spec_difference spec_compare(const struct spec *s, const struct spec *r)
{
	struct spec_difference d = {0};

	differ(&d, "number of VMs", s->vm_count, r->vm_count);
	differ(&d, "number of CPUs", s->cpu_count, r->cpu_count);
	differ(&d, "options", s->options, r->options);
	for (uint32_t i = 0; i < SPEC_CPUS && !d.what; i++) {
		const struct spec_cpu *c = &s->cpu[i], *k = &r->cpu[i];

		d.vcpu = i;
		differ(&d, "state of the CPU", c->state, k->state);
		differ(&d, "entry of the CPU", c->entry, k->entry);
		differ(&d, "argument of the CPU", c->argument, k->argument);
	}
	for (uint32_t i = 0; i <= SPEC_VMS && !d.what; i++) {
		d.vm = i;
		d.vcpu = 0;
		compare_page(&d, "a byte of the send page",
			     s->page[i][SPEC_SEND], r->page[i][SPEC_SEND]);
		compare_page(&d, "a byte of the receive page",
			     s->page[i][SPEC_RECV], r->page[i][SPEC_RECV]);
		compare_vm(&d, &s->vm[i], &r->vm[i]);
	}
	return d;
}

/* --- page tables --- */

struct table_walk {
	const struct spec *s;
	const struct vm *vm;
	struct spec_difference *d; /* d->vm: whose tables */
};

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

static bool within(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a >= b && a_size <= b_size && a - b <= b_size - a_size;
}

/* An entry for [ipa, ipa + size) where the VM has nothing. */
static void check_absent(const struct table_walk *w, uint64_t pte, uint64_t ipa,
			 uint64_t size)
{
	uint64_t owner = PTE_OWNER(pte);

	differ(w->d, "an entry is present", 0, PTE_PRESENT(pte));
	if (w->d->vm != SPEC_PRIMARY)
		return;
	for (uint32_t i = 0; i < w->s->vm_count; i++) {
		const struct spec_range *r = w->s->vm[SPEC_SECONDARY(i)].range;

		if (!overlap(ipa, size, r->pa, r->size))
			continue;
		differ(w->d, "owner of a page", OWNER_VM + i, owner);
		differ(w->d, "an entry is of one owner", 1,
		       within(ipa, size, r->pa, r->size));
		return;
	}
	/* What is the hypervisor's or nobody's matters to no VM. */
	if (owner != OWNER_HYPERVISOR)
		differ(w->d, "owner of a page", OWNER_NOBODY, owner);
}

static void check_leaf(const struct table_walk *w, uint64_t pte, uint64_t ipa,
		       uint64_t size)
{
	const struct spec_vm *vm = &w->s->vm[w->d->vm];
	const struct spec_range *r = vm->range, *end = r + SPEC_RANGES;

	while (r < end && !overlap(ipa, size, r->ipa, r->size))
		r++;
	/* A VM that was stopped, or did not run yet, has no memory. */
	if (r == end || vm->aborted || w->vm->loaded != w->vm->memory_size) {
		check_absent(w, pte, ipa, size);
		return;
	}
	differ(w->d, "an entry is present", 1, PTE_PRESENT(pte));
	differ(w->d, "an entry is of one range", 1,
	       within(ipa, size, r->ipa, r->size));
	differ(w->d, "physical address of a page", r->pa + (ipa - r->ipa),
	       PTE_ADDRESS(pte));
	differ(w->d, "a page is a device", r->device, PTE_DEVICE(pte));
	differ(w->d, "a page may be used", 1,
	       PTE_READ_WRITE(pte) && (r->device || PTE_EXECUTE(pte)));
}

static void walk(const struct table_walk *w, const uint64_t *table,
		 uint64_t entries, unsigned int level, uint64_t ipa)
{
	uint64_t size = UINT64_C(4096) << (9 * (3 - level));

	for (uint64_t i = 0; i < entries && !w->d->what; i++, ipa += size) {
		if (PTE_IS_TABLE(table[i], level))
			walk(w, phys_to_virt(paddr(PTE_ADDRESS(table[i]))), 512,
			     level + 1, ipa);
		else
			check_leaf(w, table[i], ipa, size);
	}
}

struct spec_difference spec_check_tables(const struct spec *s)
{
	struct spec_difference d = {0};
	struct table_walk w = {.s = s, .d = &d};

	for (uint32_t i = 0; i <= s->vm_count && !d.what; i++) {
		const struct ptable *t;

		w.vm = i == SPEC_PRIMARY ? &vm_primary : &vm_secondary[i - 1];
		t = &w.vm->stage2;
		d.vm = i;
		walk(&w, t->root, t->root_pages * UINT64_C(512), t->level, 0);
	}
	return d;
}
