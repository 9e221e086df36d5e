// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.uapi.Differs;
import io.pollux.uapi.LinuxSource;

/**
 * What a driver does for its queue. A driver that completes at once calls {@link Request#complete} from
 * queueRqs; one that takes its time calls it from wherever its completion arrives, or, on a polled queue,
 * from {@link #poll} and nowhere else. Whoever has several to complete does it with {@link HwCtx#completeAll}.
 *
 * <p>A request is one operation ({@link Bio#op} of its first bio) on consecutive sectors from the first bio's on, with
 * the memory of all its bios, one behind the other ({@link Bio#next}; only if the driver's {@link TagSet} says
 * shouldMerge is there more than one), each vec by vec. The only flags that ask anything of a driver are REQ_FUA, if
 * its {@link QueueLimits} have fua, and REQ_NOUNMAP. REQ_OP_FLUSH, which comes only to a device with a write cache, is
 * about everything that was completed before it came.
 *
 * <p>If a method throws, its queue is shut down. A driver's own thread that fails calls {@link RequestQueue#shutDown}.
 */
@LinuxSource(file = "include/linux/blk-mq.h", name = "blk_mq_ops")
public interface BlkMqOps {
  /**
   * Takes requests. Never sleeps. Mostly from process context; the steps of a write that needs flushes come from where
   * the step before was completed, perhaps from inside {@link #poll} or this.
   *
   * @param hctx the hardware queue that all of them belong to
   * @param chain requests, linked by {@link Request#next()}; the driver's until completed
   */
  @Differs(
      kind = Differs.Kind.LATER,
      why = "A driver gets the requests of a batch in one call. The posting's kernel calls queue_rq for each;"
          + " Linux has queue_rqs since 5.17.",
      test = "BatchesTest#theDriverGetsABatchInOneCall")
  @LinuxSource(file = "include/linux/blk-mq.h", name = "queue_rqs")
  void queueRqs(HwCtx hctx, Request chain);

  /**
   * Completes what is ready on a polled queue. From any number of threads at a time.
   *
   * @param hctx a polled hardware queue
   * @return completions, or a negative errno
   */
  int poll(HwCtx hctx);

  /**
   * Whether the driver has stopped completing requests and accessing their memory on its own. Called after the queue was shut
   * down ({@link RequestQueue#shutDown}), in completion context, every few milliseconds until it returns true. Requests in flight
   * then fail. A driver with threads or hardware of its own overrides this.
   *
   * @return true if requests in flight may be completed without the driver
   */
  default boolean isIdle() {
    return true;
  }

  /** Lets go of what the driver holds; nothing is in flight any more. */
  default void close() {}
}
