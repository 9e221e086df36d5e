// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.FileIoctl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Nr;
import io.pollux.uapi.Patch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Calls that the posting's kernel has and this one has not. */
@Timeout(60)
class UnwiredCallsTest {
  private static final int GENERIC_IO_SETUP2 = 294;

  private final Booted booted = new Booted();

  @AfterEach
  void close() throws ErrnoException {
    booted.close();
  }

  @Patch(13)
  @Test
  void ioSetup2HasNoGenericNumber() {
    long result =
        booted.program.syscall(
            GENERIC_IO_SETUP2, 4, AioAbi.IOCTX_FLAG_IOPOLL, 0, 0, 0, booted.memory);
    assertThat(result).isEqualTo(-Errno.ENOSYS);
    assertThat(
            booted.program.syscall(
                Nr.IO_SETUP2, 4, AioAbi.IOCTX_FLAG_IOPOLL, 0, 0, 0, booted.memory))
        .isZero();
  }

  @Test
  void aFileCannotBeMapped() {
    int fd = booted.open("/file", Fcntl.O_RDWR | Fcntl.O_CREAT);
    assertThat(booted.program.syscall(Nr.FTRUNCATE, fd, Booted.PAGE)).isZero();
    for (int sharing : new int[] {Mman.MAP_SHARED, Mman.MAP_PRIVATE}) {
      assertThat(booted.program.syscall(Nr.MMAP, 0, Booted.PAGE, Mman.PROT_READ, sharing, fd, 0))
          .isEqualTo(-Errno.ENODEV);
    }
  }

  @Test
  void aFilesystemCannotBeFrozen() {
    int fd = booted.open("/", Fcntl.O_RDONLY | Fcntl.O_DIRECTORY);
    assertThat(booted.program.syscall(Nr.IOCTL, fd, FileIoctl.FIFREEZE, 0))
        .isEqualTo(-Errno.EOPNOTSUPP);
    assertThat(booted.program.syscall(Nr.IOCTL, fd, FileIoctl.FITHAW, 0)).isEqualTo(-Errno.EINVAL);
  }
}
