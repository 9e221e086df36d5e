/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entry to the kernel.
 *
 * The first call that concerns the kernel starts it, on its own thread. A child of fork has no kernel, because a virtual
 * machine does not survive a fork. exit() and _exit() stop the kernel, which syncs and unmounts. A killed process leaves the
 * disk as a power cut does.
 *
 * exit() stops the kernel after all handlers and destructors of the program and of every library. After that the C library only
 * flushes its streams. Threads in a call at that time, or that make one later, sleep until the process exits.
 */
#include "pollux.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>

enum state { NONE, RUNNING, FORKED, ENDED, CLIENT };

static volatile enum state state = NONE;
static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;
static volatile bool fresh; /* the kernel has not received the umask and the working directory */
static int ender; /* the thread that exits the process */
pid_t owner;

unsigned char fd_is_ours[FD_LIMIT];

struct kernel_block kernel_interface;
static int note_write_fd = -1;

void say(const char *text) {
  char line[512];
  int length = snprintf(line, sizeof line, "pollux: %s\n", text);
  length = length < (int)sizeof line ? length : (int)sizeof line - 1;
  machine_call(SYS_write, 2, (long)line, length, 0, 0, 0);
}

#define STARTER_STACK_BYTES (8l << 20)

_Noreturn void die(const char *text) {
  say(text);
  machine_call(SYS_exit_group, 2, 0, 0, 0, 0, 0);
  __builtin_unreachable();
}

/* Placeholders of the kernel's descriptors. With O_PATH they can only be closed. */

static int64_t placeholder(void) {
  return machine_call(SYS_openat, AT_FDCWD, (long)"/", O_PATH, 0, 0, 0);
}

int64_t fd_reserve(int64_t from) {
  if (serving()) {
    return ask_served(ASK_RESERVE, from, 0, 0);
  }
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

int64_t fd_reserve_at(int64_t at) {
  if (serving()) {
    return ask_served(ASK_RESERVE_AT, at, 0, 0);
  }
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

void fd_free(int64_t fd) {
  if (serving()) {
    ask_served(ASK_FREE, fd, 0, 0);
    return;
  }
  if (fd >= 0 && fd < FD_LIMIT) {
    fd_is_ours[fd] = 0;
  }
  machine_call(SYS_close, fd, 0, 0, 0, 0, 0);
}

static int64_t machine(int64_t nr, int64_t a0, int64_t a1, int64_t a2, int64_t a3, int64_t a4, int64_t a5) {
  switch (nr) {
    case ASK_RESERVE:
      return fd_reserve(a0);
    case ASK_RESERVE_AT:
      return fd_reserve_at(a0);
    case ASK_FREE:
      fd_free(a0);
      return 0;
    default:
      break;
  }
  if (serving() && nr == SYS_fcntl && (a1 == F_GETFD || a1 == F_SETFD)) {
    return ask_served(nr, a0, a1, a2);
  }
  return machine_call(nr, a0, a1, a2, a3, a4, a5);
}

void note_send(int64_t thread, int64_t what, volatile int32_t *done) {
  struct note note = {thread, what, done};
  machine_call(SYS_write, note_write_fd, (long)&note, sizeof note, 0, 0, 0);
}

static void vfork_is_fork(void);

bool kernel_running(void) {
  return state == RUNNING || state == CLIENT;
}

bool kernel_is_here(void) {
  return state == RUNNING;
}

void kernel_of_other(void) {
  signals_start(); /* for probe() */
  state = CLIENT;
  vfork_is_fork();
}

bool in_vfork_child(void) {
  return state == RUNNING && in_other_process();
}

/*
 * Descriptors that were opened during the start of the kernel, by the virtual machine and for the disk: a bit for each. If
 * another thread of the program opened one of them, a later close_range does not close it.
 */
static uint64_t not_the_programs[FD_LIMIT / 64];

static bool is_open(unsigned fd) {
  return machine_call(SYS_fcntl, fd, F_GETFD, 0, 0, 0, 0) >= 0;
}

#define FIRST_NUMBERS 1024 /* number of descriptors checked at the start of the kernel */

/* Called before and after the start. A descriptor that is open only afterwards is the kernel's. */
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

static void *starter(void *unused) {
  (void)unused;
  vm_start();
  return NULL;
}

int out_of_the_way(int fd) {
  struct rlimit64 limit = {900, 900};
  machine_call(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&limit, 0, 0);
  long from = limit.rlim_cur < 900 + 16 ? (long)limit.rlim_cur * 7 / 8 : 900;
  int moved = (int)machine_call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, from, 0, 0, 0);
  if (moved < 0) {
    return fd; /* no room */
  }
  machine_call(SYS_close, fd, 0, 0, 0, 0, 0);
  return moved;
}

static void start(void) {
  int pipe_fds[2];
  note_descriptors(false);
  if (machine_call(SYS_pipe2, (long)pipe_fds, O_CLOEXEC, 0, 0, 0, 0) < 0) {
    die("exec: no descriptors left");
  }
  kernel_interface.note_fd = out_of_the_way(pipe_fds[0]);
  note_write_fd = out_of_the_way(pipe_fds[1]);
  kernel_interface.machine = machine;
  kernel_interface.probe = probe;
  kernel_interface.apart = apart;
  kernel_interface.window_probe = window_probe;
  sigset_t before;
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); /* no handler runs with the lock held */
  signals_start();
  if (machine_thread(starter, STARTER_STACK_BYTES, true) != 0) {
    die("exec: no thread for the Java virtual machine");
  }
  note_descriptors(true);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static _Noreturn void sleep_until_the_end(void) {
  while (true) {
    machine_call(SYS_pause, 0, 0, 0, 0, 0, 0); /* handlers run meanwhile */
  }
}

/* Becomes a client if another process has the kernel, or starts one. */
static void start_or_connect(void) {
  long result = client_start();
  if (result == -ENOENT) {
    variable_set(SERVER, NULL);
    start();
    fresh = true;
    result = 0;
  }
  vfork_is_fork();
  if (is_client()) {
    kernel_of_other();
    client_settle();
  } else {
    __atomic_store_n(&state, result == 0 ? RUNNING : FORKED, __ATOMIC_RELEASE);
  }
}

/* Starts the kernel if it is not running. Returns 0 if calls are possible, or a negative errno. */
static long not_running(void) {
  if (state == NONE) {
    pthread_mutex_lock(&start_lock);
    if (state == NONE) {
      start_or_connect();
    }
    pthread_mutex_unlock(&start_lock);
  }
  if (state == ENDED && !self.in_kernel && !in_other_process() && machine_call(SYS_gettid, 0, 0, 0, 0, 0, 0) != ender) {
    sleep_until_the_end();
  }
  if (state == FORKED) {
    static volatile int said;
    if (!said) {
      said = 1;
      say("exec: the process has no kernel: its calls return ENOSYS");
    }
  }
  return kernel_running() ? 0 : -ENOSYS;
}

/* Sends Java a note about this thread and waits until it is received. */
static void note_and_wait(int64_t what) {
  volatile int32_t done = 0;
  note_send(self.handle, what, &done);
  while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
    machine_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
  }
}

void after_signals(void) {
  if (self.handle != 0 && state == RUNNING) {
    note_and_wait(NOTE_FORGET); /* a note in flight must not interrupt the next call */
  } else {
    client_forget();
  }
  uint64_t pending = self.pending;
  self.pending = 0;
  signals_release();
  machine_mask(SIG_UNBLOCK, pending); /* delivered here */
}

/*
 * Makes a call on the kernel stack, for a handler on the alternate stack, which is disabled meanwhile. Otherwise the host would
 * start a second handler over the first one's frame.
 */
static int64_t without_alternate(int64_t nr, int64_t a0, int64_t a1, int64_t a2, int64_t a3, int64_t a4, int64_t a5) {
  stack_t before;
  stack_t none = {.ss_flags = SS_DISABLE};
  machine_call(SYS_sigaltstack, 0, (long)&before, 0, 0, 0, 0);
  machine_call(SYS_sigaltstack, (long)&none, 0, 0, 0, 0, 0);
  int64_t result = kernel_interface.call(self.handle, nr, a0, a1, a2, a3, a4, a5);
  machine_call(SYS_sigaltstack, (long)&before, 0, 0, 0, 0, 0);
  return result;
}

static bool on_alternate(void) {
  return (uintptr_t)__builtin_frame_address(0) - self.alternate < self.alternate_size;
}

static inline long enter(long nr, long a0, long a1, long a2, long a3, long a4, long a5) {
  if (__builtin_expect(on_alternate(), 0)) {
    return pollux_on_stack(nr, a0, a1, a2, a3, a4, a5, 0, (void *)without_alternate, self.stack_top);
  }
  return pollux_on_stack(self.handle, nr, a0, a1, a2, a3, a4, a5, (void *)kernel_interface.call, self.stack_top);
}

static long enter_settling(long nr, long argument) {
  self.in_kernel = 1;
  long result = enter(nr, argument, 0, 0, 0, 0, 0);
  self.in_kernel = 0;
  return result;
}

/* Attaches the thread. The first thread also passes the umask and the working directory to the kernel. */
static long attach_and_settle(void) {
  long result = thread_attach();
  if (result == 0 && fresh) {
    pthread_mutex_lock(&start_lock);
    if (fresh) {
      cwd_settle(enter_settling);
      fresh = false;
    }
    pthread_mutex_unlock(&start_lock);
  }
  return result;
}

/* Checks whether this thread may make a call now. Returns 0 or a negative errno. */
static inline long can_call(void) {
  if (__builtin_expect(__atomic_load_n(&state, __ATOMIC_ACQUIRE) != RUNNING, 0)) {
    long result = not_running();
    if (result != 0) {
      return result;
    }
  }
  if (__builtin_expect(self.in_kernel, 0)) {
    return -EDEADLK; /* a call from a handler that cannot be deferred, inside a call */
  }
  if (state == CLIENT) {
    return 0;
  }
  return __builtin_expect(self.handle != 0, 1) ? 0 : attach_and_settle();
}

/* Calls that are cancellation points in POSIX. */
static inline bool is_cancellation_point(long nr) {
  switch (nr) {
    case SYS_read:
    case SYS_write:
    case SYS_open:
    case SYS_openat:
    case SYS_creat:
    case SYS_close:
    case SYS_fcntl:
    case SYS_fsync:
    case SYS_fdatasync:
    case SYS_pread64:
    case SYS_pwrite64:
    case SYS_readv:
    case SYS_writev:
    case SYS_preadv:
    case SYS_pwritev:
    case SYS_preadv2:
    case SYS_pwritev2:
    case SYS_fallocate:
    case SYS_sync_file_range:
      return true;
    default:
      return false;
  }
}

long kernel_call(long nr, long a0, long a1, long a2, long a3, long a4, long a5) {
  int cancel = PTHREAD_CANCEL_ENABLE;
  bool disable = __builtin_expect(cancellable, 0);
  if (disable) { /* no cancellation inside the virtual machine */
    if (is_cancellation_point(nr)) {
      pthread_testcancel();
    }
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
  }
  long result = can_call();
  if (__builtin_expect(result == 0, 1)) {
    self.in_kernel = 1;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    result = __builtin_expect(state == CLIENT, 0) ? client_call(nr, a0, a1, a2, a3, a4, a5) : enter(nr, a0, a1, a2, a3, a4, a5);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    self.in_kernel = 0;
    if (__builtin_expect(state != RUNNING, 0)) {
      not_running(); /* another thread exited the process */
    }
  }
  if (disable) {
    pthread_setcancelstate(cancel, NULL);
  }
  if (has_signals()) {
    after_signals();
  }
  return result;
}

/* The kernel is notified of signals that arrived before the call, and then does not sleep. */
static void tell_pending(void) {
  uint64_t bits = self.pending | (self.held & ~self.blocked_faults);
  while (bits) {
    note_and_wait(__builtin_ctzll(bits) + 1);
    bits &= bits - 1;
  }
}

long kernel_call_masked(long nr, long a0, long a1, long a2, long a3, long a4, long a5, const void *mask) {
  int cancel;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
  long result = can_call();
  if (result == 0 && state == CLIENT) {
    result = client_call(nr, a0, a1, a2, a3, a4, a5);
  } else if (result == 0) {
    uint64_t wanted;
    memcpy(&wanted, mask, sizeof wanted);
    self.entering = 1;
    uint64_t faults = self.blocked_faults;
    uint64_t before = machine_mask(SIG_SETMASK, wanted & ~FAULTS);
    self.blocked_faults = wanted & FAULTS;
    self.in_kernel = 1;
    self.entering = 0;
    tell_pending();
    result = enter(nr, a0, a1, a2, a3, a4, a5);
    self.in_kernel = 0;
    if (state != RUNNING) {
      not_running();
    }
    if (has_signals()) { /* with the call's mask: handlers run before the old mask is restored */
      after_signals();
    }
    self.blocked_faults = faults;
    machine_mask(SIG_SETMASK, before);
  }
  pthread_setcancelstate(cancel, NULL);
  return result;
}

/* Exit. */

static int64_t shut_down(void) {
  return kernel_do(DO_SHUTDOWN, 0, 0, 0, 0);
}

void kernel_shutdown(void) {
  int cancel;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
  pthread_mutex_lock(&start_lock);
  bool running = state == RUNNING && !in_other_process();
  bool attached = running && (self.in_kernel || self.handle != 0 || thread_attach() == 0);
  if (running) {
    ender = (int)machine_call(SYS_gettid, 0, 0, 0, 0, 0, 0);
    __atomic_store_n(&state, ENDED, __ATOMIC_RELEASE);
  }
  pthread_mutex_unlock(&start_lock);
  if (!running) {
    if (state == ENDED) {
      not_running(); /* sleeps if another thread exits the process */
    }
  } else if (!attached) {
    say("exec: no memory to end with: what was not synced is lost");
  } else if (!self.in_kernel) {
    threads_interrupt();
    self.in_kernel = 1;
    pollux_on_stack(0, 0, 0, 0, 0, 0, 0, 0, (void *)shut_down, self.stack_top);
    self.in_kernel = 0;
  }
  pthread_setcancelstate(cancel, NULL);
}

static void at_exit(void *unused) {
  (void)unused;
  if (self.machines) { /* the virtual machine exits the process and has printed the reason */
    if (state == NONE) {
      vm_did_not_start();
    }
    return;
  }
  if (kernel_running()) {
    streams_flush();
  }
  kernel_shutdown();
}

static void before_fork(void) {
  pthread_mutex_lock(&start_lock);
  if (!from_machine()) {
    client_before_fork();
  }
  signals_before_fork();
}

static void in_parent(void) {
  client_in_parent();
  signals_after_fork();
  pthread_mutex_unlock(&start_lock);
}

static void in_child(void) {
  signals_after_fork();
  pthread_mutex_unlock(&start_lock);
  owner = (pid_t)machine_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
  server_in_child();
  bool client = client_in_child();
  if (state != NONE) {
    state = client ? CLIENT : FORKED;
  }
  threads_in_child();
  signals_in_child();
  if (state == CLIENT) {
    signals_start(); /* for probe() */
  }
}

/*
 * A child of vfork has its parent's memory, and with it the parent's connection or kernel. So once there is one, vfork is fork.
 * It cannot be a C function, because it returns twice.
 */
__attribute__((visibility("hidden"))) pid_t (*volatile pollux_vfork)(void) = fork;

__asm__(
    ".text\n"
    ".globl vfork\n"
    ".type vfork, @function\n"
    "vfork:\n"
    "  endbr64\n"
    "  jmp *pollux_vfork(%rip)\n"
    ".size vfork, . - vfork\n");

static void vfork_is_fork(void) {
  pollux_vfork = fork;
}

extern int __cxa_atexit(void (*function)(void *), void *argument, void *library);

/*
 * exit() runs the handler registered here last: it belongs to no library, and is registered before the destructors of all
 * libraries.
 */
__attribute__((constructor(150))) static void kernel_init(void) {
  owner = (pid_t)machine_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
  pid_t (*next)(void) = (pid_t(*)(void))dlsym(RTLD_NEXT, "vfork");
  pollux_vfork = next && state == NONE ? next : fork;
  __cxa_atexit(at_exit, NULL, NULL);
  at_quick_exit(kernel_shutdown);
  pthread_atfork(before_fork, in_parent, in_child);
}

EXPORT _Noreturn void _exit(int status) {
  if (!self.machines) {
    kernel_shutdown();
  } else if (state == NONE) {
    vm_did_not_start(); /* the thread that starts the kernel waits with the lock held */
  }
  machine_call(SYS_exit_group, status, 0, 0, 0, 0, 0);
  __builtin_unreachable();
}

EXPORT _Noreturn void _Exit(int status) {
  _exit(status);
}
