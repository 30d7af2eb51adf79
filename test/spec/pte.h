/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the specification reads of an architecture: stage-2 entries (in the
 * hypervisor image those of DDI 0487, D8.3; on the host those of the fake
 * architecture), where a vCPU goes on, physical addresses.
 */
#ifndef SPEC_PTE_H
#define SPEC_PTE_H

#include <stdbool.h>
#include <stdint.h>

#define PTE_PRESENT(pte) ((pte)&1)
#define PTE_IS_TABLE(pte, level) (((pte)&3) == 3 && (level) != 3)
#define PTE_ADDRESS(pte) ((pte)&UINT64_C(0x0000fffffffff000))

#if __STDC_HOSTED__

#define PTE_OWNER(pte) ((pte) >> 5)
#define PTE_READ_WRITE(pte) (((pte) >> 4 & 3) == 3)
#define PTE_EXECUTE(pte) ((pte) >> 6 & 1)
#define PTE_DEVICE(pte) ((pte) >> 7 & 1)

/* Where a vCPU that is not running goes on; the fake one never moves. */
#define VCPU_PC(vcpu) ((vcpu)->arch.entry)

#else

#define PTE_OWNER(pte) ((pte) >> 8)
#define PTE_READ_WRITE(pte) (((pte) >> 6 & 3) == 3)
/* At EL1 and EL0: XN[1:0] is 0. */
#define PTE_EXECUTE(pte) (((pte) >> 53 & 3) == 0)
/* MemAttr other than normal, write-back in both. */
#define PTE_DEVICE(pte) (((pte) >> 2 & 0xf) != 0xf)

#define VCPU_PC(vcpu) ((vcpu)->arch.pc)

#endif

/* Where a mapped page lies, 0 for none. In target.c; in board.c on the host. */
uint64_t spec_physical(const void *page);

#endif
