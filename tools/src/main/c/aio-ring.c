// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random reads through the rings of the polled-AIO series: an example of a program that uses them.
 *
 *     pollux header > pollux_aio.h
 *     cc -std=gnu11 -O2 -Wall -Wextra -Werror -I. aio-ring.c -o aio-ring
 *     pollux exec -- ./aio-ring /pollux/main.dat
 *
 * A program and the kernel share two rings. The program puts requests into the SQ ring, and the kernel takes them out.
 * The kernel puts completions into the CQ ring, and the program takes them out. One call of io_ring_enter both passes a
 * number of new requests and waits for a number of completions.
 *
 * The program prints its rate once a second and a total at the end. Exit status: 0 all requests succeeded; 1 an I/O failed
 * or a completion was wrong; 2 it could not run.
 */
#define _GNU_SOURCE /* O_DIRECT */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "pollux_aio.h"

#define MAX_FILES 64
#define MAX_DEPTH 4096

/* The options of the command line. */
static struct {
	bool polled;
	bool fixed;
	bool direct;
	bool sq_thread;
	bool sq_poll;
	bool verify;
	unsigned depth;
	unsigned batch_submit;
	unsigned batch_complete;
	unsigned seconds;
	unsigned block_size;
} opt = { .polled = true, .fixed = true, .direct = true, .depth = 32, .batch_submit = 8, .batch_complete = 8, .seconds = 5,
	  .block_size = 4096 };

static struct {
	const char *name;
	int fd;
	uint64_t blocks;
} files[MAX_FILES];
static unsigned nr_files;

/* The program's own record of an entry of the SQ ring. */
struct slot {
	void *buffer;
	uint64_t sequence;	/* of the request in it; also its aio_data */
	bool busy;		/* submitted or about to be; its completion has not been reaped */
};

static aio_context_t ctx;
static struct aio_iocb_ring *sq;
static struct aio_io_event_ring *cq;
static struct slot *slots;
static unsigned ring_size;

static unsigned queued;		/* requests in the SQ ring that the kernel has not accepted */
static unsigned inflight;	/* requests accepted and not completed */
static uint64_t sequence;
static uint64_t submitted, completed, calls;
static bool failed;
static volatile sig_atomic_t interrupted;

static void cannot_run(const char *what, const char *why)
{
	fprintf(stderr, "aio-ring: %s: %s\n", what, why);
	exit(2);
}

/* The two calls have no wrappers in the C library. */

static int io_setup2(unsigned nr_events, unsigned flags, struct pollux_iocb *iocbs, struct aio_iocb_ring *sq_ring,
		     struct aio_io_event_ring *cq_ring, aio_context_t *ctxp)
{
	return (int)syscall(__NR_io_setup2, nr_events, flags, iocbs, sq_ring, cq_ring, ctxp);
}

static int io_ring_enter(aio_context_t context, unsigned to_submit, unsigned min_complete, unsigned flags)
{
	return (int)syscall(__NR_io_ring_enter, context, to_submit, min_complete, flags);
}

/* An index of a ring is below nr_events and wraps to 0 there. */
static unsigned next(unsigned index)
{
	return index + 1 == ring_size ? 0 : index + 1;
}

static uint64_t random64(void)
{
	static uint64_t state;

	if (state == 0)
		state = ((uint64_t)time(NULL) << 20 ^ (uint64_t)getpid()) | 1;
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/*
 * Fills in one request. The buffer and its length were set before io_setup2. With fixed buffers the kernel registered
 * them there, and the I/O must lie inside them.
 */
static void prepare(struct pollux_iocb *iocb, struct slot *slot)
{
	unsigned file = nr_files == 1 ? 0 : (unsigned)(sequence % nr_files);

	slot->busy = true;
	slot->sequence = ++sequence;
	iocb->aio_data = slot->sequence;
	iocb->aio_lio_opcode = IOCB_CMD_PREAD;
	iocb->aio_fildes = (uint32_t)files[file].fd;
	iocb->aio_offset = (int64_t)(random64() % files[file].blocks * opt.block_size);
	iocb->aio_flags = opt.polled ? IOCB_FLAG_HIPRI : 0;
}

/* Puts up to `wanted` requests into the SQ ring and returns their number. Only this program writes the tail. */
static unsigned fill(unsigned wanted)
{
	unsigned tail = sq->tail;
	unsigned filled = 0;

	while (filled < wanted) {
		/* Full? Acquire: the kernel has read an entry before it moves the head past it. */
		if (next(tail) == __atomic_load_n(&sq->head, __ATOMIC_ACQUIRE))
			break;
		/*
		 * Requests complete in any order, but entries are used in turn. An old request may still be reading
		 * into the buffer of this one.
		 */
		if (slots[tail].busy)
			break;
		prepare(&sq->iocbs[tail], &slots[tail]);
		tail = next(tail);
		filled++;
	}
	/* Release: a reader that sees this tail sees the entries before it. */
	__atomic_store_n(&sq->tail, tail, __ATOMIC_RELEASE);
	return filled;
}

static void check(const struct pollux_io_event *event)
{
	/* On a context with rings, obj is the index of the request in the SQ ring. */
	uint64_t index = event->obj;

	if (index >= ring_size || !slots[index].busy || (opt.verify && slots[index].sequence != event->data)) {
		fprintf(stderr, "aio-ring: an event that nobody waits for: index %" PRIu64 ", data %" PRIu64 "\n", index, event->data);
		failed = true;
		return;
	}
	slots[index].busy = false;
	if (event->res != (int64_t)opt.block_size) {
		fprintf(stderr, "aio-ring: read at offset %" PRId64 ": %s\n", sq->iocbs[index].aio_offset,
			event->res < 0 ? strerror((int)-event->res) : "short");
		failed = true;
	}
}

/* Takes all events out of the CQ ring. Only this program writes the head. */
static unsigned reap(void)
{
	unsigned head = cq->head;
	unsigned tail = __atomic_load_n(&cq->tail, __ATOMIC_ACQUIRE);
	unsigned reaped = 0;

	while (head != tail) {
		check(&cq->events[head]);
		head = next(head);
		reaped++;
	}
	__atomic_store_n(&cq->head, head, __ATOMIC_RELEASE);
	inflight -= reaped;
	completed += reaped;
	return reaped;
}

/* Submits the queued requests and waits for `wanted` completions, in one call. Returns false after a fatal error. */
static bool enter(unsigned min_complete)
{
	unsigned flags = IORING_FLAG_GETEVENTS | (queued ? IORING_FLAG_SUBMIT : 0);
	int accepted = io_ring_enter(ctx, queued, min_complete, flags);

	calls++;
	if (accepted < 0 && errno == EAGAIN && inflight) {
		/* The device had no free request, and the call did not wait. Requests in flight must be reaped first. */
		accepted = io_ring_enter(ctx, 0, 1, IORING_FLAG_GETEVENTS);
		calls++;
	}
	if (accepted < 0) {
		if (errno == EINTR || errno == EAGAIN)
			return true;
		fprintf(stderr, "aio-ring: io_ring_enter: %s\n", strerror(errno));
		failed = true;
		return false;
	}
	if (flags & IORING_FLAG_SUBMIT && (unsigned)accepted <= queued) {
		queued -= (unsigned)accepted;
		inflight += (unsigned)accepted;
		submitted += (unsigned)accepted;
	}
	return true;
}

/* With SQPOLL a kernel thread polls the SQ ring. A call is needed only to wake the thread. */
static bool wake_up(void)
{
	inflight += queued;
	submitted += queued;
	queued = 0;
	/*
	 * The thread sets its flag and then reads the tail once more. This program has stored the tail and now reads the
	 * flag. The fence keeps the store before the load.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(__atomic_load_n(&sq->sq_flags, __ATOMIC_RELAXED) & IORING_SQ_NEED_WAKEUP))
		return true;
	calls++;
	if (io_ring_enter(ctx, 1, 0, IORING_FLAG_SUBMIT) < 0 && errno != EINTR) {
		fprintf(stderr, "aio-ring: io_ring_enter: %s\n", strerror(errno));
		failed = true;
		return false;
	}
	return true;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Prints a line for the last second. */
static void report(void)
{
	static uint64_t last_submitted, last_completed, last_calls;
	uint64_t made = calls - last_calls;

	printf("IOPS=%" PRIu64 ", IOS/call=%" PRIu64 "/%" PRIu64 ", inflight=%u (head=%u tail=%u)\n", completed - last_completed,
	       made ? (submitted - last_submitted) / made : 0, made ? (completed - last_completed) / made : 0, inflight, cq->head,
	       __atomic_load_n(&cq->tail, __ATOMIC_RELAXED));
	fflush(stdout);
	last_submitted = submitted;
	last_completed = completed;
	last_calls = calls;
}

/* Keeps up to opt.depth requests in flight until the time is over, and then waits for the rest. */
static double run(void)
{
	double start = now();
	double end = start + opt.seconds;
	double line = start + 1;
	bool stopping = false;

	for (;;) {
		unsigned room, to_wait;
		double t = now();

		if (t >= line) {
			report();
			line += 1;
		}
		stopping = stopping || t >= end || interrupted || failed;
		room = opt.depth - inflight - queued;
		if (!stopping && queued == 0)
			queued += fill(room < opt.batch_submit ? room : opt.batch_submit);
		if (inflight + queued == 0)
			break;

		if (opt.sq_poll) {
			if (!wake_up())
				break;
		} else {
			/* Does not wait while another whole batch fits. */
			room = opt.depth - inflight - queued;
			to_wait = inflight + queued < opt.batch_complete ? inflight + queued : opt.batch_complete;
			if (!stopping && queued && room >= opt.batch_submit)
				to_wait = 0;
			if (!enter(to_wait))
				break;
		}
		reap();
	}
	return now() - start;
}

/* Allocates memory for a ring or a buffer. The kernel pins whole pages. */
static void *pages(size_t bytes)
{
	void *memory;

	if (posix_memalign(&memory, 4096, bytes))
		cannot_run("memory", strerror(ENOMEM));
	return memset(memory, 0, bytes);
}

static sigjmp_buf no_such_call;

static void on_sigill(int signal)
{
	siglongjmp(no_such_call, signal);
}

/* On newer Linux the number of io_setup2 belongs to uretprobe, which raises SIGILL in this program. */
static int setup(unsigned flags)
{
	int result;

	if (sigsetjmp(no_such_call, 1)) {
		errno = ENOSYS;
		return -1;
	}
	signal(SIGILL, on_sigill);
	result = io_setup2(ring_size, flags, NULL, sq, cq, &ctx);
	signal(SIGILL, SIG_DFL);
	return result;
}

static void setup_rings(void)
{
	unsigned flags = IOCTX_FLAG_SCQRING;
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	/* A full ring has one unused entry. */
	ring_size = opt.depth + 1;
	sq = pages(sizeof(*sq) + ring_size * sizeof(sq->iocbs[0]));
	cq = pages(sizeof(*cq) + ring_size * sizeof(cq->events[0]));
	slots = calloc(ring_size, sizeof(*slots));
	if (!slots)
		cannot_run("memory", strerror(ENOMEM));
	for (unsigned i = 0; i < ring_size; i++) {
		slots[i].buffer = pages(opt.block_size);
		sq->iocbs[i].aio_buf = (uintptr_t)slots[i].buffer;
		sq->iocbs[i].aio_nbytes = opt.block_size;
	}

	if (opt.polled)
		flags |= IOCTX_FLAG_IOPOLL;
	if (opt.fixed) {
		flags |= IOCTX_FLAG_FIXEDBUFS;
		setrlimit(RLIMIT_MEMLOCK, &unlimited); /* fixed buffers count; without the right to raise it, the limit stays */
	}
	if (opt.sq_poll)
		flags |= IOCTX_FLAG_SQTHREAD | IOCTX_FLAG_SQPOLL;
	else if (opt.sq_thread)
		flags |= IOCTX_FLAG_SQTHREAD;
	else if (!opt.direct)
		flags |= IOCTX_FLAG_SQWQ; /* a read that misses the page cache would block the caller */
	sq->sq_thread_cpu = 0;

	if (setup(flags) < 0)
		cannot_run("io_setup2", strerror(errno));
}

static void open_file(const char *name)
{
	struct stat st;
	uint64_t bytes;
	int fd;

	if (nr_files == MAX_FILES)
		cannot_run(name, "too many files");
	fd = open(name, O_RDONLY | (opt.direct ? O_DIRECT : 0));
	if (fd < 0 || fstat(fd, &st) < 0)
		cannot_run(name, strerror(errno));
	if (S_ISREG(st.st_mode))
		bytes = (uint64_t)st.st_size;
	else if (!S_ISBLK(st.st_mode))
		cannot_run(name, "is neither a file nor a block device");
	else if (ioctl(fd, BLKGETSIZE64, &bytes) < 0)
		cannot_run(name, strerror(errno));
	if (bytes < opt.block_size)
		cannot_run(name, "is smaller than a block");
	files[nr_files].name = name;
	files[nr_files].fd = fd;
	files[nr_files].blocks = bytes / opt.block_size;
	nr_files++;
}

static void usage(void)
{
	fprintf(stderr, "usage: aio-ring [OPTION]... FILE...\n"
			"  -p 0|1    polled (1)\n"
			"  -b 0|1    fixed buffers (1)\n"
			"  -D 0|1    direct I/O (1)\n"
			"  -d DEPTH  most requests in flight (32)\n"
			"  -s N      requests handed over in a call (8)\n"
			"  -c N      completions waited for in a call (8)\n"
			"  -r N      seconds (5)\n"
			"  -B BYTES  block size (4096)\n"
			"  -S        a kernel thread takes the requests\n"
			"  -P        a kernel thread looks for requests by itself: no system calls at all\n"
			"  -V        each completion must be the one of its request, and come once\n");
	exit(2);
}

static unsigned number(const char *text, unsigned min, unsigned max)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value < min || value > max)
		usage();
	return (unsigned)value;
}

static void options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "p:b:D:d:s:c:r:B:SPV")) != -1) {
		switch (c) {
		case 'p': opt.polled = number(optarg, 0, 1); break;
		case 'b': opt.fixed = number(optarg, 0, 1); break;
		case 'D': opt.direct = number(optarg, 0, 1); break;
		case 'd': opt.depth = number(optarg, 1, MAX_DEPTH); break;
		case 's': opt.batch_submit = number(optarg, 1, MAX_DEPTH); break;
		case 'c': opt.batch_complete = number(optarg, 1, MAX_DEPTH); break;
		case 'r': opt.seconds = number(optarg, 1, 1000000); break;
		case 'B': opt.block_size = number(optarg, 512, AIO_FIXED_BUF_MAX); break;
		case 'S': opt.sq_thread = true; break;
		case 'P': opt.sq_poll = true; break;
		case 'V': opt.verify = true; break;
		default: usage();
		}
	}
	if (optind == argc)
		usage();
	if (opt.block_size % 512)
		cannot_run("-B", "not a multiple of 512");
	if (opt.polled && !opt.direct)
		cannot_run("-D 0", "polled I/O is direct I/O; take -p 0 with it");
}

static void on_sigint(int signal)
{
	interrupted = signal;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_sigint };
	double seconds;

	options(argc, argv);
	for (int i = optind; i < argc; i++)
		open_file(argv[i]);
	setup_rings();
	sigaction(SIGINT, &action, NULL);

	printf("polled=%d, fixedbufs=%d, direct=%d, sq_thread=%d, sq_poll=%d\n", opt.polled, opt.fixed, opt.direct, opt.sq_thread,
	       opt.sq_poll);
	printf("depth=%u, sq_ring=%u, cq_ring=%u\n", opt.depth, sq->nr_events, cq->nr_events);
	seconds = run();
	if (inflight + queued) {
		fprintf(stderr, "aio-ring: %u I/Os did not come back\n", inflight + queued);
		failed = true;
	}
	if (opt.verify && completed != sequence) {
		fprintf(stderr, "aio-ring: %" PRIu64 " I/Os, and %" PRIu64 " completions\n", sequence, completed);
		failed = true;
	}
	printf("total: %" PRIu64 " I/Os in %.3f s, %.0f IOPS\n", completed, seconds, (double)completed / seconds);
	if (syscall(__NR_io_destroy, ctx) < 0) {
		fprintf(stderr, "aio-ring: io_destroy: %s\n", strerror(errno));
		failed = true;
	}
	return failed ? 1 : 0;
}
