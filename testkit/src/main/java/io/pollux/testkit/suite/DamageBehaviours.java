// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static io.pollux.testkit.suite.Feature.ALLOCATE;
import static io.pollux.testkit.suite.Feature.CHECKSUMS;
import static io.pollux.testkit.suite.Feature.CREATE;
import static io.pollux.testkit.suite.Feature.DIRECT;
import static io.pollux.testkit.suite.Feature.DISK_ERRORS;
import static io.pollux.testkit.suite.Feature.POLLED;
import static io.pollux.testkit.suite.Feature.REMOUNT;
import static io.pollux.testkit.suite.Feature.WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.pollux.block.driver.RamDisk;
import io.pollux.core.ErrnoException;
import io.pollux.testkit.Event;
import io.pollux.testkit.EventAssert;
import io.pollux.testkit.TestKernel;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import io.pollux.userland.UserRing;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Errors of the disk, damaged contents, and mounts that must fail. */
abstract class DamageBehaviours extends DurabilityBehaviours {
  private static final int SIZE = 30 * PAGE;
  private static final int SECTOR = 512;
  private static final int FLIPS = 12;
  private static final int HEAD = 68 << 10;
  private static final int MAX_DRAWS = 1_000_000;

  private DiskMachine disk() {
    return (DiskMachine) machine;
  }

  private void powerOff() {
    disk().disk().powerCut();
    fs.note("(the disk fails)");
  }

  private void powerOn() {
    disk().disk().powerOn();
    fs.note("(the disk works again)");
  }

  @Test
  @Needs({DISK_ERRORS, DIRECT})
  void anErrorOfTheDiskFailsADirectReadOnly() {
    Sample sample = sample(SIZE);
    assertOk(fs.sync());
    int fd = fs.fd(sample.path(), O_DIRECT);
    assertContent(fd, 0, sample.part(0, PAGE));
    powerOff();
    assertFails(fs.pread(fd, PAGE, 0), Errno.EIO);
    powerOn();
    assertContent(fd, 0, sample.content());
    fs.done(fd);
  }

  @Test
  @Needs({DISK_ERRORS, REMOUNT})
  void anErrorOfTheDiskIsNotCached() throws Exception {
    Sample sample = sample(SIZE);
    machine.remount(false); // the pages are not in the cache
    int fd = fs.fd(sample.path(), O_RDONLY);
    powerOff();
    assertFails(fs.pread(fd, PAGE, 0), Errno.EIO);
    powerOn();
    assertContent(fd, 0, sample.content());
    fs.done(fd);
  }

  @Test
  @Needs({DISK_ERRORS, DIRECT, WRITE})
  void anErrorOfTheDiskFailsADirectWriteOnly() {
    Sample sample = sample(SIZE);
    assertOk(fs.sync());
    int fd = fs.fd(sample.path(), O_RDWR | O_DIRECT);
    powerOff();
    assertFails(fs.pwrite(fd, bytes(PAGE), PAGE), Errno.EIO);
    powerOn();
    assertContent(fd, 0, sample.part(0, PAGE));
    assertContent(fd, 2 * PAGE, sample.part(2 * PAGE, SIZE));
    byte[] written = bytes(PAGE);
    fs.store(fd, written, PAGE);
    assertContent(fd, PAGE, written);
    fs.done(fd);
  }

  @Test
  @Needs({DISK_ERRORS, WRITE})
  void fsyncReportsALostWriteOnce() {
    Sample sample = sample(SIZE);
    assertOk(fs.sync());
    int fd = fs.fd(sample.path(), O_RDWR);
    fs.store(fd, bytes(PAGE), 0);
    powerOff();
    assertFails(fs.fsync(fd), Errno.EIO);
    powerOn();
    byte[] written = bytes(PAGE);
    fs.store(fd, written, 0);
    assertOk(fs.fsync(fd));
    assertContent(fd, 0, written);
    fs.done(fd);
  }

  @Test
  @Needs({DISK_ERRORS, WRITE, DIRECT})
  void aDurableWriteReportsAnErrorOfTheDisk() {
    Sample sample = sample(SIZE);
    assertOk(fs.sync());
    int fd = fs.fd(sample.path(), O_RDWR | O_DIRECT | io.pollux.uapi.Fcntl.O_DSYNC);
    powerOff();
    assertFails(fs.pwrite(fd, bytes(PAGE), 0), Errno.EIO);
    powerOn();
    fs.store(fd, bytes(PAGE), 0);
    fs.done(fd);
  }

  @Test
  @Needs({DISK_ERRORS, POLLED})
  void anErrorOfTheDiskIsTheResultOfAPolledRequest() {
    Sample sample = sample(SIZE);
    assertOk(fs.sync());
    int fd = fs.fd(sample.path(), O_DIRECT);
    assertContent(fd, 0, sample.part(0, PAGE));
    try (UserRing ring = UserRing.polled(disk().program(), 4, PAGE)) {
      powerOff();
      for (int i = 0; i < 4; i++) {
        ring.read(fd, i * (long) PAGE, PAGE);
      }
      assertThatCall(ring.enter(0)).returns(4);
      for (Event event : Event.awaitEvents(ring, 4, Duration.ofSeconds(20))) {
        EventAssert.assertThatEvent(event).failedWith(Errno.EIO);
      }
      powerOn();
    }
    fs.done(fd);
  }

  @Test
  @Needs({DISK_ERRORS, CREATE, ALLOCATE, REMOUNT})
  void anErrorOfTheDiskDuringChangesLeavesAFilesystemThatMounts() throws Exception {
    Sample sample = sample(SIZE);
    assertOk(fs.sync());
    int fd = fs.fd("other", O_CREATE);
    fs.store(fd, bytes(PAGE), 0);
    powerOff();
    fs.fsync(fd); // may fail
    fs.done(fd);
    fs.sync();
    powerOn();
    disk().umount();
    disk().mount(false); // recovers what the errors left
    remount();
    assertContent(sample.path(), sample.content());
    fs.create("new", bytes(PAGE));
  }

  @Test
  @Needs(value = DISK_ERRORS, machine = false)
  void aMountOfADiskThatFailsIsAnError() throws Exception {
    try (TestKernel kernel = TestKernel.boot()) {
      use(DiskMachine.start(kernel, fileSystem));
      disk().umount();
      powerOff();
      assertThat(mountError()).isEqualTo(Errno.EIO);
      powerOn();
      disk().mount(false);
      assertThat(fs.list("")).isNotEmpty();
    }
  }

  /** Mounts, and returns the errno, or 0. An exception inside the filesystem fails the test. */
  private int mountError() {
    try {
      disk().mount(true);
      return 0;
    } catch (ErrnoException e) {
      assertThat(e.getCause()).as("an exception of the filesystem").isNull();
      fs.note("(mount: " + e.getMessage() + ")");
      return e.errno();
    }
  }

  @Test
  @Needs({DISK_ERRORS, REMOUNT})
  void aMountedDiskIsNotMountedAgain() throws Exception {
    Sample sample = sample(PAGE);
    assertThat(mountError()).isEqualTo(Errno.EBUSY);
    int fd = fs.fd(sample.path(), O_RDONLY);
    try {
      disk().umount();
      fail("a filesystem with an open file was unmounted");
    } catch (ErrnoException e) {
      assertThat(e.errno()).isEqualTo(Errno.EBUSY);
    }
    assertContent(fd, 0, sample.content());
    fs.done(fd);
    remount();
  }

  @Test
  @Needs({DISK_ERRORS, REMOUNT})
  void anUnknownOptionIsEinval() throws Exception {
    disk().umount();
    for (String option : new String[] {"ro,no-such-option", "ro,no-such-option=1"}) {
      try {
        disk().mount(option);
        fail("mounted with " + option);
      } catch (ErrnoException e) {
        assertThat(e.getCause()).isNull();
        assertThat(e.errno()).isEqualTo(Errno.EINVAL);
      }
    }
    disk().mount(false);
  }

  @Test
  @Needs(DISK_ERRORS)
  void theTypeRecognisesItsOwnDisks() {
    long address = disk().memory().address();
    assertThat(fileSystem.type().recognises(RawMemory.segment(address, HEAD).asReadOnly()))
        .isTrue();
  }

  @Test
  @Needs(value = DISK_ERRORS, machine = false)
  void aDiskOfZeroesOrNoiseIsNotMounted() throws Exception {
    for (boolean noise : new boolean[] {false, true}) {
      RamDisk memory = new RamDisk(16 << 20);
      if (noise) {
        byte[] bytes = new byte[HEAD];
        random.nextBytes(bytes);
        Calls.put(memory.address(), bytes);
      }
      assertThat(fileSystem.type().recognises(RawMemory.segment(memory.address(), HEAD))).isFalse();
      try (TestKernel kernel = TestKernel.boot()) {
        use(DiskMachine.over(kernel, fileSystem, memory));
        assertThat(mountError()).isNotZero();
      }
    }
  }

  @Test
  @Needs(value = DISK_ERRORS, machine = false)
  void theHeadOfADiskIsCheckedAtAnyLength() {
    RamDisk memory = new RamDisk(1 << 20);
    try {
      for (int length : new int[] {0, 1, 7, 8, 511, 512, 4095, 4096, HEAD - 1}) {
        var head = RawMemory.segment(memory.address(), length).asReadOnly();
        assertThat(fileSystem.type().recognises(head)).as("%d bytes", length).isFalse();
      }
    } finally {
      memory.close();
    }
  }

  @Test
  @Needs(value = DISK_ERRORS, machine = false)
  void aDiskThatIsTooSmallForItsFilesystemIsAnErrorOrReadsSo() throws Exception {
    RamDisk whole = filled();
    RamDisk half = new RamDisk(whole.bytes() / 2);
    RawMemory.copy(whole.address(), half.address(), half.bytes());
    whole.close();
    try (TestKernel kernel = TestKernel.boot()) {
      use(DiskMachine.over(kernel, fileSystem, half));
      if (mountError() == 0) {
        readAll();
      }
    }
  }

  private Sample known = new Sample("", new byte[0]);
  private long[] ofKnown = {}; // sectors that the known file changed

  /** Returns a disk with a file, and small files if the filesystem can. The caller closes it. */
  private RamDisk filled() throws Exception {
    try (TestKernel kernel = TestKernel.boot()) {
      use(DiskMachine.start(kernel, fileSystem));
      if (fileSystem.prepared() != null) {
        known = sample(SIZE);
        disk().umount();
        return SuiteFileSystem.copy(disk().memory());
      }
      for (int i = 0; i < 8; i++) {
        fs.done(fs.fd("small" + i, O_CREATE));
      }
      assertOk(fs.sync());
      RamDisk before = SuiteFileSystem.copy(disk().memory());
      known = sample(SIZE);
      disk().umount();
      RamDisk filled = SuiteFileSystem.copy(disk().memory());
      ofKnown = changedSectors(before, filled);
      before.close();
      return filled;
    }
  }

  /** Returns the sectors that the creation of the known file has changed; none for an image. */
  private static long[] changedSectors(RamDisk before, RamDisk after) {
    MemorySegment old = RawMemory.segment(before.address(), before.bytes());
    MemorySegment now = RawMemory.segment(after.address(), after.bytes());
    List<Long> changed = new ArrayList<>();
    long at = 0;
    while (at < before.bytes()) { // each turn passes a sector
      long found = old.asSlice(at).mismatch(now.asSlice(at));
      if (found < 0) {
        break;
      }
      long sector = (at + found) / SECTOR * SECTOR;
      changed.add(sector);
      at = sector + SECTOR;
    }
    return changed.stream().mapToLong(Long::longValue).toArray();
  }

  @Test
  @Needs(value = DISK_ERRORS, machine = false)
  void aChangedBitOfMetadataIsAnErrorAtMost() throws Exception {
    flips(false);
  }

  @Test
  @Needs(
      value = {DISK_ERRORS, CHECKSUMS},
      machine = false)
  void whatIsReadIsRightDespiteAChangedBitOfMetadata() throws Exception {
    flips(true);
  }

  private void flips(boolean right) throws Exception {
    RamDisk memory = filled();
    try {
      Set<ByteBuffer> data = dataSectors();
      for (int i = 0; i < FLIPS; i++) {
        long at = metadataByte(memory, data);
        byte before = RawMemory.getByte(memory.address() + at);
        byte changed = (byte) (before ^ 1 << random.nextInt(8));
        RawMemory.putByte(memory.address() + at, changed);
        try (TestKernel kernel = TestKernel.boot()) {
          use(DiskMachine.readOnly(kernel, fileSystem, memory));
          fs.note(String.format("(byte %#x of the disk: %#x to %#x)", at, before, changed));
          if (mountError() == 0) {
            readAll();
            if (right) {
              readRight();
            }
          }
        }
        RawMemory.putByte(memory.address() + at, before);
      }
    } finally {
      memory.close();
    }
  }

  /** Returns the sectors of the known file, to distinguish them from metadata. */
  private Set<ByteBuffer> dataSectors() {
    SuiteFileSystem.Prepared prepared = fileSystem.prepared();
    byte[] all = known.content();
    if (prepared != null) {
      RamDisk buffer = new RamDisk(prepared.bytes());
      prepared.content().fill(buffer.address(), prepared.bytes(), 0);
      all = Calls.bytes(buffer.address(), prepared.bytes());
      buffer.close();
    }
    Set<ByteBuffer> sectors = new HashSet<>();
    for (int at = 0; at < all.length; at += SECTOR) {
      byte[] sector = Arrays.copyOf(Arrays.copyOfRange(all, at, at + SECTOR), SECTOR);
      sectors.add(ByteBuffer.wrap(sector));
    }
    return sectors;
  }

  private long metadataByte(RamDisk memory, Set<ByteBuffer> data) {
    ByteBuffer zero = ByteBuffer.allocate(SECTOR);
    long sectors = memory.bytes() / SECTOR;
    long start = random.nextLong(sectors);
    for (long draw = 0; draw < MAX_DRAWS + sectors; draw++) {
      long sector;
      if (draw >= MAX_DRAWS) { // metadata is rare: the next of all sectors
        sector = (start + draw) % sectors * SECTOR;
      } else if (ofKnown.length == 0 || random.nextInt(3) == 0) {
        sector = random.nextLong(sectors) * SECTOR;
      } else {
        sector = ofKnown[random.nextInt(ofKnown.length)];
      }
      ByteBuffer found = ByteBuffer.wrap(Calls.bytes(memory.address() + sector, SECTOR));
      if (!found.equals(zero) && !data.contains(found)) {
        int used = SECTOR;
        while (found.get(used - 1) == 0) {
          used--;
        }
        return sector + random.nextInt(used);
      }
    }
    throw new AssertionError("the disk has no metadata");
  }

  /** Reads all that can be read. Each call succeeds, or fails with an errno of damage. */
  private void readAll() {
    long fd = fs.open("", O_RDONLY);
    if (isDamage(fd)) {
      return;
    }
    long listed = fs.getdents(fd, 1 << 15);
    for (int i = 0; i < 1000 && !isDamage(listed) && listed > 0; i++) {
      listed = fs.getdents(fd, 1 << 15);
    }
    fs.done(fd);
    isDamage(fs.statfs(""));
    isDamage(fs.stat("small3"));
    long file = fs.open(known.path(), O_RDONLY);
    if (isDamage(file)) {
      return;
    }
    long got = 1;
    for (long pos = 0; pos < SIZE && got > 0; pos += Math.max(got, 0)) {
      got = fs.pread(file, PAGE, pos);
      isDamage(got);
    }
    fs.done(file);
  }

  private static boolean isDamage(long result) {
    if (result < 0) {
      assertThatCall(result)
          .failsWith(
              Errno.EIO,
              Errno.EUCLEAN,
              Errno.ENOENT,
              Errno.ENOTDIR,
              Errno.ENODATA,
              Errno.ELOOP,
              Errno.ENXIO,
              Errno.EISDIR,
              Errno.EPERM,
              Errno.EINVAL,
              Errno.EOPNOTSUPP);
    }
    return result < 0;
  }

  /** Reads the known file. What a read returns is right. */
  private void readRight() {
    long fd = fs.open(known.path(), O_RDONLY);
    if (fd < 0) {
      return;
    }
    for (int pos = 0; pos < SIZE; pos += PAGE) {
      long got = fs.pread(fd, PAGE, pos);
      if (got > 0) {
        assertSame(fs.data(got), known.part(pos, pos + got), "from " + pos);
      }
    }
    fs.done(fd);
  }
}
