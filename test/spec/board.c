/* SPDX-License-Identifier: BSD-3-Clause */
#include "board.h"

#include <string.h>

#include "hf/abi.h"
#include "fake.h"
#include "log.h"
#include "pte.h"

static void give_memory(struct spec_vm *primary, struct spec_vm *vm, uint32_t i)
{
	vm->range[0] = (struct spec_range){
		.ipa = HF_SECONDARY_RAM_BASE,
		.pa = FAKE_VM_BASE + i * FAKE_VM_SIZE,
		.size = FAKE_VM_SIZE,
	};
	primary->range[0] = (struct spec_range){
		.ipa = FAKE_PRIMARY_BASE,
		.pa = FAKE_PRIMARY_BASE,
		.size = FAKE_PRIMARY_SIZE,
	};
	primary->range[1] = (struct spec_range){
		.ipa = FAKE_DEVICE,
		.pa = FAKE_DEVICE,
		.size = PAGE_SIZE,
		.device = true,
	};
}

void board_start(struct spec *s, uint32_t cpus, uint32_t vms, uint32_t vcpus)
{
	fake_reset();
	fake_start(cpus, vms, vcpus);
	memset(s, 0, sizeof(*s));
	s->cpu_count = cpus;
	s->vm_count = vms;
	s->vm[SPEC_PRIMARY].vcpu_count = cpus;
	for (uint32_t i = 0; i < cpus; i++)
		s->cpu[i].state = SPEC_CPU_ON;
	for (uint32_t i = 0; i < vms; i++) {
		struct spec_vm *vm = &s->vm[SPEC_SECONDARY(i)];

		vm->vcpu_count = vcpus;
		vm->vcpu[0].state = SPEC_READY;
		vm->vcpu[0].entry = HF_SECONDARY_RAM_BASE;
		give_memory(&s->vm[SPEC_PRIMARY], vm, i);
	}
}

/* A byte of a file: the same in all of it, as there is much. */
static uint8_t file_byte(uint32_t vm, unsigned int part)
{
	return (uint8_t)(1 + vm * PART_COUNT + part);
}

void board_start_lives(const struct spec *s, struct spec_life *lives)
{
	log_init();
	memset(lives, 0, s->vm_count * sizeof(*lives));
	for (uint32_t i = 0; i < s->vm_count; i++) {
		const struct vm_part *parts = vm_secondary[i].parts;

		lives[i].size = FAKE_VM_SIZE;
		lives[i].entry = parts[PART_KERNEL].at.ipa;
		lives[i].argument = parts[PART_TREE].at.ipa;
		for (unsigned int p = 0; p < PART_COUNT; p++)
			memset(fake_part(&vm_secondary[i], p), file_byte(i, p),
			       parts[p].size);
	}
}

void board_fresh_page(uint32_t vm, uint64_t offset, uint8_t *page)
{
	const struct vm_part *parts = vm_secondary[vm].parts;
	uint64_t ipa = HF_SECONDARY_RAM_BASE + offset;

	memset(page, 0, PAGE_SIZE);
	for (unsigned int p = 0; p < PART_COUNT; p++)
		for (uint64_t n = 0; n < PAGE_SIZE; n++)
			if (ipa + n - parts[p].at.ipa < parts[p].size)
				page[n] = file_byte(vm, p);
}

uint64_t board_vcpu_on(uint32_t vm, uint32_t target, uint64_t entry,
		       uint64_t argument)
{
	struct vcpu *t = &vm_secondary[vm].vcpus[target];
	bool done = vcpu_turn_on(t, ipaddr(entry), argument) == TURNED_ON;

	for (unsigned int i = 1; i < FAKE_REGS; i++)
		*fake_x(i) = 0;
	*fake_x(0) =
		(uint64_t)(done ? SPEC_PSCI_SUCCESS : SPEC_PSCI_ALREADY_ON);
	return done ? vcpu_exit(EXIT_WAKE, target) : 0;
}

int64_t board_cpu_on(uint32_t cpu, uint64_t entry, uint64_t argument)
{
	switch (cpu_turn_on(&cpus[cpu], ipaddr(entry), argument)) {
	case CPU_ON_SUCCESS:
		return SPEC_PSCI_SUCCESS;
	case CPU_ON_PENDING:
		return SPEC_PSCI_ON_PENDING;
	case CPU_ON_FAILURE:
		return SPEC_PSCI_INTERNAL_FAILURE;
	default:
		return SPEC_PSCI_ALREADY_ON;
	}
}

uint64_t board_exit(enum spec_event event, uint64_t payload)
{
	switch (event) {
	case SPEC_WFI:
		return vcpu_exit(EXIT_WFI, payload);
	case SPEC_TURNS_OFF:
		return vcpu_exit(EXIT_OFF, 0);
	case SPEC_ABORT:
		return vcpu_exit(EXIT_ABORT, payload);
	default:
		return vcpu_exit(EXIT_INTERRUPT, 0);
	}
}

uint64_t spec_physical(const void *page)
{
	return (uint64_t)(uintptr_t)page;
}
