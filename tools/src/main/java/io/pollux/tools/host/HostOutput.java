// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.host;

import io.pollux.tools.image.DataRuns;
import io.pollux.uapi.StatMode;
import io.pollux.userland.FileStatus;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * A host file that is written sequentially. In a regular file, holes and pages of zeroes become
 * holes. To a pipe or a device, zeroes are written.
 */
public final class HostOutput implements AutoCloseable {
  private static final int ZEROES = 1 << 20;

  private final HostCalls calls;
  private final int fd;
  private final FileStatus status;
  private final boolean regular;
  private @Nullable Arena arena;
  private MemorySegment zeroes = MemorySegment.NULL;
  private long position;

  private HostOutput(HostCalls calls, int fd, FileStatus status) {
    this.calls = calls;
    this.fd = fd;
    this.status = status;
    regular = status.is(StatMode.S_IFREG);
  }

  static HostOutput of(HostCalls calls, int fd) throws HostFailure {
    try {
      return new HostOutput(calls, fd, new HostNode(calls, fd, null).status());
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
   * Truncates a regular file before the first write.
   *
   * @throws HostFailure if that is refused
   */
  public void clear() throws HostFailure {
    if (regular) {
      calls.truncate(fd, 0);
    }
  }

  /**
   * Appends data.
   *
   * @param data native memory
   * @throws HostFailure if not all of it can be written
   */
  public void write(MemorySegment data) throws HostFailure {
    if (!regular) {
      writeAll(data);
      return;
    }
    long end;
    for (long at = DataRuns.start(data, 0); at < data.byteSize(); at = DataRuns.start(data, end)) {
      end = DataRuns.end(data, at);
      for (long from = at; from < end; ) {
        from += calls.write(fd, data.address() + from, end - from, position + from);
      }
    }
    position += data.byteSize();
  }

  private void writeAll(MemorySegment data) throws HostFailure {
    for (long from = 0; from < data.byteSize(); ) {
      from += calls.write(fd, data.address() + from, data.byteSize() - from, -1);
    }
    position += data.byteSize();
  }

  /**
   * Appends zeroes.
   *
   * @param bytes how many
   * @throws HostFailure if they can't be written
   */
  public void hole(long bytes) throws HostFailure {
    if (regular) {
      position += bytes; // finish sets the file's length
    } else {
      for (long left = bytes; left > 0; left -= Math.min(left, ZEROES)) {
        writeAll(zeroes().asSlice(0, Math.min(left, ZEROES)));
      }
    }
  }

  private MemorySegment zeroes() {
    if (arena == null) {
      arena = Arena.ofConfined();
      zeroes = arena.allocate(ZEROES);
    }
    return zeroes;
  }

  /**
   * Sets the file's length; the file may end in a hole.
   *
   * @throws HostFailure EFBIG for a length that the host's filesystem does not support
   */
  public void finish() throws HostFailure {
    if (regular) {
      calls.truncate(fd, position);
    }
  }

  /** Returns the file, for its owner, mode and times; valid while it is open. */
  public HostNode node() {
    return new HostNode(calls, fd, null);
  }

  @Override
  public void close() throws HostFailure {
    if (arena != null) {
      arena.close();
    }
    calls.close(fd);
  }
}
