// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.uapi.Differs;
import io.pollux.uapi.LinuxSource;

/**
 * A driver's operations on its queue. A driver that completes at once calls {@link
 * Request#complete} inside queueRqs. Another calls it when its completion arrives, or, on a polled
 * queue, only inside {@link #poll}. {@link HwCtx#completeAll} completes several requests.
 *
 * <p>A request is one operation ({@link Bio#op} of its first bio) on consecutive sectors, from the
 * first bio's sector. Its memory is that of all its bios in order ({@link Bio#next}), vec by vec.
 * It has more than one bio only if the driver's {@link TagSet} has shouldMerge. A driver must
 * handle two flags: REQ_FUA, if its {@link QueueLimits} have fua, and REQ_NOUNMAP. REQ_OP_FLUSH
 * comes only to a device with a write cache; it covers all requests that completed before it was
 * queued.
 *
 * <p>If a method throws, its queue is shut down: its requests fail with EIO, and one line says why.
 * A driver's own thread that fails calls {@link RequestQueue#shutDown}. A driver that completes or
 * hands back a request that it does not own gets an IllegalStateException with the request's name.
 */
@LinuxSource(file = "include/linux/blk-mq.h", name = "blk_mq_ops")
public interface BlkMqOps {
  /**
   * Takes requests. Usually called in process context; never sleeps. A later step of a write with
   * flushes starts where the previous step completed, perhaps inside {@link #poll} or this method.
   *
   * <p>The driver takes as many as it has resources for, from the first on, and hands the others
   * back ({@link HwCtx#handBack}). It gets those again, in order and before later ones, after a
   * completion of the hardware queue or within milliseconds. So this method is also called in
   * completion context, and by one thread at a time then.
   *
   * @param hctx the hardware queue of all of them
   * @param chain requests, linked by {@link Request#next()}. The driver owns each, and accesses its
   *     memory, until it completes the request or hands it back.
   */
  @Differs(
      kind = Differs.Kind.LATER,
      why =
          "A driver gets the requests of a batch in one call. The posting's kernel calls queue_rq"
              + " for each; Linux has queue_rqs since 5.17.",
      test = "BatchesTest#theDriverGetsABatchInOneCall")
  @LinuxSource(file = "include/linux/blk-mq.h", name = "queue_rqs")
  void queueRqs(HwCtx hctx, Request chain);

  /**
   * Completes the requests that are ready on a polled queue. From any number of threads at a time.
   *
   * @param hctx a polled hardware queue
   * @return completions, or a negative errno
   */
  int poll(HwCtx hctx);

  /**
   * Handles a request that the driver has had for longer than {@link TagSet#timeoutNanos}. On the
   * clock's thread; never sleeps. The driver completes the request, or lets it take more time.
   *
   * <p>Another thread may complete the request meanwhile, and the queue may use it again. A driver
   * that completes it here therefore checks first, under the lock with which its threads take
   * requests, that it has the request and that {@link Request#timedOut} still holds.
   *
   * @param request the request
   * @return what the driver did
   */
  @LinuxSource(file = "include/linux/blk-mq.h", name = "timeout")
  default EhTimerReturn timeout(Request request) {
    return EhTimerReturn.RESET_TIMER;
  }

  /**
   * Returns whether the driver has stopped completing requests and accessing their memory on its
   * own. Called after the queue was shut down ({@link RequestQueue#shutDown}) or its disk removed,
   * in completion context, every few milliseconds until it returns true. Requests in flight then
   * fail. A driver with threads or hardware of its own overrides this.
   *
   * @return true if requests in flight may be completed without the driver
   */
  default boolean isIdle() {
    return true;
  }

  /** Releases the driver's resources. No request is in flight. */
  default void close() {}
}
