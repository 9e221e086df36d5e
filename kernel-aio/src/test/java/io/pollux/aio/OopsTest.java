// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.AioEvent;
import io.pollux.aio.fixture.RingProgram;
import io.pollux.core.Oops;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.fixture.OtherTask;
import io.pollux.core.fixture.Patience;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Patch;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A file's method that throws where no caller could catch it: in the submission thread, a worker, a
 * wake-up.
 */
@Patch(26)
@Timeout(60)
class OopsTest {
  private static final int SQTHREAD = AioAbi.IOCTX_FLAG_SQTHREAD;
  private static final int SQPOLL = AioAbi.IOCTX_FLAG_SQPOLL;
  private static final int SQWQ = AioAbi.IOCTX_FLAG_SQWQ;
  private static final int SUBMIT = AioAbi.IORING_FLAG_SUBMIT;
  private static final int GETEVENTS = AioAbi.IORING_FLAG_GETEVENTS;

  private final FakeFile ram = FakeFile.immediate(1 << 20);
  private final RingProgram program = new RingProgram(ram, 9);
  private final List<String> said = new CopyOnWriteArrayList<>();

  @BeforeEach
  void listen() {
    Oops.setSink((sentence, thrown) -> said.add(sentence));
  }

  @AfterEach
  void nothingIsLeft() {
    program.close();
    Oops.setSink(null);
  }

  private static int broken() {
    throw new AssertionError("broken");
  }

  /** A file without support for NOWAIT, whose reads, writes and fsyncs throw. */
  private static FakeFile throwing() {
    return FakeFile.immediate(1 << 20)
        .withoutNowait()
        .onRequest((current, iocb, iter) -> broken())
        .onFsync((current, file, datasync) -> broken());
  }

  private List<AioEvent> events(int count) {
    List<AioEvent> events = new ArrayList<>();
    while (events.size() < count) {
      assertThat(program.enter(0, 1, GETEVENTS)).isZero();
      events.addAll(program.reap());
    }
    return events;
  }

  @ParameterizedTest
  @ValueSource(
      ints = {
        RingProgram.RINGS | SQTHREAD,
        RingProgram.RINGS | SQPOLL,
        RingProgram.POLLED | SQTHREAD,
        RingProgram.POLLED | SQPOLL,
        RingProgram.RINGS | SQWQ,
        RingProgram.RINGS | SQTHREAD | SQWQ
      })
  void anEntryWhoseFileThrowsIsAnEventAndTheOthersAreDone(int flags) {
    assertThat(program.setup(flags)).isZero();
    boolean polled = (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0;
    int fd = program.open(throwing());
    for (int round = 0; round < 3; round++) {
      for (int i = 0; i < 5; i++) {
        program.prepareRead(i % 2 == 1 ? fd : program.fd, i * 4096L, i, polled);
      }
      assertThat(program.enter(5, 0, SUBMIT)).isEqualTo(5);
      for (AioEvent event : events(5)) {
        assertThat(event.res())
            .as("entry " + event.data())
            .isEqualTo(event.data() % 2 == 1 ? -Errno.EIO : 4096);
      }
    }
    boolean repeated = (flags & SQWQ) != 0; // a read that the worker was to repeat
    String where = repeated ? "a work of aio-sqwq" : "aio-sq";
    String consequence =
        repeated ? "the thread goes on with the next work" : "the request fails with EIO";
    long since = System.nanoTime();
    while (said.size() < 6 && System.nanoTime() - since < TimeUnit.SECONDS.toNanos(10)) {
      Thread.onSpinWait(); // a worker reports after it has completed the event
    }
    assertThat(said)
        .hasSize(6)
        .containsOnly(
            "kernel oops in " + where + ": java.lang.AssertionError: broken; " + consequence);
    assertThat(program.destroy()).isZero();
  }

  /** The failure does not concern one entry: the thread exits, and no caller blocks on it. */
  @Test
  void aSubmissionThreadThatFailsIsEio() throws InterruptedException {
    assertThat(program.setup(RingProgram.POLLED | SQPOLL)).isZero();
    FakeFile file =
        FakeFile.immediate(1 << 20)
            .onRequest(
                (current, iocb, to) -> {
                  // replaces the batch's plug, so that its finish throws
                  current.setPlug(() -> {});
                  return FakeFile.PROCEED;
                });
    int fd = program.open(file);
    program.prepareRead(fd, 0, 7, true);
    while (said.isEmpty()) {
      Thread.sleep(1); // the timeout bounds the loop
    }
    assertThat(said)
        .containsExactly(
            "kernel oops in aio-sq: java.lang.AssertionError: the task has another plug; "
                + "its context takes no more entries, and io_ring_enter fails with EIO");
    program.prepareRead(0, 8, true);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(-Errno.EIO);
    assertThat(program.enter(0, 9, GETEVENTS)).as("what was taken comes out").isZero();
    assertThat(program.reap()).containsExactly(new AioEvent(7, 0, 4096, 0));
    assertThat(program.enter(0, 9, GETEVENTS)).as("and no more is waited for").isZero();
    assertThat(program.destroy()).isZero();
  }

  @Test
  void aSubmissionThreadThatFailsWakesTheCallThatWaits() throws Exception {
    FakeFile held = FakeFile.held(1 << 20);
    held.onRequest(
        (current, iocb, to) -> {
          if (held.heldCount() == 1) {
            current.setPlug(() -> {}); // as above
          }
          return FakeFile.PROCEED;
        });
    int fd = program.open(held);
    assertThat(program.setup(RingProgram.RINGS | SQPOLL)).isZero();
    Kioctx ctx = KioctxTable.lookup(program.process.mm(), program.ctx());
    assertThat(ctx).isNotNull();
    program.prepareRead(fd, 0, 1, false);
    while (held.heldCount() == 0) { // the timeout bounds the loop
      Thread.onSpinWait();
    }
    CompletableFuture<Long> waiter =
        OtherTask.call(
            program.process,
            other -> program.aio.ioRingEnter(other, program.ctx(), 0, 1, GETEVENTS));
    while (!ctx.waitQueue().active() && !waiter.isDone()) {
      Thread.onSpinWait();
    }
    ctx.put();
    program.prepareRead(fd, 4096, 2, false);
    assertThat(waiter.get(Patience.SECONDS, TimeUnit.SECONDS)).isEqualTo(-Errno.EIO);
    held.holdNoMore();
    assertThat(program.destroy()).isZero();
  }

  /** The thread polls again, and takes entries as before. */
  @Test
  void anIopollThatThrowsInTheSubmissionThreadIsTriedAgain() {
    assertThat(program.setup(RingProgram.POLLED | SQPOLL)).isZero();
    AtomicInteger looks = new AtomicInteger();
    FakeFile file =
        FakeFile.immediate(1 << 20)
            .onIopoll((iocb, spin) -> looks.incrementAndGet() < 5 ? broken() : FakeFile.PROCEED);
    int fd = program.open(file);
    List<AioEvent> events = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      program.prepareRead(fd, 0, i, true);
      while (events.size() <= i) {
        events.addAll(program.reap()); // no call: the timeout bounds the loop
        Thread.onSpinWait();
      }
    }
    assertThat(events).containsExactly(new AioEvent(0, 0, 4096, 0), new AioEvent(1, 1, 4096, 0));
    assertThat(said)
        .containsExactly(
            "kernel oops in the iopoll of a file: java.lang.AssertionError: broken; it is tried"
                + " again");
    assertThat(program.destroy()).isZero();
  }

  /** A second event would be one that the program never submitted. */
  @ParameterizedTest
  @ValueSource(
      ints = {
        RingProgram.RINGS | SQTHREAD,
        RingProgram.RINGS | SQPOLL,
        RingProgram.POLLED | SQTHREAD,
        RingProgram.RINGS | SQWQ,
        RingProgram.RINGS | SQTHREAD | SQWQ
      })
  void aRequestThatWasCompletedBeforeItsFileThrewHasOneEvent(int flags)
      throws InterruptedException {
    assertThat(program.setup(flags)).isZero();
    boolean polled = (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0;
    FakeFile file =
        throwing()
            .onRequest(
                (current, iocb, to) -> {
                  FakeFile.complete(iocb, 4096);
                  return broken();
                });
    int fd = program.open(file);
    for (int i = 0; i < 4; i++) {
      program.prepareRead(i % 2 == 0 ? fd : program.fd, 0, i, polled);
    }
    assertThat(program.enter(4, 0, SUBMIT)).isEqualTo(4);
    List<AioEvent> events = new ArrayList<>(events(4));
    Thread.sleep(50); // in which a second event could come
    program.enter(0, 0, GETEVENTS);
    events.addAll(program.reap());
    assertThat(events).extracting(AioEvent::data).containsExactlyInAnyOrder(0L, 1L, 2L, 3L);
    assertThat(events).allMatch(event -> event.res() == 4096);
    assertThat(program.destroy()).isZero();
  }

  /**
   * Between the completion and the throw the submitter uses the same object for another request.
   */
  @Test
  void aRequestThatWasReusedBeforeItsFileThrewKeepsItsEvent() throws InterruptedException {
    assertThat(program.setup(RingProgram.RINGS | SQWQ)).isZero();
    CountDownLatch completed = new CountDownLatch(1);
    CountDownLatch reused = new CountDownLatch(1);
    List<Kiocb> iocbs = new CopyOnWriteArrayList<>();
    int first =
        program.open(
            throwing()
                .onRequest(
                    (current, iocb, to) -> {
                      iocbs.add(iocb);
                      FakeFile.complete(iocb, 4096);
                      completed.countDown();
                      try {
                        reused.await(10, TimeUnit.SECONDS); // so that a failure does not hang
                      } catch (InterruptedException e) {
                        throw new AssertionError(e);
                      }
                      return broken();
                    }));
    int second =
        program.open(
            FakeFile.immediate(1 << 20)
                .onRequest(
                    (current, iocb, to) -> {
                      iocbs.add(iocb); // in place, by the submitter
                      return FakeFile.QUEUED;
                    }));
    program.prepareRead(first, 0, 1, false);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    completed.await();
    program.prepareRead(second, 0, 2, false);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    assertThat(iocbs).hasSize(2);
    assertThat(iocbs.get(0)).as("what the test is about").isSameAs(iocbs.get(1));
    reused.countDown();
    while (said.isEmpty()) {
      Thread.sleep(1); // the timeout bounds the loop
    }
    FakeFile.complete(iocbs.get(1), 4096);
    assertThat(events(2)).containsExactly(new AioEvent(1, 0, 4096, 0), new AioEvent(2, 1, 4096, 0));
    assertThat(program.destroy()).isZero();
    assertThat(program.reap()).isEmpty();
  }

  /** Not a read, so that there is no attempt before the worker's. */
  @Test
  void aWriteThatThrowsInAWorkerIsAnEvent() {
    assertThat(program.setup(RingProgram.RINGS | SQWQ)).isZero();
    int fd = program.open(throwing());
    for (int i = 0; i < 3; i++) {
      long iocb = program.changeableRead(0, i, false);
      Iocb.aioFildes(iocb, fd);
      Iocb.aioLioOpcode(iocb, (short) AioAbi.IOCB_CMD_PWRITE);
    }
    assertThat(program.enter(3, 0, SUBMIT)).isEqualTo(3);
    assertThat(events(3)).allMatch(event -> event.res() == -Errno.EIO);
    assertThat(said)
        .hasSize(3)
        .containsOnly(
            "kernel oops in aio-sqwq: java.lang.AssertionError: broken; the request fails with"
                + " EIO");
  }

  @Test
  void anFsyncThatThrowsIsAnEvent() {
    assertThat(program.setup(RingProgram.RINGS)).isZero();
    int fd = program.open(throwing());
    for (int i = 0; i < 3; i++) {
      long iocb = program.changeableRead(0, i, false);
      Iocb.aioFildes(iocb, fd);
      Iocb.aioLioOpcode(iocb, (short) AioAbi.IOCB_CMD_FSYNC);
      Iocb.aioBuf(iocb, 0);
      Iocb.aioNbytes(iocb, 0);
    }
    assertThat(program.enter(3, 0, SUBMIT)).isEqualTo(3);
    assertThat(events(3)).allMatch(event -> event.res() == -Errno.EIO);
    assertThat(said)
        .hasSize(3)
        .containsOnly(
            "kernel oops in aio-work: java.lang.AssertionError: broken; the fsync fails with EIO");
  }

  /** Not the waker's matter: it wakes the others. */
  @Test
  void aPollThatThrowsWhenItIsWokenIsAnEvent() {
    assertThat(program.setup(RingProgram.RINGS)).isZero();
    AtomicBoolean ready = new AtomicBoolean();
    FakeFile file =
        FakeFile.immediate(1 << 20)
            .onPoll((opened, table) -> ready.get() ? broken() : FakeFile.PROCEED);
    int fd = program.open(file);
    for (int i = 0; i < 2; i++) {
      long iocb = program.changeableRead(0, i, false);
      Iocb.aioFildes(iocb, fd);
      Iocb.aioLioOpcode(iocb, (short) AioAbi.IOCB_CMD_POLL);
      Iocb.aioBuf(iocb, 1);
      Iocb.aioNbytes(iocb, 0);
    }
    assertThat(program.enter(2, 0, SUBMIT)).isEqualTo(2);
    ready.set(true);
    file.queue().wakeUp(1);
    assertThat(events(2)).allMatch(event -> event.res() == -Errno.EIO);
    assertThat(said)
        .hasSize(2)
        .containsOnly(
            "kernel oops in the poll of a file: java.lang.AssertionError: broken; the request fails"
                + " with EIO");
  }

  @Test
  void aReleaseThatThrowsClosesTheFile() {
    assertThat(program.setup(RingProgram.RINGS)).isZero();
    int fd =
        program.open(
            FakeFile.immediate(1 << 20)
                .onRequest((current, iocb, to) -> 0)
                .onRelease(OopsTest::broken));
    program.prepareRead(fd, 0, 7, false);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    assertThat(events(1)).allMatch(event -> event.res() == 0);
    program.process.exit();
    assertThat(program.files.nrFiles()).isZero();
    assertThat(said)
        .containsExactly(
            "kernel oops in the release of a file: java.lang.AssertionError: broken; "
                + "the file is closed, and what it held may be lost");
  }
}
