/* SPDX-License-Identifier: BSD-3-Clause */
/* The hypervisor's state seen as the specification's, and their comparison. */
#include "spec.h"

#include "cpu.h"
#include "pte.h"
#include "string.h"
#include "vcpu.h"
#include "vm.h"

/* --- reading the real state --- */

static void view_page(uint8_t *to, const void *page)
{
	if (page)
		memcpy(to, page, SPEC_PAGE_BYTES);
	else
		memset(to, 0, SPEC_PAGE_BYTES);
}

static void view_mailbox(struct spec_mailbox *to, const struct mailbox *m)
{
	to->configured = m->send != NULL;
	to->state = m->state == MAILBOX_IDLE	  ? SPEC_IDLE
		    : m->state == MAILBOX_PENDING ? SPEC_PENDING
						  : SPEC_INFLIGHT;
	to->size = m->state == MAILBOX_PENDING ? m->size : 0;
	/* Where it runs on a host, a page is at its physical address. */
	to->send = (uint64_t)(uintptr_t)m->send;
	to->recv = (uint64_t)(uintptr_t)m->recv;
}

static enum spec_vcpu_state view_state(uint32_t state)
{
	switch ((enum vcpu_state)state) {
	case VCPU_OFF:
		return SPEC_OFF;
	case VCPU_READY:
		return SPEC_READY;
	case VCPU_RUNNING:
		return SPEC_RUNNING;
	default:
		return SPEC_WAITING;
	}
}

static void view_vcpu(struct spec_vcpu *to, const struct vcpu *vcpu)
{
	to->state = view_state(vcpu->state);
	to->cpu = to->state == SPEC_RUNNING ? vcpu->cpu->index : 0;
	to->entry = vcpu->arch.entry;
	for (unsigned int i = 0; i < SPEC_REGS; i++)
		to->x[i] = vcpu->arch.x[i];
}

/* More waiters than vCPUs is a list that went round in a circle. */
static void view_waiters(struct spec_vm *to, const struct vm *vm)
{
	to->waiter_count = 0;
	for (const struct vcpu *v = vm->waiters;
	     v && to->waiter_count <= SPEC_VCPUS; v = v->next) {
		if (to->waiter_count < SPEC_VCPUS)
			to->waiter[to->waiter_count] = v->index;
		to->waiter_count++;
	}
	for (uint32_t i = to->waiter_count; i < SPEC_VCPUS; i++)
		to->waiter[i] = 0;
}

static void view_vm(struct spec *view, uint32_t place, const struct vm *vm,
		    const struct spec_vm *like)
{
	struct spec_vm *to = &view->vm[place];

	to->vcpu_count = vm->vcpu_count;
	to->aborted = vm->aborted;
	view_mailbox(&to->mailbox, &vm->mailbox);
	view_waiters(to, vm);
	for (uint32_t i = 0; i < SPEC_VCPUS && place != SPEC_PRIMARY; i++)
		if (i < vm->vcpu_count)
			view_vcpu(&to->vcpu[i], &vm->vcpus[i]);
		else
			to->vcpu[i] = (struct spec_vcpu){0};
	for (uint32_t i = 0; i < SPEC_RANGES; i++)
		to->range[i] = like->range[i];
	view_page(view->page[place][SPEC_SEND], vm->mailbox.send);
	view_page(view->page[place][SPEC_RECV], vm->mailbox.recv);
}

static void view_cpu(struct spec_cpu *to, const struct cpu *cpu)
{
	to->state = cpu->state == CPU_ON	? SPEC_CPU_ON
		    : cpu->state == CPU_PENDING ? SPEC_CPU_PENDING
						: SPEC_CPU_OFF;
	to->entry = cpu->entry.ipa;
	to->argument = cpu->argument;
}

void spec_view(struct spec *view, const struct spec *like)
{
	view->vm_count = vm_count;
	view->cpu_count = cpu_count;
	view->options = vm_options;
	view_vm(view, SPEC_PRIMARY, &vm_primary, &like->vm[SPEC_PRIMARY]);
	for (uint32_t i = 0; i < SPEC_VMS; i++)
		view_vm(view, SPEC_SECONDARY(i), &vm_secondary[i],
			&like->vm[SPEC_SECONDARY(i)]);
	for (uint32_t i = 0; i < SPEC_CPUS; i++)
		view_cpu(&view->cpu[i], &cpus[i]);
}

/* --- comparing --- */

#define DIFFER(name, s, r)                                  \
	do {                                                \
		if ((s) != (r))                             \
			return (struct spec_difference){    \
				.what = (name),             \
				.specified = (uint64_t)(s), \
				.real = (uint64_t)(r),      \
			};                                  \
	} while (0)

#define SAME ((struct spec_difference){0})

static struct spec_difference compare_mailbox(const struct spec_mailbox *s,
					      const struct spec_mailbox *r)
{
	DIFFER("mailbox is configured", s->configured, r->configured);
	DIFFER("mailbox state", s->state, r->state);
	DIFFER("size of the pending message", s->size, r->size);
	DIFFER("send page", s->send, r->send);
	DIFFER("receive page", s->recv, r->recv);
	return SAME;
}

static struct spec_difference compare_vcpu(const struct spec_vcpu *s,
					   const struct spec_vcpu *r)
{
	DIFFER("vCPU state", s->state, r->state);
	DIFFER("CPU that runs the vCPU", s->cpu, r->cpu);
	DIFFER("entry of the vCPU", s->entry, r->entry);
	/* The registers of a running vCPU are in the CPU. */
	if (s->state == SPEC_RUNNING)
		return SAME;
	DIFFER("x0", s->x[0], r->x[0]);
	DIFFER("x1", s->x[1], r->x[1]);
	DIFFER("x2", s->x[2], r->x[2]);
	DIFFER("x3", s->x[3], r->x[3]);
	return SAME;
}

static struct spec_difference compare_vm(const struct spec_vm *s,
					 const struct spec_vm *r)
{
	struct spec_difference d = compare_mailbox(&s->mailbox, &r->mailbox);

	if (d.what)
		return d;
	DIFFER("number of vCPUs", s->vcpu_count, r->vcpu_count);
	DIFFER("reason of the stop", s->aborted, r->aborted);
	DIFFER("number of waiters", s->waiter_count, r->waiter_count);
	for (uint32_t i = 0; i < SPEC_VCPUS; i++)
		DIFFER("order of waiters", s->waiter[i], r->waiter[i]);
	for (uint32_t i = 0; i < SPEC_VCPUS; i++) {
		d = compare_vcpu(&s->vcpu[i], &r->vcpu[i]);
		d.vcpu = i;
		if (d.what)
			return d;
	}
	return SAME;
}

static struct spec_difference compare_cpu(const struct spec_cpu *s,
					  const struct spec_cpu *r)
{
	DIFFER("state of the CPU", s->state, r->state);
	DIFFER("entry of the CPU", s->entry, r->entry);
	DIFFER("argument of the CPU", s->argument, r->argument);
	return SAME;
}

static struct spec_difference compare_page(const uint8_t *s, const uint8_t *r,
					   const char *name)
{
	if (memcmp(s, r, SPEC_PAGE_BYTES) == 0)
		return SAME;
	for (uint32_t i = 0; i < SPEC_PAGE_BYTES; i++)
		DIFFER(name, s[i], r[i]);
	return SAME;
}

static struct spec_difference compare_place(const struct spec *s,
					    const struct spec *r, uint32_t i)
{
	struct spec_difference d = compare_vm(&s->vm[i], &r->vm[i]);

	if (!d.what)
		d = compare_page(s->page[i][SPEC_SEND], r->page[i][SPEC_SEND],
				 "a byte of the send page");
	if (!d.what)
		d = compare_page(s->page[i][SPEC_RECV], r->page[i][SPEC_RECV],
				 "a byte of the receive page");
	d.vm = i;
	return d;
}

struct spec_difference spec_compare(const struct spec *s, const struct spec *r)
{
	struct spec_difference d = SAME;

	DIFFER("number of VMs", s->vm_count, r->vm_count);
	DIFFER("number of CPUs", s->cpu_count, r->cpu_count);
	DIFFER("options", s->options, r->options);
	for (uint32_t i = 0; i <= SPEC_VMS && !d.what; i++)
		d = compare_place(s, r, i);
	for (uint32_t i = 0; i < SPEC_CPUS && !d.what; i++) {
		d = compare_cpu(&s->cpu[i], &r->cpu[i]);
		d.vcpu = i;
	}
	return d;
}

/* --- page tables --- */

struct table_walk {
	const struct spec *s;
	uint32_t place; /* of the VM */
};

static const struct spec_range *find_range(const struct spec_vm *vm,
					   uint64_t ipa)
{
	for (unsigned int i = 0; i < SPEC_RANGES; i++)
		if (ipa >= vm->range[i].ipa &&
		    ipa - vm->range[i].ipa < vm->range[i].size)
			return &vm->range[i];
	return NULL;
}

/* Whose page this is of those that the primary does not have. */
static uint64_t hidden_owner(const struct spec *s, uint64_t pa)
{
	for (uint32_t i = 0; i < s->vm_count; i++) {
		const struct spec_range *r = s->vm[SPEC_SECONDARY(i)].range;

		if (pa >= r->pa && pa - r->pa < r->size)
			return OWNER_VM + i;
	}
	return OWNER_NOBODY;
}

/* An entry for [ipa, ipa + size) where the VM has nothing. */
static struct spec_difference check_absent(const struct table_walk *w,
					   uint64_t pte, uint64_t ipa)
{
	uint64_t owner = pte >> PTE_OWNER_SHIFT;

	DIFFER("an entry is present", 0, pte_present(pte));
	if (w->place != SPEC_PRIMARY)
		return SAME;
	/* What is the hypervisor's or nobody's matters to no VM. */
	if (owner == OWNER_HYPERVISOR)
		owner = OWNER_NOBODY;
	DIFFER("owner of a page", hidden_owner(w->s, ipa), owner);
	return SAME;
}

static struct spec_difference check_leaf(const struct table_walk *w,
					 uint64_t pte, uint64_t ipa,
					 uint64_t size)
{
	const struct spec_vm *vm = &w->s->vm[w->place];
	const struct spec_range *r = find_range(vm, ipa);

	/* The memory of a VM that was stopped is gone from it. */
	if (!r || vm->aborted)
		return check_absent(w, pte, ipa);
	DIFFER("an entry is present", 1, pte_present(pte));
	DIFFER("physical address of a page", r->pa + (ipa - r->ipa),
	       pte_address(pte));
	DIFFER("a page is a device", r->device, pte_is_device(pte));
	DIFFER("a page may be used", 1,
	       r->device ? pte_is_read_write(pte) : pte_allows_all(pte));
	if (size > r->size - (ipa - r->ipa))
		DIFFER("end of an entry", r->ipa + r->size, ipa + size);
	return SAME;
}

static struct spec_difference walk(const struct table_walk *w,
				   const uint64_t *table, uint64_t entries,
				   unsigned int level, uint64_t ipa)
{
	uint64_t size = UINT64_C(4096) << (9 * (3 - level));
	struct spec_difference d = SAME;

	for (uint64_t i = 0; i < entries && !d.what; i++, ipa += size) {
		if (pte_is_table(table[i], level))
			d = walk(w, phys_to_virt(paddr(pte_address(table[i]))),
				 512, level + 1, ipa);
		else
			d = check_leaf(w, table[i], ipa, size);
	}
	return d;
}

struct spec_difference spec_check_tables(const struct spec *s)
{
	struct spec_difference d = SAME;

	for (uint32_t i = 0; i <= s->vm_count && !d.what; i++) {
		struct table_walk w = {s, i};
		const struct ptable *t = i == SPEC_PRIMARY
						 ? &vm_primary.stage2
						 : &vm_secondary[i - 1].stage2;

		d = walk(&w, t->root, t->root_pages * UINT64_C(512), t->level,
			 0);
		d.vm = i;
	}
	return d;
}
