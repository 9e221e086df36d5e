// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.AioEvent;
import io.pollux.aio.fixture.RingProgram;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.fixture.FakePlug;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Contexts whose threads cannot be created: at the limit, or because the host refuses. */
@Timeout(60)
class SqThreadsTest {
  private static final int SQTHREAD = AioAbi.IOCTX_FLAG_SQTHREAD;
  private static final int SQPOLL = AioAbi.IOCTX_FLAG_SQPOLL;
  private static final int SQWQ = AioAbi.IOCTX_FLAG_SQWQ;
  private static final int FIXED = AioAbi.IOCTX_FLAG_FIXEDBUFS;
  // more than any machine has address space for
  private static final long TOO_MUCH_STACK = 1L << 50;

  private final FakeFile ram = FakeFile.immediate(1 << 20);
  private final RingProgram program = new RingProgram(ram, 9);
  private final UserProcess kernelProcess = new UserProcess();

  @AfterEach
  void nothingIsLeft() {
    program.close();
    kernelProcess.exit();
  }

  private long setup(Aio aio, int flags) {
    RawMemory.putLong(program.ctxp, 0);
    return RingProgram.in(
        program.task,
        () ->
            aio.ioSetup2(program.task, program.nr, flags, 0, program.sq, program.cq, program.ctxp));
  }

  @ParameterizedTest
  @ValueSource(
      ints = {
        RingProgram.RINGS | SQTHREAD,
        RingProgram.RINGS | SQPOLL,
        RingProgram.POLLED | SQPOLL | FIXED,
        RingProgram.RINGS | SQTHREAD | SQWQ | FIXED
      })
  void aThreadThatCantBeStartedIsEagainAndLeavesNoTrace(int flags) {
    Aio aio =
        new Aio(
            kernelProcess, FakePlug::new, loop -> new Thread(null, loop, "none", TOO_MUCH_STACK));
    long mapped = program.map(4096, 3);
    for (int i = 0; i < 3; i++) {
      assertThat(setup(aio, flags)).isEqualTo(-Errno.EAGAIN);
      assertThat(RawMemory.getLong(program.ctxp)).isZero();
      assertThat(aio.aioNr()).isZero();
      assertThat(program.process.mm().pinnedPages()).isZero();
      assertThat(program.process.mm().lockedPages()).isZero();
    }
    assertThat(setup(aio, RingProgram.RINGS)).as("one without a thread").isZero();
    assertThat(RingProgram.in(program.task, () -> aio.ioDestroy(program.task, program.ctx())))
        .isZero();
    assertThat(program.process.mm().munmap(mapped, 4096)).isZero();
  }

  @Test
  void workersThatCantBeStartedAreReplacedByTheRescuer() {
    Aio aio =
        new Aio(
            kernelProcess, FakePlug::new, loop -> new Thread(null, loop, "none", TOO_MUCH_STACK));
    assertThat(setup(aio, RingProgram.RINGS | SQWQ)).isZero();
    program.prepareRead(0, 7, false);
    long entered =
        RingProgram.in(
            program.task,
            () -> aio.ioRingEnter(program.task, program.ctx(), 1, 1, RingProgram.ENTER));
    assertThat(entered).isEqualTo(1);
    assertThat(program.reap()).containsExactly(new AioEvent(7, 0, 4096, 0));
    assertThat(RingProgram.in(program.task, () -> aio.ioDestroy(program.task, program.ctx())))
        .isZero();
  }

  @Test
  @Tag("slow")
  void thereAreNotMoreThanSoMany() {
    List<Long> contexts = new ArrayList<>();
    int each = Math.min(program.nr - 1, 2 * Aio.CPUS);
    long result = 0;
    while (result == 0 && contexts.size() <= SqThreads.MAX) {
      result = setup(program.aio, RingProgram.RINGS | SQWQ); // workers start when there is work
      if (result == 0) {
        contexts.add(program.ctx());
      }
    }
    assertThat(result).isEqualTo(-Errno.EAGAIN);
    assertThat(contexts).hasSize(SqThreads.MAX / each);
    assertThat(setup(program.aio, RingProgram.RINGS)).as("one without a thread").isZero();
    if (SqThreads.MAX % each == 0) {
      assertThat(setup(program.aio, RingProgram.RINGS | SQTHREAD)).isEqualTo(-Errno.EAGAIN);
    }

    assertThat(
            RingProgram.in(
                program.task, () -> program.aio.ioDestroy(program.task, contexts.removeFirst())))
        .isZero();
    assertThat(setup(program.aio, RingProgram.RINGS | SQWQ)).isZero();
  }
}
