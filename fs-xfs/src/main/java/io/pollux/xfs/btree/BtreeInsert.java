// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.btree;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;

/**
 * Inserts a record at the place to which the cursor's path leads. A full block first gives entries
 * to a neighbour with the same parent, otherwise it is split, which inserts an entry above.
 */
@LinuxSource(
    file = "fs/xfs/libxfs/xfs_btree.c",
    name = {"xfs_btree_insrec", "xfs_btree_make_block_unfull"})
final class BtreeInsert<R> {
  private final XfsBtreeCur<R> cur;

  BtreeInsert(XfsBtreeCur<R> cur) {
    this.cur = cur;
  }

  void insert(R rec) throws ErrnoException {
    byte[] entry = cur.type.encode(rec);
    long below = XfsBtreeCur.NONE;
    for (int level = 0; ; level++) { // ends at a block with room, at the latest at a new root
      BtreeNode<R> left = cur.path.get(level);
      BtreeNode<R> right = null;
      if (left.records() >= left.room && !growFork(level)) {
        growGroup(level);
        if (!shiftRight(level) && !shiftLeft(level)) {
          right = split(level);
        }
      }
      cur.path.get(level).insert(cur.index[level], entry, below);
      if (right == null) {
        cur.updateKeys(level);
        return;
      }
      BtreeNode<R> parent = cur.path.get(level + 1);
      parent.setKey(cur.index[level + 1], left.key());
      entry = right.key();
      below = right.bno;
      cur.index[level + 1]++;
    }
  }

  /** Moves a full root of an inode into a block, which has more room, below it. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_new_iroot")
  boolean growFork(int level) throws ErrnoException {
    BtreeNode<R> root = cur.path.get(level);
    if (!root.inFork()) {
      return false;
    }
    checkHeight();
    BtreeNode<R> block = cur.create(root.pointer(0), level);
    if (block.room <= root.records()) {
      throw cur.corrupt("a root that is larger than a block");
    }
    root.moveTo(block, 0, 0, root.records());
    root.setForkLevel(level + 1);
    BtreeNode<R> above = new BtreeNode<>(cur.type, (XfsBtreeHome.InFork) cur.home);
    above.insert(0, block.key(), block.bno);
    cur.path.set(level, block);
    cur.path.add(above);
    cur.index[level + 1] = 0;
    return true;
  }

  /** Makes a new root with one entry above a full root that is a block. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_new_root")
  private void growGroup(int level) throws ErrnoException {
    if (level + 1 < cur.path.size()) {
      return;
    }
    checkHeight();
    BtreeNode<R> root = cur.path.get(level);
    BtreeNode<R> above = cur.create(root.bno, level + 1);
    above.insert(0, root.key(), root.bno);
    cur.path.add(above);
    cur.index[level + 1] = 0;
    cur.setRoot(above.bno, level + 2);
  }

  private void checkHeight() throws ErrnoException {
    if (cur.path.size() >= XfsBtreeType.MAX_LEVELS) {
      throw cur.corrupt("too many levels");
    }
  }

  /** Gives the last entries to the block on the right. Returns whether that made room. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_rshift")
  private boolean shiftRight(int level) throws ErrnoException {
    BtreeNode<R> parent = cur.path.get(level + 1);
    int at = cur.index[level + 1];
    if (at + 1 >= parent.records()) {
      return false;
    }
    BtreeNode<R> node = cur.path.get(level);
    BtreeNode<R> right = cur.read(parent.pointer(at + 1), level);
    node.checkNext(right);
    int free = right.room - right.records();
    int count = (free + 1) / 2;
    int left = node.records() - count;
    boolean follows = cur.index[level] > left; // then the new entry needs room there too
    if (free <= 0 || (follows && count == free)) {
      return false;
    }
    node.moveTo(right, left, 0, count);
    if (follows) {
      parent.setKey(at, node.key());
      follow(level, right, at + 1, cur.index[level] - left);
    } else {
      parent.setKey(at + 1, right.key());
    }
    return true;
  }

  /** Gives the first entries to the block on the left. Returns whether that made room. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_lshift")
  private boolean shiftLeft(int level) throws ErrnoException {
    int at = cur.index[level + 1];
    if (at == 0) {
      return false;
    }
    BtreeNode<R> parent = cur.path.get(level + 1);
    BtreeNode<R> node = cur.path.get(level);
    BtreeNode<R> left = cur.read(parent.pointer(at - 1), level);
    left.checkNext(node);
    int free = left.room - left.records();
    // records that arrive in order leave full blocks behind
    boolean append = cur.index[level] == node.records();
    int count = append ? free : (free + 1) / 2;
    boolean follows = cur.index[level] < count; // then the new entry needs room there too
    if (free <= 0 || (follows && count == free)) {
      return false;
    }
    int before = left.records();
    node.moveTo(left, 0, before, count);
    if (follows) {
      parent.setKey(at, node.key());
      follow(level, left, at - 1, before + cur.index[level]);
    } else {
      parent.setKey(at - 1, left.key());
      cur.index[level] -= count;
    }
    return true;
  }

  /** Makes the path lead to another block of the same parent. */
  private void follow(int level, BtreeNode<R> node, int indexInParent, int index) {
    cur.path.set(level, node);
    cur.index[level] = index;
    cur.index[level + 1] = indexInParent;
  }

  /** Moves the upper half into a new block. Returns that; the path leads to one of the two. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_split")
  private BtreeNode<R> split(int level) throws ErrnoException {
    BtreeNode<R> left = cur.path.get(level);
    long after = left.right();
    BtreeNode<R> right = cur.create(left.bno, level);
    int records = left.records();
    // the one with the new entry has the smaller half
    int stay = cur.index[level] <= records / 2 ? records / 2 : records - records / 2;
    left.moveTo(right, stay, 0, records - stay);
    right.setLeft(left.bno);
    right.setRight(after);
    left.setRight(right.bno);
    if (after != XfsBtreeCur.NONE) {
      cur.read(after, level).setLeft(right.bno);
    }
    if (cur.index[level] > stay) {
      cur.path.set(level, right); // the entry in the parent follows
      cur.index[level] -= stay;
    }
    return right;
  }
}
