// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.btree.XfsBtrees;
import io.pollux.xfs.btree.XfsInobtRec;
import io.pollux.xfs.format.XfsAgf;
import io.pollux.xfs.format.XfsAgi;
import io.pollux.xfs.format.XfsSb;

/**
 * How many blocks of a group are set aside for its trees, so that they can grow when the filesystem
 * is full. A tree may grow to the size at which each block is half full.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_ag_resv.c")
final class AgResv {
  private static final int RMAP_PERCENT = 1; // at least

  private final XfsSb sb;
  private final XfsBtrees trees;

  AgResv(XfsSb sb, XfsBtrees trees) {
    this.sb = sb;
    this.trees = trees;
  }

  /** Whether anything is set aside. */
  boolean needed() {
    return sb.rmapbt || sb.reflink || sb.finobt;
  }

  /** Blocks of a group that can have owners or inodes. */
  private long blocks(long agno) {
    boolean withLog = sb.agno(sb.logStart) == agno;
    return Math.max(0, sb.agSize(agno) - (withLog ? sb.logBlocks : 0));
  }

  /** What the tree of owners may need in all. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_rmap_btree.c", name = "xfs_rmapbt_calc_reserves")
  private long rmapAsk(long agno) {
    if (!sb.rmapbt) {
      return 0;
    }
    long blocks = blocks(agno);
    return Math.max(blocks * RMAP_PERCENT / 100, trees.rmapbt().maxBlocks(blocks));
  }

  /** What the trees of reference counts and free inodes may need beyond what they have. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_refcount_btree.c", name = "xfs_refcountbt_calc_reserves")
  private long otherReserve(long agno, BufData agf, BufData agi) throws ErrnoException {
    long blocks = blocks(agno);
    long ask = 0;
    long used = 0;
    if (sb.reflink) {
      ask += trees.refcountbt().maxBlocks(blocks);
      used += agf.u32(XfsAgf.REFCOUNT_BLOCKS);
    }
    if (sb.finobt) {
      ask += trees.finobt().maxBlocks((blocks << sb.inopbLog) / XfsInobtRec.INODES);
      used += sb.inobtcnt ? agi.u32(XfsAgi.FBLOCKS) : 1; // the others are not counted
    }
    return Math.max(0, ask - used);
  }

  /**
   * Blocks of a group that an allocation must leave free.
   *
   * @param forTree whether it is for one of the other trees
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_ag_resv.c", name = "xfs_ag_resv_needed")
  long mustStay(long agno, BufData agf, BufData agi, boolean forTree) throws ErrnoException {
    long rmap = sb.rmapbt ? Math.max(0, rmapAsk(agno) - agf.u32(XfsAgf.RMAP_BLOCKS)) : 0;
    return forTree ? rmap : rmap + otherReserve(agno, agf, agi);
  }

  /**
   * Blocks of a group that the counter of free blocks includes but users may not have. The counter
   * includes the blocks of the tree of owners, and those of the trees of free space except their
   * roots.
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_ag_resv.c",
      name = {"xfs_ag_resv_init", "xfs_fdblocks_unavailable"})
  long hidden(long agno, BufData agf, BufData agi) throws ErrnoException {
    long owners = sb.rmapbt ? agf.u32(XfsAgf.RMAP_BLOCKS) - 1 : 0;
    long freeTrees = Math.max(0, agf.u32(XfsAgf.BTREEBLKS) - owners);
    return freeTrees + rmapAsk(agno) + otherReserve(agno, agf, agi);
  }
}
