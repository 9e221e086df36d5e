// SPDX-License-Identifier: GPL-2.0-only
/*
 * No thread but the program's takes the program's signals.
 *
 *     thread-masks FILE
 *
 * FILE has at least 1 MiB. Starts what makes a kernel start threads: polls, fsync by aio, rings with a thread. Then every signal,
 * blocked in the program's only thread and sent to the process, waits for it. Exit status: 0 if all is as it should be; 1 if not
 * (each difference is a line); 2 it could not run. Linux passes it.
 */
#define _GNU_SOURCE
#include <linux/aio_abi.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "pollux_aio.h"

#define BIT(signal) (1ull << ((signal) - 1))

enum { CALLS = 30000, BLOCK = 4096, FSYNC = 2, POLL = 5 };

/* Those that a virtual machine makes for itself; and those that nothing blocks, or the C library has for itself. */
#define EXCEPT (BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGFPE) | BIT(SIGILL) | BIT(SIGKILL) | BIT(SIGSTOP) | BIT(32) | BIT(33))

static int differences;
static int fd;

static void expect(const char *what, long got, long wanted)
{
	if (got != wanted) {
		printf("%s: %ld, not %ld\n", what, got, wanted);
		__atomic_fetch_add(&differences, 1, __ATOMIC_RELAXED);
	}
}

/* The threads beside this one: what they have blocked. */
static void look_at_threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;

	if (!tasks)
		exit(2);
	while ((entry = readdir(tasks))) {
		char path[300], line[256], name[64] = "?";
		unsigned long long blocked = 0;
		FILE *status;

		if (atoi(entry->d_name) == 0 || atoi(entry->d_name) == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/status", entry->d_name);
		status = fopen(path, "r");
		if (!status)
			continue; /* it has ended */
		while (fgets(line, sizeof(line), status)) {
			sscanf(line, "Name: %63[^\n]", name);
			sscanf(line, "SigBlk: %llx", &blocked);
		}
		fclose(status);
		if ((blocked | EXCEPT) != ~0ull) {
			printf("%s has not blocked %llx\n", name, ~(blocked | EXCEPT));
			differences++;
		}
	}
	closedir(tasks);
}

static void every_signal(const char *when)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	look_at_threads();
	for (int signal = 1; signal <= 64; signal++) {
		struct timespec soon = { 10, 0 };
		siginfo_t info;
		sigset_t one;

		if (signal == SIGKILL || signal == SIGSTOP || signal == SIGCONT || signal == 32 || signal == 33)
			continue;
		sigemptyset(&one);
		sigaddset(&one, signal);
		kill(getpid(), signal);
		usleep(200);
		expect(when, sigtimedwait(&one, &info, &soon), signal);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* A thread that has everything blocked makes calls, whatever the virtual machine does meanwhile. */
static void *blocked(void *unused)
{
	sigset_t all;
	char byte;

	pread(fd, &byte, 1, 0) == 1 || (differences++, 0);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	for (int i = 0; i < CALLS; i++)
		expect("pread", pread(fd, &byte, 1, i), 1);
	pthread_sigmask(SIG_SETMASK, NULL, &all);
	for (int signal = 1; signal <= 64; signal++)
		if (signal != SIGKILL && signal != SIGSTOP && signal != 32 && signal != 33)
			expect("blocked", sigismember(&all, signal), 1);
	return unused;
}

static void submit(aio_context_t ctx, struct iocb *iocb)
{
	if (syscall(SYS_io_submit, ctx, 1L, &iocb) != 1)
		expect("io_submit", errno, 0);
}

/* The kernel's own threads of a ring, if there are rings. */
static void ring(unsigned flags)
{
	aio_context_t ctx = 0;
	struct aio_sqring *sq;
	struct aio_cqring *cq;
	size_t bytes = 1 << 16;
	struct iocb *iocbs = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	sq = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cq = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (syscall(__NR_io_setup2, 8, flags, iocbs, sq, cq, &ctx) != 0) {
		if (errno != ENOSYS)
			expect("io_setup2", errno, 0);
		return;
	}
	every_signal("with a ring");
	syscall(SYS_io_destroy, ctx);
}

int main(int argc, char **argv)
{
	const char *options = getenv("POLLUX_JVM_OPTIONS");
	static struct iocb polls, sync;
	struct timespec none = { 0, 0 };
	struct io_event events[4];
	aio_context_t ctx = 0;
	pthread_t threads[2];
	int ends[2];
	char byte;

	if (options) { /* it stops all threads every millisecond */
		char *more;

		if (asprintf(&more, "%s\n-XX:+UnlockDiagnosticVMOptions\n-XX:GuaranteedSafepointInterval=1", options) < 0)
			return 2;
		setenv("POLLUX_JVM_OPTIONS", more, 1);
	}
	fd = argc == 2 ? open(argv[1], O_RDWR) : -1;
	if (fd < 0 || pread(fd, &byte, 1, 0) != 1 || pipe(ends) != 0)
		return 2;
	every_signal("after the first call");
	if (syscall(SYS_io_setup, 8, &ctx) != 0)
		return 2;
	polls = (struct iocb){ .aio_lio_opcode = POLL, .aio_fildes = (uint32_t)ends[0], .aio_buf = POLLIN };
	submit(ctx, &polls);
	sync = (struct iocb){ .aio_lio_opcode = FSYNC, .aio_fildes = (uint32_t)fd };
	submit(ctx, &sync);
	every_signal("after a poll and an fsync");
	expect("write", write(ends[1], &byte, 1), 1);
	for (int got = 0, turn = 0; got < 2 && turn < 5000; turn++) {
		int n = (int)syscall(SYS_io_getevents, ctx, 0L, 4L, events, &none);

		got += n > 0 ? n : 0;
		usleep(1000);
	}
	every_signal("after they are done");
	syscall(SYS_io_destroy, ctx);
	if (options) { /* Linux has other calls under these numbers */
		ring(IOCTX_FLAG_SCQRING | IOCTX_FLAG_SQTHREAD);
		ring(IOCTX_FLAG_SCQRING | IOCTX_FLAG_SQPOLL | IOCTX_FLAG_SQTHREAD);
		ring(IOCTX_FLAG_SCQRING | IOCTX_FLAG_SQWQ);
	}
	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, blocked, NULL) != 0)
			return 2;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	printf("thread-masks: %d differences\n", differences);
	return differences ? 1 : 0;
}
