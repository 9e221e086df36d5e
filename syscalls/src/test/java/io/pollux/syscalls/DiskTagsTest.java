// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.AioEvent;
import io.pollux.aio.fixture.RingProgram;
import io.pollux.block.BlockDevice;
import io.pollux.block.Plug;
import io.pollux.block.bdev.BdevInode;
import io.pollux.core.ramfs.Ramfs;
import io.pollux.uapi.AioAbi;
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

/** Rings on a block device that has fewer tags than the program has requests. */
@Timeout(60)
class DiskTagsTest {
  private static final int SUBMIT = AioAbi.IORING_FLAG_SUBMIT;
  private static final int GETEVENTS = AioAbi.IORING_FLAG_GETEVENTS;
  private static final int SQWQ = RingProgram.RINGS | AioAbi.IOCTX_FLAG_SQWQ;
  private static final int TAGS = 6;

  private final HeldDisk disk = new HeldDisk(TAGS);
  private final BlockDevice bdev = disk.disk("held0", 8 << 20);
  private final RingProgram program =
      new RingProgram(new BdevInode(new Ramfs(1), 2, bdev), Plug::new, 17);

  @AfterEach
  void nothingIsLeft() {
    disk.release(disk.held(), 0);
    program.close();
    assertThat(bdev.queue().busyTags()).isZero();
  }

  private void awaitHeld(int count) throws InterruptedException {
    while (disk.held() != count) {
      Thread.sleep(1); // the timeout bounds the loop
    }
  }

  private void submit(int count, boolean polled) {
    for (int i = 0; i < count; i++) {
      program.prepareRead(i * 4096L, i, polled);
    }
  }

  @Test
  void aCallReturnsEagainUntilTheProgramReaps() {
    assertThat(program.setup(RingProgram.POLLED)).isZero();
    submit(TAGS + 2, true);
    assertThat(program.enter(TAGS + 2, 0, SUBMIT)).isEqualTo(TAGS);
    assertThat(program.enter(2, 0, SUBMIT)).isEqualTo(-Errno.EAGAIN);
    disk.release(3, 0);
    assertThat(program.enter(0, 3, GETEVENTS)).isZero();
    assertThat(program.reap()).hasSize(3);
    assertThat(program.enter(2, 0, SUBMIT)).isEqualTo(2);
  }

  @ParameterizedTest
  @ValueSource(
      ints = {
        SQWQ,
        SQWQ | AioAbi.IOCTX_FLAG_SQTHREAD,
        RingProgram.POLLED | AioAbi.IOCTX_FLAG_SQTHREAD,
        RingProgram.POLLED | AioAbi.IOCTX_FLAG_SQPOLL
      })
  void anEntryThatFoundNoTagIsRetried(int flags) throws InterruptedException {
    assertThat(program.setup(flags)).isZero();
    submit(TAGS + 2, (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0);
    assertThat(program.enter(TAGS + 2, 0, SUBMIT)).isEqualTo(TAGS + 2);
    awaitHeld(TAGS);
    disk.release(TAGS, 0);
    awaitHeld(2);
    disk.release(2, 0);
    assertThat(program.awaitEvents(TAGS + 2, RingProgram.PATIENCE))
        .extracting(AioEvent::res)
        .containsOnly(4096L);
    assertThat(RawMemory.getLong(program.buffers + (TAGS + 1) * 4096L)).isEqualTo((TAGS + 1) * 8L);
  }

  /** The first bio gets a tag and a later one none. */
  @Test
  void aReadThatFoundNoTagHalfWayIsRepeatedByAWorker() throws InterruptedException {
    assertThat(program.setup(SQWQ)).isZero();
    int bytes = 4 << 20;
    long buffer = program.map(bytes);
    submit(TAGS - 1, false);
    long iocb = program.prepareRead(0, 9, false);
    Iocb.aioBuf(iocb, buffer);
    Iocb.aioNbytes(iocb, bytes);
    assertThat(program.enter(TAGS, 0, SUBMIT)).isEqualTo(TAGS);
    awaitHeld(TAGS);
    List<AioEvent> events = new ArrayList<>();
    while (events.size() < TAGS) {
      assertThat(Thread.currentThread().isInterrupted()).as("interrupted by the timeout").isFalse();
      disk.release(disk.held(), 0);
      program.enter(0, 0, GETEVENTS);
      events.addAll(program.reap());
      Thread.sleep(1);
    }
    assertThat(events)
        .contains(new AioEvent(9, TAGS - 1, bytes, 0))
        .noneMatch(event -> event.res() == -Errno.EAGAIN);
    assertThat(RawMemory.getLong(buffer + bytes - 8)).isEqualTo(bytes / 512 - 1);
  }

  /** Completions come by interrupt, and the poller of the context finds them. */
  @Test
  void aPolledContextOnADeviceWithoutPolledQueues() {
    HeldDisk slow = new HeldDisk(TAGS);
    BlockDevice device = slow.disk("held1", 1 << 20, 0);
    try (RingProgram other =
        new RingProgram(new BdevInode(new Ramfs(1), 2, device), Plug::new, 9)) {
      assertThat(other.setup(RingProgram.POLLED)).isZero();
      other.prepareRead(4096, 1, true);
      assertThat(other.enter(1, 0, SUBMIT)).isEqualTo(1);
      slow.release(1, 0);
      assertThat(other.enter(0, 1, GETEVENTS)).isZero();
      assertThat(other.reap()).containsExactly(new AioEvent(1, 0, 4096, 0));
    }
  }
}
