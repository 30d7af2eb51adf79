// SPDX-License-Identifier: BSD-3-Clause
/*
 * holdfastctl: what the user of a primary VM does with the secondary VMs. All
 * of it is done by way of files that the driver makes:
 *
 *   /sys/class/holdfast/NAME/      what is known of a VM; `state` is written
 *   /dev/ttyHF<index>              its console
 *   /dev/holdfast/log              what the hypervisor printed
 *   /proc/device-tree/hypervisor/  VMs that were left out, too
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define SYSFS "/sys/class/holdfast"
#define TREE "/proc/device-tree/hypervisor"

#define TEXT_MAX 128
#define VMS_MAX 256
#define VCPUS_MAX 64

/* Ctrl-] leaves a console. */
#define ESCAPE 0x1d

/* How often it is looked whether a VM still runs, in milliseconds. */
#define STATE_MS 500

/* A file of a VM in sysfs, its number, and the name of its directory. */
struct vm {
	char name[TEXT_MAX];
	unsigned int index;
};

static _Noreturn void die(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "holdfastctl: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(1);
}

/* Reads a file of a VM without its last newline. False if there is none. */
static bool get(const struct vm *vm, const char *file, char *text, size_t size)
{
	char path[3 * TEXT_MAX];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), SYSFS "/%s/%s", vm->name, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, text, size - 1);
	close(fd);
	if (got < 0)
		return false;
	text[got] = '\0';
	if (got && text[got - 1] == '\n')
		text[got - 1] = '\0';
	return true;
}

static void get_or_die(const struct vm *vm, const char *file, char *text,
		       size_t size)
{
	if (!get(vm, file, text, size))
		die("%s: %s: %s", vm->name, file, strerror(errno));
}

static int by_index(const void *a, const void *b)
{
	const struct vm *x = a, *y = b;

	return x->index < y->index ? -1 : x->index > y->index;
}

/* All VMs that have a device, by their numbers. Returns how many. */
static size_t find_vms(struct vm vms[VMS_MAX])
{
	char text[TEXT_MAX];
	struct dirent *entry;
	size_t count = 0;
	DIR *dir = opendir(SYSFS);

	if (!dir)
		die("there is no " SYSFS ": is the driver loaded?");
	while (count < VMS_MAX && (entry = readdir(dir))) {
		struct vm *vm = &vms[count];

		snprintf(vm->name, sizeof(vm->name), "%.127s", entry->d_name);
		if (entry->d_name[0] == '.' ||
		    !get(vm, "index", text, sizeof(text)))
			continue;
		vm->index = (unsigned int)strtoul(text, NULL, 10);
		count++;
	}
	closedir(dir);
	qsort(vms, count, sizeof(*vms), by_index);
	return count;
}

/* The VM of that name or number. */
static struct vm find_vm(const char *name)
{
	static struct vm vms[VMS_MAX];
	size_t count = find_vms(vms);
	char label[TEXT_MAX], *end;
	unsigned long index = strtoul(name, &end, 10);
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(vms[i].name, name) ||
		    (get(&vms[i], "name", label, sizeof(label)) &&
		     !strcmp(label, name)))
			return vms[i];
	for (i = 0; i < count && isdigit((unsigned char)*name) && !*end; i++)
		if (vms[i].index == index)
			return vms[i];
	die("there is no VM %s", name);
}

/* --- list -------------------------------------------------------------------
 */

/* The label of VM `index` in the device tree; false: no such VM. */
static bool tree_label(unsigned int index, char *text, size_t size)
{
	char path[TEXT_MAX];
	FILE *file;
	size_t got;

	snprintf(path, sizeof(path), TREE "/vm@%x/label", index);
	file = fopen(path, "re");
	if (!file)
		return false;
	got = fread(text, 1, size - 1, file);
	text[got] = '\0';
	fclose(file);
	return true;
}

static void list_one(const struct vm *vm)
{
	char state[TEXT_MAX], vcpus[TEXT_MAX], reason[TEXT_MAX], tty[TEXT_MAX];

	get_or_die(vm, "state", state, sizeof(state));
	get_or_die(vm, "vcpus", vcpus, sizeof(vcpus));
	get_or_die(vm, "reason", reason, sizeof(reason));
	snprintf(tty, sizeof(tty), "ttyHF%u", vm->index);
	printf("%-3u %-16s %-9s %-6s %-9s %s\n", vm->index, vm->name, state,
	       vcpus, tty, strcmp(reason, "none") ? reason : "");
}

static void list(void)
{
	static struct vm vms[VMS_MAX];
	size_t count = find_vms(vms);
	char label[TEXT_MAX];
	unsigned int index;
	size_t i = 0;

	printf("%-3s %-16s %-9s %-6s %-9s %s\n", "VM", "NAME", "STATE", "VCPUS",
	       "CONSOLE", "REASON");
	for (index = 0; index < VMS_MAX; index++) {
		if (i < count && vms[i].index == index)
			list_one(&vms[i++]);
		else if (tree_label(index, label, sizeof(label)))
			printf("%-3u %-16s %-9s %-6s %-9s\n", index, label,
			       "left-out", "-", "-");
	}
}

/* --- start, stop, restart ---------------------------------------------------
 */

static void command(const char *name, const char *word)
{
	struct vm vm = find_vm(name);
	char path[2 * TEXT_MAX];
	int fd;

	snprintf(path, sizeof(path), SYSFS "/%s/state", vm.name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, word, strlen(word)) >= 0) {
		close(fd);
		return;
	}
	if (errno == EBUSY)
		die("%s: %s: it runs already", name, word);
	die("%s: %s: %s", name, word, strerror(errno));
}

/* --- console ----------------------------------------------------------------
 */

static struct termios saved;
static bool is_terminal;

static void restore_terminal(void)
{
	if (is_terminal)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
}

static void leave(int signal)
{
	(void)signal;
	restore_terminal();
	_exit(1);
}

static void make_raw(void)
{
	struct termios raw;

	is_terminal = !tcgetattr(STDIN_FILENO, &saved);
	if (!is_terminal)
		return;
	raw = saved;
	cfmakeraw(&raw);
	signal(SIGTERM, leave);
	signal(SIGHUP, leave);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

/* Writes all of it, however slowly it is taken. */
static bool put(int fd, const char *data, size_t size)
{
	struct pollfd room = {.fd = fd, .events = POLLOUT};
	ssize_t done;

	while (size) {
		done = write(fd, data, size);
		if (done < 0 && errno == EAGAIN)
			poll(&room, 1, -1);
		else if (done < 0 && errno != EINTR)
			return false;
		if (done > 0) {
			data += done;
			size -= (size_t)done;
		}
	}
	return true;
}

/* From the user to the VM. False: this is the end. */
static bool type(int tty)
{
	char data[256], *escape;
	ssize_t size = read(STDIN_FILENO, data, sizeof(data));

	if (size <= 0)
		return size < 0 && errno == EINTR;
	escape = is_terminal ? memchr(data, ESCAPE, (size_t)size) : NULL;
	if (escape)
		size = escape - data;
	return put(tty, data, (size_t)size) && !escape;
}

/* From the VM to the user. False: this is the end. */
static bool show(int tty)
{
	char data[4096];
	ssize_t size = read(tty, data, sizeof(data));

	/* Somebody else may have the tty open, too, and be faster. */
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	return size > 0 && put(STDOUT_FILENO, data, (size_t)size);
}

/* Whether the VM is over, and not about to start again. */
static bool is_over(const struct vm *vm, char *reason, size_t size)
{
	char state[TEXT_MAX];

	if (!get(vm, "state", state, sizeof(state)) ||
	    !get(vm, "reason", reason, size))
		return true;
	return strcmp(state, "running") && strcmp(state, "starting") &&
	       strcmp(reason, "system reset");
}

/* Until the user has enough, or the VM has ended. */
static void converse(const struct vm *vm, int tty)
{
	struct pollfd fds[] = {{.fd = tty, .events = POLLIN},
			       {.fd = STDIN_FILENO, .events = POLLIN}};
	char reason[TEXT_MAX];

	for (;;) {
		int ready = poll(fds, 2, STATE_MS);

		if (ready < 0 && errno != EINTR)
			die("poll: %s", strerror(errno));
		if (ready > 0 && fds[0].revents && !show(tty))
			return;
		if (ready > 0 && fds[1].revents && !type(tty)) {
			if (is_terminal)
				return;
			/* A script ended; what it asked for is still to come.
			 */
			fds[1].fd = -1;
		}
		if (!ready && is_over(vm, reason, sizeof(reason))) {
			printf("\r\n[%s: %s]\r\n", vm->name, reason);
			return;
		}
	}
}

static void console(const char *name)
{
	struct vm vm = find_vm(name);
	char path[TEXT_MAX];
	int tty;

	snprintf(path, sizeof(path), "/dev/ttyHF%u", vm.index);
	tty = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (tty < 0)
		die("%s: %s", path, strerror(errno));
	make_raw();
	if (is_terminal)
		printf("[%s: Ctrl-] leaves its console]\r\n", vm.name);
	fflush(stdout);
	converse(&vm, tty);
	restore_terminal();
	if (is_terminal)
		printf("\n");
}

/* --- log --------------------------------------------------------------------
 */

static void show_log(bool follow)
{
	char data[4096];
	int fd = open("/dev/holdfast/log", O_RDONLY | O_CLOEXEC);
	ssize_t size;

	if (fd < 0)
		die("/dev/holdfast/log: %s%s", strerror(errno),
		    errno == ENOENT ? ": is the driver loaded?" : "");
	do {
		while ((size = read(fd, data, sizeof(data))) > 0)
			put(STDOUT_FILENO, data, (size_t)size);
		if (follow)
			usleep(STATE_MS * 1000);
	} while (follow);
	close(fd);
}

/* --- top --------------------------------------------------------------------
 */

/* Columns of the file `stats` of a VM: a time, and exits by their codes. */
enum {
	RUN_NS,
	YIELD,
	WAIT,
	WAKE_UP,
	RESPONSE,
	ABORTED,
	WANTED,
	CONSOLE,
	STATS
};

struct sample {
	unsigned int vm, vcpu;
	unsigned long long stat[STATS];
};

static size_t sample_vm(const struct vm *vm, struct sample *to, size_t room)
{
	char text[4096], *line, *next;
	size_t count = 0;
	int i;

	if (!get(vm, "stats", text, sizeof(text)))
		return 0;
	for (line = strtok_r(text, "\n", &next); line && count < room;
	     line = strtok_r(NULL, "\n", &next)) {
		struct sample *s = &to[count];

		s->vm = vm->index;
		s->vcpu = (unsigned int)count++;
		for (i = 0; i < STATS; i++)
			s->stat[i] = strtoull(line, &line, 10);
	}
	return count;
}

static size_t sample_all(const struct vm *vms, size_t vm_count,
			 struct sample *to, size_t room)
{
	size_t count = 0, i;

	for (i = 0; i < vm_count; i++)
		count += sample_vm(&vms[i], to + count, room - count);
	return count;
}

static unsigned long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long long)now.tv_sec * 1000000000 +
	       (unsigned long long)now.tv_nsec;
}

static const char *name_of(const struct vm *vms, size_t count, unsigned int vm)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (vms[i].index == vm)
			return vms[i].name;
	return "?";
}

static void top_row(const char *name, const struct sample *a,
		    const struct sample *b, unsigned long long ns)
{
	int i;

	printf("%-16s %4u %5.1f", name, b->vcpu,
	       (double)(b->stat[RUN_NS] - a->stat[RUN_NS]) * 100 / (double)ns);
	for (i = YIELD; i < STATS; i++)
		if (i != ABORTED)
			printf(" %8.0f", (double)(b->stat[i] - a->stat[i]) *
						 1e9 / (double)ns);
	printf("\n");
}

/* Share of a CPU, and exits per second. */
static void top(unsigned long rounds)
{
	static struct vm vms[VMS_MAX];
	static struct sample a[VMS_MAX], b[VMS_MAX];
	size_t vm_count = find_vms(vms), count, i;
	unsigned long long then;

	do {
		memset(a, 0, sizeof(a));
		sample_all(vms, vm_count, a, VMS_MAX);
		then = now_ns();
		sleep(1);
		count = sample_all(vms, vm_count, b, VMS_MAX);
		if (isatty(STDOUT_FILENO))
			printf("\033[H\033[2J");
		printf("%-16s %4s %5s %8s %8s %8s %8s %8s %8s\n", "VM", "VCPU",
		       "CPU%", "YIELD/s", "WAIT/s", "WAKE/s", "REPLY/s",
		       "WANT/s", "CONS/s");
		for (i = 0; i < count; i++)
			top_row(name_of(vms, vm_count, b[i].vm), &a[i], &b[i],
				now_ns() - then);
		fflush(stdout);
	} while (!rounds || --rounds);
}

/* --- the command ------------------------------------------------------------
 */

static const char help[] =
	"usage: holdfastctl COMMAND\n"
	"  list            the secondary VMs\n"
	"  start VM        start one that is stopped, from its files\n"
	"  stop VM         stop it at once\n"
	"  restart VM      both\n"
	"  console VM      its console; Ctrl-] leaves it\n"
	"  log [-f]        what the hypervisor printed; -f: and goes on to print\n"
	"  top [ROUNDS]    time and exits of each vCPU, by the second\n"
	"A VM is named as `list` does, or by its number.\n";

static _Noreturn void usage(void)
{
	fputs(help, stderr);
	exit(2);
}

/* A number of rounds: 1 or more, and nothing behind it. */
static unsigned long rounds_of(const char *text)
{
	char *end;
	unsigned long rounds = strtoul(text, &end, 10);

	if (!isdigit((unsigned char)*text) || *end || !rounds)
		die("top: %s is no number of rounds", text);
	return rounds;
}

static bool is(const char *word, const char *name, int argc, int wanted)
{
	return !strcmp(word, name) && argc == wanted;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";

	if (is(word, "list", argc, 2))
		list();
	else if (is(word, "start", argc, 3) || is(word, "stop", argc, 3) ||
		 is(word, "restart", argc, 3))
		command(argv[2], word);
	else if (is(word, "console", argc, 3))
		console(argv[2]);
	else if (is(word, "log", argc, 2))
		show_log(false);
	else if (is(word, "log", argc, 3) && !strcmp(argv[2], "-f"))
		show_log(true);
	else if (is(word, "top", argc, 2))
		top(0);
	else if (is(word, "top", argc, 3))
		top(rounds_of(argv[2]));
	else if (is(word, "help", argc, 2) || is(word, "--help", argc, 2))
		fputs(help, stdout);
	else
		usage();
	return 0;
}
