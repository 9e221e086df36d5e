// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

/**
 * A number to get to, where the machine has nothing to be measured by.
 *
 * @param value that is aimed at
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
