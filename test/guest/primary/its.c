/* SPDX-License-Identifier: BSD-3-Clause */
#include "its.h"

#include <stddef.h>
#include "dt.h"
#include "gic.h"
#include "smp.h"
#include "string.h"
#include "sysreg.h"
#include "timer.h"

#define BLOCK 0x10000
#define PATIENCE_NS UINT64_C(5000000000)

/* Inner shareable, write-back */
#define CACHED (UINT64_C(1) << 10 | UINT64_C(7) << 7)
#define QUEUE_CACHED (UINT64_C(1) << 10 | UINT64_C(7) << 59)

uintptr_t its;

static uint64_t queue; /* address */
static uint64_t writer;

static const uint32_t *find_node(void)
{
	const uint32_t *gic = dt_child(dt_node("/"));
	const uint32_t *node;

	for (; gic; gic = dt_sibling(gic)) {
		if (!dt_compatible(gic, "arm,gic-v3"))
			continue;
		for (node = dt_child(gic); node; node = dt_sibling(node))
			if (dt_compatible(node, "arm,gic-v3-its"))
				return node;
	}
	return NULL;
}

bool its_find(void)
{
	const uint32_t *node = its ? NULL : find_node();
	uint64_t base;

	if (node && dt_reg(node, 0, &base, NULL))
		its = base;
	return its != 0;
}

uintptr_t its_memory(unsigned int n)
{
	uint64_t base = 0;
	uint64_t size = 0;

	dt_memory(&base, &size);
	return ((base + size / 2) & ~(uint64_t)(BLOCK - 1)) +
	       (uint64_t)n * BLOCK;
}

bool lpi_enable(void)
{
	uintptr_t r = gic_redistributor();
	uintptr_t pending = its_memory(BLOCK_PENDING + cpu_index());

	memset((void *)pending, 0, BLOCK);
	dsb();
	write64(r + GICR_PROPBASER,
		its_memory(BLOCK_CONFIGURATION) | CACHED | LPI_ID_BITS);
	write64(r + GICR_PENDBASER, pending | CACHED);
	write32(r + GICR_CTLR, read32(r + GICR_CTLR) | GICR_ENABLE_LPIS);
	dsb();
	return read32(r + GICR_CTLR) & GICR_ENABLE_LPIS;
}

void lpi_disable(void)
{
	uintptr_t r = gic_redistributor();

	write32(r + GICR_CTLR, read32(r + GICR_CTLR) & ~GICR_ENABLE_LPIS);
	dsb();
}

uint64_t lpi_target(void)
{
	uintptr_t r = gic_redistributor();

	if (read64(its + GITS_TYPER) >> 19 & 1)
		return r;
	return (read64(r + GICR_TYPER) >> 8 & 0xffff) << 16;
}

void its_start(uint64_t at)
{
	/* Every LPI is enabled, of one priority. */
	memset((void *)its_memory(BLOCK_CONFIGURATION), 0xa1,
	       LPI_CONFIGURATION_SIZE);
	dsb();
	write32(its + GITS_CTLR, 0);
	while (!(read32(its + GITS_CTLR) & GITS_QUIESCENT))
		;
	queue = at;
	writer = 0;
	write64(its + GITS_CBASER, GITS_VALID | QUEUE_CACHED | queue |
					   (ITS_QUEUE_SIZE / 4096 - 1));
	write64(its + GITS_CWRITER, 0);
	write32(its + GITS_CTLR, GITS_ENABLED);
}

void its_start_good(void)
{
	memset((void *)its_memory(BLOCK_QUEUE), 0xff, ITS_QUEUE_SIZE);
	its_start(its_memory(BLOCK_QUEUE));
}

void its_put(uint64_t d0, uint64_t d1, uint64_t d2, uint64_t d3)
{
	uintptr_t to = queue + writer;

	write64(to, d0);
	write64(to + 8, d1);
	write64(to + 16, d2);
	write64(to + 24, d3);
	writer = (writer + ITS_COMMAND_SIZE) % ITS_QUEUE_SIZE;
}

bool its_go(void)
{
	uint64_t end = timer_now_ns() + PATIENCE_NS;

	dsb();
	write64(its + GITS_CWRITER, writer);
	while (read64(its + GITS_CREADR) != writer)
		if (timer_now_ns() > end || (read64(its + GITS_CREADR) & 1))
			return false;
	return true;
}

bool its_command(uint64_t d0, uint64_t d1, uint64_t d2, uint64_t d3)
{
	its_put(d0, d1, d2, d3);
	return its_go();
}

bool its_mapd(uint32_t device, uint64_t itt, unsigned int event_bits)
{
	return its_command((uint64_t)device << 32 | CMD_MAPD, event_bits - 1,
			   GITS_VALID | itt, 0);
}

bool its_mapc(unsigned int collection, uint64_t target)
{
	return its_command(CMD_MAPC, 0, GITS_VALID | target | collection, 0);
}

bool its_mapti(uint32_t device, uint32_t event, uint32_t intid,
	       unsigned int collection)
{
	return its_command((uint64_t)device << 32 | CMD_MAPTI,
			   (uint64_t)intid << 32 | event, collection, 0);
}

bool its_int(uint32_t device, uint32_t event)
{
	return its_command((uint64_t)device << 32 | CMD_INT, event, 0, 0);
}
