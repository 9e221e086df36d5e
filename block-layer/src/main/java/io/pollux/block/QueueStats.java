// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.uapi.LinuxSource;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The statistics of one hardware queue: the counterpart of disk_stats, which Linux keeps per CPU.
 *
 * <p>Each tag has its own counters, and only the tag's owner adds to them. So an update needs no
 * atomic operation and shares no cache line with other writers. The completion of a chain owns all
 * its tags and adds the sum to one. A reader sums the counters of all tags.
 */
@LinuxSource(file = "include/linux/genhd.h", name = "disk_stats")
final class QueueStats {
  // Groups of operations (C: enum stat_group).
  static final int STAT_READ = 0;
  static final int STAT_WRITE = 1;
  static final int STAT_DISCARD = 2;

  // The counters of each group.
  static final int IOS = 0;
  static final int MERGES = 1;
  static final int SECTORS = 2;
  static final int NANOS = 3;

  private static final int FIELDS = 4;
  private static final int STRIDE_SHIFT = 4; // three groups, rounded up
  private static final VarHandle CELLS = MethodHandles.arrayElementVarHandle(long[].class);

  private final long[] cells;
  private final int depth;

  QueueStats(int depth) {
    this.depth = depth;
    cells = new long[depth << STRIDE_SHIFT];
  }

  /** The group of an operation that is counted. */
  @LinuxSource(file = "include/linux/blk_types.h", name = "op_stat_group")
  static int group(int op) {
    return op == BlkTypes.REQ_OP_DISCARD ? STAT_DISCARD : op & 1;
  }

  /**
   * Counts completed requests of one group. By the owner of the tag, which may be any of theirs.
   */
  void done(int tag, int group, int ios, long sectors, long nanos) {
    int at = (tag << STRIDE_SHIFT) + group * FIELDS;
    add(at + IOS, ios);
    add(at + SECTORS, sectors);
    add(at + NANOS, nanos);
  }

  /** Counts a bio that was merged into a request. By the tag's owner. */
  void merged(int tag, int op) {
    add((tag << STRIDE_SHIFT) + group(op) * FIELDS + MERGES, 1);
  }

  private void add(int cell, long more) {
    CELLS.setOpaque(cells, cell, cells[cell] + more); // one writer; opaque, for a concurrent sum
  }

  long sum(int group, int field) {
    long sum = 0;
    for (int tag = 0; tag < depth; tag++) {
      sum += (long) CELLS.getOpaque(cells, (tag << STRIDE_SHIFT) + group * FIELDS + field);
    }
    return sum;
  }
}
