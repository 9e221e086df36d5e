// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import java.util.List;

/**
 * The outcome of a comparison.
 *
 * @param of the comparison
 * @param ours figures of the rounds, sorted
 * @param theirs figures of the rounds, sorted
 * @param ratios of the rounds, sorted; empty if the unit has no ratio
 * @param ratio of all rounds; NaN if the unit has no ratio
 */
public record Outcome(
    Comparison of, List<Double> ours, List<Double> theirs, List<Double> ratios, double ratio) {
  /** Sorts the rounds. */
  public Outcome {
    ours = ours.stream().sorted().toList();
    theirs = theirs.stream().sorted().toList();
    ratios = ratios.stream().filter(one -> !Double.isNaN(one)).sorted().toList();
  }

  /** Whether the mark is reached, by the ratio or, without one, by the median. */
  boolean reached() {
    return of.mark().reached(Double.isNaN(ratio) ? median(ours) : ratio);
  }

  /** Returns the median. */
  static double median(List<Double> sorted) {
    int middle = sorted.size() / 2;
    return sorted.size() % 2 == 1
        ? sorted.get(middle)
        : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
  }
}
