// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.Debug;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.LockOrder;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.uapi.LinuxSource;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Counts the changes of a filesystem that are in progress, and blocks new ones while it is frozen.
 * A freeze outlives the call that makes it, so the lock order records only the changes.
 */
@LinuxSource(file = "include/linux/fs.h", name = "sb_writers")
final class SbWriters {
  private static final long FROZEN = 1L << 62;

  private final AtomicLong state = new AtomicLong(); // FROZEN, and the number of changes
  private final WaitQueue waiters = new WaitQueue();

  /**
   * Starts a change; waits while the filesystem is frozen. From process context. Returns 0, or
   * -EINTR if a signal ended the wait: a program may never thaw the filesystem.
   */
  @LinuxSource(file = "fs/super.c", name = "__sb_start_write")
  int start(Task current) {
    if (Debug.ON) {
      LockOrder.acquire(LockClass.SB_WRITERS, this);
    }
    int result = tryStart() ? 0 : waiters.waitEvent(current, this::tryStart, WaitQueue.FOREVER);
    if (Debug.ON) {
      if (result == 0) {
        LockOrder.acquired(LockClass.SB_WRITERS, this);
      } else {
        LockOrder.release(LockClass.SB_WRITERS, this);
      }
    }
    return result;
  }

  private boolean tryStart() {
    while (true) { // a turn repeats only if another thread changed the state
      long now = state.get();
      if (now >= FROZEN) {
        return false;
      }
      if (state.compareAndSet(now, now + 1)) {
        return true;
      }
    }
  }

  /** Ends a change. From any context. */
  @LinuxSource(file = "fs/super.c", name = "__sb_end_write")
  void end() {
    if (Debug.ON) {
      LockOrder.releaseFromAny(LockClass.SB_WRITERS, this);
    }
    long left = state.decrementAndGet();
    assert (left & ~FROZEN) >= 0 : "more changes ended than started";
    if (left == FROZEN) {
      waiters.wakeUp();
    }
  }

  /** Blocks new changes and waits for those in progress. Returns false if frozen already. */
  @LinuxSource(file = "fs/super.c", name = "sb_wait_write")
  boolean freeze(Task current) {
    while (true) { // a turn repeats only if another thread changed the state
      long now = state.get();
      if (now >= FROZEN) {
        return false;
      }
      if (state.compareAndSet(now, now | FROZEN)) {
        break;
      }
    }
    current.aboutToSleep();
    waiters.waitUninterruptibly(() -> state.get() == FROZEN);
    return true;
  }

  /**
   * Makes new changes wait until {@link #thaw}, unless a change is in progress.
   *
   * @return false if a change is in progress, or if the filesystem is frozen
   */
  @LinuxSource(file = "fs/namespace.c", name = "MNT_WRITE_HOLD")
  boolean hold() {
    return state.compareAndSet(0, FROZEN);
  }

  boolean frozen() {
    return state.get() >= FROZEN;
  }

  /** Lets changes start again. Returns false if the filesystem was not frozen. */
  boolean thaw() {
    boolean thawed = (state.getAndUpdate(now -> now & ~FROZEN) & FROZEN) != 0;
    waiters.wakeUp();
    return thawed;
  }
}
