// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.XfsExtentMap.Rec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A node of an {@link XfsExtentTree}. Immutable, so trees share nodes.
 *
 * <p>A node has at most {@link #MAX} items: extents in a leaf, nodes of one height in an inner
 * node. Two neighbours under one parent have more than {@link #MERGE} items together, so the height
 * is logarithmic. An inner node has the first offset of each child and the number of extents up to
 * the end of each child.
 */
@LinuxSource(
    file = "fs/xfs/libxfs/xfs_iext_tree.c",
    name = {"xfs_iext_node", "xfs_iext_leaf"})
abstract sealed class XfsExtentNode {
  /** Items of a node. */
  static final int MAX = 64;

  /** Neighbours with so many items together become one node. */
  static final int MERGE = 40;

  private static final long[] NOTHING = {};

  /** Extents as records of the disk, two longs for each. */
  static final class Leaf extends XfsExtentNode {
    static final Leaf EMPTY = new Leaf(NOTHING);

    private final long[] words;

    Leaf(long[] words) {
      this.words = words;
    }

    long first(int at) {
      return words[2 * at];
    }

    long second(int at) {
      return words[2 * at + 1];
    }

    @Override
    int items() {
      return words.length / 2;
    }

    @Override
    int count() {
      return items();
    }

    @Override
    long startOff() {
      return Rec.off(words[0]);
    }

    /** The last extent that starts at or before a block; the first is not compared. */
    int find(long fileoff) {
      int least = 0;
      int most = items() - 1;
      while (least < most) {
        int middle = (least + most + 1) >>> 1;
        if (Rec.off(words[2 * middle]) <= fileoff) {
          least = middle;
        } else {
          most = middle - 1;
        }
      }
      return least;
    }

    @Override
    List<XfsExtentNode> replace(int from, int to, long[] added) {
      int behind = words.length - 2 * to;
      long[] all = Arrays.copyOf(words, 2 * from + added.length + behind);
      System.arraycopy(added, 0, all, 2 * from, added.length);
      System.arraycopy(words, 2 * to, all, 2 * from + added.length, behind);
      int[] cuts = cuts(all.length / 2, behind == 0);
      List<XfsExtentNode> made = new ArrayList<>(cuts.length);
      for (int i = 1; i < cuts.length; i++) {
        made.add(new Leaf(Arrays.copyOfRange(all, 2 * cuts[i - 1], 2 * cuts[i])));
      }
      return made;
    }

    @Override
    XfsExtentNode append(XfsExtentNode next) {
      long[] more = ((Leaf) next).words;
      long[] all = Arrays.copyOf(words, words.length + more.length);
      System.arraycopy(more, 0, all, words.length, more.length);
      return new Leaf(all);
    }
  }

  /** Nodes. */
  static final class Inner extends XfsExtentNode {
    private final XfsExtentNode[] children;
    private final long[] starts;
    private final int[] ends;

    Inner(List<XfsExtentNode> nodes) {
      children = nodes.toArray(XfsExtentNode[]::new);
      starts = new long[children.length];
      ends = new int[children.length];
      int end = 0;
      for (int i = 0; i < children.length; i++) {
        starts[i] = children[i].startOff();
        end += children[i].count();
        ends[i] = end;
      }
    }

    private Inner(XfsExtentNode[] children, long[] starts, int[] ends) {
      this.children = children;
      this.starts = starts;
      this.ends = ends;
    }

    XfsExtentNode child(int at) {
      return children[at];
    }

    /** The number of extents before a child. */
    int before(int at) {
      return at == 0 ? 0 : ends[at - 1];
    }

    @Override
    int items() {
      return children.length;
    }

    @Override
    int count() {
      return ends[ends.length - 1];
    }

    @Override
    long startOff() {
      return starts[0];
    }

    /** The last child that starts at or before a block; the first is not compared. */
    int find(long fileoff) {
      int least = 0;
      int most = children.length - 1;
      while (least < most) {
        int middle = (least + most + 1) >>> 1;
        if (starts[middle] <= fileoff) {
          least = middle;
        } else {
          most = middle - 1;
        }
      }
      return least;
    }

    /** The child that has an extent, by its number; the last for a number behind all. */
    int having(int at) {
      int least = 0;
      int most = children.length - 1;
      while (least < most) {
        int middle = (least + most) >>> 1;
        if (ends[middle] > at) {
          most = middle;
        } else {
          least = middle + 1;
        }
      }
      return least;
    }

    /** Changes the first and the last child that are concerned, and drops those between them. */
    @Override
    List<XfsExtentNode> replace(int from, int to, long[] added) {
      int first = having(from);
      int last = Math.max(first, having(Math.max(0, to - 1)));
      if (first == last) {
        List<XfsExtentNode> one =
            children[first].replace(from - before(first), to - before(first), added);
        if (one.size() == 1 && isAlone(first, one.getFirst().items())) {
          return List.of(with(first, one.getFirst()));
        }
      }
      List<XfsExtentNode> now = new ArrayList<>(children.length + 2);
      List<XfsExtentNode> old = Arrays.asList(children);
      now.addAll(old.subList(0, first));
      int in = from - before(first);
      if (first == last) {
        now.addAll(children[first].replace(in, to - before(first), added));
      } else {
        now.addAll(children[first].replace(in, children[first].count(), added));
        now.addAll(children[last].replace(0, to - before(last), NOTHING));
      }
      now.addAll(old.subList(last + 1, children.length));
      merge(now);
      return group(now, last == children.length - 1);
    }

    /** Whether a child with this many items is too large to merge with either neighbour. */
    private boolean isAlone(int at, int items) {
      return (at == 0 || children[at - 1].items() + items > MERGE)
          && (at + 1 == children.length || children[at + 1].items() + items > MERGE);
    }

    /** Returns a copy with another child in one place. Does not access the other children. */
    private Inner with(int at, XfsExtentNode child) {
      XfsExtentNode[] nodes = children.clone();
      long[] offsets = starts.clone();
      int[] behind = ends.clone();
      int more = child.count() - children[at].count();
      nodes[at] = child;
      offsets[at] = child.startOff();
      for (int i = at; i < behind.length; i++) {
        behind[i] += more;
      }
      return new Inner(nodes, offsets, behind);
    }

    @Override
    XfsExtentNode append(XfsExtentNode next) {
      List<XfsExtentNode> all = new ArrayList<>(Arrays.asList(children));
      all.addAll(Arrays.asList(((Inner) next).children));
      merge(all);
      return new Inner(all);
    }
  }

  /** The number of extents, or children. */
  abstract int items();

  /** The number of extents. */
  abstract int count();

  /** The first block in the file. There is an extent. */
  abstract long startOff();

  /**
   * Replaces extents.
   *
   * @param from the number of the first
   * @param to the number after the last
   * @param added the words of those in their place
   * @return nodes of the same height, none if nothing is left
   */
  abstract List<XfsExtentNode> replace(int from, int to, long[] added);

  /** Makes one node of two, which have no more than MERGE items together. */
  abstract XfsExtentNode append(XfsExtentNode next);

  /** Merges neighbours with few items. Recursion ends at the leaves. */
  private static void merge(List<XfsExtentNode> nodes) {
    int at = 0;
    while (at + 1 < nodes.size()) { // each turn advances or shortens the list
      XfsExtentNode one = nodes.get(at);
      XfsExtentNode next = nodes.get(at + 1);
      if (one.items() + next.items() > MERGE) {
        at++;
      } else {
        nodes.set(at, one.append(next));
        nodes.remove(at + 1);
      }
    }
  }

  /**
   * Makes parents of nodes.
   *
   * @param nodes the children
   * @param appended whether they grew at the end
   * @return the parents
   */
  static List<XfsExtentNode> group(List<XfsExtentNode> nodes, boolean appended) {
    int[] cuts = cuts(nodes.size(), appended);
    List<XfsExtentNode> made = new ArrayList<>(cuts.length);
    for (int i = 1; i < cuts.length; i++) {
      made.add(new Inner(nodes.subList(cuts[i - 1], cuts[i])));
    }
    return made;
  }

  /**
   * Divides items into nodes: evenly, or into full ones and a rest if they were appended, since
   * more will follow.
   *
   * @return the bounds of the nodes, one more than there are nodes
   */
  private static int[] cuts(int items, boolean appended) {
    int nodes = (items + MAX - 1) / MAX;
    int[] cuts = new int[nodes + 1];
    for (int i = 1; i <= nodes; i++) {
      cuts[i] = appended ? Math.min(items, i * MAX) : (int) ((long) items * i / nodes);
    }
    return cuts;
  }
}
