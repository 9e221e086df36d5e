// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measures the machine's own io_uring with requests that do nothing. Compare with a kernel whose device does nothing.
 *
 *     io_uring-nops [-d DEPTH] [-s SUBMIT] [-c COMPLETE] [-r SECONDS]
 *
 * As aio-ring.c does, it keeps DEPTH (32) requests in flight, submits SUBMIT (8) in one call, which waits for COMPLETE
 * (8), and prints the number completed per second. It is linked with -luring.
 */
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CALLS_BETWEEN_LOOKS = 1000, MAX_DEPTH = 4096 };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Fills up to `submit` entries, waits for `complete` completions in one call, and reaps all that are there. */
static unsigned turn(struct io_uring *ring, unsigned *inflight, unsigned depth, unsigned submit, unsigned complete)
{
	struct io_uring_cqe *done[MAX_DEPTH];
	unsigned found;

	for (unsigned i = 0; i < submit && *inflight < depth; i++, ++*inflight)
		io_uring_prep_nop(io_uring_get_sqe(ring));
	if (io_uring_submit_and_wait(ring, complete < *inflight ? complete : *inflight) < 0) {
		perror("io_uring-nops: io_uring_enter");
		exit(1);
	}
	found = io_uring_peek_batch_cqe(ring, done, MAX_DEPTH);
	io_uring_cq_advance(ring, found);
	*inflight -= found;
	return found;
}

int main(int argc, char **argv)
{
	unsigned depth = 32, submit = 8, complete = 8, inflight = 0;
	double seconds = 5, start, spent;
	unsigned long total = 0;
	struct io_uring ring;
	int option, error;

	while ((option = getopt(argc, argv, "d:s:c:r:")) != -1) {
		switch (option) {
		case 'd': depth = (unsigned)atoi(optarg); break;
		case 's': submit = (unsigned)atoi(optarg); break;
		case 'c': complete = (unsigned)atoi(optarg); break;
		case 'r': seconds = atof(optarg); break;
		default: return 2;
		}
	}
	if (depth < 1 || depth > MAX_DEPTH || submit < 1 || submit > depth || complete < 1 || complete > depth) {
		fprintf(stderr, "io_uring-nops: a depth from 1 to %d, and batches from 1 to the depth\n", MAX_DEPTH);
		return 2;
	}
	error = io_uring_queue_init(depth, &ring, 0);
	if (error < 0) {
		fprintf(stderr, "io_uring-nops: io_uring_setup: %s\n", strerror(-error));
		return 2;
	}
	start = now();
	do {
		for (int i = 0; i < CALLS_BETWEEN_LOOKS; i++)
			total += turn(&ring, &inflight, depth, submit, complete);
		spent = now() - start;
	} while (spent < seconds);
	printf("total: %lu no-ops in %.3f s, %.0f IOPS\n", total, spent, (double)total / spent);
	io_uring_queue_exit(&ring);
	return 0;
}
