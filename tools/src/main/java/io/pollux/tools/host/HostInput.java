// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.host;

import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.userland.FileStatus;

/** A host file that is read. */
public final class HostInput implements AutoCloseable {
  private final HostCalls calls;
  private final int fd;
  private final FileStatus status;

  private HostInput(HostCalls calls, int fd, FileStatus status) {
    this.calls = calls;
    this.fd = fd;
    this.status = status;
  }

  static HostInput of(HostCalls calls, int fd) throws HostFailure {
    try {
      return new HostInput(calls, fd, new HostNode(calls, fd, null).status());
    } catch (HostFailure e) {
      calls.close(fd);
      throw e;
    }
  }

  /** Returns the file's status at open. */
  public FileStatus status() {
    return status;
  }

  /**
   * Returns the start of the next data.
   *
   * @param from where to search
   * @return its offset, or the file's size at open if there is none
   * @throws HostFailure if the file cannot be read
   */
  public long data(long from) throws HostFailure {
    return seek(from, Fcntl.SEEK_DATA);
  }

  /**
   * Returns the start of the next hole.
   *
   * @param from where to search
   * @return its offset, or the file's size at open if there is none
   * @throws HostFailure if the file cannot be read
   */
  public long hole(long from) throws HostFailure {
    return seek(from, Fcntl.SEEK_HOLE);
  }

  private long seek(long from, int whence) throws HostFailure {
    try {
      return Math.min(calls.seek(fd, from, whence), status.size());
    } catch (HostFailure e) {
      if (e.errno() == Errno.ENXIO) {
        return status.size();
      }
      throw e;
    }
  }

  /**
   * Reads at an offset.
   *
   * @param address of native memory
   * @param bytes most bytes to read
   * @param offset position in the file
   * @return bytes read, 0 at the end of the file
   * @throws HostFailure if the file cannot be read
   */
  public long read(long address, long bytes, long offset) throws HostFailure {
    return calls.read(fd, address, bytes, offset);
  }

  @Override
  public void close() throws HostFailure {
    calls.close(fd);
  }
}
