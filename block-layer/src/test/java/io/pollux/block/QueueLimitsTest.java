// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The values that a driver may give its limits and its hardware queues. */
@Timeout(60)
class QueueLimitsTest {
  private static final int LARGEST = Integer.MAX_VALUE >> 9; // sectors of a bio
  private static final QueueLimits BASE = QueueLimits.of(512);

  private static void assertRefused(ThrowingCallable call, int value) {
    assertThatThrownBy(call)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a limit of a queue: " + value);
  }

  @Test
  void aLogicalBlockIsAPowerOfTwoFrom512To4096() {
    assertThat(QueueLimits.of(512).logicalBlockSize()).isEqualTo(512);
    assertThat(QueueLimits.of(4096).logicalBlockSize()).isEqualTo(4096);
    for (int size : new int[] {0, 256, 1536, 8192, -512}) {
      assertRefused(() -> QueueLimits.of(size), size);
    }
  }

  @Test
  void aPhysicalBlockIsNotSmallerThanALogicalOne() {
    QueueLimits limits = QueueLimits.of(1024);
    assertThat(limits.withPhysicalBlockSize(1024).physicalBlockSize()).isEqualTo(1024);
    assertThat(limits.withPhysicalBlockSize(1 << 16).physicalBlockSize()).isEqualTo(1 << 16);
    assertRefused(() -> limits.withPhysicalBlockSize(512), 512);
    assertRefused(() -> limits.withPhysicalBlockSize(3072), 3072);
  }

  @Test
  void aRequestHasAtLeastOnePhysicalBlockAndOneSegment() {
    QueueLimits limits = BASE.withPhysicalBlockSize(4096);
    assertThat(limits.withTransfer(8, 1, 0).maxSectors()).isEqualTo(8);
    assertThat(limits.withTransfer(LARGEST, 1, 0).maxSectors()).isEqualTo(LARGEST);
    assertRefused(() -> limits.withTransfer(7, 1, 0), 7);
    assertRefused(() -> limits.withTransfer(LARGEST + 1, 1, 0), LARGEST + 1);
    assertRefused(() -> limits.withTransfer(8, 0, 0), 0);
  }

  @Test
  void aChunkIsAPowerOfTwoAndHoldsAPhysicalBlock() {
    QueueLimits limits = BASE.withPhysicalBlockSize(4096);
    assertThat(limits.withTransfer(8, 1, 8).chunkSectors()).isEqualTo(8);
    assertRefused(() -> limits.withTransfer(8, 1, 4), 4);
    assertRefused(() -> limits.withTransfer(8, 1, 24), 24);
  }

  @Test
  void aDiscardHoldsItsGranularityAndFitsABio() {
    QueueLimits limits = QueueLimits.of(1024);
    assertThat(limits.withDiscard(1024, 2, 0).discardGranularity()).isEqualTo(1024);
    assertThat(limits.withDiscard(4096, 0, 0).maxDiscardSectors()).isZero();
    assertThat(limits.withDiscard(4096, 8, 0).maxDiscardSectors()).isEqualTo(8);
    assertThat(limits.withDiscard(0, LARGEST, 0).maxDiscardSectors()).isEqualTo(LARGEST);
    assertRefused(() -> limits.withDiscard(512, 8, 0), 512);
    assertRefused(() -> limits.withDiscard(3072, 8, 0), 3072);
    assertRefused(() -> limits.withDiscard(4096, 7, 0), 7);
    assertRefused(() -> limits.withDiscard(0, -1, 0), -1);
    assertRefused(() -> limits.withDiscard(0, LARGEST + 1, 0), LARGEST + 1);
  }

  @Test
  void zeroingFitsABio() {
    assertThat(BASE.withDiscard(0, 0, LARGEST).maxWriteZeroesSectors()).isEqualTo(LARGEST);
    assertRefused(() -> BASE.withDiscard(0, 0, -1), -1);
    assertRefused(() -> BASE.withDiscard(0, 0, LARGEST + 1), LARGEST + 1);
  }

  /** Each method changes its own limits and keeps the others. */
  @Test
  void theOtherLimitsAreKept() {
    QueueLimits limits =
        QueueLimits.of(1024)
            .withPhysicalBlockSize(2048)
            .withTransfer(64, 7, 32)
            .withDiscard(4096, 16, 24)
            .withWriteCache(false, true);
    assertThat(limits).isEqualTo(new QueueLimits(1024, 2048, 64, 7, 32, 4096, 16, 24, false, true));
    assertThat(limits.withPhysicalBlockSize(2048)).isEqualTo(limits);
    assertThat(limits.withTransfer(64, 7, 32)).isEqualTo(limits);
    assertThat(limits.withDiscard(4096, 16, 24)).isEqualTo(limits);
  }

  @Test
  void aStackedDiskCanWhatAllLowerDisksCan() {
    QueueLimits a = new QueueLimits(512, 4096, 64, 9, 32, 4096, 16, 24, false, false);
    QueueLimits b = new QueueLimits(1024, 1024, 80, 7, 0, 8192, 64, 8, true, true);
    QueueLimits both = new QueueLimits(1024, 4096, 64, 7, 32, 8192, 16, 8, true, true);
    assertThat(a.stack(b)).isEqualTo(both);
    assertThat(b.stack(a)).isEqualTo(both);
    assertThat(both.stack(both)).isEqualTo(both);
    QueueLimits none = a.withDiscard(0, 0, 0);
    assertThat(b.stack(none).maxDiscardSectors()).isZero();
    assertThat(b.stack(none).maxWriteZeroesSectors()).isZero();
    QueueLimits coarse = b.withDiscard(1 << 16, 128, 8);
    assertThat(a.stack(coarse).maxDiscardSectors()).as("less than a granule").isZero();
    assertThat(a.withTransfer(64, 9, 8).stack(b.withTransfer(80, 7, 16)).chunkSectors())
        .isEqualTo(8);
    QueueLimits large = QueueLimits.of(512).withPhysicalBlockSize(8192);
    assertThatThrownBy(() -> large.stack(a.withTransfer(64, 9, 8)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aDeviceHasUpTo256QueuesOfAKindAnd65536TagsInEach() {
    assertThat(new TagSet(1, 0, 1, false).depth()).isEqualTo(1);
    assertThat(new TagSet(256, 256, 1 << 16, false).depth()).isEqualTo(1 << 16);
    int[][] outside = {
      {0, 1, 1}, {257, 1, 1}, {1, -1, 1}, {1, 257, 1}, {1, 1, 0}, {1, 1, (1 << 16) + 1}
    };
    for (int[] each : outside) {
      assertThatThrownBy(() -> new TagSet(each[0], each[1], each[2], false))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }
}
