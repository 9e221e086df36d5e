// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

/** Controls the bench's threads while they run. Each reads the phase once per batch. */
final class Control {
  /**
   * The code is still being compiled. Allocations do not count; in a ramp, no measurement counts.
   */
  static final int WARMING = 0;

  /** Steady state. */
  static final int STEADY = 1;

  /** Stop submitting, reap what is in flight, return. */
  static final int STOPPING = 2;

  private volatile int phase = WARMING;

  int phase() {
    return phase;
  }

  boolean stopping() {
    return phase == STOPPING;
  }

  synchronized void advance(int to) {
    if (to > phase) {
      phase = to; // only forward
    }
  }
}
