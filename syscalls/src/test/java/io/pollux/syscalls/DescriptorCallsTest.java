// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** dup, dup2, dup3 and fcntl as a program sees them. */
class DescriptorCallsTest {
  private final Booted booted = new Booted();
  private final int fd = (int) booted.program.syscall(Nr.EVENTFD2, 0, 0);

  @AfterEach
  void close() throws ErrnoException {
    booted.close();
  }

  private long call(int nr, long a0, long a1, long a2) {
    return booted.program.syscall(nr, a0, a1, a2);
  }

  @Test
  void duplicatesAreTheLowestNumbersThatWillDo() {
    assertThat(call(Nr.DUP, fd, 0, 0)).isEqualTo(fd + 1);
    assertThat(call(Nr.FCNTL, fd, Fcntl.F_DUPFD, 50)).isEqualTo(50);
    assertThat(call(Nr.FCNTL, fd, Fcntl.F_DUPFD_CLOEXEC, 50)).isEqualTo(51);
    assertThat(call(Nr.DUP2, fd, 60, 0)).isEqualTo(60);
    assertThat(call(Nr.DUP3, fd, 61, Fcntl.O_CLOEXEC)).isEqualTo(61);
  }

  @Test
  void dup2OfItselfOnlyLooks() {
    assertThat(call(Nr.DUP2, fd, fd, 0)).isEqualTo(fd);
    assertThat(call(Nr.DUP2, fd + 9, fd + 9, 0)).isEqualTo(-Errno.EBADF);
    assertThat(call(Nr.DUP3, fd, fd, 0)).isEqualTo(-Errno.EINVAL);
  }

  @Test
  void whatBelongsToADescriptorIsNoFlagOfTheFile() {
    int flags = Fcntl.O_CLOEXEC | Fcntl.O_NONBLOCK;
    int event = (int) call(Nr.EVENTFD2, 0, flags, 0);
    assertThat(call(Nr.FCNTL, event, Fcntl.F_GETFL, 0)).isEqualTo(Fcntl.O_RDWR | Fcntl.O_NONBLOCK);
    assertThat(call(Nr.PIPE2, booted.memory, flags, 0)).isZero();
    int end = RawMemory.getInt(booted.memory);
    int other = RawMemory.getInt(booted.memory + Integer.BYTES);
    assertThat(call(Nr.FCNTL, end, Fcntl.F_GETFL, 0)).isEqualTo(Fcntl.O_RDONLY | Fcntl.O_NONBLOCK);
    assertThat(call(Nr.FCNTL, other, Fcntl.F_GETFL, 0))
        .isEqualTo(Fcntl.O_WRONLY | Fcntl.O_NONBLOCK);
  }

  @Test
  void badArguments() {
    assertThat(call(Nr.DUP, -1, 0, 0)).isEqualTo(-Errno.EBADF);
    assertThat(call(Nr.DUP2, fd, 1 << 20, 0)).isEqualTo(-Errno.EBADF);
    assertThat(call(Nr.DUP3, fd, 70, Fcntl.O_NONBLOCK)).isEqualTo(-Errno.EINVAL);
    assertThat(call(Nr.FCNTL, fd, Fcntl.F_DUPFD, -1)).isEqualTo(-Errno.EINVAL);
    assertThat(call(Nr.FCNTL, fd, 12_345, 0)).isEqualTo(-Errno.EINVAL);
    assertThat(call(Nr.FCNTL, fd + 9, Fcntl.F_GETFL, 0)).isEqualTo(-Errno.EBADF);
  }

  @Test
  void flagsOfAnOpenFileAreSharedByItsDescriptors() {
    int other = (int) call(Nr.DUP, fd, 0, 0);
    assertThat(call(Nr.FCNTL, fd, Fcntl.F_GETFL, 0)).isEqualTo(Fcntl.O_RDWR);
    assertThat(call(Nr.FCNTL, other, Fcntl.F_SETFL, Fcntl.O_NONBLOCK | Fcntl.O_WRONLY)).isZero();
    assertThat(call(Nr.FCNTL, fd, Fcntl.F_GETFL, 0))
        .as("the mode of access stays")
        .isEqualTo(Fcntl.O_RDWR | Fcntl.O_NONBLOCK);
    assertThat(call(Nr.READ, fd, booted.memory, 8))
        .as("with nothing there")
        .isEqualTo(-Errno.EAGAIN);
    assertThat(call(Nr.FCNTL, fd, Fcntl.F_SETFL, Fcntl.O_DIRECT))
        .as("no direct I/O there")
        .isEqualTo(-Errno.EINVAL);
  }
}
