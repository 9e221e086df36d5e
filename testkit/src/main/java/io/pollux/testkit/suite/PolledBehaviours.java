// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static io.pollux.testkit.Event.awaitEvents;
import static io.pollux.testkit.suite.Feature.ALLOCATE;
import static io.pollux.testkit.suite.Feature.CREATE;
import static io.pollux.testkit.suite.Feature.POLLED;
import static io.pollux.testkit.suite.Feature.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.syscalls.Program;
import io.pollux.testkit.Event;
import io.pollux.testkit.EventAssert;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iocb;
import io.pollux.userland.UserRing;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Rings: polled I/O into fixed buffers, and I/O with interrupts. */
abstract class PolledBehaviours extends DirectBehaviours {
  private static final int SIZE = 64 * PAGE;
  private static final int DEPTH = 16;
  private static final Duration LIMIT = Duration.ofSeconds(20);

  private Program program() {
    if (machine instanceof DiskMachine disk) {
      return disk.program();
    }
    throw new NotDeclaredException(fileSystem.name(), POLLED);
  }

  private UserRing polledRing() {
    return UserRing.polled(program(), DEPTH, 4 * PAGE);
  }

  private void enter(UserRing ring, int count) {
    long submitted = ring.enter(0);
    fs.note("io_ring_enter(" + count + ") = " + submitted);
    assertThatCall(submitted).returns(count);
  }

  private List<Event> await(UserRing ring, int count) {
    enter(ring, count);
    List<Event> events = awaitEvents(ring, count, LIMIT);
    fs.note(events.toString());
    return events;
  }

  private static byte[] buffer(UserRing ring, long slot, long bytes) {
    return Calls.bytes(ring.buffer((int) slot), bytes);
  }

  @Test
  @Needs(POLLED)
  void polledReadsAreRight() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), O_DIRECT);
    try (UserRing ring = polledRing()) {
      for (int round = 0; round < 4; round++) {
        for (int i = 0; i < DEPTH; i++) {
          int slot = ring.take();
          Iocb.aioData(ring.iocb(slot), i * 4L * PAGE);
          ring.read(fd, i * 4L * PAGE, 4 * PAGE);
        }
        for (Event event : await(ring, DEPTH)) {
          EventAssert.assertThatEvent(event).moved(4 * PAGE);
          assertSame(
              buffer(ring, event.obj(), 4 * PAGE),
              sample.part(event.data(), event.data() + 4 * PAGE),
              "from " + event.data());
        }
      }
    }
    fs.done(fd);
  }

  @Test
  @Needs({POLLED, WRITE})
  void polledWritesAreRead() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), O_RDWR | O_DIRECT);
    try (UserRing ring = polledRing()) {
      for (int i = 0; i < DEPTH; i++) {
        byte[] written = bytes(PAGE);
        Calls.put(ring.buffer(ring.take()), written);
        ring.write(fd, i * 3L * PAGE, PAGE);
        System.arraycopy(written, 0, sample.content(), i * 3 * PAGE, PAGE);
      }
      for (Event event : await(ring, DEPTH)) {
        EventAssert.assertThatEvent(event).moved(PAGE);
      }
    }
    assertContent(fd, 0, sample.content());
    fs.done(fd);
    int buffered = fs.fd(sample.path(), O_RDONLY);
    assertContent(buffered, 0, sample.content());
    fs.done(buffered);
  }

  @Test
  @Needs(POLLED)
  void eachPolledRequestCompletesOnce() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), O_DIRECT);
    boolean[] seen = new boolean[200];
    try (UserRing ring = polledRing()) {
      int started = 0;
      int done = 0;
      while (done < seen.length) { // each turn completes a request
        int now = 0;
        while (started < seen.length && ring.take() >= 0) {
          Iocb.aioData(ring.iocb(ring.take()), started);
          ring.read(fd, started % 60 * (long) PAGE, PAGE);
          started++;
          now++;
        }
        if (now > 0) {
          enter(ring, now);
        }
        Event event = awaitEvents(ring, 1, LIMIT).getFirst();
        EventAssert.assertThatEvent(event).moved(PAGE);
        assertThat(seen[(int) event.data()]).as("request " + event.data()).isFalse();
        seen[(int) event.data()] = true;
        done++;
      }
      assertThat(ring.outstanding()).isZero();
    }
    fs.done(fd);
  }

  @Test
  @Needs(POLLED)
  void aPolledReadAtTheEndIsShort() {
    Sample sample = sample(SIZE);
    long size = sizeOf(sample);
    int fd = fs.fd(sample.path(), O_DIRECT);
    try (UserRing ring = polledRing()) {
      int slot = ring.read(fd, size - PAGE, 4 * PAGE);
      EventAssert.assertThatEvent(await(ring, 1).getFirst()).moved(PAGE);
      assertSame(buffer(ring, slot, PAGE), endOf(sample, PAGE), "at the end");
      ring.read(fd, size + PAGE, PAGE);
      EventAssert.assertThatEvent(await(ring, 1).getFirst()).moved(0);
    }
    fs.done(fd);
  }

  @Test
  @Needs(POLLED)
  void aPolledReadNeedsAlignment() {
    int fd = fs.fd(sample(SIZE).path(), O_DIRECT);
    try (UserRing ring = polledRing()) {
      ring.read(fd, 100, PAGE);
      long result = ring.enter(0);
      if (result == 1) { // the error may come as an event
        EventAssert.assertThatEvent(awaitEvents(ring, 1, LIMIT).getFirst())
            .failedWith(Errno.EINVAL);
      } else {
        assertFails(result, Errno.EINVAL);
      }
    }
    fs.done(fd);
  }

  @Test
  @Needs(POLLED)
  void polledRequestsOutliveTheirDescriptor() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), O_DIRECT);
    try (UserRing ring = polledRing()) {
      for (int i = 0; i < DEPTH; i++) {
        Iocb.aioData(ring.iocb(ring.take()), i * (long) PAGE);
        ring.read(fd, i * (long) PAGE, PAGE);
      }
      assertThatCall(ring.submit()).returns(DEPTH);
      fs.done(fd);
      for (Event event : awaitEvents(ring, DEPTH, LIMIT)) {
        EventAssert.assertThatEvent(event).moved(PAGE);
        assertSame(
            buffer(ring, event.obj(), PAGE),
            sample.part(event.data(), event.data() + PAGE),
            "from " + event.data());
      }
    }
  }

  @Test
  @Needs({POLLED, CREATE, ALLOCATE})
  void polledWritesExtendAFile() {
    int fd = fs.fd("grown", O_CREATE | O_DIRECT);
    byte[] model = new byte[2 * DEPTH * PAGE];
    try (UserRing ring = polledRing()) {
      for (int i = 0; i < DEPTH; i++) {
        byte[] written = bytes(PAGE);
        Calls.put(ring.buffer(ring.take()), written);
        ring.write(fd, (2L * i + 1) * PAGE, PAGE);
        System.arraycopy(written, 0, model, (2 * i + 1) * PAGE, PAGE);
      }
      for (Event event : await(ring, DEPTH)) {
        EventAssert.assertThatEvent(event).moved(PAGE);
      }
    }
    assertThat(fs.status(fd).size()).isEqualTo(model.length);
    assertContent(fd, 0, model);
    fs.done(fd);
    assertContent("grown", model);
  }

  @Test
  @Needs(POLLED)
  void aRingWithInterruptsReadsDirectlyAndThroughTheCache() {
    Sample sample = sample(SIZE);
    int direct = fs.fd(sample.path(), O_DIRECT);
    int buffered = fs.fd(sample.path(), O_RDONLY);
    try (UserRing ring = UserRing.setup(program(), DEPTH, 0, PAGE)) {
      for (int i = 0; i < DEPTH; i++) {
        boolean cached = i % 2 == 0;
        Iocb.aioData(ring.iocb(ring.take()), i * (long) PAGE);
        ring.read(cached ? buffered : direct, i * (long) PAGE, PAGE);
      }
      for (Event event : await(ring, DEPTH)) {
        EventAssert.assertThatEvent(event).moved(PAGE);
        assertSame(
            buffer(ring, event.obj(), PAGE),
            sample.part(event.data(), event.data() + PAGE),
            "from " + event.data());
      }
    }
    fs.done(direct);
    fs.done(buffered);
  }

  @Test
  @Needs({POLLED, WRITE})
  void aRingWithInterruptsWritesAndSyncs() {
    Sample sample = sample(SIZE);
    int fd = fs.fd(sample.path(), O_RDWR | O_DIRECT);
    try (UserRing ring = UserRing.setup(program(), DEPTH, AioAbi.IOCTX_FLAG_FIXEDBUFS, PAGE)) {
      for (int i = 0; i < DEPTH; i++) {
        byte[] written = bytes(PAGE);
        Calls.put(ring.buffer(ring.take()), written);
        ring.write(fd, i * 2L * PAGE, PAGE);
        System.arraycopy(written, 0, sample.content(), i * 2 * PAGE, PAGE);
      }
      for (Event event : await(ring, DEPTH)) {
        EventAssert.assertThatEvent(event).moved(PAGE);
      }
    }
    assertOk(fs.fsync(fd));
    assertContent(fd, 0, sample.content());
    fs.done(fd);
  }
}
