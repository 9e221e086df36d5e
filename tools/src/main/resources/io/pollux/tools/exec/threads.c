/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads.
 *
 * A thread of the program has a kernel stack from its first call until it exits, and its calls run there. The virtual machine
 * never sees the program's stack, which may be small, a coroutine's, or a signal handler's. When a thread attaches, the virtual
 * machine asks the C library for its stack, and pthread_getattr_np returns the kernel stack.
 *
 * A thread that the virtual machine starts has all signals blocked except the faults that it raises for its own use. So no signal
 * of the program is delivered there. The thread does not count as one of the program's: when the last of those exits, the process
 * exits.
 */
#include "pollux.h"

#include <jni.h>
#include <limits.h>
#include <mqueue.h>
#include <pthread.h>
#include <sys/mman.h>
#include <threads.h>
#include <time.h>

#define STACK_BYTES (1l << 20) /* the virtual machine's size for its own threads */
#define GUARD_BYTES 4096l
#define TRY_AGAIN_NANOS 10000000l

__thread struct thread self __attribute__((tls_model("initial-exec")));

static JavaVM *machine;
static pthread_key_t thread_end;
static int program_threads = 1;
bool cancellable;
static struct thread *attached; /* under the lock */
static pthread_mutex_t attached_lock = PTHREAD_MUTEX_INITIALIZER;

__asm__(
    ".text\n"
    ".globl pollux_on_stack\n"
    ".hidden pollux_on_stack\n"
    ".type pollux_on_stack, @function\n"
    "pollux_on_stack:\n"
    "  .cfi_startproc\n"
    "  push %rbp\n"
    "  .cfi_def_cfa_offset 16\n"
    "  .cfi_offset %rbp, -16\n"
    "  mov %rsp, %rbp\n"
    "  .cfi_def_cfa_register %rbp\n"
    "  mov 40(%rbp), %rsp\n" /* top */
    "  push 24(%rbp)\n"      /* a7 */
    "  push 16(%rbp)\n"      /* a6 */
    "  call *32(%rbp)\n"
    "  mov %rbp, %rsp\n"
    "  pop %rbp\n"
    "  .cfi_def_cfa %rsp, 8\n"
    "  ret\n"
    "  .cfi_endproc\n"
    ".size pollux_on_stack, . - pollux_on_stack\n");

void threads_know(void *vm) {
  machine = vm;
}

/* Kernel stacks. */

static bool stack_make(void) {
  long at = machine_call(SYS_mmap, 0, STACK_BYTES + GUARD_BYTES, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (at < 0 && at >= -4095) {
    return false;
  }
  machine_call(SYS_mprotect, at, GUARD_BYTES, PROT_NONE, 0, 0, 0);
  self.stack = (char *)at + GUARD_BYTES;
  self.stack_top = self.stack + STACK_BYTES;
  return true;
}

static void stack_free(void) {
  machine_call(SYS_munmap, (long)(self.stack - GUARD_BYTES), STACK_BYTES + GUARD_BYTES, 0, 0, 0, 0);
  self.stack = self.stack_top = NULL;
}

/* Returns the kernel stack to the virtual machine. */
EXPORT int pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes) {
  if (!self.in_kernel || !self.stack || !pthread_equal(thread, pthread_self())) {
    return NEXT(pthread_getattr_np)(thread, attributes);
  }
  int result = pthread_attr_init(attributes);
  if (result == 0) {
    pthread_attr_setguardsize(attributes, 0);
    result = pthread_attr_setstack(attributes, self.stack, STACK_BYTES);
  }
  return result;
}

/* From the first call to the exit. */

static int64_t attach_here(void) {
  void *env;
  if ((*machine)->AttachCurrentThreadAsDaemon(machine, &env, NULL) != JNI_OK) {
    return -EAGAIN;
  }
  int64_t handle = kernel_do(DO_ATTACH, 0, 0, 0, 0);
  if (handle <= 0) {
    (*machine)->DetachCurrentThread(machine);
  }
  return handle;
}

static int64_t detach_here(void) {
  return (*machine)->DetachCurrentThread(machine);
}

int64_t on_kernel_stack(int64_t (*function)(int64_t, int64_t, int64_t, int64_t), int64_t a0, int64_t a1, int64_t a2, int64_t a3) {
  if (from_machine() || (!self.stack && !stack_make())) {
    return function(a0, a1, a2, a3);
  }
  self.in_kernel = 1;
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  int64_t result = pollux_on_stack(a0, a1, a2, a3, 0, 0, 0, 0, (void *)function, self.stack_top);
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  self.in_kernel = 0;
  if (has_signals()) {
    after_signals();
  }
  return result;
}

long threads_attach_server(void) {
  void *env;
  return (*machine)->AttachCurrentThreadAsDaemon(machine, &env, NULL) == JNI_OK ? 0 : -EAGAIN;
}

void threads_detach_server(void) {
  (*machine)->DetachCurrentThread(machine);
}

static void know(bool coming) {
  pthread_mutex_lock(&attached_lock);
  if (coming) {
    self.before = NULL;
    self.next = attached;
    if (attached) {
      attached->before = &self;
    }
    attached = &self;
  } else {
    if (self.next) {
      self.next->before = self.before;
    }
    *(self.before ? &self.before->next : &attached) = self.next;
  }
  pthread_mutex_unlock(&attached_lock);
}

long thread_attach(void) {
  if (!self.stack && !stack_make()) {
    return -ENOMEM;
  }
  /* From now on faults are not blocked on the host, see masks.c. */
  self.blocked_faults = machine_mask(SIG_BLOCK, 0) & FAULTS;
  self.in_kernel = 1;
  machine_mask(SIG_UNBLOCK, FAULTS);
  int64_t handle = pollux_on_stack(0, 0, 0, 0, 0, 0, 0, 0, (void *)attach_here, self.stack_top);
  if (handle > 0) {
    self.id = (int)machine_call(SYS_gettid, 0, 0, 0, 0, 0, 0);
    know(true);
    pthread_setspecific(thread_end, (void *)1);
    self.handle = handle;
  } else {
    machine_mask(SIG_BLOCK, self.blocked_faults);
    self.blocked_faults = 0;
  }
  self.in_kernel = 0;
  return handle > 0 ? 0 : handle;
}

static void detach(void) {
  int cancel;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
  self.in_kernel = 1;
  know(false);
  note_send(self.handle, NOTE_END, NULL);
  self.handle = 0;
  pollux_on_stack(0, 0, 0, 0, 0, 0, 0, 0, (void *)detach_here, self.stack_top);
  self.in_kernel = 0;
  machine_mask(SIG_UNBLOCK, __atomic_exchange_n(&self.pending, 0, __ATOMIC_RELAXED));
  pthread_setcancelstate(cancel, NULL);
}

/*
 * Runs in each round of the destructors of thread-specific data and acts in the last, because other destructors may make calls.
 * When only threads of the virtual machine are left, the process exits as the C library would exit it.
 */
static void thread_ends(void *value) {
  intptr_t round = (intptr_t)value;
  if (round < PTHREAD_DESTRUCTOR_ITERATIONS) {
    pthread_setspecific(thread_end, (void *)(round + 1));
    return;
  }
  if (in_other_process()) {
    return;
  }
  client_thread_ends();
  if (__atomic_sub_fetch(&program_threads, 1, __ATOMIC_ACQ_REL) == 0 && kernel_is_here()) {
    exit(0);
  }
  if (self.handle != 0 && kernel_is_here()) {
    detach();
  }
  if (self.handle == 0 && self.stack) {
    stack_free();
  }
}

void threads_in_child(void) {
  program_threads = 1;
  attached = NULL;
  pthread_mutex_init(&attached_lock, NULL);
  self.handle = 0;
  self.held = self.pending = 0;
}

__attribute__((constructor(120))) static void threads_init(void) {
  if (pthread_key_create(&thread_end, thread_ends) != 0) {
    abort();
  }
  pthread_setspecific(thread_end, (void *)1);
}

/* Thread creation. */

struct beginning {
  void *(*routine)(void *);
  void *argument;
  uint64_t blocked_faults; /* inherited, like the host's mask */
  bool machines;
};

static void *begin(void *made) {
  struct beginning it = *(struct beginning *)made;
  free(made);
  if (it.machines) {
    self.machines = true;
    machine_mask(SIG_SETMASK, ~FAULTS);
  } else {
    pthread_setspecific(thread_end, (void *)1);
    machine_mask(SIG_BLOCK, it.blocked_faults); /* blocked on the host: the thread has made no call yet */
  }
  return it.routine(it.argument);
}

EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*routine)(void *), void *argument) {
  struct beginning *made = malloc(sizeof *made);
  if (!made) {
    return EAGAIN;
  }
  bool machines = from_machine();
  *made = (struct beginning){routine, argument, self.blocked_faults, machines};
  uint64_t before = 0;
  if (machines) {
    before = machine_mask(SIG_BLOCK, ~0ull);
  } else {
    cancellable = true; /* before a thread exists that could cancel this one during a call */
    __atomic_add_fetch(&program_threads, 1, __ATOMIC_ACQ_REL);
  }
  int result = NEXT(pthread_create)(thread, attributes, begin, made);
  if (machines) {
    machine_mask(SIG_SETMASK, before);
  }
  if (result != 0) {
    free(made);
    if (!machines) {
      __atomic_sub_fetch(&program_threads, 1, __ATOMIC_ACQ_REL);
    }
  }
  return result;
}

EXPORT int pthread_cancel(pthread_t thread) {
  cancellable = true;
  return NEXT(pthread_cancel)(thread);
}

/* The C library runs such notifications in threads of its own, which do not pass pthread_create. */
static void notifies(const struct sigevent *event) {
  if (event && event->sigev_notify == SIGEV_THREAD) {
    cancellable = true;
  }
}

EXPORT int timer_create(clockid_t clock, struct sigevent *event, timer_t *timer) {
  notifies(event);
  return NEXT(timer_create)(clock, event, timer);
}

EXPORT int mq_notify(mqd_t queue, const struct sigevent *event) {
  notifies(event);
  return NEXT(mq_notify)(queue, event);
}

/* C11 threads. The C library's own version bypasses pthread_create. */

struct thrd {
  thrd_start_t routine;
  void *argument;
};

static void *thrd_begin(void *made) {
  struct thrd it = *(struct thrd *)made;
  free(made);
  return (void *)(intptr_t)it.routine(it.argument);
}

EXPORT int thrd_create(thrd_t *thread, thrd_start_t routine, void *argument) {
  struct thrd *made = malloc(sizeof *made);
  if (!made) {
    return thrd_nomem;
  }
  *made = (struct thrd){routine, argument};
  int result = pthread_create(thread, NULL, thrd_begin, made);
  if (result != 0) {
    free(made);
  }
  return result == 0 ? thrd_success : result == EAGAIN || result == ENOMEM ? thrd_nomem : thrd_error;
}

static int start_machine_thread(void *(*routine)(void *), void *argument, size_t stack, bool join) {
  struct beginning *made = malloc(sizeof *made);
  if (!made) {
    return EAGAIN;
  }
  *made = (struct beginning){routine, argument, 0, true};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, stack);
  pthread_attr_setdetachstate(&attributes, join ? PTHREAD_CREATE_JOINABLE : PTHREAD_CREATE_DETACHED);
  uint64_t before = machine_mask(SIG_BLOCK, ~0ull);
  pthread_t thread;
  int result = NEXT(pthread_create)(&thread, &attributes, begin, made);
  machine_mask(SIG_SETMASK, before);
  pthread_attr_destroy(&attributes);
  if (result != 0) {
    free(made);
  } else if (join) {
    pthread_join(thread, NULL);
  }
  return result;
}

int machine_thread(void *(*routine)(void *), size_t stack, bool join) {
  return start_machine_thread(routine, NULL, stack, join);
}

int machine_thread_with(void *(*routine)(void *), void *argument, size_t stack) {
  return start_machine_thread(routine, argument, stack, false);
}

/* Process exit. */

/* No program blocks this signal: the C library reserves it for setuid, which is no longer called at exit. */
#define INTERRUPT 33

static void nothing(int signal) {
  (void)signal;
}

static void *interrupt(void *unused) {
  (void)unused;
  int process = owner;
  while (true) {
    pthread_mutex_lock(&attached_lock);
    for (struct thread *thread = attached; thread; thread = thread->next) {
      if (thread->in_kernel) {
        machine_call(SYS_tgkill, process, thread->id, INTERRUPT, 0, 0, 0);
      }
    }
    pthread_mutex_unlock(&attached_lock);
    struct timespec a_while = {0, TRY_AGAIN_NANOS};
    machine_call(SYS_nanosleep, (long)&a_while, 0, 0, 0, 0, 0);
  }
  return NULL;
}

void threads_interrupt(void) {
  if (attached == &self && !self.next) {
    return;
  }
  extern void pollux_restore(void) __attribute__((visibility("hidden")));
  struct {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
  } action = {nothing, 0x04000000 /* SA_RESTORER */, pollux_restore, 0};
  machine_call(SYS_rt_sigaction, INTERRUPT, (long)&action, 0, sizeof action.mask, 0, 0);
  machine_thread(interrupt, PTHREAD_STACK_MIN + (64 << 10), false);
}

__asm__(
    ".text\n"
    ".hidden pollux_restore\n"
    ".globl pollux_restore\n"
    "pollux_restore:\n"
    "  mov $15, %rax\n" /* rt_sigreturn */
    "  syscall\n");

/*
 * The virtual machine interrupts I/O of its threads with a signal that may be the program's. The signal is dropped; the threads
 * wake when the I/O completes.
 */
EXPORT int pthread_kill(pthread_t thread, int signal) {
  return from_machine() && signal != 0 && signal != SIGABRT ? 0 : NEXT(pthread_kill)(thread, signal);
}
