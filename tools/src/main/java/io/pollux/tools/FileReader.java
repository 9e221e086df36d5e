// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.image.Target;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.StatMode;
import io.pollux.userland.FileStatus;
import io.pollux.userland.PathName;
import io.pollux.userland.SyscallException;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserMemory;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.function.IntUnaryOperator;

/** Reads files of an image from start to end, a piece at a time. Holes are not read. */
final class FileReader implements AutoCloseable {
  private final Target target;
  private final UserFiles files;
  private final PieceReader pieces;

  /** Receives the content of a file. */
  interface Sink {
    /** Receives a piece of the file in native memory, which is valid until this returns. */
    void data(MemorySegment piece) throws IOException;

    /** Receives a hole of this many bytes, possibly as large as a file can be. */
    void hole(long bytes) throws IOException;
  }

  FileReader(Target target, UserFiles files) {
    this.target = target;
    this.files = files;
    pieces = new PieceReader(target.program());
  }

  /**
   * Reads a file.
   *
   * @param path in the image
   * @param sink receives the contents
   * @throws IOException from the sink
   * @throws SyscallException if the file cannot be read; the sink may have received a part
   */
  void read(PathName path, Sink sink) throws IOException {
    boolean device = isDevice(path);
    PathName there = target.inKernel(path);
    int fd = openDirect(flags -> files.open(there, flags));
    try {
      if (device) {
        pieces.read(fd, 0, Long.MAX_VALUE, sink); // a disk does not report holes
      } else {
        readSparse(fd, sink);
      }
    } finally {
      files.close(fd);
    }
  }

  /**
   * Reads a regular file in an open directory. A symlink is refused.
   *
   * @param directory the directory's descriptor
   * @param name in the directory
   * @param sink receives the contents
   * @throws IOException from the sink
   * @throws SyscallException if the file cannot be read; the sink may have received a part
   */
  void readAt(int directory, PathName name, Sink sink) throws IOException {
    int fd = openDirect(flags -> files.openat(directory, name, flags | Fcntl.O_NOFOLLOW));
    try {
      readSparse(fd, sink);
    } finally {
      files.close(fd);
    }
  }

  /** Opens a file for direct reads, or for cached ones if its data can't be read directly. */
  private static int openDirect(IntUnaryOperator open) {
    try {
      return open.applyAsInt(Fcntl.O_RDONLY | Fcntl.O_DIRECT);
    } catch (SyscallException e) {
      if (e.errno() != Errno.EINVAL) {
        throw e;
      }
      return open.applyAsInt(Fcntl.O_RDONLY);
    }
  }

  private void readSparse(int fd, Sink sink) throws IOException {
    long size = files.fstat(fd).size();
    long at = 0;
    while (at < size) {
      long found = Math.min(files.seek(fd, at, Fcntl.SEEK_DATA), size);
      if (found == size) {
        sink.hole(size - at);
        return;
      }
      // whole pages, to detect zeroes in the data
      long data = Math.max(at, found & -UserMemory.PAGE_SIZE);
      if (data > at) {
        sink.hole(data - at);
      }
      at = Math.min(Math.max(files.seek(fd, found, Fcntl.SEEK_HOLE), found + 1), size);
      pieces.read(fd, data, at, sink);
    }
  }

  /**
   * Whether the path is a disk. Fails for anything else than a disk or a file, because opening a
   * pipe could block forever.
   */
  private boolean isDevice(PathName path) {
    FileStatus status = files.stat(target.inKernel(path));
    if (status.is(StatMode.S_IFDIR)) {
      throw new SyscallException(path.toString(), Errno.EISDIR);
    }
    boolean device = status.is(StatMode.S_IFBLK) && target.bare();
    if (!status.is(StatMode.S_IFREG) && !device) {
      throw new SyscallException(path.toString(), Errno.ENXIO);
    }
    return device;
  }

  @Override
  public void close() {
    pieces.close();
  }
}
