// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.uapi.LinuxSource;

/**
 * Where a log begins and ends.
 *
 * @param block where the next record goes
 * @param cycle the cycle of the next record
 * @param previous the block of the record before it, -1 if there is none
 * @param tailBlock the first block that has to be replayed; the head if the log is clean
 * @param tailLsn the tail that the last record names
 * @param lastLsn the position of the last record, 0 if there is none
 * @param clean whether nothing has to be replayed
 */
@LinuxSource(file = "fs/xfs/xfs_log_recover.c", name = "xlog_set_state")
public record XlogHead(
    int block, int cycle, int previous, int tailBlock, long tailLsn, long lastLsn, boolean clean) {
  /** {@return the position of the next record} */
  public long lsn() {
    return XlogFormat.lsn(cycle, block);
  }

  /** {@return the head of a log that was never written} */
  static XlogHead ofZeroes() {
    return new XlogHead(0, 1, -1, 0, XlogFormat.lsn(1, 0), 0, true);
  }
}
