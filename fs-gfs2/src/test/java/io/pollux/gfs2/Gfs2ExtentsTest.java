// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import java.nio.ByteBuffer;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Where a block of a file is found: the stretch that has it, and the run in the stretch. */
@Timeout(60)
final class Gfs2ExtentsTest {
  private static final long BLOCKS = 1L << 40; // of the device
  private static final int MOST_POINTERS = 509;

  private final long seed;

  Gfs2ExtentsTest() {
    Long wanted = Long.getLong("pollux.seed");
    seed = wanted != null ? wanted : new SplittableRandom().nextLong() >>> 1;
    System.out.println("Gfs2ExtentsTest: -Dpollux.seed=" + seed);
  }

  private static Gfs2Extents stretch(long[] pointers, long start) throws ErrnoException {
    // big-endian
    ByteBuffer block = ByteBuffer.allocate(Gfs2Meta.HEADER_BYTES + pointers.length * Long.BYTES);
    for (int i = 0; i < pointers.length; i++) {
      block.putLong(Gfs2Meta.HEADER_BYTES + i * Long.BYTES, pointers[i]);
    }
    BufData buf = new BufData(block.array(), 0, "pointers", Gfs2Error.DAMAGE);
    return Gfs2Extents.ofPointers(
        buf, Gfs2Meta.HEADER_BYTES, pointers.length, start, Gfs2Rgrps.unknown(BLOCKS));
  }

  @Test
  void whatIsFoundIsWhatThePointersSay() throws ErrnoException {
    SplittableRandom random = new SplittableRandom(seed);
    for (int round = 0; round < 400; round++) {
      long[] pointers = new long[1 + random.nextInt(MOST_POINTERS)];
      // one in so many: from runs of one block to one run
      int breaks = 1 + random.nextInt(pointers.length);
      pointers[0] = random.nextInt(3) == 0 ? Gfs2Extents.HOLE : random.nextLong(1, BLOCKS >> 1);
      for (int i = 1; i < pointers.length; i++) {
        boolean goesOn = random.nextInt(breaks) != 0;
        long next = pointers[i - 1] == Gfs2Extents.HOLE ? Gfs2Extents.HOLE : pointers[i - 1] + 1;
        pointers[i] =
            goesOn
                ? next
                : random.nextInt(3) == 0 ? Gfs2Extents.HOLE : random.nextLong(1, BLOCKS >> 1);
      }
      check(pointers, random.nextLong(1L << 51));
    }
  }

  private void check(long[] pointers, long start) throws ErrnoException {
    Gfs2Extents extents = stretch(pointers, start);
    assertThat(extents.start).isEqualTo(start);
    assertThat(extents.end).isEqualTo(start + pointers.length);
    long from = start; // of the run that the block is in
    for (int i = 0; i < pointers.length; i++) {
      long fileBlock = start + i;
      if (i > 0
          && pointers[i]
              != (pointers[i - 1] == Gfs2Extents.HOLE ? Gfs2Extents.HOLE : pointers[i - 1] + 1)) {
        from = fileBlock;
      }
      int run = extents.find(fileBlock);
      assertThat(extents.startOff(run)).as("seed %d, block %d", seed, i).isEqualTo(from);
      assertThat(extents.endOff(run)).as("seed %d, block %d", seed, i).isGreaterThan(fileBlock);
      assertThat(extents.startBlock(run))
          .as("seed %d, block %d", seed, i)
          .isEqualTo(pointers[(int) (from - start)]);
      if (extents.endOff(run) != extents.end) {
        assertThat(extents.startOff(run + 1)).isEqualTo(extents.endOff(run));
      }
    }
  }

  @Test
  void aHoleMayReachToTheEnd() {
    Gfs2Extents hole = Gfs2Extents.hole(5, Long.MAX_VALUE);
    for (long fileBlock : new long[] {5, 6, Integer.MAX_VALUE, 1L << 40, 1L << 53}) {
      int run = hole.find(fileBlock);
      assertThat(hole.startOff(run)).isEqualTo(5);
      assertThat(hole.endOff(run)).isEqualTo(Long.MAX_VALUE);
      assertThat(hole.startBlock(run)).isEqualTo(Gfs2Extents.HOLE);
    }
  }

  private static Gfs2Sb superblock(int blockLog) throws ErrnoException {
    ByteBuffer disk = ByteBuffer.allocate(Gfs2Sb.BYTES); // big-endian
    disk.putInt(0, Gfs2Meta.MAGIC)
        .putInt(4, Gfs2Meta.METATYPE_SB)
        .putInt(24, 1802)
        .putInt(28, 1900);
    disk.putInt(36, 1 << blockLog).putInt(40, blockLog);
    return new Gfs2Sb(new BufData(disk.array(), 0, "superblock", Gfs2Error.DAMAGE));
  }

  private static Gfs2ExtentCache cache(Gfs2Sb sb, long size, int height) {
    return new Gfs2ExtentCache(
        sb, new Gfs2Dinode(1, 0100644, 0, 0, 1, size, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, height, 0, 0));
  }

  @Test
  void thePlaceIsThatOfTheBlockOfPointers() throws ErrnoException {
    SplittableRandom random = new SplittableRandom(seed);
    for (int blockLog = 9; blockLog <= 12; blockLog++) {
      Gfs2Sb sb = superblock(blockLog);
      Gfs2ExtentCache cache = cache(sb, Long.MAX_VALUE, sb.maxHeight);
      long most = Long.MAX_VALUE >> blockLog;
      for (int round = 0; round < 20_000; round++) {
        long fileBlock = random.nextLong(most) >> random.nextInt(Long.SIZE - blockLog);
        long first = fileBlock - fileBlock % sb.inptrs;
        for (long each : new long[] {first, fileBlock, Math.min(first + sb.inptrs - 1, most)}) {
          assertThat(cache.place(each))
              .as("seed %d, %d", seed, each)
              .isEqualTo((int) (each / sb.inptrs % 1024));
        }
      }
      assertThat(cache.place(most)).isEqualTo((int) (most / sb.inptrs % 1024));
    }
  }

  @Test
  void whatIsKeptIsFoundAndNothingElse() throws ErrnoException {
    Gfs2Sb sb = superblock(12);
    for (int height = 1; height <= 2; height++) {
      Gfs2ExtentCache cache = cache(sb, (10L * sb.inptrs) << 12, height);
      long start = height == 1 ? 0 : 3L * sb.inptrs;
      Gfs2Extents kept = stretch(new long[sb.inptrs], start);
      assertThat(cache.find(start)).isNull();
      cache.put(start + 7, kept);
      assertThat(cache.find(start)).isSameAs(kept);
      assertThat(cache.find(start + sb.inptrs - 1)).isSameAs(kept);
      assertThat(cache.find(start + sb.inptrs)).isNull();
      assertThat(height == 1 ? null : cache.find(start - 1)).isNull();
      assertThat(cache.find(start + 16L * sb.inptrs)).as("in the same place").isNull();
    }
  }
}
