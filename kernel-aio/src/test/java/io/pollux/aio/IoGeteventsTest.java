// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.AioEvent;
import io.pollux.aio.fixture.RingProgram;
import io.pollux.aio.fixture.UserAio;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.fixture.OtherTask;
import io.pollux.core.fixture.Patience;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.WaitQueue;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Timespec;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** io_getevents: its errnos, its timeouts, and what ends a wait. */
@Timeout(60)
class IoGeteventsTest {
  private static final int IOPOLL = AioAbi.IOCTX_FLAG_IOPOLL;

  private final FakeFile disk = FakeFile.held(1 << 20).tags(8);
  private final UserAio program = new UserAio(disk);

  @AfterEach
  void nothingIsLeft() {
    disk.holdNoMore();
    program.close();
  }

  private void setup(int nr, int flags) {
    assertThat(program.setup(nr, flags)).isZero();
  }

  @Test
  void geteventsRefuses() {
    setup(4, 0);
    assertThat(program.getevents(-1, 1, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(program.getevents(2, 1, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(program.getevents(0, -1, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(program.getevents(0, 0, 0)).isZero();
    assertThat(
            RingProgram.in(
                program.task,
                () ->
                    program.aio.ioGetevents(
                        program.task, program.ctx(), 0, 1, program.events, 0x1000)))
        .as("a timeout that is not there")
        .isEqualTo(-Errno.EFAULT);
    program.read(0, 1 << 20);
    assertThat(program.submit(0, 1)).isEqualTo(1);
    assertThat(program.getevents(program.task, 1, 1, 0x1000, -1)).isEqualTo(-Errno.EFAULT);
    assertThat(program.getevents(1, 1, -1)).as("the event is still there").isEqualTo(1);
  }

  @Test
  void aTimeoutEndsTheWaitWithWhatIsThere() {
    setup(4, 0);
    program.read(0, 1 << 20);
    program.read(1, 0);
    assertThat(program.submit(0, 2)).isEqualTo(2);
    assertThat(program.getevents(2, 2, 3_000_000)).isEqualTo(1);
    assertThat(program.getevents(1, 2, 3_000_000)).isZero();
  }

  /**
   * The sum of both fields counts, as in Linux, which checks neither. A negative sum expires at
   * once, without a sleep.
   */
  @ParameterizedTest
  @CsvSource({
    "0,1_200_000,1_200_000",
    "1,-999_000_000,1_000_000",
    "-1,1_001_000_000,1_000_000",
    "-3,3_002_000_000,2_000_000",
    "2,-2_000_000_000,0",
    "0,0,0",
    "0,-1,0",
    "-1,0,0",
    "-1,999_999_999,0",
    "-9223372036854775808,0,0",
    "-9223372036854775808,-9223372036854775808,0",
    "0,-9223372036854775808,0",
    "-9223372036,-9223372036854775808,0",
    "-9223372037,9223372036854775807,0"
  })
  void aTimeoutIsTheSumOfItsFields(String seconds, String nanoseconds, String sum) {
    setup(4, 0);
    long sec = number(seconds);
    long nsec = number(nanoseconds);
    assertThat(Aio.nanos(sec, nsec)).isEqualTo(number(sum));
    AtomicInteger sleeps = new AtomicInteger();
    Task task = program.task;
    Timespec.tvSec(program.ctxp + 64, sec);
    Timespec.tvNsec(program.ctxp + 64, nsec);
    long result =
        RingProgram.in(
            task,
            () -> {
              task.setPlug(sleeps::getAndIncrement); // called before the task sleeps
              try {
                return program.aio.ioGetevents(
                    task, program.ctx(), 1, 1, program.events, program.ctxp + 64);
              } finally {
                task.setPlug(null);
              }
            });
    assertThat(result).isZero();
    assertThat(sleeps).hasValue(number(sum) > 0 ? 1 : 0);
  }

  private static long number(String text) {
    return Long.parseLong(text.replace("_", ""));
  }

  @ParameterizedTest
  @CsvSource({
    "9223372036854775807,0", "9223372036854775807,9223372036854775807", "9223372036,0",
        "9223372035,2000000000",
    "0,9223372036854775807", "4611686018427387903,2000000000", "1000000,-1",
        "-1,9223372036854775807"
  })
  void aTimeoutThatIsTooLongIsWithoutEnd(long seconds, long nanoseconds)
      throws InterruptedException {
    assertThat(Aio.nanos(seconds, nanoseconds)).isGreaterThanOrEqualTo(999_999_999_999_999L);
    setup(4, 0);
    Task other = program.process.newTask();
    AtomicLong result = new AtomicLong(1);
    Thread waiter = new Thread(() -> result.set(program.geteventsFor(other, seconds, nanoseconds)));
    waiter.setDaemon(true);
    waiter.start();
    while (!(LockSupport.getBlocker(waiter) instanceof WaitQueue)) {
      Thread.sleep(1);
    }
    other.sendSignal(10);
    waiter.join();
    assertThat(result).hasValue(-Errno.EINTR);
  }

  @Test
  void aSignalEndsTheWaitWithNothing() throws InterruptedException {
    setup(4, 0);
    Task other = program.process.newTask();
    AtomicLong result = new AtomicLong(1);
    Thread waiter =
        new Thread(() -> result.set(program.getevents(other, 1, 1, program.events, -1)));
    waiter.start();
    while (waiter.getState() != Thread.State.WAITING) {
      Thread.sleep(1);
    }
    other.sendSignal(10);
    waiter.join();
    assertThat(result).hasValue(-Errno.EINTR);
  }

  @Test
  void destroyEndsTheWait() throws InterruptedException {
    setup(4, 0);
    Task other = program.process.newTask();
    AtomicLong result = new AtomicLong(1);
    Thread waiter =
        new Thread(() -> result.set(program.getevents(other, 1, 1, program.events, -1)));
    waiter.start();
    while (waiter.getState() != Thread.State.WAITING) {
      Thread.sleep(1);
    }
    assertThat(program.destroy()).isZero();
    waiter.join();
    assertThat(result).hasValue(-Errno.EINVAL);
  }

  @Test
  void oneOfTwoPollersIsBusy() throws InterruptedException {
    setup(4, IOPOLL);
    Iocb.aioFlags(program.read(0, 0), AioAbi.IOCB_FLAG_HIPRI);
    assertThat(program.submit(0, 1)).isEqualTo(1);
    Task other = program.process.newTask();
    AtomicLong result = new AtomicLong(-1);
    Thread poller =
        new Thread(
            () -> {
              do { // until this one is not the busy one
                result.set(program.getevents(other, 1, 1, program.events, -1));
              } while (result.get() == -Errno.EBUSY);
            });
    poller.start();
    long second;
    do { // until the other one is inside
      second = program.getevents(0, 1, -1);
    } while (second == 0);
    assertThat(second).isEqualTo(-Errno.EBUSY);
    disk.release(1, 0);
    poller.join();
    assertThat(result).hasValue(1);
  }

  @Test
  void anEventThatComesDuringTheWaitIsStoredBehindTheFirst() throws Exception {
    setup(4, 0);
    program.read(0, 0);
    program.read(1, 4096);
    assertThat(program.submit(0, 2)).isEqualTo(2);
    disk.release(1, 0);
    Kioctx ctx = KioctxTable.lookup(program.process.mm(), program.ctx());
    assertThat(ctx).isNotNull();
    CompletableFuture<Long> waiter =
        OtherTask.call(
            program.process,
            other -> program.aio.ioGetevents(other, program.ctx(), 2, 2, program.events, 0));
    while (!ctx.waitQueue().active() && !waiter.isDone()) { // the timeout bounds the loop
      Thread.onSpinWait();
    }
    ctx.put();
    disk.release(1, 0);
    assertThat(waiter.get(Patience.SECONDS, TimeUnit.SECONDS)).isEqualTo(2);
    assertThat(program.events(2)).extracting(AioEvent::data).containsExactly(1000L, 1001L);
  }
}
