/* SPDX-License-Identifier: BSD-3-Clause */
#include "regs.h"

#include "spinlock.h"

#define MAX_REGS 160
#define MAX_NOTES 512

static struct {
	const char *name;
	uint64_t value;
	unsigned int reads;
	bool fixed;
} regs[MAX_REGS];

static struct {
	const char *what;
	uint64_t value;
} notes[MAX_NOTES];

static unsigned int reg_count;
static unsigned int note_count;

/* Names are literals, but one name may be several of them. */
static unsigned int find(const char *name)
{
	unsigned int i;

	for (i = 0; i < reg_count; i++)
		if (strcmp(regs[i].name, name) == 0)
			return i;
	if (reg_count == MAX_REGS) {
		printf("not ok regs: too many registers\n");
		exit(1);
	}
	regs[reg_count].name = name;
	regs[reg_count].value = 0;
	regs[reg_count].reads = 0;
	return reg_count++;
}

uint64_t regs_read(const char *name)
{
	unsigned int i = find(name);

	regs[i].reads++;
	return regs[i].value;
}

void regs_set(const char *name, uint64_t value)
{
	regs[find(name)].value = value;
}

void regs_write(const char *name, uint64_t value)
{
	if (!regs[find(name)].fixed)
		regs_set(name, value);
	regs_note(name, value);
}

void regs_note(const char *what, uint64_t value)
{
	if (note_count == MAX_NOTES) {
		printf("not ok regs: too many notes\n");
		exit(1);
	}
	notes[note_count].what = what;
	notes[note_count++].value = value;
}

void regs_fix(const char *name, bool fixed)
{
	regs[find(name)].fixed = fixed;
}

void regs_forget_notes(void)
{
	note_count = 0;
}

void regs_reset(void)
{
	reg_count = 0;
	note_count = 0;
}

unsigned int regs_count(const char *text)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < note_count; i++)
		n += strstr(notes[i].what, text) != NULL;
	return n;
}

int regs_first(const char *text)
{
	for (unsigned int i = 0; i < note_count; i++)
		if (strstr(notes[i].what, text))
			return (int)i;
	return -1;
}

int regs_last(const char *text)
{
	for (unsigned int i = note_count; i-- > 0;)
		if (strstr(notes[i].what, text))
			return (int)i;
	return -1;
}

/* Each test is one CPU: who waits for a lock waits for itself. */
void spin_wait(const struct spinlock *l, uint32_t ticket)
{
	printf("not ok regs: a lock is taken that is held\n");
	exit(1);
}

unsigned int regs_reads(const char *name)
{
	return regs[find(name)].reads;
}
