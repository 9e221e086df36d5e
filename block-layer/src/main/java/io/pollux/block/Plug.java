// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.core.sched.SleepHook;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.TaskPlug;
import io.pollux.core.trace.Trace;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Holds a task's requests until its batch is complete, so that each driver gets its requests in one
 * call: the counterpart of struct blk_plug. It is flushed before its task sleeps. While a request
 * is held, a bio that continues the last one of its hardware queue is merged into it.
 *
 * <p>Plugs do not nest: inside another, {@link #start} does nothing, and the outer plug holds the
 * requests.
 */
@LinuxSource(file = "include/linux/blkdev.h", name = "blk_plug")
public final class Plug implements TaskPlug {
  /** Maximum number of requests held, over all queues. */
  @LinuxSource(file = "block/blk-core.c", name = "BLK_MAX_REQUEST_COUNT")
  private static final int MAX_REQUESTS = 32;

  /**
   * Number of hardware queues that requests can be held for, a power of two. A queue's number
   * selects its list. A task mostly uses the queues of one kind.
   */
  private static final int LISTS = 16;

  private @Nullable PlugList @Nullable [] lists; // made at first use: most plugs are inside another
  private @Nullable PlugList recent; // the list used last in this batch
  private int open; // a bit for each list in use
  private int count; // requests in all lists
  private boolean timed;
  private long now; // if timed: the time of the batch's first request, used for all of it
  private @Nullable SleepHook callback;

  /** Makes an empty plug. */
  public Plug() {}

  /**
   * Holds the task's requests from now on.
   *
   * @param current the calling task
   * @return whether this plug holds them; only then call {@link #finish}
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
   * Flushes the plug and removes it from the task.
   *
   * @param current the calling task, whose plug this is
   */
  @Override
  @LinuxSource(file = "block/blk-core.c", name = "blk_finish_plug")
  public void finish(Task current) {
    assert current.plug() == this : "another task's plug";
    callback = null;
    flush();
    current.setPlug(null);
  }

  /**
   * Sets a hook that runs before the task sleeps with this plug.
   *
   * @param onSleep the hook, called from process context
   */
  @Override
  @Patch(16)
  @LinuxSource(file = "block/blk-core.c", name = "blk_check_plugged")
  public void setCallback(SleepHook onSleep) {
    callback = onSleep;
  }

  /** The list of a hardware queue if it has requests of this batch and tags left, or null. */
  @Nullable PlugList listWithTags(HwCtx hctx) {
    PlugList last = recent;
    return last != null && last.holds(hctx) && last.hasTags() ? last : null;
  }

  /** The list of a hardware queue. */
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
        count -= list.flush(); // another queue uses the slot
      }
      list.open(hctx);
      open |= 1 << at;
    }
    recent = list;
    return list;
  }

  /** Holds a request, with the others of its hardware queue. */
  void add(PlugList list, Request request, Bio bio) {
    list.add(request, bio);
    if (Trace.on() && count == 0) {
      BlockTrace.plug(this, bio);
    }
    if (++count == MAX_REQUESTS) {
      flush();
    }
  }

  /** As {@link #now}, for a batch that has begun. */
  long batchTime() {
    return now;
  }

  /** The time when this batch began, by the queue's clock. */
  long now(RequestQueue queue) {
    if (!timed) {
      now = queue.now();
      timed = true;
    }
    return now;
  }

  /** Passes the held requests to their drivers. */
  @LinuxSource(file = "block/blk-mq.c", name = "blk_mq_flush_plug_list")
  void flush() {
    @Nullable PlugList[] all = lists;
    int left = open;
    open = 0;
    count = 0;
    timed = false;
    recent = null; // a driver may come back to a list that is yet to be flushed
    while (left != 0 && all != null) {
      PlugList list = all[Integer.numberOfTrailingZeros(left)];
      left &= left - 1;
      if (list != null) {
        list.flush();
      }
    }
  }

  /**
   * Lists the requests that the plug holds, for a dump. By its task, or inside an event of its
   * task.
   *
   * @return a line for each request, in the order of the lists
   */
  public List<String> describe() {
    List<String> lines = new ArrayList<>();
    @Nullable PlugList[] all = lists;
    if (all != null) {
      for (PlugList list : all) {
        if (list != null) {
          list.describe(lines);
        }
      }
    }
    return lines;
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
