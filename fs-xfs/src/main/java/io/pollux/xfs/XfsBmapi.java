// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.XfsExtentMap.Rec;
import io.pollux.xfs.ag.XfsAlloc.Extent;
import io.pollux.xfs.ag.XfsOwner;
import io.pollux.xfs.ag.XfsRefcountTree.Reach;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.trans.XfsTrans;

/**
 * Maps ranges of a fork to new blocks, unmaps them, and converts extents between unwritten and
 * written. Offsets and lengths are blocks. Each call belongs to a transaction, which may be
 * cancelled after any error.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c")
final class XfsBmapi {
  /**
   * The most extents, or records of counts, that one transaction changes. The log limits its size.
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_ITRUNC_MAX_EXTENTS")
  static final int MOST = 64;

  private XfsBmapi() {}

  // Allocation.

  /**
   * Maps the holes of a range.
   *
   * @param fork the fork
   * @param off the first block
   * @param count blocks; the range may have mapped parts, which stay
   * @param unwritten whether the new extents are unwritten
   * @throws ErrnoException ENOSPC, or another reason to cancel the transaction
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_bmapi_write")
  static void allocate(XfsForkEdit fork, long off, long count, boolean unwritten)
      throws ErrnoException {
    long end = off + count;
    long at = off;
    while (at < end) { // each turn maps at least one block, or skips an extent
      at = allocateOne(fork, at, end - at, unwritten);
    }
  }

  /**
   * Maps the first hole of a range, or as much of it as one extent on the disk has.
   *
   * @param fork the fork
   * @param off the first block
   * @param count blocks, at least 1
   * @param unwritten whether the new extent is unwritten
   * @return the block behind the new extent, or behind the one that off is in already
   * @throws ErrnoException as for {@link #allocate}
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_bmapi_allocate")
  static long allocateOne(XfsForkEdit fork, long off, long count, boolean unwritten)
      throws ErrnoException {
    XfsExtentMap map = fork.map();
    int index = map.locate(off);
    long before = index == XfsExtents.NONE ? 0 : map.endOff(index);
    if (off < before) {
      return before;
    }
    long end =
        index + 1 < map.count() ? Math.min(off + count, map.startOff(index + 1)) : off + count;
    XfsInodeEdit inode = fork.inode();
    long most = Math.min(end - off, XfsExtentMap.MAX_EXTLEN);
    Extent got =
        inode
            .mp()
            .alloc()
            .allocate(fork.tp(), near(fork, map, index, off), 1, most, owner(fork, off, unwritten));
    inode.addBlocks(got.len());
    fork.apply(fork.tree().planInsert(off, got.fsb(), got.len(), unwritten));
    return off + got.len();
  }

  /** Where a block of a file should be: behind the one before it, or else near its inode. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_bmap_adjacent")
  private static long near(XfsForkEdit fork, XfsExtentMap map, int index, long off) {
    XfsSb sb = fork.inode().mp().sb();
    if (map.count() == 0) {
      return sb.inoToFsb(fork.inode().ino());
    }
    Rec rec = map.get(Math.max(0, index));
    long last = rec.startBlock() + rec.blockCount() - 1;
    return index == XfsExtents.NONE
        ? moved(sb, rec.startBlock(), off - rec.startOff())
        : moved(sb, last, off - (rec.endOff() - 1));
  }

  /** The block at a distance from {@code fsb}, in any group; {@code fsb} if there is none. */
  private static long moved(XfsSb sb, long fsb, long distance) {
    long linear = sb.agno(fsb) * sb.agBlocks + sb.agbno(fsb) + distance;
    long agno = Math.floorDiv(linear, sb.agBlocks);
    if (agno < 0 || agno >= sb.agCount) {
      return fsb;
    }
    long there = sb.fsb(agno, Math.floorMod(linear, sb.agBlocks));
    return sb.extentValid(there, 1) ? there : fsb;
  }

  /** The owner of blocks that a fork maps. */
  static XfsOwner owner(XfsForkEdit fork, long off, boolean unwritten) throws ErrnoException {
    XfsOwner owner = XfsOwner.of(fork.inode().ino(), off, fork.isAttr(), unwritten);
    return !fork.isAttr() && fork.inode().reflink() ? owner : owner.alone();
  }

  // Unmapping.

  /**
   * Unmaps a part of a range, from its end, and frees its blocks. A long range needs several
   * transactions: the caller rolls and calls again until nothing is left.
   *
   * @param fork the fork
   * @param off the first block
   * @param end the block behind the last
   * @param most the most extents to unmap. Each record of the tree of counts that changes counts as
   *     one.
   * @return the end of what is left, or off if nothing is
   * @throws ErrnoException a reason to cancel the transaction
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_bmap.c",
      name = {"__xfs_bunmapi", "xfs_bmap_del_extent_real"})
  static long unmap(XfsForkEdit fork, long off, long end, int most) throws ErrnoException {
    long left = end;
    int done = 0;
    while (done < most && left > off) { // each turn unmaps at least a block
      XfsExtentMap map = fork.map();
      int index = map.find(left - 1);
      if (index == XfsExtents.NONE || map.endOff(index) <= off) {
        return off;
      }
      left = Math.min(left, map.endOff(index));
      long from = Math.max(off, map.startOff(index));
      int changes = 1;
      if (!fork.isAttr() && fork.inode().reflink()) {
        long fsb = map.startBlock(index) + from - map.startOff(index);
        Reach reach =
            fork.inode().mp().refcounts().reachBack(fork.tp(), fsb, left - from, most - done);
        from = left - reach.blocks();
        changes = reach.records();
      }
      unmapPart(fork, index, from, left);
      left = from;
      done += changes;
    }
    return left;
  }

  /** Unmaps all of a range, for a range of few extents such as a directory block. */
  static void unmapAll(XfsForkEdit fork, long off, long count) throws ErrnoException {
    long left = unmap(fork, off, off + count, Integer.MAX_VALUE);
    assert left == off : "a part is left";
  }

  private static void unmapPart(XfsForkEdit fork, int index, long from, long to)
      throws ErrnoException {
    Rec was = fork.map().get(index);
    long fsb = was.startBlock() + from - was.startOff();
    fork.apply(fork.tree().planRemove(from, to - from));
    fork.inode().addBlocks(from - to);
    release(fork, from, fsb, to - from, was.unwritten());
  }

  /** Frees blocks that a fork has had, or drops the file's share of them. */
  private static void release(XfsForkEdit fork, long off, long fsb, long count, boolean unwritten)
      throws ErrnoException {
    XfsInodeEdit inode = fork.inode();
    XfsTrans tp = fork.tp();
    XfsOwner owner = owner(fork, off, unwritten);
    if (!fork.isAttr() && inode.reflink()) {
      inode.mp().alloc().rmap().unmap(tp, fsb, count, owner);
      inode.mp().refcounts().decrease(tp, fsb, count);
    } else {
      inode.mp().alloc().free(tp, fsb, count, owner);
    }
  }

  /**
   * Maps written blocks that were allocated, or are shared, without their owner.
   *
   * @param fork the data fork
   * @param off the first block of a hole
   * @param fsb the first block
   * @param count blocks
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_bmapi_remap")
  static void add(XfsForkEdit fork, long off, long fsb, long count) throws ErrnoException {
    fork.apply(fork.tree().planInsert(off, fsb, count, false));
    fork.inode().addBlocks(count);
    fork.inode().mp().alloc().rmap().map(fork.tp(), fsb, count, owner(fork, off, false));
  }

  /** Replaces the blocks of a mapped range by others, which were allocated without their owner. */
  @LinuxSource(file = "fs/xfs/xfs_reflink.c", name = "xfs_reflink_end_cow_extent")
  static void remap(XfsForkEdit fork, long off, long count, long fsb) throws ErrnoException {
    unmapAll(fork, off, count);
    add(fork, off, fsb, count);
  }

  // Conversion.

  /**
   * Converts the first unwritten extent of a range to a written one. Holes stay holes. A range may
   * need several transactions: the caller calls again, and rolls after {@link #MOST} calls.
   *
   * @param fork the data fork
   * @param off the first block
   * @param end the block behind the last
   * @return the block behind the converted one, or end if there is none left
   * @throws ErrnoException a reason to cancel the transaction
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_bmap.c",
      name = {"xfs_bmapi_convert_unwritten", "xfs_bmap_add_extent_unwritten_real"})
  static long convertOne(XfsForkEdit fork, long off, long end) throws ErrnoException {
    XfsExtentMap map = fork.map();
    int index = map.locate(off);
    if (index == XfsExtents.NONE || off >= map.endOff(index)) {
      index++;
    }
    while (index < map.count() && !map.unwritten(index)) {
      index++;
    }
    if (index >= map.count() || map.startOff(index) >= end) {
      return end;
    }
    long from = Math.max(off, map.startOff(index));
    long to = Math.min(end, map.endOff(index));
    convertPart(fork, index, from, to);
    return to;
  }

  private static void convertPart(XfsForkEdit fork, int index, long from, long to)
      throws ErrnoException {
    Rec was = fork.map().get(index);
    long fsb = was.startBlock() + from - was.startOff();
    fork.apply(fork.tree().planConvert(from, to - from, false));
    XfsInodeEdit inode = fork.inode();
    XfsOwner before = owner(fork, from, true);
    inode.mp().alloc().rmap().convert(fork.tp(), fsb, to - from, before, false);
  }
}
