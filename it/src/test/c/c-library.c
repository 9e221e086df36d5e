// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions of the C library that make their calls past the functions of the same name: streams at the end of the process,
 * temporary files, directories read in other ways, printing to descriptors, many descriptors closed at once.
 *
 *     c-library calls DIR      DIR can be written to: what is made there is removed again
 *     c-library end FILE     writes "kept\n" to the start of a file by a stream that nobody closes, and, in a handler
 *                              of exit(), "ran\n" to its second sector
 *
 * Exit status: 0 as it should be, 1 not (each difference is a line), 2 it could not run. Linux passes all of it.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

static const char *dir;
static int differences;

static void fatal(const char *what)
{
	fprintf(stderr, "c-library: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* The C library says -1 and errno. */
static long answer(long result)
{
	return result == -1 ? -errno : result;
}

static void expect(const char *what, long got, long wanted)
{
	if (got != wanted) {
		printf("%s: %ld %s, not %ld %s\n", what, got, got < 0 ? strerror((int)-got) : "", wanted,
		       wanted < 0 ? strerror((int)-wanted) : "");
		differences++;
	}
}

/* Something that need not be there, but must not be done to another file. */
static void expect_done_or_refused(const char *what, long got)
{
	if (got != 0 && got != -EOPNOTSUPP && got != -ENOSYS && got != -EPERM) {
		printf("%s: %ld %s\n", what, got, strerror((int)-got));
		differences++;
	}
}

/* A name below the directory; good until the next but three. */
static char *below(const char *name)
{
	static char names[4][PATH_MAX];
	static unsigned next;
	char *at = names[next++ % 4];

	if (snprintf(at, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
		abort();
	return at;
}

static int made(const char *name, const char *text)
{
	int fd = open(below(name), O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fatal(below(name));
	return fd;
}

static void expect_text(const char *what, int fd, const char *wanted)
{
	char got[64] = "";

	expect(what, answer(pread(fd, got, sizeof(got) - 1, 0)), (long)strlen(wanted));
	expect(what, strcmp(got, wanted), 0);
}

static void printing(void)
{
	int fd = made("printed", "");

	expect("dprintf", answer(dprintf(fd, "%s-%d", "number", 42)), 9);
	expect_text("what dprintf wrote", fd, "number-42");
	close(fd);
	expect("dprintf to nothing", answer(dprintf(fd, "x")), -EBADF);
	unlink(below("printed"));
}

static void temporary(void)
{
	char name[PATH_MAX], *at;
	struct stat st;
	int fd;

	strcpy(name, below("t-XXXXXX"));
	fd = mkstemp(name);
	expect("mkstemp", fd >= 0, true);
	expect("mkstemp, another name", strcmp(name + strlen(name) - 6, "XXXXXX") != 0, true);
	expect("stat of it", answer(stat(name, &st)), 0);
	expect("its mode", st.st_mode, S_IFREG | 0600);
	expect("write to it", answer(write(fd, "abc", 3)), 3);
	expect_text("what was written", fd, "abc");
	close(fd);
	expect("unlink", answer(unlink(name)), 0);

	strcpy(name, below("t-XXXXXX.end"));
	fd = mkostemps(name, 4, O_APPEND);
	expect("mkostemps", fd >= 0, true);
	expect("mkostemps, flags", fcntl(fd, F_GETFL) & O_APPEND, O_APPEND);
	close(fd);
	expect("unlink", answer(unlink(name)), 0);
	strcpy(name, below("t-XXXXX"));
	expect("mkstemp, too few", answer(mkstemp(name)), -EINVAL);
	strcpy(name, below("nothing/t-XXXXXX"));
	expect("mkstemp in nothing", answer(mkstemp(name)), -ENOENT);

	strcpy(name, below("d-XXXXXX"));
	at = mkdtemp(name);
	expect("mkdtemp", at == name, true);
	expect("stat of it", answer(stat(name, &st)), 0);
	expect("its mode", st.st_mode, S_IFDIR | 0700);
	rmdir(name);
}

static int not_dots(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* readdir_r: old programs have it */

static void directories(void)
{
	struct dirent entry, *end, **names;
	char buffer[4096];
	int fd, n = 0, error;
	DIR *d;

	if (mkdir(below("d"), 0755) != 0)
		fatal(below("d"));
	close(made("d/b", ""));
	close(made("d/a", ""));
	close(made("d/c", ""));
	d = opendir(below("d"));
	while ((error = readdir_r(d, &entry, &end)) == 0 && end)
		n++;
	expect("readdir_r", -error, 0);
	expect("readdir_r, names", n, 5);
	closedir(d);
	n = scandir(below("d"), &names, not_dots, alphasort);
	expect("scandir", answer(n), 3);
	for (int i = 0; i < n; i++) {
		expect("scandir, sorted", names[i]->d_name[0], 'a' + i);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	expect("scandir of nothing", answer(scandir(below("nothing"), &names, NULL, NULL)), -ENOENT);
	fd = open(below("d"), O_RDONLY | O_DIRECTORY);
	expect("getdents64", answer(getdents64(fd, buffer, sizeof(buffer))) > 0, true);
	expect("getdents64, to the end", answer(getdents64(fd, buffer, sizeof(buffer))), 0);
	close(fd);
	unlink(below("d/a"));
	unlink(below("d/b"));
	unlink(below("d/c"));
	rmdir(below("d"));
}

static void locks(void)
{
	struct flock lock = { .l_type = F_WRLCK };
	int fd = made("lock", "0123456789");

	expect("lockf", answer(lockf(fd, F_LOCK, 0)), 0);
	expect("lockf, unlock", answer(lockf(fd, F_ULOCK, 0)), 0);
	expect("flock", answer(flock(fd, LOCK_EX)), 0);
	expect("F_SETLK", answer(fcntl(fd, F_SETLK, &lock)), 0);
	expect("F_GETLK", answer(fcntl(fd, F_GETLK, &lock)), 0);
	expect("F_GETLK, free", lock.l_type, F_UNLCK);
	expect("F_GETLK, no memory", answer(fcntl(fd, F_GETLK, (void *)8)), -EFAULT);
	close(fd);
	unlink(below("lock"));
}

static void polls(void)
{
	int fd = made("poll", "x"), pipes[2];
	struct pollfd set[2] = { { .fd = fd, .events = POLLIN }, { .fd = -1 } };
	struct pollfd *volatile nowhere = (struct pollfd *)8;
	volatile nfds_t many = 1ul << 31;
	struct timespec none = { 0, 0 };
	struct timespec wrong[] = { { -1, 0 }, { 0, -1 }, { 0, 1000000000 }, { -1, 1500000000 } };

	if (pipe(pipes) != 0)
		fatal("pipe");
	expect("poll", answer(poll(set, 2, 1000)), 1);
	expect("poll, ready", set[0].revents, POLLIN);
	set[1] = (struct pollfd){ .fd = pipes[0], .events = POLLIN };
	expect("ppoll", answer(ppoll(set, 2, &none, NULL)), 1);
	for (int i = 0; i < 4; i++)
		expect("ppoll, no time", answer(ppoll(set, 2, &wrong[i], NULL)), -EINVAL);
	set[0].events = 0;
	expect("poll for nothing", answer(poll(set, 2, 10)), 0);
	expect("poll, no memory", answer(poll(nowhere, 1, 0)), -EFAULT);
	expect("poll, too many", answer(poll(set, many, 0)), -EINVAL);
	close(fd);
	close(pipes[0]);
	close(pipes[1]);
	unlink(below("poll"));
}

/* What a path or descriptor names must be what is asked about, or it is refused. */
static void others(void)
{
	struct timeval times[2] = { { 1000, 0 }, { 1000, 0 } };
	char before[PATH_MAX], after[PATH_MAX];
	int fd = made("others", "x");
	int directory = open(dir, O_RDONLY | O_DIRECTORY);

	if (!getcwd(before, sizeof(before)))
		fatal("getcwd");
	expect_done_or_refused("fchdir", answer(fchdir(directory)));
	if (fchdir(AT_FDCWD) == 0 || chdir(before) != 0)
		fatal(before);
	expect("getcwd", getcwd(after, sizeof(after)) ? strcmp(before, after) : 1, 0);
	expect_done_or_refused("utimes", answer(utimes(below("others"), times)));
	expect_done_or_refused("utime", answer(utime(below("others"), NULL)));
	expect_done_or_refused("futimes", answer(futimes(fd, times)));
	expect_done_or_refused("lchown", answer(lchown(below("others"), getuid(), getgid())));
	expect_done_or_refused("link", answer(link(below("others"), below("linked"))));
	expect_done_or_refused("mkfifo", answer(mkfifo(below("fifo"), 0600)));
	expect_done_or_refused("setxattr", answer(setxattr(below("others"), "user.x", "1", 1, 0)));
	expect_done_or_refused("fsetxattr", answer(fsetxattr(fd, "user.x", "1", 1, 0)));
	expect("pathconf", answer(pathconf(below("others"), _PC_NAME_MAX)), 255);
	expect("fpathconf", answer(fpathconf(fd, _PC_NAME_MAX)), 255);
	unlink(below("fifo"));
	unlink(below("linked"));
	close(fd);
	close(directory);
	unlink(below("others"));
}

/* After closefrom and close_range the numbers belong to whoever opens next. */
static void closing(void)
{
	char got[8] = "";
	FILE *elsewhere = tmpfile();
	int first = made("close", "wrong"), second, again;

	if (!elsewhere || fputs("right", elsewhere) < 0 || fflush(elsewhere) != 0)
		fatal("tmpfile");
	second = dup(first);
	expect("close_range", answer(close_range((unsigned)first, (unsigned)second, 0)), 0);
	expect("read", answer(pread(first, got, 5, 0)), -EBADF);
	again = fcntl(fileno(elsewhere), F_DUPFD, first);
	expect("the same number", again, first);
	expect("read", answer(pread(again, got, 5, 0)), 5);
	expect("another file", strcmp(got, "right"), 0);
	close(again);
	first = open(below("close"), O_RDONLY);
	second = fcntl(first, F_DUPFD, 500);
	closefrom(500);
	expect("read", answer(pread(second, got, 5, 0)), -EBADF);
	expect("read what was not closed", answer(pread(first, got, 5, 0)), 5);
	close(first);
	fclose(elsewhere);
	expect("unlink", answer(unlink(below("close"))), 0);
}

/* A child of vfork has descriptors of its own: what it closes there stays open here. */
static void child(void)
{
	char got[8] = "";
	int fd = made("child", "still");
	pid_t pid = vfork();

	if (pid == 0) {
		close(fd);
		_exit(7);
	}
	int status = 0;
	expect("waitpid", waitpid(pid, &status, 0), pid);
	expect("exit status", WIFEXITED(status) ? WEXITSTATUS(status) : -1, 7);
	expect("read", answer(pread(fd, got, 5, 0)), 5);
	expect("still there", strcmp(got, "still"), 0);
	close(fd);
	unlink(below("child"));
}

static void at_the_end(void)
{
	int fd = open(dir, O_WRONLY);

	if (fd < 0 || pwrite(fd, "ran\n", 4, 512) != 4)
		_exit(3);
}

/* Ends with something in a stream, which exit() writes out, and with a handler that writes, too. */
static void end(void)
{
	FILE *stream;

	atexit(at_the_end);
	stream = fopen(dir, "r+");
	if (!stream)
		fatal(dir);
	fprintf(stream, "kept\n");
	exit(0);
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: c-library calls DIR|end FILE\n");
		return 2;
	}
	dir = argv[2];
	if (strcmp(argv[1], "end") == 0)
		end();
	printing();
	temporary();
	directories();
	locks();
	polls();
	others();
	closing();
	child();
	printf("%d differences\n", differences);
	return differences != 0;
}
