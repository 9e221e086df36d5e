// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.BlkMqOps;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.HwCtx;
import io.pollux.block.Request;
import io.pollux.block.driver.FaultLog.Fault;
import io.pollux.block.driver.FaultLog.Kind;
import io.pollux.block.fixture.BlockRig;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Each fault of a faulty disk: the requests' results, the log, and the medium. */
@Timeout(60)
class FaultDiskTest {
  private static final int BYTES = 1 << 20;
  private static final int READ = BlkTypes.REQ_OP_READ;
  private static final int WRITE = BlkTypes.REQ_OP_WRITE;
  private static final int POLLED = BlkTypes.REQ_HIPRI;

  private final AtomicLong now = new AtomicLong();
  private final RamDisk medium = new RamDisk(BYTES);
  private final BlockRig rig = new BlockRig(medium.disk("ram0", 2, false));
  private final Task task = rig.task();
  private final long memory = rig.memory();

  @AfterEach
  void leave() {
    rig.close();
  }

  private FaultDisk disk(String plan) {
    return FaultDisk.withClock(medium, FaultPlan.parse(plan), now::get);
  }

  private int submit(BlockDevice bdev, String name, int opf, long sector, int sectors) {
    rig.use(bdev);
    return rig.submitAt(name, opf, sector, memory, sectors);
  }

  /** Fills the memory with a number, and writes it. */
  private void write(BlockDevice bdev, int flags, long value, long sector, int sectors) {
    for (int at = 0; at < sectors * 512; at += 8) {
      RawMemory.putLong(memory + at, value);
    }
    submit(bdev, "w" + value, WRITE | flags, sector, sectors);
  }

  private long onMedium(long sector) {
    return RawMemory.getLong(medium.address() + sector * 512);
  }

  @Test
  void theScriptedRequestsFailAndMoveNothingAndTheLogHasThem() {
    try (FaultDisk disk = disk("error-at=2,error-sectors=100-100,error=ENOSPC,errors=write")) {
      BlockDevice bdev = disk.disk("fault0", 1, false);
      write(bdev, 0, 1, 0, 8);
      write(bdev, 0, 2, 8, 8);
      write(bdev, 0, 3, 96, 8);
      submit(bdev, "r", READ, 96, 8);
      assertThat(rig.ended())
          .containsExactly("w1 0", "w2 " + -Errno.ENOSPC, "w3 " + -Errno.ENOSPC, "r 0");
      assertThat(onMedium(0)).isEqualTo(1);
      assertThat(onMedium(8)).isZero();
      assertThat(onMedium(96)).isZero();
      assertThat(disk.log().faults())
          .containsExactly(
              new Fault(Kind.ERROR, 2, WRITE, 8, 8, 1), new Fault(Kind.ERROR, 3, WRITE, 96, 8, 1));
      assertThat(disk.log().failed()).isEqualTo(2);
      assertThat(disk.log()).hasToString("error=2");
      assertThat(disk.requests()).isEqualTo(4);
    }
  }

  @Test
  void withoutAPlanNothingHappens() {
    try (FaultDisk disk = disk("")) {
      BlockDevice bdev = disk.disk("fault0", 1, false);
      write(bdev, 0, 1, 0, 8);
      int cookie = submit(bdev, "p", READ | POLLED, 0, 8);
      assertThat(bdev.queue().blkPoll(cookie, false)).isEqualTo(1);
      assertThat(bdev.discardAndWait(task, 0, 4096)).isZero();
      assertThat(rig.ended()).containsExactly("w1 0", "p 0");
      assertThat(disk.log()).hasToString("none");
    }
  }

  @Test
  void theSameRequestsMeetTheSameFaultsPolledOrNot() {
    List<List<Fault>> logs = new ArrayList<>();
    for (int flags : new int[] {0, 0, POLLED}) {
      try (FaultDisk disk =
          FaultDisk.over(
              new RamDisk(BYTES), FaultPlan.parse("seed=4,error-rate=0.2,short-rate=0.1"))) {
        BlockDevice bdev = disk.disk("fault0", 1, false);
        rig.takeEnded();
        for (int i = 0; i < 300; i++) {
          int cookie = submit(bdev, "r", (i % 2 == 0 ? READ : WRITE) | flags, i, 4);
          bdev.queue().blkPoll(cookie, false);
        }
        logs.add(disk.log().faults());
        assertThat(rig.ended().stream().filter("r -5"::equals).count())
            .isEqualTo(disk.log().failed());
        assertThat(rig.ended()).hasSize(300);
      }
    }
    assertThat(logs.get(0)).hasSizeGreaterThan(50).isEqualTo(logs.get(1)).isEqualTo(logs.get(2));
  }

  @Test
  void aShortRequestMovesItsFirstSectorsAndFails() {
    for (String cache : new String[] {"", ",volatile-cache"}) {
      try (FaultDisk disk =
          FaultDisk.over(
              new RamDisk(BYTES), FaultPlan.parse("seed=3,short-at=2,short-at=3" + cache))) {
        BlockDevice bdev = disk.disk("fault0", 1, false);
        rig.takeEnded();
        write(bdev, 0, 1, 0, 64);
        write(bdev, 0, 2, 0, 64);
        assertThat(disk.peek(0, memory, 64 * 512)).isZero();
        int moved = leading(2);
        assertThat(moved).isBetween(1, 63);
        for (int sector = moved; sector < 64; sector++) {
          assertThat(RawMemory.getLong(memory + sector * 512L)).as("sector " + sector).isEqualTo(1);
        }
        RawMemory.zero(memory, 64 * 512);
        // its first sectors, which the short write did not reach or did
        submit(bdev, "r", READ, 64 - 16, 16);
        assertThat(RawMemory.getLong(memory)).isNotZero();
        assertThat(RawMemory.getLong(memory + 15 * 512)).isZero();
        assertThat(rig.ended()).containsExactly("w1 0", "w2 -5", "r -5");
        assertThat(disk.log().count(Kind.SHORT)).isEqualTo(2);
      }
    }
  }

  private int leading(long value) {
    int sectors = 0;
    while (sectors < 64 && RawMemory.getLong(memory + sectors * 512L) == value) {
      sectors++;
    }
    return sectors;
  }

  @Test
  void aLateRequestEndsWhenItsTimeHasCome() {
    try (FaultDisk disk = disk("delay-ns=1000")) {
      BlockDevice bdev = disk.disk("fault0", 1, false);
      submit(bdev, "a", READ, 0, 8);
      now.set(400);
      int cookie = submit(bdev, "polled", READ | POLLED, 0, 8);
      now.set(999);
      assertThat(disk.expireTimers()).isFalse();
      now.set(1000);
      assertThat(disk.expireTimers()).isTrue();
      assertThat(rig.ended()).containsExactly("a 0");
      assertThat(bdev.queue().blkPoll(cookie, false)).isZero();
      now.set(1400);
      assertThat(disk.expireTimers()).as("it is polled for").isFalse();
      assertThat(bdev.queue().blkPoll(cookie, false)).isEqualTo(1);
      assertThat(rig.ended()).containsExactly("a 0", "polled 0");
      assertThat(disk.log().count(Kind.LATE)).isEqualTo(2);
    }
  }

  @Test
  void lateRequestsEndFromAThreadOfTheDisk() {
    try (FaultDisk disk =
        FaultDisk.over(
            new RamDisk(BYTES), FaultPlan.parse("seed=5,delay-ns=20000,late-rate=0.5,reorder=4"))) {
      BlockDevice bdev = disk.disk("fault0", 1, false);
      for (int i = 0; i < 100; i++) {
        submit(bdev, "r", READ, i, 8);
      }
      while (rig.ended().size() < 100) {
        Thread.onSpinWait();
        assertThat(Thread.currentThread().isInterrupted()).as("by the timeout").isFalse();
      }
      assertThat(bdev.queue().busyTags()).isZero();
      assertThat(disk.log().count(Kind.LATE)).isBetween(20L, 80L);
    }
  }

  @Test
  void completionsComeOutOfOrderAndTheLastOnesDoNotWaitForever() {
    try (FaultDisk disk = disk("seed=1,reorder=8")) {
      BlockDevice bdev = disk.disk("fault0", 1, false);
      for (int i = 0; i < 7; i++) {
        submit(bdev, "" + i, READ, i, 1);
      }
      assertThat(rig.ended()).isEmpty();
      submit(bdev, "7", READ, 7, 1);
      List<String> order = rig.ended();
      assertThat(order).hasSize(8);
      assertThat(order).isNotEqualTo(order.stream().sorted().toList());
      assertThat(disk.log().count(Kind.REORDERED)).isPositive();
      submit(bdev, "8", READ, 8, 1);
      assertThat(disk.expireTimers()).isFalse();
      now.addAndGet(FaultDisk.REORDER_NANOS);
      assertThat(disk.expireTimers()).isTrue();
      assertThat(rig.ended()).hasSize(9);
    }
  }

  @Test
  void polledRequestsChangePlacesWithinAPoll() {
    try (FaultDisk disk = disk("seed=1,reorder=8")) {
      BlockDevice bdev = disk.disk("fault0", 1, false);
      int cookie = 0;
      for (int i = 0; i < 8; i++) {
        cookie = submit(bdev, "" + i, READ | POLLED, i, 1);
      }
      assertThat(bdev.queue().blkPoll(cookie, false)).isEqualTo(8);
      assertThat(rig.ended()).hasSize(8).isNotEqualTo(rig.ended().stream().sorted().toList());
    }
  }

  @Test
  void aPolledRequestThatFailsIsPolledFor() {
    try (FaultDisk disk = disk("error-at=2")) {
      BlockDevice bdev = disk.disk("fault0", 1, false);
      int cookie = 0;
      for (int i = 1; i <= 3; i++) {
        cookie = submit(bdev, "" + i, READ | POLLED, i, 1);
      }
      assertThat(rig.ended()).isEmpty();
      assertThat(bdev.queue().blkPoll(cookie, false)).isEqualTo(3);
      assertThat(rig.ended()).containsExactlyInAnyOrder("1 0", "2 -5", "3 0");
    }
  }

  @Test
  void withheldTagsAreMissing() {
    try (FaultDisk disk = disk("withhold-tags=1020")) {
      BlockDevice bdev = disk.disk("fault0", 1, false);
      int cookie = 0;
      for (int i = 0; i < 3; i++) {
        cookie = submit(bdev, "" + i, READ | BlkTypes.REQ_HIPRI_ASYNC, i, 1);
      }
      assertThat(submit(bdev, "3", READ | BlkTypes.REQ_HIPRI_ASYNC, 3, 1))
          .isEqualTo(BlkTypes.BLK_QC_T_NONE);
      assertThat(rig.ended()).containsExactly("3 " + -Errno.EAGAIN);
      assertThat(bdev.queue().blkPoll(cookie, false)).isEqualTo(3);
    }
  }

  @Test
  void aWriteIsInTheCacheUntilAFlush() {
    try (FaultDisk disk = disk("volatile-cache")) {
      BlockDevice bdev = disk.disk("fault0", 1, false);
      write(bdev, 0, 1, 0, 8);
      write(bdev, 0, 2, 4, 8);
      assertThat(disk.unflushedWrites()).isEqualTo(2);
      assertThat(onMedium(0)).isZero();
      submit(bdev, "r", READ, 2, 8);
      assertThat(RawMemory.getLong(memory)).isEqualTo(1);
      assertThat(RawMemory.getLong(memory + 2 * 512)).isEqualTo(2);
      assertThat(bdev.flushAndWait(task)).isZero();
      assertThat(onMedium(3)).isEqualTo(1);
      assertThat(onMedium(4)).isEqualTo(2);
      assertThat(disk.unflushedWrites()).isZero();
      assertThat(bdev.discardAndWait(task, 0, 4096)).isEqualTo(-Errno.EOPNOTSUPP);
    }
  }

  @Test
  void aDurableWriteGoesToTheMediumAloneAndIsNotOverwrittenByOlderOnes() {
    try (FaultDisk disk = disk("volatile-cache")) {
      BlockDevice bdev = disk.disk("fault0", 1, false);
      write(bdev, 0, 1, 0, 8);
      write(bdev, BlkTypes.REQ_FUA, 2, 2, 4);
      assertThat(onMedium(1)).isZero();
      assertThat(onMedium(2)).isEqualTo(2);
      submit(bdev, "r", READ, 0, 8);
      assertThat(RawMemory.getLong(memory + 512)).isEqualTo(1);
      assertThat(RawMemory.getLong(memory + 3 * 512)).isEqualTo(2);
      assertThat(bdev.flushAndWait(task)).isZero();
      assertThat(onMedium(1)).isEqualTo(1);
      assertThat(onMedium(5)).isEqualTo(2);
      assertThat(onMedium(6)).isEqualTo(1);
    }
  }

  @Test
  void withoutPowerEverythingFailsUntilItIsBack() {
    for (String plan : new String[] {"", "volatile-cache"}) {
      try (FaultDisk disk = FaultDisk.over(new RamDisk(BYTES), FaultPlan.parse(plan))) {
        BlockDevice bdev = disk.disk("fault0", 1, false);
        rig.takeEnded();
        int cookie = submit(bdev, "in flight", READ | POLLED, 0, 8);
        disk.powerCut();
        disk.powerCut();
        submit(bdev, "off", READ, 0, 8);
        disk.powerOn();
        submit(bdev, "on", READ, 0, 8);
        assertThat(bdev.queue().blkPoll(cookie, false)).isEqualTo(1);
        assertThat(rig.ended()).containsExactly("off -5", "on 0", "in flight -5");
        assertThat(disk.log().count(Kind.POWER_CUT)).isEqualTo(1);
        assertThat(disk.log().count(Kind.POWER_OFF)).isEqualTo(2);
      }
    }
  }

  @Test
  void thePlannedCutComesAfterItsWriteAndOnce() {
    for (int flags : new int[] {0, POLLED}) {
      for (String cache : new String[] {"", ",volatile-cache"}) {
        try (FaultDisk disk =
            FaultDisk.over(new RamDisk(BYTES), FaultPlan.parse("cut-after-writes=2" + cache))) {
          BlockDevice bdev = disk.disk("fault0", 1, false);
          rig.takeEnded();
          for (int i = 1; i <= 3; i++) {
            int cookie = submit(bdev, "w" + i, WRITE | flags, i, 1);
            bdev.queue().blkPoll(cookie, false);
          }
          disk.powerOn();
          for (int i = 4; i <= 8; i++) {
            submit(bdev, "w" + i, WRITE, i, 1);
          }
          assertThat(rig.ended())
              .containsExactly("w1 0", "w2 0", "w3 -5", "w4 0", "w5 0", "w6 0", "w7 0", "w8 0");
        }
      }
    }
  }

  @Test
  void anyDriverCanBeWrappedButItsDataCannotBeReached() {
    RamDisk driver = new RamDisk(BYTES);
    BlkMqOps other =
        new BlkMqOps() {
          @Override
          public void queueRqs(HwCtx hctx, Request chain) {
            driver.queueRqs(hctx, chain);
          }

          @Override
          public int poll(HwCtx hctx) {
            return driver.poll(hctx);
          }

          @Override
          public void close() {
            driver.close();
          }
        };
    assertThatThrownBy(
            () ->
                FaultDisk.over(
                    other,
                    BYTES,
                    driver.tagSet(),
                    driver.limits(),
                    FaultPlan.parse("volatile-cache")))
        .isInstanceOf(IllegalArgumentException.class);
    try (FaultDisk disk =
        FaultDisk.over(
            other, BYTES, driver.tagSet(), driver.limits(), FaultPlan.parse("error-at=2"))) {
      BlockDevice bdev = disk.disk("fault0", 1, false);
      submit(bdev, "1", READ, 0, 1);
      submit(bdev, "2", READ, 0, 1);
      assertThat(rig.ended()).containsExactly("1 0", "2 -5");
      assertThat(disk.peek(0, memory, 512)).isEqualTo(-Errno.EOPNOTSUPP);
    }
  }

  @Test
  void theCacheGoesToAFileAndWhatIsShutDownIsWrittenBack(@TempDir Path directory)
      throws IOException {
    Path image = directory.resolve("image");
    Files.write(image, new byte[BYTES]);
    try (FaultDisk disk =
        FaultDisk.over(HostDisk.open(image, false), FaultPlan.parse("volatile-cache"))) {
      BlockDevice bdev = disk.disk("fault0", 1, false);
      write(bdev, 0, 7, 1, 1);
      assertThat(Files.readAllBytes(image)[512]).isZero();
      submit(bdev, "r", READ, 1, 1);
      assertThat(RawMemory.getLong(memory)).isEqualTo(7);
    }
    assertThat(Files.readAllBytes(image)[512]).isEqualTo((byte) 7);
  }
}
