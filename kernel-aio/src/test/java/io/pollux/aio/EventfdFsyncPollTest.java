// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.aio.fixture.AioEvent;
import io.pollux.aio.fixture.UserAio;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.vfs.EventfdCtx;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.PollBits;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Completion beyond the ring: eventfd, FSYNC, POLL, cancel. */
@Timeout(60)
class EventfdFsyncPollTest {
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
  void anEventfdCountsCompletions() {
    setup(4, 0);
    int fd = program.eventfd(0);
    for (int i = 0; i < 3; i++) {
      long iocb = program.read(i, 0);
      Iocb.aioFlags(iocb, AioAbi.IOCB_FLAG_RESFD);
      Iocb.aioResfd(iocb, fd);
    }
    assertThat(program.submit(0, 3)).isEqualTo(3);
    disk.release(3, 0);
    var file = Objects.requireNonNull(FilesStruct.of(program.process).fget(fd));
    assertThat(file.op().poll(file, null) & PollBits.POLLIN).isNotZero();
    file.fput();
    assertThat(Objects.requireNonNull(EventfdCtx.of(file))).isNotNull();
    assertThat(program.results(3, UserAio.PATIENCE)).containsExactly(4096L, 4096L, 4096L);
  }

  @Test
  void fsyncRunsOnAWorkQueue() throws InterruptedException {
    setup(4, 0);
    bare(program.read(0, 0), AioAbi.IOCB_CMD_FSYNC);
    bare(program.read(1, 0), AioAbi.IOCB_CMD_FDSYNC);
    assertThat(program.submit(0, 2)).isEqualTo(2);
    while (disk.heldCount() < 2) {
      Thread.sleep(1);
    }
    disk.release(1, 0);
    disk.release(1, -Errno.EIO);
    assertThat(program.results(2, UserAio.PATIENCE))
        .containsExactlyInAnyOrder(0L, (long) -Errno.EIO);
  }

  @Test
  void pollCompletesOnceTheFileIsReady() {
    setup(4, 0);
    int fd = program.eventfd(0);
    program.prepare(0, AioAbi.IOCB_CMD_POLL, fd, PollBits.POLLIN, 0, 0);
    program.prepare(1, AioAbi.IOCB_CMD_POLL, fd, PollBits.POLLOUT, 0, 0);
    assertThat(program.submit(0, 2)).isEqualTo(2);
    assertThat(program.getevents(1, 4, -1)).as("it can be written to").isEqualTo(1);
    assertThat(program.events(1))
        .containsExactly(new AioEvent(1001, program.iocbs + 64, PollBits.POLLOUT, 0));
    var file = Objects.requireNonNull(FilesStruct.of(program.process).fget(fd));
    Objects.requireNonNull(EventfdCtx.of(file)).signal(1);
    Objects.requireNonNull(EventfdCtx.of(file)).signal(1);
    file.fput();
    assertThat(program.getevents(1, 4, -1)).as("one-shot").isEqualTo(1);
    assertThat(program.events(1))
        .containsExactly(new AioEvent(1000, program.iocbs, PollBits.POLLIN, 0));
  }

  @Test
  void cancelEndsAPollAndNothingElse() {
    setup(4, 0);
    int fd = program.eventfd(0);
    long poll = program.prepare(0, AioAbi.IOCB_CMD_POLL, fd, PollBits.POLLIN, 0, 0);
    long read = program.read(1, 0);
    assertThat(program.submit(0, 2)).isEqualTo(2);
    assertThat(program.cancel(read)).as("can't be cancelled").isEqualTo(-Errno.EINVAL);
    assertThat(program.cancel(program.iocbs + 10 * 64)).as("not found").isEqualTo(-Errno.EINVAL);
    assertThat(program.cancel(0x1000)).as("no key to read").isEqualTo(-Errno.EFAULT);
    Iocb.aioKey(poll, 5);
    assertThat(program.cancel(poll)).as("a key that is none").isEqualTo(-Errno.EINVAL);
    Iocb.aioKey(poll, 0);
    assertThat(program.cancel(poll)).isEqualTo(-Errno.EINPROGRESS);
    assertThat(program.cancel(poll)).isEqualTo(-Errno.EINVAL);
    assertThat(program.getevents(1, 4, -1)).as("its event comes through the ring").isEqualTo(1);
    assertThat(program.events(1).get(0).data()).isEqualTo(1000);
  }

  @Test
  void destroyCancelsPollsAndWaitsForTheRest() {
    setup(4, 0);
    program.prepare(0, AioAbi.IOCB_CMD_POLL, program.eventfd(0), PollBits.POLLIN, 0, 0);
    program.read(1, 0);
    assertThat(program.submit(0, 2)).isEqualTo(2);
    disk.release(1, 0);
    assertThat(program.destroy()).isZero();
  }

  @Test
  void exitWithWorkOfEveryKindInFlight() {
    setup(8, 0);
    program.prepare(0, AioAbi.IOCB_CMD_POLL, program.eventfd(0), PollBits.POLLIN, 0, 0);
    program.read(1, 0);
    assertThat(program.submit(0, 2)).isEqualTo(2);
    setup(8, IOPOLL);
    Iocb.aioFlags(program.read(2, 0), AioAbi.IOCB_FLAG_HIPRI);
    assertThat(program.submit(2, 3)).isEqualTo(1);
    // the fixture releases the device, exits, and looks whether anything is left
  }

  /** Such as a file of the host while the host has no thread to watch it. */
  @ParameterizedTest
  @ValueSource(ints = {Errno.EAGAIN, Errno.EMFILE})
  void aPollOfAFileThatCannotBeWatchedNowHasItsErrno(int errno) {
    setup(4, 0);
    FakeFile unwatched = FakeFile.immediate(0).withPoll().onPreparePoll(() -> -errno);
    int fd = program.open(unwatched);
    program.prepare(0, AioAbi.IOCB_CMD_POLL, fd, PollBits.POLLIN, 0, 0);
    assertThat(program.submit(0, 1)).isEqualTo(-errno);
    assertThat(program.getevents(0, 1, 0)).isZero();
  }

  /** The fixture checks that the file is put. */
  @ParameterizedTest
  @ValueSource(ints = {AioAbi.IOCB_CMD_POLL, AioAbi.IOCB_CMD_FSYNC})
  void aFileThatThrowsWhenItIsAskedIsPut(int opcode) {
    setup(4, 0);
    FakeFile broken =
        FakeFile.immediate(0)
            .withPoll()
            .onPreparePoll(
                () -> {
                  throw new AssertionError("broken");
                })
            .onCheck(
                () -> {
                  throw new AssertionError("broken");
                });
    int fd = program.open(broken);
    program.prepare(0, opcode, fd, 0, 0, 0);
    assertThatThrownBy(() -> program.submit(0, 1)).hasMessage("broken");
    assertThat(program.destroy()).isZero();
  }

  private static void bare(long iocb, int opcode) {
    Iocb.aioLioOpcode(iocb, (short) opcode);
    Iocb.aioBuf(iocb, 0);
    Iocb.aioNbytes(iocb, 0);
    Iocb.aioOffset(iocb, 0);
  }
}
