// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import java.io.PrintStream;

/** A comparison of two contestants: one line of the table. */
public interface Comparison {
  /** Returns the name of the work. */
  String work();

  /** Returns the unit of both sides. */
  Unit unit();

  /** Returns the name of the other side. */
  String against();

  /** Returns the mark of the ratio, or of this kernel's figure if there is no ratio. */
  Mark mark();

  /**
   * Runs both sides in turns. A first turn for the compiler does not count.
   *
   * @param rounds turns of each side
   * @param seconds duration of a turn
   * @param progress receives a line each round
   * @return the outcome
   */
  Outcome run(int rounds, double seconds, PrintStream progress);
}
