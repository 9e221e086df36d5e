// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Extent records, and looking blocks up among a million of them. */
@Timeout(120)
final class XfsExtentsTest {
  private static final XfsSb SB = newSb(new TestImage());
  private static final int HUGE_AG_LOG = 28;
  static final XfsSb HUGE = newSb(huge());
  private static final long FAR = 1L << 53;

  private final long seed = Long.getLong("pollux.seed", System.nanoTime());
  private final Random random = new Random(seed);

  private static XfsSb newSb(TestImage image) {
    try {
      BufData disk = new BufData(image.disk.array(), 0, "disk", XfsError.EFSCORRUPTED);
      return new XfsSb(disk.slice(0, 512, "superblock"), Long.MAX_VALUE);
    } catch (ErrnoException e) {
      throw new AssertionError(e);
    }
  }

  /** As large as it can be: 2^50 blocks in groups of a terabyte. */
  private static TestImage huge() {
    TestImage image = new TestImage();
    image.disk.putLong(8, 1L << 50).putLong(48, (1L << HUGE_AG_LOG) + 500);
    image
        .disk
        .putInt(84, 1 << HUGE_AG_LOG)
        .putInt(88, 1 << (50 - HUGE_AG_LOG))
        .put(124, (byte) HUGE_AG_LOG);
    image.sealSuper();
    return image;
  }

  private static BufData record(long off, long fsb, long count, boolean unwritten) {
    ByteBuffer bytes = ByteBuffer.allocate(16);
    bytes
        .putLong((unwritten ? Long.MIN_VALUE : 0) | off << 9 | fsb >>> 43)
        .putLong(fsb << 21 | count);
    return new BufData(bytes.array(), 0, "record", XfsError.EFSCORRUPTED);
  }

  private static XfsExtents.Builder builder(long expected) {
    return new XfsExtents.Builder(SB, expected);
  }

  @Test
  void decodesARecordOfXfsDb() throws ErrnoException {
    // xfs_db prints these bytes as: [startoff,startblock,blockcount,extentflag] 0:[0,24,900,0]
    ByteBuffer bytes = ByteBuffer.allocate(16).putLong(0).putLong(0x3000384L);
    XfsExtents.Builder builder = builder(1);
    builder.add(new BufData(bytes.array(), 0, "record", XfsError.EFSCORRUPTED), 0);
    XfsExtents extents = builder.build();
    assertThat(extents.startOff(0)).isZero();
    assertThat(extents.startBlock(0)).isEqualTo(24);
    assertThat(extents.blockCount(0)).isEqualTo(900);
    assertThat(extents.unwritten(0)).isFalse();
  }

  @Test
  void keepsAllBitsOfARecord() throws ErrnoException {
    long off = (1L << 54) - 2;
    XfsExtents.Builder builder = builder(1);
    builder.add(record(off, (1 << 10) + 999, 1, true), 0);
    XfsExtents extents = builder.build();
    assertThat(extents.startOff(0)).isEqualTo(off);
    assertThat(extents.startBlock(0)).isEqualTo((1 << 10) + 999);
    assertThat(extents.blockCount(0)).isEqualTo(1);
    assertThat(extents.unwritten(0)).isTrue();
  }

  @Test
  void keepsTheFirstInBytes() throws ErrnoException {
    long block = 1L << SB.blockLog;
    XfsExtents extents = only(record(5, (1 << 10) + 20, 3, true));
    assertThat(extents.firstPos()).isEqualTo(5 * block);
    assertThat(extents.firstBytes()).isEqualTo(3 * block);
    assertThat(extents.firstAddr())
        .isEqualTo(SB.fsbToByte((1 << 10) + 20))
        .isEqualTo((SB.agBlocks + 20) * block);
    assertThat(extents.firstUnwritten()).isTrue();
    assertThat(extents.inFirst(5 * block - 1)).isFalse();
    assertThat(extents.inFirst(5 * block)).isTrue();
    assertThat(extents.inFirst(8 * block - 1)).isTrue();
    assertThat(extents.inFirst(8 * block)).isFalse();
    assertThat(builder(0).build().inFirst(0)).isFalse();
  }

  @Test
  void theFirstEndsWhereAFileCanReachNoFurther() throws ErrnoException {
    long blocks = Long.MAX_VALUE >> SB.blockLog; // and a part of one behind them
    XfsExtents last = only(record(blocks, 20, 3, false));
    assertThat(last.inFirst(Long.MAX_VALUE - 1)).isTrue();
    assertThat(last.firstPos() + last.firstBytes()).isEqualTo(Long.MAX_VALUE);
    XfsExtents beyond = only(record(blocks + 1, 20, 3, false));
    assertThat(beyond.inFirst(0)).isFalse();
    assertThat(beyond.inFirst(Long.MAX_VALUE)).isFalse();
  }

  private static XfsExtents only(BufData record) throws ErrnoException {
    XfsExtents.Builder builder = builder(1);
    builder.add(record, 0);
    return builder.build();
  }

  @Test
  void refusesWhatCantBe() {
    assertBad(record(0, 20, 0, false), "outside"); // no blocks
    assertBad(record(0, 0, 1, false), "outside"); // the superblock
    assertBad(record(0, 999, 2, false), "outside"); // over the end of the group
    assertBad(record(0, 1010, 1, false), "outside"); // in the gap between the groups
    assertBad(record(0, 2 << 10, 1, false), "outside"); // in no group
    assertBad(record(0, (1L << 52) - 1, 1, false), "outside");
    assertBad(record((1L << 54) - 1, 20, 2, false), "order"); // over the end of all offsets
  }

  private static void assertBad(BufData record, String why) {
    assertThatThrownBy(() -> builder(1).add(record, 0))
        .isInstanceOf(ErrnoException.class)
        .hasMessageContaining(why);
  }

  @Test
  void refusesOverlapsAndWrongCounts() throws ErrnoException {
    XfsExtents.Builder builder = builder(2);
    builder.add(record(10, 20, 5, false), 0);
    assertThatThrownBy(() -> builder.add(record(14, 40, 1, false), 0))
        .hasMessageContaining("overlap");
    assertThatThrownBy(builder::build).hasMessageContaining("1 extents");
    builder.add(record(15, 40, 1, false), 0);
    assertThatThrownBy(() -> builder.add(record(16, 50, 1, false), 0))
        .hasMessageContaining("more extents");
    assertThat(builder.build().count()).isEqualTo(2);
    assertThatThrownBy(() -> builder(-1).add(record(0, 20, 1, false), 0))
        .hasMessageContaining("more extents");
    assertThat(builder(0).build().nextMapped(0)).isEqualTo(-1);
  }

  /** A million extents of 3 blocks with holes of 2 between them, from block 7 on. */
  private static XfsExtents million() throws ErrnoException {
    XfsExtents.Builder builder = builder(1_000_000);
    for (int i = 0; i < 1_000_000; i++) {
      builder.add(record(7 + 5L * i, 20 + i % 900, 3, i % 2 == 1), 0);
    }
    return builder.build();
  }

  @Test
  void findsInAMillion() throws ErrnoException {
    XfsExtents million = million();
    assertThat(million.count()).isEqualTo(1_000_000);
    assertThat(million.find(6)).isEqualTo(XfsExtents.NONE);
    for (int i = 0; i < 1_000_000; i += 997) {
      for (int block = 0; block < 5; block++) {
        int index = million.find(7 + 5L * i + block);
        assertThat(index).isEqualTo(i);
        assertThat(7 + 5L * i + block < million.endOff(index)).isEqualTo(block < 3);
      }
    }
    assertThat(million.find(Long.MAX_VALUE)).isEqualTo(999_999);
    assertThat(million.nextMapped(0)).isEqualTo(7);
    assertThat(million.nextMapped(9)).isEqualTo(9);
    assertThat(million.nextMapped(10)).isEqualTo(12);
    assertThat(million.nextMapped(million.lastOffset())).isEqualTo(-1);
  }

  /** Around the sizes at which a group is full. */
  @Test
  void findsWhateverTheSize() throws ErrnoException {
    for (int count : new int[] {0, 1, 2, 3, 63, 64, 65, 127, 128, 129, 4095, 4096, 4097}) {
      XfsExtents.Builder builder = builder(count);
      for (int i = 0; i < count; i++) {
        builder.add(record(7 + 5L * i, 20 + i % 900, 3, i % 2 == 1), 0);
      }
      XfsExtents extents = builder.build();
      for (long block = -1; block < 7 + 5L * count + 10; block++) {
        long wanted = block < 7 ? XfsExtents.NONE : Math.min((block - 7) / 5, count - 1);
        assertThat(extents.find(block))
            .as("block %d of %d extents", block, count)
            .isEqualTo((int) wanted);
      }
      assertThat(extents.find(Long.MIN_VALUE)).isEqualTo(XfsExtents.NONE);
      assertThat(extents.find((1L << 54) - 1)).isEqualTo(count - 1);
      assertThat(extents.find(Long.MAX_VALUE)).isEqualTo(count - 1);
    }
  }

  /** The start of the next extent, from the end of the last one and the index of the next. */
  private interface Gaps {
    long next(long end, int at, int count, Random random);
  }

  private static final List<Gaps> GAPS =
      List.of(
          (end, at, count, random) -> end, // no holes
          (end, at, count, random) -> end + 1,
          (end, at, count, random) -> end + random.nextInt(1000),
          (end, at, count, random) -> end + (1L << random.nextInt(30)), // crowded at all scales
          // heaps
          (end, at, count, random) ->
              end + (random.nextInt(50) == 0 ? random.nextLong(1L << 40) : 0),
          (end, at, count, random) -> at == 0 ? FAR : end, // all at the far end
          // all but one near
          (end, at, count, random) ->
              at == count - 1 ? Math.max(end, FAR) : end + random.nextInt(2),
          // all but one of a group near
          (end, at, count, random) -> end + (at % 64 == 63 ? 1L << 34 : 1),
          // evenly for a while
          (end, at, count, random) -> end + (random.nextInt(200) == 0 ? 3 : 1));

  /** Which block an extent begins with. None is near the end of its group. */
  private interface Blocks {
    long block(long start, Random random);
  }

  private static final List<Blocks> BLOCKS =
      List.of(
          (start, random) -> 64, // shared
          (start, random) -> 64 + (start & 0xff_ffff), // in the order of the file
          (start, random) -> (1 << 27) - (start & 0xff_ffff), // the other way round
          (start, random) -> 64 + random.nextInt(1 << 20),
          (start, random) ->
              random.nextLong(1L << (50 - HUGE_AG_LOG)) << HUGE_AG_LOG
                  | (64 + random.nextInt(1 << 27)));

  /** All ways to lie in a file, with all ways to lie on the disk, in small and large pieces. */
  @Test
  void agreesWithAModel() throws ErrnoException {
    System.out.println("XfsExtentsTest: -Dpollux.seed=" + seed);
    for (int gaps = 0; gaps < GAPS.size(); gaps++) {
      for (int blocks = 0; blocks < BLOCKS.size(); blocks++) {
        for (int count : new int[] {1, 2, 63, 64, 65, 128, 129, 1000 + random.nextInt(5000)}) {
          for (int longest : new int[] {1, 9, (1 << 21) - 1}) {
            String name =
                "seed "
                    + seed
                    + ", gaps "
                    + gaps
                    + ", blocks "
                    + blocks
                    + ", "
                    + count
                    + " up to "
                    + longest;
            checkAgainstModel(name, GAPS.get(gaps), BLOCKS.get(blocks), count, longest);
          }
        }
      }
    }
  }

  private void checkAgainstModel(String name, Gaps gaps, Blocks blocks, int count, int longest)
      throws ErrnoException {
    long[] starts = new long[count];
    long[] lengths = new long[count];
    long[] fsbs = new long[count];
    boolean[] unwritten = new boolean[count];
    boolean someUnwritten = random.nextBoolean();
    XfsExtents.Builder builder = new XfsExtents.Builder(HUGE, count);
    long end = 0;
    for (int i = 0; i < count; i++) {
      starts[i] = gaps.next(end, i, count, random);
      lengths[i] = 1L + random.nextInt(longest);
      fsbs[i] = blocks.block(starts[i], random);
      unwritten[i] = someUnwritten && random.nextBoolean();
      builder.add(record(starts[i], fsbs[i], lengths[i], unwritten[i]), 0);
      end = starts[i] + lengths[i];
    }
    XfsExtents extents = builder.build();
    assertThat(extents.count()).as(name).isEqualTo(count);
    assertThat(extents.lastOffset()).as(name).isEqualTo(end);
    for (int i = 0; i < count; i++) {
      boolean same =
          extents.startOff(i) == starts[i]
              && extents.blockCount(i) == lengths[i]
              && extents.startBlock(i) == fsbs[i]
              && extents.unwritten(i) == unwritten[i];
      assertThat(same).as("%s: extent %d", name, i).isTrue();
      for (long block :
          new long[] {
            starts[i] - 1,
            starts[i],
            starts[i] + 1,
            starts[i] + lengths[i] - 1,
            starts[i] + lengths[i]
          }) {
        checkFind(name, extents, starts, block);
      }
      checkFind(name, extents, starts, random.nextLong(end + 1));
    }
    for (long block :
        new long[] {
          Long.MIN_VALUE,
          -1,
          0,
          1,
          FAR,
          (1L << 54) - 1,
          1L << 54,
          Long.MAX_VALUE - 1,
          Long.MAX_VALUE
        }) {
      checkFind(name, extents, starts, block);
    }
  }

  private static void checkFind(String name, XfsExtents extents, long[] starts, long block) {
    int place = Arrays.binarySearch(starts, block);
    int wanted = place >= 0 ? place : -place - 2;
    int found = extents.find(block);
    if (found != wanted) { // many more are right
      assertThat(found).as("%s: block %d", name, block).isEqualTo(wanted);
    }
  }

  /** Even groups, and groups in which one extent differs. */
  @Test
  void evenGroupsAgreeWithTheirRecords() throws ErrnoException {
    for (long stride : new long[] {3, 64, (1L << 21) + 1, 1L << 45}) {
      for (long step :
          new long[] {
            0,
            1,
            3,
            -1,
            -3,
            1L << 28,
            (1L << 41) - (1L << 28),
            1L << 41,
            -(1L << 41),
            1L << 43,
            -(1L << 43)
          }) {
        for (Odd odd : Odd.values()) {
          checkEven(stride, step, odd, 64 + random.nextInt(64)); // one of the second group
        }
      }
    }
  }

  /** In what an extent is not as the others are. */
  private enum Odd {
    NOTHING,
    PLACE,
    BLOCK,
    LENGTH,
    FLAG
  }

  private void checkEven(long stride, long step, Odd odd, int which) throws ErrnoException {
    String name =
        "seed " + seed + ", stride " + stride + ", step " + step + ", " + odd + " of " + which;
    int count = 3 * 64 + 5;
    long[] starts = new long[count];
    long[] fsbs = new long[count];
    XfsExtents.Builder builder = new XfsExtents.Builder(HUGE, count);
    for (int i = 0; i < count; i++) {
      starts[i] = 7 + i * stride + (i == which && odd == Odd.PLACE ? 1 : 0);
      fsbs[i] =
          (step < 0 ? 1L << 49 : 0)
              + (1 << 20)
              + i % 64 * step
              + (i == which && odd == Odd.BLOCK ? 5 : 0);
      builder.add(
          record(
              starts[i],
              fsbs[i],
              i == which && odd == Odd.LENGTH ? 2 : 1,
              i == which && odd == Odd.FLAG),
          0);
    }
    XfsExtents extents = builder.build();
    for (int i = 0; i < count; i++) {
      boolean same =
          extents.startOff(i) == starts[i]
              && extents.startBlock(i) == fsbs[i]
              && extents.blockCount(i) == (i == which && odd == Odd.LENGTH ? 2 : 1)
              && extents.unwritten(i) == (i == which && odd == Odd.FLAG);
      assertThat(same).as("%s: extent %d", name, i).isTrue();
      for (long block :
          new long[] {starts[i] - 1, starts[i], starts[i] + 1, starts[i] + stride - 1}) {
        checkFind(name, extents, starts, block);
      }
    }
    checkFind(name, extents, starts, Long.MAX_VALUE);
  }

  /**
   * Two million lookups take a second where each costs 20 steps, and a week where each costs a
   * million.
   */
  @Test
  @Timeout(60)
  void aLookupIsLogarithmic() throws ErrnoException {
    XfsExtents million = million();
    XfsExtents.Builder crowded = builder(1_000_000);
    for (int i = 0; i < 999_999; i++) {
      crowded.add(record(5L * i, 20 + i % 900, 3, i % 2 == 1), 0);
    }
    crowded.add(record(FAR, 20, 3, false), 0);
    for (XfsExtents extents : List.of(million, crowded.build())) {
      long sum = 0;
      long at = 12345;
      for (int i = 0; i < 2_000_000; i++) {
        at = at * 6364136223846793005L + 1442695040888963407L;
        sum += extents.find((at >>> 33) % 5_000_000);
      }
      assertThat(sum).isPositive();
    }
  }
}
