/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Signal masks.
 *
 * The virtual machine raises faults (SIGSEGV, SIGBUS, SIGFPE, SIGILL) for its own use, in a call of any thread. So a thread that
 * has made a call never blocks them on the host. Only self.blocked_faults records which of them the program blocks. If another
 * process sends a blocked fault, the library holds it until the program unblocks it or waits for it. All other signals are in the
 * host's mask.
 */
#include "pollux.h"

#include <pthread.h>
#include <setjmp.h>
#include <ucontext.h>

/* Requests of the virtual machine. In its own threads all signals but its faults stay blocked; in the program's threads nothing changes. */
static int mask_of_machine(int how, const sigset_t *set, sigset_t *old) {
  uint64_t before = machine_mask(SIG_BLOCK, 0);
  if (set && self.machines) {
    uint64_t bits = bits_of(set);
    machine_mask(how, how == SIG_SETMASK ? bits | ~FAULTS : bits & FAULTS);
  }
  if (old) {
    sigemptyset(old);
    set_bits(old, before);
  }
  return 0;
}

EXPORT int pthread_sigmask(int how, const sigset_t *set, sigset_t *old) {
  if (from_machine()) {
    return mask_of_machine(how, set, old);
  }
  if (self.handle == 0) {
    return NEXT(pthread_sigmask)(how, set, old);
  }
  uint64_t before = self.blocked_faults;
  uint64_t bits = 0;
  sigset_t filtered;
  if (set) {
    bits = bits_of(set);
    filtered = *set;
    set_bits(&filtered, bits & ~FAULTS);
    bits &= FAULTS;
  }
  int result = NEXT(pthread_sigmask)(how, set ? &filtered : NULL, old);
  if (result != 0) {
    return result;
  }
  if (old) {
    set_bits(old, bits_of(old) | before);
  }
  if (set) {
    self.blocked_faults = how == SIG_BLOCK ? before | bits : how == SIG_UNBLOCK ? before & ~bits : bits;
    signals_release();
  }
  return 0;
}

EXPORT int sigprocmask(int how, const sigset_t *set, sigset_t *old) {
  int result = pthread_sigmask(how, set, old);
  if (result != 0) {
    errno = result;
    return -1;
  }
  return 0;
}

static sigset_t one(int signal) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  return set;
}

static int change_one(int how, int signal) {
  if (signal < 1 || signal >= _NSIG) {
    errno = EINVAL;
    return -1;
  }
  sigset_t set = one(signal);
  return sigprocmask(how, &set, NULL);
}

EXPORT int sighold(int signal) {
  return change_one(SIG_BLOCK, signal);
}

EXPORT int sigrelse(int signal) {
  return change_one(SIG_UNBLOCK, signal);
}

/* BSD functions, with masks of 32 bits. */

static int change_low(int how, int mask) {
  sigset_t set;
  sigset_t old;
  sigemptyset(&set);
  set_bits(&set, (uint32_t)mask);
  return sigprocmask(how, &set, &old) == 0 ? (int)bits_of(&old) : -1;
}

EXPORT int sigblock(int mask) {
  return change_low(SIG_BLOCK, mask);
}

EXPORT int sigsetmask(int mask) {
  return change_low(SIG_SETMASK, mask);
}

EXPORT int siggetmask(void) {
  return change_low(SIG_BLOCK, 0);
}

/* Waiting. */

EXPORT int sigsuspend(const sigset_t *mask) {
  if (self.handle == 0 || from_machine()) {
    return NEXT(sigsuspend)(mask);
  }
  sigset_t filtered = *mask;
  uint64_t before = self.blocked_faults;
  set_bits(&filtered, bits_of(mask) & ~FAULTS);
  self.blocked_faults = bits_of(mask) & FAULTS;
  int result;
  if (self.held & ~self.blocked_faults) {
    signals_release();
    errno = EINTR;
    result = -1;
  } else {
    result = NEXT(sigsuspend)(&filtered);
  }
  self.blocked_faults = before;
  return result;
}

EXPORT int sigpending(sigset_t *set) {
  int result = NEXT(sigpending)(set);
  if (result == 0) {
    set_bits(set, bits_of(set) | self.held);
  }
  return result;
}

/* Takes a held signal of a set. Returns 0 if there is none. */
static int take_held(uint64_t wanted, siginfo_t *info) {
  uint64_t there = self.held & wanted;
  if (!there) {
    return 0;
  }
  int signal = __builtin_ctzll(there) + 1;
  signals_take(signal, info);
  return signal;
}

EXPORT int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout) {
  uint64_t faults = bits_of(set) & FAULTS;
  if (self.handle == 0 || !faults) {
    return NEXT(sigtimedwait)(set, info, timeout);
  }
  /* Blocked on the host for the wait, because this thread waits for them there. */
  uint64_t before = machine_mask(SIG_BLOCK, faults);
  siginfo_t held;
  int signal = take_held(faults, &held);
  if (signal != 0 && info) {
    *info = held;
    info->si_code = held.si_code == SI_TKILL ? SI_USER : held.si_code; /* as in the C library */
  }
  if (signal == 0) {
    signal = NEXT(sigtimedwait)(set, info, timeout);
  }
  int saved = errno;
  machine_mask(SIG_SETMASK, before);
  errno = saved;
  return signal;
}

EXPORT int sigwaitinfo(const sigset_t *set, siginfo_t *info) {
  return sigtimedwait(set, info, NULL);
}

EXPORT int sigwait(const sigset_t *set, int *signal) {
  if (self.handle == 0 || !(bits_of(set) & FAULTS)) {
    return NEXT(sigwait)(set, signal);
  }
  int got;
  do {
    got = sigtimedwait(set, NULL, NULL);
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    return errno;
  }
  *signal = got;
  return 0;
}

/*
 * Jumps that restore a mask, which may have been saved before the thread's first call. A coroutine's stack keeps the frame of
 * swapcontext here until another swapcontext returns to it.
 */

EXPORT int swapcontext(ucontext_t *from, const ucontext_t *to) {
  signals_jump((sigset_t *)&to->uc_sigmask);
  return NEXT(swapcontext)(from, to);
}

EXPORT int setcontext(const ucontext_t *to) {
  signals_jump((sigset_t *)&to->uc_sigmask);
  return NEXT(setcontext)(to);
}

typedef void jump(struct __jmp_buf_tag *environment, int value);

/* Resolved early, because jumps leave signal handlers. */
static jump *next_siglongjmp, *next_longjmp, *next__longjmp, *next___longjmp_chk;

__attribute__((constructor(120))) static void masks_init(void) {
  next_siglongjmp = (jump *)dlsym(RTLD_NEXT, "siglongjmp");
  next_longjmp = (jump *)dlsym(RTLD_NEXT, "longjmp");
  next__longjmp = (jump *)dlsym(RTLD_NEXT, "_longjmp");
  next___longjmp_chk = (jump *)dlsym(RTLD_NEXT, "__longjmp_chk");
}

#define JUMP(name)                                                             \
  EXPORT _Noreturn void name(struct __jmp_buf_tag environment[1], int value) { \
    if (environment->__mask_was_saved) {                                       \
      signals_jump((sigset_t *)&environment->__saved_mask);                    \
    }                                                                          \
    if (!next_##name) {                                                        \
      masks_init();                                                            \
    }                                                                          \
    next_##name(environment, value);                                           \
    __builtin_unreachable();                                                   \
  }

JUMP(siglongjmp)
JUMP(longjmp)
JUMP(_longjmp)
JUMP(__longjmp_chk)

/* The alternate stack. */

EXPORT int sigaltstack(const stack_t *stack, stack_t *old) {
  int result = NEXT(sigaltstack)(stack, old);
  if (result == 0 && stack) {
    bool none = stack->ss_flags & SS_DISABLE;
    self.alternate = none ? 0 : (uintptr_t)stack->ss_sp;
    self.alternate_size = none ? 0 : stack->ss_size;
  }
  return result;
}
