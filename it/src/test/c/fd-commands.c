// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prints what fcntl and ioctl return for each command on each kind of file: "kind command argument: result value". The
 * outputs of two kernels are compared line by line.
 *
 *     fd-commands fcntl PATH [KIND]     PATH is a file or a directory
 *     fd-commands ioctl PATH [KIND]     PATH is a file or a directory
 *     fd-commands disk DEVICE           a block device of 64 MiB that may be written to
 *     fd-commands locks FILE [KIND]     locks of several open files of one process, on a file that may be written to
 *
 * With a KIND, PATH is made first: "file" makes one of 10,000 bytes, "directory" an empty directory.
 *
 * Exit status: 0, or 2 if it could not run.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/blkpg.h>
#include <linux/cdrom.h>
#include <linux/fs.h>
#include <linux/hdreg.h>
#include <linux/fiemap.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <termios.h>
#include <unistd.h>

#ifndef BLKGETZONESZ
#define BLKGETZONESZ _IOR(0x12, 132, __u32)
#define BLKGETNRZONES _IOR(0x12, 133, __u32)
#endif
#ifndef F_DUPFD_QUERY
#define F_DUPFD_QUERY (1024 + 3)
#endif
#define WILD ((void *)16)

static const char *kind;

static const char *error_of(long result)
{
	return result < 0 ? strerrorname_np(errno) : "";
}

static void show(const char *what, long result)
{
	printf("%s %s: %ld %s\n", kind, what, result, error_of(result));
}

static void show_value(const char *what, long result, long long value)
{
	if (result < 0)
		show(what, result);
	else
		printf("%s %s: %ld value %lld\n", kind, what, result, value);
}

static int opened(const char *path, int flags)
{
	int fd = open(path, flags, 0600);

	if (fd < 0) {
		fprintf(stderr, "fd-commands: %s: %s\n", path, strerror(errno));
		exit(2);
	}
	return fd;
}

/* fcntl */

static void lock_as(int fd, const char *what, int command, short type, short whence, off_t start, off_t length, pid_t pid)
{
	struct flock lock = {.l_type = type, .l_whence = whence, .l_start = start, .l_len = length, .l_pid = pid};
	int result = fcntl(fd, command, &lock);

	if (result < 0)
		show(what, result);
	else
		printf("%s %s: %d type %d whence %d start %lld length %lld pid %s\n", kind, what, result, lock.l_type, lock.l_whence,
		       (long long)lock.l_start, (long long)lock.l_len, lock.l_pid == getpid() ? "own" : lock.l_pid == -1 ? "-1" : lock.l_pid == pid ? "same" : "?");
}

static void all_locks(int fd)
{
	static const struct {
		const char *name;
		int command;
	} commands[] = {{"GETLK", F_GETLK}, {"SETLK", F_SETLK}, {"SETLKW", F_SETLKW},
			{"OFD_GETLK", F_OFD_GETLK}, {"OFD_SETLK", F_OFD_SETLK}, {"OFD_SETLKW", F_OFD_SETLKW}};
	static const short types[] = {F_RDLCK, F_WRLCK, F_UNLCK, 3, -1, LOCK_MAND, 77};
	static const struct {
		short whence;
		off_t start, length;
	} ranges[] = {{SEEK_SET, 0, 0}, {SEEK_SET, 10, 5}, {SEEK_CUR, 0, 1}, {SEEK_CUR, -1, 1}, {SEEK_END, 0, 1}, {SEEK_END, -1, 1},
		      {SEEK_SET, -1, 1}, {SEEK_SET, 10, -5}, {SEEK_SET, 10, -11}, {SEEK_SET, LLONG_MAX, 1}, {SEEK_SET, LLONG_MAX, 2},
		      {SEEK_SET, LLONG_MAX, 0}, {SEEK_SET, 1, LLONG_MAX}, {SEEK_SET, 2, LLONG_MAX}, {SEEK_SET, 0, LLONG_MIN}, {SEEK_END, LLONG_MAX, 1}, {SEEK_SET, LLONG_MIN, LLONG_MIN},
		      {3, 0, 0}, {-1, 0, 0}};
	char what[100];

	for (size_t c = 0; c < sizeof commands / sizeof *commands; c++) {
		for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
			snprintf(what, sizeof what, "%s type %d", commands[c].name, types[t]);
			lock_as(fd, what, commands[c].command, types[t], SEEK_SET, 0, 1, 0);
		}
		for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++) {
			snprintf(what, sizeof what, "%s range %d %lld %lld", commands[c].name, ranges[r].whence, (long long)ranges[r].start,
				 (long long)ranges[r].length);
			lock_as(fd, what, commands[c].command, F_UNLCK, ranges[r].whence, ranges[r].start, ranges[r].length, 0);
			lock_as(fd, what, commands[c].command, F_RDLCK, ranges[r].whence, ranges[r].start, ranges[r].length, 0);
		}
		snprintf(what, sizeof what, "%s pid 5", commands[c].name);
		lock_as(fd, what, commands[c].command, F_RDLCK, SEEK_SET, 0, 1, 5);
		snprintf(what, sizeof what, "%s wild", commands[c].name);
		show(what, fcntl(fd, commands[c].command, WILD));
		snprintf(what, sizeof what, "%s null", commands[c].name);
		show(what, fcntl(fd, commands[c].command, NULL));
		struct flock all = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
		fcntl(fd, c < 3 ? F_SETLK : F_OFD_SETLK, &all);
	}
}

static void flags_of(int fd)
{
	static const int flags[] = {O_APPEND, O_NONBLOCK, O_NOATIME, O_DIRECT, O_ASYNC, O_SYNC, O_DSYNC, O_RDWR, O_TRUNC, O_CREAT, O_CLOEXEC, O_PATH, ~0, 0};
	int before = fcntl(fd, F_GETFL);
	char what[50];

	printf("%s GETFL: %#o\n", kind, before);
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		snprintf(what, sizeof what, "SETFL %#o", flags[i]);
		show(what, fcntl(fd, F_SETFL, flags[i]));
		printf("%s GETFL after it: %#o\n", kind, fcntl(fd, F_GETFL));
	}
	fcntl(fd, F_SETFL, before);
}

static void numbers(int fd)
{
	int other = dup(fd);

	printf("%s dup: %s\n", kind, other > fd ? "higher" : "?");
	printf("%s GETFD of a dup: %d\n", kind, fcntl(other, F_GETFD));
	show("SETFD 1", fcntl(other, F_SETFD, FD_CLOEXEC));
	printf("%s GETFD: %d\n", kind, fcntl(other, F_GETFD));
	show("SETFD ~1", fcntl(other, F_SETFD, ~FD_CLOEXEC));
	printf("%s GETFD: %d\n", kind, fcntl(other, F_GETFD));
	show("DUPFD_QUERY", fcntl(fd, F_DUPFD_QUERY, other));
	show("DUPFD_QUERY of another", fcntl(fd, F_DUPFD_QUERY, 0));
	show("DUPFD_QUERY of none", fcntl(fd, F_DUPFD_QUERY, 999));
	close(other);
	show("DUPFD 300", fcntl(fd, F_DUPFD, 300));
	printf("%s GETFD: %d\n", kind, fcntl(300, F_GETFD));
	show("DUPFD_CLOEXEC 300", fcntl(fd, F_DUPFD_CLOEXEC, 300));
	printf("%s GETFD: %d\n", kind, fcntl(301, F_GETFD));
	close(300);
	close(301);
	show("DUPFD -1", fcntl(fd, F_DUPFD, -1));
	show("DUPFD 1 << 30", fcntl(fd, F_DUPFD, 1 << 30));
	show("dup2", dup2(fd, 310));
	printf("%s GETFD: %d\n", kind, fcntl(310, F_GETFD));
	show("dup3 CLOEXEC", dup3(fd, 310, O_CLOEXEC));
	printf("%s GETFD: %d\n", kind, fcntl(310, F_GETFD));
	show("dup3 NONBLOCK", dup3(fd, 310, O_NONBLOCK));
	show("dup3 to itself", dup3(fd, fd, 0));
	show("dup2 to itself", dup2(fd, fd) == fd ? 0 : -1);
	show("dup2 to -1", dup2(fd, -1));
	show("dup2 to 1 << 30", dup2(fd, 1 << 30));
	close(310);
}

static void owners(int fd)
{
	struct f_owner_ex ex = {.type = F_OWNER_TID, .pid = 0};

	show("GETOWN", fcntl(fd, F_GETOWN));
	show("SETOWN to itself", fcntl(fd, F_SETOWN, getpid()));
	printf("%s GETOWN: %s\n", kind, fcntl(fd, F_GETOWN) == getpid() ? "own" : "?");
	show("SETOWN to nobody", fcntl(fd, F_SETOWN, 4190000));
	show("SETOWN to INT_MIN", fcntl(fd, F_SETOWN, INT_MIN));
	int result = fcntl(fd, F_GETOWN_EX, &ex);
	printf("%s GETOWN_EX: %d type %d pid %s\n", kind, result, ex.type, ex.pid == getpid() ? "own" : ex.pid == 0 ? "0" : "?");
	ex.type = 7;
	show("SETOWN_EX type 7", fcntl(fd, F_SETOWN_EX, &ex));
	ex.type = F_OWNER_TID;
	ex.pid = 4190000;
	show("SETOWN_EX to nobody", fcntl(fd, F_SETOWN_EX, &ex));
	ex.pid = gettid();
	show("SETOWN_EX", fcntl(fd, F_SETOWN_EX, &ex));
	memset(&ex, 0x55, sizeof ex);
	result = fcntl(fd, F_GETOWN_EX, &ex);
	printf("%s GETOWN_EX: %d type %d pid %s\n", kind, result, ex.type, ex.pid == gettid() ? "own" : "?");
	show("GETOWN_EX wild", fcntl(fd, F_GETOWN_EX, WILD));
	show("SETOWN_EX wild", fcntl(fd, F_SETOWN_EX, WILD));
	show("SETOWN 0", fcntl(fd, F_SETOWN, 0));
	show("GETOWN", fcntl(fd, F_GETOWN));
	show("GETSIG", fcntl(fd, F_GETSIG));
	show("SETSIG 10", fcntl(fd, F_SETSIG, SIGUSR1));
	show("GETSIG", fcntl(fd, F_GETSIG));
	show("SETSIG 65", fcntl(fd, F_SETSIG, 65));
	show("SETSIG -1", fcntl(fd, F_SETSIG, -1));
	show("SETSIG 0", fcntl(fd, F_SETSIG, 0));
	uint32_t uids[2] = {7, 7};
	show("GETOWNER_UIDS", fcntl(fd, 17, uids));
}

static void hints(int fd)
{
	static const struct {
		const char *name;
		int get, set;
	} hints[] = {{"RW_HINT", F_GET_RW_HINT, F_SET_RW_HINT}, {"FILE_RW_HINT", F_GET_FILE_RW_HINT, F_SET_FILE_RW_HINT}};
	char what[50];

	for (int h = 0; h < 2; h++) {
		for (uint64_t value = 0; value < 8; value++) {
			uint64_t got = 99;
			snprintf(what, sizeof what, "SET_%s %d", hints[h].name, (int)value);
			show(what, fcntl(fd, hints[h].set, &value));
			int result = fcntl(fd, hints[h].get, &got);
			show_value(hints[h].name, result, (long long)got);
		}
		show("wild set", fcntl(fd, hints[h].set, WILD));
		show("wild get", fcntl(fd, hints[h].get, WILD));
		uint64_t none = 0;
		fcntl(fd, hints[h].set, &none);
	}
}

static void all_fcntl(int fd)
{
	numbers(fd);
	flags_of(fd);
	all_locks(fd);
	owners(fd);
	hints(fd);
	show("GETLEASE", fcntl(fd, F_GETLEASE));
	show("SETLEASE read", fcntl(fd, F_SETLEASE, F_RDLCK));
	show("GETLEASE", fcntl(fd, F_GETLEASE));
	show("SETLEASE none", fcntl(fd, F_SETLEASE, F_UNLCK));
	show("SETLEASE none", fcntl(fd, F_SETLEASE, F_UNLCK));
	show("SETLEASE write", fcntl(fd, F_SETLEASE, F_WRLCK));
	show("GETLEASE", fcntl(fd, F_GETLEASE));
	show("SETLEASE none", fcntl(fd, F_SETLEASE, F_UNLCK));
	show("SETLEASE 9", fcntl(fd, F_SETLEASE, 9));
	show("NOTIFY", fcntl(fd, F_NOTIFY, DN_ACCESS | DN_MODIFY));
	show("NOTIFY 0", fcntl(fd, F_NOTIFY, 0));
	show("GETPIPE_SZ", fcntl(fd, F_GETPIPE_SZ));
	show("SETPIPE_SZ", fcntl(fd, F_SETPIPE_SZ, 65536));
	show("GET_SEALS", fcntl(fd, F_GET_SEALS));
	show("ADD_SEALS", fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	for (int command = 18; command < 40; command++) {
		char what[50];
		snprintf(what, sizeof what, "command %d", command);
		if (command != 36 && command != 37 && command != 38)
			show(what, fcntl(fd, command, 0));
	}
	show("CANCELLK", fcntl(fd, 1029, 0));
	show("command 1028", fcntl(fd, 1028, 0));
	show("CREATED_QUERY", fcntl(fd, 1028, 0));
	show("command 1040", fcntl(fd, 1040, 0));
	show("command -1", fcntl(fd, -1, 0));
	show("flock shared", flock(fd, LOCK_SH));
	show("flock exclusive", flock(fd, LOCK_EX | LOCK_NB));
	show("flock none", flock(fd, LOCK_UN));
	show("flock 0", flock(fd, 0));
	show("flock both", flock(fd, LOCK_SH | LOCK_EX));
	show("flock mand", flock(fd, LOCK_MAND | LOCK_READ));
	show("flock 1000", flock(fd, 1000));
	show("lockf lock", lockf(fd, F_LOCK, 10));
	show("lockf test", lockf(fd, F_TEST, 10));
	show("lockf unlock", lockf(fd, F_ULOCK, 10));
	show("lockf 9", lockf(fd, 9, 10));
}

/* ioctl */

static void get_int(int fd, const char *what, unsigned long request)
{
	struct {
		int value, behind;
	} room = {0x5a5a5a5a, 0x5a5a5a5a};

	int result = ioctl(fd, request, &room);
	show_value(what, result, room.value);
	if (room.behind != 0x5a5a5a5a)
		printf("%s %s: more than an int\n", kind, what);
	char text[60];
	snprintf(text, sizeof text, "%s wild", what);
	show(text, ioctl(fd, request, WILD));
}

static void get_long(int fd, const char *what, unsigned long request)
{
	long long value = 0x5a5a5a5a5a5a5a5all;
	char text[60];

	int result = ioctl(fd, request, &value);
	show_value(what, result, value);
	snprintf(text, sizeof text, "%s wild", what);
	show(text, ioctl(fd, request, WILD));
}

static void every_file(int fd)
{
	int on = 1, off = 0;

	get_int(fd, "FIGETBSZ", FIGETBSZ);
	get_int(fd, "FIONREAD", FIONREAD);
	lseek(fd, 10, SEEK_SET);
	get_int(fd, "FIONREAD at 10", FIONREAD);
	lseek(fd, 0, SEEK_SET);
	show("FIONBIO on", ioctl(fd, FIONBIO, &on));
	printf("%s GETFL: %#o\n", kind, fcntl(fd, F_GETFL));
	show("FIONBIO off", ioctl(fd, FIONBIO, &off));
	printf("%s GETFL: %#o\n", kind, fcntl(fd, F_GETFL));
	show("FIONBIO wild", ioctl(fd, FIONBIO, WILD));
	show("FIOASYNC on", ioctl(fd, FIOASYNC, &on));
	printf("%s GETFL: %#o\n", kind, fcntl(fd, F_GETFL));
	show("FIOASYNC off", ioctl(fd, FIOASYNC, &off));
	show("FIOASYNC wild", ioctl(fd, FIOASYNC, WILD));
	show("FIOCLEX", ioctl(fd, FIOCLEX));
	printf("%s GETFD: %d\n", kind, fcntl(fd, F_GETFD));
	show("FIONCLEX", ioctl(fd, FIONCLEX));
	printf("%s GETFD: %d\n", kind, fcntl(fd, F_GETFD));
	get_long(fd, "FIOQSIZE", FIOQSIZE);
	struct termios terminal;
	show("TCGETS", ioctl(fd, TCGETS, &terminal));
	struct winsize size;
	show("TIOCGWINSZ", ioctl(fd, TIOCGWINSZ, &size));
	show("isatty", isatty(fd));
	show("tcgetattr", tcgetattr(fd, &terminal));
	show("ttyname_r", ttyname_r(fd, (char[100]){0}, 100));
	show("request 0", ioctl(fd, 0, 0));
	show("request ~0", ioctl(fd, ~0ul, 0));
}

static void attributes(int fd)
{
	struct fsxattr attr = {0};

	get_int(fd, "GETFLAGS", FS_IOC_GETFLAGS);
	get_int(fd, "GETVERSION", FS_IOC_GETVERSION);
	show("FSGETXATTR", ioctl(fd, FS_IOC_FSGETXATTR, &attr));
	show("FSGETXATTR wild", ioctl(fd, FS_IOC_FSGETXATTR, WILD));
	show("SETFLAGS", ioctl(fd, FS_IOC_SETFLAGS, &(int){0}));
	show("SETFLAGS wild", ioctl(fd, FS_IOC_SETFLAGS, WILD));
	show("FSSETXATTR", ioctl(fd, FS_IOC_FSSETXATTR, &attr));
	show("FSSETXATTR wild", ioctl(fd, FS_IOC_FSSETXATTR, WILD));
}

static void on_files(int fd, bool regular)
{
	int block = 0;

	show("FIBMAP", ioctl(fd, FIBMAP, &block));
	show("FIEMAP of some", ioctl(fd, FS_IOC_FIEMAP, &(struct fiemap){.fm_length = 1}));
	if (regular) {
		struct fiemap map = {.fm_start = 0, .fm_length = 0, .fm_extent_count = 0};
		show("FIEMAP of nothing", ioctl(fd, FS_IOC_FIEMAP, &map));
		show("FIEMAP wild", ioctl(fd, FS_IOC_FIEMAP, WILD));
		show("FIEMAP too many", ioctl(fd, FS_IOC_FIEMAP, &(struct fiemap){.fm_length = 1, .fm_extent_count = ~0u}));
		show("FIEMAP with a flag", ioctl(fd, FS_IOC_FIEMAP, &(struct fiemap){.fm_length = 1, .fm_flags = 0x80000000}));
	}
	show("FICLONE of itself", ioctl(fd, FICLONE, fd));
	show("FICLONE of none", ioctl(fd, FICLONE, 999));
	show("FICLONERANGE wild", ioctl(fd, FICLONERANGE, WILD));
	show("FIDEDUPERANGE wild", ioctl(fd, FIDEDUPERANGE, WILD));
	attributes(fd);
	show("BLKGETSIZE64", ioctl(fd, BLKGETSIZE64, &(uint64_t){0}));
	show("BLKSSZGET", ioctl(fd, BLKSSZGET, &block));
	show("HDIO_GETGEO", ioctl(fd, HDIO_GETGEO, &(struct hd_geometry){0}));
	show("CDROM_GET_CAPABILITY", ioctl(fd, CDROM_GET_CAPABILITY, 0));
}

/* Block devices. */

static void on_disk(int fd, bool writable)
{
	get_long(fd, "BLKGETSIZE", BLKGETSIZE);
	get_long(fd, "BLKGETSIZE64", BLKGETSIZE64);
	get_int(fd, "BLKSSZGET", BLKSSZGET);
	get_int(fd, "BLKPBSZGET", BLKPBSZGET);
	get_int(fd, "BLKIOMIN", BLKIOMIN);
	get_int(fd, "BLKIOOPT", BLKIOOPT);
	get_int(fd, "BLKALIGNOFF", BLKALIGNOFF);
	get_int(fd, "BLKROGET", BLKROGET);
	get_int(fd, "BLKDISCARDZEROES", BLKDISCARDZEROES);
	get_int(fd, "BLKGETZONESZ", BLKGETZONESZ);
	get_int(fd, "BLKGETNRZONES", BLKGETNRZONES);
	get_int(fd, "BLKBSZGET", BLKBSZGET);
	unsigned short small[2] = {0x5a5a, 0x5a5a};
	show("BLKSECTGET", ioctl(fd, BLKSECTGET, small));
	show("BLKSECTGET wild", ioctl(fd, BLKSECTGET, WILD));
	show("BLKROTATIONAL", ioctl(fd, BLKROTATIONAL, small));
	printf("%s behind a short: %#x\n", kind, small[1]);
	static const int sizes[] = {512, 1024, 2048, 4096, 256, 0, -1, 513, 3072, 1 << 30};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char what[60];
		int size = sizes[i], got = -1;
		snprintf(what, sizeof what, "BLKBSZSET %d", size);
		show(what, ioctl(fd, BLKBSZSET, &size));
		int result = ioctl(fd, BLKBSZGET, &got);
		show_value("BLKBSZGET", result, got);
	}
	show("BLKBSZSET wild", ioctl(fd, BLKBSZSET, WILD));
	show("BLKBSZSET null", ioctl(fd, BLKBSZSET, 0));
	long ahead = -1;
	int result;
	show("BLKRAGET null", ioctl(fd, BLKRAGET, 0));
	show("BLKRASET 64", ioctl(fd, BLKRASET, 64));
	result = ioctl(fd, BLKRAGET, &ahead);
	show_value("BLKRAGET", result, ahead);
	result = ioctl(fd, BLKFRAGET, &ahead);
	show_value("BLKFRAGET", result, ahead);
	show("BLKFRASET 256", ioctl(fd, BLKFRASET, 256));
	result = ioctl(fd, BLKRAGET, &ahead);
	show_value("BLKRAGET", result, ahead);
	show("BLKFLSBUF", ioctl(fd, BLKFLSBUF, 0));
	show("HDIO_GETGEO", ioctl(fd, HDIO_GETGEO, &(struct hd_geometry){0}));
	show("HDIO_GETGEO null", ioctl(fd, HDIO_GETGEO, 0));
	show("BLKREPORTZONE", ioctl(fd, _IOWR(0x12, 130, char[16]), small));
	show("BLKRESETZONE", ioctl(fd, _IOW(0x12, 131, char[16]), small));
	struct blkpg_ioctl_arg arg = {.op = 99};
	show("BLKPG 99", ioctl(fd, BLKPG, &arg));
	show("BLKPG wild", ioctl(fd, BLKPG, WILD));
	show("FIBMAP", ioctl(fd, FIBMAP, &(int){0}));
	show("FIEMAP", ioctl(fd, FS_IOC_FIEMAP, &(struct fiemap){.fm_length = 1}));
	show("FIEMAP wild", ioctl(fd, FS_IOC_FIEMAP, WILD));
	attributes(fd);
	show("FICLONE of itself", ioctl(fd, FICLONE, fd));
	static const uint64_t ranges[][2] = {{0, 4096}, {4096, 8192}, {512, 512}, {0, 0}, {1, 512}, {512, 1}, {64 << 20, 512},
					     {(64 << 20) - 512, 1024}, {~0ull - 511, 512}, {512, ~0ull - 511}, {1ull << 63, 512}};
	static const struct {
		const char *name;
		unsigned long request;
	} requests[] = {{"BLKDISCARD", BLKDISCARD}, {"BLKZEROOUT", BLKZEROOUT}, {"BLKSECDISCARD", BLKSECDISCARD}};
	for (int r = 0; r < 3; r++) {
		for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
			char what[100];
			snprintf(what, sizeof what, "%s %llu %llu", requests[r].name, (unsigned long long)ranges[i][0], (unsigned long long)ranges[i][1]);
			show(what, ioctl(fd, requests[r].request, ranges[i]));
		}
		if (writable)
			show("wild range", ioctl(fd, requests[r].request, WILD));
	}
}

static void read_only_by_ioctl(const char *path)
{
	int fd = opened(path, O_RDWR), value = -1, result;
	char sector[512] = {0};

	show("BLKROSET on", ioctl(fd, BLKROSET, &(int){1}));
	result = ioctl(fd, BLKROGET, &value);
	show_value("BLKROGET", result, value);
	show("pwrite", pwrite(fd, sector, sizeof sector, 0));
	show("BLKZEROOUT", ioctl(fd, BLKZEROOUT, ((uint64_t[]){0, 512})));
	int again = open(path, O_RDWR);
	show("open for writing", again < 0 ? -1 : 0);
	close(again);
	show("BLKROSET off", ioctl(fd, BLKROSET, &(int){0}));
	result = ioctl(fd, BLKROGET, &value);
	show_value("BLKROGET", result, value);
	show("pwrite", pwrite(fd, sector, sizeof sector, 0));
	show("BLKROSET wild", ioctl(fd, BLKROSET, WILD));
	close(fd);
}

static void claims(const char *path)
{
	int first = opened(path, O_RDONLY | O_EXCL), result;
	int other = opened(path, O_RDWR);

	show("second O_EXCL", open(path, O_RDONLY | O_EXCL));
	show("BLKBSZSET by another", ioctl(other, BLKBSZSET, &(int){1024}));
	show("BLKBSZSET by the holder", ioctl(first, BLKBSZSET, &(int){1024}));
	int block = -1;
	result = ioctl(other, BLKBSZGET, &block);
	show_value("BLKBSZGET", result, block);
	printf("%s GETFL: %#o\n", kind, fcntl(first, F_GETFL));
	int again = dup(first);
	close(first);
	show("O_EXCL beside a dup", open(path, O_RDONLY | O_EXCL));
	close(again);
	int later = open(path, O_RDONLY | O_EXCL);
	printf("%s O_EXCL afterwards: %s\n", kind, later >= 0 ? "open" : "refused");
	close(later);
	close(other);
	int fresh = opened(path, O_RDONLY), size = -1;
	result = ioctl(fresh, BLKBSZGET, &size);
	show_value("BLKBSZGET at a new open", result, size);
	close(fresh);
}

/* Locks. */

static const char *locked_path;

static void *wait_for_lock(void *fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = 1};

	return (void *)(intptr_t)fcntl((int)(intptr_t)fd, F_OFD_SETLKW, &lock);
}

static void *wait_for_flock(void *fd)
{
	return (void *)(intptr_t)flock((int)(intptr_t)fd, LOCK_EX);
}

static void alarmed(int signal)
{
	(void)signal;
}

static void locks(const char *path)
{
	int a = opened(path, O_RDWR), b = opened(path, O_RDWR), r = opened(path, O_RDONLY), w = opened(path, O_WRONLY);
	pthread_t thread;
	void *result;

	locked_path = path;
	lock_as(a, "a OFD write 0 10", F_OFD_SETLK, F_WRLCK, SEEK_SET, 0, 10, 0);
	lock_as(b, "b OFD get write 5 1", F_OFD_GETLK, F_WRLCK, SEEK_SET, 5, 1, 0);
	lock_as(b, "b OFD get read 9 5", F_OFD_GETLK, F_RDLCK, SEEK_SET, 9, 5, 0);
	lock_as(b, "b OFD get read 10 5", F_OFD_GETLK, F_RDLCK, SEEK_SET, 10, 5, 0);
	lock_as(a, "a OFD get write 5 1", F_OFD_GETLK, F_WRLCK, SEEK_SET, 5, 1, 0);
	lock_as(b, "b OFD read 5 1", F_OFD_SETLK, F_RDLCK, SEEK_SET, 5, 1, 0);
	lock_as(b, "b POSIX get write", F_GETLK, F_WRLCK, SEEK_SET, 0, 0, 0);
	lock_as(b, "b POSIX write 5 1", F_SETLK, F_WRLCK, SEEK_SET, 5, 1, 0);
	lock_as(a, "a OFD unlock 3 4", F_OFD_SETLK, F_UNLCK, SEEK_SET, 3, 4, 0);
	lock_as(b, "b OFD get write 0 0", F_OFD_GETLK, F_WRLCK, SEEK_SET, 0, 0, 0);
	lock_as(b, "b OFD write 3 4", F_OFD_SETLK, F_WRLCK, SEEK_SET, 3, 4, 0);
	lock_as(b, "b OFD get write 4 0", F_OFD_GETLK, F_WRLCK, SEEK_SET, 7, 0, 0);
	lock_as(a, "a OFD get write 3 0", F_OFD_GETLK, F_WRLCK, SEEK_SET, 3, 0, 0);
	lock_as(b, "b OFD read 3 4", F_OFD_SETLK, F_RDLCK, SEEK_SET, 3, 4, 0);
	lock_as(a, "a OFD read 3 4", F_OFD_SETLK, F_RDLCK, SEEK_SET, 3, 4, 0);
	lock_as(b, "b OFD write 3 1 beside a reader", F_OFD_SETLK, F_WRLCK, SEEK_SET, 3, 1, 0);
	lock_as(r, "r POSIX get write", F_GETLK, F_WRLCK, SEEK_SET, 0, 0, 0);
	lock_as(a, "a OFD unlock all", F_OFD_SETLK, F_UNLCK, SEEK_SET, 0, 0, 0);
	lock_as(b, "b OFD unlock all", F_OFD_SETLK, F_UNLCK, SEEK_SET, 0, 0, 0);
	lock_as(a, "a POSIX write", F_SETLK, F_WRLCK, SEEK_SET, 0, 0, 0);
	lock_as(b, "b POSIX write of the same process", F_SETLK, F_WRLCK, SEEK_SET, 0, 0, 0);
	lock_as(b, "b POSIX get", F_GETLK, F_WRLCK, SEEK_SET, 0, 0, 0);
	lock_as(b, "b OFD get", F_OFD_GETLK, F_WRLCK, SEEK_SET, 0, 0, 0);
	lock_as(b, "b OFD write", F_OFD_SETLK, F_WRLCK, SEEK_SET, 0, 0, 0);
	close(opened(path, O_RDONLY));
	lock_as(b, "b OFD write after a close of another", F_OFD_SETLK, F_WRLCK, SEEK_SET, 0, 0, 0);
	int c = dup(b);
	close(b);
	lock_as(a, "a OFD get beside a dup", F_OFD_GETLK, F_RDLCK, SEEK_SET, 0, 0, 0);
	close(c);
	lock_as(a, "a OFD get after the last close", F_OFD_GETLK, F_RDLCK, SEEK_SET, 0, 0, 0);
	lock_as(r, "r OFD write", F_OFD_SETLK, F_WRLCK, SEEK_SET, 0, 0, 0);
	lock_as(r, "r POSIX write", F_SETLK, F_WRLCK, SEEK_SET, 0, 0, 0);
	lock_as(w, "w OFD read", F_OFD_SETLK, F_RDLCK, SEEK_SET, 0, 0, 0);
	lock_as(w, "w POSIX read", F_SETLK, F_RDLCK, SEEK_SET, 0, 0, 0);
	lock_as(r, "r OFD get write", F_OFD_GETLK, F_WRLCK, SEEK_SET, 0, 0, 0);

	/* Ranges of one owner merge and split. */
	for (int i = 0; i < 5; i++)
		lock_as(a, "a OFD write one byte", F_OFD_SETLK, F_WRLCK, SEEK_SET, i, 1, 0);
	lock_as(r, "merged", F_OFD_GETLK, F_RDLCK, SEEK_SET, 0, 0, 0);
	lock_as(a, "a OFD read in the middle", F_OFD_SETLK, F_RDLCK, SEEK_SET, 2, 1, 0);
	lock_as(w, "split: first", F_OFD_GETLK, F_WRLCK, SEEK_SET, 0, 1, 0);
	lock_as(w, "split: middle", F_OFD_GETLK, F_WRLCK, SEEK_SET, 2, 1, 0);
	lock_as(w, "split: last", F_OFD_GETLK, F_WRLCK, SEEK_SET, 3, 0, 0);
	lock_as(a, "a OFD write over all", F_OFD_SETLK, F_WRLCK, SEEK_SET, 0, 0, 0);
	lock_as(w, "one again", F_OFD_GETLK, F_WRLCK, SEEK_SET, 0, 0, 0);

	/* Waiting. */
	b = opened(path, O_RDWR);
	pthread_create(&thread, NULL, wait_for_lock, (void *)(intptr_t)b);
	usleep(100000);
	lock_as(a, "a OFD unlock", F_OFD_SETLK, F_UNLCK, SEEK_SET, 0, 0, 0);
	pthread_join(thread, &result);
	show("waited", (intptr_t)result);
	lock_as(a, "a OFD get", F_OFD_GETLK, F_WRLCK, SEEK_SET, 0, 0, 0);
	struct sigaction action = {.sa_handler = alarmed};
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0, 100000}, .it_interval = {0, 100000}}, NULL);
	lock_as(a, "a OFD wait with a signal", F_OFD_SETLKW, F_WRLCK, SEEK_SET, 0, 0, 0);
	setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
	close(b);

	/* flock */
	b = opened(path, O_RDONLY);
	show("a flock exclusive", flock(a, LOCK_EX));
	show("b flock shared", flock(b, LOCK_SH | LOCK_NB));
	show("a flock shared", flock(a, LOCK_SH));
	show("b flock shared", flock(b, LOCK_SH | LOCK_NB));
	show("b flock exclusive", flock(b, LOCK_EX | LOCK_NB));
	lock_as(b, "b POSIX beside flocks", F_SETLK, F_RDLCK, SEEK_SET, 0, 0, 0);
	show("a flock none", flock(a, LOCK_UN));
	show("b flock exclusive", flock(b, LOCK_EX | LOCK_NB));
	pthread_create(&thread, NULL, wait_for_flock, (void *)(intptr_t)a);
	usleep(100000);
	close(b);
	pthread_join(thread, &result);
	show("a flock after b closed", (intptr_t)result);
	close(a);
	close(r);
	close(w);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 3)
		return 2;
	const char *path = argv[2];
	if (argc > 3 && strcmp(argv[3], "directory") == 0) {
		mkdir(path, 0755);
	} else if (argc > 3) {
		int made = opened(path, O_RDWR | O_CREAT | O_TRUNC);
		if (ftruncate(made, 10000) != 0 || posix_fallocate(made, 0, 10000) != 0)
			return 2;
		close(made);
	}
	struct stat status;
	if (stat(path, &status) != 0)
		return 2;
	static const struct {
		const char *name;
		int flags;
	} ways[] = {{"r", O_RDONLY}, {"w", O_WRONLY}, {"rw", O_RDWR}, {"path", O_PATH}};
	for (int i = 0; i < 4; i++) {
		if (strcmp(argv[1], "locks") == 0)
			break;
		if (S_ISDIR(status.st_mode) && (ways[i].flags & O_ACCMODE))
			continue;
		int fd = open(path, ways[i].flags);
		if (fd < 0) {
			printf("%s: %s\n", ways[i].name, strerrorname_np(errno));
			continue;
		}
		kind = ways[i].name;
		if (strcmp(argv[1], "fcntl") == 0) {
			all_fcntl(fd);
		} else if (strcmp(argv[1], "ioctl") == 0) {
			every_file(fd);
			on_files(fd, S_ISREG(status.st_mode));
		} else if (strcmp(argv[1], "disk") == 0) {
			every_file(fd);
			on_disk(fd, (ways[i].flags & O_ACCMODE) != O_RDONLY);
		} else {
			return 2;
		}
		close(fd);
	}
	kind = "-";
	if (strcmp(argv[1], "disk") == 0) {
		kind = "ro";
		read_only_by_ioctl(path);
		kind = "excl";
		claims(path);
	} else if (strcmp(argv[1], "locks") == 0) {
		kind = "locks";
		locks(path);
	}
	fflush(stdout);
	return 0;
}
