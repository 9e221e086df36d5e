// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.BlkTypes;
import io.pollux.block.RequestQueue;
import io.pollux.block.TagSet;
import io.pollux.uapi.LinuxSource;
import java.util.Locale;

/**
 * The parameters of a {@link NullDisk}, named as null_blk's. There is no queue_mode: it is always
 * 2, multiqueue. Start with {@link #DEFAULT} and change what differs.
 *
 * @param irqmode when requests on interrupt-driven queues complete
 * @param completionNsec with {@link IrqMode#TIMER}, nanoseconds per request, polled or not; from 0
 *     to a second
 * @param hwQueueDepth tags of each hardware queue, from 1 to 65,536
 * @param submitQueues interrupt-driven hardware queues, from 1 to 256
 * @param pollQueues polled hardware queues, from 0 to 256
 * @param bs logical block size in bytes, a power of two from 512 to 4096
 * @param memoryBacked whether data is kept in memory; metadata always is
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
  /**
   * One queue of each kind; requests complete at once, without interrupts; data is not kept.
   * (null_blk's default irqmode is SOFTIRQ.)
   */
  public static final NullParameters DEFAULT =
      new NullParameters(
          IrqMode.NONE, 10_000, RequestQueue.DEFAULT_DEPTH, 1, 1, BlkTypes.SECTOR_SIZE, false);

  /** Maximum of {@link #completionNsec}. */
  static final long MAX_NSEC = 1_000_000_000;

  /**
   * When an unpolled request completes. On a polled queue, NONE and SOFTIRQ complete at the next
   * poll.
   */
  @LinuxSource(
      file = "drivers/block/null_blk_main.c",
      name = {"NULL_IRQ_NONE", "NULL_IRQ_SOFTIRQ", "NULL_IRQ_TIMER"})
  public enum IrqMode {
    /** Inside queueRqs, on the submitter's thread. */
    NONE,
    /** As soon as possible, on the driver's own thread. */
    SOFTIRQ,
    /** After {@link NullParameters#completionNsec}. */
    TIMER;

    /** {@return the name as a value of null_blk's parameter} */
    String key() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** Checks that all values are in range. */
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
   * Returns these parameters with another irqmode.
   *
   * @param mode the mode
   * @param nsec nanoseconds per request, for TIMER
   * @return the new parameters
   */
  public NullParameters withIrqmode(IrqMode mode, long nsec) {
    return new NullParameters(mode, nsec, hwQueueDepth, submitQueues, pollQueues, bs, memoryBacked);
  }

  /**
   * Returns these parameters with other queues.
   *
   * @param submit interrupt-driven hardware queues
   * @param poll polled hardware queues
   * @param depth tags of each
   * @return the new parameters
   */
  public NullParameters withQueues(int submit, int poll, int depth) {
    return new NullParameters(irqmode, completionNsec, depth, submit, poll, bs, memoryBacked);
  }

  /**
   * Returns these parameters with another logical block size.
   *
   * @param bytes its size
   * @return the new parameters
   */
  public NullParameters withBs(int bytes) {
    return new NullParameters(
        irqmode, completionNsec, hwQueueDepth, submitQueues, pollQueues, bytes, memoryBacked);
  }

  /**
   * Returns these parameters with data kept in memory, or not.
   *
   * @param backed whether it is
   * @return the new parameters
   */
  public NullParameters withMemoryBacked(boolean backed) {
    return new NullParameters(
        irqmode, completionNsec, hwQueueDepth, submitQueues, pollQueues, bs, backed);
  }
}
