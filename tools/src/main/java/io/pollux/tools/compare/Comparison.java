// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * One line of the table: what both do, and who they are.
 *
 * @param work in a few words
 * @param ours this kernel
 * @param theirs what it is measured by
 * @param mark the ratio that is aimed at; NaN for none
 */
public record Comparison(String work, Contestant ours, Contestant theirs, double mark) {
  /**
   * What came of it.
   *
   * @param of what was run
   * @param ours our rates, sorted
   * @param theirs their rates, sorted
   */
  public record Outcome(Comparison of, List<Double> ours, List<Double> theirs) {
    /** Sorts the runs. */
    public Outcome {
      ours = ours.stream().sorted().toList();
      theirs = theirs.stream().sorted().toList();
    }

    /**
     * How many times as fast we are, by the medians.
     *
     * @return the ratio
     */
    public double ratio() {
      return median(ours) / median(theirs);
    }
  }

  static double median(List<Double> sorted) {
    int middle = sorted.size() / 2;
    return sorted.size() % 2 == 1 ? sorted.get(middle) : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
  }

  /**
   * Runs both in turn, after a turn that does not count.
   *
   * @param rounds how often each
   * @param seconds how long each time
   * @param progress for a line a round
   * @return all rates
   */
  public Outcome run(int rounds, double seconds, PrintStream progress) {
    List<Double> first = new ArrayList<>();
    List<Double> second = new ArrayList<>();
    for (int round = 0; round <= rounds; round++) {
      double a = ours.run(seconds);
      double b = theirs.run(seconds);
      if (round > 0) {
        first.add(a);
        second.add(b);
      }
      progress.printf(
          Locale.ROOT,
          "%s: %s %,.0f IOPS, %s %,.0f IOPS%s%n",
          work,
          ours.name(),
          a,
          theirs.name(),
          b,
          round == 0 ? " (to warm up)" : " (" + round + " of " + rounds + ")");
    }
    return new Outcome(this, first, second);
  }
}
