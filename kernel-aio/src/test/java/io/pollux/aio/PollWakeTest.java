// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.AioEvent;
import io.pollux.aio.fixture.UserAio;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.PollTable;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.PollBits;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Wake-ups of a file that an IOCB_CMD_POLL waits for. */
@Timeout(60)
class PollWakeTest {
  private final FakeFile file = FakeFile.immediate(0);
  private final UserAio program = new UserAio(file);
  private final List<Long> cancelled = new ArrayList<>();
  private int asked;
  private int mask;
  private int cancels; // in the next wake-up

  @BeforeEach
  void pollForInput() {
    file.onPoll(this::poll);
    assertThat(program.setup(4, 0)).isZero();
    program.prepare(0, AioAbi.IOCB_CMD_POLL, program.fd, PollBits.POLLIN, 0, 0);
    assertThat(program.submit(0, 1)).isEqualTo(1);
    assertThat(asked).isEqualTo(1);
  }

  @AfterEach
  void nothingIsLeft() {
    program.close();
  }

  private int poll(File polled, @Nullable PollTable table) {
    asked++;
    if (table != null) {
      table.pollWait(file.queue());
    }
    for (; cancels > 0; cancels--) {
      cancelled.add(program.cancel(program.iocb(0)));
    }
    return mask;
  }

  @Test
  void aWakerThatNamesNoEventsMakesThePollAskTheFile() {
    file.queue().wakeUp();
    assertThat(asked).isEqualTo(2);
    assertThat(program.getevents(0, 1, 0)).as("not ready").isZero();

    mask = PollBits.POLLIN;
    file.queue().wakeUp();
    assertThat(program.results(1, UserAio.PATIENCE)).containsExactly((long) PollBits.POLLIN);
  }

  @Test
  void aWakerOfOtherEventsDoesNotMakeThePollAskTheFile() {
    mask = PollBits.POLLIN;
    file.queue().wakeUp(PollBits.POLLOUT);
    assertThat(asked).isEqualTo(1);
    assertThat(program.getevents(0, 1, 0)).isZero();

    file.queue().wakeUp(PollBits.POLLOUT | PollBits.POLLIN);
    assertThat(program.results(1, UserAio.PATIENCE)).containsExactly((long) PollBits.POLLIN);
  }

  @Test
  void errorsAndHangUpsAreReportedUnasked() {
    mask = PollBits.POLLOUT | PollBits.POLLHUP | PollBits.POLLERR;
    file.queue().wakeUp(PollBits.POLLHUP);
    assertThat(program.results(1, UserAio.PATIENCE))
        .containsExactly((long) (PollBits.POLLHUP | PollBits.POLLERR));
  }

  /** The waker owns the poll and completes it. No second io_cancel finds it until then. */
  @Test
  void aPollIsCancelledOnceWhileAWakerAsksItsFile() {
    cancels = 2;
    file.queue().wakeUp();
    assertThat(cancelled).containsExactly((long) -Errno.EINPROGRESS, (long) -Errno.EINVAL);
    assertThat(program.awaitEvents(1, UserAio.PATIENCE))
        .containsExactly(new AioEvent(1000, program.iocb(0), 0, 0));
    assertThat(program.getevents(0, 1, 0)).as("another event").isZero();
  }

  /** C: apt.error, which is EINVAL until the file names a wait queue. */
  @Test
  void aFileThatIsNotReadyAndNamesNoWaitQueueIsEinval() {
    FakeFile silent = FakeFile.immediate(0).onPoll((polled, table) -> 0);
    program.prepare(1, AioAbi.IOCB_CMD_POLL, program.open(silent), PollBits.POLLIN, 0, 0);
    assertThat(program.submit(1, 2)).isEqualTo(-Errno.EINVAL);
    assertThat(program.cancel(program.iocb(1))).as("no such request").isEqualTo(-Errno.EINVAL);
  }
}
