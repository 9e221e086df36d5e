// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locks all memory, of now and of later, before and after the first call on a file.
 *
 *     locked now|later FILE
 *
 * Exit status: 0; 1 if more than 2 GiB are in memory then, or a call fails; 2 it could not run; 77 the machine does not let it
 * lock memory.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char buffer[512], line[256];
	long resident = 0;
	FILE *status;
	int fd;

	if (argc != 3)
		return 2;
	if (strcmp(argv[1], "now") == 0 && mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
		return 77;
	fd = open(argv[2], O_RDONLY);
	if (fd < 0 || pread(fd, buffer, sizeof(buffer), 0) != sizeof(buffer))
		return 2;
	if (strcmp(argv[1], "later") == 0 && mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
		return 77;
	if (pread(fd, buffer, sizeof(buffer), 512) != sizeof(buffer))
		return 1;
	status = fopen("/proc/self/status", "r");
	while (status && fgets(line, sizeof(line), status))
		sscanf(line, "VmRSS: %ld", &resident);
	printf("resident: %ld KiB\n", resident);
	return resident > 0 && resident < 2l << 20 ? 0 : 1;
}
