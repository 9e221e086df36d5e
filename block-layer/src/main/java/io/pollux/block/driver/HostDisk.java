// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.RequestQueue;
import io.pollux.block.driver.host.UringDisk;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/**
 * An image file or a block device of the machine, read and written in place: through the machine's io_uring, past its page
 * cache if it lets us, and through a FileChannel where there is no io_uring to be had. What the machine's filesystem or
 * disk says went wrong is what this disk says; what no disk would say is an I/O error.
 */
public final class HostDisk extends PolledDisk {
  private final FileChannel channel;
  private final @Nullable UringDisk uring;
  private final String access;

  private HostDisk(FileChannel channel, long bytes, @Nullable UringDisk uring, String access) {
    super(bytes);
    this.channel = channel;
    this.uring = uring;
    this.access = access;
  }

  /**
   * Opens a file or block device.
   *
   * @param path where it is
   * @param readOnly whether it is opened for reading only
   * @return the disk
   * @throws IOException if the machine refuses
   */
  public static HostDisk open(Path path, boolean readOnly) throws IOException {
    return open(path, readOnly, true);
  }

  /** As above; without io_uring if that is not wanted. */
  static HostDisk open(Path path, boolean readOnly, boolean wantUring) throws IOException {
    FileChannel channel =
        readOnly
            ? FileChannel.open(path, StandardOpenOption.READ)
            : FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
    try {
      long bytes = channel.size();
      if (!wantUring) {
        return new HostDisk(channel, bytes, null, "FileChannel");
      }
      try {
        UringDisk uring = UringDisk.open(path, readOnly);
        return new HostDisk(channel, bytes, uring, uring.access());
      } catch (IOException e) {
        return new HostDisk(channel, bytes, null, "FileChannel (" + e.getMessage() + ")");
      }
    } catch (IOException | OutOfMemoryError e) {
      channel.close();
      throw e;
    }
  }

  /**
   * How the file is read and written.
   *
   * @return io_uring or FileChannel, and more about it, in a few words
   */
  public String access() {
    return access;
  }

  @Override
  public BlockDevice disk(String name, long dev, boolean readOnly) {
    UringDisk driver = uring;
    if (driver == null) {
      return super.disk(name, dev, readOnly);
    }
    RequestQueue queue = new RequestQueue(driver, driver.logicalBlockSize(), RequestQueue.DEFAULT_DEPTH);
    return new BlockDevice(name, dev, bytes(), readOnly, queue);
  }

  @Override
  int transfer(Bio bio, boolean write) {
    long at = bio.sector() << BlkTypes.SECTOR_SHIFT;
    try {
      for (int i = 0; i < bio.vecs(); i++) {
        ByteBuffer memory = RawMemory.segment(bio.vecAddress(i), bio.vecLength(i)).asByteBuffer();
        while (memory.hasRemaining()) { // each step moves a byte or more
          int moved = write ? channel.write(memory, at) : channel.read(memory, at);
          if (moved <= 0) {
            return -Errno.EIO; // the file became shorter
          }
          at += moved;
        }
      }
      return 0;
    } catch (IOException e) {
      return -Errno.EIO;
    }
  }

  @Override
  int flush() {
    try {
      channel.force(false);
      return 0;
    } catch (IOException e) {
      return -Errno.EIO;
    }
  }

  @Override
  public void close() {
    if (uring != null) {
      uring.close();
    }
    try {
      channel.close();
    } catch (IOException e) {
      throw new UncheckedIOException("closing the disk's file", e);
    }
  }
}
