// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsSb;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The allocation groups: checks the headers of a group (AGF, AGI, AGFL) before its first inode is
 * used.
 *
 * <p>If a group's headers are damaged, each of its inodes is EUCLEAN; other groups are unaffected.
 * The check runs at first use and not at mount, because a large filesystem has a million groups.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_ag.h", name = "xfs_perag")
final class XfsPerag {
  private static final int MAX_LEVELS = 32; // deeper than any tree of 2^31 blocks
  private static final int REFCOUNT_ROOT = 88; // in the AGF
  private static final int REFCOUNT_LEVEL = 92;

  private final XfsMount mp;
  private final Set<Long> checked = ConcurrentHashMap.newKeySet();

  XfsPerag(XfsMount mp) {
    this.mp = mp;
  }

  /**
   * Checks the headers of a group, once. From process context.
   *
   * @param current the calling task
   * @param agno a valid group number
   * @throws ErrnoException EUCLEAN if one is damaged
   */
  void check(Task current, long agno) throws ErrnoException {
    if (checked.contains(agno)) {
      return;
    }
    agf(current, agno);
    readHeader(current, agno, 2, mp.verifiers().agi(), "inode header (AGI)");
    readHeader(current, agno, 3, mp.verifiers().agfl(), "free list (AGFL)");
    checked.add(agno);
  }

  /** Reads the header in one of the first sectors of a group. */
  private BufData readHeader(Task current, long agno, int sector, BufOps type, String header)
      throws ErrnoException {
    XfsSb sb = mp.sb();
    long position = ((agno * sb.agBlocks) << sb.blockLog) + (long) sector * sb.sectSize;
    return mp.bufs()
        .readData(current, position, sb.sectSize, type, () -> "group " + agno + ", " + header);
  }

  /**
   * Reads the header of free space of a group. From process context.
   *
   * @param current the calling task
   * @param agno a valid group number
   * @return the header, verified
   * @throws ErrnoException EUCLEAN if it is damaged, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_alloc_read_agf")
  BufData agf(Task current, long agno) throws ErrnoException {
    return readHeader(current, agno, 1, mp.verifiers().agf(), "free space header (AGF)");
  }

  /** Levels of the tree of reference counts. EUCLEAN if its root is invalid. */
  static int refcountLevels(BufData agf) throws ErrnoException {
    verifyTree(agf, REFCOUNT_ROOT, REFCOUNT_LEVEL);
    return agf.i32(REFCOUNT_LEVEL);
  }

  /** The root of the tree of reference counts, a block in the group. */
  static long refcountRoot(BufData agf) throws ErrnoException {
    return agf.u32(REFCOUNT_ROOT);
  }

  private static void verifyTree(BufData header, int rootAt, int levelsAt) throws ErrnoException {
    long levels = header.u32(levelsAt);
    if (levels < 1 || levels > MAX_LEVELS || header.u32(rootAt) >= header.u32(12)) {
      throw header.corrupt("a tree of it has its root outside the group");
    }
  }
}
