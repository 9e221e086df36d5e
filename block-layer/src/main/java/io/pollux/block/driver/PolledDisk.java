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
 * What the disks here have in common: they do a request's work when it is asked for, at queueing on the
 * interrupt-driven queue, at polling on the polled one; or, if they move data by themselves, before it is polled. What the work
 * is, the disk says.
 */
public abstract sealed class PolledDisk implements BlkMqOps, AutoCloseable permits RamDisk, NullDisk, HostDisk {
  private final long bytes;

  PolledDisk(long bytes) {
    this.bytes = bytes;
  }

  /**
   * Makes this a block device.
   *
   * @param name its name under /dev
   * @param dev its device number
   * @param readOnly whether it refuses writes
   * @return the device
   */
  public BlockDevice disk(String name, long dev, boolean readOnly) {
    return new BlockDevice(name, dev, bytes, readOnly, queue());
  }

  /** A queue for a device of this disk. */
  RequestQueue queue() {
    return new RequestQueue(this, tagSet(), limits());
  }

  /** The hardware queues: one that interrupts and one that is polled. */
  TagSet tagSet() {
    return new TagSet(1, 1, RequestQueue.DEFAULT_DEPTH, true);
  }

  /** What the disk takes and can do. */
  abstract QueueLimits limits();

  /**
   * The size.
   *
   * @return bytes, as it was made
   */
  public final long bytes() {
    return bytes;
  }

  /** Moves the data of a bio, which lies inside the disk. Answers 0 or a negative errno. */
  abstract int transfer(Bio bio, boolean write);

  /**
   * Moves data between memory and the disk, in which the range lies, as a bio with these flags would.
   *
   * @return 0 or a negative errno
   */
  abstract int move(int opf, long at, long address, int bytes);

  /** Whether it does requests of a polled queue before somebody polls. */
  boolean movesByItself() {
    return false;
  }

  /** Takes back what waits for a poller and was not begun. */
  @Nullable Request takeBack(HwCtx hctx) {
    return hctx.waiting().takeAll();
  }

  /** Makes what was written durable. Answers 0 or a negative errno. */
  int flush() {
    return 0;
  }

  /** Forgets what a range holds. Answers 0 or a negative errno. */
  int discard(Bio bio) {
    return -Errno.EOPNOTSUPP;
  }

  /** Makes a range zero. Answers 0 or a negative errno. */
  int writeZeroes(Bio bio) {
    return -Errno.EOPNOTSUPP;
  }

  /** Does a request's work. Answers 0 or a negative errno. */
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

  /** Does the work of all requests of a chain, and ends them. Answers how many there were. */
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

  /** Gives back what the disk has of the machine. Nothing is in flight any more. */
  @Override
  public abstract void close();
}
