// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;

/**
 * Takes the place of the driver of a queue that was shut down. New requests fail with EIO at once. Requests that the driver has may
 * still complete; those that have not after {@link #GRACE_NANOS}, and that the driver does not touch any more, fail with EIO.
 *
 * <p>A task holds requests in a plug for much less than the grace period, so what is in flight at its end is the driver's.
 */
@LinuxSource(file = "block/blk-core.c", name = {"blk_set_queue_dying", "blk_mq_tagset_busy_iter"})
final class DeadDriver implements BlkMqOps, CoarseClock.Timer {
  /** From the shutdown until what is in flight fails. (In C a driver's timeout handler waits for 30 s, and then cancels it.) */
  static final long GRACE_NANOS = 1_000_000_000;

  private final BlkMqOps driver;
  private final HwCtx[] hctxs;
  private volatile boolean over; // the driver is not called any more; written by the timer

  DeadDriver(BlkMqOps driver, HwCtx[] hctxs) {
    this.driver = driver;
    this.hctxs = hctxs;
  }

  @Override
  public void queueRqs(HwCtx hctx, Request chain) {
    for (Request request = chain; request != null; request = request.next()) {
      request.setStatus(-Errno.EIO);
    }
    hctx.completeAll(chain);
  }

  @Override
  public int poll(HwCtx hctx) {
    if (over) {
      return 0;
    }
    try {
      return driver.poll(hctx);
    } catch (Throwable e) { // was reported, or is what follows from it
      return 0;
    }
  }

  @Override
  public boolean expire() {
    boolean idle = true;
    try {
      idle = driver.isIdle();
    } catch (Throwable e) { // as in poll
    }
    if (!idle) {
      return false;
    }
    if (!over) {
      over = true; // driver methods never sleep: none that was called before is running at the next tick
      return false;
    }
    for (HwCtx hctx : hctxs) {
      hctx.cancelAll();
    }
    return true;
  }
}
