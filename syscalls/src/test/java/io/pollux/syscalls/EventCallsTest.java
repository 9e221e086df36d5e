// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.EventfdFlags;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import io.pollux.uapi.PollBits;
import io.pollux.uapi.Pollfd;
import io.pollux.uapi.RawMemory;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** eventfd2, pipe2 and poll as a program sees them. */
class EventCallsTest {
  private static final int IN = PollBits.POLLIN | PollBits.POLLRDNORM;
  private static final int OUT = PollBits.POLLOUT | PollBits.POLLWRNORM;

  private final Booted booted = new Booted();
  private final Program program = booted.program;
  private final long memory = booted.memory;
  private final long fds = memory + Booted.PAGE;

  @AfterEach
  void close() throws ErrnoException {
    booted.close();
  }

  private void pollfd(int index, int fd, int events) {
    long at = fds + index * Pollfd.SIZE;
    Pollfd.fd(at, fd);
    Pollfd.events(at, (short) events);
    Pollfd.revents(at, (short) -1);
  }

  private int revents(int index) {
    return Pollfd.revents(fds + index * Pollfd.SIZE);
  }

  private int eventfd(int initial, int flags) {
    int fd = (int) program.syscall(Nr.EVENTFD2, initial, flags);
    assertThat(fd).isPositive();
    return fd;
  }

  @Test
  void eventfds() {
    assertThat(program.syscall(Nr.EVENTFD2, 0, 2)).isEqualTo(-Errno.EINVAL);
    int fd = eventfd(-1, EventfdFlags.EFD_NONBLOCK | EventfdFlags.EFD_CLOEXEC);
    assertThat(program.syscall(Nr.READ, fd, memory, 8)).isEqualTo(8);
    assertThat(RawMemory.getLong(memory)).as("32 bits").isEqualTo(0xffff_ffffL);
    assertThat(program.syscall(Nr.READ, fd, memory, 8)).isEqualTo(-Errno.EAGAIN);
    assertThat(program.syscall(Nr.PREAD64, fd, memory, 8, 0)).isEqualTo(-Errno.ESPIPE);
    assertThat(program.syscall(Nr.LSEEK, fd, 0, Fcntl.SEEK_SET)).isEqualTo(-Errno.ESPIPE);
    assertThat(program.syscall(Nr.FSTAT, fd, memory)).isZero();
    assertThat(program.syscall(Nr.CLOSE, fd)).isZero();
  }

  @Test
  void pipes() {
    assertThat(program.syscall(Nr.PIPE2, memory, Fcntl.O_DIRECT)).isEqualTo(-Errno.EINVAL);
    assertThat(program.syscall(Nr.PIPE2, 8, 0)).isEqualTo(-Errno.EFAULT);
    assertThat(program.syscall(Nr.PIPE2, memory, Fcntl.O_NONBLOCK)).isZero();
    int read = RawMemory.getInt(memory);
    int write = RawMemory.getInt(memory + 4);
    RawMemory.putLong(memory, 77);
    assertThat(program.syscall(Nr.WRITE, write, memory, 8)).isEqualTo(8);
    assertThat(program.syscall(Nr.WRITE, read, memory, 8)).isEqualTo(-Errno.EBADF);
    assertThat(program.syscall(Nr.READ, write, memory, 8)).isEqualTo(-Errno.EBADF);
    assertThat(program.syscall(Nr.READ, read, memory + 8, 100)).isEqualTo(8);
    assertThat(RawMemory.getLong(memory + 8)).isEqualTo(77);
    assertThat(program.syscall(Nr.CLOSE, read)).isZero();
    assertThat(program.syscall(Nr.WRITE, write, memory, 8)).isEqualTo(-Errno.EPIPE);
    assertThat(program.syscall(Nr.FSYNC, write)).isEqualTo(-Errno.EINVAL);
  }

  @Test
  void pipesWhenDescriptorsRunOut() {
    while (program.syscall(Nr.EVENTFD2, 0, 0) >= 0) {
      assertThat(booted.kernel.held()).isNotEmpty();
    }
    assertThat(program.syscall(Nr.PIPE2, memory, 0)).isEqualTo(-Errno.EMFILE);
    assertThat(program.syscall(Nr.CLOSE, 500)).isZero();
    assertThat(program.syscall(Nr.PIPE2, memory, 0)).isEqualTo(-Errno.EMFILE);
    assertThat(program.syscall(Nr.EVENTFD2, 0, 0)).as("the one is free again").isEqualTo(500);
  }

  @Test
  void pollTellsWhatIsSo() {
    int empty = eventfd(0, 0);
    int full = eventfd(1, 0);
    int disk = booted.open("/dev/ram0", Fcntl.O_RDWR);
    pollfd(0, empty, PollBits.POLLIN);
    pollfd(1, full, PollBits.POLLIN | PollBits.POLLPRI);
    pollfd(2, -5, PollBits.POLLIN);
    pollfd(3, 900, PollBits.POLLIN);
    pollfd(4, disk, IN | OUT | PollBits.POLLPRI);
    assertThat(program.syscall(Nr.POLL, fds, 5, -1)).isEqualTo(3);
    assertThat(revents(0)).isZero();
    assertThat(revents(1)).isEqualTo(PollBits.POLLIN);
    assertThat(revents(2)).isZero();
    assertThat(revents(3)).isEqualTo(PollBits.POLLNVAL);
    assertThat(revents(4)).as("always ready").isEqualTo(IN | OUT);
    assertThat(program.syscall(Nr.PIPE2, memory, 0)).isZero();
    assertThat(program.syscall(Nr.CLOSE, RawMemory.getInt(memory))).isZero();
    pollfd(0, RawMemory.getInt(memory + 4), 0);
    assertThat(program.syscall(Nr.POLL, fds, 1, -1)).isEqualTo(1);
    assertThat(revents(0)).as("not asked for, told all the same").isEqualTo(PollBits.POLLERR);
  }

  @Test
  void pollRefusesAndTimesOut() {
    pollfd(0, eventfd(0, 0), PollBits.POLLIN);
    assertThat(program.syscall(Nr.POLL, fds, 1025, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(program.syscall(Nr.POLL, fds, -1, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(program.syscall(Nr.POLL, 8, 1, 0)).isEqualTo(-Errno.EFAULT);
    assertThat(program.syscall(Nr.POLL, 0, 0, 0)).isZero();
    assertThat(program.syscall(Nr.POLL, fds, 1, 0)).isZero();
    assertThat(revents(0)).isZero();
    assertThat(program.syscall(Nr.POLL, fds, 1, 30)).isZero();
  }

  @Test
  void pollWaitsForAnEventUntilItsTimeout() throws Exception {
    int fd = eventfd(0, 0);
    pollfd(0, fd, PollBits.POLLIN);
    Program thread = program.newThread();
    CompletableFuture<Long> polled = new CompletableFuture<>();
    Thread waiter =
        new Thread(() -> polled.complete(thread.syscall(Nr.POLL, fds, 1, Integer.MAX_VALUE)));
    waiter.start();
    while (waiter.getState() != Thread.State.TIMED_WAITING) {
      Thread.sleep(1); // the timeout of the test bounds the loop
    }
    assertThat(polled).isNotDone();
    RawMemory.putLong(memory, 1);
    assertThat(program.syscall(Nr.WRITE, fd, memory, 8)).isEqualTo(8);
    assertThat(polled.get(20, TimeUnit.SECONDS)).isEqualTo(1);
    waiter.join();
    thread.close();
  }

  @Test
  void pollWaits() throws Exception {
    int fd = eventfd(0, 0);
    pollfd(0, fd, PollBits.POLLIN);
    Program thread = program.newThread();
    CompletableFuture<Long> polled = new CompletableFuture<>();
    Thread waiter = new Thread(() -> polled.complete(thread.syscall(Nr.POLL, fds, 1, -1)));
    waiter.start();
    Thread.sleep(50);
    assertThat(polled.isDone()).isFalse();
    RawMemory.putLong(memory, 1);
    assertThat(program.syscall(Nr.WRITE, fd, memory, 8)).isEqualTo(8);
    assertThat(polled.get(5, TimeUnit.SECONDS)).isEqualTo(1);
    assertThat(revents(0)).isEqualTo(PollBits.POLLIN);

    assertThat(program.syscall(Nr.READ, fd, memory, 8)).isEqualTo(8);
    Program other = program.newThread();
    CompletableFuture<Long> interrupted = new CompletableFuture<>();
    new Thread(() -> interrupted.complete(other.syscall(Nr.POLL, fds, 1, -1))).start();
    Thread.sleep(50);
    other.sendSignal(1);
    assertThat(interrupted.get(5, TimeUnit.SECONDS)).isEqualTo(-Errno.EINTR);
  }
}
