// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import io.pollux.core.Debug;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.LockOrder;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import org.jspecify.annotations.Nullable;

/**
 * The requests of one context that can be cancelled: its polls, the newest first. The list has its
 * own lock (C: ctx_lock), inside which only the lock of a wait queue is taken.
 */
@LinuxSource(file = "fs/aio.c", name = "active_reqs")
final class ActiveReqs {
  private final Object lock = new Object();
  private @Nullable PollIocb polls; // under the lock

  private void order() {
    if (Debug.ON) {
      LockOrder.enter(LockClass.AIO_CANCEL, lock);
    }
  }

  @LinuxSource(file = "fs/aio.c", name = "kiocb_set_cancel_fn")
  void add(PollIocb poll) {
    order();
    synchronized (lock) {
      PollIocb below = polls;
      poll.older = below;
      if (below != null) {
        below.newer = poll;
      }
      polls = poll;
      poll.listed = true;
    }
  }

  void remove(PollIocb poll) {
    order();
    synchronized (lock) {
      if (!poll.listed) {
        return; // it was cancelled
      }
      PollIocb above = poll.newer;
      PollIocb below = poll.older;
      if (above == null) {
        polls = below;
      } else {
        above.older = below;
      }
      if (below != null) {
        below.newer = above;
      }
      poll.newer = null;
      poll.older = null;
      poll.listed = false;
    }
  }

  /**
   * Cancels the request that was submitted from an iocb.
   *
   * @return -EINPROGRESS: its event comes through the ring; -EINVAL if there is no such request or
   *     it cannot be cancelled
   */
  @LinuxSource(file = "fs/aio.c", name = "io_cancel")
  int cancel(long userIocb) {
    PollIocb found;
    boolean mine;
    order();
    synchronized (lock) {
      found = polls;
      while (found != null && found.userObj() != userIocb) { // bounded by the number of polls
        found = found.older;
      }
      if (found == null) {
        return -Errno.EINVAL;
      }
      remove(found);
      mine = found.cancel();
    }
    if (mine) {
      found.complete(0);
    } // else the request may be freed by now
    return -Errno.EINPROGRESS;
  }

  /** Cancels all requests of a dead context, to which none are added. */
  void cancelAll() {
    while (true) { // terminates: each turn removes one, and none are added
      PollIocb found;
      boolean mine;
      order();
      synchronized (lock) {
        found = polls;
        if (found == null) {
          return;
        }
        remove(found);
        mine = found.cancel();
      }
      if (mine) {
        found.complete(0);
      }
    }
  }
}
