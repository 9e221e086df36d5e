// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.btree;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;

/**
 * Deletes the record to which the cursor's path leads. A block that is less than half full takes
 * entries from a neighbour with the same parent; if that has too few, they are joined, which
 * deletes an entry above.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_delrec")
final class BtreeDelete<R> {
  private final XfsBtreeCur<R> cur;

  BtreeDelete(XfsBtreeCur<R> cur) {
    this.cur = cur;
  }

  void delete() throws ErrnoException {
    for (int level = 0; ; level++) { // ends at the root at the latest
      BtreeNode<R> node = cur.path.get(level);
      node.remove(cur.index[level]);
      if (level + 1 == cur.path.size()) {
        shrink(node);
        return;
      }
      if (node.records() >= cur.type.minRecords(level == 0)) {
        cur.updateKeys(level);
        return;
      }
      BtreeNode<R> parent = cur.path.get(level + 1);
      if (parent.records() < 2) {
        onlyChild(level);
        return;
      }
      if (balance(level)) {
        cur.updateKeys(level + 1);
        return;
      }
    }
  }

  /** A node that has no neighbour is the only block below a root in an inode. */
  private void onlyChild(int level) throws ErrnoException {
    BtreeNode<R> parent = cur.path.get(level + 1);
    if (!parent.inFork()) {
      throw parent.data().corrupt("a node with one entry");
    }
    cur.updateKeys(level);
    shrink(parent);
  }

  /** Takes away a root that has a single block below. */
  private void shrink(BtreeNode<R> root) throws ErrnoException {
    if (root.inFork()) {
      shrinkFork(root);
    } else if (root.level > 0 && root.records() == 1) {
      shrinkGroup(root);
    }
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_kill_root")
  private void shrinkGroup(BtreeNode<R> root) throws ErrnoException {
    cur.setRoot(root.pointer(0), root.level);
    cur.free(root);
  }

  /** Moves the only block below a root in an inode into that root, if there is room. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_kill_iroot")
  private void shrinkFork(BtreeNode<R> root) throws ErrnoException {
    if (root.level < 2 || root.records() != 1) {
      return;
    }
    BtreeNode<R> below = cur.read(root.pointer(0), root.level - 1);
    if (below.records() > root.room) {
      return;
    }
    root.remove(0);
    root.setForkLevel(root.level - 1);
    BtreeNode<R> lower = new BtreeNode<>(cur.type, (XfsBtreeHome.InFork) cur.home);
    below.moveTo(lower, 0, 0, below.records());
    cur.free(below);
  }

  /**
   * Makes a block half full. Returns false if it was joined with a neighbour instead; then the path
   * leads to the entry above that must be deleted.
   */
  private boolean balance(int level) throws ErrnoException {
    BtreeNode<R> parent = cur.path.get(level + 1);
    BtreeNode<R> node = cur.path.get(level);
    int at = cur.index[level + 1];
    int least = cur.type.minRecords(level == 0);
    BtreeNode<R> right = at + 1 < parent.records() ? cur.read(parent.pointer(at + 1), level) : null;
    if (right != null) {
      node.checkNext(right);
      if (right.records() > least) {
        int count = (right.records() - least + 1) / 2;
        right.moveTo(node, 0, node.records(), count);
        storeKeys(parent, at, node, right);
        return true;
      }
    }
    BtreeNode<R> left = at > 0 ? cur.read(parent.pointer(at - 1), level) : null;
    if (left != null) {
      left.checkNext(node);
      if (left.records() > least) {
        int count = (left.records() - least + 1) / 2;
        left.moveTo(node, left.records() - count, 0, count);
        storeKeys(parent, at - 1, left, node);
        return true;
      }
      join(level, at - 1, left, node);
    } else if (right != null) {
      join(level, at, node, right);
    }
    return false;
  }

  private void storeKeys(BtreeNode<R> parent, int at, BtreeNode<R> left, BtreeNode<R> right)
      throws ErrnoException {
    parent.setKey(at, left.key());
    parent.setKey(at + 1, right.key());
  }

  private void join(int level, int at, BtreeNode<R> left, BtreeNode<R> right)
      throws ErrnoException {
    right.moveTo(left, 0, left.records(), right.records());
    long after = right.right();
    left.setRight(after);
    if (after != XfsBtreeCur.NONE) {
      cur.read(after, level).setLeft(left.bno);
    }
    if (left.records() > 0) {
      cur.path.get(level + 1).setKey(at, left.key());
    }
    cur.free(right);
    cur.index[level + 1] = at + 1;
  }
}
