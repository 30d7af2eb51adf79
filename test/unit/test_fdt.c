/* SPDX-License-Identifier: BSD-3-Clause */
/* src/fdt.c and src/fdt_write.c: trees good and broken, read and written. */
#include "unit.h"
#include "fdt.h"

#define BEGIN_NODE 1
#define END_NODE 2
#define PROP 3
#define NOP 4
#define END 9

#define CAPACITY 8192

/* Offsets in the header. */
#define MAGIC 0
#define TOTALSIZE 4
#define OFF_STRUCT 8
#define OFF_STRINGS 12
#define OFF_RESERVED 16
#define VERSION 20
#define LAST_COMPATIBLE 24
#define SIZE_STRINGS 32
#define SIZE_STRUCT 36

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* --- trees made token by token, without the writer ------------------------ */

#define STRUCT_AT 56 /* header, and an empty list of reservations */

static _Alignas(8) uint8_t raw[CAPACITY];
static uint32_t raw_at;

static void cell(uint32_t value)
{
	put32(raw + raw_at, value);
	raw_at += 4;
}

static void name(const char *s)
{
	memset(raw + raw_at, 0, strlen(s) + 4);
	strcpy((char *)raw + raw_at, s);
	raw_at += (uint32_t)(strlen(s) + 4) & ~3u;
}

static void node(const char *s)
{
	cell(BEGIN_NODE);
	name(s);
}

/* A property of no bytes; its name is the string at offset `string`. */
static void prop(uint32_t string)
{
	cell(PROP);
	cell(0);
	cell(string);
}

static void raw_begin(void)
{
	memset(raw, 0, sizeof(raw));
	raw_at = STRUCT_AT;
}

/* Ends the tree: strings are "a", "b" at offsets 0 and 2. Its size. */
static uint32_t raw_end(void)
{
	put32(raw + MAGIC, 0xd00dfeed);
	put32(raw + TOTALSIZE, raw_at + 4);
	put32(raw + OFF_STRUCT, STRUCT_AT);
	put32(raw + OFF_STRINGS, raw_at);
	put32(raw + OFF_RESERVED, 40);
	put32(raw + VERSION, 17);
	put32(raw + LAST_COMPATIBLE, 16);
	put32(raw + SIZE_STRINGS, 4);
	put32(raw + SIZE_STRUCT, raw_at - STRUCT_AT);
	memcpy(raw + raw_at, "a\0b", 4);
	return raw_at + 4;
}

static const char *open_raw(void)
{
	static struct fdt fdt;
	uint32_t size = raw_end();

	return unit_fdt_open(&fdt, unit_copy(raw, size), size);
}

/* --- one tree of everything, made by the writer ----------------------------
 */

static _Alignas(8) uint8_t tree[CAPACITY];
static uint32_t tree_size;

static void put_cpu(struct fdt_writer *w, const char *node_name, uint32_t reg)
{
	fdt_put_node(w, node_name);
	fdt_put_u32(w, "reg", reg);
	fdt_put_u32(w, "phandle", 0x100 + reg);
	fdt_put_end(w);
}

static void write_tree(struct fdt_writer *w)
{
	static const uint32_t reg[] = {0, 0x40000000, 1, 0};

	fdt_put_reservation(w, 0, UINT64_C(0x123456789abcdef0), 0x1000);
	fdt_put_reservation(w, 1, 0x80000000, UINT64_C(0x200000000));
	fdt_put_node(w, "");
	fdt_put_prop(w, "compatible", "linux,dummy-virt\0board", 23);
	fdt_put_u32(w, "#address-cells", 2);
	fdt_put_prop(w, "empty", NULL, 0);
	fdt_put_prop(w, "odd", "\1\2\3\4\5", 5);
	fdt_put_node(w, "aliases");
	fdt_put_string(w, "serial0", "/soc/uart@9000000");
	fdt_put_string(w, "bad", "uart");
	fdt_put_prop(w, "worse", "/soc", 4);
	fdt_put_end(w);
	fdt_put_node(w, "memory@40000000");
	fdt_put_cells(w, "reg", reg, 4);
	fdt_put_u64(w, "size", UINT64_C(0x100000002));
	fdt_put_end(w);
	fdt_put_node(w, "cpus");
	put_cpu(w, "cpu@0", 0);
	put_cpu(w, "cpu@1", 1);
	fdt_put_end(w);
	fdt_put_node(w, "soc");
	fdt_put_node(w, "uart@9000000");
	fdt_put_string(w, "status", "okay");
	fdt_put_node(w, "deep");
	fdt_put_string(w, "status", "disabled");
	fdt_put_end(w);
	fdt_put_end(w);
	fdt_put_node(w, "uart@a000000");
	fdt_put_string(w, "status", "ok");
	fdt_put_end(w);
	fdt_put_end(w);
	fdt_put_node(w, "z");
	fdt_put_end(w);
	fdt_put_end(w);
}

static struct fdt_writer writer;

static void make(struct fdt *fdt)
{
	fdt_begin(&writer, tree, sizeof(tree), 2);
	write_tree(&writer);
	tree_size = fdt_finish(&writer, 7);
	CHECK(tree_size != 0);
	CHECK_STR(unit_fdt_open(fdt, unit_copy(tree, tree_size), tree_size),
		  NULL);
}

/* --- reading ---------------------------------------------------------------
 */

TEST(opens_what_the_writer_made)
{
	uint64_t address, size;
	struct fdt fdt;

	make(&fdt);
	CHECK_EQ(fdt.totalsize, tree_size);
	CHECK_EQ(fdt.boot_cpuid_phys, 7);
	CHECK_EQ(fdt.reserved_count, 2);
	fdt_reservation(&fdt, 0, &address, &size);
	CHECK_EQ(address, UINT64_C(0x123456789abcdef0));
	CHECK_EQ(size, 0x1000);
	fdt_reservation(&fdt, 1, &address, &size);
	CHECK_EQ(address, 0x80000000);
	CHECK_EQ(size, UINT64_C(0x200000000));
	CHECK_EQ(fdt_claimed_size(tree), tree_size);
	CHECK_STR(fdt_name(&fdt, fdt_root(&fdt)), "");
}

TEST(claimed_size)
{
	_Alignas(8) uint8_t head[12] = {0xd0, 0x0d, 0xfe, 0xed, 0, 1, 2, 3};

	CHECK_EQ(fdt_claimed_size(head), 0x010203);
	CHECK_EQ(fdt_claimed_size(head + 1), 0);
	memmove(head + 4, head, 8);
	CHECK_EQ(fdt_claimed_size(head + 4), 0x010203);
	CHECK_EQ(fdt_claimed_size(head + 5), 0);
	head[3] = 0;
	CHECK_EQ(fdt_claimed_size(head), 0);
}

TEST(children_in_order)
{
	static const char *const names[] = {"aliases", "memory@40000000",
					    "cpus", "soc", "z"};
	struct fdt fdt;
	fdt_node_t node;
	size_t i = 0;

	make(&fdt);
	for (node = fdt_first_child(&fdt, fdt_root(&fdt)); node != FDT_NO_NODE;
	     node = fdt_next_sibling(&fdt, node))
		CHECK_STR(fdt_name(&fdt, node), names[i++]);
	CHECK_EQ(i, 5);
	CHECK_EQ(fdt_next_sibling(&fdt, fdt_root(&fdt)), FDT_NO_NODE);
	node = fdt_path(&fdt, "/z");
	CHECK_EQ(fdt_first_child(&fdt, node), FDT_NO_NODE);
}

TEST(child_by_name)
{
	struct fdt fdt;
	fdt_node_t root, memory, soc;

	make(&fdt);
	root = fdt_root(&fdt);
	memory = fdt_child(&fdt, root, "memory@40000000");
	CHECK_STR(fdt_name(&fdt, memory), "memory@40000000");
	CHECK_EQ(fdt_child(&fdt, root, "memory"), memory);
	CHECK_EQ(fdt_child(&fdt, root, "memory@"), FDT_NO_NODE);
	CHECK_EQ(fdt_child(&fdt, root, "memory@4000000"), FDT_NO_NODE);
	CHECK_EQ(fdt_child(&fdt, root, "memory@400000000"), FDT_NO_NODE);
	CHECK_EQ(fdt_child(&fdt, root, "memor"), FDT_NO_NODE);
	CHECK_EQ(fdt_child(&fdt, root, "deep"), FDT_NO_NODE);
	soc = fdt_child(&fdt, root, "soc");
	CHECK_STR(fdt_name(&fdt, fdt_child(&fdt, soc, "uart")), "uart@9000000");
	CHECK_STR(fdt_name(&fdt, fdt_child(&fdt, soc, "uart@a000000")),
		  "uart@a000000");
}

TEST(paths)
{
	struct fdt fdt;
	fdt_node_t uart;

	make(&fdt);
	CHECK_EQ(fdt_path(&fdt, "/"), fdt_root(&fdt));
	uart = fdt_path(&fdt, "/soc/uart@9000000");
	CHECK_STR(fdt_name(&fdt, uart), "uart@9000000");
	CHECK_EQ(fdt_path(&fdt, "/soc/uart"), uart);
	CHECK_EQ(fdt_path(&fdt, "/soc/uart@9000000:115200n8"), uart);
	CHECK_EQ(fdt_path(&fdt, "//soc//uart@9000000/"), uart);
	CHECK_STR(fdt_name(&fdt, fdt_path(&fdt, "/soc/uart/deep")), "deep");
	CHECK_EQ(fdt_path(&fdt, "/soc/uart@9000000/none"), FDT_NO_NODE);
	CHECK_EQ(fdt_path(&fdt, "/none/uart@9000000"), FDT_NO_NODE);
	CHECK_EQ(fdt_path(&fdt, ""), FDT_NO_NODE);
}

TEST(aliases)
{
	struct fdt fdt;
	fdt_node_t uart;

	make(&fdt);
	uart = fdt_path(&fdt, "/soc/uart@9000000");
	CHECK_EQ(fdt_path(&fdt, "serial0"), uart);
	CHECK_EQ(fdt_path(&fdt, "serial0:115200n8"), uart);
	CHECK_STR(fdt_name(&fdt, fdt_path(&fdt, "serial0/deep")), "deep");
	CHECK_EQ(fdt_path(&fdt, "serial"), FDT_NO_NODE);
	CHECK_EQ(fdt_path(&fdt, "serial00"), FDT_NO_NODE);
	CHECK_EQ(fdt_path(&fdt, "bad"), FDT_NO_NODE);
	CHECK_EQ(fdt_path(&fdt, "worse"), FDT_NO_NODE);
}

TEST(phandles)
{
	struct fdt fdt;

	make(&fdt);
	CHECK_STR(fdt_name(&fdt, fdt_by_phandle(&fdt, 0x101)), "cpu@1");
	CHECK_STR(fdt_name(&fdt, fdt_by_phandle(&fdt, 0x100)), "cpu@0");
	CHECK_EQ(fdt_by_phandle(&fdt, 1), FDT_NO_NODE);
}

TEST(properties)
{
	struct fdt fdt;
	struct fdt_prop prop;
	fdt_node_t root;

	make(&fdt);
	root = fdt_root(&fdt);
	CHECK(fdt_prop(&fdt, root, "odd", &prop));
	CHECK_STR(prop.name, "odd");
	CHECK_EQ(prop.size, 5);
	CHECK(memcmp(prop.value, "\1\2\3\4\5", 5) == 0);
	CHECK(fdt_prop(&fdt, root, "empty", &prop));
	CHECK_EQ(prop.size, 0);
	CHECK(!fdt_prop(&fdt, root, "reg", &prop));
	CHECK(prop.name == NULL && prop.value == NULL && prop.size == 0);
	CHECK(!fdt_prop(&fdt, root, "od", &prop));
	CHECK_EQ(fdt_u32(&fdt, root, "#address-cells", 1), 2);
	CHECK_EQ(fdt_u32(&fdt, root, "#size-cells", 1), 1);
	CHECK_EQ(fdt_u32(&fdt, root, "odd", 9), 9);
}

TEST(properties_in_order)
{
	static const char *const names[] = {"compatible", "#address-cells",
					    "empty", "odd"};
	struct fdt_prop prop;
	struct fdt fdt;
	uint32_t at = 0;
	size_t i = 0;

	make(&fdt);
	while (fdt_each_prop(&fdt, fdt_root(&fdt), &at, &prop))
		CHECK_STR(prop.name, names[i++]);
	CHECK_EQ(i, 4);
}

TEST(numbers)
{
	struct fdt fdt;
	struct fdt_prop prop;
	fdt_node_t memory;
	bool overflow = false;

	make(&fdt);
	memory = fdt_path(&fdt, "/memory");
	CHECK(fdt_prop(&fdt, memory, "reg", &prop));
	CHECK_EQ(prop.size, 16);
	CHECK_EQ(fdt_cell(prop.value, 1), 0x40000000);
	CHECK_EQ(fdt_number(prop.value, 0, 2, &overflow), 0x40000000);
	CHECK_EQ(fdt_number(prop.value, 2, 2, &overflow),
		 UINT64_C(0x100000000));
	CHECK_EQ(fdt_number(prop.value, 2, 1, &overflow), 1);
	CHECK_EQ(fdt_number(prop.value, 1, 0, &overflow), 0);
	CHECK_EQ(fdt_number(prop.value, 0, 3, &overflow),
		 UINT64_C(0x4000000000000001));
	CHECK(!overflow);
	CHECK_EQ(fdt_number(prop.value, 1, 3, &overflow),
		 UINT64_C(0x100000000));
	CHECK(overflow);
	CHECK_EQ(fdt_number(prop.value, 1, 3, NULL), UINT64_C(0x100000000));
	CHECK(fdt_prop(&fdt, memory, "size", &prop));
	CHECK_EQ(prop.size, 8);
	CHECK_EQ(fdt_number(prop.value, 0, 2, NULL), UINT64_C(0x100000002));
}

TEST(strings_and_lists)
{
	struct fdt_prop p = {.name = "p"};

	p.value = (const uint8_t *)"abc";
	p.size = 4;
	CHECK_STR(fdt_string(&p), "abc");
	p.size = 3;
	CHECK_STR(fdt_string(&p), NULL);
	CHECK(!fdt_list_has(&p, "abc"));
	p.size = 0;
	CHECK_STR(fdt_string(&p), NULL);
	CHECK(!fdt_list_has(&p, ""));
	p.value = (const uint8_t *)"ab\0c\0de";
	p.size = 5;
	CHECK_STR(fdt_string(&p), NULL);
	CHECK(fdt_list_has(&p, "ab"));
	CHECK(fdt_list_has(&p, "c"));
	CHECK(!fdt_list_has(&p, "de"));
	CHECK(!fdt_list_has(&p, "a"));
	CHECK(!fdt_list_has(&p, ""));
	p.size = 7;
	CHECK(!fdt_list_has(&p, "de"));
	p.size = 8;
	CHECK(fdt_list_has(&p, "de"));
}

TEST(compatible_and_status)
{
	struct fdt fdt;
	fdt_node_t root;

	make(&fdt);
	root = fdt_root(&fdt);
	CHECK(fdt_compatible(&fdt, root, "board"));
	CHECK(fdt_compatible(&fdt, root, "linux,dummy-virt"));
	CHECK(!fdt_compatible(&fdt, root, "linux"));
	CHECK(!fdt_compatible(&fdt, fdt_path(&fdt, "/soc"), "board"));
	CHECK(fdt_enabled(&fdt, root));
	CHECK(fdt_enabled(&fdt, fdt_path(&fdt, "/soc/uart@9000000")));
	CHECK(fdt_enabled(&fdt, fdt_path(&fdt, "/soc/uart@a000000")));
	CHECK(!fdt_enabled(&fdt, fdt_path(&fdt, "/soc/uart/deep")));
}

/* NOPs may stand wherever a token may. */
TEST(nops_are_passed_over)
{
	struct fdt_prop p;
	struct fdt fdt;
	uint32_t size, at = 0;

	raw_begin();
	cell(NOP);
	cell(NOP);
	cell(NOP);
	node("");
	cell(NOP);
	prop(0);
	cell(NOP);
	prop(2);
	cell(NOP);
	node("x");
	cell(NOP);
	cell(END_NODE);
	cell(NOP);
	node("y");
	cell(END_NODE);
	cell(NOP);
	cell(END_NODE);
	cell(NOP);
	cell(END);
	size = raw_end();
	CHECK_STR(unit_fdt_open(&fdt, unit_copy(raw, size), size), NULL);
	CHECK_EQ(fdt_root(&fdt), 0);
	CHECK(fdt_each_prop(&fdt, 0, &at, &p));
	CHECK_STR(p.name, "a");
	CHECK(fdt_each_prop(&fdt, 0, &at, &p));
	CHECK_STR(p.name, "b");
	CHECK(!fdt_each_prop(&fdt, 0, &at, &p));
	CHECK_STR(fdt_name(&fdt, fdt_path(&fdt, "/x")), "x");
	CHECK_STR(fdt_name(&fdt, fdt_path(&fdt, "/y")), "y");
	CHECK_EQ(fdt_next_sibling(&fdt, fdt_path(&fdt, "/y")), FDT_NO_NODE);
	CHECK_EQ(fdt_next_sibling(&fdt, fdt_root(&fdt)), FDT_NO_NODE);
}

/* --- broken trees ----------------------------------------------------------
 */

TEST(alignment)
{
	struct fdt fdt;
	uint8_t *p;

	make(&fdt);
	p = unit_copy(tree, tree_size + 8);
	for (size_t i = 1; i < 8; i++) {
		memmove(p + i, tree, tree_size);
		CHECK_STR(unit_fdt_open(&fdt, p + i, tree_size),
			  i == 4 ? NULL : "it is not at a multiple of 4");
	}
}

/* Every header field, what it is set to, and what that is to be called. */
TEST(header_fields)
{
	static const struct {
		uint32_t field, value;
		const char *message;
	} bad[] = {
		{MAGIC, 0xd00dfeec, "it is not a device tree"},
		{TOTALSIZE, 0, "its header gives too small a size"},
		{TOTALSIZE, 39, "its header gives too small a size"},
		{TOTALSIZE, 0xffffffff, "it is cut off"},
		{OFF_STRUCT, 58, "its structure is out of place"},
		{OFF_STRUCT, 0xfffffffc, "its structure is out of place"},
		{OFF_STRINGS, 0xffffffff, "its strings are outside of it"},
		{OFF_RESERVED, 44, "its memory reservations are out of place"},
		{OFF_RESERVED, 0xfffffff8,
		 "its memory reservations are out of place"},
		{VERSION, 15, "its version is not 16 or 17"},
		{LAST_COMPATIBLE, 18, "its version is not 16 or 17"},
		{SIZE_STRINGS, 0xffffffff, "its strings are outside of it"},
		{SIZE_STRUCT, 0xffffffff, "its structure is outside of it"},
		{SIZE_STRUCT, 0, "its structure has no end"},
		{SIZE_STRUCT, 4, "a node name has no end"},
	};
	struct fdt fdt;
	uint8_t *p;

	make(&fdt);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		p = unit_copy(tree, tree_size);
		put32(p + bad[i].field, bad[i].value);
		CHECK_STR(unit_fdt_open(&fdt, p, tree_size), bad[i].message);
	}
}

/* Bounds that the tree's own size sets, one beyond and just right. */
TEST(header_bounds)
{
	struct fdt fdt;
	uint32_t left;
	uint8_t *p;

	make(&fdt);
	p = unit_copy(tree, tree_size);
	left = tree_size - get32(p + OFF_STRUCT);
	put32(p + SIZE_STRUCT, left);
	CHECK_STR(unit_fdt_open(&fdt, p, tree_size), NULL);
	put32(p + SIZE_STRUCT, left + 1);
	CHECK_STR(unit_fdt_open(&fdt, p, tree_size),
		  "its structure is outside of it");
	p = unit_copy(tree, tree_size);
	put32(p + SIZE_STRINGS, get32(p + SIZE_STRINGS) + 1);
	CHECK_STR(unit_fdt_open(&fdt, p, tree_size),
		  "its strings are outside of it");
	p = unit_copy(tree, tree_size);
	put32(p + OFF_RESERVED, (tree_size - 15) & ~7u);
	CHECK_STR(unit_fdt_open(&fdt, p, tree_size),
		  "its memory reservations have no end");
}

TEST(newer_but_compatible)
{
	struct fdt fdt;
	uint8_t *p;

	make(&fdt);
	p = unit_copy(tree, tree_size);
	put32(p + VERSION, 18);
	put32(p + LAST_COMPATIBLE, 17);
	CHECK_STR(unit_fdt_open(&fdt, p, tree_size), NULL);
}

/* Version 16 has no size of the structure block in its header. */
TEST(version_16)
{
	struct fdt fdt;
	uint8_t *p;

	make(&fdt);
	p = unit_copy(tree, tree_size);
	put32(p + VERSION, 16);
	put32(p + SIZE_STRUCT, 0xffffffff);
	CHECK_STR(unit_fdt_open(&fdt, p, tree_size), NULL);
	CHECK_STR(fdt_name(&fdt, fdt_path(&fdt, "/z")), "z");
}

/* As many nodes as there is room for, and one more. */
TEST(too_many_nodes)
{
	struct fdt_entry nodes[4];
	struct fdt fdt;
	uint32_t size;

	raw_begin();
	node("");
	for (unsigned int i = 1; i < 4; i++) {
		node("n");
		cell(END_NODE);
	}
	cell(END_NODE);
	cell(END);
	size = raw_end();
	CHECK_STR(fdt_open(&fdt, raw, size, nodes, 4), NULL);
	CHECK_EQ(fdt.node_count, 4);
	CHECK_STR(fdt_open(&fdt, raw, size, unit_room(3 * sizeof(*nodes)), 3),
		  "it has too many nodes");
	CHECK_STR(fdt_open(&fdt, raw, size, NULL, 0), "it has too many nodes");
}

/* From each node to the one around it, and how deep it is. */
TEST(parents)
{
	struct fdt fdt;
	fdt_node_t deep;

	make(&fdt);
	deep = fdt_path(&fdt, "/soc/uart/deep");
	CHECK_EQ(fdt_depth(&fdt, deep), 3);
	CHECK_EQ(fdt_parent(&fdt, deep), fdt_path(&fdt, "/soc/uart"));
	CHECK_EQ(fdt_parent(&fdt, fdt_path(&fdt, "/soc/uart@a000000")),
		 fdt_path(&fdt, "/soc"));
	CHECK_EQ(fdt_parent(&fdt, fdt_path(&fdt, "/z")), fdt_root(&fdt));
	CHECK_EQ(fdt_parent(&fdt, fdt_root(&fdt)), FDT_NO_NODE);
	CHECK_EQ(fdt_parent(&fdt, FDT_NO_NODE), FDT_NO_NODE);
	CHECK_EQ(fdt_depth(&fdt, fdt_root(&fdt)), 0);
}

TEST(too_large)
{
	uint8_t *p = calloc(1, FDT_MAX_SIZE + 4);
	struct fdt fdt;
	const char *at_limit, *above;

	CHECK(p != NULL);
	make(&fdt);
	memcpy(p, tree, tree_size);
	put32(p + TOTALSIZE, FDT_MAX_SIZE);
	at_limit = unit_fdt_open(&fdt, p, FDT_MAX_SIZE + 4);
	put32(p + TOTALSIZE, FDT_MAX_SIZE + 1);
	above = unit_fdt_open(&fdt, p, FDT_MAX_SIZE + 4);
	free(p);
	CHECK_STR(at_limit, NULL);
	CHECK_STR(above, "it is too large");
}

/* QEMU pads its tree to 1 MiB. */
TEST(padded)
{
	uint8_t *p = calloc(1, 1 << 20);
	struct fdt fdt;
	const char *error;

	CHECK(p != NULL);
	make(&fdt);
	memcpy(p, tree, tree_size);
	put32(p + TOTALSIZE, 1 << 20);
	error = unit_fdt_open(&fdt, p, 1 << 20);
	free(p);
	CHECK_STR(error, NULL);
	CHECK_EQ(fdt.totalsize, 1 << 20);
}

TEST(strings_without_end)
{
	struct fdt fdt;
	uint32_t size;

	raw_begin();
	node("");
	cell(END_NODE);
	cell(END);
	size = raw_end();
	raw[size - 1] = 'x';
	CHECK_STR(unit_fdt_open(&fdt, raw, size), "its strings have no end");
	put32(raw + SIZE_STRINGS, 0);
	CHECK_STR(unit_fdt_open(&fdt, raw, size), NULL);
}

TEST(structures)
{
	raw_begin();
	CHECK_STR(open_raw(), "its structure has no end");
	cell(END);
	CHECK_STR(open_raw(), "it has no node");

	raw_begin();
	node("");
	cell(END);
	CHECK_STR(open_raw(), "a node has no end");

	raw_begin();
	node("");
	cell(END_NODE);
	CHECK_STR(open_raw(), "its structure has no end");

	raw_begin();
	node("");
	cell(END_NODE);
	node("");
	cell(END_NODE);
	cell(END);
	CHECK_STR(open_raw(), "there is a second root node");

	raw_begin();
	node("");
	node("");
	cell(END_NODE);
	cell(END_NODE);
	cell(END);
	CHECK_STR(open_raw(), "a node has no name");

	raw_begin();
	cell(END_NODE);
	cell(END);
	CHECK_STR(open_raw(), "a node ends that never began");

	raw_begin();
	node("");
	cell(5);
	CHECK_STR(open_raw(), "there is an unknown token in its structure");
	raw_begin();
	cell(0);
	CHECK_STR(open_raw(), "there is an unknown token in its structure");
}

TEST(misplaced_properties)
{
	static const char message[] =
		"a property is outside of a node or after a child node";

	raw_begin();
	prop(0);
	cell(END);
	CHECK_STR(open_raw(), message);

	raw_begin();
	node("");
	node("x");
	cell(END_NODE);
	prop(0);
	cell(END_NODE);
	cell(END);
	CHECK_STR(open_raw(), message);

	raw_begin();
	node("");
	cell(END_NODE);
	prop(0);
	cell(END);
	CHECK_STR(open_raw(), message);
}

TEST(broken_properties)
{
	raw_begin();
	node("");
	cell(PROP);
	CHECK_STR(open_raw(), "a property is cut off");
	cell(0);
	CHECK_STR(open_raw(), "a property is cut off");
	cell(4);
	CHECK_STR(open_raw(), "a property has no name");
	put32(raw + raw_at - 4, 0xffffffff);
	CHECK_STR(open_raw(), "a property has no name");
	put32(raw + raw_at - 4, 1);
	CHECK_STR(open_raw(), "a property has no name");
	put32(raw + raw_at - 4, 0);
	CHECK_STR(open_raw(), "its structure has no end");
	put32(raw + raw_at - 8, 1);
	CHECK_STR(open_raw(), "a property value is longer than its tree");
	for (uint32_t size = 0xfffffff0; size != 0; size++) {
		put32(raw + raw_at - 8, size);
		CHECK_STR(open_raw(),
			  "a property value is longer than its tree");
	}
	cell(0);
	put32(raw + raw_at - 12, 4);
	CHECK_STR(open_raw(), "its structure has no end");
	put32(raw + raw_at - 12, 5);
	CHECK_STR(open_raw(), "a property value is longer than its tree");
}

/* Names of all lengths up to the end of the structure block. */
TEST(names_without_end)
{
	for (uint32_t length = 0; length < 40; length++) {
		raw_begin();
		cell(BEGIN_NODE);
		memset(raw + raw_at, 0x80, length);
		raw_at += length & ~3u;
		CHECK_STR(open_raw(), "a node name has no end");
	}
}

static const char *nested(uint32_t depth)
{
	raw_begin();
	node("");
	for (uint32_t i = 1; i < depth; i++)
		node("x");
	for (uint32_t i = 0; i < depth; i++)
		cell(END_NODE);
	cell(END);
	return open_raw();
}

TEST(depth)
{
	CHECK_STR(nested(1), NULL);
	CHECK_STR(nested(FDT_MAX_DEPTH), NULL);
	CHECK_STR(nested(FDT_MAX_DEPTH + 1), "nodes are nested too deeply");
}

/* Names with the byte values on which the cell-wise search could trip. */
TEST(names_of_any_bytes)
{
	static const uint8_t bytes[] = {1, 0x7f, 0x80, 0x81, 0xfe, 0xff};
	char odd[12];

	for (uint32_t length = 1; length < sizeof(odd); length++)
		for (size_t i = 0; i < 300; i++) {
			memset(odd, 0, sizeof(odd));
			for (uint32_t at = 0; at < length; at++)
				odd[at] = (char)
					bytes[unit_random() % sizeof(bytes)];
			raw_begin();
			node("");
			node(odd);
			prop(0);
			cell(END_NODE);
			cell(END_NODE);
			cell(END);
			CHECK_STR(open_raw(), NULL);
		}
}

/* --- anything at all -------------------------------------------------------
 */

static volatile uint32_t sink;

static void walk_node(const struct fdt *fdt, fdt_node_t node)
{
	struct fdt_prop p;
	uint32_t at = 0;

	sink += (uint32_t)strlen(fdt_name(fdt, node));
	sink += fdt_prop(fdt, node, "none", &p);
	sink += fdt_compatible(fdt, node, "board");
	sink += fdt_enabled(fdt, node);
	sink += fdt_child(fdt, node, "uart") != FDT_NO_NODE;
	sink += fdt_next_sibling(fdt, node) != FDT_NO_NODE;
	sink += fdt_node_end(fdt, node);
	while (fdt_each_prop(fdt, node, &at, &p)) {
		sink += (uint32_t)strlen(p.name);
		for (uint32_t i = 0; i < p.size; i++)
			sink += p.value[i];
		sink += fdt_string(&p) != NULL;
		sink += fdt_list_has(&p, "x");
	}
}

/* Uses every reading function on every part of a tree. */
static void walk(const struct fdt *fdt)
{
	uint64_t address, size;

	for (uint32_t i = 0; i < fdt->reserved_count; i++)
		fdt_reservation(fdt, i, &address, &size);
	for (fdt_node_t n = 0; (uint32_t)n < fdt->node_count; n++)
		walk_node(fdt, n);
	sink += (uint32_t)fdt_path(fdt, "/soc/uart/deep");
	sink += (uint32_t)fdt_path(fdt, "serial0/deep");
	sink += (uint32_t)fdt_by_phandle(fdt, 0x101);
}

TEST(every_cut_is_told)
{
	struct fdt fdt;

	make(&fdt);
	walk(&fdt);
	for (uint32_t size = 0; size < tree_size; size++) {
		uint8_t *p = unit_copy(tree, size);

		CHECK(unit_fdt_open(&fdt, p, size) != NULL);
		/* The same with a header that owns up to it. */
		if (size < 40)
			continue;
		put32(p + TOTALSIZE, size);
		CHECK(unit_fdt_open(&fdt, p, size) != NULL);
	}
}

TEST(every_bit_flip_is_survived)
{
	uint32_t accepted = 0;
	struct fdt fdt;

	make(&fdt);
	for (uint32_t bit = 0; bit < 8 * tree_size; bit++) {
		uint8_t *p = unit_copy(tree, tree_size);

		p[bit / 8] ^= (uint8_t)(1 << (bit % 8));
		if (unit_fdt_open(&fdt, p, tree_size) != NULL)
			continue;
		walk(&fdt);
		accepted++;
	}
	CHECK(accepted != 0 && accepted < 8 * tree_size);
}

TEST(every_cell_value_is_survived)
{
	static const uint32_t values[] = {
		0,	    1,		2,	    3,		4,	   9,
		0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffffc, 0xffffffff};
	struct fdt fdt;

	make(&fdt);
	for (uint32_t at = 0; at + 4 <= tree_size; at += 4)
		for (size_t i = 0; i < sizeof(values) / 4; i++) {
			uint8_t *p = unit_copy(tree, tree_size);

			put32(p + at, values[i]);
			if (unit_fdt_open(&fdt, p, tree_size) == NULL)
				walk(&fdt);
		}
}

/* --- writing ---------------------------------------------------------------
 */

/* Ends the nodes that do not hold a node `depth` deep. */
static void put_ends(struct fdt_writer *w, uint32_t depth)
{
	while (w->depth > depth && !w->failed)
		fdt_put_end(w);
}

/* Copies a tree node by node. */
static uint32_t copy_tree(const struct fdt *fdt, void *buffer, size_t size)
{
	struct fdt_writer *w = &writer;
	uint64_t address, length;
	struct fdt_prop p;

	fdt_begin(w, buffer, size, fdt->reserved_count);
	for (uint32_t i = 0; i < fdt->reserved_count; i++) {
		fdt_reservation(fdt, i, &address, &length);
		fdt_put_reservation(w, i, address, length);
	}
	for (fdt_node_t n = 0; (uint32_t)n < fdt->node_count; n++) {
		uint32_t at = 0;

		put_ends(w, fdt_depth(fdt, n));
		fdt_put_node(w, fdt_name(fdt, n));
		while (fdt_each_prop(fdt, n, &at, &p))
			fdt_put_prop(w, p.name, p.value, p.size);
	}
	put_ends(w, 0);
	return fdt_finish(w, fdt->boot_cpuid_phys);
}

TEST(a_copy_is_the_same)
{
	static _Alignas(8) uint8_t copy[CAPACITY];
	struct fdt fdt;

	make(&fdt);
	memset(copy, 0xa5, sizeof(copy));
	CHECK_EQ(copy_tree(&fdt, copy, sizeof(copy)), tree_size);
	CHECK(memcmp(copy, tree, tree_size) == 0);
}

/* It fits exactly where it fits, and is never half there. */
TEST(every_capacity)
{
	struct fdt fdt, copy;

	make(&fdt);
	for (uint32_t size = 0; size <= tree_size + 8; size++) {
		uint8_t *buffer = unit_copy(tree, size);
		uint32_t got = copy_tree(&fdt, buffer, size);

		CHECK_EQ(got, size < ((tree_size + 3) & ~3u) ? 0 : tree_size);
		if (got != 0)
			CHECK_STR(unit_fdt_open(&copy, buffer, got), NULL);
	}
}

/* To the last byte, which a name of a multiple of 4 bytes makes possible. */
TEST(exact_fit)
{
	static _Alignas(8) uint8_t buffer[128];
	uint32_t size = 0;

	for (uint32_t capacity = 0; capacity <= 112; capacity += 4) {
		fdt_begin(&writer, buffer, capacity, 0);
		fdt_put_node(&writer, "");
		fdt_put_u32(&writer, "abc", 1);
		fdt_put_u32(&writer, "def", 2);
		fdt_put_end(&writer);
		size = fdt_finish(&writer, 0);
		CHECK_EQ(size, capacity < 112 ? 0 : 112);
	}
}

TEST(a_name_is_kept_once)
{
	static _Alignas(8) uint8_t buffer[CAPACITY];
	struct fdt_writer *w = &writer;

	fdt_begin(w, buffer, sizeof(buffer), 0);
	fdt_put_node(w, "");
	for (int i = 0; i < 9; i++)
		fdt_put_u32(w, i % 3 ? "reg" : "interrupts", 0);
	fdt_put_end(w);
	CHECK(fdt_finish(w, 0) != 0);
	CHECK_EQ(get32(buffer + SIZE_STRINGS), 4 + 11);
}

/* `count` names that the writer has to keep; the tree's size. */
static uint32_t write_names(uint8_t *buffer, size_t size, uint32_t count)
{
	struct fdt_writer *w = &writer;
	char text[16];

	fdt_begin(w, buffer, size, 0);
	fdt_put_node(w, "");
	for (uint32_t i = 0; i < 2 * count; i++) {
		sprintf(text, "name%u", i % count);
		fdt_put_u32(w, text, i % count);
	}
	fdt_put_end(w);
	return fdt_finish(w, 0);
}

/* As many names as the writer has room for, and one more. */
TEST(many_names)
{
	static _Alignas(8) uint8_t buffer[CAPACITY];
	uint32_t size, strings = 10 * 6 + (FDT_OWN_NAMES - 10) * 7;
	struct fdt fdt;
	char text[16];

	size = write_names(buffer, sizeof(buffer), FDT_OWN_NAMES);
	CHECK_STR(unit_fdt_open(&fdt, buffer, size), NULL);
	CHECK_EQ(get32(buffer + SIZE_STRINGS), strings);
	for (uint32_t i = 0; i < FDT_OWN_NAMES; i++) {
		sprintf(text, "name%u", i);
		CHECK_EQ(fdt_u32(&fdt, 0, text, 0xffff), i);
	}
	CHECK_EQ(write_names(buffer, sizeof(buffer), FDT_OWN_NAMES + 1), 0);
}

/* Names that fill their room to the last byte, and one byte more. */
TEST(long_names)
{
	static _Alignas(8) uint8_t buffer[CAPACITY];
	static char text[sizeof(writer.own)];
	struct fdt fdt;

	/* "a" and its terminator, and that of the other */
	for (size_t n = sizeof(text) - 4; n < sizeof(text) - 1; n++) {
		memset(text, 'n', n);
		fdt_begin(&writer, buffer, sizeof(buffer), 0);
		fdt_put_node(&writer, "");
		fdt_put_u32(&writer, "a", 4);
		fdt_put_u32(&writer, text, 5);
		fdt_put_end(&writer);
		if (n > sizeof(text) - 3) {
			CHECK_EQ(fdt_finish(&writer, 0), 0);
			continue;
		}
		CHECK_STR(unit_fdt_open(&fdt, buffer, fdt_finish(&writer, 0)),
			  NULL);
		CHECK_EQ(fdt_u32(&fdt, 0, text, 0), 5);
	}
}

/* A block of names is kept as it is, and what is not in it follows. */
TEST(names_given)
{
	static const char names[] = "unused\0reg\0phandle";
	static _Alignas(8) uint8_t buffer[CAPACITY];
	struct fdt_writer *w = &writer;
	struct fdt fdt;

	fdt_begin(w, buffer, sizeof(buffer), 0);
	fdt_put_names(w, names, sizeof(names));
	fdt_put_node(w, "");
	fdt_put_u32(w, names + 11, 1);
	fdt_put_u32(w, "other", 2);
	fdt_put_u32(w, names + 7, 3);
	fdt_put_end(w);
	CHECK_STR(unit_fdt_open(&fdt, buffer, fdt_finish(w, 0)), NULL);
	CHECK_EQ(fdt.strings_size, sizeof(names) + 6);
	CHECK(memcmp(fdt.strings, names, sizeof(names)) == 0);
	CHECK_EQ(fdt_u32(&fdt, 0, "phandle", 0), 1);
	CHECK_EQ(fdt_u32(&fdt, 0, "other", 0), 2);
	CHECK_EQ(fdt_u32(&fdt, 0, "reg", 0), 3);
}

/* Tokens copied in pieces, with others in between. */
TEST(tokens_given)
{
	static _Alignas(8) uint8_t buffer[CAPACITY];
	struct fdt_writer *w = &writer;
	fdt_node_t soc, z;
	struct fdt fdt, out;

	make(&fdt);
	soc = fdt_path(&fdt, "/soc");
	z = fdt_path(&fdt, "/z");
	fdt_begin(w, buffer, sizeof(buffer), 0);
	fdt_put_names(w, fdt.strings, fdt.strings_size);
	fdt_put_tokens(w, fdt.structure, fdt.node[soc].props, 2);
	fdt_put_u32(w, "added", 1);
	fdt_put_tokens(w, fdt.structure + fdt.node[soc].props,
		       fdt.node[z].begin - fdt.node[soc].props, 1);
	fdt_put_tokens(w, fdt.structure, 0, 1);
	fdt_put_unit(w, "unit", UINT64_C(0xfedcba9876543210));
	fdt_put_end(w);
	fdt_put_unit(w, "unit", 0);
	fdt_put_end(w);
	fdt_put_unit(w, "unit", 0x10);
	fdt_put_end(w);
	fdt_put_end(w);
	CHECK_STR(unit_fdt_open(&out, buffer, fdt_finish(w, 0)), NULL);
	CHECK_EQ(out.node_count, fdt.node_count + 2);
	CHECK_EQ(fdt_u32(&out, fdt_path(&out, "/soc"), "added", 0), 1);
	CHECK_EQ(fdt_u32(&out, fdt_path(&out, "/cpus/cpu@1"), "reg", 0), 1);
	CHECK(fdt_path(&out, "/soc/uart@9000000/deep") != FDT_NO_NODE);
	CHECK_EQ(fdt_path(&out, "/z"), FDT_NO_NODE);
	CHECK(fdt_path(&out, "/unit@fedcba9876543210") != FDT_NO_NODE);
	CHECK(fdt_path(&out, "/unit@0") != FDT_NO_NODE);
	CHECK(fdt_path(&out, "/unit@10") != FDT_NO_NODE);
}

/* The end of each node is where the next one on its level may begin. */
TEST(node_ends)
{
	static const uint32_t ends[] = {56, 32, 28, 48};
	uint32_t size;
	struct fdt fdt;

	raw_begin();
	node("");  /* 0 to 8 */
	node("x"); /* to 16 */
	node("y");
	cell(END_NODE);
	cell(END_NODE);
	node("z");
	cell(NOP);
	cell(END_NODE);
	cell(NOP);
	cell(END_NODE);
	cell(END);
	size = raw_end();
	CHECK_STR(unit_fdt_open(&fdt, unit_copy(raw, size), size), NULL);
	for (fdt_node_t n = 0; n < 4; n++)
		CHECK_EQ(fdt_node_end(&fdt, n), ends[n]);
}

static struct fdt_writer *start(void)
{
	static _Alignas(8) uint8_t buffer[CAPACITY];

	fdt_begin(&writer, buffer, sizeof(buffer), 1);
	return &writer;
}

TEST(misuse_makes_no_tree)
{
	struct fdt_writer *w;

	w = start(); /* no node */
	CHECK_EQ(fdt_finish(w, 0), 0);

	w = start(); /* a node is open */
	fdt_put_node(w, "");
	CHECK_EQ(fdt_finish(w, 0), 0);

	w = start(); /* an end too many */
	fdt_put_node(w, "");
	fdt_put_end(w);
	fdt_put_end(w);
	CHECK_EQ(fdt_finish(w, 0), 0);

	w = start(); /* two roots */
	fdt_put_node(w, "");
	fdt_put_end(w);
	fdt_put_node(w, "");
	fdt_put_end(w);
	CHECK_EQ(fdt_finish(w, 0), 0);

	w = start(); /* a root with a name */
	fdt_put_node(w, "root");
	fdt_put_end(w);
	CHECK_EQ(fdt_finish(w, 0), 0);

	w = start(); /* a node without one */
	fdt_put_node(w, "");
	fdt_put_node(w, "");
	fdt_put_end(w);
	fdt_put_end(w);
	CHECK_EQ(fdt_finish(w, 0), 0);

	w = start(); /* a property after a child */
	fdt_put_node(w, "");
	fdt_put_node(w, "x");
	fdt_put_end(w);
	fdt_put_u32(w, "a", 1);
	fdt_put_end(w);
	CHECK_EQ(fdt_finish(w, 0), 0);

	w = start(); /* a property outside */
	fdt_put_u32(w, "a", 1);
	fdt_put_node(w, "");
	fdt_put_end(w);
	CHECK_EQ(fdt_finish(w, 0), 0);

	w = start(); /* a property without a name */
	fdt_put_node(w, "");
	fdt_put_u32(w, "", 1);
	fdt_put_end(w);
	CHECK_EQ(fdt_finish(w, 0), 0);

	w = start(); /* names that come after a property */
	fdt_put_node(w, "");
	fdt_put_u32(w, "a", 1);
	fdt_put_names(w, "b", 2);
	fdt_put_end(w);
	CHECK_EQ(fdt_finish(w, 0), 0);

	w = start(); /* names twice */
	fdt_put_names(w, "a", 2);
	fdt_put_names(w, "b", 2);
	fdt_put_node(w, "");
	fdt_put_end(w);
	CHECK_EQ(fdt_finish(w, 0), 0);

	w = start(); /* more names than room */
	fdt_put_names(w, "a", CAPACITY);
	fdt_put_node(w, "");
	fdt_put_end(w);
	CHECK_EQ(fdt_finish(w, 0), 0);

	w = start(); /* a reservation that was not announced */
	fdt_put_reservation(w, 1, 0, 0);
	fdt_put_node(w, "");
	fdt_put_end(w);
	CHECK_EQ(fdt_finish(w, 0), 0);
}

TEST(writer_depth)
{
	for (uint32_t depth = 1; depth < FDT_MAX_DEPTH + 3; depth++) {
		struct fdt_writer *w = start();

		fdt_put_node(w, "");
		for (uint32_t i = 1; i < depth; i++)
			fdt_put_node(w, "x");
		for (uint32_t i = 0; i < depth; i++)
			fdt_put_end(w);
		CHECK_EQ(fdt_finish(w, 0) != 0, depth <= FDT_MAX_DEPTH);
	}
}

/* Sizes that wrap must not fit. */
TEST(huge_values)
{
	uint32_t sizes[] = {CAPACITY, 0x7fffffff, 0xfffffff4, 0xffffffff};

	for (size_t i = 0; i < 4; i++) {
		struct fdt_writer *w = start();

		fdt_put_node(w, "");
		fdt_put_prop(w, "a", raw, sizes[i]);
		fdt_put_end(w);
		CHECK_EQ(fdt_finish(w, 0), 0);
		w = start();
		fdt_put_node(w, "");
		fdt_put_cells(w, "a", (const uint32_t *)raw, sizes[i]);
		fdt_put_end(w);
		CHECK_EQ(fdt_finish(w, 0), 0);
		fdt_begin(w, tree, sizeof(tree), sizes[i]);
		fdt_put_node(w, "");
		fdt_put_end(w);
		CHECK_EQ(fdt_finish(w, 0), 0);
	}
}
