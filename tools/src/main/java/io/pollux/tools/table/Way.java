// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.table;

import io.pollux.tools.bench.Plan;
import io.pollux.tools.bench.Plan.Mode;
import io.pollux.tools.bench.Plan.Pattern;

/** The columns: ways to request the same reads, without the series and with more and more of it. */
enum Way {
  /** The calls before the series. */
  AIO(Mode.AIO, false, "aio", "io_submit and io_getevents, interrupts (bench --mode aio --irq)"),
  /** The rings without other features. */
  RING(Mode.RING, false, "ring", "the SQ and CQ rings, interrupts (bench --irq --no-fixed-bufs)"),
  /** The rings with all features. */
  ALL(Mode.RING, true, "all", "the rings, polled, with fixed buffers (bench)");

  static final int BLOCK = 4096;
  static final int MOST_IN_A_BATCH = 8;

  private final Mode mode;
  private final boolean all;
  private final String title;
  private final String words;

  Way(Mode mode, boolean all, String title, String words) {
    this.mode = mode;
    this.all = all;
    this.title = title;
    this.words = words;
  }

  /** Returns the head of the column. */
  String title() {
    return title;
  }

  /** Describes the way, and the command that runs it alone. */
  String words() {
    return words;
  }

  /** Whether interrupts complete the reads. */
  boolean interrupted() {
    return !all;
  }

  /**
   * Returns the plan at a depth. It has no ramp, because a round that does not count comes first.
   */
  Plan plan(int depth, long nanos, long seed) {
    int batch = Math.min(depth, MOST_IN_A_BATCH);
    return new Plan(
        mode,
        all,
        all,
        false,
        false,
        false,
        Pattern.RANDREAD,
        BLOCK,
        depth,
        batch,
        batch,
        1,
        0,
        nanos,
        Long.MAX_VALUE,
        false,
        seed);
  }
}
