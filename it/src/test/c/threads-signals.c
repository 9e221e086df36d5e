// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program as programs are: with threads, handlers of signals, a child, and an exit status.
 *
 *     threads-signals [-x STATUS] FILE
 *
 * FILE has at least 1 MiB, and only its first MiB is read. Exit status: STATUS (0) if all is as it should be; 1 if not (each
 * difference is a line); 2 it could not run. Linux passes it.
 */
#define _GNU_SOURCE
#include <linux/aio_abi.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 8, ROUNDS = 300, BATCH = 8, BLOCK = 4096, BYTES = 1 << 20 };

static int differences;
static int fd;
static char *reference;		/* the first MiB of the file */

static void fatal(const char *what)
{
	fprintf(stderr, "threads-signals: %s: %s\n", what, strerror(errno));
	exit(2);
}

static long answer(long result)
{
	return result == -1 ? -errno : result;
}

static void expect(const char *what, long got, long wanted)
{
	if (got != wanted) {
		printf("%s: %ld%s%s, not %ld\n", what, got, got < 0 ? " " : "", got < 0 ? strerror((int)-got) : "", wanted);
		__atomic_fetch_add(&differences, 1, __ATOMIC_RELAXED);
	}
}

static void *pages(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		fatal("mmap");
	return at;
}

static long setup(aio_context_t *ctx)
{
	*ctx = 0;
	return answer(syscall(SYS_io_setup, 32, ctx));
}

static long getevents(aio_context_t ctx, long min, long nr, struct io_event *events, struct timespec *timeout)
{
	return answer(syscall(SYS_io_getevents, ctx, min, nr, events, timeout));
}

/* Reads one block both ways, and compares. */
static void read_block(unsigned block, char *buffer)
{
	memset(buffer, 0, BLOCK);
	expect("pread", answer(pread(fd, buffer, BLOCK, (off_t)block * BLOCK)), BLOCK);
	expect("what pread read", memcmp(buffer, reference + (size_t)block * BLOCK, BLOCK), 0);
}

static void read_batch(aio_context_t ctx, unsigned first, char *buffers)
{
	struct iocb iocbs[BATCH];
	struct iocb *list[BATCH];
	struct io_event events[BATCH];
	long got = 0;

	memset(buffers, 0, BATCH * BLOCK);
	for (unsigned i = 0; i < BATCH; i++) {
		unsigned block = (first + 37 * i) % (BYTES / BLOCK);

		iocbs[i] = (struct iocb){ .aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = (uint32_t)fd, .aio_nbytes = BLOCK,
					  .aio_buf = (uintptr_t)(buffers + i * BLOCK), .aio_offset = (int64_t)block * BLOCK,
					  .aio_data = block };
		list[i] = &iocbs[i];
	}
	expect("io_submit", answer(syscall(SYS_io_submit, ctx, (long)BATCH, list)), BATCH);
	while (got < BATCH) {
		long n = getevents(ctx, 1, BATCH - got, events + got, NULL);

		if (n == -EINTR)
			continue;
		if (n <= 0) {
			expect("io_getevents", n, BATCH - got);
			return;
		}
		got += n;
	}
	for (int i = 0; i < BATCH; i++) {
		struct iocb *iocb = (struct iocb *)(uintptr_t)events[i].obj;

		if (iocb < iocbs || iocb >= iocbs + BATCH || iocb->aio_data != events[i].data) {
			expect("an event of this thread's own", (long)events[i].obj, (long)iocbs);
			continue;
		}
		expect("result", events[i].res, BLOCK);
		expect("what was read", memcmp((void *)(uintptr_t)iocb->aio_buf, reference + iocb->aio_offset, BLOCK), 0);
		iocb->aio_data = UINT64_MAX; /* not a second time */
	}
}

static void *work(void *number)
{
	unsigned state = (unsigned)(uintptr_t)number * 2654435761u + 1;
	char *buffers = pages(BATCH * BLOCK);
	aio_context_t ctx;

	expect("io_setup", setup(&ctx), 0);
	for (int i = 0; i < ROUNDS && !differences; i++) {
		state = state * 1664525u + 1013904223u;
		read_block((state >> 8) % (BYTES / BLOCK), buffers);
		read_batch(ctx, (state >> 16) % (BYTES / BLOCK), buffers);
	}
	expect("io_destroy", answer(syscall(SYS_io_destroy, ctx)), 0);
	munmap(buffers, BATCH * BLOCK);
	return NULL;
}

/* Threads that read the same file, each with a context of its own. */
static void threads(void)
{
	pthread_t all[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++) {
		errno = pthread_create(&all[i], NULL, work, (void *)i);
		if (errno)
			fatal("pthread_create");
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(all[i], NULL);
}

static volatile sig_atomic_t alarms, users;
static pthread_t main_thread;

static void on_signal(int signal)
{
	if (signal == SIGALRM)
		alarms++;
	else
		users++;
}

static void every(long microseconds)
{
	struct itimerval timer = { { 0, microseconds }, { 0, microseconds } };

	if (setitimer(ITIMER_REAL, &timer, NULL) < 0)
		fatal("setitimer");
}

static volatile bool waited;

static void *disturb(void *unused)
{
	struct timespec a_little = { 0, 20000000 };

	/* Again and again: the first may come before the call. */
	while (!waited) {
		nanosleep(&a_little, NULL);
		if (!waited)
			pthread_kill(main_thread, SIGUSR1);
	}
	return unused;
}

/* A handler runs while io_getevents waits, and the call ends with EINTR, whatever SA_RESTART says. */
static void interrupted_waits(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct timespec long_time = { 30, 0 };
	struct io_event event;
	aio_context_t ctx;
	pthread_t other;
	char *buffers = pages(BATCH * BLOCK);
	int before;

	expect("io_setup", setup(&ctx), 0);
	for (int restart = 0; restart < 2; restart++) {
		action.sa_flags = restart ? SA_RESTART : 0;
		sigaction(SIGALRM, &action, NULL);
		sigaction(SIGUSR1, &action, NULL);
		before = alarms;
		every(50000);
		expect("io_getevents, an alarm", getevents(ctx, 1, 1, &event, &long_time), -EINTR);
		expect("io_getevents without end, an alarm", getevents(ctx, 1, 1, &event, NULL), -EINTR);
		every(0);
		expect("alarms", alarms >= before + 2, true);

		before = users;
		waited = false;
		main_thread = pthread_self();
		errno = pthread_create(&other, NULL, disturb, NULL);
		if (errno)
			fatal("pthread_create");
		expect("io_getevents, another thread's signal", getevents(ctx, 1, 1, &event, &long_time), -EINTR);
		waited = true;
		pthread_join(other, NULL);
		expect("signals", users > before, true);
	}

	/* I/O that does not wait for long goes on under a rain of signals, which may end a wait early and nothing else. */
	before = alarms;
	every(500);
	for (unsigned i = 0; i < 2000 || (alarms < before + 5 && i < 1000000); i++) {
		if (differences)
			break;
		read_block(i % (BYTES / BLOCK), buffers);
		if (i % 8 == 0)
			read_batch(ctx, i % (BYTES / BLOCK), buffers);
	}
	every(0);
	expect("alarms while reading", alarms >= before + 5, true);
	expect("io_destroy", answer(syscall(SYS_io_destroy, ctx)), 0);
	munmap(buffers, BATCH * BLOCK);
}

static sigjmp_buf after_fault;
static void *volatile fault_address;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)context;
	fault_address = info->si_addr;
	siglongjmp(after_fault, signal);
}

static int touch(volatile char *at, bool writing)
{
	int signal = sigsetjmp(after_fault, 1);

	if (signal == 0) {
		if (writing)
			*at = 1;
		else
			(void)*at;
	}
	return signal;
}

/* The program's own mistakes are the program's: its handler gets them, before and after calls, and it goes on. */
static void faults(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO }, old;
	char *forbidden = mmap(NULL, BLOCK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *read_only = mmap(NULL, BLOCK, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *buffers = pages(BATCH * BLOCK);
	aio_context_t ctx;

	expect("io_setup", setup(&ctx), 0);
	sigaction(SIGSEGV, &action, &old);
	for (unsigned i = 0; i < 10; i++) {
		expect("a read that faults", touch(forbidden + i, false), SIGSEGV);
		expect("where", (long)fault_address, (long)(forbidden + i));
		read_block(i, buffers);
		expect("a write that faults", touch(read_only + i, true), SIGSEGV);
		expect("where", (long)fault_address, (long)(read_only + i));
		read_batch(ctx, i, buffers);
		expect("a null pointer", touch((char *)(uintptr_t)i, true), SIGSEGV);
		/* The kernel does not fault on the program's behalf: its handler is not called. */
		fault_address = NULL;
		expect("pread to the same memory", answer(pread(fd, forbidden, 512, 0)), -EFAULT);
		expect("pread to the same memory", answer(pread(fd, read_only, 512, 0)), -EFAULT);
		expect("no fault", (long)fault_address, 0);
		expect("a read that does not fault", touch(read_only, false), 0);
	}
	sigaction(SIGSEGV, &old, NULL);
	expect("io_destroy", answer(syscall(SYS_io_destroy, ctx)), 0);
	munmap(forbidden, BLOCK);
	munmap(read_only, BLOCK);
	munmap(buffers, BATCH * BLOCK);
}

/* A child reads the file. It has aio, as on Linux, or ENOSYS. The exit status shows which. */
static int child(char *buffer)
{
	long got = answer(pread(fd, buffer, BLOCK, 0));
	aio_context_t ctx;
	long made;

	if (got != BLOCK || memcmp(buffer, reference, BLOCK) != 0)
		return 13;
	made = setup(&ctx);
	return made == 0 ? 10 : made == -ENOSYS ? 11 : 12;
}

/* A child has no part in it, or its own; the parent goes on. */
static void children(void)
{
	char *buffer = pages(BLOCK);

	for (int i = 0; i < 3; i++) {
		int status = 0;
		pid_t pid;

		fflush(NULL);
		pid = fork();
		if (pid < 0)
			fatal("fork");
		if (pid == 0)
			_exit(child(buffer));
		read_block((unsigned)i, buffer);
		while (waitpid(pid, &status, 0) < 0)
			if (errno != EINTR)
				fatal("waitpid");
		if (!WIFEXITED(status) || (WEXITSTATUS(status) != 10 && WEXITSTATUS(status) != 11))
			expect("how the child ended", status, 10 << 8);
		else if (i == 0)
			printf("child: %s\n", WEXITSTATUS(status) == 10 ? "reads" : "reads, without aio");
		read_block((unsigned)i + 100, buffer);
	}
	munmap(buffer, BLOCK);
}

int main(int argc, char **argv)
{
	int status = 0, c;

	while ((c = getopt(argc, argv, "x:")) != -1) {
		if (c != 'x')
			return 2;
		status = atoi(optarg);
	}
	if (optind + 1 != argc) {
		fprintf(stderr, "usage: threads-signals [-x STATUS] FILE\n");
		return 2;
	}
	fd = open(argv[optind], O_RDONLY);
	reference = pages(BYTES);
	if (fd < 0)
		fatal(argv[optind]);
	for (size_t at = 0; at < BYTES; at += 65536)
		if (answer(pread(fd, reference + at, 65536, (off_t)at)) != 65536)
			fatal("a file of 1 MiB or more");

	faults();
	threads();
	interrupted_waits();
	children();
	faults();
	threads();
	printf("threads, signals: %d threads, %d alarms, %d differences\n", THREADS, (int)alarms, differences);
	return differences ? 1 : status;
}
