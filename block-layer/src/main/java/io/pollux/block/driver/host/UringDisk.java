// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver.host;

import io.pollux.block.BlkMqOps;
import io.pollux.block.HwCtx;
import io.pollux.block.QueueLimits;
import io.pollux.block.Request;
import io.pollux.block.RequestQueue;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** A file or block device of the host, through its io_uring. For a queue with the default depth. */
public final class UringDisk implements BlkMqOps, AutoCloseable {
  /** Maximum sectors of a discard or zeroing: 1 GiB. */
  private static final int MAX_RANGE = 1 << 21;

  private final HostFile file;
  private final IrqRing irq;
  private final PolledRing polled;
  private final boolean iopoll;

  private UringDisk(HostFile file, IrqRing irq, PolledRing polled, boolean iopoll) {
    this.file = file;
    this.irq = irq;
    this.polled = polled;
    this.iopoll = iopoll;
  }

  /**
   * Opens a file.
   *
   * @param path its path on the host
   * @param readOnly whether it is opened for reading only
   * @return the disk
   * @throws IOException if the host has no io_uring to give, with its reason
   */
  public static UringDisk open(Path path, boolean readOnly) throws IOException {
    return open(path, readOnly, HostFile.canBePolled(path));
  }

  static UringDisk open(Path path, boolean readOnly, boolean tryIopoll) throws IOException {
    if (!System.getProperty("os.arch").equals("amd64")) {
      throw new IOException("io_uring: only known on x86-64");
    }
    HostFile file = HostFile.open(path, readOnly);
    try {
      IrqRing irq = IrqRing.open(file.fd(), RequestQueue.DEFAULT_DEPTH);
      try {
        PolledRing machinePolled = tryIopoll && file.direct() ? openIopoll(file) : null;
        PolledRing polled =
            machinePolled != null
                ? machinePolled
                : PolledRing.open(file.fd(), RequestQueue.DEFAULT_DEPTH, false);
        return new UringDisk(file, irq, polled, machinePolled != null);
      } catch (IOException | OutOfMemoryError e) {
        irq.close();
        throw e;
      }
    } catch (IOException | OutOfMemoryError e) {
      file.close();
      throw e;
    }
  }

  private static @Nullable PolledRing openIopoll(HostFile file) {
    try {
      return PolledRing.open(file.fd(), RequestQueue.DEFAULT_DEPTH, true);
    } catch (IOException e) {
      return null; // the file can't be polled; any other reason recurs without IOPOLL
    }
  }

  /**
   * Returns the file's limits. It always has a write cache, the host's page cache or the disk's
   * own, and a single write can be made durable. Discards punch holes.
   *
   * @return the limits
   */
  public QueueLimits limits() {
    QueueLimits limits = QueueLimits.of(file.blockSize()).withWriteCache(true, true);
    return file.punches() ? limits.withDiscard(HostFile.MAX_BLOCK, MAX_RANGE, MAX_RANGE) : limits;
  }

  /**
   * Describes how the file is accessed, and whether with registered buffers, as of the fixed
   * buffers used so far.
   *
   * @return in a few words
   */
  public String access() {
    return "io_uring, "
        + (file.direct() ? "O_DIRECT" : "buffered")
        + (iopoll ? ", IOPOLL" : "")
        + buffers();
  }

  private String buffers() {
    String refusal =
        polled.buffers().refusal() != null ? polled.buffers().refusal() : irq.buffers().refusal();
    if (refusal != null) {
      return ", buffers not registered: " + refusal;
    }
    return polled.buffers().registered() || irq.buffers().registered()
        ? ", registered buffers"
        : "";
  }

  @Override
  public void queueRqs(HwCtx hctx, Request chain) {
    if (hctx.polled()) {
      polled.queue(chain);
    } else {
      irq.queue(chain);
    }
  }

  @Override
  public int poll(HwCtx hctx) {
    return polled.poll();
  }

  @Override
  public boolean isIdle() {
    return irq.isIdle() && polled.isIdle();
  }

  /** Waits for requests in flight, and releases all resources. */
  @Override
  public void close() {
    try (file;
        irq;
        polled) { // closes in reverse order, each even if another throws
      return;
    }
  }
}
