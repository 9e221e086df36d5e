// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.block.QueueLimits;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * An image file or a block device of the machine, read and written in place through a FileChannel. What goes
 * wrong there is an I/O error here.
 */
public final class HostDisk extends PolledDisk {
  private final FileChannel channel;

  private HostDisk(FileChannel channel, long bytes) {
    super(bytes);
    this.channel = channel;
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
    FileChannel channel =
        readOnly
            ? FileChannel.open(path, StandardOpenOption.READ)
            : FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
    try {
      return new HostDisk(channel, channel.size());
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  @Override
  int transfer(Bio bio, boolean write) {
    int opf = write ? BlkTypes.REQ_OP_WRITE : BlkTypes.REQ_OP_READ;
    long at = bio.sector() << BlkTypes.SECTOR_SHIFT;
    int status = 0;
    for (int i = 0; i < bio.vecs() && status == 0; i++) {
      status = move(opf, at, bio.vecAddress(i), bio.vecLength(i));
      at += bio.vecLength(i);
    }
    return status;
  }

  @Override
  int move(int opf, long from, long address, int bytes) {
    boolean write = BlkTypes.isWrite(opf & BlkTypes.REQ_OP_MASK);
    ByteBuffer memory = RawMemory.segment(address, bytes).asByteBuffer();
    long at = from;
    try {
      while (memory.hasRemaining()) { // each step moves a byte or more
        int moved = write ? channel.write(memory, at) : channel.read(memory, at);
        if (moved <= 0) {
          return -Errno.EIO; // the file became shorter
        }
        at += moved;
      }
      return 0;
    } catch (IOException e) {
      return -Errno.EIO;
    }
  }

  /** A cache, the machine's: a write that has to be durable is followed by a flush. No discards. */
  @Override
  QueueLimits limits() {
    return QueueLimits.of(BlkTypes.SECTOR_SIZE).withWriteCache(true, false);
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
    try {
      channel.close();
    } catch (IOException e) {
      throw new UncheckedIOException("closing the disk's file", e);
    }
  }
}
