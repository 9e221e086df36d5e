// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.BlkIoctl;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.Stat;
import io.pollux.uapi.StatMode;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** /proc/self/fd, O_PATH, O_TMPFILE, openat2, and disks that one file has for itself. */
@Timeout(60)
class NamedDescriptorsTest {
  private static final int HOW = 2 * Booted.PAGE; // where a struct open_how is put

  private final Booted booted = new Booted();
  private final Program program = booted.program;
  private final long memory = booted.memory;

  @AfterEach
  void close() throws ErrnoException {
    booted.close();
  }

  private String readlink(String path) {
    long bytes = program.syscall(Nr.READLINK, booted.path(path), memory, 1000);
    return bytes < 0
        ? Errno.name((int) -bytes)
        : new String(
            RawMemory.segment(memory, bytes).toArray(ValueLayout.JAVA_BYTE),
            StandardCharsets.ISO_8859_1);
  }

  @Test
  void aDescriptorIsALinkToItsFile() {
    assertThat(program.syscall(Nr.MKDIR, booted.path("/dir"), 0755)).isZero();
    int fd = booted.open("/dir/file", Fcntl.O_RDWR | Fcntl.O_CREAT);
    assertThat(program.syscall(Nr.WRITE, fd, memory, 10)).isEqualTo(10);
    String link = "/proc/self/fd/" + fd;
    assertThat(readlink(link)).isEqualTo("/dir/file");
    assertThat(program.syscall(Nr.LSTAT, booted.path(link), memory)).isZero();
    assertThat(Stat.stMode(memory)).isEqualTo(StatMode.S_IFLNK | 0700);
    assertThat(program.syscall(Nr.STAT, booted.path(link), memory)).isZero();
    assertThat(Stat.stSize(memory)).isEqualTo(10);
    int again = booted.open(link, Fcntl.O_RDONLY);
    assertThat(program.syscall(Nr.READ, again, memory, 100))
        .as("from the start, and not for writing")
        .isEqualTo(10);
    assertThat(program.syscall(Nr.WRITE, again, memory, 1)).isEqualTo(-Errno.EBADF);
    int dir = booted.open("/dir", Fcntl.O_RDONLY);
    assertThat(booted.open("/proc/self/fd/" + dir + "/file", Fcntl.O_RDONLY)).isPositive();
    assertThat(program.syscall(Nr.UNLINK, booted.path("/dir/file"))).isZero();
    assertThat(readlink(link)).isEqualTo("/dir/file (deleted)");
    assertThat(booted.open(link, Fcntl.O_RDONLY))
        .as("the file is there as long as a reference to it")
        .isPositive();
    assertThat(readlink("/proc/self/fd/" + (int) program.syscall(Nr.EVENTFD2, 0, 0)))
        .isEqualTo("anon_inode:[eventfd]");
  }

  @Test
  void numbersThatNameNothing() {
    for (String name :
        new String[] {
          "/proc/self/fd/999",
          "/proc/self/fd/-1",
          "/proc/self/fd/03",
          "/proc/self/fd/99999999999",
          "/proc/self/fd/x"
        }) {
      assertThat(booted.open(name, Fcntl.O_RDONLY)).as(name).isEqualTo(-Errno.ENOENT);
    }
    int event = (int) program.syscall(Nr.EVENTFD2, 0, 0);
    assertThat(booted.open("/proc/self/fd/" + event, Fcntl.O_RDONLY)).isEqualTo(-Errno.ENXIO);
  }

  @Test
  void aPathDescriptorIsOnlyAPlace() {
    int made = booted.open("/file", Fcntl.O_RDWR | Fcntl.O_CREAT);
    assertThat(made).isPositive();
    int fd = booted.open("/file", Fcntl.O_PATH | Fcntl.O_RDWR | Fcntl.O_TRUNC);
    assertThat(program.syscall(Nr.FCNTL, fd, Fcntl.F_GETFL, 0)).isEqualTo(Fcntl.O_PATH);
    for (int nr : new int[] {Nr.READ, Nr.WRITE, Nr.FSYNC, Nr.FTRUNCATE, Nr.GETDENTS64, Nr.IOCTL}) {
      assertThat(program.syscall(nr, fd, memory, 1)).as("call " + nr).isEqualTo(-Errno.EBADF);
    }
    assertThat(program.syscall(Nr.FCNTL, fd, Fcntl.F_SETFL, 0)).isEqualTo(-Errno.EBADF);
    assertThat(program.syscall(Nr.FSTAT, fd, memory)).isZero();
    assertThat(program.syscall(Nr.NEWFSTATAT, fd, booted.path(""), memory, Fcntl.AT_EMPTY_PATH))
        .isZero();
    int dup = (int) program.syscall(Nr.DUP, fd);
    assertThat(program.syscall(Nr.READ, dup, memory, 1)).isEqualTo(-Errno.EBADF);
    assertThat(booted.open("/proc/self/fd/" + dup, Fcntl.O_RDWR))
        .as("a way to open it")
        .isPositive();
    int root = booted.open("/", Fcntl.O_PATH | Fcntl.O_DIRECTORY);
    assertThat(program.syscall(Nr.OPENAT, root, booted.path("file"), Fcntl.O_RDONLY, 0))
        .isPositive();
    assertThat(booted.open("/file", Fcntl.O_PATH | Fcntl.O_DIRECTORY)).isEqualTo(-Errno.ENOTDIR);
    assertThat(booted.open("/missing", Fcntl.O_PATH | Fcntl.O_CREAT)).isEqualTo(-Errno.ENOENT);
  }

  @Test
  void aFileWithoutAName() {
    int fd = booted.open("/", Fcntl.O_TMPFILE | Fcntl.O_RDWR);
    assertThat(fd).isPositive();
    assertThat(program.syscall(Nr.WRITE, fd, memory, 5000)).isEqualTo(5000);
    assertThat(program.syscall(Nr.FSTAT, fd, memory)).isZero();
    assertThat(Stat.stNlink(memory)).isZero();
    assertThat(booted.open("/", Fcntl.O_TMPFILE)).isEqualTo(-Errno.EINVAL);
    assertThat(booted.open("/", Fcntl.O_TMPFILE | Fcntl.O_RDWR | Fcntl.O_DIRECT))
        .isEqualTo(-Errno.EINVAL);
    assertThat(booted.open("/dev/ram0", Fcntl.O_TMPFILE | Fcntl.O_RDWR)).isEqualTo(-Errno.ENOTDIR);
  }

  private long openat2(String path, long flags, long mode, long resolve, long size) {
    RawMemory.putLong(memory + HOW, flags);
    RawMemory.putLong(memory + HOW + 8, mode);
    RawMemory.putLong(memory + HOW + 16, resolve);
    return program.syscall(Nr.OPENAT2, Fcntl.AT_FDCWD, booted.path(path), memory + HOW, size);
  }

  @Test
  void openat2ChecksAllThatItIsTold() {
    RawMemory.putLong(memory + HOW + 24, 0);
    assertThat(openat2("/dev/ram0", Fcntl.O_RDONLY, 0, 0, 24)).isPositive();
    assertThat(openat2("/dev/ram0", Fcntl.O_RDONLY, 0, 0, 32)).isPositive();
    RawMemory.putLong(memory + HOW + 24, 1);
    assertThat(openat2("/dev/ram0", Fcntl.O_RDONLY, 0, 0, 32)).isEqualTo(-Errno.E2BIG);
    assertThat(openat2("/dev/ram0", Fcntl.O_RDONLY, 0, 0, 5000)).isEqualTo(-Errno.E2BIG);
    assertThat(openat2("/dev/ram0", Fcntl.O_RDONLY, 0, 0, -1)).isEqualTo(-Errno.E2BIG);
    assertThat(openat2("/dev/ram0", Fcntl.O_RDONLY, 0, 0, 23)).isEqualTo(-Errno.EINVAL);
    assertThat(openat2("/dev/ram0", 1L << 40, 0, 0, 24)).isEqualTo(-Errno.EINVAL);
    assertThat(openat2("/dev/ram0", Fcntl.O_RDONLY, 0600, 0, 24)).isEqualTo(-Errno.EINVAL);
    assertThat(openat2("/dev/ram0", Fcntl.O_RDONLY, 0, 1 << 20, 24)).isEqualTo(-Errno.EINVAL);
    assertThat(openat2("/dev/ram0", Fcntl.O_RDONLY, 0, Fcntl.RESOLVE_BENEATH, 24))
        .isEqualTo(-Errno.EXDEV);
    assertThat(openat2("dev/../dev/ram0", Fcntl.O_RDONLY, 0, Fcntl.RESOLVE_BENEATH, 24))
        .isPositive();
    assertThat(openat2("../dev/ram0", Fcntl.O_RDONLY, 0, Fcntl.RESOLVE_BENEATH, 24))
        .isEqualTo(-Errno.EXDEV);
    assertThat(openat2("/proc/self/fd/0", Fcntl.O_RDONLY, 0, Fcntl.RESOLVE_NO_MAGICLINKS, 24))
        .isNegative();
  }

  @Test
  void oneFileHasADiskForItself() {
    int first = booted.open("/dev/ram0", Fcntl.O_RDONLY | Fcntl.O_EXCL);
    assertThat(first).isPositive();
    assertThat(booted.open("/dev/ram0", Fcntl.O_RDWR | Fcntl.O_EXCL)).isEqualTo(-Errno.EBUSY);
    int other = booted.open("/dev/ram0", Fcntl.O_RDWR);
    RawMemory.putInt(memory, 1024);
    assertThat(program.syscall(Nr.IOCTL, other, BlkIoctl.BLKBSZSET, memory))
        .isEqualTo(-Errno.EBUSY);
    assertThat(program.syscall(Nr.IOCTL, first, BlkIoctl.BLKBSZSET, memory)).isZero();
    assertThat(program.syscall(Nr.IOCTL, other, BlkIoctl.BLKBSZGET, memory)).isZero();
    assertThat(RawMemory.getInt(memory)).isEqualTo(1024);
    assertThat(program.syscall(Nr.CLOSE, first)).isZero();
    int later = booted.open("/dev/ram0", Fcntl.O_RDWR | Fcntl.O_EXCL);
    assertThat(later).isPositive();
    assertThat(program.syscall(Nr.CLOSE, later)).isZero();
    assertThat(program.syscall(Nr.CLOSE, other)).isZero();
    int fresh = booted.open("/dev/ram0", Fcntl.O_RDONLY);
    assertThat(program.syscall(Nr.IOCTL, fresh, BlkIoctl.BLKBSZGET, memory)).isZero();
    assertThat(RawMemory.getInt(memory)).as("back at the last close").isEqualTo(Booted.PAGE);
  }

  @Test
  void aDiskIsMadeReadOnlyAndWritableAgain() {
    int fd = booted.open("/dev/ram0", Fcntl.O_RDWR);
    RawMemory.putInt(memory, 1);
    assertThat(program.syscall(Nr.IOCTL, fd, BlkIoctl.BLKROSET, memory)).isZero();
    assertThat(program.syscall(Nr.PWRITE64, fd, memory, 512, 0)).isEqualTo(-Errno.EPERM);
    RawMemory.putInt(memory, 0);
    assertThat(program.syscall(Nr.IOCTL, fd, BlkIoctl.BLKROSET, memory)).isZero();
    assertThat(program.syscall(Nr.PWRITE64, fd, memory, 512, 0)).isEqualTo(512);
  }
}
