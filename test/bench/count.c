/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A plugin for QEMU: counts the instructions that are executed, by row
 * (mark.h) and by address.
 *
 *   -plugin count.so,out=FILE,base=ADDRESS,size=BYTES[,boot=on]
 *
 * `base` and `size` are where the hypervisor runs, in hexadecimal. At the end
 * the file has a line for each row and for each of its addresses there. With
 * `boot`, row 0 is counted from the start, by address wherever it is:
 *
 *   guest ROW COUNT COUNT		others, in the upper and the lower half
 *   at ROW ADDRESS COUNT
 *
 * For one thread: QEMU's CPUs run in turn, as they do with -icount.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mark.h"
#include "plugin.h"

#define ROWS 128
#define BUCKETS 65536

/* An address that is counted by itself. */
struct place {
	struct place *next;
	uint64_t address;
	uint64_t count[ROWS];
};

PLUGIN_EXPORT int qemu_plugin_version = PLUGIN_VERSION;

static struct place *places[BUCKETS];
static uint64_t guest[ROWS][2];
static uint64_t base, size;
static const char *out;
static unsigned int row;
static bool boot, counting;

static void count_place(unsigned int vcpu, void *place)
{
	(void)vcpu;
	if (counting)
		((struct place *)place)->count[row]++;
}

static void count_guest(unsigned int vcpu, void *half)
{
	(void)vcpu;
	if (counting)
		guest[row][(uintptr_t)half]++;
}

static void take_mark(unsigned int vcpu, void *mark)
{
	(void)vcpu;
	counting = (uintptr_t)mark == MARK_START;
	if ((uintptr_t)mark == MARK_ROW && row < ROWS - 1)
		row++;
}

static struct place *find(uint64_t address)
{
	struct place **p = &places[address / 4 % BUCKETS];

	while (*p && (*p)->address != address)
		p = &(*p)->next;
	if (!*p) {
		*p = calloc(1, sizeof(**p));
		if (!*p)
			abort();
		(*p)->address = address;
	}
	return *p;
}

/* 0: it is no mark. */
static unsigned int mark_of(const struct qemu_plugin_insn *insn)
{
	uint32_t word;
	unsigned int mark;

	memcpy(&word, qemu_plugin_insn_data(insn), sizeof(word));
	for (mark = MARK_ROW; mark <= MARK_STOP; mark++) {
		if (word == MARK_INSTRUCTION(mark))
			return mark;
	}
	return 0;
}

static void translate_insn(struct qemu_plugin_insn *insn)
{
	uint64_t address = qemu_plugin_insn_vaddr(insn);
	uintptr_t mark = mark_of(insn);
	plugin_exec_fn fn = count_guest;
	void *data = (void *)(uintptr_t)(address >> 63);

	if (mark) {
		fn = take_mark;
		data = (void *)mark;
	} else if (address - base < size || (boot && !row && counting)) {
		fn = count_place;
		data = find(address);
	}
	qemu_plugin_register_vcpu_insn_exec_cb(insn, fn, PLUGIN_NO_REGS, data);
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t i, count = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (i = 0; i < count; i++)
		translate_insn(qemu_plugin_tb_get_insn(tb, i));
}

static void write_place(FILE *f, const struct place *p)
{
	unsigned int i;

	for (i = 0; i <= row; i++) {
		if (p->count[i])
			fprintf(f, "at %u %lx %lu\n", i,
				(unsigned long)p->address,
				(unsigned long)p->count[i]);
	}
}

static void finish(qemu_plugin_id_t id, void *unused)
{
	const struct place *p;
	unsigned int i;
	FILE *f = fopen(out, "w");

	(void)id;
	(void)unused;
	if (!f)
		abort();
	for (i = 0; i <= row; i++)
		fprintf(f, "guest %u %lu %lu\n", i, (unsigned long)guest[i][1],
			(unsigned long)guest[i][0]);
	for (i = 0; i < BUCKETS; i++) {
		for (p = places[i]; p; p = p->next)
			write_place(f, p);
	}
	fclose(f);
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc,
			char **argv)
{
	int i;

	(void)info;
	for (i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			out = strdup(argv[i] + 4);
		else if (!strncmp(argv[i], "base=", 5))
			base = strtoull(argv[i] + 5, NULL, 16);
		else if (!strncmp(argv[i], "size=", 5))
			size = strtoull(argv[i] + 5, NULL, 16);
		else if (!strcmp(argv[i], "boot=on"))
			boot = counting = true;
		else
			return -1;
	}
	if (!out || !size)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	qemu_plugin_register_atexit_cb(id, finish, NULL);
	return 0;
}
