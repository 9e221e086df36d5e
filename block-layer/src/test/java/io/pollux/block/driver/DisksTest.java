// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.driver.NullParameters.IrqMode;
import io.pollux.block.fixture.BlockRig;
import io.pollux.core.sched.Task;
import io.pollux.uapi.RawMemory;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The drivers: when they complete requests, and the contents afterwards. */
@Timeout(60)
class DisksTest {
  private static final int BYTES = 1 << 20;
  private static final int READ = BlkTypes.REQ_OP_READ;
  private static final int WRITE = BlkTypes.REQ_OP_WRITE;
  private static final int POLLED = BlkTypes.REQ_HIPRI;
  private static final NullParameters TIMER =
      NullParameters.DEFAULT.withIrqmode(IrqMode.TIMER, 10_000);

  private final AtomicLong now = new AtomicLong();
  private final RamDisk first = new RamDisk(BYTES);
  private final BlockRig rig = new BlockRig(first.disk("first0", 2, false));
  private final Task task = rig.task();
  private final long memory = rig.memory();

  @AfterEach
  void close() {
    assertThat(rig.ended()).allMatch(each -> each.endsWith(" 0"));
    rig.close();
    first.close();
  }

  private int submit(BlockDevice bdev, int opf) {
    rig.use(bdev);
    return rig.submitAt("bio", opf, 0, memory, 8);
  }

  @Test
  void aTimedRequestCompletesFromTheTimerWhenItsTimeHasCome() {
    try (NullDisk disk = NullDisk.withClock(new RamDisk(BYTES), TIMER, now::get)) {
      BlockDevice bdev = disk.disk("nullb0", 1, false);
      submit(bdev, READ);
      now.set(4_000);
      submit(bdev, READ);
      now.set(9_999);
      assertThat(disk.expireTimers()).isFalse();
      now.set(10_000);
      assertThat(disk.expireTimers()).isTrue();
      assertThat(rig.ended()).hasSize(1);
      now.set(20_000);
      assertThat(disk.expireTimers()).isTrue();
      assertThat(rig.ended()).hasSize(2);
      assertThat(bdev.queue().busyTags()).isZero();
    }
  }

  @Test
  void aTimedPolledRequestCompletesWhenItIsPolledAfterItsTime() {
    try (NullDisk disk = NullDisk.withClock(new RamDisk(BYTES), TIMER, now::get)) {
      BlockDevice bdev = disk.disk("nullb0", 1, false);
      int cookie = submit(bdev, READ | POLLED);
      now.set(9_999);
      assertThat(bdev.queue().blkPoll(cookie, false)).isZero();
      now.set(10_000);
      assertThat(disk.expireTimers()).as("not by itself").isFalse();
      assertThat(bdev.queue().blkPoll(cookie, false)).isEqualTo(1);
      assertThat(rig.ended()).hasSize(1);
    }
  }

  @Test
  void softirqDelaysWhatInterruptsAndNotWhatIsPolledFor() {
    NullParameters softirq = NullParameters.DEFAULT.withIrqmode(IrqMode.SOFTIRQ, 10_000);
    try (NullDisk disk = NullDisk.withClock(new RamDisk(BYTES), softirq, now::get)) {
      BlockDevice bdev = disk.disk("nullb0", 1, false);
      submit(bdev, READ);
      assertThat(rig.ended()).as("not while it is submitted").isEmpty();
      int cookie = submit(bdev, READ | POLLED);
      assertThat(disk.expireTimers()).isTrue();
      assertThat(disk.expireTimers()).as("the other one waits for a poll").isFalse();
      assertThat(rig.ended()).hasSize(1);
      assertThat(bdev.queue().blkPoll(cookie, false)).isEqualTo(1);
      assertThat(rig.ended()).hasSize(2);
      assertThat(bdev.queue().busyTags()).isZero();
    }
  }

  @Test
  void interruptsComeFromAThreadOfTheDisk() {
    for (IrqMode mode : new IrqMode[] {IrqMode.SOFTIRQ, IrqMode.TIMER}) {
      try (NullDisk disk = new NullDisk(new RamDisk(BYTES), TIMER.withIrqmode(mode, 100_000))) {
        BlockDevice bdev = disk.disk("nullb0", 1, false);
        assertThat(rig.takeEnded()).allMatch(each -> each.endsWith(" 0"));
        for (int i = 0; i < 200; i++) {
          submit(bdev, READ);
          if (i % 10 == 9) {
            while (rig.ended().size() <= i) {
              Thread.onSpinWait();
              assertThat(Thread.currentThread().isInterrupted()).as("by the timeout").isFalse();
            }
          }
        }
        assertThat(bdev.queue().busyTags()).isZero();
        assertThat(bdev.queue().stats().reads()).isEqualTo(200);
      }
    }
  }

  @Test
  void onlyMetadataIsKeptUnlessTheDiskIsMemoryBacked() {
    for (boolean backed : new boolean[] {false, true}) {
      NullParameters parameters =
          NullParameters.DEFAULT.withMemoryBacked(backed).withBs(4096).withQueues(2, 2, 8);
      try (NullDisk disk = new NullDisk(new RamDisk(BYTES), parameters)) {
        BlockDevice bdev = disk.disk("nullb0", 1, false);
        assertThat(bdev.queue().logicalBlockSize()).isEqualTo(4096);
        RawMemory.putLong(memory, 7);
        submit(bdev, WRITE);
        RawMemory.putLong(memory, 8);
        submit(bdev, READ | BlkTypes.REQ_META);
        assertThat(RawMemory.getLong(memory)).isEqualTo(backed ? 7 : 0);
        assertThat(bdev.discardAndWait(task, 0, 8192)).isZero();
      }
    }
  }

  @Test
  void parametersOutOfRangeAreRefused() {
    assertThatThrownBy(() -> TIMER.withIrqmode(IrqMode.TIMER, -1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> TIMER.withBs(8192)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> TIMER.withQueues(0, 1, 1))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void aDiscardedPageOfARamDiskReadsAsZeroesAndItsNeighboursStay() {
    try (RamDisk disk = new RamDisk(BYTES)) {
      BlockDevice bdev = disk.disk("ram0", 1, false);
      fill(disk);
      assertThat(bdev.discardAndWait(task, 4096 - 512, 4096 + 1024)).isZero();
      assertPattern(disk, 4096, 8192);
      fill(disk);
      assertThat(bdev.zeroAndWait(task, 512, 3 * 4096, BlockDevice.ZERO_NOUNMAP)).isZero();
      assertPattern(disk, 512, 512 + 3 * 4096);
      assertThat(bdev.flushAndWait(task)).isZero();
    }
  }

  private static void fill(RamDisk disk) {
    for (int at = 0; at < BYTES; at += 8) {
      RawMemory.putLong(disk.address() + at, 1);
    }
  }

  private static void assertPattern(RamDisk disk, int from, int to) {
    for (int at = 0; at < BYTES; at += 8) {
      assertThat(RawMemory.getLong(disk.address() + at))
          .as("byte " + at)
          .isEqualTo(at >= from && at < to ? 0 : 1);
    }
  }
}
