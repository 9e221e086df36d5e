// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;

/**
 * A lock module: what grants glocks to this node. There is the local one, {@link LockNolock}; one for a cluster would
 * ask the other nodes, and tell of their wishes by {@link Gfs2Glock#callback}.
 */
@LinuxSource(file = "fs/gfs2/glock.h", name = "lm_lockops")
interface LmLockops {
  /**
   * The name, as superblocks have it.
   *
   * @return such as lock_nolock
   */
  @LinuxSource(file = "fs/gfs2/glock.h", name = "lm_proto_name")
  String protoName();

  /**
   * Changes the state of a lock for this node. From process context; may sleep until other nodes let go. Called by one
   * task at a time for a lock. (In C the answer comes later, to gfs2_glock_complete.)
   *
   * @param current the calling task
   * @param name the lock
   * @param state which it is in
   * @param target which it is to be in
   * @param flags LM_FLAG_TRY and LM_FLAG_TRY_1CB of {@link Gfs2Holder}, or 0: do not wait for others
   * @return the state it is in now, or a negative errno and then it is as it was: -EAGAIN if others have it and it was a try
   */
  @LinuxSource(file = "fs/gfs2/glock.h", name = "lm_lock")
  int lock(Task current, Gfs2LockName name, int state, int target, int flags);

  /**
   * Nobody here knows of a lock any more. From any context.
   *
   * @param name the lock
   */
  @LinuxSource(file = "fs/gfs2/glock.h", name = "lm_put_lock")
  void putLock(Gfs2LockName name);
}
