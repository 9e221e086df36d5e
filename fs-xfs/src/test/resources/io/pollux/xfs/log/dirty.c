// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes a tree at random until it is killed, or until an operation fails with EIO because the
 * filesystem was shut down.
 *
 * usage: dirty DIRECTORY SEED PROCESSES MODE
 *
 * Each process has its own directories and generator, so with one process a seed repeats its
 * operations. MODE has letters: "m" for many extents, whose removal takes several transactions,
 * "s" for one more process that only syncs, so that a chain of transactions falls into several
 * checkpoints, and "u" for many open files without a name. A process writes a dot to the standard output after each 64 operations.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { DIRS = 6, FILES = 40, OPEN = 300, UNLINKED = 3000, BLOCK = 4096, MOST = 1 << 19 };

static uint64_t state;
static int many;
static int kept[OPEN];
static unsigned nkept;
static char *memory;

static unsigned rnd(unsigned bound)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)((state >> 16) % bound);
}

/* Ends the process after a shutdown; other errors are part of the work. */
static int did(int result)
{
	if (result < 0 && errno == EIO)
		_exit(0);
	return result;
}

static const char *name(void)
{
	static char names[4][64];
	static unsigned turn;
	char *to = names[turn++ % 4];

	snprintf(to, sizeof(names[0]), "d%u/f%u", rnd(DIRS), rnd(FILES));
	return to;
}

static int file(int flags)
{
	return did(open(name(), O_RDWR | O_CREAT | flags, 0644));
}

static void keep(int fd)
{
	unsigned at = nkept++ % OPEN;

	if (kept[at] > 0)
		close(kept[at]);
	kept[at] = fd;
}

static void put(int fd, off_t pos, unsigned bytes)
{
	memset(memory, 1 + (int)rnd(255), bytes);
	did((int)pwrite(fd, memory, bytes, pos));
}

/* Gives a file an extent for every other block. */
static void fragment(int fd, unsigned pieces)
{
	did(ftruncate(fd, 0));
	did(fallocate(fd, 0, 0, (off_t)pieces * 2 * BLOCK));
	for (unsigned i = 0; i < pieces; i++) {
		if (i % 4)
			did(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				      (off_t)i * 2 * BLOCK, BLOCK));
		else
			put(fd, (off_t)i * 2 * BLOCK, 100);
	}
}

static void clone(void)
{
	int from = file(0), to = file(rnd(2) ? O_TRUNC : 0);
	struct file_clone_range range = { .src_fd = from };

	if (rnd(2)) {
		range.src_length = (uint64_t)(1 + rnd(32)) * BLOCK;
		range.src_offset = (uint64_t)rnd(32) * BLOCK;
		range.dest_offset = (uint64_t)rnd(64) * BLOCK;
	}
	did(ioctl(to, FICLONERANGE, &range));
	close(from);
	close(to);
}

static void attribute(void)
{
	char key[32];
	unsigned size = rnd(3) == 0 ? rnd(60000) : rnd(100);

	snprintf(key, sizeof(key), "user.a%u", rnd(60));
	if (rnd(4) == 0) {
		did(removexattr(name(), key));
		return;
	}
	memset(memory, 1 + (int)rnd(255), size);
	did(setxattr(name(), key, memory, size, 0));
}

static void crowd(void)
{
	unsigned count = 1 + rnd(150), dir = rnd(DIRS);
	char path[64];
	int create = rnd(2);

	for (unsigned i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "d%u/crowd-with-a-longer-name-%u", dir, i);
		if (create)
			close(did(open(path, O_CREAT | O_WRONLY, 0600)));
		else
			did(unlink(path));
	}
}

static void step(void)
{
	static const int falloc[] = { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_INSERT_RANGE, FALLOC_FL_ZERO_RANGE, 0 };
	off_t pos = (off_t)rnd(64) * BLOCK;
	off_t bytes = (off_t)(1 + rnd(32)) * BLOCK;
	char path[128];
	int fd = -1;

	switch (rnd(many ? 32 : 24)) {
	case 0: case 1:
		fd = file(0);
		put(fd, pos + rnd(BLOCK), 1 + rnd(60000));
		break;
	case 2: case 3:
		fd = file(O_DIRECT);
		put(fd, pos, (unsigned)bytes);
		break;
	case 4:
		did(truncate(name(), rnd(MOST)));
		break;
	case 5: case 6:
		did(rename(name(), name()));
		break;
	case 7:
		did(link(name(), name()));
		break;
	case 8:
		did(unlink(name()));
		break;
	case 9: {
		const char *gone = name();

		fd = did(open(gone, O_RDWR));
		if (fd >= 0 && did(unlink(gone)) == 0) {
			keep(fd);
			fd = -1;
		}
		break;
	}
	case 10:
		fd = did(open(".", O_TMPFILE | O_RDWR, 0600));
		if (fd >= 0) {
			put(fd, 0, 1 + rnd(20000));
			keep(fd);
			fd = -1;
		}
		break;
	case 11:
		snprintf(path, sizeof(path), "d%u/sub%u", rnd(DIRS), rnd(8));
		did(rnd(2) ? mkdir(path, 0755) : rmdir(path));
		break;
	case 12: {
		char target[1000];
		unsigned length = rnd(3) ? 1 + rnd(40) : 1 + rnd(900);

		memset(target, 'x', length);
		target[length] = 0;
		snprintf(path, sizeof(path), "d%u/l%u", rnd(DIRS), rnd(16));
		did(unlink(path));
		did(symlink(target, path));
		break;
	}
	case 13: case 14:
		attribute();
		break;
	case 15: case 16: case 17:
		fd = file(0);
		did(fallocate(fd, falloc[rnd(6)], pos, bytes));
		break;
	case 18: case 19: case 20:
		clone();
		break;
	case 21:
		fd = file(0);
		did(rnd(2) ? fsync(fd) : fdatasync(fd));
		break;
	case 22:
		crowd();
		break;
	case 23:
		fd = file(0);
		fragment(fd, 1 + rnd(60));
		break;
	case 24: case 25: case 26:
		fd = file(0);
		fragment(fd, 100 + rnd(400));
		break;
	case 27: case 28:
		clone();
		break;
	case 29:
		did(truncate(name(), 0));
		break;
	default:
		did(unlink(name()));
	}
	if (fd >= 0)
		close(fd);
}

static void sync_always(const char *top)
{
	int fd = open(top, O_RDONLY | O_DIRECTORY);

	for (;;) {
		did(syncfs(fd));
		usleep(rnd(3000));
	}
}

/* Fills all lists of a group with inodes that have data, and takes some out again. */
static void unlink_open(void)
{
	struct rlimit limit = { .rlim_cur = 2 * UNLINKED, .rlim_max = 2 * UNLINKED };

	if (setrlimit(RLIMIT_NOFILE, &limit))
		_exit(1);
	for (unsigned i = 0; i < UNLINKED; i++) {
		int fd = did(open("d0", O_TMPFILE | O_RDWR, 0600));

		if (fd < 0)
			_exit(1);
		if (i % 8 == 0)
			put(fd, 0, 1 + rnd(5000));
		if (rnd(6) == 0)
			close(fd);
	}
}

static void work(const char *top, unsigned number, int unlinked)
{
	char path[64];

	snprintf(path, sizeof(path), "p%u", number);
	if (chdir(top) || (mkdir(path, 0755) && errno != EEXIST) || chdir(path))
		_exit(1);
	for (unsigned i = 0; i < DIRS; i++) {
		snprintf(path, sizeof(path), "d%u", i);
		mkdir(path, 0755);
	}
	if (unlinked)
		unlink_open();
	for (unsigned long done = 1;; done++) {
		step();
		if (done % 64 == 0 && write(1, ".", 1) < 0)
			_exit(1);
	}
}

int main(int argc, char **argv)
{
	if (argc != 5)
		return 2;
	unsigned processes = (unsigned)atoi(argv[3]);
	int syncs = strchr(argv[4], 's') != NULL;

	many = strchr(argv[4], 'm') != NULL;
	if (posix_memalign((void **)&memory, BLOCK, MOST))
		return 1;
	signal(SIGPIPE, SIG_DFL);
	for (unsigned i = 0; i < processes + (unsigned)syncs; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return 1;
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			state = strtoull(argv[2], NULL, 10) * 0x9e3779b97f4a7c15u + i + 1;
			for (unsigned turn = 0; turn < 20; turn++)
				rnd(2);
			if (i == processes)
				sync_always(argv[1]);
			work(argv[1], i, strchr(argv[4], 'u') != NULL);
		}
	}
	while (wait(NULL) > 0)
		;
	return 0;
}
