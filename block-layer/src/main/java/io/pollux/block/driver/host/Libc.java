// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver.host;

import io.pollux.core.host.HostCall;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.Charset;
import java.nio.file.Path;

/** The calls of the host that disks make. Each returns a result or a negative errno. */
final class Libc {
  // Values of x86-64 Linux, the host.
  static final int O_RDONLY = 0;
  static final int O_RDWR = 2;
  static final int O_DIRECT = 0x4000;
  static final int O_CLOEXEC = 0x80000;

  static final int FALLOC_FL_KEEP_SIZE = 1;
  static final int FALLOC_FL_PUNCH_HOLE = 2;
  static final int FALLOC_FL_ZERO_RANGE = 0x10;

  static final long NR_IO_URING_SETUP = 425;
  static final long NR_IO_URING_ENTER = 426;
  static final long NR_IO_URING_REGISTER = 427;

  private static final long EFD_CLOEXEC = 0x80000;
  private static final long AT_EMPTY_PATH = 0x1000;
  private static final int STATX_DIOALIGN = 0x2000;
  private static final long STATX_SIZE = 256; // struct statx
  private static final long STX_MASK = 0;
  private static final long STX_DIO_MEM_ALIGN = 152;
  private static final long STX_DIO_OFFSET_ALIGN = 156;
  private static final long BLKSSZGET = 0x1268;
  private static final int PROT_READ_WRITE = 3;
  private static final int MAP_SHARED_POPULATE = 0x1 | 0x8000;

  private Libc() {}

  /** Opens a file. */
  static int open(Path path, int flags) {
    try (Arena arena = Arena.ofConfined()) {
      Charset names = Charset.forName(System.getProperty("sun.jnu.encoding", "UTF-8"));
      long name = arena.allocateFrom(path.toString(), names).address();
      return (int) HostCall.call(Nr.OPENAT, Fcntl.AT_FDCWD, name, flags, 0);
    }
  }

  static int close(int fd) {
    return (int) HostCall.call(Nr.CLOSE, fd, 0, 0, 0);
  }

  /** Returns the logical block size of a block device; -ENOTTY for other files. */
  static int blockSize(int fd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment size = arena.allocate(ValueLayout.JAVA_INT);
      long result = HostCall.call(Nr.IOCTL, fd, BLKSSZGET, size.address(), 0);
      return result < 0 ? (int) result : size.get(ValueLayout.JAVA_INT, 0);
    }
  }

  /**
   * Returns the alignment that O_DIRECT requires of memory and offsets; 0 if unsupported, negative
   * if the host does not report it.
   */
  static int directAlignment(int fd) {
    ValueLayout.OfInt word = ValueLayout.JAVA_INT;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment statx = arena.allocate(STATX_SIZE, Long.BYTES);
      long empty = arena.allocate(1).address();
      long result =
          HostCall.call(Nr.STATX, fd, empty, AT_EMPTY_PATH, STATX_DIOALIGN, statx.address(), 0);
      if (result < 0 || (statx.get(word, STX_MASK) & STATX_DIOALIGN) == 0) {
        return -1;
      }
      int offsets = statx.get(word, STX_DIO_OFFSET_ALIGN);
      return offsets == 0 ? 0 : Math.max(offsets, statx.get(word, STX_DIO_MEM_ALIGN));
    }
  }

  static long pread(int fd, MemorySegment to, long offset) {
    return pread(fd, to.address(), to.byteSize(), offset);
  }

  static long pread(int fd, long address, long bytes, long offset) {
    return HostCall.call(Nr.PREAD64, fd, address, bytes, offset);
  }

  static long pwrite(int fd, long address, long bytes, long offset) {
    return HostCall.call(Nr.PWRITE64, fd, address, bytes, offset);
  }

  static long lseek(int fd, long offset, int whence) {
    return HostCall.call(Nr.LSEEK, fd, offset, whence, 0);
  }

  static int fdatasync(int fd) {
    return (int) HostCall.call(Nr.FDATASYNC, fd, 0, 0, 0);
  }

  /** Punches or zeroes a range of a file: FALLOC_FL_*. */
  static int fallocate(int fd, int mode, long offset, long bytes) {
    return (int) HostCall.call(Nr.FALLOCATE, fd, mode, offset, bytes);
  }

  /** Makes an eventfd with count 0. */
  static int eventfd() {
    return (int) HostCall.call(Nr.EVENTFD2, 0, EFD_CLOEXEC, 0, 0);
  }

  /** Maps a file shared, for reading and writing. */
  static long mmap(int fd, long bytes, long offset) {
    return HostCall.call(Nr.MMAP, 0, bytes, PROT_READ_WRITE, MAP_SHARED_POPULATE, fd, offset);
  }

  static int munmap(long address, long bytes) {
    return (int) HostCall.call(Nr.MUNMAP, address, bytes, 0, 0);
  }
}
