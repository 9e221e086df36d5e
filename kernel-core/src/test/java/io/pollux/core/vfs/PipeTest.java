// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.core.fixture.FileUser;
import io.pollux.core.mm.HostMemory;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.PollBits;
import io.pollux.uapi.RawMemory;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Pipes: order, ends, atomic writes, waiting, poll. */
class PipeTest {
  private static final int IN = PollBits.POLLIN | PollBits.POLLRDNORM;
  private static final int OUT = PollBits.POLLOUT | PollBits.POLLWRNORM;
  private static final int PAGE = HostMemory.PAGE_SIZE;

  private final FileUser user = new FileUser();
  private final FileTable table = new FileTable();
  private final long memory = user.memory;

  @AfterEach
  void close() {
    user.close();
    assertThat(table.nrFiles()).isZero();
  }

  private Pipe.Ends pipe(int flags) throws ErrnoException {
    return Pipe.create(table, flags);
  }

  private static byte pattern(int at) {
    return (byte) ((at * 31) >> 3);
  }

  private static void close(Pipe.Ends ends) {
    ends.read().fput();
    ends.write().fput();
  }

  private static int mask(File file) {
    return file.op().poll(file, null);
  }

  @Test
  void bytesComeOutAsTheyWentInRoundAndRound() throws Exception {
    Pipe.Ends ends = pipe(Fcntl.O_NONBLOCK);
    int wrote = 0;
    int read = 0;
    for (int turn = 0; turn < 100; turn++) {
      int bytes = 1 + turn * 977 % 5000;
      for (int i = 0; i < bytes; i++) {
        RawMemory.putByte(memory + i, pattern(wrote + i));
      }
      assertThat(user.write(ends.write(), memory, bytes)).isEqualTo(bytes);
      wrote += bytes;
      int want = turn % 3 == 0 ? bytes / 2 + 1 : 2 * bytes;
      int got = (int) user.read(ends.read(), memory, want);
      assertThat(got).isPositive();
      for (int i = 0; i < got; i++) {
        assertThat(RawMemory.getByte(memory + i)).isEqualTo(pattern(read + i));
      }
      read += got;
    }
    close(ends);
  }

  @Test
  void theEnds() throws Exception {
    Pipe.Ends ends = pipe(0);
    assertThat(user.write(ends.write(), memory, 10)).isEqualTo(10);
    ends.write().fput();
    assertThat(mask(ends.read())).isEqualTo(IN | PollBits.POLLHUP);
    assertThat(user.read(ends.read(), memory, 100)).isEqualTo(10);
    assertThat(user.read(ends.read(), memory, 100)).isZero();
    assertThat(mask(ends.read())).isEqualTo(PollBits.POLLHUP);
    ends.read().fput();

    Pipe.Ends other = pipe(0);
    other.read().fput();
    assertThat(user.write(other.write(), memory, 10)).isEqualTo(-Errno.EPIPE);
    assertThat(user.write(other.write(), memory, 0)).isZero();
    assertThat(mask(other.write())).isEqualTo(OUT | PollBits.POLLERR);
    other.write().fput();
  }

  @Test
  void smallWritesGoInWholeOrNotAtAll() throws Exception {
    Pipe.Ends ends = pipe(Fcntl.O_NONBLOCK);
    assertThat(user.write(ends.write(), memory, Pipe.CAPACITY - 100))
        .isEqualTo(Pipe.CAPACITY - 100);
    assertThat(user.write(ends.write(), memory, 101)).isEqualTo(-Errno.EAGAIN);
    assertThat(user.write(ends.write(), memory, PAGE + 1)).isEqualTo(100);
    assertThat(user.write(ends.write(), memory, PAGE + 1)).isEqualTo(-Errno.EAGAIN);
    assertThat(mask(ends.write())).isZero();
    assertThat(user.read(ends.read(), memory, PAGE - 1)).isEqualTo(PAGE - 1);
    assertThat(mask(ends.write())).isZero();
    assertThat(user.read(ends.read(), memory, 1)).isEqualTo(1);
    assertThat(mask(ends.write())).isEqualTo(OUT);
    close(ends);
  }

  @Test
  void badMemory() throws Exception {
    Pipe.Ends ends = pipe(0);
    assertThat(user.write(ends.write(), 8, 10)).isEqualTo(-Errno.EFAULT);
    assertThat(user.write(ends.write(), memory, 10)).isEqualTo(10);
    assertThat(user.read(ends.read(), 8, 10)).isEqualTo(-Errno.EFAULT);
    assertThat(user.read(ends.read(), memory, 100)).as("nothing was taken").isEqualTo(10);
    close(ends);
  }

  @Test
  void anEmptyPipe() throws Exception {
    Pipe.Ends ends = pipe(0);
    assertThat(user.read(ends.read(), memory, 0)).isZero();
    assertThat(FileUser.rw(user.current, ends.read(), true, memory, 1, Kiocb.IOCB_NOWAIT))
        .isEqualTo(-Errno.EAGAIN);
    FileUser.Other reader =
        user.start(task -> FileUser.rw(task, ends.read(), true, memory, 100, 0));
    assertThat(reader.waits()).isTrue();
    assertThat(user.write(ends.write(), memory + PAGE, 5)).isEqualTo(5);
    assertThat(reader.result.get(5, TimeUnit.SECONDS)).isEqualTo(5);
    FileUser.Other interrupted =
        user.start(task -> FileUser.rw(task, ends.read(), true, memory, 100, 0));
    assertThat(interrupted.waits()).isTrue();
    interrupted.task.sendSignal(1);
    assertThat(interrupted.result.get(5, TimeUnit.SECONDS)).isEqualTo(-Errno.EINTR);
    FileUser.Other last = user.start(task -> FileUser.rw(task, ends.read(), true, memory, 100, 0));
    assertThat(last.waits()).isTrue();
    ends.write().fput();
    assertThat(last.result.get(5, TimeUnit.SECONDS)).isZero();
    ends.read().fput();
  }

  @Test
  void aLongWriteWaitsForReaders() throws Exception {
    Pipe.Ends ends = pipe(0);
    FileUser.Other writer =
        user.start(
            task -> FileUser.rw(task, ends.write(), false, memory, FileUser.MEMORY_BYTES, 0));
    long read = 0;
    while (read < FileUser.MEMORY_BYTES) {
      long got = user.read(ends.read(), memory, 3000);
      assertThat(got).isPositive();
      read += got;
    }
    assertThat(writer.result.get(5, TimeUnit.SECONDS)).isEqualTo(FileUser.MEMORY_BYTES);
    FileUser.Other cut =
        user.start(task -> FileUser.rw(task, ends.write(), false, memory, Pipe.CAPACITY + 1, 0));
    assertThat(cut.waits()).isTrue();
    ends.read().fput();
    assertThat(cut.result.get(5, TimeUnit.SECONDS))
        .as("what went in counts")
        .isEqualTo(Pipe.CAPACITY);
    ends.write().fput();
  }

  @Test
  void aListenerGetsTheKeyOfEachWakeUp() throws Exception {
    Pipe.Ends ends = pipe(0);
    var keys = FileUser.listen(ends.read());
    assertThat(user.write(ends.write(), memory, 10)).isEqualTo(10);
    assertThat(user.read(ends.read(), memory, 10)).isEqualTo(10);
    ends.write().fput();
    assertThat(keys).containsExactly(IN, OUT, IN | OUT | PollBits.POLLERR | PollBits.POLLHUP);
    ends.read().fput();
  }
}
