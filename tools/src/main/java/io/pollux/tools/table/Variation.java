// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.table;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * The cells of a table whose rounds vary so much that the median alone is misleading, with the
 * reason.
 */
final class Variation {
  /** A cell is marked from this ratio of maximum to minimum. */
  private static final double MARKED = 2;

  private final Measurement measured;
  private final List<Cell> cells = new ArrayList<>();

  /** A marked cell: rates in IOPS. */
  record Cell(int depth, Way way, double least, double median, double most) {
    double times() {
      return most / least;
    }
  }

  Variation(Measurement measured) {
    this.measured = measured;
    for (Way way : Way.values()) {
      for (Posting.Row posted : Posting.ROWS) {
        List<Double> rates = measured.rates(posted.depth(), way);
        if (!rates.isEmpty() && rates.getLast() >= MARKED * rates.getFirst()) {
          cells.add(
              new Cell(
                  posted.depth(),
                  way,
                  rates.getFirst(),
                  measured.median(posted.depth(), way),
                  rates.getLast()));
        }
      }
    }
  }

  /** The marked cells, grouped by way. */
  List<Cell> cells() {
    return cells;
  }

  boolean marked(int depth, Way way) {
    return cells.stream().anyMatch(cell -> cell.depth() == depth && cell.way() == way);
  }

  /** The largest range of an unmarked cell, relative to its median; 0 if there is none. */
  double widestUnmarked() {
    double widest = 0;
    for (Way way : Way.values()) {
      for (Posting.Row posted : Posting.ROWS) {
        List<Double> rates = measured.rates(posted.depth(), way);
        if (!rates.isEmpty() && !marked(posted.depth(), way)) {
          widest =
              Math.max(
                  widest,
                  (rates.getLast() - rates.getFirst()) / measured.median(posted.depth(), way));
        }
      }
    }
    return widest;
  }

  /**
   * The marked cells in a sentence, by way: aio at depth 1, 2 and so on, up to 5.0-fold; empty if
   * there are none.
   */
  String summary() {
    List<String> ways = new ArrayList<>();
    for (Way way : Way.values()) {
      List<Cell> of = cells.stream().filter(cell -> cell.way() == way).toList();
      if (!of.isEmpty()) {
        String depths =
            of.size() == Posting.ROWS.size()
                ? "every depth"
                : of.stream()
                    .map(cell -> String.valueOf(cell.depth()))
                    .collect(Collectors.joining(", ", "depth ", ""));
        double most = of.stream().mapToDouble(Cell::times).max().orElse(0);
        ways.add(
            String.format(Locale.ROOT, "%s at %s, up to %.1f-fold", way.title(), depths, most));
      }
    }
    return String.join("; ", ways);
  }

  /** The reasons for the variation of the marked cells, in sentences. */
  List<String> reasons() {
    List<String> reasons = new ArrayList<>();
    boolean interrupted = cells.stream().anyMatch(cell -> cell.way().interrupted());
    if (interrupted && measured.where().interruptThread()) {
      reasons.add(
          "With interrupts, a thread of the driver completes each read and wakes the thread that"
              + " waits for it.");
      reasons.add(
          "The two threads share the machine's processors. A line of memory passes from one to the"
              + " other in about 100 ns or in about 400 ns, by where the host runs the two in that"
              + " round.");
    }
    if (!interrupted
        || !measured.where().interruptThread()
        || cells.stream().anyMatch(cell -> !cell.way().interrupted())) {
      reasons.add(
          "A cell without interrupts varies when the machine or its host does other work in some of"
              + " the rounds.");
    }
    return cells.isEmpty() ? List.of() : reasons;
  }
}
