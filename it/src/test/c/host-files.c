// SPDX-License-Identifier: GPL-2.0-only
/*
 * aio on files that the kernel under test did not open: files of the host, pipes, sockets, eventfds and their like.
 *
 *     host-files CASE DIRECTORY
 *
 * CASE is files, streams, waits, polls, eventfds or many. DIRECTORY is on a filesystem of the host; a file is made there and
 * removed. What every Linux does is checked, and a difference is a line with "not". What depends on its version is printed, to be
 * compared with the same program's output on the same host. Exit status: 0 nothing differed; 1 something did; 2 it could not run.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/aio_abi.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define HIPRI 0x01
#define DSYNC 0x02
#define SYNC 0x04
#define NOWAIT 0x08
#define APPEND 0x10

#define PAGE 4096
#define BIG (1 << 20)
#define NEVER (-ETIME) /* no event came */

static aio_context_t ctx;
static char path[PATH_MAX];
static char *big; /* BIG bytes, no two blocks alike */
static char *buffer; /* BIG bytes */
static char *bad; /* a page, and none behind it */
static int differences;

static void fatal(const char *what)
{
	fprintf(stderr, "host-files: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int must(const char *what, int result)
{
	if (result < 0)
		fatal(what);
	return result;
}

static void show(const char *what, long got)
{
	printf("%s: %ld%s%s\n", what, got, got < 0 ? " " : "", got < 0 ? strerror((int)-got) : "");
}

static void expect(const char *what, long got, long wanted)
{
	if (got == wanted)
		return;
	printf("%s: %ld%s%s, not %ld%s%s\n", what, got, got < 0 ? " " : "", got < 0 ? strerror((int)-got) : "", wanted,
	       wanted < 0 ? " " : "", wanted < 0 ? strerror((int)-wanted) : "");
	__atomic_fetch_add(&differences, 1, __ATOMIC_RELAXED);
}

/* Requests. */

static long submit(struct iocb *iocb)
{
	return syscall(SYS_io_submit, ctx, 1, &iocb) == 1 ? 0 : -errno;
}

static long event(struct iocb *iocb, long milliseconds)
{
	struct timespec timeout = { milliseconds / 1000, milliseconds % 1000 * 1000000 };
	struct io_event got;
	long n;

	do
		n = syscall(SYS_io_getevents, ctx, 1, 1, &got, &timeout);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		return n < 0 ? -errno : NEVER;
	if (got.obj != (uint64_t)(uintptr_t)iocb)
		expect("whose event", (long)got.obj, (long)iocb);
	return got.res;
}

static struct iocb request(int opcode, int fd, const void *at, size_t bytes, long long offset, int flags)
{
	struct iocb iocb;

	memset(&iocb, 0, sizeof(iocb));
	iocb.aio_lio_opcode = (uint16_t)opcode;
	iocb.aio_fildes = (uint32_t)fd;
	iocb.aio_buf = (uint64_t)(uintptr_t)at;
	iocb.aio_nbytes = bytes;
	iocb.aio_offset = offset;
	iocb.aio_rw_flags = flags;
	return iocb;
}

/* What the event says, or io_submit, less 1000 to tell them apart. */
static long one(struct iocb iocb)
{
	long result = submit(&iocb);

	return result ? result - 1000 : event(&iocb, 5000);
}

static long reads(int fd, void *at, size_t bytes, long long offset, int flags)
{
	return one(request(IOCB_CMD_PREAD, fd, at, bytes, offset, flags));
}

static long writes(int fd, const void *at, size_t bytes, long long offset, int flags)
{
	return one(request(IOCB_CMD_PWRITE, fd, at, bytes, offset, flags));
}

static long refused(int errnum)
{
	return -errnum - 1000;
}

static off_t length(int fd)
{
	struct stat st;

	must("fstat", fstat(fd, &st));
	return st.st_size;
}

static int opened(int flags)
{
	return must(path, open(path, flags, 0600));
}

/* Files. */

static void flags_of_a_file(void)
{
	int fd = opened(O_RDWR | O_CREAT | O_TRUNC);

	expect("write", writes(fd, "head", 4, 0, 0), 4);
	expect("write that appends", writes(fd, "-tail", 5, 0, APPEND), 5);
	expect("length", length(fd), 9);
	expect("read", reads(fd, buffer, PAGE, 0, 0), 9);
	expect("what is there", memcmp(buffer, "head-tail", 9), 0);
	expect("write, durable data", writes(fd, "1", 1, 0, DSYNC), 1);
	expect("write, durable", writes(fd, "2", 1, 1, SYNC), 1);
	expect("append, durable", writes(fd, "3", 1, 0, APPEND | DSYNC), 1);
	expect("length", length(fd), 10);
	expect("write, high priority", writes(fd, "4", 1, 2, HIPRI), 1);
	expect("a flag that is none", writes(fd, "5", 1, 0, 0x4000000), refused(EOPNOTSUPP));
	expect("a flag that is none, read", reads(fd, buffer, 1, 0, (int)0x80000000), refused(EOPNOTSUPP));
	show("read that may not wait", reads(fd, buffer, 10, 0, NOWAIT));
	show("write that may not wait", writes(fd, "6", 1, 0, NOWAIT));
	expect("read, durable", reads(fd, buffer, 10, 0, DSYNC | SYNC), 10);
	close(fd);

	fd = opened(O_RDWR | O_APPEND);
	expect("write to a file that appends", writes(fd, "7", 1, 0, 0), 1);
	expect("length", length(fd), 11);
	must("fcntl", fcntl(fd, F_SETFL, 0));
	expect("and after it does not", writes(fd, "8", 1, 0, 0), 1);
	expect("length", length(fd), 11);
	must("fcntl", fcntl(fd, F_SETFL, O_APPEND));
	expect("and does again", writes(fd, "9", 1, 0, 0), 1);
	expect("length", length(fd), 12);
	close(fd);
}

static void amounts(void)
{
	int fd = opened(O_RDWR | O_TRUNC);
	struct iovec two[] = { { big, 70000 }, { NULL, 0 }, { big + 70000, 80000 } };
	struct iovec many[1024];

	expect("write much", writes(fd, big, BIG, 0, 0), BIG);
	expect("read much", reads(fd, buffer, BIG, 0, 0), BIG);
	expect("the bytes", memcmp(buffer, big, BIG), 0);
	expect("read over the end", reads(fd, buffer, BIG, BIG - 10, 0), 10);
	expect("read behind the end", reads(fd, buffer, BIG, BIG, 0), 0);
	expect("read nothing", reads(fd, buffer, 0, 0, 0), 0);
	expect("write nothing", writes(fd, buffer, 0, 0, 0), 0);
	expect("read at -1", reads(fd, buffer, 1, -1, 0), -EINVAL - 1000);
	expect("write pieces", one(request(IOCB_CMD_PWRITEV, fd, two, 3, 5, 0)), 150000);
	two[0].iov_base = buffer;
	two[2].iov_base = buffer + 70000;
	memset(buffer, 0, BIG);
	expect("read pieces", one(request(IOCB_CMD_PREADV, fd, two, 3, 5, 0)), 150000);
	expect("the bytes", memcmp(buffer, big, 150000), 0);
	expect("no pieces", one(request(IOCB_CMD_PREADV, fd, two, 0, 5, 0)), 0);
	for (int i = 0; i < 1024; i++)
		many[i] = (struct iovec){ buffer + i * 1000, 1000 };
	memset(buffer, 0, BIG);
	expect("write", writes(fd, big, BIG, 0, 0), BIG);
	expect("read 1,024 pieces", one(request(IOCB_CMD_PREADV, fd, many, 1024, 0, 0)), 1024000);
	expect("the bytes", memcmp(buffer, big, 1024000), 0);
	expect("1,025 pieces", one(request(IOCB_CMD_PREADV, fd, many, 1025, 0, 0)), refused(EINVAL));
	expect("position of the file", lseek(fd, 0, SEEK_CUR), 0);
	close(fd);
}

static void pointers(void)
{
	int fd = opened(O_RDWR);
	struct iovec half[] = { { buffer, 100 }, { bad + PAGE, 100 } };

	expect("read to nowhere", reads(fd, bad + PAGE, 10, 0, 0), -EFAULT);
	expect("write from nowhere", writes(fd, bad + PAGE, 10, 0, 0), -EFAULT);
	show("read to the edge", reads(fd, bad + PAGE - 100, 200, 0, 0));
	show("write from the edge", writes(fd, bad + PAGE - 100, 200, 0, 0));
	show("read pieces, one bad", one(request(IOCB_CMD_PREADV, fd, half, 2, 0, 0)));
	show("write pieces, one bad", one(request(IOCB_CMD_PWRITEV, fd, half, 2, 0, 0)));
	expect("pieces nowhere", one(request(IOCB_CMD_PREADV, fd, bad + PAGE, 1, 0, 0)), refused(EFAULT));
	close(fd);
}

static void modes_and_kinds(void)
{
	static const char *const others[] = { "/dev/null", "/dev/zero", "/dev/full", "/proc/self/oom_score_adj", "/proc/self/stat" };
	int fd = opened(O_RDONLY);
	void *page;

	expect("write to a file opened to read", writes(fd, big, 10, 0, 0), refused(EBADF));
	close(fd);
	expect("read from a closed one", reads(fd, buffer, 10, 0, 0), refused(EBADF));
	expect("read from -1", reads(-1, buffer, 10, 0, 0), refused(EBADF));
	fd = opened(O_WRONLY);
	expect("read from a file opened to write", reads(fd, buffer, 10, 0, 0), refused(EBADF));
	close(fd);
	fd = opened(O_PATH);
	expect("read from a path", reads(fd, buffer, 10, 0, 0), refused(EBADF));
	expect("poll a path", one(request(IOCB_CMD_POLL, fd, (void *)POLLIN, 0, 0, 0)), refused(EBADF));
	expect("sync a path", one(request(IOCB_CMD_FSYNC, fd, NULL, 0, 0, 0)), refused(EBADF));
	close(fd);
	fd = must("/", open("/", O_RDONLY | O_DIRECTORY));
	show("read from a directory", reads(fd, buffer, 10, 0, 0));
	expect("sync a directory", one(request(IOCB_CMD_FSYNC, fd, NULL, 0, 0, 0)), 0);
	close(fd);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		fd = open(others[i], O_RDWR);
		if (fd < 0)
			fd = must(others[i], open(others[i], O_RDONLY));
		printf("%s:\n", others[i]);
		show("  read", reads(fd, buffer, 10, 0, 0) > 0);
		show("  read at 5", reads(fd, buffer, 10, 5, 0) > 0);
		show("  write", writes(fd, "0", 1, 0, 0));
		show("  read nothing", reads(fd, buffer, 0, 0, 0));
		show("  read without waiting", reads(fd, buffer, 10, 0, NOWAIT) < 0);
		show("  poll to read", one(request(IOCB_CMD_POLL, fd, (void *)POLLIN, 0, 0, 0)));
		close(fd);
	}
	fd = open(path, O_RDWR | O_DIRECT);
	if (fd >= 0) {
		if (posix_memalign(&page, PAGE, PAGE))
			fatal("memory");
		expect("direct write", writes(fd, page, PAGE, 0, 0), PAGE);
		expect("direct read", reads(fd, page, PAGE, 0, 0), PAGE);
		show("direct read, not aligned", reads(fd, (char *)page + 1, 511, 3, 0));
		close(fd);
		free(page);
	}
}

static void syncs(void)
{
	int fd = opened(O_RDWR);
	int fds[2];
	struct iocb iocb;

	expect("sync", one(request(IOCB_CMD_FSYNC, fd, NULL, 0, 0, 0)), 0);
	expect("sync of data", one(request(IOCB_CMD_FDSYNC, fd, NULL, 0, 0, 0)), 0);
	for (int i = 0; i < 50; i++) {
		int other = opened(O_RDWR);

		iocb = request(IOCB_CMD_FSYNC, other, NULL, 0, 0, 0);
		expect("submit a sync", submit(&iocb), 0);
		close(other);
		expect("sync of a file that is closed meanwhile", event(&iocb, 5000), 0);
	}
	must("pipe", pipe(fds));
	expect("sync a pipe", one(request(IOCB_CMD_FSYNC, fds[0], NULL, 0, 0, 0)), refused(EINVAL));
	close(fds[0]);
	close(fds[1]);
	fd = must("eventfd", eventfd(0, 0));
	expect("sync an eventfd", one(request(IOCB_CMD_FDSYNC, fd, NULL, 0, 0, 0)), refused(EINVAL));
	close(fd);
}

static void case_files(void)
{
	flags_of_a_file();
	amounts();
	pointers();
	modes_and_kinds();
	syncs();
}

/* Streams. */

static void pipes(void)
{
	int fds[2];

	must("pipe", pipe(fds));
	expect("write to a pipe", writes(fds[1], big, 65536, 0, 0), 65536);
	expect("read more than there is", reads(fds[0], buffer, 131072, 0, 0), 65536);
	expect("the bytes", memcmp(buffer, big, 65536), 0);
	expect("write at an offset", writes(fds[1], "abc", 3, 4096, 0), 3);
	expect("read at an offset", reads(fds[0], buffer, 10, 12345, 0), 3);
	expect("read at -1", reads(fds[0], buffer, 10, -1, 0), refused(EINVAL));
	expect("read nothing", reads(fds[0], buffer, 0, 0, 0), 0);
	expect("write nothing", writes(fds[1], buffer, 0, 0, 0), 0);
	show("read without waiting", reads(fds[0], buffer, 10, 0, NOWAIT));
	expect("write", writes(fds[1], "abc", 3, 0, 0), 3);
	show("read without waiting", reads(fds[0], buffer, 10, 0, NOWAIT));
	expect("write end", reads(fds[1], buffer, 10, 0, 0), refused(EBADF));
	expect("read end", writes(fds[0], buffer, 10, 0, 0), refused(EBADF));
	must("fcntl", fcntl(fds[0], F_SETFL, O_NONBLOCK));
	must("fcntl", fcntl(fds[1], F_SETFL, O_NONBLOCK));
	reads(fds[0], buffer, 10, 0, 0);
	expect("read an empty pipe that does not block", reads(fds[0], buffer, 10, 0, 0), -EAGAIN);
	expect("write much to one", writes(fds[1], big, 131072, 0, 0), 65536);
	expect("write to a full one", writes(fds[1], big, 1, 0, 0), -EAGAIN);
	close(fds[1]);
	expect("read the rest", reads(fds[0], buffer, BIG, 0, 0), 65536);
	expect("read at the end", reads(fds[0], buffer, 10, 0, 0), 0);
	close(fds[0]);
	must("pipe", pipe(fds));
	close(fds[0]);
	expect("write to nobody", writes(fds[1], big, 10, 0, 0), -EPIPE);
	close(fds[1]);
	must("pipe", pipe2(fds, O_DIRECT));
	expect("write a packet", writes(fds[1], "packet", 6, 0, 0), 6);
	expect("write a packet", writes(fds[1], "another", 7, 0, 0), 7);
	expect("read a packet", reads(fds[0], buffer, 100, 0, 0), 6);
	expect("read a packet", reads(fds[0], buffer, 3, 0, 0), 3);
	close(fds[0]);
	close(fds[1]);
}

static void sockets(void)
{
	struct iovec two[] = { { big, 30000 }, { big + 30000, 70000 } };
	struct timeval soon = { 0, 50000 };
	int fds[2];

	must("socketpair", socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
	expect("send a datagram", writes(fds[0], big, 100000, 0, 0), 100000);
	expect("receive it", reads(fds[1], buffer, BIG, 0, 0), 100000);
	expect("the bytes", memcmp(buffer, big, 100000), 0);
	expect("send a datagram in pieces", one(request(IOCB_CMD_PWRITEV, fds[0], two, 2, 0, 0)), 100000);
	expect("send a small one", writes(fds[0], "small", 5, 0, 0), 5);
	expect("send at an offset", writes(fds[0], "small", 5, 77, 0), -ESPIPE);
	expect("receive at an offset", reads(fds[1], buffer, 5, 77, 0), -ESPIPE);
	expect("receive the head of one", reads(fds[1], buffer, 50000, 0, 0), 50000);
	expect("receive the next", reads(fds[1], buffer, BIG, 0, 0), 5);
	expect("send an empty datagram", writes(fds[0], big, 0, 0, 0), 0);
	expect("and another one", writes(fds[0], "x", 1, 0, 0), 1);
	expect("receive the empty one", reads(fds[1], buffer, BIG, 0, 0), 0);
	expect("and the other", reads(fds[1], buffer, BIG, 0, 0), 1);
	expect("one that is too large", writes(fds[0], big, BIG, 0, 0), -EMSGSIZE);
	must("setsockopt", setsockopt(fds[1], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon)));
	expect("receive until the time is up", reads(fds[1], buffer, BIG, 0, 0), -EAGAIN);
	close(fds[0]);
	close(fds[1]);

	must("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	expect("send", writes(fds[0], big, 1000, 0, 0), 1000);
	expect("send more", writes(fds[0], big + 1000, 99000, 0, 0), 99000);
	expect("receive", reads(fds[1], buffer, 200000, 0, 0), 100000);
	expect("the bytes", memcmp(buffer, big, 100000), 0);
	show("receive without waiting", reads(fds[1], buffer, 10, 0, NOWAIT));
	close(fds[0]);
	expect("receive at the end", reads(fds[1], buffer, 10, 0, 0), 0);
	expect("send to nobody", writes(fds[1], big, 10, 0, 0), -EPIPE);
	close(fds[1]);
	fds[0] = must("socket", socket(AF_INET, SOCK_STREAM, 0));
	expect("receive when not connected", reads(fds[0], buffer, 10, 0, 0), -ENOTCONN);
	close(fds[0]);
}

static void others(void)
{
	struct itimerspec soon = { { 0, 0 }, { 0, 10000000 } };
	struct signalfd_siginfo info;
	uint64_t value = 5;
	sigset_t set;
	int fd = must("eventfd", eventfd(3, 0));

	show("read an eventfd", reads(fd, &value, 8, 0, 0));
	show("what it was", (long)value);
	show("write an eventfd", writes(fd, &value, 8, 0, 0));
	show("read 4 bytes of an eventfd", reads(fd, &value, 4, 0, 0));
	show("read it without waiting", reads(fd, &value, 8, 0, NOWAIT));
	close(fd);
	fd = must("eventfd", eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK));
	show("read a semaphore", reads(fd, &value, 8, 512, 0));
	show("what it was", (long)value);
	show("read a semaphore", reads(fd, &value, 8, 0, 0));
	show("read a semaphore", reads(fd, &value, 8, 0, 0));
	show("read a semaphore that is 0", reads(fd, &value, 8, 0, 0));
	close(fd);
	fd = must("timerfd", timerfd_create(CLOCK_MONOTONIC, 0));
	must("timerfd", timerfd_settime(fd, 0, &soon, NULL));
	show("read a timerfd", reads(fd, &value, 8, 0, 0));
	show("write a timerfd", writes(fd, &value, 8, 0, 0));
	close(fd);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	fd = must("signalfd", signalfd(-1, &set, 0));
	pthread_kill(pthread_self(), SIGUSR2);
	show("read a signalfd", reads(fd, &info, sizeof(info), 0, 0));
	close(fd);
	fd = must("inotify", inotify_init());
	show("read an inotify", reads(fd, buffer, PAGE, 0, 0));
	close(fd);
	fd = must("epoll", epoll_create1(0));
	show("read an epoll set", reads(fd, buffer, PAGE, 0, 0));
	close(fd);
}

static void terminals(void)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY);
	int slave;

	if (fd < 0 || grantpt(fd) || unlockpt(fd))
		fatal("a terminal");
	slave = must("a terminal", open(ptsname(fd), O_RDWR | O_NOCTTY));
	show("type a line", writes(fd, "line\n", 5, 0, 0));
	show("read a line", reads(slave, buffer, PAGE, 0, 0));
	show("read the echo", reads(fd, buffer, PAGE, 0, 0));
	show("print", writes(slave, "out", 3, 7, 0));
	show("read it", reads(fd, buffer, PAGE, 7, 0));
	show("read without waiting", reads(slave, buffer, PAGE, 0, NOWAIT));
	close(slave);
	show("read when it is closed", reads(fd, buffer, PAGE, 0, 0));
	close(fd);
}

static void case_streams(void)
{
	pipes();
	sockets();
	others();
	terminals();
}

/* Requests that wait in io_submit. */

static volatile sig_atomic_t handled;

static void on_signal(int sig)
{
	(void)sig;
	handled++;
}

static void handle(int flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };

	must("sigaction", sigaction(SIGUSR1, &action, NULL));
}

static pthread_t waiter;
static int peer;

static void *interrupts(void *unused)
{
	usleep(50000);
	pthread_kill(waiter, SIGUSR1);
	return unused;
}

static void *sends(void *unused)
{
	usleep(50000);
	expect("write to the one that waits", write(peer, "late", 4), 4);
	return unused;
}

static void *empties(void *unused)
{
	long got = 0;

	while (got < BIG) {
		static char here[1000];
		ssize_t n = read(peer, here, sizeof(here));

		if (n <= 0)
			break;
		for (long i = 0; i < n; i++) {
			if (here[i] != big[got + i]) {
				expect("a byte", here[i], big[got + i]);
				return unused;
			}
		}
		got += n;
	}
	expect("read meanwhile", got, BIG);
	return unused;
}

static void *closes(void *fd)
{
	usleep(50000);
	close((int)(intptr_t)fd);
	expect("write to the one that waits", write(peer, "late", 4), 4);
	return NULL;
}

static long with(void *(*function)(void *), void *argument, struct iocb iocb)
{
	pthread_t thread;
	long result;

	if (pthread_create(&thread, NULL, function, argument))
		fatal("pthread_create");
	result = one(iocb);
	pthread_join(thread, NULL);
	return result;
}

static void waits_of(const char *name, int fd, int other)
{
	printf("%s\n", name);
	peer = other;
	expect("read that waits for data", with(sends, NULL, request(IOCB_CMD_PREAD, fd, buffer, 100, 0, 0)), 4);
	handle(0);
	handled = 0;
	expect("read that is interrupted", with(interrupts, NULL, request(IOCB_CMD_PREAD, fd, buffer, 100, 0, 0)), -EINTR);
	expect("handled", handled, 1);
	handle(SA_RESTART);
	expect("and is not restarted", with(interrupts, NULL, request(IOCB_CMD_PREAD, fd, buffer, 100, 0, 0)), -EINTR);
	expect("handled", handled, 2);
	expect("read that waits for data", with(sends, NULL, request(IOCB_CMD_PREAD, fd, buffer, 100, 0, 0)), 4);
}

static void case_waits(void)
{
	struct sigaction ignored = { .sa_handler = SIG_IGN };
	struct itimerspec soon = { { 0, 0 }, { 0, 50000000 } };
	uint64_t value = 0;
	int fds[2];
	int fd;

	waiter = pthread_self();
	must("pipe", pipe(fds));
	waits_of("a pipe", fds[0], fds[1]);
	peer = fds[0];
	expect("write much", with(empties, NULL, request(IOCB_CMD_PWRITE, fds[1], big, BIG, 0, 0)), BIG);
	handle(SA_RESTART);
	expect("write that fills it", with(interrupts, NULL, request(IOCB_CMD_PWRITE, fds[1], big, BIG, 0, 0)), 65536);
	expect("write to a full one", with(interrupts, NULL, request(IOCB_CMD_PWRITE, fds[1], big, 1, 0, 0)), -EINTR);
	expect("empty it", read(fds[0], buffer, BIG), 65536);
	must("sigaction", sigaction(SIGUSR1, &ignored, NULL));
	peer = fds[1];
	{
		pthread_t sender;

		if (pthread_create(&sender, NULL, sends, NULL))
			fatal("pthread_create");
		expect("a signal that is ignored", with(interrupts, NULL, request(IOCB_CMD_PREAD, fds[0], buffer, 100, 0, 0)), 4);
		pthread_join(sender, NULL);
	}
	fd = dup(fds[0]);
	expect("read, closed while it waits",
	       with(closes, (void *)(intptr_t)fd, request(IOCB_CMD_PREAD, fd, buffer, 100, 0, 0)), 4);
	close(fds[0]);
	close(fds[1]);

	must("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	waits_of("a stream", fds[0], fds[1]);
	peer = fds[0];
	expect("write much", with(empties, NULL, request(IOCB_CMD_PWRITE, fds[1], big, BIG, 0, 0)), BIG);
	close(fds[0]);
	close(fds[1]);
	must("socketpair", socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
	waits_of("datagrams", fds[0], fds[1]);
	close(fds[0]);
	close(fds[1]);

	fd = must("timerfd", timerfd_create(CLOCK_MONOTONIC, 0));
	must("timerfd", timerfd_settime(fd, 0, &soon, NULL));
	show("read a timer that runs", reads(fd, &value, 8, 0, 0));
	show("how often it ended", (long)value);
	close(fd);
	fd = posix_openpt(O_RDWR | O_NOCTTY);
	if (fd < 0 || grantpt(fd) || unlockpt(fd))
		fatal("a terminal");
	fds[0] = must("a terminal", open(ptsname(fd), O_RDWR | O_NOCTTY));
	printf("a terminal\n");
	handle(SA_RESTART);
	show("read that is interrupted", with(interrupts, NULL, request(IOCB_CMD_PREAD, fds[0], buffer, 100, 0, 0)));
	close(fds[0]);
	close(fd);
}

/* Polls. */

static long polled(int fd, int events)
{
	return one(request(IOCB_CMD_POLL, fd, (void *)(intptr_t)events, 0, 0, 0));
}

static void poll_of(struct iocb *iocb, int fd, int events)
{
	*iocb = request(IOCB_CMD_POLL, fd, (void *)(intptr_t)events, 0, 0, 0);
	expect("submit a poll", submit(iocb), 0);
}

/* What became ready, of what was asked for: Linux also tells what else came with it. */
static long ready(struct iocb *iocb)
{
	long bits = event(iocb, 5000);

	return bits < 0 ? bits : bits & (long)(iocb->aio_buf | POLLERR | POLLHUP);
}

static void cancel(const char *what, struct iocb *iocb)
{
	struct io_event unused;

	expect(what, syscall(SYS_io_cancel, ctx, iocb, &unused) < 0 ? -errno : 0, -EINPROGRESS);
	expect("a poll that was cancelled", event(iocb, 5000), 0);
}

#define WAIT_FOR(what, fd, events, change, wanted)                                   \
	do {                                                                         \
		struct iocb iocb_ = request(IOCB_CMD_POLL, fd, (void *)(intptr_t)(events), 0, 0, 0); \
		expect(what ", submitted", submit(&iocb_), 0);                       \
		expect(what ", too early", event(&iocb_, 20), NEVER);                \
		change;                                                              \
		expect(what, ready(&iocb_), wanted);                                 \
	} while (0)

static void tcp(int fds[2])
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int listener = must("socket", socket(AF_INET, SOCK_STREAM, 0));

	must("bind", bind(listener, (struct sockaddr *)&address, size));
	must("listen", listen(listener, 1));
	must("getsockname", getsockname(listener, (struct sockaddr *)&address, &size));
	fds[0] = must("socket", socket(AF_INET, SOCK_STREAM, 0));
	must("connect", connect(fds[0], (struct sockaddr *)&address, size));
	fds[1] = must("accept", accept(listener, NULL, NULL));
	close(listener);
}

static void bits(void)
{
	int fds[2];
	int all = POLLIN | POLLPRI | POLLOUT | POLLRDNORM | POLLRDBAND | POLLWRNORM | POLLWRBAND | POLLMSG | POLLRDHUP;

	must("pipe", pipe(fds));
	show("all of a pipe to read", polled(fds[1], all));
	WAIT_FOR("POLLRDNORM", fds[0], POLLRDNORM, expect("write", write(fds[1], "x", 1), 1), POLLRDNORM);
	show("all of one with data", polled(fds[0], all));
	expect("POLLWRNORM", polled(fds[1], POLLWRNORM), POLLWRNORM);
	expect("POLLIN and POLLRDNORM", polled(fds[0], POLLIN | POLLRDNORM), POLLIN | POLLRDNORM);
	expect("read", read(fds[0], buffer, 1), 1);
	WAIT_FOR("POLLHUP, asked for POLLIN", fds[0], POLLIN, close(fds[1]), POLLHUP);
	expect("POLLHUP, asked for nothing", polled(fds[0], 0), POLLHUP);
	close(fds[0]);
	must("pipe", pipe(fds));
	must("fcntl", fcntl(fds[1], F_SETFL, O_NONBLOCK));
	expect("fill", write(fds[1], big, BIG), 65536);
	WAIT_FOR("POLLWRNORM", fds[1], POLLWRNORM, expect("read", read(fds[0], buffer, BIG), 65536), POLLWRNORM);
	expect("fill", write(fds[1], big, BIG), 65536);
	WAIT_FOR("POLLERR", fds[1], POLLOUT, close(fds[0]), POLLERR);
	close(fds[1]);

	must("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	show("all of a stream", polled(fds[0], all));
	WAIT_FOR("POLLRDHUP", fds[0], POLLRDHUP, shutdown(fds[1], SHUT_WR), POLLRDHUP);
	show("all of one shut down", polled(fds[0], all));
	WAIT_FOR("POLLHUP", fds[0], 0, close(fds[1]), POLLHUP);
	close(fds[0]);

	tcp(fds);
	expect("POLLWRNORM of TCP", polled(fds[0], POLLWRNORM), POLLWRNORM);
	show("all of TCP", polled(fds[0], all));
	WAIT_FOR("POLLPRI", fds[0], POLLPRI, expect("send", send(fds[1], "!", 1, MSG_OOB), 1), POLLPRI);
	show("all of one with urgent data", polled(fds[0], all));
	WAIT_FOR("POLLRDHUP of TCP", fds[0], POLLRDHUP, shutdown(fds[1], SHUT_WR), POLLRDHUP);
	close(fds[0]);
	close(fds[1]);
	must("socketpair", socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
	show("all of datagrams", polled(fds[0], all));
	expect("POLLWRBAND", polled(fds[0], POLLWRBAND), POLLWRBAND);
	close(fds[0]);
	close(fds[1]);
}

static void kinds(void)
{
	struct epoll_event wanted = { .events = EPOLLIN };
	int fds[2];
	int fd = opened(O_RDWR);
	int set;

	show("poll a file", polled(fd, POLLIN | POLLOUT));
	show("poll a file for what it never has", polled(fd, POLLPRI));
	close(fd);
	expect("poll a closed file", polled(fd, POLLIN), refused(EBADF));
	expect("poll -1", polled(-1, POLLIN), refused(EBADF));
	must("pipe", pipe(fds));
	expect("more bits than there are", polled(fds[0], 0x10000 | POLLIN), refused(EINVAL));
	expect("an offset", one(request(IOCB_CMD_POLL, fds[0], (void *)POLLIN, 0, 1, 0)), refused(EINVAL));
	expect("a length", one(request(IOCB_CMD_POLL, fds[0], (void *)POLLIN, 1, 0, 0)), refused(EINVAL));
	expect("flags", one(request(IOCB_CMD_POLL, fds[0], (void *)POLLIN, 0, 0, NOWAIT)), refused(EINVAL));
	set = must("epoll", epoll_create1(0));
	must("epoll", epoll_ctl(set, EPOLL_CTL_ADD, fds[0], &wanted));
	WAIT_FOR("poll an epoll set", set, POLLIN, expect("write", write(fds[1], "x", 1), 1), POLLIN);
	close(set);
	close(fds[0]);
	close(fds[1]);
	fd = must("eventfd", eventfd(0, 0));
	WAIT_FOR("poll an eventfd", fd, POLLIN, expect("eventfd", eventfd_write(fd, 1), 0), POLLIN);
	close(fd);
	fd = posix_openpt(O_RDWR | O_NOCTTY);
	if (fd < 0 || grantpt(fd) || unlockpt(fd))
		fatal("a terminal");
	fds[0] = must("a terminal", open(ptsname(fd), O_RDWR | O_NOCTTY));
	expect("type", write(fd, "line\n", 5), 5);
	expect("poll a terminal", polled(fds[0], POLLIN) & POLLIN, POLLIN);
	show("poll its other side", polled(fd, POLLIN | POLLPRI));
	close(fds[0]);
	show("poll it when it is closed", polled(fd, POLLPRI));
	close(fd);
}

static void together(void)
{
	struct iocb first, second, third;
	int fds[2], other[2];
	int copy;

	must("pipe", pipe(fds));
	poll_of(&first, fds[0], POLLIN);
	poll_of(&second, fds[0], POLLIN);
	cancel("cancel one of two", &first);
	expect("write", write(fds[1], "x", 1), 1);
	expect("the other", ready(&second), POLLIN);
	expect("read", read(fds[0], buffer, 1), 1);

	/* The file stays, whatever the program closes, and its number may be another file's. */
	copy = must("dup", dup(fds[0]));
	poll_of(&first, copy, POLLIN);
	close(copy);
	must("pipe", pipe(other));
	poll_of(&second, other[0], POLLIN);
	poll_of(&third, fds[0], POLLIN);
	expect("write", write(other[1], "x", 1), 1);
	expect("the new file", ready(&second), POLLIN);
	expect("the old ones", event(&first, 20), NEVER);
	cancel("cancel the one with a number", &third);
	expect("write", write(fds[1], "x", 1), 1);
	expect("the one without", ready(&first), POLLIN);
	expect("read", read(fds[0], buffer, 1), 1);

	/* A pipe ends when the last of its writers is gone, and a poll that is over is none. */
	poll_of(&first, fds[1], POLLOUT);
	expect("ready at once", ready(&first), POLLOUT);
	close(fds[1]);
	expect("the end", read(fds[0], buffer, 1), 0);
	close(fds[0]);
	close(other[0]);
	close(other[1]);
	must("pipe", pipe(fds));
	poll_of(&first, fds[0], POLLIN);
	close(fds[0]);
	expect("a reader that polls is one", write(fds[1], "x", 1), 1);
	expect("its poll", ready(&first), POLLIN);
	expect("and then there is none", write(fds[1], "x", 1) < 0 ? -errno : 0, -EPIPE);
	close(fds[1]);
}

static void case_polls(void)
{
	bits();
	kinds();
	together();
}

/* Eventfds that completions signal. */

static long counted(int fd)
{
	uint64_t value = 0;

	return read(fd, &value, sizeof(value)) == sizeof(value) ? (long)value : -errno;
}

static void case_eventfds(void)
{
	int fd = must("eventfd", eventfd(0, EFD_NONBLOCK));
	int file = opened(O_RDWR | O_CREAT | O_TRUNC);
	struct pollfd now = { fd, POLLIN | POLLOUT, 0 };
	struct iocb iocb = request(IOCB_CMD_PWRITE, file, "x", 1, 0, 0);
	uint64_t most = 0xfffffffffffffffe;
	int fds[2];
	int copy;

	iocb.aio_flags = IOCB_FLAG_RESFD;
	iocb.aio_resfd = (uint32_t)fd;
	expect("a request with an eventfd", one(iocb), 1);
	expect("signalled", counted(fd), 1);
	for (int i = 0; i < 100; i++)
		one(iocb);
	expect("signalled 100 times", counted(fd), 100);

	/* Full, which a program can't go beyond; a completion can. */
	for (int blocking = 0; blocking < 2; blocking++) {
		must("fcntl", fcntl(fd, F_SETFL, blocking ? 0 : O_NONBLOCK));
		expect("fill", write(fd, &most, 8), 8);
		for (int i = 0; i < 3; i++) {
			expect("a request with a full eventfd", one(iocb), 1);
			expect("poll", poll(&now, 1, 0), 1);
			expect("what it says", now.revents, POLLIN | POLLERR);
		}
		expect("its value", counted(fd), -1);
		must("fcntl", fcntl(fd, F_SETFL, O_NONBLOCK));
		expect("and after", counted(fd), -EAGAIN);
	}

	iocb.aio_resfd = (uint32_t)file;
	expect("what is no eventfd", one(iocb), refused(EINVAL));
	iocb.aio_resfd = 9999;
	expect("what is no descriptor", one(iocb), refused(EBADF));
	iocb.aio_resfd = (uint32_t)must("open", open(path, O_PATH));
	expect("what is a path", one(iocb), refused(EBADF));
	close((int)iocb.aio_resfd);

	/* One that is closed before the completion. */
	must("pipe", pipe(fds));
	copy = must("dup", dup(fd));
	iocb = request(IOCB_CMD_POLL, fds[0], (void *)POLLIN, 0, 0, 0);
	iocb.aio_flags = IOCB_FLAG_RESFD;
	iocb.aio_resfd = (uint32_t)copy;
	expect("submit", submit(&iocb), 0);
	close(copy);
	copy = must("eventfd", eventfd(0, EFD_NONBLOCK));
	expect("write", write(fds[1], "x", 1), 1);
	expect("completed", ready(&iocb), POLLIN);
	expect("signalled", counted(fd), 1);
	expect("the one with its number", counted(copy), -EAGAIN);
	/* A request on the eventfd that it signals. */
	iocb = request(IOCB_CMD_POLL, fd, (void *)POLLIN, 0, 0, 0);
	iocb.aio_flags = IOCB_FLAG_RESFD;
	iocb.aio_resfd = (uint32_t)fd;
	expect("submit", submit(&iocb), 0);
	expect("signal", eventfd_write(fd, 5), 0);
	expect("completed", ready(&iocb), POLLIN);
	expect("signalled", counted(fd), 6);
}

/* As many as there are descriptors. */

enum { POLLS = 900 };

static struct iocb pending[POLLS];

static void expect_all(const char *what, int polls)
{
	struct io_event *events = calloc((size_t)polls, sizeof(*events));
	struct timespec timeout = { 10, 0 };
	long got = 0;

	while (got < polls) {
		long n = syscall(SYS_io_getevents, ctx, 1, polls - got, events, &timeout);

		if (n <= 0)
			break;
		for (long i = 0; i < n; i++)
			expect(what, (long)events[i].res & POLLIN, POLLIN);
		got += n;
	}
	expect(what, got, polls);
	free(events);
}

static void case_many(void)
{
	static int readers[POLLS], writers[POLLS];
	struct rlimit before, after;
	int polls = 0;
	int fds[2];

	must("getrlimit", getrlimit(RLIMIT_NOFILE, &before));
	must("pipe", pipe(fds));
	for (int i = 0; i < POLLS; i++)
		poll_of(&pending[i], fds[0], POLLIN);
	expect("write", write(fds[1], "x", 1), 1);
	expect_all("polls of one file", POLLS);
	expect("read", read(fds[0], buffer, 1), 1);
	close(fds[0]);
	close(fds[1]);

	/* Descriptors of one file, as many as there can be, and then files. */
	must("pipe", pipe(fds));
	while (polls < POLLS && (readers[polls] = dup(fds[0])) >= 0) {
		poll_of(&pending[polls], readers[polls], POLLIN);
		polls++;
	}
	expect("descriptors enough", polls > (int)(before.rlim_cur < 1000 ? before.rlim_cur * 2 / 3 : 800), true);
	expect("write", write(fds[1], "x", 1), 1);
	expect_all("polls of descriptors", polls);
	for (int i = 0; i < polls; i++)
		close(readers[i]);
	polls = 0;
	while (polls < POLLS && socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0) {
		readers[polls] = fds[0];
		writers[polls] = fds[1];
		poll_of(&pending[polls], fds[0], POLLIN);
		polls++;
	}
	expect("files enough", polls > (int)(before.rlim_cur < 1000 ? before.rlim_cur / 3 : 450), true);
	for (int i = 0; i < polls; i++)
		expect("write", write(writers[i], "x", 1), 1);
	expect_all("polls of files", polls);
	for (int i = 0; i < polls; i++) {
		close(readers[i]);
		close(writers[i]);
	}

	/* Files that are closed, but for their polls. */
	for (int i = 0; i < POLLS; i++) {
		must("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
		poll_of(&pending[i], fds[0], POLLIN | POLLRDHUP);
		close(fds[0]);
		if (i % 2)
			close(fds[1]);
		else if (before.rlim_cur < 1000 && i > 100) /* the rest has no end to write to */
			close(fds[1]);
		else
			writers[i / 2] = fds[1];
	}
	must("getrlimit", getrlimit(RLIMIT_NOFILE, &after));
	expect("the limit", (long)after.rlim_cur, (long)before.rlim_cur);
	expect("the hard limit", (long)after.rlim_max, (long)before.rlim_max);
	expect("io_destroy", syscall(SYS_io_destroy, ctx), 0);
	expect("io_setup", (ctx = 0, syscall(SYS_io_setup, 16, &ctx)), 0);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*function)(void);
	} cases[] = {
		{ "files", case_files }, { "streams", case_streams }, { "waits", case_waits },
		{ "polls", case_polls }, { "eventfds", case_eventfds }, { "many", case_many },
	};

	if (argc != 3) {
		fprintf(stderr, "usage: host-files CASE DIRECTORY\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	snprintf(path, sizeof(path), "%s/host-files-%d", argv[2], (int)getpid());
	big = malloc(BIG);
	buffer = malloc(BIG);
	bad = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!big || !buffer || bad == MAP_FAILED || munmap(bad + PAGE, PAGE))
		fatal("memory");
	for (int i = 0; i < BIG; i++)
		big[i] = (char)(i * 31 + (i >> 12));
	close(opened(O_RDWR | O_CREAT));
	if (syscall(SYS_io_setup, 1024, &ctx) < 0)
		fatal("io_setup");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (strcmp(argv[1], cases[i].name) == 0) {
			cases[i].function();
			unlink(path);
			printf("%s: %d differences\n", argv[1], differences);
			return differences != 0;
		}
	}
	unlink(path);
	fprintf(stderr, "host-files: no case %s\n", argv[1]);
	return 2;
}
