/* SPDX-License-Identifier: BSD-3-Clause */
#include "console.h"
#include "dt.h"
#include "machine.h"

#define ABSENT UINT64_MAX

uint64_t machine_number(const char *name, uint64_t otherwise)
{
	char text[24];
	uint64_t v = 0;
	const char *s;

	if (!dt_bootarg(name, text, sizeof(text)))
		return otherwise;
	for (s = text; *s >= '0' && *s <= '9'; s++)
		v = v * 10 + (uint64_t)(*s - '0');
	return v;
}

static uint64_t mib(const char *name)
{
	uint64_t v = machine_number(name, ABSENT);

	if (v == ABSENT)
		panic("no %s= in the bootargs", name);
	return v << 20;
}

uint64_t machine_ram(void)
{
	return mib("ram");
}

uint64_t machine_hidden_at_least(void)
{
	return mib("hidden");
}

uint64_t machine_hidden_address(void)
{
	uint64_t base = 0;
	uint64_t size = 0;

	dt_memory(&base, &size);
	return base + machine_ram() - 4096;
}
