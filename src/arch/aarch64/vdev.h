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

#include "fdt.h"
#include "mmio.h"

struct vcpu;

/* A PL011 UART and a PL031 real-time clock, of a page each (pl011.c). */
#define PL011_BASE 0x09000000
#define PL011_SPI 1
#define PL031_BASE 0x09010000
#define PL031_SPI 2

extern const struct mmio_reg pl011_regs[], pl031_regs[];

/* Adds the nodes of both to a secondary's tree. */
void pl011_tree(struct fdt_writer *w);

/* Slots for virtio over MMIO, of 0x200 bytes: none of them has a device. */
#define VIRTIO_BASE 0x0a000000
#define VIRTIO_SIZE (32 * 0x200)

/*
 * Emulates the access of a secondary that trapped with `esr`, a data abort.
 * False, with nothing done, if it is not one to a device that the VM has, or
 * can not be emulated (mmio_access()).
 */
bool vdev_access(struct vcpu *vcpu, uint64_t esr);

/* Whether the vCPU leaves after such an access: a vcpu_exit(), or 0. */
uint64_t vdev_exit(const struct vcpu *vcpu);

#endif
