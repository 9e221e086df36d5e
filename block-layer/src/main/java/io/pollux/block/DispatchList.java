// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.core.Debug;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.LockOrder;
import io.pollux.core.trace.Trace;
import io.pollux.core.trace.TracePoint;
import io.pollux.uapi.LinuxSource;
import org.jspecify.annotations.Nullable;

/**
 * The requests of a hardware queue that its driver handed back ({@link HwCtx#handBack}), and those
 * that arrived behind them. One thread at a time passes them to the driver again, in order.
 *
 * <p>They are run again after each completion of the hardware queue, after a poll that finds
 * nothing, and at the next tick of the clock. The tick is what a queue with nothing in flight
 * relies on.
 *
 * <p>Locks: the monitor of this object. It is not held while the driver is called.
 */
@LinuxSource(
    file = "include/linux/blk-mq.h",
    name = {"blk_mq_hw_ctx::dispatch", "blk_mq_hw_ctx::run_work"})
final class DispatchList implements CoarseClock.Timer {
  /** Until the requests are run again without a completion. */
  @LinuxSource(file = "block/blk-mq.c", name = "BLK_MQ_RESOURCE_DELAY")
  private static final long DELAY_NANOS = 3_000_000;

  /** Maximum number of requests in a call of the driver: those it refuses cost time too. */
  private static final int BATCH = 32;

  /** Maximum number of calls of the driver in one run; the next completion continues. */
  private static final int MAX_ROUNDS = 64;

  private final HwCtx hctx;

  // Whether requests are here or with the runner. Written under the lock; read without it, so that
  // a queue whose driver takes everything pays a plain load.
  private volatile boolean active;

  private @Nullable Request first;
  private @Nullable Request last;
  private @Nullable Request front; // handed back to the runner: before the others
  private @Nullable Request frontEnd;
  private @Nullable Thread runner;
  private boolean again; // a completion came during the run
  private boolean armed; // the clock will call expire

  DispatchList(HwCtx hctx) {
    this.hctx = hctx;
  }

  /** Whether later requests must queue behind others. Racy. */
  boolean isActive() {
    return active;
  }

  private void lockOrder() {
    if (Debug.ON) {
      LockOrder.enter(LockClass.REQUEST_QUEUE, this);
    }
  }

  /** Queues requests behind others. Returns false if there are no others. */
  boolean append(Request chain) {
    lockOrder();
    synchronized (this) {
      if (!active) {
        return false;
      }
      if (Trace.on()) {
        BlockTrace.requests(TracePoint.BLOCK_RQ_INSERT, chain);
      }
      addLast(chain);
      return true;
    }
  }

  private void addLast(Request chain) {
    Request tail = last;
    if (tail == null) {
      first = chain;
    } else {
      tail.next = chain;
    }
    last = end(chain);
  }

  private static Request end(Request chain) {
    Request end = chain;
    for (Request following = end.next; following != null; following = end.next) {
      end = following;
    }
    return end;
  }

  /** Takes requests back from the driver. */
  void handBack(Request chain) {
    lockOrder();
    synchronized (this) {
      if (runner == Thread.currentThread()) {
        Request tail = frontEnd;
        if (tail == null) {
          front = chain;
        } else {
          tail.next = chain;
        }
        frontEnd = end(chain);
      } else {
        addLast(chain);
      }
      active = true;
      if (!armed) {
        armed = true;
        CoarseClock.add(this, DELAY_NANOS);
      }
    }
  }

  /**
   * Passes the requests to the driver, until it hands some back and nothing has completed
   * meanwhile. From any context. If another thread does so already, it repeats the attempt.
   */
  @LinuxSource(
      file = "block/blk-mq.c",
      name = {"blk_mq_run_hw_queue", "blk_mq_dispatch_rq_list"})
  void run() {
    for (int round = 0; round < MAX_ROUNDS; round++) {
      Request chain = take(round == 0);
      if (chain == null) {
        return;
      }
      hctx.queue().queueAgain(hctx, chain);
    }
    stop();
  }

  /** Takes the first requests for a call of the driver. Returns null if the run is over. */
  private @Nullable Request take(boolean starting) {
    lockOrder();
    synchronized (this) {
      if (starting && runner != null) {
        again = true;
        return null;
      }
      boolean refused = joinFront();
      Request chain = first;
      if (chain == null) {
        active = false;
        runner = null;
        return null;
      }
      if (refused && !starting && !again) {
        runner = null;
        return null;
      }
      runner = Thread.currentThread();
      again = false;
      removeBatch(chain);
      return chain;
    }
  }

  /** Removes the first requests, which stay linked to each other. */
  private void removeBatch(Request chain) {
    Request end = chain;
    Request following = end.next;
    for (int n = 1; n < BATCH && following != null; n++) {
      end = following;
      following = end.next;
    }
    end.next = null;
    first = following;
    last = following == null ? null : last;
  }

  private void stop() {
    lockOrder();
    synchronized (this) {
      joinFront();
      active = first != null;
      runner = null;
    }
  }

  /** Puts what the driver handed back before what has arrived. Returns whether there was any. */
  private boolean joinFront() {
    Request tail = frontEnd;
    if (tail == null) {
      return false;
    }
    tail.next = first;
    first = front;
    last = last == null ? tail : last;
    front = null;
    frontEnd = null;
    return true;
  }

  /** Runs the requests at a tick of the clock. Returns true once there are none. */
  @Override
  public boolean expire() {
    run();
    lockOrder();
    synchronized (this) {
      armed = active;
      return !active;
    }
  }
}
