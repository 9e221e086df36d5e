// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.driver.FaultLog.Kind;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Checks a volatile cache and power cuts against a model. Each sector afterwards holds the last
 * durable data, or data written since, and is whole.
 */
@Timeout(300)
class PowerCutTest {
  private static final int SECTORS = 128;
  private static final int BYTES = SECTORS * 512;
  private static final int MOST = 24; // sectors of a write
  private static final int RUNS = 60;
  private static final int STEPS = 300;
  private static final NullParameters BACKED =
      NullParameters.DEFAULT.withBs(4096).withMemoryBacked(true);

  private final UserProcess process = new UserProcess();
  private final Task task = process.newTask();
  private final long memory = HostMemory.map(1 << 20);

  @BeforeEach
  void enter() {
    assertThat(task.enterKernel()).isTrue();
  }

  @AfterEach
  void leave() {
    task.leaveKernel();
    process.exit();
    HostMemory.unmap(memory, 1 << 20);
  }

  @Test
  void aSectorIsWhatWasFlushedOrWhatWasWrittenSince() {
    long seed = Long.getLong("pollux.seed", new SplittableRandom().nextLong() >>> 1);
    System.out.println("PowerCutTest: -Dpollux.seed=" + seed);
    Map<Kind, Long> fates = new EnumMap<>(Kind.class);
    for (int run = 0; run < RUNS; run++) {
      Run first = new Run(seed, run);
      first.go();
      for (Kind kind : Kind.values()) {
        fates.merge(kind, first.disk.log().count(kind), Long::sum);
      }
      first.disk.close();
    }
    for (Kind kind : new Kind[] {Kind.POWER_CUT, Kind.KEPT, Kind.LOST, Kind.TORN, Kind.POWER_OFF}) {
      assertThat(fates.get(kind)).as(kind.toString()).isPositive();
    }
  }

  @Test
  void theSameSeedLeavesTheSameMedium() {
    for (int run = 0; run < 5; run++) {
      Run one = new Run(77, run);
      one.go();
      Run other = new Run(77, run);
      other.go();
      assertThat(one.contents()).isEqualTo(other.contents());
      assertThat(one.disk.log().faults()).isEqualTo(other.disk.log().faults());
      one.disk.close();
      other.disk.close();
    }
  }

  @Test
  void theLogSaysWhatBecameOfAWriteAndBlocksAreNotTorn() {
    Map<Kind, Integer> seen = new EnumMap<>(Kind.class);
    Set<Long> borders = new HashSet<>();
    for (int seed = 0; seed < 100; seed++) {
      RamDisk medium = new RamDisk(BYTES);
      try (FaultDisk disk = FaultDisk.over(new NullDisk(medium, BACKED), plan(seed))) {
        write(disk.disk("fault0", 1, false), 1, 32);
        disk.powerCut();
        Kind kind = disk.log().faults().getLast().kind();
        seen.merge(kind, 1, Integer::sum);
        long there = 0; // one bit for each of the four blocks
        for (int sector = 31; sector >= 0; sector--) {
          long value = RawMemory.getLong(medium.address() + sector * 512L);
          there = sector % 8 == 7 ? there << 1 | value : there;
          assertThat(there & 1).as("seed " + seed + ", sector " + sector).isEqualTo(value);
        }
        switch (kind) {
          case KEPT -> assertThat(there).isEqualTo(0b1111);
          case LOST -> assertThat(there).isZero();
          default -> borders.add(there);
        }
      }
    }
    assertThat(seen).containsOnlyKeys(Kind.KEPT, Kind.LOST, Kind.TORN);
    assertThat(borders).containsExactlyInAnyOrder(0b1L, 0b11L, 0b111L, 0b1000L, 0b1100L, 0b1110L);
  }

  @Test
  void anEarlierWriteMayBeOverALaterOne() {
    Set<Long> found = new HashSet<>();
    for (int seed = 0; seed < 100; seed++) {
      RamDisk medium = new RamDisk(BYTES);
      try (FaultDisk disk = FaultDisk.over(new NullDisk(medium, BACKED), plan(seed))) {
        BlockDevice bdev = disk.disk("fault0", 1, false);
        write(bdev, 1, 8);
        write(bdev, 2, 8);
        disk.powerCut();
        if (disk.log().count(Kind.KEPT) == 2) {
          found.add(RawMemory.getLong(medium.address()));
        }
      }
    }
    assertThat(found).containsExactlyInAnyOrder(1L, 2L);
  }

  private static FaultPlan plan(int seed) {
    return FaultPlan.builder().seed(seed).volatileCache().build();
  }

  private void write(BlockDevice bdev, long value, int sectors) {
    for (int at = 0; at < sectors * 512; at += 8) {
      RawMemory.putLong(memory + at, value);
    }
    assertThat(bdev.transferAndWait(task, 0, memory, sectors * 512, BlkTypes.REQ_OP_WRITE))
        .isZero();
  }

  /** One disk through many steps, and what may be on it. */
  private final class Run {
    final String name;
    final SplittableRandom random;
    final RamDisk medium = new RamDisk(BYTES);
    final FaultDisk disk;
    final BlockDevice bdev;
    final long[] durable = new long[SECTORS];
    final long[] newest = new long[SECTORS];
    // what was written to a sector and is not durable
    final List<Set<Long>> since = new ArrayList<>();
    long values;
    long cutsSeen;
    int inFlight;

    Run(long seed, int run) {
      name = "seed " + seed + ", run " + run;
      random = new SplittableRandom(new SplittableRandom(seed + run).nextLong());
      FaultPlan plan =
          FaultPlan.builder()
              .seed(random.nextLong())
              .volatileCache()
              .cutWithinWrites(1 + random.nextInt(STEPS))
              .build();
      disk = FaultDisk.withClock(medium, plan, () -> 0);
      bdev = disk.disk("fault0", 1, false);
      for (int sector = 0; sector < SECTORS; sector++) {
        since.add(new HashSet<>());
      }
    }

    void go() {
      for (int step = 0; step < STEPS; step++) {
        switch (random.nextInt(16)) {
          case 0, 1 -> flush();
          case 2, 3, 4 -> read();
          case 5, 6 -> write(BlkTypes.REQ_FUA);
          case 7 -> {
            if (random.nextInt(6) == 0) {
              cutInFlight();
            }
          }
          default -> write(0);
        }
        if (disk.log().count(Kind.POWER_CUT) != cutsSeen) {
          afterTheCut();
        }
      }
    }

    private void write(int flags) {
      int sectors = 1 + random.nextInt(MOST);
      int sector = random.nextInt(SECTORS - sectors + 1);
      long value = fill(memory, sectors);
      assertThat(
              bdev.transferAndWait(
                  task, sector * 512L, memory, sectors * 512, BlkTypes.REQ_OP_WRITE | flags))
          .isZero();
      for (int i = sector; i < sector + sectors; i++) {
        newest[i] = value;
        if (flags == 0) {
          since.get(i).add(value);
        } else {
          durable[i] = value;
          since.get(i).clear();
        }
      }
    }

    private long fill(long address, int sectors) {
      long value = ++values;
      for (int at = 0; at < sectors * 512; at += 8) {
        RawMemory.putLong(address + at, value);
      }
      return value;
    }

    private void flush() {
      assertThat(bdev.flushAndWait(task)).isZero();
      for (int i = 0; i < SECTORS; i++) {
        durable[i] = newest[i];
        since.get(i).clear();
      }
      assertThat(Arrays.equals(contents(), newest)).as(name).isTrue();
    }

    private void read() {
      int sectors = 1 + random.nextInt(MOST);
      int sector = random.nextInt(SECTORS - sectors + 1);
      assertThat(
              bdev.transferAndWait(
                  task, sector * 512L, memory, sectors * 512, BlkTypes.REQ_OP_READ))
          .isZero();
      for (int i = 0; i < sectors; i++) {
        assertThat(RawMemory.getLong(memory + i * 512L)).as(name).isEqualTo(newest[sector + i]);
      }
    }

    /** Cuts the power while writes are in flight, before any poll. */
    private void cutInFlight() {
      int cookie = BlkTypes.BLK_QC_T_NONE;
      int count = 1 + random.nextInt(4);
      for (int n = 0; n < count; n++) {
        int sectors = 1 + random.nextInt(MOST);
        int sector = random.nextInt(SECTORS - sectors + 1);
        long address = memory + (long) n * MOST * 512;
        long value = fill(address, sectors);
        int opf = BlkTypes.REQ_OP_WRITE | BlkTypes.REQ_HIPRI;
        Bio bio =
            Bio.alloc(
                task,
                bdev,
                sector,
                opf,
                done -> {
                  assertThat(done.status()).isEqualTo(-Errno.EIO);
                  done.put();
                  inFlight--;
                },
                null);
        assertThat(bio.addMemory(address, sectors * 512)).isTrue();
        for (int i = sector; i < sector + sectors; i++) {
          since.get(i).add(value);
        }
        inFlight++;
        cookie = bdev.submitBio(task, bio);
      }
      disk.powerCut();
      bdev.queue().blkPoll(cookie, false);
      assertThat(inFlight).as(name).isZero();
    }

    private void afterTheCut() {
      cutsSeen++;
      assertThat(disk.log().count(Kind.POWER_CUT)).as(name).isEqualTo(cutsSeen);
      assertThat(bdev.transferAndWait(task, 0, memory, 512, BlkTypes.REQ_OP_WRITE))
          .as(name)
          .isEqualTo(-Errno.EIO);
      assertThat(bdev.flushAndWait(task)).as(name).isEqualTo(-Errno.EIO);
      disk.powerOn();
      long[] found = contents();
      for (int i = 0; i < SECTORS; i++) {
        Set<Long> allowed = since.get(i);
        allowed.add(durable[i]);
        assertThat(allowed).as(name + ", sector " + i).contains(found[i]);
        allowed.clear();
        durable[i] = found[i];
        newest[i] = found[i];
      }
      assertThat(disk.unflushedWrites()).as(name).isZero();
    }

    /** What each sector holds; none holds two things. */
    long[] contents() {
      long[] found = new long[SECTORS];
      for (int sector = 0; sector < SECTORS; sector++) {
        long at = medium.address() + sector * 512L;
        found[sector] = RawMemory.getLong(at);
        for (int offset = 8; offset < 512; offset += 8) {
          assertThat(RawMemory.getLong(at + offset))
              .as(name + ", sector " + sector)
              .isEqualTo(found[sector]);
        }
      }
      return found;
    }
  }
}
