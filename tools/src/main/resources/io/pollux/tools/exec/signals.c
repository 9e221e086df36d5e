/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Signals, which the program and the Java virtual machine share, and checks of memory that may be unmapped.
 *
 * A handler of the program runs when its signal arrives, but never inside a call of the kernel. There the library resends the
 * signal to the thread and blocks it until the call returns. It also notifies the kernel, so that a wait in the call returns
 * EINTR. The host then delivers the signal normally, with its queue, stack and flags.
 *
 * The virtual machine's actions are kept in a table and never set on the host; this file calls its handlers. Faults (SIGSEGV,
 * SIGBUS, SIGFPE, SIGILL) are offered to four handlers, in this order:
 *   1. probe(), which checks memory and returns if it is not mapped;
 *   2. the virtual machine, in its own threads and in calls, for faults that it raises on purpose;
 *   3. the kernel, for memory that the program unmapped during a request: the kernel maps an empty page, so that the virtual
 *      machine survives a wrong program;
 *   4. the program's handler, or the default action.
 *
 * The file exceeds 600 lines because delivery and changes of actions share the table of actions, its lock and its versions.
 */
#include "pollux.h"

#include <pthread.h>
#include <sys/mman.h>
#include <ucontext.h>

#define PAGE 4096L

/* The program's actions: those it has set, and all faults since the kernel started. */
static struct sigaction program[_NSIG];
static volatile unsigned versions[_NSIG]; /* odd during a change */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* taken with all signals blocked, because handlers call sigaction */

/* The virtual machine's actions. */
static struct sigaction machine[_NSIG];

static volatile bool started; /* this library receives faults first */

/* Faults that a process sent while they were blocked or during a call. */
static __thread siginfo_t held_info[4] __attribute__((tls_model("initial-exec")));

static const int faults[4] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};

static int fault_index(int signal) {
  int i = 3;
  while (i >= 0 && faults[i] != signal) {
    i--;
  }
  return i;
}

static bool is_fault(int signal) {
  return SIGNAL_BIT(signal) & FAULTS;
}

static bool has_handler(const struct sigaction *action) {
  return (action->sa_flags & SA_SIGINFO) || (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN);
}

/* Memory. */

/*
 * Only the instructions from probe to probe_fault access memory that may be unmapped. After a fault in them, execution
 * continues at probe_fault, with the page in rcx.
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

/* The program's actions. */

static uint64_t enter(void) {
  uint64_t before = machine_mask(SIG_BLOCK, ~0ull);
  pthread_mutex_lock(&lock);
  return before;
}

static void leave(uint64_t before) {
  pthread_mutex_unlock(&lock);
  machine_mask(SIG_SETMASK, before);
}

/* From any context. */
static struct sigaction action_of(int signal) {
  struct sigaction action;
  unsigned version;
  do {
    version = __atomic_load_n(&versions[signal], __ATOMIC_ACQUIRE);
    memcpy(&action, &program[signal], sizeof action);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
  } while ((version & 1) || version != __atomic_load_n(&versions[signal], __ATOMIC_RELAXED));
  return action;
}

/* Under the lock. */
static void set_action(int signal, const struct sigaction *action) {
  __atomic_store_n(&versions[signal], versions[signal] + 1, __ATOMIC_RELAXED);
  __atomic_thread_fence(__ATOMIC_RELEASE);
  memcpy(&program[signal], action, sizeof *action);
  __atomic_store_n(&versions[signal], versions[signal] + 1, __ATOMIC_RELEASE);
}

/* The host's struct sigaction. */
struct machine_action {
  void (*handler)(int);
  unsigned long flags;
  void *restorer;
  uint64_t mask;
};

#define RESTORER 0x04000000

static void set_in_machine(int signal, sighandler_t handler, unsigned long flags) {
  struct machine_action action;
  machine_call(SYS_rt_sigaction, signal, 0, (long)&action, sizeof action.mask, 0, 0);
  action.handler = handler;
  action.flags = (action.flags & RESTORER) | flags;
  machine_call(SYS_rt_sigaction, signal, (long)&action, 0, sizeof action.mask, 0, 0);
}

/* SA_RESETHAND is not set on the host, because a signal during a call is delivered twice. */
static void reset(int signal, const struct sigaction *action) {
  uint64_t before = enter();
  struct sigaction now = program[signal];
  if (now.sa_sigaction == action->sa_sigaction) {
    now.sa_handler = SIG_DFL;
    set_action(signal, &now);
    if (!is_fault(signal) || !started) {
      set_in_machine(signal, SIG_DFL, (unsigned)now.sa_flags & ~(unsigned)RESTORER);
    }
  }
  leave(before);
}

static void run(const struct sigaction *action, int signal, siginfo_t *info, void *context) {
  if (action->sa_flags & SA_SIGINFO) {
    action->sa_sigaction(signal, info, context);
  } else {
    action->sa_handler(signal);
  }
}

static void send_again(int signal, const siginfo_t *info) {
  long process = machine_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
  long thread = machine_call(SYS_gettid, 0, 0, 0, 0, 0, 0);
  if (machine_call(SYS_rt_tgsigqueueinfo, process, thread, signal, (long)info, 0, 0) < 0) {
    machine_call(SYS_tgkill, process, thread, signal, 0, 0, 0); /* no room in its queue */
  }
}

/* A signal during a call is delivered again after the call returns. */
static void put_off(int signal, const siginfo_t *info, ucontext_t *context) {
  machine_mask(SIG_BLOCK, SIGNAL_BIT(signal)); /* SA_NODEFER */
  set_bits(&context->uc_sigmask, bits_of(&context->uc_sigmask) | SIGNAL_BIT(signal));
  self.pending |= SIGNAL_BIT(signal);
  send_again(signal, info);
  if (self.in_kernel && self.handle != 0) {
    note_send(self.handle, signal, NULL);
  } else if (self.in_kernel) {
    client_signal(signal);
  }
}

/*
 * A handler runs with the mask that the program requested. If the thread has made a call, faults are blocked only for the
 * program. The mask of an interrupted wait (sigsuspend) may have blocked them on the host.
 */
static void run_masked(const struct sigaction *action, int signal, siginfo_t *info, ucontext_t *context,
                       void (*how)(const struct sigaction *, int, siginfo_t *, ucontext_t *)) {
  bool attached = self.handle != 0;
  uint64_t before = attached ? self.blocked_faults : bits_of(&context->uc_sigmask) & FAULTS;
  uint64_t faults = bits_of(&action->sa_mask) & FAULTS;
  if (is_fault(signal) && !(action->sa_flags & SA_NODEFER)) {
    faults |= SIGNAL_BIT(signal);
  }
  if (self.handlers++ == 0) {
    self.outer_faults = before;
  }
  if (attached) {
    self.blocked_faults |= faults;
    machine_mask(SIG_UNBLOCK, FAULTS);
  } else if (faults) {
    machine_mask(SIG_BLOCK, faults);
  }
  how(action, signal, info, context);
  if (self.handlers > 0) {
    self.handlers--;
  }
  if (self.handle != 0) { /* possibly since this handler's first call */
    uint64_t mask = bits_of(&context->uc_sigmask);
    self.blocked_faults = attached ? before : mask & FAULTS;
    set_bits(&context->uc_sigmask, mask & ~FAULTS);
    signals_release();
  }
}

void signals_jump(sigset_t *mask) {
  if (self.handle != 0) {
    set_bits(mask, bits_of(mask) & ~FAULTS);
    if (self.handlers > 0) {
      self.blocked_faults = self.outer_faults;
    }
  }
  self.handlers = 0;
}

static void run_here(const struct sigaction *action, int signal, siginfo_t *info, ucontext_t *context) {
  run(action, signal, info, context);
}

static void trampoline(int signal, siginfo_t *info, void *context) {
  if (from_machine() || self.entering) {
    put_off(signal, info, context);
    return;
  }
  struct sigaction action = action_of(signal);
  if (!has_handler(&action)) {
    return; /* the action was just removed */
  }
  if (action.sa_flags & SA_RESETHAND) {
    reset(signal, &action);
  }
  run_masked(&action, signal, info, context, run_here);
}

/* Faults. */

static bool is_kernel_stack(uintptr_t at) {
  return self.stack && at > (uintptr_t)self.stack && at <= (uintptr_t)self.stack_top;
}

/* Runs a handler on the stack that the signal interrupted, below its red zone. */
static void run_there(const struct sigaction *action, int signal, siginfo_t *info, ucontext_t *context) {
  uintptr_t top = ((uintptr_t)context->uc_mcontext.gregs[REG_RSP] - 128) & ~(uintptr_t)15;
  void *handler = action->sa_flags & SA_SIGINFO ? (void *)action->sa_sigaction : (void *)action->sa_handler;
  pollux_on_stack(signal, (intptr_t)info, (intptr_t)context, 0, 0, 0, 0, 0, handler, (void *)top);
}

static bool on_alternate(uintptr_t at) {
  return self.alternate_size != 0 && at - self.alternate < self.alternate_size;
}

/* Runs the default action. */
static void by_default(int signal, const siginfo_t *info, ucontext_t *context) {
  set_in_machine(signal, SIG_DFL, 0);
  set_bits(&context->uc_sigmask, bits_of(&context->uc_sigmask) & ~SIGNAL_BIT(signal));
  if (info->si_code <= 0) {
    send_again(signal, info);
  } /* else the instruction faults again, which kills the process */
}

/* A fault that the program raised or was sent. */
static void deliver(int signal, siginfo_t *info, ucontext_t *context) {
  struct sigaction action = action_of(signal);
  bool fatal = info->si_code > 0 && (self.blocked_faults & SIGNAL_BIT(signal));
  if (fatal || !has_handler(&action)) {
    if (fatal || action.sa_handler == SIG_DFL || info->si_code > 0) {
      by_default(signal, info, context);
    }
    return;
  }
  if (action.sa_flags & SA_RESETHAND) {
    reset(signal, &action);
  }
  machine_mask(SIG_BLOCK, bits_of(&action.sa_mask) & ~FAULTS);
  uintptr_t here = (uintptr_t)__builtin_frame_address(0);
  if (!(action.sa_flags & SA_ONSTACK) && on_alternate(here) &&
      !on_alternate((uintptr_t)context->uc_mcontext.gregs[REG_RSP])) {
    run_masked(&action, signal, info, context, run_there);
  } else {
    run_masked(&action, signal, info, context, run_here);
  }
}

/* Third and fourth: faults that the virtual machine does not handle. */
static void fault_left_over(int signal, siginfo_t *info, void *context) {
  uintptr_t page = (uintptr_t)info->si_addr & ~(PAGE - 1);
  if (!from_machine()) {
    deliver(signal, info, context);
    return;
  }
  if ((signal == SIGSEGV || signal == SIGBUS) && page >= 0x10000) {
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
  by_default(signal, info, context);
}

static void hold(int signal, const siginfo_t *info) {
  if (!(self.held & SIGNAL_BIT(signal))) {
    held_info[fault_index(signal)] = *info;
    self.held |= SIGNAL_BIT(signal);
  }
}

void signals_take(int signal, siginfo_t *info) {
  *info = held_info[fault_index(signal)];
  self.held &= ~SIGNAL_BIT(signal);
}

void signals_release(void) {
  uint64_t ready;
  while ((ready = self.held & ~self.blocked_faults) != 0) {
    siginfo_t info;
    int signal = __builtin_ctzll(ready) + 1;
    signals_take(signal, &info);
    send_again(signal, &info);
  }
}

/* A fault sent by a process, which never concerns the virtual machine. */
static void fault_sent(int signal, siginfo_t *info, ucontext_t *context) {
  if (self.machines) { /* the host chose this thread, which does not block it */
    long process = machine_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
    if (machine_call(SYS_rt_tgsigqueueinfo, process, process, signal, (long)info, 0, 0) < 0) {
      by_default(signal, info, context);
    }
  } else if (self.blocked_faults & SIGNAL_BIT(signal)) {
    hold(signal, info);
  } else if (self.in_kernel || self.entering) {
    hold(signal, info);
    if (self.in_kernel && self.handle != 0) {
      note_send(self.handle, signal, NULL);
    }
  } else {
    deliver(signal, info, context);
  }
}

/* First: probe(); then the virtual machine. */
static void fault(int signal, siginfo_t *info, void *context) {
  ucontext_t *there = context;
  greg_t *registers = there->uc_mcontext.gregs;
  uintptr_t at = (uintptr_t)registers[REG_RIP];
  const struct sigaction *next = &machine[signal];
  if (info->si_code <= 0) {
    fault_sent(signal, info, there);
  } else if (at >= (uintptr_t)pollux_probe && at < (uintptr_t)pollux_probe_fault) {
    registers[REG_RIP] = (greg_t)(uintptr_t)pollux_probe_fault;
  } else if (!from_machine() || !has_handler(next)) {
    fault_left_over(signal, info, context);
  } else if (is_kernel_stack((uintptr_t)registers[REG_RSP]) && !is_kernel_stack((uintptr_t)__builtin_frame_address(0))) {
    run_there(next, signal, info, there); /* the program's alternate stack may be small */
  } else {
    run(next, signal, info, context);
  }
}

static int libc_sigaction(int signal, const struct sigaction *action, struct sigaction *old) {
  static int (*function)(int, const struct sigaction *, struct sigaction *);
  if (!function) {
    void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
    function = (int (*)(int, const struct sigaction *, struct sigaction *))dlsym(libc, "sigaction");
  }
  return function(signal, action, old);
}

static void take_fault(int signal) {
  struct sigaction ours = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  ours.sa_sigaction = fault;
  libc_sigaction(signal, &ours, NULL);
}

void signals_start(void) {
  uint64_t before = enter();
  for (int i = 0; i < 4; i++) {
    struct sigaction action;
    libc_sigaction(faults[i], NULL, &action);
    set_action(faults[i], &action);
    take_fault(faults[i]);
  }
  started = true;
  leave(before);
}

static uint64_t mask_before_fork;

void signals_before_fork(void) {
  mask_before_fork = enter();
}

void signals_after_fork(void) {
  leave(mask_before_fork);
}

void signals_in_child(void) {
  if (started) {
    started = false;
    for (int i = 0; i < 4; i++) {
      libc_sigaction(faults[i], &program[faults[i]], NULL);
    }
  }
  machine_mask(SIG_BLOCK, self.blocked_faults);
  self.blocked_faults = 0;
}

/* An executed program inherits ignored signals and the mask. */

void signals_before_exec(void) {
  if (!started) {
    return;
  }
  for (int i = 0; i < 4; i++) {
    struct sigaction now;
    if (action_of(faults[i]).sa_handler == SIG_IGN && libc_sigaction(faults[i], NULL, &now) == 0 &&
        now.sa_sigaction == fault) {
      set_in_machine(faults[i], SIG_IGN, 0);
    }
  }
  machine_mask(SIG_BLOCK, self.blocked_faults);
}

void signals_after_exec(void) {
  if (!started) {
    return;
  }
  for (int i = 0; i < 4; i++) {
    if (action_of(faults[i]).sa_handler == SIG_IGN) {
      take_fault(faults[i]);
    }
  }
  machine_mask(SIG_UNBLOCK, self.blocked_faults);
}

/* Requests of the virtual machine. Its fault handlers chain to the library for faults that they do not handle. */
static int sigaction_of_machine(int signal, const struct sigaction *action, struct sigaction *old) {
  struct sigaction before = machine[signal];
  if (is_fault(signal) && !has_handler(&before)) {
    before.sa_flags = SA_SIGINFO;
    before.sa_sigaction = fault_left_over;
  }
  if (action) {
    machine[signal] = *action;
  }
  if (old) {
    *old = before;
  }
  return 0;
}

/* Requests of the program. */

/* Converts the host's action to the one that the program has set. */
static void show(int signal, struct sigaction *action) {
  if (action->sa_sigaction == trampoline) {
    const struct sigaction *set = &program[signal];
    action->sa_sigaction = set->sa_sigaction;
    action->sa_flags = (action->sa_flags & ~SA_SIGINFO) | (set->sa_flags & (SA_SIGINFO | SA_RESETHAND));
    set_bits(&action->sa_mask, bits_of(&action->sa_mask) | (bits_of(&set->sa_mask) & FAULTS));
  }
}

#define SUPPORTED \
  ((unsigned)(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER | SA_RESETHAND) | 0x800)

/* A fault, for which the host has the library's action. Kept in the host's form. */
static void change_fault(int signal, const struct sigaction *action, struct sigaction *old) {
  *old = program[signal];
  if (action) {
    struct sigaction kept = *action;
    set_bits(&kept.sa_mask, bits_of(&kept.sa_mask) & ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP)));
    kept.sa_flags = (int)(((unsigned)kept.sa_flags & SUPPORTED) | RESTORER);
    set_action(signal, &kept);
  }
}

/* All other signals. */
static int change(int signal, const struct sigaction *action, struct sigaction *old) {
  if (!action) {
    int result = NEXT(sigaction)(signal, NULL, old);
    show(signal, old);
    return result;
  }
  struct sigaction ours = *action;
  bool handler = has_handler(action);
  if (handler) {
    ours.sa_sigaction = trampoline;
    ours.sa_flags = (int)(((unsigned)ours.sa_flags | SA_SIGINFO) & ~(unsigned)SA_RESETHAND);
    set_bits(&ours.sa_mask, bits_of(&ours.sa_mask) & ~FAULTS);
  }
  struct sigaction before = program[signal];
  int result = NEXT(sigaction)(signal, NULL, old);
  if (result != 0) {
    return result;
  }
  show(signal, old);
  if (handler) {
    set_action(signal, action);
  }
  result = NEXT(sigaction)(signal, &ours, NULL);
  if (result != 0) {
    set_action(signal, &before);
  }
  return result;
}

EXPORT int sigaction(int signal, const struct sigaction *action, struct sigaction *old) {
  if (signal < 1 || signal >= _NSIG || signal == SIGKILL || signal == SIGSTOP) {
    return NEXT(sigaction)(signal, action, old);
  }
  if (from_machine()) {
    return sigaction_of_machine(signal, action, old);
  }
  if (signal == SIGSYS && sigsys_is_ours()) {
    return sigsys_action(action, old);
  }
  struct sigaction wanted;
  struct sigaction before;
  int result = 0;
  if (action) {
    wanted = *action;
  }
  if (in_other_process()) { /* a child of vfork has its own actions but its parent's table */
    result = NEXT(sigaction)(signal, action ? &wanted : NULL, &before);
    show(signal, &before);
  } else {
    uint64_t mask = enter();
    if (started && is_fault(signal)) {
      change_fault(signal, action ? &wanted : NULL, &before);
    } else if (is_fault(signal)) {
      result = NEXT(sigaction)(signal, action ? &wanted : NULL, &before);
    } else {
      result = change(signal, action ? &wanted : NULL, &before);
    }
    leave(mask);
  }
  if (old && result == 0) {
    *old = before;
  }
  return result;
}

EXPORT int __sigaction(int signal, const struct sigaction *action, struct sigaction *old) {
  return sigaction(signal, action, old);
}

/* Older interfaces. */

static sigset_t interrupting; /* signals set by siginterrupt */

static sighandler_t set(int signal, sighandler_t handler, int flags, bool masked) {
  struct sigaction action = {.sa_flags = flags};
  struct sigaction old;
  if (handler == SIG_ERR || signal < 1 || signal >= _NSIG) {
    errno = EINVAL;
    return SIG_ERR;
  }
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  if (masked) {
    sigaddset(&action.sa_mask, signal);
  }
  return sigaction(signal, &action, &old) != 0 ? SIG_ERR : old.sa_handler;
}

EXPORT sighandler_t signal(int signal, sighandler_t handler) {
  return set(signal, handler, signal > 0 && signal < _NSIG && sigismember(&interrupting, signal) ? 0 : SA_RESTART, true);
}

EXPORT sighandler_t bsd_signal(int number, sighandler_t handler) {
  return signal(number, handler);
}

EXPORT sighandler_t ssignal(int number, sighandler_t handler) {
  return signal(number, handler);
}

EXPORT sighandler_t sysv_signal(int signal, sighandler_t handler) {
  return set(signal, handler, SA_RESETHAND | SA_NODEFER, false);
}

EXPORT sighandler_t __sysv_signal(int number, sighandler_t handler) {
  return sysv_signal(number, handler);
}

EXPORT int siginterrupt(int signal, int interrupt) {
  struct sigaction action;
  if (sigaction(signal, NULL, &action) != 0) {
    return -1;
  }
  if (interrupt) {
    sigaddset(&interrupting, signal);
    action.sa_flags &= ~SA_RESTART;
  } else {
    sigdelset(&interrupting, signal);
    action.sa_flags |= SA_RESTART;
  }
  return sigaction(signal, &action, NULL);
}

EXPORT int sigignore(int signal) {
  return set(signal, SIG_IGN, 0, false) == SIG_ERR ? -1 : 0;
}

EXPORT sighandler_t sigset(int signal, sighandler_t handler) {
  sigset_t mask;
  sigset_t before;
  if (signal < 1 || signal >= _NSIG) {
    errno = EINVAL;
    return SIG_ERR;
  }
  sigemptyset(&mask);
  sigaddset(&mask, signal);
  sighandler_t old;
  if (handler == SIG_HOLD) {
    struct sigaction action;
    if (sigprocmask(SIG_BLOCK, &mask, &before) != 0 || sigaction(signal, NULL, &action) != 0) {
      return SIG_ERR;
    }
    old = action.sa_handler;
  } else {
    old = set(signal, handler, 0, false);
    if (old == SIG_ERR || sigprocmask(SIG_UNBLOCK, &mask, &before) != 0) {
      return SIG_ERR;
    }
  }
  return sigismember(&before, signal) ? SIG_HOLD : old;
}
