// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

import io.pollux.tools.bench.Plan.Mode;
import io.pollux.tools.bench.Plan.Pattern;

/**
 * Ways to request I/O that make a difference to the kernel. All transfer 4 KiB, with 32 in flight
 * and batches of 8 where the calls permit it.
 */
public enum Manner {
  /** The rings, polled, with fixed buffers. */
  RING_FIXED("rings, fixed buffers", Mode.RING, true, true, false, false),
  /** The rings, polled. */
  RING("rings", Mode.RING, true, false, false, false),
  /** The rings, with interrupts and fixed buffers. */
  RING_FIXED_IRQ("rings, irq, fixed buffers", Mode.RING, false, true, false, false),
  /** The rings, with interrupts. */
  RING_IRQ("rings, irq", Mode.RING, false, false, false, false),
  /** A kernel thread that submits. */
  SQ_THREAD("SQTHREAD", Mode.RING, true, true, true, false),
  /** As {@link #SQ_THREAD}, with interrupts. */
  SQ_THREAD_IRQ("SQTHREAD, irq", Mode.RING, false, true, true, false),
  /** A kernel thread that submits and polls. */
  SQ_POLL("SQPOLL", Mode.RING, true, true, false, true),
  /** io_submit and io_getevents, polled. */
  AIO("io_submit", Mode.AIO, true, false, false, false),
  /** io_submit and io_getevents, with interrupts, as before the series. */
  AIO_IRQ("io_submit, irq", Mode.AIO, false, false, false, false),
  /** io_submit with mapped iocbs and buffers, polled. */
  USERIOCB("USERIOCB", Mode.USERIOCB, true, true, false, false),
  /** io_submit with mapped iocbs and buffers, with interrupts. */
  USERIOCB_IRQ("USERIOCB, irq", Mode.USERIOCB, false, true, false, false),
  /** preadv2 and pwritev2 with RWF_HIPRI. */
  SYNC("preadv2, polled", Mode.SYNC, true, false, false, false),
  /** pread64 and pwrite64. */
  SYNC_IRQ("pread64", Mode.SYNC, false, false, false, false),
  /** The rings, through the page cache. */
  RING_BUFFERED("rings, page cache", Mode.RING),
  /** pread64 and pwrite64, through the page cache. */
  SYNC_BUFFERED("pread64, page cache", Mode.SYNC);

  private static final int BLOCK = 4096;
  private static final int DEPTH = 32;
  private static final int BATCH = 8;

  private final String words;
  private final Mode mode;
  private final boolean polled;
  private final boolean fixedBufs;
  private final boolean sqThread;
  private final boolean sqPoll;
  private final boolean buffered;

  Manner(String words, Mode mode) {
    this(words, mode, false, false, false, false, true);
  }

  Manner(
      String words,
      Mode mode,
      boolean polled,
      boolean fixedBufs,
      boolean sqThread,
      boolean sqPoll) {
    this(words, mode, polled, fixedBufs, sqThread, sqPoll, false);
  }

  Manner(
      String words,
      Mode mode,
      boolean polled,
      boolean fixedBufs,
      boolean sqThread,
      boolean sqPoll,
      boolean buffered) {
    this.words = words;
    this.mode = mode;
    this.polled = polled;
    this.fixedBufs = fixedBufs;
    this.sqThread = sqThread;
    this.sqPoll = sqPoll;
    this.buffered = buffered;
  }

  /**
   * Whether a kernel thread works for the program and needs its own processor: SQTHREAD and SQPOLL.
   */
  public boolean hasThread() {
    return sqThread || sqPoll;
  }

  /** Whether the I/O goes through the page cache, without O_DIRECT. */
  public boolean buffered() {
    return buffered;
  }

  /**
   * Creates a plan for one thread, without verification.
   *
   * @param pattern blocks and direction
   * @param rampNanos ramp before the measurement
   * @param seed of all random numbers
   * @return a plan without a limit, for {@link Plan#forNanos}
   */
  public Plan plan(Pattern pattern, long rampNanos, long seed) {
    int depth = mode == Mode.SYNC ? 1 : DEPTH;
    int batch = Math.min(BATCH, depth);
    return new Plan(
        mode,
        polled,
        fixedBufs,
        sqThread,
        sqPoll,
        buffered,
        pattern,
        BLOCK,
        depth,
        batch,
        batch,
        1,
        rampNanos,
        Long.MAX_VALUE,
        Long.MAX_VALUE,
        false,
        seed);
  }

  @Override
  public String toString() {
    return words;
  }
}
