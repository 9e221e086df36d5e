// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.block.HwCtx;
import io.pollux.block.QueueLimits;
import io.pollux.block.Request;
import io.pollux.block.driver.host.PlainFile;
import io.pollux.block.driver.host.UringDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * An image file or a block device of the host, read and written in place. It uses the host's
 * io_uring, with O_DIRECT if possible, or pread and pwrite if the host has no io_uring.
 *
 * <p>Errors of the host's filesystem or disk become this disk's errors; an error that no disk
 * reports becomes EIO. Thread.interrupt does not disturb I/O: the thread finishes it and keeps its
 * interrupt status.
 */
public final class HostDisk extends PolledDisk {
  private final PlainFile file;
  private final @Nullable UringDisk uring;
  private final String whyPlain;

  private HostDisk(PlainFile file, long bytes, @Nullable UringDisk uring, String whyPlain) {
    super(bytes);
    this.file = file;
    this.uring = uring;
    this.whyPlain = whyPlain;
  }

  /**
   * Opens a file or block device.
   *
   * @param path its path on the host
   * @param readOnly whether it is opened for reading only
   * @return the disk
   * @throws IOException if the host refuses
   */
  public static HostDisk open(Path path, boolean readOnly) throws IOException {
    return open(path, readOnly, true);
  }

  /** As above; wantUring is false to avoid io_uring. */
  static HostDisk open(Path path, boolean readOnly, boolean wantUring) throws IOException {
    PlainFile file = PlainFile.open(path, readOnly);
    try {
      long bytes = file.size();
      String why = wantUring ? memory(path) : "as asked for";
      if (why == null) {
        try {
          UringDisk uring = UringDisk.open(path, readOnly);
          return new HostDisk(file, bytes, uring, "");
        } catch (IOException e) {
          why = String.valueOf(e.getMessage());
        }
      }
      return new HostDisk(file, bytes, null, why);
    } catch (IOException | OutOfMemoryError e) {
      file.close();
      throw e;
    }
  }

  /**
   * Returns the reason why a file in memory needs no io_uring, or null: it is copied, without a
   * device to wait for.
   */
  private static @Nullable String memory(Path path) throws IOException {
    String type = Files.getFileStore(path).type();
    boolean device = !Files.isRegularFile(path); // a device's node may be in memory
    return !device && (type.equals("tmpfs") || type.equals("ramfs")) ? type + " is memory" : null;
  }

  /**
   * Describes how the file is accessed, and whether with registered buffers, as of the fixed
   * buffers used so far.
   *
   * @return "io_uring" with details, or "pread and pwrite" with the reason, in a few words
   */
  public String access() {
    return uring != null ? uring.access() : "pread and pwrite: " + whyPlain;
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
  int move(int opf, long at, long address, int bytes) {
    return file.transfer(BlkTypes.isWrite(opf & BlkTypes.REQ_OP_MASK), at, address, bytes);
  }

  /**
   * Returns the limits. Without io_uring, data goes to the host's page cache, a flush follows each
   * durable write, and there are no discards.
   */
  @Override
  QueueLimits limits() {
    return uring != null
        ? uring.limits()
        : QueueLimits.of(BlkTypes.SECTOR_SIZE).withWriteCache(true, false);
  }

  @Override
  int flush() {
    return file.sync();
  }

  @Override
  public void close() {
    try (file;
        uring) { // closes in reverse order, each even if the other throws
      return;
    }
  }
}
