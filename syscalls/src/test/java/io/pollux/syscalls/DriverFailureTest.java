// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.aio.fixture.RingProgram;
import io.pollux.block.Bio;
import io.pollux.block.BlkMqOps;
import io.pollux.block.BlockDevice;
import io.pollux.block.HwCtx;
import io.pollux.block.Plug;
import io.pollux.block.Request;
import io.pollux.block.RequestQueue;
import io.pollux.block.bdev.BdevInode;
import io.pollux.core.mm.DmaMapping;
import io.pollux.core.ramfs.Ramfs;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** io_destroy of a context whose fixed buffers a driver fails to detach. */
@Timeout(60)
class DriverFailureTest {
  private static final int SUBMIT = AioAbi.IORING_FLAG_SUBMIT;
  private static final int GETEVENTS = AioAbi.IORING_FLAG_GETEVENTS;
  private static final int DISK = 1 << 20;

  /** A driver that attaches state to the fixed buffers, and throws when it detaches the state. */
  private static final class BadDriver implements BlkMqOps {
    private final Error error = new AssertionError("of the driver");

    @Override
    public void queueRqs(HwCtx hctx, Request chain) {
      Request request = chain;
      while (request != null) {
        Request next = request.next();
        Bio bio = request.bio();
        DmaMapping mapping = bio.mapping();
        if (mapping != null && mapping.attachment(this) == null) {
          mapping.attach(
              new DmaMapping.Attachment(this) {
                @Override
                protected void detach() {
                  throw error;
                }
              });
        }
        request.complete(0);
        request = next;
      }
    }

    @Override
    public int poll(HwCtx hctx) {
      return 0;
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {RingProgram.RINGS, RingProgram.POLLED})
  void ofIoDestroyEndsTheContextAllTheSame(int flags) {
    BadDriver driver = new BadDriver();
    BlockDevice device = new BlockDevice("bad0", 7, DISK, false, new RequestQueue(driver, 512, 6));
    try (RingProgram program =
        new RingProgram(new BdevInode(new Ramfs(1), 2, device), Plug::new, 9)) {
      assertThat(program.setup(flags | AioAbi.IOCTX_FLAG_FIXEDBUFS)).isZero();
      program.prepareRead(0, 1, (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0);
      assertThat(program.enter(1, 1, SUBMIT | GETEVENTS)).isEqualTo(1);
      assertThat(program.reap()).hasSize(1);
      assertThat(program.process.mm().lockedPages()).isPositive();
      long id = program.ctx();
      assertThatThrownBy(program::destroy).isSameAs(driver.error);
      assertThat(program.process.mm().lockedPages()).as("the charge").isZero();
      assertThat(program.process.mm().pinnedPages()).as("pins").isZero();
      assertThat(program.aio.aioNr()).as("aio_nr").isZero();
      assertThat(program.process.mm().accessOk(id, 32, false)).as("the old ring").isFalse();
      assertThat(program.destroy()).isEqualTo(-Errno.EINVAL);
    }
    assertThat(device.queue().busyTags()).as("tags").isZero();
  }
}
