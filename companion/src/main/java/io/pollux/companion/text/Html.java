// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.text;

import java.util.Locale;

/** Text for HTML. */
public final class Html {
  private Html() {}

  /** Escapes a text for an element or a quoted attribute. */
  public static String escape(String text) {
    StringBuilder escaped = new StringBuilder(text.length() + 16);
    append(escaped, text, 0, text.length());
    return escaped.toString();
  }

  /** Appends a part of a text of an element, where only two characters need an escape. */
  static void appendText(StringBuilder to, String text, int start, int end) {
    for (int i = start; i < end; i++) {
      char c = text.charAt(i);
      switch (c) {
        case '<' -> to.append("&lt;");
        case '&' -> to.append("&amp;");
        default -> to.append(c);
      }
    }
  }

  /** Appends a part of a text, escaped for an element or an attribute. */
  private static void append(StringBuilder to, String text, int start, int end) {
    for (int i = start; i < end; i++) {
      char c = text.charAt(i);
      switch (c) {
        case '<' -> to.append("&lt;");
        case '>' -> to.append("&gt;");
        case '&' -> to.append("&amp;");
        case '"' -> to.append("&quot;");
        default -> to.append(c);
      }
    }
  }

  /** An anchor for a heading: lower case, with a dash between words. */
  public static String slug(String heading) {
    return heading
        .toLowerCase(Locale.ROOT)
        .replaceAll("[^\\p{L}\\p{N}_]+", "-")
        .replaceAll("^-|-$", "");
  }
}
