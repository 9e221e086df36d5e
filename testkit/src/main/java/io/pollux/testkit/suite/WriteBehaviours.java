// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static io.pollux.testkit.suite.Feature.ALLOCATE;
import static io.pollux.testkit.suite.Feature.CREATE;
import static io.pollux.testkit.suite.Feature.FILLS_UP;
import static io.pollux.testkit.suite.Feature.LARGE_FILES;
import static io.pollux.testkit.suite.Feature.REMOUNT;
import static io.pollux.testkit.suite.Feature.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Writes through the page cache. */
abstract class WriteBehaviours extends ReadBehaviours {
  private static final int SIZE = 200_000;
  private static final int CHUNK = 1 << 18;
  private static final int MAX_CHUNKS = 4096;

  @Test
  @Needs(WRITE)
  void whatIsWrittenIsRead() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), O_RDWR);
    byte[] written = bytes(5 * PAGE);
    assertThatCall(fs.pwrite(fd, written, 2 * PAGE)).returns(written.length);
    System.arraycopy(written, 0, sample.content(), 2 * PAGE, written.length);
    assertContent(fd, 0, sample.content());
    fs.done(fd);
    assertThat(fs.status(sample.path()).size()).isEqualTo(sizeOf(sample));
  }

  @Test
  @Needs(WRITE)
  void writesOfAnyPositionAndLengthKeepTheirNeighbours() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), O_RDWR);
    for (int turn = 0; turn < 100; turn++) {
      int at = random.nextInt(sample.size() - 1);
      byte[] written = bytes(1 + random.nextInt(Math.min(sample.size() - at, 3 * PAGE)));
      assertThatCall(fs.pwrite(fd, written, at)).returns(written.length);
      System.arraycopy(written, 0, sample.content(), at, written.length);
    }
    assertContent(fd, 0, sample.content());
    assertOk(fs.fsync(fd));
    assertContent(fd, 0, sample.content());
    fs.done(fd);
  }

  @Test
  @Needs(WRITE)
  void aWriteGathersSeveralBuffers() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), O_RDWR);
    byte[] written = bytes(9000);
    Calls.put(fs.data(), written);
    assertThatCall(fs.vector(Nr.PWRITEV2, fd, 77, 0, 1, 4096, 0, 4903)).returns(9000);
    assertContent(fd, 77, written);
    fs.done(fd);
  }

  @Test
  @Needs(WRITE)
  void writeMovesThePosition() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), O_RDWR);
    byte[] written = bytes(300);
    assertThatCall(fs.lseek(fd, 1000, Fcntl.SEEK_SET)).returns(1000);
    assertThatCall(fs.write(fd, written)).returns(300);
    assertThatCall(fs.lseek(fd, 0, Fcntl.SEEK_CUR)).returns(1300);
    assertContent(fd, 1000, written);
    fs.done(fd);
  }

  @Test
  @Needs(WRITE)
  void aWriteFromOutsideTheProgramChangesNothing() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), O_RDWR);
    assertFails(fs.pwriteAt(fd, 8, 100, 0), Errno.EFAULT);
    assertContent(fd, 0, sample.part(0, PAGE));
    assertThat(fs.status(fd).size()).isEqualTo(sizeOf(sample));
    fs.done(fd);
  }

  @Test
  @Needs(WRITE)
  void aWriteEndsWhereTheMemoryEnds() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), O_RDWR);
    long memory = fs.map(2 * PAGE);
    byte[] written = bytes(PAGE);
    Calls.put(memory, written);
    fs.unmap(memory + PAGE, PAGE);
    long result = fs.pwriteAt(fd, memory, 2 * PAGE, 100);
    assertThatCall(result).returns(PAGE);
    System.arraycopy(written, 0, sample.content(), 100, PAGE);
    assertContent(fd, 0, sample.content());
    fs.unmap(memory, PAGE);
    fs.done(fd);
  }

  @Test
  @Needs(WRITE)
  void aNegativePositionOfAWriteIsEinval() {
    int fd = fs.fd(sample(PAGE).path(), O_RDWR);
    assertFails(fs.pwrite(fd, new byte[10], -1), Errno.EINVAL);
    assertFails(fs.vector(Nr.PWRITEV2, fd, 0, 1 << 30, 512), Errno.EOPNOTSUPP);
    fs.done(fd);
  }

  @Test
  @Needs({WRITE, REMOUNT})
  void whatIsWrittenOutlivesARemount() throws Exception {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), O_RDWR);
    byte[] written = bytes(PAGE + 33);
    assertThatCall(fs.pwrite(fd, written, 10_000)).returns(written.length);
    fs.done(fd);
    remount();
    System.arraycopy(written, 0, sample.content(), 10_000, written.length);
    fd = fs.fd(sample.path(), O_RDONLY);
    assertContent(fd, 0, sample.content());
    fs.done(fd);
  }

  @Test
  @Needs(REMOUNT)
  void aReadOnlyMountRefusesChanges() throws Exception {
    Sample sample = sample(SIZE);
    machine.remount(true);
    assertFails(fs.open(sample.path(), O_RDWR), Errno.EROFS);
    assertFails(fs.open("new", O_CREATE), Errno.EROFS);
    assertFails(fs.unlink(sample.path()), Errno.EROFS);
    assertFails(fs.mkdir("dir", 0755), Errno.EROFS);
    assertFails(fs.truncate(sample.path(), 0), Errno.EROFS);
    assertFails(fs.chmod(sample.path(), 0600), Errno.EROFS);
    int fd = fs.fd(sample.path(), O_RDONLY);
    assertContent(fd, 0, sample.content());
    assertOk(fs.fsync(fd));
    fs.done(fd);
    remount();
  }

  @Test
  @Needs({CREATE, ALLOCATE})
  void aFileGrowsByWritesAtItsEnd() {
    byte[] content = bytes(150_000);
    int fd = fs.fd("grown", O_CREATE);
    for (int at = 0; at < content.length; ) {
      int length = Math.min(1 + random.nextInt(9000), content.length - at);
      assertThatCall(fs.write(fd, Arrays.copyOfRange(content, at, at + length))).returns(length);
      at += length;
      assertThat(fs.status(fd).size()).isEqualTo(at);
    }
    fs.done(fd);
    assertContent("grown", content);
  }

  @Test
  @Needs({CREATE, ALLOCATE})
  void appendGoesToTheEnd() {
    byte[] content = bytes(5000);
    fs.create("appended", content);
    int fd = fs.fd("appended", O_RDWR | Fcntl.O_APPEND);
    int other = fs.fd("appended", O_RDWR);
    byte[] first = bytes(100);
    byte[] second = bytes(200);
    byte[] third = bytes(300);
    assertThatCall(fs.write(fd, first)).returns(100);
    fs.store(other, second, 5100);
    assertThatCall(fs.write(fd, third)).returns(300);
    assertThatCall(fs.lseek(fd, 0, Fcntl.SEEK_CUR)).returns(5600);
    fs.done(fd);
    fs.done(other);
    assertContent("appended", joined(content, first, second, third));
  }

  @Test
  @Needs({CREATE, ALLOCATE})
  void pwriteAppendsToAFileOpenedForAppend() {
    byte[] content = bytes(5000);
    fs.create("appended", content);
    int fd = fs.fd("appended", O_RDWR | Fcntl.O_APPEND);
    byte[] more = bytes(10);
    assertThatCall(fs.pwrite(fd, more, 0)).returns(10); // Linux ignores the position
    fs.done(fd);
    assertContent("appended", joined(content, more));
  }

  @Test
  @Needs({CREATE, ALLOCATE})
  void aSingleWriteMayAppend() {
    byte[] content = bytes(5000);
    fs.create("appended", content);
    int fd = fs.fd("appended", O_RDWR);
    byte[] more = bytes(600);
    Calls.put(fs.data(), more);
    assertThatCall(fs.vector(Nr.PWRITEV2, fd, 0, AioAbi.RWF_APPEND, 600)).returns(600);
    fs.done(fd);
    assertContent("appended", joined(content, more));
  }

  @Test
  @Needs({CREATE, ALLOCATE})
  void aGapReadsAsZeroes() {
    for (int gap : new int[] {1, 511, PAGE - 1, PAGE, 3 * PAGE + 7, 100_000}) {
      String name = "gap" + gap;
      byte[] start = bytes(100);
      byte[] end = bytes(50);
      fs.create(name, start);
      int fd = fs.fd(name, O_RDWR);
      assertThatCall(fs.pwrite(fd, end, 100 + gap)).returns(50);
      fs.done(fd);
      assertContent(name, joined(start, new byte[gap], end));
    }
  }

  @Test
  @Needs({CREATE, ALLOCATE})
  void aWriteIntoAGapKeepsTheZeroesAroundIt() {
    int fd = fs.fd("gap", O_CREATE);
    byte[] model = new byte[60 * PAGE];
    byte[] last = bytes(1);
    fs.store(fd, last, model.length - 1);
    model[model.length - 1] = last[0];
    for (int turn = 0; turn < 30; turn++) {
      int at = random.nextInt(model.length - 600);
      byte[] written = bytes(1 + random.nextInt(600));
      fs.store(fd, written, at);
      System.arraycopy(written, 0, model, at, written.length);
    }
    assertContent(fd, 0, model);
    assertOk(fs.fsync(fd));
    assertContent(fd, 0, model);
    fs.done(fd);
  }

  @Test
  @Needs({CREATE, ALLOCATE})
  void aWriteOfNoBytesDoesNotExtend() {
    int fd = fs.fd("empty", O_CREATE);
    assertThatCall(fs.pwrite(fd, new byte[0], 5000)).returns(0);
    assertThat(fs.status(fd).size()).isZero();
    fs.done(fd);
  }

  @Test
  @Needs({CREATE, ALLOCATE, REMOUNT})
  void manyFilesOutliveARemount() throws Exception {
    int files = Math.min(20, fileSystem.maxFiles());
    byte[][] contents = new byte[files][];
    for (int i = 0; i < files; i++) {
      contents[i] = bytes(1 + random.nextInt(3 * PAGE));
      fs.create("f" + i, contents[i]);
    }
    for (int i = 0; i < files; i += 3) {
      assertOk(fs.unlink("f" + i));
    }
    remount();
    for (int i = 0; i < files; i++) {
      if (i % 3 == 0) {
        assertThat(fs.exists("f" + i)).isFalse();
      } else {
        assertContent("f" + i, contents[i]);
      }
    }
  }

  @Test
  @Needs({CREATE, ALLOCATE})
  void filesThatGrowTogetherDoNotMix() {
    int files = 6;
    byte[][] contents = new byte[files][];
    int[] fds = new int[files];
    for (int i = 0; i < files; i++) {
      contents[i] = bytes(12 * PAGE);
      fds[i] = fs.fd("mixed" + i, O_CREATE);
    }
    for (int at = 0; at < 12 * PAGE; at += PAGE) {
      for (int i = 0; i < files; i++) {
        fs.store(fds[i], Arrays.copyOfRange(contents[i], at, at + PAGE), at);
        if (random.nextInt(4) == 0) {
          assertOk(fs.fsync(fds[i]));
        }
      }
    }
    for (int i = 0; i < files; i++) {
      assertContent(fds[i], 0, contents[i]);
      fs.done(fds[i]);
    }
  }

  @Test
  @Needs({CREATE, ALLOCATE, LARGE_FILES})
  void aFileMayBeLargerThanFourGigabytes() {
    long far = 5L << 30;
    int fd = fs.fd("large", O_CREATE);
    byte[] end = bytes(PAGE + 5);
    assertThatCall(fs.pwrite(fd, end, far)).returns(end.length);
    assertThat(fs.status(fd).size()).isEqualTo(far + end.length);
    assertContent(fd, far - PAGE, joined(new byte[PAGE], end));
    assertContent(fd, 1L << 32, new byte[PAGE]);
    assertOk(fs.fsync(fd));
    assertContent(fd, far, end);
    fs.done(fd);
  }

  @Test
  @Needs({CREATE, ALLOCATE})
  void noWriteReachesBeyondTheLargestPosition() {
    int fd = fs.fd("large", O_CREATE);
    assertFails(fs.pwrite(fd, new byte[10], Long.MAX_VALUE), Errno.EFBIG, Errno.EINVAL);
    assertThat(fs.status(fd).size()).isZero();
    long result = fs.pwrite(fd, new byte[10], Long.MAX_VALUE - 5);
    if (result < 0) {
      assertFails(result, Errno.EFBIG, Errno.EINVAL);
    } else {
      assertThat(result).isLessThanOrEqualTo(5);
    }
    assertThat(fs.status(fd).size()).isNotNegative();
    fs.done(fd);
  }

  @Test
  @Needs({CREATE, ALLOCATE, FILLS_UP})
  void aFullFilesystemIsEnospcUntilSpaceIsFreed() {
    byte[] kept = bytes(3 * PAGE);
    fs.create("kept", kept);
    int fd = fs.fd("filler", O_CREATE);
    fill(fd);
    fs.done(fd);
    assertContent("kept", kept);
    assertOk(fs.unlink("filler"));
    assertOk(fs.sync());
    byte[] again = bytes(CHUNK);
    fs.create("again", again);
    assertContent("again", again);
    assertContent("kept", kept);
  }

  @Test
  @Needs({CREATE, ALLOCATE, FILLS_UP})
  void theSpaceOfACutFileCanBeUsedAgain() {
    int fd = fs.fd("filler", O_CREATE);
    long size = fill(fd);
    assertOk(fs.ftruncate(fd, 0));
    assertThat(fill(fd)).as("bytes at once after the cut").isGreaterThan(size / 4 * 3);
    assertOk(fs.ftruncate(fd, 0));
    assertOk(fs.fsync(fd));
    int other = fs.fd("other", O_CREATE);
    assertThat(fill(other)).as("bytes of another file").isGreaterThan(size / 4 * 3);
    fs.done(other);
    fs.done(fd);
  }

  /** Writes a file until the filesystem is full. Returns its size. */
  private long fill(int fd) {
    byte[] chunk = bytes(CHUNK);
    long size = 0;
    long result = 0;
    for (int i = 0; i < MAX_CHUNKS && result >= 0; i++) {
      result = fs.pwrite(fd, chunk, size);
      if (result > 0) {
        size += result;
        result = i % 8 == 7 ? fs.fsync(fd) : 0;
      }
    }
    assertFails(result, Errno.ENOSPC);
    return size;
  }
}
