// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls on files and directories, through the C library.
 *
 *     file-calls read DIR      DIR is where the sample image is mounted, read-only: what is there is known
 *     file-calls write DIR     DIR can be written to: what is made there is removed again
 *     file-calls device FILE   FILE is a block device, which is only read
 *
 * Exit status: 0 as it should be, 1 not (each difference is a line), 2 it could not run. Linux passes all three.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *dir;
static int differences;
static int checks;

static void fatal(const char *what)
{
	fprintf(stderr, "file-calls: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* The C library says -1 and errno. */
static long answer(long result)
{
	return result == -1 ? -errno : result;
}

static void expect(const char *what, long got, long wanted)
{
	checks++;
	if (got != wanted) {
		printf("%s: %ld%s%s, not %ld%s%s\n", what, got, got < 0 && got > -4096 ? " " : "", got < 0 && got > -4096 ? strerror((int)-got) : "",
		       wanted, wanted < 0 && wanted > -4096 ? " " : "", wanted < 0 && wanted > -4096 ? strerror((int)-wanted) : "");
		differences++;
	}
}

/* A name below the directory; good until the next but three. */
static const char *below(const char *name)
{
	static char names[4][PATH_MAX];
	static unsigned next;
	char *at = names[next++ % 4];

	if (snprintf(at, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
		abort();
	return at;
}

static int must_open(const char *name, int flags)
{
	int fd = open(below(name), flags, 0644);

	if (fd < 0)
		fatal(below(name));
	return fd;
}

static long try_open(const char *name, int flags)
{
	int fd = open(below(name), flags, 0644);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* The four calls that tell of a file tell the same. */
static struct stat status(const char *name)
{
	struct stat by_fd, by_path, by_link;
	struct statx x;
	int fd = must_open(name, O_RDONLY);

	memset(&by_fd, 0, sizeof(by_fd));
	expect("fstat", answer(fstat(fd, &by_fd)), 0);
	expect("stat", answer(stat(below(name), &by_path)), 0);
	expect("lstat", answer(lstat(below(name), &by_link)), 0);
	expect("stat, inode", (long)by_path.st_ino, (long)by_fd.st_ino);
	expect("lstat, inode", (long)by_link.st_ino, (long)by_fd.st_ino);
	expect("stat, size", by_path.st_size, by_fd.st_size);
	expect("stat, device", (long)by_path.st_dev, (long)by_fd.st_dev);
	memset(&x, 0, sizeof(x));
	expect("statx", answer(statx(AT_FDCWD, below(name), 0, STATX_BASIC_STATS, &x)), 0);
	expect("statx, mask", x.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
	expect("statx, inode", (long)x.stx_ino, (long)by_fd.st_ino);
	expect("statx, size", (long)x.stx_size, by_fd.st_size);
	expect("statx, mode", x.stx_mode, by_fd.st_mode);
	expect("statx, links", x.stx_nlink, (long)by_fd.st_nlink);
	expect("statx, blocks", (long)x.stx_blocks, by_fd.st_blocks);
	expect("statx, owner", x.stx_uid, by_fd.st_uid);
	expect("statx, modified", x.stx_mtime.tv_sec, by_fd.st_mtim.tv_sec);
	expect("statx, modified, ns", x.stx_mtime.tv_nsec, by_fd.st_mtim.tv_nsec);
	memset(&x, 0, sizeof(x));
	expect("statx of a descriptor", answer(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x)), 0);
	expect("statx of a descriptor, size", (long)x.stx_size, by_fd.st_size);
	close(fd);
	return by_fd;
}

static void descriptors(const char *name, long flags)
{
	int fd = must_open(name, O_RDONLY);
	int copy, high;
	char a[16], b[16];

	expect("lseek", lseek(fd, 100, SEEK_SET), 100);
	copy = dup(fd);
	expect("dup", copy >= 0 && copy != fd, true);
	expect("position of a copy", lseek(copy, 0, SEEK_CUR), 100);
	expect("read from the copy", answer(read(copy, a, 16)), 16);
	expect("position of the first", lseek(fd, 0, SEEK_CUR), 116);
	high = fcntl(fd, F_DUPFD, 200);
	expect("F_DUPFD", high >= 200, true);
	expect("read from it", answer(pread(high, b, 16, 100)), 16);
	expect("the same bytes", memcmp(a, b, 16), 0);
	expect("dup2", answer(dup2(fd, high)), high);
	expect("dup2 to itself", answer(dup2(fd, fd)), fd);
	expect("close", answer(close(fd)), 0);
	expect("read from what was closed", answer(read(fd, a, 1)), -EBADF);
	expect("close it again", answer(close(fd)), -EBADF);
	expect("dup of it", answer(dup(fd)), -EBADF);
	expect("read from a copy", answer(read(copy, a, 16)), 16);
	expect("close a copy", answer(close(copy)), 0);

	expect("F_GETFL", answer(fcntl(high, F_GETFL)) & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_DIRECT), flags);
	expect("F_SETFL", answer(fcntl(high, F_SETFL, O_NONBLOCK)), 0);
	expect("F_GETFL afterwards", answer(fcntl(high, F_GETFL)) & (O_ACCMODE | O_APPEND | O_NONBLOCK), flags | O_NONBLOCK);
	expect("F_SETFL back", answer(fcntl(high, F_SETFL, 0)), 0);
	expect("F_GETFL back", answer(fcntl(high, F_GETFL)) & (O_ACCMODE | O_APPEND | O_NONBLOCK), flags);
	expect("F_SETFD", answer(fcntl(high, F_SETFD, FD_CLOEXEC)), 0);
	expect("F_GETFD", answer(fcntl(high, F_GETFD)), FD_CLOEXEC);
	expect("close", answer(close(high)), 0);
	expect("F_GETFL of what was closed", answer(fcntl(high, F_GETFL)), -EBADF);

	/* What remains of the flags of open: not those for the descriptor, nor for how the file comes to be; large files always. */
	fd = must_open(name, (int)flags | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | (O_SYNC & ~O_DSYNC));
	expect("F_GETFL, every flag", answer(fcntl(fd, F_GETFL)), flags | O_NOFOLLOW | O_SYNC | 0100000);
	expect("close", answer(close(fd)), 0);
}

/* Files can be mapped where there is a page cache that is the machine's; else ENODEV, and nothing is mapped. */
static void mapping(const char *name)
{
	int fd = must_open(name, O_RDONLY);
	char first[4096];
	void *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);

	expect("pread", answer(pread(fd, first, 4096, 0)), 4096);
	if (at == MAP_FAILED) {
		expect("mmap", -errno, -ENODEV);
	} else {
		printf("mmap: files can be mapped here\n");
		expect("what is mapped", memcmp(at, first, 4096), 0);
		munmap(at, 4096);
	}
	close(fd);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Reads a directory from where it is; answers how many names but . and .., and them, sorted, to be freed by nobody. */
static int list(DIR *d, char **names, int most)
{
	int n = 0;
	struct dirent *entry;

	errno = 0;
	while ((entry = readdir(d)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (n == most)
			break;
		names[n++] = strdup(entry->d_name);
	}
	expect("readdir", -errno, 0);
	qsort(names, (size_t)n, sizeof(names[0]), by_name);
	return n;
}

static unsigned char type_of(mode_t mode)
{
	return (mode & S_IFMT) >> 12;
}

static void directory(const char *name, int wanted)
{
	static char *all[5000], *again[5000];
	DIR *d = opendir(below(name));
	struct dirent *entry;
	char at_position[256];
	long position;
	int n;

	if (!d)
		fatal(below(name));
	n = list(d, all, 5000);
	if (wanted >= 0)
		expect(below(name), n, wanted);
	for (int i = 1; i < n; i++)
		expect("a name once", strcmp(all[i - 1], all[i]) != 0, true);

	rewinddir(d);
	expect("names after rewinddir", list(d, again, 5000), n);
	for (int i = 0; i < n; i++)
		expect("the same name", strcmp(all[i], again[i]), 0);

	/* A position that telldir tells is one to come back to. */
	rewinddir(d);
	for (int i = 0; i < (n + 2) / 2; i++)
		if (!readdir(d))
			expect("an entry", i, n);
	position = telldir(d);
	entry = readdir(d);
	if (entry) {
		strcpy(at_position, entry->d_name);
		while (readdir(d))
			;
		seekdir(d, position);
		entry = readdir(d);
		expect("the entry after seekdir", entry ? strcmp(entry->d_name, at_position) : -1, 0);
	}

	/* What is said of an entry is so. */
	rewinddir(d);
	while ((entry = readdir(d)) != NULL) {
		struct stat st;

		if (strcmp(entry->d_name, "..") == 0)
			continue;
		expect(entry->d_name, answer(fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW)), 0);
		if (strcmp(entry->d_name, "dev") == 0)
			continue; /* where devices are, perhaps another filesystem's */
		expect("d_ino", (long)entry->d_ino, (long)st.st_ino);
		if (entry->d_type != DT_UNKNOWN)
			expect("d_type", entry->d_type, type_of(st.st_mode));
	}
	expect("closedir", answer(closedir(d)), 0);
	for (int i = 0; i < n; i++) {
		free(all[i]);
		free(again[i]);
	}
}

/* Hints: they promise nothing and must do no harm. */
static void hints(int fd)
{
	expect("posix_fadvise", posix_fadvise(fd, 0, 65536, POSIX_FADV_WILLNEED), 0);
	expect("posix_fadvise", posix_fadvise(fd, 0, 65536, POSIX_FADV_DONTNEED), 0);
	expect("posix_fadvise, no such advice", posix_fadvise(fd, 0, 0, 99), EINVAL);
	expect("sync_file_range", answer(sync_file_range(fd, 0, 4096, SYNC_FILE_RANGE_WRITE)), 0);
	expect("sync_file_range, no such flag", answer(sync_file_range(fd, 0, 4096, 1u << 20)), -EINVAL);
	expect("fsync", answer(fsync(fd)), 0);
	expect("fdatasync", answer(fdatasync(fd)), 0);
}

/* A sector of the sample's main file begins with a word of its own and its offset. */
static void sector(const char *what, const char *bytes, uint64_t offset)
{
	uint64_t words[2];

	memcpy(words, bytes, sizeof(words));
	expect(what, memcmp(bytes, "PLUXSM01", 8), 0);
	expect(what, (long)words[1], (long)offset);
}

static void sample_reads(void)
{
	char buffer[8192], direct[8192] __attribute__((aligned(4096)));
	static struct iovec many[IOV_MAX + 1];
	struct iovec iov[3] = { { buffer, 512 }, { buffer + 512, 1024 }, { buffer + 1536, 4096 } };
	int fd = must_open("main.dat", O_RDONLY);

	expect("read", answer(read(fd, buffer, 512)), 512);
	sector("read", buffer, 0);
	expect("read on", answer(read(fd, buffer, 4096)), 4096);
	sector("read on", buffer, 512);
	expect("position", lseek(fd, 0, SEEK_CUR), 4608);
	expect("pread", answer(pread(fd, buffer, 8192, 1 << 20)), 8192);
	sector("pread", buffer, 1 << 20);
	sector("pread", buffer + 7680, (1 << 20) + 7680);
	expect("position after pread", lseek(fd, 0, SEEK_CUR), 4608);
	expect("readv", answer(readv(fd, iov, 3)), 5632);
	sector("readv, first", buffer, 4608);
	sector("readv, last", buffer + 5120, 4608 + 5120);
	expect("position after readv", lseek(fd, 0, SEEK_CUR), 10240);
	expect("preadv", answer(preadv(fd, iov, 2, 2 << 20)), 1536);
	sector("preadv", buffer + 512, (2 << 20) + 512);
	expect("preadv2", answer(preadv2(fd, iov, 2, 3 << 20, 0)), 1536);
	sector("preadv2", buffer, 3 << 20);
	expect("preadv2 at the position", answer(preadv2(fd, iov, 1, -1, 0)), 512);
	sector("preadv2 at the position", buffer, 10240);
	expect("position after it", lseek(fd, 0, SEEK_CUR), 10752);
	expect("preadv2, no such flag", answer(preadv2(fd, iov, 1, 0, 1 << 30)), -EOPNOTSUPP);
	expect("preadv, too many", answer(preadv(fd, many, IOV_MAX + 1, 0)), -EINVAL);
	expect("pread below 0", answer(pread(fd, buffer, 512, -1)), -EINVAL);

	expect("lseek", lseek(fd, -512, SEEK_END), 16777216 - 512);
	expect("read up to the end", answer(read(fd, buffer, 4096)), 512);
	expect("read at the end", answer(read(fd, buffer, 4096)), 0);
	expect("pread behind the end", answer(pread(fd, buffer, 4096, 1L << 40)), 0);
	expect("lseek behind the end", lseek(fd, 1L << 40, SEEK_SET), 1L << 40);
	expect("read there", answer(read(fd, buffer, 4096)), 0);
	expect("lseek below 0", answer(lseek(fd, -1, SEEK_SET)), -EINVAL);
	expect("lseek, no such way", answer(lseek(fd, 0, 17)), -EINVAL);
	expect("lseek to data", lseek(fd, 4096, SEEK_DATA), 4096);
	expect("lseek to a hole", lseek(fd, 0, SEEK_HOLE), 16777216);
	expect("lseek to data behind the end", answer(lseek(fd, 16777216, SEEK_DATA)), -ENXIO);

	expect("write", answer(write(fd, buffer, 1)), -EBADF);
	expect("pwrite", answer(pwrite(fd, buffer, 1, 0)), -EBADF);
	expect("ftruncate", answer(ftruncate(fd, 0)), -EINVAL);
	expect("posix_fallocate", posix_fallocate(fd, 0, 4096), EBADF);
	hints(fd);
	close(fd);

	fd = must_open("main.dat", O_RDONLY | O_DIRECT);
	expect("direct read", answer(pread(fd, direct, 8192, 65536)), 8192);
	sector("direct read", direct, 65536);
	expect("direct read, a sector", answer(pread(fd, direct, 512, 512)), 512);
	sector("direct read, a sector", direct, 512);
	expect("direct read between sectors", answer(pread(fd, direct, 512, 100)), -EINVAL);
	expect("direct read of less than one", answer(pread(fd, direct, 100, 0)), -EINVAL);
	expect("F_GETFL, direct", answer(fcntl(fd, F_GETFL)) & O_DIRECT, O_DIRECT);
	expect("F_SETFL, not direct", answer(fcntl(fd, F_SETFL, 0)), 0);
	expect("read between sectors", answer(pread(fd, buffer, 512, 100)), 512);
	close(fd);

	fd = must_open("far.dat", O_RDONLY);
	expect("size of far.dat", lseek(fd, 0, SEEK_END), 4611686018427396113);
	expect("its last bytes", answer(pread(fd, buffer, 4096, 4611686018427396096)), 17);
	close(fd);
	fd = must_open("size-511", O_RDONLY);
	expect("a file of 511 bytes", answer(read(fd, buffer, 8192)), 511);
	close(fd);
	fd = must_open("names", O_RDONLY);
	expect("read a directory", answer(read(fd, buffer, 512)), -EISDIR);
	expect("pread a directory", answer(pread(fd, buffer, 512, 0)), -EISDIR);
	expect("fsync a directory", answer(fsync(fd)), 0);
	close(fd);
}

/* Holes are where lseek says, and full of zeroes. */
static void sample_holes(void)
{
	static char buffer[1 << 16];
	int fd = must_open("holes.dat", O_RDONLY);
	off_t size = lseek(fd, 0, SEEK_END), at = 0;
	int holes = 0;

	expect("size of holes.dat", size, 15729417);
	while (at < size) {
		off_t hole = lseek(fd, at, SEEK_HOLE);
		off_t data = hole < size ? lseek(fd, hole, SEEK_DATA) : size;

		if (data < 0 && errno == ENXIO)
			data = size; /* a hole to the end */
		if (hole < at || data < hole || ++holes > 10000) {
			expect("lseek goes on", hole, at);
			break;
		}
		for (off_t i = hole; i < data; i += sizeof(buffer)) {
			long want = data - i < (off_t)sizeof(buffer) ? data - i : (long)sizeof(buffer);

			expect("read a hole", answer(pread(fd, buffer, (size_t)want, i)), want);
			expect("zeroes", buffer[0] == 0 && memcmp(buffer, buffer + 1, (size_t)want - 1) == 0, true);
		}
		at = data;
	}
	expect("there are holes", holes > 1, true);
	close(fd);
}

static void sample_names(void)
{
	struct stat st;
	char target[64];
	int root, fd;

	st = status("main.dat");
	expect("main.dat, size", st.st_size, 16777216);
	expect("main.dat, mode", st.st_mode, S_IFREG | 0644);
	expect("main.dat, blocks", st.st_blocks, 32768);
	expect("main.dat, links", (long)st.st_nlink, 1);
	expect("main.dat, inode", (long)st.st_ino, 131);
	expect("main.dat, modified", st.st_mtim.tv_sec, 1547542861);
	st = status("special/setuid");
	expect("setuid, mode", st.st_mode, S_IFREG | 04755);
	expect("setuid, owner", st.st_uid, 1000);
	expect("setuid, group", st.st_gid, 1001);
	st = status("times/1969-12-31T23:59:58.500000000");
	expect("before 1970", st.st_mtim.tv_sec, -2);
	expect("before 1970, ns", st.st_mtim.tv_nsec, 500000000);
	st = status("special/link1");
	expect("link1, links", (long)st.st_nlink, 3);
	st = status("names");
	expect("names, mode", st.st_mode, S_IFDIR | 0755);
	expect("lstat of a link", answer(lstat(below("links/relative"), &st)), 0);
	expect("a link, mode", st.st_mode, S_IFLNK | 0777);
	expect("a link, size", st.st_size, 11);
	expect("stat through a link", answer(stat(below("links/relative"), &st)), 0);
	expect("through a link, size", st.st_size, 12345);
	expect("stat of a device", answer(stat(below("special/null"), &st)), 0);
	expect("a device, number", (long)st.st_rdev, (long)makedev(1, 3));
	expect("readlink", answer(readlink(below("links/relative"), target, sizeof(target))), 11);
	expect("a link, target", memcmp(target, "../tail.dat", 11), 0);
	expect("readlink, little room", answer(readlink(below("links/relative"), target, 5)), 5);
	expect("readlink of a file", answer(readlink(below("main.dat"), target, 5)), -EINVAL);

	expect("open what is not there", try_open("nothing", O_RDONLY), -ENOENT);
	expect("open below a file", try_open("main.dat/x", O_RDONLY), -ENOTDIR);
	expect("open a file as a directory", try_open("main.dat", O_RDONLY | O_DIRECTORY), -ENOTDIR);
	expect("open a link, not followed", try_open("links/relative", O_RDONLY | O_NOFOLLOW), -ELOOP);
	expect("open links in a circle", try_open("links/a", O_RDONLY), -ELOOP);
	expect("open a link to nothing", try_open("links/dangling", O_RDONLY), -ENOENT);
	expect("open to write", try_open("main.dat", O_RDWR), -EROFS);
	expect("open a directory to write", try_open("names", O_WRONLY), -EISDIR);
	expect("make what is there", try_open("main.dat", O_RDONLY | O_CREAT | O_EXCL), -EEXIST);
	expect("make what is not there", try_open("new", O_RDWR | O_CREAT), -EROFS);
	expect("creat", answer(creat(below("new"), 0644)), -EROFS);
	expect("unlink", answer(unlink(below("main.dat"))), -EROFS);
	expect("mkdir", answer(mkdir(below("new"), 0755)), -EROFS);
	expect("mkdir of what is there", answer(mkdir(below("names"), 0755)), -EEXIST);
	expect("access", answer(access(below("main.dat"), F_OK)), 0);
	expect("access to read", answer(access(below("main.dat"), R_OK)), 0);
	expect("access to write", answer(access(below("main.dat"), W_OK)), -EROFS);
	expect("access to nothing", answer(access(below("nothing"), F_OK)), -ENOENT);

	root = open(dir, O_RDONLY | O_DIRECTORY);
	fd = openat(root, "deep/../links/./relative", O_RDONLY);
	expect("openat", fd >= 0, true);
	expect("openat, size", lseek(fd, 0, SEEK_END), 12345);
	close(fd);
	fd = openat(*dir == '/' ? root : AT_FDCWD, below("tail.dat"), O_RDONLY);
	expect("openat, a whole name", fd >= 0, true);
	close(fd);
	expect("openat of a closed directory", answer(openat(fd, "main.dat", O_RDONLY)), -EBADF);
	fd = openat(root, "main.dat", O_RDONLY);
	expect("openat below a file", answer(openat(fd, "x", O_RDONLY)), -ENOTDIR);
	expect("BLKGETSIZE64 of a file", answer(ioctl(fd, BLKGETSIZE64, target)), -ENOTTY);
	close(fd);
	expect("faccessat", answer(faccessat(root, "main.dat", R_OK, 0)), 0);
	expect("fstatat", answer(fstatat(root, "main.dat", &st, 0)), 0);
	close(root);
}

static void read_sample(void)
{
	sample_names();
	sample_reads();
	sample_holes();
	descriptors("main.dat", O_RDONLY);
	mapping("main.dat");
	directory("", -1);
	directory("names", 16);
	directory("links", 16);
	directory("special", 15);
	directory("dirs/short", 5);
	directory("dirs/leaf", 263);
	directory("dirs/node", 1152);
	expect("opendir of a file", opendir(below("main.dat")) == NULL ? -errno : 0, -ENOTDIR);
	expect("opendir of nothing", opendir(below("nothing")) == NULL ? -errno : 0, -ENOENT);
}

static void write_file(void)
{
	char buffer[8192], check[8192];
	struct iovec iov[2] = { { buffer, 100 }, { buffer + 100, 50 } };
	struct stat st;
	int fd, error;

	for (unsigned i = 0; i < sizeof(buffer); i++)
		buffer[i] = (char)(i * 7 + 1);
	fd = creat(below("f/file"), 0640);
	if (fd < 0)
		fatal(below("f/file"));
	expect("read from what creat made", answer(read(fd, check, 1)), -EBADF);
	expect("F_GETFL, every flag", answer(fcntl(fd, F_GETFL)), O_WRONLY | 0100000);
	expect("write", answer(write(fd, buffer, 1000)), 1000);
	expect("write on", answer(write(fd, buffer + 1000, 3000)), 3000);
	expect("position", lseek(fd, 0, SEEK_CUR), 4000);
	close(fd);
	st = status("f/file");
	expect("size", st.st_size, 4000);
	expect("mode", st.st_mode, S_IFREG | 0640);
	expect("links", (long)st.st_nlink, 1);
	expect("make it again", try_open("f/file", O_RDWR | O_CREAT | O_EXCL), -EEXIST);
	descriptors("f/file", O_RDONLY);

	fd = must_open("f/file", O_RDWR);
	expect("read", answer(read(fd, check, 8192)), 4000);
	expect("what was written", memcmp(check, buffer, 4000), 0);
	expect("pwrite over the end", answer(pwrite(fd, buffer + 3900, 4292, 3900)), 4292);
	expect("position after pwrite", lseek(fd, 0, SEEK_CUR), 4000);
	expect("pread", answer(pread(fd, check, 8192, 0)), 8192);
	expect("what was written", memcmp(check, buffer, 8192), 0);
	expect("lseek", lseek(fd, 0, SEEK_SET), 0);
	expect("writev", answer(writev(fd, iov, 2)), 150);
	expect("pwritev", answer(pwritev(fd, iov, 2, 8192)), 150);
	expect("pwritev2", answer(pwritev2(fd, iov, 2, 8342, 0)), 150);
	expect("pwritev2, no such flag", answer(pwritev2(fd, iov, 2, 0, 1 << 30)), -EOPNOTSUPP);
	expect("pread", answer(pread(fd, check, 300, 8192)), 300);
	expect("what was written", memcmp(check, buffer, 150) | memcmp(check + 150, buffer, 150), 0);
	hints(fd);

	expect("ftruncate, shorter", answer(ftruncate(fd, 100)), 0);
	expect("size", lseek(fd, 0, SEEK_END), 100);
	expect("ftruncate, longer", answer(ftruncate(fd, 5000)), 0);
	expect("size", lseek(fd, 0, SEEK_END), 5000);
	memset(check, 1, sizeof(check));
	expect("pread", answer(pread(fd, check, 8192, 0)), 5000);
	expect("what is left", memcmp(check, buffer, 100), 0);
	expect("zeroes behind it", check[100] == 0 && memcmp(check + 100, check + 101, 4899) == 0, true);
	expect("ftruncate below 0", answer(ftruncate(fd, -1)), -EINVAL);
	error = posix_fallocate(fd, 0, 10000);
	if (error == EOPNOTSUPP)
		printf("posix_fallocate: nothing is allocated ahead here\n");
	else
		expect("posix_fallocate", error, 0);
	expect("size", lseek(fd, 0, SEEK_END), error ? 5000 : 10000);
	expect("posix_fallocate of nothing", posix_fallocate(fd, 0, 0), EINVAL);
	close(fd);

	fd = must_open("f/file", O_WRONLY | O_APPEND | O_TRUNC);
	expect("size after O_TRUNC", lseek(fd, 0, SEEK_END), 0);
	expect("append", answer(write(fd, buffer, 10)), 10);
	expect("lseek", lseek(fd, 0, SEEK_SET), 0);
	expect("append", answer(write(fd, buffer + 10, 10)), 10);
	expect("position", lseek(fd, 0, SEEK_CUR), 20);
	expect("F_GETFL", answer(fcntl(fd, F_GETFL)) & (O_ACCMODE | O_APPEND), O_WRONLY | O_APPEND);
	close(fd);
	fd = must_open("f/file", O_RDWR);
	expect("read", answer(read(fd, check, 8192)), 20);
	expect("what was appended", memcmp(check, buffer, 20), 0);

	/* A file without a name is a file still. */
	expect("unlink", answer(unlink(below("f/file"))), 0);
	expect("open", try_open("f/file", O_RDONLY), -ENOENT);
	expect("unlink again", answer(unlink(below("f/file"))), -ENOENT);
	expect("access", answer(access(below("f/file"), F_OK)), -ENOENT);
	expect("fstat", answer(fstat(fd, &st)), 0);
	expect("links", (long)st.st_nlink, 0);
	expect("pread", answer(pread(fd, check, 8192, 0)), 20);
	expect("pwrite", answer(pwrite(fd, buffer, 4096, 0)), 4096);
	close(fd);
}

static void write_dir(void)
{
	struct stat st;
	char name[32];
	int error;

	umask(022);
	if (mkdir(below("f"), 0777) < 0)
		fatal(below("f"));
	expect("mkdir again", answer(mkdir(below("f"), 0777)), -EEXIST);
	expect("mkdir below nothing", answer(mkdir(below("nothing/f"), 0777)), -ENOENT);
	expect("stat", answer(stat(below("f"), &st)), 0);
	expect("mode", st.st_mode, S_IFDIR | 0755);
	expect("access", answer(access(below("f"), R_OK | W_OK | X_OK)), 0);
	directory("f", 0);
	for (int i = 0; i < 100; i++) {
		int fd;

		snprintf(name, sizeof(name), "f/name-%03d", i);
		fd = open(below(name), O_RDWR | O_CREAT | O_EXCL, 0600);
		expect(name, fd >= 0, true);
		close(fd);
	}
	directory("f", 100);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "f/name-%03d", i);
		expect(name, answer(unlink(below(name))), 0);
	}
	directory("f", 0);
	expect("mkdir below", answer(mkdir(below("f/d"), 0700)), 0);
	expect("unlink of a directory", answer(unlink(below("f/d"))), -EISDIR);
	expect("unlink of nothing", answer(unlink(below("f/nothing"))), -ENOENT);

	write_file();

	error = rmdir(below("f/d")) < 0 ? errno : 0;
	if (error == ENOSYS) {
		printf("rmdir: directories stay here\n");
		return;
	}
	expect("rmdir", -error, 0);
	expect("rmdir", answer(rmdir(below("f"))), 0);
	expect("stat", answer(stat(below("f"), &st)), -ENOENT);
}

static void read_device(const char *name)
{
	static char a[65536] __attribute__((aligned(4096))), b[65536] __attribute__((aligned(4096)));
	int fd = open(name, O_RDONLY), direct = open(name, O_RDONLY | O_DIRECT);
	uint64_t bytes = 0;
	struct stat st;

	if (fd < 0 || direct < 0)
		fatal(name);
	expect("fstat", answer(fstat(fd, &st)), 0);
	expect("type", st.st_mode & S_IFMT, S_IFBLK);
	expect("BLKGETSIZE64", answer(ioctl(fd, BLKGETSIZE64, &bytes)), 0);
	expect("as large as its end", lseek(fd, 0, SEEK_END), (long)bytes);
	expect("BLKGETSIZE64 to nowhere", answer(ioctl(fd, BLKGETSIZE64, (void *)1)), -EFAULT);
	if (bytes < sizeof(a)) {
		errno = EINVAL;
		fatal("a device of 64 KiB or more");
	}
	expect("pread", answer(pread(fd, a, sizeof(a), 0)), sizeof(a));
	expect("direct pread", answer(pread(direct, b, sizeof(b), 0)), sizeof(b));
	expect("the same", memcmp(a, b, sizeof(a)), 0);
	expect("pread over the end", answer(pread(fd, a, 8192, (off_t)bytes - 4096)), 4096);
	expect("direct pread over the end", answer(pread(direct, b, 8192, (off_t)bytes - 4096)), 4096);
	expect("the same", memcmp(a, b, 4096), 0);
	expect("pread at the end", answer(pread(fd, a, 4096, (off_t)bytes)), 0);
	expect("direct pread between sectors", answer(pread(direct, b, 512, 100)), -EINVAL);
	expect("write", answer(write(fd, a, 512)), -EBADF);
	close(fd);
	close(direct);
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: file-calls read|write|device PATH\n");
		return 2;
	}
	dir = argv[2];
	if (strcmp(argv[1], "read") == 0)
		read_sample();
	else if (strcmp(argv[1], "write") == 0)
		write_dir();
	else if (strcmp(argv[1], "device") == 0)
		read_device(argv[2]);
	else
		return 2;
	printf("file calls, %s: %d checks, %d differences\n", argv[1], checks, differences);
	return differences ? 1 : 0;
}
