// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

/** One side of a comparison. */
public interface Contestant {
  /**
   * Its name in the table.
   *
   * @return a few words
   */
  String name();

  /**
   * Does the work for a while.
   *
   * @param seconds how long; a ramp, if it has one, is not part of it
   * @return I/Os a second, or what else the comparison is about
   */
  double run(double seconds);
}
