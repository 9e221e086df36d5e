// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.uapi.LinuxSource;

/**
 * How many hardware queues a device has and how deep they are.
 *
 * @param submitQueues interrupt-driven hardware queues, from 1 to {@link #MAX_QUEUES}
 * @param pollQueues polled ones, from 0 to MAX_QUEUES; with none, nothing is polled
 * @param depth tags of each, from 1 to 65,536
 * @param shouldMerge whether the driver takes requests of more than one bio
 */
@LinuxSource(file = "include/linux/blk-mq.h", name = {"blk_mq_tag_set", "BLK_MQ_F_SHOULD_MERGE"})
public record TagSet(int submitQueues, int pollQueues, int depth, boolean shouldMerge) {
  /** Most hardware queues of a kind. */
  public static final int MAX_QUEUES = 256;

  /** Most tags of a hardware queue. */
  public static final int MAX_DEPTH = 1 << 16;

  /** Checks that everything is in its range. */
  public TagSet {
    if (submitQueues < 1 || submitQueues > MAX_QUEUES || pollQueues < 0 || pollQueues > MAX_QUEUES) {
      throw new IllegalArgumentException("hardware queues: " + submitQueues + " and " + pollQueues + " polled");
    }
    if (depth < 1 || depth > MAX_DEPTH) {
      throw new IllegalArgumentException("depth of a hardware queue: " + depth);
    }
  }
}
