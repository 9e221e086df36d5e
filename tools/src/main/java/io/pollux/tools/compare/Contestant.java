// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

/** One side of a comparison. */
public interface Contestant {
  /** Returns its name in the table. */
  String name();

  /**
   * Runs one turn.
   *
   * @param seconds duration, without a ramp
   * @return I/Os per second, or another figure of the comparison
   */
  double run(double seconds);
}
