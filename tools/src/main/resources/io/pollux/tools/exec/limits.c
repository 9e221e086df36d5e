/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * RLIMIT_MEMLOCK, which limits the memory that aio pins. The kernel keeps it, and a program may set any value, as root may. The
 * host's own limit does not change. All other limits are the host's.
 *
 * A limit that was set is also in the environment. The kernel reads it when it starts, as does the kernel of an executed program.
 * A child of fork has it in memory.
 */
#include "pollux.h"

#include <stdio.h>
#include <sys/resource.h>

#define VARIABLE "POLLUX_MEMLOCK"

/* Whether a call concerns the limit that the kernel keeps. */
static bool is_kernels(pid_t process, int resource) {
  return resource == RLIMIT_MEMLOCK && paths_known() && (process == 0 || process == getpid());
}

/* The current limit; infinite if none was set. */
static struct rlimit64 remembered(void) {
  struct rlimit64 limit = {RLIM64_INFINITY, RLIM64_INFINITY};
  const char *text = variable_get(VARIABLE);
  unsigned long long current, most;
  if (text && sscanf(text, "%llu:%llu", &current, &most) == 2) {
    limit.rlim_cur = current;
    limit.rlim_max = most;
  }
  return limit;
}

static long change(const struct rlimit64 *limit, struct rlimit64 *old) {
  if (limit && probe((intptr_t)limit, sizeof *limit, 0) != sizeof *limit) {
    return -EFAULT;
  }
  struct rlimit64 before = remembered();
  if (limit) {
    struct rlimit64 wanted = *limit;
    if (kernel_running()) {
      long result = CALL4(SYS_prlimit64, 0, RLIMIT_MEMLOCK, &wanted, 0);
      if (result < 0) {
        return result;
      }
    } else if (wanted.rlim_cur > wanted.rlim_max) {
      return -EINVAL;
    }
    char text[64];
    snprintf(text, sizeof text, "%llu:%llu", (unsigned long long)wanted.rlim_cur, (unsigned long long)wanted.rlim_max);
    if (!variable_set(VARIABLE, text)) {
      return -ENOMEM;
    }
  }
  if (old) {
    if (probe((intptr_t)old, sizeof *old, 1) != sizeof *old) {
      return -EFAULT; /* the new limit stays set, as in Linux */
    }
    *old = before;
  }
  return 0;
}

EXPORT int prlimit64(pid_t process, __rlimit_resource_t resource, const struct rlimit64 *limit, struct rlimit64 *old) {
  if (is_kernels(process, (int)resource)) {
    return (int)answer(change(limit, old));
  }
  return NEXT(prlimit64)(process, resource, limit, old);
}

EXPORT int prlimit(pid_t process, __rlimit_resource_t resource, const struct rlimit *limit, struct rlimit *old) {
  return prlimit64(process, resource, (const struct rlimit64 *)limit, (struct rlimit64 *)old);
}

EXPORT int setrlimit64(__rlimit_resource_t resource, const struct rlimit64 *limit) {
  if (is_kernels(0, (int)resource)) {
    return (int)answer(is_null(limit) ? -EFAULT : change(limit, NULL));
  }
  return NEXT(setrlimit64)(resource, limit);
}

EXPORT int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit) {
  return setrlimit64(resource, (const struct rlimit64 *)limit);
}

EXPORT int getrlimit64(__rlimit_resource_t resource, struct rlimit64 *limit) {
  if (is_kernels(0, (int)resource)) {
    return (int)answer(is_null(limit) ? -EFAULT : change(NULL, limit));
  }
  return NEXT(getrlimit64)(resource, limit);
}

EXPORT int getrlimit(__rlimit_resource_t resource, struct rlimit *limit) {
  return getrlimit64(resource, (struct rlimit64 *)limit);
}
