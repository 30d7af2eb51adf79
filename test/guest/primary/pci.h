/* SPDX-License-Identifier: BSD-3-Clause */
/* PCI devices of QEMU that write memory: "edu", and virtio's "rng". */
#ifndef PCI_H
#define PCI_H

#include <stdbool.h>
#include <stdint.h>

/* Where the device tree says that PCI configuration space is; 0: no PCI. */
uint64_t pci_ecam(void);

/* Finds the devices and gives them addresses. Fails the case if one lacks. */
bool pci_init(void);

/* QEMU 7.2 refuses the last byte of the buffer. */
#define EDU_BUFFER_SIZE 2048

/* Copies memory into the edu device's buffer, or the buffer to memory. */
void edu_load(uint64_t address, uint64_t size);
void edu_store(uint64_t address, uint64_t size);

/*
 * Has the rng device write `size` random bytes, by way of a queue in this
 * guest's memory. False if it did not say that it did.
 */
bool rng_store(uint64_t address, uint32_t size);

/* Has it write some to this guest, and note that in a ring at `ring`. */
void rng_use_ring(uint64_t ring);

#endif
