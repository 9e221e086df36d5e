// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.table;

import java.util.List;

/**
 * The table of the series' posting of 30 November 2018 (its fourth). It has random 4 KiB reads by
 * fio, one thread on one core, a fast NVMe drive. "All" means polling, user-mapped iocbs and fixed
 * buffers; the rings came with the next posting.
 */
final class Posting {
  /** From depth 1 to 64. */
  static final List<Row> ROWS =
      List.of(
          new Row(1, 77_000, 80_000, 132_000),
          new Row(2, 145_000, 163_000, 262_000),
          new Row(4, 287_000, 342_000, 514_000),
          new Row(8, 560_000, 582_000, 824_000),
          new Row(16, 616_000, 727_000, 1_013_000),
          new Row(32, 636_000, 773_000, 1_155_000),
          new Row(64, 635_000, 776_000, 1_230_000));

  private Posting() {}

  /**
   * A row of the table, in IOPS.
   *
   * @param depth I/Os in flight
   * @param before the kernel without the series
   * @param nothingOn the kernel with the series and no feature of it
   * @param allOn the kernel with all features of the series
   */
  record Row(int depth, int before, int nothingOn, int allOn) {
    /** Returns the ratio of all features to the kernel without the series. */
    double ratio() {
      return (double) allOn / before;
    }
  }
}
