// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.table;

import java.time.LocalDate;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The rates of a table and their circumstances. A cell that was not measured before the run was
 * stopped has no rates.
 */
public final class Measurement {
  private final Where where;
  private final Map<Integer, Map<Way, List<Double>>> rates = new TreeMap<>();

  /**
   * The circumstances.
   *
   * @param fs filesystem, or none
   * @param disk type of the disk: file, ram or null
   * @param device name of the disk, and how it is accessed
   * @param file path of the file
   * @param machine processor, kernel and virtual machine, in a line
   * @param date of the run
   * @param rounds planned turns of each cell
   * @param seconds planned duration of each cell in all turns together
   */
  public record Where(
      String fs,
      String disk,
      String device,
      String file,
      String machine,
      LocalDate date,
      int rounds,
      double seconds) {
    String subject() {
      return file + " (" + (fs.equals("none") ? "bare disk" : fs) + " on " + device + ")";
    }

    /** Whether a thread of the disk's driver completes requests that are not polled. */
    boolean interruptThread() {
      return disk.equals("null") && !device.endsWith("irqmode=none");
    }

    /** Describes what the numbers measure. */
    String meaning() {
      return disk.equals("null")
          ? "a null disk: this kernel alone, no data is moved"
          : disk.equals("ram") ? "a disk in memory" : "a disk of this machine";
    }
  }

  /**
   * Creates an empty measurement.
   *
   * @param where the circumstances
   */
  public Measurement(Where where) {
    this.where = where;
  }

  Where where() {
    return where;
  }

  /** Adds the rate of a turn, in IOPS. */
  void add(int depth, Way way, double iops) {
    rates
        .computeIfAbsent(depth, made -> new EnumMap<>(Way.class))
        .computeIfAbsent(way, made -> new ArrayList<>())
        .add(iops);
  }

  /** Returns the rates of a cell in ascending order. */
  List<Double> rates(int depth, Way way) {
    return inOrder(depth, way).stream().sorted().toList();
  }

  /** Returns the median of a cell in IOPS; NaN if there is none. */
  double median(int depth, Way way) {
    List<Double> sorted = rates(depth, way);
    if (sorted.isEmpty()) {
      return Double.NaN;
    }
    int middle = sorted.size() / 2;
    return sorted.size() % 2 == 1
        ? sorted.get(middle)
        : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
  }

  /** Returns the ratio of all features to aio at a depth; NaN if it was not measured. */
  double ratio(int depth) {
    return median(depth, Way.ALL) / median(depth, Way.AIO);
  }

  /** Whether the ratio is at least that of the series. */
  boolean reached(Posting.Row posted) {
    return ratio(posted.depth()) >= posted.ratio();
  }

  /** Describes how each number is computed. */
  String method() {
    int least = Integer.MAX_VALUE;
    for (Posting.Row posted : Posting.ROWS) {
      for (Way way : Way.values()) {
        least = Math.min(least, rates(posted.depth(), way).size());
      }
    }
    String all = where.rounds() + " rounds in turns, " + seconds() + " s a cell";
    return least == where.rounds() ? "median of " + all : "ended after " + least + " of " + all;
  }

  private String seconds() {
    return where.seconds() == Math.rint(where.seconds())
        ? String.valueOf((long) where.seconds())
        : String.valueOf(where.seconds());
  }

  /**
   * Returns the number of rounds whose own ratio reaches that of the series. The rates of one round
   * are measured within minutes.
   */
  int roundsReached(Posting.Row posted) {
    List<Double> aio = inOrder(posted.depth(), Way.AIO);
    List<Double> all = inOrder(posted.depth(), Way.ALL);
    int reached = 0;
    for (int i = 0; i < rounds(posted); i++) {
      reached += all.get(i) / aio.get(i) >= posted.ratio() ? 1 : 0;
    }
    return reached;
  }

  /** Returns the number of rounds that have both sides of the ratio. */
  int rounds(Posting.Row posted) {
    return Math.min(
        inOrder(posted.depth(), Way.AIO).size(), inOrder(posted.depth(), Way.ALL).size());
  }

  private List<Double> inOrder(int depth, Way way) {
    return rates.getOrDefault(depth, Map.of()).getOrDefault(way, List.of());
  }
}
