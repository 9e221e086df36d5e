// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import java.util.Locale;

/**
 * What is aimed at.
 *
 * @param bound on which side of the value it is good to be
 * @param value of a ratio, or of what has none
 */
public record Mark(Bound bound, double value) {
  /** No aim. */
  public static final Mark NONE = new Mark(Bound.NONE, Double.NaN);

  /** Sides. */
  public enum Bound {
    /** There is no aim. */
    NONE,
    /** That much or more. */
    LEAST,
    /** That much or less. */
    MOST;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /**
   * That much or more.
   *
   * @param value of a ratio
   * @return the mark
   */
  public static Mark atLeast(double value) {
    return new Mark(Bound.LEAST, value);
  }

  /**
   * That much or less.
   *
   * @param value of a ratio, or of what has none
   * @return the mark
   */
  public static Mark atMost(double value) {
    return new Mark(Bound.MOST, value);
  }

  /** Whether there is an aim at all. */
  boolean aims() {
    return bound != Bound.NONE;
  }

  /** Whether it is reached; what is no number never is. */
  boolean reached(double measured) {
    return bound == Bound.LEAST ? measured >= value : bound == Bound.MOST && measured <= value;
  }

  /** For the table. */
  String text() {
    return aims() ? String.format(Locale.ROOT, "%s %.2f", bound == Bound.LEAST ? ">=" : "<=", value) : "";
  }
}
