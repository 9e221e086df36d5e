// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.RingProgram;
import io.pollux.aio.fixture.UserAio;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.fixture.OtherTask;
import io.pollux.core.fixture.Patience;
import io.pollux.core.sched.Task;
import io.pollux.uapi.AioSigset;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.Timespec;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** io_pgetevents: its signal mask, and what it refuses. */
@Timeout(60)
class IoPgeteventsTest {
  private static final long UNMAPPED = 0x1000;
  private static final int SIGUSR1 = 10;
  private static final long SIGUSR1_MASK = 1L << (SIGUSR1 - 1);

  private final UserAio program = new UserAio(FakeFile.immediate(1 << 20));
  private final long sigset = program.map(4096);
  private final long mask = sigset + 64;
  private final long timeout = sigset + 128;

  @BeforeEach
  void setup() {
    assertThat(program.setup(4, 0)).isZero();
    AioSigset.sigmask(sigset, mask);
    AioSigset.sigsetsize(sigset, 8);
    RawMemory.putLong(mask, SIGUSR1_MASK);
  }

  @AfterEach
  void nothingIsLeft() {
    program.close();
  }

  private long call(Task caller, long min, long timespec, long usig) {
    return program.aio.ioPgetevents(caller, program.ctx(), min, 1, program.events, timespec, usig);
  }

  private long call(long min, long timespec, long usig) {
    return RingProgram.in(program.task, () -> call(program.task, min, timespec, usig));
  }

  private void submit() {
    program.read(0, 0);
    assertThat(program.submit(0, 1)).isOne();
  }

  @Test
  void returnsEventsWithoutASigset() {
    submit();
    assertThat(call(1, 0, 0)).isOne();
  }

  @Test
  void returnsEventsWithoutAMask() {
    AioSigset.sigmask(sigset, 0);
    AioSigset.sigsetsize(sigset, 3);
    submit();
    assertThat(call(1, 0, sigset)).isOne();
  }

  @Test
  void returnsEventsWithAMask() {
    submit();
    assertThat(call(1, 0, sigset)).isOne();
    assertThat(call(1, timeout, sigset)).as("a timeout of 0").isZero();
  }

  @Test
  void refusesMemoryThatIsNotMapped() {
    assertThat(call(0, UNMAPPED, 0)).isEqualTo(-Errno.EFAULT);
    assertThat(call(0, 0, UNMAPPED)).isEqualTo(-Errno.EFAULT);
    AioSigset.sigmask(sigset, UNMAPPED);
    assertThat(call(0, 0, sigset)).isEqualTo(-Errno.EFAULT);
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 7, 9, -1})
  void refusesAMaskOfAnotherSize(long size) {
    AioSigset.sigsetsize(sigset, size);
    assertThat(call(0, 0, sigset)).isEqualTo(-Errno.EINVAL);
  }

  @Test
  void aTimeoutThatIsNotMappedIsFoundBeforeTheSigset() {
    AioSigset.sigsetsize(sigset, 7);
    assertThat(call(0, UNMAPPED, sigset)).isEqualTo(-Errno.EFAULT);
  }

  /** The first signal is blocked, so only the second ends the wait. */
  @Test
  void aBlockedSignalDoesNotEndTheWait()
      throws InterruptedException, ExecutionException, TimeoutException {
    CompletableFuture<Task> inside = new CompletableFuture<>();
    CompletableFuture<Long> result =
        OtherTask.call(
            program.process,
            task -> {
              task.sendSignal(SIGUSR1);
              inside.complete(task);
              return call(task, 1, 0, sigset);
            });
    Task task = inside.get(Patience.SECONDS, TimeUnit.SECONDS);
    Thread.sleep(50);
    assertThat(result).as("the signal is blocked").isNotDone();
    task.sendSignal(SIGUSR1 + 1);
    assertThat(result.get(Patience.SECONDS, TimeUnit.SECONDS)).isEqualTo(-Errno.EINTR);
  }

  @Test
  void theMaskOfTheTaskIsBackAfterTheCall() {
    long result =
        RingProgram.in(
            program.task,
            () -> {
              program.task.setBlockedSignals(5);
              Timespec.tvNsec(timeout, 1);
              assertThat(call(program.task, 1, timeout, sigset)).isZero();
              return program.task.setBlockedSignals(0);
            });
    assertThat(result).isEqualTo(5);
  }
}
