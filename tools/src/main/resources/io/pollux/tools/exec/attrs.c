/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls that change modes, owners and times; extended attributes; size by path. */
#include "pollux.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <utime.h>

#define SYS_FCHMODAT2 452 /* Linux 6.6 */

/* Modes and owners. */

EXPORT int fchmodat(int dirfd, const char *path, mode_t mode, int flags) {
  IN_KERNEL(dirfd, path) {
    return (int)answer(flags == 0 ? CALL3(SYS_fchmodat, dirfd, kernel_path, mode)
                                  : CALL4(SYS_FCHMODAT2, dirfd, kernel_path, mode, flags));
  }
  return NEXT(fchmodat)(dirfd, path, mode, flags);
}

EXPORT int chmod(const char *path, mode_t mode) {
  return fchmodat(AT_FDCWD, path, mode, 0);
}

EXPORT int lchmod(const char *path, mode_t mode) {
  return fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW);
}

EXPORT int fchmod(int fd, mode_t mode) {
  return ours(fd) ? (int)answer(CALL2(SYS_fchmod, fd, mode)) : NEXT(fchmod)(fd, mode);
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

EXPORT int lchown(const char *path, uid_t user, gid_t group) {
  return fchownat(AT_FDCWD, path, user, group, AT_SYMLINK_NOFOLLOW);
}

EXPORT int fchown(int fd, uid_t user, gid_t group) {
  return ours(fd) ? (int)answer(CALL3(SYS_fchown, fd, user, group)) : NEXT(fchown)(fd, user, group);
}

/* Times. The C library implements the older calls by its own utimensat. */

EXPORT int utimensat(int dirfd, const char *path, const struct timespec times[2], int flags) {
  IN_KERNEL(dirfd, path) {
    return (int)answer(CALL4(SYS_utimensat, dirfd, kernel_path, times, flags));
  }
  return NEXT(utimensat)(dirfd, path, times, flags);
}

EXPORT int futimens(int fd, const struct timespec times[2]) {
  return ours(fd) ? (int)answer(CALL4(SYS_utimensat, fd, 0, times, 0)) : NEXT(futimens)(fd, times);
}

EXPORT int utimes(const char *path, const struct timeval times[2]) {
  IN_KERNEL(AT_FDCWD, path) {
    return (int)answer(CALL2(SYS_utimes, kernel_path, times));
  }
  return NEXT(utimes)(path, times);
}

EXPORT int utime(const char *path, const struct utimbuf *times) {
  IN_KERNEL(AT_FDCWD, path) {
    return (int)answer(CALL2(SYS_utime, kernel_path, times));
  }
  return NEXT(utime)(path, times);
}

/* Converts times, which may be null, for utimensat. Returns 0 or a negative errno. */
static long in_nanoseconds(const struct timeval from[2], struct timespec to[2]) {
  if (is_null(from)) {
    return 0;
  }
  if (probe((intptr_t)from, 2 * sizeof *from, 0) != 2 * sizeof *from) {
    return -EFAULT;
  }
  for (int i = 0; i < 2; i++) {
    if (from[i].tv_usec < 0 || from[i].tv_usec >= 1000000) {
      return -EINVAL; /* UTIME_NOW is no number of microseconds */
    }
    to[i] = (struct timespec){from[i].tv_sec, from[i].tv_usec * 1000};
  }
  return 0;
}

EXPORT int lutimes(const char *path, const struct timeval times[2]) {
  IN_KERNEL(AT_FDCWD, path) {
    struct timespec converted[2];
    long result = in_nanoseconds(times, converted);
    return (int)answer(result ? result : CALL4(SYS_utimensat, AT_FDCWD, kernel_path, is_null(times) ? NULL : converted, AT_SYMLINK_NOFOLLOW));
  }
  return NEXT(lutimes)(path, times);
}

EXPORT int futimes(int fd, const struct timeval times[2]) {
  if (ours(fd)) {
    struct timespec converted[2];
    long result = in_nanoseconds(times, converted);
    return (int)answer(result ? result : CALL4(SYS_utimensat, fd, 0, is_null(times) ? NULL : converted, 0));
  }
  return NEXT(futimes)(fd, times);
}

EXPORT int futimesat(int dirfd, const char *path, const struct timeval times[2]) {
  if (is_null(path) && ours(dirfd)) {
    return (int)answer(CALL3(SYS_futimesat, dirfd, 0, times));
  }
  IN_KERNEL(dirfd, path) {
    return (int)answer(CALL3(SYS_futimesat, dirfd, kernel_path, times));
  }
  return NEXT(futimesat)(dirfd, path, times);
}

/* Size. */

EXPORT int truncate(const char *path, off_t length) {
  IN_KERNEL(AT_FDCWD, path) {
    return (int)answer(CALL2(SYS_truncate, kernel_path, length));
  }
  return NEXT(truncate)(path, length);
}

EXPORT int truncate64(const char *path, off64_t length) {
  return truncate(path, length);
}

/* Extended attributes. */

EXPORT ssize_t getxattr(const char *path, const char *name, void *value, size_t size) {
  IN_KERNEL(AT_FDCWD, path) {
    return (ssize_t)answer(CALL4(SYS_getxattr, kernel_path, name, value, size));
  }
  return NEXT(getxattr)(path, name, value, size);
}

EXPORT ssize_t listxattr(const char *path, char *list, size_t size) {
  IN_KERNEL(AT_FDCWD, path) {
    return (ssize_t)answer(CALL3(SYS_listxattr, kernel_path, list, size));
  }
  return NEXT(listxattr)(path, list, size);
}

EXPORT int setxattr(const char *path, const char *name, const void *value, size_t size, int flags) {
  IN_KERNEL(AT_FDCWD, path) {
    return (int)answer(CALL5(SYS_setxattr, kernel_path, name, value, size, flags));
  }
  return NEXT(setxattr)(path, name, value, size, flags);
}

EXPORT int removexattr(const char *path, const char *name) {
  IN_KERNEL(AT_FDCWD, path) {
    return (int)answer(CALL2(SYS_removexattr, kernel_path, name));
  }
  return NEXT(removexattr)(path, name);
}

EXPORT ssize_t lgetxattr(const char *path, const char *name, void *value, size_t size) {
  IN_KERNEL(AT_FDCWD, path) {
    return (ssize_t)answer(CALL4(SYS_lgetxattr, kernel_path, name, value, size));
  }
  return NEXT(lgetxattr)(path, name, value, size);
}

EXPORT ssize_t llistxattr(const char *path, char *list, size_t size) {
  IN_KERNEL(AT_FDCWD, path) {
    return (ssize_t)answer(CALL3(SYS_llistxattr, kernel_path, list, size));
  }
  return NEXT(llistxattr)(path, list, size);
}

EXPORT int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags) {
  IN_KERNEL(AT_FDCWD, path) {
    return (int)answer(CALL5(SYS_lsetxattr, kernel_path, name, value, size, flags));
  }
  return NEXT(lsetxattr)(path, name, value, size, flags);
}

EXPORT int lremovexattr(const char *path, const char *name) {
  IN_KERNEL(AT_FDCWD, path) {
    return (int)answer(CALL2(SYS_lremovexattr, kernel_path, name));
  }
  return NEXT(lremovexattr)(path, name);
}

EXPORT ssize_t fgetxattr(int fd, const char *name, void *value, size_t size) {
  return ours(fd) ? (ssize_t)answer(CALL4(SYS_fgetxattr, fd, name, value, size)) : NEXT(fgetxattr)(fd, name, value, size);
}

EXPORT ssize_t flistxattr(int fd, char *list, size_t size) {
  return ours(fd) ? (ssize_t)answer(CALL3(SYS_flistxattr, fd, list, size)) : NEXT(flistxattr)(fd, list, size);
}

EXPORT int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags) {
  return ours(fd) ? (int)answer(CALL5(SYS_fsetxattr, fd, name, value, size, flags)) : NEXT(fsetxattr)(fd, name, value, size, flags);
}

EXPORT int fremovexattr(int fd, const char *name) {
  return ours(fd) ? (int)answer(CALL2(SYS_fremovexattr, fd, name)) : NEXT(fremovexattr)(fd, name);
}
