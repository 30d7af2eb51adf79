// SPDX-License-Identifier: BSD-3-Clause
/*
 * How late the kernel wakes a process that sleeps: sleeps for a millisecond
 * again and again, and prints the average, the 99th percentile and the worst of
 * what was too much, in microseconds.
 *
 *	latency SECONDS [fifo]
 *
 * With "fifo" it is a real-time process.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define PERIOD_NS 1000000
#define SAMPLES_MAX 100000

static long long samples[SAMPLES_MAX];

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Sleeps for a period; how late the end was. */
static long long late_ns(void)
{
	long long end = now_ns() + PERIOD_NS;
	struct timespec until = {end / 1000000000, end % 1000000000};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL))
		;
	return now_ns() - end;
}

static int by_value(const void *a, const void *b)
{
	const long long *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

int main(int argc, char **argv)
{
	struct sched_param priority = {.sched_priority = 50};
	long long sum = 0, end;
	size_t count = 0;

	if (argc < 2)
		return 2;
	/* The kernel may else gather timers of 50 us. */
	prctl(PR_SET_TIMERSLACK, 1);
	if (argc > 2 && !strcmp(argv[2], "fifo") &&
	    sched_setscheduler(0, SCHED_FIFO, &priority))
		return 1;
	end = now_ns() + atoll(argv[1]) * 1000000000;
	while (count < SAMPLES_MAX && (!count || now_ns() < end)) {
		samples[count] = late_ns();
		sum += samples[count++];
	}
	qsort(samples, count, sizeof(*samples), by_value);
	printf("%lld %lld %lld\n", sum / (long long)count / 1000,
	       samples[count * 99 / 100] / 1000, samples[count - 1] / 1000);
	return 0;
}
