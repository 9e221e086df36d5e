// SPDX-License-Identifier: GPL-2.0-only
/*
 * RLIMIT_MEMLOCK, set and asked for in every way, before and after the first call that concerns a file, in a child and in a
 * program that is executed.
 *
 *     memlock FILE      FILE is opened
 *     memlock           prints the limit only
 *
 * Exit status: 0, or 2 if it could not run. The output is that of a Linux with CAP_SYS_RESOURCE.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void show(const char *what, long result)
{
	printf("%s: %ld %s\n", what, result, result < 0 ? strerrorname_np(errno) : "");
}

static void show_limit(const char *what)
{
	struct rlimit limit = {1, 1};
	struct rlimit64 by_number = {2, 2};
	long result = getrlimit(RLIMIT_MEMLOCK, &limit);
	long again = syscall(SYS_prlimit64, 0, RLIMIT_MEMLOCK, NULL, &by_number);

	printf("%s: %ld %lld %lld, %ld %s\n", what, result, (long long)limit.rlim_cur, (long long)limit.rlim_max, again,
	       by_number.rlim_cur == limit.rlim_cur && by_number.rlim_max == limit.rlim_max ? "same" : "different");
	fflush(stdout);
}

static void set_limit(const char *what, rlim_t current, rlim_t max)
{
	struct rlimit limit = {current, max};

	show(what, setrlimit(RLIMIT_MEMLOCK, &limit));
	show_limit("  then");
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		show_limit("executed");
		return 0;
	}
	set_limit("before, to 64 KiB", 65536, 131072);
	set_limit("before, to more than the maximum", 131073, 131072);
	set_limit("before, to infinity", RLIM_INFINITY, RLIM_INFINITY);
	set_limit("before, to 128 KiB", 131072, 1 << 20);
	int fd = open(argv[1], O_RDONLY);
	if (fd < 0)
		return 2;
	show_limit("after");
	set_limit("after, to infinity", RLIM_INFINITY, RLIM_INFINITY);
	set_limit("after, to 0", 0, RLIM_INFINITY);
	set_limit("after, to more than the maximum", RLIM_INFINITY, 5);
	struct rlimit limit = {4096, 8192}, old = {0, 0};
	show("prlimit", prlimit(0, RLIMIT_MEMLOCK, &limit, &old));
	printf("old: %lld %lld\n", (long long)old.rlim_cur, (long long)old.rlim_max);
	show("prlimit of this process", prlimit(getpid(), RLIMIT_MEMLOCK, NULL, &old));
	printf("old: %lld %lld\n", (long long)old.rlim_cur, (long long)old.rlim_max);
	show("prlimit of none", prlimit(4190000, RLIMIT_MEMLOCK, NULL, &old));
	show("setrlimit by number", syscall(SYS_setrlimit, RLIMIT_MEMLOCK, &(struct rlimit){10000, 20000}));
	show("getrlimit by number", syscall(SYS_getrlimit, RLIMIT_MEMLOCK, &old));
	printf("old: %lld %lld\n", (long long)old.rlim_cur, (long long)old.rlim_max);
	show("wild", syscall(SYS_setrlimit, RLIMIT_MEMLOCK, (void *)16));
	show("wild", syscall(SYS_getrlimit, RLIMIT_MEMLOCK, (void *)16));
	show("null", syscall(SYS_setrlimit, RLIMIT_MEMLOCK, NULL));
	show("another limit", getrlimit(RLIMIT_CORE, &old));
	show("no such limit", syscall(SYS_prlimit64, 0, 99, NULL, &old));
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		show_limit("child");
		set_limit("child, to 5", 5, 20000);
		execl("/proc/self/exe", argv[0], NULL);
		_exit(2);
	}
	int status;
	waitpid(child, &status, 0);
	printf("status: %d\n", status);
	show_limit("parent");
	fflush(stdout);
	execl("/proc/self/exe", argv[0], NULL);
	return 2;
}
