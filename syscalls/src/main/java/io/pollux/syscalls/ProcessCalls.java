// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Rlimit64;

/** Calls on the process: its limits. */
final class ProcessCalls {
  private ProcessCalls() {}

  /**
   * Implements prlimit64(2) for the calling process, pid 0. Any other pid is ESRCH.
   *
   * <p>RLIMIT_MEMLOCK can be set to any value, as root may. RLIMIT_NOFILE is fixed: a change is
   * EPERM. Other limits are EINVAL.
   */
  @LinuxSource(file = "kernel/sys.c", name = "do_prlimit")
  static long prlimit64(Task current, int pid, int resource, long newRlim, long oldRlim) {
    if (pid != 0) {
      return -Errno.ESRCH;
    }
    if (resource != Rlimit64.RLIMIT_MEMLOCK && resource != Rlimit64.RLIMIT_NOFILE) {
      return -Errno.EINVAL;
    }
    boolean memlock = resource == Rlimit64.RLIMIT_MEMLOCK;
    UserProcess process = current.process();
    long cur = memlock ? process.memlockLimit() : FilesStruct.NR_OPEN;
    long max = memlock ? process.memlockMax() : FilesStruct.NR_OPEN;
    if (newRlim != 0) {
      if (!current.mm().accessOk(newRlim, Rlimit64.SIZE, false)) {
        return -Errno.EFAULT;
      }
      long newCur = Rlimit64.rlimCur(newRlim);
      long newMax = Rlimit64.rlimMax(newRlim);
      if (Long.compareUnsigned(newCur, newMax) > 0) {
        return -Errno.EINVAL;
      }
      if (memlock) {
        process.setMemlockLimit(fromUser(newCur), fromUser(newMax));
      } else if (newCur != cur || newMax != max) {
        return -Errno.EPERM;
      }
    }
    if (oldRlim != 0) {
      if (!current.mm().accessOk(oldRlim, Rlimit64.SIZE, true)) {
        return -Errno.EFAULT; // the new limit stays set, as in Linux
      }
      Rlimit64.rlimCur(oldRlim, toUser(cur));
      Rlimit64.rlimMax(oldRlim, toUser(max));
    }
    return 0;
  }

  /** Converts a limit. Values of 2^63 and more, such as infinity, mean no limit. */
  private static long fromUser(long limit) {
    return limit < 0 ? Long.MAX_VALUE : limit;
  }

  private static long toUser(long limit) {
    return limit == Long.MAX_VALUE ? Rlimit64.RLIM64_INFINITY : limit;
  }
}
