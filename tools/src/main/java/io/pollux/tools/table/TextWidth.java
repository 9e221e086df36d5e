// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.table;

import java.util.ArrayList;
import java.util.List;

/**
 * Estimates the width of a text, since the viewer chooses the font. The estimate is at least the
 * width in DejaVu Sans, the widest font that the image requests.
 */
final class TextWidth {
  // Parts of the font size.
  private static final double NARROW = 0.42;
  private static final double USUAL = 0.64;
  private static final double CAPITAL = 0.79;
  private static final double WIDE = 1.02;
  private static final int FIRST_WIDE = 0x1100; // full-width scripts start here

  private static final String ELLIPSIS = "…";

  private TextWidth() {}

  /** The width at a font size. */
  static double of(String text, int size) {
    return text.codePoints().mapToDouble(TextWidth::of).sum() * size;
  }

  private static double of(int c) {
    if (c >= FIRST_WIDE || c == 'W' || c == 'M' || c == 'm' || c == '%' || c == '@' || c == '—') {
      return WIDE;
    }
    if (" .,:;'|!()[]{}/\\ijlIft\"`-r".indexOf(c) >= 0) {
      return NARROW;
    }
    return Character.isUpperCase(c) || "+=<>~#&w".indexOf(c) >= 0 ? CAPITAL : USUAL;
  }

  /**
   * Breaks a text into lines, between words if possible.
   *
   * @param text the text
   * @param size font size
   * @param width of a line
   * @param most maximum number of lines; excess text is removed from the middle
   * @return the lines
   */
  static List<String> wrap(String text, int size, double width, int most) {
    List<String> lines = lines(text, size, width);
    int[] points = text.codePoints().toArray();
    int kept = points.length;
    while (lines.size() > most) {
      kept -= Math.max(1, kept / 16);
      int head = (kept + 1) / 2;
      String start = new String(points, 0, head);
      String end = new String(points, points.length - (kept - head), kept - head);
      lines = lines(start + ELLIPSIS + end, size, width);
    }
    return lines;
  }

  private static List<String> lines(String text, int size, double width) {
    List<String> lines = new ArrayList<>();
    StringBuilder line = new StringBuilder();
    for (String word : text.split(" ", -1)) {
      String gap = line.isEmpty() ? "" : " ";
      if (of(line + gap + word, size) <= width) {
        line.append(gap).append(word);
        continue;
      }
      if (!line.isEmpty()) {
        lines.add(line.toString());
        line.setLength(0);
      }
      word.codePoints()
          .forEach(
              c -> { // a word may be longer than a line
                if (of(line.toString() + Character.toString(c), size) > width && !line.isEmpty()) {
                  lines.add(line.toString());
                  line.setLength(0);
                }
                line.appendCodePoint(c);
              });
    }
    lines.add(line.toString());
    return lines;
  }
}
