// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.console;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Readable sizes: 4k, 64M, 1G, powers of 1024. */
public final class Sizes {
  private static final Pattern SIZE =
      Pattern.compile("([0-9]{1,19})(?:([kmgtpe])(?:i?b)?|b)?", Pattern.CASE_INSENSITIVE);
  private static final String UNITS = "KMGTPE";

  private Sizes() {}

  /**
   * Parses a size.
   *
   * @param text digits and an optional unit: 512, 4k, 64M, 1GiB
   * @return bytes
   * @throws NumberFormatException if it is not a size or does not fit in 63 bits; with a readable
   *     message
   */
  public static long parse(String text) {
    Matcher matcher = SIZE.matcher(text);
    if (!matcher.matches()) {
      throw new NumberFormatException("'" + text + "' is not a size such as 512, 4k, 64M or 1G");
    }
    String unit = matcher.group(2);
    int shift = unit == null ? 0 : 10 * (UNITS.indexOf(unit.toUpperCase(Locale.ROOT)) + 1);
    try {
      return Math.multiplyExact(Long.parseLong(matcher.group(1)), 1L << shift);
    } catch (ArithmeticException | NumberFormatException e) {
      throw new NumberFormatException("'" + text + "' is larger than any size can be");
    }
  }

  /**
   * Formats a size.
   *
   * @param bytes the size
   * @return about three digits and a unit, such as 4 KiB, 16.0 MiB, 300 MiB
   */
  public static String show(long bytes) {
    if (bytes < 1024) {
      return bytes + " B";
    }
    int unit = (63 - Long.numberOfLeadingZeros(bytes)) / 10;
    double value = bytes / (double) (1L << (10 * unit));
    String digits =
        bytes % (1L << (10 * unit)) == 0 || value >= 100
            ? String.format(Locale.ROOT, "%.0f", value)
            : String.format(Locale.ROOT, "%.1f", value);
    return digits + " " + UNITS.charAt(unit - 1) + "iB";
  }
}
