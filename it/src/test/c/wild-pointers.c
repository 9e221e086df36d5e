// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pointers that are none, given to every call that takes one: the call answers EFAULT, nothing is written, the program
 * lives, and the same call with good memory works afterwards.
 *
 *     wild-pointers [-n] FILE [WRITABLE]
 *
 * FILE has at least 64 KiB and is read. WRITABLE is a file or block device of which the first 64 KiB are overwritten with what
 * was there; without it the calls that write are left out. -n leaves the two calls of the series out: the rest passes on
 * Linux itself.
 *
 * Exit status: 0 as it should be, 1 not (each difference is a line), 2 it could not run.
 */
#define _GNU_SOURCE
#include <linux/aio_abi.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "pollux_aio.h"

#define PAGE 4096UL
#define FILE_BYTES 65536

static int failures;
static int checks;

static void fatal(const char *what)
{
	fprintf(stderr, "wild-pointers: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* The C library says -1 and errno; the kernel says -errno. */
static long answer(long result)
{
	return result == -1 ? -errno : result;
}

static void differs(const char *call, const char *pointer, long got, const char *wanted)
{
	printf("%s, %s: %ld%s%s, not %s\n", call, pointer, got, got < 0 ? " " : "", got < 0 ? strerror((int)-got) : "", wanted);
	failures++;
}

static void expect(const char *call, const char *pointer, long got, long wanted)
{
	char text[64];

	checks++;
	snprintf(text, sizeof(text), "%ld", wanted);
	if (got != wanted)
		differs(call, pointer, got, wanted < 0 ? strerror((int)-wanted) : text);
}

/* A pointer that is good for nothing, or for less than it is taken for. */
struct wild {
	const char *name;
	char *at;
	bool readable;		/* all of it, by the kernel */
	size_t room;		/* bytes that are good before the end of the mapping */
};

static struct wild wild[16];
static unsigned nr_wild;
static char *good;		/* 16 pages that may be read and written */

static void add(const char *name, void *at, bool readable, size_t room)
{
	wild[nr_wild++] = (struct wild){ name, at, readable, room };
}

/*
 * Memory where nobody else maps anything: between a munmap and the call that gets the address, another thread of the process (there
 * may be some that the program knows nothing of) could get the same address for itself.
 */
static char *map(int pages, int prot)
{
	static uintptr_t hint = 0x200000000000;
	char *at = mmap((void *)hint, pages * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		fatal("mmap");
	hint += 0x10000000;
	return at;
}

static void make_pointers(void)
{
	char *crossing = map(2, PROT_READ | PROT_WRITE);
	char *freed = map(4, PROT_READ | PROT_WRITE);
	char *half_freed = map(2, PROT_READ | PROT_WRITE);

	good = map(16, PROT_READ | PROT_WRITE);
	add("null", NULL, false, 0);
	add("page 1", (void *)PAGE, false, 0);
	add("all ones", (void *)-1, false, 0);
	add("last page", (void *)-PAGE, false, 0);
	add("the kernel's text", (void *)0xffffffff81000000, false, 0);
	add("the kernel's half", (void *)0xffff800000000000, false, 0);
	add("not canonical", (void *)0x0000900000000000, false, 0);
	add("only the sign", (void *)INT64_MIN, false, 0);
	add("PROT_NONE", map(4, PROT_NONE), false, 0);
	add("read-only", map(4, PROT_READ), true, 0);
	memset(freed, 1, 4 * PAGE);
	munmap(freed, 4 * PAGE);
	add("freed", freed, false, 0);
	mprotect(crossing + PAGE, PAGE, PROT_NONE);
	add("over the edge to PROT_NONE", crossing + PAGE - 8, false, 8);
	munmap(half_freed + PAGE, PAGE);
	add("over the edge to nothing", half_freed + PAGE - 8, false, 8);
}

/*
 * A transfer through a pointer: EFAULT; or as many bytes as there was room for, where the call may be short. Memory
 * for a request of direct I/O has to be aligned before anything else, and whether 8 bytes are aligned enough depends on the kernel.
 */
static void transfer(const char *call, const struct wild *w, bool direct, long got)
{
	checks++;
	if (got == -EFAULT || (got > 0 && got <= (long)w->room))
		return;
	if (direct && ((uintptr_t)w->at % 512) && (got == -EINVAL || got == -EIO))
		return;
	differs(call, w->name, got, w->room ? "EFAULT or what there was room for" : "EFAULT");
}

static aio_context_t ctx;

static long setup(unsigned nr, aio_context_t *ctxp)
{
	return answer(syscall(__NR_io_setup, nr, ctxp));
}

static long submit(long nr, struct iocb **iocbpp)
{
	return answer(syscall(__NR_io_submit, ctx, nr, iocbpp));
}

static long getevents(long min, long nr, struct io_event *events, struct timespec *timeout)
{
	return answer(syscall(__NR_io_getevents, ctx, min, nr, events, timeout));
}

static struct iocb request(int op, int fd, void *buffer, size_t bytes, off_t offset)
{
	struct iocb iocb = { .aio_lio_opcode = (uint16_t)op, .aio_fildes = (uint32_t)fd, .aio_buf = (uintptr_t)buffer,
			     .aio_nbytes = bytes, .aio_offset = offset, .aio_data = 0x1234 };
	return iocb;
}

/* One request from beginning to end: what io_submit says if that fails, else what the event says. */
static long one(struct iocb *iocb)
{
	struct iocb *list[] = { iocb };
	struct io_event event;
	long result = submit(1, list);

	if (result != 1)
		return result;
	result = getevents(1, 1, &event, NULL);
	if (result != 1)
		return result;
	if (event.obj != (uintptr_t)iocb || event.data != iocb->aio_data)
		differs("io_getevents", "whose event", (long)event.obj, "ours");
	return event.res;
}

static void reads(const char *name, int fd, bool direct)
{
	struct iovec *iov = (struct iovec *)(good + 8 * PAGE);
	char call[64];

	for (unsigned i = 0; i < nr_wild; i++) {
		const struct wild *w = &wild[i];
		struct iocb iocb;

		lseek(fd, 0, SEEK_SET);
		snprintf(call, sizeof(call), "read %s", name);
		transfer(call, w, direct, answer(read(fd, w->at, 512)));
		snprintf(call, sizeof(call), "pread %s", name);
		transfer(call, w, direct, answer(pread(fd, w->at, 512, 4096)));
		transfer(call, w, direct, answer(pread(fd, w->at, 8192, 4096)));
		if (!w->readable) {
			snprintf(call, sizeof(call), "readv %s, array", name);
			checks++;
			if (answer(readv(fd, (struct iovec *)w->at, 1)) != -EFAULT)
				differs(call, w->name, answer(readv(fd, (struct iovec *)w->at, 1)), "EFAULT");
		}
		iov[0] = (struct iovec){ w->at, 512 };
		snprintf(call, sizeof(call), "preadv %s, buffer", name);
		lseek(fd, 0, SEEK_SET);
		transfer(call, w, direct, answer(readv(fd, iov, 1)));
		snprintf(call, sizeof(call), "io_submit PREAD %s, buffer", name);
		iocb = request(IOCB_CMD_PREAD, fd, w->at, 512, 4096);
		transfer(call, w, direct, one(&iocb));
		iocb = request(IOCB_CMD_PREADV, fd, iov, 1, 4096);
		snprintf(call, sizeof(call), "io_submit PREADV %s, buffer", name);
		transfer(call, w, direct, one(&iocb));
		if (!w->readable) {
			iocb = request(IOCB_CMD_PREADV, fd, w->at, 1, 4096);
			snprintf(call, sizeof(call), "io_submit PREADV %s, array", name);
			expect(call, w->name, one(&iocb), -EFAULT);
		}
		/* And with good memory all is well. */
		memset(good, 0, 512);
		expect("pread afterwards", w->name, answer(pread(fd, good, 512, 4096)), 512);
		iocb = request(IOCB_CMD_PREAD, fd, good + PAGE, 512, 4096);
		expect("io_submit afterwards", w->name, one(&iocb), 512);
		expect("the same data", w->name, memcmp(good, good + PAGE, 512), 0);
	}
}

/* Reading needs memory that may be written; writing is content with memory that may be read. */
static void writes(const char *name, int fd, bool direct)
{
	char *before = good + 2 * PAGE;
	char *after = good + 4 * PAGE;
	char call[64];

	if (pread(fd, before, 8192, 0) != 8192)
		fatal(name);
	for (unsigned i = 0; i < nr_wild; i++) {
		const struct wild *w = &wild[i];
		struct iocb iocb;

		if (w->readable)
			continue;
		if (w->room) /* what there is room for may be written, and then it is what is there already */
			memcpy(w->at, before, w->room);
		lseek(fd, 0, SEEK_SET);
		snprintf(call, sizeof(call), "write %s", name);
		transfer(call, w, direct, answer(write(fd, w->at, 512)));
		snprintf(call, sizeof(call), "pwrite %s", name);
		transfer(call, w, direct, answer(pwrite(fd, w->at, 512, 0)));
		iocb = request(IOCB_CMD_PWRITE, fd, w->at, 512, 0);
		snprintf(call, sizeof(call), "io_submit PWRITE %s", name);
		transfer(call, w, direct, one(&iocb));
		expect("pread afterwards", w->name, answer(pread(fd, after, 8192, 0)), 8192);
		expect("what was there before", w->name, memcmp(before, after, 8192), 0);
	}
	expect("pwrite from the same memory", "good", answer(pwrite(fd, before, 4096, 0)), 4096);
	if (mprotect(before, PAGE, PROT_READ))
		fatal("mprotect");
	expect("pwrite", "read-only", answer(pwrite(fd, before, 4096, 0)), 4096);
	expect("pread", "made read-only", answer(pread(fd, before, 4096, 0)), -EFAULT);
	if (mprotect(before, PAGE, PROT_READ | PROT_WRITE))
		fatal("mprotect");
	expect("pread", "made good again", answer(pread(fd, before, 4096, 0)), 4096);
}

static void names(int fd)
{
	for (unsigned i = 0; i < nr_wild; i++) {
		const struct wild *w = &wild[i];

		if (!w->readable) {
			if (w->room)
				memset(w->at, 'x', w->room); /* a name without an end */
			expect("open", w->name, answer(open(w->at, O_RDONLY)), -EFAULT);
		}
		expect("fstat", w->name, answer(syscall(SYS_fstat, fd, w->at)), -EFAULT);
	}
}

/* Everything that the calls of old take but buffers. */
static void old_calls(int fd)
{
	struct iocb a = request(IOCB_CMD_PREAD, fd, good, 512, 0);
	struct iocb b = request(IOCB_CMD_PREAD, fd, good + PAGE, 512, 512);
	struct timespec zero = { 0, 0 };
	struct io_event events[2];
	aio_context_t other = 0;
	struct { void *mask; size_t size; } sigset;

	for (unsigned i = 0; i < nr_wild; i++) {
		const struct wild *w = &wild[i];
		struct iocb *list[] = { &a, (struct iocb *)w->at };

		if (w->room) /* looks like nothing, as far as it goes */
			memset(w->at, 0, w->room);
		/* A pointer of 8 bytes fits before the edge. */
		if (w->room < sizeof(aio_context_t))
			expect("io_setup", w->name, setup(4, (aio_context_t *)w->at), -EFAULT);
		expect("io_destroy", w->name, answer(syscall(__NR_io_destroy, w->at)), -EINVAL);
		if (!w->readable) {
			expect("io_submit, list", w->name, submit(w->room ? 2 : 1, (struct iocb **)w->at), -EFAULT);
			expect("io_cancel", w->name, answer(syscall(__NR_io_cancel, ctx, w->at, events)), -EFAULT);
		}
		if (!w->readable && w->at) { /* null means none, for these */
			expect("io_getevents, timeout", w->name, getevents(1, 1, events, (struct timespec *)w->at), -EFAULT);
			expect("io_pgetevents, sigset", w->name,
			       answer(syscall(__NR_io_pgetevents, ctx, 0, 1, events, &zero, w->at)), -EFAULT);
			sigset.mask = w->at;
			sigset.size = 8;
			if (w->room < 8)
				expect("io_pgetevents, mask", w->name,
				       answer(syscall(__NR_io_pgetevents, ctx, 0, 1, events, &zero, &sigset)), -EFAULT);
		}
		/* Also where it could be read: the kernel writes the key. */
		expect("io_submit, iocb", w->name, submit(1, list + 1), -EFAULT);
		/* What came before the bad one is on its way. */
		expect("io_submit, the second iocb", w->name, submit(2, list), 1);
		expect("io_getevents, events", w->name, getevents(1, 1, (struct io_event *)w->at, NULL), -EFAULT);
		expect("io_getevents, the same event", w->name, getevents(1, 2, events, &zero), 1);
		expect("the event's result", w->name, events[0].res, 512);
		expect("nothing more", w->name, getevents(0, 2, events, &zero), 0);
		expect("one more request", w->name, one(&b), 512);
	}
	sigset.mask = good;
	sigset.size = 4;
	expect("io_pgetevents, size of the mask", "4", answer(syscall(__NR_io_pgetevents, ctx, 0, 1, events, &zero, &sigset)), -EINVAL);
	expect("io_setup", "good", setup(4, &other), 0);
	expect("io_destroy", "good", answer(syscall(__NR_io_destroy, other)), 0);
	expect("io_destroy", "again", answer(syscall(__NR_io_destroy, other)), -EINVAL);
}

static char *sq_memory, *cq_memory;

static long setup2(unsigned flags, void *sq, void *cq, void *ctxp)
{
	return answer(syscall(__NR_io_setup2, 4, flags, NULL, sq, cq, ctxp));
}

static long ring_enter(aio_context_t context, unsigned submit_nr, unsigned min)
{
	return answer(syscall(__NR_io_ring_enter, context, submit_nr, min, IORING_FLAG_SUBMIT | IORING_FLAG_GETEVENTS));
}

/* One request through rings. */
static long one_by_ring(unsigned flags, int fd, void *buffer, size_t bytes)
{
	struct aio_iocb_ring *sq = (struct aio_iocb_ring *)sq_memory;
	struct aio_io_event_ring *cq = (struct aio_io_event_ring *)cq_memory;
	aio_context_t context = 0;
	struct iocb iocb = request(IOCB_CMD_PREAD, fd, buffer, bytes, 4096);
	long result;

	memset(sq_memory, 0, PAGE);
	memset(cq_memory, 0, PAGE);
	for (int i = 0; i < 4; i++) {
		sq->iocbs[i].aio_buf = (uintptr_t)(flags & IOCTX_FLAG_FIXEDBUFS ? buffer : good);
		sq->iocbs[i].aio_nbytes = bytes;
	}
	result = setup2(flags | IOCTX_FLAG_SCQRING, sq, cq, &context);
	if (result)
		return result;
	if (flags & IOCTX_FLAG_IOPOLL)
		iocb.aio_flags = IOCB_FLAG_HIPRI;
	memcpy(&sq->iocbs[0], &iocb, sizeof(iocb));
	__atomic_store_n(&sq->tail, 1, __ATOMIC_RELEASE);
	result = ring_enter(context, 1, 1);
	if (result == 1) {
		/* A request that is not polled may be done a little after the call. */
		while (__atomic_load_n(&cq->tail, __ATOMIC_ACQUIRE) == 0 && (result = ring_enter(context, 0, 1)) == 0)
			;
		result = cq->events[0].res;
	}
	expect("io_destroy", "rings", answer(syscall(__NR_io_destroy, context)), 0);
	return result;
}

static void ring_calls(int fd, int direct_fd)
{
	aio_context_t context;

	sq_memory = map(1, PROT_READ | PROT_WRITE);
	cq_memory = map(1, PROT_READ | PROT_WRITE);
	for (unsigned i = 0; i < nr_wild; i++) {
		const struct wild *w = &wild[i];
		/* Rings begin at a page, and are pinned whole. */
		long refused = (uintptr_t)w->at % PAGE ? -EINVAL : -ENOMEM;

		context = 0;
		expect("io_setup2, SQ ring", w->name, setup2(IOCTX_FLAG_SCQRING, w->at, cq_memory, &context), refused);
		expect("io_setup2, CQ ring", w->name, setup2(IOCTX_FLAG_SCQRING, sq_memory, w->at, &context), refused);
		expect("io_setup2, both rings", w->name, setup2(IOCTX_FLAG_SCQRING | IOCTX_FLAG_IOPOLL, w->at, w->at, &context), refused);
		expect("io_setup2, no context", w->name, (long)context, 0);
		if (w->room)
			memset(w->at, 0, w->room);
		if (w->room < sizeof(context))
			expect("io_setup2, ctxp", w->name, setup2(IOCTX_FLAG_SCQRING, sq_memory, cq_memory, w->at), -EFAULT);
		expect("io_ring_enter", w->name, ring_enter((aio_context_t)w->at, 1, 1), -EINVAL);
		transfer("ring PREAD", w, false, one_by_ring(0, fd, w->at, 512));
		if (direct_fd >= 0) {
			transfer("ring PREAD, direct", w, true, one_by_ring(0, direct_fd, w->at, 512));
			transfer("ring PREAD, polled", w, true, one_by_ring(IOCTX_FLAG_IOPOLL, direct_fd, w->at, 512));
			transfer("ring PREAD, fixed buffer", w, true, one_by_ring(IOCTX_FLAG_FIXEDBUFS, direct_fd, w->at, 512));
			expect("ring PREAD afterwards", w->name, one_by_ring(IOCTX_FLAG_IOPOLL, direct_fd, good, 8192), 8192);
		}
		expect("ring PREAD afterwards", w->name, one_by_ring(0, fd, good, 8192), 8192);
	}
	context = 0;
	expect("io_setup2, SQ ring", "misaligned", setup2(IOCTX_FLAG_SCQRING, sq_memory + 8, cq_memory, &context), -EINVAL);
	expect("io_setup2, CQ ring", "misaligned", setup2(IOCTX_FLAG_SCQRING, sq_memory, cq_memory + 64, &context), -EINVAL);
}

int main(int argc, char **argv)
{
	bool rings = true;
	int c, fd, direct_fd, write_fd;

	while ((c = getopt(argc, argv, "n")) != -1) {
		if (c != 'n')
			return 2;
		rings = false;
	}
	if (optind >= argc) {
		fprintf(stderr, "usage: wild-pointers [-n] FILE [WRITABLE]\n");
		return 2;
	}
	make_pointers();
	fd = open(argv[optind], O_RDONLY);
	if (fd < 0 || lseek(fd, 0, SEEK_END) < FILE_BYTES)
		fatal(argv[optind]);
	direct_fd = open(argv[optind], O_RDONLY | O_DIRECT);
	if (direct_fd < 0 && errno != EINVAL)
		fatal(argv[optind]);
	if (setup(16, &ctx))
		fatal("io_setup");

	reads("buffered", fd, false);
	if (direct_fd >= 0)
		reads("direct", direct_fd, true);
	names(fd);
	old_calls(fd);
	if (optind + 1 < argc) {
		write_fd = open(argv[optind + 1], O_RDWR);
		if (write_fd < 0)
			fatal(argv[optind + 1]);
		writes("buffered", write_fd, false);
		close(write_fd);
		write_fd = open(argv[optind + 1], O_RDWR | O_DIRECT);
		if (write_fd >= 0)
			writes("direct", write_fd, true);
	}
	if (rings)
		ring_calls(fd, direct_fd);
	expect("io_destroy", "the context", answer(syscall(__NR_io_destroy, ctx)), 0);
	printf("wild pointers%s%s: %d checks, %d differences\n", direct_fd < 0 ? ", no direct I/O" : "", rings ? "" : ", no rings", checks,
	       failures);
	return failures ? 1 : 0;
}
