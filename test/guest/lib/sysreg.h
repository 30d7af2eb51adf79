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

static inline uint32_t read32(uintptr_t address)
{
	return *(volatile uint32_t *)address;
}

static inline void write32(uintptr_t address, uint32_t value)
{
	*(volatile uint32_t *)address = value;
}

static inline uint64_t read64(uintptr_t address)
{
	return *(volatile uint64_t *)address;
}

static inline void write64(uintptr_t address, uint64_t value)
{
	*(volatile uint64_t *)address = value;
}

#endif
