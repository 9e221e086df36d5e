// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.BlkTypes;
import io.pollux.block.RequestQueue;
import io.pollux.block.TagSet;
import io.pollux.uapi.LinuxSource;

/**
 * How a {@link NullDisk} behaves, by the names of null_blk's own parameters. There is no queue_mode: it is always what
 * null_blk calls 2, multiqueue. Start at {@link #DEFAULT} and change what is different.
 *
 * @param irqmode when requests on interrupt-driven queues complete
 * @param completionNsec with {@link IrqMode#TIMER}, nanoseconds that a request takes, polled or not; from 0 to a second
 * @param hwQueueDepth tags of each hardware queue, from 1 to 65,536
 * @param submitQueues interrupt-driven hardware queues, from 1 to 256
 * @param pollQueues polled ones, from 0 to 256
 * @param bs logical block size in bytes, a power of two from 512 to 4096
 * @param memoryBacked whether data is kept in memory, as metadata always is
 */
@LinuxSource(file = "drivers/block/null_blk.h", name = "nullb_device")
public record NullParameters(
    IrqMode irqmode,
    long completionNsec,
    int hwQueueDepth,
    int submitQueues,
    int pollQueues,
    int bs,
    boolean memoryBacked) {
  /** Completes at once, on one queue of each kind; data is not kept. Nothing interrupts (null_blk's own default is SOFTIRQ). */
  public static final NullParameters DEFAULT =
      new NullParameters(
          IrqMode.NONE, 10_000, RequestQueue.DEFAULT_DEPTH, 1, 1, BlkTypes.SECTOR_SIZE, false);

  private static final long MAX_NSEC = 1_000_000_000;

  /** When a request completes that nobody polls for. On a polled queue, NONE and SOFTIRQ are the next poll. */
  @LinuxSource(file = "drivers/block/null_blk_main.c", name = {"NULL_IRQ_NONE", "NULL_IRQ_SOFTIRQ", "NULL_IRQ_TIMER"})
  public enum IrqMode {
    /** While it is queued, on the submitter's thread. */
    NONE,
    /** As soon as the driver's own thread gets to it. */
    SOFTIRQ,
    /** After {@link NullParameters#completionNsec}. */
    TIMER
  }

  /** Checks that everything is in its range. */
  public NullParameters {
    if (completionNsec < 0 || completionNsec > MAX_NSEC) {
      throw new IllegalArgumentException("completion_nsec " + completionNsec);
    }
    if (bs < BlkTypes.SECTOR_SIZE || bs > 4096 || Integer.bitCount(bs) != 1) {
      throw new IllegalArgumentException("bs " + bs);
    }
    TagSet checked = new TagSet(submitQueues, pollQueues, hwQueueDepth, true);
    assert checked.depth() == hwQueueDepth;
  }

  /**
   * Another way to complete.
   *
   * @param mode when
   * @param nsec with TIMER, after how many nanoseconds
   * @return parameters like these
   */
  public NullParameters withIrqmode(IrqMode mode, long nsec) {
    return new NullParameters(mode, nsec, hwQueueDepth, submitQueues, pollQueues, bs, memoryBacked);
  }

  /**
   * Other queues.
   *
   * @param submit interrupt-driven hardware queues
   * @param poll polled ones
   * @param depth tags of each
   * @return parameters like these
   */
  public NullParameters withQueues(int submit, int poll, int depth) {
    return new NullParameters(irqmode, completionNsec, depth, submit, poll, bs, memoryBacked);
  }

  /**
   * Another logical block size.
   *
   * @param bytes its size
   * @return parameters like these
   */
  public NullParameters withBs(int bytes) {
    return new NullParameters(irqmode, completionNsec, hwQueueDepth, submitQueues, pollQueues, bytes, memoryBacked);
  }

  /**
   * Data that is kept, or not.
   *
   * @param backed whether it is
   * @return parameters like these
   */
  public NullParameters withMemoryBacked(boolean backed) {
    return new NullParameters(irqmode, completionNsec, hwQueueDepth, submitQueues, pollQueues, bs, backed);
  }
}
