// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.Bio;
import io.pollux.block.BlkMqOps;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.HwCtx;
import io.pollux.block.QueueLimits;
import io.pollux.block.Request;
import io.pollux.block.RequestQueue;
import io.pollux.block.TagSet;
import io.pollux.uapi.Errno;
import org.jspecify.annotations.Nullable;

/**
 * The common part of the disks of this package. An interrupt-driven request is served inside
 * queueRqs, a polled one inside a poll, or before it if the disk moves data on its own. Subclasses
 * define the transfer.
 */
public abstract sealed class PolledDisk implements BlkMqOps, AutoCloseable
    permits RamDisk, NullDisk, HostDisk {
  private final long bytes;

  PolledDisk(long bytes) {
    this.bytes = bytes;
  }

  /**
   * Makes this a block device.
   *
   * @param name its name under /dev
   * @param dev its device number
   * @param readOnly whether it rejects writes
   * @return the device
   */
  public BlockDevice disk(String name, long dev, boolean readOnly) {
    return new BlockDevice(name, dev, bytes, readOnly, queue());
  }

  /** Makes a queue for a device of this disk. */
  RequestQueue queue() {
    return new RequestQueue(this, tagSet(), limits());
  }

  /** The hardware queues: one interrupt-driven and one polled. */
  TagSet tagSet() {
    return new TagSet(1, 1, RequestQueue.DEFAULT_DEPTH, true);
  }

  /** The disk's limits and features. */
  abstract QueueLimits limits();

  /** {@return the size in bytes, as given} */
  public final long bytes() {
    return bytes;
  }

  /** Transfers the data of a bio, which lies inside the disk. Returns 0 or a negative errno. */
  abstract int transfer(Bio bio, boolean write);

  /**
   * Transfers data between memory and the disk, as a bio with these flags would. The range lies
   * inside the disk.
   *
   * @return 0 or a negative errno
   */
  abstract int move(int opf, long at, long address, int bytes);

  /** Whether it may serve requests of a polled queue before a poll. */
  boolean movesByItself() {
    return false;
  }

  /** Takes back the requests that wait for a poll and were not started. */
  @Nullable Request takeBack(HwCtx hctx) {
    return hctx.waiting().takeAll();
  }

  /** Makes completed writes durable. Returns 0 or a negative errno. */
  int flush() {
    return 0;
  }

  /** Discards a range. Returns 0 or a negative errno. */
  int discard(Bio bio) {
    return -Errno.EOPNOTSUPP;
  }

  /** Zeroes a range. Returns 0 or a negative errno. */
  int writeZeroes(Bio bio) {
    return -Errno.EOPNOTSUPP;
  }

  /** Serves a request. Returns 0 or a negative errno. */
  private int work(Request request) {
    int op = request.bio().op();
    int status = 0;
    for (Bio bio = request.bio(); bio != null && status == 0; bio = bio.next()) {
      status =
          switch (op) {
            case BlkTypes.REQ_OP_READ -> transfer(bio, false);
            case BlkTypes.REQ_OP_WRITE -> transfer(bio, true);
            case BlkTypes.REQ_OP_FLUSH -> flush();
            case BlkTypes.REQ_OP_DISCARD -> discard(bio);
            case BlkTypes.REQ_OP_WRITE_ZEROES -> writeZeroes(bio);
            default -> -Errno.EOPNOTSUPP;
          };
    }
    return status;
  }

  /** Serves and completes all requests of a chain. Returns their number. */
  final int workAll(HwCtx hctx, @Nullable Request chain) {
    if (chain == null) {
      return 0;
    }
    for (Request request = chain; request != null; request = request.next()) {
      request.setStatus(work(request));
    }
    return hctx.completeAll(chain);
  }

  @Override
  public void queueRqs(HwCtx hctx, Request chain) {
    if (hctx.polled()) {
      hctx.waiting().add(chain);
    } else {
      workAll(hctx, chain);
    }
  }

  @Override
  public int poll(HwCtx hctx) {
    return workAll(hctx, hctx.waiting().takeAll());
  }

  /** Releases the disk's resources. No request is in flight. */
  @Override
  public abstract void close();
}
