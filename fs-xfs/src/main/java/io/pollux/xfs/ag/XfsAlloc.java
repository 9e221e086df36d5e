// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.btree.XfsAllocRec;
import io.pollux.xfs.btree.XfsBtreeCur;
import io.pollux.xfs.btree.XfsInobtRec;
import io.pollux.xfs.btree.XfsRefcountRec;
import io.pollux.xfs.btree.XfsRmapRec;
import io.pollux.xfs.format.XfsAgf;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.trans.TransBuf;
import io.pollux.xfs.trans.XfsTrans;
import io.pollux.xfs.trans.XfsTransItem;
import io.pollux.xfs.trans.XfsTransMount;
import org.jspecify.annotations.Nullable;

/** Allocates and frees blocks. One for each mount. */
@LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c")
public final class XfsAlloc {
  /** Groups that are looked at for a long extent before a shorter one is taken. */
  private static final int MOST_GROUPS = 8;

  /** Turns beyond its slots in which a free list must get its length. */
  private static final int MORE_TURNS = 64;

  private final XfsAgs ags;
  private final XfsTransMount mount;
  private final XfsSb sb;
  private final AgResv resv;
  private final XfsRmap rmap;
  private volatile long reserved; // 0 before reserve; changes at commits

  /**
   * An allocated extent.
   *
   * @param fsb its first block
   * @param len its length in blocks
   */
  public record Extent(long fsb, long len) {}

  /**
   * Creates the allocator of a mount.
   *
   * @param ags the verifiers
   * @param mount the mount
   */
  public XfsAlloc(XfsAgs ags, XfsTransMount mount) {
    this.ags = ags;
    this.mount = mount;
    sb = mount.sb();
    resv = new AgResv(sb, ags.trees());
    rmap = new XfsRmap(this);
  }

  /**
   * Reads the headers of all groups to see what must be set aside. Called once, before the mount is
   * written to.
   *
   * @param current the calling task
   * @throws ErrnoException the device's error. A damaged group has nothing set aside.
   */
  public void reserve(Task current) throws ErrnoException {
    reserved = resv.needed() ? hiddenOfAll(current) : 0;
  }

  @LinuxSource(file = "fs/xfs/xfs_fsops.c", name = "xfs_fs_reserve_ag_blocks")
  private long hiddenOfAll(Task current) throws ErrnoException {
    long sum = 0;
    for (long agno = 0; agno < sb.agCount; agno++) {
      try (XfsTrans tp = mount.begin(current, 0)) {
        sum += hidden(tp, agno);
      } catch (ErrnoException e) {
        if (e.errno() != XfsError.EFSCORRUPTED) {
          throw e;
        }
      }
    }
    return sum;
  }

  /** {@return the verifiers} */
  public XfsAgs ags() {
    return ags;
  }

  /** {@return the owners of blocks} */
  public XfsRmap rmap() {
    return rmap;
  }

  /** {@return blocks that the counter of free blocks has and users may not} */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_ag_resv.c", name = "xfs_ag_resv_init")
  public long reserved() {
    return reserved;
  }

  long hidden(XfsTrans tp, long agno) throws ErrnoException {
    return resv.hidden(agno, ags.agf(tp, agno).data(), ags.agi(tp, agno).data());
  }

  /** Counts blocks that the trees of free space gain or lose. The free blocks include them. */
  @LinuxSource(file = "fs/xfs/xfs_mount.h", name = "m_allocbt_blks")
  void freeTreesChanged(XfsTrans tp, int blocks) {
    reserveChanged(tp, resv.needed() ? blocks : 0);
  }

  /** Changes what is set aside, at the commit. */
  void reserveChanged(XfsTrans tp, long delta) {
    if (delta == 0) {
      return;
    }
    ReserveItem item = (ReserveItem) tp.item(this);
    if (item == null) {
      item = new ReserveItem();
      tp.join(this, item);
    }
    item.delta += delta;
  }

  private final class ReserveItem implements XfsTransItem {
    private long delta;

    @Override
    public void prepare(XfsTrans tp) {}

    @Override
    @SuppressWarnings("NonAtomicVolatileUpdate") // under the transaction lock
    public void committed() {
      reserved += delta;
    }
  }

  // Trees.

  /** Returns a cursor of the tree of free space by start. */
  public XfsBtreeCur<XfsAllocRec> bnobt(XfsTrans tp, long agno) throws ErrnoException {
    return new XfsBtreeCur<>(tp, ags.trees().bnobt(), GroupTree.bnobt(this, tp, agno));
  }

  /** Returns a cursor of the tree of free space by length. */
  public XfsBtreeCur<XfsAllocRec> cntbt(XfsTrans tp, long agno) throws ErrnoException {
    return new XfsBtreeCur<>(tp, ags.trees().cntbt(), GroupTree.cntbt(this, tp, agno));
  }

  /** Returns a cursor of the tree of inode chunks. */
  public XfsBtreeCur<XfsInobtRec> inobt(XfsTrans tp, long agno) throws ErrnoException {
    return new XfsBtreeCur<>(tp, ags.trees().inobt(), GroupTree.inobt(this, tp, agno, false));
  }

  /** Returns a cursor of the tree of chunks with free inodes. */
  public XfsBtreeCur<XfsInobtRec> finobt(XfsTrans tp, long agno) throws ErrnoException {
    return new XfsBtreeCur<>(tp, ags.trees().finobt(), GroupTree.inobt(this, tp, agno, true));
  }

  /** Returns a cursor of the tree of owners. */
  public XfsBtreeCur<XfsRmapRec> rmapbt(XfsTrans tp, long agno) throws ErrnoException {
    return new XfsBtreeCur<>(tp, ags.trees().rmapbt(), GroupTree.rmapbt(this, tp, agno));
  }

  /** Returns a cursor of the tree of reference counts. */
  public XfsBtreeCur<XfsRefcountRec> refcountbt(XfsTrans tp, long agno) throws ErrnoException {
    return new XfsBtreeCur<>(tp, ags.trees().refcountbt(), GroupTree.refcountbt(this, tp, agno));
  }

  Agfl list(XfsTrans tp, long agno) {
    return new Agfl(ags, tp, agno);
  }

  // The free list.

  /** How many blocks the free list must have before a change of the trees that it serves. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_alloc_min_freelist")
  private long listLength(BufData agf) throws ErrnoException {
    long levels = agf.u32(XfsAgf.BNO_LEVEL) + agf.u32(XfsAgf.CNT_LEVEL);
    // each level is split, a root is added, and all of that again while the list is filled
    return 2 * (levels + (sb.rmapbt ? agf.u32(XfsAgf.RMAP_LEVEL) : 0));
  }

  /**
   * Makes the free list long enough for a change of the trees of free space or of owners, and gives
   * back what it has more. If there is no space it stays short, and only a change that needs it
   * fails.
   *
   * @param tp the transaction
   * @param agno a valid group
   * @throws ErrnoException damage, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_alloc_fix_freelist")
  public void fixFreelist(XfsTrans tp, long agno) throws ErrnoException {
    TransBuf agf = ags.agf(tp, agno);
    int turns = XfsAgs.agflSlots(sb) + MORE_TURNS;
    // A block that is given back may split a tree, and its removal may join the nodes again: after
    // the list was filled it may be longer than it must, and is not shortened again.
    while (excess(agf) > 0 && turns-- > 0) {
      long agbno = list(tp, agno).take(false);
      rmap.remove(tp, agno, agbno, 1, XfsOwner.AG);
      new FreeSpace(this, tp, agno).give(new XfsAllocRec(agbno, 1));
    }
    while (excess(agf) < 0) {
      if (turns-- <= 0) {
        throw agf.data().corrupt("its free list can't be filled");
      }
      if (!fill(tp, agno, -excess(agf))) {
        return;
      }
    }
  }

  /** How many blocks the free list has more than it must have, or fewer. */
  private long excess(TransBuf agf) throws ErrnoException {
    return agf.data().u32(XfsAgf.FLCOUNT) - listLength(agf.data());
  }

  /** Adds at most so many blocks to the free list. Returns whether there were any. */
  private boolean fill(XfsTrans tp, long agno, long count) throws ErrnoException {
    FreeSpace free = new FreeSpace(this, tp, agno);
    XfsAllocRec run = free.bestFit(count, 1);
    if (run == null) {
      run = free.largest();
    }
    if (run == null) {
      return false;
    }
    free.take(run);
    rmap.add(tp, agno, run.start(), run.count(), XfsOwner.AG);
    for (long agbno = run.start(); agbno < run.end(); agbno++) {
      list(tp, agno).put(agbno, false);
    }
    return true;
  }

  // Allocation.

  /**
   * Allocates an extent: where a wish says if that block is free, otherwise the whole length in the
   * same group or another one, otherwise the longest that there is.
   *
   * @param tp the transaction
   * @param near the wish, an fsb; any value
   * @param minLen least length in blocks, at least 1
   * @param maxLen most length in blocks
   * @param owner the owner of the blocks
   * @return the extent
   * @throws ErrnoException ENOSPC if no group has the least length; damage, or the device's error
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_alloc.c",
      name = {"xfs_alloc_vextent_start_ag", "xfs_alloc_vextent_near_bno"})
  public Extent allocate(XfsTrans tp, long near, long minLen, long maxLen, XfsOwner owner)
      throws ErrnoException {
    boolean valid = near >= 0 && sb.agno(near) < sb.agCount;
    long home = valid ? sb.agno(near) : 0;
    long wish = valid ? sb.agbno(near) : 0;
    Extent there = valid ? allocateAt(tp, near, minLen, maxLen, owner) : null;
    if (there != null) {
      return there;
    }
    long best = home;
    long most = 0;
    for (long i = 0; i < Math.min(sb.agCount, MOST_GROUPS) && most < maxLen; i++) {
      long agno = (home + i) % sb.agCount;
      long can = longest(tp, agno, owner.isReserved());
      if (can > most) {
        most = can;
        best = agno;
      }
    }
    for (long i = -1; i < sb.agCount; i++) {
      long agno = i < 0 ? best : (home + i) % sb.agCount;
      long length = Math.min(maxLen, available(tp, agno, owner.isReserved()));
      if (length >= minLen && ags.agf(tp, agno).data().u32(XfsAgf.LONGEST) >= minLen) {
        long from = agno == home ? wish : 0;
        Extent extent = allocateIn(tp, agno, from, minLen, length, 1, owner);
        if (extent != null) {
          return extent;
        }
      }
    }
    throw new ErrnoException(Errno.ENOSPC);
  }

  /** The length that one allocation of a group can have. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_alloc_longest_free_extent")
  private long longest(XfsTrans tp, long agno, boolean forTree) throws ErrnoException {
    long longest = ags.agf(tp, agno).data().u32(XfsAgf.LONGEST);
    return Math.min(longest, available(tp, agno, forTree));
  }

  /** Free blocks of a group without those that are set aside; may be negative. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_alloc_space_available")
  private long available(XfsTrans tp, long agno, boolean forTree) throws ErrnoException {
    BufData agf = ags.agf(tp, agno).data();
    long stays = resv.needed() ? resv.mustStay(agno, agf, ags.agi(tp, agno).data(), forTree) : 0;
    return agf.u32(XfsAgf.FREEBLKS) + agf.u32(XfsAgf.FLCOUNT) - listLength(agf) - stays;
  }

  /**
   * Allocates an extent that begins at a block.
   *
   * @param tp the transaction
   * @param fsb the block, in a valid group
   * @param minLen least length in blocks, at least 1
   * @param maxLen most length in blocks
   * @param owner the owner of the blocks
   * @return the extent, or null if there are no free blocks for it
   * @throws ErrnoException damage, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_alloc_vextent_exact_bno")
  public @Nullable Extent allocateAt(
      XfsTrans tp, long fsb, long minLen, long maxLen, XfsOwner owner) throws ErrnoException {
    long agno = sb.agno(fsb);
    long length = Math.min(maxLen, available(tp, agno, owner.isReserved()));
    if (length < minLen) {
      return null;
    }
    fixFreelist(tp, agno);
    FreeSpace free = new FreeSpace(this, tp, agno);
    XfsAllocRec run = free.exactly(sb.agbno(fsb), length);
    return run == null || run.count() < minLen ? null : take(tp, agno, free, run, owner);
  }

  /**
   * Allocates an extent with an aligned start in one group, for inodes.
   *
   * @param tp the transaction
   * @param agno the group
   * @param near the wish, a block of the group; any value
   * @param len its length in blocks
   * @param align the start in the group is a multiple of this, at least 1
   * @param owner the owner of the blocks
   * @return the extent, or null if there is none
   * @throws ErrnoException damage, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_alloc.c", name = "xfs_alloc_vextent_near_bno")
  public @Nullable Extent allocateAligned(
      XfsTrans tp, long agno, long near, long len, long align, XfsOwner owner)
      throws ErrnoException {
    return longest(tp, agno, owner.isReserved()) < len
        ? null
        : allocateIn(tp, agno, Math.clamp(near, 0, sb.agSize(agno)), len, len, align, owner);
  }

  /** Allocates a block of a tree in its group. */
  long allocateBlock(XfsTrans tp, long agno, long near, XfsOwner owner) throws ErrnoException {
    Extent extent =
        available(tp, agno, owner.isReserved()) < 1
            ? null
            : allocateIn(tp, agno, near, 1, 1, 1, owner);
    if (extent == null) {
      throw new ErrnoException(Errno.ENOSPC, "group " + agno + " has no free blocks for its trees");
    }
    return sb.agbno(extent.fsb());
  }

  /** Allocates in one group, which has enough space: near, else the best fit, else the largest. */
  private @Nullable Extent allocateIn(
      XfsTrans tp, long agno, long near, long minLen, long maxLen, long align, XfsOwner owner)
      throws ErrnoException {
    fixFreelist(tp, agno);
    FreeSpace free = new FreeSpace(this, tp, agno);
    XfsAllocRec run = free.near(near, maxLen, align);
    if (run == null) {
      run = free.bestFit(maxLen, align);
    }
    if (run == null && minLen < maxLen) { // no extent has the whole length
      run = free.largest();
    }
    return run == null || run.count() < minLen ? null : take(tp, agno, free, run, owner);
  }

  private Extent take(XfsTrans tp, long agno, FreeSpace free, XfsAllocRec run, XfsOwner owner)
      throws ErrnoException {
    free.take(run);
    rmap.add(tp, agno, run.start(), run.count(), owner);
    tp.modFdblocks(-run.count());
    long fsb = sb.fsb(agno, run.start());
    if (owner.isData()) {
      tp.usesData(fsb, run.count());
    }
    return new Extent(fsb, run.count());
  }

  // Freeing.

  /**
   * Frees an extent.
   *
   * @param tp the transaction
   * @param fsb its first block
   * @param len its length in blocks
   * @param owner the owner of the blocks
   * @throws ErrnoException EUCLEAN if it is outside, free already or of another owner; other
   *     damage, or the device's error
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_alloc.c",
      name = {"__xfs_free_extent", "xfs_free_ag_extent"})
  public void free(XfsTrans tp, long fsb, long len, XfsOwner owner) throws ErrnoException {
    if (!sb.extentValid(fsb, len)) {
      throw XfsError.corrupt("blocks outside the filesystem are freed: " + fsb + "+" + len);
    }
    long agno = sb.agno(fsb);
    long agbno = sb.agbno(fsb);
    fixFreelist(tp, agno);
    rmap.remove(tp, agno, agbno, len, owner);
    new FreeSpace(this, tp, agno).give(new XfsAllocRec(agbno, len));
    tp.modFdblocks(len);
  }
}
