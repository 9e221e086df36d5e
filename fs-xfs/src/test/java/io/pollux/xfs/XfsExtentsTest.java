// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.ErrnoException;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Extent records, and looking blocks up among a million of them. */
final class XfsExtentsTest {
  private static final XfsSb SB = newSb();

  private static XfsSb newSb() {
    try {
      return new XfsSb(new XfsBuf(new TestImage().disk.array(), 0, "superblock").slice(0, 512, "superblock"), 1L << 40);
    } catch (ErrnoException e) {
      throw new AssertionError(e);
    }
  }

  private static XfsBuf record(long off, long fsb, long count, boolean unwritten) {
    ByteBuffer bytes = ByteBuffer.allocate(16);
    bytes.putLong((unwritten ? Long.MIN_VALUE : 0) | off << 9 | fsb >>> 43).putLong(fsb << 21 | count);
    return new XfsBuf(bytes.array(), 0, "record");
  }

  private static XfsExtents.Builder builder(long expected) {
    return new XfsExtents.Builder(SB, expected);
  }

  @Test
  void decodesARecordOfXfsDb() throws ErrnoException {
    // xfs_db tells of these bytes: [startoff,startblock,blockcount,extentflag] 0:[0,24,900,0]
    ByteBuffer bytes = ByteBuffer.allocate(16).putLong(0).putLong(0x3000384L);
    XfsExtents.Builder builder = builder(1);
    builder.add(new XfsBuf(bytes.array(), 0, "record"), 0);
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
  void refusesWhatCantBe() {
    assertBad(record(0, 20, 0, false), "outside"); // no blocks
    assertBad(record(0, 0, 1, false), "outside"); // the superblock
    assertBad(record(0, 999, 2, false), "outside"); // over the end of the group
    assertBad(record(0, 1010, 1, false), "outside"); // in the gap between the groups
    assertBad(record(0, 2 << 10, 1, false), "outside"); // in no group
    assertBad(record(0, (1L << 52) - 1, 1, false), "outside");
    assertBad(record((1L << 54) - 1, 20, 2, false), "order"); // over the end of all offsets
  }

  private static void assertBad(XfsBuf record, String why) {
    assertThatThrownBy(() -> builder(1).add(record, 0)).isInstanceOf(ErrnoException.class).hasMessageContaining(why);
  }

  @Test
  void refusesOverlapsAndWrongCounts() throws ErrnoException {
    XfsExtents.Builder builder = builder(2);
    builder.add(record(10, 20, 5, false), 0);
    assertThatThrownBy(() -> builder.add(record(14, 40, 1, false), 0)).hasMessageContaining("overlap");
    assertThatThrownBy(builder::build).hasMessageContaining("1 extents");
    builder.add(record(15, 40, 1, false), 0);
    assertThatThrownBy(() -> builder.add(record(16, 50, 1, false), 0)).hasMessageContaining("more extents");
    assertThat(builder.build().count()).isEqualTo(2);
    assertThatThrownBy(() -> builder(-1).add(record(0, 20, 1, false), 0)).hasMessageContaining("more extents");
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

  /** Around the sizes at which a group is full, or a level is. */
  @Test
  void findsWhateverTheSize() throws ErrnoException {
    for (int count : new int[] {0, 1, 2, 15, 16, 17, 31, 32, 33, 255, 256, 257, 271, 272, 273, 4095, 4096, 4097}) {
      XfsExtents.Builder builder = builder(count);
      for (int i = 0; i < count; i++) {
        builder.add(record(7 + 5L * i, 20 + i % 900, 3, i % 2 == 1), 0);
      }
      XfsExtents extents = builder.build();
      for (long block = -1; block < 7 + 5L * count + 10; block++) {
        long wanted = block < 7 ? XfsExtents.NONE : Math.min((block - 7) / 5, count - 1);
        assertThat(extents.find(block)).as("block %d of %d extents", block, count).isEqualTo((int) wanted);
      }
      assertThat(extents.find(Long.MIN_VALUE)).isEqualTo(XfsExtents.NONE);
      assertThat(extents.find((1L << 54) - 1)).isEqualTo(count - 1);
      assertThat(extents.find(Long.MAX_VALUE)).isEqualTo(count - 1);
    }
  }

  /** Two million lookups take a second where each costs 20 steps, and a week where each costs a million. */
  @Test
  @Timeout(60)
  void aLookupIsLogarithmic() throws ErrnoException {
    XfsExtents million = million();
    long sum = 0;
    long at = 12345;
    for (int i = 0; i < 2_000_000; i++) {
      at = at * 6364136223846793005L + 1442695040888963407L;
      sum += million.find((at >>> 33) % 5_000_000);
    }
    assertThat(sum).isPositive();
  }
}
