// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver.host;

import io.pollux.uapi.Errno;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * A host file or block device, accessed by plain system calls. Unlike a FileChannel it stays open
 * if a thread is interrupted during I/O; {@link Thread#interrupt} only sets the interrupt status.
 * All methods except close are thread-safe.
 */
public final class PlainFile implements AutoCloseable {
  private static final int SEEK_END = 2;

  private final int fd;

  private PlainFile(int fd) {
    this.fd = fd;
  }

  /**
   * Opens a file.
   *
   * @param path its path on the host
   * @param readOnly whether it is opened for reading only
   * @return the file
   * @throws IOException if the host refuses
   */
  public static PlainFile open(Path path, boolean readOnly) throws IOException {
    int fd = Libc.open(path, (readOnly ? Libc.O_RDONLY : Libc.O_RDWR) | Libc.O_CLOEXEC);
    if (fd < 0) {
      throw refused(path, -fd);
    }
    return new PlainFile(fd);
  }

  private static IOException refused(Path path, int errno) {
    return switch (errno) {
      case Errno.ENOENT -> new NoSuchFileException(path.toString());
      case Errno.EACCES -> new AccessDeniedException(path.toString());
      default -> new FileSystemException(path.toString(), null, Errno.describe(errno));
    };
  }

  /**
   * The size of the file or block device.
   *
   * @return bytes
   * @throws IOException if it has none
   */
  public long size() throws IOException {
    long size = Libc.lseek(fd, 0, SEEK_END);
    if (size < 0) {
      throw new IOException(Errno.describe((int) -size));
    }
    return size;
  }

  /**
   * Reads or writes a whole range, which lies inside the file.
   *
   * @param write true to write
   * @param at first byte of the file
   * @param address kernel memory
   * @param bytes length
   * @return 0 or a negative errno; -EIO if the file has been truncated
   */
  public int transfer(boolean write, long at, long address, int bytes) {
    int done = 0;
    while (done < bytes) { // bounded: each turn moves data, unless a signal interrupts it
      long moved =
          write
              ? Libc.pwrite(fd, address + done, bytes - done, at + done)
              : Libc.pread(fd, address + done, bytes - done, at + done);
      if (moved == 0) {
        return -Errno.EIO;
      }
      if (moved < 0 && moved != -Errno.EINTR) {
        return Transfers.toKernelErrno((int) moved);
      }
      done += (int) Math.max(0, moved);
    }
    return 0;
  }

  /**
   * Makes completed writes durable.
   *
   * @return 0 or a negative errno
   */
  public int sync() {
    int result = Libc.fdatasync(fd);
    while (result == -Errno.EINTR) { // interrupted by a signal
      result = Libc.fdatasync(fd);
    }
    return result == 0 ? 0 : Transfers.toKernelErrno(result);
  }

  /** Closes the file. No other call may run at the time or follow. */
  @Override
  public void close() {
    Libc.close(fd);
  }
}
