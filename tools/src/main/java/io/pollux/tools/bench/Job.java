// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

import com.sun.management.ThreadMXBean;
import io.pollux.sample.SamplePattern;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/**
 * One thread's share of the work: chooses the I/Os and checks their results. The constructor
 * allocates everything; the loop allocates nothing.
 *
 * <p>An I/O is identified by its slot, a small number that the engine chooses. The engine calls
 * {@link #next}, {@link #issue} with a slot, and {@link #complete} with the same slot. Slots may
 * complete in any order.
 *
 * <p><b>Latency</b> is the time from issue, when the iocb is filled in, to complete, when its event
 * was read. It includes the wait for the rest of the batch. A clock read costs a large part of an
 * I/O on a disk in memory. Except in short runs, only one I/O in 127 is timed there. 127 has no
 * common factor with a batch of 8, so all places in a batch are timed.
 *
 * <p><b>A ramp</b>, if the plan has one, lasts until the steady state. I/Os issued after it are
 * measured, and their number is the requested one. I/Os issued during the ramp are only checked.
 */
final class Job {
  /** How data that is read can be checked. */
  enum Check {
    /** Not at all. */
    NONE,
    /** Against the sample's pattern. */
    SAMPLE,
    /** Against what this run wrote to the block, if it did. */
    WRITTEN
  }

  private static final long LONGEST_LATENCY = 3_600_000_000_000L;
  private static final int LATENCY_DIGITS = 3;
  private static final int MEMORY_INTERVAL = 127;
  private static final int MOST_BLOCKS_REMEMBERED = 1 << 26;

  private final Control control;
  private final long watcher;
  private final Meter meter = new Meter();
  private final Faults faults = new Faults();
  private final Histogram latency = new Histogram(LONGEST_LATENCY, LATENCY_DIGITS);
  private final XorShift random;
  private final Check check;
  private final WrittenPattern written;
  private final int blockSize;
  private final boolean sequential;
  private final int writePercent;
  private final long firstBlock;
  private final long blocks;
  private final boolean ramp;
  private final long share; // I/Os to measure
  private final long warm; // I/Os after which the thread is warm, unless the time comes first
  private final int interval;

  // By slot.
  private final long[] slotBlock; // the complement of the block for a write
  private final long[] slotBegan; // 0 if not timed

  // By block, for Check.WRITTEN.
  private final int[] generation;
  private final boolean[] inFlight;

  private long cursor;
  private long block;
  private boolean write;
  private int untilTimed;
  private long quota; // I/Os to issue; unlimited in a ramp
  private long issued;
  private long done;
  private long verified;
  private long began;
  private long ended;
  private long rampIssued;
  private long rampCalls;
  private boolean steady;
  private long steadyDone;
  private long steadyBytes;
  private long endBytes;

  /**
   * Creates a job. Called by the watching thread, whose allocations do not count.
   *
   * @param plan the run's parameters
   * @param control the phase of the run
   * @param check how data can be checked
   * @param index number of the thread
   * @param fileBlocks blocks of the file
   * @param slots upper limit of the slots, exclusive
   * @param timeAll whether to time each I/O
   */
  Job(
      Plan plan,
      Control control,
      Check check,
      int index,
      long fileBlocks,
      int slots,
      boolean timeAll) {
    this.control = control;
    this.check = check;
    watcher = Thread.currentThread().threadId();
    written = new WrittenPattern(plan.seed());
    random = new XorShift(plan.seed() + index);
    blockSize = plan.blockSize();
    sequential = !plan.pattern().random();
    writePercent = plan.pattern().writePercent();
    interval = timeAll ? 1 : MEMORY_INTERVAL;
    untilTimed = interval;

    // A thread that checks written data has its own blocks. Sequential readers also start at
    // different blocks.
    boolean apart = sequential || check == Check.WRITTEN;
    firstBlock = apart ? part(fileBlocks, index, plan.threads()) : 0;
    blocks = apart ? part(fileBlocks, index + 1, plan.threads()) - firstBlock : fileBlocks;

    boolean counted = plan.ios() != Long.MAX_VALUE;
    share =
        counted
            ? part(plan.ios(), index + 1, plan.threads()) - part(plan.ios(), index, plan.threads())
            : Long.MAX_VALUE;
    ramp = plan.rampNanos() > 0;
    quota = ramp ? Long.MAX_VALUE : share;
    warm = counted && !ramp ? share / 4 : Long.MAX_VALUE;

    slotBlock = new long[slots];
    slotBegan = new long[slots];
    boolean remember = check == Check.WRITTEN;
    assert !remember || canRemember(fileBlocks);
    generation = new int[remember ? (int) blocks : 0];
    inFlight = new boolean[remember ? (int) blocks : 0];
  }

  /** Returns the first of n items in part i. The sizes of the parts differ by at most one. */
  private static long part(long n, int i, int parts) {
    return n / parts * i + Math.min(n % parts, i);
  }

  /** Whether a file is small enough to record the written generation of each block. */
  static boolean canRemember(long fileBlocks) {
    return fileBlocks <= MOST_BLOCKS_REMEMBERED;
  }

  /** Starts the clock. Called by the thread itself. */
  void begin() {
    began = System.nanoTime();
    if (warm == 0) {
      enterSteady(0);
    }
  }

  /** Stops the clock. Called by the thread itself. */
  void end() {
    ended = System.nanoTime();
    if (steady) {
      endBytes = allocatedBytes();
    } else if (ramp) {
      began = ended; // the run ended in the ramp
    }
  }

  /**
   * Chooses the next I/O, which {@link #offset} and {@link #write} describe.
   *
   * @return false if there is none: enough were issued, the run is stopping, or all tried blocks
   *     are in flight
   */
  boolean next() {
    if (issued >= quota) {
      return false;
    }
    write = writePercent == 100 || (writePercent > 0 && random.below(100) < writePercent);
    if (sequential) {
      block = cursor;
    } else {
      block = random.below(blocks);
    }
    if (check == Check.WRITTEN && !stepOverBusy()) {
      return false;
    }
    if (sequential) {
      cursor = block + 1 == blocks ? 0 : block + 1;
    }
    return true;
  }

  /**
   * Advances to a block without an I/O in flight, because two I/Os on one block would leave its
   * content undefined.
   */
  private boolean stepOverBusy() {
    // there are at most as many busy blocks as slots
    for (int tries = 0; tries <= slotBlock.length; tries++) {
      if (!inFlight[(int) block]) {
        return true;
      }
      block = block + 1 == blocks ? 0 : block + 1;
    }
    return false;
  }

  /** Returns the file offset of the chosen I/O. */
  long offset() {
    return (firstBlock + block) * blockSize;
  }

  /** Whether the chosen I/O is a write. */
  boolean write() {
    return write;
  }

  /**
   * Records that the chosen I/O is about to be submitted.
   *
   * @param slot identifies the I/O until it completes
   * @param buffer its memory; filled now for a verified write
   */
  void issue(int slot, long buffer) {
    issued++;
    slotBlock[slot] = write ? ~block : block;
    if (--untilTimed == 0) {
      untilTimed = interval;
      slotBegan[slot] = System.nanoTime() | 1; // 0 means not timed
    }
    if (check == Check.WRITTEN) {
      inFlight[(int) block] = true;
      if (write) {
        written.fill(buffer, blockSize, offset(), ++generation[(int) block]);
      }
    }
  }

  /**
   * Checks a completed I/O.
   *
   * @param slot identifies the I/O
   * @param buffer its memory
   * @param result io_event.res
   */
  void complete(int slot, long buffer, long result) {
    done++;
    long start = slotBegan[slot];
    if (start != 0) {
      slotBegan[slot] = 0;
      latency.recordValue(Math.clamp(System.nanoTime() - start, 0, LONGEST_LATENCY));
    }
    if (check == Check.NONE && result == blockSize) {
      return;
    }
    long what = slotBlock[slot];
    boolean wrote = what < 0;
    long which = wrote ? ~what : what;
    if (check == Check.WRITTEN) {
      inFlight[(int) which] = false;
    }
    if (result != blockSize) {
      failed(which, wrote, result);
    } else if (!wrote) {
      verify(which, buffer);
    }
  }

  private void failed(long which, boolean wrote, long result) {
    faults.error(wrote, (firstBlock + which) * blockSize, result, blockSize);
    if (check == Check.WRITTEN && wrote) {
      generation[(int) which] = 0; // the content is unknown
    }
  }

  private void verify(long which, long buffer) {
    long offset = (firstBlock + which) * blockSize;
    long wrong;
    if (check == Check.SAMPLE) {
      wrong = SamplePattern.verify(buffer, blockSize, offset);
    } else if (generation[(int) which] != 0) {
      wrong = written.verify(buffer, blockSize, offset, generation[(int) which]);
    } else {
      return; // not written by this run
    }
    verified++;
    if (wrong >= 0) {
      faults.mismatch(offset, wrong);
    }
  }

  /**
   * Publishes progress. Called after each batch.
   *
   * @param submitted I/Os accepted so far
   * @param calls system calls so far
   * @param head of the completion ring, 0 without one
   * @param tail of the completion ring, 0 without one
   */
  void batchDone(long submitted, long calls, int head, int tail) {
    meter.set(done, submitted, calls, head, tail);
    if (!steady && (control.phase() != Control.WARMING || done >= warm)) {
      enterSteady(calls);
    }
  }

  private void enterSteady(long calls) {
    steady = true;
    if (ramp) {
      rampIssued = issued;
      rampCalls = calls;
      quota = share == Long.MAX_VALUE ? share : issued + share;
      Arrays.fill(slotBegan, 0);
      latency.reset();
      began = System.nanoTime();
    }
    steadyDone = done;
    steadyBytes = allocatedBytes();
  }

  /**
   * Returns the bytes allocated by all threads, also the kernel's and those that have ended, except
   * the watching thread.
   */
  private long allocatedBytes() {
    return Threads.BEAN.getTotalThreadAllocatedBytes()
        - Threads.BEAN.getThreadAllocatedBytes(watcher);
  }

  /** Loads the bean on first use. */
  private static final class Threads {
    static final ThreadMXBean BEAN = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  }

  /** Whether the engine should issue more I/Os. */
  boolean more() {
    return issued < quota && !control.stopping();
  }

  /** Whether the job has no I/Os at all. */
  boolean idle() {
    return share == 0 || blocks == 0;
  }

  /** Records a failed call: an error that stops all threads. */
  void fatal(String call, int errno) {
    faults.fatal(call, errno);
    control.advance(Control.STOPPING);
  }

  /**
   * Reads back and checks what this job wrote, after the run.
   *
   * @param reader reads a block
   * @param buffer memory that the reader fills
   */
  void readBack(BlockReader reader, long buffer) {
    for (int which = 0; which < generation.length; which++) {
      if (generation[which] != 0) {
        long offset = (firstBlock + which) * blockSize;
        long result = reader.read(offset);
        if (result != blockSize) {
          faults.error(false, offset, result, blockSize);
        } else {
          verify(which, buffer);
        }
      }
    }
  }

  /** Reads a block of the file. */
  @FunctionalInterface
  interface BlockReader {
    /** Returns the bytes read, or a negative errno. */
    long read(long offset);
  }

  Meter meter() {
    return meter;
  }

  Histogram latency() {
    return latency;
  }

  /** Returns the number of I/Os completed, including the ramp. */
  long done() {
    return done;
  }

  /** Returns the number of I/Os completed that were issued after the ramp. */
  long measured() {
    // after a fatal error even I/Os of the ramp may be incomplete
    return ramp && !steady ? 0 : Math.max(0, done - rampIssued);
  }

  /** Returns the number of system calls after the ramp. */
  long calls() {
    return ramp && !steady ? 0 : meter.calls() - rampCalls;
  }

  long verified() {
    return verified;
  }

  long errors() {
    return faults.errors();
  }

  long mismatches() {
    return faults.mismatches();
  }

  @Nullable String firstFault() {
    return faults.first();
  }

  /** Returns the start of the measurement. */
  long began() {
    return began;
  }

  long ended() {
    return ended;
  }

  /** Returns the bytes allocated by all threads when this one became warm. */
  long steadyBytes() {
    return steadyBytes;
  }

  /** Returns the bytes allocated by all threads at the end, if this thread was warm. */
  long endBytes() {
    return endBytes;
  }

  /** Returns the number of I/Os completed since the thread was warm. */
  long steadyIos() {
    return steady ? done - steadyDone : 0;
  }
}
