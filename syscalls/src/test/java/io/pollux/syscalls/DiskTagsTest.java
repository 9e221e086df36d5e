// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.aio.fixture.AioEvent;
import io.pollux.aio.fixture.RingProgram;
import io.pollux.block.BlockDevice;
import io.pollux.block.Plug;
import io.pollux.block.QueueLimits;
import io.pollux.block.TagSet;
import io.pollux.block.bdev.BdevInode;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.ramfs.Ramfs;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
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

  private static final int DISK_BYTES = 8 << 20;

  private final HeldDisk disk = new HeldDisk(DISK_BYTES);
  private final BlockDevice bdev = device(disk, 1);
  private final RingProgram program =
      new RingProgram(new BdevInode(new Ramfs(1), 2, bdev), Plug::new, 17);

  private static BlockDevice device(HeldDisk disk, int pollQueues) {
    return disk.disk(new TagSet(1, pollQueues, TAGS, false), QueueLimits.of(512));
  }

  /** Sector n reads as n. */
  @BeforeEach
  void fill() {
    for (int at = 0; at < DISK_BYTES; at += 512) {
      disk.contents().set(ValueLayout.JAVA_LONG_UNALIGNED, at, at / 512);
    }
  }

  @AfterEach
  void nothingIsLeft() {
    disk.letThrough();
    program.close();
    assertThat(bdev.queue().busyTags()).isZero();
    disk.close();
  }

  private void release(int count) {
    for (int i = 0; i < count; i++) {
      disk.release(0);
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
    release(3);
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
    disk.awaitHeld(TAGS);
    release(TAGS);
    disk.awaitHeld(2);
    release(2);
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
    long iocb = program.changeableRead(0, 9, false);
    Iocb.aioBuf(iocb, buffer);
    Iocb.aioNbytes(iocb, bytes);
    assertThat(program.enter(TAGS, 0, SUBMIT)).isEqualTo(TAGS);
    disk.awaitHeld(TAGS);
    List<AioEvent> events = new ArrayList<>();
    while (events.size() < TAGS) {
      assertThat(Thread.currentThread().isInterrupted()).as("interrupted by the timeout").isFalse();
      disk.releaseAll();
      program.enter(0, 0, GETEVENTS);
      events.addAll(program.reap());
      Thread.sleep(1);
    }
    assertThat(events)
        .contains(new AioEvent(9, TAGS - 1, bytes, 0))
        .noneMatch(event -> event.res() == -Errno.EAGAIN);
    assertThat(RawMemory.getLong(buffer + bytes - 512)).isEqualTo(bytes / 512 - 1);
  }

  /** Completions come by interrupt, and the poller of the context finds them. */
  @Test
  void aPolledContextOnADeviceWithoutPolledQueues() {
    HeldDisk slow = new HeldDisk(1 << 20);
    try (RingProgram other =
        new RingProgram(new BdevInode(new Ramfs(1), 2, device(slow, 0)), Plug::new, 9)) {
      assertThat(other.setup(RingProgram.POLLED)).isZero();
      other.prepareRead(4096, 1, true);
      assertThat(other.enter(1, 0, SUBMIT)).isEqualTo(1);
      slow.release(0);
      assertThat(other.enter(0, 1, GETEVENTS)).isZero();
      assertThat(other.reap()).containsExactly(new AioEvent(1, 0, 4096, 0));
    }
  }
}
