// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.RingProgram;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.fixture.Patience;
import io.pollux.core.sched.Task;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Patch;
import java.lang.management.ManagementFactory;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A polled context on a device without a polled queue: completions come by interrupt, and the
 * poller sleeps until then.
 */
@Patch({1, 15})
@Timeout(60)
class IopollByInterruptTest {
  private static final int SUBMIT = AioAbi.IORING_FLAG_SUBMIT;
  private static final int GETEVENTS = AioAbi.IORING_FLAG_GETEVENTS;
  private static final int PASSES = 200;

  private final FakeFile disk = FakeFile.held(1 << 20).byInterrupt();
  private final RingProgram program = new RingProgram(disk, 9);

  @AfterEach
  void nothingIsLeft() {
    disk.holdNoMore();
    program.close();
  }

  private CompletableFuture<Long> waitInTheBackground(Task waiter, int min) {
    CompletableFuture<Long> waited = new CompletableFuture<>();
    Thread thread =
        new Thread(() -> waited.complete(program.enter(waiter, 0, min, GETEVENTS)), "poller");
    thread.setDaemon(true);
    thread.start();
    return waited;
  }

  /** Returns how often the calling thread has slept. */
  private static long sleeps() {
    var threads = ManagementFactory.getThreadMXBean();
    return threads.getThreadInfo(Thread.currentThread().threadId()).getWaitedCount();
  }

  @Test
  void aPollerOfADeviceWithoutPolledQueuesSleeps()
      throws InterruptedException, ExecutionException, TimeoutException {
    assertThat(program.setup(RingProgram.POLLED)).isZero();
    for (int i = 0; i < 8; i++) {
      program.prepareRead(i * 4096L, i, true);
    }
    assertThat(program.enter(8, 0, SUBMIT)).isEqualTo(8);
    AtomicInteger polls = new AtomicInteger(); // eight in a pass over the requests
    CompletableFuture<Long> first = new CompletableFuture<>();
    CompletableFuture<Long> last = new CompletableFuture<>();
    disk.onIopoll(
        (iocb, spin) -> {
          int before = polls.getAndIncrement();
          if (before == 8) { // second pass; the poller pauses after this and each later one
            first.complete(sleeps());
          } else if (before == 8 * (PASSES + 1)) {
            last.complete(sleeps());
          }
          return FakeFile.PROCEED;
        });
    CompletableFuture<Long> waited = waitInTheBackground(program.process.newTask(), 8);
    long slept =
        last.get(Patience.SECONDS, TimeUnit.SECONDS)
            - first.get(Patience.SECONDS, TimeUnit.SECONDS);
    assertThat(slept).as("sleeps in so many passes").isGreaterThanOrEqualTo(PASSES);
    assertThat(waited).isNotDone();
    disk.release(8, 0);
    assertThat(waited.get(Patience.SECONDS, TimeUnit.SECONDS)).isZero();
    assertThat(program.reap()).hasSize(8);
  }

  @Test
  void aSignalEndsTheWait() throws InterruptedException, ExecutionException, TimeoutException {
    assertThat(program.setup(RingProgram.POLLED)).isZero();
    program.prepareRead(0, 1, true);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    Task waiter = program.process.newTask();
    CompletableFuture<Void> polled = new CompletableFuture<>();
    disk.onIopoll(
        (iocb, spin) -> {
          polled.complete(null);
          return FakeFile.PROCEED;
        });
    CompletableFuture<Long> waited = waitInTheBackground(waiter, 1);
    polled.get(Patience.SECONDS, TimeUnit.SECONDS);
    waiter.sendSignal(2);
    assertThat(waited.get(Patience.SECONDS, TimeUnit.SECONDS)).isEqualTo(-Errno.EINTR);
  }

  @Test
  void theEndOfAContextWaitsForTheInterrupt() throws InterruptedException {
    assertThat(program.setup(RingProgram.POLLED)).isZero();
    program.prepareRead(0, 1, true);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    Thread thread = new Thread(() -> disk.release(1, 0));
    thread.start();
    assertThat(program.destroy()).isZero();
    thread.join();
  }
}
