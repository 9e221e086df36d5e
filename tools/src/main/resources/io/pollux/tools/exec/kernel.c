/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The way into the kernel.
 *
 * States: the first call that concerns the kernel starts it, on a thread of its own that has all signals blocked, so
 * that none of the virtual machine's threads is ever chosen for the program's signals. A fork leaves the child without
 * it: a virtual machine does not survive one. exit() and _exit() stop it, which syncs and unmounts; a process that is
 * killed leaves what a power cut would leave.
 */
#include "pollux.h"

#include <fcntl.h>
#include <jni.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>

enum state { NONE, RUNNING, FORKED, ENDED };

static volatile enum state state = NONE;
static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t thread_end;
static pid_t owner;

unsigned char fd_is_ours[FD_LIMIT];

static struct kernel_block block;
static int note_write_fd = -1;

void say(const char *text) {
  char line[512];
  int length = snprintf(line, sizeof line, "pollux: %s\n", text);
  length = length < (int)sizeof line ? length : (int)sizeof line - 1;
  machine_call(SYS_write, 2, (long)line, length, 0, 0, 0);
}

static _Noreturn void die(const char *text) {
  say(text);
  machine_call(SYS_exit_group, 2, 0, 0, 0, 0, 0);
  __builtin_unreachable();
}

/* Placeholders of our descriptors. O_PATH: nothing can be done with them but closing. */

static int64_t placeholder(void) {
  return machine_call(SYS_openat, AT_FDCWD, (long)"/", O_PATH, 0, 0, 0);
}

static int64_t fd_reserve(int64_t from) {
  int64_t fd = placeholder();
  if (fd >= 0 && fd < from) {
    int64_t higher = machine_call(SYS_fcntl, fd, F_DUPFD, from, 0, 0, 0);
    machine_call(SYS_close, fd, 0, 0, 0, 0, 0);
    fd = higher;
  }
  if (fd >= 0 && fd < FD_LIMIT) {
    fd_is_ours[fd] = 1;
  }
  return fd;
}

static int64_t fd_reserve_at(int64_t at) {
  if (ours((int)at)) {
    return at;
  }
  int64_t fd = placeholder();
  if (fd < 0) {
    return fd;
  }
  if (fd != at) {
    int64_t result = machine_call(SYS_dup2, fd, at, 0, 0, 0, 0);
    machine_call(SYS_close, fd, 0, 0, 0, 0, 0);
    if (result < 0) {
      return result;
    }
  }
  fd_is_ours[at] = 1;
  return at;
}

static void fd_free(int64_t fd) {
  if (fd >= 0 && fd < FD_LIMIT) {
    fd_is_ours[fd] = 0;
  }
  machine_call(SYS_close, fd, 0, 0, 0, 0, 0);
}

static int64_t machine(int64_t nr, int64_t a0, int64_t a1, int64_t a2, int64_t a3, int64_t a4, int64_t a5) {
  return machine_call(nr, a0, a1, a2, a3, a4, a5);
}

void note_send(int64_t thread, int64_t what, volatile int32_t *done) {
  struct note note = {thread, what, done};
  machine_call(SYS_write, note_write_fd, (long)&note, sizeof note, 0, 0, 0);
}

static void thread_ended(void *handle) {
  if (state == RUNNING) {
    self.handle = 0;
    note_send((int64_t)handle, NOTE_END, NULL);
  }
}

static void in_child(void) {
  if (state == RUNNING) {
    state = FORKED;
  }
}

bool kernel_running(void) {
  return state == RUNNING;
}

bool in_vfork_child(void) {
  return state == RUNNING && (pid_t)machine_call(SYS_getpid, 0, 0, 0, 0, 0, 0) != owner;
}

/*
 * Descriptors that were opened while the kernel was started: the virtual machine's and the disk's. A bit each; another thread of
 * the program may have opened one of them, which then outlives a close_range.
 */
static uint64_t not_the_programs[FD_LIMIT / 64];

static bool is_open(unsigned fd) {
  return machine_call(SYS_fcntl, fd, F_GETFD, 0, 0, 0, 0) >= 0;
}

#define FIRST_NUMBERS 1024 /* as many are looked at when the kernel is started */

/* Before the start, and after it: what is open after it and was not before is the kernel's. */
static void note_descriptors(bool after) {
  for (unsigned fd = 0; fd < FIRST_NUMBERS; fd++) {
    uint64_t bit = 1ull << fd % 64;
    if (!after) {
      not_the_programs[fd / 64] |= is_open(fd) ? bit : 0;
    } else {
      not_the_programs[fd / 64] ^= is_open(fd) ? bit : 0;
    }
  }
}

int close_range_of_machine(unsigned first, unsigned last) {
  for (unsigned fd = first; fd <= last && fd < FIRST_NUMBERS; fd++) {
    if (not_the_programs[fd / 64] & 1ull << fd % 64) {
      if (fd > first) {
        machine_call(SYS_close_range, first, fd - 1, 0, 0, 0, 0);
      }
      if (fd == last) {
        return 0;
      }
      first = fd + 1;
    }
  }
  return (int)answer(machine_call(SYS_close_range, first, last, 0, 0, 0, 0));
}

/* Starting. */

#define MOST_OPTIONS 64

/* The virtual machine's options: one a line. The lines are cut out of the environment's copy in place. */
static int read_options(char *lines, JavaVMOption options[MOST_OPTIONS]) {
  int count = 0;
  char *rest = NULL;
  for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    if (count == MOST_OPTIONS) {
      die("exec: too many options for the virtual machine");
    }
    options[count].optionString = line;
    options[count].extraInfo = NULL;
    count++;
  }
  return count;
}

static void start_java(void) {
  const char *library = getenv("POLLUX_LIBJVM");
  const char *lines = getenv("POLLUX_JVM_OPTIONS");
  if (!library || !lines) {
    die("exec: its variables are not in the environment: a program is started by pollux exec");
  }
  void *libjvm = dlopen(library, RTLD_NOW | RTLD_GLOBAL);
  if (!libjvm) {
    die(dlerror());
  }
  jint (*create)(JavaVM **, void **, void *) =
      (jint(*)(JavaVM **, void **, void *))dlsym(libjvm, "JNI_CreateJavaVM");
  if (!create) {
    die("exec: no Java virtual machine in POLLUX_LIBJVM");
  }
  JavaVMOption options[MOST_OPTIONS];
  JavaVMInitArgs args = {
      .version = JNI_VERSION_10, .nOptions = read_options(strdup(lines), options), .options = options};
  JavaVM *vm;
  JNIEnv *env;
  if (create(&vm, (void **)&env, &args) != JNI_OK) {
    die("exec: the Java virtual machine did not start");
  }
  jclass guest = (*env)->FindClass(env, "io/pollux/tools/exec/Guest");
  jmethodID start = guest ? (*env)->GetStaticMethodID(env, guest, "start", "(J)I") : NULL;
  if (!start) {
    (*env)->ExceptionDescribe(env);
    die("exec: the Java side is not there");
  }
  jint status = (*env)->CallStaticIntMethod(env, guest, start, (jlong)(intptr_t)&block);
  if ((*env)->ExceptionCheck(env)) {
    (*env)->ExceptionDescribe(env);
    status = 2;
  }
  if (status != 0) { /* it has said why */
    machine_call(SYS_exit_group, status, 0, 0, 0, 0, 0);
  }
  (*vm)->DetachCurrentThread(vm);
}

static void *starter(void *unused) {
  (void)unused;
  start_java();
  return NULL;
}

static void start(void) {
  int pipe_fds[2];
  note_descriptors(false);
  if (machine_call(SYS_pipe2, (long)pipe_fds, O_CLOEXEC, 0, 0, 0, 0) < 0) {
    die("exec: no descriptors left");
  }
  /* Out of the way of the numbers that a program counts on, below its limit. */
  struct rlimit64 limit = {900, 900};
  machine_call(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&limit, 0, 0);
  long from = limit.rlim_cur < 900 + 16 ? (long)limit.rlim_cur * 7 / 8 : 900;
  block.note_fd = machine_call(SYS_fcntl, pipe_fds[0], F_DUPFD_CLOEXEC, from, 0, 0, 0);
  note_write_fd = (int)machine_call(SYS_fcntl, pipe_fds[1], F_DUPFD_CLOEXEC, from, 0, 0, 0);
  machine_call(SYS_close, pipe_fds[0], 0, 0, 0, 0, 0);
  machine_call(SYS_close, pipe_fds[1], 0, 0, 0, 0, 0);
  if (block.note_fd < 0 || note_write_fd < 0) {
    die("exec: no descriptors left");
  }
  block.machine = machine;
  block.probe = probe;
  block.fd_reserve = fd_reserve;
  block.fd_reserve_at = fd_reserve_at;
  block.fd_free = fd_free;
  block.apart = apart;
  if (pthread_key_create(&thread_end, thread_ended) != 0) {
    die("exec: no thread-specific data left");
  }
  owner = getpid();
  pthread_atfork(NULL, NULL, in_child);

  signals_before_start();
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 8 << 20);
  pthread_t thread;
  int result = pthread_create(&thread, &attributes, starter, NULL);
  pthread_attr_destroy(&attributes);
  if (result != 0) {
    die("exec: no thread for the Java virtual machine");
  }
  pthread_join(thread, NULL);
  note_descriptors(true);
  signals_after_start();
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  at_quick_exit(kernel_shutdown);
}

/* Whether a call can be made: starts the kernel if need be. */
static bool ready(void) {
  if (state == NONE) {
    pthread_mutex_lock(&start_lock);
    if (state == NONE) {
      start();
      __atomic_store_n(&state, RUNNING, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&start_lock);
  }
  if (state == FORKED) {
    static volatile int said;
    if (!said) {
      said = 1;
      say("exec: after a fork the child has no kernel: its calls answer ENOSYS (has the program a way to use threads?)");
    }
  }
  return state == RUNNING;
}

/*
 * The virtual machine takes leave of a thread when the C library runs the destructors of its thread-local variables, which is
 * the first thing that exit() does. Handlers of exit() may make calls yet: they do it as another task.
 */
extern int __cxa_thread_atexit_impl(void (*destructor)(void *), void *object, void *library);
extern void *__dso_handle __attribute__((visibility("hidden")));

static void thread_leaves(void *unused) {
  (void)unused;
  if (self.handle != 0) {
    pthread_setspecific(thread_end, NULL);
    thread_ended((void *)self.handle);
  }
}

static bool attach(void) {
  self.in_kernel = 1;
  int64_t handle = block.attach();
  self.in_kernel = 0;
  if (handle <= 0) {
    return false;
  }
  self.handle = handle;
  pthread_setspecific(thread_end, (void *)handle);
  __cxa_thread_atexit_impl(thread_leaves, NULL, &__dso_handle);
  return true;
}

/* Signals came during the call. What is on its way to the kernel must not interrupt the next one. */
static void after_signals(void) {
  volatile int32_t done = 0;
  note_send(self.handle, NOTE_FORGET, &done);
  while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
    machine_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
  }
  signals_run_pending();
}

static bool can_call(void) {
  if (__builtin_expect(__atomic_load_n(&state, __ATOMIC_ACQUIRE) != RUNNING, 0) && !ready()) {
    return false;
  }
  return __builtin_expect(self.handle != 0, 1) || self.in_kernel || attach();
}

long kernel_call(long nr, long a0, long a1, long a2, long a3, long a4, long a5) {
  if (!can_call()) {
    return -ENOSYS;
  }
  if (__builtin_expect(self.in_kernel, 0)) {
    return -EDEADLK; /* a handler that can't be put off, inside a call */
  }
  self.in_kernel = 1;
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  long result = block.call(self.handle, nr, a0, a1, a2, a3, a4, a5);
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  self.in_kernel = 0;
  if (__builtin_expect(self.pending != 0, 0)) {
    after_signals();
  }
  return result;
}

#define KERNEL_SIGSET_BYTES 8

long kernel_call_masked(long nr, long a0, long a1, long a2, long a3, long a4, long a5, const void *mask) {
  if (!can_call() || self.in_kernel) {
    return -ENOSYS;
  }
  uint64_t before;
  self.entering = 1;
  machine_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)mask, (long)&before, KERNEL_SIGSET_BYTES, 0, 0);
  self.in_kernel = 1;
  self.entering = 0;
  long result = -EINTR;
  if (!self.pending) {
    result = block.call(self.handle, nr, a0, a1, a2, a3, a4, a5);
  }
  self.in_kernel = 0;
  if (self.pending) { /* with the mask of the call, as a kernel runs them before it restores the old one */
    after_signals();
  }
  machine_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&before, 0, KERNEL_SIGSET_BYTES, 0, 0);
  return result;
}

/* Ending. */

void kernel_shutdown(void) {
  pthread_mutex_lock(&start_lock);
  bool running = state == RUNNING && getpid() == owner;
  if (running) {
    __atomic_store_n(&state, ENDED, __ATOMIC_RELEASE);
  }
  pthread_mutex_unlock(&start_lock);
  if (running && !self.in_kernel) {
    self.in_kernel = 1;
    block.shutdown();
    self.in_kernel = 0;
  }
}

/* After the program's handlers of exit(), which may still write; before the C library writes out its streams. */
__attribute__((destructor)) static void at_exit(void) {
  if (state == RUNNING) {
    streams_flush();
  }
  kernel_shutdown();
}

EXPORT _Noreturn void _exit(int status) {
  kernel_shutdown();
  machine_call(SYS_exit_group, status, 0, 0, 0, 0, 0);
  __builtin_unreachable();
}

EXPORT _Noreturn void _Exit(int status) {
  _exit(status);
}
