// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program with a fault of its own that a sanitizer finds, beside calls on a file.
 *
 *     sanitized none|heap|null|overflow FILE
 *
 * Without a sanitizer, and with none: exit status 0.
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fd;

static void *reads(void *buffer)
{
	for (int i = 0; i < 1000; i++)
		if (pread(fd, buffer, 512, 512 * i) != 512)
			exit(2);
	return buffer;
}

int main(int argc, char **argv)
{
	volatile char *buffer = malloc(512);
	volatile size_t at = 512;
	volatile int big = INT_MAX;
	pthread_t thread;

	fd = argc == 3 ? open(argv[2], O_RDONLY) : -1;
	if (fd < 0 || !buffer)
		return 2;
	reads((char *)buffer);
	if (pthread_create(&thread, NULL, reads, (char *)buffer) != 0 || pthread_join(thread, NULL) != 0)
		return 2;
	if (strcmp(argv[1], "heap") == 0)
		buffer[at] = 1;
	if (strcmp(argv[1], "null") == 0)
		*(volatile char *volatile){ 0 } = 1;
	if (strcmp(argv[1], "overflow") == 0)
		printf("%d\n", big + 1);
	free((char *)buffer);
	printf("done\n");
	return 0;
}
