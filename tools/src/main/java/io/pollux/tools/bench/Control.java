// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.bench;

/** What the bench's threads are told while they run. Each looks once per batch. */
final class Control {
  /** The code is still being compiled: what is allocated now does not count, and in a ramp nothing that is measured does. */
  static final int WARMING = 0;

  /** Steady state. */
  static final int STEADY = 1;

  /** Submit no more, reap what is in flight, return. */
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
      phase = to; // never back
    }
  }
}
