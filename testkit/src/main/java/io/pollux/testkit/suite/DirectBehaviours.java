// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static io.pollux.testkit.suite.Feature.ALLOCATE;
import static io.pollux.testkit.suite.Feature.CREATE;
import static io.pollux.testkit.suite.Feature.DIRECT;
import static io.pollux.testkit.suite.Feature.NOWAIT;
import static io.pollux.testkit.suite.Feature.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Direct I/O, together with the page cache, and I/O that does not block. */
abstract class DirectBehaviours extends WriteBehaviours {
  private static final int SIZE = 50 * PAGE;
  private static final int BLOCK = 512;
  private static final int DIRECT_RW = O_RDWR | O_DIRECT;

  /** Reads the start of a file, so that its pages are cached. */
  private void cache(String name) {
    int fd = fs.fd(name, O_RDONLY);
    fs.load(fd, 0, SIZE);
    fs.done(fd);
  }

  @Test
  @Needs(DIRECT)
  void directReadsAreRight() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), O_DIRECT);
    for (int turn = 0; turn < 60; turn++) {
      int at = random.nextInt(SIZE / BLOCK) * BLOCK;
      int length = Math.min(SIZE - at, BLOCK * (1 + random.nextInt(40)));
      assertContent(fd, at, sample.part(at, at + length));
    }
    fs.done(fd);
  }

  @Test
  @Needs(DIRECT)
  void directReadsNeedAlignment() {
    int fd = fs.fd(sample(SIZE).path(), O_DIRECT);
    assertFails(fs.pread(fd, BLOCK, 100), Errno.EINVAL);
    assertFails(fs.pread(fd, 100, 0), Errno.EINVAL);
    assertThatCall(fs.pread(fd, BLOCK, BLOCK)).returns(BLOCK);
    fs.done(fd);
  }

  @Test
  @Needs(DIRECT)
  void aDirectReadIntoAnUnalignedBufferIsRefusedOrRight() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), O_DIRECT);
    scribble(2 * PAGE);
    long result = fs.preadAt(fd, fs.data() + 1, PAGE, PAGE); // later Linux needs no alignment
    if (result == PAGE) {
      assertSame(Calls.bytes(fs.data() + 1, PAGE), sample.part(PAGE, 2 * PAGE), "unaligned");
    } else {
      assertFails(result, Errno.EINVAL);
    }
    assertThat(Calls.bytes(fs.data() + PAGE + 1, 1)).containsExactly(0x55);
    fs.done(fd);
  }

  @Test
  @Needs(DIRECT)
  void aDirectReadAtTheEndIsShort() {
    Sample sample = sample(SIZE);
    long size = sizeOf(sample);
    int fd = fs.fd(sample.path(), O_DIRECT);
    assertThatCall(fs.pread(fd, 4 * PAGE, size - PAGE)).returns(PAGE);
    assertSame(fs.data(PAGE), endOf(sample, PAGE), "at the end");
    assertThatCall(fs.pread(fd, PAGE, size)).returns(0);
    assertThatCall(fs.pread(fd, PAGE, size + 10 * PAGE)).returns(0);
    fs.done(fd);
  }

  @Test
  @Needs({DIRECT, CREATE, ALLOCATE})
  void aDirectReadEndsAtAnUnalignedEnd() {
    byte[] content = bytes(PAGE + 901);
    fs.create("tail", content);
    int fd = fs.fd("tail", O_DIRECT);
    assertThatCall(fs.pread(fd, 2 * PAGE, 0)).returns(content.length);
    assertSame(fs.data(content.length), content, "of the file");
    assertThatCall(fs.pread(fd, PAGE, PAGE)).returns(901);
    assertThatCall(fs.pread(fd, BLOCK, PAGE + BLOCK)).returns(389);
    fs.done(fd);
  }

  @Test
  @Needs({DIRECT, WRITE})
  void directWritesAreReadDirectlyAndThroughTheCache() {
    Sample sample = sample(SIZE);
    cache(sample.path());
    int direct = fs.fd(sample.path(), DIRECT_RW);
    int buffered = fs.fd(sample.path(), O_RDONLY);
    for (int turn = 0; turn < 30; turn++) {
      int at = random.nextInt(SIZE / BLOCK) * BLOCK;
      byte[] written = bytes(Math.min(SIZE - at, BLOCK * (1 + random.nextInt(20))));
      assertThatCall(fs.pwrite(direct, written, at)).returns(written.length);
      System.arraycopy(written, 0, sample.content(), at, written.length);
      assertContent(buffered, at, written);
      assertContent(direct, at, written);
    }
    assertContent(buffered, 0, sample.content());
    assertContent(direct, 0, sample.content());
    fs.done(buffered);
    fs.done(direct);
  }

  @Test
  @Needs({DIRECT, WRITE})
  void directReadsSeeWhatWasWrittenThroughTheCache() {
    Sample sample = sample(SIZE);
    int direct = fs.fd(sample.path(), O_DIRECT);
    int buffered = fs.fd(sample.path(), O_RDWR);
    for (int turn = 0; turn < 30; turn++) {
      int at = random.nextInt(SIZE - 600);
      byte[] written = bytes(1 + random.nextInt(600));
      assertThatCall(fs.pwrite(buffered, written, at)).returns(written.length);
      System.arraycopy(written, 0, sample.content(), at, written.length);
      int start = at / BLOCK * BLOCK;
      int end = Math.min(SIZE, start + 3 * BLOCK);
      assertContent(direct, start, sample.part(start, end));
    }
    assertContent(direct, 0, sample.content());
    fs.done(buffered);
    fs.done(direct);
  }

  @Test
  @Needs({DIRECT, WRITE})
  void aDirectWriteOverDirtyPagesKeepsTheirNeighbours() {
    Sample sample = sample(SIZE);
    int direct = fs.fd(sample.path(), DIRECT_RW);
    int buffered = fs.fd(sample.path(), O_RDWR);
    byte[] dirty = bytes(2 * PAGE);
    assertThatCall(fs.pwrite(buffered, dirty, PAGE)).returns(dirty.length);
    byte[] written = bytes(PAGE);
    assertThatCall(fs.pwrite(direct, written, PAGE + PAGE / 2)).returns(PAGE);
    System.arraycopy(dirty, 0, sample.content(), PAGE, dirty.length);
    System.arraycopy(written, 0, sample.content(), PAGE + PAGE / 2, PAGE);
    assertContent(buffered, 0, sample.content());
    assertContent(direct, 0, sample.content());
    fs.done(buffered);
    fs.done(direct);
  }

  @Test
  @Needs({DIRECT, WRITE})
  void directWritesNeedAlignment() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), DIRECT_RW);
    assertFails(fs.pwrite(fd, bytes(BLOCK), 100), Errno.EINVAL);
    assertFails(fs.pwrite(fd, bytes(100), 0), Errno.EINVAL);
    assertContent(fd, 0, sample.content());
    fs.done(fd);
  }

  @Test
  @Needs({DIRECT, WRITE})
  void directIoScattersAndGathers() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), DIRECT_RW);
    byte[] written = bytes(3 * PAGE);
    Calls.put(fs.data(), written);
    assertThatCall(fs.vector(Nr.PWRITEV2, fd, PAGE, 0, BLOCK, PAGE, 2 * PAGE - BLOCK))
        .returns(3 * PAGE);
    scribble(3 * PAGE);
    assertThatCall(fs.vector(Nr.PREADV2, fd, PAGE, 0, PAGE, BLOCK, 2 * PAGE - BLOCK))
        .returns(3 * PAGE);
    assertSame(fs.data(3 * PAGE), written, "of the vector");
    System.arraycopy(written, 0, sample.content(), PAGE, 3 * PAGE);
    assertContent(fd, 0, sample.content());
    fs.done(fd);
  }

  @Test
  @Needs(DIRECT)
  void anOpenFileCanBecomeDirect() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), O_RDONLY);
    assertContent(fd, 100, sample.part(100, 200));
    assertOk(fs.call("fcntl(" + fd + ", F_SETFL)", Nr.FCNTL, fd, Fcntl.F_SETFL, O_DIRECT));
    assertFails(fs.pread(fd, 100, 100), Errno.EINVAL);
    assertContent(fd, PAGE, sample.part(PAGE, 2 * PAGE));
    fs.done(fd);
  }

  @Test
  @Needs({DIRECT, CREATE, ALLOCATE})
  void aDirectWriteExtendsAFile() {
    int fd = fs.fd("grown", O_CREATE | O_DIRECT);
    byte[] content = bytes(6 * PAGE);
    for (int at = 0; at < content.length; at += 3 * BLOCK) {
      byte[] part = Arrays.copyOfRange(content, at, at + 3 * BLOCK);
      assertThatCall(fs.pwrite(fd, part, at)).returns(part.length);
      assertThat(fs.status(fd).size()).isEqualTo(at + part.length);
    }
    assertContent(fd, 0, content);
    fs.done(fd);
    assertContent("grown", content);
  }

  @Test
  @Needs({DIRECT, CREATE, ALLOCATE})
  void aDirectWriteOfAPartOfABlockZeroesTheRest() {
    int fd = fs.fd("part", O_CREATE | O_DIRECT);
    byte[] written = bytes(BLOCK);
    assertThatCall(fs.pwrite(fd, written, 3 * BLOCK)).returns(BLOCK);
    assertThat(fs.status(fd).size()).isEqualTo(4 * BLOCK);
    assertContent(fd, 0, joined(new byte[3 * BLOCK], written));
    byte[] far = bytes(BLOCK);
    assertThatCall(fs.pwrite(fd, far, 40 * BLOCK)).returns(BLOCK);
    assertContent(fd, 0, joined(new byte[3 * BLOCK], written, new byte[36 * BLOCK], far));
    fs.done(fd);
  }

  @Test
  @Needs({DIRECT, CREATE, ALLOCATE})
  void aDirectWriteAfterAnUnalignedEndKeepsIt() {
    byte[] content = bytes(PAGE + 77);
    fs.create("odd", content);
    int fd = fs.fd("odd", DIRECT_RW);
    byte[] written = bytes(PAGE);
    assertThatCall(fs.pwrite(fd, written, 3 * PAGE)).returns(PAGE);
    byte[] expected = joined(content, new byte[2 * PAGE - 77], written);
    assertContent(fd, 0, expected);
    fs.done(fd);
    assertContent("odd", expected);
  }

  @Test
  @Needs({DIRECT, CREATE, ALLOCATE})
  void aDirectWriteFillsAHole() {
    int fd = fs.fd("hole", O_CREATE | O_DIRECT);
    byte[] model = new byte[40 * PAGE];
    byte[] last = bytes(PAGE);
    fs.store(fd, last, 39 * PAGE);
    System.arraycopy(last, 0, model, 39 * PAGE, PAGE);
    for (int turn = 0; turn < 25; turn++) {
      int at = random.nextInt(39 * 8) * BLOCK;
      byte[] written = bytes(Math.min(39 * PAGE - at, BLOCK * (1 + random.nextInt(20))));
      fs.store(fd, written, at);
      System.arraycopy(written, 0, model, at, written.length);
    }
    assertContent(fd, 0, model);
    fs.done(fd);
    assertContent("hole", model);
  }

  @Test
  @Needs({DIRECT, CREATE, ALLOCATE})
  void directAndBufferedWritesInTurnsMakeOneFile() {
    int direct = fs.fd("both", O_CREATE | O_DIRECT);
    int buffered = fs.fd("both", O_RDWR);
    byte[] model = new byte[0];
    for (int turn = 0; turn < 60; turn++) {
      boolean cached = random.nextBoolean();
      int unit = cached ? 1 : BLOCK;
      int at = random.nextInt(30 * PAGE) / unit * unit;
      byte[] written = bytes(unit + random.nextInt(2 * PAGE) / unit * unit);
      fs.store(cached ? buffered : direct, written, at);
      model = Arrays.copyOf(model, Math.max(model.length, at + written.length));
      System.arraycopy(written, 0, model, at, written.length);
    }
    assertContent(buffered, 0, model);
    assertThatCall(fs.pread(direct, (model.length + PAGE) & -PAGE, 0)).returns(model.length);
    assertSame(fs.data(model.length), model, "read directly");
    fs.done(direct);
    fs.done(buffered);
  }

  @Test
  @Needs(NOWAIT)
  void aReadWithNowaitReturnsDataOrEagain() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), O_RDONLY);
    for (int at = 0; at < SIZE; at += 5 * PAGE) {
      long result = fs.vector(Nr.PREADV2, fd, at, AioAbi.RWF_NOWAIT, PAGE);
      assertThatCall(result == PAGE ? -Errno.EAGAIN : result).failsWith(Errno.EAGAIN);
      if (result == PAGE) {
        assertSame(fs.data(PAGE), sample.part(at, at + PAGE), "from " + at);
      }
    }
    fs.load(fd, 0, SIZE);
    assertThatCall(fs.vector(Nr.PREADV2, fd, PAGE, AioAbi.RWF_NOWAIT, PAGE)).returns(PAGE);
    assertSame(fs.data(PAGE), sample.part(PAGE, 2 * PAGE), "from the cache");
    fs.done(fd);
  }

  @Test
  @Needs({NOWAIT, DIRECT})
  void aDirectReadWithNowaitReturnsDataOrEagain() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), O_DIRECT);
    for (int at = 0; at < SIZE; at += 5 * PAGE) {
      scribble(PAGE);
      long result = fs.vector(Nr.PREADV2, fd, at, AioAbi.RWF_NOWAIT, PAGE);
      if (result == -Errno.EAGAIN) {
        continue;
      }
      assertThatCall(result).returns(PAGE);
      assertSame(fs.data(PAGE), sample.part(at, at + PAGE), "from " + at);
    }
    fs.done(fd);
  }

  @Test
  @Needs({NOWAIT, DIRECT, WRITE})
  void aWriteWithNowaitIsDoneOrLeavesAllAsItWas() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), DIRECT_RW);
    for (int at = 0; at < SIZE; at += 3 * PAGE) {
      byte[] written = bytes(PAGE);
      Calls.put(fs.data(), written);
      long result = fs.vector(Nr.PWRITEV2, fd, at, AioAbi.RWF_NOWAIT, PAGE);
      if (result != -Errno.EAGAIN) {
        assertThatCall(result).returns(PAGE);
        System.arraycopy(written, 0, sample.content(), at, PAGE);
      }
    }
    assertContent(fd, 0, sample.content());
    fs.done(fd);
  }

  @Test
  @Needs({NOWAIT, DIRECT, CREATE, ALLOCATE})
  void anExtendingWriteWithNowaitIsDoneOrLeavesTheSize() {
    int fd = fs.fd("nowait", O_CREATE | O_DIRECT);
    byte[] written = bytes(PAGE);
    Calls.put(fs.data(), written);
    long result = fs.vector(Nr.PWRITEV2, fd, 2 * PAGE, AioAbi.RWF_NOWAIT, PAGE);
    if (result == -Errno.EAGAIN) {
      assertThat(fs.status(fd).size()).isZero();
    } else {
      assertThatCall(result).returns(PAGE);
      assertContent(fd, 0, joined(new byte[2 * PAGE], written));
    }
    fs.done(fd);
  }

  /** The file has no blocks after its first page, so the write would have to wait there. */
  @Test
  @Needs({NOWAIT, DIRECT, CREATE, ALLOCATE})
  void aWriteWithNowaitIntoAHoleTellsWhatItHasWritten() {
    int fd = fs.fd("nowait", O_CREATE | O_DIRECT);
    byte[] before = bytes(PAGE);
    fs.store(fd, before, 0);
    fs.store(fd, before, 3 * PAGE);
    byte[] content = joined(before, new byte[2 * PAGE], before);
    byte[] written = bytes(4 * PAGE);
    Calls.put(fs.data(), written);
    long result = fs.vector(Nr.PWRITEV2, fd, 0, AioAbi.RWF_NOWAIT, 4 * PAGE);
    if (result != -Errno.EAGAIN) {
      assertThat(result).as("bytes written").isBetween(1L, 4L * PAGE);
      System.arraycopy(written, 0, content, 0, (int) result);
    }
    assertContent(fd, 0, content);
    fs.done(fd);
  }

  @Test
  @Needs(DIRECT)
  void aPolledReadOfOneCallIsRight() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), O_DIRECT);
    scribble(4 * PAGE);
    assertThatCall(fs.vector(Nr.PREADV2, fd, PAGE, AioAbi.RWF_HIPRI, PAGE, 3 * PAGE))
        .returns(4 * PAGE);
    assertSame(fs.data(4 * PAGE), sample.part(PAGE, 5 * PAGE), "polled");
    fs.done(fd);
  }
}
