// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.QueueLimits;
import io.pollux.block.TagSet;
import io.pollux.block.driver.NullParameters.IrqMode;
import io.pollux.block.fixture.BlockRig;
import io.pollux.uapi.RawMemory;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Contents and limits of the disks in memory. */
@Timeout(60)
class MemoryDisksTest {
  private static final int BYTES = 1 << 20;
  private static final int PAGE = 4096;
  private static final int SECTOR = 512;

  private final RamDisk disk = new RamDisk(BYTES);
  private final BlockDevice device = disk.disk("ram0", 1, false);
  private final BlockRig rig = new BlockRig(device);

  @AfterEach
  void close() {
    rig.close();
    disk.close();
  }

  private static byte pattern(long at) {
    return (byte) (1 + at % 251);
  }

  private static void fill(long address, long from, long to) {
    for (long at = from; at < to; at++) {
      RawMemory.putByte(address + at, pattern(at));
    }
  }

  /** Returns the first byte that is not as it should be, or -1. */
  private static long wrong(long address, long zeroFrom, long zeroTo) {
    for (long at = 0; at < BYTES; at++) {
      byte wanted = at >= zeroFrom && at < zeroTo ? 0 : pattern(at);
      if (RawMemory.getByte(address + at) != wanted) {
        return at;
      }
    }
    return -1;
  }

  /** A discard frees whole pages; the others keep their contents. */
  @ParameterizedTest
  @CsvSource({
    "0, 8, 0, 4096",
    "0, 7, 0, 0",
    "1, 7, 0, 0",
    "1, 15, 4096, 8192",
    "7, 10, 4096, 8192",
    "8, 16, 4096, 12288",
    "9, 15, 8192, 12288",
    "2040, 8, 1044480, 1048576"
  })
  void aDiscardFreesThePagesInsideIt(long sector, int sectors, long from, long to) {
    fill(disk.address(), 0, BYTES);
    rig.submit("d", BlkTypes.REQ_OP_DISCARD, sector, sectors);
    assertThat(rig.takeEnded()).containsExactly("d 0");
    assertThat(wrong(disk.address(), from, to)).isEqualTo(-1);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 1, 0",
    "1, 6, 0",
    "0, 8, 0",
    "1, 15, 0",
    "7, 10, 0",
    "8, 16, 0",
    "9, 31, 0",
    "1, 8, 0",
    "0, 8, 1",
    "3, 30, 1",
    "2047, 1, 0",
    "2040, 8, 1"
  })
  void zeroingClearsItsSectorsAndNoOther(long sector, int sectors, int flags) {
    fill(disk.address(), 0, BYTES);
    assertThat(device.zeroAndWait(rig.task(), sector * SECTOR, (long) sectors * SECTOR, flags))
        .isZero();
    assertThat(wrong(disk.address(), sector * SECTOR, (sector + sectors) * SECTOR)).isEqualTo(-1);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, BlkTypes.REQ_HIPRI})
  void aBioOfSeveralPiecesIsOneRangeOfTheDisk(int polled) {
    fill(rig.memory(), 0, BYTES);
    int cookie = rig.submit("w", BlkTypes.REQ_OP_WRITE | polled, 5, 1, 2, 3);
    device.queue().blkPoll(cookie, false);
    for (long at = 0; at < BYTES; at++) {
      boolean written = at >= 5 * SECTOR && at < 11 * SECTOR;
      assertThat(RawMemory.getByte(disk.address() + at)).isEqualTo(written ? pattern(at) : 0);
    }
    RawMemory.zero(rig.memory(), BYTES);
    cookie = rig.submit("r", BlkTypes.REQ_OP_READ | polled, 6, 2, 1, 1);
    device.queue().blkPoll(cookie, false);
    for (long at = 0; at < BYTES; at++) {
      boolean read = at >= 6 * SECTOR && at < 10 * SECTOR;
      assertThat(RawMemory.getByte(rig.memory() + at)).isEqualTo(read ? pattern(at) : 0);
    }
    assertThat(rig.ended()).containsExactly("w 0", "r 0");
  }

  @Test
  void aRamDiskHasPagesAsPhysicalBlocksAndNoWriteCache() {
    QueueLimits limits = disk.limits();
    assertThat(limits.logicalBlockSize()).isEqualTo(512);
    assertThat(limits.physicalBlockSize()).isEqualTo(PAGE);
    assertThat(limits)
        .isEqualTo(
            QueueLimits.of(512)
                .withPhysicalBlockSize(PAGE)
                .withDiscard(PAGE, 1 << 21, 1 << 21)
                .withWriteCache(false, false));
    assertThat(disk.bytes()).isEqualTo(BYTES);
    assertThat(device.bytes()).isEqualTo(BYTES);
    assertThat(disk.isIdle()).isTrue();
    assertThat(disk.movesByItself()).isFalse();
  }

  @Test
  void aRamDiskOfOneByteHasAPage() {
    try (RamDisk small = new RamDisk(1)) {
      assertThat(small.bytes()).isEqualTo(1);
      RawMemory.putByte(small.address() + PAGE - 1, (byte) 1);
      assertThat(RawMemory.getByte(small.address() + PAGE - 1)).isEqualTo((byte) 1);
    }
  }

  @Test
  void moveTransfersInTheDirectionOfTheOperation() {
    fill(rig.memory(), 0, 100);
    assertThat(disk.move(BlkTypes.REQ_OP_WRITE, 7, rig.memory(), 100)).isZero();
    for (int at = 0; at < 107; at++) {
      assertThat(RawMemory.getByte(disk.address() + at)).isEqualTo(at < 7 ? 0 : pattern(at - 7));
    }
    assertThat(disk.move(BlkTypes.REQ_OP_READ | BlkTypes.REQ_META, 7, rig.memory() + PAGE, 100))
        .isZero();
    assertThat(RawMemory.getByte(rig.memory() + PAGE + 99)).isEqualTo(pattern(99));
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aNullDiskKeepsItsDataOnlyIfItIsMemoryBacked(boolean backed) {
    NullParameters parameters = NullParameters.DEFAULT.withMemoryBacked(backed);
    RamDisk memory = new RamDisk(BYTES); // the null disk closes it
    try (NullDisk none = new NullDisk(memory, parameters)) {
      long address = memory.address();
      fill(rig.memory(), 0, BYTES);
      assertThat(none.move(BlkTypes.REQ_OP_WRITE, 0, rig.memory(), 512)).isZero();
      assertThat(RawMemory.getByte(address)).isEqualTo(backed ? pattern(0) : 0);
      int meta = BlkTypes.REQ_OP_WRITE | BlkTypes.REQ_META;
      assertThat(none.move(meta, 0, rig.memory(), BYTES)).isZero();
      assertThat(wrong(address, 0, 0)).as("metadata is always kept").isEqualTo(-1);

      BlockDevice bdev = none.disk("nullb0", 3, false);
      assertThat(bdev.discardAndWait(rig.task(), 0, PAGE)).isZero();
      assertThat(wrong(address, 0, backed ? PAGE : 0)).isEqualTo(-1);
      assertThat(bdev.zeroAndWait(rig.task(), 0, 2 * PAGE, 0)).isZero();
      assertThat(wrong(address, 0, backed ? 2 * PAGE : 0)).isEqualTo(-1);
    }
  }

  @Test
  void aNullDiskHasTheQueuesAndTheBlockSizeOfItsParameters() {
    NullParameters parameters = NullParameters.DEFAULT.withQueues(2, 3, 16).withBs(1024);
    try (NullDisk none = new NullDisk(new RamDisk(BYTES), parameters)) {
      assertThat(none.tagSet()).isEqualTo(new TagSet(2, 3, 16, true));
      assertThat(none.limits())
          .isEqualTo(
              QueueLimits.of(1024)
                  .withWriteCache(false, false)
                  .withDiscard(PAGE, 1 << 21, 1 << 21));
      assertThat(none.bytes()).isEqualTo(BYTES);
      assertThat(none.isIdle()).isTrue();
    }
  }

  /** Each queue has its own line, and polled ones wait for a poll. */
  @Test
  void theTimerServesEveryInterruptDrivenQueue() {
    AtomicLong now = new AtomicLong();
    NullParameters parameters =
        NullParameters.DEFAULT.withIrqmode(IrqMode.TIMER, 10).withQueues(1, 1, 8);
    try (NullDisk none = NullDisk.withClock(new RamDisk(BYTES), parameters, now::get)) {
      rig.use(none.disk("nullb0", 3, false));
      assertThat(none.expireTimers()).as("nothing there").isFalse();
      rig.submit("a", BlkTypes.REQ_OP_READ, 0, 1);
      now.set(5);
      int cookie = rig.submit("p", BlkTypes.REQ_OP_READ | BlkTypes.REQ_HIPRI, 0, 1);
      rig.submit("b", BlkTypes.REQ_OP_READ, 0, 1);
      now.set(14);
      assertThat(none.expireTimers()).isTrue();
      assertThat(rig.takeEnded()).containsExactly("a 0");
      assertThat(rig.device().queue().blkPoll(cookie, false)).isZero();
      now.set(15);
      assertThat(rig.device().queue().blkPoll(cookie, false)).isEqualTo(1);
      assertThat(rig.takeEnded()).containsExactly("p 0");
      assertThat(none.expireTimers()).isTrue();
      assertThat(rig.takeEnded()).containsExactly("b 0");
      assertThat(none.expireTimers()).isFalse();
    }
    rig.use(device);
  }

  @Test
  void parametersAreCheckedAtTheirLimits() {
    NullParameters some = NullParameters.DEFAULT;
    for (int bs : new int[] {512, 1024, 2048, 4096}) {
      assertThat(some.withBs(bs).bs()).isEqualTo(bs);
    }
    for (int bs : new int[] {0, 256, 513, 3072, 8192, -512}) {
      assertThatThrownBy(() -> some.withBs(bs)).hasMessage("bs " + bs);
    }
    for (long nsec : new long[] {0, 1_000_000_000}) {
      assertThat(some.withIrqmode(IrqMode.TIMER, nsec).completionNsec()).isEqualTo(nsec);
    }
    for (long nsec : new long[] {-1, 1_000_000_001}) {
      assertThatThrownBy(() -> some.withIrqmode(IrqMode.TIMER, nsec))
          .hasMessage("completion_nsec " + nsec);
    }
    NullParameters changed =
        some.withQueues(3, 0, 5).withIrqmode(IrqMode.SOFTIRQ, 7).withMemoryBacked(true).withBs(512);
    assertThat(changed).isEqualTo(new NullParameters(IrqMode.SOFTIRQ, 7, 5, 3, 0, 512, true));
  }
}
