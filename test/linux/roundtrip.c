// SPDX-License-Identifier: BSD-3-Clause
/*
 * Writes a request to a VM and reads its reply, so often, between the marks by
 * which test/bench/count.c counts instructions.
 *
 *	roundtrip DEVICE ROUNDS
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "../bench/mark.h"

#define SIZE 64
#define WARM_UP 16

/* False: the reply is not what was sent. */
static int round_trip(int fd)
{
	static char message[SIZE], reply[SIZE];

	return write(fd, message, SIZE) == SIZE &&
	       read(fd, reply, SIZE) == SIZE;
}

int main(int argc, char **argv)
{
	int fd = argc == 3 ? open(argv[1], O_RDWR) : -1;
	long rounds = argc == 3 ? atol(argv[2]) : 0;
	long i;

	if (fd < 0)
		return 2;
	set_mark(MARK_ROW);
	for (i = -WARM_UP; i < rounds; i++) {
		if (!i)
			set_mark(MARK_START);
		if (!round_trip(fd))
			return 1;
	}
	set_mark(MARK_STOP);
	printf("row linux %ld\n", rounds);
	return 0;
}
