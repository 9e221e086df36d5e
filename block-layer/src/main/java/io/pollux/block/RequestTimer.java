// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.uapi.LinuxSource;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Asks the driver about requests that it has had for longer than the queue's timeout. It runs on
 * the clock's thread while tags are in use.
 */
@LinuxSource(
    file = "block/blk-mq.c",
    name = {"blk_mq_timeout_work", "blk_mq_check_expired", "blk_mq_rq_timed_out"})
final class RequestTimer implements CoarseClock.Timer {
  /** A request is found at most this part of the timeout late, or a tick. */
  private static final int FRACTION = 8;

  private final RequestQueue queue;
  private final HwCtx[] hctxs;
  private final long timeoutNanos;
  private final AtomicBoolean armed = new AtomicBoolean();

  RequestTimer(RequestQueue queue, HwCtx[] hctxs, long timeoutNanos) {
    this.queue = queue;
    this.hctxs = hctxs;
    this.timeoutNanos = timeoutNanos;
  }

  /** Starts the time of requests that the driver gets now. Their tags are in use. */
  @LinuxSource(file = "block/blk-timeout.c", name = "blk_add_timer")
  void start(Request chain) {
    long deadline = queue.now() + timeoutNanos;
    for (Request request = chain; request != null; request = request.next) {
      request.setDeadline(deadline);
    }
    arm();
  }

  private void arm() {
    if (!armed.get() && armed.compareAndSet(false, true)) {
      CoarseClock.add(this, timeoutNanos / FRACTION);
    }
  }

  @Override
  public boolean expire() {
    long now = queue.now();
    for (HwCtx hctx : hctxs) {
      for (int tag = 0; tag < hctx.depth(); tag++) {
        Request request = hctx.request(tag);
        if (request.timedOut(now) && !queue.askAboutTimeout(request)) {
          return true; // the queue is shut down, and its requests fail
        }
      }
    }
    armed.set(false);
    VarHandle.fullFence(); // then the tags; a submitter takes its tag first, then reads armed
    if (queue.busyTags() != 0) {
      arm();
    }
    return true;
  }

  /** Gives a request more time. */
  void restart(Request request) {
    request.setDeadline(queue.now() + timeoutNanos);
  }
}
