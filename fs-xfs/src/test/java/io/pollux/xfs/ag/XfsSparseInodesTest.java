// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.xfs.ag.XfsAlloc.Extent;
import io.pollux.xfs.btree.XfsAllocRec;
import io.pollux.xfs.btree.XfsBtreeCur;
import io.pollux.xfs.trans.XfsTrans;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Inodes where there is little space, or none. */
@Timeout(120)
final class XfsSparseInodesTest {
  private final long seed = Long.getLong("pollux.seed", System.nanoTime());
  private final Random random = new Random(seed);

  /** Blocks that the test has taken, as intervals. */
  private static final class Taken {
    private final AgImage image;
    private final TreeMap<Long, Long> ends = new TreeMap<>(); // by start

    Taken(AgImage image) {
      this.image = image;
    }

    private void add(Extent extent) {
      ends.put(extent.fsb(), extent.fsb() + extent.len());
    }

    /** Takes all that users may have. */
    void takeAll() throws ErrnoException {
      while (true) { // until ENOSPC
        try (XfsTrans tp = image.begin()) {
          Extent extent = image.alloc.allocate(tp, 0, 1, 1 << 20, XfsOwner.INODES);
          tp.commit();
          add(extent);
        } catch (ErrnoException e) {
          assertThat(e.errno()).isEqualTo(Errno.ENOSPC);
          return;
        }
      }
    }

    /** Takes blocks, unless the free list has taken some of them. */
    void take(long fsb, long len) throws ErrnoException {
      try (XfsTrans tp = image.begin()) {
        Extent extent = image.alloc.allocateAt(tp, fsb, len, len, XfsOwner.INODES);
        tp.commit();
        if (extent != null) {
          add(extent);
        }
      }
    }

    void free(long fsb, long len) throws ErrnoException {
      try (XfsTrans tp = image.begin()) {
        image.alloc.free(tp, fsb, len, XfsOwner.INODES);
        tp.commit();
      }
      Map.Entry<Long, Long> found = Objects.requireNonNull(ends.floorEntry(fsb));
      ends.remove(found.getKey());
      if (found.getKey() < fsb) {
        ends.put(found.getKey(), fsb);
      }
      if (fsb + len < found.getValue()) {
        ends.put(fsb + len, found.getValue());
      }
    }

    void freeAll() throws ErrnoException {
      for (Map.Entry<Long, Long> entry : List.copyOf(ends.entrySet())) {
        free(entry.getKey(), entry.getValue() - entry.getKey());
      }
    }

    /** The start of the longest interval of a group. */
    long longest(long agno) {
      long best = -1;
      long most = 0;
      for (Map.Entry<Long, Long> entry : ends.entrySet()) {
        long blocks = entry.getValue() - entry.getKey();
        if (image.sb.agno(entry.getKey()) == agno && blocks > most) {
          best = entry.getKey();
          most = blocks;
        }
      }
      return best;
    }

    /** What is left in a group because it is set aside: places for chunks. */
    List<Long> places(long agno, int whole) throws ErrnoException {
      List<Long> places = new ArrayList<>();
      try (XfsTrans tp = image.begin()) {
        XfsBtreeCur<XfsAllocRec> free = image.alloc.bnobt(tp, agno);
        for (boolean more = free.first(); more; more = free.next()) {
          XfsAllocRec run = free.get();
          long at = (run.start() + whole - 1) / whole * whole;
          for (; at + whole <= run.start() + run.count(); at += whole) {
            places.add(image.sb.fsb(agno, at));
          }
        }
      }
      return places;
    }
  }

  /** Only parts of chunks fit, then their other parts too. */
  @ParameterizedTest(name = "mkfs.xfs {0}")
  @ValueSource(strings = {"-m rmapbt=0", "-m rmapbt=1", "-b size=1024", "-i size=2048"})
  void sparseChunks(String options, @TempDir Path directory) throws Exception {
    System.out.println("XfsSparseInodesTest: -Dpollux.seed=" + seed);
    try (InodeImage inodes = new InodeImage(directory, options, seed)) {
      AgImage image = inodes.image;
      Set<Long> used = inodes.initial();
      long fdblocks = image.mount.fdblocks();
      Taken taken = new Taken(image);
      int part = image.sb.spinoAlign;
      int whole = 64 >> image.sb.inopbLog;
      taken.takeAll();
      List<Long> halves = new ArrayList<>(); // free halves of places for chunks
      for (long agno = 0; agno < image.sb.agCount; agno++) {
        List<Long> left = taken.places(agno, whole);
        long start = taken.longest(agno);
        start += whole - image.sb.agbno(start) % whole;
        for (int i = 0; i < left.size() + 12; i++) {
          long half = start + (long) i * whole + (random.nextBoolean() ? part : 0);
          taken.free(half, part);
          halves.add(half);
          if (i < left.size()) {
            taken.take(left.get(i), part); // in exchange
          }
        }
      }
      List<Long> inos = inodes.allocAll();
      int inPart = part << image.sb.inopbLog;
      assertThat(inos.size()).as("seed %d", seed).isGreaterThan(61 + 15 * inPart);
      used.addAll(inos);
      inodes.compare(used);
      assertThat(inodes.chunks(0, "root"))
          .as("seed %d", seed)
          .anyMatch(chunk -> chunk.count() == inPart);
      for (long at : halves) { // the other halves of some that have inodes
        if (used.contains(at << image.sb.inopbLog) && random.nextInt(3) == 0) {
          taken.free(image.sb.agbno(at) % whole == 0 ? at + part : at - part, part);
        }
      }
      Set<Long> more = new HashSet<>(inodes.allocAll());
      inos.addAll(more);
      used.addAll(more);
      inodes.compare(used);
      assertThat(inodes.chunks(0, "root"))
          .as("seed %d", seed)
          .anyMatch(
              chunk ->
                  chunk.count() == 64
                      && more.contains(chunk.startino()) != more.contains(chunk.startino() + 63));
      Collections.shuffle(inos, random);
      for (long ino : inos) {
        inodes.free(ino);
      }
      inodes.compare(inodes.initial());
      taken.freeAll();
      image.repair();
      assertThat(image.mount.fdblocks()).isEqualTo(fdblocks);
    }
  }

  /** As many inodes as mkfs allows. */
  @Test
  void imaxpct(@TempDir Path directory) throws Exception {
    try (InodeImage inodes = new InodeImage(directory, "-i maxpct=1", seed)) {
      AgImage image = inodes.image;
      List<Long> inos = inodes.allocAll();
      assertThat(inos).hasSizeBetween(64, (int) (image.sb.dblocks << image.sb.inopbLog) / 100);
      assertThat(image.mount.icount()).isLessThanOrEqualTo(image.sb.maxInodes());
      assertThat(image.mount.icount() + 64).isGreaterThan(image.sb.maxInodes());
      assertThat(image.mount.ifree()).isZero();
    }
  }
}
