// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.AioEvent;
import io.pollux.aio.fixture.RingProgram;
import io.pollux.aio.fixture.UserAio;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.fixture.Patience;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioRing;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Patch;
import io.pollux.uapi.PollBits;
import io.pollux.uapi.RawMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Where io_submit and io_getevents differ from the posting. Each test fails if its difference goes
 * away.
 */
@Timeout(60)
class SubmitDifferencesTest {
  private static final int USERIOCB = AioAbi.IOCTX_FLAG_USERIOCB;
  private static final int IOPOLL = AioAbi.IOCTX_FLAG_IOPOLL;
  private static final int FIXED = USERIOCB | AioAbi.IOCTX_FLAG_FIXEDBUFS;

  private final FakeFile disk = FakeFile.held(1 << 20).tags(16);
  private final UserAio program = new UserAio(disk);
  private final FakeFile file = FakeFile.immediate(1 << 20);

  @AfterEach
  void nothingIsLeft() {
    disk.holdNoMore();
    program.close();
  }

  private void setup(int nr, int flags) {
    assertThat(program.setup(nr, flags)).isZero();
  }

  /** A read of one block of a file by iocb i. */
  private long read(int i, int fd, boolean hipri) {
    long iocb = program.prepare(i, AioAbi.IOCB_CMD_PREAD, fd, program.buffers + i * 4096L, 4096, 0);
    Iocb.aioFlags(iocb, hipri ? AioAbi.IOCB_FLAG_HIPRI : 0);
    return iocb;
  }

  /** Waits for events in a thread of its own, so that a wait without an end fails the test. */
  private CompletableFuture<Long> getevents(int min, long timeoutNanos) {
    Task waiter = program.process.newTask();
    CompletableFuture<Long> result = new CompletableFuture<>();
    Thread thread =
        new Thread(
            () ->
                result.complete(program.getevents(waiter, min, min, program.events, timeoutNanos)));
    thread.setDaemon(true);
    thread.start();
    return result;
  }

  @ParameterizedTest
  @ValueSource(ints = {512, 513, 514, 516})
  void aFileThatAsksForARestartIsInterrupted(int restart) {
    setup(1, 0);
    file.onRequest((current, iocb, to) -> -restart);
    read(0, program.open(file), false);
    assertThat(program.submit(0, 1)).isEqualTo(1);
    assertThat(program.results(1, UserAio.PATIENCE)).containsExactly((long) -Errno.EINTR);
  }

  @Patch(7)
  @Test
  void theSlotsOfAContextAreOneCountForAllThreads() throws InterruptedException {
    setup(1, 0);
    int slots = AioRing.nr(program.ctx());
    program.prepare(0, AioAbi.IOCB_CMD_POLL, program.eventfd(0), PollBits.POLLIN, 0, 0);
    for (int i = 0; i < 4; i++) { // each takes one, and keeps none for later
      Task other = program.process.newTask();
      RawMemory.putLong(program.pointers, program.iocbs);
      Thread thread =
          new Thread(
              () ->
                  RingProgram.in(
                      other,
                      () -> program.aio.ioSubmit(other, program.ctx(), 1, program.pointers)));
      thread.start();
      thread.join();
    }
    for (int i = 4; i < slots - 1; i++) {
      assertThat(program.submit(0, 1)).as("slot %d of %d", i, slots).isEqualTo(1);
    }
    assertThat(program.submit(0, 1)).isEqualTo(-Errno.EAGAIN);
  }

  @Patch(10)
  @Test
  void aRequestIsFreedByItsCompletion() {
    setup(1, 0);
    List<Boolean> free = new ArrayList<>();
    file.onRequest(
        (current, iocb, to) -> {
          FakeFile.complete(iocb, 4096);
          free.add(iocb.kiComplete == null); // cleared by free
          return FakeFile.QUEUED;
        });
    read(0, program.open(file), false);
    assertThat(program.submit(0, 1)).isEqualTo(1);
    assertThat(free).containsExactly(true);
    assertThat(program.results(1, UserAio.PATIENCE)).containsExactly(4096L);
  }

  @Patch(14)
  @Test
  void anIocbThatChangesWhileItIsSubmittedChangesNothing() {
    setup(4, USERIOCB);
    long iocb = read(0, program.open(file), false);
    file.onCheck(
        () -> {
          Iocb.aioBuf(iocb, 0x1000);
          Iocb.aioNbytes(iocb, -1);
          Iocb.aioData(iocb, 5);
        });
    RawMemory.putLong(program.pointers, 0);
    assertThat(program.submitArray(1, program.pointers)).isEqualTo(1);
    assertThat(program.getevents(1, 1, -1)).isEqualTo(1);
    assertThat(program.events(1)).containsExactly(new AioEvent(1000, 0, 4096, 0));
  }

  @Patch(14)
  @Test
  void userMappedIocbsInReadOnlyMemoryAreRefused() {
    long readOnly = program.process.mm().mmap(4096, Mman.PROT_READ);
    long result =
        RingProgram.in(
            program.task,
            () -> program.aio.ioSetup2(program.task, 4, USERIOCB, readOnly, 0, 0, program.ctxp));
    assertThat(result).isEqualTo(-Errno.ENOMEM);
  }

  @Patch(15)
  @Test
  void aPolledContextTakesAsManyRequestsAsItHasEvents() {
    setup(4, IOPOLL);
    assertThat(AioRing.nr(program.ctx())).isZero();
    int fd = program.open(file);
    for (int i = 0; i < 10; i++) {
      read(i, fd, true);
    }
    assertThat(program.submit(0, 10)).isEqualTo(4);
  }

  @Patch(15)
  @Test
  void aTimeoutEndsThePolling() throws InterruptedException, ExecutionException, TimeoutException {
    setup(4, IOPOLL);
    read(0, program.fd, true);
    assertThat(program.submit(0, 1)).isEqualTo(1);
    assertThat(getevents(1, 1_000_000).get(Patience.SECONDS, TimeUnit.SECONDS)).isZero();
  }

  @Patch(15)
  @Test
  void pollingGoesOnUntilThereAreMinEvents()
      throws InterruptedException, ExecutionException, TimeoutException {
    setup(4, IOPOLL);
    read(0, program.fd, true);
    read(1, program.fd, true);
    assertThat(program.submit(0, 2)).isEqualTo(2);
    disk.release(1, 0);
    CompletableFuture<Long> result = getevents(2, -1);
    Thread.sleep(100);
    assertThat(result).isNotDone();
    disk.release(1, 0);
    assertThat(result.get(Patience.SECONDS, TimeUnit.SECONDS)).isEqualTo(2);
  }

  @Patch(15)
  @Test
  void aRequestThatWasCompleteWhenSubmittedWaitsItsTurn() {
    setup(4, IOPOLL);
    FakeFile held = FakeFile.held(1 << 20);
    int fd = program.open(held);
    read(0, fd, true);
    read(1, fd, true);
    assertThat(program.submit(0, 1)).isEqualTo(1);
    held.held().getFirst().completeNow(4096);
    held.onRequest((current, iocb, to) -> 4096);
    assertThat(program.submit(1, 2)).isEqualTo(1);
    assertThat(program.getevents(2, 2, -1)).isEqualTo(2);
    assertThat(program.events(2)).extracting(AioEvent::data).containsExactly(1000L, 1001L);
  }

  /**
   * A file that returns EAGAIN late. If that left the request incomplete, the next poll would
   * complete it once more.
   */
  @Patch(15)
  @Test
  void aLateEagainIsAnEvent() {
    setup(4, IOPOLL);
    List<Kiocb> eagain = new ArrayList<>();
    int[] polls = {0};
    FakeFile late =
        FakeFile.held(1 << 20)
            .onRequest(
                (current, iocb, to) -> {
                  eagain.add(iocb);
                  return FakeFile.PROCEED;
                })
            .onIopoll(
                (iocb, spin) -> {
                  if (++polls[0] > 1) {
                    FakeFile.complete(eagain.getFirst(), 4096);
                  }
                  return FakeFile.PROCEED;
                });
    read(0, program.open(late), true);
    assertThat(program.submit(0, 1)).isEqualTo(1);
    late.release(1, -Errno.EAGAIN);
    assertThat(program.getevents(1, 1, TimeUnit.SECONDS.toNanos(5))).isEqualTo(1);
    assertThat(program.events(1)).extracting(AioEvent::res).containsExactly((long) -Errno.EAGAIN);
  }

  @Patch(16)
  @Test
  void aBatchOfTwoIsGatheredToo() {
    setup(4, IOPOLL);
    List<Boolean> listIsEmpty = new ArrayList<>();
    file.onRequest(
        (current, iocb, to) -> {
          listIsEmpty.add(((AioKiocb) iocb).ctx().iopoll().isEmpty());
          return FakeFile.PROCEED;
        });
    int fd = program.open(file);
    read(0, fd, true);
    read(1, fd, true);
    assertThat(program.submit(0, 2)).isEqualTo(2);
    assertThat(listIsEmpty).containsExactly(true, true);
  }

  @Patch(18)
  @Test
  void aBatchThatGoesFromFileToFileTakesFewReferencesAhead() {
    setup(8, 0);
    List<Long> references = new ArrayList<>();
    file.onRequest(
        (current, iocb, to) -> {
          references.add(iocb.file().references());
          return 0;
        });
    int one = program.open(file);
    int other = program.open(file);
    for (int i = 0; i < 8; i++) {
      read(i, i % 2 == 0 ? one : other, false);
    }
    assertThat(program.submit(0, 8)).isEqualTo(8);
    assertThat(references)
        .as("the descriptor's, and those of the batch")
        .containsExactly(9L, 2L, 2L, 2L, 2L, 2L, 2L, 2L);
  }

  @Patch(24)
  @Test
  void lockedMemoryIsLimitedForAllContextsOfAProcess() {
    for (int i = 0; i < 4; i++) {
      program.read(i, 0);
    }
    program.process.setMemlockLimit(6 * 4096);
    setup(4, FIXED);
    long first = program.ctx();
    assertThat(program.setup(4, FIXED)).isEqualTo(-Errno.ENOMEM);
    assertThat(RingProgram.in(program.task, () -> program.aio.ioDestroy(program.task, first)))
        .isZero();
    setup(4, FIXED);
  }

  @Patch(24)
  @Test
  void aFixedBufferThatIsMappedInPartIsAFault() {
    long pages = program.map(2 * 4096);
    assertThat(program.process.mm().munmap(pages + 4096, 4096)).isZero();
    program.prepare(0, AioAbi.IOCB_CMD_PREAD, program.fd, pages, 8192, 0);
    assertThat(program.setup(1, FIXED)).isEqualTo(-Errno.EFAULT);
  }

  /** The lock that io_setup and io_destroy of the process take. */
  @Test
  void theEndOfAProcessPollsWithoutTheLockOfItsContexts() {
    setup(4, IOPOLL);
    Kioctx[] ctx = new Kioctx[1];
    List<Boolean> lockIsFree = new ArrayList<>();
    file.onRequest(
            (current, iocb, to) -> {
              ctx[0] = ((AioKiocb) iocb).ctx();
              return FakeFile.PROCEED;
            })
        .onIopoll(
            (iocb, spin) -> {
              lockIsFree.add(canRemove(ctx[0]));
              return FakeFile.PROCEED;
            });
    read(0, program.open(file), true);
    assertThat(program.submit(0, 1)).isEqualTo(1);
    program.process.exit();
    assertThat(lockIsFree).containsExactly(true);
  }

  private boolean canRemove(Kioctx ctx) {
    if (!(program.process.mm().ioctxTable() instanceof KioctxTable contexts)) {
      return false;
    }
    Thread thread = new Thread(() -> contexts.remove(ctx));
    thread.setDaemon(true);
    thread.start();
    try {
      thread.join(5_000);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return !thread.isAlive();
  }
}
