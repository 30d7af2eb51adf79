// SPDX-License-Identifier: BSD-3-Clause
/*
 * Test of the driver's character device, run in the primary's Linux against
 * a secondary VM of puppet.c. Prints "ok WHAT" or "FAILED WHAT" for each thing
 * tested.
 *
 *	drive [all | spin | abort | off] [DEVICE]
 *	drive poll DEVICE	only waits until it can be read
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_MAX 4096
#define WAIT_MS 10000

/* No memory of ours; what the compiler is not to know. */
static void *volatile nowhere = (void *)8;

static const char *device = "/dev/holdfast/puppet";

static void check(bool good, const char *what)
{
	printf("%s %s\n", good ? "ok" : "FAILED", what);
	if (!good)
		printf("FAILED (the last errno was %s)\n", strerror(errno));
	fflush(stdout);
}

static int open_device(int flags)
{
	int fd = open(device, flags | O_CLOEXEC);

	if (fd < 0) {
		printf("FAILED open %s: %s\n", device, strerror(errno));
		exit(1);
	}
	return fd;
}

static bool send_text(int fd, const char *text)
{
	return write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* Waits for a reply and compares it; false after a while without one. */
static bool got_text(int fd, const char *text)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char buffer[MESSAGE_MAX];
	ssize_t size;

	if (poll(&p, 1, WAIT_MS) != 1 || !(p.revents & POLLIN))
		return false;
	size = read(fd, buffer, sizeof(buffer));
	return size == (ssize_t)strlen(text) && !memcmp(buffer, text, size);
}

static long elapsed_ms(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - since->tv_sec) * 1000 +
	       (now.tv_nsec - since->tv_nsec) / 1000000;
}

static bool echo_of_size(int fd, size_t size)
{
	unsigned char sent[MESSAGE_MAX];
	unsigned char got[MESSAGE_MAX + 1];
	size_t i;

	for (i = 0; i < size; i++)
		sent[i] = (unsigned char)(i * 7 + size) | 0x80;
	if (write(fd, sent, size) != (ssize_t)size)
		return false;
	if (read(fd, got, sizeof(got)) != (ssize_t)size)
		return false;
	return !memcmp(sent, got, size);
}

static void test_sizes(void)
{
	static char big[2 * MESSAGE_MAX];
	int fd = open_device(O_RDWR);

	check(echo_of_size(fd, 1), "a byte comes back");
	check(echo_of_size(fd, 4095), "4095 bytes come back");
	check(echo_of_size(fd, 4096), "4096 bytes come back");
	check(echo_of_size(fd, 5), "5 bytes after them come back");
	check(write(fd, big, 4097) == -1 && errno == EMSGSIZE,
	      "4097 bytes: EMSGSIZE");
	check(write(fd, big, sizeof(big)) == -1 && errno == EMSGSIZE,
	      "8192 bytes: EMSGSIZE");
	check(write(fd, nowhere, 5) == -1 && errno == EFAULT,
	      "a bad buffer to write: EFAULT");
	check(send_text(fd, "empty") && got_text(fd, ""), "an empty reply");
	check(lseek(fd, 0, SEEK_SET) == -1 && errno == ESPIPE, "seek: ESPIPE");
	close(fd);
}

static void test_parts(void)
{
	int fd = open_device(O_RDWR);
	char buffer[16];

	check(send_text(fd, "divided"), "a request");
	check(read(fd, buffer, 3) == 3 && !memcmp(buffer, "div", 3),
	      "the first part of a reply");
	check(read(fd, nowhere, 3) == -1 && errno == EFAULT,
	      "a bad buffer to read: EFAULT");
	check(read(fd, buffer, 16) == 4 && !memcmp(buffer, "ided", 4),
	      "the rest of it");
	check(read(fd, buffer, 16) == 0, "then the end");
	close(fd);
}

/* As in a shell: one opener writes, another one reads. */
static void test_two_openers(void)
{
	int fd = open_device(O_WRONLY);

	check(send_text(fd, "first"), "a request by a writer");
	check(send_text(fd, "second"), "another, the reply not read");
	check(read(fd, &fd, 1) == -1 && errno == EBADF,
	      "a writer cannot read: EBADF");
	close(fd);

	fd = open_device(O_RDONLY);
	check(got_text(fd, "second"), "a reader gets the reply to the last");
	check(read(fd, &fd, 0) == 0, "reading nothing");
	close(fd);
}

static void test_nonblock(void)
{
	int fd = open_device(O_RDWR | O_NONBLOCK);
	int other = open_device(O_RDWR | O_NONBLOCK);
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
	char buffer[16];

	check(poll(&p, 1, 0) == 1 && p.revents == POLLOUT, "poll: can write");
	check(send_text(fd, "later"), "a request that takes a while");
	check(read(fd, buffer, 16) == -1 && errno == EAGAIN,
	      "the reply is not there: EAGAIN");
	check(poll(&p, 1, 0) == 0, "poll: nothing yet");
	check(write(other, "x", 1) == -1 && errno == EAGAIN,
	      "another opener's turn is not yet: EAGAIN");
	check(read(other, buffer, 16) == 0, "and the reply is not its");
	p.events = POLLIN;
	check(poll(&p, 1, WAIT_MS) == 1 && p.revents == POLLIN,
	      "poll: the reply came");
	check(got_text(fd, "later"), "and is right");
	check(send_text(other, "other") && got_text(other, "other"),
	      "now the other opener is served");
	close(fd);
	close(other);
}

static void test_more_replies(void)
{
	int fd = open_device(O_RDWR);

	check(send_text(fd, "twice!"), "a request with two replies");
	check(got_text(fd, "twice!") && got_text(fd, "twice!"), "both come");
	check(send_text(fd, "thrice"), "one with three");
	check(got_text(fd, "thrice") && got_text(fd, "thrice") &&
		      got_text(fd, "thrice"),
	      "all come");
	check(send_text(fd, "thrice"), "another one with three");
	usleep(100000);
	check(send_text(fd, "new") && got_text(fd, "new"),
	      "a write throws unread messages away");
	check(send_text(fd, "mute"), "a request that has no reply");
	check(send_text(fd, "heard") && got_text(fd, "heard"),
	      "the next request has one");
	close(fd);
}

static void on_signal(int signal)
{
	(void)signal;
}

/* Has SIGALRM interrupt this process again and again from now on. */
static void interrupt_me(bool on)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct timespec every = {0, 100000000};
	struct itimerspec setting = {every, every};
	static timer_t timer;

	if (!on) {
		timer_delete(timer);
		return;
	}
	sigaction(SIGALRM, &action, NULL);
	timer_create(CLOCK_MONOTONIC, NULL, &timer);
	timer_settime(timer, 0, &setting, NULL);
}

static void test_signals(void)
{
	int fd = open_device(O_RDWR);
	int other = open_device(O_RDWR);
	char buffer[16];

	check(send_text(fd, "mute"), "a request that has no reply");
	interrupt_me(true);
	check(read(fd, buffer, 16) == -1 && errno == EINTR,
	      "a signal ends a read: EINTR");
	check(write(other, "x", 1) == -1 && errno == EINTR,
	      "a signal ends a write that waits for its turn: EINTR");
	interrupt_me(false);
	close(fd);
	check(send_text(other, "free") && got_text(other, "free"),
	      "a close passes the turn on");
	close(other);
}

static void test_kill(void)
{
	struct timespec start;
	int status = 0;
	pid_t child;

	clock_gettime(CLOCK_MONOTONIC, &start);
	child = fork();
	if (child == 0) {
		int fd = open_device(O_RDWR);

		send_text(fd, "mute");
		read(fd, &fd, 1);
		_exit(0);
	}
	usleep(200000);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	check(WIFSIGNALED(status) && elapsed_ms(&start) < 5000,
	      "a waiting process can be killed");
}

#define WRITERS 8
#define ROUNDS 50

static void *writer(void *arg)
{
	int fd = open_device(O_RDWR);
	long bad = 0;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		char text[64];

		snprintf(text, sizeof(text), "writer %p round %d", arg, i);
		bad += !send_text(fd, text) || !got_text(fd, text);
	}
	close(fd);
	return (void *)bad;
}

static void test_concurrent(void)
{
	static char ids[WRITERS];
	pthread_t thread[WRITERS];
	long bad = 0;
	int i;

	for (i = 0; i < WRITERS; i++)
		pthread_create(&thread[i], NULL, writer, &ids[i]);
	for (i = 0; i < WRITERS; i++) {
		void *result;

		pthread_join(thread[i], &result);
		bad += (long)result;
	}
	check(bad == 0, "8 openers, 50 requests each, every reply is its own");
}

/* One descriptor, written and read by several threads: no reply is lost. */
static void *reader(void *arg)
{
	int fd = *(int *)arg;
	char buffer[MESSAGE_MAX];

	return (void *)(long)read(fd, buffer, sizeof(buffer));
}

static void test_shared_descriptor(void)
{
	int fd = open_device(O_RDWR);
	pthread_t thread[2];
	void *a, *b;

	check(send_text(fd, "later"), "a request");
	pthread_create(&thread[0], NULL, reader, &fd);
	pthread_create(&thread[1], NULL, reader, &fd);
	pthread_join(thread[0], &a);
	pthread_join(thread[1], &b);
	check((long)a + (long)b == 5, "two threads read, one gets the reply");
	close(fd);
}

/* The VM is to die of `word`; then everything on it fails with EIO. */
static void test_end(const char *word)
{
	int fd = open_device(O_RDWR);
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
	char buffer[16];

	check(send_text(fd, word), "a request that ends the VM");
	check(read(fd, buffer, 16) == -1 && errno == EIO, "its reader: EIO");
	check(write(fd, "x", 1) == -1 && errno == EIO, "a write: EIO");
	check(read(fd, buffer, 16) == -1 && errno == EIO, "a read: EIO");
	check(poll(&p, 1, 0) == 1 && p.revents == (POLLERR | POLLHUP),
	      "poll: an error");
	close(fd);
}

static void test_spinning(void)
{
	int fd = open_device(O_RDWR);
	struct timespec start;
	int i;

	check(send_text(fd, "spin"), "a request that makes the VM spin");
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (i = 0; i < 20; i++)
		usleep(50000);
	check(elapsed_ms(&start) < 5000, "the primary goes on meanwhile");
	fcntl(fd, F_SETFL, O_NONBLOCK);
	check(write(fd, "x", 1) == -1 && errno == EAGAIN,
	      "a request to it: EAGAIN");
	fcntl(fd, F_SETFL, 0);
	interrupt_me(true);
	check(write(fd, "x", 1) == -1 && errno == EINTR,
	      "a request that waits for it: EINTR");
	interrupt_me(false);
	close(fd);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (argc > 2)
		device = argv[2];
	if (!strcmp(what, "poll")) {
		struct pollfd p = {.fd = open_device(O_RDONLY),
				   .events = POLLIN};

		poll(&p, 1, -1);
	} else if (!strcmp(what, "spin")) {
		test_spinning();
	} else if (!strcmp(what, "abort") || !strcmp(what, "off")) {
		test_end(what);
	} else {
		test_sizes();
		test_parts();
		test_two_openers();
		test_nonblock();
		test_more_replies();
		test_signals();
		test_kill();
		test_concurrent();
		test_shared_descriptor();
	}
	return 0;
}
