// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.BlkIoctl;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Iovec;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import org.junit.jupiter.api.Test;

/**
 * A disk as a program sees it: its size, reads and writes through memory and past it, and where the
 * data ends up.
 */
class DiskCallsTest {
  @Test
  void theSize() throws ErrnoException {
    try (Booted booted = new Booted()) {
      int fd = booted.open("/dev/ram0", Fcntl.O_RDONLY);
      assertThat(booted.program.syscall(Nr.IOCTL, fd, BlkIoctl.BLKGETSIZE64, booted.memory))
          .isZero();
      assertThat(RawMemory.getLong(booted.memory)).isEqualTo(Booted.DISK_BYTES);
      assertThat(booted.program.syscall(Nr.IOCTL, fd, 0x5401, booted.memory))
          .isEqualTo(-Errno.ENOTTY);
      assertThat(booted.program.syscall(Nr.IOCTL, 900, BlkIoctl.BLKGETSIZE64, booted.memory))
          .isEqualTo(-Errno.EBADF);
      int event = (int) booted.program.syscall(Nr.EVENTFD2, 0, 0);
      assertThat(booted.program.syscall(Nr.IOCTL, event, BlkIoctl.BLKGETSIZE64, booted.memory))
          .isEqualTo(-Errno.ENOTTY);
    }
  }

  @Test
  void bufferedAndDirectAreOneDisk() throws ErrnoException {
    try (Booted booted = new Booted()) {
      Program program = booted.program;
      int buffered = booted.open("/dev/ram0", Fcntl.O_RDWR);
      int direct = booted.open("/dev/ram0", Fcntl.O_RDWR | Fcntl.O_DIRECT);
      RawMemory.segment(booted.memory, 100).fill((byte) 5);
      assertThat(program.syscall(Nr.PWRITE64, buffered, booted.memory, 100, 1000)).isEqualTo(100);
      assertThat(RawMemory.getByte(booted.disk.address() + 1000)).as("in memory only").isZero();
      assertThat(program.syscall(Nr.PREAD64, direct, booted.memory + Booted.PAGE, 512, 512))
          .isEqualTo(512);
      assertThat(RawMemory.getByte(booted.memory + Booted.PAGE + 488)).isEqualTo((byte) 5);
      RawMemory.segment(booted.memory, 512).fill((byte) 6);
      assertThat(program.syscall(Nr.PWRITE64, direct, booted.memory, 512, 1024)).isEqualTo(512);
      assertThat(program.syscall(Nr.PREAD64, buffered, booted.memory + Booted.PAGE, 100, 1000))
          .isEqualTo(100);
      assertThat(RawMemory.getByte(booted.memory + Booted.PAGE + 23)).isEqualTo((byte) 5);
      assertThat(RawMemory.getByte(booted.memory + Booted.PAGE + 24)).isEqualTo((byte) 6);
    }
  }

  @Test
  void nowait() throws ErrnoException {
    try (Booted booted = new Booted()) {
      int fd = booted.open("/dev/ram0", Fcntl.O_RDWR);
      Iovec.iovBase(booted.memory, booted.memory + Booted.PAGE);
      Iovec.iovLen(booted.memory, 100);
      assertThat(preadv2(booted, fd)).isEqualTo(-Errno.EAGAIN);
      assertThat(booted.program.syscall(Nr.READ, fd, booted.memory + Booted.PAGE, 1)).isEqualTo(1);
      assertThat(preadv2(booted, fd)).isEqualTo(100);
    }
  }

  private static long preadv2(Booted booted, int fd) {
    return booted.program.syscall(Nr.PREADV2, fd, booted.memory, 1, 0, 0, AioAbi.RWF_NOWAIT);
  }

  @Test
  void closingWritesBack() throws ErrnoException {
    try (Booted booted = new Booted()) {
      int fd = booted.open("/dev/ram0", Fcntl.O_RDWR);
      RawMemory.putByte(booted.memory, (byte) 7);
      assertThat(booted.program.syscall(Nr.WRITE, fd, booted.memory, 1)).isEqualTo(1);
      assertThat(RawMemory.getByte(booted.disk.address())).isZero();
      assertThat(booted.program.syscall(Nr.CLOSE, fd)).isZero();
      assertThat(RawMemory.getByte(booted.disk.address())).isEqualTo((byte) 7);
      assertThat(booted.open("/dev/ram0", Fcntl.O_RDWR)).isEqualTo(fd);
      RawMemory.putByte(booted.memory, (byte) 8);
      assertThat(booted.program.syscall(Nr.WRITE, fd, booted.memory, 1)).isEqualTo(1);
      booted.program.close();
      assertThat(RawMemory.getByte(booted.disk.address()))
          .as("so does the end of a process")
          .isEqualTo((byte) 8);
    }
  }
}
