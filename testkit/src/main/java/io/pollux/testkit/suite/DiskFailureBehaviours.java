// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.DiskSpec;
import io.pollux.block.bdev.DiskStack;
import io.pollux.block.fixture.BlockRig;
import io.pollux.core.ErrnoException;
import io.pollux.syscalls.Program;
import io.pollux.uapi.BlkIoctl;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.userland.PathName;
import io.pollux.userland.SyscallException;
import io.pollux.userland.UserFiles;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Errors of lower disks, removal, a changing size, bad descriptions, and close. */
abstract class DiskFailureBehaviours extends DiskQueueBehaviours {
  private static final int PAGE = 4096;
  private static final int PAGE_SECTORS = PAGE >> SHIFT;
  private static final long JOIN_MILLIS = 30_000;

  // Lower disks that fail.

  @Test
  @NeedsDisk(DiskFeature.STACKED)
  void anErrorBelowIsTheErrorAboveOfExactlyThatRequest() throws ErrnoException {
    Attached over = attachOver("fault:error-sectors=64-79,ram");
    try (DiskCalls io = calls(over, DIRECT)) {
      for (int rwf : rwfs()) {
        int failed = 0;
        for (long at = 0; at + PAGE_SECTORS <= over.sectors(); at += PAGE_SECTORS) {
          long result = io.read(at << SHIFT, PAGE, rwf);
          if (result != PAGE) {
            assertThatCall(result).failsWith(Errno.EIO);
            failed++;
          }
        }
        // 16 bad sectors of each lower disk, in two or three pages each
        int disks = over.faultDisks().size();
        assertThat(failed).isPositive().isLessThanOrEqualTo(3 * disks);
        long errors =
            over.faultDisks().stream().mapToLong(each -> each.disk().log().failed()).sum();
        assertThat(errors).as("failed requests of all disks").isGreaterThanOrEqualTo(failed);
      }
    }
  }

  @Test
  @NeedsDisk(DiskFeature.STACKED)
  void theErrnoBelowIsTheErrnoAbove() throws ErrnoException {
    for (int errno : new int[] {Errno.ENOSPC, Errno.ENODATA, Errno.ETIMEDOUT}) {
      Attached over = attachOver("fault:error-rate=1,error=" + Errno.name(errno) + ",ram");
      try (DiskCalls io = calls(over, DIRECT)) {
        for (int rwf : rwfs()) {
          assertThatCall(io.read(0, PAGE, rwf)).failsWith(errno);
          assertThatCall(io.write(0, PAGE, rwf)).failsWith(errno);
        }
      }
    }
  }

  @Test
  @NeedsDisk(DiskFeature.STACKED)
  void anErrorOfAFlushBelowIsReported() throws ErrnoException {
    Attached over = attachOver("fault:error-rate=1,errors=write,volatile-cache=1,ram");
    try (DiskCalls io = calls(over, DIRECT)) {
      for (int rwf : rwfs()) {
        expect(io.read(0, PAGE, rwf), PAGE);
      }
      assertThatCall(io.fsync()).failsWith(Errno.EIO);
      assertThatCall(io.write(0, PAGE, DSYNC)).failsWith(Errno.EIO);
    }
  }

  @Test
  @NeedsDisk({DiskFeature.STACKED, DiskFeature.STORES})
  void aWriteThatFailedLeavesItsNeighboursAlone() throws ErrnoException {
    Attached over =
        attachOver("fault:error-rate=0.1,errors=write,seed=" + (seed() & 0xff) + ",ram");
    try (DiskCalls io = calls(over, DIRECT)) {
      int failed = 0;
      for (int i = 0; i < 300; i++) {
        int sectors = size(over, 64);
        long at = place(over, sectors);
        int version = over.contents().newVersion();
        over.contents().fill(io.data(), at, sectors, version);
        long bytes = (long) sectors << SHIFT;
        long result = io.write(at << SHIFT, bytes, rwfs()[i % rwfs().length]);
        if (result != bytes) {
          assertThatCall(result).failsWith(Errno.EIO);
          failed++;
        }
        over.contents().set(at, sectors, result == bytes ? version : DiskContents.UNKNOWN);
      }
      assertThat(failed).isPositive();
      checkAll(over, io);
    }
  }

  @Test
  @NeedsDisk(DiskFeature.STACKED)
  void aSlowLowerDiskDelaysItsRequestsAndLosesNone() throws ErrnoException {
    Attached over = attachOver("fault:delay-ns=3000000,late-rate=0.3,ram");
    transferAndCheck(over);
  }

  @Test
  @NeedsDisk(DiskFeature.STACKED)
  void aRequestThatTimesOutBelowIsEtimedoutAboveAndNoOther() throws Exception {
    disk.withType(new StuckDiskType());
    Attached over = attachOver(StuckDiskType.NAME);
    int count = (int) Math.min(64, over.sectors() / PAGE_SECTORS);
    try (BlockRig rig = new BlockRig(over.device())) {
      for (int i = 0; i < count; i++) {
        int opf = READ | opfs()[i % opfs().length];
        submit(rig, "page" + i, opf, (long) i * PAGE_SECTORS, PAGE_SECTORS);
      }
      List<String> ended = awaitEnded(rig, count);
      assertThat(ended).allMatch(each -> each.endsWith(" 0") || each.endsWith(" -110"));
      long failed = ended.stream().filter(each -> each.endsWith(" -110")).count();
      // the stuck sectors of each lower disk, in two or three pages each
      assertThat(failed).isBetween(1L, 3L * (over.stack().disks().size() - 1));
    }
    assertThat(over.device().queue().busyTags()).isZero();
  }

  @Test
  @NeedsDisk(DiskFeature.STACKED)
  void aLowerDiskMayCompleteInAnyOrder() throws ErrnoException {
    Attached over = attachOver("fault:reorder=8,ram");
    transferAndCheck(over);
  }

  /** Writes pages at different places at the same time, and reads them back in the same way. */
  private void transferAndCheck(Attached over) {
    int count = (int) Math.min(200, over.sectors() / PAGE_SECTORS);
    try (BlockRig rig = new BlockRig(over.device())) {
      int version = over.contents().newVersion();
      for (int op : new int[] {WRITE, READ}) {
        for (int i = 0; i < count; i++) {
          long at = (long) i * PAGE_SECTORS;
          long memory = rig.memory() + (at << SHIFT);
          over.contents().fill(memory, at, PAGE_SECTORS, op == WRITE ? version : version + 1);
          submit(rig, "io", op | opfs()[i % opfs().length], at, PAGE_SECTORS);
        }
        assertThat(awaitEnded(rig, count)).containsOnly("io 0");
        over.contents().set(0, (long) count * PAGE_SECTORS, version);
      }
      over.contents().check(rig.memory(), 0, (long) count * PAGE_SECTORS);
    }
  }

  // Removal and shutdown.

  @Test
  void aRemovedDiskFailsEverythingAndHangsNothing() throws InterruptedException {
    AtomicInteger started = new AtomicInteger();
    ConcurrentLinkedQueue<String> odd = new ConcurrentLinkedQueue<>();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      int rwf = rwfs()[i % rwfs().length];
      Random random = new Random(seed() + i);
      Program mine = kernel.newProgram();
      threads.add(
          Thread.ofPlatform()
              .daemon()
              .start(() -> readUntilItFails(mine, rwf, random, started, odd)));
    }
    await(() -> started.get() == threads.size() || !odd.isEmpty(), "30 reads of each thread");
    note("(remove)");
    main.device().remove();
    for (Thread thread : threads) {
      thread.join(JOIN_MILLIS);
      assertThat(thread.isAlive()).isFalse();
    }
    assertThat(odd).isEmpty();
    try (UserFiles files = new UserFiles(program)) {
      PathName name = PathName.of("/dev/" + main.device().name());
      assertThatThrownBy(() -> files.open(name, Fcntl.O_RDONLY))
          .isInstanceOfSatisfying(
              SyscallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENXIO));
    }
    await(() -> main.device().queue().busyTags() == 0, "the requests of a removed disk");
  }

  private void readUntilItFails(
      Program mine,
      int rwf,
      Random random,
      AtomicInteger started,
      ConcurrentLinkedQueue<String> odd) {
    try (DiskCalls io = new DiskCalls(mine, main.device().name(), DIRECT, line -> {})) {
      long pages = main.bytes() / PAGE;
      long result = PAGE;
      for (int reads = 1; result == PAGE && !Thread.currentThread().isInterrupted(); reads++) {
        result = io.read(random.nextLong(pages) * PAGE, PAGE, rwf);
        if (reads == 30) {
          started.getAndIncrement();
        }
      }
      if (result != -Errno.EIO) {
        odd.add("a read returned " + result);
      }
      long again = io.write(0, PAGE, rwf);
      if (again != -Errno.EIO) {
        odd.add("a later write returned " + again);
      }
    } catch (RuntimeException | AssertionError e) {
      odd.add(e.toString());
    }
  }

  @Test
  @NeedsDisk(DiskFeature.STACKED)
  void theRemovalOfALowerDiskFailsWhatNeedsItAndHangsNothing() throws ErrnoException {
    Attached over = attachOver("fault:delay-ns=1000000,ram");
    BlockDevice lower = over.stack().lowerDevices().getFirst();
    int count = 64;
    try (BlockRig rig = new BlockRig(over.device())) {
      for (int i = 0; i < count; i++) {
        submit(rig, "io", READ | opfs()[i % opfs().length], place(over, 8), 8);
        if (i == count / 2) {
          note("(remove " + lower.name() + ")");
          lower.remove();
        }
      }
      assertThat(awaitEnded(rig, count)).contains("io -5").containsAnyOf("io 0", "io -5");
      submit(rig, "flush", FLUSH, 0);
      List<String> flushed = awaitEnded(rig, 1);
      if (over.device().queue().limits().writeCache()) {
        assertThat(flushed).containsExactly("flush -5");
      }
    }
    assertThat(over.device().queue().busyTags()).isZero();
  }

  @Test
  void aQueueThatWasShutDownFailsEverything() {
    kernel.mayOops();
    try (DiskCalls io = calls(main, DIRECT)) {
      expect(io.read(0, PAGE, 0), PAGE);
      note("(shut down)");
      main.device().queue().shutDown("a test", new AssertionError("broken"));
      for (int rwf : rwfs()) {
        assertThatCall(io.read(0, PAGE, rwf)).failsWith(Errno.EIO);
        assertThatCall(io.write(0, PAGE, rwf)).failsWith(Errno.EIO);
      }
      assertThatCall(io.fsync()).failsWith(Errno.EIO);
    }
  }

  // The size.

  @Test
  void theSizeMayChangeWhileTheDiskIsInUse() {
    long half = main.bytes() / 2 & -PAGE;
    try (DiskCalls io = calls(main, DIRECT)) {
      writeAll(main, io);
      note("(half the size)");
      main.device().setCapacity(half);
      assertThat(io.size()).isEqualTo(half);
      assertThat(io.number("BLKGETSIZE64", BlkIoctl.BLKGETSIZE64)).isEqualTo(half);
      for (int rwf : rwfs()) {
        expect(io.read(half, PAGE, rwf), 0);
        expect(io.read(half - PAGE, 2 * PAGE, rwf), PAGE);
        assertThatCall(io.write(half, PAGE, rwf)).failsWith(Errno.ENOSPC);
      }
      note("(the whole size)");
      main.device().setCapacity(disk.bytes());
      assertThat(io.size()).isGreaterThan(half);
      checkAll(main, io);
    }
    main.device().setCapacity(half);
    try (BlockRig rig = new BlockRig(main.device())) {
      rig.submitAt("beyond", READ, half >> SHIFT, rig.memory(), PAGE_SECTORS);
      rig.submitAt("across", READ, (half >> SHIFT) - main.step(), rig.memory(), 2 * main.step());
      rig.submitAt("inside", READ, (half >> SHIFT) - PAGE_SECTORS, rig.memory(), PAGE_SECTORS);
      assertThat(awaitEnded(rig, 3))
          .containsExactlyInAnyOrder("beyond -5", "across -5", "inside 0");
    }
  }

  // Descriptions and close.

  @Test
  void anUnknownParameterIsRefusedByName() throws ErrnoException {
    DiskSpec wrong = disk.description().withOptions(List.of("no-such-parameter=1"));
    assertThatThrownBy(() -> open(wrong, "other0", false))
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL))
        .hasMessageContaining("'no-such-parameter'");
  }

  @Test
  @NeedsDisk(DiskFeature.STACKED)
  void aDiskWithoutItsLowerDisksIsRefused() throws ErrnoException {
    DiskSpec spec = disk.description();
    DiskSpec alone = new DiskSpec(spec.type(), spec.options(), List.of());
    assertThatThrownBy(() -> open(alone, "other0", false))
        .isInstanceOfSatisfying(
            ErrnoException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL))
        .hasMessageNotContaining("\n");
  }

  @Test
  void aClosedDiskLeavesNoThread() throws ErrnoException {
    Set<Thread> before = threads();
    for (int i = 0; i < 5; i++) {
      try (DiskStack stack = open(disk.description(), "other0", false)) {
        BlockDevice device = stack.top().device();
        try (BlockRig rig = new BlockRig(device)) {
          submit(rig, "read", READ, 0, PAGE_SECTORS);
          submit(rig, "write", WRITE | BlkTypes.REQ_FUA, 0, PAGE_SECTORS);
          assertThat(awaitEnded(rig, 2)).containsExactlyInAnyOrder("read 0", "write 0");
        }
      }
    }
    await(() -> before.containsAll(threads()), "the threads of closed disks");
  }

  /** Returns the threads that drivers may have started: all except those of the tests. */
  private static Set<Thread> threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> !thread.getName().startsWith("test "))
        .filter(thread -> !thread.getName().startsWith("end-of-programs"))
        .filter(thread -> !thread.getName().startsWith("junit-"))
        .collect(Collectors.toSet());
  }
}
