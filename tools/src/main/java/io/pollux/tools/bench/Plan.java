// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

import java.util.Locale;

/**
 * The parameters of a bench run, complete and validated.
 *
 * @param mode the calls
 * @param polled whether completions are polled
 * @param fixedBufs whether buffers are pinned at setup
 * @param sqThread whether a kernel thread submits
 * @param sqPoll whether a kernel thread submits and polls without calls
 * @param buffered without O_DIRECT
 * @param pattern blocks and direction
 * @param blockSize bytes of each I/O
 * @param depth I/Os in flight of each thread
 * @param batchSubmit maximum number of I/Os that one call submits
 * @param batchComplete number of I/Os that one call waits for
 * @param threads number of threads, each with its own context
 * @param rampNanos ramp before the measurement, as fio's ramp_time; 0 for none
 * @param runtimeNanos duration of the measurement; Long.MAX_VALUE for no limit
 * @param ios number of measured I/Os; Long.MAX_VALUE for no limit
 * @param verify whether to check each block
 * @param seed of all random numbers
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
   * Creates the reference plan of comparisons: 4 KiB, rings, polled, fixed buffers, batches of at
   * most 8. It has one thread, no verification, and a ramp of a second.
   *
   * @param pattern blocks and direction
   * @param depth I/Os in flight
   * @param seed of all random numbers
   * @return a plan without a limit, for {@link #forNanos}
   */
  public static Plan forComparison(Pattern pattern, int depth, long seed) {
    int batch = Math.min(BATCH, depth);
    return new Plan(
        Mode.RING,
        true,
        true,
        false,
        false,
        false,
        pattern,
        BLOCK,
        depth,
        batch,
        batch,
        1,
        COMPARISON_RAMP,
        Long.MAX_VALUE,
        Long.MAX_VALUE,
        false,
        seed);
  }

  /**
   * Whether the threads of a run, which never sleep, leave a processor free.
   *
   * @param threads of the program
   * @param kernelSubmits whether each has a kernel thread
   */
  public static boolean leavesProcessor(int threads, boolean kernelSubmits) {
    return (kernelSubmits ? 2 * threads : threads) < Runtime.getRuntime().availableProcessors();
  }

  /** Returns the plan with a kernel thread that submits and polls. */
  public Plan withSqPoll() {
    return with(polled, true, buffered, rampNanos, runtimeNanos, ios);
  }

  /** Returns the plan with the page cache, and without polling. */
  public Plan withoutDirect() {
    return with(false, sqPoll, true, rampNanos, runtimeNanos, ios);
  }

  /**
   * Returns the plan with another duration.
   *
   * @param nanos duration of the measurement
   */
  public Plan forNanos(long nanos) {
    return with(polled, sqPoll, buffered, rampNanos, nanos, ios);
  }

  /**
   * Returns the plan with another ramp.
   *
   * @param nanos ramp before the measurement
   */
  public Plan withRamp(long nanos) {
    return with(polled, sqPoll, buffered, nanos, runtimeNanos, ios);
  }

  /**
   * Returns the plan with a number of I/Os in place of a duration.
   *
   * @param count number of measured I/Os
   */
  public Plan forIos(long count) {
    return with(polled, sqPoll, buffered, rampNanos, Long.MAX_VALUE, count);
  }

  /** Returns the plan with other values for what a comparison changes. */
  private Plan with(
      boolean polls, boolean sqPolls, boolean caches, long ramp, long runtime, long count) {
    return new Plan(
        mode,
        polls,
        fixedBufs,
        sqThread,
        sqPolls,
        caches,
        pattern,
        blockSize,
        depth,
        batchSubmit,
        batchComplete,
        threads,
        ramp,
        runtime,
        count,
        verify,
        seed);
  }

  /** Ways to call the kernel. */
  public enum Mode {
    /** The SQ and CQ rings, io_ring_enter. */
    RING,
    /** io_submit and io_getevents. */
    AIO,
    /** io_submit and io_getevents, with iocbs mapped at setup. */
    USERIOCB,
    /** pread64 and pwrite64, or preadv2 and pwritev2 with RWF_HIPRI. */
    SYNC;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** Blocks and direction. */
  public enum Pattern {
    /** Reads of random blocks. */
    RANDREAD(true, 0, "random reads"),
    /** Reads from start to end, repeatedly. */
    READ(false, 0, "sequential reads"),
    /** Writes of random blocks. */
    RANDWRITE(true, 100, "random writes"),
    /** Writes from start to end, repeatedly. */
    WRITE(false, 100, "sequential writes"),
    /** Reads and writes of random blocks, half of each. */
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

    /** Whether the pattern has writes. */
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
