/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The working directory and the umask.
 *
 * The working directory is the kernel's or the host's. While it is the kernel's, the host's stays where it was, and no path is
 * relative to it. POLLUX_CWD in the environment has the kernel's directory, for an executed program, whose kernel starts anew.
 *
 * The host and the kernel have the same umask. The kernel receives both when it starts.
 */
#include "pollux.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* getwd */

#define VARIABLE "POLLUX_CWD"

/* The kernel's working directory as a path of the program, or null. Of two buffers a reader may still use the previous one. */
static char paths[2][KERNEL_PATH_MAX];
static char *volatile current;

static volatile mode_t mask_of_modes;

const char *directory_in_kernel(void) {
  return current;
}

static void set_current(const char *path) {
  char *next = NULL;
  if (path) {
    next = paths[current == paths[0]];
    size_t length = strlen(path);
    length = length < KERNEL_PATH_MAX ? length : KERNEL_PATH_MAX - 1;
    memcpy(next, path, length);
    next[length] = 0;
    variable_set(VARIABLE, path);
  } else if (current) {
    variable_set(VARIABLE, NULL);
  }
  __atomic_store_n(&current, next, __ATOMIC_RELEASE);
}

/* The kernel's working directory, as a path of the program. Returns its length, or a negative errno. */
static long ask(char path[2 * KERNEL_PATH_MAX]) {
  long length = CALL2(SYS_getcwd, path, KERNEL_PATH_MAX);
  if (length <= 0) {
    return length;
  }
  length = (long)path_of_program(path, (size_t)length - 1, 2 * KERNEL_PATH_MAX - 1);
  if (length > 1 && path[length - 1] == '/') {
    length--;
  }
  path[length] = 0;
  return length;
}

/* After a change of directory in the kernel. */
static int entered(long result) {
  char path[2 * KERNEL_PATH_MAX];
  if (result < 0) {
    return (int)answer(result);
  }
  if (ask(path) <= 0) { /* it was removed */
    strcpy(path, "/");
    path[path_of_program(path, 1, sizeof path - 1)] = 0;
  }
  set_current(path);
  return 0;
}

static int left(int result) {
  if (result == 0) {
    set_current(NULL);
  }
  return result;
}

EXPORT int chdir(const char *path) {
  IN_KERNEL(AT_FDCWD, path) {
    return entered(CALL1(SYS_chdir, kernel_path));
  }
  return left(NEXT(chdir)(path));
}

EXPORT int fchdir(int fd) {
  return ours(fd) ? entered(CALL1(SYS_fchdir, fd)) : left(NEXT(fchdir)(fd));
}

EXPORT char *getcwd(char *buffer, size_t size) {
  if (!current) {
    return NEXT(getcwd)(buffer, size);
  }
  char path[2 * KERNEL_PATH_MAX];
  long length = ask(path);
  if (length < 0) {
    return (char *)(answer(length), NULL);
  }
  size_t needed = (size_t)length + 1;
  if (size == 0 && buffer) {
    return (char *)(answer(-EINVAL), NULL);
  }
  if (size != 0 && size < needed) {
    return (char *)(answer(-ERANGE), NULL);
  }
  if (!buffer) {
    buffer = malloc(size != 0 ? size : needed);
  }
  return buffer ? memcpy(buffer, path, needed) : NULL;
}

EXPORT char *get_current_dir_name(void) {
  return current ? getcwd(NULL, 0) : NEXT(get_current_dir_name)();
}

EXPORT char *__getcwd_chk(char *buffer, size_t size, size_t room) {
  if (size > room) {
    abort();
  }
  return getcwd(buffer, size);
}

/* The linker warns about direct calls of getwd, but not about dlsym. */
EXPORT char *getwd(char *buffer) {
  char *(*next)(char *) = (char *(*)(char *))dlsym(RTLD_NEXT, "getwd");
  return current ? getcwd(buffer, PATH_MAX) : next(buffer);
}

EXPORT char *__getwd_chk(char *buffer, size_t room) {
  if (current && room < PATH_MAX) {
    abort();
  }
  return getwd(buffer);
}

/* getcwd(2): returns the length with the 0. */
long pollux_getcwd(char *buffer, size_t size) {
  if (!current) {
    return machine_call(SYS_getcwd, (long)buffer, (long)size, 0, 0, 0, 0);
  }
  char path[2 * KERNEL_PATH_MAX];
  long needed = ask(path) + 1;
  if (needed <= 0) {
    return needed - 1;
  }
  if (size < (size_t)needed) {
    return -ERANGE;
  }
  if (probe((intptr_t)buffer, needed, 1) != needed) {
    return -EFAULT;
  }
  memcpy(buffer, path, (size_t)needed);
  return needed;
}

EXPORT mode_t umask(mode_t mask) {
  mask_of_modes = mask & 0777;
  if (kernel_running()) {
    CALL1(SYS_umask, mask);
  }
  return NEXT(umask)(mask);
}

void cwd_settle(long (*call)(long nr, long argument)) {
  call(SYS_umask, mask_of_modes);
  char buffer[KERNEL_PATH_MAX];
  const char *path;
  if (current && below_mount(AT_FDCWD, current, buffer, &path) && call(SYS_chdir, (long)path) < 0) {
    say("exec: the working directory does not exist");
  }
}

static long call_kernel(long nr, long argument) {
  return kernel_call(nr, argument, 0, 0, 0, 0, 0);
}

void cwd_take_over(bool has) {
  if (!has) {
    cwd_settle(call_kernel);
    return;
  }
  entered(0);
  CALL1(SYS_umask, mask_of_modes);
}

__attribute__((constructor(102))) static void at_load(void) {
  mask_of_modes = NEXT(umask)(0);
  NEXT(umask)(mask_of_modes);
  const char *path = variable_get(VARIABLE);
  if (path && paths_known() && strlen(path) < KERNEL_PATH_MAX) {
    set_current(path);
  }
}
