// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static io.pollux.testkit.suite.Feature.ALLOCATE;
import static io.pollux.testkit.suite.Feature.CREATE;
import static io.pollux.testkit.suite.Feature.DIRECT;
import static io.pollux.testkit.suite.Feature.DURABLE;
import static io.pollux.testkit.suite.Feature.DURABLE_NAMES;
import static io.pollux.testkit.suite.Feature.POLLED;
import static io.pollux.testkit.suite.Feature.RENAME;
import static io.pollux.testkit.suite.Feature.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.driver.FaultPlan;
import io.pollux.block.driver.RamDisk;
import io.pollux.testkit.Event;
import io.pollux.testkit.EventAssert;
import io.pollux.testkit.TestKernel;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import io.pollux.userland.UserRing;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Power cuts. The disk has a volatile cache, and a cut keeps an arbitrary part of it. Afterwards
 * the guarantees of fsync, O_DSYNC and sync hold.
 */
abstract class DurabilityBehaviours extends AttributeBehaviours {
  private static final int SIZE = 40 * PAGE;
  private static final int SECTOR = 512;
  private static final int STEPS = 40;
  private static final int CUTS = Integer.getInteger("pollux.cuts", 4);

  /** A part of a behaviour. */
  @FunctionalInterface
  private interface Step {
    void run() throws Exception;
  }

  /** Runs a part, cuts the power, and runs the other part on the disk that is left. */
  private void cut(Step before, Step after) throws Exception {
    RamDisk left;
    try (TestKernel kernel = TestKernel.boot()) {
      DiskMachine disk = DiskMachine.start(kernel, fileSystem, plan(""));
      use(disk);
      before.run();
      left = left(disk);
    }
    judge(left, after);
  }

  private FaultPlan plan(String more) {
    int seed = random.nextInt(Integer.MAX_VALUE);
    return FaultPlan.parse("seed=" + seed + ",volatile-cache" + more);
  }

  /** Cuts the power, and returns what is left. */
  private RamDisk left(DiskMachine disk) {
    disk.disk().powerCut();
    fs.note("(power cut)");
    RamDisk left = SuiteFileSystem.copy(disk.memory());
    disk.disk().powerOn(); // this kernel has to unmount
    return left;
  }

  private void judge(RamDisk left, Step after) throws Exception {
    try (TestKernel kernel = TestKernel.boot()) {
      DiskMachine disk = DiskMachine.over(kernel, fileSystem, left);
      if (has(Feature.CHECK)) {
        assertThat(disk.check()).as("damage after the power cut").isEmpty();
      }
      disk.mount(false);
      use(disk);
      after.run();
    }
  }

  /**
   * Cuts the power at several writes inside the calls of a part. A first run counts the writes. The
   * other runs make the same calls until the cut; then the calls fail.
   */
  private void cutInside(Step setup, Step work, Step after) throws Exception {
    Random draws = random;
    long seed = draws.nextLong();
    long start;
    long writes;
    try (TestKernel kernel = TestKernel.boot()) {
      DiskMachine disk = DiskMachine.start(kernel, fileSystem, plan(""));
      use(disk);
      random = new Random(seed);
      setup.run();
      start = disk.writes();
      work.run();
      writes = disk.writes() - start;
    }
    for (int i = 0; i < CUTS; i++) {
      random = draws;
      long at = start + 1 + (writes == 0 ? 0 : draws.nextLong(writes));
      RamDisk left;
      try (TestKernel kernel = TestKernel.boot()) {
        FaultPlan plan = plan(",cut-after-writes=" + at);
        DiskMachine disk = DiskMachine.start(kernel, fileSystem, plan);
        use(disk);
        random = new Random(seed);
        setup.run();
        work.run();
        left = left(disk);
      }
      judge(left, after);
    }
    random = draws;
  }

  @Test
  @Needs(
      value = {DURABLE, WRITE},
      machine = false)
  void whatFsyncWroteIsThereAfterAPowerCut() throws Exception {
    overwritten(0, false);
  }

  @Test
  @Needs(
      value = {DURABLE, WRITE},
      machine = false)
  void whatWasWrittenWithDsyncIsThereAfterAPowerCut() throws Exception {
    overwritten(Fcntl.O_DSYNC, false);
  }

  @Test
  @Needs(
      value = {DURABLE, WRITE, DIRECT},
      machine = false)
  void whatWasWrittenDirectlyWithDsyncIsThereAfterAPowerCut() throws Exception {
    overwritten(Fcntl.O_DSYNC | O_DIRECT, false);
  }

  @Test
  @Needs(
      value = {DURABLE, WRITE, DIRECT},
      machine = false)
  void whatFsyncPromisedOfDirectWritesIsThereAfterAPowerCut() throws Exception {
    overwritten(O_DIRECT, false);
  }

  @Test
  @Needs(
      value = {DURABLE, WRITE},
      machine = false)
  void whatOneDurableWriteWroteIsThereAfterAPowerCut() throws Exception {
    overwritten(0, true);
  }

  private void overwritten(int flags, boolean single) throws Exception {
    Sample[] file = new Sample[1];
    cut(
        () -> {
          Sample sample = durableSample();
          file[0] = sample;
          int fd = fs.fd(sample.path(), O_RDWR | flags);
          for (int i = 0; i < 5; i++) {
            int at = random.nextInt(SIZE / PAGE - 2) * PAGE;
            byte[] written = bytes(PAGE * (1 + random.nextInt(2)));
            if (single) {
              Calls.put(fs.data(), written);
              long result = fs.vector(Nr.PWRITEV2, fd, at, AioAbi.RWF_DSYNC, written.length);
              assertThatCall(result).returns(written.length);
            } else {
              fs.store(fd, written, at);
            }
            System.arraycopy(written, 0, sample.content(), at, written.length);
          }
          if ((flags & Fcntl.O_DSYNC) == 0 && !single) {
            assertOk(fs.fsync(fd));
          }
        },
        () -> assertStart(file[0]));
  }

  /** Returns a sample whose content and name are durable. */
  private Sample durableSample() {
    Sample sample = sample(SIZE);
    syncName(sample.path());
    return sample;
  }

  /** Makes a file and its name durable. */
  private void syncName(String name) {
    int fd = fs.fd(name, O_RDONLY);
    assertOk(fs.fsync(fd));
    fs.done(fd);
    assertOk(fs.sync());
  }

  private void assertStart(Sample sample) {
    int fd = fs.fd(sample.path(), O_RDONLY);
    assertContent(fd, 0, sample.content());
    assertThat(fs.status(fd).size()).isEqualTo(sizeOf(sample));
    fs.done(fd);
  }

  @Test
  @Needs(
      value = {DURABLE, WRITE, POLLED},
      machine = false)
  void whatFsyncPromisedOfPolledWritesIsThereAfterAPowerCut() throws Exception {
    Sample[] file = new Sample[1];
    cut(
        () -> {
          Sample sample = durableSample();
          file[0] = sample;
          int fd = fs.fd(sample.path(), O_RDWR | O_DIRECT);
          DiskMachine disk = (DiskMachine) machine;
          try (UserRing ring = UserRing.polled(disk.program(), 8, PAGE)) {
            for (int i = 0; i < 8; i++) {
              byte[] written = bytes(PAGE);
              Calls.put(ring.buffer(ring.take()), written);
              ring.write(fd, i * 2L * PAGE, PAGE);
              System.arraycopy(written, 0, sample.content(), i * 2 * PAGE, PAGE);
            }
            assertThatCall(ring.enter(0)).returns(8);
            for (Event event : Event.awaitEvents(ring, 8, Duration.ofSeconds(20))) {
              EventAssert.assertThatEvent(event).moved(PAGE);
            }
          }
          assertOk(fs.fsync(fd));
        },
        () -> assertStart(file[0]));
  }

  @Test
  @Needs(
      value = {DURABLE, WRITE},
      machine = false)
  void anUnmountMakesEverythingDurable() throws Exception {
    Sample[] file = new Sample[1];
    cut(
        () -> {
          Sample sample = sample(SIZE);
          file[0] = sample;
          int fd = fs.fd(sample.path(), O_RDWR);
          byte[] written = bytes(3 * PAGE + 5);
          fs.store(fd, written, 777);
          System.arraycopy(written, 0, sample.content(), 777, written.length);
          fs.done(fd);
          ((DiskMachine) machine).umount();
        },
        () -> assertStart(file[0]));
  }

  @Test
  @Needs(
      value = {DURABLE, WRITE},
      machine = false)
  void eachSectorIsOldOrNewAfterAPowerCut() throws Exception {
    for (int i = 0; i < CUTS; i++) {
      List<List<byte[]>> allowed = new ArrayList<>();
      Sample[] file = new Sample[1];
      cut(
          () -> {
            Sample sample = durableSample();
            file[0] = sample;
            for (int at = 0; at < SIZE; at += SECTOR) {
              allowed.add(new ArrayList<>(List.of(sample.part(at, at + SECTOR))));
            }
            int steps = random.nextInt(STEPS);
            for (int step = 0; step < steps; step++) {
              overwriteSome(sample.path(), allowed);
            }
          },
          () -> {
            int fd = fs.fd(file[0].path(), O_RDONLY);
            byte[] found = fs.load(fd, 0, SIZE);
            for (int at = 0; at < SIZE; at += SECTOR) {
              byte[] sector = Arrays.copyOfRange(found, at, at + SECTOR);
              assertThat(allowed.get(at / SECTOR))
                  .as("sector %d has a version that it may have", at / SECTOR)
                  .anyMatch(each -> Arrays.equals(each, sector));
            }
            fs.done(fd);
          });
    }
  }

  private void overwriteSome(String path, List<List<byte[]>> allowed) {
    boolean direct = has(DIRECT) && random.nextBoolean();
    boolean durable = random.nextInt(4) == 0;
    int fd = fs.fd(path, O_RDWR | (direct ? O_DIRECT : 0) | (durable ? Fcntl.O_DSYNC : 0));
    int first = random.nextInt(allowed.size() - 20);
    int count = 1 + random.nextInt(20);
    byte[] written = bytes(count * SECTOR);
    fs.store(fd, written, (long) first * SECTOR);
    for (int i = 0; i < count; i++) {
      List<byte[]> versions = allowed.get(first + i);
      if (durable) {
        versions.clear();
      }
      versions.add(Arrays.copyOfRange(written, i * SECTOR, (i + 1) * SECTOR));
    }
    if (random.nextInt(4) == 0) {
      assertOk(fs.fsync(fd));
      allowed.forEach(versions -> versions.subList(0, versions.size() - 1).clear());
    }
    fs.done(fd);
  }

  @Test
  @Needs(
      value = {DURABLE, DURABLE_NAMES, CREATE, ALLOCATE},
      machine = false)
  void aNewFileIsThereAfterFsyncOfItAndItsDirectory() throws Exception {
    byte[] content = bytes(3 * PAGE + 21);
    cut(
        () -> {
          int fd = fs.fd("new", O_CREATE);
          fs.store(fd, content, 0);
          assertOk(fs.fsync(fd));
          int directory = fs.fd("", O_RDONLY | Fcntl.O_DIRECTORY);
          assertOk(fs.fsync(directory));
        },
        () -> assertContent("new", content));
  }

  @Test
  @Needs(
      value = {DURABLE, DURABLE_NAMES, CREATE, ALLOCATE},
      machine = false)
  void everythingIsThereAfterSync() throws Exception {
    byte[][] contents = new byte[5][];
    cut(
        () -> {
          for (int i = 0; i < contents.length; i++) {
            contents[i] = bytes(1 + random.nextInt(3 * PAGE));
            fs.create("f" + i, contents[i]);
          }
          fs.create("gone", bytes(PAGE));
          assertOk(fs.sync());
          assertOk(fs.unlink("gone"));
          assertOk(fs.sync());
        },
        () -> {
          for (int i = 0; i < contents.length; i++) {
            assertContent("f" + i, contents[i]);
          }
          assertThat(fs.exists("gone")).isFalse();
        });
  }

  @Test
  @Needs(
      value = {DURABLE, DURABLE_NAMES, CREATE, ALLOCATE},
      machine = false)
  void everythingOfOneFilesystemIsThereAfterSyncfs() throws Exception {
    byte[] content = bytes(PAGE + 7);
    cut(
        () -> {
          fs.create("file", content);
          int fd = fs.fd("", O_RDONLY | Fcntl.O_DIRECTORY);
          assertOk(fs.call("syncfs(" + fd + ")", Nr.SYNCFS, fd));
        },
        () -> assertContent("file", content));
  }

  @Test
  @Needs(
      value = {DURABLE, DURABLE_NAMES, CREATE, ALLOCATE},
      machine = false)
  void fdatasyncIncludesTheSize() throws Exception {
    byte[] content = bytes(2 * PAGE + 100);
    cut(
        () -> {
          int fd = fs.fd("file", O_CREATE);
          syncName("file");
          for (int at = 0; at < content.length; at += 700) {
            fs.store(fd, Arrays.copyOfRange(content, at, Math.min(at + 700, content.length)), at);
          }
          assertOk(fs.call("fdatasync(" + fd + ")", Nr.FDATASYNC, fd));
        },
        () -> assertContent("file", content));
  }

  @Test
  @Needs(
      value = {DURABLE, DURABLE_NAMES, CREATE, ALLOCATE, DIRECT},
      machine = false)
  void aDurableOverwriteMakesANewBlockDurable() throws Exception {
    byte[] content = new byte[SIZE];
    cut(
        () -> {
          fs.create("file", new byte[0]);
          assertOk(fs.truncate("file", SIZE));
          syncName("file");
          int fd = fs.fd("file", O_RDWR | O_DIRECT);
          int durable = fs.fd("file", O_RDWR | O_DIRECT | Fcntl.O_DSYNC);
          for (int at = 0; at < SIZE; at += 3 * PAGE) {
            fs.store(fd, bytes(PAGE), at); // allocates the block
            byte[] written = bytes(PAGE);
            fs.store(durable, written, at);
            System.arraycopy(written, 0, content, at, PAGE);
          }
        },
        () -> assertContent("file", content));
  }

  @Test
  @Needs(
      value = {DURABLE, DURABLE_NAMES, CREATE, ALLOCATE},
      machine = false)
  void aNewFileShowsNothingOfARemovedOneAfterARemountAndAPowerCut() throws Exception {
    cut(
        () -> {
          for (int i = 0; i < 4; i++) {
            fs.create("old" + i, bytes(PAGE));
            for (int step = 0; step < 3 + i; step++) { // several versions of its inode
              assertOk(fs.truncate("old" + i, PAGE + step));
              assertOk(fs.sync());
            }
          }
          for (int i = 0; i < 4; i++) {
            assertOk(fs.unlink("old" + i));
          }
          assertOk(fs.sync());
          remount();
          for (int i = 0; i < 4; i++) {
            fs.create("new" + i, new byte[0]);
          }
        },
        () -> {
          for (String name : fs.names("")) {
            assertThat(fs.contents(name)).as(name).isEmpty();
          }
        });
  }

  @Test
  @Needs(
      value = {DURABLE, DURABLE_NAMES, CREATE, ALLOCATE},
      machine = false)
  void aCutFileStaysCutAfterFsync() throws Exception {
    byte[] content = bytes(6 * PAGE);
    cut(
        () -> {
          fs.create("file", content);
          syncName("file");
          int fd = fs.fd("file", O_RDWR);
          assertOk(fs.ftruncate(fd, PAGE + 3));
          assertOk(fs.fsync(fd));
          assertOk(fs.ftruncate(fd, 2 * PAGE));
          assertOk(fs.fsync(fd));
        },
        () -> assertContent("file", Arrays.copyOf(Arrays.copyOf(content, PAGE + 3), 2 * PAGE)));
  }

  @Test
  @Needs(
      value = {DURABLE, DURABLE_NAMES, CREATE, ALLOCATE, RENAME},
      machine = false)
  void aReplacedNameIsTheOldOrTheNewFile() throws Exception {
    byte[] old = bytes(2 * PAGE);
    byte[] replacement = bytes(3 * PAGE + 5);
    cut(
        () -> {
          fs.create("name", old);
          syncName("name");
          int fd = fs.fd("name.new", O_CREATE);
          fs.store(fd, replacement, 0);
          assertOk(fs.fsync(fd));
          fs.done(fd);
          assertOk(fs.rename("name.new", "name"));
          if (random.nextBoolean()) {
            assertOk(fs.sync());
          }
        },
        () -> {
          byte[] found = fs.contents("name");
          assertSame(found, found.length == old.length ? old : replacement, "of the name");
        });
  }

  @Test
  @Needs(
      value = {DURABLE, DURABLE_NAMES, CREATE, ALLOCATE},
      machine = false)
  void noFileShowsBytesOfAnotherAfterAPowerCut() throws Exception {
    cut(
        () -> {
          fillAndFree();
          writeOwnBytes();
        },
        this::assertOwnBytes);
  }

  @Test
  @Needs(
      value = {DURABLE, DURABLE_NAMES, CREATE, ALLOCATE},
      machine = false)
  void noFileShowsBytesOfAnotherAfterAPowerCutInsideACall() throws Exception {
    cutInside(this::fillAndFree, this::writeOwnBytes, this::assertOwnBytes);
  }

  /** Leaves old bytes in free blocks. */
  private void fillAndFree() {
    byte[] secret = new byte[64 * PAGE];
    Arrays.fill(secret, (byte) 0x7e);
    fs.create("secret", secret);
    assertOk(fs.sync());
    assertOk(fs.unlink("secret"));
    assertOk(fs.sync());
  }

  /** Writes files of one byte each. Calls may fail. */
  private void writeOwnBytes() {
    for (int i = 0; i < 20; i++) {
      int file = random.nextInt(6);
      boolean direct = has(DIRECT) && random.nextBoolean();
      long fd = fs.open("f" + file, O_CREATE | (direct ? O_DIRECT : 0));
      byte[] content = new byte[PAGE * (1 + random.nextInt(10))];
      Arrays.fill(content, (byte) (file + 1));
      int page = random.nextInt(12);
      boolean syncs = random.nextBoolean();
      boolean cuts = random.nextInt(4) == 0;
      if (fd < 0) {
        continue;
      }
      fs.pwrite(fd, content, (long) page * PAGE);
      if (cuts) {
        fs.ftruncate(fd, (long) page * PAGE + 100);
      }
      if (syncs) {
        fs.fsync(fd);
      }
      fs.done(fd);
    }
  }

  private void assertOwnBytes() {
    for (String name : fs.names("")) {
      if (name.startsWith("f")) {
        byte own = (byte) (name.charAt(1) - '0' + 1);
        for (byte each : fs.contents(name)) {
          if (each != 0 && each != own) {
            assertThat(each).as("a byte of %s", name).isIn((byte) 0, own);
          }
        }
      }
    }
  }

  @Test
  @Needs(
      value = {DURABLE, DURABLE_NAMES, CREATE, ALLOCATE},
      machine = false)
  void syncedFilesSurviveAPowerCutInsideACall() throws Exception {
    byte[] kept = new byte[9 * PAGE + 5];
    cutInside(
        () -> {
          byte[] content = bytes(kept.length);
          System.arraycopy(content, 0, kept, 0, kept.length);
          fs.create("kept", content);
          assertOk(fs.sync());
        },
        this::writeOwnBytes,
        () -> {
          assertContent("kept", kept);
          assertOwnBytes();
        });
  }
}
