// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.block.HwCtx;
import io.pollux.block.QueueLimits;
import io.pollux.block.Request;
import io.pollux.block.driver.host.UringDisk;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/**
 * An image file or a block device of the machine, read and written in place: through the machine's io_uring, past its
 * page cache where that is possible, and through a FileChannel where there is no io_uring to be had. What the machine's
 * filesystem or disk says went wrong is what this disk says; what no disk would say is an I/O error.
 */
public final class HostDisk extends PolledDisk {
  private final FileChannel channel;
  private final @Nullable UringDisk uring;
  private final String whyChannel;

  private HostDisk(FileChannel channel, long bytes, @Nullable UringDisk uring, String whyChannel) {
    super(bytes);
    this.channel = channel;
    this.uring = uring;
    this.whyChannel = whyChannel;
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
      String why = wantUring ? memory(path) : "as asked for";
      if (why == null) {
        try {
          UringDisk uring = UringDisk.open(path, readOnly);
          return new HostDisk(channel, bytes, uring, "");
        } catch (IOException e) {
          why = String.valueOf(e.getMessage());
        }
      }
      return new HostDisk(channel, bytes, null, why);
    } catch (IOException | OutOfMemoryError e) {
      channel.close();
      throw e;
    }
  }

  /** A file in memory is copied from and to; there is no device to wait for. Answers why, or null. */
  private static @Nullable String memory(Path path) throws IOException {
    String type = Files.getFileStore(path).type();
    boolean device = !Files.isRegularFile(path); // its node may well be in memory
    return !device && (type.equals("tmpfs") || type.equals("ramfs")) ? type + " is memory" : null;
  }

  /**
   * How the file is read and written, and whether with registered buffers, as far as there were fixed ones until now.
   *
   * @return "io_uring" and more about it, or "file channel" and the reason, in a few words
   */
  public String access() {
    return uring != null ? uring.access() : "file channel: " + whyChannel;
  }

  @Override
  public void queueRqs(HwCtx hctx, Request chain) {
    if (uring != null) {
      uring.queueRqs(hctx, chain);
    } else {
      super.queueRqs(hctx, chain);
    }
  }

  @Override
  public int poll(HwCtx hctx) {
    return uring != null ? uring.poll(hctx) : super.poll(hctx);
  }

  @Override
  public boolean isIdle() {
    return uring == null || uring.isIdle();
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

  /**
   * Through a FileChannel: a cache, the machine's, and a write that has to be durable is followed by a flush. No
   * discards.
   */
  @Override
  QueueLimits limits() {
    return uring != null ? uring.limits() : QueueLimits.of(BlkTypes.SECTOR_SIZE).withWriteCache(true, false);
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
