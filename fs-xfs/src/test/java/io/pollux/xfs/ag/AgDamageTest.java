// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.buffer.BufEdit;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.xfs.ag.XfsAlloc.Extent;
import io.pollux.xfs.btree.XfsBtreeType;
import io.pollux.xfs.format.XfsAgf;
import io.pollux.xfs.trans.XfsTrans;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Changes bytes of headers and trees behind the back of the verifiers. Whatever follows works or
 * fails with an errno.
 */
@Timeout(120)
final class AgDamageTest {
  private static final int ROUNDS = 300;

  @Test
  void damagedTreesEndWithAnErrno(@TempDir Path directory) throws Exception {
    Random random = XfsAllocTest.random("damage");
    try (AgImage image =
        new AgImage(directory, "-b", "size=1024", "-m", "rmapbt=1", "-d", "size=32m,agcount=1")) {
      List<Extent> made = populate(image);
      Map<Integer, Integer> ends = new HashMap<>();
      for (int i = 0; i < ROUNDS; i++) {
        try (XfsTrans tp = image.begin()) {
          damage(image, tp, random);
          for (int op = 0; op < 8; op++) {
            operate(image, tp, made.get(random.nextInt(made.size())), random);
          }
          ends.merge(0, 1, Integer::sum);
        } catch (ErrnoException e) {
          assertThat(e.errno()).isIn(Errno.EUCLEAN, Errno.ENOSPC);
          assertThat(e.getMessage()).isNotNull();
          ends.merge(e.errno(), 1, Integer::sum);
        }
      }
      assertThat(ends.get(Errno.EUCLEAN)).isGreaterThan(ROUNDS / 10);
      AgCheck.of(image); // all were cancelled
    }
  }

  /** Fills all trees of the group to several levels. */
  private static List<Extent> populate(AgImage image) throws ErrnoException {
    List<Extent> made = new ArrayList<>();
    try (XfsTrans tp = image.begin()) {
      Extent all = image.alloc.allocate(tp, -1, 6000, 6000, XfsOwner.SKIP);
      for (int i = 0; i < 6000; i += 3) {
        image.alloc.free(tp, all.fsb() + i, 1, XfsOwner.SKIP);
        XfsOwner owner = XfsOwner.of(500 + i % 7, i, false, false);
        image.alloc.rmap().map(tp, all.fsb() + i + 1, 2, owner);
        if (i % 2 == 0) {
          image.refcounts.increase(tp, all.fsb() + i + 1, 1);
          XfsOwner second = XfsOwner.of(600 + i % 7, i, false, false);
          image.alloc.rmap().map(tp, all.fsb() + i + 1, 1, second);
        }
        made.add(new Extent(all.fsb() + i + 1, 2));
      }
      tp.commit();
    }
    return made;
  }

  private static void operate(AgImage image, XfsTrans tp, Extent some, Random random)
      throws ErrnoException {
    switch (random.nextInt(6)) {
      case 0 -> image.alloc.allocate(tp, some.fsb() - 1, 1, 1 + random.nextInt(5), XfsOwner.INODES);
      case 1 -> image.alloc.free(tp, some.fsb() + 1, 1, XfsOwner.SKIP);
      case 2 -> image.refcounts.increase(tp, some.fsb(), 1 + random.nextInt(40));
      case 3 -> image.refcounts.decrease(tp, some.fsb(), 2);
      case 4 -> {
        XfsOwner owner = XfsOwner.of(500 + random.nextInt(7), 9, false, false);
        image.alloc.rmap().map(tp, some.fsb(), 2, owner);
        image.alloc.rmap().unmap(tp, some.fsb(), 2, owner);
      }
      default -> image.refcounts.findShared(tp, some.fsb(), 1 + random.nextInt(4000));
    }
  }

  /** Changes some bytes of one block. */
  private static void damage(AgImage image, XfsTrans tp, Random random) throws ErrnoException {
    BufEdit edit = image.ags.agf(tp, 0).edit();
    int kind = random.nextInt(6);
    if (kind == 4) {
      edit = image.ags.agfl(tp, 0).edit();
    } else if (kind < 4) {
      edit = block(image, tp, edit, kind, random);
    }
    int count = 1 + random.nextInt(3);
    for (int i = 0; i < count; i++) {
      int at = random.nextInt(random.nextBoolean() ? 100 : edit.size());
      int from = 56 + random.nextInt(edit.size() - 64);
      switch (random.nextInt(5)) {
        case 0 -> edit.put8(at, random.nextInt(256));
        case 1 -> edit.put32(Math.min(at, edit.size() - 4) & ~3, random.nextInt(20_000));
        case 2 -> edit.put16(6, random.nextInt(200)); // records of a block
        case 3 -> edit.move(from, 56, edit.size() - from); // entries repeat
        default -> edit.put32(from & ~3, -1 >>> random.nextInt(32));
      }
    }
  }

  private static BufEdit block(AgImage image, XfsTrans tp, BufEdit agf, int which, Random random)
      throws ErrnoException {
    int[] roots = {XfsAgf.BNO_ROOT, XfsAgf.CNT_ROOT, XfsAgf.RMAP_ROOT, XfsAgf.REFCOUNT_ROOT};
    int[] keys = {8, 8, 40, 4};
    List<XfsBtreeType<?>> types =
        List.of(
            image.ags.trees().bnobt(),
            image.ags.trees().cntbt(),
            image.ags.trees().rmapbt(),
            image.ags.trees().refcountbt());
    long agbno = agf.u32(roots[which]);
    while (true) { // ends at a leaf
      BufEdit edit =
          tp.read(agbno << image.sb.blockLog, 1024, types.get(which).ops(), () -> "a tree").edit();
      if (edit.u16(4) == 0 || random.nextInt(3) == 0) {
        return edit;
      }
      int room = (1024 - 56) / (keys[which] + 4);
      agbno = edit.u32(56 + room * keys[which] + 4 * random.nextInt(edit.u16(6)));
    }
  }
}
