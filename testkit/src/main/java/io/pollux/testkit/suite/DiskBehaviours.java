// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import static io.pollux.testkit.CallAssert.assertThatCall;

import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.DiskSpec;
import io.pollux.block.bdev.DiskStack;
import io.pollux.block.driver.OpenedFaultDisk;
import io.pollux.block.fixture.BlockRig;
import io.pollux.core.ErrnoException;
import io.pollux.syscalls.Program;
import io.pollux.testkit.PolluxKernel;
import io.pollux.testkit.PolluxSeed;
import io.pollux.testkit.TestDisk;
import io.pollux.testkit.TestKernel;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Fcntl;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What all parts of {@link DiskSuite} share: a kernel with the disk, and a log of the calls. */
@ExtendWith(DiskSuiteReport.class)
@Timeout(120)
abstract class DiskBehaviours {
  static final int SHIFT = BlkTypes.SECTOR_SHIFT;
  static final int READ = BlkTypes.REQ_OP_READ;
  static final int WRITE = BlkTypes.REQ_OP_WRITE;
  static final int FLUSH = BlkTypes.REQ_OP_FLUSH;
  static final int HIPRI = AioAbi.RWF_HIPRI;
  static final int DSYNC = AioAbi.RWF_DSYNC;
  static final int DIRECT = Fcntl.O_RDWR | Fcntl.O_DIRECT;

  private static final int MAX_LOG = 60;
  private static final long PATIENCE_SECONDS = 30;

  @RegisterExtension final PolluxKernel pollux = PolluxKernel.bare();

  SuiteDisk disk;
  TestKernel kernel;
  Program program;
  Random random;
  Attached main;
  private long seed;
  private final Deque<String> log = new ArrayDeque<>(); // under its own lock
  private final List<Attached> attached = new ArrayList<>();

  /** Hides the constructor from other packages. */
  DiskBehaviours() {}

  /**
   * Describes the disk under test. Called for each behaviour.
   *
   * @return the disk and its features
   * @throws Exception if it can't be described
   */
  protected abstract SuiteDisk disk() throws Exception;

  /** A disk of the kernel, with what is known of its contents. */
  record Attached(DiskStack stack, DiskContents contents) {
    BlockDevice device() {
      return stack.top().device();
    }

    int block() {
      return device().queue().logicalBlockSize();
    }

    /** Sectors of a block. */
    int step() {
      return block() >> SHIFT;
    }

    long bytes() {
      return device().bytes();
    }

    long sectors() {
      return bytes() >> SHIFT;
    }

    /** Maximum sectors of a request. */
    int most() {
      return device().queue().limits().maxSectors();
    }

    List<OpenedFaultDisk> faultDisks() {
      return stack.disks().stream()
          .filter(OpenedFaultDisk.class::isInstance)
          .map(OpenedFaultDisk.class::cast)
          .toList();
    }
  }

  @BeforeEach
  void start(TestInfo info, TestKernel booted, Program first, @PolluxSeed long chosen)
      throws Exception {
    seed = chosen;
    random = new Random(chosen);
    kernel = booted;
    program = first;
    disk = disk();
    NeedsDisk needs = info.getTestMethod().orElseThrow().getAnnotation(NeedsDisk.class);
    if (needs != null) {
      for (DiskFeature feature : needs.value()) {
        if (!disk.has(feature)) {
          throw new NoDiskFeatureException(disk.name(), feature);
        }
      }
    }
    main = attach(disk.description(), false);
  }

  final boolean has(DiskFeature feature) {
    return disk.has(feature);
  }

  /** Opens a disk and adds it to the kernel as disk0, disk1 and so on. */
  final Attached attach(DiskSpec spec, boolean readOnly) throws ErrnoException {
    String name = "disk" + attached.size();
    note("(" + name + " is " + spec + (readOnly ? ", read-only)" : ")"));
    DiskStack stack = open(spec, name, readOnly);
    BlockDevice device =
        kernel.addDisk(name, (any, dev) -> new TestDisk(stack, stack.top().device(), stack));
    long sectors = device.bytes() >> SHIFT;
    DiskContents contents = new DiskContents(seed, sectors, has(DiskFeature.STORES));
    Attached disk = new Attached(stack, contents);
    attached.add(disk);
    return disk;
  }

  /** Opens a disk. The caller closes it. */
  final DiskStack open(DiskSpec spec, String name, boolean readOnly) throws ErrnoException {
    OptionalLong bytes = OptionalLong.of(disk.bytes());
    return kernel
        .kernel()
        .inTask(
            current ->
                DiskStack.open(current, disk.providers(), spec, name, 0x3c00, bytes, readOnly));
  }

  /** Adds the disk over lower disks of a description. */
  final Attached attachOver(String lower) throws ErrnoException {
    return attach(disk.over(lower), false);
  }

  /** Checks that no disk has a request in flight. */
  @AfterEach
  void end() {
    for (Attached each : attached) {
      for (BlockDevice lower : each.stack().lowerDevices()) {
        await(() -> lower.queue().busyTags() == 0, "the requests of " + lower.name());
      }
    }
  }

  // The log.

  final void note(String line) {
    synchronized (log) {
      log.addLast(line);
      if (log.size() > MAX_LOG) {
        log.removeFirst();
      }
    }
  }

  List<String> log() {
    synchronized (log) {
      return List.copyOf(log);
    }
  }

  @SuppressWarnings("ConstantValue") // null before the disk is described
  String diskName() {
    return disk == null ? "a disk" : disk.name();
  }

  long seed() {
    return seed;
  }

  // I/O.

  /** Opens a disk as the test's program. */
  final DiskCalls calls(Attached on, int flags) {
    return new DiskCalls(program, on.device().name(), flags, this::note);
  }

  /** Returns the flags of calls: interrupt-driven, and polled if the disk can. */
  final int[] rwfs() {
    return has(DiskFeature.POLL) ? new int[] {0, HIPRI} : new int[] {0};
  }

  /** Returns the flags of bios: interrupt-driven, and polled if the disk can. */
  final int[] opfs() {
    return has(DiskFeature.POLL) ? new int[] {0, BlkTypes.REQ_HIPRI} : new int[] {0};
  }

  /** Writes sectors in one call, with a new version. */
  final void write(Attached to, DiskCalls io, long sector, long sectors, int rwf) {
    int version = to.contents().newVersion();
    to.contents().fill(io.data(), sector, sectors, version);
    long bytes = sectors << SHIFT;
    expect(io.write(sector << SHIFT, bytes, rwf), bytes);
    to.contents().set(sector, sectors, version);
  }

  /** Reads sectors in one call and checks them. */
  final void check(Attached of, DiskCalls io, long sector, long sectors, int rwf) {
    long bytes = sectors << SHIFT;
    expect(io.read(sector << SHIFT, bytes, rwf), bytes);
    of.contents().check(io.data(), sector, sectors);
  }

  /** Writes the whole disk. */
  final void writeAll(Attached to, DiskCalls io) {
    long most = Math.min(DiskCalls.MAX_BYTES >> SHIFT, 1 << 10);
    for (long sector = 0; sector < to.sectors(); sector += most) {
      write(to, io, sector, Math.min(most, to.sectors() - sector), 0);
    }
  }

  /** Reads and checks the whole disk. */
  final void checkAll(Attached of, DiskCalls io) {
    long most = Math.min(DiskCalls.MAX_BYTES >> SHIFT, 1 << 10);
    for (long sector = 0; sector < of.sectors(); sector += most) {
      check(of, io, sector, Math.min(most, of.sectors() - sector), 0);
    }
  }

  static void expect(long result, long expected) {
    assertThatCall(result).returns(expected);
  }

  /** Returns a random first sector for a transfer, a whole block. */
  final long place(Attached on, long sectors) {
    long blocks = (on.sectors() - sectors) / on.step();
    return random.nextLong(blocks + 1) * on.step();
  }

  /** Returns a random number of sectors, whole blocks. */
  final int size(Attached on, int mostSectors) {
    return (1 + random.nextInt(Math.max(1, mostSectors / on.step()))) * on.step();
  }

  /** Waits until as many bios of a rig have completed, and polls for them. */
  final List<String> awaitEnded(BlockRig rig, int count) {
    BooleanSupplier over =
        () -> {
          rig.device().queue().pollAll();
          return rig.ended().size() >= count;
        };
    await(over, count + " bios");
    List<String> ended = rig.takeEnded();
    note("completed: " + (ended.size() > 8 ? ended.size() + " bios" : ended));
    return ended;
  }

  /** Submits a bio of a rig and logs it. Returns the cookie. */
  final int submit(BlockRig rig, String name, int opf, long sector, int... pieces) {
    Bio bio = rig.bio(name, opf, sector, pieces);
    note("submit " + bio);
    return rig.device().submitBio(rig.task(), bio);
  }

  /** Waits for a condition. */
  static void await(BooleanSupplier condition, String what) {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - end > 0 || Thread.currentThread().isInterrupted()) {
        throw new AssertionError(what + " did not complete in " + PATIENCE_SECONDS + " seconds");
      }
      Thread.onSpinWait();
    }
  }
}
