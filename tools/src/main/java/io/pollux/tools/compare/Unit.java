// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.compare;

import java.util.Locale;

/** Units of figures. */
public enum Unit {
  /** I/Os per second. */
  IOPS("%,.0f", " IOPS"),
  /** Nanoseconds per request. */
  NANOS("%,.0f ns", ""),
  /** Seconds. */
  SECONDS("%.2f s", ""),
  /** Bytes per request. The goal may be 0, so there is no ratio. */
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

  /** Formats a value for a table. IOPS have no unit there. */
  String brief(double value) {
    return String.format(Locale.ROOT, format, value);
  }

  /** Formats a value with its unit. */
  String full(double value) {
    return brief(value) + word;
  }

  /** Returns the ratio; NaN if the unit has none. */
  double ratio(double ours, double theirs) {
    return this == BYTES ? Double.NaN : ours / theirs;
  }
}
