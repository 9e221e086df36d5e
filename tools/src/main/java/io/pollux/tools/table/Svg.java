// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.table;

import java.util.Locale;

/**
 * Writes an SVG image. Each colour is a class with two values. The attribute has the light one,
 * which every viewer understands. The style sheet has the dark one, for viewers that support the
 * reader's preference.
 */
final class Svg {
  /** The uses of colours. */
  enum Colour {
    PAPER("#ffffff", "#0d1117"),
    INK("#1f2328", "#e6edf3"),
    FAINT("#59636e", "#9198a1"),
    GRID("#d8dee4", "#2a313a"),
    AIO("#d55e00", "#ff9e4a"),
    RING("#0072b2", "#58b4f0"),
    ALL("#007f5f", "#3ddbab");

    private final String light;
    private final String dark;

    Colour(String light, String dark) {
      this.light = light;
      this.dark = dark;
    }

    private String fill() {
      return "class=\"f-" + key() + "\" fill=\"" + light + "\"";
    }

    private String stroke() {
      return "class=\"s-" + key() + "\" stroke=\"" + light + "\"";
    }

    private String key() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private static final String FONT =
      "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";

  private final StringBuilder text = new StringBuilder();

  /** Starts an image of a size, with a background. */
  Svg(int width, int height, String title) {
    add("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    add(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\""
            + " role=\"img\" font-family=\"%s\">",
        width, height, width, height, FONT);
    add("<title>%s</title>", escaped(title));
    add("<style>");
    add("@media (prefers-color-scheme: dark) {");
    for (Colour colour : Colour.values()) {
      add(
          "  .f-%s { fill: %s } .s-%s { stroke: %s }",
          colour.key(), colour.dark, colour.key(), colour.dark);
    }
    add("}");
    add("</style>");
    rectangle(0, 0, width, height, Colour.PAPER, 1);
  }

  /** Shifts drawing down until {@link #endMoved}. */
  void beginMoved(double down) {
    add("<g transform=\"translate(0 %.1f)\">", down);
  }

  void endMoved() {
    add("</g>");
  }

  /** Horizontal anchors of a text. */
  enum Anchor {
    START,
    MIDDLE,
    END
  }

  void text(double x, double y, int size, Colour colour, Anchor anchor, String words) {
    add(
        "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%d\" text-anchor=\"%s\" %s>%s</text>",
        x, y, size, anchor.name().toLowerCase(Locale.ROOT), colour.fill(), escaped(words));
  }

  void heading(double x, double y, int size, String words) {
    add(
        "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%d\" font-weight=\"600\" %s>%s</text>",
        x, y, size, Colour.INK.fill(), escaped(words));
  }

  void rectangle(double x, double y, double width, double height, Colour colour, double opacity) {
    add(
        "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill-opacity=\"%.2f\" %s/>",
        x, y, width, height, opacity, colour.fill());
  }

  void line(double x1, double y1, double x2, double y2, Colour colour, boolean dashed) {
    add(
        "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke-width=\"%s\"%s %s/>",
        x1,
        y1,
        x2,
        y2,
        colour == Colour.GRID ? "1" : "2.2",
        dashed ? " stroke-dasharray=\"5 4\"" : "",
        colour.stroke());
  }

  /** Draws a curve through points in the form {@code x,y x,y}. */
  void curve(String points, Colour colour, boolean dashed) {
    add(
        "<polyline points=\"%s\" fill=\"none\" stroke-width=\"2.2\" stroke-linejoin=\"round\"%s"
            + " %s/>",
        points, dashed ? " stroke-dasharray=\"5 4\"" : "", colour.stroke());
  }

  /** Draws a point with a tooltip. */
  void dot(double x, double y, Colour colour, boolean filled, String words) {
    add(
        "<g %s stroke-width=\"2\"><circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.6\""
            + " %s><title>%s</title></circle></g>",
        colour.stroke(), x, y, (filled ? colour : Colour.PAPER).fill(), escaped(words));
  }

  /** Draws a thin vertical line, such as from maximum to minimum. */
  void range(double x, double top, double bottom, Colour colour) {
    add(
        "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke-width=\"1.6\""
            + " stroke-opacity=\"0.55\" %s/>",
        x, top, x, bottom, colour.stroke());
  }

  /** Completes the image. */
  String end() {
    add("</svg>");
    return text.toString();
  }

  private void add(String format, Object... values) {
    text.append(String.format(Locale.ROOT, format, values)).append('\n');
  }

  /** Escapes a text for XML, because names in images and of hosts may contain anything. */
  static String escaped(String words) {
    StringBuilder safe = new StringBuilder(words.length());
    words
        .codePoints()
        .forEach(
            c -> {
              switch (c) {
                case '&' -> safe.append("&amp;");
                case '<' -> safe.append("&lt;");
                case '>' -> safe.append("&gt;");
                case '"' -> safe.append("&quot;");
                default -> safe.appendCodePoint(allowed(c) ? c : 0xFFFD);
              }
            });
    return safe.toString();
  }

  private static boolean allowed(int c) {
    return (c >= 0x20 && c < 0xD800)
        || (c > 0xDFFF && c < 0xFFFE)
        || (c >= 0x10000 && c <= 0x10FFFF);
  }
}
