// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * The progress of a thread, for the thread that prints it. The thread writes it after each batch;
 * any thread may read it. The values of one {@link #read} are those of one batch.
 */
final class Meter {
  private static final int CACHE_LINE = 8; // in longs
  private static final int DONE = CACHE_LINE;
  private static final int SUBMITTED = DONE + 1;
  private static final int CALLS = DONE + 2;
  private static final int HEAD = DONE + 3;
  private static final int TAIL = DONE + 4;
  private static final int VERSION = DONE + 5; // odd while the thread writes

  // with a free cache line on both sides
  private final AtomicLongArray values = new AtomicLongArray(3 * CACHE_LINE);

  /**
   * The progress after one batch.
   *
   * @param done I/Os that have completed
   * @param submitted I/Os that were submitted
   * @param calls system calls
   * @param head of the completion ring, 0 without one
   * @param tail of the completion ring, 0 without one
   */
  record Reading(long done, long submitted, long calls, long head, long tail) {}

  /** Publishes the progress. By the thread itself. */
  void set(long done, long submitted, long calls, int head, int tail) {
    long version = values.getPlain(VERSION);
    values.setOpaque(VERSION, version + 1);
    VarHandle.storeStoreFence(); // pairs with the fence of read
    values.setOpaque(DONE, done);
    values.setOpaque(SUBMITTED, submitted);
    values.setOpaque(CALLS, calls);
    values.setOpaque(HEAD, head);
    values.setOpaque(TAIL, tail);
    values.setRelease(VERSION, version + 2); // pairs with the first load of read
  }

  /** Returns the progress. From any thread; repeats if the thread writes meanwhile. */
  Reading read() {
    while (true) { // terminates: a write takes much less time than a batch
      long version = values.getAcquire(VERSION);
      Reading reading =
          new Reading(
              values.getOpaque(DONE),
              values.getOpaque(SUBMITTED),
              values.getOpaque(CALLS),
              values.getOpaque(HEAD),
              values.getOpaque(TAIL));
      VarHandle.loadLoadFence(); // pairs with the fence of set
      if ((version & 1) == 0 && values.getOpaque(VERSION) == version) {
        return reading;
      }
      Thread.onSpinWait();
    }
  }

  /** Returns the I/Os that have completed. From any thread. */
  long done() {
    return values.getOpaque(DONE);
  }

  /** Returns the system calls. From any thread. */
  long calls() {
    return values.getOpaque(CALLS);
  }
}
