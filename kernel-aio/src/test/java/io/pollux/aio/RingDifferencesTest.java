// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.AioEvent;
import io.pollux.aio.fixture.AioProgram;
import io.pollux.aio.fixture.RingProgram;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.fixture.Patience;
import io.pollux.core.sched.Task;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Patch;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Where io_ring_enter differs from the posting. Each test fails if its difference goes away. */
@Patch(26)
@Timeout(60)
class RingDifferencesTest {
  private static final int SUBMIT = AioAbi.IORING_FLAG_SUBMIT;
  private static final int GETEVENTS = AioAbi.IORING_FLAG_GETEVENTS;

  private final FakeFile disk = FakeFile.held(1 << 20).tags(16);
  private final RingProgram program = new RingProgram(disk, 17);
  private final FakeFile file = FakeFile.immediate(1 << 20);

  @AfterEach
  void nothingIsLeft() {
    disk.holdNoMore();
    program.close();
  }

  private void setup(int flags) {
    assertThat(program.setup(flags)).isZero();
  }

  private int open() {
    return program.open(file);
  }

  private void prepareRead(int fd, boolean hipri) {
    program.prepareRead(fd, 0, 1, hipri);
  }

  /** Makes a call in a thread of its own, so that a call without an end fails the test. */
  private CompletableFuture<Long> inTheBackground(AioProgram.Call call, Task caller) {
    CompletableFuture<Long> result = new CompletableFuture<>();
    Thread thread = new Thread(() -> result.complete(RingProgram.in(caller, call)));
    thread.setDaemon(true);
    thread.start();
    return result;
  }

  @Test
  void withoutEntriesToSubmitGetEventsStillWaits() {
    setup(RingProgram.POLLED);
    program.prepareRead(0, 1, true);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    disk.release(1, 0);
    assertThat(program.enter(0, 1, SUBMIT | GETEVENTS)).isZero();
    assertThat(program.reap()).hasSize(1);
  }

  @Test
  void nothingInFlightIsNotWaitedFor()
      throws InterruptedException, ExecutionException, TimeoutException {
    setup(RingProgram.RINGS);
    Task waiter = program.process.newTask();
    CompletableFuture<Long> result =
        inTheBackground(
            () -> program.aio.ioRingEnter(waiter, program.ctx(), 0, 1, GETEVENTS), waiter);
    assertThat(result.get(Patience.SECONDS, TimeUnit.SECONDS)).isZero();
  }

  @Test
  void theHeadMovesOnceForEightEntries() {
    setup(RingProgram.RINGS);
    List<Integer> heads = new ArrayList<>();
    file.onRequest(
        (current, iocb, to) -> {
          heads.add(AioIocbRing.head(program.sq));
          return 0;
        });
    int fd = open();
    for (int i = 0; i < 10; i++) {
      prepareRead(fd, false);
    }
    assertThat(program.enter(10, 0, SUBMIT)).isEqualTo(10);
    assertThat(heads).containsExactly(0, 0, 0, 0, 0, 0, 0, 0, 8, 8);
    assertThat(AioIocbRing.head(program.sq)).isEqualTo(10);
  }

  @Test
  void entriesThatAreAddedMeanwhileAreForTheNextCall() {
    setup(RingProgram.RINGS);
    int fd = open();
    file.onRequest(
        (current, iocb, to) -> {
          if (AioIocbRing.tail(program.sq) == 1) {
            prepareRead(fd, false);
          }
          return 0;
        });
    prepareRead(fd, false);
    assertThat(program.enter(2, 0, SUBMIT)).isEqualTo(1);
    assertThat(program.enter(2, 0, SUBMIT)).isEqualTo(1);
  }

  @Test
  void anIocbThatChangesWhileItIsSubmittedChangesNothing() {
    setup(RingProgram.RINGS);
    long iocb = AioIocbRing.iocb(program.sq, 0);
    prepareRead(open(), false);
    file.onCheck(
        () -> {
          Iocb.aioBuf(iocb, 0x1000);
          Iocb.aioNbytes(iocb, -1);
        });
    assertThat(program.enter(1, 1, SUBMIT | GETEVENTS)).isEqualTo(1);
    assertThat(program.reap()).containsExactly(new AioEvent(1, 0, 4096, 0));
  }

  @Test
  void aPolledContextWithoutAThreadHasOneThreadInside() {
    List<Boolean> oneInside = new ArrayList<>();
    file.onRequest(
        (current, iocb, to) -> {
          oneInside.add(((AioKiocb) iocb).ctx().oneInside());
          return FakeFile.PROCEED;
        });
    setup(RingProgram.POLLED);
    prepareRead(open(), true);
    assertThat(program.enter(1, 1, SUBMIT | GETEVENTS)).isEqualTo(1);
    assertThat(oneInside).containsExactly(true);
  }

  @Test
  void ioSubmitOnAContextWithRingsLeavesNoReference()
      throws InterruptedException, ExecutionException {
    setup(RingProgram.RINGS);
    long id = program.ctx();
    Kioctx ctx = Objects.requireNonNull(KioctxTable.lookup(program.process.mm(), id));
    ctx.put();
    assertThat(
            RingProgram.in(
                program.task, () -> program.aio.ioSubmit(program.task, id, 1, program.ctxp)))
        .isEqualTo(-Errno.EINVAL);
    Task destroyer = program.process.newTask();
    CompletableFuture<Long> result =
        inTheBackground(() -> program.aio.ioDestroy(destroyer, id), destroyer);
    try {
      assertThat(result.get(Patience.SECONDS, TimeUnit.SECONDS)).isZero();
    } catch (TimeoutException e) {
      ctx.put(); // the reference that was left, so that the test ends
      throw new AssertionError("io_destroy waits for a reference", e);
    }
  }
}
