/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Paths. A path is the kernel's if it is below the mount point (POLLUX_AT), or relative to a directory of the kernel: an open
 * one, or the working directory. In the kernel the image is at POLLUX_ROOT. The disks are at /dev/NAME; the program sees them at
 * dev/NAME below the mount point, which hides any such name in the image.
 */
#include "pollux.h"

#include <fcntl.h>
#include <stdio.h>

static char mount_point[KERNEL_PATH_MAX];
static size_t mount_length;
static char root[64]; /* "" or "/mnt" */

void paths_init(void) {
  const char *at = getenv("POLLUX_AT");
  const char *in_kernel = getenv("POLLUX_ROOT");
  if (at && in_kernel && strlen(at) < sizeof mount_point && strlen(in_kernel) < sizeof root) {
    strcpy(mount_point, at);
    mount_length = strlen(at);
    strcpy(root, in_kernel);
  }
}

bool paths_known(void) {
  return mount_length != 0;
}

bool root_is_bare(void) {
  return root[0] == 0;
}

/* The host rejects a bad pointer. */
bool is_wild(const char *path) {
  return machine_call(SYS_access, (long)path, 0, 0, 0, 0, 0) == -EFAULT;
}

static bool is_name(const char *at, size_t length, const char *name) {
  return length == strlen(name) && memcmp(at, name, length) == 0;
}

/*
 * Finds where the names after the mount point begin in an absolute path. Returns null if the path does not end below it. "//",
 * "." and ".." are resolved before the mount point; after it the kernel resolves them, unless ".." leads out. Then *out, if it is
 * not null, receives the host's path: the directories before the mount point, and the rest.
 */
static const char *after_mount_point(const char *path, char *out) {
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
        bool leaves = rest != NULL;
        rest = NULL;
        while (length > 0 && walked[--length] != '/') {
        }
        if (leaves && out) {
          snprintf(out, KERNEL_PATH_MAX, "%.*s/%s", (int)length, walked, path + name + (path[name] == '/'));
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

/* The maximum number of directories that the start of a relative path goes up before it goes down again. */
static long leads_up(const char *path) {
  long depth = 0;
  long lowest = 0;
  while (*path) {
    size_t name = strcspn(path, "/");
    if (is_name(path, name, "..")) {
      depth--;
    } else if (name > 0 && !is_name(path, name, ".")) {
      depth++;
    }
    lowest = depth < lowest ? depth : lowest;
    path += name + (path[name] == '/');
  }
  return -lowest;
}

static bool is_disks(const char *name) {
  return strncmp(name, "dev", 3) == 0 && (name[3] == 0 || name[3] == '/');
}

bool is_mount_point(const char *path) {
  if (mount_length == 0 || is_wild(path)) {
    return false;
  }
  const char *rest = *path == '/' ? after_mount_point(path, NULL) : NULL;
  while (rest && (*rest == '/' || (rest[0] == '.' && (rest[1] == 0 || rest[1] == '/')))) {
    rest++;
  }
  return rest && *rest == 0;
}

/* Makes a path relative to a directory of the host absolute. */
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
bool is_standard_name(const char *path) {
  for (int fd = 0; fd < 3; fd++) {
    if (!is_wild(path) && strcmp(path, standard_names[fd]) == 0) {
      return true;
    }
  }
  return false;
}

static bool below(int dirfd, const char *path, char *buffer, const char **to) {
  *to = path;
  char absolute[2 * KERNEL_PATH_MAX];
  if (*path != '/') {
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
  *buffer = 0;
  rest = after_mount_point(path, buffer);
  if (!rest) {
    *to = *buffer ? buffer : *to; /* on the way it was below the mount point, which the host may not have */
    return false;
  }
  const char *name = rest;
  while (*name == '/' || (name[0] == '.' && name[1] == '/')) {
    name++;
  }
  int length = snprintf(buffer, KERNEL_PATH_MAX, "%s%s", is_disks(name) ? "" : root, *rest ? rest : "/");
  if (length >= KERNEL_PATH_MAX) {
    return false; /* longer than PATH_MAX: the host returns the same error */
  }
  *to = buffer;
  return true;
}

static int64_t below_here(int64_t dirfd, int64_t path, int64_t buffer, int64_t to) {
  return below((int)dirfd, (const char *)path, (char *)buffer, (const char **)to);
}

static bool analyse(int dirfd, const char *path, char *buffer, const char **to) {
  return on_kernel_stack(below_here, dirfd, (intptr_t)path, (intptr_t)buffer, (intptr_t)to);
}

/*
 * A path relative to a directory of the kernel that may lead out of the mount. If it stays in, the kernel walks it from the
 * directory, which may have moved or been removed.
 */
static __attribute__((noinline)) bool from_directory(int dirfd, const char *path, char *buffer, const char **to) {
  char absolute[KERNEL_PATH_MAX];
  *to = path;
  const char *at = dirfd == AT_FDCWD ? directory_in_kernel() : NULL;
  long length = at ? snprintf(absolute, sizeof absolute, "%s", at) : path_of_descriptor(dirfd, absolute, sizeof absolute);
  if (length <= 0 || length + strlen(path) + 2 > sizeof absolute) {
    return true; /* the kernel returns the error */
  }
  absolute[length] = '/';
  strcpy(absolute + length + 1, path);
  if (!analyse(AT_FDCWD, absolute, buffer, to)) {
    *to = *to == absolute ? path : *to; /* else in the buffer */
    return false;
  }
  if (root[0] == 0 || strncmp(*to, "/dev", 4) != 0) {
    *to = path;
  }
  return true;
}

bool below_mount(int dirfd, const char *path, char buffer[KERNEL_PATH_MAX], const char **to) {
  *to = path;
  if (mount_length == 0 || is_wild(path)) {
    return false;
  }
  if (*path != '/' && (ours(dirfd) || (dirfd == AT_FDCWD && directory_in_kernel()))) {
    return leads_up(path) > 0 || (root[0] && is_disks(path)) ? from_directory(dirfd, path, buffer, to) : true;
  }
  return analyse(dirfd, path, buffer, to);
}

bool may_lead_below(const char *path) {
  char buffer[KERNEL_PATH_MAX];
  const char *to;
  if (mount_length == 0 || is_wild(path)) {
    return false;
  }
  if (below_mount(AT_FDCWD, path, buffer, &to)) {
    return true;
  }
  path = to;
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
  int fd = (int)answer(CALL4(SYS_openat, dirfd, path, flags, mode));
  streams_follow(fd);
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
  if (readable) {
    copy = *how;
    if ((copy.resolve & IN_ROOT) && dirfd != AT_FDCWD && !is_wild(path)) {
      return answer(ours(dirfd) ? CALL4(SYS_openat2, dirfd, path, how, size)
                                : machine_call(SYS_openat2, dirfd, (long)path, (long)how, (long)size, 0, 0));
    }
  }
  IN_KERNEL(dirfd, path) {
    return answer(CALL4(SYS_openat2, dirfd, kernel_path, how, size));
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

__attribute__((constructor(101))) static void at_load(void) {
  variables_init();
  paths_init();
}
