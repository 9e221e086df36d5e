// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.ag.XfsAlloc;
import io.pollux.xfs.ag.XfsOwner;
import io.pollux.xfs.ag.XfsRmap;
import io.pollux.xfs.btree.XfsRmapRec;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.log.XlogFormat;
import io.pollux.xfs.log.XlogIntent;
import io.pollux.xfs.trans.XfsTrans;
import java.util.ArrayList;
import java.util.List;

/**
 * Finishes operations that Linux had begun. An operation of Linux that takes several transactions
 * logs an intent for each remaining step, and a done item with the step. An intent without its done
 * item is finished here, after the replay of the log and before anything else changes the
 * filesystem.
 *
 * <p>The order is that of Linux. All intents are finished in the order of the log. Work that they
 * make necessary comes after the last of them: blocks without an owner are freed, and owners of
 * mappings recorded. So no block is free while a later intent has still to remove its owner.
 *
 * <p>A step makes the change of its own intent, and none that has another intent. A freed extent
 * loses whatever owner is recorded, or had lost it by a step before. A changed count or mapping
 * leaves the owners alone.
 *
 * <p>All steps are transactions of one task, without another between them. They have no done items.
 * So until all are on the disk, or in one checkpoint of the log, the intents must stay in the log;
 * from then on they must not be in it.
 */
@LinuxSource(
    file = "fs/xfs/xfs_log_recover.c",
    name = {"xlog_recover_process_intents", "xlog_finish_defer_ops"})
final class XfsLogIntents {
  /** Extents that one transaction unmaps. */
  private static final int MOST_EXTENTS = 64;

  private final XfsMount mp;
  private final XfsTrans tp;
  private final XfsRmap rmap;
  private final List<Step> later = new ArrayList<>();

  /** A change in the transaction. */
  private interface Step {
    void run(XfsTrans tp) throws ErrnoException;
  }

  private XfsLogIntents(XfsMount mp, XfsTrans tp) {
    this.mp = mp;
    this.tp = tp;
    rmap = mp.alloc().rmap();
  }

  /**
   * Finishes intents. At mount, from process context. What trees may need has been set aside by
   * {@link XfsAlloc#reserve}.
   *
   * @param current the calling task
   * @param mp the mount
   * @param intents in the order of the log; every number is checked
   * @throws ErrnoException EUCLEAN if an intent is invalid or does not fit the filesystem; ENOSPC,
   *     or the device's error. The changes so far must not be written then.
   */
  static void finish(Task current, XfsMount mp, List<XlogIntent> intents) throws ErrnoException {
    if (intents.isEmpty()) {
      return;
    }
    for (XlogIntent each : intents) {
      XfsLogIntentCheck.check(mp.sb(), each);
    }
    try (XfsTrans tp = mp.trans().begin(current, 0)) {
      XfsLogIntents work = new XfsLogIntents(mp, tp);
      for (XlogIntent each : intents) {
        work.finish(each);
      }
      for (Step step : work.later) {
        step.run(tp);
        tp.roll();
      }
      tp.commit();
    }
  }

  private void finish(XlogIntent intent) throws ErrnoException {
    for (XlogIntent.Extent each : intent.extents()) {
      switch (intent.type()) {
        case XlogFormat.XFS_LI_EFI -> free(each);
        case XlogFormat.XFS_LI_RUI -> changeOwner(each);
        case XlogFormat.XFS_LI_CUI -> changeCount(each);
        default -> changeMapping(each);
      }
    }
    tp.roll();
  }

  @LinuxSource(file = "fs/xfs/xfs_extfree_item.c", name = "xfs_extent_free_recover_work")
  private void free(XlogIntent.Extent extent) throws ErrnoException {
    mp.alloc().free(tp, extent.start(), extent.length(), XfsOwner.ANY);
  }

  @LinuxSource(
      file = "fs/xfs/xfs_rmap_item.c",
      name = {"xfs_rmap_recover_work", "xfs_rui_recover_work"})
  private void changeOwner(XlogIntent.Extent extent) throws ErrnoException {
    int type = extent.flags() & XfsLogIntentCheck.TYPE_MASK;
    boolean shares =
        type == XfsLogIntentCheck.RMAP_MAP_SHARED
            || type == XfsLogIntentCheck.RMAP_UNMAP_SHARED
            || type == XfsLogIntentCheck.RMAP_CONVERT_SHARED;
    boolean unwritten = (extent.flags() & XfsLogIntentCheck.RMAP_UNWRITTEN) != 0;
    int flags =
        ((extent.flags() & XfsLogIntentCheck.ATTR_FORK) != 0 ? XfsRmapRec.ATTR_FORK : 0)
            | ((extent.flags() & XfsLogIntentCheck.RMAP_BMBT_BLOCK) != 0
                ? XfsRmapRec.BMBT_BLOCK
                : 0)
            | (unwritten ? XfsRmapRec.UNWRITTEN : 0);
    XfsOwner owner = new XfsOwner(extent.owner(), extent.offset(), flags, shares);
    switch (type) {
      case XfsLogIntentCheck.RMAP_MAP,
          XfsLogIntentCheck.RMAP_MAP_SHARED,
          XfsLogIntentCheck.RMAP_ALLOC ->
          rmap.map(tp, extent.start(), extent.length(), owner);
      case XfsLogIntentCheck.RMAP_CONVERT, XfsLogIntentCheck.RMAP_CONVERT_SHARED ->
          rmap.convert(tp, extent.start(), extent.length(), owner, unwritten);
      default -> rmap.unmap(tp, extent.start(), extent.length(), owner);
    }
  }

  @LinuxSource(
      file = "fs/xfs/xfs_refcount_item.c",
      name = {"xfs_refcount_recover_work", "xfs_cui_recover_work"})
  private void changeCount(XlogIntent.Extent extent) throws ErrnoException {
    long start = extent.start();
    long length = extent.length();
    switch (extent.flags() & XfsLogIntentCheck.TYPE_MASK) {
      case XfsLogIntentCheck.REFCOUNT_INCREASE -> mp.refcounts().increase(tp, start, length);
      case XfsLogIntentCheck.REFCOUNT_ALLOC_COW -> mp.refcounts().setAside(tp, start, length);
      case XfsLogIntentCheck.REFCOUNT_FREE_COW -> mp.refcounts().takeBack(tp, start, length);
      default -> {
        for (XfsAlloc.Extent each : mp.refcounts().drop(tp, start, length)) {
          later.add(t -> mp.alloc().free(t, each.fsb(), each.len(), XfsOwner.SKIP));
        }
      }
    }
  }

  @LinuxSource(
      file = "fs/xfs/xfs_bmap_item.c",
      name = {"xfs_bmap_recover_work", "xfs_bui_recover_work"})
  private void changeMapping(XlogIntent.Extent extent) throws ErrnoException {
    XfsInode ip = mp.iget(tp.current(), extent.owner()); // may be unlinked
    if ((extent.flags() & XfsLogIntentCheck.TYPE_MASK) == XfsLogIntentCheck.BMAP_MAP) {
      map(fork(ip, extent), extent);
      return;
    }
    long left = extent.offset() + extent.length();
    while (left > extent.offset()) { // each turn unmaps an extent, or is the last
      left = unmap(fork(ip, extent), extent.offset(), left);
      tp.roll();
    }
  }

  /** The fork of an intent, which must have extents. */
  private XfsForkEdit fork(XfsInode ip, XlogIntent.Extent extent) throws ErrnoException {
    boolean attr = (extent.flags() & XfsLogIntentCheck.ATTR_FORK) != 0;
    XfsInodeEdit edit = XfsInodeEdit.of(tp, ip);
    XfsForkEdit fork = attr ? edit.attr() : edit.data();
    int format = fork.format();
    if (fork.room() == 0 || (format != XfsDinode.FMT_EXTENTS && format != XfsDinode.FMT_BTREE)) {
      throw ip.corrupt("the log changes its extents, but it has none");
    }
    return fork;
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_bmapi_remap")
  private void map(XfsForkEdit fork, XlogIntent.Extent extent) throws ErrnoException {
    long off = extent.offset();
    long end = off + extent.length();
    XfsExtentMap map = fork.map();
    int index = map.find(end - 1);
    if (extent.length() > XfsExtentMap.MAX_EXTLEN
        || (index != XfsExtentMap.NONE && map.endOff(index) > off)) {
      throw XfsError.corrupt(fork.inode().what() + ": the log maps blocks where it has some");
    }
    boolean unwritten = (extent.flags() & XfsLogIntentCheck.BMAP_UNWRITTEN) != 0;
    fork.apply(fork.tree().planInsert(off, extent.start(), extent.length(), unwritten));
    fork.inode().addBlocks(extent.length());
    XfsOwner owner = XfsBmapi.owner(fork, off, unwritten);
    later.add(t -> rmap.map(t, extent.start(), extent.length(), owner));
  }

  /** Unmaps a part of a range, from its end. Returns the end of the rest. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_bmap_del_extent_real")
  private long unmap(XfsForkEdit fork, long off, long end) throws ErrnoException {
    long left = end;
    for (int i = 0; i < MOST_EXTENTS && left > off; i++) {
      XfsExtentMap map = fork.map();
      int index = map.find(left - 1);
      if (index == XfsExtentMap.NONE || map.endOff(index) <= off) {
        return off;
      }
      XfsExtentMap.Rec rec = map.get(index).clip(off, left);
      fork.apply(fork.tree().planRemove(rec.startOff(), rec.blockCount()));
      fork.inode().addBlocks(-rec.blockCount());
      XfsOwner owner = XfsBmapi.owner(fork, rec.startOff(), rec.unwritten());
      later.add(t -> rmap.unmap(t, rec.startBlock(), rec.blockCount(), owner));
      left = rec.startOff();
    }
    return left;
  }
}
