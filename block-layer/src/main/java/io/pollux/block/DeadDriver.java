// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.uapi.LinuxSource;

/**
 * Replaces the driver of a queue that was shut down. New requests fail with EIO at once. Requests
 * that the driver holds may still complete for {@link #GRACE_NANOS}. After that, and once the
 * driver is idle, the remaining ones fail with EIO.
 *
 * <p>A polled request whose clones are in flight on other disks completes with them. A poll
 * therefore polls those disks too, since the driver may no longer be called.
 *
 * <p>A request in a plug is not the driver's ({@link Request#isInFlight}). It fails when the plug
 * is flushed.
 */
@LinuxSource(
    file = "block/blk-core.c",
    name = {"blk_set_queue_dying", "blk_mq_tagset_busy_iter"})
final class DeadDriver implements BlkMqOps, CoarseClock.Timer {
  /**
   * From the shutdown until requests in flight fail. (In C a driver's timeout handler cancels them
   * after 30 s.)
   */
  static final long GRACE_NANOS = 1_000_000_000;

  private final BlkMqOps driver;
  private final HwCtx[] hctxs;
  private volatile boolean over; // no more calls of the driver; written by the timer

  DeadDriver(BlkMqOps driver, HwCtx[] hctxs) {
    this.driver = driver;
    this.hctxs = hctxs;
  }

  @Override
  public void queueRqs(HwCtx hctx, Request chain) {
    hctx.failAll(chain);
  }

  @Override
  public int poll(HwCtx hctx) {
    int found = 0;
    if (!over) {
      try {
        found = driver.poll(hctx);
      } catch (Throwable e) { // reported already, or a consequence
      }
    }
    int ended = hctx.pollClones();
    return ended == 0 ? found : ended + Math.max(found, 0);
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
      over = true; // driver methods never sleep: all earlier calls have returned by the next tick
      return false;
    }
    for (HwCtx hctx : hctxs) {
      hctx.cancelAll();
    }
    return true;
  }
}
