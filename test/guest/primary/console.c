/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Suite `console`: a VM's UART, and the calls with which the primary has the
 * other end. What is written before option HF_OPTION_CONSOLE is printed by the
 * hypervisor; test/suites/target.py looks for it.
 */
#include <stddef.h>
#include "smccc.h"
#include "string.h"
#include "sysreg.h"
#include "test.h"
#include "timer.h"
#include "vm.h"

#define UART UINT64_C(0x09000000)
#define DR 0x00
#define FR 0x18
#define FR_BUSY 0x08
#define FR_RXFE 0x10
#define FR_TXFF 0x20
#define FR_RXFF 0x40
#define FR_TXFE 0x80
#define LCR_H 0x2c
#define LCR_H_FEN 0x10
#define IFLS 0x34
#define IMSC 0x38
#define RIS 0x3c
#define MIS 0x40
#define ICR 0x44
#define RTC UINT64_C(0x09010000)

#define INPUT_SIZE 256
#define OUTPUT_SIZE 2048

static char text[8192];

static void add_print(uint64_t times, const char *s)
{
	uint64_t a[3] = {0};

	memcpy(a, s, strlen(s));
	script_add(STEP_PRINT, times, a[0], a[1], a[2]);
}

static void add_read(uint64_t address)
{
	script_add(STEP_READ_DEVICE, address, 4, 0, 0);
}

static void add_write(uint64_t address, uint64_t value)
{
	script_add(STEP_WRITE_DEVICE, address, 4, value, 0);
}

/* Result `i` of the script, which was an access without an exception. */
static uint64_t value_of(unsigned int i)
{
	const struct step_result *r = script_result(i);

	return r->esr ? ~UINT64_C(0) : r->x[0];
}

/* All output of a VM, behind the first `at` bytes of text[]. */
static size_t read_output(uint32_t vm, size_t at)
{
	uint64_t part[3];
	int64_t n;

	while ((n = hf_console_read(vm, part)) > 0 &&
	       at + (size_t)n < sizeof(text)) {
		memcpy(text + at, part, (size_t)n);
		at += (size_t)n;
	}
	text[at] = '\0';
	return at;
}

static int64_t write_input(uint32_t vm, const char *s, uint32_t count)
{
	uint64_t part[2] = {0};

	memcpy(part, s, count < 16 ? count : 16);
	return hf_console_write(vm, part, count);
}

/* --- printed by the hypervisor --- */

static void printed(void)
{
	script_start();
	add_print(1, "before\r\n");
	add_print(1, "a\x1b"
		     "b\tc\n");
	CHECK(script_run(vm_named("service")));
	/* Nothing of it is left to be read. */
	CHECK_EQ(read_output(vm_named("service"), 0), 0);
}

/* A line without an end is printed in parts, and when its VM ends. */
static void printed_in_parts(void)
{
	uint32_t vm = vm_named("other");

	script_start();
	add_print(21, "xxxxxxxx");
	add_print(1, "\n");
	add_print(1, "end of life");
	script_add(STEP_HVC, PSCI_SYSTEM_OFF, 0, 0, 0);
	CHECK(vm_run_to_read(vm, 0));
	CHECK_EQ(script_send(vm), 1);
	CHECK_EQ(hf_vcpu_code(vm_run(vm, 0)), HF_VCPU_ABORTED);
}

/* What was not printed when the driver comes is for it. */
static void rest_is_read(void)
{
	uint32_t vm = vm_named("service");

	script_start();
	add_print(1, "login: ");
	CHECK(script_run(vm));
	CHECK_EQ(hf_set_options(HF_OPTION_CONSOLE), 0);
	CHECK_EQ(read_output(vm, 0), 7);
	CHECK(!strcmp(text, "login: "));
}

/* --- read by the primary --- */

/* It is told before the vCPU waits, which it does at the next run. */
static void told(void)
{
	uint32_t vm = vm_named("service");

	script_start();
	add_print(1, "hello\n");
	CHECK_EQ(script_send(vm), 1);
	CHECK_EQ(hf_vcpu_code(vm_run(vm, 0)), HF_VCPU_RESPONSE_READY);
	CHECK_EQ(hf_rpc_ack(), 0);
	CHECK_EQ(vm_run(vm, 0), HF_VCPU_CONSOLE);
	CHECK_EQ(vm_run(vm, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK_EQ(vm_run(vm, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK_EQ(read_output(vm, 0), 6);
	CHECK(!strcmp(text, "hello\n"));
	CHECK_EQ(read_output(vm, 0), 0);
}

/* A message that comes while it is told of output is not waited for. */
static void told_before_a_message(void)
{
	uint32_t vm = vm_named("service");

	script_start();
	add_print(1, "one");
	CHECK_EQ(script_send(vm), 1);
	CHECK_EQ(hf_vcpu_code(vm_run(vm, 0)), HF_VCPU_RESPONSE_READY);
	CHECK_EQ(hf_rpc_ack(), 0);
	CHECK_EQ(vm_run(vm, 0), HF_VCPU_CONSOLE);
	script_start();
	script_add(STEP_NOW, 0, 0, 0, 0);
	CHECK_EQ(script_send(vm), 0);
	CHECK(script_finish(vm, 0));
	CHECK_EQ(read_output(vm, 0), 3);
}

static void told_before_wfi(void)
{
	uint32_t vm = vm_named("service");

	script_start();
	add_print(1, "one");
	script_add(STEP_WFI, 0, 0, 0, 0);
	script_add(STEP_WFI, 0, 0, 0, 0);
	CHECK_EQ(script_send(vm), 1);
	CHECK_EQ(vm_run(vm, 0), HF_VCPU_CONSOLE);
	CHECK_EQ(vm_run(vm, 0), HF_VCPU_WAIT_FOR_INTERRUPT);
	CHECK(script_finish(vm, 0));
	CHECK_EQ(read_output(vm, 0), 3);
}

static bool is_pattern(size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (text[i] != "0123456789abcdefghijklm\n"[i % 24])
			return false;
	return true;
}

/* Much more than there is room for: nothing is lost, and nothing is late. */
static void much_output(void)
{
	uint32_t vm = vm_named("service");
	unsigned int rounds = 0;
	uint64_t result;
	size_t size = 0;

	script_start();
	add_print(300, "0123456789abcdefghijklm\n");
	CHECK_EQ(script_send(vm), 1);
	while ((result = vm_run(vm, 0)) == HF_VCPU_CONSOLE) {
		size_t before = size;

		size = read_output(vm, size);
		CHECK(size - before >= OUTPUT_SIZE / 2);
		CHECK(size - before <= OUTPUT_SIZE);
		rounds++;
	}
	CHECK_EQ(hf_vcpu_code(result), HF_VCPU_RESPONSE_READY);
	CHECK_EQ(hf_rpc_ack(), 0);
	size = read_output(vm, size);
	CHECK_EQ(size, 7200);
	CHECK(is_pattern(size));
	CHECK(rounds >= 3);
	vm_run_to_read(vm, 0);
}

/* If nobody reads, the VM waits for room, and says so at each look. */
static void full_output(void)
{
	uint32_t vm = vm_named("service");
	unsigned int i;

	script_start();
	add_print(100, "0123456789abcdefghijklm\n");
	add_read(UART + FR);
	CHECK_EQ(script_send(vm), 1);
	for (i = 0; i < 5000; i++)
		CHECK_EQ(vm_run(vm, 0), HF_VCPU_CONSOLE);
	/* Without FIFO there is one character in the transmitter. */
	CHECK_EQ(read_output(vm, 0), OUTPUT_SIZE - 15);
	CHECK(is_pattern(OUTPUT_SIZE - 15));
	CHECK(script_finish(vm, 0));
	CHECK_EQ(value_of(1), FR_TXFE | FR_RXFE);
	CHECK_EQ(read_output(vm, OUTPUT_SIZE - 15), 2400);
	CHECK(is_pattern(2400));
}

/* --- input --- */

static void input(void)
{
	static const struct {
		uint16_t offset;
		uint16_t value;
	} rows[] = {
		{FR, FR_TXFE}, {RIS, 0x50}, {MIS, 0},  {DR, 'a'},
		{DR, 'b'},     {RIS, 0x50}, {DR, 'c'}, {FR, FR_TXFE | FR_RXFE},
		{RIS, 0},      {DR, 0}};
	uint32_t vm = vm_named("service");
	unsigned int i;

	CHECK_EQ(write_input(vm, "abc", 3), 3);
	script_start();
	/* Of the transmitter nothing is to be seen here. */
	add_write(UART + ICR, 0x7ff & ~0x50);
	add_write(UART + LCR_H, LCR_H_FEN);
	for (i = 0; i < 10; i++)
		add_read(UART + rows[i].offset);
	add_write(UART + LCR_H, 0);
	CHECK(script_run(vm));
	for (i = 0; i < 10; i++)
		if (value_of(i + 2) != rows[i].value)
			FAIL("register 0x%x, read %u: 0x%lx", rows[i].offset, i,
			     value_of(i + 2));
}

static void input_is_limited(void)
{
	uint32_t vm = vm_named("service");
	unsigned int i, sum = 0;

	for (i = 0; i < INPUT_SIZE / 16; i++)
		CHECK_EQ(write_input(vm, "0123456789abcdef", 16), 16);
	CHECK_EQ(write_input(vm, "x", 1), 0);
	script_start();
	add_read(UART + FR);
	for (i = 0; i < 16; i++)
		add_read(UART + DR);
	CHECK(script_run(vm));
	CHECK_EQ(value_of(0), FR_TXFE | FR_RXFF);
	for (i = 0; i < 16; i++)
		CHECK_EQ(value_of(i + 1), "0123456789abcdef"[i]);
	CHECK_EQ(write_input(vm, "0123456789abcdef", 16), 16);
	for (i = 0; i < 16; i++) {
		unsigned int k;

		script_start();
		for (k = 0; k < 16; k++)
			add_read(UART + DR);
		CHECK(script_run(vm));
		for (k = 0; k < 16; k++)
			sum += value_of(k) == "0123456789abcdef"[k];
	}
	CHECK_EQ(sum, INPUT_SIZE);
}

/* --- registers --- */

/* What is left of all ones; by every width; identification. */
static void registers(void)
{
	static const struct {
		uint16_t offset;
		uint16_t value;
	} rows[] = {
		{0x04, 0},     {0x20, 0xff},   {0x24, 0xffff}, {0x28, 0x3f},
		{LCR_H, 0xff}, {0x30, 0xff87}, {IFLS, 0x3f},   {IMSC, 0x7ff},
		{ICR, 0},      {0x48, 7},      {0x80, 0},      {0xfe0, 0x11},
		{0xfe4, 0x10}, {0xfe8, 0x14},  {0xfec, 0},     {0xff0, 0x0d},
		{0xff4, 0xf0}, {0xff8, 5},     {0xffc, 0xb1}};
	const unsigned int n = sizeof(rows) / sizeof(rows[0]);
	uint32_t vm = vm_named("service");
	unsigned int i;

	for (i = 0; i < n; i++) {
		uint64_t at = UART + rows[i].offset;

		script_start();
		add_read(at);
		add_write(at, 0xffffffff);
		add_read(at);
		script_add(STEP_READ_DEVICE, at, 2, 0, 0);
		script_add(STEP_READ_DEVICE, at, 1, 0, 0);
		script_add(STEP_WRITE_DEVICE, at, 1, 0, 0);
		add_read(at);
		CHECK(script_run(vm));
		if (value_of(2) != rows[i].value ||
		    value_of(3) != rows[i].value ||
		    value_of(4) != (rows[i].value & 0xff))
			FAIL("register 0x%x: 0x%lx 0x%lx 0x%lx", rows[i].offset,
			     value_of(2), value_of(3), value_of(4));
		script_start();
		add_write(at, value_of(0));
		CHECK(script_run(vm));
	}
}

static void clock(void)
{
	uint32_t vm = vm_named("service");
	uint64_t first;

	script_start();
	add_read(RTC);
	add_write(RTC, 12345);
	add_read(RTC + 0x0c);
	add_read(RTC + 0xfe0);
	add_read(RTC + 0xfe4);
	script_add(STEP_SPIN_NS, 1100000000, 0, 0, 0);
	add_read(RTC);
	CHECK(script_run(vm));
	first = value_of(0);
	CHECK(value_of(6) - first - 1 < 3);
	/* The board's, which the primary has. */
	CHECK(value_of(6) - read32(RTC) + 3 < 6);
	CHECK_EQ(value_of(2), 1);
	CHECK_EQ(value_of(3), 0x31);
	CHECK_EQ(value_of(4), 0x10);
}

/* --- wrong arguments --- */

static void refused(void)
{
	uint32_t count = (uint32_t)hf_vm_get_count();
	uint32_t bad[] = {count, NO_VM, 1u << 31};
	uint64_t part[3];
	unsigned int i;

	for (i = 0; i < 3; i++) {
		CHECK_EQ(hf_vm_get_state(bad[i]), -1);
		CHECK_EQ(hf_console_read(bad[i], part), -1);
		CHECK_EQ(part[0] | part[1] | part[2], 0);
		CHECK_EQ(write_input(bad[i], "x", 1), -1);
	}
	CHECK_EQ(write_input(0, "", 17), -1);
	CHECK_EQ(write_input(0, "", 0x80000000), -1);
	/* The one that ended: what it wrote can be read, no more. */
	CHECK_EQ(write_input(vm_named("other"), "x", 1), -1);
	CHECK_EQ(hf_console_read(vm_named("other"), part), 0);
	CHECK_EQ(hf_vm_get_state(vm_named("other")),
		 HF_VM_STOPPED | HF_ABORT_SYSTEM_OFF << HF_VM_REASON_SHIFT);
	CHECK_EQ(hf_vm_get_state(vm_named("service")), HF_VM_RUNNING);
	CHECK_EQ(hf_set_options(HF_OPTION_CONSOLE << 1), -1);
}

/* A secondary makes none of these calls. */
static void refused_to_secondary(void)
{
	uint64_t fn;
	unsigned int i;

	script_start();
	for (fn = HF_VM_GET_STATE; fn <= HF_LOG_READ; fn++)
		script_add(STEP_HVC, fn, 0, 0, 0);
	CHECK(script_run(vm_named("service")));
	for (i = 0; i <= HF_LOG_READ - HF_VM_GET_STATE; i++)
		CHECK_EQ(script_result(i)->x[0], ~UINT64_C(0));
}

/* --- the log --- */

static bool has(const char *what)
{
	size_t n = strlen(what);
	const char *s;

	for (s = text; *s; s++)
		if (!memcmp(s, what, n))
			return true;
	return false;
}

static void log_is_read(void)
{
	uint64_t part[3] = {0};
	uint64_t first = 0, at = 0;
	int64_t next;

	memset(text, 0, sizeof(text));
	while ((uint64_t)(next = hf_log_read(at, part)) != at) {
		/* Too old a position: that of the oldest byte kept. */
		if (!at)
			first = (uint64_t)next - 24;
		at = (uint64_t)next;
		CHECK(at - first < sizeof(text));
		memcpy(text + (at - first - 1) / 24 * 24, part, 24);
	}
	CHECK(has("holdfast: Holdfast "));
	CHECK(has("holdfast: primary: "));
	CHECK(has("\n"));
	CHECK_EQ(part[0] | part[1] | part[2], 0);
	CHECK_EQ(strlen(text), at - first);
	/* Behind the end it begins again. */
	CHECK_EQ(hf_log_read(at + 1, part), first + 24);
	CHECK_EQ(hf_log_read(~UINT64_C(0), part), first + 24);
}

static const struct test_case cases[] = {
	{"printed", printed},
	{"printed_in_parts", printed_in_parts},
	{"rest_is_read", rest_is_read},
	{"told", told},
	{"told_before_a_message", told_before_a_message},
	{"told_before_wfi", told_before_wfi},
	{"much_output", much_output},
	{"full_output", full_output},
	{"input", input},
	{"input_is_limited", input_is_limited},
	{"registers", registers},
	{"clock", clock},
	{"refused", refused},
	{"refused_to_secondary", refused_to_secondary},
	{"log_is_read", log_is_read},
	{NULL, NULL},
};

const struct suite suite_console = {"console", cases};
