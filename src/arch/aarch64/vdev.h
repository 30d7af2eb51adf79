/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The devices of a secondary VM: a subset of those of QEMU's `virt` machine, at
 * the same addresses and with the same interrupts, so that what was made for
 * that machine runs. No secondary's memory lies below HF_SECONDARY_RAM_BASE,
 * where they all are.
 */
#ifndef VDEV_H
#define VDEV_H

#include <stdbool.h>
#include <stdint.h>

struct vcpu;

/* Slots for virtio over MMIO, of 0x200 bytes: none of them has a device. */
#define VIRTIO_BASE 0x0a000000
#define VIRTIO_SIZE (32 * 0x200)

/*
 * Emulates the access of a secondary that trapped with `esr`, a data abort.
 * False, with nothing done, if it is not one to a device that the VM has, or
 * can not be emulated (mmio_access()).
 */
bool vdev_access(struct vcpu *vcpu, uint64_t esr);

#endif
