// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.core.mm.HostMemory;
import io.pollux.uapi.Errno;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a disk is: its name, size, block size, holder and openers. */
@Timeout(60)
class BlockDeviceTest extends RigTest {
  private BlockDevice device(long bytes, int logicalBlockSize, boolean readOnly) {
    return new BlockDevice(
        "disk7", 0x12345678, bytes, readOnly, new RequestQueue(disk, logicalBlockSize, 8));
  }

  @Test
  void bytesAfterTheLastWholeBlockAreNotPartOfTheDisk() {
    assertThat(device(8192 + 511, 512, false).bytes()).isEqualTo(8192);
    assertThat(device(8192 + 4095, 4096, false).bytes()).isEqualTo(8192);
    assertThat(device(8192, 4096, false).bytes()).isEqualTo(8192);
    BlockDevice named = device(8192, 512, false);
    assertThat(named.name()).isEqualTo("disk7");
    assertThat(named.dev()).isEqualTo(0x12345678);
    assertThat(named.queue().name()).isEqualTo("disk7");
  }

  @Test
  void theInitialBlockSizeDividesTheDisk() {
    assertThat(device(16 * 512, 512, false).blockSize()).isEqualTo(4096);
    assertThat(device(17 * 512, 512, false).blockSize()).isEqualTo(512);
    assertThat(device(18 * 512, 512, false).blockSize()).isEqualTo(1024);
    assertThat(device(20 * 512, 1024, false).blockSize()).isEqualTo(2048);
  }

  @Test
  void aBlockSizeIsAPowerOfTwoFromALogicalBlockToAPage() {
    BlockDevice bdev = device(1 << 16, 1024, false);
    for (int size : new int[] {512, 8192, 3072, 0, -1024, Integer.MIN_VALUE}) {
      assertThat(bdev.setBlockSize(size)).as("%d", size).isEqualTo(-Errno.EINVAL);
    }
    assertThat(bdev.setBlockSize(1024)).isZero();
    assertThat(bdev.blockSize()).isEqualTo(1024);
    assertThat(bdev.setBlockSize(HostMemory.PAGE_SIZE)).isZero();
    assertThat(bdev.blockSize()).isEqualTo(HostMemory.PAGE_SIZE);
  }

  @Test
  void theLastCloseResetsTheBlockSize() {
    BlockDevice bdev = device(1 << 16, 512, false);
    bdev.get();
    bdev.get();
    bdev.setBlockSize(512);
    assertThat(bdev.putAndKeep()).isFalse();
    assertThat(bdev.blockSize()).isEqualTo(512);
    assertThat(bdev.putAndKeep()).isTrue();
    assertThat(bdev.blockSize()).isEqualTo(4096);
    assertThatThrownBy(bdev::putAndKeep).isInstanceOf(AssertionError.class);
  }

  @Test
  void aDiskThatIsReadOnlyStaysReadOnly() {
    BlockDevice bdev = device(1 << 16, 512, false);
    assertThat(bdev.readOnly()).isFalse();
    bdev.setReadOnly(true);
    assertThat(bdev.readOnly()).isTrue();
    bdev.setReadOnly(false);
    assertThat(bdev.readOnly()).isFalse();
    BlockDevice fixed = device(1 << 16, 512, true);
    fixed.setReadOnly(false);
    assertThat(fixed.readOnly()).isTrue();
  }

  @Test
  void aDiskHasOneHolder() {
    BlockDevice bdev = device(1 << 16, 512, false);
    Object first = new Object();
    Object second = new Object();
    assertThat(bdev.claimedBy(first)).isFalse();
    assertThat(bdev.claim(first)).isTrue();
    assertThat(bdev.claim(first)).isFalse();
    assertThat(bdev.claim(second)).isFalse();
    bdev.unclaim(second);
    assertThat(bdev.claimedBy(first)).isTrue();
    assertThat(bdev.claimedBy(second)).isFalse();
    bdev.unclaim(first);
    assertThat(bdev.claim(second)).isTrue();
  }

  @Test
  void readAheadIsKeptForPrograms() {
    BlockDevice bdev = device(1 << 16, 512, false);
    assertThat(bdev.readAheadPages()).isEqualTo(32);
    bdev.setReadAheadPages(77);
    assertThat(bdev.readAheadPages()).isEqualTo(77);
  }

  /** The number of a device is encoded as in stat: 12 bits of major, 20 of minor in two parts. */
  @Test
  void diskstatsHasBothPartsOfTheMinorNumber() {
    assertThat(device(1 << 16, 512, false).diskstats())
        .startsWith(String.format("%4d %7d disk7 ", 0x456, 0x12378));
  }

  @Test
  void aBioMayCoverTheWholeDiskAndNoMore() {
    int sectors = 1024; // fewer pages than a bio holds
    BlockDevice small =
        new BlockDevice("small", 1, 512L * sectors, false, new RequestQueue(disk, TAGS, PLAIN));
    rig.use(small);
    submit("all", BlkTypes.REQ_OP_READ, 0, sectors);
    disk.release(0);
    submit("more", BlkTypes.REQ_OP_READ, 0, sectors + 1);
    assertThat(rig.ended()).containsExactly("all 0", "more " + -Errno.EIO);
  }

  @Test
  void aFlushReturnsTheErrorOfTheDisk() {
    use(TAGS, PLAIN.withWriteCache(true, false));
    disk.letThrough();
    assertThat(rig.device().flushAndWait(task)).isZero();
    assertThat(disk.flushes()).isEqualTo(1);
    disk.failEach(BlkTypes.REQ_OP_FLUSH);
    assertThat(rig.device().flushAndWait(task)).isEqualTo(-Errno.EIO);
  }
}
