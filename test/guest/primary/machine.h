/* SPDX-License-Identifier: BSD-3-Clause */
/* What test/run.py tells the test primary of the machine, by bootargs. */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdint.h>

/* RAM of the board in bytes (ram=MIB). */
uint64_t machine_ram(void);

/* Memory of all secondaries together in bytes (hidden=MIB). */
uint64_t machine_hidden_at_least(void);

/* An address of memory that is hidden from the primary. */
uint64_t machine_hidden_address(void);

/* A decimal number of the bootargs, or what it is if it is not there. */
uint64_t machine_number(const char *name, uint64_t otherwise);

#endif
