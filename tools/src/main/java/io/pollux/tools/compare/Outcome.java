// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import java.util.List;

/**
 * What came of a comparison.
 *
 * @param of what was run
 * @param ours of each round, sorted
 * @param theirs of each round, sorted
 * @param ratios of each round, sorted: ours beside the neighbour's; empty where there is no ratio
 * @param ratio of all; NaN where there is none
 */
public record Outcome(Comparison of, List<Double> ours, List<Double> theirs, List<Double> ratios, double ratio) {
  /** Sorts the rounds. */
  public Outcome {
    ours = ours.stream().sorted().toList();
    theirs = theirs.stream().sorted().toList();
    ratios = ratios.stream().filter(one -> !Double.isNaN(one)).sorted().toList();
  }

  /** Whether the mark is reached, by the ratio, or by what has none. */
  boolean reached() {
    return of.mark().reached(Double.isNaN(ratio) ? median(ours) : ratio);
  }

  /** The middle one, or between the two in the middle. */
  static double median(List<Double> sorted) {
    int middle = sorted.size() / 2;
    return sorted.size() % 2 == 1 ? sorted.get(middle) : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
  }
}
