// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls that change names, modes, owners, times, attributes and the working directory, and what each returns.
 *
 *     name-calls DIR OUTSIDE      DIR is empty; OUTSIDE is another filesystem
 *
 * Prints a line for each call. Linux prints the same lines.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utime.h>

static const char *dir;

static void say(const char *what, long result)
{
	printf("%s: %ld %s\n", what, result, result == -1 ? strerrorname_np(errno) : "");
}

#define SAY(call) say(#call, (long)(call))

static void show(const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0) {
		say(path, -1);
		return;
	}
	printf("%s: mode %o, links %ld, owner %d:%d, size %ld, times %ld.%09ld %ld.%09ld\n", path, st.st_mode,
	       S_ISDIR(st.st_mode) ? 0 : (long)st.st_nlink, st.st_uid, st.st_gid, S_ISDIR(st.st_mode) ? 0 : (long)st.st_size,
	       st.st_atim.tv_sec < 1000000000 ? st.st_atim.tv_sec : 0, st.st_atim.tv_sec < 1000000000 ? st.st_atim.tv_nsec : 0,
	       st.st_mtim.tv_sec < 1000000000 ? st.st_mtim.tv_sec : 0, st.st_mtim.tv_sec < 1000000000 ? st.st_mtim.tv_nsec : 0);
}

static void make(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY, 0666);

	say(path, fd < 0 ? -1 : write(fd, "text", 4));
	close(fd);
}

/* Prints a path. DIR replaces the test's directory, which has another name on Linux. */
static void say_path(const char *what, const char *path)
{
	size_t length = strlen(dir);

	if (!path)
		say(what, -1);
	else if (strncmp(path, dir, length) == 0)
		printf("%s: DIR%s\n", what, path + length);
	else
		printf("%s: %s\n", what, path);
}

static void links(void)
{
	char target[PATH_MAX] = "", long_name[300];
	struct stat st;

	SAY(mkdir("links", 0777));
	SAY(chdir("links"));
	make("a");
	SAY(link("a", "b"));
	SAY(link("a", "b"));
	SAY(link(".", "c"));
	SAY(link("none", "c"));
	show("a");
	SAY(symlink("a", "s"));
	SAY(symlink("", "e"));
	SAY(symlink("none", "dangling"));
	SAY(linkat(AT_FDCWD, "s", AT_FDCWD, "s2", 0));
	SAY(linkat(AT_FDCWD, "s", AT_FDCWD, "s3", AT_SYMLINK_FOLLOW));
	show("s2");
	show("s3");
	SAY(readlink("s", target, sizeof target));
	say_path("target", target);
	SAY(readlink("a", target, sizeof target));
	SAY(readlink("s", target, 0));
	SAY(stat("dangling", &st));
	SAY(rename("a", "c"));
	SAY(rename("none", "c"));
	SAY(rename("c", "s"));
	SAY(mkdir("d", 0700));
	SAY(mkdir("d/e", 0700));
	SAY(rename("d", "d/e/f"));
	SAY(rename("s", "d"));
	SAY(rename("d", "s"));
	SAY(rename("d", "g"));
	SAY(renameat2(AT_FDCWD, "g", AT_FDCWD, "b", RENAME_NOREPLACE));
	SAY(renameat2(AT_FDCWD, "g", AT_FDCWD, "b", RENAME_EXCHANGE));
	show("g");
	show("b/e");
	SAY(renameat2(AT_FDCWD, "g", AT_FDCWD, "b", RENAME_EXCHANGE | RENAME_NOREPLACE));
	SAY(rename("b", "."));
	memset(long_name, 'x', sizeof long_name - 1);
	long_name[sizeof long_name - 1] = 0;
	SAY(rename("b", long_name));
	SAY(unlink("b"));
	SAY(rmdir("b"));
	SAY(rmdir("b/e"));
	SAY(rmdir("b/."));
	SAY(remove("b"));
	SAY(unlink("none"));
	SAY(remove("g"));
	SAY(mkfifo("p", 0666));
	SAY(mknod("n", S_IFREG | 0666, 0));
	SAY(mknod("sock", S_IFSOCK | 0666, 0));
	SAY(mknod("dev", S_IFCHR | 0600, 0x103));
	SAY(mknod("dir", S_IFDIR | 0600, 0));
	show("p");
	show("n");
	show("sock");
	show("dev");
	SAY(chdir(".."));
}

static void outside(const char *other)
{
	char there[PATH_MAX], up[3 * PATH_MAX];

	snprintf(there, sizeof there, "%s/there", other);
	make(there);
	make("here");
	SAY(rename("here", there));
	SAY(rename(there, "here"));
	SAY(link("here", there));
	SAY(link(there, "here2"));
	snprintf(up, sizeof up, "%s/../../../../../../../..%s", dir, there);
	SAY(rename("here", up));
	show("here");
	SAY(access(up, R_OK));
	SAY(unlink(up));
	SAY(access(up, R_OK));
}

static void modes(void)
{
	int fd;

	make("m");
	SAY(chmod("m", 0600));
	show("m");
	SAY(chmod("m", 07777));
	show("m");
	SAY(chmod("none", 0600));
	fd = open("m", O_RDWR);
	SAY(fchmod(fd, 0640));
	SAY(fchmodat(AT_FDCWD, "m", 0604, 0));
	SAY(fchmodat(AT_FDCWD, "m", 0604, 0x4));
	SAY(symlink("m", "ml"));
	SAY(fchmodat(AT_FDCWD, "ml", 0600, AT_SYMLINK_NOFOLLOW));
	SAY(fchmodat(AT_FDCWD, "m", 0611, AT_SYMLINK_NOFOLLOW));
	SAY(chown("m", 1, 2));
	SAY(lchown("ml", 3, 4));
	SAY(fchown(fd, -1, 5));
	SAY(fchownat(fd, "", 6, -1, AT_EMPTY_PATH));
	show("m");
	show("ml");
	SAY(truncate("m", 10));
	SAY(truncate("m", -1));
	SAY(truncate("none", 10));
	SAY(truncate(".", 10));
	SAY(ftruncate(fd, 3));
	show("m");
	close(fd);
	printf("umask %o\n", umask(0027));
	make("u");
	show("u");
	SAY(mkdir("ud", 0777));
	show("ud");
	SAY(mkfifo("up", 0666));
	show("up");
	fd = open(".", O_TMPFILE | O_RDWR, 0666);
	SAY(fchmod(fd, 0606));
	SAY(linkat(fd, "", AT_FDCWD, "tmp", AT_EMPTY_PATH));
	show("tmp");
	close(fd);
	printf("umask %o\n", umask(0022));
}

static void times(void)
{
	struct timespec two[2] = {{111, 222}, {333, 444}};
	struct timeval micro[2] = {{11, 22}, {33, 44}};
	struct timeval wrong[2] = {{11, 1000000}, {33, 44}};
	struct utimbuf seconds = {5, 6};
	int fd;

	make("t");
	SAY(symlink("t", "tl"));
	SAY(utimensat(AT_FDCWD, "t", two, 0));
	show("t");
	two[0].tv_nsec = UTIME_OMIT;
	two[1].tv_sec = 9;
	SAY(utimensat(AT_FDCWD, "t", two, 0));
	show("t");
	SAY(utimensat(AT_FDCWD, "tl", two, AT_SYMLINK_NOFOLLOW));
	SAY(utimes("t", micro));
	show("t");
	SAY(utimes("t", wrong));
	SAY(lutimes("tl", micro));
	show("tl");
	SAY(lutimes("tl", wrong));
	SAY(utime("t", &seconds));
	show("t");
	SAY(utime("none", &seconds));
	fd = open("t", O_RDONLY);
	SAY(futimes(fd, micro));
	show("t");
	two[0].tv_nsec = 7;
	SAY(futimens(fd, two));
	show("t");
	SAY(futimesat(AT_FDCWD, "t", micro));
	show("t");
	SAY(syscall(SYS_utimensat, fd, NULL, two, 0));
	show("t");
	SAY(utimes("t", NULL));
	SAY(utimensat(AT_FDCWD, "t", two, 0x4));
	close(fd);
}

static int count;

static int counted(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)path;
	(void)st;
	(void)where;
	count += type == FTW_F || type == FTW_D || type == FTW_SL || type == FTW_DP ? 1 : 100;
	return 0;
}

static int not_dots(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void directories(void)
{
	char *at, path[PATH_MAX];
	struct dirent **names;
	glob_t found;
	struct stat st, parent;
	int fd, n;

	SAY(mkdir("one", 0777));
	SAY(mkdir("one/two", 0777));
	make("one/two/file");
	SAY(chdir("one/two"));
	say_path("getcwd", getcwd(path, sizeof path));
	SAY(!getcwd(path, 3) ? -1 : 0);
	at = get_current_dir_name();
	say_path("get_current_dir_name", at);
	free(at);
	say_path("realpath", realpath("../two/./file", path));
	at = canonicalize_file_name("..");
	say_path("canonicalize_file_name", at);
	free(at);
	SAY(syscall(SYS_getcwd, path, sizeof path) == (long)strlen(dir) + 9);
	SAY(access("file", R_OK));
	SAY(access("file", X_OK));
	SAY(eaccess("file", W_OK));
	SAY(faccessat(AT_FDCWD, "none", R_OK, AT_EACCESS));
	SAY(stat("", &st));
	SAY(fstatat(AT_FDCWD, "", &st, AT_EMPTY_PATH));
	printf("a directory: %d\n", S_ISDIR(st.st_mode));
	fd = open(".", O_RDONLY);
	SAY(chdir("../.."));
	SAY(fchdir(fd));
	say_path("after fchdir", getcwd(path, sizeof path));
	SAY(unlinkat(fd, "../none", 0));
	SAY(access("../../one", R_OK));
	SAY(stat("../../..", &parent));
	SAY(chdir("file"));
	SAY(chdir("none"));
	n = fork();
	if (n == 0)
		_exit(0);
	waitpid(n, NULL, 0);
	n = scandir("..", &names, not_dots, alphasort);
	for (int i = 0; i < n; i++)
		printf("scandir %s\n", names[i]->d_name);
	SAY(glob("*/../f*", 0, NULL, &found));
	SAY(glob("../*/f*", 0, NULL, &found));
	printf("glob %zu %s\n", found.gl_pathc, found.gl_pathv[0]);
	SAY(nftw("..", counted, 4, FTW_PHYS));
	printf("counted %d\n", count);
	count = 0;
	SAY(nftw("..", counted, 4, FTW_PHYS | FTW_CHDIR | FTW_DEPTH));
	printf("counted %d\n", count);
	say_path("after nftw", getcwd(path, sizeof path));
	SAY(chdir("/"));
	say_path("root", getcwd(path, sizeof path));
	SAY(fchdir(fd));
	SAY(unlink("file"));
	SAY(rmdir("../two"));
	SAY(!getcwd(path, sizeof path) ? -1 : 0);
	SAY(open("new", O_CREAT | O_RDWR, 0600));
	SAY(access(".", R_OK));
	SAY(chdir(".."));
	close(fd);
	SAY(chdir(dir));
}

static void others(void)
{
	struct statfs fs;
	struct statvfs vfs;
	int fd, other;

	make("o");
	fd = open("o", O_RDWR);
	other = open("o", O_RDONLY);
	SAY(statfs(".", &fs));
	SAY(statvfs("o", &vfs));
	SAY(fstatfs(fd, &fs));
	SAY(fstatvfs(fd, &vfs));
	printf("names of %ld and %ld bytes\n", (long)fs.f_namelen, (long)vfs.f_namemax);
	SAY(statfs("none", &fs));
	SAY(syncfs(fd));
	SAY(flock(fd, LOCK_EX));
	SAY(flock(other, LOCK_SH | LOCK_NB));
	SAY(flock(fd, LOCK_UN));
	SAY(flock(other, LOCK_SH | LOCK_NB));
	close(fd);
	close(other);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	dir = argv[1];
	setvbuf(stdout, NULL, _IONBF, 0);
	umask(0022);
	SAY(chdir(dir));
	links();
	outside(argv[2]);
	modes();
	times();
	directories();
	others();
	return 0;
}
