// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.table;

import io.pollux.tools.table.Svg.Anchor;
import io.pollux.tools.table.Svg.Colour;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/**
 * The table as an SVG chart. The upper part shows IOPS by depth, this kernel's as solid curves and
 * the series' as dashed ones. The lower part shows the ratios of all features to aio. The upper
 * scales are logarithmic, so that equal ratios are equal distances.
 */
public final class TableChart {
  private static final int WIDTH = 860;
  private static final int MARGIN = 24; // to the right of full-width texts
  private static final int SUBTITLE = 13;
  private static final int SUBTITLE_LINES = 3;
  private static final int SUBTITLE_STEP = 18;
  private static final int NOTE = 11;
  private static final int NOTE_LINES = 4; // of each note
  private static final int NOTE_STEP = 16;
  private static final int LEFT = 74;
  private static final int RIGHT = 650;
  private static final int TOP = 92;
  private static final int BOTTOM = 432;
  private static final int BARS_TOP = 518;
  private static final int BARS_BOTTOM = 622;
  private static final int BAR = 22;
  private static final int INSET = 28;
  private static final double RANGE_STEP = 2.5;

  private final Measurement measured;
  private final Variation variation;
  private final List<String> subtitle;
  private final List<String> notes = new ArrayList<>();
  private final int down; // offset of everything below a subtitle with several lines
  private final Svg svg;
  private final double low;
  private final double high;

  private TableChart(Measurement measured) {
    this.measured = measured;
    variation = new Variation(measured);
    Measurement.Where where = measured.where();
    subtitle =
        TextWidth.wrap(
            where.subject() + " — " + where.meaning(),
            SUBTITLE,
            WIDTH - LEFT - MARGIN,
            SUBTITLE_LINES);
    down = (subtitle.size() - 1) * SUBTITLE_STEP;
    note("This kernel: " + where.machine() + "; " + where.date() + "; " + measured.method() + ".");
    note(
        "The series: the table posted with it on 30 November 2018; fio, one core, a fast NVMe"
            + " drive; no rings yet.");
    variationNotes();
    int height = down + BARS_BOTTOM + 34 + notes.size() * NOTE_STEP + 18;
    svg = new Svg(WIDTH, height, "IOPS by queue depth: this kernel beside the series");
    double least = Double.MAX_VALUE;
    double most = 0;
    for (Posting.Row posted : Posting.ROWS) {
      least = Math.min(least, posted.before());
      most = Math.max(most, posted.allOn());
      for (Way way : Way.values()) {
        for (double iops : measured.rates(posted.depth(), way)) {
          least = Math.min(least, iops);
          most = Math.max(most, iops);
        }
      }
    }
    low = step(least, false);
    high = step(most, true);
  }

  /**
   * Draws a measurement.
   *
   * @param measured the measurement
   * @return a complete file
   */
  public static String of(Measurement measured) {
    return new TableChart(measured).draw();
  }

  private void note(String text) {
    notes.addAll(TextWidth.wrap(text, NOTE, WIDTH - LEFT - MARGIN, NOTE_LINES));
  }

  private void variationNotes() {
    if (variation.cells().isEmpty()) {
      return;
    }
    note(
        "Upright lines go from the least to the most of the rounds. Twofold or more: "
            + variation.summary()
            + ".");
    note(String.join(" ", variation.reasons()));
  }

  private String draw() {
    svg.heading(LEFT, 36, 19, "4 KiB random reads by queue depth, one thread");
    lines(subtitle, 58, SUBTITLE, SUBTITLE_STEP);
    svg.beginMoved(down);
    axes();
    for (Way way : Way.values()) {
      ranges(way);
    }
    curve(Colour.AIO, true, "before", posted -> posted.before());
    curve(Colour.RING, true, "nothing on", posted -> posted.nothingOn());
    curve(Colour.ALL, true, "all on", posted -> posted.allOn());
    for (Way way : Way.values()) {
      curve(colour(way), false, way.title(), posted -> measured.median(posted.depth(), way));
    }
    legend();
    bars();
    lines(notes, BARS_BOTTOM + 50, NOTE, NOTE_STEP);
    svg.endMoved();
    return svg.end();
  }

  private void lines(List<String> texts, int first, int size, int step) {
    int y = first;
    for (String text : texts) {
      svg.text(LEFT, y, size, Colour.FAINT, Anchor.START, text);
      y += step;
    }
  }

  /** Draws minimum to maximum of each cell, with the ways side by side. */
  private void ranges(Way way) {
    for (Posting.Row posted : Posting.ROWS) {
      List<Double> rates = measured.rates(posted.depth(), way);
      if (rates.size() > 1) {
        double x = x(posted.depth()) + side(way) * RANGE_STEP;
        svg.range(x, y(rates.getLast()), y(rates.getFirst()), colour(way));
      }
    }
  }

  /** Returns the side of its depth on which a way's range is drawn. */
  private static int side(Way way) {
    return switch (way) {
      case AIO -> -1;
      case RING -> 0;
      case ALL -> 1;
    };
  }

  private static Colour colour(Way way) {
    return switch (way) {
      case AIO -> Colour.AIO;
      case RING -> Colour.RING;
      case ALL -> Colour.ALL;
    };
  }

  /** Returns the next of 1, 2, 5, 10, 20, 50 and so on, at or beyond a value. */
  private static double step(double value, boolean up) {
    double decade = Math.pow(10, Math.floor(Math.log10(value)));
    double digit = value / decade;
    if (up) {
      return decade * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
    }
    return decade * (digit >= 5 ? 5 : digit >= 2 ? 2 : 1);
  }

  private static double x(int depth) {
    double last = log2(Posting.ROWS.getLast().depth());
    return LEFT + INSET + log2(depth) / last * (RIGHT - LEFT - 2 * INSET);
  }

  private static double log2(double value) {
    return Math.log(value) / Math.log(2);
  }

  private double y(double iops) {
    return BOTTOM - Math.log(iops / low) / Math.log(high / low) * (BOTTOM - TOP);
  }

  private void axes() {
    for (double tick = low; tick <= high * 1.001; tick = step(tick * 1.001, true)) {
      svg.line(LEFT, y(tick), RIGHT, y(tick), Colour.GRID, false);
      svg.text(LEFT - 8, y(tick) + 4, 12, Colour.FAINT, Anchor.END, amount(tick));
    }
    svg.text(LEFT - 8, TOP - 14, 12, Colour.FAINT, Anchor.END, "IOPS");
    for (Posting.Row posted : Posting.ROWS) {
      svg.text(
          x(posted.depth()),
          BOTTOM + 19,
          12,
          Colour.FAINT,
          Anchor.MIDDLE,
          String.valueOf(posted.depth()));
    }
    svg.text(
        (LEFT + RIGHT) / 2.0,
        BOTTOM + 37,
        12,
        Colour.FAINT,
        Anchor.MIDDLE,
        "I/Os in flight (queue depth)");
  }

  private void curve(
      Colour colour, boolean series, String title, ToDoubleFunction<Posting.Row> iops) {
    StringBuilder points = new StringBuilder();
    for (Posting.Row posted : Posting.ROWS) {
      double value = iops.applyAsDouble(posted);
      if (value > 0) {
        points.append(String.format(Locale.ROOT, "%.1f,%.1f ", x(posted.depth()), y(value)));
      }
    }
    svg.curve(points.toString().strip(), colour, series);
    for (Posting.Row posted : Posting.ROWS) {
      double value = iops.applyAsDouble(posted);
      if (value > 0) {
        String words =
            String.format(
                Locale.ROOT,
                "%s, %s, depth %d: %,.0f IOPS",
                series ? "the series" : "this kernel",
                title,
                posted.depth(),
                value);
        svg.dot(x(posted.depth()), y(value), colour, !series, words);
      }
    }
  }

  private void legend() {
    int y = TOP + 8;
    svg.heading(RIGHT + 22, y, 13, "This kernel");
    for (Way way : new Way[] {Way.ALL, Way.RING, Way.AIO}) {
      y += 22;
      legend(
          y,
          colour(way),
          false,
          way == Way.ALL ? "rings, polled, fixed" : way == Way.RING ? "rings" : "aio");
    }
    y += 38;
    svg.heading(RIGHT + 22, y, 13, "The series, as posted");
    legend(y + 22, Colour.ALL, true, "all turned on");
    legend(y + 44, Colour.RING, true, "nothing turned on");
    legend(y + 66, Colour.AIO, true, "before it");
  }

  private void legend(int y, Colour colour, boolean series, String words) {
    int x = RIGHT + 22;
    svg.line(x, y - 4, x + 34, y - 4, colour, series);
    svg.dot(x + 17, y - 4, colour, !series, words);
    svg.text(x + 44, y, 12, Colour.INK, Anchor.START, words);
  }

  /** Draws both ratios side by side at each depth. */
  private void bars() {
    double most = 1;
    for (Posting.Row posted : Posting.ROWS) {
      double ours = measured.ratio(posted.depth());
      most = Math.max(most, Math.max(posted.ratio(), Double.isNaN(ours) ? 0 : ours));
    }
    svg.heading(LEFT, BARS_TOP - 14, 13, "Everything turned on ÷ aio");
    for (Posting.Row posted : Posting.ROWS) {
      double x = x(posted.depth());
      bar(x - BAR - 1, measured.ratio(posted.depth()), most, Colour.ALL, 1);
      bar(x + 1, posted.ratio(), most, Colour.FAINT, 0.55);
      svg.text(
          x, BARS_BOTTOM + 17, 12, Colour.FAINT, Anchor.MIDDLE, String.valueOf(posted.depth()));
    }
    svg.line(LEFT, BARS_BOTTOM, RIGHT, BARS_BOTTOM, Colour.GRID, false);
    barLegend(BARS_TOP + 30, Colour.ALL, 1, "this kernel");
    barLegend(BARS_TOP + 52, Colour.FAINT, 0.55, "the series");
  }

  private void bar(double x, double ratio, double most, Colour colour, double opacity) {
    if (ratio > 0) {
      double height = ratio / most * (BARS_BOTTOM - BARS_TOP - 16);
      svg.rectangle(x, BARS_BOTTOM - height, BAR, height, colour, opacity);
      svg.text(
          x + BAR / 2.0, BARS_BOTTOM - height - 4, 10, Colour.INK, Anchor.MIDDLE, ratio(ratio));
    }
  }

  /** Formats a ratio no wider than two bars. */
  private static String ratio(double ratio) {
    return ratio >= 1e6
        ? String.format(Locale.ROOT, "%.0e", ratio)
        : String.format(Locale.ROOT, ratio >= 100 ? "%.0f" : "%.1f", ratio);
  }

  private void barLegend(int y, Colour colour, double opacity, String words) {
    svg.rectangle(RIGHT + 22, y - 10, 12, 12, colour, opacity);
    svg.text(RIGHT + 44, y, 12, Colour.INK, Anchor.START, words);
  }

  private static String amount(double iops) {
    return iops >= 1e9
        ? String.format(Locale.ROOT, "%.0fG", iops / 1e9)
        : iops >= 1e6
            ? String.format(Locale.ROOT, "%.0fM", iops / 1e6)
            : iops >= 1e3
                ? String.format(Locale.ROOT, "%.0fK", iops / 1e3)
                : String.format(Locale.ROOT, "%.0f", iops);
  }
}
