// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

import com.sun.management.ThreadMXBean;
import io.pollux.sample.SamplePattern;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/**
 * One thread's share of the work: says what the next I/O is, and judges what has been done. Everything is made in
 * the constructor, and nothing in the loop.
 *
 * <p>An I/O is known by its slot, a small number that the engine chooses: {@link #next}, {@link #issue} with a
 * slot, and {@link #complete} with the same slot, in any order among slots.
 *
 * <p><b>Latency</b> is the time from issue, when the iocb is filled in, to complete, when its event has been read;
 * waiting for the rest of the batch is part of it. Reading the clock takes as long as a good part of an I/O on a
 * disk that takes no time. So where the disk is memory only one I/O in 127 is timed, unless the run is a short one;
 * and as 127 has no factor in common with a batch of 8, every place in a batch has its turn.
 *
 * <p><b>A ramp</b>, if the plan has one, lasts until this is told of the steady state. I/Os that are issued from then on are
 * measured, and so many are done as were asked for; those that are issued before are only judged.
 */
final class Job {
  /** What is known of the data that is read. */
  enum Check {
    /** Nothing. */
    NONE,
    /** It is the sample's pattern. */
    SAMPLE,
    /** It is what this run wrote there last, if it did. */
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
  private final long warm; // I/Os after which it is warm, if time does not say so first
  private final int interval;

  // By slot.
  private final long[] slotBlock; // the complement of a block that is written
  private final long[] slotBegan; // 0 if not timed

  // By block, for Check.WRITTEN.
  private final int[] generation;
  private final boolean[] inFlight;

  private long cursor;
  private long block;
  private boolean write;
  private int untilTimed;
  private long quota; // I/Os to issue; in a ramp there is no limit
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
   * Makes a job. The thread that does so is the one that watches; what it allocates is no I/O's.
   *
   * @param plan the run
   * @param control what it is told
   * @param check what is known of the data
   * @param index which thread
   * @param fileBlocks blocks of the file
   * @param slots slots are below this
   * @param timeAll whether each I/O is timed
   */
  Job(Plan plan, Control control, Check check, int index, long fileBlocks, int slots, boolean timeAll) {
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

    // Who must know what was written last has blocks of his own, and sequential readers do not all read the same.
    boolean apart = sequential || check == Check.WRITTEN;
    firstBlock = apart ? part(fileBlocks, index, plan.threads()) : 0;
    blocks = apart ? part(fileBlocks, index + 1, plan.threads()) - firstBlock : fileBlocks;

    boolean counted = plan.ios() != Long.MAX_VALUE;
    share = counted ? part(plan.ios(), index + 1, plan.threads()) - part(plan.ios(), index, plan.threads()) : Long.MAX_VALUE;
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

  /** The first of n things that is part i of so many parts: no part is more than one larger than another. */
  private static long part(long n, int i, int parts) {
    return n / parts * i + Math.min(n % parts, i);
  }

  /** Whether a file has few enough blocks for remembering what was written to each. */
  static boolean canRemember(long fileBlocks) {
    return fileBlocks <= MOST_BLOCKS_REMEMBERED;
  }

  /** Starts the clocks. To be called by the thread itself. */
  void begin() {
    began = System.nanoTime();
    if (warm == 0) {
      enterSteady(0);
    }
  }

  /** Stops them. To be called by the thread itself. */
  void end() {
    ended = System.nanoTime();
    if (steady) {
      endBytes = allocatedBytes();
    } else if (ramp) {
      began = ended; // it was all ramp
    }
  }

  /**
   * Chooses the next I/O, for {@link #offset} and {@link #write} to tell.
   *
   * @return false if there is none: enough have been issued, the run is ending, or what is in flight is in the way
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

  /** Two I/Os to one block at a time would leave open what it holds, so this one takes the next free block. */
  private boolean stepOverBusy() {
    for (int tries = 0; tries <= slotBlock.length; tries++) { // no more can be busy than there are slots
      if (!inFlight[(int) block]) {
        return true;
      }
      block = block + 1 == blocks ? 0 : block + 1;
    }
    return false;
  }

  /** Where the I/O that was chosen is, in the file. */
  long offset() {
    return (firstBlock + block) * blockSize;
  }

  /** Whether the I/O that was chosen is a write. */
  boolean write() {
    return write;
  }

  /**
   * Notes that the I/O which was chosen is under way.
   *
   * @param slot by which it is known until it completes
   * @param buffer its memory; for a write it is filled now if need be
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
   * Judges an I/O.
   *
   * @param slot by which it is known
   * @param buffer its memory
   * @param result what the kernel said of it
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
      generation[(int) which] = 0; // whatever it holds now
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
      return; // this run did not write it
    }
    verified++;
    if (wrong >= 0) {
      faults.mismatch(offset, wrong);
    }
  }

  /**
   * To be called after each batch.
   *
   * @param submitted I/Os that the kernel accepted so far
   * @param calls system calls so far
   * @param head of the completion ring, where there is one
   * @param tail of the completion ring
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

  /** By all threads, the kernel's own too, and those that have ended; but not by the one that watches. */
  private long allocatedBytes() {
    return Threads.BEAN.getTotalThreadAllocatedBytes() - Threads.BEAN.getThreadAllocatedBytes(watcher);
  }

  /** Loaded when it is first needed. */
  private static final class Threads {
    static final ThreadMXBean BEAN = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  }

  /** Whether the engine is to issue more. */
  boolean more() {
    return issued < quota && !control.stopping();
  }

  /** Whether nothing more can ever be asked of this job. */
  boolean idle() {
    return share == 0 || blocks == 0;
  }

  /** A call failed as a whole: counts as an error, ends the thread, and the others'. */
  void fatal(String call, int errno) {
    faults.fatal(call, errno);
    control.advance(Control.STOPPING);
  }

  /**
   * Reads back what this job wrote, after the run, and checks it.
   *
   * @param reader reads a block
   * @param buffer where it reads to
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
    /** Answers the bytes read, or a negative errno. */
    long read(long offset);
  }

  Meter meter() {
    return meter;
  }

  Histogram latency() {
    return latency;
  }

  /** I/Os completed, those of the ramp too. */
  long done() {
    return done;
  }

  /** I/Os that were issued after the ramp, if there was one, and completed. */
  long measured() {
    return ramp && !steady ? 0 : Math.max(0, done - rampIssued); // after a fatal error not even those of the ramp may be complete
  }

  /** System calls after the ramp. */
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

  /** When what is measured began. */
  long began() {
    return began;
  }

  long ended() {
    return ended;
  }

  /** Bytes that all threads had allocated when it was warm. */
  long steadyBytes() {
    return steadyBytes;
  }

  /** Bytes that they had allocated at its end, if it was warm by then. */
  long endBytes() {
    return endBytes;
  }

  /** I/Os completed since it was warm. */
  long steadyIos() {
    return steady ? done - steadyDone : 0;
  }
}
