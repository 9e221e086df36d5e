// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import java.io.PrintStream;

/** One line of the table: what both sides do, and how it came out. */
public interface Comparison {
  /**
   * What is done.
   *
   * @return a few words
   */
  String work();

  /**
   * What is counted.
   *
   * @return the unit of both sides
   */
  Unit unit();

  /**
   * What this kernel is measured by.
   *
   * @return a few words
   */
  String against();

  /**
   * What is aimed at.
   *
   * @return the mark of the ratio, or of what this kernel comes to where there is no ratio
   */
  Mark mark();

  /**
   * Runs both sides in turn. What comes first, for the compiler, does not count.
   *
   * @param rounds how often each
   * @param seconds how long a turn
   * @param progress for a line a round
   * @return what came of it
   */
  Outcome run(int rounds, double seconds, PrintStream progress);
}
