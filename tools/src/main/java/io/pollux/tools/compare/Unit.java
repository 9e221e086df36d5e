// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import java.util.Locale;

/** What is counted. */
public enum Unit {
  /** I/Os a second. */
  IOPS("%,.0f", " IOPS"),
  /** Nanoseconds for a request. */
  NANOS("%,.0f ns", ""),
  /** Seconds. */
  SECONDS("%.2f s", ""),
  /** Bytes for a request. There may be none, and nothing has a ratio to that. */
  BYTES("%.3f B", "");

  private final String format;
  private final String word;

  Unit(String format, String word) {
    this.format = format;
    this.word = word;
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** A value for a table, of which most lines are of I/Os a second and do not say so. */
  String brief(double value) {
    return String.format(Locale.ROOT, format, value);
  }

  /** A value where nothing else says what it is. */
  String full(double value) {
    return brief(value) + word;
  }

  /** One beside another; NaN if such things have no ratio. */
  double ratio(double ours, double theirs) {
    return this == BYTES ? Double.NaN : ours / theirs;
  }
}
