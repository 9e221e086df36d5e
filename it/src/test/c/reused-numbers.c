// SPDX-License-Identifier: GPL-2.0-only
/*
 * A ring whose workers or thread read pipes, and descriptors that are closed and reused while the reads wait.
 *
 *     reused-numbers FLAG DIRECTORY
 *
 * FLAG is the IOCTX_FLAG_* of the ring. More pipes wait than the kernel has duplicates in the program's table. Each read must
 * return what its pipe holds, not what the file at the reused number holds. Exit status: 0 each did; 1 one did not; 2 it could
 * not run.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/aio_abi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "pollux_aio.h"

#define PIPES 40
#define ENTRIES 64
#define RING (1 << 16)

static struct aio_iocb_ring *sq;
static struct aio_io_event_ring *cq;
static char bufs[PIPES][64];

static int must(const char *what, long result)
{
	if (result >= 0)
		return (int)result;
	fprintf(stderr, "reused-numbers: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void *ring(void)
{
	void *at = mmap(NULL, RING, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must("mmap", at == MAP_FAILED ? -1 : 0);
	return at;
}

static void push(int fd, int i)
{
	unsigned tail = sq->tail;
	struct pollux_iocb *iocb = &sq->iocbs[tail];

	memset(iocb, 0, sizeof(*iocb));
	iocb->aio_data = (unsigned)i;
	iocb->aio_lio_opcode = IOCB_CMD_PREAD;
	iocb->aio_fildes = (unsigned)fd;
	iocb->aio_buf = (unsigned long)bufs[i];
	iocb->aio_nbytes = 4;
	__atomic_store_n(&sq->tail, tail + 1 == ENTRIES ? 0 : tail + 1, __ATOMIC_RELEASE);
}

int main(int argc, char **argv)
{
	aio_context_t ctx = 0;
	int pipes[PIPES][2];
	char path[PATH_MAX];
	int bad = 0;
	int done = 0;
	int file;

	if (argc != 3)
		return 2;
	snprintf(path, sizeof(path), "%s/secret", argv[2]);
	file = must(path, open(path, O_RDWR | O_CREAT | O_TRUNC, 0600));
	must("write", write(file, "SECRET", 6));
	sq = ring();
	cq = ring();
	must("io_setup2", syscall(__NR_io_setup2, ENTRIES, IOCTX_FLAG_SCQRING | atoi(argv[1]), 0, sq, cq, &ctx));
	for (int i = 0; i < PIPES; i++) {
		must("pipe", pipe(pipes[i]));
		push(pipes[i][0], i);
	}
	must("enter", syscall(__NR_io_ring_enter, ctx, PIPES, 0, IORING_FLAG_SUBMIT));
	while (__atomic_load_n(&sq->head, __ATOMIC_ACQUIRE) != sq->tail)
		usleep(1000); /* an entry that is taken has been submitted */
	for (int i = 0; i < PIPES; i++)
		must("dup2", dup2(file, pipes[i][0]));
	for (int i = 0; i < PIPES; i++)
		if (write(pipes[i][1], "pipe", 4) != 4) {
			printf("pipe %d has no reader\n", i);
			bad = 1;
		}
	while (done < PIPES) {
		unsigned head = cq->head;

		if (head == __atomic_load_n(&cq->tail, __ATOMIC_ACQUIRE)) {
			must("enter", syscall(__NR_io_ring_enter, ctx, 0, 1, IORING_FLAG_GETEVENTS));
			continue;
		}
		struct pollux_io_event *event = &cq->events[head];
		int i = (int)event->data;

		if (event->res != 4 || memcmp(bufs[i], "pipe", 4) != 0) {
			printf("pipe %d: %lld '%.4s'\n", i, (long long)event->res, bufs[i]);
			bad = 1;
		}
		__atomic_store_n(&cq->head, head + 1, __ATOMIC_RELEASE);
		done++;
	}
	must("io_destroy", syscall(SYS_io_destroy, ctx));
	printf("%d reads\n", done);
	return bad;
}
