// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.uapi.LinuxSource;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * What one hardware queue has done: the counterpart of disk_stats, which Linux keeps per cpu.
 *
 * <p>There is one set of counters for each tag, and only who owns the tag adds to it: neither an atomic operation
 * nor a cache line that others write. Who completes a chain owns all its tags and adds for all to one. Who reads sums
 * up what is there.
 */
@LinuxSource(file = "include/linux/genhd.h", name = "disk_stats")
final class QueueStats {
  // Groups of operations (C: enum stat_group).
  static final int STAT_READ = 0;
  static final int STAT_WRITE = 1;
  static final int STAT_DISCARD = 2;

  // What is counted in each group.
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

  /** Requests of one group have ended. By who owns the tag, which need not be that of any of them. */
  void done(int tag, int group, int ios, long sectors, long nanos) {
    int at = (tag << STRIDE_SHIFT) + group * FIELDS;
    add(at + IOS, ios);
    add(at + SECTORS, sectors);
    add(at + NANOS, nanos);
  }

  /** A bio went into a request. By who owns the tag. */
  void merged(int tag, int op) {
    add((tag << STRIDE_SHIFT) + group(op) * FIELDS + MERGES, 1);
  }

  private void add(int cell, long more) {
    CELLS.setOpaque(cells, cell, cells[cell] + more); // one writer; opaque for who sums up meanwhile
  }

  long sum(int group, int field) {
    long sum = 0;
    for (int tag = 0; tag < depth; tag++) {
      sum += (long) CELLS.getOpaque(cells, (tag << STRIDE_SHIFT) + group * FIELDS + field);
    }
    return sum;
  }
}
