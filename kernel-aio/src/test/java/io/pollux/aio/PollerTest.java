// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.RingProgram;
import io.pollux.aio.fixture.UserAio;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.fixture.OtherTask;
import io.pollux.core.fixture.Patience;
import io.pollux.core.sched.WaitQueue;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Iocb;
import java.lang.management.ManagementFactory;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** How long a caller polls or waits. */
@Timeout(60)
class PollerTest {
  private static final long HOUR = 3_600_000_000_000L;
  private static final int PASSES = 200;

  private final FakeFile disk = FakeFile.held(1 << 20);
  private final AtomicInteger polls = new AtomicInteger();

  /** Completes the oldest request in a pass of the poller. */
  private void releaseAtPoll(int number) {
    disk.onIopoll(
        (iocb, spin) -> {
          if (polls.incrementAndGet() == number) {
            disk.release(1, 0);
          }
          return FakeFile.PROCEED;
        });
  }

  @Test
  void aTimeoutThatHasNotExpiredDoesNotEndThePolling() {
    releaseAtPoll(5);
    try (UserAio program = new UserAio(disk)) {
      assertThat(program.setup(4, AioAbi.IOCTX_FLAG_IOPOLL)).isZero();
      Iocb.aioFlags(program.read(0, 0), AioAbi.IOCB_FLAG_HIPRI);
      assertThat(program.submit(0, 1)).isEqualTo(1);
      assertThat(program.getevents(1, 1, HOUR)).isEqualTo(1);
      assertThat(polls).hasValue(5);
    }
  }

  /** Returns how often the calling thread has slept. */
  private static long sleeps() {
    var threads = ManagementFactory.getThreadMXBean();
    return threads.getThreadInfo(Thread.currentThread().threadId()).getWaitedCount();
  }

  @Test
  void aPollerOfADeviceWithPolledQueuesDoesNotSleep() {
    AtomicLong slept = new AtomicLong();
    disk.onIopoll(
        (iocb, spin) -> {
          int poll = polls.incrementAndGet();
          if (poll == 2) { // it pauses after this and each later one
            slept.set(sleeps());
          } else if (poll == 2 + PASSES) {
            slept.set(sleeps() - slept.get());
            disk.release(1, 0);
          }
          return FakeFile.PROCEED;
        });
    try (RingProgram program = new RingProgram(disk, 4)) {
      assertThat(program.setup(RingProgram.POLLED)).isZero();
      program.prepareRead(0, 1, true);
      assertThat(program.enter(1, 1, RingProgram.ENTER)).isEqualTo(1);
      assertThat(program.reap()).hasSize(1);
    }
    assertThat(slept).as("sleeps in so many passes").hasValueLessThan(PASSES);
  }

  /** A poll that finds nothing is no failure, however often. */
  @Test
  void theEndOfAContextPollsUntilItsRequestCompletes() {
    releaseAtPoll(3000);
    try (RingProgram program = new RingProgram(disk, 4)) {
      assertThat(program.setup(RingProgram.POLLED)).isZero();
      program.prepareRead(0, 1, true);
      assertThat(program.enter(1, 0, AioAbi.IORING_FLAG_SUBMIT)).isEqualTo(1);
      assertThat(program.destroy()).isZero();
      assertThat(polls.get()).isGreaterThanOrEqualTo(3000);
    }
  }

  /** The program needs no call to reap, so it may take the event before the waiter runs. */
  @Test
  void anEventThatWasReapedEndsTheWaitIfNothingElseIsInFlight() throws Exception {
    try (RingProgram program = new RingProgram(disk, 4)) {
      assertThat(program.setup(RingProgram.RINGS)).isZero();
      int eventfd = program.eventfd(0);
      long iocb = program.changeableRead(0, 1, false);
      Iocb.aioFlags(iocb, AioAbi.IOCB_FLAG_RESFD);
      Iocb.aioResfd(iocb, eventfd);
      assertThat(program.enter(1, 0, AioAbi.IORING_FLAG_SUBMIT)).isEqualTo(1);

      // the eventfd is signalled after the event is stored, and before the waiter is woken
      AtomicInteger reaped = new AtomicInteger();
      File file = FilesStruct.of(program.process).fget(eventfd);
      assertThat(file).isNotNull();
      WaitQueue.WaitEntry entry =
          new WaitQueue.WaitEntry(
              key -> {
                reaped.addAndGet(program.reap().size());
                return true;
              });
      CompletableFuture<WaitQueue> queue = new CompletableFuture<>();
      file.op().poll(file, queue::complete);
      queue.join().add(entry);
      queue.join().letWait(entry);

      Kioctx ctx = KioctxTable.lookup(program.process.mm(), program.ctx());
      assertThat(ctx).isNotNull();
      CompletableFuture<Long> waiter =
          OtherTask.call(
              program.process,
              other ->
                  program.aio.ioRingEnter(
                      other, program.ctx(), 0, 1, AioAbi.IORING_FLAG_GETEVENTS));
      while (!ctx.waitQueue().active() && !waiter.isDone()) { // the timeout bounds the loop
        Thread.onSpinWait();
      }
      ctx.put();
      disk.release(1, 0);
      assertThat(waiter.get(Patience.SECONDS, TimeUnit.SECONDS)).isZero();
      assertThat(reaped).hasValue(1);
      queue.join().remove(entry);
      file.fput();
    }
  }
}
