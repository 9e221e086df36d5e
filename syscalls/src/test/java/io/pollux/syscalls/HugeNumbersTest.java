// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Iovec;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Addresses, lengths and offsets whose sums do not fit. Errnos are those of Linux 6.18, on a file
 * in memory and a loop device.
 */
@Timeout(value = 1, unit = TimeUnit.MINUTES)
class HugeNumbersTest {
  private static final long MAX = Long.MAX_VALUE;
  private static final long LAST_PAGE = MAX & -4096L;
  private static final long TASK_SIZE = (1L << 47) - 4096;

  private final Booted booted = new Booted();
  private final Program program = booted.program;
  private final long memory = booted.memory;

  @AfterEach
  void close() throws ErrnoException {
    booted.close();
  }

  private long call(int nr, long... args) {
    long[] all = new long[6];
    System.arraycopy(args, 0, all, 0, args.length);
    return program.syscall(nr, all[0], all[1], all[2], all[3], all[4], all[5]);
  }

  private int open(String path) {
    int fd =
        booted.open(path, path.startsWith("/dev") ? Fcntl.O_RDWR : Fcntl.O_RDWR | Fcntl.O_CREAT);
    assertThat(call(Nr.PWRITE64, fd, memory, 8192, 0)).isEqualTo(8192);
    return fd;
  }

  @ParameterizedTest
  @ValueSource(strings = {"/file", "/dev/ram0"})
  void aBufferThatEndsBehindTheAddressSpaceIsAFault(String path) {
    int fd = open(path);
    for (long bytes : new long[] {TASK_SIZE, 1L << 52, LAST_PAGE, MAX, Long.MIN_VALUE, -1, -4096}) {
      assertThat(call(Nr.PREAD64, fd, memory, bytes, 0)).as("%x", bytes).isEqualTo(-Errno.EFAULT);
      assertThat(call(Nr.PWRITE64, fd, memory, bytes, 0)).as("%x", bytes).isEqualTo(-Errno.EFAULT);
      assertThat(call(Nr.READ, fd, memory, bytes)).as("%x", bytes).isEqualTo(-Errno.EFAULT);
      assertThat(call(Nr.WRITE, fd, memory, bytes)).as("%x", bytes).isEqualTo(-Errno.EFAULT);
      Iovec.iovBase(memory, memory);
      Iovec.iovLen(memory, bytes);
      assertThat(call(Nr.PREADV, fd, memory, 1, 0))
          .as("%x", bytes)
          .isEqualTo(bytes < 0 ? -Errno.EINVAL : -Errno.EFAULT);
    }
    for (long address : new long[] {1L << 47, 1L << 62, LAST_PAGE, MAX, -1, Long.MIN_VALUE}) {
      for (long bytes : new long[] {0, 1, 8192}) {
        assertThat(call(Nr.PREAD64, fd, address, bytes, 0))
            .as("%x %x", address, bytes)
            .isEqualTo(-Errno.EFAULT);
        Iovec.iovBase(memory, address);
        Iovec.iovLen(memory, bytes);
        assertThat(call(Nr.PREADV, fd, memory, 1, 0))
            .as("%x %x", address, bytes)
            .isEqualTo(-Errno.EFAULT);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"/file", "/dev/ram0"})
  void aRangeThatEndsBehindTheLargestOffsetIsInvalid(String path) {
    int fd = open(path);
    for (long pos : new long[] {MAX, MAX - 8190, LAST_PAGE}) {
      assertThat(call(Nr.PREAD64, fd, memory, 8192, pos)).as("%x", pos).isEqualTo(-Errno.EINVAL);
      assertThat(call(Nr.PWRITE64, fd, memory, 8192, pos)).as("%x", pos).isEqualTo(-Errno.EINVAL);
      assertThat(call(Nr.SYNC_FILE_RANGE, fd, pos, 8192, 7)).as("%x", pos).isEqualTo(-Errno.EINVAL);
    }
    assertThat(call(Nr.PREAD64, fd, memory, 8192, MAX - 8192)).isZero();
    assertThat(call(Nr.LSEEK, fd, 4096, Fcntl.SEEK_SET)).isEqualTo(4096);
    assertThat(call(Nr.LSEEK, fd, MAX, Fcntl.SEEK_CUR)).isEqualTo(-Errno.EINVAL);
    assertThat(call(Nr.LSEEK, fd, MAX, Fcntl.SEEK_END)).isEqualTo(-Errno.EINVAL);
    assertThat(call(Nr.LSEEK, fd, Long.MIN_VALUE, Fcntl.SEEK_CUR)).isEqualTo(-Errno.EINVAL);
  }

  @Test
  void aSparseFileOfTheLargestSize() {
    int fd = open("/file");
    assertThat(call(Nr.FTRUNCATE, fd, MAX)).isZero();
    assertThat(call(Nr.PWRITE64, fd, memory, 1, MAX - 1)).isEqualTo(1);
    assertThat(call(Nr.PREAD64, fd, memory, 1, MAX - 1)).isEqualTo(1);
    assertThat(call(Nr.PREAD64, fd, memory, 4096, MAX - 4096)).isEqualTo(4096);
    assertThat(call(Nr.PREAD64, fd, memory, 1, MAX)).isEqualTo(-Errno.EINVAL);
    assertThat(call(Nr.FALLOCATE, fd, 3, LAST_PAGE, 4096)).isEqualTo(-Errno.EFBIG);
    assertThat(call(Nr.FALLOCATE, fd, 3, LAST_PAGE, 4095)).isZero();
    assertThat(call(Nr.LSEEK, fd, 0, Fcntl.SEEK_END)).isEqualTo(MAX);
    assertThat(call(Nr.WRITE, fd, memory, 1)).isEqualTo(-Errno.EINVAL);
  }

  @Test
  void unmappingMoreThanThereIsUnmapsNothing() {
    RawMemory.putLong(memory, 42);
    for (long bytes :
        new long[] {TASK_SIZE, 1L << 52, LAST_PAGE, MAX, -1, -4096, Long.MIN_VALUE, 0}) {
      assertThat(call(Nr.MUNMAP, memory, bytes)).as("%x", bytes).isEqualTo(-Errno.EINVAL);
    }
    for (long address : new long[] {1L << 47, LAST_PAGE, -4096, Long.MIN_VALUE}) {
      assertThat(call(Nr.MUNMAP, address, 8192)).as("%x", address).isEqualTo(-Errno.EINVAL);
    }
    int fd = open("/file");
    assertThat(call(Nr.PWRITE64, fd, memory, 8, 0)).as("it is mapped still").isEqualTo(8);
  }

  @Test
  void arraysThatWrapAround() {
    int fd = open("/file");
    for (long address : new long[] {LAST_PAGE, MAX, -1, -8, -4096}) {
      assertThat(call(Nr.PREADV, fd, address, 1024, 0)).as("%x", address).isEqualTo(-Errno.EFAULT);
      assertThat(call(Nr.POLL, address, 1024, 0)).as("%x", address).isEqualTo(-Errno.EFAULT);
      assertThat(call(Nr.GETDENTS64, booted.open("/", 0), address, 0xffff_ffffL))
          .as("%x", address)
          .isEqualTo(-Errno.EFAULT);
      assertThat(call(Nr.FSTAT, fd, address)).as("%x", address).isEqualTo(-Errno.EFAULT);
      assertThat(call(Nr.GETCWD, address, MAX)).as("%x", address).isEqualTo(-Errno.EFAULT);
      assertThat(call(Nr.IO_SETUP, 1, address)).as("%x", address).isEqualTo(-Errno.EFAULT);
    }
    RawMemory.putLong(memory, 0);
    assertThat(call(Nr.IO_SETUP, 8, memory)).isZero();
    long ctx = RawMemory.getLong(memory);
    for (long address : new long[] {LAST_PAGE, MAX, -1, -8, -4096}) {
      assertThat(call(Nr.IO_SUBMIT, ctx, MAX, address)).as("%x", address).isEqualTo(-Errno.EFAULT);
      assertThat(call(Nr.IO_CANCEL, ctx, address, memory))
          .as("%x", address)
          .isEqualTo(-Errno.EFAULT);
      assertThat(call(Nr.IO_GETEVENTS, ctx, 0, MAX, address, 0)).as("nothing to store").isZero();
    }
    assertThat(call(Nr.IO_DESTROY, ctx)).isZero();
  }
}
