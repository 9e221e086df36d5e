// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.btree;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Searches the tree of owners for records that cover a block, which may be many if it is shared.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_overlapped_query_range")
public final class XfsRmapQuery {
  private final XfsBtreeCur<XfsRmapRec> cur;
  private final long block;
  private final Predicate<XfsRmapRec> wanted;
  private @Nullable XfsRmapRec last; // of the leaf before

  private XfsRmapQuery(XfsBtreeCur<XfsRmapRec> cur, long block, Predicate<XfsRmapRec> wanted) {
    this.cur = cur;
    this.block = block;
    this.wanted = wanted;
  }

  /**
   * Finds a record that covers a block. The position of the cursor is lost.
   *
   * @param cur a cursor of a tree of owners
   * @param block the block, in the group
   * @param wanted the other conditions
   * @return the first such record, or null
   * @throws ErrnoException damage, or the device's error
   */
  public static @Nullable XfsRmapRec find(
      XfsBtreeCur<XfsRmapRec> cur, long block, Predicate<XfsRmapRec> wanted) throws ErrnoException {
    return new XfsRmapQuery(cur, block, wanted).visit(cur.root());
  }

  /** Searches below a node. Recursion is as deep as the tree. */
  private @Nullable XfsRmapRec visit(BtreeNode<XfsRmapRec> node) throws ErrnoException {
    int records = node.records();
    for (int i = 0; i < records && node.firstBlock(i) <= block; i++) {
      XfsRmapRec found = null;
      if (node.level == 0) {
        XfsRmapRec rec = node.record(i);
        found = rec.end() > block && wanted.test(rec) ? rec : null;
      } else if (node.lastBlock(i) >= block) {
        BtreeNode<XfsRmapRec> below = cur.read(node.pointer(i), node.level - 1);
        if (below.level == 0) {
          checkOrder(below);
        }
        found = visit(below);
      }
      if (found != null) {
        return found;
      }
    }
    return null;
  }

  /** Each leaf starts after the end of the one before, so that no leaf comes twice. */
  private void checkOrder(BtreeNode<XfsRmapRec> leaf) throws ErrnoException {
    XfsRmapRec before = last;
    if (leaf.isOutOfOrder() || (before != null && leaf.compare(0, before) <= 0)) {
      throw leaf.data().corrupt("its records do not follow those of the leaf before");
    }
    last = leaf.record(leaf.records() - 1);
  }
}
