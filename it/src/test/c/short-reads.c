// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads of a ring with workers that return less than was asked for, on files that the kernel under test did not open.
 *
 *     short-reads FLAG DIRECTORY
 *
 * FLAG is the IOCTX_FLAG_* of the ring. Each kind of file is made and filled twice: preadv2(2) reads one, the ring the other. The
 * counts and the bytes must be the same. DIRECTORY is on a filesystem of the host. Exit status: 0 they are; 1 they are not; 2 it
 * could not run.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include "pollux_aio.h"

#define ENTRIES 16
#define RING (1 << 16)
#define FULL 65536
#define WANTED 131072
#define PATIENCE 5000 /* milliseconds */
#define NEVER (-ETIME)

static struct aio_iocb_ring *sq;
static struct aio_io_event_ring *cq;
static aio_context_t ctx;
static char path[PATH_MAX];
static char bytes[FULL];
static char byring[WANTED];
static char bycall[WANTED];
static int differences;

static int must(const char *what, long result)
{
	if (result >= 0)
		return (int)result;
	fprintf(stderr, "short-reads: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void *ring(void)
{
	void *at = mmap(NULL, RING, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must("mmap", at == MAP_FAILED ? -1 : 0);
	return at;
}

static long ring_read(int fd, long long offset)
{
	unsigned tail = sq->tail;
	struct pollux_iocb *iocb = &sq->iocbs[tail];

	memset(iocb, 0, sizeof(*iocb));
	iocb->aio_lio_opcode = IOCB_CMD_PREAD;
	iocb->aio_fildes = (unsigned)fd;
	iocb->aio_buf = (unsigned long)byring;
	iocb->aio_nbytes = WANTED;
	iocb->aio_offset = offset;
	__atomic_store_n(&sq->tail, tail + 1 == ENTRIES ? 0 : tail + 1, __ATOMIC_RELEASE);
	must("enter", syscall(__NR_io_ring_enter, ctx, 1, 0, IORING_FLAG_SUBMIT));
	for (int i = 0; i < PATIENCE; i++) {
		unsigned head = cq->head;

		if (head != __atomic_load_n(&cq->tail, __ATOMIC_ACQUIRE)) {
			long result = cq->events[head].res;

			__atomic_store_n(&cq->head, head + 1 == ENTRIES ? 0 : head + 1, __ATOMIC_RELEASE);
			return result;
		}
		usleep(1000);
	}
	return NEVER;
}

/* Reads two files that hold the same. */
static void compare(const char *what, const int fds[2], long long offset, int positioned)
{
	struct iovec vector = { bycall, WANTED };
	long wanted;
	long got;

	memset(byring, 0, WANTED);
	memset(bycall, 0, WANTED);
	wanted = preadv2(fds[0], &vector, 1, positioned ? offset : -1, 0);
	if (wanted < 0)
		wanted = -errno;
	got = ring_read(fds[1], offset);
	if (got != wanted || memcmp(byring, bycall, WANTED) != 0) {
		printf("%s: %ld%s, not %ld\n", what, got, got == wanted ? " of other bytes" : "", wanted);
		differences++;
	}
	printf("%s: %ld\n", what, got);
}

static void pipes(const char *what, int filled)
{
	int fds[2];

	for (int i = 0; i < 2; i++) {
		int ends[2];

		must("pipe", pipe(ends));
		must("write", write(ends[1], bytes, (size_t)filled) == filled ? 0 : -1);
		fds[i] = ends[0];
	}
	compare(what, fds, 0, 0);
}

static void sockets(void)
{
	int fds[2];

	for (int i = 0; i < 2; i++) {
		int ends[2];

		must("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
		must("write", write(ends[1], bytes, 1000) == 1000 ? 0 : -1);
		fds[i] = ends[0];
	}
	compare("socket", fds, 0, 0);
}

static void terminals(void)
{
	struct termios raw;
	int fds[2];

	memset(&raw, 0, sizeof(raw));
	cfmakeraw(&raw);
	for (int i = 0; i < 2; i++) {
		struct pollfd readable;
		int master = must("posix_openpt", posix_openpt(O_RDWR | O_NOCTTY));

		must("unlockpt", unlockpt(master));
		fds[i] = must("open", open(ptsname(master), O_RDWR | O_NOCTTY));
		must("tcsetattr", tcsetattr(fds[i], TCSANOW, &raw));
		must("write", write(master, "abc", 3) == 3 ? 0 : -1);
		readable.fd = fds[i];
		readable.events = POLLIN;
		must("poll", poll(&readable, 1, -1));
	}
	compare("terminal", fds, 0, 0);
}

static void counters(void)
{
	struct itimerspec soon = { { 0, 0 }, { 0, 1 } };
	int fds[2];

	for (int i = 0; i < 2; i++)
		fds[i] = must("eventfd", eventfd(7, 0));
	compare("eventfd", fds, 0, 0);
	for (int i = 0; i < 2; i++) {
		fds[i] = must("timerfd", timerfd_create(CLOCK_MONOTONIC, 0));
		must("timerfd", timerfd_settime(fds[i], 0, &soon, NULL));
	}
	usleep(1000);
	compare("timerfd", fds, 0, 0);
}

static void files(void)
{
	int fds[2];

	for (int i = 0; i < 2; i++) {
		fds[i] = must(path, open(path, O_RDWR | O_CREAT | O_TRUNC, 0600));
		must("write", write(fds[i], bytes, FULL) == FULL ? 0 : -1);
	}
	compare("file", fds, 0, 1);
	compare("end of the file", fds, FULL - 100, 1);
	unlink(path);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	snprintf(path, sizeof(path), "%s/short-reads.dat", argv[2]);
	for (int i = 0; i < FULL; i++)
		bytes[i] = (char)(i * 31 + (i >> 12) + 1);
	sq = ring();
	cq = ring();
	must("io_setup2", syscall(__NR_io_setup2, ENTRIES, IOCTX_FLAG_SCQRING | atoi(argv[1]), 0, sq, cq, &ctx));
	pipes("pipe", FULL);
	pipes("pipe with little", 5);
	sockets();
	terminals();
	counters();
	files();
	must("io_destroy", syscall(SYS_io_destroy, ctx));
	return differences != 0;
}
