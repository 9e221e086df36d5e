// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import java.util.Locale;

/**
 * The goal of a comparison.
 *
 * @param bound which side of the value reaches the goal
 * @param value of the ratio, or of the figure if there is no ratio
 */
public record Mark(Bound bound, double value) {
  /** No goal. */
  public static final Mark NONE = new Mark(Bound.NONE, Double.NaN);

  /** Bounds. */
  public enum Bound {
    /** No goal. */
    NONE,
    /** At least the value. */
    LEAST,
    /** At most the value. */
    MOST;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /**
   * Creates a lower limit.
   *
   * @param value of a ratio
   */
  public static Mark atLeast(double value) {
    return new Mark(Bound.LEAST, value);
  }

  /**
   * Creates an upper limit.
   *
   * @param value of a ratio, or of a figure without one
   */
  public static Mark atMost(double value) {
    return new Mark(Bound.MOST, value);
  }

  /** Whether there is a goal. */
  boolean aims() {
    return bound != Bound.NONE;
  }

  /** Whether a value reaches the goal. NaN never does. */
  boolean reached(double measured) {
    return bound == Bound.LEAST ? measured >= value : bound == Bound.MOST && measured <= value;
  }

  /** Formats the mark for the table. */
  String text() {
    return aims()
        ? String.format(Locale.ROOT, "%s %.2f", bound == Bound.LEAST ? ">=" : "<=", value)
        : "";
  }
}
