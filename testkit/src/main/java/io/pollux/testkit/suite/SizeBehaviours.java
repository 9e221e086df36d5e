// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static io.pollux.testkit.suite.Feature.ALLOCATE;
import static io.pollux.testkit.suite.Feature.CREATE;
import static io.pollux.testkit.suite.Feature.DIRECT;
import static io.pollux.testkit.suite.Feature.FALLOCATE;
import static io.pollux.testkit.suite.Feature.HOLES;
import static io.pollux.testkit.suite.Feature.PUNCH_HOLE;
import static io.pollux.testkit.suite.Feature.REMOUNT;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Smaller and larger sizes of files, reservations and holes. */
abstract class SizeBehaviours extends PolledBehaviours {
  private static final int SIZE = 10 * PAGE + 123;

  @Test
  @Needs({CREATE, ALLOCATE})
  void truncateCutsAFile() {
    byte[] content = bytes(SIZE);
    fs.create("cut", content);
    for (int size : new int[] {SIZE - 1, 5 * PAGE + 1, 5 * PAGE, 5 * PAGE - 1, 1, 0}) {
      assertOk(fs.truncate("cut", size));
      assertThat(fs.status("cut").size()).isEqualTo(size);
      assertContent("cut", Arrays.copyOf(content, size));
    }
  }

  @Test
  @Needs({CREATE, ALLOCATE})
  void truncateExtendsAFileByZeroes() {
    byte[] content = bytes(PAGE + 5);
    fs.create("longer", content);
    for (int size : new int[] {PAGE + 6, 2 * PAGE, 7 * PAGE + 1}) {
      int fd = fs.fd("longer", O_RDWR);
      assertOk(fs.ftruncate(fd, size));
      assertThat(fs.status(fd).size()).isEqualTo(size);
      fs.done(fd);
      assertContent("longer", Arrays.copyOf(content, size));
    }
  }

  @Test
  @Needs({CREATE, ALLOCATE})
  void oldBytesDoNotComeBackWhenAFileGrowsAgain() {
    oldBytes(false, () -> {});
  }

  @Test
  @Needs({CREATE, ALLOCATE})
  void oldBytesDoNotComeBackAfterASync() {
    oldBytes(false, () -> assertOk(fs.sync()));
  }

  @Test
  @Needs({CREATE, ALLOCATE, DIRECT})
  void oldBytesDoNotComeBackInDirectReads() {
    oldBytes(true, () -> {});
  }

  /** Cuts a file and extends it. The step between must not change the result. */
  private void oldBytes(boolean direct, Runnable between) {
    for (int size : new int[] {1, 300, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE + 700}) {
      String name = "again" + size;
      byte[] content = bytes(5 * PAGE);
      fs.create(name, content);
      between.run();
      assertOk(fs.truncate(name, size));
      between.run();
      assertOk(fs.truncate(name, 5 * PAGE));
      byte[] expected = Arrays.copyOf(Arrays.copyOf(content, size), 5 * PAGE);
      if (direct) {
        int fd = fs.fd(name, O_DIRECT);
        assertContent(fd, 0, expected);
        fs.done(fd);
      }
      assertContent(name, expected);
      assertOk(fs.unlink(name));
    }
  }

  @Test
  @Needs({CREATE, ALLOCATE, REMOUNT})
  void oldBytesDoNotComeBackAfterARemount() throws Exception {
    byte[] content = bytes(5 * PAGE);
    fs.create("again", content);
    assertOk(fs.sync());
    assertOk(fs.truncate("again", PAGE + 10));
    remount();
    assertOk(fs.truncate("again", 5 * PAGE));
    remount();
    assertContent("again", Arrays.copyOf(Arrays.copyOf(content, PAGE + 10), 5 * PAGE));
  }

  @Test
  @Needs({CREATE, ALLOCATE})
  void aWriteAfterACutLeavesZeroesBetween() {
    byte[] content = bytes(4 * PAGE);
    fs.create("cut", content);
    assertOk(fs.truncate("cut", 100));
    int fd = fs.fd("cut", O_RDWR);
    byte[] written = bytes(50);
    fs.store(fd, written, 2 * PAGE + 50);
    fs.done(fd);
    assertContent("cut", joined(Arrays.copyOf(content, 100), new byte[2 * PAGE - 50], written));
  }

  @Test
  @Needs({CREATE, ALLOCATE})
  void aReaderNeverReadsWhatWasCut() {
    byte[] content = bytes(4 * PAGE);
    fs.create("cut", content);
    int fd = fs.fd("cut", O_RDONLY);
    fs.load(fd, 0, 4 * PAGE);
    assertOk(fs.truncate("cut", PAGE / 2));
    assertThatCall(fs.pread(fd, 4 * PAGE, 0)).returns(PAGE / 2);
    assertThatCall(fs.pread(fd, PAGE, PAGE)).returns(0);
    fs.done(fd);
  }

  @Test
  @Needs({CREATE, ALLOCATE})
  void aNegativeSizeIsEinval() {
    int fd = fs.fd("file", O_CREATE);
    assertFails(fs.ftruncate(fd, -1), Errno.EINVAL);
    assertFails(fs.truncate("file", -1), Errno.EINVAL);
    assertFails(fs.truncate("missing", 0), Errno.ENOENT);
    fs.done(fd);
  }

  @Test
  @Needs({CREATE, ALLOCATE, HOLES})
  void aHoleTakesNoBlocks() {
    int fd = fs.fd("sparse", O_CREATE);
    fs.store(fd, bytes(1), 1 << 20);
    assertOk(fs.fsync(fd));
    long blocks = fs.status(fd).blocks();
    assertThat(blocks).isBetween(1L, 1024L); // of 512 bytes
    fs.store(fd, bytes(4 * PAGE), 0);
    assertOk(fs.fsync(fd));
    assertThat(fs.status(fd).blocks()).isGreaterThanOrEqualTo(blocks + 4 * PAGE / 512);
    fs.done(fd);
  }

  @Test
  @Needs({CREATE, ALLOCATE, HOLES})
  void truncateFreesBlocks() {
    fs.create("file", bytes(64 * PAGE));
    assertOk(fs.sync());
    assertThat(fs.status("file").blocks()).isGreaterThanOrEqualTo(64 * PAGE / 512);
    assertOk(fs.truncate("file", PAGE));
    assertOk(fs.sync());
    assertThat(fs.status("file").blocks()).isLessThan(64 * PAGE / 512);
    assertOk(fs.truncate("file", 0));
    assertThat(fs.status("file").blocks()).isZero();
  }

  @Test
  @Needs({CREATE, ALLOCATE})
  void newBlocksDoNotShowOldBytes() {
    byte[] secret = new byte[100 * PAGE];
    Arrays.fill(secret, (byte) 0x7e);
    fs.create("secret", secret);
    assertOk(fs.sync());
    assertOk(fs.unlink("secret"));
    assertOk(fs.sync());
    for (int i = 0; i < 8; i++) {
      boolean direct = has(DIRECT) && i % 2 == 1;
      int fd = fs.fd("new" + i, O_CREATE | (direct ? O_DIRECT : 0));
      byte[] model = new byte[10 * PAGE];
      for (int write = 0; write < 4; write++) {
        int unit = direct ? 512 : 1;
        byte[] written = bytes(unit * (1 + random.nextInt(2)));
        int at = random.nextInt(model.length - 1024) / unit * unit;
        fs.store(fd, written, at);
        System.arraycopy(written, 0, model, at, written.length);
      }
      assertOk(fs.ftruncate(fd, model.length));
      assertContent(fd, 0, model);
      assertOk(fs.fsync(fd));
      assertContent(fd, 0, model);
      fs.done(fd);
      assertContent("new" + i, model);
    }
  }

  @Test
  void fallocateChecksItsRange() {
    Sample sample = sample(PAGE);
    if (!has(Feature.WRITE)) {
      throw new NotDeclaredException(fileSystem.name(), Feature.WRITE);
    }
    int fd = fs.fd(sample.path(), O_RDWR);
    assertFails(fs.fallocate(fd, 0, -1, 10), Errno.EINVAL);
    assertFails(fs.fallocate(fd, 0, 0, 0), Errno.EINVAL);
    assertFails(fs.fallocate(fd, 0, 0, -5), Errno.EINVAL);
    assertFails(fs.fallocate(fd, 0, Long.MAX_VALUE - 5, 100), Errno.EFBIG);
    assertFails(fs.fallocate(fd, 1 << 20, 0, 10), Errno.EOPNOTSUPP);
    assertFails(fs.fallocate(fd, Fcntl.FALLOC_FL_PUNCH_HOLE, 0, PAGE), Errno.EOPNOTSUPP);
    fs.done(fd);
  }

  @Test
  @Needs({CREATE, ALLOCATE, FALLOCATE})
  void reservedSpaceReadsAsZeroes() {
    byte[] content = bytes(PAGE + 5);
    fs.create("reserved", content);
    int fd = fs.fd("reserved", O_RDWR);
    assertOk(fs.fallocate(fd, 0, 0, 5 * PAGE));
    assertThat(fs.status(fd).size()).isEqualTo(5 * PAGE);
    assertContent(fd, 0, Arrays.copyOf(content, 5 * PAGE));
    byte[] written = bytes(10);
    fs.store(fd, written, 3 * PAGE);
    assertContent(
        fd, 0, joined(Arrays.copyOf(content, 3 * PAGE), written, new byte[2 * PAGE - 10]));
    fs.done(fd);
  }

  @Test
  @Needs({CREATE, ALLOCATE, FALLOCATE})
  void aReservationMayKeepTheSize() {
    int fd = fs.fd("reserved", O_CREATE);
    assertOk(fs.fallocate(fd, Fcntl.FALLOC_FL_KEEP_SIZE, 0, 8 * PAGE));
    assertThat(fs.status(fd).size()).isZero();
    if (has(HOLES)) {
      assertThat(fs.status(fd).blocks()).isGreaterThanOrEqualTo(8 * PAGE / 512);
    }
    fs.done(fd);
  }

  @Test
  @Needs({CREATE, ALLOCATE, PUNCH_HOLE})
  void aPunchedHoleReadsAsZeroes() {
    byte[] content = bytes(10 * PAGE);
    fs.create("punched", content);
    int mode = Fcntl.FALLOC_FL_PUNCH_HOLE | Fcntl.FALLOC_FL_KEEP_SIZE;
    int fd = fs.fd("punched", O_RDWR);
    int[][] holes = {{2 * PAGE, 3 * PAGE}, {6 * PAGE + 5, 100}, {8 * PAGE - 7, PAGE + 9}};
    for (int[] hole : holes) {
      assertOk(fs.fallocate(fd, mode, hole[0], hole[1]));
      Arrays.fill(content, hole[0], hole[0] + hole[1], (byte) 0);
      assertContent(fd, 0, content);
    }
    assertOk(fs.fallocate(fd, mode, 20 * PAGE, PAGE)); // after the end
    assertThat(fs.status(fd).size()).isEqualTo(10 * PAGE);
    assertOk(fs.fsync(fd));
    assertContent(fd, 0, content);
    fs.done(fd);
  }
}
