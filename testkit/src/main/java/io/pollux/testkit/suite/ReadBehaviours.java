// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import org.junit.jupiter.api.Test;

/** Reads through the page cache. */
abstract class ReadBehaviours extends DirectoryBehaviours {
  private static final int SIZE = 200_000;

  @Test
  void aWholeFileIsReadInOrder() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), O_RDONLY);
    for (int at = 0; at < sample.size(); ) {
      int wanted = Math.min(1 + random.nextInt(20_000), sample.size() - at);
      assertThatCall(fs.read(fd, wanted)).returns(wanted);
      assertSame(fs.data(wanted), sample.part(at, at + wanted), "from " + at);
      at += wanted;
    }
    fs.done(fd);
  }

  @Test
  void readsOfAnyPositionAndLengthAreRight() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), O_RDONLY);
    for (int turn = 0; turn < 100; turn++) {
      int at = random.nextInt(sample.size() - 1);
      int length = 1 + random.nextInt(Math.min(sample.size() - at, 3 * PAGE));
      assertContent(fd, at, sample.part(at, at + length));
    }
    fs.done(fd);
  }

  @Test
  void readsAroundTheEdgesOfPagesAreRight() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), O_RDONLY);
    for (int edge = PAGE; edge < SIZE; edge += 7 * PAGE) {
      for (int before = 0; before < 2; before++) {
        assertContent(fd, edge - before, sample.part(edge - before, edge + 1));
        assertContent(fd, edge - before, sample.part(edge - before, edge - before + PAGE));
      }
    }
    fs.done(fd);
  }

  @Test
  void aReadAtTheEndIsShort() {
    Sample sample = sample(SIZE);
    long size = sizeOf(sample);
    byte[] end = endOf(sample, 100);
    int fd = fs.fd(sample.path(), O_RDONLY);
    assertThat(fs.status(fd).size()).isEqualTo(size);
    scribble(2 * PAGE);
    assertThatCall(fs.pread(fd, 2 * PAGE, size - 100)).returns(100);
    assertSame(fs.data(100), end, "at the end");
    assertThatCall(fs.pread(fd, PAGE, size)).returns(0);
    assertThatCall(fs.pread(fd, PAGE, size + 10 * PAGE)).returns(0);
    assertThatCall(fs.pread(fd, PAGE, Long.MAX_VALUE - PAGE)).returns(0);
    fs.done(fd);
  }

  @Test
  void aShortReadLeavesTheRestOfTheBufferAlone() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), O_RDONLY);
    scribble(PAGE);
    assertThatCall(fs.pread(fd, PAGE, sizeOf(sample) - 10)).returns(10);
    for (byte each : java.util.Arrays.copyOfRange(fs.data(PAGE), 10, PAGE)) {
      assertThat(each).isEqualTo((byte) 0x55);
    }
    fs.done(fd);
  }

  @Test
  void aNegativePositionIsEinval() {
    int fd = fs.fd(sample(PAGE).path(), O_RDONLY);
    assertFails(fs.pread(fd, 10, -1), Errno.EINVAL);
    assertFails(fs.pread(fd, 10, Long.MIN_VALUE), Errno.EINVAL);
    fs.done(fd);
  }

  @Test
  void aReadOfNoBytesIsNothing() {
    int fd = fs.fd(sample(PAGE).path(), O_RDONLY);
    assertThatCall(fs.pread(fd, 0, 0)).returns(0);
    assertThatCall(fs.preadAt(fd, 0, 0, 0)).returns(0);
    fs.done(fd);
  }

  @Test
  void aReadScattersOverSeveralBuffers() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), O_RDONLY);
    assertThatCall(fs.vector(Nr.PREADV2, fd, 1234, 0, 1, 5000, 0, 3, 9000)).returns(14_004);
    assertSame(fs.data(14_004), sample.part(1234, 1234 + 14_004), "of the vector");
    fs.done(fd);
  }

  @Test
  void readMovesThePositionAndPreadDoesNot() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), O_RDONLY);
    assertThatCall(fs.read(fd, 100)).returns(100);
    assertContent(fd, 5000, sample.part(5000, 5010));
    assertThatCall(fs.lseek(fd, 0, Fcntl.SEEK_CUR)).returns(100);
    assertThatCall(fs.read(fd, 50)).returns(50);
    assertSame(fs.data(50), sample.part(100, 150), "after 100");
    fs.done(fd);
  }

  @Test
  void eachOpenHasItsOwnPosition() {
    Sample sample = sample(SIZE);
    int first = fs.fd(sample.path(), O_RDONLY);
    int second = fs.fd(sample.path(), O_RDONLY);
    long copy = fs.call("dup(" + first + ")", Nr.DUP, first);
    assertThatCall(fs.read(first, 64)).returns(64);
    assertThatCall(fs.lseek(second, 0, Fcntl.SEEK_CUR)).returns(0);
    assertThatCall(fs.lseek(copy, 0, Fcntl.SEEK_CUR)).returns(64);
    fs.done(copy);
    fs.done(first);
    fs.done(second);
  }

  @Test
  void aBufferOutsideTheProgramIsEfault() {
    int fd = fs.fd(sample(PAGE).path(), O_RDONLY);
    assertFails(fs.preadAt(fd, 8, 100, 0), Errno.EFAULT);
    assertFails(fs.preadAt(fd, -PAGE, 100, 0), Errno.EFAULT);
    fs.done(fd);
  }

  @Test
  void aReadEndsWhereTheMemoryEnds() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), O_RDONLY);
    long memory = fs.map(2 * PAGE);
    fs.unmap(memory + PAGE, PAGE);
    assertThatCall(fs.preadAt(fd, memory + PAGE - 100, PAGE, 0)).returns(100);
    assertSame(Calls.bytes(memory + PAGE - 100, 100), sample.part(0, 100), "before the end");
    fs.unmap(memory, PAGE);
    fs.done(fd);
  }

  @Test
  void unknownFlagsOfAReadAreRefused() {
    int fd = fs.fd(sample(PAGE).path(), O_RDONLY);
    assertFails(fs.vector(Nr.PREADV2, fd, 0, 1 << 30, 512), Errno.EOPNOTSUPP);
    fs.done(fd);
  }

  @Test
  void aDescriptorForReadingCannotWrite() {
    int fd = fs.fd(sample(PAGE).path(), O_RDONLY);
    assertFails(fs.pwrite(fd, new byte[10], 0), Errno.EBADF);
    assertFails(fs.ftruncate(fd, 0), Errno.EINVAL);
    assertFails(fs.fallocate(fd, 0, 0, 10), Errno.EBADF);
    fs.done(fd);
  }

  @Test
  @Needs(Feature.WRITE)
  void aDescriptorForWritingCannotRead() {
    int fd = fs.fd(sample(PAGE).path(), Fcntl.O_WRONLY);
    assertFails(fs.pread(fd, 10, 0), Errno.EBADF);
    fs.done(fd);
  }
}
