// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.uapi.LinuxSource;

/**
 * The hardware queues of a device: their number and depth.
 *
 * @param submitQueues interrupt-driven hardware queues, from 1 to {@link #MAX_QUEUES}
 * @param pollQueues polled hardware queues, from 0 to MAX_QUEUES; with 0 nothing is polled
 * @param depth tags of each queue, from 1 to 65,536
 * @param shouldMerge whether the driver takes requests of more than one bio
 * @param timeoutNanos nanoseconds that the driver may have a request until {@link
 *     BlkMqOps#timeout}, by the queue's clock; 0 for any time
 */
@LinuxSource(
    file = "include/linux/blk-mq.h",
    name = {"blk_mq_tag_set", "BLK_MQ_F_SHOULD_MERGE"})
public record TagSet(
    int submitQueues, int pollQueues, int depth, boolean shouldMerge, long timeoutNanos) {
  /** Maximum number of hardware queues of a kind. */
  public static final int MAX_QUEUES = 256;

  /** Maximum number of tags of a hardware queue. */
  public static final int MAX_DEPTH = 1 << 16;

  /** Checks that all values are in range. */
  public TagSet {
    if (submitQueues < 1
        || submitQueues > MAX_QUEUES
        || pollQueues < 0
        || pollQueues > MAX_QUEUES) {
      throw new IllegalArgumentException(
          "hardware queues: " + submitQueues + " and " + pollQueues + " polled");
    }
    if (depth < 1 || depth > MAX_DEPTH) {
      throw new IllegalArgumentException("depth of a hardware queue: " + depth);
    }
    if (timeoutNanos < 0) {
      throw new IllegalArgumentException("timeout of a request: " + timeoutNanos);
    }
  }

  /**
   * Describes hardware queues without a timeout.
   *
   * @param submitQueues interrupt-driven hardware queues, from 1 to {@link #MAX_QUEUES}
   * @param pollQueues polled hardware queues, from 0 to MAX_QUEUES
   * @param depth tags of each queue, from 1 to 65,536
   * @param shouldMerge whether the driver takes requests of more than one bio
   */
  public TagSet(int submitQueues, int pollQueues, int depth, boolean shouldMerge) {
    this(submitQueues, pollQueues, depth, shouldMerge, 0);
  }

  /**
   * Returns the same hardware queues with a timeout.
   *
   * @param nanos as timeoutNanos
   * @return the new description
   */
  @LinuxSource(file = "block/blk-settings.c", name = "blk_queue_rq_timeout")
  public TagSet withTimeout(long nanos) {
    return new TagSet(submitQueues, pollQueues, depth, shouldMerge, nanos);
  }
}
