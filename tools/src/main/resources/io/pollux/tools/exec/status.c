/* SPDX-License-Identifier: GPL-2.0-only */
/* stat, access, statfs and similar. */
#include "pollux.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

static bool writable; /* whether the mount is writable */

__attribute__((constructor(120))) static void at_load(void) {
  writable = getenv("POLLUX_WRITABLE") != NULL;
}

/* The kernel's struct stat is the C library's. */

/* Whether the call concerns the link itself, which is the host's: /dev/stdin is a link to a link. */
#define LINK_OF_MACHINE(path, flags) (((flags) & AT_SYMLINK_NOFOLLOW) && is_standard_name(path))

/* Since Linux 6.11 a null pointer counts as an empty path. */
#define DESCRIPTOR_ITSELF(dirfd, path, flags) (is_null(path) && ((flags) & AT_EMPTY_PATH) && ours(dirfd))

EXPORT int fstatat(int dirfd, const char *path, struct stat *status, int flags) {
  if (DESCRIPTOR_ITSELF(dirfd, path, flags)) {
    return (int)answer(CALL4(SYS_newfstatat, dirfd, path, status, flags));
  }
  if (LINK_OF_MACHINE(path, flags)) {
    return NEXT(fstatat)(dirfd, path, status, flags);
  }
  IN_KERNEL(dirfd, path) {
    return (int)answer(CALL4(SYS_newfstatat, dirfd, kernel_path, status, flags));
  }
  return NEXT(fstatat)(dirfd, path, status, flags);
}

EXPORT int stat(const char *path, struct stat *status) {
  return fstatat(AT_FDCWD, path, status, 0);
}

EXPORT int lstat(const char *path, struct stat *status) {
  return fstatat(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}

EXPORT int fstatat64(int dirfd, const char *path, struct stat64 *status, int flags) {
  return fstatat(dirfd, path, (struct stat *)status, flags);
}

EXPORT int stat64(const char *path, struct stat64 *status) {
  return fstatat(AT_FDCWD, path, (struct stat *)status, 0);
}

EXPORT int lstat64(const char *path, struct stat64 *status) {
  return fstatat(AT_FDCWD, path, (struct stat *)status, AT_SYMLINK_NOFOLLOW);
}

/* Programs built before glibc 2.33 call these. */
EXPORT int __xstat(int version, const char *path, struct stat *status) {
  (void)version;
  return fstatat(AT_FDCWD, path, status, 0);
}

EXPORT int __lxstat(int version, const char *path, struct stat *status) {
  (void)version;
  return fstatat(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}

EXPORT int __fxstatat(int version, int dirfd, const char *path, struct stat *status, int flags) {
  (void)version;
  return fstatat(dirfd, path, status, flags);
}

EXPORT int __xstat64(int version, const char *path, struct stat64 *status) {
  return __xstat(version, path, (struct stat *)status);
}

EXPORT int __lxstat64(int version, const char *path, struct stat64 *status) {
  return __lxstat(version, path, (struct stat *)status);
}

EXPORT int __fxstatat64(int version, int dirfd, const char *path, struct stat64 *status, int flags) {
  return __fxstatat(version, dirfd, path, (struct stat *)status, flags);
}

EXPORT int statx(int dirfd, const char *path, int flags, unsigned mask, struct statx *status) {
  if (DESCRIPTOR_ITSELF(dirfd, path, flags)) {
    return (int)answer(CALL5(SYS_statx, dirfd, path, flags, mask, status));
  }
  if (LINK_OF_MACHINE(path, flags)) {
    return NEXT(statx)(dirfd, path, flags, mask, status);
  }
  IN_KERNEL(dirfd, path) {
    return (int)answer(CALL5(SYS_statx, dirfd, kernel_path, flags, mask, status));
  }
  return NEXT(statx)(dirfd, path, flags, mask, status);
}

EXPORT int faccessat(int dirfd, const char *path, int mode, int flags) {
  if (!kernel_running() && is_mount_point(path)) { /* known without a kernel: the program may still fork */
    return (mode & W_OK) && !writable ? (errno = EROFS, -1) : 0;
  }
  IN_KERNEL(dirfd, path) {
    return (int)answer(CALL4(SYS_faccessat2, dirfd, kernel_path, mode, flags));
  }
  return NEXT(faccessat)(dirfd, path, mode, flags);
}

EXPORT int access(const char *path, int mode) {
  return faccessat(AT_FDCWD, path, mode, 0);
}

EXPORT int euidaccess(const char *path, int mode) {
  return faccessat(AT_FDCWD, path, mode, AT_EACCESS);
}

EXPORT int eaccess(const char *path, int mode) {
  return faccessat(AT_FDCWD, path, mode, AT_EACCESS);
}

static int ramfs_statfs(struct statfs *status) {
  memset(status, 0, sizeof *status);
  status->f_type = 0x858458f6; /* RAMFS_MAGIC */
  status->f_bsize = status->f_frsize = 4096;
  status->f_namelen = 255;
  return 0;
}

EXPORT int statfs(const char *path, struct statfs *status) {
  if (!kernel_running() && is_mount_point(path) && root_is_bare()) {
    return ramfs_statfs(status); /* as above */
  }
  IN_KERNEL(AT_FDCWD, path) {
    return (int)answer(CALL2(SYS_statfs, kernel_path, status));
  }
  return NEXT(statfs)(path, status);
}

EXPORT int statfs64(const char *path, struct statfs64 *status) {
  return statfs(path, (struct statfs *)status);
}

#define ST_VALID 0x20ul /* f_flags is valid; the C library does not export this */

static int as_statvfs(int result, const struct statfs *from, struct statvfs *to) {
  if (result == 0) {
    memset(to, 0, sizeof *to);
    to->f_bsize = (unsigned long)from->f_bsize;
    to->f_frsize = (unsigned long)(from->f_frsize ? from->f_frsize : from->f_bsize);
    to->f_blocks = from->f_blocks;
    to->f_bfree = from->f_bfree;
    to->f_bavail = from->f_bavail;
    to->f_files = from->f_files;
    to->f_ffree = from->f_ffree;
    to->f_favail = from->f_ffree;
    to->f_namemax = (unsigned long)from->f_namelen;
    to->f_flag = (unsigned long)from->f_flags & ~ST_VALID;
  }
  return result;
}

EXPORT int statvfs(const char *path, struct statvfs *status) {
  IN_KERNEL(AT_FDCWD, path) {
    struct statfs from;
    return as_statvfs(statfs(path, &from), &from, status);
  }
  return NEXT(statvfs)(path, status);
}

EXPORT int statvfs64(const char *path, struct statvfs64 *status) {
  return statvfs(path, (struct statvfs *)status);
}

EXPORT int fstatvfs(int fd, struct statvfs *status) {
  if (ours(fd)) {
    struct statfs from;
    return as_statvfs((int)answer(CALL2(SYS_fstatfs, fd, &from)), &from, status);
  }
  return NEXT(fstatvfs)(fd, status);
}

EXPORT int fstatvfs64(int fd, struct statvfs64 *status) {
  return fstatvfs(fd, (struct statvfs *)status);
}
