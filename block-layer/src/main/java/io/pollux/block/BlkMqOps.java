// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.uapi.LinuxSource;

/**
 * What a driver does for its queue. A driver that completes at once calls {@link Request#complete} from
 * queueRqs; one that takes its time calls it from wherever its completion arrives, or, on a polled queue,
 * from {@link #poll} and nowhere else.
 */
@LinuxSource(file = "include/linux/blk-mq.h", name = "blk_mq_ops")
public interface BlkMqOps {
  /**
   * Takes requests. From process context, but without sleeping.
   *
   * @param hctx the hardware queue that all of them belong to
   * @param chain requests, linked by {@link Request#next()}; the driver's until completed
   */
  @LinuxSource(file = "include/linux/blk-mq.h", name = "queue_rqs")
  void queueRqs(HwCtx hctx, Request chain);

  /**
   * Completes what is ready on a polled queue. From any number of threads at a time.
   *
   * @param hctx a polled hardware queue
   * @return completions, or a negative errno
   */
  int poll(HwCtx hctx);

  /** Lets go of what the driver holds; nothing is in flight any more. */
  default void close() {}
}
