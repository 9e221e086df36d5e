// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.aio.fixture.AioEvent;
import io.pollux.aio.fixture.RingProgram;
import io.pollux.aio.fixture.UserAio;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.vfs.Kiocb;
import io.pollux.core.vfs.PollTable;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.AioRing;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.PollBits;
import io.pollux.uapi.RawMemory;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A call leaves no trace if a file's method throws. {@code close()} of each program checks for
 * leaks.
 */
@Timeout(60)
class CallFailureTest {
  private static final int SUBMIT = AioAbi.IORING_FLAG_SUBMIT;
  private static final int GETEVENTS = AioAbi.IORING_FLAG_GETEVENTS;
  private static final int DISK = 1 << 20;

  /** When the file throws. */
  private enum When {
    /** It has done nothing. */
    BEFORE,
    /** It has completed the request. */
    COMPLETED,
    /** Keeps the request and completes it later, after the call has returned. */
    KEPT
  }

  /** A file whose first request throws an Error, and whose poll always does. */
  private static final class Thrower {
    private final When when;
    private final Error error = new AssertionError("of the file");
    private final FakeFile file =
        FakeFile.immediate(DISK)
            .onRequest((current, iocb, iter) -> rw(iocb))
            .onPoll((opened, table) -> poll(table));
    private boolean thrown;
    private @Nullable Kiocb kept;

    Thrower(When when) {
      this.when = when;
    }

    private long rw(Kiocb iocb) {
      if (thrown) {
        return 17;
      }
      thrown = true;
      if (when == When.COMPLETED) {
        FakeFile.complete(iocb, 18);
      } else if (when == When.KEPT) {
        kept = iocb;
      }
      throw error;
    }

    private int poll(@Nullable PollTable table) {
      if (table != null && when == When.KEPT) {
        table.pollWait(file.queue());
      }
      throw error;
    }

    /** A completion without a waiter. */
    void completeLate() {
      if (kept != null) {
        FakeFile.complete(kept, 18);
      }
    }
  }

  private static RingProgram program() {
    return new RingProgram(FakeFile.held(DISK).tags(6), 9);
  }

  private static void ring(int flags, When when) {
    Thrower thrower = new Thrower(when);
    boolean polled = (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0;
    try (RingProgram program = program()) {
      assertThat(program.setup(flags)).isZero();
      int fd = program.open(thrower.file);
      program.prepareRead(DISK, 1, polled);
      program.prepareRead(fd, 0, 2, polled);
      program.prepareRead(DISK, 3, polled);
      program.prepareRead(DISK, 4, polled);
      assertThatThrownBy(() -> program.enter(4, 0, SUBMIT)).isSameAs(thrower.error);
      assertThat(AioIocbRing.head(program.sq)).as("the entry is the program's still").isEqualTo(1);

      assertThat(program.enter(4, 0, SUBMIT | GETEVENTS)).isEqualTo(3);
      List<AioEvent> events = new ArrayList<>(program.reap());
      while (events.size() < (when == When.COMPLETED ? 5 : 4)) {
        assertThat(Thread.currentThread().isInterrupted()).as("by the timeout").isFalse();
        program.enter(0, 1, GETEVENTS); // a worker may have one of them still
        events.addAll(program.reap());
      }
      assertThat(events)
          .filteredOn(event -> event.res() != 18)
          .containsExactlyInAnyOrder(
              new AioEvent(1, 0, 0, 0),
              new AioEvent(2, 1, 17, 0),
              new AioEvent(3, 2, 0, 0),
              new AioEvent(4, 3, 0, 0));
      thrower.completeLate();
      assertThat(program.enter(0, 1, GETEVENTS)).as("nothing is in flight").isZero();
      assertThat(program.reap()).isEmpty();
      assertThat(program.destroy()).isZero();
    }
  }

  @ParameterizedTest
  @EnumSource
  void ofIoRingEnter(When when) {
    ring(RingProgram.RINGS, when);
  }

  @ParameterizedTest
  @EnumSource
  void ofIoRingEnterPolled(When when) {
    ring(RingProgram.POLLED, when);
  }

  @ParameterizedTest
  @EnumSource
  void ofIoRingEnterWithWorkers(When when) {
    ring(RingProgram.RINGS | AioAbi.IOCTX_FLAG_SQWQ, when);
  }

  @ParameterizedTest
  @EnumSource
  void ofIoSubmit(When when) {
    Thrower thrower = new Thrower(when);
    try (UserAio program = new UserAio(FakeFile.held(DISK).tags(6))) {
      assertThat(program.setup(4, 0)).isZero();
      int fd = program.open(thrower.file);
      int eventfd = program.eventfd(0);
      program.read(0, DISK);
      long iocb = program.prepare(1, AioAbi.IOCB_CMD_PWRITE, fd, program.buffers, 4096, 0);
      Iocb.aioFlags(iocb, AioAbi.IOCB_FLAG_RESFD);
      Iocb.aioResfd(iocb, eventfd);
      program.read(2, DISK);
      assertThatThrownBy(() -> program.submit(0, 3)).isSameAs(thrower.error);
      int before = when == When.COMPLETED ? 2 : 1;
      assertThat(program.getevents(0, 16, -1)).isEqualTo(before);
      assertThat(program.submit(1, 3)).isEqualTo(2);
      assertThat(program.getevents(2, 16, -1)).isEqualTo(2);
      thrower.completeLate();
      assertThat(program.getevents(0, 16, -1)).isZero();
      int slots = AioRing.nr(program.ctx());
      int silent = program.eventfd(0);
      program.prepare(3, AioAbi.IOCB_CMD_POLL, silent, PollBits.POLLIN, 0, 0);
      for (int i = 0; i < slots - 1; i++) { // polls that wait hold their slots
        assertThat(program.submit(3, 4)).as("slot %d of %d", i, slots).isEqualTo(1);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"BEFORE", "KEPT"})
  void ofAPoll(When when) {
    Thrower thrower = new Thrower(when);
    try (RingProgram program = program()) {
      assertThat(program.setup(RingProgram.RINGS)).isZero();
      long iocb = program.changeableRead(0, 2, false);
      RawMemory.zero(iocb, Iocb.SIZE);
      Iocb.aioLioOpcode(iocb, (short) AioAbi.IOCB_CMD_POLL);
      Iocb.aioFildes(iocb, program.open(thrower.file));
      Iocb.aioBuf(iocb, 1);
      assertThatThrownBy(() -> program.enter(1, 0, SUBMIT)).isSameAs(thrower.error);
      thrower.file.queue().wakeUp(1);
      assertThat(program.enter(0, 1, GETEVENTS)).isZero();
      assertThat(program.reap()).isEmpty();
      assertThat(program.destroy()).isZero();
    }
  }

  @Test
  void theFirstFailureOfATeardownIsThrownAndTheLaterOnesAreAttached() {
    Error first = new AssertionError("first");
    RuntimeException second = new IllegalStateException("second");
    StringBuilder steps = new StringBuilder();
    Teardown teardown = new Teardown();
    assertThat(teardown.step(() -> steps.append(1))).isTrue();
    assertThat(teardown.step(() -> fail(steps, first))).isFalse();
    assertThat(teardown.step(() -> fail(steps, second))).isFalse();
    assertThat(teardown.step(() -> steps.append(2))).isTrue();
    assertThatThrownBy(teardown::end).isSameAs(first).hasSuppressedException(second);
    assertThat(steps).hasToString("1!!2");
  }

  private static void fail(StringBuilder steps, Throwable failure) {
    steps.append('!');
    if (failure instanceof Error error) {
      throw error;
    }
    throw (RuntimeException) failure;
  }
}
