// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.btree;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsBtreeBlock;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.trans.TransBuf;
import io.pollux.xfs.trans.XfsTrans;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A cursor in a tree, in a transaction. It has a position at a record, or none. Every search or
 * change reads O(log n) blocks.
 *
 * <p>Insertion and deletion, also by another cursor of the same tree, lose the position. In C they
 * keep it.
 *
 * @param <R> a record
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_cur")
public final class XfsBtreeCur<R> {
  /** No block. */
  public static final long NONE = -1;

  final XfsTrans tp;
  final XfsBtreeType<R> type;
  final XfsBtreeHome home;

  /** From the leaf up to the root, the blocks above the position, and the entry in each. */
  final List<BtreeNode<R>> path = new ArrayList<>(XfsBtreeType.MAX_LEVELS);

  final int[] index = new int[XfsBtreeType.MAX_LEVELS];
  private boolean positioned;

  /**
   * Creates a cursor without a position.
   *
   * @param tp the transaction
   * @param type describes the tree
   * @param home the tree's place in that transaction
   */
  public XfsBtreeCur(XfsTrans tp, XfsBtreeType<R> type, XfsBtreeHome home) {
    this.tp = tp;
    this.type = type;
    this.home = home;
  }

  String what() {
    return (type.longForm ? "inode " : "group ") + home.owner() + ", " + type.name;
  }

  /**
   * Makes the error for damage of this tree.
   *
   * @param how the fault, as a clause
   */
  public ErrnoException corrupt(String how) {
    return XfsError.corrupt(what() + ": " + how);
  }

  // Blocks.

  private long position(long bno) throws ErrnoException {
    long agno = home.owner();
    long fsb = type.longForm ? bno : tp.sb().fsb(agno, bno);
    boolean inside = type.longForm || (bno >= 0 && bno < tp.sb().agSize(agno));
    if (!inside || !tp.sb().extentValid(fsb, 1)) {
      throw corrupt("points outside, to block " + bno);
    }
    return tp.sb().fsbToByte(fsb);
  }

  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_btree.c",
      name = {"xfs_btree_read_buf_block", "xfs_btree_check_block"})
  BtreeNode<R> read(long bno, int level) throws ErrnoException {
    TransBuf buf = tp.read(position(bno), tp.sb().blockSize, type.ops(), this::what);
    BtreeNode<R> node = new BtreeNode<>(type, buf, bno, level);
    int found = buf.data().u16(XfsBtreeBlock.LEVEL);
    if (buf.data().i32(XfsBtreeBlock.MAGICNUM) != type.magic || found != level) {
      throw buf.data().corrupt("level " + found + " where " + level + " was expected");
    }
    if (type.longForm && buf.data().i64(XfsBtreeBlock.L_OWNER) != home.owner()) {
      throw buf.data().corrupt("belongs to another file");
    }
    return node;
  }

  /** Allocates a block without entries. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_alloc_block")
  BtreeNode<R> create(long near, int level) throws ErrnoException {
    long bno = home.allocBlock(near);
    TransBuf buf = tp.create(position(bno), tp.sb().blockSize, type.ops(), this::what);
    BtreeNode<R> node = new BtreeNode<>(type, buf, bno, level);
    node.init(home.owner());
    return node;
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_free_block")
  void free(BtreeNode<R> node) throws ErrnoException {
    tp.binval(node.buf());
    home.freeBlock(node.bno);
  }

  BtreeNode<R> root() throws ErrnoException {
    return switch (home) {
      case XfsBtreeHome.InFork fork -> {
        BtreeNode<R> root = new BtreeNode<>(type, fork);
        if (root.level < 1
            || root.level >= XfsBtreeType.MAX_LEVELS
            || root.records() < 1
            || root.records() > root.room) {
          throw corrupt("a root of level " + root.level + " with " + root.records() + " pointers");
        }
        yield root;
      }
      case XfsBtreeHome.InGroup group -> {
        int levels = group.levels();
        if (levels < 1 || levels > XfsBtreeType.MAX_LEVELS) {
          throw corrupt(levels + " levels");
        }
        yield read(group.root(), levels - 1);
      }
    };
  }

  // Search.

  /**
   * Goes to the place of a record: the last record that is not above it.
   *
   * @return the number of records in the leaf that are not above it
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_lookup")
  private int descend(@Nullable R to) throws ErrnoException {
    positioned = false;
    BtreeNode<R> node = root();
    path.clear();
    for (int i = 0; i <= node.level; i++) {
      path.add(node);
    }
    while (true) { // the level decreases
      int upTo = to != null ? node.upTo(to) : node.records();
      path.set(node.level, node);
      if (node.level == 0) {
        index[0] = upTo - 1;
        return upTo;
      }
      index[node.level] = Math.max(0, upTo - 1);
      node = read(node.pointer(index[node.level]), node.level - 1);
    }
  }

  /**
   * Moves to the last record at or below another.
   *
   * @param rec its key
   * @return whether there is one
   * @throws ErrnoException damage, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_lookup")
  public boolean lookupLe(R rec) throws ErrnoException {
    positioned = descend(rec) > 0;
    return positioned;
  }

  /**
   * Moves to the first record at or above another.
   *
   * @param rec its key
   * @return whether there is one
   * @throws ErrnoException damage, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_lookup")
  public boolean lookupGe(R rec) throws ErrnoException {
    int upTo = descend(rec);
    BtreeNode<R> leaf = path.getFirst();
    positioned = upTo > 0 && leaf.compare(upTo - 1, rec) == 0;
    return positioned || step(upTo);
  }

  /**
   * Moves to a record.
   *
   * @param rec its key
   * @return whether it exists
   * @throws ErrnoException damage, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_lookup")
  public boolean lookupEq(R rec) throws ErrnoException {
    return lookupLe(rec) && path.getFirst().compare(index[0], rec) == 0;
  }

  /**
   * Moves to the first record.
   *
   * @return whether there is one
   * @throws ErrnoException damage, or the device's error
   */
  public boolean first() throws ErrnoException {
    positioned = false;
    BtreeNode<R> node = root();
    path.clear();
    for (int i = 0; i <= node.level; i++) {
      path.add(node);
    }
    while (node.level > 0) {
      index[node.level] = 0;
      node = read(node.pointer(0), node.level - 1);
      path.set(node.level, node);
    }
    index[0] = 0;
    positioned = node.records() > 0;
    return positioned;
  }

  /**
   * Moves to the last record.
   *
   * @return whether there is one
   * @throws ErrnoException damage, or the device's error
   */
  public boolean last() throws ErrnoException {
    positioned = descend(null) > 0;
    return positioned;
  }

  /**
   * Moves to the record after the position, if there is one; otherwise there is no position.
   *
   * @return whether there is one
   * @throws ErrnoException damage, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_increment")
  public boolean next() throws ErrnoException {
    assert positioned : "no position";
    return step(index[0] + 1);
  }

  /** Moves to an entry of the leaf, or to the next leaf if there is none. */
  private boolean step(int to) throws ErrnoException {
    BtreeNode<R> leaf = path.getFirst();
    index[0] = to;
    positioned = to < leaf.records();
    int level = 1;
    while (!positioned && level < path.size()) { // the level increases
      BtreeNode<R> node = path.get(level);
      if (index[level] + 1 < node.records()) {
        index[level]++;
        enter(level, true);
        checkOrder(leaf, path.getFirst());
        positioned = true;
      }
      level++;
    }
    return positioned;
  }

  /**
   * Moves to the record before the position, if there is one; otherwise there is no position.
   *
   * @return whether there is one
   * @throws ErrnoException damage, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_decrement")
  public boolean previous() throws ErrnoException {
    assert positioned : "no position";
    BtreeNode<R> leaf = path.getFirst();
    index[0]--;
    positioned = index[0] >= 0;
    int level = 1;
    while (!positioned && level < path.size()) { // the level increases
      if (index[level] > 0) {
        index[level]--;
        enter(level, false);
        checkOrder(path.getFirst(), leaf);
        positioned = true;
      }
      level++;
    }
    return positioned;
  }

  /** Goes down from an entry to its first or last leaf. */
  private void enter(int from, boolean first) throws ErrnoException {
    for (int level = from; level > 0; level--) {
      BtreeNode<R> below = read(path.get(level).pointer(index[level]), level - 1);
      path.set(level - 1, below);
      index[level - 1] = first ? 0 : below.records() - 1;
    }
  }

  /** Each leaf starts after the end of the one before, so that no leaf comes twice. */
  private static <R> void checkOrder(BtreeNode<R> left, BtreeNode<R> right) throws ErrnoException {
    if (left.isOutOfOrder()
        || right.isOutOfOrder()
        || right.compare(0, left.record(left.records() - 1)) <= 0) {
      throw right.data().corrupt("its records do not follow those of the leaf before");
    }
  }

  /**
   * Returns the record at the position.
   *
   * @return the record
   * @throws ErrnoException EUCLEAN if it is impossible
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_get_rec")
  public R get() throws ErrnoException {
    assert positioned : "no position";
    return path.getFirst().record(index[0]);
  }

  // Changes.

  /**
   * Replaces the record at the position, which stays. The new one must have the same place in the
   * order.
   *
   * @param rec the record
   * @throws ErrnoException damage, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_update")
  public void update(R rec) throws ErrnoException {
    assert positioned : "no position";
    path.getFirst().setRecord(index[0], rec);
    updateKeys(0);
  }

  /**
   * Inserts a record. There is no position afterwards.
   *
   * @param rec the record
   * @throws ErrnoException EUCLEAN if there is one with the same key; the reason why a block could
   *     not be allocated; damage, or the device's error
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_btree.c",
      name = {"xfs_btree_insert", "xfs_btree_insrec"})
  public void insert(R rec) throws ErrnoException {
    int at = descend(rec);
    if (at > 0 && path.getFirst().compare(at - 1, rec) == 0) {
      throw corrupt("there is such a record already: " + rec);
    }
    index[0] = at;
    new BtreeInsert<>(this).insert(rec);
  }

  /**
   * Deletes the record at the position. There is no position afterwards.
   *
   * @throws ErrnoException the reason why a block could not be freed; damage, or the device's error
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_btree.c",
      name = {"xfs_btree_delete", "xfs_btree_delrec"})
  public void delete() throws ErrnoException {
    assert positioned : "no position";
    positioned = false;
    new BtreeDelete<>(this).delete();
  }

  /**
   * Stores the key of each block of the path in its parent, from a level up, until one is right.
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_btree.c",
      name = {"xfs_btree_update_keys", "__xfs_btree_updkeys"})
  void updateKeys(int from) throws ErrnoException {
    for (int level = from; level + 1 < path.size() && path.get(level).records() > 0; level++) {
      byte[] key = path.get(level).key();
      BtreeNode<R> parent = path.get(level + 1);
      if (parent.hasKey(index[level + 1], key)) {
        return;
      }
      parent.setKey(index[level + 1], key);
    }
  }

  /** Changes the root of a tree of a group. */
  void setRoot(long bno, int levels) throws ErrnoException {
    if (home instanceof XfsBtreeHome.InGroup group) {
      group.setRoot(bno, levels);
    }
  }

  /**
   * Makes a tree in a fork: a root of level 1 above an empty leaf. The fork must be zeroes, and a
   * record must be inserted before the commit.
   *
   * @param near a block close to which the leaf should be
   * @throws ErrnoException the reason why the leaf could not be allocated
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_bmap_extents_to_btree")
  public void makeInFork(long near) throws ErrnoException {
    XfsBtreeHome.InFork fork = (XfsBtreeHome.InFork) home;
    BtreeNode<R> leaf = create(near, 0);
    new BtreeNode<>(type, fork).setForkLevel(1);
    new BtreeNode<>(type, fork).insert(0, new byte[type.keyBytes], leaf.bno);
  }

  /**
   * Moves the entries of the root in a fork into a new block below it. The root then has one entry.
   *
   * @throws ErrnoException the error of the block's allocation, or EUCLEAN for damage
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_new_iroot")
  public void growInFork() throws ErrnoException {
    if (last()) { // so that the path leads to a leaf
      new BtreeInsert<>(this).growFork(path.size() - 1);
    }
    path.clear();
    positioned = false;
  }

  /**
   * Frees the blocks of a tree in a fork whose records have been copied elsewhere, and zeroes the
   * fork. The tree must have a single leaf.
   *
   * @throws ErrnoException damage, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_bmap_btree_to_extents")
  public void dissolveInFork() throws ErrnoException {
    XfsBtreeHome.InFork fork = (XfsBtreeHome.InFork) home;
    BtreeNode<R> root = root();
    assert root.level == 1 && root.records() == 1 : "several leaves";
    free(read(root.pointer(0), 0));
    fork.editRoot().clear(0, fork.root().size());
    path.clear();
    positioned = false;
  }
}
