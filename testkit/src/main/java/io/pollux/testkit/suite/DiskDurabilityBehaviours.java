// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.QueueLimits;
import io.pollux.block.driver.OpenedFaultDisk;
import io.pollux.block.fixture.BlockRig;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.BlkIoctl;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import org.junit.jupiter.api.Test;

/** Flushes, durable writes, power cuts, discards and zeroing. */
abstract class DiskDurabilityBehaviours extends DiskTransferBehaviours {
  private static final int PUNCH = Fcntl.FALLOC_FL_PUNCH_HOLE | Fcntl.FALLOC_FL_KEEP_SIZE;

  @Test
  void aFlushOfNothingCompletes() {
    try (DiskCalls io = calls(main, DIRECT)) {
      expect(io.fsync(), 0);
    }
    try (BlockRig rig = new BlockRig(main.device())) {
      int count = 0;
      for (int opf : opfs()) {
        submit(rig, "flush", FLUSH | opf, 0);
        submit(rig, "empty", WRITE | BlkTypes.REQ_PREFLUSH | opf, 0);
        count += 2;
      }
      assertThat(awaitEnded(rig, count)).allMatch(each -> each.endsWith(" 0"));
    }
  }

  @Test
  void aFlushCompletesWhileWritesAreInFlight() {
    try (BlockRig rig = new BlockRig(main.device())) {
      for (int i = 0; i < 30; i++) {
        submit(rig, "write", WRITE | opfs()[i % opfs().length], place(main, 8), 8);
        if (i % 7 == 0) {
          submit(rig, "flush", FLUSH, 0);
        }
      }
      assertThat(awaitEnded(rig, 35)).allMatch(each -> each.endsWith(" 0"));
    }
  }

  @Test
  void durableWritesAreWhole() {
    int[] flags = {
      BlkTypes.REQ_FUA, BlkTypes.REQ_PREFLUSH, BlkTypes.REQ_FUA | BlkTypes.REQ_PREFLUSH
    };
    try (BlockRig rig = new BlockRig(main.device())) {
      for (int flag : flags) {
        for (int opf : opfs()) {
          int sectors = size(main, 600);
          long at = place(main, sectors);
          int version = main.contents().newVersion();
          main.contents().fill(rig.memory() + (at << SHIFT), at, sectors, version);
          submit(rig, "write", WRITE | flag | opf, at, sectors);
          assertThat(awaitEnded(rig, 1)).containsExactly("write 0");
          main.contents().set(at, sectors, version);
          submit(rig, "read", READ | opf, at, sectors);
          assertThat(awaitEnded(rig, 1)).containsExactly("read 0");
          main.contents().check(rig.memory() + (at << SHIFT), at, sectors);
        }
      }
    }
    try (DiskCalls io = calls(main, DIRECT)) {
      for (int rwf : rwfs()) {
        write(main, io, 0, 64, rwf | DSYNC);
        check(main, io, 0, 64, rwf);
      }
    }
  }

  @Test
  void theDiskHasTheFeaturesThatItDeclares() {
    QueueLimits limits = main.device().queue().limits();
    boolean polls = main.device().queue().tagSet().pollQueues() > 0;
    assertThat(polls).as("POLL").isEqualTo(has(DiskFeature.POLL));
    assertThat(limits.writeCache()).as("WRITE_CACHE").isEqualTo(has(DiskFeature.WRITE_CACHE));
    assertThat(limits.writeCache() && limits.fua()).as("FUA").isEqualTo(has(DiskFeature.FUA));
    assertThat(limits.maxDiscardSectors() > 0).as("DISCARD").isEqualTo(has(DiskFeature.DISCARD));
    assertThat(limits.maxWriteZeroesSectors() > 0)
        .as("WRITE_ZEROES")
        .isEqualTo(has(DiskFeature.WRITE_ZEROES));
    assertThat(main.device().queue().tagSet().shouldMerge())
        .as("MERGE")
        .isEqualTo(has(DiskFeature.MERGE));
    assertThat(main.stack().top().keepsData())
        .as("STORES, as OpenedDisk.keepsData says")
        .isEqualTo(has(DiskFeature.STORES));
  }

  @Test
  void whatIsNotDeclaredIsRefused() throws ErrnoException {
    int block = main.block();
    try (DiskCalls io = calls(main, DIRECT)) {
      if (!has(DiskFeature.DISCARD)) {
        assertThatCall(io.range("BLKDISCARD", BlkIoctl.BLKDISCARD, 0, block))
            .failsWith(Errno.EOPNOTSUPP);
      }
      if (!has(DiskFeature.WRITE_ZEROES)) {
        assertThatCall(io.fallocate(PUNCH, 0, block)).failsWith(Errno.EOPNOTSUPP);
      }
      expect(io.read(0, block, HIPRI), block); // polled or not
      write(main, io, 0, main.step(), DSYNC);
    }
    try (BlockRig rig = new BlockRig(main.device())) {
      submit(rig, "unknown", 7, 0, main.step());
      assertThat(awaitEnded(rig, 1)).containsExactly("unknown -" + Errno.EOPNOTSUPP);
    }
  }

  // Ranges.

  @Test
  @NeedsDisk(DiskFeature.DISCARD)
  void aDiscardLeavesItsNeighboursAlone() {
    try (DiskCalls io = calls(main, DIRECT)) {
      writeAll(main, io);
      for (int turn = 0; turn < 20; turn++) {
        int sectors = size(main, 700);
        long at = place(main, sectors);
        long bytes = (long) sectors << SHIFT;
        expect(io.range("BLKDISCARD", BlkIoctl.BLKDISCARD, at << SHIFT, bytes), 0);
        main.contents().set(at, sectors, DiskContents.UNKNOWN);
      }
      checkAll(main, io);
    }
  }

  @Test
  @NeedsDisk(DiskFeature.DISCARD)
  void theWholeDiskIsDiscardedAndWrittenAgain() {
    try (DiskCalls io = calls(main, DIRECT)) {
      writeAll(main, io);
      expect(io.range("BLKDISCARD", BlkIoctl.BLKDISCARD, 0, main.bytes()), 0);
      main.contents().set(0, main.sectors(), DiskContents.UNKNOWN);
      write(main, io, 0, 64, 0);
      check(main, io, 0, 64, 0);
    }
  }

  @Test
  void aZeroedRangeReadsAsZeroes() {
    try (DiskCalls io = calls(main, DIRECT)) {
      writeAll(main, io);
      for (int turn = 0; turn < 20; turn++) {
        int sectors = size(main, 700);
        long at = place(main, sectors);
        long bytes = (long) sectors << SHIFT;
        long result =
            turn % 2 == 0
                ? io.range("BLKZEROOUT", BlkIoctl.BLKZEROOUT, at << SHIFT, bytes)
                : io.fallocate(Fcntl.FALLOC_FL_ZERO_RANGE, at << SHIFT, bytes);
        expect(result, 0);
        main.contents().set(at, sectors, DiskContents.ZEROES);
      }
      checkAll(main, io);
      expect(io.range("BLKZEROOUT", BlkIoctl.BLKZEROOUT, 0, main.bytes()), 0);
      main.contents().set(0, main.sectors(), DiskContents.ZEROES);
      checkAll(main, io);
    }
  }

  @Test
  @NeedsDisk(DiskFeature.WRITE_ZEROES)
  void aPunchedHoleReadsAsZeroes() {
    try (DiskCalls io = calls(main, DIRECT)) {
      writeAll(main, io);
      int sectors = size(main, 700);
      long at = place(main, sectors);
      expect(io.fallocate(PUNCH, at << SHIFT, (long) sectors << SHIFT), 0);
      main.contents().set(at, sectors, DiskContents.ZEROES);
      checkAll(main, io);
    }
  }

  @Test
  void aRangeThatIsMisalignedOrOutsideTheDiskIsEinval() {
    int block = main.block();
    long end = main.bytes();
    long[][] ranges = {
      {1, block},
      {0, block - 1},
      {end, block},
      {end - block, 2L * block},
      {-block, block},
      {0, -block},
      {0, 0},
      {block, Long.MAX_VALUE & -block}
    };
    try (DiskCalls io = calls(main, DIRECT)) {
      for (long[] range : ranges) {
        long result = io.range("BLKZEROOUT", BlkIoctl.BLKZEROOUT, range[0], range[1]);
        assertThatCall(result).failsWith(Errno.EINVAL);
        if (has(DiskFeature.DISCARD)) {
          result = io.range("BLKDISCARD", BlkIoctl.BLKDISCARD, range[0], range[1]);
          assertThatCall(result).failsWith(Errno.EINVAL);
        }
      }
    }
  }

  // Power cuts.

  /** Adds the disk over lower disks with a volatile cache, whose power can be cut. */
  private Attached attachOverCaches() throws ErrnoException {
    Attached over = attachOver("fault:volatile-cache=1,seed=" + (seed() & 0xffff) + ",ram");
    assertThat(over.device().queue().limits().writeCache())
        .as("a disk over disks with a write cache has one")
        .isTrue();
    return over;
  }

  private void cutPower(Attached of) {
    note("(power cut)");
    of.faultDisks().forEach(each -> each.disk().powerCut());
  }

  private void restorePower(Attached of) {
    note("(power on)");
    of.faultDisks().forEach(each -> each.disk().powerOn());
  }

  @Test
  @NeedsDisk({DiskFeature.STORES, DiskFeature.POWER_CUT})
  void whatWasFlushedIsThereAfterAPowerCut() throws ErrnoException {
    Attached over = attachOverCaches();
    try (DiskCalls io = calls(over, DIRECT)) {
      for (int turn = 0; turn < 5; turn++) {
        for (int i = 0; i < 20; i++) {
          int sectors = size(over, 300);
          write(over, io, place(over, sectors), sectors, rwfs()[i % rwfs().length]);
        }
        expect(io.fsync(), 0);
        cutPower(over);
        restorePower(over);
        checkAll(over, io);
      }
    }
  }

  @Test
  @NeedsDisk({DiskFeature.STORES, DiskFeature.POWER_CUT})
  void aDurableWriteIsThereAfterAPowerCut() throws ErrnoException {
    Attached over = attachOverCaches();
    try (DiskCalls io = calls(over, DIRECT)) {
      for (int turn = 0; turn < 10; turn++) {
        int sectors = size(over, 300);
        write(over, io, place(over, sectors), sectors, rwfs()[turn % rwfs().length] | DSYNC);
        cutPower(over);
        restorePower(over);
        checkAll(over, io);
      }
    }
  }

  @Test
  @NeedsDisk({DiskFeature.STORES, DiskFeature.POWER_CUT})
  void aPreflushMakesEarlierWritesDurable() throws ErrnoException {
    Attached over = attachOverCaches();
    try (DiskCalls io = calls(over, DIRECT)) {
      write(over, io, 0, 256, 0);
    }
    try (BlockRig rig = new BlockRig(over.device())) {
      submit(rig, "empty", WRITE | BlkTypes.REQ_PREFLUSH, 0);
      assertThat(awaitEnded(rig, 1)).containsExactly("empty 0");
    }
    cutPower(over);
    restorePower(over);
    try (DiskCalls io = calls(over, DIRECT)) {
      checkAll(over, io);
    }
  }

  @Test
  @NeedsDisk({DiskFeature.STORES, DiskFeature.POWER_CUT})
  void anUnflushedBlockIsTheOldOrANewOneAfterAPowerCut() throws ErrnoException {
    Attached over = attachOverCaches();
    try (DiskCalls io = calls(over, DIRECT)) {
      writeAll(over, io);
      expect(io.fsync(), 0);
      int flushed = over.contents().newVersion();
      for (int i = 0; i < 40; i++) {
        int sectors = size(over, 300);
        write(over, io, place(over, sectors), sectors, rwfs()[i % rwfs().length]);
      }
      cutPower(over);
      restorePower(over);
      int most = 1024;
      for (long at = 0; at < over.sectors(); at += most) {
        int sectors = (int) Math.min(most, over.sectors() - at);
        expect(io.read(at << SHIFT, (long) sectors << SHIFT, 0), (long) sectors << SHIFT);
        for (int i = 0; i < sectors; i++) {
          int found = over.contents().versionIn(io.data() + ((long) i << SHIFT), at + i);
          int newest = over.contents().version(at + i);
          assertThat(found)
              .as("sector %d, whose last version was %d", at + i, newest)
              .isGreaterThan(DiskContents.ZEROES)
              .isLessThanOrEqualTo(newest);
          if (newest < flushed) {
            assertThat(found).as("sector %d, which was flushed", at + i).isEqualTo(newest);
          }
        }
      }
    }
  }

  @Test
  @NeedsDisk(DiskFeature.POWER_CUT)
  void withoutPowerEverythingIsEioUntilItIsBack() throws ErrnoException {
    Attached over = attachOverCaches();
    long bytes = over.block();
    try (DiskCalls io = calls(over, DIRECT)) {
      cutPower(over);
      for (int rwf : rwfs()) {
        assertThatCall(io.read(0, bytes, rwf)).failsWith(Errno.EIO);
        assertThatCall(io.write(0, bytes, rwf)).failsWith(Errno.EIO);
      }
      assertThatCall(io.fsync()).failsWith(Errno.EIO);
      restorePower(over);
      for (int rwf : rwfs()) {
        write(over, io, 0, over.step(), rwf);
        check(over, io, 0, over.step(), rwf);
      }
      expect(io.fsync(), 0);
    }
  }

  @Test
  @NeedsDisk({DiskFeature.STORES, DiskFeature.POWER_CUT})
  void aPowerCutUnderLoadLosesNothingThatWasFlushed() throws ErrnoException {
    Attached over = attachOverCaches();
    BlockDevice device = over.device();
    try (DiskCalls io = calls(over, DIRECT)) {
      writeAll(over, io);
      expect(io.fsync(), 0);
    }
    try (BlockRig rig = new BlockRig(device)) {
      int half = (int) (over.sectors() / 2) & -over.step();
      for (int i = 0; i < 64; i++) {
        long at = random.nextInt(half / over.step()) * (long) over.step();
        submit(rig, "" + i, WRITE | opfs()[i % opfs().length], at, over.step());
        over.contents().set(at, over.step(), DiskContents.UNKNOWN);
        if (i == 40) {
          cutPower(over);
        }
      }
      assertThat(awaitEnded(rig, 64)).contains("50 -5", "63 -5");
      restorePower(over);
    }
    try (DiskCalls io = calls(over, DIRECT)) {
      checkAll(over, io);
    }
    assertThat(over.faultDisks()).extracting(OpenedFaultDisk::disk).isNotEmpty();
  }
}
