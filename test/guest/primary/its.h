/* SPDX-License-Identifier: BSD-3-Clause */
/* A driver for LPIs and the ITS, as a primary has one, for suite `lpi`. */
#ifndef ITS_H
#define ITS_H

#include <stdbool.h>
#include <stdint.h>

/* RD_base of a redistributor */
#define GICR_CTLR 0x00
#define GICR_IIDR 0x04
#define GICR_TYPER 0x08
#define GICR_WAKER 0x14
#define GICR_PROPBASER 0x70
#define GICR_PENDBASER 0x78
#define GICR_ENABLE_LPIS 1u
/* The same place in VLPI_base */
#define GICR_VLPI_FRAME 0x20000

#define GITS_CTLR 0x000
#define GITS_TYPER 0x008
#define GITS_CBASER 0x080
#define GITS_CWRITER 0x088
#define GITS_CREADR 0x090
#define GITS_BASER 0x100
#define GITS_PIDR2 0xffe8
#define GITS_TRANSLATER 0x10040
#define GITS_ENABLED 1u
#define GITS_QUIESCENT (1u << 31)
#define GITS_VALID (UINT64_C(1) << 63)

/* Of INTIDs with 14 bits: 8 KiB and 2 KiB of tables. */
#define LPI_ID_BITS 13
#define LPI_CONFIGURATION_SIZE 8192

#define ITS_QUEUE_SIZE 0x10000
#define ITS_COMMAND_SIZE 32

enum {
	CMD_MOVI = 0x01,
	CMD_INT = 0x03,
	CMD_CLEAR = 0x04,
	CMD_SYNC = 0x05,
	CMD_MAPD = 0x08,
	CMD_MAPC = 0x09,
	CMD_MAPTI = 0x0a,
	CMD_MAPI = 0x0b,
	CMD_INV = 0x0c,
	CMD_INVALL = 0x0d,
	CMD_MOVALL = 0x0e,
	CMD_DISCARD = 0x0f,
};

/* True if there is an ITS; finds it the first time. */
bool its_find(void);

/* Its registers. */
extern uintptr_t its;

/* Block `n` of 64 KiB, of memory that nothing else uses. */
uintptr_t its_memory(unsigned int n);

/* Which of them are used for what. */
enum {
	BLOCK_CONFIGURATION,
	BLOCK_QUEUE,
	BLOCK_ITT,
	BLOCK_SPARE,
	BLOCK_PENDING, /* one for each CPU */
};

/* Enables LPIs on this CPU, with good tables; false if they stay off. */
bool lpi_enable(void);

/* Disables them again. */
void lpi_disable(void);

/* Turns the ITS on with an empty queue at `queue`, which it may refuse. */
void its_start(uint64_t queue);

/* The queue of its_start(), a good one, with commands of nobody in it. */
void its_start_good(void);

/* Writes a command into the queue, without telling the ITS. */
void its_put(uint64_t d0, uint64_t d1, uint64_t d2, uint64_t d3);

/* Tells it, and waits until all is done; false if it does not get done. */
bool its_go(void);

/* One command, done. */
bool its_command(uint64_t d0, uint64_t d1, uint64_t d2, uint64_t d3);

/* The commands that tests use most. `target` as lpi_target() has it. */
bool its_mapd(uint32_t device, uint64_t itt, unsigned int event_bits);
bool its_mapc(unsigned int collection, uint64_t target);
bool its_mapti(uint32_t device, uint32_t event, uint32_t intid,
	       unsigned int collection);
bool its_int(uint32_t device, uint32_t event);

/* The RDbase field for this CPU. */
uint64_t lpi_target(void);

#endif
