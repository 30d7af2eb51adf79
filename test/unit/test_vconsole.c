/* SPDX-License-Identifier: BSD-3-Clause */
/* src/vconsole.c, src/ring.h and the calls of src/manage.c for them. */
#include "unit.h"
#include "fake.h"
#include "hf/abi.h"
#include "log.h"
#include "manage.h"
#include "vconsole.h"

static struct vm *vm;
static uint64_t results[3];

static void start(void)
{
	fake_reset();
	log_init();
	log_console_ready();
	fake_start(1, 2, 2);
	vm = &vm_secondary[1];
	fake_clear_output();
}

static int64_t call(uint64_t number, uint64_t a1, uint64_t a2, uint64_t a3)
{
	uint64_t x[4] = {number, a1, a2, a3};

	CHECK(manage_call(x));
	memcpy(results, &x[1], sizeof(results));
	return (int64_t)x[0];
}

static void put(const char *text)
{
	spin_lock(&vm->console.lock);
	for (; *text; text++)
		vconsole_put(vm, *text);
	spin_unlock(&vm->console.lock);
}

static void put_many(unsigned int count)
{
	char c[2] = "";

	for (unsigned int i = 0; i < count; i++) {
		c[0] = (char)('a' + i % 26);
		put(c);
	}
}

static void read_by_primary(void)
{
	vm_options = HF_OPTION_CONSOLE;
}

/* --- printed --- */

TEST(lines)
{
	start();
	put("one\n");
	CHECK_STR(fake.output, "[vm1] one\r\n");
	fake_clear_output();
	put("two");
	CHECK_STR(fake.output, "");
	put("\r\nthree\n");
	CHECK_STR(fake.output, "[vm1] two\r\n[vm1] three\r\n");
	CHECK_EQ(vconsole_news(&vm->console), NO_NEWS);
	CHECK_EQ(call(HF_CONSOLE_READ, 1, 0, 0), 0);
}

/* Nothing that a VM writes moves the cursor, or looks like another line. */
TEST(control_characters)
{
	start();
	put("a\x1b[2Jb\rc\bd\te\x7f\xc3\x9b\r\n");
	CHECK_STR(fake.output, "[vm1] a.[2Jb.c.d\te...\r\n");
	fake_clear_output();
	spin_lock(&vm->console.lock);
	vconsole_put(vm, '\0');
	spin_unlock(&vm->console.lock);
	put("\n\n\r\n");
	CHECK_STR(fake.output, "[vm1] .\r\n[vm1] \r\n[vm1] \r\n");
}

TEST(long_lines)
{
	start();
	put_many(160);
	CHECK_EQ(fake.output_length, strlen("[vm1] \r\n") + 160);
	put("\n");
	CHECK_EQ(fake.output_length, 2 * strlen("[vm1] \r\n") + 160);
	fake_clear_output();
	put_many(159);
	CHECK_STR(fake.output, "");
	put("\n");
	CHECK_EQ(fake.output_length, strlen("[vm1] \r\n") + 159);
}

TEST(last_words)
{
	start();
	put("panic: no init");
	CHECK_STR(fake.output, "");
	vm_abort(vm, HF_ABORT_SYSTEM_OFF);
	CHECK_STR(fake.output, "[vm1] panic: no init\r\n");
	vm_abort(vm, HF_ABORT_SYSTEM_OFF);
	vconsole_flush(vm);
	CHECK_STR(fake.output, "[vm1] panic: no init\r\n");
}

static unsigned int count_lines(void)
{
	unsigned int n = 0;

	for (const char *p = fake.output; *p; p++)
		n += *p == '\n';
	return n;
}

/* A burst, then so many a second; other lines have limits of their own. */
TEST(flood)
{
	start();
	for (unsigned int i = 0; i < 100000; i++)
		put("x\n");
	CHECK_EQ(count_lines(), LOG_VM_BURST);
	log_line("own");
	vm = &vm_secondary[0];
	put("other\n");
	vm = &vm_secondary[1];
	CHECK_EQ(count_lines(), LOG_VM_BURST + 2);
	fake.seconds += 2;
	fake_clear_output();
	for (unsigned int i = 0; i < 1000; i++)
		put("x\n");
	CHECK_EQ(count_lines(), 2 * LOG_VM_RATE + 1);
	CHECK(fake_printed("(99936 lines left out)"));
	CHECK_EQ(ring_used(&vm->console.output), 0);
}

/* --- read by the primary --- */

TEST(read)
{
	char text[25];

	start();
	read_by_primary();
	put("abcdefghijklmnopqrstuvwxyz");
	CHECK_STR(fake.output, "");
	CHECK_EQ(call(HF_CONSOLE_READ, 1, 0, 0), 24);
	memcpy(text, results, 24);
	text[24] = '\0';
	CHECK_STR(text, "abcdefghijklmnopqrstuvwx");
	CHECK_EQ(vm->arch.console_changes, 1);
	CHECK_EQ(call(HF_CONSOLE_READ, 1, 0, 0), 2);
	CHECK_EQ(results[0], 'y' | 'z' << 8);
	CHECK_EQ(results[1] | results[2], 0);
	CHECK_EQ(call(HF_CONSOLE_READ, 1, 0, 0), 0);
	CHECK_EQ(results[0] | results[1] | results[2], 0);
	CHECK_EQ(vm->arch.console_changes, 2);
}

/* Once for all that is there; again for what comes then. */
TEST(told_once)
{
	start();
	read_by_primary();
	CHECK(!vconsole_tell(vm));
	put("a");
	CHECK_EQ(vconsole_news(&vm->console), SOME_OUTPUT);
	CHECK(vconsole_tell(vm));
	CHECK(!vconsole_tell(vm));
	put("b");
	CHECK(vconsole_tell(vm));
	put("c");
	CHECK_EQ(call(HF_CONSOLE_READ, 1, 0, 0), 3);
	CHECK(!vconsole_tell(vm));
	/* Who reads some of it is told of the rest. */
	put_many(30);
	CHECK_EQ(call(HF_CONSOLE_READ, 1, 0, 0), 24);
	CHECK(vconsole_tell(vm));
	/* Nobody is told who did not ask. */
	put("d");
	vm_options = 0;
	CHECK(!vconsole_tell(vm));
}

TEST(much)
{
	start();
	read_by_primary();
	put_many(VCONSOLE_OUTPUT / 4 * 3 - 1);
	CHECK_EQ(vconsole_news(&vm->console), SOME_OUTPUT);
	put("x");
	CHECK_EQ(vconsole_news(&vm->console), MUCH_OUTPUT);
	CHECK(vconsole_is_urgent(vm));
	CHECK(vconsole_tell(vm));
	CHECK(!vconsole_is_urgent(vm));
	put("x");
	CHECK_EQ(vconsole_news(&vm->console), MUCH_OUTPUT);
	/* Nobody reads any more: the VM need not stop for it. */
	vm_options = 0;
	CHECK(!vconsole_is_urgent(vm));
}

/* What there is no room for is lost, not what is there. */
TEST(full)
{
	unsigned int n = 0;
	int64_t count;

	start();
	read_by_primary();
	put_many(VCONSOLE_OUTPUT);
	put("!!!");
	while ((count = call(HF_CONSOLE_READ, 1, 0, 0)) > 0) {
		const char *text = (const char *)results;

		for (int64_t i = 0; i < count; i++, n++)
			CHECK_EQ(text[i], 'a' + n % 26);
	}
	CHECK_EQ(n, VCONSOLE_OUTPUT);
}

/* A driver comes and goes: what is left is its, then printed. */
TEST(driver_comes_and_goes)
{
	start();
	put("login: ");
	read_by_primary();
	CHECK_EQ(call(HF_CONSOLE_READ, 1, 0, 0), 7);
	put("one\ntwo\nth");
	vm_options = 0;
	put("ree\nfour");
	CHECK_STR(fake.output, "[vm1] one\r\n[vm1] two\r\n[vm1] three\r\n");
	/* With a full ring, too, which the VM only looks at. */
	read_by_primary();
	put_many(VCONSOLE_OUTPUT);
	vm_options = 0;
	fake_clear_output();
	spin_lock(&vm->console.lock);
	vconsole_want_room(vm);
	spin_unlock(&vm->console.lock);
	CHECK(fake_printed("[vm1] fourabc"));
	CHECK(ring_room(&vm->console.output) >= VCONSOLE_OUTPUT - 160);
}

/* --- input --- */

TEST(write)
{
	char text[] = "0123456789abcdef";
	uint64_t a[2];

	start();
	memcpy(a, text, 16);
	for (unsigned int n = 0; n <= 16; n++) {
		vm->console.input.begin = vm->console.input.end;
		CHECK_EQ(call(HF_CONSOLE_WRITE,
			      1 | (uint64_t)n << HF_WRITE_COUNT_SHIFT, a[0],
			      a[1]),
			 n);
		CHECK_EQ(ring_used(&vm->console.input), n);
		for (unsigned int i = 0; i < n; i++)
			CHECK_EQ(ring_get(&vm->console.input), text[i]);
	}
	CHECK_EQ(results[0] | results[1] | results[2], 0);
	CHECK_EQ(vm->arch.console_changes, 16);
	for (unsigned int i = 0; i < VCONSOLE_INPUT / 16; i++)
		CHECK_EQ(vconsole_write(vm, text, 16), 16);
	CHECK_EQ(vconsole_write(vm, text, 16), 0);
	ring_get(&vm->console.input);
	CHECK_EQ(vconsole_write(vm, "x", 1), 1);
	CHECK_EQ(ring_at(&vm->console.input, vm->console.input.end - 1), 'x');
}

TEST(refused)
{
	const uint64_t one = UINT64_C(1) << HF_WRITE_COUNT_SHIFT;

	start();
	for (unsigned int k = 1; k < 32; k++) {
		CHECK_EQ(call(HF_CONSOLE_READ, 1u << k, 0, 0), -1);
		CHECK_EQ(call(HF_CONSOLE_WRITE, 1u << k | one, 0, 0), -1);
	}
	for (unsigned int k = 4; k < 32; k++)
		CHECK_EQ(call(HF_CONSOLE_WRITE, 1 | one << k | one, 0, 0), -1);
	CHECK_EQ(call(HF_CONSOLE_READ, UINT64_C(1) << 32 | 1, 0, 0), 0);
	vm_secondary[0].vcpu_count = 0;
	CHECK_EQ(call(HF_CONSOLE_READ, 0, 0, 0), -1);
	CHECK_EQ(call(HF_CONSOLE_WRITE, one, 0, 0), -1);
	vm_abort(vm, HF_ABORT_FAULT);
	CHECK_EQ(call(HF_CONSOLE_READ, 1, 0, 0), 0);
	CHECK_EQ(call(HF_CONSOLE_WRITE, 1 | one, 0, 0), -1);
	CHECK_EQ(ring_used(&vm->console.input), 0);
}

/* A call that is none of these is left for others, as it was. */
TEST(other_calls)
{
	static const uint64_t numbers[] = {HF_VM_GET_STATE - 1, HF_LOG_READ + 1,
					   0, 0x80000000};

	start();
	for (unsigned int i = 0; i < ARRAY_SIZE(numbers); i++) {
		uint64_t x[4] = {numbers[i], 1, 2, 3};

		CHECK(!manage_call(x));
		CHECK(x[0] == numbers[i] && x[1] == 1 && x[2] == 2 &&
		      x[3] == 3);
	}
}

/* A new life: no input of the old one, what it wrote stays, and so do limits.
 */
TEST(reset)
{
	start();
	read_by_primary();
	put("bye");
	vconsole_write(vm, "abc", 3);
	vconsole_reset(vm);
	CHECK_EQ(ring_used(&vm->console.input), 0);
	CHECK_EQ(call(HF_CONSOLE_READ, 1, 0, 0), 3);
	CHECK_EQ(vm->arch.console_resets, 2);
}

/* --- told by a run --- */

static int64_t run(void)
{
	return fake_primary(HF_VCPU_RUN, 1, 0, 0);
}

/* What a run would have said comes with the next one. */
static void check_told(uint64_t exit, int64_t then, unsigned int entries)
{
	const struct fake_step script[] = {{.exit = exit}, FAKE_END};

	start();
	read_by_primary();
	fake_set_script(&vm->vcpus[0], script);
	put("x");
	if ((exit & EXIT_KIND_MASK) == EXIT_REPLIED ||
	    (exit & EXIT_KIND_MASK) == EXIT_ABORT) {
		CHECK_EQ(run(), then);
		return;
	}
	CHECK_EQ(run(), HF_VCPU_CONSOLE);
	CHECK_EQ(vm->vcpus[0].state, VCPU_READY);
	CHECK_EQ(run(), then);
	CHECK_EQ(vm->vcpus[0].arch.entries, entries);
	CHECK_EQ(vm->vcpus[0].unfinished, 0);
}

TEST(told_by_run)
{
	check_told(vcpu_exit(EXIT_INTERRUPT, 0), HF_VCPU_YIELD, 2);
	/* The wait is over: it asks again for what it waits for. */
	check_told(vcpu_exit(EXIT_WFI, 5), HF_VCPU_YIELD, 2);
	check_told(vcpu_exit(EXIT_CONSOLE, 0), HF_VCPU_YIELD, 2);
	check_told(vcpu_exit(EXIT_READ, 0), HF_VCPU_WAIT_FOR_INTERRUPT, 1);
	check_told(vcpu_exit(EXIT_OFF, 0), HF_VCPU_WAIT_FOR_INTERRUPT, 1);
	check_told(vcpu_exit(EXIT_REPLIED, 7), HF_VCPU_RESPONSE_READY | 7 << 8,
		   1);
	check_told(vcpu_exit(EXIT_ABORT, 1), HF_VCPU_ABORTED | 1 << 8, 1);
}

/*
 * The read that is unfinished finds a request that came meanwhile: the vCPU
 * goes on with it, and does not read a second time.
 */
TEST(request_while_told)
{
	static const struct fake_step script[] = {
		{HF_RPC_READ_REQUEST, 1, 0, 0, 0}, FAKE_END};

	start();
	CHECK_EQ(fake_primary(HF_VM_CONFIGURE, fake_page(NULL, 0),
			      fake_page(NULL, 1), 0),
		 0);
	fake_hvc(&vm->vcpus[0], HF_VM_CONFIGURE, fake_page(vm, 0),
		 fake_page(vm, 1), 0);
	read_by_primary();
	fake_set_script(&vm->vcpus[0], script);
	put("x");
	CHECK_EQ(run(), HF_VCPU_CONSOLE);
	CHECK_EQ(fake_primary(HF_RPC_REQUEST, 1, 8, 0), 0);
	CHECK_EQ(run(), HF_VCPU_YIELD);
	CHECK_EQ(vm->vcpus[0].arch.result[0], 8);
	CHECK_EQ(vm->mailbox.state, MAILBOX_INFLIGHT);
	CHECK_EQ(vm->vcpus[0].state, VCPU_READY);
	CHECK_EQ(vm->vcpus[0].arch.entries, 2);
}

/* Without a driver that reads, a run says what it always did. */
TEST(not_told_without_option)
{
	static const struct fake_step script[] = {
		{.exit = EXIT_CONSOLE}, {.exit = EXIT_WFI}, FAKE_END};

	start();
	put("x");
	fake_set_script(&vm->vcpus[0], script);
	CHECK_EQ(run(), HF_VCPU_YIELD);
	CHECK_EQ(run(), HF_VCPU_WAIT_FOR_INTERRUPT);
}

/* --- the log --- */

static uint64_t read_log(uint64_t at, char *text)
{
	memset(text, 0, 25);
	at = (uint64_t)call(HF_LOG_READ, at, 0, 0);
	memcpy(text, results, 24);
	return at;
}

TEST(log_is_kept)
{
	char text[25];

	start();
	log_init();
	CHECK_EQ(read_log(0, text), 0);
	CHECK_STR(text, "");
	log_line("%s", "abcdefghijklmn");
	CHECK_EQ(read_log(0, text), 24);
	CHECK_STR(text, "holdfast: abcdefghijklmn");
	CHECK_EQ(read_log(24, text), 25);
	CHECK_STR(text, "\n");
	CHECK_EQ(read_log(25, text), 25);
	CHECK_STR(text, "");
	/* What is behind the end stands for the oldest. */
	CHECK_EQ(read_log(26, text), 24);
	CHECK_EQ(read_log(~UINT64_C(0), text), 24);
	/* What VMs print is none of it. */
	put("secret\n");
	CHECK_EQ(read_log(25, text), 25);
}

TEST(old_log_is_gone)
{
	char text[25];
	uint64_t at, end;

	start();
	log_init();
	for (unsigned int i = 0; i < 1000; i++)
		log_line("line %u", i);
	end = 10 * 17 + 90 * 18 + 900 * 19;
	for (at = 0;;) {
		uint64_t next = read_log(at, text);

		if (next == at)
			break;
		if (!at)
			CHECK_EQ(next, end - LOG_KEPT + 24);
		at = next;
	}
	CHECK_EQ(at, end);
	read_log(end - 9, text);
	CHECK_STR(text, "line 999\n");
}
