// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Finds blocks that several files share, in the B+tree of reference counts of their group. The tree
 * has a record for each run of blocks with more than one owner. A search belongs to one task and
 * one walk over a file; it keeps the leaf read last.
 *
 * <p>Levels strictly decrease on the way down, and the records of a leaf start after those of the
 * leaf before. A tree with a loop fails one of these checks.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_refcount_btree.c")
final class XfsRefcount {
  /** Returned by {@link #sharedStart} when no block is shared. */
  static final long NONE = -1;

  private static final int HEADER_BYTES = 56;
  private static final int RECORD_BYTES = 12;
  private static final int KEY_BYTES = 4;
  private static final int PTR_BYTES = 4;
  private static final long NULL_AGBLOCK = 0xffff_ffffL;

  private final XfsMount mp;
  private long leafGroup;
  private @Nullable BufData leaf;
  private long sharedStart = NONE;
  private long sharedEnd;

  XfsRefcount(XfsMount mp) {
    this.mp = mp;
  }

  /** The first shared block of the last range searched, in its group, or NONE. */
  long sharedStart() {
    return sharedStart;
  }

  /** The first block after it that is not shared, or the end of the range. */
  long sharedEnd() {
    return sharedEnd;
  }

  /**
   * Searches a range for its first run of shared blocks. From process context.
   *
   * @param current the calling task
   * @param agno a valid group number
   * @param start the first block, in the group
   * @param end the block after the last
   * @throws ErrnoException EUCLEAN if the tree is damaged, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_refcount.c", name = "xfs_refcount_find_shared")
  void findShared(Task current, long agno, long start, long end) throws ErrnoException {
    sharedStart = NONE;
    BufData block = leafFor(current, agno, start);
    while (scan(block, start, end)) {
      long next = block.u32(12);
      if (next == NULL_AGBLOCK) {
        return;
      }
      BufData behind = readBlock(current, agno, next, 0);
      if (records(behind) == 0 || behind.u32(HEADER_BYTES) <= lastStart(block)) {
        throw behind.corrupt("its records do not follow those of the leaf before");
      }
      block = behind;
      leaf = block;
    }
  }

  /** Searches a leaf. Returns whether the run may begin or continue in the next leaf. */
  private boolean scan(BufData block, long start, long end) throws ErrnoException {
    int records = records(block);
    for (int i = 0; i < records; i++) {
      int at = HEADER_BYTES + i * RECORD_BYTES;
      // a copy in progress has the highest bit set, which is beyond every block
      long from = block.u32(at);
      long to = from + block.u32(at + 4);
      boolean begun = sharedStart != NONE;
      if (from >= end || (begun && from != sharedEnd)) {
        return false;
      }
      if (to > start) {
        sharedStart = begun ? sharedStart : Math.max(from, start);
        sharedEnd = Math.min(to, end);
        if (sharedEnd == end) {
          return false;
        }
      }
    }
    return true;
  }

  /** The leaf with the last record that starts at or before a block, or the first leaf. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_refcount.c", name = "xfs_refcount_lookup_le")
  private BufData leafFor(Task current, long agno, long agbno) throws ErrnoException {
    BufData there = leaf;
    if (there != null
        && leafGroup == agno
        && records(there) > 0
        && agbno >= there.u32(HEADER_BYTES)
        && agbno <= lastStart(there)) {
      return there;
    }
    BufData agf = mp.perag().agf(current, agno);
    int level = XfsPerag.refcountLevels(agf) - 1;
    BufData block = readBlock(current, agno, XfsPerag.refcountRoot(agf), level);
    while (level > 0) {
      int room = (block.size() - HEADER_BYTES) / (KEY_BYTES + PTR_BYTES);
      int index = records(block) - 1;
      while (index > 0 && block.u32(HEADER_BYTES + index * KEY_BYTES) > agbno) {
        index--;
      }
      level--;
      block =
          readBlock(
              current, agno, block.u32(HEADER_BYTES + room * KEY_BYTES + index * PTR_BYTES), level);
    }
    leafGroup = agno;
    leaf = block;
    return block;
  }

  private static int records(BufData block) throws ErrnoException {
    return block.u16(6);
  }

  private static long lastStart(BufData leaf) throws ErrnoException {
    return leaf.u32(HEADER_BYTES + (records(leaf) - 1) * RECORD_BYTES);
  }

  private BufData readBlock(Task current, long agno, long agbno, int level) throws ErrnoException {
    Supplier<String> what = () -> "group " + agno + ", its tree of reference counts";
    XfsSb sb = mp.sb();
    if (agbno >= sb.agBlocks) {
      throw XfsError.corrupt(what.get() + ": points outside the group");
    }
    BufData block =
        mp.readBlockData(current, agno << sb.agBlkLog | agbno, mp.verifiers().refcountbt(), what);
    if (block.u16(4) != level) {
      throw block.corrupt("level " + block.u16(4) + " where " + level + " was expected");
    }
    return block;
  }
}
