/* SPDX-License-Identifier: BSD-3-Clause */
/* Device registers: one access each, in program order. */
#ifndef IO_H
#define IO_H

#include <stdbool.h>
#include <stdint.h>

static inline uint32_t mmio_read32(const volatile void *base, uint32_t offset)
{
	const volatile char *at = (const volatile char *)base + offset;

	return *(const volatile uint32_t *)(const volatile void *)at;
}

static inline uint64_t mmio_read64(const volatile void *base, uint32_t offset)
{
	const volatile char *at = (const volatile char *)base + offset;

	return *(const volatile uint64_t *)(const volatile void *)at;
}

static inline void mmio_write32(volatile void *base, uint32_t offset,
				uint32_t value)
{
	volatile char *at = (volatile char *)base + offset;

	*(volatile uint32_t *)(volatile void *)at = value;
}

static inline void mmio_write64(volatile void *base, uint32_t offset,
				uint64_t value)
{
	volatile char *at = (volatile char *)base + offset;

	*(volatile uint64_t *)(volatile void *)at = value;
}

/* Waits until bits of a register are as wanted. False if that takes too long.*/
bool mmio_wait(const volatile void *base, uint32_t offset, uint32_t mask,
	       uint32_t wanted);

#endif
