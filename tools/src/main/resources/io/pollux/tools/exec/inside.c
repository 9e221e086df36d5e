/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * C library functions that make their system calls inside the library, where this library cannot interpose.
 *
 * Each of them runs in a window, in which the thread has syscall user dispatch (Linux 5.11). The allowed range is this library's
 * text. Any other system call raises SIGSYS. The handler makes the call as syscall() does, and returns the result to the caller.
 * Outside of windows nothing changes, at no cost.
 *
 *   - Signals of the program are blocked until the window closes or a callback runs. A handler that makes a call with SIGSYS
 *     blocked would kill the process.
 *   - A change of the signal mask in a window changes `outside`, the program's mask.
 *   - The handler cannot make sigreturn or a call that starts a thread or process. An instruction in the allowed range makes
 *     these calls, with the caller's registers.
 *   - A thread or process started in a window has no dispatch: Linux does not pass it on.
 *
 * Without syscall user dispatch the functions find host files only; one line on standard error reports it.
 */
#include "pollux.h"

#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <linux/sched.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <ucontext.h>
#include <wordexp.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_OFF 0
#define PR_SYS_DISPATCH_ON 1
#endif
#ifndef SYS_USER_DISPATCH
#define SYS_USER_DISPATCH 2
#endif
#define ALLOW 0 /* SYSCALL_DISPATCH_FILTER_ALLOW */
#define BLOCK 1

#define RESTORER 0x04000000ul /* SA_RESTORER */
#define SIGSET_BYTES 8

/* The host's layout. */
struct kernel_action {
  void (*handler)(int, siginfo_t *, void *);
  unsigned long flags;
  void (*restorer)(void);
  uint64_t mask;
};

static __thread volatile char selector __attribute__((tls_model("initial-exec"))) = ALLOW;
static __thread int depth __attribute__((tls_model("initial-exec")));      /* open windows, callbacks included */
static __thread uint64_t outside __attribute__((tls_model("initial-exec"))); /* the program's signal mask */
__thread void *pollux_resume __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Start of this library's text. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char etext[] __attribute__((visibility("hidden")));

/*
 * The return from the handler, in the allowed range; debuggers and unwinders recognize a signal frame by it. Then the repeated
 * system call, which continues at the caller. System calls clobber rcx.
 */
__asm__(
    ".text\n"
    ".globl pollux_restorer\n"
    ".hidden pollux_restorer\n"
    ".type pollux_restorer, @function\n"
    "  nop\n"
    "pollux_restorer:\n"
    "  mov $15, %rax\n"
    "  syscall\n"
    ".size pollux_restorer, . - pollux_restorer\n"
    ".globl pollux_again\n"
    ".hidden pollux_again\n"
    ".type pollux_again, @function\n"
    "pollux_again:\n"
    "  syscall\n"
    "  movq pollux_resume@gottpoff(%rip), %rcx\n"
    "  jmp *%fs:(%rcx)\n"
    ".size pollux_again, . - pollux_again\n");

extern void pollux_restorer(void);
extern char pollux_again[];

/* The handler of SIGSYS, installed by the first window. Any other SIGSYS goes to the program's action. */

static pthread_mutex_t action_lock = PTHREAD_MUTEX_INITIALIZER;
static volatile int installed;
static struct sigaction programs_action;

bool sigsys_is_ours(void) {
  return installed;
}

int sigsys_action(const struct sigaction *action, struct sigaction *old) {
  pthread_mutex_lock(&action_lock);
  struct sigaction before = programs_action;
  if (action) {
    programs_action = *action;
  }
  pthread_mutex_unlock(&action_lock);
  if (old) {
    *old = before;
  }
  return 0;
}

static void not_from_a_window(int signal, siginfo_t *info, void *context) {
  struct sigaction action;
  sigsys_action(NULL, &action);
  if (action.sa_flags & SA_SIGINFO) {
    action.sa_sigaction(signal, info, context);
  } else if (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN) {
    action.sa_handler(signal);
  } else if (action.sa_handler == SIG_DFL || info->si_code > 0) { /* a trap cannot be ignored */
    struct kernel_action none = {0};
    machine_call(SYS_rt_sigaction, signal, (long)&none, 0, SIGSET_BYTES, 0, 0);
    machine_call(SYS_tkill, machine_call(SYS_gettid, 0, 0, 0, 0, 0, 0), signal, 0, 0, 0, 0);
    uint64_t open = ~(1ull << (signal - 1)); /* delivered now */
    machine_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&open, 0, SIGSET_BYTES, 0, 0);
  }
}

/* rt_sigprocmask inside a window, on the program's mask. */
static long change_mask(int how, const uint64_t *set, uint64_t *old, size_t size) {
  uint64_t before = outside;
  if (size != SIGSET_BYTES) {
    return -EINVAL;
  }
  if (set) {
    if (probe((intptr_t)set, SIGSET_BYTES, 0) != SIGSET_BYTES) {
      return -EFAULT;
    }
    switch (how) {
      case SIG_BLOCK:
        outside |= *set;
        break;
      case SIG_UNBLOCK:
        outside &= ~*set;
        break;
      case SIG_SETMASK:
        outside = *set;
        break;
      default:
        return -EINVAL;
    }
  }
  if (old) {
    if (probe((intptr_t)old, SIGSET_BYTES, 1) != SIGSET_BYTES) {
      return -EFAULT;
    }
    *old = before;
  }
  return 0;
}

/* Whether a call starts a thread with storage of its own, in which `pollux_resume` is not set. */
static bool has_own_storage(long nr, const greg_t *registers) {
  if (nr == SYS_clone) {
    return registers[REG_RDI] & CLONE_SETTLS;
  }
  uint64_t flags = CLONE_SETTLS;
  if (nr == SYS_clone3 && probe(registers[REG_RDI], sizeof flags, 0) == sizeof flags) {
    memcpy(&flags, (void *)registers[REG_RDI], sizeof flags);
    return flags & CLONE_SETTLS;
  }
  return false;
}

static void dispatched(int signal, siginfo_t *info, void *context) {
  if (info->si_code != SYS_USER_DISPATCH) {
    not_from_a_window(signal, info, context);
    return;
  }
  selector = ALLOW;
  int saved = errno;
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  long nr = info->si_syscall;
  long result;
  switch (nr) {
    case SYS_clone:
    case SYS_clone3:
    case SYS_fork:
    case SYS_vfork:
      if (has_own_storage(nr, registers)) {
        registers[REG_RIP] -= 2; /* repeats the call, and the window closes */
        errno = saved;
        return;
      }
      /* fall through */
    case SYS_rt_sigreturn:
      pollux_resume = (void *)registers[REG_RIP];
      registers[REG_RIP] = (greg_t)(intptr_t)pollux_again;
      registers[REG_RAX] = nr;
      errno = saved;
      selector = BLOCK;
      return;
    case SYS_rt_sigprocmask:
      result = change_mask((int)registers[REG_RDI], (const uint64_t *)registers[REG_RSI], (uint64_t *)registers[REG_RDX],
                           (size_t)registers[REG_R10]);
      break;
    default:
      errno = 0;
      result = syscall(nr, registers[REG_RDI], registers[REG_RSI], registers[REG_RDX], registers[REG_R10], registers[REG_R8],
                       registers[REG_R9]);
      result = result == -1 && errno ? -errno : result;
      break;
  }
  registers[REG_RAX] = result;
  errno = saved;
  selector = BLOCK;
}

static void install(void) {
  pthread_mutex_lock(&action_lock);
  if (!installed) {
    NEXT(sigaction)(SIGSYS, NULL, &programs_action);
    struct kernel_action ours = {dispatched, SA_SIGINFO | SA_NODEFER | RESTORER, pollux_restorer, 0};
    machine_call(SYS_rt_sigaction, SIGSYS, (long)&ours, 0, SIGSET_BYTES, 0, 0);
    installed = 1;
  }
  pthread_mutex_unlock(&action_lock);
}

/* Windows. */

struct window {
  uint64_t outside;
  char selector;
};

#define BIT(signal) (1ull << ((signal) - 1))

/* All signals but SIGSYS and faults. */
static void only_dispatch(uint64_t *before) {
  uint64_t most = ~(BIT(SIGSYS) | BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGILL) | BIT(SIGFPE) | BIT(SIGTRAP));
  machine_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&most, (long)before, SIGSET_BYTES, 0, 0);
}

/* The faults stay unblocked in the host: the virtual machine raises them on purpose. */
static void set_mask(const uint64_t *mask) {
  uint64_t filtered = *mask & ~FAULTS;
  machine_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&filtered, 0, SIGSET_BYTES, 0, 0);
}

/* Opens a window, unless inside the kernel, which uses host files. Returns whether it opened; the same thread closes it. */
static bool window_open(struct window *window) {
  static volatile int impossible;
  if (impossible || self.in_kernel || self.entering || !paths_known()) {
    return false;
  }
  if (!installed) {
    install();
  }
  long result = machine_call(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, (long)__ehdr_start,
                             etext - __ehdr_start, (long)&selector, 0);
  if (result < 0) {
    impossible = 1;
    say("exec: this machine has no syscall user dispatch (Linux 5.11): nftw, glob and their like do not find files of the image");
    return false;
  }
  window->selector = selector;
  window->outside = outside;
  only_dispatch(&outside);
  depth++;
  selector = BLOCK;
  return true;
}

static void window_close(const struct window *window) {
  selector = ALLOW;
  if (--depth == 0) {
    machine_call(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0, 0);
  }
  uint64_t mask = outside;
  outside = window->outside;
  set_mask(&mask);
  selector = window->selector;
}

/* A callback of the program runs outside of the window, with its own signals. */
static void callback_begin(void) {
  selector = ALLOW;
  set_mask(&outside);
}

static void callback_end(void) {
  only_dispatch(&outside);
  selector = BLOCK;
}

/* The value of an expression, in a window if the condition holds. */
#define INSIDE(condition, expression)                     \
  ({                                                      \
    struct window window_;                                \
    bool open_ = (condition) && window_open(&window_);    \
    __typeof__(expression) result_ = (expression);        \
    if (open_) {                                          \
      window_close(&window_);                             \
    }                                                     \
    result_;                                              \
  })

/* Walks. */

typedef int (*walk_function)(const char *, const struct stat *, int, struct FTW *);
typedef int (*old_walk_function)(const char *, const struct stat *, int);

static __thread walk_function walk_callback __attribute__((tls_model("initial-exec")));
static __thread old_walk_function old_walk_callback __attribute__((tls_model("initial-exec")));

static int walked(const char *path, const struct stat *status, int type, struct FTW *where) {
  walk_function callback = walk_callback;
  callback_begin();
  int result = callback(path, status, type, where);
  callback_end();
  walk_callback = callback; /* a nested walk may have changed it */
  return result;
}

static int old_walked(const char *path, const struct stat *status, int type) {
  old_walk_function callback = old_walk_callback;
  callback_begin();
  int result = callback(path, status, type);
  callback_end();
  old_walk_callback = callback;
  return result;
}

EXPORT int nftw(const char *path, walk_function callback, int descriptors, int flags) {
  struct window window;
  if (is_null(callback) || !may_lead_below(path) || !window_open(&window)) {
    return NEXT(nftw)(path, callback, descriptors, flags);
  }
  walk_function before = walk_callback;
  walk_callback = callback;
  int result = NEXT(nftw)(path, walked, descriptors, flags);
  walk_callback = before;
  window_close(&window);
  return result;
}

EXPORT int nftw64(const char *path, int (*callback)(const char *, const struct stat64 *, int, struct FTW *), int descriptors,
                  int flags) {
  return nftw(path, (walk_function)callback, descriptors, flags); /* the structures are the same */
}

EXPORT int ftw(const char *path, old_walk_function callback, int descriptors) {
  struct window window;
  if (is_null(callback) || !may_lead_below(path) || !window_open(&window)) {
    return NEXT(ftw)(path, callback, descriptors);
  }
  old_walk_function before = old_walk_callback;
  old_walk_callback = callback;
  int result = NEXT(ftw)(path, old_walked, descriptors);
  old_walk_callback = before;
  window_close(&window);
  return result;
}

EXPORT int ftw64(const char *path, int (*callback)(const char *, const struct stat64 *, int), int descriptors) {
  return ftw(path, (old_walk_function)callback, descriptors);
}

/*
 * fts. A walk does not change the working directory, which other threads may use. The comparison function runs in the window.
 */

static bool any_may_lead_below(char *const *paths) {
  for (int i = 0; paths[i]; i++) {
    if (may_lead_below(paths[i])) {
      return true;
    }
  }
  return false;
}

static int stay(char *const *paths, int options) {
  return any_may_lead_below(paths) ? options | FTS_NOCHDIR : options;
}

EXPORT FTS *fts_open(char *const *paths, int options, int (*before)(const FTSENT **, const FTSENT **)) {
  return INSIDE(any_may_lead_below(paths), NEXT(fts_open)(paths, stay(paths, options), before));
}

EXPORT FTS64 *fts64_open(char *const *paths, int options, int (*before)(const FTSENT64 **, const FTSENT64 **)) {
  return INSIDE(any_may_lead_below(paths), NEXT(fts64_open)(paths, stay(paths, options), before));
}

/* A walk opened above has this option or cannot reach the mount point. */
#define STAYS(walk) ((walk) && (walk)->fts_options & FTS_NOCHDIR)

EXPORT FTSENT *fts_read(FTS *walk) {
  return INSIDE(STAYS(walk), NEXT(fts_read)(walk));
}

EXPORT FTSENT64 *fts64_read(FTS64 *walk) {
  return INSIDE(STAYS(walk), NEXT(fts64_read)(walk));
}

EXPORT FTSENT *fts_children(FTS *walk, int options) {
  return INSIDE(STAYS(walk), NEXT(fts_children)(walk, options));
}

EXPORT FTSENT64 *fts64_children(FTS64 *walk, int options) {
  return INSIDE(STAYS(walk), NEXT(fts64_children)(walk, options));
}

EXPORT int fts_close(FTS *walk) {
  return INSIDE(STAYS(walk), NEXT(fts_close)(walk));
}

EXPORT int fts64_close(FTS64 *walk) {
  return INSIDE(STAYS(walk), NEXT(fts64_close)(walk));
}

/* Patterns. With GLOB_ALTDIRFUNC the program's own functions read the directories. */

EXPORT int glob(const char *pattern, int flags, int (*failed)(const char *, int), glob_t *found) {
  return INSIDE(!(flags & GLOB_ALTDIRFUNC), NEXT(glob)(pattern, flags, failed, found));
}

EXPORT int glob64(const char *pattern, int flags, int (*failed)(const char *, int), glob64_t *found) {
  return INSIDE(!(flags & GLOB_ALTDIRFUNC), NEXT(glob64)(pattern, flags, failed, found));
}

EXPORT int wordexp(const char *words, wordexp_t *into, int flags) {
  return INSIDE(true, NEXT(wordexp)(words, into, flags));
}

/* Names. */

EXPORT char *realpath(const char *path, char *resolved) {
  return INSIDE(may_lead_below(path), NEXT(realpath)(path, resolved));
}

EXPORT char *__realpath_chk(const char *path, char *resolved, size_t room) {
  if (resolved && room < PATH_MAX) {
    abort();
  }
  return realpath(path, resolved);
}

EXPORT char *canonicalize_file_name(const char *path) {
  return realpath(path, NULL);
}

EXPORT key_t ftok(const char *path, int project) {
  return INSIDE(may_lead_below(path), NEXT(ftok)(path, project));
}

EXPORT long pathconf(const char *path, int name) {
  return INSIDE(may_lead_below(path), NEXT(pathconf)(path, name));
}

EXPORT long fpathconf(int fd, int name) {
  return INSIDE(ours(fd), NEXT(fpathconf)(fd, name));
}

/* Temporary names. The linker warns about direct calls of these functions, but not about dlsym. */

EXPORT char *mktemp(char *name) {
  char *(*next)(char *) = (char *(*)(char *))dlsym(RTLD_NEXT, "mktemp");
  return INSIDE(may_lead_below(name), next(name));
}

EXPORT char *tmpnam(char name[L_tmpnam]) {
  char *(*next)(char *) = (char *(*)(char *))dlsym(RTLD_NEXT, "tmpnam");
  return INSIDE(may_lead_below(P_tmpdir), next(name));
}

EXPORT char *tmpnam_r(char name[L_tmpnam]) {
  return name ? tmpnam(name) : NULL;
}

EXPORT char *tempnam(const char *directory, const char *prefix) {
  char *(*next)(const char *, const char *) = (char *(*)(const char *, const char *))dlsym(RTLD_NEXT, "tempnam");
  return INSIDE(true, next(directory, prefix));
}

/* Terminals. None of our files is one: the kernel returns ENOTTY, or EBADF for a descriptor without ioctl. */

#define TERMINAL(type, name, parameters, arguments)      \
  EXPORT type name parameters {                          \
    return INSIDE(ours(fd), NEXT(name) arguments);       \
  }

TERMINAL(int, isatty, (int fd), (fd))
TERMINAL(int, tcgetattr, (int fd, struct termios *to), (fd, to))
TERMINAL(int, tcsetattr, (int fd, int when, const struct termios *from), (fd, when, from))
TERMINAL(int, tcsendbreak, (int fd, int duration), (fd, duration))
TERMINAL(int, tcdrain, (int fd), (fd))
TERMINAL(int, tcflush, (int fd, int queue), (fd, queue))
TERMINAL(int, tcflow, (int fd, int action), (fd, action))
TERMINAL(pid_t, tcgetpgrp, (int fd), (fd))
TERMINAL(int, tcsetpgrp, (int fd, pid_t group), (fd, group))
TERMINAL(pid_t, tcgetsid, (int fd), (fd))
TERMINAL(char *, ttyname, (int fd), (fd))
TERMINAL(int, ttyname_r, (int fd, char *name, size_t size), (fd, name, size))
TERMINAL(char *, ptsname, (int fd), (fd))
TERMINAL(int, ptsname_r, (int fd, char *name, size_t size), (fd, name, size))
TERMINAL(int, grantpt, (int fd), (fd))
TERMINAL(int, unlockpt, (int fd), (fd))

/* Other calls on descriptors. */

EXPORT int lockf(int fd, int command, off_t size) {
  return INSIDE(ours(fd), NEXT(lockf)(fd, command, size));
}

EXPORT int lockf64(int fd, int command, off64_t size) {
  return lockf(fd, command, size);
}

EXPORT ssize_t getdirentries(int fd, char *buffer, size_t size, off_t *base) {
  ssize_t (*next)(int, char *, size_t, off_t *) = (ssize_t(*)(int, char *, size_t, off_t *))dlsym(RTLD_NEXT, "getdirentries");
  return INSIDE(ours(fd), next(fd, buffer, size, base));
}

EXPORT ssize_t getdirentries64(int fd, char *buffer, size_t size, off64_t *base) {
  return getdirentries(fd, buffer, size, base);
}
