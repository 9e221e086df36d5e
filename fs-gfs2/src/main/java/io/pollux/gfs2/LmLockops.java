// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;

/**
 * A lock module: grants glocks to this node. {@link LockNolock} is the local one. One for a cluster
 * would ask the other nodes and pass their requests to {@link Gfs2Glock#callback}.
 */
@LinuxSource(file = "fs/gfs2/glock.h", name = "lm_lockops")
interface LmLockops {
  /**
   * The protocol's name, as superblocks have it.
   *
   * @return such as lock_nolock
   */
  @LinuxSource(file = "fs/gfs2/glock.h", name = "lm_proto_name")
  String protoName();

  /**
   * Changes the state of a lock for this node. From process context; may sleep until other nodes
   * release it. Called by one task at a time for a lock. (In C the result comes later, through
   * gfs2_glock_complete.)
   *
   * @param current the calling task
   * @param name the lock
   * @param state its current state
   * @param target the state wanted
   * @param flags LM_FLAG_TRY and LM_FLAG_TRY_1CB of {@link Gfs2Holder}, for which it does not wait
   *     for other nodes, or 0
   * @return the new state, or a negative errno if it is unchanged: -EAGAIN if other nodes have the
   *     lock and this is a try
   */
  @LinuxSource(file = "fs/gfs2/glock.h", name = "lm_lock")
  int lock(Task current, Gfs2LockName name, int state, int target, int flags);

  /**
   * Called when this node has no glock of that name any more. From any context.
   *
   * @param name the lock
   */
  @LinuxSource(file = "fs/gfs2/glock.h", name = "lm_put_lock")
  void putLock(Gfs2LockName name);
}
