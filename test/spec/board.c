/* SPDX-License-Identifier: BSD-3-Clause */
#include "board.h"

#include <string.h>

#include "hf/abi.h"
#include "fake.h"
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
