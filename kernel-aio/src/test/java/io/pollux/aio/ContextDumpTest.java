// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pollux.aio.fixture.RingProgram;
import io.pollux.aio.fixture.UserAio;
import io.pollux.core.Debug;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.AioAbi;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The lines of a dump that describe contexts and their requests. */
@Timeout(60)
class ContextDumpTest {
  private static final int SUBMIT = AioAbi.IORING_FLAG_SUBMIT;
  private static final int GETEVENTS = AioAbi.IORING_FLAG_GETEVENTS;

  private final FakeFile disk = FakeFile.held(1 << 20).tags(8);

  private static List<String> indices(RingProgram program) {
    return Aio.describe(program.process.mm()).subList(0, 2);
  }

  @Test
  void aContextHasFlagsCountsAndIndices() {
    try (RingProgram program = new RingProgram(disk, 8)) {
      assertThat(Aio.describe(program.process.mm())).isEmpty();
      assertThat(program.setup(RingProgram.POLLED)).isZero();
      String context = "aio context 0x" + Long.toHexString(program.ctx()) + " IOPOLL SCQRING";
      assertThat(Aio.describe(program.process.mm()))
          .containsExactly(
              context + ", nr_events 8, requests counted 0",
              "  SQ ring: head 0, tail 0 of 8; CQ ring: head 0, tail 0 of 8");
      program.prepareRead(0, 1, true);
      program.prepareRead(4096, 2, true);
      assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
      assertThat(indices(program))
          .containsExactly(
              context + ", nr_events 8, requests counted 1",
              "  SQ ring: head 1, tail 2 of 8; CQ ring: head 0, tail 0 of 8");
      disk.release(1, 0);
      assertThat(program.enter(0, 1, GETEVENTS)).isZero();
      assertThat(indices(program))
          .containsExactly(
              context + ", nr_events 8, requests counted 0",
              "  SQ ring: head 1, tail 2 of 8; CQ ring: head 0, tail 1 of 8");
      assertThat(program.destroy()).isZero();
      assertThat(Aio.describe(program.process.mm())).isEmpty();
    }
  }

  @Test
  void anOldContextHasTheIndicesOfItsRing() {
    UserAio program = new UserAio(disk);
    assertThat(program.setup(4, 0)).isZero();
    program.read(0, 4096);
    assertThat(program.submit(0, 1)).isEqualTo(1);
    assertThat(Aio.describe(program.process.mm()).get(1))
        .matches("  ring: head 0, tail 0 of \\d+, \\d+ slots free");
    disk.release(1, 0);
    assertThat(Aio.describe(program.process.mm()).get(1))
        .matches("  ring: head 0, tail 1 of \\d+, \\d+ slots free");
    program.close();
  }

  @Test
  void theRequestsInFlightAreListed() {
    assumeTrue(Debug.ON, "requests are recorded only with -Dpollux.debug=true");
    try (RingProgram program = new RingProgram(disk, 8)) {
      assertThat(program.setup(RingProgram.RINGS)).isZero();
      program.prepareRead(4096, 0x3e8, false);
      assertThat(program.enter(1, 0, SUBMIT)).isEqualTo(1);
      assertThat(Aio.describe(program.process.mm()).subList(2, 3))
          .containsExactly(
              "  request data 0x3e8 obj 0x0: read at 4096 DIRECT of file 3 anon_inode:inode"
                  + " O_RDWR|O_DIRECT refs 2");
      disk.release(1, 0);
      assertThat(Aio.describe(program.process.mm())).hasSize(2);
    }
  }

  @Test
  void aPolledRequestThatIsCompleteHasItsResult() {
    UserProcess process = new UserProcess();
    AioKiocb req = AioKiocb.SLAB.alloc(process.newTask());
    req.userData = 1;
    assertThat(req).hasToString("request data 0x1 obj 0x0");
    req.markPolled(512, 0);
    assertThat(req).hasToString("request data 0x1 obj 0x0, complete with 512");
    process.exit();
  }

  @Test
  void aCallFromOutsideTheKernelIsReported() {
    assumeTrue(Debug.ON, "calls are checked only with -Dpollux.debug=true");
    try (RingProgram program = new RingProgram(disk, 8)) {
      assertThatThrownBy(() -> program.aio.ioSetup(program.task, 8, program.ctxp))
          .isInstanceOf(AssertionError.class)
          .hasMessageContaining("calls the kernel with the task without a thread");
      assertThat(program.setup(RingProgram.RINGS)).isZero();
      assertThatThrownBy(() -> program.aio.ioDestroy(program.task, 0))
          .isInstanceOf(AssertionError.class)
          .hasMessageContaining("a call from outside the kernel");
    }
  }
}
