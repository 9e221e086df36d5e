// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.xfs.btree.XfsBtreeCur;
import io.pollux.xfs.btree.XfsInobtRec;
import io.pollux.xfs.format.XfsAgi;
import io.pollux.xfs.trans.XfsTrans;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The trees of inode chunks: their blocks, counters and records. */
@Timeout(120)
final class XfsInobtTest {
  private static final int CHUNKS = 400;

  /** A chunk; in every other one of a sparse filesystem, half of the inodes have no blocks. */
  private static XfsInobtRec chunk(AgImage image, long number) {
    long start = 16_384 + number * XfsInobtRec.INODES;
    boolean half = image.sb.sparse && number % 2 == 0;
    return half
        ? new XfsInobtRec(start, 0x00ff, 32, 32, -1L)
        : new XfsInobtRec(start, 0, 64, 3, 0b111);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "-b size=1024 -m rmapbt=1 -i sparse=1 -d size=32m,agcount=1",
        "-b size=1024 -m rmapbt=0,inobtcount=0,reflink=0 -i sparse=0 -d size=32m,agcount=1"
      })
  void growAndShrink(String options, @TempDir Path directory) throws Exception {
    Random random = XfsAllocTest.random(options);
    try (AgImage image = new AgImage(directory, options.split(" "))) {
      List<Long> order = new ArrayList<>();
      for (long i = 0; i < CHUNKS; i++) {
        order.add(i);
      }
      Collections.shuffle(order, random);
      try (XfsTrans tp = image.begin()) {
        for (boolean free : new boolean[] {false, true}) {
          XfsBtreeCur<XfsInobtRec> cur = cursor(image, tp, free);
          assertThat(cur.first()).isTrue(); // of mkfs
          for (long each : order) {
            cur.insert(chunk(image, each));
          }
          for (long each : order) {
            assertThat(cur.lookupEq(chunk(image, each))).isTrue();
            assertThat(cur.get()).isEqualTo(chunk(image, each));
          }
        }
        tp.commit();
      }
      try (XfsTrans tp = image.begin()) {
        checkTree(image, tp, XfsAgi.ROOT, XfsAgi.LEVEL, XfsAgi.IBLOCKS, false);
        checkTree(image, tp, XfsAgi.FREE_ROOT, XfsAgi.FREE_LEVEL, XfsAgi.FBLOCKS, true);
      }
      AgCheck.of(image);
      Collections.shuffle(order, random);
      try (XfsTrans tp = image.begin()) {
        for (boolean free : new boolean[] {false, true}) {
          XfsBtreeCur<XfsInobtRec> cur = cursor(image, tp, free);
          for (long each : order) {
            assertThat(cur.lookupEq(chunk(image, each))).isTrue();
            cur.delete();
          }
        }
        tp.commit();
      }
      AgCheck.of(image);
      assertThat(image.mount.fdblocks()).isEqualTo(image.freeAtFirst);
      image.repair();
    }
  }

  private static XfsBtreeCur<XfsInobtRec> cursor(AgImage image, XfsTrans tp, boolean free)
      throws ErrnoException {
    return free ? image.alloc.finobt(tp, 0) : image.alloc.inobt(tp, 0);
  }

  private static void checkTree(
      AgImage image, XfsTrans tp, int root, int level, int blocks, boolean free)
      throws ErrnoException {
    BufData agi = image.ags.agi(tp, 0).data();
    assertThat(agi.i32(level)).isEqualTo(2);
    RawTree tree =
        new RawTree(tp, free ? image.ags.trees().finobt() : image.ags.trees().inobt(), 0, 16, 4)
            .walk(agi.u32(root), agi.i32(level));
    assertThat(tree.records).hasSize(CHUNKS + 1);
    if (image.sb.inobtcnt) {
      assertThat(agi.i32(blocks)).isEqualTo(tree.blocks);
    }
  }
}
