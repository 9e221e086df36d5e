// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * The progress of a thread, for the thread that prints it. The thread writes it after each batch;
 * any thread may read it. The values need not be consistent with each other.
 */
final class Meter {
  private static final int CACHE_LINE = 8; // in longs
  private static final int DONE = CACHE_LINE;
  private static final int SUBMITTED = DONE + 1;
  private static final int CALLS = DONE + 2;
  private static final int HEAD = DONE + 3;
  private static final int TAIL = DONE + 4;

  // with a free cache line on both sides
  private final AtomicLongArray values = new AtomicLongArray(3 * CACHE_LINE);

  void set(long done, long submitted, long calls, int head, int tail) {
    values.setOpaque(DONE, done);
    values.setOpaque(SUBMITTED, submitted);
    values.setOpaque(CALLS, calls);
    values.setOpaque(HEAD, head);
    values.setOpaque(TAIL, tail);
  }

  long done() {
    return values.getOpaque(DONE);
  }

  long submitted() {
    return values.getOpaque(SUBMITTED);
  }

  long calls() {
    return values.getOpaque(CALLS);
  }

  long head() {
    return values.getOpaque(HEAD);
  }

  long tail() {
    return values.getOpaque(TAIL);
  }
}
