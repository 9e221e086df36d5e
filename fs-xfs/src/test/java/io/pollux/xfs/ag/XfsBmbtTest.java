// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.xfs.btree.XfsBmbtRec;
import io.pollux.xfs.btree.XfsBtreeCur;
import io.pollux.xfs.btree.XfsBtreeHome;
import io.pollux.xfs.trans.XfsTrans;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A tree whose root is in an inode, against a sorted map. */
@Timeout(300)
final class XfsBmbtTest {
  private static final long INO = 12345;

  /** A fork without its inode. */
  private static final class Fork implements XfsBtreeHome.InFork {
    private final AgImage image;
    private final XfsTrans tp;
    private final BufEdit fork;
    private int blocks;

    Fork(AgImage image, XfsTrans tp, int bytes) {
      this.image = image;
      this.tp = tp;
      fork = new BufData(new byte[bytes], 0, "fork", Errno.EUCLEAN).draft();
    }

    @Override
    public long owner() {
      return INO;
    }

    @Override
    public long allocBlock(long near) throws ErrnoException {
      blocks++;
      return image.alloc.allocate(tp, near, 1, 1, XfsOwner.bmbt(INO, false)).fsb();
    }

    @Override
    public void freeBlock(long bno) throws ErrnoException {
      blocks--;
      image.alloc.free(tp, bno, 1, XfsOwner.bmbt(INO, false));
    }

    @Override
    public BufData root() {
      return fork;
    }

    @Override
    public BufEdit editRoot() {
      return fork;
    }
  }

  private static void check(AgImage image, XfsTrans tp, Fork fork, Map<Long, XfsBmbtRec> model)
      throws ErrnoException {
    RawTree tree = new RawTree(tp, image.ags.trees().bmbt(), -1, 16, 8).walkFork(fork.root());
    assertThat(tree.blocks).isEqualTo(fork.blocks);
    assertThat(tree.records).hasSameSizeAs(model.values());
    int i = 0;
    for (XfsBmbtRec each : model.values()) {
      ByteBuffer rec = ByteBuffer.wrap(tree.records.get(i++));
      long high = each.startOff() << 9 | each.startBlock() >>> 43;
      assertThat(rec.getLong(0)).isEqualTo(each.unwritten() ? high | Long.MIN_VALUE : high);
      assertThat(rec.getLong(8)).isEqualTo(each.startBlock() << 21 | each.count());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {20, 52, 336})
  void growsAndShrinks(int forkBytes, @TempDir Path directory) throws Exception {
    Random random = XfsAllocTest.random("fork of " + forkBytes);
    try (AgImage image =
            new AgImage(directory, "-b", "size=1024", "-m", "rmapbt=1", "-d", "size=32m");
        XfsTrans tp = image.begin()) {
      long before = image.mount.fdblocks();
      Fork fork = new Fork(image, tp, forkBytes);
      XfsBtreeCur<XfsBmbtRec> cur = new XfsBtreeCur<>(tp, image.ags.trees().bmbt(), fork);
      cur.makeInFork(0);
      NavigableMap<Long, XfsBmbtRec> model = new TreeMap<>();
      List<Long> offs = new ArrayList<>();
      for (long i = 0; i < 4000; i++) {
        offs.add(i < 2000 ? i : random.nextLong(1L << 53));
      }
      Collections.shuffle(offs.subList(1000, 4000), random);
      for (long off : offs) {
        XfsBmbtRec rec =
            new XfsBmbtRec(off, 100 + random.nextInt(1000), 1 + random.nextInt(9), off % 3 == 0);
        if (model.putIfAbsent(off, rec) == null) {
          cur.insert(rec);
        } else {
          assertThatThrownBy(() -> cur.insert(rec)).hasMessageContaining("already");
        }
      }
      check(image, tp, fork, model);
      assertThat(fork.root().u16(0)).as("levels").isGreaterThanOrEqualTo(2);
      search(cur, model, random);
      Collections.shuffle(offs, random);
      for (int i = 0; i < offs.size() - 3; i++) {
        XfsBmbtRec gone = model.remove(offs.get(i));
        if (gone != null) {
          assertThat(cur.lookupEq(gone)).isTrue();
          cur.delete();
        }
        if (i % 1000 == 500) {
          check(image, tp, fork, model);
        }
      }
      check(image, tp, fork, model);
      assertThat(fork.root().u16(0)).as("levels").isOne();
      assertThat(fork.blocks).isOne();
      cur.dissolveInFork();
      assertThat(fork.blocks).isZero();
      tp.commit();
      assertThat(image.mount.fdblocks()).isEqualTo(before);
      AgCheck.of(image);
      image.repair();
    }
  }

  private static void search(
      XfsBtreeCur<XfsBmbtRec> cur, NavigableMap<Long, XfsBmbtRec> model, Random random)
      throws ErrnoException {
    for (int i = 0; i < 2000; i++) {
      long off = random.nextBoolean() ? random.nextLong(1L << 53) : random.nextInt(2010);
      XfsBmbtRec probe = new XfsBmbtRec(off, 0, 0, false);
      Map.Entry<Long, XfsBmbtRec> le = model.floorEntry(off);
      assertThat(cur.lookupLe(probe) ? cur.get() : null)
          .isEqualTo(le == null ? null : le.getValue());
      Map.Entry<Long, XfsBmbtRec> ge = model.ceilingEntry(off);
      assertThat(cur.lookupGe(probe) ? cur.get() : null)
          .isEqualTo(ge == null ? null : ge.getValue());
      if (ge != null) {
        Map.Entry<Long, XfsBmbtRec> lower = model.lowerEntry(ge.getKey());
        assertThat(cur.previous() ? cur.get() : null)
            .isEqualTo(lower == null ? null : lower.getValue());
      }
    }
    assertThat(cur.first()).isTrue();
    for (XfsBmbtRec each : model.values()) {
      assertThat(cur.get()).isEqualTo(each);
      cur.next();
    }
    assertThat(cur.last() && cur.get().equals(model.lastEntry().getValue())).isTrue();
  }
}
