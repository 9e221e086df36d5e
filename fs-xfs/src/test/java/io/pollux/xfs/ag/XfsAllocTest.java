// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.xfs.ag.XfsAlloc.Extent;
import io.pollux.xfs.format.XfsAgf;
import io.pollux.xfs.trans.XfsTrans;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Allocates and frees blocks. Afterwards everything is as it was, and xfs_repair agrees. */
@Timeout(300)
final class XfsAllocTest {
  private static final XfsOwner OWNER = XfsOwner.INODES;

  /** The seed, from the property pollux.seed if it is set. */
  static Random random(String test) {
    long seed = Long.getLong("pollux.seed", ThreadLocalRandom.current().nextLong());
    System.out.println(test + ": -Dpollux.seed=" + seed);
    return new Random(seed);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "-b size=4096 -m rmapbt=0,reflink=0 -d size=32m",
        "-b size=4096 -m rmapbt=1 -d size=96m,agcount=3",
        "-b size=1024 -m rmapbt=1 -d size=64m,agcount=4",
        "-b size=1024 -m rmapbt=0,finobt=0,reflink=0 -d size=32m,agcount=2",
        "-b size=4096 -s size=4096 -m rmapbt=1,reflink=0 -d size=64m"
      })
  void randomAllocationsAndFrees(String options, @TempDir Path directory) throws Exception {
    Random random = random(options);
    try (AgImage image = new AgImage(directory, options.split(" "))) {
      Model model = new Model(image);
      AgCheck.of(image);
      for (int i = 0; i < 900; i++) {
        model.step(random, i / 300 % 2 == 0 ? 65 : 35);
        if (i % 300 == 299) {
          AgCheck.of(image);
        }
      }
      model.freeAll(random);
      AgCheck.of(image);
      assertThat(image.mount.fdblocks()).isEqualTo(image.freeAtFirst);
      image.repair();
    }
  }

  @Test
  void aWishIsFollowedWhereItIsFree(@TempDir Path directory) throws Exception {
    try (AgImage image = new AgImage(directory, "-d", "size=64m,agcount=2");
        XfsTrans tp = image.begin()) {
      Extent first = image.alloc.allocate(tp, -1, 1, 10, OWNER);
      Extent next = image.alloc.allocate(tp, first.fsb() + 10, 1, 10, OWNER);
      assertThat(next.fsb()).isEqualTo(first.fsb() + 10);
      assertThat(image.alloc.allocateAt(tp, next.fsb() + 9, 1, 1, OWNER)).isNull();
      assertThat(image.alloc.allocateAt(tp, next.fsb() + 11, 1, 1, OWNER))
          .isEqualTo(new Extent(next.fsb() + 11, 1));
      // one block is free there
      assertThat(image.alloc.allocate(tp, next.fsb() + 10, 1, 5, OWNER))
          .isEqualTo(new Extent(next.fsb() + 10, 1));
      image.alloc.free(tp, first.fsb() + 2, 3, OWNER);
      // no longer free: the closest extent that is long enough, then the next one
      assertThat(image.alloc.allocate(tp, next.fsb(), 3, 3, OWNER))
          .isIn(new Extent(first.fsb() + 2, 3), new Extent(next.fsb() + 12, 3));
      long other = image.sb.fsb(1, 5000);
      assertThat(image.sb.agno(image.alloc.allocate(tp, other, 4, 4, OWNER).fsb())).isOne();
      assertThat(image.alloc.allocate(tp, other, 1, 1 << 20, OWNER).len()).isGreaterThan(1000);
    }
  }

  @Test
  void freeingTwiceIsDamage(@TempDir Path directory) throws Exception {
    try (AgImage image = new AgImage(directory, "-m", "rmapbt=0", "-d", "size=32m");
        XfsTrans tp = image.begin()) {
      Extent made = image.alloc.allocate(tp, 0, 4, 4, OWNER);
      image.alloc.free(tp, made.fsb() + 1, 2, OWNER);
      for (int from = 0; from < 3; from++) {
        long fsb = made.fsb() + from;
        assertThatThrownBy(() -> image.alloc.free(tp, fsb, 2, OWNER))
            .hasMessageContaining("free already");
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"-m rmapbt=1 -b size=1024 -d size=48m,agcount=3", "-d size=16m"})
  void fullAndEmptyAgain(String options, @TempDir Path directory) throws Exception {
    Random random = random("full " + options);
    try (AgImage image = new AgImage(directory, options.split(" "))) {
      for (int turn = 0; turn < 2; turn++) {
        List<Extent> all = new ArrayList<>();
        boolean full = false;
        while (!full) {
          try (XfsTrans tp = image.begin()) {
            all.add(image.alloc.allocate(tp, -1, 1, 1 + random.nextInt(200), OWNER));
            tp.commit();
          } catch (ErrnoException e) {
            assertThat(e.errno()).isEqualTo(Errno.ENOSPC);
            full = true;
          }
        }
        AgCheck.of(image);
        // nothing but what is set aside remains
        long left = image.mount.fdblocks() - image.alloc.reserved();
        assertThat(left).isBetween(0L, 24 * image.sb.agCount);
        try (XfsTrans tp = image.begin()) { // trees may still grow
          assertThat(image.alloc.allocateBlock(tp, 0, 100, XfsOwner.REFC)).isPositive();
        }
        for (Extent each : all) {
          try (XfsTrans tp = image.begin()) {
            image.alloc.free(tp, each.fsb(), each.len(), OWNER);
            tp.commit();
          }
        }
      }
      AgCheck.of(image);
      image.repair();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"rmapbt=0", "rmapbt=1"})
  void deepTreesGrowAndShrink(String owners, @TempDir Path directory) throws Exception {
    Random random = random("deep " + owners);
    try (AgImage image =
        new AgImage(directory, "-b", "size=1024", "-m", owners, "-d", "size=64m,agcount=1")) {
      List<Extent> all = new ArrayList<>();
      int count = 16_000;
      try (XfsTrans tp = image.begin()) {
        for (int i = 0; i < 2; i++) {
          all.add(image.alloc.allocate(tp, -1, count, count, OWNER));
        }
        tp.commit();
      }
      List<Integer> order = new ArrayList<>();
      for (int i = 0; i < count; i += 2) {
        order.add(i);
      }
      Collections.shuffle(order.subList(order.size() / 2, order.size()), random);
      for (int half = 0; half < 2; half++) {
        for (int offset : order) {
          try (XfsTrans tp = image.begin()) {
            for (Extent each : all) {
              image.alloc.free(tp, each.fsb() + offset + half, 1, OWNER);
            }
            tp.commit();
          }
        }
        AgCheck check = AgCheck.of(image);
        assertThat(check.highest).isGreaterThanOrEqualTo(half == 0 ? 3 : 1);
        if (half == 0 && owners.equals("rmapbt=1")) {
          image.repairMissingInodes();
        } else {
          image.repair();
        }
        Collections.shuffle(order, random);
      }
      assertThat(image.mount.fdblocks()).isEqualTo(image.freeAtFirst);
      assertThat(AgCheck.of(image).highest).isLessThanOrEqualTo(2);
    }
  }

  @Test
  void damageOfAFreeListIsFound(@TempDir Path directory) throws Exception {
    try (AgImage image = new AgImage(directory, "-d", "size=32m")) {
      try (XfsTrans tp = image.begin()) {
        image.ags.agf(tp, 0).edit().put32(XfsAgf.FLCOUNT, 3);
        assertThatThrownBy(() -> image.alloc.allocate(tp, 0, 1, 1, OWNER))
            .hasMessageContaining("another length");
      }
      try (XfsTrans tp = image.begin()) {
        for (int i = 0; i < 119; i++) {
          image.ags.agfl(tp, 0).edit().put32(36 + 4 * i, 0x7fff_ffff);
        }
        // a tree grows at the latest when it is full
        assertThatThrownBy(
                () -> {
                  Extent made = image.alloc.allocate(tp, 0, 4000, 4000, OWNER);
                  for (int i = 0; i < 4000; i += 2) {
                    image.alloc.free(tp, made.fsb() + i, 1, OWNER);
                  }
                })
            .hasMessageContaining("outside the group");
      }
    }
  }

  /** What should be allocated. */
  private static final class Model {
    private final AgImage image;
    private final List<Extent> extents = new ArrayList<>();
    private final BitSet used = new BitSet();

    Model(AgImage image) {
      this.image = image;
    }

    void step(Random random, int percent) throws ErrnoException {
      boolean allocate = extents.isEmpty() || random.nextInt(100) < percent;
      try (XfsTrans tp = image.begin()) {
        if (random.nextInt(10) == 0) { // and change nothing
          if (allocate) {
            allocate(tp, random);
          } else {
            Extent each = extents.get(random.nextInt(extents.size()));
            image.alloc.free(tp, each.fsb(), each.len(), OWNER);
          }
          return;
        }
        if (allocate) {
          Extent made = allocate(tp, random);
          if (made != null) {
            add(made);
          }
        } else {
          free(tp, random);
        }
        tp.commit();
      }
    }

    private @Nullable Extent allocate(XfsTrans tp, Random random) throws ErrnoException {
      long near =
          extents.isEmpty() || random.nextBoolean()
              ? image.sb.fsb(random.nextLong(image.sb.agCount), random.nextLong(image.sb.agBlocks))
              : extents.get(random.nextInt(extents.size())).fsb() + random.nextInt(8);
      int max = 1 + random.nextInt(1 << random.nextInt(9));
      try {
        if (random.nextInt(8) == 0) {
          long align = 1L << random.nextInt(5);
          Extent made =
              image.alloc.allocateAligned(
                  tp, image.sb.agno(near), image.sb.agbno(near), max, align, OWNER);
          assertThat(made == null ? 0 : image.sb.agbno(made.fsb()) % align).isZero();
          assertThat(made == null ? max : made.len()).isEqualTo(max);
          return made;
        }
        int min = random.nextBoolean() ? 1 : max;
        Extent made = image.alloc.allocate(tp, near, min, max, OWNER);
        assertThat(made.len()).isBetween((long) min, (long) max);
        return made;
      } catch (ErrnoException e) {
        assertThat(e.errno()).isEqualTo(Errno.ENOSPC);
        return null;
      }
    }

    private void add(Extent made) {
      int at = Math.toIntExact(made.fsb());
      int end = at + Math.toIntExact(made.len());
      assertThat(image.sb.extentValid(made.fsb(), made.len())).isTrue();
      assertThat(used.get(at, end).isEmpty()).as("allocated twice").isTrue();
      used.set(at, end);
      extents.add(made);
    }

    private void free(XfsTrans tp, Random random) throws ErrnoException {
      int index = random.nextInt(extents.size());
      Extent each = extents.get(index);
      extents.set(index, extents.getLast());
      extents.removeLast();
      long from = random.nextLong(each.len());
      long count = 1 + random.nextLong(each.len() - from);
      if (random.nextBoolean()) {
        from = 0;
        count = each.len();
      }
      image.alloc.free(tp, each.fsb() + from, count, OWNER);
      used.clear((int) (each.fsb() + from), (int) (each.fsb() + from + count));
      if (from > 0) {
        extents.add(new Extent(each.fsb(), from));
      }
      if (from + count < each.len()) {
        extents.add(new Extent(each.fsb() + from + count, each.len() - from - count));
      }
    }

    void freeAll(Random random) throws ErrnoException {
      while (!extents.isEmpty()) {
        try (XfsTrans tp = image.begin()) {
          free(tp, random);
          tp.commit();
        }
      }
    }
  }
}
