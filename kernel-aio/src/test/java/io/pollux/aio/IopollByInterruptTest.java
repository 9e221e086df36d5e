// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.RingProgram;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.sched.Task;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Patch;
import java.lang.management.ManagementFactory;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
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
  private static final long HELD_MILLIS = 1_000;

  private final FakeFile disk = FakeFile.held(1 << 20).byInterrupt();
  private final RingProgram program = new RingProgram(disk, 9);

  @AfterEach
  void nothingIsLeft() {
    disk.holdNoMore();
    program.close();
  }

  /** The result of a wait, and its processor time. */
  private record Waited(long result, long cpuNanos) {}

  private CompletableFuture<Waited> waitInTheBackground(Task waiter, int min) {
    CompletableFuture<Waited> waited = new CompletableFuture<>();
    Thread thread =
        new Thread(
            () -> {
              long before = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
              long result = program.enter(waiter, 0, min, GETEVENTS);
              waited.complete(
                  new Waited(
                      result,
                      ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - before));
            });
    thread.setDaemon(true);
    thread.start();
    return waited;
  }

  @Test
  void aPollerOfADeviceWithoutPolledQueuesSleeps()
      throws InterruptedException, ExecutionException, TimeoutException {
    assertThat(program.setup(RingProgram.POLLED)).isZero();
    for (int i = 0; i < 8; i++) {
      program.prepareRead(i * 4096L, i, true);
    }
    assertThat(program.enter(8, 0, SUBMIT)).isEqualTo(8);
    CompletableFuture<Waited> waited = waitInTheBackground(program.process.newTask(), 8);
    Thread.sleep(HELD_MILLIS);
    assertThat(waited).isNotDone();
    disk.release(8, 0);
    Waited found = waited.get(30, TimeUnit.SECONDS);
    assertThat(found.result()).isZero();
    assertThat(found.cpuNanos())
        .as("processor time")
        .isLessThan(TimeUnit.MILLISECONDS.toNanos(HELD_MILLIS / 4));
    assertThat(program.reap()).hasSize(8);
  }

  @Test
  void aSignalEndsTheWait() throws InterruptedException, ExecutionException, TimeoutException {
    assertThat(program.setup(RingProgram.POLLED)).isZero();
    program.prepareRead(0, 1, true);
    assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
    Task waiter = program.process.newTask();
    CompletableFuture<Waited> waited = waitInTheBackground(waiter, 1);
    Thread.sleep(50);
    waiter.sendSignal(2);
    assertThat(waited.get(30, TimeUnit.SECONDS).result()).isEqualTo(-Errno.EINTR);
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
