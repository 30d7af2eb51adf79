/* SPDX-License-Identifier: BSD-3-Clause */
#include "vdev.h"

#include "arch_internal.h"
#include "mmio.h"
#include "vcpu.h"
#include "vgic.h"
#include "vm.h"

/* Reads as zero: no virtio device has that magic value. */
static const struct mmio_reg empty[] = {{0}};

static const struct mmio_range devices[] = {
	{PL011_BASE, PAGE_SIZE, pl011_regs, NULL, NULL, 0},
	{PL031_BASE, PAGE_SIZE, pl031_regs, NULL, NULL, 0},
	{VIRTIO_BASE, VIRTIO_SIZE, empty, NULL, NULL, 0},
};

bool vdev_access(struct vcpu *vcpu, uint64_t esr)
{
	return mmio_access(vcpu, esr, devices, ARRAY_SIZE(devices)) ||
	       vgic_access(vcpu, esr);
}

uint64_t vdev_exit(const struct vcpu *vcpu)
{
	if (vconsole_is_urgent(vcpu->vm))
		return vcpu_exit(EXIT_CONSOLE, 0);
	return 0;
}
