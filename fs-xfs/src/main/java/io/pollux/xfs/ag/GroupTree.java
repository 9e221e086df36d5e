// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import io.pollux.block.buffer.BufEdit;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.btree.XfsBtreeHome;
import io.pollux.xfs.format.XfsAgf;
import io.pollux.xfs.format.XfsAgi;
import io.pollux.xfs.trans.TransBuf;
import io.pollux.xfs.trans.XfsTrans;

/** A tree of a group in a transaction. Its root and height are in a header of the group. */
final class GroupTree implements XfsBtreeHome.InGroup {
  private static final int NO_COUNTER = -1;

  private final XfsAlloc alloc;
  private final XfsTrans tp;
  private final long agno;
  private final TransBuf header;
  private final int rootAt;
  private final int levelAt;
  private final int counterAt; // of its blocks
  private final boolean fromList; // its blocks come from the free list
  private final XfsOwner owner;

  private GroupTree(
      XfsAlloc alloc,
      XfsTrans tp,
      long agno,
      TransBuf header,
      int rootAt,
      int levelAt,
      int counterAt,
      XfsOwner owner) {
    this.alloc = alloc;
    this.tp = tp;
    this.agno = agno;
    this.header = header;
    this.rootAt = rootAt;
    this.levelAt = levelAt;
    this.counterAt = counterAt;
    this.owner = owner;
    fromList = owner.equals(XfsOwner.AG);
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc_btree.c", name = "xfs_bnobt_init_cursor")
  static GroupTree bnobt(XfsAlloc alloc, XfsTrans tp, long agno) throws ErrnoException {
    TransBuf agf = alloc.ags().agf(tp, agno);
    return new GroupTree(
        alloc, tp, agno, agf, XfsAgf.BNO_ROOT, XfsAgf.BNO_LEVEL, NO_COUNTER, XfsOwner.AG);
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc_btree.c", name = "xfs_cntbt_init_cursor")
  static GroupTree cntbt(XfsAlloc alloc, XfsTrans tp, long agno) throws ErrnoException {
    TransBuf agf = alloc.ags().agf(tp, agno);
    return new GroupTree(
        alloc, tp, agno, agf, XfsAgf.CNT_ROOT, XfsAgf.CNT_LEVEL, NO_COUNTER, XfsOwner.AG);
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_rmap_btree.c", name = "xfs_rmapbt_init_cursor")
  static GroupTree rmapbt(XfsAlloc alloc, XfsTrans tp, long agno) throws ErrnoException {
    TransBuf agf = alloc.ags().agf(tp, agno);
    return new GroupTree(
        alloc, tp, agno, agf, XfsAgf.RMAP_ROOT, XfsAgf.RMAP_LEVEL, XfsAgf.RMAP_BLOCKS, XfsOwner.AG);
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_refcount_btree.c", name = "xfs_refcountbt_init_cursor")
  static GroupTree refcountbt(XfsAlloc alloc, XfsTrans tp, long agno) throws ErrnoException {
    TransBuf agf = alloc.ags().agf(tp, agno);
    return new GroupTree(
        alloc,
        tp,
        agno,
        agf,
        XfsAgf.REFCOUNT_ROOT,
        XfsAgf.REFCOUNT_LEVEL,
        XfsAgf.REFCOUNT_BLOCKS,
        XfsOwner.REFC);
  }

  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_ialloc_btree.c",
      name = {"xfs_inobt_init_cursor", "xfs_finobt_init_cursor"})
  static GroupTree inobt(XfsAlloc alloc, XfsTrans tp, long agno, boolean free)
      throws ErrnoException {
    TransBuf agi = alloc.ags().agi(tp, agno);
    int counter = free ? XfsAgi.FBLOCKS : XfsAgi.IBLOCKS;
    return new GroupTree(
        alloc,
        tp,
        agno,
        agi,
        free ? XfsAgi.FREE_ROOT : XfsAgi.ROOT,
        free ? XfsAgi.FREE_LEVEL : XfsAgi.LEVEL,
        tp.sb().inobtcnt ? counter : NO_COUNTER,
        XfsOwner.INOBT);
  }

  @Override
  public long owner() {
    return agno;
  }

  @Override
  public long root() throws ErrnoException {
    return header.data().u32(rootAt);
  }

  @Override
  public int levels() throws ErrnoException {
    return header.data().i32(levelAt);
  }

  @Override
  public void setRoot(long root, int levels) throws ErrnoException {
    BufEdit edit = header.edit();
    edit.put32(rootAt, (int) root);
    edit.put32(levelAt, levels);
  }

  @Override
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_rmap_btree.c",
      name = {"xfs_rmapbt_alloc_block", "xfs_allocbt_alloc_block", "xfs_refcountbt_alloc_block"})
  public long allocBlock(long near) throws ErrnoException {
    long agbno =
        fromList ? alloc.list(tp, agno).take(true) : alloc.allocateBlock(tp, agno, near, owner);
    count(1);
    return agbno;
  }

  @Override
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_rmap_btree.c",
      name = {"xfs_rmapbt_free_block", "xfs_allocbt_free_block", "xfs_refcountbt_free_block"})
  public void freeBlock(long bno) throws ErrnoException {
    if (fromList) {
      alloc.list(tp, agno).put(bno, true);
    } else {
      alloc.free(tp, tp.sb().fsb(agno, bno), 1, owner);
    }
    count(-1);
  }

  private void count(int blocks) throws ErrnoException {
    if (counterAt == NO_COUNTER) {
      if (fromList) {
        alloc.freeTreesChanged(tp, blocks);
      }
      return;
    }
    long now = header.data().u32(counterAt) + blocks;
    if (now < 0) {
      throw header.data().corrupt("more blocks leave a tree than it has");
    }
    long before = fromList ? 0 : alloc.hidden(tp, agno);
    header.edit().put32(counterAt, (int) now);
    if (!fromList) {
      alloc.reserveChanged(tp, alloc.hidden(tp, agno) - before);
    }
  }
}
