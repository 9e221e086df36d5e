// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions that make their system calls inside the C library, on a tree that this program makes and removes again. Prints
 * what each returns, with DIR for the directory: the outputs of two kernels are compared.
 *
 *     inside-library tree DIR      DIR can be written to
 *     inside-library names DIR     the ways to name a file and a descriptor; DIR can be written to
 *     inside-library signals DIR   signals and SIGSYS during a walk; DIR can be written to
 *
 * Exit status: 0, or 2 if it could not run.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <mntent.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <wordexp.h>

#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1
#endif

static const char *dir;

static const char *error_of(bool failed)
{
	return failed ? strerrorname_np(errno) : "";
}

/* A path with DIR in the place of the directory. */
static const char *shown(const char *path)
{
	static char texts[4][2 * PATH_MAX];
	static unsigned next;
	char *text = texts[next++ % 4];
	const char *at = path ? strstr(path, dir) : NULL;

	if (!path)
		return "null";
	if (!at)
		return path;
	snprintf(text, sizeof texts[0], "%.*sDIR%s", (int)(at - path), path, at + strlen(dir));
	return text;
}

static char *below(const char *name)
{
	static char names[8][PATH_MAX];
	static unsigned next;
	char *at = names[next++ % 8];

	snprintf(at, PATH_MAX, "%s/%s", dir, name);
	return at;
}

static void make_file(const char *name, size_t bytes)
{
	static char zeroes[10000];
	int fd = open(below(name), O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || write(fd, zeroes, bytes) != (ssize_t)bytes) {
		fprintf(stderr, "inside-library: %s: %s\n", below(name), strerror(errno));
		exit(2);
	}
	close(fd);
}

static void make_directory(const char *name)
{
	if (mkdir(below(name), 0755) != 0) {
		fprintf(stderr, "inside-library: %s: %s\n", below(name), strerror(errno));
		exit(2);
	}
}

static const char *const directories[] = {"t", "t/a", "t/a/deep", "t/b", "t/empty"};
static const char *const files[] = {"t/one.txt", "t/two.txt", "t/a/three.txt", "t/a/deep/four.dat", "t/b/.hidden", "t/b/[x].txt"};

static void make_tree(void)
{
	for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
		make_directory(directories[i]);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		make_file(files[i], 100 * (i + 1));
}

static int removed(const char *path, const struct stat *status, int type, struct FTW *at)
{
	(void)status;
	(void)at;
	return type == FTW_DP ? rmdir(path) : remove(path);
}

/* Lines that come in the order of a directory are sorted before they are printed. */
static char *lines[1000];
static int count;

static void line(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void line(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	if (count == 1000 || vasprintf(&lines[count++], format, list) < 0)
		exit(2);
	va_end(list);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_lines(void)
{
	qsort(lines, (size_t)count, sizeof *lines, by_text);
	for (int i = 0; i < count; i++) {
		puts(lines[i]);
		free(lines[i]);
	}
	count = 0;
}

/* Walks. */

static int files_walked;

static int seen(const char *path, const struct stat *status, int type, struct FTW *at)
{
	line("nftw %s type %d size %lld level %d base %s", shown(path), type, S_ISREG(status->st_mode) ? (long long)status->st_size : 0,
	     at->level, path + at->base);
	struct stat again;
	if (lstat(path, &again) != 0 || again.st_ino != status->st_ino)
		line("nftw %s: not the same", shown(path));
	return 0;
}

static int stops(const char *path, const struct stat *status, int type, struct FTW *at)
{
	(void)path;
	(void)status;
	(void)type;
	(void)at;
	return ++files_walked == 3 ? 42 : 0;
}

static int nested(const char *path, const struct stat *status, int type, struct FTW *at)
{
	glob_t found;

	(void)status;
	if (type == FTW_D) {
		char pattern[PATH_MAX];
		snprintf(pattern, sizeof pattern, "%s/*", path);
		int result = glob(pattern, 0, NULL, &found);
		line("nested %s level %d: %d, %zu", shown(path), at->level, result, result == 0 ? found.gl_pathc : 0);
		if (result == 0)
			globfree(&found);
		files_walked = 0;
		nftw(below("t/a"), stops, 5, FTW_PHYS);
	}
	return 0;
}

static int old_seen(const char *path, const struct stat *status, int type)
{
	line("ftw %s type %d size %lld", shown(path), type, S_ISREG(status->st_mode) ? (long long)status->st_size : 0);
	return 0;
}

static void walks(void)
{
	printf("nftw: %d\n", nftw(below("t"), seen, 5, FTW_PHYS));
	print_lines();
	printf("nftw depth: %d\n", nftw(below("t"), seen, 1, FTW_PHYS | FTW_DEPTH));
	print_lines();
	printf("nftw64: %d\n", nftw64(below("t/a"), (int (*)(const char *, const struct stat64 *, int, struct FTW *))seen, 5, 0));
	print_lines();
	printf("nftw stopped: %d\n", nftw(below("t"), stops, 5, 0));
	printf("nftw nested: %d\n", nftw(below("t"), nested, 5, 0));
	print_lines();
	int result = nftw(below("missing"), seen, 5, 0);
	printf("nftw missing: %d %s\n", result, error_of(result < 0));
	printf("nftw of a file: %d\n", nftw(below("t/one.txt"), seen, 5, 0));
	print_lines();
	printf("ftw: %d\n", ftw(below("t"), old_seen, 5));
	print_lines();
	printf("ftw64: %d\n", ftw64(below("t/b"), (int (*)(const char *, const struct stat64 *, int))old_seen, 5));
	print_lines();
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void fts_with(int options, const char *what)
{
	char *paths[] = {below("t"), below("missing"), NULL};
	FTS *walk = fts_open(paths, options, by_name);

	if (!walk) {
		printf("fts %s: %s\n", what, strerrorname_np(errno));
		return;
	}
	FTSENT *entry;
	while ((entry = fts_read(walk))) {
		printf("fts %s %s info %d level %d size %lld", what, shown(entry->fts_path), entry->fts_info, entry->fts_level,
		       entry->fts_info == FTS_F ? (long long)entry->fts_statp->st_size : 0);
		struct stat status;
		printf(" %s\n", entry->fts_info == FTS_NS || stat(entry->fts_accpath, &status) == 0 ? "there" : strerrorname_np(errno));
		if (entry->fts_info == FTS_D && entry->fts_level == 1) {
			FTSENT *child = fts_children(walk, 0);
			for (; child; child = child->fts_link)
				printf("  child %s\n", child->fts_name);
		}
	}
	printf("fts %s end: %d, %d\n", what, errno, fts_close(walk));
}

static void fts64(void)
{
	char *paths[] = {below("t/a"), NULL};
	FTS64 *walk = fts64_open(paths, FTS_LOGICAL, NULL);
	FTSENT64 *entry;

	while (walk && (entry = fts64_read(walk)))
		line("fts64 %s info %d", shown(entry->fts_path), entry->fts_info);
	print_lines();
	printf("fts64 end: %d\n", walk ? fts64_close(walk) : -1);
}

/* Patterns. */

static int glob_failed(const char *path, int error)
{
	printf("glob failed: %s %s\n", shown(path), strerrorname_np(error));
	return 0;
}

static void globbed(const char *pattern, int flags)
{
	glob_t found = {0};
	int result = glob(below(pattern), flags, glob_failed, &found);

	printf("glob %s %#x: %d\n", pattern, flags, result);
	for (size_t i = 0; result == 0 && i < found.gl_pathc; i++)
		printf("  %s\n", shown(found.gl_pathv[i]));
	if (result == 0)
		globfree(&found);
	glob64_t found64 = {0};
	result = glob64(below(pattern), flags, glob_failed, &found64);
	printf("glob64 %s: %d, %zu\n", pattern, result, result == 0 ? (size_t)found64.gl_pathc : 0);
	if (result == 0)
		globfree64(&found64);
}

static void expanded(const char *words, int flags)
{
	wordexp_t into;
	int result = wordexp(words, &into, flags);

	printf("wordexp: %d\n", result);
	for (size_t i = 0; result == 0 && i < into.we_wordc; i++)
		printf("  %s\n", shown(into.we_wordv[i]));
	if (result == 0)
		wordfree(&into);
}

static void patterns(void)
{
	char words[PATH_MAX];

	globbed("t/*", 0);
	globbed("t/*", GLOB_MARK);
	globbed("t/*/*.txt", 0);
	globbed("t/*/\\[x\\].txt", 0);
	globbed("t/b/*", GLOB_PERIOD);
	globbed("t/nothing*", 0);
	globbed("t/nothing*", GLOB_NOCHECK);
	globbed("t/{one,two}.*", GLOB_BRACE);
	globbed("t/one.txt", 0);
	globbed("t/none/*", GLOB_ERR);
	globbed("t/one.txt/*", GLOB_ERR);
	snprintf(words, sizeof words, "%s/t/*.txt plain $(echo a b)", dir);
	expanded(words, 0);
	snprintf(words, sizeof words, "$(echo %s)/t/a/*", dir);
	expanded(words, 0);
	expanded("$(echo x)", WRDE_NOCMD);
	setenv("WHERE", dir, 1);
	expanded("$WHERE/t/b/*", 0);
}

/* Directories. */

static int text_files(const struct dirent *entry)
{
	return strstr(entry->d_name, ".txt") != NULL;
}

static void listed(const char *what, int result, struct dirent **list)
{
	printf("%s: %d %s\n", what, result, error_of(result < 0));
	for (int i = 0; i < result; i++) {
		printf("  %s %d\n", list[i]->d_name, list[i]->d_type);
		free(list[i]);
	}
	if (result >= 0)
		free(list);
}

#define LISTED(what, call)                 \
	do {                               \
		int result_ = call;        \
		listed(what, result_, list); \
	} while (0)

static void scans(void)
{
	struct dirent **list = NULL;
	int fd = open(below("t"), O_RDONLY | O_DIRECTORY), as_path = open(below("t"), O_PATH);

	LISTED("scandir", scandir(below("t"), &list, NULL, alphasort));
	LISTED("scandir filtered", scandir(below("t"), &list, text_files, versionsort));
	LISTED("scandirat", scandirat(fd, "a", &list, NULL, alphasort));
	LISTED("scandirat by O_PATH", scandirat(as_path, "a", &list, NULL, alphasort));
	LISTED("scandirat .", scandirat(fd, ".", &list, NULL, alphasort));
	LISTED("scandirat absolute", scandirat(-1, below("t/b"), &list, NULL, alphasort));
	LISTED("scandirat missing", scandirat(fd, "missing", &list, NULL, alphasort));
	LISTED("scandirat of a file", scandirat(fd, "one.txt", &list, NULL, alphasort));
	DIR *stream = fdopendir(as_path);
	printf("fdopendir of O_PATH: %s\n", stream ? "open" : strerrorname_np(errno));
	int file = open(below("t/one.txt"), O_RDONLY);
	stream = fdopendir(file);
	printf("fdopendir of a file: %s\n", stream ? "open" : strerrorname_np(errno));
	char buffer[4096];
	off_t base = 0;
	ssize_t bytes = getdirentries(fd, buffer, sizeof buffer, &base);
	printf("getdirentries: %s\n", bytes > 0 ? "some" : "none");
	close(file);
	close(fd);
	close(as_path);
}

/* Names. */

static void resolved(const char *path)
{
	char buffer[PATH_MAX];
	char *result = realpath(path, buffer);

	printf("realpath %s: %s\n", shown(path), result ? shown(result) : strerrorname_np(errno));
	result = canonicalize_file_name(path);
	printf("canonicalize_file_name %s: %s\n", shown(path), result ? shown(result) : strerrorname_np(errno));
	free(result);
}

static void resolves(void)
{
	char parent[PATH_MAX], relative[2 * PATH_MAX];

	resolved(dir);
	resolved(below("t"));
	resolved(below("t/./a/../one.txt"));
	resolved(below("t//a///three.txt"));
	resolved(below("t/one.txt/"));
	resolved(below("t/a/"));
	resolved(below("t/missing"));
	resolved(below("missing/x"));
	resolved("");
	snprintf(parent, sizeof parent, "%s", dir);
	char *last = strrchr(parent, '/');
	char name[PATH_MAX];
	snprintf(name, sizeof name, "%s", last + 1);
	last[last == parent] = 0;
	if (chdir(parent) == 0) {
		snprintf(relative, sizeof relative, "%s/t/a/three.txt", name);
		char *result = realpath(relative, NULL);
		printf("realpath of a relative name: %s\n", result ? shown(result) : strerrorname_np(errno));
		free(result);
		snprintf(relative, sizeof relative, "./%s/t/../t/one.txt", name);
		result = realpath(relative, NULL);
		printf("realpath of a relative name with dots: %s\n", result ? shown(result) : strerrorname_np(errno));
		free(result);
		struct stat status;
		printf("stat of it: %d\n", stat(relative, &status));
		snprintf(relative, sizeof relative, "%s/t/*.txt", name);
		glob_t found;
		int globs = glob(relative, 0, NULL, &found);
		printf("glob of a relative name: %d %zu\n", globs, globs == 0 ? found.gl_pathc : 0);
		if (globs == 0)
			globfree(&found);
	}
	if (chdir("/etc") == 0) {
		snprintf(relative, sizeof relative, "..%s/t/one.txt", dir);
		char *result = realpath(relative, NULL);
		printf("realpath through ..: %s\n", result ? shown(result) : strerrorname_np(errno));
		free(result);
		int fd = open(relative, O_RDONLY);
		printf("open through ..: %s\n", fd >= 0 ? "open" : strerrorname_np(errno));
		close(fd);
	}
	char *cwd = getcwd(NULL, 0), *named = get_current_dir_name();
	printf("getcwd: %s, get_current_dir_name: %s\n", shown(cwd), shown(named));
	free(cwd);
	free(named);
	if (chdir("/") != 0)
		exit(2);
}

static void others(void)
{
	struct stat status;
	int fd = open(below("t/one.txt"), O_RDWR), folder = open(below("t"), O_RDONLY);

	stat(below("t/one.txt"), &status);
	key_t key = ftok(below("t/one.txt"), 'x');
	printf("ftok: %s\n", key == (key_t)((status.st_ino & 0xffff) | ((status.st_dev & 0xff) << 16) | ('x' << 24)) ? "right" : "wrong");
	printf("ftok missing: %d\n", ftok(below("missing"), 'x'));
	printf("pathconf: %ld %ld %ld\n", pathconf(below("t"), _PC_NAME_MAX), pathconf(below("t"), _PC_PATH_MAX), pathconf(below("t"), _PC_PIPE_BUF));
	long result = pathconf(below("missing"), _PC_LINK_MAX);
	printf("pathconf missing: %ld\n", result);
	printf("fpathconf: %ld %ld\n", fpathconf(fd, _PC_NAME_MAX), fpathconf(folder, _PC_NAME_MAX));
	struct statvfs of_path, of_fd;
	printf("statvfs: %d %d %s\n", statvfs(below("t"), &of_path), fstatvfs(fd, &of_fd),
	       of_path.f_bsize == of_fd.f_bsize && of_path.f_namemax == of_fd.f_namemax ? "same" : "different");
	printf("isatty: %d %s\n", isatty(fd), strerrorname_np(errno));
	struct termios terminal;
	printf("tcgetattr: %d %s\n", tcgetattr(fd, &terminal), strerrorname_np(errno));
	printf("tcgetpgrp: %d %s\n", tcgetpgrp(fd), strerrorname_np(errno));
	printf("ttyname: %s\n", ttyname(fd) ? "a name" : strerrorname_np(errno));
	printf("ptsname: %s\n", ptsname(fd) ? "a name" : strerrorname_np(errno));
	printf("lockf: %d %d %d\n", lockf(fd, F_LOCK, 10), lockf(fd, F_TEST, 10), lockf(fd, F_ULOCK, 0));
	int other = open(below("t/one.txt"), O_RDWR);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	printf("lock of an open file: %d\n", fcntl(other, F_OFD_SETLK, &lock));
	int locked = lockf(fd, F_TLOCK, 10);
	printf("lockf beside it: %d %s\n", locked, error_of(locked < 0));
	close(other);
	printf("posix_fallocate: %d %d\n", posix_fallocate(fd, 0, 5000), posix_fallocate(fd, 0, -1));
	fstat(fd, &status);
	printf("size: %lld\n", (long long)status.st_size);
	char name[PATH_MAX];
	snprintf(name, sizeof name, "%s", below("t/tmpXXXXXX"));
	int made = mkstemp(name);
	printf("mkstemp: %s\n", made >= 0 ? "made" : strerrorname_np(errno));
	close(made);
	remove(name);
	snprintf(name, sizeof name, "%s", below("t/tmpXXXXXX"));
	printf("mkdtemp: %s\n", mkdtemp(name) ? "made" : strerrorname_np(errno));
	printf("remove: %d\n", remove(name));
	printf("getdtablesize: %s\n", getdtablesize() > 0 ? "some" : "none");
	close(fd);
	close(folder);
}

/* Streams. */

static void streams(void)
{
	char text[100] = "";
	FILE *stream = fopen(below("t/words"), "w+");

	fputs("first second\nthird\n", stream);
	FILE *again = freopen(below("t/words"), "r", stream);
	printf("freopen: %s\n", again == stream ? "the same stream" : again ? "another" : strerrorname_np(errno));
	if (again) {
		printf("read: %s", fgets(text, sizeof text, again) ? text : "nothing\n");
		printf("fputs to it: %d %s\n", fputs("x", again), strerrorname_np(errno));
		clearerr(again);
		again = freopen(NULL, "r", again);
		printf("freopen of nothing: %s\n", again ? "open" : strerrorname_np(errno));
		printf("read: %s", again && fgets(text, sizeof text, again) ? text : "nothing\n");
		again = freopen(below("t/missing"), "r", again);
		printf("freopen of a missing file: %s\n", again ? "open" : strerrorname_np(errno));
	}
	fflush(stdout);
	FILE *in = freopen(below("t/words"), "r", stdin);
	printf("freopen of stdin: %s, %d\n", in == stdin ? "is stdin" : "is not", in ? fileno(in) : -1);
	printf("scanf: %d %s\n", scanf("%99s", text), text);
	printf("getchar: %d\n", getchar());
	printf("gets: %s", fgets(text, sizeof text, stdin) ? text : "nothing\n");
	stream = setmntent(below("t/words"), "r");
	printf("setmntent: %s\n", stream ? "open" : strerrorname_np(errno));
	if (stream)
		endmntent(stream);
	int fd = open(below("t/words"), O_RDONLY);
	stream = fdopen(fd, "w");
	printf("fdopen for writing: %s\n", stream ? "open" : strerrorname_np(errno));
	stream = fdopen(fd, "r");
	printf("fdopen: %s\n", stream ? "open" : strerrorname_np(errno));
	if (stream)
		fclose(stream);
	unlink(below("t/words"));
}

static void tree(void)
{
	make_tree();
	walks();
	fts_with(FTS_PHYSICAL, "physical");
	fts_with(FTS_PHYSICAL | FTS_NOCHDIR, "staying");
	fts_with(FTS_LOGICAL | FTS_SEEDOT, "logical");
	fts_with(FTS_PHYSICAL | FTS_NOSTAT, "nostat");
	fts64();
	patterns();
	scans();
	resolves();
	others();
	streams();
	printf("nftw that removes: %d\n", nftw(below("t"), removed, 5, FTW_PHYS | FTW_DEPTH));
	printf("access afterwards: %d\n", access(below("t"), F_OK));
}

/* Every way to name a file. */

static void status_of(const char *what, int result, const struct stat *status)
{
	if (result != 0)
		printf("%s: %s\n", what, strerrorname_np(errno));
	else
		printf("%s: type %#o size %lld\n", what, status->st_mode & S_IFMT, S_ISREG(status->st_mode) ? (long long)status->st_size : 0);
}

static void opens(const char *what, int fd)
{
	if (fd < 0) {
		printf("open %s: %s\n", what, strerrorname_np(errno));
		return;
	}
	struct stat status;
	status_of("  fstat", fstat(fd, &status), &status);
	printf("open %s: flags %#o fd %d\n", what, fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
	close(fd);
}

static void links_of(const char *what, const char *path)
{
	char target[PATH_MAX];
	struct stat status;
	ssize_t length = readlink(path, target, sizeof target - 1);

	target[length < 0 ? 0 : length] = 0;
	printf("readlink %s: %zd %s\n", what, length < 0 ? length : 1, length < 0 ? strerrorname_np(errno) : shown(target));
	length = readlink(path, target, 1);
	printf("readlink %s cut: %zd %.1s\n", what, length, length < 0 ? "" : target);
	status_of("  stat", stat(path, &status), &status);
	int result = lstat(path, &status);
	status_of("  lstat", result, &status);
	printf("  mode %#o size %lld\n", result ? 0 : status.st_mode, S_ISLNK(status.st_mode) ? (long long)status.st_size : -1);
	result = access(path, R_OK | W_OK);
	printf("  access: %d %s\n", result, error_of(result < 0));
	char *real = realpath(path, NULL);
	printf("  realpath: %s\n", real ? shown(real) : strerrorname_np(errno));
	free(real);
	opens("it for reading", open(path, O_RDONLY));
	opens("it for writing", open(path, O_WRONLY));
	opens("it and truncate", open(path, O_RDWR | O_TRUNC | O_CLOEXEC));
	opens("it as O_PATH", open(path, O_PATH));
	opens("its link as O_PATH", open(path, O_PATH | O_NOFOLLOW));
	opens("it with O_NOFOLLOW", open(path, O_RDONLY | O_NOFOLLOW));
	opens("it with O_DIRECTORY", open(path, O_RDONLY | O_DIRECTORY));
	opens("it to create", open(path, O_RDWR | O_CREAT, 0600));
	opens("it to create alone", open(path, O_RDWR | O_CREAT | O_EXCL, 0600));
}

static void by_descriptor(void)
{
	char path[100];
	int fd = open(below("t/one.txt"), O_RDWR), folder = open(below("t"), O_RDONLY);

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	links_of("proc self", path);
	snprintf(path, sizeof path, "/proc/%d/fd/%d", getpid(), fd);
	links_of("proc pid", path);
	snprintf(path, sizeof path, "/proc/thread-self/fd/%d", fd);
	opens("proc thread-self", open(path, O_RDONLY));
	snprintf(path, sizeof path, "/proc/self/task/%d/fd/%d", gettid(), fd);
	opens("proc task", open(path, O_RDONLY));
	snprintf(path, sizeof path, "/dev/fd/%d", fd);
	links_of("dev fd", path);
	snprintf(path, sizeof path, "/proc/self/fd/%d", folder);
	links_of("of a directory", path);
	snprintf(path, sizeof path, "/proc/self/fd/%d/one.txt", folder);
	opens("below a directory", open(path, O_RDONLY));
	snprintf(path, sizeof path, "/proc/self/fd/%d/../t/two.txt", folder);
	opens("beside a directory", open(path, O_RDONLY));
	snprintf(path, sizeof path, "/proc/self/fd/%d/", fd);
	opens("with a slash", open(path, O_RDONLY));
	snprintf(path, sizeof path, "/proc/self/fd/0%d", fd);
	opens("with a zero", open(path, O_RDONLY));
	FILE *stream = (snprintf(path, sizeof path, "/dev/fd/%d", fd), fopen(path, "r"));
	printf("fopen: %s\n", stream ? "open" : strerrorname_np(errno));
	if (stream)
		fclose(stream);
	int directory = open("/proc/self/fd", O_RDONLY);
	char target[PATH_MAX];
	snprintf(path, sizeof path, "%d", fd);
	ssize_t length = readlinkat(directory, path, target, sizeof target - 1);
	target[length < 0 ? 0 : length] = 0;
	printf("readlinkat: %s\n", shown(target));
	close(directory);
	int saved = dup(0);
	dup2(fd, 0);
	opens("dev stdin", open("/dev/stdin", O_RDONLY));
	length = readlink("/dev/stdin", target, sizeof target - 1);
	target[length < 0 ? 0 : length] = 0;
	printf("readlink dev stdin: %s\n", target);
	struct stat status;
	status_of("lstat dev stdin", lstat("/dev/stdin", &status), &status);
	status_of("stat dev stdin", stat("/dev/stdin", &status), &status);
	dup2(saved, 0);
	close(saved);
	make_file("t/gone", 5);
	int gone = open(below("t/gone"), O_RDWR);
	unlink(below("t/gone"));
	snprintf(path, sizeof path, "/proc/self/fd/%d", gone);
	length = readlink(path, target, sizeof target - 1);
	target[length < 0 ? 0 : length] = 0;
	printf("readlink of a file without a name: %s\n", shown(target));
	opens("a file without a name", open(path, O_RDONLY));
	close(gone);
	opens("a closed one", open(path, O_RDONLY));
	close(fd);
	close(folder);
}

static const int at_flags[] = {0, AT_SYMLINK_NOFOLLOW, AT_NO_AUTOMOUNT, AT_EMPTY_PATH, AT_STATX_FORCE_SYNC, AT_STATX_DONT_SYNC,
			       AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, AT_EACCESS,
			       AT_SYMLINK_FOLLOW, 0x10000, 0x8000, 1};

static void stats(void)
{
	int fd = open(below("t/one.txt"), O_RDONLY), folder = open(below("t"), O_RDONLY), as_path = open(below("t/one.txt"), O_PATH);
	struct {
		const char *name;
		int fd;
		const char *path;
	} ways[] = {{"absolute", AT_FDCWD, below("t/one.txt")}, {"relative", folder, "one.txt"}, {"empty", fd, ""}, {"empty O_PATH", as_path, ""},
		    {"empty directory", folder, ""}, {"missing", folder, "missing"}, {"below a file", fd, "x"}, {"bad", 999, "x"}, {"bad empty", 999, ""},
		    {"null", fd, NULL}};
	char what[100];

	for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
		for (size_t f = 0; f < sizeof at_flags / sizeof *at_flags; f++) {
			struct stat status = {0};
			snprintf(what, sizeof what, "fstatat %s %#x", ways[w].name, at_flags[f]);
			status_of(what, (int)syscall(SYS_newfstatat, ways[w].fd, ways[w].path, &status, at_flags[f]), &status);
			struct statx extended = {0};
			int result = (int)syscall(SYS_statx, ways[w].fd, ways[w].path, at_flags[f], STATX_BASIC_STATS, &extended);
			printf("statx %s %#x: %d %s size %lld\n", ways[w].name, at_flags[f], result, error_of(result < 0),
			       S_ISREG(extended.stx_mode) ? (long long)extended.stx_size : 0);
			result = ways[w].path ? faccessat(ways[w].fd, ways[w].path, R_OK, at_flags[f]) : 0;
			printf("faccessat %s %#x: %d %s\n", ways[w].name, at_flags[f], result, error_of(result < 0));
		}
	}
	struct statx extended;
	int result = statx(AT_FDCWD, below("t/one.txt"), 0, 0x80000000u, &extended);
	printf("statx reserved: %d %s\n", result, error_of(result < 0));
	close(fd);
	close(folder);
	close(as_path);
}

static int ioctl_result(int fd);
static int getdents_result(int fd);

/* What can be done with O_PATH. */
static void as_path(void)
{
	int fd = open(below("t/one.txt"), O_PATH | O_RDWR | O_CLOEXEC), folder = open(below("t"), O_PATH | O_DIRECTORY);
	char buffer[10];
	struct stat status;

#define SHOW(call) do { errno = 0; long r_ = (long)(call); printf("O_PATH %s: %ld %s\n", #call, r_, error_of(r_ < 0)); } while (0)
	printf("O_PATH flags %#o %#o fd %d\n", fcntl(fd, F_GETFL), fcntl(folder, F_GETFL), fcntl(fd, F_GETFD));
	SHOW(fstat(fd, &status));
	SHOW(read(fd, buffer, 1));
	SHOW(write(fd, buffer, 1));
	SHOW(pread(fd, buffer, 1, 0));
	SHOW(lseek(fd, 0, SEEK_SET));
	SHOW(ftruncate(fd, 0));
	SHOW(fsync(fd));
	SHOW(fallocate(fd, 0, 0, 1));
	SHOW(ioctl_result(fd));
	SHOW(posix_fadvise(fd, 0, 0, POSIX_FADV_NORMAL));
	SHOW(getdents_result(folder));
	SHOW(close(dup(fd)));
	SHOW(close(dup2(fd, 200)));
	SHOW(fcntl(fd, F_SETFL, O_APPEND));
	SHOW(fcntl(fd, F_SETFD, 0));
	SHOW(fcntl(fd, F_GETLK, buffer));
	SHOW(close(openat(folder, "one.txt", O_RDONLY)) == 0);
	SHOW(openat(fd, "x", O_RDONLY));
	SHOW(faccessat(folder, "one.txt", R_OK, 0));
	SHOW(close(open(below("t/none"), O_PATH | O_CREAT, 0600)));
	SHOW(open(below("t/one.txt"), O_PATH | O_DIRECTORY));
	SHOW(close(open(below("t/one.txt"), O_PATH | O_TRUNC)));
	SHOW(stat(below("t/one.txt"), &status) == 0 ? status.st_size : -1);
	SHOW(close(fd));
	SHOW(close(folder));
	SHOW(open(below("t"), O_RDWR));
	SHOW(open(below("t/one.txt"), O_RDONLY | O_DIRECTORY));
	SHOW(open(below("t/one.txt"), O_RDONLY | O_DIRECTORY | O_CREAT, 0600));
	SHOW(open(below("t/one.txt"), O_RDWR | O_TMPFILE, 0600));
	SHOW(open(below("t"), O_RDONLY | O_TMPFILE, 0600));
	SHOW(open(below("t/missing"), O_RDWR | O_TMPFILE, 0600));
}

static int ioctl_result(int fd)
{
	struct termios terminal;
	return tcgetattr(fd, &terminal);
}

static int getdents_result(int fd)
{
	char buffer[1000];
	return (int)syscall(SYS_getdents64, fd, buffer, sizeof buffer);
}

static void unnamed(void)
{
	int fd = open(below("t"), O_RDWR | O_TMPFILE | O_CLOEXEC, 0640);
	struct stat status = {0};

	if (fd < 0) {
		printf("O_TMPFILE: %s\n", strerrorname_np(errno));
		return;
	}
	fstat(fd, &status);
	printf("O_TMPFILE: mode %#o links %d flags %#o fd %d\n", status.st_mode, (int)status.st_nlink, fcntl(fd, F_GETFL) & ~O_LARGEFILE,
	       fcntl(fd, F_GETFD));
	char text[10] = "";
	printf("write: %zd, read: %zd %s\n", write(fd, "hello", 5), pread(fd, text, 9, 0), text);
	close(fd);
}

static void with_how(const char *what, int fd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve, size_t size)
{
	struct {
		struct open_how how;
		uint64_t more;
	} room = {{flags, mode, resolve}, 0};
	int made = (int)syscall(SYS_openat2, fd, path, &room, size);

	printf("openat2 %s: %s\n", what, made >= 0 ? "open" : strerrorname_np(errno));
	if (made >= 0)
		close(made);
}

static void second_open(void)
{
	int folder = open(below("t"), O_RDONLY);
	size_t size = sizeof(struct open_how);
	char *file = below("t/one.txt");

	with_how("plain", AT_FDCWD, file, O_RDONLY, 0, 0, size);
	with_how("relative", folder, "one.txt", O_RDONLY, 0, 0, size);
	with_how("too small", folder, "one.txt", O_RDONLY, 0, 0, size - 1);
	with_how("larger", folder, "one.txt", O_RDONLY, 0, 0, size + 8);
	with_how("unknown flag", folder, "one.txt", 1ull << 40, 0, 0, size);
	with_how("mode without create", folder, "one.txt", O_RDONLY, 0600, 0, size);
	with_how("create", folder, "made", O_RDWR | O_CREAT, 0600, 0, size);
	with_how("create with a bad mode", folder, "made", O_RDWR | O_CREAT, 010000, 0, size);
	with_how("unknown resolve", folder, "one.txt", O_RDONLY, 0, 1 << 10, size);
	with_how("O_PATH and O_RDWR", folder, "one.txt", O_PATH | O_RDWR, 0, 0, size);
	with_how("beneath", folder, "a/three.txt", O_RDONLY, 0, RESOLVE_BENEATH, size);
	with_how("beneath ..", folder, "a/../one.txt", O_RDONLY, 0, RESOLVE_BENEATH, size);
	with_how("beneath out", folder, "../t/one.txt", O_RDONLY, 0, RESOLVE_BENEATH, size);
	with_how("beneath absolute", folder, file, O_RDONLY, 0, RESOLVE_BENEATH, size);
	with_how("in root", folder, "/a/three.txt", O_RDONLY, 0, RESOLVE_IN_ROOT, size);
	with_how("in root ..", folder, "../../one.txt", O_RDONLY, 0, RESOLVE_IN_ROOT, size);
	with_how("no symlinks", folder, "one.txt", O_RDONLY, 0, RESOLVE_NO_SYMLINKS, size);
	with_how("no xdev", folder, "one.txt", O_RDONLY, 0, RESOLVE_NO_XDEV, size);
	char path[100];
	snprintf(path, sizeof path, "/proc/self/fd/%d", folder);
	with_how("magic link", AT_FDCWD, path, O_RDONLY, 0, 0, size);
	with_how("no magic links", AT_FDCWD, path, O_RDONLY, 0, RESOLVE_NO_MAGICLINKS, size);
	with_how("both", folder, "one.txt", O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT, size);
	unlink(below("t/made"));
	close(folder);
}

static void names(void)
{
	make_tree();
	by_descriptor();
	stats();
	as_path();
	unnamed();
	second_open();
	nftw(below("t"), removed, 5, FTW_PHYS | FTW_DEPTH);
}

/* Signals. */

static volatile int alarms;
static volatile int trapped;
static sigjmp_buf out;

static void alarmed(int signal)
{
	int saved = errno;
	struct stat status;

	(void)signal;
	if (stat(below("t"), &status) == 0)
		alarms++;
	errno = saved;
}

static void on_sys(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	trapped = info->si_code == SYS_SECCOMP ? info->si_syscall : info->si_code;
}

static int spins(const char *path, const struct stat *status, int type, struct FTW *at)
{
	struct timespec now, start;

	(void)path;
	(void)status;
	(void)type;
	(void)at;
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - start.tv_sec) * 1000000000 + now.tv_nsec - start.tv_nsec < 20000000);
	return 0;
}

static int jumps(const char *path, const struct stat *status, int type, struct FTW *at)
{
	(void)path;
	(void)status;
	(void)type;
	(void)at;
	siglongjmp(out, 1);
}

static int forks(const char *path, const struct stat *status, int type, struct FTW *at)
{
	(void)status;
	(void)type;
	if (at->level == 0) {
		int left;
		pid_t child = fork();
		if (child == 0)
			_exit(7);
		waitpid(child, &left, 0);
		printf("child: %d\n", WEXITSTATUS(left));
		printf("system: %d\n", WEXITSTATUS(system("exit 5")));
		FILE *out = popen("echo said", "r");
		char text[10] = "";
		printf("popen: %s", out && fgets(text, sizeof text, out) ? text : "nothing\n");
		if (out)
			pclose(out);
	}
	return strcmp(path, dir) == 0;
}

static void *walker(void *unused)
{
	(void)unused;
	long total = 0;
	for (int i = 0; i < 50; i++) {
		glob_t found;
		if (glob(below("t/*"), 0, NULL, &found) == 0) {
			total += (long)found.gl_pathc;
			globfree(&found);
		}
	}
	return (void *)total;
}

static int starts(const char *path, const struct stat *status, int type, struct FTW *at)
{
	(void)path;
	(void)status;
	(void)type;
	if (at->level == 0) {
		pthread_t threads[4];
		for (int i = 0; i < 4; i++)
			pthread_create(&threads[i], NULL, walker, NULL);
		for (int i = 0; i < 4; i++) {
			void *total;
			pthread_join(threads[i], &total);
			printf("thread: %ld\n", (long)total);
		}
	}
	return 0;
}

static void signals(void)
{
	struct sigaction action = {.sa_handler = alarmed}, old;
	sigset_t all, mask;

	make_tree();
	sigfillset(&action.sa_mask); /* SIGSYS too */
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &(struct itimerval){{0, 3000}, {0, 3000}}, NULL);
	printf("nftw with signals: %d\n", nftw(below("t"), spins, 5, 0));
	for (int i = 0; i < 200; i++) {
		glob_t found;
		int result = glob(below("t/*/*"), 0, NULL, &found);
		if (result != 0 || found.gl_pathc != 3)
			printf("glob with signals: %d\n", result);
		if (result == 0)
			globfree(&found);
	}
	setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
	printf("signals: %s\n", alarms > 0 ? "came" : "none");

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	printf("nftw with all blocked: %d\n", nftw(below("t"), stops, 5, 0));
	expanded("$(echo x) ~", 0);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	printf("SIGALRM blocked: %d, SIGSYS: %d\n", sigismember(&mask, SIGALRM), sigismember(&mask, SIGSYS));
	sigemptyset(&mask);
	sigprocmask(SIG_SETMASK, &mask, NULL);

	if (sigsetjmp(out, 1) == 0)
		nftw(below("t"), jumps, 5, 0);
	files_walked = 0;
	printf("nftw after a jump: %d\n", nftw(below("t"), stops, 5, 0));
	printf("nftw that forks: %d\n", nftw(below("t"), forks, 5, 0));
	printf("nftw that starts threads: %d\n", nftw(below("t"), starts, 5, 0));

	/* SIGSYS is the program's own beside that. */
	struct sigaction sys = {.sa_sigaction = on_sys, .sa_flags = SA_SIGINFO};
	sigaction(SIGSYS, &sys, &old);
	printf("old action: %d\n", old.sa_handler == SIG_DFL);
	kill(getpid(), SIGSYS);
	printf("killed: %d\n", trapped == SI_USER);
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpriority, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0) {
		getpriority(PRIO_PROCESS, 0);
		printf("trapped: %d\n", trapped == SYS_getpriority);
	}
	files_walked = 0;
	printf("nftw with a filter: %d\n", nftw(below("t"), stops, 5, 0));
	sigaction(SIGSYS, NULL, &old);
	printf("action: %d\n", old.sa_sigaction == on_sys);
	nftw(below("t"), removed, 5, FTW_PHYS | FTW_DEPTH);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	dir = argv[2];
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(argv[1], "tree") == 0)
		tree();
	else if (strcmp(argv[1], "names") == 0)
		names();
	else if (strcmp(argv[1], "signals") == 0)
		signals();
	else
		return 2;
	return 0;
}
