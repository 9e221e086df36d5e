// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.tools.image.Target;
import io.pollux.tools.user.FileStatus;
import io.pollux.tools.user.PathName;
import io.pollux.tools.user.SyscallException;
import io.pollux.tools.user.UserFiles;
import io.pollux.tools.user.UserMemory;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.StatMode;
import java.io.IOException;
import java.nio.ByteBuffer;

/** Reads files of an image from their start to their end, a piece at a time. */
final class FileReader implements AutoCloseable {
  private static final int PIECE = 1 << 20;

  private final Target target;
  private final UserFiles files;
  private final UserMemory memory;

  /** Takes what was read. */
  @FunctionalInterface
  interface Sink {
    /** A piece of the file; it must be used up before this returns. */
    void take(ByteBuffer piece) throws IOException;
  }

  FileReader(Target target, UserFiles files) {
    this.target = target;
    this.files = files;
    memory = UserMemory.map(target.program(), PIECE);
  }

  /**
   * Reads a file.
   *
   * @param path in the image
   * @param sink takes it
   * @throws IOException what the sink says
   * @throws SyscallException if it cannot be read; some of it may have been taken before
   */
  void read(PathName path, Sink sink) throws IOException {
    boolean device = isDevice(path);
    int fd = files.open(target.inKernel(path), Fcntl.O_RDONLY | (device ? Fcntl.O_DIRECT : 0));
    try {
      long offset = 0;
      long got = files.pread(fd, memory.address(), PIECE, offset);
      while (got > 0) {
        sink.take(memory.segment().asSlice(0, got).asByteBuffer());
        offset += got;
        got = files.pread(fd, memory.address(), PIECE, offset);
      }
    } finally {
      files.close(fd);
    }
  }

  /** Whether it is a disk and not a file. Nothing else is opened: opening a pipe could wait for ever. */
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
    memory.close();
  }
}
