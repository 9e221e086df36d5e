// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

/**
 * A fixed goal, for work that the host has nothing to compare with.
 *
 * @param value the goal
 */
record Goal(double value) implements Contestant {
  @Override
  public String name() {
    return "the goal";
  }

  @Override
  public double run(double seconds) {
    return value;
  }
}
