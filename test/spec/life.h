/* SPDX-License-Identifier: BSD-3-Clause */
/* The specification's part about the life of VMs (docs/abi.md). */
#ifndef LIFE_H
#define LIFE_H

#include "spec.h"

/* HF_VM_GET_STATE: its result. */
int64_t spec_state(const struct spec *s, uint64_t vm);

#endif
