// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.RingProgram;
import io.pollux.aio.fixture.UserAio;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.sched.Task;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iocb;
import java.util.concurrent.atomic.AtomicLong;
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
   * The sum of both fields counts, as in Linux, which checks neither; a negative sum expires at
   * once.
   */
  @ParameterizedTest
  @CsvSource({
    "0,1_200_000_000,1200",
    "1,-900_000_000,100",
    "-1,1_100_000_000,100",
    "-1,2_000_000_000,1000",
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
  void aTimeoutIsTheSumOfItsFields(String seconds, String nanoseconds, long millis) {
    setup(4, 0);
    long sec = Long.parseLong(seconds.replace("_", ""));
    long nsec = Long.parseLong(nanoseconds.replace("_", ""));
    long start = System.nanoTime();
    assertThat(program.geteventsFor(program.task, sec, nsec)).isZero();
    long waited = System.nanoTime() - start;
    assertThat(waited).isBetween(millis * 1_000_000, (millis + 900) * 1_000_000);
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
    setup(4, 0);
    Task other = program.process.newTask();
    AtomicLong result = new AtomicLong(1);
    Thread waiter = new Thread(() -> result.set(program.geteventsFor(other, seconds, nanoseconds)));
    waiter.setDaemon(true);
    waiter.start();
    Thread.sleep(50);
    assertThat(result).as("it waits").hasValue(1);
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
}
