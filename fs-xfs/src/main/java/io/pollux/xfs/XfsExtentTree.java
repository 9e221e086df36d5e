// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsSb;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The extents of a fork that changes: a B+tree that is never modified. Each change makes another
 * tree, which shares all nodes with the one before, except for those on the path to the change. So
 * readers need no lock, and a transaction that is cancelled keeps the tree it began with.
 *
 * <p>Every operation takes O(log n) steps and allocates O(log n) nodes, also if it removes many
 * extents. A lookup allocates nothing. An extent takes 17 bytes.
 *
 * <p>C changes its tree in place, under the inode's lock.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_iext_tree.c", name = "xfs_iext_tree")
final class XfsExtentTree extends XfsExtentMap {
  /**
   * A change: some extents become others. Both have the same neighbours.
   *
   * @param index the first extent that is replaced
   * @param removed how many
   * @param added those in their place, in order
   */
  record Edit(int index, int removed, List<Rec> added) {}

  private final XfsSb sb;
  private final XfsExtentNode root;
  private @Nullable Place located; // racy: every value is valid

  /** A leaf, and the number of its first extent. */
  private record Place(XfsExtentNode.Leaf leaf, int base) {
    /** The index of an extent in the leaf, or NONE. */
    int in(int at) {
      int in = at - base;
      return in >= 0 && in < leaf.count() ? in : NONE;
    }
  }

  private XfsExtentTree(XfsSb sb, XfsExtentNode root) {
    super(sb, root.count() == 0 ? null : firstOf(root));
    this.sb = sb;
    this.root = root;
  }

  private static Rec firstOf(XfsExtentNode root) {
    XfsExtentNode node = root;
    while (node instanceof XfsExtentNode.Inner inner) {
      node = inner.child(0);
    }
    XfsExtentNode.Leaf leaf = (XfsExtentNode.Leaf) node;
    return Rec.decode(leaf.first(0), leaf.second(0));
  }

  /**
   * Returns the tree of some extents. O(n), unless they are a tree.
   *
   * @param any the extents
   * @param sb the filesystem
   * @return a tree with the same
   * @throws ErrnoException ENOMEM
   */
  static XfsExtentTree of(XfsExtentMap any, XfsSb sb) throws ErrnoException {
    if (any instanceof XfsExtentTree tree) {
      return tree;
    }
    try {
      List<XfsExtentNode> leaves = new ArrayList<>();
      for (int at = 0; at < any.count(); at += XfsExtentNode.MAX) {
        long[] words = new long[2 * Math.min(XfsExtentNode.MAX, any.count() - at)];
        for (int i = 0; i < words.length; i += 2) {
          Rec rec = any.get(at + i / 2);
          words[i] = rec.first();
          words[i + 1] = rec.second();
        }
        leaves.add(new XfsExtentNode.Leaf(words));
      }
      return new XfsExtentTree(sb, root(leaves));
    } catch (OutOfMemoryError e) { // the disk decides about the size
      throw new ErrnoException(Errno.ENOMEM, "no memory for the extents of a file");
    }
  }

  /** The root above nodes of one height. */
  private static XfsExtentNode root(List<XfsExtentNode> nodes) {
    if (nodes.isEmpty()) {
      return XfsExtentNode.Leaf.EMPTY;
    }
    List<XfsExtentNode> level = nodes;
    while (level.size() > 1) {
      level = XfsExtentNode.group(level, true);
    }
    XfsExtentNode root = level.getFirst();
    while (root instanceof XfsExtentNode.Inner inner && inner.items() == 1) {
      root = inner.child(0);
    }
    return root;
  }

  /** The root, for the test that checks the nodes. */
  XfsExtentNode root() {
    return root;
  }

  // Reading.

  @Override
  int count() {
    return root.count();
  }

  @Override
  long startOff(int at) {
    return Rec.off(word(at, false));
  }

  @Override
  long startBlock(int at) {
    return startBlock(at, startOff(at));
  }

  @Override
  long startBlock(int at, long startOff) { // one way down
    XfsExtentNode.Leaf leaf = leaf(startOff);
    int in = leaf.find(startOff);
    return Rec.block(leaf.first(in), leaf.second(in));
  }

  @Override
  long blockCount(int at) {
    return Rec.count(word(at, true));
  }

  @Override
  boolean unwritten(int at) {
    return Rec.isUnwritten(word(at, false));
  }

  /** A long of the record of an extent. */
  private long word(int at, boolean second) {
    Place place = located;
    int near = place == null ? NONE : place.in(at);
    if (place != null && near != NONE) {
      return second ? place.leaf.second(near) : place.leaf.first(near);
    }
    XfsExtentNode node = root;
    int in = at;
    while (node instanceof XfsExtentNode.Inner inner) {
      int child = inner.having(in);
      in -= inner.before(child);
      node = inner.child(child);
    }
    XfsExtentNode.Leaf leaf = (XfsExtentNode.Leaf) node;
    return second ? leaf.second(in) : leaf.first(in);
  }

  @Override
  int locate(long fileoff) {
    XfsExtentNode node = root;
    int before = 0;
    while (node instanceof XfsExtentNode.Inner inner) {
      int child = inner.find(fileoff);
      before += inner.before(child);
      node = inner.child(child);
    }
    XfsExtentNode.Leaf leaf = (XfsExtentNode.Leaf) node;
    located = new Place(leaf, before);
    return root.count() == 0 || fileoff < root.startOff() ? NONE : before + leaf.find(fileoff);
  }

  /** The leaf that has the last extent that starts at or before a block; the first leaf if none. */
  XfsExtentNode.Leaf leaf(long fileoff) {
    XfsExtentNode node = root;
    while (node instanceof XfsExtentNode.Inner inner) {
      node = inner.child(inner.find(fileoff));
    }
    return (XfsExtentNode.Leaf) node;
  }

  @Override
  Rec get(int at) {
    Place place = located;
    int near = place == null ? NONE : place.in(at);
    if (place != null && near != NONE) {
      return Rec.decode(place.leaf.first(near), place.leaf.second(near));
    }
    XfsExtentNode node = root;
    int in = at;
    while (node instanceof XfsExtentNode.Inner inner) {
      int child = inner.having(in);
      in -= inner.before(child);
      node = inner.child(child);
    }
    XfsExtentNode.Leaf leaf = (XfsExtentNode.Leaf) node;
    return Rec.decode(leaf.first(in), leaf.second(in));
  }

  @Override
  int find(long fileoff) {
    if (root.count() == 0 || fileoff < root.startOff()) {
      return NONE;
    }
    XfsExtentNode node = root;
    int before = 0;
    while (node instanceof XfsExtentNode.Inner inner) {
      int child = inner.find(fileoff);
      before += inner.before(child);
      node = inner.child(child);
    }
    return before + ((XfsExtentNode.Leaf) node).find(fileoff);
  }

  /** The first extent that ends after a block, or count() if there is none. */
  private int firstEndingAfter(long fileoff) {
    int at = locate(fileoff);
    return at != NONE && fileoff < endOff(at) ? at : at + 1;
  }

  /** The number after the last extent that overlaps a range, or {@code first} if none does. */
  private int behindLast(int first, long off, long count) {
    return count <= 0 ? first : Math.max(first, locate(off + count - 1) + 1);
  }

  /**
   * Returns the mapped parts of a range, in order.
   *
   * @param off the first block in the file
   * @param count number of blocks
   * @return extents inside the range
   */
  List<Rec> range(long off, long count) {
    List<Rec> found = new ArrayList<>();
    int first = firstEndingAfter(off);
    int end = behindLast(first, off, count);
    for (int at = first; at < end; at++) {
      found.add(get(at).clip(off, off + count));
    }
    return found;
  }

  // Changing.

  /**
   * Replaces extents.
   *
   * @param index the first that is removed
   * @param removed how many are removed
   * @param added those in their place, in order, between their neighbours
   * @return the tree after that
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_iext_tree.c",
      name = {"xfs_iext_insert", "xfs_iext_remove", "xfs_iext_update_extent"})
  XfsExtentTree replace(int index, int removed, Rec... added) {
    return apply(new Edit(index, removed, List.of(added)));
  }

  /**
   * Applies a change that was planned for this tree.
   *
   * @param edit the change
   * @return the tree after that
   */
  XfsExtentTree apply(Edit edit) {
    assert fits(edit) : "a change that does not fit: " + edit;
    long[] words = new long[2 * edit.added.size()];
    for (int i = 0; i < words.length; i += 2) {
      Rec rec = edit.added.get(i / 2);
      words[i] = rec.first();
      words[i + 1] = rec.second();
    }
    int end = edit.index + edit.removed;
    return new XfsExtentTree(sb, root(root.replace(edit.index, end, words)));
  }

  /** Whether all are valid, in order, and without overlaps. */
  private boolean fits(Edit edit) {
    if (edit.index < 0 || edit.removed < 0 || edit.removed > count() - edit.index) {
      return false;
    }
    long end = edit.index == 0 ? 0 : endOff(edit.index - 1);
    for (Rec rec : edit.added) {
      if (rec.startOff() < end
          || rec.startOff() > MAX_FILEOFF - rec.blockCount()
          || rec.blockCount() > MAX_EXTLEN
          || !sb.extentValid(rec.startBlock(), rec.blockCount())) {
        return false;
      }
      end = rec.endOff();
    }
    int next = edit.index + edit.removed;
    return next == count() || end <= startOff(next);
  }

  /**
   * Maps blocks that are in a hole. Adjacent extents become one if they are contiguous in the file
   * and on the device, in the same state, and not too long together.
   *
   * @param off the first block in the file
   * @param block the first block in the filesystem, an fsb
   * @param count number of blocks, at most MAX_EXTLEN
   * @param unwritten their state
   * @return the tree after that
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_bmap_add_extent_hole_real")
  XfsExtentTree insert(long off, long block, long count, boolean unwritten) {
    return apply(planInsert(off, block, count, unwritten));
  }

  /** The change that {@link #insert} makes. */
  Edit planInsert(long off, long block, long count, boolean unwritten) {
    int at = locate(off) + 1;
    return plan(off, off + count, at, at, List.of(new Rec(off, block, count, unwritten)));
  }

  /**
   * Unmaps a range. Holes in it stay.
   *
   * @param off the first block in the file
   * @param count number of blocks
   * @return the tree after that
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_bmap_del_extent_real")
  XfsExtentTree remove(long off, long count) {
    return apply(planRemove(off, count));
  }

  /** The change that {@link #remove} makes. */
  Edit planRemove(long off, long count) {
    long end = off + count;
    int from = firstEndingAfter(off);
    int to = behindLast(from, off, count);
    List<Rec> rest = new ArrayList<>(2);
    if (from < to) {
      addIfAny(rest, partBefore(get(from), off));
      addIfAny(rest, partAfter(get(to - 1), end));
    }
    return new Edit(from, to - from, rest);
  }

  private static @Nullable Rec partBefore(Rec rec, long off) {
    return rec.startOff() < off ? rec.clip(rec.startOff(), off) : null;
  }

  private static @Nullable Rec partAfter(Rec rec, long off) {
    return rec.endOff() > off ? rec.clip(off, rec.endOff()) : null;
  }

  private static void addIfAny(List<Rec> list, @Nullable Rec rec) {
    if (rec != null) {
      list.add(rec);
    }
  }

  /**
   * Sets the state of all mapped blocks of a range. Extents are split and merged as needed.
   *
   * @param off the first block in the file
   * @param count number of blocks
   * @param unwritten the state
   * @return the tree after that
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_bmap.c", name = "xfs_bmap_add_extent_unwritten_real")
  XfsExtentTree convert(long off, long count, boolean unwritten) {
    return apply(planConvert(off, count, unwritten));
  }

  /** The change that {@link #convert} makes. O(k log n) for k extents in the range. */
  Edit planConvert(long off, long count, boolean unwritten) {
    long end = off + count;
    int from = firstEndingAfter(off);
    int to = behindLast(from, off, count);
    List<Rec> now = new ArrayList<>();
    for (int at = from; at < to; at++) {
      Rec rec = get(at);
      if (rec.unwritten() == unwritten) {
        now.add(rec);
        continue;
      }
      addIfAny(now, partBefore(rec, off));
      now.add(rec.clip(off, end).withUnwritten(unwritten));
      addIfAny(now, partAfter(rec, end));
    }
    return plan(off, end, from, to, now);
  }

  /**
   * Merges the extents of a change with each other and with those that end where it starts, and
   * start where it ends, from the left.
   */
  private Edit plan(long off, long behind, int from, int to, List<Rec> now) {
    int first = from > 0 && endOff(from - 1) == off ? from - 1 : from;
    int end = to < count() && startOff(to) == behind ? to + 1 : to;
    List<Rec> all = new ArrayList<>(now.size() + 2);
    if (first < from) {
      add(all, get(first));
    }
    now.forEach(rec -> add(all, rec));
    if (to < end) {
      add(all, get(to));
    }
    while (first < end && !all.isEmpty() && all.getFirst().equals(get(first))) { // not changed
      all.removeFirst();
      first++;
    }
    while (first < end && !all.isEmpty() && all.getLast().equals(get(end - 1))) {
      all.removeLast();
      end--;
    }
    return new Edit(first, end - first, all);
  }

  private static void add(List<Rec> all, Rec rec) {
    if (!all.isEmpty() && all.getLast().joins(rec)) {
      Rec last = all.removeLast();
      all.add(
          new Rec(
              last.startOff(),
              last.startBlock(),
              last.blockCount() + rec.blockCount(),
              rec.unwritten()));
    } else {
      all.add(rec);
    }
  }
}
