/* SPDX-License-Identifier: BSD-3-Clause */
#include "vdev.h"

#include "arch_internal.h"
#include "mmio.h"

/* Reads as zero: no virtio device has that magic value. */
static const struct mmio_reg empty[] = {{0}};

static const struct mmio_range devices[] = {
	{VIRTIO_BASE, VIRTIO_SIZE, empty, NULL, NULL},
};

bool vdev_access(struct vcpu *vcpu, uint64_t esr)
{
	return mmio_access(vcpu, esr, devices, ARRAY_SIZE(devices));
}
