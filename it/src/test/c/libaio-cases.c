// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the harness of libaio tests, tested again through libaio.
 *
 *     cc -std=gnu11 -O2 -Wall -Wextra -Werror libaio-cases.c -o libaio-cases -laio -lpthread
 *     libaio-cases CASE[,CASE...] PATH
 *
 * CASE is a number of the harness. PATH is a directory, in which the case makes a file of its own; or a file or block device,
 * which it overwrites. It prints "case N: ok", or what differed. Exit status, of the first case that is not ok: 0 ok;
 * 1 something differed; 77 not possible here, with the reason; 2 it could not run.
 *
 *  case  what it shows                                 how it is shown here
 *  ----  --------------------------------------------  -----------------------------------------------------------------
 *    2   io_setup: bad pointer, bad number, twice      the same
 *    3   io_submit: bad context, list, iocb, number    the same
 *    4   descriptor not open for it, offset below 0,   the same; on a device without the appending
 *        O_APPEND, bad buffers
 *    5   I/O from and to a mapping of the same file    the same; not possible where files are not mapped
 *    6   huge requests, all pages pinned               64 MiB or what there is room for, buffered and direct
 *    7   the limit of file size: short, EFBIG, 0       the same; not possible where plain writes know no limit, or on a device
 *    8   the end of what a file can be                 the end of the device; in a file the filesystem's limit, unless that is
 *                                                      the end of all offsets
 *    9   (there is none)
 *   10   a full filesystem: short, ENOSPC, 0           the end of the device; in a directory of a small filesystem (below 64
 *                                                      MiB; a tmpfs will do)
 *   11   the same page many times                      20,000 times each way instead of a million
 *   12   a context is nobody else's after fork         EINVAL in the child, or ENOSYS where children have no such calls
 *   13   8 requests of 1 MiB at once                   the same
 *   14   a process ends with requests in flight        a child does; where it can't (ENOSYS), this process does
 *   15   vectors                                       the same
 *   16   an eventfd is told when I/O is done           the same; where there is little room with that
 *   17   more requests than the ring has slots         without fork; events by the call, and read out of the ring
 *   18   after io_destroy nothing comes any more       16 threads, 50 times, instead of 100 threads, 1000 times; direct I/O only
 *   19   the ring in another place of memory           the same; not possible where the kernel can't follow
 *   20   all of aio-max-nr can be had                  in this process, with contexts of 512 events and more, and again after
 *   21   NOWAIT does not wait                          the same; direct I/O only
 *   22   poll, and the signal mask of io_pgetevents    a thread sends the signal instead of a child
 *   23   a poll misses no event                        one process, 2,000 times; write where there is no splice
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libaio.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OK 0
#define DIFFERS 1
#define CANNOT_RUN 2
#define NOT_HERE 77

#define KERNEL_POINTER ((void *)0xffffffff81000000)
#define PAGE 4096
#define MIB (1L << 20)

static int number;		/* of the case */
static char path[PATH_MAX];	/* what it works on */
static bool ours;		/* made in the directory that was given, to be unlinked */
static bool device;
static int differences;
static char note[200];		/* how it came out, where there is more than one way */
static char why_not[200];
static io_context_t ctx;

static void fatal(const char *what, int errnum)
{
	fprintf(stderr, "libaio-cases: case %d: %s: %s\n", number, what, strerror(errnum));
	if (ours)
		unlink(path);
	exit(CANNOT_RUN);
}

__attribute__((format(printf, 1, 2))) static int not_here(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why_not, sizeof(why_not), format, args);
	va_end(args);
	return NOT_HERE;
}

static void expect(const char *what, long got, long wanted)
{
	if (got != wanted) {
		printf("case %d: %s: %ld%s%s, not %ld%s%s\n", number, what, got, got < 0 ? " " : "", got < 0 ? strerror((int)-got) : "",
		       wanted, wanted < 0 ? " " : "", wanted < 0 ? strerror((int)-wanted) : "");
		differences++;
	}
}

static int result(void)
{
	return differences ? DIFFERS : OK;
}

static int try_open(int flags)
{
	int fd = open(path, flags, 0600);

	return fd < 0 ? -errno : fd;
}

static int must_open(int flags)
{
	int fd = try_open(flags);

	if (fd < 0)
		fatal(path, -fd);
	return fd;
}

/* Makes the file so long; a device is as long as it is. */
static void set_length(int fd, off_t bytes)
{
	if (!device && ftruncate(fd, bytes) < 0)
		fatal("ftruncate", errno);
}

static off_t device_bytes(int fd)
{
	uint64_t bytes;

	if (ioctl(fd, BLKGETSIZE64, &bytes) < 0)
		fatal("BLKGETSIZE64", errno);
	return (off_t)bytes;
}

static void *memory(size_t bytes, int fill)
{
	void *at;

	if (posix_memalign(&at, PAGE, bytes))
		fatal("memory", ENOMEM);
	return memset(at, fill, bytes);
}

/* Fills a file up to a length, or until nothing fits any more; answers its length. */
static off_t fill(int fd, off_t length)
{
	char *buffer = memory(64 << 10, 0);
	off_t at = 0;

	while (at < length) {
		size_t bytes = length - at < (64 << 10) ? (size_t)(length - at) : 64 << 10;
		ssize_t written = pwrite(fd, buffer, bytes, at);

		if (written <= 0)
			break;
		at += written;
	}
	free(buffer);
	return at;
}

/* How many of so many bytes there is room for, in whole pages. */
static long room(int fd, long wanted)
{
	long bytes = device ? device_bytes(fd) : fill(fd, wanted);

	set_length(fd, 0);
	bytes = bytes < wanted ? bytes : wanted;
	return bytes / PAGE * PAGE;
}

static void setup(int events)
{
	int error = io_queue_init(events, &ctx);

	if (error)
		fatal("io_queue_init", -error);
}

/* One request from beginning to end: what io_submit says if that fails, else what the event says. */
static long one(struct iocb *iocb)
{
	struct timespec timeout = { 30, 0 };
	struct io_event event;
	struct iocb *list[] = { iocb };
	int got = io_submit(ctx, 1, list);

	if (got != 1)
		return got;
	got = io_getevents(ctx, 1, 1, &event, &timeout);
	if (got != 1)
		return got < 0 ? got : -ETIME;
	if (event.obj != iocb)
		expect("whose event", (long)event.obj, (long)iocb);
	return (long)event.res;
}

static long aio_read(int fd, void *buffer, size_t bytes, long long offset)
{
	struct iocb iocb;

	io_prep_pread(&iocb, fd, buffer, bytes, offset);
	return one(&iocb);
}

static long aio_write(int fd, const void *buffer, size_t bytes, long long offset)
{
	struct iocb iocb;

	io_prep_pwrite(&iocb, fd, (void *)buffer, bytes, offset);
	return one(&iocb);
}

/* io_setup. A bad pointer is found before a bad number. */
static int case_2(void)
{
	io_context_t context = NULL;

	expect("-1000 events, the kernel's pointer", io_setup(-1000, KERNEL_POINTER), -EFAULT);
	expect("1000 events, the kernel's pointer", io_setup(1000, KERNEL_POINTER), -EFAULT);
	expect("0 events, the kernel's pointer", io_setup(0, KERNEL_POINTER), -EFAULT);
	expect("-1000 events", io_setup(-1000, &context), -EINVAL);
	expect("-1 events", io_setup(-1, &context), -EINVAL);
	expect("0 events", io_setup(0, &context), -EINVAL);
	expect("no context", (long)context, 0);
	expect("1 event", io_setup(1, &context), 0);
	expect("a context that is one already", io_setup(1, &context), -EINVAL);
	expect("io_destroy", io_destroy(context), 0);
	return result();
}

/* io_submit with what is no context, no list, no iocb, no number. */
static int case_3(void)
{
	struct iocb a, b;
	struct iocb *good[] = { &a, &b };
	struct iocb *null[] = { NULL, &b };
	struct iocb *kernels[] = { KERNEL_POINTER, &a };

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	setup(1024);
	expect("no context", io_submit((io_context_t)-1, 1, good), -EINVAL);
	expect("0 requests", io_submit(ctx, 0, good), 0);
	expect("no list", io_submit(ctx, 1, NULL), -EFAULT);
	expect("a list at -1", io_submit(ctx, 1, (void *)-1), -EFAULT);
	expect("no iocb", io_submit(ctx, 2, null), -EFAULT);
	expect("the kernel's iocb", io_submit(ctx, 2, kernels), -EFAULT);
	expect("-1 requests", io_submit(ctx, -1, good), -EINVAL);
	return result();
}

/* Descriptors that are not open for it, offsets that are none, O_APPEND, and buffers that are none. */
static int case_4(void)
{
	char *buffer = memory(PAGE, 0);
	int fd = must_open(O_RDWR);
	int readable = must_open(O_RDONLY);
	int writable = must_open(O_WRONLY);

	setup(1024);
	expect("write to a descriptor for reading", aio_write(readable, buffer, 512, 0), -EBADF);
	expect("read from a descriptor for writing", aio_read(writable, buffer, 512, 0), -EBADF);
	expect("write", aio_write(fd, buffer, 512, 0), 512);
	expect("read", aio_read(fd, buffer, 512, 0), 512);
	expect("read at -1", aio_read(fd, buffer, 512, -1), -EINVAL);
	expect("write at -1", aio_write(fd, buffer, 512, -1), -EINVAL);
	expect("read to the kernel's memory", aio_read(fd, KERNEL_POINTER, 512, 0), -EFAULT);
	expect("write from the kernel's memory", aio_write(fd, KERNEL_POINTER, 512, 0), -EFAULT);
	expect("write from nowhere", aio_write(fd, NULL, 512, 0), -EFAULT);
	if (device) {
		snprintf(note, sizeof(note), "nothing is appended to a device");
		return result();
	}
	close(fd);
	fd = must_open(O_RDWR | O_APPEND);
	set_length(fd, 0);
	expect("read from an empty file", aio_read(fd, buffer, 512, 0), 0);
	expect("append", aio_write(fd, "1234", 4, 0), 4);
	expect("append more", aio_write(fd, "5678", 4, 0), 4);
	expect("read what was appended", aio_read(fd, buffer, 512, 0), 8);
	expect("what was appended", memcmp(buffer, "12345678", 8), 0);
	return result();
}

/* The buffer is a mapping of the very bytes that are read or written. */
static int case_5(void)
{
	static const struct {
		const char *name;
		int protection;
		long read, write;
	} mappings[] = {
		{ "read and write", PROT_READ | PROT_WRITE, 512, 512 },
		{ "read only", PROT_READ, -EFAULT, 512 },
		{ "write only", PROT_WRITE, 512, 512 }, /* on this machine, what may be written may be read */
	};
	int fd = must_open(O_RDWR);

	setup(1024);
	set_length(fd, 512);
	for (unsigned i = 0; i < sizeof(mappings) / sizeof(mappings[0]); i++) {
		char *mapped = mmap(NULL, PAGE, mappings[i].protection, MAP_SHARED, fd, 0);

		if (mapped == MAP_FAILED) {
			if (errno == ENODEV)
				return not_here("files are not mapped: mmap says %s", strerror(errno));
			fatal("mmap", errno);
		}
		expect(mappings[i].name, aio_write(fd, mapped, 512, 0), mappings[i].write);
		expect(mappings[i].name, aio_read(fd, mapped, 512, 0), mappings[i].read);
		munmap(mapped, PAGE);
	}
	return result();
}

static void huge(int fd, char *buffer, long bytes)
{
	for (long i = 0; i < bytes; i += PAGE)
		buffer[i] = (char)(i / PAGE);
	expect("huge write", aio_write(fd, buffer, (size_t)bytes, 0), bytes);
	memset(buffer, 0xff, (size_t)bytes);
	expect("huge read", aio_read(fd, buffer, (size_t)bytes, 0), bytes);
	for (long i = 0; i < bytes; i += PAGE) {
		if (buffer[i] != (char)(i / PAGE)) {
			expect("page of a huge read", buffer[i], (char)(i / PAGE));
			break;
		}
	}
}

/* Requests so huge that it matters how their pages are pinned. */
static int case_6(void)
{
	int fd = must_open(O_RDWR);
	int direct = try_open(O_RDWR | O_DIRECT);
	long bytes = room(fd, 64 * MIB);
	char *buffer = memory((size_t)bytes, 0);

	setup(1024);
	huge(fd, buffer, bytes);
	if (direct >= 0)
		huge(direct, buffer, bytes);
	set_length(fd, 0);
	snprintf(note, sizeof(note), "%ld KiB, %s", bytes >> 10, direct < 0 ? "buffered" : "buffered and direct");
	return result();
}

/* At an end that nothing is written behind: what fits is written, and nothing more. */
static void around(int fd, off_t limit, int refused)
{
	char *buffer = memory(512, 0);

	expect("write up to the limit", aio_write(fd, buffer, 512, limit - 512), 512);
	expect("read up to the limit", aio_read(fd, buffer, 512, limit - 512), 512);
	expect("write over the limit", aio_write(fd, buffer, 512, limit - 511), 511);
	expect("read over the limit", aio_read(fd, buffer, 512, limit - 511), 511);
	expect("write at the limit", aio_write(fd, buffer, 512, limit), refused);
	expect("read at the limit", aio_read(fd, buffer, 512, limit), 0);
	expect("write nothing at the limit", aio_write(fd, buffer, 0, limit), 0);
}

/* RLIMIT_FSIZE. */
static int case_7(void)
{
	struct rlimit limit = { 8192, 8192 };
	int fd = must_open(O_RDWR);

	if (device)
		return not_here("a device has no limit of file size");
	set_length(fd, 0);
	setup(1024);
	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		fatal("setrlimit", errno);
	if (pwrite(fd, "x", 1, 8192) == 1) {
		set_length(fd, 0);
		return not_here("plain writes know no limit of file size either");
	}
	around(fd, 8192, -EFBIG);
	return result();
}

/* The end of the device, or of what the filesystem can do. */
static int case_8(void)
{
	int fd = must_open(O_RDWR);
	off_t fits = 0, beyond = INT64_MAX;

	setup(1024);
	if (device) {
		around(fd, device_bytes(fd), -ENOSPC);
		return result();
	}
	set_length(fd, 0);
	while (beyond - fits > 1) {
		off_t middle = fits + (beyond - fits) / 2;

		if (pwrite(fd, "x", 1, middle) == 1)
			fits = middle;
		else if (errno == EFBIG || errno == EINVAL)
			beyond = middle;
		else
			return not_here("the room ends before the offsets do: %s", strerror(errno));
		set_length(fd, 0);
	}
	if (beyond > INT64_MAX - 512)
		return not_here("a file may be as long as there are offsets");
	around(fd, beyond, -EFBIG);
	set_length(fd, 0);
	return result();
}

/* A filesystem, or device, that is full. */
static int case_10(void)
{
	int fd = must_open(O_RDWR);
	char *buffer = memory(PAGE, 0);
	struct statvfs fs;
	off_t limit;

	setup(1024);
	if (device) {
		around(fd, device_bytes(fd), -ENOSPC);
		return result();
	}
	if (fstatvfs(fd, &fs) == 0 && fs.f_bsize * fs.f_bavail > 64 * (unsigned long)MIB)
		return not_here("the filesystem is too large to be filled");
	set_length(fd, 0);
	limit = fill(fd, 65 * MIB);
	if (limit > 64 * MIB) {
		set_length(fd, 0);
		return not_here("the filesystem is too large to be filled");
	}
	if (limit < 2 * PAGE)
		fatal("the filesystem was full before", ENOSPC);
	expect("write to a full filesystem", aio_write(fd, buffer, PAGE, limit), -ENOSPC);
	expect("read behind the end", aio_read(fd, buffer, PAGE, limit), 0);
	expect("read up to the end", aio_read(fd, buffer, PAGE, limit - PAGE), PAGE);
	expect("write nothing", aio_write(fd, buffer, 0, limit), 0);
	set_length(fd, 0);
	expect("filled again", fill(fd, limit - PAGE), limit - PAGE);
	expect("write over the room there is", aio_write(fd, buffer, PAGE, limit - PAGE + 1), PAGE - 1);
	expect("read what fitted", aio_read(fd, buffer, PAGE, limit - PAGE + 1), PAGE - 1);
	expect("write to a full filesystem", aio_write(fd, buffer, PAGE, limit), -ENOSPC);
	set_length(fd, 0);
	return result();
}

/* The same page so often that a page lost each time would be missed. */
static int case_11(void)
{
	enum { TIMES = 20000 };
	char *buffer = memory(PAGE, 0);
	int fd = must_open(O_RDWR);

	setup(1024);
	set_length(fd, 0);
	for (int i = 0; i < TIMES && !differences; i++) {
		memset(buffer, i, 256);
		expect("write", aio_write(fd, buffer, 256, 0), 256);
		memset(buffer, ~i, 256);
		expect("read", aio_read(fd, buffer, 256, 0), 256);
		expect("what was read", buffer[255], (char)i);
	}
	return result();
}

/* Runs something in a child; answers what it says, 0 to 125. */
static int in_child(int (*work)(void))
{
	int status;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child < 0)
		fatal("fork", errno);
	if (child == 0)
		_exit(work());
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			fatal("waitpid", errno);
	if (!WIFEXITED(status)) {
		expect("signal that ended the child", WTERMSIG(status), 0);
		return 0;
	}
	return WEXITSTATUS(status);
}

static int submits_nothing(void)
{
	return -io_submit(ctx, 0, NULL);
}

/* A context does not go to a child. */
static int case_12(void)
{
	int error;

	setup(1024);
	expect("io_submit", io_submit(ctx, 0, NULL), 0);
	error = in_child(submits_nothing);
	if (error != ENOSYS)
		expect("io_submit in the child", -error, -EINVAL);
	snprintf(note, sizeof(note), "the child's call says %s", strerror(error));
	expect("io_submit afterwards", io_submit(ctx, 0, NULL), 0);
	return result();
}

/* Several large writes at once, of 1 MiB where there is room. */
static int case_13(void)
{
	enum { REQUESTS = 8 };
	struct iocb iocbs[REQUESTS];
	struct iocb *list[REQUESTS];
	bool done[REQUESTS] = { false };
	int fd = must_open(O_RDWR);
	long bytes = room(fd, REQUESTS * MIB) / REQUESTS / PAGE * PAGE;
	char *check = memory((size_t)bytes, 0);

	setup(1024);
	for (int i = 0; i < REQUESTS; i++) {
		io_prep_pwrite(&iocbs[i], fd, memory((size_t)bytes, 'a' + i), (size_t)bytes, i * bytes);
		list[i] = &iocbs[i];
	}
	expect("io_submit", io_submit(ctx, REQUESTS, list), REQUESTS);
	for (int i = 0; i < REQUESTS; i++) {
		struct timespec timeout = { 30, 0 };
		struct io_event event;
		int got = io_getevents(ctx, 1, 1, &event, &timeout);
		long index;

		expect("io_getevents", got, 1);
		if (got != 1)
			break;
		index = event.obj - iocbs;
		if (index < 0 || index >= REQUESTS || done[index]) {
			expect("an event of a request, once", index, -1);
			break;
		}
		done[index] = true;
		expect("write", (long)event.res, bytes);
	}
	for (int i = 0; i < REQUESTS; i++) {
		expect("read", aio_read(fd, check, (size_t)bytes, i * bytes), bytes);
		expect("what was read", check[0] == 'a' + i && check[bytes - 1] == 'a' + i, true);
	}
	set_length(fd, 0);
	return result();
}

static int leaves_requests_behind(void)
{
	static struct iocb iocbs[10];
	int fd = try_open(O_RDWR);
	io_context_t context = NULL;
	char *buffer;
	long bytes;
	int error;

	if (fd < 0)
		return -fd;
	bytes = room(fd, 4 * MIB);
	buffer = memory((size_t)bytes, 0);
	error = io_setup(1024, &context);
	if (error)
		return -error;
	for (int i = 0; i < 10; i++) {
		struct iocb *list[] = { &iocbs[i] };

		if (i % 2)
			io_prep_pread(&iocbs[i], fd, buffer, (size_t)bytes, 0);
		else
			io_prep_pwrite(&iocbs[i], fd, buffer, (size_t)bytes, 0);
		error = io_submit(context, 1, list);
		if (error != 1)
			return -error;
	}
	return 0;
}

/* Nobody waits for requests, and the process that made them ends. */
static int case_14(void)
{
	int error = in_child(leaves_requests_behind);

	if (error == ENOSYS) {
		/* Then this process ends the same way; it has no context but that one. */
		error = leaves_requests_behind();
		snprintf(note, sizeof(note), "the child's call says %s; left behind by the process itself", strerror(ENOSYS));
	}
	expect("submitting", -error, 0);
	return result();
}

/* Vectors, from the beginning and from elsewhere. */
static int case_15(void)
{
	enum { PIECES = 10, BYTES = 512 };
	char *buffer = memory(PIECES * BYTES, 0);
	char *check = memory(PIECES * BYTES, 0);
	struct iovec iov[PIECES];
	int fd = must_open(O_RDWR);
	struct iocb iocb;

	setup(1024);
	set_length(fd, PIECES * BYTES);
	for (int first = 0; first < 2; first++) {
		long bytes = (PIECES - first) * BYTES;

		for (int i = 0; i < PIECES; i++) {
			iov[i].iov_base = buffer + i * BYTES;
			iov[i].iov_len = BYTES;
			memset(iov[i].iov_base, 'a' + 10 * first + i, BYTES);
		}
		io_prep_pwritev(&iocb, fd, iov + first, PIECES - first, first * BYTES);
		expect("pwritev", one(&iocb), bytes);
		expect("pread", pread(fd, check, PIECES * BYTES, 0), PIECES * BYTES);
		expect("what was written", memcmp(buffer + first * BYTES, check + first * BYTES, (size_t)bytes), 0);
		memset(buffer, 0, PIECES * BYTES);
		io_prep_preadv(&iocb, fd, iov + first, PIECES - first, first * BYTES);
		expect("preadv", one(&iocb), bytes);
		expect("what was read", memcmp(buffer + first * BYTES, check + first * BYTES, (size_t)bytes), 0);
	}
	return result();
}

/* When an eventfd says so, the event is there. */
static int case_16(void)
{
	int fd = must_open(O_RDWR);
	int efd = eventfd(0, 0);
	long bytes = room(fd, 10 * MIB);
	char *buffer = memory((size_t)bytes, 'x');

	if (efd < 0)
		return not_here("eventfd: %s", strerror(errno));
	setup(1024);
	alarm(30);
	for (int reading = 0; reading < 2; reading++) {
		struct timespec no_time = { 0, 0 };
		struct io_event event;
		struct iocb iocb, *list[] = { &iocb };
		uint64_t count = 0;
		int got;

		if (reading)
			memset(buffer, 0, (size_t)bytes);
		if (reading)
			io_prep_pread(&iocb, fd, buffer, (size_t)bytes, 0);
		else
			io_prep_pwrite(&iocb, fd, buffer, (size_t)bytes, 0);
		io_set_eventfd(&iocb, efd);
		got = io_submit(ctx, 1, list);
		if (got == -EBADF)
			return not_here("an eventfd of another kernel");
		expect("io_submit", got, 1);
		if (got != 1)
			break;
		expect("read from the eventfd", read(efd, &count, sizeof(count)), sizeof(count));
		expect("requests done", (long)count, 1);
		expect("io_getevents", io_getevents(ctx, 0, 1, &event, &no_time), 1);
		expect("result", (long)event.res, bytes);
	}
	expect("what was read", buffer[0] == 'x' && buffer[bytes / 2] == 'x' && buffer[bytes - 1] == 'x', true);
	set_length(fd, 0);
	return result();
}

/* The completion ring that io_setup maps into the process, with its address for the context. */
struct ring {
	unsigned id, nr, head, tail, magic, compat_features, incompat_features, header_length;
	struct io_event events[];
};

/* Takes events out of the ring without a call. */
static int read_ring(io_context_t context, int most, struct io_event *events)
{
	struct ring *ring = (struct ring *)context;
	int n = 0;

	while (n < most) {
		unsigned head = ring->head;

		if (head == __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE))
			break;
		events[n++] = ring->events[head];
		__atomic_store_n(&ring->head, (head + 1) % ring->nr, __ATOMIC_RELEASE);
	}
	return n;
}

static void submit_all(int fd, int requests, bool by_call)
{
	struct iocb *iocbs = calloc((size_t)requests, sizeof(*iocbs));
	struct iovec *iov = calloc((size_t)requests, sizeof(*iov));
	struct io_event *events = calloc((size_t)requests, sizeof(*events));
	char *data = memory((size_t)requests * PAGE, 0);
	io_context_t context = NULL;
	int submitted = 0, completed = 0;
	time_t end = time(NULL) + 30;

	if (!iocbs || !iov || !events)
		fatal("memory", ENOMEM);
	expect("io_setup", io_setup(32, &context), 0);
	for (int i = 0; i < requests; i++) {
		iov[i].iov_base = data + (size_t)i * PAGE;
		iov[i].iov_len = PAGE;
		io_prep_preadv(&iocbs[i], fd, &iov[i], 1, 0);
	}
	while (completed < requests && time(NULL) < end) {
		struct iocb *list[16];
		int batch = 0, got = 0;

		while (batch < 16 && submitted + batch < requests) {
			list[batch] = &iocbs[submitted + batch];
			batch++;
		}
		if (batch)
			got = io_submit(context, batch, list);
		if (got > 0)
			submitted += got;
		/* No slot is free: events have to be taken first. Else they are left until there is nothing more to submit. */
		if (got == -EAGAIN || submitted == requests) {
			int n = by_call ? io_getevents(context, 1, requests, events, NULL) : read_ring(context, requests, events);

			for (int i = 0; i < n; i++)
				expect("read", (long)events[i].res, PAGE);
			completed += n > 0 ? n : 0;
		} else if (got < 0) {
			expect("io_submit", got, batch);
			break;
		}
	}
	expect("completed", completed, requests);
	expect("submitted", submitted, requests);
	expect("io_destroy", io_destroy(context), 0);
	free(iocbs);
	free(iov);
	free(events);
	free(data);
}

/* More requests than slots: none is lost, and nothing hangs. */
static int case_17(void)
{
	int fd = try_open(O_RDWR | O_DIRECT);
	io_context_t context = NULL;
	int slots;

	if (fd < 0)
		fd = must_open(O_RDWR);
	set_length(fd, PAGE);
	expect("io_setup", io_setup(32, &context), 0);
	slots = (int)((struct ring *)context)->nr;
	expect("io_destroy", io_destroy(context), 0);
	expect("slots enough", slots >= 32, true);
	for (int by_call = 1; by_call >= 0; by_call--) {
		submit_all(fd, slots - 1, by_call);
		submit_all(fd, slots, by_call);
		submit_all(fd, slots + 1, by_call);
		submit_all(fd, 2 * slots, by_call);
		submit_all(fd, 4 * slots, by_call);
	}
	snprintf(note, sizeof(note), "%d slots", slots);
	return result();
}

static void *destroys(void *unused)
{
	char *buffer = memory(PAGE, 0);
	int fd = must_open(O_RDONLY | O_DIRECT);
	long wrong = 0;

	(void)unused;
	for (int i = 0; i < 50; i++) {
		io_context_t context = NULL;
		struct iocb iocb, *list[] = { &iocb };

		if (io_queue_init(1, &context))
			return (void *)-1;
		io_prep_pread(&iocb, fd, buffer, PAGE, 0);
		memset(buffer, '0', PAGE);
		if (io_submit(context, 1, list) != 1)
			return (void *)-1;
		if (io_destroy(context))
			return (void *)-1;
		memset(buffer, '2', PAGE);
		for (int j = 0; j < PAGE; j++)
			wrong += buffer[j] != '2';
	}
	close(fd);
	return (void *)wrong;
}

/* io_destroy waits: the buffer of a request is the program's again. */
static int case_18(void)
{
	pthread_t threads[16];
	char *buffer = memory(PAGE, '1');
	int fd = try_open(O_RDONLY | O_DIRECT);

	if (fd == -EINVAL)
		return not_here("no direct I/O on this file");
	if (fd < 0)
		fatal(path, -fd);
	close(fd);
	fd = must_open(O_RDWR);
	expect("write", pwrite(fd, buffer, PAGE, 0), PAGE);
	if (fsync(fd) < 0)
		fatal("fsync", errno);
	for (int i = 0; i < 16; i++)
		if (pthread_create(&threads[i], NULL, destroys, NULL))
			fatal("pthread_create", EAGAIN);
	for (int i = 0; i < 16; i++) {
		void *wrong;

		pthread_join(threads[i], &wrong);
		expect("bytes that came after io_destroy", (long)wrong, 0);
	}
	return result();
}

/* Moves the ring, and with it the context. Null if it can't be. */
static io_context_t moved(io_context_t context)
{
	struct ring *ring = (struct ring *)context;
	size_t bytes = (sizeof(*ring) + ring->nr * sizeof(ring->events[0]) + PAGE - 1) / PAGE * PAGE;
	void *elsewhere = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *now;

	if (elsewhere == MAP_FAILED)
		fatal("mmap", errno);
	now = mremap(ring, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere);
	if (now == MAP_FAILED) {
		munmap(elsewhere, bytes);
		return NULL;
	}
	return now;
}

/* Whoever moves the ring finds the events in the new place. */
static int case_19(void)
{
	char *buffer = memory(PAGE, 'm');
	int fd = must_open(O_RDWR);
	io_context_t context = NULL, next;

	expect("io_setup", io_setup(1, &context), 0);
	for (int late = 0; late < 2; late++) {
		struct iocb iocb, *list[] = { &iocb };
		struct io_event event;
		time_t end = time(NULL) + 30;
		int got;

		if (!late) {
			next = moved(context);
			if (!next)
				return not_here("mremap of the ring: %s", strerror(errno));
			context = next;
		}
		io_prep_pwrite(&iocb, fd, buffer, PAGE, 0);
		got = io_submit(context, 1, list);
		if (got == -EINVAL && !late)
			return not_here("a context whose ring was moved is none");
		expect("io_submit", got, 1);
		if (got != 1)
			return result();
		if (late) {
			next = moved(context);
			if (!next)
				return not_here("mremap of the ring: %s", strerror(errno));
			context = next;
		}
		while ((got = read_ring(context, 1, &event)) == 0 && time(NULL) < end)
			;
		expect("events in the ring", got, 1);
		if (got == 1) {
			expect("whose event", (long)event.obj, (long)&iocb);
			expect("write", (long)event.res, PAGE);
		}
	}
	expect("io_destroy", io_destroy(context), 0);
	return result();
}

static long proc(const char *name)
{
	FILE *file = fopen(name, "r");
	long value = -1;

	if (!file || fscanf(file, "%ld", &value) != 1)
		value = -1;
	if (file)
		fclose(file);
	return value;
}

/* Contexts of so many events until there are no more; answers how many events that were. */
static long take_all(int events, long max)
{
	io_context_t *contexts = calloc((size_t)(max / events + 2), sizeof(*contexts));
	long n = 0;
	int error = 0;

	if (!contexts)
		fatal("memory", ENOMEM);
	while (n <= max / events && (error = io_setup(events, &contexts[n])) == 0)
		n++;
	expect("the io_setup that there is no room for", error, -EAGAIN);
	for (long i = 0; i < n; i++)
		expect("io_destroy", io_destroy(contexts[i]), 0);
	free(contexts);
	return n * events;
}

/* Nothing of aio-max-nr is lost, however it is cut into contexts. */
static int case_20(void)
{
	long max = proc("/proc/sys/fs/aio-max-nr");
	long used = proc("/proc/sys/fs/aio-nr");

	if (max < 4096 || used < 0)
		return not_here("no /proc/sys/fs/aio-max-nr, or it is small");
	for (int events = 512; events <= max; events *= 2) {
		long got = take_all(events, max);

		/* What others use counts, if it is this kernel that /proc tells of. */
		if (got > max || got < (max - used) / events * events)
			expect("events of all contexts together", got, (max - used) / events * events);
	}
	return result();
}

/* A read of direct I/O that may not wait does not write the cache back first. */
static int case_21(void)
{
	char *buffer = memory(PAGE, 'n');
	struct iovec iov = { buffer, PAGE };
	int fd = must_open(O_RDWR);
	int direct = try_open(O_RDWR | O_DIRECT);
	struct iocb iocb;
	long got;

	if (direct == -EINVAL)
		return not_here("no direct I/O on this file");
	setup(1);
	expect("buffered write", pwrite(fd, buffer, PAGE, 0), PAGE);
	io_prep_preadv2(&iocb, direct, &iov, 1, 0, RWF_NOWAIT);
	got = one(&iocb);
	if (got == -EOPNOTSUPP || got == -EINVAL)
		return not_here("no NOWAIT: %s", strerror((int)-got));
	expect("read that would have to write back", got, -EAGAIN);
	expect("direct write", pwrite(direct, buffer, PAGE, 0), PAGE);
	io_prep_preadv2(&iocb, direct, &iov, 1, 0, RWF_NOWAIT);
	expect("read that need not wait", one(&iocb), PAGE);
	return result();
}

static volatile sig_atomic_t handled;

static void on_signal(int sig)
{
	(void)sig;
	handled++;
}

static pthread_t waiter;
static int pipe_fds[2];

static void *sends_a_signal(void *unused)
{
	struct timespec soon = { 0, 50000000 };

	nanosleep(&soon, NULL);
	pthread_kill(waiter, SIGUSR1);
	return unused;
}

/* io_pgetevents waits with another signal mask, and the poll beneath goes on. */
static int case_22(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct iocb iocb, *list[] = { &iocb };
	struct timespec second = { 1, 0 }, long_time = { 30, 0 };
	struct io_event event;
	sigset_t blocked, open_mask, now;
	pthread_t sender;
	int got;

	sigaction(SIGUSR1, &action, NULL);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &blocked, &open_mask);
	sigdelset(&open_mask, SIGUSR1);
	if (pipe(pipe_fds) < 0)
		fatal("pipe", errno);
	setup(1);
	io_prep_poll(&iocb, pipe_fds[0], POLLIN);
	got = io_submit(ctx, 1, list);
	if (got == -EINVAL || got == -EBADF)
		return not_here("poll on a pipe: %s", strerror(-got));
	expect("io_submit", got, 1);

	/* A signal that was pending. */
	raise(SIGUSR1);
	expect("signals while they are blocked", handled, 0);
	got = io_pgetevents(ctx, 1, 1, &event, &long_time, &open_mask);
	if (got == -ENOSYS)
		return not_here("io_pgetevents: %s", strerror(ENOSYS));
	expect("io_pgetevents with a signal pending", got, -EINTR);
	expect("signals handled", handled, 1);
	pthread_sigmask(SIG_BLOCK, NULL, &now);
	expect("blocked again", sigismember(&now, SIGUSR1), 1);

	/* One that comes while it waits. */
	waiter = pthread_self();
	if (pthread_create(&sender, NULL, sends_a_signal, NULL))
		fatal("pthread_create", EAGAIN);
	expect("io_pgetevents with a signal coming", io_pgetevents(ctx, 1, 1, &event, &long_time, &open_mask), -EINTR);
	pthread_join(sender, NULL);
	expect("signals handled", handled, 2);

	/* And the request is still there. */
	expect("write to the pipe", write(pipe_fds[1], "x", 1), 1);
	expect("io_pgetevents", io_pgetevents(ctx, 1, 1, &event, &second, &open_mask), 1);
	expect("whose event", (long)event.obj, (long)&iocb);
	expect("POLLIN", (long)(event.res & POLLIN), POLLIN);
	expect("signals handled", handled, 2);
	return result();
}

static pthread_barrier_t barrier;
static bool ending;
static int one_byte_fd = -1;

/* A byte into the pipe; by splice, the pipe's waiters are not told what happened, and have to look. */
static void put_byte(void)
{
	off_t offset = 0;

	if (one_byte_fd >= 0 && splice(one_byte_fd, &offset, pipe_fds[1], NULL, 1, 0) == 1)
		return;
	if (write(pipe_fds[1], "x", 1) != 1)
		expect("write to the pipe", -errno, 1);
}

static void *puts_bytes(void *takes_first)
{
	for (;;) {
		char byte;

		pthread_barrier_wait(&barrier);
		if (ending)
			return NULL;
		if (takes_first && read(pipe_fds[0], &byte, 1) != 1)
			expect("read from the pipe", -errno, 1);
		put_byte();
		pthread_barrier_wait(&barrier);
	}
}

/* A byte comes, is taken, and another comes, while a poll looks on: at the end there is one, so the poll must see it. */
static int case_23(void)
{
	char name[] = "/tmp/libaio-cases.XXXXXX"; /* a host's file: splice takes a byte out of it */
	pthread_t threads[2];
	int got = 0;

	one_byte_fd = mkstemp(name);
	if (one_byte_fd >= 0) {
		unlink(name);
		if (write(one_byte_fd, "x", 1) != 1)
			fatal("write", errno);
	}
	if (pipe(pipe_fds) < 0)
		fatal("pipe", errno);
	setup(1);
	pthread_barrier_init(&barrier, NULL, 3);
	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, puts_bytes, i ? &barrier : NULL))
			fatal("pthread_create", EAGAIN);
	for (int i = 0; i < 2000 && !differences; i++) {
		struct timespec timeout = { 5, 0 };
		struct iocb iocb, *list[] = { &iocb };
		struct io_event event;
		char byte;

		io_prep_poll(&iocb, pipe_fds[0], POLLIN);
		got = io_submit(ctx, 1, list);
		if (got != 1)
			break;
		pthread_barrier_wait(&barrier);
		expect("a poll that sees its event", io_getevents(ctx, 1, 1, &event, &timeout), 1);
		pthread_barrier_wait(&barrier);
		expect("the last byte", read(pipe_fds[0], &byte, 1), 1);
	}
	ending = true;
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	if (got == -EINVAL || got == -EBADF)
		return not_here("poll on a pipe: %s", strerror(-got));
	expect("io_submit", got, 1);
	return result();
}

static int (*const cases[])(void) = {
	[2] = case_2, [3] = case_3, [4] = case_4, [5] = case_5, [6] = case_6, [7] = case_7, [8] = case_8, [10] = case_10,
	[11] = case_11, [12] = case_12, [13] = case_13, [14] = case_14, [15] = case_15, [16] = case_16, [17] = case_17,
	[18] = case_18, [19] = case_19, [20] = case_20, [21] = case_21, [22] = case_22, [23] = case_23,
};

static void find_path(const char *given)
{
	struct stat st;

	if (stat(given, &st) < 0)
		fatal(given, errno);
	device = S_ISBLK(st.st_mode);
	ours = S_ISDIR(st.st_mode);
	if (snprintf(path, sizeof(path), "%s", given) >= (int)sizeof(path) - 32)
		fatal(given, ENAMETOOLONG);
	if (ours)
		sprintf(path + strlen(path), "/libaio-case-%d", number);
	if (ours)
		close(must_open(O_RDWR | O_CREAT | O_TRUNC));
}

static int run(int which, const char *where)
{
	int status;

	number = which;
	if (number < 0 || number >= (int)(sizeof(cases) / sizeof(cases[0])) || !cases[number]) {
		fprintf(stderr, "usage: libaio-cases CASE[,CASE...] PATH (CASE: 2 to 23 but 9)\n");
		return CANNOT_RUN;
	}
	*note = *why_not = 0;
	differences = 0;
	ours = false;
	find_path(where);
	status = cases[number]();
	if (ours && unlink(path) < 0)
		fatal("unlink", errno);
	if (differences)
		status = DIFFERS;
	if (status == OK)
		printf("case %d: ok%s%s%s\n", number, *note ? " (" : "", note, *note ? ")" : "");
	else if (status == NOT_HERE)
		printf("case %d: not possible here: %s\n", number, why_not);
	return status;
}

int main(int argc, char **argv)
{
	char *next = argc == 3 ? strtok(argv[1], ",") : NULL;
	int worst = OK;

	if (!next)
		return run(-1, NULL);
	for (; next; next = strtok(NULL, ",")) {
		int status = run(atoi(next), argv[2]);

		worst = worst == OK ? status : worst;
	}
	return worst;
}
