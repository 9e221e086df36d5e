// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver.host;

import io.pollux.block.BlkTypes;
import io.pollux.uapi.Errno;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A file of the machine, opened for a disk.
 *
 * @param fd its descriptor
 * @param direct whether it has O_DIRECT
 * @param blockSize the smallest unit of I/O, in bytes
 * @param punches whether ranges of it can be given back
 */
record HostFile(int fd, boolean direct, int blockSize, boolean punches) implements AutoCloseable {
  /** The largest logical block that a disk of this kernel can have. */
  static final int MAX_BLOCK = 4096;

  /** Where no image is, but a file may be: an exabyte would be too far for some filesystems. */
  private static final long FAR_BEHIND = 1L << 43;

  private static final int S_IFMT = 0170000;
  private static final int S_IFBLK = 0060000;

  /**
   * Opens a file, with O_DIRECT if blocks of the size that the disk is to have can be read that way. A block device has
   * the blocks that it has; a file has sectors, whatever the machine's filesystem would like: images are made of them.
   *
   * @throws IOException if the machine refuses
   */
  static HostFile open(Path path, boolean readOnly) throws IOException {
    int flags = (readOnly ? Libc.O_RDONLY : Libc.O_RDWR) | Libc.O_CLOEXEC;
    int fd = Libc.open(path, flags | Libc.O_DIRECT);
    if (fd >= 0) {
      int block = blockSize(fd);
      if (readsDirectly(fd, block)) {
        return new HostFile(fd, true, block, punches(fd, readOnly));
      }
      Libc.close(fd);
    }
    fd = Libc.open(path, flags);
    if (fd < 0) {
      throw new IOException("open: " + Errno.describe(-fd));
    }
    return new HostFile(fd, false, BlkTypes.SECTOR_SIZE, punches(fd, readOnly));
  }

  /** Tries it behind the end of a file, where there is nothing. A block device says no. */
  private static boolean punches(int fd, boolean readOnly) {
    return !readOnly
        && Libc.blockSize(fd) < 0
        && Libc.fallocate(fd, Libc.FALLOC_FL_PUNCH_HOLE | Libc.FALLOC_FL_KEEP_SIZE, FAR_BEHIND, MAX_BLOCK) == 0;
  }

  private static int blockSize(int fd) {
    int size = Libc.blockSize(fd); // ENOTTY if it is not a block device
    boolean fits = size >= BlkTypes.SECTOR_SIZE && size <= MAX_BLOCK && Integer.bitCount(size) == 1;
    return fits ? size : BlkTypes.SECTOR_SIZE;
  }

  /**
   * Whether blocks can be read past the machine's page cache. Machines before Linux 6.1 don't tell; there, and to be
   * sure, it reads the first two blocks to memory that has the alignment of a block and no more.
   */
  private static boolean readsDirectly(int fd, int block) {
    int alignment = Libc.directAlignment(fd);
    if (alignment == 0 || alignment > block) {
      return false;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(2L * MAX_BLOCK, MAX_BLOCK).asSlice(block, block);
      return Libc.pread(fd, memory, 0) >= 0 && Libc.pread(fd, memory, block) >= 0;
    }
  }

  /** Whether the device that a file lives on, or is, has queues to be polled. */
  static boolean canBePolled(Path path) {
    try {
      boolean device = ((int) Files.getAttribute(path, "unix:mode") & S_IFMT) == S_IFBLK;
      long dev = (long) Files.getAttribute(path, device ? "unix:rdev" : "unix:dev");
      long major = (dev >> 8 & 0xfff) | (dev >> 32 & 0xfffff000L);
      long minor = (dev & 0xff) | (dev >> 12 & 0xffffff00L);
      Path sys = Path.of("/sys/dev/block/" + major + ":" + minor).toRealPath();
      Path queue = sys.resolve("queue");
      if (Files.notExists(queue)) {
        queue = sys.resolveSibling("queue"); // of the disk that a partition is on
      }
      return Files.readString(queue.resolve("io_poll")).strip().equals("1");
    } catch (IOException | UnsupportedOperationException e) {
      return false; // a device that nobody there knows anything of
    }
  }

  @Override
  public void close() {
    Libc.close(fd);
  }
}
