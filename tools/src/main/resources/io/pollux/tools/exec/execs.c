/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Executing another program. The program inherits the signal mask and the ignored signals. For faults the host has others
 * (masks.c, signals.c), so they are set before the exec. In posix_spawn an ignored fault gets its default action instead.
 */
#include "pollux.h"

#include <spawn.h>
#include <stdio.h>

/* Declares `variable`, the environment for the next program. */
#define WITH_VARIABLES(environment, variable)                              \
  bool change_ = variables_wanted(environment);                            \
  char *changed_[change_ ? variables_room(environment) : 1];               \
  if (change_) {                                                           \
    variables_add(environment, changed_);                                  \
  }                                                                        \
  char *const *variable = change_ ? changed_ : environment;

#define ATTEMPT(call)       \
  ({                        \
    signals_before_exec();  \
    client_before_exec();   \
    int result_ = call;     \
    int saved_ = errno;     \
    client_after_exec();    \
    signals_after_exec();   \
    errno = saved_;         \
    result_;                \
  })

EXPORT int execve(const char *path, char *const arguments[], char *const environment[]) {
  WITH_VARIABLES(environment, next)
  return ATTEMPT(NEXT(execve)(path, arguments, next));
}

EXPORT int execv(const char *path, char *const arguments[]) {
  return execve(path, arguments, environ);
}

EXPORT int execvpe(const char *file, char *const arguments[], char *const environment[]) {
  WITH_VARIABLES(environment, next)
  return ATTEMPT(NEXT(execvpe)(file, arguments, next));
}

EXPORT int execvp(const char *file, char *const arguments[]) {
  return execvpe(file, arguments, environ);
}

EXPORT int fexecve(int fd, char *const arguments[], char *const environment[]) {
  WITH_VARIABLES(environment, next)
  return ATTEMPT(NEXT(fexecve)(fd, arguments, next));
}

EXPORT int execveat(int at, const char *path, char *const arguments[], char *const environment[], int flags) {
  WITH_VARIABLES(environment, next)
  return ATTEMPT(NEXT(execveat)(at, path, arguments, next, flags));
}

/* Collects the arguments of execl and similar in an array on the stack. `list` then points past the null pointer. */
#define COLLECT(first, list)                          \
  size_t count_ = 1;                                  \
  va_list counting_;                                  \
  va_start(counting_, first);                         \
  for (const char *it_ = first; it_; count_++) {      \
    it_ = va_arg(counting_, const char *);            \
  }                                                   \
  va_end(counting_);                                  \
  char *arguments[count_];                            \
  va_start(list, first);                              \
  arguments[0] = (char *)first;                       \
  for (size_t i_ = 0; arguments[i_]; i_++) {          \
    arguments[i_ + 1] = va_arg(list, char *);         \
  }

EXPORT int execl(const char *path, const char *first, ...) {
  va_list list;
  COLLECT(first, list)
  va_end(list);
  return execve(path, arguments, environ);
}

EXPORT int execlp(const char *file, const char *first, ...) {
  va_list list;
  COLLECT(first, list)
  va_end(list);
  return execvpe(file, arguments, environ);
}

EXPORT int execle(const char *path, const char *first, ...) {
  va_list list;
  COLLECT(first, list)
  char *const *environment = va_arg(list, char *const *);
  va_end(list);
  return execve(path, arguments, environment);
}

/* Sets only the mask, because the parent's other threads keep running. */

EXPORT int posix_spawn(pid_t *child, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[]) {
  server_ensure();
  WITH_VARIABLES(environment, next)
  machine_mask(SIG_BLOCK, self.blocked_faults);
  int result = NEXT(posix_spawn)(child, path, actions, attributes, arguments, next);
  machine_mask(SIG_UNBLOCK, self.blocked_faults);
  return result;
}

EXPORT int posix_spawnp(pid_t *child, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[]) {
  server_ensure();
  WITH_VARIABLES(environment, next)
  machine_mask(SIG_BLOCK, self.blocked_faults);
  int result = NEXT(posix_spawnp)(child, file, actions, attributes, arguments, next);
  machine_mask(SIG_UNBLOCK, self.blocked_faults);
  return result;
}

/* Both start a shell inside the C library. */

EXPORT int system(const char *command) {
  server_ensure();
  return NEXT(system)(command);
}

EXPORT FILE *popen(const char *command, const char *mode) {
  server_ensure();
  return NEXT(popen)(command, mode);
}
