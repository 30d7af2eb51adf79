/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The primary of the boots with malformed input: relies on nothing but the CPU
 * and its device tree, and looks whether what it was given is sane. It prints,
 * and ends QEMU, by semihosting: there may be no console. Exit code 0: sane.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hf/call.h"

/* The board's RAM; a malformed device tree may tell of more. */
#define RAM_BASE UINT64_C(0x40000000)
#define RAM_SIZE UINT64_C(0x8000000)

#define SYS_WRITE0 0x04
#define SYS_EXIT_EXTENDED 0x20
#define APPLICATION_EXIT 0x20026

#define MAGIC 0xd00dfeed
#define BEGIN_NODE 1
#define END_NODE 2
#define PROP 3
#define NOP 4

#define STEP UINT64_C(0x200000)
#define RUNS 20

uint64_t judge_call(uint64_t operation, const void *argument);
bool judge_load(uint64_t address);
_Noreturn void judge_stray(uint64_t esr, uint64_t far);
_Noreturn void judge(const uint32_t *tree);

/* Reached without a table of addresses, which nobody relocates here. */
extern const char _image[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

static void say(const char *text)
{
	judge_call(SYS_WRITE0, text);
}

static void say_hex(uint64_t value)
{
	char text[19] = "0x0000000000000000";

	for (unsigned int i = 17; i > 1; i--, value >>= 4)
		text[i] = "0123456789abcdef"[value & 0xf];
	say(text);
}

static _Noreturn void finish(uint64_t code)
{
	uint64_t block[2] = {APPLICATION_EXIT, code};

	for (;;)
		judge_call(SYS_EXIT_EXTENDED, block);
}

static _Noreturn void fail(const char *what, uint64_t number)
{
	say("judge: ");
	say(what);
	say(" ");
	say_hex(number);
	say("\n");
	finish(1);
}

void judge_stray(uint64_t esr, uint64_t far)
{
	say("judge: ESR ");
	say_hex(esr);
	fail(", FAR", far);
}

static uint32_t be32(const uint32_t *p)
{
	return __builtin_bswap32(*p);
}

static uint64_t number(const uint32_t **p, uint32_t cells)
{
	uint64_t n = 0;

	for (; cells; cells--)
		n = n << 32 | be32((*p)++);
	return n;
}

static bool equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* What is looked for in the tree. */
static struct {
	uint32_t address_cells, size_cells; /* of the root */
	uint64_t initrd_start, initrd_end;
} found;

/* A node of the root while it is read. */
struct node {
	bool is_memory;
	const uint32_t *reg;
	uint32_t reg_size;
};

static bool in_ram(uint64_t address)
{
	return address - RAM_BASE < RAM_SIZE;
}

static void try_address(uint64_t address)
{
	if (in_ram(address) && !judge_load(address))
		fail("memory does not answer at", address);
}

static unsigned int parts_here;

/* Looks into a range of memory; notes which of ours lie in it. */
static void look_into(uint64_t base, uint64_t size)
{
	const uint64_t ours[] = {(uintptr_t)_image, (uintptr_t)_end - 1};
	uint64_t at;

	if (size == 0 || base + size < base || (base | size) & 0xfff)
		fail("odd memory at", base);
	for (unsigned int i = 0; i < 2; i++)
		if (ours[i] - base < size)
			parts_here |= 1u << i;
	if (base >= RAM_BASE + RAM_SIZE || base + size <= RAM_BASE)
		return;
	for (at = base; at - base < size && at < RAM_BASE + RAM_SIZE;
	     at += STEP)
		try_address(at);
	try_address(base + size - 8);
}

static void look_at(const struct node *n)
{
	const uint32_t *p = n->reg;
	uint32_t entry = 4 * (found.address_cells + found.size_cells);

	if (!n->is_memory || !entry)
		return;
	for (uint32_t left = n->reg_size; left >= entry; left -= entry) {
		uint64_t base = number(&p, found.address_cells);

		look_into(base, number(&p, found.size_cells));
	}
}

static void read_prop(struct node *n, unsigned int depth, const char *name,
		      const uint32_t *value, uint32_t size)
{
	if (depth == 1 && size == 4 && equal(name, "#address-cells"))
		found.address_cells = be32(value);
	if (depth == 1 && size == 4 && equal(name, "#size-cells"))
		found.size_cells = be32(value);
	if (depth != 2)
		return;
	if (equal(name, "device_type") && size == 7)
		n->is_memory = equal((const char *)value, "memory");
	if (equal(name, "reg")) {
		n->reg = value;
		n->reg_size = size;
	}
	if (equal(name, "linux,initrd-start"))
		found.initrd_start = number(&value, size / 4);
	if (equal(name, "linux,initrd-end"))
		found.initrd_end = number(&value, size / 4);
}

static void read_tree(const uint32_t *tree)
{
	const uint32_t *p = tree + be32(tree + 2) / 4;
	const char *strings = (const char *)tree + be32(tree + 3);
	struct node node = {.is_memory = false};
	unsigned int depth = 0;
	uint32_t token;

	do {
		token = be32(p++);
		if (token == BEGIN_NODE) {
			size_t length = 0;

			while (((const char *)p)[length])
				length++;
			p += length / 4 + 1;
			if (++depth == 2)
				node = (struct node){.is_memory = false};
		} else if (token == PROP) {
			uint32_t size = be32(p);

			read_prop(&node, depth, strings + be32(p + 1), p + 2,
				  size);
			p += 2 + (size + 3) / 4;
		} else if (token == END_NODE) {
			if (depth-- == 2)
				look_at(&node);
		} else if (token != NOP) {
			fail("odd token", token);
		}
	} while (depth);
}

/* The first secondary gets a turn, whatever becomes of it. */
static void run_secondary(void)
{
	if (hf_vm_get_count() < 1 || hf_vcpu_get_count(0) < 1)
		return;
	for (unsigned int i = 0; i < RUNS; i++)
		if (hf_vcpu_code(hf_vcpu_run(0, 0)) == HF_VCPU_ABORTED)
			return;
}

void judge(const uint32_t *tree)
{
	found.address_cells = 2;
	found.size_cells = 1;
	found.initrd_start = found.initrd_end = 0;
	parts_here = 0;
	if (!judge_load((uintptr_t)tree) || be32(tree) != MAGIC)
		fail("no device tree at", (uintptr_t)tree);
	read_tree(tree);
	if (parts_here != 3)
		fail("not in memory:", (uintptr_t)_image);
	if (found.initrd_start != found.initrd_end) {
		try_address(found.initrd_start);
		try_address((found.initrd_end - 1) & ~UINT64_C(7));
	}
	run_secondary();
	say("judge: all is sane\n");
	finish(0);
}
