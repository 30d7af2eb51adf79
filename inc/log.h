/* SPDX-License-Identifier: BSD-3-Clause */
/* The boot log and the panic report, on the board's console. */
#ifndef LOG_H
#define LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Before the first line. */
void log_init(void);

/*
 * Prints a line "holdfast: ..." (the newline is added). Formats: %s, %c, %d,
 * %u, %x with l or ll, a field width with or without 0, and %%. A line is
 * printed whole even if several CPUs log. Text that was logged before the
 * console was found is kept and printed then.
 */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How much of the log one VM may cause: LOG_BURST lines, and one a second. */
#define LOG_BURST 16

struct log_limit {
	/* The console's lock guards all. */
	uint32_t spent; /* lines of its burst */
	uint32_t lost;	/* lines left out since the last one */
	uint64_t since; /* when `spent` was right, in seconds */
};

/*
 * The same for a line that a VM caused. One that is over the VM's limit is
 * left out, and counted in front of the next that is not.
 */
void log_guest(struct log_limit *limit, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* How much a VM may print on its console: a burst of lines, and so many a
 * second. */
#define LOG_VM_BURST 64
#define LOG_VM_RATE 16

/*
 * Prints a line that a VM wrote to its console, "[NAME] ...". It is no line of
 * the log. Those over the limit are left out, and counted as by log_guest().
 */
void log_vm(struct log_limit *limit, const char *name, const char *text);

/* Bytes of the log that are kept: the last ones. */
#define LOG_KEPT 4096

/*
 * Reads the log from byte `position` on, counted from the start of the
 * hypervisor: up to `size` bytes, none of which is zero; the rest of `to`
 * stays. Returns the position of the next. One that is not kept, or not written
 * yet, stands for that of the oldest byte kept.
 */
uint64_t log_read(uint64_t position, char *to, uint32_t size);

/*
 * Formats into `out` of `size` bytes (size > 0), cut off and terminated if
 * too long. Returns the length without the terminator.
 */
size_t log_format(char *out, size_t size, const char *format, va_list *args);

/* The same with its arguments in place. */
size_t log_print(char *out, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Called once the console works: prints what was logged until then. */
void log_console_ready(void);

/*
 * The first CPU to panic calls this before its first line: what other CPUs are
 * printing comes to its end, if it does soon, and they print no more.
 */
void log_panic_begin(void);

/* Prints a line from the panic path: takes no lock. */
void log_panic_line(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/*
 * Reports a state that can not be, with CPU, registers and a backtrace, and
 * stops all of the board. Never returns, takes no lock.
 */
_Noreturn void panic(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/*
 * Whether panic() has the firmware reset the board behind the report, instead
 * of a halt. Set while booting; holds once boot is over.
 */
extern bool panic_resets;

/*
 * Ends boot because of bad input: prints the line, says that nothing was
 * started, and halts the board. Never returns.
 */
_Noreturn void boot_stop(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

#endif
