// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.trans.TransBuf;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A tree by hash in a transaction: the index of a directory, or the attributes of a file. Its root
 * is always the first block of its range: a leaf, or a node with (largest hash, block) pairs.
 * Blocks of a level are linked to their neighbours.
 *
 * @param <E> an entry of a leaf
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_da_btree.c")
final class XfsDaTree<E> {
  // Offsets in a block.
  private static final int FORW = 0;
  private static final int BACK = 4;
  static final int MAGIC = 8;
  static final int BLKNO = 16;
  static final int UUID = 32;
  static final int OWNER = 48;
  private static final int COUNT = 56;
  private static final int LEVEL = 58;
  private static final int ENTRIES = 64;

  private static final int NODE_MAGIC = 0x3ebe;

  @LinuxSource(file = "fs/xfs/libxfs/xfs_da_format.h", name = "XFS_DA_NODE_MAXDEPTH")
  private static final int MAX_DEPTH = 5;

  /** What is in the leaves of a tree. */
  interface Leaf<E> {
    /** The magic number of a leaf. */
    int magic();

    /** Bytes for entries. */
    int room();

    /** Bytes of an entry. */
    int bytes(E entry);

    /** Bytes of all entries of a leaf. */
    int usedBytes(BufData leaf) throws ErrnoException;

    /** The number of entries. */
    int count(BufData leaf) throws ErrnoException;

    /** The hash of the last entry; there is one. */
    int lastHash(BufData leaf) throws ErrnoException;

    /** The entries. The list may change. */
    List<E> decode(BufData leaf) throws ErrnoException;

    /** Replaces the entries. The header up to the count stays. */
    void encode(BufEdit leaf, List<E> entries) throws ErrnoException;
  }

  private final XfsDaFork da;
  private final long first;
  private final long end;
  private final BufOps type;
  private final Leaf<E> ops;

  /**
   * Creates a view of the tree.
   *
   * @param da its fork
   * @param first its root
   * @param end the end of its range
   * @param type the type of its blocks
   * @param ops its leaves
   */
  XfsDaTree(XfsDaFork da, long first, long end, BufOps type, Leaf<E> ops) {
    this.da = da;
    this.first = first;
    this.end = end;
    this.type = type;
    this.ops = ops;
  }

  /** A way from the root to a block, with the index of each child in its parent. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_da_btree.h", name = "xfs_da_state_path")
  static final class Path {
    private final int depth; // number of blocks
    private final long[] blk;
    private final TransBuf[] buf;
    private final int[] index; // in the block, of the next one

    private Path(int depth) {
      this.depth = depth;
      blk = new long[depth];
      buf = new TransBuf[depth];
      index = new int[depth];
    }

    private void set(int at, long dablk, TransBuf block) {
      blk[at] = dablk;
      buf[at] = block;
    }

    /** The block at the end. */
    TransBuf leaf() {
      return buf[depth - 1];
    }
  }

  // Descent.

  private TransBuf read(long dablk) throws ErrnoException {
    if (dablk < first || dablk >= end || (dablk - first) % da.fsbCount() != 0) {
      throw da.corrupt("its index leads outside the index");
    }
    return da.read(dablk, type, OWNER);
  }

  private static int count(BufData node) throws ErrnoException {
    return node.u16(COUNT);
  }

  private static boolean isNode(BufData block) throws ErrnoException {
    return block.u16(MAGIC) == NODE_MAGIC;
  }

  private static int lastNodeHash(BufData node) throws ErrnoException {
    return XfsDaEntries.hash(node, ENTRIES, count(node) - 1);
  }

  private int lastHash(BufData block) throws ErrnoException {
    return isNode(block) ? lastNodeHash(block) : ops.lastHash(block);
  }

  /**
   * Finds the first leaf that may have a hash, or the last leaf if the hash is larger than all.
   *
   * @return the way to it
   * @throws ErrnoException EUCLEAN if the tree is damaged there, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_da_btree.c", name = "xfs_da3_node_lookup_int")
  Path find(int hash) throws ErrnoException {
    TransBuf root = read(first);
    int levels = isNode(root.data()) ? root.data().u16(LEVEL) : 0;
    if (levels > MAX_DEPTH) {
      throw root.data().corrupt("a tree of " + levels + " levels");
    }
    Path path = new Path(levels + 1);
    path.set(0, first, root);
    for (int i = 0; i < levels; i++) {
      BufData node = checkLevel(path.buf[i].data(), levels - i);
      int at = XfsDaEntries.lowerBound(node, ENTRIES, count(node), hash);
      step(path, i, Math.min(at, count(node) - 1));
    }
    checkLevel(path.leaf().data(), 0);
    return path;
  }

  private void step(Path path, int level, int index) throws ErrnoException {
    path.index[level] = index;
    long child = XfsDaEntries.value(path.buf[level].data(), ENTRIES, index);
    path.set(level + 1, child, read(child));
  }

  /** Checks that a block is a node of a level, or a leaf for level 0. */
  private BufData checkLevel(BufData block, int level) throws ErrnoException {
    if (level > 0 && (!isNode(block) || block.u16(LEVEL) != level || count(block) == 0)) {
      throw block.corrupt("not a node of level " + level);
    }
    if (level == 0 && block.u16(MAGIC) != ops.magic()) {
      throw block.corrupt("not a leaf");
    }
    return block;
  }

  /**
   * Returns the way to a neighbour on the same level.
   *
   * @param path the way to a block
   * @param level the block's index in the way
   * @param right whether to the right
   * @return the way to the neighbour, or null
   * @throws ErrnoException EUCLEAN if the links between blocks say something else
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_da_btree.c", name = "xfs_da3_path_shift")
  private @Nullable Path shift(Path path, int level, boolean right) throws ErrnoException {
    BufData from = path.buf[level].data();
    long link = from.u32(right ? FORW : BACK);
    int turn = level - 1;
    while (turn >= 0
        && (right ? path.index[turn] + 1 >= count(path.buf[turn].data()) : path.index[turn] == 0)) {
      turn--;
    }
    if ((turn < 0) != (link == 0)) {
      throw from.corrupt("its neighbour is not its neighbour in the tree");
    }
    if (turn < 0) {
      return null;
    }
    Path to = new Path(level + 1);
    for (int i = 0; i <= turn; i++) {
      to.set(i, path.blk[i], path.buf[i]);
      to.index[i] = path.index[i];
    }
    step(to, turn, path.index[turn] + (right ? 1 : -1));
    int top = path.buf[0].data().u16(LEVEL);
    for (int i = turn + 1; i < level; i++) {
      BufData node = checkLevel(to.buf[i].data(), top - i);
      step(to, i, right ? 0 : count(node) - 1);
    }
    checkLevel(to.buf[level].data(), top - level);
    if (to.blk[level] != link || to.blk[level] == path.blk[level]) {
      throw from.corrupt("its neighbour is not its neighbour in the tree");
    }
    return to;
  }

  /**
   * Returns the way to the next leaf, if it may have the same hash.
   *
   * @param path the way to a leaf
   * @param hash the hash that is looked for
   * @param seen the leaves so far, empty at first
   * @return the way, or null if no further leaf has the hash
   * @throws ErrnoException EUCLEAN if the leaves go in circles
   */
  @Nullable Path next(Path path, int hash, Set<Long> seen) throws ErrnoException {
    BufData leaf = path.leaf().data();
    if (ops.count(leaf) == 0 || ops.lastHash(leaf) != hash) {
      return null;
    }
    if (!seen.add(path.blk[path.depth - 1])) {
      throw leaf.corrupt("the leaves behind it go in circles");
    }
    return shift(path, path.depth - 1, true);
  }

  // Changes of entries.

  /** Stores the largest hashes of a block that has changed into the nodes above it. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_da_btree.c", name = "xfs_da3_fixhashpath")
  void fixHash(Path path) throws ErrnoException {
    fixHash(path, path.depth - 1);
  }

  private void fixHash(Path path, int level) throws ErrnoException {
    for (int i = level - 1; i >= 0; i--) {
      BufData child = path.buf[i + 1].data();
      boolean empty = (isNode(child) ? count(child) : ops.count(child)) == 0;
      if (!empty) {
        setHash(path.buf[i], path.index[i], lastHash(child));
      }
    }
  }

  private static void setHash(TransBuf node, int index, int hash) throws ErrnoException {
    if (XfsDaEntries.hash(node.data(), ENTRIES, index) != hash) {
      node.edit().put32(ENTRIES + index * XfsDaEntries.BYTES, hash);
    }
  }

  /**
   * Replaces the entries of a leaf, and splits it if they don't fit.
   *
   * @param path the way to the leaf
   * @param entries its entries, with at most one more than before
   * @throws ErrnoException ENOSPC, or another reason to cancel the transaction
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_da_btree.c", name = "xfs_da3_split")
  void store(Path path, List<E> entries) throws ErrnoException {
    List<List<E>> parts = distribute(entries);
    TransBuf leaf = path.leaf();
    ops.encode(leaf.edit(), parts.getFirst());
    Path at = path;
    for (int i = parts.size() - 1; i > 0; i--) { // from the right: each follows the leaf
      int level = at.depth - 1;
      long blk = da.grow(first, end);
      TransBuf made = da.create(blk, type);
      da.initHeader(made, ops.magic());
      ops.encode(made.edit(), parts.get(i));
      link(at.blk[level], at.buf[level], blk, made);
      long moved = addSibling(at, level, blk, made);
      if (i > 1) {
        at = pathTo(moved, ops.lastHash(leaf.data()));
        leaf = at.leaf();
      }
    }
    if (parts.size() == 1) {
      fixHash(path);
    }
  }

  private Path pathTo(long blk, int hash) throws ErrnoException {
    Set<Long> seen = new HashSet<>();
    Path path = find(hash);
    while (path != null && path.blk[path.depth - 1] != blk) {
      path = next(path, hash, seen);
    }
    if (path == null) {
      throw da.corrupt("a leaf is not where its hash says");
    }
    return path;
  }

  /** Distributes entries to one, two or three leaves, as evenly as can be. */
  private List<List<E>> distribute(List<E> entries) {
    long all = 0;
    for (E entry : entries) {
      all += ops.bytes(entry);
    }
    if (all <= ops.room()) {
      return List.of(entries);
    }
    int best = -1;
    long bestOff = Long.MAX_VALUE;
    long left = 0;
    for (int i = 1; i < entries.size(); i++) {
      left += ops.bytes(entries.get(i - 1));
      boolean fits = left <= ops.room() && all - left <= ops.room();
      if (fits && Math.abs(2 * left - all) < bestOff) {
        best = i;
        bestOff = Math.abs(2 * left - all);
      }
    }
    if (best > 0) {
      return List.of(entries.subList(0, best), entries.subList(best, entries.size()));
    }
    // A large entry in the middle of a full leaf takes a leaf of its own.
    List<List<E>> parts = new ArrayList<>();
    int from = 0;
    int bytes = 0;
    for (int i = 0; i < entries.size(); i++) {
      int next = ops.bytes(entries.get(i));
      if (bytes + next > ops.room()) {
        parts.add(entries.subList(from, i));
        from = i;
        bytes = 0;
      }
      bytes += next;
    }
    parts.add(entries.subList(from, entries.size()));
    return parts;
  }

  /** Links a new block to the right of another. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_da_btree.c", name = "xfs_da3_blk_link")
  private void link(long leftBlk, TransBuf left, long blk, TransBuf made) throws ErrnoException {
    long right = left.data().u32(FORW);
    made.edit().put32(BACK, (int) leftBlk);
    made.edit().put32(FORW, (int) right);
    left.edit().put32(FORW, (int) blk);
    if (right != 0) {
      neighbour(left.data(), right).edit().put32(BACK, (int) blk);
    }
  }

  /** Reads the neighbour that a block names. It is of the same kind. */
  private TransBuf neighbour(BufData of, long dablk) throws ErrnoException {
    TransBuf there = read(dablk);
    boolean same =
        there.data().u16(MAGIC) == of.u16(MAGIC)
            && (!isNode(of) || there.data().u16(LEVEL) == of.u16(LEVEL));
    if (!same) {
      throw there.data().corrupt("a neighbour of another kind");
    }
    return there;
  }

  /**
   * Adds a block to the right of one to the nodes above, which may split.
   *
   * @param path the way to the left block
   * @param level the left block's index in the way
   * @param blk the new block, linked
   * @param made the same
   * @return where the left block is now: elsewhere if it was the root
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_da_btree.c",
      name = {"xfs_da3_node_split", "xfs_da3_node_add"})
  private long addSibling(Path path, int level, long blk, TransBuf made) throws ErrnoException {
    if (level == 0) {
      return splitRoot(path.buf[0], blk, made);
    }
    TransBuf parent = path.buf[level - 1];
    int index = path.index[level - 1];
    setHash(parent, index, lastHash(path.buf[level].data()));
    int count = count(parent.data());
    if (count < maxEntries()) {
      insertEntry(parent, index + 1, lastHash(made.data()), blk);
      fixHash(path, level - 1);
      return path.blk[level];
    }
    long nodeBlk = da.grow(first, end);
    TransBuf node = da.create(nodeBlk, type);
    da.initHeader(node, NODE_MAGIC);
    int keep = count / 2;
    int bytes = (count - keep) * XfsDaEntries.BYTES;
    int from = ENTRIES + keep * XfsDaEntries.BYTES;
    node.edit().put(ENTRIES, parent.data().copy(from, bytes));
    node.edit().put16(COUNT, count - keep);
    node.edit().put16(LEVEL, parent.data().u16(LEVEL));
    parent.edit().clear(from, bytes);
    parent.edit().put16(COUNT, keep);
    link(path.blk[level - 1], parent, nodeBlk, node);
    if (index < keep) {
      insertEntry(parent, index + 1, lastHash(made.data()), blk);
    } else {
      insertEntry(node, index + 1 - keep, lastHash(made.data()), blk);
    }
    addSibling(path, level - 1, nodeBlk, node);
    return path.blk[level];
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_da_btree.h", name = "xfs_da_geometry.node_ents")
  private int maxEntries() {
    return (da.blkSize() - ENTRIES) / XfsDaEntries.BYTES;
  }

  private static void insertEntry(TransBuf node, int index, int hash, long blk)
      throws ErrnoException {
    BufEdit edit = node.edit();
    int count = count(edit);
    int at = ENTRIES + index * XfsDaEntries.BYTES;
    edit.move(at, at + XfsDaEntries.BYTES, (count - index) * XfsDaEntries.BYTES);
    edit.put32(at, hash);
    edit.put32(at + 4, (int) blk);
    edit.put16(COUNT, count + 1);
  }

  /** Moves the root to another block and makes a node with it and a new block the root. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_da_btree.c", name = "xfs_da3_root_split")
  private long splitRoot(TransBuf root, long blk, TransBuf made) throws ErrnoException {
    int level = isNode(root.data()) ? root.data().u16(LEVEL) + 1 : 1;
    if (level > MAX_DEPTH) {
      throw new ErrnoException(Errno.ENOSPC, da.inode().what() + ": its index is full");
    }
    long movedBlk = da.grow(first, end);
    TransBuf moved = da.create(movedBlk, type);
    moveBlock(root, moved);
    made.edit().put32(BACK, (int) movedBlk);
    BufEdit edit = root.edit();
    edit.clear(0, edit.size());
    da.initHeader(root, NODE_MAGIC);
    edit.put16(LEVEL, level);
    insertEntry(root, 0, lastHash(moved.data()), movedBlk);
    insertEntry(root, 1, lastHash(made.data()), blk);
    return movedBlk;
  }

  /** Copies a block to another place. */
  private static void moveBlock(TransBuf from, TransBuf to) throws ErrnoException {
    to.edit().put(0, from.data().copy(0, from.length()));
    to.edit().put64(BLKNO, to.position() >> XfsSb.BB_SHIFT);
  }

  // Shrinking.

  /**
   * Merges blocks that became small, after entries of a leaf were removed.
   *
   * @param path the way to the leaf
   * @throws ErrnoException a reason to cancel the transaction
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_da_btree.c", name = "xfs_da3_join")
  void shrink(Path path) throws ErrnoException {
    fixHash(path);
    for (int level = path.depth - 1; level > 0 && join(path, level); level--) {
      removeEntry(path.buf[level - 1], path.index[level - 1]);
      fixHash(path, level - 1);
    }
    joinRoot();
  }

  private static void removeEntry(TransBuf node, int index) throws ErrnoException {
    BufEdit edit = node.edit();
    int count = count(edit);
    int at = ENTRIES + index * XfsDaEntries.BYTES;
    edit.move(at + XfsDaEntries.BYTES, at, (count - 1 - index) * XfsDaEntries.BYTES);
    edit.clear(ENTRIES + (count - 1) * XfsDaEntries.BYTES, XfsDaEntries.BYTES);
    edit.put16(COUNT, count - 1);
  }

  /** Drops a block if it is empty, or if its entries fit into a neighbour. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_da_btree.c",
      name = {"xfs_da3_node_toosmall", "xfs_da3_node_unbalance"})
  private boolean join(Path path, int level) throws ErrnoException {
    TransBuf buf = path.buf[level];
    boolean node = isNode(buf.data());
    int used = used(buf.data());
    int room = node ? maxEntries() * XfsDaEntries.BYTES : ops.room();
    if (used > room / 2) {
      return false;
    }
    if (used == 0) {
      if (buf.data().u32(FORW) == 0 && buf.data().u32(BACK) == 0) {
        return false;
      }
      drop(path, level);
      return true;
    }
    for (boolean right : new boolean[] {true, false}) {
      Path to = shift(path, level, right);
      if (to == null) {
        continue;
      }
      TransBuf sibling = to.buf[level];
      if (used + used(sibling.data()) > room - room / 4) { // it should have room for a while
        continue;
      }
      if (node) {
        mergeNodes(buf, sibling, right);
      } else {
        List<E> ours = ops.decode(buf.data());
        List<E> theirs = ops.decode(sibling.data());
        theirs.addAll(right ? 0 : theirs.size(), ours);
        ops.encode(sibling.edit(), theirs);
      }
      fixHash(to, level);
      drop(path, level);
      return true;
    }
    return false;
  }

  private int used(BufData block) throws ErrnoException {
    return isNode(block) ? count(block) * XfsDaEntries.BYTES : ops.usedBytes(block);
  }

  private static void mergeNodes(TransBuf from, TransBuf to, boolean right) throws ErrnoException {
    int ours = count(from.data()) * XfsDaEntries.BYTES;
    int theirs = count(to.data()) * XfsDaEntries.BYTES;
    byte[] entries = from.data().copy(ENTRIES, ours);
    if (right) {
      to.edit().move(ENTRIES, ENTRIES + ours, theirs);
    }
    to.edit().put(right ? ENTRIES : ENTRIES + theirs, entries);
    to.edit().put16(COUNT, (ours + theirs) / XfsDaEntries.BYTES);
  }

  /** Frees a block, whose neighbours become neighbours. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_da_btree.c", name = "xfs_da3_blk_unlink")
  private void drop(Path path, int level) throws ErrnoException {
    BufData gone = path.buf[level].data();
    long left = gone.u32(BACK);
    long right = gone.u32(FORW);
    if (left != 0) {
      neighbour(gone, left).edit().put32(FORW, (int) right);
    }
    if (right != 0) {
      neighbour(gone, right).edit().put32(BACK, (int) left);
    }
    da.free(path.blk[level], path.buf[level]);
  }

  /** Makes the only child of the root the root. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_da_btree.c", name = "xfs_da3_root_join")
  private void joinRoot() throws ErrnoException {
    TransBuf root = read(first);
    for (int i = 0; i < MAX_DEPTH && isNode(root.data()) && count(root.data()) == 1; i++) {
      long blk = XfsDaEntries.value(root.data(), ENTRIES, 0);
      if (blk == first) {
        throw root.data().corrupt("it leads to itself");
      }
      TransBuf child = read(blk);
      BufData only = checkLevel(child.data(), root.data().u16(LEVEL) - 1);
      if (only.u32(FORW) != 0 || only.u32(BACK) != 0) {
        throw only.corrupt("the only block of its level has neighbours");
      }
      moveBlock(child, root);
      da.free(blk, child);
    }
  }
}
