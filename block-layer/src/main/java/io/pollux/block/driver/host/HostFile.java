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
 * A file of the host, opened for a disk.
 *
 * @param fd its descriptor
 * @param direct whether it has O_DIRECT
 * @param blockSize the smallest unit of I/O, in bytes
 * @param punches whether holes can be punched in it
 */
record HostFile(int fd, boolean direct, int blockSize, boolean punches) implements AutoCloseable {
  /** The largest logical block of a disk. */
  static final int MAX_BLOCK = 4096;

  /**
   * An offset beyond the end of any image and below every filesystem's limit: some don't reach an
   * exabyte.
   */
  private static final long FAR_BEHIND = 1L << 43;

  private static final int S_IFMT = 0170000;
  private static final int S_IFBLK = 0060000;

  /**
   * Opens a file, with O_DIRECT if blocks of the disk's size can be read that way. A block device
   * has its own block size. A file has blocks of a sector, whatever the host's filesystem prefers,
   * since images consist of sectors.
   *
   * @throws IOException if the host refuses
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

  /**
   * Returns whether holes can be punched. It tries beyond the end of the file, where there is no
   * data. Returns false for a block device.
   */
  private static boolean punches(int fd, boolean readOnly) {
    return !readOnly
        && Libc.blockSize(fd) < 0
        && Libc.fallocate(
                fd, Libc.FALLOC_FL_PUNCH_HOLE | Libc.FALLOC_FL_KEEP_SIZE, FAR_BEHIND, MAX_BLOCK)
            == 0;
  }

  private static int blockSize(int fd) {
    int size = Libc.blockSize(fd); // ENOTTY if it is not a block device
    boolean fits = size >= BlkTypes.SECTOR_SIZE && size <= MAX_BLOCK && Integer.bitCount(size) == 1;
    return fits ? size : BlkTypes.SECTOR_SIZE;
  }

  /**
   * Returns whether blocks can be read past the host's page cache. Linux before 6.1 does not report
   * the alignment it requires. So a trial reads the first two blocks to memory that is only aligned
   * to a block.
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

  /** Whether the device of a file, or the file itself, has polled queues. */
  static boolean canBePolled(Path path) {
    try {
      boolean device = ((int) Files.getAttribute(path, "unix:mode") & S_IFMT) == S_IFBLK;
      long dev = (long) Files.getAttribute(path, device ? "unix:rdev" : "unix:dev");
      long major = (dev >> 8 & 0xfff) | (dev >> 32 & 0xfffff000L);
      long minor = (dev & 0xff) | (dev >> 12 & 0xffffff00L);
      Path sys = Path.of("/sys/dev/block/" + major + ":" + minor).toRealPath();
      Path queue = sys.resolve("queue");
      if (Files.notExists(queue)) {
        queue = sys.resolveSibling("queue"); // of the disk that the partition is on
      }
      return Files.readString(queue.resolve("io_poll")).strip().equals("1");
    } catch (IOException | UnsupportedOperationException e) {
      return false; // a device that sysfs does not list
    }
  }

  @Override
  public void close() {
    Libc.close(fd);
  }
}
