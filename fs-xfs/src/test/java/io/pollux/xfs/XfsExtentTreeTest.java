// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.ErrnoException;
import io.pollux.xfs.XfsExtentMap.Rec;
import io.pollux.xfs.format.XfsSb;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The tree of extents against a plain sorted list of them. */
@Timeout(120)
final class XfsExtentTreeTest {
  private static final XfsSb SB = XfsExtentsTest.HUGE;
  private static final int MILLION = 1_000_000;

  private final long seed = Long.getLong("pollux.seed", System.nanoTime());
  private final Random random = new Random(seed);

  /** The reference: a sorted list, in which each operation looks at every extent. */
  private static final class Plain {
    private List<Rec> recs = new ArrayList<>();

    void insert(long off, long block, long count, boolean unwritten) {
      recs.add(new Rec(off, block, count, unwritten));
      recs.sort((a, b) -> Long.compare(a.startOff(), b.startOff()));
      merge(off, off + count);
    }

    void remove(long off, long count) {
      List<Rec> now = new ArrayList<>();
      for (Rec rec : recs) {
        if (count == 0) {
          now.add(rec);
          continue;
        }
        addBlocks(now, rec, rec.startOff(), Math.min(rec.endOff(), off), rec.unwritten());
        addBlocks(now, rec, Math.max(rec.startOff(), off + count), rec.endOff(), rec.unwritten());
      }
      recs = now;
    }

    void convert(long off, long count, boolean unwritten) {
      List<Rec> now = new ArrayList<>();
      for (Rec rec : recs) {
        long from = Math.max(rec.startOff(), off);
        long to = Math.min(rec.endOff(), off + count);
        if (from >= to || rec.unwritten() == unwritten) {
          now.add(rec);
        } else {
          addBlocks(now, rec, rec.startOff(), from, rec.unwritten());
          addBlocks(now, rec, from, to, unwritten);
          addBlocks(now, rec, to, rec.endOff(), rec.unwritten());
        }
      }
      recs = now;
      merge(off, off + count);
    }

    private static void addBlocks(List<Rec> to, Rec of, long start, long end, boolean unwritten) {
      if (start < end) {
        long block = of.startBlock() + start - of.startOff();
        to.add(new Rec(start, block, end - start, unwritten));
      }
    }

    /** Merges extents that meet in a range or at its ends. */
    private void merge(long off, long end) {
      List<Rec> now = new ArrayList<>();
      for (Rec rec : recs) {
        Rec last = now.isEmpty() ? null : now.getLast();
        if (last != null
            && rec.startOff() >= off
            && rec.startOff() <= end
            && last.startOff() + last.blockCount() == rec.startOff()
            && last.startBlock() + last.blockCount() == rec.startBlock()
            && last.unwritten() == rec.unwritten()
            && last.blockCount() + rec.blockCount() < 1 << 21) {
          now.removeLast();
          long blocks = last.blockCount() + rec.blockCount();
          now.add(new Rec(last.startOff(), last.startBlock(), blocks, rec.unwritten()));
        } else {
          now.add(rec);
        }
      }
      recs = now;
    }

    boolean isHole(long off, long count) {
      return recs.stream().noneMatch(r -> r.startOff() < off + count && off < r.endOff());
    }

    List<Rec> range(long off, long count) {
      List<Rec> all = new ArrayList<>();
      for (Rec rec : recs) {
        addBlocks(
            all,
            rec,
            Math.max(off, rec.startOff()),
            Math.min(off + count, rec.endOff()),
            rec.unwritten());
      }
      return all;
    }

    int find(long off) {
      return (int) recs.stream().filter(r -> r.startOff() <= off).count() - 1;
    }
  }

  private static XfsExtentTree empty() throws ErrnoException {
    return XfsExtentTree.of(new XfsExtents.Builder(SB, 0).build(), SB);
  }

  private static void require(boolean rule) { // AssertJ is slow for so many
    if (!rule) {
      throw new AssertionError("a rule of the nodes is broken");
    }
  }

  /** Checks the rules of the nodes and returns their height. */
  private static int check(XfsExtentNode node, boolean isRoot) {
    require(node.items() >= (isRoot ? 0 : 1) && node.items() <= XfsExtentNode.MAX);
    if (!(node instanceof XfsExtentNode.Inner inner)) {
      return 0;
    }
    require(inner.items() > (isRoot ? 1 : 0));
    int height = check(inner.child(0), false);
    int count = 0;
    for (int i = 0; i < inner.items(); i++) {
      XfsExtentNode child = inner.child(i);
      require(inner.before(i) == count);
      require(inner.find(child.startOff()) == i);
      require(inner.having(count) == i);
      count += child.count();
      if (i > 0) {
        require(check(child, false) == height);
        require(inner.child(i - 1).items() + child.items() > XfsExtentNode.MERGE);
      }
    }
    require(inner.count() == count);
    return height + 1;
  }

  private static List<Rec> all(XfsExtentMap map) {
    List<Rec> all = new ArrayList<>(map.count());
    for (int i = 0; i < map.count(); i++) {
      all.add(map.get(i));
    }
    return all;
  }

  private void compare(String when, XfsExtentTree tree, Plain plain) {
    if (!all(tree).equals(plain.recs)) { // many more are right
      assertThat(all(tree)).as(when).isEqualTo(plain.recs);
    }
    check(tree.root(), true);
    assertThat(tree.lastOffset())
        .as(when)
        .isEqualTo(plain.recs.isEmpty() ? 0 : plain.recs.getLast().endOff());
    for (int i = 0; i < 5; i++) {
      long off = random.nextLong(tree.lastOffset() + 3) - 1;
      long count = random.nextInt(200);
      int at = tree.find(off);
      assertThat(at).as(when).isEqualTo(plain.find(off));
      if (at != XfsExtentMap.NONE) {
        Rec rec = plain.recs.get(at);
        assertThat(tree.startOff(at)).as(when).isEqualTo(rec.startOff());
        assertThat(tree.startBlock(at, rec.startOff())).as(when).isEqualTo(rec.startBlock());
        assertThat(tree.blockCount(at)).as(when).isEqualTo(rec.blockCount());
        assertThat(tree.unwritten(at)).as(when).isEqualTo(rec.unwritten());
      }
      assertThat(tree.range(off, count)).as(when).isEqualTo(plain.range(off, count));
    }
    if (!plain.recs.isEmpty()) {
      Rec first = plain.recs.getFirst();
      assertThat(tree.firstPos()).as(when).isEqualTo(SB.toPos(first.startOff()));
      assertThat(tree.firstAddr()).as(when).isEqualTo(SB.fsbToByte(first.startBlock()));
      assertThat(tree.firstUnwritten()).as(when).isEqualTo(first.unwritten());
    }
  }

  /** Small files, in which most extents touch others. */
  @Test
  void agreesWithAPlainList() throws ErrnoException {
    System.out.println("XfsExtentTreeTest: -Dpollux.seed=" + seed);
    for (int round = 0; round < 20; round++) {
      int span = 100 << random.nextInt(6);
      XfsExtentTree tree = empty();
      Plain plain = new Plain();
      for (int step = 0; step < 400; step++) {
        XfsExtentTree before = tree;
        List<Rec> old = all(before);
        long off = random.nextInt(span);
        long count = random.nextInt(random.nextInt(4) == 0 ? span / 4 : 5);
        boolean unwritten = random.nextInt(3) == 0;
        String what;
        int kind = random.nextInt(8);
        if (kind < 5) {
          what = "insert";
          if (count == 0 || !plain.isHole(off, count)) {
            count = 1;
          }
          if (plain.isHole(off, count)) {
            long block = 1000 + off + (random.nextInt(10) == 0 ? random.nextInt(5) : 0);
            tree = tree.insert(off, block, count, unwritten);
            plain.insert(off, block, count, unwritten);
          }
        } else if (kind == 5) {
          what = "remove";
          tree = tree.remove(off, count);
          plain.remove(off, count);
        } else {
          what = "convert";
          tree = tree.convert(off, count, unwritten);
          plain.convert(off, count, unwritten);
        }
        String when =
            "seed " + seed + ", round " + round + ", step " + step + ": " + what + " " + off;
        compare(when, tree, plain);
        assertThat(all(before)).as(when + ", the tree before it").isEqualTo(old);
      }
    }
  }

  /** Extents near the largest length merge only as far as it allows. */
  @Test
  void limitsTheLengthOfAnExtent() throws ErrnoException {
    long most = XfsExtentMap.MAX_EXTLEN;
    XfsExtentTree tree =
        empty().insert(0, 1000, most - 4, false).insert(most + 6, 1000 + most + 6, 9, false);
    // ten blocks between them: with the left one they would be too long
    XfsExtentTree right = tree.insert(most - 4, 1000 + most - 4, 10, false);
    assertThat(all(right))
        .containsExactly(
            new Rec(0, 1000, most - 4, false), new Rec(most - 4, 1000 + most - 4, 19, false));
    // four fit to the left one, and then the right one is not contiguous
    XfsExtentTree left = tree.insert(most - 4, 1000 + most - 4, 4, false);
    assertThat(left.blockCount(0)).isEqualTo(most);
    assertThat(left.insert(most, 1000 + most, 6, false).count()).isEqualTo(2);
  }

  /** A record that xfs_db prints as [startoff,startblock,blockcount,extentflag] 0:[0,24,900,0]. */
  @Test
  void hasTheFormOfTheDisk() {
    Rec rec = new Rec(0, 24, 900, false);
    assertThat(rec.first()).isZero();
    assertThat(rec.second()).isEqualTo(0x3000384L);
    Rec full = new Rec((1L << 54) - 1, (1L << 52) - 1, (1L << 21) - 1, true);
    assertThat(full.first()).isEqualTo(-1L);
    assertThat(full.second()).isEqualTo(-1L);
    assertThat(Rec.decode(-1, -1)).isEqualTo(full);
    for (int i = 0; i < 1000; i++) {
      Rec any =
          new Rec(
              random.nextLong(1L << 54),
              random.nextLong(1L << 52),
              random.nextLong(1L << 21),
              random.nextBoolean());
      assertThat(Rec.decode(any.first(), any.second())).isEqualTo(any);
    }
  }

  @Test
  void assertsThatAChangeFits() throws ErrnoException {
    XfsExtentTree tree = empty().insert(10, 1000, 5, false).insert(20, 2000, 5, false);
    for (Rec bad :
        List.of(
            new Rec(14, 3000, 2, false), // over the one before
            new Rec(19, 3000, 2, false), // over the one behind
            new Rec(16, 3000, 0, false),
            new Rec(16, 0, 1, false))) { // the superblock
      assertThatThrownBy(() -> tree.replace(1, 0, bad)).isInstanceOf(AssertionError.class);
    }
    assertThatThrownBy(() -> tree.replace(1, 2)).isInstanceOf(AssertionError.class);
  }

  private static Rec nth(int at) {
    return new Rec(7 + 5L * at, 1000 + at * 7L, 3, at % 2 == 1);
  }

  /** A million extents of 3 blocks with holes of 2 between them, from block 7 on. */
  private static XfsExtentTree million() throws ErrnoException {
    XfsExtentTree tree = empty();
    Rec[] some = new Rec[10_000];
    for (int i = 0; i < MILLION; i += some.length) {
      for (int k = 0; k < some.length; k++) {
        some[k] = nth(i + k);
      }
      tree = tree.replace(i, 0, some);
    }
    return tree;
  }

  /** Random replacements of few and many, and then removal in large steps. */
  @Test
  void agreesAtAMillionExtents() throws ErrnoException {
    System.out.println("XfsExtentTreeTest: -Dpollux.seed=" + seed);
    XfsExtentTree tree = million();
    List<Rec> plain = all(tree);
    assertThat(check(tree.root(), true)).isEqualTo(3);
    for (int step = 0; step < 300; step++) {
      int index = random.nextInt(plain.size());
      int removed = random.nextInt(random.nextInt(20) == 0 ? 20_000 : 4);
      removed = Math.min(removed, plain.size() - index);
      List<Rec> added = new ArrayList<>();
      for (Rec rec : plain.subList(index, index + removed)) {
        if (rec.blockCount() > 1 && random.nextInt(3) != 0) { // in one piece or two
          added.add(rec.clip(rec.startOff(), rec.startOff() + 1));
        }
        added.add(rec.clip(rec.endOff() - 1, rec.endOff()));
      }
      if (random.nextBoolean()) {
        added.clear();
      }
      tree = tree.replace(index, removed, added.toArray(Rec[]::new));
      List<Rec> part = plain.subList(index, index + removed);
      part.clear();
      part.addAll(added);
      assertThat(tree.count()).as("seed %d, step %d", seed, step).isEqualTo(plain.size());
    }
    check(tree.root(), true);
    assertThat(all(tree).equals(plain)).as("seed %d", seed).isTrue();
    int height = 3;
    while (tree.count() > 0) {
      int removed = random.nextInt(Math.max(1, tree.count() / 3)) + 1;
      int index = random.nextInt(tree.count() - removed + 1);
      tree = tree.replace(index, removed);
      plain.subList(index, index + removed).clear();
      int now = check(tree.root(), true);
      assertThat(now).isLessThanOrEqualTo(height);
      height = now;
      for (int i = 0; i < plain.size(); i += 1 + random.nextInt(100)) {
        assertThat(tree.get(i).equals(plain.get(i)))
            .as("seed %d, %d left, %d", seed, plain.size(), i)
            .isTrue();
      }
    }
    assertThat(height).isZero();
  }

  private static void collect(XfsExtentNode node, Set<XfsExtentNode> into) {
    into.add(node);
    if (node instanceof XfsExtentNode.Inner inner) {
      for (int i = 0; i < inner.items(); i++) {
        collect(inner.child(i), into);
      }
    }
  }

  /** A change makes nodes on its path only, also if it removes half of a million extents. */
  @Test
  void sharesAllOtherNodes() throws ErrnoException {
    XfsExtentTree tree = million();
    Set<XfsExtentNode> before = Collections.newSetFromMap(new IdentityHashMap<>());
    collect(tree.root(), before);
    assertThat(before.size()).isLessThan(MILLION / XfsExtentNode.MERGE * 2);
    int height = check(tree.root(), true);
    for (XfsExtentTree after :
        List.of(
            tree.insert(7 + 5L * 400_000 + 3, 5000, 1, false),
            tree.convert(7 + 5L * 400_000 + 1, 1, true),
            tree.remove(7 + 5L * 200_000, 5L * 500_000 + 1),
            tree.remove(0, 5L * 999_999),
            tree.insert(tree.lastOffset() + 1, 5000, 1, false))) {
      Set<XfsExtentNode> now = Collections.newSetFromMap(new IdentityHashMap<>());
      collect(after.root(), now);
      now.removeAll(before);
      assertThat(now.size()).isBetween(1, 3 * (height + 1));
    }
  }

  /** One after the other, as a file that grows, and in random order. */
  @Test
  void packsWhatIsAppended() throws ErrnoException {
    XfsExtentTree tree = empty();
    for (int i = 0; i < 10_000; i++) {
      Rec rec = nth(i);
      tree = tree.insert(rec.startOff(), rec.startBlock(), rec.blockCount(), rec.unwritten());
    }
    Set<XfsExtentNode> nodes = Collections.newSetFromMap(new IdentityHashMap<>());
    collect(tree.root(), nodes);
    assertThat(nodes).hasSizeLessThan(10_000 / XfsExtentNode.MAX + 10);
    XfsExtentTree mixed = empty();
    List<Integer> order = new ArrayList<>();
    for (int i = 0; i < 10_000; i++) {
      order.add(i);
    }
    Collections.shuffle(order, random);
    for (int i : order) {
      Rec rec = nth(i);
      mixed = mixed.insert(rec.startOff(), rec.startBlock(), rec.blockCount(), rec.unwritten());
    }
    check(mixed.root(), true);
    assertThat(all(mixed)).as("seed %d", seed).isEqualTo(all(tree));
  }
}
