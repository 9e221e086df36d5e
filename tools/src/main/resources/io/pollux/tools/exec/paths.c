/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls that name a file by its path. A path is the kernel's if it lies below the mount point (POLLUX_AT), or if it is
 * relative to a directory that was opened there. The kernel knows the image as POLLUX_ROOT, and the disks, which are
 * dev/NAME below the mount point whatever is in the image, as /dev/NAME.
 */
#include "pollux.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

static char mount_point[KERNEL_PATH_MAX];
static size_t mount_length;
static char root[64]; /* "" or "/mnt" */
static bool writable; /* the mount, as a whole */

void paths_init(void) {
  const char *at = getenv("POLLUX_AT");
  const char *in_kernel = getenv("POLLUX_ROOT");
  writable = getenv("POLLUX_WRITABLE") != NULL;
  if (at && in_kernel && strlen(at) < sizeof mount_point && strlen(in_kernel) < sizeof root) {
    strcpy(mount_point, at);
    mount_length = strlen(at);
    strcpy(root, in_kernel);
  }
}

/* Where the names after the mount point begin, or null. Takes "//" and "/./" for what they are. */
static const char *after_mount_point(const char *path) {
  const char *wanted = mount_point;
  while (*wanted) {
    if (*wanted == '/') {
      if (*path != '/') {
        return NULL;
      }
      while (*path == '/' || (path[0] == '.' && path[1] == '/')) {
        path++;
      }
      wanted++;
    } else if (*wanted++ != *path++) {
      return NULL;
    }
  }
  return *path == 0 || *path == '/' ? path : NULL;
}

bool is_mount_point(const char *path) {
  if (mount_length == 0 || machine_call(SYS_access, (long)path, 0, 0, 0, 0, 0) == -EFAULT) {
    return false;
  }
  const char *rest = after_mount_point(path);
  while (rest && (*rest == '/' || (rest[0] == '.' && (rest[1] == 0 || rest[1] == '/')))) {
    rest++;
  }
  return rest && *rest == 0;
}

/* A relative path as an absolute one, if it can lead below the mount point: from one of the directories above that. */
static bool beside_mount(int dirfd, const char *path, char *absolute, size_t room) {
  char directory[KERNEL_PATH_MAX];
  long length;
  if (dirfd == AT_FDCWD) {
    length = machine_call(SYS_getcwd, (long)directory, sizeof directory, 0, 0, 0, 0) - 1;
  } else {
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", dirfd);
    length = machine_call(SYS_readlink, (long)name, (long)directory, sizeof directory - 1, 0, 0, 0);
  }
  if (length <= 0 || *directory != '/') {
    return false;
  }
  directory[length] = 0;
  size_t above = length == 1 ? 0 : (size_t)length; /* "/" ends every directory's name but that one's */
  if (strncmp(directory, mount_point, above) != 0 || mount_point[above] != '/') {
    return false;
  }
  return snprintf(absolute, room, "%.*s/%s", (int)above, directory, path) < (int)room;
}

static bool below(int dirfd, const char *path, char *buffer, const char **to) {
  *to = path;
  if (mount_length == 0 || machine_call(SYS_access, (long)path, 0, 0, 0, 0, 0) == -EFAULT) {
    return false; /* a wild pointer is for the machine to refuse */
  }
  char absolute[2 * KERNEL_PATH_MAX];
  if (*path != '/') {
    if (ours(dirfd)) {
      return true;
    }
    if (!beside_mount(dirfd, path, absolute, sizeof absolute)) {
      return false;
    }
    path = absolute;
  }
  const char *rest = after_mount_point(path);
  if (!rest) {
    return false;
  }
  const char *name = rest;
  while (*name == '/') {
    name++;
  }
  bool device = strncmp(name, "dev", 3) == 0 && (name[3] == 0 || name[3] == '/');
  int length = snprintf(buffer, KERNEL_PATH_MAX, "%s%s", device ? "" : root, *rest ? rest : "/");
  if (length >= KERNEL_PATH_MAX) {
    return false; /* longer than any path may be: the machine says so too */
  }
  *to = buffer;
  return true;
}

static int64_t below_here(int64_t dirfd, int64_t path, int64_t buffer, int64_t to) {
  return below((int)dirfd, (const char *)path, (char *)buffer, (const char **)to);
}

bool below_mount(int dirfd, const char *path, char buffer[KERNEL_PATH_MAX], const char **to) {
  return on_kernel_stack(below_here, dirfd, (intptr_t)path, (intptr_t)buffer, (intptr_t)to);
}

/* The mask of modes, which is the machine's business otherwise: the kernel here has none. */

static mode_t mask_of_modes;

EXPORT mode_t umask(mode_t mask) {
  mask_of_modes = mask & 0777;
  return NEXT(umask)(mask);
}

/* open and its like. */

static bool wants_mode(int flags) {
  return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
}

#define MODE_OF(flags)                \
  mode_t mode = 0;                    \
  if (wants_mode(flags)) {            \
    va_list list_;                    \
    va_start(list_, flags);           \
    mode = va_arg(list_, mode_t);     \
    va_end(list_);                    \
  }

static int kernel_open(int dirfd, const char *path, int flags, mode_t mode) {
  int fd = (int)answer(CALL4(SYS_openat, dirfd, path, flags, mode & ~mask_of_modes));
  if (fd >= 0 && (flags & O_CLOEXEC)) {
    machine_call(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC, 0, 0, 0);
  }
  return fd;
}

EXPORT int open(const char *path, int flags, ...) {
  MODE_OF(flags)
  IN_KERNEL(AT_FDCWD, path) {
    return kernel_open(AT_FDCWD, kernel_path, flags, mode);
  }
  return NEXT(open)(path, flags, mode);
}

EXPORT int open64(const char *path, int flags, ...) {
  MODE_OF(flags)
  return open(path, flags | O_LARGEFILE, mode);
}

EXPORT int openat(int dirfd, const char *path, int flags, ...) {
  MODE_OF(flags)
  IN_KERNEL(dirfd, path) {
    return kernel_open(dirfd, kernel_path, flags, mode);
  }
  return NEXT(openat)(dirfd, path, flags, mode);
}

EXPORT int openat64(int dirfd, const char *path, int flags, ...) {
  MODE_OF(flags)
  return openat(dirfd, path, flags | O_LARGEFILE, mode);
}

/* What a compiler makes of open with checks on. */
EXPORT int __open_2(const char *path, int flags) {
  return open(path, flags);
}

EXPORT int __open64_2(const char *path, int flags) {
  return open64(path, flags);
}

EXPORT int __openat_2(int dirfd, const char *path, int flags) {
  return openat(dirfd, path, flags);
}

EXPORT int __openat64_2(int dirfd, const char *path, int flags) {
  return openat64(dirfd, path, flags);
}

EXPORT int creat(const char *path, mode_t mode) {
  return open(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

EXPORT int creat64(const char *path, mode_t mode) {
  return open64(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* stat and its like. The kernel's struct stat is the C library's. */

EXPORT int fstatat(int dirfd, const char *path, struct stat *status, int flags) {
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

/* As programs built before glibc 2.33 call them. */
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
  IN_KERNEL(dirfd, path) {
    return (int)answer(CALL5(SYS_statx, dirfd, kernel_path, flags, mask, status));
  }
  return NEXT(statx)(dirfd, path, flags, mask, status);
}

EXPORT int faccessat(int dirfd, const char *path, int mode, int flags) {
  if (!kernel_running() && is_mount_point(path)) { /* known without a kernel: a program may fork after this yet */
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
  if (!kernel_running() && is_mount_point(path) && root[0] == 0) {
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
    to->f_flag = writable ? 0 : ST_RDONLY;
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

/* Links and names. */

EXPORT ssize_t readlinkat(int dirfd, const char *path, char *target, size_t size) {
  IN_KERNEL(dirfd, path) {
    return answer(CALL4(SYS_readlinkat, dirfd, kernel_path, target, size));
  }
  return NEXT(readlinkat)(dirfd, path, target, size);
}

EXPORT ssize_t readlink(const char *path, char *target, size_t size) {
  return readlinkat(AT_FDCWD, path, target, size);
}

/* What a compiler makes of these with checks on. */
EXPORT ssize_t __readlinkat_chk(int dirfd, const char *path, char *target, size_t size, size_t room) {
  if (size > room) {
    abort();
  }
  return readlinkat(dirfd, path, target, size);
}

EXPORT ssize_t __readlink_chk(const char *path, char *target, size_t size, size_t room) {
  return __readlinkat_chk(AT_FDCWD, path, target, size, room);
}

EXPORT int unlinkat(int dirfd, const char *path, int flags) {
  IN_KERNEL(dirfd, path) {
    return (int)answer(CALL3(SYS_unlinkat, dirfd, kernel_path, flags));
  }
  return NEXT(unlinkat)(dirfd, path, flags);
}

EXPORT int unlink(const char *path) {
  return unlinkat(AT_FDCWD, path, 0);
}

EXPORT int rmdir(const char *path) {
  return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

EXPORT int remove(const char *path) {
  int result = unlink(path);
  return result != 0 && errno == EISDIR ? rmdir(path) : result;
}

EXPORT int mkdirat(int dirfd, const char *path, mode_t mode) {
  IN_KERNEL(dirfd, path) {
    return (int)answer(CALL3(SYS_mkdirat, dirfd, kernel_path, mode & ~mask_of_modes));
  }
  return NEXT(mkdirat)(dirfd, path, mode);
}

EXPORT int mkdir(const char *path, mode_t mode) {
  return mkdirat(AT_FDCWD, path, mode);
}

EXPORT int truncate(const char *path, off_t length) {
  IN_KERNEL(AT_FDCWD, path) {
    return (int)answer(CALL2(SYS_truncate, kernel_path, length));
  }
  return NEXT(truncate)(path, length);
}

EXPORT int truncate64(const char *path, off64_t length) {
  return truncate(path, length);
}

EXPORT char *realpath(const char *path, char *resolved) {
  IN_KERNEL(AT_FDCWD, path) { /* links are not followed: the name below the mount point is as good */
    struct stat status;
    if (fstatat(AT_FDCWD, path, &status, 0) != 0) {
      return NULL;
    }
    return resolved ? strcpy(resolved, path) : strdup(path);
  }
  return NEXT(realpath)(path, resolved);
}

EXPORT char *__realpath_chk(const char *path, char *resolved, size_t room) {
  if (resolved && room < PATH_MAX) {
    abort();
  }
  return realpath(path, resolved);
}

static int no_current_directory(void) {
  say("exec: a directory of the image can't be the current one");
  errno = EOPNOTSUPP;
  return -1;
}

EXPORT int chdir(const char *path) {
  IN_KERNEL(AT_FDCWD, path) {
    return no_current_directory();
  }
  return NEXT(chdir)(path);
}

EXPORT int fchdir(int fd) {
  return ours(fd) ? no_current_directory() : NEXT(fchdir)(fd);
}

/* Limits are those of any file; the path has to be there. */
EXPORT long pathconf(const char *path, int name) {
  IN_KERNEL(AT_FDCWD, path) {
    struct stat status;
    return fstatat(AT_FDCWD, path, &status, 0) == 0 ? NEXT(pathconf)("/", name) : -1;
  }
  return NEXT(pathconf)(path, name);
}

__attribute__((constructor)) static void at_load(void) {
  paths_init();
  umask(umask(0)); /* to learn it */
}
