// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.core.sched.SleepHook;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;
import org.jspecify.annotations.Nullable;

/**
 * Requests that a task holds back until its batch is whole, so that the driver gets them in one go: the
 * counterpart of struct blk_plug. A task that is about to sleep lets go of them by itself.
 *
 * <p>Plugs do not nest: inside another, {@link #start} does nothing, and the outer one holds the requests.
 */
@LinuxSource(file = "include/linux/blkdev.h", name = "blk_plug")
public final class Plug implements SleepHook {
  /** Requests held back at most. */
  @LinuxSource(file = "block/blk-core.c", name = "BLK_MAX_REQUEST_COUNT")
  private static final int MAX_REQUESTS = 32;

  private @Nullable Request first;
  private @Nullable Request last;
  private int count;
  private @Nullable SleepHook callback;

  /** Makes an empty plug. */
  public Plug() {}

  /**
   * Holds the task's requests back from now on.
   *
   * @param current the calling task
   * @return whether this plug is the one that holds; only then is it to be finished
   */
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
  @Patch(16)
  @LinuxSource(file = "block/blk-core.c", name = "blk_check_plugged")
  public void setCallback(SleepHook onSleep) {
    callback = onSleep;
  }

  void add(Request request) {
    Request tail = last;
    if (tail != null && (tail.hctx() != request.hctx() || count == MAX_REQUESTS)) {
      flush();
      tail = null;
    }
    if (tail == null) {
      first = request;
    } else {
      tail.next = request;
    }
    last = request;
    count++;
  }

  /** Gives the driver what is held. All of it is of one hardware queue. */
  @LinuxSource(file = "block/blk-mq.c", name = "blk_mq_flush_plug_list")
  void flush() {
    Request chain = first;
    if (chain == null) {
      return;
    }
    first = null;
    last = null;
    count = 0;
    HwCtx hctx = chain.hctx();
    hctx.queue().ops().queueRqs(hctx, chain);
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
