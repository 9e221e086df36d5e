// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.AioEvent;
import io.pollux.aio.fixture.RingProgram;
import io.pollux.core.fixture.FakeFile;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.RawMemory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Submission on the kernel's side: SQTHREAD, SQPOLL, SQWQ. */
@Timeout(60)
class SqThreadTest {
  private static final int SQTHREAD = AioAbi.IOCTX_FLAG_SQTHREAD;
  private static final int SQPOLL = AioAbi.IOCTX_FLAG_SQPOLL;
  private static final int SQWQ = AioAbi.IOCTX_FLAG_SQWQ;
  private static final int BLOCKS = 256;
  private static final int SECTORS = 8; // in a block

  private final FakeFile ram = FakeFile.immediate(BLOCKS * 4096);
  private final RingProgram program = new RingProgram(ram, 9);

  @AfterEach
  void nothingIsLeft() {
    program.close();
  }

  private void setup(int flags) {
    assertThat(program.setup(flags)).isZero();
  }

  @ParameterizedTest
  @ValueSource(
      ints = {
        RingProgram.RINGS | SQTHREAD,
        RingProgram.POLLED | SQTHREAD,
        RingProgram.RINGS | SQWQ,
        RingProgram.RINGS | SQTHREAD | SQWQ,
        RingProgram.POLLED | SQTHREAD | AioAbi.IOCTX_FLAG_FIXEDBUFS
      })
  void entriesAreTakenAndEventsComeByEnter(int flags) {
    setup(flags);
    boolean polled = (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0;
    for (int round = 0; round < 200; round++) {
      for (int i = 0; i < 5; i++) {
        program.prepareRead((round + i) % BLOCKS * 4096L, i, polled);
      }
      assertThat(program.enter(5, 0, AioAbi.IORING_FLAG_SUBMIT)).isEqualTo(5);
      List<AioEvent> events = new ArrayList<>();
      while (events.size() < 5) {
        assertThat(program.enter(0, 1, AioAbi.IORING_FLAG_GETEVENTS)).isZero();
        events.addAll(program.reap());
      }
      assertThat(events).hasSize(5).allMatch(event -> event.res() == 4096);
      for (AioEvent event : events) {
        assertThat(RawMemory.getLong(program.buffers + event.obj() * 4096))
            .isEqualTo((round + event.data()) % BLOCKS * SECTORS);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      ints = {
        RingProgram.RINGS | SQPOLL,
        RingProgram.POLLED | SQPOLL,
        RingProgram.POLLED | SQPOLL | SQTHREAD
      })
  void noCallAtAll(int flags) {
    setup(flags);
    boolean polled = (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0;
    int submitted = 0;
    int done = 0;
    int free = 8;
    while (done < 5_000) {
      assertThat(Thread.currentThread().isInterrupted()).as("by the timeout").isFalse();
      while (free > 0 && submitted < 5_000) {
        program.prepareRead(submitted % BLOCKS * 4096L, submitted, polled);
        submitted++;
        free--;
      }
      for (AioEvent event : program.reap()) {
        assertThat(event.res()).isEqualTo(4096);
        done++;
        free++;
      }
      if ((AioIocbRing.sqFlags(program.sq) & AioAbi.IORING_SQ_NEED_WAKEUP) != 0) {
        program.enter(1, 0, AioAbi.IORING_FLAG_SUBMIT); // only after an idle second
      }
    }
    assertThat(done).isEqualTo(5_000);
  }

  @Test
  void anIdleThreadSleepsAndSaysSo() throws InterruptedException {
    setup(RingProgram.POLLED | SQPOLL);
    while ((AioIocbRing.sqFlags(program.sq) & AioAbi.IORING_SQ_NEED_WAKEUP) == 0) {
      Thread.sleep(10);
    }
    program.prepareRead(0, 7, true);
    Thread.sleep(20);
    assertThat(program.reap()).as("it sleeps").isEmpty();
    assertThat(program.enter(1, 0, AioAbi.IORING_FLAG_SUBMIT)).isEqualTo(1);
    List<AioEvent> events = List.of();
    while (events.isEmpty()) {
      assertThat(Thread.currentThread().isInterrupted()).as("by the timeout").isFalse();
      events = program.reap();
    }
    assertThat(events).containsExactly(new AioEvent(7, 0, 4096, 0));
    assertThat(AioIocbRing.sqFlags(program.sq)).isZero();
  }

  /** Requests in the ring are not in flight until a call wakes the thread. */
  @ParameterizedTest
  @ValueSource(
      ints = {
        RingProgram.RINGS | SQTHREAD,
        RingProgram.POLLED | SQTHREAD,
        RingProgram.RINGS | SQTHREAD | SQWQ,
        RingProgram.RINGS | SQPOLL,
        RingProgram.POLLED | SQPOLL
      })
  void noCallWaitsForEntriesThatWereNotSubmitted(int flags) throws InterruptedException {
    setup(flags);
    while ((AioIocbRing.sqFlags(program.sq) & AioAbi.IORING_SQ_NEED_WAKEUP) == 0) {
      Thread.sleep(10);
    }
    program.prepareRead(0, 7, (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0);
    assertThat(program.enter(0, 1, AioAbi.IORING_FLAG_GETEVENTS)).isZero();
    assertThat(program.reap()).isEmpty();

    assertThat(program.enter(1, 1, AioAbi.IORING_FLAG_SUBMIT | AioAbi.IORING_FLAG_GETEVENTS))
        .isEqualTo(1);
    assertThat(program.reap())
        .as("this time it was waited for")
        .containsExactly(new AioEvent(7, 0, 4096, 0));
  }

  @ParameterizedTest
  @ValueSource(
      ints = {
        RingProgram.RINGS | SQTHREAD,
        RingProgram.POLLED | SQPOLL,
        RingProgram.RINGS | SQTHREAD | SQWQ
      })
  void anEntryThatFailsBecomesAnEvent(int flags) {
    setup(flags);
    boolean polled = (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0;
    program.prepareRead(99, 0, 1, polled);
    program.prepare(
        2,
        iocb -> {
          Iocb.aioLioOpcode(iocb, (short) AioAbi.IOCB_CMD_PREAD);
          Iocb.aioFildes(iocb, program.fd);
          Iocb.aioReserved2(iocb, 1);
        });
    program.prepareRead(0, 3, polled);
    assertThat(program.enter(3, 0, AioAbi.IORING_FLAG_SUBMIT)).isEqualTo(3);
    List<AioEvent> events = new ArrayList<>();
    while (events.size() < 3) {
      program.enter(0, 1, AioAbi.IORING_FLAG_GETEVENTS);
      events.addAll(program.reap());
    }
    assertThat(events)
        .contains(
            new AioEvent(1, 0, -Errno.EBADF, 0),
            new AioEvent(2, 1, -Errno.EINVAL, 0),
            new AioEvent(3, 2, 4096, 0));
  }

  @Test
  void flagsThatDoNotGoTogether() {
    for (int flags : new int[] {SQTHREAD, SQPOLL, SQWQ, RingProgram.POLLED | SQWQ}) {
      assertThat(program.setup(flags)).isEqualTo(-Errno.EINVAL);
    }
    AioIocbRing.sqThreadCpu(program.sq, 100_000);
    assertThat(program.setup(RingProgram.RINGS | SQTHREAD))
        .as("no such cpu")
        .isEqualTo(-Errno.EINVAL);
    assertThat(program.setup(RingProgram.RINGS)).as("read only with a thread").isZero();
  }

  @Test
  void destroyWhileTheThreadSpins() {
    setup(RingProgram.POLLED | SQPOLL);
    for (int i = 0; i < 8; i++) {
      program.prepareRead(0, i, true);
    }
    assertThat(program.destroy()).isZero();
  }
}
