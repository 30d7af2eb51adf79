/* SPDX-License-Identifier: BSD-3-Clause */
/* The hostile secondary's attacks and its mailbox. */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdint.h>
#include "attack.h"
#include "attacks.h"

/* mailbox_is_table() uses the receive page as a table of stage-1 level 2. */
extern uint8_t hostile_send[PAGE];
extern uint64_t hostile_recv[PAGE / 8];

#define DECLARE(name, how, hazard, tries, must) void name(void);
FOR_SECONDARY_ATTACKS(DECLARE)
#undef DECLARE

#endif
