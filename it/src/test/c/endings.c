// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of a process with threads.
 *
 *     endings HOW FILE
 *
 * Others of its threads are in calls, or make calls, and see nothing of the end: no call fails. What is written to FILE until the
 * last destructor is there afterwards: a letter at the start of each of its first blocks of 512 bytes.
 *
 *     threads   exit while others read and write: status 3
 *     waiting   exit while others wait without end: status 4
 *     late      blocks 0 to 4 are written by a handler of exit, a handler that was there first, two destructors, and a
 *               thread that the last of these joins: status 5
 *     quick     block 0 is written by a handler of quick_exit: status 6
 *     last      the first thread ends by itself, and the last ends the process: status 0
 *     canceled  a thread is canceled, and then the process ends: status 7
 *     handler   _exit in a handler of a thread, while others read: status 8
 *     other     exit by another than the first thread: status 9
 *     twice     two threads at once: status 10
 *     alone     the only thread is canceled in io_getevents, which returns first: status 11
 */
#define _GNU_SOURCE
#include <linux/aio_abi.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 8, BLOCK = 512 };

static int fd;
static volatile int running;
static bool late;

/* Past the streams, which exit has to itself. */
static void complain(const char *what, long got)
{
	char line[128];
	int length = snprintf(line, sizeof(line), "%s: %ld, %s\n", what, got, strerror(errno));

	if (write(2, line, (size_t)length) != length)
		abort();
}

static void letter(int block, char value)
{
	long got = pwrite(fd, &value, 1, (off_t)block * BLOCK);

	if (got != 1)
		complain("a write at the end", got);
}

static void *busy(void *number)
{
	static char buffers[THREADS][BLOCK];
	char *buffer = buffers[(intptr_t)number];

	__atomic_add_fetch(&running, 1, __ATOMIC_RELAXED);
	while (true) {
		long got = pread(fd, buffer, BLOCK, 100 * BLOCK);

		if (got != BLOCK)
			complain("a read at the end", got);
		got = pwrite(fd, buffer, BLOCK, (200 + (intptr_t)number) * BLOCK);
		if (got != BLOCK)
			complain("a write at the end", got);
	}
	return NULL;
}

static void *sleepy(void *number)
{
	static struct iocb iocb;
	struct iocb *list = &iocb;
	struct io_event event;
	aio_context_t ctx = 0;
	int ends[2];
	char byte;
	long got;

	if (syscall(SYS_io_setup, 4, &ctx) != 0 || pipe(ends) != 0)
		complain("io_setup", -1);
	__atomic_add_fetch(&running, 1, __ATOMIC_RELAXED);
	if ((intptr_t)number % 2) {
		iocb = (struct iocb){ .aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = (uint32_t)ends[0], .aio_nbytes = 1,
				      .aio_buf = (uintptr_t)&byte };
		got = syscall(SYS_io_submit, ctx, 1L, &list); /* waits for the pipe */
	} else {
		got = syscall(SYS_io_getevents, ctx, 1L, 1L, &event, NULL);
	}
	complain("a wait at the end", got);
	return NULL;
}

static void start(void *(*routine)(void *), int count)
{
	pthread_t thread;
	struct timespec a_little = { 0, 50000000 };

	for (intptr_t i = 0; i < count; i++)
		if (pthread_create(&thread, NULL, routine, (void *)i) != 0)
			exit(2);
	while (running < count)
		nanosleep(&a_little, NULL);
	nanosleep(&a_little, NULL);
}

static void at_end(void)
{
	letter(0, 'a');
}

static void at_end_first(void)
{
	if (late)
		letter(1, 'b');
}

static void at_quick_end(void)
{
	letter(0, 'q');
}

__attribute__((constructor(101))) static void at_start(void)
{
	atexit(at_end_first);
}

static volatile bool go;

static void *joined(void *unused)
{
	while (!go)
		sched_yield();
	letter(4, 'e');
	return unused;
}

static pthread_t to_join;

__attribute__((destructor(102))) static void first_destructor(void)
{
	if (late)
		letter(2, 'c');
}

__attribute__((destructor(101))) static void last_destructor(void)
{
	if (late) {
		letter(3, 'd');
		go = true;
		pthread_join(to_join, NULL);
	}
}

static void *work(void *unused)
{
	struct timespec a_while = { 0, 200000000 };

	nanosleep(&a_while, NULL);
	letter(0, 'l');
	return unused;
}

static void *ends(void *status)
{
	exit((int)(intptr_t)status);
}

static pthread_barrier_t together;

static void *ends_at_once(void *unused)
{
	(void)unused;
	pthread_barrier_wait(&together);
	_exit(10);
}

static void on_signal(int signal)
{
	(void)signal;
	_exit(8);
}

static pthread_t first;
static volatile bool returned;

static void cancel_first(union sigval value)
{
	(void)value;
	pthread_cancel(first);
}

static void leave(void *unused)
{
	(void)unused;
	_exit(returned ? 11 : 1);
}

/* The C library calls the function in a thread of its own. */
static int be_canceled_by_a_timer(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = cancel_first};
	struct itimerspec soon = {.it_value = {.tv_nsec = 300000000}};
	struct timespec wait = {.tv_sec = 2};
	struct io_event got;
	aio_context_t ctx = 0;
	timer_t timer;

	first = pthread_self();
	if (syscall(SYS_io_setup, 4, &ctx) != 0 || timer_create(CLOCK_MONOTONIC, &event, &timer) != 0)
		return 2;
	pthread_cleanup_push(leave, NULL);
	timer_settime(timer, 0, &soon, NULL);
	syscall(SYS_io_getevents, ctx, 1, 1, &got, &wait);
	returned = true;
	pthread_testcancel();
	pthread_cleanup_pop(0);
	return 3;
}

int main(int argc, char **argv)
{
	const char *how = argc == 3 ? argv[1] : "";
	pthread_t thread;
	void *result = NULL;

	fd = argc == 3 ? open(argv[2], O_RDWR) : -1;
	if (fd < 0)
		return 2;
	letter(0, '.');
	if (strcmp(how, "threads") == 0) {
		start(busy, THREADS);
		return 3;
	}
	if (strcmp(how, "waiting") == 0) {
		start(sleepy, THREADS);
		return 4;
	}
	if (strcmp(how, "late") == 0) {
		late = true;
		atexit(at_end);
		if (pthread_create(&to_join, NULL, joined, NULL) != 0)
			return 2;
		return 5;
	}
	if (strcmp(how, "quick") == 0) {
		at_quick_exit(at_quick_end);
		quick_exit(6);
	}
	if (strcmp(how, "last") == 0) {
		if (pthread_create(&thread, NULL, work, NULL) != 0)
			return 2;
		pthread_exit(NULL);
	}
	if (strcmp(how, "canceled") == 0) {
		if (pthread_create(&thread, NULL, busy, NULL) != 0)
			return 2;
		while (running == 0)
			sched_yield();
		pthread_cancel(thread);
		pthread_join(thread, &result);
		return result == PTHREAD_CANCELED ? 7 : 1;
	}
	if (strcmp(how, "alone") == 0)
		return be_canceled_by_a_timer();
	if (strcmp(how, "handler") == 0) {
		signal(SIGALRM, on_signal);
		start(busy, THREADS);
		alarm(1);
		while (true)
			pause();
	}
	if (strcmp(how, "other") == 0) {
		start(busy, THREADS);
		if (pthread_create(&thread, NULL, ends, (void *)9) != 0)
			return 2;
		busy((void *)0);
	}
	if (strcmp(how, "twice") == 0) {
		start(busy, THREADS);
		pthread_barrier_init(&together, NULL, 2);
		if (pthread_create(&thread, NULL, ends_at_once, NULL) != 0)
			return 2;
		ends_at_once(NULL);
	}
	return 2;
}
