// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.fixture.FileUser;
import io.pollux.core.ramfs.Ramfs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.EventfdFlags;
import io.pollux.uapi.PollBits;
import io.pollux.uapi.RawMemory;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The counter that is a file: reads, writes, signals, waiting, poll. */
class EventfdTest {
  private final FileUser user = new FileUser();
  private final FileTable table = new FileTable();
  private final long value = user.memory;

  @AfterEach
  void close() {
    user.close();
    assertThat(table.nrFiles()).isZero();
  }

  private File eventfd(long initial, int flags) {
    return Eventfd.create(table, initial, flags);
  }

  private static EventfdCtx counter(File file) {
    return Objects.requireNonNull(EventfdCtx.of(file));
  }

  private long write(File file, long n) {
    RawMemory.putLong(value, n);
    return user.write(file, value, 8);
  }

  private static int mask(File file) {
    return file.op().poll(file, null);
  }

  @Test
  void aReadTakesAllAndAWriteAdds() {
    File file = eventfd(3, EventfdFlags.EFD_NONBLOCK);
    assertThat(write(file, 4)).isEqualTo(8);
    assertThat(user.read(file, value, 100)).isEqualTo(8);
    assertThat(RawMemory.getLong(value)).isEqualTo(7);
    assertThat(user.read(file, value, 8)).isEqualTo(-Errno.EAGAIN);
    file.fput();
  }

  @Test
  void aSemaphoreGivesOneAtATime() {
    File file = eventfd(2, EventfdFlags.EFD_NONBLOCK | EventfdFlags.EFD_SEMAPHORE);
    for (int i = 0; i < 2; i++) {
      assertThat(user.read(file, value, 8)).isEqualTo(8);
      assertThat(RawMemory.getLong(value)).isEqualTo(1);
    }
    assertThat(user.read(file, value, 8)).isEqualTo(-Errno.EAGAIN);
    file.fput();
  }

  @Test
  void whatIsRefused() {
    File file = eventfd(1, EventfdFlags.EFD_NONBLOCK);
    assertThat(user.read(file, value, 7)).isEqualTo(-Errno.EINVAL);
    assertThat(user.write(file, value, 7)).isEqualTo(-Errno.EINVAL);
    assertThat(write(file, -1)).isEqualTo(-Errno.EINVAL);
    assertThat(user.write(file, 8, 8)).isEqualTo(-Errno.EFAULT);
    assertThat(write(file, -3)).isEqualTo(8); // up to 2^64 - 2
    assertThat(write(file, 1)).isEqualTo(-Errno.EAGAIN);
    assertThat(write(file, 0)).isEqualTo(8);
    assertThat(user.read(file, 8, 8)).isEqualTo(-Errno.EFAULT);
    assertThat(mask(file))
        .as("a read that can't store takes all the same")
        .isEqualTo(PollBits.POLLOUT);
    file.fput();
  }

  @Test
  void theMaskAndTheEndOfTheCounter() {
    File file = eventfd(0, 0);
    assertThat(mask(file)).isEqualTo(PollBits.POLLOUT);
    assertThat(counter(file).signal(1)).isEqualTo(1);
    assertThat(mask(file)).isEqualTo(PollBits.POLLIN | PollBits.POLLOUT);
    assertThat(write(file, -3)).isEqualTo(8);
    assertThat(mask(file)).isEqualTo(PollBits.POLLIN);
    assertThat(counter(file).signal(5)).isEqualTo(1);
    assertThat(counter(file).signal(5)).isZero();
    assertThat(mask(file)).isEqualTo(PollBits.POLLIN | PollBits.POLLERR);
    assertThat(user.read(file, value, 8)).isEqualTo(8);
    assertThat(RawMemory.getLong(value)).isEqualTo(-1);
    file.fput();
  }

  @Test
  void aReaderWaitsForASignal() throws Exception {
    File file = eventfd(0, 0);
    FileUser.Other reader = user.start(task -> FileUser.rw(task, file, true, value, 8, 0));
    assertThat(reader.waits()).isTrue();
    counter(file).signal(9);
    assertThat(reader.result.get(5, TimeUnit.SECONDS)).isEqualTo(8);
    assertThat(RawMemory.getLong(value)).isEqualTo(9);
    file.fput();
  }

  @Test
  void aWriterWaitsForRoom() throws Exception {
    File file = eventfd(0, 0);
    assertThat(write(file, -2)).isEqualTo(8);
    RawMemory.putLong(value + 8, 6);
    FileUser.Other writer = user.start(task -> FileUser.rw(task, file, false, value + 8, 8, 0));
    assertThat(writer.waits()).isTrue();
    assertThat(user.read(file, value, 8)).isEqualTo(8);
    assertThat(writer.result.get(5, TimeUnit.SECONDS)).isEqualTo(8);
    assertThat(user.read(file, value, 8)).isEqualTo(8);
    assertThat(RawMemory.getLong(value)).isEqualTo(6);
    file.fput();
  }

  @Test
  void anInterruptEndsTheWaitAndNowaitDoesNotBegin() throws Exception {
    File file = eventfd(0, 0);
    assertThat(FileUser.rw(user.current, file, true, value, 8, Kiocb.IOCB_NOWAIT))
        .isEqualTo(-Errno.EAGAIN);
    FileUser.Other reader = user.start(task -> FileUser.rw(task, file, true, value, 8, 0));
    assertThat(reader.waits()).isTrue();
    reader.task.sendSignal(1);
    assertThat(reader.result.get(5, TimeUnit.SECONDS)).isEqualTo(-Errno.EINTR);
    file.fput();
  }

  @Test
  void aListenerGetsTheKeyOfEachWakeUp() {
    File file = eventfd(0, 0);
    var keys = FileUser.listen(file);
    counter(file).signal(1);
    assertThat(user.read(file, value, 8)).isEqualTo(8);
    assertThat(keys).containsExactly(PollBits.POLLIN, PollBits.POLLOUT);
    file.fput();
  }

  @Test
  void otherFilesAreNone() {
    File file = new File(table, new Ramfs(1).root(), null, 0);
    assertThat(EventfdCtx.of(file)).isNull();
    file.fput();
  }
}
