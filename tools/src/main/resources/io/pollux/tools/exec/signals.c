/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Signals, which the program and a Java virtual machine share here, and memory that may not be there.
 *
 * A handler of the program runs when its signal comes, but never inside a call of the kernel: there it is put off
 * until the call returns, as a kernel does, and the call is told, so that what waits in it answers EINTR.
 *
 * SIGSEGV and SIGBUS have four takers, asked in this order:
 *   1. probe(), which looks whether memory is there and goes on when it is not;
 *   2. the virtual machine, for faults that it makes on purpose;
 *   3. the kernel, for memory that the program unmapped while a request was using it: it gets an empty page, so that
 *      a wrong program has wrong values and the machine lives;
 *   4. the program's handler, or what happens without one.
 * libjsig stands between 2 and 3, and between the virtual machine and the program for all other signals.
 */
#include "pollux.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <ucontext.h>

#define PAGE 4096L

__thread struct thread self __attribute__((tls_model("initial-exec")));

/* One signal of each number is kept for later; more of the same number are one, as in a kernel. */
static __thread siginfo_t pending_info[65] __attribute__((tls_model("initial-exec")));

/* The program's actions, where ours stand in their place. */
static struct sigaction program[65];
static volatile unsigned char taken[65];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static volatile int started; /* the virtual machine has its handlers installed */
static struct sigaction machine_segv, machine_bus;

static bool is_fault(int signal) {
  return signal == SIGSEGV || signal == SIGBUS;
}

/* Memory. */

/*
 * The instructions from probe to probe_fault are the only ones that touch memory that may not be there; a fault in
 * them goes on at probe_fault, with the page in rcx.
 */
__asm__(
    ".text\n"
    ".globl pollux_probe\n"
    ".hidden pollux_probe\n"
    ".type pollux_probe, @function\n"
    "pollux_probe:\n"
    "  mov %rdi, %rcx\n"
    "  lea (%rdi,%rsi), %r8\n"
    "  test %rdx, %rdx\n"
    "  jnz 2f\n"
    "1:\n"
    "  movb (%rcx), %al\n"
    "  or $4095, %rcx\n"
    "  inc %rcx\n"
    "  cmp %r8, %rcx\n"
    "  jb 1b\n"
    "  mov %rsi, %rax\n"
    "  ret\n"
    "2:\n"
    "  lock orb $0, (%rcx)\n" /* changes nothing, even if another thread writes there */
    "  or $4095, %rcx\n"
    "  inc %rcx\n"
    "  cmp %r8, %rcx\n"
    "  jb 2b\n"
    "  mov %rsi, %rax\n"
    "  ret\n"
    ".globl pollux_probe_fault\n"
    ".hidden pollux_probe_fault\n"
    "pollux_probe_fault:\n"
    "  mov %rcx, %rax\n"
    "  sub %rdi, %rax\n"
    "  ret\n"
    ".size pollux_probe, . - pollux_probe\n");

extern int64_t pollux_probe(int64_t address, int64_t bytes, int64_t write);
extern char pollux_probe_fault[];

int64_t probe(int64_t address, int64_t bytes, int64_t write) {
  return pollux_probe(address, bytes, write);
}

/* Signal handlers of the program. */

static void run(const struct sigaction *action, int signal, siginfo_t *info, void *context) {
  if (action->sa_flags & SA_SIGINFO) {
    action->sa_sigaction(signal, info, context);
  } else if (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN) {
    action->sa_handler(signal);
  }
}

static void trampoline(int signal, siginfo_t *info, void *context) {
  int saved = errno;
  if (self.in_kernel || self.entering) {
    pending_info[signal] = *info;
    self.pending |= 1ull << (signal - 1);
    if (self.in_kernel && self.handle != 0) {
      note_send(self.handle, signal, NULL);
    }
  } else {
    struct sigaction action = program[signal];
    run(&action, signal, info, context);
  }
  errno = saved;
}

void signals_run_pending(void) {
  while (self.pending) {
    int signal = __builtin_ctzll(self.pending) + 1;
    self.pending &= ~(1ull << (signal - 1));
    siginfo_t info = pending_info[signal];
    struct sigaction action = program[signal];
    sigset_t before;
    sigset_t masked = action.sa_mask;
    if (!(action.sa_flags & SA_NODEFER)) {
      sigaddset(&masked, signal);
    }
    pthread_sigmask(SIG_BLOCK, &masked, &before);
    ucontext_t context;
    memset(&context, 0, sizeof context); /* of the call that has returned, there is none to show */
    context.uc_sigmask = before;
    int saved = errno;
    run(&action, signal, &info, &context);
    errno = saved;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
  }
}

/* Faults. */

/* Third and fourth: what the virtual machine does not take. */
static void fault_left_over(int signal, siginfo_t *info, void *context) {
  uintptr_t page = (uintptr_t)info->si_addr & ~(PAGE - 1);
  /* A virtual machine's thread has nearly everything blocked; a thread of the program has self.handle. */
  ucontext_t *at = context;
  bool machines = self.handle == 0 && sigismember(&at->uc_sigmask, SIGCHLD) == 1 && sigismember(&at->uc_sigmask, SIGURG) == 1;
  if (started && info->si_code > 0 && page >= 0x10000 && (self.in_kernel || machines)) {
    static volatile int said;
    long result = machine_call(SYS_mmap, (long)page, PAGE, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (result == -EEXIST) {
      result = machine_call(SYS_mprotect, (long)page, PAGE, PROT_READ | PROT_WRITE, 0, 0, 0);
    }
    if (result >= 0) {
      if (!said) {
        said = 1;
        say("exec: the program unmapped or protected memory that a request was using");
      }
      return;
    }
  }
  struct sigaction action = program[signal];
  if (taken[signal] && ((action.sa_flags & SA_SIGINFO) || (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN))) {
    if (action.sa_flags & SA_RESETHAND) {
      taken[signal] = 0;
    }
    sigset_t before;
    pthread_sigmask(SIG_BLOCK, &action.sa_mask, &before);
    run(&action, signal, info, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return;
  }
  /* None: back to the instruction, which this time ends the process. */
  long ignored[4] = {0, 0, 0, 0}; /* struct kernel_sigaction with SIG_DFL */
  machine_call(SYS_rt_sigaction, signal, (long)ignored, 0, 8, 0, 0);
}

/* First: probe(); then the virtual machine. */
static void fault(int signal, siginfo_t *info, void *context) {
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  uintptr_t at = (uintptr_t)registers[REG_RIP];
  if (at >= (uintptr_t)pollux_probe && at < (uintptr_t)pollux_probe_fault) {
    registers[REG_RIP] = (greg_t)(uintptr_t)pollux_probe_fault;
    return;
  }
  struct sigaction *next = signal == SIGSEGV ? &machine_segv : &machine_bus;
  if (!self.in_kernel && self.handle != 0) {
    fault_left_over(signal, info, context); /* a program's own code: none of the virtual machine's business */
    return;
  }
  next->sa_sigaction(signal, info, context);
}

static int (*of_c_library(void))(int, const struct sigaction *, struct sigaction *) {
  void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
  return (int (*)(int, const struct sigaction *, struct sigaction *))dlsym(libc, "sigaction");
}

static struct sigaction before_pipe, before_xfsz;

void signals_before_start(void) {
  /* The program's handlers, if it has any, move behind ours. */
  for (int i = 0; i < 2; i++) {
    int signal = i == 0 ? SIGSEGV : SIGBUS;
    if (!taken[signal]) {
      NEXT(sigaction)(signal, NULL, &program[signal]);
    }
    taken[signal] = 1;
    struct sigaction ours = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    ours.sa_sigaction = fault_left_over;
    NEXT(sigaction)(signal, &ours, NULL);
  }
  NEXT(sigaction)(SIGPIPE, NULL, &before_pipe);
  NEXT(sigaction)(SIGXFSZ, NULL, &before_xfsz);
}

void signals_after_start(void) {
  int (*install)(int, const struct sigaction *, struct sigaction *) = of_c_library();
  /* Writing to a closed pipe ends a program as it did before. The virtual machine has no need of these two. */
  install(SIGPIPE, &before_pipe, NULL);
  install(SIGXFSZ, &before_xfsz, NULL);
  struct sigaction first = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  first.sa_sigaction = fault;
  install(SIGSEGV, &first, &machine_segv);
  install(SIGBUS, &first, &machine_bus);
  started = 1;
}

/* What the program asks for. */

EXPORT int sigaction(int signal, const struct sigaction *action, struct sigaction *old) {
  if (signal < 1 || signal > 64 || signal == SIGKILL || signal == SIGSTOP) {
    return NEXT(sigaction)(signal, action, old);
  }
  if (signal == SIGSYS && sigsys_is_ours()) {
    return sigsys_action(action, old);
  }
  pthread_mutex_lock(&lock);
  struct sigaction before;
  int result = 0;
  if (taken[signal]) {
    before = program[signal];
  } else {
    result = NEXT(sigaction)(signal, NULL, &before);
  }
  if (action && result == 0) {
    bool handler = (action->sa_flags & SA_SIGINFO) || (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN);
    struct sigaction ours = *action;
    if (handler && !is_fault(signal)) {
      program[signal] = *action;
      ours.sa_sigaction = trampoline;
      ours.sa_flags |= SA_SIGINFO;
    }
    if (started && is_fault(signal)) {
      program[signal] = *action;
      taken[signal] = 1;
    } else {
      result = NEXT(sigaction)(signal, &ours, NULL);
      taken[signal] = handler && !is_fault(signal) && !(action->sa_flags & SA_RESETHAND);
    }
  }
  pthread_mutex_unlock(&lock);
  if (old && result == 0) {
    *old = before;
  }
  return result;
}

static sighandler_t set(int signal, sighandler_t handler, int flags) {
  struct sigaction action = {.sa_flags = flags};
  struct sigaction old;
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  return sigaction(signal, &action, &old) != 0 ? SIG_ERR : old.sa_handler;
}

EXPORT sighandler_t signal(int signal, sighandler_t handler) {
  return set(signal, handler, SA_RESTART);
}

EXPORT sighandler_t sysv_signal(int signal, sighandler_t handler) {
  return set(signal, handler, SA_RESETHAND | SA_NODEFER);
}

EXPORT sighandler_t __sysv_signal(int signal, sighandler_t handler) __attribute__((alias("sysv_signal")));
