/* SPDX-License-Identifier: BSD-3-Clause */
/* System registers, barriers and device registers, from C. */
#ifndef SYSREG_H
#define SYSREG_H

#include <stdint.h>

#define read_sysreg(name)                                                    \
	({                                                                   \
		uint64_t value_;                                             \
		__asm__ volatile("mrs %0, " #name : "=r"(value_)::"memory"); \
		value_;                                                      \
	})

#define write_sysreg(name, value)                                           \
	do {                                                                \
		uint64_t v_ = (value);                                      \
		__asm__ volatile("msr " #name ", %0" ::"r"(v_) : "memory"); \
	} while (0)

static inline void isb(void)
{
	__asm__ volatile("isb" ::: "memory");
}

static inline void dsb(void)
{
	__asm__ volatile("dsb sy" ::: "memory");
}

static inline void wfi(void)
{
	__asm__ volatile("dsb sy\n\twfi" ::: "memory");
}

/*
 * Device registers. In assembly, as a compiler may choose an instruction with
 * writeback, whose syndrome tells a hypervisor nothing.
 */
static inline uint32_t read32(uintptr_t address)
{
	uint32_t value;

	__asm__ volatile("ldr %w0, [%1]"
			 : "=r"(value)
			 : "r"(address)
			 : "memory");
	return value;
}

static inline void write32(uintptr_t address, uint32_t value)
{
	__asm__ volatile("str %w0, [%1]" ::"rZ"(value), "r"(address)
			 : "memory");
}

static inline uint64_t read64(uintptr_t address)
{
	uint64_t value;

	__asm__ volatile("ldr %x0, [%1]"
			 : "=r"(value)
			 : "r"(address)
			 : "memory");
	return value;
}

static inline void write64(uintptr_t address, uint64_t value)
{
	__asm__ volatile("str %x0, [%1]" ::"rZ"(value), "r"(address)
			 : "memory");
}

#endif
