// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.core.sched.SleepHook;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.TaskPlug;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import org.jspecify.annotations.Nullable;

/**
 * Requests that a task holds back until its batch is whole, so that each driver gets its own in one go: the
 * counterpart of struct blk_plug. A task that is about to sleep lets go of them by itself. While a request is held, a
 * bio that goes on where the last one of its hardware queue ends is merged into it.
 *
 * <p>Plugs do not nest: inside another, {@link #start} does nothing, and the outer one holds the requests.
 */
@LinuxSource(file = "include/linux/blkdev.h", name = "blk_plug")
public final class Plug implements TaskPlug {
  /** Requests held back at most, of all queues together. */
  @LinuxSource(file = "block/blk-core.c", name = "BLK_MAX_REQUEST_COUNT")
  private static final int MAX_REQUESTS = 32;

  /** Hardware queues that requests are held for at a time, a power of two; their places are by their numbers. A task
   * mostly uses those of one kind. */
  private static final int LISTS = 16;

  private @Nullable PlugList @Nullable [] lists; // made when first needed: most plugs are inside another
  private @Nullable PlugList recent; // the one that was used last
  private int open; // a bit for each list that holds something
  private int count; // requests in all lists
  private boolean timed;
  private long now; // when timed: what the clock said at the first request, which does for all of them
  private @Nullable SleepHook callback;

  /** Makes an empty plug. */
  public Plug() {}

  /**
   * Holds the task's requests back from now on.
   *
   * @param current the calling task
   * @return whether this plug is the one that holds; only then is it to be finished
   */
  @Override
  @LinuxSource(file = "block/blk-core.c", name = "blk_start_plug")
  public boolean start(Task current) {
    if (current.plug() != null) {
      return false;
    }
    current.setPlug(this);
    return true;
  }

  /**
   * Lets go of everything and holds nothing back any more.
   *
   * @param current the calling task, whose plug this is
   */
  @Override
  @LinuxSource(file = "block/blk-core.c", name = "blk_finish_plug")
  public void finish(Task current) {
    assert current.plug() == this : "somebody else's plug";
    callback = null;
    flush();
    current.setPlug(null);
  }

  /**
   * Has somebody called before the task sleeps with this plug.
   *
   * @param onSleep what to call, from process context
   */
  @Override
  @Patch(16)
  @LinuxSource(file = "block/blk-core.c", name = "blk_check_plugged")
  public void setCallback(SleepHook onSleep) {
    callback = onSleep;
  }

  /** What is held for a hardware queue. */
  PlugList list(HwCtx hctx) {
    PlugList last = recent;
    return last != null && last.holds(hctx) ? last : find(hctx);
  }

  private PlugList find(HwCtx hctx) {
    @Nullable PlugList[] all = lists;
    if (all == null) {
      all = new PlugList[LISTS];
      lists = all;
    }
    int at = hctx.number() & (LISTS - 1);
    PlugList list = all[at];
    if (list == null) {
      list = new PlugList();
      all[at] = list;
    }
    if (!list.holds(hctx)) {
      if (!list.isFree()) {
        count -= list.flush(); // another queue has the place
      }
      list.open(hctx);
      open |= 1 << at;
    }
    recent = list;
    return list;
  }

  /** Holds a request back, together with others of its hardware queue. */
  void add(PlugList list, Request request, Bio bio) {
    list.add(request, bio);
    if (++count == MAX_REQUESTS) {
      flush();
    }
  }

  /** When this batch began, as a queue's clock tells. */
  long now(RequestQueue queue) {
    if (!timed) {
      now = queue.now();
      timed = true;
    }
    return now;
  }

  /** Gives the drivers what is held. */
  @LinuxSource(file = "block/blk-mq.c", name = "blk_mq_flush_plug_list")
  void flush() {
    @Nullable PlugList[] all = lists;
    int left = open;
    open = 0;
    count = 0;
    timed = false;
    while (left != 0 && all != null) {
      PlugList list = all[Integer.numberOfTrailingZeros(left)];
      left &= left - 1;
      if (list != null) {
        list.flush();
      }
    }
  }

  @Override
  public void flushBeforeSleep() {
    SleepHook hook = callback;
    if (hook != null) {
      hook.flushBeforeSleep();
    }
    flush();
  }
}
