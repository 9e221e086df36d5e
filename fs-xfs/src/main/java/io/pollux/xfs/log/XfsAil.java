// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.uapi.LinuxSource;
import java.util.TreeMap;

/**
 * Counts the buffers that are in the log and not in their places yet, by the LSN of the first
 * checkpoint that changed them. The lowest is the tail, from where recovery has to begin. Safe for
 * any number of threads.
 */
@LinuxSource(file = "fs/xfs/xfs_trans_priv.h", name = "xfs_ail")
final class XfsAil {
  private final TreeMap<Long, Integer> first = new TreeMap<>(); // under this

  @LinuxSource(file = "fs/xfs/xfs_trans_ail.c", name = "xfs_trans_ail_update_bulk")
  synchronized void insert(long lsn) {
    first.merge(lsn, 1, Integer::sum);
  }

  @LinuxSource(file = "fs/xfs/xfs_trans_ail.c", name = "xfs_trans_ail_delete")
  synchronized void delete(long lsn) {
    Integer left = first.computeIfPresent(lsn, (key, count) -> count == 1 ? null : count - 1);
    assert left == null || left > 0 : lsn;
  }

  /** Returns the lowest LSN, or 0 if everything is in its place. */
  @LinuxSource(file = "fs/xfs/xfs_trans_ail.c", name = "xfs_ail_min_lsn")
  synchronized long minLsn() {
    return first.isEmpty() ? 0 : first.firstKey();
  }
}
