// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import static io.pollux.testkit.Event.awaitEvents;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.pollux.block.BlkTypes;
import io.pollux.block.DiskStats;
import io.pollux.block.Plug;
import io.pollux.block.RequestQueue;
import io.pollux.block.fixture.BlockRig;
import io.pollux.core.Debug;
import io.pollux.core.ErrnoException;
import io.pollux.syscalls.Program;
import io.pollux.testkit.Event;
import io.pollux.uapi.BlkIoctl;
import io.pollux.uapi.Iovec;
import io.pollux.uapi.Nr;
import io.pollux.userland.UserMemory;
import io.pollux.userland.UserRing;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** Polling, interrupts, batches, tasks at the same time, and statistics. */
abstract class DiskQueueBehaviours extends DiskDurabilityBehaviours {
  private static final int PAGE = 4096;
  private static final int PAGE_SECTORS = PAGE >> SHIFT;
  private static final int MAX_DEPTH = 256;
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  @Test
  @NeedsDisk(DiskFeature.POLL)
  void aPolledRequestCompletesOnlyInsideAPoll() {
    try (BlockRig rig = new BlockRig(main.device())) {
      for (int op : new int[] {READ, WRITE, FLUSH}) {
        boolean moves = op != FLUSH;
        int[] pieces = moves ? new int[] {main.step()} : new int[0];
        int cookie = submit(rig, "polled", op | BlkTypes.REQ_HIPRI, 0, pieces);
        if (cookie == BlkTypes.BLK_QC_T_NONE) {
          assertThat(op).as("a disk without a write cache has nothing to flush").isEqualTo(FLUSH);
          assertThat(rig.takeEnded()).containsExactly("polled 0");
          continue;
        }
        RequestQueue queue = rig.device().queue();
        assertThat(queue.canPoll(cookie)).isTrue();
        LockSupport.parkNanos(1000); // for a thread of the driver that completes it by mistake
        assertThat(rig.ended()).isEmpty();
        await(() -> queue.blkPoll(cookie, true) != 0 || !rig.ended().isEmpty(), "a polled bio");
        assertThat(awaitEnded(rig, 1)).containsExactly("polled 0");
      }
    }
  }

  @Test
  void anInterruptDrivenRequestCompletesByItself() {
    try (BlockRig rig = new BlockRig(main.device())) {
      for (int i = 0; i < 20; i++) {
        submit(rig, "read", READ, place(main, PAGE_SECTORS), PAGE_SECTORS);
      }
      await(() -> rig.ended().size() == 20, "20 reads without a poll");
      assertThat(rig.takeEnded()).containsOnly("read 0");
    }
  }

  @Test
  @NeedsDisk(DiskFeature.POLL)
  void polledAndInterruptDrivenRequestsMix() {
    try (BlockRig rig = new BlockRig(main.device())) {
      for (int i = 0; i < 400; i++) {
        int opf = random.nextBoolean() ? BlkTypes.REQ_HIPRI : 0;
        int op = random.nextBoolean() ? READ : WRITE;
        submit(rig, "io", op | opf, place(main, PAGE_SECTORS), PAGE_SECTORS);
        if (i % 50 == 0) {
          rig.device().queue().pollAll();
        }
      }
      assertThat(awaitEnded(rig, 400)).containsOnly("io 0");
    }
  }

  @Test
  void manyMoreRequestsThanTagsComplete() {
    RequestQueue queue = main.device().queue();
    int tags = queue.tagSet().depth() * queue.tagSet().submitQueues();
    int count = Math.min(3 * tags, 4000);
    try (BlockRig rig = new BlockRig(main.device())) {
      for (int i = 0; i < count; i++) {
        rig.submit("io", i % 3 == 0 ? WRITE : READ, place(main, main.step()), main.step());
        assertThat(queue.busyTags()).isLessThanOrEqualTo(tags);
      }
      note(count + " bios for " + tags + " tags");
      assertThat(awaitEnded(rig, count)).containsOnly("io 0");
    }
    assertThat(queue.busyTags()).isZero();
  }

  @Test
  @NeedsDisk(DiskFeature.POLL)
  void aRingOfPolledReadsAndWritesNeverGetsEagain() {
    fillAndDrainRing(main, 4_000);
  }

  /** A deep polled queue over disks with four requests each. */
  @Test
  @NeedsDisk({DiskFeature.POLL, DiskFeature.STACKED})
  void polledRequestsOverShallowDisksNeverGetEagain() throws ErrnoException {
    Attached over = attachOver("null:hw_queue_depth=4");
    fillAndDrainRing(over, 4_000);
    Attached pollers = attachOver("fault:withhold-tags=1019,ram");
    fillAndDrainRing(pollers, 4_000);
  }

  private void fillAndDrainRing(Attached on, int count) {
    int depth = Math.min(MAX_DEPTH, on.device().queue().tagSet().depth());
    note("(a polled ring of depth " + depth + ")");
    try (DiskCalls io = calls(on, DIRECT);
        UserRing ring = UserRing.polled(program, depth, PAGE)) {
      int sent = 0;
      int over = 0;
      while (over < count) {
        int batch = 0;
        while (sent < count && ring.take() >= 0) {
          long at = place(on, PAGE_SECTORS) << SHIFT;
          int slot = sent % 2 == 0 ? ring.read(io.fd(), at, PAGE) : ring.write(io.fd(), at, PAGE);
          assertThat(slot).isNotNegative();
          sent++;
          batch++;
        }
        expect(batch == 0 ? 0 : ring.enter(0), batch);
        List<Event> events = awaitEvents(ring, Math.min(depth / 2 + 1, sent - over), PATIENCE);
        assertThat(events).extracting(Event::res).containsOnly((long) PAGE);
        over += events.size();
      }
    }
    assertThat(on.device().queue().busyTags()).isZero();
  }

  @Test
  void ringsAndFixedBuffersCarryData() {
    try (DiskCalls io = calls(main, DIRECT);
        UserRing ring =
            has(DiskFeature.POLL)
                ? UserRing.polled(program, 16, PAGE)
                : UserRing.setup(program, 16, 0, PAGE)) {
      for (int turn = 0; turn < 20; turn++) {
        long[] places =
            random.longs(0, main.sectors() / PAGE_SECTORS).distinct().limit(16).toArray();
        for (long place : places) {
          int version = main.contents().newVersion();
          long sector = place * PAGE_SECTORS;
          main.contents().fill(ring.buffer(ring.take()), sector, PAGE_SECTORS, version);
          main.contents().set(sector, PAGE_SECTORS, version);
          ring.write(io.fd(), sector << SHIFT, PAGE);
        }
        expect(ring.enter(0), 16);
        assertThat(awaitEvents(ring, 16, PATIENCE)).extracting(Event::res).containsOnly(4096L);
        long[] sectorOf = new long[17];
        for (long place : places) {
          long sector = place * PAGE_SECTORS;
          sectorOf[ring.read(io.fd(), sector << SHIFT, PAGE)] = sector;
        }
        expect(ring.enter(0), 16);
        for (Event event : awaitEvents(ring, 16, PATIENCE)) {
          assertThat(event.res()).isEqualTo(PAGE);
          int slot = (int) event.obj();
          main.contents().check(ring.buffer(slot), sectorOf[slot], PAGE_SECTORS);
        }
      }
    }
  }

  @Test
  void aBatchInAPlugCompletesWhole() {
    try (BlockRig rig = new BlockRig(main.device())) {
      for (int opf : opfs()) {
        Plug plug = new Plug();
        assertThat(plug.start(rig.task())).isTrue();
        for (int i = 0; i < 100; i++) {
          int op = random.nextBoolean() ? READ : WRITE;
          rig.submit("io", op | opf, place(main, PAGE_SECTORS), PAGE_SECTORS);
        }
        note("100 bios in a plug");
        plug.finish(rig.task());
        assertThat(awaitEnded(rig, 100)).containsOnly("io 0");
      }
    }
  }

  @Test
  void neighboursInAPlugKeepTheirData() {
    try (BlockRig rig = new BlockRig(main.device())) {
      for (int opf : opfs()) {
        for (int turn = 0; turn < 10; turn++) {
          int count = 2 + random.nextInt(20);
          long first = place(main, (long) count * PAGE_SECTORS);
          transferNeighbours(rig, WRITE | opf, first, count);
          transferNeighbours(rig, READ | opf, first, count);
        }
      }
      if (has(DiskFeature.MERGE)) {
        assertThat(main.device().queue().stats().writeMerges()).isPositive();
        assertThat(main.device().queue().stats().readMerges()).isPositive();
      }
    }
  }

  private void transferNeighbours(BlockRig rig, int opf, long first, int count) {
    long memory = rig.memory() + (first << SHIFT);
    long sectors = (long) count * PAGE_SECTORS;
    boolean write = (opf & BlkTypes.REQ_OP_MASK) == WRITE;
    if (write) {
      int version = main.contents().newVersion();
      main.contents().fill(memory, first, sectors, version);
      main.contents().set(first, sectors, version);
    } else {
      main.contents().fill(memory, first, sectors, main.contents().newVersion());
    }
    Plug plug = new Plug();
    plug.start(rig.task());
    for (int i = 0; i < count; i++) {
      submit(rig, "io", opf, first + (long) i * PAGE_SECTORS, PAGE_SECTORS);
    }
    plug.finish(rig.task());
    assertThat(awaitEnded(rig, count)).containsOnly("io 0");
    main.contents().check(memory, first, sectors);
  }

  @Test
  void tasksDoNotDisturbEachOther() throws InterruptedException {
    int tasks = 4;
    long share = main.sectors() / tasks & -PAGE_SECTORS;
    ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < tasks; i++) {
      Program mine = kernel.newProgram();
      long first = i * share;
      Random random = new Random(seed() + i);
      Runnable work =
          () -> {
            try (DiskCalls io = new DiskCalls(mine, main.device().name(), DIRECT, this::note)) {
              for (int turn = 0; turn < 60; turn++) {
                int sectors = (1 + random.nextInt(20)) * PAGE_SECTORS;
                long at = first + random.nextLong((share - sectors) / PAGE_SECTORS) * PAGE_SECTORS;
                write(main, io, at, sectors, rwfs()[turn % rwfs().length]);
                check(main, io, at, sectors, rwfs()[turn / 2 % rwfs().length]);
                if (turn % 20 == 0) {
                  expect(io.fsync(), 0);
                }
              }
              for (long at = first; at < first + share; at += PAGE_SECTORS) {
                check(main, io, at, PAGE_SECTORS, 0);
              }
            } catch (Throwable e) {
              failures.add(e);
            }
          };
      threads.add(Thread.ofPlatform().daemon().start(work));
    }
    for (Thread thread : threads) {
      thread.join(PATIENCE.toMillis());
      assertThat(thread.isAlive()).isFalse();
    }
    assertThat(failures).isEmpty();
  }

  @Test
  void theDiskIsAsItsModel() {
    int operations = Integer.getInteger("pollux.operations", 1_500);
    try (DiskCalls direct = calls(main, DIRECT);
        DiskCalls buffered = calls(main, io.pollux.uapi.Fcntl.O_RDWR)) {
      for (int i = 0; i < operations; i++) {
        int rwf = rwfs()[random.nextInt(rwfs().length)];
        int sectors = size(main, random.nextInt(20) == 0 ? 2_000 : 64);
        long at = place(main, sectors);
        long bytes = (long) sectors << SHIFT;
        switch (random.nextInt(12)) {
          case 0, 1, 2 -> write(main, direct, at, sectors, rwf);
          case 3 -> write(main, direct, at, sectors, rwf | DSYNC);
          case 4 -> write(main, buffered, at, sectors, 0);
          case 5, 6, 7 -> check(main, direct, at, sectors, rwf);
          case 8 -> check(main, buffered, at, sectors, 0);
          case 9 -> {
            expect(direct.range("BLKZEROOUT", BlkIoctl.BLKZEROOUT, at << SHIFT, bytes), 0);
            main.contents().set(at, sectors, DiskContents.ZEROES);
          }
          case 10 -> {
            if (has(DiskFeature.DISCARD)) {
              expect(direct.range("BLKDISCARD", BlkIoctl.BLKDISCARD, at << SHIFT, bytes), 0);
              main.contents().set(at, sectors, DiskContents.UNKNOWN);
            }
          }
          default -> expect(direct.fsync(), 0);
        }
      }
      checkAll(main, direct);
    }
  }

  @Test
  void theStatisticsAddUp() {
    DiskStats before = main.device().queue().stats();
    int count = 50;
    try (DiskCalls io = calls(main, DIRECT)) {
      for (int i = 0; i < count; i++) {
        long at = place(main, PAGE_SECTORS);
        write(main, io, at, PAGE_SECTORS, rwfs()[i % rwfs().length]);
        check(main, io, at, PAGE_SECTORS, rwfs()[i % rwfs().length]);
      }
      expect(io.fsync(), 0);
    }
    DiskStats after = main.device().queue().stats();
    assertThat(after.readSectors() - before.readSectors()).isEqualTo((long) count * PAGE_SECTORS);
    assertThat(after.writeSectors() - before.writeSectors()).isEqualTo((long) count * PAGE_SECTORS);
    assertThat(after.reads() - before.reads()).isBetween((long) count, 8L * count);
    assertThat(after.writes() - before.writes()).isBetween((long) count, 8L * count);
    assertThat(after.inFlight()).isZero();
    assertThat(after.timeInQueue())
        .isBetween(after.readMillis() + after.writeMillis(), Long.MAX_VALUE);
    assertThat(main.device().diskstats()).contains(main.device().name());
  }

  @Test
  void aProgramThatExitsWithRequestsInFlightLeavesNothingBehind() {
    Program mine = kernel.newProgram();
    DiskCalls io = new DiskCalls(mine, main.device().name(), DIRECT, this::note);
    UserRing ring =
        has(DiskFeature.POLL) ? UserRing.polled(mine, 64, PAGE) : UserRing.setup(mine, 64, 0, PAGE);
    while (ring.take() >= 0) {
      ring.read(io.fd(), place(main, PAGE_SECTORS) << SHIFT, PAGE);
    }
    expect(ring.enter(0), 64);
    note("(the program exits)");
    mine.close();
    assertThat(main.device().queue().busyTags()).isZero();
  }

  @Test
  @NeedsDisk(DiskFeature.NO_ALLOCATION)
  void aRequestAllocatesNothingOnceWarm() {
    Assumptions.assumeFalse(Debug.ON, "the debugging checks allocate: -Dpollux.debug=false");
    int count = 1_000;
    try (DiskCalls io = calls(main, DIRECT);
        UserMemory memory = UserMemory.map(program, PAGE)) {
      Iovec.iovBase(memory.address(), io.data());
      Iovec.iovLen(memory.address(), PAGE);
      for (int rwf : rwfs()) {
        int fd = io.fd();
        transferOften(fd, memory.address(), rwf, count);
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadAllocatedBytes();
        transferOften(fd, memory.address(), rwf, count);
        long bytes = threads.getCurrentThreadAllocatedBytes() - before;
        assertThat(bytes / count).as("bytes per request of %,d in all", bytes).isZero();
      }
    }
  }

  private void transferOften(int fd, long iovec, int rwf, int count) {
    long pages = main.bytes() / PAGE;
    for (int i = 0; i < count; i++) {
      int nr = (i & 1) == 0 ? Nr.PREADV2 : Nr.PWRITEV2;
      expectQuietly(program.syscall(nr, fd, iovec, 1, i * 7L % pages * PAGE, 0, rwf));
    }
  }

  /** As expect, without an object for each result. */
  private static void expectQuietly(long result) {
    if (result != PAGE) {
      expect(result, PAGE);
    }
  }
}
