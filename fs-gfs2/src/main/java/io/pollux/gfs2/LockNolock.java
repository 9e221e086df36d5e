// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;

/** The lock module of a filesystem that only this machine uses: everything is granted at once. */
@LinuxSource(file = "fs/gfs2/ops_fstype.c", name = "nolock_ops")
final class LockNolock implements LmLockops {
  static final LockNolock INSTANCE = new LockNolock();

  private LockNolock() {}

  @Override
  public String protoName() {
    return "lock_nolock";
  }

  @Override
  public int lock(Task current, Gfs2LockName name, int state, int target, int flags) {
    return target;
  }

  @Override
  public void putLock(Gfs2LockName name) {
    // no other node knows the lock
  }
}
