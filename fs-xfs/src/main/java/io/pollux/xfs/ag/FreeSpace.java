// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import io.pollux.block.buffer.BufEdit;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.btree.XfsAllocRec;
import io.pollux.xfs.btree.XfsBtreeCur;
import io.pollux.xfs.format.XfsAgf;
import io.pollux.xfs.trans.TransBuf;
import io.pollux.xfs.trans.XfsTrans;
import org.jspecify.annotations.Nullable;

/**
 * The two trees of free space of a group in a transaction, changed together, with the counters in
 * the header. Knows nothing of owners and of the free list's length.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c")
final class FreeSpace {
  /** How many extents on each side of a wish are looked at. */
  private static final int MOST_NEAR = 32;

  /** How many extents are tried for one with an aligned start. */
  private static final int MOST_ALIGNED = 512;

  private final XfsBtreeCur<XfsAllocRec> byStart;
  private final XfsBtreeCur<XfsAllocRec> byLength;
  private final TransBuf agf;
  private final XfsTrans tp;
  private final long agno;

  FreeSpace(XfsAlloc alloc, XfsTrans tp, long agno) throws ErrnoException {
    this.tp = tp;
    this.agno = agno;
    byStart = alloc.bnobt(tp, agno);
    byLength = alloc.cntbt(tp, agno);
    agf = alloc.ags().agf(tp, agno);
  }

  // Choice.

  /**
   * Returns the free blocks from a block on.
   *
   * @param at the block
   * @param max length at most
   * @return the run, which begins there; or null if that block is not free
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_alloc_ag_vextent_exact")
  @Nullable XfsAllocRec exactly(long at, long max) throws ErrnoException {
    if (!byStart.lookupLe(new XfsAllocRec(at, 1))) {
      return null;
    }
    XfsAllocRec there = byStart.get();
    return there.end() > at ? new XfsAllocRec(at, Math.min(max, there.end() - at)) : null;
  }

  /**
   * Returns the closest run of a length among the free extents around a block.
   *
   * @param near the block
   * @param len the length
   * @param align the start must be a multiple of this
   * @return the run, or null if none of those extents has one
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_alloc_ag_vextent_near")
  @Nullable XfsAllocRec near(long near, long len, long align) throws ErrnoException {
    XfsAllocRec probe = new XfsAllocRec(near, 1);
    XfsAllocRec best = null;
    boolean more = byStart.lookupLe(probe);
    for (int i = 0; i < MOST_NEAR && more && best == null; i++) {
      best = fit(byStart.get(), near, len, align);
      more = byStart.previous();
    }
    more = byStart.lookupGe(probe);
    for (int i = 0; i < MOST_NEAR && more; i++) {
      XfsAllocRec there = byStart.get();
      XfsAllocRec right = fit(there, near, len, align);
      if (right != null) {
        return best == null || distance(right, near) <= distance(best, near) ? right : best;
      }
      more = best == null && byStart.next();
    }
    return best;
  }

  private static long distance(XfsAllocRec run, long near) {
    return Math.abs(run.start() - near);
  }

  /** The run of a free extent that is closest to a block, or null. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_alloc.c",
      name = {"xfs_alloc_compute_aligned", "xfs_alloc_compute_diff"})
  private static @Nullable XfsAllocRec fit(XfsAllocRec free, long near, long len, long align) {
    long first = Math.ceilDiv(free.start(), align) * align;
    long last = Math.floorDiv(free.end() - len, align) * align;
    if (first > last) {
      return null;
    }
    return new XfsAllocRec(Math.clamp(Math.ceilDiv(near, align) * align, first, last), len);
  }

  /**
   * Returns a run of a length from the smallest extent that has one.
   *
   * @param len the length
   * @param align the start must be a multiple of this
   * @return the run; or null if there is none, or none was found among those that may be too short
   *     for the alignment
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_alloc_ag_vextent_size")
  @Nullable XfsAllocRec bestFit(long len, long align) throws ErrnoException {
    boolean more = byLength.lookupGe(new XfsAllocRec(0, len));
    for (int i = 0; i < MOST_ALIGNED && more; i++) {
      XfsAllocRec there = byLength.get();
      XfsAllocRec run = fit(there, there.start(), len, align);
      if (run != null) {
        return run;
      }
      more = byLength.next();
    }
    if (more && byLength.lookupGe(new XfsAllocRec(0, len + align - 1))) {
      XfsAllocRec there = byLength.get();
      return fit(there, there.start(), len, align);
    }
    return null;
  }

  /** The largest free extent, or null. */
  @Nullable XfsAllocRec largest() throws ErrnoException {
    return byLength.last() ? byLength.get() : null;
  }

  // Changes.

  /** Takes a run out of the free extent that has it. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_alloc_fixup_trees")
  void take(XfsAllocRec run) throws ErrnoException {
    XfsAllocRec there = byStart.lookupLe(run) ? byStart.get() : null;
    if (there == null || there.end() < run.end()) {
      throw byStart.corrupt("lacks a free extent: " + run);
    }
    XfsAllocRec left = new XfsAllocRec(there.start(), run.start() - there.start());
    XfsAllocRec right = new XfsAllocRec(run.end(), there.end() - run.end());
    deleteByLength(there);
    if (left.count() > 0) {
      byStart.update(left);
      byLength.insert(left);
      if (right.count() > 0) {
        byStart.insert(right);
      }
    } else if (right.count() > 0) {
      byStart.update(right);
    } else {
      byStart.delete();
    }
    if (right.count() > 0) {
      byLength.insert(right);
    }
    counted(-run.count(), there.count());
  }

  /** Adds a run, merged with the free extents that touch it. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_free_ag_extent")
  void give(XfsAllocRec run) throws ErrnoException {
    tp.freed(tp.sb().fsb(agno, run.start()), run.count());
    XfsAllocRec before = byStart.lookupLe(run) ? byStart.get() : null;
    XfsAllocRec after = byStart.lookupGe(run) ? byStart.get() : null;
    if ((before != null && before.end() > run.start())
        || (after != null && after.start() < run.end())) {
      throw byStart.corrupt("blocks that are freed are free already: " + run);
    }
    XfsAllocRec left = before != null && before.end() == run.start() ? before : null;
    XfsAllocRec right = after != null && after.start() == run.end() ? after : null;
    XfsAllocRec merged = run;
    if (right != null) {
      deleteByLength(right);
      merged = new XfsAllocRec(merged.start(), merged.count() + right.count());
    }
    if (left != null) {
      deleteByLength(left);
      merged = new XfsAllocRec(left.start(), left.count() + merged.count());
    }
    byLength.insert(merged);
    if (left != null && right != null) {
      byStart.delete(); // the right one, found last
    }
    if (left != null) {
      if (!byStart.lookupEq(left)) {
        throw byStart.corrupt("lacks a free extent: " + left);
      }
      byStart.update(merged);
    } else if (right != null) {
      byStart.update(merged);
    } else {
      byStart.insert(run);
    }
    counted(run.count(), merged.count());
  }

  private void deleteByLength(XfsAllocRec rec) throws ErrnoException {
    if (!byLength.lookupEq(rec)) {
      throw byLength.corrupt("lacks a free extent: " + rec);
    }
    byLength.delete();
  }

  /** Updates the header after a free extent of this length was added or became shorter. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_alloc.c",
      name = {"xfs_alloc_update_counters", "xfs_allocbt_update_lastrec"})
  private void counted(long blocks, long changed) throws ErrnoException {
    long free = agf.data().u32(XfsAgf.FREEBLKS) + blocks;
    if (free < 0 || free > agf.data().u32(XfsAgf.LENGTH)) {
      throw agf.data().corrupt("its trees have other free blocks than it says");
    }
    BufEdit edit = agf.edit();
    edit.put32(XfsAgf.FREEBLKS, (int) free);
    if (changed >= edit.u32(XfsAgf.LONGEST)) { // a shorter one cannot be the longest
      XfsAllocRec longest = largest();
      edit.put32(XfsAgf.LONGEST, longest == null ? 0 : (int) longest.count());
    }
  }
}
