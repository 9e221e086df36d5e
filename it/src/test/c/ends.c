// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program that writes through the page cache and ends, in one way or another.
 *
 *     ends HOW FILE
 *
 * HOW is return, _exit, syscall, fsync-kill or kill. The first 4096 bytes of FILE become 'P' and are not written back, but for
 * fsync-kill.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static char page[4096];
	int fd;

	if (argc != 3 || (fd = open(argv[2], O_RDWR)) < 0)
		return 2;
	memset(page, 'P', sizeof(page));
	if (pwrite(fd, page, sizeof(page), 0) != sizeof(page))
		return 1;
	if (strcmp(argv[1], "fsync-kill") == 0 && fsync(fd) != 0)
		return 1;
	if (strstr(argv[1], "kill"))
		kill(getpid(), SIGKILL);
	if (strcmp(argv[1], "_exit") == 0)
		_exit(0);
	if (strcmp(argv[1], "syscall") == 0)
		syscall(SYS_exit_group, 0);
	return 0;
}
