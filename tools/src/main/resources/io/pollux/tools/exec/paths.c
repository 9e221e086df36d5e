/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls that name a file by its path. A path is the kernel's if it is below the mount point (POLLUX_AT), or relative to a
 * directory opened there. In the kernel the image is at POLLUX_ROOT. The disks are at /dev/NAME; the program sees them at
 * dev/NAME below the mount point, which hides any such name in the image.
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
static bool writable; /* whether the mount is writable */

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

bool paths_known(void) {
  return mount_length != 0;
}

/* The host rejects a bad pointer. */
static bool is_wild(const char *path) {
  return machine_call(SYS_access, (long)path, 0, 0, 0, 0, 0) == -EFAULT;
}

static bool is_name(const char *at, size_t length, const char *name) {
  return length == strlen(name) && memcmp(at, name, length) == 0;
}

/*
 * Finds where the names after the mount point begin in an absolute path. Returns null if the path does not end below it. "//",
 * "." and ".." are resolved before the mount point; after it the kernel resolves them, unless ".." leads out.
 */
static const char *after_mount_point(const char *path) {
  char walked[KERNEL_PATH_MAX];
  size_t length = 0;
  const char *rest = NULL;
  long depth = 0; /* below the mount point */
  while (*path) {
    while (*path == '/') {
      path++;
    }
    size_t name = strcspn(path, "/");
    if (is_name(path, name, "..")) {
      if (rest && depth > 0) {
        depth--;
      } else {
        rest = NULL;
        while (length > 0 && walked[--length] != '/') {
        }
      }
    } else if (name > 0 && !is_name(path, name, ".")) {
      if (rest) {
        depth++;
      } else if (length + name + 1 >= sizeof walked) {
        return NULL; /* longer than PATH_MAX */
      } else {
        walked[length] = '/';
        memcpy(walked + length + 1, path, name);
        length += name + 1;
        if (length == mount_length && memcmp(walked, mount_point, length) == 0) {
          rest = path + name;
          depth = 0;
        }
      }
    }
    path += name;
  }
  return rest;
}

bool is_mount_point(const char *path) {
  if (mount_length == 0 || is_wild(path)) {
    return false;
  }
  const char *rest = *path == '/' ? after_mount_point(path) : NULL;
  while (rest && (*rest == '/' || (rest[0] == '.' && (rest[1] == 0 || rest[1] == '/')))) {
    rest++;
  }
  return rest && *rest == 0;
}

/* Makes a relative path absolute. */
static bool make_absolute(int dirfd, const char *path, char *absolute, size_t room) {
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
  return snprintf(absolute, room, "%s/%s", directory, path) < (int)room;
}

/* Parses a number in a path; *end points past it. Returns a negative value if there is none. */
static long number_in(const char *at, const char **end) {
  long number = 0;
  const char *digit = at;
  while (*digit >= '0' && *digit <= '9' && number < FD_LIMIT * 1000l) {
    number = number * 10 + *digit++ - '0';
  }
  *end = digit;
  return digit == at || (*at == '0' && digit - at > 1) || (*digit && *digit != '/') ? -1 : number;
}

static const char *behind(const char *path, const char *start) {
  size_t length = strlen(start);
  return strncmp(path, start, length) == 0 ? path + length : NULL;
}

/* What follows this process's "/proc/PROCESS/fd/" or similar, or null. */
static const char *in_descriptors(const char *path) {
  const char *rest = behind(path, "/dev/fd/");
  if (rest) {
    return rest;
  }
  rest = behind(path, "/proc/");
  if (!rest) {
    return NULL;
  }
  const char *process = behind(rest, "self/");
  process = process ? process : behind(rest, "thread-self/");
  if (!process) {
    long number = number_in(rest, &process);
    if (number < 0 || number != machine_call(SYS_getpid, 0, 0, 0, 0, 0, 0) || *process++ != '/') {
      return NULL;
    }
  }
  const char *thread = behind(process, "task/");
  if (thread) {
    if (number_in(thread, &process) < 0 || *process++ != '/') {
      return NULL;
    }
  }
  return behind(process, "fd/");
}

static const char *const standard_names[] = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};

/* The descriptor whose link a path is, or a negative value; *rest is what follows. */
static int descriptor_in(const char *path, const char **rest) {
  for (int fd = 0; fd < 3; fd++) {
    const char *end = behind(path, standard_names[fd]);
    if (end && (*end == 0 || *end == '/')) {
      *rest = end;
      return fd;
    }
  }
  const char *at = in_descriptors(path);
  return at ? (int)number_in(at, rest) : -1;
}

/* A name of a standard stream, a link to a link. */
static bool is_standard_name(const char *path) {
  for (int fd = 0; fd < 3; fd++) {
    if (!is_wild(path) && strcmp(path, standard_names[fd]) == 0) {
      return true;
    }
  }
  return false;
}

#define DESCRIPTORS "/proc/self/fd/" /* the kernel's name */

static bool below(int dirfd, const char *path, char *buffer, const char **to) {
  *to = path;
  if (mount_length == 0 || is_wild(path)) {
    return false;
  }
  char absolute[2 * KERNEL_PATH_MAX];
  if (*path != '/') {
    if (ours(dirfd)) {
      return true;
    }
    if (!*path || !make_absolute(dirfd, path, absolute, sizeof absolute)) {
      return false;
    }
    path = absolute;
  }
  const char *rest = NULL;
  int descriptor = descriptor_in(path, &rest);
  if (descriptor >= 0 && ours(descriptor)) {
    if (snprintf(buffer, KERNEL_PATH_MAX, DESCRIPTORS "%d%s", descriptor, rest) >= KERNEL_PATH_MAX) {
      return false;
    }
    *to = buffer;
    return true;
  }
  rest = after_mount_point(path);
  if (!rest) {
    return false;
  }
  const char *name = rest;
  while (*name == '/' || (name[0] == '.' && name[1] == '/')) {
    name++;
  }
  bool device = strncmp(name, "dev", 3) == 0 && (name[3] == 0 || name[3] == '/');
  int length = snprintf(buffer, KERNEL_PATH_MAX, "%s%s", device ? "" : root, *rest ? rest : "/");
  if (length >= KERNEL_PATH_MAX) {
    return false; /* longer than PATH_MAX: the host returns the same error */
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

bool may_lead_below(const char *path) {
  char buffer[KERNEL_PATH_MAX];
  const char *unused;
  if (mount_length == 0 || is_wild(path)) {
    return false;
  }
  if (below_mount(AT_FDCWD, path, buffer, &unused)) {
    return true;
  }
  char absolute[2 * KERNEL_PATH_MAX];
  if (*path != '/') {
    if (!make_absolute(AT_FDCWD, path, absolute, sizeof absolute)) {
      return false;
    }
    path = absolute;
  }
  size_t length = strlen(path);
  while (length > 0 && path[length - 1] == '/') {
    length--;
  }
  return strstr(path, "/..") || (length < mount_length && strncmp(path, mount_point, length) == 0 && mount_point[length] == '/');
}

size_t path_of_program(char *path, size_t length, size_t room) {
  size_t cut = strlen(root);
  bool below = length >= cut && memcmp(path, root, cut) == 0 && (length == cut || path[cut] == '/');
  cut = below ? cut : 0; /* else a disk: /dev/NAME */
  cut = length == 1 ? 1 : cut; /* the root */
  size_t moved = length - cut < room - mount_length ? length - cut : room - mount_length;
  memmove(path + mount_length, path + cut, moved);
  memcpy(path, mount_point, mount_length);
  return mount_length + moved;
}

/* The umask, which the host manages. The kernel has none. */

static mode_t mask_of_modes;

EXPORT mode_t umask(mode_t mask) {
  mask_of_modes = mask & 0777;
  return NEXT(umask)(mask);
}

/* open and similar. */

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
  return (int)answer(CALL4(SYS_openat, dirfd, path, flags, mode & ~mask_of_modes));
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

/* struct open_how, which the C library may lack. */
struct how {
  uint64_t flags;
  uint64_t mode;
  uint64_t resolve;
};

#define IN_ROOT 0x10 /* RESOLVE_IN_ROOT: "/" is the directory */

EXPORT long openat2(int dirfd, const char *path, const struct how *how, size_t size) {
  struct how copy;
  bool readable = paths_known() && size >= sizeof copy && probe((intptr_t)how, sizeof copy, 0) == sizeof copy;
  const struct how *passed = how;
  if (readable) {
    copy = *how;
    if (size == sizeof copy && wants_mode((int)copy.flags)) {
      copy.mode &= ~(uint64_t)mask_of_modes;
      passed = &copy;
    }
    if ((copy.resolve & IN_ROOT) && dirfd != AT_FDCWD && !is_wild(path)) {
      return answer(ours(dirfd) ? CALL4(SYS_openat2, dirfd, path, passed, size)
                                : machine_call(SYS_openat2, dirfd, (long)path, (long)how, (long)size, 0, 0));
    }
  }
  IN_KERNEL(dirfd, path) {
    return answer(CALL4(SYS_openat2, dirfd, kernel_path, passed, size));
  }
  return answer(machine_call(SYS_openat2, dirfd, (long)path, (long)how, (long)size, 0, 0));
}

/* The compiler calls these for open with checks. */
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

/* stat and similar. The kernel's struct stat is the C library's. */

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

/* Links and names. */

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
    const char *descriptor = behind(kernel_path, DESCRIPTORS);
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

__attribute__((constructor)) static void at_load(void) {
  paths_init();
  umask(umask(0)); /* to read it */
}
