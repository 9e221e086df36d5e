// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.UserAio;
import io.pollux.core.Oops;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.fixture.FakePlug;
import io.pollux.core.sched.Task;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What IOCB_CMD_FSYNC and FDSYNC ask of a file. */
@Timeout(60)
class AioFsyncTest {
  private final UserAio program = new UserAio(FakeFile.held(1 << 20));
  private final Queue<Boolean> datasyncs = new ConcurrentLinkedQueue<>();
  private final Queue<Boolean> byKernelThread = new ConcurrentLinkedQueue<>();
  private int answer;

  @AfterEach
  void nothingIsLeft() {
    program.close();
  }

  private final FakeFile recording =
      FakeFile.immediate(0)
          .onFsync(
              (current, file, datasync) -> {
                datasyncs.add(datasync);
                byKernelThread.add(current != program.task && current.isCurrentThread());
                return answer;
              });

  /** Submits one command for the file that records it. Returns the event's result. */
  private long result(int opcode) {
    program.prepare(0, opcode, program.open(recording), 0, 0, 0);
    assertThat(program.submit(0, 1)).isEqualTo(1);
    return program.results(1, UserAio.PATIENCE).getFirst();
  }

  @Test
  void fsyncLeavesNothingBehindAndFdsyncMay() {
    assertThat(program.setup(4, 0)).isZero();

    assertThat(result(AioAbi.IOCB_CMD_FSYNC)).isZero();
    assertThat(result(AioAbi.IOCB_CMD_FDSYNC)).isZero();
    assertThat(result(AioAbi.IOCB_CMD_FSYNC)).as("the same request again").isZero();

    assertThat(datasyncs).containsExactly(false, true, false);
    assertThat(byKernelThread).containsOnly(true);
  }

  @Test
  void whatTheFileAnswersIsTheResult() {
    assertThat(program.setup(4, 0)).isZero();
    answer = -Errno.EIO;

    assertThat(result(AioAbi.IOCB_CMD_FDSYNC)).isEqualTo(-Errno.EIO);
  }

  /** Its thread serves other fsyncs, which would find the plug of this one. */
  @Test
  void anFsyncThatThrowsLeavesNoPlug() {
    assertThat(program.setup(4, 0)).isZero();
    List<Task> workers = new CopyOnWriteArrayList<>();
    AtomicInteger flushes = new AtomicInteger();
    FakeFile throwing =
        FakeFile.immediate(0)
            .onFsync(
                (current, file, datasync) -> {
                  FakePlug plug = new FakePlug();
                  plug.start(current);
                  plug.setCallback(flushes::getAndIncrement);
                  workers.add(current);
                  throw new IllegalStateException("broken");
                });
    Oops.setSink((sentence, thrown) -> {});
    try {
      program.prepare(0, AioAbi.IOCB_CMD_FSYNC, program.open(throwing), 0, 0, 0);
      assertThat(program.submit(0, 1)).isEqualTo(1);
      assertThat(program.results(1, UserAio.PATIENCE)).containsExactly((long) -Errno.EIO);
    } finally {
      Oops.setSink(null);
    }
    assertThat(workers).singleElement().extracting(Task::plug).isNull();
    assertThat(flushes).as("what it had held back is submitted").hasValue(1);
  }
}
