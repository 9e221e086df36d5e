// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.aio;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.AioEvent;
import io.pollux.aio.fixture.RingProgram;
import io.pollux.aio.fixture.UserAio;
import io.pollux.core.Oops;
import io.pollux.core.fixture.FakeFile;
import io.pollux.core.mm.Slab;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iocb;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a call or a request takes from a slab is back when it ends, so that the next one has it. */
@Timeout(60)
class SlabReuseTest {
  private final List<Kiocb> seen = new CopyOnWriteArrayList<>();
  private final FakeFile file =
      FakeFile.immediate(1 << 20)
          .onRequest(
              (current, iocb, iter) -> {
                seen.add(iocb);
                return FakeFile.PROCEED;
              });

  private static Kioctx context(UserAio program) {
    Kioctx ctx = KioctxTable.lookup(program.process.mm(), program.ctx());
    assertThat(ctx).isNotNull();
    return ctx;
  }

  @Test
  void theNextSubmissionHasTheSubmitterOfTheLast() {
    try (UserAio program = new UserAio(file)) {
      assertThat(program.setup(4, 0)).isZero();
      Kioctx ctx = context(program);
      Submitter first = Submitter.start(program.task, ctx, 1);
      first.end(program.task);
      Submitter second = Submitter.start(program.task, ctx, 1);
      second.end(program.task);
      ctx.put();
      assertThat(second).isSameAs(first);
    }
  }

  @Test
  void ioGeteventsReturnsItsReader() {
    try (UserAio program = new UserAio(file)) {
      assertThat(program.setup(4, 0)).isZero();
      Kioctx ctx = context(program);
      EventReader first = EventReader.start(program.task, ctx, 0, 1, program.events);
      first.end();
      assertThat(program.getevents(0, 1, 0)).isZero();
      EventReader second = EventReader.start(program.task, ctx, 0, 1, program.events);
      second.end();
      ctx.put();
      assertThat(second).isSameAs(first);
    }
  }

  @Test
  void theNextReadIsTheRequestOfTheLast() {
    try (UserAio program = new UserAio(file)) {
      assertThat(program.setup(4, 0)).isZero();
      for (int i = 0; i < 3; i++) {
        program.read(0, 0);
        assertThat(program.submit(0, 1)).isEqualTo(1);
        assertThat(program.results(1, UserAio.PATIENCE)).containsExactly(4096L);
      }
      assertThat(seen).hasSize(3).containsOnly(seen.getFirst());
    }
  }

  @Test
  void theNextPolledReadIsTheRequestOfTheLast() {
    try (RingProgram program = new RingProgram(file, 4)) {
      assertThat(program.setup(RingProgram.POLLED)).isZero();
      for (int i = 0; i < 3; i++) {
        program.prepareRead(0, 1, true);
        assertThat(program.enter(1, 1, RingProgram.ENTER)).isEqualTo(1);
        assertThat(program.reap()).hasSize(1);
      }
      assertThat(seen).hasSize(3).containsOnly(seen.getFirst());
    }
  }

  /** It fails before the file has seen it. */
  @Test
  void theNextReadIsTheRequestThatWasNotSubmitted() {
    try (UserAio program = new UserAio(file)) {
      assertThat(program.setup(4, 0)).isZero();
      AioKiocb first = AioKiocb.SLAB.alloc(program.task);
      Slab.free(first);
      long iocb = program.read(0, 0);
      Iocb.aioFildes(iocb, 1000);
      assertThat(program.submit(0, 1)).isNegative();
      program.read(0, 0);
      assertThat(program.submit(0, 1)).isEqualTo(1);
      assertThat(program.results(1, UserAio.PATIENCE)).containsExactly(4096L);
      assertThat(seen).containsExactly(first);
    }
  }

  @Test
  void theNextFsyncHasTheWorkOfTheLast() {
    try (UserAio program = new UserAio(file)) {
      assertThat(program.setup(4, 0)).isZero();
      AioFsync first = AioFsync.SLAB.alloc(program.task);
      Slab.free(first);
      program.prepare(0, AioAbi.IOCB_CMD_FSYNC, program.fd, 0, 0, 0);
      assertThat(program.submit(0, 1)).isEqualTo(1);
      assertThat(program.results(1, UserAio.PATIENCE)).containsExactly(0L);
      assertThat(AioFsync.SLAB.alloc(program.task)).isSameAs(first);
    }
  }

  /** A worker executes the write. The read is complete in the call. */
  @ParameterizedTest
  @ValueSource(ints = {AioAbi.IOCB_CMD_PWRITE, AioAbi.IOCB_CMD_PREAD})
  void theNextEntryHasTheWorkOfTheLast(int opcode) {
    try (RingProgram program = new RingProgram(file, 4)) {
      assertThat(program.setup(RingProgram.RINGS | AioAbi.IOCTX_FLAG_SQWQ)).isZero();
      SqWork first = SqWork.SLAB.alloc(program.task);
      Slab.free(first);
      long iocb = program.changeableRead(0, 1, false);
      Iocb.aioLioOpcode(iocb, (short) opcode);
      assertThat(program.enter(1, 1, RingProgram.ENTER)).isEqualTo(1);
      assertThat(program.destroy()).as("waits for the worker").isZero();
      assertThat(SqWork.SLAB.alloc(program.task)).isSameAs(first);
    }
  }

  @Test
  void theNextEntryHasTheWorkOfOneThatWasRefused() {
    try (RingProgram program = new RingProgram(file, 4)) {
      assertThat(program.setup(RingProgram.RINGS | AioAbi.IOCTX_FLAG_SQWQ)).isZero();
      SqWork first = SqWork.SLAB.alloc(program.task);
      Slab.free(first);
      program.prepareRead(1000, 0, 1, false);
      assertThat(program.enter(1, 0, AioAbi.IORING_FLAG_SUBMIT)).isEqualTo(-Errno.EBADF);
      assertThat(SqWork.SLAB.alloc(program.task)).isSameAs(first);
    }
  }

  @Test
  void theNextEntryHasTheWorkOfOneWhoseFileThrew() {
    FakeFile broken =
        FakeFile.immediate(1 << 20)
            .withoutNowait()
            .onRequest(
                (current, iocb, iter) -> {
                  throw new IllegalStateException("broken");
                });
    Oops.setSink((sentence, thrown) -> {});
    try (RingProgram program = new RingProgram(file, 4)) {
      assertThat(program.setup(RingProgram.RINGS | AioAbi.IOCTX_FLAG_SQWQ)).isZero();
      SqWork first = SqWork.SLAB.alloc(program.task);
      Slab.free(first);
      program.prepareRead(program.open(broken), 0, 1, false);
      assertThat(program.enter(1, 1, RingProgram.ENTER)).isEqualTo(1);
      assertThat(program.reap()).extracting(AioEvent::res).containsExactly((long) -Errno.EIO);
      assertThat(program.destroy()).as("waits for the worker").isZero();
      assertThat(SqWork.SLAB.alloc(program.task)).isSameAs(first);
    } finally {
      Oops.setSink(null);
    }
  }
}
