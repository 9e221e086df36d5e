/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls that change names, owners, times and attributes. The kernel has none of them and returns ENOSYS; for calls unknown to
 * it, this file returns the error. Also temporary files, which the C library opens without open().
 */
#include "pollux.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <utime.h>

static bool path_in_kernel_at(int dirfd, const char *path) {
  char buffer[KERNEL_PATH_MAX];
  const char *unused;
  return below_mount(dirfd, path, buffer, &unused);
}

static bool path_in_kernel(const char *path) {
  return path_in_kernel_at(AT_FDCWD, path);
}

static int refused(int error) {
  errno = error;
  return -1;
}

/* Names and owners. */

EXPORT int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags) {
  char other_buffer[KERNEL_PATH_MAX];
  const char *other;
  bool other_ours = below_mount(to_fd, to, other_buffer, &other);
  IN_KERNEL(from_fd, from) {
    return other_ours ? (int)answer(CALL5(SYS_renameat2, from_fd, kernel_path, to_fd, other, flags)) : (errno = EXDEV, -1);
  }
  return other_ours ? (errno = EXDEV, -1) : NEXT(renameat2)(from_fd, from, to_fd, to, flags);
}

EXPORT int renameat(int from_fd, const char *from, int to_fd, const char *to) {
  return renameat2(from_fd, from, to_fd, to, 0);
}

EXPORT int rename(const char *from, const char *to) {
  return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

EXPORT int symlinkat(const char *target, int dirfd, const char *path) {
  IN_KERNEL(dirfd, path) {
    return (int)answer(CALL3(SYS_symlinkat, target, dirfd, kernel_path));
  }
  return NEXT(symlinkat)(target, dirfd, path);
}

EXPORT int symlink(const char *target, const char *path) {
  return symlinkat(target, AT_FDCWD, path);
}

EXPORT int fchmodat(int dirfd, const char *path, mode_t mode, int flags) {
  IN_KERNEL(dirfd, path) {
    return (int)answer(CALL3(SYS_fchmodat, dirfd, kernel_path, mode));
  }
  return NEXT(fchmodat)(dirfd, path, mode, flags);
}

EXPORT int chmod(const char *path, mode_t mode) {
  return fchmodat(AT_FDCWD, path, mode, 0);
}

EXPORT int fchownat(int dirfd, const char *path, uid_t user, gid_t group, int flags) {
  IN_KERNEL(dirfd, path) {
    return (int)answer(CALL5(SYS_fchownat, dirfd, kernel_path, user, group, flags));
  }
  return NEXT(fchownat)(dirfd, path, user, group, flags);
}

EXPORT int chown(const char *path, uid_t user, gid_t group) {
  return fchownat(AT_FDCWD, path, user, group, 0);
}

EXPORT int utimensat(int dirfd, const char *path, const struct timespec times[2], int flags) {
  IN_KERNEL(dirfd, path) {
    return (int)answer(CALL4(SYS_utimensat, dirfd, kernel_path, times, flags));
  }
  return NEXT(utimensat)(dirfd, path, times, flags);
}

EXPORT int lchown(const char *path, uid_t user, gid_t group) {
  return fchownat(AT_FDCWD, path, user, group, AT_SYMLINK_NOFOLLOW);
}

EXPORT int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags) {
  bool from_ours = path_in_kernel_at(from_fd, from);
  if (from_ours != path_in_kernel_at(to_fd, to)) {
    return refused(EXDEV);
  }
  return from_ours ? refused(ENOSYS) : NEXT(linkat)(from_fd, from, to_fd, to, flags);
}

EXPORT int link(const char *from, const char *to) {
  return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

EXPORT int mknodat(int dirfd, const char *path, mode_t mode, dev_t device) {
  return path_in_kernel_at(dirfd, path) ? refused(ENOSYS) : NEXT(mknodat)(dirfd, path, mode, device);
}

EXPORT int mknod(const char *path, mode_t mode, dev_t device) {
  return mknodat(AT_FDCWD, path, mode, device);
}

EXPORT int mkfifoat(int dirfd, const char *path, mode_t mode) {
  return mknodat(dirfd, path, mode | S_IFIFO, 0);
}

EXPORT int mkfifo(const char *path, mode_t mode) {
  return mkfifoat(AT_FDCWD, path, mode);
}

/* Older calls that set times. */

EXPORT int utimes(const char *path, const struct timeval times[2]) {
  return path_in_kernel(path) ? refused(ENOSYS) : NEXT(utimes)(path, times);
}

EXPORT int lutimes(const char *path, const struct timeval times[2]) {
  return path_in_kernel(path) ? refused(ENOSYS) : NEXT(lutimes)(path, times);
}

EXPORT int utime(const char *path, const struct utimbuf *times) {
  return path_in_kernel(path) ? refused(ENOSYS) : NEXT(utime)(path, times);
}

EXPORT int futimes(int fd, const struct timeval times[2]) {
  return ours(fd) ? refused(ENOSYS) : NEXT(futimes)(fd, times);
}

EXPORT int futimesat(int dirfd, const char *path, const struct timeval times[2]) {
  if (is_null(path) ? ours(dirfd) : path_in_kernel_at(dirfd, path)) {
    return refused(ENOSYS);
  }
  return NEXT(futimesat)(dirfd, path, times);
}

EXPORT int lchmod(const char *path, mode_t mode) {
  return fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW);
}

/* Extended attributes. Files of the kernel show none, and none can be set. */

static int no_attributes(void) {
  return refused(EOPNOTSUPP);
}

EXPORT ssize_t getxattr(const char *path, const char *name, void *value, size_t size) {
  return path_in_kernel(path) ? no_attributes() : NEXT(getxattr)(path, name, value, size);
}

EXPORT ssize_t lgetxattr(const char *path, const char *name, void *value, size_t size) {
  return path_in_kernel(path) ? no_attributes() : NEXT(lgetxattr)(path, name, value, size);
}

EXPORT ssize_t fgetxattr(int fd, const char *name, void *value, size_t size) {
  return ours(fd) ? no_attributes() : NEXT(fgetxattr)(fd, name, value, size);
}

EXPORT ssize_t listxattr(const char *path, char *list, size_t size) {
  return path_in_kernel(path) ? no_attributes() : NEXT(listxattr)(path, list, size);
}

EXPORT ssize_t llistxattr(const char *path, char *list, size_t size) {
  return path_in_kernel(path) ? no_attributes() : NEXT(llistxattr)(path, list, size);
}

EXPORT ssize_t flistxattr(int fd, char *list, size_t size) {
  return ours(fd) ? no_attributes() : NEXT(flistxattr)(fd, list, size);
}

EXPORT int setxattr(const char *path, const char *name, const void *value, size_t size, int flags) {
  return path_in_kernel(path) ? no_attributes() : NEXT(setxattr)(path, name, value, size, flags);
}

EXPORT int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags) {
  return path_in_kernel(path) ? no_attributes() : NEXT(lsetxattr)(path, name, value, size, flags);
}

EXPORT int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags) {
  return ours(fd) ? no_attributes() : NEXT(fsetxattr)(fd, name, value, size, flags);
}

EXPORT int removexattr(const char *path, const char *name) {
  return path_in_kernel(path) ? no_attributes() : NEXT(removexattr)(path, name);
}

EXPORT int lremovexattr(const char *path, const char *name) {
  return path_in_kernel(path) ? no_attributes() : NEXT(lremovexattr)(path, name);
}

EXPORT int fremovexattr(int fd, const char *name) {
  return ours(fd) ? no_attributes() : NEXT(fremovexattr)(fd, name);
}

/* Temporary files and directories. */

#define WILD 6 /* number of X in a template */
#define ATTEMPTS 1000

/* Replaces the X before the suffix by random characters. Returns null if there are none. */
static char *wild_part(char *name, int suffix) {
  size_t length = strlen(name);
  if (suffix < 0 || length < (size_t)suffix + WILD || strncmp(name + length - suffix - WILD, "XXXXXX", WILD) != 0) {
    errno = EINVAL;
    return NULL;
  }
  return name + length - suffix - WILD;
}

static void make_up(char *wild) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  unsigned char random[WILD];
  if (machine_call(SYS_getrandom, (long)random, WILD, 0, 0, 0, 0) != WILD) {
    memset(random, 0, WILD); /* then all attempts fail, and the caller receives the error */
  }
  for (int i = 0; i < WILD; i++) {
    wild[i] = letters[random[i] % (sizeof letters - 1)];
  }
}

EXPORT int mkostemps(char *name, int suffix, int flags) {
  if (!path_in_kernel(name)) {
    return NEXT(mkostemps)(name, suffix, flags);
  }
  char *wild = wild_part(name, suffix);
  int fd = -1;
  for (int i = 0; wild && i < ATTEMPTS; i++) {
    make_up(wild);
    fd = open(name, (flags & ~O_ACCMODE) | O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd >= 0 || errno != EEXIST) {
      break;
    }
  }
  if (fd < 0 && wild) {
    memcpy(wild, "XXXXXX", WILD);
  }
  return fd;
}

EXPORT int mkstemps(char *name, int suffix) {
  return mkostemps(name, suffix, 0);
}

EXPORT int mkostemp(char *name, int flags) {
  return mkostemps(name, 0, flags);
}

EXPORT int mkstemp(char *name) {
  return mkostemps(name, 0, 0);
}

EXPORT int mkostemps64(char *name, int suffix, int flags) {
  return mkostemps(name, suffix, flags);
}

EXPORT int mkstemps64(char *name, int suffix) {
  return mkostemps(name, suffix, 0);
}

EXPORT int mkostemp64(char *name, int flags) {
  return mkostemps(name, 0, flags);
}

EXPORT int mkstemp64(char *name) {
  return mkostemps(name, 0, 0);
}

EXPORT char *mkdtemp(char *name) {
  if (!path_in_kernel(name)) {
    return NEXT(mkdtemp)(name);
  }
  char *wild = wild_part(name, 0);
  int result = -1;
  for (int i = 0; wild && i < ATTEMPTS; i++) {
    make_up(wild);
    result = mkdir(name, 0700);
    if (result == 0 || errno != EEXIST) {
      break;
    }
  }
  if (result != 0 && wild) {
    memcpy(wild, "XXXXXX", WILD);
  }
  return result == 0 ? name : NULL;
}
