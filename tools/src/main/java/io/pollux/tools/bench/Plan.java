// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

import java.util.Locale;

/**
 * A bench run with every default filled in and every limit checked.
 *
 * @param mode how to call the kernel
 * @param polled completions are polled for
 * @param fixedBufs buffers are pinned at setup
 * @param sqThread a kernel thread submits
 * @param sqPoll a kernel thread submits and polls without being called
 * @param buffered without O_DIRECT
 * @param pattern which blocks, and in which direction
 * @param blockSize bytes of each I/O
 * @param depth I/Os in flight in each thread
 * @param batchSubmit most I/Os that one call submits
 * @param batchComplete I/Os that one call waits for
 * @param threads each with a context of its own
 * @param rampNanos how long it runs before what is measured begins, as fio's ramp_time; 0 for not at all
 * @param runtimeNanos stop when so long was measured; Long.MAX_VALUE for no limit
 * @param ios stop when so many were measured; Long.MAX_VALUE for no limit
 * @param verify check each block
 * @param seed of all that is random
 */
public record Plan(
    Mode mode,
    boolean polled,
    boolean fixedBufs,
    boolean sqThread,
    boolean sqPoll,
    boolean buffered,
    Pattern pattern,
    int blockSize,
    int depth,
    int batchSubmit,
    int batchComplete,
    int threads,
    long rampNanos,
    long runtimeNanos,
    long ios,
    boolean verify,
    long seed) {

  private static final int BLOCK = 4096;
  private static final int BATCH = 8;
  private static final long COMPARISON_RAMP = 1_000_000_000;

  /**
   * What others are compared with: 4 KiB, rings, polled, fixed buffers, batches of up to 8, one thread, nothing checked, after
   * a ramp of a second.
   *
   * @param pattern which blocks, and in which direction
   * @param depth I/Os in flight
   * @param seed of all that is random
   * @return a plan without an end, for {@link #forNanos}
   */
  public static Plan forComparison(Pattern pattern, int depth, long seed) {
    int batch = Math.min(BATCH, depth);
    return new Plan(
        Mode.RING, true, true, false, false, false, pattern, BLOCK, depth, batch, batch, 1, COMPARISON_RAMP,
        Long.MAX_VALUE, Long.MAX_VALUE, false, seed);
  }

  /**
   * Whether there is a processor for one thread more than those of a run, which never sleep.
   *
   * @param threads of the program
   * @param kernelSubmits whether each of them has a thread of the kernel's
   * @return true if so
   */
  public static boolean leavesProcessor(int threads, boolean kernelSubmits) {
    return (kernelSubmits ? 2 * threads : threads) < Runtime.getRuntime().availableProcessors();
  }

  /**
   * The same work with a kernel thread that submits and polls.
   *
   * @return the plan
   */
  public Plan withSqPoll() {
    return new Plan(
        mode, polled, fixedBufs, sqThread, true, buffered, pattern, blockSize, depth, batchSubmit, batchComplete, threads,
        rampNanos, runtimeNanos, ios, verify, seed);
  }

  /**
   * The same work through the page cache, where nothing can be polled for.
   *
   * @return the plan
   */
  public Plan withoutDirect() {
    return new Plan(
        mode, false, fixedBufs, sqThread, sqPoll, true, pattern, blockSize, depth, batchSubmit, batchComplete, threads,
        rampNanos, runtimeNanos, ios, verify, seed);
  }

  /**
   * The same work for another time.
   *
   * @param nanos how long
   * @return the plan
   */
  public Plan forNanos(long nanos) {
    return new Plan(
        mode, polled, fixedBufs, sqThread, sqPoll, buffered, pattern, blockSize, depth, batchSubmit, batchComplete,
        threads, rampNanos, nanos, ios, verify, seed);
  }

  /**
   * The same work with another ramp.
   *
   * @param nanos how long it runs before what is measured begins
   * @return the plan
   */
  public Plan withRamp(long nanos) {
    return new Plan(
        mode, polled, fixedBufs, sqThread, sqPoll, buffered, pattern, blockSize, depth, batchSubmit, batchComplete,
        threads, nanos, runtimeNanos, ios, verify, seed);
  }

  /** Ways to call the kernel. */
  public enum Mode {
    /** The SQ and CQ rings, io_ring_enter. */
    RING,
    /** io_submit and io_getevents. */
    AIO,
    /** The same with iocbs mapped at setup. */
    USERIOCB,
    /** pread64 and pwrite64, or preadv2 and pwritev2 with RWF_HIPRI. */
    SYNC;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** Which blocks, and in which direction. */
  public enum Pattern {
    /** Reads at random places. */
    RANDREAD(true, 0, "random reads"),
    /** Reads from the start to the end, again and again. */
    READ(false, 0, "sequential reads"),
    /** Writes at random places. */
    RANDWRITE(true, 100, "random writes"),
    /** Writes from the start to the end, again and again. */
    WRITE(false, 100, "sequential writes"),
    /** Half reads and half writes at random places. */
    RANDRW(true, 50, "random reads and writes");

    private final boolean random;
    private final int writePercent;
    private final String words;

    Pattern(boolean random, int writePercent, String words) {
      this.random = random;
      this.writePercent = writePercent;
      this.words = words;
    }

    boolean random() {
      return random;
    }

    int writePercent() {
      return writePercent;
    }

    /**
     * Whether there are writes among them.
     *
     * @return true if so
     */
    public boolean writes() {
      return writePercent > 0;
    }

    String words() {
      return words;
    }

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }
}
