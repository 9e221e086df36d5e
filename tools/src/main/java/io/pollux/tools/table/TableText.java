// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.table;

import java.util.Locale;

/** The table as readable text. */
public final class TableText {
  private static final String GAP = "    ";

  private static final int LINE = 120;

  private final Measurement measured;
  private final Variation variation;
  private final StringBuilder text = new StringBuilder();

  private TableText(Measurement measured) {
    this.measured = measured;
    variation = new Variation(measured);
  }

  /**
   * Formats a measurement.
   *
   * @param measured the measurement
   * @return lines
   */
  public static String of(Measurement measured) {
    return new TableText(measured).write();
  }

  private String write() {
    Measurement.Where where = measured.where();
    line(
        "4 KiB random reads of %s, one thread, batches of up to %d",
        where.subject(), Way.MOST_IN_A_BATCH);
    line("%s", where.meaning());
    line("%s, %s; %s", where.machine(), where.date(), measured.method());
    line("");
    line("%5s  %-45s%s%s", "", "this kernel, IOPS", GAP, "the series as it was posted, IOPS");
    line(
        "%5s  %11s %11s %12s %8s%s%9s %10s %9s %8s",
        "depth",
        "aio",
        "ring",
        "all",
        "all/aio",
        GAP,
        "before",
        "nothing on",
        "all on",
        "all/bef.");
    for (Posting.Row posted : Posting.ROWS) {
      int depth = posted.depth();
      line(
          "%5d  %11s%s%11s%s%12s%s%8s%s%,9d %,10d %,9d %8.2f",
          depth,
          iops(depth, Way.AIO),
          mark(depth, Way.AIO),
          iops(depth, Way.RING),
          mark(depth, Way.RING),
          iops(depth, Way.ALL),
          mark(depth, Way.ALL),
          ratio(depth),
          GAP,
          posted.before(),
          posted.nothingOn(),
          posted.allOn(),
          posted.ratio());
    }
    line("");
    for (Way way : Way.values()) {
      line("%-5s %s", way.title(), way.words());
    }
    variation();
    line("");
    marks();
    return text.toString();
  }

  /**
   * Describes how far the rounds of cells differ, and lists the cells that differ widely, with the
   * reason.
   */
  private void variation() {
    if (variation.cells().isEmpty()) {
      line(
          "least to most in a cell: at most %.0f %% of its median",
          100 * variation.widestUnmarked());
      return;
    }
    line("");
    line("* varied twofold or more from round to round, IOPS:");
    line("%7s  %-4s %11s %11s %11s %11s", "depth", "way", "least", "median", "most", "most/least");
    for (Variation.Cell cell : variation.cells()) {
      line(
          "%7d  %-4s %,11.0f %,11.0f %,11.0f %11.1f",
          cell.depth(), cell.way().title(), cell.least(), cell.median(), cell.most(), cell.times());
    }
    for (String reason : variation.reasons()) {
      wrapped("  " + reason);
    }
    line(
        "  Least to most in the other cells: at most %.0f %% of the median.",
        100 * variation.widestUnmarked());
  }

  /** Breaks a sentence between words. */
  private void wrapped(String sentence) {
    String rest = sentence;
    while (rest.length() > LINE) {
      int cut = rest.lastIndexOf(' ', LINE);
      line("%s", rest.substring(0, cut));
      rest = "  " + rest.substring(cut + 1);
    }
    line("%s", rest);
  }

  private String mark(int depth, Way way) {
    return variation.marked(depth, way) ? "*" : " ";
  }

  /** Writes the ratios, the main result of the table. */
  private void marks() {
    line("all features on / legacy aio, and the series' own:");
    int reached = 0;
    for (Posting.Row posted : Posting.ROWS) {
      boolean here = measured.reached(posted);
      reached += here ? 1 : 0;
      line(
          "  depth %2d  %5s  %5.2f  %s",
          posted.depth(), ratio(posted.depth()), posted.ratio(), verdict(posted, here));
    }
    line("  reached at %d of %d depths", reached, Posting.ROWS.size());
  }

  /**
   * Returns whether the ratio of the medians is reached. If rounds disagree, also in how many
   * rounds it is.
   */
  private String verdict(Posting.Row posted, boolean reached) {
    if (Double.isNaN(measured.ratio(posted.depth()))) {
      return "not measured";
    }
    int rounds = measured.rounds(posted);
    int of = measured.roundsReached(posted);
    String split =
        of == 0 || of == rounds
            ? ""
            : String.format(Locale.ROOT, "; by single rounds, in %d of %d", of, rounds);
    return (reached ? "reached" : "not reached") + split;
  }

  private String iops(int depth, Way way) {
    double median = measured.median(depth, way);
    return Double.isNaN(median) ? "-" : String.format(Locale.ROOT, "%,.0f", median);
  }

  private String ratio(int depth) {
    double ratio = measured.ratio(depth);
    return Double.isNaN(ratio) ? "-" : String.format(Locale.ROOT, "%.2f", ratio);
  }

  private void line(String format, Object... values) {
    text.append(String.format(Locale.ROOT, format, values).stripTrailing()).append('\n');
  }
}
