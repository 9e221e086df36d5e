/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls that make, change and remove names; links; temporary files. A rename or link across the mount point is EXDEV. */
#include "pollux.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* Links and names. */

long path_of_descriptor(int fd, char *path, size_t room) {
  char link[64];
  snprintf(link, sizeof link, DESCRIPTORS "%d", fd);
  long length = CALL4(SYS_readlinkat, AT_FDCWD, link, path, room / 2);
  return length > 0 && *path == '/' ? (long)path_of_program(path, (size_t)length, room) : length;
}

/* Target of a descriptor's link, as a path of the program. */
static long read_descriptor_link(const char *kernel_path, char *target, size_t size) {
  char buffer[2 * KERNEL_PATH_MAX];
  long length = CALL4(SYS_readlinkat, AT_FDCWD, kernel_path, buffer, KERNEL_PATH_MAX);
  if (length < 0 || (int)size <= 0) {
    return length < 0 ? length : -EINVAL;
  }
  if (*buffer == '/') {
    length = (long)path_of_program(buffer, (size_t)length, sizeof buffer);
  }
  length = (size_t)length < size ? length : (long)size;
  if (probe((intptr_t)target, length, 1) != length) {
    return -EFAULT;
  }
  memcpy(target, buffer, (size_t)length);
  return length;
}

EXPORT ssize_t readlinkat(int dirfd, const char *path, char *target, size_t size) {
  if (is_standard_name(path)) {
    return NEXT(readlinkat)(dirfd, path, target, size);
  }
  IN_KERNEL(dirfd, path) {
    const char *descriptor = strncmp(kernel_path, DESCRIPTORS, strlen(DESCRIPTORS)) == 0 ? kernel_path + strlen(DESCRIPTORS) : NULL;
    if (descriptor && !strchr(descriptor, '/')) {
      return answer(read_descriptor_link(kernel_path, target, size));
    }
    return answer(CALL4(SYS_readlinkat, dirfd, kernel_path, target, size));
  }
  return NEXT(readlinkat)(dirfd, path, target, size);
}

EXPORT ssize_t readlink(const char *path, char *target, size_t size) {
  return readlinkat(AT_FDCWD, path, target, size);
}

/* The compiler calls these for readlink with checks. */
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
    return (int)answer(CALL3(SYS_mkdirat, dirfd, kernel_path, mode));
  }
  return NEXT(mkdirat)(dirfd, path, mode);
}

EXPORT int mkdir(const char *path, mode_t mode) {
  return mkdirat(AT_FDCWD, path, mode);
}

/* Renames and links. */

EXPORT int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags) {
  char other_buffer[KERNEL_PATH_MAX];
  const char *other;
  bool other_ours = below_mount(to_fd, to, other_buffer, &other);
  IN_KERNEL(from_fd, from) {
    return (int)answer(other_ours ? CALL5(SYS_renameat2, from_fd, kernel_path, to_fd, other, flags) : -EXDEV);
  }
  return other_ours ? (int)answer(-EXDEV) : NEXT(renameat2)(from_fd, from, to_fd, other, flags);
}

EXPORT int renameat(int from_fd, const char *from, int to_fd, const char *to) {
  return renameat2(from_fd, from, to_fd, to, 0);
}

EXPORT int rename(const char *from, const char *to) {
  return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* A link across the mount point. As in Linux, both names are checked before the filesystems. */
static int link_across(int from_fd, const char *from, int to_fd, const char *to) {
  struct stat status;
  if (fstatat(from_fd, from, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return -1;
  }
  errno = 0;
  bool exists = fstatat(to_fd, to, &status, AT_SYMLINK_NOFOLLOW) == 0;
  return (int)answer(exists ? -EEXIST : errno == ENOENT ? -EXDEV : -errno);
}

EXPORT int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags) {
  char other_buffer[KERNEL_PATH_MAX];
  const char *other;
  bool other_ours = below_mount(to_fd, to, other_buffer, &other);
  if ((flags & AT_EMPTY_PATH) && ours(from_fd) && !is_wild(from) && !*from) {
    return (int)answer(other_ours ? CALL5(SYS_linkat, from_fd, from, to_fd, other, flags) : -EXDEV);
  }
  IN_KERNEL(from_fd, from) {
    return other_ours ? (int)answer(CALL5(SYS_linkat, from_fd, kernel_path, to_fd, other, flags))
                      : link_across(from_fd, from, to_fd, other);
  }
  return other_ours ? link_across(from_fd, from, to_fd, to) : NEXT(linkat)(from_fd, from, to_fd, other, flags);
}

EXPORT int link(const char *from, const char *to) {
  return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
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

/* Special files. */

EXPORT int mknodat(int dirfd, const char *path, mode_t mode, dev_t device) {
  IN_KERNEL(dirfd, path) {
    /* the system call has 32 bits, as for all devices of Linux */
    return (int)answer(device == (unsigned)device ? CALL4(SYS_mknodat, dirfd, kernel_path, mode, device) : -EINVAL);
  }
  return NEXT(mknodat)(dirfd, path, mode, device);
}

EXPORT int mknod(const char *path, mode_t mode, dev_t device) {
  return mknodat(AT_FDCWD, path, mode, device);
}

/* Programs built before glibc 2.33 call these. */
EXPORT int __xmknodat(int version, int dirfd, const char *path, mode_t mode, dev_t *device) {
  (void)version;
  return mknodat(dirfd, path, mode, *device);
}

EXPORT int __xmknod(int version, const char *path, mode_t mode, dev_t *device) {
  return __xmknodat(version, AT_FDCWD, path, mode, device);
}

EXPORT int mkfifoat(int dirfd, const char *path, mode_t mode) {
  return mknodat(dirfd, path, mode | S_IFIFO, 0);
}

EXPORT int mkfifo(const char *path, mode_t mode) {
  return mkfifoat(AT_FDCWD, path, mode);
}

/* Mounts. */

EXPORT int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data) {
  char other_buffer[KERNEL_PATH_MAX];
  const char *other;
  below_mount(AT_FDCWD, source, other_buffer, &other);
  IN_KERNEL(AT_FDCWD, target) {
    return (int)answer(CALL5(SYS_mount, other, kernel_path, type, flags, data));
  }
  return NEXT(mount)(source, target, type, flags, data);
}

EXPORT int umount2(const char *target, int flags) {
  IN_KERNEL(AT_FDCWD, target) {
    return (int)answer(CALL2(SYS_umount2, kernel_path, flags));
  }
  return NEXT(umount2)(target, flags);
}

EXPORT int umount(const char *target) {
  return umount2(target, 0);
}

/* Temporary files and directories. */

#define WILD 6 /* number of X in a template */
#define ATTEMPTS 1000

static bool may_be_ours(const char *path) {
  char buffer[KERNEL_PATH_MAX];
  const char *unused;
  return below_mount(AT_FDCWD, path, buffer, &unused);
}

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
  if (!may_be_ours(name)) {
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
  if (!may_be_ours(name)) {
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
