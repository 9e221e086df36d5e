// SPDX-License-Identifier: GPL-2.0-only
/*
 * Direct and asynchronous writes that allocate: no reader sees stale blocks, a torn size or lost data.
 *
 *     direct-io CASE DIRECTORY
 *
 * CASE is extend, past-end, subblock, holes, in-flight, cached, padding, unwritten, append, end or truncate. DIRECTORY is on the filesystem
 * under test; files are made there, and kept for other eyes. Each difference is a line. The filesystem has sectors of 512 bytes.
 * Exit status: 0 nothing differed; 1 something did; 2 it could not run. Linux passes all cases.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/aio_abi.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SECTOR 512
#define CHUNK 65536
#define DEPTH 16
#define STALE 0xe5

static const char *directory;
static atomic_int differences;
static aio_context_t ctx;

static void fatal(const char *what)
{
	fprintf(stderr, "direct-io: %s: %s\n", what, strerror(errno));
	exit(2);
}

static long must(const char *what, long result)
{
	if (result < 0)
		fatal(what);
	return result;
}

static void differ(const char *what, long at, long got, long wanted)
{
	if (atomic_fetch_add(&differences, 1) < 20)
		printf("%s at %ld: %ld, not %ld\n", what, at, got, wanted);
}

static void expect(const char *what, long at, long got, long wanted)
{
	if (got != wanted)
		differ(what, at, got, wanted);
}

static char *room(size_t bytes)
{
	void *at = NULL;

	if (posix_memalign(&at, 4096, bytes))
		fatal("posix_memalign");
	memset(at, 0, bytes);
	return at;
}

static int file(const char *name, int flags)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return (int)must(path, open(path, flags | O_RDWR | O_CREAT, 0644));
}

static long size_of(int fd)
{
	struct stat st;

	must("fstat", fstat(fd, &st));
	return st.st_size;
}

/* The byte that belongs at an offset: never 0 and never STALE. */
static unsigned char mark(long offset)
{
	return (unsigned char)(1 + offset / SECTOR % 199);
}

static void fill(char *buffer, long offset, long bytes)
{
	for (long i = 0; i < bytes; i += SECTOR)
		memset(buffer + i, mark(offset + i), SECTOR);
}

/* Fills most of the free blocks with STALE, and frees them. */
static void make_stale(void)
{
	char path[PATH_MAX];
	char *buffer = room(1 << 20);
	int fd = file("stale", O_DIRECT);

	memset(buffer, STALE, 1 << 20);
	for (int i = 0; i < 64; i++)
		must("pwrite stale", pwrite(fd, buffer, 1 << 20, (long)i << 20));
	must("fsync", fsync(fd));
	must("close", close(fd));
	snprintf(path, sizeof(path), "%s/stale", directory);
	must("unlink", unlink(path));
	free(buffer);
}

/* Reads a file through the page cache; each sector is its mark where `written` says so, else zero. */
static void check_file(const char *what, int fd, long size, bool (*written)(long sector))
{
	unsigned char *buffer = (unsigned char *)room(CHUNK);

	expect(what, -1, size_of(fd), size);
	for (long at = 0; at < size; at += CHUNK) {
		long got = must("pread", pread(fd, buffer, CHUNK, at));

		expect("bytes read", at, got, size - at < CHUNK ? size - at : CHUNK);
		for (long i = 0; i < got; i++) {
			int wanted = written((at + i) / SECTOR) ? mark(at + i) : 0;

			if (buffer[i] != wanted) {
				differ(what, at + i, buffer[i], wanted);
				break;
			}
		}
	}
	free(buffer);
}

static void submit(struct iocb *cb, int fd, int op, void *buffer, long bytes, long offset)
{
	memset(cb, 0, sizeof(*cb));
	cb->aio_fildes = (uint32_t)fd;
	cb->aio_lio_opcode = (uint16_t)op;
	cb->aio_buf = (uint64_t)(uintptr_t)buffer;
	cb->aio_nbytes = (uint64_t)bytes;
	cb->aio_offset = offset;
	cb->aio_data = (uint64_t)(uintptr_t)cb;
	if (must("io_submit", syscall(SYS_io_submit, ctx, 1L, &cb)) != 1)
		fatal("io_submit");
}

static long result; /* of the last request that was reaped */

/* Waits for a request; -1 expects no particular result. */
static struct iocb *reap(long wanted)
{
	struct io_event event;

	if (must("io_getevents", syscall(SYS_io_getevents, ctx, 1L, 1L, &event, NULL)) != 1)
		fatal("io_getevents");
	struct iocb *cb = (struct iocb *)(uintptr_t)event.data;

	result = (long)event.res;
	if (wanted != -1)
		expect("result", cb->aio_offset, result, wanted);
	return cb;
}

static bool all(long sector)
{
	(void)sector;
	return true;
}

static atomic_bool stop;
static atomic_long floor_size;

/* The size only grows, is at least what was reaped, and what lies below it is written. */
static void *watch_size(void *arg)
{
	int fd = *(int *)arg;
	unsigned char *buffer = (unsigned char *)room(CHUNK);
	long last = 0;

	while (!atomic_load(&stop)) {
		long least = atomic_load(&floor_size);
		long size = size_of(fd);

		if (size < least || size < last)
			differ("size", last, size, least);
		last = size;
		for (long at = size > CHUNK ? size - CHUNK : 0; at < size; at += SECTOR) {
			long got = pread(fd, buffer, SECTOR, at);

			if (got <= 0 || buffer[0] != mark(at) || buffer[got - 1] != mark(at)) {
				differ("sector below the size", at, got <= 0 ? got : buffer[0], mark(at));
				break;
			}
		}
	}
	free(buffer);
	return NULL;
}

static void extend(void)
{
	int fd = file("extend", O_DIRECT | O_TRUNC);
	int reader = file("extend", 0);
	char *buffer = room(CHUNK);
	struct iocb cb;
	pthread_t thread;
	long at = 0;

	make_stale();
	if (pthread_create(&thread, NULL, watch_size, &reader))
		fatal("pthread_create");
	for (int i = 0; i < 300; i++) {
		long bytes = (1 + i % 16) * SECTOR;

		fill(buffer, at, bytes);
		submit(&cb, fd, IOCB_CMD_PWRITE, buffer, bytes, at);
		reap(bytes);
		at += bytes;
		expect("size after the completion", at, size_of(fd), at);
		atomic_store(&floor_size, at);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	check_file("extend", reader, at, all);
}

static bool odd_gaps(long sector)
{
	return sector % 41 == 7;
}

static void past_end(void)
{
	int fd = file("past-end", O_DIRECT | O_TRUNC);
	char *buffer = room(SECTOR);
	long end = 0;

	make_stale();
	for (long s = 7; s < 4000; s += 41) {
		fill(buffer, s * SECTOR, SECTOR);
		expect("pwrite", s, pwrite(fd, buffer, SECTOR, s * SECTOR), SECTOR);
		end = (s + 1) * SECTOR;
	}
	check_file("past-end", file("past-end", 0), end, odd_gaps);
	must("ftruncate", ftruncate(fd, end + 20000)); /* and nothing stale behind the old end */
	check_file("past-end, longer", file("past-end", 0), end + 20000, odd_gaps);
}

static long first_sector[2] = {0, 1};

static bool not_every_fourth(long sector)
{
	return sector % 4 < 2;
}

static void *write_sectors(void *arg)
{
	long first = *(long *)arg;
	int fd = file("subblock", O_DIRECT);
	char *buffer = room(SECTOR);

	for (long s = first; s < 1600; s += 4) {
		fill(buffer, s * SECTOR, SECTOR);
		expect("pwrite", s, pwrite(fd, buffer, SECTOR, s * SECTOR), SECTOR);
	}
	close(fd);
	free(buffer);
	return NULL;
}

static void subblock(void)
{
	pthread_t threads[2];
	int fd = file("subblock", O_TRUNC);

	make_stale();
	must("fallocate", fallocate(fd, 0, 0, 400 * SECTOR)); /* unwritten; behind it a hole */
	must("ftruncate", ftruncate(fd, 1600 * SECTOR));
	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, write_sectors, &first_sector[i]))
			fatal("pthread_create");
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	check_file("subblock", fd, 1600 * SECTOR, not_every_fourth);
}

#define SLOTS 1024
static const char *watched;

static bool even_chunks(long sector)
{
	return sector / 16 % 2 == 0;
}

/* Each sector of the file is zero or its mark, at any time. */
static void *watch_sectors(void *arg)
{
	int fd = file(watched, 0);
	unsigned char *buffer = (unsigned char *)room(CHUNK);
	unsigned random = 1;

	(void)arg;
	while (!atomic_load(&stop)) {
		random = random * 1103515245 + 12345;
		long at = (long)(random >> 8) % (SLOTS * 8192L / CHUNK) * CHUNK;
		long got = must("pread", pread(fd, buffer, CHUNK, at));

		for (long i = 0; i < got; i++)
			if (buffer[i] && buffer[i] != mark(at + i)) {
				differ("a byte while it is written", at + i, buffer[i], mark(at + i));
				break;
			}
	}
	close(fd);
	free(buffer);
	return NULL;
}

/* Writes every other 8 KiB in an order that jumps, DEPTH at a time. */
static void jump(int fd, int step)
{
	struct iocb cbs[DEPTH];
	char *buffers = room(DEPTH * 8192);
	int flying = 0;

	for (int i = 0; i < SLOTS / 2; i++) {
		long slot = 2L * (i * (long)step % (SLOTS / 2));
		struct iocb *cb = flying < DEPTH ? &cbs[flying++] : reap(8192);
		char *buffer = buffers + (cb - cbs) * 8192;

		fill(buffer, slot * 8192, 8192);
		submit(cb, fd, IOCB_CMD_PWRITE, buffer, 8192, slot * 8192);
	}
	while (flying-- > 0)
		reap(8192);
	free(buffers);
}

static void watched_jump(const char *name, bool unwritten)
{
	int fd = file(name, O_DIRECT | O_TRUNC);
	pthread_t thread;

	make_stale();
	must("ftruncate", ftruncate(fd, SLOTS * 8192L));
	if (unwritten)
		must("fallocate", fallocate(fd, 0, 0, SLOTS * 8192L));
	watched = name;
	if (pthread_create(&thread, NULL, watch_sectors, NULL))
		fatal("pthread_create");
	jump(fd, 211);
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	check_file(name, file(name, 0), SLOTS * 8192L, even_chunks);
}

static void holes(void)
{
	watched_jump("holes", false);
}

static void unwritten(void)
{
	watched_jump("unwritten", true);
}

/* A read through the page cache while a direct write of the same range flies; afterwards it sees the write. */
static void in_flight(void)
{
	int fd = file("in-flight", O_DIRECT | O_TRUNC);
	int reader = file("in-flight", 0);
	char *buffer = room(CHUNK);
	unsigned char *seen = (unsigned char *)room(CHUNK);
	struct iocb cb;

	make_stale();
	must("fallocate", fallocate(fd, 0, 0, 40L * CHUNK));
	must("ftruncate", ftruncate(fd, 80L * CHUNK));
	for (long i = 0; i < 80; i++) {
		fill(buffer, i * CHUNK, CHUNK);
		submit(&cb, fd, IOCB_CMD_PWRITE, buffer, CHUNK, i * CHUNK);
		expect("pread", i, pread(reader, seen, CHUNK, i * CHUNK), CHUNK);
		for (long at = 0; at < CHUNK; at++)
			if (seen[at] && seen[at] != mark(i * CHUNK + at)) {
				differ("in flight", i * CHUNK + at, seen[at], mark(i * CHUNK + at));
				break;
			}
		reap(CHUNK);
		expect("direct pread", i, pread(fd, seen, CHUNK, i * CHUNK), CHUNK);
		expect("direct pread, data", i, memcmp(buffer, seen, CHUNK), 0);
	}
	check_file("in-flight", file("in-flight", 0), 80L * CHUNK, all);
}

/* Pages that are clean and dirty when a direct write goes below them. */
static void cached(void)
{
	int fd = file("cached", O_DIRECT | O_TRUNC);
	int other = file("cached", 0);
	char *buffer = room(CHUNK);
	struct iocb cb;

	for (long i = 0; i < 64; i++) {
		memset(buffer, 0x77, CHUNK);
		expect("buffered", i, pwrite(other, buffer, CHUNK, i * CHUNK), CHUNK);
		if (i % 2)
			must("fsync", fsync(other));
		fill(buffer, i * CHUNK, CHUNK);
		submit(&cb, fd, IOCB_CMD_PWRITE, buffer, CHUNK, i * CHUNK);
		reap(CHUNK);
		memset(buffer, 0, CHUNK);
		expect("pread", i, pread(other, buffer, CHUNK, i * CHUNK), CHUNK);
		expect("the direct write in the cache", i, (unsigned char)buffer[100], mark(i * CHUNK));
	}
	check_file("cached", other, 64L * CHUNK, all);
}

/* The first sector of new blocks, and at once whole blocks: the zeroes behind the sector do not overwrite the blocks. */
static void padding(void)
{
	int fd = file("padding", O_DIRECT | O_TRUNC);
	char *buffer = room(CHUNK);
	char *sector = room(SECTOR);
	struct iocb cb[2];

	make_stale();
	must("ftruncate", ftruncate(fd, 200L * CHUNK));
	for (long i = 0; i < 200; i++) {
		fill(buffer, i * CHUNK, CHUNK);
		fill(sector, i * CHUNK, SECTOR);
		submit(&cb[0], fd, IOCB_CMD_PWRITE, sector, SECTOR, i * CHUNK);
		submit(&cb[1], fd, IOCB_CMD_PWRITE, buffer, CHUNK, i * CHUNK);
		for (int n = 0; n < 2; n++) {
			struct iocb *done = reap(-1);

			expect("bytes", i, result, done == &cb[0] ? SECTOR : CHUNK);
		}
	}
	check_file("padding", file("padding", 0), 200L * CHUNK, all);
}

/* Buffered and direct writes at the end by turns, with O_APPEND. */
static void append(void)
{
	int fd = file("append", O_DIRECT | O_TRUNC | O_APPEND);
	int other = file("append", O_APPEND);
	char *buffer = room(CHUNK);
	long at = 0;

	make_stale();
	for (int i = 0; i < 400; i++) {
		long bytes = (1 + i * 7 % 20) * SECTOR;

		fill(buffer, at, bytes);
		expect("append", at, write(i % 2 ? fd : other, buffer, (size_t)bytes), bytes);
		at += bytes;
		expect("size", at, size_of(fd), at);
	}
	check_file("append", other, at, all);
}

/* Direct reads about the end of the file. */
static void end(void)
{
	int fd = file("end", O_DIRECT | O_TRUNC);
	char *buffer = room(CHUNK);
	struct iocb cb;

	make_stale();
	for (long size = 1; size < 20000; size += 1311) {
		must("ftruncate", ftruncate(fd, 0));
		fill(buffer, 0, CHUNK);
		expect("pwrite", size, pwrite(fd, buffer, CHUNK, 0), CHUNK);
		must("ftruncate", ftruncate(fd, size));
		long from = size / SECTOR * SECTOR;

		memset(buffer, 0, CHUNK);
		expect("pread", size, pread(fd, buffer, CHUNK, from), size - from);
		submit(&cb, fd, IOCB_CMD_PREAD, buffer, CHUNK, from);
		reap(size - from);
		expect("pread at the end", size, pread(fd, buffer, CHUNK, from + SECTOR), 0);
		must("ftruncate", ftruncate(fd, CHUNK)); /* the rest is zero, not what was there */
		expect("pread, longer", size, pread(fd, buffer, CHUNK, 0), CHUNK);
		for (long i = 0; i < CHUNK; i++) {
			int wanted = i < size ? mark(i) : 0;

			if ((unsigned char)buffer[i] != wanted) {
				differ("behind the old end", i, (unsigned char)buffer[i], wanted);
				break;
			}
		}
	}
}

static void *cut(void *arg)
{
	int fd = *(int *)arg;

	while (!atomic_load(&stop)) {
		must("ftruncate", ftruncate(fd, 3 * SECTOR));
		must("ftruncate", ftruncate(fd, SLOTS * 8192L));
		usleep(500);
	}
	return NULL;
}

/* Truncation while writes fly: a sector is its mark or zero afterwards. */
static void truncated(void)
{
	int fd = file("truncate", O_DIRECT | O_TRUNC);
	pthread_t threads[2];

	make_stale();
	must("ftruncate", ftruncate(fd, SLOTS * 8192L));
	watched = "truncate";
	if (pthread_create(&threads[0], NULL, cut, &fd) || pthread_create(&threads[1], NULL, watch_sectors, NULL))
		fatal("pthread_create");
	jump(fd, 211);
	jump(fd, 107);
	atomic_store(&stop, true);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	must("ftruncate", ftruncate(fd, SLOTS * 8192L));
	jump(fd, 211);
	check_file("truncate", file("truncate", 0), SLOTS * 8192L, even_chunks);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{"extend", extend}, {"past-end", past_end}, {"subblock", subblock}, {"holes", holes}, {"in-flight", in_flight},
	{"cached", cached}, {"padding", padding}, {"unwritten", unwritten}, {"append", append}, {"end", end}, {"truncate", truncated},
};

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: direct-io CASE DIRECTORY\n");
		return 2;
	}
	directory = argv[2];
	must("io_setup", syscall(SYS_io_setup, DEPTH, &ctx));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!strcmp(argv[1], cases[i].name)) {
			cases[i].run();
			must("io_destroy", syscall(SYS_io_destroy, ctx));
			printf("%s: %d differences\n", argv[1], atomic_load(&differences));
			return atomic_load(&differences) ? 1 : 0;
		}
	fprintf(stderr, "direct-io: no case %s\n", argv[1]);
	return 2;
}
