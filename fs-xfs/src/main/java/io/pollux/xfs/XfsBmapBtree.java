// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.ag.XfsOwner;
import io.pollux.xfs.btree.XfsBmbtRec;
import io.pollux.xfs.btree.XfsBtreeCur;
import io.pollux.xfs.btree.XfsBtreeHome;
import io.pollux.xfs.format.XfsDinode;
import java.util.List;

/**
 * The B+tree of a fork whose extents do not fit in the inode. Its root is in the fork. The list in
 * memory decides what the tree holds; each change of the list is repeated here.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_bmap_btree.c")
final class XfsBmapBtree implements XfsBtreeHome.InFork {
  private final XfsForkEdit fork;
  private BufData root; // the bytes of the fork
  private boolean changed;

  /**
   * Opens the tree of a fork.
   *
   * @param fork the fork, in this format or about to be
   */
  XfsBmapBtree(XfsForkEdit fork) throws ErrnoException {
    this.fork = fork;
    root = fork.inode().slice(fork.start(), fork.room());
  }

  // The place of the tree.

  @Override
  public long owner() {
    return fork.inode().ino();
  }

  @Override
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap_btree.c", name = "xfs_bmbt_alloc_block")
  public long allocBlock(long near) throws ErrnoException {
    XfsInodeEdit inode = fork.inode();
    XfsOwner owner = XfsOwner.bmbt(inode.ino(), fork.isAttr());
    long fsb = inode.mp().alloc().allocate(fork.tp(), near, 1, 1, owner).fsb();
    inode.addBlocks(1);
    return fsb;
  }

  @Override
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap_btree.c", name = "xfs_bmbt_free_block")
  public void freeBlock(long bno) throws ErrnoException {
    XfsInodeEdit inode = fork.inode();
    inode.addBlocks(-1);
    inode.mp().alloc().free(fork.tp(), bno, 1, XfsOwner.bmbt(inode.ino(), fork.isAttr()));
  }

  @Override
  public BufData root() {
    return root;
  }

  @Override
  public BufEdit editRoot() {
    if (root instanceof BufEdit edit) {
      return edit;
    }
    BufEdit edit = root.draft();
    root = edit;
    changed = true;
    return edit;
  }

  /** Stores the root into the inode, for the commit. */
  void prepare() throws ErrnoException {
    if (changed) {
      fork.inode().put(fork.start(), root.copy(0, root.size()));
    }
  }

  // Its changes.

  private XfsBtreeCur<XfsBmbtRec> cursor() {
    return new XfsBtreeCur<>(fork.tp(), fork.inode().mp().alloc().ags().trees().bmbt(), this);
  }

  private static XfsBmbtRec encode(XfsExtentMap.Rec rec) {
    return new XfsBmbtRec(rec.startOff(), rec.startBlock(), rec.blockCount(), rec.unwritten());
  }

  /**
   * Repeats a change of the list.
   *
   * @param before the list before it
   * @param edit the change
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_bmbt_update")
  void replace(XfsExtentMap before, XfsExtentTree.Edit edit) throws ErrnoException {
    XfsBtreeCur<XfsBmbtRec> cur = cursor();
    List<XfsExtentMap.Rec> added = edit.added();
    int same = Math.min(edit.removed(), added.size());
    // From the end, so that a record never moves past its neighbour.
    for (int i = edit.removed() - 1; i >= same; i--) {
      require(cur, before.get(edit.index() + i));
      cur.delete();
    }
    boolean backwards = same > 0 && added.getFirst().startOff() > before.startOff(edit.index());
    for (int n = 0; n < same; n++) {
      int i = backwards ? same - 1 - n : n;
      XfsExtentMap.Rec was = before.get(edit.index() + i);
      if (!was.equals(added.get(i))) {
        require(cur, was);
        cur.update(encode(added.get(i)));
      }
    }
    for (int i = same; i < added.size(); i++) {
      cur.insert(encode(added.get(i)));
    }
  }

  private void require(XfsBtreeCur<XfsBmbtRec> cur, XfsExtentMap.Rec rec) throws ErrnoException {
    if (!cur.lookupEq(encode(rec))) {
      throw fork.inode().corrupt("its tree has lost an extent");
    }
  }

  /** Moves the records from the inode into a new tree. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_bmap_extents_to_btree")
  void fromExtents(XfsExtentMap records) throws ErrnoException {
    editRoot().clear(0, root.size());
    fork.setFormat(XfsDinode.FMT_BTREE);
    XfsBtreeCur<XfsBmbtRec> cur = cursor();
    cur.makeInFork(records.startBlock(0));
    for (int i = 0; i < records.count(); i++) {
      cur.insert(encode(records.get(i)));
    }
  }

  /** Adds a level to the tree. The root then has one entry. */
  void growRoot() throws ErrnoException {
    cursor().growInFork();
  }

  /** Frees a tree of one leaf, whose records go back into the inode. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_bmap_btree_to_extents")
  void toExtents() throws ErrnoException {
    cursor().dissolveInFork();
    editRoot().clear(0, root.size());
    fork.setFormat(XfsDinode.FMT_EXTENTS);
  }
}
